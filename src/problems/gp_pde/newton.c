/* Newton's method for S u + N(u) = f on the core: SNES with one iteration per step of the run, so that signals, clocks and checkpoints are looked at in between.

   Residual  F(G) = S_p G + T N(u) - T (f - S lift),  u = lift + expansion of G,  S_p the projected separable part (linear.c);
   Jacobian  J dG = S_p dG + T (N_u w + N_grad . grad w + N_lap laplacian w),  w = expansion of dG,
   GMRES on J, left-preconditioned by the solve of the linear part; line search `bt` on |F|. A linear equation with a variable coefficient takes the same way: its
   iterations are GMRES solves, each refining the last. The vectors are the core, replicated: PETSc works on PETSC_COMM_SELF on every rank with the same numbers,
   and the only communication is in T (ordered: the same bits on all ranks), so all ranks take the same decisions. Options of PETSc (snes_, ksp_) reach these objects.
   Converged when the Newton update is below solver.rtol |G|. Cost: each GMRES step one expansion per derivative that N needs and one compression. */
#include "gp_pde.h"
#include <petscsnes.h>

/* A line search that fails with an update this small (relative) has met the rounding floor of F, not a wrong direction: quadratic convergence is over. */
#define FLOOR_UPDATE 1e-7

typedef struct {
  GpPde       *gp;
  GpProjected *projected;
  GpSolution  *solution;
  GpFields     work, slope; /* [nodes] */
} Newton;

/* the function whose core is g, without the lift, on the nodes */
static PetscErrorCode Expand(GpPde *gp, const GpProjected *projected, const GpSolution *solution, const PetscReal *g, GpFields *fields)
{
  GpSolution with = *solution; /* the same bases, another core */

  PetscFunctionBegin;
  with.core = (PetscReal *)g;
  PetscCall(GpSolutionFields(gp, &with, projected->at, &gp->grid, PETSC_FALSE, PETSC_TRUE, fields));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void AddLift(const GpPde *gp, const GpFields *lift, GpFields *u)
{
  for (PetscInt64 i = 0; i < u->n; i++) u->u[i] += lift->u[i];
  for (PetscInt d = 0; d < gp->dim; d++)
    for (PetscInt64 i = 0; u->grad[d] && i < u->n; i++) u->grad[d][i] += lift->grad[d][i];
  for (PetscInt64 i = 0; u->laplacian && i < u->n; i++) u->laplacian[i] += lift->laplacian[i];
}

/* y = linear part of g + T values (minus the right-hand side where there is one) */
static PetscErrorCode Project(GpPde *gp, const GpProjected *projected, const GpSolution *solution, const PetscReal *g, const PetscReal *values, const PetscReal *rhs, PetscReal *y)
{
  PetscReal *linear;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)solution->n_core, &linear));
  PetscCall(GpProjectedCompress(gp, solution, values, y));
  PetscCall(GpLinearApply(&projected->linear, g, linear));
  for (PetscInt64 i = 0; i < solution->n_core; i++) y[i] += rhs ? linear[i] - rhs[i] : linear[i];
  PetscCall(PetscFree(linear));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpNewtonResidual(GpPde *gp, const GpProjected *projected, const GpSolution *solution, const PetscReal *g, GpFields *work, PetscReal *y)
{
  PetscReal *rest;

  PetscFunctionBegin;
  PetscCall(Expand(gp, projected, solution, g, work));
  AddLift(gp, &projected->lift, work);
  PetscCall(PetscMalloc1((size_t)work->n, &rest));
  GpRemainder(gp, &gp->a_grid, work, rest);
  PetscCall(Project(gp, projected, solution, g, rest, projected->rhs, y));
  PetscCall(PetscFree(rest));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpNewtonLinearize(GpPde *gp, const GpProjected *projected, const GpSolution *solution, const PetscReal *g, GpFields *work, GpFields *slope)
{
  PetscFunctionBegin;
  PetscCall(Expand(gp, projected, solution, g, work));
  AddLift(gp, &projected->lift, work);
  GpRemainderTangent(gp, &gp->a_grid, work, slope);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpNewtonJacobian(GpPde *gp, const GpProjected *projected, const GpSolution *solution, const GpFields *slope, const PetscReal *dg, GpFields *work, PetscReal *y)
{
  PetscFunctionBegin;
  PetscCall(Expand(gp, projected, solution, dg, work));
  for (PetscInt64 i = 0; i < work->n; i++) work->u[i] *= slope->u[i];
  for (PetscInt d = 0; d < gp->dim; d++)
    for (PetscInt64 i = 0; work->grad[d] && i < work->n; i++) work->u[i] += slope->grad[d][i] * work->grad[d][i];
  for (PetscInt64 i = 0; work->laplacian && i < work->n; i++) work->u[i] += slope->laplacian[i] * work->laplacian[i];
  PetscCall(Project(gp, projected, solution, dg, work->u, NULL, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- the same, as PETSc calls them ---- */

static PetscErrorCode FunctionCallback(SNES snes, Vec x, Vec f, void *ctx)
{
  Newton          *newton = ctx;
  const PetscReal *g;
  PetscReal       *y;

  PetscFunctionBegin;
  (void)snes;
  PetscCall(VecGetArrayRead(x, &g));
  PetscCall(VecGetArray(f, &y));
  PetscCall(GpNewtonResidual(newton->gp, newton->projected, newton->solution, g, &newton->work, y));
  PetscCall(VecRestoreArray(f, &y));
  PetscCall(VecRestoreArrayRead(x, &g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode JacobianCallback(SNES snes, Vec x, Mat jacobian, Mat preconditioner, void *ctx)
{
  Newton          *newton = ctx;
  const PetscReal *g;

  PetscFunctionBegin;
  (void)snes;
  (void)preconditioner;
  PetscCall(VecGetArrayRead(x, &g));
  PetscCall(GpNewtonLinearize(newton->gp, newton->projected, newton->solution, g, &newton->work, &newton->slope));
  PetscCall(VecRestoreArrayRead(x, &g));
  PetscCall(MatAssemblyBegin(jacobian, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(jacobian, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode JacobianApply(Mat jacobian, Vec x, Vec f)
{
  Newton          *newton;
  const PetscReal *g;
  PetscReal       *y;

  PetscFunctionBegin;
  PetscCall(MatShellGetContext(jacobian, &newton));
  PetscCall(VecGetArrayRead(x, &g));
  PetscCall(VecGetArray(f, &y));
  PetscCall(GpNewtonJacobian(newton->gp, newton->projected, newton->solution, &newton->slope, g, &newton->work, y));
  PetscCall(VecRestoreArray(f, &y));
  PetscCall(VecRestoreArrayRead(x, &g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PreconditionerApply(PC pc, Vec x, Vec f)
{
  Newton          *newton;
  const PetscReal *g;
  PetscReal       *y;

  PetscFunctionBegin;
  PetscCall(PCShellGetContext(pc, &newton));
  PetscCall(VecGetArrayRead(x, &g));
  PetscCall(VecGetArray(f, &y));
  PetscCall(GpLinearSolve(&newton->projected->linear, g, y));
  PetscCall(VecRestoreArray(f, &y));
  PetscCall(VecRestoreArrayRead(x, &g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The objects of one Newton step; `newton` may have no problem behind it when only the options are to be asked for. */
static PetscErrorCode Objects(GpPde *gp, Newton *newton, PetscInt n, SNES *snes, Mat *jacobian, Vec *x, Vec *f)
{
  SNESLineSearch search;
  KSP            ksp;
  PC             pc;

  PetscFunctionBegin;
  PetscCall(VecCreateSeq(PETSC_COMM_SELF, n, x));
  PetscCall(VecDuplicate(*x, f));
  PetscCall(MatCreateShell(PETSC_COMM_SELF, n, n, n, n, newton, jacobian));
  PetscCall(MatShellSetOperation(*jacobian, MATOP_MULT, (void (*)(void))JacobianApply));
  PetscCall(SNESCreate(PETSC_COMM_SELF, snes));
  PetscCall(SNESSetType(*snes, SNESNEWTONLS));
  PetscCall(SNESSetFunction(*snes, *f, FunctionCallback, newton));
  PetscCall(SNESSetJacobian(*snes, *jacobian, *jacobian, JacobianCallback, newton));
  PetscCall(SNESGetLineSearch(*snes, &search));
  PetscCall(SNESLineSearchSetType(search, SNESLINESEARCHBT));
  PetscCall(SNESGetKSP(*snes, &ksp));
  PetscCall(KSPSetType(ksp, KSPGMRES));
  PetscCall(KSPGMRESSetRestart(ksp, gp->solver.restart));
  PetscCall(KSPSetTolerances(ksp, gp->solver.gmres_rtol, 0, PETSC_DEFAULT, 400));
  PetscCall(KSPGetPC(ksp, &pc));
  PetscCall(PCSetType(pc, PCSHELL));
  PetscCall(PCShellSetContext(pc, newton));
  PetscCall(PCShellSetApply(pc, PreconditionerApply));
  PetscCall(SNESSetFromOptions(*snes));
  PetscCall(SNESSetTolerances(*snes, 0, 0, 0, 1, PETSC_DEFAULT)); /* one iteration; when to stop is decided below and by solver.max_newton */
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpNewtonAskOptions(GpPde *gp)
{
  SNES snes;
  Mat  jacobian;
  Vec  x, f;

  PetscFunctionBegin;
  PetscCall(Objects(gp, NULL, 1, &snes, &jacobian, &x, &f));
  PetscCall(SNESDestroy(&snes));
  PetscCall(MatDestroy(&jacobian));
  PetscCall(VecDestroy(&x));
  PetscCall(VecDestroy(&f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpNewtonStep(GpPde *gp, GpProjected *projected, GpSolution *solution, PetscBool *converged, PetscBool *failed)
{
  Newton              newton = {.gp = gp, .projected = projected, .solution = solution};
  SNESConvergedReason reason;
  SNES                snes;
  Mat                 jacobian;
  Vec                 x, f, update;
  PetscInt            gmres;
  PetscReal           size, change, left, *values;
  const PetscReal    *g;

  PetscFunctionBegin;
  PetscCall(GpFieldsCreate(gp, gp->grid.n_local, &newton.work));
  PetscCall(GpFieldsCreate(gp, gp->grid.n_local, &newton.slope));
  PetscCall(Objects(gp, &newton, (PetscInt)solution->n_core, &snes, &jacobian, &x, &f));
  PetscCall(VecDuplicate(x, &update));
  PetscCall(VecGetArray(x, &values));
  PetscCall(PetscArraycpy(values, solution->core, (size_t)solution->n_core));
  PetscCall(VecRestoreArray(x, &values));
  PetscCall(VecCopy(x, update));
  PetscCall(SNESSolve(snes, NULL, x));
  PetscCall(SNESGetConvergedReason(snes, &reason));
  PetscCall(SNESGetLinearSolveIterations(snes, &gmres));
  PetscCall(SNESGetFunctionNorm(snes, &left));
  if (reason == SNES_DIVERGED_LINE_SEARCH) { /* the full Newton update tells floor from failure */
    Vec full;

    PetscCall(SNESGetSolutionUpdate(snes, &full));
    PetscCall(VecNorm(full, NORM_2, &change));
  } else {
    PetscCall(VecAXPY(update, -1, x));
    PetscCall(VecNorm(update, NORM_2, &change));
  }
  PetscCall(VecNorm(x, NORM_2, &size));
  PetscCall(VecGetArrayRead(x, &g));
  PetscCall(PetscArraycpy(solution->core, g, (size_t)solution->n_core));
  PetscCall(VecRestoreArrayRead(x, &g));
  gp->newton_update = size > 0 ? change / size : 0;
  if (PetscIsInfOrNanReal(gp->newton_update)) gp->newton_update = GP_NO_BOUND;
  if (PetscIsInfOrNanReal(left)) left = GP_NO_BOUND;
  gp->newton++;
  *converged = gp->newton_update < gp->solver.rtol ? PETSC_TRUE : PETSC_FALSE;
  *failed    = PETSC_FALSE;
  if (reason == SNES_DIVERGED_LINE_SEARCH) {
    *converged = gp->newton_update < FLOOR_UPDATE ? PETSC_TRUE : PETSC_FALSE;
    *failed    = *converged ? PETSC_FALSE : PETSC_TRUE;
  } else if (reason < 0 && reason != SNES_DIVERGED_MAX_IT) *failed = PETSC_TRUE;
  if (!*converged && gp->newton >= gp->solver.max_newton) *failed = PETSC_TRUE;
  PetscCall(GpNewtonRowAdd(gp, &(GpNewtonRow){.attempt   = (PetscReal)gp->n_attempts,
                                              .iteration = (PetscReal)gp->newton,
                                              .update    = gp->newton_update,
                                              .residual  = left,
                                              .gmres     = (PetscReal)gmres}));
  PetscCall(VecDestroy(&update));
  PetscCall(SNESDestroy(&snes));
  PetscCall(MatDestroy(&jacobian));
  PetscCall(VecDestroy(&x));
  PetscCall(VecDestroy(&f));
  PetscCall(GpFieldsDestroy(&newton.work));
  PetscCall(GpFieldsDestroy(&newton.slope));
  PetscFunctionReturn(PETSC_SUCCESS);
}
