/* Gaussian random fields by fast transforms of random modes.

   Neumann (MATLAB's idct2 in the data generator of the Fourier neural operator):  L_k = tau^(alpha-1) (pi^2 |k|^2 + tau^2)^(-alpha/2), the field is
   sum_k xi_k L_k prod_j c_kj cos(pi k_j x_j) with c_0 = 1 and c_k = sqrt 2. On cell centres that is a DCT-III, which sums X_0 + 2 sum X_k cos: mode k is
   fed with c_k / 2 (k > 0); on vertices a DCT-I, which sums X_0 + (+-) X_{n-1} + 2 sum X_k cos: the last mode is fed with c_k.
   Periodic: the real part of a complex transform with independent real and imaginary parts.

   Mode k of sample s has the counter (s, k_1, k_2 + 65536 k_3), so a field does not depend on the grid, but for the modes that the grid cannot hold.
   Work is split as the transform splits its rows; cost of one field: a Philox block and a power per mode, and one transform. */
#include <math.h>
#include <tessera/fft.h>
#include <tessera/random.h>

struct _p_TesGrf {
  TesGrfKind kind;
  PetscInt   dim;
  PetscInt64 n[3];
  PetscReal  alpha, tau;
  TesFFT     fft;
  PetscInt64 n_in;      /* local modes */
  PetscReal *scale;     /* [n_in] what the normal of each mode is multiplied by */
  PetscReal *modes;     /* input of the transform: one real per mode, periodic: a complex number */
  PetscReal *values;    /* output of the periodic transform */
};

/* mode number of index i in a dimension: periodic ones run 0 .. n/2, then the negative ones */
static PetscInt64 Wave(const struct _p_TesGrf *g, PetscInt d, PetscInt64 i)
{
  return g->kind == TES_GRF_PERIODIC && i > g->n[d] / 2 ? i - g->n[d] : i;
}

static void ModeOf(const struct _p_TesGrf *g, PetscInt64 local, PetscInt64 k[3])
{
  PetscInt64 index = local;
  PetscInt64 row   = 1;

  for (PetscInt d = 0; d + 1 < g->dim; d++) row *= g->n[d];
  index += TesFFTInput(g->fft)->first * row;
  k[0] = k[1] = k[2] = 0;
  for (PetscInt d = 0; d < g->dim; d++) {
    k[d] = Wave(g, d, index % g->n[d]);
    index /= g->n[d];
  }
}

static PetscReal ScaleOf(const struct _p_TesGrf *g, const PetscInt64 k[3])
{
  const PetscReal w      = g->kind == TES_GRF_PERIODIC ? 2 * PETSC_PI : PETSC_PI;
  PetscReal       square = 0, factor = 1;

  for (PetscInt d = 0; d < g->dim; d++) {
    square += (PetscReal)(k[d] * k[d]);
    if (g->kind == TES_GRF_CELLS && k[d]) factor *= PETSC_SQRT2 / 2;
    if (g->kind == TES_GRF_VERTICES && k[d]) factor *= k[d] == g->n[d] - 1 ? PETSC_SQRT2 : PETSC_SQRT2 / 2;
    if (g->kind == TES_GRF_PERIODIC && (2 * k[d] >= g->n[d] || -2 * k[d] >= g->n[d])) factor = 0; /* the highest wave has no partner */
  }
  if (square == 0) return 0;
  if (g->kind == TES_GRF_PERIODIC) factor *= PETSC_SQRT2;
  return factor * PetscPowReal(g->tau, g->alpha - 1) * PetscPowReal(w * w * square + g->tau * g->tau, -g->alpha / 2);
}

PetscErrorCode TesGrfCreate(MPI_Comm comm, TesGrfKind kind, PetscInt dim, const PetscInt64 n[], PetscReal alpha, PetscReal tau, TesGrf *grf)
{
  const TesR2RKind cells[3] = {TES_R2R_DCT3, TES_R2R_DCT3, TES_R2R_DCT3}, vertices[3] = {TES_R2R_DCT1, TES_R2R_DCT1, TES_R2R_DCT1};
  TesGrf           g;
  PetscInt64       row = 1;

  PetscFunctionBegin;
  PetscCheck(alpha > 0 && tau > 0, comm, PETSC_ERR_ARG_OUTOFRANGE, "exponent %g and inverse length %g must be positive", (double)alpha, (double)tau);
  PetscCall(PetscNew(&g));
  g->kind  = kind;
  g->dim   = dim;
  g->alpha = alpha;
  g->tau   = tau;
  for (PetscInt d = 0; d < dim; d++) {
    PetscCheck(n[d] >= 2 && n[d] < 65536, comm, PETSC_ERR_ARG_OUTOFRANGE, "%" PetscInt64_FMT " points per dimension: from 2 to 65535", n[d]);
    g->n[d] = n[d];
    if (d + 1 < dim) row *= n[d];
  }
  PetscCall(TesFFTCreate(comm, kind == TES_GRF_PERIODIC ? TES_FFT_C2C : TES_FFT_R2R, dim, n, kind == TES_GRF_CELLS ? cells : vertices, &g->fft));
  g->n_in = TesFFTInput(g->fft)->n_local * row;
  PetscCall(PetscMalloc3(g->n_in + 1, &g->scale, 2 * g->n_in + 2, &g->modes, kind == TES_GRF_PERIODIC ? 2 * TesFFTOutput(g->fft)->n_local * row + 2 : 1, &g->values));
  for (PetscInt64 i = 0; i < g->n_in; i++) {
    PetscInt64 k[3];

    ModeOf(g, i, k);
    g->scale[i] = ScaleOf(g, k);
  }
  *grf = g;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesGrfSample(TesGrf g, PetscInt64 seed, PetscInt64 sample, PetscReal *field)
{
  PetscFunctionBegin;
  PetscCheck(sample >= 0 && sample <= UINT32_MAX, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "sample %" PetscInt64_FMT, sample);
  for (PetscInt64 i = 0; i < g->n_in; i++) {
    PetscInt64 k[3];
    PetscReal  z[2];

    ModeOf(g, i, k);
    TesRandomNormal(seed, TES_STREAM_RANDOM_FIELD, (uint32_t)sample, (uint32_t)(k[0] & 0xffff), (uint32_t)((k[1] & 0xffff) | (k[2] & 0xffff) << 16), z);
    if (g->kind == TES_GRF_PERIODIC) {
      g->modes[2 * i]     = g->scale[i] * z[0];
      g->modes[2 * i + 1] = g->scale[i] * z[1];
    } else {
      g->modes[i] = g->scale[i] * z[0];
    }
  }
  if (g->kind == TES_GRF_PERIODIC) {
    PetscCall(TesFFTBackward(g->fft, g->modes, g->values));
    for (PetscInt64 i = 0; i < g->n_in; i++) field[i] = g->values[2 * i];
  } else {
    PetscCall(TesFFTForward(g->fft, g->modes, field));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

const TesPartition *TesGrfPartition(TesGrf grf)
{
  return TesFFTInput(grf->fft);
}

PetscErrorCode TesGrfDestroy(TesGrf *grf)
{
  PetscFunctionBegin;
  if (!*grf) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesFFTDestroy(&(*grf)->fft));
  PetscCall(PetscFree3((*grf)->scale, (*grf)->modes, (*grf)->values));
  PetscCall(PetscFree(*grf));
  PetscFunctionReturn(PETSC_SUCCESS);
}
