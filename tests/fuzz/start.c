/* What every target needs once: PETSc (and with it MPI), and our way with errors. */
#include <signal.h>
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
  static const int signals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};

  (void)argc;
  (void)argv;
  FUZZ_CHECK(!PetscInitialize(NULL, NULL, NULL, NULL), "PETSc does not start");
  FUZZ_CHECK(!TesErrorInstall(), "no error handler");
  /* PETSc and Open MPI have handlers that print; libFuzzer keeps the bytes, but only where nobody else has a handler */
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) signal(signals[i], SIG_DFL);
  return 0;
}
