#pragma once
/* One run: set up, start or restore, step to the end, leave results behind. */
#include "log.h"
#include "options.h"
#include "problem.h"

/*@
  RunProblem - run a checked problem in its output folder

  Collective over problem->comm

  Input Parameters:
+ problem - from ProblemCreate, without complaints
. command - the command line
- folder  - output folder

  Output Parameter:
. exit_code - how the run ended; what went wrong was said already

  An error that one rank meets alone ends the whole job by MPI_Abort with its exit code.
@*/
PetscErrorCode RunProblem(TesProblem problem, const CommandLine *command, const char folder[], TesExit *exit_code);
