/* Exponentials of the Liouvillian applied to a vector: Faber, Taylor and Arnoldi series, and the commutator-free Magnus scheme.

   Faber: the spectrum lies in [-G, 0] x [-dE, dE]; the ellipse around that rectangle (margin on both axes) has semi-axes s_x = sqrt2 m G/2, s_y = sqrt2 m dE. With
     g = (s_x + s_y)/2, delta = (s_x - s_y)/(2 g), c = -G/(2 g), A = L/g - c, s = h g,  psi(w) = w + c + delta/w  maps the unit circle on the ellipse (in units of g), and
     exp(h L) x = sum_k c_k F_k,  F_1 = A F_0, F_2 = A F_1 - 2 delta F_0, F_{k+1} = A F_k - delta F_{k-1},
     c_k = e^{c s} J_k(2 s sqrt|delta|) / |delta|^{k/2} (delta < 0), I_k for delta > 0, e^{c s} s^k / k! for delta = 0.
   Clenshaw: b_k = c_k x + A b_{k+1} - delta b_{k+2}, result c_0 x + A b_1 - 2 delta b_2: one fused application per term, three vectors with x. Sub-steps keep s <= 40 (growth of
   |c_k F_k| loses digits). For one-row facts: in the Pauli layout entry 0 (the trace) is set to what it was.

   cfm4: Gauss nodes t_1,2 = t + h (1/2 -+ sqrt3/6), a_1,2 = 1/4 +- sqrt3/6: exp(h (a_2 L_1 + a_1 L_2)) exp(h (a_1 L_1 + a_2 L_2)). */
#include <math.h>
#include <string.h>
#include <tessera/linalg.h>
#include "integrator.h"

#define MAX_TERMS 400
#define MAX_S     40.0

/* J_k(z) (sign -1) or I_k(z) e^{-z} (sign +1), k = 0..n, by Miller's backward recursion; normalised by J_0 + 2 sum J_2k = 1 and I_0 + 2 sum I_k = e^z */
static void Bessel(int n, double z, int sign, double *value)
{
  const int start = 2 * ((n + (int)(1.5 * z) + 40) / 2);
  double    above = 0, here = 1e-280, sum = 0;

  for (int k = start; k >= 0; k--) {
    const double below = 2 * (k + 1) / z * here + (sign > 0 ? above : -above); /* order k from k+1 and k+2 */

    above = here;
    here  = below;
    if (k <= n) value[k] = here;
    sum += k == 0 ? here : sign > 0 ? 2 * here : k % 2 == 0 ? 2 * here : 0;
    if (fabs(here) > 1e200) {
      above *= 1e-200;
      here *= 1e-200;
      sum *= 1e-200;
      for (int q = k; q <= n; q++) value[q] *= 1e-200;
    }
  }
  for (int k = 0; k <= n; k++) value[k] /= sum;
}

/* c_k of exp(s (psi)); the number of terms until they stay below the tolerance */
static int Coefficients(double s, double c, double delta, double tolerance, double coefficient[MAX_TERMS])
{
  int last = 0;

  if (fabs(delta) < 1e-6) {
    double term = exp(c * s);

    for (int k = 0; k < MAX_TERMS; k++) {
      coefficient[k] = term;
      term *= s / (k + 1);
    }
  } else {
    const double root = sqrt(fabs(delta)), z = 2 * s * root;

    if (z < 1e-8) {
      memset(coefficient, 0, MAX_TERMS * sizeof *coefficient);
      coefficient[0] = exp(c * s);
      coefficient[1] = s * exp(c * s);
    } else {
      double power = 1;

      Bessel(MAX_TERMS - 1, z, delta > 0 ? 1 : -1, coefficient);
      for (int k = 0; k < MAX_TERMS; k++) {
        coefficient[k] *= exp(c * s + (delta > 0 ? z : 0)) * power;
        power /= root;
        if (!(power < 1e250)) power = 1e250; /* beyond all use: the Bessel factor is zero there */
      }
    }
  }
  for (int k = 0; k < MAX_TERMS; k++)
    if (fabs(coefficient[k]) > 0.1 * tolerance) last = k;
  return last;
}

PetscErrorCode LbFaber(LbIntegrator g, const PetscReal f[], PetscReal h, PetscReal tolerance, LbVec *x)
{
  double    decay = 0, width = 0, coefficient[MAX_TERMS];
  LbVec    *next = &g->work[0], *after = &g->work[1];
  PetscReal trace = 0;

  PetscFunctionBegin;
  if (g->space->pauli) PetscCall(LbTrace(g->space, x, &trace));
  for (int k = 0; k < g->model->n_times; k++) {
    decay += PetscAbsReal(f[k]) * g->decay_of[k];
    width += PetscAbsReal(f[k]) * g->width[k];
  }
  decay = PetscMax(decay * g->deck.margin, 1e-6);
  width = PetscMax(width * g->deck.margin, 1e-6);
  {
    const double sx = PETSC_SQRT2 * decay / 2, sy = PETSC_SQRT2 * width, size = (sx + sy) / 2, delta = (sx - sy) / (2 * size), c = -decay / (2 * size);
    const int    steps = (int)PetscMax(1, PetscCeilReal(h * size / MAX_S));
    const double s     = h * size / steps;
    const int    terms = Coefficients(s, c, delta, tolerance / steps, coefficient);

    PetscCheck(terms < MAX_TERMS - 1, g->space->comm, TES_ERR_NUMBERS, "the Faber series does not end (s = %g, delta = %g): take integrator.kind: dp5", s, delta);
    for (int step = 0; step < steps; step++) {
      const LbVec *only  = x;
      const double first = coefficient[terms];
      LbVec       *swap;

      if (!terms) { /* nothing happens in so short a time */
        continue;
      }
      PetscCall(LbCombine(g->space, 1, &first, &only, next)); /* b_K */
      for (int k = terms - 1; k >= 1; k--) {
        const LbFused fused = {.scale = 1 / size, .shift = -c, .a = k == terms - 1 ? 0 : -delta, .b = coefficient[k], .x0 = x};

        PetscCall(LbApply(g->l, f, &fused, next, after)); /* after held b_{k+2}, becomes b_k */
        swap  = next;
        next  = after;
        after = swap;
      }
      {
        const LbFused fused = {.scale = 1 / size, .shift = -c, .a = terms == 1 ? 0 : -2 * delta, .b = coefficient[0], .x0 = x};
        LbVec         result;

        PetscCall(LbApply(g->l, f, &fused, next, after));
        result = *after; /* the work vector becomes the state, the state a work vector */
        *after = *x;
        *x     = result;
      }
      if (g->space->pauli) {
        PetscReal now;

        PetscCall(LbTrace(g->space, x, &now));
        g->error = PetscMax(g->error, PetscAbsReal(now - trace));
        PetscCall(LbFence(g->space));
        if (!g->space->rank) x->own[0] = trace;
        PetscCall(LbFence(g->space));
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbFaberAdvance(LbIntegrator g, PetscReal t, PetscReal end, LbVec *x)
{
  PetscFunctionBegin;
  LbModelFactors(g->model, t, g->factors);
  PetscCall(LbFaber(g, g->factors, end - t, PetscMin(g->deck.rtol, 1e-3) * 1e-2, x));
  g->accepted++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbTaylorAdvance(LbIntegrator g, PetscReal t, PetscReal end, LbVec *x)
{
  PetscReal bound = 0, tolerance = PetscMin(g->deck.rtol, 1e-3) * 1e-2, term = 1;
  LbVec    *b = &g->work[0], *next = &g->work[1];
  int       steps, degree = 1;

  PetscFunctionBegin;
  LbModelFactors(g->model, t, g->factors);
  for (int k = 0; k < g->model->n_times; k++) bound += PetscAbsReal(g->factors[k]) * (g->decay_of[k] + g->width[k]);
  steps = (int)PetscMax(1, PetscCeilReal(bound * (end - t) / 4)); /* 4: cancellation costs two digits at most */
  {
    const PetscReal z = bound * (end - t) / steps;

    for (degree = 1, term = z; degree < 60 && term > 0.1 * tolerance / steps; degree++) term *= z / (degree + 1);
    for (int step = 0; step < steps; step++) {
      const LbVec *only = x;
      const double one  = 1;

      PetscCall(LbCombine(g->space, 1, &one, &only, b));
      for (int k = degree; k >= 1; k--) { /* Horner: b <- x + (h/k) L b */
        const LbFused fused = {.scale = (end - t) / steps / k, .b = 1, .x0 = x};
        LbVec        *swap;

        PetscCall(LbApply(g->l, g->factors, &fused, b, next));
        swap = b;
        b    = next;
        next = swap;
      }
      {
        LbVec result = *b;

        *b = *x;
        *x = result;
      }
    }
  }
  g->accepted += steps;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Arnoldi: exp(h L) x ~ |x| V exp(h H) e_1; the error from the last row, corrected scheme of one more column */
PetscErrorCode LbKrylovAdvance(LbIntegrator g, PetscReal t, PetscReal end, LbVec *x)
{
  const int       m_max = (int)g->deck.dimension;
  const PetscReal tolerance = g->deck.rtol * 1e-1;
  PetscReal       now = t, *hess, *big, *e;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3((m_max + 1) * (m_max + 1), &hess, (m_max + 2) * (m_max + 2), &big, (m_max + 2) * (m_max + 2), &e));
  if (!(g->h > 0)) {
    PetscReal bound = 0;

    for (int k = 0; k < g->model->n_times; k++) bound += g->decay_of[k] + g->width[k];
    g->h = m_max / (4 * PetscMax(bound, 1e-12));
  }
  while (now < end) {
    PetscReal norm2, norm, last = 0;
    int       m = 0;
    double    inverse;

    LbModelFactors(g->model, now, g->factors);
    PetscCall(PetscArrayzero(hess, (m_max + 1) * (m_max + 1)));
    PetscCall(LbDot(g->space, x, x, &norm2));
    norm    = PetscSqrtReal(norm2);
    inverse = 1 / norm;
    {
      const LbVec *only = x;

      PetscCall(LbCombine(g->space, 1, &inverse, &only, &g->work[0]));
    }
    for (m = 1; m <= m_max; m++) {
      const LbFused plain = {.scale = 1};

      PetscCall(LbApply(g->l, g->factors, &plain, &g->work[m - 1], &g->work[m]));
      for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < m; k++) {
          PetscReal    dot;
          const LbVec *v[2] = {&g->work[m], &g->work[k]};
          double       w[2] = {1, 0};

          PetscCall(LbDot(g->space, &g->work[m], &g->work[k], &dot));
          hess[k * (m_max + 1) + m - 1] += dot;
          w[1] = -dot;
          PetscCall(LbCombine(g->space, 2, w, v, &g->work[m]));
        }
      PetscCall(LbDot(g->space, &g->work[m], &g->work[m], &norm2));
      last = PetscSqrtReal(norm2);
      if (last < 1e-13 * g->decay_of[0]) {
        last = 0;
        break;
      }
      hess[m * (m_max + 1) + m - 1] = last;
      {
        const LbVec *only = &g->work[m];

        inverse = 1 / last;
        PetscCall(LbCombine(g->space, 1, &inverse, &only, &g->work[m]));
      }
    }
    if (m > m_max) m = m_max;
    for (;;) { /* the step: the exponential of the small matrix with one more row gives the error */
      const PetscReal h = PetscMin(g->h, end - now);
      PetscReal       error;

      PetscCall(PetscArrayzero(big, (m + 1) * (m + 1)));
      for (int i = 0; i <= m; i++)
        for (int j = 0; j < m; j++) big[i * (m + 1) + j] = h * hess[i * (m_max + 1) + j];
      PetscCall(TesExpm(m + 1, big, e));
      error = norm * PetscAbsReal(e[m * (m + 1)]); /* h_{m+1,m} phi_1 */
      if (last > 0 && error > tolerance * PetscMax(h / (end - t), 1e-3)) {
        g->h = h * PetscMax(0.2, 0.9 * PetscPowReal(tolerance * PetscMax(h / (end - t), 1e-3) / error, 1. / m));
        g->rejected++;
        PetscCheck(g->h > 1e-14 * (end - t), g->space->comm, TES_ERR_NUMBERS, "the Krylov step became too small at t = %.10g: h = %.3g; raise integrator.dimension", (double)now, (double)g->h);
        continue;
      }
      {
        const LbVec *v[128];
        double       w[128];

        for (int k = 0; k < m; k++) {
          v[k] = &g->work[k];
          w[k] = norm * e[k * (m + 1)];
        }
        PetscCall(LbCombine(g->space, m, w, v, x));
      }
      now = end - now <= g->h ? end : now + h;
      g->accepted++;
      g->error = PetscMax(g->error, error);
      if (h == g->h && error < 0.1 * tolerance * h / (end - t)) g->h *= 1.5;
      break;
    }
  }
  PetscCall(PetscFree3(hess, big, e));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbCfm4Advance(LbIntegrator g, PetscReal t, PetscReal end, LbVec *x)
{
  const PetscReal root = PetscSqrtReal(3.) / 6, a[2] = {0.25 + root, 0.25 - root};
  PetscReal      *f1, *f2, *mixed, bound = 0, h;
  PetscInt64      steps;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3(g->model->n_times, &f1, g->model->n_times, &f2, g->model->n_times, &mixed));
  for (int k = 0; k < g->model->n_times; k++) bound += g->decay_of[k] + g->width[k];
  /* chosen step: (bound h)^5 / 720 of the commutators below the tolerance per unit of time, with the factors' own smoothness left to the user's step */
  h     = g->deck.step > 0 ? g->deck.step : PetscPowReal(720 * g->deck.rtol, 0.25) / PetscMax(bound, 1e-12) * PetscPowReal(bound, 0.25);
  steps = (PetscInt64)PetscMax(1, PetscCeilReal((end - t) / h - 1e-9));
  h     = (end - t) / (PetscReal)steps;
  for (PetscInt64 s = 0; s < steps; s++) {
    const PetscReal now = t + (PetscReal)s * h;

    LbModelFactors(g->model, now + h * (0.5 - root), f1);
    LbModelFactors(g->model, now + h * (0.5 + root), f2);
    for (int side = 0; side < 2; side++) {
      for (int k = 0; k < g->model->n_times; k++) mixed[k] = a[side] * f1[k] + a[1 - side] * f2[k];
      PetscCall(LbFaber(g, mixed, h, PetscMin(g->deck.rtol, 1e-3) * 1e-2, x));
    }
  }
  g->accepted += steps;
  PetscCall(PetscFree3(f1, f2, mixed));
  PetscFunctionReturn(PETSC_SUCCESS);
}
