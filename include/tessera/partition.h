#pragma once
/* How n items, in units that are never cut, are split in contiguous blocks over the ranks of a communicator.

   Balanced rule: with U = ceil(n / unit) units, the first U mod size ranks get one unit more. Block rule: rank r owns
   [r block, (r+1) block) (what FFTW-MPI and others dictate). Empty ranks are normal. A plain value: copy it, nothing to destroy. */
#include <tessera/base.h>

typedef struct {
  PetscInt64 n;             /* items in all */
  PetscInt64 unit;          /* items of a unit; the last unit may be shorter */
  PetscInt64 n_units;       /* ceil(n / unit) */
  PetscInt64 block;         /* 0: balanced rule; else items per rank of the block rule */
  PetscInt64 first_unit;    /* global index of this rank's first unit */
  PetscInt64 n_units_local; /* units of this rank */
  PetscInt64 first;         /* global index of this rank's first item */
  PetscInt64 n_local;       /* items of this rank */
  int        rank, size;
} TesPartition;

/*@
  TesPartitionCreate - split n items in units by the balanced rule

  Not Collective (asks comm for rank and size only)

  Input Parameters:
+ comm - the communicator
. n    - number of items, >= 0
- unit - items per unit, >= 1

  Output Parameter:
. part - the partition, filled in place

  TesPartitionCreateFor does the same for a rank and size of the caller's choice (planning for a hypothetical rank count).
  TesPartitionCreateBlocks: rank r owns [r block, min(n, (r + 1) block)); unit 1.
@*/
PetscErrorCode TesPartitionCreate(MPI_Comm comm, PetscInt64 n, PetscInt64 unit, TesPartition *part);
PetscErrorCode TesPartitionCreateFor(int rank, int size, PetscInt64 n, PetscInt64 unit, TesPartition *part);
PetscErrorCode TesPartitionCreateBlocks(MPI_Comm comm, PetscInt64 n, PetscInt64 block, TesPartition *part);

/*@
  TesPartitionRange - first item and number of items of any rank
  TesPartitionOwner - the rank that owns an item, 0 <= item < n

  Not Collective
@*/
void TesPartitionRange(const TesPartition *part, int rank, PetscInt64 *first, PetscInt64 *n_local);
int  TesPartitionOwner(const TesPartition *part, PetscInt64 item);

/*@
  TesCommSplitGroups - split a communicator into groups x members: groups of nearly equal size of neighbouring ranks

  Collective

  Input Parameters:
+ comm     - the communicator
- n_groups - number of groups, 1 <= n_groups <= size

  Output Parameters:
+ group   - number of this rank's group
. members - the ranks of this group (free with MPI_Comm_free)
- peers   - the ranks with the same place in their groups (free with MPI_Comm_free), may be NULL
@*/
PetscErrorCode TesCommSplitGroups(MPI_Comm comm, int n_groups, int *group, MPI_Comm *members, MPI_Comm *peers);
