/* Pictures of fields: one dimension as a curve, two as a colour map, three as the middle slices. What has more points than a picture can show gets a second
   panel, a detail around the largest |value| with every point in it; its place is framed in the whole view. Fields of both signs take a diverging map with zero
   at its middle; others a sequential one, equal steps of which look equal (viridis), also when printed grey. */
#include <math.h>
#include <string.h>
#include "plot_private.h"

#define WHOLE    640  /* pixels per side of a colour map */
#define DENSE    400  /* points per side above which a 2-D field gets its detail */
#define DETAIL   96   /* points per side of the detail */
#define DENSE_1D 1200 /* the same for a curve */
#define DETAIL_1D 160

typedef struct {
  const TesFigure *figure;
  const char      *label; /* of the values */
  PetscBool        log;   /* |value| on a logarithmic scale */
  PetscBool        signs;
  PetscReal        low, high;
} Scale;

/* Corner points of viridis (CC0), and a diverging map of our own between the same blue and red as the curves'. */
static void Palette(FILE *script, PetscBool signs)
{
  if (signs)
    fprintf(script, "set palette defined (-1 '#08306b', -0.6 '#2d7dbb', -0.25 '#a6cee3', 0 '#f7f7f7', 0.25 '#fdc9a5', 0.6 '#d7502f', 1 '#67000d')\n");
  else
    fprintf(script, "set palette defined (0 '#440154', 1 '#482878', 2 '#3e4a89', 3 '#31688e', 4 '#26828e', 5 '#1f9e89', 6 '#35b779', 7 '#6ece58', 8 '#b5de2b', 9 '#fde725')\n");
}

static void FindScale(const TesFigure *figure, const char label[], PetscReal min, PetscReal max, PetscReal least, Scale *s)
{
  PetscReal large = PetscMax(PetscAbsReal(min), PetscAbsReal(max));

  s->figure = figure;
  s->label  = label;
  s->log    = (PetscBool)(figure->log_y && large > 0);
  s->signs  = (PetscBool)(!s->log && min < 0 && max > 0 && PetscMin(-min, max) > 0.05 * large);
  s->low    = s->signs ? -large : min;
  s->high   = s->signs ? large : max;
  if (s->log) {
    s->high = large;
    s->low  = PetscMax(least, 1e-6 * large); /* what is exactly right (a boundary) would otherwise take all the colours */
    if (!(s->low < s->high)) s->low = 0.1 * s->high;
  }
  if (!(s->high > s->low)) {
    PetscReal room = PetscMax(1e-3 * PetscAbsReal(s->high), 1e-12);

    s->low -= room;
    s->high += room;
  }
}

static void Label(TesPlotter *p, const char command[], const char text[], const char options[])
{
  TesPlotterText(p, command, text);
  fprintf(p->script, " noenhanced %s\n", options);
}

/* One colour map in the given part of the picture (fractions of it). */
static PetscErrorCode Map(TesPlotter *p, const Scale *s, const TesPlotRaster *r, const char title[], const char x_label[], const char y_label[], const PetscReal place[4], PetscBool colorbox)
{
  PetscReal large = PetscMax(PetscAbsReal(s->low), PetscAbsReal(s->high)), dx = (r->upper[0] - r->lower[0]) / r->w, dy = (r->upper[1] - r->lower[1]) / r->h, ratio;
  int       number;

  PetscFunctionBegin;
  if (s->log)
    for (PetscInt64 i = 0; i < (PetscInt64)r->w * r->h; i++) r->value[i] = PetscMin(PetscMax(PetscAbsReal(r->value[i]), s->low), s->high);
  PetscCall(TesPlotterData(p, (PetscInt64)r->w * r->h, r->value, &number));
  ratio = (r->upper[1] - r->lower[1]) / (r->upper[0] - r->lower[0]);
  fprintf(p->script, "set lmargin at screen %g\nset rmargin at screen %g\nset bmargin at screen %g\nset tmargin at screen %g\n", (double)place[0], (double)place[1], (double)place[2],
          (double)place[3]);
  fprintf(p->script, "set size ratio %g\nset tics out nomirror\n", ratio > 0.25 && ratio < 4 ? (double)ratio : 1.0);
  Label(p, "set title", title, "");
  Label(p, "set xlabel", x_label, "");
  Label(p, "set ylabel", y_label, "");
  fprintf(p->script, "set xrange [%.17g:%.17g]\nset yrange [%.17g:%.17g]\n", (double)r->lower[0], (double)r->upper[0], (double)r->lower[1], (double)r->upper[1]);
  Palette(p->script, s->signs);
  fprintf(p->script, "set cbrange [%.17g:%.17g]\n%s\n", (double)s->low, (double)s->high, s->log ? "set logscale cb" : "unset logscale cb");
  fprintf(p->script, "set format cb '%s'\n", s->log && s->high / s->low > 30 ? "10^{%T}" : large < 1e-3 || large >= 1e5 ? "%h" : "%g");
  fprintf(p->script, "%s\n", colorbox ? "set colorbox" : "unset colorbox");
  if (colorbox) Label(p, "set cblabel", s->label, large < 1e-3 || large >= 1e5 ? "offset 2.5,0" : "offset 0.5,0"); /* gnuplot reckons powers of ten too narrow */
  fprintf(p->script, "plot 'd%d' binary array=(%d,%d) format='%%float64' origin=(%.17g,%.17g) dx=%.17g dy=%.17g with image notitle\n", number, r->w, r->h,
          (double)(r->lower[0] + dx / 2), (double)(r->lower[1] + dy / 2), (double)dx, (double)dy);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const char *AxisLabel(const TesPlotField *f, const Scale *s, int d)
{
  const char *given = d == 0 ? s->figure->x_label : d == 1 ? s->figure->y_label : NULL;

  return given ? given : f->axis[d];
}

/* The window of `points` points around index `peak` of n. */
static void Window(PetscInt64 n, PetscInt64 peak, PetscInt64 points, PetscInt64 *first, PetscInt64 *count)
{
  *count = PetscMin(n, points);
  *first = PetscMin(PetscMax(peak - *count / 2, 0), n - *count);
}

static void Heading(const TesPlotRaster *r, char text[TES_PLOT_TEXT])
{
  if (r->extremes) snprintf(text, TES_PLOT_TEXT, "whole (largest of each %lld × %lld points)", (long long)r->per_pixel[0], (long long)r->per_pixel[1]);
  else snprintf(text, TES_PLOT_TEXT, "whole");
}

static PetscErrorCode Plane(TesPlotter *p, const TesPlotField *f, PetscInt component, const TesFigure *figure)
{
  PetscInt64    first[TES_MAX_DIM] = {0, 0, 0}, count[TES_MAX_DIM] = {f->n[0], f->n[1], 1};
  PetscBool     dense = (PetscBool)(f->n[0] > DENSE || f->n[1] > DENSE);
  TesPlotRaster whole, detail;
  Scale         scale;
  char          heading[TES_PLOT_TEXT] = "";

  PetscFunctionBegin;
  PetscCall(TesPlotRasterise(f, component, 0, 1, first, count, WHOLE, &whole));
  FindScale(figure, figure->legend[0] ? figure->legend[0] : f->label, whole.min, whole.max, whole.least, &scale);
  if (!dense) { /* a flat box makes a flat picture; small numbers take room beside the colours */
    const PetscReal large = PetscMax(PetscAbsReal(scale.low), PetscAbsReal(scale.high)), right = large < 1e-3 || large >= 1e5 ? 0.76 : 0.82;
    const PetscReal ratio = (whole.upper[1] - whole.lower[1]) / (whole.upper[0] - whole.lower[0]);
    const int       height = ratio > 0.25 && ratio < 1 ? PetscMin(1200, 240 + (int)(1500 * (right - 0.10) * ratio)) : 1200;

    PetscCall(TesPlotterBegin(p, 1500, height));
    PetscCall(Map(p, &scale, &whole, figure->title ? figure->title : "", AxisLabel(f, &scale, 0), AxisLabel(f, &scale, 1), (PetscReal[]){0.10, right, 144. / height, 1 - 96. / height}, PETSC_TRUE));
  } else {
    for (int d = 0; d < 2; d++) Window(f->n[d], whole.peak[d], DETAIL, &first[d], &count[d]);
    PetscCall(TesPlotRasterise(f, component, 0, 1, first, count, WHOLE, &detail));
    Heading(&whole, heading);
    PetscCall(TesPlotterBegin(p, 2400, 1180));
    fprintf(p->script, "set multiplot\n");
    Label(p, "set label 1", figure->title ? figure->title : "", "at screen 0.5,0.96 center font ',26'");
    fprintf(p->script, "set object 1 rectangle from %.17g,%.17g to %.17g,%.17g front fillstyle empty border rgb 'black' linewidth 1.5\n", (double)detail.lower[0], (double)detail.lower[1],
            (double)detail.upper[0], (double)detail.upper[1]);
    PetscCall(Map(p, &scale, &whole, heading, AxisLabel(f, &scale, 0), AxisLabel(f, &scale, 1), (PetscReal[]){0.07, 0.46, 0.12, 0.86}, PETSC_FALSE));
    fprintf(p->script, "unset object 1\nunset label 1\n");
    PetscCall(Map(p, &scale, &detail, "the framed part, every point", AxisLabel(f, &scale, 0), "", (PetscReal[]){0.52, 0.90, 0.12, 0.86}, PETSC_TRUE));
    fprintf(p->script, "unset multiplot\n");
    PetscCall(TesPlotRasterFree(&detail));
  }
  PetscCall(TesPlotRasterFree(&whole));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Slices(TesPlotter *p, const TesPlotField *f, PetscInt component, const TesFigure *figure)
{
  static const int       fast[3] = {0, 0, 1}, slow[3] = {1, 2, 2}, fixed[3] = {2, 1, 0};
  static const PetscReal place[3][4] = {{0.06, 0.30, 0.14, 0.82}, {0.365, 0.605, 0.14, 0.82}, {0.67, 0.91, 0.14, 0.82}};
  TesPlotRaster          slice[3];
  Scale                  scale;
  PetscReal              min = 0, max = 0, least = 0;

  PetscFunctionBegin;
  for (int k = 0; k < 3; k++) {
    PetscInt64 first[TES_MAX_DIM] = {0, 0, 0}, count[TES_MAX_DIM] = {f->n[0], f->n[1], f->n[2]};

    first[fixed[k]] = f->n[fixed[k]] / 2;
    count[fixed[k]] = 1;
    PetscCall(TesPlotRasterise(f, component, fast[k], slow[k], first, count, WHOLE, &slice[k]));
    min = k ? PetscMin(min, slice[k].min) : slice[k].min;
    max = k ? PetscMax(max, slice[k].max) : slice[k].max;
    if (slice[k].least > 0 && (least == 0 || slice[k].least < least)) least = slice[k].least;
  }
  FindScale(figure, figure->legend[0] ? figure->legend[0] : f->label, min, max, least, &scale);
  PetscCall(TesPlotterBegin(p, 2600, 1000));
  fprintf(p->script, "set multiplot\n");
  Label(p, "set label 1", figure->title ? figure->title : "", "at screen 0.5,0.95 center font ',26'");
  for (int k = 0; k < 3; k++) {
    const PetscReal large = PetscMax(PetscAbsReal(scale.low), PetscAbsReal(scale.high)), squeeze = large < 1e-3 || large >= 1e5 ? 0.96 : 1; /* small numbers take room beside the colours */
    const PetscReal at[4] = {squeeze * place[k][0], squeeze * place[k][1], place[k][2], place[k][3]};
    char            title[TES_PLOT_TEXT];

    snprintf(title, sizeof title, "%.100s = %.4g", AxisLabel(f, &scale, fixed[k]), (double)f->x[fixed[k]][f->n[fixed[k]] / 2]);
    PetscCall(Map(p, &scale, &slice[k], title, AxisLabel(f, &scale, fast[k]), AxisLabel(f, &scale, slow[k]), at, (PetscBool)(k == 2)));
    fprintf(p->script, "unset label 1\n");
    PetscCall(TesPlotRasterFree(&slice[k]));
  }
  fprintf(p->script, "unset multiplot\n");
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Line(TesPlotter *p, const TesPlotField *f, PetscInt component, const TesFigure *figure)
{
  PetscInt64   first[TES_MAX_DIM] = {0, 0, 0}, count[TES_MAX_DIM] = {f->n[0], 1, 1}, begin, points, peak = 0;
  PetscBool    dense = (PetscBool)(f->n[0] > DENSE_1D);
  PetscReal   *v;
  TesPlotCurve curve;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)f->n[0], &v));
  PetscCall(TesPlotFieldRead(f, component, first, count, v));
  for (PetscInt64 i = 0; i < f->n[0]; i++) {
    if (figure->log_y) v[i] = PetscAbsReal(v[i]);
    if (PetscAbsReal(v[i]) > PetscAbsReal(v[peak])) peak = i;
  }
  curve = (TesPlotCurve){.n = f->n[0], .x = f->x[0], .y = v, .stride = 1, .legend = ""};
  PetscCall(TesPlotterBegin(p, 1500, dense ? 1500 : 1050));
  if (dense) fprintf(p->script, "set multiplot layout 2,1\n");
  Label(p, "set title", figure->title ? figure->title : "", "font ',24'");
  Label(p, "set xlabel", figure->x_label ? figure->x_label : f->axis[0], "");
  Label(p, "set ylabel", figure->y_label ? figure->y_label : f->label, "");
  PetscCall(TesPlotCurves(p, TES_FIGURE_LINES, 1, &curve, PETSC_FALSE, figure->log_y));
  if (dense) {
    Window(f->n[0], peak, DETAIL_1D, &begin, &points);
    curve.n = points;
    curve.x = f->x[0] + begin;
    curve.y = v + begin;
    Label(p, "set title", "a part of it, every point", "font ',20'");
    PetscCall(TesPlotCurves(p, TES_FIGURE_LINES, 1, &curve, PETSC_FALSE, figure->log_y));
    fprintf(p->script, "unset multiplot\n");
  }
  PetscCall(PetscFree(v));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Every component is a picture of its own: name.png, or name_0.png... */
static PetscErrorCode Components(TesPlotter *p, const TesPlotField *field, const TesFigure *figure, char names[], size_t size)
{
  static PetscErrorCode (*const draw[])(TesPlotter *, const TesPlotField *, PetscInt, const TesFigure *) = {Line, Plane, Slices};

  PetscFunctionBegin;
  for (PetscInt c = 0; c < PetscMin(field->components, 4); c++) {
    char name[TES_PLOT_TEXT];

    if (field->components == 1) snprintf(name, sizeof name, "%s", figure->name);
    else if (field->pairs) snprintf(name, sizeof name, "%s_%s", figure->name, c ? "im" : "re");
    else snprintf(name, sizeof name, "%s_%d", figure->name, (int)c);
    PetscCall(draw[field->dim - 1](p, field, c, figure));
    PetscCall(TesPlotterEnd(p, name));
    snprintf(names + strlen(names), size - strlen(names), "%s\n", name);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPlotFigureOfField(TesPlotter *p, hid_t file, const TesFigure *figure, PetscBool *drawn, char names[], size_t size)
{
  char          *path;
  int            n;
  TesPlotField   field;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  names[0] = 0;
  *drawn   = PETSC_FALSE;
  PetscCall(TesPlotExpand(file, figure->y[0], 1, &n, &path));
  if (!n) PetscFunctionReturn(PETSC_SUCCESS);
  ierr = TesPlotFieldOpen(file, path, &field);
  if (!ierr) ierr = Components(p, &field, figure, names, size);
  PetscCall(TesPlotFieldClose(&field)); /* works on one that could not be opened */
  PetscCall(PetscFree(path));
  PetscCall(ierr);
  *drawn = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}
