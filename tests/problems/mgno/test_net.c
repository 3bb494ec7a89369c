/* The network against what it must be: exact multigrid by weights, parameter counts, linearity, gradients by differences for every variant, symmetries of its boundaries. */
#include <math.h>
#include <tessera/test.h>
#include "../../../src/problems/mgno/net.h"

static PetscReal Noise(uint32_t a, uint32_t b)
{
  PetscReal z[2];

  TesRandomNormal(5, TES_STREAM_TEST, a, b, 0, z);
  return z[0];
}

static MgnoNetSpec Plain(PetscInt n, PetscInt layers, PetscInt channels, PetscInt levels)
{
  MgnoNetSpec s = {.dim = 2, .n = {n, n, 1}, .layers = layers, .channels = channels, .c_in = 1, .c_out = 1, .levels = levels, .transfer = NET_REFERENCE, .activation = MGNO_GELU};

  for (PetscInt l = 0; l < levels; l++) s.pre[l] = l + 1 < levels ? 1 : 2;
  return s;
}

static PetscErrorCode Count(const MgnoNetSpec *s, PetscInt64 *count)
{
  MgnoPlan *plan;

  PetscFunctionBegin;
  PetscCall(MgnoPlanCreate(s, &plan));
  *count = plan->size;
  PetscCall(MgnoPlanDestroy(&plan));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* V5 */
static PetscErrorCode ParameterCountsArePublished(void)
{
  MgnoNetSpec s;
  PetscInt64  count;

  PetscFunctionBegin;
  s = Plain(256, 4, 24, 6);
  PetscCall(Count(&s, &count));
  TES_CHECK_INT(count, 572661);
  s = Plain(211, 5, 24, 6);
  PetscCall(Count(&s, &count));
  TES_CHECK_INT(count, 678093);
  s = Plain(256, 4, 32, 6);
  PetscCall(Count(&s, &count));
  TES_CHECK_INT(count, 1016717);
  s         = Plain(128, 5, 24, 6);
  s.c_in    = 2;
  s.post[4] = 1;
  PetscCall(Count(&s, &count));
  TES_CHECK_INT(count, 783876);
  s           = Plain(64, 5, 32, 5);
  s.pre[3]    = 2;
  s.conv_bias = PETSC_TRUE;
  s.norm      = NET_NORM_PIXEL;
  s.skip      = NET_NO_SKIP; /* the published count has none: residual output takes its place */
  PetscCall(Count(&s, &count));
  TES_CHECK_INT(count, 2885194);
  s.norm = NET_NORM;
  PetscCall(Count(&s, &count));
  TES_CHECK_INT(count, 1144394);
  s            = Plain(256, 4, 24, 6);
  s.zero_start = PETSC_TRUE; /* the paper's text: no Pi between the levels, five times 24 x 24 x 9 less in each layer */
  PetscCall(Count(&s, &count));
  TES_CHECK_INT(count, 572661 - 4 * 5 * 24 * 24 * 9);
  s = Plain(32, 3, 16, 5);
  PetscCall(Count(&s, &count));
  TES_CHECK_INT(count, 148132);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* set a kernel of one channel */
static void SetKernel(const MgnoPlan *plan, const char role[], PetscReal *theta, const PetscReal k[9], PetscReal scale)
{
  for (PetscInt i = 0; i < plan->n_tensors; i++) {
    const MgnoTensor *t    = &plan->tensor[i];
    const char       *last = strrchr(t->name, '/');

    last = last ? last + 1 : t->name;
    if (strncmp(last, role, strlen(role)) || (role[strlen(role) - 1] != '*' && t->taps != 9 && t->taps != 1)) continue;
    for (PetscInt j = 0; j < t->taps; j++) theta[t->first + j] = t->taps == 9 ? scale * k[j] : scale;
  }
}

static PetscErrorCode MultigridFactor(PetscInt n, PetscInt levels, PetscInt pre, PetscInt post, PetscReal omega, PetscBool zero_start, PetscReal *factor)
{
  const PetscReal a[9] = {-1, -1, -1, -1, 8, -1, -1, -1, -1}, delta[9] = {0, 0, 0, 0, 1, 0, 0, 0, 0}, full[9] = {1, 2, 1, 2, 4, 2, 1, 2, 1};
  MgnoNetSpec     s      = Plain(n, 1, 1, levels);
  MgnoPlan       *plan;
  MgnoNet         net;
  PetscReal      *theta, *e, *r, *w;

  PetscFunctionBegin;
  s.transfer   = NET_INTERIOR;
  s.coarse     = NET_RESTRICT_RESIDUAL;
  s.zero_start = zero_start;
  s.skip       = NET_NO_SKIP;
  s.activation = MGNO_IDENTITY;
  for (PetscInt l = 0; l < levels; l++) {
    s.pre[l]  = l + 1 < levels ? pre : 50;
    s.post[l] = l + 1 < levels ? post : 0;
  }
  PetscCall(MgnoPlanCreate(&s, &plan));
  PetscCall(MgnoNetCreate(plan, PETSC_FALSE, PETSC_FALSE, PETSC_FALSE, &net));
  PetscCall(PetscCalloc4(plan->size, &theta, n * n, &e, n * n, &r, n * n, &w));
  SetKernel(plan, "A", theta, a, 1. / 3);
  SetKernel(plan, "post_A", theta, a, 1. / 3);
  SetKernel(plan, "S", theta, delta, 3. / 8 * omega);
  SetKernel(plan, "post_S", theta, delta, 3. / 8 * omega);
  SetKernel(plan, "R", theta, full, 0.25);
  SetKernel(plan, "P", theta, full, 0.25);
  SetKernel(plan, "Pi", theta, delta, 0);
  SetKernel(plan, "H", theta, delta, 1);
  PetscCall(MgnoNetWeights(net, theta));
  for (PetscInt i = 0; i < n * n; i++) e[i] = Noise((uint32_t)i, 1);
  for (PetscInt k = 0; k < 40; k++) {
    PetscReal norm = 0;

    for (PetscInt j = 0; j < n; j++)
      for (PetscInt i = 0; i < n; i++) {
        PetscReal sum = 0;

        for (PetscInt b = -1; b <= 1; b++)
          for (PetscInt c = -1; c <= 1; c++) sum += i + c >= 0 && i + c < n && j + b >= 0 && j + b < n ? a[3 * (b + 1) + c + 1] / 3 * e[(j + b) * n + i + c] : 0;
        r[j * n + i] = sum;
      }
    PetscCall(MgnoNetForward(net, r, w));
    for (PetscInt i = 0; i < n * n; i++) e[i] -= w[i];
    for (PetscInt i = 0; i < n * n; i++) norm += e[i] * e[i];
    *factor = norm = sqrt(norm); /* e had norm 1 */
    for (PetscInt i = 0; i < n * n; i++) e[i] /= norm;
  }
  PetscCall(PetscFree4(theta, e, r, w));
  PetscCall(MgnoNetDestroy(&net));
  PetscCall(MgnoPlanDestroy(&plan));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* V1: factors of the classical V-cycle for the bilinear Laplacian */
static PetscErrorCode WeightsMakeExactMultigrid(void)
{
  const struct {
    PetscInt  pre, post;
    PetscReal omega, want[2];
  } rows[] = {{1, 0, 0.75, {0.432, 0.432}}, {1, 0, 8. / 9, {0.330, 0.329}}, {2, 0, 8. / 9, {0.184, 0.184}}, {1, 1, 0.75, {0.219, 0.221}}, {1, 1, 8. / 9, {0.184, 0.185}}};

  PetscFunctionBegin;
  for (int i = 0; i < 5; i++)
    for (int size = 0; size < 2; size++) {
      PetscReal factor;

      PetscCall(MultigridFactor(size ? 127 : 63, size ? 6 : 5, rows[i].pre, rows[i].post, rows[i].omega, i == 1 ? PETSC_TRUE : PETSC_FALSE, &factor)); /* Pi = 0, or no Pi at all */
      TES_CHECK_NEAR(factor, rows[i].want[size], 0.005);
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* L = sum w o out: value and, if wanted, gradient */
static PetscErrorCode Value(MgnoNet net, const PetscReal *theta, const PetscReal *x, const PetscReal *w, PetscInt64 n_out, PetscReal *out, PetscReal *value)
{
  PetscFunctionBegin;
  PetscCall(MgnoNetWeights(net, theta));
  PetscCall(MgnoNetForward(net, x, out));
  *value = 0;
  for (PetscInt64 i = 0; i < n_out; i++) *value += w[i] * out[i];
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* V4: every tensor of the network, and the input, against central differences along a random direction */
static PetscErrorCode CheckGradient(const char what[], const MgnoNetSpec *s)
{
  MgnoPlan  *plan;
  MgnoNet    net;
  PetscReal *theta, *g, *moved, *packed, *x, *w, *out, *x_bar, *dx, value, worst = 0;
  PetscInt64 points = (PetscInt64)s->n[0] * s->n[1] * (s->dim > 2 ? s->n[2] : 1), n_packed;
  TesType    type;
  PetscBool  recompute = s->layers > 2 ? PETSC_TRUE : PETSC_FALSE;

  PetscFunctionBegin;
  PetscCall(MgnoPlanCreate(s, &plan));
  PetscCall(MgnoNetCreate(plan, PETSC_FALSE, PETSC_TRUE, recompute, &net));
  (void)MgnoNetGradient(net, &type, &n_packed);
  PetscCall(PetscMalloc4(plan->size, &theta, plan->size, &g, plan->size, &moved, n_packed, &packed));
  PetscCall(PetscMalloc5(points * s->c_in, &x, points * s->c_out, &w, points * s->c_out, &out, points * s->c_in, &x_bar, points * s->c_in, &dx));
  PetscCall(MgnoPlanStart(plan, 3, theta));
  for (PetscInt64 i = 0; i < plan->size; i++) theta[i] += 0.05 * Noise((uint32_t)i, 9); /* gamma and beta away from 1 and 0 */
  for (PetscInt64 i = 0; i < points * s->c_in; i++) x[i] = Noise((uint32_t)i, 2);
  for (PetscInt64 i = 0; i < points * s->c_out; i++) w[i] = Noise((uint32_t)i, 3) / (PetscReal)points;
  PetscCall(MgnoNetClear(net));
  PetscCall(Value(net, theta, x, w, points * s->c_out, out, &value));
  PetscCall(MgnoNetBackward(net, w, x_bar));
  PetscCall(PetscArraycpy(packed, (const PetscReal *)MgnoNetGradient(net, &type, &n_packed), n_packed));
  PetscCall(MgnoNetUnpack(net, packed, g));
  for (PetscInt i = 0; i <= plan->n_tensors; i++) { /* the last round is the input */
    const PetscBool  input = i == plan->n_tensors ? PETSC_TRUE : PETSC_FALSE;
    const PetscInt64 n     = input ? points * s->c_in : plan->tensor[i].size, first = input ? 0 : plan->tensor[i].first;
    PetscReal        slope = 0, plus, minus, size = 0, h = 1e-5, difference[2];

    for (PetscInt64 k = 0; k < n; k++) size += (input ? x_bar[k] : g[first + k]) * (input ? x_bar[k] : g[first + k]);
    size = sqrt(size);
    for (int halving = 0; halving < 2; halving++, h /= 2) { /* along the gradient itself: the slope is its norm */
      for (int side = 0; side < 2; side++) {
        PetscReal *to = side ? &minus : &plus;

        PetscCall(PetscArraycpy(moved, theta, plan->size));
        PetscCall(PetscArraycpy(dx, x, points * s->c_in));
        for (PetscInt64 k = 0; k < n; k++) {
          if (input) dx[k] += (side ? -h : h) * x_bar[k] / size;
          else moved[first + k] += (side ? -h : h) * g[first + k] / size;
        }
        PetscCall(Value(net, moved, dx, w, points * s->c_out, out, to));
      }
      difference[halving] = (plus - minus) / (2 * h);
    }
    slope = (4 * difference[1] - difference[0]) / 3; /* Richardson */
    if (PetscAbsReal(slope - size) > worst * size) worst = PetscAbsReal(slope - size) / size;
    if (PetscAbsReal(slope - size) > 1e-7 * size) PetscCall(PetscPrintf(PETSC_COMM_SELF, "# %s: %s: %g, differences say %g\n", what, input ? "input" : plan->tensor[i].name, (double)size, (double)slope));
  }
  TES_CHECK_AT_MOST(worst, 1e-7);
  { /* what is left of the value beyond its linear part falls by four as the step is halved */
    PetscReal left[3], slope = 0, h = 2e-4;

    for (PetscInt64 k = 0; k < plan->size; k++) slope += g[k] * Noise((uint32_t)k, 7);
    for (int halving = 0; halving < 3; halving++, h /= 2) {
      PetscReal there;

      for (PetscInt64 k = 0; k < plan->size; k++) moved[k] = theta[k] + h * Noise((uint32_t)k, 7);
      PetscCall(Value(net, moved, x, w, points * s->c_out, out, &there));
      left[halving] = there - value - h * slope;
    }
    for (int halving = 0; halving < 2; halving++) TES_CHECK_NEAR(left[halving] / left[halving + 1], 4, 0.2);
  }
  PetscCall(PetscFree4(theta, g, moved, packed));
  PetscCall(PetscFree5(x, w, out, x_bar, dx));
  PetscCall(MgnoNetDestroy(&net));
  PetscCall(MgnoPlanDestroy(&plan));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Sides(MgnoNetSpec *s, NetSide a, NetSide b, NetSide c, NetSide d)
{
  s->side[0][0] = a;
  s->side[0][1] = b;
  s->side[1][0] = c;
  s->side[1][1] = d;
}

static PetscErrorCode GradientsAreThoseOfDifferences(void)
{
  MgnoNetSpec s;

  PetscFunctionBegin;
  s = Plain(16, 2, 5, 3);
  PetscCall(CheckGradient("reference", &s));
  s      = Plain(13, 3, 9, 3);
  s.n[1] = 10;
  s.c_in = 2;
  s.c_out = 3;
  s.post[0] = s.post[1] = 1;
  PetscCall(CheckGradient("odd sizes, post-smoothing, recomputed", &s));
  s           = Plain(16, 2, 5, 3);
  s.coarse    = NET_RESTRICT_RESIDUAL;
  s.transfer  = NET_CELL;
  s.conv_bias = PETSC_TRUE;
  s.pre[0]    = 2;
  s.activation = MGNO_SILU;
  PetscCall(CheckGradient("residual restricted, cells, biases", &s));
  s            = Plain(18, 2, 5, 3);
  s.coarse     = NET_RESTRICT_RESIDUAL;
  s.zero_start = PETSC_TRUE;
  PetscCall(CheckGradient("residual restricted, zero start", &s));
  s          = Plain(17, 2, 4, 3);
  s.transfer = NET_VERTEX;
  s.norm     = NET_NORM_CHANNEL;
  s.skip     = NET_RESIDUAL_INPUT;
  s.activation = MGNO_TANH;
  Sides(&s, NET_REFLECT, NET_REFLECT, NET_REFLECT, NET_REFLECT);
  PetscCall(CheckGradient("vertices, reflected, normalised per channel", &s));
  s          = Plain(15, 2, 4, 3);
  s.transfer = NET_INTERIOR;
  s.norm     = NET_NORM_PIXEL;
  s.skip     = NET_NO_SKIP;
  s.activation = MGNO_GELU_TANH;
  PetscCall(CheckGradient("interior, normalised per pixel, no skip", &s));
  s          = Plain(16, 2, 4, 3);
  s.transfer = NET_CELL;
  s.norm     = NET_NORM;
  s.coarse   = NET_RESTRICT_RESIDUAL;
  Sides(&s, NET_WRAP, NET_WRAP, NET_WRAP, NET_WRAP);
  PetscCall(CheckGradient("periodic", &s));
  s          = Plain(16, 2, 4, 3);
  s.transfer = NET_CELL;
  s.post[0]  = 1;
  Sides(&s, NET_SYMMETRIC, NET_ZERO, NET_ODD, NET_SYMMETRIC);
  PetscCall(CheckGradient("a rule per side", &s));
  s                 = Plain(16, 2, 4, 3);
  s.zero_transposed = PETSC_TRUE;
  Sides(&s, NET_WRAP, NET_WRAP, NET_REFLECT, NET_REFLECT);
  PetscCall(CheckGradient("zeros beyond the sides for P", &s));
  s          = Plain(16, 2, 4, 3);
  s.c_in     = 4;
  s.transfer = NET_CELL;
  s.tie      = NET_TIE_ADJOINT;
  Sides(&s, NET_SYMMETRIC, NET_ZERO, NET_ODD, NET_SYMMETRIC);
  PetscCall(CheckGradient("P tied to R", &s));
  s          = Plain(16, 2, 4, 3);
  s.c_in     = 4;
  s.transfer = NET_CELL;
  s.tie      = NET_TIE_SYMMETRIC;
  s.pre[0]   = 2;
  Sides(&s, NET_ODD, NET_ZERO, NET_ODD, NET_SYMMETRIC);
  PetscCall(CheckGradient("tied symmetric", &s));
  s          = Plain(8, 2, 3, 2);
  s.dim      = 3;
  s.n[2]     = 6;
  Sides(&s, NET_REFLECT, NET_REFLECT, NET_ZERO, NET_ZERO);
  s.side[2][0] = s.side[2][1] = NET_WRAP;
  PetscCall(CheckGradient("three dimensions", &s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a network that is W alone, with random weights */
static PetscErrorCode Linear(MgnoNetSpec *s, MgnoPlan **plan, MgnoNet *net)
{
  PetscReal *theta;

  PetscFunctionBegin;
  s->skip       = NET_NO_SKIP;
  s->activation = MGNO_IDENTITY;
  PetscCall(MgnoPlanCreate(s, plan));
  PetscCall(MgnoNetCreate(*plan, PETSC_FALSE, PETSC_FALSE, PETSC_FALSE, net));
  PetscCall(PetscMalloc1((*plan)->size, &theta));
  PetscCall(MgnoPlanStart(*plan, 8, theta));
  for (PetscInt c = 0; c < s->channels; c++) /* the head gives the channels as they are */
    for (PetscInt o = 0; o < s->c_out; o++) theta[(*plan)->tensor[(*plan)->H].first + o * s->channels + c] = s->c_out == s->channels ? o == c : 1;
  PetscCall(MgnoNetWeights(*net, theta));
  PetscCall(PetscFree(theta));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscReal Dot(PetscInt n, const PetscReal *a, const PetscReal *b)
{
  PetscReal sum = 0;

  for (PetscInt i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* V2 */
static PetscErrorCode CycleIsLinear(void)
{
  MgnoNetSpec s = Plain(16, 1, 5, 3);
  MgnoPlan   *plan;
  MgnoNet     net;
  PetscReal   x[256], y[256], z[256], wx[256], wy[256], wz[256], worst = 0;

  PetscFunctionBegin;
  s.post[0] = 1;
  PetscCall(Linear(&s, &plan, &net));
  for (PetscInt i = 0; i < 256; i++) {
    x[i] = Noise((uint32_t)i, 1);
    y[i] = Noise((uint32_t)i, 2);
    z[i] = 1.5 * x[i] - 0.7 * y[i];
  }
  PetscCall(MgnoNetForward(net, x, wx));
  PetscCall(MgnoNetForward(net, y, wy));
  PetscCall(MgnoNetForward(net, z, wz));
  for (PetscInt i = 0; i < 256; i++) worst = PetscMax(worst, PetscAbsReal(1.5 * wx[i] - 0.7 * wy[i] - wz[i]));
  TES_CHECK_AT_MOST(worst, 1e-13 * sqrt(Dot(256, wz, wz)));
  PetscCall(MgnoNetDestroy(&net));
  PetscCall(MgnoPlanDestroy(&plan));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* V3: tied symmetric, <W x, y> = <x, W y> */
static PetscErrorCode TiedCycleIsSymmetric(void)
{
  const NetSide sides[] = {NET_ZERO, NET_WRAP};

  PetscFunctionBegin;
  for (int b = 0; b < 2; b++) {
    enum { C = 3, N = C * 256 };
    MgnoNetSpec      s = Plain(16, 1, C, 3);
    MgnoPlan        *plan;
    MgnoNet          net;
    static PetscReal x[N], y[N], wx[N], wy[N];

    s.c_in = s.c_out = C;
    s.transfer       = NET_CELL;
    s.tie            = NET_TIE_SYMMETRIC;
    s.pre[0]         = 2;
    Sides(&s, sides[b], sides[b], sides[b], sides[b]);
    PetscCall(Linear(&s, &plan, &net));
    for (PetscInt i = 0; i < N; i++) {
      x[i] = Noise((uint32_t)i, 1);
      y[i] = Noise((uint32_t)i, 2);
    }
    PetscCall(MgnoNetForward(net, x, wx));
    PetscCall(MgnoNetForward(net, y, wy));
    TES_CHECK_NEAR(Dot(N, wx, y) / Dot(N, x, wy), 1, 1e-12);
    PetscCall(MgnoNetDestroy(&net));
    PetscCall(MgnoPlanDestroy(&plan));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* V11: a periodic network commutes with shifts by 2^(L-1) cells */
static PetscErrorCode PeriodicNetworksCommuteWithShifts(void)
{
  enum { N = 16, SHIFT = 4 };
  MgnoNetSpec s = Plain(N, 2, 4, 3);
  MgnoPlan   *plan;
  MgnoNet     net;
  PetscReal   x[N * N], moved[N * N], o[N * N], o_moved[N * N], worst = 0, *theta;

  PetscFunctionBegin;
  s.transfer = NET_CELL;
  Sides(&s, NET_WRAP, NET_WRAP, NET_WRAP, NET_WRAP);
  PetscCall(MgnoPlanCreate(&s, &plan));
  PetscCall(MgnoNetCreate(plan, PETSC_FALSE, PETSC_FALSE, PETSC_FALSE, &net));
  PetscCall(PetscMalloc1(plan->size, &theta));
  PetscCall(MgnoPlanStart(plan, 8, theta));
  PetscCall(MgnoNetWeights(net, theta));
  for (PetscInt i = 0; i < N * N; i++) x[i] = Noise((uint32_t)i, 4);
  for (PetscInt j = 0; j < N; j++)
    for (PetscInt i = 0; i < N; i++) moved[(j + SHIFT) % N * N + (i + 2 * SHIFT) % N] = x[j * N + i];
  PetscCall(MgnoNetForward(net, x, o));
  PetscCall(MgnoNetForward(net, moved, o_moved));
  for (PetscInt j = 0; j < N; j++)
    for (PetscInt i = 0; i < N; i++) worst = PetscMax(worst, PetscAbsReal(o_moved[(j + SHIFT) % N * N + (i + 2 * SHIFT) % N] - o[j * N + i]));
  TES_CHECK_AT_MOST(worst, 1e-14);
  PetscCall(PetscFree(theta));
  PetscCall(MgnoNetDestroy(&net));
  PetscCall(MgnoPlanDestroy(&plan));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* single and double from one source: the same network agrees to the rounding of single */
static PetscErrorCode SingleAgreesWithDouble(void)
{
  enum { N = 32 };
  MgnoNetSpec      s = Plain(N, 2, 24, 4);
  MgnoPlan        *plan;
  MgnoNet          net[2];
  static PetscReal x[N * N], o[2][N * N];
  PetscReal       *theta, worst = 0, size = 0;

  PetscFunctionBegin;
  PetscCall(MgnoPlanCreate(&s, &plan));
  PetscCall(PetscMalloc1(plan->size, &theta));
  PetscCall(MgnoPlanStart(plan, 8, theta));
  for (PetscInt i = 0; i < N * N; i++) x[i] = Noise((uint32_t)i, 4);
  for (int k = 0; k < 2; k++) {
    PetscCall(MgnoNetCreate(plan, (PetscBool)k, PETSC_FALSE, PETSC_FALSE, &net[k]));
    PetscCall(MgnoNetWeights(net[k], theta));
    PetscCall(MgnoNetForward(net[k], x, o[k]));
    PetscCall(MgnoNetDestroy(&net[k]));
  }
  for (PetscInt i = 0; i < N * N; i++) {
    worst = PetscMax(worst, PetscAbsReal(o[0][i] - o[1][i]));
    size  = PetscMax(size, PetscAbsReal(o[0][i]));
  }
  TES_CHECK_AT_MOST(worst, 2e-5 * size); /* some 100 roundings of 6e-8 */
  PetscCall(PetscFree(theta));
  PetscCall(MgnoPlanDestroy(&plan));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ParameterCountsArePublished),
  TES_TEST(WeightsMakeExactMultigrid),
  TES_TEST(CycleIsLinear),
  TES_TEST(TiedCycleIsSymmetric),
  TES_TEST(PeriodicNetworksCommuteWithShifts),
  TES_TEST(SingleAgreesWithDouble),
  TES_TEST(GradientsAreThoseOfDifferences),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
