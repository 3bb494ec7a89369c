/* YAML text -> nodes with line and column, by libyaml's events. What events do not tell is checked here: undefined aliases, tags, nesting, alias bombs, more than one document
   (duplicate and merge keys: merge.c). Aliases share nodes, so a bomb costs no memory; its weight, each alias counted as what it stands for, is limited.

   What makes the text unreadable ends the parse with one complaint and no root; what can be lived with (a tag) is complained of and the parse goes on, so that
   the schema finds the rest of the mistakes. Anchors are looked up in a hash table and every other step is constant: the cost is linear in the length of the text. */
#include <string.h>
#include <yaml.h>
#include "deck_impl.h"

typedef struct {
  const char *name;
  TesNode     node;
} Anchor;

typedef struct {
  TesDeck       deck;
  PetscInt      source;
  yaml_mark_t   end; /* behind the last character: libyaml breaks a last line that has no break of its own, and counts the line that then follows */
  yaml_parser_t parser;
  PetscInt      depth;
  TesNode       open[DECK_MAX_DEPTH];     /* collections that are open */
  TesNode       pending[DECK_MAX_DEPTH];  /* map: the key that waits for its value */
  const char   *anchored[DECK_MAX_DEPTH]; /* anchor name of the open collection */
  size_t        n_anchors, room_anchors;  /* hash table by open addressing, at most half full; room is a power of two */
  Anchor       *anchor;
  TesNode       root;
  PetscBool     unreadable;
} Reader;

static const yaml_mark_t *Inside(const Reader *r, const yaml_mark_t *mark)
{
  return mark->line > r->end.line ? &r->end : mark;
}

static PetscErrorCode Complain(Reader *r, const yaml_mark_t *mark, PetscInt length, char *message, const char hint[])
{
  char *copy = NULL;

  PetscFunctionBegin;
  mark = Inside(r, mark);
  if (hint) PetscCall(TesFormat(&copy, "%s", hint));
  PetscCall(DeckComplainAt(r->deck, r->source, (PetscInt)mark->line + 1, (PetscInt)mark->column + 1, length, message, copy));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Unreadable(Reader *r, const yaml_mark_t *mark, PetscInt length, const char format[], const char detail[])
{
  char *message;

  PetscFunctionBegin;
  PetscCall(TesFormat(&message, format, detail));
  PetscCall(Complain(r, mark, length, message, NULL));
  r->unreadable = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Place(const Reader *r, const yaml_event_t *event, TesNode node)
{
  const yaml_mark_t *start = Inside(r, &event->start_mark);

  node->source = r->source;
  node->line   = (PetscInt)start->line + 1;
  node->column = (PetscInt)start->column + 1;
  node->length = event->end_mark.line == event->start_mark.line ? (PetscInt)(event->end_mark.column - event->start_mark.column) : 1;
  if (node->length < 1) node->length = 1;
}

/* ---- anchors ---- */

static Anchor *AnchorSlot(Anchor table[], size_t room, const char name[])
{
  size_t h = 14695981039346656037u; /* FNV-1a */

  for (const char *c = name; *c; c++) h = (h ^ (unsigned char)*c) * 1099511628211u;
  for (h &= room - 1; table[h].name && strcmp(table[h].name, name); h = (h + 1) & (room - 1)) continue;
  return &table[h];
}

/* YAML lets a later anchor of the same name hide the earlier one. */
static PetscErrorCode Remember(Reader *r, const char name[], TesNode node)
{
  Anchor *slot;

  PetscFunctionBegin;
  if (!name) PetscFunctionReturn(PETSC_SUCCESS);
  if (2 * r->n_anchors >= r->room_anchors) {
    size_t  room = r->room_anchors ? 2 * r->room_anchors : 16;
    Anchor *more;

    PetscCall(DeckAlloc(r->deck, room * sizeof *more, &more));
    for (size_t i = 0; i < r->room_anchors; i++)
      if (r->anchor[i].name) *AnchorSlot(more, room, r->anchor[i].name) = r->anchor[i];
    r->anchor       = more;
    r->room_anchors = room;
  }
  slot = AnchorSlot(r->anchor, r->room_anchors, name);
  if (!slot->name) {
    PetscCall(DeckString(r->deck, name, strlen(name), &slot->name));
    r->n_anchors++;
  }
  slot->node = node;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- events ---- */

/* A complete node goes to the open collection, or is the root. */
static PetscErrorCode Deliver(Reader *r, TesNode node, const yaml_event_t *event)
{
  TesNode parent = r->depth ? r->open[r->depth - 1] : NULL;

  PetscFunctionBegin;
  if (!parent) {
    r->root = node;
  } else if (parent->type == NODE_LIST) {
    PetscCall(NodeAppend(r->deck, parent, NULL, node));
  } else if (!r->pending[r->depth - 1]) {
    if (node->type != NODE_SCALAR) PetscCall(Unreadable(r, &event->start_mark, 1, "a key must be a plain word%s", ""));
    r->pending[r->depth - 1] = node;
  } else {
    PetscCall(NodeAppend(r->deck, parent, r->pending[r->depth - 1], node));
    r->pending[r->depth - 1] = NULL;
  }
  if (parent && parent->weight > DECK_MAX_WEIGHT)
    PetscCall(Unreadable(r, &event->start_mark, 1, "more than " PetscStringize(DECK_MAX_WEIGHT) " values (aliases count each time): large data belongs into a file%s", ""));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RefuseTag(Reader *r, const yaml_event_t *event, const yaml_char_t *tag)
{
  static const char long_form[] = "tag:yaml.org,2002:"; /* what `!!` stands for */
  const char       *name        = (const char *)tag;
  PetscBool         is_short    = name && !strncmp(name, long_form, sizeof long_form - 1) ? PETSC_TRUE : PETSC_FALSE;
  char             *message;

  PetscFunctionBegin;
  if (!tag) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesFormat(&message, "tag `%s%.60s` has no meaning in a deck: the key decides what its value is", is_short ? "!!" : "", is_short ? name + sizeof long_form - 1 : name));
  PetscCall(Complain(r, &event->start_mark, 1, message, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Open(Reader *r, NodeType type, const yaml_event_t *event, const char anchor[])
{
  TesNode node;

  PetscFunctionBegin;
  if (r->depth == DECK_MAX_DEPTH) {
    PetscCall(Unreadable(r, &event->start_mark, 1, "nested deeper than " PetscStringize(DECK_MAX_DEPTH) " levels%s", ""));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(NodeCreate(r->deck, type, NULL, &node));
  Place(r, event, node);
  r->open[r->depth]     = node;
  r->pending[r->depth]  = NULL;
  r->anchored[r->depth] = NULL;
  if (anchor) PetscCall(DeckString(r->deck, anchor, strlen(anchor), &r->anchored[r->depth]));
  r->depth++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CloseCollection(Reader *r, const yaml_event_t *event)
{
  TesNode node = r->open[--r->depth];

  PetscFunctionBegin;
  if (node->type == NODE_MAP) PetscCall(MapClose(r->deck, node));
  PetscCall(Remember(r, r->anchored[r->depth], node));
  PetscCall(Deliver(r, node, event));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OnScalar(Reader *r, const yaml_event_t *event)
{
  const char *text  = (const char *)event->data.scalar.value;
  int         style = event->data.scalar.style;
  TesNode     node;

  PetscFunctionBegin;
  PetscCall(NodeCreate(r->deck, NODE_SCALAR, NULL, &node));
  Place(r, event, node);
  if (memchr(text, 0, event->data.scalar.length)) PetscCall(Unreadable(r, &event->start_mark, node->length, "a NUL character in a value%s", ""));
  PetscCall(RefuseTag(r, event, event->data.scalar.tag));
  PetscCall(DeckString(r->deck, text, event->data.scalar.length, &node->text));
  node->quoted = style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE ? PETSC_TRUE : PETSC_FALSE;
  node->block  = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE || event->start_mark.line != event->end_mark.line ? PETSC_TRUE : PETSC_FALSE;
  PetscCall(Remember(r, (const char *)event->data.scalar.anchor, node));
  PetscCall(Deliver(r, node, event));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OnAlias(Reader *r, const yaml_event_t *event)
{
  const char *name = (const char *)event->data.alias.anchor;
  Anchor     *slot = r->n_anchors ? AnchorSlot(r->anchor, r->room_anchors, name) : NULL;

  PetscFunctionBegin;
  if (slot && slot->name) PetscCall(Deliver(r, slot->node, event));
  else PetscCall(Unreadable(r, &event->start_mark, (PetscInt)PetscMin(strlen(name), 60) + 1, "alias `*%.60s` has no anchor before it", name));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OnEvent(Reader *r, const yaml_event_t *event, PetscInt *documents)
{
  PetscFunctionBegin;
  switch (event->type) {
  case YAML_DOCUMENT_START_EVENT:
    if (++*documents > 1) PetscCall(Unreadable(r, &event->start_mark, 3, "a second document in one deck%s", ""));
    break;
  case YAML_SCALAR_EVENT: PetscCall(OnScalar(r, event)); break;
  case YAML_ALIAS_EVENT: PetscCall(OnAlias(r, event)); break;
  case YAML_SEQUENCE_START_EVENT:
    PetscCall(RefuseTag(r, event, event->data.sequence_start.tag));
    PetscCall(Open(r, NODE_LIST, event, (const char *)event->data.sequence_start.anchor));
    break;
  case YAML_MAPPING_START_EVENT:
    PetscCall(RefuseTag(r, event, event->data.mapping_start.tag));
    PetscCall(Open(r, NODE_MAP, event, (const char *)event->data.mapping_start.anchor));
    break;
  case YAML_SEQUENCE_END_EVENT:
  case YAML_MAPPING_END_EVENT: PetscCall(CloseCollection(r, event)); break;
  default: break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- syntax errors ---- */

/* From the beginning of the text to a mark or to a byte, whichever comes first; returns the mark there, with the byte as its index. */
static yaml_mark_t WalkTo(const char text[], size_t length, const yaml_mark_t *mark, size_t byte)
{
  yaml_mark_t at = {0};

  while (at.index < PetscMin(byte, length) && (at.line < mark->line || (at.line == mark->line && at.column < mark->column))) {
    size_t   bytes = LineBreak(text + at.index, length - at.index);
    unsigned code;

    if (bytes) {
      if (at.line == mark->line) break;
      at.line++;
      at.column = 0;
    } else {
      bytes = PetscMax(Utf8Decode(text + at.index, length - at.index, &code), 1);
      at.column++;
    }
    at.index += bytes;
  }
  return at;
}

static const yaml_mark_t nowhere = {.line = SIZE_MAX};

/* libyaml gives a mark for what its scanner and parser find, and a byte for what its reader finds. Returns the character there. */
static char Locate(const yaml_parser_t *p, const char text[], size_t length, yaml_mark_t *mark)
{
  *mark = p->error == YAML_READER_ERROR ? WalkTo(text, length, &nowhere, p->problem_offset) : WalkTo(text, length, &p->problem_mark, length);
  return mark->index < length ? text[mark->index] : 0;
}

static PetscErrorCode SyntaxError(Reader *r, const char text[], size_t length)
{
  yaml_parser_t *p = &r->parser;
  yaml_mark_t    mark;
  char           there = Locate(p, text, length, &mark), *message;
  const char    *hint  = NULL, *problem = p->problem ? p->problem : "not YAML", *context = p->context ? p->context : "";

  PetscFunctionBegin;
  if (there == '\t') hint = "a tab: YAML indents with blanks";
  if (hint && strstr(problem, "cannot start any token")) {
    PetscCall(TesFormat(&message, "%s", hint));
    hint = NULL;
  } else if (!strcmp(context, "while scanning a simple key")) { /* found out lines later: the place is where the key stands */
    mark = p->context_mark;
    PetscCall(TesFormat(&message, "a key without `:` behind it"));
  } else if (!strcmp(context, "while scanning a quoted scalar") && strstr(problem, "unexpected")) { /* found out at the end of the text */
    mark = p->context_mark;
    PetscCall(TesFormat(&message, "this quotation mark is never closed"));
  } else if (strstr(problem, "cannot start any token") && there > ' ' && there < 127) {
    PetscCall(TesFormat(&message, there == '`' ? "no value begins with a backquote: a text with such characters stands in quotes" : "no value begins with `%c`: a text with such characters stands in quotes", there));
  } else if (strstr(problem, "mapping values are not allowed")) {
    PetscCall(TesFormat(&message, "no key can stand before this `:`: the keys of a section stand on lines of their own, a text with `: ` in it stands in quotes"));
  } else if (p->error == YAML_READER_ERROR) {
    if (p->problem_value >= 0) PetscCall(TesFormat(&message, "%s (0x%02X): a deck is text in UTF-8", problem, (unsigned)p->problem_value));
    else PetscCall(TesFormat(&message, "%s: a deck is text in UTF-8", problem));
  } else if (context[0] && p->context_mark.line != mark.line) {
    if (strstr(problem, "expected key")) hint = "the keys of a section are indented alike";
    PetscCall(TesFormat(&message, "%s (%s that begins in line %d)", problem, context, (int)p->context_mark.line + 1));
  } else {
    PetscCall(TesFormat(&message, "%s%s%s%s", problem, context[0] ? " (" : "", context, context[0] ? ")" : ""));
  }
  PetscCall(Complain(r, &mark, 1, message, hint));
  r->unreadable = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode DeckParseYaml(TesDeck deck, PetscInt source, const char text[], size_t length, TesNode *root)
{
  Reader       r         = {.deck = deck, .source = source};
  PetscInt     documents = 0;
  yaml_event_t event;
  PetscBool    end = PETSC_FALSE;

  PetscFunctionBegin;
  *root = NULL;
  PetscCheck(yaml_parser_initialize(&r.parser), PETSC_COMM_SELF, PETSC_ERR_MEM, "no memory for the YAML parser");
  r.end = WalkTo(text, length, &nowhere, length);
  yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
  while (!end && !r.unreadable) {
    PetscErrorCode ierr;

    if (!yaml_parser_parse(&r.parser, &event)) {
      PetscCheck(r.parser.error != YAML_MEMORY_ERROR, PETSC_COMM_SELF, PETSC_ERR_MEM, "no memory for the YAML parser");
      PetscCall(SyntaxError(&r, text, length));
      break;
    }
    end  = event.type == YAML_STREAM_END_EVENT ? PETSC_TRUE : PETSC_FALSE;
    ierr = OnEvent(&r, &event, &documents);
    yaml_event_delete(&event);
    PetscCall(ierr);
  }
  yaml_parser_delete(&r.parser);
  if (!r.unreadable) *root = r.root;
  PetscFunctionReturn(PETSC_SUCCESS);
}
