/* Files that appear whole or not at all: bytes independent of the rank count, every damage refused, every failure said on all ranks and harmless. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <tessera/h5.h>
#include <tessera/random.h>
#include <tessera/test.h>

#define ROWS  1003
#define WIDTH 5

static double ValueAt(PetscInt64 row, int column)
{
  return 1.0 / (double)(1 + row) + column;
}

/* Declares one dataset of each sort; arrays are the caller's to free after the commit. */
static PetscErrorCode Declare(MPI_Comm comm, TesFile file, PetscInt64 rows, double **reals, double **pairs, int32_t **ints)
{
  TesPartition   part;
  static double  pi   = 3.25;
  static int64_t five = 5;
  PetscInt64     seven = 7;
  PetscReal      half  = 0.5;
  TesStateItem   item;

  PetscFunctionBegin;
  PetscCall(TesPartitionCreate(comm, rows, 1, &part));
  PetscCall(PetscMalloc1((size_t)(part.n_local * WIDTH), reals));
  PetscCall(PetscMalloc1((size_t)(part.n_local * 2), pairs));
  PetscCall(PetscMalloc1((size_t)part.n_local, ints));
  for (PetscInt64 i = 0; i < part.n_local; i++) {
    for (int c = 0; c < WIDTH; c++) (*reals)[i * WIDTH + c] = ValueAt(part.first + i, c);
    (*pairs)[2 * i]     = (double)(part.first + i);
    (*pairs)[2 * i + 1] = -2.0 * (double)(part.first + i);
    (*ints)[i]          = (int32_t)(part.first + i);
  }
  item = (TesStateItem){.name = "deep/group/u", .type = TES_F64, .n_axes = 2, .shape = {rows, WIDTH}, .distributed = PETSC_TRUE, .first = part.first, .n_local = part.n_local,
                        .data = *reals, .unit = "m/s", .long_name = "velocity", .axes = "row column"};
  PetscCall(TesFileAddItem(file, "/state/", &item));
  item = (TesStateItem){.name = "psi", .type = TES_F64, .complex_pairs = PETSC_TRUE, .n_axes = 2, .shape = {rows, 2}, .distributed = PETSC_TRUE, .first = part.first,
                        .n_local = part.n_local, .data = *pairs};
  PetscCall(TesFileAddItem(file, "/state/", &item));
  item = (TesStateItem){.name = "count", .type = TES_I32, .n_axes = 1, .shape = {rows}, .distributed = PETSC_TRUE, .first = part.first, .n_local = part.n_local, .data = *ints};
  PetscCall(TesFileAddItem(file, "/state/", &item));
  item = (TesStateItem){.name = "pi", .type = TES_F64, .data = &pi};
  PetscCall(TesFileAddItem(file, "/", &item));
  item = (TesStateItem){.name = "five", .type = TES_I64, .data = &five};
  PetscCall(TesFileAddItem(file, "/", &item));
  item = (TesStateItem){.name = "nothing", .type = TES_F64, .n_axes = 2, .shape = {0, 3}};
  PetscCall(TesFileAddItem(file, "/", &item));
  PetscCall(TesFileAddText(file, "/words", "gr\xc3\xbc\xc3\x9f" "e & <tags>"));
  PetscCall(TesFileAddText(file, "/silence", ""));
  PetscCall(TesFileAddAttribute(file, "/", "tessera", "test", NULL, NULL));
  PetscCall(TesFileAddAttribute(file, "/state", "seven", NULL, NULL, &seven));
  PetscCall(TesFileAddAttribute(file, "/state/psi", "half", NULL, &half, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WriteSample(MPI_Comm comm, const char path[], const char point[], PetscInt64 rows, PetscErrorCode *outcome)
{
  TesFile   file = NULL;
  double   *reals, *pairs;
  int32_t  *ints;
  PetscReal seconds;

  PetscFunctionBegin;
  PetscCall(TesFileCreate(comm, path, point, &file));
  PetscCall(Declare(comm, file, rows, &reals, &pairs, &ints));
  *outcome = TesFileCommit(file, NULL, &seconds);
  PetscCall(TesFileDestroy(&file));
  PetscCall(PetscFree(reals));
  PetscCall(PetscFree(pairs));
  PetscCall(PetscFree(ints));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static char *Slurp(const char path[], long *bytes)
{
  FILE *f = fopen(path, "rb");
  char *text;

  *bytes = -1;
  if (!f) return NULL;
  fseek(f, 0, SEEK_END);
  *bytes = ftell(f);
  rewind(f);
  text = malloc((size_t)*bytes + 1);
  if (fread(text, 1, (size_t)*bytes, f) != (size_t)*bytes) *bytes = -1;
  fclose(f);
  return text;
}

static PetscErrorCode Valid(const char path[], PetscBool *valid)
{
  char reason[256];

  PetscFunctionBegin;
  PetscCall(TesFileVerify(PETSC_COMM_WORLD, path, valid, reason, sizeof reason));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Reads everything back on a communicator of any size and compares with the formulas. */
static PetscErrorCode CheckSample(MPI_Comm comm, const char path[], PetscInt64 rows)
{
  TesPartition part;
  hid_t        file;
  double      *reals, *pairs, pi = 0, half = 0;
  int32_t     *ints;
  int64_t      wide[1] = {0};
  PetscInt64   wrong = 0, seven = 0;
  PetscBool    found;
  char        *text;
  TesStateItem item;

  PetscFunctionBegin;
  PetscCall(TesPartitionCreate(comm, rows, 1, &part));
  PetscCall(PetscMalloc3((size_t)(part.n_local * WIDTH), &reals, (size_t)part.n_local * 2, &pairs, (size_t)part.n_local, &ints));
  PetscCall(TesH5OpenRead(comm, path, &file));
  item = (TesStateItem){.type = TES_F64, .n_axes = 2, .shape = {rows, WIDTH}, .distributed = PETSC_TRUE, .first = part.first, .n_local = part.n_local, .data = reals};
  PetscCall(TesH5ReadItem(comm, file, "/state/deep/group/u", &item));
  item = (TesStateItem){.type = TES_F64, .complex_pairs = PETSC_TRUE, .n_axes = 2, .shape = {rows, 2}, .distributed = PETSC_TRUE, .first = part.first, .n_local = part.n_local, .data = pairs};
  PetscCall(TesH5ReadItem(comm, file, "/state/psi", &item));
  item = (TesStateItem){.type = TES_I32, .n_axes = 1, .shape = {rows}, .distributed = PETSC_TRUE, .first = part.first, .n_local = part.n_local, .data = ints};
  PetscCall(TesH5ReadItem(comm, file, "/state/count", &item));
  for (PetscInt64 i = 0; i < part.n_local; i++) {
    for (int c = 0; c < WIDTH; c++) wrong += reals[i * WIDTH + c] != ValueAt(part.first + i, c);
    wrong += pairs[2 * i] != (double)(part.first + i) || pairs[2 * i + 1] != -2.0 * (double)(part.first + i) || ints[i] != (int32_t)(part.first + i);
  }
  TES_CHECK_INT(wrong, 0);
  item = (TesStateItem){.type = TES_F64, .data = &pi};
  PetscCall(TesH5ReadItem(comm, file, "/pi", &item));
  TES_CHECK_NEAR(pi, 3.25, 0);
  item = (TesStateItem){.type = TES_I64, .data = wide};
  PetscCall(TesH5ReadItem(comm, file, "/five", &item));
  TES_CHECK_INT(wide[0], 5);
  item = (TesStateItem){.type = TES_F64, .n_axes = 2, .shape = {0, 3}};
  PetscCall(TesH5ReadItem(comm, file, "/nothing", &item));
  PetscCall(TesH5ReadText(file, "/words", &found, &text));
  TES_CHECK_TEXT(text, "gr\xc3\xbc\xc3\x9f" "e & <tags>");
  PetscCall(PetscFree(text));
  PetscCall(TesH5ReadText(file, "/silence", &found, &text));
  TES_CHECK_TEXT(text, "");
  PetscCall(PetscFree(text));
  PetscCall(TesH5ReadAttributeText(file, "/state/deep/group/u", "unit", &found, &text));
  TES_CHECK_TEXT(text, "m/s");
  PetscCall(PetscFree(text));
  PetscCall(TesH5ReadAttributeInt(file, "/state", "seven", &found, &seven));
  TES_CHECK_INT(seven, 7);
  PetscCall(TesH5ReadAttributeReal(file, "/state/psi", "half", &found, &half));
  TES_CHECK_NEAR(half, 0.5, 0);
  PetscCall(TesH5ReadAttributeReal(file, "/state/psi", "third", &found, &half));
  TES_CHECK(!found);
  PetscCall(TesH5ReadText(file, "/no/such/text", &found, &text));
  TES_CHECK(!found && !text);
  PetscCall(TesH5Close(&file));
  PetscCall(PetscFree3(reals, pairs, ints));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A sub-communicator of the first n ranks; MPI_COMM_NULL elsewhere. */
static PetscErrorCode FirstRanks(int n, MPI_Comm *comm)
{
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_split(PETSC_COMM_WORLD, TesTestRank() < n ? 0 : MPI_UNDEFINED, 0, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* 40 bytes of every row in three datasets: the large one spans several pieces of the checksum, so that CRCs of pieces are combined on 2 and more ranks. */
static PetscErrorCode BytesDoNotDependOnTheRankCountAndReadBackOnAnother(void)
{
  char       path[PETSC_MAX_PATH_LEN], *one = NULL;
  long       bytes_one = 0;
  PetscInt64 rows      = 60000;

  PetscFunctionBegin;
  for (int n = 1; n <= TesTestSize(); n++) {
    MPI_Comm       comm;
    PetscErrorCode outcome;
    char           name[32];
    PetscBool      valid;

    PetscCall(PetscSNPrintf(name, sizeof name, "ranks_%d.h5", n));
    PetscCall(TesTestPath(name, path, sizeof path));
    PetscCall(FirstRanks(n, &comm));
    if (comm != MPI_COMM_NULL) {
      PetscCall(WriteSample(comm, path, "test", rows, &outcome));
      PetscCall(outcome);
      PetscCallMPI(MPI_Comm_free(&comm));
    }
    PetscCall(TesTestBarrier());
    PetscCall(Valid(path, &valid)); /* one serial pass over the file: another algorithm than the combined CRC of the writer */
    TES_CHECK(valid);
    PetscCall(FirstRanks(TesTestSize() + 1 - n, &comm));
    if (comm != MPI_COMM_NULL) {
      PetscCall(CheckSample(comm, path, rows));
      PetscCallMPI(MPI_Comm_free(&comm));
    }
    if (TesTestRank() == 0) {
      long  bytes;
      char *text = Slurp(path, &bytes);

      if (n == 1) {
        one       = text;
        bytes_one = bytes;
      } else {
        TES_CHECK_INT(bytes, bytes_one);
        TES_CHECK(bytes == bytes_one && !memcmp(one, text, (size_t)bytes));
        free(text);
      }
    }
  }
  free(one);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MoreRanksThanRowsAndNoRowsAtAll(void)
{
  char           path[PETSC_MAX_PATH_LEN];
  PetscErrorCode outcome;

  PetscFunctionBegin;
  PetscCall(TesTestPath("few.h5", path, sizeof path));
  for (PetscInt64 rows = 0; rows <= 2; rows++) {
    PetscCall(WriteSample(PETSC_COMM_WORLD, path, "test", rows, &outcome));
    PetscCall(outcome);
    PetscCall(CheckSample(PETSC_COMM_WORLD, path, rows));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Spill(const char path[], const char bytes[], long n)
{
  FILE *f = fopen(path, "wb");

  if (n) fwrite(bytes, 1, (size_t)n, f);
  fclose(f);
}

static PetscErrorCode EveryFlippedBitIsRefused(void)
{
  char           path[PETSC_MAX_PATH_LEN], damaged[PETSC_MAX_PATH_LEN], *text = NULL;
  long           bytes = 0, refused = 0, flips = 200;
  PetscErrorCode outcome;
  PetscBool      valid;

  PetscFunctionBegin;
  PetscCall(TesTestPath("whole.h5", path, sizeof path));
  PetscCall(TesTestPath("damaged.h5", damaged, sizeof damaged));
  PetscCall(WriteSample(PETSC_COMM_WORLD, path, "test", ROWS, &outcome));
  PetscCall(outcome);
  if (TesTestRank() == 0) text = Slurp(path, &bytes);
  for (long i = 0; i < flips; i++) {
    if (TesTestRank() == 0) {
      TesRandomBits r  = TesRandomRaw(1, TES_STREAM_TEST, (uint32_t)i, 0, 0);
      long          at = i < 60 ? (long)(r.v[0] % 4096) : (long)(r.v[0] % (uint32_t)bytes); /* 60 of them in user block and metadata */

      text[at] ^= (char)(1 << (r.v[1] % 8));
      Spill(damaged, text, bytes);
      text[at] ^= (char)(1 << (r.v[1] % 8));
    }
    PetscCall(Valid(damaged, &valid));
    refused += !valid;
  }
  TES_CHECK_INT(refused, flips);
  free(text);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EveryTruncationIsRefusedAndNamed(void)
{
  char           path[PETSC_MAX_PATH_LEN], damaged[PETSC_MAX_PATH_LEN], reason[256], *text = NULL;
  long           bytes = 0, cut[7] = {0};
  PetscErrorCode outcome;
  PetscBool      valid;

  PetscFunctionBegin;
  PetscCall(TesTestPath("whole.h5", path, sizeof path));
  PetscCall(TesTestPath("damaged.h5", damaged, sizeof damaged));
  PetscCall(WriteSample(PETSC_COMM_WORLD, path, "test", ROWS, &outcome));
  PetscCall(outcome);
  if (TesTestRank() == 0) {
    text = Slurp(path, &bytes);
    text = realloc(text, (size_t)bytes + 1);
    text[bytes] = 0; /* the last case: one byte too many */
    memcpy(cut, (long[7]){0, 1, 511, 512, bytes / 2, bytes - 1, bytes + 1}, sizeof cut);
  }
  for (int i = 0; i < 7; i++) {
    if (TesTestRank() == 0) Spill(damaged, text, cut[i]);
    PetscCall(TesFileVerify(PETSC_COMM_WORLD, damaged, &valid, reason, sizeof reason));
    TES_CHECK(!valid);
    TES_CHECK_CONTAINS(reason, i == 0 ? "empty" : i == 6 ? "too long" : "truncated");
  }
  if (TesTestRank() == 0) Spill(damaged, "hello", 5);
  PetscCall(TesFileVerify(PETSC_COMM_WORLD, damaged, &valid, reason, sizeof reason));
  TES_CHECK(!valid);
  PetscCall(TesFileVerify(PETSC_COMM_WORLD, "/no/such/file.h5", &valid, reason, sizeof reason));
  TES_CHECK(!valid);
  TES_CHECK_CONTAINS(reason, "No such file");
  free(text);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* After a failed commit: TES_ERR_WORLD with the words on all ranks, no .part, and the old file is valid. */
static PetscErrorCode CheckHarmless(const char path[], PetscErrorCode outcome, const char words[])
{
  char      part[PETSC_MAX_PATH_LEN], reason[256];
  PetscBool valid;

  PetscFunctionBegin;
  TES_CHECK_INT(outcome, TES_ERR_WORLD);
  if (outcome) TES_CHECK_CONTAINS(TesErrorMessage(), words);
  TesErrorForget();
  PetscCall(TesTestBarrier());
  PetscCall(PetscSNPrintf(part, sizeof part, "%s.part", path));
  TES_CHECK(access(part, F_OK) == -1);
  PetscCall(TesFileVerify(PETSC_COMM_WORLD, path, &valid, reason, sizeof reason));
  TES_CHECK(valid);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FullDiskIsSaidOnAllRanksAndHarmsNothing(void)
{
  char           folder[PETSC_MAX_PATH_LEN], path[PETSC_MAX_PATH_LEN];
  int            mounted = 0;
  PetscErrorCode outcome;

  PetscFunctionBegin;
  PetscCall(TesTestPath("small_disk", folder, sizeof folder));
  if (TesTestRank() == 0) {
    mkdir(folder, 0777);
    mounted = mount("tmpfs", folder, "tmpfs", 0, "size=2m") == 0;
    if (!mounted) printf("# no disk could be made small (%s): not tried\n", strerror(errno));
  }
  PetscCallMPI(MPI_Bcast(&mounted, 1, MPI_INT, 0, PETSC_COMM_WORLD));
  if (!mounted) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/a.h5", folder));
  PetscCall(WriteSample(PETSC_COMM_WORLD, path, "test", 1000, &outcome));
  TES_CHECK_INT(outcome, PETSC_SUCCESS);
  for (int again = 0; again < 2; again++) { /* 60 bytes a row: 6 MB; then 1.9 MB, which does not fit beside the old one */
    PetscCall(WriteSample(PETSC_COMM_WORLD, path, "test", again ? 33000 : 100000, &outcome));
    if (outcome) TES_CHECK_CONTAINS(TesErrorMessage(), "bytes needed");
    PetscCall(CheckHarmless(path, outcome, "No space left"));
  }
  PetscCall(WriteSample(PETSC_COMM_WORLD, path, "test", 1100, &outcome)); /* there is room again */
  TES_CHECK_INT(outcome, PETSC_SUCCESS);
  PetscCall(TesTestBarrier());
  if (TesTestRank() == 0) {
    TES_CHECK_INT(umount(folder), 0);
  }
  PetscCall(TesTestBarrier());
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FileSizeLimitIsSaid(void)
{
  char           path[PETSC_MAX_PATH_LEN];
  struct rlimit  old, small;
  void         (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  PetscErrorCode outcome;

  PetscFunctionBegin;
  PetscCall(TesTestPath("limit.h5", path, sizeof path));
  PetscCall(WriteSample(PETSC_COMM_WORLD, path, "test", 100, &outcome));
  PetscCall(outcome);
  getrlimit(RLIMIT_FSIZE, &old);
  small          = old;
  small.rlim_cur = 1 << 20;
  setrlimit(RLIMIT_FSIZE, &small);
  PetscCall(WriteSample(PETSC_COMM_WORLD, path, "test", 100000, &outcome));
  setrlimit(RLIMIT_FSIZE, &old);
  signal(SIGXFSZ, handler);
  PetscCall(CheckHarmless(path, outcome, "File too large"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* main sets TES_FAULT: each point of each prefix fails on one rank alone. */
static PetscErrorCode AnErrorOfOneRankIsTheErrorOfAll(void)
{
  static const char *const point[4] = {"faw", "faf", "fav", "far"};
  char                     path[PETSC_MAX_PATH_LEN];
  PetscErrorCode           outcome;

  PetscFunctionBegin;
  PetscCall(TesTestPath("fault.h5", path, sizeof path));
  PetscCall(WriteSample(PETSC_COMM_WORLD, path, "test", 100, &outcome));
  PetscCall(outcome);
  for (int i = 0; i < 4; i++) {
    PetscCall(WriteSample(PETSC_COMM_WORLD, path, point[i], 200, &outcome));
    PetscCall(CheckHarmless(path, outcome, "injected"));
  }
  if (TesTestSize() > 1) { /* the same with rank 1 at fault */
    PetscCall(WriteSample(PETSC_COMM_WORLD, path, "fbw", 200, &outcome));
    PetscCall(CheckHarmless(path, outcome, "injected"));
    PetscCall(WriteSample(PETSC_COMM_WORLD, path, "fbr", 200, &outcome));
    PetscCall(CheckHarmless(path, outcome, "injected"));
  }
  PetscCall(CheckSample(PETSC_COMM_WORLD, path, 100));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AFolderThatIsGoneAndANameThatIsTakenAreSaid(void)
{
  char           path[PETSC_MAX_PATH_LEN], part[PETSC_MAX_PATH_LEN];
  PetscErrorCode outcome;

  PetscFunctionBegin;
  PetscCall(TesTestPath("gone/a.h5", path, sizeof path));
  PetscCall(WriteSample(PETSC_COMM_WORLD, path, "test", 10, &outcome));
  TES_CHECK_INT(outcome, TES_ERR_WORLD);
  TES_CHECK_CONTAINS(TesErrorMessage(), "gone/a.h5");
  TES_CHECK_CONTAINS(TesErrorMessage(), "No such file");
  TesErrorForget();
  PetscCall(TesTestPath("taken", path, sizeof path));
  if (TesTestRank() == 0) {
    PetscCall(PetscSNPrintf(part, sizeof part, "%s/inside", path));
    PetscCall(TesMakeFolder(part));
  }
  PetscCall(TesTestBarrier());
  PetscCall(WriteSample(PETSC_COMM_WORLD, path, "test", 10, &outcome));
  TES_CHECK_INT(outcome, TES_ERR_WORLD);
  TES_CHECK_CONTAINS(TesErrorMessage(), "rename");
  TesErrorForget();
  PetscCall(PetscSNPrintf(part, sizeof part, "%s.part", path));
  TES_CHECK(access(part, F_OK) == -1);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AWrongDatasetIsNamedWithBothShapes(void)
{
  char           path[PETSC_MAX_PATH_LEN];
  hid_t          file;
  double         u[WIDTH * 4];
  int64_t        whole;
  TesStateItem   item = {.type = TES_F64, .n_axes = 2, .shape = {4, WIDTH}, .data = u};
  PetscErrorCode outcome;

  PetscFunctionBegin;
  PetscCall(TesTestPath("shapes.h5", path, sizeof path));
  PetscCall(WriteSample(PETSC_COMM_WORLD, path, "test", 3, &outcome));
  PetscCall(outcome);
  PetscCall(TesH5OpenRead(PETSC_COMM_WORLD, path, &file));
  outcome = TesH5ReadItem(PETSC_COMM_WORLD, file, "/state/deep/group/u", &item);
  TES_CHECK_CONTAINS(TesErrorMessage(), "/state/deep/group/u has the shape [3, 5], wanted is [4, 5]");
  TES_CHECK_FAILS(outcome, TES_ERR_WORLD);
  outcome = TesH5ReadItem(PETSC_COMM_WORLD, file, "/state/u", &item);
  TES_CHECK_CONTAINS(TesErrorMessage(), "no dataset /state/u");
  TES_CHECK_FAILS(outcome, TES_ERR_WORLD);
  item = (TesStateItem){.type = TES_I64, .data = &whole};
  TES_CHECK_FAILS(TesH5ReadItem(PETSC_COMM_WORLD, file, "/pi", &item), TES_ERR_WORLD); /* 3.25 is not a whole number */
  item = (TesStateItem){.type = TES_F64, .n_axes = 2, .shape = {3, 2}, .data = u};
  TES_CHECK_FAILS(TesH5ReadItem(PETSC_COMM_WORLD, file, "/state/psi", &item), TES_ERR_WORLD); /* complex is not real */
  TES_CHECK_FAILS(TesH5ReadItem(PETSC_COMM_WORLD, file, "/words", &item), TES_ERR_WORLD);
  TES_CHECK_FAILS(TesH5ReadItem(PETSC_COMM_WORLD, file, "/state", &item), TES_ERR_WORLD); /* a group */
  PetscCall(TesH5Close(&file));
  TES_CHECK_FAILS(TesH5OpenRead(PETSC_COMM_WORLD, "/no/such.h5", &file), TES_ERR_WORLD);
  TES_CHECK_FAILS(TesH5OpenRead(PETSC_COMM_WORLD, TES_SOURCE_DIR "/CMakeLists.txt", &file), TES_ERR_WORLD);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* What other programs write: big-endian floats, a text of variable length, chunks. */
static PetscErrorCode ForeignFilesAreReadWithTheirTypesConverted(void)
{
  char           path[PETSC_MAX_PATH_LEN], *text;
  hid_t          file;
  float          out[6] = {1, 2, 3, 4, 5, 6.5F};
  double         in[6]  = {0};
  TesPartition   part;
  PetscBool      found;
  TesType        type;
  int            n_axes;
  PetscInt64     shape[TES_MAX_AXES], wrong = 0;
  TesStateItem   item;

  PetscFunctionBegin;
  PetscCall(TesTestPath("foreign.h5", path, sizeof path));
  if (TesTestRank() == 0) {
    hsize_t     dims[2] = {3, 2}, chunk[2] = {2, 1};
    const char *words   = "variable";
    hid_t       space, list, dataset, string;

    file  = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    space = H5Screate_simple(2, dims, NULL);
    list  = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 2, chunk);
    dataset = H5Dcreate2(file, "x", H5T_IEEE_F32BE, space, H5P_DEFAULT, list, H5P_DEFAULT);
    TES_CHECK(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(list);
    space  = H5Screate(H5S_SCALAR);
    string = H5Tcopy(H5T_C_S1);
    H5Tset_size(string, H5T_VARIABLE);
    dataset = H5Dcreate2(file, "w", string, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(dataset, string, H5S_ALL, H5S_ALL, H5P_DEFAULT, &words);
    H5Dclose(dataset);
    H5Tclose(string);
    H5Sclose(space);
    H5Fclose(file);
  }
  PetscCall(TesTestBarrier());
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, 3, 1, &part));
  PetscCall(TesH5OpenRead(PETSC_COMM_WORLD, path, &file));
  PetscCall(TesH5Shape(file, "x", &found, &type, &n_axes, shape));
  TES_CHECK(found && type == TES_F32 && n_axes == 2 && shape[0] == 3 && shape[1] == 2);
  item = (TesStateItem){.type = TES_F64, .n_axes = 2, .shape = {3, 2}, .distributed = PETSC_TRUE, .first = part.first, .n_local = part.n_local, .data = in};
  PetscCall(TesH5ReadItem(PETSC_COMM_WORLD, file, "x", &item));
  for (PetscInt64 i = 0; i < 2 * part.n_local; i++) wrong += in[i] != out[2 * part.first + i];
  TES_CHECK_INT(wrong, 0);
  PetscCall(TesH5ReadText(file, "w", &found, &text));
  TES_CHECK_TEXT(text, "variable");
  PetscCall(PetscFree(text));
  PetscCall(TesH5Close(&file));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TextFilesAreReplacedAsAWhole(void)
{
  char path[PETSC_MAX_PATH_LEN], part[PETSC_MAX_PATH_LEN], *text;
  long bytes;

  PetscFunctionBegin;
  PetscCall(TesTestPath("a/b/c", path, sizeof path));
  if (TesTestRank() == 0) {
    PetscCall(TesMakeFolder(path));
    PetscCall(TesMakeFolder(path)); /* there already */
    strcat(path, "/status");
    PetscCall(PetscSNPrintf(part, sizeof part, "%s.part", path));
    PetscCall(TesWriteTextAtomic(path, "running 1\n"));
    PetscCall(TesWriteTextAtomic(path, "done\n"));
    text = Slurp(path, &bytes);
    TES_CHECK(bytes == 5 && !memcmp(text, "done\n", 5));
    TES_CHECK(access(part, F_OK) == -1);
    free(text);
    strcat(path, "/below");
    TES_CHECK_FAILS(TesMakeFolder(path), TES_ERR_WORLD); /* a file is in the way */
    TES_CHECK_FAILS(TesWriteTextAtomic(path, "x"), TES_ERR_WORLD);
  }
  PetscCall(TesTestBarrier());
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(BytesDoNotDependOnTheRankCountAndReadBackOnAnother),
  TES_TEST(MoreRanksThanRowsAndNoRowsAtAll),
  TES_TEST(EveryFlippedBitIsRefused),
  TES_TEST(EveryTruncationIsRefusedAndNamed),
  TES_TEST(FullDiskIsSaidOnAllRanksAndHarmsNothing),
  TES_TEST(FileSizeLimitIsSaid),
  TES_TEST(AnErrorOfOneRankIsTheErrorOfAll),
  TES_TEST(AFolderThatIsGoneAndANameThatIsTakenAreSaid),
  TES_TEST(AWrongDatasetIsNamedWithBothShapes),
  TES_TEST(ForeignFilesAreReadWithTheirTypesConverted),
  TES_TEST(TextFilesAreReplacedAsAWhole),
  TES_TESTS_END,
};

int main(int argc, char **argv)
{
  setenv("TES_FAULT", "fail@faw.write,rank=0;fail@faf.flush,rank=0;fail@fav.verify,rank=0;fail@far.rename,rank=0;fail@fbw.write,rank=1;fail@fbr.rename,rank=1", 1);
  return TesTestMain(argc, argv, tests);
}
