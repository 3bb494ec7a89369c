/* Mistakes on purpose, one per word on the command line, to see that the sanitizers find them among the libraries' own: leak, overflow, undefined. */
#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAK_BYTES 77

/* volatile: what a compiler can see through, it removes */
static char *volatile lost;
static volatile int   largest = INT_MAX;

int main(int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "";

  MPI_Init(&argc, &argv);
  lost = malloc(LEAK_BYTES);
  if (lost) lost[0] = 'x';
  if (!strcmp(what, "leak")) lost = NULL;
  if (!strcmp(what, "overflow") && lost) lost[LEAK_BYTES] = 'x';
  if (!strcmp(what, "undefined")) printf("%d\n", largest + 1);
  free(lost);
  MPI_Finalize();
  return 0;
}
