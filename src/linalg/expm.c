/* Exponential of a small real matrix: scaling and squaring on the diagonal Pade approximant of degree 13 (Higham 2005), where the 1-norm of the scaled matrix is at most
   5.37 so that the backward error is below rounding. Cost 6 + log2 |A| products and one LU solve: (14 + 2 log2 |A|) n^3. */
#include "linalg_impl.h"

#include <tessera/linalg.h>

PetscErrorCode TesExpm(PetscInt n, const PetscReal *a, PetscReal *e)
{
  static const PetscReal b[14] = {64764752532480000., 32382376266240000., 7771770303897600., 1187353796428800., 129060195264000., 10559470521600., 670442572800.,
                                  33522128640.,       1323241920.,        40840800.,         960960.,           16380.,           182.,           1.};
  const size_t           nn   = (size_t)n * n;
  PetscReal             *s, *a2, *a4, *a6, *u, *v, norm = 0;
  PetscInt               squarings = 0;

  PetscFunctionBegin;
  if (!n) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesCheckFinite((PetscInt64)nn, a, "matrix exponential"));
  PetscCall(PetscMalloc6(nn, &s, nn, &a2, nn, &a4, nn, &a6, nn, &u, nn, &v));
  for (PetscInt j = 0; j < n; j++) {
    PetscReal column = 0;

    for (PetscInt i = 0; i < n; i++) column += PetscAbsReal(a[(size_t)i * n + j]);
    norm = PetscMax(norm, column);
  }
  for (; norm > 5.37; norm /= 2) squarings++;
  for (size_t i = 0; i < nn; i++) s[i] = a[i] * PetscPowRealInt(0.5, (int)squarings);
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, n, n, 1, s, s, 0, a2));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, n, n, 1, a2, a2, 0, a4));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, n, n, 1, a4, a2, 0, a6));
  /* odd part u = s (a6 (b13 a6 + b11 a4 + b9 a2) + b7 a6 + b5 a4 + b3 a2 + b1), even part v alike with b12 ... b0 */
  for (size_t i = 0; i < nn; i++) e[i] = b[13] * a6[i] + b[11] * a4[i] + b[9] * a2[i];
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, n, n, 1, a6, e, 0, v));
  for (size_t i = 0; i < nn; i++) v[i] += b[7] * a6[i] + b[5] * a4[i] + b[3] * a2[i];
  for (PetscInt i = 0; i < n; i++) v[(size_t)i * n + i] += b[1];
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, n, n, 1, s, v, 0, u));
  for (size_t i = 0; i < nn; i++) e[i] = b[12] * a6[i] + b[10] * a4[i] + b[8] * a2[i];
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, n, n, 1, a6, e, 0, v));
  for (size_t i = 0; i < nn; i++) v[i] += b[6] * a6[i] + b[4] * a4[i] + b[2] * a2[i];
  for (PetscInt i = 0; i < n; i++) v[(size_t)i * n + i] += b[0];
  for (size_t i = 0; i < nn; i++) { /* (v - u) e = v + u */
    s[i] = v[i] - u[i];
    e[i] = v[i] + u[i];
  }
  PetscCall(TesLUSolve(n, n, s, e));
  for (; squarings; squarings--) {
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, n, n, 1, e, e, 0, s));
    PetscCall(PetscArraycpy(e, s, nn));
  }
  PetscCall(PetscFree6(s, a2, a4, a6, u, v));
  PetscFunctionReturn(PETSC_SUCCESS);
}
