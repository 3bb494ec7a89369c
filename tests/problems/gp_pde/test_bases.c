/* The pieces of gp_pde against independent results: dictionary derivatives against differences, the screen and the identification on known lines, bases at the
   ends, the Jacobian against differences. */
#include <tessera/driver.h>
#include <tessera/test.h>
#include "../../../src/problems/gp_pde/gp_pde.h"

extern const TesProblemKind TesProblemGpPde;

static PetscErrorCode DictionaryDerivativesAgreeWithDifferences(void)
{
  const PetscReal omega[] = {0, 3, 17.5}, s[] = {1, 0.5, 1e-4}, h = 1e-4;
  GpDictionary    dict;
  PetscReal       x[3], worst[2] = {0, 0};
  PetscReal       v[3][16], d[2][3][16];

  PetscFunctionBegin;
  PetscCall(GpDictionaryCreate(-0.3, 1.7, 3, omega, s, 6, &dict));
  TES_CHECK_INT(dict.n_columns, 11); /* 3 cosines, 2 sines, 6 polynomials */
  for (PetscInt k = 0; k < 5; k++) {
    const PetscReal at = -0.2 + 0.31 * (PetscReal)k;

    x[0] = at - h;
    x[1] = at;
    x[2] = at + h;
    PetscCall(GpDictionaryEvaluate(&dict, 0, 3, x, &v[0][0]));
    for (PetscInt o = 1; o <= 2; o++) PetscCall(GpDictionaryEvaluate(&dict, o, 3, x, &d[o - 1][0][0]));
    for (PetscInt j = 0; j < 11; j++) {
      const PetscReal *row[3] = {&v[0][0], &v[0][0] + 11, &v[0][0] + 22};

      worst[0] = PetscMax(worst[0], PetscAbsReal((row[2][j] - row[0][j]) / (2 * h) - (&d[0][0][0])[11 + j]));
      worst[1] = PetscMax(worst[1], PetscAbsReal((row[2][j] - 2 * row[1][j] + row[0][j]) / (h * h) - (&d[1][0][0])[11 + j]));
    }
  }
  TES_CHECK_AT_MOST(worst[0], 1e-4); /* h^2/6 times the third derivative, 25^3 for T_5 */
  TES_CHECK_AT_MOST(worst[1], 1e-3); /* h^2/12 times the fourth */
  PetscCall(GpDictionaryDestroy(&dict));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Phi Phi' is the covariance sum_m s_m cos(omega_m (x - x')): a stationary kernel, periodised; symmetric and, being a Gram matrix, without negative eigenvalues. */
static PetscErrorCode DictionaryIsASquareRootOfTheKernel(void)
{
  enum { N = 40, LINES = 12 };
  PetscReal    omega[LINES], s[LINES], x[N], worst = 0, skew = 0, *phi, *k, *sv;
  GpDictionary dict;

  PetscFunctionBegin;
  for (PetscInt m = 0; m < LINES; m++) {
    omega[m] = 2 * PETSC_PI / 3 / 1.7 * (PetscReal)m * 2;
    s[m]     = PetscExpReal(-0.3 * (PetscReal)m);
  }
  for (PetscInt i = 0; i < N; i++) x[i] = -0.3 + 1.7 * (PetscReal)i / (N - 1);
  PetscCall(GpDictionaryCreate(-0.3, 1.7, LINES, omega, s, 0, &dict));
  TES_CHECK_INT(dict.n_columns, 2 * LINES - 1);
  PetscCall(PetscMalloc3(N * dict.n_columns, &phi, N * N, &k, N, &sv));
  PetscCall(GpDictionaryEvaluate(&dict, 0, N, x, phi));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, N, N, dict.n_columns, 1, phi, phi, 0, k));
  for (PetscInt i = 0; i < N; i++)
    for (PetscInt j = 0; j < N; j++) {
      PetscReal sum = 0;

      for (PetscInt m = 0; m < LINES; m++) sum += s[m] * PetscCosReal(omega[m] * (x[i] - x[j]));
      worst = PetscMax(worst, PetscAbsReal(k[i * N + j] - sum) / k[0]);
      skew  = PetscMax(skew, PetscAbsReal(k[i * N + j] - k[j * N + i]) / k[0]);
    }
  TES_CHECK_AT_MOST(worst, 1e-13);
  TES_CHECK_AT_MOST(skew, 1e-15);
  PetscCall(PetscFree3(phi, k, sv));
  PetscCall(GpDictionaryDestroy(&dict));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ScreenPeaksAtTheFrequency(void)
{
  const PetscInt n = 200, e = 3;
  PetscReal      y[200], *a;
  PetscInt       bins, peak = 0;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < n; i++) y[i] = PetscSinReal(2 * PETSC_PI * 40 / 3. * (PetscReal)i / (n - 1)); /* bin 40 of the extended grid */
  PetscCall(GpScreen(n, e, 34, 1, y, &bins, &a));
  TES_CHECK_INT(bins, 3 * (n - 1) / 2 + 1);
  for (PetscInt m = 0; m < bins; m++) peak = a[m] > a[peak] ? m : peak;
  TES_CHECK_INT(peak, 40);
  for (PetscInt m = 80; m < bins; m++) TES_CHECK_AT_MOST(a[m] / a[peak], 1e-13); /* beyond the main lobe, +-33 bins */
  PetscCall(PetscFree(a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- with a problem behind ---- */

typedef struct {
  PetscReal error, bound, lines, background, best, jacobian[3], quadratic, ends, second, fit;
  PetscBool has_line_near;
  PetscReal near;
} Seen;

static PetscErrorCode Look(TesProblem problem, TesReport report, void *arg)
{
  GpPde    *gp   = TesProblemCtx(problem);
  Seen     *seen = arg;
  PetscBool found;

  PetscFunctionBegin;
  (void)report;
  seen->lines = (PetscReal)gp->best_spectra[0].n;
  for (PetscInt64 m = 0; m < gp->best_spectra[0].n; m++) {
    const PetscReal omega = (PetscReal)gp->best_spectra[0].bin[m] * 2 * PETSC_PI / ((PetscReal)gp->best_spectra[0].extension * gp->length[0]);

    if (PetscAbsReal(omega - seen->near) < 4) seen->has_line_near = PETSC_TRUE;
  }
  seen->fit = gp->best_spectra[0].fit;
  { /* second derivative of the frequency itself by the trace functions: coefficients of its values, then the functions' second derivatives */
    const GpBasis *basis;
    const PetscInt n = (PetscInt)gp->n[0];
    PetscReal     *u, *c, *w;
    GpBasisAt      at;

    PetscCall(GpRefineBest(gp));
    basis = &gp->best.basis[0];
    PetscCall(PetscMalloc3(n, &u, basis->k, &c, n, &w));
    for (PetscInt i = 0; i < n; i++) u[i] = PetscSinReal(seen->near * gp->grid.x[0][i]);
    PetscCall(GpBasisEvaluate(gp, 0, basis, n, gp->grid.x[0], GP_BIT(GP_SECOND), &at));
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, basis->k, 1, n, 1, basis->fit, u, 0, c));
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, 1, basis->k, 1, at.trace[GP_SECOND], c, 0, w));
    seen->second = 0;
    for (PetscInt i = 0; i < n; i++) seen->second = PetscMax(seen->second, PetscAbsReal(w[i] / PetscSqr(seen->near) + u[i]));
    PetscCall(GpBasisAtDestroy(&at));
    PetscCall(PetscFree3(u, c, w));
  }
  found      = gp->has_best;
  seen->best = found ? gp->best_bound : -1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OneSineOnTheGridLeavesOneFrequency(void)
{
  Seen seen = {.near = 100};

  PetscFunctionBegin;
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde,
                          "problem: gp_pde\ndomain: {upper: 6.283185307179586, points: 220}\nequation: {kind: poisson}\nmanufactured: {name: sin100}\n", Look, &seen));
  TES_CHECK_INT(seen.lines, 1);
  TES_CHECK(seen.has_line_near);
  TES_CHECK_AT_MOST(seen.second, 1e-10); /* with the covariance itself and a jitter of 1e-6 it is 3e-3 */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WeakLineBesideAStrongOneIsKept(void)
{
  Seen seen = {.near = 97.7};

  PetscFunctionBegin;
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde,
                          "problem: gp_pde\ndomain: {points: 300}\nequation: {kind: poisson}\nrefine: {enable: false}\n"
                          "source: {from: expression, expression: \"sin(211.3*x)+1e-8*sin(97.7*x+0.4)\"}\nboundary: {from: expression, expression: \"0\"}\n",
                          Look, &seen));
  TES_CHECK(seen.has_line_near);
  TES_CHECK_AT_MOST(seen.fit, 2e-12); /* the weak line is 1e-8 of the data; lost, it would leave 1e-8 */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LookAtBases(TesProblem problem, TesReport report, void *arg)
{
  GpPde          *gp   = TesProblemCtx(problem);
  Seen           *seen = arg;
  GpProjected     projected = {0};
  PetscReal      *g, *dg, *y[3];
  GpFields        work, slope;
  const PetscReal steps[3] = {1e-4, 1e-5, 1e-6};
  const PetscReal ends[2]  = {gp->lower[0], gp->lower[0] + gp->length[0]};
  GpBasisAt       at;

  PetscFunctionBegin;
  (void)report;
  PetscCall(GpRefineBest(gp));
  PetscCall(GpBasisEvaluate(gp, 0, &gp->best.basis[0], 2, ends, GP_BIT(GP_VALUE), &at));
  seen->ends = PetscMax(PetscAbsReal(at.lift[0][0] - 1), PetscAbsReal(at.lift[0][1]));
  seen->ends = PetscMax(seen->ends, PetscMax(PetscAbsReal(at.lift[0][2]), PetscAbsReal(at.lift[0][3] - 1)));
  PetscCall(GpBasisAtDestroy(&at));
  PetscCall(GpProjectedCreate(gp, &gp->best, &projected));
  {
    const size_t n = (size_t)gp->best.n_core;

    PetscCall(PetscMalloc5(n, &g, n, &dg, n, &y[0], n, &y[1], n, &y[2]));
    PetscCall(GpFieldsCreate(gp, gp->grid.n_local, &work));
    PetscCall(GpFieldsCreate(gp, gp->grid.n_local, &slope));
    for (size_t i = 0; i < n; i++) dg[i] = gp->best.core[i] * (1 + 0.3 * PetscSinReal((PetscReal)i)); /* a direction that the solution knows */
    PetscCall(GpNewtonLinearize(gp, &projected, &gp->best, gp->best.core, &work, &slope));
    PetscCall(GpNewtonJacobian(gp, &projected, &gp->best, &slope, dg, &work, y[0]));
    for (PetscInt k = 0; k < 3; k++) {
      PetscReal difference = 0, size = 0;

      for (PetscInt side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++) g[i] = gp->best.core[i] + (side ? steps[k] : -steps[k]) * dg[i];
        PetscCall(GpNewtonResidual(gp, &projected, &gp->best, g, &work, y[1 + side]));
      }
      for (size_t i = 0; i < n; i++) {
        difference += PetscSqr((y[2][i] - y[1][i]) / (2 * steps[k]) - y[0][i]);
        size += PetscSqr(y[0][i]);
      }
      seen->jacobian[k] = PetscSqrtReal(difference / size);
    }
    PetscCall(PetscFree5(g, dg, y[0], y[1], y[2]));
    PetscCall(GpFieldsDestroy(&work));
    PetscCall(GpFieldsDestroy(&slope));
  }
  PetscCall(GpProjectedDestroy(&projected));
  { /* residuals of consecutive iterations of the first attempt, above the rounding floor */
    const GpNewtonRow *rows = (const GpNewtonRow *)gp->newton_rows;

    seen->quadratic = 0;
    for (PetscInt64 i = 1; i < gp->n_newton / GP_NEWTON_WIDTH && rows[i].attempt == rows[0].attempt; i++) {
      if (rows[i].update > 1e-10) seen->quadratic = PetscMax(seen->quadratic, rows[i].update / PetscSqr(rows[i - 1].update));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode JacobianAgreesWithDifferencesAndNewtonIsQuadratic(void)
{
  Seen seen = {0};

  PetscFunctionBegin;
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde,
                          "problem: gp_pde\ndomain: {points: [60, 50]}\nequation: {kind: allen_cahn}\nrefine: {enable: false}\n"
                          "manufactured: {expression: \"2*sin(7*x)*cos(5*y)+exp(x)*y\"}\n",
                          LookAtBases, &seen));
  for (PetscInt k = 0; k < 3; k++) TES_CHECK_AT_MOST(seen.jacobian[k], 1e-6);
  TES_CHECK_AT_LEAST(seen.quadratic, 1e-12); /* two iterations above the floor were seen */
  TES_CHECK_AT_MOST(seen.quadratic, 10);     /* |n''| |u| / lambda_min is of order 1 here */
  TES_CHECK_AT_MOST(seen.ends, 1e-13);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(DictionaryDerivativesAgreeWithDifferences),
  TES_TEST(DictionaryIsASquareRootOfTheKernel),
  TES_TEST(ScreenPeaksAtTheFrequency),
  TES_TEST(OneSineOnTheGridLeavesOneFrequency),
  TES_TEST(WeakLineBesideAStrongOneIsKept),
  TES_TEST(JacobianAgreesWithDifferencesAndNewtonIsQuadratic),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
