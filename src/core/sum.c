/* Sums that do not depend on the number of ranks.

   Over the units 0..U-1 stands one binary tree: node (level, i) covers the units i 2^level .. (i+1) 2^level - 1; a node whose right child lies beyond U is its
   left child. Each rank feeds its contiguous leaves to a stack and combines the two topmost nodes while they are siblings, which leaves the
   O(log U) maximal subtrees that it owns whole. The stacks are then joined in rank order, by a binary tree of messages (or, for wide sums, by slices), and combined
   by the same rule. What is combined with what is fixed by U alone, so the bits are too. */
#include <string.h>
#include <tessera/sum.h>

#define WIDE      4096 /* reals of a block from which a sum is joined by slices */
#define MAX_NODES 160 /* a contiguous range decomposes into at most 2 x 63 subtrees; joining adds one stack more before it combines */

typedef struct {
  PetscInt64 level, index;
} Node;

struct _p_TesTree {
  MPI_Comm       comm;
  TesPartition   part;
  PetscInt       width;
  TesTreeCombine combine;
  void          *ctx;
  PetscInt64     next;   /* global number of the next leaf */
  PetscInt       levels; /* of the node in the block that was given out last */
  PetscInt       depth, room;
  Node           node[MAX_NODES];
  PetscReal    **block; /* [room] of [width] */
};

static PetscErrorCode AddBlocks(PetscInt width, PetscReal *left, const PetscReal *right, void *ctx)
{
  (void)ctx;
  for (PetscInt i = 0; i < width; i++) left[i] += right[i];
  return PETSC_SUCCESS;
}

PetscErrorCode TesTreeCreate(MPI_Comm comm, const TesPartition *part, PetscInt width, TesTreeCombine combine, void *ctx, TesTree *tree)
{
  TesTree t;

  PetscFunctionBegin;
  PetscCall(PetscNew(&t));
  t->comm    = comm;
  t->part    = *part;
  t->width   = width;
  t->combine = combine ? combine : AddBlocks;
  t->ctx     = ctx;
  t->next    = part->first_unit;
  PetscCall(PetscCalloc1(MAX_NODES, &t->block));
  *tree = t;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTreeDestroy(TesTree *tree)
{
  PetscFunctionBegin;
  if (!*tree) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt i = 0; i < (*tree)->room; i++) PetscCall(PetscFree((*tree)->block[i]));
  PetscCall(PetscFree((*tree)->block));
  PetscCall(PetscFree(*tree));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the block on top of the stack that is not in use */
static PetscErrorCode FreeBlock(TesTree t, PetscReal **block)
{
  PetscFunctionBegin;
  PetscCheck(t->depth < MAX_NODES, PETSC_COMM_SELF, PETSC_ERR_PLIB, "tree of more than 2^63 leaves");
  if (t->depth == t->room) {
    PetscCall(PetscMalloc1(PetscMax(t->width, 1), &t->block[t->room]));
    t->room++;
  }
  *block = t->block[t->depth];
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the free block has been filled: it is node `node`; combine siblings */
static PetscErrorCode PushNode(TesTree t, Node node)
{
  PetscFunctionBegin;
  t->node[t->depth++] = node;
  while (t->depth >= 2) {
    Node *left = &t->node[t->depth - 2], *right = &t->node[t->depth - 1];

    if (left->level != right->level || left->index % 2 || right->index != left->index + 1) break;
    PetscCall(t->combine(t->width, t->block[t->depth - 2], t->block[t->depth - 1], t->ctx));
    left->level += 1;
    left->index /= 2;
    t->depth--;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTreeLevels(TesTree tree, PetscInt most, PetscInt *levels)
{
  PetscInt64 left = tree->part.first_unit + tree->part.n_units_local - tree->next;

  PetscFunctionBegin;
  *levels = 0;
  while (*levels < most && tree->next % ((PetscInt64)2 << *levels) == 0 && left >= (PetscInt64)2 << *levels) (*levels)++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTreeNode(TesTree tree, PetscInt levels, PetscReal **block)
{
  const PetscInt64 leaves = (PetscInt64)1 << levels;

  PetscFunctionBegin;
  PetscCheck(tree->next + leaves <= tree->part.first_unit + tree->part.n_units_local, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "more leaves than units of this rank");
  PetscCheck(tree->next % leaves == 0, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "leaf %" PetscInt64_FMT " begins no subtree of %" PetscInt64_FMT, tree->next, leaves);
  PetscCall(FreeBlock(tree, block));
  tree->levels = levels;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTreeLeaf(TesTree tree, PetscReal **block)
{
  PetscFunctionBegin;
  PetscCall(TesTreeNode(tree, 0, block));
  PetscCall(PetscArrayzero(*block, tree->width));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTreePush(TesTree tree)
{
  PetscFunctionBegin;
  PetscCall(PushNode(tree, (Node){tree->levels, tree->next >> tree->levels}));
  tree->next += (PetscInt64)1 << tree->levels;
  tree->levels = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* what remains at the very end lacks right siblings: fold from the right */
static PetscErrorCode Fold(TesTree t, PetscReal *result)
{
  PetscFunctionBegin;
  while (t->depth >= 2) {
    PetscCall(t->combine(t->width, t->block[t->depth - 2], t->block[t->depth - 1], t->ctx));
    t->depth--;
  }
  if (t->depth) PetscCall(PetscArraycpy(result, t->block[0], t->width));
  else PetscCall(PetscArrayzero(result, t->width));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SendStack(TesTree t, int to)
{
  int depth = (int)t->depth;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Send(&depth, 1, MPI_INT, to, 1, t->comm));
  PetscCallMPI(MPI_Send(t->node, 2 * depth, MPIU_INT64, to, 2, t->comm));
  for (int i = 0; i < depth; i++) PetscCallMPI(MPI_Send(t->block[i], (int)t->width, MPIU_REAL, to, 3, t->comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode JoinStack(TesTree t, int from)
{
  Node node[MAX_NODES];
  int  depth;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Recv(&depth, 1, MPI_INT, from, 1, t->comm, MPI_STATUS_IGNORE));
  PetscCallMPI(MPI_Recv(node, 2 * depth, MPIU_INT64, from, 2, t->comm, MPI_STATUS_IGNORE));
  for (int i = 0; i < depth; i++) {
    PetscReal *block;

    PetscCall(FreeBlock(t, &block));
    PetscCallMPI(MPI_Recv(block, (int)t->width, MPIU_REAL, from, 3, t->comm, MPI_STATUS_IGNORE));
    PetscCall(PushNode(t, node[i]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The stacks meet on rank 0, whole: for narrow blocks, and for combinations that need all of a block. */
static PetscErrorCode FinishWhole(TesTree t, PetscReal *result)
{
  const int rank = t->part.rank, size = t->part.size;

  PetscFunctionBegin;
  for (int step = 1; step < size; step *= 2) {
    if (rank % (2 * step)) {
      PetscCall(SendStack(t, rank - step));
      break;
    }
    if (rank + step < size) PetscCall(JoinStack(t, rank + step));
  }
  if (!rank) PetscCall(Fold(t, result));
  if (size > 1) PetscCallMPI(MPI_Bcast(result, (int)t->width, MPIU_REAL, 0, t->comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Elementwise sums of wide blocks: rank s joins the stacks of all ranks in its slice of the columns, and the slices are gathered. A rank sends
   (depth + 1) width reals, whatever the number of ranks. Element by element the tree is the same. */
static PetscErrorCode FinishSliced(TesTree t, PetscReal *result)
{
  const int         rank = t->part.rank, size = t->part.size, depth = (int)t->depth;
  int              *depths, *count, *first, *n_out, *n_in, *at_in, deepest = 0;
  Node            (*nodes)[MAX_NODES];
  PetscReal        *in;
  struct _p_TesTree slice = *t;

  PetscFunctionBegin;
  PetscCall(PetscMalloc6(size, &depths, size, &count, size, &first, size, &n_out, size, &n_in, size, &at_in));
  PetscCallMPI(MPI_Allgather(&depth, 1, MPI_INT, depths, 1, MPI_INT, t->comm));
  for (int p = 0; p < size; p++) {
    first[p] = (int)((PetscInt64)t->width * p / size);
    count[p] = (int)((PetscInt64)t->width * (p + 1) / size) - first[p];
    deepest  = PetscMax(deepest, depths[p]);
  }
  slice.width = count[rank];
  slice.depth = slice.room = 0;
  PetscCall(PetscCalloc1(MAX_NODES, &slice.block));
  PetscCall(PetscMalloc1(size, &nodes));
  PetscCallMPI(MPI_Allgather(t->node, 2 * MAX_NODES, MPIU_INT64, nodes, 2 * MAX_NODES, MPIU_INT64, t->comm));
  PetscCall(PetscMalloc1((size_t)deepest * (size_t)size * (size_t)PetscMax(slice.width, 1), &in));
  for (int p = 0; p < size; p++) at_in[p] = p * (int)slice.width;
  for (int k = 0; k < deepest; k++) { /* the k-th nodes of all stacks */
    for (int p = 0; p < size; p++) {
      n_out[p] = k < depth ? count[p] : 0;
      n_in[p]  = k < depths[p] ? (int)slice.width : 0;
    }
    PetscCallMPI(MPI_Alltoallv(k < depth ? t->block[k] : NULL, n_out, first, MPIU_REAL, in + (size_t)k * (size_t)size * (size_t)slice.width, n_in, at_in, MPIU_REAL, t->comm));
  }
  for (int p = 0; p < size; p++) {
    for (int k = 0; k < depths[p]; k++) {
      PetscReal *block;

      PetscCall(FreeBlock(&slice, &block));
      PetscCall(PetscArraycpy(block, in + ((size_t)k * (size_t)size + (size_t)p) * (size_t)slice.width, slice.width));
      PetscCall(PushNode(&slice, nodes[p][k]));
    }
  }
  PetscCall(Fold(&slice, result + first[rank]));
  PetscCallMPI(MPI_Allgatherv(MPI_IN_PLACE, 0, MPIU_REAL, result, count, first, MPIU_REAL, t->comm));
  for (PetscInt i = 0; i < slice.room; i++) PetscCall(PetscFree(slice.block[i]));
  PetscCall(PetscFree(slice.block));
  PetscCall(PetscFree(nodes));
  PetscCall(PetscFree(in));
  PetscCall(PetscFree6(depths, count, first, n_out, n_in, at_in));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTreeFinish(TesTree tree, PetscReal *result)
{
  PetscFunctionBegin;
  PetscCheck(tree->next == tree->part.first_unit + tree->part.n_units_local, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "fewer leaves than units of this rank");
  if (tree->part.size > 1 && tree->combine == AddBlocks && tree->width >= WIDE) PetscCall(FinishSliced(tree, result));
  else PetscCall(FinishWhole(tree, result));
  tree->depth = 0;
  tree->next  = tree->part.first_unit;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscReal TesSumPairwise(PetscInt64 n, const PetscReal *x)
{
  PetscReal sum = 0;

  if (n > 32) {
    PetscInt64 half = n / 2;
    return TesSumPairwise(half, x) + TesSumPairwise(n - half, x + half);
  }
  for (PetscInt64 i = 0; i < n; i++) sum += x[i];
  return sum;
}

static PetscReal DotPairwise(PetscInt64 n, const PetscReal *x, const PetscReal *y)
{
  PetscReal sum = 0;

  if (n > 32) {
    PetscInt64 half = n / 2;
    return DotPairwise(half, x, y) + DotPairwise(n - half, x + half, y + half);
  }
  for (PetscInt64 i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

static PetscErrorCode SumUnits(MPI_Comm comm, const TesPartition *part, const PetscReal *x, const PetscReal *y, PetscReal *sum)
{
  TesTree tree;

  PetscFunctionBegin;
  PetscCall(TesTreeCreate(comm, part, 1, NULL, NULL, &tree));
  for (PetscInt64 u = 0, at = 0; u < part->n_units_local; u++) {
    PetscInt64 n = PetscMin(part->unit, part->n_local - at);
    PetscReal *leaf;

    PetscCall(TesTreeLeaf(tree, &leaf));
    *leaf = y ? DotPairwise(n, x + at, y + at) : TesSumPairwise(n, x + at);
    PetscCall(TesTreePush(tree));
    at += n;
  }
  PetscCall(TesTreeFinish(tree, sum));
  PetscCall(TesTreeDestroy(&tree));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSumOrdered(MPI_Comm comm, const TesPartition *part, const PetscReal *x, PetscReal *sum)
{
  PetscFunctionBegin;
  PetscCall(SumUnits(comm, part, x, NULL, sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDotOrdered(MPI_Comm comm, const TesPartition *part, const PetscReal *x, const PetscReal *y, PetscReal *sum)
{
  PetscFunctionBegin;
  PetscCall(SumUnits(comm, part, x, y, sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesMaxAll(MPI_Comm comm, PetscReal local, PetscReal *max)
{
  PetscReal in[2] = {PetscIsNanReal(local) ? 1 : 0, PetscIsNanReal(local) ? 0 : local}, out[2];

  PetscFunctionBegin;
  PetscCallMPI(MPI_Allreduce(in, out, 2, MPIU_REAL, MPI_MAX, comm));
  *max = out[0] > 0 ? NAN : out[1];
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSumOrderedUnits(MPI_Comm comm, const TesPartition *part, PetscInt width, const PetscReal *leaf, PetscReal *sum)
{
  TesTree tree;

  PetscFunctionBegin;
  PetscCall(TesTreeCreate(comm, part, width, NULL, NULL, &tree));
  for (PetscInt64 u = 0; u < part->n_units_local; u++) {
    PetscReal *block;

    PetscCall(TesTreeLeaf(tree, &block));
    PetscCall(PetscArraycpy(block, leaf + u * width, width));
    PetscCall(TesTreePush(tree));
  }
  PetscCall(TesTreeFinish(tree, sum));
  PetscCall(TesTreeDestroy(&tree));
  PetscFunctionReturn(PETSC_SUCCESS);
}
