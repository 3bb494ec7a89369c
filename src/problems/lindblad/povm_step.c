/* Steps of the flow.

   heun   k1 at (theta, t), k2 at (theta + h k1, t + h) with the same random numbers, so that k2 - k1 is nearly free of sampling noise; er = (h/2) |X (k2 - k1)|, a vector difference in the metric of step 1;
          theta += h (k1 + k2) / 2. Not finite: h/4 and again; er > tol and h > hmin: h max(0.3, 0.9 sqrt(tol/er)) and again; next h: min(hmax, h min(1.6, 0.9 sqrt(tol/er))) unless an output time cut it.
   euler  theta += h k1;   rk4  the classical method, er = (h/6) |X (k1 - k2 - k3 + k4)|. Both: h = min(hmax, cap/s), not controlled.
   Always h <= cap / s with s = |X k1| the rms rate of ln p. */
#include <math.h>
#include "povm_solver.h"

/* theta = base + h v */
static PetscErrorCode Place(LbNet *net, const double *base, PetscReal h, const double *v)
{
  PetscFunctionBegin;
  for (int k = 0; k < net->n_parameters; k++) net->theta[k] = base[k] + (v ? h * v[k] : 0);
  PetscCall(LbNetPrepare(net));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscBool AllFinite(int n, const double *v)
{
  for (int k = 0; k < n; k++)
    if (!isfinite(v[k])) return PETSC_FALSE;
  return PETSC_TRUE;
}

PetscErrorCode LbStepAdvance(LbFlow *flow, const LbStepSetting *set, PetscReal t, PetscReal until, LbStepState *s, PetscBool *failed)
{
  LbNet       *net = flow->net;
  const int    p   = net->n_parameters;
  double      *base, *k[4], *sum, *rows;
  TesPartition part;
  PetscReal    h, er = 0;
  PetscBool    cut = PETSC_FALSE;

  PetscFunctionBegin;
  *failed = PETSC_FALSE;
  PetscCall(PetscMalloc6(p, &base, p, &k[0], p, &k[1], p, &k[2], p, &k[3], p, &sum));
  PetscCall(PetscArraycpy(base, net->theta, p));
  s->number++;
  PetscCall(LbFlowAt(flow, t, s->number, k[0], &s->info));
  part = flow->part;
  PetscCall(PetscMalloc1((size_t)part.n_local * (size_t)p + 1, &rows));
  PetscCall(PetscArraycpy(rows, flow->x + (size_t)part.first * (size_t)p, (size_t)part.n_local * (size_t)p));
  if (!s->info.finite || !AllFinite(p, k[0])) {
    *failed = PETSC_TRUE;
    s->failures = 3;
  }
  h = PetscMin(set->integrator == LB_STEP_HEUN ? s->h : set->hmax, set->hmax);
  if (s->info.rate > 0) h = PetscMin(h, set->cap / s->info.rate);
  if (t + h >= until - 1e-12 * PetscMax(1, PetscAbsReal(until))) {
    cut = PetscAbsReal(until - t - h) > 1e-9 ? PETSC_TRUE : PETSC_FALSE;
    h   = until - t;
  }
  for (PetscBool again = PETSC_TRUE; again && !*failed;) {
    LbFlowInfo info;
    PetscBool  finite = PETSC_TRUE;

    again = PETSC_FALSE;
    PetscCall(PetscArraycpy(sum, k[0], p));
    if (set->integrator == LB_STEP_HEUN) {
      PetscCall(Place(net, base, h, k[0]));
      PetscCall(LbFlowAt(flow, t + h, s->number, k[1], &info));
      finite = info.finite && AllFinite(p, k[1]) ? PETSC_TRUE : PETSC_FALSE;
      for (int i = 0; i < p; i++) {
        k[2][i] = k[1][i] - k[0][i];
        sum[i]  = (k[0][i] + k[1][i]) / 2;
      }
      if (finite) PetscCall(LbFlowLength(flow, &part, rows, k[2], &er));
      er *= h / 2;
    } else if (set->integrator == LB_STEP_RK4) {
      for (int stage = 1; stage < 4 && finite; stage++) {
        const PetscReal c = stage == 3 ? h : h / 2;

        PetscCall(Place(net, base, c, k[stage - 1]));
        PetscCall(LbFlowAt(flow, t + c, s->number, k[stage], &info));
        finite = info.finite && AllFinite(p, k[stage]) ? PETSC_TRUE : PETSC_FALSE;
      }
      for (int i = 0; i < p; i++) sum[i] = (k[0][i] + 2 * k[1][i] + 2 * k[2][i] + k[3][i]) / 6;
      for (int i = 0; i < p; i++) k[1][i] = k[0][i] - k[1][i] - k[2][i] + k[3][i];
      if (finite) PetscCall(LbFlowLength(flow, &part, rows, k[1], &er));
      er *= h / 6;
    } else er = 0;
    if (!finite || !isfinite(er)) {
      s->failures++;
      s->rejected++;
      h /= 4;
      cut = PETSC_FALSE;
      if (s->failures >= 3) *failed = PETSC_TRUE;
      else again = PETSC_TRUE;
    } else if (set->integrator == LB_STEP_HEUN && er > set->tol && h > set->hmin) {
      s->rejected++;
      h *= PetscMax(0.3, 0.9 * PetscSqrtReal(set->tol / er));
      cut   = PETSC_FALSE;
      again = PETSC_TRUE;
    }
  }
  if (*failed) PetscCall(Place(net, base, 0, NULL));
  else {
    s->failures = 0;
    PetscCall(Place(net, base, h, sum));
    s->taken = h;
    s->error = er;
    if (!cut) s->h = PetscMin(set->hmax, h * PetscMin(1.6, 0.9 * PetscSqrtReal(set->tol / PetscMax(er, 1e-300))));
  }
  PetscCall(PetscFree6(base, k[0], k[1], k[2], k[3], sum));
  PetscCall(PetscFree(rows));
  PetscFunctionReturn(PETSC_SUCCESS);
}
