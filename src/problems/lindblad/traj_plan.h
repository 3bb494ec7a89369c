#pragma once
/* lindblad, private: what a deck means for trajectories (traj_plan.c). */
#include "lindblad.h"
#include "traj.h"

/*@
  LbTrajBlock    - trajectories of a step
  LbTrajTimes    - output times
  LbTrajIsPure   - is the initial state one pure state?
  LbTrajMotion   - how states move between jumps
  LbTrajMembers  - ranks that hold one state together, if there are `ranks` in all
  LbTrajCheck    - complain about what is not possible
  LbTrajEstimate - memory and work

  Not Collective
@*/
PetscInt            LbTrajBlock(const Lindblad *c);
PetscInt            LbTrajTimes(const Lindblad *c);
PetscBool           LbTrajIsPure(const Lindblad *c);
const LbMotionKind *LbTrajMotion(const Lindblad *c);
int                 LbTrajMembers(const Lindblad *c, int ranks);
PetscErrorCode      LbTrajCheck(TesProblem problem, Lindblad *c, PetscBool *good);
PetscErrorCode      LbTrajEstimate(TesProblem problem, Lindblad *c, TesEstimate *e);
