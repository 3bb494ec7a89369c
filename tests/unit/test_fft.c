/* Transforms against the direct sum of their definition, against known modes, Parseval, forward and backward, a spectral derivative. */
#include <math.h>
#include <tessera/fft.h>
#include <tessera/random.h>
#include <tessera/sum.h>
#include <tessera/test.h>

#define EPS PETSC_MACHINE_EPSILON

/* value of global real number `index` of the input; the same for every rank count */
static PetscReal Sample(PetscInt64 index)
{
  PetscReal z[2];

  TesRandomNormal(3, TES_STREAM_TEST, (uint32_t)index, 0, 0, z);
  return z[0];
}

static PetscErrorCode FillInput(TesFFT fft, PetscReal *x)
{
  const TesPartition *part = TesFFTInput(fft);
  const PetscInt64    row  = TesFFTInputRow(fft);

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < part->n_local * row; i++) x[i] = Sample(part->first * row + i);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Arrays(TesFFT fft, PetscReal **in, PetscReal **out)
{
  PetscFunctionBegin;
  PetscCall(PetscMalloc2(TesFFTInput(fft)->n_local * TesFFTInputRow(fft) + 1, in, TesFFTOutput(fft)->n_local * TesFFTOutputRow(fft) + 1, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* weight of point j in coefficient k of a real transform, as FFTW's manual defines the kinds */
static PetscReal RealKernel(TesR2RKind kind, PetscInt64 n, PetscInt64 j, PetscInt64 k)
{
  const PetscReal a = (PetscReal)j, b = (PetscReal)k, m = (PetscReal)n;

  switch (kind) {
  case TES_R2R_DCT1: return (j == 0 || j == n - 1 ? 1 : 2) * cos(PETSC_PI * a * b / (m - 1));
  case TES_R2R_DCT2: return 2 * cos(PETSC_PI * (a + 0.5) * b / m);
  case TES_R2R_DCT3: return (j == 0 ? 1 : 2) * cos(PETSC_PI * a * (b + 0.5) / m);
  case TES_R2R_DST1: return 2 * sin(PETSC_PI * (a + 1) * (b + 1) / (m + 1));
  case TES_R2R_DST2: return 2 * sin(PETSC_PI * (a + 0.5) * (b + 1) / m);
  case TES_R2R_DST3: return j == n - 1 ? (k % 2 ? -1 : 1) : 2 * sin(PETSC_PI * (a + 1) * (b + 0.5) / m);
  }
  return 0;
}

/* coefficient (k0, k1, k2) by the defining sum over all points, x fastest */
static void DirectSum(TesFFTType type, const PetscInt64 n[3], const TesR2RKind kinds[3], PetscInt dim, const PetscInt64 k[3], PetscReal sum[2])
{
  sum[0] = sum[1] = 0;
  for (PetscInt64 z = 0; z < n[2]; z++)
    for (PetscInt64 y = 0; y < n[1]; y++)
      for (PetscInt64 x = 0; x < n[0]; x++) {
        const PetscInt64 index = (z * n[1] + y) * n[0] + x, j[3] = {x, y, z};

        if (type == TES_FFT_R2R) {
          PetscReal weight = 1;

          for (PetscInt d = 0; d < dim; d++) weight *= RealKernel(kinds[d], n[d], j[d], k[d]);
          sum[0] += weight * Sample(index);
        } else {
          PetscReal turn = 0;

          for (PetscInt d = 0; d < 3; d++) turn += (PetscReal)(j[d] * k[d] % n[d]) / (PetscReal)n[d];
          {
            const PetscReal c = cos(2 * PETSC_PI * turn), s = -sin(2 * PETSC_PI * turn);
            const PetscReal re = type == TES_FFT_C2C ? Sample(2 * index) : Sample(index), im = type == TES_FFT_C2C ? Sample(2 * index + 1) : 0;

            sum[0] += re * c - im * s;
            sum[1] += re * s + im * c;
          }
        }
      }
}

/* forward against the direct sum, backward after forward against the input; both relative to the size of what they add up */
static PetscErrorCode CheckTransform(TesFFTType type, PetscInt dim, const PetscInt64 size[], const TesR2RKind kinds[])
{
  const PetscInt64    n[3] = {size[0], dim > 1 ? size[1] : 1, dim > 2 ? size[2] : 1}, fast = type == TES_FFT_R2C ? n[0] / 2 + 1 : n[0];
  const PetscInt      parts = type == TES_FFT_R2R ? 1 : 2;
  const TesPartition *part;
  TesFFT              fft;
  PetscReal          *in, *out, *back, worst = 0, worst_back = 0, points = (PetscReal)(n[0] * n[1] * n[2]), scale;
  PetscInt64          changed = 0;

  PetscFunctionBegin;
  PetscCall(TesFFTCreate(PETSC_COMM_WORLD, type, dim, size, kinds, &fft));
  PetscCall(Arrays(fft, &in, &out));
  PetscCall(PetscMalloc1(TesFFTInput(fft)->n_local * TesFFTInputRow(fft) + 1, &back));
  PetscCall(FillInput(fft, in));
  PetscCall(TesFFTForward(fft, in, out));
  part  = TesFFTOutput(fft);
  scale = sqrt(points) * pow(2, type == TES_FFT_R2R ? dim : 0); /* size of a coefficient of white noise */
  for (PetscInt64 i = 0; i < part->n_local * TesFFTOutputRow(fft); i += parts) {
    const PetscInt64 at = (part->first * TesFFTOutputRow(fft) + i) / parts, k[3] = {at % fast, at / fast % n[1], at / fast / n[1]};
    PetscReal        want[2];

    DirectSum(type, n, kinds, dim, k, want);
    for (PetscInt c = 0; c < parts; c++) worst = PetscMax(worst, fabs(out[i + c] - want[c]) / scale);
  }
  PetscCall(TesFFTBackward(fft, out, back));
  for (PetscInt64 i = 0; i < TesFFTInput(fft)->n_local * TesFFTInputRow(fft); i++) {
    changed += in[i] != Sample(TesFFTInput(fft)->first * TesFFTInputRow(fft) + i);
    worst_back = PetscMax(worst_back, fabs(back[i] / TesFFTScale(fft) - in[i]));
  }
  TES_CHECK_INT(changed, 0);
  /* the direct sum is the less accurate: sqrt(points) terms' roundings relative to the coefficient, arguments to 2 pi eps */
  if (!TES_CHECK_AT_MOST(worst, 8 * EPS * sqrt(points))) printf("#   type %d, %dD, %d x %d x %d\n", (int)type, (int)dim, (int)n[0], (int)n[1], (int)n[2]);
  TES_CHECK_AT_MOST(worst_back, 8 * EPS * log2(points + 1)); /* values of size 4, O(log n) roundings each way */
  PetscCall(PetscFree2(in, out));
  PetscCall(PetscFree(back));
  PetscCall(TesFFTDestroy(&fft));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const PetscInt64 boxes[][3] = {{8, 6, 5}, {7, 9, 3}, {5, 2, 1}, {12, 1, 4}, {3, 4, 11}, {1, 1, 1}, {1, 6, 2}};

static PetscErrorCode ComplexTransformsAreTheDirectSum(void)
{
  static const PetscInt64 lines[] = {1, 2, 7, 12, 60, 64, 97, 144};

  PetscFunctionBegin;
  for (int i = 0; i < 8; i++) PetscCall(CheckTransform(TES_FFT_C2C, 1, &lines[i], NULL));
  for (size_t i = 0; i < PETSC_STATIC_ARRAY_LENGTH(boxes); i++) {
    PetscCall(CheckTransform(TES_FFT_C2C, 2, boxes[i], NULL));
    PetscCall(CheckTransform(TES_FFT_C2C, 3, boxes[i], NULL));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RealTransformsAreTheDirectSum(void)
{
  static const PetscInt64 lines[] = {1, 2, 9, 16, 45};

  PetscFunctionBegin;
  for (int i = 0; i < 5; i++) PetscCall(CheckTransform(TES_FFT_R2C, 1, &lines[i], NULL));
  for (size_t i = 0; i < PETSC_STATIC_ARRAY_LENGTH(boxes); i++) {
    PetscCall(CheckTransform(TES_FFT_R2C, 2, boxes[i], NULL));
    PetscCall(CheckTransform(TES_FFT_R2C, 3, boxes[i], NULL));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CosinesAndSinesAreTheDirectSum(void)
{
  static const TesR2RKind kinds[][3] = {{TES_R2R_DCT1, TES_R2R_DCT2, TES_R2R_DCT3}, {TES_R2R_DST1, TES_R2R_DST2, TES_R2R_DST3}, {TES_R2R_DCT2, TES_R2R_DST1, TES_R2R_DCT1}};
  static const PetscInt64 sizes[][3] = {{8, 6, 5}, {7, 9, 3}, {5, 2, 2}, {2, 2, 12}};

  PetscFunctionBegin;
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < 4; i++)
      for (PetscInt dim = 1; dim <= 3; dim++) PetscCall(CheckTransform(TES_FFT_R2R, dim, sizes[i], kinds[k]));
  for (int kind = 0; kind < 6; kind++) {
    const PetscInt64 n   = 11;
    const TesR2RKind one = (TesR2RKind)kind;

    PetscCall(CheckTransform(TES_FFT_R2R, 1, &n, &one));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AModeHasOneCoefficient(void)
{
  const PetscInt64    n[2] = {32, 20};
  const TesPartition *part;
  TesFFT              fft;
  PetscReal          *u, *spectrum, elsewhere = 0, there = 0, all, all_there;

  PetscFunctionBegin;
  PetscCall(TesFFTCreate(PETSC_COMM_WORLD, TES_FFT_R2C, 2, n, NULL, &fft));
  PetscCall(Arrays(fft, &u, &spectrum));
  part = TesFFTInput(fft);
  for (PetscInt64 j = 0; j < part->n_local; j++)
    for (PetscInt64 i = 0; i < n[0]; i++) u[j * n[0] + i] = cos(2 * PETSC_PI * (5 * (PetscReal)i / 32 - 3 * (PetscReal)(part->first + j) / 20));
  PetscCall(TesFFTForward(fft, u, spectrum));
  part = TesFFTOutput(fft);
  for (PetscInt64 j = 0; j < part->n_local; j++)
    for (PetscInt64 i = 0; i < 17; i++) {
      const PetscReal size = hypot(spectrum[(j * 17 + i) * 2], spectrum[(j * 17 + i) * 2 + 1]);

      if (i == 5 && part->first + j == 17) there = size; /* k_y = -3 */
      else elsewhere = PetscMax(elsewhere, size);
    }
  PetscCall(TesMaxAll(PETSC_COMM_WORLD, elsewhere, &all));
  PetscCall(TesMaxAll(PETSC_COMM_WORLD, there, &all_there));
  TES_CHECK_NEAR(all_there, 320, 320 * 16 * EPS);
  TES_CHECK_AT_MOST(all, 320 * 16 * EPS);
  PetscCall(PetscFree2(u, spectrum));
  PetscCall(TesFFTDestroy(&fft));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EnergyIsThatOfTheSpectrum(void)
{
  const PetscInt64    n[3] = {12, 10, 9};
  const TesPartition *part;
  TesFFT              fft;
  PetscReal          *u, *spectrum, local[2] = {0, 0}, energy[2];

  PetscFunctionBegin;
  PetscCall(TesFFTCreate(PETSC_COMM_WORLD, TES_FFT_R2C, 3, n, NULL, &fft));
  PetscCall(Arrays(fft, &u, &spectrum));
  PetscCall(FillInput(fft, u));
  PetscCall(TesFFTForward(fft, u, spectrum));
  for (PetscInt64 i = 0; i < TesFFTInput(fft)->n_local * TesFFTInputRow(fft); i++) local[0] += u[i] * u[i];
  part = TesFFTOutput(fft);
  for (PetscInt64 i = 0; i < part->n_local * TesFFTOutputRow(fft); i++) {
    const PetscInt64 k = i / 2 % 7;

    local[1] += (k == 0 || k == 6 ? 1 : 2) * spectrum[i] * spectrum[i] / 1080; /* the other half is the conjugate */
  }
  PetscCallMPI(MPI_Allreduce(local, energy, 2, MPIU_REAL, MPI_SUM, PETSC_COMM_WORLD));
  TES_CHECK_AT_LEAST(energy[0], 900);
  TES_CHECK_NEAR(energy[1] / energy[0], 1, 32 * EPS);
  PetscCall(PetscFree2(u, spectrum));
  PetscCall(TesFFTDestroy(&fft));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SpectralDerivativeIsExactForTrigonometricPolynomials(void)
{
  const PetscInt64    n[2] = {48, 36}, half = 25;
  const TesPartition *part;
  TesFFT              fft;
  PetscReal          *u, *spectrum, worst = 0;

  PetscFunctionBegin;
  PetscCall(TesFFTCreate(PETSC_COMM_WORLD, TES_FFT_R2C, 2, n, NULL, &fft));
  PetscCall(Arrays(fft, &u, &spectrum));
  part = TesFFTInput(fft);
  for (PetscInt64 j = 0; j < part->n_local; j++)
    for (PetscInt64 i = 0; i < n[0]; i++) {
      const PetscReal x = 2 * PETSC_PI * (PetscReal)i / (PetscReal)n[0], y = 2 * PETSC_PI * (PetscReal)(part->first + j) / (PetscReal)n[1];

      u[j * n[0] + i] = sin(10 * x) * cos(7 * y) + cos(x);
    }
  PetscCall(TesFFTForward(fft, u, spectrum));
  part = TesFFTOutput(fft);
  for (PetscInt64 j = 0; j < part->n_local; j++) { /* d/dy: multiply by i k_y */
    const PetscInt64 g = part->first + j;
    const PetscReal  k = (PetscReal)(2 * g < n[1] ? g : 2 * g == n[1] ? 0 : g - n[1]) / TesFFTScale(fft);

    for (PetscInt64 i = 0; i < half; i++) {
      PetscReal *c = spectrum + (j * half + i) * 2, re = c[0];

      c[0] = -k * c[1];
      c[1] = k * re;
    }
  }
  PetscCall(TesFFTBackward(fft, spectrum, u));
  part = TesFFTInput(fft);
  for (PetscInt64 j = 0; j < part->n_local; j++)
    for (PetscInt64 i = 0; i < n[0]; i++) {
      const PetscReal x = 2 * PETSC_PI * (PetscReal)i / (PetscReal)n[0], y = 2 * PETSC_PI * (PetscReal)(part->first + j) / (PetscReal)n[1];

      worst = PetscMax(worst, fabs(u[j * n[0] + i] + 7 * sin(10 * x) * sin(7 * y)));
    }
  TES_CHECK_AT_MOST(worst, 18 * 64 * EPS); /* rounding of u, of size eps, times the largest k */
  PetscCall(PetscFree2(u, spectrum));
  PetscCall(TesFFTDestroy(&fft));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ShortLinesAreTheDirectSumWhateverTheirCompany(void)
{
  static const PetscInt64 sizes[] = {1, 2, 15, 32};

  PetscFunctionBegin;
  for (int s = 0; s < 4; s++) {
    const PetscInt64 n = sizes[s], count = 5, half = n / 2 + 1;
    PetscReal        in[5 * 32], out[5 * 34], one[34], worst = 0;
    PetscInt         differ = 0;

    for (PetscInt64 i = 0; i < n * count; i++) in[i] = Sample(i);
    PetscCall(TesLineRFFT(n, count, in, out));
    for (PetscInt64 l = 0; l < count; l++) {
      for (PetscInt64 k = 0; k < half; k++) {
        PetscReal re = 0, im = 0;

        for (PetscInt64 j = 0; j < n; j++) {
          re += in[l * n + j] * cos(2 * PETSC_PI * (PetscReal)(j * k % n) / (PetscReal)n);
          im -= in[l * n + j] * sin(2 * PETSC_PI * (PetscReal)(j * k % n) / (PetscReal)n);
        }
        worst = PetscMax(worst, hypot(out[(l * half + k) * 2] - re, out[(l * half + k) * 2 + 1] - im));
      }
      PetscCall(TesLineRFFT(n, 1, in + l * n, one));
      for (PetscInt64 k = 0; k < 2 * half; k++) differ += one[k] != out[l * 2 * half + k];
    }
    TES_CHECK_AT_MOST(worst, 32 * EPS * sqrt((PetscReal)n));
    TES_CHECK_INT(differ, 0);
    {
      PetscReal *back, size = 0;

      PetscCall(PetscMalloc1(count * n, &back));
      for (PetscInt64 l = 0; l < count; l++) { /* imaginary parts that cannot be there do not count */
        out[l * 2 * half + 1] = 3;
        if (n % 2 == 0) out[(l + 1) * 2 * half - 1] = -5;
      }
      PetscCall(TesLineRFFTBackward(n, count, out, back));
      worst = 0;
      for (PetscInt64 i = 0; i < count * n; i++) {
        worst = PetscMax(worst, PetscAbsReal(back[i] / (PetscReal)n - in[i]));
        size  = PetscMax(size, PetscAbsReal(in[i]));
      }
      TES_CHECK_AT_MOST(worst, 8 * EPS * size * (1 + log2((PetscReal)n)));
      PetscCall(PetscFree(back));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RowsAreSplitByTheBlockRule(void)
{
  const PetscInt64 n[2] = {6, 10}, line = 97;
  int              size, rank;
  TesFFT           fft;
  PetscInt64       block;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCall(TesFFTCreate(PETSC_COMM_WORLD, TES_FFT_R2C, 2, n, NULL, &fft));
  block = (10 + size - 1) / size;
  TES_CHECK_INT(TesFFTInput(fft)->n_local, PetscMax(0, PetscMin(block, 10 - rank * block)));
  TES_CHECK_INT(TesFFTInputRow(fft), 6);
  TES_CHECK_INT(TesFFTOutputRow(fft), 8);
  PetscCall(TesFFTDestroy(&fft));
  PetscCall(TesFFTDestroy(&fft));
  PetscCall(TesFFTCreate(PETSC_COMM_WORLD, TES_FFT_R2C, 1, &line, NULL, &fft));
  TES_CHECK_INT(TesFFTInput(fft)->n_local, rank ? 0 : 97);
  TES_CHECK_INT(TesFFTOutput(fft)->n_local, rank ? 0 : 49);
  PetscCall(TesFFTDestroy(&fft));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ImpossibleTransformsAreRefused(void)
{
  const PetscInt64 one = 1, none = 0;
  const TesR2RKind kind = TES_R2R_DCT1;
  TesFFT           fft  = NULL;

  PetscFunctionBegin;
  TES_CHECK_FAILS(TesFFTCreate(PETSC_COMM_WORLD, TES_FFT_C2C, 4, &one, NULL, &fft), PETSC_ERR_ARG_OUTOFRANGE);
  TES_CHECK_FAILS(TesFFTCreate(PETSC_COMM_WORLD, TES_FFT_C2C, 1, &none, NULL, &fft), PETSC_ERR_ARG_OUTOFRANGE);
  TES_CHECK_FAILS(TesFFTCreate(PETSC_COMM_WORLD, TES_FFT_R2R, 1, &one, &kind, &fft), PETSC_ERR_ARG_OUTOFRANGE);
  TES_CHECK_FAILS(TesFFTCreate(PETSC_COMM_WORLD, TES_FFT_R2R, 1, &one, NULL, &fft), PETSC_ERR_ARG_NULL);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ComplexTransformsAreTheDirectSum),
  TES_TEST(RealTransformsAreTheDirectSum),
  TES_TEST(CosinesAndSinesAreTheDirectSum),
  TES_TEST(AModeHasOneCoefficient),
  TES_TEST(EnergyIsThatOfTheSpectrum),
  TES_TEST(SpectralDerivativeIsExactForTrigonometricPolynomials),
  TES_TEST(ShortLinesAreTheDirectSumWhateverTheirCompany),
  TES_TEST(RowsAreSplitByTheBlockRule),
  TES_TEST(ImpossibleTransformsAreRefused),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
