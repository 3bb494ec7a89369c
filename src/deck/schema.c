/* Tables of keys against the nodes of a deck: what is unknown, what is missing, what has no effect, and every value into its struct. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "deck_impl.h"

#define MAX_NAMES 256

const TesKey *FindKey(PetscInt n_tables, const TesKeyTable tables[], const char path[])
{
  for (PetscInt t = 0; t < n_tables; t++)
    for (const TesKey *key = tables[t].keys; key->type; key++)
      if (key->type != TES_KEY_SECTION && !strcmp(key->path, path)) return key;
  return NULL;
}

static PetscBool IsSection(PetscInt n_tables, const TesKeyTable tables[], const char path[])
{
  size_t n = strlen(path);

  for (PetscInt t = 0; t < n_tables; t++)
    for (const TesKey *key = tables[t].keys; key->type; key++)
      if (!strncmp(key->path, path, n) && (key->path[n] == '.' || (!key->path[n] && key->type == TES_KEY_SECTION))) return PETSC_TRUE;
  return PETSC_FALSE;
}

void NextName(const TesKey *key, const char prefix[], char name[64], PetscBool *deeper)
{
  size_t skip = strlen(prefix), n;

  name[0] = 0;
  if (strncmp(key->path, prefix, skip)) return;
  n       = strcspn(key->path + skip, ".");
  *deeper = key->path[skip + n] || key->type == TES_KEY_SECTION ? PETSC_TRUE : PETSC_FALSE;
  snprintf(name, 64, "%.*s", (int)n, key->path + skip);
}

/* ---- unknown keys ---- */

static int ByName(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names that may stand below a prefix ("" or "solver."), in the order of the alphabet. */
static PetscInt KnownNames(PetscInt n_tables, const TesKeyTable tables[], const char prefix[], char names[MAX_NAMES][64], const char *list[MAX_NAMES + 1])
{
  PetscInt n = 0;

  for (PetscInt t = 0; t < n_tables; t++) {
    for (const TesKey *key = tables[t].keys; key->type && n < MAX_NAMES; key++) {
      PetscInt  k = 0;
      PetscBool deeper;

      NextName(key, prefix, names[n], &deeper);
      while (k < n && strcmp(names[k], names[n])) k++;
      if (k == n && names[n][0]) n++;
    }
  }
  for (PetscInt k = 0; k < n; k++) list[k] = names[k];
  list[n] = NULL;
  if (n > 1) qsort(list, (size_t)n, sizeof *list, ByName);
  return n;
}

/* the one key elsewhere in the deck that has this name, if there is just one */
static const TesKey *Elsewhere(PetscInt n_tables, const TesKeyTable tables[], const char name[])
{
  const TesKey *found = NULL;

  for (PetscInt t = 0; t < n_tables; t++)
    for (const TesKey *key = tables[t].keys; key->type; key++) {
      const char *last = strrchr(key->path, '.');

      if (key->type == TES_KEY_SECTION || strcmp(last ? last + 1 : key->path, name)) continue;
      if (found) return NULL;
      found = key;
    }
  return found;
}

static PetscErrorCode ComplainOneUnknown(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[], TesNode key, const char prefix[], const char path[], const char shown[])
{
  const char   *list[MAX_NAMES + 1], *near, *name = key->text;
  char(*names)[64], *message;
  const TesKey *other;
  Text          hint = {0};

  PetscFunctionBegin;
  if (DeckCountOnly(deck)) PetscFunctionReturn(PETSC_SUCCESS);
  other = Elsewhere(n_tables, tables, name);
  PetscCall(TesFormat(&message, "unknown key `%.60s`%s%s%s", name, shown[0] ? " in section `" : "", shown, shown[0] ? "`" : ""));
  PetscCall(PetscMalloc1(MAX_NAMES, &names));
  KnownNames(n_tables, tables, prefix, names, list);
  near = TesNearest(name, list);
  if (strchr(name, '.') && FindKey(n_tables, tables, path)) {
    const char *last = strrchr(name, '.') + 1;

    PetscCall(TextAdd(&hint, "a section is written `%.*s: {%s: ...}`; dots are for --set", (int)(last - 1 - name), name, last));
  } else if (other && (!near || strcmp(other->path, near))) {
    PetscCall(TextAdd(&hint, "did you mean `%s`?", other->path));
  } else {
    if (near) PetscCall(TextAdd(&hint, "did you mean `%s`?  ", near));
    PetscCall(TextAdd(&hint, "(known: "));
    for (PetscInt k = 0; list[k]; k++) PetscCall(TextAdd(&hint, "%s%s", k ? ", " : "", list[k]));
    PetscCall(TextAdd(&hint, ")"));
  }
  PetscCall(PetscFree(names));
  PetscCall(DeckComplain(deck, key, message, hint.text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Unknown(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[], TesNode node, const char prefix[], const char shown[])
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < node->n; i++) {
    TesNode key = node->key[i], value = node->item[i];
    char    path[256];

    snprintf(path, sizeof path, "%s%s", prefix, key->text);
    if (strchr(key->text, '.') || !(FindKey(n_tables, tables, path) || IsSection(n_tables, tables, path))) {
      if (node != deck->root || strcmp(path, "problem")) PetscCall(ComplainOneUnknown(deck, n_tables, tables, key, prefix, path, shown));
    } else if (!FindKey(n_tables, tables, path)) {
      if (value->type == NODE_MAP) {
        char below[256], name[256];

        snprintf(below, sizeof below, "%.250s.", path);
        snprintf(name, sizeof name, "%.120s%s%.120s", shown, shown[0] ? "." : "", key->text);
        PetscCall(Unknown(deck, n_tables, tables, value, below, name));
      } else if (value->type != NODE_SCALAR || value->text[0]) {
        char *message, *hint = NULL;

        PetscCall(TesFormat(&message, "`%.60s` is a section: its keys stand below it, indented", key->text));
        if (value->type == NODE_SCALAR && !value->quoted && strchr(value->text, ':')) PetscCall(TesFormat(&hint, "a blank belongs behind the `:`"));
        PetscCall(DeckComplain(deck, value, message, hint));
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ComplainUnknown(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[], TesNode node, const char shown[])
{
  PetscFunctionBegin;
  PetscCall(Unknown(deck, n_tables, tables, node, "", shown));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- values ---- */

/* A default as a node. Plain words and numbers, the usual case, need no parser; others are kept, since a list of many items asks again and again. */
PetscErrorCode FallbackNode(TesDeck deck, const TesKey *key, TesNode *node)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-";
  const char       *text    = key->fallback;
  size_t            slot    = ((size_t)key / sizeof *key) % (sizeof deck->fallback / sizeof deck->fallback[0]);

  PetscFunctionBegin;
  if (deck->fallback[slot].key == key) {
    *node = deck->fallback[slot].node;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  *node = NULL;
  if (text[0] && text[strspn(text, plain)] && strcmp(text, "\"\"")) PetscCall(DeckParseYaml(deck, -1, text, strlen(text), node));
  if (!*node) {
    PetscCall(NodeCreate(deck, NODE_SCALAR, NULL, node));
    (*node)->quoted = text[0] && strcmp(text, "\"\"") ? PETSC_FALSE : PETSC_TRUE;
    if (!(*node)->quoted) PetscCall(DeckString(deck, text, strlen(text), &(*node)->text));
  }
  deck->fallback[slot].key  = key;
  deck->fallback[slot].node = *node;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a required key that is not there is complained of at its section, or at what holds the sections */
static PetscErrorCode ComplainMissing(TesDeck deck, const TesKey *key, const char shown[], TesNode base)
{
  const char *dot   = strrchr(key->path, '.');
  TesNode     place = NULL, node;
  char       *message, section[256];

  PetscFunctionBegin;
  snprintf(section, sizeof section, "%.*s", dot ? (int)(dot - key->path) : 0, key->path);
  node = section[0] ? NodeFind(base, section, &place) : NULL;
  if (!node) place = base;
  else if (node->type == NODE_LIST || (node->type == NODE_SCALAR && node->text[0])) PetscFunctionReturn(PETSC_SUCCESS); /* no section at all: that is complained of */
  PetscCall(TesFormat(&message, "`%s` is missing: %s", shown, key->help ? key->help : ""));
  PetscCall(DeckComplain(deck, place, message, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadKey(TesDeck deck, const TesKey *keys, const TesKey *key, TesNode base, const char prefix[], void *member)
{
  TesNode place = NULL, node = NodeFind(base, key->path, &place);
  Applies applies = KeyApplies(keys, key, base);
  char    shown[256], *message;

  PetscFunctionBegin;
  snprintf(shown, sizeof shown, "%.120s%s%.120s", prefix, prefix[0] ? "." : "", key->path);
  if (applies == APPLIES_NO) {
    if (node) PetscCall(ComplainNoEffect(deck, keys, key, base, prefix, place));
    node = NULL;
  }
  if (node && node->type == NODE_SCALAR && !node->text[0] && !node->quoted && key->type != TES_KEY_MAP) {
    PetscCall(TesFormat(&message, "`%s` has no value", shown));
    PetscCall(DeckComplain(deck, place, message, NULL));
    node = NULL;
  } else if (!node && !key->fallback && !key->optional && applies == APPLIES_YES) {
    PetscCall(ComplainMissing(deck, key, shown, base));
  }
  if (!node && key->fallback) PetscCall(FallbackNode(deck, key, &node));
  if (node) PetscCall(ReadValue(deck, key, shown, node, member));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ReadTable(TesDeck deck, const TesKey *keys, TesNode base, const char prefix[], void *target)
{
  PetscFunctionBegin;
  for (const TesKey *key = keys; key->type; key++)
    if (key->type != TES_KEY_SECTION) PetscCall(ReadKey(deck, keys, key, base, prefix, (char *)target + key->offset));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ReadItems(TesDeck deck, const TesKey *key, const char shown[], TesNode node, TesItems *items)
{
  PetscFunctionBegin;
  if (node->type != NODE_LIST) {
    PetscCall(WrongValue(deck, shown, node, "no list (items begin with `-`)", NULL));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  items->n = node->n;
  PetscCall(DeckAlloc(deck, PetscMax((size_t)node->n * key->item_size, 1), &items->item));
  for (PetscInt i = 0; i < node->n; i++) {
    char        name[256];
    TesKeyTable table = {key->item_keys, (char *)items->item + (size_t)i * key->item_size};

    snprintf(name, sizeof name, "%.200s[%d]", shown, (int)i);
    if (node->item[i]->type != NODE_MAP) {
      PetscCall(WrongValue(deck, name, node->item[i], "no map of keys", NULL));
      continue;
    }
    PetscCall(ComplainUnknown(deck, 1, &table, node->item[i], name));
    PetscCall(ReadTable(deck, key->item_keys, node->item[i], name, table.target));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
