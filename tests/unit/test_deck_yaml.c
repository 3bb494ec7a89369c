/* The text layer of decks: places of complaints, anchors and merges, line ends and marks of other systems, hostile text and hostile files. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <tessera/deck.h>
#include <tessera/random.h>
#include <tessera/test.h>

/* under a sanitizer everything costs several times as much, and freed memory is kept for a while */
#ifdef __SANITIZE_ADDRESS__
  #define SLACK 20
#else
  #define SLACK 1
#endif

typedef struct {
  PetscInt  a, b, c;
  TesReals  list;
  TesStrings words;
  struct {
    PetscInt a, b, c;
  } other, third;
} Toy;

static const TesKey keys[] = {
  TES_INT(Toy, a, .fallback = "-1", .help = "a number"),
  TES_INT(Toy, b, .fallback = "-1", .help = "a number"),
  TES_INT(Toy, c, .fallback = "-1", .help = "a number"),
  TES_REALS(Toy, list, .fallback = "[]", .help = "numbers"),
  TES_STRINGS(Toy, words, .fallback = "[]", .help = "texts"),
  TES_INT(Toy, other.a, .fallback = "-1", .help = "a number"),
  TES_INT(Toy, other.b, .fallback = "-1", .help = "a number"),
  TES_INT(Toy, other.c, .fallback = "-1", .help = "a number"),
  TES_INT(Toy, third.a, .fallback = "-1", .help = "a number"),
  TES_INT(Toy, third.b, .fallback = "-1", .help = "a number"),
  TES_INT(Toy, third.c, .fallback = "-1", .help = "a number"),
  TES_KEYS_END,
};

static const char *const known[] = {"toy", NULL};

static PetscErrorCode Read(const char text[], size_t length, Toy *toy, TesDeck *deck, PetscInt *n, const char **said)
{
  const TesKeyTable table = {keys, toy};
  const char       *kind;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(toy, sizeof *toy));
  PetscCall(TesDeckCreateText(PETSC_COMM_WORLD, "toy.yaml", length, text, deck));
  PetscCall(TesDeckKind(*deck, known, &kind));
  if (kind) PetscCall(TesDeckRead(*deck, 1, &table));
  PetscCall(TesDeckComplaints(*deck, n, said));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the whole message, word for word */
static PetscErrorCode Says(const char text[], const char want[])
{
  Toy         toy;
  TesDeck     deck;
  PetscInt    n;
  const char *said;

  PetscFunctionBegin;
  PetscCall(Read(text, strlen(text), &toy, &deck, &n, &said));
  TES_CHECK_TEXT(said, want);
  PetscCall(TesDeckDestroy(&deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* bytes with their number: at least one complaint, and this text in it */
static PetscErrorCode Complains(const char text[], size_t length, const char want[])
{
  Toy         toy;
  TesDeck     deck;
  PetscInt    n;
  const char *said;

  PetscFunctionBegin;
  PetscCall(Read(text, length, &toy, &deck, &n, &said));
  TES_CHECK_AT_LEAST(n, 1);
  TES_CHECK_CONTAINS(said, want);
  PetscCall(TesDeckDestroy(&deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define COMPLAINS(text, want) PetscCall(Complains(text, sizeof text - 1, want))

static PetscErrorCode MessagesReadLikeACompilers(void)
{
  PetscFunctionBegin;
  PetscCall(Says("problem: toy\nother:\n  aa: 3   # no such key\n  b: 64.5\na: 1\n",
                 "toy.yaml:3:3: error: unknown key `aa` in section `other`\n"
                 "    3 |   aa: 3   # no such key\n"
                 "      |   ^~ (known: a, b, c)\n"
                 "toy.yaml:4:6: error: `b: 64.5` is not a whole number\n"
                 "    4 |   b: 64.5\n"
                 "      |      ^~~~\n"
                 "2 errors; nothing was run\n"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CaretStandsBelowTheCharacterNotTheByte(void)
{
  PetscFunctionBegin;
  /* three characters of two, three and four bytes stand before the value */
  PetscCall(Says("problem: toy\nother: {\xC3\xA9\xE2\x82\xAC\xF0\x9D\x84\x9E: 1, b: x}\n",
                 "toy.yaml:2:9: error: unknown key `\xC3\xA9\xE2\x82\xAC\xF0\x9D\x84\x9E` in section `other`\n"
                 "    2 | other: {\xC3\xA9\xE2\x82\xAC\xF0\x9D\x84\x9E: 1, b: x}\n"
                 "      |         ^~~ (known: a, b, c)\n"
                 "toy.yaml:2:20: error: `b: x` is not a whole number\n"
                 "    2 | other: {\xC3\xA9\xE2\x82\xAC\xF0\x9D\x84\x9E: 1, b: x}\n"
                 "      |                    ^\n"
                 "2 errors; nothing was run\n"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LinesEndAsInAnySystem(void)
{
  PetscFunctionBegin;
  COMPLAINS("\xEF\xBB\xBFproblem: toy\r\na: x\r\n", "toy.yaml:2:4: error: `a: x` is not a whole number\n    2 | a: x\n      |    ^\n");
  COMPLAINS("problem: toy\ra: x\r", "toy.yaml:2:4: error: `a: x` is not a whole number\n    2 | a: x\n");
  COMPLAINS("\xEF\xBB\xBF" "a: 1\n", "toy.yaml:1:1: error: `problem` is missing");
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NoTerminalCommandGetsIntoAMessage(void)
{
  Toy         toy;
  TesDeck     deck;
  PetscInt    n;
  const char *said, text[] = "problem: toy\na: \"\\e[31m\\u009b2J\"\n";

  PetscFunctionBegin;
  PetscCall(Read(text, strlen(text), &toy, &deck, &n, &said));
  TES_CHECK_INT(n, 1);
  TES_CHECK_CONTAINS(said, "`a: \"?[31m?2J\"`");
  TES_CHECK(!strchr(said, 27));
  PetscCall(TesDeckDestroy(&deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AnchorsAndMergesMeanWhatYamlSays(void)
{
  Toy         toy;
  TesDeck     deck;
  PetscInt    n;
  const char *said;
  const char  text[] = "problem: toy\na: &n 7\nb: *n\nother: &one {a: 1, b: 2}\nthird: {b: 5, <<: *one, c: 6}\n";
  const char  list[] = "problem: toy\nother: &one {a: 1, b: 2}\nthird: &two {b: 3, c: 4}\n";
  char        both[256];

  PetscFunctionBegin;
  PetscCall(Read(text, strlen(text), &toy, &deck, &n, &said));
  TES_CHECK_TEXT(said, "");
  TES_CHECK_INT(toy.b, 7);
  TES_CHECK_INT(toy.third.a, 1); /* merged */
  TES_CHECK_INT(toy.third.b, 5); /* its own wins although it stands first */
  TES_CHECK_INT(toy.third.c, 6);
  PetscCall(TesDeckDestroy(&deck));
  /* of several the first wins; --set on the copy leaves the original alone */
  snprintf(both, sizeof both, "%s", list);
  snprintf(both + strlen(list), sizeof both - strlen(list), "%s", "<<: {c: 9}\n");
  PetscCall(Read(both, strlen(both), &toy, &deck, &n, &said));
  TES_CHECK_TEXT(said, "");
  TES_CHECK_INT(toy.c, 9);
  PetscCall(TesDeckDestroy(&deck));
  COMPLAINS("problem: toy\nother: {<<: 3}\n", "`<<` takes its keys from a map");
  COMPLAINS("problem: toy\nother: {\"<<\": {a: 3}}\n", "unknown key `<<` in section `other`");
  COMPLAINS("problem: toy\na: *later\nb: &later 3\n", "toy.yaml:2:4: error: alias `*later` has no anchor before it");
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OfSeveralMergedMapsTheFirstWins(void)
{
  Toy         toy;
  TesDeck     deck;
  PetscInt    n;
  const char *said, text[] = "problem: toy\nother: &one {a: 1, b: 2}\nthird:\n  <<: [*one, {b: 3, c: 4}]\n";

  PetscFunctionBegin;
  PetscCall(Read(text, strlen(text), &toy, &deck, &n, &said));
  TES_CHECK_TEXT(said, "");
  TES_CHECK_INT(toy.third.a, 1);
  TES_CHECK_INT(toy.third.b, 2);
  TES_CHECK_INT(toy.third.c, 4);
  PetscCall(TesDeckDestroy(&deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetOnAnAliasLeavesItsOriginalAlone(void)
{
  const TesKeyTable table = {keys, NULL};
  Toy               toy   = {0};
  TesKeyTable       here  = table;
  TesDeck           deck;
  PetscInt          n;
  const char       *said, *kind, text[] = "problem: toy\nother: &one {a: 1, b: 2}\nthird: *one\n";

  PetscFunctionBegin;
  here.target = &toy;
  PetscCall(TesDeckCreateText(PETSC_COMM_WORLD, "toy.yaml", strlen(text), text, &deck));
  PetscCall(TesDeckSet(deck, "third.a=8"));
  PetscCall(TesDeckKind(deck, known, &kind));
  PetscCall(TesDeckRead(deck, 1, &here));
  PetscCall(TesDeckComplaints(deck, &n, &said));
  TES_CHECK_TEXT(said, "");
  TES_CHECK_INT(toy.third.a, 8);
  TES_CHECK_INT(toy.third.b, 2);
  TES_CHECK_INT(toy.other.a, 1);
  PetscCall(TesDeckDestroy(&deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WhatIsNoTextIsRefused(void)
{
  PetscFunctionBegin;
  COMPLAINS("problem: toy\na: 1\0\n", "toy.yaml:2:5: error: control characters are not allowed (0x00)");
  COMPLAINS("problem: toy\nwords: [\"a\\0b\"]\n", "toy.yaml:2:9: error: a NUL character in a value");
  COMPLAINS("problem: toy\n# caf\xE9\n", "toy.yaml:2:6: error: ");
  COMPLAINS("\xFF\xFEp\0r\0", "toy.yaml:1:1: error: ");
  COMPLAINS("problem: toy\n\ta: 1\n", "a tab: YAML indents with blanks");
  COMPLAINS("problem: toy\na: !!int 3\n", "toy.yaml:2:4: error: tag `!!int` has no meaning in a deck");
  COMPLAINS("problem: toy\na: {b: [\n", "toy.yaml:3:1: error: ");
  COMPLAINS("problem: toy\na: 1\nother", "toy.yaml:3:1: error: a key without `:` behind it");
  COMPLAINS("problem: toy\nwords: [x", "toy.yaml:2:10: error: "); /* no line break at the end: the end is still in the last line */
  COMPLAINS("problem: toy\n? [1, 2]\n: 3\n", "a key must be a plain word");
  COMPLAINS("- 1\n- 2\n", "toy.yaml:1:1: error: a deck is a map of keys and values");
  COMPLAINS("# nothing\n\n", "the deck is empty");
  COMPLAINS("", "toy.yaml:1:1: error: the deck is empty");
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- hostile text: quickly refused, with a place, in little memory (reliability: < 1 s, < 256 MB) ---- */

static PetscReal Seconds(void)
{
  struct timespec t;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* of this process: other jobs of the machine do not count */
  return (PetscReal)t.tv_sec + 1e-9 * (PetscReal)t.tv_nsec;
}

/* head, then n times the piece, where a %d stands for a number below n; then tail */
static PetscErrorCode Repeat(const char head[], const char piece[], PetscInt n, const char tail[], const char want[])
{
  size_t    room = strlen(head) + strlen(tail) + (size_t)n * (strlen(piece) + 8) + 1, used;
  char     *text;
  PetscReal start;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(room, &text));
  used = (size_t)snprintf(text, room, "%s", head);
  for (PetscInt i = 0; i < n; i++) {
    const char *mark = strstr(piece, "%d");

    if (mark) used += (size_t)snprintf(text + used, room - used, "%.*s%d%s", (int)(mark - piece), piece, (int)i, mark + 2);
    else {
      memcpy(text + used, piece, strlen(piece));
      used += strlen(piece);
    }
  }
  used += (size_t)snprintf(text + used, room - used, "%s", tail);
  start = Seconds();
  PetscCall(Complains(text, used, want));
  TES_CHECK_AT_MOST(Seconds() - start, SLACK * 1.0);
  PetscCall(PetscFree(text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode HostileTextEndsWithinASecondAndAPlace(void)
{
  static const char head[] = "problem: toy\nlist: ";
  struct rusage     use;

  PetscFunctionBegin;
  PetscCall(Repeat(head, "[", 100000, "", "toy.yaml:2:70: error: nested deeper than 64 levels"));
  PetscCall(Repeat(head, "{a: ", 100000, "", "nested deeper than 64 levels"));
  PetscCall(Repeat("problem: toy\nlist:\n  ", "- ", 100000, "", "nested deeper than 64 levels"));
  PetscCall(Repeat(head, "a: ", 100000, "", "toy.yaml:2:"));
  PetscCall(Repeat("", "!", 1000000, "", "toy.yaml:1:"));
  PetscCall(Repeat("problem: toy\na: ", "a", 10000000, "\n", "`a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...` is not a whole number"));
  PetscCall(Repeat("problem: toy\n", "a", 10000000, ": 1\n", "toy.yaml:"));
  PetscCall(Repeat("problem: toy\n", "a: 1\n", 190000, "", "toy.yaml:3:1: error: key `a` is given twice (first in line 2)"));
  PetscCall(Repeat("problem: toy\n", "key%d: 1\n", 90000, "", "90000 errors; nothing was run"));
  PetscCall(Repeat(head, "&a%d 1, ", 1, "]", "toy.yaml:2:"));
  PetscCall(Repeat("problem: toy\nwords: [", "&a%d x, *a0, ", 90000, "], a: 1\n", "toy.yaml:2:"));
  PetscCall(Repeat("problem: toy\nlist: [", "x, ", 190000, "1]\n", "190000 errors; nothing was run"));
  PetscCall(Repeat("problem: toy\nlist: [", "1, ", 300000, "1]\n", "more than 200000 values"));
  /* a hundred thousand keys merged into as many maps */
  PetscCall(Repeat("problem: toy\nbig: &big {", "k%d: 1, ", 90000, "}\nmany: [{<<: *big}, {<<: *big}, {<<: *big}]\n", "more than 200000 values"));
  PetscCall(Repeat("problem: toy\nother: &one {a: 1}\nthird: {<<: [", "*one, ", 90000, "{b: x}]}\n", "`b: x` is not a whole number"));
  COMPLAINS("problem: toy\na: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
            "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
            "toy.yaml:7:11: error: more than 200000 values");
  getrusage(RUSAGE_SELF, &use);
  TES_CHECK_AT_MOST(use.ru_maxrss / 1024.0, SLACK * 256); /* MB, MPI and PETSc included */
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- every damaged text is complained of at a place inside it, or is still a deck ---- */

static const char whole[] = "# a deck\nproblem: toy\na: &n 7\nb: *n\nlist: [1, 2.5e-3, -4]\nwords: [\"x y\", 'z', plain]\nother: &one {a: 1, b: 2}\nthird:\n  <<: *one\n  c: 1_000\n";

static PetscErrorCode PlacesAreInside(const char said[], PetscInt lines)
{
  PetscFunctionBegin;
  for (const char *at = strstr(said, "toy.yaml:"); at; at = strstr(at + 1, "toy.yaml:")) {
    int line = 0, column = 0;

    TES_CHECK_INT(sscanf(at, "toy.yaml:%d:%d: error: ", &line, &column), 2);
    TES_CHECK_AT_LEAST(line, 1);
    TES_CHECK_AT_MOST(line, lines);
    TES_CHECK_AT_LEAST(column, 1);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DamagedTextNeverBreaksTheReader(void)
{
  static const char odd[] = "\n\t {}[]:,&*!|>'\"%@`#?-<=\0\x7f\xff\xc3\x80";
  PetscInt          bad   = 0;

  PetscFunctionBegin;
  for (PetscInt trial = 0; trial < 4000; trial++) {
    char        text[2 * sizeof whole];
    size_t      length = sizeof whole - 1;
    PetscInt    n, lines = 1;
    Toy         toy;
    TesDeck     deck;
    const char *said, *resolved;

    memcpy(text, whole, length);
    for (uint32_t change = 0; change < 1 + (uint32_t)trial % 4; change++) {
      TesRandomBits r  = TesRandomRaw(11, TES_STREAM_TEST, (uint32_t)trial, change, 0);
      size_t        at = r.v[0] % length, n_bytes = 1 + r.v[1] % 12, from = r.v[2] % length;

      switch (r.v[3] % 4) {
      case 0: text[at] = odd[r.v[1] % (sizeof odd - 1)]; break;
      case 1: /* cut out */
        n_bytes = PetscMin(n_bytes, length - at - (at == 0));
        memmove(text + at, text + at + n_bytes, length - at - n_bytes);
        length -= n_bytes;
        break;
      case 2: /* a piece once more in another place */
        n_bytes = PetscMin(n_bytes, length - from);
        if (length + n_bytes > sizeof text - 1) break;
        memmove(text + at + n_bytes, text + at, length - at);
        memmove(text + at, whole + from % (sizeof whole - 13), n_bytes);
        length += n_bytes;
        break;
      default: text[at] = (char)(r.v[2] >> 8); break;
      }
    }
    for (size_t i = 0; i < length; i++) lines += text[i] == '\n' || text[i] == '\r' || (unsigned char)text[i] == 0x85 || (unsigned char)text[i] == 0xA8 || (unsigned char)text[i] == 0xA9;
    PetscCall(Read(text, length, &toy, &deck, &n, &said));
    if (n) PetscCall(PlacesAreInside(said, lines));
    else PetscCall(TesDeckResolved(deck, &resolved));
    bad += n > 0;
    PetscCall(TesDeckDestroy(&deck));
  }
  TES_CHECK_AT_LEAST(bad, 1000); /* the trials did damage something */
  TES_CHECK_AT_MOST(bad, 3999);  /* and not everything */
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- files ---- */

static PetscErrorCode WhatIsNoPlainFileIsRefusedOnAllRanks(void)
{
  char    folder[512], path[600];
  TesDeck deck = NULL;
  int     rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCall(TesTestFolder(folder, sizeof folder));
  TES_CHECK_FAILS(TesDeckCreateFile(PETSC_COMM_WORLD, folder, &deck), TES_ERR_DECK);
  snprintf(path, sizeof path, "%s/missing.yaml", folder);
  TES_CHECK_FAILS(TesDeckCreateFile(PETSC_COMM_WORLD, path, &deck), TES_ERR_DECK);
  snprintf(path, sizeof path, "%s/fifo.yaml", folder);
  if (!rank) TES_CHECK(!mkfifo(path, 0600));
  TES_CHECK_FAILS(TesDeckCreateFile(PETSC_COMM_WORLD, path, &deck), TES_ERR_DECK);
  TES_CHECK_FAILS(TesDeckCreateFile(PETSC_COMM_WORLD, "/dev/zero", &deck), TES_ERR_DECK);
  snprintf(path, sizeof path, "%s/large.yaml", folder);
  if (!rank) {
    int file = open(path, O_CREAT | O_WRONLY, 0600);

    TES_CHECK(file >= 0 && !ftruncate(file, (16 << 20) + 1));
    close(file);
  }
  TES_CHECK_FAILS(TesDeckCreateFile(PETSC_COMM_WORLD, path, &deck), TES_ERR_DECK);
  if (geteuid()) { /* root may read everything */
    snprintf(path, sizeof path, "%s/secret.yaml", folder);
    if (!rank) {
      int file = open(path, O_CREAT | O_WRONLY, 0200);

      close(file);
    }
    TES_CHECK_FAILS(TesDeckCreateFile(PETSC_COMM_WORLD, path, &deck), TES_ERR_DECK);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EveryRankHasTheDeckThatRankZeroRead(void)
{
  const TesKeyTable table = {keys, NULL};
  TesKeyTable       here  = table;
  char              folder[512], path[600];
  Toy               toy = {0};
  TesDeck           deck;
  PetscInt          n;
  const char       *kind, *said;
  int               rank;

  PetscFunctionBegin;
  here.target = &toy;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCall(TesTestFolder(folder, sizeof folder));
  snprintf(path, sizeof path, "%s/toy.yaml", folder);
  if (!rank) {
    FILE *file = fopen(path, "w");

    fputs(whole, file);
    fclose(file);
  }
  PetscCall(TesDeckCreateFile(PETSC_COMM_WORLD, path, &deck));
  PetscCall(TesDeckKind(deck, known, &kind));
  PetscCall(TesDeckRead(deck, 1, &here));
  PetscCall(TesDeckComplaints(deck, &n, &said));
  TES_CHECK_TEXT(said, "");
  TES_CHECK_TEXT(TesDeckName(deck), path);
  TES_CHECK_TEXT(TesDeckFolder(deck), folder);
  TES_CHECK_INT(toy.third.c, 1000);
  TES_CHECK_INT(toy.list.n, 3);
  TES_CHECK_NEAR(toy.list.v[1], 2.5e-3, 0);
  TES_CHECK_TEXT(toy.words.v[0], "x y");
  PetscCall(TesDeckDestroy(&deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(MessagesReadLikeACompilers),
  TES_TEST(CaretStandsBelowTheCharacterNotTheByte),
  TES_TEST(LinesEndAsInAnySystem),
  TES_TEST(NoTerminalCommandGetsIntoAMessage),
  TES_TEST(AnchorsAndMergesMeanWhatYamlSays),
  TES_TEST(OfSeveralMergedMapsTheFirstWins),
  TES_TEST(SetOnAnAliasLeavesItsOriginalAlone),
  TES_TEST(WhatIsNoTextIsRefused),
  TES_TEST(HostileTextEndsWithinASecondAndAPlace),
  TES_TEST(DamagedTextNeverBreaksTheReader),
  TES_TEST(WhatIsNoPlainFileIsRefusedOnAllRanks),
  TES_TEST(EveryRankHasTheDeckThatRankZeroRead),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
