#pragma once
/* Operations on tensors, each with an adjoint; all adjoints are closed under differentiation unless said. Shapes are checked, a mismatch is an error that prints them.
   Inputs are of one type and one tape; the result is a new tensor there. `y` may be the same variable as an input: handles are values. Not Collective unless said. */
#include <tessera/tensor.h>

/* Axes as a set: TES_AXIS(0) | TES_AXIS(2). */
#define TES_AXIS(a)  (1u << (a))
#define TES_ALL_AXES 63u

/* ---- A. elementwise, one input ---- */
typedef enum {
  TES_ACT_RELU, TES_ACT_LEAKY, /* slope p */
  TES_ACT_GELU, TES_ACT_GELU_TANH, TES_ACT_SILU, TES_ACT_SIGMOID, TES_ACT_TANH,
  TES_ACT_SOFTPLUS, /* log(1 + exp(p x)) / p */
  TES_ACT_ELU,      /* p (exp x - 1) for x < 0 */
  TES_ACT_SIN, TES_ACT_COS, /* sin(p x), cos(p x) */
  TES_ACT_EXP, TES_ACT_LOG, TES_ACT_SQRT, TES_ACT_RSQRT, TES_ACT_RECIPROCAL,
  TES_ACT_POW, /* x^p */
  TES_ACT_SQUARE, TES_ACT_ABS, TES_ACT_ERF,
  TES_ACT_CLAMP, /* to [p, q] */
  TES_ACT_IDENTITY,
  TES_ACT_COUNT
} TesActKind;

/*@
  TesAct           - y = f(x); kinds with a parameter take 1 (leaky: 0.01)
  TesActWith       - y = f(x; p, q)
  TesActDerivative - y = k-th derivative of f at x, k = 0..3. The adjoint of it is g times the (k+1)-th, so third derivatives of a network are the limit
  TesActName, TesActFind - the name of a kind as in decks ("gelu_tanh"), and the kind of a name (TES_ACT_COUNT if unknown)
  Derivatives at a kink are those of the left side: relu'(0) = 0, abs'(0) = 0; sqrt' and norm' at 0 are 0.
@*/
PetscErrorCode TesAct(TesActKind kind, TesTensor x, TesTensor *y);
PetscErrorCode TesActWith(TesActKind kind, PetscReal p, PetscReal q, TesTensor x, TesTensor *y);
PetscErrorCode TesActDerivative(TesActKind kind, PetscReal p, PetscReal q, PetscInt k, TesTensor x, TesTensor *y);
const char    *TesActName(TesActKind kind);
TesActKind     TesActFind(const char name[]);

/*@
  TesScale - y = a x + b
  TesCast  - the same values in the other type
  TesDetach - the same values, as a constant for differentiation (shares memory)
@*/
PetscErrorCode TesScale(PetscReal a, TesTensor x, PetscReal b, TesTensor *y);
PetscErrorCode TesCast(TesTensor x, TesType type, TesTensor *y);
PetscErrorCode TesDetach(TesTensor x, TesTensor *y);

/* ---- B. elementwise, two inputs, shapes broadcast from the last axis on as in numpy ---- */
PetscErrorCode TesAdd(TesTensor a, TesTensor b, TesTensor *y);
PetscErrorCode TesSubtract(TesTensor a, TesTensor b, TesTensor *y);
PetscErrorCode TesMultiply(TesTensor a, TesTensor b, TesTensor *y);
PetscErrorCode TesDivide(TesTensor a, TesTensor b, TesTensor *y);
PetscErrorCode TesMaximum(TesTensor a, TesTensor b, TesTensor *y); /* equal entries: the gradient goes to a */
PetscErrorCode TesMinimum(TesTensor a, TesTensor b, TesTensor *y);
PetscErrorCode TesAxpby(PetscReal alpha, TesTensor a, PetscReal beta, TesTensor b, TesTensor *y);
PetscErrorCode TesWhere(TesTensor mask, TesTensor a, TesTensor b, TesTensor *y); /* mask: 0 takes b, anything else a; no gradient to it */

/* ---- C. reductions: pairwise in a fixed order; `keep` leaves reduced axes with length 1 ---- */
PetscErrorCode TesSum(TesTensor x, unsigned axes, PetscBool keep, TesTensor *y);
PetscErrorCode TesMean(TesTensor x, unsigned axes, PetscBool keep, TesTensor *y);
PetscErrorCode TesMax(TesTensor x, PetscInt axis, PetscBool keep, TesTensor *y); /* equal entries: the lowest index has the gradient */
PetscErrorCode TesLogSumExp(TesTensor x, PetscInt axis, PetscBool keep, TesTensor *y);
PetscErrorCode TesSoftmax(TesTensor x, PetscInt axis, TesTensor *y);
PetscErrorCode TesLogSoftmax(TesTensor x, PetscInt axis, TesTensor *y);
PetscErrorCode TesNorm2(TesTensor x, unsigned axes, PetscReal eps, PetscBool keep, TesTensor *y); /* sqrt(sum x^2 + eps^2); gradient 0 where it is 0 */
PetscErrorCode TesDot(TesTensor a, TesTensor b, TesTensor *y);                                    /* scalar sum of a b */

/* ---- D. shape ---- */
typedef enum {
  TES_PAD_ZERO,
  TES_PAD_CIRCULAR,  /* x[-1] = x[n-1] */
  TES_PAD_REFLECT,   /* x[-1] = x[1] */
  TES_PAD_SYMMETRIC, /* x[-1] = x[0], mirrored about the cell edge */
  TES_PAD_REPLICATE, /* x[-1] = x[-2] = x[0] */
  TES_PAD_ODD        /* x[-1] = -x[0]: Dirichlet about the cell edge */
} TesPadMode;

/*@
  TesReshape - same entries in another shape (shares memory); one length may be -1
  TesPermute - axis i of y is axis order[i] of x
  TesSlice   - entries first, first + step, ... (count of them) of an axis; TesUnslice is its adjoint: zeros of length n, x put there
  TesConcat  - one after another along an axis; TesStack along a new first axis
  TesExpand  - broadcast to a shape
  TesFlip, TesRoll - reverse an axis; shift it cyclically: y[i] = x[i - shift mod n]
  TesPad     - extend an axis by low and high entries; TesFold is its adjoint: ghosts are added back to what they copy, the axis shrinks by low + high
  TesMaskFill - y = mask ? value : x (mask broadcasts, no gradient to it); TesCausalMask: [n][n], 1 above the diagonal
  TesSpaceToDepth - [b][h][w][c] -> [b][h/f][w/f][f f c]
@*/
PetscErrorCode TesReshape(TesTensor x, PetscInt n_axes, const PetscInt shape[], TesTensor *y);
PetscErrorCode TesPermute(TesTensor x, const PetscInt order[], TesTensor *y);
PetscErrorCode TesSlice(TesTensor x, PetscInt axis, PetscInt first, PetscInt count, PetscInt step, TesTensor *y);
PetscErrorCode TesUnslice(TesTensor x, PetscInt axis, PetscInt first, PetscInt step, PetscInt n, TesTensor *y);
PetscErrorCode TesConcat(PetscInt n, const TesTensor x[], PetscInt axis, TesTensor *y);
PetscErrorCode TesStack(PetscInt n, const TesTensor x[], TesTensor *y);
PetscErrorCode TesExpand(TesTensor x, PetscInt n_axes, const PetscInt shape[], TesTensor *y);
PetscErrorCode TesFlip(TesTensor x, PetscInt axis, TesTensor *y);
PetscErrorCode TesRoll(TesTensor x, PetscInt axis, PetscInt shift, TesTensor *y);
PetscErrorCode TesPad(TesTensor x, PetscInt axis, PetscInt low, PetscInt high, TesPadMode mode, TesTensor *y);
PetscErrorCode TesFold(TesTensor x, PetscInt axis, PetscInt low, PetscInt high, TesPadMode mode, TesTensor *y);
PetscErrorCode TesMaskFill(TesTensor x, TesTensor mask, PetscReal value, TesTensor *y);
PetscErrorCode TesCausalMask(TesTape tape, TesType type, PetscInt n, TesTensor *mask);
PetscErrorCode TesSpaceToDepth(TesTensor x, PetscInt factor, TesTensor *y);

/* ---- E. dense algebra ---- */

/*@
  TesMatMul - y = alpha op(a) op(b) on the last two axes; leading axes broadcast (batches). BLAS, and an own kernel for matrices of a few rows
  TesLinear - y = x w' + b on the last axis of x: w [out][in], b [out] or NULL
  TesEinsum - two operands, subscripts of letters as in numpy: "bij,bjk->bik"; no letter twice in one operand
  TesInverse, TesDeterminant - batches of n x n matrices, n <= 3, in closed form (the determinant's adjoint is by cofactors, without division)
  TesSymEig - batches of symmetric n x n matrices, n <= 3, C = V diag(l) V': eigenvalues ascending, columns of v with their largest entry positive. The adjoint takes
              gap / (gap^2 + delta^2) for 1 / gap, delta = 1e-6 of the largest |l| (1e-3 in single); first order only. TesTapeEigGaps counts the gaps below delta
@*/
PetscErrorCode TesMatMul(PetscBool ta, PetscBool tb, PetscReal alpha, TesTensor a, TesTensor b, TesTensor *y);
PetscErrorCode TesLinear(TesTensor x, TesTensor w, TesTensor b, TesTensor *y);
PetscErrorCode TesEinsum(const char subscripts[], TesTensor a, TesTensor b, TesTensor *y);
PetscErrorCode TesInverse(TesTensor x, TesTensor *y);
PetscErrorCode TesDeterminant(TesTensor x, TesTensor *y);
PetscErrorCode TesSymEig(TesTensor x, TesTensor *l, TesTensor *v);
PetscInt64     TesTapeEigGaps(TesTape tape);

/* ---- F. indexed and graph ---- */
typedef struct _p_TesIndex *TesIndex; /* a list of row numbers, checked when made; outlives the tapes that use it */

/*@
  TesIndexCreate   - m row numbers in 0..n-1; copied. A number outside is an error that names it
  TesIndexSegments - m + 1 ascending row pointers: segment s is the rows pointer[s] .. pointer[s+1] - 1. Empty segments are fine
@*/
PetscErrorCode TesIndexCreate(PetscInt64 m, const PetscInt list[], PetscInt n, TesIndex *index);
PetscErrorCode TesIndexSegments(PetscInt64 m, const PetscInt pointer[], TesIndex *index);
PetscErrorCode TesIndexDestroy(TesIndex *index);

/*@
  TesGather     - y[i] = x[list[i]], rows of axis 0 (an embedding is this on the table)
  TesScatterAdd - y[list[i]] += x[i], y with n rows, added in ascending order of i
  TesSegmentSum, TesSegmentMean - one row for each segment (mean of an empty one: 0)
  TesSegmentSpread  - the adjoint of the sum: row i of y is the row of x of the segment that i is in
  TesSegmentMax     - empty: 0; equal entries: the first has the gradient
  TesSegmentSoftmax - softmax over the rows of each segment, column by column
  TesOneHot     - [m][n] constants
  TesEdgeVectors - x[target] + shift - x[source]; shift may be NULL
@*/
PetscErrorCode TesGather(TesTensor x, TesIndex index, TesTensor *y);
PetscErrorCode TesScatterAdd(TesTensor x, TesIndex index, TesTensor *y);
PetscErrorCode TesSegmentSum(TesTensor x, TesIndex segments, TesTensor *y);
PetscErrorCode TesSegmentMean(TesTensor x, TesIndex segments, TesTensor *y);
PetscErrorCode TesSegmentSpread(TesTensor x, TesIndex segments, TesTensor *y);
PetscErrorCode TesSegmentMax(TesTensor x, TesIndex segments, TesTensor *y);
PetscErrorCode TesSegmentSoftmax(TesTensor x, TesIndex segments, TesTensor *y);
PetscErrorCode TesOneHot(TesTape tape, TesType type, TesIndex index, TesTensor *y);
PetscErrorCode TesEdgeVectors(TesTensor x, TesIndex source, TesIndex target, TesTensor shift, TesTensor *y);

/* ---- G. spectral: FFTs of the d axes before the last (channels), d = 1, 2; complex values are a further last axis of 2 ---- */

/*@
  TesDFT, TesIDFT   - [b][n..][c][2] -> the same shape; forward exp(-i), unscaled; the inverse divides by the number of points
  TesRDFT           - [b][n..][c] -> [b][..][n/2 + 1][c][2]: the last of the transformed axes is halved
  TesIRDFT          - the inverse of TesRDFT; n is the length of the halved axis (even or odd)
  TesComplexMultiply - (a b) of complex pairs, broadcasting; TesConjugate; TesAbs2 -> real, the last axis dropped
  Computed in double by FFTW whatever the type.
@*/
PetscErrorCode TesDFT(TesTensor x, PetscInt d, TesTensor *y);
PetscErrorCode TesIDFT(TesTensor x, PetscInt d, TesTensor *y);
PetscErrorCode TesRDFT(TesTensor x, PetscInt d, TesTensor *y);
PetscErrorCode TesIRDFT(TesTensor x, PetscInt d, PetscInt n, TesTensor *y);
PetscErrorCode TesComplexMultiply(TesTensor a, TesTensor b, TesTensor *y);
PetscErrorCode TesConjugate(TesTensor x, TesTensor *y);
PetscErrorCode TesAbs2(TesTensor x, TesTensor *y);

/* ---- H. convolutions: channels last, x [b][n1]..[nd][c_in], w [k1]..[kd][c_in / groups][c_out], y [b][m1]..[md][c_out], d = 1, 2, 3 ---- */

/* m = (n + low + high - dilation (k - 1) - 1) / stride + 1, zeros outside; other extensions by TesPad first. */
typedef struct {
  PetscInt d;
  PetscInt stride[3], low[3], high[3], dilation[3]; /* a stride or dilation of 0 is 1 */
  PetscInt groups;                                  /* 0 is 1 */
} TesConvSpec;

/*@
  TesConvolve          - y[b][i][o] = sum x~[b][s i + dil a - low][c] w[a][c][o] (cross-correlation)
  TesConvolveTransposed - the adjoint in x: y of shape [b][n..][c_in], for g [b][m..][c_out]; n = shape of the d axes (a transposed convolution; n chooses the output padding)
  TesConvolveWeights   - the adjoint in w: shape [k..][c_in / groups][c_out]
  The three close under differentiation among themselves.
@*/
PetscErrorCode TesConvolve(const TesConvSpec *spec, TesTensor x, TesTensor w, TesTensor *y);
PetscErrorCode TesConvolveTransposed(const TesConvSpec *spec, TesTensor g, TesTensor w, const PetscInt n[], TesTensor *y);
PetscErrorCode TesConvolveWeights(const TesConvSpec *spec, TesTensor x, TesTensor g, const PetscInt k[], TesTensor *w);

/*@
  TesMaxPool, TesAvgPool - windows of `size` with stride `size` over the d axes, lengths divisible by it
  TesUpsample - repeat every point `factor` times along the d axes (nearest); TesUpsampleLinear - factor 2, cell-centred linear weights 3/4 and 1/4, edge points repeated
  TesRestrict - adjoint of TesUpsampleLinear times 2^-d: full weighting
@*/
PetscErrorCode TesMaxPool(TesTensor x, PetscInt d, PetscInt size, TesTensor *y);
PetscErrorCode TesAvgPool(TesTensor x, PetscInt d, PetscInt size, TesTensor *y);
PetscErrorCode TesUpsample(TesTensor x, PetscInt d, PetscInt factor, TesTensor *y);
PetscErrorCode TesUpsampleLinear(TesTensor x, PetscInt d, TesTensor *y);
PetscErrorCode TesRestrict(TesTensor x, PetscInt d, TesTensor *y);

/* ---- I. normalisation, attention, losses ---- */

/*@
  TesLayerNorm - over the last n_last axes: gamma (x - mean) / sqrt(variance + eps) + beta; gamma, beta of a shape that broadcasts to x, either may be NULL
  TesAttention - softmax(q k' / sqrt(d)) v for q [..][t][d], k [..][s][d], v [..][s][e]; causal: row i sees columns j <= i + (s - t). Blocks of rows, nothing of size t x s is kept
  TesMSE       - mean of (p - t)^2, a scalar
  TesRelL2     - [b] norm of p - t over norm of t for each sample of axis 0; gradient 0 where p = t. A target of norm 0 is an error that names the sample
  TesHuber     - mean of (r^2 / 2 for |r| <= delta, else delta (|r| - delta / 2))
  TesCrossEntropy - mean over rows of -log softmax(logits [m][n]) at label [m]
@*/
PetscErrorCode TesLayerNorm(TesTensor x, PetscInt n_last, TesTensor gamma, TesTensor beta, PetscReal eps, TesTensor *y);
PetscErrorCode TesAttention(TesTensor q, TesTensor k, TesTensor v, PetscBool causal, TesTensor *y);
PetscErrorCode TesMSE(TesTensor p, TesTensor target, TesTensor *y);
PetscErrorCode TesRelL2(TesTensor p, TesTensor target, TesTensor *y);
PetscErrorCode TesHuber(TesTensor p, TesTensor target, PetscReal delta, TesTensor *y);
PetscErrorCode TesCrossEntropy(TesTensor logits, TesIndex label, TesTensor *y);

/* ---- K. random ---- */

/*@
  TesRandomTensor - uniform in (0, 1) or standard normal: entry i of row r is the Philox value of (seed, stream, row r's number, counter, i). Row numbers are
                    global sample numbers [shape[0]]; NULL: 0, 1, ...
  TesDropout      - x with entries set to 0 with probability p and the others divided by 1 - p; the mask is drawn again in the backward sweep, never stored
@*/
typedef struct {
  PetscInt64        seed;
  PetscInt          stream;  /* a TesStream of random.h */
  PetscInt64        counter; /* which draw: step times the number of draws per step, plus the number of this one */
  const PetscInt64 *row;     /* [shape[0]], lives until the tape's reset; or NULL */
} TesDraw;
PetscErrorCode TesRandomTensor(TesTape tape, TesType type, PetscInt n_axes, const PetscInt shape[], PetscBool normal, const TesDraw *draw, TesTensor *y);
PetscErrorCode TesDropout(TesTensor x, PetscReal p, const TesDraw *draw, TesTensor *y);

/* ---- L. collective operations inside a tape; the loss that is differentiated is the sum of the ranks' own scalars ---- */

/*@
  TesBroadcast    - every rank gets root's x; adjoint: sum of all ranks' g, to root
  TesAllreduceSum - every rank gets the sum, added in rank order; adjoint: the sum of all ranks' g. Use TesReplicatedSum where every rank goes on alike
  TesReplicatedSum - the same sum, for a loss that all ranks compute alike from it and that is counted once: its adjoint is g itself
  TesAllgatherRows - rows (axis 0) of all ranks one after another; adjoint: the sum over ranks of the rows' g, each to its owner
  TesRowExchange  - send rows x[send[..]] to neighbours, append the rows received: ghosts of a decomposition; adjoint: ghosts' g added back into their owners

  Collective, in the forward and in the backward sweep. The adjoints add in rank order: the same bits in every run.
@*/
PetscErrorCode TesBroadcast(MPI_Comm comm, PetscMPIInt root, TesTensor x, TesTensor *y);
PetscErrorCode TesAllreduceSum(MPI_Comm comm, TesTensor x, TesTensor *y);
PetscErrorCode TesReplicatedSum(MPI_Comm comm, TesTensor x, TesTensor *y);
PetscErrorCode TesAllgatherRows(MPI_Comm comm, TesTensor x, TesTensor *y);

/* Who gets which rows; a rank is named once at most, and names those that name it. For neighbour q, rows list[first[q]] .. list[first[q+1] - 1] of x are sent to rank[q], and n_receive[q] rows come from there. Lives until the tape's reset. */
typedef struct {
  MPI_Comm           comm;
  PetscInt           n;
  const PetscMPIInt *rank;
  const PetscInt    *first;
  const PetscInt    *list;
  const PetscInt    *n_receive;
} TesRowPattern;
PetscErrorCode TesRowExchange(const TesRowPattern *pattern, TesTensor x, TesTensor *y);
