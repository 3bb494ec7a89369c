/* Ten thousand injuries to a checkpoint: bits flipped, files cut, lengthened, blocks zeroed or exchanged. None may be accepted: the older generation is
   taken and the newer one named. Drawn from a fixed seed, so a failure can be had again. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <tessera/io.h>
#include <tessera/random.h>
#include <tessera/test.h>

#define INJURIES 10000
#define N        1500 /* values of the state: some pages of 4096 bytes */
#define OLDER    1
#define NEWER    2

typedef struct {
  PetscReal  values[N];
  PetscInt64 counter;
} Toy;

/* What is done to a file; each changes at least one bit or the length. */
typedef enum { FLIP, FLIP_SOME, CUT, LENGTHEN, ZERO, EXCHANGE, SORTS } Injury;

static const char *const sorts[] = {"bit flipped", "bits flipped", "cut", "lengthened", "page zeroed", "blocks exchanged"};

static PetscErrorCode ToyState(void *ctx, TesState state)
{
  Toy *toy = ctx;

  PetscFunctionBegin;
  PetscCall(TesStateReals(state, "values", N, toy->values));
  PetscCall(TesStateInt(state, "counter", &toy->counter));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void ToySet(Toy *toy, PetscInt64 step)
{
  for (int i = 0; i < N; i++) toy->values[i] = (PetscReal)step + 1.0 / (1 + i);
  toy->counter = step;
}

static PetscInt64 Draw(PetscInt64 injury, PetscInt64 draw, PetscInt64 below)
{
  TesRandomBits bits = TesRandomRaw(1, TES_STREAM_TEST, (uint32_t)injury, (uint32_t)draw, 0);

  return (PetscInt64)((((uint64_t)bits.v[0] << 32) | bits.v[1]) % (uint64_t)below);
}

/* good [size] -> bad [size + 64]; returns its length, -1 where nothing would change */
static PetscInt64 Injure(PetscInt64 k, Injury sort, PetscInt64 size, const unsigned char good[], unsigned char bad[])
{
  PetscInt64 length = size, at = Draw(k, 1, size), other = Draw(k, 2, size), n = 1 + Draw(k, 3, 64);

  memcpy(bad, good, (size_t)size);
  switch (sort) {
  case FLIP: bad[at] ^= (unsigned char)(1 << Draw(k, 4, 8)); break;
  case FLIP_SOME:
    for (PetscInt64 i = 0; i < n; i++) bad[Draw(k, 10 + i, size)] ^= (unsigned char)(1 << Draw(k, 100 + i, 8));
    break;
  case CUT: length = at; break;
  case LENGTHEN:
    memset(bad + size, (int)Draw(k, 4, 256), (size_t)n);
    length = size + n;
    break;
  case ZERO: memset(bad + at / 4096 * 4096, 0, (size_t)PetscMin(4096, size - at / 4096 * 4096)); break;
  default:
    at    = PetscMin(at, size - 64);
    other = PetscMin(other, size - 64);
    memcpy(bad + at, good + other, 64);
    memcpy(bad + other, good + at, 64);
  }
  return length == size && !memcmp(good, bad, (size_t)size) ? -1 : length;
}

static PetscErrorCode Write(const char path[], PetscInt64 size, const unsigned char bytes[])
{
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

  PetscFunctionBegin;
  TesCallSys(file, "cannot make %s", path);
  TES_CHECK_INT(write(file, bytes, (size_t)size), size);
  close(file);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Read(const char path[], PetscInt64 *size, unsigned char **bytes)
{
  int file = open(path, O_RDONLY);

  PetscFunctionBegin;
  TesCallSys(file, "cannot open %s", path);
  *size = (PetscInt64)lseek(file, 0, SEEK_END);
  PetscCall(PetscMalloc1((size_t)*size, bytes));
  TES_CHECK_INT(pread(file, *bytes, (size_t)*size, 0), *size);
  close(file);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Does the folder give the older generation, say why, and give it right? */
static PetscErrorCode OlderIsTaken(TesCheckpoints checkpoints, PetscBool restore, PetscBool *taken)
{
  static Toy  toy, want;
  PetscBool   found;
  const char *said;

  PetscFunctionBegin;
  PetscCall(TesCheckpointsOpen(checkpoints, &found, &said));
  *taken = (PetscBool)(found && TesCheckpointsStep(checkpoints) == OLDER && strstr(said, "000002.h5"));
  if (*taken && restore) {
    ToySet(&want, OLDER);
    PetscCall(TesCheckpointsRestore(checkpoints, ToyState, &toy));
    TES_CHECK(!memcmp(&toy, &want, sizeof toy));
  }
  PetscCall(TesCheckpointsClose(checkpoints));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NoInjuryOfTenThousandIsAccepted(void)
{
  static Toy     toy;
  char           folder[PETSC_MAX_PATH_LEN], path[PETSC_MAX_PATH_LEN + 16];
  unsigned char *good, *bad;
  PetscInt64     size, length, done[SORTS] = {0}, accepted = 0, total = 0;
  TesProvenance  origin = {.kind = "toy", .reference = "none", .deck = "problem: toy\n", .seed = 1, .ranks = 1, .state_format = 1};
  TesCheckpoints checkpoints;
  PetscBool      taken;

  PetscFunctionBegin;
  PetscCall(TesTestFolder(folder, sizeof folder));
  PetscCall(TesCheckpointsCreate(PETSC_COMM_WORLD, folder, 2, &checkpoints));
  for (PetscInt64 step = OLDER; step <= NEWER; step++) {
    ToySet(&toy, step);
    PetscCall(TesCheckpointsSave(checkpoints, step, ToyState, &toy, &origin, NULL, NULL));
  }
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/000002.h5", folder));
  PetscCall(Read(path, &size, &good));
  PetscCall(PetscMalloc1((size_t)size + 64, &bad));
  for (PetscInt64 k = 0; total < INJURIES; k++) {
    Injury sort = (Injury)(k % SORTS);

    length = Injure(k, sort, size, good, bad);
    if (length < 0) continue;
    PetscCall(Write(path, length, bad));
    PetscCall(OlderIsTaken(checkpoints, (PetscBool)(total % 100 == 0), &taken));
    if (!taken) {
      accepted++;
      printf("# injury %lld (%s) was accepted\n", (long long)k, sorts[sort]);
    }
    done[sort]++;
    total++;
  }
  for (int s = 0; s < SORTS; s++) printf("# %-16s %6lld\n", sorts[s], (long long)done[s]);
  TES_CHECK_INT(accepted, 0);
  PetscCall(PetscFree(good));
  PetscCall(PetscFree(bad));
  PetscCall(TesCheckpointsDestroy(&checkpoints));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(NoInjuryOfTenThousandIsAccepted),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
