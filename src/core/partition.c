/* The block rule: contiguous units over the ranks, the first (units mod size) ranks get one more; or equal blocks where a library dictates them. */
#include <tessera/partition.h>

static void Fill(TesPartition *part)
{
  PetscInt64 n_local;

  TesPartitionRange(part, part->rank, &part->first, &n_local);
  part->n_local = n_local;
  if (n_local) {
    part->first_unit    = part->first / part->unit;
    part->n_units_local = (part->first + n_local - 1) / part->unit - part->first_unit + 1;
  } else {
    part->first_unit    = (part->first + part->unit - 1) / part->unit;
    part->n_units_local = 0;
  }
}

PetscErrorCode TesPartitionCreateFor(int rank, int size, PetscInt64 n, PetscInt64 unit, TesPartition *part)
{
  PetscFunctionBegin;
  PetscCheck(n >= 0 && unit >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "cannot split %" PetscInt64_FMT " items in units of %" PetscInt64_FMT, n, unit);
  PetscCheck(rank >= 0 && rank < size, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "rank %d of %d", rank, size);
  part->n       = n;
  part->unit    = unit;
  part->n_units = (n + unit - 1) / unit;
  part->block   = 0;
  part->rank    = rank;
  part->size    = size;
  Fill(part);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPartitionCreate(MPI_Comm comm, PetscInt64 n, PetscInt64 unit, TesPartition *part)
{
  int rank, size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscCall(TesPartitionCreateFor(rank, size, n, unit, part));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPartitionCreateBlocks(MPI_Comm comm, PetscInt64 n, PetscInt64 block, TesPartition *part)
{
  PetscFunctionBegin;
  PetscCall(TesPartitionCreate(comm, n, 1, part));
  PetscCheck(block >= 1 && block * part->size >= n, comm, PETSC_ERR_ARG_OUTOFRANGE, "blocks of %" PetscInt64_FMT " on %d ranks do not hold %" PetscInt64_FMT " items",
             block, part->size, n);
  part->block = block;
  Fill(part);
  PetscFunctionReturn(PETSC_SUCCESS);
}

void TesPartitionRange(const TesPartition *part, int rank, PetscInt64 *first, PetscInt64 *n_local)
{
  PetscInt64 begin, end;

  if (part->block) {
    begin = PetscMin(part->n, rank * part->block);
    end   = PetscMin(part->n, begin + part->block);
  } else {
    PetscInt64 each = part->n_units / part->size, more = part->n_units % part->size;

    begin = rank * each + PetscMin((PetscInt64)rank, more);
    end   = begin + each + (rank < more ? 1 : 0);
    begin = PetscMin(part->n, begin * part->unit);
    end   = PetscMin(part->n, end * part->unit);
  }
  *first   = begin;
  *n_local = end - begin;
}

int TesPartitionOwner(const TesPartition *part, PetscInt64 item)
{
  PetscInt64 each, more, unit;

  if (part->block) return (int)(item / part->block);
  each = part->n_units / part->size;
  more = part->n_units % part->size;
  unit = item / part->unit;
  if (unit < more * (each + 1)) return (int)(unit / (each + 1));
  return (int)(more + (unit - more * (each + 1)) / each);
}

PetscErrorCode TesCommSplitGroups(MPI_Comm comm, int n_groups, int *group, MPI_Comm *members, MPI_Comm *peers)
{
  TesPartition part;
  PetscInt64   first, n;
  int          rank, size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscCheck(n_groups >= 1 && n_groups <= size, comm, PETSC_ERR_ARG_OUTOFRANGE, "%d groups of %d ranks", n_groups, size);
  PetscCall(TesPartitionCreateFor(0, n_groups, size, 1, &part));
  *group = TesPartitionOwner(&part, rank);
  TesPartitionRange(&part, *group, &first, &n);
  PetscCallMPI(MPI_Comm_split(comm, *group, rank, members));
  if (peers) PetscCallMPI(MPI_Comm_split(comm, (int)(rank - first), rank, peers));
  PetscFunctionReturn(PETSC_SUCCESS);
}
