/* What `tessera plot` reads: whole columns for curves, and blocks of a field, so that a large one is never in memory at once. */
#include <string.h>
#include "plot_private.h"

/* 2^26 values are 512 MB: nothing that is meant as a curve is longer */
#define COLUMN_MAX ((PetscInt64)1 << 26)

/* "long_name (unit)", or the last part of the name */
static PetscErrorCode Label(hid_t file, const char name[], char label[TES_PLOT_TEXT])
{
  PetscBool   has_name, has_unit;
  char       *long_name = NULL, *unit = NULL;
  const char *last = strrchr(name, '/');

  PetscFunctionBegin;
  PetscCall(TesH5ReadAttributeText(file, name, "long_name", &has_name, &long_name));
  PetscCall(TesH5ReadAttributeText(file, name, "unit", &has_unit, &unit));
  last = last ? last + 1 : name;
  snprintf(label, TES_PLOT_TEXT, "%s", has_name && long_name && *long_name ? long_name : last);
  if (!has_name)
    for (char *c = label; *c; c++)
      if (*c == '_') *c = ' ';
  if (has_unit && unit && *unit && strcmp(unit, "1") != 0) snprintf(label + strlen(label), TES_PLOT_TEXT - strlen(label), " (%s)", unit);
  PetscCall(PetscFree(long_name));
  PetscCall(PetscFree(unit));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A complex number is read as a pair (part < 0) or one part of it (0: r, 1: i). */
static PetscErrorCode MemoryType(hid_t dataset, int part, PetscBool *pairs, hid_t *type)
{
  hid_t stored;

  PetscFunctionBegin;
  TesCallH5(stored = H5Dget_type(dataset));
  *pairs = (PetscBool)(H5Tget_class(stored) == H5T_COMPOUND);
  H5Tclose(stored);
  if (!*pairs) {
    TesCallH5(*type = H5Tcopy(H5T_NATIVE_DOUBLE));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  TesCallH5(*type = H5Tcreate(H5T_COMPOUND, part < 0 ? 16 : 8));
  if (part != 1) TesCallH5(H5Tinsert(*type, "r", 0, H5T_NATIVE_DOUBLE));
  if (part != 0) TesCallH5(H5Tinsert(*type, "i", part < 0 ? 8 : 0, H5T_NATIVE_DOUBLE));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPlotColumnRead(hid_t file, const char name[], TesPlotColumn *column)
{
  PetscBool  found, pairs;
  TesType    type;
  int        n_axes = 0;
  PetscInt64 shape[TES_MAX_AXES], total;
  hid_t      dataset, memory;
  herr_t     done;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(column, sizeof *column));
  PetscCall(TesH5Shape(file, name, &found, &type, &n_axes, shape));
  PetscCheck(found, PETSC_COMM_SELF, TES_ERR_WORLD, "there is no dataset %s", name);
  column->n = n_axes ? shape[0] : 1;
  total     = 1;
  for (int d = 1; d < n_axes; d++) total *= shape[d];
  PetscCheck(column->n == 0 || total <= COLUMN_MAX / column->n, PETSC_COMM_SELF, TES_ERR_WORLD, "%s is too large for a curve", name);
  column->width = (PetscInt)total;
  PetscCall(PetscMalloc1((size_t)PetscMax(column->n * total, 1), &column->values));
  PetscCall(Label(file, name, column->label));
  if (column->n * total == 0) PetscFunctionReturn(PETSC_SUCCESS);
  TesCallH5(dataset = H5Dopen2(file, name, H5P_DEFAULT));
  PetscCall(MemoryType(dataset, -1, &pairs, &memory));
  done = H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, column->values);
  H5Tclose(memory);
  H5Dclose(dataset);
  PetscCheck(done >= 0, PETSC_COMM_SELF, TES_ERR_WORLD, "cannot read dataset %s: %s", name, TesH5ErrorText());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPlotColumnFree(TesPlotColumn *column)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(column->values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A name without * stands for itself if it is there; else every dataset of its group that begins so, in the order of the names. */
PetscErrorCode TesPlotExpand(hid_t file, const char pattern[], int max, int *n, char **names)
{
  size_t     length = strlen(pattern);
  char       group[TES_PLOT_TEXT], path[2 * TES_PLOT_TEXT], name[TES_PLOT_TEXT];
  const char *begin;
  H5G_info_t info;
  hid_t      object;
  TesType    type;
  int        n_axes;
  PetscInt64 shape[TES_MAX_AXES];
  PetscBool  found;

  PetscFunctionBegin;
  *n = 0;
  PetscCheck(length > 0 && length < sizeof group, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "name of a dataset with %zu characters", length);
  if (pattern[length - 1] != '*') {
    PetscCall(TesH5Shape(file, pattern, &found, &type, &n_axes, shape));
    if (found && max > 0) PetscCall(PetscStrallocpy(pattern, &names[(*n)++]));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  snprintf(group, sizeof group, "%s", pattern);
  begin = strrchr(group, '/');
  PetscCheck(begin, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "%s does not begin with /", pattern);
  length                      = strlen(begin + 1) - 1;
  group[begin - group]        = 0;
  begin                       = pattern + (begin - group) + 1;
  if (!group[0]) strcpy(group, "/");
  if (strcmp(group, "/") != 0 && H5Lexists(file, group, H5P_DEFAULT) <= 0) PetscFunctionReturn(PETSC_SUCCESS);
  TesCallH5(H5Gget_info_by_name(file, group, &info, H5P_DEFAULT));
  for (hsize_t i = 0; i < info.nlinks && *n < max; i++) {
    ssize_t size = H5Lget_name_by_idx(file, group, H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT);

    if (size <= 0 || (size_t)size >= sizeof name || strncmp(name, begin, length) != 0) continue;
    snprintf(path, sizeof path, "%s/%s", strcmp(group, "/") ? group : "", name);
    if ((object = H5Dopen2(file, path, H5P_DEFAULT)) < 0) continue; /* a group */
    H5Dclose(object);
    PetscCall(PetscStrallocpy(path, &names[(*n)++]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPlotFieldOpen(hid_t file, const char name[], TesPlotField *f)
{
  static const char letter[] = "xyz";
  PetscBool         found;
  TesType           type;
  int               n_axes = 0;
  PetscInt64        shape[TES_MAX_AXES];
  char             *folder = NULL;
  hid_t             memory;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(f, sizeof *f));
  f->dataset = H5I_INVALID_HID;
  PetscCall(TesH5Shape(file, name, &found, &type, &n_axes, shape));
  PetscCheck(found, PETSC_COMM_SELF, TES_ERR_WORLD, "there is no dataset %s", name);
  PetscCall(Label(file, name, f->label));
  PetscCall(TesH5ReadAttributeText(file, name, "coordinates", &found, &folder));
  for (int d = 0; folder && d < TES_MAX_DIM; d++) {
    char          path[2 * TES_PLOT_TEXT];
    TesPlotColumn column;
    PetscBool     there;
    int           axes;
    PetscInt64    n[TES_MAX_AXES];

    PetscCall(PetscSNPrintf(path, sizeof path, "%s/%c", folder, letter[d]));
    PetscCall(TesH5Shape(file, path, &there, &type, &axes, n));
    if (!there) break;
    PetscCall(TesPlotColumnRead(file, path, &column));
    f->n[d] = column.n;
    f->x[d] = column.values;
    f->dim  = d + 1;
    snprintf(f->axis[d], TES_PLOT_TEXT, "%s", column.label);
  }
  PetscCall(PetscFree(folder));
  if (!f->dim) { /* no coordinates: the index takes their place */
    f->dim = PetscMin(n_axes, TES_MAX_DIM);
    for (int d = 0; d < f->dim; d++) {
      f->n[d] = shape[f->dim - 1 - d];
      PetscCall(PetscMalloc1((size_t)PetscMax(f->n[d], 1), &f->x[d]));
      for (PetscInt64 i = 0; i < f->n[d]; i++) f->x[d][i] = (PetscReal)i;
      snprintf(f->axis[d], TES_PLOT_TEXT, "index %c", letter[d]);
    }
  }
  f->components = n_axes > f->dim ? (PetscInt)shape[f->dim] : 1;
  PetscCheck(f->dim > 0 && n_axes <= f->dim + 1, PETSC_COMM_SELF, TES_ERR_WORLD, "%s has %d axes, its coordinates are for %d", name, n_axes, f->dim);
  for (int d = 0; d < f->dim; d++)
    PetscCheck(shape[f->dim - 1 - d] == f->n[d] && f->n[d] > 0, PETSC_COMM_SELF, TES_ERR_WORLD, "%s has %lld points in direction %c, its coordinates have %lld", name,
               (long long)shape[f->dim - 1 - d], letter[d], (long long)f->n[d]);
  TesCallH5(f->dataset = H5Dopen2(file, name, H5P_DEFAULT));
  PetscCall(MemoryType(f->dataset, 0, &f->pairs, &memory));
  H5Tclose(memory);
  f->has_components = (PetscBool)(n_axes > f->dim && !f->pairs);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPlotFieldClose(TesPlotField *f)
{
  PetscFunctionBegin;
  for (int d = 0; d < TES_MAX_DIM; d++) PetscCall(PetscFree(f->x[d]));
  if (f->dataset >= 0) TesCallH5(H5Dclose(f->dataset));
  f->dataset = H5I_INVALID_HID;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPlotFieldRead(const TesPlotField *f, PetscInt component, const PetscInt64 first[TES_MAX_DIM], const PetscInt64 count[TES_MAX_DIM], PetscReal *values)
{
  hsize_t   start[TES_MAX_AXES], size[TES_MAX_AXES];
  int       n = f->dim;
  hid_t     memory_type, memory, space;
  herr_t    done;
  PetscBool pairs;

  PetscFunctionBegin;
  for (int d = 0; d < f->dim; d++) {
    start[f->dim - 1 - d] = (hsize_t)first[d];
    size[f->dim - 1 - d]  = (hsize_t)count[d];
  }
  if (f->has_components) {
    start[n]  = (hsize_t)component;
    size[n++] = 1;
  }
  PetscCall(MemoryType(f->dataset, (int)component, &pairs, &memory_type));
  TesCallH5(space = H5Dget_space(f->dataset));
  TesCallH5(memory = H5Screate_simple(n, size, NULL));
  TesCallH5(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL));
  done = H5Dread(f->dataset, memory_type, memory, space, H5P_DEFAULT, values);
  H5Sclose(memory);
  H5Sclose(space);
  H5Tclose(memory_type);
  PetscCheck(done >= 0, PETSC_COMM_SELF, TES_ERR_WORLD, "cannot read a field: %s", TesH5ErrorText());
  PetscFunctionReturn(PETSC_SUCCESS);
}
