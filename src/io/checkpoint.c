/* Checkpoints: one file per generation, <folder>/000120.h5 for the state after 120 steps.

     /             attributes: tessera = "checkpoint", format, kind, state_format, step, isa
     /state/<name> every item that the visitor names, in global order, whatever the number of ranks
     /provenance   how it was made

   A generation is in the folder under its name only when it was read back (commit.c). On restart the newest that passes its checksum is taken, and what was
   passed over is said. Nothing here deletes a generation before a newer one is safe. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <tessera/io.h>
#include <tessera/isa.h>
#include "file_private.h"

struct _p_TesCheckpoints {
  MPI_Comm   comm;
  int        rank;
  char      *folder;
  PetscInt   keep;
  char      *said;
  hid_t      open; /* the generation that is open, or H5I_INVALID_HID */
  char      *open_path;
  PetscInt64 step, state_format;
};

/* ---- the folder: rank 0 ---- */

static int Descending(const void *a, const void *b)
{
  PetscInt64 x = *(const PetscInt64 *)a, y = *(const PetscInt64 *)b;

  return x < y ? 1 : x > y ? -1 : 0;
}

/* "000120.h5" -> 120; -1: not the name of a generation, -2: a left-over ".part" of one */
static PetscInt64 StepOfName(const char name[])
{
  size_t     digits = strspn(name, "0123456789");
  PetscInt64 step;

  if (digits < 6 || digits > 18) return -1;
  step = strtoll(name, NULL, 10);
  if (!strcmp(name + digits, ".h5.part")) return -2;
  return strcmp(name + digits, ".h5") ? -1 : step;
}

/* Steps of all generations, newest first. A folder that is not there has none. clean: remove left-overs of an interrupted write. */
static PetscErrorCode ListGenerations(const char folder[], PetscBool clean, PetscInt64 *n, PetscInt64 **steps)
{
  DIR           *stream = opendir(folder);
  struct dirent *entry;
  PetscInt64     room = 64;

  PetscFunctionBegin;
  *n = 0;
  PetscCall(PetscMalloc1((size_t)room, steps));
  if (!stream) {
    PetscCheck(errno == ENOENT, PETSC_COMM_SELF, TES_ERR_WORLD, "%s", TesErrnoText("cannot list %s", folder));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  while ((entry = readdir(stream))) {
    PetscInt64 step = StepOfName(entry->d_name);

    if (step == -2 && clean) (void)unlinkat(dirfd(stream), entry->d_name, 0); /* in a read-only folder it stays and harms nobody */
    if (step < 0) continue;
    if (*n == room) {
      PetscInt64 *bigger;

      PetscCall(PetscMalloc1((size_t)room * 2, &bigger));
      PetscCall(PetscArraycpy(bigger, *steps, (size_t)room));
      PetscCall(PetscFree(*steps));
      *steps = bigger;
      room *= 2;
    }
    (*steps)[(*n)++] = step;
  }
  closedir(stream);
  qsort(*steps, (size_t)*n, sizeof **steps, Descending);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesCheckpointsCreate(MPI_Comm comm, const char folder[], PetscInt keep, TesCheckpoints *checkpoints)
{
  TesCheckpoints c;
  PetscInt64     n, *steps = NULL;
  PetscErrorCode ierr = PETSC_SUCCESS;

  PetscFunctionBegin;
  PetscCall(PetscNew(&c));
  c->comm = comm;
  c->keep = PetscMax(keep, 1);
  c->open = H5I_INVALID_HID;
  PetscCallMPI(MPI_Comm_rank(comm, &c->rank));
  PetscCall(PetscStrallocpy(folder, &c->folder));
  PetscCall(PetscStrallocpy("", &c->said));
  if (c->rank == 0) ierr = ListGenerations(folder, PETSC_TRUE, &n, &steps);
  PetscCall(PetscFree(steps));
  ierr = TesAgree(comm, ierr);
  if (ierr) PetscCall(TesCheckpointsDestroy(&c));
  PetscCall(ierr);
  *checkpoints = c;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesCheckpointsDestroy(TesCheckpoints *checkpoints)
{
  PetscFunctionBegin;
  if (!*checkpoints) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesCheckpointsClose(*checkpoints));
  PetscCall(PetscFree((*checkpoints)->folder));
  PetscCall(PetscFree((*checkpoints)->said));
  PetscCall(PetscFree(*checkpoints));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- writing ---- */

static PetscErrorCode SaveItem(TesState state, TesStateItem *item)
{
  PetscFunctionBegin;
  PetscCall(TesFileAddCopy((TesFile)state->impl, "/state/", item)); /* scalars may be the visitor's own temporaries: copied at once */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesStateOps save_ops = {.mode = TES_STATE_READS_PROBLEM, .visit = SaveItem};

static PetscErrorCode DeclareHeader(TesFile file, PetscInt64 step, const TesProvenance *provenance)
{
  const PetscInt64 format = TES_CHECKPOINT_FORMAT, state_format = provenance->state_format;

  PetscFunctionBegin;
  PetscCall(TesFileAddAttribute(file, "/", "tessera", "checkpoint", NULL, NULL));
  PetscCall(TesFileAddAttribute(file, "/", "format", NULL, NULL, &format));
  PetscCall(TesFileAddAttribute(file, "/", "kind", provenance->kind ? provenance->kind : "", NULL, NULL));
  PetscCall(TesFileAddAttribute(file, "/", "state_format", NULL, NULL, &state_format));
  PetscCall(TesFileAddAttribute(file, "/", "step", NULL, NULL, &step));
  PetscCall(TesFileAddAttribute(file, "/", "isa", TesIsaName(), NULL, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Declare(MPI_Comm comm, TesFile file, PetscInt64 step, TesStateFunction describe, void *ctx, const TesProvenance *provenance)
{
  struct _p_TesState state = {.ops = &save_ops, .comm = comm, .impl = file};
  TesProvenance      mine  = *provenance;

  PetscFunctionBegin;
  mine.step = step;
  PetscCall(DeclareHeader(file, step, &mine));
  PetscCall(describe(ctx, &state));
  PetscCall(TesFileAddProvenance(file, &mine));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Rank 0: keeps the newest `keep` up to the step just written. A generation of a later step was passed over as damaged and counts for nothing. */
static PetscErrorCode DropOldest(TesCheckpoints c, PetscInt64 step)
{
  PetscInt64 n, *steps, seen = 0;
  char       path[PETSC_MAX_PATH_LEN];

  PetscFunctionBegin;
  PetscCall(ListGenerations(c->folder, PETSC_FALSE, &n, &steps));
  for (PetscInt64 i = 0; i < n; i++) {
    if (steps[i] > step || ++seen <= c->keep) continue;
    PetscCall(PetscSNPrintf(path, sizeof path, "%s/%06lld.h5", c->folder, (long long)steps[i]));
    (void)unlink(path); /* the new one is safe: an old one that cannot be removed is no reason to stop */
  }
  PetscCall(PetscFree(steps));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SaveTo(MPI_Comm comm, const char path[], const char fault_point[], PetscInt64 step, TesStateFunction describe, void *ctx,
                             const TesProvenance *provenance, PetscInt64 *bytes, PetscReal *seconds)
{
  TesFile        file = NULL;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(TesFileCreate(comm, path, fault_point, &file));
  ierr = Declare(comm, file, step, describe, ctx, provenance);
  ierr = TesAgree(comm, ierr);
  if (!ierr) ierr = TesFileCommit(file, bytes, seconds);
  PetscCall(TesFileDestroy(&file));
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateSave(MPI_Comm comm, const char path[], PetscInt64 step, TesStateFunction describe, void *ctx, const TesProvenance *provenance)
{
  PetscFunctionBegin;
  PetscCall(SaveTo(comm, path, "post", step, describe, ctx, provenance, NULL, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesCheckpointsSave(TesCheckpoints c, PetscInt64 step, TesStateFunction describe, void *ctx, const TesProvenance *provenance, PetscInt64 *bytes,
                                  PetscReal *seconds)
{
  char           path[PETSC_MAX_PATH_LEN];
  PetscErrorCode ierr = PETSC_SUCCESS;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/%06lld.h5", c->folder, (long long)step));
  if (c->rank == 0) ierr = TesMakeFolder(c->folder);
  PetscCall(TesAgree(c->comm, ierr));
  PetscCall(SaveTo(c->comm, path, "ckpt", step, describe, ctx, provenance, bytes, seconds));
  if (c->rank == 0) ierr = DropOldest(c, step);
  PetscCall(TesAgree(c->comm, ierr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- reading ---- */

PetscErrorCode TesCheckpointsClose(TesCheckpoints c)
{
  PetscFunctionBegin;
  PetscCall(TesH5Close(&c->open));
  PetscCall(PetscFree(c->open_path));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A file that passed its checksum: is it a checkpoint that this program can read? Attributes are read by every rank alike. */
static PetscErrorCode ReadHeader(TesCheckpoints c, const char path[])
{
  PetscBool  found, ours;
  PetscInt64 format = 0;
  char      *text, version[64];

  PetscFunctionBegin;
  PetscCall(TesH5ReadAttributeText(c->open, "/", "tessera", &found, &text));
  ours = found && !strcmp(text, "checkpoint") ? PETSC_TRUE : PETSC_FALSE;
  PetscCall(PetscFree(text));
  PetscCheck(ours, PETSC_COMM_SELF, TES_ERR_WORLD, "%s is not a checkpoint", path);
  PetscCall(TesH5ReadAttributeInt(c->open, "/", "format", &found, &format));
  PetscCall(TesH5ReadText(c->open, "/provenance/version", &found, &text));
  PetscCall(PetscStrncpy(version, text ? text : "?", sizeof version));
  PetscCall(PetscFree(text));
  PetscCheck(format >= 1 && format <= TES_CHECKPOINT_FORMAT, PETSC_COMM_SELF, TES_ERR_WORLD,
             "%s has checkpoint format %lld, written by tessera %s; this program reads formats up to %d: use that version or a newer one", path, (long long)format,
             version, TES_CHECKPOINT_FORMAT);
  PetscCall(TesH5ReadAttributeInt(c->open, "/", "step", &found, &c->step));
  PetscCheck(found, PETSC_COMM_SELF, TES_ERR_WORLD, "%s does not say its step", path);
  PetscCall(TesH5ReadAttributeInt(c->open, "/", "state_format", &found, &c->state_format));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Append(char **text, const char more[])
{
  char *joined;

  PetscFunctionBegin;
  PetscCall(TesFormat(&joined, "%s%s", *text, more));
  PetscCall(PetscFree(*text));
  *text = joined;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Tries one generation: taken, or a line about its fault is added to `faults`. */
static PetscErrorCode TryOpen(TesCheckpoints c, const char path[], PetscBool *taken, char **faults)
{
  char           reason[256], line[PETSC_MAX_PATH_LEN + 300];
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(TesFileVerify(c->comm, path, taken, reason, sizeof reason));
  if (!*taken) {
    PetscCall(PetscSNPrintf(line, sizeof line, "%s%s: %s", (*faults)[0] ? "; " : "", path, reason));
    PetscCall(Append(faults, line));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesH5OpenRead(c->comm, path, &c->open));
  ierr = TesAgree(c->comm, ReadHeader(c, path));
  if (ierr) (void)TesH5Close(&c->open);
  PetscCall(ierr);
  PetscCall(PetscStrallocpy(path, &c->open_path));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The newest that is whole, if any. */
static PetscErrorCode TryAll(TesCheckpoints c, PetscInt64 n, const PetscInt64 steps[], PetscBool *found, char **faults)
{
  char path[PETSC_MAX_PATH_LEN];

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < n && !*found; i++) {
    PetscCall(PetscSNPrintf(path, sizeof path, "%s/%06lld.h5", c->folder, (long long)steps[i]));
    PetscCall(TryOpen(c, path, found, faults));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesCheckpointsOpen(TesCheckpoints c, PetscBool *found, const char **said)
{
  PetscInt64     n = 0, *steps = NULL;
  PetscErrorCode ierr  = PETSC_SUCCESS;
  char          *faults = NULL;

  PetscFunctionBegin;
  *found = PETSC_FALSE;
  PetscCall(TesCheckpointsClose(c));
  PetscCall(PetscStrallocpy("", &faults));
  if (c->rank == 0) ierr = ListGenerations(c->folder, PETSC_FALSE, &n, &steps);
  PetscCall(TesAgree(c->comm, ierr));
  PetscCallMPI(MPI_Bcast(&n, 1, MPIU_INT64, 0, c->comm));
  if (c->rank) PetscCall(PetscMalloc1((size_t)n, &steps));
  PetscCallMPI(MPI_Bcast(steps, (int)n, MPIU_INT64, 0, c->comm));
  ierr = TryAll(c, n, steps, found, &faults);
  PetscCall(PetscFree(steps));
  if (ierr) PetscCall(PetscFree(faults));
  PetscCall(ierr);
  if (*found && faults[0]) {
    char line[64];

    PetscCall(PetscSNPrintf(line, sizeof line, "; taking %06lld", (long long)c->step));
    PetscCall(Append(&faults, line));
  }
  if (n && !*found) {
    ierr = PetscError(PETSC_COMM_SELF, __LINE__, PETSC_FUNCTION_NAME, __FILE__, TES_ERR_WORLD, PETSC_ERROR_INITIAL, "no checkpoint is whole: %s", faults);
    PetscCall(PetscFree(faults));
    PetscCall(TesAgree(c->comm, ierr));
  }
  PetscCall(PetscFree(c->said));
  c->said = faults;
  if (said) *said = c->said;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscInt64 TesCheckpointsStep(TesCheckpoints c)
{
  return c->step;
}

PetscErrorCode TesCheckpointsText(TesCheckpoints c, const char name[], char **text)
{
  char           path[256];
  PetscBool      found;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCheck(c->open >= 0, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "no checkpoint is open");
  PetscCall(PetscSNPrintf(path, sizeof path, "/provenance/%s", name));
  ierr = TesH5ReadText(c->open, path, &found, text);
  PetscCall(TesAgree(c->comm, ierr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RestoreItem(TesState state, TesStateItem *item)
{
  TesCheckpoints c = (TesCheckpoints)state->impl;
  char           name[300];
  PetscBool      found;
  TesType        type;
  int            n_axes;
  PetscInt64     shape[TES_MAX_AXES];

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(name, sizeof name, "/state/%s", item->name));
  PetscCall(TesH5Shape(c->open, name, &found, &type, &n_axes, shape));
  PetscCheck(found, PETSC_COMM_SELF, TES_ERR_WORLD, "checkpoint %s lacks state item `%s`: it was written by state format %lld", c->open_path, item->name,
             (long long)c->state_format);
  PetscCheck(type == item->type, PETSC_COMM_SELF, TES_ERR_WORLD, "state item `%s` of checkpoint %s is stored as %s, wanted is %s", item->name, c->open_path,
             TesTypeName(type), TesTypeName(item->type)); /* a conversion would change bits */
  PetscCall(TesH5ReadItem(c->comm, c->open, name, item));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PeekItem(TesState state, const char name[], PetscBool *found, int *n_axes, PetscInt64 shape[TES_MAX_AXES])
{
  TesCheckpoints c = (TesCheckpoints)state->impl;
  char           path[300];
  TesType        type;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(path, sizeof path, "/state/%s", name));
  PetscCall(TesH5Shape(c->open, path, found, &type, n_axes, shape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesStateOps restore_ops = {.mode = TES_STATE_WRITES_PROBLEM, .visit = RestoreItem, .peek = PeekItem};

PetscErrorCode TesCheckpointsRestore(TesCheckpoints c, TesStateFunction describe, void *ctx)
{
  struct _p_TesState state = {.ops = &restore_ops, .comm = c->comm, .impl = c};
  PetscErrorCode     ierr;

  PetscFunctionBegin;
  PetscCheck(c->open >= 0, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "no checkpoint is open");
  ierr = describe(ctx, &state);
  PetscCall(TesAgree(c->comm, ierr));
  PetscFunctionReturn(PETSC_SUCCESS);
}
