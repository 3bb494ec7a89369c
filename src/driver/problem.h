#pragma once
/* The driver's side of a problem. */
#include <tessera/problem.h>
#include "log.h"
#include "options.h"

struct _p_TesProblem {
  const TesProblemKind *kind;
  MPI_Comm              comm;
  TesDeck               deck;
  void                 *ctx;
  RunOptions            options;
  TesTimers             timers;
  PetscInt64            step;
  const char           *folder; /* output folder, NULL when there is none */
  Log                   log;    /* NULL: silent */
};

/*@
  ProblemCreate - read a deck for its kind and let the kind check it. Complaints stay in the deck: ask TesDeckComplaints before going on

  Collective
@*/
PetscErrorCode ProblemCreate(MPI_Comm comm, TesDeck deck, const TesProblemKind *const kinds[], Log log, TesProblem *problem);
PetscErrorCode ProblemDestroy(TesProblem *problem);

/* ProblemEstimate - what the kind predicts for a number of ranks, defaults filled in */
PetscErrorCode ProblemEstimate(TesProblem problem, int ranks, TesEstimate *estimate);
