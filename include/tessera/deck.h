#pragma once
/* Input decks: YAML text -> nodes with line and column -> typed structs, by one table of keys per kind.

   The table is the only place that knows a key. From it come parsing, defaults, ranges, "did you mean", the resolved deck, `tessera
   describe`, the template and the key reference. The path of a key is the path of the struct member: TES_REAL(GpPde, solver.rtol, ...) reads
   the key `rtol` of the section `solver` into ctx->solver.rtol. Members that are lists, strings, files, maps or expressions point into memory owned
   by the TesDeck and live as long as it does. */
#include <tessera/base.h>
#include <tessera/expr.h>

typedef struct _p_TesDeck *TesDeck;
typedef struct _p_TesNode *TesNode; /* one YAML value with its place; opaque */

/* ---- values that a key can have ---- */
typedef struct { PetscInt n; PetscReal *v; } TesReals;              /* list of numbers; a scalar in the deck is a list of one */
typedef struct { PetscInt n; PetscInt *v; } TesInts;                /* list of whole numbers, or of choices (TES_ENUMS: index into choices) */
typedef struct { PetscInt n; const char **v; } TesStrings;          /* list of strings */
typedef struct { PetscInt n; TesExpr *v; } TesExprs;                /* list of expressions */
typedef struct { PetscInt n; const char **name; TesNode *value; } TesMap; /* free map: petsc options, sweep keys */
typedef struct { PetscInt word; PetscInt value; } TesIntOr;         /* a word of .choices (word = its index), or word = -1 and a number */
typedef struct { PetscInt word; PetscReal value; } TesRealOr;
/* A list of maps is a member   struct { PetscInt n; Item *item; }  with its own table of keys whose offsets are within Item. */
typedef struct { PetscInt n; void *item; } TesItems;

typedef enum {
  TES_KEY_END = 0,
  TES_KEY_SECTION,  /* help text of a section; holds no value */
  TES_KEY_INT,      /* PetscInt */
  TES_KEY_INT64,    /* PetscInt64 */
  TES_KEY_REAL,     /* PetscReal */
  TES_KEY_BOOL,     /* PetscBool; true | false only */
  TES_KEY_ENUM,     /* int: index into choices */
  TES_KEY_STRING,   /* const char * */
  TES_KEY_FILE,     /* const char *: an input file, made relative to the deck's folder; must exist and be readable when given */
  TES_KEY_DURATION, /* PetscReal seconds; a number or HH:MM:SS */
  TES_KEY_EXPR,     /* TesExpr in .variables; NULL when not given and there is no fallback */
  TES_KEY_INT_OR,   /* TesIntOr */
  TES_KEY_REAL_OR,  /* TesRealOr */
  TES_KEY_INTS, TES_KEY_REALS, TES_KEY_ENUMS, TES_KEY_STRINGS, TES_KEY_EXPRS,
  TES_KEY_ITEMS,    /* list of maps: .item_keys, .item_size */
  TES_KEY_MAP,      /* TesMap */
  TES_KEY_NODE      /* TesNode: any value (nested lists, a word or a list); the kind looks at it. NULL when not given and there is no fallback */
} TesKeyType;

/* Allowed range of numbers, ends included unless open. Default: any finite number. */
typedef struct {
  PetscBool has_low, has_high, low_open, high_open;
  PetscReal low, high;
} TesRange;

#define TES_AT_LEAST(a)   {.has_low = PETSC_TRUE, .low = (a)}
#define TES_ABOVE(a)      {.has_low = PETSC_TRUE, .low = (a), .low_open = PETSC_TRUE}
#define TES_AT_MOST(b)    {.has_high = PETSC_TRUE, .high = (b)}
#define TES_BETWEEN(a, b) {.has_low = PETSC_TRUE, .low = (a), .has_high = PETSC_TRUE, .high = (b)}

typedef struct TesKey TesKey;
struct TesKey {
  TesKeyType         type;
  const char        *path;      /* "solver.rtol" */
  size_t             offset;    /* in the struct of the table */
  const char        *help;      /* one line; required by a test */
  const char        *unit;      /* "1" for a pure number worth saying; NULL: none */
  const char        *fallback;  /* default as it would stand in a deck ("[0, 0]", "auto", "1e-12"); NULL: see `optional` */
  PetscBool          optional;  /* no fallback and not required: member stays zero (lists empty, pointers NULL); asked with TesDeckHas */
  TesRange           range;     /* for each number of a list too */
  PetscInt           min_items, max_items; /* lists; 0: no limit */
  const char *const *choices;   /* NULL-terminated: enum words, or the words of INT_OR and REAL_OR */
  const char        *variables; /* expressions: allowed symbols, blank separated: "x y z" */
  const char        *when;      /* "solver.kind=reference|newton": the key belongs to these values of another key of the table only; there it
                                   is required or defaulted, elsewhere giving it is an error; conditions joined by " & " must all hold */
  PetscBool          restart_may_change; /* may differ between a checkpoint and the deck of a restart */
  const TesKey      *item_keys; /* TES_KEY_ITEMS */
  size_t             item_size;
};

#define TES_KEY_(TYPE, S, member, ...) {.type = TYPE, .path = #member, .offset = offsetof(S, member), __VA_ARGS__}
#define TES_INT(S, member, ...)      TES_KEY_(TES_KEY_INT, S, member, __VA_ARGS__)
#define TES_INT64(S, member, ...)    TES_KEY_(TES_KEY_INT64, S, member, __VA_ARGS__)
#define TES_REAL(S, member, ...)     TES_KEY_(TES_KEY_REAL, S, member, __VA_ARGS__)
#define TES_BOOL(S, member, ...)     TES_KEY_(TES_KEY_BOOL, S, member, __VA_ARGS__)
#define TES_ENUM(S, member, ...)     TES_KEY_(TES_KEY_ENUM, S, member, __VA_ARGS__)
#define TES_STRING(S, member, ...)   TES_KEY_(TES_KEY_STRING, S, member, __VA_ARGS__)
#define TES_FILE(S, member, ...)     TES_KEY_(TES_KEY_FILE, S, member, __VA_ARGS__)
#define TES_DURATION(S, member, ...) TES_KEY_(TES_KEY_DURATION, S, member, __VA_ARGS__)
#define TES_EXPR(S, member, ...)     TES_KEY_(TES_KEY_EXPR, S, member, __VA_ARGS__)
#define TES_INT_OR(S, member, ...)   TES_KEY_(TES_KEY_INT_OR, S, member, __VA_ARGS__)
#define TES_REAL_OR(S, member, ...)  TES_KEY_(TES_KEY_REAL_OR, S, member, __VA_ARGS__)
#define TES_INTS(S, member, ...)     TES_KEY_(TES_KEY_INTS, S, member, __VA_ARGS__)
#define TES_REALS(S, member, ...)    TES_KEY_(TES_KEY_REALS, S, member, __VA_ARGS__)
#define TES_ENUMS(S, member, ...)    TES_KEY_(TES_KEY_ENUMS, S, member, __VA_ARGS__)
#define TES_STRINGS(S, member, ...)  TES_KEY_(TES_KEY_STRINGS, S, member, __VA_ARGS__)
#define TES_EXPRS(S, member, ...)    TES_KEY_(TES_KEY_EXPRS, S, member, __VA_ARGS__)
#define TES_MAP(S, member, ...)      TES_KEY_(TES_KEY_MAP, S, member, __VA_ARGS__)
#define TES_NODE(S, member, ...)     TES_KEY_(TES_KEY_NODE, S, member, __VA_ARGS__)
#define TES_ITEMS(S, member, Item, table, ...) \
  TES_KEY_(TES_KEY_ITEMS, S, member, .item_keys = table, .item_size = sizeof(Item), __VA_ARGS__)
#define TES_SECTION(section_path, ...) {.type = TES_KEY_SECTION, .path = section_path, __VA_ARGS__}
#define TES_KEYS_END {.type = TES_KEY_END}

/* A table and the struct it fills. Several tables make one deck (the driver's and the kind's). */
typedef struct {
  const TesKey *keys;
  void         *target;
} TesKeyTable;

/*@
  TesDeckCreateFile - read a deck (rank 0) and share its text; syntax errors are complaints
  TesDeckCreateText - the same from memory; name stands for the file in messages

  Collective

  Input Parameters:
+ comm - the communicator
. path - the deck

  Output Parameter:
. deck - the deck; destroy with TesDeckDestroy. An unreadable file (missing, directory, FIFO, > 16 MiB) raises TES_ERR_DECK with a message;
         text that is not YAML, duplicate keys, a deck that is empty or no map give a deck with complaints.
@*/
PetscErrorCode TesDeckCreateFile(MPI_Comm comm, const char path[], TesDeck *deck);
PetscErrorCode TesDeckCreateText(MPI_Comm comm, const char name[], size_t length, const char text[], TesDeck *deck);
PetscErrorCode TesDeckDestroy(TesDeck *deck);

/*@
  TesDeckSet - override one key, as by --set: "a.b=value", list items by number from 0 ("hamiltonian.1.coeff=0.6")

  Not Collective (all ranks call it alike). A bad assignment is a complaint with the place "--set a.b=value". The value is YAML ("[1, 2]").
@*/
PetscErrorCode TesDeckSet(TesDeck deck, const char assignment[]);

/*@
  TesDeckKind - the value of the first key, `problem:`; complains when it is missing, not first, or not in known (NULL-terminated)
@*/
PetscErrorCode TesDeckKind(TesDeck deck, const char *const known[], const char **kind);

/*@
  TesDeckRead - check the deck against the tables and fill their structs; every mistake is a complaint

  Not Collective (deterministic: the same on every rank; files named by TES_FILE keys are looked at by every rank)

  Input Parameters:
+ deck     - the deck
. n_tables - number of tables
- tables   - the tables; a section may occur in several (a kind may extend `output` and `parallel`)

  Note: unknown keys and sections, wrong types, values out of range, wrong list lengths, unknown words, keys whose `when` does not hold, missing
  required keys, bad expressions: all are collected. Structs are filled as far as possible.
@*/
PetscErrorCode TesDeckRead(TesDeck deck, PetscInt n_tables, const TesKeyTable tables[]);

/*@
  TesDeckComplainKey - add a complaint about a key of the deck: points at its value, or at the deck's section if it was not given

  Not Collective

  Input Parameters:
+ deck   - the deck
. path   - "dt", "solver.rtol", "hamiltonian.2.coeff" (items by number)
- format - what is wrong and what is allowed. The layer puts the key and its value before it: "unstable: dt must be ..." becomes "`dt: 3.0` is unstable: ...";
           "must be ...", "has 3 entries" (a verb first) become "`dt: 3.0` must be ..."; a clause that begins with "the", "`" or ":" becomes "`dt: 3.0`: the ..."
@*/
PetscErrorCode TesDeckComplainKey(TesDeck deck, const char path[], const char format[], ...) __attribute__((format(printf, 3, 4)));

/*@
  TesDeckComplaints - how many mistakes were found, and their text in compiler style with the summary line ("3 errors; nothing was run")

  Not Collective; text is owned by the deck
@*/
PetscErrorCode TesDeckComplaints(TesDeck deck, PetscInt *n, const char **text);

/*@
  TesDeckHas - was this key given in the deck (or by --set)?
  TesDeckName - the path it was read from
  TesDeckFolder - the folder of the deck ("." for text), for input files named in it
@*/
PetscBool   TesDeckHas(TesDeck deck, const char path[]);
const char *TesDeckName(TesDeck deck);
const char *TesDeckFolder(TesDeck deck);

/*@
  TesDeckResolved - the deck with every default written out, as YAML that reads back to the same values; after TesDeckRead

  Not Collective; text is owned by the deck
@*/
PetscErrorCode TesDeckResolved(TesDeck deck, const char **text);

/*@
  TesDeckCompare - list the keys in which two resolved decks differ, leaving out those that may change on restart

  Not Collective

  Input Parameters:
+ deck     - the present deck, after TesDeckRead
- previous - the resolved deck text stored with a checkpoint

  Output Parameters:
+ n       - number of keys that differ and may not
- message - one line per key: path, stored value, present value; owned by the deck
@*/
PetscErrorCode TesDeckCompare(TesDeck deck, const char previous[], PetscInt *n, const char **message);

/*@
  TesKeysDescribe - the key reference of some tables as text: every key with type, unit, range, default, help
  TesKeysTemplate - a commented deck with every key at its default

  Not Collective; the caller frees text with PetscFree. Items' tables are included, indented. `kind` is the problem word.
@*/
PetscErrorCode TesKeysDescribe(PetscInt n_tables, const TesKey *const tables[], char **text);
PetscErrorCode TesKeysTemplate(const char kind[], PetscInt n_tables, const TesKey *const tables[], char **text);

/*@
  TesKeysCheck - is a table itself well formed? (help present, fallback parses and is within range, choices present, `when` names a key...)

  Returns the text of all faults in *faults ("" if none); the caller frees it. For the tests of every kind.
@*/
PetscErrorCode TesKeysCheck(PetscInt n_tables, const TesKey *const tables[], char **faults);

/*@
  TesNearest - the name of a NULL-terminated list nearest to a word (edit distance with transpositions), or NULL if none is near
@*/
const char *TesNearest(const char word[], const char *const names[]);

/*@
  TesReadReal     - a number as decks have it: the whole text, decimal, finite, with a point in every locale; `_` may stand between digits
  TesReadInt      - a whole number; 1e6 is one as well
  TesReadDuration - seconds, MM:SS or HH:MM:SS

  Not Collective

  Each returns NULL and the value, or what is wrong with the text ("not a number", "too large a number"); value is then undefined.
@*/
const char *TesReadReal(const char text[], PetscReal *value);
const char *TesReadInt(const char text[], PetscInt64 *value);
const char *TesReadDuration(const char text[], PetscReal *seconds);

/* ---- nodes, for free maps and values that the kind looks at ---- */
const char *TesNodeText(TesNode node);                                        /* scalar text, "" otherwise */
PetscBool   TesNodeIsText(TesNode node);                                      /* a scalar, perhaps empty; no list or map */
PetscInt    TesNodeCount(TesNode node);                                       /* items of a sequence, 0 for a scalar */
TesNode     TesNodeItem(TesNode node, PetscInt i);
PetscBool   TesNodeIsList(TesNode node);                                      /* also an empty one */
TesNode     TesNodeField(TesNode node, const char name[]);                    /* value of a key of a map; NULL if there is none or node is no map */
PetscErrorCode TesNodeReal(TesNode node, PetscBool *is_number, PetscReal *value); /* strict */
