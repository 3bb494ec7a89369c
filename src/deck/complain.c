/* Complaints in compiler style: place, what is wrong, the line, a caret, a hint; sorted by place, all at once. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "deck_impl.h"

#define SHOWN 20 /* a deck that is no deck at all has thousands: the first ones tell */

PetscErrorCode DeckComplainAt(TesDeck deck, PetscInt source, PetscInt line, PetscInt column, PetscInt length, char *message, char *hint)
{
  PetscFunctionBegin;
  if (deck->n_complaints == deck->room_complaints) {
    PetscInt   room = 2 * deck->room_complaints + 8;
    Complaint *more;

    PetscCall(PetscMalloc1(room, &more));
    if (deck->n_complaints) memcpy(more, deck->complaint, (size_t)deck->n_complaints * sizeof *more);
    PetscCall(PetscFree(deck->complaint));
    deck->complaint       = more;
    deck->room_complaints = room;
  }
  deck->complaint[deck->n_complaints] = (Complaint){source, line, column, length, deck->n_complaints, message, hint};
  deck->n_complaints++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode DeckComplain(TesDeck deck, TesNode place, char *message, char *hint)
{
  PetscFunctionBegin;
  if (!place) PetscCall(DeckComplainAt(deck, -1, 1, 1, 1, message, hint));
  else PetscCall(DeckComplainAt(deck, place->source, place->line, place->column, place->length, message, hint));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static int ByPlace(const void *a, const void *b)
{
  const Complaint *x = a, *y = b;

  if (x->source != y->source) return x->source < y->source ? -1 : 1;
  if (x->line != y->line) return x->line < y->line ? -1 : 1;
  if (x->column != y->column) return x->column < y->column ? -1 : 1;
  return x->order < y->order ? -1 : 1;
}

/* The deck's line with a caret below; bytes that are no printing characters show as ?, long lines are cut around the place. */
static PetscErrorCode AddSourceLine(TesDeck deck, const Complaint *c, Text *out)
{
  const char *at = deck->source_text, *end = deck->source_text + deck->source_length, *stop;
  PetscInt    skip, width;
  char        number[16];

  PetscFunctionBegin;
  for (PetscInt line = 1; line < c->line && at < end; line++) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));

    at = newline ? newline + 1 : end;
  }
  stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : end;
  if (!stop) stop = end;
  if (stop > at && stop[-1] == '\r') stop--;
  skip  = c->column > 80 ? c->column - 40 : 0;
  width = PetscMin((PetscInt)(stop - at) - skip, 110);
  snprintf(number, sizeof number, "%d", (int)c->line);
  PetscCall(TextAdd(out, "%5s | ", number));
  for (PetscInt i = 0; i < width; i++) {
    unsigned char b    = (unsigned char)at[skip + i];
    char          show = b < 32 || b == 127 ? (b == '\t' ? ' ' : '?') : (char)b;

    PetscCall(TextAddBytes(out, &show, 1));
  }
  PetscCall(TextAdd(out, "\n      | %*s^", (int)(c->column - 1 - skip), ""));
  for (PetscInt i = 1; i < c->length && c->column - 1 - skip + i < width; i++) PetscCall(TextAddBytes(out, "~", 1));
  if (c->hint) PetscCall(TextAdd(out, " %s", c->hint));
  PetscCall(TextAddBytes(out, "\n", 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDeckComplaints(TesDeck deck, PetscInt *n, const char **text)
{
  Text out = {0};

  PetscFunctionBegin;
  *n = deck->n_complaints;
  if (!text) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscFree(deck->complaint_text));
  if (deck->n_complaints > 1) qsort(deck->complaint, (size_t)deck->n_complaints, sizeof *deck->complaint, ByPlace);
  PetscCall(TextAddBytes(&out, "", 0));
  for (PetscInt i = 0; i < PetscMin(deck->n_complaints, SHOWN); i++) {
    const Complaint *c = &deck->complaint[i];

    if (c->source >= 0) {
      PetscCall(TextAdd(&out, "--set %s: error: %s%s%s\n", deck->set[c->source], c->message, c->hint ? "; " : "", c->hint ? c->hint : ""));
    } else {
      PetscCall(TextAdd(&out, "%s:%d:%d: error: %s\n", deck->name, (int)c->line, (int)c->column, c->message));
      PetscCall(AddSourceLine(deck, c, &out));
    }
  }
  if (deck->n_complaints > SHOWN) PetscCall(TextAdd(&out, "... and %d more\n", (int)(deck->n_complaints - SHOWN)));
  if (deck->n_complaints) PetscCall(TextAdd(&out, "%d error%s; nothing was run\n", (int)deck->n_complaints, deck->n_complaints > 1 ? "s" : ""));
  deck->complaint_text = out.text;
  *text                = out.text ? out.text : "";
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The value as the user wrote it, for the head of a message. */
static PetscErrorCode AddShown(Text *out, TesNode node)
{
  PetscFunctionBegin;
  if (node->type == NODE_SCALAR) {
    PetscCall(TextAdd(out, "%.60s", node->text));
  } else if (node->type == NODE_LIST) {
    PetscCall(TextAdd(out, "["));
    for (PetscInt i = 0; i < PetscMin(node->n, 4); i++) {
      if (i) PetscCall(TextAdd(out, ", "));
      PetscCall(AddShown(out, node->item[i]));
    }
    PetscCall(TextAdd(out, node->n > 4 ? ", ...]" : "]"));
  } else {
    PetscCall(TextAdd(out, "{...}"));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDeckComplainKey(TesDeck deck, const char path[], const char format[], ...)
{
  TesNode     node = deck->root ? NodeFind(deck->root, path) : NULL, place = node;
  Text        message = {0};
  char        above[256], text[1024];
  const char *last = strrchr(path, '.');
  va_list     arguments;

  PetscFunctionBegin;
  last = last ? last + 1 : path;
  /* a key that was not given is complained of at the nearest section that was */
  snprintf(above, sizeof above, "%s", path);
  while (!place) {
    char *dot = strrchr(above, '.');

    if (!dot) {
      place = deck->root;
      break;
    }
    *dot  = 0;
    place = deck->root ? NodeFind(deck->root, above) : NULL;
  }
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (node) {
    PetscCall(TextAdd(&message, "`%s: ", last));
    PetscCall(AddShown(&message, node));
    PetscCall(TextAdd(&message, "` is %s", text));
  } else {
    PetscCall(TextAdd(&message, "`%s` (not given) is %s", path, text));
  }
  PetscCall(DeckComplain(deck, place, message.text, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}
