#pragma once
/* An error that every rank comes back with ends in order: one message, Finalize, the same code. One that a rank met alone does not: the others wait for it in a
   collective, so the job is aborted. Which of the two it is shows when the ranks wait for each other for a moment. */
#include <tessera/base.h>

/*@
  Together - do all ranks arrive here within a few seconds?

  Collective over aside, a duplicate of the communicator in which nobody else speaks: a rank that never comes is no deadlock
@*/
PetscErrorCode Together(MPI_Comm aside, PetscBool *all_here);
