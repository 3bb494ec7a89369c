/* Operations with indices, convolutions, spectra, small matrices and einsum: the gates of tensor_gates.h, and values against loops written out here. */
#include "tensor_gates.h"

#include <math.h>
#include <string.h>

#define APPLY(name, call) \
  static PetscErrorCode name(const TesTensor x[], TesTensor *y) \
  { \
    PetscFunctionBegin; \
    PetscCall(call); \
    PetscFunctionReturn(PETSC_SUCCESS); \
  }
#define YES PETSC_TRUE
#define NO  PETSC_FALSE

/* ---- rows by number: duplicates, unused rows, empty segments ---- */

static TesIndex list, segments, labels;

static PetscErrorCode MakeIndices(void)
{
  const PetscInt rows[] = {3, 0, 3, 3, 1, 4, 0}, pointer[] = {0, 2, 2, 5, 7}, label[] = {2, 0, 2};

  PetscFunctionBegin;
  PetscCall(TesIndexCreate(7, rows, 5, &list));
  PetscCall(TesIndexSegments(4, pointer, &segments));
  PetscCall(TesIndexCreate(3, label, 4, &labels));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DropIndices(void)
{
  PetscFunctionBegin;
  PetscCall(TesIndexDestroy(&list));
  PetscCall(TesIndexDestroy(&segments));
  PetscCall(TesIndexDestroy(&labels));
  PetscFunctionReturn(PETSC_SUCCESS);
}

APPLY(Gather, TesGather(x[0], list, y))
APPLY(ScatterAdd, TesScatterAdd(x[0], list, y))
APPLY(SegmentSum, TesSegmentSum(x[0], segments, y))
APPLY(SegmentMean, TesSegmentMean(x[0], segments, y))
APPLY(SegmentSpread, TesSegmentSpread(x[0], segments, y))
APPLY(SegmentMax, TesSegmentMax(x[0], segments, y))
APPLY(SegmentSoftmax, TesSegmentSoftmax(x[0], segments, y))
APPLY(CrossEntropy, TesCrossEntropy(x[0], labels, y))
APPLY(EdgeVectors, TesEdgeVectors(x[0], list, list, x[1], y))

static PetscErrorCode IndexedOperationsPassTheGates(void)
{
  static const GateCase gates[] = {
    {"gather", Gather, 1, {{5, 3, -1}}, -2, 2, YES, NO},
    {"gather of higher rank", Gather, 1, {{5, 2, 3, -1}}, -2, 2, YES, NO},
    {"scatter_add", ScatterAdd, 1, {{7, 3, -1}}, -2, 2, YES, NO},
    {"segment_sum", SegmentSum, 1, {{7, 3, -1}}, -2, 2, YES, NO},
    {"segment_mean", SegmentMean, 1, {{7, 3, -1}}, -2, 2, YES, NO},
    {"segment_spread", SegmentSpread, 1, {{4, 3, -1}}, -2, 2, YES, NO},
    {"segment_max", SegmentMax, 1, {{7, 3, -1}}, -2, 2, NO, NO},
    {"segment_softmax", SegmentSoftmax, 1, {{7, 3, -1}}, -2, 2, NO, NO},
    {"cross_entropy", CrossEntropy, 1, {{3, 4, -1}}, -2, 2, NO, NO},
    {"edge_vectors", EdgeVectors, 2, {{5, 3, -1}, {7, 3, -1}}, -2, 2, NO, NO},
    GATE_CASES_END,
  };

  PetscFunctionBegin;
  PetscCall(MakeIndices());
  PetscCall(TensorGates(gates));
  PetscCall(DropIndices());
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EmptySegmentsAreZeroAndIndicesAreChecked(void)
{
  const PetscReal values[] = {1, 2, 3, 4, 5, 6, 7}, mean[] = {1.5, 0, 4, 6.5};
  const PetscInt  outside[] = {0, 5}, backwards[] = {0, 3, 2};
  TesIndex        bad = NULL;
  TesTape         tape;
  TesTensor       x, y;
  PetscReal       got[4];

  PetscFunctionBegin;
  PetscCall(MakeIndices());
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(TesTensorFrom(tape, TES_F64, TES_SHAPE(7), values, &x));
  PetscCall(TesSegmentMean(x, segments, &y));
  PetscCall(TesTensorGet(y, got));
  for (int i = 0; i < 4; i++) TES_CHECK_NEAR(got[i], mean[i], 0);
  PetscCall(TesSegmentMax(x, segments, &y));
  PetscCall(TesTensorGet(y, got));
  TES_CHECK_NEAR(got[1], 0, 0);
  TES_CHECK_FAILS(TesIndexCreate(2, outside, 5, &bad), PETSC_ERR_ARG_OUTOFRANGE);
  TES_CHECK_FAILS(TesIndexSegments(2, backwards, &bad), PETSC_ERR_ARG_OUTOFRANGE);
  TES_CHECK_FAILS(TesGather(x, list, &y), PETSC_ERR_ARG_SIZ); /* made for 5 rows */
  PetscCall(TesTapeDestroy(&tape));
  PetscCall(DropIndices());
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- convolutions ---- */

static TesConvSpec conv; /* of the case that runs */
static PetscInt    conv_n[3], conv_k[3];

APPLY(Convolve, TesConvolve(&conv, x[0], x[1], y))
APPLY(ConvolveTransposed, TesConvolveTransposed(&conv, x[0], x[1], conv_n, y))
APPLY(ConvolveWeights, TesConvolveWeights(&conv, x[0], x[1], conv_k, y))

static PetscInt Points(const TesConvSpec *s, PetscInt i, PetscInt n, PetscInt k)
{
  return (n + s->low[i] + s->high[i] - PetscMax(s->dilation[i], 1) * (k - 1) - 1) / PetscMax(s->stride[i], 1) + 1;
}

/* y by the definition, one entry after the other */
static void Direct(const TesConvSpec *s, PetscInt b, const PetscInt n[], const PetscInt m[], const PetscInt k[], PetscInt ci, PetscInt co, const PetscReal *x, const PetscReal *w, PetscReal *y)
{
  PetscInt groups = PetscMax(s->groups, 1), cg = ci / groups, og = co / groups;

  for (PetscInt q = 0; q < b; q++)
    for (PetscInt i = 0; i < m[0]; i++)
      for (PetscInt j = 0; j < m[1]; j++)
        for (PetscInt o = 0; o < co; o++) {
          PetscReal sum = 0;

          for (PetscInt a = 0; a < k[0]; a++)
            for (PetscInt e = 0; e < k[1]; e++)
              for (PetscInt c = 0; c < cg; c++) {
                PetscInt u = PetscMax(s->stride[0], 1) * i + PetscMax(s->dilation[0], 1) * a - s->low[0], v = PetscMax(s->stride[1], 1) * j + PetscMax(s->dilation[1], 1) * e - s->low[1];

                if (u < 0 || u >= n[0] || v < 0 || v >= n[1]) continue;
                sum += x[((q * n[0] + u) * n[1] + v) * ci + o / og * cg + c] * w[((a * k[1] + e) * cg + c) * co + o];
              }
          y[((q * m[0] + i) * m[1] + j) * co + o] = sum;
        }
}

static PetscErrorCode AgainstDirect(PetscInt b, PetscInt ci, PetscInt co)
{
  TesTape    tape;
  TesTensor  x, w, y;
  PetscInt   m[2] = {Points(&conv, 0, conv_n[0], conv_k[0]), Points(&conv, 1, conv_n[1], conv_k[1])};
  PetscReal *want, *got, error = 0;
  TesDraw    draw = {.seed = 5};

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(TesRandomTensor(tape, TES_F64, TES_SHAPE(b, conv_n[0], conv_n[1], ci), PETSC_TRUE, &draw, &x));
  draw.counter = 1;
  PetscCall(TesRandomTensor(tape, TES_F64, TES_SHAPE(conv_k[0], conv_k[1], ci / PetscMax(conv.groups, 1), co), PETSC_TRUE, &draw, &w));
  PetscCall(TesConvolve(&conv, x, w, &y));
  TES_CHECK_INT(TesTensorShape(y)[1], m[0]);
  TES_CHECK_INT(TesTensorShape(y)[2], m[1]);
  PetscCall(PetscMalloc2(TesTensorSize(y), &want, TesTensorSize(y), &got));
  Direct(&conv, b, conv_n, m, conv_k, ci, co, TesTensorData(x), TesTensorData(w), want);
  PetscCall(TesTensorGet(y, got));
  for (PetscInt64 i = 0; i < TesTensorSize(y); i++) error = PetscMax(error, fabs(got[i] - want[i]));
  TES_CHECK_AT_MOST(error, 1e-13 * conv_k[0] * conv_k[1] * ci); /* sums of that many products of normal numbers */
  PetscCall(PetscFree2(want, got));
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* <conv(x, w), g> = <x, transposed(g, w)> = <w, weights(x, g)> and values, for strides, dilations, parities, groups, sizes of kernels */
static PetscErrorCode ConvolutionTripleIsConsistent(void)
{
  static const PetscInt cases[][8] = {
    /* n0, n1, k, stride, dilation, low, high, groups */
    {6, 7, 3, 1, 1, 1, 1, 1}, {7, 6, 3, 2, 1, 1, 1, 1}, {6, 7, 4, 2, 1, 1, 1, 1}, {8, 9, 3, 3, 1, 0, 2, 1}, {9, 7, 3, 1, 2, 2, 2, 1},
    {9, 8, 3, 2, 2, 1, 2, 2}, {5, 6, 2, 2, 1, 0, 0, 1}, {5, 5, 1, 1, 1, 0, 0, 1}, {5, 6, 1, 2, 1, 0, 0, 2}, {4, 4, 3, 1, 1, 1, 1, 4},
  };

  PetscFunctionBegin;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const PetscInt *c = cases[i], ci = c[7] == 4 ? 4 : 2 * c[7], co = 3 * c[7];
    PetscInt        m0, m1;
    GateCase        gates[4];

    conv      = (TesConvSpec){.d = 2, .stride = {c[3], c[3]}, .low = {c[5], c[5]}, .high = {c[6], c[6]}, .dilation = {c[4], c[4]}, .groups = c[7]};
    conv_n[0] = c[0];
    conv_n[1] = c[1];
    conv_k[0] = conv_k[1] = c[2];
    m0        = Points(&conv, 0, c[0], c[2]);
    m1        = Points(&conv, 1, c[1], c[2]);
    PetscCall(AgainstDirect(2, ci, co));
    gates[0] = (GateCase){"convolve", Convolve, 2, {{2, c[0], c[1], ci, -1}, {c[2], c[2], ci / c[7], co, -1}}, -1, 1, YES, NO};
    gates[1] = (GateCase){"convolve_transposed", ConvolveTransposed, 2, {{2, m0, m1, co, -1}, {c[2], c[2], ci / c[7], co, -1}}, -1, 1, YES, NO};
    gates[2] = (GateCase){"convolve_weights", ConvolveWeights, 2, {{2, c[0], c[1], ci, -1}, {2, m0, m1, co, -1}}, -1, 1, YES, NO};
    gates[3] = (GateCase)GATE_CASES_END;
    PetscCall(TensorGates(gates));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ConvolutionsInOneAndThreeDimensionsPassTheGates(void)
{
  static const GateCase line[] = {{"convolve, 1-D", Convolve, 2, {{2, 9, 3, -1}, {3, 3, 4, -1}}, -1, 1, YES, NO}, GATE_CASES_END};
  static const GateCase box[]  = {{"convolve, 3-D", Convolve, 2, {{1, 4, 5, 3, 2, -1}, {3, 3, 3, 2, 3, -1}}, -1, 1, YES, NO}, GATE_CASES_END};

  PetscFunctionBegin;
  conv = (TesConvSpec){.d = 1, .stride = {2}, .low = {1}, .high = {1}};
  PetscCall(TensorGates(line));
  conv = (TesConvSpec){.d = 3, .low = {1, 1, 1}, .high = {1, 1, 1}};
  PetscCall(TensorGates(box));
  PetscFunctionReturn(PETSC_SUCCESS);
}

APPLY(MaxPool, TesMaxPool(x[0], 2, 2, y))
APPLY(AvgPool, TesAvgPool(x[0], 2, 2, y))
APPLY(Upsample, TesUpsample(x[0], 2, 3, y))
APPLY(UpsampleLinear, TesUpsampleLinear(x[0], 2, y))
APPLY(Restrict, TesRestrict(x[0], 2, y))

static PetscErrorCode GridTransfersPassTheGates(void)
{
  static const GateCase gates[] = {
    {"max_pool", MaxPool, 1, {{2, 4, 6, 3, -1}}, -2, 2, NO, NO},       {"avg_pool", AvgPool, 1, {{2, 4, 6, 3, -1}}, -2, 2, YES, NO},
    {"upsample", Upsample, 1, {{2, 2, 3, 2, -1}}, -2, 2, YES, NO},     {"upsample_linear", UpsampleLinear, 1, {{2, 3, 4, 2, -1}}, -2, 2, YES, NO},
    {"restrict", Restrict, 1, {{2, 6, 4, 2, -1}}, -2, 2, YES, NO},     GATE_CASES_END,
  };

  PetscFunctionBegin;
  PetscCall(TensorGates(gates));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- spectra ---- */

static PetscInt length; /* of the halved axis */
APPLY(DFT1, TesDFT(x[0], 1, y))
APPLY(IDFT2, TesIDFT(x[0], 2, y))
APPLY(RDFT1, TesRDFT(x[0], 1, y))
APPLY(RDFT2, TesRDFT(x[0], 2, y))
APPLY(IRDFT1, TesIRDFT(x[0], 1, length, y))
APPLY(IRDFT2, TesIRDFT(x[0], 2, length, y))
APPLY(ComplexMultiply, TesComplexMultiply(x[0], x[1], y))
APPLY(Conjugate, TesConjugate(x[0], y))
APPLY(Abs2, TesAbs2(x[0], y))

static PetscErrorCode SpectraPassTheGatesForEvenAndOddLengths(void)
{
  PetscFunctionBegin;
  for (length = 6; length <= 7; length++) {
    const PetscInt half = length / 2 + 1;
    const GateCase gates[] = {
      {"dft, 1-D", DFT1, 1, {{2, length, 3, 2, -1}}, -2, 2, YES, NO},
      {"idft, 2-D", IDFT2, 1, {{2, 4, length, 3, 2, -1}}, -2, 2, YES, NO},
      {"rdft, 1-D", RDFT1, 1, {{2, length, 3, -1}}, -2, 2, YES, NO},
      {"rdft, 2-D", RDFT2, 1, {{2, 5, length, 3, -1}}, -2, 2, YES, NO},
      {"rdft, 2-D, even rows", RDFT2, 1, {{2, 4, length, 3, -1}}, -2, 2, YES, NO},
      {"irdft, 1-D", IRDFT1, 1, {{2, half, 3, 2, -1}}, -2, 2, YES, NO},
      {"irdft, 2-D", IRDFT2, 1, {{2, 5, half, 3, 2, -1}}, -2, 2, YES, NO},
      {"irdft, 2-D, even rows", IRDFT2, 1, {{2, 4, half, 3, 2, -1}}, -2, 2, YES, NO},
      {"complex_multiply", ComplexMultiply, 2, {{2, 3, 2, -1}, {3, 2, -1}}, -2, 2, YES, NO},
      {"conjugate", Conjugate, 1, {{4, 2, -1}}, -2, 2, YES, NO},
      {"abs2", Abs2, 1, {{4, 2, -1}}, -2, 2, NO, NO},
      GATE_CASES_END,
    };

    PetscCall(TensorGates(gates));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* X_k = sum x_j exp(-2 pi i j k / n), against the sum itself; and back */
static PetscErrorCode TransformsAreTheSumsAndInverseToEachOther(void)
{
  const PetscInt n = 7, c = 2;
  TesDraw        draw = {.seed = 3};
  TesTape        tape;
  TesTensor      x, z, back;
  PetscReal      v[14], w[16], u[14];

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(TesRandomTensor(tape, TES_F64, TES_SHAPE(1, n, c), PETSC_TRUE, &draw, &x));
  PetscCall(TesRDFT(x, 1, &z));
  PetscCall(TesIRDFT(z, 1, n, &back));
  PetscCall(TesTensorGet(x, v));
  PetscCall(TesTensorGet(z, w));
  PetscCall(TesTensorGet(back, u));
  for (int i = 0; i < 14; i++) TES_CHECK_NEAR(u[i], v[i], 1e-14);
  for (PetscInt k = 0; k <= n / 2; k++)
    for (PetscInt q = 0; q < c; q++) {
      PetscReal re = 0, im = 0;

      for (PetscInt j = 0; j < n; j++) {
        re += v[j * c + q] * cos(2 * PETSC_PI * (PetscReal)(j * k) / (PetscReal)n);
        im -= v[j * c + q] * sin(2 * PETSC_PI * (PetscReal)(j * k) / (PetscReal)n);
      }
      TES_CHECK_NEAR(w[2 * (k * c + q)], re, 1e-13);
      TES_CHECK_NEAR(w[2 * (k * c + q) + 1], im, 1e-13);
    }
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- small matrices and einsum ---- */

/* a batch of well conditioned matrices: 4 on the diagonal */
static PetscErrorCode Shifted(TesTensor x, TesTensor *y)
{
  PetscInt        n = TesTensorShape(x)[TesTensorAxes(x) - 1];
  TesTensor       eye;
  PetscReal       values[9] = {0};

  PetscFunctionBegin;
  for (PetscInt i = 0; i < n; i++) values[i * n + i] = 4 + (PetscReal)i;
  PetscCall(TesTensorFrom(TesTensorTape(x), TesTensorType(x), TES_SHAPE(n, n), values, &eye));
  PetscCall(TesAdd(x, eye, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Inverse(const TesTensor x[], TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Shifted(x[0], y));
  PetscCall(TesInverse(*y, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

APPLY(Determinant, TesDeterminant(x[0], y))

/* eigenvalues and vectors, both used */
static PetscErrorCode SymEig(const TesTensor x[], TesTensor *y)
{
  PetscInt  n = TesTensorShape(x[0])[2];
  TesTensor c, l, v;

  PetscFunctionBegin;
  PetscCall(Shifted(x[0], &c));
  PetscCall(TesSymEig(c, &l, &v));
  PetscCall(TesReshape(l, TES_SHAPE(-1, n, 1), &l));
  PetscCall(TesConcat(2, (TesTensor[]){l, v}, 2, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

APPLY(EinsumMatrix, TesEinsum("bij,bjk->bik", x[0], x[1], y))
APPLY(EinsumTurned, TesEinsum("jib, kj -> kbi", x[0], x[1], y))
APPLY(EinsumOuter, TesEinsum("i,j->ji", x[0], x[1], y))
APPLY(EinsumSum, TesEinsum("ijk,jl->i", x[0], x[1], y))

static PetscErrorCode SmallMatricesAndEinsumPassTheGates(void)
{
  static const GateCase gates[] = {
    {"inverse 1", Inverse, 1, {{3, 1, 1, -1}}, -0.5, 0.5, NO, NO},
    {"inverse 2", Inverse, 1, {{3, 2, 2, -1}}, -0.5, 0.5, NO, NO},
    {"inverse 3", Inverse, 1, {{3, 3, 3, -1}}, -0.5, 0.5, NO, NO},
    {"determinant 1", Determinant, 1, {{3, 1, 1, -1}}, -2, 2, NO, NO},
    {"determinant 2", Determinant, 1, {{3, 2, 2, -1}}, -2, 2, NO, NO},
    {"determinant 3", Determinant, 1, {{3, 3, 3, -1}}, -2, 2, NO, NO},
    {"symeig 2", SymEig, 1, {{3, 2, 2, -1}}, -0.3, 0.3, NO, YES},
    {"symeig 3", SymEig, 1, {{3, 3, 3, -1}}, -0.3, 0.3, NO, YES},
    {"einsum, batches", EinsumMatrix, 2, {{2, 3, 4, -1}, {2, 4, 5, -1}}, -2, 2, YES, NO},
    {"einsum, turned", EinsumTurned, 2, {{4, 3, 2, -1}, {5, 4, -1}}, -2, 2, YES, NO},
    {"einsum, outer", EinsumOuter, 2, {{4, -1}, {5, -1}}, -2, 2, YES, NO},
    {"einsum, sums", EinsumSum, 2, {{2, 3, 4, -1}, {3, 5, -1}}, -2, 2, YES, NO},
    GATE_CASES_END,
  };

  PetscFunctionBegin;
  PetscCall(TensorGates(gates));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* "jib,kj->kbi" against its sum */
static PetscErrorCode EinsumIsTheSumThatItNames(void)
{
  TesDraw   draw = {.seed = 9};
  TesTape   tape;
  TesTensor a, b, y;
  PetscReal va[24], vb[20], vy[30];

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(TesRandomTensor(tape, TES_F64, TES_SHAPE(4, 3, 2), PETSC_TRUE, &draw, &a));
  draw.counter = 1;
  PetscCall(TesRandomTensor(tape, TES_F64, TES_SHAPE(5, 4), PETSC_TRUE, &draw, &b));
  PetscCall(TesEinsum("jib,kj->kbi", a, b, &y));
  PetscCall(TesTensorGet(a, va));
  PetscCall(TesTensorGet(b, vb));
  PetscCall(TesTensorGet(y, vy));
  for (int k = 0; k < 5; k++)
    for (int q = 0; q < 2; q++)
      for (int i = 0; i < 3; i++) {
        PetscReal s = 0;

        for (int j = 0; j < 4; j++) s += va[(j * 3 + i) * 2 + q] * vb[k * 4 + j];
        TES_CHECK_NEAR(vy[(k * 2 + q) * 3 + i], s, 1e-14);
      }
  TES_CHECK_FAILS(TesEinsum("ij,jk", a, b, &y), PETSC_ERR_ARG_WRONG);
  TES_CHECK_FAILS(TesEinsum("iij,jk->ik", a, b, &y), PETSC_ERR_ARG_WRONG);
  TES_CHECK_FAILS(TesEinsum("ijk,ij->k", a, b, &y), PETSC_ERR_ARG_SIZ);
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* equal eigenvalues: finite gradients, and the event is counted */
static PetscErrorCode EqualEigenvaluesAreBoundedAndCounted(void)
{
  const PetscReal eye[9] = {2, 0, 0, 0, 2, 0, 0, 0, 5};
  TesTape         tape;
  TesTensor       x, l, v, s, g;
  PetscReal       got[9];

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(TesTensorFrom(tape, TES_F64, TES_SHAPE(1, 3, 3), eye, &x));
  PetscCall(TesTensorVariable(x));
  PetscCall(TesSymEig(x, &l, &v));
  PetscCall(TesSum(v, TES_ALL_AXES, PETSC_FALSE, &s));
  PetscCall(TesGradients(s, NULL, 1, &x, PETSC_FALSE, &g));
  PetscCall(TesTensorGet(g, got));
  for (int i = 0; i < 9; i++) TES_CHECK(isfinite(got[i]));
  TES_CHECK_INT(TesTapeEigGaps(tape), 1);
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(IndexedOperationsPassTheGates),
  TES_TEST(EmptySegmentsAreZeroAndIndicesAreChecked),
  TES_TEST(ConvolutionTripleIsConsistent),
  TES_TEST(ConvolutionsInOneAndThreeDimensionsPassTheGates),
  TES_TEST(GridTransfersPassTheGates),
  TES_TEST(SpectraPassTheGatesForEvenAndOddLengths),
  TES_TEST(TransformsAreTheSumsAndInverseToEachOther),
  TES_TEST(SmallMatricesAndEinsumPassTheGates),
  TES_TEST(EinsumIsTheSumThatItNames),
  TES_TEST(EqualEigenvaluesAreBoundedAndCounted),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
