/* From a distributed grid to a small core and back: core = (M_{d-1} x ... x M_0) in, and rows of out = (M_{d-1} x ... x M_0) core.

   The grid is cut along its slowest dimension. Compress first, then communicate: what travels is O(log units) cores per rank, never grid values.
     compress, unit by unit: the local dimensions, fastest first, then the columns of M_{d-1} that belong to the rows of this unit;
       the cores of the units are added in the fixed tree of sum.h as they are made, so a rank holds O(log units) of them;
     expand, unit by unit: rows of M_{d-1} times the core, then the local dimensions, the fastest last (the largest product, one DGEMM).
   A DGEMM may round a row differently when the number of rows changes. Therefore each product runs over the rows of one unit, whatever the rank owns:
   the same shapes, hence the same bits, for every rank count.

   Where one size is small DGEMM spends its time beside the products (skinny.h), whose entries do not depend on how many rows there are. Units of up to 16 rows: the last product of
   compress adds up to 32 rows' units in registers, in the order of the tree. Up to 8 terms: the last product of expand runs over a row of transposed functions. In 2D with a core of up
   to 8 x 8 inner products of all rows with the functions come first, or, where the array fits the first cache, the last dimension: compress adds rows of the grid, with a tree of r_1 n_0
   numbers, and takes M_0 once. Expand with up to 8 rows forms M_0 core', and each row of the grid is a combination of its rows; with both factors in the first cache it takes all rows at once.

   Cost of compress per unit of q rows, n = prod of local sizes: 2 q n r_0 (1 + r_1/n_0 + ...) + 2 q prod r flops, and prod r additions in the tree; rates are in
   tests/bench/bench_mode_product.md. Memory: two buffers of one unit, four compressed units, and the cores of the tree. */
#include <tessera/linalg.h>
#include <tessera/sum.h>

#include "linalg_impl.h"
#include "skinny.h"

#define FEW_WIDE   512  /* reals that need no allocation */
#define FEW_POINTS 8192 /* points of an array that columns of which are read as fast as rows: the first cache */

typedef struct {
  PetscInt   rows;   /* of a full unit */
  PetscInt   levels; /* 2^levels units wait for their last product */
  PetscInt64 plane;  /* grid values per row of the slowest dimension */
  PetscInt   narrow; /* core values per row of the slowest core dimension */
  PetscInt   width;  /* core values */
  PetscReal *buffer[2], *ready; /* ready: units of which only the last product is left */
} Slab;

static PetscErrorCode SlabBegin(const TesPartition *part, PetscInt dim, const PetscInt64 n[], const PetscInt r[], Slab *slab)
{
  PetscInt64 plane = 1, narrow = 1, wide = 0, width;

  PetscFunctionBegin;
  slab->levels = 0;
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
  while (slab->levels < SKINNY_LEVELS && slab->rows << (slab->levels + 1) <= SKINNY_WAIT) slab->levels++;
  PetscCall(PetscMalloc3((size_t)(wide * slab->rows), &slab->buffer[0], (size_t)(wide * slab->rows), &slab->buffer[1], (size_t)(narrow * slab->rows) << slab->levels, &slab->ready));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SlabEnd(Slab *slab)
{
  PetscFunctionBegin;
  PetscCall(PetscFree3(slab->buffer[0], slab->buffer[1], slab->ready));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* rows of one unit: all products but the last, out [rows][narrow] */
static PetscErrorCode CompressUnit(Slab *slab, PetscInt dim, const PetscInt64 n[], const PetscInt r[], const PetscReal *const m[], PetscInt rows, const PetscReal *in, PetscReal *out)
{
  PetscInt64 size[3];

  PetscFunctionBegin;
  for (PetscInt d = 0; d < dim - 1; d++) size[d] = n[d];
  size[dim - 1] = rows;
  for (PetscInt d = 0; d < dim - 1; d++) {
    PetscReal *next = d < dim - 2 ? slab->buffer[d % 2] : out;

    if (d == 0 && r[0] <= SKINNY_TERMS) TES_KERNEL_PICK(SkinnyKernels)->dots((PetscInt)(slab->plane / n[0]) * rows, r[0], (PetscInt)n[0], in, (PetscInt)n[0], m[0], (PetscInt)n[0], next, r[0]);
    else PetscCall(TesModeProduct(dim, size, d, r[d], m[d], in, next));
    size[d] = r[d];
    in      = next;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A plane array and a small core: inner products of all rows with the functions of the first dimension, [r_0][rows], then those of each unit with the functions of the second. */
static PetscErrorCode CompressDots(const TesPartition *part, const PetscInt64 n[], const PetscInt r[], const PetscReal *const m[], const PetscReal *in, TesTree tree)
{
  const SkinnyTable *skinny = TES_KERNEL_PICK(SkinnyKernels);
  const PetscInt     all = (PetscInt)part->n_local, n0 = (PetscInt)n[0];
  PetscReal         *first, *leaf;
  PetscInt64         row = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)r[0] * (size_t)all, &first));
  skinny->dots(r[0], all, n0, m[0], n0, in, n0, first, all);
  for (PetscInt64 u = 0; u < part->n_units_local; u++) {
    const PetscInt rows = (PetscInt)PetscMin(part->unit, part->n_local - row);

    PetscCall(TesTreeNode(tree, 0, &leaf));
    skinny->dots(r[1], r[0], rows, m[1] + part->first + row, (PetscInt)n[1], first + row, all, leaf, r[0]);
    PetscCall(TesTreePush(tree));
    row += rows;
  }
  PetscCall(PetscFree(first));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The same where the array fits the first cache: M_1 first, whose sums over the rows of the grid are the tree's, [r_1][n_0] wide; M_0 once at the end. */
static PetscErrorCode CompressFew(MPI_Comm comm, const TesPartition *part, const PetscInt64 n[], const PetscInt r[], const PetscReal *const m[], const PetscReal *in, PetscReal *core)
{
  const SkinnyTable *skinny = TES_KERNEL_PICK(SkinnyKernels);
  const PetscInt     n0 = (PetscInt)n[0], unit = (PetscInt)PetscMin(part->unit, n[1]);
  PetscReal          small[FEW_WIDE], *wide = small, *node;
  PetscInt64         row = 0;
  PetscInt           levels = 0;
  TesTree            tree;

  PetscFunctionBegin;
  if (r[1] * n0 > FEW_WIDE) PetscCall(PetscMalloc1((size_t)r[1] * (size_t)n0, &wide));
  while (levels < SKINNY_LEVELS && part->n_units_local > (PetscInt64)1 << levels) levels++;
  if (part->size == 1 && part->n_units_local == (PetscInt64)1 << levels) { /* one node is the whole tree */
    skinny->tree(r[1], n0, unit, (PetscInt)part->n_local - unit * ((1 << levels) - 1), levels, m[1], (PetscInt)n[1], in, n0, wide, n0);
  } else {
    PetscCall(TesTreeCreate(comm, part, r[1] * n0, NULL, NULL, &tree));
    while (row < part->n_local) {
      PetscInt64 rows;

      PetscCall(TesTreeLevels(tree, SKINNY_LEVELS, &levels));
      rows = PetscMin((PetscInt64)unit << levels, part->n_local - row);
      PetscCall(TesTreeNode(tree, levels, &node));
      skinny->tree(r[1], n0, unit, (PetscInt)rows - unit * ((1 << levels) - 1), levels, m[1] + part->first + row, (PetscInt)n[1], in + row * n0, n0, node, n0);
      PetscCall(TesTreePush(tree));
      row += rows;
    }
    PetscCall(TesTreeFinish(tree, wide));
    PetscCall(TesTreeDestroy(&tree));
  }
  if (r[0] <= SKINNY_TERMS) skinny->dots(r[1], r[0], n0, wide, n0, m[0], n0, core, r[0]);
  else PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, r[1], r[0], n0, 1, wide, m[0], 0, core));
  if (wide != small) PetscCall(PetscFree(wide));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSlabCompress(MPI_Comm comm, const TesPartition *part, PetscInt dim, const PetscInt64 n[], const PetscInt r[], const PetscReal *const m[],
                               const PetscReal *in, PetscReal *core)
{
  const SkinnyTable *skinny = TES_KERNEL_PICK(SkinnyKernels);
  const PetscInt     last   = dim - 1;
  Slab               slab;
  TesTree            tree;
  PetscInt64         row = 0;
  PetscBool          few;

  PetscFunctionBegin;
  if (dim == 2 && r[1] >= 1 && r[1] <= SKINNY_TERMS && r[0] > 0 && n[0] >= SKINNY_LEAST && n[0] * n[1] <= FEW_POINTS) {
    PetscCall(CompressFew(comm, part, n, r, m, in, core));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (dim == 2 && r[0] <= SKINNY_TERMS && r[1] <= SKINNY_TERMS && r[0] * r[1] > 0) {
    PetscCall(TesTreeCreate(comm, part, r[0] * r[1], NULL, NULL, &tree));
    PetscCall(CompressDots(part, n, r, m, in, tree));
    PetscCall(TesTreeFinish(tree, core));
    PetscCall(TesTreeDestroy(&tree));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(SlabBegin(part, dim, n, r, &slab));
  few = slab.rows <= SKINNY_ROWS && slab.narrow >= SKINNY_LEAST && dim > 1 ? PETSC_TRUE : PETSC_FALSE; /* by the sizes of the whole array alone */
  PetscCall(TesTreeCreate(comm, part, slab.width, NULL, NULL, &tree));
  while (row < part->n_local) {
    const PetscInt   rows   = (PetscInt)PetscMin(slab.rows, part->n_local - row);
    const PetscReal *a      = m[last] + part->first + row;
    PetscInt         levels = 0;
    PetscReal       *node;

    if (few) PetscCall(TesTreeLevels(tree, slab.levels, &levels));
    while (levels && row + ((PetscInt64)rows << levels) > part->n_local) levels--; /* the last unit of all may have fewer rows */
    for (PetscInt64 u = 0; u < (PetscInt64)1 << levels && dim > 1; u++)
      PetscCall(CompressUnit(&slab, dim, n, r, m, rows, in + (row + u * rows) * slab.plane, slab.ready + u * rows * slab.narrow));
    PetscCall(TesTreeNode(tree, levels, &node));
    if (few) skinny->tree(r[last], slab.narrow, rows, rows, levels, a, (PetscInt)n[last], slab.ready, slab.narrow, node, slab.narrow);
    else PetscCall(TesGemmStrided(PETSC_FALSE, PETSC_FALSE, r[last], slab.narrow, rows, 1, a, (PetscInt)n[last], dim > 1 ? slab.ready : in + row, slab.narrow, 0, node, slab.narrow));
    PetscCall(TesTreePush(tree));
    row += (PetscInt64)rows << levels;
  }
  PetscCall(TesTreeFinish(tree, core));
  PetscCall(TesTreeDestroy(&tree));
  PetscCall(SlabEnd(&slab));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* All rows of a plane array whose core has few rows: combinations of the rows of core M_0'. */
static PetscErrorCode ExpandFewRows(const TesPartition *part, const PetscInt64 n[], const PetscInt r[], const PetscReal *const m[], const PetscReal *core, PetscReal *out)
{
  const SkinnyTable *skinny = TES_KERNEL_PICK(SkinnyKernels);
  const PetscInt     n0     = (PetscInt)n[0];
  const PetscBool    few    = (r[0] + r[1]) * n[0] <= FEW_WIDE ? PETSC_TRUE : PETSC_FALSE;
  PetscReal          small[FEW_WIDE], *wide = small, *functions = small + (few ? r[1] * n0 : 0);

  PetscFunctionBegin;
  if (!few) PetscCall(PetscMalloc2((size_t)r[1] * (size_t)n0, &wide, (size_t)r[0] * (size_t)n0, &functions));
  TesTransposeSmall(n0, r[0], m[0], functions);
  if (r[0] >= 1 && r[0] <= SKINNY_TERMS) skinny->combine(r[1], n0, r[0], core, r[0], functions, n0, wide, n0);
  else skinny->product(r[1], n0, r[0], core, r[0], functions, n0, wide, n0);
  skinny->combine((PetscInt)part->n_local, n0, r[1], m[1] + part->first * r[1], r[1], wide, n0, out, n0);
  if (!few) PetscCall(PetscFree2(wide, functions));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* All rows of a plane array that is small in both dimensions: M_1 core, then the functions of the first dimension. */
static PetscErrorCode ExpandSmall(const TesPartition *part, const PetscInt64 n[], const PetscInt r[], const PetscReal *const m[], const PetscReal *core, PetscReal *out)
{
  const SkinnyTable *skinny = TES_KERNEL_PICK(SkinnyKernels);
  const PetscInt     n0 = (PetscInt)n[0], rows = (PetscInt)part->n_local;
  PetscReal         *narrow, *functions;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)rows * (size_t)r[0], &narrow, (size_t)r[0] * (size_t)n0, &functions));
  TesTransposeSmall(n0, r[0], m[0], functions);
  skinny->product(rows, r[0], r[1], m[1] + part->first * r[1], r[1], core, r[0], narrow, r[0]);
  skinny->product(rows, n0, r[0], narrow, r[0], functions, n0, out, n0);
  PetscCall(PetscFree2(narrow, functions));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSlabExpand(const TesPartition *part, PetscInt dim, const PetscInt64 n[], const PetscInt r[], const PetscReal *const m[],
                             const PetscReal *core, PetscReal *out)
{
  const SkinnyTable *skinny = TES_KERNEL_PICK(SkinnyKernels);
  const PetscInt     last   = dim - 1;
  Slab               slab;
  PetscReal         *functions = NULL; /* [r_0][n_0] */
  PetscInt64         row       = 0;

  PetscFunctionBegin;
  if (dim == 2 && r[1] >= 1 && r[1] <= SKINNY_TERMS && n[0] >= SKINNY_LEAST) {
    PetscCall(ExpandFewRows(part, n, r, m, core, out));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (dim == 2 && r[1] >= 1 && r[0] >= SKINNY_LEAST && n[0] >= SKINNY_LEAST && (PetscInt64)r[0] * PetscMax(n[0], r[1]) <= SKINNY_SMALL) {
    PetscCall(ExpandSmall(part, n, r, m, core, out));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(SlabBegin(part, dim, n, r, &slab));
  if (dim > 1 && r[0] >= 1 && r[0] <= SKINNY_TERMS && n[0] >= SKINNY_LEAST) {
    PetscCall(PetscMalloc1((size_t)r[0] * (size_t)n[0], &functions));
    TesTransposeSmall((PetscInt)n[0], r[0], m[0], functions);
  }
  for (PetscInt64 u = 0; u < part->n_units_local; u++) {
    const PetscInt rows = (PetscInt)PetscMin(slab.rows, part->n_local - row);
    PetscInt64     size[3], lines = rows;
    PetscReal     *target = out + row * slab.plane, *now = last ? slab.buffer[last % 2] : target;

    for (PetscInt d = 0; d < last; d++) size[d] = r[d];
    size[last] = rows;
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, rows, slab.narrow, r[last], 1, m[last] + (part->first + row) * r[last], core, 0, now));
    for (PetscInt d = last - 1; d >= (functions ? 1 : 0); d--) {
      PetscReal *next = d ? slab.buffer[d % 2] : target;

      PetscCall(TesModeProduct(dim, size, d, (PetscInt)n[d], m[d], now, next));
      size[d] = n[d];
      lines *= n[d];
      now = next;
    }
    if (functions) skinny->combine((PetscInt)lines, (PetscInt)n[0], r[0], now, r[0], functions, (PetscInt)n[0], target, (PetscInt)n[0]);
    row += rows;
  }
  PetscCall(PetscFree(functions));
  PetscCall(SlabEnd(&slab));
  PetscFunctionReturn(PETSC_SUCCESS);
}
