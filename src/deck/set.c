/* Overrides from the command line: --set a.b=VALUE. The value is YAML; sections and list items on the way are made where they are missing ("a.0.b=1" begins a list).
   Aliases share nodes, so the way to the value is copied before it is changed: to set a key of one section must not change another one. */
#include <string.h>
#include "deck_impl.h"

static PetscErrorCode BadSet(TesDeck deck, PetscInt source, const char what[])
{
  char *message;

  PetscFunctionBegin;
  PetscCall(TesFormat(&message, "%s", what));
  PetscCall(DeckComplainAt(deck, source, 1, 1, 1, message, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Where does a name stand in a collection? *at = n means: it is to be appended. Returns what is wrong, or NULL. */
static const char *Position(TesNode node, const char name[], size_t length, PetscInt *at)
{
  if (!length) return "a name between two dots is missing";
  if (node->type == NODE_LIST) {
    if (!ItemNumber(name, length, at)) return "an item of a list is named by its number, from 0";
    return *at > node->n ? "there is no such item in the list, nor is it the next one" : NULL;
  }
  if (node->type != NODE_MAP) return "the path goes through a key that holds a value and is no section";
  for (*at = 0; *at < node->n; ++*at)
    if (strlen(node->key[*at]->text) == length && !strncmp(node->key[*at]->text, name, length)) break;
  return NULL;
}

/* Put a value at a path; *node becomes a changed copy. */
static PetscErrorCode Put(TesDeck deck, PetscInt source, const char path[], TesNode value, TesNode *node)
{
  size_t      length = strcspn(path, ".");
  const char *rest   = path[length] ? path + length + 1 : NULL, *wrong;
  PetscInt    at, number, before = deck->n_complaints;
  TesNode     copy, below = NULL;

  PetscFunctionBegin;
  PetscCall(NodeCopy(deck, *node, &copy));
  /* `section:` without a value, and what was made on the way, becomes what the path takes it for */
  if (copy->type == NODE_SCALAR && !copy->text[0] && !copy->quoted) copy->type = ItemNumber(path, length, &number) ? NODE_LIST : NODE_MAP;
  wrong = Position(copy, path, length, &at);
  if (wrong) {
    PetscCall(BadSet(deck, source, wrong));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (!rest) below = value;
  else {
    if (at < copy->n) below = copy->item[at];
    else PetscCall(NodeCreate(deck, NODE_SCALAR, value, &below));
    PetscCall(Put(deck, source, rest, value, &below));
    if (deck->n_complaints > before) PetscFunctionReturn(PETSC_SUCCESS); /* nothing is changed, not even half the way */
  }
  if (at < copy->n) {
    copy->item[at] = below;
  } else {
    TesNode key;

    PetscCall(NodeCreate(deck, NODE_SCALAR, value, &key));
    PetscCall(DeckString(deck, path, length, &key->text));
    PetscCall(NodeAppend(deck, copy, key, below));
  }
  /* a complaint about the key itself ("has no effect") is about this assignment */
  if (!rest && copy->type == NODE_MAP) {
    TesNode key;

    PetscCall(NodeCreate(deck, NODE_SCALAR, value, &key));
    key->text     = copy->key[at]->text;
    copy->key[at] = key;
  }
  *node = copy;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDeckSet(TesDeck deck, const char assignment[])
{
  const char *equals = strchr(assignment, '=');
  PetscInt    source = deck->n_sets, before = deck->n_complaints;
  const char **more;
  TesNode     value, root = deck->root;
  char        path[256];

  PetscFunctionBegin;
  PetscCall(DeckAlloc(deck, (size_t)(source + 1) * sizeof *more, &more));
  if (source) memcpy(more, deck->set, (size_t)source * sizeof *more);
  deck->set = more;
  PetscCall(DeckString(deck, assignment, strlen(assignment), &deck->set[source]));
  deck->n_sets++;
  if (!equals || equals == assignment || (size_t)(equals - assignment) >= sizeof path) {
    PetscCall(BadSet(deck, source, "an assignment is PATH=VALUE, as a.b=3"));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (!root) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscStrncpy(path, assignment, (size_t)(equals - assignment) + 1));
  if (!strcmp(path, "problem")) {
    PetscCall(BadSet(deck, source, "the kind of a deck cannot be set: it decides what the other keys mean"));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(DeckParseYaml(deck, source, equals + 1, strlen(equals + 1), &value));
  if (!value) {
    if (deck->n_complaints == before) PetscCall(BadSet(deck, source, "no value behind `=`"));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(Put(deck, source, path, value, &root));
  deck->root = root;
  PetscFunctionReturn(PETSC_SUCCESS);
}
