#pragma once
/* Shared inside the room: the BLAS and LAPACK routines that it calls, and helpers that other rooms do not need.

   PETSc's header lacks several (dgesdd, dgesvx, dtrsyl), so the room declares what it uses,
   with PETSc's integer and name mangling. Arrays are column-major; a row-major [rows][columns] array is the column-major transpose. */
#include <tessera/base.h>

#if defined(PETSC_BLASLAPACK_UNDERSCORE)
  #define TES_LAPACK(name) name##_
#else
  #define TES_LAPACK(name) name
#endif

typedef PetscBLASInt TesBlasInt;

extern void TES_LAPACK(dgemm)(const char *, const char *, const TesBlasInt *, const TesBlasInt *, const TesBlasInt *, const PetscReal *, const PetscReal *,
                              const TesBlasInt *, const PetscReal *, const TesBlasInt *, const PetscReal *, PetscReal *, const TesBlasInt *);
extern void TES_LAPACK(dgesdd)(const char *, const TesBlasInt *, const TesBlasInt *, PetscReal *, const TesBlasInt *, PetscReal *, PetscReal *, const TesBlasInt *,
                               PetscReal *, const TesBlasInt *, PetscReal *, const TesBlasInt *, TesBlasInt *, TesBlasInt *);
extern void TES_LAPACK(dgesvd)(const char *, const char *, const TesBlasInt *, const TesBlasInt *, PetscReal *, const TesBlasInt *, PetscReal *, PetscReal *,
                               const TesBlasInt *, PetscReal *, const TesBlasInt *, PetscReal *, const TesBlasInt *, TesBlasInt *);
extern void TES_LAPACK(dgeqrf)(const TesBlasInt *, const TesBlasInt *, PetscReal *, const TesBlasInt *, PetscReal *, PetscReal *, const TesBlasInt *, TesBlasInt *);
extern void TES_LAPACK(dorgqr)(const TesBlasInt *, const TesBlasInt *, const TesBlasInt *, PetscReal *, const TesBlasInt *, const PetscReal *, PetscReal *,
                               const TesBlasInt *, TesBlasInt *);
extern void TES_LAPACK(dgelqf)(const TesBlasInt *, const TesBlasInt *, PetscReal *, const TesBlasInt *, PetscReal *, PetscReal *, const TesBlasInt *, TesBlasInt *);
extern void TES_LAPACK(dorglq)(const TesBlasInt *, const TesBlasInt *, const TesBlasInt *, PetscReal *, const TesBlasInt *, const PetscReal *, PetscReal *,
                               const TesBlasInt *, TesBlasInt *);
extern void TES_LAPACK(dgesvx)(const char *, const char *, const TesBlasInt *, const TesBlasInt *, PetscReal *, const TesBlasInt *, PetscReal *, const TesBlasInt *,
                               TesBlasInt *, char *, PetscReal *, PetscReal *, PetscReal *, const TesBlasInt *, PetscReal *, const TesBlasInt *, PetscReal *,
                               PetscReal *, PetscReal *, PetscReal *, TesBlasInt *, TesBlasInt *);
extern void TES_LAPACK(dgeev)(const char *, const char *, const TesBlasInt *, PetscReal *, const TesBlasInt *, PetscReal *, PetscReal *, PetscReal *,
                              const TesBlasInt *, PetscReal *, const TesBlasInt *, PetscReal *, const TesBlasInt *, TesBlasInt *);
extern void TES_LAPACK(dgees)(const char *, const char *, TesBlasInt (*)(const PetscReal *, const PetscReal *), const TesBlasInt *, PetscReal *, const TesBlasInt *,
                              TesBlasInt *, PetscReal *, PetscReal *, PetscReal *, const TesBlasInt *, PetscReal *, const TesBlasInt *, TesBlasInt *, TesBlasInt *);
extern void TES_LAPACK(dtrsyl)(const char *, const char *, const TesBlasInt *, const TesBlasInt *, const TesBlasInt *, const PetscReal *, const TesBlasInt *,
                               const PetscReal *, const TesBlasInt *, PetscReal *, const TesBlasInt *, PetscReal *, TesBlasInt *);
extern void TES_LAPACK(dgetrf)(const TesBlasInt *, const TesBlasInt *, PetscReal *, const TesBlasInt *, TesBlasInt *, TesBlasInt *);
extern void TES_LAPACK(dgetri)(const TesBlasInt *, PetscReal *, const TesBlasInt *, const TesBlasInt *, PetscReal *, const TesBlasInt *, TesBlasInt *);

/* PetscCallBLAS of PETSc's header, which cannot be included beside these declarations */
#define TesCallLapack(name, ...) \
  do { \
    PetscStackPushExternal(#name); \
    TES_LAPACK(name)(__VA_ARGS__); \
    PetscStackPop; \
  } while (0)

/* Raise what LAPACK's info says: a negative value is an argument of ours or (newer releases) a number that is not finite. */
#define TesCheckInfo(info, routine) \
  do { \
    PetscCheck((info) >= 0, PETSC_COMM_SELF, PETSC_ERR_LIB, "%s: argument %d is illegal", routine, -(int)(info)); \
    PetscCheck((info) == 0, PETSC_COMM_SELF, TES_ERR_NUMBERS, "%s failed with info = %d", routine, (int)(info)); \
  } while (0)

/* Fail with TES_ERR_NUMBERS if an array holds NaN or infinity: several LAPACK routines loop for ever or return rubbish on such input. */
PetscErrorCode TesCheckFinite(PetscInt64 n, const PetscReal *x, const char what[]);

/* b [columns][rows] = transpose of a [rows][columns], in tiles */
void TesTransposeSmall(PetscInt rows, PetscInt columns, const PetscReal *a, PetscReal *b);

/* TesGemm with leading dimensions: a slice of columns of a larger row-major matrix takes part without a copy */
PetscErrorCode TesGemmStrided(PetscBool ta, PetscBool tb, PetscInt m, PetscInt n, PetscInt k, PetscReal alpha, const PetscReal *a, PetscInt lda, const PetscReal *b,
                              PetscInt ldb, PetscReal beta, PetscReal *c, PetscInt ldc);

/* out = beta out + (m along dimension `which` of in) */
PetscErrorCode TesModeProductAdd(PetscInt dim, const PetscInt64 n[], PetscInt which, PetscInt rows, const PetscReal *m, const PetscReal *in, PetscReal beta,
                                 PetscReal *out);

/* eigen-decomposition as dgeev gives it: columns of a pair hold the real and the imaginary part; v column-major [n][n]; see eigen.c */
PetscErrorCode TesEigenPacked(PetscInt n, const PetscReal *a, PetscReal *wr, PetscReal *wi, PetscReal *v, PetscReal *cond_v);

/* QR of a [rows][columns + extra] (destroyed), rows >= columns: r [columns][columns] of the leading columns, qtb [columns][extra] = Q' times the extra columns */
PetscErrorCode TesFactorBeside(PetscInt rows, PetscInt columns, PetscInt extra, PetscReal *a, PetscReal *r, PetscReal *qtb);

/* Complex Schur form of a real matrix c [n][n]: c = Q T Q^H, t [n][n] row-major upper triangular, q = {Re Q, Im Q}, qh = {Re Q^H, Im Q^H}; kron_march.c. */
PetscErrorCode TesComplexSchur(PetscInt n, const PetscReal *c, double _Complex *t, PetscReal *const q[2], PetscReal *const qh[2]);
