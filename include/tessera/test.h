#pragma once
/* The test runner: a test program is a table of claims, run on 1, 2, 3... ranks by CTest.

   static PetscErrorCode BlocksCoverEveryItemOnce(void) {...}
   static const TesTest tests[] = {TES_TEST(BlocksCoverEveryItemOnce), TES_TESTS_END};
   TES_TEST_MAIN(tests)

   Lines are TAP on rank 0; a failure on any rank is a failure. With arguments, only the tests whose names contain one of them run. */
#include <tessera/base.h>

typedef struct {
  const char *name;
  PetscErrorCode (*run)(void);
} TesTest;

#define TES_TEST(function) {#function, function}
#define TES_TESTS_END      {NULL, NULL}
#define TES_TEST_MAIN(tests) \
  int main(int argc, char **argv) { return TesTestMain(argc, argv, tests); }

int TesTestMain(int argc, char **argv, const TesTest tests[]);

/* Checks go on after a failure; each prints the measured value and the bound when it fails. Call them on all ranks or on any. */
#define TES_CHECK(condition)              TesTestCheck((condition) ? 1 : 0, __FILE__, __LINE__, #condition)
#define TES_CHECK_NEAR(value, want, tol)  TesTestNear((double)(value), (double)(want), (double)(tol), __FILE__, __LINE__, #value)
#define TES_CHECK_AT_MOST(value, bound)   TesTestBound((double)(value), (double)(bound), 0, __FILE__, __LINE__, #value)
#define TES_CHECK_AT_LEAST(value, bound)  TesTestBound((double)(value), (double)(bound), 1, __FILE__, __LINE__, #value)
#define TES_CHECK_INT(value, want)        TesTestInt((long long)(value), (long long)(want), __FILE__, __LINE__, #value)
#define TES_CHECK_TEXT(value, want)       TesTestText(value, want, __FILE__, __LINE__, #value)
#define TES_CHECK_CONTAINS(text, part)    TesTestContains(text, part, __FILE__, __LINE__, #text)
/* the call must fail with this code; the recorded error is forgotten */
#define TES_CHECK_FAILS(call, code)       TesTestFails((call), (code), __FILE__, __LINE__, #call)

int TesTestCheck(int ok, const char file[], int line, const char text[]);
int TesTestNear(double value, double want, double tolerance, const char file[], int line, const char text[]);
int TesTestBound(double value, double bound, int at_least, const char file[], int line, const char text[]);
int TesTestInt(long long value, long long want, const char file[], int line, const char text[]);
int TesTestText(const char value[], const char want[], const char file[], int line, const char text[]);
int TesTestContains(const char text_value[], const char part[], const char file[], int line, const char text[]);
int TesTestFails(PetscErrorCode ierr, PetscErrorCode want, const char file[], int line, const char text[]);

/*@
  TesTestFolder - a fresh, empty folder of this test run under TMPDIR (made by rank 0, same text on all ranks); removed at exit unless a test failed
@*/
PetscErrorCode TesTestFolder(char path[], size_t size);

/*@
  TesTestPath - `name` in the folder of this test run; collective as TesTestFolder is
@*/
PetscErrorCode TesTestPath(const char name[], char path[], size_t size);

/* of PETSC_COMM_WORLD */
int            TesTestRank(void);
int            TesTestSize(void);
PetscErrorCode TesTestBarrier(void);
