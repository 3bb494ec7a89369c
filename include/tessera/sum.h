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
- leaf  - [part->n_units_local][width] contribution of each local unit; overwritten (scratch)

  Output Parameter:
. sum   - [width] the sum over all units, the same bits on every rank and for every rank count

  Note: for wide vectors the tree is finished in slices, one slice of the width per rank, and the slices are gathered.
@*/
PetscErrorCode TesSumOrderedUnits(MPI_Comm comm, const TesPartition *part, PetscInt width, PetscReal *leaf, PetscReal *sum);

/*@
  TesReduceTree - combine one block of data per unit in the fixed binary tree with an operation of the caller (TSQR, for example)

  Collective

  Input Parameters:
+ comm    - the communicator
. part    - the partition
. width   - reals per block
. leaf    - [part->n_units_local][width] one block per local unit; overwritten
. combine - left <- combine(left, right): not commutative, must be deterministic; both have `width` reals
- ctx     - passed to combine

  Output Parameter:
. result  - [width] the combination of all units, the same on every rank (zeros if there is no unit)

  Note: subtrees travel to rank 0's place in the tree and the result is broadcast; each rank holds O(log units) blocks.
@*/
PetscErrorCode TesReduceTree(MPI_Comm comm, const TesPartition *part, PetscInt width, PetscReal *leaf,
                             PetscErrorCode (*combine)(PetscInt width, PetscReal *left, const PetscReal *right, void *ctx), void *ctx,
                             PetscReal *result);

/*@
  TesSumPairwise - pairwise sum of n contiguous numbers, fixed order, error O(log n eps)

  Not Collective
@*/
PetscReal TesSumPairwise(PetscInt64 n, const PetscReal *x);
