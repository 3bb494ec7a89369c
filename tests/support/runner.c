/* The test runner: TAP lines on rank 0; a failed check or an error on any rank fails the test. */
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <tessera/test.h>

/* one program runs one table of tests, so its tally is the process's */
static struct {
  int  failures; /* of the present test on this rank */
  char folder[512];
} tally;

static void Say(const char file[], int line, const char text[])
{
  int rank = 0;

  MPI_Comm_rank(PETSC_COMM_WORLD, &rank);
  tally.failures++;
  printf("# rank %d, %s:%d: %s\n", rank, file, line, text);
  fflush(stdout);
}

int TesTestCheck(int ok, const char file[], int line, const char text[])
{
  if (!ok) Say(file, line, text);
  return ok;
}

int TesTestNear(double value, double want, double tolerance, const char file[], int line, const char text[])
{
  char message[512];

  if (fabs(value - want) <= tolerance) return 1;
  snprintf(message, sizeof message, "%s is %.17g, wanted %.17g within %.3g (off by %.3g)", text, value, want, tolerance, value - want);
  Say(file, line, message);
  return 0;
}

int TesTestBound(double value, double bound, int at_least, const char file[], int line, const char text[])
{
  char message[512];

  if (at_least ? value >= bound : value <= bound) return 1;
  snprintf(message, sizeof message, "%s is %.6g, wanted %s %.6g", text, value, at_least ? "at least" : "at most", bound);
  Say(file, line, message);
  return 0;
}

int TesTestInt(long long value, long long want, const char file[], int line, const char text[])
{
  char message[512];

  if (value == want) return 1;
  snprintf(message, sizeof message, "%s is %lld, wanted %lld", text, value, want);
  Say(file, line, message);
  return 0;
}

int TesTestText(const char value[], const char want[], const char file[], int line, const char text[])
{
  char message[4096];

  if (value && want && !strcmp(value, want)) return 1;
  snprintf(message, sizeof message, "%s is \"%s\", wanted \"%s\"", text, value ? value : "(null)", want ? want : "(null)");
  Say(file, line, message);
  return 0;
}

int TesTestContains(const char text_value[], const char part[], const char file[], int line, const char text[])
{
  char message[4096];

  if (text_value && strstr(text_value, part)) return 1;
  snprintf(message, sizeof message, "%s is \"%.3000s\", which lacks \"%s\"", text, text_value ? text_value : "(null)", part);
  Say(file, line, message);
  return 0;
}

int TesTestFails(PetscErrorCode ierr, PetscErrorCode want, const char file[], int line, const char text[])
{
  char message[4096];
  int  ok = ierr == want;

  if (!ok) {
    snprintf(message, sizeof message, "%s returned %d (%s), wanted %d", text, (int)ierr, TesErrorMessage(), (int)want);
    Say(file, line, message);
  }
  TesErrorForget();
  return ok;
}

PetscErrorCode TesTestFolder(char path[], size_t size)
{
  PetscErrorCode ierr = PETSC_SUCCESS;
  int            rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  if (!tally.folder[0]) {
    if (!rank) {
      const char *base = getenv("TMPDIR");

      snprintf(tally.folder, sizeof tally.folder, "%s/tessera-test-XXXXXX", base ? base : "/tmp");
      if (!mkdtemp(tally.folder)) ierr = PetscError(PETSC_COMM_SELF, __LINE__, PETSC_FUNCTION_NAME, __FILE__, TES_ERR_WORLD, PETSC_ERROR_INITIAL, "%s", TesErrnoText("cannot make %s", tally.folder));
    }
    PetscCall(TesAgree(PETSC_COMM_WORLD, ierr));
    PetscCallMPI(MPI_Bcast(tally.folder, (int)sizeof tally.folder, MPI_CHAR, 0, PETSC_COMM_WORLD));
  }
  PetscCall(PetscStrncpy(path, tally.folder, size));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTestPath(const char name[], char path[], size_t size)
{
  char folder[PETSC_MAX_PATH_LEN];

  PetscFunctionBegin;
  PetscCall(TesTestFolder(folder, sizeof folder));
  PetscCall(PetscSNPrintf(path, size, "%s/%s", folder, name));
  PetscFunctionReturn(PETSC_SUCCESS);
}

int TesTestRank(void)
{
  int rank;

  MPI_Comm_rank(PETSC_COMM_WORLD, &rank);
  return rank;
}

int TesTestSize(void)
{
  int size;

  MPI_Comm_size(PETSC_COMM_WORLD, &size);
  return size;
}

PetscErrorCode TesTestBarrier(void)
{
  PetscFunctionBegin;
  PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static int RemoveEntry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
  (void)status;
  (void)type;
  (void)ftw;
  return remove(path);
}

static int Wanted(const char name[], int argc, char **argv)
{
  if (argc < 2) return 1;
  for (int i = 1; i < argc; i++)
    if (strstr(name, argv[i])) return 1;
  return 0;
}

int TesTestMain(int argc, char **argv, const TesTest tests[])
{
  int n = 0, failed = 0, rank = 0;

  if (PetscInitialize(NULL, NULL, NULL, NULL)) return TES_EXIT_BUG;
  if (TesErrorInstall()) return TES_EXIT_BUG;
  MPI_Comm_rank(PETSC_COMM_WORLD, &rank);
  for (const TesTest *test = tests; test->name; test++) {
    PetscErrorCode ierr;
    int            bad;

    if (!Wanted(test->name, argc, argv)) continue;
    tally.failures = 0;
    TesErrorForget();
    ierr = test->run();
    if (ierr) {
      PetscBool shared;

      Say(test->name, 0, TesErrorMessage());
      TesErrorSay(PETSC_COMM_WORLD, ierr, &shared);
      /* an error on one rank leaves the others in a collective that never comes */
      if (!shared) MPI_Abort(PETSC_COMM_WORLD, 1);
    }
    MPI_Allreduce(&tally.failures, &bad, 1, MPI_INT, MPI_SUM, PETSC_COMM_WORLD);
    n++;
    if (!rank) printf("%s %d - %s\n", bad ? "not ok" : "ok", n, test->name);
    fflush(stdout);
    if (bad) failed++;
  }
  if (!rank) {
    printf("1..%d\n", n);
    if (tally.folder[0] && !failed) nftw(tally.folder, RemoveEntry, 16, FTW_DEPTH | FTW_PHYS);
  }
  if (TesErrorRemove() || PetscFinalize()) return TES_EXIT_BUG;
  return failed ? 1 : 0;
}
