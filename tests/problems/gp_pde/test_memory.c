/* What `check` predicts against what PETSc's memory log measures: bytes per rank, for this number of ranks. */
#include <stdlib.h>
#include <tessera/driver.h>
#include <tessera/test.h>
#include "../../../src/problems/gp_pde/gp_pde.h"

extern const TesProblemKind TesProblemGpPde;

static PetscErrorCode Look(TesProblem problem, TesReport report, void *arg)
{
  GpPde      *gp        = TesProblemCtx(problem);
  PetscReal  *predicted = arg;
  TesEstimate estimate  = {0};
  int         size;

  PetscFunctionBegin;
  (void)report;
  PetscCallMPI(MPI_Comm_size(gp->comm, &size));
  estimate.ranks = size;
  PetscCall(TesProblemGpPde.estimate(problem, &estimate));
  *predicted = estimate.bytes_per_rank;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The prediction is made before the spectrum is known: it holds for the largest number of lines that identification admits, so it must not be exceeded by more than the
   small objects that nobody counts, and should not be many times too large. */
static PetscErrorCode Compare(const char deck[], PetscReal uncounted, PetscReal generous)
{
  PetscReal      predicted, largest;
  PetscLogDouble most;

  PetscFunctionBegin;
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde, deck, Look, &predicted));
  PetscCall(PetscMallocGetMaximumUsage(&most)); /* of the process so far: the claims stand in the order of their sizes */
  largest = (PetscReal)most;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPIU_REAL, MPI_MAX, PETSC_COMM_WORLD));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "# predicted %.2f MB per rank, measured at most %.2f MB\n", (double)(predicted / 1e6), (double)(largest / 1e6)));
  TES_CHECK_AT_LEAST(largest, 1e4); /* PETSc does keep count */
  TES_CHECK_AT_MOST(largest, predicted + uncounted);
  TES_CHECK_AT_MOST(predicted, generous * largest);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OneDimension(void)
{
  PetscFunctionBegin;
  PetscCall(Compare("problem: gp_pde\ndomain: {points: 400}\nequation: {kind: poisson}\nrefine: {enable: false}\nmanufactured: {expression: \"sin(133.7*x)+0.3*cos(411.3*x)+x^3\"}\n", 1e6, 4));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TwoDimensionsNonlinear(void)
{
  PetscFunctionBegin;
  PetscCall(Compare("problem: gp_pde\ndomain: {points: [200, 200]}\nequation: {kind: allen_cahn}\nrefine: {enable: false}\nmanufactured: {name: mix_mix}\n", 1e6, 4));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ThreeDimensions(void)
{
  PetscFunctionBegin;
  PetscCall(Compare("problem: gp_pde\ndomain: {points: [64, 64, 64]}\nequation: {kind: poisson}\nrefine: {enable: false}\nmanufactured: {name: bumps}\n", 1e6, 4));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(OneDimension),
  TES_TEST(TwoDimensionsNonlinear),
  TES_TEST(ThreeDimensions),
  TES_TESTS_END,
};

int main(int argc, char **argv)
{
  setenv("PETSC_OPTIONS", "-malloc_debug", 1); /* the log is kept only then */
  return TesTestMain(argc, argv, tests);
}
