/* Series and snapshots: rows survive the checkpoint, a restart leaves none twice, files hold what was said, XDMF points at data that are there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <tessera/grid.h>
#include <tessera/io.h>
#include <tessera/test.h>

static TesProvenance Origin(void)
{
  return (TesProvenance){.kind = "toy", .deck = "problem: toy\n", .state_format = 1};
}

static PetscErrorCode Row(TesSeries s, PetscInt64 step)
{
  PetscFunctionBegin;
  PetscCall(TesSeriesBeginRow(s, step, PETSC_FALSE));
  PetscCall(TesSeriesTime(s, 0.25 * (PetscReal)step));
  PetscCall(TesSeriesReal(s, "energy", "J", sqrt((PetscReal)step)));
  PetscCall(TesSeriesRealStderr(s, "spin, z", NULL, -1.0 * (PetscReal)step, 0.5));
  PetscCall(TesSeriesTiming(s, "rate", "1/s", (PetscReal)TesTestRank() + 7)); /* clocks differ between ranks: rank 0's counts */
  if (step >= 100) PetscCall(TesSeriesReal(s, "late", NULL, 3));
  PetscCall(TesSeriesEndRow(s, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadColumn(const char folder[], const char name[], PetscInt64 n, PetscReal *values)
{
  char         path[PETSC_MAX_PATH_LEN];
  hid_t        file;
  TesStateItem item = {.type = TES_F64, .n_axes = 1, .shape = {n}, .data = values};

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/series.h5", folder));
  PetscCall(TesH5OpenRead(PETSC_COMM_WORLD, path, &file));
  PetscCall(TesH5ReadItem(PETSC_COMM_WORLD, file, name, &item));
  PetscCall(TesH5Close(&file));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Describe(void *ctx, TesState state)
{
  PetscFunctionBegin;
  PetscCall(TesSeriesState((TesSeries)ctx, state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FilesHoldWhatWasSaid(void)
{
  char          folder[PETSC_MAX_PATH_LEN], path[PETSC_MAX_PATH_LEN], line[256] = "", *unit;
  TesSeries     s;
  TesProvenance origin = Origin();
  PetscReal     x[200];
  hid_t         file;
  PetscBool     found;
  PetscInt64    timing = 0;

  PetscFunctionBegin;
  PetscCall(TesTestPath("files", folder, sizeof folder));
  PetscCall(TesSeriesCreate(PETSC_COMM_WORLD, folder, PETSC_TRUE, &s));
  PetscCall(TesSeriesWrite(s, &origin)); /* no rows yet is no error */
  for (PetscInt64 step = 0; step < 130; step++) PetscCall(Row(s, step));
  PetscCall(Row(s, 129)); /* the last row again: replaced */
  PetscCall(TesSeriesWrite(s, &origin));
  PetscCall(ReadColumn(folder, "/observables/energy", 130, x));
  TES_CHECK_NEAR(x[129], sqrt(129.0), 0);
  PetscCall(ReadColumn(folder, "/stderr/spin, z", 130, x));
  TES_CHECK_NEAR(x[64], 0.5, 0);
  PetscCall(ReadColumn(folder, "/time", 130, x));
  TES_CHECK_NEAR(x[8], 2, 0);
  PetscCall(ReadColumn(folder, "/observables/rate", 130, x));
  TES_CHECK_NEAR(x[3], 7, 0);
  PetscCall(ReadColumn(folder, "/observables/late", 130, x));
  TES_CHECK(isnan(x[99]));
  TES_CHECK_NEAR(x[100], 3, 0);
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/series.h5", folder));
  PetscCall(TesH5OpenRead(PETSC_COMM_WORLD, path, &file));
  PetscCall(TesH5ReadAttributeInt(file, "/observables/rate", "timing", &found, &timing));
  TES_CHECK(found && timing == 1);
  PetscCall(TesH5ReadAttributeInt(file, "/observables/energy", "timing", &found, &timing));
  TES_CHECK(!found);
  PetscCall(TesH5ReadAttributeText(file, "/observables/energy", "unit", &found, &unit));
  TES_CHECK_TEXT(unit, "J");
  PetscCall(PetscFree(unit));
  PetscCall(TesH5Close(&file));
  if (TesTestRank() == 0) {
    FILE *csv;

    PetscCall(PetscSNPrintf(path, sizeof path, "%s/series.csv", folder));
    csv = fopen(path, "r");
    TES_CHECK(csv && fgets(line, sizeof line, csv));
    TES_CHECK_TEXT(line, "step,time,energy,\"spin, z\",\"spin, z_stderr\",rate,late\n");
    TES_CHECK(csv && fgets(line, sizeof line, csv) && fgets(line, sizeof line, csv) && fgets(line, sizeof line, csv));
    TES_CHECK_TEXT(line, "2,0.5,1.4142135623730951,-2,0.5,7,nan\n");
    if (csv) fclose(csv);
  }
  PetscCall(TesSeriesDestroy(&s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Rows 0..9 in the checkpoint, rows 10..14 written and then lost; the restarted run writes 10..19. The file must be that of a run which never stopped. */
static PetscErrorCode ARestartGivesTheFileOfARunThatNeverStopped(void)
{
  char           whole[PETSC_MAX_PATH_LEN], parts[PETSC_MAX_PATH_LEN], path[PETSC_MAX_PATH_LEN], *text;
  TesSeries      s;
  TesCheckpoints c;
  TesProvenance  origin = Origin();
  PetscBool      found, different;

  PetscFunctionBegin;
  PetscCall(TesTestPath("whole", whole, sizeof whole));
  PetscCall(TesSeriesCreate(PETSC_COMM_WORLD, whole, PETSC_FALSE, &s));
  for (PetscInt64 step = 0; step < 20; step++) PetscCall(Row(s, step));
  PetscCall(TesSeriesWrite(s, &origin));
  PetscCall(TesSeriesDestroy(&s));

  PetscCall(TesTestPath("parts", parts, sizeof parts));
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/checkpoint", parts));
  PetscCall(TesCheckpointsCreate(PETSC_COMM_WORLD, path, 2, &c));
  PetscCall(TesSeriesCreate(PETSC_COMM_WORLD, parts, PETSC_FALSE, &s));
  PetscCall(TesCheckpointsSave(c, 0, Describe, s, &origin, NULL, NULL)); /* an empty series can be saved, too */
  for (PetscInt64 step = 0; step < 10; step++) PetscCall(Row(s, step));
  PetscCall(TesCheckpointsSave(c, 9, Describe, s, &origin, NULL, NULL));
  for (PetscInt64 step = 10; step < 15; step++) PetscCall(Row(s, step));
  PetscCall(TesSeriesWrite(s, &origin));
  PetscCall(TesSeriesDestroy(&s));
  PetscCall(TesSeriesCreate(PETSC_COMM_WORLD, parts, PETSC_FALSE, &s));
  PetscCall(TesCheckpointsOpen(c, &found, NULL));
  PetscCall(TesCheckpointsRestore(c, Describe, s));
  PetscCall(TesSeriesCutAfter(s, 9));
  for (PetscInt64 step = 10; step < 20; step++) PetscCall(Row(s, step));
  PetscCall(TesSeriesWrite(s, &origin));
  PetscCall(TesCompare(PETSC_COMM_WORLD, whole, parts, -1, &different, &text));
  TES_CHECK_CONTAINS(text, "the same bits");
  PetscCall(PetscFree(text));
  PetscCall(TesSeriesCutAfter(s, 11)); /* and compare can tell */
  PetscCall(TesSeriesWrite(s, &origin));
  PetscCall(TesCompare(PETSC_COMM_WORLD, whole, parts, -1, &different, &text));
  TES_CHECK(different);
  TES_CHECK_CONTAINS(text, "shape [20] against [12]");
  PetscCall(PetscFree(text));
  PetscCall(TesSeriesDestroy(&s));
  PetscCall(TesCheckpointsDestroy(&c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MakeField(PetscInt dim, PetscInt64 nx, const char name[], PetscInt components, TesField *field)
{
  TesGridSpec spec = {.dim = dim, .n = {nx, 5, 4}, .upper = {1, 2, 3}, .components = components};
  TesGrid     grid;

  PetscFunctionBegin;
  PetscCall(TesGridCreate(PETSC_COMM_WORLD, &spec, &grid));
  PetscCall(TesFieldCreate(grid, name, field));
  PetscCall(TesGridDestroy(&grid));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FillField(TesField field, PetscReal value)
{
  PetscReal *u;

  PetscFunctionBegin;
  PetscCall(TesFieldGetArray(field, &u));
  for (PetscInt64 i = 0; i < TesGridLocalSize(TesFieldGrid(field)); i++) u[i] = value;
  PetscCall(TesFieldRestoreArray(field, &u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static int CountOf(const char text[], const char word[])
{
  int n = 0;

  for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) n++;
  return n;
}

static char *Slurp(const char path[])
{
  FILE  *f    = fopen(path, "r");
  char  *text = calloc(1, 65536);
  size_t n    = f ? fread(text, 1, 65535, f) : 0;

  if (f) fclose(f);
  text[n] = 0;
  return text;
}

/* Every "file:/dataset" of an XDMF text must exist with as many values as its Dimensions say. Rank 0. */
static PetscErrorCode CheckXdmf(const char folder[], const char text[], int want)
{
  int checked = 0;

  PetscFunctionBegin;
  for (const char *at = strstr(text, ".h5:/"); at; at = strstr(at + 1, ".h5:/")) {
    const char *begin = at, *tag, *dims;
    char        path[PETSC_MAX_PATH_LEN], dataset[256];
    long long   values = 1, stored = 1;
    hid_t       file;
    TesType     type;
    int         n_axes;
    PetscInt64  shape[TES_MAX_AXES];
    PetscBool   found;

    while (*begin != '>') begin--;
    tag = begin;
    while (*tag != '<') tag--;
    dims = strstr(tag, "Dimensions=\"") + 12;
    for (char *end; *dims != '"'; dims = end + (*end == ' ')) values *= strtoll(dims, &end, 10);
    snprintf(path, sizeof path, "%s/%.*s.h5", folder, (int)(at - begin - 1), begin + 1);
    snprintf(dataset, sizeof dataset, "%.*s", (int)strcspn(at + 4, "<"), at + 4);
    for (char *amp = strstr(dataset, "&lt;"); amp; amp = strstr(dataset, "&lt;")) { /* as an XML reader would */
      *amp = '<';
      memmove(amp + 1, amp + 4, strlen(amp + 4) + 1);
    }
    PetscCall(TesH5OpenRead(PETSC_COMM_SELF, path, &file));
    PetscCall(TesH5Shape(file, dataset, &found, &type, &n_axes, shape));
    TES_CHECK(found);
    for (int d = 0; found && d < n_axes; d++) stored *= shape[d];
    TES_CHECK_INT(values, stored);
    PetscCall(TesH5Close(&file));
    checked++;
  }
  TES_CHECK_INT(checked, want);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SnapshotsAreWrittenCutBackAndPointedAt(void)
{
  char           folder[PETSC_MAX_PATH_LEN], path[PETSC_MAX_PATH_LEN], *xml;
  TesSeries      s, again;
  TesCheckpoints c;
  TesProvenance  origin = Origin();
  PetscBool      found;

  PetscFunctionBegin;
  for (PetscInt dim = 1; dim <= 3; dim++) {
    TesField u, v, w;
    char     name[32];

    PetscCall(PetscSNPrintf(name, sizeof name, "snapshots_%d", (int)dim));
    PetscCall(TesTestPath(name, folder, sizeof folder));
    PetscCall(MakeField(dim, 6, "u", 1, &u));
    PetscCall(MakeField(dim, 6, "velocity", 2, &v));
    PetscCall(MakeField(dim, 9, "fine<", 1, &w)); /* another grid, and a name that XML must escape */
    PetscCall(TesSeriesCreate(PETSC_COMM_WORLD, folder, PETSC_FALSE, &s));
    for (PetscInt64 step = 0; step <= 30; step += 10) {
      PetscCall(FillField(u, (PetscReal)step));
      PetscCall(TesSeriesBeginRow(s, step, (PetscBool)(step != 10)));
      TES_CHECK(TesSeriesWants(s) == (PetscBool)(step != 10));
      PetscCall(TesSeriesTime(s, 0.1 * (PetscReal)step));
      PetscCall(TesSeriesField(s, u));
      PetscCall(TesSeriesField(s, v));
      PetscCall(TesSeriesField(s, w));
      PetscCall(FillField(u, -1)); /* borrowed until observe returns: what was given is what is written */
      PetscCall(TesSeriesEndRow(s, &origin));
    }
    PetscCall(TesSeriesWrite(s, &origin));
    PetscCall(PetscSNPrintf(path, sizeof path, "%s/checkpoint", folder));
    PetscCall(TesCheckpointsCreate(PETSC_COMM_WORLD, path, 2, &c));
    PetscCall(TesCheckpointsSave(c, 30, Describe, s, &origin, NULL, NULL));
    PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields.xmf", folder));
    PetscCall(TesTestBarrier());
    if (TesTestRank() == 0) {
      hid_t        file;
      PetscReal    value[9 * 5 * 4];
      TesStateItem item = {.type = TES_F64, .n_axes = dim, .shape = {dim == 1 ? 6 : dim == 2 ? 5 : 4, dim == 2 ? 6 : 5, 6}, .data = value};

      xml = Slurp(path);
      TES_CHECK_INT(CountOf(xml, "<Time Value="), 6); /* three snapshots on two grids */
      TES_CHECK_INT(CountOf(xml, "<Time Value=\"2\"/>"), 2);
      TES_CHECK_CONTAINS(xml, "Name=\"fine&lt;\"");
      TES_CHECK_INT(CountOf(xml, folder), 0); /* relative: the folder can be moved */
      TES_CHECK_CONTAINS(xml, dim == 1 ? "\"3DRectMesh\" Dimensions=\"1 1 6\"" : dim == 2 ? "\"3DRectMesh\" Dimensions=\"1 5 6\"" : "\"3DRectMesh\" Dimensions=\"4 5 6\"");
      PetscCall(CheckXdmf(folder, xml, 3 * (2 * (int)dim + 4)));
      free(xml);
      PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields/000020.h5", folder));
      PetscCall(TesH5OpenRead(PETSC_COMM_SELF, path, &file));
      PetscCall(TesH5ReadItem(PETSC_COMM_SELF, file, "/fields/u", &item));
      TES_CHECK_NEAR(value[5], 20, 0);
      PetscCall(TesH5Close(&file));
    }
    PetscCall(TesTestBarrier());
    /* go on from the checkpoint, back at step 10: the later snapshots go, and their list is the checkpoint's */
    PetscCall(TesSeriesCreate(PETSC_COMM_WORLD, folder, PETSC_FALSE, &again));
    PetscCall(TesCheckpointsOpen(c, &found, NULL));
    PetscCall(TesCheckpointsRestore(c, Describe, again));
    PetscCall(TesSeriesCutAfter(again, 20));
    PetscCall(TesSeriesWrite(again, &origin));
    PetscCall(TesTestBarrier());
    if (TesTestRank() == 0) {
      PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields/000030.h5", folder));
      TES_CHECK(access(path, F_OK) == -1);
      PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields.xmf", folder));
      xml = Slurp(path);
      PetscCall(CheckXdmf(folder, xml, 2 * (2 * (int)dim + 4)));
      free(xml);
    }
    PetscCall(TesSeriesDestroy(&s));
    PetscCall(TesSeriesDestroy(&again));
    PetscCall(TesCheckpointsDestroy(&c));
    PetscCall(TesFieldDestroy(&u));
    PetscCall(TesFieldDestroy(&v));
    PetscCall(TesFieldDestroy(&w));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a kind that samples first has no rows until it is done; when it takes its sampling up again, those it gave are dropped */
static PetscErrorCode SkippedRowsLeaveNoTrace(void)
{
  TesProvenance origin = {0};
  TesSeries     s;
  char          folder[PETSC_MAX_PATH_LEN];
  PetscReal     x[2] = {0, 0};

  PetscFunctionBegin;
  PetscCall(TesTestFolder(folder, sizeof folder));
  PetscCall(TesSeriesCreate(PETSC_COMM_WORLD, folder, PETSC_FALSE, &s));
  for (PetscInt64 step = 1; step <= 4; step++) {
    PetscCall(TesSeriesBeginRow(s, step, PETSC_FALSE));
    if (step % 2) PetscCall(TesSeriesSkip(s));
    else PetscCall(TesSeriesReal(s, "x", "1", (PetscReal)step));
    PetscCall(TesSeriesEndRow(s, NULL));
  }
  PetscCall(TesSeriesWrite(s, &origin));
  PetscCall(TesTestBarrier());
  PetscCall(ReadColumn(folder, "/observables/x", 2, x));
  TES_CHECK_NEAR(x[0], 2, 0);
  TES_CHECK_NEAR(x[1], 4, 0);
  PetscCall(TesTestBarrier());
  PetscCall(TesSeriesDestroy(&s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ASeriesBegunAfreshHoldsTheLaterRowsOnly(void)
{
  TesProvenance origin = {0};
  TesSeries     s;
  char          folder[PETSC_MAX_PATH_LEN], path[PETSC_MAX_PATH_LEN];

  PetscFunctionBegin;
  PetscCall(TesTestFolder(folder, sizeof folder));
  PetscCall(TesSeriesCreate(PETSC_COMM_WORLD, folder, PETSC_FALSE, &s));
  for (PetscInt64 step = 1; step <= 8; step++) {
    PetscCall(TesSeriesBeginRow(s, step, PETSC_FALSE));
    if (step <= 3 || step == 6) PetscCall(TesSeriesAfresh(s));
    else PetscCall(TesSeriesReal(s, "x", "1", (PetscReal)step));
    PetscCall(TesSeriesEndRow(s, NULL));
    if (step == 2) PetscCall(TesSeriesWrite(s, &origin)); /* without any row */
  }
  PetscCall(TesSeriesWrite(s, &origin));
  PetscCall(TesTestBarrier());
  if (TesTestRank() == 0) {
    hid_t        file;
    PetscBool    found;
    TesType      type;
    int          n_axes;
    PetscInt64   shape[TES_MAX_AXES];
    PetscReal    x[2] = {0, 0};
    TesStateItem item = {.name = "/observables/x", .type = TES_F64, .n_axes = 1, .shape = {2}, .data = x};

    PetscCall(PetscSNPrintf(path, sizeof path, "%s/series.h5", folder));
    PetscCall(TesH5OpenRead(PETSC_COMM_SELF, path, &file));
    PetscCall(TesH5Shape(file, "/observables/x", &found, &type, &n_axes, shape));
    TES_CHECK(found);
    TES_CHECK_INT(shape[0], 2);
    PetscCall(TesH5ReadItem(PETSC_COMM_SELF, file, "/observables/x", &item));
    TES_CHECK_NEAR(x[0], 7, 0);
    TES_CHECK_NEAR(x[1], 8, 0);
    PetscCall(TesH5Close(&file));
  }
  PetscCall(TesTestBarrier());
  PetscCall(TesSeriesDestroy(&s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(SkippedRowsLeaveNoTrace),
  TES_TEST(ASeriesBegunAfreshHoldsTheLaterRowsOnly),
  TES_TEST(FilesHoldWhatWasSaid),
  TES_TEST(ARestartGivesTheFileOfARunThatNeverStopped),
  TES_TEST(SnapshotsAreWrittenCutBackAndPointedAt),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
