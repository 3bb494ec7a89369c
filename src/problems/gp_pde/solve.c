/* The projected problem, its linear solve, and the error bound of an attempt.

   With v = u - lift in the inner bases and T the product of the test functions (reduce.c):  T S v + T N(u) = T (f - S lift). The linear part is solved by linear.c. T takes a
   distributed array to the small core (compress first, then communicate); the core and its solve are the same on every rank.

   Bound: B = [ rms(S u_h + N(u_h) - f between the nodes) / lambda + largest error of the traces ] / rms(u_h), lambda from linear.c. For Poisson with Dirichlet data it
   bounds the relative L2 error up to sampling; elsewhere B is an estimate. Errors of a trace with a slope count as value / (|value| + |slope| / L). Where f is known on
   the nodes only (a file, or noise), the unprojected residual there takes the place of the one between them. Cost: (1 + dim) expansions of M r flops. */
#include "gp_pde.h"

PetscErrorCode GpProjectedCompress(GpPde *gp, const GpSolution *solution, const PetscReal *values, PetscReal *core)
{
  const PetscReal *m[GP_DIM];

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) m[d] = solution->basis[d].test;
  PetscCall(TesSlabCompress(gp->comm, &gp->grid.part, gp->dim, gp->grid.n, solution->r, m, values, core));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpProjectedCreate(GpPde *gp, const GpSolution *solution, GpProjected *projected)
{
  const PetscInt64 n = gp->grid.n_local;
  PetscReal       *w;

  PetscFunctionBegin;
  PetscCall(GpProjectedDestroy(projected));
  PetscCall(GpSolutionAt(gp, solution, &gp->grid, GpKindsNeeded(gp), projected->at));
  PetscCall(PetscMalloc1((size_t)solution->n_core, &projected->rhs));
  if (solution->n_core > 0) {
    PetscCall(GpLinearCreate(gp, solution, &projected->linear));
    PetscCall(PetscMalloc1((size_t)n, &w));
    PetscCall(GpSolutionSeparable(gp, solution, projected->at, &gp->grid, PETSC_TRUE, PETSC_FALSE, w));
    for (PetscInt64 i = 0; i < n; i++) w[i] = gp->f[i] - w[i];
    PetscCall(GpProjectedCompress(gp, solution, w, projected->rhs));
    PetscCall(PetscFree(w));
  }
  if (gp->remainder) {
    PetscCall(GpFieldsCreate(gp, n, &projected->lift));
    PetscCall(GpSolutionFields(gp, solution, projected->at, &gp->grid, PETSC_TRUE, PETSC_FALSE, &projected->lift));
  }
  projected->ready = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpProjectedDestroy(GpProjected *projected)
{
  PetscFunctionBegin;
  PetscCall(GpLinearDestroy(&projected->linear));
  PetscCall(PetscFree(projected->rhs));
  PetscCall(GpFieldsDestroy(&projected->lift));
  for (PetscInt d = 0; d < GP_DIM; d++) {
    if (projected->at[d].n) PetscCall(GpBasisAtDestroy(&projected->at[d]));
  }
  projected->ready = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Newton starts from the linear problem, not from zero (from zero it may find another solution); in the second pass N(u_best) is known well enough to be part of it. */
PetscErrorCode GpProjectedStart(GpPde *gp, const GpProjected *projected, GpSolution *solution)
{
  PetscFunctionBegin;
  if (solution->n_core == 0) PetscFunctionReturn(PETSC_SUCCESS);
  if (gp->pass == 2) {
    PetscReal *w, *rhs;

    PetscCall(PetscMalloc2((size_t)gp->grid.n_local, &w, (size_t)solution->n_core, &rhs));
    for (PetscInt64 i = 0; i < gp->grid.n_local; i++) w[i] = gp->known[i] - gp->f[i];
    PetscCall(GpProjectedCompress(gp, solution, w, rhs));
    for (PetscInt64 i = 0; i < solution->n_core; i++) rhs[i] += projected->rhs[i];
    PetscCall(GpLinearSolve(&projected->linear, rhs, solution->core));
    PetscCall(PetscFree2(w, rhs));
  } else PetscCall(GpLinearSolve(&projected->linear, projected->rhs, solution->core));
  if (gp->source.noise_sd > 0 && !gp->remainder) PetscCall(GpMapSolve(gp, projected, solution));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Largest error of the traces of dimension d; every rank computes all of it, the sides are small. */
static PetscErrorCode SideMisfit(GpPde *gp, const GpSolution *solution, PetscInt d, PetscInt k, PetscReal *misfit)
{
  const GpTrace    *trace   = &gp->trace[d][k];
  const PetscReal  *g       = gp->face_middle[d][k] ? gp->face_middle[d][k] : gp->face[d][k];
  const GpPointSet *source  = gp->face_middle[d][k] ? &gp->middle : &gp->grid;
  const PetscReal   scale   = PetscAbsReal(trace->value) + PetscAbsReal(trace->slope) / gp->length[d];
  PetscReal         end     = gp->lower[d] + (trace->end ? gp->length[d] : 0), *x[GP_DIM], *u, *slope;
  PetscInt64        n[GP_DIM];
  GpBasisAt         at[GP_DIM];
  GpPointSet        set;

  PetscFunctionBegin;
  for (PetscInt j = 0; j < gp->dim; j++) {
    n[j] = j == d ? 1 : source->n[j];
    x[j] = j == d ? &end : source->x[j];
  }
  PetscCall(GpPointSetCreate(PETSC_COMM_SELF, gp->dim, n, x, &set));
  PetscCall(PetscMalloc2((size_t)set.n_local, &u, (size_t)set.n_local, &slope));
  PetscCall(PetscArrayzero(slope, (size_t)set.n_local));
  PetscCall(GpSolutionAt(gp, solution, &set, GP_BIT(GP_VALUE) | GP_BIT(GP_FIRST), at));
  PetscCall(GpSolutionEvaluate(gp, solution, at, &set, (GpPart){.lift = PETSC_TRUE, .inner = PETSC_TRUE, .what = GP_VALUE}, u));
  if (trace->slope != 0) PetscCall(GpSolutionEvaluate(gp, solution, at, &set, (GpPart){.lift = PETSC_TRUE, .inner = PETSC_TRUE, .dim = d, .what = GP_FIRST}, slope));
  for (PetscInt j = 0; j < gp->dim; j++) PetscCall(GpBasisAtDestroy(&at[j]));
  for (PetscInt64 i = 0; i < set.n_local; i++) {
    const PetscReal e = PetscAbsReal(trace->value * u[i] + trace->slope * slope[i] - g[i]) / scale;

    if (!(e <= *misfit)) *misfit = e; /* a NaN is taken over */
  }
  PetscCall(PetscFree2(u, slope));
  PetscCall(GpPointSetDestroy(&set));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Of p parameters fitted to M values with noise s, the residual keeps s^2 (1 - p/M) and the solution takes over s^2 p/M. */
static PetscReal Excess(const GpPde *gp, const GpSolution *solution, const GpPointSet *set, PetscReal residual)
{
  const PetscReal noise = PetscSqr(gp->source.noise_sd);
  PetscReal       points = 1, taken;

  if (noise == 0) return residual;
  for (PetscInt d = 0; d < gp->dim; d++) points *= (PetscReal)set->n[d];
  taken = PetscMin(1, (PetscReal)solution->n_core / points);
  return PetscSqrtReal(PetscMax(PetscSqr(residual) - noise * (1 - taken), 0) + noise * taken);
}

PetscErrorCode GpBoundCompute(GpPde *gp, const GpSolution *solution, const GpProjected *projected, GpBound *bound)
{
  const GpPointSet *set = gp->f_middle ? &gp->middle : &gp->grid;
  const PetscReal  *f   = gp->f_middle ? gp->f_middle : gp->f;
  GpFields          u;
  GpBasisAt         at[GP_DIM];
  PetscReal        *residual, lambda;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)set->n_local, &residual));
  PetscCall(GpFieldsCreate(gp, set->n_local, &u));
  PetscCall(GpSolutionAt(gp, solution, set, GpKindsNeeded(gp), at));
  PetscCall(GpSolutionSeparable(gp, solution, at, set, PETSC_TRUE, PETSC_TRUE, residual));
  PetscCall(GpSolutionFields(gp, solution, at, set, PETSC_TRUE, PETSC_TRUE, &u));
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(GpBasisAtDestroy(&at[d]));
  for (PetscInt64 i = 0; i < set->n_local; i++) residual[i] -= f[i];
  PetscCall(GpMeanSquare(gp, set, u.u, &bound->size));
  if (gp->remainder) {
    PetscReal *rest;

    PetscCall(PetscMalloc1((size_t)set->n_local, &rest));
    GpRemainder(gp, gp->f_middle ? &gp->a_middle : &gp->a_grid, &u, rest);
    for (PetscInt64 i = 0; i < set->n_local; i++) residual[i] += rest[i];
    PetscCall(PetscFree(rest));
  }
  PetscCall(GpMeanSquare(gp, set, residual, &bound->residual));
  PetscCall(GpMeanSquare(gp, set, f, &bound->source));
  PetscCall(GpFieldsDestroy(&u));
  PetscCall(PetscFree(residual));
  bound->size     = PetscSqrtReal(bound->size);
  bound->residual = PetscSqrtReal(bound->residual);
  bound->source   = PetscSqrtReal(bound->source);
  bound->misfit   = 0;
  for (PetscInt d = 0; d < gp->dim; d++)
    for (PetscInt k = 0; k < gp->n_trace[d]; k++) PetscCall(SideMisfit(gp, solution, d, k, &bound->misfit));
  PetscCall(GpStability(gp, &projected->linear, &lambda));
  bound->excess = Excess(gp, solution, set, bound->residual);
  bound->bound  = bound->excess / lambda + bound->misfit;
  if (bound->size > 0) bound->bound /= bound->size;
  if (!(bound->bound < GP_NO_BOUND)) bound->bound = GP_NO_BOUND;
  if (PetscIsInfOrNanReal(bound->residual)) bound->residual = GP_NO_BOUND;
  if (PetscIsInfOrNanReal(bound->misfit)) bound->misfit = GP_NO_BOUND;
  PetscFunctionReturn(PETSC_SUCCESS);
}
