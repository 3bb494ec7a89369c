/* Operations on whole rows (the last axis, or the last few): softmax, its logarithm, log-sum-exp, layer normalisation.

     softmax      y = exp(x - max) / sum           adjoint  y (g - sum g y)
     log_softmax  y = x - log sum exp x            adjoint  g - exp(y) sum g
     normalise    y = (x - mean) r, r = 1 / sqrt(variance + eps)   adjoint  r (g - mean g - y mean(g y))
   Each has a kernel for both directions and the adjoint in tensor operations for second derivatives. */
#include "tensor_impl.h"

/* ---- softmax ---- */

static PetscErrorCode SoftmaxVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  TesTensor y = node->out, p, s;
  unsigned  last = TES_AXIS(y->n_axes - 1);

  PetscFunctionBegin;
  PetscCall(TesMultiply(g, y, &p));
  PetscCall(TesSum(p, last, PETSC_TRUE, &s));
  PetscCall(TesMultiply(y, s, &s));
  PetscCall(TesSubtract(p, s, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LogSoftmaxVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  TesTensor y = node->out, p, s;

  PetscFunctionBegin;
  PetscCall(TesSum(g, TES_AXIS(y->n_axes - 1), PETSC_TRUE, &s));
  PetscCall(TesAct(TES_ACT_EXP, y, &p));
  PetscCall(TesMultiply(p, s, &p));
  PetscCall(TesSubtract(g, p, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SoftmaxRaw(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  TesTensor y   = node->out;
  PetscInt  n   = y->shape[y->n_axes - 1];
  int       log = *(const int *)node->attributes;

  PetscFunctionBegin;
  PetscCall(TensorLike(y, &gin[0]));
  if (n) KernelsOf(y)->softmax_back(y->size / n, n, log, y->data, g->data, gin[0]->data);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp softmax_op = {"softmax", SoftmaxVjp, SoftmaxRaw}, log_softmax_op = {"log_softmax", LogSoftmaxVjp, SoftmaxRaw};

static PetscErrorCode Softmax(TesTensor x, PetscInt axis, int log, TesTensor *y)
{
  TesTensor out;
  PetscInt  n, order[TES_TENSOR_AXES];

  PetscFunctionBegin;
  PetscCheck(axis >= 0 && axis < x->n_axes, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "softmax along axis %" PetscInt_FMT " of %" PetscInt_FMT, axis, x->n_axes);
  if (axis != x->n_axes - 1) { /* swap with the last axis and back */
    for (PetscInt a = 0; a < x->n_axes; a++) order[a] = a;
    order[axis]          = x->n_axes - 1;
    order[x->n_axes - 1] = axis;
    PetscCall(TesPermute(x, order, &x));
    PetscCall(Softmax(x, x->n_axes - 1, log, &x));
    PetscCall(TesPermute(x, order, y));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TensorLike(x, &out));
  n = x->shape[axis];
  if (n) KernelsOf(x)->softmax(x->size / n, n, log, x->data, out->data);
  PetscCall(TesTapeRecord(log ? &log_softmax_op : &softmax_op, 1, &x, 0, NULL, &log, sizeof log, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSoftmax(TesTensor x, PetscInt axis, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Softmax(x, axis, 0, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesLogSoftmax(TesTensor x, PetscInt axis, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Softmax(x, axis, 1, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesLogSumExp(TesTensor x, PetscInt axis, PetscBool keep, TesTensor *y)
{
  TesTensor m, s, constant;

  PetscFunctionBegin;
  PetscCall(TesDetach(x, &constant)); /* the shift drops out of the result, and of its derivatives */
  PetscCall(TesMax(constant, axis, PETSC_TRUE, &m));
  PetscCall(TesSubtract(x, m, &s));
  PetscCall(TesAct(TES_ACT_EXP, s, &s));
  PetscCall(TesSum(s, TES_AXIS(axis), PETSC_TRUE, &s));
  PetscCall(TesAct(TES_ACT_LOG, s, &s));
  PetscCall(TesAdd(s, m, &s));
  if (!keep) PetscCall(TesSum(s, TES_AXIS(axis), PETSC_FALSE, &s));
  *y = s;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- layer normalisation: x [rows][n] ---- */

static PetscErrorCode NormaliseVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscReal eps  = *(const PetscReal *)node->attributes;
  unsigned  last = TES_AXIS(1);
  TesTensor x = node->in[0], y = node->out, r, t, u;

  PetscFunctionBegin;
  PetscCall(TesMean(x, last, PETSC_TRUE, &t));
  PetscCall(TesSubtract(x, t, &t));
  PetscCall(TesAct(TES_ACT_SQUARE, t, &t));
  PetscCall(TesMean(t, last, PETSC_TRUE, &t));
  PetscCall(TesScale(1, t, eps, &t));
  PetscCall(TesAct(TES_ACT_RSQRT, t, &r));
  PetscCall(TesMultiply(g, y, &u));
  PetscCall(TesMean(u, last, PETSC_TRUE, &u));
  PetscCall(TesMultiply(y, u, &u));
  PetscCall(TesMean(g, last, PETSC_TRUE, &t));
  PetscCall(TesSubtract(g, t, &t));
  PetscCall(TesSubtract(t, u, &t));
  PetscCall(TesMultiply(t, r, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NormaliseRaw(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  TesTensor y = node->out;

  PetscFunctionBegin;
  PetscCall(TensorLike(y, &gin[0]));
  KernelsOf(y)->normalise_back(y->shape[0], y->shape[1], y->data, node->saved[0]->data, g->data, gin[0]->data);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp normalise_op = {"layer_norm", NormaliseVjp, NormaliseRaw};

PetscErrorCode TesLayerNorm(TesTensor x, PetscInt n_last, TesTensor gamma, TesTensor beta, PetscReal eps, TesTensor *y)
{
  TesTensor flat, r, out;
  PetscInt  rows = 1, n = 1;

  PetscFunctionBegin;
  PetscCheck(n_last >= 1 && n_last <= x->n_axes && x->size, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "layer norm over %" PetscInt_FMT " of %" PetscInt_FMT " axes", n_last, x->n_axes);
  for (PetscInt a = 0; a < x->n_axes; a++) {
    if (a < x->n_axes - n_last) rows *= x->shape[a];
    else n *= x->shape[a];
  }
  PetscCall(TesReshape(x, TES_SHAPE(rows, n), &flat));
  PetscCall(TensorLike(flat, &out));
  PetscCall(TesTensorCreate(x->tape, x->type, TES_SHAPE(rows), &r));
  KernelsOf(x)->normalise(rows, n, eps, flat->data, out->data, r->data);
  PetscCall(TesTapeRecord(&normalise_op, 1, &flat, 1, &r, &eps, sizeof eps, out));
  PetscCall(TesReshape(out, x->n_axes, x->shape, &out));
  if (gamma) PetscCall(TesMultiply(out, gamma, &out));
  if (beta) PetscCall(TesAdd(out, beta, &out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}
