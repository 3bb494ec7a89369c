/* Space by eigenvectors, time by back substitution: (I + (A_0 + A_1 + shift) x C) g = rhs on a small array, time along its last dimension.

   Evolution equations leave this form when the basis of time is tested with the derivative of its own functions: then d/dt becomes the identity and C is
   discrete integration, bounded but far from normal, so that its eigenvectors are of no use. Hence
     A_d = V_d diag(lambda_d) V_d^{-1} (dgeev) along each dimension of space,   C = Q T Q^H (zgees), T upper triangular,
     g = (Q x V) [ (I + (lambda_0i + lambda_1j + shift) T)^{-1} (Q^H x V^{-1}) rhs ],
   a triangular system in time for each pair of eigenvalues, and one step of refinement with the operator itself. Complex numbers are kept as two real arrays, so every
   product is a mode product. Replicated on each rank. Cost: set-up 30 r_d^3 and about 80 r_t^3; a solve 16 total sum r_d flops + 4 total r_t; eight arrays. */
#include <complex.h>

#include <tessera/linalg.h>

#include "linalg_impl.h"

extern void TES_LAPACK(zgees)(const char *, const char *, TesBlasInt (*)(const double complex *), const TesBlasInt *, double complex *, const TesBlasInt *, TesBlasInt *,
                              double complex *, double complex *, const TesBlasInt *, double complex *, const TesBlasInt *, PetscReal *, TesBlasInt *, TesBlasInt *);

#define COND_LIMIT 1e8 /* of the eigenvectors of one dimension: refinement needs their product times eps well below 1 */

struct _p_TesKronMarch {
  PetscInt        space, r[3]; /* dimensions of space; sizes, the last one used is time */
  PetscInt64      total, plane;
  PetscReal       shift, smallest;
  PetscReal      *a[2], *c;              /* as given */
  PetscReal      *lambda[2];             /* [r][2] */
  PetscReal      *v[2][2], *inverse[2][2]; /* [dimension][re, im]: [r][r] */
  PetscReal      *q[2], *qh[2];          /* [re, im]: Q and Q^H, [r_t][r_t] */
  double complex *t;                     /* [r_t][r_t] row-major upper triangular */
  PetscReal      *work[8];               /* [total] */
};

static PetscErrorCode SetUpSpace(TesKronMarch k, PetscInt d)
{
  const PetscInt n  = k->r[d];
  const size_t   nn = (size_t)n * n;
  PetscReal     *v, *big, *rhs, cond;

  PetscFunctionBegin;
  PetscCall(PetscMalloc5(2 * (size_t)n, &k->lambda[d], nn, &k->v[d][0], nn, &k->v[d][1], nn, &k->inverse[d][0], nn, &k->inverse[d][1]));
  PetscCall(PetscMalloc3(2 * nn, &v, 4 * nn, &big, 2 * nn, &rhs));
  PetscCall(TesEigen(n, k->a[d], k->lambda[d], v, &cond));
  PetscCheck(cond < COND_LIMIT, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the eigenvectors along dimension %" PetscInt_FMT " of space are too ill-conditioned to march with (%g, limit %g)", d, (double)cond,
             COND_LIMIT);
  /* the inverse of V through the real form [Re -Im; Im Re] X = [I; 0] */
  PetscCall(PetscArrayzero(rhs, 2 * nn));
  for (PetscInt i = 0; i < n; i++) {
    for (PetscInt j = 0; j < n; j++) {
      const PetscReal re = v[2 * ((size_t)i * n + j)], im = v[2 * ((size_t)i * n + j) + 1];

      k->v[d][0][(size_t)i * n + j]          = re;
      k->v[d][1][(size_t)i * n + j]          = im;
      big[(size_t)i * 2 * n + j]             = re;
      big[(size_t)i * 2 * n + n + j]         = -im;
      big[(size_t)(n + i) * 2 * n + j]       = im;
      big[(size_t)(n + i) * 2 * n + n + j]   = re;
    }
    rhs[(size_t)i * n + i] = 1;
  }
  PetscCall(TesLUSolve(2 * n, n, big, rhs));
  PetscCall(PetscArraycpy(k->inverse[d][0], rhs, nn));
  PetscCall(PetscArraycpy(k->inverse[d][1], rhs + nn, nn));
  PetscCall(PetscFree3(v, big, rhs));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesComplexSchur(PetscInt n, const PetscReal *c, double complex *t, PetscReal *const q[2], PetscReal *const qh[2])
{
  const size_t    nn = (size_t)n * n;
  TesBlasInt      bn, lwork = -1, sorted, info;
  double complex *a, *w, *vs, size, *work = &size;
  PetscReal      *rwork;

  PetscFunctionBegin;
  PetscCall(TesCheckFinite((PetscInt64)nn, c, "matrix of a Schur form"));
  PetscCall(PetscBLASIntCast(n, &bn));
  PetscCall(PetscMalloc4(nn, &a, (size_t)n, &w, nn, &vs, (size_t)n, &rwork));
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt j = 0; j < n; j++) a[(size_t)j * n + i] = c[(size_t)i * n + j];
  for (PetscInt query = 1; query >= 0; query--) {
    TesCallLapack(zgees, "V", "N", NULL, &bn, a, &bn, &sorted, w, vs, &bn, work, &lwork, rwork, NULL, &info);
    TesCheckInfo(info, "zgees");
    if (query) {
      lwork = (TesBlasInt)creal(size) + 1;
      PetscCall(PetscMalloc1((size_t)lwork, &work));
    }
  }
  PetscCall(PetscFree(work));
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt j = 0; j < n; j++) {
      const size_t at = (size_t)i * n + j, mirror = (size_t)j * n + i;

      t[at]     = i <= j ? a[mirror] : 0;
      q[0][at]  = creal(vs[mirror]);
      q[1][at]  = cimag(vs[mirror]);
      qh[0][at] = creal(vs[at]);
      qh[1][at] = -cimag(vs[at]);
    }
  PetscCall(PetscFree4(a, w, vs, rwork));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetUpTime(TesKronMarch k)
{
  const PetscInt n  = k->r[k->space];
  const size_t   nn = (size_t)n * n;

  PetscFunctionBegin;
  PetscCall(PetscMalloc5(nn, &k->q[0], nn, &k->q[1], nn, &k->qh[0], nn, &k->qh[1], nn, &k->t));
  PetscCall(TesComplexSchur(n, k->c, k->t, k->q, k->qh));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static double complex Lambda(const struct _p_TesKronMarch *k, PetscInt64 s)
{
  double complex sum = k->shift;

  for (PetscInt d = 0; d < k->space; d++) {
    const PetscInt i = (PetscInt)(s % k->r[d]);

    sum += k->lambda[d][2 * i] + I * k->lambda[d][2 * i + 1];
    s /= k->r[d];
  }
  return sum;
}

PetscErrorCode TesKronMarchCreate(PetscInt space, const PetscInt r[], const PetscReal *const a[], PetscReal shift, const PetscReal *c, TesKronMarch *solver)
{
  TesKronMarch k;

  PetscFunctionBegin;
  PetscCheck(space >= 1 && space <= 2, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%" PetscInt_FMT " dimensions of space", space);
  PetscCall(PetscNew(&k));
  *solver  = k;
  k->space = space;
  k->shift = shift;
  k->plane = 1;
  for (PetscInt d = 0; d <= space; d++) {
    PetscCheck(r[d] >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "size %" PetscInt_FMT " of dimension %" PetscInt_FMT, r[d], d);
    k->r[d] = r[d];
    if (d < space) k->plane *= r[d];
  }
  k->total = k->plane * r[space];
  PetscCall(PetscMalloc1((size_t)r[space] * r[space], &k->c));
  PetscCall(PetscArraycpy(k->c, c, (size_t)r[space] * r[space]));
  for (PetscInt d = 0; d < space; d++) {
    PetscCall(PetscMalloc1((size_t)r[d] * r[d], &k->a[d]));
    PetscCall(PetscArraycpy(k->a[d], a[d], (size_t)r[d] * r[d]));
    PetscCall(SetUpSpace(k, d));
  }
  PetscCall(SetUpTime(k));
  for (PetscInt i = 0; i < 8; i++) PetscCall(PetscMalloc1((size_t)k->total, &k->work[i]));
  k->smallest = PETSC_MAX_REAL;
  for (PetscInt64 s = 0; s < k->plane; s++)
    for (PetscInt i = 0; i < r[space]; i++) k->smallest = PetscMin(k->smallest, cabs(1 + Lambda(k, s) * k->t[(size_t)i * (r[space] + 1)]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronMarchDestroy(TesKronMarch *solver)
{
  TesKronMarch k = *solver;

  PetscFunctionBegin;
  if (!k) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt d = 0; d < k->space; d++) {
    PetscCall(PetscFree(k->a[d]));
    PetscCall(PetscFree5(k->lambda[d], k->v[d][0], k->v[d][1], k->inverse[d][0], k->inverse[d][1]));
  }
  PetscCall(PetscFree(k->c));
  PetscCall(PetscFree5(k->q[0], k->q[1], k->qh[0], k->qh[1], k->t));
  for (PetscInt i = 0; i < 8; i++) PetscCall(PetscFree(k->work[i]));
  PetscCall(PetscFree(*solver));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronMarchSmallest(TesKronMarch solver, PetscReal *smallest)
{
  PetscFunctionBegin;
  *smallest = solver->smallest;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronMarchApply(TesKronMarch k, const PetscReal *g, PetscReal *y)
{
  const PetscInt64 n[3]  = {k->r[0], k->r[1], k->r[2]};
  PetscReal       *space = k->work[0];

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < k->total; i++) space[i] = k->shift * g[i];
  for (PetscInt d = 0; d < k->space; d++) PetscCall(TesModeProductAdd(k->space + 1, n, d, k->r[d], k->a[d], g, 1, space));
  for (PetscInt64 i = 0; i < k->total; i++) y[i] = g[i];
  PetscCall(TesModeProductAdd(k->space + 1, n, k->space, k->r[k->space], k->c, space, 1, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* (out_re, out_im) = (m_re + i m_im) along dimension d of (in_re, in_im); in_im NULL: real */
static PetscErrorCode ComplexProduct(TesKronMarch k, PetscInt d, PetscReal *const m[2], const PetscReal *in_re, const PetscReal *in_im, PetscReal *out_re, PetscReal *out_im)
{
  const PetscInt64 n[3] = {k->r[0], k->r[1], k->r[2]};

  PetscFunctionBegin;
  PetscCall(TesModeProduct(k->space + 1, n, d, k->r[d], m[0], in_re, out_re));
  PetscCall(TesModeProduct(k->space + 1, n, d, k->r[d], m[1], in_re, out_im));
  if (!in_im) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesModeProduct(k->space + 1, n, d, k->r[d], m[1], in_im, k->work[4]));
  for (PetscInt64 i = 0; i < k->total; i++) out_re[i] -= k->work[4][i];
  PetscCall(TesModeProductAdd(k->space + 1, n, d, k->r[d], m[0], in_im, 1, out_im));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* (I + lambda T) z = y for every pair of eigenvalues, from the last row up */
static void March(const struct _p_TesKronMarch *k, PetscReal *re, PetscReal *im)
{
  const PetscInt n = k->r[k->space];

  for (PetscInt64 s = 0; s < k->plane; s++) {
    const double complex lambda = Lambda(k, s);

    for (PetscInt i = n - 1; i >= 0; i--) {
      double complex sum = 0;

      for (PetscInt j = i + 1; j < n; j++) sum += k->t[(size_t)i * n + j] * (re[j * k->plane + s] + I * im[j * k->plane + s]);
      sum                   = (re[i * k->plane + s] + I * im[i * k->plane + s] - lambda * sum) / (1 + lambda * k->t[(size_t)i * (n + 1)]);
      re[i * k->plane + s] = creal(sum);
      im[i * k->plane + s] = cimag(sum);
    }
  }
}

static PetscErrorCode SolveOnce(TesKronMarch k, const PetscReal *rhs, PetscReal *g)
{
  PetscReal *re[2] = {k->work[0], k->work[1]}, *im[2] = {k->work[2], k->work[3]};
  PetscInt   now   = 0;

  PetscFunctionBegin;
  PetscCall(ComplexProduct(k, 0, k->inverse[0], rhs, NULL, re[0], im[0]));
  for (PetscInt d = 1; d < k->space; d++, now = 1 - now) PetscCall(ComplexProduct(k, d, k->inverse[d], re[now], im[now], re[1 - now], im[1 - now]));
  PetscCall(ComplexProduct(k, k->space, k->qh, re[now], im[now], re[1 - now], im[1 - now]));
  now = 1 - now;
  March(k, re[now], im[now]);
  PetscCall(ComplexProduct(k, k->space, k->q, re[now], im[now], re[1 - now], im[1 - now]));
  now = 1 - now;
  for (PetscInt d = 0; d < k->space; d++, now = 1 - now) PetscCall(ComplexProduct(k, d, k->v[d], re[now], im[now], re[1 - now], im[1 - now]));
  PetscCall(PetscArraycpy(g, re[now], (size_t)k->total));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronMarchSolve(TesKronMarch k, const PetscReal *rhs, PetscReal *g)
{
  PetscReal *residual = k->work[5], *correction = k->work[6], *result = k->work[7];

  PetscFunctionBegin;
  PetscCheck(k->smallest > PETSC_MACHINE_EPSILON, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the evolution operator is singular: its smallest factor is %g", (double)k->smallest);
  PetscCall(SolveOnce(k, rhs, result));
  PetscCall(TesKronMarchApply(k, result, residual));
  for (PetscInt64 i = 0; i < k->total; i++) residual[i] = rhs[i] - residual[i];
  PetscCall(SolveOnce(k, residual, correction));
  for (PetscInt64 i = 0; i < k->total; i++) g[i] = result[i] + correction[i];
  PetscFunctionReturn(PETSC_SUCCESS);
}
