/* Strict numbers: the whole token, in the C locale whatever the process's is, finite; `_` may stand between digits. What would change its value without a word (64.5 for a whole
   number, 010, 1e-400) is refused. */
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "deck_impl.h"

#define LONGEST 64

/* Copy without `_` between digits; is the rest made of the characters of a number only? */
static PetscBool Clean(const char text[], const char allowed[], char out[LONGEST])
{
  size_t n = 0;

  for (size_t i = 0; text[i]; i++) {
    if (text[i] == '_' && i && isdigit((unsigned char)text[i - 1]) && isdigit((unsigned char)text[i + 1])) continue;
    if (!isdigit((unsigned char)text[i]) && !strchr(allowed, text[i])) return PETSC_FALSE;
    if (n == LONGEST - 1) return PETSC_FALSE;
    out[n++] = text[i];
  }
  out[n] = 0;
  return n ? PETSC_TRUE : PETSC_FALSE;
}

/* what people mean who know another notation */
static const char *NotNumber(const char text[])
{
  static const char *const words[] = {"inf", "infinity", "nan", "-inf", "-infinity", "+inf", ".inf", "-.inf", "+.inf", ".nan", NULL};
  size_t                   comma   = strcspn(text, ",");
  PetscBool                same;

  for (PetscInt k = 0; words[k]; k++)
    if (!PetscStrcasecmp(text, words[k], &same) && same) return "not a finite number";
  if (comma && text[comma] && isdigit((unsigned char)text[comma - 1]) && isdigit((unsigned char)text[comma + 1])) return "not a number: a decimal point is `.`";
  return "not a number";
}

PetscReal RealOf(const char text[], char **end)
{
  locale_t  c     = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  PetscReal value = c ? strtod_l(text, end, c) : strtod(text, end);

  if (c) freelocale(c);
  return value;
}

void FormatReal(PetscReal value, int digits, char text[40])
{
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = c ? uselocale(c) : (locale_t)0;

  snprintf(text, 40, "%.*g", digits, (double)value);
  if (c) {
    uselocale(before);
    freelocale(c);
  }
}

const char *TesReadReal(const char text[], PetscReal *value)
{
  char copy[LONGEST], *end = copy;

  if (!Clean(text, "+-.eE", copy)) return NotNumber(text);
  *value = RealOf(copy, &end);
  if (*end || end == copy) return "not a number";
  if (!isfinite(*value)) return "too large a number";
  if (*value == 0 && strcspn(copy, "123456789") < strcspn(copy, "eE")) return "too small a number";
  return NULL;
}

const char *TesReadInt(const char text[], PetscInt64 *value)
{
  char        copy[LONGEST], *end;
  PetscReal   real;
  const char *wrong = TesReadReal(text, &real), *digits;

  if (wrong) return strstr(wrong, "too large") ? wrong : "not a whole number";
  if (Clean(text, "+-", copy)) {
    digits = copy + strspn(copy, "+-");
    if (digits[0] == '0' && digits[1]) return "not a whole number: a leading 0 could mean octal";
    errno  = 0;
    *value = strtoll(copy, &end, 10);
    return errno ? "too large a number" : NULL;
  }
  /* 1e6 is a whole number as well, 64.5 is not; beyond 2^53 digits would be lost without a word */
  if (real != floor(real)) return "not a whole number";
  if (fabs(real) > 9007199254740992.0) return "too large a number in this form: write out its digits";
  *value = (PetscInt64)real;
  return NULL;
}

/* seconds, MM:SS or HH:MM:SS; the last part may have decimals */
const char *TesReadDuration(const char text[], PetscReal *value)
{
  static const char wrong[] = "not a duration (seconds or HH:MM:SS)";
  PetscReal         sum     = 0;
  int               parts   = 0;
  const char       *at      = text;

  if (!strchr(text, ':')) return TesReadReal(text, value) ? wrong : NULL;
  while (at) {
    const char *colon  = strchr(at, ':');
    size_t      length = colon ? (size_t)(colon - at) : strlen(at);
    PetscReal   part;
    char        copy[24];

    if (++parts > 3 || !length || length >= sizeof copy || strspn(at, colon ? "0123456789" : "0123456789.") != length) return wrong;
    snprintf(copy, sizeof copy, "%.*s", (int)length, at);
    if (TesReadReal(copy, &part) || (parts > 1 && part >= 60)) return wrong;
    sum = 60 * sum + part;
    at  = colon ? colon + 1 : NULL;
  }
  *value = sum;
  return NULL;
}

void PrintReal(PetscReal value, char text[40])
{
  if (fabs(value) < 1e15 && value == floor(value)) {
    snprintf(text, 40, "%.0f", (double)value);
    return;
  }
  for (int digits = 6; digits <= 17; digits++) {
    PetscReal back;

    FormatReal(value, digits, text);
    if (!TesReadReal(text, &back) && back == value) return;
  }
}
