/* A trained network on a grid of double resolution with one more level (V15, `shift`): the weights that the program makes for it against a network built by hand, operator by operator, from the definitions of
   the V-cycle and the trained kernels alone. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tessera/test.h>
#include "../../../src/problems/mgno/model.h"

#define LEVELS 4
#define LARGE  32 /* points per dimension of the finest grid */
#define C      3

typedef struct {
  PetscInt  n, c;
  PetscReal v[C * LARGE * LARGE]; /* [channel][y][x] */
} Grid;

typedef struct {
  const MgnoPlan  *plan;
  const PetscReal *theta;
  PetscBool        shifted;
} Trained;

static const MgnoTensor *Named(const Trained *w, const char name[])
{
  for (PetscInt i = 0; i < w->plan->n_tensors; i++) {
    if (!strcmp(w->plan->tensor[i].name, name)) return &w->plan->tensor[i];
  }
  return NULL;
}

/* The trained kernel that stands at a place. Shifted: level 0 has that of the old level 0; level 1 too, but the operators that the old finest level does not have (A of the first step, R, Pi, P)
   are those between the two old finest levels and on the second; level l has that of the old level l - 1. */
static const MgnoTensor *Kernel(const Trained *w, PetscInt layer, PetscInt level, const char role[])
{
  PetscBool between = !strcmp(role, "R") || !strcmp(role, "Pi") || !strcmp(role, "P") || !strcmp(role, "A1") ? PETSC_TRUE : PETSC_FALSE;
  PetscInt  from    = level;
  char      name[96];

  if (w->shifted && level == 1) from = between ? 1 : 0;
  if (w->shifted && level > 1) from = level - 1;
  snprintf(name, sizeof(name), "layer%d/level%d/%s", (int)layer, (int)from, role);
  return Named(w, name);
}

static PetscReal At(const Grid *g, PetscInt c, PetscInt x, PetscInt y)
{
  return x >= 0 && x < g->n && y >= 0 && y < g->n ? g->v[(c * g->n + y) * g->n + x] : 0;
}

/* y = init + sign K x: y[o, m] = sum K[o, c, a] x[c, stride m + a - 1] */
static void Conv(const Trained *w, const MgnoTensor *t, PetscInt stride, const Grid *x, const Grid *init, PetscReal sign, Grid *y)
{
  Grid out = {.n = x->n / stride, .c = t->co};

  for (PetscInt o = 0; o < t->co; o++)
    for (PetscInt j = 0; j < out.n; j++)
      for (PetscInt i = 0; i < out.n; i++) {
        PetscReal sum = 0;

        for (PetscInt c = 0; c < t->ci; c++)
          for (PetscInt b = 0; b < t->k[1]; b++)
            for (PetscInt a = 0; a < t->k[0]; a++) sum += w->theta[t->first + ((o * t->ci + c) * t->k[1] + b) * t->k[0] + a] * At(x, c, stride * i + a - 1, stride * j + b - 1);
        out.v[(o * out.n + j) * out.n + i] = (init ? At(init, o, i, j) : 0) + sign * sum;
      }
  *y = out;
}

/* y += P x: y[o, m] += sum over 2 i + a - 1 = m of K[c, o, a] x[c, i] */
static void Up(const Trained *w, const MgnoTensor *t, const Grid *x, Grid *y)
{
  for (PetscInt c = 0; c < t->ci; c++)
    for (PetscInt o = 0; o < t->co; o++)
      for (PetscInt j = 0; j < x->n; j++)
        for (PetscInt i = 0; i < x->n; i++)
          for (PetscInt b = 0; b < 4; b++)
            for (PetscInt a = 0; a < 4; a++) {
              const PetscInt mx = 2 * i + a - 1, my = 2 * j + b - 1;

              if (mx >= 0 && mx < y->n && my >= 0 && my < y->n) y->v[(o * y->n + my) * y->n + mx] += w->theta[t->first + ((c * t->co + o) * 4 + b) * 4 + a] * At(x, c, i, j);
            }
}

/* level 0: u = S f, u += S_i (f - A_i u); down: f <- R f, u <- Pi u, smooth; up: u += P u */
static void Cycle(const Trained *w, PetscInt layer, PetscInt levels, const PetscInt pre[], const Grid *v, Grid *out)
{
  static Grid f[LEVELS], u[LEVELS], r;

  for (PetscInt l = 0; l < levels; l++) {
    if (l) {
      Conv(w, Kernel(w, layer, l, "R"), 2, &f[l - 1], NULL, 1, &f[l]);
      Conv(w, Kernel(w, layer, l, "Pi"), 2, &u[l - 1], NULL, 1, &u[l]);
    } else {
      f[0] = *v;
    }
    for (PetscInt i = 1; i <= pre[l]; i++) {
      char a[16], s[16];

      snprintf(a, sizeof(a), "A%d", (int)i);
      snprintf(s, sizeof(s), "S%d", (int)i);
      if (l == 0 && i == 1) {
        Conv(w, Kernel(w, layer, l, s), 1, &f[0], NULL, 1, &u[0]);
      } else {
        Conv(w, Kernel(w, layer, l, a), 1, &u[l], &f[l], -1, &r);
        Conv(w, Kernel(w, layer, l, s), 1, &r, &u[l], 1, &u[l]);
      }
    }
  }
  for (PetscInt l = levels - 2; l >= 0; l--) Up(w, Kernel(w, layer, l + 1, "P"), &u[l + 1], &u[l]);
  *out = u[0];
}

static void ByHand(const Trained *w, PetscInt n, PetscInt levels, const PetscInt pre[], const PetscReal *x, PetscReal *o)
{
  static Grid v, z;

  v.n = n;
  v.c = 1;
  memcpy(v.v, x, sizeof(PetscReal) * (size_t)(n * n));
  for (PetscInt t = 0; t < w->plan->spec.layers; t++) {
    char              name[64];
    const MgnoTensor *B, *b;

    snprintf(name, sizeof(name), "layer%d/B", (int)t);
    B = Named(w, name);
    snprintf(name, sizeof(name), "layer%d/b", (int)t);
    b = Named(w, name);
    Cycle(w, t, levels, pre, &v, &z);
    for (PetscInt c = 0; c < C; c++)
      for (PetscInt i = 0; i < n * n; i++) {
        PetscReal *to = &z.v[c * n * n + i];

        *to += w->theta[b->first + c];
        for (PetscInt k = 0; k < B->ci; k++) *to += w->theta[B->first + c * B->ci + k] * v.v[k * n * n + i];
        *to = *to * 0.5 * (1 + erf(*to / sqrt(2)));
      }
    v   = z;
    v.c = C;
  }
  for (PetscInt i = 0; i < n * n; i++) {
    o[i] = 0;
    for (PetscInt c = 0; c < C; c++) o[i] += w->theta[Named(w, "H")->first + c] * v.v[c * n * n + i];
  }
}

static PetscErrorCode Compare(const MgnoPlan *plan, const PetscReal *theta, const Trained *w, PetscReal *worst)
{
  static PetscReal x[LARGE * LARGE], o[LARGE * LARGE], hand[LARGE * LARGE];
  const PetscInt   n    = plan->spec.n[0];
  PetscReal        size = 0;
  MgnoNet          net;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < n * n; i++) {
    PetscReal z[2];

    TesRandomNormal(13, TES_STREAM_TEST, (uint32_t)i, 0, 0, z);
    x[i] = z[0];
  }
  PetscCall(MgnoNetCreate(plan, PETSC_FALSE, PETSC_FALSE, PETSC_FALSE, &net));
  PetscCall(MgnoNetWeights(net, theta));
  PetscCall(MgnoNetForward(net, x, o));
  PetscCall(MgnoNetDestroy(&net));
  ByHand(w, n, plan->spec.levels, plan->spec.pre, x, hand);
  *worst = 0;
  for (PetscInt i = 0; i < n * n; i++) {
    *worst = PetscMax(*worst, PetscAbsReal(o[i] - hand[i]));
    size   = PetscMax(size, PetscAbsReal(hand[i]));
  }
  *worst /= size;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ShiftedNetworkIsTheOneBuiltByHand(void)
{
  MgnoNetSpec s = {.dim = 2, .n = {LARGE / 2, LARGE / 2, 1}, .layers = 2, .channels = C, .c_in = 1, .c_out = 1, .levels = LEVELS - 1, .pre = {2, 1, 2}, .transfer = NET_CELL, .activation = MGNO_GELU};
  MgnoPlan   *plan, *finer;
  PetscReal  *theta, *shifted, worst;
  Trained     w;

  PetscFunctionBegin;
  PetscCall(MgnoPlanCreate(&s, &plan));
  s.n[0] = s.n[1] = LARGE;
  s.levels        = LEVELS;
  for (PetscInt l = LEVELS - 1; l > 0; l--) s.pre[l] = s.pre[l - 1];
  PetscCall(MgnoPlanCreate(&s, &finer));
  PetscCall(PetscMalloc2(plan->size, &theta, finer->size, &shifted));
  PetscCall(MgnoPlanStart(plan, 4, theta));
  w = (Trained){.plan = plan, .theta = theta};
  PetscCall(Compare(plan, theta, &w, &worst)); /* the hand knows the network */
  TES_CHECK_AT_MOST(worst, 1e-13);
  PetscCall(MgnoShift(plan, theta, finer, shifted));
  w.shifted = PETSC_TRUE;
  PetscCall(Compare(finer, shifted, &w, &worst));
  TES_CHECK_AT_MOST(worst, 1e-13);
  PetscCall(PetscFree2(theta, shifted));
  PetscCall(MgnoPlanDestroy(&plan));
  PetscCall(MgnoPlanDestroy(&finer));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ShiftedNetworkIsTheOneBuiltByHand),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
