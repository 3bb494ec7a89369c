/* What a run will need, for any number of ranks: grid arrays fall with the ranks, the dense factors of a dimension and the core do not. */
#include "gp_pde.h"

/* Grid arrays at the same time: f on the nodes and between them, and either the lines of an identification and their transposes, or residual, u_h and two terms of the bound. */
#define GRID_ARRAYS 6
/* With an N: the known source, u of the lift, of Newton's work and tangent; derivatives that N needs beside these three, and the coefficient on both grids. */
static PetscReal RemainderArrays(const GpPde *gp)
{
  PetscReal derivatives = (gp->eq->gradient || gp->coefficient ? gp->dim : 0) + (gp->coefficient ? 1 : 0);

  if (!gp->remainder) return 0;
  return 4 + 3 * derivatives + (gp->coefficient ? 2 * (1 + gp->dim) : 0);
}

PetscErrorCode GpEstimate(TesProblem problem, TesEstimate *estimate)
{
  GpPde *gp = TesProblemCtx(problem);

  PetscFunctionBegin;
  if (gp->dim) PetscCall(GpRouteNow(gp)->estimate(problem, gp, estimate));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpRefineEstimate(TesProblem problem, GpPde *gp, TesEstimate *estimate)
{
  PetscReal    dense = 0, core = 1, faces = 0, points = 1, plane, rows, most;
  PetscInt     bases;
  TesPartition part;

  PetscFunctionBegin;
  (void)problem;
  for (PetscInt d = 0; d < gp->dim; d++) {
    const PetscReal n       = (PetscReal)gp->n[d];
    const PetscReal columns = gp->nodes[d] == TES_NODES_CHEBYSHEV ? n : PetscMin(2. * (PetscReal)gp->spectrum.max_candidates, 1.5 * n);
    const PetscReal r       = gp->dim == 1 ? n : PetscMin(n, gp->dim == 2 ? 120 : 64); /* typical of identified spectra */

    dense += 6 * n * columns + 12 * n * r; /* SVD of the candidates with its work; bases, test functions and their derivatives */
    core *= r;
    points *= n;
  }
  for (PetscInt d = 0; d < gp->dim && gp->dim > 1; d++) faces += 4 * points / (PetscReal)gp->n[d];
  plane = points / (PetscReal)gp->n[gp->dim - 1];
  PetscCall(TesPartitionCreateFor(0, estimate->ranks, gp->n[gp->dim - 1], GpUnit(gp->dim, gp->n[gp->dim - 1]), &part));
  rows                     = (PetscReal)part.n_local;
  most                     = (GRID_ARRAYS + RemainderArrays(gp)) * rows * plane;
  estimate->usable_ranks   = (int)PetscMin((PetscReal)estimate->ranks, (PetscReal)part.n_units);
  estimate->bytes_per_rank = 8 * (most + dense + faces + (gp->remainder ? gp->solver.restart + 10 : 10) * core);
  estimate->bytes_sent     = estimate->ranks > 1 ? 8 * (core * PetscLog2Real((PetscReal)estimate->ranks + 1) + (gp->dim > 1 ? rows * plane : rows)) : 0;
  {
    const PetscReal grid = PetscPowRealInt((PetscReal)GpTestPoints(gp), (int)gp->dim);

    estimate->bytes_output = 8 * (2 * grid + 3 * core);
  }
  bases           = gp->refine.enable && gp->spectrum.background.word >= 0 ? GP_BACKGROUNDS : 1;
  estimate->steps = gp->remainder ? 2. * (gp->dim + 5. * bases) : gp->dim + bases; /* when the first extension is enough */
  estimate->work  = points;
  PetscCall(PetscSNPrintf(estimate->note, sizeof(estimate->note), "%" PetscInt_FMT "-D %s, %.0f collocation points; highest angular frequency %.4g per length along x at 2.3 points per wavelength", gp->dim,
                          gp->eq->name, (double)points, (double)(2 * PETSC_PI / 2.3 * (PetscReal)(gp->n[0] - 1) / gp->length[0])));
  PetscFunctionReturn(PETSC_SUCCESS);
}
