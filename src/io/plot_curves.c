/* Curves, spectra and points. A curve of more than LONG points is drawn as the least and the greatest of each of BUCKETS stretches, in their order: on paper the
   same picture, without 10^6 strokes over each other; of a long spectrum the greatest of each stretch stays. On a logarithmic axis what is not positive is
   left out, and values below REACH times the greatest do not stretch the axis. */
#include <math.h>
#include <string.h>
#include "plot_private.h"

#define LONG    4000
#define BUCKETS 1600
#define REACH   1e-22 /* squares of double precision's rounding, with room */
#define CURVES  24    /* more than this in one picture cannot be told apart */

/* Okabe and Ito's colours: told apart by colour-blind readers and in print */
static const char *const colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d1f"};
#define COLORS ((int)(sizeof colors / sizeof *colors))

static PetscReal At(const TesPlotCurve *c, PetscInt64 i, PetscBool log_x)
{
  return c->x ? c->x[i] : (PetscReal)(log_x ? i + 1 : i);
}

static void Put(PetscReal *to, const TesPlotCurve *c, PetscInt64 i, PetscBool log_x)
{
  to[0] = At(c, i, log_x);
  to[1] = c->y[i * c->stride];
  to[2] = c->error ? c->error[i * c->stride] : 0;
}

/* The points to draw, three values each: x, y, error. */
static PetscErrorCode Thin(TesFigureSort sort, const TesPlotCurve *c, PetscBool log_x, PetscBool log_y, PetscInt64 *n, PetscReal **points)
{
  PetscInt64 kept = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)PetscMax(3 * PetscMin(c->n, LONG), 3), points));
  if (c->n <= LONG) {
    for (PetscInt64 i = 0; i < c->n; i++) Put(*points + 3 * i, c, i, log_x);
    kept = c->n;
  } else if (sort == TES_FIGURE_POINTS) { /* every k-th: a cloud of points has no order that could be falsified */
    for (PetscInt64 b = 0; b < LONG; b++) Put(*points + 3 * kept++, c, b * c->n / LONG, log_x);
  } else {
    for (PetscInt64 b = 0; b < BUCKETS; b++) {
      PetscInt64 begin = b * c->n / BUCKETS, end = (b + 1) * c->n / BUCKETS, low = begin, high = begin;

      for (PetscInt64 i = begin; i < end; i++) {
        if (c->y[i * c->stride] < c->y[low * c->stride]) low = i;
        if (c->y[i * c->stride] > c->y[high * c->stride]) high = i;
      }
      if (sort == TES_FIGURE_STEMS) {
        Put(*points + 3 * kept++, c, PetscAbsReal(c->y[low * c->stride]) > PetscAbsReal(c->y[high * c->stride]) ? low : high, log_x);
      } else {
        Put(*points + 3 * kept++, c, PetscMin(low, high), log_x);
        if (low != high) Put(*points + 3 * kept++, c, PetscMax(low, high), log_x);
      }
    }
  }
  for (PetscInt64 i = 0; i < kept; i++) {
    PetscReal *p = *points + 3 * i;

    if ((log_x && !(p[0] > 0)) || (log_y && !(p[1] > 0)) || PetscIsInfOrNanReal(p[1])) p[1] = NAN;
  }
  *n = kept;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void LogAxis(TesPlotter *p, char axis, PetscReal low, PetscReal high)
{
  PetscReal decades = PetscLog10Real(high / low);

  fprintf(p->script, "set logscale %c\nset m%ctics 10\n", axis, axis);
  if (decades > 1.5) fprintf(p->script, "set format %c '10^{%%T}'\n", axis);
  if (decades > 8) fprintf(p->script, "set %ctics %.0e\nset m%ctics 1\n", axis, (double)PetscPowReal(10, PetscCeilReal(decades / 8)), axis);
}

typedef struct {
  PetscReal  low[2], high[2]; /* of what is drawn */
  PetscInt64 drawn, longest;
  PetscBool  fractions;       /* is there an abscissa that is not a whole number? */
} Extent;

static void Extend(Extent *e, PetscInt64 n, const PetscReal *points)
{
  e->longest = PetscMax(e->longest, n);
  for (PetscInt64 i = 0; i < n; i++) {
    if (PetscIsInfOrNanReal(points[3 * i + 1]) || PetscIsInfOrNanReal(points[3 * i])) continue;
    for (int d = 0; d < 2; d++) {
      PetscReal v = points[3 * i + d];

      if (!e->drawn || v < e->low[d]) e->low[d] = v;
      if (!e->drawn || v > e->high[d]) e->high[d] = v;
    }
    if (points[3 * i] != PetscFloorReal(points[3 * i])) e->fractions = PETSC_TRUE;
    e->drawn++;
  }
}

static void Axes(TesPlotter *p, TesFigureSort sort, const Extent *e, PetscBool log_x, PetscBool log_y)
{
  PetscReal low = e->low[1], high = e->high[1];

  if (!e->drawn) { /* nothing to see is said, not hidden */
    fprintf(p->script, "set xrange [0:1]\nset yrange [0:1]\nset label 1 'no values to draw' at graph 0.5,0.5 center\n");
    return;
  }
  fprintf(p->script, "set grid xtics ytics linestyle 100\n");
  if (log_x) LogAxis(p, 'x', e->low[0], e->high[0]);
  if (log_y) {
    low = PetscMax(low, high * REACH);
    LogAxis(p, 'y', low, high);
    fprintf(p->script, "set yrange [%.17g:%.17g]\n", (double)(low / (sort == TES_FIGURE_STEMS ? 10 : 2)), (double)(high * 2));
  } else {
    PetscReal room = high > low ? 0.06 * (high - low) : PetscMax(0.1 * PetscAbsReal(high), 1e-3);
    PetscReal bottom = low - room;

    if (sort == TES_FIGURE_STEMS && low >= 0) bottom = 0;
    fprintf(p->script, "set yrange [%.17g:%.17g]\n", (double)bottom, (double)(high + room));
    if (PetscMax(PetscAbsReal(low), PetscAbsReal(high)) < 1e-3 || PetscMax(PetscAbsReal(low), PetscAbsReal(high)) >= 1e5) fprintf(p->script, "set format y '%%h'\n");
  }
  if (e->high[0] > e->low[0]) {
    if (log_x) fprintf(p->script, "set xrange [%.17g:%.17g]\n", (double)e->low[0], (double)e->high[0]);
    else {
      PetscReal room = sort == TES_FIGURE_LINES && e->longest > 60 ? 0 : 0.02 * (e->high[0] - e->low[0]);

      fprintf(p->script, "set xrange [%.17g:%.17g]\n", (double)(e->low[0] - room), (double)(e->high[0] + room));
      if (!e->fractions && e->high[0] - e->low[0] <= 12) fprintf(p->script, "set xtics 1\n"); /* iterations, attempts */
    }
  } else {
    fprintf(p->script, "set xrange [%.17g:%.17g]\n", (double)(e->low[0] - PetscMax(0.5 * PetscAbsReal(e->low[0]), 1e-3)),
            (double)(e->low[0] + PetscMax(0.5 * PetscAbsReal(e->low[0]), 1e-3)));
  }
}

/* a curve without error bars among points that have some is what they are compared with: a line */
static void Style(FILE *script, TesFigureSort sort, PetscBool errors, PetscBool among, PetscInt64 n, int i, int n_curves)
{
  const char *color = colors[i % COLORS];
  int         dash = 1 + i / COLORS % 4, symbol[] = {7, 5, 9, 11, 13, 4, 6, 8};

  if (sort == TES_FIGURE_STEMS) fprintf(script, " with impulses lc rgb '%s' lw %s", color, n > 200 ? "1" : "2");
  else if (sort == TES_FIGURE_POINTS && among && !errors) fprintf(script, " with lines lc rgb '%s' lw 1.5", color);
  else if (sort == TES_FIGURE_POINTS && errors) fprintf(script, " with yerrorbars lc rgb '%s' pt %d ps 1.2", color, symbol[i % 8]);
  else if (sort == TES_FIGURE_POINTS) fprintf(script, " with points lc rgb '%s' pt %d ps %s", color, symbol[i % 8], n > 500 ? "0.4" : "1.2");
  else if (n <= 60) fprintf(script, " with linespoints lc rgb '%s' dt %d lw 1.5 pt %d ps 1.1", color, dash, symbol[i % 8]);
  else fprintf(script, " with lines lc rgb '%s' dt %d lw %s", color, dash, n_curves == 1 && n <= 1000 ? "1.5" : "1.2");
}

PetscErrorCode TesPlotCurves(TesPlotter *p, TesFigureSort sort, int n, const TesPlotCurve curves[], PetscBool log_x, PetscBool log_y)
{
  int       number[CURVES];
  PetscBool errors[CURVES], among = PETSC_FALSE;
  Extent    extent = {0};
  int       counts[2] = {0, 0};

  PetscFunctionBegin;
  PetscCheck(n <= CURVES, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%d curves", n);
  for (int again = 0; again < 2; again++) { /* a logarithmic axis without any positive value becomes a linear one */
    memset(&extent, 0, sizeof extent);
    for (int i = 0; i < n; i++) {
      PetscReal *points;
      PetscInt64 kept = 0;

      PetscCall(Thin(sort, &curves[i], log_x, log_y, &kept, &points));
      Extend(&extent, kept, points);
      PetscCall(TesPlotterData(p, 3 * kept, points, &number[i]));
      errors[i] = (PetscBool)(curves[i].error != NULL);
      PetscCall(PetscFree(points));
    }
    if (extent.drawn || !(log_x || log_y)) break;
    log_x = log_y = PETSC_FALSE;
  }
  Axes(p, sort, &extent, log_x, log_y);
  if (sort == TES_FIGURE_STEMS && extent.drawn && extent.low[1] < 0) fprintf(p->script, "set xzeroaxis lt 1 lc rgb '#808080'\n");
  if (n > 8) fprintf(p->script, "set key outside right top vertical samplen 1.5 font ',16'\n");
  else if (n > 1) fprintf(p->script, "set key at graph 0.5,1.015 center bottom horizontal samplen 2 font ',19'\nset title offset 0,1.2\nset tmargin 5\n"); /* between title and frame */
  for (int i = 0; i < n; i++)
    if (errors[i] && sort == TES_FIGURE_POINTS) among = PETSC_TRUE;
  fprintf(p->script, "plot ");
  for (int i = 0; i < n; i++) {
    fprintf(p->script, "%s'd%d' binary format='%%float64%%float64%%float64' using 1:2%s ", i ? ", " : "", number[i], sort == TES_FIGURE_POINTS && errors[i] ? ":3" : "");
    if (curves[i].legend && *curves[i].legend) TesPlotterText(p, "title", curves[i].legend);
    else fprintf(p->script, "notitle");
    Style(p->script, sort, errors[i], among, extent.longest, among ? counts[errors[i] ? 1 : 0]++ : i, n); /* the k-th line has the colour of the k-th points */
  }
  if (!n || !extent.drawn) fprintf(p->script, "%sNaN notitle", n ? ", " : "");
  fprintf(p->script, "\n");
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- a figure of the table: its datasets ---- */

typedef struct {
  TesPlotColumn column[CURVES], error[CURVES], x;
  TesPlotCurve  curve[CURVES];
  char          legend[CURVES][TES_PLOT_TEXT];
  int           n_columns, n_curves;
  PetscBool     has_x;
} Bundle;

static PetscErrorCode AddDataset(Bundle *b, hid_t file, const TesFigure *figure, int k, const char name[], PetscBool alone)
{
  TesPlotColumn *y = &b->column[b->n_columns], *e = &b->error[b->n_columns];
  const char    *label = figure->legend[k] && alone ? figure->legend[k] : NULL;
  PetscBool      has_error = PETSC_FALSE;

  PetscFunctionBegin;
  PetscCall(TesPlotColumnRead(file, name, y));
  b->n_columns++;
  PetscCheck(!b->has_x || b->x.n == y->n, PETSC_COMM_SELF, TES_ERR_WORLD, "%s has %lld values, its abscissa %s has %lld", name, (long long)y->n, figure->x, (long long)b->x.n);
  if (figure->errors[k] && alone == !strchr(figure->errors[k], '*')) {
    TesType    type;
    int        n_axes;
    PetscInt64 shape[TES_MAX_AXES];
    char       errors[2 * TES_PLOT_TEXT]; /* of a starred name: what the star stands for in the name of the values */

    if (alone) snprintf(errors, sizeof errors, "%s", figure->errors[k]);
    else snprintf(errors, sizeof errors, "%.*s%s", (int)strcspn(figure->errors[k], "*"), figure->errors[k], name + strcspn(figure->y[k], "*"));
    PetscCall(TesH5Shape(file, errors, &has_error, &type, &n_axes, shape));
    if (has_error) PetscCall(TesPlotColumnRead(file, errors, e));
    has_error = (PetscBool)(has_error && e->n == y->n && e->width == y->width);
  }
  for (PetscInt j = 0; j < y->width && b->n_curves < CURVES; j++) {
    int i = b->n_curves++;

    b->curve[i] = (TesPlotCurve){.n = y->n, .x = b->has_x ? b->x.values : NULL, .y = y->values + j, .error = has_error ? e->values + j : NULL, .stride = y->width, .legend = b->legend[i]};
    if (y->width > 1) snprintf(b->legend[i], TES_PLOT_TEXT, "%.200s %d", label ? label : y->label, (int)j);
    else snprintf(b->legend[i], TES_PLOT_TEXT, "%s", label ? label : y->label);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* All datasets of the figure, or complete = PETSC_FALSE. */
static PetscErrorCode Gather(Bundle *b, hid_t file, const TesFigure *figure, PetscBool *complete)
{
  PetscFunctionBegin;
  *complete = PETSC_FALSE;
  if (figure->x) {
    int   n;
    char *name;

    PetscCall(TesPlotExpand(file, figure->x, 1, &n, &name));
    if (!n) PetscFunctionReturn(PETSC_SUCCESS);
    PetscCall(TesPlotColumnRead(file, name, &b->x));
    PetscCall(PetscFree(name));
    b->has_x = PETSC_TRUE;
    PetscCheck(b->x.width == 1, PETSC_COMM_SELF, TES_ERR_WORLD, "abscissa %s is not one row of values", figure->x);
  }
  for (int k = 0; k < TES_FIGURE_CURVES && figure->y[k]; k++) {
    char *names[CURVES];
    int   n;

    PetscCall(TesPlotExpand(file, figure->y[k], CURVES - b->n_columns, &n, names));
    if (n && figure->errors[k] && strchr(figure->errors[k], '*')) { /* a figure of errors is not drawn without any */
      char *one;
      int   any;

      PetscCall(TesPlotExpand(file, figure->errors[k], 1, &any, &one));
      if (any) PetscCall(PetscFree(one));
      for (; !any && n; n--) PetscCall(PetscFree(names[n - 1]));
    }
    for (int i = 0; i < n; i++) {
      PetscCall(AddDataset(b, file, figure, k, names[i], (PetscBool)!strchr(figure->y[k], '*')));
      PetscCall(PetscFree(names[i]));
    }
    if (!n) PetscFunctionReturn(PETSC_SUCCESS);
  }
  *complete = (PetscBool)(b->n_curves > 0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPlotFigureOfCurves(TesPlotter *p, hid_t file, const TesFigure *figure, PetscBool *drawn)
{
  Bundle        *b;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(PetscNew(&b));
  ierr = Gather(b, file, figure, drawn);
  if (!ierr && *drawn) {
    PetscBool alone = (PetscBool)(b->n_curves == 1 && !figure->legend[0]);

    PetscCall(TesPlotterBegin(p, 1500, 1050));
    TesPlotterText(p, "set title", figure->title ? figure->title : "");
    fprintf(p->script, " noenhanced font ',24'\n");
    TesPlotterText(p, "set xlabel", figure->x_label ? figure->x_label : b->has_x ? b->x.label : "index");
    fprintf(p->script, " noenhanced\n");
    TesPlotterText(p, "set ylabel", figure->y_label ? figure->y_label : b->n_curves == 1 ? b->column[0].label : "");
    fprintf(p->script, " noenhanced\n");
    if (alone) b->legend[0][0] = 0;
    ierr = TesPlotCurves(p, figure->sort, b->n_curves, b->curve, figure->log_x, figure->log_y);
    if (!ierr) ierr = TesPlotterEnd(p, figure->name);
  }
  for (int i = 0; i < CURVES; i++) {
    PetscCall(TesPlotColumnFree(&b->column[i]));
    PetscCall(TesPlotColumnFree(&b->error[i]));
  }
  PetscCall(TesPlotColumnFree(&b->x));
  PetscCall(PetscFree(b));
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}
