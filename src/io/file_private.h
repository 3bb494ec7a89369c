#pragma once
/* A file being made: what was declared, and where HDF5 has put it. Shared by the files of this folder that declare, lay out and write it. */
#include <tessera/h5.h>

typedef struct {
  char        *name;             /* full path in the file */
  TesStateItem item;             /* strings point into the owned copies below */
  char        *unit, *long_name, *axes;
  char        *text;             /* a string dataset (rank 0) or NULL */
  void        *copy;             /* values owned by the file (rank 0), or NULL: item.data is borrowed */
  PetscBool    is_text;
  PetscInt64   offset;           /* of the first byte in the file; -1: the dataset is empty */
} TesFileEntry;

typedef struct {
  char      *object, *name, *text; /* text NULL: a number */
  PetscBool  is_real;
  PetscReal  real;
  PetscInt64 integer;
} TesFileAttribute;

struct _p_TesFile {
  MPI_Comm          comm;
  int               rank, size;
  char             *path, *part, *fault_point;
  int               n_entries, max_entries;
  TesFileEntry     *entry;
  int               n_attributes, max_attributes;
  TesFileAttribute *attribute;
  PetscInt64        bytes; /* of the whole file, once laid out */
};

#define TES_USER_BLOCK 512

/* layout.c: rank 0 alone. Writes all groups, datasets and attributes into the open .part, learns the offsets and the length; and, later, looks whether it opens
   again. */
PetscErrorCode TesFileLayOut(TesFile file, int fd);
PetscErrorCode TesFileCheckLayout(TesFile file);
PetscInt64     TesFileEntryBytes(const TesFileEntry *entry, PetscBool local);
/* commit.c: a write of any length; errors name the file and, for a full disk, the room */
PetscErrorCode TesFileWrite(TesFile file, int fd, const void *buffer, PetscInt64 bytes, PetscInt64 offset);
/* file.c */
PetscErrorCode TesFileAddCopy(TesFile file, const char prefix[], const TesStateItem *item); /* like TesFileAddItem; replicated values are copied at once */
/* verify.c: the user block, 512 bytes */
void           TesUserBlockFill(unsigned char block[TES_USER_BLOCK], PetscInt64 length, unsigned long crc);
PetscErrorCode TesPreadAll(int fd, void *buffer, PetscInt64 bytes, PetscInt64 offset, const char path[]);
