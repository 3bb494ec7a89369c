/* The projected problem and the direct solve, and the error bound of an attempt.

   With v = u - lift in the inner bases, Galerkin in each dimension:  sum_d A_d G + k2 G + T n(u) = T (f - L lift),  T = product of the test functions. The linear part is
   a Kronecker sum, solved by fast diagonalisation with one step of refinement (tessera/linalg.h). T takes a distributed array to the small core (compress
   first, then communicate); the core and its solve are the same on every rank.

   Bound: B = [ rms(L u_h + n(u_h) - f between the nodes) / lambda_min + largest boundary error ] / rms(u_h). For Poisson with Dirichlet data and lambda_min = sum (pi/L_d)^2 it
   bounds the relative L2 error up to sampling; for Helmholtz lambda_min is the smallest |eigenvalue| of the reduced operator, for nonlinear equations that of the
   Laplacian, and B is an estimate. Where f is known on the nodes only, the unprojected residual there takes the place of the one between them.
   Cost: (1 + dim) expansions of M r flops. */
#include "gp_pde.h"

#define NEAR_EIGENVALUE 1e-10

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
  const PetscReal  shift = gp->eq->shift(gp);
  const PetscReal *a[GP_DIM];
  const PetscInt64 n = gp->grid.n_local;
  PetscReal       *w, *lift, cond, smallest;

  PetscFunctionBegin;
  PetscCall(GpProjectedDestroy(projected));
  PetscCall(GpSolutionAt(gp, solution, &gp->grid, projected->at));
  PetscCall(PetscMalloc1((size_t)solution->n_core, &projected->rhs));
  PetscCall(PetscMalloc1((size_t)n, &w));
  PetscCall(PetscMalloc1((size_t)n, &lift));
  PetscCall(GpSolutionEvaluate(gp, solution, projected->at, &gp->grid, (GpPart){.lift = PETSC_TRUE, .inner = PETSC_FALSE, .second = -1}, lift));
  PetscCall(GpSolutionLaplacian(gp, solution, projected->at, &gp->grid, PETSC_TRUE, PETSC_FALSE, w));
  for (PetscInt64 i = 0; i < n; i++) w[i] = gp->f[i] - w[i] - shift * lift[i];
  if (solution->n_core > 0) {
    for (PetscInt d = 0; d < gp->dim; d++) a[d] = solution->basis[d].a;
    PetscCall(TesKronSumCreate(gp->dim, solution->r, a, shift, &projected->kron));
    PetscCall(TesKronSumInfo(projected->kron, &cond, &smallest));
    PetscCheck(shift == 0 || smallest > NEAR_EIGENVALUE * PetscAbsReal(shift), PETSC_COMM_SELF, TES_ERR_NUMBERS,
               "equation.k2 = %.15g lies within %.1e of an eigenvalue of the reduced Laplacian (relative; at least %.0e is needed): the problem has no unique solution there, change k2 or the box",
               (double)shift, (double)(smallest / PetscAbsReal(shift)), NEAR_EIGENVALUE);
    PetscCall(GpProjectedCompress(gp, solution, w, projected->rhs));
  }
  PetscCall(PetscFree(w));
  if (gp->eq->nonlinear) projected->lift = lift;
  else PetscCall(PetscFree(lift));
  projected->ready = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpProjectedDestroy(GpProjected *projected)
{
  PetscFunctionBegin;
  PetscCall(TesKronSumDestroy(&projected->kron));
  PetscCall(PetscFree(projected->rhs));
  PetscCall(PetscFree(projected->lift));
  for (PetscInt d = 0; d < GP_DIM; d++) {
    if (projected->at[d].n) PetscCall(GpBasisAtDestroy(&projected->at[d]));
  }
  projected->ready = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Newton starts from the linear problem, not from zero (from zero it may find another solution); in the second pass n(u_best) is known well enough to be part of it. */
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
    PetscCall(TesKronSumSolve(projected->kron, rhs, solution->core));
    PetscCall(PetscFree2(w, rhs));
  } else PetscCall(TesKronSumSolve(projected->kron, projected->rhs, solution->core));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Largest |u_h - g| on the two sides of dimension d; every rank computes all of it, the sides are small. */
static PetscErrorCode SideMisfit(GpPde *gp, const GpSolution *solution, PetscInt d, PetscReal *misfit)
{
  const PetscBool   between = gp->face_middle[d][0] ? PETSC_TRUE : PETSC_FALSE;
  const GpPointSet *source  = between ? &gp->middle : &gp->grid;
  PetscReal         ends[2] = {gp->lower[d], gp->lower[d] + gp->length[d]}, *x[GP_DIM], *u;
  PetscInt64        n[GP_DIM], inner = 1, outer = 1;
  GpPointSet        set;

  PetscFunctionBegin;
  for (PetscInt j = 0; j < gp->dim; j++) {
    n[j] = j == d ? 2 : source->n[j];
    x[j] = j == d ? ends : source->x[j];
    if (j < d) inner *= n[j];
    if (j > d) outer *= n[j];
  }
  PetscCall(GpPointSetCreate(PETSC_COMM_SELF, gp->dim, n, x, &set));
  PetscCall(PetscMalloc1((size_t)set.n_local, &u));
  PetscCall(GpSolutionValues(gp, solution, &set, u));
  for (PetscInt64 o = 0; o < outer; o++)
    for (PetscInt side = 0; side < 2; side++)
      for (PetscInt64 i = 0; i < inner; i++) {
        const PetscReal *g = between ? gp->face_middle[d][side] : gp->face[d][side];
        const PetscReal  e = PetscAbsReal(u[(o * 2 + side) * inner + i] - g[o * inner + i]);

        if (!(e <= *misfit)) *misfit = e; /* a NaN is taken over */
      }
  PetscCall(PetscFree(u));
  PetscCall(GpPointSetDestroy(&set));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LambdaMin(GpPde *gp, const GpProjected *projected, PetscReal *lambda)
{
  PetscReal cond, smallest;

  PetscFunctionBegin;
  *lambda = 0;
  for (PetscInt d = 0; d < gp->dim; d++) *lambda += PetscSqr(PETSC_PI / gp->length[d]);
  if (gp->eq->shift(gp) != 0 && projected->kron) {
    PetscCall(TesKronSumInfo(projected->kron, &cond, &smallest));
    *lambda = PetscMin(*lambda, smallest);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpBoundCompute(GpPde *gp, const GpSolution *solution, const GpProjected *projected, GpBound *bound)
{
  const GpPointSet *set   = gp->f_middle ? &gp->middle : &gp->grid;
  const PetscReal  *f     = gp->f_middle ? gp->f_middle : gp->f;
  const PetscReal   shift = gp->eq->shift(gp);
  GpBasisAt         at[GP_DIM];
  PetscReal        *u, *residual, lambda;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)set->n_local, &u, (size_t)set->n_local, &residual));
  PetscCall(GpSolutionAt(gp, solution, set, at));
  PetscCall(GpSolutionLaplacian(gp, solution, at, set, PETSC_TRUE, PETSC_TRUE, residual));
  PetscCall(GpSolutionEvaluate(gp, solution, at, set, (GpPart){.lift = PETSC_TRUE, .inner = PETSC_TRUE, .second = -1}, u));
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(GpBasisAtDestroy(&at[d]));
  for (PetscInt64 i = 0; i < set->n_local; i++) residual[i] += shift * u[i] - f[i];
  PetscCall(GpMeanSquare(gp, set, u, &bound->size));
  if (gp->eq->nonlinear) {
    gp->eq->reaction(set->n_local, u, u);
    for (PetscInt64 i = 0; i < set->n_local; i++) residual[i] += u[i];
  }
  PetscCall(GpMeanSquare(gp, set, residual, &bound->residual));
  PetscCall(GpMeanSquare(gp, set, f, &bound->source));
  PetscCall(PetscFree2(u, residual));
  bound->size     = PetscSqrtReal(bound->size);
  bound->residual = PetscSqrtReal(bound->residual);
  bound->source   = PetscSqrtReal(bound->source);
  bound->misfit   = 0;
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(SideMisfit(gp, solution, d, &bound->misfit));
  PetscCall(LambdaMin(gp, projected, &lambda));
  bound->bound = bound->residual / lambda + bound->misfit;
  if (bound->size > 0) bound->bound /= bound->size;
  if (!(bound->bound < GP_NO_BOUND)) bound->bound = GP_NO_BOUND;
  if (PetscIsInfOrNanReal(bound->residual)) bound->residual = GP_NO_BOUND;
  if (PetscIsInfOrNanReal(bound->misfit)) bound->misfit = GP_NO_BOUND;
  PetscFunctionReturn(PETSC_SUCCESS);
}
