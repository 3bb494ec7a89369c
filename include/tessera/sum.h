#pragma once
/* Sums whose bits do not depend on the number of ranks. A fixed binary tree stands over the units of a partition; each rank combines the
   whole subtrees that it owns and only those travel, so the traffic grows with the logarithm of the number of units. */
#include <tessera/partition.h>

#define TES_SUM_BLOCK 4096 /* items of a leaf where the caller has no unit of its own: a good `unit` for long plain arrays */

/*@
  TesSumOrdered - sum a distributed array so that the result does not depend on the number of ranks

  Collective

  Input Parameters:
+ comm  - the communicator
. part  - how the items are split; the same n and unit for every rank count
- x     - [part->n_local] the values of this rank

  Output Parameter:
. sum   - the sum, the same bits on every rank and for every rank count

  Note: adds inside a unit in a fixed order (pairwise), then over the units in a fixed binary tree.
  TesDotOrdered sums x[i] y[i] in the same order. TesMaxAll is the plain maximum (independent of order by nature; NaN wins).
@*/
PetscErrorCode TesSumOrdered(MPI_Comm comm, const TesPartition *part, const PetscReal *x, PetscReal *sum);
PetscErrorCode TesDotOrdered(MPI_Comm comm, const TesPartition *part, const PetscReal *x, const PetscReal *y, PetscReal *sum);
PetscErrorCode TesMaxAll(MPI_Comm comm, PetscReal local, PetscReal *max);

/*@
  TesSumOrderedUnits - sum vectors that belong to the units of a partition, in the fixed tree

  Collective

  Input Parameters:
+ comm  - the communicator
. part  - the partition whose units carry the vectors
. width - length of each vector
- leaf  - [part->n_units_local][width] contribution of each local unit

  Output Parameter:
. sum   - [width] the sum over all units, the same bits on every rank and for every rank count

  Note: where the leaves are too many to keep, feed a TesTree.
@*/
PetscErrorCode TesSumOrderedUnits(MPI_Comm comm, const TesPartition *part, PetscInt width, const PetscReal *leaf, PetscReal *sum);

/* ---- the tree itself, for combinations that are no plain sums and for leaves that are made one after another ---- */
typedef struct _p_TesTree *TesTree;

/* left <- combine(left, right): deterministic, need not be commutative; both have `width` reals */
typedef PetscErrorCode (*TesTreeCombine)(PetscInt width, PetscReal *left, const PetscReal *right, void *ctx);

/*@
  TesTreeCreate - a fixed binary tree over the units of a partition, fed leaf by leaf; holds O(log units) blocks

  Not Collective

  Input Parameters:
+ comm    - the communicator
. part    - the partition; every rank will push part->n_units_local leaves in order
. width   - reals per block
. combine - how two blocks become one; NULL: elementwise sum
- ctx     - passed to combine

  TesTreeLeaf   - the block [width] for the next leaf, zeroed (borrowed until TesTreePush)
  TesTreeLevels - how many levels up, `most` at most, a subtree begins at the next leaf that this rank owns whole
  TesTreeNode   - as TesTreeLeaf, for the next 2^levels leaves that the caller combines itself in the tree's own order, ((0 1) (2 3)); not zeroed. PETSC_ERR_ARG_WRONGSTATE
                  if these leaves are no subtree, or not all of this rank
  TesTreePush   - the block is complete: combine what can be combined
  TesTreeFinish - result [width], the same bits on every rank and for every rank count (zeros if there is no unit). Collective
@*/
PetscErrorCode TesTreeCreate(MPI_Comm comm, const TesPartition *part, PetscInt width, TesTreeCombine combine, void *ctx, TesTree *tree);
PetscErrorCode TesTreeLeaf(TesTree tree, PetscReal **block);
PetscErrorCode TesTreeLevels(TesTree tree, PetscInt most, PetscInt *levels);
PetscErrorCode TesTreeNode(TesTree tree, PetscInt levels, PetscReal **block);
PetscErrorCode TesTreePush(TesTree tree);
PetscErrorCode TesTreeFinish(TesTree tree, PetscReal *result);
PetscErrorCode TesTreeDestroy(TesTree *tree);

/*@
  TesSumPairwise - pairwise sum of n contiguous numbers, fixed order, error O(log n eps)

  Not Collective
@*/
PetscReal TesSumPairwise(PetscInt64 n, const PetscReal *x);
