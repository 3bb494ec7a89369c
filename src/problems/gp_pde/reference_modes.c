/* Arrays in slabs over their slowest dimension, acted upon along any dimension by a small dense matrix.

   Along a local dimension each unit of rows is one product; along the slowest the array is transposed over the ranks first (each rank then holds whole lines) and back
   afterwards. The products have the shape of a unit, so the bits do not depend on the rank count. Cost: 2 M n_d flops, and two transposes for the slowest. */
#include "reference.h"
#include <tessera/fft.h>

#define ACROSS_UNIT 32 /* lines along the slowest dimension per product */

PetscErrorCode GpSlabCreate(MPI_Comm comm, PetscInt dim, const PetscInt64 n[], GpSlab *slab)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(slab, sizeof(*slab)));
  slab->comm = dim == 1 ? PETSC_COMM_SELF : comm;
  slab->dim  = dim;
  slab->row  = 1;
  for (PetscInt d = 0; d < GP_DIM; d++) slab->n[d] = d < dim ? n[d] : 1;
  for (PetscInt d = 0; d < dim - 1; d++) slab->row *= n[d];
  PetscCall(TesPartitionCreate(slab->comm, n[dim - 1], dim == 1 ? n[0] : GpUnit(dim, n[dim - 1]), &slab->part));
  PetscCall(TesPartitionCreate(slab->comm, slab->row, ACROSS_UNIT, &slab->across));
  slab->n_local = slab->row * slab->part.n_local;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* lines in[n_lines][n] -> out[n_lines][rows], in products of `unit` lines */
static PetscErrorCode ApplyLines(PetscInt64 n_lines, PetscInt64 unit, PetscInt64 n, PetscInt64 rows, const PetscReal *m, const PetscReal *in, PetscReal *out)
{
  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < n_lines; i += unit)
    PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, (PetscInt)PetscMin(unit, n_lines - i), (PetscInt)rows, (PetscInt)n, 1, in + i * n, m, 0, out + i * rows));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpSlabApply(const GpSlab *from, const GpSlab *to, PetscInt d, const PetscReal *m, const PetscReal *in, PetscReal *out)
{
  const PetscInt   slow = from->dim - 1;
  const PetscInt64 n = from->n[d], rows = to->n[d];
  PetscReal       *lines, *done;

  PetscFunctionBegin;
  if (d == slow && from->dim > 1) {
    PetscCall(PetscMalloc2((size_t)(from->across.n_local * n), &lines, (size_t)(from->across.n_local * rows), &done));
    PetscCall(TesTranspose(from->comm, &from->part, &from->across, 1, in, lines));
    PetscCall(ApplyLines(from->across.n_local, ACROSS_UNIT, n, rows, m, lines, done));
    PetscCall(TesTranspose(from->comm, &from->across, &to->part, 1, done, out));
    PetscCall(PetscFree2(lines, done));
  } else if (from->dim == 1) PetscCall(ApplyLines(1, 1, n, rows, m, in, out));
  else if (d == 0) PetscCall(ApplyLines(from->n_local / n, from->part.unit * (from->row / n), n, rows, m, in, out));
  else
    for (PetscInt64 k = 0; k < from->part.n_local; k++)
      PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, (PetscInt)rows, (PetscInt)from->n[0], (PetscInt)n, 1, m, in + k * from->row, 0, out + k * rows * from->n[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OuterLines(MPI_Comm comm, const TesPartition *part, PetscInt64 per_row, PetscInt64 n, const PetscReal *x, const PetscReal *y, PetscReal *c)
{
  PetscInt64 row = 0;
  TesTree    tree;
  PetscInt   width;

  PetscFunctionBegin;
  PetscCall(PetscIntCast(n * n, &width));
  PetscCall(TesTreeCreate(comm, part, width, NULL, NULL, &tree));
  for (PetscInt64 u = 0; u < part->n_units_local; u++) {
    const PetscInt64 rows = PetscMin(part->unit, part->n_local - row), at = row * per_row * n;
    PetscReal       *leaf;

    PetscCall(TesTreeLeaf(tree, &leaf));
    PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, (PetscInt)n, (PetscInt)n, (PetscInt)(rows * per_row), 1, x + at, y + at, 0, leaf));
    PetscCall(TesTreePush(tree));
    row += rows;
  }
  PetscCall(TesTreeFinish(tree, c));
  PetscCall(TesTreeDestroy(&tree));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpSlabOuter(const GpSlab *slab, PetscInt d, const PetscReal *x, const PetscReal *y, PetscReal *c)
{
  const PetscInt64 n = slab->n[d];
  PetscReal       *lines[2];

  PetscFunctionBegin;
  if (slab->dim == 1) PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, (PetscInt)n, (PetscInt)n, 1, 1, x, y, 0, c));
  else if (d == 0) PetscCall(OuterLines(slab->comm, &slab->part, slab->row / n, n, x, y, c));
  else if (d == slab->dim - 1) {
    PetscCall(PetscMalloc2((size_t)(slab->across.n_local * n), &lines[0], (size_t)(slab->across.n_local * n), &lines[1]));
    PetscCall(TesTranspose(slab->comm, &slab->part, &slab->across, 1, x, lines[0]));
    PetscCall(TesTranspose(slab->comm, &slab->part, &slab->across, 1, y, lines[1]));
    PetscCall(OuterLines(slab->comm, &slab->across, 1, n, lines[0], lines[1], c));
    PetscCall(PetscFree2(lines[0], lines[1]));
  } else { /* the middle of three: the two local axes change places */
    PetscCall(PetscMalloc2((size_t)slab->n_local, &lines[0], (size_t)slab->n_local, &lines[1]));
    for (PetscInt side = 0; side < 2; side++)
      for (PetscInt64 k = 0; k < slab->part.n_local; k++)
        for (PetscInt64 j = 0; j < n; j++)
          for (PetscInt64 i = 0; i < slab->n[0]; i++) lines[side][(k * slab->n[0] + i) * n + j] = (side ? y : x)[(k * n + j) * slab->n[0] + i];
    PetscCall(OuterLines(slab->comm, &slab->part, slab->n[0], n, lines[0], lines[1], c));
    PetscCall(PetscFree2(lines[0], lines[1]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Each row pairwise, the rows in the fixed tree. */
PetscErrorCode GpSlabDot(const GpSlab *slab, const PetscReal *x, const PetscReal *y, PetscReal *dot)
{
  PetscReal *product, *sum;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)slab->row, &product, (size_t)slab->part.n_local, &sum));
  for (PetscInt64 k = 0; k < slab->part.n_local; k++) {
    for (PetscInt64 i = 0; i < slab->row; i++) product[i] = x[k * slab->row + i] * y[k * slab->row + i];
    sum[k] = TesSumPairwise(slab->row, product);
  }
  PetscCall(TesSumOrdered(slab->comm, &slab->part, sum, dot));
  PetscCall(PetscFree2(product, sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}
