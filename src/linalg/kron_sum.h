#pragma once
/* Inside of TesKronSum, shared by its two ways of solving: eigenvectors (kron_sum.c) and real Schur form (kron_schur.c). */
#include <tessera/linalg.h>

struct _p_TesKronSum {
  PetscInt   dim, r[3]; /* sizes; 1 beyond dim */
  PetscInt64 total;     /* unknowns */
  PetscReal  shift;
  PetscReal *a[3];          /* [r][r] the matrices */
  PetscReal *wr[3], *wi[3]; /* [r] eigenvalues; the members of a pair are neighbours, Im > 0 first */
  PetscReal *v[3], *vi[3];  /* [r][r] eigenvectors (pairs as real and imaginary column) and the inverse; Schur: Q and Q' */
  PetscReal *t[3];          /* [r][r] column-major quasi-triangular Schur factor; NULL when eigenvectors are used */
  PetscReal  cond, smallest, largest;
  PetscBool  schur, extremes_known;
  PetscBool  deflate; /* leave the mode `dropped_mode` out */
  PetscInt64 dropped_mode;
  PetscReal  dropped; /* what it would have taken of the last right-hand side, relative */
  PetscReal *work[3]; /* [total] */
};

PetscErrorCode TesKronSchurSetUp(TesKronSum k);
/* y <- solution of (T_0 + T_1 + shift) y = y in Schur coordinates; dimensions 1 and 2 */
PetscErrorCode TesKronSchurSolve(TesKronSum k, PetscReal *y);
