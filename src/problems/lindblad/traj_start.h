#pragma once
/* lindblad, private: mixed initial states of trajectories as ensembles of pure ones (traj_start.c). */
#include "lindblad.h"
#include "traj.h"

#define LB_MIXTURE 1024 /* dimension of the state space at most: eigenvectors are found densely, by every rank */

/*@
  LbMixtureThermal    - eigenvectors of H at a time with probabilities exp(-beta E) / Z
  LbMixtureCheckpoint - eigenvectors of the density matrix of a checkpoint, its eigenvalues as probabilities; a matrix that is not positive ends the run
  LbMixtureDraw       - the eigenvector of a uniform number u, as [n] amplitudes

  Not Collective: every rank finds the same
@*/
PetscErrorCode LbMixtureThermal(const LbModel *model, PetscReal beta, PetscReal t, LbMixture *mixture);
PetscErrorCode LbMixtureCheckpoint(TesProblem problem, Lindblad *c, LbMixture *mixture);
void           LbMixtureDraw(const LbMixture *mixture, PetscReal u, const double **re, const double **im);
PetscErrorCode LbMixtureDestroy(LbMixture *mixture);
