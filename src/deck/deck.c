/* A deck from its first byte to filled structs. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "deck_impl.h"

/* Read a plain file as a whole; rank 0 only. A FIFO or a device would block or never end: refused by its type. */
static PetscErrorCode ReadWhole(const char path[], char **text, size_t *length)
{
  struct stat status;
  int         file;
  size_t      have = 0;

  PetscFunctionBegin;
  *text = NULL;
  PetscCheck(!stat(path, &status), PETSC_COMM_SELF, TES_ERR_DECK, "%s", TesErrnoText("cannot read the deck %s", path));
  PetscCheck(S_ISREG(status.st_mode), PETSC_COMM_SELF, TES_ERR_DECK, "cannot read the deck %s: it is %s, not a plain file", path, S_ISDIR(status.st_mode) ? "a folder" : "a device or pipe");
  PetscCheck(status.st_size <= (off_t)DECK_MAX_BYTES, PETSC_COMM_SELF, TES_ERR_DECK, "the deck %s has more than 64 MiB", path);
  file = open(path, O_RDONLY | O_CLOEXEC);
  PetscCheck(file >= 0, PETSC_COMM_SELF, TES_ERR_DECK, "%s", TesErrnoText("cannot read the deck %s", path));
  PetscCall(PetscMalloc1((size_t)status.st_size + 1, text));
  while (have < (size_t)status.st_size) {
    ssize_t n = read(file, *text + have, (size_t)status.st_size - have);

    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    have += (size_t)n;
  }
  close(file);
  (*text)[have] = 0;
  *length       = have;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Create(const char name[], TesDeck *deck)
{
  const char *slash = strrchr(name, '/');

  PetscFunctionBegin;
  PetscCall(PetscNew(deck));
  PetscCall(TesFormat(&(*deck)->name, "%s", name));
  if (slash) PetscCall(TesFormat(&(*deck)->folder, "%.*s", (int)PetscMax(slash - name, 1), name));
  else PetscCall(TesFormat(&(*deck)->folder, "."));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Parse(TesDeck deck)
{
  char *message;

  PetscFunctionBegin;
  PetscCall(DeckParseYaml(deck, -1, deck->source_text, deck->source_length, &deck->root));
  if (!deck->root && deck->n_complaints) PetscFunctionReturn(PETSC_SUCCESS);
  if (!deck->root || (deck->root->type == NODE_SCALAR && !deck->root->text[0])) {
    PetscCall(TesFormat(&message, "the deck is empty: it begins with `problem: KIND` (see tessera list; tessera describe KIND --template prints a whole deck)"));
    PetscCall(DeckComplain(deck, NULL, message, NULL));
    deck->root = NULL;
  } else if (deck->root->type != NODE_MAP) {
    PetscCall(TesFormat(&message, "a deck is a map of keys and values; it begins with `problem: KIND`"));
    PetscCall(DeckComplain(deck, deck->root, message, NULL));
    deck->root = NULL;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDeckCreateText(MPI_Comm comm, const char name[], size_t length, const char text[], TesDeck *deck)
{
  PetscFunctionBegin;
  (void)comm; /* every rank has the text already */
  PetscCall(Create(name, deck));
  PetscCall(PetscMalloc1(length + 1, &(*deck)->source_text));
  if (length) memcpy((*deck)->source_text, text, length);
  (*deck)->source_text[length] = 0;
  (*deck)->source_length       = length;
  PetscCall(Parse(*deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDeckCreateFile(MPI_Comm comm, const char path[], TesDeck *deck)
{
  PetscErrorCode ierr   = PETSC_SUCCESS;
  char          *text   = NULL;
  PetscInt64     length = 0;
  size_t         bytes  = 0;
  int            rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  if (!rank) ierr = ReadWhole(path, &text, &bytes);
  PetscCall(TesAgree(comm, ierr));
  length = (PetscInt64)bytes;
  PetscCallMPI(MPI_Bcast(&length, 1, MPIU_INT64, 0, comm));
  if (rank) PetscCall(PetscMalloc1(length + 1, &text));
  PetscCallMPI(MPI_Bcast(text, (int)length, MPI_CHAR, 0, comm));
  PetscCall(TesDeckCreateText(comm, path, (size_t)length, text, deck));
  PetscCall(PetscFree(text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDeckDestroy(TesDeck *deck)
{
  TesDeck d = *deck;

  PetscFunctionBegin;
  if (!d) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt i = 0; i < d->n_complaints; i++) {
    PetscCall(PetscFree(d->complaint[i].message));
    PetscCall(PetscFree(d->complaint[i].hint));
  }
  PetscCall(PetscFree(d->complaint));
  PetscCall(PetscFree(d->complaint_text));
  PetscCall(PetscFree(d->resolved));
  PetscCall(PetscFree(d->difference));
  PetscCall(PetscFree(d->name));
  PetscCall(PetscFree(d->folder));
  PetscCall(PetscFree(d->source_text));
  PetscCall(DeckFreeArena(d));
  PetscCall(PetscFree(*deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- --set ---- */

static PetscErrorCode BadSet(TesDeck deck, PetscInt source, const char what[])
{
  char *message;

  PetscFunctionBegin;
  PetscCall(TesFormat(&message, "%s", what));
  PetscCall(DeckComplainAt(deck, source, 1, 1, 1, message, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Put a value at a path, making the sections on the way. */
static PetscErrorCode Put(TesDeck deck, PetscInt source, char path[], TesNode value)
{
  TesNode node = deck->root;
  char   *rest = NULL;

  PetscFunctionBegin;
  for (char *name = strtok_r(path, ".", &rest); name; name = strtok_r(NULL, ".", &rest)) {
    PetscBool last = !rest || !*rest ? PETSC_TRUE : PETSC_FALSE;
    PetscInt  at   = -1;

    if (node->type == NODE_LIST) {
      char *end;
      long  i = strtol(name, &end, 10);

      if (*end || i < 0 || i > node->n) {
        PetscCall(BadSet(deck, source, "a list item is named by its number from 0"));
        PetscFunctionReturn(PETSC_SUCCESS);
      }
      at = (PetscInt)i;
    } else if (node->type == NODE_MAP) {
      for (PetscInt i = 0; i < node->n; i++)
        if (!strcmp(node->key[i]->text, name)) at = i;
      if (at < 0) at = node->n;
    } else {
      PetscCall(BadSet(deck, source, "the path goes through a key that holds a value, no section"));
      PetscFunctionReturn(PETSC_SUCCESS);
    }
    if (at == node->n) {
      TesNode key, fresh = value;

      PetscCall(NodeCreate(deck, NODE_SCALAR, value, &key));
      PetscCall(DeckString(deck, name, strlen(name), &key->text));
      if (!last) PetscCall(NodeCreate(deck, NODE_MAP, value, &fresh));
      PetscCall(NodeAppend(deck, node, key, fresh));
    } else if (last) {
      node->item[at] = value;
    }
    node = node->item[at];
    /* `section:` without a value may be filled */
    if (!last && node->type == NODE_SCALAR && !node->text[0]) node->type = NODE_MAP;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDeckSet(TesDeck deck, const char assignment[])
{
  const char *equals = strchr(assignment, '=');
  PetscInt    source = deck->n_sets;
  const char **more;
  TesNode     value;
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
  if (!deck->root) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscStrncpy(path, assignment, (size_t)(equals - assignment) + 1));
  if (!strcmp(path, "problem")) {
    PetscCall(BadSet(deck, source, "the kind of a deck cannot be set: it decides what the other keys mean"));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(DeckParseYaml(deck, source, equals + 1, strlen(equals + 1), &value));
  if (!value) {
    if (!equals[1]) PetscCall(BadSet(deck, source, "no value"));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(Put(deck, source, path, value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- kind and tables ---- */

PetscErrorCode TesDeckKind(TesDeck deck, const char *const known[], const char **kind)
{
  TesNode node = NodeChild(deck->root, "problem", NULL);
  Text    hint = {0};
  char   *message;

  PetscFunctionBegin;
  *kind = NULL;
  if (!deck->root) PetscFunctionReturn(PETSC_SUCCESS);
  if (!node || node->type != NODE_SCALAR) {
    PetscCall(TesFormat(&message, node ? "`problem` must be one word" : "`problem` is missing: the first key of a deck names its kind"));
  } else {
    const char *near;

    if (deck->root->item[0] != node) {
      PetscCall(TesFormat(&message, "`problem` must be the first key of a deck"));
      PetscCall(DeckComplain(deck, node, message, NULL));
    }
    for (PetscInt k = 0; known[k]; k++)
      if (!strcmp(known[k], node->text)) *kind = known[k];
    deck->kind = *kind;
    if (*kind) PetscFunctionReturn(PETSC_SUCCESS);
    near = TesNearest(node->text, known);
    PetscCall(TesFormat(&message, "unknown problem kind `%.60s`", node->text));
    if (near) PetscCall(TextAdd(&hint, "did you mean `%s`?  ", near));
  }
  PetscCall(TextAdd(&hint, "(known:"));
  for (PetscInt k = 0; known[k]; k++) PetscCall(TextAdd(&hint, "%s %s", k ? "," : "", known[k]));
  PetscCall(TextAdd(&hint, ")"));
  PetscCall(DeckComplain(deck, node ? node : deck->root, message, hint.text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDeckRead(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[])
{
  PetscFunctionBegin;
  PetscCheck(n_tables <= (PetscInt)(sizeof deck->table / sizeof deck->table[0]), PETSC_COMM_SELF, PETSC_ERR_PLIB, "too many tables of keys");
  deck->n_tables = n_tables;
  memcpy(deck->table, tables, (size_t)n_tables * sizeof *tables);
  if (!deck->root) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(ComplainUnknown(deck, n_tables, tables, deck->root, "", ""));
  for (PetscInt t = 0; t < n_tables; t++) PetscCall(ReadTable(deck, tables[t].keys, deck->root, "", tables[t].target, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscBool TesDeckHas(TesDeck deck, const char path[])
{
  return deck->root && NodeFind(deck->root, path) ? PETSC_TRUE : PETSC_FALSE;
}

const char *TesDeckName(TesDeck deck)
{
  return deck->name;
}

const char *TesDeckFolder(TesDeck deck)
{
  return deck->folder;
}
