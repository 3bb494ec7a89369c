#pragma once
/* What the machine gives, for the tables of the benchmarks: the rate of a large DGEMM, and how fast an array of some size is read and written where it lives (a cache, or memory).

   The floor of a product with few columns: one that reads (compress) or writes (expand) an array of M numbers and does F flops can not run faster than
   min(DGEMM, bandwidth F / 8 M), for each number moves once whatever is done with it. Reading: a sum with 64 partial sums. Writing: a fill. Both go over one array of the
   size in question again and again, so that it stays where it is; other programs on the same machine slow them as they slow the products. */
#include <tessera/base.h>
#include <tessera/linalg.h>
#include <tessera/timing.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
  #define FLOOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), noinline))
#else
  #define FLOOR_CLONES
#endif

FLOOR_CLONES static PetscReal FloorRead(PetscInt64 n, const PetscReal *a)
{
  PetscReal part[64] = {0}, sum = 0;

  for (PetscInt64 i = 0; i + 64 <= n; i += 64)
    for (PetscInt j = 0; j < 64; j++) part[j] += a[i + j];
  for (PetscInt j = 0; j < 64; j++) sum += part[j];
  return sum;
}

FLOOR_CLONES static void FloorWrite(PetscInt64 n, PetscReal *a, PetscReal value)
{
  for (PetscInt64 i = 0; i < n; i++) a[i] = value;
}

/* bytes per second at which `n` reals are read and written; best of some repeats */
static inline PetscErrorCode FloorBandwidth(PetscInt64 n, PetscReal *read, PetscReal *write)
{
  const PetscInt64 again = 1 + 400000 / PetscMax(n, 1);
  PetscReal       *a, best[2] = {PETSC_MAX_REAL, PETSC_MAX_REAL}, sum = 0;

  PetscFunctionBegin;
  n = PetscMax(n, 64);
  PetscCall(PetscMalloc1((size_t)n, &a));
  FloorWrite(n, a, 1e-3);
  for (PetscInt k = 0; k < 40; k++) {
    PetscReal begin = TesNow();

    for (PetscInt64 i = 0; i < again; i++) sum += FloorRead(n, a);
    best[0] = PetscMin(best[0], TesNow() - begin);
    begin   = TesNow();
    for (PetscInt64 i = 0; i < again; i++) FloorWrite(n, a, 1e-3 + 1e-9 * (PetscReal)(k + i));
    best[1] = PetscMin(best[1], TesNow() - begin);
  }
  PetscCheck(sum > 0, PETSC_COMM_SELF, PETSC_ERR_PLIB, "a sum of positive numbers is %g", (double)sum); /* so that reading is not left out */
  *read  = 8. * (PetscReal)n * (PetscReal)again / best[0];
  *write = 8. * (PetscReal)n * (PetscReal)again / best[1];
  PetscCall(PetscFree(a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* flops per second of a square DGEMM of 512; best of some repeats */
static inline PetscErrorCode FloorDgemm(PetscInt repeats, PetscReal *rate)
{
  enum { N = 512 };
  PetscReal *a, *b, *c, best = PETSC_MAX_REAL;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3(N * N, &a, N * N, &b, N * N, &c));
  for (PetscInt i = 0; i < N * N; i++) a[i] = b[i] = 1. / (1 + i % 7);
  for (PetscInt k = 0; k < repeats; k++) {
    PetscReal begin = TesNow();

    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, N, N, N, 1, a, b, 0, c));
    best = PetscMin(best, TesNow() - begin);
  }
  *rate = 2. * N * N * N / best;
  PetscCall(PetscFree3(a, b, c));
  PetscFunctionReturn(PETSC_SUCCESS);
}
