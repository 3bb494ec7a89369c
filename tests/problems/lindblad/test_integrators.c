/* Integrators: the exponential of a dense matrix within their tolerance, and the orders of fixed steps. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tessera/driver.h>
#include <tessera/linalg.h>
#include <tessera/test.h>
#include "../../../src/problems/lindblad/lindblad.h"

extern const TesProblemKind TesProblemLindblad;

/* the dense matrix of L of three spins, exponentiated, against the run's state */
static PetscErrorCode CompareExponential(TesProblem problem, TesReport report, void *arg)
{
  Lindblad        *c = TesProblemCtx(problem);
  PetscReal       *worst = arg, f[8];
  const LbFused    plain = {.scale = 1};
  const LbSpace   *space;
  PetscReal       *l, *e, column[64];
  LbVec            x, y;
  const PetscInt   n = 64;

  PetscFunctionBegin;
  (void)report;
  if (c->density.comm == MPI_COMM_NULL) PetscFunctionReturn(PETSC_SUCCESS);
  space = LbLiouvilleSpace(c->density.l);
  PetscCall(PetscMalloc2(n * n, &l, n * n, &e));
  PetscCall(LbVecCreate(space, &x));
  PetscCall(LbVecCreate(space, &y));
  LbModelFactors(&c->model, 0, f);
  for (PetscInt j = 0; j < n; j++) {
    PetscCall(PetscArrayzero(x.own, space->part.n_local));
    if (j >= space->part.first && j < space->part.first + space->part.n_local) x.own[j - space->part.first] = 1;
    PetscCall(LbApply(c->density.l, f, &plain, &x, &y));
    PetscCall(LbFetch(space, &y, n, NULL, column));
    for (PetscInt i = 0; i < n; i++) l[i * n + j] = c->time.end * column[i];
    PetscCall(LbFence(space));
  }
  PetscCall(TesExpm(n, l, e));
  PetscCall(LbFetch(space, &c->density.x, n, NULL, column));
  for (PetscInt i = 0; i < n; i++) {
    PetscReal sum = 0;

    for (PetscInt j = 0; j < n; j++) { /* all up: entries with codes 0 and 3 are 1 */
      int up = 1;

      for (int s = 0; s < 3; s++) up &= ((j >> (2 * s)) & 3) == 0 || ((j >> (2 * s)) & 3) == 3;
      if (up) sum += e[i * n + j];
    }
    *worst = PetscMax(*worst, PetscAbsReal(sum - column[i]));
  }
  PetscCall(LbFence(space));
  PetscCall(PetscFree2(l, e));
  PetscCall(LbVecDestroy(&x));
  PetscCall(LbVecDestroy(&y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define THREE "problem: lindblad\nsystem: {sites: [{count: 3}], lattice: {kind: chain, periodic: true}}\n" \
              "hamiltonian:\n  - {ops: [Z, Z], on: bonds, coeff: 0.5}\n  - {ops: [X], on: sites, coeff: 1.2%s}\njumps:\n  - {ops: [Sm], on: sites, rate: 1.0}\n"

static PetscErrorCode ExponentialIntegratorsMeetTheirTolerance(void)
{
  static const char *const names[] = {"faber", "taylor", "krylov", "dp5", "lsrk4"};

  PetscFunctionBegin;
  for (int k = 0; k < 5; k++)
    for (int digits = 4; digits <= (k < 3 ? 13 : 9); digits += 3) {
      PetscReal worst = 0;
      char      deck[1024];

      snprintf(deck, sizeof deck, THREE "time: {end: 2, output_every: 2}\nintegrator: {kind: %s, rtol: 1e-%d, atol: 0}\nparallel: {transport: %s}\n", "", names[k], digits, digits == 7 ? "messages" : "auto");
      PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, CompareExponential, &worst));
      TES_CHECK_AT_MOST(worst, 10 * PetscPowRealInt(10, -digits));
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  double    x[64];
  PetscReal trace, smallest;
} Final;

static PetscErrorCode TakeState(TesProblem problem, TesReport report, void *arg)
{
  Lindblad *c = TesProblemCtx(problem);
  Final    *to = arg;

  PetscFunctionBegin;
  (void)report;
  if (c->density.comm != MPI_COMM_NULL) PetscCall(LbFetch(LbLiouvilleSpace(c->density.l), &c->density.x, PetscMin(64, LbLiouvilleSpace(c->density.l)->n_entries), NULL, to->x));
  to->trace    = c->density.trace;
  to->smallest = c->density.smallest;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FixedStepsConvergeWithTheirOrder(void)
{
  static const struct {
    const char *name;
    double      step, low, high;
  } rows[] = {
    {"lsrk4", 0.1, 3.8, 5}, {"dp5", 0.2, 4.8, 6.5}, {"strang", 0.05, 1.9, 2.1}, {"strang4", 0.1, 3.8, 5}, {"cfm4", 0.2, 3.8, 5},
  };
  const char *moving = ", time: {kind: sin, offset: 1, amp: 0.5, omega: 2}";
  Final       exact;
  char        deck[1024];

  PetscFunctionBegin;
  snprintf(deck, sizeof deck, THREE "time: {end: 1, output_every: 1}\nintegrator: {kind: dp5, rtol: 1e-14, atol: 0}\n", moving);
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, TakeState, &exact));
  for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
    PetscReal error[2] = {0, 0};

    for (int half = 0; half < 2; half++) {
      Final got;

      snprintf(deck, sizeof deck, THREE "time: {end: 1, output_every: 1}\nintegrator: {kind: %s, step: %g, rtol: 1e-12}\nparallel: {transport: %s}\n", moving, rows[k].name, rows[k].step / (1 + half), half ? "messages" : "auto");
      PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, TakeState, &got));
      for (int i = 0; i < 64; i++) error[half] = PetscMax(error[half], PetscAbsReal(got.x[i] - exact.x[i]));
      TES_CHECK(got.trace == 1);
      if (!strcmp(rows[k].name, "strang")) TES_CHECK_AT_LEAST(got.smallest, -1e-14);
    }
    if (error[0] == 0) continue; /* an idle rank */
    TES_CHECK_AT_LEAST(PetscLog2Real(error[0] / error[1]), rows[k].low);
    TES_CHECK_AT_MOST(PetscLog2Real(error[0] / error[1]), rows[k].high);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* spins without couplings stay a product: every entry of the run of three is the product of entries of three runs of one */
static PetscErrorCode UncoupledSpinsMoveOnTheirOwn(void)
{
  static const char *const spin[3] = {"{ops: [X], on: [%1$d], coeff: 0.8}, {ops: [Z], on: [%1$d], coeff: 0.3, time: {kind: sin, offset: 1, amp: 0.7, omega: 3}}|{ops: [Sm], on: [%1$d], rate: 0.6}",
                                      "{ops: [Y], on: [%1$d], coeff: -0.5}|{ops: [Sp], on: [%1$d], rate: 0.2}, {ops: [Z], on: [%1$d], rate: 0.4}",
                                      "{ops: [X], on: [%1$d], coeff: 0.4}, {ops: [Z], on: [%1$d], coeff: 1.1}|{sum: [{ops: [Sm], on: [%1$d]}, {ops: [Z], on: [%1$d], coeff: [0.3, 0.4]}], rate: 0.5}"};
  static const char *const first[3] = {"up", "+", "l"};
  const char *rest = "time: {end: 1.5, output_every: 0.5}\nintegrator: {rtol: 1e-13, atol: 0}\n";
  Final       one[3], all;
  char        term[3][256], jump[3][256], deck[4096];
  PetscReal   worst = 0;

  PetscFunctionBegin;
  for (int m = 0; m < 3; m++)
    for (int alone = 1; alone >= 0; alone--) { /* alone it is site 0, then site m */
      char text[512], *bar;

      snprintf(text, sizeof text, spin[m], alone ? 0 : m);
      bar  = strchr(text, '|');
      *bar = 0;
      snprintf(term[m], sizeof term[m], "%.255s", text);
      snprintf(jump[m], sizeof jump[m], "%.255s", bar + 1);
      if (!alone) continue;
      memset(&one[m], 0, sizeof one[m]);
      snprintf(deck, sizeof deck, "problem: lindblad\nsystem: {sites: [{count: 1}]}\nhamiltonian: [%s]\njumps: [%s]\ninitial: {product: %s}\n%s", term[m], jump[m], first[m], rest);
      PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, TakeState, &one[m]));
    }
  snprintf(deck, sizeof deck, "problem: lindblad\nsystem: {sites: [{count: 3}]}\nhamiltonian: [%s, %s, %s]\njumps: [%s, %s, %s]\ninitial: {product: [up, +, l]}\n%s", term[0], term[1], term[2], jump[0], jump[1], jump[2], rest);
  memset(&all, 0, sizeof all);
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, TakeState, &all));
  for (int m = 0; m < 3; m++) PetscCallMPI(MPI_Bcast(one[m].x, 4, MPI_DOUBLE, 0, PETSC_COMM_WORLD)); /* one spin is one rank's */
  PetscCallMPI(MPI_Bcast(all.x, 64, MPI_DOUBLE, 0, PETSC_COMM_WORLD));
  for (int k = 0; k < 64; k++) worst = PetscMax(worst, PetscAbsReal(all.x[k] - one[0].x[k & 3] * one[1].x[(k >> 2) & 3] * one[2].x[k >> 4]));
  TES_CHECK_AT_MOST(worst, 1e-12);
  TES_CHECK_AT_LEAST(PetscAbsReal(all.x[1 + 4 * 1 + 16 * 2]), 1e-3);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ExponentialIntegratorsMeetTheirTolerance),
  TES_TEST(FixedStepsConvergeWithTheirOrder),
  TES_TEST(UncoupledSpinsMoveOnTheirOwn),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
