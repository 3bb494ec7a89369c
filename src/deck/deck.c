/* A deck from its first byte to filled structs. Rank 0 reads the file and shares its text; every rank parses it for itself, which needs no messages and gives
   the same nodes and the same complaints everywhere. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "deck_impl.h"

/* Read an open plain file as a whole. */
static PetscErrorCode ReadOpen(int file, const char path[], char **text, size_t *length)
{
  struct stat status;
  size_t      have = 0;
  ssize_t     n;

  PetscFunctionBegin;
  PetscCheck(!fstat(file, &status), PETSC_COMM_SELF, TES_ERR_DECK, "%s", TesErrnoText("cannot read the deck %s", path));
  PetscCheck(S_ISREG(status.st_mode), PETSC_COMM_SELF, TES_ERR_DECK, "cannot read the deck %s: it is %s, not a plain file", path, S_ISDIR(status.st_mode) ? "a folder" : "a device or pipe");
  PetscCheck(status.st_size <= (off_t)DECK_MAX_BYTES, PETSC_COMM_SELF, TES_ERR_DECK, "the deck %s has more than %d MiB: large data belongs into a file that the deck names", path,
             (int)(DECK_MAX_BYTES >> 20));
  PetscCall(PetscMalloc1((size_t)status.st_size + 1, text));
  do {
    n = read(file, *text + have, (size_t)status.st_size - have);
    if (n > 0) have += (size_t)n;
  } while (have < (size_t)status.st_size && (n > 0 || (n < 0 && errno == EINTR)));
  PetscCheck(n >= 0, PETSC_COMM_SELF, TES_ERR_DECK, "%s", TesErrnoText("cannot read the deck %s", path));
  (*text)[have] = 0;
  *length       = have;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Rank 0 only. A FIFO or a device would block or never end: opened without waiting and refused by its type. */
static PetscErrorCode ReadWhole(const char path[], char **text, size_t *length)
{
  int            file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCheck(file >= 0, PETSC_COMM_SELF, TES_ERR_DECK, "%s", TesErrnoText("cannot read the deck %s", path));
  ierr = ReadOpen(file, path, text, length);
  close(file);
  PetscCall(ierr);
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
  if (!deck->root || (deck->root->type == NODE_SCALAR && !deck->root->text[0] && !deck->root->quoted)) {
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
  if (length >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) { /* a byte order mark: some editors put it before UTF-8 */
    text += 3;
    length -= 3;
  }
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
  for (PetscInt i = 0; i < d->n_kept; i++) {
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

/* ---- kind and tables ---- */

PetscErrorCode TesDeckKind(TesDeck deck, const char *const known[], const char **kind)
{
  TesNode     key = NULL, node = NodeChild(deck->root, "problem", &key), place = node;
  Text        hint = {0};
  char       *message;
  const char *near = NULL;

  PetscFunctionBegin;
  *kind = NULL;
  if (!deck->root) PetscFunctionReturn(PETSC_SUCCESS);
  if (!node) {
    PetscCall(TesFormat(&message, "`problem` is missing: the first key of a deck names its kind"));
    place = deck->root;
  } else if (node->type != NODE_SCALAR || !node->text[0]) {
    PetscCall(TesFormat(&message, "`problem` must be one word, the kind"));
  } else {
    if (deck->root->item[0] != node) {
      PetscCall(TesFormat(&message, "`problem` must be the first key of a deck"));
      PetscCall(DeckComplain(deck, key, message, NULL));
    }
    for (PetscInt k = 0; known[k]; k++)
      if (!strcmp(known[k], node->text)) *kind = known[k];
    deck->kind = *kind;
    if (*kind) PetscFunctionReturn(PETSC_SUCCESS);
    near = TesNearest(node->text, known);
    PetscCall(TesFormat(&message, "unknown problem kind `%.60s`", node->text));
  }
  if (near) PetscCall(TextAdd(&hint, "did you mean `%s`?  ", near));
  PetscCall(TextAdd(&hint, "(known:"));
  for (PetscInt k = 0; known[k]; k++) PetscCall(TextAdd(&hint, "%s %s", k ? "," : "", known[k]));
  PetscCall(TextAdd(&hint, ")"));
  PetscCall(DeckComplain(deck, place, message, hint.text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDeckRead(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[])
{
  PetscFunctionBegin;
  PetscCheck(n_tables <= (PetscInt)(sizeof deck->table / sizeof deck->table[0]), PETSC_COMM_SELF, PETSC_ERR_PLIB, "too many tables of keys");
  deck->n_tables = n_tables;
  memcpy(deck->table, tables, (size_t)n_tables * sizeof *tables);
  if (!deck->root) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(ComplainUnknown(deck, n_tables, tables, deck->root, ""));
  for (PetscInt t = 0; t < n_tables; t++) PetscCall(ReadTable(deck, tables[t].keys, deck->root, "", tables[t].target));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscBool TesDeckHas(TesDeck deck, const char path[])
{
  return deck->root && NodeFind(deck->root, path, NULL) ? PETSC_TRUE : PETSC_FALSE;
}

const char *TesDeckName(TesDeck deck)
{
  return deck->name;
}

const char *TesDeckFolder(TesDeck deck)
{
  return deck->folder;
}
