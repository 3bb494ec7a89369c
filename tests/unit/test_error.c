/* An error of one rank becomes the same error of all, with its text; exit codes fit the case. */
#include <errno.h>
#include <tessera/test.h>

static PetscErrorCode FailOn(int rank, int who, PetscErrorCode code)
{
  PetscFunctionBegin;
  PetscCheck(rank != who, PETSC_COMM_SELF, code, "rank %d cannot read the file", rank);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ErrorOfOneRankReachesAll(void)
{
  int rank, size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  for (int who = 0; who < size; who++) {
    PetscErrorCode ierr = FailOn(rank, who, TES_ERR_WORLD), all;
    char           want[64];

    all = TesAgree(PETSC_COMM_WORLD, ierr);
    PetscCall(PetscSNPrintf(want, sizeof want, "rank %d cannot read the file", who));
    TES_CHECK_TEXT(TesErrorMessage(), want);
    TES_CHECK_FAILS(all, TES_ERR_WORLD);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NoErrorNoNews(void)
{
  PetscFunctionBegin;
  PetscCall(TesAgree(PETSC_COMM_WORLD, PETSC_SUCCESS));
  TES_CHECK_TEXT(TesErrorMessage(), "");
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NumbersOutrankTheWorld(void)
{
  int            rank, size;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  ierr = rank == size - 1 ? FailOn(rank, rank, TES_ERR_NUMBERS) : FailOn(rank, rank, TES_ERR_WORLD);
  TES_CHECK_FAILS(TesAgree(PETSC_COMM_WORLD, ierr), TES_ERR_NUMBERS);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ExitCodesFitTheCase(void)
{
  PetscFunctionBegin;
  TES_CHECK_INT(TesErrorExit(PETSC_SUCCESS), 0);
  TES_CHECK_INT(TesErrorExit(TES_ERR_DECK), 2);
  TES_CHECK_INT(TesErrorExit(TES_ERR_WORLD), 3);
  TES_CHECK_INT(TesErrorExit(PETSC_ERR_MEM), 3);
  TES_CHECK_INT(TesErrorExit(TES_ERR_NUMBERS), 4);
  TES_CHECK_INT(TesErrorExit(PETSC_ERR_NOT_CONVERGED), 4);
  TES_CHECK_INT(TesErrorExit(PETSC_ERR_PLIB), 70);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ErrnoTextNamesThePlaceAndTheReason(void)
{
  PetscFunctionBegin;
  errno = ENOSPC;
  TES_CHECK_TEXT(TesErrnoText("cannot write %s", "a.h5"), "cannot write a.h5: No space left on device");
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {TES_TEST(ErrorOfOneRankReachesAll), TES_TEST(NoErrorNoNews), TES_TEST(NumbersOutrankTheWorld), TES_TEST(ExitCodesFitTheCase),
                                TES_TEST(ErrnoTextNamesThePlaceAndTheReason), TES_TESTS_END};
TES_TEST_MAIN(tests)
