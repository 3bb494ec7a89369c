#pragma once
/* Looking at any HDF5 file on one rank: what datasets it has, and their values in blocks, so that files larger than memory can be looked at. */
#include <hdf5.h>
#include <tessera/base.h>

typedef struct {
  PetscInt n, max;
  char   **name; /* absolute paths, in order of name within each group */
} TesNames;

PetscErrorCode TesNamesAdd(TesNames *names, const char name[]);
PetscErrorCode TesNamesClear(TesNames *names);
PetscBool      TesNamesHave(const TesNames *names, const char name[]);

PetscErrorCode TesLookOpen(const char path[], hid_t *file);       /* serial; TES_ERR_WORLD if it is not there, not HDF5, or damaged (of ours) */
PetscErrorCode TesLookList(hid_t file, TesNames *names);          /* every dataset */

/* How the values of a dataset are held in memory. */
typedef enum {
  TES_LOOK_REAL,    /* double */
  TES_LOOK_COMPLEX, /* two doubles: shape has a last axis of 2 */
  TES_LOOK_INT,     /* int64 */
  TES_LOOK_TEXT,    /* char * if the stored texts have variable length, else `bytes` characters each, NUL-terminated */
  TES_LOOK_OPAQUE   /* bytes of the file's type */
} TesLookSort;

typedef struct {
  hid_t       dataset, type, memory; /* memory: the type handed to H5Dread */
  TesLookSort sort;
  size_t      bytes;     /* per value in memory; a complex value is one */
  size_t      stored;    /* bytes of one stored real number (f32: 4) */
  int         n_axes;    /* without the pair of a complex number */
  hsize_t     shape[H5S_MAX_RANK];
  PetscInt64  count;
} TesLook;

PetscErrorCode TesLookBegin(hid_t file, const char name[], TesLook *look);
PetscErrorCode TesLookEnd(TesLook *look);
const char    *TesLookTypeName(const TesLook *look);
void           TesLookShapeText(const TesLook *look, char text[], size_t size);

/* Calls body for consecutive blocks of values in row-major order: first global value, number, values. With two looks of equal shape, both blocks. b may be NULL. */
typedef PetscErrorCode (*TesLookBody)(void *ctx, PetscInt64 first, PetscInt64 n, const void *a, const void *b);
PetscErrorCode TesLookBlocks(const TesLook *a, const TesLook *b, TesLookBody body, void *ctx);
