/* Elementwise operations of one input.

   One operation act(kind, k, x) = k-th derivative of a named function; its adjoint is g act(kind, k + 1, x), so the set is closed without further code up to the
   third derivative. Scaling, casts and detaching are here too. n entries, n reads and n writes. */
#include "tensor_impl.h"

#include <string.h>
#include <tessera/isa.h>

const Kernels *KernelsFor(TesType type)
{
  if (type == TES_F32) return TES_KERNEL_PICK(KernelsF32);
  return TES_KERNEL_PICK(KernelsF64);
}

static const char *const names[] = {"relu", "leaky", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh",   "softplus", "elu", "sin",   "cos",
                                    "exp",  "log",   "sqrt", "rsqrt",     "reciprocal", "pow", "square", "abs", "erf", "clamp", "identity"};

const char *TesActName(TesActKind kind)
{
  return kind < TES_ACT_COUNT ? names[kind] : "unknown";
}

TesActKind TesActFind(const char name[])
{
  for (int i = 0; i < TES_ACT_COUNT; i++)
    if (!strcmp(name, names[i])) return (TesActKind)i;
  return TES_ACT_COUNT;
}

typedef struct {
  TesActKind kind;
  PetscInt   k;
  PetscReal  p, q;
} Act;

static PetscErrorCode ActVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Act *a = node->attributes;
  TesTensor  d;

  PetscFunctionBegin;
  PetscCall(TesActDerivative(a->kind, a->p, a->q, a->k + 1, node->in[0], &d));
  PetscCall(TesMultiply(g, d, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ActVjpRaw(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Act *a = node->attributes;
  TesTensor  x = node->in[0];

  PetscFunctionBegin;
  if (a->k) {
    PetscCall(ActVjp(node, g, gin));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TensorLike(x, &gin[0]));
  KernelsOf(x)->unary_back((int)a->kind, a->p, a->q, x->size, x->data, g->data, gin[0]->data);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* one table per kind, so that messages name it */
#define ACT_OP(text) {text, ActVjp, ActVjpRaw}
static const TesOp act_ops[TES_ACT_COUNT] = {ACT_OP("relu"), ACT_OP("leaky"), ACT_OP("gelu"), ACT_OP("gelu_tanh"), ACT_OP("silu"), ACT_OP("sigmoid"), ACT_OP("tanh"), ACT_OP("softplus"),
                                             ACT_OP("elu"), ACT_OP("sin"), ACT_OP("cos"), ACT_OP("exp"), ACT_OP("log"), ACT_OP("sqrt"), ACT_OP("rsqrt"), ACT_OP("reciprocal"),
                                             ACT_OP("pow"), ACT_OP("square"), ACT_OP("abs"), ACT_OP("erf"), ACT_OP("clamp"), ACT_OP("identity")};

PetscErrorCode TesActDerivative(TesActKind kind, PetscReal p, PetscReal q, PetscInt k, TesTensor x, TesTensor *y)
{
  const Act attributes = {kind, k, p, q};
  TesTensor out;

  PetscFunctionBegin;
  PetscCheck(kind < TES_ACT_COUNT, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "no activation %d", (int)kind);
  PetscCheck(k >= 0 && k <= 3, PETSC_COMM_SELF, PETSC_ERR_SUP, "%s: derivative number %" PetscInt_FMT "; three are known", names[kind], k);
  PetscCheck(kind != TES_ACT_SOFTPLUS || p > 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "softplus: the parameter must be positive, not %g", (double)p);
  PetscCall(TensorLike(x, &out));
  KernelsOf(x)->unary((int)kind, (int)k, p, q, x->size, x->data, out->data);
  PetscCall(TesTapeRecord(&act_ops[kind], 1, &x, 0, NULL, &attributes, sizeof attributes, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesActWith(TesActKind kind, PetscReal p, PetscReal q, TesTensor x, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(TesActDerivative(kind, p, q, 0, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesAct(TesActKind kind, TesTensor x, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(TesActDerivative(kind, kind == TES_ACT_LEAKY ? 0.01 : 1, 1, 0, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- y = a x + b ---- */

static PetscErrorCode ScaleVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(TesScale(*(const PetscReal *)node->attributes, g, 0, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp scale_op = {"scale", ScaleVjp, NULL};

PetscErrorCode TesScale(PetscReal a, TesTensor x, PetscReal b, TesTensor *y)
{
  TesTensor out;

  PetscFunctionBegin;
  PetscCall(TensorLike(x, &out));
  KernelsOf(x)->scale(x->size, a, x->data, b, out->data);
  PetscCall(TesTapeRecord(&scale_op, 1, &x, 0, NULL, &a, sizeof a, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- other type ---- */

static PetscErrorCode CastVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(TesCast(g, node->in[0]->type, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp cast_op = {"cast", CastVjp, NULL};

PetscErrorCode TesCast(TesTensor x, TesType type, TesTensor *y)
{
  TesTensor out;

  PetscFunctionBegin;
  if (x->type == type) {
    *y = x;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesTensorCreate(x->tape, type, x->n_axes, x->shape, &out));
  if (type == TES_F32)
    for (PetscInt64 i = 0; i < x->size; i++) ((float *)out->data)[i] = (float)((const double *)x->data)[i];
  else
    for (PetscInt64 i = 0; i < x->size; i++) ((double *)out->data)[i] = ((const float *)x->data)[i];
  PetscCall(TesTapeRecord(&cast_op, 1, &x, 0, NULL, NULL, 0, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDetach(TesTensor x, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(TensorView(x, x->n_axes, x->shape, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
