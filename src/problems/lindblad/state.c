/* Density matrices: how they begin, what is read from them.

   Pauli layout: the whole matrix comes from x by one 4 -> 4 transform per site. Dense matrices are formed for small state spaces and for reduced states only; every rank forms the
   same one. Hermitian eigenvalues through the real symmetric matrix [[R, -M], [M, R]], whose spectrum is that of R + i M twice. */
#include <math.h>
#include <string.h>
#include "liouville.h"
#include "pauli.h"
#include <petscblaslapack.h>

/* entry of a density matrix in the ket-bra layout */
static double KetbraEntry(const LbComplex value, PetscInt64 i, PetscInt64 j)
{
  return i >= j ? creal(value) : cimag(value);
}

PetscErrorCode LbStateProduct(const LbSpace *space, const LbModel *model, const LbComplex *const rho[], LbVec *x)
{
  PetscFunctionBegin;
  if (space->pauli) {
    double(*v)[4];

    PetscCall(PetscMalloc1(model->n_sites, &v));
    for (int m = 0; m < model->n_sites; m++) {
      v[m][0] = creal(rho[m][0] + rho[m][3]);
      v[m][1] = creal(rho[m][1] + rho[m][2]);
      v[m][2] = creal(LB_I * (rho[m][1] - rho[m][2]));
      v[m][3] = creal(rho[m][0] - rho[m][3]);
    }
    for (PetscInt64 k = 0; k < space->part.n_local; k++) {
      double     value = 1;
      PetscInt64 index = space->part.first + k;

      for (int m = 0; m < model->n_sites && value != 0; m++) value *= v[m][(index >> (2 * m)) & 3];
      x->own[k] = value;
    }
    PetscCall(PetscFree(v));
  } else {
    for (PetscInt64 k = 0; k < space->part.n_local; k++) {
      const PetscInt64 i = (space->part.first + k) / space->n, j = (space->part.first + k) % space->n;
      LbComplex        value = 1;
      PetscInt64       a = i, b = j;

      for (int m = 0; m < model->n_sites && value != 0; m++) {
        const int d = model->dim[m];

        value *= rho[m][(a % d) * d + b % d];
        a /= d;
        b /= d;
      }
      x->own[k] = KetbraEntry(value, i, j);
    }
  }
  PetscCall(LbFence(space));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the bits of a row number at the even places */
static inline PetscInt64 Spread(PetscInt64 i)
{
  uint64_t x = (uint64_t)i & 0xffffffffu;

  x = (x | x << 16) & 0x0000ffff0000ffffu;
  x = (x | x << 8) & 0x00ff00ff00ff00ffu;
  x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
  x = (x | x << 2) & 0x3333333333333333u;
  return (PetscInt64)((x | x << 1) & 0x5555555555555555u);
}

/* x from a matrix of n_sites qubits by one transform per site: pairs (row bit, column bit) become codes; in place on a copy ordered by bit pairs */
static PetscErrorCode PauliFromMatrix(const LbSpace *space, int n_sites, const LbComplex *rho, LbVec *x)
{
  const PetscInt64 n = space->n, size = n * n;
  LbComplex       *v;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(size, &v));
  for (PetscInt64 i = 0; i < n; i++)
    for (PetscInt64 j = 0; j < n; j++) v[Spread(i) | Spread(j) << 1] = rho[i * n + j];
  for (int m = 0; m < n_sites; m++) {
    const PetscInt64 stride = (PetscInt64)1 << (2 * m);

    for (PetscInt64 k = 0; k < size; k++) {
      if ((k >> (2 * m)) & 3) continue;
      {
        const LbComplex a = v[k], lower = v[k + stride], upper = v[k + 2 * stride], d = v[k + 3 * stride]; /* rho_00, rho_10, rho_01, rho_11 */

        v[k]              = a + d;
        v[k + stride]     = upper + lower;
        v[k + 2 * stride] = LB_I * (upper - lower);
        v[k + 3 * stride] = a - d;
      }
    }
  }
  for (PetscInt64 k = 0; k < space->part.n_local; k++) x->own[k] = creal(v[space->part.first + k]);
  PetscCall(PetscFree(v));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbStateFromMatrix(const LbSpace *space, const LbModel *model, const LbComplex *rho, LbVec *x)
{
  PetscFunctionBegin;
  if (space->pauli) PetscCall(PauliFromMatrix(space, model->n_sites, rho, x));
  else
    for (PetscInt64 k = 0; k < space->part.n_local; k++) {
      const PetscInt64 i = (space->part.first + k) / space->n, j = (space->part.first + k) % space->n;

      x->own[k] = KetbraEntry(0.5 * (rho[i * space->n + j] + conj(rho[j * space->n + i])), i, j);
    }
  PetscCall(LbFence(space));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PauliReduced(const LbSpace *space, const LbVec *x, int k, const int site[], LbComplex *rho)
{
  const PetscInt64 n = (PetscInt64)1 << k, size = n * n;
  LbComplex       *v = rho; /* transformed in pairs, then put in order by the caller */
  PetscInt64      *index;
  PetscReal       *entry;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(size, &index, size, &entry));
  for (PetscInt64 a = 0; a < size; a++) {
    index[a] = 0;
    for (int s = 0; s < k; s++) index[a] |= ((a >> (2 * s)) & 3) << (2 * site[s]);
  }
  PetscCall(LbFetch(space, x, size, index, entry));
  for (PetscInt64 a = 0; a < size; a++) v[a] = entry[a];
  PetscCall(PetscFree2(index, entry));
  for (int s = 0; s < k; s++) {
    const PetscInt64 stride = (PetscInt64)1 << (2 * s);

    for (PetscInt64 a = 0; a < size; a++) {
      if ((a >> (2 * s)) & 3) continue;
      {
        const LbComplex one = v[a], xx = v[a + stride], yy = v[a + 2 * stride], zz = v[a + 3 * stride];

        v[a]              = 0.5 * (one + zz);
        v[a + stride]     = 0.5 * (xx + LB_I * yy); /* rho_10 */
        v[a + 2 * stride] = 0.5 * (xx - LB_I * yy); /* rho_01 */
        v[a + 3 * stride] = 0.5 * (one - zz);
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbStateMatrix(const LbSpace *space, const LbModel *model, const LbVec *x, int k, const int site[], LbComplex *rho)
{
  PetscInt64  size = 1, stride[64], n = space->n, *index;
  PetscReal (*entry)[2]; /* X_ij and X_ji */

  PetscFunctionBegin;
  for (int s = 0; s < k; s++) size *= model->dim[site[s]];
  if (space->pauli) {
    LbComplex *v;

    PetscCall(PetscMalloc1(size * size, &v));
    PetscCall(PauliReduced(space, x, k, site, v));
    for (PetscInt64 i = 0; i < size; i++)
      for (PetscInt64 j = 0; j < size; j++) rho[i * size + j] = v[Spread(i) | Spread(j) << 1];
    PetscCall(PetscFree(v));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(PetscArrayzero(rho, size * size));
  PetscCall(PetscMalloc2(2 * size * size, &index, size * size, &entry));
  for (int s = 0; s < k; s++) stride[s] = LbStride(model, site[s]);
  for (PetscInt64 full = 0; full < n; full++) { /* full: codes of the other sites, with zeros on these */
    PetscBool base = PETSC_TRUE;

    for (int s = 0; s < k; s++)
      if (full / stride[s] % model->dim[site[s]]) base = PETSC_FALSE;
    if (!base) continue;
    for (PetscInt64 a = 0; a < size; a++)
      for (PetscInt64 b = 0; b < size; b++) {
        PetscInt64 i = full, j = full, p = a, q = b;

        for (int s = 0; s < k; s++) {
          const int d = model->dim[site[s]];

          i += (p % d) * stride[s];
          j += (q % d) * stride[s];
          p /= d;
          q /= d;
        }
        index[2 * (a * size + b)]     = i * n + j;
        index[2 * (a * size + b) + 1] = j * n + i;
      }
    PetscCall(LbFetch(space, x, 2 * size * size, index, entry[0]));
    for (PetscInt64 a = 0; a < size * size; a++) {
      const PetscInt64 i = index[2 * a] / n, j = index[2 * a] % n;

      rho[a] += i == j ? entry[a][0] : i > j ? entry[a][0] - LB_I * entry[a][1] : entry[a][1] + LB_I * entry[a][0];
    }
  }
  PetscCall(PetscFree2(index, entry));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbEigenvalues(int n, const LbComplex *matrix, PetscReal *lambda)
{
  PetscReal   *a, *w, *work;
  PetscBLASInt n2 = 2 * n, lwork = 8 * n2, info;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3((size_t)n2 * n2, &a, n2, &w, lwork, &work));
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      const double r = creal(matrix[i * n + j]), m = cimag(matrix[i * n + j]);

      a[(size_t)i * n2 + j]           = r;
      a[(size_t)(i + n) * n2 + j + n] = r;
      a[(size_t)i * n2 + j + n]       = -m;
      a[(size_t)(i + n) * n2 + j]     = m;
    }
  LAPACKsyev_("N", "U", &n2, a, &n2, w, work, &lwork, &info);
  PetscCheck(!info, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the eigenvalues of a density matrix were not found (dsyev: %d)", (int)info);
  for (int i = 0; i < n; i++) lambda[i] = 0.5 * (w[2 * i] + w[2 * i + 1]);
  PetscCall(PetscFree3(a, w, work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* complex Hermitian eigenproblem of LAPACK, which PETSc's real build does not declare */
extern void zheevd_(const char *, const char *, const PetscBLASInt *, LbComplex *, const PetscBLASInt *, double *, LbComplex *, const PetscBLASInt *, double *, const PetscBLASInt *, PetscBLASInt *,
                    const PetscBLASInt *, PetscBLASInt *);
extern void dsyevd_(const char *, const char *, const PetscBLASInt *, double *, const PetscBLASInt *, double *, double *, const PetscBLASInt *, PetscBLASInt *, const PetscBLASInt *, PetscBLASInt *);

PetscErrorCode LbHermitianEigen(int n, const LbComplex *matrix, PetscReal *lambda, PetscReal *re, PetscReal *im)
{
  const size_t  nn = (size_t)n * n;
  PetscBLASInt  bn = n, info, lwork = 2 * n * n + 6 * n + 1, liwork = 5 * n + 3, *iwork;
  PetscReal    *work, *a;
  LbComplex    *z, *zwork;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(lwork, &work, liwork, &iwork));
  if (!im) {
    PetscCall(PetscMalloc1(nn, &a));
    for (size_t e = 0; e < nn; e++) a[e] = creal(matrix[e]);
    dsyevd_("V", "U", &bn, a, &bn, lambda, work, &lwork, iwork, &liwork, &info);
    for (int c = 0; c < n; c++)
      for (int i = 0; i < n; i++) re[(size_t)i * n + c] = a[(size_t)c * n + i];
    PetscCall(PetscFree(a));
  } else { /* rows here are columns there: the eigenvectors of the conjugate matrix */
    PetscBLASInt lzwork = n * n + 2 * n;

    PetscCall(PetscMalloc2(nn, &z, lzwork, &zwork));
    PetscCall(PetscArraycpy(z, matrix, nn));
    zheevd_("V", "U", &bn, z, &bn, lambda, zwork, &lzwork, work, &lwork, iwork, &liwork, &info);
    for (int c = 0; c < n; c++)
      for (int i = 0; i < n; i++) {
        re[(size_t)i * n + c] = creal(z[(size_t)c * n + i]);
        im[(size_t)i * n + c] = -cimag(z[(size_t)c * n + i]);
      }
    PetscCall(PetscFree2(z, zwork));
  }
  PetscCheck(!info, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the eigenvectors of H were not found (info %d)", (int)info);
  PetscCall(PetscFree2(work, iwork));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbEntropy(int n, const LbComplex *rho, PetscReal *entropy, PetscReal *smallest)
{
  PetscReal *lambda;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(n, &lambda));
  PetscCall(LbEigenvalues(n, rho, lambda));
  *entropy  = 0;
  *smallest = lambda[0];
  for (int i = 0; i < n; i++)
    if (lambda[i] > 0) *entropy -= lambda[i] * PetscLogReal(lambda[i]);
  PetscCall(PetscFree(lambda));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* entries of the diagonal of the ket-bra layout, on every rank */
static PetscErrorCode Diagonal(const LbSpace *space, const LbVec *x, PetscReal **diagonal)
{
  PetscInt64 *index;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(space->n, &index));
  PetscCall(PetscMalloc1(space->n, diagonal));
  for (PetscInt64 i = 0; i < space->n; i++) index[i] = i * space->n + i;
  PetscCall(LbFetch(space, x, space->n, index, *diagonal));
  PetscCall(PetscFree(index));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbTrace(const LbSpace *space, const LbVec *x, PetscReal *trace)
{
  PetscFunctionBegin;
  *trace = 0;
  if (space->pauli) PetscCall(LbFetch(space, x, 1, NULL, trace));
  else {
    PetscReal *diagonal;

    PetscCall(Diagonal(space, x, &diagonal));
    for (PetscInt64 i = 0; i < space->n; i++) *trace += diagonal[i];
    PetscCall(PetscFree(diagonal));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPurity(const LbSpace *space, const LbVec *x, PetscReal *purity)
{
  PetscReal all, sum = 0;

  PetscFunctionBegin;
  PetscCall(LbDot(space, x, x, &all));
  if (space->pauli) *purity = all / (PetscReal)space->n;
  else {
    PetscReal *diagonal;

    PetscCall(Diagonal(space, x, &diagonal));
    for (PetscInt64 i = 0; i < space->n; i++) sum += diagonal[i] * diagonal[i];
    PetscCall(PetscFree(diagonal));
    *purity = 2 * all - sum;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
