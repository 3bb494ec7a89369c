/* lindblad: one application of the Liouvillian, evolution and steady states, in seconds of this process' CPU time (best of several; other jobs on the machine cost bandwidth, but not time of theirs).

   Floor of an application: bytes that must move (24 per entry and pass over memory: x read, y read and written) at the rate of a triad y = x + s z (24 bytes per entry) measured beside it.
   bench_lindblad [quick]: quick leaves out what takes long. bench_lindblad ring N: the Ising ring alone. [mpirun -n P] bench_lindblad evolve N [T [integrator]]: a whole run, its memory and its final values. mpirun -n P bench_lindblad ranks: seconds of the clock of one application by shared memory and by messages, to hold against P = 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tessera/driver.h>
#include <tessera/isa.h>
#include "../../src/problems/lindblad/lindblad.h"

extern const TesProblemKind TesProblemLindblad;

static double Cpu(void)
{
  struct timespec t;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static PetscErrorCode Applications(TesProblem problem, TesReport report, void *arg)
{
  Lindblad        *c = TesProblemCtx(problem);
  const LbSpace   *space = LbLiouvilleSpace(c->density.l);
  const LbFused    plain = {.scale = 1};
  LbFused          fused = {.scale = 1, .shift = 0.1, .a = -0.2, .b = 0.3};
  const PetscInt64 n = space->n_entries;
  const int        repeats = n < 2000000 ? 60 : 12;
  double           best[3] = {1e9, 1e9, 1e9};
  PetscReal        f[4];
  LbVec            y, z;

  PetscFunctionBegin;
  (void)report;
  PetscCall(LbVecCreate(space, &y));
  PetscCall(LbVecCreate(space, &z));
  fused.x0 = &z;
  LbModelFactors(&c->model, 0, f);
  for (int r = 0; r < repeats; r++) {
    const LbVec *v[2] = {&c->density.x, &z};
    const double w[2] = {1, 0.5};
    double       t = Cpu();

    PetscCall(LbApply(c->density.l, f, &plain, &c->density.x, &y));
    best[0] = PetscMin(best[0], Cpu() - t);
    t       = Cpu();
    PetscCall(LbApply(c->density.l, f, &fused, &c->density.x, &y));
    best[1] = PetscMin(best[1], Cpu() - t);
    t       = Cpu();
    PetscCall(LbCombine(space, 2, w, v, &y));
    best[2] = PetscMin(best[2], Cpu() - t);
  }
  printf("| %-34s | %10.4g | %7.2f | %7.2f | %7.2f | %6.2f |\n", (const char *)arg, best[0], best[0] / (double)n * 1e9, best[1] / (double)n * 1e9, best[2] / (double)n * 1e9, best[0] / best[2]);
  fflush(stdout);
  PetscCall(LbVecDestroy(&y));
  PetscCall(LbVecDestroy(&z));
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define RING    "problem: lindblad\nsystem: {sites: [{count: %d}], lattice: {kind: chain, periodic: true}}\n"
#define DECAY   "jumps:\n  - {ops: [Sm], on: sites, rate: %s}\n"
#define NO_TIME "time: {end: 0}\n"

static PetscErrorCode Timed(const char name[], const char deck[])
{
  const double t = Cpu();

  PetscFunctionBegin;
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, NULL, NULL));
  printf("| %-60s | %8.3f |\n", name, Cpu() - t);
  fflush(stdout);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Bench(PetscBool quick)
{
  char deck[2048], name[128];

  PetscFunctionBegin;
  printf("instruction set %s\n\n| L x | s | ns/entry | fused | triad | / triad |\n|---|---|---|---|---|---|\n", TesIsaName());
  for (int n = 9; n <= (quick ? 11 : 12); n++) {
    snprintf(deck, sizeof deck, RING "hamiltonian:\n  - {ops: [Z, Z], on: bonds, coeff: 0.5}\n  - {ops: [X], on: sites, coeff: 0.5}\n" DECAY NO_TIME, n, "1");
    snprintf(name, sizeof name, "TFIM ring N = %d", n);
    PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, Applications, name));
  }
  snprintf(deck, sizeof deck, RING "hamiltonian:\n  - {ops: [X, X], on: bonds}\n  - {ops: [Y, Y], on: bonds}\n  - {ops: [Z, Z], on: bonds}\n  - {ops: [Z], on: sites}\n" DECAY NO_TIME, 11, "1");
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, Applications, "Heisenberg ring N = 11"));
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad,
                          "problem: lindblad\nsystem: {sites: [{count: 9}], lattice: {kind: square, size: [3, 3], periodic: true}}\nhamiltonian:\n  - {ops: [X, X], on: bonds, coeff: 0.9}\n"
                          "  - {ops: [Y, Y], on: bonds, coeff: 1.6}\n  - {ops: [Z, Z], on: bonds}\njumps:\n  - {ops: [Sm], on: sites, rate: 1}\n" NO_TIME,
                          Applications, "XYZ 3 x 3"));
  if (!quick)
    PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad,
                            "problem: lindblad\nsystem: {sites: [{count: 8, dim: 3}]}\nhamiltonian:\n  - {ops: [ad*ad*a*a], on: sites, coeff: 1.2566}\n  - {ops: [ad, a], on: pairs, coeff: 0.6283, hc: true}\n"
                            "jumps:\n  - {ops: [a], on: sites, rate: 0.01}\n" NO_TIME,
                            Applications, "8 cavities d = 3, all to all"));
  printf("\n| run | s CPU |\n|---|---|\n");
  for (int n = 8; n <= (quick ? 8 : 10); n += 2) {
    snprintf(deck, sizeof deck, RING "hamiltonian:\n  - {ops: [Z, Z], on: bonds, coeff: 0.5}\n  - {ops: [X], on: sites, coeff: 0.5}\n" DECAY "time: {end: 5, output_every: 5}\nintegrator: {rtol: 1e-8}\n", n, "1");
    snprintf(name, sizeof name, "evolve TFIM N = %d to T = 5 at 1e-8 (faber)", n);
    PetscCall(Timed(name, deck));
    snprintf(deck, sizeof deck, RING "task: steady\nsteady: {check_unique: false}\nhamiltonian:\n  - {ops: [Z, Z], on: bonds, coeff: 0.5}\n  - {ops: [X], on: sites, coeff: 1.2}\n" DECAY, n, "1");
    snprintf(name, sizeof name, "steady N = %d moderate (V = 2, g = 2.4, gamma = 1) to 1e-10", n);
    PetscCall(Timed(name, deck));
    snprintf(deck, sizeof deck, RING "task: steady\nsteady: {check_unique: false}\nhamiltonian:\n  - {ops: [Z, Z], on: bonds, coeff: 1.5}\n  - {ops: [X], on: sites, coeff: 1.2}\n" DECAY, n, "0.3");
    snprintf(name, sizeof name, "steady N = %d hard (V = 6, g = 2.4, gamma = 0.3) to 1e-10", n);
    PetscCall(Timed(name, deck));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the clock of the slowest rank, best of several */
static PetscErrorCode Clock(TesProblem problem, TesReport report, void *arg)
{
  Lindblad      *c = TesProblemCtx(problem);
  const LbSpace *space = LbLiouvilleSpace(c->density.l);
  const LbFused  plain = {.scale = 1};
  PetscReal      f[4], best = PETSC_MAX_REAL;
  LbTraffic      traffic;
  LbVec          y;

  PetscFunctionBegin;
  (void)report;
  PetscCall(LbVecCreate(space, &y));
  LbModelFactors(&c->model, 0, f);
  for (int r = 0; r < 15; r++) {
    double t;

    PetscCallMPI(MPI_Barrier(space->comm));
    t = MPI_Wtime();
    PetscCall(LbApply(c->density.l, f, &plain, &c->density.x, &y));
    t = MPI_Wtime() - t;
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &t, 1, MPI_DOUBLE, MPI_MAX, space->comm));
    best = PetscMin(best, t);
  }
  PetscCall(LbLiouvilleTraffic(c->density.l, &traffic));
  if (!space->rank)
    printf("| %-18s | %d | %-9s | %8.2f | %8.2f | %8.1f | %8.1f |\n", (const char *)arg, space->size,
           !space->messages ? "shared" : !traffic.n_remap ? "exchange" : "remap", 1e3 * best, best / (double)space->n_entries * 1e9, traffic.chosen / 1e6, traffic.buffer / 1e6);
  fflush(stdout);
  PetscCall(LbVecDestroy(&y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Ranks(void)
{
  static const char *const ways[] = {"auto", "exchange", "remap"};
  char                     deck[2048], name[64];
  int                      rank, size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  if (!rank) printf("| L x | ranks | by | ms of the clock | ns/entry | MB received per rank | MB of buffers |\n|---|---|---|---|---|---|---|\n");
  for (int n = 11; n <= 12; n++)
    for (int way = 0; way < (size > 1 ? 3 : 1); way++) {
      snprintf(deck, sizeof deck, RING "hamiltonian:\n  - {ops: [Z, Z], on: bonds, coeff: 0.5}\n  - {ops: [X], on: sites, coeff: 0.5}\n" DECAY NO_TIME "parallel: {transport: %s}\n", n, "1", ways[way]);
      snprintf(name, sizeof name, "TFIM ring N = %d", n);
      PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, Clock, name));
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define TFIM "hamiltonian:\n  - {ops: [Z, Z], on: bonds, coeff: 0.5}\n  - {ops: [X], on: sites, coeff: 0.5}\n"

static PetscErrorCode Ring(int n)
{
  char deck[1024], name[64];

  PetscFunctionBegin;
  printf("instruction set %s\n\n| L x | s | ns/entry | fused | triad | / triad |\n|---|---|---|---|---|---|\n", TesIsaName());
  snprintf(deck, sizeof deck, RING TFIM DECAY NO_TIME, n, "1");
  snprintf(name, sizeof name, "TFIM ring N = %d", n);
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, Applications, name));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Count(TesProblem problem, TesReport report, void *arg)
{
  Lindblad *c = TesProblemCtx(problem);

  PetscFunctionBegin;
  (void)report;
  ((PetscReal *)arg)[0] = (PetscReal)c->counts[2];
  ((PetscReal *)arg)[1] = c->density.trace;
  for (int k = 0; k < c->observables.n_columns && k < 2; k++) ((PetscReal *)arg)[2 + k] = c->density.values[k];
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* largest resident memory of this process so far, bytes */
static PetscReal Resident(void)
{
  FILE *file = fopen("/proc/self/status", "r");
  char  line[256];
  long  kb = 0;

  while (file && fgets(line, sizeof line, file))
    if (!strncmp(line, "VmHWM:", 6)) kb = atol(line + 6);
  if (file) fclose(file);
  return 1024. * (PetscReal)kb;
}

/* the whole run of one evolution on the ranks at hand */
static PetscErrorCode Evolve(int n, const char end[], const char kind[])
{
  PetscReal figures[4] = {0}, resident, cpu, clock;
  char      deck[1024];
  int       rank, size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  snprintf(deck, sizeof deck, RING TFIM DECAY "time: {end: %s, output_every: %s}\nintegrator: {kind: %s, rtol: 1e-8}\nobservables:\n  - {name: Z, ops: [Z], on: sites, reduce: mean}\n  - {name: purity}\n", n, "1", end, end, kind);
  cpu   = Cpu();
  clock = MPI_Wtime();
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, Count, figures));
  clock    = MPI_Wtime() - clock;
  cpu      = Cpu() - cpu;
  resident = Resident();
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &resident, 1, MPIU_REAL, MPIU_MAX, PETSC_COMM_WORLD));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &cpu, 1, MPIU_REAL, MPIU_MAX, PETSC_COMM_WORLD));
  if (!rank) {
    printf("| run | ranks | s of the clock | s CPU of a rank | applications | MiB resident per rank | trace - 1 | Z | purity |\n|---|---|---|---|---|---|---|---|---|\n");
    printf("| evolve TFIM N = %d to T = %s at 1e-8 (%s) | %d | %.2f | %.2f | %.0f | %.0f | %.1e | %.12f | %.12g |\n", n, end, kind, size, clock, cpu, figures[0], resident / 1048576, figures[1] - 1, figures[2], figures[3]);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

int main(int argc, char **argv)
{
  const PetscBool quick = argc > 1 && !strcmp(argv[1], "quick") ? PETSC_TRUE : PETSC_FALSE;

  if (PetscInitialize(NULL, NULL, NULL, NULL)) return 1;
  (void)TesBlasSingleThread();
  if (argc > 2 && !strcmp(argv[1], "ring")) {
    if (Ring(atoi(argv[2]))) return 1;
  } else if (argc > 2 && !strcmp(argv[1], "evolve")) {
    if (Evolve(atoi(argv[2]), argc > 3 ? argv[3] : "5", argc > 4 ? argv[4] : "auto")) return 1;
  } else if (argc > 1 && !strcmp(argv[1], "ranks") ? Ranks() : Bench(quick)) return 1;
  return PetscFinalize() ? 1 : 0;
}
