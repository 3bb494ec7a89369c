/* Sums over chunks and ranks: exact, the same bits for every distribution, and a training that does not depend on the rank count. */
#include <math.h>
#include <string.h>
#include <tessera/io.h>
#include <tessera/optim.h>
#include <tessera/random.h>
#include <tessera/tensor_layers.h>
#include <tessera/tensor_train.h>
#include <tessera/test.h>

#define N 37 /* entries of the vectors that are summed */

static PetscReal Draw(PetscInt64 chunk, PetscInt i, PetscInt which)
{
  PetscReal u[2];

  TesRandomUniform(99, TES_STREAM_TEST, (uint32_t)chunk, (uint32_t)i, (uint32_t)which, u);
  return 2 * u[0] - 1;
}

/* spread: numbers of very different size, the largest ones rare */
static void Vector(PetscInt64 chunk, PetscBool spread, PetscReal v[N])
{
  for (PetscInt i = 0; i < N; i++) v[i] = Draw(chunk, i, 0) * (spread ? pow(10, 15 * Draw(chunk, i, 1)) : 1);
}

static const PetscInt64 blocks[] = {0, 20, 21, N};

/* sum of all chunks with the given assignment: chunk c belongs to rank owner(c) and is added in ascending or descending order */
static PetscErrorCode SumChunks(MPI_Comm comm, PetscInt64 chunks, int rule, PetscBool spread, PetscReal sum[N])
{
  TesReducer r;
  int        rank, size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscCall(TesReducerCreate(comm, TES_REDUCE_EXACT, 3, blocks, &r));
  PetscCall(TesReducerBegin(r, NULL));
  for (PetscInt64 k = 0; k < chunks; k++) {
    PetscInt64 c     = rule == 1 ? chunks - 1 - k : k;
    int        owner = rule == 2 ? (int)(c % size) : (int)(c * size / chunks);
    PetscReal  v[N];

    if (owner != rank) continue;
    Vector(c, spread, v);
    if (rule == 1) { /* the same vector in two parts: what a part does not have is not read */
      const PetscBool with[2][3] = {{PETSC_TRUE, PETSC_FALSE, PETSC_TRUE}, {PETSC_FALSE, PETSC_TRUE, PETSC_FALSE}};
      const PetscReal middle     = v[20];

      v[20] = NAN;
      PetscCall(TesReducerAddSome(r, TES_F64, v, with[0]));
      v[20] = middle;
      PetscCall(TesReducerAddSome(r, TES_F64, v, with[1]));
    } else {
      PetscCall(TesReducerAdd(r, TES_F64, v));
    }
  }
  PetscCall(TesReducerFinish(r, sum));
  PetscCall(TesReducerDestroy(&r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ExactSumsHaveTheSameBitsForEveryDistribution(void)
{
  PetscFunctionBegin;
  for (int spread = 0; spread < 2; spread++)
    for (PetscInt64 chunks = 1; chunks <= 1000; chunks = chunks * 3 + 1) {
      PetscReal alone[N], together[N];

      PetscCall(SumChunks(PETSC_COMM_SELF, chunks, 0, spread ? PETSC_TRUE : PETSC_FALSE, alone));
      for (int rule = 0; rule < 3; rule++) {
        PetscCall(SumChunks(PETSC_COMM_WORLD, chunks, rule, spread ? PETSC_TRUE : PETSC_FALSE, together));
        TES_CHECK(!memcmp(alone, together, sizeof alone));
      }
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* against sums in 80-bit or wider arithmetic with compensation (two long doubles): within 2^-60 of the largest entry of the block per chunk, and rounding */
static PetscErrorCode ExactSumsAreAccurate(void)
{
  const PetscInt64 chunks = 333;
  PetscReal        sum[N], largest[3] = {0};
  long double      high[N] = {0}, low[N] = {0};

  PetscFunctionBegin;
  PetscCall(SumChunks(PETSC_COMM_WORLD, chunks, 0, PETSC_TRUE, sum));
  for (PetscInt64 c = 0; c < chunks; c++) {
    PetscReal v[N];

    Vector(c, PETSC_TRUE, v);
    for (PetscInt i = 0; i < N; i++) {
      long double t = high[i] + (long double)v[i], z = t - high[i];
      PetscInt    b = i < 20 ? 0 : i < 21 ? 1 : 2;

      low[i] += (high[i] - (t - z)) + ((long double)v[i] - z);
      high[i] = t;
      largest[b] = PetscMax(largest[b], fabs(v[i]));
    }
  }
  for (PetscInt i = 0; i < N; i++) {
    PetscReal want = (PetscReal)(high[i] + low[i]);

    TES_CHECK_NEAR(sum[i], want, 4.5e-16 * fabs(want) + (PetscReal)chunks * 0x1p-60 * largest[i < 20 ? 0 : i < 21 ? 1 : 2]);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a large number first or last, tiny ones, zeros, single precision, and numbers that are not finite */
static PetscErrorCode ExactSumsTakeWhatComes(void)
{
  const PetscInt64 first[] = {0, 2, 4};
  const PetscReal  parts[][4] = {{1e-20, 1, 0, 0}, {1e12, 0x1p-40, 0, 0}, {-1e12, 1, 0, 0}, {3e-8, -0x1p-40, 0, 0}};
  const PetscInt   orders[][4] = {{0, 1, 2, 3}, {1, 2, 3, 0}, {3, 2, 1, 0}, {1, 0, 3, 2}};
  PetscReal        want[4], sum[4], value;
  TesReducer       r;
  int              rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCall(TesReducerCreate(PETSC_COMM_WORLD, TES_REDUCE_EXACT, 2, first, &r));
  for (int k = 0; k < 4; k++) {
    PetscCall(TesReducerBegin(r, NULL));
    for (int i = 0; i < 4 && !rank; i++) PetscCall(TesReducerAdd(r, TES_F64, parts[orders[k][i]]));
    PetscCall(TesReducerFinish(r, k ? sum : want));
    TES_CHECK(!k || !memcmp(sum, want, sizeof sum));
  }
  TES_CHECK_NEAR(want[1], 2, 0); /* 2^-40 - 2^-40 leaves nothing */
  TES_CHECK_NEAR(want[2], 0, 0); /* a block of zeros */
  TES_CHECK_NEAR(want[0], 3e-8, 4 * 0x1p-60 * 1e12);

  PetscCall(TesReducerBegin(r, NULL));
  if (!rank) PetscCall(TesReducerAdd(r, TES_F32, (const float[]){0.1f, 1, -2, 3}));
  PetscCall(TesReducerFinish(r, sum));
  value = (PetscReal)0.1f;
  TES_CHECK_NEAR(sum[0], value, 0);

  PetscCall(TesReducerBegin(r, NULL));
  if (!rank) PetscCall(TesReducerAdd(r, TES_F64, (const PetscReal[]){NAN, 1, 2, 3}));
  PetscCall(TesReducerAdd(r, TES_F64, (const PetscReal[]){1, 1, 0, 0}));
  PetscCall(TesReducerFinish(r, sum));
  TES_CHECK(isnan(sum[0]) && isnan(sum[1])); /* its block */
  TES_CHECK_NEAR(sum[2], 2, 0);              /* not the other */

  PetscCall(TesReducerBegin(r, NULL)); /* as small as doubles go */
  if (!rank) PetscCall(TesReducerAdd(r, TES_F64, (const PetscReal[]){0x1p-1000, 0x1p-1020, 1, 1}));
  PetscCall(TesReducerFinish(r, sum));
  TES_CHECK_NEAR(sum[0], 0x1p-1000, 0);
  PetscCall(TesReducerDestroy(&r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- a training: 13 samples in chunks of 2 (the last one padded), an MLP ---- */

#define SAMPLES 13
#define CHUNK   2
#define CHUNKS  7

typedef struct {
  TesMLP mlp;
} Model;

static PetscReal Target(const PetscReal x[2]) { return sin(2 * x[0]) * x[1]; }

static PetscErrorCode ModelLoss(TesTape tape, PetscInt64 chunk, TesTensor *loss, PetscReal metrics[], void *ctx)
{
  const Model *m = ctx;
  PetscReal    x[CHUNK][2], t[CHUNK], w[CHUNK];
  TesTensor    in, target, weight, y;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < CHUNK; i++) {
    PetscInt64 sample = chunk * CHUNK + i;

    x[i][0] = Draw(sample, 0, 2);
    x[i][1] = Draw(sample, 1, 2);
    t[i]    = Target(x[i]);
    w[i]    = sample < SAMPLES ? 1 : 0; /* padding weighs nothing */
    metrics[0] += w[i];
  }
  PetscCall(TesTensorFrom(tape, TesTapeType(tape), TES_SHAPE(CHUNK, 2), &x[0][0], &in));
  PetscCall(TesTensorFrom(tape, TesTapeType(tape), TES_SHAPE(CHUNK, 1), t, &target));
  PetscCall(TesTensorFrom(tape, TesTapeType(tape), TES_SHAPE(CHUNK, 1), w, &weight));
  PetscCall(TesMLPApply(tape, &m->mlp, in, &y));
  PetscCall(TesSubtract(y, target, &y));
  PetscCall(TesAct(TES_ACT_SQUARE, y, &y));
  PetscCall(TesDot(y, weight, loss));
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  TesParameters p;
  TesTape       tape;
  TesGradient   gradient;
  TesOptimizer  optimizer;
  TesPartition  chunks;
  Model         model;
  PetscReal    *g, loss;
} Training;

static PetscErrorCode TrainingCreate(MPI_Comm comm, TesReduceKind kind, TesType type, Training *t)
{
  TesOptimizerOptions o;

  PetscFunctionBegin;
  PetscCall(TesParametersCreate(&t->p));
  PetscCall(TesMLPDeclare(t->p, "mlp", 4, (const PetscInt[]){2, 16, 16, 1}, TES_ACT_GELU, &t->model.mlp));
  PetscCall(TesParametersSetUp(t->p, type, 42));
  PetscCall(TesTapeCreate(&(TesTapeOptions){.type = type, .arena_mib = 8}, t->p, &t->tape));
  PetscCall(TesGradientCreate(comm, kind, t->tape, t->p, 1, &t->gradient));
  PetscCall(TesOptimizerDefaults(&o));
  o.learning_rate = 1e-2;
  o.average       = 0.9;
  PetscCall(TesOptimizerCreate(&o, TesParametersSize(t->p), &t->optimizer));
  PetscCall(TesPartitionCreate(comm, CHUNKS, 1, &t->chunks));
  PetscCall(PetscMalloc1(TesParametersSize(t->p), &t->g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TrainingSteps(Training *t, PetscInt n)
{
  PetscFunctionBegin;
  for (PetscInt k = 0; k < n; k++) {
    PetscReal count;

    PetscCall(TesGradientEvaluate(t->gradient, &t->chunks, TesOptimizerSteps(t->optimizer), ModelLoss, &t->model, &t->loss, &count, t->g));
    TES_CHECK_NEAR(count, SAMPLES, 0);
    PetscCall(TesOptimizerApply(t->optimizer, NULL, TesParametersValues(t->p), t->g));
    PetscCall(TesParametersChanged(t->p));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TrainingDestroy(Training *t)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(t->g));
  PetscCall(TesOptimizerDestroy(&t->optimizer));
  PetscCall(TesGradientDestroy(&t->gradient));
  PetscCall(TesTapeDestroy(&t->tape));
  PetscCall(TesParametersDestroy(&t->p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SameParameters(const Training *a, const Training *b, PetscReal tolerance)
{
  const PetscReal *x = TesParametersValues(a->p), *y = TesParametersValues(b->p);
  PetscReal        worst = 0;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < TesParametersSize(a->p); i++) worst = PetscMax(worst, fabs(x[i] - y[i]));
  TES_CHECK_AT_MOST(worst, tolerance);
  TES_CHECK_AT_MOST(fabs(a->loss - b->loss), tolerance * 10);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* twenty steps on all ranks, and on one: 7 chunks are more, fewer and no multiple of the ranks */
static PetscErrorCode TrainingHasTheSameBitsOnAnyNumberOfRanks(void)
{
  PetscFunctionBegin;
  for (int kind = 0; kind < 3; kind++)
    for (int single = 0; single < 2; single++) {
      Training together, alone;

      PetscCall(TrainingCreate(PETSC_COMM_WORLD, (TesReduceKind)kind, single ? TES_F32 : TES_F64, &together));
      PetscCall(TrainingCreate(PETSC_COMM_SELF, (TesReduceKind)kind, single ? TES_F32 : TES_F64, &alone));
      PetscCall(TrainingSteps(&together, 20));
      PetscCall(TrainingSteps(&alone, 20));
      PetscCall(SameParameters(&together, &alone, kind == TES_REDUCE_FAST ? (single ? 1e-4 : 1e-11) : 0));
      TES_CHECK_AT_MOST(alone.loss, 1.5); /* it learns: 13 samples of variance about 0.17 each start at 2.6 */
      PetscCall(TrainingDestroy(&together));
      PetscCall(TrainingDestroy(&alone));
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EvaluationWithoutGradientGivesTheSameLoss(void)
{
  Training  t;
  PetscReal loss, count;

  PetscFunctionBegin;
  PetscCall(TrainingCreate(PETSC_COMM_WORLD, TES_REDUCE_EXACT, TES_F64, &t));
  PetscCall(TesGradientEvaluate(t.gradient, &t.chunks, 0, ModelLoss, &t.model, &loss, &count, NULL));
  PetscCall(TesGradientEvaluate(t.gradient, &t.chunks, 0, ModelLoss, &t.model, &t.loss, &count, t.g));
  TES_CHECK(loss == t.loss);
  PetscCall(TrainingDestroy(&t));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- restart through a visitor that keeps everything in memory ---- */

typedef struct {
  PetscInt n, at;
  char     name[64][128];
  size_t   bytes[64];
  char    *data[64];
} Store;

static PetscErrorCode StoreVisit(TesState state, TesStateItem *item)
{
  Store *s     = state->impl;
  size_t bytes = TesTypeBytes(item->type);

  PetscFunctionBegin;
  for (int a = 0; a < item->n_axes; a++) bytes *= (size_t)item->shape[a];
  if (state->ops->mode == TES_STATE_READS_PROBLEM) {
    PetscCall(PetscStrncpy(s->name[s->n], item->name, sizeof s->name[0]));
    PetscCall(PetscMalloc(PetscMax(bytes, 1), &s->data[s->n]));
    memcpy(s->data[s->n], item->data, bytes);
    s->bytes[s->n++] = bytes;
  } else {
    TES_CHECK_TEXT(item->name, s->name[s->at]);
    TES_CHECK_INT(bytes, s->bytes[s->at]);
    memcpy(item->data, s->data[s->at++], bytes);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode VisitTraining(Training *t, Store *s, TesStateMode mode)
{
  const TesStateOps   ops   = {mode, StoreVisit, NULL};
  struct _p_TesState  state = {&ops, PETSC_COMM_WORLD, s, ""};

  PetscFunctionBegin;
  PetscCall(TesParametersState(t->p, &state));
  PetscCall(TesOptimizerState(t->optimizer, &state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* 5 steps on one rank, state, then 7 steps on all ranks = 12 steps */
static PetscErrorCode RestartOnAnotherRankCountGoesOnWithTheSameBits(void)
{
  Training whole, part, rest;
  Store    store = {0};

  PetscFunctionBegin;
  for (int single = 0; single < 2; single++) {
    TesType type = single ? TES_F32 : TES_F64;

    memset(&store, 0, sizeof store);
    PetscCall(TrainingCreate(PETSC_COMM_SELF, TES_REDUCE_EXACT, type, &whole));
    PetscCall(TrainingCreate(PETSC_COMM_SELF, TES_REDUCE_EXACT, type, &part));
    PetscCall(TrainingCreate(PETSC_COMM_WORLD, TES_REDUCE_EXACT, type, &rest));
    PetscCall(TrainingSteps(&whole, 12));
    PetscCall(TrainingSteps(&part, 5));
    PetscCall(VisitTraining(&part, &store, TES_STATE_READS_PROBLEM));
    PetscCall(VisitTraining(&rest, &store, TES_STATE_WRITES_PROBLEM));
    PetscCall(TrainingSteps(&rest, 7));
    PetscCall(SameParameters(&whole, &rest, 0));
    TES_CHECK(!memcmp(TesOptimizerAverage(whole.optimizer), TesOptimizerAverage(rest.optimizer), sizeof(PetscReal) * (size_t)TesParametersSize(whole.p)));
    for (PetscInt i = 0; i < store.n; i++) PetscCall(PetscFree(store.data[i]));
    PetscCall(TrainingDestroy(&whole));
    PetscCall(TrainingDestroy(&part));
    PetscCall(TrainingDestroy(&rest));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- and through a real checkpoint file, written by all ranks ---- */

static PetscErrorCode TrainingState(void *ctx, TesState state)
{
  Training *t = ctx;

  PetscFunctionBegin;
  PetscCall(TesParametersState(t->p, state));
  PetscCall(TesOptimizerState(t->optimizer, state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckpointFilesHoldATraining(void)
{
  const TesProvenance origin = {.kind = "training", .deck = "problem: training\n"};
  TesCheckpoints      files;
  Training            whole, part, rest;
  PetscBool           found;
  const char         *said;
  char                folder[PETSC_MAX_PATH_LEN];

  PetscFunctionBegin;
  PetscCall(TesTestFolder(folder, sizeof folder));
  PetscCall(TesCheckpointsCreate(PETSC_COMM_WORLD, folder, 2, &files));
  PetscCall(TrainingCreate(PETSC_COMM_SELF, TES_REDUCE_EXACT, TES_F32, &whole));
  PetscCall(TrainingCreate(PETSC_COMM_WORLD, TES_REDUCE_EXACT, TES_F32, &part));
  PetscCall(TrainingCreate(PETSC_COMM_WORLD, TES_REDUCE_EXACT, TES_F32, &rest));
  PetscCall(TrainingSteps(&whole, 9));
  PetscCall(TrainingSteps(&part, 4));
  PetscCall(TesCheckpointsSave(files, 4, TrainingState, &part, &origin, NULL, NULL));
  PetscCall(TesCheckpointsOpen(files, &found, &said));
  TES_CHECK(found);
  PetscCall(TesCheckpointsRestore(files, TrainingState, &rest));
  PetscCall(TesCheckpointsClose(files));
  PetscCall(TrainingSteps(&rest, 5));
  PetscCall(SameParameters(&whole, &rest, 0));
  PetscCall(TesCheckpointsDestroy(&files));
  PetscCall(TrainingDestroy(&whole));
  PetscCall(TrainingDestroy(&part));
  PetscCall(TrainingDestroy(&rest));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- failures on one rank reach all ---- */

static PetscErrorCode BrokenLoss(TesTape tape, PetscInt64 chunk, TesTensor *loss, PetscReal metrics[], void *ctx)
{
  TesTensor w;

  PetscFunctionBegin;
  (void)metrics;
  PetscCall(TesTapeParameter(tape, ((const Model *)ctx)->mlp.layer[0].bias, &w));
  PetscCall(TesSum(w, TES_ALL_AXES, PETSC_FALSE, loss));
  PetscCall(TesScale(0, *loss, chunk == CHUNKS - 1 ? -1 : 1, loss));
  PetscCall(TesTapePush(tape, "late"));
  PetscCall(TesAct(TES_ACT_LOG, *loss, loss));
  PetscCall(TesTapePop(tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FailureOfOneChunkIsKnownToAll(void)
{
  Training  t;
  PetscReal count;

  PetscFunctionBegin;
  PetscCall(TrainingCreate(PETSC_COMM_WORLD, TES_REDUCE_EXACT, TES_F64, &t));
  TES_CHECK_INT(TesGradientEvaluate(t.gradient, &t.chunks, 17, BrokenLoss, &t.model, &t.loss, &count, t.g), TES_ERR_NUMBERS);
  TES_CHECK_CONTAINS(TesErrorMessage(), "step 17: late: `log` gave");
  TesErrorForget();
  PetscCall(TrainingDestroy(&t));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ShufflesArePermutationsOfTheEpoch(void)
{
  PetscInt order[1000], other[1000], fixed = 0;
  char     seen[1000] = {0};

  PetscFunctionBegin;
  PetscCall(TesShuffle(7, 3, 1000, order));
  PetscCall(TesShuffle(7, 4, 1000, other));
  for (int i = 0; i < 1000; i++) {
    TES_CHECK(order[i] >= 0 && order[i] < 1000 && !seen[order[i]]);
    seen[order[i]] = 1;
    fixed += order[i] == other[i];
  }
  TES_CHECK_AT_MOST(fixed, 10); /* coincidences are Poisson of mean 1 */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ExactSumsHaveTheSameBitsForEveryDistribution),
  TES_TEST(ExactSumsAreAccurate),
  TES_TEST(ExactSumsTakeWhatComes),
  TES_TEST(TrainingHasTheSameBitsOnAnyNumberOfRanks),
  TES_TEST(EvaluationWithoutGradientGivesTheSameLoss),
  TES_TEST(RestartOnAnotherRankCountGoesOnWithTheSameBits),
  TES_TEST(CheckpointFilesHoldATraining),
  TES_TEST(FailureOfOneChunkIsKnownToAll),
  TES_TEST(ShufflesArePermutationsOfTheEpoch),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
