#pragma once
/* Layers: plain structs of parameter numbers, with one function that declares the parameters and one that applies the layer. A new model is a struct of layers:

     typedef struct { TesLinearLayer in, out; } Model;

     static PetscErrorCode ModelDeclare(TesParameters p, Model *m)
     {
       PetscFunctionBegin;
       PetscCall(TesLinearDeclare(p, "in", 2, 32, PETSC_TRUE, &m->in));
       PetscCall(TesLinearDeclare(p, "out", 32, 1, PETSC_TRUE, &m->out));
       PetscFunctionReturn(PETSC_SUCCESS);
     }
     static PetscErrorCode ModelApply(TesTape tape, const Model *m, TesTensor x, TesTensor *y)
     {
       PetscFunctionBegin;
       PetscCall(TesLinearApply(tape, &m->in, x, y));
       PetscCall(TesAct(TES_ACT_TANH, *y, y));
       PetscCall(TesLinearApply(tape, &m->out, *y, y));
       PetscFunctionReturn(PETSC_SUCCESS);
     }

   tests/unit/test_tensor_example.c trains one. Declaring puts "name/" before the parameters' names; applying puts it on the module path of the tape. Weights and
   biases start uniform in +- 1 / sqrt(fan in) unless said. `name` must outlive the layer. Not Collective. */
#include <tessera/tensor_ops.h>

typedef struct {
  const char *name;
  PetscInt    weight, bias; /* [out][in], [out]; bias -1: none */
} TesLinearLayer;
PetscErrorCode TesLinearDeclare(TesParameters p, const char name[], PetscInt in, PetscInt out, PetscBool bias, TesLinearLayer *layer);
PetscErrorCode TesLinearApply(TesTape tape, const TesLinearLayer *layer, TesTensor x, TesTensor *y);

/* Stack of linear layers with an activation between them. */
#define TES_MLP_LAYERS 8
typedef struct {
  const char    *name;
  PetscInt       n;
  TesActKind     activation;
  TesLinearLayer layer[TES_MLP_LAYERS];
} TesMLP;
PetscErrorCode TesMLPDeclare(TesParameters p, const char name[], PetscInt n_widths, const PetscInt width[], TesActKind activation, TesMLP *mlp);
PetscErrorCode TesMLPApply(TesTape tape, const TesMLP *mlp, TesTensor x, TesTensor *y);

/* Convolution (or its transpose) with a boundary extension; channels last. Weight [k..][c_in/groups][c_out]; transposed: [k..][c_out/groups][c_in]. */
typedef struct {
  const char *name;
  TesConvSpec spec; /* low and high are what is padded, by `mode` */
  TesPadMode  mode;
  PetscBool   transposed;
  PetscInt    kernel[3], weight, bias;
} TesConvLayer;
PetscErrorCode TesConvDeclare(TesParameters p, const char name[], const TesConvSpec *spec, const PetscInt kernel[], TesPadMode mode, PetscInt in, PetscInt out, PetscBool bias,
                              TesConvLayer *layer);
PetscErrorCode TesConvTransposedDeclare(TesParameters p, const char name[], const TesConvSpec *spec, const PetscInt kernel[], PetscInt in, PetscInt out, PetscBool bias,
                                        TesConvLayer *layer);
PetscErrorCode TesConvApply(TesTape tape, const TesConvLayer *layer, TesTensor x, const PetscInt n_out[], TesTensor *y); /* n_out: transposed only */

/* Layer normalisation over the last n_last axes with gain 1 and shift 0 at the start, of a shape that broadcasts: n_axes = 1, {c}: one for each channel. */
typedef struct {
  const char *name;
  PetscInt    n_last, gain, shift;
  PetscReal   eps;
} TesNormLayer;
PetscErrorCode TesNormDeclare(TesParameters p, const char name[], PetscInt n_last, PetscInt n_axes, const PetscInt shape[], TesNormLayer *layer);
PetscErrorCode TesNormApply(TesTape tape, const TesNormLayer *layer, TesTensor x, TesTensor *y);

/* Multi-head self-attention on x [b][t][width]. */
typedef struct {
  const char    *name;
  PetscInt       width, heads;
  PetscBool      causal;
  TesLinearLayer query, key, value, out;
} TesAttentionLayer;
PetscErrorCode TesAttentionDeclare(TesParameters p, const char name[], PetscInt width, PetscInt heads, PetscBool causal, TesAttentionLayer *layer);
PetscErrorCode TesAttentionApply(TesTape tape, const TesAttentionLayer *layer, TesTensor x, TesTensor *y);

/* Gated recurrent unit over x [b][t][in] from the state 0: y [b][t][width].
   r = s(W_r x + U_r h + b_r), u = s(W_u x + U_u h + b_u), n = tanh(W_n x + b_n + r (U_n h + c)), h' = (1 - u) n + u h. */
typedef struct {
  const char    *name;
  PetscInt       in, width;
  TesLinearLayer input, state; /* rows r, u, n of the weights; the state's bias [width] is c */
} TesGRU;
PetscErrorCode TesGRUDeclare(TesParameters p, const char name[], PetscInt in, PetscInt width, TesGRU *gru);
PetscErrorCode TesGRUApply(TesTape tape, const TesGRU *gru, TesTensor x, TesTensor *y);

/* Table of rows, normal at the start; TesGather(table, index). */
typedef struct {
  const char *name;
  PetscInt    table;
} TesEmbedding;
PetscErrorCode TesEmbeddingDeclare(TesParameters p, const char name[], PetscInt rows, PetscInt width, TesEmbedding *layer);
PetscErrorCode TesEmbeddingApply(TesTape tape, const TesEmbedding *layer, TesIndex index, TesTensor *y);

/* One multi-channel V-cycle, a linear map of x [b][n1]..[nd][c_in] to [..][c] (He, Liu, Xu, MgNO; cell-centred transfers with 4-point kernels of stride 2, or vertex ones
   with 3 points): level 0: u = S f; down: f' = R f (or R (f - A u)), u' = Pi u; smoothing u <- u + S (f - A u); up: u <- u + P u'. No activation inside. */
#define TES_VCYCLE_LEVELS   12
#define TES_VCYCLE_SMOOTHS  4
typedef struct {
  PetscInt   d, levels, in, channels;
  PetscInt   pre[TES_VCYCLE_LEVELS], post[TES_VCYCLE_LEVELS]; /* smoothing steps, fine to coarse; at most TES_VCYCLE_SMOOTHS each; pre[0] >= 1 */
  PetscInt   transfer;          /* kernel size of R, Pi, P: 4 (cells, n even) or 3 (vertices, n odd: 2 n_c - 1, padding 1; or 2 n_c + 1, padding 0) */
  PetscInt   transfer_low;      /* padding of R and Pi: 1 (cells, vertices) or 0 (interior points) */
  PetscBool  restrict_residual; /* restrict f - A u in place of f */
  PetscBool  bias;              /* of S and A */
  TesPadMode mode;
} TesVCycleSpec;
typedef struct {
  const char  *name;
  TesVCycleSpec spec;
  TesConvLayer s[TES_VCYCLE_LEVELS][2 * TES_VCYCLE_SMOOTHS], a[TES_VCYCLE_LEVELS][2 * TES_VCYCLE_SMOOTHS]; /* pre, then post */
  TesConvLayer r[TES_VCYCLE_LEVELS], pi[TES_VCYCLE_LEVELS], p[TES_VCYCLE_LEVELS], residual[TES_VCYCLE_LEVELS];
} TesVCycle;
PetscErrorCode TesVCycleDeclare(TesParameters p, const char name[], const TesVCycleSpec *spec, TesVCycle *cycle);
PetscErrorCode TesVCycleApply(TesTape tape, const TesVCycle *cycle, TesTensor x, TesTensor *y);
