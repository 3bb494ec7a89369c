/* dgesdd fails now and then on graded matrices, too rarely to provoke. This program brings a dgesdd of its own, which the linker takes instead of the library's: it
   fails in one of the two ways that were met, and TesSVD must give the decomposition all the same (by dgesvd, whose known values test_dense.c states). */
#include <float.h>
#include <tessera/linalg.h>
#include <tessera/test.h>

static PetscBool not_a_number;
static PetscInt  calls;

void dgesdd_(const char *, const PetscBLASInt *, const PetscBLASInt *, PetscReal *, const PetscBLASInt *, PetscReal *, PetscReal *, const PetscBLASInt *, PetscReal *,
             const PetscBLASInt *, PetscReal *, const PetscBLASInt *, PetscBLASInt *, PetscBLASInt *);

void dgesdd_(const char *job, const PetscBLASInt *m, const PetscBLASInt *n, PetscReal *a, const PetscBLASInt *lda, PetscReal *s, PetscReal *u, const PetscBLASInt *ldu,
             PetscReal *vt, const PetscBLASInt *ldvt, PetscReal *work, const PetscBLASInt *lwork, PetscBLASInt *iwork, PetscBLASInt *info)
{
  (void)job, (void)u, (void)ldu, (void)vt, (void)ldvt, (void)iwork;
  *info = 0;
  if (*lwork == -1) {
    work[0] = 1;
    return;
  }
  calls++;
  for (PetscBLASInt i = 0; i < *lda * *n; i++) a[i] = -1; /* the input is lost, as LAPACK says */
  for (PetscBLASInt i = 0; i < PetscMin(*m, *n); i++) s[i] = not_a_number ? NAN : 0;
  *info = not_a_number ? 0 : 1;
}

static PetscErrorCode Check(void)
{
  /* A = Q diag(1, 1e-4, ... 1e-16) with a Householder reflector Q = 1 - 2 w w' / w'w on the left, w = (1, 2, 3, 4, 5) */
  PetscReal a[25], u[25], s[5], vt[25], worst = 0, values = 0;

  PetscFunctionBegin;
  for (int i = 0; i < 5; i++)
    for (int j = 0; j < 5; j++) a[i * 5 + j] = ((i == j) - 2.0 * (i + 1) * (j + 1) / 55) * PetscPowReal(10, -4 * j);
  calls = 0;
  PetscCall(TesSVD(5, 5, a, u, s, vt));
  TES_CHECK_INT(calls, 1); /* the substitute was linked in */
  for (int k = 0; k < 5; k++) values = PetscMax(values, PetscAbsReal(s[k] - PetscPowReal(10, -4.0 * k)));
  TES_CHECK_AT_MOST(values, 4 * DBL_EPSILON);
  for (int i = 0; i < 5; i++)
    for (int j = 0; j < 5; j++) {
      PetscReal sum = -a[i * 5 + j];

      for (int k = 0; k < 5; k++) sum += u[i * 5 + k] * s[k] * vt[k * 5 + j];
      worst = PetscMax(worst, PetscAbsReal(sum));
    }
  TES_CHECK_AT_MOST(worst, 10 * DBL_EPSILON);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SVDSurvivesDivideAndConquerThatDoesNotConverge(void)
{
  PetscFunctionBegin;
  not_a_number = PETSC_FALSE;
  PetscCall(Check());
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SVDSurvivesDivideAndConquerThatReturnsNoNumbers(void)
{
  PetscFunctionBegin;
  not_a_number = PETSC_TRUE;
  PetscCall(Check());
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(SVDSurvivesDivideAndConquerThatDoesNotConverge),
  TES_TEST(SVDSurvivesDivideAndConquerThatReturnsNoNumbers),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
