/* task: spectrum of the density solver: eigenvalues of the Liouvillian nearest to the imaginary axis, and the gap.

   Up to 1024 entries the whole spectrum of the matrix of L (columns by application). Beyond: Krylov-Schur (SLEPc) on the filter exp(tau L) by a Faber series, whose largest eigenvalues in modulus are those of L
   with the largest real parts; each eigenvalue of L is then the Rayleigh quotient v+ L v / v+ v of its vector, so no branch of a logarithm is to be chosen, and its residual |L v - lambda v| / |v| is taken
   with L itself. gap = -max Re(lambda) over lambda != 0. */
#include <math.h>
#include <slepceps.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/linalg.h>
#include <tessera/random.h>
#include "lindblad.h"
#undef I

#define DENSE 1024

typedef struct {
  PetscInt64   n_values; /* 3 per eigenvalue: re, im, residual */
  PetscReal   *value;
  PetscReal    gap, tau;
  PetscInt64   applications, zeros;
  LbIntegrator filter;
  EPS          eps;
  Mat          shell;
  PetscReal   *f, *re, *im, *residual;
} Spectrum;

static PetscErrorCode Check(TesProblem problem, Lindblad *c, PetscBool *good)
{
  PetscFunctionBegin;
  PetscCall(LbDensityCheck(problem, c, good));
  if (!c->model.constant) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "task", ": a spectrum needs a constant model, but a term or a rate depends on time"));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Estimate(TesProblem problem, Lindblad *c, TesEstimate *e)
{
  const PetscReal vectors = c->model.size <= DENSE ? 3 : 8 + 2 * (PetscReal)PetscMax(c->spectrum.subspace, 2 * c->spectrum.count + 10);

  PetscFunctionBegin;
  (void)problem;
  PetscCall(LbDensityEstimate(c, vectors, e));
  e->bytes_per_rank += c->model.size <= DENSE ? 24 * c->model.size * c->model.size : 0;
  e->steps = 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Filter(Mat shell, Vec x, Vec y)
{
  Lindblad         *c;
  Spectrum         *s;
  const LbSpace    *space;
  const PetscReal  *from;
  PetscReal        *to;
  LbVec            *v;

  PetscFunctionBegin;
  PetscCall(MatShellGetContext(shell, &c));
  s     = c->task_data;
  space = LbLiouvilleSpace(c->density.l);
  v     = &c->density.x;
  PetscCall(VecGetArrayRead(x, &from));
  PetscCall(PetscArraycpy(v->own, from, space->part.n_local));
  PetscCall(VecRestoreArrayRead(x, &from));
  PetscCall(LbFence(space));
  PetscCall(LbFaber(s->filter, s->f, s->tau, 1e-12, v));
  PetscCall(VecGetArray(y, &to));
  PetscCall(PetscArraycpy(to, v->own, space->part.n_local));
  PetscCall(VecRestoreArray(y, &to));
  PetscCall(LbFence(space));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetUp(TesProblem problem, Lindblad *c)
{
  Spectrum        *s;
  LbIntegratorDeck deck = c->integrator;
  PetscReal        rate = PETSC_MAX_REAL;
  PetscInt         local;

  PetscFunctionBegin;
  PetscCall(PetscNew(&s));
  c->task_data = s;
  PetscCall(LbDensitySetUp(problem, c));
  PetscCall(PetscMalloc1(c->model.n_times, &s->f));
  LbModelFactors(&c->model, 0, s->f);
  if (c->model.size <= DENSE || c->density.comm == MPI_COMM_NULL) PetscFunctionReturn(PETSC_SUCCESS);
  deck.kind = LB_FABER;
  PetscCall(LbIntegratorCreate(&c->model, c->density.l, &deck, &s->filter));
  for (int j = 0; j < c->model.n_jumps; j++) rate = PetscMin(rate, c->model.jump[j].rate);
  s->tau = c->model.n_jumps ? 2 / rate : 1;
  local  = (PetscInt)LbLiouvilleSpace(c->density.l)->part.n_local;
  PetscCall(MatCreateShell(c->density.comm, local, local, PETSC_DETERMINE, PETSC_DETERMINE, c, &s->shell));
  PetscCall(MatShellSetOperation(s->shell, MATOP_MULT, (void (*)(void))Filter));
  PetscCall(EPSCreate(c->density.comm, &s->eps));
  PetscCall(EPSSetOperators(s->eps, s->shell, NULL));
  PetscCall(EPSSetProblemType(s->eps, EPS_NHEP));
  PetscCall(EPSSetType(s->eps, EPSKRYLOVSCHUR));
  PetscCall(EPSSetWhichEigenpairs(s->eps, EPS_LARGEST_MAGNITUDE));
  PetscCall(EPSSetDimensions(s->eps, c->spectrum.count + 1, c->spectrum.subspace ? c->spectrum.subspace : PETSC_DEFAULT, PETSC_DEFAULT));
  PetscCall(EPSSetTolerances(s->eps, c->spectrum.rtol, c->spectrum.max_restarts));
  PetscCall(EPSSetFromOptions(s->eps));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Start(TesProblem problem, Lindblad *c)
{
  (void)problem;
  (void)c;
  return PETSC_SUCCESS;
}

typedef struct {
  PetscReal re, im, residual;
} Eigenvalue;

static int ByRealPart(const void *a, const void *b)
{
  const Eigenvalue *x = a, *y = b;

  if (PetscAbsReal(x->re - y->re) > 1e-9 * (1 + PetscAbsReal(x->re))) return x->re > y->re ? -1 : 1;
  return x->im > y->im ? -1 : x->im < y->im;
}

/* the matrix of L, whole, on every working rank */
static PetscErrorCode Dense(Lindblad *c, PetscInt *count, Eigenvalue **out)
{
  Spectrum        *s     = c->task_data;
  const LbSpace   *space = LbLiouvilleSpace(c->density.l);
  const LbFused    plain = {.scale = 1};
  const PetscInt   n     = (PetscInt)space->n_entries;
  PetscReal       *a, *lambda, *v, *lv, *column;
  LbVec            y;

  PetscFunctionBegin;
  PetscCall(LbVecCreate(space, &y));
  PetscCall(PetscMalloc4((size_t)n * n, &a, 2 * n, &lambda, 2 * (size_t)n * n, &v, n, &column));
  for (PetscInt j = 0; j < n; j++) {
    PetscCall(PetscArrayzero(c->density.x.own, space->part.n_local));
    if (j >= space->part.first && j < space->part.first + space->part.n_local) c->density.x.own[j - space->part.first] = 1;
    PetscCall(LbApply(c->density.l, s->f, &plain, &c->density.x, &y));
    PetscCall(LbFetch(space, &y, n, NULL, column));
    for (PetscInt i = 0; i < n; i++) a[(size_t)i * n + j] = column[i];
    PetscCall(LbFence(space));
  }
  PetscCall(TesEigen(n, a, lambda, v, NULL));
  PetscCall(PetscMalloc1(n, out));
  PetscCall(PetscMalloc1(2 * (size_t)n * n, &lv));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, 2 * n, n, 1, a, v, 0, lv)); /* v holds re, im side by side */
  *count = n;
  for (PetscInt k = 0; k < n; k++) {
    PetscReal residual = 0, size = 0;

    for (PetscInt i = 0; i < n; i++) {
      const size_t    e  = 2 * ((size_t)i * n + k);
      const PetscReal re = lv[e] - lambda[2 * k] * v[e] + lambda[2 * k + 1] * v[e + 1], im = lv[e + 1] - lambda[2 * k] * v[e + 1] - lambda[2 * k + 1] * v[e];

      residual += re * re + im * im;
      size += v[e] * v[e] + v[e + 1] * v[e + 1];
    }
    (*out)[k] = (Eigenvalue){lambda[2 * k], lambda[2 * k + 1], PetscSqrtReal(residual / size)};
  }
  PetscCall(PetscFree(lv));
  PetscCall(PetscFree4(a, lambda, v, column));
  PetscCall(LbVecDestroy(&y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* lambda = v+ L v / v+ v and |L v - lambda v| / |v| of v = re + i im */
static PetscErrorCode Rayleigh(Lindblad *c, const LbVec *re, const LbVec *im, LbVec *lr, LbVec *li, Eigenvalue *out)
{
  Spectrum      *s     = c->task_data;
  const LbSpace *space = LbLiouvilleSpace(c->density.l);
  const LbFused  plain = {.scale = 1};
  const LbVec   *pair[2] = {re, im};
  PetscReal      a[2], b[2], rr[2], ii[2], norm, first, second;

  PetscFunctionBegin;
  PetscCall(LbApply(c->density.l, s->f, &plain, re, lr));
  PetscCall(LbApply(c->density.l, s->f, &plain, im, li));
  PetscCall(LbDots(space, 2, pair, lr, a)); /* <re, L re>, <im, L re> */
  PetscCall(LbDots(space, 2, pair, li, b)); /* <re, L im>, <im, L im> */
  PetscCall(LbDots(space, 2, pair, re, rr));
  PetscCall(LbDots(space, 2, pair, im, ii));
  norm    = rr[0] + ii[1];
  out->re = (a[0] + b[1]) / norm;
  out->im = (b[0] - a[1]) / norm;
  {
    const LbVec *v1[3] = {lr, re, im}, *v2[3] = {li, im, re};
    const double w1[3] = {1, -out->re, out->im}, w2[3] = {1, -out->re, -out->im};

    PetscCall(LbCombine(space, 3, w1, v1, lr));
    PetscCall(LbCombine(space, 3, w2, v2, li));
  }
  PetscCall(LbDot(space, lr, lr, &first));
  PetscCall(LbDot(space, li, li, &second));
  out->residual = PetscSqrtReal((first + second) / norm);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Iterate(Lindblad *c, PetscInt *count, Eigenvalue **out)
{
  Spectrum      *s     = c->task_data;
  const LbSpace *space = LbLiouvilleSpace(c->density.l);
  Vec            start, vr, vi;
  PetscReal     *values;
  PetscInt       converged;
  LbVec          re, im, lr, li;

  PetscFunctionBegin;
  PetscCall(MatCreateVecs(s->shell, &start, NULL));
  PetscCall(VecDuplicate(start, &vr));
  PetscCall(VecDuplicate(start, &vi));
  PetscCall(VecGetArray(start, &values));
  for (PetscInt64 k = 0; k < space->part.n_local; k++) {
    PetscReal z[2];

    TesRandomNormal(1, TES_STREAM_INITIAL_STATE, (uint32_t)(space->part.first + k), (uint32_t)((space->part.first + k) >> 32), 3, z);
    values[k] = z[0];
  }
  PetscCall(VecRestoreArray(start, &values));
  PetscCall(EPSSetInitialSpace(s->eps, 1, &start));
  PetscCall(EPSSolve(s->eps));
  PetscCall(EPSGetConverged(s->eps, &converged));
  PetscCheck(converged > 1, c->density.comm, TES_ERR_NUMBERS, "%d of %d eigenvalues converged: raise spectrum.subspace or spectrum.max_restarts", (int)converged, (int)c->spectrum.count + 1);
  PetscCall(PetscMalloc1(converged, out));
  *count = converged;
  PetscCall(LbVecCreate(space, &re));
  PetscCall(LbVecCreate(space, &im));
  PetscCall(LbVecCreate(space, &lr));
  PetscCall(LbVecCreate(space, &li));
  for (PetscInt k = 0; k < converged; k++) {
    const PetscReal *from;

    PetscCall(EPSGetEigenvector(s->eps, k, vr, vi));
    PetscCall(VecGetArrayRead(vr, &from));
    PetscCall(PetscArraycpy(re.own, from, space->part.n_local));
    PetscCall(VecRestoreArrayRead(vr, &from));
    PetscCall(VecGetArrayRead(vi, &from));
    PetscCall(PetscArraycpy(im.own, from, space->part.n_local));
    PetscCall(VecRestoreArrayRead(vi, &from));
    PetscCall(Rayleigh(c, &re, &im, &lr, &li, &(*out)[k]));
  }
  PetscCall(LbVecDestroy(&re));
  PetscCall(LbVecDestroy(&im));
  PetscCall(LbVecDestroy(&lr));
  PetscCall(LbVecDestroy(&li));
  PetscCall(VecDestroy(&start));
  PetscCall(VecDestroy(&vr));
  PetscCall(VecDestroy(&vi));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Step(TesProblem problem, Lindblad *c, TesProgress *progress)
{
  Spectrum   *s = c->task_data;
  Eigenvalue *found = NULL;
  PetscInt    count = 0;
  PetscReal   largest = 0;

  PetscFunctionBegin;
  (void)problem;
  if (c->density.comm != MPI_COMM_NULL) {
    const PetscInt64 before = LbLiouvilleCount(c->density.l);

    if (c->model.size <= DENSE) PetscCall(Dense(c, &count, &found));
    else PetscCall(Iterate(c, &count, &found));
    qsort(found, (size_t)count, sizeof *found, ByRealPart);
    s->applications = LbLiouvilleCount(c->density.l) - before;
  }
  PetscCallMPI(MPI_Bcast(&count, 1, MPIU_INT, 0, c->density.world));
  PetscCallMPI(MPI_Bcast(&s->applications, 1, MPIU_INT64, 0, c->density.world));
  PetscCall(PetscFree(s->value));
  PetscCall(PetscMalloc1(3 * count + 1, &s->value));
  for (PetscInt k = 0; k < count && found; k++) {
    s->value[3 * k]     = found[k].re;
    s->value[3 * k + 1] = found[k].im;
    s->value[3 * k + 2] = found[k].residual;
  }
  PetscCallMPI(MPI_Bcast(s->value, 3 * count, MPIU_REAL, 0, c->density.world));
  PetscCall(PetscFree(found));
  s->n_values = 3 * count;
  s->gap      = -1;
  s->zeros    = 0;
  for (PetscInt k = 0; k < count; k++) largest = PetscMax(largest, PetscSqrtReal(s->value[3 * k] * s->value[3 * k] + s->value[3 * k + 1] * s->value[3 * k + 1]));
  for (PetscInt k = 0; k < count; k++) {
    const PetscReal size = PetscSqrtReal(s->value[3 * k] * s->value[3 * k] + s->value[3 * k + 1] * s->value[3 * k + 1]);

    if (size <= 1e-9 * largest) s->zeros++;
    else if (s->gap < 0 || -s->value[3 * k] < s->gap) s->gap = -s->value[3 * k];
  }
  progress->work     = (PetscReal)s->applications * c->model.size;
  progress->done     = 1;
  progress->total    = 1;
  progress->finished = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Observe(TesProblem problem, Lindblad *c, TesSeries series, PetscBool last)
{
  Spectrum *s = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  (void)last;
  PetscCall(TesSeriesReal(series, "gap", "energy", s->gap));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode State(TesProblem problem, Lindblad *c, TesState state)
{
  Spectrum *s = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(TesStateReal(state, "gap", &s->gap));
  PetscCall(TesStateInt(state, "applications", &s->applications));
  PetscCall(TesStateInt(state, "zeros", &s->zeros));
  PetscCall(TesStateRealsGrow(state, "values", &s->n_values, &s->value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Finish(TesProblem problem, Lindblad *c, TesReport report)
{
  Spectrum        *s = c->task_data;
  const PetscInt64 n = s->n_values / 3;
  PetscReal        worst = 0;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(PetscMalloc3(n + 1, &s->re, n + 1, &s->im, n + 1, &s->residual));
  for (PetscInt64 k = 0; k < n; k++) {
    s->re[k]       = s->value[3 * k];
    s->im[k]       = s->value[3 * k + 1];
    s->residual[k] = s->value[3 * k + 2];
    worst          = PetscMax(worst, s->residual[k]);
  }
  PetscCall(TesReportReal(report, "gap", s->gap, &(TesFigureNote){.unit = "energy", .help = "-max Re(lambda) over lambda != 0: the slowest decay"}));
  PetscCall(TesReportInt(report, "zero_eigenvalues", s->zeros, &(TesFigureNote){.help = "1: the steady state is unique"}));
  PetscCall(TesReportReal(report, "worst_residual", worst, &(TesFigureNote){.unit = "energy", .scale = 1, .certified = PETSC_TRUE, .help = "largest |L v - lambda v| / |v|"}));
  PetscCall(TesReportInt(report, "eigenvalues", n, &(TesFigureNote){.help = "found"}));
  PetscCall(TesReportInt(report, "applications", s->applications, &(TesFigureNote){.help = "of the Liouvillian"}));
  {
    TesStateItem item = {.name = "spectrum/re", .type = TES_F64, .n_axes = 1, .shape = {n}, .data = s->re, .unit = "energy", .long_name = "real part"};

    PetscCall(TesReportArray(report, &item, 1));
    item.name      = "spectrum/im";
    item.data      = s->im;
    item.long_name = "imaginary part";
    PetscCall(TesReportArray(report, &item, 1));
    item.name      = "spectrum/residual";
    item.data      = s->residual;
    item.long_name = "|L v - lambda v| / |v|";
    PetscCall(TesReportArray(report, &item, 1));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(TesProblem problem, Lindblad *c)
{
  Spectrum *s = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  if (s) {
    PetscCall(LbIntegratorDestroy(&s->filter));
    PetscCall(EPSDestroy(&s->eps));
    PetscCall(MatDestroy(&s->shell));
    PetscCall(PetscFree3(s->re, s->im, s->residual));
    PetscCall(PetscFree(s->value));
    PetscCall(PetscFree(s->f));
    PetscCall(PetscFree(s));
  }
  c->task_data = NULL;
  PetscCall(LbDensityDestroy(c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbSolver lb_density_spectrum = {"density spectrum", Check, Estimate, SetUp, Start, Step, Observe, State, Finish, Destroy};
