/* Strict numbers: the whole token, in the C locale whatever the process's is, finite; `_` may stand between digits. */
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "deck_impl.h"

/* Copy without `_` between digits; is the rest made of the characters of a number only? */
static PetscBool Clean(const char text[], const char allowed[], char out[64])
{
  size_t n = 0;

  for (size_t i = 0; text[i]; i++) {
    if (text[i] == '_' && i && isdigit((unsigned char)text[i - 1]) && isdigit((unsigned char)text[i + 1])) continue;
    if (!isdigit((unsigned char)text[i]) && !strchr(allowed, text[i])) return PETSC_FALSE;
    if (n == 63) return PETSC_FALSE;
    out[n++] = text[i];
  }
  out[n] = 0;
  return n ? PETSC_TRUE : PETSC_FALSE;
}

const char *ReadReal(const char text[], PetscReal *value)
{
  char     copy[64], *end;
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);

  if (!Clean(text, "+-.eE", copy)) {
    if (c) freelocale(c);
    return "not a number";
  }
  errno  = 0;
  *value = c ? strtod_l(copy, &end, c) : strtod(copy, &end);
  if (c) freelocale(c);
  if (*end || end == copy) return "not a number";
  if (!isfinite(*value)) return "too large a number";
  return NULL;
}

const char *ReadInt(const char text[], PetscInt64 *value)
{
  char      copy[64], *end;
  PetscReal real;

  if (ReadReal(text, &real)) return "not a whole number";
  if (Clean(text, "+-", copy)) {
    errno  = 0;
    *value = strtoll(copy, &end, 10);
    if (errno) return "too large a number";
    if (!*end) return NULL;
  }
  /* 1e6 is a whole number as well, 64.5 is not; beyond 2^53 digits would be lost without a word */
  if (real != floor(real)) return "not a whole number";
  if (fabs(real) > 9007199254740992.0) return "too large a number in this form: write out its digits";
  *value = (PetscInt64)real;
  return NULL;
}

const char *ReadDuration(const char text[], PetscReal *value)
{
  PetscReal part[3];
  char      copy[64];
  int       n = 0;

  if (!strchr(text, ':')) return ReadReal(text, value) ? "not a duration (seconds or HH:MM:SS)" : NULL;
  snprintf(copy, sizeof copy, "%s", text);
  for (char *at = copy; at && n < 3; n++) {
    char *colon = strchr(at, ':');

    if (colon) *colon = 0;
    if (ReadReal(at, &part[n]) || part[n] < 0 || (n && part[n] >= 60)) return "not a duration (seconds or HH:MM:SS)";
    at = colon ? colon + 1 : NULL;
    if (n == 2 && at) return "not a duration (seconds or HH:MM:SS)";
  }
  *value = n == 3 ? 3600 * part[0] + 60 * part[1] + part[2] : 60 * part[0] + part[1];
  return NULL;
}

void PrintReal(PetscReal value, char text[40])
{
  for (int digits = 6; digits <= 17; digits++) {
    PetscReal back;

    snprintf(text, 40, "%.*g", digits, (double)value);
    /* another locale may have put a comma */
    for (char *comma = strchr(text, ','); comma; comma = NULL) *comma = '.';
    if (!ReadReal(text, &back) && back == value) return;
  }
}
