/* Phases: exclusive times, nested; PETSc log stages of the same names. */
#include <string.h>
#include <time.h>
#include <petsclog.h>
#include <tessera/timing.h>

#define MAX_PHASES 64
#define MAX_DEPTH  16

struct _p_TesTimers {
  PetscInt      n;
  char          name[MAX_PHASES][64];
  PetscInt      calls[MAX_PHASES];
  PetscReal     seconds[MAX_PHASES];
  PetscLogStage stage[MAX_PHASES];
  PetscInt      depth, open[MAX_DEPTH];
  PetscReal     since; /* when the innermost phase began or got the clock back */
};

PetscReal TesNow(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (PetscReal)t.tv_sec + 1e-9 * (PetscReal)t.tv_nsec;
}

PetscErrorCode TesTimersCreate(TesTimers *timers)
{
  PetscFunctionBegin;
  PetscCall(PetscNew(timers));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTimersDestroy(TesTimers *timers)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(*timers));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPhaseBegin(TesTimers timers, const char name[])
{
  PetscReal now = TesNow();
  PetscInt  k   = 0;

  PetscFunctionBegin;
  PetscCheck(timers->depth < MAX_DEPTH, PETSC_COMM_SELF, PETSC_ERR_PLIB, "phases nest deeper than %d at %s", MAX_DEPTH, name);
  while (k < timers->n && strcmp(timers->name[k], name)) k++;
  if (k == timers->n) {
    PetscCheck(k < MAX_PHASES, PETSC_COMM_SELF, PETSC_ERR_PLIB, "more than %d phases at %s", MAX_PHASES, name);
    PetscCall(PetscStrncpy(timers->name[k], name, sizeof timers->name[k]));
    /* two problems of one process may name the same phase */
    PetscCall(PetscLogStageGetId(name, &timers->stage[k]));
    if (timers->stage[k] < 0) PetscCall(PetscLogStageRegister(name, &timers->stage[k]));
    timers->n++;
  }
  if (timers->depth) timers->seconds[timers->open[timers->depth - 1]] += now - timers->since;
  timers->open[timers->depth++] = k;
  timers->calls[k]++;
  timers->since = now;
  PetscCall(PetscLogStagePush(timers->stage[k]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPhaseEnd(TesTimers timers, const char name[])
{
  PetscReal now = TesNow();
  PetscInt  k;

  PetscFunctionBegin;
  PetscCheck(timers->depth, PETSC_COMM_SELF, PETSC_ERR_PLIB, "phase %s ends but none is open", name);
  k = timers->open[timers->depth - 1];
  PetscCheck(!strcmp(timers->name[k], name), PETSC_COMM_SELF, PETSC_ERR_PLIB, "phase %s ends while %s is open", name, timers->name[k]);
  timers->seconds[k] += now - timers->since;
  timers->since = now;
  timers->depth--;
  PetscCall(PetscLogStagePop());
  PetscFunctionReturn(PETSC_SUCCESS);
}

const char *TesTimersCurrent(TesTimers timers)
{
  return timers && timers->depth ? timers->name[timers->open[timers->depth - 1]] : "";
}

PetscErrorCode TesTimersSummary(TesTimers timers, MPI_Comm comm, PetscInt *n, TesPhaseTime **phases)
{
  PetscReal min[MAX_PHASES], max[MAX_PHASES], sum[MAX_PHASES];
  int       size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscCallMPI(MPI_Allreduce(timers->seconds, min, (int)timers->n, MPIU_REAL, MPI_MIN, comm));
  PetscCallMPI(MPI_Allreduce(timers->seconds, max, (int)timers->n, MPIU_REAL, MPI_MAX, comm));
  PetscCallMPI(MPI_Allreduce(timers->seconds, sum, (int)timers->n, MPIU_REAL, MPI_SUM, comm));
  *n = timers->n;
  PetscCall(PetscCalloc1(PetscMax(timers->n, 1), phases));
  for (PetscInt k = 0; k < timers->n; k++) {
    TesPhaseTime *phase = *phases + k;

    PetscCall(PetscStrncpy(phase->name, timers->name[k], sizeof phase->name));
    phase->calls = timers->calls[k];
    phase->min   = min[k];
    phase->max   = max[k];
    phase->avg   = sum[k] / size;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
