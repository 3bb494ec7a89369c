/* Eigenvalues and right eigenvectors of a real matrix.

   dgeev scales each eigenvector to 2-norm 1 and stores a conjugate pair as two real columns, Re v and Im v. With W the matrix of these columns, the columns
   of pairs multiplied by sqrt 2, the complex eigenvector matrix is V = W Q with Q unitary: [v, conj v] = sqrt 2 [Re v, Im v] (1/sqrt 2) [[1, 1], [i, -i]].
   So cond(V) = cond(W): a real singular value decomposition gives the condition of the complex matrix. Cost 25 n^3 (dgeev) + 8/3 n^3. */
#include "linalg_impl.h"

#include <tessera/linalg.h>

PetscErrorCode TesEigenPacked(PetscInt n, const PetscReal *a, PetscReal *wr, PetscReal *wi, PetscReal *v, PetscReal *cond_v)
{
  const size_t nn = (size_t)n * n;
  TesBlasInt   bn, one = 1, lwork = -1, info;
  PetscReal   *copy, *s, left, size, *work = &size;

  PetscFunctionBegin;
  if (cond_v) *cond_v = 1;
  if (!n) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesCheckFinite((PetscInt64)nn, a, "eigenvalue problem"));
  PetscCall(PetscBLASIntCast(n, &bn));
  PetscCall(PetscMalloc2(nn, &copy, n, &s));
  TesTransposeSmall(n, n, a, copy);
  for (PetscInt query = 1; query >= 0; query--) {
    TesCallLapack(dgeev, "N", "V", &bn, copy, &bn, wr, wi, &left, &one, v, &bn, work, &lwork, &info);
    TesCheckInfo(info, "dgeev");
    if (query) {
      lwork = (TesBlasInt)size + 1;
      PetscCall(PetscMalloc1((size_t)lwork, &work));
    }
  }
  PetscCall(PetscFree(work));
  if (cond_v) {
    PetscCall(PetscArraycpy(copy, v, nn));
    for (PetscInt j = 0; j < n; j++)
      if (wi[j] != 0)
        for (PetscInt i = 0; i < n; i++) copy[(size_t)j * n + i] *= PETSC_SQRT2;
    PetscCall(TesSVD(n, n, copy, NULL, s, NULL));
    *cond_v = s[n - 1] > 0 ? s[0] / s[n - 1] : PETSC_INFINITY;
  }
  PetscCall(PetscFree2(copy, s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesEigen(PetscInt n, const PetscReal *a, PetscReal *lambda, PetscReal *v, PetscReal *cond_v)
{
  PetscReal *wr, *wi, *packed;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3(n, &wr, n, &wi, (size_t)n * n, &packed));
  PetscCall(TesEigenPacked(n, a, wr, wi, packed, cond_v));
  for (PetscInt j = 0; j < n; j++) {
    PetscInt  re   = wi[j] < 0 ? j - 1 : j; /* the member of a pair with Im > 0 comes first */
    PetscReal sign = wi[j] < 0 ? -1 : 1;

    lambda[2 * j]     = wr[j];
    lambda[2 * j + 1] = wi[j];
    for (PetscInt i = 0; i < n; i++) {
      PetscReal *entry = v + 2 * ((size_t)i * n + j);

      entry[0] = packed[(size_t)re * n + i];
      entry[1] = wi[j] != 0 ? sign * packed[(size_t)(re + 1) * n + i] : 0;
    }
  }
  PetscCall(PetscFree3(wr, wi, packed));
  PetscFunctionReturn(PETSC_SUCCESS);
}
