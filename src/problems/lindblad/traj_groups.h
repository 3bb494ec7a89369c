#pragma once
/* lindblad, private: which ranks share a state vector and who computes which trajectories (traj_groups.c); statistics over trajectories. */
#include "traj.h"

typedef struct {
  MPI_Comm world, group, roots; /* roots: the first rank of each group, MPI_COMM_NULL on the others */
  int      n_groups;
} LbGroups;

/*@
  LbGroupsCreate - groups of about `members` neighbouring ranks, each on one node unless across is set. Collective on world
@*/
PetscErrorCode LbGroupsCreate(MPI_Comm world, int members, PetscBool across, LbGroups *groups);
PetscErrorCode LbGroupsDestroy(LbGroups *groups);

/* sums over trajectories: count, means and sums of squared distances from the mean of n quantities */
typedef struct {
  PetscInt   n;
  PetscReal *data; /* [1 + 2 n]: count, mean, squares */
} LbMoments;

PetscErrorCode LbMomentsCreate(PetscInt n, LbMoments *moments);
PetscErrorCode LbMomentsDestroy(LbMoments *moments);
void           LbMomentsJoin(LbMoments *left, const LbMoments *right); /* left <- both; the order matters for the last bits */
PetscReal      LbMomentsMean(const LbMoments *moments, PetscInt k);
PetscReal      LbMomentsError(const LbMoments *moments, PetscInt k); /* standard error of the mean; 0 for fewer than two */

/*@
  LbSampleBlock - moments over the trajectories first .. first + n - 1, the same bits on any rank count

  Collective on the world

  Input Parameters:
+ groups - who works
. sample - fills row [moments->n] for a trajectory; called by all members of one group. An error ends the block on all ranks
- ctx    - for sample
@*/
PetscErrorCode LbSampleBlock(const LbGroups *groups, PetscInt64 first, PetscInt64 n, PetscErrorCode (*sample)(PetscInt64 id, PetscReal row[], void *ctx), void *ctx, LbMoments *moments);
