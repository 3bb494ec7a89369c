/* A barrier with patience (together.h). */
#include <time.h>
#include <tessera/timing.h>
#include "together.h"

#define PATIENCE_SECONDS 3

PetscErrorCode Together(MPI_Comm aside, PetscBool *all_here)
{
  MPI_Request request;
  int         arrived = 0;
  PetscReal   t0      = TesNow();

  PetscFunctionBegin;
  PetscCallMPI(MPI_Ibarrier(aside, &request));
  while (!arrived && TesNow() - t0 < PATIENCE_SECONDS) {
    struct timespec pause = {0, 2000000};

    PetscCallMPI(MPI_Test(&request, &arrived, MPI_STATUS_IGNORE));
    if (!arrived) nanosleep(&pause, NULL);
  }
  *all_here = arrived ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}
