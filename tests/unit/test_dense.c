/* Dense kernels against plain loops, constructed factors and closed forms. eps = 2.2e-16; bounds are a small multiple of n eps where n is the length of the sums. */
#include <float.h>
#include <tessera/linalg.h>
#include <tessera/random.h>
#include <tessera/test.h>

static void Fill(PetscInt n, PetscReal *x, uint32_t tag)
{
  for (PetscInt i = 0; i < n; i++) {
    PetscReal z[2];

    TesRandomNormal(7, TES_STREAM_TEST, (uint32_t)i, tag, 0, z);
    x[i] = z[0];
  }
}

/* the orthogonal matrix of type sin: q[i][j] = sqrt(2/(n+1)) sin((i+1)(j+1) pi/(n+1)) */
static PetscReal Sine(PetscInt n, PetscInt i, PetscInt j)
{
  return PetscSqrtReal(2.0 / (n + 1)) * PetscSinReal(((i + 1) * (j + 1)) % (2 * (n + 1)) * PETSC_PI / (n + 1));
}

static PetscReal MaxDifference(PetscInt n, const PetscReal *x, const PetscReal *y)
{
  PetscReal max = 0;

  for (PetscInt i = 0; i < n; i++) max = PetscMax(max, PetscAbsReal(x[i] - y[i]));
  return max;
}

/* |Q'Q - 1| of q [rows][columns] */
static PetscReal Departure(PetscInt rows, PetscInt columns, const PetscReal *q)
{
  PetscReal max = 0;

  for (PetscInt a = 0; a < columns; a++)
    for (PetscInt b = 0; b < columns; b++) {
      PetscReal sum = a == b ? -1 : 0;

      for (PetscInt i = 0; i < rows; i++) sum += q[i * columns + a] * q[i * columns + b];
      max = PetscMax(max, PetscAbsReal(sum));
    }
  return max;
}

static PetscErrorCode GemmEqualsPlainLoopsForEveryTransposition(void)
{
  enum { M = 7, N = 5, K = 11 };
  PetscReal a[M * K], b[K * N], c0[M * N], c[M * N], want[M * N];

  PetscFunctionBegin;
  Fill(M * K, a, 1);
  Fill(K * N, b, 2);
  Fill(M * N, c0, 3);
  for (int ta = 0; ta < 2; ta++)
    for (int tb = 0; tb < 2; tb++) {
      for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
          PetscReal sum = 0;

          for (int k = 0; k < K; k++) sum += (ta ? a[k * M + i] : a[i * K + k]) * (tb ? b[j * K + k] : b[k * N + j]);
          want[i * N + j] = 1.5 * sum - 0.5 * c0[i * N + j];
        }
      PetscCall(PetscArraycpy(c, c0, M * N));
      PetscCall(TesGemm((PetscBool)ta, (PetscBool)tb, M, N, K, 1.5, a, b, -0.5, c));
      TES_CHECK_AT_MOST(MaxDifference(M * N, c, want), 1e-14); /* 11 terms of size about 3: 11 x 10 eps */
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SVDFindsGradedSingularValues(void)
{
  enum { N = 24 };
  const PetscInt shapes[3][2] = {{60, N}, {N, 60}, {N, N}};

  PetscFunctionBegin;
  for (int shape = 0; shape < 3; shape++) {
    PetscInt   rows = shapes[shape][0], columns = shapes[shape][1];
    PetscReal *a, *u, *vt, *back, s[N], spare[N], worst = 0;

    PetscCall(PetscMalloc4(rows * columns, &a, rows * N, &u, N * columns, &vt, rows * columns, &back));
    for (PetscInt i = 0; i < rows; i++)
      for (PetscInt j = 0; j < columns; j++) {
        a[i * columns + j] = 0;
        for (int k = 0; k < N; k++) a[i * columns + j] += Sine(rows, i, k) * PetscPowReal(10, -0.6 * k) * Sine(columns, j, k);
      }
    PetscCall(TesSVD(rows, columns, a, u, s, vt));
    for (int k = 0; k < N; k++) worst = PetscMax(worst, PetscAbsReal(s[k] - PetscPowReal(10, -0.6 * k)));
    TES_CHECK_AT_MOST(worst, 10 * DBL_EPSILON); /* Weyl: the rounding of a and of dgesdd, norm 1 */
    for (PetscInt i = 0; i < rows; i++)
      for (PetscInt j = 0; j < columns; j++) {
        back[i * columns + j] = 0;
        for (int k = 0; k < N; k++) back[i * columns + j] += u[i * N + k] * s[k] * vt[k * columns + j];
      }
    TES_CHECK_AT_MOST(MaxDifference(rows * columns, back, a), 10 * DBL_EPSILON);
    TES_CHECK_AT_MOST(Departure(rows, N, u), 40 * DBL_EPSILON);
    PetscCall(TesSVD(rows, columns, a, NULL, spare, NULL));
    TES_CHECK_AT_MOST(MaxDifference(N, s, spare), 10 * DBL_EPSILON);
    PetscCall(TesSVD(rows, columns, a, NULL, spare, back));
    TES_CHECK_AT_MOST(MaxDifference(N * columns, vt, back), 0);
    PetscCall(PetscFree4(a, u, vt, back));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SVDRefusesWhatIsNotFinite(void)
{
  PetscReal a[4] = {1, NAN, 0, 1}, s[2];

  PetscFunctionBegin;
  TES_CHECK_FAILS(TesSVD(2, 2, a, NULL, s, NULL), TES_ERR_NUMBERS);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode QRGivesOrthonormalColumnsAndAPositiveDiagonal(void)
{
  enum { ROWS = 50, COLUMNS = 13 };
  PetscReal a[ROWS * COLUMNS], q[ROWS * COLUMNS], r[COLUMNS * COLUMNS], r_alone[COLUMNS * COLUMNS], worst = 0;

  PetscFunctionBegin;
  Fill(ROWS * COLUMNS, a, 4);
  PetscCall(TesQR(ROWS, COLUMNS, a, q, r));
  TES_CHECK_AT_MOST(Departure(ROWS, COLUMNS, q), 50 * DBL_EPSILON);
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < COLUMNS; j++) {
      PetscReal sum = -a[i * COLUMNS + j];

      for (int k = 0; k <= j; k++) sum += q[i * COLUMNS + k] * r[k * COLUMNS + j];
      worst = PetscMax(worst, PetscAbsReal(sum));
    }
  TES_CHECK_AT_MOST(worst, 100 * DBL_EPSILON);
  for (int i = 0; i < COLUMNS; i++) {
    TES_CHECK(r[i * COLUMNS + i] > 0);
    for (int j = 0; j < i; j++) TES_CHECK(r[i * COLUMNS + j] == 0);
  }
  PetscCall(TesQR(ROWS, COLUMNS, a, NULL, r_alone));
  TES_CHECK_AT_MOST(MaxDifference(COLUMNS * COLUMNS, r, r_alone), 0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NullSpaceIsOrthonormalAndAnnihilated(void)
{
  enum { N = 30 };

  PetscFunctionBegin;
  for (PetscInt rows = 0; rows < 4; rows++) {
    PetscReal e[3 * N], z[N * N], worst = 0;
    PetscInt  m = N - rows;

    Fill(rows * N, e, 5);
    PetscCall(TesNullSpace(rows, N, e, z));
    TES_CHECK_AT_MOST(Departure(N, m, z), 50 * DBL_EPSILON);
    for (PetscInt i = 0; i < rows; i++)
      for (PetscInt j = 0; j < m; j++) {
        PetscReal sum = 0;

        for (PetscInt k = 0; k < N; k++) sum += e[i * N + k] * z[k * m + j];
        worst = PetscMax(worst, PetscAbsReal(sum));
      }
    TES_CHECK_AT_MOST(worst, 100 * DBL_EPSILON);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NullSpaceOfTwoEqualConditionsIsRefused(void)
{
  PetscReal e[8] = {1, 2, 3, 4, 2, 4, 6, 8}, z[8];

  PetscFunctionBegin;
  TES_CHECK_FAILS(TesNullSpace(2, 4, e, z), TES_ERR_NUMBERS);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LUSolveReproducesAKnownSolutionOfABadlyScaledSystem(void)
{
  enum { N = 40, RHS = 3 };
  PetscReal a[N * N], kept[N * N], b[N * RHS], worst = 0;

  PetscFunctionBegin;
  /* second differences (inverse known: all sums are exact in integers), not symmetric by row scales of 14 powers of ten */
  PetscCall(PetscArrayzero(a, N * N));
  for (int i = 0; i < N; i++) {
    PetscReal scale = PetscPowRealInt(2, (i * 7) % 47);

    a[i * N + i] = 2 * scale;
    if (i) a[i * N + i - 1] = -scale;
    if (i < N - 1) a[i * N + i + 1] = -scale;
    for (int k = 0; k < RHS; k++) { /* x_i = (i + 1)(k + 1) + i i */
      PetscReal left = i ? i * (k + 1) + (i - 1) * (i - 1) : 0, mid = (i + 1) * (k + 1) + i * i, right = i < N - 1 ? (i + 2) * (k + 1) + (i + 1) * (i + 1) : 0;

      b[i * RHS + k] = scale * (2 * mid - left - right);
    }
  }
  PetscCall(PetscArraycpy(kept, a, N * N));
  PetscCall(TesLUSolve(N, RHS, a, b));
  for (int i = 0; i < N; i++)
    for (int k = 0; k < RHS; k++) worst = PetscMax(worst, PetscAbsReal(b[i * RHS + k] - ((i + 1) * (k + 1) + i * i)));
  TES_CHECK_AT_MOST(worst / 1600, 1e-13); /* cond 680 after equilibration */
  TES_CHECK_AT_MOST(MaxDifference(N * N, kept, a), 0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LUSolveSaysThatAMatrixIsSingular(void)
{
  PetscReal a[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, b[3] = {1, 0, 0};

  PetscFunctionBegin;
  TES_CHECK_FAILS(TesLUSolve(3, 1, a, b), TES_ERR_NUMBERS);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EigenvaluesOfACirculantAreItsTransform(void)
{
  enum { N = 9 };
  const PetscReal first[N] = {3, 1, -2, 0.5, 0, 0, 0.25, 0, 1};
  PetscReal       a[N * N], lambda[2 * N], v[2 * N * N], cond, worst = 0, miss = 0;

  PetscFunctionBegin;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) a[i * N + j] = first[(j - i + N) % N];
  PetscCall(TesEigen(N, a, lambda, v, &cond));
  TES_CHECK_NEAR(cond, 1, 1e-13); /* normal matrix, simple eigenvalues up to pairs */
  for (int m = 0; m < N; m++) {   /* lambda_m = sum_j first_j exp(2 pi i m j / N) must be among the computed ones */
    PetscReal re = 0, im = 0, nearest = PETSC_MAX_REAL;

    for (int j = 0; j < N; j++) {
      re += first[j] * PetscCosReal(2 * PETSC_PI * m * j / N);
      im += first[j] * PetscSinReal(2 * PETSC_PI * m * j / N);
    }
    for (int j = 0; j < N; j++) nearest = PetscMin(nearest, hypot(lambda[2 * j] - re, lambda[2 * j + 1] - im));
    miss = PetscMax(miss, nearest);
  }
  TES_CHECK_AT_MOST(miss, 1e-14);
  for (int j = 0; j < N; j++)
    for (int i = 0; i < N; i++) { /* A v = lambda v in parts */
      PetscReal re = 0, im = 0;

      for (int k = 0; k < N; k++) {
        re += a[i * N + k] * v[2 * (k * N + j)];
        im += a[i * N + k] * v[2 * (k * N + j) + 1];
      }
      re -= lambda[2 * j] * v[2 * (i * N + j)] - lambda[2 * j + 1] * v[2 * (i * N + j) + 1];
      im -= lambda[2 * j] * v[2 * (i * N + j) + 1] + lambda[2 * j + 1] * v[2 * (i * N + j)];
      worst = PetscMax(worst, hypot(re, im));
    }
  TES_CHECK_AT_MOST(worst, 2e-14);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ConditionOfEigenvectorsIsThatOfTheComplexMatrix(void)
{
  /* [[a, b], [-c, a]]: lambda = a +- i sqrt(bc), v = (1, +- i sqrt(c/b)): cond = sqrt(b/c) for b > c */
  PetscReal complex_pair[4] = {2, 1e6, -1, 2}, jordan[4] = {1, 1, 0, 1 + 1e-5}, lambda[4], v[8], cond;

  PetscFunctionBegin;
  PetscCall(TesEigen(2, complex_pair, lambda, v, &cond));
  TES_CHECK_NEAR(cond / 1e3, 1, 1e-10);
  /* v = (1, 0) and (1, d)/sqrt(1 + d^2), cos of the angle = 1/sqrt(1 + d^2): cond = sqrt((1 + cos)/(1 - cos)) = 2/d to first order */
  PetscCall(TesEigen(2, jordan, lambda, v, &cond));
  TES_CHECK_NEAR(cond * 1e-5 / 2, 1, 1e-5);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(GemmEqualsPlainLoopsForEveryTransposition),
  TES_TEST(SVDFindsGradedSingularValues),
  TES_TEST(SVDRefusesWhatIsNotFinite),
  TES_TEST(QRGivesOrthonormalColumnsAndAPositiveDiagonal),
  TES_TEST(NullSpaceIsOrthonormalAndAnnihilated),
  TES_TEST(NullSpaceOfTwoEqualConditionsIsRefused),
  TES_TEST(LUSolveReproducesAKnownSolutionOfABadlyScaledSystem),
  TES_TEST(LUSolveSaysThatAMatrixIsSingular),
  TES_TEST(EigenvaluesOfACirculantAreItsTransform),
  TES_TEST(ConditionOfEigenvectorsIsThatOfTheComplexMatrix),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
