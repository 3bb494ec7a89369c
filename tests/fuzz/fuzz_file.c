/* Any bytes as one of our files, up to where HDF5 would begin to read: accepted are only those whose first 512 bytes and checksum a second computation confirms.
   Then the bytes as the content of a file of ours: accepted as it is, refused with one bit changed or one byte less. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include "../../src/io/file_private.h"
#include "fuzz.h"

static PetscBool Accepted(const uint8_t *data, size_t size)
{
  int       fd = memfd_create("fuzz", MFD_CLOEXEC);
  char      path[64], reason[256] = "?";
  PetscBool valid;

  FUZZ_CHECK(fd >= 0, "no memory for a file");
  FUZZ_CHECK(!size || write(fd, data, size) == (ssize_t)size, "cannot write");
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  FUZZ_CALL(TesFileVerify(PETSC_COMM_SELF, path, &valid, reason, sizeof reason));
  close(fd);
  FUZZ_CHECK(valid == (reason[0] ? PETSC_FALSE : PETSC_TRUE), "valid and a reason: %s", reason);
  return valid;
}

static unsigned long Number(const uint8_t *at, int bytes)
{
  unsigned long value = 0;

  for (int i = bytes; i--;) value = value << 8 | at[i];
  return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  uint8_t *file = malloc(TES_USER_BLOCK + size + 1);
  size_t   whole = TES_USER_BLOCK + size, bit = size ? (data[0] * 8191u + data[size - 1] * 31u + (unsigned)size * 7919u) % (8 * whole) : 3;

  if (Accepted(data, size)) {
    FUZZ_CHECK(size >= TES_USER_BLOCK && !memcmp(data, "TESSERA", 8) && Number(data + 8, 4) == 1 && Number(data + 16, 8) == size, "another header");
    FUZZ_CHECK(Number(data + 12, 4) == crc32(0, data + TES_USER_BLOCK, (uInt)(size - TES_USER_BLOCK)), "another checksum");
  }
  TesUserBlockFill(file, (PetscInt64)whole, crc32(0, data, (uInt)size));
  memcpy(file + TES_USER_BLOCK, data, size);
  FUZZ_CHECK(Accepted(file, whole), "a whole file is refused");
  FUZZ_CHECK(!Accepted(file, whole - 1), "a short file is accepted");
  file[bit / 8] ^= (uint8_t)(1 << bit % 8);
  FUZZ_CHECK(!Accepted(file, whole), "bit %zu is changed and the file accepted", bit);
  free(file);
  return 0;
}
