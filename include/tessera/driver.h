#pragma once
/* The program: subcommands over a list of problem kinds. */
#include <tessera/problem.h>

/*@
  TesMain - run the command line of tessera

  Collective over all processes of the program; initializes and finalizes MPI, PETSc and SLEPc

  Input Parameters:
+ argc, argv - the command line
- kinds      - NULL-terminated list of problem kinds

  Returns the exit code of the process (TesExit)
@*/
int TesMain(int argc, char **argv, const TesProblemKind *const kinds[]);

/*@
  TesRunProblem - one problem in this process without command line, clocks or files: set up from a deck's text, step to the end, visit the report

  Collective. For tests: fails with TES_ERR_DECK and the complaints in the error text if the deck is wrong.

  Input Parameters:
+ comm  - the communicator
. kind  - the kind
. deck  - YAML text
- look  - called after finish and before destroy with the problem's context and its report; may be NULL
- arg   - passed to look
@*/
PetscErrorCode TesRunProblem(MPI_Comm comm, const TesProblemKind *kind, const char deck[],
                             PetscErrorCode (*look)(TesProblem, TesReport, void *), void *arg);
