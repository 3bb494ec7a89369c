/* Random fields against the defining sum over modes, across resolutions and rank counts, and the variance of their modes. */
#include <math.h>
#include <tessera/fft.h>
#include <tessera/random.h>
#include <tessera/test.h>

static PetscReal Coefficient(PetscReal alpha, PetscReal tau, PetscReal w, PetscInt64 k0, PetscInt64 k1)
{
  return PetscPowReal(tau, alpha - 1) * PetscPowReal(w * w * (PetscReal)(k0 * k0 + k1 * k1) + tau * tau, -alpha / 2);
}

/* the sum over modes below `cut` per dimension, at one point */
static PetscReal Direct(TesGrfKind kind, PetscReal alpha, PetscReal tau, PetscInt64 cut, PetscInt64 sample, PetscReal x, PetscReal y)
{
  PetscReal sum = 0, z[2];

  if (kind == TES_GRF_PERIODIC) {
    for (PetscInt64 k1 = -cut; k1 <= cut; k1++)
      for (PetscInt64 k0 = -cut; k0 <= cut; k0++) {
        if (!k0 && !k1) continue;
        TesRandomNormal(11, TES_STREAM_RANDOM_FIELD, (uint32_t)sample, (uint32_t)(k0 & 0xffff), (uint32_t)(k1 & 0xffff), z);
        sum += PETSC_SQRT2 * Coefficient(alpha, tau, 2 * PETSC_PI, k0, k1) * (z[0] * cos(2 * PETSC_PI * ((PetscReal)k0 * x + (PetscReal)k1 * y)) - z[1] * sin(2 * PETSC_PI * ((PetscReal)k0 * x + (PetscReal)k1 * y)));
      }
    return sum;
  }
  for (PetscInt64 k1 = 0; k1 < cut; k1++)
    for (PetscInt64 k0 = 0; k0 < cut; k0++) {
      if (!k0 && !k1) continue;
      TesRandomNormal(11, TES_STREAM_RANDOM_FIELD, (uint32_t)sample, (uint32_t)k0, (uint32_t)k1, z);
      sum += z[0] * Coefficient(alpha, tau, PETSC_PI, k0, k1) * (k0 ? PETSC_SQRT2 : 1) * (k1 ? PETSC_SQRT2 : 1) * cos(PETSC_PI * (PetscReal)k0 * x) * cos(PETSC_PI * (PetscReal)k1 * y);
    }
  return sum;
}

static PetscErrorCode FieldsAreTheSumOfTheirModes(void)
{
  const PetscInt64 n[2] = {12, 10};

  PetscFunctionBegin;
  for (int kind = 0; kind < 3; kind++) {
    TesGrf              grf;
    PetscReal          *u, worst = 0;
    const TesPartition *part;

    PetscCall(TesGrfCreate(PETSC_COMM_WORLD, (TesGrfKind)kind, 2, n, 2, 3, &grf));
    part = TesGrfPartition(grf);
    PetscCall(PetscMalloc1(part->n_local * n[0] + 1, &u));
    PetscCall(TesGrfSample(grf, 11, 5, u));
    if (kind != TES_GRF_PERIODIC) {
      for (PetscInt64 j = 0; j < part->n_local; j++)
        for (PetscInt64 i = 0; i < n[0]; i++) {
          const PetscReal x = kind == TES_GRF_CELLS ? ((PetscReal)i + 0.5) / (PetscReal)n[0] : (PetscReal)i / (PetscReal)(n[0] - 1);
          const PetscReal y = kind == TES_GRF_CELLS ? ((PetscReal)(part->first + j) + 0.5) / (PetscReal)n[1] : (PetscReal)(part->first + j) / (PetscReal)(n[1] - 1);
          PetscReal       want = Direct((TesGrfKind)kind, 2, 3, 10, 5, x, y), z[2];

          for (PetscInt64 k0 = 10; k0 < 12; k0++)
            for (PetscInt64 k1 = 0; k1 < 10; k1++) {
              TesRandomNormal(11, TES_STREAM_RANDOM_FIELD, 5, (uint32_t)k0, (uint32_t)k1, z);
              want += z[0] * Coefficient(2, 3, PETSC_PI, k0, k1) * PETSC_SQRT2 * (k1 ? PETSC_SQRT2 : 1) * cos(PETSC_PI * (PetscReal)k0 * x) * cos(PETSC_PI * (PetscReal)k1 * y);
            }
          worst = PetscMax(worst, PetscAbsReal(u[j * n[0] + i] - want));
        }
      TES_CHECK_AT_MOST(worst, 1e-13);
    }
    PetscCall(PetscFree(u));
    PetscCall(TesGrfDestroy(&grf));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PeriodicFieldsAreTheSumOfTheirModes(void)
{
  const PetscInt64    n[2] = {8, 8};
  TesGrf              grf;
  PetscReal          *u, worst = 0;
  const TesPartition *part;

  PetscFunctionBegin;
  PetscCall(TesGrfCreate(PETSC_COMM_WORLD, TES_GRF_PERIODIC, 2, n, 2.5, 7, &grf));
  part = TesGrfPartition(grf);
  PetscCall(PetscMalloc1(part->n_local * n[0] + 1, &u));
  PetscCall(TesGrfSample(grf, 11, 2, u));
  for (PetscInt64 j = 0; j < part->n_local; j++)
    for (PetscInt64 i = 0; i < n[0]; i++)
      worst = PetscMax(worst, PetscAbsReal(u[j * n[0] + i] - Direct(TES_GRF_PERIODIC, 2.5, 7, 3, 2, (PetscReal)i / 8, (PetscReal)(part->first + j) / 8)));
  TES_CHECK_AT_MOST(worst, 1e-13);
  PetscCall(PetscFree(u));
  PetscCall(TesGrfDestroy(&grf));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A mode of a field at n, taken back by a DCT-II, is the same at 2n. */
static PetscErrorCode ResolutionsShareTheirModes(void)
{
  PetscReal a[2][4] = {{0}};

  PetscFunctionBegin;
  for (int fine = 0; fine < 2; fine++) {
    const PetscInt64 m    = fine ? 32 : 16, n[2] = {m, m};
    const TesR2RKind k[2] = {TES_R2R_DCT2, TES_R2R_DCT2};
    TesGrf           grf;
    TesFFT           fft;
    PetscReal       *u, *v;

    PetscCall(TesGrfCreate(PETSC_COMM_SELF, TES_GRF_CELLS, 2, n, 2, 3, &grf));
    PetscCall(TesFFTCreate(PETSC_COMM_SELF, TES_FFT_R2R, 2, n, k, &fft));
    PetscCall(PetscMalloc2(m * m, &u, m * m, &v));
    PetscCall(TesGrfSample(grf, 3, 7, u));
    PetscCall(TesFFTForward(fft, u, v));
    for (PetscInt i = 0; i < 4; i++) a[fine][i] = v[(i + 1) * m + 2 * i + 1] / (PetscReal)(m * m);
    PetscCall(PetscFree2(u, v));
    PetscCall(TesFFTDestroy(&fft));
    PetscCall(TesGrfDestroy(&grf));
  }
  for (PetscInt i = 0; i < 4; i++) TES_CHECK_NEAR(a[0][i], a[1][i], 1e-12);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Over many samples: variance of a mode is 1, and the covariance of two points is the series. */
static PetscErrorCode CovarianceIsTheSeries(void)
{
  const PetscInt64 n[2] = {8, 8};
  const PetscInt   N    = 4000;
  TesGrf           grf;
  PetscReal        u[64], c = 0, c2 = 0, want = 0, var = 0, z[2];

  PetscFunctionBegin;
  PetscCall(TesGrfCreate(PETSC_COMM_SELF, TES_GRF_CELLS, 2, n, 2, 3, &grf));
  for (PetscInt s = 0; s < N; s++) {
    PetscCall(TesGrfSample(grf, 20240317, s, u));
    c += u[8 + 2] * u[5 * 8 + 4];
    c2 += u[8 + 2] * u[5 * 8 + 4] * u[8 + 2] * u[5 * 8 + 4];
    TesRandomNormal(20240317, TES_STREAM_RANDOM_FIELD, (uint32_t)s, 2, 1, z);
    var += z[0] * z[0] / N;
  }
  for (PetscInt64 k1 = 0; k1 < 8; k1++)
    for (PetscInt64 k0 = 0; k0 < 8; k0++) {
      const PetscReal l = Coefficient(2, 3, PETSC_PI, k0, k1), norm = (k0 ? 2 : 1) * (k1 ? 2 : 1);

      if (k0 || k1)
        want += l * l * norm * cos(PETSC_PI * (PetscReal)k0 * 2.5 / 8) * cos(PETSC_PI * (PetscReal)k1 * 1.5 / 8) * cos(PETSC_PI * (PetscReal)k0 * 4.5 / 8) * cos(PETSC_PI * (PetscReal)k1 * 5.5 / 8);
    }
  c /= N;
  c2 /= N;
  TES_CHECK_NEAR(var, 1, 5 * sqrt(2. / N));                /* 5 standard errors of a variance */
  TES_CHECK_NEAR(c, want, 3.5 * sqrt((c2 - c * c) / N)); /* standard error of the mean of the products */
  PetscCall(TesGrfDestroy(&grf));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(FieldsAreTheSumOfTheirModes),
  TES_TEST(PeriodicFieldsAreTheSumOfTheirModes),
  TES_TEST(ResolutionsShareTheirModes),
  TES_TEST(CovarianceIsTheSeries),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
