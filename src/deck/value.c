/* One value of one key: from its node into the struct, with every check that the table asks for. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "deck_impl.h"

static const char *const booleans[] = {"false", "true", NULL};

/* The place is said, so the last name is enough; items keep the way to them: "hamiltonian[2].coeff". */
PetscErrorCode WrongValue(TesDeck deck, const char shown[], TesNode node, const char what[], char *hint)
{
  const char *dot     = strchr(shown, '[') ? NULL : strrchr(shown, '.');
  Text        message = {0};

  PetscFunctionBegin;
  if (DeckCountOnly(deck)) {
    PetscCall(PetscFree(hint));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TextAdd(&message, "`%s: ", dot ? dot + 1 : shown));
  PetscCall(NodeShow(node, &message));
  PetscCall(TextAdd(&message, "` is %s", what));
  PetscCall(DeckComplain(deck, node, message.text, hint));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckRange(TesDeck deck, const TesKey *key, const char shown[], TesNode node, PetscReal value)
{
  const TesRange *r = &key->range;
  char            low[64], high[64], number[40];
  PetscBool       too_low  = r->has_low && (value < r->low || (r->low_open && value <= r->low)) ? PETSC_TRUE : PETSC_FALSE;
  PetscBool       too_high = r->has_high && (value > r->high || (r->high_open && value >= r->high)) ? PETSC_TRUE : PETSC_FALSE;
  Text            what     = {0};

  PetscFunctionBegin;
  if (!too_low && !too_high) PetscFunctionReturn(PETSC_SUCCESS);
  PrintReal(r->low, number);
  snprintf(low, sizeof low, "%s %s", r->low_open ? "above" : "at least", number);
  PrintReal(r->high, number);
  snprintf(high, sizeof high, "%s %s", r->high_open ? "below" : "at most", number);
  PetscCall(TextAdd(&what, "out of range: must be %s%s%s", r->has_low ? low : "", r->has_low && r->has_high ? " and " : "", r->has_high ? high : ""));
  PetscCall(WrongValue(deck, shown, node, what.text, NULL));
  PetscCall(PetscFree(what.text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* what the rest of the world calls a truth value */
static const char *Truth(const char word[])
{
  static const char *const yes[] = {"yes", "on", "1", "True", "TRUE", "Yes", "YES", "On", "ON", "y", NULL}, *const no[] = {"no", "off", "0", "False", "FALSE", "No", "NO", "Off", "OFF", "n", NULL};

  for (PetscInt k = 0; yes[k]; k++)
    if (!strcmp(yes[k], word)) return "true";
  for (PetscInt k = 0; no[k]; k++)
    if (!strcmp(no[k], word)) return "false";
  return NULL;
}

PetscErrorCode ReadWord(TesDeck deck, const char *const words[], const char shown[], TesNode node, const char also[], PetscInt *index)
{
  const char *near = NULL;
  Text        what = {0};
  char       *hint = NULL;

  PetscFunctionBegin;
  *index = -1;
  for (PetscInt k = 0; words && words[k] && node->type == NODE_SCALAR; k++)
    if (!strcmp(words[k], node->text)) *index = k;
  if (*index >= 0) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TextAdd(&what, "not %s", also));
  for (PetscInt k = 0; words && words[k]; k++) PetscCall(TextAdd(&what, "%s%s", k || also[0] ? (words[k + 1] ? ", " : " or ") : "", words[k]));
  if (words && node->type == NODE_SCALAR) near = words == booleans && Truth(node->text) ? Truth(node->text) : TesNearest(node->text, words);
  if (near) PetscCall(TesFormat(&hint, "did you mean `%s`?", near));
  PetscCall(WrongValue(deck, shown, node, what.text, hint));
  PetscCall(PetscFree(what.text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ReadNumber(TesDeck deck, const TesKey *key, const char shown[], TesNode node, PetscBool whole, PetscInt64 *integer, PetscReal *real)
{
  const char *wrong;

  PetscFunctionBegin;
  if (node->type != NODE_SCALAR) {
    PetscCall(WrongValue(deck, shown, node, node->type == NODE_LIST ? "a list where one number is wanted" : "a section where a number is wanted", NULL));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (key->type == TES_KEY_DURATION) wrong = TesReadDuration(node->text, real); /* many quote "01:30:00" by habit */
  else if (node->quoted) wrong = "text in quotes where a number is wanted";
  else if (whole) {
    wrong = TesReadInt(node->text, integer);
    *real = (PetscReal)*integer;
  } else wrong = TesReadReal(node->text, real);
  if (!wrong && whole && key->type != TES_KEY_INT64 && (*integer > PETSC_MAX_INT || *integer < PETSC_MIN_INT)) wrong = "too large a number";
  if (wrong) PetscCall(WrongValue(deck, shown, node, wrong, NULL));
  else PetscCall(CheckRange(deck, key, shown, node, *real));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ReadExpr(TesDeck deck, const TesKey *key, const char shown[], TesNode node, TesExpr *expr)
{
  PetscInt column = 0;
  char     message[512], *text;
  size_t   rest;

  PetscFunctionBegin;
  *expr = NULL;
  if (node->type != NODE_SCALAR) {
    PetscCall(WrongValue(deck, shown, node, node->type == NODE_LIST ? "a list where one expression is wanted" : "a section where an expression is wanted", NULL));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesExprParse(node->text, key->variables ? key->variables : "", expr, &column, message, sizeof message));
  if (*expr) {
    PetscCall(DeckKeepExpr(deck, *expr));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /* on several lines the column of the text is none of the deck: the characters there say where */
  rest = strcspn(node->text + column, "\n");
  if (node->block && rest) PetscCall(TesFormat(&text, "expression `%s`: %s (at `%.*s%s`)", shown, message, (int)PetscMin(rest, 20), node->text + column, rest > 20 ? "..." : ""));
  else PetscCall(TesFormat(&text, "expression `%s`: %s", shown, message));
  PetscCall(DeckComplainAt(deck, node->source, node->line, node->column + (node->block ? 0 : column + (node->quoted ? 1 : 0)), 1, text, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadFile(TesDeck deck, const char shown[], TesNode node, const char **path)
{
  char        joined[PETSC_MAX_PATH_LEN], what[PETSC_MAX_PATH_LEN + 64];
  struct stat status;

  PetscFunctionBegin;
  if (node->type != NODE_SCALAR || !node->text[0]) {
    PetscCall(WrongValue(deck, shown, node, "no file name", NULL));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (node->text[0] == '/' || !strcmp(deck->folder, ".")) snprintf(joined, sizeof joined, "%s", node->text);
  else snprintf(joined, sizeof joined, "%s%s%s", deck->folder, strcmp(deck->folder, "/") ? "/" : "", node->text);
  PetscCall(DeckString(deck, joined, strlen(joined), path));
  what[0] = 0;
  if (stat(joined, &status)) snprintf(what, sizeof what, "not there (looked for %s)", joined);
  else if (!S_ISREG(status.st_mode)) snprintf(what, sizeof what, "no plain file (%s)", joined);
  else if (access(joined, R_OK)) snprintf(what, sizeof what, "not readable by you (%s)", joined);
  if (what[0]) PetscCall(WrongValue(deck, shown, node, what, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadMap(TesDeck deck, const char shown[], TesNode node, TesMap *map)
{
  PetscFunctionBegin;
  if (node->type == NODE_SCALAR && !node->text[0]) PetscFunctionReturn(PETSC_SUCCESS);
  if (node->type != NODE_MAP) {
    PetscCall(WrongValue(deck, shown, node, "no map of names and values", NULL));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  map->n = node->n;
  PetscCall(DeckAlloc(deck, (size_t)PetscMax(node->n, 1) * sizeof *map->name, &map->name));
  PetscCall(DeckAlloc(deck, (size_t)PetscMax(node->n, 1) * sizeof *map->value, &map->value));
  for (PetscInt i = 0; i < node->n; i++) {
    map->name[i]  = node->key[i]->text;
    map->value[i] = node->item[i];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a word of the choices, or a number */
static PetscErrorCode ReadEither(TesDeck deck, const TesKey *key, const char shown[], TesNode node, PetscInt *word, PetscInt64 *integer, PetscReal *real)
{
  PetscBool whole = key->type == TES_KEY_INT_OR ? PETSC_TRUE : PETSC_FALSE;

  PetscFunctionBegin;
  *word = -1;
  for (PetscInt k = 0; node->type == NODE_SCALAR && key->choices && key->choices[k]; k++)
    if (!strcmp(key->choices[k], node->text)) *word = k;
  if (*word >= 0) PetscFunctionReturn(PETSC_SUCCESS);
  /* what has no digit was meant as a word */
  if (node->type != NODE_SCALAR || !strpbrk(node->text, "0123456789")) PetscCall(ReadWord(deck, key->choices, shown, node, whole ? "a whole number" : "a number", word));
  else PetscCall(ReadNumber(deck, key, shown, node, whole, integer, real));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ReadValue(TesDeck deck, const TesKey *key, const char shown[], TesNode node, void *member)
{
  PetscInt64 integer = 0;
  PetscReal  real    = 0;
  PetscInt   word    = -1;

  PetscFunctionBegin;
  switch (key->type) {
  case TES_KEY_INT:
    PetscCall(ReadNumber(deck, key, shown, node, PETSC_TRUE, &integer, &real));
    *(PetscInt *)member = (PetscInt)integer;
    break;
  case TES_KEY_INT64: PetscCall(ReadNumber(deck, key, shown, node, PETSC_TRUE, member, &real)); break;
  case TES_KEY_REAL:
  case TES_KEY_DURATION: PetscCall(ReadNumber(deck, key, shown, node, PETSC_FALSE, &integer, member)); break;
  case TES_KEY_BOOL:
    PetscCall(ReadWord(deck, booleans, shown, node, "", &word));
    *(PetscBool *)member = word == 1 ? PETSC_TRUE : PETSC_FALSE;
    break;
  case TES_KEY_ENUM:
    PetscCall(ReadWord(deck, key->choices, shown, node, "", &word));
    *(int *)member = (int)PetscMax(word, 0);
    break;
  case TES_KEY_STRING:
    if (node->type != NODE_SCALAR) PetscCall(WrongValue(deck, shown, node, "no plain text", NULL));
    else *(const char **)member = node->text;
    break;
  case TES_KEY_FILE: PetscCall(ReadFile(deck, shown, node, member)); break;
  case TES_KEY_EXPR: PetscCall(ReadExpr(deck, key, shown, node, member)); break;
  case TES_KEY_INT_OR:
    PetscCall(ReadEither(deck, key, shown, node, &word, &integer, &real));
    *(TesIntOr *)member = (TesIntOr){word, (PetscInt)integer};
    break;
  case TES_KEY_REAL_OR:
    PetscCall(ReadEither(deck, key, shown, node, &word, &integer, &real));
    *(TesRealOr *)member = (TesRealOr){word, real};
    break;
  case TES_KEY_MAP: PetscCall(ReadMap(deck, shown, node, member)); break;
  case TES_KEY_NODE: *(TesNode *)member = node; break;
  default: PetscCall(ReadList(deck, key, shown, node, member)); break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
