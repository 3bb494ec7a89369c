#pragma once
/* Inside of `tessera plot`: a gnuplot process with its scratch folder, columns and fields read from a file, a field brought to pixels. */
#include <stdio.h>
#include <tessera/h5.h>
#include <tessera/problem.h>

#define TES_PLOT_TEXT 256 /* longest label */

/* ---- plot_gnuplot.c ---- */
typedef struct {
  char  output[PETSC_MAX_PATH_LEN];  /* folder of the pictures */
  char  scratch[PETSC_MAX_PATH_LEN]; /* folder of script and data, inside output; gnuplot runs in it */
  FILE *script;
  int   n_data; /* data files written for the present picture */
} TesPlotter;

PetscErrorCode TesPlotterCreate(const char output[], TesPlotter *plotter);
PetscErrorCode TesPlotterDestroy(TesPlotter *plotter);
PetscErrorCode TesPlotterBegin(TesPlotter *plotter, int width, int height);                             /* pixels */
PetscErrorCode TesPlotterData(TesPlotter *plotter, PetscInt64 n, const PetscReal values[], int *number); /* goes to file d<number> */
PetscErrorCode TesPlotterEnd(TesPlotter *plotter, const char name[]);                                   /* runs gnuplot: <output>/<name>.png */
void           TesPlotterText(TesPlotter *plotter, const char command[], const char text[]);            /* set title 'text' and the like */

/* ---- plot_read.c ---- */
typedef struct {
  PetscInt64 n;
  PetscInt   width;
  PetscReal *values; /* [n][width] */
  char       label[TES_PLOT_TEXT];
} TesPlotColumn;

typedef struct {
  hid_t      dataset;
  int        dim;
  PetscInt64 n[TES_MAX_DIM];          /* x first */
  PetscReal *x[TES_MAX_DIM];          /* coordinates */
  PetscInt   components;              /* 1 if there is no such axis; complex: 2 */
  PetscBool  has_components, pairs;
  char       label[TES_PLOT_TEXT];    /* of the values */
  char       axis[TES_MAX_DIM][TES_PLOT_TEXT];
} TesPlotField;

PetscErrorCode TesPlotColumnRead(hid_t file, const char name[], TesPlotColumn *column);
PetscErrorCode TesPlotColumnFree(TesPlotColumn *column);
PetscErrorCode TesPlotExpand(hid_t file, const char pattern[], int max, int *n, char **names); /* names[max], each to be freed */
PetscErrorCode TesPlotFieldOpen(hid_t file, const char name[], TesPlotField *field);
PetscErrorCode TesPlotFieldClose(TesPlotField *field);
PetscErrorCode TesPlotFieldRead(const TesPlotField *field, PetscInt component, const PetscInt64 first[TES_MAX_DIM], const PetscInt64 count[TES_MAX_DIM], PetscReal *values);

/* ---- plot_raster.c ---- */
typedef struct {
  int        w, h;
  PetscReal  lower[2], upper[2]; /* edges, in coordinates */
  PetscReal *value;              /* [h][w], from below */
  PetscReal  min, max;           /* of the data, not of the pixels */
  PetscReal  least;              /* smallest |value| > 0 of the pixels */
  PetscInt64 peak[2];            /* where |value| is largest: index in both directions */
  PetscBool  extremes;           /* pixels show the extreme of their points, as means would have lost the field */
  PetscInt64 per_pixel[2];       /* points per pixel */
} TesPlotRaster;

/* The part [first, first + count) of the plane of directions `fast` and `slow`; the third direction stays at first[third]. */
PetscErrorCode TesPlotRasterise(const TesPlotField *field, PetscInt component, int fast, int slow, const PetscInt64 first[TES_MAX_DIM],
                                const PetscInt64 count[TES_MAX_DIM], int pixels, TesPlotRaster *raster);
PetscErrorCode TesPlotRasterFree(TesPlotRaster *raster);

/* ---- the pictures: plot_curves.c, plot_field.c. drawn = PETSC_FALSE: a dataset is not there ---- */
typedef struct {
  PetscInt64       n;
  const PetscReal *x, *y, *error; /* error may be NULL; x NULL: index */
  PetscInt         stride;        /* of y */
  const char      *legend;        /* "" for none */
} TesPlotCurve;

PetscErrorCode TesPlotCurves(TesPlotter *plotter, TesFigureSort sort, int n, const TesPlotCurve curves[], PetscBool log_x, PetscBool log_y);
PetscErrorCode TesPlotFigureOfCurves(TesPlotter *plotter, hid_t file, const TesFigure *figure, PetscBool *drawn);
PetscErrorCode TesPlotFigureOfField(TesPlotter *plotter, hid_t file, const TesFigure *figure, PetscBool *drawn, char names[], size_t size);
