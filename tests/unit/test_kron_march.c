/* Evolution operators in Kronecker form against a dense LU of the explicit matrix; the kernel that a Kronecker sum leaves out. */
#include <float.h>
#include <tessera/linalg.h>
#include <tessera/random.h>
#include <tessera/test.h>

static void Fill(PetscInt n, PetscReal *x, uint32_t tag)
{
  for (PetscInt i = 0; i < n; i++) {
    PetscReal z[2];

    TesRandomNormal(11, TES_STREAM_TEST, (uint32_t)i, tag, 0, z);
    x[i] = z[0];
  }
}

/* -second difference, made unsymmetric so that eigenvalues are complex for odd tags */
static void Space(PetscInt n, uint32_t tag, PetscReal *a)
{
  Fill(n * n, a, tag);
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt j = 0; j < n; j++) a[i * n + j] = 0.3 * a[i * n + j] + (i == j ? 2. + i : 0) + (tag % 2 && (i - j == 1) ? 2 : 0) - (tag % 2 && (j - i == 1) ? 2 : 0);
}

/* trapezoidal integration: far from normal */
static void Integration(PetscInt n, PetscReal *c)
{
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt j = 0; j < n; j++) c[i * n + j] = (j < i ? 1. : j == i ? 0.5 : 0) / n;
}

/* explicit matrix of (I + (A_0 + A_1 + shift) x C), x fastest, time slowest */
static void Explicit(PetscInt space, const PetscInt r[3], PetscReal *const a[2], PetscReal shift, const PetscReal *c, PetscReal *m)
{
  const PetscInt r1 = space == 2 ? r[1] : 1, rt = r[space], n = r[0] * r1 * rt;

  for (PetscInt p = 0; p < n; p++)
    for (PetscInt q = 0; q < n; q++) {
      const PetscInt p0 = p % r[0], p1 = p / r[0] % r1, pt = p / r[0] / r1, q0 = q % r[0], q1 = q / r[0] % r1, qt = q / r[0] / r1;
      PetscReal      s = 0;

      if (p1 == q1) s += a[0][p0 * r[0] + q0];
      if (space == 2 && p0 == q0) s += a[1][p1 * r1 + q1];
      if (p0 == q0 && p1 == q1) s += shift;
      m[p * n + q] = (p == q ? 1 : 0) + s * c[pt * rt + qt];
    }
}

static PetscErrorCode Compare(PetscInt space, const PetscInt r[3], uint32_t tag)
{
  const PetscInt n = r[0] * (space == 2 ? r[1] : 1) * r[space];
  PetscReal     *a[2] = {NULL, NULL}, *c, *m, *rhs, *g, *y, *dense, smallest, worst = 0, size = 0, residual = 0;
  TesKronMarch   solver;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < space; d++) {
    PetscCall(PetscMalloc1(r[d] * r[d], &a[d]));
    Space(r[d], tag + (uint32_t)d, a[d]);
  }
  PetscCall(PetscMalloc1(r[space] * r[space], &c));
  Integration(r[space], c);
  PetscCall(PetscMalloc5(n * n, &m, n, &rhs, n, &g, n, &y, n, &dense));
  Explicit(space, r, a, 0.7, c, m);
  Fill(n, rhs, 77);
  PetscCall(PetscArraycpy(dense, rhs, n));
  PetscCall(TesLUSolve(n, 1, m, dense));
  PetscCall(TesKronMarchCreate(space, r, (const PetscReal *const *)a, 0.7, c, &solver));
  PetscCall(TesKronMarchSolve(solver, rhs, g));
  PetscCall(TesKronMarchApply(solver, dense, y));
  for (PetscInt i = 0; i < n; i++) {
    size     = PetscMax(size, PetscAbsReal(dense[i]));
    worst    = PetscMax(worst, PetscAbsReal(g[i] - dense[i]));
    residual = PetscMax(residual, PetscAbsReal(y[i] - rhs[i]));
  }
  TES_CHECK_AT_MOST(worst / size, 1e-12); /* conditions up to 1e3 on both sides */
  TES_CHECK_AT_MOST(residual, 1e-11);
  PetscCall(TesKronMarchSmallest(solver, &smallest));
  TES_CHECK_AT_LEAST(smallest, 0.1);
  PetscCall(PetscArraycpy(y, rhs, n));
  PetscCall(TesKronMarchSolve(solver, y, y)); /* in place */
  for (PetscInt i = 0; i < n; i++) TES_CHECK(y[i] == g[i]);
  PetscCall(TesKronMarchDestroy(&solver));
  PetscCall(PetscFree5(m, rhs, g, y, dense));
  PetscCall(PetscFree(c));
  for (PetscInt d = 0; d < space; d++) PetscCall(PetscFree(a[d]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OneDimensionOfSpaceAgreesWithDense(void)
{
  const PetscInt sizes[][3] = {{12, 9, 0}, {1, 7, 0}, {8, 1, 0}};

  PetscFunctionBegin;
  for (uint32_t tag = 0; tag < 2; tag++) /* real and complex eigenvalues */
    for (PetscInt i = 0; i < 3; i++) PetscCall(Compare(1, sizes[i], tag));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TwoDimensionsOfSpaceAgreeWithDense(void)
{
  const PetscInt sizes[][3] = {{6, 5, 7}, {1, 5, 4}};

  PetscFunctionBegin;
  for (uint32_t tag = 0; tag < 2; tag++)
    for (PetscInt i = 0; i < 2; i++) PetscCall(Compare(2, sizes[i], tag));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* u' = -lambda u + lambda, u(0) = 0, in integral form: v = u' solves v + lambda C v = lambda, and u(1) -> 1 - exp(-lambda) with the second order of the trapezoidal rule */
static PetscErrorCode DecayIsMarchedToSecondOrder(void)
{
  PetscReal error[2];

  PetscFunctionBegin;
  for (PetscInt k = 0; k < 2; k++) {
    const PetscInt  n = k ? 80 : 40, r[2] = {1, n};
    const PetscReal lambda = 3, *a[1] = {&lambda};
    PetscReal      *c, *rhs, end = 0;
    TesKronMarch    solver;

    PetscCall(PetscMalloc2(n * n, &c, n, &rhs));
    Integration(n, c);
    for (PetscInt i = 0; i < n; i++) rhs[i] = lambda;
    PetscCall(TesKronMarchCreate(1, r, a, 0, c, &solver));
    PetscCall(TesKronMarchSolve(solver, rhs, rhs));
    for (PetscInt i = 0; i < n; i++) end += rhs[i] / n;
    error[k] = PetscAbsReal(end - (1 - PetscExpReal(-lambda)));
    PetscCall(TesKronMarchDestroy(&solver));
    PetscCall(PetscFree2(c, rhs));
  }
  TES_CHECK_AT_LEAST(error[0] / error[1], 3.9);
  TES_CHECK_AT_MOST(error[1], 1e-4);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* diag(0, -1, -4) + diag(0, -2): the kernel is e_0 x e_0 */
static PetscErrorCode KernelIsLeftOutAndSaid(void)
{
  const PetscReal a0[9] = {0, 0, 0, 0, -1, 0, 0, 0, -4}, a1[4] = {0, 0, 0, -2}, *a[2] = {a0, a1};
  const PetscReal rhs[6] = {3, 1, 4, 1, 5, 9};
  const PetscInt  r[2]   = {3, 2};
  PetscReal       g[6], dropped, size = 0;
  TesKronSum      sum;

  PetscFunctionBegin;
  PetscCall(TesKronSumCreate(2, r, a, 0, &sum));
  TES_CHECK_FAILS(TesKronSumSolve(sum, rhs, g), TES_ERR_NUMBERS);
  PetscCall(TesKronSumDeflate(sum));
  PetscCall(TesKronSumSolve(sum, rhs, g));
  TES_CHECK_NEAR(g[0], 0, 0);
  TES_CHECK_NEAR(g[1], -1, 1e-15);
  TES_CHECK_NEAR(g[2], -1, 1e-15);
  TES_CHECK_NEAR(g[3], -0.5, 1e-15);
  TES_CHECK_NEAR(g[4], -5 / 3., 1e-15);
  TES_CHECK_NEAR(g[5], -1.5, 1e-15);
  for (PetscInt i = 0; i < 6; i++) size += rhs[i] * rhs[i];
  PetscCall(TesKronSumDropped(sum, &dropped));
  TES_CHECK_NEAR(dropped, 3 / PetscSqrtReal(size), 1e-14);
  PetscCall(TesKronSumDestroy(&sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(OneDimensionOfSpaceAgreesWithDense),
  TES_TEST(TwoDimensionsOfSpaceAgreeWithDense),
  TES_TEST(DecayIsMarchedToSecondOrder),
  TES_TEST(KernelIsLeftOutAndSaid),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
