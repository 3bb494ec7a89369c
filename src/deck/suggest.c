/* The nearest known name: edit distance with transpositions of neighbours (optimal string alignment). */
#include <ctype.h>
#include <string.h>
#include "deck_impl.h"

#define LONGEST 64

static int Distance(const char a[], const char b[])
{
  int d[3][LONGEST + 1], m = (int)strlen(a), n = (int)strlen(b);

  if (m > LONGEST || n > LONGEST) return LONGEST;
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

const char *TesNearest(const char word[], const char *const names[])
{
  const char *best  = NULL;
  int         least = 1 + (int)strlen(word) / 3;

  if (strlen(word) > LONGEST) return NULL;
  for (int k = 0; names[k]; k++) {
    int distance = Distance(word, names[k]);

    if (distance < least || (distance == least && !best)) {
      least = distance;
      best  = names[k];
    }
  }
  return best;
}
