#pragma once
/* Memory that this machine can still give, so that a problem that does not fit is said before it is begun. */
#include <tessera/base.h>

/* MemoryAvailable - bytes that are free on this machine, to this container and to this process; -1: unknown. Not collective */
PetscReal MemoryAvailable(void);

/* MemoryLooks - compare what the ranks of this machine want with what it has: *short_of is how much the fullest machine has in all, or -1 where all is well
   (or unknown). Collective */
PetscErrorCode MemoryLooks(MPI_Comm comm, PetscReal bytes_per_rank, PetscReal *short_of);
