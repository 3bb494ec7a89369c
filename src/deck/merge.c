/* What is to be done when a map is complete: keys that stand twice are mistakes, and a merge key

     solver: {<<: *defaults, rtol: 1e-8}      # or  <<: [*first, *second]

   stands for all keys of the other maps that this one does not name itself, wherever in the map it stands; of several the first wins.
   Own keys and candidates are sorted together once, so that a map of n keys costs n log n however it is composed. */
#include <stdlib.h>
#include <string.h>
#include "deck_impl.h"

typedef struct {
  TesNode  key, value;
  PetscInt order;
} Entry;

static int ByText(const void *a, const void *b)
{
  const Entry *x = a, *y = b;
  int          by = strcmp(x->key->text, y->key->text);

  return by ? by : x->order < y->order ? -1 : 1;
}

static int ByOrder(const void *a, const void *b)
{
  return ((const Entry *)a)->order < ((const Entry *)b)->order ? -1 : 1;
}

static PetscBool IsMerge(TesNode key)
{
  return !strcmp(key->text, "<<") && !key->quoted ? PETSC_TRUE : PETSC_FALSE;
}

static PetscErrorCode Collect(TesNode from, Entry entry[], PetscInt *n)
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < from->n; i++, ++*n) entry[*n] = (Entry){from->key[i], from->item[i], *n};
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* keys that stand twice in the map itself; entries are sorted by text, then order */
static PetscErrorCode FindDuplicates(TesDeck deck, PetscInt n, const Entry entry[])
{
  PetscInt first = 0;

  PetscFunctionBegin;
  for (PetscInt i = 1; i < n; i++) {
    char *message;

    if (strcmp(entry[i].key->text, entry[first].key->text)) {
      first = i;
      continue;
    }
    if (DeckCountOnly(deck)) continue;
    PetscCall(TesFormat(&message, "key `%.60s` is given twice (first in line %d)", entry[i].key->text, (int)entry[first].key->line));
    PetscCall(DeckComplain(deck, entry[i].key, message, NULL));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ComplainSources(TesDeck deck, PetscInt n, const TesNode source[])
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < n; i++) {
    char *message;

    if (source[i]->type == NODE_MAP) continue;
    PetscCall(TesFormat(&message, "`<<` takes its keys from a map (`<<: *name`) or a list of maps"));
    PetscCall(DeckComplain(deck, source[i], message, NULL));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Merge(TesDeck deck, TesNode map, TesNode from)
{
  PetscInt       n = 0, room = map->n, kept = 0, n_sources = from->type == NODE_LIST ? from->n : 1;
  const TesNode *source = from->type == NODE_LIST ? from->item : &from;
  Entry         *entry;

  PetscFunctionBegin;
  PetscCall(ComplainSources(deck, n_sources, source));
  for (PetscInt i = 0; i < n_sources; i++) room += source[i]->n;
  PetscCall(PetscMalloc1(PetscMax(room, 1), &entry));
  PetscCall(Collect(map, entry, &n));
  for (PetscInt i = 0; i < n_sources; i++)
    if (source[i]->type == NODE_MAP) PetscCall(Collect(source[i], entry, &n));
  if (n > 1) qsort(entry, (size_t)n, sizeof *entry, ByText);
  for (PetscInt i = 0; i < n; i++)
    if (!IsMerge(entry[i].key) && (!kept || strcmp(entry[i].key->text, entry[kept - 1].key->text))) entry[kept++] = entry[i];
  if (kept > 1) qsort(entry, (size_t)kept, sizeof *entry, ByOrder);
  map->n      = 0;
  map->weight = 1;
  for (PetscInt i = 0; i < kept; i++) PetscCall(NodeAppend(deck, map, entry[i].key, entry[i].value));
  PetscCall(PetscFree(entry));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MapClose(TesDeck deck, TesNode map)
{
  TesNode  key = NULL, from = NodeChild(map, "<<", &key);
  PetscInt n = 0;
  Entry   *entry;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(PetscMax(map->n, 1), &entry));
  PetscCall(Collect(map, entry, &n));
  if (n > 1) qsort(entry, (size_t)n, sizeof *entry, ByText);
  PetscCall(FindDuplicates(deck, n, entry));
  PetscCall(PetscFree(entry));
  if (from && IsMerge(key)) PetscCall(Merge(deck, map, from));
  PetscFunctionReturn(PETSC_SUCCESS);
}
