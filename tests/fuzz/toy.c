/* A kind with a key of every type, the real ones beside it, and what must hold of every deck:

   - each complaint begins with a place inside the text, or with the --set that it is about;
   - a deck without complaints has a resolved form, which reads back without complaints to the same resolved form and does not differ from itself. */
#include <string.h>
#include <tessera/problem.h>
#include "../../src/driver/options.h"
#include "fuzz.h"

typedef struct {
  PetscReal  coeff;
  int        axis;
  TesExpr    shape;
  TesStrings labels;
} Term;

typedef struct {
  PetscInt   sites;
  PetscInt64 samples;
  PetscReal  dt, length;
  PetscBool  periodic;
  int        scheme;
  const char *title, *data;
  TesExpr    start;
  TesIntOr   blocks;
  TesRealOr  tolerance;
  TesInts    points, axes;
  TesReals   weights;
  TesStrings names;
  TesExprs   sides;
  struct { PetscInt n; Term *item; } term;
  TesMap     sweep;
  struct {
    int       kind;
    PetscReal rtol;
    PetscInt  restart;
  } solver;
} Toy;

static const char *const schemes[] = {"euler", "heun", "rk4", NULL}, *const words[] = {"auto", "null", NULL}, *const axes[] = {"x", "y", "z", NULL}, *const solvers[] = {"direct", "gmres", NULL};

static const TesKey term_keys[] = {
  TES_REAL(Term, coeff, .help = "factor"),
  TES_ENUM(Term, axis, .fallback = "x", .choices = axes, .help = "direction"),
  TES_EXPR(Term, shape, .optional = PETSC_TRUE, .variables = "x t", .help = "where"),
  TES_STRINGS(Term, labels, .fallback = "[]", .help = "texts"),
  TES_KEYS_END,
};

static const TesKey toy_keys[] = {
  TES_INT(Toy, sites, .fallback = "8", .range = TES_BETWEEN(2, 1 << 20), .help = "a whole number"),
  TES_INT64(Toy, samples, .fallback = "1_000_000_000_000", .help = "a long whole number"),
  TES_REAL(Toy, dt, .fallback = "1e-3", .range = TES_ABOVE(0), .unit = "s", .help = "a number"),
  TES_DURATION(Toy, length, .fallback = "01:00:00", .range = TES_AT_LEAST(0), .unit = "s", .help = "a duration"),
  TES_BOOL(Toy, periodic, .fallback = "true", .help = "a truth value"),
  TES_ENUM(Toy, scheme, .fallback = "heun", .choices = schemes, .help = "a word"),
  TES_STRING(Toy, title, .fallback = "", .help = "a text"),
  TES_FILE(Toy, data, .optional = PETSC_TRUE, .help = "a file"),
  TES_EXPR(Toy, start, .fallback = "sin(x)", .variables = "x y t", .help = "an expression"),
  TES_INT_OR(Toy, blocks, .fallback = "auto", .choices = words, .range = TES_AT_LEAST(1), .help = "a whole number or a word"),
  TES_REAL_OR(Toy, tolerance, .fallback = "null", .choices = words, .help = "a number or a word"),
  TES_INTS(Toy, points, .fallback = "[4, 4]", .min_items = 1, .max_items = 3, .range = TES_AT_LEAST(1), .help = "whole numbers"),
  TES_ENUMS(Toy, axes, .fallback = "[x]", .choices = axes, .help = "words"),
  TES_REALS(Toy, weights, .fallback = "[1, -0.5]", .help = "numbers"),
  TES_STRINGS(Toy, names, .fallback = "[]", .help = "texts"),
  TES_EXPRS(Toy, sides, .fallback = "[\"0\"]", .variables = "x y", .help = "expressions"),
  TES_ITEMS(Toy, term, Term, term_keys, .optional = PETSC_TRUE, .help = "a list of maps"),
  TES_MAP(Toy, sweep, .optional = PETSC_TRUE, .help = "a free map"),
  TES_SECTION("solver", .help = "a section"),
  TES_ENUM(Toy, solver.kind, .fallback = "direct", .choices = solvers, .help = "a word that decides"),
  TES_REAL(Toy, solver.rtol, .fallback = "1e-8", .when = "solver.kind=gmres", .range = TES_BETWEEN(0, 1), .restart_may_change = PETSC_TRUE, .help = "belongs to gmres"),
  TES_INT(Toy, solver.restart, .when = "solver.kind=gmres", .help = "required with gmres"),
  TES_KEYS_END,
};

#include "../../src/problems/problem_list.h"

#define DECLARE(Kind) extern const TesProblemKind TesProblem##Kind;
#define ENTRY(Kind)   &TesProblem##Kind,
TES_PROBLEM_LIST(DECLARE)

static const TesProblemKind        toy     = {.name = "toy", .keys = toy_keys, .ctx_size = sizeof(Toy)};
static const TesProblemKind *const kinds[] = {&toy, TES_PROBLEM_LIST(ENTRY) NULL};

/* The structs that are filled point into the deck; nobody looks at them afterwards. */
static void Read(TesDeck deck, PetscInt *n, const char **said)
{
  static RunOptions options;
  static char      *target[64];
  const char       *names[64] = {NULL}, *kind;

  for (int k = 0; kinds[k]; k++) names[k] = kinds[k]->name;
  FUZZ_CALL(TesDeckKind(deck, names, &kind));
  for (int k = 0; kinds[k] && kind; k++) {
    if (strcmp(kinds[k]->name, kind)) continue;
    if (!target[k]) target[k] = malloc(kinds[k]->ctx_size);
    memset(&options, 0, sizeof options);
    memset(target[k], 0, kinds[k]->ctx_size);
    {
      const TesKeyTable tables[] = {
        {run_option_keys, &options },
        {kinds[k]->keys,  target[k]}
      };

      FUZZ_CALL(TesDeckRead(deck, 2, tables));
    }
  }
  FUZZ_CALL(TesDeckComplaints(deck, n, said));
  FUZZ_CHECK(*n || kind, "no kind and no complaint");
}

/* lines of a text as editors count them, with the characters of each line; bytes that are no UTF-8 count one each */
static size_t LineLength(const uint8_t *data, size_t size, long line, long *lines)
{
  size_t length = 0;

  *lines = 1;
  for (size_t i = 0; i < size; i++) {
    PetscBool two = data[i] == 0xC2 && i + 1 < size && data[i + 1] == 0x85, three = data[i] == 0xE2 && i + 2 < size && data[i + 1] == 0x80 && (data[i + 2] == 0xA8 || data[i + 2] == 0xA9);

    if (data[i] == '\n' || data[i] == '\r' || two || three) {
      if (data[i] == '\r' && i + 1 < size && data[i + 1] == '\n') i++;
      i += two ? 1 : three ? 2 : 0;
      ++*lines;
    } else if (*lines == line && (data[i] & 0xC0) != 0x80) length++;
    else if (*lines == line) length++; /* a column may never pass the bytes of the line */
  }
  return length;
}

static void CheckPlaces(const char said[], const char name[], const uint8_t *data, size_t size)
{
  size_t prefix = strlen(name);

  for (const char *at = said; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
    long line, column, lines;
    int  used = 0;

    if (!strncmp(at, "--set ", 6)) {
      FUZZ_CHECK(strstr(at, ": error: "), "%s", said);
      continue;
    }
    if (strncmp(at, name, prefix) || at[prefix] != ':') continue;
    FUZZ_CHECK(sscanf(at + prefix, ":%ld:%ld: error: %n", &line, &column, &used) == 2 && used > 0, "%s", said);
    FUZZ_CHECK(line >= 1 && column >= 1, "%s", said);
    {
      size_t length = LineLength(data, size, line, &lines);

      FUZZ_CHECK(line <= lines, "line %ld of %ld: %s", line, lines, said);
      FUZZ_CHECK((size_t)column <= length + 1, "column %ld of %zu: %s", column, length, said);
    }
  }
}

void FuzzReadDeck(TesDeck deck, const uint8_t *data, size_t size)
{
  PetscInt    n, m;
  const char *said, *resolved, *again, *difference;
  TesDeck     back;

  Read(deck, &n, &said);
  if (n) {
    FUZZ_CHECK(strstr(said, "; nothing was run\n") && strstr(said, "error: "), "%s", said);
    CheckPlaces(said, TesDeckName(deck), data, size);
    return;
  }
  FUZZ_CHECK(!said[0], "%s", said);
  FUZZ_CALL(TesDeckResolved(deck, &resolved));
  FUZZ_CALL(TesDeckCreateText(PETSC_COMM_SELF, "resolved.yaml", strlen(resolved), resolved, &back));
  Read(back, &m, &said);
  FUZZ_CHECK(!m, "the resolved deck is complained of: %s\n%s", said, resolved);
  FUZZ_CALL(TesDeckResolved(back, &again));
  FUZZ_CHECK(!strcmp(resolved, again), "resolved twice:\n%s\nonce:\n%s", again, resolved);
  FUZZ_CALL(TesDeckCompare(back, resolved, &m, &difference));
  FUZZ_CHECK(!m, "a deck differs from itself: %s", difference);
  FUZZ_CALL(TesDeckDestroy(&back));
}
