#pragma once
/* The tensor room: arrays, the tape that records what was done to them, and the parameters of a model.

   A tensor is a contiguous row-major array of at most six axes, single or double. It belongs to a tape, an arena that is emptied by one call, so a tensor is never
   destroyed: handles are good until the next TesTapeReset. Complex numbers are a last axis of length 2 (re, im), so that their adjoint is
   dL/dRe + i dL/dIm by itself. Every operation takes tensors and gives a new one:

     TesTensor h, y, e, loss;
     PetscCall(TesLinear(x, w1, b1, &h));                  // x w1' + b1
     PetscCall(TesAct(TES_ACT_GELU, h, &h));
     PetscCall(TesLinear(h, w2, b2, &y));
     PetscCall(TesMSE(y, target, &loss));
     PetscCall(TesGradients(loss, NULL, 2, (TesTensor[]){w1, w2}, PETSC_FALSE, g));

   While the tape records, an operation on a tensor that needs gradients leaves a node behind: {operation, inputs, output, saved tensors, attributes}. TesGradients walks the
   nodes backwards and calls each operation's vjp, which is itself written with tensor operations: with create_graph they are recorded too, so second derivatives are
   gradients of gradients. Without it nothing is recorded and an operation may bring a fused vjp_raw instead.

   The same bits on any number of ranks: a unit of work (a chunk of samples, train.h) is always computed whole, with the same shapes, by one rank; all reductions have a fixed
   order. Nothing here is collective unless said. Operations are in tensor_ops.h, layers in tensor_layers.h, sums over chunks and ranks in train.h. */
#include <tessera/state.h>

#define TES_TENSOR_AXES 6

typedef struct _p_TesTape       *TesTape;
typedef struct _p_TesTensor     *TesTensor;
typedef struct _p_TesParameters *TesParameters;

/* A shape as two arguments: TesTensorCreate(tape, TES_F32, TES_SHAPE(8, 64, 64, 3), &t) */
#define TES_SHAPE(...) (PetscInt)(sizeof((const PetscInt[]){__VA_ARGS__}) / sizeof(PetscInt)), (const PetscInt[]){__VA_ARGS__}

/* ---- tape ---- */

typedef struct {
  TesType   type;         /* TES_F64 or TES_F32: type of parameters and of tensors made from numbers */
  PetscInt  arena_mib;    /* limit of the arena; pages are taken as they are needed. 0: 512 */
  PetscBool check_finite; /* look at every result (slow, for a search); off: only losses and gradients are looked at, and the culprit is sought afterwards */
} TesTapeOptions;

/*@
  TesTapeCreate  - an empty tape

  Not Collective

  Input Parameters:
+ options    - see above; NULL: double, 512 MiB
- parameters - the parameters that TesTapeParameter looks up, referenced; may be NULL

  TesTapeReset   - forget all tensors and nodes, keep the memory; `step` is said in messages. Recording is on afterwards, the module path empty
  TesTapeDestroy - free everything
@*/
PetscErrorCode TesTapeCreate(const TesTapeOptions *options, TesParameters parameters, TesTape *tape);
PetscErrorCode TesTapeReset(TesTape tape, PetscInt64 step);
PetscErrorCode TesTapeDestroy(TesTape *tape);

/*@
  TesTapeSetRecording - record nodes (the default), or compute only (evaluation); previous may be NULL
  TesTapeMark, TesTapeRewind - everything made between is forgotten and its memory free again: for evaluation in a loop without resetting the inputs
  TesTapePush, TesTapePop - module path ("layer2/attention") that messages name; free when nothing goes wrong
  TesTapeUsage - bytes of the arena in use and the most that were in use since creation; either may be NULL

  Not Collective
@*/
PetscErrorCode TesTapeSetRecording(TesTape tape, PetscBool on, PetscBool *previous);
PetscErrorCode TesTapeMark(TesTape tape, size_t *mark);
PetscErrorCode TesTapeRewind(TesTape tape, size_t mark);
PetscErrorCode TesTapePush(TesTape tape, const char module[]);
PetscErrorCode TesTapePop(TesTape tape);
void           TesTapeUsage(TesTape tape, size_t *bytes, size_t *peak);
TesType        TesTapeType(TesTape tape);

/* ---- tensors ---- */

/*@
  TesTensorCreate   - an array whose values are not set; n_axes 0 is a scalar. Lengths may be 0
  TesTensorZeros    - an array of zeros; TesTensorConstant - of one value
  TesTensorFrom     - a copy of double values, converted to the type
  TesTensorWrap     - an array of the caller's, of the given type, not copied; it must outlive the tape's reset and not change before
  TesTensorVariable - let gradients be taken with respect to x, which must not be the result of a recorded operation (inputs, parameters of one's own)

  Not Collective
@*/
PetscErrorCode TesTensorCreate(TesTape tape, TesType type, PetscInt n_axes, const PetscInt shape[], TesTensor *x);
PetscErrorCode TesTensorZeros(TesTape tape, TesType type, PetscInt n_axes, const PetscInt shape[], TesTensor *x);
PetscErrorCode TesTensorConstant(TesTape tape, TesType type, PetscInt n_axes, const PetscInt shape[], PetscReal value, TesTensor *x);
PetscErrorCode TesTensorFrom(TesTape tape, TesType type, PetscInt n_axes, const PetscInt shape[], const PetscReal *values, TesTensor *x);
PetscErrorCode TesTensorWrap(TesTape tape, TesType type, PetscInt n_axes, const PetscInt shape[], void *values, TesTensor *x);
PetscErrorCode TesTensorVariable(TesTensor x);

/*@
  TesTensorData   - the values (float or double by type), [size], row-major; 64-byte aligned unless wrapped or a parameter; borrowed. Write only to tensors that no node has
                    used yet
  TesTensorGet    - copy to double values [size]
  TesTensorScalar - the value of a tensor of one entry

  Not Collective
@*/
void          *TesTensorData(TesTensor x);
TesType        TesTensorType(TesTensor x);
PetscInt       TesTensorAxes(TesTensor x);
const PetscInt *TesTensorShape(TesTensor x);
PetscInt64     TesTensorSize(TesTensor x);
TesTape        TesTensorTape(TesTensor x);
PetscBool      TesTensorNeeds(TesTensor x); /* do gradients flow to it? */
PetscErrorCode TesTensorGet(TesTensor x, PetscReal *values);
PetscErrorCode TesTensorScalar(TesTensor x, PetscReal *value);

/* ---- gradients ---- */

/*@
  TesGradients - vector-Jacobian product: gradient of <seed, y> with respect to some tensors

  Not Collective (collective where a recorded operation is: all ranks then call it alike)

  Input Parameters:
+ y            - result of recorded operations
. seed         - same shape as y; NULL: y must have one entry, and its gradient is taken
. n, x         - tensors to differentiate by, variables or results of operations
- create_graph - record the backward sweep, so that the gradients can be differentiated again

  Output Parameter:
. gradient - [n] same shapes as x; zeros where y does not depend on x. Same tape

  Note: a y that is not finite, and with it the first operation whose result was not finite, is said with the module path and the step (TES_ERR_NUMBERS); the same for a gradient.
@*/
PetscErrorCode TesGradients(TesTensor y, TesTensor seed, PetscInt n, const TesTensor x[], PetscBool create_graph, TesTensor gradient[]);

/*@
  TesParametersGradient - gradient of a scalar with respect to all parameters, into one flat vector

  Not Collective

  Input Parameter:
. loss - one entry, on a tape made with these parameters

  Output Parameter:
. gradient - [TesParametersSize] double; zero for parameters that the loss does not use
@*/
PetscErrorCode TesParametersGradient(TesTensor loss, PetscReal *gradient);

/* ---- operations of one's own ---- */

/* What the vjp of an operation gets to see. `g` in the calls below is the adjoint of `out`, of its shape and type. */
typedef struct {
  TesTape          tape;
  PetscInt         n_in;
  const TesTensor *in;
  TesTensor        out;
  PetscInt         n_saved;
  const TesTensor *saved;      /* tensors kept by the operation that are neither input nor output */
  const void      *attributes; /* the copy made by TesTapeRecord */
  const PetscBool *wanted;     /* [n_in] is the gradient of this input asked for? */
} TesNodeView;

/* One kind of operation: a constant table, as for problem kinds.
     vjp     - gin[i] = adjoint of input i for every wanted input, written with tensor operations only (they may be recorded); a gin[i] left NULL counts as zero
     vjp_raw - the same by a kernel, used when nothing is recorded; gin[i] made by TesTensorCreate and filled. NULL: vjp is used
   An operation without vjp can only be differentiated once: with create_graph it is an error that says so. An adjoint may be `g` itself or a reshape of it. */
typedef struct {
  const char *name;
  PetscErrorCode (*vjp)(const TesNodeView *node, TesTensor g, TesTensor gin[]);
  PetscErrorCode (*vjp_raw)(const TesNodeView *node, TesTensor g, TesTensor gin[]);
} TesOp;

/*@
  TesTapeRecord - make `out` the result of an operation on `in`

  Not Collective

  Input Parameters:
+ op         - the table of the operation; lives as long as the tape
. n_in, in   - inputs, any number, all on the tape of out
. n_saved, saved - tensors the vjp will want beside inputs and output
. attributes, bytes - plain data, copied; NULL and 0 if none
- out        - a fresh tensor, already filled

  Note: nothing is kept where no input needs gradients or the tape does not record. Inputs must not be changed afterwards.
@*/
PetscErrorCode TesTapeRecord(const TesOp *op, PetscInt n_in, const TesTensor in[], PetscInt n_saved, const TesTensor saved[], const void *attributes, size_t bytes,
                             TesTensor out);

/*@
  TesCheckpoint - compute a part of a network without keeping its inner results; they are computed again when the gradient needs them

  Not Collective

  Input Parameters:
+ segment  - out = segment(in); a pure function of its inputs and of the parameters of the tape
. ctx      - passed to segment; lives until the tape's reset
- n_in, in - inputs

  Output Parameter:
. out - the result

  Note: memory of all inner results against one more forward evaluation. Gradients of first order only.
@*/
typedef PetscErrorCode (*TesSegment)(TesTape tape, const TesTensor in[], void *ctx, TesTensor *out);
PetscErrorCode TesCheckpoint(TesTape tape, TesSegment segment, void *ctx, PetscInt n_in, const TesTensor in[], TesTensor *out);

/* ---- parameters ---- */

/* How a parameter starts. Uniform draws are Philox values of (seed, stream weights, number of the parameter, flat index): the same on every rank and in both precisions. */
typedef enum {
  TES_INIT_ZERO,
  TES_INIT_ONE,
  TES_INIT_UNIFORM, /* in +- scale (for layers 1 / sqrt(fan in)) */
  TES_INIT_NORMAL,  /* mean 0, standard deviation scale */
  TES_INIT_EYE      /* scale on the diagonal of the last two axes */
} TesInit;

/*@
  TesParametersCreate - an empty set; parameters are added by TesParametersAdd, then TesParametersSetUp lays them out in ONE flat vector and draws their start values

  Not Collective

  TesParametersAdd - a parameter

  Input Parameters:
+ name   - path, unique: "layer0/query/weight"; TesParametersPush puts "module/" before the names that follow until TesParametersPop
. shape  - row-major
- init, scale - start values

  Output Parameter:
. id - its number, counted from 0 in the order of adding

  Note: the master copy is double; a network in single precision reads a rounded copy, so small updates are not lost. Whoever writes to TesParametersValues calls
  TesParametersChanged before the next use.
@*/
PetscErrorCode TesParametersCreate(TesParameters *parameters);
PetscErrorCode TesParametersPush(TesParameters parameters, const char module[]);
PetscErrorCode TesParametersPop(TesParameters parameters);
PetscErrorCode TesParametersAdd(TesParameters parameters, const char name[], PetscInt n_axes, const PetscInt shape[], TesInit init, PetscReal scale, PetscInt *id);
PetscErrorCode TesParametersSetUp(TesParameters parameters, TesType type, PetscInt64 seed);
PetscErrorCode TesParametersReference(TesParameters parameters);
PetscErrorCode TesParametersDestroy(TesParameters *parameters);

/*@
  TesParametersValues  - [TesParametersSize] the flat vector in double (borrowed; wrap it by VecCreateSeqWithArray where a solver wants a Vec)
  TesParametersWorking - the same in the type of the network (the same array if that is double), for kernels of one's own
  TesParametersChanged - after writing to the values: refresh the working copy
  TesParametersCount   - number of parameters; TesParametersSize - entries in all
  TesParametersFind    - number of the parameter of a name, -1 if there is none
  TesParametersInfo    - name, first entry in the flat vector, entries, shape; any output may be NULL

  Not Collective
@*/
PetscReal     *TesParametersValues(TesParameters parameters);
const void    *TesParametersWorking(TesParameters parameters);
PetscErrorCode TesParametersChanged(TesParameters parameters);
PetscInt       TesParametersCount(TesParameters parameters);
PetscInt64     TesParametersSize(TesParameters parameters);
TesType        TesParametersType(TesParameters parameters);
PetscInt       TesParametersFind(TesParameters parameters, const char name[]);
PetscErrorCode TesParametersInfo(TesParameters parameters, PetscInt id, const char **name, PetscInt64 *first, PetscInt64 *size, PetscInt *n_axes, const PetscInt **shape);

/*@
  TesParametersState - visit every parameter by its name, under the prefix "parameters"; refreshes the working copy on restore

  Collective
@*/
PetscErrorCode TesParametersState(TesParameters parameters, TesState state);

/*@
  TesTapeParameter - a parameter as a tensor on the tape; the same tensor however often it is asked for between two resets

  Not Collective
@*/
PetscErrorCode TesTapeParameter(TesTape tape, PetscInt id, TesTensor *x);
