/* Loss, metrics and gradient of a sum over chunks: each chunk of this rank on a fresh tape, then one sum over the ranks.

   The vector that is summed is (gradient, loss, metrics); every parameter, the loss and each metric are a block of the exact sum. A failure on one rank (a NaN, a full arena)
   is agreed upon before the sum, so that nobody waits. */
#include <stdlib.h>
#include <tessera/random.h>
#include <tessera/tensor_train.h>

struct _p_TesGradient {
  MPI_Comm      comm;
  TesTape       tape; /* borrowed */
  TesParameters parameters;
  PetscInt      n_metrics;
  PetscInt64    n;           /* parameters' entries */
  TesReducer    full, brief; /* with and without the gradient */
  PetscReal    *vector;      /* [n + 1 + n_metrics] */
};

PetscErrorCode TesGradientCreate(MPI_Comm comm, TesReduceKind kind, TesTape tape, TesParameters parameters, PetscInt n_metrics, TesGradient *gradient)
{
  PetscInt    blocks = TesParametersCount(parameters);
  PetscInt64 *first;
  TesGradient g;

  PetscFunctionBegin;
  PetscCall(PetscNew(&g));
  *gradient = g;
  g->comm   = comm;
  g->tape   = tape;
  PetscCall(TesParametersReference(parameters));
  g->parameters = parameters;
  g->n_metrics  = n_metrics;
  g->n          = TesParametersSize(parameters);
  PetscCall(PetscMalloc1(g->n + 1 + n_metrics, &g->vector));
  PetscCall(PetscMalloc1(blocks + n_metrics + 2, &first));
  for (PetscInt b = 0; b < blocks; b++) PetscCall(TesParametersInfo(parameters, b, NULL, &first[b], NULL, NULL, NULL));
  for (PetscInt b = 0; b <= n_metrics + 1; b++) first[blocks + b] = g->n + b;
  PetscCall(TesReducerCreate(comm, kind, blocks + 1 + n_metrics, first, &g->full));
  for (PetscInt b = 0; b <= n_metrics + 1; b++) first[b] = b;
  PetscCall(TesReducerCreate(comm, kind, 1 + n_metrics, first, &g->brief));
  PetscCall(PetscFree(first));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesGradientDestroy(TesGradient *gradient)
{
  PetscFunctionBegin;
  if (!*gradient) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesReducerDestroy(&(*gradient)->full));
  PetscCall(TesReducerDestroy(&(*gradient)->brief));
  PetscCall(TesParametersDestroy(&(*gradient)->parameters));
  PetscCall(PetscFree((*gradient)->vector));
  PetscCall(PetscFree(*gradient));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LocalChunks(TesGradient gradient, const TesPartition *chunks, PetscInt64 step, TesChunkLoss loss_of, void *ctx, PetscBool derivative)
{
  PetscReal *scalars = gradient->vector + gradient->n;

  PetscFunctionBegin;
  for (PetscInt64 c = 0; c < chunks->n_units_local; c++) {
    TesTensor loss;

    PetscCall(TesTapeReset(gradient->tape, step));
    PetscCall(TesTapeSetRecording(gradient->tape, derivative, NULL));
    for (PetscInt i = 0; i <= gradient->n_metrics; i++) scalars[i] = 0;
    PetscCall(loss_of(gradient->tape, chunks->first_unit + c, &loss, scalars + 1, ctx));
    PetscCall(TesTensorScalar(loss, scalars));
    PetscCheck(!PetscIsInfOrNanReal(scalars[0]) || derivative, PETSC_COMM_SELF, TES_ERR_NUMBERS, "step %" PetscInt64_FMT ": the loss of chunk %" PetscInt64_FMT " is not finite", step,
               chunks->first_unit + c);
    if (derivative) PetscCall(TesParametersGradient(loss, gradient->vector)); /* a loss that is not finite is explained there */
    PetscCall(TesReducerAdd(derivative ? gradient->full : gradient->brief, TES_F64, derivative ? gradient->vector : scalars));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesGradientEvaluate(TesGradient gradient, const TesPartition *chunks, PetscInt64 step, TesChunkLoss loss_of, void *ctx, PetscReal *loss, PetscReal *metrics, PetscReal *g)
{
  TesReducer     reducer = g ? gradient->full : gradient->brief;
  PetscReal     *scalars = g ? gradient->vector + gradient->n : gradient->vector;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(TesReducerBegin(reducer, chunks));
  ierr = LocalChunks(gradient, chunks, step, loss_of, ctx, g ? PETSC_TRUE : PETSC_FALSE);
  PetscCall(TesAgree(gradient->comm, ierr));
  PetscCall(TesReducerFinish(reducer, gradient->vector));
  if (g) PetscCall(PetscArraycpy(g, gradient->vector, gradient->n));
  *loss = scalars[0];
  for (PetscInt i = 0; i < gradient->n_metrics; i++) metrics[i] = scalars[i + 1];
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- order of the samples ---- */

typedef struct {
  uint64_t key;
  PetscInt index;
} Draw;

static int Compare(const void *a, const void *b)
{
  const Draw *x = a, *y = b;

  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

PetscErrorCode TesShuffle(PetscInt64 seed, PetscInt64 epoch, PetscInt n, PetscInt order[])
{
  Draw *draw;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(n, &draw));
  for (PetscInt i = 0; i < n; i++) {
    TesRandomBits bits = TesRandomRaw(seed, TES_STREAM_SHUFFLE, (uint32_t)((uint64_t)epoch & 0xffffffffu), (uint32_t)((uint64_t)epoch >> 32), (uint32_t)i);

    draw[i].key   = ((uint64_t)bits.v[0] << 32) | bits.v[1];
    draw[i].index = i;
  }
  qsort(draw, (size_t)n, sizeof *draw, Compare);
  for (PetscInt i = 0; i < n; i++) order[i] = draw[i].index;
  PetscCall(PetscFree(draw));
  PetscFunctionReturn(PETSC_SUCCESS);
}
