/* Trajectories over groups of ranks, and their statistics.

   A group shares the state vectors of one trajectory at a time. The trajectories of a block are split over the groups in contiguous parts; counts, means and squared distances join in the fixed
   tree over trajectories (Chan, Golub, LeVeque 1983):
     n = a + b,  m = m_a + d b / n,  S = S_a + S_b + d^2 a b / n,  d = m_b - m_a,
   so neither the number of groups nor that of members changes a bit. */
#include <math.h>
#include "traj_groups.h"

PetscErrorCode LbGroupsCreate(MPI_Comm world, int members, PetscBool across, LbGroups *g)
{
  MPI_Comm node;
  int      here, group, place, rank;

  PetscFunctionBegin;
  g->world = world;
  g->roots = MPI_COMM_NULL;
  PetscCallMPI(MPI_Comm_rank(world, &rank));
  if (across) PetscCallMPI(MPI_Comm_dup(world, &node));
  else PetscCallMPI(MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node));
  PetscCallMPI(MPI_Comm_size(node, &here));
  PetscCall(TesCommSplitGroups(node, PetscMax(1, here / PetscMax(members, 1)), &group, &g->group, NULL));
  PetscCallMPI(MPI_Comm_free(&node));
  PetscCallMPI(MPI_Comm_rank(g->group, &place));
  PetscCallMPI(MPI_Comm_split(world, place ? MPI_UNDEFINED : 0, rank, &g->roots));
  g->n_groups = place ? 0 : 1;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &g->n_groups, 1, MPI_INT, MPI_SUM, world));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbGroupsDestroy(LbGroups *g)
{
  PetscFunctionBegin;
  if (!g->n_groups) PetscFunctionReturn(PETSC_SUCCESS);
  if (g->roots != MPI_COMM_NULL) PetscCallMPI(MPI_Comm_free(&g->roots));
  PetscCallMPI(MPI_Comm_free(&g->group));
  g->n_groups = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbMomentsCreate(PetscInt n, LbMoments *m)
{
  PetscFunctionBegin;
  m->n = n;
  PetscCall(PetscCalloc1(1 + 2 * n, &m->data));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbMomentsDestroy(LbMoments *m)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(m->data));
  m->n = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Combine(PetscInt width, PetscReal *left, const PetscReal *right, void *ctx)
{
  const PetscInt  n = (width - 1) / 2;
  const PetscReal a = left[0], b = right[0];

  (void)ctx;
  if (b == 0) return PETSC_SUCCESS;
  left[0] = a + b;
  for (PetscInt k = 1; k <= n; k++) {
    const PetscReal d = right[k] - left[k];

    left[k] += d * b / (a + b);
    left[n + k] += right[n + k] + d * d * a * b / (a + b);
  }
  return PETSC_SUCCESS;
}

void LbMomentsJoin(LbMoments *left, const LbMoments *right)
{
  (void)Combine(1 + 2 * left->n, left->data, right->data, NULL);
}

PetscReal LbMomentsMean(const LbMoments *m, PetscInt k)
{
  return m->data[1 + k];
}

PetscReal LbMomentsError(const LbMoments *m, PetscInt k)
{
  const PetscReal n = m->data[0];

  return n < 2 ? 0 : PetscSqrtReal(m->data[1 + m->n + k] / (n - 1) / n);
}

/* the trajectories of this group */
static PetscErrorCode SampleMine(const LbGroups *g, const TesPartition *part, PetscInt64 first, PetscErrorCode (*sample)(PetscInt64, PetscReal[], void *), void *ctx, PetscInt n, TesTree tree)
{
  PetscReal *row;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(n, &row));
  for (PetscInt64 k = part->first; k < part->first + part->n_local; k++) {
    PetscReal *leaf;

    PetscCall(sample(first + k, row, ctx));
    if (g->roots == MPI_COMM_NULL) continue;
    PetscCall(TesTreeLeaf(tree, &leaf));
    leaf[0] = 1;
    PetscCall(PetscArraycpy(leaf + 1, row, n));
    PetscCall(TesTreePush(tree));
  }
  PetscCall(PetscFree(row));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbSampleBlock(const LbGroups *g, PetscInt64 first, PetscInt64 n, PetscErrorCode (*sample)(PetscInt64, PetscReal[], void *), void *ctx, LbMoments *m)
{
  TesPartition part;
  TesTree      tree = NULL;
  const int    width = 1 + 2 * m->n;

  PetscFunctionBegin;
  if (g->roots != MPI_COMM_NULL) {
    PetscCall(TesPartitionCreate(g->roots, n, 1, &part));
    PetscCall(TesTreeCreate(g->roots, &part, width, Combine, NULL, &tree));
  }
  PetscCallMPI(MPI_Bcast(&part, (int)sizeof part, MPI_BYTE, 0, g->group));
  PetscCall(TesAgree(g->world, SampleMine(g, &part, first, sample, ctx, m->n, tree)));
  if (tree) PetscCall(TesTreeFinish(tree, m->data));
  PetscCallMPI(MPI_Bcast(m->data, width, MPIU_REAL, 0, g->group));
  PetscCall(TesTreeDestroy(&tree));
  PetscFunctionReturn(PETSC_SUCCESS);
}
