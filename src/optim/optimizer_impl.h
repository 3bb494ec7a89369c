#pragma once
/* Shared inside the room. */
#include <tessera/optim.h>

struct _p_TesOptimizer {
  TesOptimizerOptions options;
  PetscInt64          n, steps;
  PetscReal          *first, *second, *largest; /* Adam: m, q, largest q; SGD: momentum in `first` */
  PetscReal          *mean, *average;           /* moving average as summed, and corrected for its start */
  PetscReal          *g;                        /* gradient, for Iterate */
  /* L-BFGS: history as a ring, value and gradient at the present x, and vectors of the line search */
  PetscInt   pairs, newest;
  PetscReal *s, *y; /* [history][n] */
  PetscBool  known;
  PetscReal  value;
  PetscReal *direction, *trial, *trial_g;
};

/* inner product in a fixed pairwise order */
PetscReal OptimDot(PetscInt64 n, const PetscReal *a, const PetscReal *b);

PetscErrorCode LbfgsCreate(TesOptimizer o);
PetscErrorCode LbfgsIterate(TesOptimizer o, TesObjective objective, void *ctx, PetscReal *x, PetscReal *value, PetscReal *gradient_norm, PetscBool *stalled);
PetscErrorCode LbfgsState(TesOptimizer o, TesState state);
