/* Layers: parameters declared once, applied on a tape. All are compositions of operations, so their gradients follow. */
#include "tensor_impl.h"

#include <tessera/tensor_layers.h>

static PetscErrorCode Weight(TesParameters p, const char name[], PetscInt n_axes, const PetscInt shape[], PetscInt fan_in, PetscInt *id)
{
  PetscFunctionBegin;
  PetscCall(TesParametersAdd(p, name, n_axes, shape, TES_INIT_UNIFORM, 1 / PetscSqrtReal((PetscReal)PetscMax(fan_in, 1)), id));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Optional(TesTape tape, PetscInt id, TesTensor *x)
{
  PetscFunctionBegin;
  *x = NULL;
  if (id >= 0) PetscCall(TesTapeParameter(tape, id, x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- linear, and stacks of it ---- */

PetscErrorCode TesLinearDeclare(TesParameters p, const char name[], PetscInt in, PetscInt out, PetscBool bias, TesLinearLayer *layer)
{
  PetscFunctionBegin;
  layer->name = name;
  layer->bias = -1;
  PetscCall(TesParametersPush(p, name));
  PetscCall(Weight(p, "weight", TES_SHAPE(out, in), in, &layer->weight));
  if (bias) PetscCall(Weight(p, "bias", TES_SHAPE(out), in, &layer->bias));
  PetscCall(TesParametersPop(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesLinearApply(TesTape tape, const TesLinearLayer *layer, TesTensor x, TesTensor *y)
{
  TesTensor w, b;

  PetscFunctionBegin;
  PetscCall(TesTapePush(tape, layer->name));
  PetscCall(TesTapeParameter(tape, layer->weight, &w));
  PetscCall(Optional(tape, layer->bias, &b));
  PetscCall(TesLinear(x, w, b, y));
  PetscCall(TesTapePop(tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesMLPDeclare(TesParameters p, const char name[], PetscInt n_widths, const PetscInt width[], TesActKind activation, TesMLP *mlp)
{
  static const char *const names[TES_MLP_LAYERS] = {"0", "1", "2", "3", "4", "5", "6", "7"};

  PetscFunctionBegin;
  PetscCheck(n_widths >= 2 && n_widths <= TES_MLP_LAYERS + 1, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "a stack of %" PetscInt_FMT " linear layers: 1 to %d", n_widths - 1, TES_MLP_LAYERS);
  mlp->name       = name;
  mlp->n          = n_widths - 1;
  mlp->activation = activation;
  PetscCall(TesParametersPush(p, name));
  for (PetscInt i = 0; i < mlp->n; i++) PetscCall(TesLinearDeclare(p, names[i], width[i], width[i + 1], PETSC_TRUE, &mlp->layer[i]));
  PetscCall(TesParametersPop(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesMLPApply(TesTape tape, const TesMLP *mlp, TesTensor x, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(TesTapePush(tape, mlp->name));
  for (PetscInt i = 0; i < mlp->n; i++) {
    PetscCall(TesLinearApply(tape, &mlp->layer[i], x, &x));
    if (i + 1 < mlp->n) PetscCall(TesAct(mlp->activation, x, &x));
  }
  PetscCall(TesTapePop(tape));
  *y = x;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- convolution ---- */

static PetscErrorCode ConvDeclare(TesParameters p, const char name[], const TesConvSpec *spec, const PetscInt kernel[], PetscInt in, PetscInt out, PetscBool transposed, PetscBool bias,
                                  TesConvLayer *layer)
{
  PetscInt shape[TES_TENSOR_AXES], taps = 1, groups = spec->groups ? spec->groups : 1, fan_in;

  PetscFunctionBegin;
  PetscCheck(in % groups == 0 && out % groups == 0, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "%s: %" PetscInt_FMT " and %" PetscInt_FMT " channels do not split in %" PetscInt_FMT " groups", name, in, out,
             groups);
  layer->name       = name;
  layer->spec       = *spec;
  layer->transposed = transposed;
  layer->bias       = -1;
  for (PetscInt i = 0; i < spec->d; i++) {
    layer->kernel[i] = shape[i] = kernel[i];
    taps *= kernel[i];
  }
  /* the transposed layer holds the weights of the convolution whose adjoint it is */
  shape[spec->d]     = (transposed ? out : in) / groups;
  shape[spec->d + 1] = transposed ? in : out;
  fan_in             = shape[spec->d] * taps;
  PetscCall(TesParametersPush(p, name));
  PetscCall(Weight(p, "weight", spec->d + 2, shape, fan_in, &layer->weight));
  if (bias) PetscCall(Weight(p, "bias", TES_SHAPE(out), fan_in, &layer->bias));
  PetscCall(TesParametersPop(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesConvDeclare(TesParameters p, const char name[], const TesConvSpec *spec, const PetscInt kernel[], TesPadMode mode, PetscInt in, PetscInt out, PetscBool bias,
                              TesConvLayer *layer)
{
  PetscFunctionBegin;
  layer->mode = mode;
  PetscCall(ConvDeclare(p, name, spec, kernel, in, out, PETSC_FALSE, bias, layer));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesConvTransposedDeclare(TesParameters p, const char name[], const TesConvSpec *spec, const PetscInt kernel[], PetscInt in, PetscInt out, PetscBool bias, TesConvLayer *layer)
{
  PetscFunctionBegin;
  layer->mode = TES_PAD_ZERO;
  PetscCall(ConvDeclare(p, name, spec, kernel, in, out, PETSC_TRUE, bias, layer));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesConvApply(TesTape tape, const TesConvLayer *layer, TesTensor x, const PetscInt n_out[], TesTensor *y)
{
  TesConvSpec spec = layer->spec;
  TesTensor   w, b;

  PetscFunctionBegin;
  PetscCall(TesTapePush(tape, layer->name));
  PetscCall(TesTapeParameter(tape, layer->weight, &w));
  PetscCall(Optional(tape, layer->bias, &b));
  if (layer->transposed) {
    PetscCall(TesConvolveTransposed(&spec, x, w, n_out, y));
  } else {
    if (layer->mode != TES_PAD_ZERO)
      for (PetscInt i = 0; i < spec.d; i++) {
        if (spec.low[i] || spec.high[i]) PetscCall(TesPad(x, i + 1, spec.low[i], spec.high[i], layer->mode, &x));
        spec.low[i] = spec.high[i] = 0;
      }
    PetscCall(TesConvolve(&spec, x, w, y));
  }
  if (b) PetscCall(TesAdd(*y, b, y));
  PetscCall(TesTapePop(tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- layer normalisation ---- */

PetscErrorCode TesNormDeclare(TesParameters p, const char name[], PetscInt n_last, PetscInt n_axes, const PetscInt shape[], TesNormLayer *layer)
{
  PetscFunctionBegin;
  layer->name   = name;
  layer->n_last = n_last;
  layer->eps    = 1e-5;
  PetscCall(TesParametersPush(p, name));
  PetscCall(TesParametersAdd(p, "gain", n_axes, shape, TES_INIT_ONE, 1, &layer->gain));
  PetscCall(TesParametersAdd(p, "shift", n_axes, shape, TES_INIT_ZERO, 0, &layer->shift));
  PetscCall(TesParametersPop(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesNormApply(TesTape tape, const TesNormLayer *layer, TesTensor x, TesTensor *y)
{
  TesTensor gain, shift;

  PetscFunctionBegin;
  PetscCall(TesTapePush(tape, layer->name));
  PetscCall(TesTapeParameter(tape, layer->gain, &gain));
  PetscCall(TesTapeParameter(tape, layer->shift, &shift));
  PetscCall(TesLayerNorm(x, layer->n_last, gain, shift, layer->eps, y));
  PetscCall(TesTapePop(tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- attention ---- */

PetscErrorCode TesAttentionDeclare(TesParameters p, const char name[], PetscInt width, PetscInt heads, PetscBool causal, TesAttentionLayer *layer)
{
  PetscFunctionBegin;
  PetscCheck(heads >= 1 && width % heads == 0, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "%s: a width of %" PetscInt_FMT " does not split in %" PetscInt_FMT " heads", name, width, heads);
  layer->name   = name;
  layer->width  = width;
  layer->heads  = heads;
  layer->causal = causal;
  PetscCall(TesParametersPush(p, name));
  PetscCall(TesLinearDeclare(p, "query", width, width, PETSC_TRUE, &layer->query));
  PetscCall(TesLinearDeclare(p, "key", width, width, PETSC_TRUE, &layer->key));
  PetscCall(TesLinearDeclare(p, "value", width, width, PETSC_TRUE, &layer->value));
  PetscCall(TesLinearDeclare(p, "out", width, width, PETSC_TRUE, &layer->out));
  PetscCall(TesParametersPop(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* [b][t][heads d] -> [b][heads][t][d] */
static PetscErrorCode SplitHeads(const TesAttentionLayer *layer, TesTensor x, TesTensor *y)
{
  const PetscInt *n = TesTensorShape(x);

  PetscFunctionBegin;
  PetscCall(TesReshape(x, TES_SHAPE(n[0], n[1], layer->heads, layer->width / layer->heads), y));
  PetscCall(TesPermute(*y, (const PetscInt[]){0, 2, 1, 3}, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesAttentionApply(TesTape tape, const TesAttentionLayer *layer, TesTensor x, TesTensor *y)
{
  TesTensor       q, k, v;
  const PetscInt *n = TesTensorShape(x);

  PetscFunctionBegin;
  PetscCheck(TesTensorAxes(x) == 3, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "%s: [b][t][width] is wanted", layer->name);
  PetscCall(TesTapePush(tape, layer->name));
  PetscCall(TesLinearApply(tape, &layer->query, x, &q));
  PetscCall(TesLinearApply(tape, &layer->key, x, &k));
  PetscCall(TesLinearApply(tape, &layer->value, x, &v));
  PetscCall(SplitHeads(layer, q, &q));
  PetscCall(SplitHeads(layer, k, &k));
  PetscCall(SplitHeads(layer, v, &v));
  PetscCall(TesAttention(q, k, v, layer->causal, &q));
  PetscCall(TesPermute(q, (const PetscInt[]){0, 2, 1, 3}, &q));
  PetscCall(TesReshape(q, TES_SHAPE(n[0], n[1], layer->width), &q));
  PetscCall(TesLinearApply(tape, &layer->out, q, y));
  PetscCall(TesTapePop(tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- gated recurrent unit ---- */

PetscErrorCode TesGRUDeclare(TesParameters p, const char name[], PetscInt in, PetscInt width, TesGRU *gru)
{
  PetscFunctionBegin;
  gru->name  = name;
  gru->in    = in;
  gru->width = width;
  PetscCall(TesParametersPush(p, name));
  PetscCall(TesLinearDeclare(p, "input", in, 3 * width, PETSC_TRUE, &gru->input));
  PetscCall(TesLinearDeclare(p, "state", width, 3 * width, PETSC_FALSE, &gru->state));
  PetscCall(Weight(p, "state/bias", TES_SHAPE(width), width, &gru->state.bias));
  PetscCall(TesParametersPop(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* h' from the gates' inputs a [b][3 width] and the state h [b][width] */
static PetscErrorCode GRUStep(TesTape tape, const TesGRU *gru, TesTensor a, TesTensor h, TesTensor *next)
{
  PetscInt  w = gru->width;
  TesTensor weight, c, s, ai, si, r, u, n;

  PetscFunctionBegin;
  PetscCall(TesTapeParameter(tape, gru->state.weight, &weight));
  PetscCall(TesTapeParameter(tape, gru->state.bias, &c));
  PetscCall(TesLinear(h, weight, NULL, &s));
  PetscCall(TesSlice(a, 1, 0, w, 1, &ai));
  PetscCall(TesSlice(s, 1, 0, w, 1, &si));
  PetscCall(TesAdd(ai, si, &r));
  PetscCall(TesAct(TES_ACT_SIGMOID, r, &r));
  PetscCall(TesSlice(a, 1, w, w, 1, &ai));
  PetscCall(TesSlice(s, 1, w, w, 1, &si));
  PetscCall(TesAdd(ai, si, &u));
  PetscCall(TesAct(TES_ACT_SIGMOID, u, &u));
  PetscCall(TesSlice(a, 1, 2 * w, w, 1, &ai));
  PetscCall(TesSlice(s, 1, 2 * w, w, 1, &si));
  PetscCall(TesAdd(si, c, &si));
  PetscCall(TesMultiply(r, si, &si));
  PetscCall(TesAdd(ai, si, &n));
  PetscCall(TesAct(TES_ACT_TANH, n, &n));
  PetscCall(TesSubtract(h, n, &h)); /* (1 - u) n + u h = n + u (h - n) */
  PetscCall(TesMultiply(u, h, &h));
  PetscCall(TesAdd(n, h, next));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesGRUApply(TesTape tape, const TesGRU *gru, TesTensor x, TesTensor *y)
{
  const PetscInt *n = TesTensorShape(x);
  PetscInt        b = n[0], t = n[1], w = gru->width;
  TesTensor       a, h, *rows;
  void           *memory;

  PetscFunctionBegin;
  PetscCheck(TesTensorAxes(x) == 3 && t >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "%s: [b][t][in] with t >= 1 is wanted", gru->name);
  PetscCall(TesTapePush(tape, gru->name));
  PetscCall(TesLinearApply(tape, &gru->input, x, &a)); /* all times in one product */
  PetscCall(TesTensorZeros(tape, TesTensorType(x), TES_SHAPE(b, w), &h));
  PetscCall(ArenaAlloc(tape, sizeof *rows * (size_t)t, &memory));
  rows = memory;
  for (PetscInt i = 0; i < t; i++) {
    TesTensor ai;

    PetscCall(TesSlice(a, 1, i, 1, 1, &ai));
    PetscCall(TesReshape(ai, TES_SHAPE(b, 3 * w), &ai));
    PetscCall(GRUStep(tape, gru, ai, h, &h));
    PetscCall(TesReshape(h, TES_SHAPE(b, 1, w), &rows[i]));
  }
  PetscCall(TesConcat(t, rows, 1, y));
  PetscCall(TesTapePop(tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- table of rows ---- */

PetscErrorCode TesEmbeddingDeclare(TesParameters p, const char name[], PetscInt rows, PetscInt width, TesEmbedding *layer)
{
  PetscFunctionBegin;
  layer->name = name;
  PetscCall(TesParametersPush(p, name));
  PetscCall(TesParametersAdd(p, "table", TES_SHAPE(rows, width), TES_INIT_NORMAL, 1, &layer->table));
  PetscCall(TesParametersPop(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesEmbeddingApply(TesTape tape, const TesEmbedding *layer, TesIndex index, TesTensor *y)
{
  TesTensor table;

  PetscFunctionBegin;
  PetscCall(TesTapePush(tape, layer->name));
  PetscCall(TesTapeParameter(tape, layer->table, &table));
  PetscCall(TesGather(table, index, y));
  PetscCall(TesTapePop(tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}
