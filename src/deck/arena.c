/* Memory that lives as long as the deck, and text that grows. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "deck_impl.h"

#define BLOCK_BYTES 65536

struct ArenaBlock {
  ArenaBlock *next;
  size_t      used, room;
  _Alignas(16) char data[];
};

PetscErrorCode DeckAlloc(TesDeck deck, size_t bytes, void *pointer)
{
  size_t need = (bytes + 15) & ~(size_t)15;

  PetscFunctionBegin;
  if (!deck->arena || deck->arena->room - deck->arena->used < need) {
    size_t      room = PetscMax(need, (size_t)BLOCK_BYTES);
    ArenaBlock *block;

    PetscCall(PetscMalloc(sizeof *block + room, &block));
    memset(block->data, 0, room);
    block->next = deck->arena;
    block->used = 0;
    block->room = room;
    deck->arena = block;
  }
  *(void **)pointer = deck->arena->data + deck->arena->used;
  deck->arena->used += need;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode DeckString(TesDeck deck, const char text[], size_t length, const char **copy)
{
  char *fresh;

  PetscFunctionBegin;
  PetscCall(DeckAlloc(deck, length + 1, &fresh));
  memcpy(fresh, text, length);
  *copy = fresh;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode DeckKeepExpr(TesDeck deck, TesExpr expr)
{
  PetscFunctionBegin;
  if (deck->n_exprs == deck->room_exprs) {
    PetscInt room = 2 * deck->room_exprs + 8;
    TesExpr *more;

    PetscCall(PetscMalloc1(room, &more));
    if (deck->n_exprs) memcpy(more, deck->expr, (size_t)deck->n_exprs * sizeof *more);
    PetscCall(PetscFree(deck->expr));
    deck->expr       = more;
    deck->room_exprs = room;
  }
  deck->expr[deck->n_exprs++] = expr;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode DeckFreeArena(TesDeck deck)
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < deck->n_exprs; i++) PetscCall(TesExprDestroy(&deck->expr[i]));
  PetscCall(PetscFree(deck->expr));
  while (deck->arena) {
    ArenaBlock *next = deck->arena->next;

    PetscCall(PetscFree(deck->arena));
    deck->arena = next;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TextAddBytes(Text *t, const char bytes[], size_t n)
{
  PetscFunctionBegin;
  if (t->used + n + 1 > t->room) {
    size_t room = 2 * (t->used + n) + 256;
    char  *more;

    PetscCall(PetscMalloc1(room, &more));
    if (t->used) memcpy(more, t->text, t->used);
    PetscCall(PetscFree(t->text));
    t->text = more;
    t->room = room;
  }
  memcpy(t->text + t->used, bytes, n);
  t->used += n;
  t->text[t->used] = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TextAdd(Text *t, const char format[], ...)
{
  va_list arguments, again;
  int     n;
  char   *piece;

  PetscFunctionBegin;
  va_start(arguments, format);
  va_copy(again, arguments);
  n = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  PetscCall(PetscMalloc1((size_t)n + 1, &piece));
  vsnprintf(piece, (size_t)n + 1, format, again);
  va_end(again);
  PetscCall(TextAddBytes(t, piece, (size_t)n));
  PetscCall(PetscFree(piece));
  PetscFunctionReturn(PETSC_SUCCESS);
}
