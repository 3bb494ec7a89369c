/* Ordered sums: the same bits for every split of the ranks, and the right value. The oracle is the tree walked recursively over all leaves on one rank. */
#include <math.h>
#include <string.h>
#include <tessera/random.h>
#include <tessera/sum.h>
#include <tessera/test.h>

static PetscReal Value(PetscInt64 i)
{
  PetscReal z[2];

  TesRandomNormal(7, TES_STREAM_TEST, (uint32_t)i, 0, 0, z);
  return z[0] * pow(10, (double)(i % 17) - 8);
}

/* node of `span` leaves at `first`: the left half is full, the right one may be missing */
static PetscReal Walk(const PetscReal *leaf, PetscInt64 n, PetscInt64 first, PetscInt64 span)
{
  if (first >= n) return 0;
  if (span == 1) return leaf[first];
  if (first + span / 2 >= n) return Walk(leaf, n, first, span / 2);
  return Walk(leaf, n, first, span / 2) + Walk(leaf, n, first + span / 2, span / 2);
}

static PetscErrorCode SumIsTheFixedTreeForEveryRankCount(void)
{
  static const PetscInt64 sizes[] = {0, 1, 2, 3, 7, 8, 13, 64, 100, 1023, 5000};

  PetscFunctionBegin;
  for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
    for (PetscInt64 unit = 1; unit <= 64; unit *= 8) {
      TesPartition part;
      PetscReal   *x, *leaf, sum, want;
      PetscInt64   n = sizes[k], span = 1;

      PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, n, unit, &part));
      PetscCall(PetscMalloc2(n + 1, &x, part.n_units + 1, &leaf));
      for (PetscInt64 i = 0; i < n; i++) x[i] = Value(i);
      for (PetscInt64 u = 0; u < part.n_units; u++) leaf[u] = TesSumPairwise(PetscMin(unit, n - u * unit), x + u * unit);
      while (span < part.n_units) span *= 2;
      want = Walk(leaf, part.n_units, 0, span);
      PetscCall(TesSumOrdered(PETSC_COMM_WORLD, &part, x + part.first, &sum));
      TES_CHECK(!memcmp(&sum, &want, sizeof sum));
      PetscCall(PetscFree2(x, leaf));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WideSumsAreTheSameTree(void)
{
  static const PetscInt widths[] = {257, 4096, 10007}; /* joined on one rank, and by slices of the columns */

  PetscFunctionBegin;
  for (PetscInt w = 0; w < 3; w++) {
    for (PetscInt64 units = 1; units <= 15; units += 7) { /* also fewer units than ranks */
      const PetscInt width = widths[w];
      TesPartition   part;
      PetscReal     *leaf, *sum;
      PetscInt64     span = 1;

      PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, 2 * units - 1, 2, &part));
      PetscCall(PetscMalloc2(part.n_units_local * width + 1, &leaf, width, &sum));
      for (PetscInt64 u = 0; u < part.n_units_local; u++)
        for (PetscInt i = 0; i < width; i++) leaf[u * width + i] = Value((part.first_unit + u) * width + i);
      PetscCall(TesSumOrderedUnits(PETSC_COMM_WORLD, &part, width, leaf, sum));
      while (span < units) span *= 2;
      for (PetscInt i = 0; i < width; i += 16) {
        PetscReal column[15], want;

        for (PetscInt64 u = 0; u < units; u++) column[u] = Value(u * width + i);
        want = Walk(column, units, 0, span);
        TES_CHECK(!memcmp(&sum[i], &want, sizeof want));
      }
      PetscCall(PetscFree2(leaf, sum));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DotOfAlternatingOnesIsExact(void)
{
  TesPartition part;
  PetscReal   *x, sum;

  PetscFunctionBegin;
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, 100001, TES_SUM_BLOCK, &part));
  PetscCall(PetscMalloc1(part.n_local + 1, &x));
  for (PetscInt64 i = 0; i < part.n_local; i++) x[i] = (part.first + i) % 2 ? -1 : 1;
  PetscCall(TesDotOrdered(PETSC_COMM_WORLD, &part, x, x, &sum));
  TES_CHECK_NEAR(sum, 100001, 0);
  PetscCall(TesSumOrdered(PETSC_COMM_WORLD, &part, x, &sum));
  TES_CHECK_NEAR(sum, 1, 0);
  PetscCall(PetscFree(x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* digits a b -> a 10^(length of b) + b: associative, not commutative, exact */
static PetscErrorCode Append(PetscInt width, PetscReal *left, const PetscReal *right, void *ctx)
{
  (void)width;
  (void)ctx;
  left[0] = left[0] * right[1] + right[0];
  left[1] *= right[1];
  return PETSC_SUCCESS;
}

static PetscErrorCode TreeKeepsTheOrderOfItsLeaves(void)
{
  TesPartition part;
  TesTree      tree;
  PetscReal    result[2];

  PetscFunctionBegin;
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, 9, 1, &part));
  PetscCall(TesTreeCreate(PETSC_COMM_WORLD, &part, 2, Append, NULL, &tree));
  for (int round = 0; round < 2; round++) { /* a tree can be used again */
    for (PetscInt64 u = 0; u < part.n_units_local; u++) {
      PetscReal *block;

      PetscCall(TesTreeLeaf(tree, &block));
      block[0] = (PetscReal)(part.first_unit + u + 1);
      block[1] = 10;
      PetscCall(TesTreePush(tree));
    }
    PetscCall(TesTreeFinish(tree, result));
    TES_CHECK_NEAR(result[0], 123456789, 0);
  }
  PetscCall(TesTreeDestroy(&tree));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MaximumLetsNaNWin(void)
{
  int       rank, size;
  PetscReal max;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  PetscCall(TesMaxAll(PETSC_COMM_WORLD, rank, &max));
  TES_CHECK_NEAR(max, size - 1, 0);
  PetscCall(TesMaxAll(PETSC_COMM_WORLD, rank == size / 2 ? NAN : 1, &max));
  TES_CHECK(isnan(max));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a caller that combines whole subtrees itself gets the bits of the one that pushes leaves */
static PetscErrorCode SubtreesMadeByTheCallerAreTheSameTree(void)
{
  PetscFunctionBegin;
  for (PetscInt64 n = 1; n <= 41; n += 4)
    for (PetscInt most = 0; most <= 3; most++) {
      TesPartition part;
      TesTree      tree;
      PetscReal    x[41], sum, want, *block;
      PetscInt     levels, largest = 0;

      PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, n, 1, &part));
      for (PetscInt64 i = 0; i < n; i++) x[i] = Value(i);
      PetscCall(TesSumOrdered(PETSC_COMM_WORLD, &part, x + part.first, &want));
      PetscCall(TesTreeCreate(PETSC_COMM_WORLD, &part, 1, NULL, NULL, &tree));
      for (PetscInt64 i = part.first; i < part.first + part.n_local; i += (PetscInt64)1 << levels) {
        PetscCall(TesTreeLevels(tree, most, &levels));
        largest = PetscMax(largest, levels);
        TES_CHECK(levels <= most && i % ((PetscInt64)1 << levels) == 0 && i + ((PetscInt64)1 << levels) <= part.first + part.n_local);
        PetscCall(TesTreeNode(tree, levels, &block));
        *block = Walk(x, i + ((PetscInt64)1 << levels), i, (PetscInt64)1 << levels);
        PetscCall(TesTreePush(tree));
      }
      PetscCall(TesTreeFinish(tree, &sum));
      PetscCall(TesTreeDestroy(&tree));
      TES_CHECK(!memcmp(&sum, &want, sizeof sum));
      if (part.size == 1 && n >= 8) TES_CHECK(largest == most);
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {TES_TEST(SumIsTheFixedTreeForEveryRankCount), TES_TEST(WideSumsAreTheSameTree), TES_TEST(DotOfAlternatingOnesIsExact),
                                TES_TEST(TreeKeepsTheOrderOfItsLeaves), TES_TEST(SubtreesMadeByTheCallerAreTheSameTree), TES_TEST(MaximumLetsNaNWin), TES_TESTS_END};
TES_TEST_MAIN(tests)
