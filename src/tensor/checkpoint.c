/* Recomputation: a part of a network whose inner results are not kept. Forward it runs without recording, on memory that is given back; in the backward sweep it is run again
   with recording, differentiated, and forgotten. Parameters that the segment asks for are inputs of the node like any others. One more forward evaluation for the
   memory of everything inside. */
#include "tensor_impl.h"

#include <string.h>

typedef struct {
  TesSegment segment;
  void      *ctx;
  PetscInt   n_in, n_parameters;
  PetscInt  *parameter; /* [n_parameters], in the arena */
} Checkpoint;

/* the parameters' tensors set aside while a segment makes its own */
static PetscErrorCode LeavesAside(TesTape tape, TesTensor **kept)
{
  PetscInt n = tape->parameters ? TesParametersCount(tape->parameters) : 0;
  void    *memory;

  PetscFunctionBegin;
  PetscCall(ArenaAlloc(tape, sizeof **kept * (size_t)n, &memory));
  *kept = memory;
  if (n) {
    PetscCall(PetscArraycpy(*kept, tape->leaf, n));
    PetscCall(PetscArrayzero(tape->leaf, n));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LeavesBack(TesTape tape, const TesTensor *kept)
{
  PetscFunctionBegin;
  if (tape->parameters) PetscCall(PetscArraycpy(tape->leaf, kept, TesParametersCount(tape->parameters)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Detached(TesTape tape, PetscInt n, const TesTensor in[], TesTensor **out)
{
  void *memory;

  PetscFunctionBegin;
  PetscCall(ArenaAlloc(tape, sizeof **out * (size_t)n, &memory));
  *out = memory;
  for (PetscInt i = 0; i < n; i++) PetscCall(TesTensorWrap(tape, in[i]->type, in[i]->n_axes, in[i]->shape, in[i]->data, &(*out)[i]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* run again, differentiate, and leave only the inputs' adjoints */
static PetscErrorCode CheckpointRaw(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Checkpoint *c    = node->attributes;
  TesTape           tape = node->tape;
  TesTensor        *in, *kept, *x, *share, out, seed, temporaries;
  PetscInt          n_ids = tape->n_ids, n = 0;
  PetscBool         recording, collecting = tape->collecting;
  size_t            mark;
  void             *memory;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < node->n_in; i++)
    if (node->wanted[i]) PetscCall(TensorLike(node->in[i], &gin[i]));
  PetscCall(LeavesAside(tape, &kept));
  PetscCall(TesTapeMark(tape, &mark));
  temporaries      = tape->temporaries;
  tape->collecting = PETSC_FALSE;
  PetscCall(TesTapeSetRecording(tape, PETSC_TRUE, &recording));
  PetscCall(Detached(tape, c->n_in, node->in, &in));
  for (PetscInt i = 0; i < c->n_in; i++)
    if (node->wanted[i]) PetscCall(TesTensorVariable(in[i]));
  PetscCall(c->segment(tape, in, c->ctx, &out));
  PetscCall(ArenaAlloc(tape, 2 * sizeof *x * (size_t)node->n_in, &memory));
  x     = memory;
  share = x + node->n_in;
  for (PetscInt i = 0; i < node->n_in; i++) {
    if (!node->wanted[i]) continue;
    x[n] = i < c->n_in ? in[i] : tape->leaf[c->parameter[i - c->n_in]];
    PetscCheck(x[n], PETSC_COMM_SELF, PETSC_ERR_PLIB, "checkpoint: the segment asks for other parameters than before: it must be a pure function");
    n++;
  }
  PetscCall(TesTensorWrap(tape, g->type, g->n_axes, g->shape, g->data, &seed));
  PetscCall(TesGradients(out, seed, n, x, PETSC_FALSE, share));
  n = 0;
  for (PetscInt i = 0; i < node->n_in; i++)
    if (node->wanted[i]) memcpy(gin[i]->data, share[n++]->data, TensorBytes(gin[i]));
  PetscCall(TesTapeRewind(tape, mark));
  tape->n_ids       = n_ids;
  tape->temporaries = temporaries;
  tape->collecting  = collecting;
  PetscCall(LeavesBack(tape, kept));
  PetscCall(TesTapeSetRecording(tape, recording, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp checkpoint_op = {"checkpoint", NULL, CheckpointRaw};

/* out of the segment without recording, its memory given back; which parameters it asked for */
static PetscErrorCode RunForward(TesTape tape, TesSegment segment, void *ctx, PetscInt n_in, const TesTensor in[], TesTensor *out, PetscInt *n_parameters, PetscInt parameter[])
{
  PetscInt   shape[TES_TENSOR_AXES], n_axes, n = tape->parameters ? TesParametersCount(tape->parameters) : 0, n_ids = tape->n_ids;
  TesType    type;
  TesTensor *kept, *inner, y;
  PetscBool  recording;
  size_t     mark, bytes;
  void      *copy;

  PetscFunctionBegin;
  PetscCall(LeavesAside(tape, &kept));
  PetscCall(TesTapeMark(tape, &mark));
  PetscCall(TesTapeSetRecording(tape, PETSC_FALSE, &recording));
  PetscCall(Detached(tape, n_in, in, &inner));
  PetscCall(segment(tape, inner, ctx, &y));
  *n_parameters = 0;
  for (PetscInt i = 0; i < n; i++)
    if (tape->leaf[i]) parameter[(*n_parameters)++] = i;
  n_axes = y->n_axes;
  type   = y->type;
  bytes  = TensorBytes(y);
  PetscCall(PetscArraycpy(shape, y->shape, n_axes));
  PetscCall(PetscMalloc(PetscMax(bytes, 1), &copy));
  memcpy(copy, y->data, bytes);
  PetscCall(TesTapeRewind(tape, mark));
  tape->n_ids = n_ids;
  PetscCall(LeavesBack(tape, kept));
  PetscCall(TesTapeSetRecording(tape, recording, NULL));
  PetscCall(TesTensorCreate(tape, type, n_axes, shape, out));
  memcpy((*out)->data, copy, bytes);
  PetscCall(PetscFree(copy));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesCheckpoint(TesTape tape, TesSegment segment, void *ctx, PetscInt n_in, const TesTensor in[], TesTensor *out)
{
  Checkpoint c = {segment, ctx, n_in, 0, NULL};
  TesTensor *all, y;
  void      *memory;

  PetscFunctionBegin;
  if (!tape->recording) {
    PetscCall(segment(tape, in, ctx, out));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(ArenaAlloc(tape, sizeof(PetscInt) * (size_t)(tape->parameters ? TesParametersCount(tape->parameters) : 0), &memory));
  c.parameter = memory;
  PetscCall(RunForward(tape, segment, ctx, n_in, in, &y, &c.n_parameters, c.parameter));
  PetscCall(ArenaAlloc(tape, sizeof *all * (size_t)(n_in + c.n_parameters), &memory));
  all = memory;
  for (PetscInt i = 0; i < n_in; i++) all[i] = in[i];
  for (PetscInt i = 0; i < c.n_parameters; i++) PetscCall(TesTapeParameter(tape, c.parameter[i], &all[n_in + i]));
  PetscCall(TesTapeRecord(&checkpoint_op, n_in + c.n_parameters, all, 0, NULL, &c, sizeof c, y));
  *out = y;
  PetscFunctionReturn(PETSC_SUCCESS);
}
