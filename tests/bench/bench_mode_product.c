/* Mode products, slab compression and expansion, the Kronecker-sum solver: achieved fraction of the DGEMM rate and of the floor measured in the same run.

   DGEMM: square, 512, the best of its repeats in this process, and again at the end (a machine that others use changes meanwhile: if the two differ by more than 10 %, the
   fractions do too). Floor: bench_floor.h, with the bandwidth of the place where the row's array lives. Each row counts the flops of its products alone, so copies,
   packing and the tree of sums lower the fractions. `plain`: the same products of the whole array by one DGEMM per dimension and outer index, without units and tree.
   Run: mpirun -n P bench_mode_product (rates are per rank, the slowest rank's time; best of at least 5 repeats and 0.3 s). */
#include <string.h>
#include <time.h>
#include <tessera/isa.h>
#include <tessera/linalg.h>
#include <tessera/random.h>
#include <tessera/timing.h>
#include "bench_floor.h"

typedef struct {
  PetscInt     dim, r[3];
  PetscInt64   n[3], plane;
  PetscReal   *m[3], *mt[3], *in, *out, *core, *back;
  PetscReal   *work[2]; /* of the plain products */
  PetscReal    dgemm, read, write;
  TesPartition part;
  TesKronSum   solver;
} Case;

typedef PetscErrorCode (*Work)(Case *, PetscInt);

static void Fill(PetscInt64 n, PetscReal *x)
{
  for (PetscInt64 i = 0; i < n; i++) {
    PetscReal u[2];

    TesRandomUniform(1, TES_STREAM_TEST, (uint32_t)i, 0, 0, u);
    x[i] = u[0] - 0.5;
  }
}

#define BATCH 5e-5 /* seconds: shorter work is repeated within one measurement */
#define SHORT 2e-3 /* seconds: below it the clock of the best repeat is not disturbed by other programs, above it the processor time of a process alone tells what the work takes */

static PetscReal CpuSeconds(void)
{
  struct timespec now;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (PetscReal)now.tv_sec + 1e-9 * (PetscReal)now.tv_nsec;
}

/* seconds of the best repeat, of the slowest rank */
static PetscErrorCode Best(Case *c, Work work, PetscInt arg, PetscReal *seconds)
{
  PetscReal best = PETSC_MAX_REAL, total = 0, once;
  int       size, again;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  PetscCall(work(c, arg));
  once = TesNow();
  PetscCall(work(c, arg));
  once = TesNow() - once;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &once, 1, MPIU_REAL, MPI_MAX, PETSC_COMM_WORLD));
  again = 1 + (int)(BATCH / PetscMax(once, 1e-7)); /* so that neither the clock nor what the barrier leaves behind counts */
  for (int repeat = 0; repeat < 5 || total < 0.3; repeat++) {
    PetscReal begin, time, cpu;

    PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
    cpu   = CpuSeconds();
    begin = TesNow();
    for (int i = 0; i < again; i++) PetscCall(work(c, arg));
    time = TesNow() - begin;
    if (size == 1 && time > SHORT) time = CpuSeconds() - cpu; /* more ranks wait for each other: the clock */
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &time, 1, MPIU_REAL, MPI_MAX, PETSC_COMM_WORLD)); /* the same on all ranks: they stop together */
    best = PetscMin(best, time / again);
    total += time;
  }
  *seconds = best;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Mode(Case *c, PetscInt which)
{
  PetscFunctionBegin;
  PetscCall(TesModeProduct(c->dim, c->n, which, c->r[which], c->m[which], c->in, c->out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Compress(Case *c, PetscInt unused)
{
  (void)unused;
  PetscFunctionBegin;
  PetscCall(TesSlabCompress(PETSC_COMM_WORLD, &c->part, c->dim, c->n, c->r, (const PetscReal *const *)c->m, c->in, c->core));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Expand(Case *c, PetscInt unused)
{
  (void)unused;
  PetscFunctionBegin;
  PetscCall(TesSlabExpand(&c->part, c->dim, c->n, c->r, (const PetscReal *const *)c->mt, c->core, c->out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the products of `Compress` on this rank's rows by DGEMM alone, in the order in which a core shrinks fastest first */
static PetscErrorCode PlainCompress(Case *c, PetscInt unused)
{
  PetscInt64       size[3] = {c->n[0], c->n[1], c->n[2]};
  const PetscReal *now     = c->in;

  PetscFunctionBegin;
  (void)unused;
  size[c->dim - 1] = c->part.n_local;
  for (PetscInt d = 0; d < c->dim; d++) {
    PetscReal *next = d == c->dim - 1 ? c->back : c->work[d % 2];

    PetscCall(TesModeProduct(c->dim, size, d, c->r[d], c->m[d], now, next));
    size[d] = c->r[d];
    now     = next;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PlainExpand(Case *c, PetscInt unused)
{
  PetscInt64       size[3] = {c->r[0], c->r[1], c->r[2]};
  const PetscReal *now     = c->core;

  PetscFunctionBegin;
  (void)unused;
  for (PetscInt d = c->dim - 1; d >= 0; d--) {
    PetscReal     *next = d ? c->work[d % 2] : c->out;
    const PetscInt rows = (PetscInt)(d == c->dim - 1 ? c->part.n_local : c->n[d]);

    PetscCall(TesModeProduct(c->dim, size, d, rows, c->mt[d], now, next));
    size[d] = rows;
    now     = next;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Solve(Case *c, PetscInt unused)
{
  (void)unused;
  PetscFunctionBegin;
  PetscCall(TesKronSumSolve(c->solver, c->core, c->back));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CaseCreate(PetscInt dim, const PetscInt64 n[], PetscInt r, PetscInt64 unit, PetscReal dgemm, Case *c)
{
  PetscInt64 core = 1;

  PetscFunctionBegin;
  memset(c, 0, sizeof *c);
  c->dim   = dim;
  c->plane = 1;
  c->dgemm = dgemm;
  for (PetscInt d = 0; d < dim; d++) {
    c->n[d] = n[d];
    c->r[d] = r;
    core *= r;
    if (d < dim - 1) c->plane *= n[d];
    PetscCall(PetscMalloc2((size_t)(n[d] * r), &c->m[d], (size_t)(n[d] * r), &c->mt[d]));
    Fill(n[d] * r, c->m[d]);
    Fill(n[d] * r, c->mt[d]);
  }
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, n[dim - 1], unit, &c->part));
  PetscCall(PetscMalloc4((size_t)(c->plane * n[dim - 1]), &c->in, (size_t)(c->plane * n[dim - 1]), &c->out, (size_t)core, &c->core, (size_t)core, &c->back));
  PetscCall(PetscMalloc2((size_t)(c->plane * n[dim - 1]), &c->work[0], (size_t)(c->plane * n[dim - 1]), &c->work[1]));
  Fill(c->plane * n[dim - 1], c->in);
  Fill(core, c->core);
  PetscCall(FloorBandwidth(c->plane * c->part.n_local, &c->read, &c->write));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CaseDestroy(Case *c)
{
  PetscFunctionBegin;
  for (PetscInt d = 0; d < c->dim; d++) PetscCall(PetscFree2(c->m[d], c->mt[d]));
  PetscCall(PetscFree4(c->in, c->out, c->core, c->back));
  PetscCall(PetscFree2(c->work[0], c->work[1]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* plain: seconds of the same products by DGEMM alone, 0: none; bandwidth: of reading or writing the array once */
static PetscErrorCode Row(const char what[], const Case *c, PetscReal flops, PetscReal seconds, PetscReal plain, PetscReal bandwidth)
{
  const PetscReal floor = PetscMin(c->dgemm, bandwidth * flops / (8 * (PetscReal)(c->plane * c->part.n_local)));
  char            size[64] = "", by_dgemm[32] = "- | -";

  PetscFunctionBegin;
  for (PetscInt d = 0; d < c->dim; d++) {
    char one[24];

    PetscCall(PetscSNPrintf(one, sizeof one, "%s%d", d ? " x " : "", (int)c->n[d]));
    PetscCall(PetscStrlcat(size, one, sizeof size));
  }
  if (plain > 0) PetscCall(PetscSNPrintf(by_dgemm, sizeof by_dgemm, "%.1f | %.0f %%", (double)(1e-9 * flops / plain), (double)(100 * plain / seconds)));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| %-32s | %-15s | %4d | %4d | %9.4f | %6.1f | %5.0f %% | %s | %6.1f | %5.0f %% |\n", what, size, (int)c->r[0], (int)c->part.unit,
                        (double)(1e3 * seconds), (double)(1e-9 * flops / seconds), (double)(100 * flops / seconds / c->dgemm), by_dgemm, (double)(1e-9 * floor), (double)(100 * flops / seconds / floor)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Bench(PetscInt dim, const PetscInt64 n[], PetscInt r, PetscInt64 unit, PetscBool each, PetscReal dgemm)
{
  Case      c;
  PetscReal total = 1, flops, seconds, plain, largest;

  PetscFunctionBegin;
  PetscCall(CaseCreate(dim, n, r, unit, dgemm, &c));
  for (PetscInt d = 0; d < dim; d++) total *= (PetscReal)n[d];
  for (PetscInt d = 0; d < dim && each; d++) {
    PetscCall(Best(&c, Mode, d, &seconds));
    PetscCall(Row(d == 0 ? "mode product, fastest dimension" : d == 1 ? "mode product, second" : "mode product, third", &c, 2 * total * r, seconds, 0, c.read));
  }
  flops = 0; /* of this rank's rows; the slowest rank has the most */
  for (PetscInt d = 0; d < dim; d++) {
    PetscReal part = 2.0 * r * (PetscReal)c.part.n_local;

    for (PetscInt e = 0; e < dim - 1; e++) part *= e < d ? (PetscReal)r : (PetscReal)n[e];
    flops += part;
  }
  PetscCallMPI(MPI_Allreduce(&flops, &largest, 1, MPIU_REAL, MPI_MAX, PETSC_COMM_WORLD));
  PetscCall(Best(&c, PlainCompress, 0, &plain));
  PetscCall(Best(&c, Compress, 0, &seconds));
  PetscCall(Row("compress (with the tree of sums)", &c, largest, seconds, plain, c.read));
  PetscCall(Best(&c, PlainExpand, 0, &plain));
  PetscCall(Best(&c, Expand, 0, &seconds));
  PetscCall(Row("expand", &c, largest, seconds, plain, c.write));
  PetscCall(CaseDestroy(&c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* second-derivative-like matrices: symmetric plus a little, real spectrum and pairs */
static PetscErrorCode BenchSolve(PetscInt dim, PetscInt r, PetscReal dgemm)
{
  const PetscInt64 n[3] = {r, r, r};
  PetscReal        core = 1, seconds, begin;
  Case             c;

  PetscFunctionBegin;
  PetscCall(CaseCreate(dim, n, r, r, dgemm, &c));
  for (PetscInt d = 0; d < dim; d++) {
    core *= r;
    for (PetscInt i = 0; i < r; i++) c.m[d][i * r + i] -= (i + 1) * (i + 1);
  }
  begin = TesNow();
  PetscCall(TesKronSumCreate(dim, c.r, (const PetscReal *const *)c.m, 0, &c.solver));
  begin = TesNow() - begin;
  PetscCall(Best(&c, Solve, 0, &seconds));
  PetscCall(Row("Kronecker-sum solve, refined", &c, 10.0 * dim * r * core, seconds, 0, c.read)); /* 2 x (to and fro) + 1 operator = 5 dim products of 2 r^(dim+1) flops */
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "  (set-up %.1f ms)\n", (double)(1e3 * begin)));
  PetscCall(TesKronSumDestroy(&c.solver));
  PetscCall(CaseDestroy(&c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Run(void)
{
  PetscReal dgemm, again;
  int       size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  PetscCall(FloorDgemm(50, &dgemm));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &dgemm, 1, MPIU_REAL, MPI_MIN, PETSC_COMM_WORLD));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "BLAS: %s\nranks: %d\nDGEMM 512: %.1f GF/s per rank\n\n", TesBlasName(), size, (double)(1e-9 * dgemm)));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| what | array | r | unit | ms | GF/s | of DGEMM 512 | DGEMM on the shape, GF/s | of it | floor GF/s | of floor |\n|---|---|---|---|---|---|---|---|---|---|---|\n"));
  PetscCall(Bench(2, (PetscInt64[]){60, 60}, 2, 8, PETSC_FALSE, dgemm)); /* the units that gp_pde takes */
  PetscCall(Bench(2, (PetscInt64[]){60, 60}, 4, 8, PETSC_FALSE, dgemm));
  PetscCall(Bench(2, (PetscInt64[]){220, 220}, 2, 27, PETSC_FALSE, dgemm));
  PetscCall(Bench(2, (PetscInt64[]){220, 220}, 4, 27, PETSC_FALSE, dgemm));
  PetscCall(Bench(2, (PetscInt64[]){220, 220}, 8, 27, PETSC_FALSE, dgemm));
  PetscCall(Bench(2, (PetscInt64[]){1000, 1000}, 4, 32, PETSC_FALSE, dgemm));
  PetscCall(Bench(2, (PetscInt64[]){60, 60}, 20, 8, PETSC_FALSE, dgemm));
  PetscCall(Bench(2, (PetscInt64[]){400, 400}, 80, 32, PETSC_TRUE, dgemm));
  PetscCall(Bench(2, (PetscInt64[]){1000, 1000}, 200, 32, PETSC_TRUE, dgemm));
  PetscCall(Bench(3, (PetscInt64[]){128, 128, 128}, 4, 8, PETSC_FALSE, dgemm));
  PetscCall(Bench(3, (PetscInt64[]){128, 128, 128}, 50, 8, PETSC_TRUE, dgemm));
  PetscCall(Bench(2, (PetscInt64[]){400, 400}, 80, 16, PETSC_FALSE, dgemm)); /* smaller ones: what they cost */
  PetscCall(Bench(3, (PetscInt64[]){128, 128, 128}, 50, 1, PETSC_FALSE, dgemm));
  PetscCall(BenchSolve(2, 100, dgemm));
  PetscCall(BenchSolve(3, 50, dgemm));
  PetscCall(FloorDgemm(50, &again));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &again, 1, MPIU_REAL, MPI_MIN, PETSC_COMM_WORLD));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "\nDGEMM 512 at the end: %.1f GF/s per rank\n", (double)(1e-9 * again)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

int main(int argc, char **argv)
{
  PetscErrorCode ierr;

  ierr = PetscInitialize(&argc, &argv, NULL, NULL);
  if (ierr) return TES_EXIT_BUG;
  PetscCallAbort(PETSC_COMM_WORLD, TesBlasSingleThread());
  PetscCallAbort(PETSC_COMM_WORLD, Run());
  return PetscFinalize() ? TES_EXIT_BUG : TES_EXIT_DONE;
}
