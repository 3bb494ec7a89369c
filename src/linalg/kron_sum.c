/* Fast diagonalization: (A_0 + A_1 + A_2 + shift) g = rhs, each A_d acting along dimension d of a small array (r_0 x r_1 x r_2).

   A_d = V_d Lambda_d V_d^{-1} (dgeev; columns of norm 1), hence
     g = (V_2 x V_1 x V_0) [ (V_2^{-1} x V_1^{-1} x V_0^{-1}) rhs / (lambda_0i + lambda_1j + lambda_2k + shift) ],
   then one step of iterative refinement with the operator itself: g += S(rhs - A g). The refinement squares the relative error cond(V) eps of the explicit
   inverses, so all products can be DGEMMs (the residual goes from 4e-13 to 3e-16 on gp_pde's operators).

   Everything stays real. A pair lambda, conj lambda is kept as the columns Re v, Im v, in which A is [[a, b], [-b, a]]. Only the division sees
   complex numbers: coefficients (p, q) of such a pair are z = (p - i q)/2 for lambda and (p + i q)/2 for conj lambda; blocks of up to 2 x 2 x 2 coefficients go to
   that form, are divided, and come back. A quarter of the flops of complex products.

   Where the eigenvectors are too ill-conditioned (kron_sum.h, limit below) dimensions 1 and 2 go by the real Schur form, kron_schur.c.
   Replicated on each rank. Cost: set-up 30 r_d^3 per dimension; a solve 2 x 2 x 2 total sum r_d flops + the operator 2 total sum r_d; three arrays of work. */
#include "kron_sum.h"

#include <complex.h>
#include <float.h>

#include "linalg_impl.h"

#define COND_LIMIT    1e8  /* per dimension (gp_pde spec 2.7) */
#define PRODUCT_LIMIT 1e12 /* of all dimensions: the condition of V_2 x V_1 x V_0 is the product, and refinement needs product x eps << 1 */

static PetscErrorCode SetUpEigen(TesKronSum k, PetscInt d, PetscReal *cond)
{
  const size_t rr = (size_t)k->r[d] * k->r[d];
  TesBlasInt   n, lwork, info, *pivot;
  PetscReal   *work;

  PetscFunctionBegin;
  PetscCall(TesEigenPacked(k->r[d], k->a[d], k->wr[d], k->wi[d], k->vi[d], cond));
  TesTransposeSmall(k->r[d], k->r[d], k->vi[d], k->v[d]);
  if (*cond > COND_LIMIT) PetscFunctionReturn(PETSC_SUCCESS); /* the inverse will not be used */
  /* in memory V is LAPACK's V'; its inverse (V^{-1})' is the row-major V^{-1} */
  PetscCall(PetscArraycpy(k->vi[d], k->v[d], rr));
  PetscCall(PetscBLASIntCast(k->r[d], &n));
  lwork = 64 * n;
  PetscCall(PetscMalloc2((size_t)n, &pivot, (size_t)lwork, &work));
  TesCallLapack(dgetrf, &n, &n, k->vi[d], &n, pivot, &info);
  TesCheckInfo(info, "dgetrf");
  TesCallLapack(dgetri, &n, k->vi[d], &n, pivot, work, &lwork, &info);
  TesCheckInfo(info, "dgetri");
  PetscCall(PetscFree2(pivot, work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronSumCreate(PetscInt dim, const PetscInt r[], const PetscReal *const a[], PetscReal shift, TesKronSum *solver)
{
  PetscReal  product = 1;
  TesKronSum k;

  PetscFunctionBegin;
  PetscCheck(dim >= 1 && dim <= 3, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%" PetscInt_FMT " dimensions", dim);
  PetscCall(PetscNew(&k));
  *solver  = k;
  k->dim   = dim;
  k->shift = shift;
  k->total = 1;
  k->cond  = 1;
  for (PetscInt d = 0; d < 3; d++) k->r[d] = d < dim ? r[d] : 1;
  for (PetscInt d = 0; d < dim; d++) {
    const size_t rr   = (size_t)r[d] * r[d];
    PetscReal    cond = 1;

    PetscCheck(r[d] >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "size %" PetscInt_FMT " of dimension %" PetscInt_FMT, r[d], d);
    k->total *= r[d];
    PetscCall(PetscMalloc5(rr, &k->a[d], r[d], &k->wr[d], r[d], &k->wi[d], rr, &k->v[d], rr, &k->vi[d]));
    PetscCall(PetscArraycpy(k->a[d], a[d], rr));
    PetscCall(SetUpEigen(k, d, &cond));
    k->cond = PetscMax(k->cond, cond);
    product *= cond;
  }
  if (k->cond > COND_LIMIT || (dim < 3 && product > PRODUCT_LIMIT)) {
    k->schur = PETSC_TRUE;
    if (dim < 3) PetscCall(TesKronSchurSetUp(k));
  }
  PetscCall(PetscMalloc3((size_t)k->total, &k->work[0], (size_t)k->total, &k->work[1], (size_t)k->total, &k->work[2]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronSumDestroy(TesKronSum *solver)
{
  TesKronSum k = *solver;

  PetscFunctionBegin;
  if (!k) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt d = 0; d < k->dim; d++) {
    PetscCall(PetscFree5(k->a[d], k->wr[d], k->wi[d], k->v[d], k->vi[d]));
    PetscCall(PetscFree(k->t[d]));
  }
  PetscCall(PetscFree3(k->work[0], k->work[1], k->work[2]));
  PetscCall(PetscFree(*solver));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronSumShift(TesKronSum solver, PetscReal shift)
{
  PetscFunctionBegin;
  solver->shift          = shift;
  solver->extremes_known = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscReal Eigenvalue(const PetscReal *w, PetscInt i) /* 0 beyond the dimensions */
{
  return w ? w[i] : 0;
}

/* smallest and largest |eigenvalue| of the whole operator */
static void FindExtremes(TesKronSum k)
{
  if (k->extremes_known) return;
  k->smallest = PETSC_MAX_REAL;
  k->largest  = 0;
  for (PetscInt i2 = 0; i2 < k->r[2]; i2++)
    for (PetscInt i1 = 0; i1 < k->r[1]; i1++) {
      const PetscReal re = Eigenvalue(k->wr[2], i2) + Eigenvalue(k->wr[1], i1) + k->shift, im = Eigenvalue(k->wi[2], i2) + Eigenvalue(k->wi[1], i1);

      for (PetscInt i0 = 0; i0 < k->r[0]; i0++) {
        const PetscReal size = hypot(re + k->wr[0][i0], im + k->wi[0][i0]);

        k->smallest = PetscMin(k->smallest, size);
        k->largest  = PetscMax(k->largest, size);
      }
    }
  k->extremes_known = PETSC_TRUE;
}

PetscErrorCode TesKronSumInfo(TesKronSum solver, PetscReal *cond, PetscReal *smallest)
{
  PetscFunctionBegin;
  FindExtremes(solver);
  if (cond) *cond = solver->cond;
  if (smallest) *smallest = solver->smallest;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronSumApply(TesKronSum solver, const PetscReal *g, PetscReal *y)
{
  const PetscInt64 n[3] = {solver->r[0], solver->r[1], solver->r[2]};

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < solver->total; i++) y[i] = solver->shift * g[i];
  for (PetscInt d = 0; d < solver->dim; d++) PetscCall(TesModeProductAdd(solver->dim, n, d, solver->r[d], solver->a[d], g, 1, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt BlockSize(const PetscReal *wi, PetscInt i)
{
  return wi && wi[i] != 0 ? 2 : 1;
}

/* one block of up to 2 x 2 x 2 coefficients at w, first eigenvalues at indices i; strides of the array in s */
static void DivideBlock(const struct _p_TesKronSum *k, const PetscInt i[3], const PetscInt n[3], const PetscInt64 s[3], PetscReal *w)
{
  double complex c[2][2][2];

  for (PetscInt p = 0; p < n[2]; p++)
    for (PetscInt q = 0; q < n[1]; q++)
      for (PetscInt r = 0; r < n[0]; r++) c[p][q][r] = w[p * s[2] + q * s[1] + r];
#define TO_PAIR(x, y) \
  do { \
    const double complex x_ = x, y_ = y; \
    x = 0.5 * (x_ - I * y_); \
    y = 0.5 * (x_ + I * y_); \
  } while (0)
#define FROM_PAIR(x, y) \
  do { \
    const double complex x_ = x, y_ = y; \
    x = x_ + y_; \
    y = I * (x_ - y_); \
  } while (0)
#define ALONG_EACH_DIMENSION(map) \
  do { \
    if (n[0] == 2) \
      for (PetscInt p = 0; p < n[2]; p++) \
        for (PetscInt q = 0; q < n[1]; q++) map(c[p][q][0], c[p][q][1]); \
    if (n[1] == 2) \
      for (PetscInt p = 0; p < n[2]; p++) \
        for (PetscInt r = 0; r < n[0]; r++) map(c[p][0][r], c[p][1][r]); \
    if (n[2] == 2) \
      for (PetscInt q = 0; q < n[1]; q++) \
        for (PetscInt r = 0; r < n[0]; r++) map(c[0][q][r], c[1][q][r]); \
  } while (0)
  ALONG_EACH_DIMENSION(TO_PAIR);
  for (PetscInt p = 0; p < n[2]; p++)
    for (PetscInt q = 0; q < n[1]; q++)
      for (PetscInt r = 0; r < n[0]; r++)
        c[p][q][r] /= Eigenvalue(k->wr[2], i[2] + p) + Eigenvalue(k->wr[1], i[1] + q) + k->wr[0][i[0] + r] + k->shift +
                      I * (Eigenvalue(k->wi[2], i[2] + p) + Eigenvalue(k->wi[1], i[1] + q) + k->wi[0][i[0] + r]);
  ALONG_EACH_DIMENSION(FROM_PAIR);
#undef TO_PAIR
#undef FROM_PAIR
#undef ALONG_EACH_DIMENSION
  for (PetscInt p = 0; p < n[2]; p++)
    for (PetscInt q = 0; q < n[1]; q++)
      for (PetscInt r = 0; r < n[0]; r++) w[p * s[2] + q * s[1] + r] = creal(c[p][q][r]);
}

static void Divide(const struct _p_TesKronSum *k, PetscReal *w)
{
  const PetscInt64 s[3] = {1, k->r[0], (PetscInt64)k->r[0] * k->r[1]};
  PetscInt         i[3], n[3];

  for (i[2] = 0; i[2] < k->r[2]; i[2] += n[2]) {
    n[2] = BlockSize(k->wi[2], i[2]);
    for (i[1] = 0; i[1] < k->r[1]; i[1] += n[1]) {
      n[1] = BlockSize(k->wi[1], i[1]);
      for (i[0] = 0; i[0] < k->r[0]; i[0] += n[0]) {
        PetscReal *at = w + i[2] * s[2] + i[1] * s[1] + i[0];

        n[0] = BlockSize(k->wi[0], i[0]);
        if (n[0] == 1 && n[1] == 1 && n[2] == 1) *at /= Eigenvalue(k->wr[2], i[2]) + Eigenvalue(k->wr[1], i[1]) + k->wr[0][i[0]] + k->shift;
        else DivideBlock(k, i, n, s, at);
      }
    }
  }
}

/* Divide, but one coefficient becomes zero */
static void DivideBesides(TesKronSum k, PetscReal *w)
{
  PetscReal size = 0;

  for (PetscInt64 i = 0; i < k->total; i++) size += w[i] * w[i];
  k->dropped          = size > 0 ? PetscAbsReal(w[k->dropped_mode]) / PetscSqrtReal(size) : 0;
  w[k->dropped_mode] = 0;
  Divide(k, w);
  w[k->dropped_mode] = 0; /* 0 / 0 */
}

PetscErrorCode TesKronSumDeflate(TesKronSum k)
{
  PetscReal smallest = PETSC_MAX_REAL;
  PetscBool real     = PETSC_TRUE;

  PetscFunctionBegin;
  PetscCheck(!k->schur, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the kernel of an operator in Schur form cannot be left out");
  for (PetscInt64 i = 0; i < k->total; i++) {
    const PetscInt  i0 = (PetscInt)(i % k->r[0]), i1 = (PetscInt)(i / k->r[0] % k->r[1]), i2 = (PetscInt)(i / k->r[0] / k->r[1]);
    const PetscReal re = Eigenvalue(k->wr[2], i2) + Eigenvalue(k->wr[1], i1) + k->wr[0][i0] + k->shift, im = Eigenvalue(k->wi[2], i2) + Eigenvalue(k->wi[1], i1) + k->wi[0][i0];

    if (hypot(re, im) >= smallest) continue;
    smallest        = hypot(re, im);
    k->dropped_mode = i;
    real            = Eigenvalue(k->wi[2], i2) == 0 && Eigenvalue(k->wi[1], i1) == 0 && k->wi[0][i0] == 0 ? PETSC_TRUE : PETSC_FALSE;
  }
  PetscCheck(real, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the eigenvalue next to zero, %g, belongs to a complex pair: it is no kernel", (double)smallest);
  k->deflate = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronSumDropped(TesKronSum solver, PetscReal *dropped)
{
  PetscFunctionBegin;
  *dropped = solver->dropped;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* g = V Lambda^{-1} V^{-1} rhs, or the same through the Schur form; uses work[1] */
static PetscErrorCode SolveOnce(TesKronSum k, const PetscReal *rhs, PetscReal *g)
{
  const PetscInt64 n[3]    = {k->r[0], k->r[1], k->r[2]};
  PetscReal       *pong[2] = {k->work[1], g}; /* 2 dim products, one after another: the last, of odd number, ends in g */
  const PetscReal *now     = rhs;
  PetscInt         product = 0;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < k->dim; d++, product++) {
    PetscCall(TesModeProduct(k->dim, n, d, k->r[d], k->vi[d], now, pong[product % 2]));
    now = pong[product % 2];
  }
  if (k->schur) PetscCall(TesKronSchurSolve(k, pong[(product - 1) % 2]));
  else if (k->deflate) DivideBesides(k, pong[(product - 1) % 2]);
  else Divide(k, pong[(product - 1) % 2]);
  for (PetscInt d = 0; d < k->dim; d++, product++) {
    PetscCall(TesModeProduct(k->dim, n, d, k->r[d], k->v[d], now, pong[product % 2]));
    now = pong[product % 2];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronSumSolve(TesKronSum solver, const PetscReal *rhs, PetscReal *g)
{
  PetscReal *residual = solver->work[0], *correction = solver->work[2], dropped;

  PetscFunctionBegin;
  PetscCheck(!solver->schur || solver->dim < 3, PETSC_COMM_SELF, TES_ERR_NUMBERS,
             "the eigenvectors of a three-dimensional operator are too ill-conditioned to solve by (condition %g, limit %g): fewer background polynomials or lines help",
             (double)solver->cond, COND_LIMIT);
  FindExtremes(solver);
  PetscCheck(solver->deflate || solver->smallest > DBL_EPSILON * solver->largest, PETSC_COMM_SELF, TES_ERR_NUMBERS,
             "the operator is singular: its smallest eigenvalue is %g, the largest %g; move the shift (%g)", (double)solver->smallest, (double)solver->largest,
             (double)solver->shift);
  PetscCall(SolveOnce(solver, rhs, g));
  PetscCall(TesKronSumApply(solver, g, residual));
  for (PetscInt64 i = 0; i < solver->total; i++) residual[i] = rhs[i] - residual[i];
  dropped = solver->dropped;
  PetscCall(SolveOnce(solver, residual, correction));
  solver->dropped = dropped; /* of the right-hand side, not of the residual */
  for (PetscInt64 i = 0; i < solver->total; i++) g[i] += correction[i];
  PetscFunctionReturn(PETSC_SUCCESS);
}
