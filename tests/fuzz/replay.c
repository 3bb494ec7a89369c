/* A fuzz target on the files of its corpus, without libFuzzer: replay FILE|FOLDER... (of a folder the files in it). Says how many there were; a file on which something does not
   hold aborts the program, after its name. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include "fuzz.h"

static int Replay(const char path[])
{
  FILE    *file = fopen(path, "rb");
  uint8_t *data;
  long     size;

  FUZZ_CHECK(file && !fseek(file, 0, SEEK_END) && (size = ftell(file)) >= 0, "cannot read %s", path);
  rewind(file);
  data = malloc((size_t)size + 1);
  FUZZ_CHECK(fread(data, 1, (size_t)size, file) == (size_t)size, "cannot read %s", path);
  fclose(file);
  printf("# %s, %ld bytes\n", path, size);
  fflush(stdout);
  LLVMFuzzerTestOneInput(data, (size_t)size);
  free(data);
  return 1;
}

int main(int argc, char **argv)
{
  int n = 0;

  LLVMFuzzerInitialize(&argc, &argv);
  for (int i = 1; i < argc; i++) {
    struct stat status;
    DIR        *folder;

    FUZZ_CHECK(!stat(argv[i], &status), "%s is not there", argv[i]);
    if (!S_ISDIR(status.st_mode)) {
      n += Replay(argv[i]);
      continue;
    }
    folder = opendir(argv[i]);
    FUZZ_CHECK(folder, "cannot open %s", argv[i]);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
      char path[4096];

      snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
      if (!stat(path, &status) && S_ISREG(status.st_mode)) n += Replay(path);
    }
    closedir(folder);
  }
  printf("%d files\n", n);
  return TesErrorRemove() || PetscFinalize() || !n;
}
