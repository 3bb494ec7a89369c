/* Bounds of the spectrum of L per factor of time.

   Decay: for one jump operator J with rate g the dissipator's spectrum has real part >= -2 g |J|^2, and >= -g |J|^2 where J is nilpotent (ladder operators); |J|^2 <= |J|_1 |J|_inf.
   Width: |Im| <= E_max - E_min of H. Up to 2^20 states the extreme eigenvalues come from Lanczos steps on the state space, with the last residual as margin; beyond,
   from the sum over the terms. A negative factor of time only flips the sign: its absolute value counts. */
#include <math.h>
#include <string.h>
#include <tessera/random.h>
#include <tessera/linalg.h>
#include "integrator.h"

#define STEPS 60

static PetscReal NormSquared(int d, const LbComplex *m)
{
  PetscReal row = 0, column = 0;

  for (int i = 0; i < d; i++) {
    PetscReal r = 0, c = 0;

    for (int j = 0; j < d; j++) {
      r += cabs(m[i * d + j]);
      c += cabs(m[j * d + i]);
    }
    row    = PetscMax(row, r);
    column = PetscMax(column, c);
  }
  return row * column;
}

/* strictly above or below the diagonal */
static PetscBool Nilpotent(int d, const LbComplex *m)
{
  PetscBool above = PETSC_FALSE, below = PETSC_FALSE, on = PETSC_FALSE;

  for (int i = 0; i < d; i++)
    for (int j = 0; j < d; j++) {
      if (m[i * d + j] == 0) continue;
      if (i == j) on = PETSC_TRUE;
      else if (i < j) above = PETSC_TRUE;
      else below = PETSC_TRUE;
    }
  return !on && !(above && below) ? PETSC_TRUE : PETSC_FALSE;
}

typedef struct {
  const LbComplex *x;
  LbComplex       *y;
} Vectors;

static void AddToProduct(void *ctx, PetscInt64 i, PetscInt64 j, LbComplex value)
{
  Vectors *v = ctx;

  v->y[i] += value * v->x[j];
}

static void ProductApply(const LbModel *model, LbComplex c, const LbProduct *p, const LbComplex *x, LbComplex *y)
{
  Vectors v = {x, y};

  LbProductEntries(model, c, p, AddToProduct, &v);
}

/* E_max - E_min of the terms with one factor of time */
static PetscErrorCode Lanczos(const LbModel *model, int time, PetscReal *width)
{
  const PetscInt64 n = model->n;
  LbComplex       *v, *before, *w;
  PetscReal        alpha[STEPS], beta[STEPS + 1] = {0}, norm = 0, *t, *lambda, *vectors, low = 0, high = 0;
  int              m;

  PetscFunctionBegin;
  PetscCall(PetscCalloc3(n, &v, n, &before, n, &w));
  for (PetscInt64 i = 0; i < n; i++) {
    PetscReal z[2];

    TesRandomNormal(1, TES_STREAM_INITIAL_STATE, (uint32_t)i, (uint32_t)(i >> 32), 0, z);
    v[i] = z[0] + LB_I * z[1];
    norm += z[0] * z[0] + z[1] * z[1];
  }
  for (PetscInt64 i = 0; i < n; i++) v[i] /= PetscSqrtReal(norm);
  for (m = 0; m < PetscMin(STEPS, n);) {
    PetscReal a = 0, b = 0;

    PetscCall(PetscArrayzero(w, n));
    for (int k = 0; k < model->n_terms; k++)
      if (model->term[k].time == time) ProductApply(model, model->term[k].coef, &model->term[k].p, v, w);
    for (PetscInt64 i = 0; i < n; i++) a += creal(conj(v[i]) * w[i]);
    for (PetscInt64 i = 0; i < n; i++) {
      w[i] -= a * v[i] + beta[m] * before[i];
      b += creal(w[i] * conj(w[i]));
    }
    alpha[m]  = a;
    beta[++m] = PetscSqrtReal(b);
    if (beta[m] < 1e-12 * (PetscAbsReal(a) + 1)) break;
    for (PetscInt64 i = 0; i < n; i++) {
      before[i] = v[i];
      v[i]      = w[i] / beta[m];
    }
  }
  PetscCall(PetscFree3(v, before, w));
  PetscCall(PetscCalloc3(m * m, &t, 2 * m, &lambda, 2 * m * m, &vectors));
  for (int k = 0; k < m; k++) {
    t[k * m + k] = alpha[k];
    if (k + 1 < m) t[k * m + k + 1] = t[(k + 1) * m + k] = beta[k + 1];
  }
  PetscCall(TesEigen(m, t, lambda, vectors, NULL));
  low = high = lambda[0];
  for (int k = 1; k < m; k++) {
    low  = PetscMin(low, lambda[2 * k]);
    high = PetscMax(high, lambda[2 * k]);
  }
  *width = high - low;
  if (m >= STEPS) *width *= 1.01; /* sixty steps settle the extreme values of a local H to a few parts in a thousand */
  PetscCall(PetscFree3(t, lambda, vectors));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbSpectralBounds(const LbModel *model, PetscReal decay[], PetscReal width[])
{
  PetscFunctionBegin;
  for (int k = 0; k < model->n_times; k++) decay[k] = width[k] = 0;
  for (int j = 0; j < model->n_jumps; j++) {
    const LbJump *jump  = &model->jump[j];
    PetscReal     norm  = 0;
    PetscBool     ladder = PETSC_TRUE;

    for (int p = 0; p < jump->n; p++) {
      PetscReal one = creal(jump->part[p].coef * conj(jump->part[p].coef));
      PetscBool any = PETSC_FALSE;

      for (int q = 0; q < jump->part[p].p.n; q++) {
        const int d = model->dim[jump->part[p].p.site[q]];

        one *= NormSquared(d, jump->part[p].p.op[q]);
        if (Nilpotent(d, jump->part[p].p.op[q])) any = PETSC_TRUE;
      }
      norm += PetscSqrtReal(one);
      if (!any) ladder = PETSC_FALSE;
    }
    decay[jump->time] += (ladder && jump->n == 1 ? 1 : 2) * jump->rate * norm * norm;
  }
  for (int k = 0; k < model->n_times; k++) {
    PetscBool any = PETSC_FALSE;

    for (int t = 0; t < model->n_terms; t++)
      if (model->term[t].time == k) any = PETSC_TRUE;
    if (!any) continue;
    if (model->n > 0 && model->n <= (1 << 20)) {
      PetscCall(Lanczos(model, k, &width[k]));
      continue;
    }
    for (int t = 0; t < model->n_terms; t++) {
      PetscReal norm = cabs(model->term[t].coef);

      if (model->term[t].time != k) continue;
      for (int q = 0; q < model->term[t].p.n; q++) norm *= PetscSqrtReal(NormSquared(model->dim[model->term[t].p.site[q]], model->term[t].p.op[q]));
      width[k] += 2 * norm;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
