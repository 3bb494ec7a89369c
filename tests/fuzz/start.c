/* What every target needs once: PETSc (and with it MPI), and our way with errors. */
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
  (void)argc;
  (void)argv;
  FUZZ_CHECK(!PetscInitialize(NULL, NULL, NULL, NULL), "PETSc does not start");
  FUZZ_CHECK(!TesErrorInstall(), "no error handler");
  return 0;
}
