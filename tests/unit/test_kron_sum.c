/* Solver for Kronecker sums against a dense LU of the explicit matrix, known solutions, and its own operator. */
#include <float.h>
#include <tessera/linalg.h>
#include <tessera/random.h>
#include <tessera/test.h>

static void Fill(PetscInt n, PetscReal *x, uint32_t tag)
{
  for (PetscInt i = 0; i < n; i++) {
    PetscReal z[2];

    TesRandomNormal(3, TES_STREAM_TEST, (uint32_t)i, tag, 0, z);
    x[i] = z[0];
  }
}

/* -(k+1)^2 on the diagonal, seen in other coordinates with eigenvectors of condition about 10^digits; `turn`: neighbours k, k+1 (k even) become pairs */
static PetscErrorCode Operator(PetscInt n, PetscReal digits, PetscBool turn, uint32_t tag, PetscReal *a)
{
  PetscReal *q1, *q2, *noise, *r, *block, *v, *w, *t;

  PetscFunctionBegin;
  PetscCall(PetscMalloc4(n * n, &q1, n * n, &q2, n * n, &noise, n * n, &r));
  PetscCall(PetscCalloc4(n * n, &block, n * n, &v, n * n, &w, n * n, &t));
  Fill(n * n, noise, tag);
  PetscCall(TesQR(n, n, noise, q1, r));
  Fill(n * n, noise, tag + 1);
  PetscCall(TesQR(n, n, noise, q2, r));
  for (PetscInt k = 0; k < n; k++) block[k * n + k] = -(PetscReal)((k + 1) * (k + 1));
  if (turn)
    for (PetscInt k = 0; k + 1 < n; k += 2) {
      block[(k + 1) * n + k + 1] = block[k * n + k];
      block[k * n + k + 1]       = 3 + k;
      block[(k + 1) * n + k]     = -(3 + k);
    }
  for (PetscInt i = 0; i < n; i++) /* v = q1 diag(graded) q2 */
    for (PetscInt j = 0; j < n; j++)
      for (PetscInt k = 0; k < n; k++) v[i * n + j] += q1[i * n + k] * PetscPowReal(10, -digits * k / PetscMax(n - 1, 1)) * q2[k * n + j];
  /* a = v block v^-1: a' = v^-T (v block)' */
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, n, n, 1, v, block, 0, w));
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt j = 0; j < n; j++) {
      t[j * n + i] = v[i * n + j];
      a[j * n + i] = w[i * n + j];
    }
  PetscCall(TesLUSolve(n, n, t, a));
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt j = 0; j < i; j++) {
      PetscReal x = a[i * n + j];

      a[i * n + j] = a[j * n + i];
      a[j * n + i] = x;
    }
  PetscCall(PetscFree4(q1, q2, noise, r));
  PetscCall(PetscFree4(block, v, w, t));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscReal Largest(PetscInt n, const PetscReal *x)
{
  PetscReal max = 0;

  for (PetscInt i = 0; i < n; i++) max = PetscMax(max, PetscAbsReal(x[i]));
  return max;
}

static PetscReal Norm(PetscInt n, const PetscReal *x)
{
  PetscReal sum = 0;

  for (PetscInt i = 0; i < n; i++) sum += x[i] * x[i];
  return PetscSqrtReal(sum);
}

/* Solve with random data. *backward: |rhs - A g| / (sum |A_d|_F |g| + |rhs|), 2-norms; *forward: largest difference to a dense LU of the explicit matrix over max |g| */
static PetscErrorCode Try(PetscInt dim, const PetscInt r[], const PetscReal *const a[], PetscReal shift, PetscReal *cond, PetscReal *backward, PetscReal *forward)
{
  PetscInt   n = 1, stride[4] = {1, 1, 1, 1};
  PetscReal *rhs, *g, *y, *full, norm = PetscAbsReal(shift), smallest;
  TesKronSum solver;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < dim; d++) {
    stride[d] = n;
    n *= r[d];
    norm += Norm(r[d] * r[d], a[d]);
  }
  PetscCall(PetscMalloc4(n, &rhs, n, &g, n, &y, n * n, &full));
  Fill(n, rhs, 99);
  PetscCall(TesKronSumCreate(dim, r, a, shift + 17, &solver));
  PetscCall(TesKronSumShift(solver, shift));
  PetscCall(TesKronSumSolve(solver, rhs, g));
  PetscCall(TesKronSumApply(solver, g, y));
  PetscCall(TesKronSumInfo(solver, cond, &smallest));
  PetscCall(TesKronSumDestroy(&solver));
  for (PetscInt row = 0; row < n; row++) { /* the explicit matrix, entry by entry */
    for (PetscInt col = 0; col < n; col++) full[row * n + col] = row == col ? shift : 0;
    for (PetscInt d = 0; d < dim; d++) {
      const PetscInt i = row / stride[d] % r[d];

      for (PetscInt j = 0; j < r[d]; j++) full[row * n + row + (j - i) * stride[d]] += a[d][i * r[d] + j];
    }
  }
  for (PetscInt row = 0; row < n; row++) {
    PetscReal sum = -y[row];

    for (PetscInt col = 0; col < n; col++) sum += full[row * n + col] * g[col];
    TES_CHECK_AT_MOST(PetscAbsReal(sum) / (norm * Largest(n, g)), 1e-14); /* Apply is the explicit matrix */
  }
  for (PetscInt i = 0; i < n; i++) y[i] = rhs[i] - y[i];
  *backward = Norm(n, y) / (norm * Norm(n, g) + Norm(n, rhs));
  PetscCall(TesLUSolve(n, 1, full, rhs));
  for (PetscInt i = 0; i < n; i++) y[i] = rhs[i] - g[i];
  *forward = Largest(n, y) / Largest(n, rhs);
  PetscCall(PetscFree4(rhs, g, y, full));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SolvesLikeADenseLUInOneToThreeDimensions(void)
{
  const PetscInt r[3] = {7, 6, 5};

  PetscFunctionBegin;
  for (PetscInt dim = 1; dim <= 3; dim++)
    for (int turn = 0; turn < 2; turn++) {
      PetscReal a0[49], a1[36], a2[25], cond = 0, backward = 1, forward = 1;

      PetscCall(Operator(7, 1, (PetscBool)turn, 10, a0));
      PetscCall(Operator(6, 1, (PetscBool)turn, 20, a1));
      PetscCall(Operator(5, 1, (PetscBool)turn, 30, a2));
      PetscCall(Try(dim, r, (const PetscReal *const[]){a0, a1, a2}, -0.7, &cond, &backward, &forward));
      TES_CHECK_AT_MOST(backward, 4 * DBL_EPSILON);
      TES_CHECK_AT_MOST(forward, 1e-12); /* cond of the operator below 100 x cond(V) products of 10^dim */
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PairsInOneDimensionMeetRealEigenvaluesInAnother(void)
{
  const PetscInt r[3] = {5, 4, 3};
  PetscReal      a0[25], a1[16], a2[9], cond = 0, backward = 1, forward = 1;

  PetscFunctionBegin;
  for (int which = 0; which < 8; which++) {
    PetscCall(Operator(5, 0.5, (PetscBool)(which & 1), 11, a0));
    PetscCall(Operator(4, 0.5, (PetscBool)((which >> 1) & 1), 21, a1));
    PetscCall(Operator(3, 0.5, (PetscBool)((which >> 2) & 1), 31, a2));
    PetscCall(Try(3, r, (const PetscReal *const[]){a0, a1, a2}, 0.3, &cond, &backward, &forward));
    TES_CHECK_AT_MOST(forward, 1e-13);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* gp_pde met conditions up to 3e4, and up to 1e8 with dense dictionaries. Data of a random solution (random data would make g so large along the smallest
   eigenvalues that nothing shows): the explicit inverses leave a residual of about eps times the product of both conditions, the refined one is at rounding level. */
static PetscErrorCode RefinementBringsTheResidualToRoundingLevel(void)
{
  enum { R0 = 20, R1 = 18, TOTAL = R0 * R1 };
  PetscReal a0[R0 * R0], a1[R1 * R1], g[TOTAL], rhs[TOTAL], y[TOTAL], cond;

  PetscFunctionBegin;
  for (int digits = 0; digits <= 5; digits++) {
    TesKronSum solver;

    PetscCall(Operator(R0, digits, PETSC_FALSE, 12, a0));
    PetscCall(Operator(R1, digits, PETSC_TRUE, 22, a1));
    PetscCall(TesKronSumCreate(2, (PetscInt[]){R0, R1}, (const PetscReal *const[]){a0, a1}, 0, &solver));
    Fill(TOTAL, g, 98);
    PetscCall(TesKronSumApply(solver, g, rhs));
    PetscCall(TesKronSumSolve(solver, rhs, g));
    PetscCall(TesKronSumApply(solver, g, y));
    PetscCall(TesKronSumInfo(solver, &cond, NULL));
    PetscCall(TesKronSumDestroy(&solver));
    for (int i = 0; i < TOTAL; i++) y[i] -= rhs[i];
    PetscCall(PetscPrintf(PETSC_COMM_WORLD, "# condition %8.1e: residual %8.1e of the data\n", (double)cond, (double)(Norm(TOTAL, y) / Norm(TOTAL, rhs))));
    TES_CHECK_AT_MOST(Norm(TOTAL, y) / Norm(TOTAL, rhs), 1e-15);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode IllConditionedEigenvectorsGoByTheSchurForm(void)
{
  enum { N = 14 };
  PetscReal a0[N * N], a1[N * N], cond = 0, backward = 1, forward = 1;

  PetscFunctionBegin;
  /* Jordan-like: -1 on the diagonal with distances 1e-3, 1 above; eigenvectors of condition beyond 1e20 */
  PetscCall(PetscArrayzero(a0, N * N));
  PetscCall(Operator(N, 1, PETSC_TRUE, 23, a1));
  for (int i = 0; i < N; i++) {
    a0[i * N + i] = -1 - 1e-3 * i;
    if (i + 1 < N) a0[i * N + i + 1] = 1;
  }
  for (PetscInt dim = 1; dim <= 2; dim++) {
    PetscCall(Try(dim, (PetscInt[]){N, N, 1}, (const PetscReal *const[]){a0, a1}, -0.5, &cond, &backward, &forward));
    TES_CHECK_AT_LEAST(cond, 1e8);
    TES_CHECK_AT_MOST(backward, 4 * DBL_EPSILON);
    TES_CHECK_AT_MOST(forward, 1e-11);
    PetscCall(Try(dim, (PetscInt[]){N, N, 1}, (const PetscReal *const[]){dim == 1 ? a0 : a1, a0}, -0.5, &cond, &backward, &forward));
    TES_CHECK_AT_MOST(backward, 4 * DBL_EPSILON);
    TES_CHECK_AT_MOST(forward, 1e-11);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ThreeDimensionsRefuseIllConditionedEigenvectors(void)
{
  enum { N = 14 };
  PetscReal  a[N * N], one = -2, rhs[N], g[N], cond;
  TesKronSum solver;

  PetscFunctionBegin;
  PetscCall(PetscArrayzero(a, N * N));
  for (int i = 0; i < N; i++) {
    rhs[i]       = 1;
    a[i * N + i] = -1 - 1e-3 * i;
    if (i + 1 < N) a[i * N + i + 1] = 1;
  }
  PetscCall(TesKronSumCreate(3, (PetscInt[]){N, 1, 1}, (const PetscReal *const[]){a, &one, &one}, 0, &solver));
  PetscCall(TesKronSumInfo(solver, &cond, NULL));
  TES_CHECK_AT_LEAST(cond, 1e8);
  TES_CHECK_FAILS(TesKronSumSolve(solver, rhs, g), TES_ERR_NUMBERS);
  PetscCall(TesKronSumDestroy(&solver));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SmallestEigenvalueIsThatOfTheWholeOperatorAndZeroIsRefused(void)
{
  const PetscReal a0[4] = {-1, 0, 0, -4}, a1[4] = {-2, 3, -3, -2}, rhs[4] = {1, 1, 1, 1}; /* -1, -4 and -2 +- 3i */
  PetscReal       smallest, cond, g[4];
  TesKronSum      solver;

  PetscFunctionBegin;
  PetscCall(TesKronSumCreate(2, (PetscInt[]){2, 2}, (const PetscReal *const[]){a0, a1}, 2, &solver));
  PetscCall(TesKronSumInfo(solver, &cond, &smallest));
  TES_CHECK_NEAR(smallest, PetscSqrtReal(10), 1e-14); /* -1 - 2 + 2 +- 3i */
  TES_CHECK_NEAR(cond, 1, 1e-14);
  PetscCall(TesKronSumShift(solver, 6));
  PetscCall(TesKronSumInfo(solver, NULL, &smallest));
  TES_CHECK_NEAR(smallest, 3, 1e-14);
  PetscCall(TesKronSumDestroy(&solver));
  PetscCall(TesKronSumCreate(1, (PetscInt[]){2}, (const PetscReal *const[]){a0}, 4, &solver));
  TES_CHECK_FAILS(TesKronSumSolve(solver, rhs, g), TES_ERR_NUMBERS);
  PetscCall(TesKronSumDestroy(&solver));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(SolvesLikeADenseLUInOneToThreeDimensions),
  TES_TEST(PairsInOneDimensionMeetRealEigenvaluesInAnother),
  TES_TEST(RefinementBringsTheResidualToRoundingLevel),
  TES_TEST(IllConditionedEigenvectorsGoByTheSchurForm),
  TES_TEST(ThreeDimensionsRefuseIllConditionedEigenvectors),
  TES_TEST(SmallestEigenvalueIsThatOfTheWholeOperatorAndZeroIsRefused),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
