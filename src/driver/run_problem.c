/* One problem in this process, without command line, clocks or files: for tests. */
#include <tessera/driver.h>
#include <tessera/io.h>
#include "problem.h"

typedef struct {
  TesDeck    deck;
  TesProblem problem;
  TesReport  report;
} Parts;

static PetscErrorCode RunParts(MPI_Comm comm, const TesProblemKind *const kinds[], const char deck_text[], PetscErrorCode (*look)(TesProblem, TesReport, void *), void *arg, Parts *parts)
{
  const TesProblemKind *kind     = kinds[0];
  TesProgress           progress = {0};
  PetscInt              complaints;
  const char           *text;
  size_t                length;

  PetscFunctionBegin;
  PetscCall(PetscStrlen(deck_text, &length));
  PetscCall(TesDeckCreateText(comm, "deck", length, deck_text, &parts->deck));
  PetscCall(ProblemCreate(comm, parts->deck, kinds, NULL, &parts->problem));
  PetscCall(TesDeckComplaints(parts->deck, &complaints, &text));
  PetscCheck(!complaints, comm, TES_ERR_DECK, "%s", text);
  if (kind->setup) PetscCall(kind->setup(parts->problem));
  if (kind->start) PetscCall(kind->start(parts->problem));
  while (!progress.finished) {
    PetscCall(kind->step(parts->problem, &progress));
    parts->problem->step++;
  }
  PetscCall(TesReportCreate(comm, &parts->report));
  if (kind->finish) PetscCall(kind->finish(parts->problem, parts->report));
  if (look) PetscCall(look(parts->problem, parts->report, arg));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesRunProblem(MPI_Comm comm, const TesProblemKind *kind, const char deck_text[], PetscErrorCode (*look)(TesProblem, TesReport, void *), void *arg)
{
  const TesProblemKind *const kinds[] = {kind, NULL};
  Parts                       parts   = {0};
  PetscErrorCode              ierr;

  PetscFunctionBegin;
  ierr = RunParts(comm, kinds, deck_text, look, arg, &parts);
  PetscCall(TesReportDestroy(&parts.report));
  PetscCall(ProblemDestroy(&parts.problem));
  PetscCall(TesDeckDestroy(&parts.deck));
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}
