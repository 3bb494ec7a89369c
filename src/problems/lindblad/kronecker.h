#pragma once
/* lindblad, private: the sum of the single-site generators M = sum_m L_m, and its inverse (kronecker.c, kronecker_site.c, kronecker_kernel.c). */
#include "liouville.h"

typedef struct {
  /* in place: for every group of 4 blocks of `stride` entries, block a <- sum_b v[a][b] block b; v [4][4] complex */
  void (*mix)(int64_t groups, int64_t stride, const double *v, double *re, double *im);
  /* one block from four sources: y = sum_b v[b] x_b; v [4] complex */
  void (*mix_row)(int64_t n, const double *v, const double *const *re, const double *const *im, double *y_re, double *y_im);
} LbKroneckerKernels;

/* the generator of one site and its eigenvectors. Coordinates: codes I X Y Z (spins, all sites of dimension 2), else matrix units i d + j */
typedef struct {
  int        d, n;       /* n = d^2 */
  LbComplex *w;          /* [n] eigenvalues; w[0] = 0 */
  LbComplex *back, *to;  /* [n][n] eigenvectors as columns, and the inverse */
  LbComplex *steady;     /* [d][d] the steady state of the site alone */
} LbKroneckerSite;

/*@
  LbKroneckerSiteCreate - generator of the single-site terms of site m, diagonalised

  Not Collective

  Input Parameters:
+ model - the model
. f     - factors of time
. pauli - which coordinates
- m     - the site

  Output Parameters:
+ usable - PETSC_FALSE if the site alone has several steady states, or no well-conditioned set of eigenvectors
- site   - destroy with LbKroneckerSiteDestroy also if not usable
@*/
PetscErrorCode LbKroneckerSiteCreate(const LbModel *model, const PetscReal f[], PetscBool pauli, int m, PetscBool *usable, LbKroneckerSite *site);
PetscErrorCode LbKroneckerSiteDestroy(LbKroneckerSite *site);
