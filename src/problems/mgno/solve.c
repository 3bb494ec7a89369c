/* The action `solve`: the network inside a Krylov solver, each answer certified, beside the solvers that need no network.

   For each test sample (coefficient a, right-hand side f) every method solves A u = f to solve.rtol:
     guess           u_0 = output of the network, then CG with multigrid from there
     preconditioner  FGMRES (right-preconditioned: its residual is the true one) with z = |r| W(a, r / |r|): the network must have been trained on pairs (a, f) -> u, two channels in;
                     scaling makes it invariant under the size of r. It is not linear, so CG is not for it. On poisson (the input is the right-hand side) one channel in is enough
                     A symmetric linear network (tie: symmetric, identity, one layer) may stand in CG: solve.method: cg
     mg, gamg        CG with PETSc's multigrids; none: CG alone
   After each solve the residual |f - A u| / |f| is formed anew from A and f in double; an answer above solve.rtol counts as failed and the run ends with 4. Iterations are state;
   times are not, they are summed beside. A sample is solved by one rank. A step of the run is a group of samples. */
#include <petscksp.h>
#include "model.h"

#define GROUP 8
#define TRACE 200 /* iterations of a method that are kept for the figure of residuals */

const char *const mgno_use_names[]     = {"guess", "preconditioner", NULL};
const char *const mgno_compare_names[] = {"mg", "gamg", "none", NULL};

enum { GUESS, PRECONDITIONER, MG, GAMG, PLAIN, METHODS };

static const char *const method_names[METHODS] = {"network guess + cg/mg", "krylov/network", "cg/mg", "cg/gamg", "cg"};
static const char *const short_names[METHODS]  = {"guess", "preconditioner", "mg", "gamg", "none"};

static PetscBool Solves(const Mgno *m, int method)
{
  const TesInts *list = method <= PRECONDITIONER ? &m->solve.use : &m->solve.compare;

  for (PetscInt i = 0; i < list->n; i++) {
    if (list->v[i] == (method <= PRECONDITIONER ? method : method - MG)) return PETSC_TRUE;
  }
  return PETSC_FALSE;
}

static PetscInt64 Samples(const Mgno *m)
{
  return m->solve.samples ? PetscMin(m->solve.samples, m->data.test) : m->data.test;
}

PetscInt64 MgnoSolveSteps(const Mgno *m)
{
  return (Samples(m) + GROUP - 1) / GROUP;
}

/* the network as a preconditioner of one sample */
typedef struct {
  Mgno            *m;
  MgnoNet          net;
  const PetscReal *a;
  PetscReal       *in, *out, *zero;
  PetscBool        coefficient; /* the network sees a too */
} Shell;

static PetscErrorCode ShellApply(PC pc, Vec r, Vec z)
{
  Shell             *s;
  const PetscScalar *from;
  PetscScalar       *to;
  PetscReal          size;

  PetscFunctionBegin;
  PetscCall(PCShellGetContext(pc, &s));
  PetscCall(VecNorm(r, NORM_2, &size));
  size /= PetscSqrtReal((PetscReal)s->m->points); /* right-hand sides of the training have a size of about one per point */
  if (size == 0) {
    PetscCall(VecZeroEntries(z));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(VecGetArrayRead(r, &from));
  if (s->coefficient) PetscCall(PetscArraycpy(s->in, s->a, s->m->points));
  for (PetscInt64 i = 0; i < s->m->points; i++) s->in[(s->coefficient ? s->m->points : 0) + i] = from[i] / size;
  PetscCall(VecRestoreArrayRead(r, &from));
  PetscCall(MgnoModelApply(s->m, s->net, 1, s->in, s->out));
  if (s->m->solve.method == 1) { /* the linear part alone: what the network gives for zero is taken off */
    for (PetscInt64 i = 0; i < s->m->points; i++) s->out[i] -= s->zero[i];
  }
  PetscCall(VecGetArray(z, &to));
  for (PetscInt64 i = 0; i < s->m->points; i++) to[i] = size * s->out[i];
  PetscCall(VecRestoreArray(z, &to));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Preconditioned(Mgno *m, MgnoNet net, MgnoElliptic elliptic, const PetscReal *a, const PetscReal *f, PetscReal *u, PetscReal *trace, PetscReal *residual, PetscInt *its)
{
  Shell       shell = {.m = m, .net = net, .a = a, .coefficient = m->model.in_channels == 2 ? PETSC_TRUE : PETSC_FALSE};
  Mat         A;
  Vec         x, b, r;
  KSP         ksp;
  PC          pc;
  PetscReal   size;
  PetscScalar *v;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3(m->points * m->model.in_channels, &shell.in, m->points, &shell.out, m->points, &shell.zero));
  PetscCall(PetscArrayzero(shell.in, m->points * m->model.in_channels));
  PetscCall(MgnoModelApply(m, net, 1, shell.in, shell.zero));
  PetscCall(MgnoEllipticMatrix(elliptic, &A));
  PetscCall(MatCreateVecs(A, &x, &b));
  PetscCall(VecDuplicate(x, &r));
  PetscCall(VecGetArray(b, &v));
  PetscCall(PetscArraycpy(v, f, m->points));
  PetscCall(VecRestoreArray(b, &v));
  PetscCall(VecZeroEntries(x));
  PetscCall(KSPCreate(PETSC_COMM_SELF, &ksp));
  PetscCall(KSPSetType(ksp, m->solve.method == 1 ? KSPCG : KSPFGMRES));
  if (m->solve.method == 1) PetscCall(KSPSetNormType(ksp, KSP_NORM_UNPRECONDITIONED));
  PetscCall(KSPSetOperators(ksp, A, A));
  PetscCall(KSPSetTolerances(ksp, m->solve.rtol / 2, PETSC_DEFAULT, PETSC_DEFAULT, m->solve.max_it));
  PetscCall(KSPGetPC(ksp, &pc));
  PetscCall(PCSetType(pc, PCSHELL));
  PetscCall(PCShellSetContext(pc, &shell));
  PetscCall(PCShellSetApply(pc, ShellApply));
  if (trace) PetscCall(KSPSetResidualHistory(ksp, trace, TRACE, PETSC_FALSE));
  PetscCall(KSPSolve(ksp, b, x));
  PetscCall(KSPGetIterationNumber(ksp, its));
  PetscCall(MatMult(A, x, r));
  PetscCall(VecAYPX(r, -1, b));
  PetscCall(VecNorm(r, NORM_2, residual));
  PetscCall(VecNorm(b, NORM_2, &size));
  *residual /= size;
  PetscCall(VecGetArray(x, &v));
  PetscCall(PetscArraycpy(u, v, m->points));
  PetscCall(VecRestoreArray(x, &v));
  PetscCall(KSPDestroy(&ksp));
  PetscCall(VecDestroy(&x));
  PetscCall(VecDestroy(&b));
  PetscCall(VecDestroy(&r));
  PetscCall(PetscFree3(shell.in, shell.out, shell.zero));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* all methods on one sample: values[method][2] iterations, residual; seconds[method]; trace[method][TRACE] residuals, or NULL */
static PetscErrorCode Sample(Mgno *m, MgnoNet net, MgnoElliptic elliptic[METHODS], const PetscReal *x, PetscReal *values, PetscReal *seconds, PetscReal *trace)
{
  PetscReal *a, *f, *u, *in;

  PetscFunctionBegin;
  PetscCall(PetscMalloc4(m->points, &a, m->points, &f, m->points, &u, m->points * m->model.in_channels, &in));
  for (int k = 0; k < METHODS; k++) {
    PetscReal *norms = trace ? trace + k * TRACE : NULL, t0, size = 0;
    PetscInt   its   = 0;

    if (!Solves(m, k)) continue;
    t0 = TesNow();
    PetscCall(MgnoStencilCoefficient(m, elliptic[k], x, a, f));
    PetscCall(PetscArrayzero(u, m->points));
    if (k == PRECONDITIONER) {
      PetscCall(Preconditioned(m, net, elliptic[k], a, f, u, norms, &values[2 * k + 1], &its));
    } else {
      if (k == GUESS) {
        PetscCall(PetscArraycpy(in, x, m->points * m->model.in_channels));
        PetscCall(MgnoModelApply(m, net, 1, in, u));
      }
      if (norms) PetscCall(MgnoEllipticHistory(elliptic[k], norms, TRACE));
      PetscCall(MgnoStencilSolve(m, elliptic[k], f, u, k == GUESS ? PETSC_TRUE : PETSC_FALSE, &values[2 * k + 1], &its));
    }
    values[2 * k] = (PetscReal)its;
    seconds[k] += TesNow() - t0;
    if (!norms) continue;
    if (k != PRECONDITIONER) PetscCall(MgnoEllipticHistory(elliptic[k], NULL, 0));
    PetscCall(MgnoStencilRhs(m, f, a)); /* relative to the right-hand side of the unknowns */
    for (PetscInt64 i = 0; i < m->points; i++) size += a[i] * a[i];
    for (PetscInt i = 0; i < TRACE; i++) norms[i] = norms[i] > 0 && i <= its ? norms[i] / PetscSqrtReal(size) : -1;
  }
  PetscCall(PetscFree4(a, f, u, in));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoSolveStep(TesProblem problem, TesProgress *progress)
{
  Mgno            *m     = TesProblemCtx(problem);
  MPI_Comm         comm  = TesProblemComm(problem);
  const PetscInt64 first = m->place * GROUP, n = PetscMin(GROUP, Samples(m) - first), width = 2 * METHODS;
  PetscErrorCode   ierr  = PETSC_SUCCESS;
  MgnoElliptic     elliptic[METHODS] = {NULL};
  MgnoWork         work;
  MgnoNet          net;
  PetscInt64       pair[GROUP];
  PetscReal       *x, *y, *longer, *trace, seconds[METHODS] = {0};

  PetscFunctionBegin;
  PetscCall(MgnoSamplesLoad(problem));
  PetscCall(MgnoModelLoad(problem));
  PetscCall(MgnoModelNetAlone(m, &net));
  PetscCall(MgnoNetWeights(net, m->best));
  for (int k = 0; k < METHODS; k++) {
    if (Solves(m, k)) PetscCall(MgnoStencilSolver(m, k == GAMG ? MGNO_PC_GAMG : k == PLAIN ? MGNO_PC_NONE : MGNO_PC_MG, m->solve.rtol, m->solve.max_it, &elliptic[k]));
  }
  PetscCall(MgnoWorkCreate(problem, n, 1, &work));
  PetscCall(PetscMalloc2(work.n_local * m->points * m->model.in_channels + 1, &x, work.n_local * m->points * m->model.out_channels + 1, &y));
  for (PetscInt64 i = 0; i < n; i++) pair[i] = (PetscInt64)m->data.train + m->data.validation + first + i;
  PetscCall(MgnoSamplesFetch(problem, &work, pair, x, y));
  PetscCall(PetscCalloc1((first + n) * width, &longer));
  if (first) PetscCall(PetscArraycpy(longer, m->solved, first * width));
  PetscCall(PetscCalloc1(METHODS * TRACE, &trace));
  for (PetscInt64 i = 0; i < work.n_local && !ierr; i++)
    ierr = Sample(m, net, elliptic, x + i * m->points * m->model.in_channels, longer + (first + work.first + i) * width, seconds, first + work.first + i == 0 ? trace : NULL);
  PetscCall(TesAgree(comm, ierr));
  if (first == 0) {
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, trace, METHODS * TRACE, MPIU_REAL, MPI_SUM, comm)); /* one contribution each: exact */
    PetscCall(PetscFree(m->traced));
    m->traced   = trace;
    m->n_traced = METHODS * TRACE;
  } else {
    PetscCall(PetscFree(trace));
  }
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, longer + first * width, (PetscMPIInt)(n * width), MPIU_REAL, MPI_SUM, comm)); /* one contribution each: exact */
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, seconds, METHODS, MPIU_REAL, MPI_SUM, comm));
  for (int k = 0; k < METHODS; k++) {
    m->solve_seconds[k] += seconds[k];
    PetscCall(MgnoEllipticDestroy(&elliptic[k]));
  }
  PetscCall(PetscFree(m->solved));
  m->solved   = longer;
  m->n_solved = (first + n) * width;
  PetscCall(PetscFree2(x, y));
  PetscCall(MgnoWorkDestroy(&work));
  progress->work = (PetscReal)n;
  PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "solve %" PetscInt64_FMT "/%" PetscInt64_FMT, first + n, Samples(m)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoSolveReport(TesProblem problem, TesReport report)
{
  Mgno            *m = TesProblemCtx(problem);
  const PetscInt64 n = m->n_solved / (2 * METHODS);
  PetscReal       *column, mg = 0;
  char             name[64];

  PetscFunctionBegin;
  if (!n) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc1(n, &column));
  PetscCall(TesReportSay(report, "solve to a relative residual of %g, %" PetscInt64_FMT " test samples: mean iterations, seconds per sample (set-up included), largest residual formed anew", (double)m->solve.rtol, n));
  for (int k = 0; k < METHODS; k++) {
    PetscReal  its, worst = 0, seconds = m->solve_seconds[k] / (PetscReal)n;
    PetscInt64 failed = 0;

    if (!Solves(m, k)) continue;
    for (PetscInt64 i = 0; i < n; i++) {
      column[i] = m->solved[i * 2 * METHODS + 2 * k];
      worst     = PetscMax(worst, m->solved[i * 2 * METHODS + 2 * k + 1]);
      failed += !(m->solved[i * 2 * METHODS + 2 * k + 1] <= m->solve.rtol);
    }
    its = TesSumPairwise(n, column) / (PetscReal)n;
    PetscCall(PetscSNPrintf(name, sizeof(name), "solve_%s_iterations", short_names[k]));
    PetscCall(TesReportReal(report, name, its, &(TesFigureNote){.unit = "1", .help = "mean over the test samples"}));
    PetscCall(PetscSNPrintf(name, sizeof(name), "solve_%s_residual", short_names[k]));
    PetscCall(TesReportReal(report, name, worst, &(TesFigureNote){.unit = "1", .help = "largest relative residual, formed anew", .certified = failed ? PETSC_FALSE : PETSC_TRUE, .failed = failed ? PETSC_TRUE : PETSC_FALSE, .scale = 1}));
    PetscCall(PetscSNPrintf(name, sizeof(name), "solve_%s_seconds", short_names[k]));
    PetscCall(TesReportReal(report, name, seconds, &(TesFigureNote){.unit = "s", .help = "per sample, set-up included", .timing = PETSC_TRUE}));
    PetscCall(PetscSNPrintf(name, sizeof(name), "solve/%s_iterations", short_names[k]));
    PetscCall(MgnoReportColumn(m, report, name, n, column, "1", method_names[k], 0));
    PetscCall(TesReportSay(report, "  %-24s %6.1f iterations  %9.2e s  residual %.1e%s", method_names[k], (double)its, (double)seconds, (double)worst, failed ? "  FAILED" : ""));
    if (k == MG) mg = seconds;
  }
  for (int k = 0; k < METHODS && m->n_traced; k++) {
    PetscInt length = 0;

    if (!Solves(m, k)) continue;
    while (length < TRACE && m->traced[k * TRACE + length] > 0) length++;
    PetscCall(PetscSNPrintf(name, sizeof(name), "convergence/%s", short_names[k]));
    if (length) PetscCall(MgnoReportColumn(m, report, name, length, m->traced + k * TRACE, "1", method_names[k], 1));
  }
  PetscCall(MgnoReportColumn(m, report, "solved/sample", n, NULL, "1", "test sample", 0));
  for (int k = GUESS; k <= PRECONDITIONER; k++) {
    if (Solves(m, k) && mg > 0) PetscCall(TesReportSay(report, "  %s takes %.2f times the time of cg/mg without a network", method_names[k], (double)(m->solve_seconds[k] / (PetscReal)n / mg)));
  }
  PetscCall(PetscFree(column));
  PetscFunctionReturn(PETSC_SUCCESS);
}
