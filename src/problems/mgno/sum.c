/* The gradient of a batch from the leaves of the networks (net.h): one per work unit and block of the grid, and one per unit for the levels that are not cut.

     exact, fast   every leaf goes to the reducer of the tensor room
     blocks        for each block a fixed binary tree over the units, across the groups; then the blocks in their order, the uncut levels last. The leaf of the uncut levels lies on one member of a
                   group: a sum over the members, which adds zeros, gives it to all
   Whole grids in one block: `blocks` is the tree over the units alone. */
#include "model.h"

struct _MgnoSum {
  Mgno         *m;
  MPI_Comm      comm;
  TesReduceKind kind;
  PetscInt64    n;       /* of a packed gradient */
  PetscInt      leaves;  /* per unit on this rank */
  TesReducer    reducer; /* exact, fast */
  TesTree       tree;    /* blocks */
  PetscReal    *all;     /* blocks: [blocks + 1][n] */
};

PetscErrorCode MgnoSumCreate(TesProblem problem, MgnoNet net, MgnoSum *sum)
{
  Mgno   *m = TesProblemCtx(problem);
  MgnoSum s;
  TesType type;

  PetscFunctionBegin;
  PetscCall(PetscNew(&s));
  *sum      = s;
  s->m      = m;
  s->comm   = TesProblemComm(problem);
  s->kind   = (TesReduceKind)m->parallel.reduce;
  s->leaves = MgnoNetLeaves(net);
  (void)MgnoNetGradient(net, &type, &s->n);
  if (s->kind != TES_REDUCE_BLOCKS) {
    PetscInt64 *first;

    /* blocks of the reducer are the tensors as they lie in the packed gradient */
    PetscCall(PetscMalloc1(m->plan->n_tensors + 1, &first));
    PetscCall(PetscArraycpy(first, MgnoNetOffsets(net), m->plan->n_tensors + 1));
    PetscCall(TesReducerCreate(s->comm, s->kind, m->plan->n_tensors, first, &s->reducer));
    PetscCall(PetscFree(first));
  } else {
    PetscCall(PetscMalloc1(s->n * (m->plan->n_blocks + 1), &s->all));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoSumDestroy(MgnoSum *sum)
{
  PetscFunctionBegin;
  if (!*sum) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesReducerDestroy(&(*sum)->reducer));
  PetscCall(TesTreeDestroy(&(*sum)->tree));
  PetscCall(PetscFree((*sum)->all));
  PetscCall(PetscFree(*sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoSumBegin(MgnoSum s, const MgnoWork *work)
{
  const MgnoRanks *r = &s->m->ranks;
  TesPartition     units;
  PetscInt         width;

  PetscFunctionBegin;
  if (s->reducer) {
    PetscCall(TesReducerBegin(s->reducer, NULL));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesTreeDestroy(&s->tree));
  if (r->members > 1 && r->idle) PetscFunctionReturn(PETSC_SUCCESS);
  if (r->members > 1) PetscCall(TesPartitionCreateFor(r->number, r->groups, (work->n + work->unit - 1) / work->unit, 1, &units));
  else PetscCall(TesPartitionCreate(s->comm, (work->n + work->unit - 1) / work->unit, 1, &units));
  PetscCall(PetscIntCast(s->n * s->leaves, &width));
  PetscCall(TesTreeCreate(r->members > 1 ? r->peers : s->comm, &units, width, NULL, NULL, &s->tree));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a leaf added to `to`; with: the tensors to look at */
static void Widen(MgnoNet net, TesType type, const void *from, const PetscBool with[], PetscInt n_tensors, PetscReal *to)
{
  const PetscInt64 *first = MgnoNetOffsets(net);

  for (PetscInt t = 0; t < n_tensors; t++) {
    if (with && !with[t]) continue;
    for (PetscInt64 i = first[t]; i < first[t + 1]; i++) to[i] += type == TES_F32 ? (PetscReal)((const float *)from)[i] : ((const PetscReal *)from)[i];
  }
}

/* collective on the group */
PetscErrorCode MgnoSumRound(MgnoSum s, MgnoNet net, PetscInt64 units)
{
  const MgnoRanks *r = &s->m->ranks;
  PetscInt64       n;
  TesType          type;

  PetscFunctionBegin;
  (void)MgnoNetGradient(net, &type, &n);
  for (PetscInt64 u = 0; u < units; u++) {
    PetscReal *leaf;

    if (s->reducer) {
      for (PetscInt k = 0; k < s->leaves; k++) PetscCall(TesReducerAddSome(s->reducer, type, MgnoNetLeaf(net, (PetscInt)u, k), MgnoNetLeafTensors(net, (PetscInt)u, k)));
      continue;
    }
    PetscCall(TesTreeLeaf(s->tree, &leaf));
    for (PetscInt k = 0; k < s->leaves; k++) Widen(net, type, MgnoNetLeaf(net, (PetscInt)u, k), MgnoNetLeafTensors(net, (PetscInt)u, k), s->m->plan->n_tensors, leaf + k * n);
    if (r->members > 1) PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, leaf + (s->leaves - 1) * n, (PetscMPIInt)n, MPIU_REAL, MPI_SUM, r->group)); /* one contribution: exact */
    PetscCall(TesTreePush(s->tree));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* collective on all */
PetscErrorCode MgnoSumFinish(MgnoSum s, MgnoNet net, PetscReal *packed)
{
  const MgnoRanks *r = &s->m->ranks;
  const PetscInt64 n = s->n;

  PetscFunctionBegin;
  if (s->reducer) {
    PetscCall(TesReducerFinish(s->reducer, packed));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (s->tree) {
    const PetscInt blocks = s->m->plan->n_blocks;
    PetscReal     *sums   = s->all;

    PetscCall(PetscArrayzero(s->all, n * (blocks + 1)));
    if (r->members > 1) PetscCall(PetscMalloc1(n * s->leaves, &sums));
    PetscCall(TesTreeFinish(s->tree, sums));
    if (r->members > 1) {
      for (PetscInt k = 0; k + 1 < s->leaves; k++) PetscCall(PetscArraycpy(s->all + MgnoNetBlock(net, k) * n, sums + k * n, n));
      PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, s->all, (PetscMPIInt)(n * blocks), MPIU_REAL, MPI_SUM, r->group)); /* one contribution each: exact */
      PetscCall(PetscArraycpy(s->all + blocks * n, sums + (s->leaves - 1) * n, n));
      PetscCall(PetscFree(sums));
    }
    PetscCall(PetscArraycpy(packed, s->all, n));
    for (PetscInt k = 1; k < blocks + 1 && blocks > 1; k++)
      for (PetscInt64 i = 0; i < n; i++) packed[i] += s->all[k * n + i];
  }
  if (r->members > 1 && r->used < r->size) PetscCallMPI(MPI_Bcast(packed, (PetscMPIInt)n, MPIU_REAL, 0, s->comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}
