/* The data in which the frequencies of one dimension are looked for.

   The source is f; under a variable coefficient a it is f / a in the first pass, and in the second pass it is f - N(u_best).

   1-D: the source itself. More dimensions: the source unfolded along dimension d (one line along d per combination of the other indices), compressed to the left
   singular vectors of its leading singular values (at most 12, scaled by sigma/sigma_1, dropped below 1e-12 sigma_1), then the boundary traces
   that run along d, divided by (their common max|g|) sqrt(N_d); in 3-D the traces of the faces are compressed to at most 8 vectors in the same way.
   All columns are scaled together to rms 1. White noise of standard deviation s in f is noise of s / sigma_1 in each of the source's columns (unit vectors take it over as it is),
   and columns below what noise alone would give, s (sqrt N_d + sqrt(M / N_d)), are dropped.

   Compression: rows of the tall array [other indices][N_d] lie on all ranks; R of its QR by a tree (TesTallR), then the SVD of the small R. The distributed dimension
   is transposed first. Cost: M N_d flops times a small factor; traffic of one transpose; the same bits for every rank count. */
#include "gp_pde.h"
#include <tessera/fft.h>

#define MAX_SOURCE_VECTORS 12
#define MAX_FACE_VECTORS   8
#define DROP               1e-12

typedef struct {
  PetscInt   n, count, capacity;
  PetscReal *v; /* [capacity][n] one vector after the other */
} Vectors;

static PetscErrorCode VectorsAdd(Vectors *set, const PetscReal *v, PetscInt stride, PetscReal scale)
{
  PetscFunctionBegin;
  PetscCheck(set->count < set->capacity, PETSC_COMM_SELF, PETSC_ERR_PLIB, "more data vectors than planned");
  for (PetscInt i = 0; i < set->n; i++) set->v[(size_t)set->count * (size_t)set->n + (size_t)i] = scale * v[(size_t)i * (size_t)stride];
  set->count++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Right singular vectors of a small matrix, scaled by sigma/sigma_1. */
static PetscErrorCode AddSingularVectors(Vectors *set, PetscInt rows, const PetscReal *a, PetscInt most, PetscReal scale, PetscReal floor, PetscReal *largest)
{
  const PetscInt k = PetscMin(rows, set->n);
  PetscReal     *s, *vt;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(k, &s, (size_t)k * (size_t)set->n, &vt));
  PetscCall(TesSVD(rows, set->n, a, NULL, s, vt));
  if (largest) *largest = s[0];
  for (PetscInt i = 0; i < PetscMin(k, most) && s[i] > DROP * s[0] && s[0] > 0 && (i == 0 || s[i] > floor); i++)
    PetscCall(VectorsAdd(set, vt + (size_t)i * (size_t)set->n, 1, scale * s[i] / s[0]));
  PetscCall(PetscFree2(s, vt));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* In 2-D there are about as many lines as a line is long, and a tree of short blocks would cost more than the QR itself: four units, of the size of the dense factors of a dimension.
   In 3-D units have the lines of some rows of the grid, more than a line is long. All from the sizes alone. */
static PetscInt64 LinesUnit(PetscInt64 lines)
{
  return PetscMax((lines + 3) / 4, 1);
}

/* Lines along a local dimension: [slow][mid][x] is already right for x; for y of three dimensions swap the two local axes. */
static PetscErrorCode LinesLocal(GpPde *gp, PetscInt d, const PetscReal *f, TesPartition *part, PetscReal **lines)
{
  const GpPointSet *grid = &gp->grid;
  const PetscInt64  rows = grid->part.n_local, other = d == 0 ? (gp->dim == 3 ? grid->n[1] : 1) : grid->n[0];

  PetscFunctionBegin;
  if (gp->dim == 2) { /* d = 0: the rows are the lines */
    PetscCall(TesPartitionCreate(gp->comm, grid->part.n, LinesUnit(grid->part.n), part));
    PetscCall(PetscMalloc1((size_t)(part->n_local * grid->n[0]), lines));
    PetscCall(TesRedistribute(gp->comm, &grid->part, part, grid->n[0], f, *lines));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesPartitionCreate(gp->comm, grid->part.n * other, grid->part.unit * other, part));
  PetscCall(PetscMalloc1((size_t)grid->n_local, lines));
  if (d == 0) PetscCall(PetscArraycpy(*lines, f, (size_t)grid->n_local));
  else {
    for (PetscInt64 k = 0; k < rows; k++)
      for (PetscInt64 j = 0; j < grid->n[1]; j++)
        for (PetscInt64 i = 0; i < grid->n[0]; i++) (*lines)[(k * grid->n[0] + i) * grid->n[1] + j] = f[(k * grid->n[1] + j) * grid->n[0] + i];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LinesDistributed(GpPde *gp, const PetscReal *f, TesPartition *part, PetscReal **lines)
{
  const PetscInt   d     = gp->dim - 1;
  PetscInt64       other = 1;

  PetscFunctionBegin;
  for (PetscInt j = 0; j < d; j++) other *= gp->n[j];
  PetscCall(TesPartitionCreate(gp->comm, other, d == 1 ? LinesUnit(other) : gp->n[0] * GP_UNIT_LEAST, part));
  PetscCall(PetscMalloc1((size_t)(part->n_local * gp->n[d]), lines));
  PetscCall(TesTranspose(gp->comm, &gp->grid.part, part, 1, f, *lines));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddSource(GpPde *gp, PetscInt d, const PetscReal *f, Vectors *set, PetscReal *noise)
{
  const PetscInt n = set->n;
  TesPartition   part;
  PetscReal     *lines, *r, others = 1, largest;

  PetscFunctionBegin;
  if (d == gp->dim - 1) PetscCall(LinesDistributed(gp, f, &part, &lines));
  else PetscCall(LinesLocal(gp, d, f, &part, &lines));
  PetscCall(PetscMalloc1((size_t)n * (size_t)n, &r));
  PetscCall(TesTallR(gp->comm, &part, n, lines, r));
  PetscCall(PetscFree(lines));
  for (PetscInt j = 0; j < gp->dim; j++) others *= j == d ? 1 : (PetscReal)gp->n[j];
  PetscCall(AddSingularVectors(set, n, r, MAX_SOURCE_VECTORS, 1, gp->source.noise_sd * (PetscSqrtReal((PetscReal)n) + PetscSqrtReal(others)), &largest));
  *noise = largest > 0 ? gp->source.noise_sd / largest : 0;
  PetscCall(PetscFree(r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* 1-D: the source is a line itself; every rank holds it, as it holds the (larger) dense factors of this dimension. */
static PetscErrorCode AddLine(GpPde *gp, const PetscReal *f, Vectors *set)
{
  PetscReal *line;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)set->n, &line));
  PetscCall(GpGatherLine(gp, &gp->grid, f, line));
  PetscCall(VectorsAdd(set, line, 1, 1));
  PetscCall(PetscFree(line));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddTraces(GpPde *gp, PetscInt d, Vectors *set)
{
  PetscReal max = 0, scale;

  PetscFunctionBegin;
  for (PetscInt j = 0; j < gp->dim; j++) {
    PetscInt64 n = 1;

    for (PetscInt i = 0; i < gp->dim; i++) n *= i == j ? 1 : gp->n[i];
    for (PetscInt k = 0; k < gp->n_trace[j] && j != d; k++)
      for (PetscInt64 i = 0; i < n; i++) max = PetscMax(max, PetscAbsReal(gp->face[j][k][i]));
  }
  if (max == 0) PetscFunctionReturn(PETSC_SUCCESS);
  scale = 1 / (max * PetscSqrtReal((PetscReal)set->n));
  if (gp->dim == 2) {
    for (PetscInt k = 0; k < gp->n_trace[1 - d]; k++) PetscCall(VectorsAdd(set, gp->face[1 - d][k], 1, scale));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  { /* 3-D: the lines along d of the four faces that contain d, as the rows of one array; R first when it is tall */
    PetscInt   rows = 0, at = 0;
    PetscReal *lines, *r;

    for (PetscInt j = 0; j < 3; j++) rows += j == d ? 0 : gp->n_trace[j] * (PetscInt)gp->n[3 - d - j];
    PetscCall(PetscMalloc2((size_t)rows * (size_t)set->n, &lines, (size_t)set->n * (size_t)set->n, &r));
    for (PetscInt j = 0; j < 3; j++) {
      const PetscInt   other  = j == d ? d : 3 - d - j;
      const PetscInt64 step_d = d < other ? 1 : gp->n[other], step_other = d < other ? gp->n[d] : 1;

      if (j == d) continue;
      for (PetscInt k = 0; k < gp->n_trace[j]; k++)
        for (PetscInt64 o = 0; o < gp->n[other]; o++, at++)
          for (PetscInt64 i = 0; i < gp->n[d]; i++) lines[(size_t)at * (size_t)set->n + (size_t)i] = gp->face[j][k][o * step_other + i * step_d];
    }
    if (rows >= set->n) {
      PetscCall(TesQR(rows, set->n, lines, NULL, r));
      PetscCall(AddSingularVectors(set, set->n, r, MAX_FACE_VECTORS, 1 / PetscSqrtReal((PetscReal)set->n), 0, NULL));
    } else PetscCall(AddSingularVectors(set, rows, lines, MAX_FACE_VECTORS, 1 / PetscSqrtReal((PetscReal)set->n), 0, NULL));
    PetscCall(PetscFree2(lines, r));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MakeData(GpPde *gp, PetscInt d, PetscInt *n_columns, PetscReal **y, PetscReal *noise)
{
  const PetscReal *f   = gp->pass == 2 || gp->coefficient ? gp->known : gp->f;
  Vectors          set = {.n = (PetscInt)gp->n[d], .capacity = MAX_SOURCE_VECTORS + MAX_FACE_VECTORS};
  PetscReal        mean, square = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)set.capacity * (size_t)set.n, &set.v));
  PetscCall(GpMeanSquare(gp, &gp->grid, f, &mean));
  *noise = gp->source.noise_sd;
  if (mean > 0) PetscCall(gp->dim == 1 ? AddLine(gp, f, &set) : AddSource(gp, d, f, &set, noise));
  if (gp->dim > 1) PetscCall(AddTraces(gp, d, &set));
  for (PetscInt i = 0; i < set.count * set.n; i++) square += set.v[i] * set.v[i];
  square = set.count ? PetscSqrtReal(square / (PetscReal)(set.count * set.n)) : 0;
  PetscCall(PetscMalloc1((size_t)set.count * (size_t)set.n, y));
  for (PetscInt i = 0; i < set.n; i++)
    for (PetscInt c = 0; c < set.count; c++) (*y)[(size_t)i * (size_t)set.count + (size_t)c] = set.v[(size_t)c * (size_t)set.n + (size_t)i] / square;
  *n_columns = square > 0 ? set.count : 0;
  *noise     = square > 0 ? *noise / square : 0;
  PetscCall(PetscFree(set.v));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpIdentifyData(GpPde *gp, PetscInt d, PetscInt *n_columns, PetscReal **y, PetscReal *noise)
{
  size_t size;

  PetscFunctionBegin;
  if (gp->pass == 2) {
    PetscCall(MakeData(gp, d, n_columns, y, noise));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (!gp->first_data[d].y) {
    PetscCall(MakeData(gp, d, &gp->first_data[d].n_columns, &gp->first_data[d].y, &gp->first_data[d].noise));
    if (!gp->first_data[d].y) PetscCall(PetscMalloc1(1, &gp->first_data[d].y)); /* no data at all: known as well */
  }
  *n_columns = gp->first_data[d].n_columns;
  *noise     = gp->first_data[d].noise;
  size       = (size_t)*n_columns * (size_t)gp->n[d];
  PetscCall(PetscMalloc1(size, y));
  PetscCall(PetscArraycpy(*y, gp->first_data[d].y, size));
  PetscFunctionReturn(PETSC_SUCCESS);
}
