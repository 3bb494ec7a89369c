/* The fast Fourier extension of gp_pde, and the published training beside it: seconds and errors.

   bench_gp_fourier [largest N]     prints the table as Markdown (kept in bench_gp_fourier.md)

   Set-up: random block, transpose, two tree-QRs, SVD; once per grid. Solve: one right-hand side. Between: rms error of the series between the nodes, relative to rms f. The sweep is
   sin(200 x + p x^2) with p = 0.45 N, which reaches 0.29 of the highest frequency on the grid; its phase p + 200 rad in double is known to eps p only, and so is f.
   Training: seconds per epoch of Adam on N points, one and two dimensions. The best of three runs each; processor seconds of this process. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <tessera/driver.h>
#include <tessera/isa.h>
#include <time.h>
#include "../../src/problems/gp_pde/extension.h"

extern const TesProblemKind TesProblemGpPde;

static double Seconds(void)
{
  return (double)clock() / CLOCKS_PER_SEC;
}

static PetscErrorCode Extension(PetscInt64 n, PetscInt repeats)
{
  const PetscReal p = 0.45 * (PetscReal)n;
  double          setup = 1e300, solve = 1e300;
  PetscReal      *f, *c, *between, square = 0, size = 0;
  GpExtension     x;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3((size_t)n, &f, (size_t)(2 * n), &c, (size_t)n, &between));
  for (PetscInt64 i = 0; i < n; i++) {
    const PetscReal t = (PetscReal)i / (PetscReal)(n - 1);

    f[i] = PetscSinReal(200 * t + p * t * t);
  }
  for (PetscInt r = 0; r < repeats; r++) {
    double start = Seconds();

    PetscCall(GpExtensionCreate(PETSC_COMM_SELF, 1, n, 0.4, &x));
    PetscCall(GpExtensionSketch(&x, x.cols.n_local));
    PetscCall(GpExtensionFactor(&x));
    setup = fmin(setup, Seconds() - start);
    start = Seconds();
    PetscCall(GpExtensionSolve(&x, f, c));
    solve = fmin(solve, Seconds() - start);
    if (r < repeats - 1) PetscCall(GpExtensionDestroy(&x));
  }
  PetscCall(GpExtensionValues(&x, c, 0.5, between));
  for (PetscInt64 i = 0; i < n - 1; i++) {
    const PetscReal t = ((PetscReal)i + 0.5) / (PetscReal)(n - 1), want = PetscSinReal(200 * t + p * t * t);

    square += PetscSqr(between[i] - want);
    size += want * want;
  }
  printf("| %lld | %d, %d | %.2g | %.2g | %.1e | %.1e |\n", (long long)n, (int)x.columns, (int)x.kept, setup, solve, (double)PetscSqrtReal(square / size), (double)(PETSC_MACHINE_EPSILON * (p + 200)));
  fflush(stdout);
  PetscCall(GpExtensionDestroy(&x));
  PetscCall(PetscFree3(f, c, between));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Training(const char points[], const char equation[], const char name[], PetscInt epochs, PetscInt repeats)
{
  double seconds[2] = {1e300, 1e300};

  PetscFunctionBegin;
  for (PetscInt r = 0; r < repeats; r++) {
    for (int i = 0; i < 2; i++) { /* one epoch, and many: the difference is the training alone */
      const double start = Seconds();
      char        *deck;

      PetscCall(TesFormat(&deck, "problem: gp_pde\ndomain: {upper: 6.283185307179586, points: %s}\nequation: {kind: %s}\nmanufactured: {name: %s}\nsolver: {kind: reference}\nkernel: {freq_scale: 3}\n"
                                 "reference: {epochs: %d}\noutput: {test_points: 10}\n",
                          points, equation, name, i ? (int)epochs + 1 : 1));
      PetscCall(TesRunProblem(PETSC_COMM_SELF, &TesProblemGpPde, deck, NULL, NULL));
      PetscCall(PetscFree(deck));
      seconds[i] = fmin(seconds[i], Seconds() - start);
    }
  }
  printf("| %s, %s | %.2g |\n", equation, points, (seconds[1] - seconds[0]) / (double)epochs);
  fflush(stdout);
  PetscFunctionReturn(PETSC_SUCCESS);
}

int main(int argc, char **argv)
{
  const PetscInt64 largest = argc > 1 ? atoll(argv[1]) : 200000;

  PetscCall(PetscInitialize(&argc, &argv, NULL, NULL));
  PetscCall(TesBlasSingleThread());
  printf("%s, %s, one core, processor seconds\n\n", TesIsaName(), TesBlasName());
  printf("| N | random columns, kept | set-up, s | one solve, s | error between the nodes | rounding of f |\n|---|---|---|---|---|---|\n");
  for (PetscInt64 n = 2000; n <= largest; n *= 10) PetscCall(Extension(n, n > 50000 ? 1 : 3));
  printf("\n| published training, points | seconds per epoch |\n|---|---|\n");
  PetscCall(Training("200", "poisson", "sin100", 100, 3));
  PetscCall(Training("400", "poisson", "sin100", 40, 3));
  PetscCall(Training("[60, 60]", "poisson", "sum", 40, 3));
  PetscCall(Training("[200, 200]", "allen_cahn", "mix_mix", 5, 3));
  PetscCall(PetscFinalize());
  return 0;
}
