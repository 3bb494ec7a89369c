/* From a distributed grid to a small core and back: core = (M_{d-1} x ... x M_0) in, and rows of out = (M_{d-1} x ... x M_0) core.

   The grid is cut along its slowest dimension. Compress first, then communicate: what travels is O(log units) cores per rank, never grid values.
     compress, unit by unit: the local dimensions, fastest first, then the columns of M_{d-1} that belong to the rows of this unit;
       the cores of the units are added in the fixed tree of sum.h as they are made, so a rank holds O(log units) of them;
     expand, unit by unit: rows of M_{d-1} times the core, then the local dimensions, the fastest last (the largest product, one DGEMM).
   A DGEMM may round a row differently when the number of rows changes. Therefore each product runs over the rows of one unit, whatever the rank owns:
   the same shapes, hence the same bits, for every rank count.

   Cost of compress per unit of q rows, n = prod of local sizes: 2 q n r_0 (1 + r_1/n_0 + ...) + 2 q prod r flops, and prod r additions in the tree. Below about 32 rows per
   unit in 2D and 8 in 3D the additions and the narrow products cost more than half the rate (tests/bench/bench_mode_product.md: 0.65 of DGEMM at 64 rows, 0.2 with 3D
   units of one row). Memory: two buffers of one unit and the cores of the tree. */
#include "linalg_impl.h"

#include <tessera/linalg.h>
#include <tessera/sum.h>

typedef struct {
  PetscInt   rows;   /* of a full unit */
  PetscInt64 plane;  /* grid values per row of the slowest dimension */
  PetscInt   narrow; /* core values per row of the slowest core dimension */
  PetscInt   width;  /* core values */
  PetscReal *buffer[2];
} Slab;

static PetscErrorCode SlabBegin(const TesPartition *part, PetscInt dim, const PetscInt64 n[], const PetscInt r[], Slab *slab)
{
  PetscInt64 plane = 1, narrow = 1, wide = 0, width;

  PetscFunctionBegin;
  PetscCheck(dim >= 1 && dim <= 3, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%" PetscInt_FMT " dimensions", dim);
  PetscCheck(part->n == n[dim - 1], PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "partition of %" PetscInt64_FMT " rows for an array of %" PetscInt64_FMT, part->n, n[dim - 1]);
  for (PetscInt d = 0; d < dim - 1; d++) {
    plane *= n[d];
    narrow *= r[d];
  }
  for (PetscInt d = 1; d < dim; d++) { /* the arrays between two products: core sizes below d, grid sizes from d on, both ways */
    PetscInt64 mixed = 1;

    for (PetscInt e = 0; e < dim - 1; e++) mixed *= e < d ? r[e] : n[e];
    wide = PetscMax(wide, mixed);
  }
  width = narrow * r[dim - 1];
  PetscCall(PetscIntCast(PetscMin(part->unit, PetscMax(part->n, 1)), &slab->rows));
  PetscCall(PetscIntCast(narrow, &slab->narrow));
  PetscCall(PetscIntCast(width, &slab->width));
  slab->plane = plane;
  PetscCall(PetscMalloc2((size_t)(wide * slab->rows), &slab->buffer[0], (size_t)(wide * slab->rows), &slab->buffer[1]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SlabEnd(Slab *slab)
{
  PetscFunctionBegin;
  PetscCall(PetscFree2(slab->buffer[0], slab->buffer[1]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSlabCompress(MPI_Comm comm, const TesPartition *part, PetscInt dim, const PetscInt64 n[], const PetscInt r[], const PetscReal *const m[],
                               const PetscReal *in, PetscReal *core)
{
  const PetscInt last = dim - 1;
  Slab           slab;
  TesTree        tree;
  PetscInt64     row = 0;

  PetscFunctionBegin;
  PetscCall(SlabBegin(part, dim, n, r, &slab));
  PetscCall(TesTreeCreate(comm, part, slab.width, NULL, NULL, &tree));
  for (PetscInt64 u = 0; u < part->n_units_local; u++) {
    const PetscInt   rows = (PetscInt)PetscMin(slab.rows, part->n_local - row);
    PetscInt64       size[3];
    const PetscReal *now = in + row * slab.plane;
    PetscReal       *leaf;

    for (PetscInt d = 0; d < last; d++) size[d] = n[d];
    size[last] = rows;
    for (PetscInt d = 0; d < last; d++) {
      PetscCall(TesModeProduct(dim, size, d, r[d], m[d], now, slab.buffer[d % 2]));
      size[d] = r[d];
      now     = slab.buffer[d % 2];
    }
    PetscCall(TesTreeLeaf(tree, &leaf));
    PetscCall(TesGemmStrided(PETSC_FALSE, PETSC_FALSE, r[last], slab.narrow, rows, 1, m[last] + part->first + row, (PetscInt)n[last], now, slab.narrow, 0, leaf, slab.narrow));
    PetscCall(TesTreePush(tree));
    row += rows;
  }
  PetscCall(TesTreeFinish(tree, core));
  PetscCall(TesTreeDestroy(&tree));
  PetscCall(SlabEnd(&slab));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSlabExpand(const TesPartition *part, PetscInt dim, const PetscInt64 n[], const PetscInt r[], const PetscReal *const m[],
                             const PetscReal *core, PetscReal *out)
{
  const PetscInt last = dim - 1;
  Slab           slab;
  PetscInt64     row = 0;

  PetscFunctionBegin;
  PetscCall(SlabBegin(part, dim, n, r, &slab));
  for (PetscInt64 u = 0; u < part->n_units_local; u++) {
    const PetscInt rows = (PetscInt)PetscMin(slab.rows, part->n_local - row);
    PetscInt64     size[3];
    PetscReal     *target = out + row * slab.plane, *now = last ? slab.buffer[last % 2] : target;

    for (PetscInt d = 0; d < last; d++) size[d] = r[d];
    size[last] = rows;
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, rows, slab.narrow, r[last], 1, m[last] + (part->first + row) * r[last], core, 0, now));
    for (PetscInt d = last - 1; d >= 0; d--) {
      PetscReal *next = d ? slab.buffer[d % 2] : target;

      PetscCall(TesModeProduct(dim, size, d, (PetscInt)n[d], m[d], now, next));
      size[d] = n[d];
      now     = next;
    }
    row += rows;
  }
  PetscCall(SlabEnd(&slab));
  PetscFunctionReturn(PETSC_SUCCESS);
}
