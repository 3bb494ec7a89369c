/* Layers: parameter counts, values against loops written out, and the V-cycle as classical multigrid. */
#include <math.h>
#include <string.h>
#include <tessera/tensor_layers.h>
#include <tessera/test.h>

/* parameters and a tape for them */
static PetscErrorCode Ready(TesParameters p, TesTape *tape)
{
  PetscFunctionBegin;
  PetscCall(TesParametersSetUp(p, TES_F64, 5));
  PetscCall(TesTapeCreate(&(TesTapeOptions){.type = TES_F64, .arena_mib = 256}, p, tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Done(TesParameters *p, TesTape *tape)
{
  PetscFunctionBegin;
  PetscCall(TesTapeDestroy(tape));
  PetscCall(TesParametersDestroy(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* values of a parameter, to read or to set */
static PetscReal *Values(TesParameters p, const char name[])
{
  PetscInt64 first = 0;

  if (TesParametersFind(p, name) < 0) return NULL;
  if (TesParametersInfo(p, TesParametersFind(p, name), NULL, &first, NULL, NULL, NULL)) return NULL;
  return TesParametersValues(p) + first;
}

/* gradient of sum(y^2) with respect to all parameters against differences along a direction */
static PetscErrorCode CheckParameterGradient(TesParameters p, TesTape tape, PetscErrorCode (*apply)(TesTape, void *, TesTensor *), void *ctx)
{
  const PetscReal h = 1e-6;
  PetscInt64      n = TesParametersSize(p);
  PetscReal      *x = TesParametersValues(p), *g, *v, slope = 0, norm = 0, loss[2];

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(n, &g, n, &v));
  for (PetscInt64 i = 0; i < n; i++) v[i] = sin(1.0 + 7.0 * (PetscReal)i);
  for (int side = 0; side < 3; side++) {
    TesTensor y, l;

    if (side < 2)
      for (PetscInt64 i = 0; i < n; i++) x[i] += (side ? -h : h) * v[i];
    PetscCall(TesTapeReset(tape, 0));
    PetscCall(apply(tape, ctx, &y));
    PetscCall(TesDot(y, y, &l));
    if (side < 2) {
      PetscCall(TesTensorScalar(l, &loss[side]));
      for (PetscInt64 i = 0; i < n; i++) x[i] -= (side ? -h : h) * v[i];
    } else {
      PetscCall(TesParametersGradient(l, g));
    }
  }
  for (PetscInt64 i = 0; i < n; i++) {
    slope += g[i] * v[i];
    norm += g[i] * g[i];
  }
  TES_CHECK_NEAR((loss[0] - loss[1]) / (2 * h), slope, 1e-7 * (1 + sqrt(norm) * sqrt((PetscReal)n)));
  PetscCall(PetscFree2(g, v));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- gated recurrent unit, against the recursion ---- */

typedef struct {
  TesGRU            gru;
  TesAttentionLayer attention;
  TesEmbedding      embedding;
  TesNormLayer      norm;
  TesConvLayer      conv, back;
  TesIndex          tokens;
} Layers;

static PetscErrorCode Input(TesTape tape, PetscInt n_axes, const PetscInt shape[], TesTensor *x)
{
  TesDraw draw = {.seed = 8};

  PetscFunctionBegin;
  PetscCall(TesRandomTensor(tape, TES_F64, n_axes, shape, PETSC_TRUE, &draw, x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ApplyGRU(TesTape tape, void *ctx, TesTensor *y)
{
  TesTensor x;

  PetscFunctionBegin;
  PetscCall(Input(tape, TES_SHAPE(2, 4, 3), &x));
  PetscCall(TesGRUApply(tape, &((Layers *)ctx)->gru, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscReal Sigmoid(PetscReal x) { return 1 / (1 + exp(-x)); }

static PetscErrorCode RecurrentUnitFollowsItsRecursion(void)
{
  enum { b = 2, t = 4, in = 3, w = 5 };
  TesParameters p;
  TesTape       tape;
  Layers        l;
  TesTensor     x, y;
  PetscReal     vx[b * t * in], vy[b * t * w];

  PetscFunctionBegin;
  PetscCall(TesParametersCreate(&p));
  PetscCall(TesGRUDeclare(p, "gru", in, w, &l.gru));
  PetscCall(Ready(p, &tape));
  TES_CHECK_INT(TesParametersSize(p), 3 * w * in + 3 * w + 3 * w * w + w);
  PetscCall(Input(tape, TES_SHAPE(b, t, in), &x));
  PetscCall(TesGRUApply(tape, &l.gru, x, &y));
  PetscCall(TesTensorGet(x, vx));
  PetscCall(TesTensorGet(y, vy));
  for (int q = 0; q < b; q++) {
    const PetscReal *W = Values(p, "gru/input/weight"), *B = Values(p, "gru/input/bias"), *U = Values(p, "gru/state/weight"), *c = Values(p, "gru/state/bias");
    PetscReal        h[w] = {0}, next[w];

    for (int k = 0; k < t; k++) {
      for (int i = 0; i < w; i++) {
        PetscReal a[3], s[3], r, u;

        for (int gate = 0; gate < 3; gate++) {
          a[gate] = B[gate * w + i];
          s[gate] = 0;
          for (int j = 0; j < in; j++) a[gate] += W[(gate * w + i) * in + j] * vx[(q * t + k) * in + j];
          for (int j = 0; j < w; j++) s[gate] += U[(gate * w + i) * w + j] * h[j];
        }
        r       = Sigmoid(a[0] + s[0]);
        u       = Sigmoid(a[1] + s[1]);
        next[i] = (1 - u) * tanh(a[2] + r * (s[2] + c[i])) + u * h[i];
      }
      for (int i = 0; i < w; i++) {
        h[i] = next[i];
        TES_CHECK_NEAR(vy[(q * t + k) * w + i], h[i], 1e-14);
      }
    }
  }
  PetscCall(CheckParameterGradient(p, tape, ApplyGRU, &l));
  PetscCall(Done(&p, &tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- attention, against sums ---- */

static PetscErrorCode ApplyAttention(TesTape tape, void *ctx, TesTensor *y)
{
  TesTensor x;

  PetscFunctionBegin;
  PetscCall(Input(tape, TES_SHAPE(2, 5, 6), &x));
  PetscCall(TesAttentionApply(tape, &((Layers *)ctx)->attention, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Affine(const PetscReal *w, const PetscReal *b, int n, const PetscReal *x, PetscReal *y)
{
  for (int i = 0; i < n; i++) {
    y[i] = b[i];
    for (int j = 0; j < n; j++) y[i] += w[i * n + j] * x[j];
  }
}

static PetscErrorCode AttentionLayerIsTheSumThatItStandsFor(void)
{
  enum { b = 2, t = 5, w = 6, heads = 3, d = 2 };
  PetscFunctionBegin;
  for (int causal = 0; causal < 2; causal++) {
    TesParameters p;
    TesTape       tape;
    Layers        l;
    TesTensor     x, y;
    PetscReal     vx[b * t * w], vy[b * t * w];

    PetscCall(TesParametersCreate(&p));
    PetscCall(TesAttentionDeclare(p, "attention", w, heads, causal ? PETSC_TRUE : PETSC_FALSE, &l.attention));
    PetscCall(Ready(p, &tape));
    TES_CHECK_INT(TesParametersSize(p), 4 * (w * w + w));
    PetscCall(Input(tape, TES_SHAPE(b, t, w), &x));
    PetscCall(TesAttentionApply(tape, &l.attention, x, &y));
    PetscCall(TesTensorGet(x, vx));
    PetscCall(TesTensorGet(y, vy));
    for (int n = 0; n < b; n++) {
      PetscReal q[t][w], k[t][w], v[t][w];

      for (int i = 0; i < t; i++) {
        Affine(Values(p, "attention/query/weight"), Values(p, "attention/query/bias"), w, vx + (n * t + i) * w, q[i]);
        Affine(Values(p, "attention/key/weight"), Values(p, "attention/key/bias"), w, vx + (n * t + i) * w, k[i]);
        Affine(Values(p, "attention/value/weight"), Values(p, "attention/value/bias"), w, vx + (n * t + i) * w, v[i]);
      }
      for (int i = 0; i < t; i++) {
        PetscReal context[w], out[w];

        for (int h = 0; h < heads; h++) {
          PetscReal total = 0, sum[d] = {0};

          for (int j = 0; j < (causal ? i + 1 : t); j++) {
            PetscReal s = 0, e;

            for (int c = 0; c < d; c++) s += q[i][h * d + c] * k[j][h * d + c];
            e = exp(s / sqrt((PetscReal)d));
            total += e;
            for (int c = 0; c < d; c++) sum[c] += e * v[j][h * d + c];
          }
          for (int c = 0; c < d; c++) context[h * d + c] = sum[c] / total;
        }
        Affine(Values(p, "attention/out/weight"), Values(p, "attention/out/bias"), w, context, out);
        for (int c = 0; c < w; c++) TES_CHECK_NEAR(vy[(n * t + i) * w + c], out[c], 1e-14);
      }
    }
    PetscCall(CheckParameterGradient(p, tape, ApplyAttention, &l));
    PetscCall(Done(&p, &tape));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- embedding, layer normalisation, convolutions with every boundary, in one network ---- */

static PetscErrorCode ApplyMixture(TesTape tape, void *ctx, TesTensor *y)
{
  const Layers *l = ctx;
  TesTensor     x;

  PetscFunctionBegin;
  PetscCall(TesEmbeddingApply(tape, &l->embedding, l->tokens, &x));
  PetscCall(TesReshape(x, TES_SHAPE(2, 6, 6, 3), &x));
  PetscCall(TesNormApply(tape, &l->norm, x, &x));
  PetscCall(TesConvApply(tape, &l->conv, x, NULL, &x));
  PetscCall(TesConvApply(tape, &l->back, x, (const PetscInt[]){6, 6}, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MixedLayersHaveTheirGradients(void)
{
  PetscInt token[72];

  PetscFunctionBegin;
  for (int i = 0; i < 72; i++) token[i] = (i * i + 3) % 7;
  for (int mode = TES_PAD_ZERO; mode <= TES_PAD_ODD; mode++) {
    const TesConvSpec spec = {.d = 2, .stride = {2, 2}, .low = {1, 1}, .high = {1, 1}};
    TesParameters     p;
    TesTape           tape;
    Layers            l;

    PetscCall(TesIndexCreate(72, token, 7, &l.tokens));
    PetscCall(TesParametersCreate(&p));
    PetscCall(TesEmbeddingDeclare(p, "tokens", 7, 3, &l.embedding));
    PetscCall(TesNormDeclare(p, "norm", 3, 1, (const PetscInt[]){3}, &l.norm));
    PetscCall(TesConvDeclare(p, "down", &spec, (const PetscInt[]){4, 4}, (TesPadMode)mode, 3, 5, PETSC_TRUE, &l.conv));
    PetscCall(TesConvTransposedDeclare(p, "up", &spec, (const PetscInt[]){4, 4}, 5, 2, PETSC_TRUE, &l.back));
    PetscCall(Ready(p, &tape));
    TES_CHECK_INT(TesParametersSize(p), 21 + 6 + (16 * 3 * 5 + 5) + (16 * 5 * 2 + 2));
    PetscCall(CheckParameterGradient(p, tape, ApplyMixture, &l));
    PetscCall(Done(&p, &tape));
    PetscCall(TesIndexDestroy(&l.tokens));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- V-cycle ---- */

/* published counts of networks of T V-cycles with 1 x 1 skips and a head, less the 4-point kernel of P (reference transfers: R, Pi of 3 points, P of 4 or 3) */
static PetscErrorCode VCycleParameterCounts(void)
{
  /* all transfers with 4 points: each level has c_f^2 16 + c^2 16 + c^2 16 where the reference has c_f^2 9 + c^2 9 + c^2 16 */
  const PetscInt c = 24, levels = 6;
  PetscInt64     total = 0;
  TesVCycleSpec  spec = {.d = 2, .levels = levels, .channels = c, .pre = {1, 1, 1, 1, 1, 2}, .transfer = 4, .transfer_low = 1};

  PetscFunctionBegin;
  for (int layer = 0; layer < 4; layer++) {
    TesParameters p;
    TesVCycle     cycle;

    spec.in = layer ? c : 1;
    PetscCall(TesParametersCreate(&p));
    PetscCall(TesVCycleDeclare(p, "w", &spec, &cycle));
    total += TesParametersSize(p) - (levels - 1) * 7 * (spec.in * spec.in + c * c);
    total += spec.in * c + c; /* the skip */
    PetscCall(TesParametersDestroy(&p));
  }
  TES_CHECK_INT(total + c, 572661); /* and the head */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Stencil(PetscReal *w, const PetscReal s[9])
{
  if (w) memcpy(w, s, 9 * sizeof *w);
}

/* largest |eigenvalue| of e <- e - W A e by power iteration */
static PetscErrorCode ErrorFactor(PetscInt n, PetscInt levels, PetscInt pre, PetscInt post, PetscReal omega, PetscReal *factor)
{
  const PetscReal a[9] = {-1 / 3.0, -1 / 3.0, -1 / 3.0, -1 / 3.0, 8 / 3.0, -1 / 3.0, -1 / 3.0, -1 / 3.0, -1 / 3.0};
  const PetscReal s[9] = {0, 0, 0, 0, 3 * omega / 8, 0, 0, 0, 0}, t[9] = {0.25, 0.5, 0.25, 0.5, 1, 0.5, 0.25, 0.5, 0.25};
  TesVCycleSpec   spec = {.d = 2, .levels = levels, .in = 1, .channels = 1, .transfer = 3, .transfer_low = 0, .restrict_residual = PETSC_TRUE, .mode = TES_PAD_ZERO};
  TesConvSpec     conv = {.d = 2, .low = {1, 1}, .high = {1, 1}};
  TesVCycle       cycle;
  TesParameters   p;
  TesTape         tape;
  PetscReal      *e, previous = 0, norm = 0;
  TesTensor       x, w, y, stencil;

  PetscFunctionBegin;
  for (PetscInt l = 0; l < levels; l++) {
    spec.pre[l]  = pre;
    spec.post[l] = post;
  }
  spec.pre[levels - 1]  = 4;
  spec.post[levels - 1] = 0;
  PetscCall(TesParametersCreate(&p));
  PetscCall(TesVCycleDeclare(p, "w", &spec, &cycle));
  PetscCall(Ready(p, &tape));
  memset(TesParametersValues(p), 0, sizeof(PetscReal) * (size_t)TesParametersSize(p)); /* Pi = 0 */
  for (PetscInt l = 0; l < levels; l++) {
    char      name[64];
    PetscReal chebyshev[4] = {omega, omega, omega, omega};

    /* the coarsest level: Jacobi with steps at the Chebyshev points of [0.39, 1.26], which holds the spectrum 0.396 .. 1.25 of D^-1 A at 3 x 3 points; four of
       them leave 1 / T_4(0.825 / 0.435) = 1.3e-2 of the error, so the cycle has the factor of an exact coarse solve to the tolerance of the test */
    for (int k = 0; k < 4; k++) chebyshev[k] = 1 / (0.825 + 0.435 * cos(PETSC_PI * (2 * k + 1) / 8));
    for (PetscInt i = 0; i < spec.pre[l] + spec.post[l]; i++) {
      PetscReal smoother[9];

      memcpy(smoother, s, sizeof s);
      if (l == levels - 1) smoother[4] = 3 / 8.0 * chebyshev[i];
      (void)snprintf(name, sizeof name, "w/S%d/%d/weight", (int)l, (int)i);
      Stencil(Values(p, name), smoother);
      (void)snprintf(name, sizeof name, "w/A%d/%d/weight", (int)l, (int)i);
      Stencil(Values(p, name), a);
    }
    (void)snprintf(name, sizeof name, "w/R%d/weight", (int)l);
    Stencil(Values(p, name), t);
    (void)snprintf(name, sizeof name, "w/P%d/weight", (int)l);
    Stencil(Values(p, name), t);
    (void)snprintf(name, sizeof name, "w/Ar%d/0/weight", (int)l);
    Stencil(Values(p, name), a);
  }
  PetscCall(TesParametersChanged(p));
  PetscCall(PetscMalloc1(n * n, &e));
  for (PetscInt i = 0; i < n * n; i++) e[i] = sin(1.0 + 0.7 * (PetscReal)(i * i % 1009));
  for (int k = 0; k < 40; k++) {
    PetscCall(TesTapeReset(tape, k));
    PetscCall(TesTapeSetRecording(tape, PETSC_FALSE, NULL));
    PetscCall(TesTensorFrom(tape, TES_F64, TES_SHAPE(3, 3, 1, 1), a, &stencil));
    PetscCall(TesTensorFrom(tape, TES_F64, TES_SHAPE(1, n, n, 1), e, &x));
    PetscCall(TesConvolve(&conv, x, stencil, &y));
    PetscCall(TesVCycleApply(tape, &cycle, y, &w));
    PetscCall(TesSubtract(x, w, &y));
    PetscCall(TesTensorGet(y, e));
    previous = norm;
    norm     = 0;
    for (PetscInt i = 0; i < n * n; i++) norm += e[i] * e[i];
    norm = sqrt(norm);
  }
  *factor = norm / previous;
  PetscCall(PetscFree(e));
  PetscCall(Done(&p, &tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* factors measured with an independent program: 63^2 and 127^2, nu = (1,0), (1,0), (2,0), (1,1) */
static PetscErrorCode VCycleIsMultigrid(void)
{
  static const struct {
    PetscInt  pre, post;
    PetscReal omega, at63, at127;
  } cases[] = {{1, 0, 0.75, 0.432, 0.432}, {1, 0, 8 / 9.0, 0.330, 0.329}, {2, 0, 8 / 9.0, 0.184, 0.184}, {1, 1, 0.75, 0.219, 0.221}};
  PetscReal factor;

  PetscFunctionBegin;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    PetscCall(ErrorFactor(63, 5, cases[i].pre, cases[i].post, cases[i].omega, &factor));
    TES_CHECK_NEAR(factor, cases[i].at63, 0.005);
    if (i > 1) continue;
    PetscCall(ErrorFactor(127, 6, cases[i].pre, cases[i].post, cases[i].omega, &factor));
    TES_CHECK_NEAR(factor, cases[i].at127, 0.005);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static TesVCycle gradient_cycle;

static PetscErrorCode ApplyVCycle(TesTape tape, void *ctx, TesTensor *y)
{
  const TesVCycle *cycle = ctx;
  TesTensor        x;

  PetscFunctionBegin;
  PetscCall(Input(tape, TES_SHAPE(2, 8, 8, cycle->spec.in), &x));
  PetscCall(TesVCycleApply(tape, cycle, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode VCycleGradientsForBothCoarseProblems(void)
{
  PetscFunctionBegin;
  for (int residual = 0; residual < 2; residual++) {
    TesVCycleSpec spec = {.d = 2, .levels = 3, .in = 2, .channels = 3, .pre = {1, 2, 1}, .post = {1, 0, 0}, .transfer = 4, .transfer_low = 1,
                          .restrict_residual = residual ? PETSC_TRUE : PETSC_FALSE, .bias = PETSC_TRUE, .mode = residual ? TES_PAD_CIRCULAR : TES_PAD_SYMMETRIC};
    TesParameters p;
    TesTape       tape;

    PetscCall(TesParametersCreate(&p));
    PetscCall(TesVCycleDeclare(p, "w", &spec, &gradient_cycle));
    PetscCall(Ready(p, &tape));
    PetscCall(CheckParameterGradient(p, tape, ApplyVCycle, &gradient_cycle));
    PetscCall(Done(&p, &tape));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- parameters ---- */

static PetscErrorCode StartValuesDoNotDependOnPrecision(void)
{
  TesParameters  p[2];
  TesLinearLayer l;
  PetscReal      bound = 1 / sqrt(64.0), square = 0;

  PetscFunctionBegin;
  for (int i = 0; i < 2; i++) {
    PetscCall(TesParametersCreate(&p[i]));
    PetscCall(TesLinearDeclare(p[i], "a", 64, 100, PETSC_TRUE, &l));
    PetscCall(TesParametersSetUp(p[i], i ? TES_F32 : TES_F64, 12));
  }
  for (PetscInt64 i = 0; i < TesParametersSize(p[0]); i++) {
    PetscReal v = TesParametersValues(p[0])[i];

    TES_CHECK(v == TesParametersValues(p[1])[i] && (float)v == ((const float *)TesParametersWorking(p[1]))[i] && fabs(v) <= bound);
    square += v * v;
  }
  TES_CHECK_NEAR(square / (PetscReal)TesParametersSize(p[0]) / (bound * bound), 1 / 3.0, 0.02); /* variance of a uniform number; 6500 draws */
  PetscCall(TesParametersDestroy(&p[0]));
  PetscCall(TesParametersDestroy(&p[1]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ParametersRefuseNamesTwiceAndAdditionsTooLate(void)
{
  TesParameters p;
  PetscInt      id;

  PetscFunctionBegin;
  PetscCall(TesParametersCreate(&p));
  PetscCall(TesParametersPush(p, "layer"));
  PetscCall(TesParametersAdd(p, "w", TES_SHAPE(2, 2), TES_INIT_EYE, 3, &id));
  TES_CHECK_FAILS(TesParametersAdd(p, "w", TES_SHAPE(2), TES_INIT_ZERO, 0, &id), PETSC_ERR_ARG_WRONG);
  PetscCall(TesParametersPop(p));
  PetscCall(TesParametersSetUp(p, TES_F64, 1));
  TES_CHECK_NEAR(TesParametersValues(p)[0], 3, 0);
  TES_CHECK_NEAR(TesParametersValues(p)[1], 0, 0);
  TES_CHECK_NEAR(TesParametersValues(p)[3], 3, 0);
  TES_CHECK_INT(TesParametersFind(p, "layer/w"), 0);
  TES_CHECK_INT(TesParametersFind(p, "w"), -1);
  TES_CHECK_FAILS(TesParametersAdd(p, "v", TES_SHAPE(2), TES_INIT_ZERO, 0, &id), PETSC_ERR_ARG_WRONGSTATE);
  PetscCall(TesParametersDestroy(&p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(RecurrentUnitFollowsItsRecursion),
  TES_TEST(AttentionLayerIsTheSumThatItStandsFor),
  TES_TEST(MixedLayersHaveTheirGradients),
  TES_TEST(VCycleParameterCounts),
  TES_TEST(VCycleIsMultigrid),
  TES_TEST(VCycleGradientsForBothCoarseProblems),
  TES_TEST(StartValuesDoNotDependOnPrecision),
  TES_TEST(ParametersRefuseNamesTwiceAndAdditionsTooLate),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
