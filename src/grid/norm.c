/* Norms of fields: sqrt(sum_i w_i |u_i|^2) with tensor-product weights, or the root mean square over all values.

   Order of addition: pairwise along x, then pairwise over the lines of a row, rows of a unit one after another, units in the fixed binary tree of
   sum.h. So the bits do not depend on the number of ranks. Cost: one pass over the local values. */
#include "grid_impl.h"
#include <math.h>
#include <tessera/sum.h>

/* sum of (w) u^2 over one row of the slowest dimension, without the weight of that dimension */
static PetscReal RowSum(const TesGrid g, const PetscReal *u, PetscBool weighted, PetscReal *line, PetscReal *lines)
{
  const PetscInt   dim = g->spec.dim, c = g->spec.components;
  const PetscInt64 n0 = dim > 1 ? g->spec.n[0] : 1, n1 = dim > 2 ? g->spec.n[1] : 1;

  for (PetscInt64 j = 0; j < n1; j++) {
    for (PetscInt64 i = 0; i < n0; i++) {
      PetscReal square = 0;

      for (PetscInt k = 0; k < c; k++) {
        const PetscReal value = u[(j * n0 + i) * c + k];

        square += value * value;
      }
      line[i] = weighted && dim > 1 ? g->w[0][i] * square : square;
    }
    lines[j] = TesSumPairwise(n0, line);
    if (weighted && dim > 2) lines[j] *= g->w[1][j];
  }
  return TesSumPairwise(n1, lines);
}

PetscErrorCode TesFieldNorm(TesField field, PetscBool weighted, PetscReal *norm)
{
  const TesGrid       g    = field->grid;
  const TesPartition *part = &g->part;
  const PetscInt      slow = g->spec.dim - 1;
  PetscReal          *line, *lines, sum;
  PetscInt64          row = 0;
  TesTree             tree;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(g->spec.n[0], &line, g->spec.dim > 2 ? g->spec.n[1] : 1, &lines));
  PetscCall(TesTreeCreate(g->comm, part, 1, NULL, NULL, &tree));
  for (PetscInt64 unit = 0; unit < part->n_units_local; unit++) {
    const PetscInt64 end = PetscMin(part->n_local, (unit + 1) * part->unit);
    PetscReal       *leaf;

    PetscCall(TesTreeLeaf(tree, &leaf));
    for (; row < end; row++) leaf[0] += (weighted ? g->w[slow][part->first + row] : 1) * RowSum(g, field->values + row * g->row, weighted, line, lines);
    PetscCall(TesTreePush(tree));
  }
  PetscCall(TesTreeFinish(tree, &sum));
  PetscCall(TesTreeDestroy(&tree));
  PetscCall(PetscFree2(line, lines));
  *norm = sqrt(weighted ? sum : sum / ((PetscReal)g->spec.n[slow] * (PetscReal)g->row));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFieldNormMax(TesField field, PetscReal *norm)
{
  const PetscInt64 n       = TesGridLocalSize(field->grid);
  PetscReal        largest = 0;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < n; i++) {
    const PetscReal size = fabs(field->values[i]);

    if (size > largest || isnan(size)) largest = size;
    if (isnan(size)) break;
  }
  PetscCall(TesMaxAll(field->grid->comm, largest, norm));
  PetscFunctionReturn(PETSC_SUCCESS);
}
