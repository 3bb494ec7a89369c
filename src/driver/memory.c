/* /proc/meminfo, the limits of a container (cgroup 2) and of the process. What cannot be read is no limit. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#include "memory.h"

static PetscReal Smaller(PetscReal a, PetscReal b)
{
  return a < 0 ? b : b < 0 ? a : PetscMin(a, b);
}

static PetscReal NumberInFile(const char path[])
{
  double number = -1;
  FILE  *file   = fopen(path, "r");

  if (!file) return -1;
  if (fscanf(file, "%lf", &number) != 1) number = -1; /* "max" is none */
  fclose(file);
  return (PetscReal)number;
}

PetscReal MemoryAvailable(void)
{
  PetscReal     available = -1, limit = NumberInFile("/sys/fs/cgroup/memory.max"), used = NumberInFile("/sys/fs/cgroup/memory.current");
  double        kib;
  char          line[128];
  struct rlimit address;
  FILE         *file = fopen("/proc/meminfo", "r");

  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "MemAvailable: %lf", &kib) == 1) available = (PetscReal)(1024 * kib);
  if (file) fclose(file);
  if (limit >= 0 && used >= 0) available = Smaller(available, PetscMax(limit - used, 0));
  if (!getrlimit(RLIMIT_AS, &address) && address.rlim_cur != RLIM_INFINITY) /* /proc/self/statm begins with the pages that are mapped already */
    available = Smaller(available, PetscMax((PetscReal)address.rlim_cur - (PetscReal)sysconf(_SC_PAGESIZE) * PetscMax(NumberInFile("/proc/self/statm"), 0), 0));
  return available;
}

PetscErrorCode MemoryLooks(MPI_Comm comm, PetscReal bytes_per_rank, PetscReal *short_of)
{
  MPI_Comm  machine;
  PetscReal mine = -1, available = MemoryAvailable();
  int       here;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine));
  PetscCallMPI(MPI_Comm_size(machine, &here));
  PetscCallMPI(MPI_Comm_free(&machine));
  if (available >= 0 && bytes_per_rank * here > available) mine = available;
  PetscCallMPI(MPI_Allreduce(&mine, short_of, 1, MPIU_REAL, MPI_MAX, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}
