/* Complaints in compiler style: place, what is wrong, the line, a caret, a hint; sorted by place, all at once.

     input_decks/chain/long.yaml:7:3: error: unknown key `gama` in section `chain`
         7 |   gama: 0.3
           |   ^~~~ did you mean `gamma`?  (known: coupling, dt, ends, gamma, sites)
     1 error; nothing was run

   What --set brought has no line: its place is the assignment. Lines are found in one pass over the text, since the complaints are sorted. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "deck_impl.h"

#define SHOWN 50  /* a deck that is no deck at all has thousands: the first ones tell */
#define WIDTH 110 /* longest piece of a line that is shown */

PetscErrorCode DeckComplainAt(TesDeck deck, PetscInt source, PetscInt line, PetscInt column, PetscInt length, char *message, char *hint)
{
  PetscInt order = deck->n_complaints++;

  PetscFunctionBegin;
  if (deck->n_kept == DECK_MAX_COMPLAINTS) {
    PetscCall(PetscFree(message));
    PetscCall(PetscFree(hint));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (deck->n_kept == deck->room_complaints) {
    PetscInt   room = 2 * deck->room_complaints + 8;
    Complaint *more;

    PetscCall(PetscMalloc1(room, &more));
    if (deck->n_kept) memcpy(more, deck->complaint, (size_t)deck->n_kept * sizeof *more);
    PetscCall(PetscFree(deck->complaint));
    deck->complaint       = more;
    deck->room_complaints = room;
  }
  deck->complaint[deck->n_kept++] = (Complaint){source, line, column, length, order, message, hint};
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscBool DeckCountOnly(TesDeck deck)
{
  if (deck->n_kept < DECK_MAX_COMPLAINTS) return PETSC_FALSE;
  deck->n_complaints++;
  return PETSC_TRUE;
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

/* where a line of the deck begins */
typedef struct {
  PetscInt line;
  size_t   at;
} Cursor;

static void GoToLine(TesDeck deck, PetscInt line, Cursor *cursor)
{
  while (cursor->line < line && cursor->at < deck->source_length) {
    size_t bytes = LineBreak(deck->source_text + cursor->at, deck->source_length - cursor->at);

    if (bytes) cursor->line++;
    cursor->at += PetscMax(bytes, 1);
  }
}

/* The deck's line with a caret below; a long line is cut around the place. */
static PetscErrorCode AddSourceLine(TesDeck deck, const Complaint *c, Cursor *cursor, Text *out)
{
  const char *line;
  size_t      length = 0, at = 0;
  PetscInt    skip, column = 1, caret, stop;
  unsigned    code;

  PetscFunctionBegin;
  GoToLine(deck, c->line, cursor);
  line = deck->source_text + cursor->at;
  while (cursor->at + length < deck->source_length && !LineBreak(line + length, deck->source_length - cursor->at - length)) length++;
  skip = c->column > 80 ? c->column - 40 : 0;
  for (; column <= skip && at < length; column++) at += PetscMax(Utf8Decode(line + at, length - at, &code), 1);
  skip = column - 1;
  PetscCall(TextAdd(out, "%5d | ", (int)c->line));
  for (; column <= skip + WIDTH && at < length; column++) {
    size_t bytes = PetscMax(Utf8Decode(line + at, length - at, &code), 1);

    PetscCall(TextAddSafe(out, line + at, bytes));
    at += bytes;
  }
  stop  = column; /* behind the last character shown */
  caret = PetscMin(c->column, stop);
  PetscCall(TextAdd(out, "\n      | %*s^", (int)(caret - 1 - skip), ""));
  for (PetscInt i = caret + 1; i < PetscMin(c->column + c->length, stop); i++) PetscCall(TextAddBytes(out, "~", 1));
  if (c->hint) {
    PetscCall(TextAddBytes(out, " ", 1));
    PetscCall(TextAddSafe(out, c->hint, strlen(c->hint)));
  }
  PetscCall(TextAddBytes(out, "\n", 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddComplaint(TesDeck deck, const Complaint *c, Cursor *cursor, Text *out)
{
  PetscFunctionBegin;
  if (c->source >= 0) {
    PetscCall(TextAdd(out, "--set "));
    PetscCall(TextAddSafe(out, deck->set[c->source], PetscMin(strlen(deck->set[c->source]), 200)));
  } else {
    PetscCall(TextAddSafe(out, deck->name, strlen(deck->name)));
    PetscCall(TextAdd(out, ":%d:%d", (int)c->line, (int)c->column));
  }
  PetscCall(TextAdd(out, ": error: "));
  PetscCall(TextAddSafe(out, c->message, strlen(c->message)));
  if (c->source >= 0 && c->hint) {
    PetscCall(TextAdd(out, "; "));
    PetscCall(TextAddSafe(out, c->hint, strlen(c->hint)));
  }
  PetscCall(TextAddBytes(out, "\n", 1));
  if (c->source < 0) PetscCall(AddSourceLine(deck, c, cursor, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDeckComplaints(TesDeck deck, PetscInt *n, const char **text)
{
  Text   out    = {0};
  Cursor cursor = {1, 0};

  PetscFunctionBegin;
  *n = deck->n_complaints;
  if (!text) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscFree(deck->complaint_text));
  if (deck->n_kept > 1) qsort(deck->complaint, (size_t)deck->n_kept, sizeof *deck->complaint, ByPlace);
  PetscCall(TextAddBytes(&out, "", 0));
  for (PetscInt i = 0; i < PetscMin(deck->n_kept, SHOWN); i++) PetscCall(AddComplaint(deck, &deck->complaint[i], &cursor, &out));
  if (deck->n_complaints > SHOWN) PetscCall(TextAdd(&out, "... and %d more\n", (int)(deck->n_complaints - SHOWN)));
  if (deck->n_complaints) PetscCall(TextAdd(&out, "%d error%s; nothing was run\n", (int)deck->n_complaints, deck->n_complaints > 1 ? "s" : ""));
  deck->complaint_text = out.text;
  *text                = out.text;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode NodeShow(TesNode node, Text *out)
{
  PetscFunctionBegin;
  if (node->type == NODE_SCALAR) {
    PetscCall(TextAdd(out, node->quoted ? "\"%.60s%s\"" : "%.60s%s", node->text, strlen(node->text) > 60 ? "..." : ""));
  } else if (node->type == NODE_LIST) {
    PetscCall(TextAdd(out, "["));
    for (PetscInt i = 0; i < PetscMin(node->n, 4); i++) {
      if (i) PetscCall(TextAdd(out, ", "));
      if (node->item[i]->type == NODE_SCALAR) PetscCall(NodeShow(node->item[i], out));
      else PetscCall(TextAdd(out, node->item[i]->type == NODE_LIST ? "[...]" : "{...}"));
    }
    PetscCall(TextAdd(out, node->n > 4 ? ", ...]" : "]"));
  } else {
    PetscCall(TextAdd(out, "{...}"));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* "hamiltonian.2.coeff" is shown as hamiltonian[2].coeff; without items the last name is enough, since the place is said */
static PetscErrorCode AddPath(const char path[], Text *out)
{
  size_t   start = out->used;
  PetscInt number;

  PetscFunctionBegin;
  for (const char *at = path; *at;) {
    size_t n = strcspn(at, ".");

    if (ItemNumber(at, n, &number) && at > path) PetscCall(TextAdd(out, "[%d]", (int)number));
    else PetscCall(TextAdd(out, "%s%.*s", out->used > start ? "." : "", (int)n, at));
    at += n + (at[n] ? 1 : 0);
  }
  if (!strchr(out->text + start, '[')) {
    const char *last = strrchr(path, '.');

    out->used = start;
    PetscCall(TextAdd(out, "%s", last ? last + 1 : path));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A key that was not given is complained of at the nearest section that was. */
static TesNode PlaceOf(TesDeck deck, const char path[])
{
  TesNode place = NULL;
  char    above[256];

  snprintf(above, sizeof above, "%s", path);
  for (char *dot = strrchr(above, '.'); dot; dot = strrchr(above, '.')) {
    *dot = 0;
    if (NodeFind(deck->root, above, &place)) return place;
  }
  return deck->root;
}

/* "unstable: ..." follows an "is"; "must be ...", "has 3 entries" follow as they are; a whole sentence follows a colon. */
static const char *Joint(const char text[])
{
  static const char *const verbs[] = {"is", "has", "have", "must", "needs", "uses", "cannot", "does", "may", "should", "wants", "gives", "names", "asks", NULL};
  size_t                   n       = strcspn(text, " ");

  for (PetscInt k = 0; verbs[k]; k++)
    if (strlen(verbs[k]) == n && !strncmp(verbs[k], text, n)) return " ";
  if (text[0] == ':') return "";
  return text[0] == '`' || !strncmp(text, "the ", 4) ? ": " : " is ";
}

PetscErrorCode TesDeckComplainKey(TesDeck deck, const char path[], const char format[], ...)
{
  TesNode       node    = NodeFind(deck->root, path, NULL);
  const TesKey *key     = FindKey(deck->n_tables, deck->table, path);
  Text          message = {0};
  char          text[1024];
  va_list       arguments;

  PetscFunctionBegin;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  PetscCall(TextAdd(&message, "`"));
  PetscCall(AddPath(path, &message));
  if (node) {
    PetscCall(TextAdd(&message, ": "));
    PetscCall(NodeShow(node, &message));
    PetscCall(TextAdd(&message, "`"));
  } else if (key && key->fallback) {
    PetscCall(TextAdd(&message, ": %s` (the default)", key->fallback));
  } else {
    PetscCall(TextAdd(&message, "` (not given)"));
  }
  PetscCall(TextAdd(&message, "%s%s", Joint(text), text));
  PetscCall(DeckComplain(deck, node ? node : PlaceOf(deck, path), message.text, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}
