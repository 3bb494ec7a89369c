/* Training and inference of the multigrid neural operator on one core: images per second, GF/s, share of the measured peak. The peer, torch with the same network, is
   tests/bench/bench_mgno_torch.py; tables in bench_mgno.md. Times are of the processor, so that other work on the machine disturbs less.

     bench_mgno [repeats] */
#include <time.h>
#include <tessera/isa.h>
#include <tessera/optim.h>
#include "../../src/problems/mgno/net.h"

static PetscReal Now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (PetscReal)t.tv_sec + 1e-9 * (PetscReal)t.tv_nsec;
}

/* a convolution small enough for the first-level cache, 32 channels on 8 x 8 points: what the arithmetic units give */
static PetscReal Peak(void)
{
  const MgnoKernels_f32 *k = MgnoKernels32();
  enum { C = 32, N = 8, WIDE = N + 2 };
  static float x[WIDE * WIDE * C], y[WIDE * WIDE * C], w[9 * C * C];
  ptrdiff_t    offset[9];
  const float *taps[9];
  PetscReal    best = 1e300;

  for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) x[i] = 0.1f * (float)(i % 7);
  for (size_t i = 0; i < sizeof w / sizeof w[0]; i++) w[i] = 0.01f * (float)(i % 5);
  for (int t = 0; t < 9; t++) {
    offset[t] = ((t / 3 - 1) * WIDE + t % 3 - 1) * C;
    taps[t]   = w + t * C * C;
  }
  for (int repeat = 0; repeat < 200; repeat++) {
    const PetscReal t0 = Now();

    for (int again = 0; again < 20; again++)
      for (int j = 0; j < N; j++) k->row(N, x + ((j + 1) * WIDE + 1) * C, C, 9, offset, taps, C, C, NULL, 0, 1, y + ((j + 1) * WIDE + 1) * C, C);
    best = PetscMin(best, (Now() - t0) / 20);
  }
  return 2. * 9 * C * C * N * N / best * 1e-9;
}

static PetscErrorCode Run(PetscInt n, PetscInt C, PetscInt batch, PetscInt repeats, PetscReal peak)
{
  MgnoNetSpec         s = {.dim = 2, .n = {n, n, 1}, .layers = 4, .channels = C, .c_in = 1, .c_out = 1, .levels = n < 64 ? 5 : 6, .transfer = NET_REFERENCE, .activation = MGNO_GELU};
  MgnoPlan           *plan;
  MgnoNet             net;
  TesOptimizer        optimizer;
  TesOptimizerOptions options;
  PetscReal          *theta, *g, *x, *y, *packed, train = 1e300, infer = 1e300, flops;
  PetscInt64          n_packed;
  TesType             type;

  PetscFunctionBegin;
  for (PetscInt l = 0; l < s.levels; l++) s.pre[l] = l + 1 < s.levels ? 1 : 2;
  PetscCall(MgnoPlanCreate(&s, &plan));
  PetscCall(MgnoNetCreate(plan, PETSC_TRUE, PETSC_TRUE, PETSC_FALSE, &net));
  (void)MgnoNetGradient(net, &type, &n_packed);
  PetscCall(TesOptimizerDefaults(&options));
  PetscCall(TesOptimizerCreate(&options, plan->size, &optimizer));
  PetscCall(PetscMalloc5(plan->size, &theta, plan->size, &g, n * n, &x, n * n, &y, n_packed, &packed));
  PetscCall(MgnoPlanStart(plan, 1, theta));
  for (PetscInt i = 0; i < n * n; i++) x[i] = (PetscReal)(i % 17) / 17;
  for (PetscInt repeat = 0; repeat < repeats; repeat++) {
    PetscReal t0 = Now();

    PetscCall(MgnoNetWeights(net, theta));
    PetscCall(PetscArrayzero(packed, n_packed));
    for (PetscInt i = 0; i < batch; i++) {
      const float *single;

      PetscCall(MgnoNetClear(net));
      PetscCall(MgnoNetForward(net, x, y));
      PetscCall(MgnoNetBackward(net, y, NULL));
      single = MgnoNetGradient(net, &type, &n_packed);
      for (PetscInt64 k = 0; k < n_packed; k++) packed[k] += single[k];
    }
    PetscCall(MgnoNetUnpack(net, packed, g));
    PetscCall(TesOptimizerApply(optimizer, NULL, theta, g));
    train = PetscMin(train, (Now() - t0) / batch);
    t0    = Now();
    for (PetscInt i = 0; i < batch; i++) PetscCall(MgnoNetForward(net, x, y));
    infer = PetscMin(infer, (Now() - t0) / batch);
  }
  flops = MgnoPlanFlops(plan) * 1e-9;
  PetscCall(PetscPrintf(PETSC_COMM_SELF, "| %d^2 | %d | %7.1f | %6.1f | %4.0f %% | %7.1f | %6.1f |\n", (int)n, (int)C, 1 / train, 3 * flops / train, 100 * 3 * flops / train / peak, 1 / infer, flops / infer));
  PetscCall(PetscFree5(theta, g, x, y, packed));
  PetscCall(TesOptimizerDestroy(&optimizer));
  PetscCall(MgnoNetDestroy(&net));
  PetscCall(MgnoPlanDestroy(&plan));
  PetscFunctionReturn(PETSC_SUCCESS);
}

int main(int argc, char **argv)
{
  PetscInt  repeats = argc > 1 ? atoi(argv[1]) : 10;
  PetscReal peak;

  PetscCall(PetscInitialize(&argc, &argv, NULL, NULL));
  peak = Peak();
  PetscCall(PetscPrintf(PETSC_COMM_SELF, "kernels %s; peak of one core, a convolution in the first-level cache: %.0f GF/s\n\n", TesIsaName(), (double)peak));
  PetscCall(PetscPrintf(PETSC_COMM_SELF, "| grid | C | training, images/s | GF/s | of peak | inference, images/s | GF/s |\n|---|---|---|---|---|---|---|\n"));
  for (PetscInt n = 64; n <= 128; n *= 2)
    for (PetscInt C = 24; C <= 32; C += 8) PetscCall(Run(n, C, 8, repeats, peak));
  PetscCall(PetscFinalize());
  return 0;
}
