#pragma once
/* A run that hangs ends and says where: run.watchdog is the longest time that one step, checkpoint, set-up or finish may take.

   Each rank has a timer of its own, set back whenever something is done. When it runs out, the rank writes on stderr in which phase it is and after which
   step, waits a moment so that the others can do the same, and ends with 70; the launcher then ends the job. A rank that waits in a collective for one that
   hangs elsewhere has the phase in which it waits: the one that differs is the culprit. Everything in the handler is safe in a signal. */
#include <tessera/timing.h>

typedef struct {
  PetscReal         seconds; /* 0: no watchdog */
  int               rank;
  TesTimers         timers; /* borrowed */
  const PetscInt64 *step;   /* borrowed */
  const char       *status; /* path of the file `status`, "" where none is to be written; copied */
} WatchdogPlan;

/* Start, set back, end: nothing happens without a plan or with 0 seconds. One per process, as the timer is. */
PetscErrorCode WatchdogStart(const WatchdogPlan *plan);
void           WatchdogReset(void);
PetscErrorCode WatchdogStop(void);
