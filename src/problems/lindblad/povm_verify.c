/* verify: true: the same model by the density solver (up to 8 sites, 4^8 numbers), for the exact value beside every estimate. */
#include "povm_solver.h"

PetscErrorCode LbExactTable(TesProblem problem, Lindblad *c, PetscBool steady, PetscInt64 rows, const PetscReal times[], PetscReal **table)
{
  const int       n = c->observables.n_columns;
  Lindblad        exact = *c;
  const LbSolver *how   = steady ? &lb_density_steady : &lb_density_evolve;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(PetscMax(rows, 1) * n + 1, table));
  exact.quiet     = PETSC_TRUE;
  exact.task_data = NULL;
  exact.correlation_data = NULL;
  exact.integrate = NULL;
  exact.rows      = 0;
  exact.solver    = LB_SOLVER_DENSITY;
  PetscCall(PetscMemzero(&exact.density, sizeof exact.density));
  PetscCall(PetscMemzero(exact.counts, sizeof exact.counts));
  exact.density.comm             = MPI_COMM_NULL;
  exact.integrator               = (LbIntegratorDeck){.kind = LB_DP5, .rtol = 1e-8, .atol = 1e-10, .dimension = 24, .margin = 1.1};
  exact.steady.method            = 0;
  exact.steady.check_unique      = 2;
  exact.steady.rtol              = 1e-9;
  exact.steady.max_applications  = 20000;
  PetscCall(how->setup(problem, &exact));
  PetscCall(how->start(problem, &exact));
  if (steady) {
    TesProgress progress = {0};

    while (!progress.finished) PetscCall(how->step(problem, &exact, &progress));
    PetscCall(LbDensityMeasure(&exact, &exact.density.x, 0));
    PetscCall(PetscArraycpy(*table, exact.density.values, n));
  } else {
    PetscReal t = c->time.start;

    for (PetscInt64 r = 0; r < rows; r++) {
      if (exact.density.comm != MPI_COMM_NULL && times[r] > t) PetscCall(LbIntegratorAdvance(exact.integrate, t, times[r], &exact.density.x));
      t = PetscMax(t, times[r]);
      PetscCall(LbDensityMeasure(&exact, &exact.density.x, times[r]));
      PetscCall(PetscArraycpy(*table + r * n, exact.density.values, n));
    }
  }
  PetscCall(how->destroy(problem, &exact));
  c->model = exact.model; /* matrices may have been added to it */
  PetscFunctionReturn(PETSC_SUCCESS);
}
