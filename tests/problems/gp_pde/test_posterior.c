/* Posterior standard deviation: against Gaussian conditioning written out, its zeros, and how it compares with the error. */
#include <tessera/driver.h>
#include <tessera/io.h>
#include <tessera/test.h>
#include "../../../src/problems/gp_pde/gp_pde.h"

extern const TesProblemKind TesProblemGpPde;

#define POINTS 5

typedef struct {
  PetscReal error, sd, within, least, most, ends, inside; /* inside: least but on the sides, relative to max|u| */
  PetscReal conditioning; /* largest relative difference of ratios */
} Seen;

static PetscErrorCode Figures(TesReport report, Seen *seen)
{
  PetscBool found;

  PetscFunctionBegin;
  PetscCall(TesReportFind(report, "relative_l2", &found, &seen->error));
  TES_CHECK(found);
  PetscCall(TesReportFind(report, "posterior_sd", &found, &seen->sd));
  TES_CHECK(found);
  PetscCall(TesReportFind(report, "within_two_sd", &found, &seen->within));
  TES_CHECK(found);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the field: smallest and largest value, largest on the sides of the box */
static PetscErrorCode Look(TesProblem problem, TesReport report, void *arg)
{
  GpPde         *gp   = TesProblemCtx(problem);
  Seen          *seen = arg;
  const PetscInt n    = GpTestPoints(gp);
  TesStateItem   item;
  PetscReal     *sd, most = 0, ends = 0, least = 0, inside = PETSC_MAX_REAL, largest;

  PetscFunctionBegin;
  PetscCall(Figures(report, seen));
  PetscCall(TesFieldNormMax(gp->u_field, &largest));
  PetscCall(TesFieldItem(gp->sd_field, &item));
  PetscCall(TesFieldGetArray(gp->sd_field, &sd));
  for (PetscInt64 k = 0; k < item.n_local; k++) {
    for (PetscInt i = 0; i < (gp->dim == 1 ? 1 : n); i++) {
      const PetscReal v    = sd[gp->dim == 1 ? k : k * n + i];
      const PetscBool side = item.first + k == 0 || item.first + k == n - 1 || (gp->dim > 1 && (i == 0 || i == n - 1)) ? PETSC_TRUE : PETSC_FALSE;

      least = PetscMin(least, v);
      most  = PetscMax(most, v);
      if (side) ends = PetscMax(ends, v);
      else inside = PetscMin(inside, v);
    }
  }
  PetscCall(TesFieldRestoreArray(gp->sd_field, &sd));
  PetscCall(TesMaxAll(PETSC_COMM_WORLD, most, &seen->most));
  PetscCall(TesMaxAll(PETSC_COMM_WORLD, ends, &seen->ends));
  PetscCall(TesMaxAll(PETSC_COMM_WORLD, -least, &seen->least));
  PetscCall(TesMaxAll(PETSC_COMM_WORLD, -inside, &inside));
  seen->inside = -inside / largest;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Run(const char deck[], Seen *seen)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(seen, sizeof(*seen)));
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde, deck, Look, seen));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ErrorIsWithinTwoDeviationsAsOftenAsItShould(void)
{
  static const char *const points[] = {"40", "60"};
  Seen                     seen;

  PetscFunctionBegin;
  for (int i = 0; i < 2; i++) {
    char *deck;

    PetscCall(TesFormat(&deck, "problem: gp_pde\ndomain: {points: %s}\nequation: {kind: poisson}\nmanufactured: {name: mix}\n", points[i]));
    PetscCall(Run(deck, &seen));
    PetscCall(PetscFree(deck));
    TES_CHECK_AT_LEAST(seen.within, 0.7);
    TES_CHECK_AT_MOST(seen.within, 1);
    TES_CHECK_NEAR(seen.least, 0, 0); /* never negative, nowhere NaN */
    TES_CHECK_AT_MOST(seen.ends, 1e-8 * seen.most);
    TES_CHECK_AT_MOST(seen.sd, 1000 * seen.error); /* and not by being useless */
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* sin 100x on its own grid of waves: the error is 1e-16, and the variance of the coefficients, left alone, would be below that */
static PetscErrorCode DeviationIsNeverBelowRounding(void)
{
  static const char *const decks[] = {"problem: gp_pde\ndomain: {upper: 6.283185307179586, points: 220}\nequation: {kind: poisson}\nmanufactured: {name: sin100}\n",
                                      "problem: gp_pde\ndomain: {points: 60}\nequation: {kind: poisson}\nmanufactured: {name: mix}\n",
                                      "problem: gp_pde\ndomain: {upper: 6.283185307179586, points: [60, 60]}\nequation: {kind: poisson}\nmanufactured: {name: sum}\noutput: {test_points: 50}\n"};
  Seen                     seen;

  PetscFunctionBegin;
  for (int i = 0; i < 3; i++) {
    PetscCall(Run(decks[i], &seen));
    PetscCall(PetscPrintf(PETSC_COMM_WORLD, "# error %.1e, deviation %.1e, least inside %.1e, within two %.2f\n", (double)seen.error, (double)seen.sd, (double)seen.inside, (double)seen.within));
    TES_CHECK_AT_LEAST(seen.inside, PETSC_MACHINE_EPSILON * (1 - 1e-12));
    TES_CHECK_AT_MOST(seen.ends, 1e-8 * seen.most);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SamplesInTwoDimensionsHaveTheSizeOfTheError(void)
{
  Seen seen;

  PetscFunctionBegin;
  PetscCall(Run("problem: gp_pde\ndomain: {points: [40, 40]}\nequation: {kind: poisson}\nmanufactured: {name: sum}\noutput: {test_points: 60}\n", &seen));
  TES_CHECK_AT_LEAST(seen.sd, seen.error / 10);
  TES_CHECK_AT_MOST(seen.sd, seen.error * 100);
  TES_CHECK_AT_MOST(seen.ends, 1e-8 * seen.most);
  TES_CHECK_NEAR(seen.least, 0, 0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- Gaussian conditioning, written out ---- */

/* prior covariance of a u + b u'' at x with the same at y, under the condition that u vanishes at the ends: phi (I - E'(E E')^-1 E) phi' */
static PetscErrorCode Covariance(const GpDictionary *dict, const PetscReal *e, PetscInt nx, const PetscReal *x, PetscReal bx, PetscInt ny, const PetscReal *y, PetscReal by, PetscReal *k)
{
  const PetscInt c = dict->n_columns;
  PetscReal     *px, *py, ee[2][2] = {{0}}, det;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)nx * (size_t)c, &px, (size_t)ny * (size_t)c, &py));
  PetscCall(GpDictionaryEvaluate(dict, bx != 0 ? 2 : 0, nx, x, px)); /* b is 0 or 1 here: values or second derivatives */
  PetscCall(GpDictionaryEvaluate(dict, by != 0 ? 2 : 0, ny, y, py));
  for (PetscInt a = 0; a < 2; a++)
    for (PetscInt b = 0; b < 2; b++)
      for (PetscInt j = 0; j < c; j++) ee[a][b] += e[a * c + j] * e[b * c + j];
  det = ee[0][0] * ee[1][1] - ee[0][1] * ee[1][0];
  for (PetscInt i = 0; i < nx; i++)
    for (PetscInt l = 0; l < ny; l++) {
      PetscReal sum = 0, u[2] = {0, 0}, v[2] = {0, 0};

      for (PetscInt j = 0; j < c; j++) {
        sum += px[i * c + j] * py[l * c + j];
        for (PetscInt a = 0; a < 2; a++) {
          u[a] += px[i * c + j] * e[a * c + j];
          v[a] += py[l * c + j] * e[a * c + j];
        }
      }
      k[i * ny + l] = sum - (u[0] * (ee[1][1] * v[0] - ee[0][1] * v[1]) + u[1] * (ee[0][0] * v[1] - ee[1][0] * v[0])) / det;
    }
  PetscCall(PetscFree2(px, py));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LookAtConditioning(TesProblem problem, TesReport report, void *arg)
{
  GpPde              *gp   = TesProblemCtx(problem);
  Seen               *seen = arg;
  const PetscInt      n    = (PetscInt)gp->n[0];
  const PetscReal     ends[2] = {gp->lower[0], gp->lower[0] + gp->length[0]};
  PetscReal           points[POINTS] = {0.11, 0.27, 0.48, 0.66, 0.9}, *x[GP_DIM] = {points}, sd[POINTS], plain[POINTS], sigma_n = 0, sigma_f = 0, lift[2] = {0};
  PetscReal          *e, *k, *cross, *solved, *c;
  const GpDictionary *dict;
  const PetscInt64    count[GP_DIM] = {POINTS};
  GpProjected         projected = {0};
  GpPointSet          set;

  PetscFunctionBegin;
  (void)report;
  dict = &gp->best.basis[0].dict;
  PetscCall(GpMeanSquare(gp, &gp->grid, gp->f, &sigma_n));
  sigma_n = 1e-2 * PetscSqrtReal(sigma_n); /* noise that the conditioning can be computed with */
  PetscCall(GpProjectedCreate(gp, &gp->best, &projected));
  PetscCall(GpPointSetCreate(PETSC_COMM_SELF, 1, count, x, &set));
  PetscCall(GpPosterior(gp, &gp->best, &projected, sigma_n, &set, sd));
  PetscCall(GpPointSetDestroy(&set));
  PetscCall(GpProjectedDestroy(&projected));
  /* sigma_f from the coefficients */
  PetscCall(PetscCalloc5((size_t)2 * (size_t)dict->n_columns, &e, (size_t)n * (size_t)n, &k, (size_t)n * POINTS, &cross, (size_t)n * POINTS, &solved, (size_t)dict->n_columns, &c));
  for (PetscInt d = 0; d < 2; d++) lift[d] = gp->best.lift[0] ? gp->best.lift[0][d] : 0;
  for (PetscInt j = 0; j < dict->n_columns; j++) {
    for (PetscInt i = 0; i < gp->best.r[0]; i++) c[j] += gp->best.basis[0].inner[j * gp->best.r[0] + i] * gp->best.core[i];
    for (PetscInt d = 0; d < 2; d++) c[j] += gp->best.basis[0].lift[j * 2 + d] * lift[d];
    sigma_f += c[j] * c[j] / (PetscReal)dict->n_columns;
  }
  /* var(x) = sigma_f^2 k(x, x) - k' (K + sigma_n^2)^-1 k */
  PetscCall(GpDictionaryEvaluate(dict, 0, 2, ends, e));
  PetscCall(Covariance(dict, e, n, gp->grid.x[0], 1, n, gp->grid.x[0], 1, k));
  PetscCall(Covariance(dict, e, n, gp->grid.x[0], 1, POINTS, points, 0, cross));
  for (PetscInt i = 0; i < n * n; i++) k[i] *= sigma_f;
  for (PetscInt i = 0; i < n; i++) k[i * n + i] += sigma_n * sigma_n;
  for (PetscInt i = 0; i < n * POINTS; i++) solved[i] = cross[i] = sigma_f * cross[i];
  PetscCall(TesLUSolve(n, POINTS, k, solved));
  for (PetscInt p = 0; p < POINTS; p++) {
    PetscReal prior;

    PetscCall(Covariance(dict, e, 1, &points[p], 0, 1, &points[p], 0, &prior));
    plain[p] = sigma_f * prior;
    for (PetscInt i = 0; i < n; i++) plain[p] -= cross[i * POINTS + p] * solved[i * POINTS + p];
    plain[p] = PetscSqrtReal(plain[p]);
    seen->conditioning = PetscMax(seen->conditioning, PetscAbsReal(sd[p] / sd[0] / (plain[p] / plain[0]) - 1)); /* the common scale is another matter */
  }
  PetscCall(PetscFree5(e, k, cross, solved, c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode VarianceIsThatOfGaussianConditioning(void)
{
  Seen seen = {0};

  PetscFunctionBegin;
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde,
                          "problem: gp_pde\ndomain: {points: 30}\nequation: {kind: poisson}\nmanufactured: {expression: \"sin(9*x)+x^2+0.3*cos(20*x)\"}\nrefine: {enable: false}\nspectrum: {background: 4}\n",
                          LookAtConditioning, &seen));
  TES_CHECK_AT_LEAST(seen.conditioning, 1e-16);
  TES_CHECK_AT_MOST(seen.conditioning, 1e-4); /* the subtraction loses what sd^2 is below the prior variance */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ErrorIsWithinTwoDeviationsAsOftenAsItShould),
  TES_TEST(DeviationIsNeverBelowRounding),
  TES_TEST(SamplesInTwoDimensionsHaveTheSizeOfTheError),
  TES_TEST(VarianceIsThatOfGaussianConditioning),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
