/* The lift: a function with the given traces, as a Boolean sum over the non-empty subsets S of the dimensions that have traces.

   lift = sum_S (-1)^{|S|+1} ( prod_{j in S} l_j ) x ( fits in the other dimensions of the data where all dimensions of S take their traces ),
   in 1-D linear blending, in 2-D the Coons patch, in 3-D faces - edges + corners. l_j are the lift functions of dimension j, one per trace and dual to it; a fit is the
   projection on the trace functions (both in reduce.c). The core of {d} comes from the faces of d; that of a larger subset from the core of the subset without
   its highest dimension h, by the traces of h. The cores are small and on every rank; the faces are the largest arrays here.
   Cost: per face two mode products, N^2 k. */
#include "gp_pde.h"

/* One dimension in the subset: its faces side by side, fitted along the other dimensions. */
static PetscErrorCode CoreOfFaces(GpPde *gp, GpSolution *solution, PetscInt d, PetscReal **core, PetscInt size[])
{
  PetscInt64 n[GP_DIM], count = 1, inner = 1, outer = 1, left;
  PetscReal *a, *b;

  PetscFunctionBegin;
  for (PetscInt j = 0; j < gp->dim; j++) {
    n[j] = j == d ? gp->n_trace[d] : gp->n[j];
    count *= n[j];
    if (j < d) inner *= n[j];
    if (j > d) outer *= n[j];
  }
  PetscCall(PetscMalloc1((size_t)count, &a));
  for (PetscInt64 o = 0; o < outer; o++)
    for (PetscInt t = 0; t < gp->n_trace[d]; t++) PetscCall(PetscArraycpy(a + (o * gp->n_trace[d] + t) * inner, gp->face[d][t] + o * inner, (size_t)inner));
  for (PetscInt j = 0; j < gp->dim; j++) {
    if (j == d) continue;
    left = count / n[j] * solution->basis[j].k;
    PetscCall(PetscMalloc1((size_t)left, &b));
    PetscCall(TesModeProduct(gp->dim, n, j, solution->basis[j].k, solution->basis[j].fit, a, b));
    PetscCall(PetscFree(a));
    a     = b;
    n[j]  = solution->basis[j].k;
    count = left;
  }
  for (PetscInt j = 0; j < gp->dim; j++) size[j] = (PetscInt)n[j];
  *core = a;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The subset with dimension h added: the core of the rest, at the ends of h. */
static PetscErrorCode CoreAtEnds(GpPde *gp, const GpSolution *solution, PetscInt h, const PetscReal *parent, const PetscInt parent_size[], PetscReal **core,
                                 PetscInt size[])
{
  PetscInt64 n[GP_DIM], count = 1;

  PetscFunctionBegin;
  for (PetscInt j = 0; j < gp->dim; j++) {
    n[j]    = parent_size[j];
    size[j] = j == h ? gp->n_trace[h] : parent_size[j];
    count *= size[j];
  }
  PetscCall(PetscMalloc1((size_t)count, core));
  PetscCall(TesModeProduct(gp->dim, n, h, gp->n_trace[h], solution->basis[h].end, parent, *core));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpLiftCreate(GpPde *gp, GpSolution *solution)
{
  PetscFunctionBegin;
  if (gp->face_max == 0) PetscFunctionReturn(PETSC_SUCCESS); /* zero boundary data: no lift at all */
  for (PetscInt mask = 1; mask < 1 << gp->dim; mask++) {
    PetscInt  high = 0;
    PetscBool have = PETSC_TRUE;

    for (PetscInt j = 0; j < gp->dim; j++) {
      if (!(mask >> j & 1)) continue;
      high = j;
      if (!gp->n_trace[j]) have = PETSC_FALSE;
    }
    if (!have) continue;
    if (mask == 1 << high) PetscCall(CoreOfFaces(gp, solution, high, &solution->lift[mask - 1], solution->lift_size[mask - 1]));
    else {
      const PetscInt parent = mask - (1 << high);

      PetscCall(CoreAtEnds(gp, solution, high, solution->lift[parent - 1], solution->lift_size[parent - 1], &solution->lift[mask - 1],
                           solution->lift_size[mask - 1]));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
