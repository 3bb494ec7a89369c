/* Reading HDF5, ours or anybody's: collectively through parallel HDF5, with types and shapes compared before anything is read. */
#include <errno.h>
#include <string.h>
#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>
#include "file_private.h"

static herr_t Innermost(unsigned n, const H5E_error2_t *error, void *text)
{
  if (n == 0) snprintf((char *)text, 512, "%s (%s)", error->desc ? error->desc : "failed", error->func_name ? error->func_name : "?");
  return 0;
}

/* Like TesErrnoText: one buffer per process, good until the next call. */
const char *TesH5ErrorText(void)
{
  static char text[512];

  snprintf(text, sizeof text, "a call failed without a message");
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, Innermost, text);
  return text;
}

/* Whatever can be found out by one rank is found out before all ranks enter the library. */
static PetscErrorCode LookFirst(const char path[])
{
  int    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  htri_t is;

  PetscFunctionBegin;
  TesCallSys(fd, "cannot open %s", path);
  close(fd);
  is = H5Fis_hdf5(path);
  PetscCheck(is > 0, PETSC_COMM_SELF, TES_ERR_WORLD, "%s is not an HDF5 file", path);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OpenAll(MPI_Comm comm, const char path[], hid_t *file)
{
  hid_t access;

  PetscFunctionBegin;
  TesCallH5(access = H5Pcreate(H5P_FILE_ACCESS));
  TesCallH5(H5Pset_fapl_mpio(access, comm, MPI_INFO_NULL));
  TesCallH5(H5Pset_fclose_degree(access, H5F_CLOSE_STRONG));
  *file = H5Fopen(path, H5F_ACC_RDONLY, access);
  PetscCheck(*file >= 0, PETSC_COMM_SELF, TES_ERR_WORLD, "cannot open %s: %s", path, TesH5ErrorText());
  TesCallH5(H5Pclose(access)); /* after the message: every call clears the last one's errors */
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesH5OpenRead(MPI_Comm comm, const char path[], hid_t *file)
{
  int            rank;
  PetscErrorCode ierr = PETSC_SUCCESS;

  PetscFunctionBegin;
  *file = H5I_INVALID_HID;
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  if (rank == 0) ierr = LookFirst(path);
  PetscCall(TesAgree(comm, ierr));
  ierr = OpenAll(comm, path, file);
  PetscCall(TesAgree(comm, ierr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesH5Close(hid_t *file)
{
  PetscFunctionBegin;
  if (*file > 0) TesCallH5(H5Fclose(*file));
  *file = H5I_INVALID_HID;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Does a path lead to an object? H5Lexists wants every step of it to be there, and fails on an odd path; that is "no". */
static PetscBool Exists(hid_t file, const char name[])
{
  char   path[512];
  size_t length = strlen(name);

  if (!strcmp(name, "/")) return PETSC_TRUE;
  if (!length || length >= sizeof path) return PETSC_FALSE;
  memcpy(path, name, length + 1);
  for (size_t i = 1; i <= length; i++) {
    if (name[i] != '/' && name[i]) continue;
    path[i] = 0;
    if (H5Lexists(file, path, H5P_DEFAULT) <= 0 || H5Oexists_by_name(file, path, H5P_DEFAULT) <= 0) return PETSC_FALSE;
    path[i] = name[i];
  }
  return PETSC_TRUE;
}

/* A compound of two equal floats named r and i, in this order. */
static PetscBool IsComplex(hid_t type, size_t *bytes)
{
  PetscBool is = PETSC_FALSE;
  char     *r, *i;

  if (H5Tget_class(type) != H5T_COMPOUND || H5Tget_nmembers(type) != 2) return PETSC_FALSE;
  r = H5Tget_member_name(type, 0);
  i = H5Tget_member_name(type, 1);
  if (r && i && !strcmp(r, "r") && !strcmp(i, "i") && H5Tget_member_class(type, 0) == H5T_FLOAT && H5Tget_member_class(type, 1) == H5T_FLOAT) {
    is     = PETSC_TRUE;
    *bytes = H5Tget_size(type) / 2;
  }
  H5free_memory(r);
  H5free_memory(i);
  return is;
}

/* Type and shape; complex numbers show their pair as a last axis. *known = PETSC_FALSE: of a type that TesType cannot hold. */
static PetscErrorCode Describe(hid_t dataset, PetscBool *known, TesType *type, PetscBool *pairs, int *n_axes, PetscInt64 shape[TES_MAX_AXES])
{
  hid_t   t, space;
  hsize_t dims[H5S_MAX_RANK];
  size_t  bytes;
  int     n;

  PetscFunctionBegin;
  TesCallH5(t = H5Dget_type(dataset));
  TesCallH5(space = H5Dget_space(dataset));
  n      = H5Sget_simple_extent_dims(space, dims, NULL);
  bytes  = H5Tget_size(t);
  *known = PETSC_TRUE;
  *pairs = IsComplex(t, &bytes);
  if (*pairs || H5Tget_class(t) == H5T_FLOAT) *type = bytes > 4 ? TES_F64 : TES_F32;
  else if (H5Tget_class(t) == H5T_INTEGER) *type = bytes == 1 ? TES_U8 : bytes <= 4 ? TES_I32 : TES_I64;
  else *known = PETSC_FALSE;
  H5Tclose(t);
  H5Sclose(space);
  if (n < 0 || n + (*pairs ? 1 : 0) > TES_MAX_AXES) *known = PETSC_FALSE;
  if (!*known) PetscFunctionReturn(PETSC_SUCCESS);
  for (int d = 0; d < n; d++) shape[d] = (PetscInt64)dims[d];
  if (*pairs) shape[n++] = 2;
  *n_axes = n;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscBool IsDataset(hid_t file, const char name[], hid_t *dataset)
{
  *dataset = Exists(file, name) ? H5Dopen2(file, name, H5P_DEFAULT) : H5I_INVALID_HID;
  return (PetscBool)(*dataset >= 0);
}

PetscErrorCode TesH5Shape(hid_t file, const char name[], PetscBool *found, TesType *type, int *n_axes, PetscInt64 shape[TES_MAX_AXES])
{
  hid_t     dataset;
  PetscBool known, pairs;
  char      path[PETSC_MAX_PATH_LEN] = "";

  PetscFunctionBegin;
  *found = IsDataset(file, name, &dataset);
  if (!*found) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(Describe(dataset, &known, type, &pairs, n_axes, shape));
  TesCallH5(H5Dclose(dataset));
  if (!known) (void)H5Fget_name(file, path, sizeof path);
  PetscCheck(known, PETSC_COMM_SELF, TES_ERR_WORLD, "%s: dataset %s is neither of numbers nor of at most %d axes", path, name, TES_MAX_AXES);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void ShapeText(int n, const PetscInt64 shape[], char text[], size_t size)
{
  size_t used = 0;

  snprintf(text, size, n ? "[" : "a scalar");
  for (int d = 0; d < n; d++) {
    used = strlen(text);
    snprintf(text + used, size - used, "%s%lld%s", d ? ", " : "", (long long)shape[d], d == n - 1 ? "]" : "");
  }
}

static hid_t MemoryType(const TesStateItem *item)
{
  static const size_t bytes[] = {8, 4, 8, 4, 1};
  hid_t               base    = item->type == TES_F64   ? H5T_NATIVE_DOUBLE
                                : item->type == TES_F32 ? H5T_NATIVE_FLOAT
                                : item->type == TES_I64 ? H5T_NATIVE_INT64
                                : item->type == TES_I32 ? H5T_NATIVE_INT32
                                                        : H5T_NATIVE_UINT8;
  hid_t               type;

  if (!item->complex_pairs) return H5Tcopy(base);
  type = H5Tcreate(H5T_COMPOUND, 2 * bytes[item->type]);
  if (type >= 0 && (H5Tinsert(type, "r", 0, base) < 0 || H5Tinsert(type, "i", bytes[item->type], base) < 0)) return H5I_INVALID_HID;
  return type;
}

static PetscErrorCode CheckAgainst(hid_t dataset, const char name[], const TesStateItem *item)
{
  PetscBool  known, pairs, same;
  TesType    type;
  int        n = 0;
  PetscInt64 shape[TES_MAX_AXES];
  char       stored[128], wanted[128];

  PetscFunctionBegin;
  PetscCall(Describe(dataset, &known, &type, &pairs, &n, shape));
  PetscCheck(known, PETSC_COMM_SELF, TES_ERR_WORLD, "dataset %s is neither of numbers nor of at most %d axes", name, TES_MAX_AXES);
  PetscCheck(pairs == item->complex_pairs, PETSC_COMM_SELF, TES_ERR_WORLD, "dataset %s is %s, wanted are %s numbers", name, pairs ? "complex" : "real",
             pairs ? "real" : "complex");
  PetscCheck(type <= TES_F32 || item->type > TES_F32, PETSC_COMM_SELF, TES_ERR_WORLD, "dataset %s holds whole numbers (%s), wanted are real numbers", name, TesTypeName(type));
  PetscCheck(type > TES_F32 || item->type <= TES_F32, PETSC_COMM_SELF, TES_ERR_WORLD, "dataset %s holds real numbers (%s), wanted are whole numbers", name, TesTypeName(type));
  same = (PetscBool)(n == item->n_axes);
  for (int d = 0; same && d < n; d++) same = (PetscBool)(shape[d] == item->shape[d]);
  ShapeText(n, shape, stored, sizeof stored);
  ShapeText(item->n_axes, item->shape, wanted, sizeof wanted);
  PetscCheck(same, PETSC_COMM_SELF, TES_ERR_WORLD, "dataset %s has the shape %s, wanted is %s", name, stored, wanted);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The values of this rank, collective transfer: ranks without rows take part with an empty selection. */
static PetscErrorCode ReadSelected(hid_t dataset, const char name[], const TesStateItem *item)
{
  hsize_t start[TES_MAX_AXES], count[TES_MAX_AXES], one = 1;
  int     n = item->n_axes - (item->complex_pairs ? 1 : 0);
  hid_t   type, file_space, memory_space, transfer;
  herr_t  done;
  char    dummy[16];

  PetscFunctionBegin;
  TesCallH5(type = MemoryType(item));
  TesCallH5(file_space = H5Dget_space(dataset));
  TesCallH5(transfer = H5Pcreate(H5P_DATASET_XFER));
  TesCallH5(H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE));
  for (int d = 0; d < n; d++) {
    start[d] = d == 0 && item->distributed ? (hsize_t)item->first : 0;
    count[d] = d == 0 && item->distributed ? (hsize_t)item->n_local : (hsize_t)item->shape[d];
  }
  if (n == 0) {
    TesCallH5(memory_space = H5Screate(H5S_SCALAR));
  } else if (item->distributed && item->n_local == 0) {
    TesCallH5(memory_space = H5Screate_simple(1, &one, NULL));
    TesCallH5(H5Sselect_none(memory_space));
    TesCallH5(H5Sselect_none(file_space));
  } else {
    TesCallH5(memory_space = H5Screate_simple(n, count, NULL));
    TesCallH5(H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, count, NULL));
  }
  done = H5Dread(dataset, type, memory_space, file_space, transfer, item->data ? item->data : (void *)dummy);
  PetscCheck(done >= 0, PETSC_COMM_SELF, TES_ERR_WORLD, "cannot read dataset %s: %s", name, TesH5ErrorText());
  H5Pclose(transfer);
  H5Sclose(memory_space);
  H5Sclose(file_space);
  H5Tclose(type);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesH5ReadItem(MPI_Comm comm, hid_t file, const char name[], const TesStateItem *item)
{
  hid_t          dataset;
  PetscErrorCode ierr;
  PetscBool      empty = PETSC_FALSE, found = IsDataset(file, name, &dataset);

  PetscFunctionBegin;
  for (int d = 0; d < item->n_axes; d++) empty = (PetscBool)(empty || item->shape[d] == 0);
  if (!found) {
    ierr = PetscError(PETSC_COMM_SELF, __LINE__, PETSC_FUNCTION_NAME, __FILE__, TES_ERR_WORLD, PETSC_ERROR_INITIAL, "there is no dataset %s", name);
  } else {
    ierr = CheckAgainst(dataset, name, item);
  }
  ierr = TesAgree(comm, ierr); /* before the transfer: it is collective */
  if (!ierr && !empty) {
    ierr = ReadSelected(dataset, name, item);
    ierr = TesAgree(comm, ierr);
  }
  if (found) H5Dclose(dataset);
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A string of a dataset or of an attribute: fixed length or variable, one only. read: H5Dread or H5Aread in a common dress. */
static PetscErrorCode ReadString(hid_t dataset, hid_t attribute, const char name[], char **text)
{
  hid_t    type, space, memory;
  hssize_t count;
  size_t   bytes;
  herr_t   done;

  PetscFunctionBegin;
  TesCallH5(type = dataset >= 0 ? H5Dget_type(dataset) : H5Aget_type(attribute));
  TesCallH5(space = dataset >= 0 ? H5Dget_space(dataset) : H5Aget_space(attribute));
  count = H5Sget_simple_extent_npoints(space);
  PetscCheck(H5Tget_class(type) == H5T_STRING && count == 1, PETSC_COMM_SELF, TES_ERR_WORLD, "%s is not a text", name);
  TesCallH5(memory = H5Tcopy(H5T_C_S1));
  H5Tset_cset(memory, H5Tget_cset(type)); /* HDF5 does not convert between character sets */
  if (H5Tis_variable_str(type) > 0) {
    char *value = NULL;

    TesCallH5(H5Tset_size(memory, H5T_VARIABLE));
    done = dataset >= 0 ? H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) : H5Aread(attribute, memory, &value);
    PetscCheck(done >= 0, PETSC_COMM_SELF, TES_ERR_WORLD, "cannot read %s: %s", name, TesH5ErrorText());
    PetscCall(PetscStrallocpy(value ? value : "", text));
    H5free_memory(value);
  } else {
    bytes = H5Tget_size(type) + 1; /* one more: a text padded to its full length has no end of its own */
    TesCallH5(H5Tset_size(memory, bytes));
    PetscCall(PetscCalloc1(bytes, text));
    done = dataset >= 0 ? H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, *text) : H5Aread(attribute, memory, *text);
    PetscCheck(done >= 0, PETSC_COMM_SELF, TES_ERR_WORLD, "cannot read %s: %s", name, TesH5ErrorText());
  }
  H5Tclose(memory);
  H5Sclose(space);
  H5Tclose(type);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesH5ReadText(hid_t file, const char name[], PetscBool *found, char **text)
{
  hid_t dataset;

  PetscFunctionBegin;
  *text  = NULL;
  *found = IsDataset(file, name, &dataset);
  if (!*found) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(ReadString(dataset, H5I_INVALID_HID, name, text));
  TesCallH5(H5Dclose(dataset));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OpenAttribute(hid_t file, const char object[], const char name[], PetscBool *found, hid_t *attribute)
{
  PetscFunctionBegin;
  *attribute = H5I_INVALID_HID;
  *found     = (PetscBool)(Exists(file, object) && H5Aexists_by_name(file, object, name, H5P_DEFAULT) > 0);
  if (*found) TesCallH5(*attribute = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesH5ReadAttributeText(hid_t file, const char object[], const char name[], PetscBool *found, char **text)
{
  hid_t attribute;

  PetscFunctionBegin;
  *text = NULL;
  PetscCall(OpenAttribute(file, object, name, found, &attribute));
  if (!*found) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(ReadString(H5I_INVALID_HID, attribute, name, text));
  TesCallH5(H5Aclose(attribute));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadNumber(hid_t file, const char object[], const char name[], hid_t type, PetscBool *found, void *value)
{
  hid_t attribute, space, stored;

  PetscFunctionBegin;
  PetscCall(OpenAttribute(file, object, name, found, &attribute));
  if (!*found) PetscFunctionReturn(PETSC_SUCCESS);
  TesCallH5(space = H5Aget_space(attribute));
  TesCallH5(stored = H5Aget_type(attribute));
  PetscCheck(H5Sget_simple_extent_npoints(space) == 1 && (H5Tget_class(stored) == H5T_INTEGER || H5Tget_class(stored) == H5T_FLOAT), PETSC_COMM_SELF, TES_ERR_WORLD,
             "attribute %s of %s is not one number", name, object);
  TesCallH5(H5Aread(attribute, type, value));
  H5Tclose(stored);
  H5Sclose(space);
  TesCallH5(H5Aclose(attribute));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesH5ReadAttributeReal(hid_t file, const char object[], const char name[], PetscBool *found, PetscReal *value)
{
  PetscFunctionBegin;
  PetscCall(ReadNumber(file, object, name, H5T_NATIVE_DOUBLE, found, value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesH5ReadAttributeInt(hid_t file, const char object[], const char name[], PetscBool *found, PetscInt64 *value)
{
  PetscFunctionBegin;
  PetscCall(ReadNumber(file, object, name, H5T_NATIVE_INT64, found, value));
  PetscFunctionReturn(PETSC_SUCCESS);
}
