/* Compare and info: the first difference by dataset, index, values and ulps; what is to be left out is; foreign HDF5 files, too. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <tessera/io.h>
#include <tessera/test.h>

#define ROWS 700
#define WIDTH 300 /* 210 000 values: more than one block, and the cut between blocks falls inside axis 0 */

typedef struct {
  double      u_add, nan_at, error, scalar;
  float       single;
  PetscInt64  u_row, u_column;
  PetscInt64  whole;
  double      imaginary, timing;
  const char *text;
  PetscBool   extra;
  PetscInt64  length;
} Variant;

static const Variant plain = {.nan_at = 1, .error = 1e-12, .scalar = 2, .single = 1.5F, .whole = 12, .imaginary = 3, .timing = 1, .text = "as it was", .length = 4};

static PetscErrorCode WriteVariant(const char path[], const Variant *v)
{
  TesPartition  part;
  TesFile       file;
  double       *u, error = v->error, scalar = v->scalar, z[4] = {1, 2, 5, v->imaginary}, timing = v->timing, list[8] = {0};
  float         single = v->single;
  int64_t       whole  = v->whole;
  PetscInt64    yes    = 1;
  PetscReal     scale  = 1;
  TesProvenance origin = {.kind = "toy", .deck = v->text, .wall_seconds = v->timing};

  PetscFunctionBegin;
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, ROWS, 1, &part));
  PetscCall(PetscMalloc1((size_t)(part.n_local * WIDTH), &u));
  for (PetscInt64 i = 0; i < part.n_local; i++)
    for (PetscInt64 j = 0; j < WIDTH; j++) {
      u[i * WIDTH + j] = 1 + (double)((part.first + i) * WIDTH + j) / 1048576; /* exact */
      if (part.first + i == v->u_row && j == v->u_column) u[i * WIDTH + j] += v->u_add;
    }
  if (part.first == 0 && part.n_local) u[7] = v->nan_at ? NAN : 0.5;
  PetscCall(TesFileCreate(PETSC_COMM_WORLD, path, "test", &file));
  PetscCall(TesFileAddAttribute(file, "/", "tessera", "result", NULL, NULL));
  PetscCall(TesFileAddItem(file, "/fields/", &(TesStateItem){.name = "u", .type = TES_F64, .n_axes = 2, .shape = {ROWS, WIDTH}, .distributed = PETSC_TRUE, .first = part.first,
                                                            .n_local = part.n_local, .data = u, .unit = "m"}));
  PetscCall(TesFileAddItem(file, "/report/", &(TesStateItem){.name = "error", .type = TES_F64, .data = &error}));
  PetscCall(TesFileAddAttribute(file, "/report/error", "scale", NULL, &scale, NULL));
  PetscCall(TesFileAddItem(file, "/report/", &(TesStateItem){.name = "rate", .type = TES_F64, .data = &timing}));
  PetscCall(TesFileAddAttribute(file, "/report/rate", "timing", NULL, NULL, &yes));
  PetscCall(TesFileAddText(file, "/report/remark", v->text));
  PetscCall(TesFileAddItem(file, "/", &(TesStateItem){.name = "scalar", .type = TES_F64, .data = &scalar}));
  PetscCall(TesFileAddItem(file, "/", &(TesStateItem){.name = "single", .type = TES_F32, .data = &single}));
  PetscCall(TesFileAddItem(file, "/", &(TesStateItem){.name = "whole", .type = TES_I64, .data = &whole}));
  PetscCall(TesFileAddItem(file, "/", &(TesStateItem){.name = "z", .type = TES_F64, .complex_pairs = PETSC_TRUE, .n_axes = 2, .shape = {2, 2}, .data = z}));
  PetscCall(TesFileAddItem(file, "/", &(TesStateItem){.name = "list", .type = TES_F64, .n_axes = 1, .shape = {v->length}, .data = list}));
  if (v->extra) PetscCall(TesFileAddItem(file, "/", &(TesStateItem){.name = "extra", .type = TES_F64, .data = &scalar}));
  PetscCall(TesFileAddProvenance(file, &origin));
  PetscCall(TesFileCommit(file, NULL, NULL));
  PetscCall(TesFileDestroy(&file));
  PetscCall(PetscFree(u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Compares the plain file with a variant; words NULL: they must be called the same. */
static PetscErrorCode Verdict(const Variant *v, PetscReal rtol, const char words[])
{
  char      a[PETSC_MAX_PATH_LEN], b[PETSC_MAX_PATH_LEN], *text;
  PetscBool different;

  PetscFunctionBegin;
  PetscCall(TesTestPath("a.h5", a, sizeof a));
  PetscCall(TesTestPath("b.h5", b, sizeof b));
  PetscCall(WriteVariant(a, &plain));
  PetscCall(WriteVariant(b, v));
  PetscCall(TesCompare(PETSC_COMM_WORLD, a, b, rtol, &different, &text));
  TES_CHECK(different == (PetscBool)(words != NULL));
  TES_CHECK_CONTAINS(text, words ? words : rtol < 0 ? "the same bits in 8 datasets" : "equal within");
  PetscCall(PetscFree(text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EqualFilesAreEqualWhateverTheirProvenanceAndSpeed(void)
{
  Variant v = plain;

  PetscFunctionBegin;
  v.timing = 99;
  PetscCall(Verdict(&v, -1, NULL)); /* with a NaN in both */
  PetscCall(Verdict(&v, 0, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TheFirstDifferenceIsNamedWithItsPlaceAndSize(void)
{
  Variant      v = plain;
  const double u = 1 + (650.0 * WIDTH + 123) / 1048576;
  char         words[256];

  PetscFunctionBegin;
  v.u_row    = 650; /* in the second block */
  v.u_column = 123;
  v.u_add    = 3 * DBL_EPSILON; /* values in [1, 2): three ulps */
  snprintf(words, sizeof words, "/fields/u: at [650, 123]: %.17g against %.17g, 3 ulps apart; 1 of 210000 values differ, by 6.66e-16 at most", u, u + 3 * DBL_EPSILON);
  PetscCall(Verdict(&v, -1, words));
  v        = plain;
  v.nan_at = 0;
  PetscCall(Verdict(&v, -1, "/fields/u: at [0, 7]: nan against 0.5; 1 of 210000"));
  PetscCall(Verdict(&v, 10, "/fields/u: at [0, 7]: nan against 0.5")); /* no tolerance makes NaN a number */
  v       = plain;
  v.whole = 13;
  PetscCall(Verdict(&v, -1, "/whole: 12 against 13"));
  v           = plain;
  v.imaginary = 4;
  PetscCall(Verdict(&v, -1, "/z: at [1]: imaginary part 3 against 4"));
  v        = plain;
  v.single = nextafterf(nextafterf(1.5F, 2), 2);
  PetscCall(Verdict(&v, -1, ", 2 ulps apart")); /* of single precision */
  v      = plain;
  v.text = "as it is";
  PetscCall(Verdict(&v, -1, "/report/remark: texts differ from character 7"));
  v       = plain;
  v.extra = PETSC_TRUE;
  PetscCall(Verdict(&v, -1, "/extra: is only in the second"));
  v        = plain;
  v.length = 5;
  PetscCall(Verdict(&v, -1, "/list: shape [4] against [5]"));
  v.whole  = 13;
  v.scalar = 7;
  PetscCall(Verdict(&v, -1, "3 differences in 7 datasets compared"));
  v        = plain;
  v.scalar = -0.0;
  PetscCall(Verdict(&v, -1, "/scalar: 2 against -0"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ToleranceIsRelativeToTheDatasetOrItsScale(void)
{
  Variant v = plain;

  PetscFunctionBegin;
  v.scalar = 2 * (1 + 1e-9);
  PetscCall(Verdict(&v, 2e-9, NULL));
  PetscCall(Verdict(&v, 5e-10, "/scalar: 2 against 2.0000000020000002"));
  v       = plain;
  v.error = 3e-12; /* rounding noise of an error: scale 1 lets it pass */
  PetscCall(Verdict(&v, 1e-11, NULL));
  PetscCall(Verdict(&v, 1e-12, "/report/error"));
  v       = plain;
  v.u_row = 3;
  v.u_add = 1e-9; /* max|u| = 1.20: 1e-9 is allowed at rtol 1e-9, as the measure is the whole dataset's */
  PetscCall(Verdict(&v, 1e-9, NULL));
  PetscCall(Verdict(&v, 8e-10, "/fields/u: at [3, 0]"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FoldersAreComparedFileByFile(void)
{
  char      a[PETSC_MAX_PATH_LEN], b[PETSC_MAX_PATH_LEN], path[PETSC_MAX_PATH_LEN], *text;
  PetscBool different;

  PetscFunctionBegin;
  PetscCall(TesTestPath("run_a", a, sizeof a));
  PetscCall(TesTestPath("run_b", b, sizeof b));
  for (int k = 0; k < 2; k++) {
    Variant v = plain;

    PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields", k ? b : a));
    PetscCall(TesMakeFolder(path));
    PetscCall(PetscSNPrintf(path, sizeof path, "%s/result.h5", k ? b : a));
    PetscCall(WriteVariant(path, &v));
    PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields/000010.h5", k ? b : a));
    PetscCall(WriteVariant(path, &v));
  }
  PetscCall(TesCompare(PETSC_COMM_WORLD, a, b, -1, &different, &text));
  TES_CHECK(!different);
  TES_CHECK_CONTAINS(text, "16 datasets");
  PetscCall(PetscFree(text));
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields/000020.h5", b));
  PetscCall(WriteVariant(path, &plain));
  PetscCall(TesCompare(PETSC_COMM_WORLD, a, b, -1, &different, &text));
  TES_CHECK(different);
  TES_CHECK_CONTAINS(text, "fields/000020.h5: is only in the second");
  PetscCall(PetscFree(text));
  TES_CHECK_FAILS(TesCompare(PETSC_COMM_WORLD, a, path, -1, &different, &text), TES_ERR_WORLD);
  TES_CHECK_FAILS(TesCompare(PETSC_COMM_WORLD, a, "/no/such/folder", -1, &different, &text), TES_ERR_WORLD);
  PetscCall(TesTestPath("run_a/fields", b, sizeof b));
  TES_CHECK_FAILS(TesCompare(PETSC_COMM_WORLD, b, b, -1, &different, &text), TES_ERR_WORLD); /* a folder without results is no equal */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ForeignFilesAreComparedAndShown(void)
{
  char      a[PETSC_MAX_PATH_LEN], b[PETSC_MAX_PATH_LEN], *text;
  PetscBool different;
  int       rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCall(TesTestPath("foreign_a.h5", a, sizeof a));
  PetscCall(TesTestPath("foreign_b.h5", b, sizeof b));
  for (int k = 0; k < 2 && rank == 0; k++) {
    hsize_t     two     = 2;
    const char *words[] = {"one", k ? "three" : "two"};
    short       x[2]    = {-3, 4};
    hid_t       file = H5Fcreate(k ? b : a, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), space = H5Screate_simple(1, &two, NULL), string = H5Tcopy(H5T_C_S1), set;

    H5Tset_size(string, H5T_VARIABLE);
    set = H5Dcreate2(file, "words", string, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, string, H5S_ALL, H5S_ALL, H5P_DEFAULT, words);
    H5Dclose(set);
    set = H5Dcreate2(file, "x", H5T_STD_I16BE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, H5T_NATIVE_SHORT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
    H5Dclose(set);
    H5Lcreate_hard(file, "/", file, "loop", H5P_DEFAULT, H5P_DEFAULT);  /* a group within itself */
    H5Lcreate_soft("/nowhere", file, "dangling", H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(string);
    H5Sclose(space);
    H5Fclose(file);
  }
  PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
  PetscCall(TesCompare(PETSC_COMM_WORLD, a, a, -1, &different, &text));
  TES_CHECK(!different);
  PetscCall(PetscFree(text));
  PetscCall(TesCompare(PETSC_COMM_WORLD, a, b, -1, &different, &text));
  TES_CHECK(different);
  TES_CHECK_CONTAINS(text, "words: at [1]: texts differ from character 2: \"two\" against \"three\"");
  PetscCall(PetscFree(text));
  PetscCall(TesInfo(PETSC_COMM_WORLD, a, &text));
  TES_CHECK_CONTAINS(text, "not of tessera");
  TES_CHECK_CONTAINS(text, "-3 .. 4");
  PetscCall(PetscFree(text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InfoShowsOriginFiguresAndRanges(void)
{
  char           path[PETSC_MAX_PATH_LEN], *text;
  TesReport      r;
  PetscReal      x[3]   = {-1.5, 2, NAN};
  TesStateItem   item   = {.name = "spectrum/x", .type = TES_F64, .n_axes = 1, .shape = {3}, .data = x, .unit = "Hz"};
  TesProvenance  origin = {.kind = "toy", .deck = "problem: toy\n", .step = 77, .ranks = 4};
  int            rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCall(TesTestPath("info.h5", path, sizeof path));
  PetscCall(TesReportCreate(PETSC_COMM_WORLD, &r));
  PetscCall(TesReportReal(r, "relative_l2", 0.25, &(TesFigureNote){.certified = PETSC_TRUE}));
  PetscCall(TesReportArray(r, &item, 0));
  PetscCall(TesReportWrite(r, path, &origin));
  PetscCall(TesReportDestroy(&r));
  PetscCall(TesInfo(PETSC_COMM_WORLD, path, &text));
  TES_CHECK_CONTAINS(text, "result of tessera, whole");
  TES_CHECK_CONTAINS(text, "kind         toy");
  TES_CHECK_CONTAINS(text, "step         77");
  TES_CHECK_CONTAINS(text, "ranks        4");
  TES_CHECK_CONTAINS(text, "relative_l2  0.25   certified");
  TES_CHECK_CONTAINS(text, "-1.5 .. 2 (1 not a number) Hz");
  PetscCall(PetscFree(text));
  PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
  if (rank == 0) TES_CHECK_INT(truncate(path, 3000), 0);
  PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
  PetscCall(TesInfo(PETSC_COMM_WORLD, path, &text));
  TES_CHECK_CONTAINS(text, "DAMAGED: truncated");
  PetscCall(PetscFree(text));
  TES_CHECK_FAILS(TesInfo(PETSC_COMM_WORLD, TES_SOURCE_DIR "/CMakeLists.txt", &text), TES_ERR_WORLD);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(EqualFilesAreEqualWhateverTheirProvenanceAndSpeed),
  TES_TEST(TheFirstDifferenceIsNamedWithItsPlaceAndSize),
  TES_TEST(ToleranceIsRelativeToTheDatasetOrItsScale),
  TES_TEST(FoldersAreComparedFileByFile),
  TES_TEST(ForeignFilesAreComparedAndShown),
  TES_TEST(InfoShowsOriginFiguresAndRanges),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
