/* The key reference and the template deck: both walk the tables section by section, the keys that several tables put into one section together. */
#include <stdio.h>
#include <string.h>
#include "deck_impl.h"

static const char *TypeName(TesKeyType type)
{
  switch (type) {
  case TES_KEY_INT:
  case TES_KEY_INT64:
  case TES_KEY_INT_OR: return "whole number";
  case TES_KEY_REAL:
  case TES_KEY_REAL_OR: return "number";
  case TES_KEY_BOOL: return "true | false";
  case TES_KEY_STRING: return "text";
  case TES_KEY_FILE: return "file";
  case TES_KEY_DURATION: return "duration";
  case TES_KEY_EXPR: return "expression";
  case TES_KEY_INTS: return "whole numbers";
  case TES_KEY_REALS: return "numbers";
  case TES_KEY_STRINGS: return "texts";
  case TES_KEY_EXPRS: return "expressions";
  case TES_KEY_ITEMS: return "list of maps";
  case TES_KEY_MAP: return "map";
  case TES_KEY_NODE: return "value";
  default: return "";
  }
}

static PetscErrorCode AddRange(const TesRange *r, Text *out)
{
  char number[40];

  PetscFunctionBegin;
  if (r->has_low) {
    PrintReal(r->low, number);
    PetscCall(TextAdd(out, " %s %s", r->low_open ? ">" : ">=", number));
  }
  if (r->has_high) {
    PrintReal(r->high, number);
    PetscCall(TextAdd(out, "%s %s %s", r->has_low ? "," : "", r->high_open ? "<" : "<=", number));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* "solver.kind=direct|newton & x=1" as it would be said: "with solver.kind = direct or newton and x = 1" */
static PetscErrorCode AddWhen(const char when[], Text *out)
{
  PetscFunctionBegin;
  PetscCall(TextAdd(out, "; only with "));
  for (const char *c = when; *c; c++) {
    if (*c == '=') PetscCall(TextAdd(out, " = "));
    else if (*c == '|') PetscCall(TextAdd(out, " or "));
    else if (*c == '&') PetscCall(TextAdd(out, " and "));
    else if (*c != ' ') PetscCall(TextAddBytes(out, c, 1));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* "number >= 0 [s], default 300" */
static PetscErrorCode AddFacts(const TesKey *key, Text *out)
{
  PetscBool words_only = key->type == TES_KEY_ENUM || key->type == TES_KEY_ENUMS ? PETSC_TRUE : PETSC_FALSE;

  PetscFunctionBegin;
  PetscCall(TextAdd(out, "%s", TypeName(key->type)));
  PetscCall(AddRange(&key->range, out));
  for (PetscInt k = 0; key->choices && key->choices[k]; k++) PetscCall(TextAdd(out, "%s%s", k || !words_only ? " | " : "", key->choices[k]));
  if (key->variables) PetscCall(TextAdd(out, " in %s", key->variables));
  if (key->min_items && key->min_items == key->max_items) PetscCall(TextAdd(out, ", %d of them", (int)key->min_items));
  else if (key->min_items && key->max_items) PetscCall(TextAdd(out, ", %d to %d of them", (int)key->min_items, (int)key->max_items));
  else if (key->min_items || key->max_items) PetscCall(TextAdd(out, ", at %s %d of them", key->min_items ? "least" : "most", (int)PetscMax(key->min_items, key->max_items)));
  if (key->unit) PetscCall(TextAdd(out, " [%s]", key->unit));
  if (key->fallback) PetscCall(TextAdd(out, ", default %s", key->fallback[0] ? key->fallback : "\"\""));
  else PetscCall(TextAdd(out, key->optional ? ", optional" : ", required"));
  if (key->when) PetscCall(AddWhen(key->when, out));
  if (key->restart_may_change) PetscCall(TextAdd(out, "; may change on restart"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* What is done with each key and each section on the walk. */
typedef struct Walker Walker;
struct Walker {
  Text *out;
  PetscErrorCode (*key)(const Walker *, const TesKey *, const char name[], PetscInt indent);
  PetscErrorCode (*section)(const Walker *, const char path[], const char name[], const char help[], PetscInt indent);
};

static const char *SectionHelp(PetscInt n_tables, const TesKey *const tables[], const char path[])
{
  for (PetscInt t = 0; t < n_tables; t++)
    for (const TesKey *key = tables[t]; key->type; key++)
      if (key->type == TES_KEY_SECTION && !strcmp(key->path, path) && key->help) return key->help;
  return "";
}

/* For each table its keys, then the sections (to which later tables may add) in the order of their first key; a free map is a section of its own. */
static PetscErrorCode Walk(const Walker *w, PetscInt n_tables, const TesKey *const tables[], const char prefix[], PetscInt indent)
{
  Text done = {0}; /* "|time|solver|" */

  PetscFunctionBegin;
  PetscCall(TextAdd(&done, "|"));
  for (PetscInt pass = 0; pass < 2 * n_tables; pass++) {
    PetscBool sections = pass % 2 ? PETSC_TRUE : PETSC_FALSE;

    for (const TesKey *key = tables[pass / 2]; key->type; key++) {
      char      name[64], mark[80], path[256];
      PetscBool deeper;

      NextName(key, prefix, name, &deeper);
      if (!name[0] || key->type == TES_KEY_SECTION || (deeper || key->type == TES_KEY_MAP ? PETSC_TRUE : PETSC_FALSE) != sections) continue;
      if (!deeper) {
        if (sections) PetscCall(TextAddBytes(w->out, "\n", 1));
        PetscCall(w->key(w, key, name, indent));
        continue;
      }
      snprintf(mark, sizeof mark, "|%s|", name);
      if (strstr(done.text, mark)) continue;
      PetscCall(TextAdd(&done, "%s|", name));
      snprintf(path, sizeof path, "%.120s%s", prefix, name);
      PetscCall(w->section(w, path, name, SectionHelp(n_tables, tables, path), indent));
      PetscCall(PetscStrlcat(path, ".", sizeof path));
      PetscCall(Walk(w, n_tables, tables, path, indent + 2));
    }
  }
  PetscCall(PetscFree(done.text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- the reference ---- */

static PetscErrorCode DescribeKey(const Walker *w, const TesKey *key, const char name[], PetscInt indent)
{
  PetscFunctionBegin;
  (void)name;
  PetscCall(TextAdd(w->out, "%*s%s\n%*s", (int)indent, "", key->path, (int)indent + 4, ""));
  PetscCall(AddFacts(key, w->out));
  PetscCall(TextAdd(w->out, "\n%*s%s\n", (int)indent + 4, "", key->help ? key->help : ""));
  if (key->item_keys) {
    PetscCall(TextAdd(w->out, "%*sof each item:\n", (int)indent + 4, ""));
    PetscCall(Walk(w, 1, &key->item_keys, "", indent + 6));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DescribeSection(const Walker *w, const char path[], const char name[], const char help[], PetscInt indent)
{
  PetscFunctionBegin;
  (void)name;
  PetscCall(TextAdd(w->out, "\n%*s%s:%s%s\n", (int)indent, "", path, help[0] ? " " : "", help));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKeysDescribe(PetscInt n_tables, const TesKey *const tables[], char **text)
{
  Text   out = {0};
  Walker w   = {&out, DescribeKey, DescribeSection};

  PetscFunctionBegin;
  PetscCall(TextAdd(&out, "problem\n    word, required, first key of the deck\n    the kind of problem\n"));
  PetscCall(Walk(&w, n_tables, tables, "", 0));
  *text = out.text;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- the template ---- */

static PetscErrorCode TemplateItemKey(const Walker *w, const TesKey *key, const char name[], PetscInt indent)
{
  PetscFunctionBegin;
  PetscCall(TextAdd(w->out, "# %*s%s: %s   # %s: ", (int)indent, "", name, key->fallback ? key->fallback : "", key->help ? key->help : ""));
  PetscCall(AddFacts(key, w->out));
  PetscCall(TextAddBytes(w->out, "\n", 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TemplateItemSection(const Walker *w, const char path[], const char name[], const char help[], PetscInt indent)
{
  PetscFunctionBegin;
  (void)path;
  PetscCall(TextAdd(w->out, "# %*s%s:   # %s\n", (int)indent, "", name, help));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* What has a default and no condition stands ready; the rest is a comment to be filled in. */
static PetscErrorCode TemplateKey(const Walker *w, const TesKey *key, const char name[], PetscInt indent)
{
  const char *value = key->fallback ? (key->fallback[0] ? key->fallback : "\"\"") : "";
  const char *off   = key->fallback && !key->when ? "" : "# ";

  PetscFunctionBegin;
  PetscCall(TextAdd(w->out, "%*s# %s\n%*s# ", (int)indent, "", key->help ? key->help : "", (int)indent, ""));
  PetscCall(AddFacts(key, w->out));
  PetscCall(TextAdd(w->out, "\n%*s%s%s:%s%s\n", (int)indent, "", off, name, value[0] ? " " : "", value));
  if (key->item_keys) {
    Walker items = {w->out, TemplateItemKey, TemplateItemSection};

    PetscCall(TextAdd(w->out, "# %*s-   # of each item:\n", (int)indent + 2, ""));
    PetscCall(Walk(&items, 1, &key->item_keys, "", indent + 4));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TemplateSection(const Walker *w, const char path[], const char name[], const char help[], PetscInt indent)
{
  PetscFunctionBegin;
  (void)path;
  PetscCall(TextAdd(w->out, "\n%*s%s:%s%s\n", (int)indent, "", name, help[0] ? "   # " : "", help));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesKeysTemplate(const char kind[], PetscInt n_tables, const TesKey *const tables[], char **text)
{
  Text   out = {0};
  Walker w   = {&out, TemplateKey, TemplateSection};

  PetscFunctionBegin;
  PetscCall(TextAdd(&out, "problem: %s\n\n", kind));
  PetscCall(Walk(&w, n_tables, tables, "", 0));
  *text = out.text;
  PetscFunctionReturn(PETSC_SUCCESS);
}
