/* Runge-Kutta integrators: Dormand-Prince 5(4) with the first-same-as-last stage, and Carpenter-Kennedy's five-stage order 4 in two registers.

   Error norm: max |err| / (atol + rtol), since the entries of a density matrix in these layouts are at most 1; the maximum does not depend on the order of evaluation, so steps
   are the same on any rank count. Controller: h *= clip(0.9 err^-1/5, 0.2, 5). Steps end on the output times; the controller's own step goes on after a cut one. */
#include <math.h>
#include "integrator.h"

PetscErrorCode LbRungeKuttaSetUp(LbIntegrator g)
{
  PetscReal bound = 0;

  PetscFunctionBegin;
  for (int k = 0; k < g->model->n_times; k++) bound += g->decay_of[k] + g->width[k];
  g->h = g->deck.step > 0 ? g->deck.step : 0.1 / PetscMax(bound, 1e-12);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Slope(LbIntegrator g, PetscReal t, const LbVec *x, LbVec *y)
{
  const LbFused plain = {.scale = 1};

  PetscFunctionBegin;
  LbModelFactors(g->model, t, g->factors);
  PetscCall(LbApply(g->l, g->factors, &plain, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Underflow(LbIntegrator g, PetscReal t, PetscReal h, PetscReal error)
{
  PetscFunctionBegin;
  SETERRQ(g->space->comm, TES_ERR_NUMBERS, "the time step became too small at t = %.10g: h = %.3g, error estimate %.3g of the tolerance; loosen integrator.rtol, or look for a jump in a time function",
          (double)t, (double)h, (double)error);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscReal NextStep(PetscReal h, PetscReal error, PetscReal power)
{
  return h * PetscMin(5, PetscMax(0.2, 0.9 * PetscPowReal(PetscMax(error, 1e-10), -power)));
}

PetscErrorCode LbDp5Advance(LbIntegrator g, PetscReal t, PetscReal end, LbVec *x)
{
  static const double a[7][6] = {
    {0},
    {1. / 5},
    {3. / 40, 9. / 40},
    {44. / 45, -56. / 15, 32. / 9},
    {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
    {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
    {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
  };
  static const double c[7]   = {0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1};
  static const double e[7]   = {71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40};
  LbVec              *k[7]   = {&g->work[0], &g->work[1], &g->work[2], &g->work[3], &g->work[4], &g->work[5], NULL}, *stage = &g->work[6];
  const PetscReal     scale  = g->deck.atol + g->deck.rtol;
  PetscReal           now    = t;

  PetscFunctionBegin;
  k[6] = k[1]; /* k2 enters neither the result nor the error: the last slope takes its place */
  PetscCall(Slope(g, now, x, k[0]));
  while (now < end) {
    const PetscBool cut = now + g->h >= end - 1e-13 * PetscMax(PetscAbsReal(end), g->h) ? PETSC_TRUE : PETSC_FALSE;
    const PetscReal h   = cut ? end - now : g->h;
    PetscReal       error = 0;

    for (int s = 1; s < 7; s++) {
      const LbVec *v[8] = {x};
      double       w[8] = {1};
      int          m    = 1;

      for (int q = 0; q < s; q++) {
        if (a[s][q] == 0) continue;
        v[m]   = k[q];
        w[m++] = h * a[s][q];
      }
      PetscCall(LbCombine(g->space, m, w, v, stage));
      PetscCall(Slope(g, now + c[s] * h, stage, k[s]));
    }
    if (g->deck.step <= 0) {
      const LbVec *v[6] = {k[0], k[2], k[3], k[4], k[5], k[6]};
      const double w[6] = {h * e[0], h * e[2], h * e[3], h * e[4], h * e[5], h * e[6]};

      PetscCall(LbMaxCombine(g->space, 6, w, v, &error));
      error /= scale;
    }
    if (error <= 1) {
      LbVec *swap = k[0], solution = *stage;

      *stage = *x;
      *x     = solution;
      k[0] = k[6];
      k[1] = k[6] = swap;
      now  = cut ? end : now + h;
      g->accepted++;
      g->error = PetscMax(g->error, error);
      if (g->deck.step <= 0 && (!cut || NextStep(h, error, 0.2) > g->h)) g->h = NextStep(h, error, 0.2);
    } else {
      g->rejected++;
      g->h = isfinite(error) ? NextStep(h, error, 0.2) : 0.1 * h;
      if (g->h < 1e-14 * PetscMax(PetscAbsReal(now), PetscAbsReal(end - t)) || !(g->h > 0)) PetscCall(Underflow(g, now, g->h, error));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* one step of Carpenter and Kennedy: du <- A du + h L x, x <- x + B du */
static PetscErrorCode Lsrk4Step(LbIntegrator g, PetscReal t, PetscReal h, LbVec *x, LbVec *du)
{
  static const double a[5] = {0, -567301805773. / 1357537059087., -2404267990393. / 2016746695238., -3550918686646. / 2091501179385., -1275806237668. / 842570457699.};
  static const double b[5] = {1432997174477. / 9575080441755., 5161836677717. / 13612068292357., 1720146321549. / 2090206949498., 3134564353537. / 4481467310338., 2277821191437. / 14882151754819.};
  static const double c[5] = {0, 1432997174477. / 9575080441755., 2526269341429. / 6820363962896., 2006345519317. / 3224310063776., 2802321613138. / 2924317926251.};

  PetscFunctionBegin;
  for (int s = 0; s < 5; s++) {
    const LbFused fused = {.scale = h, .a = a[s]};
    const LbVec  *v[2]  = {x, du};
    const double  w[2]  = {1, b[s]};

    LbModelFactors(g->model, t + c[s] * h, g->factors);
    PetscCall(LbApply(g->l, g->factors, &fused, x, du));
    PetscCall(LbCombine(g->space, 2, w, v, x));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbLsrk4Advance(LbIntegrator g, PetscReal t, PetscReal end, LbVec *x)
{
  const PetscReal scale = g->deck.atol + g->deck.rtol;
  LbVec          *du = &g->work[0], *before = &g->work[1], *whole = &g->work[2];
  PetscReal       now = t;

  PetscFunctionBegin;
  while (now < end) {
    const PetscBool cut = now + g->h >= end - 1e-13 * PetscMax(PetscAbsReal(end), g->h) ? PETSC_TRUE : PETSC_FALSE;
    const PetscReal h   = cut ? end - now : g->h;
    PetscReal       error = 0;

    if (g->deck.step > 0) {
      PetscCall(Lsrk4Step(g, now, h, x, du));
    } else { /* two halves against the whole: the difference is 15 times the error of the halves */
      const LbVec *v[2] = {x, whole};
      const double w[2] = {1. / 15, -1. / 15};

      PetscCall(LbVecCopy(g->space, x, before));
      PetscCall(LbVecCopy(g->space, x, whole));
      PetscCall(Lsrk4Step(g, now, h, whole, du));
      PetscCall(Lsrk4Step(g, now, h / 2, x, du));
      PetscCall(Lsrk4Step(g, now + h / 2, h / 2, x, du));
      PetscCall(LbMaxCombine(g->space, 2, w, v, &error));
      error /= scale;
    }
    if (error <= 1) {
      now = cut ? end : now + h;
      g->accepted++;
      g->error = PetscMax(g->error, error);
      if (g->deck.step <= 0 && (!cut || NextStep(h, error, 0.2) > g->h)) g->h = NextStep(h, error, 0.2);
    } else {
      PetscCall(LbVecCopy(g->space, before, x));
      g->rejected++;
      g->h = isfinite(error) ? NextStep(h, error, 0.2) : 0.1 * h;
      if (g->h < 1e-14 * PetscMax(PetscAbsReal(now), PetscAbsReal(end - t)) || !(g->h > 0)) PetscCall(Underflow(g, now, g->h, error));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
