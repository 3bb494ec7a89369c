/* What a restart finds: a checkpoint of the same kind and of a deck that differs only where its keys allow it, or a run that is finished. */
#include <string.h>
#include <tessera/isa.h>
#include "run_impl.h"

/* Compare the stored deck with the present one. *refused: keys differ that may not; *changed: the kind's part is another one (a later end). */
static PetscErrorCode CompareDecks(Run *run, PetscBool *refused, PetscBool *changed)
{
  char       *stored = NULL, *before, *after;
  const char *present, *differences;
  PetscInt    n;

  PetscFunctionBegin;
  *refused = *changed = PETSC_FALSE;
  PetscCall(TesCheckpointsText(run->checkpoints, "deck", &stored));
  if (!stored) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesDeckCompare(run->problem->deck, stored, &n, &differences));
  if (n) {
    *refused = PETSC_TRUE;
    LogError(run->log, "the checkpoint in %s was made with another deck; --restart allows no change of\n%s\nput these back, or start afresh in another folder (--output) or with --force",
            FolderName(run->folder), differences);
  }
  PetscCall(TesDeckResolved(run->problem->deck, &present));
  PetscCall(TesProblemOwnText(stored, NULL, &before));
  PetscCall(TesProblemOwnText(present, NULL, &after));
  *changed = strcmp(before, after) ? PETSC_TRUE : PETSC_FALSE;
  PetscCall(PetscFree(before));
  PetscCall(PetscFree(after));
  PetscCall(PetscFree(stored));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckKind(Run *run)
{
  char *stored, *isa;

  PetscFunctionBegin;
  PetscCall(TesCheckpointsText(run->checkpoints, "kind", &stored));
  PetscCheck(stored && !strcmp(stored, run->problem->kind->name), run->problem->comm, TES_ERR_WORLD, "the checkpoint in %s is of kind %s, the deck is of kind %s", FolderName(run->folder),
             stored ? stored : "?", run->problem->kind->name);
  PetscCall(PetscFree(stored));
  PetscCall(TesCheckpointsText(run->checkpoints, "isa", &isa));
  if (isa && strcmp(isa, TesIsaName()))
    LogWarn(run->log, "the checkpoint was made with instruction set %s, this process uses %s: the results may differ in the last bits", isa, TesIsaName());
  PetscCall(PetscFree(isa));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RunOpenRestart(Run *run, PetscBool *found, PetscBool *changed, PetscBool *ended, TesExit *exit_code)
{
  const char *said;
  PetscBool   refused, failed;
  char        word[16], *table;
  PetscInt64  step;

  PetscFunctionBegin;
  *ended = PETSC_FALSE;
  PetscCall(TesCheckpointsOpen(run->checkpoints, found, &said));
  if (said[0]) LogWarn(run->log, "%s", said);
  if (!*found) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(CheckKind(run));
  PetscCall(CompareDecks(run, &refused, changed));
  if (refused) {
    *ended     = PETSC_TRUE;
    *exit_code = TES_EXIT_DECK;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(FolderReadStatus(run->problem->comm, FolderName(run->folder), word, &step));
  if (*changed || strcmp(word, "done")) PetscFunctionReturn(PETSC_SUCCESS);
  LogLine(run->log, "this run is finished (step %" PetscInt64_FMT "):", step);
  PetscCall(TesReportTableFromFile(run->problem->comm, FolderPath(run->folder, "result.h5"), &table, &failed));
  LogText(run->log, table);
  PetscCall(PetscFree(table));
  LogLine(run->log, "results in %s", FolderName(run->folder));
  *ended     = PETSC_TRUE;
  *exit_code = failed ? TES_EXIT_NUMBERS : TES_EXIT_DONE;
  PetscFunctionReturn(PETSC_SUCCESS);
}
