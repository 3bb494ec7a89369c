/* IDR(s) (Sonneveld and van Gijzen; the variant with bi-orthogonal directions): short recurrences, s + 1 applications per step of dimension, 3 s + 4 vectors whatever the number of steps.

   Corrections solve L dx = -L x. Residuals of step j lie in a space G_j that shrinks by s dimensions per step: G_j = (1 - omega L M^-1)(G_{j-1} cut with the complement of s fixed random vectors P). Directions u_k with images
   g_k = L u_k, P_i . g_k = 0 for i < k; small = P' g is lower triangular. omega minimises |(1 - omega L M^-1) r| but is kept away from zero where r and its image are nearly orthogonal. The recursive residual serves the recurrence; after
   a cycle the true one is computed, and where they have parted the recurrence begins anew from it. P is drawn from counters, so a restart has the same one. */
#include <math.h>
#include <tessera/random.h>
#include "steady.h"

#define STEPS 6   /* of dimension, in a cycle */
#define ANGLE 0.7

static PetscErrorCode Shadow(LbIdr *g, PetscInt64 seed)
{
  const LbSpace *space = LbLiouvilleSpace(g->l);

  PetscFunctionBegin;
  for (int k = 0; k < g->s; k++) {
    const LbVec *v[LB_IDR + 1];
    PetscReal    h[LB_IDR + 1], size;
    double       c[LB_IDR + 1];

    for (PetscInt64 e = 0; e < space->part.n_local; e++) {
      const uint64_t index = (uint64_t)(space->part.first + e);
      PetscReal      z[2];

      TesRandomNormal(seed, TES_STREAM_SHADOW, (uint32_t)index, (uint32_t)(index >> 32), (uint32_t)(k / 2), z);
      g->p[k].own[e] = z[k % 2];
    }
    for (int i = 0; i < k; i++) v[i] = &g->p[i];
    if (k) {
      PetscCall(LbDots(space, k, v, &g->p[k], h));
      v[k] = &g->p[k];
      for (int i = 0; i < k; i++) c[i] = -h[i];
      c[k] = 1;
      PetscCall(LbCombine(space, k + 1, c, v, &g->p[k]));
    }
    PetscCall(LbDot(space, &g->p[k], &g->p[k], &size));
    c[0] = 1 / PetscSqrtReal(size);
    v[0] = &g->p[k];
    PetscCall(LbCombine(space, 1, c, v, &g->p[k]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbIdrCreate(LbLiouville l, const PetscReal f[], int s, PetscInt64 seed, LbPrecondition precondition, void *ctx, LbIdr *g)
{
  const LbSpace *space = LbLiouvilleSpace(l);

  PetscFunctionBegin;
  PetscCheck(s >= 1 && s <= LB_IDR, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "IDR(%d)", s);
  PetscCall(PetscMemzero(g, sizeof *g));
  *g = (LbIdr){.l = l, .f = f, .s = s, .precondition = precondition, .ctx = ctx};
  for (int k = 0; k < s; k++) {
    PetscCall(LbVecCreate(space, &g->p[k]));
    PetscCall(LbVecCreate(space, &g->u[k]));
    PetscCall(LbVecCreate(space, &g->g[k]));
  }
  PetscCall(LbVecCreate(space, &g->r));
  PetscCall(LbVecCreate(space, &g->v));
  PetscCall(LbVecCreate(space, &g->t));
  PetscCall(Shadow(g, seed));
  g->begun = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbIdrDestroy(LbIdr *g)
{
  PetscFunctionBegin;
  for (int k = 0; k < LB_IDR; k++) {
    PetscCall(LbVecDestroy(&g->p[k]));
    PetscCall(LbVecDestroy(&g->u[k]));
    PetscCall(LbVecDestroy(&g->g[k]));
  }
  PetscCall(LbVecDestroy(&g->r));
  PetscCall(LbVecDestroy(&g->v));
  PetscCall(LbVecDestroy(&g->t));
  g->begun = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* y += c x */
static PetscErrorCode AddTo(const LbSpace *space, double c, const LbVec *x, LbVec *y)
{
  const LbVec *v[2] = {y, x};
  const double w[2] = {1, c};

  PetscFunctionBegin;
  PetscCall(LbCombine(space, 2, w, v, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Begin(LbIdr *g, const LbVec *x)
{
  const LbSpace *space = LbLiouvilleSpace(g->l);
  const LbFused  minus = {.scale = -1};

  PetscFunctionBegin;
  PetscCall(LbApply(g->l, g->f, &minus, x, &g->r));
  for (int k = 0; k < g->s; k++) {
    PetscCall(PetscArrayzero(g->u[k].own, space->part.n_local));
    PetscCall(PetscArrayzero(g->g[k].own, space->part.n_local));
    for (int i = 0; i < g->s; i++) g->small[k * g->s + i] = i == k;
  }
  PetscCall(LbFence(space));
  g->omega = 1;
  g->begun = 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* z = M^-1 v in g->t, or v itself */
static PetscErrorCode Preconditioned(LbIdr *g, const LbVec *v, const LbVec **z)
{
  PetscFunctionBegin;
  *z = v;
  if (!g->precondition) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbFence(LbLiouvilleSpace(g->l)));
  PetscCall(g->precondition(g->ctx, v, &g->t));
  *z = &g->t;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the k-th direction of a step */
static PetscErrorCode Direction(LbIdr *g, int k, PetscReal f[], LbVec *x, PetscBool *broken)
{
  const LbSpace *space = LbLiouvilleSpace(g->l);
  const LbFused  plain = {.scale = 1};
  const int      s     = g->s;
  const LbVec   *v[LB_IDR + 1], *z;
  double         w[LB_IDR + 1];
  PetscReal      c[LB_IDR], h[LB_IDR];

  PetscFunctionBegin;
  for (int i = k; i < s; i++) { /* small c = f, lower triangular */
    c[i] = f[i];
    for (int j = k; j < i; j++) c[i] -= g->small[i * s + j] * c[j];
    if (g->small[i * s + i] == 0) *broken = PETSC_TRUE;
    c[i] /= g->small[i * s + i];
  }
  if (*broken) PetscFunctionReturn(PETSC_SUCCESS);
  v[0] = &g->r;
  w[0] = 1;
  for (int i = k; i < s; i++) {
    v[i - k + 1] = &g->g[i];
    w[i - k + 1] = -c[i];
  }
  PetscCall(LbCombine(space, s - k + 1, w, v, &g->v));
  PetscCall(Preconditioned(g, &g->v, &z));
  v[0] = z;
  w[0] = g->omega;
  for (int i = k; i < s; i++) {
    v[i - k + 1] = &g->u[i];
    w[i - k + 1] = c[i];
  }
  PetscCall(LbCombine(space, s - k + 1, w, v, &g->u[k]));
  PetscCall(LbApply(g->l, g->f, &plain, &g->u[k], &g->g[k]));
  for (int i = 0; i < k; i++) {
    PetscReal a;

    PetscCall(LbDot(space, &g->p[i], &g->g[k], &a));
    a /= g->small[i * s + i];
    PetscCall(AddTo(space, -a, &g->g[i], &g->g[k]));
    PetscCall(AddTo(space, -a, &g->u[i], &g->u[k]));
  }
  for (int i = k; i < s; i++) v[i - k] = &g->p[i];
  PetscCall(LbDots(space, s - k, v, &g->g[k], h));
  for (int i = k; i < s; i++) g->small[i * s + k] = h[i - k];
  if (g->small[k * s + k] == 0) {
    *broken = PETSC_TRUE;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  {
    const PetscReal beta = f[k] / g->small[k * s + k];

    PetscCall(AddTo(space, -beta, &g->g[k], &g->r));
    PetscCall(AddTo(space, beta, &g->u[k], x));
    for (int i = k + 1; i < s; i++) f[i] -= beta * g->small[i * s + k];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbIdrCycle(LbIdr *g, PetscReal target, LbVec *x, PetscReal *residual, PetscBool *broken)
{
  const LbSpace *space = LbLiouvilleSpace(g->l);
  const LbFused  plain = {.scale = 1}, minus = {.scale = -1};
  const LbVec   *p[LB_IDR], *z;
  PetscReal      f[LB_IDR], norm, parted;

  PetscFunctionBegin;
  *broken = PETSC_FALSE;
  if (!g->begun) PetscCall(Begin(g, x));
  PetscCall(LbDot(space, &g->r, &g->r, &norm));
  norm = PetscSqrtReal(norm);
  for (int step = 0; step < STEPS && norm > 0.5 * target && isfinite(norm) && !*broken; step++) {
    PetscReal tt, tr;

    for (int k = 0; k < g->s; k++) p[k] = &g->p[k];
    PetscCall(LbDots(space, g->s, p, &g->r, f));
    for (int k = 0; k < g->s && !*broken; k++) PetscCall(Direction(g, k, f, x, broken));
    if (*broken) break;
    PetscCall(LbDot(space, &g->r, &g->r, &norm));
    norm = PetscSqrtReal(norm);
    if (norm <= 0.5 * target) break;
    PetscCall(Preconditioned(g, &g->r, &z));
    PetscCall(LbApply(g->l, g->f, &plain, z, &g->v));
    PetscCall(LbDot(space, &g->v, &g->v, &tt));
    PetscCall(LbDot(space, &g->v, &g->r, &tr));
    if (tt == 0 || tr == 0) {
      *broken = PETSC_TRUE;
      break;
    }
    g->omega = tr / tt;
    {
      const PetscReal angle = PetscAbsReal(tr) / (PetscSqrtReal(tt) * norm);

      if (angle < ANGLE) g->omega *= ANGLE / angle;
    }
    PetscCall(AddTo(space, g->omega, z, x));
    PetscCall(AddTo(space, -g->omega, &g->v, &g->r));
    PetscCall(LbDot(space, &g->r, &g->r, &norm));
    norm = PetscSqrtReal(norm);
  }
  PetscCall(LbApply(g->l, g->f, &minus, x, &g->v)); /* the true residual */
  PetscCall(LbDot(space, &g->v, &g->v, residual));
  *residual = PetscSqrtReal(*residual);
  {
    const LbVec *both[2] = {&g->v, &g->r};
    const double w[2]    = {1, -1};

    PetscCall(LbCombine(space, 2, w, both, &g->t));
    PetscCall(LbDot(space, &g->t, &g->t, &parted));
    if (!(PetscSqrtReal(parted) <= 0.1 * *residual)) g->begun = 0;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
