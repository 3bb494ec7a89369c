/* A worked example: fit a small network to a function of two variables, on any number of ranks, in a page of code.

   The steps are those of every model on the tensor room:
     1. a struct of layers, and a function that applies them;
     2. parameters: declare the layers, set up, and make a tape for them;
     3. the loss of one chunk of samples, which reads the samples by their global numbers;
     4. a loop: gradient over all chunks and ranks, schedule, optimizer step, TesParametersChanged.
   For a restart, TesParametersState and TesOptimizerState describe all that changes (and the epoch, which is a number). */
#include <math.h>
#include <tessera/optim.h>
#include <tessera/random.h>
#include <tessera/tensor_layers.h>
#include <tessera/tensor_train.h>
#include <tessera/test.h>

#define SAMPLES 256
#define CHUNK   32 /* samples of a unit of work: results depend on it, not on the ranks */
#define EPOCHS  300

/* ---- 1. the model: a lifted input, one hidden layer with a skip, an output ---- */

typedef struct {
  TesLinearLayer lift, hidden, out;
  PetscInt64     first; /* number of the first sample: training or test */
} Model;

static PetscErrorCode ModelDeclare(TesParameters p, Model *m)
{
  PetscFunctionBegin;
  PetscCall(TesLinearDeclare(p, "lift", 2, 24, PETSC_TRUE, &m->lift));
  PetscCall(TesLinearDeclare(p, "hidden", 24, 24, PETSC_TRUE, &m->hidden));
  PetscCall(TesLinearDeclare(p, "out", 24, 1, PETSC_TRUE, &m->out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ModelApply(TesTape tape, const Model *m, TesTensor x, TesTensor *y)
{
  TesTensor h, s;

  PetscFunctionBegin;
  PetscCall(TesLinearApply(tape, &m->lift, x, &h));
  PetscCall(TesAct(TES_ACT_TANH, h, &h));
  PetscCall(TesLinearApply(tape, &m->hidden, h, &s));
  PetscCall(TesAct(TES_ACT_TANH, s, &s));
  PetscCall(TesAdd(h, s, &h));
  PetscCall(TesLinearApply(tape, &m->out, h, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- 3. the loss of a chunk; the metric is the sum of squares of the targets ---- */

static PetscErrorCode ChunkLoss(TesTape tape, PetscInt64 chunk, TesTensor *loss, PetscReal metrics[], void *ctx)
{
  const Model *m = ctx;
  PetscReal    x[CHUNK][2], target[CHUNK];
  TesTensor    in, want, y;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < CHUNK; i++) {
    TesRandomUniform(2026, TES_STREAM_TEST, (uint32_t)(m->first + chunk * CHUNK + i), 0, 0, x[i]);
    target[i] = sin(3 * x[i][0]) * exp(-x[i][1]) + x[i][0] * x[i][1];
    metrics[0] += target[i] * target[i];
  }
  PetscCall(TesTensorFrom(tape, TesTapeType(tape), TES_SHAPE(CHUNK, 2), &x[0][0], &in));
  PetscCall(TesTensorFrom(tape, TesTapeType(tape), TES_SHAPE(CHUNK, 1), target, &want));
  PetscCall(ModelApply(tape, m, in, &y));
  PetscCall(TesSubtract(y, want, &y));
  PetscCall(TesAct(TES_ACT_SQUARE, y, &y));
  PetscCall(TesSum(y, TES_ALL_AXES, PETSC_FALSE, loss));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RegressionLearnsAFunction(void)
{
  const TesSchedule   schedule = {.kind = TES_SCHEDULE_ONECYCLE, .warm = 0.2, .div = 10, .final_div = 100, .cycle_beta1 = {0.85, 0.95}};
  Model               model = {.first = 0};
  TesOptimizerOptions options;
  TesOptimizer        optimizer;
  TesParameters       parameters;
  TesTape             tape;
  TesGradient         gradient;
  TesPartition        chunks;
  PetscReal          *g, loss, squares;

  PetscFunctionBegin;
  /* ---- 2. parameters and tape ---- */
  PetscCall(TesParametersCreate(&parameters));
  PetscCall(ModelDeclare(parameters, &model));
  PetscCall(TesParametersSetUp(parameters, TES_F32, 1)); /* single precision, seed 1 */
  PetscCall(TesTapeCreate(&(TesTapeOptions){.type = TES_F32, .arena_mib = 8}, parameters, &tape));
  PetscCall(TesGradientCreate(PETSC_COMM_WORLD, TES_REDUCE_EXACT, tape, parameters, 1, &gradient));
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, SAMPLES / CHUNK, 1, &chunks));
  PetscCall(TesOptimizerDefaults(&options));
  options.learning_rate = 0.05;
  PetscCall(TesOptimizerCreate(&options, TesParametersSize(parameters), &optimizer));
  PetscCall(PetscMalloc1(TesParametersSize(parameters), &g));
  TES_CHECK_INT(TesParametersSize(parameters), 2 * 24 + 24 + 24 * 24 + 24 + 24 + 1);

  /* ---- 4. the loop ---- */
  for (PetscInt epoch = 0; epoch < EPOCHS; epoch++) {
    TesRate rate;

    PetscCall(TesScheduleAt(&schedule, &options, epoch, EPOCHS, &rate));
    PetscCall(TesGradientEvaluate(gradient, &chunks, epoch, ChunkLoss, &model, &loss, &squares, g));
    PetscCall(TesOptimizerApply(optimizer, &rate, TesParametersValues(parameters), g));
    PetscCall(TesParametersChanged(parameters));
  }
  TES_CHECK_AT_MOST(sqrt(loss / squares), 0.03); /* relative error on the training samples */

  /* and on samples it has not seen, without gradients */
  model.first = SAMPLES;
  PetscCall(TesGradientEvaluate(gradient, &chunks, EPOCHS, ChunkLoss, &model, &loss, &squares, NULL));
  TES_CHECK_AT_MOST(sqrt(loss / squares), 0.04);

  PetscCall(PetscFree(g));
  PetscCall(TesOptimizerDestroy(&optimizer));
  PetscCall(TesGradientDestroy(&gradient));
  PetscCall(TesTapeDestroy(&tape));
  PetscCall(TesParametersDestroy(&parameters));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(RegressionLearnsAFunction),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
