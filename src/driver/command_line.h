#pragma once
/* Reading the command line: strict, with the nearest known word for what is not known. */
#include "options.h"

/*@
  CommandLineRead - split argv into our options and PETSc's (after --)

  Not Collective; before MPI is initialized. Returns 0, or 1 with a message.

  Output Parameters:
+ line     - what was asked; strings point into argv; line->set is to be freed with free()
. message  - [size] what is wrong
- petsc_argc, petsc_argv - argv[0] and what follows `--`
@*/
int CommandLineRead(int argc, char **argv, CommandLine *line, int *petsc_argc, char ***petsc_argv, char message[], size_t size);
