/* What a run writes while it goes on: the state through one visitor, the origin of every file, rows of the series, checkpoints. */
#include "run_impl.h"
#include "watchdog.h"

PetscErrorCode RunState(void *ctx, TesState state)
{
  Run *run = ctx;

  PetscFunctionBegin;
  PetscCall(TesStatePush(state, "run"));
  PetscCall(TesStateBool(state, "finished", &run->finished));
  PetscCall(TesSeriesState(run->series, state));
  PetscCall(TesStatePop(state));
  PetscCall(TesStatePush(state, "problem"));
  if (run->problem->kind->state) PetscCall(run->problem->kind->state(run->problem, state));
  PetscCall(TesStatePop(state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RunProvenance(Run *run, TesProvenance *p)
{
  TesProblem    problem = run->problem;
  TesPhaseTime *phases;
  int           size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(problem->comm, &size));
  PetscCall(PetscMemzero(p, sizeof *p));
  p->kind      = problem->kind->name;
  p->reference = problem->kind->reference;
  PetscCall(TesDeckResolved(problem->deck, &p->deck));
  p->seed         = problem->options.run.seed;
  p->ranks        = size;
  p->step         = problem->step;
  p->state_format = problem->kind->state_format;
  p->wall_seconds = TesNow() - run->started;
  PetscCall(TesTimersSummary(problem->timers, problem->comm, &p->n_phases, &phases));
  p->phases = phases;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RunProvenanceFree(TesProvenance *p)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(p->phases));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* May the run go on without what could not be written? Then it is said, and forgotten. */
static PetscErrorCode GoOnWithout(Run *run, const char what[], PetscBool must, PetscErrorCode ierr)
{
  PetscFunctionBegin;
  if (ierr == TES_ERR_WORLD && !must && run->problem->options.checkpoint.on_failure == ON_FAILURE_CONTINUE) {
    LogWarn(run->log, "%s; going on without this %s, next try at the next interval", TesErrorMessage(), what);
    TesErrorForget();
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscFunctionReturn(ierr);
}

PetscErrorCode RunWriteSeries(Run *run, PetscBool must)
{
  TesProvenance  provenance;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(TesPhaseBegin(run->problem->timers, "output"));
  PetscCall(RunProvenance(run, &provenance));
  ierr = TesSeriesWrite(run->series, &provenance);
  PetscCall(RunProvenanceFree(&provenance));
  run->last_series = TesNow();
  PetscCall(TesPhaseEnd(run->problem->timers, "output"));
  PetscCall(GoOnWithout(run, "series", must, ierr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RunCheckpoint(Run *run, PetscBool must)
{
  TesProblem     problem = run->problem;
  TesProvenance  provenance;
  PetscInt64     bytes;
  PetscReal      seconds;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  WatchdogReset();
  PetscCall(TesPhaseBegin(problem->timers, "checkpoint"));
  PetscCall(RunProvenance(run, &provenance));
  ierr = TesCheckpointsSave(run->checkpoints, problem->step, RunState, run, &provenance, &bytes, &seconds);
  PetscCall(RunProvenanceFree(&provenance));
  PetscCall(TesPhaseEnd(problem->timers, "checkpoint"));
  WatchdogReset();
  run->last_checkpoint = TesNow();
  PetscCall(GoOnWithout(run, "checkpoint", must, ierr));
  if (ierr) PetscFunctionReturn(PETSC_SUCCESS);
  run->longest_checkpoint   = PetscMax(run->longest_checkpoint, seconds);
  run->last_checkpoint_step = problem->step;
  PetscFunctionReturn(PETSC_SUCCESS);
}
