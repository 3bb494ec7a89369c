/* The network solver on the transverse-field Ising ring of 16 spins (V = 2, g = 1, gamma = 1): one layer, h = 32, f = 16.

   - (L p)(a)/p(a) per second of processor time: tables with rank-one changes against the plain way, in which all 16 replacements on every bond are put through the whole network with its causal mask
     (batches of 64 configurations, products by BLAS).
   - derivatives of a weighted sum of ln p over many configurations (losses of style: paper), through the network and through its tables.
   - one evaluation of the flow, piece by piece.
   - the same on two ranks: mpirun -n 2. Best of the repeats; seconds of the processor for one rank, of the clock for two.
   Run: mpirun -n P bench_lindblad_povm [samples] */
#include <stdlib.h>
#include <time.h>
#include <tessera/isa.h>
#include <tessera/timing.h>
#include "../problems/lindblad/povm_models.h"

#define N       16
#define REPEATS 5

static PetscReal Now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (PetscReal)t.tv_sec + 1e-9 * (PetscReal)t.tv_nsec;
}

/* sum over the bonds of sum_b L[a, b] p(b) / p(a), all 16 replacements in full passes; terms of single sites belong to the bond that begins there */
static PetscErrorCode Plain(LbNet *net, const LbOutcomes *o, const uint8_t *a, double *e)
{
  uint8_t x[LB_GRADIENT_BLOCK * N];
  double  lnp[LB_GRADIENT_BLOCK], own;

  PetscFunctionBegin;
  PetscCall(LbNetGradient(net, 1, a, NULL, &own, NULL, NULL));
  *e = 0;
  for (int u = 0, filled = 0, first = 0; u <= o->n_supports; u++) { /* four bonds at a time */
    const LbSupport *s = u < o->n_supports ? &o->support[u] : NULL;

    if (s && s->k == 2) {
      for (int b = 0; b < 16; b++, filled++) {
        memcpy(x + filled * N, a, N);
        x[filled * N + s->site[0]] = (uint8_t)(b & 3);
        x[filled * N + s->site[1]] = (uint8_t)(b >> 2);
      }
    }
    if (filled < LB_GRADIENT_BLOCK && s) continue;
    PetscCall(LbNetGradient(net, filled, x, NULL, lnp, NULL, NULL));
    for (int v = first, at = 0; v < (s ? u + 1 : u); v++) {
      const LbSupport *t = &o->support[v];

      if (t->k == 2) {
        const int row = a[t->site[0]] + 4 * a[t->site[1]];

        for (int b = 0; b < 16; b++) *e += t->c[row * 16 + b] * exp(lnp[at + b] - own);
        for (int w = 0; w < o->n_supports; w++) /* the site where the bond begins */
          if (o->support[w].k == 1 && o->support[w].site[0] == (t->site[1] == t->site[0] + 1 ? t->site[0] : t->site[1]))
            for (int b = 0; b < 4; b++)
              *e += o->support[w].c[a[o->support[w].site[0]] * 4 + b] * exp(lnp[at + (t->site[1] == t->site[0] + 1 ? b + 4 * a[t->site[1]] : a[t->site[0]] + 4 * b)] - own);
        at += 16;
      }
    }
    filled = 0;
    first  = u + 1;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Local(const LbModel *model, LbOutcomes *o)
{
  const LbNetSetting fast = {.kind = LB_NET_TRANSFORMER, .layers = 1, .hidden = 32, .heads = 1, .ff = 16, .init_scale = 1}, plain = {.kind = LB_NET_TRANSFORMER, .layers = 1, .hidden = 32, .heads = 1, .ff = 16, .init_scale = 1, .plain = PETSC_TRUE};
  const LbNetSetting recurrent = {.kind = LB_NET_GRU, .hidden = 28, .init_scale = 1};
  const int          count[3] = {1000, 20, 60};
  LbStrings          strings;
  double             e[3][20], rate[3] = {0}, worst = 0;

  PetscFunctionBegin;
  (void)model;
  PetscCall(LbStringsIdentity(N, &strings));
  for (int way = 0; way < 3; way++) {
    LbNet    *net;
    LbLocal   local;
    LbSamples samples = {0};

    PetscCall(PovmRandomNet(way == 0 ? &fast : way == 1 ? &plain : &recurrent, N, 0.05, &net));
    PetscCall(LbLocalCreate(net, o, &strings, &local));
    PetscCall(LbSamplesDrawn(PETSC_COMM_SELF, net, &strings, 1, 1, 1000, PETSC_FALSE, &samples));
    for (int c = 0; c < 1000 * N; c++) samples.a[c] = (uint8_t)(1.999 * (1 + PovmRandom((uint32_t)c, 9))); /* the same ones for all ways */
    for (int k = 0; k < REPEATS; k++) {
      PetscReal t = Now();

      for (int s = 0; s < count[way]; s++) {
        double lnp, largest, value;

        if (way == 1) PetscCall(Plain(net, o, samples.a + s * N, &value));
        else PetscCall(LbLocalAt(&local, samples.a + s * N, &lnp, &value, &largest));
        if (s < 20) e[way][s] = value;
      }
      t = Now() - t;
      rate[way] = PetscMax(rate[way], count[way] / t);
    }
    PetscCall(LbSamplesDestroy(&samples));
    PetscCall(LbLocalDestroy(&local));
    PetscCall(LbNetDestroy(&net));
  }
  for (int s = 0; s < 20; s++) worst = PetscMax(worst, PetscAbsReal(e[0][s] - e[1][s]) / PetscMax(1, PetscAbsReal(e[1][s])));
  PetscCall(PetscPrintf(PETSC_COMM_SELF, "| (L p)(a)/p(a), 16 spins, one core | per second | ratio |\n|---|---|---|\n| 16 full passes per bond | %.0f | 1 |\n| tables, rank-one changes | %.0f | %.1f |\n| recurrent network (28), forked streams | %.0f | |\n\ntables and full passes differ by %.1e of e\n\n",
                        (double)rate[1], (double)rate[0], (double)(rate[0] / rate[1]), (double)rate[2], worst));
  PetscCall(LbStringsDestroy(&strings));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* derivatives of a weighted sum of ln p over many configurations: through the network in blocks of 64, and through its tables */
static PetscErrorCode Sums(void)
{
  enum { COUNT = 64 * 193 };
  const LbNetSetting set = {.kind = LB_NET_TRANSFORMER, .layers = 1, .hidden = 32, .heads = 1, .ff = 16, .init_scale = 1};
  LbNet             *net;
  uint8_t           *a;
  double            *weight, *sum[2], lnp[LB_GRADIENT_BLOCK], worst = 0, size = 0;
  PetscReal          best[2] = {PETSC_MAX_REAL, PETSC_MAX_REAL};

  PetscFunctionBegin;
  PetscCall(PovmRandomNet(&set, N, 0.05, &net));
  PetscCall(PetscMalloc4(COUNT * N, &a, COUNT, &weight, net->n_parameters, &sum[0], net->n_parameters, &sum[1]));
  for (int c = 0; c < COUNT * N; c++) a[c] = (uint8_t)(1.999 * (1 + PovmRandom((uint32_t)c, 12)));
  for (int c = 0; c < COUNT; c++) weight[c] = PovmRandom((uint32_t)c, 13);
  for (int k = 0; k < REPEATS; k++)
    for (int way = 0; way < 2; way++) {
      PetscReal t = Now();

      PetscCall(PetscArrayzero(sum[way], net->n_parameters));
      if (way) PetscCall(LbNetGradientSum(net, COUNT, a, weight, sum[way]));
      for (int c = 0; c < COUNT && !way; c += LB_GRADIENT_BLOCK) PetscCall(LbNetGradient(net, LB_GRADIENT_BLOCK, a + c * N, weight + c, lnp, NULL, sum[way]));
      best[way] = PetscMin(best[way], Now() - t);
    }
  for (int k = 0; k < net->n_parameters; k++) {
    worst = PetscMax(worst, PetscAbsReal(sum[0][k] - sum[1][k]));
    size  = PetscMax(size, PetscAbsReal(sum[0][k]));
  }
  PetscCall(PetscPrintf(PETSC_COMM_SELF, "| derivatives of a weighted sum of ln p, %d configurations | seconds | ratio |\n|---|---|---|\n| through the network, blocks of 64 | %.4f | 1 |\n| through the tables of the folded layer | %.4f | %.1f |\n\nboth differ by %.1e of the largest\n\n",
                        COUNT, (double)best[0], (double)best[1], (double)(best[0] / best[1]), worst / size));
  PetscCall(PetscFree4(a, weight, sum[0], sum[1]));
  PetscCall(LbNetDestroy(&net));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Pieces(LbModel *model, LbOutcomes *o, int total)
{
  const LbNetSetting set = {.kind = LB_NET_TRANSFORMER, .layers = 1, .hidden = 32, .heads = 1, .ff = 16, .init_scale = 1};
  LbStrings          strings;
  LbNet             *net;
  LbFlow             flow;
  LbFlowInfo         info;
  double            *direction, *y;
  PetscReal          best[8], t, lambda;
  int                rank, size, retries;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  PetscCall(LbStringsIdentity(N, &strings));
  PetscCall(PovmRandomNet(&set, N, 0.05, &net));
  PetscCall(PetscMalloc2(net->n_parameters, &direction, PetscMax(total, net->n_parameters), &y));
  for (int k = 0; k < 8; k++) best[k] = PETSC_MAX_REAL;
  for (int ranks = 1; ranks <= size; ranks += PetscMax(1, size - 1)) { /* rank 0 alone, then all */
    const PetscBool alone = ranks == 1 ? PETSC_TRUE : PETSC_FALSE;

    PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
    if (alone && rank) continue;
    PetscCall(LbFlowCreate(alone ? PETSC_COMM_SELF : PETSC_COMM_WORLD, net, o, model, &strings, &flow));
    flow.total  = total;
    flow.unique = PETSC_TRUE;
    flow.reg    = 1e-5;
    flow.seed   = 1;
    for (int k = 0; k < REPEATS; k++) {
      PetscReal clock, own;

      if (!alone) PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
      clock = TesNow();
      own   = Now();
      PetscCall(LbFlowAt(&flow, 0, 1, direction, &info));
      own = Now() - own;
      PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &own, 1, MPIU_REAL, MPI_MAX, flow.comm));
      best[alone ? 6 : 7] = PetscMin(best[alone ? 6 : 7], own);
      clock               = TesNow() - clock;
      best[alone ? 4 : 5] = PetscMin(best[alone ? 4 : 5], clock);
      if (!alone) continue;
      t = Now();
      PetscCall(LbFlowSample(&flow, 1));
      best[0] = PetscMin(best[0], Now() - t);
      t       = Now();
      for (int s = 0; s < flow.samples.count; s++) {
        double lnp, e, largest;

        PetscCall(LbLocalAt(&flow.local, flow.samples.a + s * N, &lnp, &e, &largest));
      }
      best[1] = PetscMin(best[1], Now() - t);
      t       = Now();
      for (int s = 0; s < flow.samples.count; s += LB_GRADIENT_BLOCK)
        PetscCall(LbNetGradient(net, PetscMin(LB_GRADIENT_BLOCK, flow.samples.count - s), flow.samples.a + s * N, NULL, flow.lnp + s, flow.x + (size_t)s * (size_t)net->n_parameters, NULL));
      best[2] = PetscMin(best[2], Now() - t);
      t       = Now();
      PetscCall(LbGramSolve(PETSC_COMM_SELF, flow.samples.count, net->n_parameters, flow.x, flow.f, 1e-5, y, &retries, &lambda));
      best[3] = PetscMin(best[3], Now() - t);
    }
    PetscCall(LbFlowDestroy(&flow));
  }
  if (!rank) {
    const double flops = (double)info.distinct * info.distinct * net->n_parameters + (double)info.distinct * info.distinct * info.distinct / 3;

    PetscCall(PetscPrintf(PETSC_COMM_SELF, "| one evaluation of the flow, %d samples (%d distinct), %d parameters | seconds |\n|---|---|\n| samples | %.4f |\n| e(a) | %.4f |\n| derivatives of ln p | %.4f |\n", total, info.distinct, net->n_parameters,
                          (double)best[0], (double)best[1], (double)best[2]));
    PetscCall(PetscPrintf(PETSC_COMM_SELF, "| Gram matrix and Cholesky | %.4f (%.1f GFlop/s) |\n| all, one rank: processor, clock | %.4f, %.4f |\n", (double)best[3], flops / (double)best[3] * 1e-9, (double)best[6], (double)best[4]));
    if (size > 1) PetscCall(PetscPrintf(PETSC_COMM_SELF, "| all, %d ranks: processor of the slower, clock | %.4f, %.4f: efficiency %.0f %%, %.0f %% |\n", size, (double)best[7], (double)best[5], (double)(100 * best[6] / best[7] / size),
                                         (double)(100 * best[4] / best[5] / size)));
  }
  PetscCall(PetscFree2(direction, y));
  PetscCall(LbNetDestroy(&net));
  PetscCall(LbStringsDestroy(&strings));
  PetscFunctionReturn(PETSC_SUCCESS);
}

int main(int argc, char **argv)
{
  LbModel    model;
  LbOutcomes o;
  LbPovm     povm;
  int        rank, total = argc > 1 ? atoi(argv[1]) : 800;

  PetscFunctionBeginUser;
  PetscCall(PetscInitialize(NULL, NULL, NULL, NULL));
  PetscCall(TesBlasSingleThread());
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCall(ModelIsingRing(N, 2, 1, 1, &model));
  LbPovmCreate(LB_POVM_TETRA, LB_AXES_SYMMETRIC, &povm);
  PetscCall(LbOutcomesCreate(&model, &povm, &o));
  PetscCall(LbOutcomesAt(&o, &model, 0));
  if (!rank) {
    PetscCall(PetscPrintf(PETSC_COMM_SELF, "instruction set %s, %s\n\n", TesIsaName(), TesBlasName()));
    PetscCall(Local(&model, &o));
    PetscCall(Sums());
  }
  PetscCall(Pieces(&model, &o, total));
  PetscCall(LbOutcomesDestroy(&o));
  PetscCall(LbModelDestroy(&model));
  PetscCall(PetscFinalize());
  return 0;
}
