/* One value of one key: from its node into the struct, with every check that the table asks for, and back into text. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "deck_impl.h"

static const char *const booleans[] = {"false", "true", NULL};

/* "`dt: 3.0` is <what>" at the value's place */
static PetscErrorCode Wrong(TesDeck deck, const char shown[], TesNode node, const char what[], char *hint)
{
  char *message;

  PetscFunctionBegin;
  if (node->type == NODE_SCALAR) PetscCall(TesFormat(&message, "`%s: %.60s` is %s", shown, node->text, what));
  else PetscCall(TesFormat(&message, "`%s` is %s", shown, what));
  PetscCall(DeckComplain(deck, node, message, hint));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckRange(TesDeck deck, const TesKey *key, const char shown[], TesNode node, PetscReal value)
{
  const TesRange *r = &key->range;
  char            what[160], low[40] = "", high[40] = "";

  PetscFunctionBegin;
  if (!(r->has_low && (value < r->low || (r->low_open && value <= r->low))) && !(r->has_high && (value > r->high || (r->high_open && value >= r->high))))
    PetscFunctionReturn(PETSC_SUCCESS);
  PrintReal(r->low, low);
  PrintReal(r->high, high);
  if (r->has_low && r->has_high) snprintf(what, sizeof what, "out of range: must be %s %s and %s %s", r->low_open ? "above" : "at least", low, r->high_open ? "below" : "at most", high);
  else if (r->has_low) snprintf(what, sizeof what, "out of range: must be %s %s", r->low_open ? "above" : "at least", low);
  else snprintf(what, sizeof what, "out of range: must be %s %s", r->high_open ? "below" : "at most", high);
  PetscCall(Wrong(deck, shown, node, what, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadWord(TesDeck deck, const char *const words[], const char shown[], TesNode node, const char also[], PetscInt *index)
{
  const char *near;
  Text        what = {0};
  char       *hint = NULL;

  PetscFunctionBegin;
  *index = -1;
  for (PetscInt k = 0; words && words[k] && node->type == NODE_SCALAR; k++)
    if (!strcmp(words[k], node->text)) *index = k;
  if (*index >= 0) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TextAdd(&what, "not %s", also));
  for (PetscInt k = 0; words && words[k]; k++) PetscCall(TextAdd(&what, "%s%s", k || also[0] ? (words[k + 1] ? ", " : " or ") : "", words[k]));
  near = words && node->type == NODE_SCALAR ? TesNearest(node->text, words) : NULL;
  if (near) PetscCall(TesFormat(&hint, "did you mean `%s`?", near));
  PetscCall(Wrong(deck, shown, node, what.text, hint));
  PetscCall(PetscFree(what.text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadNumber(TesDeck deck, const TesKey *key, const char shown[], TesNode node, PetscBool whole, PetscInt64 *integer, PetscReal *real)
{
  const char *wrong;

  PetscFunctionBegin;
  if (node->type != NODE_SCALAR) {
    PetscCall(Wrong(deck, shown, node, "a list or section, one number is wanted", NULL));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (key->type == TES_KEY_DURATION) wrong = ReadDuration(node->text, real);
  else if (whole) {
    wrong = ReadInt(node->text, integer);
    *real = (PetscReal)*integer;
  } else wrong = ReadReal(node->text, real);
  if (!wrong && whole && key->type != TES_KEY_INT64 && (*integer > PETSC_MAX_INT || *integer < PETSC_MIN_INT)) wrong = "too large a number";
  if (wrong) PetscCall(Wrong(deck, shown, node, wrong, NULL));
  else PetscCall(CheckRange(deck, key, shown, node, *real));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadExpr(TesDeck deck, const TesKey *key, const char shown[], TesNode node, TesExpr *expr)
{
  PetscInt column = 0;
  char     message[512], *text;

  PetscFunctionBegin;
  *expr = NULL;
  if (node->type != NODE_SCALAR) {
    PetscCall(Wrong(deck, shown, node, "a list or section, one expression is wanted", NULL));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesExprParse(node->text, key->variables ? key->variables : "", expr, &column, message, sizeof message));
  if (*expr) {
    PetscCall(DeckKeepExpr(deck, *expr));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesFormat(&text, "expression `%s`: %s", shown, message));
  PetscCall(DeckComplainAt(deck, node->source, node->line, node->column + column + (node->quoted ? 1 : 0), 1, text, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadFile(TesDeck deck, const char shown[], TesNode node, const char **path)
{
  char        joined[PETSC_MAX_PATH_LEN];
  struct stat status;

  PetscFunctionBegin;
  if (node->type != NODE_SCALAR || !node->text[0]) {
    PetscCall(Wrong(deck, shown, node, "no file name", NULL));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (node->text[0] == '/') snprintf(joined, sizeof joined, "%s", node->text);
  else snprintf(joined, sizeof joined, "%s/%s", deck->folder, node->text);
  PetscCall(DeckString(deck, joined, strlen(joined), path));
  if (stat(joined, &status)) PetscCall(Wrong(deck, shown, node, "not there (files are looked for beside the deck)", NULL));
  else if (!S_ISREG(status.st_mode)) PetscCall(Wrong(deck, shown, node, "no plain file", NULL));
  else if (access(joined, R_OK)) PetscCall(Wrong(deck, shown, node, "not readable by you", NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadMap(TesDeck deck, const char shown[], TesNode node, TesMap *map)
{
  PetscFunctionBegin;
  if (node->type == NODE_SCALAR && !node->text[0]) PetscFunctionReturn(PETSC_SUCCESS);
  if (node->type != NODE_MAP) {
    PetscCall(Wrong(deck, shown, node, "no map of names and values", NULL));
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

static PetscErrorCode ReadItems(TesDeck deck, const TesKey *key, const char shown[], TesNode node, TesItems *items)
{
  PetscFunctionBegin;
  if (node->type != NODE_LIST) {
    PetscCall(Wrong(deck, shown, node, "no list (items begin with `-`)", NULL));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  items->n = node->n;
  PetscCall(DeckAlloc(deck, PetscMax((size_t)node->n * key->item_size, 1), &items->item));
  for (PetscInt i = 0; i < node->n; i++) {
    char        name[256];
    TesKeyTable table = {key->item_keys, (char *)items->item + (size_t)i * key->item_size};

    snprintf(name, sizeof name, "%.200s[%d]", shown, (int)i);
    if (node->item[i]->type != NODE_MAP) {
      PetscCall(Wrong(deck, name, node->item[i], "no map of keys", NULL));
      continue;
    }
    PetscCall(ComplainUnknown(deck, 1, &table, node->item[i], "", name));
    PetscCall(ReadTable(deck, key->item_keys, node->item[i], name, table.target, node->item[i]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static size_t ElementSize(TesKeyType type)
{
  return type == TES_KEY_REALS ? sizeof(PetscReal) : type == TES_KEY_STRINGS ? sizeof(char *) : type == TES_KEY_EXPRS ? sizeof(TesExpr) : sizeof(PetscInt);
}

/* a scalar is a list of one */
static PetscErrorCode ReadList(TesDeck deck, const TesKey *key, const char shown[], TesNode node, TesInts *list)
{
  PetscInt n    = node->type == NODE_LIST ? node->n : 1;
  size_t   each = ElementSize(key->type);
  char    *data;

  PetscFunctionBegin;
  if (node->type == NODE_MAP) {
    PetscCall(Wrong(deck, shown, node, "a section, a list is wanted", NULL));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if ((key->min_items && n < key->min_items) || (key->max_items && n > key->max_items)) {
    char what[128];

    if (key->min_items == key->max_items) snprintf(what, sizeof what, "a list of %d, %d wanted", (int)n, (int)key->min_items);
    else snprintf(what, sizeof what, "a list of %d, at least %d%s wanted", (int)n, (int)key->min_items, key->max_items ? " and not so many" : "");
    PetscCall(Wrong(deck, shown, node, what, NULL));
  }
  PetscCall(DeckAlloc(deck, PetscMax(n, 1) * each, &data));
  list->n = n;
  list->v = (PetscInt *)data;
  for (PetscInt i = 0; i < n; i++) {
    TesNode item = node->type == NODE_LIST ? node->item[i] : node;
    char    name[256];
    void   *member = data + (size_t)i * each;

    if (node->type == NODE_LIST) snprintf(name, sizeof name, "%.200s[%d]", shown, (int)i);
    else snprintf(name, sizeof name, "%.200s", shown);
    if (key->type == TES_KEY_REALS) {
      PetscInt64 integer;

      PetscCall(ReadNumber(deck, key, name, item, PETSC_FALSE, &integer, member));
    } else if (key->type == TES_KEY_INTS) {
      PetscInt64 integer = 0;
      PetscReal  real;

      PetscCall(ReadNumber(deck, key, name, item, PETSC_TRUE, &integer, &real));
      *(PetscInt *)member = (PetscInt)integer;
    } else if (key->type == TES_KEY_ENUMS) {
      PetscCall(ReadWord(deck, key->choices, name, item, "", member));
    } else if (key->type == TES_KEY_EXPRS) {
      PetscCall(ReadExpr(deck, key, name, item, member));
    } else if (item->type != NODE_SCALAR) {
      PetscCall(Wrong(deck, name, item, "no plain text", NULL));
    } else {
      *(const char **)member = item->text;
    }
  }
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
    if (node->type != NODE_SCALAR) PetscCall(Wrong(deck, shown, node, "no plain text", NULL));
    else *(const char **)member = node->text;
    break;
  case TES_KEY_FILE: PetscCall(ReadFile(deck, shown, node, member)); break;
  case TES_KEY_EXPR: PetscCall(ReadExpr(deck, key, shown, node, member)); break;
  case TES_KEY_INT_OR:
  case TES_KEY_REAL_OR: {
    TesIntOr  *whole = member;
    TesRealOr *any   = member;
    PetscBool  is_int = key->type == TES_KEY_INT_OR ? PETSC_TRUE : PETSC_FALSE;

    for (PetscInt k = 0; node->type == NODE_SCALAR && key->choices && key->choices[k]; k++)
      if (!strcmp(key->choices[k], node->text)) word = k;
    if (word < 0 && (node->type != NODE_SCALAR || (is_int ? ReadInt(node->text, &integer) : ReadReal(node->text, &real)))) {
      PetscCall(ReadWord(deck, key->choices, shown, node, is_int ? "a whole number" : "a number", &word));
    } else if (word < 0) {
      PetscCall(ReadNumber(deck, key, shown, node, is_int, &integer, &real));
    }
    if (is_int) {
      whole->word  = word;
      whole->value = (PetscInt)integer;
    } else {
      any->word  = word;
      any->value = real;
    }
    break;
  }
  case TES_KEY_ITEMS: PetscCall(ReadItems(deck, key, shown, node, member)); break;
  case TES_KEY_MAP: PetscCall(ReadMap(deck, shown, node, member)); break;
  default: PetscCall(ReadList(deck, key, shown, node, member)); break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadFallback(TesDeck deck, const TesKey *key, const char shown[], void *member)
{
  TesNode node;

  PetscFunctionBegin;
  PetscCall(DeckParseYaml(deck, -1, key->fallback, strlen(key->fallback), &node));
  if (!node) {
    PetscCall(NodeCreate(deck, NODE_SCALAR, NULL, &node)); /* an empty text */
    node->source = -1;
    node->line = node->column = node->length = 1;
  }
  PetscCall(ReadValue(deck, key, shown, node, member));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ReadTable(TesDeck deck, const TesKey *keys, TesNode base, const char prefix[], void *target, TesNode place)
{
  PetscFunctionBegin;
  for (const TesKey *key = keys; key->type; key++) {
    TesNode node;
    char    shown[256], *message;

    if (key->type == TES_KEY_SECTION) continue;
    node = NodeFind(base, key->path);
    snprintf(shown, sizeof shown, "%.120s%s%.120s", prefix, prefix[0] ? "." : "", key->path);
    if (node && node->type == NODE_SCALAR && !node->text[0] && !node->quoted && key->type != TES_KEY_MAP) {
      PetscCall(TesFormat(&message, "`%s` has no value", shown));
      PetscCall(DeckComplain(deck, node, message, NULL));
      continue;
    }
    if (!KeyApplies(keys, key, base)) {
      if (node) {
        PetscCall(TesFormat(&message, "`%s` has no effect here; it belongs to %s", shown, key->when));
        PetscCall(DeckComplain(deck, node, message, NULL));
      }
      if (!key->fallback) continue;
    }
    if (node) {
      PetscCall(ReadValue(deck, key, shown, node, (char *)target + key->offset));
    } else if (key->fallback) {
      PetscCall(ReadFallback(deck, key, shown, (char *)target + key->offset));
    } else if (!key->optional) {
      PetscCall(TesFormat(&message, "`%s` is missing: %s", shown, key->help ? key->help : ""));
      PetscCall(DeckComplain(deck, place, message, NULL));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
