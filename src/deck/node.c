/* Nodes of a deck: scalars, lists and maps with the place where they stand. They may be shared (aliases, merges); who changes one copies the way to it. */
#include <string.h>
#include "deck_impl.h"

PetscErrorCode NodeCreate(TesDeck deck, NodeType type, const struct _p_TesNode *place, TesNode *node)
{
  PetscFunctionBegin;
  PetscCall(DeckAlloc(deck, sizeof **node, node));
  (*node)->type   = type;
  (*node)->weight = 1;
  (*node)->text   = "";
  (*node)->source = -1;
  (*node)->line = (*node)->column = (*node)->length = 1;
  if (place) {
    (*node)->source = place->source;
    (*node)->line   = place->line;
    (*node)->column = place->column;
    (*node)->length = place->length;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode NodeAppend(TesDeck deck, TesNode parent, TesNode key, TesNode value)
{
  PetscFunctionBegin;
  if (parent->n == parent->room) {
    PetscInt room = 2 * parent->room + 4;
    TesNode *items, *keys = NULL;

    PetscCall(DeckAlloc(deck, (size_t)room * sizeof *items, &items));
    if (parent->n) memcpy(items, parent->item, (size_t)parent->n * sizeof *items);
    if (parent->type == NODE_MAP) {
      PetscCall(DeckAlloc(deck, (size_t)room * sizeof *keys, &keys));
      if (parent->n) memcpy(keys, parent->key, (size_t)parent->n * sizeof *keys);
    }
    parent->item = items;
    parent->key  = keys;
    parent->room = room;
  }
  parent->item[parent->n] = value;
  if (parent->type == NODE_MAP) parent->key[parent->n] = key;
  parent->n++;
  parent->weight += value->weight;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode NodeCopy(TesDeck deck, TesNode node, TesNode *copy)
{
  PetscFunctionBegin;
  PetscCall(DeckAlloc(deck, sizeof **copy, copy));
  **copy         = *node;
  (*copy)->n     = 0;
  (*copy)->room  = 0;
  (*copy)->weight = 1;
  for (PetscInt i = 0; i < node->n; i++) PetscCall(NodeAppend(deck, *copy, node->type == NODE_MAP ? node->key[i] : NULL, node->item[i]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

TesNode NodeChild(TesNode map, const char name[], TesNode *key)
{
  if (!map || map->type != NODE_MAP) return NULL;
  for (PetscInt i = 0; i < map->n; i++) {
    if (strcmp(map->key[i]->text, name)) continue;
    if (key) *key = map->key[i];
    return map->item[i];
  }
  return NULL;
}

PetscBool ItemNumber(const char word[], size_t length, PetscInt *number)
{
  *number = 0;
  if (!length || length > 8) return PETSC_FALSE; /* no list is so long, and no number overflows */
  for (size_t i = 0; i < length; i++) {
    if (word[i] < '0' || word[i] > '9') return PETSC_FALSE;
    *number = 10 * *number + (word[i] - '0');
  }
  return PETSC_TRUE;
}

TesNode NodeFind(TesNode root, const char path[], TesNode *key)
{
  TesNode node = root;

  while (node && *path) {
    const char *dot = strchr(path, '.');
    size_t      n   = dot ? (size_t)(dot - path) : strlen(path);
    PetscInt    i;
    char        name[128];

    if (n >= sizeof name) return NULL;
    memcpy(name, path, n);
    name[n] = 0;
    if (node->type == NODE_LIST) {
      node = ItemNumber(name, n, &i) && i < node->n ? node->item[i] : NULL;
      if (key) *key = node;
    } else {
      node = NodeChild(node, name, key);
    }
    path += n + (dot ? 1 : 0);
  }
  return node;
}

/* ---- for free maps ---- */

const char *TesNodeText(TesNode node)
{
  return node->type == NODE_SCALAR ? node->text : "";
}

PetscBool TesNodeIsText(TesNode node)
{
  return node->type == NODE_SCALAR ? PETSC_TRUE : PETSC_FALSE;
}

PetscInt TesNodeCount(TesNode node)
{
  return node->type == NODE_LIST ? node->n : 0;
}

TesNode TesNodeItem(TesNode node, PetscInt i)
{
  return node->item[i];
}

PetscBool TesNodeIsList(TesNode node)
{
  return node->type == NODE_LIST ? PETSC_TRUE : PETSC_FALSE;
}

TesNode TesNodeField(TesNode node, const char name[])
{
  return NodeChild(node, name, NULL);
}

PetscErrorCode TesNodeReal(TesNode node, PetscBool *is_number, PetscReal *value)
{
  PetscFunctionBegin;
  *is_number = node->type == NODE_SCALAR && !node->quoted && !TesReadReal(node->text, value) ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}
