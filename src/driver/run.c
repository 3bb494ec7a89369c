/* One run, from its folder to its end.

   deck -> setup -> (start | restore) -> steps (run_loop.c) -> finish (run_end.c)

   An error that all ranks share ends in order; one that a rank met alone ends the job. */
#include <tessera/isa.h>
#include "memory.h"
#include "petsc_options.h"
#include "run_impl.h"
#include "together.h"
#include "watchdog.h"

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

/* A machine without room ends a process with no word to anybody: said before it is tried, as an estimate is no measurement. */
static PetscErrorCode WarnOfMemory(Run *run)
{
  TesProblem  problem = run->problem;
  TesEstimate estimate;
  PetscReal   available;
  int         size;
  char        wants[32], has[32];

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(problem->comm, &size));
  PetscCall(ProblemEstimate(problem, size, &estimate));
  PetscCall(MemoryLooks(problem->comm, estimate.bytes_per_rank, &available));
  if (available >= 0)
    LogWarn(run->log, "this may not fit: each rank wants about %s, and a machine has %s free for all of its ranks", FormatBytes(estimate.bytes_per_rank, wants, sizeof wants),
            FormatBytes(available, has, sizeof has));
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
    PetscCall(RunOpenRestart(run, &found, &changed, &ended, exit_code));
    if (ended) PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(WarnOfMemory(run));
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
  PetscCall(RunLoop(run, exit_code));
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
  PetscCall(Together(aside, &all_here));
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
