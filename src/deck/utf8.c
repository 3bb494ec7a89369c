/* Characters and lines as YAML counts them: marks are in characters, a line ends with LF, CR LF, CR, NEL (U+0085), LS (U+2028) or PS (U+2029). */
#include "deck_impl.h"

size_t Utf8Decode(const char text[], size_t n, unsigned *code)
{
  static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000}; /* longer forms than needed are no characters */
  const unsigned char  *b       = (const unsigned char *)text;
  size_t                bytes;

  if (!n) return 0;
  *code = b[0];
  if (b[0] < 0x80) return 1;
  bytes = b[0] >= 0xF8 ? 0 : b[0] >= 0xF0 ? 4 : b[0] >= 0xE0 ? 3 : b[0] >= 0xC0 ? 2 : 0;
  if (!bytes || bytes > n) return 0;
  *code = b[0] & (0xFFu >> (bytes + 1));
  for (size_t i = 1; i < bytes; i++) {
    if ((b[i] & 0xC0) != 0x80) return 0;
    *code = *code << 6 | (b[i] & 0x3F);
  }
  return *code < least[bytes] || *code > 0x10FFFF || (*code >= 0xD800 && *code <= 0xDFFF) ? 0 : bytes;
}

size_t LineBreak(const char text[], size_t n)
{
  const unsigned char *b = (const unsigned char *)text;

  if (!n || (b[0] != '\n' && b[0] != '\r' && b[0] < 0xC2)) return 0;
  if (b[0] == '\n') return 1;
  if (b[0] == '\r') return n > 1 && b[1] == '\n' ? 2 : 1;
  if (n > 1 && b[0] == 0xC2 && b[1] == 0x85) return 2;
  return n > 2 && b[0] == 0xE2 && b[1] == 0x80 && (b[2] == 0xA8 || b[2] == 0xA9) ? 3 : 0;
}

PetscErrorCode TextAddSafe(Text *t, const char text[], size_t n)
{
  PetscFunctionBegin;
  for (size_t i = 0; i < n;) {
    unsigned code  = 0;
    size_t   bytes = Utf8Decode(text + i, n - i, &code);

    /* control characters could move the cursor or change colours; a tab would move the caret away from its place */
    if (!bytes || code < 32 || (code >= 127 && code < 160) || code == 0xFEFF || code == 0x2028 || code == 0x2029) PetscCall(TextAddBytes(t, code == '\t' || code == '\n' ? " " : "?", 1));
    else PetscCall(TextAddBytes(t, text + i, bytes));
    i += PetscMax(bytes, 1);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
