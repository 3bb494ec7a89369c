#pragma once
/* The output folder of a run: who may use it, and what it says about itself. */
#include <tessera/base.h>

typedef struct _p_Folder *Folder;

typedef enum {
  FOLDER_FRESH,   /* no run here */
  FOLDER_HOLDS_RUN
} FolderContent;

/*@
  FolderLook - does the folder hold a run, finished or not? Collective; changes nothing
@*/
PetscErrorCode FolderLook(MPI_Comm comm, const char path[], FolderContent *content);

/*@
  FolderOpen - make the folder if need be and take its lock; TES_ERR_WORLD if another run has it. Collective

  FolderClear  - remove what a run wrote (not what the user put there). Collective
  FolderStatus - write the status file: "running 12". Rank 0 works, others return at once; a failure is returned on rank 0 only
  FolderPath   - path/name; valid until the next call but three
  FolderClose  - give the lock back
@*/
PetscErrorCode FolderOpen(MPI_Comm comm, const char path[], Folder *folder);
PetscErrorCode FolderClear(Folder folder);
PetscErrorCode FolderStatus(Folder folder, const char word[], PetscInt64 step);
PetscErrorCode FolderStatusAnyRank(Folder folder, const char word[], PetscInt64 step); /* for a rank that fails alone */
const char    *FolderPath(Folder folder, const char name[]);
const char    *FolderName(Folder folder);
PetscErrorCode FolderClose(Folder *folder);

/*@
  FolderReadStatus - the word of the status file ("" if there is none) and its step. Collective
@*/
PetscErrorCode FolderReadStatus(MPI_Comm comm, const char path[], char word[16], PetscInt64 *step);
