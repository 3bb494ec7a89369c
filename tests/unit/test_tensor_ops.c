/* Every operation through the gates of tensor_gates.h. */
#include "tensor_gates.h"

#include <math.h>
#include <stdlib.h>

#define APPLY(name, call) \
  static PetscErrorCode name(const TesTensor x[], TesTensor *y) \
  { \
    PetscFunctionBegin; \
    PetscCall(call); \
    PetscFunctionReturn(PETSC_SUCCESS); \
  }

/* ---- elementwise ---- */
APPLY(ActRelu, TesActWith(TES_ACT_RELU, 1, 1, x[0], y))
APPLY(ActLeaky, TesActWith(TES_ACT_LEAKY, 0.1, 1, x[0], y))
APPLY(ActGelu, TesActWith(TES_ACT_GELU, 1, 1, x[0], y))
APPLY(ActGeluTanh, TesActWith(TES_ACT_GELU_TANH, 1, 1, x[0], y))
APPLY(ActSilu, TesActWith(TES_ACT_SILU, 1, 1, x[0], y))
APPLY(ActSigmoid, TesActWith(TES_ACT_SIGMOID, 1, 1, x[0], y))
APPLY(ActTanh, TesActWith(TES_ACT_TANH, 1, 1, x[0], y))
APPLY(ActSoftplus, TesActWith(TES_ACT_SOFTPLUS, 1.7, 1, x[0], y))
APPLY(ActElu, TesActWith(TES_ACT_ELU, 0.8, 1, x[0], y))
APPLY(ActSin, TesActWith(TES_ACT_SIN, 1.3, 1, x[0], y))
APPLY(ActCos, TesActWith(TES_ACT_COS, 1.3, 1, x[0], y))
APPLY(ActExp, TesActWith(TES_ACT_EXP, 1, 1, x[0], y))
APPLY(ActLog, TesActWith(TES_ACT_LOG, 1, 1, x[0], y))
APPLY(ActSqrt, TesActWith(TES_ACT_SQRT, 1, 1, x[0], y))
APPLY(ActRsqrt, TesActWith(TES_ACT_RSQRT, 1, 1, x[0], y))
APPLY(ActReciprocal, TesActWith(TES_ACT_RECIPROCAL, 1, 1, x[0], y))
APPLY(ActPow, TesActWith(TES_ACT_POW, 2.5, 1, x[0], y))
APPLY(ActSquare, TesActWith(TES_ACT_SQUARE, 1, 1, x[0], y))
APPLY(ActAbs, TesActWith(TES_ACT_ABS, 1, 1, x[0], y))
APPLY(ActErf, TesActWith(TES_ACT_ERF, 1, 1, x[0], y))
APPLY(ActClamp, TesActWith(TES_ACT_CLAMP, -1.1, 1.2, x[0], y))
APPLY(ActIdentity, TesActWith(TES_ACT_IDENTITY, 1, 1, x[0], y))

static PetscErrorCode ActivationsPassTheGates(void)
{
  static const GateCase gates[] = {
    {"relu", ActRelu, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"leaky", ActLeaky, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"gelu", ActGelu, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"gelu_tanh", ActGeluTanh, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"silu", ActSilu, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"sigmoid", ActSigmoid, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"tanh", ActTanh, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"softplus", ActSoftplus, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"elu", ActElu, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"sin", ActSin, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"cos", ActCos, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"exp", ActExp, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"log", ActLog, 1, {{5, 7, -1}}, 0.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"sqrt", ActSqrt, 1, {{5, 7, -1}}, 0.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"rsqrt", ActRsqrt, 1, {{5, 7, -1}}, 0.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"reciprocal", ActReciprocal, 1, {{5, 7, -1}}, 0.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"pow", ActPow, 1, {{5, 7, -1}}, 0.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"square", ActSquare, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"abs", ActAbs, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"erf", ActErf, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"clamp", ActClamp, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    {"identity", ActIdentity, 1, {{5, 7, -1}}, -2.5, 2.5, PETSC_FALSE, PETSC_FALSE},
    GATE_CASES_END,
  };

  PetscFunctionBegin;
  PetscCall(TensorGates(gates));
  PetscFunctionReturn(PETSC_SUCCESS);
}

APPLY(Scale, TesScale(-1.5, x[0], 0, y))
APPLY(Add, TesAdd(x[0], x[1], y))
APPLY(Subtract, TesSubtract(x[0], x[1], y))
APPLY(Multiply, TesMultiply(x[0], x[1], y))
APPLY(Divide, TesDivide(x[0], x[1], y))
APPLY(Maximum, TesMaximum(x[0], x[1], y))
APPLY(Minimum, TesMinimum(x[0], x[1], y))
APPLY(Axpby, TesAxpby(0.3, x[0], -2, x[1], y))

static PetscErrorCode Mask(TesTape tape, TesType type, TesTensor *mask)
{
  static const PetscReal values[5] = {1, 0, 0, 1, 1};

  PetscFunctionBegin;
  PetscCall(TesTensorFrom(tape, type, TES_SHAPE(5), values, mask));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Where(const TesTensor x[], TesTensor *y)
{
  TesTensor mask;

  PetscFunctionBegin;
  PetscCall(Mask(TesTensorTape(x[0]), TesTensorType(x[0]), &mask));
  PetscCall(TesWhere(mask, x[0], x[1], y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MaskFill(const TesTensor x[], TesTensor *y)
{
  TesTensor mask;

  PetscFunctionBegin;
  PetscCall(Mask(TesTensorTape(x[0]), TesTensorType(x[0]), &mask));
  PetscCall(TesMaskFill(x[0], mask, 0, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PairsPassTheGatesWithBroadcasting(void)
{
  static const GateCase gates[] = {
    {"scale", Scale, 1, {{5, 7, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"add, equal shapes", Add, 2, {{3, 5, -1}, {3, 5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"add, row", Add, 2, {{3, 4, 5, -1}, {5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"add, column", Add, 2, {{3, 4, 1, -1}, {3, 4, 5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"subtract, both repeated", Subtract, 2, {{3, 1, 5, -1}, {4, 1, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"multiply, equal", Multiply, 2, {{3, 5, -1}, {3, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"multiply, scalar", Multiply, 2, {{-1}, {2, 3, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"multiply, middle", Multiply, 2, {{2, 1, 5, -1}, {2, 3, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"multiply, crossed", Multiply, 2, {{4, 1, 3, 1, -1}, {2, 1, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"divide", Divide, 2, {{3, 5, -1}, {3, 1, -1}}, 0.5, 2, PETSC_FALSE, PETSC_FALSE},
    {"maximum", Maximum, 2, {{3, 5, -1}, {5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"minimum", Minimum, 2, {{3, 5, -1}, {5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"axpby", Axpby, 2, {{3, 5, -1}, {5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"where", Where, 2, {{3, 5, -1}, {5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"mask_fill", MaskFill, 1, {{3, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    GATE_CASES_END,
  };

  PetscFunctionBegin;
  PetscCall(TensorGates(gates));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- reductions and rows ---- */
APPLY(SumFirst, TesSum(x[0], TES_AXIS(0), PETSC_FALSE, y))
APPLY(SumMiddleKeep, TesSum(x[0], TES_AXIS(1), PETSC_TRUE, y))
APPLY(SumOuterInner, TesSum(x[0], TES_AXIS(0) | TES_AXIS(2), PETSC_FALSE, y))
APPLY(SumAll, TesSum(x[0], TES_ALL_AXES, PETSC_FALSE, y))
APPLY(MeanLast, TesMean(x[0], TES_AXIS(2), PETSC_FALSE, y))
APPLY(Max, TesMax(x[0], 1, PETSC_FALSE, y))
APPLY(LogSumExp, TesLogSumExp(x[0], 2, PETSC_FALSE, y))
APPLY(SoftmaxLast, TesSoftmax(x[0], 2, y))
APPLY(SoftmaxMiddle, TesSoftmax(x[0], 1, y))
APPLY(LogSoftmax, TesLogSoftmax(x[0], 2, y))
APPLY(Norm2, TesNorm2(x[0], TES_AXIS(2), 0.1, PETSC_FALSE, y))
APPLY(Dot, TesDot(x[0], x[1], y))
APPLY(Expand, TesExpand(x[0], TES_SHAPE(2, 3, 4, 5), y))
APPLY(LayerNormPlain, TesLayerNorm(x[0], 1, NULL, NULL, 1e-5, y))
APPLY(LayerNorm, TesLayerNorm(x[0], 2, x[1], x[2], 1e-5, y))

static PetscErrorCode ReductionsPassTheGates(void)
{
  static const GateCase gates[] = {
    {"sum of the first axis", SumFirst, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"sum of the middle axis", SumMiddleKeep, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"sum of two axes", SumOuterInner, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"sum of all", SumAll, 1, {{30, 4, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"mean", MeanLast, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"max", Max, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"logsumexp", LogSumExp, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"softmax of the last axis", SoftmaxLast, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"softmax of the middle axis", SoftmaxMiddle, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"log_softmax", LogSoftmax, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"norm2", Norm2, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"dot", Dot, 2, {{3, 5, -1}, {3, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"expand", Expand, 1, {{3, 1, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"layer_norm, plain", LayerNormPlain, 1, {{4, 9, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"layer_norm over two axes", LayerNorm, 3, {{3, 4, 5, -1}, {5, -1}, {4, 5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    GATE_CASES_END,
  };

  PetscFunctionBegin;
  PetscCall(TensorGates(gates));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- shape ---- */
APPLY(Reshape, TesReshape(x[0], TES_SHAPE(5, -1, 2), y))
APPLY(Permute, TesPermute(x[0], (const PetscInt[]){2, 0, 1}, y))
APPLY(PermuteFour, TesPermute(x[0], (const PetscInt[]){3, 1, 0, 2}, y))
APPLY(Slice, TesSlice(x[0], 1, 1, 2, 2, y))
APPLY(Unslice, TesUnslice(x[0], 1, 1, 2, 9, y))
APPLY(Concat, TesConcat(3, x, 1, y))
APPLY(Stack, TesStack(2, x, y))
APPLY(Flip, TesFlip(x[0], 1, y))
APPLY(Roll, TesRoll(x[0], 1, -3, y))
APPLY(SpaceToDepth, TesSpaceToDepth(x[0], 2, y))
APPLY(Cast, TesCast(x[0], TesTensorType(x[0]), y))

static PetscErrorCode ShapesPassTheGates(void)
{
  static const GateCase gates[] = {
    {"reshape", Reshape, 1, {{4, 5, 2, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"permute", Permute, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"permute, large tiles", PermuteFour, 1, {{3, 2, 20, 18, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"slice", Slice, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"unslice", Unslice, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"concat", Concat, 3, {{3, 1, 2, -1}, {3, 4, 2, -1}, {3, 2, 2, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"stack", Stack, 2, {{3, 4, -1}, {3, 4, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"flip", Flip, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"roll", Roll, 1, {{3, 4, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"space_to_depth", SpaceToDepth, 1, {{2, 4, 6, 3, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"cast", Cast, 1, {{3, 4, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    GATE_CASES_END,
  };

  PetscFunctionBegin;
  PetscCall(TensorGates(gates));
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define PADS(mode, MODE) \
  APPLY(Pad##mode, TesPad(x[0], 1, 2, 3, TES_PAD_##MODE, y)) \
  APPLY(Fold##mode, TesFold(x[0], 1, 2, 3, TES_PAD_##MODE, y))
PADS(Zero, ZERO)
PADS(Circular, CIRCULAR)
PADS(Reflect, REFLECT)
PADS(Symmetric, SYMMETRIC)
PADS(Replicate, REPLICATE)
PADS(Odd, ODD)

#define PAD_GATES(mode) \
  {"pad " #mode, Pad##mode, 1, {{2, 5, 3, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE}, {"pad last axis " #mode, Pad##mode, 1, {{3, 6, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE}, \
    {"fold " #mode, Fold##mode, 1, {{2, 9, 3, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE}

static PetscErrorCode EveryPadModeHasItsOwnAdjoint(void)
{
  static const GateCase gates[] = {PAD_GATES(Zero), PAD_GATES(Circular), PAD_GATES(Reflect), PAD_GATES(Symmetric), PAD_GATES(Replicate), PAD_GATES(Odd), GATE_CASES_END};

  PetscFunctionBegin;
  PetscCall(TensorGates(gates));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* what the modes put outside 1 2 3 4, against the values written out */
static PetscErrorCode PadsExtendAsDocumented(void)
{
  static const PetscReal line[4]    = {1, 2, 3, 4};
  static const PetscReal want[6][8] = {{0, 0, 1, 2, 3, 4, 0, 0},   {3, 4, 1, 2, 3, 4, 1, 2},   {3, 2, 1, 2, 3, 4, 3, 2},
                                       {2, 1, 1, 2, 3, 4, 4, 3},   {1, 1, 1, 2, 3, 4, 4, 4},   {-2, -1, 1, 2, 3, 4, -4, -3}};
  TesTape                tape;

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  for (int mode = 0; mode < 6; mode++) {
    TesTensor x, y;
    PetscReal got[8];

    PetscCall(TesTensorFrom(tape, TES_F64, TES_SHAPE(4), line, &x));
    PetscCall(TesPad(x, 0, 2, 2, (TesPadMode)mode, &y));
    PetscCall(TesTensorGet(y, got));
    for (int i = 0; i < 8; i++) TES_CHECK_NEAR(got[i], want[mode][i], 0);
  }
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- dense ---- */
APPLY(MatMulNN, TesMatMul(PETSC_FALSE, PETSC_FALSE, 1.5, x[0], x[1], y))
APPLY(MatMulTN, TesMatMul(PETSC_TRUE, PETSC_FALSE, 1, x[0], x[1], y))
APPLY(MatMulNT, TesMatMul(PETSC_FALSE, PETSC_TRUE, 1, x[0], x[1], y))
APPLY(MatMulTT, TesMatMul(PETSC_TRUE, PETSC_TRUE, 1, x[0], x[1], y))
APPLY(Linear, TesLinear(x[0], x[1], x[2], y))
APPLY(LinearNoBias, TesLinear(x[0], x[1], NULL, y))

static PetscErrorCode ProductsPassTheGates(void)
{
  static const GateCase gates[] = {
    {"matmul", MatMulNN, 2, {{4, 3, -1}, {3, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"matmul, by BLAS", MatMulNN, 2, {{14, 13, -1}, {13, 15, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"matmul, a transposed", MatMulTN, 2, {{13, 14, -1}, {13, 15, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"matmul, b transposed", MatMulNT, 2, {{14, 13, -1}, {15, 13, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"matmul, both transposed", MatMulTT, 2, {{13, 14, -1}, {15, 13, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"matmul, batches", MatMulNN, 2, {{2, 3, 4, 5, -1}, {2, 3, 5, 6, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"matmul, batches that broadcast", MatMulNT, 2, {{2, 1, 4, 5, -1}, {3, 6, 5, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"matmul, batch and matrix", MatMulNN, 2, {{2, 3, 4, 5, -1}, {5, 6, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"matmul, transposed batch and matrix", MatMulTN, 2, {{3, 5, 4, -1}, {5, 6, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    {"linear", Linear, 3, {{3, 4, 7, -1}, {6, 7, -1}, {6, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"linear without bias", LinearNoBias, 2, {{5, 7, -1}, {6, 7, -1}}, -2, 2, PETSC_TRUE, PETSC_FALSE},
    GATE_CASES_END,
  };

  PetscFunctionBegin;
  PetscCall(TensorGates(gates));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- attention and losses ---- */
APPLY(Attention, TesAttention(x[0], x[1], x[2], PETSC_FALSE, y))
APPLY(AttentionCausal, TesAttention(x[0], x[1], x[2], PETSC_TRUE, y))
APPLY(MSE, TesMSE(x[0], x[1], y))
APPLY(RelL2, TesRelL2(x[0], x[1], y))
APPLY(Huber, TesHuber(x[0], x[1], 0.9, y))

static PetscErrorCode AttentionAndLossesPassTheGates(void)
{
  static const GateCase gates[] = {
    {"attention", Attention, 3, {{2, 3, 4, 5, -1}, {2, 3, 6, 5, -1}, {2, 3, 6, 3, -1}}, -1, 1, PETSC_FALSE, PETSC_FALSE},
    {"attention, several blocks", Attention, 3, {{70, 4, -1}, {9, 4, -1}, {9, 3, -1}}, -1, 1, PETSC_FALSE, PETSC_FALSE},
    {"attention, causal", AttentionCausal, 3, {{2, 5, 4, -1}, {2, 5, 4, -1}, {2, 5, 3, -1}}, -1, 1, PETSC_FALSE, PETSC_FALSE},
    {"attention, causal in blocks", AttentionCausal, 3, {{90, 4, -1}, {90, 4, -1}, {90, 3, -1}}, -1, 1, PETSC_FALSE, PETSC_FALSE},
    {"attention, causal with more keys", AttentionCausal, 3, {{3, 4, -1}, {5, 4, -1}, {5, 3, -1}}, -1, 1, PETSC_FALSE, PETSC_FALSE},
    {"attention, causal with fewer keys", AttentionCausal, 3, {{5, 4, -1}, {3, 4, -1}, {3, 3, -1}}, -1, 1, PETSC_FALSE, PETSC_FALSE},
    {"mse", MSE, 2, {{3, 5, -1}, {3, 5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"rel_l2", RelL2, 2, {{3, 5, -1}, {3, 5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    {"huber", Huber, 2, {{3, 5, -1}, {3, 5, -1}}, -2, 2, PETSC_FALSE, PETSC_FALSE},
    GATE_CASES_END,
  };

  PetscFunctionBegin;
  PetscCall(TensorGates(gates));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the operations above that have kernels of their own, in the instruction sets that this CPU would not choose (a set that it lacks falls back to what it has) */
static PetscErrorCode OtherInstructionSetsPassTheGates(void)
{
  const char *const sets[] = {"baseline", "x86-64-v3"};

  PetscFunctionBegin;
  for (int i = 0; i < 2; i++) {
    PetscCheck(!setenv("TES_ISA", sets[i], 1), PETSC_COMM_SELF, PETSC_ERR_SYS, "setenv");
    PetscCall(ActivationsPassTheGates());
    PetscCall(PairsPassTheGatesWithBroadcasting());
    PetscCall(ReductionsPassTheGates());
    PetscCall(AttentionAndLossesPassTheGates());
  }
  PetscCheck(!unsetenv("TES_ISA"), PETSC_COMM_SELF, PETSC_ERR_SYS, "unsetenv");
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ActivationsPassTheGates),
  TES_TEST(PairsPassTheGatesWithBroadcasting),
  TES_TEST(ReductionsPassTheGates),
  TES_TEST(ShapesPassTheGates),
  TES_TEST(EveryPadModeHasItsOwnAdjoint),
  TES_TEST(PadsExtendAsDocumented),
  TES_TEST(ProductsPassTheGates),
  TES_TEST(AttentionAndLossesPassTheGates),
  TES_TEST(OtherInstructionSetsPassTheGates),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
