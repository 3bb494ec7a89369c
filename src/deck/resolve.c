/* The resolved deck: every key that applies with its value, as YAML that reads back the same; and its comparison with another one for restarts. Names of input files stand as the deck
   gives them (relative to the deck), so that a run may go on after its folder was moved. */
#include <stdio.h>
#include <string.h>
#include "deck_impl.h"

static PetscErrorCode PrintTables(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[], TesNode base, const char prefix[], PetscInt indent, Text *out);

static PetscErrorCode PrintItems(TesDeck deck, const TesKey *key, const TesItems *items, TesNode node, PetscInt indent, Text *out)
{
  PetscFunctionBegin;
  PetscCall(TextAdd(out, items->n ? "\n" : " []\n"));
  for (PetscInt i = 0; i < items->n; i++) {
    TesKeyTable table = {key->item_keys, (char *)items->item + (size_t)i * key->item_size};
    Text        below = {0};

    PetscCall(TextAddBytes(&below, "", 0));
    PetscCall(PrintTables(deck, 1, &table, node->item[i], "", indent + 4, &below));
    PetscCall(TextAdd(out, "%*s-%s\n%s", (int)indent + 2, "", below.used ? "" : " {}", below.text));
    PetscCall(PetscFree(below.text));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PrintKey(TesDeck deck, const TesKeyTable *table, const TesKey *key, TesNode base, const char name[], PetscInt indent, Text *out)
{
  TesNode     node   = NodeFind(base, key->path, NULL);
  const void *member = (const char *)table->target + key->offset;

  PetscFunctionBegin;
  if (KeyApplies(table->keys, key, base) == APPLIES_NO) PetscFunctionReturn(PETSC_SUCCESS);
  if (!node && key->fallback) PetscCall(FallbackNode(deck, key, &node));
  if (!node) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TextAdd(out, "%*s%s:", (int)indent, "", name));
  if (key->type == TES_KEY_ITEMS) {
    PetscCall(PrintItems(deck, key, member, node, indent, out));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TextAddBytes(out, " ", 1));
  PetscCall(PrintValue(key, member, node, out));
  PetscCall(TextAddBytes(out, "\n", 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Keys of one section from all tables, sections in the order of their first key. */
static PetscErrorCode PrintTables(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[], TesNode base, const char prefix[], PetscInt indent, Text *out)
{
  Text done = {0}; /* "|time|solver|": the sections that were printed */

  PetscFunctionBegin;
  PetscCall(TextAdd(&done, "|"));
  for (PetscInt t = 0; t < n_tables; t++) {
    for (const TesKey *key = tables[t].keys; key->type; key++) {
      char      name[64], mark[80], full[256];
      Text      below = {0};
      PetscBool deeper;

      NextName(key, prefix, name, &deeper);
      if (!name[0] || key->type == TES_KEY_SECTION) continue;
      if (!deeper) {
        PetscCall(PrintKey(deck, &tables[t], key, base, name, indent, out));
        continue;
      }
      snprintf(mark, sizeof mark, "|%s|", name);
      if (strstr(done.text, mark)) continue;
      PetscCall(TextAdd(&done, "%s|", name));
      snprintf(full, sizeof full, "%.120s%s.", prefix, name);
      PetscCall(TextAddBytes(&below, "", 0));
      PetscCall(PrintTables(deck, n_tables, tables, base, full, indent + 2, &below));
      if (below.used) PetscCall(TextAdd(out, "%*s%s:\n%s", (int)indent, "", name, below.text));
      PetscCall(PetscFree(below.text));
    }
  }
  PetscCall(PetscFree(done.text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDeckResolved(TesDeck deck, const char **text)
{
  PetscFunctionBegin;
  PetscCheck(!deck->n_complaints, PETSC_COMM_SELF, PETSC_ERR_ORDER, "a deck with mistakes has no resolved form");
  if (!deck->resolved) {
    Text out = {0};

    PetscCall(TextAdd(&out, "problem: %s\n", deck->kind ? deck->kind : "none"));
    PetscCall(PrintTables(deck, deck->n_tables, deck->table, deck->root, "", 0, &out));
    deck->resolved = out.text;
  }
  *text = deck->resolved;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- comparison ---- */

typedef struct {
  TesDeck     deck;
  PetscInt    n_tables, n;
  TesKeyTable tables[8]; /* of the deck, or the one of an item */
  Text        out;
} Comparison;

static PetscBool SameNode(TesNode a, TesNode b)
{
  if (!a || !b || a->type != b->type || a->n != b->n) return PETSC_FALSE;
  if (a->type == NODE_SCALAR) return strcmp(a->text, b->text) ? PETSC_FALSE : PETSC_TRUE;
  for (PetscInt i = 0; i < a->n; i++) {
    TesNode other = b->item[i];

    /* both texts come from the same printer, so the order is the same unless something differs */
    if (a->type == NODE_MAP && strcmp(a->key[i]->text, b->key[i]->text)) return PETSC_FALSE;
    if (!SameNode(a->item[i], other)) return PETSC_FALSE;
  }
  return PETSC_TRUE;
}

static PetscErrorCode AddDifference(Comparison *c, TesNode before, TesNode now, const char path[])
{
  Text was = {0}, is = {0};

  PetscFunctionBegin;
  if (before) PetscCall(PrintNode(before, &was));
  if (now) PetscCall(PrintNode(now, &is));
  PetscCall(TextAdd(&c->out, "%s  %s: %.200s%s in the checkpoint, %.200s%s now", c->n ? "\n" : "", path, before ? was.text : "absent", was.used > 200 ? "..." : "", now ? is.text : "absent",
                    is.used > 200 ? "..." : ""));
  PetscCall(PetscFree(was.text));
  PetscCall(PetscFree(is.text));
  c->n++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Walk(Comparison *c, TesNode before, TesNode now, const char prefix[], const char shown[]);

/* Lists of maps of the same length differ in an item; of another length as a whole. */
static PetscErrorCode WalkItems(Comparison *c, const TesKey *key, TesNode before, TesNode now, const char shown[])
{
  Comparison below = {.deck = c->deck, .n_tables = 1, .n = c->n, .tables = {{key->item_keys, NULL}}, .out = c->out};

  PetscFunctionBegin;
  for (PetscInt i = 0; i < now->n; i++) {
    char name[256];

    snprintf(name, sizeof name, "%.200s[%d].", shown, (int)i);
    PetscCall(Walk(&below, before->item[i], now->item[i], "", name));
  }
  c->n   = below.n;
  c->out = below.out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CompareOne(Comparison *c, const char name[], TesNode before, TesNode now, const char prefix[], const char shown[])
{
  char          path[256], full[256];
  const TesKey *key;

  PetscFunctionBegin;
  snprintf(path, sizeof path, "%.120s%.120s", prefix, name);
  snprintf(full, sizeof full, "%.120s%.120s", shown, name);
  key = FindKey(c->n_tables, c->tables, path);
  if ((key && key->restart_may_change) || SameNode(before, now)) PetscFunctionReturn(PETSC_SUCCESS);
  if (!key && (!before || before->type == NODE_MAP) && (!now || now->type == NODE_MAP)) {
    PetscCall(PetscStrlcat(path, ".", sizeof path));
    PetscCall(PetscStrlcat(full, ".", sizeof full));
    PetscCall(Walk(c, before, now, path, full));
  } else if (key && key->type == TES_KEY_ITEMS && before && now && before->type == NODE_LIST && now->type == NODE_LIST && before->n == now->n) {
    PetscCall(WalkItems(c, key, before, now, full));
  } else {
    PetscCall(AddDifference(c, before, now, full));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Walk both trees by the keys of the tables; what is no section is a value. A side that lacks a section is an empty one. */
static PetscErrorCode Walk(Comparison *c, TesNode before, TesNode now, const char prefix[], const char shown[])
{
  PetscFunctionBegin;
  for (PetscInt i = 0; before && before->type == NODE_MAP && i < before->n; i++)
    PetscCall(CompareOne(c, before->key[i]->text, before->item[i], NodeChild(now, before->key[i]->text, NULL), prefix, shown));
  for (PetscInt i = 0; now && now->type == NODE_MAP && i < now->n; i++)
    if (!NodeChild(before, now->key[i]->text, NULL)) PetscCall(CompareOne(c, now->key[i]->text, NULL, now->item[i], prefix, shown));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDeckCompare(TesDeck deck, const char previous[], PetscInt *n, const char **message)
{
  Comparison  c = {.deck = deck, .n_tables = deck->n_tables};
  const char *text;
  TesNode     before, now;

  PetscFunctionBegin;
  PetscCall(TesDeckResolved(deck, &text));
  PetscCall(DeckParseYaml(deck, -1, previous, strlen(previous), &before));
  PetscCheck(before && before->type == NODE_MAP, PETSC_COMM_SELF, TES_ERR_WORLD, "the deck stored with the checkpoint cannot be read");
  PetscCall(DeckParseYaml(deck, -1, text, strlen(text), &now));
  PetscCheck(now && now->type == NODE_MAP, PETSC_COMM_SELF, PETSC_ERR_PLIB, "the resolved deck cannot be read back");
  memcpy(c.tables, deck->table, (size_t)deck->n_tables * sizeof *c.tables);
  PetscCall(TextAddBytes(&c.out, "", 0));
  PetscCall(Walk(&c, before, now, "", ""));
  PetscCall(PetscFree(deck->difference));
  deck->difference = c.out.text;
  *n               = c.n;
  *message         = c.out.text;
  PetscFunctionReturn(PETSC_SUCCESS);
}
