/* Declaring a file: groups, datasets and attributes, before anything touches the disk. What happens to it then is in commit.c. */
#include <string.h>
#include <stdio.h>
#include "file_private.h"

PetscErrorCode TesFileCreate(MPI_Comm comm, const char path[], const char fault_point[], TesFile *file)
{
  TesFile f;

  PetscFunctionBegin;
  PetscCall(PetscNew(&f));
  f->comm = comm;
  PetscCallMPI(MPI_Comm_rank(comm, &f->rank));
  PetscCallMPI(MPI_Comm_size(comm, &f->size));
  PetscCall(PetscStrallocpy(path, &f->path));
  PetscCall(TesFormat(&f->part, "%s.part", path));
  PetscCall(PetscStrallocpy(fault_point, &f->fault_point));
  *file = f;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFileDestroy(TesFile *file)
{
  TesFile f = *file;

  PetscFunctionBegin;
  if (!f) PetscFunctionReturn(PETSC_SUCCESS);
  for (int i = 0; i < f->n_entries; i++) {
    PetscCall(PetscFree(f->entry[i].name));
    PetscCall(PetscFree(f->entry[i].unit));
    PetscCall(PetscFree(f->entry[i].long_name));
    PetscCall(PetscFree(f->entry[i].axes));
    PetscCall(PetscFree(f->entry[i].text));
    PetscCall(PetscFree(f->entry[i].copy));
  }
  for (int i = 0; i < f->n_attributes; i++) {
    PetscCall(PetscFree(f->attribute[i].object));
    PetscCall(PetscFree(f->attribute[i].name));
    PetscCall(PetscFree(f->attribute[i].text));
  }
  PetscCall(PetscFree(f->entry));
  PetscCall(PetscFree(f->attribute));
  PetscCall(PetscFree(f->path));
  PetscCall(PetscFree(f->part));
  PetscCall(PetscFree(f->fault_point));
  PetscCall(PetscFree(f));
  *file = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Room for one more; the array doubles. */
static PetscErrorCode Grow(int n, int *max, size_t size, void **array)
{
  void *bigger;

  PetscFunctionBegin;
  if (n == *max) {
    int wanted = *max ? 2 * *max : 16;

    PetscCall(PetscCalloc((size_t)wanted * size, &bigger));
    if (n) PetscCall(PetscMemcpy(bigger, *array, (size_t)n * size));
    PetscCall(PetscFree(*array));
    *array = bigger;
    *max   = wanted;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddEntry(TesFile file, const char prefix[], const char name[], TesFileEntry **entry)
{
  void *array = file->entry;

  PetscFunctionBegin;
  PetscCall(Grow(file->n_entries, &file->max_entries, sizeof *file->entry, &array));
  file->entry = (TesFileEntry *)array;
  *entry      = &file->entry[file->n_entries];
  PetscCall(TesFormat(&(*entry)->name, "%s%s%s", prefix && prefix[0] == '/' ? "" : "/", prefix ? prefix : "", name[0] == '/' && !prefix ? name + 1 : name));
  for (int i = 0; i < file->n_entries; i++)
    PetscCheck(strcmp(file->entry[i].name, (*entry)->name), PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "dataset %s is declared twice", (*entry)->name);
  file->n_entries++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CopyText(const char *from, char **own, const char **in_item)
{
  PetscFunctionBegin;
  *own     = NULL;
  *in_item = NULL;
  if (from) PetscCall(PetscStrallocpy(from, own));
  *in_item = *own;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFileAddItem(TesFile file, const char prefix[], const TesStateItem *item)
{
  TesFileEntry *entry;

  PetscFunctionBegin;
  PetscCheck(item->n_axes >= 0 && item->n_axes <= TES_MAX_AXES, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%s has %d axes", item->name, item->n_axes);
  PetscCheck(!item->distributed || item->n_axes > 0, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "%s is distributed but has no axis", item->name);
  PetscCheck(!item->complex_pairs || (item->n_axes > 0 && item->shape[item->n_axes - 1] == 2), PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG,
             "%s: the last axis of complex pairs has length 2", item->name);
  PetscCheck(!item->complex_pairs || !item->distributed || item->n_axes > 1, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "%s: a pair cannot be cut", item->name);
  PetscCall(AddEntry(file, prefix, item->name, &entry));
  entry->item      = *item;
  entry->item.name = entry->name;
  PetscCall(CopyText(item->unit, &entry->unit, &entry->item.unit));
  PetscCall(CopyText(item->long_name, &entry->long_name, &entry->item.long_name));
  PetscCall(CopyText(item->axes, &entry->axes, &entry->item.axes));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFileAddCopy(TesFile file, const char prefix[], const TesStateItem *item)
{
  PetscFunctionBegin;
  PetscCall(TesFileAddItem(file, prefix, item));
  if (!item->distributed && file->rank == 0) {
    TesFileEntry *entry = &file->entry[file->n_entries - 1];
    PetscInt64    bytes = TesFileEntryBytes(entry, PETSC_FALSE);

    PetscCall(PetscMalloc((size_t)PetscMax(bytes, 1), &entry->copy));
    if (bytes) PetscCall(PetscMemcpy(entry->copy, item->data, (size_t)bytes));
    entry->item.data = entry->copy;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFileAddText(TesFile file, const char name[], const char text[])
{
  TesFileEntry *entry;

  PetscFunctionBegin;
  PetscCall(AddEntry(file, NULL, name, &entry));
  entry->is_text = PETSC_TRUE;
  if (file->rank == 0) {
    PetscCall(PetscStrallocpy(text ? text : "", &entry->text));
    entry->item.shape[0] = (PetscInt64)strlen(entry->text) + 1; /* with its closing NUL: HDF5 has no strings of length 0 */
    entry->item.data     = entry->text;
  }
  entry->item.type   = TES_U8;
  entry->item.n_axes = 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFileAddAttribute(TesFile file, const char object[], const char name[], const char *text, const PetscReal *real, const PetscInt64 *integer)
{
  void             *array = file->attribute;
  TesFileAttribute *a;

  PetscFunctionBegin;
  PetscCheck((text != NULL) + (real != NULL) + (integer != NULL) == 1, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "attribute %s needs one value", name);
  PetscCall(Grow(file->n_attributes, &file->max_attributes, sizeof *file->attribute, &array));
  file->attribute = (TesFileAttribute *)array;
  a               = &file->attribute[file->n_attributes++];
  PetscCall(TesFormat(&a->object, "%s%s", object[0] == '/' ? "" : "/", object));
  PetscCall(PetscStrallocpy(name, &a->name));
  if (text) PetscCall(PetscStrallocpy(text, &a->text));
  a->is_real = (PetscBool)(real != NULL);
  if (real) a->real = *real;
  if (integer) a->integer = *integer;
  PetscFunctionReturn(PETSC_SUCCESS);
}
