/* A state that is not finite is never saved: the run ends with item, index and value named, and leaves post_mortem.h5. */
#include <stdio.h>
#include <string.h>
#include <tessera/fault.h>
#include "run_impl.h"

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

PetscErrorCode RunStopIfNotFinite(Run *run)
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
  PetscCall(RunProvenance(run, &provenance));
  PetscCall(TesStateSave(problem->comm, FolderPath(run->folder, "post_mortem.h5"), problem->step, RunState, run, &provenance));
  PetscCall(RunProvenanceFree(&provenance));
  SETERRQ(problem->comm, TES_ERR_NUMBERS,
          "step %" PetscInt64_FMT ": `%s` is %g%s; %s. The state is in %s. --restart from there gives the same again: change the time step, the tolerance or the data", problem->step,
          finding.name, (double)finding.value, place, last, FolderPath(run->folder, "post_mortem.h5"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RunInjectNaN(Run *run)
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
