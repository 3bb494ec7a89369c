/* Committing a file: lay out, reserve, write, flush, read back, checksum, rename. Each stage is local work followed by one agreement, so an error on any rank
   ends the stage on all of them and nobody waits for a rank that has given up.

   The checksum of the whole file is the CRC-32 of its bytes after the user block, over pieces of a fixed size that the ranks share out and that crc32_combine
   joins in order: a property of the bytes alone. Cost: each byte is written once and read twice (own rows against what was meant; pieces for the checksum, out
   of the page cache by then); rank 0 receives 16 bytes per rank. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zlib.h>
#include <tessera/fault.h>
#include <tessera/timing.h>
#include "file_private.h"

#define PIECE_BYTES (1 << 20) /* of the checksum: part of no format, since CRCs combine */

/* The message of a failed POSIX call; where room is the matter, with the room. */
static PetscErrorCode Trouble(TesFile file, const char doing[])
{
  int            number = errno;
  struct statvfs disk;
  char           folder[PETSC_MAX_PATH_LEN];

  PetscFunctionBegin;
  if (number == ENOSPC || number == EDQUOT || number == EFBIG) {
    PetscCall(PetscStrncpy(folder, file->path, sizeof folder));
    if (statvfs(dirname(folder), &disk) == 0)
      SETERRQ(PETSC_COMM_SELF, TES_ERR_WORLD, "cannot %s %s: %s (%lld bytes needed, %lld free)", doing, file->path, strerror(number), (long long)file->bytes,
              (long long)disk.f_bavail * (long long)disk.f_frsize);
  }
  SETERRQ(PETSC_COMM_SELF, TES_ERR_WORLD, "cannot %s %s: %s", doing, file->path, strerror(number));
}

static PetscErrorCode Hook(TesFile file, const char where[])
{
  char point[64];

  PetscFunctionBegin;
  snprintf(point, sizeof point, "%s.%s", file->fault_point, where);
  PetscCall(TesFault(point, file->rank, -1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Space for `bytes`, so that a full disk is met before data are written. A file system that cannot promise space is no error: what it cannot store is met by the
   write or by the read-back. fallocate, since posix_fallocate of glibc would write into every block where the file system cannot. */
static PetscErrorCode Reserve(TesFile file, int fd, PetscInt64 bytes)
{
  int result;

  PetscFunctionBegin;
  file->bytes = bytes;
  do {
#ifdef __linux__
    result = fallocate(fd, 0, 0, (off_t)bytes);
#else
    result = posix_fallocate(fd, 0, (off_t)bytes);
    if (result) {
      errno  = result;
      result = -1;
    }
#endif
  } while (result == -1 && errno == EINTR);
  if (result == -1 && errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS) PetscCall(Trouble(file, "reserve space for"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Room for what the file will need at most, before anything else: metadata are estimated generously. */
static PetscInt64 Estimate(TesFile file)
{
  PetscInt64 bytes = 65536 + TES_USER_BLOCK;

  for (int i = 0; i < file->n_entries; i++) bytes += 4096 + TesFileEntryBytes(&file->entry[i], PETSC_FALSE);
  for (int i = 0; i < file->n_attributes; i++) bytes += 512 + (file->attribute[i].text ? (PetscInt64)strlen(file->attribute[i].text) : 0);
  return bytes;
}

static PetscErrorCode PrepareOpened(TesFile file, int fd)
{
  PetscFunctionBegin;
  PetscCall(Reserve(file, fd, Estimate(file)));
  PetscCall(TesFileLayOut(file, fd));
  if (ftruncate(fd, (off_t)file->bytes) == -1) PetscCall(Trouble(file, "set the length of"));
  PetscCall(Reserve(file, fd, file->bytes));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Rank 0: the file with all its structure and room for all its data. */
static PetscErrorCode Prepare(TesFile file)
{
  PetscErrorCode ierr;
  int            fd;

  PetscFunctionBegin;
  if (file->rank) PetscFunctionReturn(PETSC_SUCCESS);
  fd = open(file->part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd == -1) PetscCall(Trouble(file, "make"));
  ierr = PrepareOpened(file, fd);
  close(fd);
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ShareLayout(TesFile file)
{
  PetscInt64 *offsets;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)file->n_entries + 1, &offsets));
  for (int i = 0; i < file->n_entries; i++) offsets[i] = file->entry[i].offset;
  offsets[file->n_entries] = file->bytes;
  PetscCallMPI(MPI_Bcast(offsets, file->n_entries + 1, MPIU_INT64, 0, file->comm));
  for (int i = 0; i < file->n_entries; i++) file->entry[i].offset = offsets[i];
  file->bytes = offsets[file->n_entries];
  PetscCall(PetscFree(offsets));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFileWrite(TesFile file, int fd, const void *buffer, PetscInt64 bytes, PetscInt64 offset)
{
  const char *at = (const char *)buffer;

  PetscFunctionBegin;
  while (bytes > 0) {
    ssize_t done = pwrite(fd, at, (size_t)PetscMin(bytes, 1 << 30), (off_t)offset);

    if (done == -1 && errno == EINTR) continue;
    if (done == 0) errno = ENOSPC;
    if (done <= 0) PetscCall(Trouble(file, "write"));
    at += done;
    offset += done;
    bytes -= done;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* What of an entry this rank writes: its rows; replicated values and texts are rank 0's. */
static PetscInt64 OwnRange(TesFile file, const TesFileEntry *entry, PetscInt64 *offset)
{
  const TesStateItem *item = &entry->item;
  PetscInt64          bytes;

  if (entry->offset < 0 || (!item->distributed && file->rank)) return 0;
  bytes   = TesFileEntryBytes(entry, PETSC_TRUE);
  *offset = entry->offset;
  if (item->distributed && bytes) *offset += item->first * (bytes / item->n_local);
  return bytes;
}

static unsigned long CrcOf(unsigned long crc, const void *data, PetscInt64 bytes)
{
  const Bytef *at = (const Bytef *)data;

  for (PetscInt64 left = bytes; left > 0;) {
    uInt now = (uInt)PetscMin(left, 1 << 30);

    crc = crc32(crc, at, now);
    at += now;
    left -= now;
  }
  return crc;
}

/* Writes this rank's rows of every dataset and keeps the checksum of what was meant. */
static PetscErrorCode WriteRows(TesFile file, int fd, unsigned long *crc)
{
  PetscFunctionBegin;
  *crc = crc32(0, NULL, 0);
  for (int i = 0; i < file->n_entries; i++) {
    PetscInt64 offset = 0, bytes = OwnRange(file, &file->entry[i], &offset);

    if (!bytes) continue;
    PetscCall(TesFileWrite(file, fd, file->entry[i].item.data, bytes, offset));
    *crc = CrcOf(*crc, file->entry[i].item.data, bytes);
  }
  PetscCall(Hook(file, "write"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Flush(TesFile file, int fd)
{
  PetscFunctionBegin;
  PetscCall(Hook(file, "flush"));
  if (fsync(fd) == -1) PetscCall(Trouble(file, "flush"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Reads a range in pieces into *crc. */
static PetscErrorCode ReadCrc(TesFile file, int fd, void *piece, PetscInt64 offset, PetscInt64 bytes, unsigned long *crc)
{
  PetscFunctionBegin;
  while (bytes > 0) {
    PetscInt64 now = PetscMin(bytes, PIECE_BYTES);

    PetscCall(TesPreadAll(fd, piece, now, offset, file->part));
    *crc = crc32(*crc, (const Bytef *)piece, (uInt)now);
    offset += now;
    bytes -= now;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadRows(TesFile file, int fd, void *piece, unsigned long meant)
{
  unsigned long crc = crc32(0, NULL, 0);

  PetscFunctionBegin;
  PetscCall(Hook(file, "verify"));
  (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* ask the disk, not the cache; a hint, so its failure is none */
  for (int i = 0; i < file->n_entries; i++) {
    PetscInt64 offset = 0, bytes = OwnRange(file, &file->entry[i], &offset);

    PetscCall(ReadCrc(file, fd, piece, offset, bytes, &crc));
  }
  PetscCheck(crc == meant, PETSC_COMM_SELF, TES_ERR_WORLD, "%s does not read back as it was written: the disk may be full or damaged", file->path);
  if (file->rank == 0) PetscCall(TesFileCheckLayout(file));
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  PetscInt64 crc, bytes;
} PieceSum;

/* Collective: the checksum of everything after the user block, on rank 0. */
static PetscErrorCode WholeCrc(TesFile file, int fd, void *piece, unsigned long *crc)
{
  PetscInt64     length = file->bytes - TES_USER_BLOCK, pieces = (length + PIECE_BYTES - 1) / PIECE_BYTES;
  PetscInt64     first = PetscMin(pieces * file->rank / file->size * PIECE_BYTES, length), end = PetscMin(pieces * (file->rank + 1) / file->size * PIECE_BYTES, length);
  unsigned long  mine  = crc32(0, NULL, 0);
  PieceSum       sum, *sums = NULL;
  PetscErrorCode ierr = ReadCrc(file, fd, piece, TES_USER_BLOCK + first, end - first, &mine);

  PetscFunctionBegin;
  PetscCall(TesAgree(file->comm, ierr));
  sum = (PieceSum){(PetscInt64)mine, end - first};
  if (file->rank == 0) PetscCall(PetscMalloc1((size_t)file->size, &sums));
  PetscCallMPI(MPI_Gather(&sum, 2, MPIU_INT64, sums, 2, MPIU_INT64, 0, file->comm));
  *crc = crc32(0, NULL, 0);
  for (int r = 0; sums && r < file->size; r++) *crc = crc32_combine(*crc, (unsigned long)sums[r].crc, (z_off_t)sums[r].bytes);
  PetscCall(PetscFree(sums));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SyncFolder(const char path[])
{
  char folder[PETSC_MAX_PATH_LEN];
  int  fd;

  PetscFunctionBegin;
  PetscCall(PetscStrncpy(folder, path, sizeof folder));
  fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  TesCallSys(fd, "cannot open the folder of %s", path);
  if (fsync(fd) == -1 && errno != EINVAL && errno != EROFS) { /* some file systems have nothing to sync in a folder */
    int number = errno;

    close(fd);
    errno = number;
    SETERRQ(PETSC_COMM_SELF, TES_ERR_WORLD, "%s", TesErrnoText("cannot flush the folder of %s", path));
  }
  close(fd);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Rank 0: the user block makes the file valid, the rename makes it the one. */
static PetscErrorCode Seal(TesFile file, int fd, unsigned long crc)
{
  unsigned char block[TES_USER_BLOCK], back[TES_USER_BLOCK];

  PetscFunctionBegin;
  PetscCall(Hook(file, "rename"));
  if (file->rank) PetscFunctionReturn(PETSC_SUCCESS);
  TesUserBlockFill(block, file->bytes, crc);
  PetscCall(TesFileWrite(file, fd, block, TES_USER_BLOCK, 0));
  if (fsync(fd) == -1) PetscCall(Trouble(file, "flush"));
  PetscCall(TesPreadAll(fd, back, TES_USER_BLOCK, 0, file->part));
  PetscCheck(!memcmp(block, back, TES_USER_BLOCK), PETSC_COMM_SELF, TES_ERR_WORLD, "%s does not read back as it was written", file->path);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Appear(TesFile file)
{
  PetscFunctionBegin;
  if (file->rank) PetscFunctionReturn(PETSC_SUCCESS);
  if (rename(file->part, file->path) == -1) PetscCall(Trouble(file, "rename the .part to"));
  PetscCall(SyncFolder(file->path));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OpenPart(TesFile file, int flags, int *fd)
{
  PetscFunctionBegin;
  *fd = open(file->part, flags | O_CLOEXEC);
  if (*fd == -1) PetscCall(Trouble(file, "open the .part of"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void CloseIf(int *fd)
{
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* All stages, each agreed. fd and piece are the caller's to release, whatever happens. */
static PetscErrorCode Stages(TesFile file, int *fd, void *piece)
{
  unsigned long  meant = 0, crc = 0;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  ierr = Prepare(file);
  PetscCall(TesAgree(file->comm, ierr));
  PetscCall(ShareLayout(file));
  ierr = OpenPart(file, O_RDWR, fd);
  if (!ierr) ierr = WriteRows(file, *fd, &meant);
  PetscCall(TesAgree(file->comm, ierr));
  ierr = Flush(file, *fd);
  CloseIf(fd);
  PetscCall(TesAgree(file->comm, ierr));
  ierr = OpenPart(file, O_RDWR, fd);
  if (!ierr) ierr = ReadRows(file, *fd, piece, meant);
  PetscCall(TesAgree(file->comm, ierr));
  PetscCall(WholeCrc(file, *fd, piece, &crc));
  ierr = Seal(file, *fd, crc);
  CloseIf(fd);
  PetscCall(TesAgree(file->comm, ierr)); /* no rank may fail its hook after the name has changed */
  ierr = Appear(file);
  PetscCall(TesAgree(file->comm, ierr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFileCommit(TesFile file, PetscInt64 *bytes, PetscReal *seconds)
{
  PetscReal      began = TesNow();
  PetscErrorCode ierr;
  int            fd    = -1;
  void          *piece = NULL;

  PetscFunctionBegin;
  PetscCall(PetscMalloc(PIECE_BYTES, &piece));
  ierr = Stages(file, &fd, piece);
  CloseIf(&fd);
  PetscCall(PetscFree(piece));
  if (ierr) { /* every error of Stages is known to all ranks: when any of them goes on, the .part is gone */
    if (file->rank == 0) (void)unlink(file->part);
    PetscCallMPI(MPI_Barrier(file->comm));
  }
  PetscCall(ierr);
  if (bytes) *bytes = file->bytes;
  if (seconds) {
    PetscReal mine = TesNow() - began;

    PetscCallMPI(MPI_Allreduce(&mine, seconds, 1, MPIU_REAL, MPI_MAX, file->comm)); /* one answer: stop rules use it */
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WriteText(int fd, const char part[], const char text[])
{
  size_t length = strlen(text), done = 0;

  PetscFunctionBegin;
  while (done < length) {
    ssize_t now = write(fd, text + done, length - done);

    if (now == -1 && errno == EINTR) continue;
    TesCallSys(now, "cannot write %s", part);
    done += (size_t)now;
  }
  TesCallSys(fsync(fd), "cannot flush %s", part);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesWriteTextAtomic(const char path[], const char text[])
{
  char           part[PETSC_MAX_PATH_LEN];
  PetscErrorCode ierr;
  int            fd;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(part, sizeof part, "%s.part", path));
  fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  TesCallSys(fd, "cannot make %s", part);
  ierr = WriteText(fd, part, text);
  close(fd);
  if (!ierr && rename(part, path) == -1) {
    int number = errno;

    (void)unlink(part);
    errno = number;
    SETERRQ(PETSC_COMM_SELF, TES_ERR_WORLD, "%s", TesErrnoText("cannot rename %s to %s", part, path));
  }
  if (ierr) (void)unlink(part);
  PetscCall(ierr);
  PetscCall(SyncFolder(path));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesMakeFolder(const char path[])
{
  char        part[PETSC_MAX_PATH_LEN];
  struct stat info;
  size_t      length = strlen(path);

  PetscFunctionBegin;
  PetscCheck(length < sizeof part, PETSC_COMM_SELF, TES_ERR_WORLD, "name of a folder is too long: %s", path);
  PetscCall(PetscStrncpy(part, path, sizeof part));
  for (size_t i = 1; i <= length; i++) {
    if (part[i] != '/' && i < length) continue;
    part[i] = 0;
    if (mkdir(part, 0777) == -1) {
      int number = errno; /* a parent that is there need not be ours to write (EACCES, EROFS) */

      if (stat(part, &info) == -1 || !S_ISDIR(info.st_mode)) {
        errno = number == EEXIST ? ENOTDIR : number;
        SETERRQ(PETSC_COMM_SELF, TES_ERR_WORLD, "%s", TesErrnoText("cannot make folder %s", part));
      }
    }
    part[i] = i < length ? '/' : 0;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
