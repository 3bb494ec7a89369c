/* Laying a file out: rank 0 makes it through HDF5's serial driver, with contiguous datasets whose space is allocated at once and never filled, asks where each
   begins, and closes it. Nothing in it depends on the time or on the number of ranks: object times are off, and all is made in the order of declaration.

   HDF5 never touches the disk here. After an error in a flush it cannot let go of a file (measured with 1.10.8: pwrite failing inside H5Fclose ends in a
   segmentation fault at exit), so it works on a file in memory (/dev/shm), which is sparse: room is taken by the metadata alone, and the name is gone as soon as
   the file is open. What was written there is then copied by our own writes, whose errors we can handle. Where memory has no files, HDF5 works on the .part. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "file_private.h"

PetscInt64 TesFileEntryBytes(const TesFileEntry *entry, PetscBool local)
{
  const TesStateItem *item  = &entry->item;
  PetscInt64          bytes = (PetscInt64)TesTypeBytes(item->type);

  for (int d = 0; d < item->n_axes; d++) bytes *= d == 0 && local && item->distributed ? item->n_local : item->shape[d];
  return bytes;
}

static hid_t NativeType(TesType type)
{
  switch (type) {
  case TES_F64: return H5T_NATIVE_DOUBLE;
  case TES_F32: return H5T_NATIVE_FLOAT;
  case TES_I64: return H5T_NATIVE_INT64;
  case TES_I32: return H5T_NATIVE_INT32;
  default: return H5T_NATIVE_UINT8;
  }
}

static PetscErrorCode TextType(size_t length, hid_t *type)
{
  PetscFunctionBegin;
  TesCallH5(*type = H5Tcopy(H5T_C_S1));
  TesCallH5(H5Tset_size(*type, length));
  TesCallH5(H5Tset_cset(*type, H5T_CSET_UTF8));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EntryType(const TesFileEntry *entry, hid_t *type)
{
  hid_t base = NativeType(entry->item.type);

  PetscFunctionBegin;
  if (entry->is_text) {
    PetscCall(TextType((size_t)entry->item.shape[0], type));
  } else if (entry->item.complex_pairs) {
    size_t bytes = TesTypeBytes(entry->item.type);

    TesCallH5(*type = H5Tcreate(H5T_COMPOUND, 2 * bytes));
    TesCallH5(H5Tinsert(*type, "r", 0, base));
    TesCallH5(H5Tinsert(*type, "i", bytes, base));
  } else {
    TesCallH5(*type = H5Tcopy(base));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EntrySpace(const TesFileEntry *entry, hid_t *space)
{
  hsize_t dims[TES_MAX_AXES];
  int     n = entry->is_text ? 0 : entry->item.n_axes - (entry->item.complex_pairs ? 1 : 0);

  PetscFunctionBegin;
  for (int d = 0; d < n; d++) dims[d] = (hsize_t)entry->item.shape[d];
  if (n) TesCallH5(*space = H5Screate_simple(n, dims, NULL));
  else TesCallH5(*space = H5Screate(H5S_SCALAR));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MakeAttribute(hid_t object, const char name[], const char *text, const PetscReal *real, const PetscInt64 *integer)
{
  hid_t       type, space, attribute;
  const void *data = text ? (const void *)text : real ? (const void *)real : (const void *)integer;

  PetscFunctionBegin;
  if (text) PetscCall(TextType(strlen(text) + 1, &type));
  else TesCallH5(type = H5Tcopy(real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64));
  TesCallH5(space = H5Screate(H5S_SCALAR));
  TesCallH5(attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
  TesCallH5(H5Awrite(attribute, type, data));
  TesCallH5(H5Aclose(attribute));
  TesCallH5(H5Sclose(space));
  TesCallH5(H5Tclose(type));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Groups on the way to a name, each without times (those that HDF5 would make by itself carry them). whole: the last part is a group too. */
static PetscErrorCode MakeGroups(hid_t h5, const char name[], PetscBool whole)
{
  char  *path;
  size_t length = strlen(name);
  hid_t  plist, group;

  PetscFunctionBegin;
  PetscCall(PetscStrallocpy(name, &path));
  TesCallH5(plist = H5Pcreate(H5P_GROUP_CREATE));
  TesCallH5(H5Pset_obj_track_times(plist, 0));
  for (size_t i = 1; i <= length; i++) {
    htri_t there;

    if (path[i] != '/' && !(whole && i == length)) continue;
    path[i] = 0;
    TesCallH5(there = H5Lexists(h5, path, H5P_DEFAULT));
    if (!there) {
      TesCallH5(group = H5Gcreate2(h5, path, H5P_DEFAULT, plist, H5P_DEFAULT));
      TesCallH5(H5Gclose(group));
    }
    path[i] = name[i];
  }
  TesCallH5(H5Pclose(plist));
  PetscCall(PetscFree(path));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MakeDataset(hid_t h5, TesFileEntry *entry)
{
  hid_t   type, space, plist, dataset;
  haddr_t offset;

  PetscFunctionBegin;
  PetscCall(MakeGroups(h5, entry->name, PETSC_FALSE));
  PetscCall(EntryType(entry, &type));
  PetscCall(EntrySpace(entry, &space));
  TesCallH5(plist = H5Pcreate(H5P_DATASET_CREATE));
  TesCallH5(H5Pset_layout(plist, H5D_CONTIGUOUS));
  TesCallH5(H5Pset_alloc_time(plist, H5D_ALLOC_TIME_EARLY));
  TesCallH5(H5Pset_fill_time(plist, H5D_FILL_TIME_NEVER));
  TesCallH5(H5Pset_obj_track_times(plist, 0));
  TesCallH5(dataset = H5Dcreate2(h5, entry->name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT));
  if (entry->unit) PetscCall(MakeAttribute(dataset, "unit", entry->unit, NULL, NULL));
  if (entry->long_name) PetscCall(MakeAttribute(dataset, "long_name", entry->long_name, NULL, NULL));
  if (entry->axes) PetscCall(MakeAttribute(dataset, "axes", entry->axes, NULL, NULL));
  offset        = H5Dget_offset(dataset); /* counted from the beginning of the file, user block included */
  entry->offset = -1;
  if (TesFileEntryBytes(entry, PETSC_FALSE) > 0) {
    PetscCheck(offset != HADDR_UNDEF && offset >= TES_USER_BLOCK, PETSC_COMM_SELF, PETSC_ERR_LIB, "HDF5 gave no space to %s", entry->name);
    entry->offset = (PetscInt64)offset;
  }
  TesCallH5(H5Dclose(dataset));
  TesCallH5(H5Pclose(plist));
  TesCallH5(H5Sclose(space));
  TesCallH5(H5Tclose(type));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Fill(TesFile file, hid_t h5)
{
  PetscFunctionBegin;
  for (int i = 0; i < file->n_entries; i++) PetscCall(MakeDataset(h5, &file->entry[i]));
  for (int i = 0; i < file->n_attributes; i++) {
    TesFileAttribute *a = &file->attribute[i];
    hid_t             object;

    PetscCall(MakeGroups(h5, a->object, PETSC_TRUE));
    TesCallH5(object = H5Oopen(h5, a->object, H5P_DEFAULT));
    PetscCall(MakeAttribute(object, a->name, a->text, a->is_real ? &a->real : NULL, a->text || a->is_real ? NULL : &a->integer));
    TesCallH5(H5Oclose(object));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AccessList(hid_t *access)
{
  PetscFunctionBegin;
  TesCallH5(*access = H5Pcreate(H5P_FILE_ACCESS));
  TesCallH5(H5Pset_fapl_sec2(*access));
  TesCallH5(H5Pset_libver_bounds(*access, H5F_LIBVER_V18, H5F_LIBVER_V18));
  TesCallH5(H5Pset_fclose_degree(*access, H5F_CLOSE_STRONG)); /* whatever an error left open goes with the file */
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* passing: the name is taken away once the file is open */
static PetscErrorCode MakeFile(TesFile file, const char path[], PetscBool passing)
{
  PetscErrorCode ierr;
  hid_t          access, create, h5;
  herr_t         closed;

  PetscFunctionBegin;
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  PetscCall(AccessList(&access));
  TesCallH5(create = H5Pcreate(H5P_FILE_CREATE));
  TesCallH5(H5Pset_userblock(create, TES_USER_BLOCK));
  TesCallH5(H5Pset_obj_track_times(create, 0));
  h5 = H5Fcreate(path, H5F_ACC_TRUNC, create, access);
  if (passing) (void)unlink(path);
  PetscCheck(h5 >= 0, PETSC_COMM_SELF, TES_ERR_WORLD, "cannot make %s: %s", file->part, TesH5ErrorText());
  ierr   = Fill(file, h5);
  closed = H5Fclose(h5);
  PetscCall(ierr);
  PetscCheck(closed >= 0, PETSC_COMM_SELF, TES_ERR_WORLD, "cannot write %s: %s", file->part, TesH5ErrorText());
  TesCallH5(H5Pclose(create));
  TesCallH5(H5Pclose(access));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Copies what was written, which is not the holes: data come later, from their ranks. */
static PetscErrorCode CopyWritten(TesFile file, int memory, int fd)
{
  char  piece[65536];
  off_t at, end = 0;

  PetscFunctionBegin;
  while ((at = lseek(memory, end, SEEK_DATA)) != -1) {
    TesCallSys(end = lseek(memory, at, SEEK_HOLE), "cannot examine the layout of %s", file->path);
    while (at < end) {
      PetscInt64 now = PetscMin((PetscInt64)(end - at), (PetscInt64)sizeof piece);

      PetscCall(TesPreadAll(memory, piece, now, (PetscInt64)at, file->path));
      PetscCall(TesFileWrite(file, fd, piece, now, (PetscInt64)at));
      at += now;
    }
  }
  PetscCheck(errno == ENXIO, PETSC_COMM_SELF, TES_ERR_WORLD, "%s", TesErrnoText("cannot examine the layout of %s", file->path)); /* ENXIO: nothing but a hole to the end */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MakeInMemory(TesFile file, const char path[], int memory, int fd)
{
  struct stat info;

  PetscFunctionBegin;
  PetscCall(MakeFile(file, path, PETSC_TRUE));
  TesCallSys(fstat(memory, &info), "cannot examine the layout of %s", file->path);
  file->bytes = (PetscInt64)info.st_size;
  PetscCall(CopyWritten(file, memory, fd));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFileLayOut(TesFile file, int fd)
{
  char        path[] = "/dev/shm/tessera-layout-XXXXXX";
  int         memory = mkstemp(path);
  struct stat info;

  PetscFunctionBegin;
  if (memory >= 0 && posix_fallocate(memory, 0, 65536 + 4096 * (off_t)file->n_entries)) { /* memory without room is of no use either */
    close(memory);
    (void)unlink(path);
    memory = -1;
  }
  if (memory >= 0) {
    PetscErrorCode ierr = MakeInMemory(file, path, memory, fd);

    close(memory);
    PetscCall(ierr);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(MakeFile(file, file->part, PETSC_FALSE));
  TesCallSys(fstat(fd, &info), "cannot examine %s", file->part);
  file->bytes = (PetscInt64)info.st_size;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The metadata have no writer of ours that could compare them, so HDF5 itself is asked whether it finds every dataset where it said it would be. */
PetscErrorCode TesFileCheckLayout(TesFile file)
{
  hid_t access, h5;

  PetscFunctionBegin;
  PetscCall(AccessList(&access));
  h5 = H5Fopen(file->part, H5F_ACC_RDONLY, access);
  PetscCheck(h5 >= 0, PETSC_COMM_SELF, TES_ERR_WORLD, "%s does not read back: %s", file->part, TesH5ErrorText());
  TesCallH5(H5Pclose(access)); /* after the message: every call clears the last one's errors */
  for (int i = 0; i < file->n_entries; i++) {
    hid_t   dataset = H5Dopen2(h5, file->entry[i].name, H5P_DEFAULT);
    haddr_t offset  = dataset < 0 ? HADDR_UNDEF : H5Dget_offset(dataset);

    if (dataset < 0 || (file->entry[i].offset >= 0 && (PetscInt64)offset != file->entry[i].offset)) {
      H5Fclose(h5);
      SETERRQ(PETSC_COMM_SELF, TES_ERR_WORLD, "%s does not read back: dataset %s is not where it was put", file->part, file->entry[i].name);
    }
    H5Dclose(dataset);
  }
  TesCallH5(H5Fclose(h5));
  PetscFunctionReturn(PETSC_SUCCESS);
}
