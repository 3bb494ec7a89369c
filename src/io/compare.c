/* Where two results differ first. Rank 0 works; values are read in blocks.

   Without rtol two numbers are the same if their bits are (NaN equals NaN: what matters is that both are none). With rtol, |a - b| <= rtol max(max|a|, scale) within
   each dataset, scale being the attribute of that name: what is itself an error is measured against what it is an error of. A complex number counts as two.
   Distance in ulps: the number of representable values (of the stored precision) between a and b. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <tessera/io.h>
#include "fields_private.h"
#include "look_private.h"

typedef struct {
  const TesLook *a, *b;
  PetscReal      rtol, bound;      /* bound: of |a - b|; negative: the same bits */
  PetscReal      largest;          /* first pass: max|a| */
  PetscInt64     differing, first; /* number of differing values, index of the first */
  PetscReal      max_difference;
  char           values[600];      /* the first pair and its distance */
} Work;

typedef struct {
  TesText    text;       /* the first difference in full, then names */
  PetscInt   n_compared, n_different;
  PetscReal  rtol;
} Tally;

/* ---- numbers ---- */

static int64_t Ordered64(double x)
{
  int64_t bits;

  memcpy(&bits, &x, sizeof bits);
  return bits < 0 ? INT64_MIN - bits : bits; /* -0 meets +0 at 0 */
}

static int64_t Ordered32(float x)
{
  int32_t bits;

  memcpy(&bits, &x, sizeof bits);
  return bits < 0 ? (int64_t)INT32_MIN - bits : bits;
}

static uint64_t Ulps(double a, double b, size_t stored)
{
  int64_t x = stored == 4 ? Ordered32((float)a) : Ordered64(a), y = stored == 4 ? Ordered32((float)b) : Ordered64(b);

  return x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x;
}

static PetscBool SameReal(double a, double b, PetscReal bound)
{
  if (isnan(a) || isnan(b)) return (PetscBool)(isnan(a) && isnan(b));
  if (bound < 0) return (PetscBool)(memcmp(&a, &b, sizeof a) == 0);
  return (PetscBool)(a == b || fabs(a - b) <= bound);
}

static PetscErrorCode FindLargest(void *ctx, PetscInt64 first, PetscInt64 n, const void *a, const void *b)
{
  Work      *w    = (Work *)ctx;
  PetscInt64 each = w->a->sort == TES_LOOK_COMPLEX ? 2 : 1;

  PetscFunctionBegin;
  (void)first;
  (void)b;
  for (PetscInt64 i = 0; i < n * each; i++) {
    double x = w->a->sort == TES_LOOK_INT ? (double)((const int64_t *)a)[i] : ((const double *)a)[i];

    if (isfinite(x)) w->largest = PetscMax(w->largest, fabs(x));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CompareReals(void *ctx, PetscInt64 first, PetscInt64 n, const void *a, const void *b)
{
  Work         *w    = (Work *)ctx;
  PetscBool     pair = (PetscBool)(w->a->sort == TES_LOOK_COMPLEX);
  PetscInt64    each = pair ? 2 : 1;
  const double *x = (const double *)a, *y = (const double *)b;
  size_t        stored = PetscMax(w->a->stored, w->b->stored);

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < n * each; i++) {
    if (SameReal(x[i], y[i], w->bound)) continue;
    if (!w->differing) {
      w->first = first + i / each;
      snprintf(w->values, sizeof w->values, "%s%.17g against %.17g", !pair ? "" : i % 2 ? "imaginary part " : "real part ", x[i], y[i]);
      if (!isnan(x[i]) && !isnan(y[i])) {
        size_t used = strlen(w->values);

        snprintf(w->values + used, sizeof w->values - used, ", %llu ulps apart", (unsigned long long)Ulps(x[i], y[i], stored));
      }
    }
    w->differing++;
    if (fabs(x[i] - y[i]) > w->max_difference) w->max_difference = fabs(x[i] - y[i]);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CompareInts(void *ctx, PetscInt64 first, PetscInt64 n, const void *a, const void *b)
{
  Work          *w = (Work *)ctx;
  const int64_t *x = (const int64_t *)a, *y = (const int64_t *)b;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < n; i++) {
    PetscReal apart = fabs((PetscReal)x[i] - (PetscReal)y[i]);

    if (x[i] == y[i] || (w->bound >= 0 && apart <= w->bound)) continue;
    if (!w->differing) {
      w->first = first + i;
      snprintf(w->values, sizeof w->values, "%lld against %lld", (long long)x[i], (long long)y[i]);
    }
    w->differing++;
    w->max_difference = PetscMax(w->max_difference, apart);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const char *TextAt(const TesLook *l, const void *values, PetscInt64 i)
{
  const char *text = H5Tis_variable_str(l->memory) > 0 ? ((char *const *)values)[i] : (const char *)values + (size_t)i * l->bytes;

  return text ? text : "";
}

static PetscErrorCode CompareTexts(void *ctx, PetscInt64 first, PetscInt64 n, const void *a, const void *b)
{
  Work *w = (Work *)ctx;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < n; i++) {
    const char *x = TextAt(w->a, a, i), *y = TextAt(w->b, b, i);

    if (!strcmp(x, y)) continue;
    if (!w->differing) {
      size_t same = 0;

      while (x[same] && x[same] == y[same]) same++;
      w->first = first + i;
      snprintf(w->values, sizeof w->values, "texts differ from character %zu: \"%.80s\" against \"%.80s\"", same + 1, x + (same > 20 ? same - 20 : 0), y + (same > 20 ? same - 20 : 0));
    }
    w->differing++;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CompareBytes(void *ctx, PetscInt64 first, PetscInt64 n, const void *a, const void *b)
{
  Work *w = (Work *)ctx;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < n; i++) {
    if (!memcmp((const char *)a + (size_t)i * w->a->bytes, (const char *)b + (size_t)i * w->a->bytes, w->a->bytes)) continue;
    if (!w->differing++) {
      w->first = first + i;
      snprintf(w->values, sizeof w->values, "bytes differ");
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- datasets ---- */

static void IndexText(const TesLook *l, PetscInt64 at, char text[], size_t size)
{
  PetscInt64 index[H5S_MAX_RANK];
  size_t     used;

  text[0] = 0;
  for (int d = l->n_axes - 1; d >= 0; d--) {
    index[d] = at % (PetscInt64)l->shape[d];
    at /= (PetscInt64)l->shape[d];
  }
  for (int d = 0; d < l->n_axes; d++) {
    used = strlen(text);
    snprintf(text + used, size - used, "%s%lld%s", d ? ", " : " at [", (long long)index[d], d == l->n_axes - 1 ? "]" : "");
  }
}

/* The first difference is told in full; later ones by name. */
static PetscErrorCode Note(Tally *t, const char file[], const char name[], const char what[])
{
  PetscFunctionBegin;
  if (t->n_different == 0) PetscCall(TesTextAdd(&t->text, "%s%s%s: %s\n", file, name[0] ? ":" : "", name, what));
  else if (t->n_different <= 10) PetscCall(TesTextAdd(&t->text, "  also: %s%s%s: %s\n", file, name[0] ? ":" : "", name, what));
  t->n_different++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscBool SameShape(const TesLook *a, const TesLook *b)
{
  if (a->n_axes != b->n_axes || a->count != b->count) return PETSC_FALSE;
  for (int d = 0; d < a->n_axes; d++)
    if (a->shape[d] != b->shape[d]) return PETSC_FALSE;
  return PETSC_TRUE;
}

static PetscErrorCode CompareValues(Tally *t, hid_t file_a, hid_t file_b, const char file[], const char name[], const TesLook *a, const TesLook *b)
{
  Work        w    = {.a = a, .b = b, .rtol = t->rtol, .bound = -1};
  TesLookBody body = a->sort == TES_LOOK_INT ? CompareInts : a->sort == TES_LOOK_TEXT ? CompareTexts : a->sort == TES_LOOK_OPAQUE ? CompareBytes : CompareReals;
  char        line[1200], index[256];

  PetscFunctionBegin;
  if (t->rtol >= 0 && body != CompareTexts && body != CompareBytes) {
    PetscReal scale = 0;
    PetscBool found;

    PetscCall(TesH5ReadAttributeReal(file_a, name, "scale", &found, &scale));
    if (!found) PetscCall(TesH5ReadAttributeReal(file_b, name, "scale", &found, &scale));
    PetscCall(TesLookBlocks(a, NULL, FindLargest, &w));
    w.bound = t->rtol * PetscMax(w.largest, found ? scale : 0);
  }
  PetscCall(TesLookBlocks(a, b, body, &w));
  t->n_compared++;
  if (!w.differing) PetscFunctionReturn(PETSC_SUCCESS);
  IndexText(a, w.first, index, sizeof index);
  if (body == CompareTexts || body == CompareBytes)
    snprintf(line, sizeof line, "%s%s%s", index[0] ? index + 1 : "", index[0] ? ": " : "", w.values);
  else
    snprintf(line, sizeof line, "%s%s%s; %lld of %lld values differ, by %.3g at most", index[0] ? index + 1 : "", index[0] ? ": " : "", w.values, (long long)w.differing,
             (long long)(a->count * (a->sort == TES_LOOK_COMPLEX ? 2 : 1)), w.max_difference);
  if (w.bound >= 0) {
    size_t used = strlen(line);

    snprintf(line + used, sizeof line - used, " (%.3g allowed)", w.bound);
  }
  PetscCall(Note(t, file, name, line));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CompareDataset(Tally *t, hid_t file_a, hid_t file_b, const char file[], const char name[])
{
  TesLook   a, b;
  char      line[700], shape_a[256], shape_b[256];
  PetscBool same_sort;

  PetscFunctionBegin;
  PetscCall(TesLookBegin(file_a, name, &a));
  PetscCall(TesLookBegin(file_b, name, &b));
  same_sort = (PetscBool)(a.sort == b.sort && (a.sort != TES_LOOK_OPAQUE || H5Tequal(a.memory, b.memory) > 0));
  if (!same_sort || (t->rtol < 0 && a.stored != b.stored && a.sort != TES_LOOK_TEXT)) {
    snprintf(line, sizeof line, "type %s against %s", TesLookTypeName(&a), TesLookTypeName(&b));
    PetscCall(Note(t, file, name, line));
  } else if (!SameShape(&a, &b)) {
    TesLookShapeText(&a, shape_a, sizeof shape_a);
    TesLookShapeText(&b, shape_b, sizeof shape_b);
    snprintf(line, sizeof line, "shape %s against %s", shape_a, shape_b);
    PetscCall(Note(t, file, name, line));
  } else {
    PetscCall(CompareValues(t, file_a, file_b, file, name, &a, &b));
  }
  PetscCall(TesLookEnd(&a));
  PetscCall(TesLookEnd(&b));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscBool LeftOut(hid_t file, const char name[])
{
  return (PetscBool)(!strncmp(name, "/provenance/", 12) || H5Aexists_by_name(file, name, "timing", H5P_DEFAULT) > 0);
}

static PetscErrorCode CompareFiles(Tally *t, const char path_a[], const char path_b[], const char file[])
{
  hid_t    a, b;
  TesNames in_a = {0}, in_b = {0};

  PetscFunctionBegin;
  PetscCall(TesLookOpen(path_a, &a));
  PetscCall(TesLookOpen(path_b, &b));
  PetscCall(TesLookList(a, &in_a));
  PetscCall(TesLookList(b, &in_b));
  for (PetscInt i = 0; i < in_a.n; i++) {
    const char *name = in_a.name[i];

    if (LeftOut(a, name)) continue;
    if (!TesNamesHave(&in_b, name)) PetscCall(Note(t, file, name, "is only in the first"));
    else if (!LeftOut(b, name)) PetscCall(CompareDataset(t, a, b, file, name));
  }
  for (PetscInt i = 0; i < in_b.n; i++)
    if (!LeftOut(b, in_b.name[i]) && !TesNamesHave(&in_a, in_b.name[i])) PetscCall(Note(t, file, in_b.name[i], "is only in the second"));
  PetscCall(TesNamesClear(&in_a));
  PetscCall(TesNamesClear(&in_b));
  TesCallH5(H5Fclose(a));
  TesCallH5(H5Fclose(b));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- folders ---- */

static int ByName(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Snapshot files of a run folder, "fields/000120.h5", in order. */
static PetscErrorCode ListSnapshots(const char folder[], TesNames *names)
{
  char           path[PETSC_MAX_PATH_LEN];
  DIR           *stream;
  struct dirent *entry;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields", folder));
  stream = opendir(path);
  if (!stream) PetscFunctionReturn(PETSC_SUCCESS);
  while ((entry = readdir(stream))) {
    size_t length = strlen(entry->d_name);

    if (length < 4 || strcmp(entry->d_name + length - 3, ".h5")) continue;
    PetscCall(PetscSNPrintf(path, sizeof path, "fields/%s", entry->d_name));
    PetscCall(TesNamesAdd(names, path));
  }
  closedir(stream);
  if (names->n) qsort(names->name, (size_t)names->n, sizeof *names->name, ByName);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CompareInFolders(Tally *t, const char a[], const char b[], const char name[], PetscInt *n_files)
{
  char path_a[PETSC_MAX_PATH_LEN], path_b[PETSC_MAX_PATH_LEN];
  int  in_a, in_b;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(path_a, sizeof path_a, "%s/%s", a, name));
  PetscCall(PetscSNPrintf(path_b, sizeof path_b, "%s/%s", b, name));
  in_a = access(path_a, F_OK) == 0;
  in_b = access(path_b, F_OK) == 0;
  if (in_a && in_b) PetscCall(CompareFiles(t, path_a, path_b, name));
  else if (in_a) PetscCall(Note(t, name, "", "is only in the first"));
  else if (in_b) PetscCall(Note(t, name, "", "is only in the second"));
  *n_files += in_a || in_b;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CompareFolders(Tally *t, const char a[], const char b[])
{
  TesNames in_a = {0}, in_b = {0};
  PetscInt n_files = 0;

  PetscFunctionBegin;
  PetscCall(CompareInFolders(t, a, b, "result.h5", &n_files));
  PetscCall(CompareInFolders(t, a, b, "series.h5", &n_files));
  PetscCall(ListSnapshots(a, &in_a));
  PetscCall(ListSnapshots(b, &in_b));
  for (PetscInt i = 0; i < in_a.n; i++) PetscCall(CompareInFolders(t, a, b, in_a.name[i], &n_files));
  for (PetscInt i = 0; i < in_b.n; i++)
    if (!TesNamesHave(&in_a, in_b.name[i])) PetscCall(CompareInFolders(t, a, b, in_b.name[i], &n_files));
  PetscCall(TesNamesClear(&in_a));
  PetscCall(TesNamesClear(&in_b));
  PetscCheck(n_files, PETSC_COMM_SELF, TES_ERR_WORLD, "neither %s nor %s holds results (result.h5, series.h5, fields/)", a, b);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Compare(const char a[], const char b[], PetscReal rtol, PetscBool *different, char **text)
{
  Tally       t = {.rtol = rtol};
  struct stat info_a, info_b;

  PetscFunctionBegin;
  TesCallSys(stat(a, &info_a), "cannot find %s", a);
  TesCallSys(stat(b, &info_b), "cannot find %s", b);
  PetscCheck(S_ISDIR(info_a.st_mode) == S_ISDIR(info_b.st_mode), PETSC_COMM_SELF, TES_ERR_WORLD, "cannot compare a folder with a file: %s, %s", a, b);
  if (S_ISDIR(info_a.st_mode)) PetscCall(CompareFolders(&t, a, b));
  else PetscCall(CompareFiles(&t, a, b, a));
  *different = (PetscBool)(t.n_different > 0);
  if (!t.n_different && rtol < 0) PetscCall(TesTextAdd(&t.text, "the same bits in %d datasets\n", (int)t.n_compared));
  else if (!t.n_different) PetscCall(TesTextAdd(&t.text, "equal within %g in %d datasets\n", (double)rtol, (int)t.n_compared));
  else PetscCall(TesTextAdd(&t.text, "%d difference%s in %d datasets compared\n", (int)t.n_different, t.n_different == 1 ? "" : "s", (int)t.n_compared));
  *text = t.text.text;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesCompare(MPI_Comm comm, const char a[], const char b[], PetscReal rtol, PetscBool *different, char **text)
{
  int            rank, length = 0, found = 0;
  PetscErrorCode ierr = PETSC_SUCCESS;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  *different = PETSC_FALSE;
  *text      = NULL;
  if (rank == 0) ierr = Compare(a, b, rtol, different, text);
  PetscCall(TesAgree(comm, ierr));
  if (rank == 0) {
    length = (int)strlen(*text) + 1;
    found  = *different ? 1 : 0;
  }
  PetscCallMPI(MPI_Bcast(&found, 1, MPI_INT, 0, comm));
  PetscCallMPI(MPI_Bcast(&length, 1, MPI_INT, 0, comm));
  if (rank) PetscCall(PetscMalloc1((size_t)length, text));
  PetscCallMPI(MPI_Bcast(*text, length, MPI_CHAR, 0, comm));
  *different = found ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}
