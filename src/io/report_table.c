/* The table at the end of a run, from the figures in memory or from those in result.h5: the same text, since the file holds all that the table shows.

     figure        value        unit  reference  source          
     relative_l2   3.1e-09      1     2.0e-08    paper, table 2  certified

   Columns are as wide as their longest entry; one that nobody fills is left out. */
#include <stdio.h>
#include <string.h>
#include "report_private.h"

enum { COLUMN_NAME, COLUMN_VALUE, COLUMN_UNIT, COLUMN_REFERENCE, COLUMN_SOURCE, COLUMN_MARK, COLUMNS };

static PetscErrorCode Release(TesFigureRecord *f)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(f->name));
  PetscCall(PetscFree(f->text));
  PetscCall(PetscFree(f->unit));
  PetscCall(PetscFree(f->help));
  PetscCall(PetscFree(f->source));
  PetscCall(PetscMemzero(f, sizeof *f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFigureSetClear(TesFigureSet *set)
{
  PetscFunctionBegin;
  for (int i = 0; i < set->n; i++) PetscCall(Release(&set->figure[i]));
  PetscCall(PetscFree(set->figure));
  PetscCall(PetscFree(set->said));
  set->n = set->max = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFigureSetSlot(TesFigureSet *set, const char name[], TesFigureRecord **figure)
{
  PetscFunctionBegin;
  *figure = NULL;
  for (int i = 0; i < set->n; i++)
    if (!strcmp(set->figure[i].name, name)) *figure = &set->figure[i];
  if (*figure) {
    PetscCall(Release(*figure));
  } else {
    if (set->n == set->max) {
      TesFigureRecord *bigger;
      int              max = set->max ? 2 * set->max : 16;

      PetscCall(PetscCalloc1((size_t)max, &bigger));
      if (set->n) memcpy(bigger, set->figure, (size_t)set->n * sizeof *bigger);
      PetscCall(PetscFree(set->figure));
      set->figure = bigger;
      set->max    = max;
    }
    *figure = &set->figure[set->n++];
  }
  PetscCall(PetscStrallocpy(name, &(*figure)->name));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscBool TesFigureSetFailed(const TesFigureSet *set)
{
  for (int i = 0; i < set->n; i++)
    if (set->figure[i].failed) return PETSC_TRUE;
  return PETSC_FALSE;
}

/* Columns on a terminal: bytes that begin a UTF-8 character. */
static int Width(const char text[])
{
  int width = 0;

  for (const char *c = text; *c; c++) width += ((unsigned char)*c & 0xC0) != 0x80;
  return width;
}

static PetscErrorCode Cell(const TesFigureRecord *f, int column, char text[], size_t size)
{
  PetscFunctionBegin;
  text[0] = 0;
  switch (column) {
  case COLUMN_NAME: snprintf(text, size, "%s", f->name); break;
  case COLUMN_VALUE:
    if (f->sort == TES_FIGURE_REAL) snprintf(text, size, "%.6g", f->real);
    else if (f->sort == TES_FIGURE_INT) snprintf(text, size, "%lld", (long long)f->integer);
    else snprintf(text, size, "%s", f->text ? f->text : "");
    break;
  case COLUMN_UNIT:
    if (f->unit && strcmp(f->unit, "1")) snprintf(text, size, "%s", f->unit);
    break;
  case COLUMN_REFERENCE:
    if (f->has_reference) snprintf(text, size, "%.6g", f->reference);
    break;
  case COLUMN_SOURCE: snprintf(text, size, "%s", f->source ? f->source : ""); break;
  default: snprintf(text, size, "%s", f->failed ? "MISSED ITS TARGET" : f->certified ? "certified" : "");
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFigureSetTable(const TesFigureSet *set, char **text)
{
  static const char *const heads[COLUMNS] = {"figure", "value", "unit", "reference", "source", ""};
  TesText                  table          = {0};
  int                      width[COLUMNS] = {0};
  char                     cell[512];

  PetscFunctionBegin;
  PetscCall(TesTextAdd(&table, "%s", ""));
  for (int i = 0; i < set->n; i++)
    for (int c = 0; c < COLUMNS; c++) {
      PetscCall(Cell(&set->figure[i], c, cell, sizeof cell));
      width[c] = PetscMax(width[c], Width(cell));
    }
  for (int c = 0; c < COLUMNS; c++)
    if (width[c]) width[c] = PetscMax(width[c], Width(heads[c]));
  for (int i = set->n ? -1 : 0; i < set->n; i++) {
    int missing = 0; /* blanks owed: none are left at the end of a line */

    for (int c = 0; c < COLUMNS; c++) {
      if (!width[c]) continue;
      if (i < 0) snprintf(cell, sizeof cell, "%s", heads[c]);
      else PetscCall(Cell(&set->figure[i], c, cell, sizeof cell));
      if (cell[0]) {
        PetscCall(TesTextAdd(&table, "%*s%s", missing, "", cell));
        missing = 0;
      }
      missing += width[c] - Width(cell) + 2;
    }
    PetscCall(TesTextAdd(&table, "\n"));
  }
  if (set->said) PetscCall(TesTextAdd(&table, "%s", set->said));
  *text = table.text;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- from result.h5 ---- */

static PetscErrorCode Flag(hid_t file, const char path[], const char name[], PetscBool *flag)
{
  PetscBool  found;
  PetscInt64 value = 0;

  PetscFunctionBegin;
  PetscCall(TesH5ReadAttributeInt(file, path, name, &found, &value));
  *flag = (PetscBool)(found && value);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadFigure(hid_t file, const char name[], TesFigureRecord *f)
{
  char      path[512];
  hid_t     dataset, type;
  PetscBool found;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(path, sizeof path, "/report/%s", name));
  TesCallH5(dataset = H5Dopen2(file, path, H5P_DEFAULT));
  TesCallH5(type = H5Dget_type(dataset));
  f->sort = H5Tget_class(type) == H5T_STRING ? TES_FIGURE_TEXT : H5Tget_class(type) == H5T_INTEGER ? TES_FIGURE_INT : TES_FIGURE_REAL;
  H5Tclose(type);
  if (f->sort == TES_FIGURE_TEXT) PetscCall(TesH5ReadText(file, path, &found, &f->text));
  else {
    hid_t    space = H5Dget_space(dataset);
    hssize_t count = H5Sget_simple_extent_npoints(space);

    H5Sclose(space);
    PetscCheck(count == 1, PETSC_COMM_SELF, TES_ERR_WORLD, "figure %s is not one number", path);
    if (f->sort == TES_FIGURE_INT) TesCallH5(H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &f->integer));
    else TesCallH5(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &f->real));
  }
  TesCallH5(H5Dclose(dataset));
  PetscCall(TesH5ReadAttributeText(file, path, "unit", &found, &f->unit));
  PetscCall(TesH5ReadAttributeText(file, path, "long_name", &found, &f->help));
  PetscCall(TesH5ReadAttributeText(file, path, "source", &found, &f->source));
  PetscCall(TesH5ReadAttributeReal(file, path, "reference", &f->has_reference, &f->reference));
  PetscCall(TesH5ReadAttributeReal(file, path, "scale", &found, &f->scale));
  PetscCall(Flag(file, path, "certified", &f->certified));
  PetscCall(Flag(file, path, "timing", &f->timing));
  PetscCall(Flag(file, path, "failed", &f->failed));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The order of the figures is that in which they were reported: HDF5 would list them by name. */
PetscErrorCode TesFigureSetRead(hid_t file, TesFigureSet *set)
{
  PetscBool        found;
  char            *order = NULL, *rest;
  TesFigureRecord *figure;

  PetscFunctionBegin;
  PetscCall(TesH5ReadText(file, "/table/order", &found, &order));
  rest = order;
  while (found && *rest) {
    char *name = rest, *end = strchr(rest, '\n');

    rest = end ? end + 1 : rest + strlen(rest);
    if (end) *end = 0;
    PetscCall(TesFigureSetSlot(set, name, &figure));
    PetscCall(ReadFigure(file, name, figure));
  }
  PetscCall(PetscFree(order));
  PetscCall(PetscFree(set->said));
  PetscCall(TesH5ReadText(file, "/table/said", &found, &set->said));
  PetscFunctionReturn(PETSC_SUCCESS);
}
