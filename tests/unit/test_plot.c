/* Pictures: what is drawn is looked at pixel by pixel, with a PNG reader of the test's own, and the raster against analytic fields. Rank 0 works, as in
   the program. Without gnuplot the claims that need it are passed over with a note. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <dirent.h>
#include <tessera/io.h>
#include <tessera/test.h>
#include "../../src/io/plot_private.h"

/* ---- HDF5 by its own serial calls ---- */

static hid_t NewFile(const char path[], const char kind[])
{
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), type, space, set;
  const char *const groups[] = {"/fields", "/coordinates", "/observables", "/spectrum", "/provenance"};

  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) H5Gclose(H5Gcreate2(file, groups[i], H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, strlen(kind) + 1);
  space = H5Screate(H5S_SCALAR);
  set   = H5Dcreate2(file, "/provenance/kind", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, kind);
  H5Dclose(set);
  H5Sclose(space);
  H5Tclose(type);
  return file;
}

static void Attribute(hid_t file, const char object[], const char name[], const char text[])
{
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), attribute;

  H5Tset_size(type, strlen(text) + 1);
  attribute = H5Acreate_by_name(file, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, text);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

static void Array(hid_t file, const char name[], int n_axes, const hsize_t shape[], const double values[])
{
  hid_t space = H5Screate_simple(n_axes, shape, NULL), set = H5Dcreate2(file, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);

  H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(set);
  H5Sclose(space);
}

/* A field u[z][y][x] = f(x, y, z) on n points of [0, 1] per direction, Chebyshev nodes if asked for, with its coordinates. */
static PetscErrorCode Field(hid_t file, const char name[], int dim, int n, int chebyshev, double (*f)(double, double, double))
{
  double *x, *u;
  hsize_t shape[3] = {(hsize_t)n, (hsize_t)n, (hsize_t)n}, total = 1;
  char    path[256], folder[128];

  PetscFunctionBegin;
  for (int d = 0; d < dim; d++) total *= (hsize_t)n;
  PetscCall(PetscMalloc2((size_t)n, &x, total, &u));
  for (int i = 0; i < n; i++) x[i] = chebyshev ? (1 - cos(PETSC_PI * i / (n - 1))) / 2 : i / (n - 1.0);
  for (hsize_t i = 0; i < total; i++) u[i] = f(x[i % (hsize_t)n], dim > 1 ? x[i / (hsize_t)n % (hsize_t)n] : 0, dim > 2 ? x[i / (hsize_t)n / (hsize_t)n] : 0);
  snprintf(path, sizeof path, "/fields/%s", name);
  snprintf(folder, sizeof folder, "/coordinates/%s", name);
  Array(file, path, dim, shape, u);
  Attribute(file, path, "coordinates", folder);
  H5Gclose(H5Gcreate2(file, folder, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  for (int d = 0; d < dim; d++) {
    snprintf(path, sizeof path, "%s/%c", folder, "xyz"[d]);
    Array(file, path, 1, shape, x);
  }
  PetscCall(PetscFree2(x, u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- PNG, 8 bits per channel, not interlaced: to [height][width][3] ---- */

typedef struct {
  int            width, height;
  unsigned char *rgb;
} Png;

static unsigned Big(const unsigned char *b)
{
  return (unsigned)b[0] << 24 | (unsigned)b[1] << 16 | (unsigned)b[2] << 8 | b[3];
}

static int Paeth(int a, int b, int c)
{
  int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);

  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

static int PngRead(const char path[], Png *png)
{
  FILE          *file = fopen(path, "rb");
  unsigned char *data, *packed, *raw, palette[768] = {0};
  size_t         size, n_packed = 0, stride;
  uLongf         n_raw;
  int            channels;

  memset(png, 0, sizeof *png);
  if (!file) return 0;
  fseek(file, 0, SEEK_END);
  size = (size_t)ftell(file);
  rewind(file);
  data   = malloc(size);
  packed = malloc(size);
  if (fread(data, 1, size, file) != size || size < 57 || memcmp(data, "\x89PNG\r\n\x1a\n", 8) != 0) return 0;
  fclose(file);
  png->width  = (int)Big(data + 16);
  png->height = (int)Big(data + 20);
  channels    = data[25] == 2 ? 3 : data[25] == 6 ? 4 : data[25] == 3 ? 1 : 0;
  if (data[24] != 8 || !channels || data[28]) return 0;
  for (size_t at = 8; at + 12 <= size; at += 12 + Big(data + at)) {
    if (!memcmp(data + at + 4, "PLTE", 4)) memcpy(palette, data + at + 8, Big(data + at));
    if (memcmp(data + at + 4, "IDAT", 4) != 0) continue;
    memcpy(packed + n_packed, data + at + 8, Big(data + at));
    n_packed += Big(data + at);
  }
  stride = (size_t)png->width * (size_t)channels;
  n_raw  = (stride + 1) * (size_t)png->height;
  raw    = malloc(n_raw);
  if (uncompress(raw, &n_raw, packed, n_packed) != Z_OK) return 0;
  png->rgb = malloc((size_t)png->width * (size_t)png->height * 3);
  for (int y = 0; y < png->height; y++) {
    unsigned char *row = raw + (size_t)y * (stride + 1) + 1, filter = row[-1];

    for (size_t i = 0; i < stride; i++) {
      int a = i >= (size_t)channels ? row[i - (size_t)channels] : 0, b = y ? row[(ptrdiff_t)i - (ptrdiff_t)stride - 1] : 0;
      int c = i >= (size_t)channels && y ? row[(ptrdiff_t)i - (ptrdiff_t)stride - 1 - channels] : 0;

      row[i] = (unsigned char)(row[i] + (filter == 1 ? a : filter == 2 ? b : filter == 3 ? (a + b) / 2 : filter == 4 ? Paeth(a, b, c) : 0));
    }
    for (int x = 0; x < png->width; x++)
      memcpy(png->rgb + 3 * ((size_t)y * (size_t)png->width + (size_t)x), channels == 1 ? palette + 3 * row[x] : row + x * channels, 3);
  }
  free(data);
  free(packed);
  free(raw);
  return 1;
}

/* Mean colour of a small square around a place in fractions of the picture, from below left. */
static void Look(const Png *png, double fx, double fy, double rgb[3])
{
  int cx = (int)(fx * png->width), cy = (int)((1 - fy) * png->height), n = 0;

  rgb[0] = rgb[1] = rgb[2] = 0;
  for (int y = cy - 2; y <= cy + 2; y++)
    for (int x = cx - 2; x <= cx + 2; x++, n++)
      for (int k = 0; k < 3; k++) rgb[k] += png->rgb[3 * ((size_t)y * (size_t)png->width + (size_t)x) + (size_t)k];
  for (int k = 0; k < 3; k++) rgb[k] /= n;
}

/* Share of pixels that are not white or grey: what is drawn in colour. */
static double Colored(const Png *png)
{
  size_t n = (size_t)png->width * (size_t)png->height, hits = 0;

  for (size_t i = 0; i < n; i++) {
    const unsigned char *c = png->rgb + 3 * i;

    hits += abs(c[0] - c[1]) > 24 || abs(c[1] - c[2]) > 24;
  }
  return (double)hits / (double)n;
}

/* ---- common ---- */

static int Rank(void)
{
  int rank;

  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

/* A folder of this claim alone inside the one of the test run. */
static PetscErrorCode OwnFolder(const char claim[], char folder[PETSC_MAX_PATH_LEN])
{
  char whole[PETSC_MAX_PATH_LEN];

  PetscFunctionBegin;
  PetscCall(TesTestFolder(whole, sizeof whole));
  PetscCall(PetscSNPrintf(folder, PETSC_MAX_PATH_LEN, "%s/%s", whole, claim));
  if (Rank() == 0) PetscCall(TesMakeFolder(folder));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscBool HasGnuplot(void)
{
  return (PetscBool)(system("gnuplot --version >/dev/null 2>&1") == 0);
}

static const TesFigure figures[] = {
  {.name = "plane", .sort = TES_FIGURE_IMAGE, .title = "Corner", .file = "result", .y = {"/fields/plane"}},
  {.name = "missing", .sort = TES_FIGURE_IMAGE, .title = "None", .file = "result", .y = {"/fields/not_there"}},
  {.name = "decay", .sort = TES_FIGURE_LINES, .title = "Decay", .file = "series", .x = "/time", .y = {"/observables/*"}, .log_y = PETSC_TRUE},
  {.name = "spectrum", .sort = TES_FIGURE_STEMS, .title = "Spectrum", .file = "result", .x = "/spectrum/omega", .y = {"/spectrum/s"}, .x_label = "ω", .log_y = PETSC_TRUE},
  {.name = "one_of_two", .sort = TES_FIGURE_LINES, .title = "None", .file = "result", .y = {"/spectrum/s", "/spectrum/t"}},
  {.name = "line", .sort = TES_FIGURE_IMAGE, .title = "A line's field", .file = "result", .y = {"/fields/line"}},
  {.name = "block", .sort = TES_FIGURE_IMAGE, .title = "A block", .file = "result", .y = {"/fields/block"}},
  {.name = "dense", .sort = TES_FIGURE_IMAGE, .title = "sin(100 x) sin(100 y)", .file = "result", .y = {"/fields/dense"}},
  {.name = "error", .sort = TES_FIGURE_IMAGE, .title = "Error", .file = "result", .y = {"/fields/error"}, .log_y = PETSC_TRUE},
  {.name = NULL},
};
static const TesProblemKind        kind = {.name = "test", .figures = figures};
static const TesProblemKind *const kinds[] = {&kind, NULL};

/* negative in the lower left quarter, positive in the upper right, zero elsewhere */
static double Corner(double x, double y, double z) { return (x > 0.5 && y > 0.5) - (x < 0.5 && y < 0.5) + 0 * z; }
static double Fast(double x, double y, double z) { return sin(200 * PETSC_PI * x) + 0 * (y + z); }
static double Slow(double x, double y, double z) { return sin(20 * PETSC_PI * x) * cos(10 * PETSC_PI * y) + 0 * z; }
static double Tilted(double x, double y, double z) { return 2 * x + 3 * y - 1 + 0 * z; }
static double Block(double x, double y, double z) { return sin(2 * PETSC_PI * x) * sin(4 * PETSC_PI * y) * cos(PETSC_PI * z); }
static double Dense(double x, double y, double z) { return sin(100 * x) * sin(100 * y) + 0 * z; }
static double Error(double x, double y, double z) { return 1e-9 * sin(100 * x) * exp(-10 * (x + y)) * y + 0 * z; }

static PetscErrorCode WriteRun(const char folder[])
{
  char    path[PETSC_MAX_PATH_LEN + 32];
  hid_t   file;
  double  v[200];
  hsize_t n = 200, many = 100000;
  double *long_one;

  PetscFunctionBegin;
  snprintf(path, sizeof path, "%s/result.h5", folder);
  file = NewFile(path, "test");
  PetscCall(Field(file, "plane", 2, 65, 0, Corner));
  Attribute(file, "/fields/plane", "long_name", "it's a `touch /tmp/tessera_plot_was_here` \"$(false)\" name");
  Attribute(file, "/fields/plane", "unit", "m/s");
  PetscCall(Field(file, "line", 1, 3000, 0, Fast));
  PetscCall(Field(file, "block", 3, 40, 1, Block));
  PetscCall(Field(file, "dense", 2, 900, 0, Dense));
  PetscCall(Field(file, "error", 2, 100, 1, Error));
  for (int i = 0; i < 200; i++) v[i] = i;
  Array(file, "/spectrum/omega", 1, &n, v);
  for (int i = 0; i < 200; i++) v[i] = i == 100 ? 1 : 1e-12 / (1 + i);
  Array(file, "/spectrum/s", 1, &n, v);
  H5Fclose(file);
  snprintf(path, sizeof path, "%s/series.h5", folder);
  file = NewFile(path, "test");
  PetscCall(PetscMalloc1(many, &long_one));
  for (hsize_t i = 0; i < many; i++) long_one[i] = 1e-3 * (double)i;
  Array(file, "/time", 1, &many, long_one);
  for (hsize_t i = 0; i < many; i++) long_one[i] = exp(-0.2e-3 * (double)i);
  Array(file, "/observables/fast_decay", 1, &many, long_one);
  for (hsize_t i = 0; i < many; i++) long_one[i] = exp(-0.1e-3 * (double)i) * (1.1 + sin(0.5 * (double)i));
  Array(file, "/observables/slow_decay", 1, &many, long_one);
  H5Fclose(file);
  PetscCall(PetscFree(long_one));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- claims ---- */

static PetscErrorCode PicturesOfARunAreDrawnAndNothingElseStays(void)
{
  char           folder[PETSC_MAX_PATH_LEN], path[PETSC_MAX_PATH_LEN + 64], *text;
  DIR           *stream;
  struct dirent *entry;
  Png            png;
  int            pictures = 0, others = 0;
  static const struct {
    const char *name;
    int         width, height;
    double      colored;
  } want[] = {{"plane", 1500, 1200, 0.05}, {"decay", 1500, 1050, 0.02}, {"spectrum", 1500, 1050, 0.002}, {"line", 1500, 1500, 0.02}, {"block", 2600, 1000, 0.1}, {"dense", 2400, 1180, 0.1}, {"error", 1500, 1200, 0.2}};

  PetscFunctionBegin;
  PetscCall(OwnFolder("run", folder));
  if (Rank() != 0 || !HasGnuplot()) PetscFunctionReturn(PETSC_SUCCESS);
  (void)unlink("/tmp/tessera_plot_was_here");
  PetscCall(WriteRun(folder));
  PetscCall(TesPlot(folder, NULL, kinds, &text));
  TES_CHECK_CONTAINS(text, "/plots/plane.png\n");
  TES_CHECK(!strstr(text, "missing") && !strstr(text, "one_of_two"));
  TES_CHECK(access("/tmp/tessera_plot_was_here", F_OK) != 0); /* a text from a file is not run */
  for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
    snprintf(path, sizeof path, "%s/plots/%s.png", folder, want[i].name);
    TES_CHECK(PngRead(path, &png));
    TES_CHECK_INT(png.width, want[i].width);
    TES_CHECK_INT(png.height, want[i].height);
    if (png.rgb) TES_CHECK_AT_LEAST(Colored(&png), want[i].colored);
    free(png.rgb);
  }
  snprintf(path, sizeof path, "%s/plots", folder);
  stream = opendir(path);
  while (stream && (entry = readdir(stream))) {
    if (strstr(entry->d_name, ".png")) pictures++;
    else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) others++;
  }
  closedir(stream);
  TES_CHECK_INT(pictures, 7);
  TES_CHECK_INT(others, 0);
  PetscCall(PetscFree(text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AColourMapIsNotMirrored(void)
{
  char   folder[PETSC_MAX_PATH_LEN], path[PETSC_MAX_PATH_LEN + 64], *text;
  hid_t  file;
  Png    png;
  double low[3], high[3], other[3];

  PetscFunctionBegin;
  PetscCall(OwnFolder("mirrored", folder));
  if (Rank() != 0 || !HasGnuplot()) PetscFunctionReturn(PETSC_SUCCESS);
  snprintf(path, sizeof path, "%s/result.h5", folder);
  file = NewFile(path, "test");
  PetscCall(Field(file, "plane", 2, 65, 0, Corner));
  H5Fclose(file);
  snprintf(path, sizeof path, "%s/elsewhere", folder);
  PetscCall(TesPlot(folder, path, kinds, &text));
  snprintf(path, sizeof path, "%s/elsewhere/plane.png", folder);
  TES_CHECK(PngRead(path, &png));
  if (png.rgb) { /* the map lies between 10 and 82 % across, 12 and 92 % up; a square, centred: quarters are safely at these places */
    Look(&png, 0.30, 0.30, low);
    Look(&png, 0.62, 0.70, high);
    Look(&png, 0.30, 0.70, other);
    TES_CHECK_AT_LEAST(low[2] - low[0], 40);   /* negative: blue */
    TES_CHECK_AT_LEAST(high[0] - high[2], 40); /* positive: red */
    TES_CHECK_AT_LEAST(PetscMin(other[0], other[2]), 230); /* zero: near white */
  }
  free(png.rgb);
  PetscCall(PetscFree(text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RasterOf(const char folder[], const char name[], int n, int chebyshev, double (*f)(double, double, double), int pixels, TesPlotRaster *raster)
{
  char         path[PETSC_MAX_PATH_LEN + 64], dataset[128];
  hid_t        file;
  TesPlotField field;
  PetscInt64   first[3] = {0, 0, 0}, count[3] = {n, n, 1};

  PetscFunctionBegin;
  snprintf(path, sizeof path, "%s/%s.h5", folder, name);
  file = NewFile(path, "test");
  PetscCall(Field(file, name, 2, n, chebyshev, f));
  H5Fclose(file);
  PetscCall(TesH5OpenRead(PETSC_COMM_SELF, path, &file));
  snprintf(dataset, sizeof dataset, "/fields/%s", name);
  PetscCall(TesPlotFieldOpen(file, dataset, &field));
  PetscCall(TesPlotRasterise(&field, 0, 0, 1, first, count, pixels, raster));
  PetscCall(TesPlotFieldClose(&field));
  PetscCall(TesH5Close(&file));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A linear field is exact under interpolation; the mean of the points inside a pixel is off by half a pixel at most. */
static PetscErrorCode ALinearFieldOnChebyshevNodesStaysLinear(void)
{
  char          folder[PETSC_MAX_PATH_LEN];
  TesPlotRaster r;
  double        worst = 0;

  PetscFunctionBegin;
  PetscCall(OwnFolder("linear", folder));
  if (Rank() != 0) PetscFunctionReturn(PETSC_SUCCESS);
  for (int n = 33; n < 1000; n = n * 3 + 1) {
    PetscCall(RasterOf(folder, "tilted", n, 1, Tilted, 200, &r));
    worst = 0;
    for (int j = 0; j < r.h; j++)
      for (int i = 0; i < r.w; i++) worst = PetscMax(worst, fabs(r.value[j * r.w + i] - Tilted((i + 0.5) / r.w, (j + 0.5) / r.h, 0)));
    TES_CHECK_AT_MOST(worst, 0.5 * (2 + 3) / 200 + 1e-12);
    TES_CHECK(!r.extremes);
    TES_CHECK_NEAR(r.max, 4, 1e-12);
    TES_CHECK_NEAR(r.min, -1, 1e-12);
    PetscCall(TesPlotRasterFree(&r));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* 100 waves on 150 pixels cannot be shown: picking points would draw some slow wave, means a grey field. Its envelope is |u| near 1 everywhere. */
static PetscErrorCode AFieldTooFastForThePixelsKeepsItsAmplitude(void)
{
  char          folder[PETSC_MAX_PATH_LEN];
  TesPlotRaster r;
  double        least = 2, worst = 0;

  PetscFunctionBegin;
  PetscCall(OwnFolder("fast", folder));
  if (Rank() != 0) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(RasterOf(folder, "fast", 1201, 0, Fast, 150, &r));
  TES_CHECK(r.extremes);
  /* a pixel holds 8 of the 12 points of a wave: the farthest from zero among them is a crest or its neighbour, at least cos(pi/12) */
  for (int i = 0; i < r.w * r.h; i++) least = PetscMin(least, fabs(r.value[i]));
  TES_CHECK_AT_LEAST(least, 0.86);
  PetscCall(TesPlotRasterFree(&r));
  PetscCall(RasterOf(folder, "slow", 1201, 0, Slow, 400, &r));
  TES_CHECK(!r.extremes);
  /* three points per pixel: the second moment of a pixel, (20 pi)^2 / 24 / 400^2 in x and the rest in y, and a shift of at most half a point */
  for (int j = 0; j < r.h; j++)
    for (int i = 0; i < r.w; i++) worst = PetscMax(worst, fabs(r.value[j * r.w + i] - Slow((i + 0.5) / r.w, (j + 0.5) / r.h, 0)));
  TES_CHECK_AT_MOST(worst, 1.25 * PetscSqr(20 * PETSC_PI / 400) / 24 + 30 * PETSC_PI / 1200);
  PetscCall(TesPlotRasterFree(&r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WhatCannotBeDrawnIsSaidWithARemedy(void)
{
  char  folder[PETSC_MAX_PATH_LEN], path[PETSC_MAX_PATH_LEN + 64], *text = NULL;
  hid_t file;

  PetscFunctionBegin;
  PetscCall(OwnFolder("remedy", folder));
  if (Rank() != 0) PetscFunctionReturn(PETSC_SUCCESS);
  TES_CHECK_FAILS(TesPlot(folder, NULL, kinds, &text), TES_ERR_WORLD);
  snprintf(path, sizeof path, "%s/result.h5", folder);
  file = NewFile(path, "unheard_of");
  H5Fclose(file);
  TES_CHECK_FAILS(TesPlot(folder, NULL, kinds, &text), TES_ERR_WORLD);
  file = NewFile(path, "test");
  PetscCall(Field(file, "plane", 2, 65, 0, Corner));
  H5Fclose(file);
  setenv("TES_GNUPLOT", "/nowhere/gnuplot", 1);
  TES_CHECK_FAILS(TesPlot(folder, NULL, kinds, &text), TES_ERR_WORLD);
  setenv("TES_GNUPLOT", "false", 1);
  TES_CHECK_FAILS(TesPlot(folder, NULL, kinds, &text), TES_ERR_WORLD);
  unsetenv("TES_GNUPLOT");
  snprintf(path, sizeof path, "%s/plots", folder);
  TES_CHECK(rmdir(path) == 0); /* no scratch folder was left in it */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(PicturesOfARunAreDrawnAndNothingElseStays),
  TES_TEST(AColourMapIsNotMirrored),
  TES_TEST(ALinearFieldOnChebyshevNodesStaysLinear),
  TES_TEST(AFieldTooFastForThePixelsKeepsItsAmplitude),
  TES_TEST(WhatCannotBeDrawnIsSaidWithARemedy),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
