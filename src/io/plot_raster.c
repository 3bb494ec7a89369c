/* A plane of a field brought to a raster of equal pixels.

   Points need not be equally spaced (Chebyshev nodes), and there may be many more or fewer of them than pixels. In each direction a pixel takes the mean of
   the points inside it if there are two or more, else the linear interpolation at its centre. Picking every k-th point would be wrong: sin(100 x) on a long axis
   then shows a slow wave that does not exist. Means are free of that but wash a fast oscillation out to grey; so the mean of the squares is carried along, and
   where the means have lost more than LOSS of the variance, each pixel shows the value of largest magnitude among its points: the envelope.

   Rows are read in bands of at most BAND values and folded at once: cost O(points), memory O(BAND + pixels). */
#include <string.h>
#include "plot_private.h"

#define BAND ((PetscInt64)1 << 19)
#define LOSS 0.2 /* a sine sampled by means over 1/4 of its wavelength loses 19 % of its variance: still seen as it is */

/* One direction: pixel p covers the points first[p] .. first[p] + count[p] - 1; with fewer than two, left[p] and weight[p] interpolate. */
typedef struct {
  int         pixels;
  PetscInt64 *first, *count, *left;
  PetscReal  *weight;
  PetscReal   lower, upper;
} Axis;

static PetscErrorCode AxisCreate(PetscInt64 n, const PetscReal x[], int pixels, Axis *a)
{
  PetscInt64 i = 0, l = 0;

  PetscFunctionBegin;
  a->pixels = pixels;
  a->lower  = x[0];
  a->upper  = x[n - 1];
  if (!(a->upper > a->lower)) {
    a->lower -= 0.5;
    a->upper += 0.5;
  }
  PetscCall(PetscMalloc4((size_t)pixels, &a->first, (size_t)pixels, &a->count, (size_t)pixels, &a->left, (size_t)pixels, &a->weight));
  for (int p = 0; p < pixels; p++) {
    PetscReal width = (a->upper - a->lower) / pixels, centre = a->lower + (p + 0.5) * width;

    a->first[p] = i;
    while (i < n && (p == pixels - 1 || x[i] < a->lower + (p + 1) * width)) i++;
    a->count[p] = i - a->first[p];
    while (l + 1 < n - 1 && x[l + 1] <= centre) l++;
    a->left[p]   = l;
    a->weight[p] = n < 2 ? 0 : PetscMin(PetscMax((centre - x[l]) / (x[l + 1] - x[l]), 0), 1);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AxisDestroy(Axis *a)
{
  PetscFunctionBegin;
  PetscCall(PetscFree4(a->first, a->count, a->left, a->weight));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* mean, mean square and extreme of the pixels of one row */
typedef struct {
  PetscReal *mean, *square, *extreme;
} Row;

static void FoldRow(const Axis *a, const PetscReal v[], Row row)
{
  for (int p = 0; p < a->pixels; p++) {
    if (a->count[p] < 2) {
      PetscInt64 l = a->left[p];
      PetscReal  w = a->weight[p], value = w > 0 ? (1 - w) * v[l] + w * v[l + 1] : v[l];

      row.mean[p]    = value;
      row.square[p]  = value * value;
      row.extreme[p] = value;
    } else {
      PetscReal sum = 0, square = 0, extreme = 0;

      for (PetscInt64 i = a->first[p]; i < a->first[p] + a->count[p]; i++) {
        sum += v[i];
        square += v[i] * v[i];
        if (!(PetscAbsReal(v[i]) <= PetscAbsReal(extreme))) extreme = v[i]; /* NaN stays visible */
      }
      row.mean[p]    = sum / (PetscReal)a->count[p];
      row.square[p]  = square / (PetscReal)a->count[p];
      row.extreme[p] = extreme;
    }
  }
}

/* Add the folded row i of the data to the pixel rows that it belongs to; there is a previous one unless i = 0. */
static void FoldColumn(const Axis *a, PetscInt64 i, Row now, Row before, int w, Row raster)
{
  for (int p = 0; p < a->pixels; p++) { /* cheap: w x pixels work is done for few p only */
    Row to = {raster.mean + (size_t)p * (size_t)w, raster.square + (size_t)p * (size_t)w, raster.extreme + (size_t)p * (size_t)w};

    if (a->count[p] >= 2) {
      PetscReal share = 1.0 / (PetscReal)a->count[p];

      if (i < a->first[p] || i >= a->first[p] + a->count[p]) continue;
      for (int q = 0; q < w; q++) {
        to.mean[q] += share * now.mean[q];
        to.square[q] += share * now.square[q];
        if (!(PetscAbsReal(now.extreme[q]) <= PetscAbsReal(to.extreme[q]))) to.extreme[q] = now.extreme[q];
      }
    } else if (a->weight[p] > 0 ? i == a->left[p] + 1 : i == a->left[p]) {
      PetscReal f = a->weight[p] > 0 ? a->weight[p] : 1;

      for (int q = 0; q < w; q++) {
        to.mean[q]    = f < 1 ? (1 - f) * before.mean[q] + f * now.mean[q] : now.mean[q];
        to.square[q]  = f < 1 ? (1 - f) * before.square[q] + f * now.square[q] : now.square[q];
        to.extreme[q] = to.mean[q];
      }
    }
  }
}

/* Which of means and extremes is shown; both are in the raster when this is asked. */
static PetscBool MeansLose(PetscInt64 n, Row raster)
{
  PetscReal mean = 0, square = 0, shown = 0;

  for (PetscInt64 i = 0; i < n; i++) {
    if (PetscIsInfOrNanReal(raster.mean[i])) continue;
    mean += raster.mean[i] / (PetscReal)n;
    square += raster.square[i] / (PetscReal)n;
    shown += raster.mean[i] * raster.mean[i] / (PetscReal)n;
  }
  return (PetscBool)(square - shown > LOSS * (square - mean * mean));
}

static void Survey(TesPlotRaster *r, PetscInt64 n, const PetscReal v[], PetscInt64 row, PetscInt64 *seen, PetscReal *largest)
{
  for (PetscInt64 i = 0; i < n; i++) {
    if (PetscIsInfOrNanReal(v[i])) continue;
    if (!*seen || v[i] < r->min) r->min = v[i];
    if (!*seen || v[i] > r->max) r->max = v[i];
    if (PetscAbsReal(v[i]) > *largest) {
      *largest   = PetscAbsReal(v[i]);
      r->peak[0] = i;
      r->peak[1] = row;
    }
    (*seen)++;
  }
}

PetscErrorCode TesPlotRasterise(const TesPlotField *field, PetscInt component, int fast, int slow, const PetscInt64 first[TES_MAX_DIM],
                                const PetscInt64 count[TES_MAX_DIM], int pixels, TesPlotRaster *r)
{
  Axis       x, y;
  PetscInt64 nx = count[fast], ny = count[slow], rows = PetscMax(1, PetscMin(ny, BAND / nx)), seen = 0;
  PetscInt64 begin[TES_MAX_DIM] = {0, 0, 0}, size[TES_MAX_DIM] = {1, 1, 1};
  PetscReal *band, *lines, largest = -1, span[2], *sums;
  Row        now, before, raster, swap;
  size_t     n_pixels, w;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(r, sizeof *r));
  for (int d = 0; d < 2; d++) {
    const PetscReal *c = field->x[d ? slow : fast] + first[d ? slow : fast];

    span[d] = c[count[d ? slow : fast] - 1] - c[0];
  }
  r->w = r->h = pixels;
  if (span[0] > 0 && span[1] > 0 && span[1] < span[0] && span[1] > span[0] / 4) r->h = PetscMax(2, (int)(pixels * span[1] / span[0]));
  if (span[0] > 0 && span[1] > 0 && span[0] < span[1] && span[0] > span[1] / 4) r->w = PetscMax(2, (int)(pixels * span[0] / span[1]));
  PetscCall(AxisCreate(nx, field->x[fast] + first[fast], r->w, &x));
  PetscCall(AxisCreate(ny, field->x[slow] + first[slow], r->h, &y));
  w        = (size_t)r->w;
  n_pixels = w * (size_t)r->h;
  PetscCall(PetscMalloc2((size_t)(rows * nx), &band, 6 * w, &lines));
  PetscCall(PetscCalloc1(3 * n_pixels, &sums));
  now    = (Row){lines, lines + w, lines + 2 * w};
  before = (Row){lines + 3 * w, lines + 4 * w, lines + 5 * w};
  raster = (Row){sums, sums + n_pixels, sums + 2 * n_pixels};
  for (int d = 0; d < field->dim; d++) begin[d] = first[d];
  for (PetscInt64 i = 0; i < ny; i += rows) {
    begin[slow] = first[slow] + i;
    size[fast]  = nx;
    size[slow]  = PetscMin(rows, ny - i);
    PetscCall(TesPlotFieldRead(field, component, begin, size, band));
    for (PetscInt64 j = 0; j < size[slow]; j++) {
      Survey(r, nx, band + j * nx, i + j, &seen, &largest);
      FoldRow(&x, band + j * nx, now);
      FoldColumn(&y, i + j, now, before, r->w, raster);
      swap   = before;
      before = now;
      now    = swap;
    }
  }
  r->extremes     = MeansLose((PetscInt64)n_pixels, raster);
  r->lower[0]     = x.lower;
  r->lower[1]     = y.lower;
  r->upper[0]     = x.upper;
  r->upper[1]     = y.upper;
  r->per_pixel[0] = PetscMax(1, nx / r->w);
  r->per_pixel[1] = PetscMax(1, ny / r->h);
  PetscCall(PetscMalloc1(n_pixels, &r->value));
  memcpy(r->value, r->extremes ? raster.extreme : raster.mean, n_pixels * sizeof *r->value);
  for (size_t i = 0; i < n_pixels; i++) {
    PetscReal a = PetscAbsReal(r->value[i]);

    if (a > 0 && (r->least == 0 || a < r->least)) r->least = a;
  }
  PetscCall(PetscFree(sums));
  PetscCall(PetscFree2(band, lines));
  PetscCall(AxisDestroy(&x));
  PetscCall(AxisDestroy(&y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPlotRasterFree(TesPlotRaster *r)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(r->value));
  PetscFunctionReturn(PETSC_SUCCESS);
}
