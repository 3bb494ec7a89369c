#pragma once
/* Dense kernels for product grids: mode products, fast diagonalisation, tall QR, SVD, the evidence (sparse Bayesian) solver.

   Matrices are row-major [rows][columns], leading dimension = columns, unless said. Arrays over d dimensions have x fastest: a[n_2][n_1][n_0].
   BLAS and LAPACK sizes are int. All are not collective unless said. */
#include <tessera/partition.h>

/*@
  TesGemm - C = alpha op(A) op(B) + beta C, row-major; m, n, k are the sizes of op(A) (m x k) and op(B) (k x n)
@*/
PetscErrorCode TesGemm(PetscBool ta, PetscBool tb, PetscInt m, PetscInt n, PetscInt k, PetscReal alpha, const PetscReal *a, const PetscReal *b,
                       PetscReal beta, PetscReal *c);

/*@
  TesModeProduct - apply a matrix along one dimension of an array: out[.., p, ..] = sum_i m[p][i] in[.., i, ..]

  Input Parameters:
+ dim   - dimensions of the array
. n     - [dim] sizes, x (fastest) first
. which - dimension to act on
. rows  - rows of m; the size of that dimension becomes `rows`
. m     - [rows][n[which]]
- in    - the array

  Output Parameter:
. out - the result; no overlap with in
@*/
PetscErrorCode TesModeProduct(PetscInt dim, const PetscInt64 n[], PetscInt which, PetscInt rows, const PetscReal *m, const PetscReal *in, PetscReal *out);

/*@
  TesSlabCompress - core = (M_{d-1} x ... x M_0) applied to an array whose slowest dimension is split over the ranks

  Collective

  Input Parameters:
+ comm - the communicator
. part - partition of the rows of the slowest dimension
. dim, n - the global array
. r    - [dim] rows of the matrices
. m    - [dim] matrices [r[d]][n[d]], the same on every rank
- in   - local rows

  Output Parameter:
. core - [r_{d-1}]...[r_0], the same on every rank and the same bits for every rank count (contribution of each unit, fixed tree)

  TesSlabExpand - the way back: rows of out = (M_{d-1} x ... x M_0) core with m[d] of size [n[d]][r[d]]; not collective

  Note: both work unit by unit, so the unit of part sets the speed: at least 32 rows in 2D and 8 in 3D for half of DGEMM's rate. Memory: two buffers of a unit, and
  O(log units) cores for compress.
@*/
PetscErrorCode TesSlabCompress(MPI_Comm comm, const TesPartition *part, PetscInt dim, const PetscInt64 n[], const PetscInt r[], const PetscReal *const m[],
                               const PetscReal *in, PetscReal *core);
PetscErrorCode TesSlabExpand(const TesPartition *part, PetscInt dim, const PetscInt64 n[], const PetscInt r[], const PetscReal *const m[],
                             const PetscReal *core, PetscReal *out);

/*@
  TesSVD - thin singular value decomposition A = U diag(s) V', dgesdd with dgesvd as fall-back (graded matrices defeat dgesdd now and then)

  Output Parameters (k = min(rows, columns); any of u, vt may be NULL):
+ u  - [rows][k]
. s  - [k], descending
- vt - [k][columns]
@*/
PetscErrorCode TesSVD(PetscInt rows, PetscInt columns, const PetscReal *a, PetscReal *u, PetscReal *s, PetscReal *vt);

/*@
  TesQR - thin QR, rows >= columns: q [rows][columns] (NULL if not wanted), r [columns][columns] upper triangular with diagonal >= 0
  TesNullSpace - orthonormal basis z [n][n - rows] of the null space of e [rows][n], e of full rank, rows < n
  TesLUSolve - solve a x = b for n_rhs columns (equilibrated, refined), b [n][n_rhs] overwritten; a untouched; TES_ERR_NUMBERS if singular to working precision
  TesEigen - eigenvalues and right eigenvectors of a real matrix, split in real and imaginary parts: lambda [n][2], v [n][n][2]; cond_v: 2-norm condition of v, may be NULL
@*/
PetscErrorCode TesQR(PetscInt rows, PetscInt columns, const PetscReal *a, PetscReal *q, PetscReal *r);
PetscErrorCode TesNullSpace(PetscInt rows, PetscInt n, const PetscReal *e, PetscReal *z);
PetscErrorCode TesLUSolve(PetscInt n, PetscInt n_rhs, const PetscReal *a, PetscReal *b);
PetscErrorCode TesEigen(PetscInt n, const PetscReal *a, PetscReal *lambda, PetscReal *v, PetscReal *cond_v);

/*@
  TesExpm - e = exp(a) for a small real matrix [n][n], by scaling and squaring; e and a may not overlap

  Not Collective. Relative error about eps times the condition of the exponential; TES_ERR_NUMBERS if an entry is not finite
@*/
PetscErrorCode TesExpm(PetscInt n, const PetscReal *a, PetscReal *e);

/*@
  TesTallR - the R factor (columns x columns) of a tall array whose rows lie on all ranks, by a tree of QRs over the units (TSQR)

  Collective; the same bits for every rank count

  Input Parameters:
+ part - partition of the rows in units
- a    - [part->n_local][columns] local rows
@*/
PetscErrorCode TesTallR(MPI_Comm comm, const TesPartition *part, PetscInt columns, const PetscReal *a, PetscReal *r);

/* ---- fast diagonalisation of Kronecker sums ---- */
typedef struct _p_TesKronSum *TesKronSum;

/*@
  TesKronSumCreate - solver for (A_0 + A_1 + ... acting along the dimensions, plus shift) g = rhs on an array of sizes r[0..dim-1], dim 1-3

  Input Parameters:
+ dim   - dimensions
. r     - [dim] sizes, x first
. a     - [dim] real matrices [r[d]][r[d]], diagonalised as V diag(lambda) V^-1 (complex pairs allowed)
- shift - added to the sum of eigenvalues

  TesKronSumSolve  - g = (sum_d A_d + shift)^{-1} rhs, with one step of iterative refinement
  TesKronSumApply  - y = (sum_d A_d + shift) g
  TesKronSumShift  - change the shift (cheap)
  TesKronSumInfo   - worst condition of the eigenvector matrices and smallest |eigenvalue| of the whole operator. If a condition exceeds 1e8 (dim 2: or
                     their product 1e12), the solve goes by the real Schur form (dim 1 and 2) or fails with TES_ERR_NUMBERS saying so (dim 3). A solve fails with
                     TES_ERR_NUMBERS as well where the smallest |eigenvalue| is below eps times the largest
@*/
PetscErrorCode TesKronSumCreate(PetscInt dim, const PetscInt r[], const PetscReal *const a[], PetscReal shift, TesKronSum *solver);
PetscErrorCode TesKronSumShift(TesKronSum solver, PetscReal shift);
PetscErrorCode TesKronSumSolve(TesKronSum solver, const PetscReal *rhs, PetscReal *g);
PetscErrorCode TesKronSumApply(TesKronSum solver, const PetscReal *g, PetscReal *y);
PetscErrorCode TesKronSumInfo(TesKronSum solver, PetscReal *cond, PetscReal *smallest);
PetscErrorCode TesKronSumDestroy(TesKronSum *solver);

/*@
  TesKronSumDeflate - from now on the mode of the smallest |eigenvalue| (real) is left out of every solve: for operators whose kernel is known (a constant under
                     Neumann or periodic sides). TES_ERR_NUMBERS if that eigenvalue belongs to a pair or the solver went to the Schur form

  TesKronSumDropped - |coefficient of that mode| / norm of all coefficients of the right-hand side of the last solve: what of it is not compatible with the operator
@*/
PetscErrorCode TesKronSumDeflate(TesKronSum solver);
PetscErrorCode TesKronSumDropped(TesKronSum solver, PetscReal *dropped);

/* ---- evolution: space diagonalised, time marched ---- */
typedef struct _p_TesKronMarch *TesKronMarch;

/*@
  TesKronMarchCreate - solver for (I + (A_0 + A_1 + shift) x C) g = rhs: A_d along the 1 or 2 dimensions of space, C along the last dimension, time

  Input Parameters:
+ space - dimensions of space
. r     - [space + 1] sizes, x first, time last
. a     - [space] real matrices [r[d]][r[d]], diagonalised (TES_ERR_NUMBERS where their eigenvectors are too ill-conditioned, 1e8)
. shift - added to the sum of eigenvalues
- c     - [r_t][r_t] any real matrix; taken to complex Schur form

  TesKronMarchSolve    - with one step of iterative refinement; g may be rhs
  TesKronMarchApply    - y = the operator times g
  TesKronMarchSmallest - smallest |1 + lambda t| over the eigenvalues of space and the diagonal of the Schur form
@*/
PetscErrorCode TesKronMarchCreate(PetscInt space, const PetscInt r[], const PetscReal *const a[], PetscReal shift, const PetscReal *c, TesKronMarch *solver);
PetscErrorCode TesKronMarchSolve(TesKronMarch solver, const PetscReal *rhs, PetscReal *g);
PetscErrorCode TesKronMarchApply(TesKronMarch solver, const PetscReal *g, PetscReal *y);
PetscErrorCode TesKronMarchSmallest(TesKronMarch solver, PetscReal *smallest);
PetscErrorCode TesKronMarchDestroy(TesKronMarch *solver);

/* ---- evolution in which several of three dimensions march ---- */
typedef struct _p_TesKronPencil *TesKronPencil;

/*@
  TesKronPencilCreate - solver for (sum_d A_d x prod_{e /= d} B_e + shift prod_e B_e) g = rhs in three dimensions, A_d or B_d along dimension d

  Input Parameters:
+ r     - [3] sizes, the fastest dimension first
. a, b  - [3] real matrices [r[d]][r[d]]; in each dimension one of the two is NULL, which means the identity. Copied
- shift - coefficient of the product of all B

  TesKronPencilSolve - by complex Schur forms, with one step of iterative refinement; g may be rhs. TES_ERR_NUMBERS where the operator is singular
  TesKronPencilApply - y = the operator, or its transpose, times g; y may be g
@*/
PetscErrorCode TesKronPencilCreate(const PetscInt r[], const PetscReal *const a[], const PetscReal *const b[], PetscReal shift, TesKronPencil *solver);
PetscErrorCode TesKronPencilSolve(TesKronPencil solver, const PetscReal *rhs, PetscReal *g);
PetscErrorCode TesKronPencilApply(TesKronPencil solver, PetscBool transposed, const PetscReal *g, PetscReal *y);
PetscErrorCode TesKronPencilDestroy(TesKronPencil *solver);

/* ---- evidence maximisation: which columns of a dictionary are in the data, and with what weight ---- */

typedef struct {
  PetscInt  max_iterations; /* 60 */
  PetscReal sigma_start;    /* 1e-2 */
  PetscReal sigma_floor;    /* 1e-12 */
  PetscReal sigma_factor;   /* 0.25 */
  PetscReal prune;          /* 1e-24, relative to max s */
} TesEvidenceOptions;

/* State of the fixed point between iterations: checkpoint it to go on with the same bits (an iteration reads iteration, sigma and s; the rest describes the last one). */
typedef struct {
  PetscInt   iteration;
  PetscReal  sigma;
  PetscReal *s;       /* [n_groups] weights; 0 = pruned */
  PetscReal  change;  /* max |change of log s| of the last iteration */
  PetscReal  fit;     /* ||Y - Psi c|| / ||Y|| */
  PetscBool  converged;
} TesEvidence;

/*@
  TesEvidenceStart - s = 1 / n_groups, sigma = sigma_start; allocates evidence->s (freed by TesEvidenceFree)
  TesEvidenceIterate - one MacKay fixed-point step

  Input Parameters:
+ rows, n_groups - sizes
. group_size - [n_groups] columns of each group (cos and sin of one frequency share a weight); columns of a group are adjacent in psi
. psi  - [rows][columns]
. n_rhs - columns of the data
. y    - [rows][n_rhs]
- options - as above

  A = Psi_act diag(sqrt s) = U d V';  c = sqrt(s) o V (d/(d^2 + sigma^2) o U'Y);  gamma_i = sum_k V_ik^2 d_k^2/(d_k^2 + sigma^2);
  s_g <- mean over data columns of (sum over the group of c^2) / (sum over the group of gamma); prune s_g < prune max s; sigma <- max(floor, factor sigma).
  Converged: sigma at its floor, the active set unchanged, change < 1e-2.

  TesEvidenceValue - E = 1/2 log|C| + 1/2 y'C^{-1}y summed over data columns, and dE/dlog s [n_groups] (for tests and refinement), C = sigma^2 I + Psi S Psi'
@*/
PetscErrorCode TesEvidenceStart(PetscInt n_groups, const TesEvidenceOptions *options, TesEvidence *evidence);
PetscErrorCode TesEvidenceIterate(PetscInt rows, PetscInt n_groups, const PetscInt group_size[], const PetscReal *psi, PetscInt n_rhs, const PetscReal *y,
                                  const TesEvidenceOptions *options, TesEvidence *evidence);
PetscErrorCode TesEvidenceValue(PetscInt rows, PetscInt n_groups, const PetscInt group_size[], const PetscReal *psi, PetscInt n_rhs, const PetscReal *y,
                                const PetscReal s[], PetscReal sigma, PetscReal *value, PetscReal gradient[]);
PetscErrorCode TesEvidenceFree(TesEvidence *evidence);
