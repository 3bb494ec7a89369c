/* Lists of values; one value in the deck is a list of one. */
#include <stdio.h>
#include <string.h>
#include "deck_impl.h"

static PetscErrorCode CheckCount(TesDeck deck, const TesKey *key, const char shown[], TesNode node, PetscInt n)
{
  PetscInt least = key->min_items, most = key->max_items;
  char     what[128];

  PetscFunctionBegin;
  if (!(least && n < least) && !(most && n > most)) PetscFunctionReturn(PETSC_SUCCESS);
  if (least == most) snprintf(what, sizeof what, "a list of %d where %d are wanted", (int)n, (int)least);
  else if (!most) snprintf(what, sizeof what, "a list of %d where at least %d are wanted", (int)n, (int)least);
  else if (!least) snprintf(what, sizeof what, "a list of %d where at most %d are wanted", (int)n, (int)most);
  else snprintf(what, sizeof what, "a list of %d where %d to %d are wanted", (int)n, (int)least, (int)most);
  PetscCall(WrongValue(deck, shown, node, what, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static size_t ElementSize(TesKeyType type)
{
  switch (type) {
  case TES_KEY_REALS: return sizeof(PetscReal);
  case TES_KEY_STRINGS: return sizeof(char *);
  case TES_KEY_EXPRS: return sizeof(TesExpr);
  default: return sizeof(PetscInt);
  }
}

static PetscErrorCode ReadElement(TesDeck deck, const TesKey *key, const char shown[], TesNode node, void *member)
{
  PetscInt64 integer = 0;
  PetscReal  real    = 0;

  PetscFunctionBegin;
  switch (key->type) {
  case TES_KEY_REALS: PetscCall(ReadNumber(deck, key, shown, node, PETSC_FALSE, &integer, member)); break;
  case TES_KEY_INTS:
    PetscCall(ReadNumber(deck, key, shown, node, PETSC_TRUE, &integer, &real));
    *(PetscInt *)member = (PetscInt)integer;
    break;
  case TES_KEY_ENUMS:
    PetscCall(ReadWord(deck, key->choices, shown, node, "", member));
    *(PetscInt *)member = PetscMax(*(PetscInt *)member, 0);
    break;
  case TES_KEY_EXPRS: PetscCall(ReadExpr(deck, key, shown, node, member)); break;
  default:
    *(const char **)member = ""; /* a list of texts has a text in every place, even after a complaint */
    if (node->type != NODE_SCALAR) PetscCall(WrongValue(deck, shown, node, "no plain text", NULL));
    else *(const char **)member = node->text;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ReadList(TesDeck deck, const TesKey *key, const char shown[], TesNode node, TesInts *list)
{
  PetscInt n    = node->type == NODE_LIST ? node->n : 1;
  size_t   each = ElementSize(key->type);
  char    *data;

  PetscFunctionBegin;
  if (key->type == TES_KEY_ITEMS) {
    if (node->type == NODE_LIST) PetscCall(CheckCount(deck, key, shown, node, n));
    PetscCall(ReadItems(deck, key, shown, node, (TesItems *)(void *)list));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (node->type == NODE_MAP) {
    PetscCall(WrongValue(deck, shown, node, "a section where a list is wanted", NULL));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(CheckCount(deck, key, shown, node, n));
  PetscCall(DeckAlloc(deck, (size_t)PetscMax(n, 1) * each, &data));
  list->n = n;
  list->v = (PetscInt *)(void *)data;
  for (PetscInt i = 0; i < n; i++) {
    char name[256];

    if (node->type == NODE_LIST) snprintf(name, sizeof name, "%.200s[%d]", shown, (int)i);
    else snprintf(name, sizeof name, "%.200s", shown);
    PetscCall(ReadElement(deck, key, name, node->type == NODE_LIST ? node->item[i] : node, data + (size_t)i * each));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
