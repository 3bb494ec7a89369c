/* The files of a series: series.h5, series.csv, fields/<step>.h5 and fields.xmf. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "file_private.h"
#include "series_private.h"

static PetscErrorCode CommitAndDestroy(TesFile *file)
{
  PetscErrorCode ierr = TesFileCommit(*file, NULL, NULL);

  PetscFunctionBegin;
  PetscCall(TesFileDestroy(file));
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesWriteSnapshot(TesSeries s, PetscInt64 step, PetscReal time, const TesProvenance *provenance)
{
  char           path[PETSC_MAX_PATH_LEN];
  TesFile        file;
  PetscErrorCode ierr = PETSC_SUCCESS;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields", s->folder));
  if (s->rank == 0) ierr = TesMakeFolder(path);
  PetscCall(TesAgree(s->comm, ierr));
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields/%06lld.h5", s->folder, (long long)step));
  PetscCall(TesFileCreate(s->comm, path, "field", &file));
  PetscCall(TesFileAddAttribute(file, "/", "tessera", "snapshot", NULL, NULL));
  PetscCall(TesFileAddAttribute(file, "/", "step", NULL, NULL, &step));
  PetscCall(TesFileAddAttribute(file, "/", "time", NULL, &time, NULL));
  PetscCall(TesFieldSetDeclare(&s->fields, file));
  if (provenance) PetscCall(TesFileAddProvenance(file, provenance));
  PetscCall(CommitAndDestroy(&file));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Rank 0 looks into the folder, not into the list: a run that was killed may have left snapshots that no checkpoint knows. */
PetscErrorCode TesSeriesRemoveSnapshots(TesSeries s, PetscInt64 after)
{
  char           path[PETSC_MAX_PATH_LEN];
  DIR           *folder;
  struct dirent *entry;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields", s->folder));
  folder = s->rank ? NULL : opendir(path);
  if (!folder) PetscFunctionReturn(PETSC_SUCCESS);
  while ((entry = readdir(folder))) {
    size_t digits = strspn(entry->d_name, "0123456789");

    if (digits < 6 || digits > 18) continue;
    if (!strcmp(entry->d_name + digits, ".h5.part") || (!strcmp(entry->d_name + digits, ".h5") && strtoll(entry->d_name, NULL, 10) > after))
      (void)unlinkat(dirfd(folder), entry->d_name, 0); /* one that stays is not in fields.xmf, and is replaced when its step comes again */
  }
  closedir(folder);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DeclareColumn(TesFile file, const TesColumn *column, PetscInt64 rows)
{
  const char  *group = column->sort == TES_COLUMN_STDERR ? "/stderr/" : "/observables/";
  TesStateItem item  = {.name = column->name, .type = TES_F64, .n_axes = 1, .shape = {rows}, .data = column->value, .unit = column->unit[0] ? column->unit : NULL, .axes = "row"};

  PetscFunctionBegin;
  PetscCall(TesFileAddItem(file, group, &item));
  if (column->sort == TES_COLUMN_TIMING) {
    const PetscInt64 yes = 1;
    char             path[512];

    PetscCall(PetscSNPrintf(path, sizeof path, "%s%s", group, column->name));
    PetscCall(TesFileAddAttribute(file, path, "timing", NULL, NULL, &yes));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WriteH5(TesSeries s, const TesProvenance *provenance)
{
  char         path[PETSC_MAX_PATH_LEN];
  TesFile      file;
  TesStateItem step = {.name = "step", .type = TES_I64, .n_axes = 1, .shape = {s->n_rows}, .data = s->step, .axes = "row"};
  TesStateItem time = {.name = "time", .type = TES_F64, .n_axes = 1, .shape = {s->n_rows}, .data = s->time, .axes = "row"};

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/series.h5", s->folder));
  PetscCall(TesFileCreate(s->comm, path, "series", &file));
  PetscCall(TesFileAddAttribute(file, "/", "tessera", "series", NULL, NULL));
  PetscCall(TesFileAddItem(file, "/", &step));
  PetscCall(TesFileAddItem(file, "/", &time));
  for (int c = 0; c < s->n_columns; c++) PetscCall(DeclareColumn(file, &s->column[c], s->n_rows));
  if (provenance) PetscCall(TesFileAddProvenance(file, provenance));
  PetscCall(CommitAndDestroy(&file));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddCsvName(TesText *text, const TesColumn *column)
{
  PetscBool quote = (PetscBool)(strpbrk(column->name, ",\"") != NULL);

  PetscFunctionBegin;
  PetscCall(TesTextAdd(text, quote ? ",\"" : ","));
  for (const char *c = column->name; *c; c++) PetscCall(TesTextAdd(text, *c == '"' ? "\"\"" : "%c", *c));
  PetscCall(TesTextAdd(text, "%s%s", column->sort == TES_COLUMN_STDERR ? "_stderr" : "", quote ? "\"" : ""));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Rank 0. 17 digits: a number read back is the number written. */
static PetscErrorCode WriteCsv(TesSeries s)
{
  char           path[PETSC_MAX_PATH_LEN];
  TesText        text = {0};
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/series.csv", s->folder));
  PetscCall(TesTextAdd(&text, "step,time"));
  for (int c = 0; c < s->n_columns; c++) PetscCall(AddCsvName(&text, &s->column[c]));
  PetscCall(TesTextAdd(&text, "\n"));
  for (PetscInt64 r = 0; r < s->n_rows; r++) {
    PetscCall(TesTextAdd(&text, "%lld,%.17g", (long long)s->step[r], s->time[r]));
    for (int c = 0; c < s->n_columns; c++) PetscCall(TesTextAdd(&text, ",%.17g", s->column[c].value[r]));
    PetscCall(TesTextAdd(&text, "\n"));
  }
  ierr = TesWriteTextAtomic(path, text.text);
  PetscCall(PetscFree(text.text));
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Rank 0. A snapshot that someone has removed is left out, or viewers would refuse the whole collection. */
static PetscErrorCode WriteXdmf(TesSeries s)
{
  char           path[PETSC_MAX_PATH_LEN], **names;
  PetscReal     *times;
  PetscInt64     n = 0;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)s->n_shots, &names, (size_t)s->n_shots, &times));
  for (PetscInt64 i = 0; i < s->n_shots; i++) {
    PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields/%06lld.h5", s->folder, (long long)s->shot_step[i]));
    if (access(path, R_OK)) continue;
    times[n] = s->shot_time[i];
    PetscCall(TesFormat(&names[n++], "fields/%06lld.h5", (long long)s->shot_step[i]));
  }
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields.xmf", s->folder));
  ierr = TesXdmfWrite(path, s->layout, n, names, times);
  for (PetscInt64 i = 0; i < n; i++) PetscCall(PetscFree(names[i]));
  PetscCall(PetscFree2(names, times));
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesWrite(TesSeries s, const TesProvenance *provenance)
{
  PetscErrorCode ierr = PETSC_SUCCESS;

  PetscFunctionBegin;
  if (s->rank == 0) ierr = TesMakeFolder(s->folder);
  PetscCall(TesAgree(s->comm, ierr));
  PetscCall(WriteH5(s, provenance));
  if (s->rank == 0 && s->csv) ierr = WriteCsv(s);
  if (s->rank == 0 && !ierr && s->n_shots) ierr = WriteXdmf(s);
  PetscCall(TesAgree(s->comm, ierr));
  PetscFunctionReturn(PETSC_SUCCESS);
}
