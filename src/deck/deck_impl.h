#pragma once
/* What the files of this room share: nodes, complaints and the deck itself. */
#include <tessera/deck.h>

#define DECK_MAX_DEPTH  64             /* nesting of a deck; deeper is a mistake, not a deck */
#define DECK_MAX_WEIGHT 1000000        /* nodes after aliases are expanded */
#define DECK_MAX_BYTES  (64u << 20)

typedef enum { NODE_SCALAR, NODE_LIST, NODE_MAP } NodeType;

struct _p_TesNode {
  NodeType    type;
  PetscInt    line, column, length; /* from 1; length of what the caret underlines */
  PetscInt    source;               /* -1: the deck; else the number of the --set assignment */
  const char *text;                 /* scalar */
  PetscBool   quoted;
  PetscInt    n, room;
  TesNode    *item;                 /* list: items; map: values */
  TesNode    *key;                  /* map: key scalars, with their places */
  PetscInt64  weight;               /* nodes below and including this one, aliases counted each time */
};

typedef struct {
  PetscInt source, line, column, length, order;
  char    *message, *hint; /* hint stands behind the caret, may be NULL */
} Complaint;

typedef struct ArenaBlock ArenaBlock;

struct _p_TesDeck {
  char       *name, *folder;
  char       *source_text; /* for the lines in messages */
  size_t      source_length;
  TesNode     root;        /* NULL: no deck could be read */
  PetscInt    n_sets;
  const char **set;        /* texts of the assignments */
  PetscInt    n_complaints, room_complaints;
  Complaint  *complaint;
  char       *complaint_text, *resolved, *difference;
  const char *kind;
  PetscInt    n_tables;
  TesKeyTable table[8];
  ArenaBlock *arena;
  TesExpr    *expr;        /* to destroy */
  PetscInt    n_exprs, room_exprs;
};

/* arena.c: memory that lives as long as the deck; zeroed */
PetscErrorCode DeckAlloc(TesDeck deck, size_t bytes, void *pointer);
PetscErrorCode DeckString(TesDeck deck, const char text[], size_t length, const char **copy);
PetscErrorCode DeckKeepExpr(TesDeck deck, TesExpr expr);
PetscErrorCode DeckFreeArena(TesDeck deck);

/* text that grows */
typedef struct {
  char  *text;
  size_t used, room;
} Text;
PetscErrorCode TextAdd(Text *t, const char format[], ...) __attribute__((format(printf, 2, 3)));
PetscErrorCode TextAddBytes(Text *t, const char bytes[], size_t n);

/* yaml.c */
PetscErrorCode DeckParseYaml(TesDeck deck, PetscInt source, const char text[], size_t length, TesNode *root);
TesNode        NodeChild(TesNode map, const char name[], TesNode *key);
TesNode        NodeFind(TesNode root, const char path[]); /* "a.b.2.c" */
PetscErrorCode NodeAppend(TesDeck deck, TesNode parent, TesNode key, TesNode value);
PetscErrorCode NodeCreate(TesDeck deck, NodeType type, const struct _p_TesNode *place, TesNode *node);

/* number.c: strict numbers; NULL if good, else what is wrong */
const char *ReadReal(const char text[], PetscReal *value);
const char *ReadInt(const char text[], PetscInt64 *value);
const char *ReadDuration(const char text[], PetscReal *value);
void        PrintReal(PetscReal value, char text[40]); /* shortest that reads back */

/* complain.c */
PetscErrorCode DeckComplain(TesDeck deck, TesNode place, char *message, char *hint); /* takes both strings (PetscMalloc), hint may be NULL */
PetscErrorCode DeckComplainAt(TesDeck deck, PetscInt source, PetscInt line, PetscInt column, PetscInt length, char *message, char *hint);

/* schema.c: which keys apply */
const TesKey *FindKey(PetscInt n_tables, const TesKeyTable tables[], const char path[], PetscInt *table);
PetscBool     KeyApplies(const TesKey *keys, const TesKey *key, TesNode base); /* does its `when` hold? */

/* value.c: one value of one key, from its node */
PetscErrorCode ReadValue(TesDeck deck, const TesKey *key, const char shown[], TesNode node, void *member);
PetscErrorCode PrintValue(const TesKey *key, const void *member, PetscInt indent, Text *out); /* after "name:", with the end of line */
PetscErrorCode ReadTable(TesDeck deck, const TesKey *keys, TesNode base, const char prefix[], void *target, TesNode place);
PetscErrorCode PrintTables(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[], TesNode base, PetscInt indent, Text *out);
PetscErrorCode ComplainUnknown(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[], TesNode node, const char prefix[], const char shown[]);
