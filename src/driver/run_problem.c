/* One problem in this process, without command line, clocks or files: for tests. */
#include <tessera/driver.h>
#include <tessera/io.h>
#include "problem.h"

PetscErrorCode TesRunProblem(MPI_Comm comm, const TesProblemKind *kind, const char deck_text[], PetscErrorCode (*look)(TesProblem, TesReport, void *), void *arg)
{
  const TesProblemKind *const kinds[] = {kind, NULL};
  TesDeck                     deck    = NULL;
  TesProblem                  problem = NULL;
  TesReport                   report  = NULL;
  TesProgress                 progress = {0};
  PetscInt                    complaints;
  const char                 *text;
  size_t                      length;

  PetscFunctionBegin;
  PetscCall(PetscStrlen(deck_text, &length));
  PetscCall(TesDeckCreateText(comm, "deck", length, deck_text, &deck));
  PetscCall(ProblemCreate(comm, deck, kinds, NULL, &problem));
  PetscCall(TesDeckComplaints(deck, &complaints, &text));
  PetscCheck(!complaints, comm, TES_ERR_DECK, "%s", text);
  if (kind->setup) PetscCall(kind->setup(problem));
  if (kind->start) PetscCall(kind->start(problem));
  while (!progress.finished) {
    PetscCall(kind->step(problem, &progress));
    problem->step++;
  }
  PetscCall(TesReportCreate(comm, &report));
  if (kind->finish) PetscCall(kind->finish(problem, report));
  if (look) PetscCall(look(problem, report, arg));
  PetscCall(TesReportDestroy(&report));
  PetscCall(ProblemDestroy(&problem));
  PetscCall(TesDeckDestroy(&deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}
