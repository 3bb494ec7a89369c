/* The nearest known name: edit distance with transpositions of neighbours (optimal string alignment), or a beginning in common ("max_iter" for "max_iterations"). */
#include <ctype.h>
#include <string.h>
#include "deck_impl.h"

#define LONGEST 64

static int Distance(const char a[], const char b[])
{
  int d[3][LONGEST + 1], m = (int)strlen(a), n = (int)strlen(b);

  for (int j = 0; j <= n; j++) d[0][j] = j;
  for (int i = 1; i <= m; i++) {
    int *row = d[i % 3], *up = d[(i - 1) % 3], *upup = d[(i + 1) % 3];

    row[0] = i;
    for (int j = 1; j <= n; j++) {
      int change = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);

      row[j] = PetscMin(PetscMin(up[j] + 1, row[j - 1] + 1), up[j - 1] + change);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = PetscMin(row[j], upup[j - 2] + 1);
    }
  }
  return d[m % 3][n];
}

/* one is the beginning of the other, and long enough to mean it */
static PetscBool BeginsAlike(const char a[], const char b[])
{
  size_t m = strlen(a), n = strlen(b), k = PetscMin(m, n);

  return k >= 3 && 3 * k >= PetscMax(m, n) && !strncmp(a, b, k) ? PETSC_TRUE : PETSC_FALSE;
}

const char *TesNearest(const char word[], const char *const names[])
{
  const char *best   = NULL;
  int         length = (int)PetscMin(strlen(word), LONGEST + 1), least = 1 + (length + 2) / 3; /* one mistake in three letters is near */

  if (!length || length > LONGEST) return NULL;
  for (int k = 0; names[k]; k++) {
    int distance;

    if (strlen(names[k]) > LONGEST) continue;
    distance = Distance(word, names[k]);
    if (distance >= (int)strlen(names[k])) continue; /* nothing in common */
    if (distance < least) {
      least = distance;
      best  = names[k];
    }
  }
  for (int k = 0; !best && names[k]; k++)
    if (BeginsAlike(word, names[k])) best = names[k];
  return best;
}
