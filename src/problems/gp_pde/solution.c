/* A function u_h = lift + sum_k G_k prod_d phi_d(x_d) R_d: its bases, its core, and its values and derivatives on product grids.

   Evaluation expands small cores to the rows of this rank (TesSlabExpand): no communication. Cost per evaluated array: about 2 M r_0 flops for the
   core and as much again for the terms of the lift (3 in 2-D, 7 in 3-D, of which each has at least one dimension with two functions only). */
#include "gp_pde.h"

PetscErrorCode GpSolutionCreate(GpPde *gp, const GpSpectrum spectrum[], PetscInt background, GpSolution *solution)
{
  PetscFunctionBegin;
  PetscCall(GpSolutionDestroy(solution));
  solution->background = background;
  solution->n_core     = 1;
  for (PetscInt d = 0; d < gp->dim; d++) {
    PetscCall(GpBasisCreate(gp, d, &spectrum[d], background, &solution->basis[d]));
    solution->r[d] = solution->basis[d].r;
    solution->n_core *= solution->r[d];
  }
  for (PetscInt d = 0; d < gp->dim; d++) { /* what is shown: the number of polynomials along the first dimension that has both, or else along the last */
    solution->shown = solution->basis[d].dict.n_background;
    if (gp->nodes[d] == TES_NODES_UNIFORM && !gp->periodic[d]) break;
  }
  PetscCall(PetscCalloc1((size_t)solution->n_core, &solution->core));
  PetscCall(GpLiftCreate(gp, solution));
  solution->ready = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpSolutionDestroy(GpSolution *solution)
{
  PetscFunctionBegin;
  for (PetscInt d = 0; d < GP_DIM; d++) PetscCall(GpBasisDestroy(&solution->basis[d]));
  for (PetscInt s = 0; s < GP_SUBSETS; s++) PetscCall(PetscFree(solution->lift[s]));
  PetscCall(PetscFree(solution->core));
  PetscCall(PetscMemzero(solution, sizeof(*solution)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpSolutionAt(GpPde *gp, const GpSolution *solution, const GpPointSet *set, unsigned kinds, GpBasisAt at[])
{
  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(GpBasisEvaluate(gp, d, &solution->basis[d], (PetscInt)set->n[d], set->x[d], kinds, &at[d]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpSolutionEvaluate(GpPde *gp, const GpSolution *solution, const GpBasisAt at[], const GpPointSet *set, GpPart part, PetscReal *out)
{
  const PetscReal *m[GP_DIM];
  PetscReal       *term;

  PetscFunctionBegin;
  PetscCall(PetscArrayzero(out, (size_t)set->n_local));
  if (part.inner && solution->n_core > 0) {
    for (PetscInt d = 0; d < gp->dim; d++) m[d] = at[d].inner[d == part.dim ? part.what : GP_VALUE];
    PetscCall(TesSlabExpand(&set->part, gp->dim, set->n, solution->r, m, solution->core, out));
  }
  if (!part.lift || gp->face_max == 0) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc1((size_t)set->n_local, &term));
  for (PetscInt mask = 1; mask < 1 << gp->dim; mask++) {
    PetscReal sign = -1;

    if (!solution->lift[mask - 1]) continue;
    for (PetscInt d = 0; d < gp->dim; d++) {
      const GpWhat o = d == part.dim ? part.what : GP_VALUE;

      m[d] = mask >> d & 1 ? at[d].lift[o] : at[d].trace[o];
      if (mask >> d & 1) sign = -sign;
    }
    PetscCall(TesSlabExpand(&set->part, gp->dim, set->n, solution->lift_size[mask - 1], m, solution->lift[mask - 1], term));
    for (PetscInt64 i = 0; i < set->n_local; i++) out[i] += sign * term[i];
  }
  PetscCall(PetscFree(term));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpSolutionSeparable(GpPde *gp, const GpSolution *solution, const GpBasisAt at[], const GpPointSet *set, PetscBool lift, PetscBool inner,
                                   PetscReal *out)
{
  PetscReal *term;

  PetscFunctionBegin;
  PetscCall(PetscArrayzero(out, (size_t)set->n_local));
  PetscCall(PetscMalloc1((size_t)set->n_local, &term));
  for (PetscInt d = 0; d < gp->dim; d++) {
    PetscCall(GpSolutionEvaluate(gp, solution, at, set, (GpPart){.lift = lift, .inner = inner, .dim = d, .what = GP_OPERATOR}, term));
    for (PetscInt64 i = 0; i < set->n_local; i++) out[i] += term[i];
  }
  if (gp->zeroth != 0) {
    PetscCall(GpSolutionEvaluate(gp, solution, at, set, (GpPart){.lift = lift, .inner = inner, .what = GP_VALUE}, term));
    for (PetscInt64 i = 0; i < set->n_local; i++) out[i] += gp->zeroth * term[i];
  }
  PetscCall(PetscFree(term));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpSolutionFields(GpPde *gp, const GpSolution *solution, const GpBasisAt at[], const GpPointSet *set, PetscBool lift, PetscBool inner, GpFields *fields)
{
  PetscFunctionBegin;
  PetscCall(GpSolutionEvaluate(gp, solution, at, set, (GpPart){.lift = lift, .inner = inner, .what = GP_VALUE}, fields->u));
  for (PetscInt d = 0; d < gp->dim; d++) {
    if (fields->grad[d]) PetscCall(GpSolutionEvaluate(gp, solution, at, set, (GpPart){.lift = lift, .inner = inner, .dim = d, .what = GP_FIRST}, fields->grad[d]));
  }
  if (fields->laplacian) { /* a variable coefficient: S is its mean times the Laplacian, and a zeroth-order term */
    PetscReal *term;

    PetscCall(PetscArrayzero(fields->laplacian, (size_t)set->n_local));
    PetscCall(PetscMalloc1((size_t)set->n_local, &term));
    for (PetscInt d = 0; d < gp->dim; d++) {
      PetscCall(GpSolutionEvaluate(gp, solution, at, set, (GpPart){.lift = lift, .inner = inner, .dim = d, .what = GP_OPERATOR}, term));
      for (PetscInt64 i = 0; i < set->n_local; i++) fields->laplacian[i] += term[i] / gp->coefficient_mean;
    }
    PetscCall(PetscFree(term));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

unsigned GpKindsNeeded(const GpPde *gp)
{
  return GP_BIT(GP_VALUE) | GP_BIT(GP_OPERATOR) | (gp->remainder && (gp->coefficient || gp->eq->gradient) ? GP_BIT(GP_FIRST) : 0);
}

PetscErrorCode GpSolutionValues(GpPde *gp, const GpSolution *solution, const GpPointSet *set, PetscReal *u)
{
  GpBasisAt at[GP_DIM];

  PetscFunctionBegin;
  PetscCall(GpSolutionAt(gp, solution, set, GP_BIT(GP_VALUE), at));
  PetscCall(GpSolutionEvaluate(gp, solution, at, set, (GpPart){.lift = PETSC_TRUE, .inner = PETSC_TRUE, .what = GP_VALUE}, u));
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(GpBasisAtDestroy(&at[d]));
  PetscFunctionReturn(PETSC_SUCCESS);
}
