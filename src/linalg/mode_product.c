/* Products of a matrix with one dimension of an array: out[.., p, ..] = sum_i m[p][i] in[.., i, ..].

   An array with x fastest is seen as [outer][n][inner], inner = sizes before the dimension, outer = sizes after it. For the fastest dimension (inner = 1) this
   is one product in M' with `outer` rows; for the others it is one product M B with B [n][inner] for each outer index. Nothing is transposed or
   copied. 2 rows n inner outer flops at DGEMM's rate unless inner is below about 8. */
#include "linalg_impl.h"

#include <tessera/linalg.h>

/* rows of one DGEMM where the number of rows is only limited by the integer of BLAS */
#define MAX_ROWS (1 << 24)

PetscErrorCode TesModeProductAdd(PetscInt dim, const PetscInt64 n[], PetscInt which, PetscInt rows, const PetscReal *m, const PetscReal *in, PetscReal beta,
                                 PetscReal *out)
{
  PetscInt64 inner = 1, outer = 1;
  PetscInt   k;

  PetscFunctionBegin;
  PetscCheck(which >= 0 && which < dim, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "mode product along dimension %" PetscInt_FMT " of %" PetscInt_FMT, which, dim);
  for (PetscInt d = 0; d < which; d++) inner *= n[d];
  for (PetscInt d = which + 1; d < dim; d++) outer *= n[d];
  PetscCall(PetscIntCast(n[which], &k));
  if (inner == 1) {
    for (PetscInt64 first = 0; first < outer; first += MAX_ROWS) {
      PetscInt count = (PetscInt)PetscMin(outer - first, MAX_ROWS);

      PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, count, rows, k, 1, in + first * k, m, beta, out + first * rows));
    }
  } else {
    PetscInt columns;

    PetscCall(PetscIntCast(inner, &columns));
    for (PetscInt64 o = 0; o < outer; o++) PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, rows, columns, k, 1, m, in + o * k * inner, beta, out + o * rows * inner));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesModeProduct(PetscInt dim, const PetscInt64 n[], PetscInt which, PetscInt rows, const PetscReal *m, const PetscReal *in, PetscReal *out)
{
  PetscFunctionBegin;
  PetscCall(TesModeProductAdd(dim, n, which, rows, m, in, 0, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}
