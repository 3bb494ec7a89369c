/* Evolution operators in which two or three dimensions march, against a dense LU of the explicit matrix and its transpose. */
#include <float.h>
#include <tessera/linalg.h>
#include <tessera/random.h>
#include <tessera/test.h>

static void Fill(PetscInt n, PetscReal *x, uint32_t tag)
{
  for (PetscInt i = 0; i < n; i++) {
    PetscReal z[2];

    TesRandomNormal(12, TES_STREAM_TEST, (uint32_t)i, tag, 0, z);
    x[i] = z[0];
  }
}

/* trapezoidal integration, far from normal, with some noise; or a matrix with complex eigenvalues in the right half-plane */
static void Matrix(PetscInt n, PetscBool marches, uint32_t tag, PetscReal *c)
{
  Fill(n * n, c, tag);
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt j = 0; j < n; j++) {
      if (marches) c[i * n + j] = (j < i ? 1. : j == i ? 0.5 : 0) / n + 0.01 * c[i * n + j];
      else c[i * n + j] = 0.3 * c[i * n + j] + (i == j ? 3. + i : 0) + (i - j == 1 ? 2 : 0) - (j - i == 1 ? 2 : 0);
    }
}

static PetscReal Entry(const PetscReal *m, PetscInt n, PetscInt i, PetscInt j)
{
  return m ? m[i * n + j] : i == j;
}

static PetscErrorCode Compare(const PetscInt r[3], unsigned marching, PetscReal shift)
{
  const PetscInt   n    = r[0] * r[1] * r[2];
  const PetscReal *a[3] = {NULL}, *b[3] = {NULL};
  PetscReal       *m[3], *whole, *want, *rhs, *g, *y, worst = 0, size = 0, apply = 0, turned = 0;
  TesKronPencil    solver;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < 3; d++) {
    const PetscBool marches = marching >> d & 1 ? PETSC_TRUE : PETSC_FALSE;

    PetscCall(PetscMalloc1(r[d] * r[d], &m[d]));
    Matrix(r[d], marches, (uint32_t)d, m[d]);
    if (marches) b[d] = m[d];
    else a[d] = m[d];
  }
  PetscCall(PetscMalloc5(n * n, &whole, n, &want, n, &rhs, n, &g, n, &y));
  for (PetscInt p = 0; p < n; p++)
    for (PetscInt q = 0; q < n; q++) {
      const PetscInt pi[3] = {p % r[0], p / r[0] % r[1], p / r[0] / r[1]}, qi[3] = {q % r[0], q / r[0] % r[1], q / r[0] / r[1]};
      PetscReal      sum = 0;

      for (PetscInt term = 0; term <= 3; term++) {
        PetscReal product = term < 3 ? 1 : shift;

        for (PetscInt e = 0; e < 3; e++) product *= Entry(e == term ? a[e] : b[e], r[e], pi[e], qi[e]);
        sum += product;
      }
      whole[p * n + q] = sum;
    }
  Fill(n, rhs, 7);
  PetscCall(TesKronPencilCreate(r, a, b, shift, &solver));
  PetscCall(TesKronPencilSolve(solver, rhs, g));
  PetscCall(TesKronPencilApply(solver, PETSC_FALSE, rhs, y));
  for (PetscInt p = 0; p < n; p++) {
    PetscReal sum = 0;

    for (PetscInt q = 0; q < n; q++) sum += whole[p * n + q] * rhs[q];
    apply = PetscMax(apply, PetscAbsReal(sum - y[p]) / (1 + PetscAbsReal(sum)));
  }
  PetscCall(TesKronPencilApply(solver, PETSC_TRUE, rhs, y));
  for (PetscInt p = 0; p < n; p++) {
    PetscReal sum = 0;

    for (PetscInt q = 0; q < n; q++) sum += whole[q * n + p] * rhs[q];
    turned = PetscMax(turned, PetscAbsReal(sum - y[p]) / (1 + PetscAbsReal(sum)));
  }
  PetscCall(PetscArraycpy(want, rhs, n));
  PetscCall(TesLUSolve(n, 1, whole, want));
  for (PetscInt p = 0; p < n; p++) {
    worst = PetscMax(worst, PetscAbsReal(g[p] - want[p]));
    size  = PetscMax(size, PetscAbsReal(want[p]));
  }
  TES_CHECK_AT_MOST(worst / size, 1e-10); /* condition of these operators up to 1e5, times eps, ten times */
  TES_CHECK_AT_MOST(apply, 200 * DBL_EPSILON);
  TES_CHECK_AT_MOST(turned, 200 * DBL_EPSILON);
  PetscCall(TesKronPencilSolve(solver, rhs, rhs));
  for (PetscInt p = 0; p < n; p++) TES_CHECK(rhs[p] == g[p]);
  PetscCall(TesKronPencilDestroy(&solver));
  for (PetscInt d = 0; d < 3; d++) PetscCall(PetscFree(m[d]));
  PetscCall(PetscFree5(whole, want, rhs, g, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EveryPatternOfMarchingDimensionsIsSolved(void)
{
  const PetscInt shapes[][3] = {{5, 4, 6}, {1, 7, 3}, {8, 1, 2}, {3, 3, 1}};

  PetscFunctionBegin;
  for (unsigned marching = 0; marching < 8; marching++)
    for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) PetscCall(Compare(shapes[s], marching, s % 2 ? 0 : 0.7));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ADimensionNeedsOneMatrix(void)
{
  const PetscReal  one = 1, *const a[3] = {&one, &one, &one}, *const b[3] = {NULL, &one, NULL};
  const PetscInt   r[3] = {1, 1, 1};
  TesKronPencil    solver = NULL;

  PetscFunctionBegin;
  TES_CHECK_FAILS(TesKronPencilCreate(r, a, b, 0, &solver), PETSC_ERR_ARG_WRONG);
  PetscCall(PetscFree(solver));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(EveryPatternOfMarchingDimensionsIsSolved),
  TES_TEST(ADimensionNeedsOneMatrix),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
