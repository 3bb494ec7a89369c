#pragma once
/* lindblad, private: purity and entropy of subsystems from trajectories (traj_reduced.c). */
#include "lindblad.h"
#include "traj_groups.h"

#define LB_REDUCED 32 /* dimension of a subsystem at most */

typedef struct {
  int      item;   /* observable of the deck */
  int      n;      /* dimension */
  int      kind;   /* LbObserveKind */
  int      sum;    /* first of its n (n + 1) / 2 sums of local operators: rho_ij for j <= i, row by row */
  PetscInt column; /* first of its n^2 real columns */
} LbReducedItem;

typedef struct {
  int            n, n_sums, n_columns;
  LbReducedItem *item;
  int            n_groups, n_times, width; /* jackknife: groups of blocks */
  PetscReal     *group; /* [n_groups][1 + n_times * n_columns]: count, means */
  PetscReal     *value, *error; /* [n][n_times] */
} LbReduced;

/*@
  LbReducedDimension - dimension of the subsystem of an observable that is a purity or an entropy
  LbReducedCreate    - what is to be averaged; sums and columns are numbered from those given
  LbReducedTerms     - append the sums as terms (room for LbReducedTermCount)
  LbReducedColumns   - real columns of the complex values [sums] of one time
  LbReducedAdd       - the means of a block, which belongs to a group: mean(ctx, time, column) of the columns of this object, numbered from 0
  LbReducedEvaluate  - value and standard error of each observable and time; shared: [n_times][stride] complex values of the evolution without jumps with weight p, or NULL

  Not Collective
@*/
PetscReal      LbReducedDimension(const LbModel *model, const LbObservable *observable);
PetscErrorCode LbReducedCreate(const Lindblad *c, int n_times, int first_sum, PetscInt first_column, LbReduced *reduced);
PetscErrorCode LbReducedTerms(Lindblad *c, const LbReduced *reduced, LbWaveTerm terms[]);
int            LbReducedTermCount(const LbReduced *reduced);
void           LbReducedColumns(const LbReduced *reduced, const PetscReal values[], PetscReal column[]);
void           LbReducedAdd(LbReduced *reduced, PetscInt64 group, const LbMoments *block, PetscInt stride);
PetscErrorCode LbReducedEvaluate(LbReduced *reduced, const PetscReal shared[], PetscInt stride, PetscReal p);
PetscErrorCode LbReducedDestroy(LbReduced *reduced);
