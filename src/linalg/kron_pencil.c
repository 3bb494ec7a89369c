/* Three dimensions of which two or three march: (sum_d A_d x prod_{e /= d} B_e + shift prod_e B_e) g = rhs on a small array, one of A_d, B_d the identity in each dimension.

   A dimension tested with the images of its own functions (it marches) brings (I, C_d), C_d discrete integration; the others bring (A_d, I). With one marching dimension the
   operator can be multiplied out (TesKronMarch), in two dimensions it is a Kronecker sum; here neither holds, and eigenvectors of the C_d are of no use. But every factor of dimension d is
   a function of one matrix M_d (A_d or C_d), and with M_d = Q_d T_d Q_d^H (zgees) the whole operator becomes upper triangular in all three indices:
     k, j descending:  (alpha P + beta Q) x = r_kj - what the rows above have of it,   alpha = Q_kk Q_jj,  beta = P_kk Q_jj + Q_kk P_jj + shift Q_kk Q_jj,
   P, Q the triangular factors of A and B in each dimension (one of them the identity), x the line along the first dimension: one triangular solve each. Sums over the rows k' > k are taken once
   per k, for all j. One step of iterative refinement with the operator itself.

   Replicated on every rank. Cost: set-up 80 sum r_d^3; a solve 16 total sum r_d flops for the changes of basis and about 8 total (r_2 + 2 r_0 + r_1) for the substitution; ten arrays. */
#include <complex.h>

#include <tessera/linalg.h>

#include "linalg_impl.h"

#define DIM 3

struct _p_TesKronPencil {
  PetscInt        r[DIM];
  PetscInt64      total;
  PetscReal       shift;
  PetscReal      *a[DIM], *b[DIM];               /* as given, one of them NULL: the identity */
  PetscReal      *a_turned[DIM], *b_turned[DIM]; /* transposed */
  double complex *p[DIM], *q[DIM];               /* [r][r] triangular factors of A and B, the identity written out */
  PetscReal      *schur[DIM][2], *back[DIM][2];  /* Q_d and Q_d^H: re, im */
  PetscReal      *work[8];                       /* [total] */
  double complex *x, *above[3], *line, *sums[2]; /* [total]; [r_1 r_0]; [r_0]; [r_1 r_0] */
};

static PetscErrorCode SetUp(TesKronPencil k, PetscInt d, const PetscReal *given, PetscBool marches)
{
  const PetscInt  n  = k->r[d];
  const size_t    nn = (size_t)n * n;
  PetscReal     **plain = marches ? &k->b[d] : &k->a[d], **turned = marches ? &k->b_turned[d] : &k->a_turned[d];

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(nn, plain, nn, turned));
  PetscCall(PetscArraycpy(*plain, given, nn));
  TesTransposeSmall(n, n, given, *turned);
  PetscCall(PetscMalloc6(nn, &k->p[d], nn, &k->q[d], nn, &k->schur[d][0], nn, &k->schur[d][1], nn, &k->back[d][0], nn, &k->back[d][1]));
  PetscCall(TesComplexSchur(n, given, marches ? k->q[d] : k->p[d], k->schur[d], k->back[d]));
  for (size_t i = 0; i < nn; i++) (marches ? k->p[d] : k->q[d])[i] = i % ((size_t)n + 1) == 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronPencilCreate(const PetscInt r[], const PetscReal *const a[], const PetscReal *const b[], PetscReal shift, TesKronPencil *solver)
{
  TesKronPencil k;
  size_t        plane;

  PetscFunctionBegin;
  PetscCall(PetscNew(&k));
  *solver  = k;
  k->shift = shift;
  k->total = 1;
  for (PetscInt d = 0; d < DIM; d++) {
    PetscCheck(r[d] >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "size %" PetscInt_FMT " of dimension %" PetscInt_FMT, r[d], d);
    PetscCheck(!a[d] != !b[d], PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "dimension %" PetscInt_FMT " needs one of A and B, the other is the identity", d);
    k->r[d] = r[d];
    k->total *= r[d];
  }
  for (PetscInt d = 0; d < DIM; d++) PetscCall(SetUp(k, d, a[d] ? a[d] : b[d], a[d] ? PETSC_FALSE : PETSC_TRUE));
  for (PetscInt i = 0; i < 8; i++) PetscCall(PetscMalloc1((size_t)k->total, &k->work[i]));
  plane = (size_t)r[0] * (size_t)r[1];
  PetscCall(PetscMalloc7((size_t)k->total, &k->x, plane, &k->above[0], plane, &k->above[1], plane, &k->above[2], (size_t)r[0], &k->line, plane, &k->sums[0], plane, &k->sums[1]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronPencilDestroy(TesKronPencil *solver)
{
  TesKronPencil k = *solver;

  PetscFunctionBegin;
  if (!k) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt d = 0; d < DIM; d++) {
    if (k->a[d]) PetscCall(PetscFree2(k->a[d], k->a_turned[d]));
    if (k->b[d]) PetscCall(PetscFree2(k->b[d], k->b_turned[d]));
    PetscCall(PetscFree6(k->p[d], k->q[d], k->schur[d][0], k->schur[d][1], k->back[d][0], k->back[d][1]));
  }
  for (PetscInt i = 0; i < 8; i++) PetscCall(PetscFree(k->work[i]));
  PetscCall(PetscFree7(k->x, k->above[0], k->above[1], k->above[2], k->line, k->sums[0], k->sums[1]));
  PetscCall(PetscFree(*solver));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* y = the operator, or its transpose, times g */
PetscErrorCode TesKronPencilApply(TesKronPencil k, PetscBool transposed, const PetscReal *g, PetscReal *y)
{
  const PetscInt64  n[DIM] = {k->r[0], k->r[1], k->r[2]};
  PetscReal *const *a = transposed ? k->a_turned : k->a, *const *b = transposed ? k->b_turned : k->b;
  PetscReal        *sum = k->work[0];

  PetscFunctionBegin;
  PetscCall(PetscArrayzero(sum, (size_t)k->total));
  for (PetscInt term = 0; term <= DIM; term++) { /* the last one is the shift */
    const PetscReal  factor = term < DIM ? 1 : k->shift;
    const PetscReal *now    = g;

    if (factor == 0) continue;
    for (PetscInt e = 0; e < DIM; e++) {
      const PetscReal *m    = e == term ? a[e] : b[e];
      PetscReal       *next = now == k->work[1] ? k->work[2] : k->work[1];

      if (!m) continue;
      PetscCall(TesModeProduct(DIM, n, e, k->r[e], m, now, next));
      now = next;
    }
    for (PetscInt64 i = 0; i < k->total; i++) sum[i] += factor * now[i];
  }
  PetscCall(PetscArraycpy(y, sum, (size_t)k->total));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* (re, im) = (m_re + i m_im) along dimension d of itself */
static PetscErrorCode Turn(TesKronPencil k, PetscInt d, PetscReal *const m[2], PetscReal *re, PetscReal *im)
{
  const PetscInt64 n[DIM] = {k->r[0], k->r[1], k->r[2]};
  PetscReal       *new_re = k->work[1], *new_im = k->work[2], *cross = k->work[3];

  PetscFunctionBegin;
  PetscCall(TesModeProduct(DIM, n, d, k->r[d], m[0], re, new_re));
  PetscCall(TesModeProduct(DIM, n, d, k->r[d], m[1], im, cross));
  for (PetscInt64 i = 0; i < k->total; i++) new_re[i] -= cross[i];
  PetscCall(TesModeProduct(DIM, n, d, k->r[d], m[1], re, new_im));
  PetscCall(TesModeProductAdd(DIM, n, d, k->r[d], m[0], im, 1, new_im));
  PetscCall(PetscArraycpy(re, new_re, (size_t)k->total));
  PetscCall(PetscArraycpy(im, new_im, (size_t)k->total));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* out[j] += factor times the triangle t of every row j of `in` */
static void AddRows(PetscInt rows, PetscInt n, const double complex *t, double complex factor, const double complex *in, double complex *out)
{
  for (PetscInt j = 0; j < rows; j++)
    for (PetscInt i = 0; i < n; i++) {
      double complex sum = 0;

      for (PetscInt l = i; l < n; l++) sum += t[i * n + l] * in[j * n + l];
      out[j * n + i] += factor * sum;
    }
}

/* What the rows k' > kk of x put into row kk, before the triangles of dimension 1: sums[0] is to be multiplied by Q_1, sums[1] by P_1. */
static void FromAbove(TesKronPencil k, PetscInt kk)
{
  const PetscInt  r0 = k->r[0], r1 = k->r[1], r2 = k->r[2], plane = r0 * r1;
  double complex *a = k->above[0], *b = k->above[1];

  for (PetscInt s = 0; s < plane; s++) a[s] = b[s] = k->sums[0][s] = k->sums[1][s] = 0;
  for (PetscInt up = kk + 1; up < r2; up++) {
    const double complex  q = k->q[2][kk * r2 + up], p = k->p[2][kk * r2 + up] + k->shift * q;
    const double complex *x = k->x + (size_t)up * (size_t)plane;

    if (q != 0)
      for (PetscInt s = 0; s < plane; s++) a[s] += q * x[s];
    if (p != 0)
      for (PetscInt s = 0; s < plane; s++) b[s] += p * x[s];
  }
  AddRows(r1, r0, k->p[0], 1, a, k->sums[0]);
  AddRows(r1, r0, k->q[0], 1, b, k->sums[0]);
  AddRows(r1, r0, k->q[0], 1, a, k->sums[1]);
}

/* the triangular system, x in place; PETSC_FALSE where it is singular */
static PetscBool Substitute(TesKronPencil k)
{
  const PetscInt r0 = k->r[0], r1 = k->r[1], r2 = k->r[2], plane = r0 * r1;

  for (PetscInt kk = r2 - 1; kk >= 0; kk--) {
    const double complex q2 = k->q[2][kk * (r2 + 1)], p2 = k->p[2][kk * (r2 + 1)] + k->shift * q2;
    double complex      *x = k->x + (size_t)kk * (size_t)plane;

    FromAbove(k, kk);
    for (PetscInt j = r1 - 1; j >= 0; j--) {
      const double complex alpha = q2 * k->q[1][j * (r1 + 1)], beta = p2 * k->q[1][j * (r1 + 1)] + q2 * k->p[1][j * (r1 + 1)];
      double complex      *line = x + j * r0;

      for (PetscInt up = j; up < r1; up++) {
        const double complex q = k->q[1][j * r1 + up], p = k->p[1][j * r1 + up];

        for (PetscInt i = 0; i < r0; i++) line[i] -= q * k->sums[0][up * r0 + i] + p * k->sums[1][up * r0 + i];
      }
      for (PetscInt i = r0 - 1; i >= 0; i--) {
        const double complex pivot = alpha * k->p[0][i * (r0 + 1)] + beta * k->q[0][i * (r0 + 1)];
        double complex       sum   = line[i];

        for (PetscInt l = i + 1; l < r0; l++) sum -= (alpha * k->p[0][i * r0 + l] + beta * k->q[0][i * r0 + l]) * line[l];
        if (!(cabs(pivot) > 0)) return PETSC_FALSE;
        line[i] = sum / pivot;
      }
      AddRows(1, r0, k->p[0], q2, line, k->sums[0] + j * r0); /* now it is above the lines that follow */
      AddRows(1, r0, k->q[0], p2, line, k->sums[0] + j * r0);
      AddRows(1, r0, k->q[0], q2, line, k->sums[1] + j * r0);
    }
  }
  return PETSC_TRUE;
}

static PetscErrorCode SolveOnce(TesKronPencil k, const PetscReal *rhs, PetscReal *g)
{
  PetscReal *re = k->work[4], *im = k->work[5];

  PetscFunctionBegin;
  PetscCall(PetscArraycpy(re, rhs, (size_t)k->total));
  PetscCall(PetscArrayzero(im, (size_t)k->total));
  for (PetscInt d = 0; d < DIM; d++) PetscCall(Turn(k, d, k->back[d], re, im));
  for (PetscInt64 i = 0; i < k->total; i++) k->x[i] = re[i] + I * im[i];
  PetscCheck(Substitute(k), PETSC_COMM_SELF, TES_ERR_NUMBERS, "the evolution operator is singular");
  for (PetscInt64 i = 0; i < k->total; i++) {
    re[i] = creal(k->x[i]);
    im[i] = cimag(k->x[i]);
  }
  for (PetscInt d = 0; d < DIM; d++) PetscCall(Turn(k, d, k->schur[d], re, im));
  PetscCall(PetscArraycpy(g, re, (size_t)k->total));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronPencilSolve(TesKronPencil k, const PetscReal *rhs, PetscReal *g)
{
  PetscReal *result = k->work[6], *residual = k->work[7];

  PetscFunctionBegin;
  PetscCall(SolveOnce(k, rhs, result));
  PetscCall(TesKronPencilApply(k, PETSC_FALSE, result, residual));
  for (PetscInt64 i = 0; i < k->total; i++) residual[i] = rhs[i] - residual[i];
  PetscCall(SolveOnce(k, residual, residual));
  for (PetscInt64 i = 0; i < k->total; i++) g[i] = result[i] + residual[i];
  PetscFunctionReturn(PETSC_SUCCESS);
}
