/* Dense matrices on one rank: products, singular values, QR, null spaces, linear systems, through BLAS and LAPACK.

   Our matrices are row-major, LAPACK's column-major: the memory of A [rows][columns] is LAPACK's A' with leading dimension `columns`. So
     A = U d V'   is   A' = V d U'  : the two factors change places and nothing is transposed;
     A = Q R      is   A' = R' Q'   : an LQ factorization (dgelqf) of what lies in memory.
   Only the linear solve moves data (its right-hand sides). Not collective; cost as LAPACK's. */
#include "linalg_impl.h"

#include <float.h>
#include <tessera/linalg.h>

PetscErrorCode TesCheckFinite(PetscInt64 n, const PetscReal *x, const char what[])
{
  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < n; i++)
    PetscCheck(!PetscIsInfOrNanReal(x[i]), PETSC_COMM_SELF, TES_ERR_NUMBERS, "%s: entry %" PetscInt64_FMT " is not finite", what, i);
  PetscFunctionReturn(PETSC_SUCCESS);
}

void TesTransposeSmall(PetscInt rows, PetscInt columns, const PetscReal *a, PetscReal *b)
{
  const PetscInt tile = 16; /* two tiles of 16 x 16 doubles are 4 KB: well inside the first cache */

  for (PetscInt i0 = 0; i0 < rows; i0 += tile)
    for (PetscInt j0 = 0; j0 < columns; j0 += tile)
      for (PetscInt i = i0; i < PetscMin(i0 + tile, rows); i++)
        for (PetscInt j = j0; j < PetscMin(j0 + tile, columns); j++) b[(size_t)j * rows + i] = a[(size_t)i * columns + j];
}

PetscErrorCode TesGemmStrided(PetscBool ta, PetscBool tb, PetscInt m, PetscInt n, PetscInt k, PetscReal alpha, const PetscReal *a, PetscInt lda, const PetscReal *b,
                              PetscInt ldb, PetscReal beta, PetscReal *c, PetscInt ldc)
{
  TesBlasInt bm, bn, bk, la, lb, lc;

  PetscFunctionBegin;
  if (!m || !n) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscBLASIntCast(m, &bm));
  PetscCall(PetscBLASIntCast(n, &bn));
  PetscCall(PetscBLASIntCast(k, &bk));
  PetscCall(PetscBLASIntCast(PetscMax(lda, 1), &la));
  PetscCall(PetscBLASIntCast(PetscMax(ldb, 1), &lb));
  PetscCall(PetscBLASIntCast(PetscMax(ldc, 1), &lc));
  /* row-major C = op(A) op(B) is column-major C' = op(B)' op(A)' */
  TesCallLapack(dgemm, tb ? "T" : "N", ta ? "T" : "N", &bn, &bm, &bk, &alpha, b, &lb, a, &la, &beta, c, &lc);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesGemm(PetscBool ta, PetscBool tb, PetscInt m, PetscInt n, PetscInt k, PetscReal alpha, const PetscReal *a, const PetscReal *b,
                       PetscReal beta, PetscReal *c)
{
  PetscFunctionBegin;
  PetscCall(TesGemmStrided(ta, tb, m, n, k, alpha, a, ta ? m : k, b, tb ? k : n, beta, c, n));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* One attempt at A' = V d U' by dgesdd or dgesvd; info as LAPACK's. `work_a` [rows columns] is destroyed. */
static PetscErrorCode TrySVD(PetscBool divide_and_conquer, PetscInt rows, PetscInt columns, PetscReal *work_a, PetscBool vectors, PetscReal *v, PetscReal *s,
                             PetscReal *u, TesBlasInt *info)
{
  const char *job = vectors ? "S" : "N";
  TesBlasInt  m, n, k, ldu, ldvt, lwork = -1, *iwork = NULL;
  PetscReal   size, *work = &size;

  PetscFunctionBegin;
  PetscCall(PetscBLASIntCast(columns, &m));
  PetscCall(PetscBLASIntCast(rows, &n));
  k    = PetscMin(m, n);
  ldu  = m;
  ldvt = k;
  if (divide_and_conquer) PetscCall(PetscMalloc1(8 * (size_t)k, &iwork));
  for (PetscInt query = 1; query >= 0; query--) { /* the first call asks for the size of the workspace */
    if (divide_and_conquer) TesCallLapack(dgesdd, job, &m, &n, work_a, &m, s, v, &ldu, u, &ldvt, work, &lwork, iwork, info);
    else TesCallLapack(dgesvd, job, job, &m, &n, work_a, &m, s, v, &ldu, u, &ldvt, work, &lwork, info);
    if (query && *info) break;
    if (query) {
      lwork = (TesBlasInt)size + 1;
      PetscCall(PetscMalloc1((size_t)lwork, &work));
    }
  }
  if (work != &size) PetscCall(PetscFree(work));
  PetscCall(PetscFree(iwork));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSVD(PetscInt rows, PetscInt columns, const PetscReal *a, PetscReal *u, PetscReal *s, PetscReal *vt)
{
  const PetscInt64 size    = (PetscInt64)rows * columns;
  const size_t     k       = (size_t)PetscMin(rows, columns);
  PetscBool        vectors = u || vt ? PETSC_TRUE : PETSC_FALSE, bad = PETSC_FALSE;
  PetscReal       *copy, *spare_u = NULL, *spare_vt = NULL, *spare_s = NULL;
  TesBlasInt       info;

  PetscFunctionBegin;
  if (!k) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesCheckFinite(size, a, "singular value decomposition"));
  PetscCall(PetscMalloc1(size, &copy));
  if (vectors && !u) PetscCall(PetscMalloc1(k * rows, &spare_u));
  if (vectors && !vt) PetscCall(PetscMalloc1(k * columns, &spare_vt));
  if (!s) PetscCall(PetscMalloc1(k, &spare_s));
  if (!u) u = spare_u;
  if (!vt) vt = spare_vt;
  if (!s) s = spare_s;
  PetscCall(PetscArraycpy(copy, a, size));
  PetscCall(TrySVD(PETSC_TRUE, rows, columns, copy, vectors, vt, s, u, &info));
  PetscCheck(info >= 0, PETSC_COMM_SELF, PETSC_ERR_LIB, "dgesdd: argument %d is illegal", -(int)info);
  for (size_t i = 0; i < k && !info; i++) bad = PetscIsInfOrNanReal(s[i]) ? PETSC_TRUE : bad;
  if (info || bad) {
    PetscCall(PetscInfo(NULL, "dgesdd did not converge on a %" PetscInt_FMT " x %" PetscInt_FMT " matrix: dgesvd instead\n", rows, columns));
    PetscCall(PetscArraycpy(copy, a, size));
    PetscCall(TrySVD(PETSC_FALSE, rows, columns, copy, vectors, vt, s, u, &info));
    TesCheckInfo(info, "dgesvd");
  }
  PetscCall(PetscFree(copy));
  PetscCall(PetscFree(spare_u));
  PetscCall(PetscFree(spare_vt));
  PetscCall(PetscFree(spare_s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* LQ of what lies in memory: on return the lower triangle of LAPACK's view is R' and the rest the reflectors */
static PetscErrorCode FactorLQ(TesBlasInt m, TesBlasInt n, PetscReal *a, PetscReal *tau, PetscBool form_q)
{
  TesBlasInt lwork = -1, info, k = PetscMin(m, n);
  PetscReal  size, *work = &size;

  PetscFunctionBegin;
  for (PetscInt query = 1; query >= 0; query--) {
    if (form_q) TesCallLapack(dorglq, &k, &n, &k, a, &m, tau, work, &lwork, &info);
    else TesCallLapack(dgelqf, &m, &n, a, &m, tau, work, &lwork, &info);
    TesCheckInfo(info, form_q ? "dorglq" : "dgelqf");
    if (query) {
      lwork = (TesBlasInt)size + 1;
      PetscCall(PetscMalloc1((size_t)lwork, &work));
    }
  }
  PetscCall(PetscFree(work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesQR(PetscInt rows, PetscInt columns, const PetscReal *a, PetscReal *q, PetscReal *r)
{
  TesBlasInt m, n;
  PetscReal *w, *tau;

  PetscFunctionBegin;
  PetscCheck(rows >= columns, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "thin QR wants rows >= columns, not %" PetscInt_FMT " x %" PetscInt_FMT, rows, columns);
  if (!columns) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscBLASIntCast(columns, &m));
  PetscCall(PetscBLASIntCast(rows, &n));
  PetscCall(PetscMalloc1(columns, &tau));
  w = q;
  if (!q) PetscCall(PetscMalloc1((size_t)rows * columns, &w));
  PetscCall(PetscArraycpy(w, a, (size_t)rows * columns));
  PetscCall(FactorLQ(m, n, w, tau, PETSC_FALSE));
  for (PetscInt i = 0; i < columns; i++) { /* R[i][j] = L(j, i), which lies at w[i * columns + j] */
    PetscReal sign = w[(size_t)i * columns + i] < 0 ? -1 : 1;

    for (PetscInt j = 0; j < columns; j++) r[(size_t)i * columns + j] = j < i ? 0 : sign * w[(size_t)i * columns + j];
  }
  if (q) {
    PetscReal *sign;

    PetscCall(PetscMalloc1(columns, &sign));
    for (PetscInt i = 0; i < columns; i++) sign[i] = w[(size_t)i * columns + i] < 0 ? -1 : 1;
    PetscCall(FactorLQ(m, n, w, tau, PETSC_TRUE));
    for (PetscInt i = 0; i < rows; i++)
      for (PetscInt j = 0; j < columns; j++) w[(size_t)i * columns + j] *= sign[j];
    PetscCall(PetscFree(sign));
  } else PetscCall(PetscFree(w));
  PetscCall(PetscFree(tau));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFactorBeside(PetscInt rows, PetscInt columns, PetscInt extra, PetscReal *a, PetscReal *r, PetscReal *qtb)
{
  const PetscInt width = columns + extra;
  TesBlasInt     m, n;
  PetscReal     *tau;

  PetscFunctionBegin;
  PetscCheck(rows >= columns, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "QR of %" PetscInt_FMT " x %" PetscInt_FMT, rows, columns);
  PetscCall(PetscBLASIntCast(width, &m));
  PetscCall(PetscBLASIntCast(rows, &n));
  PetscCall(PetscMalloc1(width, &tau));
  PetscCall(FactorLQ(m, n, a, tau, PETSC_FALSE));
  for (PetscInt i = 0; i < columns; i++) {
    for (PetscInt j = 0; j < columns; j++) r[(size_t)i * columns + j] = j < i ? 0 : a[(size_t)i * width + j];
    for (PetscInt j = 0; j < extra; j++) qtb[(size_t)i * extra + j] = a[(size_t)i * width + columns + j];
  }
  PetscCall(PetscFree(tau));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The null space in Q of E' = Q R, with the caller's room: q [n][n], tau [rows], work [lwork] */
static PetscErrorCode CompleteQ(PetscInt rows, PetscInt n, const PetscReal *e, PetscReal *z, TesBlasInt lwork, PetscReal *q, PetscReal *tau, PetscReal *work)
{
  TesBlasInt bn = (TesBlasInt)n, br = (TesBlasInt)rows, info;
  PetscReal  smallest = PETSC_MAX_REAL, largest = 0;

  PetscFunctionBegin;
  PetscCall(PetscArrayzero(q, (size_t)n * n));
  if (rows) { /* E in memory is E' (n x rows) for LAPACK: its complete Q, without the first `rows` columns */
    PetscCall(PetscArraycpy(q, e, (size_t)rows * n));
    TesCallLapack(dgeqrf, &bn, &br, q, &bn, tau, work, &lwork, &info);
    TesCheckInfo(info, "dgeqrf");
    for (PetscInt i = 0; i < rows; i++) {
      smallest = PetscMin(smallest, PetscAbsReal(q[(size_t)i * n + i]));
      largest  = PetscMax(largest, PetscAbsReal(q[(size_t)i * n + i]));
    }
    PetscCheck(smallest > n * DBL_EPSILON * largest, PETSC_COMM_SELF, TES_ERR_NUMBERS,
               "null space of a matrix that lacks full rank (diagonal of R from %g to %g): two conditions say the same", (double)smallest, (double)largest);
  }
  TesCallLapack(dorgqr, &bn, &bn, &br, q, &bn, tau, work, &lwork, &info);
  TesCheckInfo(info, "dorgqr");
  TesTransposeSmall(n - rows, n, q + (size_t)rows * n, z);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesNullSpace(PetscInt rows, PetscInt n, const PetscReal *e, PetscReal *z)
{
  TesBlasInt     bn, lwork;
  PetscReal     *q, *tau, *work;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCheck(rows >= 0 && rows < n, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "null space of %" PetscInt_FMT " x %" PetscInt_FMT " wants rows < columns", rows, n);
  PetscCall(TesCheckFinite((PetscInt64)rows * n, e, "null space"));
  PetscCall(PetscBLASIntCast(n, &bn));
  lwork = 64 * bn; /* 64: the block size of LAPACK's QR, enough for its blocked code */
  PetscCall(PetscMalloc3((size_t)n * n, &q, PetscMax(rows, 1), &tau, (size_t)lwork, &work));
  ierr = CompleteQ(rows, n, e, z, lwork, q, tau, work);
  PetscCall(PetscFree3(q, tau, work));
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesLUSolve(PetscInt n, PetscInt n_rhs, const PetscReal *a, PetscReal *b)
{
  const size_t nn = (size_t)n * n, nr = (size_t)n * n_rhs;
  char         equed = 'N';
  TesBlasInt   bn, br, info, *pivot, *iwork;
  PetscReal   *copy, *factor, *rhs, *x, *scale, *work, *error, rcond = 0;

  PetscFunctionBegin;
  if (!n || !n_rhs) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesCheckFinite((PetscInt64)nn, a, "matrix of a linear system"));
  PetscCall(PetscBLASIntCast(n, &bn));
  PetscCall(PetscBLASIntCast(n_rhs, &br));
  PetscCall(PetscMalloc4(nn, &copy, nn, &factor, nr, &rhs, nr, &x));
  PetscCall(PetscMalloc5(2 * (size_t)n, &scale, 4 * (size_t)n, &work, 2 * (size_t)n_rhs, &error, n, &pivot, n, &iwork));
  PetscCall(PetscArraycpy(copy, a, nn));
  TesTransposeSmall(n, n_rhs, b, rhs);
  /* equilibration by powers of the radix, LU with partial pivoting, iterative refinement; "T" because memory holds A' */
  TesCallLapack(dgesvx, "E", "T", &bn, &br, copy, &bn, factor, &bn, pivot, &equed, scale, scale + n, rhs, &bn, x, &bn, &rcond, error,
                                             error + n_rhs, work, iwork, &info);
  if (info == 0) TesTransposeSmall(n_rhs, n, x, b);
  PetscCall(PetscFree4(copy, factor, rhs, x));
  PetscCall(PetscFree5(scale, work, error, pivot, iwork));
  PetscCheck(info >= 0, PETSC_COMM_SELF, PETSC_ERR_LIB, "dgesvx: argument %d is illegal", -(int)info);
  PetscCheck(info == 0, PETSC_COMM_SELF, TES_ERR_NUMBERS, "linear system of %" PetscInt_FMT " unknowns is singular to working precision (1/cond = %g)", n, (double)rcond);
  PetscFunctionReturn(PETSC_SUCCESS);
}
