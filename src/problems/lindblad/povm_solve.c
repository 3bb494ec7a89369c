/* The linear system of the flow, in the smaller of its two forms:  (X X^T + lambda) y = f  with m <= P rows, else  (X^T X + lambda) v = X^T f,  lambda = reg trace; X^T y = v by the push-through identity.

   The matrix is made of tiles of 128 x 128 numbers, dealt out in turn; each is one product of fixed shape, whole on one rank, and the sum over ranks adds zeros to it. Cholesky likewise: block columns from
   the left, the rows of a block column dealt out in tiles, each finished by one rank. If it fails the ridge is raised tenfold. m^2 P + m^3 / 3 multiplications and additions. */
#include <math.h>
#include "povm_flow.h"
#include <petscblaslapack.h>

#define TILE 128

static PetscErrorCode Gemm(char ta, char tb, int m, int n, int k, PetscReal alpha, const double *a, int lda, const double *b, int ldb, PetscReal beta, double *c, int ldc)
{
  const char   op[2] = {ta, tb};
  PetscBLASInt bm = m, bn = n, bk = k, la = lda, lb = ldb, lc = ldc;

  PetscFunctionBegin;
  PetscCallBLAS("BLASgemm", BLASgemm_(&op[0], &op[1], &bm, &bn, &bk, &alpha, a, &la, b, &lb, &beta, c, &lc));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* column-major, lower triangle of tiles; x as a column-major matrix is [p] rows, m columns */
static PetscErrorCode Gram(MPI_Comm comm, int m, int p, const double *x, int n, double *g)
{
  const int tiles = (n + TILE - 1) / TILE;
  int       rank, size, next = 0;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscCall(PetscArrayzero(g, (size_t)n * (size_t)n));
  for (int j = 0; j < tiles; j++)
    for (int i = j; i < tiles; i++, next++) {
      const int r = i * TILE, c = j * TILE, nr = PetscMin(TILE, n - r), nc = PetscMin(TILE, n - c);
      double   *to = g + (size_t)c * (size_t)n + (size_t)r;

      if (next % size != rank) continue;
      if (n == m) PetscCall(Gemm('T', 'N', nr, nc, p, 1, x + (size_t)r * (size_t)p, p, x + (size_t)c * (size_t)p, p, 0, to, n));
      else PetscCall(Gemm('N', 'T', nr, nc, m, 1, x + r, p, x + c, p, 0, to, n));
    }
  if (size > 1)
    for (int c = 0; c < n; c += TILE) PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, g + (size_t)c * (size_t)n + c, (PetscMin(TILE, n - c) - 1) * n + n - c, MPI_DOUBLE, MPI_SUM, comm)); /* what lies above the tiles is 0 */
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* tiles of rows of one block column that this rank has finished -> all ranks */
static PetscErrorCode Share(MPI_Comm comm, int rank, int size, int n, int c, int nc, double *l, double *buffer)
{
  const int first = c / TILE, tiles = (n + TILE - 1) / TILE;

  PetscFunctionBegin;
  if (size == 1) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscArrayzero(buffer, (size_t)(n - c) * (size_t)nc));
  for (int i = first; i < tiles; i++) {
    const int r = i * TILE, nr = PetscMin(TILE, n - r);

    for (int k = 0; (i - first) % size == rank && k < nc; k++) PetscCall(PetscArraycpy(buffer + (size_t)k * (size_t)(n - c) + (size_t)(r - c), l + (size_t)(c + k) * (size_t)n + (size_t)r, nr));
  }
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, buffer, (n - c) * nc, MPI_DOUBLE, MPI_SUM, comm));
  for (int k = 0; k < nc; k++) PetscCall(PetscArraycpy(l + (size_t)(c + k) * (size_t)n + (size_t)c, buffer + (size_t)k * (size_t)(n - c), n - c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* l holds the matrix (lower) and becomes its Cholesky factor; good: all pivots were positive */
static PetscErrorCode Factor(MPI_Comm comm, int n, double *l, double *buffer, PetscBool *good)
{
  const int tiles = (n + TILE - 1) / TILE;
  int       rank, size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  *good = PETSC_TRUE;
  for (int j = 0; j < tiles; j++) {
    const int    c = j * TILE, nc = PetscMin(TILE, n - c);
    PetscBLASInt bn = nc, ld = n, info = 0;
    PetscReal    one = 1;

    for (int i = j; c && i < tiles; i++) {
      const int r = i * TILE, nr = PetscMin(TILE, n - r);

      if ((i - j) % size == rank) PetscCall(Gemm('N', 'T', nr, nc, c, -1, l + r, n, l + c, n, 1, l + (size_t)c * (size_t)n + (size_t)r, n));
    }
    if (c) PetscCall(Share(comm, rank, size, n, c, nc, l, buffer));
    PetscCallBLAS("LAPACKpotrf", LAPACKpotrf_("L", &bn, l + (size_t)c * (size_t)n + (size_t)c, &ld, &info));
    if (info) {
      *good = PETSC_FALSE;
      break;
    }
    for (int i = j; i < tiles; i++) { /* tile j, the factor itself, is given out by its owner along with the others */
      const int    r  = i * TILE;
      PetscBLASInt br = PetscMin(TILE, n - r);

      if (i > j && (i - j) % size == rank) PetscCallBLAS("BLAStrsm", BLAStrsm_("R", "L", "T", "N", &br, &bn, &one, l + (size_t)c * (size_t)n + (size_t)c, &ld, l + (size_t)c * (size_t)n + (size_t)r, &ld));
    }
    if (j + 1 < tiles) PetscCall(Share(comm, rank, size, n, c, nc, l, buffer));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbGramSolve(MPI_Comm comm, int m, int p, const double *x, const double *f, PetscReal reg, double *y, int *retries, PetscReal *lambda)
{
  const int    n = PetscMin(m, p);
  double      *g, *l, *buffer;
  PetscReal    trace = 0;
  PetscBool    good = PETSC_FALSE;
  PetscBLASInt bn = n, one = 1, info;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3((size_t)n * (size_t)n, &g, (size_t)n * (size_t)n, &l, (size_t)n * TILE, &buffer));
  PetscCall(Gram(comm, m, p, x, n, g));
  for (int i = 0; i < n; i++) trace += g[(size_t)i * (size_t)n + (size_t)i];
  *lambda  = reg * trace;
  *retries = 0;
  if (!(trace > 0) || !isfinite(trace)) { /* nothing moves, or nothing is known: the caller looks at the rates */
    PetscCall(PetscArrayzero(y, n));
    if (!isfinite(trace)) y[0] = trace;
    PetscCall(PetscFree3(g, l, buffer));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (; !good && *retries < 12; (*retries)++) {
    PetscCall(PetscArraycpy(l, g, (size_t)n * (size_t)n));
    for (int i = 0; i < n; i++) l[(size_t)i * (size_t)n + (size_t)i] += *lambda;
    PetscCall(Factor(comm, n, l, buffer, &good));
    if (!good) *lambda = PetscMax(10 * *lambda, 1e-15 * trace);
  }
  (*retries)--;
  if (!good) {
    for (int i = 0; i < n; i++) y[i] = NAN;
    PetscCall(PetscFree3(g, l, buffer));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (m <= p) PetscCall(PetscArraycpy(y, f, m));
  else
    for (int i = 0; i < p; i++) {
      y[i] = 0;
      for (int s = 0; s < m; s++) y[i] += x[(size_t)s * (size_t)p + (size_t)i] * f[s];
    }
  PetscCallBLAS("LAPACKpotrs", LAPACKpotrs_("L", &bn, &one, l, &bn, y, &bn, &info));
  PetscCall(PetscFree3(g, l, buffer));
  PetscFunctionReturn(PETSC_SUCCESS);
}
