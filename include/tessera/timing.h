#pragma once
/* Where the time goes: named phases, nested, with min/avg/max over the ranks; each is a PETSc log stage as well, so -log_view tells the same story. */
#include <tessera/base.h>

typedef struct _p_TesTimers *TesTimers;

/*@
  TesTimersCreate - an empty set of phases
  TesPhaseBegin   - start the named phase (created at first use; the same name accumulates); phases nest and a parent's time excludes its children
  TesPhaseEnd     - end the innermost phase; the name must match
  TesTimersCurrent- name of the innermost open phase ("" if none): for watchdog and error messages

  Not Collective, but all ranks name the same phases in the same order of first use
@*/
PetscErrorCode TesTimersCreate(TesTimers *timers);
PetscErrorCode TesPhaseBegin(TesTimers timers, const char name[]);
PetscErrorCode TesPhaseEnd(TesTimers timers, const char name[]);
const char    *TesTimersCurrent(TesTimers timers);
PetscErrorCode TesTimersDestroy(TesTimers *timers);

typedef struct {
  char      name[64];
  PetscInt  calls;
  PetscReal min, avg, max; /* seconds over the ranks */
} TesPhaseTime;

/*@
  TesTimersSummary - time per phase over the ranks

  Collective

  Output Parameters:
+ n      - number of phases
- phases - array of the caller's to free with PetscFree
@*/
PetscErrorCode TesTimersSummary(TesTimers timers, MPI_Comm comm, PetscInt *n, TesPhaseTime **phases);

/*@
  TesNow - monotonic seconds (never jumps with the wall clock)
@*/
PetscReal TesNow(void);
