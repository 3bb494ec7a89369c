/* Tensor-product grids: the product of one node set per dimension, cut in slabs of rows of the slowest dimension.

   Coordinates and weights are kept per dimension (n_x + n_y + n_z numbers on every rank, not their product). A grid counts its references, as fields
   keep it. */
#include "grid_impl.h"
#include <stdint.h>

PetscErrorCode TesGridCreate(MPI_Comm comm, const TesGridSpec *spec, TesGrid *grid)
{
  TesGrid  g;
  PetscInt slow = spec->dim - 1;

  PetscFunctionBegin;
  PetscCheck(spec->dim >= 1 && spec->dim <= TES_MAX_DIM, comm, PETSC_ERR_ARG_OUTOFRANGE, "a grid has 1 to %d dimensions, not %" PetscInt_FMT, TES_MAX_DIM, spec->dim);
  PetscCheck(spec->unit >= 0 && spec->components >= 0, comm, PETSC_ERR_ARG_OUTOFRANGE, "unit %" PetscInt64_FMT " and components %" PetscInt_FMT " cannot be negative", spec->unit,
             spec->components);
  PetscCall(PetscNew(&g));
  *grid         = g;
  g->comm       = comm;
  g->references = 1;
  g->spec       = *spec;
  if (!g->spec.unit) g->spec.unit = 1;
  if (!g->spec.components) g->spec.components = 1;
  g->row = g->spec.components;
  for (PetscInt d = 0; d < spec->dim; d++) {
    PetscCheck(spec->n[d] >= 1 && (d == slow || g->row <= INT64_MAX / 8 / spec->n[d]), comm, PETSC_ERR_ARG_OUTOFRANGE,
               "%" PetscInt64_FMT " points in dimension %" PetscInt_FMT ": none, or more than can be counted", spec->n[d], d);
    if (d < slow) g->row *= spec->n[d];
    PetscCall(PetscMalloc1(spec->n[d], &g->x[d]));
    PetscCall(PetscMalloc1(spec->n[d], &g->w[d]));
    PetscCall(TesGridNodes(spec->nodes[d], spec->periodic[d], spec->n[d], spec->lower[d], spec->upper[d], g->x[d], g->w[d]));
  }
  PetscCall(TesPartitionCreate(comm, spec->n[slow], g->spec.unit, &g->part));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesGridReference(TesGrid grid)
{
  PetscFunctionBegin;
  grid->references++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesGridDestroy(TesGrid *grid)
{
  TesGrid g = *grid;

  PetscFunctionBegin;
  *grid = NULL;
  if (!g || --g->references > 0) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt d = 0; d < TES_MAX_DIM; d++) {
    PetscCall(PetscFree(g->x[d]));
    PetscCall(PetscFree(g->w[d]));
  }
  PetscCall(PetscFree(g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const TesGridSpec *TesGridGetSpec(TesGrid grid)
{
  return &grid->spec;
}

const TesPartition *TesGridGetPartition(TesGrid grid)
{
  return &grid->part;
}

const PetscReal *TesGridGetCoordinates(TesGrid grid, PetscInt d)
{
  return grid->x[d];
}

const PetscReal *TesGridGetWeights(TesGrid grid, PetscInt d)
{
  return grid->w[d];
}

PetscInt64 TesGridLocalSize(TesGrid grid)
{
  return grid->part.n_local * grid->row;
}

MPI_Comm TesGridComm(TesGrid grid)
{
  return grid->comm;
}
