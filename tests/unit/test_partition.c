/* The block rule: every item once, in order, units whole, for all sizes; also the group split. */
#include <tessera/partition.h>
#include <tessera/test.h>

static PetscErrorCode BlocksCoverEveryItemOnceAndNeverCutAUnit(void)
{
  PetscFunctionBegin;
  for (PetscInt64 n = 0; n < 40; n++) {
    for (PetscInt64 unit = 1; unit < 10; unit += 2) {
      for (int size = 1; size <= 9; size++) {
        PetscInt64 next = 0, next_unit = 0;

        for (int rank = 0; rank < size; rank++) {
          TesPartition part;

          PetscCall(TesPartitionCreateFor(rank, size, n, unit, &part));
          TES_CHECK_INT(part.first, next);
          TES_CHECK(part.first % unit == 0 || part.n_local == 0);
          TES_CHECK_INT(part.first_unit, part.n_units_local ? next_unit : part.first_unit);
          next += part.n_local;
          next_unit += part.n_units_local;
          for (PetscInt64 i = part.first; i < part.first + part.n_local; i++) TES_CHECK_INT(TesPartitionOwner(&part, i), rank);
        }
        TES_CHECK_INT(next, n);
        TES_CHECK_INT(next_unit, (n + unit - 1) / unit);
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FirstRanksGetOneUnitMore(void)
{
  TesPartition a, b;

  PetscFunctionBegin;
  PetscCall(TesPartitionCreateFor(0, 3, 10, 1, &a));
  PetscCall(TesPartitionCreateFor(2, 3, 10, 1, &b));
  TES_CHECK_INT(a.n_local, 4);
  TES_CHECK_INT(b.n_local, 3);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MoreRanksThanItemsLeavesSomeEmpty(void)
{
  TesPartition part;
  PetscInt64   mine, all;

  PetscFunctionBegin;
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, 2, 1, &part));
  mine = part.n_local;
  PetscCallMPI(MPI_Allreduce(&mine, &all, 1, MPIU_INT64, MPI_SUM, PETSC_COMM_WORLD));
  TES_CHECK_INT(all, 2);
  TES_CHECK_AT_MOST(part.n_local, part.size == 1 ? 2 : 1);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode BlockRuleFollowsTheBlocks(void)
{
  TesPartition part;
  PetscInt64   first, n;

  PetscFunctionBegin;
  PetscCall(TesPartitionCreateBlocks(PETSC_COMM_WORLD, 10, 10, &part));
  TES_CHECK_INT(part.n_local, part.rank ? 0 : 10);
  TesPartitionRange(&part, 0, &first, &n);
  TES_CHECK_INT(n, 10);
  TES_CHECK_INT(TesPartitionOwner(&part, 9), 0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GroupsAreContiguousAndPeersMeet(void)
{
  int size, rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  for (int groups = 1; groups <= size; groups++) {
    MPI_Comm members, peers;
    int      group, low, high, n;

    PetscCall(TesCommSplitGroups(PETSC_COMM_WORLD, groups, &group, &members, &peers));
    PetscCallMPI(MPI_Allreduce(&rank, &low, 1, MPI_INT, MPI_MIN, members));
    PetscCallMPI(MPI_Allreduce(&rank, &high, 1, MPI_INT, MPI_MAX, members));
    PetscCallMPI(MPI_Comm_size(members, &n));
    TES_CHECK_INT(high - low + 1, n);
    TES_CHECK(group >= 0 && group < groups);
    PetscCallMPI(MPI_Comm_free(&members));
    PetscCallMPI(MPI_Comm_free(&peers));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {TES_TEST(BlocksCoverEveryItemOnceAndNeverCutAUnit), TES_TEST(FirstRanksGetOneUnitMore), TES_TEST(MoreRanksThanItemsLeavesSomeEmpty),
                                TES_TEST(BlockRuleFollowsTheBlocks), TES_TEST(GroupsAreContiguousAndPeersMeet), TES_TESTS_END};
TES_TEST_MAIN(tests)
