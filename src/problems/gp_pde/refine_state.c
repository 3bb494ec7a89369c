/* What the loop of refine.c keeps: its tables of attempts and Newton iterations, and the state that a restart needs.

   The state holds spectra, evidence weights, tables, and cores (of the Newton iterate, of attempts that may still be chosen, of the best); bases, factors and grid arrays
   are made again from it. Everything is small and the same on every rank. */
#include "gp_pde.h"

/* ---- tables ---- */

static PetscErrorCode TableAdd(PetscInt64 *n, PetscReal **table, PetscInt width, const PetscReal *row)
{
  PetscReal *longer;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)(*n + width), &longer));
  PetscCall(PetscArraycpy(longer, *table, (size_t)*n));
  PetscCall(PetscArraycpy(longer + *n, row, (size_t)width));
  PetscCall(PetscFree(*table));
  *table = longer;
  *n += width;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpRefineAttemptAdd(GpPde *gp, const GpAttempt *row)
{
  PetscFunctionBegin;
  PetscCall(TableAdd(&gp->n_attempts, &gp->attempts, GP_ATTEMPT_WIDTH, (const PetscReal *)row));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpNewtonRowAdd(GpPde *gp, const GpNewtonRow *row)
{
  PetscFunctionBegin;
  PetscCall(TableAdd(&gp->n_newton, &gp->newton_rows, GP_NEWTON_WIDTH, (const PetscReal *)row));
  PetscFunctionReturn(PETSC_SUCCESS);
}

GpAttempt *GpRefineAttempts(GpPde *gp, PetscInt *n)
{
  *n = (PetscInt)(gp->n_attempts / GP_ATTEMPT_WIDTH);
  return (GpAttempt *)gp->attempts;
}

/* ---- state ---- */

static PetscErrorCode CoreState(TesState state, const char name[], GpSolution *solution)
{
  const PetscBool restore = state->ops->mode == TES_STATE_WRITES_PROBLEM ? PETSC_TRUE : PETSC_FALSE;

  PetscFunctionBegin;
  if (restore && solution->ready) { /* bases of what was there before go, the core stays for the visitor */
    PetscReal       *core = solution->core;
    const PetscInt64 n    = solution->n_core;

    solution->core = NULL;
    PetscCall(GpSolutionDestroy(solution));
    solution->core   = core;
    solution->n_core = n;
  }
  PetscCall(TesStateRealsGrow(state, name, &solution->n_core, &solution->core));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpRefineState(GpPde *gp, TesState state)
{
  char name[32];

  PetscFunctionBegin;
  PetscCall(TesStateReal(state, "best_bound", &gp->best_bound));
  PetscCall(TesStateReal(state, "last_bound", &gp->last_bound));
  PetscCall(TesStateReal(state, "newton_update", &gp->newton_update));
  PetscCall(TesStateReal(state, "sigma", &gp->sigma));
  PetscCall(TesStateInt(state, "phase", &gp->phase));
  PetscCall(TesStateIndex(state, "stage", &gp->stage));
  PetscCall(TesStateIndex(state, "pass", &gp->pass));
  PetscCall(TesStateIndex(state, "which", &gp->which));
  PetscCall(TesStateIndex(state, "newton", &gp->newton));
  PetscCall(TesStateBool(state, "broadband", &gp->broadband));
  for (PetscInt d = 0; d < gp->dim; d++) {
    PetscCall(PetscSNPrintf(name, sizeof(name), "tripped_%c", "xyz"[d]));
    PetscCall(TesStateBool(state, name, &gp->tripped[d]));
    PetscCall(PetscSNPrintf(name, sizeof(name), "spectrum_%c", "xyz"[d]));
    PetscCall(GpSpectrumState(&gp->spectra[d], name, state));
    PetscCall(PetscSNPrintf(name, sizeof(name), "best_spectrum_%c", "xyz"[d]));
    PetscCall(GpSpectrumState(&gp->best_spectra[d], name, state));
  }
  PetscCall(GpIdentifyState(&gp->work, state));
  PetscCall(TesStateRealsGrow(state, "attempts", &gp->n_attempts, &gp->attempts));
  PetscCall(TesStateRealsGrow(state, "newton_rows", &gp->n_newton, &gp->newton_rows));
  PetscCall(TesStateBool(state, "has_best", &gp->has_best));
  PetscCall(TesStateIndex(state, "best_background", &gp->best_background));
  PetscCall(TesStateIndex(state, "best_row", &gp->best_row));
  PetscCall(CoreState(state, "best_core", &gp->best));
  PetscCall(CoreState(state, "newton_core", &gp->attempt));
  PetscCall(TesStateIndex(state, "n_kept", &gp->n_kept));
  for (PetscInt i = 0; i < gp->n_kept; i++) {
    PetscCall(PetscSNPrintf(name, sizeof(name), "kept_%" PetscInt_FMT, i));
    PetscCall(TesStatePush(state, name));
    PetscCall(TesStateIndex(state, "background", &gp->kept[i].background));
    PetscCall(TesStateIndex(state, "row", &gp->kept[i].row));
    PetscCall(TesStateReal(state, "bound", &gp->kept[i].bound));
    PetscCall(TesStateRealsGrow(state, "core", &gp->kept[i].n, &gp->kept[i].core));
    PetscCall(TesStatePop(state));
  }
  if (state->ops->mode == TES_STATE_WRITES_PROBLEM) {
    gp->known_ready = PETSC_FALSE;
    PetscCall(GpProjectedDestroy(&gp->projected));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
