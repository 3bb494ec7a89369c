/* Output folder: lock, status, clearing.

   The lock is an advisory fcntl lock on the file `lock`: it vanishes with its process, however that died, so a stale file never bars a restart. The file
   holds host and pid for the message. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <tessera/h5.h>
#include "folder.h"

#define PATHS 4

struct _p_Folder {
  MPI_Comm  comm;
  int       rank, lock; /* file descriptor, -1: none */
  char      name[PETSC_MAX_PATH_LEN];
  char      path[PATHS][PETSC_MAX_PATH_LEN + 64];
  int       next;
};

/* everything that a run may have written into its folder */
static const char *const run_files[] = {"status", "result.h5", "series.h5", "series.csv", "fields.xmf", "deck.yaml", "post_mortem.h5", "run.log",
                                        "checkpoint", "fields", "plots", NULL};

static int Exists(const char folder[], const char name[])
{
  char        path[PETSC_MAX_PATH_LEN + 64];
  struct stat status;

  snprintf(path, sizeof path, "%s/%s", folder, name);
  return !stat(path, &status);
}

PetscErrorCode FolderLook(MPI_Comm comm, const char path[], FolderContent *content)
{
  int rank, holds = 0;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  if (!rank) {
    for (const char *const *name = run_files; *name; name++)
      if (strcmp(*name, "plots") && Exists(path, *name)) holds = 1;
  }
  PetscCallMPI(MPI_Bcast(&holds, 1, MPI_INT, 0, comm));
  *content = holds ? FOLDER_HOLDS_RUN : FOLDER_FRESH;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TakeLock(Folder f)
{
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  char         path[PETSC_MAX_PATH_LEN + 64], host[128] = "?", text[192] = "";

  PetscFunctionBegin;
  PetscCall(TesMakeFolder(f->name));
  snprintf(path, sizeof path, "%s/lock", f->name);
  f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  TesCallSys(f->lock, "cannot make %s", path);
  if (fcntl(f->lock, F_SETLK, &lock) == -1 && (errno == EACCES || errno == EAGAIN)) {
    ssize_t n = read(f->lock, text, sizeof text - 1);

    text[n > 0 ? n : 0] = 0;
    if (n > 0 && text[n - 1] == '\n') text[n - 1] = 0;
    close(f->lock);
    f->lock = -1;
    SETERRQ(PETSC_COMM_SELF, TES_ERR_WORLD, "another run is using the folder %s (%s)", f->name, text);
  }
  gethostname(host, sizeof host - 1);
  snprintf(text, sizeof text, "host %s pid %ld\n", host, (long)getpid());
  TesCallSys(ftruncate(f->lock, 0), "cannot write %s", path);
  TesCallSys(write(f->lock, text, strlen(text)), "cannot write %s", path);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode FolderOpen(MPI_Comm comm, const char path[], Folder *folder)
{
  Folder         f;
  PetscErrorCode ierr = PETSC_SUCCESS;

  PetscFunctionBegin;
  PetscCall(PetscNew(&f));
  *folder = f;
  f->comm = comm;
  f->lock = -1;
  PetscCallMPI(MPI_Comm_rank(comm, &f->rank));
  PetscCheck(strlen(path) < sizeof f->name, comm, TES_ERR_DECK, "the name of the output folder is too long");
  PetscCall(PetscStrncpy(f->name, path, sizeof f->name));
  if (!f->rank) ierr = TakeLock(f);
  PetscCall(TesAgree(comm, ierr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const char *FolderPath(Folder folder, const char name[])
{
  char *path = folder->path[folder->next];

  folder->next = (folder->next + 1) % PATHS;
  snprintf(path, sizeof folder->path[0], "%s/%s", folder->name, name);
  return path;
}

const char *FolderName(Folder folder)
{
  return folder->name;
}

static int RemoveEntry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
  (void)status;
  (void)type;
  (void)ftw;
  return remove(path);
}

PetscErrorCode FolderClear(Folder folder)
{
  PetscErrorCode ierr = PETSC_SUCCESS;

  PetscFunctionBegin;
  for (const char *const *name = run_files; *name && !folder->rank && !ierr; name++) {
    const char *path = FolderPath(folder, *name);

    if (Exists(folder->name, *name) && nftw(path, RemoveEntry, 16, FTW_DEPTH | FTW_PHYS))
      ierr = PetscError(PETSC_COMM_SELF, __LINE__, PETSC_FUNCTION_NAME, __FILE__, TES_ERR_WORLD, PETSC_ERROR_INITIAL, "%s", TesErrnoText("cannot remove %s", path));
  }
  PetscCall(TesAgree(folder->comm, ierr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode FolderStatusAnyRank(Folder folder, const char word[], PetscInt64 step)
{
  char text[64];

  PetscFunctionBegin;
  snprintf(text, sizeof text, "%s %" PetscInt64_FMT "\n", word, step);
  PetscCall(TesWriteTextAtomic(FolderPath(folder, "status"), text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode FolderStatus(Folder folder, const char word[], PetscInt64 step)
{
  PetscFunctionBegin;
  if (!folder->rank) PetscCall(FolderStatusAnyRank(folder, word, step));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode FolderReadStatus(MPI_Comm comm, const char path[], char word[16], PetscInt64 *step)
{
  int rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  memset(word, 0, 16);
  *step = 0;
  if (!rank) {
    char  name[PETSC_MAX_PATH_LEN + 64];
    FILE *file;

    snprintf(name, sizeof name, "%s/status", path);
    file = fopen(name, "r");
    if (file) {
      if (fscanf(file, "%15s %" PetscInt64_FMT, word, step) < 1) word[0] = 0;
      fclose(file);
    }
  }
  PetscCallMPI(MPI_Bcast(word, 16, MPI_CHAR, 0, comm));
  PetscCallMPI(MPI_Bcast(step, 1, MPIU_INT64, 0, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode FolderClose(Folder *folder)
{
  PetscFunctionBegin;
  if (!*folder) PetscFunctionReturn(PETSC_SUCCESS);
  if ((*folder)->lock >= 0) {
    unlink(FolderPath(*folder, "lock"));
    close((*folder)->lock);
  }
  PetscCall(PetscFree(*folder));
  PetscFunctionReturn(PETSC_SUCCESS);
}
