/* The tape itself: what it says when something is wrong, what it forgets, and derivatives of higher order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/tensor_ops.h>
#include <tessera/tensor_layers.h>
#include <tessera/test.h>

static PetscErrorCode Vector(TesTape tape, TesType type, PetscInt n, PetscReal first, PetscReal step, TesTensor *x)
{
  PetscReal *v;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(n, &v));
  for (PetscInt i = 0; i < n; i++) v[i] = first + step * (PetscReal)i;
  PetscCall(TesTensorFrom(tape, type, TES_SHAPE(n), v, x));
  PetscCall(PetscFree(v));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- messages ---- */

static PetscErrorCode FullArenaSaysWhatItNeeds(void)
{
  TesTape   tape;
  TesTensor x;

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(&(TesTapeOptions){.type = TES_F64, .arena_mib = 2}, NULL, &tape));
  PetscCall(TesTensorCreate(tape, TES_F64, TES_SHAPE(100, 1000), &x));
  TES_CHECK_INT(TesTensorCreate(tape, TES_F64, TES_SHAPE(1000, 1000), &x), TES_ERR_WORLD);
  TES_CHECK_CONTAINS(TesErrorMessage(), "tape needs at least 9 MiB, engine.arena_mib is 2");
  TesErrorForget();
  PetscCall(TesTapeReset(tape, 1)); /* and it is as good as new */
  PetscCall(TesTensorCreate(tape, TES_F64, TES_SHAPE(100, 1000), &x));
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* log of a negative number inside encoder/head, then more operations: the first one is named */
static PetscErrorCode Broken(TesTape tape, TesTensor x, TesTensor *loss)
{
  PetscFunctionBegin;
  PetscCall(TesTapePush(tape, "encoder"));
  PetscCall(TesTapePush(tape, "head"));
  PetscCall(TesAct(TES_ACT_LOG, x, &x));
  PetscCall(TesTapePop(tape));
  PetscCall(TesAct(TES_ACT_TANH, x, &x));
  PetscCall(TesTapePop(tape));
  PetscCall(TesSum(x, TES_ALL_AXES, PETSC_FALSE, loss));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FirstOperationThatIsNotFiniteIsNamed(void)
{
  TesTape   tape;
  TesTensor x, loss, g;

  PetscFunctionBegin;
  for (int always = 0; always < 2; always++) { /* sought afterwards, or at once */
    PetscErrorCode ierr;

    PetscCall(TesTapeCreate(&(TesTapeOptions){.type = TES_F64, .check_finite = always ? PETSC_TRUE : PETSC_FALSE}, NULL, &tape));
    PetscCall(TesTapeReset(tape, 12));
    PetscCall(Vector(tape, TES_F64, 5, 2, -1, &x)); /* 2 1 0 -1 -2: log gives -inf at 2 */
    PetscCall(TesTensorVariable(x));
    ierr = Broken(tape, x, &loss);
    if (!ierr) ierr = TesGradients(loss, NULL, 1, &x, PETSC_FALSE, &g);
    TES_CHECK_INT(ierr, TES_ERR_NUMBERS);
    TES_CHECK_CONTAINS(TesErrorMessage(), "step 12: encoder/head: `log` gave -inf at entry 2 of [5]");
    TesErrorForget();
    PetscCall(TesTapeDestroy(&tape));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AdjointThatIsNotFiniteIsNamed(void)
{
  const PetscReal values[2] = {1, 0};
  TesTape         tape;
  TesTensor       x, y, loss, g;

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(TesTapeReset(tape, 3));
  PetscCall(TesTensorFrom(tape, TES_F64, TES_SHAPE(2), values, &x));
  PetscCall(TesTensorVariable(x));
  PetscCall(TesTapePush(tape, "root"));
  PetscCall(TesActWith(TES_ACT_POW, 0.5, 1, x, &y)); /* finite, but its derivative at 0 is not */
  PetscCall(TesTapePop(tape));
  PetscCall(TesSum(y, TES_ALL_AXES, PETSC_FALSE, &loss));
  TES_CHECK_INT(TesGradients(loss, NULL, 1, &x, PETSC_FALSE, &g), TES_ERR_NUMBERS);
  TES_CHECK_CONTAINS(TesErrorMessage(), "step 3: root: `adjoint of pow` gave inf at entry 1 of [2]");
  TesErrorForget();
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WrongShapesAreSaidWithTheModule(void)
{
  TesTape   tape;
  TesTensor a, b, y;

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(Vector(tape, TES_F64, 5, 0, 1, &a));
  PetscCall(Vector(tape, TES_F64, 4, 0, 1, &b));
  PetscCall(TesTapePush(tape, "layer3"));
  TES_CHECK_INT(TesAdd(a, b, &y), PETSC_ERR_ARG_SIZ);
  TES_CHECK_CONTAINS(TesErrorMessage(), "layer3: add: shapes [5] and [4] do not broadcast");
  TesErrorForget();
  PetscCall(TesTensorZeros(tape, TES_F32, TES_SHAPE(5), &b));
  TES_CHECK_FAILS(TesAdd(a, b, &y), PETSC_ERR_ARG_INCOMP);
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- gradients ---- */

static PetscErrorCode KinksHaveTheDocumentedDerivatives(void)
{
  TesTape   tape;
  TesTensor x, y, g;
  PetscReal v[3];

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  for (int which = 0; which < 4; which++) {
    PetscCall(TesTapeReset(tape, 0));
    PetscCall(TesTensorZeros(tape, TES_F64, TES_SHAPE(3), &x));
    PetscCall(TesTensorVariable(x));
    if (which == 0) PetscCall(TesAct(TES_ACT_RELU, x, &y));
    if (which == 1) PetscCall(TesAct(TES_ACT_ABS, x, &y));
    if (which == 2) PetscCall(TesAct(TES_ACT_SQRT, x, &y));
    if (which == 3) PetscCall(TesNorm2(x, TES_AXIS(0), 0, PETSC_FALSE, &y));
    PetscCall(TesSum(y, TES_ALL_AXES, PETSC_FALSE, &y));
    PetscCall(TesGradients(y, NULL, 1, &x, PETSC_FALSE, &g));
    PetscCall(TesTensorGet(g, v));
    for (int i = 0; i < 3; i++) TES_CHECK_NEAR(v[i], 0, 0);
  }
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* y = x^3 through a shared intermediate: gradients with respect to x and to the intermediate, and of what is not reached */
static PetscErrorCode GradientsOfIntermediatesAndOfStrangers(void)
{
  TesTape   tape;
  TesTensor x, s, y, other, g[3];
  PetscReal v[3];

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(Vector(tape, TES_F64, 3, 1, 1, &x));
  PetscCall(Vector(tape, TES_F64, 3, 1, 1, &other));
  PetscCall(TesTensorVariable(x));
  PetscCall(TesTensorVariable(other));
  PetscCall(TesAct(TES_ACT_SQUARE, x, &s));
  PetscCall(TesMultiply(s, x, &y));
  PetscCall(TesSum(y, TES_ALL_AXES, PETSC_FALSE, &y));
  PetscCall(TesGradients(y, NULL, 3, (TesTensor[]){x, s, other}, PETSC_FALSE, g));
  for (int k = 0; k < 3; k++) {
    PetscCall(TesTensorGet(g[k], v));
    for (int i = 0; i < 3; i++) {
      PetscReal xi = 1 + i, want = k == 0 ? 3 * xi * xi : k == 1 ? xi : 0;

      TES_CHECK_NEAR(v[i], want, 1e-14);
    }
  }
  /* again, after the first sweep has given its memory back */
  PetscCall(TesGradients(y, NULL, 1, &x, PETSC_FALSE, g));
  PetscCall(TesTensorGet(g[0], v));
  TES_CHECK_NEAR(v[2], 27, 1e-13);
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* d^3 tanh by three sweeps, against the closed form; a fourth says what is missing */
static PetscErrorCode ThirdDerivativesByThreeSweeps(void)
{
  TesTape   tape;
  TesTensor x, y, g;
  PetscReal v;

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(Vector(tape, TES_F64, 1, 0.4, 0, &x));
  PetscCall(TesTensorVariable(x));
  PetscCall(TesAct(TES_ACT_TANH, x, &y));
  for (int k = 0; k < 3; k++) {
    PetscCall(TesGradients(y, NULL, 1, &x, PETSC_TRUE, &g));
    y = g;
  }
  PetscCall(TesTensorScalar(y, &v));
  {
    PetscReal t = tanh(0.4), s = 1 - t * t;

    TES_CHECK_NEAR(v, s * (6 * t * t - 2), 1e-14);
  }
  TES_CHECK_FAILS(TesGradients(y, NULL, 1, &x, PETSC_FALSE, &g), PETSC_ERR_SUP);
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Force training: L(w) = sum |F|^2, F = -dE/dr, E a small network of r. Double backward against the difference of parameter gradients along d = 2 F (spec, 1.1). */
static PetscErrorCode Energy(TesTensor r, TesTensor w1, TesTensor w2, TesTensor *e)
{
  PetscFunctionBegin;
  PetscCall(TesLinear(r, w1, NULL, e));
  PetscCall(TesAct(TES_ACT_SILU, *e, e));
  PetscCall(TesLinear(*e, w2, NULL, e));
  PetscCall(TesSum(*e, TES_ALL_AXES, PETSC_FALSE, e));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GradientOfForcesMatchesTheDifferenceOracle(void)
{
  const PetscInt n = 12, h = 6;
  TesDraw        draw = {.seed = 21};
  TesTape        tape;
  TesTensor      r, w1, w2, e, f, l, g[2], gp[2], gm[2], shifted;
  PetscReal      force[36], position[36], direct[18], plus[18], minus[18], top = 0, error = 0, size = 0;

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(TesRandomTensor(tape, TES_F64, TES_SHAPE(n, 3), PETSC_TRUE, &draw, &r));
  draw.counter = 1;
  PetscCall(TesRandomTensor(tape, TES_F64, TES_SHAPE(h, 3), PETSC_TRUE, &draw, &w1));
  draw.counter = 2;
  PetscCall(TesRandomTensor(tape, TES_F64, TES_SHAPE(1, h), PETSC_TRUE, &draw, &w2));
  PetscCall(TesTensorVariable(r));
  PetscCall(TesTensorVariable(w1));
  PetscCall(TesTensorVariable(w2));
  PetscCall(Energy(r, w1, w2, &e));
  PetscCall(TesGradients(e, NULL, 1, &r, PETSC_TRUE, &f));
  PetscCall(TesDot(f, f, &l));
  PetscCall(TesGradients(l, NULL, 2, (TesTensor[]){w1, w2}, PETSC_FALSE, g));
  PetscCall(TesTensorGet(g[0], direct));
  PetscCall(TesTensorGet(f, force)); /* dE/dr: the sign drops out */
  PetscCall(TesTensorGet(r, position));
  for (int i = 0; i < 36; i++) top = PetscMax(top, 2 * fabs(force[i]));
  for (int side = 0; side < 2; side++) {
    PetscReal eps = (side ? -1 : 1) * 1e-4 / top, moved[36];

    for (int i = 0; i < 36; i++) moved[i] = position[i] + eps * 2 * force[i];
    PetscCall(TesTensorFrom(tape, TES_F64, TES_SHAPE(n, 3), moved, &shifted));
    PetscCall(Energy(shifted, w1, w2, &e));
    PetscCall(TesGradients(e, NULL, 2, (TesTensor[]){w1, w2}, PETSC_FALSE, side ? gm : gp));
  }
  PetscCall(TesTensorGet(gp[0], plus));
  PetscCall(TesTensorGet(gm[0], minus));
  for (int i = 0; i < 18; i++) {
    PetscReal want = (plus[i] - minus[i]) / (2e-4 / top);

    error = PetscMax(error, fabs(direct[i] - want));
    size  = PetscMax(size, fabs(want));
  }
  TES_CHECK_AT_MOST(error / size, 1e-7);
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- operations of one's own ---- */

/* y = x^2, by hand, with a kernel for the adjoint only */
static PetscErrorCode OwnRaw(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const double *x = TesTensorData(node->in[0]), *v = TesTensorData(g);
  double       *out;

  PetscFunctionBegin;
  PetscCall(TesTensorCreate(node->tape, TES_F64, TesTensorAxes(g), TesTensorShape(g), &gin[0]));
  out = TesTensorData(gin[0]);
  for (PetscInt64 i = 0; i < TesTensorSize(g); i++) out[i] = *(const double *)node->attributes * x[i] * v[i];
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp own_op = {"own_square", NULL, OwnRaw};

static PetscErrorCode OwnOperationsPlugIn(void)
{
  const double two = 2;
  TesTape      tape;
  TesTensor    x, y, s, g;
  PetscReal    v[3];

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(Vector(tape, TES_F64, 3, 1, 1, &x));
  PetscCall(TesTensorVariable(x));
  PetscCall(TesTensorCreate(tape, TES_F64, TES_SHAPE(3), &y));
  for (int i = 0; i < 3; i++) ((double *)TesTensorData(y))[i] = (1 + i) * (1 + i);
  PetscCall(TesTapeRecord(&own_op, 1, &x, 0, NULL, &two, sizeof two, y));
  PetscCall(TesSum(y, TES_ALL_AXES, PETSC_FALSE, &s));
  PetscCall(TesGradients(s, NULL, 1, &x, PETSC_FALSE, &g));
  PetscCall(TesTensorGet(g, v));
  for (int i = 0; i < 3; i++) TES_CHECK_NEAR(v[i], 2 * (1 + i), 0);
  TES_CHECK_INT(TesGradients(s, NULL, 1, &x, PETSC_TRUE, &g), PETSC_ERR_SUP);
  TES_CHECK_CONTAINS(TesErrorMessage(), "own_square has a first derivative only");
  TesErrorForget();
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* y = <c, x>: the adjoint is c itself, once kept by the operation; a sweep must not add into it nor give it away */
static PetscErrorCode FixedRaw(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  (void)g;
  gin[0] = node->saved[0];
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp fixed_op = {"fixed", NULL, FixedRaw};

static PetscErrorCode KeptTensorsSurviveBeingAdjoints(void)
{
  TesTape   tape;
  TesTensor x, c, y, z, s, g;
  PetscReal v[3];

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(Vector(tape, TES_F64, 3, 1, 1, &x));
  PetscCall(Vector(tape, TES_F64, 3, 10, 10, &c));
  PetscCall(TesTensorVariable(x));
  PetscCall(TesDot(x, x, &z));
  PetscCall(TesTensorConstant(tape, TES_F64, 0, NULL, 140, &y));
  PetscCall(TesTapeRecord(&fixed_op, 1, &x, 1, &c, NULL, 0, y)); /* the last one: it is visited first */
  PetscCall(TesAdd(z, y, &s));
  for (int again = 0; again < 3; again++) {
    PetscCall(TesGradients(s, NULL, 1, &x, PETSC_FALSE, &g));
    PetscCall(TesTensorGet(g, v));
    for (int i = 0; i < 3; i++) TES_CHECK_NEAR(v[i], 12 * (1 + i), 0);
    PetscCall(TesTensorGet(c, v));
    for (int i = 0; i < 3; i++) TES_CHECK_NEAR(v[i], 10 * (1 + i), 0);
  }
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- memory ---- */

static PetscErrorCode SweepsGiveMemoryBackAndRewindForgets(void)
{
  TesTape   tape;
  TesTensor x, y, s, g;
  size_t    mark, before, after, peak;

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(Vector(tape, TES_F64, 10000, 0, 1e-4, &x));
  PetscCall(TesTensorVariable(x));
  y = x;
  for (int i = 0; i < 40; i++) PetscCall(TesAct(TES_ACT_TANH, y, &y));
  PetscCall(TesSum(y, TES_ALL_AXES, PETSC_FALSE, &s));
  TesTapeUsage(tape, &before, NULL);
  PetscCall(TesTapeMark(tape, &mark));
  PetscCall(TesGradients(s, NULL, 1, &x, PETSC_FALSE, &g));
  TesTapeUsage(tape, &after, &peak);
  TES_CHECK_AT_MOST((double)(after - before), 5 * 80000.0); /* a chain of 40: the adjoints of three places at a time, and nodes */
  PetscCall(TesTapeRewind(tape, mark));
  TesTapeUsage(tape, &after, NULL);
  TES_CHECK_INT(after, before);
  PetscCall(TesGradients(s, NULL, 1, &x, PETSC_FALSE, &g)); /* what came before the mark is whole */
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  TesLinearLayer layer[6];
} Stack;

static PetscErrorCode StackPart(TesTape tape, const TesTensor in[], void *ctx, TesTensor *out)
{
  const Stack *s = ctx;

  PetscFunctionBegin;
  *out = in[0];
  for (int i = 0; i < 3; i++) {
    PetscCall(TesLinearApply(tape, &s->layer[i], *out, out));
    PetscCall(TesAct(TES_ACT_GELU, *out, out));
    PetscCall(TesMultiply(*out, in[1], out));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RecomputedSegmentsGiveTheSameBitsWithLessMemory(void)
{
  const PetscInt n = 16, rows = 512;
  TesDraw        draw = {.seed = 4};
  TesParameters  p;
  TesTape        tape;
  Stack          stack;
  PetscReal     *g[2], loss[2];
  size_t         used[2];

  PetscFunctionBegin;
  PetscCall(TesParametersCreate(&p));
  for (int i = 0; i < 3; i++) PetscCall(TesLinearDeclare(p, i == 0 ? "a" : i == 1 ? "b" : "c", n, n, PETSC_TRUE, &stack.layer[i]));
  PetscCall(TesParametersSetUp(p, TES_F64, 7));
  PetscCall(PetscMalloc2(TesParametersSize(p), &g[0], TesParametersSize(p), &g[1]));
  for (int again = 0; again < 2; again++) {
    TesTensor in[2], y, l;

    PetscCall(TesTapeCreate(NULL, p, &tape));
    PetscCall(TesRandomTensor(tape, TES_F64, TES_SHAPE(rows, n), PETSC_TRUE, &draw, &in[0]));
    PetscCall(TesTensorConstant(tape, TES_F64, TES_SHAPE(n), 0.9, &in[1]));
    y = in[0];
    for (int part = 0; part < 4; part++) { /* the same weights four times: parameters gather gradients of all of them */
      in[0] = y;
      if (again) PetscCall(TesCheckpoint(tape, StackPart, &stack, 2, in, &y));
      else PetscCall(StackPart(tape, in, &stack, &y));
    }
    PetscCall(TesAct(TES_ACT_SQUARE, y, &l));
    PetscCall(TesSum(l, TES_ALL_AXES, PETSC_FALSE, &l));
    PetscCall(TesTensorScalar(l, &loss[again]));
    PetscCall(TesParametersGradient(l, g[again]));
    TesTapeUsage(tape, NULL, &used[again]);
    PetscCall(TesTapeDestroy(&tape));
  }
  TES_CHECK(loss[0] == loss[1]);
  /* sums of the four uses are added in another order: inside a segment first */
  for (PetscInt64 i = 0; i < TesParametersSize(p); i++) TES_CHECK_NEAR(g[1][i], g[0][i], 1e-13 * (1 + fabs(g[0][i])));
  TES_CHECK_AT_MOST((double)used[1] / (double)used[0], 0.6);
  PetscCall(PetscFree2(g[0], g[1]));
  PetscCall(TesParametersDestroy(&p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a chunk without rows goes through a network like any other, and its gradients are zero */
static PetscErrorCode EmptyTensorsPassThrough(void)
{
  const PetscInt none[1] = {0};
  TesTape        tape;
  TesIndex       nothing;
  TesTensor      x, w, b, k, y, s, g[3];
  PetscReal      v[64], value;

  PetscFunctionBegin;
  PetscCall(TesIndexCreate(0, none, 4, &nothing));
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(TesTensorZeros(tape, TES_F64, TES_SHAPE(0, 4), &x));
  PetscCall(TesTensorConstant(tape, TES_F64, TES_SHAPE(4, 4), 0.5, &w));
  PetscCall(TesTensorConstant(tape, TES_F64, TES_SHAPE(4), 0.5, &b));
  PetscCall(TesTensorConstant(tape, TES_F64, TES_SHAPE(3, 1, 4), 0.5, &k));
  PetscCall(TesTensorVariable(w));
  PetscCall(TesTensorVariable(b));
  PetscCall(TesTensorVariable(k));
  PetscCall(TesLinear(x, w, b, &y));
  PetscCall(TesSoftmax(y, 1, &y));
  PetscCall(TesAct(TES_ACT_GELU, y, &y));
  PetscCall(TesReshape(y, TES_SHAPE(0, 4, 1), &y));
  PetscCall(TesConvolve(&(TesConvSpec){.d = 1, .low = {1}, .high = {1}}, y, k, &y));
  PetscCall(TesReshape(y, TES_SHAPE(0, 16), &y));
  PetscCall(TesPermute(y, (const PetscInt[]){1, 0}, &y));
  PetscCall(TesPad(y, 0, 1, 1, TES_PAD_ZERO, &y));
  PetscCall(TesSum(y, TES_ALL_AXES, PETSC_FALSE, &s));
  PetscCall(TesTensorScalar(s, &value));
  TES_CHECK_NEAR(value, 0, 0);
  PetscCall(TesGradients(s, NULL, 3, (TesTensor[]){w, b, k}, PETSC_FALSE, g));
  for (int i = 0; i < 3; i++) {
    PetscCall(TesTensorGet(g[i], v));
    for (PetscInt64 j = 0; j < TesTensorSize(g[i]); j++) TES_CHECK_NEAR(v[j], 0, 0);
  }
  PetscCall(TesGather(w, nothing, &y));
  TES_CHECK_INT(TesTensorSize(y), 0);
  PetscCall(TesScatterAdd(y, nothing, &y));
  TES_CHECK_INT(TesTensorShape(y)[0], 4);
  PetscCall(TesMatMul(PETSC_FALSE, PETSC_FALSE, 1, x, w, &y));
  TES_CHECK_INT(TesTensorShape(y)[0], 0);
  PetscCall(TesMatMul(PETSC_TRUE, PETSC_FALSE, 1, x, x, &y)); /* an inner length of 0: zeros */
  PetscCall(TesTensorGet(y, v));
  for (int i = 0; i < 16; i++) TES_CHECK_NEAR(v[i], 0, 0);
  PetscCall(TesTapeDestroy(&tape));
  PetscCall(TesIndexDestroy(&nothing));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- kernels: accuracy against libm, and no dependence on the place in an array or (to rounding) on the instruction set ---- */

static double Reference(int kind, double x)
{
  switch (kind) {
  case TES_ACT_EXP: return exp(x);
  case TES_ACT_GELU: return x * 0.5 * erfc(-x / sqrt(2));
  case TES_ACT_TANH: return tanh(x);
  case TES_ACT_SIGMOID: return 1 / (1 + exp(-x));
  default: return x / (1 + exp(-x));
  }
}

static PetscErrorCode FastFunctionsAreAccurate(void)
{
  const int kinds[] = {TES_ACT_EXP, TES_ACT_GELU, TES_ACT_TANH, TES_ACT_SIGMOID, TES_ACT_SILU};
  TesTape   tape;

  PetscFunctionBegin;
  for (int isa = 0; isa < 3; isa++) { /* what the CPU has not, falls back to what it has */
    PetscCheck(!(isa == 2 ? unsetenv("TES_ISA") : setenv("TES_ISA", isa ? "x86-64-v3" : "baseline", 1)), PETSC_COMM_SELF, PETSC_ERR_SYS, "setenv");
    PetscCall(TesTapeCreate(NULL, NULL, &tape));
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
      for (int single = 0; single < 2; single++) {
        const PetscInt n     = 20011;
        const double   eps   = single ? 1.2e-7 : 2.3e-16;
        double         worst = 0;
        TesTensor      x, y;
        PetscReal     *vx, *vy;

        PetscCall(TesTapeReset(tape, 0));
        PetscCall(PetscMalloc2(n, &vx, n, &vy));
        PetscCall(Vector(tape, single ? TES_F32 : TES_F64, n, -20, 40.0 / n, &x));
        PetscCall(TesAct((TesActKind)kinds[k], x, &y));
        PetscCall(TesTensorGet(x, vx));
        PetscCall(TesTensorGet(y, vy));
        for (PetscInt i = 0; i < n; i++) {
          double want = Reference(kinds[k], vx[i]);

          /* exp, tanh, sigmoid relative; gelu and silu relative to max(1, |x|): they multiply a bounded function by x */
          worst = PetscMax(worst, fabs(vy[i] - want) / (kinds[k] == TES_ACT_GELU || kinds[k] == TES_ACT_SILU ? PetscMax(1, fabs(vx[i])) : fabs(want)));
        }
        TES_CHECK_AT_MOST(worst / eps, kinds[k] == TES_ACT_EXP ? 3 : 5);
        PetscCall(PetscFree2(vx, vy));
      }
    PetscCall(TesTapeDestroy(&tape));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FastFunctionsKeepExtremesAndSmallNumbers(void)
{
  const PetscReal values[] = {-800, -40, -1e-300, 0, 1e-10, 40, 800, NAN};
  TesTape         tape;
  TesTensor       x, y;
  PetscReal       v[8];

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(TesTensorFrom(tape, TES_F64, TES_SHAPE(8), values, &x));
  PetscCall(TesAct(TES_ACT_EXP, x, &y));
  PetscCall(TesTensorGet(y, v));
  TES_CHECK(v[0] == 0 && v[3] == 1 && isinf(v[6]) && isnan(v[7]));
  PetscCall(TesAct(TES_ACT_TANH, x, &y));
  PetscCall(TesTensorGet(y, v));
  TES_CHECK(v[0] == -1 && v[3] == 0 && v[6] == 1 && isnan(v[7]));
  TES_CHECK_NEAR(v[4], 1e-10, 3e-26);
  PetscCall(TesAct(TES_ACT_GELU, x, &y));
  PetscCall(TesTensorGet(y, v));
  TES_CHECK_NEAR(v[1], 0, 1e-14);
  TES_CHECK(v[5] == 40 && v[6] == 800 && isnan(v[7]));
  PetscCall(TesAct(TES_ACT_SIGMOID, x, &y));
  PetscCall(TesTensorGet(y, v));
  TES_CHECK(v[0] == 0 && v[3] == 0.5 && v[6] == 1 && isnan(v[7]));
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* every entry alone gives the bits that it has inside arrays of any length */
static PetscErrorCode BitsDoNotDependOnThePlaceInAnArray(void)
{
  const int kinds[] = {TES_ACT_GELU, TES_ACT_TANH, TES_ACT_SILU, TES_ACT_SOFTPLUS};
  TesTape   tape;

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    for (PetscInt n = 1; n < 40; n++) {
      TesTensor x, y, one, alone;
      PetscReal v[40], a;

      PetscCall(TesTapeReset(tape, 0));
      PetscCall(Vector(tape, TES_F64, n, -1.7, 0.113, &x));
      PetscCall(TesAct((TesActKind)kinds[k], x, &y));
      PetscCall(TesTensorGet(y, v));
      for (PetscInt i = 0; i < n; i++) {
        PetscCall(TesSlice(x, 0, i, 1, 1, &one));
        PetscCall(TesAct((TesActKind)kinds[k], one, &alone));
        PetscCall(TesTensorScalar(alone, &a));
        TES_CHECK(a == v[i]);
      }
    }
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DropoutRepeatsItsMask(void)
{
  const PetscInt64 rows[] = {100, 7};
  TesDraw          draw   = {.seed = 11, .counter = 5, .row = rows};
  TesTape          tape;
  TesTensor        x, y, s, g;
  PetscReal        v[2000], d[2000], mean = 0;

  PetscFunctionBegin;
  PetscCall(TesTapeCreate(NULL, NULL, &tape));
  PetscCall(TesTensorConstant(tape, TES_F64, TES_SHAPE(2, 1000), 1, &x));
  PetscCall(TesTensorVariable(x));
  PetscCall(TesDropout(x, 0.25, &draw, &y));
  PetscCall(TesSum(y, TES_ALL_AXES, PETSC_FALSE, &s));
  PetscCall(TesGradients(s, NULL, 1, &x, PETSC_FALSE, &g));
  PetscCall(TesTensorGet(y, v));
  PetscCall(TesTensorGet(g, d));
  for (int i = 0; i < 2000; i++) {
    TES_CHECK(v[i] == d[i] && (v[i] == 0 || v[i] == 1 / 0.75));
    mean += v[i] / 2000;
  }
  TES_CHECK_NEAR(mean, 1, 5 * sqrt(1 / 3.0 / 2000)); /* variance of an entry p / (1 - p) = 1/3 */
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(FullArenaSaysWhatItNeeds),
  TES_TEST(FirstOperationThatIsNotFiniteIsNamed),
  TES_TEST(AdjointThatIsNotFiniteIsNamed),
  TES_TEST(WrongShapesAreSaidWithTheModule),
  TES_TEST(KinksHaveTheDocumentedDerivatives),
  TES_TEST(GradientsOfIntermediatesAndOfStrangers),
  TES_TEST(ThirdDerivativesByThreeSweeps),
  TES_TEST(GradientOfForcesMatchesTheDifferenceOracle),
  TES_TEST(OwnOperationsPlugIn),
  TES_TEST(KeptTensorsSurviveBeingAdjoints),
  TES_TEST(SweepsGiveMemoryBackAndRewindForgets),
  TES_TEST(RecomputedSegmentsGiveTheSameBitsWithLessMemory),
  TES_TEST(EmptyTensorsPassThrough),
  TES_TEST(FastFunctionsAreAccurate),
  TES_TEST(FastFunctionsKeepExtremesAndSmallNumbers),
  TES_TEST(BitsDoNotDependOnThePlaceInAnArray),
  TES_TEST(DropoutRepeatsItsMask),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
