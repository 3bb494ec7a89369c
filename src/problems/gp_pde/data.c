/* Source, boundary values and truth on product grids.

   A manufactured solution u gives f = Laplacian u + k2 u + n(u) and g = u from the symbolic derivatives of its expression, never from differences. Points of a grid
   are split over the ranks by rows of the slowest dimension; the faces of the box (and the 2 values in 1-D) are held by every rank: 6 N^2 values in 3-D,
   of the order of the dense factors of a dimension. Cost: one evaluation of the expressions per point. */
#include "gp_pde.h"
#include <limits.h>

PetscErrorCode GpPointSetCreate(MPI_Comm comm, PetscInt dim, const PetscInt64 n[], PetscReal *const x[], GpPointSet *set)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(set, sizeof(*set)));
  set->n_local = 1;
  for (PetscInt d = 0; d < GP_DIM; d++) {
    set->n[d] = d < dim ? n[d] : 1;
    if (d >= dim) continue;
    PetscCall(PetscMalloc1((size_t)n[d], &set->x[d]));
    PetscCall(PetscArraycpy(set->x[d], x[d], (size_t)n[d]));
    if (d < dim - 1) set->n_local *= n[d];
  }
  PetscCall(TesPartitionCreate(comm, n[dim - 1], dim == 1 ? GP_UNIT_1D : GP_UNIT, &set->part));
  set->n_local *= set->part.n_local;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpPointSetDestroy(GpPointSet *set)
{
  PetscFunctionBegin;
  for (PetscInt d = 0; d < GP_DIM; d++) PetscCall(PetscFree(set->x[d]));
  PetscCall(PetscMemzero(set, sizeof(*set)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void GpPointSetPoints(const GpPointSet *set, GpPoints *points)
{
  for (PetscInt d = 0; d < GP_DIM; d++) {
    points->n[d] = set->n[d];
    points->x[d] = set->x[d];
  }
  points->first = set->part.first;
  points->count = set->part.n_local;
}

/* Line by line along x: the other coordinates are one value per line. */
PetscErrorCode GpExprEvaluate(TesExpr expr, PetscInt dim, const GpPoints *points, PetscReal *out)
{
  const PetscReal  zero      = 0;
  const PetscInt   stride[3] = {1, 0, 0};
  const PetscInt64 mid       = dim == 3 ? points->n[1] : 1, slow_count = points->count;

  PetscFunctionBegin;
  if (dim == 1) {
    const PetscReal *v[3] = {points->x[0] + points->first, &zero, &zero};

    PetscCall(TesExprEvaluateMany(expr, slow_count, v, stride, out));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt64 k = 0; k < slow_count; k++) {
    for (PetscInt64 j = 0; j < mid; j++) {
      const PetscReal *slow = points->x[dim - 1] + points->first + k;
      const PetscReal *v[3] = {points->x[0], dim == 3 ? points->x[1] + j : slow, dim == 3 ? slow : &zero};

      PetscCall(TesExprEvaluateMany(expr, points->n[0], v, stride, out + (k * mid + j) * points->n[0]));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt64 CountPoints(PetscInt dim, const GpPoints *points)
{
  PetscInt64 n = points->count;

  for (PetscInt d = 0; d < dim - 1; d++) n *= points->n[d];
  return n;
}

/* ---- kinds of data ---- */

static PetscErrorCode ManufacturedSource(GpPde *gp, const GpPoints *points, PetscReal *f)
{
  const PetscInt64 n     = CountPoints(gp->dim, points);
  const PetscReal  shift = gp->eq->shift(gp);
  PetscReal       *u, *reaction;

  PetscFunctionBegin;
  PetscCall(GpExprEvaluate(gp->laplacian, gp->dim, points, f));
  if (shift == 0 && !gp->eq->nonlinear) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc2((size_t)n, &u, (size_t)n, &reaction));
  PetscCall(GpExprEvaluate(gp->truth, gp->dim, points, u));
  for (PetscInt64 i = 0; i < n; i++) f[i] += shift * u[i];
  if (gp->eq->nonlinear) {
    gp->eq->reaction(n, u, reaction);
    for (PetscInt64 i = 0; i < n; i++) f[i] += reaction[i];
  }
  PetscCall(PetscFree2(u, reaction));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ManufacturedFace(GpPde *gp, PetscInt d, PetscInt side, const GpPoints *points, PetscReal *g)
{
  PetscFunctionBegin;
  (void)d;
  (void)side;
  PetscCall(GpExprEvaluate(gp->truth, gp->dim, points, g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ExpressionSource(GpPde *gp, const GpPoints *points, PetscReal *f)
{
  PetscFunctionBegin;
  PetscCall(GpExprEvaluate(gp->source.expression, gp->dim, points, f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ExpressionFace(GpPde *gp, PetscInt d, PetscInt side, const GpPoints *points, PetscReal *g)
{
  PetscFunctionBegin;
  PetscCall(GpExprEvaluate(gp->boundary.expression.v[gp->boundary.expression.n == 1 ? 0 : 2 * d + side], gp->dim, points, g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* X(name, anywhere, source, face) */
#define GP_DATA_LIST(X) \
  X("manufactured", PETSC_TRUE, ManufacturedSource, ManufacturedFace) \
  X("expression", PETSC_TRUE, ExpressionSource, ExpressionFace) \
  X("hdf5", PETSC_FALSE, GpFileSource, GpFileFace)

#define AS_ENTRY(NAME, ANYWHERE, SOURCE, FACE) {.name = NAME, .anywhere = ANYWHERE, .source = SOURCE, .face = FACE},
#define AS_NAME(NAME, ...) NAME,

const GpDataKind  gp_data_kinds[] = {GP_DATA_LIST(AS_ENTRY){.name = NULL}};
const char *const gp_data_names[] = {GP_DATA_LIST(AS_NAME) NULL};

PetscErrorCode GpSource(GpPde *gp, const GpPointSet *set, PetscReal *f)
{
  GpPoints points;

  PetscFunctionBegin;
  GpPointSetPoints(set, &points);
  PetscCall(gp_data_kinds[gp->source.from].source(gp, &points, f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpFace(GpPde *gp, PetscInt d, PetscInt side, const GpPointSet *set, PetscReal *g)
{
  const PetscReal end = side == 0 ? gp->lower[d] : gp->lower[d] + gp->length[d];
  GpPoints        points;

  PetscFunctionBegin;
  GpPointSetPoints(set, &points);
  points.n[d]  = 1;
  points.x[d]  = &end;
  points.first = 0;
  points.count = points.n[gp->dim - 1];
  PetscCall(gp_data_kinds[gp->boundary.from].face(gp, d, side, &points, g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpTruth(GpPde *gp, const GpPointSet *set, PetscReal *u)
{
  GpPoints points;

  PetscFunctionBegin;
  GpPointSetPoints(set, &points);
  PetscCall(GpExprEvaluate(gp->truth, gp->dim, &points, u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- set-up ---- */

PetscErrorCode GpLaplacianOfTruth(GpPde *gp)
{
  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) {
    TesExpr first, second, sum;

    PetscCall(TesExprDerivative(gp->truth, d, &first));
    PetscCall(TesExprDerivative(first, d, &second));
    PetscCall(TesExprDestroy(&first));
    if (!gp->laplacian) gp->laplacian = second;
    else {
      PetscCall(TesExprCombine('+', gp->laplacian, second, &sum));
      PetscCall(TesExprDestroy(&gp->laplacian));
      PetscCall(TesExprDestroy(&second));
      gp->laplacian = sum;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpPointsSetUp(GpPde *gp)
{
  PetscReal *x[GP_DIM] = {NULL}, *middle[GP_DIM] = {NULL};
  PetscInt64 n_middle[GP_DIM];

  PetscFunctionBegin;
  PetscCall(GpPointSetDestroy(&gp->grid));
  PetscCall(GpPointSetDestroy(&gp->middle));
  for (PetscInt d = 0; d < gp->dim; d++) {
    const PetscInt64 n = gp->n[d];

    n_middle[d] = n - 1;
    PetscCall(PetscMalloc2((size_t)n, &x[d], (size_t)n, &middle[d]));
    PetscCall(PetscFree(gp->weight[d]));
    PetscCall(PetscMalloc1((size_t)n, &gp->weight[d]));
    PetscCall(TesGridNodes((TesNodes)gp->nodes[d], PETSC_FALSE, n, gp->lower[d], gp->lower[d] + gp->length[d], x[d], gp->weight[d]));
    for (PetscInt64 i = 0; i < n; i++) gp->weight[d][i] = gp->nodes[d] == TES_NODES_CHEBYSHEV ? PetscSqrtReal(gp->weight[d][i]) : 1;
    for (PetscInt64 i = 0; i < n - 1; i++) middle[d][i] = 0.5 * (x[d][i] + x[d][i + 1]);
  }
  PetscCall(GpPointSetCreate(gp->comm, gp->dim, gp->n, x, &gp->grid));
  PetscCall(GpPointSetCreate(gp->comm, gp->dim, n_middle, middle, &gp->middle));
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(PetscFree2(x[d], middle[d]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpFacesSetUp(GpPde *gp)
{
  const PetscBool anywhere = gp_data_kinds[gp->boundary.from].anywhere;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) {
    PetscInt64 n = 1, n_middle = 1;

    for (PetscInt j = 0; j < gp->dim; j++) {
      if (j == d) continue;
      n *= gp->grid.n[j];
      n_middle *= gp->middle.n[j];
    }
    for (PetscInt side = 0; side < 2; side++) {
      PetscCall(PetscMalloc1((size_t)n, &gp->face[d][side]));
      PetscCall(GpFace(gp, d, side, &gp->grid, gp->face[d][side]));
      for (PetscInt64 i = 0; i < n; i++) gp->face_max = PetscMax(gp->face_max, PetscAbsReal(gp->face[d][side][i]));
      if (!anywhere) continue;
      PetscCall(PetscMalloc1((size_t)n_middle, &gp->face_middle[d][side]));
      PetscCall(GpFace(gp, d, side, &gp->middle, gp->face_middle[d][side]));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* First value that is not finite, as its global point number; -1 if all are. Collective. */
PetscErrorCode GpFirstNotFinite(GpPde *gp, const GpPointSet *set, const PetscReal *v, PetscInt64 *number)
{
  const PetscInt64 row   = set->part.n_local ? set->n_local / set->part.n_local : 0;
  long long        found = LLONG_MAX;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < set->n_local && found == LLONG_MAX; i++) {
    if (PetscIsInfOrNanReal(v[i])) found = (long long)(set->part.first * row + i);
  }
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &found, 1, MPI_LONG_LONG, MPI_MIN, gp->comm));
  *number = found == LLONG_MAX ? -1 : (PetscInt64)found;
  PetscFunctionReturn(PETSC_SUCCESS);
}

void GpPointText(const GpPde *gp, PetscInt64 number, char text[], size_t size)
{
  size_t used = 0;

  for (PetscInt d = 0; d < gp->dim && used < size; d++) {
    const PetscInt64 i = number % gp->n[d];

    used += (size_t)snprintf(text + used, size - used, "%s%c[%lld] = %.15g", d ? ", " : "", "xyz"[d], (long long)i, (double)gp->grid.x[d][i]);
    number /= gp->n[d];
  }
}

PetscErrorCode GpDataSetUp(GpPde *gp)
{
  PetscInt64 bad;
  char       place[160];

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)gp->grid.n_local, &gp->f));
  PetscCall(GpSource(gp, &gp->grid, gp->f));
  PetscCall(GpFirstNotFinite(gp, &gp->grid, gp->f, &bad));
  GpPointText(gp, PetscMax(bad, 0), place, sizeof(place));
  PetscCheck(bad < 0, gp->comm, TES_ERR_DECK, "the source is not finite at %s", place);
  if (gp_data_kinds[gp->source.from].anywhere) {
    PetscCall(PetscMalloc1((size_t)gp->middle.n_local, &gp->f_middle));
    PetscCall(GpSource(gp, &gp->middle, gp->f_middle));
  }
  if (gp->eq->nonlinear) PetscCall(PetscMalloc1((size_t)gp->grid.n_local, &gp->known));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpDataDestroy(GpPde *gp)
{
  PetscFunctionBegin;
  for (PetscInt d = 0; d < GP_DIM; d++) {
    PetscCall(PetscFree(gp->weight[d]));
    for (PetscInt side = 0; side < 2; side++) {
      PetscCall(PetscFree(gp->face[d][side]));
      PetscCall(PetscFree(gp->face_middle[d][side]));
    }
  }
  PetscCall(GpPointSetDestroy(&gp->grid));
  PetscCall(GpPointSetDestroy(&gp->middle));
  PetscCall(PetscFree(gp->f));
  PetscCall(PetscFree(gp->f_middle));
  PetscCall(PetscFree(gp->known));
  PetscCall(TesExprDestroy(&gp->truth));
  PetscCall(TesExprDestroy(&gp->laplacian));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Each row of the slowest dimension is summed pairwise, then the rows in the fixed tree: the same bits for every rank count. */
PetscErrorCode GpMeanSquare(GpPde *gp, const GpPointSet *set, const PetscReal *v, PetscReal *mean)
{
  const PetscInt64 rows = set->part.n_local, row = rows ? set->n_local / rows : 0;
  PetscReal       *square, *sum, total, points = 1;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)row, &square, (size_t)rows, &sum));
  for (PetscInt64 k = 0; k < rows; k++) {
    for (PetscInt64 i = 0; i < row; i++) square[i] = v[k * row + i] * v[k * row + i];
    sum[k] = TesSumPairwise(row, square);
  }
  PetscCall(TesSumOrdered(gp->comm, &set->part, sum, &total));
  PetscCall(PetscFree2(square, sum));
  for (PetscInt d = 0; d < gp->dim; d++) points *= (PetscReal)set->n[d];
  *mean = total / points;
  PetscFunctionReturn(PETSC_SUCCESS);
}
