/* Shape of a network: sizes of its levels, stencils between them, and the table of its parameters.

   Between a level of n points and the next coarser one, per dimension:
     reference  R, Pi: 3 taps, stride 2, padding 1, n_c = ceil(n / 2);  P: 4 taps if n is even, 3 if it is odd, padding 1
     cell       4 taps, padding 1, n = 2 n_c;   vertex  3 taps, padding 1, n = 2 n_c - 1;   interior  3 taps, padding 0, n = 2 n_c + 1   (R, Pi and P alike)
   Tensors per layer, C_f channels in, C out: S C_f -> C and A C -> C_f per smoothing step (level 0 begins with an S that has no A), R C_f -> C_f, Pi C -> C, P C -> C per pair
   of levels, with `restrict_residual` one more A per pair, with a zero start no Pi; gamma and beta per level but the coarsest; skip B, b; the head H. */
#include <stdio.h>
#include <string.h>
#include "net.h"

static void Transfer(const MgnoNetSpec *s, PetscInt n, PetscInt *nc, PetscInt *kr, PetscInt *kp, PetscInt *p)
{
  switch ((NetTransfer)s->transfer) {
  case NET_REFERENCE:
    *nc = (n + 1) / 2;
    *kr = 3;
    *kp = n % 2 ? 3 : 4;
    *p  = 1;
    break;
  case NET_CELL:
    *nc = n / 2;
    *kr = *kp = 4;
    *p        = 1;
    break;
  case NET_VERTEX:
    *nc = (n + 1) / 2;
    *kr = *kp = 3;
    *p        = 1;
    break;
  case NET_INTERIOR:
    *nc = (n - 1) / 2;
    *kr = *kp = 3;
    *p        = 0;
    break;
  }
}

PetscInt MgnoLevelsFit(const MgnoNetSpec *s, PetscInt n, PetscInt wanted, PetscInt *nearest)
{
  PetscInt least = 2, fit = 1;

  for (PetscInt d = 0; d < s->dim; d++) {
    if (s->side[d][0] == NET_REFLECT || s->side[d][1] == NET_REFLECT) least = 3;
  }
  *nearest = 0;
  for (PetscInt m = n; fit < wanted; fit++) {
    PetscInt        nc, k, kp, p;
    const PetscBool odd = s->transfer == NET_VERTEX || s->transfer == NET_INTERIOR ? PETSC_TRUE : PETSC_FALSE;

    if (s->transfer != NET_REFERENCE && (m % 2 != 0) != odd) {
      const PetscInt step = 1 << (wanted - 1), shift = s->transfer == NET_CELL ? 0 : s->transfer == NET_VERTEX ? 1 : -1;

      *nearest = PetscMax(1, (n - shift + step / 2) / step) * step + shift; /* n = step m + shift halves wanted - 1 times */
      return fit;
    }
    Transfer(s, m, &nc, &k, &kp, &p);
    if (nc < least) return fit;
    m = nc;
  }
  return fit;
}

static PetscInt Add(MgnoPlan *plan, PetscInt layer, PetscInt level, const char role[], int transposed, PetscInt co, PetscInt ci, const PetscInt k[], PetscInt64 fan_in, PetscReal start)
{
  MgnoTensor *t = &plan->tensor[plan->n_tensors];

  memset(t, 0, sizeof *t);
  if (layer < 0) snprintf(t->name, sizeof(t->name), "%s", role);
  else if (level < 0) snprintf(t->name, sizeof(t->name), "layer%d/%s", (int)layer, role);
  else snprintf(t->name, sizeof(t->name), "layer%d/level%d/%s", (int)layer, (int)level, role);
  t->transposed = transposed;
  t->whole      = plan->n_blocks > 1 && level - (!strcmp(role, "R") || !strcmp(role, "Pi") || !strcmp(role, "P") || !strcmp(role, "A_restrict")) >= plan->n_cut ? PETSC_TRUE : PETSC_FALSE;
  t->vector     = strstr(role, "_bias") || !strcmp(role, "gamma") || !strcmp(role, "beta") || !strcmp(role, "b");
  t->co         = co;
  t->ci         = ci;
  t->taps       = 1;
  for (PetscInt d = 0; d < NET_DIM; d++) t->taps *= t->k[d] = k ? (d < plan->spec.dim ? k[d] : 1) : 1;
  t->first  = plan->size;
  t->size   = (PetscInt64)co * ci * t->taps;
  t->fan_in = fan_in < 0 ? (PetscInt64)(transposed ? co : ci) * t->taps : fan_in;
  t->start  = start;
  plan->size += t->size;
  return plan->n_tensors++;
}

/* Tied symmetric: one A per level for every step and for the restriction, S symmetric, after the coarse correction the same steps in reverse, one S on the coarsest level. Then W is a
   symmetric operator: S_n' ... and the coarse correction P M R stand mirrored about the middle. */
static void TieLevel(MgnoPlan *plan, PetscInt layer, PetscInt level, PetscInt used[2])
{
  const MgnoNetSpec *s    = &plan->spec;
  const PetscInt     k[3] = {3, 3, 3}, C = s->channels, pre = s->pre[level], last = level + 1 == s->levels, A = Add(plan, layer, level, "A", 0, C, C, k, -1, 0), first = used[0];

  plan->tensor[A].symmetric                 = 1;
  plan->own_A[layer * s->levels + level]    = A;
  for (PetscInt i = 0; i < pre; i++, used[0]++) {
    char role[40];

    snprintf(role, sizeof(role), "S%d", (int)i + 1);
    plan->S[0][used[0]]  = last && i > 0 ? plan->S[0][first] : Add(plan, layer, level, role, 0, C, C, k, -1, 0);
    plan->A[0][used[0]]  = level == 0 && i == 0 ? -1 : A;
    plan->Sb[0][used[0]] = plan->Ab[0][used[0]] = -1;
    plan->tensor[plan->S[0][used[0]]].symmetric = 1;
  }
  for (PetscInt i = 0; i < pre && !last; i++, used[1]++) {
    plan->S[1][used[1]]  = plan->S[0][first + pre - 1 - i];
    plan->A[1][used[1]]  = A;
    plan->Sb[1][used[1]] = plan->Ab[1][used[1]] = -1;
  }
}

/* one smoothing step: S, A and their biases */
static void AddSmoother(MgnoPlan *plan, PetscInt layer, PetscInt level, PetscInt after, PetscInt i, PetscInt cf, PetscInt at)
{
  const MgnoNetSpec *s      = &plan->spec;
  const PetscInt     k[3]   = {3, 3, 3}, taps = s->dim == 3 ? 27 : 9;
  const char        *prime  = after ? "post_" : "";
  const PetscBool    with_a = level > 0 || i > 0 || after ? PETSC_TRUE : PETSC_FALSE;
  char               role[40];

  plan->A[after][at] = plan->Ab[after][at] = plan->Sb[after][at] = -1;
  if (with_a) {
    snprintf(role, sizeof(role), "%sA%d", prime, (int)i + 1);
    plan->A[after][at] = Add(plan, layer, level, role, 0, cf, s->channels, k, -1, 0);
    if (s->conv_bias) {
      snprintf(role, sizeof(role), "%sA%d_bias", prime, (int)i + 1);
      plan->Ab[after][at] = Add(plan, layer, level, role, 0, cf, 1, NULL, (PetscInt64)s->channels * taps, 0);
    }
  }
  snprintf(role, sizeof(role), "%sS%d", prime, (int)i + 1);
  plan->S[after][at] = Add(plan, layer, level, role, 0, s->channels, cf, k, -1, 0);
  if (s->conv_bias) {
    snprintf(role, sizeof(role), "%sS%d_bias", prime, (int)i + 1);
    plan->Sb[after][at] = Add(plan, layer, level, role, 0, s->channels, 1, NULL, (PetscInt64)cf * taps, 0);
  }
}

static void AddLayer(MgnoPlan *plan, PetscInt layer, PetscInt *used)
{
  const MgnoNetSpec *s    = &plan->spec;
  const PetscInt     cf   = layer ? s->channels : s->c_in, C = s->channels, three[3] = {3, 3, 3};

  for (PetscInt l = 0; l < s->levels; l++) {
    const PetscInt   at  = layer * s->levels + l;
    const MgnoLevel *up  = l ? &plan->level[l - 1] : NULL;
    const PetscInt   pre = s->pre[l], post = l + 1 < s->levels ? s->post[l] : 0;

    plan->R[at] = plan->Pi[at] = plan->P[at] = plan->Ar[at] = plan->gamma[at] = plan->beta[at] = -1;
    if (l) {
      if (s->tie == NET_TIE_SYMMETRIC) plan->Ar[at] = plan->own_A[at - 1];
      else if (s->coarse == NET_RESTRICT_RESIDUAL) plan->Ar[at] = Add(plan, layer, l, "A_restrict", 0, cf, C, three, -1, 0);
      plan->R[at] = Add(plan, layer, l, "R", 0, cf, cf, up->kr, -1, 0);
      if (!s->zero_start) plan->Pi[at] = Add(plan, layer, l, "Pi", 0, C, C, up->kr, -1, 0);
      /* the step from this level up: tied, it is the transpose of R and no tensor of its own */
      plan->P[at] = s->tie == NET_TIE_NONE ? Add(plan, layer, l, "P", 1, C, C, up->kp, -1, 0) : plan->R[at];
    }
    plan->first_smooth[0][at] = used[0];
    plan->first_smooth[1][at] = used[1];
    if (s->tie == NET_TIE_SYMMETRIC) {
      TieLevel(plan, layer, l, used);
    } else {
      for (PetscInt i = 0; i < pre; i++) AddSmoother(plan, layer, l, 0, i, cf, used[0]++);
      for (PetscInt i = 0; i < post; i++) AddSmoother(plan, layer, l, 1, i, cf, used[1]++);
    }
    if (l + 1 < s->levels && s->norm >= NET_NORM_CHANNEL) {
      const PetscInt *n = s->norm == NET_NORM_PIXEL ? plan->level[l].n : NULL;

      plan->gamma[at] = Add(plan, layer, l, "gamma", 0, C, 1, n, 0, 1);
      plan->beta[at]  = Add(plan, layer, l, "beta", 0, C, 1, n, 0, 0);
    }
  }
  plan->B[layer] = plan->b[layer] = -1;
  if (s->skip == NET_AFFINE) {
    plan->B[layer] = Add(plan, layer, -1, "B", 0, C, cf, NULL, cf, 0);
    plan->b[layer] = Add(plan, layer, -1, "b", 0, C, 1, NULL, cf, 0);
  }
}

/* Blocks begin at multiples of 2^k fine points, k the coarsest level that has blocks, so that those of level l begin at the same places divided by 2^l and every stencil between two levels
   reads one point of the neighbour at most. The levels that are cut are as many as leave min_local points to every block; transfers to the next one are done in blocks too. */
PetscBool MgnoBlocksFit(MgnoPlan *plan)
{
  const MgnoNetSpec *s     = &plan->spec;
  const PetscInt     least = s->min_local > 0 ? s->min_local : 4;

  plan->n_blocks = 1;
  for (PetscInt d = 0; d < NET_DIM; d++) plan->n_blocks *= PetscMax(s->blocks[d], 1);
  for (plan->n_cut = s->levels; plan->n_cut > 0; plan->n_cut--) {
    const PetscInt last = PetscMin(plan->n_cut, s->levels - 1), step = (PetscInt)1 << last;
    PetscBool      fits = PETSC_TRUE;

    for (PetscInt d = 0; d < NET_DIM; d++) {
      const PetscInt B = PetscMax(s->blocks[d], 1);

      if (B > NET_BLOCKS) return PETSC_FALSE;
      for (PetscInt l = 0; l <= last; l++) {
        PetscInt *start = plan->level[l].start[d];

        for (PetscInt k = 0; k <= B; k++) {
          start[k] = k == B ? plan->level[l].n[d] : (PetscInt)(((PetscInt64)k * plan->level[0].n[d] + (PetscInt64)B * step / 2) / ((PetscInt64)B * step)) * (step >> l);
          if (k && B > 1 && start[k] - start[k - 1] < (l < plan->n_cut ? least : 2)) fits = PETSC_FALSE;
        }
      }
    }
    if (fits) return PETSC_TRUE;
  }
  return PETSC_FALSE;
}

static void FindTorus(MgnoPlan *plan)
{
  const MgnoNetSpec *s = &plan->spec;

  for (PetscInt d = 0; d < s->dim; d++) {
    plan->torus[d] = s->side[d][0] == NET_WRAP && s->side[d][1] == NET_WRAP ? PETSC_TRUE : PETSC_FALSE;
    for (PetscInt l = 0; l + 1 < s->levels; l++) {
      if (plan->level[l].n[d] % 2) plan->torus[d] = PETSC_FALSE;
    }
  }
}

PetscErrorCode MgnoPlanCreate(const MgnoNetSpec *spec, MgnoPlan **out)
{
  MgnoPlan *plan;
  PetscInt  smooth[2] = {0, 0}, used[2] = {0, 0};
  size_t    all       = (size_t)spec->layers * (size_t)spec->levels;

  PetscFunctionBegin;
  PetscCheck(spec->levels >= 1 && spec->levels <= NET_LEVELS, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%" PetscInt_FMT " levels", spec->levels);
  PetscCall(PetscNew(&plan));
  *out       = plan;
  plan->spec = *spec;
  for (PetscInt d = spec->dim; d < NET_DIM; d++) plan->spec.n[d] = 1;
  if (spec->tie == NET_TIE_SYMMETRIC) {
    plan->spec.coarse     = NET_RESTRICT_RESIDUAL;
    plan->spec.zero_start = PETSC_TRUE;
    for (PetscInt l = 0; l < spec->levels; l++) plan->spec.post[l] = spec->pre[l];
  }
  spec = &plan->spec;
  for (PetscInt l = 0; l < spec->levels; l++) {
    for (PetscInt d = 0; d < NET_DIM; d++) {
      MgnoLevel *level = &plan->level[l];

      if (!l) level->n[d] = plan->spec.n[d];
      if (d >= spec->dim) {
        level->n[d] = level->kr[d] = level->kp[d] = 1;
        continue;
      }
      if (l + 1 < spec->levels) Transfer(spec, level->n[d], &plan->level[l + 1].n[d], &level->kr[d], &level->kp[d], &level->p[d]);
    }
    smooth[0] += spec->pre[l];
    smooth[1] += spec->post[l];
  }
  FindTorus(plan);
  if (!MgnoBlocksFit(plan)) plan->n_cut = 0; /* whoever offers blocks asks first */
  PetscCall(PetscMalloc1((size_t)spec->layers * (size_t)(4 * (smooth[0] + smooth[1]) + 8 * spec->levels + 2) + 1, &plan->tensor));
  for (PetscInt after = 0; after < 2; after++) {
    const size_t count = (size_t)(spec->layers * smooth[after]) + 1;

    PetscCall(PetscMalloc5(count, &plan->S[after], count, &plan->A[after], count, &plan->Sb[after], count, &plan->Ab[after], all, &plan->first_smooth[after]));
  }
  PetscCall(PetscMalloc6(all, &plan->R, all, &plan->Pi, all, &plan->P, all, &plan->Ar, all, &plan->gamma, all, &plan->beta));
  PetscCall(PetscMalloc1(all, &plan->own_A));
  PetscCall(PetscMalloc2(spec->layers, &plan->B, spec->layers, &plan->b));
  for (PetscInt t = 0; t < spec->layers; t++) AddLayer(plan, t, used);
  plan->H = Add(plan, -1, -1, "H", 0, spec->c_out, spec->channels, NULL, spec->channels, 0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoPlanDestroy(MgnoPlan **out)
{
  MgnoPlan *plan = *out;

  PetscFunctionBegin;
  if (!plan) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscFree(plan->tensor));
  for (PetscInt after = 0; after < 2; after++) PetscCall(PetscFree5(plan->S[after], plan->A[after], plan->Sb[after], plan->Ab[after], plan->first_smooth[after]));
  PetscCall(PetscFree6(plan->R, plan->Pi, plan->P, plan->Ar, plan->gamma, plan->beta));
  PetscCall(PetscFree(plan->own_A));
  PetscCall(PetscFree2(plan->B, plan->b));
  PetscCall(PetscFree(*out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoPlanStart(const MgnoPlan *plan, PetscInt64 seed, PetscReal *theta)
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < plan->n_tensors; i++) {
    const MgnoTensor *t     = &plan->tensor[i];
    const PetscReal   width = t->fan_in ? 1 / PetscSqrtReal((PetscReal)t->fan_in) : 0;

    for (PetscInt64 k = 0; k < t->size; k++) {
      PetscReal u[2];

      if (!t->fan_in) {
        theta[t->first + k] = t->start;
        continue;
      }
      TesRandomUniform(seed, TES_STREAM_WEIGHTS, (uint32_t)i, (uint32_t)k, 0, u);
      theta[t->first + k] = width * (2 * u[0] - 1);
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoPlanState(const MgnoPlan *plan, TesState state, const char prefix[], PetscReal *theta)
{
  PetscFunctionBegin;
  PetscCall(TesStatePush(state, prefix));
  for (PetscInt i = 0; i < plan->n_tensors; i++) {
    const MgnoTensor *t    = &plan->tensor[i];
    TesStateItem      item = {.name = t->name, .type = TES_F64, .data = theta + t->first};

    item.shape[item.n_axes++] = t->transposed ? t->ci : t->co;
    if (!t->vector) item.shape[item.n_axes++] = t->transposed ? t->co : t->ci;
    for (PetscInt d = plan->spec.dim - 1; d >= 0 && t->taps > 1; d--) item.shape[item.n_axes++] = t->k[d];
    item.axes = t->transposed ? "in out taps" : t->vector ? "out" : "out in taps";
    PetscCall(TesStateVisit(state, &item));
  }
  PetscCall(TesStatePop(state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscReal Points(const MgnoLevel *level)
{
  return (PetscReal)level->n[0] * level->n[1] * level->n[2];
}

PetscReal MgnoPlanFlops(const MgnoPlan *plan)
{
  const MgnoNetSpec *s   = &plan->spec;
  PetscReal          sum = 2. * s->channels * s->c_out * Points(&plan->level[0]);

  for (PetscInt t = 0; t < s->layers; t++) {
    const PetscReal C = s->channels, cf = t ? C : s->c_in;

    for (PetscInt l = 0; l < s->levels; l++) {
      const PetscReal points = Points(&plan->level[l]), nine = s->dim == 3 ? 27 : 9;
      const PetscReal steps  = s->pre[l] + (l + 1 < s->levels ? s->post[l] : 0);

      sum += 2 * points * nine * C * cf * (2 * steps - (l ? 0 : 1));
      if (l) {
        const MgnoLevel *up = &plan->level[l - 1];
        const PetscReal  r  = (PetscReal)up->kr[0] * up->kr[1] * up->kr[2], p = (PetscReal)up->kp[0] * up->kp[1] * up->kp[2];

        sum += 2 * points * (r * (cf * cf + (s->zero_start ? 0 : C * C)) + p * C * C);
        if (s->coarse == NET_RESTRICT_RESIDUAL) sum += 2 * Points(up) * nine * C * cf;
      }
    }
    if (s->skip == NET_AFFINE) sum += 2 * C * cf * Points(&plan->level[0]);
  }
  return sum;
}
