/* Noisy sources: what the regularised solve gains over collocation, its minimiser against dense normal equations, its limit of no noise. */
#include <tessera/driver.h>
#include <tessera/h5.h>
#include <tessera/io.h>
#include <tessera/random.h>
#include <tessera/test.h>
#include "../../../src/problems/gp_pde/gp_pde.h"

extern const TesProblemKind TesProblemGpPde;

typedef struct {
  PetscReal error, residual_over_noise, minimiser;
} Seen;

/* the core against the dense solution of (B'B + I) z = B' R / s, B = A D sigma_u / s (1-D) */
static PetscErrorCode CompareMinimiser(GpPde *gp, PetscReal *worst)
{
  GpProjected projected = {0};
  const GpBasis *basis  = &gp->best.basis[0];
  const PetscInt n      = basis->r;
  PetscReal     *b, *h, *z, *g0, size = 0, spread = 0, top = 0;

  PetscFunctionBegin;
  PetscCall(GpRefineBest(gp));
  PetscCall(GpProjectedCreate(gp, &gp->best, &projected));
  PetscCall(PetscMalloc4(n * n, &b, n * n, &h, n, &z, n, &g0));
  PetscCall(GpLinearSolve(&projected.linear, projected.rhs, g0));
  for (PetscInt i = 0; i < n; i++) {
    size += g0[i] * g0[i];
    spread += basis->scale[i] * basis->scale[i];
  }
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt j = 0; j < n; j++) b[i * n + j] = basis->a[i * n + j] * basis->scale[j] * PetscSqrtReal(size / spread) / gp->source.noise_sd;
  PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, n, n, n, 1, b, b, 0, h));
  for (PetscInt i = 0; i < n; i++) h[i * n + i] += 1;
  PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, n, 1, n, 1 / gp->source.noise_sd, b, projected.rhs, 0, z));
  PetscCall(TesLUSolve(n, 1, h, z));
  *worst = 0;
  for (PetscInt i = 0; i < n; i++) {
    const PetscReal g = z[i] * basis->scale[i] * PetscSqrtReal(size / spread);

    top    = PetscMax(top, PetscAbsReal(g));
    *worst = PetscMax(*worst, PetscAbsReal(g - gp->best.core[i]));
  }
  *worst /= top;
  PetscCall(PetscFree4(b, h, z, g0));
  PetscCall(GpProjectedDestroy(&projected));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Look(TesProblem problem, TesReport report, void *arg)
{
  GpPde    *gp   = TesProblemCtx(problem);
  Seen     *seen = arg;
  PetscBool found;

  PetscFunctionBegin;
  PetscCall(TesReportFind(report, "relative_l2", &found, &seen->error));
  if (gp->dim == 1 && gp->source.noise_sd > 0) PetscCall(CompareMinimiser(gp, &seen->minimiser));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* f with noise of `level` of its rms on n (x n) nodes of the unit box, as a file; the same on every rank count */
static PetscErrorCode MakeData(PetscInt dim, PetscInt n, PetscReal level, char path[], PetscReal *sd)
{
  const PetscInt rows = dim == 1 ? n : n * n;
  TesStateItem   item = {.name = "f", .type = TES_F64, .n_axes = (int)dim, .shape = {n, n}};
  PetscReal     *f, square = 0;
  TesFile        file;
  char           folder[PETSC_MAX_PATH_LEN];

  PetscFunctionBegin;
  PetscCall(TesTestFolder(folder, sizeof(folder)));
  PetscCall(PetscSNPrintf(path, PETSC_MAX_PATH_LEN, "%s/noisy_%d_%g.h5", folder, (int)dim, (double)level));
  PetscCall(PetscMalloc1(rows, &f));
  for (PetscInt i = 0; i < rows; i++) {
    const PetscReal x = (PetscReal)(i % n) / (n - 1), y = (PetscReal)(i / n) / (n - 1);

    f[i] = dim == 1 ? -PetscSqr(61.3) * PetscSinReal(61.3 * x) - 0.3 * PetscSqr(23.1) * PetscCosReal(23.1 * x)
                    : -(PetscSqr(37.) + PetscSqr(16.3)) * PetscSinReal(37 * x + 0.3) * PetscCosReal(16.3 * y);
    square += f[i] * f[i] / rows;
  }
  *sd = level * PetscSqrtReal(square);
  for (PetscInt i = 0; i < rows; i++) {
    PetscReal z[2];

    TesRandomNormal(5, TES_STREAM_TEST, (uint32_t)i, (uint32_t)dim, 0, z);
    f[i] += *sd * z[0];
  }
  item.data = f;
  PetscCall(TesFileCreate(PETSC_COMM_WORLD, path, "result", &file));
  PetscCall(TesFileAddItem(file, "/", &item));
  PetscCall(TesFileCommit(file, NULL, NULL));
  PetscCall(TesFileDestroy(&file));
  PetscCall(PetscFree(f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Run(PetscInt dim, const char path[], PetscReal sd, const char more[], Seen *seen)
{
  char *deck;

  PetscFunctionBegin;
  PetscCall(TesFormat(&deck, "problem: gp_pde\ndomain: {points: %s}\nequation: {kind: poisson}\nsource: {from: hdf5, file: %s, noise_sd: %.17g}\nmanufactured: {expression: \"%s\"}\n%s",
                      dim == 1 ? "200" : "[48, 48]", path, (double)sd, dim == 1 ? "sin(61.3*x)+0.3*cos(23.1*x)" : "sin(37*x+0.3)*cos(16.3*y)", more));
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde, deck, Look, seen));
  PetscCall(PetscFree(deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Collocation fits the noise with every line it can hold; with the noise named the spectrum is pruned at it and the rest is damped. */
static PetscErrorCode NamingTheNoiseGainsOverCollocation(void)
{
  char      path[PETSC_MAX_PATH_LEN];
  PetscReal sd;
  Seen      named, unnamed;

  PetscFunctionBegin;
  for (PetscInt dim = 1; dim <= 2; dim++) {
    PetscCall(MakeData(dim, dim == 1 ? 200 : 48, 1e-2, path, &sd));
    PetscCall(Run(dim, path, sd, "", &named));
    PetscCall(Run(dim, path, 0, "", &unnamed));
    PetscCall(PetscPrintf(PETSC_COMM_WORLD, "# %d-D, 1 %% of noise: error %.1e with the noise named, %.1e without\n", (int)dim, (double)named.error, (double)unnamed.error));
    TES_CHECK_AT_MOST(named.error, 0.03);
    TES_CHECK_AT_LEAST(unnamed.error / named.error, 3);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MinimiserAgreesWithNormalEquations(void)
{
  char      path[PETSC_MAX_PATH_LEN];
  PetscReal sd;
  Seen      seen;

  PetscFunctionBegin;
  PetscCall(MakeData(1, 200, 1e-2, path, &sd));
  PetscCall(Run(1, path, sd, "refine: {enable: false}\n", &seen));
  TES_CHECK_AT_MOST(seen.minimiser, 1e-4); /* stopping tolerance of LSQR, 1e-8, times a condition of 1e4: signal over noise, 1e2, squared; measured 1e-5 */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LittleNoiseGivesACorrespondingError(void)
{
  char      path[PETSC_MAX_PATH_LEN];
  PetscReal sd;
  Seen      fine;

  PetscFunctionBegin;
  PetscCall(MakeData(1, 200, 1e-6, path, &sd));
  PetscCall(Run(1, path, sd, "refine: {enable: false}\n", &fine));
  TES_CHECK_AT_MOST(fine.error, 1e-4);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(NamingTheNoiseGainsOverCollocation),
  TES_TEST(MinimiserAgreesWithNormalEquations),
  TES_TEST(LittleNoiseGivesACorrespondingError),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
