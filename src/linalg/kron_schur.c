/* Kronecker sums whose eigenvectors are too ill-conditioned: real Schur form.

   A_d = Q_d T_d Q_d' with Q_d orthogonal and T_d upper triangular up to 2 x 2 blocks (dgees). In the coordinates y = (Q_1' x Q_0') g
     one dimension:  (T_0 + shift) y = b,                       a Sylvester equation with a 1 x 1 second matrix;
     two dimensions: (T_0 + shift) Y + Y T_1' = B,  Y [r_0][r_1] column-major, which is our row-major y[r_1][r_0]
   solved by back substitution (dtrsyl). Orthogonal coordinates only: backward stable whatever the eigenvectors are. r_0 r_1 (r_0 + r_1) flops at the speed of
   vector operations. Three dimensions would need a recursion over the blocks of the third factor and are refused by the caller. */
#include "kron_sum.h"
#include "linalg_impl.h"

PetscErrorCode TesKronSchurSetUp(TesKronSum k)
{
  PetscFunctionBegin;
  for (PetscInt d = 0; d < k->dim; d++) {
    const size_t rr = (size_t)k->r[d] * k->r[d];
    TesBlasInt   n, sorted, lwork = -1, info;
    PetscReal    size, *work = &size;

    PetscCall(PetscBLASIntCast(k->r[d], &n));
    PetscCall(PetscMalloc1(rr, &k->t[d]));
    TesTransposeSmall(k->r[d], k->r[d], k->a[d], k->t[d]);
    for (PetscInt query = 1; query >= 0; query--) {
      TesCallLapack(dgees, "V", "N", NULL, &n, k->t[d], &n, &sorted, k->wr[d], k->wi[d], k->vi[d], &n, work, &lwork, NULL, &info);
      TesCheckInfo(info, "dgees");
      if (query) {
        lwork = (TesBlasInt)size + 1;
        PetscCall(PetscMalloc1((size_t)lwork, &work));
      }
    }
    PetscCall(PetscFree(work));
    TesTransposeSmall(k->r[d], k->r[d], k->vi[d], k->v[d]); /* column-major Q in memory is row-major Q' */
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKronSchurSolve(TesKronSum k, PetscReal *y)
{
  TesBlasInt m, n, info;
  PetscReal  scale;
  PetscInt   r0 = k->r[0];

  PetscFunctionBegin;
  PetscCall(PetscBLASIntCast(r0, &m));
  PetscCall(PetscBLASIntCast(k->r[1], &n));
  if (k->dim == 1) TesCallLapack(dtrsyl, "N", "N", (TesBlasInt[]){1}, &m, &n, k->t[0], &m, &k->shift, &n, y, &m, &scale, &info);
  else {
    for (PetscInt i = 0; i < r0; i++) k->t[0][(size_t)i * (r0 + 1)] += k->shift; /* both diagonal entries of a 2 x 2 block: it stays in standard form */
    TesCallLapack(dtrsyl, "N", "T", (TesBlasInt[]){1}, &m, &n, k->t[0], &m, k->t[1], &n, y, &m, &scale, &info);
    for (PetscInt i = 0; i < r0; i++) k->t[0][(size_t)i * (r0 + 1)] -= k->shift;
  }
  TesCheckInfo(info, "dtrsyl");
  if (scale != 1)
    for (PetscInt64 i = 0; i < k->total; i++) y[i] /= scale;
  PetscFunctionReturn(PETSC_SUCCESS);
}
