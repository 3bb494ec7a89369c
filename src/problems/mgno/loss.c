/* Losses of a sample, relative, with gradients; e = o - y.

     l2           |e| / |y|
     h1_spectral  |w F e| / |w F y|, F the orthonormal transform, w^2 = 1 + sum_d kappa_d^2, kappa = |k| if |k| < h1_cut else 0 (whole wave numbers);
                  gradient F*(w^2 F e) / (|w F e| |w F y|)
     h1_fd        N(e) / N(y), N(e)^2 = sum h1_mass e^2 + sum_d (D_d e)^2, D central differences, one-sided at the ends (periodic: wrapped), spacing h;
                  train.h1_scale: absolute leaves N(y) out
     energy       sqrt(e' A e) / sqrt(y' A y) with the stencil A of the equation for the sample's coefficient
     residual     |f - A o| / |f|: needs no truth
   If e = 0 the gradient is 0. Transforms hold half of the spectrum: modes 0 < k < n/2 of the fastest dimension count twice. */
#include "loss.h"

struct _MgnoLoss {
  const Mgno  *m;
  MgnoLossKind kind;
  PetscInt     channels;
  PetscReal    mass;
  PetscBool    absolute;
  TesFFT       fft;
  PetscInt64   modes;
  PetscReal   *w2, *count;         /* [modes] w^2; how often a stored mode counts, over the number of points */
  PetscReal   *e, *spectrum, *work; /* [points]; [2 modes]; [points] */
  MgnoElliptic elliptic;
  PetscReal   *a, *f;              /* coefficient with its border, right-hand side */
};

static PetscErrorCode OpenSpectral(MgnoLoss s)
{
  const Mgno      *m = s->m;
  PetscInt64       n[MGNO_DIM];
  const PetscInt64 half = m->n[0] / 2 + 1;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < MGNO_DIM; d++) n[d] = m->n[d];
  PetscCall(TesFFTCreate(PETSC_COMM_SELF, TES_FFT_R2C, m->grid.dim, n, NULL, &s->fft));
  s->modes = half * (m->points / n[0]);
  PetscCall(PetscMalloc3(s->modes, &s->w2, s->modes, &s->count, 2 * s->modes, &s->spectrum));
  for (PetscInt64 i = 0; i < s->modes; i++) {
    PetscInt64 k[MGNO_DIM] = {i % half, i / half % n[1], i / half / n[1]};

    s->w2[i] = 1;
    for (PetscInt d = 0; d < m->grid.dim; d++) {
      if (2 * k[d] > n[d]) k[d] = n[d] - k[d];
      if (k[d] < m->train.h1_cut) s->w2[i] += (PetscReal)(k[d] * k[d]);
    }
    s->count[i] = (k[0] == 0 || 2 * k[0] == n[0] ? 1 : 2) / (PetscReal)m->points;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoLossCreate(const Mgno *m, MgnoLossKind kind, PetscInt channels, PetscReal mass, MgnoLoss *loss)
{
  MgnoLoss s;

  PetscFunctionBegin;
  PetscCall(PetscNew(&s));
  *loss       = s;
  s->m        = m;
  s->kind     = kind;
  s->channels = channels;
  s->mass     = mass;
  PetscCall(PetscMalloc2(m->points, &s->e, m->points, &s->work));
  if (kind == MGNO_H1_SPECTRAL) PetscCall(OpenSpectral(s));
  if (kind == MGNO_ENERGY || kind == MGNO_RESIDUAL) PetscCall(MgnoStencilCreate(m, &s->elliptic, &s->a, &s->f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void MgnoLossAbsolute(MgnoLoss s)
{
  s->absolute = PETSC_TRUE;
}

PetscErrorCode MgnoLossDestroy(MgnoLoss *loss)
{
  MgnoLoss s = *loss;

  PetscFunctionBegin;
  if (!s) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesFFTDestroy(&s->fft));
  PetscCall(PetscFree3(s->w2, s->count, s->spectrum));
  PetscCall(PetscFree2(s->e, s->work));
  PetscCall(MgnoEllipticDestroy(&s->elliptic));
  PetscCall(PetscFree2(s->a, s->f));
  PetscCall(PetscFree(*loss));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* quadratic form q(v, v) of the loss for one channel, and, if wanted, the operator applied to v */
static PetscErrorCode Form(MgnoLoss s, const PetscReal *v, PetscReal *value, PetscReal *applied)
{
  const Mgno *m = s->m;
  PetscReal   sum = 0;

  PetscFunctionBegin;
  switch (s->kind) {
  case MGNO_L2:
    for (PetscInt64 i = 0; i < m->points; i++) sum += v[i] * v[i];
    if (applied) PetscCall(PetscArraycpy(applied, v, m->points));
    break;
  case MGNO_H1_SPECTRAL:
    PetscCall(TesFFTForward(s->fft, v, s->spectrum));
    for (PetscInt64 i = 0; i < s->modes; i++) {
      sum += s->count[i] * s->w2[i] * (s->spectrum[2 * i] * s->spectrum[2 * i] + s->spectrum[2 * i + 1] * s->spectrum[2 * i + 1]);
      s->spectrum[2 * i] *= s->w2[i] / (PetscReal)m->points;
      s->spectrum[2 * i + 1] *= s->w2[i] / (PetscReal)m->points;
    }
    if (applied) PetscCall(TesFFTBackward(s->fft, s->spectrum, applied));
    break;
  case MGNO_H1_FD: {
    PetscInt64 stride = 1;

    for (PetscInt64 i = 0; i < m->points; i++) sum += s->mass * v[i] * v[i];
    for (PetscInt64 i = 0; i < m->points && applied; i++) applied[i] = s->mass * v[i];
    for (PetscInt d = 0; d < m->grid.dim; stride *= m->n[d], d++)
      for (PetscInt64 i = 0; i < m->points; i++) {
        const PetscInt64 at = i / stride % m->n[d];
        PetscInt64       low = at > 0 ? i - stride : i, high = at + 1 < m->n[d] ? i + stride : i;
        PetscReal        slope, step;

        if (m->grid.layout == MGNO_PERIODIC) {
          if (at == 0) low = i + (m->n[d] - 1) * stride;
          if (at + 1 == m->n[d]) high = i - (m->n[d] - 1) * stride;
          step = 2 * m->h[d];
        } else {
          step = (PetscReal)((high - low) / stride) * m->h[d];
        }
        slope = (v[high] - v[low]) / step;
        sum += slope * slope;
        if (applied) {
          applied[high] += slope / step;
          applied[low] -= slope / step;
        }
      }
    break;
  }
  case MGNO_ENERGY:
  case MGNO_RESIDUAL:
    PetscCall(MgnoStencilApply(m, s->elliptic, v, s->work));
    for (PetscInt64 i = 0; i < m->points; i++) sum += v[i] * s->work[i];
    if (applied) PetscCall(PetscArraycpy(applied, s->work, m->points));
    break;
  }
  *value = sum;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* |f - A o| / |f| and its gradient - A (f - A o) / (|f - A o| |f|); A is symmetric */
static PetscErrorCode Residual(MgnoLoss s, const PetscReal *o, PetscReal *value, PetscReal *bar)
{
  const Mgno *m = s->m;
  PetscReal   size = 0, sum = 0;

  PetscFunctionBegin;
  PetscCall(MgnoStencilApply(m, s->elliptic, o, s->e));
  PetscCall(MgnoStencilRhs(m, s->f, s->work));
  for (PetscInt64 i = 0; i < m->points; i++) {
    s->e[i] = s->work[i] - s->e[i];
    size += s->work[i] * s->work[i];
    sum += s->e[i] * s->e[i];
  }
  *value = PetscSqrtReal(sum / size);
  if (bar) {
    PetscCall(MgnoStencilApply(m, s->elliptic, s->e, bar));
    for (PetscInt64 i = 0; i < m->points; i++) bar[i] *= sum > 0 ? -1 / PetscSqrtReal(sum * size) : 0;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoLossValue(MgnoLoss s, PetscInt64 sample, const PetscReal *x, const PetscReal *o, const PetscReal *y, PetscReal *value, PetscReal *bar)
{
  const PetscInt64 n = s->m->points;
  PetscReal        error = 0, size = 0, part;

  PetscFunctionBegin;
  if (s->elliptic) PetscCall(MgnoStencilCoefficient(s->m, s->elliptic, x, s->a, s->f));
  if (s->kind == MGNO_RESIDUAL) {
    PetscCall(Residual(s, o, value, bar));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt c = 0; c < s->channels; c++) {
    PetscCall(Form(s, y + c * n, &part, NULL));
    size += part;
    for (PetscInt64 i = 0; i < n; i++) s->e[i] = o[c * n + i] - y[c * n + i];
    PetscCall(Form(s, s->e, &part, bar ? bar + c * n : NULL));
    error += part;
  }
  PetscCheck(size > 0, PETSC_COMM_SELF, TES_ERR_NUMBERS, "sample %" PetscInt64_FMT ": the norm of the wanted output is %g: a relative error has no meaning", sample, (double)size);
  if (s->absolute) size = 1;
  *value = PetscSqrtReal(error / size);
  for (PetscInt64 i = 0; bar && i < n * s->channels; i++) bar[i] *= error > 0 ? 1 / PetscSqrtReal(error * size) : 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}
