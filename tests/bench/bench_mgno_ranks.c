/* Training of the multigrid neural operator on several ranks: batches of 8, forward, backward, exact sum of the gradients, Adam; samples split over the ranks, or all ranks sharing the grids of all
   samples, cut along y, with narrow and wide halos. Efficiency is t(1 rank) / (ranks t), the one rank alone. Two clocks: wall clock, which means something on an idle machine only; and processor time outside
   of calls of MPI, of the rank that needs most: how evenly the work is split and how much of it is done twice, without waits and transport. Best of the repeats. Table in bench_mgno_ranks.md.

     mpirun -n 2 bench_mgno_ranks [repeats [points per dimension]] */
#include <time.h>
#include <tessera/isa.h>
#include <tessera/optim.h>
#include <tessera/tensor_train.h>
#include <tessera/timing.h>
#include "../../src/problems/mgno/net.h"

#define BATCH 8
#define UNIT  2
#define ROUND 4 /* samples that ranks who share grids do at a time, as the program does on two ranks */

/* processor time within MPI: the calls that wait. PETSc counts them by macros */
#undef MPI_Waitall
#undef MPI_Alltoallv
#undef MPI_Allreduce
#undef MPI_Barrier
static PetscReal in_mpi;

static PetscReal Processor(void)
{
  struct timespec t;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (PetscReal)t.tv_sec + 1e-9 * (PetscReal)t.tv_nsec;
}

int MPI_Waitall(int n, MPI_Request *request, MPI_Status *status)
{
  const PetscReal t    = Processor();
  const int       code = PMPI_Waitall(n, request, status);

  in_mpi += Processor() - t;
  return code;
}

int MPI_Alltoallv(const void *a, const int *na, const int *sa, MPI_Datatype ta, void *b, const int *nb, const int *sb, MPI_Datatype tb, MPI_Comm comm)
{
  const PetscReal t    = Processor();
  const int       code = PMPI_Alltoallv(a, na, sa, ta, b, nb, sb, tb, comm);

  in_mpi += Processor() - t;
  return code;
}

int MPI_Allreduce(const void *a, void *b, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm)
{
  const PetscReal t    = Processor();
  const int       code = PMPI_Allreduce(a, b, n, type, op, comm);

  in_mpi += Processor() - t;
  return code;
}

int MPI_Barrier(MPI_Comm comm)
{
  const PetscReal t    = Processor();
  const int       code = PMPI_Barrier(comm);

  in_mpi += Processor() - t;
  return code;
}

typedef struct {
  MgnoPlan    *plan;
  MgnoNet      net;
  TesOptimizer optimizer;
  TesReducer   reducer;
  PetscReal   *theta, *g, *x, *y, *packed;
  PetscInt64   n_packed;
} Run;

/* the ranks of comm: split NULL: the samples [first, first + n) here, else together */
static PetscErrorCode RunCreate(MPI_Comm comm, const MgnoNetSpec *s, const MgnoSplit *split, Run *r)
{
  const PetscInt64    points = (PetscInt64)s->n[0] * s->n[1];
  TesOptimizerOptions options;
  TesType             type;

  PetscFunctionBegin;
  PetscCall(MgnoPlanCreate(s, &r->plan));
  PetscCall(MgnoNetCreateSplit(r->plan, PETSC_TRUE, PETSC_TRUE, PETSC_FALSE, split, BATCH, &r->net));
  (void)MgnoNetGradient(r->net, &type, &r->n_packed);
  PetscCall(TesReducerCreate(comm, TES_REDUCE_EXACT, r->plan->n_tensors, MgnoNetOffsets(r->net), &r->reducer));
  PetscCall(TesOptimizerDefaults(&options));
  PetscCall(TesOptimizerCreate(&options, r->plan->size, &r->optimizer));
  PetscCall(PetscMalloc5(r->plan->size, &r->theta, r->plan->size, &r->g, BATCH * points, &r->x, BATCH * points, &r->y, r->n_packed, &r->packed));
  PetscCall(MgnoPlanStart(r->plan, 1, r->theta));
  for (PetscInt64 i = 0; i < BATCH * points; i++) r->x[i] = (PetscReal)(i % 17) / 17;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RunDestroy(Run *r)
{
  PetscFunctionBegin;
  PetscCall(PetscFree5(r->theta, r->g, r->x, r->y, r->packed));
  PetscCall(TesOptimizerDestroy(&r->optimizer));
  PetscCall(TesReducerDestroy(&r->reducer));
  PetscCall(MgnoNetDestroy(&r->net));
  PetscCall(MgnoPlanDestroy(&r->plan));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* one update; n samples here, or of the split */
static PetscErrorCode Update(Run *r, const MgnoSplit *split, PetscInt n)
{
  TesType    type;
  PetscInt64 words;

  PetscFunctionBegin;
  PetscCall(MgnoNetWeights(r->net, r->theta));
  PetscCall(TesReducerBegin(r->reducer, NULL));
  (void)MgnoNetGradient(r->net, &type, &words);
  for (PetscInt i = 0; i < n; i += split ? ROUND : 1) {
    const PetscInt round = split ? ROUND : 1;

    PetscCall(MgnoNetRound(r->net, round, UNIT, NULL));
    if (i % UNIT == 0) PetscCall(MgnoNetClear(r->net));
    PetscCall(MgnoNetForward(r->net, r->x, r->y));
    PetscCall(MgnoNetBackward(r->net, r->y, NULL));
    if ((i + round) % UNIT) continue;
    for (PetscInt u = 0; u < (round + UNIT - 1) / UNIT; u++)
      for (PetscInt k = 0; k < MgnoNetLeaves(r->net); k++) PetscCall(TesReducerAddSome(r->reducer, type, MgnoNetLeaf(r->net, u, k), MgnoNetLeafTensors(r->net, u, k)));
  }
  PetscCall(TesReducerFinish(r->reducer, r->packed));
  PetscCall(MgnoNetUnpack(r->net, r->packed, r->g));
  PetscCall(TesOptimizerApply(r->optimizer, NULL, r->theta, r->g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the others sleep while rank 0 works alone */
static PetscErrorCode Sleep(void)
{
  MPI_Request request;
  int         done = 0;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Ibarrier(PETSC_COMM_WORLD, &request));
  while (!done) {
    const struct timespec some = {.tv_nsec = 2000000};

    nanosleep(&some, NULL);
    PetscCallMPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Best(MPI_Comm comm, const MgnoNetSpec *s, const MgnoSplit *split, PetscInt n, PetscInt repeats, PetscReal best[2], PetscReal *halo)
{
  Run run = {NULL};

  PetscFunctionBegin;
  PetscCall(RunCreate(comm, s, split, &run));
  PetscCall(Update(&run, split, n));
  best[0] = best[1] = 1e300;
  for (PetscInt k = 0; k < repeats; k++) {
    const PetscReal before = MgnoNetSeconds(run.net);
    PetscReal       t, work;

    PetscCallMPI(MPI_Barrier(comm));
    t    = TesNow();
    work = Processor() - in_mpi;
    PetscCall(Update(&run, split, n));
    work = Processor() - in_mpi - work;
    PetscCallMPI(MPI_Barrier(comm));
    t = TesNow() - t;
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &work, 1, MPIU_REAL, MPI_MAX, comm));
    if (t < best[0]) *halo = (MgnoNetSeconds(run.net) - before) / t;
    best[0] = PetscMin(best[0], t);
    best[1] = PetscMin(best[1], work);
  }
  PetscCall(RunDestroy(&run));
  PetscFunctionReturn(PETSC_SUCCESS);
}

int main(int argc, char **argv)
{
  PetscInt repeats = argc > 1 ? atoi(argv[1]) : 10;
  int      rank, size;

  PetscCall(PetscInitialize(&argc, &argv, NULL, NULL));
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "kernels %s, %d ranks, batches of %d\n\n| grid | C | ranks share | work, ms per update | efficiency | wall clock, ms | efficiency | in exchanges |\n|---|---|---|---|---|---|---|---|\n", TesIsaName(), size, BATCH));
  for (PetscInt n = argc > 2 ? atoi(argv[2]) : 64; n <= (argc > 2 ? atoi(argv[2]) : 256); n *= 2) {
    MgnoNetSpec s     = {.dim = 2, .n = {n, n, 1}, .layers = 4, .channels = 24, .c_in = 1, .c_out = 1, .levels = 6, .transfer = NET_REFERENCE, .activation = MGNO_GELU, .min_local = 8};
    PetscReal   alone[2] = {0, 0}, cut[2] = {0, 0}, t[2], halo = 0;

    for (PetscInt l = 0; l < s.levels; l++) s.pre[l] = l + 1 < s.levels ? 1 : 2;
    for (int blocks = 0; blocks < 2; blocks++) {
      s.blocks[1] = blocks ? size : 1;
      if (!rank) PetscCall(Best(PETSC_COMM_SELF, &s, NULL, BATCH, repeats, blocks ? cut : alone, &halo));
      PetscCall(Sleep());
    }
    PetscCallMPI(MPI_Bcast(alone, 2, MPIU_REAL, 0, PETSC_COMM_WORLD));
    PetscCallMPI(MPI_Bcast(cut, 2, MPIU_REAL, 0, PETSC_COMM_WORLD));
    PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| %d^2 | 24 | one rank | %.1f | | %.1f | | |\n| %d^2 | 24 | one rank, gradient in %d blocks | %.1f | | %.1f | | |\n", (int)n, 1e3 * alone[1], 1e3 * alone[0], (int)n, size, 1e3 * cut[1], 1e3 * cut[0]));
    s.blocks[1] = 1;
    PetscCall(Best(PETSC_COMM_WORLD, &s, NULL, BATCH / size, repeats, t, &halo));
    PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| %d^2 | 24 | samples | %.1f | %.0f %% | %.1f | %.0f %% | |\n", (int)n, 1e3 * t[1], 100 * alone[1] / (size * t[1]), 1e3 * t[0], 100 * alone[0] / (size * t[0])));
    s.blocks[1] = size;
    for (int wide = 0; wide < 2; wide++) {
      const MgnoSplit split = {.comm = PETSC_COMM_WORLD, .p = {1, size, 1}, .wide = (PetscBool)wide};

      PetscCall(Best(PETSC_COMM_WORLD, &s, &split, BATCH, repeats, t, &halo));
      PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| %d^2 | 24 | grids, %s halo | %.1f | %.0f %% | %.1f | %.0f %% | %.0f %% |\n", (int)n, wide ? "wide" : "narrow", 1e3 * t[1], 100 * cut[1] / (size * t[1]), 1e3 * t[0], 100 * cut[0] / (size * t[0]), 100 * halo));
    }
  }
  PetscCall(PetscFinalize());
  return 0;
}
