/* The run loop.

   deck -> setup -> (start | restore) -> [ step -> scan -> observe -> agree -> checkpoint? -> stop? ]* -> finish

   What depends on a clock or a signal differs between ranks, so it is agreed by one reduction between steps; where steps are short, only after so many of them that the
   reduction costs nothing (every AGREE_SECONDS at most). A stop leaves room for twice the longest step and the longest checkpoint of this run. A state that is
   not finite is never saved: the run ends with the place named and post_mortem.h5. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <tessera/fault.h>
#include <tessera/io.h>
#include <tessera/isa.h>
#include "folder.h"
#include "petsc_options.h"
#include "run.h"
#include "signals.h"
#include "watchdog.h"

#define AGREE_SECONDS  0.01 /* a reduction costs some 10 us: 0.1 % */
#define SCAN_SHARE     0.01 /* of the time may go into looking for NaN between checkpoints */
#define SERIES_SECONDS 30.0 /* series.h5 is brought up to date at least so often, for those who look while it runs */
#define STATUS_SECONDS 5.0

/* How the loop ends. */
typedef enum { GO_ON, END_FINISHED, END_STOP } Ending;

typedef struct {
  TesProblem     problem;
  Log            log;
  Folder         folder;
  TesCheckpoints checkpoints;
  TesSeries      series;
  TesReport      report;
  PetscBool      finished;
  PetscReal      started;                 /* of this process */
  PetscReal      loop_started, loop_done; /* clock and progress->done when this process began to step */
  PetscReal      longest_step, longest_checkpoint, step_seconds, scan_seconds, work;
  PetscReal      last_checkpoint, last_series, last_status; /* clock */
  PetscInt64     last_checkpoint_step, next_agreement;
  char           stop_reason[96];
} Run;

/* ---- state: the problem's and the run's own ---- */

static PetscErrorCode RunState(void *ctx, TesState state)
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

static PetscErrorCode Provenance(Run *run, TesProvenance *p)
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

static PetscErrorCode ProvenanceFree(TesProvenance *p)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(p->phases));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- files ---- */

static PetscErrorCode WriteSeries(Run *run)
{
  TesProvenance provenance;

  PetscFunctionBegin;
  PetscCall(TesPhaseBegin(run->problem->timers, "output"));
  PetscCall(Provenance(run, &provenance));
  PetscCall(TesSeriesWrite(run->series, &provenance));
  PetscCall(ProvenanceFree(&provenance));
  run->last_series = TesNow();
  PetscCall(TesPhaseEnd(run->problem->timers, "output"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* `must`: a failure ends the run even with checkpoint.on_failure: continue */
static PetscErrorCode Checkpoint(Run *run, PetscBool must)
{
  TesProblem     problem = run->problem;
  TesProvenance  provenance;
  PetscInt64     bytes;
  PetscReal      seconds;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  WatchdogReset();
  PetscCall(TesPhaseBegin(problem->timers, "checkpoint"));
  PetscCall(Provenance(run, &provenance));
  ierr = TesCheckpointsSave(run->checkpoints, problem->step, RunState, run, &provenance, &bytes, &seconds);
  PetscCall(ProvenanceFree(&provenance));
  PetscCall(TesPhaseEnd(problem->timers, "checkpoint"));
  WatchdogReset();
  run->last_checkpoint = TesNow();
  if (ierr == TES_ERR_WORLD && !must && problem->options.checkpoint.on_failure == ON_FAILURE_CONTINUE) {
    LogWarn(run->log, "%s; going on without this checkpoint, next try at the next interval", TesErrorMessage());
    TesErrorForget();
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(ierr);
  run->longest_checkpoint   = PetscMax(run->longest_checkpoint, seconds);
  run->last_checkpoint_step = problem->step;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- what is not finite ---- */

static PetscErrorCode ScanState(Run *run, TesNotFinite *finding)
{
  TesState  scan;
  PetscReal t0 = TesNow();

  PetscFunctionBegin;
  PetscCall(TesStateCreateScan(run->problem->comm, &scan));
  PetscCall(run->problem->kind->state(run->problem, scan));
  PetscCall(TesStateScanResult(scan, finding));
  PetscCall(TesStateDestroySimple(&scan));
  run->scan_seconds += TesNow() - t0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StopIfNotFinite(Run *run)
{
  TesNotFinite  finding;
  TesProvenance provenance;
  TesProblem    problem   = run->problem;
  char          place[96] = "", last[96] = "no checkpoint was written yet";
  size_t        used      = 0;

  PetscFunctionBegin;
  if (!problem->kind->state) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(ScanState(run, &finding));
  if (!finding.found) PetscFunctionReturn(PETSC_SUCCESS);
  for (int a = 0; a < finding.n_axes; a++) {
    snprintf(place + used, sizeof place - used, "%s%" PetscInt64_FMT, a ? ", " : " at index [", finding.index[a]);
    used = strlen(place);
  }
  if (used) snprintf(place + used, sizeof place - used, "]");
  if (run->last_checkpoint_step >= 0) snprintf(last, sizeof last, "the last good checkpoint is that of step %" PetscInt64_FMT, run->last_checkpoint_step);
  PetscCall(Provenance(run, &provenance));
  PetscCall(TesStateSave(problem->comm, FolderPath(run->folder, "post_mortem.h5"), problem->step, RunState, run, &provenance));
  PetscCall(ProvenanceFree(&provenance));
  SETERRQ(problem->comm, TES_ERR_NUMBERS,
          "step %" PetscInt64_FMT ": `%s` is %g%s; %s. The state is in %s. --restart from there gives the same again: change the time step, the tolerance or the data", problem->step,
          finding.name, (double)finding.value, place, last, FolderPath(run->folder, "post_mortem.h5"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InjectNaN(Run *run)
{
  TesState poison;
  int      rank;

  PetscFunctionBegin;
  if (!TesFaultNaN(run->problem->step, &rank)) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesStateCreatePoison(run->problem->comm, rank, &poison));
  PetscCall(run->problem->kind->state(run->problem, poison));
  PetscCall(TesStateDestroySimple(&poison));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- the loop ---- */

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

    PetscCall(Provenance(run, &provenance));
    PetscCall(TesSeriesEndRow(run->series, &provenance));
    PetscCall(ProvenanceFree(&provenance));
  } else {
    PetscCall(TesSeriesEndRow(run->series, NULL));
  }
  PetscCall(TesPhaseEnd(problem->timers, "observe"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

enum { ASK_STOP, ASK_CHECKPOINT, ASK_SERIES, ASK_WALL, ASK_SECONDS, ASK_SCAN, ASKS };

/* Clocks of rank 0 and signals of all become one decision on all. */
static PetscErrorCode Agree(Run *run, PetscReal step_seconds, PetscReal ask[ASKS])
{
  TesProblem  problem = run->problem;
  RunOptions *o       = &problem->options;
  PetscReal   mine[ASKS] = {0}, now = TesNow();
  int         rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(problem->comm, &rank));
  mine[ASK_STOP]       = SignalsStop();
  mine[ASK_CHECKPOINT] = SignalsCheckpoint();
  mine[ASK_SECONDS]    = step_seconds;
  if (!rank) {
    PetscReal margin = 2 * (run->longest_step + run->longest_checkpoint);

    if (o->checkpoint.every_seconds > 0 && now - run->last_checkpoint >= o->checkpoint.every_seconds) mine[ASK_CHECKPOINT] = 1;
    if (now - run->last_series >= SERIES_SECONDS) mine[ASK_SERIES] = 1;
    if (o->run.wall_time > 0 && now - run->started + margin >= o->run.wall_time) mine[ASK_WALL] = 1;
    if (run->scan_seconds <= SCAN_SHARE * (now - run->loop_started)) mine[ASK_SCAN] = 1;
  }
  PetscCallMPI(MPI_Allreduce(mine, ask, ASKS, MPIU_REAL, MPI_MAX, problem->comm));
  run->longest_step   = PetscMax(run->longest_step, ask[ASK_SECONDS]);
  run->next_agreement = problem->step + PetscMax(1, (PetscInt64)PetscMin(1e6, AGREE_SECONDS / PetscMax(ask[ASK_SECONDS], 1e-9)));
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
  seconds = TesNow() - t0;
  run->step_seconds += seconds;
  run->work += progress->work;
  run->finished = progress->finished;
  PetscCall(TesFault("step", rank, problem->step));
  if (problem->kind->state) PetscCall(InjectNaN(run));

  limit = (PetscBool)(o->run.steps > 0 && problem->step >= o->run.steps && !run->finished);
  due   = (PetscBool)(o->checkpoint.every_steps > 0 && problem->step % o->checkpoint.every_steps == 0);
  agree = (PetscBool)(problem->step >= run->next_agreement || run->finished || limit || due);
  if (agree) {
    PetscCall(Agree(run, seconds, ask));
    if (ask[ASK_SCAN] > 0 || run->finished || limit || due || ask[ASK_STOP] > 0 || ask[ASK_CHECKPOINT] > 0 || ask[ASK_WALL] > 0) PetscCall(StopIfNotFinite(run));
  }
  PetscCall(Observe(run, run->finished));
  LogProgress(run->log, progress, problem->step, progress->done - run->loop_done, TesNow() - run->loop_started);

  *ending = GO_ON;
  if (run->finished) *ending = END_FINISHED;
  else if (ask[ASK_STOP] > 0 || ask[ASK_WALL] > 0 || limit) {
    *ending = END_STOP;
    snprintf(run->stop_reason, sizeof run->stop_reason, "%s", limit ? "run.steps is reached" : ask[ASK_STOP] > 0 ? "a signal asked for it" : "the time limit is near");
  } else {
    if (due || ask[ASK_CHECKPOINT] > 0) PetscCall(Checkpoint(run, PETSC_FALSE));
    if (ask[ASK_SERIES] > 0 || due || ask[ASK_CHECKPOINT] > 0) PetscCall(WriteSeries(run));
    if (!rank && TesNow() - run->last_status > STATUS_SECONDS) {
      PetscCall(FolderStatus(run->folder, "running", problem->step));
      run->last_status = TesNow();
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- the end ---- */

static PetscErrorCode SayTimes(Run *run)
{
  TesPhaseTime *phases;
  PetscInt      n;
  PetscReal     all = TesNow() - run->started;
  char          text[64];

  PetscFunctionBegin;
  PetscCall(TesTimersSummary(run->problem->timers, run->problem->comm, &n, &phases));
  LogText(run->log, "\n");
  LogLine(run->log, "  %-28s %8s %10s %10s %10s", "time per phase (s)", "calls", "min", "avg", "max");
  for (PetscInt k = 0; k < n; k++)
    LogLine(run->log, "  %-28s %8" PetscInt_FMT " %10.3f %10.3f %10.3f", phases[k].name, phases[k].calls, (double)phases[k].min, (double)phases[k].avg, (double)phases[k].max);
  PetscCall(PetscFree(phases));
  LogLine(run->log, "  wall clock of this process %s (%.2f s)", FormatDuration(all, text, sizeof text), (double)all);
  if (run->work > 0 && run->step_seconds > 0 && run->problem->kind->work_unit)
    LogLine(run->log, "  rate %.4g %s per second", (double)(run->work / run->step_seconds), run->problem->kind->work_unit);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Finish(Run *run, TesExit *exit_code)
{
  TesProblem    problem = run->problem;
  TesProvenance provenance;
  char         *table;
  PetscBool     failed;

  PetscFunctionBegin;
  LogProgressEnd(run->log);
  WatchdogReset();
  PetscCall(TesPhaseBegin(problem->timers, "finish"));
  PetscCall(TesReportCreate(problem->comm, &run->report));
  if (problem->kind->finish) PetscCall(problem->kind->finish(problem, run->report));
  PetscCall(TesPhaseEnd(problem->timers, "finish"));
  PetscCall(Checkpoint(run, PETSC_FALSE));
  PetscCall(WriteSeries(run));
  PetscCall(TesPhaseBegin(problem->timers, "output"));
  PetscCall(Provenance(run, &provenance));
  PetscCall(TesReportWrite(run->report, FolderPath(run->folder, "result.h5"), &provenance));
  PetscCall(ProvenanceFree(&provenance));
  PetscCall(TesPhaseEnd(problem->timers, "output"));
  PetscCall(TesReportFailed(run->report, &failed));
  PetscCall(FolderStatus(run->folder, failed ? "failed" : "done", problem->step));
  PetscCall(TesReportTable(run->report, &table));
  LogText(run->log, table);
  PetscCall(PetscFree(table));
  PetscCall(SayTimes(run));
  LogText(run->log, "\n");
  LogLine(run->log, "results in %s (result.h5, series.h5, fields.xmf); figures: tessera plot %s", FolderName(run->folder), FolderName(run->folder));
  *exit_code = failed ? TES_EXIT_NUMBERS : TES_EXIT_DONE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Stop(Run *run, TesExit *exit_code)
{
  PetscFunctionBegin;
  LogProgressEnd(run->log);
  if (run->last_checkpoint_step != run->problem->step) PetscCall(Checkpoint(run, PETSC_TRUE));
  PetscCall(WriteSeries(run));
  PetscCall(FolderStatus(run->folder, "stopped", run->problem->step));
  LogLine(run->log, "stopped at step %" PetscInt64_FMT " with a checkpoint: %s. Go on with: tessera run %s --output %s --restart", run->problem->step, run->stop_reason,
          TesDeckName(run->problem->deck), FolderName(run->folder));
  *exit_code = TES_EXIT_STOPPED;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- the beginning ---- */

/* The lines of a resolved deck that belong to the kind: all but the driver's own sections. */
static PetscErrorCode KindPart(const char deck[], char **part)
{
  static const char *const own[] = {"run:", "output:", "checkpoint:", "parallel:", "petsc:", NULL};
  PetscBool                keep  = PETSC_TRUE;
  size_t                   used  = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(strlen(deck) + 1, part));
  for (const char *line = deck; *line;) {
    const char *end    = strchr(line, '\n');
    size_t      length = end ? (size_t)(end - line) + 1 : strlen(line);

    if (line[0] != ' ' && line[0] != '-' && line[0] != '#') {
      keep = PETSC_TRUE;
      for (const char *const *name = own; *name; name++)
        if (!strncmp(line, *name, strlen(*name))) keep = PETSC_FALSE;
    }
    if (keep && line[0] != '#') {
      memcpy(*part + used, line, length);
      used += length;
    }
    line += length;
  }
  (*part)[used] = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Compare the stored deck with the present one. *refused: keys differ that may not; *changed: the kind's part is another one (a later end). */
static PetscErrorCode CompareDecks(Run *run, PetscBool *refused, PetscBool *changed)
{
  char       *stored = NULL, *before, *after;
  const char *present, *differences;
  PetscInt    n;

  PetscFunctionBegin;
  *refused = *changed = PETSC_FALSE;
  PetscCall(TesCheckpointsText(run->checkpoints, "deck", &stored));
  if (!stored) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesDeckCompare(run->problem->deck, stored, &n, &differences));
  if (n) {
    *refused = PETSC_TRUE;
    LogError(run->log, "the checkpoint in %s was made with another deck; --restart allows no change of\n%s\nput these back, or start afresh in another folder (--output) or with --force",
            FolderName(run->folder), differences);
  }
  PetscCall(TesDeckResolved(run->problem->deck, &present));
  PetscCall(KindPart(stored, &before));
  PetscCall(KindPart(present, &after));
  *changed = strcmp(before, after) ? PETSC_TRUE : PETSC_FALSE;
  PetscCall(PetscFree(before));
  PetscCall(PetscFree(after));
  PetscCall(PetscFree(stored));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckKind(Run *run)
{
  char *stored, *isa;

  PetscFunctionBegin;
  PetscCall(TesCheckpointsText(run->checkpoints, "kind", &stored));
  PetscCheck(stored && !strcmp(stored, run->problem->kind->name), run->problem->comm, TES_ERR_WORLD, "the checkpoint in %s is of kind %s, the deck is of kind %s", FolderName(run->folder),
             stored ? stored : "?", run->problem->kind->name);
  PetscCall(PetscFree(stored));
  PetscCall(TesCheckpointsText(run->checkpoints, "isa", &isa));
  if (isa && strcmp(isa, TesIsaName()))
    LogWarn(run->log, "the checkpoint was made with instruction set %s, this process uses %s: the results may differ in the last bits", isa, TesIsaName());
  PetscCall(PetscFree(isa));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Look for a checkpoint; *ended: nothing is left to do (refused, or finished already) and *exit_code says how. */
static PetscErrorCode OpenRestart(Run *run, PetscBool *found, PetscBool *changed, PetscBool *ended, TesExit *exit_code)
{
  const char *said;
  PetscBool   refused, failed;
  char        word[16], *table;
  PetscInt64  step;

  PetscFunctionBegin;
  *ended = PETSC_FALSE;
  PetscCall(TesCheckpointsOpen(run->checkpoints, found, &said));
  if (said[0]) LogWarn(run->log, "%s", said);
  if (!*found) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(CheckKind(run));
  PetscCall(CompareDecks(run, &refused, changed));
  if (refused) {
    *ended     = PETSC_TRUE;
    *exit_code = TES_EXIT_DECK;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(FolderReadStatus(run->problem->comm, FolderName(run->folder), word, &step));
  if (*changed || strcmp(word, "done")) PetscFunctionReturn(PETSC_SUCCESS);
  LogLine(run->log, "this run is finished (step %" PetscInt64_FMT "):", step);
  PetscCall(TesReportTableFromFile(run->problem->comm, FolderPath(run->folder, "result.h5"), &table, &failed));
  LogText(run->log, table);
  PetscCall(PetscFree(table));
  LogLine(run->log, "results in %s", FolderName(run->folder));
  *ended     = PETSC_TRUE;
  *exit_code = failed ? TES_EXIT_NUMBERS : TES_EXIT_DONE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetUp(Run *run, PetscBool *unused_options)
{
  TesProblem problem = run->problem;
  char       unused[1024];

  PetscFunctionBegin;
  PetscCall(TesPhaseBegin(problem->timers, "setup"));
  PetscCall(PetscOptionsFromDeck(&problem->options.petsc));
  if (problem->kind->setup) PetscCall(problem->kind->setup(problem));
  PetscCall(TesPhaseEnd(problem->timers, "setup"));
  PetscCall(PetscOptionsUnused(unused, sizeof unused));
  *unused_options = unused[0] ? PETSC_TRUE : PETSC_FALSE;
  if (unused[0]) LogError(run->log, "nothing in this run asks for the PETSc option %s; check its spelling (see -help of the solver, or `petsc:` in the deck); nothing was run", unused);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OpenFolder(Run *run, const char folder[])
{
  PetscFunctionBegin;
  if (run->folder) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(FolderOpen(run->problem->comm, folder, &run->folder));
  run->problem->folder = FolderName(run->folder);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OpenFiles(Run *run)
{
  TesProblem problem = run->problem;

  PetscFunctionBegin;
  if (!run->checkpoints) PetscCall(TesCheckpointsCreate(problem->comm, FolderPath(run->folder, "checkpoint"), problem->options.checkpoint.keep, &run->checkpoints));
  if (!run->series) PetscCall(TesSeriesCreate(problem->comm, FolderName(run->folder), problem->options.output.csv, &run->series));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SayHeader(Run *run)
{
  TesProblem  problem = run->problem;
  TesEstimate estimate;
  int         size;
  char        bytes[32];

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(problem->comm, &size));
  PetscCall(ProblemEstimate(problem, size, &estimate));
  LogLine(run->log, "tessera %s: %s on %d rank%s, %s, %s", problem->kind->name, TesDeckName(problem->deck), size, size > 1 ? "s" : "", TesIsaName(), TesBlasName());
  LogLine(run->log, "about %s per rank; results go to %s", FormatBytes(estimate.bytes_per_rank, bytes, sizeof bytes), FolderName(run->folder));
  if (estimate.note[0]) LogLine(run->log, "%s", estimate.note);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Begin(Run *run, PetscBool found, PetscBool changed)
{
  TesProblem     problem = run->problem;
  const char    *deck;
  PetscErrorCode ierr = PETSC_SUCCESS;
  int            rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(problem->comm, &rank));
  PetscCall(TesPhaseBegin(problem->timers, "start"));
  if (found) {
    problem->step = TesCheckpointsStep(run->checkpoints);
    PetscCall(TesCheckpointsRestore(run->checkpoints, RunState, run));
    PetscCall(TesCheckpointsClose(run->checkpoints));
    run->last_checkpoint_step = problem->step;
    if (run->finished && changed) {
      /* a later end: the row of the old end is no regular one, and there is work again */
      if (problem->step % problem->options.output.every_steps) PetscCall(TesSeriesCutAfter(run->series, problem->step - 1));
      run->finished = PETSC_FALSE;
    }
    PetscCall(TesSeriesCutAfter(run->series, problem->step));
    LogLine(run->log, "restart from the checkpoint of step %" PetscInt64_FMT, problem->step);
  } else if (problem->kind->start) {
    PetscCall(problem->kind->start(problem));
  }
  if (!rank) {
    PetscCall(TesDeckResolved(problem->deck, &deck));
    ierr = TesWriteTextAtomic(FolderPath(run->folder, "deck.yaml"), deck);
    if (!ierr) ierr = FolderStatus(run->folder, "running", problem->step);
  }
  PetscCall(TesAgree(problem->comm, ierr));
  PetscCall(TesPhaseEnd(problem->timers, "start"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Loop(Run *run, TesExit *exit_code)
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
  if (ending == END_STOP) PetscCall(Stop(run, exit_code));
  else PetscCall(Finish(run, exit_code));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Watch(Run *run)
{
  WatchdogPlan plan = {.seconds = run->problem->options.run.watchdog, .timers = run->problem->timers, .step = &run->problem->step, .status = ""};

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(run->problem->comm, &plan.rank));
  if (!plan.rank && run->folder) plan.status = FolderPath(run->folder, "status");
  PetscCall(WatchdogStart(&plan));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RunInFolder(Run *run, const CommandLine *command, const char folder[], TesExit *exit_code)
{
  TesProblem    problem = run->problem;
  FolderContent content;
  PetscBool     found = PETSC_FALSE, changed = PETSC_FALSE, ended, unused = PETSC_FALSE;

  PetscFunctionBegin;
  PetscCall(FolderLook(problem->comm, folder, &content));
  if (content == FOLDER_HOLDS_RUN && !command->restart && !command->force) {
    LogError(run->log, "%s holds a run already: --restart goes on with it, --force starts it afresh, --output DIR takes another folder", folder);
    *exit_code = TES_EXIT_DECK;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (content == FOLDER_HOLDS_RUN && command->restart) {
    PetscCall(OpenFolder(run, folder));
    PetscCall(OpenFiles(run));
    PetscCall(OpenRestart(run, &found, &changed, &ended, exit_code));
    if (ended) PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(Watch(run));
  PetscCall(SetUp(run, &unused));
  if (unused) {
    *exit_code = TES_EXIT_DECK;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(OpenFolder(run, folder));
  PetscCall(Watch(run));
  if (command->force) PetscCall(FolderClear(run->folder));
  PetscCall(LogOpenFile(run->log, FolderPath(run->folder, "run.log")));
  PetscCall(OpenFiles(run));
  PetscCall(SayHeader(run));
  PetscCall(Begin(run, found, changed));
  PetscCall(Loop(run, exit_code));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Close(Run *run)
{
  PetscFunctionBegin;
  PetscCall(WatchdogStop());
  PetscCall(TesReportDestroy(&run->report));
  PetscCall(TesSeriesDestroy(&run->series));
  PetscCall(TesCheckpointsDestroy(&run->checkpoints));
  PetscCall(FolderClose(&run->folder));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Do all ranks arrive here within a few seconds? Then an error is everybody's and an orderly end is possible. */
static PetscErrorCode ErrorsAgree(MPI_Comm comm, PetscBool *all_here)
{
  MPI_Request request;
  int         arrived = 0;
  PetscReal   t0      = TesNow();

  PetscFunctionBegin;
  PetscCallMPI(MPI_Ibarrier(comm, &request));
  while (!arrived && TesNow() - t0 < 3) {
    struct timespec pause = {0, 2000000};

    PetscCallMPI(MPI_Test(&request, &arrived, MPI_STATUS_IGNORE));
    if (!arrived) nanosleep(&pause, NULL);
  }
  *all_here = arrived ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* An error that all ranks share ends in order; one that a rank met alone ends the job, since the others wait for it in a collective. */
static PetscErrorCode EndAfterError(Run *run, MPI_Comm aside, PetscErrorCode ierr, TesExit *exit_code)
{
  TesProblem problem = run->problem;
  PetscBool  all_here = PETSC_FALSE, shared;
  int        rank;

  PetscFunctionBegin;
  PetscCall(WatchdogStop());
  LogProgressEnd(problem->log);
  PetscCallMPI(MPI_Comm_rank(problem->comm, &rank));
  PetscCall(ErrorsAgree(aside, &all_here));
  /* the folder may be what failed: then the message is all there is */
  if (run->folder && (!all_here || !rank) && FolderStatusAnyRank(run->folder, "failed", problem->step)) LogWarn(problem->log, "cannot write %s/status", FolderName(run->folder));
  if (!all_here) {
    TesErrorSay(problem->comm, ierr, &shared);
    MPI_Abort(PETSC_COMM_WORLD, (int)TesErrorExit(ierr));
  }
  if (!rank) TesErrorSay(PETSC_COMM_SELF, ierr, &shared);
  TesErrorForget();
  *exit_code = TesErrorExit(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RunProblem(TesProblem problem, const CommandLine *command, const char folder[], TesExit *exit_code)
{
  Run            run = {.problem = problem, .log = problem->log, .last_checkpoint_step = -1, .started = TesNow()};
  MPI_Comm       aside;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_dup(problem->comm, &aside)); /* for the end after an error: nobody else sends there */
  ierr = RunInFolder(&run, command, folder, exit_code);
  if (ierr) PetscCall(EndAfterError(&run, aside, ierr, exit_code));
  PetscCallMPI(MPI_Comm_free(&aside));
  PetscCall(Close(&run));
  PetscFunctionReturn(PETSC_SUCCESS);
}
