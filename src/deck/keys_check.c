/* Is a table of keys itself in order? For the tests of every kind: a mistake in a table would be a mistake in every deck. */
#include <string.h>
#include "deck_impl.h"

/* lower case words, digits and underscores, joined by dots */
static PetscBool GoodPath(const char path[])
{
  const char *dot = strstr(path, "..");

  return path[0] && !path[strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789_.")] && path[0] != '.' && !dot && path[strlen(path) - 1] != '.' ? PETSC_TRUE : PETSC_FALSE;
}

/* the default goes the way of a user's value */
static PetscErrorCode CheckFallback(const TesKey *key, Text *faults)
{
  _Alignas(16) char member[64] = {0}; /* as large as any value; items live in the deck */
  TesDeck     deck;
  PetscInt    n;
  const char *text;
  TesNode     node;

  PetscFunctionBegin;
  if (!key->fallback) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesDeckCreateText(PETSC_COMM_SELF, "default", strlen("problem: none"), "problem: none", &deck));
  PetscCall(FallbackNode(deck, key, &node));
  PetscCall(ReadValue(deck, key, key->path, node, member));
  PetscCall(TesDeckComplaints(deck, &n, &text));
  if (n) PetscCall(TextAdd(faults, "%s: default `%s`: %s", key->path, key->fallback, text));
  PetscCall(TesDeckDestroy(&deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckTable(const TesKey *keys, Text *faults);

static PetscErrorCode CheckKey(const TesKey *keys, const TesKey *key, Text *faults)
{
  PetscBool       needs_words = key->type == TES_KEY_ENUM || key->type == TES_KEY_ENUMS || key->type == TES_KEY_INT_OR || key->type == TES_KEY_REAL_OR ? PETSC_TRUE : PETSC_FALSE;
  const TesRange *r           = &key->range;

  PetscFunctionBegin;
  if (!key->help || !key->help[0]) PetscCall(TextAdd(faults, "%s has no help\n", key->path));
  else if (strchr(key->help, '\n')) PetscCall(TextAdd(faults, "%s: help has more than one line\n", key->path));
  if (!GoodPath(key->path)) PetscCall(TextAdd(faults, "%s is no snake_case path\n", key->path));
  if (key->type == TES_KEY_SECTION) PetscFunctionReturn(PETSC_SUCCESS);
  if (!strcmp(key->path, "problem")) PetscCall(TextAdd(faults, "problem is the deck's own key\n"));
  if (needs_words && (!key->choices || !key->choices[0])) PetscCall(TextAdd(faults, "%s has no choices\n", key->path));
  if (key->type == TES_KEY_ITEMS && (!key->item_keys || !key->item_size)) PetscCall(TextAdd(faults, "%s has no table of its items\n", key->path));
  if ((key->type == TES_KEY_EXPR || key->type == TES_KEY_EXPRS) && !key->variables) PetscCall(TextAdd(faults, "%s has no variables (\"\" if none)\n", key->path));
  if (key->fallback && key->optional) PetscCall(TextAdd(faults, "%s has a default and is optional\n", key->path));
  if (key->max_items && key->min_items > key->max_items) PetscCall(TextAdd(faults, "%s wants at least %d and at most %d items\n", key->path, (int)key->min_items, (int)key->max_items));
  if (r->has_low && r->has_high && r->low > r->high) PetscCall(TextAdd(faults, "%s has an empty range\n", key->path));
  for (const TesKey *other = keys; other->type; other++) {
    size_t n = strlen(key->path);

    if (other->type == TES_KEY_SECTION) continue;
    if (other < key && !strcmp(other->path, key->path)) PetscCall(TextAdd(faults, "%s stands twice\n", key->path));
    if (!strncmp(other->path, key->path, n) && other->path[n] == '.') PetscCall(TextAdd(faults, "%s is a key and a section (%s)\n", key->path, other->path));
  }
  PetscCall(CheckCondition(keys, key, faults));
  PetscCall(CheckFallback(key, faults));
  if (key->item_keys) PetscCall(CheckTable(key->item_keys, faults));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckTable(const TesKey *keys, Text *faults)
{
  PetscFunctionBegin;
  for (const TesKey *key = keys; key->type; key++) PetscCall(CheckKey(keys, key, faults));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a key of one table must not be another table's key or section */
static PetscErrorCode CheckAcross(PetscInt n_tables, const TesKey *const tables[], Text *faults)
{
  PetscFunctionBegin;
  for (PetscInt a = 0; a < n_tables; a++)
    for (PetscInt b = 0; b < n_tables; b++)
      for (const TesKey *x = tables[a]; a != b && x->type; x++)
        for (const TesKey *y = tables[b]; y->type; y++) {
          size_t n = strlen(x->path);

          if (x->type == TES_KEY_SECTION || y->type == TES_KEY_SECTION || strncmp(x->path, y->path, n)) continue;
          if (y->path[n] == '.' || (!y->path[n] && a < b)) PetscCall(TextAdd(faults, "%s stands in two tables (%s)\n", x->path, y->path));
        }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKeysCheck(PetscInt n_tables, const TesKey *const tables[], char **faults)
{
  Text out = {0};

  PetscFunctionBegin;
  PetscCall(TextAddBytes(&out, "", 0));
  for (PetscInt t = 0; t < n_tables; t++) PetscCall(CheckTable(tables[t], &out));
  PetscCall(CheckAcross(n_tables, tables, &out));
  *faults = out.text;
  PetscFunctionReturn(PETSC_SUCCESS);
}
