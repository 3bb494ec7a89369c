/* The resolved deck: every key with its value, as YAML that reads back the same; and its comparison with another one for restarts. */
#include <stdio.h>
#include <string.h>
#include "deck_impl.h"

/* A plain word may stand bare; all else goes in double quotes. */
static PetscErrorCode PrintString(const char text[], PetscBool may_be_number, Text *out)
{
  PetscReal number;
  PetscBool bare = text[0] ? PETSC_TRUE : PETSC_FALSE;

  PetscFunctionBegin;
  for (const char *c = text; *c; c++)
    if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("_./", *c))) bare = PETSC_FALSE;
  if (!may_be_number && !ReadReal(text, &number)) bare = PETSC_FALSE;
  if (bare) {
    PetscCall(TextAdd(out, "%s", text));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TextAdd(out, "\""));
  for (const char *c = text; *c; c++) {
    if (*c == '"' || *c == '\\') PetscCall(TextAdd(out, "\\%c", *c));
    else if ((unsigned char)*c < 32) PetscCall(TextAdd(out, "\\x%02x", (unsigned)*c));
    else PetscCall(TextAddBytes(out, c, 1));
  }
  PetscCall(TextAdd(out, "\""));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A node as the user gave it, in flow style: right for strings, files, expressions, maps. */
static PetscErrorCode PrintNode(TesNode node, Text *out)
{
  PetscFunctionBegin;
  if (node->type == NODE_SCALAR) {
    PetscCall(PrintString(node->text, (PetscBool)!node->quoted, out));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TextAdd(out, node->type == NODE_MAP ? "{" : "["));
  for (PetscInt i = 0; i < node->n; i++) {
    if (i) PetscCall(TextAdd(out, ", "));
    if (node->type == NODE_MAP) {
      PetscCall(PrintString(node->key[i]->text, PETSC_TRUE, out));
      PetscCall(TextAdd(out, ": "));
    }
    PetscCall(PrintNode(node->item[i], out));
  }
  PetscCall(TextAdd(out, node->type == NODE_MAP ? "}" : "]"));
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

PetscErrorCode PrintValue(const TesKey *key, const void *member, PetscInt indent, Text *out)
{
  PetscFunctionBegin;
  (void)indent;
  switch (key->type) {
  case TES_KEY_INT: PetscCall(TextAdd(out, "%" PetscInt_FMT, *(const PetscInt *)member)); break;
  case TES_KEY_INT64: PetscCall(TextAdd(out, "%" PetscInt64_FMT, *(const PetscInt64 *)member)); break;
  case TES_KEY_REAL:
  case TES_KEY_DURATION: PetscCall(PrintNumber(*(const PetscReal *)member, out)); break;
  case TES_KEY_BOOL: PetscCall(TextAdd(out, *(const PetscBool *)member ? "true" : "false")); break;
  case TES_KEY_ENUM: PetscCall(PrintString(key->choices[*(const int *)member], PETSC_TRUE, out)); break;
  case TES_KEY_INT_OR: {
    const TesIntOr *v = member;

    if (v->word >= 0) PetscCall(TextAdd(out, "%s", key->choices[v->word]));
    else PetscCall(TextAdd(out, "%" PetscInt_FMT, v->value));
    break;
  }
  case TES_KEY_REAL_OR: {
    const TesRealOr *v = member;

    if (v->word >= 0) PetscCall(TextAdd(out, "%s", key->choices[v->word]));
    else PetscCall(PrintNumber(v->value, out));
    break;
  }
  case TES_KEY_REALS:
  case TES_KEY_INTS:
  case TES_KEY_ENUMS: {
    const TesInts  *v = member;
    const TesReals *x = member;

    PetscCall(TextAdd(out, "["));
    for (PetscInt i = 0; i < v->n; i++) {
      if (i) PetscCall(TextAdd(out, ", "));
      if (key->type == TES_KEY_REALS) PetscCall(PrintNumber(x->v[i], out));
      else if (key->type == TES_KEY_INTS) PetscCall(TextAdd(out, "%" PetscInt_FMT, v->v[i]));
      else PetscCall(PrintString(key->choices[PetscMax(v->v[i], 0)], PETSC_TRUE, out));
    }
    PetscCall(TextAdd(out, "]"));
    break;
  }
  default: break; /* text of any sort is printed from its node */
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscBool IsText(TesKeyType type)
{
  return type == TES_KEY_STRING || type == TES_KEY_FILE || type == TES_KEY_EXPR || type == TES_KEY_STRINGS || type == TES_KEY_EXPRS || type == TES_KEY_MAP;
}

static PetscErrorCode PrintKey(TesDeck deck, const TesKeyTable *table, const TesKey *key, TesNode base, const char name[], PetscInt indent, Text *out)
{
  TesNode     node   = base ? NodeFind(base, key->path) : NULL;
  const char *member = (const char *)table->target + key->offset;

  PetscFunctionBegin;
  if ((!node && !key->fallback) || !KeyApplies(table->keys, key, base)) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TextAdd(out, "%*s%s:", (int)indent, "", name));
  if (key->type == TES_KEY_ITEMS) {
    const TesItems *items = (const TesItems *)(const void *)member;

    if (!items->n) PetscCall(TextAdd(out, " []"));
    PetscCall(TextAdd(out, "\n"));
    for (PetscInt i = 0; i < items->n; i++) {
      TesKeyTable each = {key->item_keys, (char *)items->item + (size_t)i * key->item_size};

      PetscCall(TextAdd(out, "%*s-\n", (int)indent, ""));
      PetscCall(PrintTables(deck, 1, &each, node && node->type == NODE_LIST ? node->item[i] : NULL, indent + 2, out));
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TextAdd(out, " "));
  if (!IsText(key->type)) PetscCall(PrintValue(key, member, indent, out));
  else if (node) PetscCall(PrintNode(node, out));
  else PetscCall(TextAdd(out, "%s", key->fallback));
  PetscCall(TextAdd(out, "\n"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Keys of one section from all tables, sections in the order of their first key. */
static PetscErrorCode PrintSection(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[], TesNode base, const char prefix[], PetscInt indent, Text *out)
{
  size_t skip = strlen(prefix);
  Text   done = {0};

  PetscFunctionBegin;
  PetscCall(TextAdd(&done, "|"));
  for (PetscInt t = 0; t < n_tables; t++) {
    for (const TesKey *key = tables[t].keys; key->type; key++) {
      const char *rest = key->path + skip, *dot;
      char        name[64], mark[80];

      if (key->type == TES_KEY_SECTION || strncmp(key->path, prefix, skip)) continue;
      dot = strchr(rest, '.');
      if (!dot) {
        PetscCall(PrintKey(deck, &tables[t], key, base, rest, indent, out));
        continue;
      }
      snprintf(name, sizeof name, "%.*s", (int)(dot - rest), rest);
      snprintf(mark, sizeof mark, "|%s|", name);
      if (!strstr(done.text, mark)) {
        Text below = {0};
        char full[256];

        PetscCall(TextAdd(&done, "%s|", name));
        snprintf(full, sizeof full, "%.120s%.60s.", prefix, name);
        PetscCall(TextAddBytes(&below, "", 0));
        PetscCall(PrintSection(deck, n_tables, tables, base, full, indent + 2, &below));
        if (below.used) PetscCall(TextAdd(out, "%*s%s:\n%s", (int)indent, "", name, below.text));
        PetscCall(PetscFree(below.text));
      }
    }
  }
  PetscCall(PetscFree(done.text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PrintTables(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[], TesNode base, PetscInt indent, Text *out)
{
  PetscFunctionBegin;
  PetscCall(PrintSection(deck, n_tables, tables, base, "", indent, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDeckResolved(TesDeck deck, const char **text)
{
  PetscFunctionBegin;
  if (!deck->resolved) {
    Text out = {0};

    PetscCall(TextAdd(&out, "problem: %s\n", deck->kind ? deck->kind : "?"));
    PetscCall(PrintTables(deck, deck->n_tables, deck->table, deck->root, 0, &out));
    deck->resolved = out.text;
  }
  *text = deck->resolved;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- comparison ---- */

static PetscBool SameNode(TesNode a, TesNode b)
{
  if (!a || !b || a->type != b->type || a->n != b->n) return PETSC_FALSE;
  if (a->type == NODE_SCALAR) return strcmp(a->text, b->text) ? PETSC_FALSE : PETSC_TRUE;
  for (PetscInt i = 0; i < a->n; i++) {
    TesNode other = a->type == NODE_MAP ? NodeChild(b, a->key[i]->text, NULL) : b->item[i];

    if (!SameNode(a->item[i], other)) return PETSC_FALSE;
  }
  return PETSC_TRUE;
}

static PetscErrorCode AddDifference(TesDeck deck, TesNode before, TesNode now, const char path[], PetscInt *n, Text *out)
{
  Text was = {0}, is = {0};

  PetscFunctionBegin;
  (void)deck;
  if (before) PetscCall(PrintNode(before, &was));
  if (now) PetscCall(PrintNode(now, &is));
  PetscCall(TextAdd(out, "%s  %s: %s in the checkpoint, %s now", *n ? "\n" : "", path, before ? was.text : "absent", now ? is.text : "absent"));
  PetscCall(PetscFree(was.text));
  PetscCall(PetscFree(is.text));
  ++*n;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Walk both trees by the keys of the tables; what is no section is a value. `from` looks for what the other side lacks. */
static PetscErrorCode Walk(TesDeck deck, TesNode before, TesNode now, const char prefix[], PetscInt *n, Text *out)
{
  for (int side = 0; side < 2; side++) {
    TesNode map = side ? now : before, other = side ? before : now;

    if (!map || map->type != NODE_MAP) continue;
    for (PetscInt i = 0; i < map->n; i++) {
      TesNode       twin = NodeChild(other, map->key[i]->text, NULL);
      char          path[256];
      const TesKey *key;

      if (side && twin) continue; /* seen already */
      snprintf(path, sizeof path, "%.120s%.120s", prefix, map->key[i]->text);
      key = FindKey(deck->n_tables, deck->table, path, NULL);
      if (key && key->restart_may_change) continue;
      if (!key && map->item[i]->type == NODE_MAP) {
        char below[256];

        snprintf(below, sizeof below, "%.250s.", path);
        PetscCall(side ? Walk(deck, twin, map->item[i], below, n, out) : Walk(deck, map->item[i], twin, below, n, out));
      } else if (!SameNode(map->item[i], twin)) {
        PetscCall(side ? AddDifference(deck, twin, map->item[i], path, n, out) : AddDifference(deck, map->item[i], twin, path, n, out));
      }
    }
  }
  return PETSC_SUCCESS;
}

PetscErrorCode TesDeckCompare(TesDeck deck, const char previous[], PetscInt *n, const char **message)
{
  const char *text;
  TesNode     before, now;
  Text        out = {0};

  PetscFunctionBegin;
  *n = 0;
  PetscCall(TesDeckResolved(deck, &text));
  PetscCall(DeckParseYaml(deck, -1, previous, strlen(previous), &before));
  PetscCall(DeckParseYaml(deck, -1, text, strlen(text), &now));
  PetscCheck(before, PETSC_COMM_SELF, TES_ERR_WORLD, "the deck stored with the checkpoint cannot be read");
  PetscCall(TextAddBytes(&out, "", 0));
  PetscCall(Walk(deck, before, now, "", n, &out));
  PetscCall(PetscFree(deck->difference));
  deck->difference = out.text;
  *message         = out.text;
  PetscFunctionReturn(PETSC_SUCCESS);
}
