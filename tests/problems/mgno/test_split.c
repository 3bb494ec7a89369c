/* The network on ranks that share its grids against the same network on one rank: outputs, derivatives by the input and every gradient leaf have the same bits, however the grid is
   cut, with narrow and wide halos, coarse levels by transpose and by gather. And the adjoint identity of the distributed operator itself. */
#include <math.h>
#include <tessera/test.h>
#include "../../../src/problems/mgno/net.h"

#define SAMPLES 5
#define UNIT    2

static PetscReal Noise(uint32_t a, uint32_t b)
{
  PetscReal z[2];

  TesRandomNormal(5, TES_STREAM_TEST, a, b, 0, z);
  return z[0];
}

static MgnoNetSpec Plain(PetscInt n, PetscInt layers, PetscInt channels, PetscInt levels)
{
  MgnoNetSpec s = {.dim = 2, .n = {n, n, 1}, .layers = layers, .channels = channels, .c_in = 1, .c_out = 1, .levels = levels, .transfer = NET_REFERENCE, .activation = MGNO_GELU, .min_local = 4};

  for (PetscInt l = 0; l < levels; l++) s.pre[l] = l + 1 < levels ? 1 : 2;
  return s;
}

static void AllSides(MgnoNetSpec *s, NetSide a, NetSide b, NetSide c, NetSide d)
{
  s->side[0][0] = a;
  s->side[0][1] = b;
  s->side[1][0] = c;
  s->side[1][1] = d;
}

typedef struct {
  PetscReal *in, *out, *bar, *in_bar;
  PetscInt64 n_in, n_out; /* per sample */
} Data;

static PetscErrorCode DataCreate(const MgnoNetSpec *s, Data *d)
{
  const PetscInt64 points = (PetscInt64)s->n[0] * s->n[1] * (s->dim > 2 ? s->n[2] : 1);

  PetscFunctionBegin;
  d->n_in  = points * s->c_in;
  d->n_out = points * s->c_out;
  PetscCall(PetscMalloc4(SAMPLES * d->n_in, &d->in, SAMPLES * d->n_out, &d->out, SAMPLES * d->n_out, &d->bar, SAMPLES * d->n_in, &d->in_bar));
  for (PetscInt64 i = 0; i < SAMPLES * d->n_in; i++) d->in[i] = Noise((uint32_t)i, 1);
  for (PetscInt64 i = 0; i < SAMPLES * d->n_out; i++) d->bar[i] = Noise((uint32_t)i, 2);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DataDestroy(Data *d)
{
  PetscFunctionBegin;
  PetscCall(PetscFree4(d->in, d->out, d->bar, d->in_bar));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* numbers that differ */
static PetscInt64 Differ(PetscInt64 n, const PetscReal *a, const PetscReal *b)
{
  PetscInt64 count = 0;

  for (PetscInt64 i = 0; i < n; i++) count += !(a[i] == b[i]);
  return count;
}

static PetscInt64 DifferTyped(TesType type, PetscInt64 n, const void *a, const void *b)
{
  PetscInt64 count = 0;

  for (PetscInt64 i = 0; i < n; i++) count += type == TES_F32 ? !(((const float *)a)[i] == ((const float *)b)[i]) : !(((const double *)a)[i] == ((const double *)b)[i]);
  return count;
}

/* One network, one way to split it. together: samples at a time on the ranks of the split */
static PetscErrorCode Compare(const char what[], const MgnoNetSpec *s, const MgnoSplit *split, PetscBool single, PetscBool recompute, PetscInt together)
{
  MgnoPlan  *plan;
  MgnoNet    alone, ours;
  Data       d, e;
  PetscReal *theta;
  PetscInt64 n_packed, wrong[3] = {0, 0, 0};
  PetscInt   leaves;
  TesType    type;

  PetscFunctionBegin;
  PetscCall(MgnoPlanCreate(s, &plan));
  TES_CHECK(plan->n_cut > 0);
  PetscCall(MgnoNetCreate(plan, single, PETSC_TRUE, recompute, &alone));
  PetscCall(MgnoNetCreateSplit(plan, single, PETSC_TRUE, recompute, split, together, &ours));
  (void)MgnoNetGradient(alone, &type, &n_packed);
  leaves = MgnoNetLeaves(alone);
  PetscCall(PetscMalloc1(plan->size, &theta));
  PetscCall(MgnoPlanStart(plan, 3, theta));
  for (PetscInt64 i = 0; i < plan->size; i++) theta[i] += 0.05 * Noise((uint32_t)i, 9);
  PetscCall(MgnoNetWeights(alone, theta));
  PetscCall(MgnoNetWeights(ours, theta));
  PetscCall(DataCreate(s, &d));
  PetscCall(DataCreate(s, &e));
  for (PetscInt first = 0; first < SAMPLES; first += together) {
    const PetscInt n = PetscMin(together, SAMPLES - first), units = (n + UNIT - 1) / UNIT;
    PetscInt       mine, share;

    PetscCall(MgnoNetRound(ours, n, UNIT, NULL));
    if (first % UNIT == 0) PetscCall(MgnoNetClear(ours));
    MgnoNetShare(ours, &mine, &share);
    mine += first;
    PetscCall(MgnoNetForward(ours, d.in + mine * d.n_in, e.out + mine * d.n_out));
    PetscCall(MgnoNetBackward(ours, d.bar + mine * d.n_out, e.in_bar + mine * d.n_in));
    for (PetscInt u = 0; u < units; u++) {
      const PetscInt end = PetscMin(first + n, first / UNIT * UNIT + (u + 1) * UNIT);

      if (first % UNIT == 0 || u > 0) PetscCall(MgnoNetClear(alone));
      for (PetscInt i = PetscMax(first, first / UNIT * UNIT + u * UNIT); i < end; i++) {
        PetscCall(MgnoNetForward(alone, d.in + i * d.n_in, d.out + i * d.n_out));
        PetscCall(MgnoNetBackward(alone, d.bar + i * d.n_out, d.in_bar + i * d.n_in));
      }
      if (end % UNIT && end < SAMPLES) continue; /* the unit goes on in the next round */
      for (PetscInt leaf = 0; leaf < (leaves > 1 ? MgnoNetLeaves(ours) - 1 : 1); leaf++) /* blocks of this rank */
        wrong[2] += DifferTyped(type, n_packed, MgnoNetLeaf(alone, 0, MgnoNetBlock(ours, leaf)), MgnoNetLeaf(ours, u, leaf));
      if (leaves > 1) { /* the levels that are not cut: on one rank, elsewhere zero */
        const void *coarse = MgnoNetLeaf(ours, u, MgnoNetLeaves(ours) - 1);
        PetscReal  *sum;

        PetscCall(PetscMalloc1(n_packed, &sum));
        for (PetscInt64 i = 0; i < n_packed; i++) sum[i] = type == TES_F32 ? (PetscReal)((const float *)coarse)[i] : ((const PetscReal *)coarse)[i];
        PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, sum, (PetscMPIInt)n_packed, MPIU_REAL, MPI_SUM, split->comm));
        for (PetscInt64 i = 0; i < n_packed; i++) {
          const void *want = MgnoNetLeaf(alone, 0, leaves - 1);

          wrong[2] += !(sum[i] == (type == TES_F32 ? (PetscReal)((const float *)want)[i] : ((const PetscReal *)want)[i]));
        }
        PetscCall(PetscFree(sum));
      }
    }
    wrong[0] += Differ(share * d.n_out, d.out + mine * d.n_out, e.out + mine * d.n_out);
    wrong[1] += Differ(share * d.n_in, d.in_bar + mine * d.n_in, e.in_bar + mine * d.n_in);
  }
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, wrong, 3, MPIU_INT64, MPI_SUM, split->comm));
  if (wrong[0] + wrong[1] + wrong[2]) PetscCall(PetscPrintf(split->comm, "# %s: %" PetscInt64_FMT " outputs, %" PetscInt64_FMT " derivatives, %" PetscInt64_FMT " gradients differ\n", what, wrong[0], wrong[1], wrong[2]));
  for (int i = 0; i < 3; i++) TES_CHECK_INT(wrong[i], 0);
  PetscCall(PetscFree(theta));
  PetscCall(DataDestroy(&d));
  PetscCall(DataDestroy(&e));
  PetscCall(MgnoNetDestroy(&alone));
  PetscCall(MgnoNetDestroy(&ours));
  PetscCall(MgnoPlanDestroy(&plan));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* all ways to lay the ranks on the blocks of a spec, each with both halos and both ways for the coarse levels */
static PetscErrorCode EveryWay(const char what[], const MgnoNetSpec *s, PetscBool single)
{
  int size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  for (PetscInt p0 = 1; p0 <= size; p0++) {
    if (size % p0) continue;
    for (int variant = 0; variant < 4; variant++) {
      const MgnoSplit split = {.comm = PETSC_COMM_WORLD, .p = {p0, size / p0, 1}, .gather = (PetscBool)(variant % 2), .wide = (PetscBool)(variant / 2)};
      char            name[160];

      if (p0 > PetscMax(s->blocks[0], 1) || size / p0 > PetscMax(s->blocks[1], 1)) continue;
      PetscCall(PetscSNPrintf(name, sizeof(name), "%s, %d x %d ranks, %s halo, coarse levels by %s", what, (int)p0, (int)(size / p0), split.wide ? "wide" : "narrow", split.gather ? "gather" : "transpose"));
      PetscCall(Compare(name, s, &split, single, variant == 2 ? PETSC_TRUE : PETSC_FALSE, s->tie == NET_TIE_NONE ? 4 : 1));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ZeroSidesOnEvenGrids(void)
{
  MgnoNetSpec s = Plain(32, 2, 5, 4);

  PetscFunctionBegin;
  s.blocks[0] = 2;
  s.blocks[1] = 3;
  PetscCall(EveryWay("reference", &s, PETSC_TRUE));
  s.zero_start = PETSC_TRUE;
  PetscCall(EveryWay("coarse levels from zero", &s, PETSC_TRUE));
  s.zero_start = PETSC_FALSE;
  s.transfer  = NET_CELL;
  s.coarse    = NET_RESTRICT_RESIDUAL;
  s.conv_bias = PETSC_TRUE;
  s.pre[0]    = 2;
  s.post[0] = s.post[1] = 1;
  s.c_in                = 2;
  s.n[1]                = 40;
  PetscCall(EveryWay("cells, residual restricted, biases, post-smoothing", &s, PETSC_FALSE));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OddGrids(void)
{
  MgnoNetSpec s = Plain(33, 2, 4, 4);

  PetscFunctionBegin;
  s.blocks[0] = s.blocks[1] = 2;
  s.transfer                = NET_VERTEX;
  s.norm                    = NET_NORM_CHANNEL;
  AllSides(&s, NET_REFLECT, NET_REFLECT, NET_ZERO, NET_REFLECT);
  PetscCall(EveryWay("vertices, reflected, normalised per channel", &s, PETSC_FALSE));
  s          = Plain(31, 2, 4, 3);
  s.blocks[0] = s.blocks[1] = 2;
  s.transfer                = NET_INTERIOR;
  s.norm                    = NET_NORM_PIXEL;
  AllSides(&s, NET_ODD, NET_ZERO, NET_SYMMETRIC, NET_ODD);
  PetscCall(EveryWay("interior, a rule per side, normalised per point", &s, PETSC_FALSE));
  s           = Plain(37, 2, 4, 3);
  s.blocks[1] = 4;
  s.n[1]      = 53;
  PetscCall(EveryWay("reference, odd", &s, PETSC_TRUE));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TorusAndTies(void)
{
  MgnoNetSpec s = Plain(32, 2, 4, 3);

  PetscFunctionBegin;
  s.blocks[0] = s.blocks[1] = 2;
  s.norm                    = NET_NORM;
  s.skip                    = NET_RESIDUAL_INPUT;
  AllSides(&s, NET_WRAP, NET_WRAP, NET_WRAP, NET_WRAP);
  PetscCall(EveryWay("torus", &s, PETSC_TRUE));
  s.zero_transposed = PETSC_TRUE;
  AllSides(&s, NET_REFLECT, NET_REFLECT, NET_WRAP, NET_WRAP);
  PetscCall(EveryWay("torus along y, zeros beyond the sides for P", &s, PETSC_FALSE));
  s           = Plain(32, 1, 4, 3);
  s.blocks[0] = s.blocks[1] = 2;
  s.transfer                = NET_CELL;
  s.tie                     = NET_TIE_SYMMETRIC;
  s.c_in                    = 4;
  PetscCall(EveryWay("tied symmetric", &s, PETSC_FALSE));
  s.tie    = NET_TIE_ADJOINT;
  s.layers = 2;
  AllSides(&s, NET_SYMMETRIC, NET_ZERO, NET_ODD, NET_SYMMETRIC);
  PetscCall(EveryWay("P tied to R", &s, PETSC_FALSE));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ThreeDimensions(void)
{
  MgnoNetSpec s = Plain(16, 2, 3, 3);
  int         size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  s.dim  = 3;
  s.n[2] = 16;
  AllSides(&s, NET_SYMMETRIC, NET_SYMMETRIC, NET_ZERO, NET_ZERO);
  s.side[2][0] = s.side[2][1] = NET_WRAP;
  s.blocks[1] = s.blocks[2] = 2;
  for (int wide = 0; wide < 2 && size != 3; wide++) {
    const MgnoSplit split = {.comm = PETSC_COMM_WORLD, .p = {1, size == 4 ? 2 : 1, size > 1 ? 2 : 1}, .wide = (PetscBool)wide};

    PetscCall(Compare(wide ? "three dimensions, wide" : "three dimensions", &s, &split, PETSC_FALSE, PETSC_FALSE, 4));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* V3 with distributed operators: out = W x is linear in x, and <W x, y> = <x, W' y>, W' by the backward sweep */
static PetscErrorCode DistributedAdjointIsTheAdjoint(void)
{
  int size;

  const struct {
    NetSide     side;
    NetTransfer transfer;
    PetscInt    n;
    NetTie      tie;
  } kinds[] = {{NET_ZERO, NET_CELL, 32, NET_TIE_NONE},      {NET_REFLECT, NET_VERTEX, 33, NET_TIE_NONE}, {NET_WRAP, NET_CELL, 32, NET_TIE_NONE},         {NET_SYMMETRIC, NET_CELL, 40, NET_TIE_NONE},
               {NET_ODD, NET_CELL, 32, NET_TIE_NONE},       {NET_ODD, NET_INTERIOR, 31, NET_TIE_NONE},   {NET_ZERO, NET_REFERENCE, 37, NET_TIE_NONE},     {NET_REFLECT, NET_REFERENCE, 34, NET_TIE_NONE},
               {NET_SYMMETRIC, NET_REFERENCE, 35, NET_TIE_NONE}, {NET_ZERO, NET_VERTEX, 33, NET_TIE_ADJOINT}, {NET_SYMMETRIC, NET_CELL, 32, NET_TIE_ADJOINT}, {NET_WRAP, NET_CELL, 32, NET_TIE_SYMMETRIC}};

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  for (int kind = 0; kind < 12; kind++) {
    MgnoNetSpec     s = Plain(kinds[kind].n, 1, 6, 3);
    const MgnoSplit split = {.comm = PETSC_COMM_WORLD, .p = {size == 4 ? 2 : 1, size == 4 ? 2 : size, 1}, .wide = (PetscBool)(kind % 2)};
    MgnoPlan       *plan;
    MgnoNet         net;
    Data            d;
    PetscReal      *theta, dot[3] = {0, 0, 0}, *y; /* <W x, y>, <x, W' y>, |W x|^2 */
    PetscInt        first, n;

    s.skip       = NET_NO_SKIP;
    s.activation = MGNO_IDENTITY;
    s.transfer   = kinds[kind].transfer;
    s.tie        = kinds[kind].tie;
    s.post[0]    = kind % 3 == 0;
    if (s.tie != NET_TIE_NONE) s.c_in = 6;
    s.blocks[0] = s.blocks[1] = PetscMax(2, size == 3 ? 3 : 2);
    s.c_out                   = 2;
    AllSides(&s, kinds[kind].side, kinds[kind].side, kinds[kind].side, kinds[kind].side);
    PetscCall(MgnoPlanCreate(&s, &plan));
    PetscCall(MgnoNetCreateSplit(plan, PETSC_FALSE, PETSC_TRUE, PETSC_FALSE, &split, SAMPLES, &net));
    PetscCall(PetscMalloc1(plan->size, &theta));
    PetscCall(MgnoPlanStart(plan, 8, theta));
    PetscCall(MgnoNetWeights(net, theta));
    PetscCall(DataCreate(&s, &d));
    PetscCall(MgnoNetRound(net, SAMPLES, 1, NULL));
    MgnoNetShare(net, &first, &n);
    y = d.bar + first * d.n_out;
    PetscCall(MgnoNetForward(net, d.in + first * d.n_in, d.out));
    PetscCall(MgnoNetBackward(net, y, d.in_bar));
    for (PetscInt64 i = 0; i < n * d.n_out; i++) {
      dot[0] += d.out[i] * y[i];
      dot[2] += d.out[i] * d.out[i];
    }
    for (PetscInt64 i = 0; i < n * d.n_in; i++) dot[1] += d.in_bar[i] * d.in[first * d.n_in + i];
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, dot, 3, MPIU_REAL, MPI_SUM, PETSC_COMM_WORLD));
    TES_CHECK_AT_MOST(PetscAbsReal(dot[0] - dot[1]), 1e-13 * PetscSqrtReal(dot[2] * SAMPLES * (PetscReal)d.n_out)); /* |y|^2 is about the number of its entries */
    PetscCall(PetscFree(theta));
    PetscCall(DataDestroy(&d));
    PetscCall(MgnoNetDestroy(&net));
    PetscCall(MgnoPlanDestroy(&plan));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ZeroSidesOnEvenGrids),
  TES_TEST(OddGrids),
  TES_TEST(TorusAndTies),
  TES_TEST(ThreeDimensions),
  TES_TEST(DistributedAdjointIsTheAdjoint),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
