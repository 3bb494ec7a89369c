/* Source, traces on the sides and truth on product grids.

   A manufactured solution u gives f = S u + N(u) and g = value u + slope du/dx from the symbolic derivatives of its expression, never from differences. Where the terms of f
   cancel to rounding f is zero: noise of that size would be taken for a source and searched for frequencies. Points of a grid are split over the ranks by rows of the
   slowest dimension; the faces of the box (and the 2 values in 1-D) are held by every rank: 6 N^2 values in 3-D, of the order of the dense factors of a
   dimension. Cost: one evaluation of the expressions per point. */
#include "gp_pde.h"
#include <limits.h>

#define CANCELLED 1e-14 /* a source below this fraction of its terms on the same line is rounding: the derivatives of u carry some 10 eps each */

/* In 2-D a product has as many rows as a unit: more of them where there are enough for eight units, so that small grids can still be split. */
PetscInt64 GpUnit(PetscInt dim, PetscInt64 n)
{
  if (dim == 1) return GP_UNIT_MOST;
  return dim == 2 ? PetscMax(GP_UNIT_LEAST, PetscMin(GP_UNIT_MOST, n / 8)) : GP_UNIT_LEAST;
}

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
  PetscCall(TesPartitionCreate(comm, n[dim - 1], GpUnit(dim, n[dim - 1]), &set->part));
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
  const PetscInt   stride[4] = {1, 0, 0, 0};
  const PetscInt64 mid       = dim == 3 ? points->n[1] : 1, slow_count = points->count;

  PetscFunctionBegin;
  if (dim == 1) {
    const PetscReal *v[4] = {points->x[0] + points->first, &zero, &zero, &zero};

    PetscCall(TesExprEvaluateMany(expr, slow_count, v, stride, out));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt64 k = 0; k < slow_count; k++) {
    for (PetscInt64 j = 0; j < mid; j++) {
      const PetscReal *slow = points->x[dim - 1] + points->first + k;
      const PetscReal *v[4] = {points->x[0], dim == 3 ? points->x[1] + j : slow, dim == 3 ? slow : &zero, slow}; /* t is the last dimension */

      PetscCall(TesExprEvaluateMany(expr, points->n[0], v, stride, out + (k * mid + j) * points->n[0]));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscInt64 GpPointCount(PetscInt dim, const GpPoints *points)
{
  PetscInt64 n = points->count;

  for (PetscInt d = 0; d < dim - 1; d++) n *= points->n[d];
  return n;
}

/* ---- kinds of data ---- */

/* sum += factor[i] x expression, size += |that| */
static PetscErrorCode AddTerm(const GpPde *gp, TesExpr expr, const GpPoints *points, PetscInt64 n, PetscReal factor, const PetscReal *factors, PetscReal *work, PetscReal *sum, PetscReal *size)
{
  PetscFunctionBegin;
  PetscCall(GpExprEvaluate(expr, gp->dim, points, work));
  for (PetscInt64 i = 0; i < n; i++) {
    const PetscReal term = (factors ? factors[i] : factor) * work[i];

    sum[i] += term;
    size[i] += PetscAbsReal(term);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddReaction(GpPde *gp, const GpPoints *points, PetscInt64 n, PetscReal *sum, PetscReal *size)
{
  GpFields   u;
  PetscReal *value;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)n, &value));
  PetscCall(PetscArrayzero(value, (size_t)n));
  PetscCall(GpFieldsCreate(gp, n, &u));
  PetscCall(GpExprEvaluate(gp->truth, gp->dim, points, u.u));
  for (PetscInt d = 0; d < gp->dim; d++) {
    if (u.grad[d]) PetscCall(GpExprEvaluate(gp->truth_first[d], gp->dim, points, u.grad[d]));
  }
  gp->eq->reaction(gp, &u, value);
  for (PetscInt64 i = 0; i < n; i++) {
    sum[i] += value[i];
    size[i] += PetscAbsReal(value[i]);
  }
  PetscCall(GpFieldsDestroy(&u));
  PetscCall(PetscFree(value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ManufacturedSource(GpPde *gp, const GpPoints *points, PetscReal *f)
{
  const PetscInt64 n = GpPointCount(gp->dim, points);
  PetscReal       *work, *size;
  GpFields         a = {0};

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)n, &work, (size_t)n, &size));
  PetscCall(PetscArrayzero(f, (size_t)n));
  PetscCall(PetscArrayzero(size, (size_t)n));
  if (gp->coefficient) PetscCall(GpCoefficientAt(gp, points, n, &a));
  for (PetscInt d = 0; d < gp->dim; d++) {
    if (gp->second[d] != 0) PetscCall(AddTerm(gp, gp->truth_second[d], points, n, gp->second[d], a.u, work, f, size));
    if (gp->first[d] != 0) PetscCall(AddTerm(gp, gp->truth_first[d], points, n, gp->first[d], NULL, work, f, size));
    if (gp->coefficient) PetscCall(AddTerm(gp, gp->truth_first[d], points, n, 0, a.grad[d], work, f, size));
  }
  if (gp->zeroth != 0) PetscCall(AddTerm(gp, gp->truth, points, n, gp->zeroth, NULL, work, f, size));
  if (gp->eq->reaction) PetscCall(AddReaction(gp, points, n, f, size));
  for (PetscInt64 line = 0, length = gp->dim > 1 ? points->n[0] : n; line < n; line += length) {
    PetscReal largest = 0;

    for (PetscInt64 i = line; i < line + length; i++) largest = PetscMax(largest, size[i]);
    for (PetscInt64 i = line; i < line + length; i++) {
      if (PetscAbsReal(f[i]) <= CANCELLED * (gp->dim > 1 ? largest : size[i])) f[i] = 0;
    }
  }
  PetscCall(GpFieldsDestroy(&a));
  PetscCall(PetscFree2(work, size));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ManufacturedFace(GpPde *gp, PetscInt d, PetscInt k, const GpPoints *points, PetscReal *g)
{
  const GpTrace   *trace = &gp->trace[d][k];
  const PetscInt64 n     = GpPointCount(gp->dim, points);
  PetscReal       *work;

  PetscFunctionBegin;
  PetscCall(GpExprEvaluate(gp->truth, gp->dim, points, g));
  if (trace->slope == 0 && trace->value == 1) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc1((size_t)n, &work));
  PetscCall(GpExprEvaluate(gp->truth_first[d], gp->dim, points, work));
  for (PetscInt64 i = 0; i < n; i++) g[i] = trace->value * g[i] + trace->slope * work[i];
  PetscCall(PetscFree(work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ExpressionSource(GpPde *gp, const GpPoints *points, PetscReal *f)
{
  PetscFunctionBegin;
  PetscCall(GpExprEvaluate(gp->source.expression, gp->dim, points, f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* one expression for all, or one per side; what is not prescribed has a place in the list all the same */
static PetscErrorCode ExpressionFace(GpPde *gp, PetscInt d, PetscInt k, const GpPoints *points, PetscReal *g)
{
  PetscFunctionBegin;
  PetscCall(GpExprEvaluate(gp->boundary.expression.v[gp->boundary.expression.n == 1 ? 0 : gp->trace[d][k].slot], gp->dim, points, g));
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

PetscErrorCode GpFace(GpPde *gp, PetscInt d, PetscInt k, const GpPointSet *set, PetscReal *g)
{
  const PetscReal end = gp->trace[d][k].end == 0 ? gp->lower[d] : gp->lower[d] + gp->length[d];
  GpPoints        points;

  PetscFunctionBegin;
  GpPointSetPoints(set, &points);
  points.n[d]  = 1;
  points.x[d]  = &end;
  points.first = 0;
  points.count = points.n[gp->dim - 1];
  PetscCall(gp_data_kinds[gp->boundary.from].face(gp, d, k, &points, g));
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

/* along dimension d; in time an expression may name it by its letter or by t */
static PetscErrorCode Derivative(const GpPde *gp, TesExpr expr, PetscInt d, TesExpr *derivative)
{
  TesExpr by_letter, by_t;

  PetscFunctionBegin;
  PetscCall(TesExprDerivative(expr, d, derivative));
  if (d != gp->time || !TesExprUses(expr, GP_DIM)) PetscFunctionReturn(PETSC_SUCCESS);
  by_letter = *derivative;
  PetscCall(TesExprDerivative(expr, GP_DIM, &by_t));
  PetscCall(TesExprCombine('+', by_letter, by_t, derivative));
  PetscCall(TesExprDestroy(&by_letter));
  PetscCall(TesExprDestroy(&by_t));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpTruthDerivatives(GpPde *gp)
{
  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) {
    PetscCall(Derivative(gp, gp->truth, d, &gp->truth_first[d]));
    PetscCall(Derivative(gp, gp->truth_first[d], d, &gp->truth_second[d]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpCoefficientAt(GpPde *gp, const GpPoints *points, PetscInt64 n, GpFields *a)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(a, sizeof(*a)));
  a->n = n;
  PetscCall(PetscMalloc1((size_t)PetscMax(n, 1), &a->u));
  PetscCall(GpExprEvaluate(gp->coefficient, gp->dim, points, a->u));
  for (PetscInt d = 0; d < gp->dim; d++) {
    PetscCall(PetscMalloc1((size_t)PetscMax(n, 1), &a->grad[d]));
    PetscCall(GpExprEvaluate(gp->coefficient_first[d], gp->dim, points, a->grad[d]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpCoefficientSetUp(GpPde *gp)
{
  GpPoints points;

  PetscFunctionBegin;
  gp->coefficient_mean = 1;
  if (!gp->coefficient) PetscFunctionReturn(PETSC_SUCCESS);
  GpPointSetPoints(&gp->grid, &points);
  PetscCall(GpCoefficientAt(gp, &points, gp->grid.n_local, &gp->a_grid));
  GpPointSetPoints(&gp->middle, &points);
  PetscCall(GpCoefficientAt(gp, &points, gp->middle.n_local, &gp->a_middle));
  PetscCall(GpMean(gp, &gp->grid, gp->a_grid.u, &gp->coefficient_mean));
  for (PetscInt d = 0; d < gp->dim; d++) gp->second[d] *= gp->coefficient_mean;
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

    n_middle[d] = gp->periodic[d] ? n : n - 1;
    PetscCall(PetscMalloc2((size_t)n, &x[d], (size_t)n, &middle[d]));
    PetscCall(PetscFree(gp->weight[d]));
    PetscCall(PetscMalloc1((size_t)n, &gp->weight[d]));
    PetscCall(TesGridNodes((TesNodes)gp->nodes[d], gp->periodic[d], n, gp->lower[d], gp->lower[d] + gp->length[d], x[d], gp->weight[d]));
    for (PetscInt64 i = 0; i < n; i++) gp->weight[d][i] = gp->nodes[d] == TES_NODES_CHEBYSHEV ? PetscSqrtReal(gp->weight[d][i]) : 1;
    for (PetscInt64 i = 0; i < n_middle[d]; i++) middle[d][i] = 0.5 * (x[d][i] + (i + 1 < n ? x[d][i + 1] : gp->lower[d] + gp->length[d]));
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
    for (PetscInt k = 0; k < gp->n_trace[d]; k++) {
      PetscCall(PetscMalloc1((size_t)n, &gp->face[d][k]));
      PetscCall(GpFace(gp, d, k, &gp->grid, gp->face[d][k]));
      for (PetscInt64 i = 0; i < n; i++) gp->face_max = PetscMax(gp->face_max, PetscAbsReal(gp->face[d][k][i]));
      if (!anywhere) continue;
      PetscCall(PetscMalloc1((size_t)n_middle, &gp->face_middle[d][k]));
      PetscCall(GpFace(gp, d, k, &gp->middle, gp->face_middle[d][k]));
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
  if (gp_data_kinds[gp->source.from].anywhere && gp->source.noise_sd == 0) {
    PetscCall(PetscMalloc1((size_t)gp->middle.n_local, &gp->f_middle));
    PetscCall(GpSource(gp, &gp->middle, gp->f_middle));
  }
  PetscCall(GpCoefficientSetUp(gp));
  if (gp->remainder) PetscCall(PetscMalloc1((size_t)gp->grid.n_local, &gp->known));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpDataDestroy(GpPde *gp)
{
  PetscFunctionBegin;
  for (PetscInt d = 0; d < GP_DIM; d++) {
    PetscCall(PetscFree(gp->first_data[d].y));
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
  PetscCall(TesExprDestroy(&gp->coefficient));
  for (PetscInt d = 0; d < GP_DIM; d++) {
    PetscCall(TesExprDestroy(&gp->truth_first[d]));
    PetscCall(TesExprDestroy(&gp->truth_second[d]));
    PetscCall(TesExprDestroy(&gp->coefficient_first[d]));
  }
  PetscCall(GpFieldsDestroy(&gp->a_grid));
  PetscCall(GpFieldsDestroy(&gp->a_middle));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Each row of the slowest dimension is summed pairwise, then the rows in the fixed tree: the same bits for every rank count. */
static PetscErrorCode Mean(GpPde *gp, const GpPointSet *set, const PetscReal *v, PetscBool of_squares, PetscReal *mean)
{
  const PetscInt64 rows = set->part.n_local, row = rows ? set->n_local / rows : 0;
  PetscReal       *value, *sum, total, points = 1;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)row, &value, (size_t)rows, &sum));
  for (PetscInt64 k = 0; k < rows; k++) {
    for (PetscInt64 i = 0; i < row; i++) value[i] = of_squares ? v[k * row + i] * v[k * row + i] : v[k * row + i];
    sum[k] = TesSumPairwise(row, value);
  }
  PetscCall(TesSumOrdered(gp->comm, &set->part, sum, &total));
  PetscCall(PetscFree2(value, sum));
  for (PetscInt d = 0; d < gp->dim; d++) points *= (PetscReal)set->n[d];
  *mean = total / points;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpMeanSquare(GpPde *gp, const GpPointSet *set, const PetscReal *v, PetscReal *mean)
{
  PetscFunctionBegin;
  PetscCall(Mean(gp, set, v, PETSC_TRUE, mean));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpMean(GpPde *gp, const GpPointSet *set, const PetscReal *v, PetscReal *mean)
{
  PetscFunctionBegin;
  PetscCall(Mean(gp, set, v, PETSC_FALSE, mean));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpGatherLine(GpPde *gp, const GpPointSet *set, const PetscReal *mine, PetscReal *line)
{
  PetscMPIInt size, *counts, *firsts;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(gp->comm, &size));
  PetscCall(PetscMalloc2(size, &counts, size, &firsts));
  for (PetscMPIInt r = 0; r < size; r++) {
    PetscInt64 first, n_local;

    TesPartitionRange(&set->part, r, &first, &n_local);
    counts[r] = (PetscMPIInt)n_local;
    firsts[r] = (PetscMPIInt)first;
  }
  PetscCallMPI(MPI_Allgatherv(mine, (PetscMPIInt)set->n_local, MPIU_REAL, line, counts, firsts, MPIU_REAL, gp->comm));
  PetscCall(PetscFree2(counts, firsts));
  PetscFunctionReturn(PETSC_SUCCESS);
}
