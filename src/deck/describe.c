/* The key reference, the template deck, and the check of a table itself. */
#include <stdio.h>
#include <string.h>
#include "deck_impl.h"

static const char *const type_names[] = {"",          "section",    "whole number", "whole number", "number",        "true | false",    "word",             "text",
                                         "file",      "duration",   "expression",   "whole number", "number",        "whole numbers",   "numbers",          "words",
                                         "texts",     "expressions", "list of maps", "map"};

static PetscErrorCode AddChoices(const TesKey *key, Text *out)
{
  PetscFunctionBegin;
  for (PetscInt k = 0; key->choices && key->choices[k]; k++) PetscCall(TextAdd(out, "%s%s", k || key->type == TES_KEY_INT_OR || key->type == TES_KEY_REAL_OR ? " | " : "", key->choices[k]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddRange(const TesRange *r, Text *out)
{
  char low[40], high[40];

  PetscFunctionBegin;
  PrintReal(r->low, low);
  PrintReal(r->high, high);
  if (r->has_low) PetscCall(TextAdd(out, ", %s %s", r->low_open ? ">" : ">=", low));
  if (r->has_high) PetscCall(TextAdd(out, ", %s %s", r->high_open ? "<" : "<=", high));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* "number >= 0 [s], default 300" */
static PetscErrorCode AddFacts(const TesKey *key, Text *out)
{
  PetscFunctionBegin;
  if (key->type == TES_KEY_ENUM || key->type == TES_KEY_ENUMS) PetscCall(AddChoices(key, out));
  else {
    PetscCall(TextAdd(out, "%s", type_names[key->type]));
    PetscCall(AddChoices(key, out));
  }
  if (key->variables) PetscCall(TextAdd(out, " in %s", key->variables));
  PetscCall(AddRange(&key->range, out));
  if (key->unit) PetscCall(TextAdd(out, " [%s]", key->unit));
  if (key->fallback) PetscCall(TextAdd(out, ", default %s", key->fallback));
  else PetscCall(TextAdd(out, key->optional ? ", optional" : ", required"));
  if (key->when) PetscCall(TextAdd(out, "; with %s", key->when));
  if (key->restart_may_change) PetscCall(TextAdd(out, "; may change on restart"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Describe(const TesKey *keys, PetscInt indent, Text *out)
{
  PetscFunctionBegin;
  for (const TesKey *key = keys; key->type; key++) {
    if (key->type == TES_KEY_SECTION) {
      PetscCall(TextAdd(out, "\n%*s%s: %s\n", (int)indent, "", key->path, key->help ? key->help : ""));
      continue;
    }
    PetscCall(TextAdd(out, "%*s%s\n%*s    ", (int)indent + 2, "", key->path, (int)indent + 2, ""));
    PetscCall(AddFacts(key, out));
    PetscCall(TextAdd(out, "\n%*s    %s\n", (int)indent + 2, "", key->help ? key->help : ""));
    if (key->item_keys) PetscCall(Describe(key->item_keys, indent + 4, out));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKeysDescribe(PetscInt n_tables, const TesKey *const tables[], char **text)
{
  Text out = {0};

  PetscFunctionBegin;
  PetscCall(TextAdd(&out, "problem: the kind, first key of the deck\n"));
  for (PetscInt t = 0; t < n_tables; t++) PetscCall(Describe(tables[t], 0, &out));
  *text = out.text;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Template(PetscInt n_tables, const TesKey *const tables[], const char prefix[], PetscInt indent, Text *out)
{
  size_t skip = strlen(prefix);
  Text   done = {0};

  PetscFunctionBegin;
  PetscCall(TextAdd(&done, "|"));
  for (PetscInt t = 0; t < n_tables; t++) {
    for (const TesKey *key = tables[t]; key->type; key++) {
      const char *rest = key->path + skip, *dot;
      char        name[64], mark[80], full[256];

      if (strncmp(key->path, prefix, skip) || key->type == TES_KEY_SECTION) continue;
      dot = strchr(rest, '.');
      if (dot) {
        snprintf(name, sizeof name, "%.*s", (int)(dot - rest), rest);
        snprintf(mark, sizeof mark, "|%s|", name);
        if (strstr(done.text, mark)) continue;
        PetscCall(TextAdd(&done, "%s|", name));
        PetscCall(TextAdd(out, "\n%*s%s:\n", (int)indent, "", name));
        snprintf(full, sizeof full, "%.120s%.60s.", prefix, name);
        PetscCall(Template(n_tables, tables, full, indent + 2, out));
        continue;
      }
      PetscCall(TextAdd(out, "%*s# %s: ", (int)indent, "", key->help ? key->help : ""));
      PetscCall(AddFacts(key, out));
      if (key->fallback && !key->when) PetscCall(TextAdd(out, "\n%*s%s: %s\n", (int)indent, "", rest, key->fallback));
      else PetscCall(TextAdd(out, "\n%*s# %s: %s\n", (int)indent, "", rest, key->fallback ? key->fallback : ""));
    }
  }
  PetscCall(PetscFree(done.text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKeysTemplate(const char kind[], PetscInt n_tables, const TesKey *const tables[], char **text)
{
  Text out = {0};

  PetscFunctionBegin;
  PetscCall(TextAdd(&out, "problem: %s\n\n", kind));
  PetscCall(Template(n_tables, tables, "", 0, &out));
  *text = out.text;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- is a table itself in order? ---- */

static PetscErrorCode CheckTable(const TesKey *keys, Text *faults)
{
  PetscFunctionBegin;
  for (const TesKey *key = keys; key->type; key++) {
    if (!key->help || !key->help[0]) PetscCall(TextAdd(faults, "%s has no help\n", key->path));
    if (key->type == TES_KEY_SECTION) continue;
    if ((key->type == TES_KEY_ENUM || key->type == TES_KEY_ENUMS) && !key->choices) PetscCall(TextAdd(faults, "%s has no choices\n", key->path));
    if (key->type == TES_KEY_ITEMS && (!key->item_keys || !key->item_size)) PetscCall(TextAdd(faults, "%s has no table of its items\n", key->path));
    if (key->fallback && key->optional) PetscCall(TextAdd(faults, "%s has a default and is optional\n", key->path));
    if (key->when && !strchr(key->when, '=')) PetscCall(TextAdd(faults, "%s: condition `%s` has no =\n", key->path, key->when));
    for (const TesKey *other = keys; other < key; other++)
      if (other->type != TES_KEY_SECTION && !strcmp(other->path, key->path)) PetscCall(TextAdd(faults, "%s stands twice\n", key->path));
    if (key->fallback) {
      TesDeck     deck;
      PetscInt    n;
      const char *text;
      TesNode     node;
      char        member[64] = {0};

      PetscCall(TesDeckCreateText(PETSC_COMM_SELF, "table", strlen("problem: x"), "problem: x", &deck));
      PetscCall(DeckParseYaml(deck, -1, key->fallback, strlen(key->fallback), &node));
      if (node) PetscCall(ReadValue(deck, key, key->path, node, member));
      PetscCall(TesDeckComplaints(deck, &n, &text));
      if (n) PetscCall(TextAdd(faults, "%s: default `%s`: %s", key->path, key->fallback, text));
      PetscCall(TesDeckDestroy(&deck));
    }
    if (key->item_keys) PetscCall(CheckTable(key->item_keys, faults));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKeysCheck(PetscInt n_tables, const TesKey *const tables[], char **faults)
{
  Text out = {0};

  PetscFunctionBegin;
  PetscCall(TextAddBytes(&out, "", 0));
  for (PetscInt t = 0; t < n_tables; t++) PetscCall(CheckTable(tables[t], &out));
  *faults = out.text;
  PetscFunctionReturn(PETSC_SUCCESS);
}
