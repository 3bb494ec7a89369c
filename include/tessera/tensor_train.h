#pragma once
/* From chunks of samples on many ranks to one loss and one gradient, with the same bits for every rank count.

   A chunk (deck key engine.chunk) is evaluated whole by one rank, always with the same shapes; what chunks give (a loss, metrics, a gradient) is summed by a reducer:
     exact  - every number is split into digits of base 2^30 on a grid common to all ranks, the digits are summed without rounding, so any order and any distribution give
              the same bits; the result is within 2^-60 of the largest entry of its block (times the number of chunks). The default.
     blocks - plain sums in a fixed binary tree over the chunks: each rank pushes its chunks in order
     fast   - a plain all-reduce: the bits depend on the rank count */
#include <tessera/deck.h>
#include <tessera/partition.h>
#include <tessera/tensor.h>

typedef enum { TES_REDUCE_EXACT, TES_REDUCE_BLOCKS, TES_REDUCE_FAST } TesReduceKind;

typedef struct _p_TesReducer *TesReducer;

/*@
  TesReducerCreate - a sum of vectors of n entries over chunks

  Not Collective

  Input Parameters:
+ comm     - the ranks that hold chunks
. kind     - see above
. n_blocks - number of blocks; entries of a block share the exponent of their common grid: one block per parameter tensor, one per scalar
- first    - [n_blocks + 1] where each block begins; first[n_blocks] = n

  TesReducerBegin  - forget what was added. chunks: how chunks are split over the ranks (one unit = one chunk); blocks needs it, the others may pass NULL
  TesReducerAdd    - add a chunk's vector, double or single (blocks: in ascending order of the rank's chunks)
  TesReducerAddSome - the same, where the blocks b without with[b] are known to be zero and are not read
  TesReducerFinish - the sum [n] on every rank. Collective. A NaN, an infinity or a number beyond 2^930 anywhere makes its block NaN

  Note: exact takes no more than 2^23 chunks and three doubles per entry.
@*/
PetscErrorCode TesReducerCreate(MPI_Comm comm, TesReduceKind kind, PetscInt n_blocks, const PetscInt64 first[], TesReducer *reducer);
PetscErrorCode TesReducerBegin(TesReducer reducer, const TesPartition *chunks);
PetscErrorCode TesReducerAdd(TesReducer reducer, TesType type, const void *x);
PetscErrorCode TesReducerAddSome(TesReducer reducer, TesType type, const void *x, const PetscBool with[]);
PetscErrorCode TesReducerFinish(TesReducer reducer, PetscReal *sum);
PetscErrorCode TesReducerDestroy(TesReducer *reducer);

/* One chunk on the tape, which has been reset: make the loss (one entry, summed over the samples of the chunk) and set metrics [n_metrics], zero before, which are summed too.
   `chunk` is the number within the partition. Samples that only pad the last chunk must weigh nothing. */
typedef PetscErrorCode (*TesChunkLoss)(TesTape tape, PetscInt64 chunk, TesTensor *loss, PetscReal metrics[], void *ctx);

/*@
  TesGradientCreate   - loss, metrics and gradient of a sum over chunks; keeps tape and parameters by reference
  TesGradientEvaluate - all of it: reset the tape, chunk loss, backward sweep, sum, for each chunk of this rank; then across ranks

  Collective

  Input Parameters:
+ chunks - partition of the chunks (TesPartitionCreate with unit 1, or one unit = one chunk)
. step   - number of the step, for messages
- loss_of, ctx - the model

  Output Parameters:
+ loss     - sum over all chunks
. metrics  - [n_metrics] sums; NULL if none
- gradient - [TesParametersSize], NULL for evaluation without gradients; the same bits on every rank
@*/
typedef struct _p_TesGradient *TesGradient;
PetscErrorCode TesGradientCreate(MPI_Comm comm, TesReduceKind kind, TesTape tape, TesParameters parameters, PetscInt n_metrics, TesGradient *gradient);
PetscErrorCode TesGradientEvaluate(TesGradient gradient, const TesPartition *chunks, PetscInt64 step, TesChunkLoss loss_of, void *ctx, PetscReal *loss, PetscReal *metrics,
                                   PetscReal *g);
PetscErrorCode TesGradientDestroy(TesGradient *gradient);

/*@
  TesShuffle - a permutation of 0..n-1 by sorting Philox keys of (seed, stream shuffle, epoch, index): the same on every rank, nothing to save

  Not Collective
@*/
PetscErrorCode TesShuffle(PetscInt64 seed, PetscInt64 epoch, PetscInt n, PetscInt order[]);

/* ---- the deck section `engine`: a kind's struct has a member `TesEngineOptions engine` and its table a line TES_ENGINE_KEYS(Kind) ---- */
typedef struct {
  PetscInt  chunk;               /* samples of a unit of work */
  PetscInt  checkpoint_segments; /* 0: keep every inner result */
  PetscInt  arena_mib;
  PetscBool check_finite;
} TesEngineOptions;

#define TES_ENGINE_KEYS(S) \
  TES_SECTION("engine", .help = "arithmetic of the network"), \
  TES_INT(S, engine.chunk, .fallback = "8", .range = TES_BETWEEN(1, 1 << 20), .help = "samples of an indivisible unit of work; results do not depend on the rank count, but on this"), \
  TES_INT(S, engine.checkpoint_segments, .fallback = "0", .range = TES_BETWEEN(0, 1000), \
          .help = "parts of the network whose inner results are computed again in the backward sweep instead of being kept; 0: keep all"), \
  TES_INT(S, engine.arena_mib, .fallback = "512", .range = TES_BETWEEN(1, 1 << 22), .unit = "MiB", .restart_may_change = PETSC_TRUE, \
          .help = "most memory of a rank for the intermediate results of one unit of work"), \
  TES_BOOL(S, engine.check_finite, .fallback = "false", .restart_may_change = PETSC_TRUE, .help = "look at every intermediate result for numbers that are not finite (slow)")
