/* What a file holds, for people: sort, origin, report table, datasets with their range. Rank 0 works; values are read in blocks. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "look_private.h"
#include "report_private.h"

typedef struct {
  TesLookSort sort;
  PetscReal   min, max;
  PetscInt64  min_int, max_int, n_nan;
  PetscBool   any;
} Range;

static PetscErrorCode FindRange(void *ctx, PetscInt64 first, PetscInt64 n, const void *a, const void *b)
{
  Range     *r    = (Range *)ctx;
  PetscInt64 each = r->sort == TES_LOOK_COMPLEX ? 2 : 1;

  PetscFunctionBegin;
  (void)first;
  (void)b;
  for (PetscInt64 i = 0; i < n * each; i++) {
    if (r->sort == TES_LOOK_INT) {
      PetscInt64 x = ((const PetscInt64 *)a)[i];

      r->min_int = r->any ? PetscMin(r->min_int, x) : x;
      r->max_int = r->any ? PetscMax(r->max_int, x) : x;
    } else {
      PetscReal x = ((const double *)a)[i];

      if (isnan(x)) {
        r->n_nan++;
        continue;
      }
      r->min = r->any ? PetscMin(r->min, x) : x;
      r->max = r->any ? PetscMax(r->max, x) : x;
    }
    r->any = PETSC_TRUE;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddDataset(TesText *text, hid_t file, const char name[])
{
  TesLook   look;
  char      shape[256], *unit = NULL;
  PetscBool found;

  PetscFunctionBegin;
  PetscCall(TesLookBegin(file, name, &look));
  TesLookShapeText(&look, shape, sizeof shape);
  PetscCall(TesTextAdd(text, "  %-36s %-12s %-16s", name, TesLookTypeName(&look), shape));
  PetscCall(TesH5ReadAttributeText(file, name, "unit", &found, &unit));
  if (look.sort == TES_LOOK_REAL || look.sort == TES_LOOK_COMPLEX || look.sort == TES_LOOK_INT) {
    Range range = {.sort = look.sort};

    PetscCall(TesLookBlocks(&look, NULL, FindRange, &range));
    if (range.any && look.sort == TES_LOOK_INT && look.count == 1) PetscCall(TesTextAdd(text, " %lld", (long long)range.min_int));
    else if (range.any && look.sort == TES_LOOK_INT) PetscCall(TesTextAdd(text, " %lld .. %lld", (long long)range.min_int, (long long)range.max_int));
    else if (range.any && look.sort == TES_LOOK_REAL && look.count == 1) PetscCall(TesTextAdd(text, " %.10g", range.min));
    else if (range.any) PetscCall(TesTextAdd(text, " %.6g .. %.6g", range.min, range.max));
    if (range.n_nan) PetscCall(TesTextAdd(text, " (%lld not a number)", (long long)range.n_nan));
  }
  if (unit && unit[0] && strcmp(unit, "1")) PetscCall(TesTextAdd(text, " %s", unit));
  PetscCall(TesTextAdd(text, "\n"));
  while (text->used > 1 && text->text[text->used - 2] == ' ') { /* the blanks of an empty last column */
    text->text[text->used - 2] = '\n';
    text->text[--text->used]   = 0;
  }
  PetscCall(PetscFree(unit));
  PetscCall(TesLookEnd(&look));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddText(TesText *text, hid_t file, const char name[], const char label[])
{
  char      path[128], *value = NULL;
  PetscBool found;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(path, sizeof path, "/provenance/%s", name));
  PetscCall(TesH5ReadText(file, path, &found, &value));
  if (found && value[0]) PetscCall(TesTextAdd(text, "%-12s %s\n", label, value));
  PetscCall(PetscFree(value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddNumber(TesText *text, hid_t file, const char name[], const char label[])
{
  char       path[128];
  PetscBool  found;
  TesType    type;
  int        n_axes;
  PetscInt64 shape[TES_MAX_AXES], value = 0;
  hid_t      dataset;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(path, sizeof path, "/provenance/%s", name));
  PetscCall(TesH5Shape(file, path, &found, &type, &n_axes, shape));
  if (!found || n_axes) PetscFunctionReturn(PETSC_SUCCESS);
  TesCallH5(dataset = H5Dopen2(file, path, H5P_DEFAULT));
  TesCallH5(H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value));
  TesCallH5(H5Dclose(dataset));
  PetscCall(TesTextAdd(text, "%-12s %lld\n", label, (long long)value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddOrigin(TesText *text, hid_t file)
{
  PetscFunctionBegin;
  PetscCall(AddText(text, file, "kind", "kind"));
  PetscCall(AddNumber(text, file, "step", "step"));
  PetscCall(AddText(text, file, "date", "written"));
  PetscCall(AddText(text, file, "host", "on"));
  PetscCall(AddText(text, file, "version", "tessera"));
  PetscCall(AddText(text, file, "git", "git"));
  PetscCall(AddNumber(text, file, "ranks", "ranks"));
  PetscCall(AddNumber(text, file, "seed", "seed"));
  PetscCall(AddText(text, file, "isa", "instructions"));
  PetscCall(AddText(text, file, "deck_hash", "deck hash"));
  PetscCall(AddText(text, file, "reference", "cite"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddContent(TesText *text, hid_t file)
{
  TesNames     names = {0};
  TesFigureSet set   = {0};
  char        *table;

  PetscFunctionBegin;
  PetscCall(TesFigureSetRead(file, &set));
  if (set.n) {
    PetscCall(TesFigureSetTable(&set, &table));
    PetscCall(TesTextAdd(text, "\n%s", table));
    PetscCall(PetscFree(table));
  }
  PetscCall(TesFigureSetClear(&set));
  PetscCall(TesTextAdd(text, "\n"));
  PetscCall(TesLookList(file, &names));
  for (PetscInt i = 0; i < names.n; i++)
    if (strncmp(names.name[i], "/provenance/", 12) && strncmp(names.name[i], "/table/", 7)) PetscCall(AddDataset(text, file, names.name[i]));
  PetscCall(TesNamesClear(&names));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Info(const char path[], char **out)
{
  TesText   text = {0};
  hid_t     file;
  PetscBool valid, found;
  char      reason[256], *sort;

  PetscFunctionBegin;
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  PetscCall(TesFileVerify(PETSC_COMM_SELF, path, &valid, reason, sizeof reason));
  if (!valid && H5Fis_hdf5(path) > 0 && !strstr(reason, "no magic")) {
    PetscCall(TesTextAdd(&text, "%s: DAMAGED: %s\nNothing in it is shown, since none of it can be trusted.\n", path, reason));
    *out = text.text;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesLookOpen(path, &file));
  PetscCall(TesH5ReadAttributeText(file, "/", "tessera", &found, &sort));
  if (valid) PetscCall(TesTextAdd(&text, "%s: %s of tessera, whole (length and checksum agree)\n", path, found ? sort : "file"));
  else PetscCall(TesTextAdd(&text, "%s: an HDF5 file, not of tessera (no checksum to agree with)\n", path));
  PetscCall(PetscFree(sort));
  PetscCall(AddOrigin(&text, file));
  PetscCall(AddContent(&text, file));
  TesCallH5(H5Fclose(file));
  *out = text.text;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesInfo(MPI_Comm comm, const char path[], char **text)
{
  int            rank, length = 0;
  PetscErrorCode ierr = PETSC_SUCCESS;

  PetscFunctionBegin;
  *text = NULL;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  if (rank == 0) ierr = Info(path, text);
  PetscCall(TesAgree(comm, ierr));
  if (rank == 0) length = (int)strlen(*text) + 1;
  PetscCallMPI(MPI_Bcast(&length, 1, MPI_INT, 0, comm));
  if (rank) PetscCall(PetscMalloc1((size_t)length, text));
  PetscCallMPI(MPI_Bcast(*text, length, MPI_CHAR, 0, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}
