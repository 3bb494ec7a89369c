/* Mode products, slab compression and expansion, the Kronecker-sum solver: achieved fraction of the DGEMM rate measured in the same run.

   The floor is a square DGEMM of 512, the best of its repeats in this process, and again at the end (a machine that others use changes meanwhile: if the two differ
   by more than 10 %, the fractions do too). Each row counts the flops of its products alone, so copies, packing and the tree of sums lower the fraction.
   Run: mpirun -n P bench_mode_product (rates are per rank, the slowest rank's time; best of at least 5 repeats and 0.3 s). */
#include <string.h>
#include <tessera/isa.h>
#include <tessera/linalg.h>
#include <tessera/random.h>
#include <tessera/timing.h>

typedef struct {
  PetscInt     dim, r[3];
  PetscInt64   n[3], plane;
  PetscReal   *m[3], *mt[3], *in, *out, *core, *back;
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

/* seconds of the best repeat, of the slowest rank */
static PetscErrorCode Best(Case *c, Work work, PetscInt arg, PetscReal *seconds)
{
  PetscReal best = PETSC_MAX_REAL, total = 0;

  PetscFunctionBegin;
  PetscCall(work(c, arg));
  for (int repeat = 0; repeat < 5 || total < 0.3; repeat++) {
    PetscReal begin, time;

    PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
    begin = TesNow();
    PetscCall(work(c, arg));
    time = TesNow() - begin;
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &time, 1, MPIU_REAL, MPI_MAX, PETSC_COMM_WORLD)); /* the same on all ranks: they stop together */
    best = PetscMin(best, time);
    total += time;
  }
  *seconds = best;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Square(Case *c, PetscInt n)
{
  PetscFunctionBegin;
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, n, n, 1, c->in, c->in + n * n, 0, c->in + 2 * n * n));
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

static PetscErrorCode Solve(Case *c, PetscInt unused)
{
  (void)unused;
  PetscFunctionBegin;
  PetscCall(TesKronSumSolve(c->solver, c->core, c->back));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CaseCreate(PetscInt dim, const PetscInt64 n[], PetscInt r, PetscInt64 unit, Case *c)
{
  PetscInt64 core = 1;

  PetscFunctionBegin;
  memset(c, 0, sizeof *c);
  c->dim   = dim;
  c->plane = 1;
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
  Fill(c->plane * n[dim - 1], c->in);
  Fill(core, c->core);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CaseDestroy(Case *c)
{
  PetscFunctionBegin;
  for (PetscInt d = 0; d < c->dim; d++) PetscCall(PetscFree2(c->m[d], c->mt[d]));
  PetscCall(PetscFree4(c->in, c->out, c->core, c->back));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Row(const char what[], const Case *c, PetscReal flops, PetscReal seconds, PetscReal floor)
{
  char size[64] = "";

  PetscFunctionBegin;
  for (PetscInt d = 0; d < c->dim; d++) {
    char one[24];

    PetscCall(PetscSNPrintf(one, sizeof one, "%s%d", d ? " x " : "", (int)c->n[d]));
    PetscCall(PetscStrlcat(size, one, sizeof size));
  }
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| %-34s | %-17s | %4d | %4d | %9.3f | %6.1f | %5.0f %% |\n", what, size, (int)c->r[0], (int)c->part.unit, (double)(1e3 * seconds),
                        (double)(1e-9 * flops / seconds), (double)(100 * flops / seconds / floor)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Bench(PetscInt dim, const PetscInt64 n[], PetscInt r, PetscInt64 unit, PetscReal floor)
{
  Case      c;
  PetscReal total = 1, flops, seconds, largest;

  PetscFunctionBegin;
  PetscCall(CaseCreate(dim, n, r, unit, &c));
  for (PetscInt d = 0; d < dim; d++) total *= n[d];
  for (PetscInt d = 0; d < dim; d++) {
    PetscCall(Best(&c, Mode, d, &seconds));
    PetscCall(Row(d == 0 ? "mode product, fastest dimension" : d == 1 ? "mode product, second" : "mode product, third", &c, 2 * total * r, seconds, floor));
  }
  flops = 0; /* of this rank's rows; the slowest rank has the most */
  for (PetscInt d = 0; d < dim; d++) {
    PetscReal part = 2.0 * r * c.part.n_local;

    for (PetscInt e = 0; e < dim - 1; e++) part *= e < d ? r : n[e];
    flops += part;
  }
  PetscCallMPI(MPI_Allreduce(&flops, &largest, 1, MPIU_REAL, MPI_MAX, PETSC_COMM_WORLD));
  PetscCall(Best(&c, Compress, 0, &seconds));
  PetscCall(Row("compress (with the tree of sums)", &c, largest, seconds, floor));
  PetscCall(Best(&c, Expand, 0, &seconds));
  PetscCall(Row("expand", &c, largest, seconds, floor));
  PetscCall(CaseDestroy(&c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* second-derivative-like matrices: symmetric plus a little, real spectrum and pairs */
static PetscErrorCode BenchSolve(PetscInt dim, PetscInt r, PetscReal floor)
{
  const PetscInt64 n[3] = {r, r, r};
  PetscReal        core = 1, seconds, begin;
  Case             c;

  PetscFunctionBegin;
  PetscCall(CaseCreate(dim, n, r, r, &c));
  for (PetscInt d = 0; d < dim; d++) {
    core *= r;
    for (PetscInt i = 0; i < r; i++) c.m[d][i * r + i] -= (i + 1) * (i + 1);
  }
  begin = TesNow();
  PetscCall(TesKronSumCreate(dim, c.r, (const PetscReal *const *)c.m, 0, &c.solver));
  begin = TesNow() - begin;
  PetscCall(Best(&c, Solve, 0, &seconds));
  PetscCall(Row("Kronecker-sum solve, refined", &c, 10.0 * dim * r * core, seconds, floor)); /* 2 x (to and fro) + 1 operator = 5 dim products of 2 r^(dim+1) flops */
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "  (set-up %.1f ms)\n", (double)(1e3 * begin)));
  PetscCall(TesKronSumDestroy(&c.solver));
  PetscCall(CaseDestroy(&c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Run(void)
{
  const PetscInt n = 512;
  Case           c;
  PetscReal      seconds, floor, again;
  int            size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  PetscCall(CaseCreate(2, (PetscInt64[]){3 * n, n}, 4, n, &c));
  PetscCall(Best(&c, Square, n, &seconds));
  floor = 2.0 * n * n * n / seconds;
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "BLAS: %s\nranks: %d\nDGEMM %d: %.1f GF/s per rank\n\n", TesBlasName(), size, (int)n, (double)(1e-9 * floor)));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| what                               | array             |    r | unit |        ms |   GF/s | of DGEMM |\n|---|---|---|---|---|---|---|\n"));
  PetscCall(Bench(2, (PetscInt64[]){400, 400}, 80, 64, floor));
  PetscCall(Bench(2, (PetscInt64[]){400, 400}, 80, 16, floor));
  PetscCall(Bench(2, (PetscInt64[]){1000, 1000}, 200, 64, floor));
  PetscCall(Bench(3, (PetscInt64[]){128, 128, 128}, 50, 8, floor));
  PetscCall(Bench(3, (PetscInt64[]){128, 128, 128}, 50, 1, floor));
  PetscCall(BenchSolve(2, 100, floor));
  PetscCall(BenchSolve(3, 50, floor));
  PetscCall(Best(&c, Square, n, &seconds));
  again = 2.0 * n * n * n / seconds;
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "\nDGEMM %d at the end: %.1f GF/s per rank\n", (int)n, (double)(1e-9 * again)));
  PetscCall(CaseDestroy(&c));
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
