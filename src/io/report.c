/* The report of a run: figures, arrays and fields, written as result.h5.

     /report/<figure>  one number or text; attributes unit, long_name, reference, source, certified, timing, scale, failed (only those that say something;
                       certified always)
     /fields, /coordinates, and arrays wherever the kind puts them
     /table/order, /table/said   the order of the figures and the free lines: with these `tessera info` and a second call of run print the table again
     /provenance */
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "file_private.h"
#include "report_private.h"

typedef struct {
  TesStateItem item;
  char        *name;
  PetscReal    scale;
} Array;

struct _p_TesReport {
  MPI_Comm     comm;
  int          rank;
  TesFigureSet figures;
  TesText      said;
  int          n_arrays, max_arrays;
  Array       *array;
  TesFieldSet  fields;
};

PetscErrorCode TesReportCreate(MPI_Comm comm, TesReport *report)
{
  PetscFunctionBegin;
  PetscCall(PetscNew(report));
  (*report)->comm = comm;
  PetscCallMPI(MPI_Comm_rank(comm, &(*report)->rank));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReportDestroy(TesReport *report)
{
  TesReport r = *report;

  PetscFunctionBegin;
  if (!r) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesFigureSetClear(&r->figures));
  PetscCall(PetscFree(r->said.text));
  for (int i = 0; i < r->n_arrays; i++) PetscCall(PetscFree(r->array[i].name));
  PetscCall(PetscFree(r->array));
  PetscCall(TesFieldSetClear(&r->fields));
  PetscCall(PetscFree(r));
  *report = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- what a kind says ---- */

static PetscErrorCode CopyText(const char *from, char **to)
{
  PetscFunctionBegin;
  *to = NULL;
  if (from && from[0]) PetscCall(PetscStrallocpy(from, to));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddFigure(TesReport r, const char name[], TesFigureValue sort, const TesFigureNote *note, TesFigureRecord **figure)
{
  TesFigureRecord *f;

  PetscFunctionBegin;
  PetscCheck(!strpbrk(name, "\n"), PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "name of a figure holds a line end: %s", name);
  PetscCall(TesFigureSetSlot(&r->figures, name, &f));
  f->sort = sort;
  if (note) {
    PetscCall(CopyText(note->unit, &f->unit));
    PetscCall(CopyText(note->help, &f->help));
    PetscCall(CopyText(note->source, &f->source));
    f->has_reference = note->has_reference;
    f->reference     = note->reference;
    f->certified     = note->certified;
    f->timing        = note->timing;
    f->scale         = note->scale;
    f->failed        = note->failed;
  }
  *figure = f;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReportReal(TesReport report, const char name[], PetscReal value, const TesFigureNote *note)
{
  TesFigureRecord *f;

  PetscFunctionBegin;
  PetscCall(AddFigure(report, name, TES_FIGURE_REAL, note, &f));
  f->real = value;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReportInt(TesReport report, const char name[], PetscInt64 value, const TesFigureNote *note)
{
  TesFigureRecord *f;

  PetscFunctionBegin;
  PetscCall(AddFigure(report, name, TES_FIGURE_INT, note, &f));
  f->integer = value;
  f->real    = (PetscReal)value;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReportText(TesReport report, const char name[], const char text[], const TesFigureNote *note)
{
  TesFigureRecord *f;

  PetscFunctionBegin;
  PetscCall(AddFigure(report, name, TES_FIGURE_TEXT, note, &f));
  PetscCall(PetscStrallocpy(text ? text : "", &f->text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReportArray(TesReport r, const TesStateItem *item, PetscReal scale)
{
  Array *a;

  PetscFunctionBegin;
  if (r->n_arrays == r->max_arrays) {
    int max = r->max_arrays ? 2 * r->max_arrays : 16;

    PetscCall(PetscCalloc1((size_t)max, &a));
    if (r->n_arrays) memcpy(a, r->array, (size_t)r->n_arrays * sizeof *a);
    PetscCall(PetscFree(r->array));
    r->array      = a;
    r->max_arrays = max;
  }
  a       = &r->array[r->n_arrays++];
  a->item = *item;
  PetscCall(PetscStrallocpy(item->name[0] == '/' ? item->name + 1 : item->name, &a->name));
  a->item.name = a->name;
  a->scale     = scale;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReportField(TesReport r, TesField field, PetscReal scale)
{
  PetscFunctionBegin;
  PetscCall(TesFieldSetAdd(&r->fields, field, PETSC_FALSE, scale));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReportSay(TesReport r, const char format[], ...)
{
  char    line[1024];
  va_list arguments;

  PetscFunctionBegin;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  PetscCall(TesTextAdd(&r->said, "%s\n", line));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- what is asked ---- */

PetscErrorCode TesReportTable(TesReport r, char **text)
{
  TesFigureSet set = r->figures;

  PetscFunctionBegin;
  set.said = r->said.text;
  PetscCall(TesFigureSetTable(&set, text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReportFind(TesReport r, const char name[], PetscBool *found, PetscReal *value)
{
  PetscFunctionBegin;
  *found = PETSC_FALSE;
  for (int i = 0; i < r->figures.n; i++) {
    if (r->figures.figure[i].sort == TES_FIGURE_TEXT || strcmp(r->figures.figure[i].name, name)) continue;
    *found = PETSC_TRUE;
    *value = r->figures.figure[i].real;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReportFailed(TesReport r, PetscBool *failed)
{
  PetscFunctionBegin;
  *failed = TesFigureSetFailed(&r->figures);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReportTableFromFile(MPI_Comm comm, const char path[], char **text, PetscBool *failed)
{
  TesFigureSet   set = {0};
  hid_t          file;
  PetscBool      valid;
  char           reason[256];
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(TesFileVerify(comm, path, &valid, reason, sizeof reason));
  ierr = valid ? PETSC_SUCCESS : PetscError(PETSC_COMM_SELF, __LINE__, PETSC_FUNCTION_NAME, __FILE__, TES_ERR_WORLD, PETSC_ERROR_INITIAL, "%s: %s", path, reason);
  PetscCall(TesAgree(comm, ierr));
  PetscCall(TesH5OpenRead(comm, path, &file));
  ierr = TesFigureSetRead(file, &set);
  PetscCall(TesH5Close(&file));
  if (!ierr) ierr = TesFigureSetTable(&set, text);
  if (failed) *failed = TesFigureSetFailed(&set);
  PetscCall(TesFigureSetClear(&set));
  PetscCall(TesAgree(comm, ierr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- result.h5 ---- */

static PetscErrorCode DeclareFigure(TesFile file, TesFigureRecord *f)
{
  const PetscInt64 yes = 1, certified = f->certified ? 1 : 0;
  char             path[512];
  TesStateItem     item = {.name = f->name, .type = f->sort == TES_FIGURE_INT ? TES_I64 : TES_F64, .data = f->sort == TES_FIGURE_INT ? (void *)&f->integer : (void *)&f->real};

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(path, sizeof path, "/report/%s", f->name));
  if (f->sort == TES_FIGURE_TEXT) PetscCall(TesFileAddText(file, path, f->text));
  else PetscCall(TesFileAddItem(file, "/report/", &item));
  if (f->unit) PetscCall(TesFileAddAttribute(file, path, "unit", f->unit, NULL, NULL));
  if (f->help) PetscCall(TesFileAddAttribute(file, path, "long_name", f->help, NULL, NULL));
  if (f->has_reference) PetscCall(TesFileAddAttribute(file, path, "reference", NULL, &f->reference, NULL));
  if (f->source) PetscCall(TesFileAddAttribute(file, path, "source", f->source, NULL, NULL));
  PetscCall(TesFileAddAttribute(file, path, "certified", NULL, NULL, &certified));
  if (f->timing) PetscCall(TesFileAddAttribute(file, path, "timing", NULL, NULL, &yes));
  if (f->scale > 0) PetscCall(TesFileAddAttribute(file, path, "scale", NULL, &f->scale, NULL));
  if (f->failed) PetscCall(TesFileAddAttribute(file, path, "failed", NULL, NULL, &yes));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DeclareArray(TesFile file, const Array *a)
{
  char path[512];

  PetscFunctionBegin;
  PetscCall(TesFileAddItem(file, "/", &a->item));
  PetscCall(PetscSNPrintf(path, sizeof path, "/%s", a->name));
  if (a->scale > 0) PetscCall(TesFileAddAttribute(file, path, "scale", NULL, &a->scale, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Declare(TesReport r, TesFile file, const TesProvenance *provenance)
{
  const PetscInt64 yes   = 1;
  TesText          order = {0};

  PetscFunctionBegin;
  PetscCall(TesFileAddAttribute(file, "/", "tessera", "result", NULL, NULL));
  PetscCall(TesTextAdd(&order, "%s", ""));
  for (int i = 0; i < r->figures.n; i++) {
    PetscCall(DeclareFigure(file, &r->figures.figure[i]));
    PetscCall(TesTextAdd(&order, "%s%s", i ? "\n" : "", r->figures.figure[i].name));
  }
  for (int i = 0; i < r->n_arrays; i++) PetscCall(DeclareArray(file, &r->array[i]));
  PetscCall(TesFieldSetDeclare(&r->fields, file));
  PetscCall(TesFileAddText(file, "/table/order", order.text));
  PetscCall(TesFileAddText(file, "/table/said", r->said.text ? r->said.text : ""));
  PetscCall(TesFileAddAttribute(file, "/table/said", "timing", NULL, NULL, &yes)); /* free lines may speak of seconds */
  if (provenance) PetscCall(TesFileAddProvenance(file, provenance));
  PetscCall(PetscFree(order.text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Rank 0. With snapshots in the folder, fields.xmf is the series' own. */
static PetscErrorCode WriteXdmf(TesReport r, const char path[])
{
  char           copy[PETSC_MAX_PATH_LEN], other[PETSC_MAX_PATH_LEN], name[PETSC_MAX_PATH_LEN], *layout, *folder, *names[1] = {name};
  PetscReal      time      = 0;
  PetscBool      snapshots = PETSC_FALSE;
  DIR           *stream;
  struct dirent *entry;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(PetscStrncpy(copy, path, sizeof copy));
  folder = dirname(copy);
  PetscCall(PetscSNPrintf(other, sizeof other, "%s/fields", folder));
  stream = opendir(other);
  while (stream && (entry = readdir(stream))) {
    size_t length = strlen(entry->d_name);

    snapshots = (PetscBool)(snapshots || (length > 3 && !strcmp(entry->d_name + length - 3, ".h5")));
  }
  if (stream) closedir(stream);
  if (snapshots) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscSNPrintf(other, sizeof other, "%s/fields.xmf", folder));
  PetscCall(PetscStrncpy(name, path, sizeof name));
  names[0] = basename(name);
  PetscCall(TesFieldSetLayout(&r->fields, &layout));
  ierr = TesXdmfWrite(other, layout, 1, names, &time);
  PetscCall(PetscFree(layout));
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReportWrite(TesReport r, const char path[], const TesProvenance *provenance)
{
  TesFile        file;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(TesFileCreate(r->comm, path, "result", &file));
  ierr = Declare(r, file, provenance);
  ierr = TesAgree(r->comm, ierr);
  if (!ierr) ierr = TesFileCommit(file, NULL, NULL);
  PetscCall(TesFileDestroy(&file));
  PetscCall(ierr);
  if (r->rank == 0 && r->fields.n) ierr = WriteXdmf(r, path);
  PetscCall(TesAgree(r->comm, ierr));
  PetscFunctionReturn(PETSC_SUCCESS);
}
