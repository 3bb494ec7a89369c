/* Operations of the tensor room against the machine's floors, measured in the same run.

   Products of matrices: fraction of the rate of a square GEMM of 512 in the same precision. Elementwise and row operations: fraction of the triad's bandwidth for arrays of the same
   size, counting what must be read and written once. Sizes: "cache" is 128 KB per array (a unit of work of a small network), "memory" is 32 MB. Times are those of the
   operation on a tape, so making the result's tensor is in them. The last rows are a whole gradient: an MLP and a V-cycle, in GF/s of the forward flops times three.
   Run: bench_tensor (one rank; processor time, best of at least 5 repeats and 0.2 s). */
#include <string.h>
#include <time.h>
#include <tessera/isa.h>
#include <tessera/tensor_layers.h>
#include <tessera/tensor_train.h>

typedef struct {
  TesTape       tape;
  TesParameters p;
  TesType       type;
  TesTensor     a, b, c, k;
  TesConvSpec   conv;
  PetscInt      n[2], taps[2];
  TesActKind    act;
  TesReducer    reducer;
  TesMLP        mlp;
  TesVCycle     cycle;
  PetscReal    *g;
  TesIndex      index;
} Case;

typedef PetscErrorCode (*Work)(Case *);

/* processor time of this process: other work on the machine is not in it, but what it takes of caches and memory is */
static PetscReal Seconds(void)
{
  struct timespec t;

  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (PetscReal)t.tv_sec + 1e-9 * (PetscReal)t.tv_nsec;
}

static PetscErrorCode Best(Case *c, Work work, PetscReal *seconds)
{
  PetscReal best = PETSC_MAX_REAL, total = 0;

  PetscFunctionBegin;
  for (int repeat = 0; repeat < 6 || total < 0.2; repeat++) {
    PetscReal begin;
    size_t    mark;

    PetscCall(TesTapeMark(c->tape, &mark));
    begin = Seconds();
    PetscCall(work(c));
    begin = Seconds() - begin;
    PetscCall(TesTapeRewind(c->tape, mark));
    if (repeat) best = PetscMin(best, begin);
    total += begin;
  }
  *seconds = best;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Random(Case *c, PetscInt n_axes, const PetscInt shape[], TesTensor *x)
{
  PetscFunctionBegin;
  PetscCall(TesTensorCreate(c->tape, c->type, n_axes, shape, x));
  for (PetscInt64 i = 0; i < TesTensorSize(*x); i++) { /* any numbers of size one */
    PetscReal v = (PetscReal)((i * 7919) % 2003) / 1001.5 - 1;

    if (c->type == TES_F32) ((float *)TesTensorData(*x))[i] = (float)v;
    else ((double *)TesTensorData(*x))[i] = v;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define WORK(name, call) \
  static PetscErrorCode name(Case *c) \
  { \
    TesTensor y; \
    PetscFunctionBegin; \
    PetscCall(call); \
    PetscFunctionReturn(PETSC_SUCCESS); \
  }

WORK(Product, TesMatMul(PETSC_FALSE, PETSC_FALSE, 1, c->a, c->b, &y))
WORK(Linear, TesLinear(c->a, c->b, c->c, &y))
WORK(Convolve, TesConvolve(&c->conv, c->a, c->k, &y))
WORK(Transposed, TesConvolveTransposed(&c->conv, c->b, c->k, c->n, &y))
WORK(Weights, TesConvolveWeights(&c->conv, c->a, c->b, c->taps, &y))
WORK(Attend, TesAttention(c->a, c->b, c->c, PETSC_TRUE, &y))
WORK(Add, TesAdd(c->a, c->b, &y))
WORK(AddRow, TesAdd(c->a, c->c, &y))
WORK(Axpby, TesAxpby(0.5, c->a, 2, c->b, &y))
WORK(Activation, TesAct(c->act, c->a, &y))
WORK(SumAll, TesSum(c->a, TES_ALL_AXES, PETSC_FALSE, &y))
WORK(SumRows, TesSum(c->a, TES_AXIS(0), PETSC_FALSE, &y))
WORK(Softmax, TesSoftmax(c->a, 1, &y))
WORK(Norm, TesLayerNorm(c->a, 1, NULL, NULL, 1e-5, &y))
WORK(Transpose, TesPermute(c->a, ((const PetscInt[]){1, 0}), &y))
WORK(Gather, TesGather(c->a, c->index, &y))

/* y = a + 3 b, as the floor of bandwidth */
static PetscErrorCode Triad(Case *c)
{
  PetscInt64 n = TesTensorSize(c->a);

  PetscFunctionBegin;
  if (c->type == TES_F32) {
    const float *restrict a = TesTensorData(c->a), *restrict b = TesTensorData(c->b);
    float *restrict y = TesTensorData(c->c);

    for (PetscInt64 i = 0; i < n; i++) y[i] = a[i] + 3.0f * b[i];
  } else {
    const double *restrict a = TesTensorData(c->a), *restrict b = TesTensorData(c->b);
    double *restrict y = TesTensorData(c->c);

    for (PetscInt64 i = 0; i < n; i++) y[i] = a[i] + 3.0 * b[i];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Reduce(Case *c)
{
  PetscFunctionBegin;
  PetscCall(TesReducerAdd(c->reducer, c->type, TesTensorData(c->a)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MLPGradient(Case *c)
{
  TesTensor y;

  PetscFunctionBegin;
  PetscCall(TesMLPApply(c->tape, &c->mlp, c->a, &y));
  PetscCall(TesDot(y, y, &y));
  PetscCall(TesParametersGradient(y, c->g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CycleGradient(Case *c)
{
  TesTensor y;

  PetscFunctionBegin;
  PetscCall(TesVCycleApply(c->tape, &c->cycle, c->a, &y));
  PetscCall(TesAct(TES_ACT_GELU, y, &y));
  PetscCall(TesDot(y, y, &y));
  PetscCall(TesParametersGradient(y, c->g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Row(Case *c, const char what[], const char size[], Work work, PetscReal amount, const char unit[], PetscReal floor_rate)
{
  PetscReal seconds;

  PetscFunctionBegin;
  PetscCall(Best(c, work, &seconds));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| %-32s | %-26s | %6s | %9.3f | %7.1f %s | %5.0f %% |\n", what, size, c->type == TES_F32 ? "single" : "double", (double)(1e3 * seconds),
                        (double)(1e-9 * amount / seconds), unit, (double)(100 * amount / seconds / floor_rate)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Begin(Case *c, TesType type, TesParameters p)
{
  PetscFunctionBegin;
  memset(c, 0, sizeof *c);
  c->type = type;
  c->p    = p;
  PetscCall(TesTapeCreate(&(TesTapeOptions){.type = type, .arena_mib = 2048}, p, &c->tape));
  if (p) PetscCall(PetscMalloc1(TesParametersSize(p), &c->g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode End(Case *c)
{
  PetscFunctionBegin;
  PetscCall(TesTapeDestroy(&c->tape));
  PetscCall(TesReducerDestroy(&c->reducer));
  PetscCall(TesIndexDestroy(&c->index));
  PetscCall(TesParametersDestroy(&c->p));
  PetscCall(PetscFree(c->g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GemmRate(TesType type, PetscReal *rate)
{
  Case      c;
  PetscReal seconds;

  PetscFunctionBegin;
  PetscCall(Begin(&c, type, NULL));
  PetscCall(Random(&c, TES_SHAPE(512, 512), &c.a));
  PetscCall(Random(&c, TES_SHAPE(512, 512), &c.b));
  PetscCall(Best(&c, Product, &seconds));
  *rate = 2.0 * 512 * 512 * 512 / seconds;
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "- GEMM 512, %s: %.1f GF/s\n", type == TES_F32 ? "single" : "double", (double)(1e-9 * *rate)));
  PetscCall(End(&c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Products(TesType type, PetscReal rate)
{
  Case c;

  PetscFunctionBegin;
  PetscCall(Begin(&c, type, NULL));
  PetscCall(Random(&c, TES_SHAPE(4096, 128), &c.a));
  PetscCall(Random(&c, TES_SHAPE(128, 128), &c.b));
  PetscCall(Random(&c, TES_SHAPE(128), &c.c));
  PetscCall(Row(&c, "linear with bias", "4096 x 128 -> 128", Linear, 2.0 * 4096 * 128 * 128, "GF/s", rate));
  PetscCall(Random(&c, TES_SHAPE(4096, 32), &c.a));
  PetscCall(Random(&c, TES_SHAPE(32, 32), &c.b));
  PetscCall(Random(&c, TES_SHAPE(32), &c.c));
  PetscCall(Row(&c, "linear with bias", "4096 x 32 -> 32", Linear, 2.0 * 4096 * 32 * 32, "GF/s", rate));
  PetscCall(Random(&c, TES_SHAPE(1000, 16, 16), &c.a));
  PetscCall(Random(&c, TES_SHAPE(1000, 16, 16), &c.b));
  PetscCall(Row(&c, "batched product", "1000 x (16 x 16 x 16)", Product, 2.0 * 1000 * 16 * 16 * 16, "GF/s", rate));
  for (PetscInt channels = 24; channels <= 32; channels += 8) {
    char      size[64];
    PetscReal flops = 2.0 * 8 * 64 * 64 * 9 * (PetscReal)(channels * channels);

    c.conv    = (TesConvSpec){.d = 2, .low = {1, 1}, .high = {1, 1}};
    c.n[0] = c.n[1] = 64;
    c.taps[0] = c.taps[1] = 3;
    PetscCall(Random(&c, TES_SHAPE(8, 64, 64, channels), &c.a));
    PetscCall(Random(&c, TES_SHAPE(8, 64, 64, channels), &c.b));
    PetscCall(Random(&c, TES_SHAPE(3, 3, channels, channels), &c.k));
    PetscCall(PetscSNPrintf(size, sizeof size, "8 x 64^2 x %d, 3 x 3", (int)channels));
    PetscCall(Row(&c, "convolve", size, Convolve, flops, "GF/s", rate));
    PetscCall(Row(&c, "convolve transposed", size, Transposed, flops, "GF/s", rate));
    PetscCall(Row(&c, "convolve weights", size, Weights, flops, "GF/s", rate));
  }
  PetscCall(Random(&c, TES_SHAPE(8, 4, 256, 32), &c.a));
  PetscCall(Random(&c, TES_SHAPE(8, 4, 256, 32), &c.b));
  PetscCall(Random(&c, TES_SHAPE(8, 4, 256, 32), &c.c));
  PetscCall(Row(&c, "attention, causal", "32 x 256 x 256, d = 32", Attend, 4.0 * 32 * 256 * 256 * 32 / 2, "GF/s", rate));
  PetscCall(End(&c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Elementwise(TesType type, PetscBool memory)
{
  const PetscReal   bytes = type == TES_F32 ? 4 : 8;
  const PetscInt    width = 64, rows = (PetscInt)((memory ? 32 << 20 : 128 << 10) / (64 * (type == TES_F32 ? 4 : 8)));
  const PetscReal   n = (PetscReal)rows * width;
  const TesActKind  acts[] = {TES_ACT_RELU, TES_ACT_GELU, TES_ACT_TANH, TES_ACT_EXP, TES_ACT_SOFTPLUS};
  const PetscInt64  first[] = {0, (PetscInt64)rows * width};
  PetscInt         *order;
  PetscReal         triad, seconds;
  char              size[64];
  Case              c;

  PetscFunctionBegin;
  PetscCall(Begin(&c, type, NULL));
  PetscCall(Random(&c, TES_SHAPE(rows, width), &c.a));
  PetscCall(Random(&c, TES_SHAPE(rows, width), &c.b));
  PetscCall(Random(&c, TES_SHAPE(rows, width), &c.c));
  PetscCall(Best(&c, Triad, &seconds));
  triad = 3 * n * bytes / seconds;
  PetscCall(PetscSNPrintf(size, sizeof size, "%d x 64, %s", (int)rows, memory ? "memory" : "cache"));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| %-32s | %-26s | %6s | %9.3f | %7.1f GB/s | %5.0f %% |\n", "triad (the floor)", size, type == TES_F32 ? "single" : "double", (double)(1e3 * seconds),
                        (double)(1e-9 * triad), 100.0));
  PetscCall(Row(&c, "add", size, Add, 3 * n * bytes, "GB/s", triad));
  PetscCall(Row(&c, "axpby", size, Axpby, 3 * n * bytes, "GB/s", triad));
  for (size_t k = 0; k < sizeof acts / sizeof *acts; k++) {
    c.act = acts[k];
    PetscCall(Row(&c, TesActName(acts[k]), size, Activation, 2 * n * bytes, "GB/s", triad));
  }
  PetscCall(Row(&c, "sum of all", size, SumAll, n * bytes, "GB/s", triad));
  PetscCall(Row(&c, "sum over rows", size, SumRows, n * bytes, "GB/s", triad));
  PetscCall(Row(&c, "softmax of rows", size, Softmax, 2 * n * bytes, "GB/s", triad));
  PetscCall(Row(&c, "layer norm of rows", size, Norm, 2 * n * bytes, "GB/s", triad));
  PetscCall(Row(&c, "transpose", size, Transpose, 2 * n * bytes, "GB/s", triad));
  PetscCall(PetscMalloc1(rows, &order));
  for (PetscInt i = 0; i < rows; i++) order[i] = (PetscInt)(((PetscInt64)i * 7919) % rows);
  PetscCall(TesIndexCreate(rows, order, rows, &c.index));
  PetscCall(PetscFree(order));
  PetscCall(Row(&c, "gather of scattered rows", size, Gather, 2 * n * bytes, "GB/s", triad));
  PetscCall(TesReducerCreate(PETSC_COMM_SELF, TES_REDUCE_EXACT, 1, first, &c.reducer));
  PetscCall(TesReducerBegin(c.reducer, NULL));
  PetscCall(Row(&c, "exact sum, one chunk", size, Reduce, n * (2 * bytes + 6 * 8), "GB/s", triad));
  PetscCall(Random(&c, TES_SHAPE(width), &c.c));
  PetscCall(Row(&c, "add a row", size, AddRow, 2 * n * bytes, "GB/s", triad));
  PetscCall(End(&c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Gradients(TesType type, PetscReal rate)
{
  const TesVCycleSpec spec = {.d = 2, .levels = 5, .in = 24, .channels = 24, .pre = {1, 1, 1, 1, 2}, .transfer = 4, .transfer_low = 1};
  TesParameters       p;
  TesMLP              mlp;
  TesVCycle           cycle;
  PetscReal           flops = 0;
  Case                c;

  PetscFunctionBegin;
  PetscCall(TesParametersCreate(&p));
  PetscCall(TesMLPDeclare(p, "mlp", 5, (const PetscInt[]){64, 256, 256, 256, 8}, TES_ACT_GELU, &mlp));
  PetscCall(TesParametersSetUp(p, type, 1));
  PetscCall(Begin(&c, type, p));
  c.mlp = mlp;
  PetscCall(Random(&c, TES_SHAPE(1024, 64), &c.a));
  PetscCall(Row(&c, "MLP, loss and gradient", "1024 x 64-256-256-256-8", MLPGradient, 6.0 * 1024 * (64 * 256 + 2 * 256 * 256 + 256 * 8), "GF/s", rate));
  PetscCall(End(&c));
  PetscCall(TesParametersCreate(&p));
  PetscCall(TesVCycleDeclare(p, "w", &spec, &cycle));
  PetscCall(TesParametersSetUp(p, type, 1));
  PetscCall(Begin(&c, type, p));
  c.cycle = cycle;
  PetscCall(Random(&c, TES_SHAPE(8, 64, 64, 24), &c.a));
  for (PetscInt l = 0, n = 64; l < 5; l++, n /= 2) { /* taps per point of a level: smoothing, and transfers to it and back */
    PetscReal taps = l == 0 ? 9 : 18.0 * (PetscReal)spec.pre[l] + 3 * 16;

    flops += 2.0 * 8 * (PetscReal)(n * n) * 24 * 24 * taps;
  }
  PetscCall(Row(&c, "V-cycle, loss and gradient", "8 x 64^2 x 24, 5 levels", CycleGradient, 3 * flops, "GF/s", rate));
  PetscCall(End(&c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define CHAIN 2000

/* a chain of operations on 8 entries: what an operation costs beside its arithmetic */
static PetscErrorCode Chain(Case *c)
{
  TesTensor y = c->a;

  PetscFunctionBegin;
  for (int i = 0; i < CHAIN; i++) PetscCall(TesAdd(y, c->b, &y));
  c->c = y;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ChainGradient(Case *c)
{
  TesTensor y, g;

  PetscFunctionBegin;
  PetscCall(Chain(c));
  PetscCall(TesSum(c->c, TES_ALL_AXES, PETSC_FALSE, &y));
  PetscCall(TesGradients(y, NULL, 1, &c->a, PETSC_FALSE, &g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Overhead(void)
{
  PetscReal forward, both;
  Case      c;

  PetscFunctionBegin;
  PetscCall(Begin(&c, TES_F64, NULL));
  PetscCall(Random(&c, TES_SHAPE(8), &c.a));
  PetscCall(Random(&c, TES_SHAPE(8), &c.b));
  PetscCall(Best(&c, Chain, &forward));
  PetscCall(TesTensorVariable(c.a));
  PetscCall(Best(&c, ChainGradient, &both));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "\n- an operation on 8 entries: %.0f ns, recorded and with its adjoint %.0f ns\n", (double)(1e9 * forward / CHAIN), (double)(1e9 * both / CHAIN)));
  PetscCall(End(&c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

int main(int argc, char **argv)
{
  PetscReal rate[2];

  if (PetscInitialize(&argc, &argv, NULL, NULL)) return 70;
  PetscCall(TesBlasSingleThread());
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "- instruction set: %s\n- BLAS: %s\n", TesIsaName(), TesBlasName()));
  PetscCall(GemmRate(TES_F32, &rate[0]));
  PetscCall(GemmRate(TES_F64, &rate[1]));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "\n| what                             | size                       |   type |        ms |         rate | of floor |\n|---|---|---|---|---|---|\n"));
  for (int i = 0; i < 2; i++) {
    TesType type = i ? TES_F64 : TES_F32;

    PetscCall(Products(type, rate[i]));
    PetscCall(Gradients(type, rate[i]));
    PetscCall(Elementwise(type, PETSC_FALSE));
    PetscCall(Elementwise(type, PETSC_TRUE));
  }
  PetscCall(Overhead());
  return PetscFinalize() ? 70 : 0;
}
