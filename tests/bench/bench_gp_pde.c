/* The benchmark table of gp_pde: error and seconds of every row, the rate of its mode products, two classical methods at the same number of points, and the published figures.

   bench_gp_pde [repeats [row]]     one rank; prints the table, or the lines of one row, as Markdown (kept in bench_gp_pde.md)

   Ours: one set of defaults, identification and the whole refine loop included, the best processor time of some repeats, the error of the final iterate on 300 uniform test points per dimension
   (65 in 3-D) that are no nodes. Mode products: expand and compress, one after the other, at the sizes of the row's last solve; their rate against DGEMM on 512 x 512, against the
   floor (bench_floor.h: DGEMM's rate, or reading and writing the array once), and against the same products by plain DGEMMs without units and tree, all measured here.
   Baselines, at the same N, error on their own nodes: collocation on Chebyshev nodes (dense matrices, fast diagonalisation) and central differences of second order (advection: backward
   differences of second order). Allen-Cahn in 1-D by Newton on the dense system; in 2-D by iterating u <- S^-1 (f - n(u)), which contracts on the unit square.
   Published: best log entries of the authors' runs of GP-HM, their machine not stated, 200 to 900 points per dimension. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <tessera/driver.h>
#include <tessera/expr.h>
#include <tessera/grid.h>
#include <tessera/io.h>
#include <tessera/isa.h>
#include <tessera/linalg.h>
#include "../../src/problems/gp_pde/gp_pde.h"
#include "bench_floor.h"

extern const TesProblemKind TesProblemGpPde;

#define TWO_PI 6.283185307179586

typedef enum { POISSON, ALLEN_CAHN, ADVECTION } Equation;
static const char *const equation_decks[] = {"kind: poisson", "kind: allen_cahn", "kind: advection, beta: 200"};

typedef struct {
  const char *name;
  Equation    equation;
  PetscReal   length;
  PetscInt    dim, n[3];
  const char *u;
  PetscReal   required;
  const char *published; /* error, seconds */
} Row;

#define MIX(x)  "(sin(" x ")+0.1*sin(20*" x ")+cos(100*" x "))"
#define SUM(x)  "sin(6*" x ")*cos(20*" x ")"
#define BUMP(x, a) x "*(1-" x ")*sin(" a "*" x ")"
#define SCALES  "sin(x)+0.1*sin(20*x)+0.05*cos(100*x)"
#define BUMPS   BUMP("x", "37") "*" BUMP("y", "23") "*" BUMP("z", "11")

static const Row rows[] = {
  {"p1_sin100", POISSON, TWO_PI, 1, {220}, "sin(100*x)", 1e-12, "4.0e-7 (1329 s)"},
  {"p1_xsin200", POISSON, TWO_PI, 1, {420}, "x*sin(200*x)", 1e-8, "9.0e-7 (7451 s)"},
  {"p1_xsin200", POISSON, TWO_PI, 1, {450}, "x*sin(200*x)", 1e-10, "9.0e-7 (7451 s)"},
  {"p1_sin6cos100", POISSON, TWO_PI, 1, {220}, "sin(6*x)*cos(100*x)", 1e-12, "1.5e-6 (1329 s)"},
  {"p1_mix", POISSON, 1, 1, {60}, SCALES, 1e-8, "3.5e-4 (4667 s)"},
  {"p1_mix", POISSON, 1, 1, {100}, SCALES, 1e-11, "3.5e-4 (4667 s)"},
  {"p1_mix_2pi", POISSON, TWO_PI, 1, {220}, SCALES, 1e-11, "2.1e-3 (4452 s)"},
  {"p1_sin500q", POISSON, 1, 1, {200}, "sin(500*x)-2*(x-0.5)^2", 1e-9, "4.2e-4 (5705 s)"},
  {"layer", POISSON, 1, 1, {100}, "exp(-50*x)+0.1*sin(80*x)", 1e-8, "-"},
  {"ac1_sin100", ALLEN_CAHN, TWO_PI, 1, {220}, "sin(100*x)", 1e-12, "7.7e-7 (1998 s)"},
  {"ac1_sin100", ALLEN_CAHN, 1, 1, {60}, "sin(100*x)", 1e-9, "-"},
  {"ac1_sin100", ALLEN_CAHN, 1, 1, {200}, "sin(100*x)", 1e-11, "-"},
  {"ac1_sin6cos100", ALLEN_CAHN, TWO_PI, 1, {240}, "sin(6*x)*cos(100*x)", 1e-12, "4.2e-6 (1996 s)"},
  {"ac1_sin6cos100", ALLEN_CAHN, 1, 1, {60}, "sin(6*x)*cos(100*x)", 1e-9, "-"},
  {"ac1_sin6cos100", ALLEN_CAHN, 1, 1, {200}, "sin(6*x)*cos(100*x)", 1e-11, "-"},
  {"p2_sin100_sin100", POISSON, TWO_PI, 2, {220, 220}, "sin(100*x)*sin(100*y)", 1e-12, "4.7e-6 (5586 s)"},
  {"p2_sum", POISSON, TWO_PI, 2, {60, 60}, SUM("x") "+" SUM("y"), 1e-12, "1.0e-3 (6627 s)"},
  {"p2_sum", POISSON, 1, 2, {60, 60}, SUM("x") "+" SUM("y"), 1e-10, "2.2e-4"},
  {"p2_sum", POISSON, 1, 2, {100, 100}, SUM("x") "+" SUM("y"), 1e-12, "2.2e-4"},
  {"ac2_mix", ALLEN_CAHN, 1, 2, {80, 80}, MIX("x") "*" MIX("y"), 1e-9, "2.6e-3 (15926 s)"},
  {"ac2_mix", ALLEN_CAHN, 1, 2, {100, 100}, MIX("x") "*" MIX("y"), 1e-10, "2.6e-3 (15926 s)"},
  {"ac2_mix", ALLEN_CAHN, 1, 2, {200, 200}, MIX("x") "*" MIX("y"), 1e-11, "2.6e-3 (15926 s)"},
  {"adv", ADVECTION, 1, 2, {40, 100}, "sin(x-200*y)", 1e-10, "1.4e-4 (11152 s)"},
  {"bumps", POISSON, 1, 3, {64, 64, 64}, BUMPS, 1e-9, "-"},
  {"bumps", POISSON, 1, 3, {96, 96, 96}, BUMPS, 1e-10, "-"},
  {"bumps", POISSON, 1, 3, {128, 128, 128}, BUMPS, 1e-10, "-"},
};

/* of this process, which runs on one core: what else the machine does is not in it */
#define BATCH 5e-5 /* seconds */

static PetscReal CpuSeconds(void)
{
  struct timespec now;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (PetscReal)now.tv_sec + 1e-9 * (PetscReal)now.tv_nsec;
}

/* of work that began at these two times: below 2 ms the clock of the best repeat is not disturbed by other programs, above it the processor time tells what the work takes */
static PetscReal Since(PetscReal clock, PetscReal cpu)
{
  const PetscReal passed = TesNow() - clock;

  return passed < 2e-3 ? passed : CpuSeconds() - cpu;
}

/* ---- ours ---- */

typedef struct {
  PetscReal error, seconds, flops_seconds, flops, rate; /* flops of the mode products, up and down; DGEMM's rate beside them */
  PetscReal floor_seconds, plain_seconds;
  PetscInt  r[3];
} Ours;

/* up and down again by one DGEMM per dimension and outer index */
static PetscErrorCode Plain(GpPde *gp, const PetscReal *const up[], const PetscReal *const down[], PetscReal *work[2], PetscReal *core)
{
  PetscInt64       size[3];
  const PetscReal *now = gp->best.core;
  PetscInt         k   = 0;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) size[d] = gp->best.r[d];
  for (PetscInt d = gp->dim - 1; d >= 0; d--, k = 1 - k) {
    PetscCall(TesModeProduct(gp->dim, size, d, (PetscInt)gp->n[d], up[d], now, work[k]));
    size[d] = gp->n[d];
    now     = work[k];
  }
  for (PetscInt d = 0; d < gp->dim; d++, k = 1 - k) {
    PetscReal *next = d == gp->dim - 1 ? core : work[k];

    PetscCall(TesModeProduct(gp->dim, size, d, gp->best.r[d], down[d], now, next));
    size[d] = gp->best.r[d];
    now     = next;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Look(TesProblem problem, TesReport report, void *arg)
{
  GpPde           *gp   = TesProblemCtx(problem);
  Ours            *ours = arg;
  PetscReal       *core, *values;
  const PetscReal *down[3], *up[3];
  GpBasisAt        at[3];
  PetscBool        found;
  PetscReal        start, end;
  PetscReal        inner, best = PETSC_MAX_REAL, dgemm, read, write, *work[2];
  PetscInt         batch = 1;

  PetscFunctionBegin;
  PetscCall(TesReportFind(report, "relative_l2", &found, &ours->error));
  PetscCall(GpRefineBest(gp));
  PetscCall(GpSolutionAt(gp, &gp->best, &gp->grid, GP_BIT(GP_VALUE), at));
  PetscCall(PetscMalloc2((size_t)gp->best.n_core, &core, (size_t)gp->grid.n_local, &values));
  for (PetscInt d = 0; d < gp->dim; d++) {
    down[d]    = gp->best.basis[d].test;
    up[d]      = at[d].inner[GP_VALUE];
    ours->r[d] = gp->best.r[d];
  }
  for (PetscInt k = 0; k < 15; k++) { /* what is short is repeated within one measurement */
    PetscCall(FloorDgemm(1, &dgemm)); /* in turn, so that both meet the same machine */
    ours->rate = PetscMax(ours->rate, dgemm);
    for (PetscInt again = 0; again < 3; again++) { /* the first brings the caches back */
      start = TesNow();
      end   = CpuSeconds();
      for (PetscInt b = 0; b < batch; b++) {
        PetscCall(TesSlabExpand(&gp->grid.part, gp->dim, gp->grid.n, gp->best.r, up, gp->best.core, values));
        PetscCall(TesSlabCompress(gp->comm, &gp->grid.part, gp->dim, gp->grid.n, gp->best.r, down, values, core));
      }
      best = PetscMin(best, Since(start, end) / batch);
    }
    if (!k) batch = 1 + (PetscInt)(BATCH / best);
  }
  ours->flops = 0;
  for (PetscInt d = 0; d < gp->dim; d++) { /* fastest first, core sizes below d */
    inner = 2. * (PetscReal)gp->best.r[d];
    for (PetscInt e = 0; e < gp->dim; e++) inner *= e < d ? (PetscReal)gp->best.r[e] : (PetscReal)gp->n[e];
    ours->flops += 2 * inner;
  }
  ours->flops_seconds = best;
  PetscCall(FloorBandwidth(gp->grid.n_local, &read, &write));
  ours->floor_seconds = PetscMax(ours->flops / 2 / ours->rate, 8 * (PetscReal)gp->grid.n_local / read) + PetscMax(ours->flops / 2 / ours->rate, 8 * (PetscReal)gp->grid.n_local / write);
  PetscCall(PetscMalloc2((size_t)gp->grid.n_local, &work[0], (size_t)gp->grid.n_local, &work[1]));
  for (PetscInt k = 0; k < 45; k++) {
    start = TesNow();
    end   = CpuSeconds();
    for (PetscInt b = 0; b < batch; b++) PetscCall(Plain(gp, up, down, work, core));
    ours->plain_seconds = k ? PetscMin(ours->plain_seconds, Since(start, end) / batch) : PETSC_MAX_REAL;
  }
  PetscCall(PetscFree2(work[0], work[1]));
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(GpBasisAtDestroy(&at[d]));
  PetscCall(PetscFree2(core, values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RunOurs(const Row *row, PetscInt repeats, Ours *ours)
{
  char *deck, points[64];

  PetscFunctionBegin;
  snprintf(points, sizeof(points), row->dim == 1 ? "[%d]" : row->dim == 2 ? "[%d, %d]" : "[%d, %d, %d]", (int)row->n[0], (int)row->n[1], (int)row->n[2]);
  PetscCall(TesFormat(&deck, "problem: gp_pde\ndomain: {upper: %.17g, points: %s}\nequation: {%s}\nmanufactured: {expression: \"%s\"}\n", (double)row->length, points, equation_decks[row->equation], row->u));
  ours->seconds = PETSC_MAX_REAL;
  for (PetscInt k = 0; k < repeats; k++) {
    PetscReal start, end;

    start = CpuSeconds();
    PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde, deck, NULL, NULL));
    end = CpuSeconds();
    ours->seconds = PetscMin(ours->seconds, end - start);
  }
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde, deck, Look, ours));
  PetscCall(PetscFree(deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- baselines ---- */

/* first derivative on Chebyshev nodes; diagonal by the negative sum of the row, which keeps constants exact */
static void ChebyshevMatrix(PetscInt n, const PetscReal *x, PetscReal *d)
{
  for (PetscInt i = 0; i < n; i++) {
    PetscReal sum = 0;

    for (PetscInt j = 0; j < n; j++) {
      const PetscReal ci = (i == 0 || i == n - 1 ? 2 : 1) * (i % 2 ? -1 : 1), cj = (j == 0 || j == n - 1 ? 2 : 1) * (j % 2 ? -1 : 1);

      if (i == j) continue;
      d[i * n + j] = ci / cj / (x[i] - x[j]);
      sum += d[i * n + j];
    }
    d[i * n + i] = -sum;
  }
}

/* the operator of one dimension on all nodes: second derivative, or beta times the first */
static PetscErrorCode Operator(PetscBool chebyshev, PetscInt n, const PetscReal *x, PetscInt order, PetscReal factor, PetscReal *a)
{
  const PetscReal h = x[1] - x[0];
  PetscReal      *d;

  PetscFunctionBegin;
  PetscCall(PetscArrayzero(a, n * n));
  if (chebyshev) {
    PetscCall(PetscMalloc1(n * n, &d));
    ChebyshevMatrix(n, x, d);
    if (order == 2) PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, n, n, factor, d, d, 0, a));
    for (PetscInt i = 0; i < n * n && order == 1; i++) a[i] = factor * d[i];
    PetscCall(PetscFree(d));
  } else
    for (PetscInt i = 1; i < n; i++) {
      if (order == 2 && i < n - 1) {
        a[i * n + i - 1] = a[i * n + i + 1] = factor / (h * h);
        a[i * n + i]                        = -2 * factor / (h * h);
      } else if (order == 1) {
        a[i * n + i]     = factor / h * (i > 1 ? 1.5 : 1);
        a[i * n + i - 1] = factor / h * (i > 1 ? -2 : -1);
        if (i > 1) a[i * n + i - 2] = factor / h * 0.5;
      }
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  PetscInt   dim, n[3], first[3], m[3]; /* nodes; unknowns are first .. first + m - 1 */
  PetscInt   total, unknowns;
  PetscReal *x[3], *a[3], *inner[3];
  PetscReal *u, *rhs, *f; /* truth on all nodes; right-hand side and source on the unknowns */
} Baseline;

static PetscInt NodeOf(const Baseline *b, PetscInt p)
{
  PetscInt at = 0, step = 1;

  for (PetscInt d = 0; d < b->dim; d++) {
    at += (b->first[d] + p % b->m[d]) * step;
    p /= b->m[d];
    step *= b->n[d];
  }
  return at;
}

/* nodes, matrices, truth, source from symbolic derivatives; right-hand side = source minus the boundary's part of the operator */
static PetscErrorCode BaselineCreate(const Row *row, PetscBool chebyshev, Baseline *b)
{
  TesExpr   u, first, second;
  PetscInt  column;
  char      message[256];
  PetscReal at[3] = {0};

  PetscFunctionBegin;
  PetscCall(TesExprParse(row->u, "x y z", &u, &column, message, sizeof(message)));
  PetscCheck(u, PETSC_COMM_SELF, PETSC_ERR_PLIB, "%s", message);
  b->dim   = row->dim;
  b->total = b->unknowns = 1;
  for (PetscInt d = 0; d < row->dim; d++) {
    const PetscInt  n      = row->n[d];
    const PetscBool march  = row->equation == ADVECTION ? PETSC_TRUE : PETSC_FALSE;

    b->n[d]     = n;
    b->first[d] = 1;
    b->m[d]     = march ? n - 1 : n - 2;
    b->total *= n;
    b->unknowns *= b->m[d];
    PetscCall(PetscMalloc3(n, &b->x[d], n * n, &b->a[d], b->m[d] * b->m[d], &b->inner[d]));
    PetscCall(TesGridNodes(chebyshev ? TES_NODES_CHEBYSHEV : TES_NODES_UNIFORM, PETSC_FALSE, n, 0, row->length, b->x[d], NULL));
    PetscCall(Operator(chebyshev, n, b->x[d], march ? 1 : 2, march && d == 0 ? 200 : 1, b->a[d]));
    for (PetscInt i = 0; i < b->m[d]; i++)
      for (PetscInt j = 0; j < b->m[d]; j++) b->inner[d][i * b->m[d] + j] = b->a[d][(i + 1) * n + j + 1];
  }
  PetscCall(PetscMalloc3(b->total, &b->u, b->unknowns, &b->rhs, b->unknowns, &b->f));
  for (PetscInt p = 0; p < b->total; p++) {
    PetscInt left = p;

    for (PetscInt d = 0; d < b->dim; d++) {
      at[d] = b->x[d][left % b->n[d]];
      left /= b->n[d];
    }
    b->u[p] = TesExprEvaluate(u, at);
  }
  PetscCall(PetscArrayzero(b->f, b->unknowns));
  for (PetscInt d = 0; d < b->dim; d++) {
    PetscCall(TesExprDerivative(u, d, &first));
    PetscCall(TesExprDerivative(first, d, &second));
    for (PetscInt p = 0; p < b->unknowns; p++) {
      PetscInt left = NodeOf(b, p);

      for (PetscInt e = 0; e < b->dim; e++) {
        at[e] = b->x[e][left % b->n[e]];
        left /= b->n[e];
      }
      b->f[p] += row->equation == ADVECTION ? (d == 0 ? 200 : 1) * TesExprEvaluate(first, at) : TesExprEvaluate(second, at);
    }
    PetscCall(TesExprDestroy(&first));
    PetscCall(TesExprDestroy(&second));
  }
  for (PetscInt p = 0; p < b->unknowns; p++) {
    const PetscInt node = NodeOf(b, p);
    PetscInt       left = node, step = 1;

    if (row->equation == ALLEN_CAHN) b->f[p] += b->u[node] * (b->u[node] * b->u[node] - 1);
    b->rhs[p] = b->f[p];
    for (PetscInt d = 0; d < b->dim; d++) {
      const PetscInt i = left % b->n[d];

      for (PetscInt j = 0; j < b->n[d]; j++) {
        if (j >= b->first[d] && j < b->first[d] + b->m[d]) continue;
        b->rhs[p] -= b->a[d][i * b->n[d] + j] * b->u[node + (j - i) * step];
      }
      left /= b->n[d];
      step *= b->n[d];
    }
  }
  PetscCall(TesExprDestroy(&u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Newton on the dense system, from the linear problem */
static PetscErrorCode DenseNewton(const Baseline *b, PetscReal *u)
{
  const PetscInt m = b->m[0];
  PetscReal     *a, *r;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(m * m, &a, m, &r));
  for (PetscInt k = 0; k < 12; k++) {
    PetscCall(PetscArraycpy(a, b->inner[0], m * m));
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, m, 1, m, 1, a, u, 0, r));
    for (PetscInt i = 0; i < m; i++) {
      r[i] = b->rhs[i] - r[i] - u[i] * (u[i] * u[i] - 1);
      a[i * m + i] += 3 * u[i] * u[i] - 1;
    }
    PetscCall(TesLUSolve(m, 1, a, r));
    for (PetscInt i = 0; i < m; i++) u[i] += r[i];
  }
  PetscCall(PetscFree2(a, r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RunBaseline(const Row *row, PetscBool chebyshev, PetscReal *error)
{
  Baseline   b = {0};
  TesKronSum sum;
  PetscReal *u, *r, size = 0, wrong = 0;

  PetscFunctionBegin;
  PetscCall(BaselineCreate(row, chebyshev, &b));
  PetscCall(PetscMalloc2(b.unknowns, &u, b.unknowns, &r));
  PetscCall(TesKronSumCreate(b.dim, b.m, (const PetscReal *const *)b.inner, 0, &sum));
  PetscCall(TesKronSumSolve(sum, b.rhs, u));
  if (row->equation == ALLEN_CAHN && b.dim == 1) PetscCall(DenseNewton(&b, u));
  for (PetscInt k = 0; k < 200 && row->equation == ALLEN_CAHN && b.dim > 1; k++) {
    for (PetscInt p = 0; p < b.unknowns; p++) r[p] = b.rhs[p] - u[p] * (u[p] * u[p] - 1);
    PetscCall(TesKronSumSolve(sum, r, u));
  }
  for (PetscInt p = 0; p < b.unknowns; p++) {
    wrong += PetscSqr(u[p] - b.u[NodeOf(&b, p)]);
    size += PetscSqr(b.u[NodeOf(&b, p)]);
  }
  *error = PetscSqrtReal(wrong / size);
  PetscCall(TesKronSumDestroy(&sum));
  for (PetscInt d = 0; d < b.dim; d++) PetscCall(PetscFree3(b.x[d], b.a[d], b.inner[d]));
  PetscCall(PetscFree3(b.u, b.rhs, b.f));
  PetscCall(PetscFree2(u, r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Bench(PetscInt repeats, const char only[])
{
  PetscReal rate;

  PetscFunctionBegin;
  PetscCall(FloorDgemm(20, &rate));
  printf("DGEMM 512: %.1f GF/s on one core\n\n", (double)(rate / 1e9));
  printf("| row | L | N | error | required | seconds | mode products: r | of DGEMM | of the floor | of plain DGEMMs | Chebyshev collocation | second-order differences | published (GP-HM) |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    Ours      ours = {0};
    PetscReal chebyshev, differences;
    char      points[64] = "", fraction[64] = "- | - | - | -";

    if (only && strcmp(only, rows[i].name)) continue;
    PetscCall(RunOurs(&rows[i], repeats, &ours));
    PetscCall(RunBaseline(&rows[i], PETSC_TRUE, &chebyshev));
    PetscCall(RunBaseline(&rows[i], PETSC_FALSE, &differences));
    if (rows[i].dim > 1) /* in 1-D they take microseconds */
      snprintf(fraction, sizeof(fraction), "%d, %d | %.2f | %.2f | %.2f", (int)ours.r[0], (int)ours.r[1], (double)(ours.flops / ours.flops_seconds / ours.rate),
               (double)(ours.floor_seconds / ours.flops_seconds), (double)(ours.plain_seconds / ours.flops_seconds));
    for (PetscInt d = 0; d < rows[i].dim; d++) snprintf(points + strlen(points), sizeof(points) - strlen(points), "%s%d", d ? " x " : "", (int)rows[i].n[d]);
    printf("| %s | %s | %s | %.1e | %.0e | %.3f | %s | %.1e | %.1e | %s |\n", rows[i].name, rows[i].length > 1 ? "2 pi" : "1", points, (double)ours.error, (double)rows[i].required, (double)ours.seconds,
           fraction, (double)chebyshev, (double)differences, rows[i].published);
    fflush(stdout);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

int main(int argc, char **argv)
{
  const PetscInt repeats = argc > 1 ? (PetscInt)atoi(argv[1]) : 3;
  PetscErrorCode ierr;

  if (PetscInitialize(NULL, NULL, NULL, NULL)) return TES_EXIT_BUG;
  ierr = TesBlasSingleThread();
  if (!ierr) ierr = Bench(repeats, argc > 2 ? argv[2] : NULL);
  if (ierr) return TES_EXIT_BUG;
  return PetscFinalize() ? TES_EXIT_BUG : TES_EXIT_DONE;
}
