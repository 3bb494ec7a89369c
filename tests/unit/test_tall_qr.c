/* The R factor of a tall array by the tree of QRs: against one big QR, a known factor, and itself on one rank. */
#include <float.h>
#include <string.h>
#include <tessera/linalg.h>
#include <tessera/random.h>
#include <tessera/test.h>

static PetscErrorCode CheckTallR(PetscInt rows, PetscInt columns, PetscInt64 unit)
{
  TesPartition part, single;
  PetscReal   *a, *r, *alone, *want, worst = 0;
  PetscInt     cc = columns * columns;

  PetscFunctionBegin;
  PetscCall(PetscMalloc4(rows * columns + 1, &a, cc, &r, cc, &alone, cc, &want));
  for (PetscInt i = 0; i < rows * columns; i++) {
    PetscReal z[2];

    TesRandomNormal(5, TES_STREAM_TEST, (uint32_t)i, 0, 0, z);
    a[i] = z[0];
  }
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, rows, unit, &part));
  PetscCall(TesPartitionCreate(PETSC_COMM_SELF, rows, unit, &single));
  PetscCall(TesTallR(PETSC_COMM_WORLD, &part, columns, a + part.first * columns, r));
  PetscCall(TesTallR(PETSC_COMM_SELF, &single, columns, a, alone));
  TES_CHECK(!memcmp(r, alone, (size_t)cc * sizeof *r));
  if (rows >= columns) {
    PetscCall(TesQR(rows, columns, a, NULL, want));
    for (PetscInt i = 0; i < cc; i++) worst = PetscMax(worst, PetscAbsReal(r[i] - want[i]));
    TES_CHECK_AT_MOST(worst / PetscSqrtReal(rows), 1e-13); /* cond of these below 50, |R| = sqrt(rows) */
  }
  /* R'R = A'A holds for every shape */
  worst = 0;
  for (PetscInt p = 0; p < columns; p++)
    for (PetscInt q = 0; q < columns; q++) {
      PetscReal sum = 0;

      for (PetscInt i = 0; i < rows; i++) sum += a[i * columns + p] * a[i * columns + q];
      for (PetscInt k = 0; k < columns; k++) sum -= r[k * columns + p] * r[k * columns + q];
      worst = PetscMax(worst, PetscAbsReal(sum));
    }
  TES_CHECK_AT_MOST(worst / (rows + 1), 20 * DBL_EPSILON);
  PetscCall(PetscFree4(a, r, alone, want));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TreeOfQRsGivesTheFactorOfOneBigQR(void)
{
  PetscFunctionBegin;
  PetscCall(CheckTallR(1000, 12, 64));
  PetscCall(CheckTallR(333, 20, 37));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode UnitsShorterThanTheColumnsArePadded(void)
{
  PetscFunctionBegin;
  PetscCall(CheckTallR(90, 12, 5));
  PetscCall(CheckTallR(25, 8, 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EmptyRanksAndFewerRowsThanColumnsAreNormal(void)
{
  PetscFunctionBegin;
  PetscCall(CheckTallR(10, 4, 10));
  PetscCall(CheckTallR(3, 6, 1));
  PetscCall(CheckTallR(0, 3, 4));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A = Q R with graded R: relative to their size the small entries must survive (forming A'A would lose everything below 1e-8) */
static PetscErrorCode GradedColumnsKeepTheirSmallEntries(void)
{
  enum { ROWS = 400, COLUMNS = 10 };
  TesPartition part;
  PetscReal   *a, r[COLUMNS * COLUMNS], worst = 0;

  PetscFunctionBegin;
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, ROWS, 32, &part));
  PetscCall(PetscMalloc1(part.n_local * COLUMNS + 1, &a));
  for (PetscInt64 i = 0; i < part.n_local; i++)
    for (PetscInt j = 0; j < COLUMNS; j++) {
      a[i * COLUMNS + j] = 0;
      for (PetscInt k = 0; k <= j; k++) { /* orthonormal cosines times R[k][j] = 10^-2k (1 + j - k) */
        PetscReal q = PetscSqrtReal((k ? 2.0 : 1.0) / ROWS) * PetscCosReal(PETSC_PI * k * (part.first + i + 0.5) / ROWS);

        a[i * COLUMNS + j] += q * PetscPowRealInt(10, -2 * k) * (1 + j - k);
      }
    }
  PetscCall(TesTallR(PETSC_COMM_WORLD, &part, COLUMNS, a, r));
  for (PetscInt k = 0; k < COLUMNS; k++)
    for (PetscInt j = k; j < COLUMNS; j++) worst = PetscMax(worst, PetscAbsReal(PetscAbsReal(r[k * COLUMNS + j]) - PetscPowRealInt(10, -2 * k) * (1 + j - k)));
  TES_CHECK_AT_MOST(worst, 1e-13); /* backward error c eps |A|, |A| = 20 */
  TES_CHECK_NEAR(r[6 * COLUMNS + 6] / 1e-12, 1, 0.1);
  PetscCall(PetscFree(a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(TreeOfQRsGivesTheFactorOfOneBigQR),
  TES_TEST(UnitsShorterThanTheColumnsArePadded),
  TES_TEST(EmptyRanksAndFewerRowsThanColumnsAreNormal),
  TES_TEST(GradedColumnsKeepTheirSmallEntries),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
