#pragma once
/* What the files of this room share: nodes, complaints and the deck itself. */
#include <tessera/deck.h>

#define DECK_MAX_DEPTH      64       /* nesting of a deck; deeper is a mistake, not a deck */
#define DECK_MAX_WEIGHT     200000   /* values after aliases are expanded: what is larger belongs into a data file. Some 150 bytes of memory each */
#define DECK_MAX_BYTES      (16u << 20)
#define DECK_MAX_COMPLAINTS 1000     /* kept with their text; further ones are counted only */

typedef enum { NODE_SCALAR, NODE_LIST, NODE_MAP } NodeType;

struct _p_TesNode {
  NodeType    type;
  PetscInt    line, column, length; /* in characters from 1; length of what the caret underlines */
  PetscInt    source;               /* -1: the deck; else the number of the --set assignment */
  const char *text;                 /* scalar */
  PetscBool   quoted, block;        /* in quotes; on several lines (folded, or a block | or >) */
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
  PetscInt    n_complaints, n_kept, room_complaints;
  Complaint  *complaint;   /* [n_kept] */
  char       *complaint_text, *resolved, *difference;
  const char *kind;
  PetscInt    n_tables;
  TesKeyTable table[8];
  ArenaBlock *arena;
  struct {
    const TesKey *key;
    TesNode       node;
  }           fallback[64]; /* defaults as nodes, last use in each place */
  TesExpr    *expr;         /* to destroy */
  PetscInt    n_exprs, room_exprs;
};

/* text that grows */
typedef struct {
  char  *text;
  size_t used, room;
} Text;

/* arena.c: memory that lives as long as the deck (zeroed), and text that grows */
PetscErrorCode DeckAlloc(TesDeck deck, size_t bytes, void *pointer);
PetscErrorCode DeckString(TesDeck deck, const char text[], size_t length, const char **copy);
PetscErrorCode DeckKeepExpr(TesDeck deck, TesExpr expr);
PetscErrorCode DeckFreeArena(TesDeck deck);
PetscErrorCode TextAdd(Text *t, const char format[], ...) __attribute__((format(printf, 2, 3)));
PetscErrorCode TextAddBytes(Text *t, const char bytes[], size_t n);

/* utf8.c */
size_t         Utf8Decode(const char text[], size_t n, unsigned *code); /* bytes of the first character; 0 if it is none */
size_t         LineBreak(const char text[], size_t n);                  /* bytes of the line break that begins here; 0 if there is none */
PetscErrorCode TextAddSafe(Text *t, const char text[], size_t n);       /* what no terminal should see becomes ? */

/* node.c */
PetscErrorCode NodeCreate(TesDeck deck, NodeType type, const struct _p_TesNode *place, TesNode *node);
PetscErrorCode NodeAppend(TesDeck deck, TesNode parent, TesNode key, TesNode value);
PetscErrorCode NodeCopy(TesDeck deck, TesNode node, TesNode *copy); /* shallow */
TesNode        NodeChild(TesNode map, const char name[], TesNode *key);
TesNode        NodeFind(TesNode root, const char path[], TesNode *key); /* "a.b.2.c"; key: the last key on the path that has a place, may be NULL */
PetscBool      ItemNumber(const char word[], size_t length, PetscInt *number);

/* yaml.c, merge.c */
PetscErrorCode DeckParseYaml(TesDeck deck, PetscInt source, const char text[], size_t length, TesNode *root);
PetscErrorCode MapClose(TesDeck deck, TesNode map); /* duplicate keys are complained of, merge keys resolved */

/* number.c */
PetscReal   RealOf(const char text[], char **end);                     /* strtod and */
void        FormatReal(PetscReal value, int digits, char text[40]);    /* %g, both with a point, whatever the process's locale is */
void        PrintReal(PetscReal value, char text[40]); /* shortest that reads back */

/* complain.c */
PetscErrorCode DeckComplain(TesDeck deck, TesNode place, char *message, char *hint); /* takes both strings (PetscMalloc), hint may be NULL */
PetscErrorCode DeckComplainAt(TesDeck deck, PetscInt source, PetscInt line, PetscInt column, PetscInt length, char *message, char *hint);
PetscBool      DeckCountOnly(TesDeck deck); /* so many complaints already that one more is counted without its text: true, and counted */
PetscErrorCode NodeShow(TesNode node, Text *out); /* a value in a few words */

/* when.c: does a key apply? */
typedef enum { APPLIES_NO, APPLIES_YES, APPLIES_UNKNOWN /* the key that decides is itself wrong */ } Applies;
Applies        KeyApplies(const TesKey *keys, const TesKey *key, TesNode base);
PetscErrorCode ComplainNoEffect(TesDeck deck, const TesKey *keys, const TesKey *key, TesNode base, const char prefix[], TesNode place);
PetscErrorCode CheckCondition(const TesKey *keys, const TesKey *key, Text *faults); /* is the text of `when` in order? */

/* schema.c: tables against nodes */
const TesKey  *FindKey(PetscInt n_tables, const TesKeyTable tables[], const char path[]);
PetscErrorCode ComplainUnknown(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[], TesNode node, const char shown[]);
PetscErrorCode ReadTable(TesDeck deck, const TesKey *keys, TesNode base, const char prefix[], void *target);
PetscErrorCode ReadItems(TesDeck deck, const TesKey *key, const char shown[], TesNode node, TesItems *items);
PetscErrorCode FallbackNode(TesDeck deck, const TesKey *key, TesNode *node);
void           NextName(const TesKey *key, const char prefix[], char name[64], PetscBool *deeper); /* "" if the key is not below the prefix */

/* value.c, list.c: one value of one key, from its node */
PetscErrorCode WrongValue(TesDeck deck, const char shown[], TesNode node, const char what[], char *hint); /* "`shown: value` is what" */
PetscErrorCode ReadValue(TesDeck deck, const TesKey *key, const char shown[], TesNode node, void *member);
PetscErrorCode ReadList(TesDeck deck, const TesKey *key, const char shown[], TesNode node, TesInts *list);
PetscErrorCode ReadNumber(TesDeck deck, const TesKey *key, const char shown[], TesNode node, PetscBool whole, PetscInt64 *integer, PetscReal *real);
PetscErrorCode ReadWord(TesDeck deck, const char *const words[], const char shown[], TesNode node, const char also[], PetscInt *index);
PetscErrorCode ReadExpr(TesDeck deck, const TesKey *key, const char shown[], TesNode node, TesExpr *expr);

/* print.c: values as YAML */
PetscErrorCode PrintString(const char text[], PetscBool plain, Text *out); /* plain: bare even if it looks like a number or a truth value */
PetscErrorCode PrintNode(TesNode node, Text *out);
PetscErrorCode PrintValue(const TesKey *key, const void *member, TesNode node, Text *out);
