#pragma once
/* One run while it lives, shared by the files run*.c: run.c opens and closes it, run_restart.c looks for a checkpoint, run_loop.c steps, run_scan.c looks for what is
   not finite, run_files.c writes, run_end.c reports. */
#include <tessera/io.h>
#include "folder.h"
#include "run.h"

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
  PetscReal      slowest_step; /* since the last agreement */
  PetscReal      longest_step, longest_checkpoint, step_seconds, scan_seconds, work;
  PetscReal      last_checkpoint, last_series, last_status; /* clock */
  PetscInt64     last_checkpoint_step, next_agreement, unasked; /* unasked: steps from the last agreement to the next */
  char           stop_reason[96];
} Run;

/* run_files.c: the state of a run as one visit, what every file says of its origin, series and checkpoints. `must`: a failure ends the run even with
   checkpoint.on_failure: continue. Collective */
PetscErrorCode RunState(void *ctx, TesState state);
PetscErrorCode RunProvenance(Run *run, TesProvenance *p);
PetscErrorCode RunProvenanceFree(TesProvenance *p);
PetscErrorCode RunWriteSeries(Run *run, PetscBool must);
PetscErrorCode RunCheckpoint(Run *run, PetscBool must);

/* run_scan.c: TES_ERR_NUMBERS and post_mortem.h5 if an item of the state is not finite; the fault hook that makes one so. Collective */
PetscErrorCode RunStopIfNotFinite(Run *run);
PetscErrorCode RunInjectNaN(Run *run);

/* run_restart.c: look for a checkpoint that fits the deck. *changed: the kind's part of the deck is another one (a later end); *ended: nothing is left to do
   (refused, or finished already) and *exit_code says how. Collective */
PetscErrorCode RunOpenRestart(Run *run, PetscBool *found, PetscBool *changed, PetscBool *ended, TesExit *exit_code);

/* run_loop.c: step until the work is done or somebody asks for a stop, then RunFinish or RunStop. Collective */
PetscErrorCode RunLoop(Run *run, TesExit *exit_code);

/* run_end.c: the report with its tables, or a stop with a checkpoint. Collective */
PetscErrorCode RunFinish(Run *run, TesExit *exit_code);
PetscErrorCode RunStop(Run *run, TesExit *exit_code);
