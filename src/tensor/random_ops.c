/* Random tensors and dropout. Entry i of a row is a Philox value of (seed, stream, the row's number, counter, i), so it belongs to the sample and the step and not to
   whoever computes it; a mask is drawn again in the backward sweep instead of being stored. */
#include "tensor_impl.h"

#include <tessera/random.h>

/* value of entry i: row numbers beyond 2^32 wrap in the counter; the upper half of the draw counter is folded in */
static PetscReal Value(const TesDraw *draw, PetscBool normal, PetscInt64 row, PetscInt64 i)
{
  PetscReal v[2];
  uint32_t  r = (uint32_t)((uint64_t)row & 0xffffffffu), c = (uint32_t)((uint64_t)draw->counter & 0xffffffffu), e = (uint32_t)((uint64_t)i & 0xffffffffu);

  if (normal) TesRandomNormal(draw->seed, (TesStream)draw->stream, r, c, e, v);
  else TesRandomUniform(draw->seed, (TesStream)draw->stream, r, c, e, v);
  return v[0];
}

static PetscErrorCode CheckDraw(const TesDraw *draw)
{
  PetscFunctionBegin;
  PetscCheck(draw->counter >= 0 && draw->counter <= UINT32_MAX, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "draw number %" PetscInt64_FMT " is beyond the counter's 32 bits", draw->counter);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesRandomTensor(TesTape tape, TesType type, PetscInt n_axes, const PetscInt shape[], PetscBool normal, const TesDraw *draw, TesTensor *y)
{
  PetscInt64 rows, width;

  PetscFunctionBegin;
  PetscCall(CheckDraw(draw));
  PetscCall(TesTensorCreate(tape, type, n_axes, shape, y));
  rows  = n_axes ? shape[0] : 1;
  width = rows ? (*y)->size / rows : 0;
  for (PetscInt64 r = 0; r < rows; r++)
    for (PetscInt64 i = 0; i < width; i++) {
      PetscReal v = Value(draw, normal, draw->row ? draw->row[r] : r, i);

      if (type == TES_F32) ((float *)(*y)->data)[r * width + i] = (float)v;
      else ((double *)(*y)->data)[r * width + i] = v;
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  TesDraw   draw;
  PetscReal p;
} Dropout;

static PetscErrorCode DropoutVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Dropout *a = node->attributes;

  PetscFunctionBegin;
  PetscCall(TesDropout(g, a->p, &a->draw, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp dropout_op = {"dropout", DropoutVjp, NULL};

PetscErrorCode TesDropout(TesTensor x, PetscReal p, const TesDraw *draw, TesTensor *y)
{
  const Dropout attributes = {*draw, p};
  PetscInt64    rows = x->n_axes ? x->shape[0] : 1, width = rows ? x->size / rows : 0;
  PetscReal     factor = 1 / (1 - p);
  TesTensor     out;

  PetscFunctionBegin;
  PetscCheck(p >= 0 && p < 1, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "dropout with probability %g", (double)p);
  PetscCall(CheckDraw(draw));
  PetscCall(TensorLike(x, &out));
  for (PetscInt64 r = 0; r < rows; r++)
    for (PetscInt64 i = 0; i < width; i++) {
      PetscReal f = Value(draw, PETSC_FALSE, draw->row ? draw->row[r] : r, i) < p ? 0 : factor;

      if (x->type == TES_F32) ((float *)out->data)[r * width + i] = (float)f * ((const float *)x->data)[r * width + i];
      else ((double *)out->data)[r * width + i] = f * ((const double *)x->data)[r * width + i];
    }
  PetscCall(TesTapeRecord(&dropout_op, 1, &x, 0, NULL, &attributes, sizeof attributes, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}
