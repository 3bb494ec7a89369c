/* Operations that move entries: reshape, permute, concat.

   A reshape shares memory; the others copy. The adjoint of each is of the same sort (inverse permutation, slices), so the set is closed. What acts along one axis is in
   axis_map.c. */
#include "tensor_impl.h"

#include <string.h>

static PetscErrorCode ReshapeVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(TesReshape(g, node->in[0]->n_axes, node->in[0]->shape, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp reshape_op = {"reshape", ReshapeVjp, NULL};

PetscErrorCode TesReshape(TesTensor x, PetscInt n_axes, const PetscInt shape[], TesTensor *y)
{
  PetscInt   full[TES_TENSOR_AXES], open = -1;
  PetscInt64 size = 1;
  PetscBool  same = n_axes == x->n_axes ? PETSC_TRUE : PETSC_FALSE;
  TesTensor  out;
  char       text[128];

  PetscFunctionBegin;
  PetscCheck(n_axes >= 0 && n_axes <= TES_TENSOR_AXES, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "reshape to %" PetscInt_FMT " axes", n_axes);
  for (PetscInt a = 0; a < n_axes; a++) {
    full[a] = shape[a];
    if (shape[a] < 0) {
      PetscCheck(open < 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "reshape: only one length may be left open");
      open = a;
    } else size *= shape[a];
  }
  if (open >= 0) full[open] = size ? (PetscInt)(x->size / size) : 0;
  if (open >= 0) size *= full[open];
  if (size != x->size) {
    PetscCall(TensorShapeText(x, text, sizeof text));
    SETERRQ(PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "reshape: %s has %" PetscInt64_FMT " entries, the new shape has %" PetscInt64_FMT, text, x->size, size);
  }
  for (PetscInt a = 0; same && a < n_axes; a++) same = full[a] == x->shape[a] ? PETSC_TRUE : PETSC_FALSE;
  if (same) {
    *y = x;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TensorView(x, n_axes, full, &out));
  PetscCall(TesTapeRecord(&reshape_op, 1, &x, 0, NULL, NULL, 0, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- permutation of axes ---- */

typedef struct {
  PetscInt order[TES_TENSOR_AXES];
} Permutation;

static PetscErrorCode PermuteVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Permutation *p = node->attributes;
  PetscInt           inverse[TES_TENSOR_AXES];

  PetscFunctionBegin;
  for (PetscInt a = 0; a < g->n_axes; a++) inverse[p->order[a]] = a;
  PetscCall(TesPermute(g, inverse, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp permute_op = {"permute", PermuteVjp, NULL};

/* the two innermost axes in tiles, so that neither side strides through memory for long */
#define PERMUTE_PLANE(REAL) \
  do { \
    const REAL *from = (const REAL *)x->data + at; \
    REAL       *to   = (REAL *)out->data + done; \
    for (PetscInt64 i0 = 0; i0 < rows; i0 += 16) \
      for (PetscInt64 j0 = 0; j0 < columns; j0 += 16) \
        for (PetscInt64 i = i0; i < PetscMin(i0 + 16, rows); i++) \
          for (PetscInt64 j = j0; j < PetscMin(j0 + 16, columns); j++) to[i * columns + j] = from[i * row_stride + j * column_stride]; \
  } while (0)

PetscErrorCode TesPermute(TesTensor x, const PetscInt order[], TesTensor *y)
{
  PetscInt    n = x->n_axes, shape[TES_TENSOR_AXES], index[TES_TENSOR_AXES] = {0};
  PetscInt64  stride[TES_TENSOR_AXES], own = 1, rows, columns, row_stride, column_stride, at = 0;
  unsigned    seen = 0;
  Permutation p    = {{0}};
  PetscBool   moves = PETSC_FALSE;
  TesTensor   out;

  PetscFunctionBegin;
  for (PetscInt a = 0; a < n; a++) {
    PetscCheck(order[a] >= 0 && order[a] < n && !(seen & TES_AXIS(order[a])), PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "permute: axis %" PetscInt_FMT " twice or outside", order[a]);
    seen |= TES_AXIS(order[a]);
    p.order[a] = order[a];
    shape[a]   = x->shape[order[a]];
    if (order[a] != a) moves = PETSC_TRUE;
  }
  if (!moves) {
    *y = x;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesTensorCreate(x->tape, x->type, n, shape, &out));
  for (PetscInt a = n - 1; a >= 0; a--) {
    for (PetscInt b = 0; b < n; b++)
      if (order[b] == a) stride[b] = own;
    own *= x->shape[a];
  }
  rows          = n > 1 ? shape[n - 2] : 1;
  columns       = n ? shape[n - 1] : 1;
  row_stride    = n > 1 ? stride[n - 2] : 0;
  column_stride = n ? stride[n - 1] : 0;
  for (PetscInt64 done = 0; done < out->size; done += rows * columns) {
    if (x->type == TES_F32) PERMUTE_PLANE(float);
    else PERMUTE_PLANE(double);
    for (PetscInt a = n - 3; a >= 0; a--) {
      at += stride[a];
      if (++index[a] < shape[a]) break;
      index[a] = 0;
      at -= stride[a] * shape[a];
    }
  }
  PetscCall(TesTapeRecord(&permute_op, 1, &x, 0, NULL, &p, sizeof p, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- concat ---- */

static PetscErrorCode ConcatVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscInt axis = *(const PetscInt *)node->attributes, first = 0;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < node->n_in; i++) {
    PetscInt n = node->in[i]->shape[axis];

    if (node->wanted[i]) PetscCall(TesSlice(g, axis, first, n, 1, &gin[i]));
    first += n;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp concat_op = {"concat", ConcatVjp, NULL};

PetscErrorCode TesConcat(PetscInt n, const TesTensor x[], PetscInt axis, TesTensor *y)
{
  PetscInt   shape[TES_TENSOR_AXES];
  PetscInt64 outer, length, inner, first = 0;
  TesTensor  out;
  size_t     bytes;

  PetscFunctionBegin;
  PetscCheck(n >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "concat of nothing");
  PetscCheck(axis >= 0 && axis < x[0]->n_axes, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "concat along axis %" PetscInt_FMT, axis);
  PetscCall(PetscArraycpy(shape, x[0]->shape, x[0]->n_axes));
  shape[axis] = 0;
  for (PetscInt i = 0; i < n; i++) {
    PetscCheck(x[i]->n_axes == x[0]->n_axes && x[i]->type == x[0]->type, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "concat: tensor %" PetscInt_FMT " is of another sort than the first", i);
    for (PetscInt a = 0; a < x[0]->n_axes; a++)
      PetscCheck(a == axis || x[i]->shape[a] == shape[a], PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ,
                 "concat along axis %" PetscInt_FMT ": tensor %" PetscInt_FMT " has length %" PetscInt_FMT " on axis %" PetscInt_FMT ", the first %" PetscInt_FMT, axis, i,
                 x[i]->shape[a], a, shape[a]);
    shape[axis] += x[i]->shape[axis];
  }
  PetscCall(TesTensorCreate(x[0]->tape, x[0]->type, x[0]->n_axes, shape, &out));
  AxisSplit(out, axis, &outer, &length, &inner);
  bytes = (size_t)inner * (out->type == TES_F32 ? 4 : 8);
  for (PetscInt i = 0; i < n; i++) {
    size_t part = (size_t)x[i]->shape[axis] * bytes;

    if (part)
      for (PetscInt64 o = 0; o < outer; o++) memcpy((char *)out->data + (size_t)(o * length + first) * bytes, (const char *)x[i]->data + (size_t)o * part, part);
    first += x[i]->shape[axis];
  }
  PetscCall(TesTapeRecord(&concat_op, n, x, 0, NULL, &axis, sizeof axis, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStack(PetscInt n, const TesTensor x[], TesTensor *y)
{
  PetscInt   shape[TES_TENSOR_AXES];
  void      *memory;
  TesTensor *rows;

  PetscFunctionBegin;
  PetscCheck(n >= 1 && x[0]->n_axes < TES_TENSOR_AXES, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "stack of nothing, or of tensors of %d axes", TES_TENSOR_AXES);
  PetscCall(ArenaAlloc(x[0]->tape, sizeof *rows * (size_t)n, &memory));
  rows     = memory;
  shape[0] = 1;
  for (PetscInt i = 0; i < n; i++) {
    PetscCall(TensorSameShape("stack", x[0], x[i]));
    for (PetscInt a = 0; a < x[i]->n_axes; a++) shape[a + 1] = x[i]->shape[a];
    PetscCall(TesReshape(x[i], x[i]->n_axes + 1, shape, &rows[i]));
  }
  PetscCall(TesConcat(n, rows, 0, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSpaceToDepth(TesTensor x, PetscInt f, TesTensor *y)
{
  PetscInt b, h, w, c;

  PetscFunctionBegin;
  PetscCheck(x->n_axes == 4 && f >= 1 && x->shape[1] % f == 0 && x->shape[2] % f == 0, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "space to depth: [b][h][w][c] with h and w divisible by %" PetscInt_FMT, f);
  b = x->shape[0];
  h = x->shape[1];
  w = x->shape[2];
  c = x->shape[3];
  PetscCall(TesReshape(x, TES_SHAPE(b, h / f, f, w / f, f, c), y));
  PetscCall(TesPermute(*y, (const PetscInt[]){0, 1, 3, 2, 4, 5}, y));
  PetscCall(TesReshape(*y, TES_SHAPE(b, h / f, w / f, f * f * c), y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
