/* Optimizers against recursions written out here, against problems with known minima, and schedules against their closed forms. */
#include <math.h>
#include <string.h>
#include <tessera/optim.h>
#include <tessera/tensor_train.h>
#include <tessera/test.h>

/* ---- Adam and SGD, one unknown, written out ---- */

static PetscErrorCode AdamFollowsItsFormula(void)
{
  PetscFunctionBegin;
  for (int variant = 0; variant < 4; variant++) { /* plain, coupled decay, decoupled decay, amsgrad */
    TesOptimizerOptions o;
    TesOptimizer        adam;
    PetscReal           x = 0.7, y = 0.7, m = 0, q = 0, top = 0;

    PetscCall(TesOptimizerDefaults(&o));
    o.beta2 = 0.98;
    if (variant == 1 || variant == 2) o.weight_decay = 0.03;
    if (variant == 2) o.decay = TES_DECAY_DECOUPLED;
    if (variant == 3) o.amsgrad = PETSC_TRUE;
    PetscCall(TesOptimizerCreate(&o, 1, &adam));
    for (int k = 1; k <= 30; k++) {
      TesRate   rate = {0.01 * (1 + 0.1 * k), 0.95 - 0.003 * k}; /* both move, as in a one-cycle */
      PetscReal g = 3 * cos(2 * y) / k, mine = 3 * cos(2 * x) / k, second;

      if (variant == 1) g += 0.03 * y;
      if (variant == 2) y -= rate.learning_rate * 0.03 * y;
      m      = rate.beta1 * m + (1 - rate.beta1) * g;
      q      = 0.98 * q + 0.02 * g * g;
      top    = fmax(top, q);
      second = variant == 3 ? top : q;
      y -= rate.learning_rate / (1 - pow(rate.beta1, k)) * m / (sqrt(second) / sqrt(1 - pow(0.98, k)) + 1e-8);
      PetscCall(TesOptimizerApply(adam, &rate, &x, &mine));
      TES_CHECK_NEAR(x, y, 1e-14);
    }
    TES_CHECK_INT(TesOptimizerSteps(adam), 30);
    PetscCall(TesOptimizerDestroy(&adam));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* f = x^2 / 2 with momentum is a linear recursion of two terms */
static PetscErrorCode SgdFollowsItsRecursion(void)
{
  PetscFunctionBegin;
  for (int nesterov = 0; nesterov < 2; nesterov++) {
    TesOptimizerOptions o;
    TesOptimizer        sgd;
    PetscReal           x = 1, y = 1, b = 0;

    PetscCall(TesOptimizerDefaults(&o));
    o.kind          = TES_OPTIMIZER_SGD;
    o.learning_rate = 0.1;
    o.momentum      = 0.8;
    o.nesterov      = nesterov ? PETSC_TRUE : PETSC_FALSE;
    PetscCall(TesOptimizerCreate(&o, 1, &sgd));
    for (int k = 0; k < 50; k++) {
      PetscReal g = x, old = y;

      b = 0.8 * b + old;
      y -= 0.1 * (nesterov ? old + 0.8 * b : b);
      PetscCall(TesOptimizerApply(sgd, NULL, &x, &g));
      TES_CHECK_NEAR(x, y, 1e-15);
    }
    PetscCall(TesOptimizerDestroy(&sgd));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ClippingAndAveraging(void)
{
  TesOptimizerOptions o;
  TesOptimizer        sgd;
  PetscReal           g[2] = {3, 4}, norm, x = 1, mean = 0;

  PetscFunctionBegin;
  PetscCall(TesClip(2, g, 10, &norm));
  TES_CHECK_NEAR(norm, 5, 0);
  TES_CHECK_NEAR(g[1], 4, 0);
  PetscCall(TesClip(2, g, 1, &norm));
  TES_CHECK_NEAR(g[0], 0.6, 2e-16);
  TES_CHECK_NEAR(g[1], 0.8, 2e-16);
  PetscCall(TesOptimizerDefaults(&o));
  o.kind          = TES_OPTIMIZER_SGD;
  o.learning_rate = 0.5;
  o.clip          = 0.25;
  o.average       = 0.9;
  PetscCall(TesOptimizerCreate(&o, 1, &sgd));
  for (int k = 1; k <= 4; k++) {
    PetscReal big = 100;

    PetscCall(TesOptimizerApply(sgd, NULL, &x, &big));
    TES_CHECK_NEAR(x, 1 - 0.125 * k, 1e-15);
    mean = 0.9 * mean + 0.1 * x;
    TES_CHECK_NEAR(TesOptimizerAverage(sgd)[0], mean / (1 - pow(0.9, k)), 1e-15);
  }
  PetscCall(TesOptimizerDestroy(&sgd));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- L-BFGS ---- */

#define N 20

typedef struct {
  PetscInt evaluations;
} Count;

static PetscErrorCode Rosenbrock(PetscInt64 iteration, const PetscReal *x, PetscReal *value, PetscReal *g, void *ctx)
{
  PetscFunctionBegin;
  (void)iteration;
  ((Count *)ctx)->evaluations++;
  *value = 0;
  memset(g, 0, N * sizeof *g);
  for (int i = 0; i + 1 < N; i++) {
    PetscReal a = x[i + 1] - x[i] * x[i], b = 1 - x[i];

    *value += 100 * a * a + b * b;
    g[i] += -400 * a * x[i] - 2 * b;
    g[i + 1] += 200 * a;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Lbfgs(PetscInt history, TesOptimizer *o)
{
  TesOptimizerOptions options;

  PetscFunctionBegin;
  PetscCall(TesOptimizerDefaults(&options));
  options.kind    = TES_OPTIMIZER_LBFGS;
  options.history = history;
  PetscCall(TesOptimizerCreate(&options, N, o));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LbfgsFindsTheMinimumOfTheValley(void)
{
  TesOptimizer  o;
  Count         count = {0};
  PetscReal     x[N];
  TesIterate    last;
  TesStopReason reason;

  PetscFunctionBegin;
  for (int i = 0; i < N; i++) x[i] = i % 2 ? 1 : -1.2; /* the classical start */
  PetscCall(Lbfgs(10, &o));
  PetscCall(TesMinimize(o, Rosenbrock, &count, &(TesStopRule){.max_iterations = 500, .residual = 1e-9}, x, &last, &reason));
  TES_CHECK_INT(reason, TES_STOP_RESIDUAL);
  for (int i = 0; i < N; i++) TES_CHECK_NEAR(x[i], 1, 1e-8);
  TES_CHECK_AT_MOST(last.iteration, 200); /* published implementations with history 10 take 100 to 150 */
  TES_CHECK_AT_MOST(count.evaluations, 2 * last.iteration + 10);
  PetscCall(TesMinimize(o, Rosenbrock, &count, &(TesStopRule){.max_iterations = 50}, x, &last, &reason));
  TES_CHECK(reason == TES_STOP_STALLED || last.residual < 1e-12); /* at the minimum to rounding it says so */
  PetscCall(TesOptimizerDestroy(&o));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* sum of log cosh(s (x - 1)) with s up to 100, and not defined for x > 2: the line search must shrink and bracket */
static PetscErrorCode Walls(PetscInt64 iteration, const PetscReal *x, PetscReal *value, PetscReal *g, void *ctx)
{
  PetscFunctionBegin;
  (void)iteration;
  (void)ctx;
  *value = 0;
  for (int i = 0; i < N; i++) {
    PetscReal s = pow(10, 2.0 * i / (N - 1)), t = s * (x[i] - 1);

    *value += x[i] > 2 ? NAN : fabs(t) + log1p(exp(-2 * fabs(t)));
    g[i] = s * tanh(t);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LbfgsSurvivesSteepAndUndefinedRegions(void)
{
  TesOptimizer  o;
  PetscReal     x[N], worst = 0;
  TesIterate    last;
  TesStopReason reason;

  PetscFunctionBegin;
  for (int i = 0; i < N; i++) x[i] = i % 2 ? 1.9 : -3;
  PetscCall(Lbfgs(10, &o));
  PetscCall(TesMinimize(o, Walls, NULL, &(TesStopRule){.max_iterations = 2000, .residual = 1e-6}, x, &last, &reason));
  TES_CHECK(reason == TES_STOP_RESIDUAL || reason == TES_STOP_STALLED);
  for (int i = 0; i < N; i++) worst = fmax(worst, fabs(x[i] - 1));
  TES_CHECK_AT_MOST(worst, 1e-5);
  PetscCall(TesOptimizerDestroy(&o));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- restart: a visitor in memory ---- */

typedef struct {
  PetscInt n, at;
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
    PetscCall(PetscMalloc(PetscMax(bytes, 1), &s->data[s->n]));
    memcpy(s->data[s->n++], item->data, bytes);
  } else {
    memcpy(item->data, s->data[s->at++], bytes);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Visit(TesOptimizer o, Store *s, TesStateMode mode)
{
  const TesStateOps  ops   = {mode, StoreVisit, NULL};
  struct _p_TesState state = {&ops, PETSC_COMM_SELF, s, ""};

  PetscFunctionBegin;
  PetscCall(TesOptimizerState(o, &state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EveryOptimizerRestartsWithTheSameBits(void)
{
  PetscFunctionBegin;
  for (int kind = 0; kind < 4; kind++) {
    TesOptimizerOptions options;
    TesOptimizer        whole, part, rest;
    Count               count = {0};
    Store               store = {0};
    PetscReal           x[N], y[N], value, norm;

    PetscCall(TesOptimizerDefaults(&options));
    options.kind    = kind == 3 ? TES_OPTIMIZER_ADAM : kind;
    options.amsgrad = kind == 3 ? PETSC_TRUE : PETSC_FALSE;
    options.average = 0.99;
    options.history = 4;
    if (kind == TES_OPTIMIZER_SGD) options.learning_rate = 1e-4;
    options.momentum = 0.9;
    for (int i = 0; i < N; i++) x[i] = y[i] = i % 2 ? 1 : -1.2;
    PetscCall(TesOptimizerCreate(&options, N, &whole));
    PetscCall(TesOptimizerCreate(&options, N, &part));
    PetscCall(TesOptimizerCreate(&options, N, &rest));
    for (int k = 0; k < 25; k++) PetscCall(TesOptimizerIterate(whole, NULL, Rosenbrock, &count, x, &value, &norm, NULL));
    for (int k = 0; k < 11; k++) PetscCall(TesOptimizerIterate(part, NULL, Rosenbrock, &count, y, &value, &norm, NULL));
    PetscCall(Visit(part, &store, TES_STATE_READS_PROBLEM));
    PetscCall(Visit(rest, &store, TES_STATE_WRITES_PROBLEM));
    TES_CHECK_INT(store.at, store.n);
    for (int k = 0; k < 14; k++) PetscCall(TesOptimizerIterate(rest, NULL, Rosenbrock, &count, y, &value, &norm, NULL));
    TES_CHECK(!memcmp(x, y, sizeof x));
    TES_CHECK_INT(TesOptimizerSteps(rest), 25);
    TES_CHECK(!memcmp(TesOptimizerAverage(whole), TesOptimizerAverage(rest), sizeof x));
    for (PetscInt i = 0; i < store.n; i++) PetscCall(PetscFree(store.data[i]));
    PetscCall(TesOptimizerDestroy(&whole));
    PetscCall(TesOptimizerDestroy(&part));
    PetscCall(TesOptimizerDestroy(&rest));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- schedules ---- */

/* half a cosine from a to b in another form */
static PetscReal Rise(PetscReal a, PetscReal b, PetscReal p)
{
  PetscReal s = sin(0.5 * PETSC_PI * p);

  return a + (b - a) * s * s;
}

static PetscErrorCode OneCycleIsTheOneOfTheSpecification(void)
{
  const TesSchedule         s = {.kind = TES_SCHEDULE_ONECYCLE, .warm = 0.2, .div = 2, .final_div = 100, .cycle_beta1 = {0.85, 0.95}};
  const TesOptimizerOptions o = {.learning_rate = 5e-4, .beta1 = 0.9};
  TesSchedule               fixed = s;
  TesRate                   r;

  PetscFunctionBegin;
  for (int e = 0; e < 40; e++) { /* 40 epochs: the rate peaks at epoch 0.2 40 - 1 = 7 */
    PetscCall(TesScheduleAt(&s, &o, e, 40, &r));
    TES_CHECK_NEAR(r.learning_rate, e <= 7 ? Rise(2.5e-4, 5e-4, e / 7.0) : Rise(5e-4, 2.5e-6, (e - 7) / 32.0), 1e-18);
    TES_CHECK_NEAR(r.beta1, e <= 7 ? Rise(0.95, 0.85, e / 7.0) : Rise(0.85, 0.95, (e - 7) / 32.0), 1e-15);
  }
  fixed.cycle_beta1[0] = fixed.cycle_beta1[1] = 0;
  PetscCall(TesScheduleAt(&fixed, &o, 7, 40, &r));
  TES_CHECK_NEAR(r.beta1, 0.9, 0);
  PetscCall(TesScheduleAt(&s, &o, 0, 1, &r)); /* degenerate lengths stay finite */
  TES_CHECK(isfinite(r.learning_rate) && r.learning_rate > 0);
  PetscCall(TesScheduleAt(&s, &o, 4, 5, &r));
  TES_CHECK_NEAR(r.learning_rate, 2.5e-6, 1e-18);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OtherSchedulesFollowTheirForms(void)
{
  const TesOptimizerOptions o = {.learning_rate = 2, .beta1 = 0.9};
  TesRate                   r;

  PetscFunctionBegin;
  PetscCall(TesScheduleAt(&(TesSchedule){.kind = TES_SCHEDULE_CONSTANT, .warm_up = 3}, &o, 1, 10, &r));
  TES_CHECK_NEAR(r.learning_rate, 2 * 2 / 4.0, 1e-15);
  PetscCall(TesScheduleAt(&(TesSchedule){.kind = TES_SCHEDULE_CONSTANT, .warm_up = 3}, &o, 3, 10, &r));
  TES_CHECK_NEAR(r.learning_rate, 2, 0);
  for (int e = 0; e < 11; e++) {
    PetscCall(TesScheduleAt(&(TesSchedule){.kind = TES_SCHEDULE_COSINE, .floor = 0.1}, &o, e, 11, &r));
    TES_CHECK_NEAR(r.learning_rate, Rise(2, 0.2, e / 10.0), 1e-15);
    PetscCall(TesScheduleAt(&(TesSchedule){.kind = TES_SCHEDULE_STEP, .every = 4, .factor = 0.5}, &o, e, 11, &r));
    TES_CHECK_NEAR(r.learning_rate, e < 4 ? 2 : e < 8 ? 1 : 0.5, 0);
    PetscCall(TesScheduleAt(&(TesSchedule){.kind = TES_SCHEDULE_EXPONENTIAL, .factor = 0.9}, &o, e, 11, &r));
    TES_CHECK_NEAR(r.learning_rate, 2 * exp(e * log(0.9)), 1e-14);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- keys of decks ---- */

typedef struct {
  struct {
    TesOptimizerOptions optimizer;
    TesSchedule         schedule;
  } train;
  TesEngineOptions engine;
} Kind;

static const TesKey keys[] = {
  TES_SECTION("train", .help = "training"),
  TES_OPTIMIZER_KEYS(Kind, train.optimizer),
  TES_SCHEDULE_KEYS(Kind, train.schedule, "onecycle"),
  TES_ENGINE_KEYS(Kind),
  TES_KEYS_END,
};

static PetscErrorCode DeckKeysAreWellFormedAndRead(void)
{
  const char  *text = "problem: test\ntrain:\n  optimizer: {kind: sgd, learning_rate: 0.02, momentum: 0.9, decay: decoupled}\n  schedule: {kind: cosine, floor: 0.01}\nengine: {chunk: 4}\n";
  const char  *said, *known[] = {"test", NULL}, *kind;
  const TesKey *table = keys;
  char        *faults;
  TesDeck      deck;
  Kind         k;
  PetscInt     n;

  PetscFunctionBegin;
  PetscCall(TesKeysCheck(1, &table, &faults));
  TES_CHECK_TEXT(faults, "");
  PetscCall(PetscFree(faults));
  memset(&k, 0, sizeof k);
  PetscCall(TesDeckCreateText(PETSC_COMM_SELF, "test.yaml", strlen(text), text, &deck));
  PetscCall(TesDeckKind(deck, known, &kind));
  PetscCall(TesDeckRead(deck, 1, &(TesKeyTable){keys, &k}));
  PetscCall(TesDeckComplaints(deck, &n, &said));
  TES_CHECK_INT(n, 0);
  TES_CHECK_INT(k.train.optimizer.kind, TES_OPTIMIZER_SGD);
  TES_CHECK_INT(k.train.optimizer.decay, TES_DECAY_DECOUPLED);
  TES_CHECK_NEAR(k.train.optimizer.momentum, 0.9, 0);
  TES_CHECK_INT(k.train.schedule.kind, TES_SCHEDULE_COSINE);
  TES_CHECK_NEAR(k.train.schedule.floor, 0.01, 0);
  TES_CHECK_INT(k.engine.chunk, 4);
  TES_CHECK_INT(k.engine.arena_mib, 512);
  PetscCall(TesDeckDestroy(&deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- the loop ---- */

static PetscErrorCode Halve(TesIterate *it, void *ctx)
{
  PetscReal *x = ctx;

  PetscFunctionBegin;
  *x /= 2;
  it->value    = 1 + *x;
  it->residual = *x;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Explode(TesIterate *it, void *ctx)
{
  PetscFunctionBegin;
  (void)ctx;
  it->value = it->iteration == 3 ? NAN : 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LoopsEndForTheRightReason(void)
{
  TesIterate    last;
  TesStopReason reason;
  PetscReal     x = 1;

  PetscFunctionBegin;
  PetscCall(TesIterateUntil(Halve, &x, &(TesStopRule){.max_iterations = 5}, &last, &reason));
  TES_CHECK(reason == TES_STOP_ITERATIONS && last.iteration == 4);
  x = 1;
  PetscCall(TesIterateUntil(Halve, &x, &(TesStopRule){.max_iterations = 99, .residual = 0.01}, &last, &reason));
  TES_CHECK(reason == TES_STOP_RESIDUAL && last.iteration == 6); /* 1/128 */
  x = 1;
  PetscCall(TesIterateUntil(Halve, &x, &(TesStopRule){.max_iterations = 99, .residual_relative = 0.01}, &last, &reason));
  TES_CHECK(reason == TES_STOP_RESIDUAL && last.iteration == 7); /* relative to the first, 1/2 */
  x = 1;
  PetscCall(TesIterateUntil(Halve, &x, &(TesStopRule){.max_iterations = 99, .change = 0.01}, &last, &reason));
  TES_CHECK(reason == TES_STOP_CHANGE && last.iteration == 7); /* changes 1/128, 1/256 */
  TES_CHECK_FAILS(TesIterateUntil(Explode, NULL, &(TesStopRule){.max_iterations = 9}, &last, &reason), TES_ERR_NUMBERS);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(AdamFollowsItsFormula),
  TES_TEST(SgdFollowsItsRecursion),
  TES_TEST(ClippingAndAveraging),
  TES_TEST(LbfgsFindsTheMinimumOfTheValley),
  TES_TEST(LbfgsSurvivesSteepAndUndefinedRegions),
  TES_TEST(EveryOptimizerRestartsWithTheSameBits),
  TES_TEST(OneCycleIsTheOneOfTheSpecification),
  TES_TEST(OtherSchedulesFollowTheirForms),
  TES_TEST(DeckKeysAreWellFormedAndRead),
  TES_TEST(LoopsEndForTheRightReason),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
