/* The steps of a run: step -> scan -> observe -> agree -> checkpoint? -> stop?

   What depends on a clock or a signal differs between ranks, so it is agreed by one reduction between steps; where steps are short, only after so many of them that the
   reduction costs nothing (AGREE_SECONDS apart, as far as the steps since the last one tell). No rank can know from its own clock that the others want to agree as well, so
   how late a wish is heard is bounded by steps: where they suddenly get slower, by MAX_UNASKED of the slow ones; and as the distance grows by one at a time, so many only
   after MAX_UNASKED^2 / 2 fast ones.
   A stop leaves room for twice the longest step and the longest checkpoint of this run. */
#include <stdio.h>
#include <tessera/fault.h>
#include "run_impl.h"
#include "signals.h"
#include "watchdog.h"

#define AGREE_SECONDS  0.01 /* a reduction costs some 10 us: 0.1 % */
#define MAX_UNASKED    16   /* steps without a reduction; one that speaks to its neighbours costs as much as a reduction, so this many cost some per cent at most */
#define SCAN_SHARE     0.01 /* of the time may go into looking for NaN between checkpoints */
#define SERIES_SECONDS 30.0 /* series.h5 is brought up to date at least so often, for those who look while it runs */
#define STATUS_SECONDS 5.0

/* How the loop ends. */
typedef enum { GO_ON, END_FINISHED, END_STOP } Ending;

static PetscErrorCode Observe(Run *run, PetscBool last)
{
  TesProblem  problem = run->problem;
  RunOptions *o       = &problem->options;
  PetscBool   snapshot;

  PetscFunctionBegin;
  if (!problem->kind->observe || !(last || problem->step % o->output.every_steps == 0 || (o->output.fields && problem->step % o->output.fields_every_steps == 0)))
    PetscFunctionReturn(PETSC_SUCCESS);
  snapshot = (PetscBool)(o->output.fields && (last || problem->step % o->output.fields_every_steps == 0));
  PetscCall(TesPhaseBegin(problem->timers, "observe"));
  PetscCall(TesSeriesBeginRow(run->series, problem->step, snapshot));
  PetscCall(problem->kind->observe(problem, run->series, last));
  if (snapshot) {
    TesProvenance provenance;

    PetscCall(RunProvenance(run, &provenance));
    PetscCall(TesSeriesEndRow(run->series, &provenance));
    PetscCall(RunProvenanceFree(&provenance));
  } else {
    PetscCall(TesSeriesEndRow(run->series, NULL));
  }
  PetscCall(TesPhaseEnd(problem->timers, "observe"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

enum { ASK_STOP, ASK_CHECKPOINT, ASK_SERIES, ASK_WALL, ASK_SECONDS, ASK_SCAN, ASKS };

/* Clocks of rank 0 and signals of all become one decision on all. */
static PetscErrorCode Agree(Run *run, PetscReal ask[ASKS])
{
  TesProblem  problem = run->problem;
  RunOptions *o       = &problem->options;
  PetscReal   mine[ASKS] = {0}, now = TesNow();
  int         rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(problem->comm, &rank));
  mine[ASK_STOP]       = SignalsStop();
  mine[ASK_CHECKPOINT] = SignalsCheckpoint();
  mine[ASK_SECONDS]    = run->slowest_step;
  if (!rank) {
    PetscReal margin = 2 * (run->longest_step + run->longest_checkpoint);

    if (o->checkpoint.every_seconds > 0 && now - run->last_checkpoint >= o->checkpoint.every_seconds) mine[ASK_CHECKPOINT] = 1;
    if (now - run->last_series >= SERIES_SECONDS) mine[ASK_SERIES] = 1;
    if (o->run.wall_time > 0 && now - run->started + margin >= o->run.wall_time) mine[ASK_WALL] = 1;
    if (run->scan_seconds <= SCAN_SHARE * (now - run->loop_started)) mine[ASK_SCAN] = 1;
  }
  PetscCallMPI(MPI_Allreduce(mine, ask, ASKS, MPIU_REAL, MPI_MAX, problem->comm));
  run->longest_step   = PetscMax(run->longest_step, ask[ASK_SECONDS]);
  run->unasked        = PetscMin(run->unasked + 1, (PetscInt64)PetscMin(MAX_UNASKED, 1 + AGREE_SECONDS / PetscMax(ask[ASK_SECONDS], 1e-9)));
  run->next_agreement = problem->step + run->unasked;
  run->slowest_step   = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StepOnce(Run *run, TesProgress *progress, Ending *ending)
{
  TesProblem  problem = run->problem;
  RunOptions *o       = &problem->options;
  PetscReal   t0 = TesNow(), seconds, ask[ASKS] = {0};
  PetscBool   due, agree, limit;
  int         rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(problem->comm, &rank));
  WatchdogReset();
  PetscCall(TesPhaseBegin(problem->timers, "step"));
  progress->work       = 0;
  progress->merit_name = NULL;
  PetscCall(problem->kind->step(problem, progress));
  PetscCall(TesPhaseEnd(problem->timers, "step"));
  problem->step++;
  PetscCall(TesFault("step", rank, problem->step));
  seconds = TesNow() - t0;
  run->slowest_step = PetscMax(run->slowest_step, seconds);
  run->step_seconds += seconds;
  run->work += progress->work;
  run->finished = progress->finished;
  if (problem->kind->state) PetscCall(RunInjectNaN(run));

  limit = (PetscBool)(o->run.steps > 0 && problem->step >= o->run.steps && !run->finished);
  due   = (PetscBool)(o->checkpoint.every_steps > 0 && problem->step % o->checkpoint.every_steps == 0);
  agree = (PetscBool)(problem->step >= run->next_agreement || run->finished || limit || due);
  if (agree) {
    PetscCall(Agree(run, ask));
    if (ask[ASK_SCAN] > 0 || run->finished || limit || due || ask[ASK_STOP] > 0 || ask[ASK_CHECKPOINT] > 0 || ask[ASK_WALL] > 0) PetscCall(RunStopIfNotFinite(run));
  }
  PetscCall(Observe(run, run->finished));
  LogProgress(run->log, progress, problem->step, progress->done - run->loop_done, TesNow() - run->loop_started);

  *ending = GO_ON;
  if (run->finished) *ending = END_FINISHED;
  else if (ask[ASK_STOP] > 0 || ask[ASK_WALL] > 0 || limit) {
    *ending = END_STOP;
    snprintf(run->stop_reason, sizeof run->stop_reason, "%s", limit ? "run.steps is reached" : ask[ASK_STOP] > 0 ? "a signal asked for it" : "the time limit is near");
  } else {
    if (due || ask[ASK_CHECKPOINT] > 0) PetscCall(RunCheckpoint(run, PETSC_FALSE));
    if (ask[ASK_SERIES] > 0 || due || ask[ASK_CHECKPOINT] > 0) PetscCall(RunWriteSeries(run, PETSC_FALSE));
    if (!rank && TesNow() - run->last_status > STATUS_SECONDS) {
      if (FolderStatus(run->folder, "running", problem->step)) TesErrorForget(); /* a line for onlookers: what ails the disk, the next checkpoint says */
      run->last_status = TesNow();
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RunLoop(Run *run, TesExit *exit_code)
{
  TesProgress progress  = {0};
  Ending      ending    = run->finished ? END_FINISHED : GO_ON;
  PetscInt64  last_step = run->problem->options.run.steps;

  PetscFunctionBegin;
  run->loop_started = run->last_checkpoint = run->last_series = run->last_status = TesNow();
  /* a restart at the step where to stop has nothing to do: a chain of jobs would creep on by a step each otherwise */
  if (ending == GO_ON && last_step > 0 && run->problem->step >= last_step) {
    ending = END_STOP;
    snprintf(run->stop_reason, sizeof run->stop_reason, "run.steps is reached");
  }
  for (PetscBool first = PETSC_TRUE; ending == GO_ON; first = PETSC_FALSE) {
    PetscCall(StepOnce(run, &progress, &ending));
    /* what was done before this process is not its speed: the first step sets the zero of the ETA */
    if (first && run->last_checkpoint_step >= 0) {
      run->loop_started = TesNow();
      run->loop_done    = progress.done;
    }
  }
  if (ending == END_STOP) PetscCall(RunStop(run, exit_code));
  else PetscCall(RunFinish(run, exit_code));
  PetscFunctionReturn(PETSC_SUCCESS);
}
