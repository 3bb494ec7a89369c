#pragma once
/* lindblad, private: one quantum trajectory (Monte Carlo wave function). */
#include "ket.h"

typedef struct _p_LbTrajectory *LbTrajectory;

typedef PetscErrorCode (*LbTrajectoryObserve)(void *ctx, PetscInt output, const LbKet *psi, PetscReal norm2); /* psi is not normalised */

typedef struct {
  PetscInt   n_outputs;
  PetscReal  start, every, end; /* outputs at start + k every, the last one at end */
  PetscInt64 seed;
} LbTrajectoryTimes;

PetscReal LbOutputTime(const LbTrajectoryTimes *times, PetscInt k);

/*@
  LbTrajectoryCreate - work space, operators and the initial state

  Not Collective

  Input Parameters:
+ model    - the model
. psi      - [n] the initial state, copied
- deck     - kind dp5 (default) or strang; rtol; step (strang: 0 chosen by a Richardson check for an error of 1e-4)

  Output Parameter:
. problem - [256] "" or why this model cannot be treated so

  LbTrajectoryNoJump - evolve without jumps: norms at the outputs. LbTrajectoryRun - trajectory `id`; the first waiting time is drawn from (floor, 1) so that with floor = the final no-jump
  norm at least one jump happens; jumps: how many. Times of jumps to |d ln norm| < 1e-8 (dp5)
@*/
PetscErrorCode LbTrajectoryCreate(LbModel *model, const LbKet *psi, const LbIntegratorDeck *deck, const LbTrajectoryTimes *times, char problem[256], LbTrajectory *t);
PetscErrorCode LbTrajectoryNoJump(LbTrajectory t, LbTrajectoryObserve observe, void *ctx, PetscReal norm2[]);
PetscErrorCode LbTrajectoryRun(LbTrajectory t, PetscInt64 id, PetscReal floor, LbTrajectoryObserve observe, void *ctx, PetscInt64 *jumps);
PetscErrorCode LbTrajectoryDestroy(LbTrajectory *t);
PetscInt64     LbTrajectoryCount(LbTrajectory t); /* applications of H_eff, or strang steps, so far */
PetscReal      LbTrajectoryStep(LbTrajectory t);  /* strang: the step */
PetscReal      LbTrajectoryError(LbTrajectory t); /* strang: the error found by the Richardson check, over unit time */
