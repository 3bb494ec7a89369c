/* Fast Fourier extension: the operators, the low-rank part, accuracy between the nodes, and the runs that stand on it. */
#include <tessera/driver.h>
#include <tessera/io.h>
#include <tessera/test.h>
#include "../../../src/problems/gp_pde/extension.h"

extern const TesProblemKind TesProblemGpPde;

/* A from its definition against the transform, and the evaluation at a point, on the nodes and between them. */
static PetscErrorCode SeriesIsTheSumOfItsWaves(void)
{
  const PetscInt64 n = 301;
  GpExtension      x;
  PetscReal       *c, *nodes, *between, worst = 0, size = 0;

  PetscFunctionBegin;
  PetscCall(GpExtensionCreate(PETSC_COMM_WORLD, 1, n, 0.5, &x));
  PetscCall(PetscMalloc3((size_t)(2 * x.bins), &c, (size_t)n, &nodes, (size_t)n, &between));
  for (PetscInt64 m = 0; m < 2 * x.bins; m++) c[m] = PetscSinReal(1.7 * (PetscReal)m + 0.3) / (1 + 0.01 * (PetscReal)m);
  PetscCall(GpExtensionValues(&x, c, 0, nodes));
  PetscCall(GpExtensionValues(&x, c, 0.5, between));
  for (PetscInt64 j = 0; j < n - 1; j += 7) {
    for (PetscInt side = 0; side < 2; side++) {
      const PetscReal t   = ((PetscReal)j + 0.5 * side) / (PetscReal)(n - 1);
      PetscReal       sum = 0;

      for (PetscInt64 m = 0; m < x.bins; m++) {
        const PetscReal phase = PETSC_PI * fmod((PetscReal)m * t, 2);

        sum += c[2 * m] * PetscCosReal(phase) - (m ? c[2 * m + 1] * PetscSinReal(phase) : 0);
      }
      size  = PetscMax(size, PetscAbsReal(sum));
      worst = PetscMax(worst, PetscAbsReal(sum - (side ? between : nodes)[j]));
      worst = PetscMax(worst, PetscAbsReal(sum - GpExtensionAt(x.bins, c, t)));
    }
  }
  TES_CHECK_AT_MOST(worst, 1e-12 * size);
  PetscCall(PetscFree3(c, nodes, between));
  PetscCall(GpExtensionDestroy(&x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A - A Z A column by column (real and imaginary coefficients), its singular values by LAPACK: fewer than R are above 1e-10. */
static PetscErrorCode CorrectionHasLowRank(void)
{
  const PetscInt64 n = 400;
  GpExtension      x;
  PetscReal       *c, *u, *s, *a, *sv;
  PetscInt         columns, above = 0;

  PetscFunctionBegin;
  PetscCall(GpExtensionCreate(PETSC_COMM_WORLD, 1, n, 0.5, &x));
  columns = (PetscInt)(2 * x.bins);
  PetscCall(PetscMalloc5((size_t)columns, &c, (size_t)n, &u, (size_t)n, &s, (size_t)n * (size_t)columns, &a, (size_t)columns, &sv));
  for (PetscInt k = 0; k < columns; k++) {
    PetscCall(PetscArrayzero(c, (size_t)columns));
    c[k] = 1;
    PetscCall(GpExtensionValues(&x, c, 0, u));
    PetscCall(GpExtensionZ(&x, u, c));
    PetscCall(GpExtensionValues(&x, c, 0, s));
    for (PetscInt64 i = 0; i < n; i++) a[(size_t)i * (size_t)columns + (size_t)k] = u[i] - s[i];
  }
  PetscCall(TesSVD((PetscInt)n, columns, a, NULL, sv, NULL));
  for (PetscInt k = 0; k < PetscMin(columns, n); k++) above += sv[k] > 1e-10 * PetscSqrtReal((PetscReal)n);
  TES_CHECK_AT_LEAST(sv[0], 1); /* there is something to correct */
  TES_CHECK_AT_MOST(above, x.columns - 1);
  TES_CHECK_AT_LEAST(above, 5);
  PetscCall(PetscFree5(c, u, s, a, sv));
  PetscCall(GpExtensionDestroy(&x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscReal Sweep(PetscReal x)
{
  return PetscSinReal(200 * x + 9000 * x * x);
}

static PetscErrorCode SweepIsReproducedBetweenTheNodes(void)
{
  const PetscInt64 n = 20000;
  GpExtension      x;
  PetscReal       *f, *c, *between, square = 0, size = 0;

  PetscFunctionBegin;
  PetscCall(GpExtensionCreate(PETSC_COMM_WORLD, 1, n, 0.4, &x));
  PetscCall(PetscMalloc3((size_t)n, &f, (size_t)(2 * x.bins), &c, (size_t)n, &between));
  for (PetscInt64 i = 0; i < n; i++) f[i] = Sweep((PetscReal)i / (PetscReal)(n - 1));
  PetscCall(GpExtensionSketch(&x, x.cols.n_local));
  PetscCall(GpExtensionFactor(&x));
  PetscCall(GpExtensionSolve(&x, f, c));
  TES_CHECK_AT_MOST(x.kept, x.columns - 1); /* the random block saw the whole of the correction's range */
  PetscCall(GpExtensionValues(&x, c, 0.5, between));
  for (PetscInt64 i = 0; i < n - 1; i++) {
    const PetscReal want = Sweep(((PetscReal)i + 0.5) / (PetscReal)(n - 1));

    square += PetscSqr(between[i] - want);
    size += PetscSqr(want);
  }
  TES_CHECK_AT_MOST(PetscSqrtReal(square / size), 1e-9);
  PetscCall(PetscFree3(f, c, between));
  PetscCall(GpExtensionDestroy(&x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- runs ---- */

typedef struct {
  PetscReal error, estimate;
  PetscInt  route;
} Seen;

static PetscErrorCode Look(TesProblem problem, TesReport report, void *arg)
{
  GpPde    *gp   = TesProblemCtx(problem);
  Seen     *seen = arg;
  PetscBool found;

  PetscFunctionBegin;
  seen->route = gp->route;
  PetscCall(TesReportFind(report, "relative_l2", &found, &seen->error));
  TES_CHECK(found);
  PetscCall(TesReportFind(report, "error_estimate", &found, &seen->estimate));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Run(const char points[], const char equation[], const char solver[], const char u[], Seen *seen)
{
  char          *deck;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(TesFormat(&deck, "problem: gp_pde\ndomain: {points: %s}\nequation: {%s}\nsolver: {kind: %s}\nmanufactured: {expression: \"%s\"}\n", points, equation, solver, u));
  ierr = TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde, deck, Look, seen);
  PetscCall(PetscFree(deck)); /* tests refuse decks as well */
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode BroadbandSourceChangesOverAndIsSolved(void)
{
  Seen seen;

  PetscFunctionBegin;
  PetscCall(Run("2000", "kind: poisson", "auto", "sin(200*x+1500*x^2)", &seen));
  TES_CHECK_INT(seen.route, GP_ROUTE_FOURIER);
  TES_CHECK_AT_MOST(seen.error, 1e-7);
  TES_CHECK_AT_LEAST(seen.estimate, seen.error / 30);
  PetscCall(Run("1000", "kind: poisson", "auto", "sin(200*x)", &seen)); /* one line: identified */
  TES_CHECK_INT(seen.route, GP_ROUTE_REFINE);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* k2 < 0, k2 between bins, on a bin but for rounding (a multiple of pi/L is an eigenvalue: nearly), far above the band; the layer too */
static PetscErrorCode ShiftsOfEverySignAreSolved(void)
{
  static const char *const shifts[] = {"-900", "0.3", "900", "98.5", "1e6"};
  char                     equation[64];
  Seen                     seen;

  PetscFunctionBegin;
  for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
    PetscCall(PetscSNPrintf(equation, sizeof(equation), "kind: helmholtz, k2: %s", shifts[i]));
    PetscCall(Run("2000", equation, "fft_extension", "exp(-100*x)+0.1*sin(800*x)", &seen));
    TES_CHECK_AT_MOST(seen.error, 1e-9);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ShiftOnAnEigenvalueIsRefused(void)
{
  Seen seen;

  PetscFunctionBegin;
  TES_CHECK_FAILS(Run("400", "kind: helmholtz, k2: 986.9604401089358", "fft_extension", "sin(20*x)+x", &seen), TES_ERR_NUMBERS); /* (10 pi)^2 */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(SeriesIsTheSumOfItsWaves),
  TES_TEST(CorrectionHasLowRank),
  TES_TEST(SweepIsReproducedBetweenTheNodes),
  TES_TEST(BroadbandSourceChangesOverAndIsSolved),
  TES_TEST(ShiftsOfEverySignAreSolved),
  TES_TEST(ShiftOnAnEigenvalueIsRefused),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
