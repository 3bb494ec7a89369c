/* Inverse mode: the coefficient comes out within its deviation, from files and from made observations; deviations against the formula of the linear case; several unknowns. */
#include <tessera/driver.h>
#include <tessera/h5.h>
#include <tessera/io.h>
#include <tessera/random.h>
#include <tessera/test.h>
#include "../../../src/problems/gp_pde/inverse.h"

extern const TesProblemKind TesProblemGpPde;

typedef struct {
  const char *name[2];
  PetscReal   value[2], sd[2], misfit, error, steps;
} Seen;

static PetscErrorCode Look(TesProblem problem, TesReport report, void *arg)
{
  Seen     *seen = arg;
  PetscBool found;
  char      name[64];

  PetscFunctionBegin;
  (void)problem;
  for (int i = 0; i < 2 && seen->name[i]; i++) {
    PetscCall(TesReportFind(report, seen->name[i], &found, &seen->value[i]));
    TES_CHECK(found);
    PetscCall(PetscSNPrintf(name, sizeof(name), "%s_sd", seen->name[i]));
    PetscCall(TesReportFind(report, name, &found, &seen->sd[i]));
    TES_CHECK(found);
  }
  PetscCall(TesReportFind(report, "misfit", &found, &seen->misfit));
  TES_CHECK(found);
  PetscCall(TesReportFind(report, "relative_l2", &found, &seen->error));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* u'' + kappa u = f, kappa = 900, 30 noisy values (deviation 1e-3), start 100: several eigenvalues away. */
static PetscErrorCode WaveNumberIsFoundForFiveSeeds(void)
{
  PetscInt within = 0;

  PetscFunctionBegin;
  for (int seed = 1; seed <= 5; seed++) {
    Seen  seen = {.name = {"k2"}};
    char *deck;

    PetscCall(TesFormat(&deck,
                        "problem: gp_pde\nrun: {seed: %d}\ndomain: {points: 100}\nequation: {kind: helmholtz, k2: 900}\nmanufactured: {expression: \"sin(30*x) + 0.5*cos(11*x) + 0.3*x\"}\n"
                        "inverse: {unknown: [k2], initial: [100], synthetic: 30, noise_sd: 1.0e-3}\n",
                        seed));
    PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde, deck, Look, &seen));
    PetscCall(PetscFree(deck));
    TES_CHECK_NEAR(seen.value[0], 900, 0.9);
    TES_CHECK_AT_MOST(seen.sd[0], 0.5);
    TES_CHECK_NEAR(seen.misfit, 1, 0.5); /* 30 normal numbers: 1 +- 0.13 */
    within += PetscAbsReal(seen.value[0] - 900) < 3 * seen.sd[0];
  }
  TES_CHECK_AT_LEAST(within, 4);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* u'' + k2 u = f with u = sin(pi x) at k2 = 0: du/dk2 solves w'' + k2 w = -u, w = sin(pi x)/(pi^2 - k2), so sd = noise / sqrt(sum of w^2): the formula, at the same places. */
static PetscErrorCode DeviationIsThatOfTheSensitivity(void)
{
  const PetscReal noise = 1e-4;
  Seen            seen  = {.name = {"k2"}};
  PetscReal       sum   = 0, pair[2];

  PetscFunctionBegin;
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde,
                          "problem: gp_pde\nrun: {seed: 3}\ndomain: {points: 40}\nequation: {kind: helmholtz, k2: 4}\nmanufactured: {expression: \"sin(pi*x)\"}\n"
                          "inverse: {unknown: [k2], initial: [0], synthetic: 25, noise_sd: 1.0e-4}\n",
                          Look, &seen));
  for (uint32_t i = 0; i < 25; i++) {
    TesRandomUniform(3, TES_STREAM_OBSERVATION_NOISE, i, 0, 0, pair);
    sum += PetscSqr(PetscSinReal(PETSC_PI * pair[0]) / (PETSC_PI * PETSC_PI - 4));
  }
  TES_CHECK_NEAR(seen.sd[0], noise / PetscSqrtReal(sum), 0.02 * noise / PetscSqrtReal(sum));
  TES_CHECK_AT_MOST(PetscAbsReal(seen.value[0] - 4), 4 * seen.sd[0]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Observations in a file, without noise: the coefficient to far below the deviation that the deck claims. */
static PetscErrorCode ObservationsComeFromAFile(void)
{
  enum { N = 40 };
  PetscReal    x[N], u[N];
  TesStateItem item = {.type = TES_F64, .n_axes = 1, .shape = {N}};
  Seen         seen = {.name = {"k2"}};
  TesFile      file;
  char         folder[PETSC_MAX_PATH_LEN], path[PETSC_MAX_PATH_LEN], *deck;

  PetscFunctionBegin;
  PetscCall(TesTestFolder(folder, sizeof(folder)));
  PetscCall(PetscSNPrintf(path, sizeof(path), "%s/observations.h5", folder));
  for (PetscInt i = 0; i < N; i++) {
    x[i] = ((PetscReal)((7 * i) % N) + 0.4) / N;
    u[i] = PetscSinReal(9 * x[i]) + x[i] * x[i];
  }
  PetscCall(TesFileCreate(PETSC_COMM_WORLD, path, "data", &file));
  item.name = "x";
  item.data = x;
  PetscCall(TesFileAddItem(file, "/", &item));
  item.name = "u";
  item.data = u;
  PetscCall(TesFileAddItem(file, "/", &item));
  PetscCall(TesFileCommit(file, NULL, NULL));
  PetscCall(TesFileDestroy(&file));
  PetscCall(TesFormat(&deck,
                      "problem: gp_pde\ndomain: {points: 60}\nequation: {kind: helmholtz}\nsource: {from: expression, expression: \"(50-81)*sin(9*x) + 2 + 50*x^2\"}\n"
                      "boundary: {from: expression, expression: \"sin(9*x) + x^2\"}\ninverse: {unknown: [k2], initial: [20], data: \"%s\", noise_sd: 1.0e-3}\n",
                      path));
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde, deck, Look, &seen));
  PetscCall(PetscFree(deck));
  TES_CHECK_NEAR(seen.value[0], 50, 1e-2 * seen.sd[0]);
  TES_CHECK_AT_MOST(seen.misfit, 0.01);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DiffusivityOfANonlinearEvolutionIsFound(void)
{
  Seen seen = {.name = {"diffusion"}};

  PetscFunctionBegin;
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde,
                          "problem: gp_pde\ndomain: {points: [20, 16]}\nequation: {kind: reaction_diffusion, diffusion: 0.05}\nmanufactured: {expression: \"0.5 + 0.4*exp(-0.5*t)*sin(4*x + 1)\"}\n"
                          "inverse: {unknown: [diffusion], initial: [1.0], synthetic: 60, noise_sd: 1.0e-3}\noutput: {test_points: 40}\n",
                          Look, &seen));
  TES_CHECK_AT_MOST(PetscAbsReal(seen.value[0] - 0.05), 4 * seen.sd[0]);
  TES_CHECK_AT_MOST(seen.sd[0], 5e-4);
  TES_CHECK_AT_MOST(seen.error, 5e-3);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(WaveNumberIsFoundForFiveSeeds),
  TES_TEST(DeviationIsThatOfTheSensitivity),
  TES_TEST(ObservationsComeFromAFile),
  TES_TEST(DiffusivityOfANonlinearEvolutionIsFound),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
