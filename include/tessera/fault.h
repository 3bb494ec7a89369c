#pragma once
/* Fault hooks for tests: off unless the environment variable TES_FAULT is set, read once. Always compiled in, so that what is tested is what runs.

   TES_FAULT is a list separated by ';' of  action@point[,rank=R][,step=N][,from=N][,count=K]
     kill@ckpt.write,rank=1      raise SIGKILL on rank 1 at its first pass of the point (count=K: at the K-th)
     nan@step=7,rank=1           the driver puts a NaN into the state after step 7
     sleep@step,step=3           the rank hangs
     pause@step,count=0          one second of rest at every pass (count=0: always)
     doze@step,from=99,count=0   a tenth of a second at every pass from step 99 on
     fail@ckpt.write             the point reports an input/output error (EIO) on that rank
   Points: ckpt.write, ckpt.flush, ckpt.verify, ckpt.rename, series.write, result.write, step. */
#include <tessera/base.h>

/*@
  TesFault - pass a named point: kills, sleeps or reports as TES_FAULT asks

  Not Collective

  Input Parameters:
+ point - name of the point
. rank  - this rank
- step  - present step, -1 where there is none

  Returns TES_ERR_WORLD where the fault is an input/output error, else PETSC_SUCCESS
@*/
PetscErrorCode TesFault(const char point[], int rank, PetscInt64 step);

/*@
  TesFaultNaN - is a NaN to be put into the state after this step? *rank is where (0 if not said)
@*/
PetscBool TesFaultNaN(PetscInt64 step, int *rank);
