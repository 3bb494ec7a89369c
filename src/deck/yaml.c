/* YAML text -> nodes with line and column, by libyaml's events. What events do not tell is checked here: duplicate keys, undefined aliases, nesting, alias bombs, more
   than one document. Merge keys (`<<: *a`) are resolved. Aliases share nodes, so a bomb costs no memory; its weight is counted and refused. */
#include <stdlib.h>
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
  yaml_parser_t parser;
  PetscInt      depth;
  TesNode       open[DECK_MAX_DEPTH];     /* collections that are open */
  TesNode       pending[DECK_MAX_DEPTH];  /* map: the key that waits for its value */
  const char   *anchored[DECK_MAX_DEPTH]; /* anchor name of the open collection */
  PetscInt      n_anchors, room_anchors;
  Anchor       *anchor;
  TesNode       root;
  PetscBool     bad;
} Reader;

PetscErrorCode NodeCreate(TesDeck deck, NodeType type, const struct _p_TesNode *place, TesNode *node)
{
  PetscFunctionBegin;
  PetscCall(DeckAlloc(deck, sizeof **node, node));
  (*node)->type   = type;
  (*node)->weight = 1;
  (*node)->text   = "";
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

TesNode NodeFind(TesNode root, const char path[])
{
  TesNode node = root;

  while (node && *path) {
    const char *dot = strchr(path, '.');
    size_t      n   = dot ? (size_t)(dot - path) : strlen(path);
    char        name[128];

    if (n >= sizeof name) return NULL;
    memcpy(name, path, n);
    name[n] = 0;
    if (node->type == NODE_LIST) {
      char *end;
      long  i = strtol(name, &end, 10);

      node = !*end && n && i >= 0 && i < node->n ? node->item[i] : NULL;
    } else {
      node = NodeChild(node, name, NULL);
    }
    path += n + (dot ? 1 : 0);
  }
  return node;
}

static PetscErrorCode Wrong(Reader *r, const yaml_mark_t *mark, PetscInt length, const char format[], const char detail[])
{
  char *message;

  PetscFunctionBegin;
  PetscCall(TesFormat(&message, format, detail));
  PetscCall(DeckComplainAt(r->deck, r->source, (PetscInt)mark->line + 1, (PetscInt)mark->column + 1, length, message, NULL));
  r->bad = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Place(Reader *r, const yaml_event_t *event, TesNode node)
{
  PetscFunctionBegin;
  node->source = r->source;
  node->line   = (PetscInt)event->start_mark.line + 1;
  node->column = (PetscInt)event->start_mark.column + 1;
  node->length = event->end_mark.line == event->start_mark.line ? (PetscInt)(event->end_mark.column - event->start_mark.column) : 1;
  if (node->length < 1) node->length = 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Remember(Reader *r, const char name[], TesNode node)
{
  PetscFunctionBegin;
  if (!name) PetscFunctionReturn(PETSC_SUCCESS);
  if (r->n_anchors == r->room_anchors) {
    PetscInt room = 2 * r->room_anchors + 8;
    Anchor  *more;

    PetscCall(DeckAlloc(r->deck, (size_t)room * sizeof *more, &more));
    if (r->n_anchors) memcpy(more, r->anchor, (size_t)r->n_anchors * sizeof *more);
    r->anchor       = more;
    r->room_anchors = room;
  }
  r->anchor[r->n_anchors].node = node;
  PetscCall(DeckString(r->deck, name, strlen(name), &r->anchor[r->n_anchors].name));
  r->n_anchors++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MergeOne(Reader *r, TesNode map, TesNode from, const yaml_mark_t *mark)
{
  PetscFunctionBegin;
  if (from->type == NODE_LIST) {
    for (PetscInt i = 0; i < from->n; i++) PetscCall(MergeOne(r, map, from->item[i], mark));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (from->type != NODE_MAP) {
    PetscCall(Wrong(r, mark, 1, "`<<` merges a map, this is %s", "none"));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt i = 0; i < from->n; i++)
    if (!NodeChild(map, from->key[i]->text, NULL)) PetscCall(NodeAppend(r->deck, map, from->key[i], from->item[i]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* `<<` stands for all the keys of another map that this one does not name itself, wherever it stands. */
static PetscErrorCode ResolveMerge(Reader *r, TesNode map, const yaml_mark_t *mark)
{
  TesNode  from = NodeChild(map, "<<", NULL);
  PetscInt kept = 0;

  PetscFunctionBegin;
  if (!from) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt i = 0; i < map->n; i++) {
    if (map->item[i] == from && !strcmp(map->key[i]->text, "<<")) continue;
    map->key[kept]    = map->key[i];
    map->item[kept++] = map->item[i];
  }
  map->n = kept;
  PetscCall(MergeOne(r, map, from, mark));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Large maps (a file of a thousand PETSc options is none, a hostile one may be) must not cost n^2: duplicates are looked for by sorting when a map closes. */
static int ByText(const void *a, const void *b)
{
  return strcmp((*(TesNode const *)a)->text, (*(TesNode const *)b)->text);
}

static PetscErrorCode FindDuplicates(Reader *r, TesNode map)
{
  TesNode *sorted;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(PetscMax(map->n, 1), &sorted));
  if (map->n) memcpy(sorted, map->key, (size_t)map->n * sizeof *sorted);
  if (map->n > 1) qsort(sorted, (size_t)map->n, sizeof *sorted, ByText);
  for (PetscInt i = 1; i < map->n; i++) {
    TesNode first = sorted[i - 1], second = sorted[i];
    char   *message;

    if (strcmp(first->text, second->text)) continue;
    if (first->line > second->line || (first->line == second->line && first->column > second->column)) {
      TesNode swap = first;
      first        = second;
      second       = swap;
    }
    PetscCall(TesFormat(&message, "key `%.60s` is given twice (first in line %d)", second->text, (int)first->line));
    PetscCall(DeckComplain(r->deck, second, message, NULL));
    r->bad = PETSC_TRUE;
  }
  PetscCall(PetscFree(sorted));
  PetscFunctionReturn(PETSC_SUCCESS);
}

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
    if (node->type != NODE_SCALAR) PetscCall(Wrong(r, &event->start_mark, 1, "a key must be a plain word%s", ""));
    r->pending[r->depth - 1] = node;
  } else {
    PetscCall(NodeAppend(r->deck, parent, r->pending[r->depth - 1], node));
    r->pending[r->depth - 1] = NULL;
  }
  if (parent && parent->weight > DECK_MAX_WEIGHT) PetscCall(Wrong(r, &event->start_mark, 1, "more than a million values%s", ""));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Open(Reader *r, NodeType type, const yaml_event_t *event, const char anchor[])
{
  TesNode node;

  PetscFunctionBegin;
  if (r->depth == DECK_MAX_DEPTH) {
    PetscCall(Wrong(r, &event->start_mark, 1, "nested deeper than 64 levels%s", ""));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(NodeCreate(r->deck, type, NULL, &node));
  PetscCall(Place(r, event, node));
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
  if (node->type == NODE_MAP) {
    PetscCall(FindDuplicates(r, node));
    PetscCall(ResolveMerge(r, node, &event->start_mark));
  }
  PetscCall(Remember(r, r->anchored[r->depth], node));
  PetscCall(Deliver(r, node, event));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OnScalar(Reader *r, const yaml_event_t *event)
{
  TesNode node;

  PetscFunctionBegin;
  PetscCall(NodeCreate(r->deck, NODE_SCALAR, NULL, &node));
  PetscCall(Place(r, event, node));
  if (memchr(event->data.scalar.value, 0, event->data.scalar.length)) PetscCall(Wrong(r, &event->start_mark, node->length, "a NUL character in a value%s", ""));
  PetscCall(DeckString(r->deck, (const char *)event->data.scalar.value, event->data.scalar.length, &node->text));
  node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ? PETSC_TRUE : PETSC_FALSE;
  PetscCall(Remember(r, (const char *)event->data.scalar.anchor, node));
  PetscCall(Deliver(r, node, event));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OnAlias(Reader *r, const yaml_event_t *event)
{
  const char *name = (const char *)event->data.alias.anchor;

  PetscFunctionBegin;
  for (PetscInt i = r->n_anchors - 1; i >= 0; i--) {
    if (strcmp(r->anchor[i].name, name)) continue;
    PetscCall(Deliver(r, r->anchor[i].node, event));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(Wrong(r, &event->start_mark, (PetscInt)strlen(name) + 1, "no anchor `&%.60s` before this alias", name));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* libyaml gives a mark for what its scanner and parser find, and a byte offset for what its reader finds. */
static PetscErrorCode SyntaxError(Reader *r, const char text[], size_t length)
{
  yaml_parser_t *p    = &r->parser;
  yaml_mark_t    mark = p->problem_mark;
  char          *message;

  PetscFunctionBegin;
  if (p->error == YAML_READER_ERROR) {
    size_t stop = PetscMin(p->problem_offset, length);

    mark.line = mark.column = 0;
    for (size_t i = 0; i < stop; i++) {
      mark.column++;
      if (text[i] == '\n') {
        mark.line++;
        mark.column = 0;
      }
    }
  }
  PetscCall(TesFormat(&message, "%s%s%s%s", p->problem ? p->problem : "not YAML", p->context ? " (" : "", p->context ? p->context : "", p->context ? ")" : ""));
  PetscCall(DeckComplainAt(r->deck, r->source, (PetscInt)mark.line + 1, (PetscInt)mark.column + 1, 1, message, NULL));
  r->bad = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OnEvent(Reader *r, const yaml_event_t *event, PetscInt *documents)
{
  PetscFunctionBegin;
  switch (event->type) {
  case YAML_DOCUMENT_START_EVENT:
    if (++*documents > 1) PetscCall(Wrong(r, &event->start_mark, 3, "a second document in one deck%s", ""));
    break;
  case YAML_SCALAR_EVENT: PetscCall(OnScalar(r, event)); break;
  case YAML_ALIAS_EVENT: PetscCall(OnAlias(r, event)); break;
  case YAML_SEQUENCE_START_EVENT: PetscCall(Open(r, NODE_LIST, event, (const char *)event->data.sequence_start.anchor)); break;
  case YAML_MAPPING_START_EVENT: PetscCall(Open(r, NODE_MAP, event, (const char *)event->data.mapping_start.anchor)); break;
  case YAML_SEQUENCE_END_EVENT:
  case YAML_MAPPING_END_EVENT: PetscCall(CloseCollection(r, event)); break;
  default: break;
  }
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
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
  while (!end && !r.bad) {
    PetscErrorCode ierr;

    if (!yaml_parser_parse(&r.parser, &event)) {
      PetscCall(SyntaxError(&r, text, length));
      break;
    }
    end  = event.type == YAML_STREAM_END_EVENT ? PETSC_TRUE : PETSC_FALSE;
    ierr = OnEvent(&r, &event, &documents);
    yaml_event_delete(&event);
    PetscCall(ierr);
  }
  yaml_parser_delete(&r.parser);
  if (!r.bad) *root = r.root;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- nodes of free maps ---- */

const char *TesNodeText(TesNode node)
{
  return node->type == NODE_SCALAR ? node->text : "";
}

PetscInt TesNodeCount(TesNode node)
{
  return node->type == NODE_LIST ? node->n : 0;
}

TesNode TesNodeItem(TesNode node, PetscInt i)
{
  return node->item[i];
}

PetscErrorCode TesNodeReal(TesNode node, PetscBool *is_number, PetscReal *value)
{
  PetscFunctionBegin;
  *is_number = node->type == NODE_SCALAR && !ReadReal(node->text, value) ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}
