/* Sums, means, maxima and norms over axes.

   A set of axes is taken in runs of neighbours, the innermost first; each run is a sum over the middle of [outer][r][inner], pairwise and in double, so the order is fixed by
   the shape alone. Adjoint: g repeated along the axes (TesExpand), whose adjoint is the sum again. */
#include "tensor_impl.h"

#include <math.h>
#include <string.h>

/* shape with the reduced axes kept as 1, and without them */
static void ReducedShapes(TesTensor x, unsigned axes, PetscInt kept[], PetscInt *n_dropped, PetscInt dropped[])
{
  *n_dropped = 0;
  for (PetscInt a = 0; a < x->n_axes; a++) {
    kept[a] = axes & TES_AXIS(a) ? 1 : x->shape[a];
    if (!(axes & TES_AXIS(a))) dropped[(*n_dropped)++] = x->shape[a];
  }
}

typedef struct {
  unsigned  axes;
  PetscReal factor;
} Sum;

static PetscErrorCode SumVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Sum *s = node->attributes;
  TesTensor  x = node->in[0];
  PetscInt   kept[TES_TENSOR_AXES], n, dropped[TES_TENSOR_AXES];

  PetscFunctionBegin;
  ReducedShapes(x, s->axes, kept, &n, dropped);
  if (s->factor != 1) PetscCall(TesScale(s->factor, g, 0, &g));
  PetscCall(TesReshape(g, x->n_axes, kept, &g));
  PetscCall(TesExpand(g, x->n_axes, x->shape, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp sum_op = {"sum", SumVjp, NULL}, mean_op = {"mean", SumVjp, NULL};

static PetscErrorCode Reduce(const TesOp *op, TesTensor x, unsigned axes, PetscReal factor, PetscBool keep, TesTensor *y)
{
  const Sum  attributes = {axes, factor};
  PetscInt   kept[TES_TENSOR_AXES], n_dropped, dropped[TES_TENSOR_AXES], shape[TES_TENSOR_AXES];
  TesTensor  out, from = x;
  PetscBool  done = PETSC_FALSE;

  PetscFunctionBegin;
  ReducedShapes(x, axes, kept, &n_dropped, dropped);
  PetscCall(PetscArraycpy(shape, x->shape, x->n_axes));
  for (PetscInt last = x->n_axes - 1; last >= 0; last--) {
    PetscInt   first = last;
    PetscInt64 outer = 1, r = 1, inner = 1;
    PetscBool  more  = PETSC_FALSE;
    TesTensor  to;

    if (!(axes & TES_AXIS(last))) continue;
    while (first && (axes & TES_AXIS(first - 1))) first--;
    for (PetscInt a = 0; a < first; a++) {
      outer *= shape[a];
      if (axes & TES_AXIS(a)) more = PETSC_TRUE;
    }
    for (PetscInt a = first; a <= last; a++) {
      r *= shape[a];
      shape[a] = 1;
    }
    for (PetscInt a = last + 1; a < x->n_axes; a++) inner *= shape[a];
    if (more) PetscCall(TesTensorCreate(x->tape, x->type, x->n_axes, shape, &to));
    else if (keep) PetscCall(TesTensorCreate(x->tape, x->type, x->n_axes, kept, &to));
    else PetscCall(TesTensorCreate(x->tape, x->type, n_dropped, dropped, &to));
    KernelsOf(x)->sum(outer, r, inner, more ? 1 : factor, from->data, to->data);
    from = to;
    done = PETSC_TRUE;
    last = first;
  }
  out = from;
  if (!done) { /* no axis: a copy */
    PetscCall(TensorLike(x, &out));
    KernelsOf(x)->scale(x->size, factor, x->data, 0, out->data);
  }
  PetscCall(TesTapeRecord(op, 1, &x, 0, NULL, &attributes, sizeof attributes, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSum(TesTensor x, unsigned axes, PetscBool keep, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Reduce(&sum_op, x, axes, 1, keep, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesMean(TesTensor x, unsigned axes, PetscBool keep, TesTensor *y)
{
  PetscInt64 n = 1;

  PetscFunctionBegin;
  for (PetscInt a = 0; a < x->n_axes; a++)
    if (axes & TES_AXIS(a)) n *= x->shape[a];
  PetscCheck(n, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "mean over no entries");
  PetscCall(Reduce(&mean_op, x, axes, 1 / (PetscReal)n, keep, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDot(TesTensor a, TesTensor b, TesTensor *y)
{
  TesTensor p;

  PetscFunctionBegin;
  PetscCall(TensorSameShape("dot", a, b));
  PetscCall(TesMultiply(a, b, &p));
  PetscCall(TesSum(p, TES_ALL_AXES, PETSC_FALSE, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- expand: the adjoint of the sum ---- */

static PetscErrorCode ExpandVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(TensorSumTo(g, node->in[0], &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp expand_op = {"expand", ExpandVjp, NULL};

/* copy x into y, repeating axes of length 1; from the last axis: `n` bytes are contiguous in both */
static void ExpandAxes(PetscInt n_axes, const PetscInt xs[], const PetscInt ys[], size_t bytes, const char *x, char *y)
{
  size_t x_inner = bytes, y_inner = bytes;

  if (!n_axes) {
    memcpy(y, x, bytes);
    return;
  }
  for (PetscInt a = 1; a < n_axes; a++) {
    x_inner *= (size_t)xs[a];
    y_inner *= (size_t)ys[a];
  }
  if (!memcmp(xs, ys, sizeof *xs * (size_t)n_axes)) { /* nothing is repeated from here on */
    memcpy(y, x, y_inner * (size_t)ys[0]);
    return;
  }
  if (n_axes == 1 && xs[0] == 1) {
    if (bytes == 4)
      for (PetscInt i = 0; i < ys[0]; i++) ((float *)(void *)y)[i] = *(const float *)(const void *)x;
    else
      for (PetscInt i = 0; i < ys[0]; i++) ((double *)(void *)y)[i] = *(const double *)(const void *)x;
    return;
  }
  if (xs[0] == 1) {
    ExpandAxes(n_axes - 1, xs + 1, ys + 1, bytes, x, y);
    for (PetscInt i = 1; i < ys[0]; i++) memcpy(y + (size_t)i * y_inner, y, y_inner);
  } else {
    for (PetscInt i = 0; i < ys[0]; i++) ExpandAxes(n_axes - 1, xs + 1, ys + 1, bytes, x + (size_t)i * x_inner, y + (size_t)i * y_inner);
  }
}

PetscErrorCode TesExpand(TesTensor x, PetscInt n_axes, const PetscInt shape[], TesTensor *y)
{
  PetscInt  full[TES_TENSOR_AXES], extra = n_axes - x->n_axes;
  PetscBool same = extra ? PETSC_FALSE : PETSC_TRUE;
  TesTensor out;
  char      text[128];

  PetscFunctionBegin;
  PetscCheck(extra >= 0 && n_axes <= TES_TENSOR_AXES, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "expand from %" PetscInt_FMT " to %" PetscInt_FMT " axes", x->n_axes, n_axes);
  for (PetscInt a = 0; a < n_axes; a++) {
    full[a] = a < extra ? 1 : x->shape[a - extra];
    if (full[a] != shape[a]) same = PETSC_FALSE;
    if (full[a] == shape[a] || full[a] == 1) continue;
    PetscCall(TensorShapeText(x, text, sizeof text));
    SETERRQ(PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "expand: %s cannot have length %" PetscInt_FMT " on axis %" PetscInt_FMT, text, shape[a], a);
  }
  if (same) {
    *y = x;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesTensorCreate(x->tape, x->type, n_axes, shape, &out));
  if (out->size) ExpandAxes(n_axes, full, out->shape, x->type == TES_F32 ? 4 : 8, x->data, out->data);
  PetscCall(TesTapeRecord(&expand_op, 1, &x, 0, NULL, NULL, 0, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- maximum along an axis; the place is kept as a mask of ones ---- */

static PetscErrorCode MaxVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  TesTensor mask = node->saved[0];
  PetscInt  kept[TES_TENSOR_AXES], axis = *(const PetscInt *)node->attributes;

  PetscFunctionBegin;
  PetscCall(PetscArraycpy(kept, mask->shape, mask->n_axes));
  kept[axis] = 1;
  PetscCall(TesReshape(g, mask->n_axes, kept, &g));
  PetscCall(TesMultiply(g, mask, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp max_op = {"max", MaxVjp, NULL};

#define ARG_MAX(REAL) \
  do { \
    const REAL *v = x->data; \
    REAL       *m = mask->data, *w = out->data; \
    for (PetscInt64 o = 0; o < outer; o++) \
      for (PetscInt64 i = 0; i < inner; i++) { \
        PetscInt64 best = 0; \
        for (PetscInt64 r = 1; r < n; r++) \
          if (v[(o * n + r) * inner + i] > v[(o * n + best) * inner + i] || v[(o * n + r) * inner + i] != v[(o * n + r) * inner + i]) best = r; \
        m[(o * n + best) * inner + i] = 1; \
        w[o * inner + i]              = v[(o * n + best) * inner + i]; \
      } \
  } while (0)

PetscErrorCode TesMax(TesTensor x, PetscInt axis, PetscBool keep, TesTensor *y)
{
  PetscInt   kept[TES_TENSOR_AXES], n_dropped, dropped[TES_TENSOR_AXES];
  PetscInt64 outer, n, inner;
  TesTensor  out, mask;

  PetscFunctionBegin;
  PetscCheck(axis >= 0 && axis < x->n_axes && x->shape[axis] > 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "max along axis %" PetscInt_FMT " of %" PetscInt_FMT, axis, x->n_axes);
  ReducedShapes(x, TES_AXIS(axis), kept, &n_dropped, dropped);
  if (keep) PetscCall(TesTensorCreate(x->tape, x->type, x->n_axes, kept, &out));
  else PetscCall(TesTensorCreate(x->tape, x->type, n_dropped, dropped, &out));
  PetscCall(TesTensorZeros(x->tape, x->type, x->n_axes, x->shape, &mask));
  AxisSplit(x, axis, &outer, &n, &inner);
  if (x->type == TES_F32) ARG_MAX(float);
  else ARG_MAX(double);
  PetscCall(TesTapeRecord(&max_op, 1, &x, 1, &mask, &axis, sizeof axis, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- sqrt(sum x^2 + eps^2): composed, as sqrt' is 0 at 0 ---- */

PetscErrorCode TesNorm2(TesTensor x, unsigned axes, PetscReal eps, PetscBool keep, TesTensor *y)
{
  TesTensor s;

  PetscFunctionBegin;
  PetscCall(TesAct(TES_ACT_SQUARE, x, &s));
  PetscCall(TesSum(s, axes, keep, &s));
  if (eps != 0) PetscCall(TesScale(1, s, eps * eps, &s));
  PetscCall(TesAct(TES_ACT_SQRT, s, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
