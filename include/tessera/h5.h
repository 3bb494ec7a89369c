#pragma once
/* HDF5 with every result checked, and files that are either old or new, never between.

   Writing does not use MPI-IO: a full disk during a collective write is reported as success, and an error on one rank hangs the flush (both measured on Open MPI 4.1
   with HDF5 1.10). In its place rank 0 makes the file's structure through the serial driver, in memory, with contiguous, early-allocated datasets; every rank then pwrites
   its rows at the dataset's offset. The result is ordinary HDF5, every error is local and is agreed by TesAgree, and the bytes do not depend on the rank count.
   Reading of distributed data is collective through parallel HDF5. */
#include <hdf5.h>
#include <tessera/record.h>
#include <tessera/state.h>

/* TesCallH5 - wrap an HDF5 call (negative = bad): TES_ERR_WORLD with HDF5's own innermost message, on this rank alone */
#define TesCallH5(call) \
  do { \
    if (PetscUnlikely((call) < 0)) SETERRQ(PETSC_COMM_SELF, TES_ERR_WORLD, "HDF5: %s", TesH5ErrorText()); \
  } while (0)
const char *TesH5ErrorText(void);

typedef struct _p_TesFile *TesFile; /* a file being made */

/*@
  TesFileCreate - begin a file that will appear under its name only when it is whole and verified

  Collective

  Input Parameters:
+ comm - the communicator
. path - final name; work goes on in path.part
- fault_point - prefix of the fault hooks: "ckpt", "result", "series", "field"

  Order: TesFileAdd... (declare everything) -> TesFileCommit. Nothing touches the disk before TesFileCommit.
@*/
PetscErrorCode TesFileCreate(MPI_Comm comm, const char path[], const char fault_point[], TesFile *file);

/*@
  TesFileAddItem      - a dataset; item->data is borrowed until TesFileCommit. prefix ("/state/") is put before item->name
  TesFileAddText      - a string dataset (rank 0's text counts)
  TesFileAddAttribute - an attribute of a group or dataset declared before ("/" for the root): exactly one of text, real, integer is not NULL
  Groups on the way are made.

  Collective in the sense that all ranks declare alike; no communication
@*/
PetscErrorCode TesFileAddItem(TesFile file, const char prefix[], const TesStateItem *item);
PetscErrorCode TesFileAddText(TesFile file, const char name[], const char text[]);
PetscErrorCode TesFileAddAttribute(TesFile file, const char object[], const char name[], const char *text, const PetscReal *real, const PetscInt64 *integer);

/*@
  TesFileCommit - write, flush, verify by reading back, fsync, rename, fsync the folder

  Collective

  Output Parameters:
+ bytes   - size of the file, may be NULL
- seconds - what it took, may be NULL

  On any failure the .part is removed, the old file stays, and all ranks return TES_ERR_WORLD with path, what failed and, for a full disk, bytes needed and bytes free.
  The user block (512 bytes) holds magic, format version, file length and the CRC-32 of all that follows, so that a damaged file is
  refused before HDF5 parses it.
@*/
PetscErrorCode TesFileCommit(TesFile file, PetscInt64 *bytes, PetscReal *seconds);
PetscErrorCode TesFileDestroy(TesFile *file);

/*@
  TesFileVerify - check magic, length and checksum of one of our files without HDF5

  Collective; rank 0 reads. valid is PETSC_FALSE with a reason ("truncated: 512 of 34816 bytes", "checksum differs") for a damaged one;
  a file that is not ours (no magic) is said as such.
@*/
PetscErrorCode TesFileVerify(MPI_Comm comm, const char path[], PetscBool *valid, char reason[], size_t size);

/*@
  TesWriteTextAtomic - replace a small text file as a whole (status, resolved deck, XDMF): name.part, fsync, rename

  Not Collective: rank 0 calls it
@*/
PetscErrorCode TesWriteTextAtomic(const char path[], const char text[]);

/*@
  TesMakeFolder - make a folder and its parents; no error if it is there. Not Collective
@*/
PetscErrorCode TesMakeFolder(const char path[]);

/* ---- reading ---- */

/*@
  TesH5OpenRead  - open an HDF5 file (ours or anybody's) collectively; a missing or foreign file raises TES_ERR_WORLD on all ranks
  TesH5Close     - close it
  TesH5Shape     - type class and shape of a dataset; found = PETSC_FALSE if it is not there
  TesH5ReadItem  - read a dataset into item->data: shape must match (message names both shapes); rows of this rank if distributed; type
                   converted by HDF5. Collective
  TesH5ReadText  - a string dataset; the caller frees it
  TesH5ReadAttributeText/Real/Int - found = PETSC_FALSE if it is not there

  Collective
@*/
PetscErrorCode TesH5OpenRead(MPI_Comm comm, const char path[], hid_t *file);
PetscErrorCode TesH5Close(hid_t *file);
PetscErrorCode TesH5Shape(hid_t file, const char name[], PetscBool *found, TesType *type, int *n_axes, PetscInt64 shape[TES_MAX_AXES]);
PetscErrorCode TesH5ReadItem(MPI_Comm comm, hid_t file, const char name[], const TesStateItem *item);
PetscErrorCode TesH5ReadText(hid_t file, const char name[], PetscBool *found, char **text);
PetscErrorCode TesH5ReadAttributeText(hid_t file, const char object[], const char name[], PetscBool *found, char **text);
PetscErrorCode TesH5ReadAttributeReal(hid_t file, const char object[], const char name[], PetscBool *found, PetscReal *value);
PetscErrorCode TesH5ReadAttributeInt(hid_t file, const char object[], const char name[], PetscBool *found, PetscInt64 *value);
