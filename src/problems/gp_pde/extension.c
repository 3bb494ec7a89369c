/* Fast Fourier extension: f on N equispaced nodes of [0, L] as a Fourier series of period 2L, by a low-rank correction of the FFT (the "AZ" idea of Coppe, Huybrechs,
   Matthysen and Webb), exact to rounding and without iteration.

     A c = Re sum_{m < bins} c_m exp(i omega_m x) on the nodes, omega_m = m pi/L:  a c2r transform of length n = 2(N-1), cut to N;
     Z u = r2c transform of u padded with zeros, divided by n, doubled for m >= 1, cut to the bins.
   Z is nearly an inverse of A: A - A Z A has low rank (about log N), so with Omega (bins x R, complex normal numbers, R = 20 + 12 ln N)
     S = A Omega - A Z A Omega = U D V',   D > 1e-13 D_1 kept,
   and for a right-hand side:  y = V D^-1 U'(f - A Z f),  c = Omega y + Z(f - A Omega y), as products in this order.

   Distribution: every rank makes whole columns of S (its share; transforms of single lines, so the bits do not depend on the rank count), a transpose gives rows, the SVD comes from
   the tree-QR of the rows. The basis U is made orthonormal once more (S V D^-1 has errors of eps/1e-13 in its weak columns). Omega is a function of seed, column and row: it is
   never stored but made again, by columns for S and by rows for Omega y. Single lines (f, c) are on every rank: 3 N numbers, as the coordinates.
   Cost: 3 R transforms of 2N points and 4 N R^2 flops over the ranks. Memory: 2 N R numbers over the ranks. */
#include "extension.h"
#include <tessera/fft.h>
#include <tessera/random.h>

#define DROP       1e-13
#define ROW_UNIT   1024 /* nodes per leaf of the tree-QR: several times R */
#define BIN_UNIT   256

PetscErrorCode GpExtensionCreate(MPI_Comm comm, PetscInt64 seed, PetscInt64 n, PetscReal fraction, GpExtension *x)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(x, sizeof(*x)));
  x->comm    = comm;
  x->seed    = seed;
  x->n       = n;
  x->period  = 2 * (n - 1);
  x->bins    = (PetscInt64)(fraction * (PetscReal)(n - 1)) + 1;
  x->columns = 20 + (PetscInt)PetscCeilReal(12 * PetscLogReal((PetscReal)n));
  PetscCall(TesPartitionCreate(comm, x->columns, 1, &x->cols));
  PetscCall(TesPartitionCreate(comm, n, ROW_UNIT, &x->rows));
  PetscCall(TesPartitionCreate(comm, x->bins, BIN_UNIT, &x->over));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpExtensionDestroy(GpExtension *x)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(x->sketch));
  PetscCall(PetscFree(x->q));
  PetscCall(PetscFree(x->back));
  PetscCall(PetscMemzero(x, sizeof(*x)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* exp(i pi m t) with the phase reduced before it is rounded: m t in two parts, so that bin 1e5 is as exact as bin 1 */
static void Wave(PetscInt64 m, PetscReal t, PetscReal *re, PetscReal *im)
{
  const PetscReal p = (PetscReal)m * t, rest = fma((PetscReal)m, t, -p), phase = PETSC_PI * (fmod(p, 2) + rest);

  *re = PetscCosReal(phase);
  *im = PetscSinReal(phase);
}

PetscErrorCode GpExtensionValues(const GpExtension *x, const PetscReal *c, PetscReal shift, PetscReal *values)
{
  PetscReal *spectrum, *line;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)(2 * x->n), &spectrum, (size_t)x->period, &line));
  PetscCall(PetscArrayzero(spectrum, (size_t)(2 * x->n)));
  for (PetscInt64 m = 0; m < x->bins; m++) {
    const PetscReal half = m ? 0.5 : 1; /* the transform adds the conjugate */
    PetscReal       re = 1, im = 0;

    if (shift != 0) Wave(m, shift / (PetscReal)(x->n - 1), &re, &im);
    spectrum[2 * m]     = half * (c[2 * m] * re - c[2 * m + 1] * im);
    spectrum[2 * m + 1] = half * (c[2 * m] * im + c[2 * m + 1] * re);
  }
  PetscCall(TesLineRFFTBackward(x->period, 1, spectrum, line));
  PetscCall(PetscArraycpy(values, line, (size_t)x->n));
  PetscCall(PetscFree2(spectrum, line));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpExtensionZ(const GpExtension *x, const PetscReal *u, PetscReal *c)
{
  PetscReal *spectrum, *line;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)(2 * x->n), &spectrum, (size_t)x->period, &line));
  PetscCall(PetscArrayzero(line, (size_t)x->period));
  PetscCall(PetscArraycpy(line, u, (size_t)x->n));
  PetscCall(TesLineRFFT(x->period, 1, line, spectrum));
  for (PetscInt64 m = 0; m < x->bins; m++) {
    const PetscReal scale = (m ? 2 : 1) / (PetscReal)x->period;

    c[2 * m]     = scale * spectrum[2 * m];
    c[2 * m + 1] = scale * spectrum[2 * m + 1];
  }
  PetscCall(PetscFree2(spectrum, line));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Rotation from bin to bin, set anew every 32 bins: a rounding error of some 32 eps. */
PetscReal GpExtensionAt(PetscInt64 bins, const PetscReal *c, PetscReal t)
{
  PetscReal step[2], block = 0, sum = 0, re = 1, im = 0;

  Wave(1, t, &step[0], &step[1]);
  for (PetscInt64 m = 0; m < bins; m++) {
    PetscReal next;

    if (m % 32 == 0) {
      sum += block;
      block = 0;
      Wave(m, t, &re, &im);
    }
    block += c[2 * m] * re - c[2 * m + 1] * im;
    next = re * step[0] - im * step[1];
    im   = re * step[1] + im * step[0];
    re   = next;
  }
  return sum + block;
}

static void RandomEntry(const GpExtension *x, PetscInt64 column, PetscInt64 m, PetscReal z[2])
{
  TesRandomNormal(x->seed, TES_STREAM_FOURIER_EXTENSION, (uint32_t)column, (uint32_t)m, 0, z);
}

PetscErrorCode GpExtensionSketch(GpExtension *x, PetscInt64 until)
{
  PetscReal *omega, *u;

  PetscFunctionBegin;
  until = PetscMin(until, x->cols.n_local);
  if (until <= x->sketched) PetscFunctionReturn(PETSC_SUCCESS);
  if (!x->sketch) PetscCall(PetscMalloc1((size_t)(x->cols.n_local * x->n), &x->sketch));
  PetscCall(PetscMalloc2((size_t)(2 * x->bins), &omega, (size_t)x->n, &u));
  for (; x->sketched < until; x->sketched++) {
    PetscReal *s = x->sketch + x->sketched * x->n;

    for (PetscInt64 m = 0; m < x->bins; m++) RandomEntry(x, x->cols.first + x->sketched, m, omega + 2 * m);
    PetscCall(GpExtensionValues(x, omega, 0, u));
    PetscCall(GpExtensionZ(x, u, omega));
    PetscCall(GpExtensionValues(x, omega, 0, s));
    for (PetscInt64 i = 0; i < x->n; i++) s[i] = u[i] - s[i];
  }
  PetscCall(PetscFree2(omega, u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* out = in m, unit by unit: in [rows][k], m [k][r] */
static PetscErrorCode RowsTimes(const TesPartition *part, PetscInt k, PetscInt r, const PetscReal *in, const PetscReal *m, PetscReal *out)
{
  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < part->n_local; i += part->unit)
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, (PetscInt)PetscMin(part->unit, part->n_local - i), r, k, 1, in + i * k, m, 0, out + i * r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpExtensionFactor(GpExtension *x)
{
  const PetscInt r = x->columns;
  PetscInt       k = 0;
  PetscReal     *rows, *basis, *triangle, *sv, *vt, *weak, *inverse;

  PetscFunctionBegin;
  if (x->q || x->back) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc1((size_t)(x->rows.n_local * r), &rows));
  PetscCall(TesTranspose(x->comm, &x->cols, &x->rows, 1, x->sketch, rows));
  PetscCall(PetscFree(x->sketch));
  PetscCall(PetscMalloc5((size_t)r * (size_t)r, &triangle, r, &sv, (size_t)r * (size_t)r, &vt, (size_t)r * (size_t)r, &weak, (size_t)r * (size_t)r, &inverse));
  PetscCall(TesTallR(x->comm, &x->rows, r, rows, triangle));
  PetscCall(TesSVD(r, r, triangle, NULL, sv, vt));
  while (k < r && sv[k] > DROP * sv[0]) k++;
  x->kept = k;
  for (PetscInt i = 0; i < r; i++)
    for (PetscInt j = 0; j < k; j++) weak[i * k + j] = vt[j * r + i] / sv[j];
  PetscCall(PetscMalloc1((size_t)(x->rows.n_local * k), &basis));
  PetscCall(RowsTimes(&x->rows, r, k, rows, weak, basis));
  PetscCall(PetscFree(rows));
  PetscCall(TesTallR(x->comm, &x->rows, k, basis, triangle));
  PetscCall(PetscArrayzero(inverse, (size_t)k * (size_t)k));
  for (PetscInt j = 0; j < k; j++) inverse[j * k + j] = 1;
  PetscCall(TesLUSolve(k, k, triangle, inverse));
  PetscCall(PetscMalloc1((size_t)(x->rows.n_local * k), &x->q));
  PetscCall(PetscMalloc1((size_t)r * (size_t)k, &x->back));
  PetscCall(RowsTimes(&x->rows, k, k, basis, inverse, x->q));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, r, k, k, 1, weak, inverse, 0, x->back));
  PetscCall(PetscFree(basis));
  PetscCall(PetscFree5(triangle, sv, vt, weak, inverse));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* h = Omega y on every rank: each rank its bins, then gathered */
static PetscErrorCode RandomTimes(const GpExtension *x, const PetscReal *y, PetscReal *h)
{
  PetscMPIInt size, *counts, *firsts;
  PetscReal  *mine;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(x->comm, &size));
  PetscCall(PetscMalloc3(size, &counts, size, &firsts, (size_t)(2 * x->over.n_local), &mine));
  for (PetscInt64 i = 0; i < x->over.n_local; i++) {
    PetscReal re = 0, im = 0, z[2];

    for (PetscInt j = 0; j < x->columns; j++) {
      RandomEntry(x, j, x->over.first + i, z);
      re += z[0] * y[j];
      im += z[1] * y[j];
    }
    mine[2 * i]     = re;
    mine[2 * i + 1] = im;
  }
  for (PetscMPIInt p = 0; p < size; p++) {
    PetscInt64 first, n_local;

    TesPartitionRange(&x->over, p, &first, &n_local);
    counts[p] = (PetscMPIInt)(2 * n_local);
    firsts[p] = (PetscMPIInt)(2 * first);
  }
  PetscCallMPI(MPI_Allgatherv(mine, (PetscMPIInt)(2 * x->over.n_local), MPIU_REAL, h, counts, firsts, MPIU_REAL, x->comm));
  PetscCall(PetscFree3(counts, firsts, mine));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpExtensionSolve(const GpExtension *x, const PetscReal *f, PetscReal *c)
{
  const PetscInt k = x->kept;
  PetscReal     *g, *leaf, *t, *y, *h;

  PetscFunctionBegin;
  PetscCall(PetscMalloc5((size_t)x->n, &g, (size_t)(x->rows.n_units_local * k), &leaf, k, &t, x->columns, &y, (size_t)(2 * x->bins), &h));
  PetscCall(GpExtensionZ(x, f, c));
  PetscCall(GpExtensionValues(x, c, 0, g));
  for (PetscInt64 i = 0; i < x->n; i++) g[i] = f[i] - g[i];
  for (PetscInt64 u = 0, row = 0; u < x->rows.n_units_local; u++) {
    const PetscInt rows = (PetscInt)PetscMin(x->rows.unit, x->rows.n_local - row);

    PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, k, 1, rows, 1, x->q + row * k, g + x->rows.first + row, 0, leaf + u * k));
    row += rows;
  }
  PetscCall(TesSumOrderedUnits(x->comm, &x->rows, k, leaf, t));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, x->columns, 1, k, 1, x->back, t, 0, y));
  PetscCall(RandomTimes(x, y, h));
  PetscCall(GpExtensionValues(x, h, 0, g));
  for (PetscInt64 i = 0; i < x->n; i++) g[i] = f[i] - g[i];
  PetscCall(GpExtensionZ(x, g, c));
  for (PetscInt64 m = 0; m < 2 * x->bins; m++) c[m] += h[m];
  PetscCall(PetscFree5(g, leaf, t, y, h));
  PetscFunctionReturn(PETSC_SUCCESS);
}
