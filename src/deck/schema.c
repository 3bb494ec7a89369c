/* Which keys a deck may have: lookup by path, conditions, and what is unknown. */
#include <stdio.h>
#include <string.h>
#include "deck_impl.h"

#define MAX_NAMES 256

const TesKey *FindKey(PetscInt n_tables, const TesKeyTable tables[], const char path[], PetscInt *table)
{
  for (PetscInt t = 0; t < n_tables; t++)
    for (const TesKey *key = tables[t].keys; key->type; key++)
      if (key->type != TES_KEY_SECTION && !strcmp(key->path, path)) {
        if (table) *table = t;
        return key;
      }
  return NULL;
}

/* The word that a condition looks at: what the deck gives, else the default. */
static const char *Word(const TesKey *keys, const char path[], TesNode base)
{
  TesNode node = base ? NodeFind(base, path) : NULL;

  if (node) return node->type == NODE_SCALAR ? node->text : "";
  for (const TesKey *key = keys; key->type; key++)
    if (key->type != TES_KEY_SECTION && !strcmp(key->path, path)) return key->fallback ? key->fallback : "";
  return "";
}

static PetscBool OneHolds(const TesKey *keys, const char condition[], TesNode base)
{
  const char *equals = strchr(condition, '=');
  char        path[128], words[256], *rest = NULL;
  const char *have;

  snprintf(path, sizeof path, "%.*s", (int)(equals - condition), condition);
  snprintf(words, sizeof words, "%s", equals + 1);
  have = Word(keys, path, base);
  for (char *word = strtok_r(words, "|", &rest); word; word = strtok_r(NULL, "|", &rest))
    if (!strcmp(word, have)) return PETSC_TRUE;
  return PETSC_FALSE;
}

PetscBool KeyApplies(const TesKey *keys, const TesKey *key, TesNode base)
{
  char copy[512], *rest = NULL;

  if (!key->when) return PETSC_TRUE;
  snprintf(copy, sizeof copy, "%s", key->when);
  for (char *one = strtok_r(copy, "& ", &rest); one; one = strtok_r(NULL, "& ", &rest))
    if (!OneHolds(keys, one, base)) return PETSC_FALSE;
  return PETSC_TRUE;
}

/* The names that may stand below a prefix ("" or "solver."): the next word of every path that begins with it. */
static void KnownNames(PetscInt n_tables, const TesKeyTable tables[], const char prefix[], char names[MAX_NAMES][64], const char *list[MAX_NAMES + 1])
{
  size_t   skip = strlen(prefix);
  PetscInt n    = 0;

  if (!skip) snprintf(names[n++], 64, "problem");
  for (PetscInt t = 0; t < n_tables; t++) {
    for (const TesKey *key = tables[t].keys; key->type; key++) {
      const char *rest = key->path + skip, *dot;
      PetscInt    k    = 0;

      if (strncmp(key->path, prefix, skip)) continue;
      dot = strchr(rest, '.');
      if (n == MAX_NAMES) break;
      snprintf(names[n], 64, "%.*s", dot ? (int)(dot - rest) : (int)strlen(rest), rest);
      while (k < n && strcmp(names[k], names[n])) k++;
      if (k == n) n++;
    }
  }
  for (PetscInt k = 0; k < n; k++) list[k] = names[k];
  list[n] = NULL;
}

PetscErrorCode ComplainUnknown(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[], TesNode node, const char prefix[], const char shown[])
{
  char(*names)[64];
  const char *list[MAX_NAMES + 1];

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(MAX_NAMES, &names));
  KnownNames(n_tables, tables, prefix, names, list);
  for (PetscInt i = 0; i < node->n; i++) {
    char      path[256];
    TesNode   key   = node->key[i];
    PetscBool known = PETSC_FALSE;

    for (PetscInt k = 0; list[k]; k++)
      if (!strcmp(list[k], key->text)) known = PETSC_TRUE;
    snprintf(path, sizeof path, "%s%s", prefix, key->text);
    if (!known) {
      const char *near = TesNearest(key->text, list);
      Text        hint = {0};
      char       *message;

      if (shown[0]) PetscCall(TesFormat(&message, "unknown key `%.60s` in section `%s`", key->text, shown));
      else PetscCall(TesFormat(&message, "unknown key `%.60s`", key->text));
      if (near) PetscCall(TextAdd(&hint, "did you mean `%s`?  ", near));
      PetscCall(TextAdd(&hint, "(known:"));
      for (PetscInt k = 0; list[k]; k++) PetscCall(TextAdd(&hint, "%s %s", k ? "," : "", list[k]));
      PetscCall(TextAdd(&hint, ")"));
      PetscCall(DeckComplain(deck, key, message, hint.text));
    } else if (!FindKey(n_tables, tables, path, NULL) && strcmp(path, "problem")) {
      /* a section */
      if (node->item[i]->type == NODE_MAP) {
        char below[256], name[256];

        snprintf(below, sizeof below, "%.250s.", path);
        snprintf(name, sizeof name, "%.120s%s%.120s", shown, shown[0] ? "." : "", key->text);
        PetscCall(ComplainUnknown(deck, n_tables, tables, node->item[i], below, name));
      } else if (node->item[i]->type != NODE_SCALAR || node->item[i]->text[0]) {
        char *message;

        PetscCall(TesFormat(&message, "`%.60s` is a section: its keys stand below it, indented", key->text));
        PetscCall(DeckComplain(deck, node->item[i], message, NULL));
      }
    }
  }
  PetscCall(PetscFree(names));
  PetscFunctionReturn(PETSC_SUCCESS);
}
