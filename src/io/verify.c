/* The user block: the first 512 bytes of our files, looked at by plain reads before HDF5 parses anything (a damaged file can make HDF5 spin).

     bytes  0- 7  magic "TESSERA" and NUL
            8-11  format of this block, 1
           12-15  CRC-32 of all bytes from 512 to the end
           16-23  length of the file
           24-27  CRC-32 of this block with these four bytes zero
           28-    a line for those who look with an editor, then zeros
   Numbers are little-endian on every machine. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "file_private.h"

#define MAGIC        "TESSERA"
#define BLOCK_FORMAT 1
#define PIECE_BYTES  (1 << 20)

static void Put(unsigned char *at, int bytes, unsigned long long value)
{
  for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> (8 * i));
}

static unsigned long long Get(const unsigned char *at, int bytes)
{
  unsigned long long value = 0;

  for (int i = 0; i < bytes; i++) value |= (unsigned long long)at[i] << (8 * i);
  return value;
}

void TesUserBlockFill(unsigned char block[TES_USER_BLOCK], PetscInt64 length, unsigned long crc)
{
  memset(block, 0, TES_USER_BLOCK);
  memcpy(block, MAGIC, 8);
  Put(block + 8, 4, BLOCK_FORMAT);
  Put(block + 12, 4, crc);
  Put(block + 16, 8, (unsigned long long)length);
  snprintf((char *)block + 28, TES_USER_BLOCK - 28, "\nA file of tessera. HDF5 begins at byte %d; every HDF5 tool opens it as it is.\n", TES_USER_BLOCK);
  Put(block + 24, 4, crc32(0, block, TES_USER_BLOCK));
}

/* Reads all of a range; short reads and interruptions go on, the end of the file is an error. */
PetscErrorCode TesPreadAll(int fd, void *buffer, PetscInt64 bytes, PetscInt64 offset, const char path[])
{
  char *at = (char *)buffer;

  PetscFunctionBegin;
  while (bytes > 0) {
    ssize_t got = pread(fd, at, (size_t)PetscMin(bytes, 1 << 30), (off_t)offset);

    if (got == -1 && errno == EINTR) continue;
    PetscCheck(got != -1, PETSC_COMM_SELF, TES_ERR_WORLD, "%s", TesErrnoText("cannot read %s", path));
    PetscCheck(got, PETSC_COMM_SELF, TES_ERR_WORLD, "cannot read %s: it ends at byte %lld", path, (long long)offset);
    at += got;
    offset += got;
    bytes -= got;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* reason stays empty for a whole file */
static PetscErrorCode Examine(int fd, const char path[], char reason[], size_t size)
{
  unsigned char block[TES_USER_BLOCK];
  struct stat   info;
  PetscInt64    length, wanted;
  unsigned long crc, stored;
  void         *piece;

  PetscFunctionBegin;
  TesCallSys(fstat(fd, &info), "cannot examine %s", path);
  length = (PetscInt64)info.st_size;
  if (!S_ISREG(info.st_mode)) {
    snprintf(reason, size, "not a file");
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (length < TES_USER_BLOCK) {
    snprintf(reason, size, length ? "truncated: only %lld bytes" : "empty", (long long)length);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesPreadAll(fd, block, TES_USER_BLOCK, 0, path));
  if (memcmp(block, MAGIC, 8)) {
    snprintf(reason, size, "not a file of tessera (no magic)");
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (!block[8] && !block[9] && !block[10] && block[11]) {
    snprintf(reason, size, "its numbers are in the other byte order");
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  stored = (unsigned long)Get(block + 24, 4);
  Put(block + 24, 4, 0);
  if (crc32(0, block, TES_USER_BLOCK) != stored) {
    snprintf(reason, size, "checksum of its first %d bytes differs", TES_USER_BLOCK);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (Get(block + 8, 4) != BLOCK_FORMAT) {
    snprintf(reason, size, "made by a newer tessera (file format %llu, this one knows %d)", Get(block + 8, 4), BLOCK_FORMAT);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  wanted = (PetscInt64)Get(block + 16, 8);
  if (wanted != length) {
    snprintf(reason, size, "%s: %lld of %lld bytes", length < wanted ? "truncated" : "too long", (long long)length, (long long)wanted);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(PetscMalloc(PIECE_BYTES, &piece));
  crc = crc32(0, NULL, 0);
  for (PetscInt64 at = TES_USER_BLOCK; at < length; at += PIECE_BYTES) {
    PetscInt64     bytes = PetscMin(PIECE_BYTES, length - at);
    PetscErrorCode ierr  = TesPreadAll(fd, piece, bytes, at, path);

    if (ierr) PetscCall(PetscFree(piece));
    PetscCall(ierr);
    crc = crc32(crc, (const Bytef *)piece, (uInt)bytes);
  }
  PetscCall(PetscFree(piece));
  if (crc != (unsigned long)Get(block + 12, 4)) snprintf(reason, size, "checksum differs");
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFileVerify(MPI_Comm comm, const char path[], PetscBool *valid, char reason[], size_t size)
{
  char           text[256] = "";
  int            rank;
  PetscErrorCode ierr = PETSC_SUCCESS;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  if (rank == 0) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block */

    if (fd == -1) {
      snprintf(text, sizeof text, "cannot be opened: %s", strerror(errno));
    } else {
      ierr = Examine(fd, path, text, sizeof text);
      close(fd);
    }
  }
  PetscCall(TesAgree(comm, ierr));
  PetscCallMPI(MPI_Bcast(text, (int)sizeof text, MPI_CHAR, 0, comm));
  *valid = (PetscBool)(text[0] == 0);
  if (reason && size) snprintf(reason, size, "%s", text);
  PetscFunctionReturn(PETSC_SUCCESS);
}
