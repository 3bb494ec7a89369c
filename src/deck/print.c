/* Values as YAML that reads back to the same: numbers with as many digits as it takes (17 at most), text bare where no reader could take it for something else. */
#include <string.h>
#include "deck_impl.h"

/* words that other readers of the resolved deck take for a truth value or for nothing */
static PetscBool IsReserved(const char text[])
{
  static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", NULL};
  PetscBool                same;

  for (PetscInt k = 0; words[k]; k++)
    if (!PetscStrcasecmp(text, words[k], &same) && same) return PETSC_TRUE;
  return PETSC_FALSE;
}

static PetscBool IsBareWord(const char text[])
{
  static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./";

  return text[0] && !text[strspn(text, safe)] ? PETSC_TRUE : PETSC_FALSE;
}

/* What YAML does not allow as it stands, or would fold away, is escaped. */
static PetscErrorCode AddQuoted(const char text[], Text *out)
{
  size_t n = strlen(text);

  PetscFunctionBegin;
  PetscCall(TextAddBytes(out, "\"", 1));
  for (size_t i = 0; i < n;) {
    unsigned code  = (unsigned char)text[i];
    size_t   bytes = PetscMax(Utf8Decode(text + i, n - i, &code), 1);

    if (code == '"' || code == '\\') PetscCall(TextAdd(out, "\\%c", (int)code));
    else if (code == '\n') PetscCall(TextAdd(out, "\\n"));
    else if (code < 32 || (code >= 127 && code < 0xA0)) PetscCall(TextAdd(out, "\\x%02X", code));
    else if (code == 0x2028 || code == 0x2029 || code == 0xFEFF || code == 0xFFFE || code == 0xFFFF) PetscCall(TextAdd(out, "\\u%04X", code));
    else PetscCall(TextAddBytes(out, text + i, bytes));
    i += bytes;
  }
  PetscCall(TextAddBytes(out, "\"", 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PrintString(const char text[], PetscBool plain, Text *out)
{
  PetscReal number;
  PetscBool is_number = TesReadReal(text, &number) ? PETSC_FALSE : PETSC_TRUE;

  PetscFunctionBegin;
  if (plain ? is_number || IsBareWord(text) : IsBareWord(text) && !is_number && !IsReserved(text)) PetscCall(TextAddBytes(out, text, strlen(text)));
  else PetscCall(AddQuoted(text, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PrintNode(TesNode node, Text *out)
{
  PetscBool is_map = node->type == NODE_MAP ? PETSC_TRUE : PETSC_FALSE;

  PetscFunctionBegin;
  if (node->type == NODE_SCALAR) {
    PetscCall(PrintString(node->text, node->quoted || node->block ? PETSC_FALSE : PETSC_TRUE, out));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TextAddBytes(out, is_map ? "{" : "[", 1));
  for (PetscInt i = 0; i < node->n; i++) {
    if (i) PetscCall(TextAddBytes(out, ", ", 2));
    if (is_map) {
      PetscCall(PrintString(node->key[i]->text, PETSC_TRUE, out));
      PetscCall(TextAddBytes(out, ": ", 2));
    }
    PetscCall(PrintNode(node->item[i], out));
  }
  PetscCall(TextAddBytes(out, is_map ? "}" : "]", 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PrintNumber(PetscReal value, Text *out)
{
  char text[40];

  PetscFunctionBegin;
  PrintReal(value, text);
  PetscCall(TextAdd(out, "%s", text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PrintNumbers(const TesKey *key, const void *member, Text *out)
{
  const TesInts  *whole = member;
  const TesReals *real  = member;

  PetscFunctionBegin;
  PetscCall(TextAddBytes(out, "[", 1));
  for (PetscInt i = 0; i < whole->n; i++) {
    if (i) PetscCall(TextAddBytes(out, ", ", 2));
    if (key->type == TES_KEY_REALS) PetscCall(PrintNumber(real->v[i], out));
    else if (key->type == TES_KEY_INTS) PetscCall(TextAdd(out, "%" PetscInt_FMT, whole->v[i]));
    else PetscCall(PrintString(key->choices[whole->v[i]], PETSC_TRUE, out));
  }
  PetscCall(TextAddBytes(out, "]", 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PrintValue(const TesKey *key, const void *member, TesNode node, Text *out)
{
  const TesIntOr  *whole = member;
  const TesRealOr *real  = member;

  PetscFunctionBegin;
  switch (key->type) {
  case TES_KEY_INT: PetscCall(TextAdd(out, "%" PetscInt_FMT, *(const PetscInt *)member)); break;
  case TES_KEY_INT64: PetscCall(TextAdd(out, "%" PetscInt64_FMT, *(const PetscInt64 *)member)); break;
  case TES_KEY_REAL:
  case TES_KEY_DURATION: PetscCall(PrintNumber(*(const PetscReal *)member, out)); break;
  case TES_KEY_BOOL: PetscCall(TextAdd(out, *(const PetscBool *)member ? "true" : "false")); break;
  case TES_KEY_ENUM: PetscCall(PrintString(key->choices[*(const int *)member], PETSC_TRUE, out)); break;
  case TES_KEY_INT_OR:
    if (whole->word >= 0) PetscCall(PrintString(key->choices[whole->word], PETSC_TRUE, out));
    else PetscCall(TextAdd(out, "%" PetscInt_FMT, whole->value));
    break;
  case TES_KEY_REAL_OR:
    if (real->word >= 0) PetscCall(PrintString(key->choices[real->word], PETSC_TRUE, out));
    else PetscCall(PrintNumber(real->value, out));
    break;
  case TES_KEY_REALS:
  case TES_KEY_INTS:
  case TES_KEY_ENUMS: PetscCall(PrintNumbers(key, member, out)); break;
  case TES_KEY_STRINGS:
  case TES_KEY_EXPRS: /* one value is a list of one */
    PetscCall(TextAdd(out, node->type == NODE_LIST ? "" : "["));
    PetscCall(PrintNode(node, out));
    PetscCall(TextAdd(out, node->type == NODE_LIST ? "" : "]"));
    break;
  case TES_KEY_MAP:
    if (node->type == NODE_MAP) PetscCall(PrintNode(node, out));
    else PetscCall(TextAdd(out, "{}"));
    break;
  default: PetscCall(PrintNode(node, out)); break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
