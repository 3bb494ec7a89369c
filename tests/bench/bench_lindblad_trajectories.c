/* Quantum trajectories of the transverse-field Ising ring (V = 2, g = 1, gamma = 1, all up, T = 5, 51 outputs of the mean of Z): seconds of processor time per trajectory.

   The same few trajectories are run again and again, the best of all repeats counts for each, and their mean is printed; so is the time of one application of the effective Hamiltonian per
   amplitude against a triad of the same size, best of its repeats in the same run. Two ranks share the trajectories of a block: what one rank and what two need for the same ones.
   Run: mpirun -n P bench_lindblad_trajectories [sites ...] */
#include <stdlib.h>
#include <time.h>
#include <tessera/isa.h>
#include "../../src/problems/lindblad/traj_groups.h"
#include "../problems/lindblad/models.h"

#define REPEATS 5

/* seconds of this thread on its processor: other jobs of the machine count less */
static PetscReal Now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (PetscReal)t.tv_sec + 1e-9 * (PetscReal)t.tv_nsec;
}

typedef struct {
  LbModel       model;
  LbPath        path;
  LbPathSetting set;
  LbWaveTerm   *terms;
  LbComplex   **local;
} Case;

static PetscErrorCode Begin(int n, const LbMotionKind *kind, PetscReal tolerance, PetscInt sub, Case *c)
{
  char problem[256];

  PetscFunctionBegin;
  PetscCall(PetscMemzero(c, sizeof *c));
  PetscCall(ModelIsingRing(n, 2, 1, 1, &c->model));
  PetscCall(PetscCalloc1(n, &c->terms));
  PetscCall(PetscCalloc1(n, &c->local));
  for (int m = 0; m < n; m++) {
    const char *const z[] = {"Z"};

    c->terms[m].term.coef = 1.0 / n;
    PetscCall(ModelProduct(&c->model, 1, z, &m, &c->terms[m].term.p));
    PetscCall(PetscCalloc1(2, &c->local[m]));
    c->local[m][0] = 1;
  }
  c->set = (LbPathSetting){.kind = kind, .motion = {.end = 5, .every = 0.1, .rtol = tolerance, .atol = tolerance / 100, .sub = sub}, .seed = 1, .pure = PETSC_TRUE, .share = PETSC_TRUE,
                           .n_columns = 1, .n_terms = n, .terms = c->terms, .local = (const LbComplex *const *)c->local};
  PetscCall(LbPathCreate(PETSC_COMM_SELF, &c->model, &c->set, problem, &c->path));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode End(Case *c)
{
  PetscFunctionBegin;
  PetscCall(LbPathDestroy(&c->path));
  for (int m = 0; m < c->model.n_sites; m++) PetscCall(PetscFree(c->local[m]));
  PetscCall(PetscFree(c->local));
  PetscCall(PetscFree(c->terms));
  PetscCall(LbModelDestroy(&c->model));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* mean over trajectories of the best time of each; on several ranks each does its share, the slowest counts */
static PetscErrorCode Trajectories(Case *c, int count, PetscReal *seconds, PetscReal *jumps, PetscReal *applications)
{
  PetscReal *record, sum = 0;
  PetscInt64 steps, before, after, lost, n = 0, all = 0;
  PetscInt   sub;
  PetscReal  error;
  int        rank, size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  PetscCall(PetscMalloc1(2 * LbPathTimes(c->path), &record));
  PetscCall(LbPathCounts(c->path, &steps, &before, &lost, &sub, &error));
  PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
  for (int id = rank; id < count; id += size) {
    PetscReal best = PETSC_MAX_REAL;

    for (int repeat = 0; repeat < REPEATS; repeat++) {
      const PetscReal begin = Now();

      PetscCall(LbPathRun(c->path, id, record, &n));
      best = PetscMin(best, Now() - begin);
    }
    sum += best;
    all += n;
  }
  PetscCall(LbPathCounts(c->path, &steps, &after, &lost, &sub, &error));
  *applications = (PetscReal)(after - before) / REPEATS;
  *jumps        = (PetscReal)all;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPIU_REAL, MPI_MAX, PETSC_COMM_WORLD));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, jumps, 1, MPIU_REAL, MPI_SUM, PETSC_COMM_WORLD));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, applications, 1, MPIU_REAL, MPI_SUM, PETSC_COMM_WORLD));
  *seconds = sum / count;
  *jumps /= count;
  *applications /= count;
  PetscCall(PetscFree(record));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ns per amplitude of y = -i H_eff x, and of y = x + c z with 3 x 16 bytes per amplitude */
static PetscErrorCode Application(int n, PetscReal *apply, PetscReal *triad)
{
  LbModel      model;
  LbWaveSpace  space;
  LbWaveMap    map;
  LbVec        x, y, z;
  char         problem[256];
  PetscReal    one = 1;
  const double c[2] = {1, 0.5};
  const LbVec *v[2] = {&x, &z};

  PetscFunctionBegin;
  PetscCall(ModelIsingRing(n, 2, 1, 1, &model));
  PetscCall(LbWaveSpaceCreate(PETSC_COMM_SELF, model.n, PETSC_FALSE, &space));
  PetscCall(LbEffective(&space, &model, problem, &map));
  PetscCall(LbVecCreate(&space.shared, &x));
  PetscCall(LbVecCreate(&space.shared, &y));
  PetscCall(LbVecCreate(&space.shared, &z));
  PetscCall(LbWaveBasis(&space, 0, &x));
  *apply = *triad = PETSC_MAX_REAL;
  for (int repeat = 0; repeat < 400 || (PetscReal)repeat * (PetscReal)model.n < 1e7; repeat++) {
    PetscReal begin = Now();

    PetscCall(LbWaveMapApply(map, &one, &x, &y));
    *apply = PetscMin(*apply, Now() - begin);
    begin  = Now();
    PetscCall(LbWaveCombine(&space, 2, c, v, &y));
    *triad = PetscMin(*triad, Now() - begin);
  }
  *apply *= 1e9 / (PetscReal)model.n;
  *triad *= 1e9 / (PetscReal)model.n;
  PetscCall(LbVecDestroy(&x));
  PetscCall(LbVecDestroy(&y));
  PetscCall(LbVecDestroy(&z));
  PetscCall(LbWaveMapDestroy(&map));
  PetscCall(LbWaveSpaceDestroy(&space));
  PetscCall(LbModelDestroy(&model));
  PetscFunctionReturn(PETSC_SUCCESS);
}

int main(int argc, char **argv)
{
  static const struct {
    const char         *name;
    const LbMotionKind *kind;
    PetscReal           tolerance;
    PetscInt            sub;
  } rows[] = {
    {"dp5 1e-6", &lb_motion_dp5, 1e-6, 0}, {"dp5 1e-8", &lb_motion_dp5, 1e-8, 0}, {"strang h = 0.05", &lb_motion_strang, 0, 2}, {"strang h = 0.025", &lb_motion_strang, 0, 4},
  };
  const int standard[] = {10, 12, 14};
  int       size;

  PetscCall(PetscInitializeNoArguments());
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "- ranks: %d, instruction set %s\n\n", size, TesIsaName()));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| sites | H_eff psi, ns per amplitude | triad, ns per amplitude | ratio |\n|---|---|---|---|\n"));
  for (int k = 0; k < (argc > 1 ? argc - 1 : 3); k++) {
    const int n = argc > 1 ? atoi(argv[k + 1]) : standard[k];
    PetscReal apply, triad;

    PetscCall(Application(n, &apply, &triad));
    PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| %d | %.2f | %.2f | %.1f |\n", n, (double)apply, (double)triad, (double)(apply / triad)));
  }
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "\n| sites | motion | ms per trajectory | jumps | applications |\n|---|---|---|---|---|\n"));
  for (int k = 0; k < (argc > 1 ? argc - 1 : 3); k++)
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
      const int n = argc > 1 ? atoi(argv[k + 1]) : standard[k];
      Case      c;
      PetscReal seconds, jumps, applications;

      PetscCall(Begin(n, rows[r].kind, rows[r].tolerance, rows[r].sub, &c));
      PetscCall(Trajectories(&c, n > 12 ? 24 : 40, &seconds, &jumps, &applications));
      PetscCall(PetscPrintf(PETSC_COMM_WORLD, "| %d | %s | %.2f | %.1f | %.0f |\n", n, rows[r].name, (double)(1e3 * seconds), (double)jumps, (double)applications));
      PetscCall(End(&c));
    }
  PetscCall(PetscFinalize());
  return 0;
}
