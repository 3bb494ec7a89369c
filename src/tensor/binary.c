/* Elementwise operations of two inputs with broadcasting.

   Shapes are aligned at their last axes; a length 1 (or a missing axis) is repeated. Neighbouring axes along which both inputs behave alike are merged, the innermost one is
   handed to a kernel with strides 0 or 1, the others are walked. The adjoint of broadcasting is a sum over the repeated axes (TensorSumTo). */
#include "tensor_impl.h"

/* how to walk over two inputs: outer axes with their strides, then a line of n entries */
typedef struct {
  PetscInt   n_axes; /* outer ones */
  PetscInt64 length[TES_TENSOR_AXES], sa[TES_TENSOR_AXES], sb[TES_TENSOR_AXES];
  PetscInt64 n;
  int        line_a, line_b;
} Walk;

static PetscErrorCode BroadcastShape(const char op[], TesTensor a, TesTensor b, PetscInt *n_axes, PetscInt shape[])
{
  char sa[128], sb[128];

  PetscFunctionBegin;
  PetscCheck(a->tape == b->tape, PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP, "%s of tensors of two tapes", op);
  PetscCheck(a->type == b->type, PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP, "%s of a single and a double tensor: TesCast first", op);
  *n_axes = PetscMax(a->n_axes, b->n_axes);
  for (PetscInt i = 0; i < *n_axes; i++) {
    PetscInt ia = i - (*n_axes - a->n_axes), ib = i - (*n_axes - b->n_axes), la = ia >= 0 ? a->shape[ia] : 1, lb = ib >= 0 ? b->shape[ib] : 1;

    if (la != lb && la != 1 && lb != 1) {
      PetscCall(TensorShapeText(a, sa, sizeof sa));
      PetscCall(TensorShapeText(b, sb, sizeof sb));
      SETERRQ(PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "%s%s%s: shapes %s and %s do not broadcast", a->tape->module, *a->tape->module ? ": " : "", op, sa, sb);
    }
    shape[i] = la == 1 ? lb : la;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void WalkPlan(TesTensor a, TesTensor b, PetscInt n_axes, const PetscInt shape[], Walk *w)
{
  PetscInt64 stride_a = 1, stride_b = 1;
  PetscInt64 length[TES_TENSOR_AXES + 1], sa[TES_TENSOR_AXES + 1], sb[TES_TENSOR_AXES + 1]; /* merged, innermost first */
  PetscInt   m = 0;

  for (PetscInt i = n_axes - 1; i >= 0; i--) {
    PetscInt   ia = i - (n_axes - a->n_axes), ib = i - (n_axes - b->n_axes), la = ia >= 0 ? a->shape[ia] : 1, lb = ib >= 0 ? b->shape[ib] : 1;
    PetscInt64 ta = la == 1 ? 0 : stride_a, tb = lb == 1 ? 0 : stride_b;

    stride_a *= la;
    stride_b *= lb;
    if (shape[i] == 1) continue;
    /* goes on where the axis inside it ends, in both inputs? */
    if (m && ta == sa[m - 1] * length[m - 1] && tb == sb[m - 1] * length[m - 1]) {
      length[m - 1] *= shape[i];
    } else {
      length[m] = shape[i];
      sa[m]     = ta;
      sb[m]     = tb;
      m++;
    }
  }
  if (!m) {
    length[0] = 1;
    sa[0] = sb[0] = 1;
    m             = 1;
  }
  w->n      = length[0];
  w->line_a = sa[0] ? 1 : 0;
  w->line_b = sb[0] ? 1 : 0;
  w->n_axes = m - 1;
  for (PetscInt i = 1; i < m; i++) {
    w->length[i - 1] = length[i];
    w->sa[i - 1]     = sa[i];
    w->sb[i - 1]     = sb[i];
  }
}

typedef struct {
  PetscBool  axpby;
  BinaryKind kind;
  PetscReal  alpha, beta;
} Arithmetic;

static void WalkRun(const Walk *w, const Arithmetic *f, TesTensor a, TesTensor b, TesTensor y)
{
  const Kernels *k          = KernelsOf(y);
  const size_t   bytes      = y->type == TES_F32 ? 4 : 8;
  PetscInt64     index[TES_TENSOR_AXES] = {0}, at_a = 0, at_b = 0;

  if (!y->size) return;
  for (PetscInt64 done = 0; done < y->size; done += w->n) {
    const char *pa = (const char *)a->data + (size_t)at_a * bytes, *pb = (const char *)b->data + (size_t)at_b * bytes;
    char       *py = (char *)y->data + (size_t)done * bytes;

    if (f->axpby) k->axpby(w->n, f->alpha, pa, w->line_a, f->beta, pb, w->line_b, py);
    else k->binary(f->kind, w->n, pa, w->line_a, pb, w->line_b, py);
    for (PetscInt i = 0; i < w->n_axes; i++) {
      at_a += w->sa[i];
      at_b += w->sb[i];
      if (++index[i] < w->length[i]) break;
      index[i] = 0;
      at_a -= w->sa[i] * w->length[i];
      at_b -= w->sb[i] * w->length[i];
    }
  }
}

static PetscErrorCode Compute(const char op[], const Arithmetic *f, TesTensor a, TesTensor b, TesTensor *y)
{
  PetscInt n_axes, shape[TES_TENSOR_AXES];
  Walk     walk;

  PetscFunctionBegin;
  PetscCall(BroadcastShape(op, a, b, &n_axes, shape));
  PetscCall(TesTensorCreate(a->tape, a->type, n_axes, shape, y));
  WalkPlan(a, b, n_axes, shape, &walk);
  WalkRun(&walk, f, a, b, *y);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TensorAddInPlace(TesTensor a, TesTensor b)
{
  PetscFunctionBegin;
  KernelsOf(a)->add_to(a->size, a->data, b->data);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TensorSumTo(TesTensor g, TesTensor like, TesTensor *y)
{
  PetscInt extra = g->n_axes - like->n_axes;
  unsigned axes  = 0;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < g->n_axes; i++)
    if (i < extra || (like->shape[i - extra] == 1 && g->shape[i] != 1)) axes |= TES_AXIS(i);
  *y = g;
  if (axes) PetscCall(TesSum(g, axes, PETSC_TRUE, y));
  if (extra) PetscCall(TesReshape(*y, like->n_axes, like->shape, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- alpha a + beta b, which add and subtract are too ---- */

static PetscErrorCode AxpbyVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Arithmetic *f = node->attributes;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < 2; i++) {
    PetscReal factor = i ? f->beta : f->alpha;

    if (!node->wanted[i]) continue;
    PetscCall(TensorSumTo(g, node->in[i], &gin[i]));
    if (factor != 1) PetscCall(TesScale(factor, gin[i], 0, &gin[i]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp axpby_op = {"axpby", AxpbyVjp, NULL}, add_op = {"add", AxpbyVjp, NULL}, subtract_op = {"subtract", AxpbyVjp, NULL};

static PetscErrorCode Linear(const TesOp *op, const Arithmetic *f, TesTensor a, TesTensor b, TesTensor *y)
{
  TesTensor out;

  PetscFunctionBegin;
  PetscCall(Compute(op->name, f, a, b, &out));
  PetscCall(TesTapeRecord(op, 2, (TesTensor[]){a, b}, 0, NULL, f, sizeof *f, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesAdd(TesTensor a, TesTensor b, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Linear(&add_op, &(Arithmetic){PETSC_FALSE, BINARY_ADD, 1, 1}, a, b, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSubtract(TesTensor a, TesTensor b, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Linear(&subtract_op, &(Arithmetic){PETSC_FALSE, BINARY_SUBTRACT, 1, -1}, a, b, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesAxpby(PetscReal alpha, TesTensor a, PetscReal beta, TesTensor b, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Linear(&axpby_op, &(Arithmetic){PETSC_TRUE, BINARY_ADD, alpha, beta}, a, b, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- product, quotient ---- */

static PetscErrorCode MultiplyVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < 2; i++) {
    if (!node->wanted[i]) continue;
    PetscCall(TesMultiply(g, node->in[1 - i], &gin[i]));
    PetscCall(TensorSumTo(gin[i], node->in[i], &gin[i]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp multiply_op = {"multiply", MultiplyVjp, NULL};

PetscErrorCode TesMultiply(TesTensor a, TesTensor b, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Linear(&multiply_op, &(Arithmetic){PETSC_FALSE, BINARY_MULTIPLY, 1, 1}, a, b, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DivideVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  TesTensor t;

  PetscFunctionBegin;
  PetscCall(TesDivide(g, node->in[1], &t)); /* g / b; the gradient of b is -y g / b */
  if (node->wanted[0]) PetscCall(TensorSumTo(t, node->in[0], &gin[0]));
  if (node->wanted[1]) {
    PetscCall(TesMultiply(t, node->out, &t));
    PetscCall(TensorSumTo(t, node->in[1], &t));
    PetscCall(TesScale(-1, t, 0, &gin[1]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp divide_op = {"divide", DivideVjp, NULL};

PetscErrorCode TesDivide(TesTensor a, TesTensor b, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Linear(&divide_op, &(Arithmetic){PETSC_FALSE, BINARY_DIVIDE, 1, 1}, a, b, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- maximum and minimum: ties go to a ---- */

static PetscErrorCode ExtremeVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Arithmetic *f = node->attributes;
  TesTensor         mask, other;

  PetscFunctionBegin;
  PetscCall(Compute("mask", &(Arithmetic){PETSC_FALSE, f->kind == BINARY_MAXIMUM ? BINARY_AT_LEAST : BINARY_AT_MOST, 1, 1}, node->in[0], node->in[1], &mask));
  if (node->wanted[0]) {
    PetscCall(TesMultiply(g, mask, &gin[0]));
    PetscCall(TensorSumTo(gin[0], node->in[0], &gin[0]));
  }
  if (node->wanted[1]) {
    PetscCall(TesScale(-1, mask, 1, &other));
    PetscCall(TesMultiply(g, other, &gin[1]));
    PetscCall(TensorSumTo(gin[1], node->in[1], &gin[1]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp maximum_op = {"maximum", ExtremeVjp, NULL}, minimum_op = {"minimum", ExtremeVjp, NULL};

PetscErrorCode TesMaximum(TesTensor a, TesTensor b, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Linear(&maximum_op, &(Arithmetic){PETSC_FALSE, BINARY_MAXIMUM, 1, 1}, a, b, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesMinimum(TesTensor a, TesTensor b, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Linear(&minimum_op, &(Arithmetic){PETSC_FALSE, BINARY_MINIMUM, 1, 1}, a, b, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
