/* What this machine gives: the floors that every other table here is read against.

   Per rank, all ranks at once (so two ranks show what they take from each other): a triad y = a + s b in arrays of each level of the memory, counting 24 bytes per entry;
   square DGEMMs; transforms of a plane, counting 5 n log2 n flops. Between ranks: half a round trip of a message, and a sum over all ranks. Times are by the clock, the best
   of repeats, the slowest rank counts. Run: mpirun -n P bench_machine, with other work kept off the machine. */
#include <math.h>
#include <tessera/fft.h>
#include <tessera/isa.h>
#include "bench_floor.h"

enum { REPEATS = 15 };

FLOOR_CLONES static void Triad(PetscInt64 n, const PetscReal *restrict a, const PetscReal *restrict b, PetscReal *restrict y)
{
  for (PetscInt64 i = 0; i < n; i++) y[i] = a[i] + 3 * b[i];
}

/* the longest time of a rank */
static PetscErrorCode Slowest(PetscReal *seconds)
{
  PetscFunctionBegin;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, seconds, 1, MPIU_REAL, MPI_MAX, PETSC_COMM_WORLD));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TriadRow(const char *name, PetscInt64 n)
{
  const PetscInt64 again = 1 + 4000000 / n;
  PetscReal       *a, *b, *y, best = PETSC_MAX_REAL;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3((size_t)n, &a, (size_t)n, &b, (size_t)n, &y));
  for (PetscInt64 i = 0; i < n; i++) a[i] = b[i] = y[i] = 1e-3 * (PetscReal)(i % 13);
  for (PetscInt k = 0; k < REPEATS; k++) {
    PetscReal begin;

    PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
    begin = TesNow();
    for (PetscInt64 i = 0; i < again; i++) {
      Triad(n, a, b, y);
      b[i % n] = y[(i + 1) % n]; /* each pass needs the one before it */
    }
    best = PetscMin(best, TesNow() - begin);
  }
  PetscCall(Slowest(&best));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| triad, three arrays of %s | %.1f GB/s |\n", name, (double)(24e-9 * (PetscReal)n * (PetscReal)again / best)));
  PetscCall(PetscFree3(a, b, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GemmRow(PetscInt n)
{
  const PetscInt again = (PetscInt)(1 + 3e7 / ((double)n * n * n));
  PetscReal     *a, *b, *c, best = PETSC_MAX_REAL;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3((size_t)n * n, &a, (size_t)n * n, &b, (size_t)n * n, &c));
  for (PetscInt i = 0; i < n * n; i++) a[i] = b[i] = 1. / (1 + i % 7);
  for (PetscInt k = 0; k < REPEATS; k++) {
    PetscReal begin;

    PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
    begin = TesNow();
    for (PetscInt i = 0; i < again; i++) PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, n, n, 1, a, b, 0, c));
    best = PetscMin(best, TesNow() - begin);
  }
  PetscCall(Slowest(&best));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| DGEMM, n = %" PetscInt_FMT " | %.1f GF/s |\n", n, (double)(2e-9 * n * n * n * again / best)));
  PetscCall(PetscFree3(a, b, c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* of each rank for itself, and of all together */
static PetscErrorCode TransformRow(MPI_Comm comm, PetscInt64 n, const char *whose)
{
  const PetscInt64 sizes[2] = {n, n};
  const PetscReal  flops    = 10 * (PetscReal)n * (PetscReal)n * log2((double)n); /* 5 n^2 log2 n^2 */
  TesFFT           fft;
  PetscInt64       rows;
  PetscReal       *in, *out, best = PETSC_MAX_REAL;

  PetscFunctionBegin;
  PetscCall(TesFFTCreate(comm, TES_FFT_C2C, 2, sizes, NULL, &fft));
  rows = TesFFTInput(fft)->n_local;
  PetscCall(PetscMalloc2((size_t)(rows * TesFFTInputRow(fft)) + 1, &in, (size_t)(TesFFTOutput(fft)->n_local * TesFFTOutputRow(fft)) + 1, &out));
  for (PetscInt64 i = 0; i < rows * TesFFTInputRow(fft); i++) in[i] = 1e-3 * (PetscReal)(i % 13);
  for (PetscInt k = 0; k < REPEATS; k++) {
    PetscReal begin;

    PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
    begin = TesNow();
    PetscCall(TesFFTForward(fft, in, out));
    best = PetscMin(best, TesNow() - begin);
  }
  PetscCall(Slowest(&best));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| complex transform, %lld x %lld, %s | %.2f GF/s, %.2f ms |\n", (long long)n, (long long)n, whose, (double)(1e-9 * flops / best),
                        (double)(1e3 * best)));
  PetscCall(PetscFree2(in, out));
  PetscCall(TesFFTDestroy(&fft));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ranks 0 and 1; others wait */
static PetscErrorCode PingPongRow(PetscInt64 bytes, PetscMPIInt rank)
{
  const PetscInt again = (PetscInt)(20 + 20000000 / (bytes + 10000));
  PetscReal      best  = PETSC_MAX_REAL;
  char          *data;

  PetscFunctionBegin;
  PetscCall(PetscCalloc1((size_t)bytes, &data));
  for (PetscInt k = 0; k < REPEATS; k++) {
    PetscReal begin;

    PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
    begin = TesNow();
    for (PetscInt i = 0; i < again && rank < 2; i++) {
      if (rank == 0) PetscCallMPI(MPI_Send(data, (PetscMPIInt)bytes, MPI_BYTE, 1, 0, PETSC_COMM_WORLD));
      PetscCallMPI(MPI_Recv(data, (PetscMPIInt)bytes, MPI_BYTE, 1 - rank, 0, PETSC_COMM_WORLD, MPI_STATUS_IGNORE));
      if (rank == 1) PetscCallMPI(MPI_Send(data, (PetscMPIInt)bytes, MPI_BYTE, 0, 0, PETSC_COMM_WORLD));
    }
    if (rank < 2) best = PetscMin(best, (TesNow() - begin) / (2 * again));
  }
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| message of %lld bytes, one way | %.2f us, %.2f GB/s |\n", (long long)bytes, (double)(1e6 * best), (double)(1e-9 * (PetscReal)bytes / best)));
  PetscCall(PetscFree(data));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AllreduceRow(PetscMPIInt n)
{
  const PetscInt again = (PetscInt)(20 + 2000000 / (n + 1000));
  PetscReal      best = PETSC_MAX_REAL, *in, *out;

  PetscFunctionBegin;
  PetscCall(PetscCalloc2((size_t)n, &in, (size_t)n, &out));
  for (PetscInt k = 0; k < REPEATS; k++) {
    PetscReal begin;

    PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
    begin = TesNow();
    for (PetscInt i = 0; i < again; i++) PetscCallMPI(MPI_Allreduce(in, out, n, MPIU_REAL, MPI_SUM, PETSC_COMM_WORLD));
    best = PetscMin(best, (TesNow() - begin) / again);
  }
  PetscCall(Slowest(&best));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| sum of %d numbers over all ranks | %.2f us |\n", n, (double)(1e6 * best)));
  PetscCall(PetscFree2(in, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

int main(int argc, char **argv)
{
  PetscMPIInt rank, size;

  PetscCall(PetscInitialize(&argc, &argv, NULL, NULL));
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "ranks: %d, instruction set %s\n\n| what, each rank | rate |\n|---|---|\n", size, TesIsaName()));
  PetscCall(TriadRow("8 KiB", 1 << 10));
  PetscCall(TriadRow("256 KiB", 1 << 15));
  PetscCall(TriadRow("64 MiB", 1 << 23));
  for (PetscInt n = 4; n <= 1024; n *= 2) PetscCall(GemmRow(n));
  PetscCall(TransformRow(PETSC_COMM_SELF, 256, "alone"));
  PetscCall(TransformRow(PETSC_COMM_SELF, 1024, "alone"));
  if (size > 1) {
    PetscCall(TransformRow(PETSC_COMM_WORLD, 1024, "shared by all ranks"));
    for (PetscInt64 bytes = 8; bytes <= 8 << 20; bytes *= 32) PetscCall(PingPongRow(bytes, rank));
    for (PetscMPIInt n = 1; n <= 100000; n *= 100) PetscCall(AllreduceRow(n));
  }
  PetscCall(PetscFinalize());
  return 0;
}
