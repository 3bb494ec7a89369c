/* Looking at an HDF5 file, ours or anybody's, on one rank; blocks of 2^17 values. */
#include <stdio.h>
#include <string.h>
#include <tessera/io.h>
#include "look_private.h"

#define BLOCK_VALUES 131072
#define MAX_DEPTH    32 /* groups may contain themselves through hard links */

PetscErrorCode TesNamesAdd(TesNames *names, const char name[])
{
  PetscFunctionBegin;
  if (names->n == names->max) {
    PetscInt max = names->max ? 2 * names->max : 32;
    char   **bigger;

    PetscCall(PetscMalloc1((size_t)max, &bigger));
    if (names->n) memcpy(bigger, names->name, (size_t)names->n * sizeof *bigger);
    PetscCall(PetscFree(names->name));
    names->name = bigger;
    names->max  = max;
  }
  PetscCall(PetscStrallocpy(name, &names->name[names->n++]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesNamesClear(TesNames *names)
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < names->n; i++) PetscCall(PetscFree(names->name[i]));
  PetscCall(PetscFree(names->name));
  names->n = names->max = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscBool TesNamesHave(const TesNames *names, const char name[])
{
  for (PetscInt i = 0; i < names->n; i++)
    if (!strcmp(names->name[i], name)) return PETSC_TRUE;
  return PETSC_FALSE;
}

PetscErrorCode TesLookOpen(const char path[], hid_t *file)
{
  PetscBool valid;
  char      reason[256];

  PetscFunctionBegin;
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  PetscCall(TesFileVerify(PETSC_COMM_SELF, path, &valid, reason, sizeof reason));
  PetscCheck(valid || H5Fis_hdf5(path) > 0, PETSC_COMM_SELF, TES_ERR_WORLD, "%s: %s", path, strstr(reason, "no magic") ? "neither a file of tessera nor of HDF5" : reason);
  PetscCheck(valid || strstr(reason, "no magic"), PETSC_COMM_SELF, TES_ERR_WORLD, "%s is damaged: %s", path, reason);
  *file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  PetscCheck(*file >= 0, PETSC_COMM_SELF, TES_ERR_WORLD, "cannot open %s: %s", path, TesH5ErrorText());
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ListGroup(hid_t group, const char path[], int depth, TesNames *names)
{
  H5G_info_t info;

  PetscFunctionBegin;
  TesCallH5(H5Gget_info(group, &info));
  for (hsize_t i = 0; i < info.nlinks && depth < MAX_DEPTH; i++) {
    char      name[512], full[1024];
    ssize_t   length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT);
    hid_t     object;
    H5I_type_t sort;

    if (length < 0 || length >= (ssize_t)sizeof name) continue;
    PetscCall(PetscSNPrintf(full, sizeof full, "%s/%s", path, name));
    object = H5Oopen(group, name, H5P_DEFAULT);
    if (object < 0) continue; /* a link that leads nowhere */
    sort = H5Iget_type(object);
    if (sort == H5I_DATASET) PetscCall(TesNamesAdd(names, full));
    if (sort == H5I_GROUP) PetscCall(ListGroup(object, full, depth + 1, names));
    TesCallH5(H5Oclose(object));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesLookList(hid_t file, TesNames *names)
{
  hid_t root;

  PetscFunctionBegin;
  TesCallH5(root = H5Gopen2(file, "/", H5P_DEFAULT));
  PetscCall(ListGroup(root, "", 0, names));
  TesCallH5(H5Gclose(root));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A compound of two floats r, i of the same size. */
static PetscBool IsPair(hid_t type)
{
  PetscBool is = PETSC_FALSE;
  char     *r, *i;

  if (H5Tget_class(type) != H5T_COMPOUND || H5Tget_nmembers(type) != 2) return PETSC_FALSE;
  r  = H5Tget_member_name(type, 0);
  i  = H5Tget_member_name(type, 1);
  is = (PetscBool)(r && i && !strcmp(r, "r") && !strcmp(i, "i") && H5Tget_member_class(type, 0) == H5T_FLOAT && H5Tget_member_class(type, 1) == H5T_FLOAT);
  H5free_memory(r);
  H5free_memory(i);
  return is;
}

static PetscErrorCode MemoryOf(TesLook *l)
{
  H5T_class_t class = H5Tget_class(l->type);
  size_t      bytes = H5Tget_size(l->type);

  PetscFunctionBegin;
  l->stored = bytes;
  if (class == H5T_FLOAT) {
    l->sort = TES_LOOK_REAL;
    TesCallH5(l->memory = H5Tcopy(H5T_NATIVE_DOUBLE));
  } else if (class == H5T_INTEGER) {
    l->sort = TES_LOOK_INT;
    TesCallH5(l->memory = H5Tcopy(bytes == 8 && H5Tget_sign(l->type) == H5T_SGN_NONE ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64));
  } else if (IsPair(l->type)) {
    l->sort   = TES_LOOK_COMPLEX;
    l->stored = bytes / 2;
    TesCallH5(l->memory = H5Tcreate(H5T_COMPOUND, 2 * sizeof(double)));
    TesCallH5(H5Tinsert(l->memory, "r", 0, H5T_NATIVE_DOUBLE));
    TesCallH5(H5Tinsert(l->memory, "i", sizeof(double), H5T_NATIVE_DOUBLE));
  } else if (class == H5T_STRING) {
    l->sort = TES_LOOK_TEXT;
    TesCallH5(l->memory = H5Tcopy(H5T_C_S1));
    H5Tset_cset(l->memory, H5Tget_cset(l->type));
    TesCallH5(H5Tset_size(l->memory, H5Tis_variable_str(l->type) > 0 ? H5T_VARIABLE : bytes + 1));
  } else {
    l->sort = TES_LOOK_OPAQUE;
    TesCallH5(l->memory = H5Tget_native_type(l->type, H5T_DIR_DEFAULT));
  }
  l->bytes = H5Tget_size(l->memory);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesLookBegin(hid_t file, const char name[], TesLook *l)
{
  hid_t space;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(l, sizeof *l));
  TesCallH5(l->dataset = H5Dopen2(file, name, H5P_DEFAULT));
  TesCallH5(l->type = H5Dget_type(l->dataset));
  TesCallH5(space = H5Dget_space(l->dataset));
  TesCallH5(l->n_axes = H5Sget_simple_extent_dims(space, l->shape, NULL));
  l->count = (PetscInt64)H5Sget_simple_extent_npoints(space); /* 0 for an empty (null) space */
  TesCallH5(H5Sclose(space));
  PetscCall(MemoryOf(l));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesLookEnd(TesLook *l)
{
  PetscFunctionBegin;
  TesCallH5(H5Tclose(l->memory));
  TesCallH5(H5Tclose(l->type));
  TesCallH5(H5Dclose(l->dataset));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const char *TesLookTypeName(const TesLook *l)
{
  switch (l->sort) {
  case TES_LOOK_REAL: return l->stored == 8 ? "f64" : l->stored == 4 ? "f32" : "float";
  case TES_LOOK_COMPLEX: return l->stored == 8 ? "complex f64" : "complex f32";
  case TES_LOOK_INT: return l->stored == 8 ? "i64" : l->stored == 4 ? "i32" : l->stored == 1 ? "u8" : "int";
  case TES_LOOK_TEXT: return "text";
  default: return "other";
  }
}

void TesLookShapeText(const TesLook *l, char text[], size_t size)
{
  size_t used = 0;

  snprintf(text, size, l->n_axes ? "[" : "scalar");
  for (int d = 0; d < l->n_axes; d++) {
    used = strlen(text);
    snprintf(text + used, size - used, "%s%llu%s", d ? ", " : "", (unsigned long long)l->shape[d], d == l->n_axes - 1 ? "]" : "");
  }
}

/* `n` consecutive values from `first`, which lie within one stretch of axis `axis` (all later axes whole). */
static PetscErrorCode ReadStretch(const TesLook *l, int axis, PetscInt64 inner, PetscInt64 first, PetscInt64 n, void *values)
{
  hsize_t    start[H5S_MAX_RANK] = {0}, count[H5S_MAX_RANK], length = (hsize_t)n;
  PetscInt64 rest = first / inner;
  hid_t      file_space, memory_space;

  PetscFunctionBegin;
  for (int d = axis; d >= 0 && l->n_axes; d--) {
    start[d] = (hsize_t)(rest % (PetscInt64)l->shape[d]);
    rest /= (PetscInt64)l->shape[d];
    count[d] = d == axis ? (hsize_t)(n / inner) : 1;
  }
  for (int d = axis + 1; d < l->n_axes; d++) count[d] = l->shape[d];
  TesCallH5(file_space = H5Dget_space(l->dataset));
  TesCallH5(memory_space = H5Screate_simple(1, &length, NULL));
  if (l->n_axes) TesCallH5(H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, count, NULL));
  TesCallH5(H5Dread(l->dataset, l->memory, memory_space, file_space, H5P_DEFAULT, values));
  TesCallH5(H5Sclose(memory_space));
  TesCallH5(H5Sclose(file_space));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Variable-length texts belong to HDF5's heap: given back after each block. */
static PetscErrorCode GiveBack(const TesLook *l, PetscInt64 n, void *values)
{
  hsize_t length = (hsize_t)n;
  hid_t   space;

  PetscFunctionBegin;
  if (l->sort != TES_LOOK_TEXT || H5Tis_variable_str(l->memory) <= 0) PetscFunctionReturn(PETSC_SUCCESS);
  TesCallH5(space = H5Screate_simple(1, &length, NULL));
  TesCallH5(H5Dvlen_reclaim(l->memory, space, H5P_DEFAULT, values));
  TesCallH5(H5Sclose(space));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesLookBlocks(const TesLook *a, const TesLook *b, TesLookBody body, void *ctx)
{
  PetscInt64 inner = 1, rows, per;
  size_t     room;
  int        axis = a->n_axes - 1;
  void      *x = NULL, *y = NULL;

  PetscFunctionBegin;
  if (!a->count) PetscFunctionReturn(PETSC_SUCCESS);
  while (axis > 0 && inner * (PetscInt64)a->shape[axis] <= BLOCK_VALUES) inner *= (PetscInt64)a->shape[axis--];
  if (axis < 0) axis = 0; /* a scalar */
  rows = a->n_axes ? (PetscInt64)a->shape[axis] : 1;
  per  = PetscMax(1, PetscMin(rows, BLOCK_VALUES / inner));
  room = (size_t)(per * inner);
  PetscCall(PetscMalloc(room * a->bytes, &x));
  if (b) PetscCall(PetscMalloc(room * b->bytes, &y));
  for (PetscInt64 outer = 0; outer < a->count; outer += rows * inner) {
    for (PetscInt64 row = 0; row < rows; row += per) {
      PetscInt64 first = outer + row * inner, n = PetscMin(per, rows - row) * inner;

      PetscCall(ReadStretch(a, axis, inner, first, n, x));
      if (b) PetscCall(ReadStretch(b, axis, inner, first, n, y));
      PetscCall(body(ctx, first, n, x, y));
      PetscCall(GiveBack(a, n, x));
      if (b) PetscCall(GiveBack(b, n, y));
    }
  }
  PetscCall(PetscFree(x));
  PetscCall(PetscFree(y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
