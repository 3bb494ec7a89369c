/* Losses, composed of other operations: their adjoints follow. */
#include "tensor_impl.h"

PetscErrorCode TesMSE(TesTensor p, TesTensor target, TesTensor *y)
{
  TesTensor e;

  PetscFunctionBegin;
  PetscCall(TensorSameShape("mse", p, target));
  PetscCall(TesSubtract(p, target, &e));
  PetscCall(TesAct(TES_ACT_SQUARE, e, &e));
  PetscCall(TesMean(e, TES_ALL_AXES, PETSC_FALSE, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesRelL2(TesTensor p, TesTensor target, TesTensor *y)
{
  TesTensor e, norm;
  PetscInt  b;

  PetscFunctionBegin;
  PetscCall(TensorSameShape("rel_l2", p, target));
  PetscCheck(p->n_axes >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "rel_l2: the first axis counts samples");
  b = p->shape[0];
  PetscCall(TesSubtract(p, target, &e));
  PetscCall(TesReshape(e, TES_SHAPE(b, -1), &e));
  PetscCall(TesNorm2(e, TES_AXIS(1), 0, PETSC_FALSE, &e));
  PetscCall(TesReshape(target, TES_SHAPE(b, -1), &norm));
  PetscCall(TesNorm2(norm, TES_AXIS(1), 0, PETSC_FALSE, &norm));
  for (PetscInt i = 0; i < b; i++) {
    PetscReal v = norm->type == TES_F32 ? (PetscReal)((const float *)norm->data)[i] : ((const double *)norm->data)[i];

    PetscCheck(v != 0, PETSC_COMM_SELF, TES_ERR_DECK, "step %" PetscInt64_FMT ": sample %" PetscInt_FMT " of the chunk has a target of norm 0: its relative error is not defined", p->tape->step,
               i);
  }
  PetscCall(TesDivide(e, norm, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesHuber(TesTensor p, TesTensor target, PetscReal delta, TesTensor *y)
{
  TesTensor r, a, small, large, mask;

  PetscFunctionBegin;
  PetscCall(TensorSameShape("huber", p, target));
  PetscCall(TesSubtract(p, target, &r));
  PetscCall(TesAct(TES_ACT_ABS, r, &a));
  PetscCall(TesAct(TES_ACT_SQUARE, r, &small));
  PetscCall(TesScale(0.5, small, 0, &small));
  PetscCall(TesScale(delta, a, -0.5 * delta * delta, &large));
  PetscCall(TesDetach(a, &mask));
  PetscCall(TesScale(-1, mask, delta, &mask));
  PetscCall(TesAct(TES_ACT_RELU, mask, &mask)); /* not 0 where |r| < delta; at delta the two agree */
  PetscCall(TesWhere(mask, small, large, &a));
  PetscCall(TesMean(a, TES_ALL_AXES, PETSC_FALSE, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesCrossEntropy(TesTensor logits, TesIndex label, TesTensor *y)
{
  TesTensor l, chosen;

  PetscFunctionBegin;
  PetscCheck(logits->n_axes == 2 && !label->segments && label->m == logits->shape[0] && label->n == logits->shape[1], PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ,
             "cross entropy: logits [m][n] and m labels of 0..n-1 are wanted");
  PetscCall(TesLogSoftmax(logits, 1, &l));
  PetscCall(TesOneHot(logits->tape, logits->type, label, &chosen));
  PetscCall(TesMultiply(l, chosen, &l));
  PetscCall(TesSum(l, TES_ALL_AXES, PETSC_FALSE, &l));
  PetscCall(TesScale(-1 / (PetscReal)PetscMax(label->m, 1), l, 0, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
