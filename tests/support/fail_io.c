/* A disk that fails: preloaded (LD_PRELOAD) into a program, it makes chosen calls end with an error of choice.

     TES_FAIL_IO=call=pwrite,errno=28[,rank=1][,share=0.02][,name=checkpoint]

   call   pwrite, fsync or rename
   errno  the number of the error: 28 no space left on device, 5 input/output error
   rank   only in this rank of an Open MPI job; default all
   share  this part of the calls, drawn at random; default all
   name   only where the name of the file contains this text; default all */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* The value of a key, or NULL; `value` holds it. */
static const char *Setting(const char key[], char value[64])
{
  const char *at = getenv("TES_FAIL_IO");
  size_t      n  = strlen(key);

  for (; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
    if (strncmp(at, key, n) || at[n] != '=') continue;
    snprintf(value, 64, "%.*s", (int)strcspn(at + n + 1, ","), at + n + 1);
    return value;
  }
  return NULL;
}

/* 0, or the error that this call is to end with */
static int Fails(const char call[], const char name[])
{
  char            value[64];
  const char     *mine = getenv("OMPI_COMM_WORLD_RANK");
  struct timespec now;

  if (!Setting("call", value) || strcmp(value, call)) return 0;
  if (Setting("rank", value) && (!mine || strcmp(value, mine))) return 0;
  if (Setting("name", value) && !strstr(name, value)) return 0;
  if (Setting("share", value)) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((double)(now.tv_nsec / 10 % 10000) >= 10000 * atof(value)) return 0;
  }
  return Setting("errno", value) ? atoi(value) : EIO;
}

static const char *NameOf(int file, char name[4096])
{
  char    link[64];
  ssize_t n;

  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  n       = readlink(link, name, 4095);
  name[n < 0 ? 0 : n] = 0;
  return name;
}

static void *Next(const char call[])
{
  return dlsym(RTLD_NEXT, call);
}

ssize_t pwrite(int file, const void *data, size_t n, off_t at)
{
  ssize_t (*next)(int, const void *, size_t, off_t);
  char name[4096];
  int  error = Fails("pwrite", NameOf(file, name));

  if (error) {
    errno = error;
    return -1;
  }
  *(void **)&next = Next("pwrite");
  return next(file, data, n, at);
}

int fsync(int file)
{
  int (*next)(int);
  char name[4096];
  int  error = Fails("fsync", NameOf(file, name));

  if (error) {
    errno = error;
    return -1;
  }
  *(void **)&next = Next("fsync");
  return next(file);
}

int rename(const char *from, const char *to)
{
  int (*next)(const char *, const char *);
  int error = Fails("rename", to);

  if (error) {
    errno = error;
    return -1;
  }
  *(void **)&next = Next("rename");
  return next(from, to);
}
