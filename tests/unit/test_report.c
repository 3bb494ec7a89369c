/* Report and result file: what a kind says is in result.h5 with its attributes, and the table from the file is the table of the run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <tessera/grid.h>
#include <tessera/io.h>
#include <tessera/test.h>

static PetscErrorCode Fill(TesReport r, PetscBool failed)
{
  PetscFunctionBegin;
  PetscCall(TesReportReal(r, "relative_l2", 3.1e-9,
                          &(TesFigureNote){.unit = "1", .help = "distance from the truth", .has_reference = PETSC_TRUE, .reference = 2e-8, .source = "paper, table 2", .scale = 1, .certified = PETSC_TRUE}));
  PetscCall(TesReportReal(r, "a_speed", 12345.678, &(TesFigureNote){.unit = "1/s", .timing = PETSC_TRUE}));
  PetscCall(TesReportInt(r, "iterations", (PetscInt64)1 << 40, NULL));
  PetscCall(TesReportText(r, "outcome", "converged", NULL));
  PetscCall(TesReportReal(r, "residual", 1, NULL));
  PetscCall(TesReportReal(r, "residual", 2.5, &(TesFigureNote){.unit = "N/m\xc2\xb2", .failed = failed})); /* said again: replaced */
  PetscCall(TesReportSay(r, "stopped after %d rounds", 7));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static TesProvenance Origin(void)
{
  static const TesPhaseTime phases[2] = {{"setup", 1, 0.1, 0.2, 0.3}, {"solve", 9, 1, 2, 3}};

  return (TesProvenance){.kind = "toy", .deck = "problem: toy\n", .reference = "A paper", .seed = 11, .ranks = 2, .step = 42, .n_phases = 2, .phases = phases};
}

static PetscErrorCode TheTableFromTheFileIsTheTableOfTheRun(void)
{
  char      path[PETSC_MAX_PATH_LEN], *table, *from_file;
  TesReport r;
  PetscBool failed, found;
  PetscReal value = 0;

  PetscFunctionBegin;
  PetscCall(TesTestPath("table.h5", path, sizeof path));
  for (int round = 0; round < 2; round++) {
    TesProvenance origin = Origin();

    PetscCall(TesReportCreate(PETSC_COMM_WORLD, &r));
    PetscCall(Fill(r, (PetscBool)round));
    PetscCall(TesReportTable(r, &table));
    PetscCall(TesReportWrite(r, path, &origin));
    PetscCall(TesReportTableFromFile(PETSC_COMM_WORLD, path, &from_file, &failed));
    TES_CHECK_TEXT(from_file, table);
    TES_CHECK(failed == (PetscBool)round);
    PetscCall(TesReportFailed(r, &failed));
    TES_CHECK(failed == (PetscBool)round);
    TES_CHECK_TEXT(table, round ? "figure       value          unit  reference  source\n"
                                  "relative_l2  3.1e-09              2e-08      paper, table 2  certified\n"
                                  "a_speed      12345.7        1/s\n"
                                  "iterations   1099511627776\n"
                                  "outcome      converged\n"
                                  "residual     2.5            N/m\xc2\xb2                             MISSED ITS TARGET\n"
                                  "stopped after 7 rounds\n"
                                : "figure       value          unit  reference  source\n"
                                  "relative_l2  3.1e-09              2e-08      paper, table 2  certified\n"
                                  "a_speed      12345.7        1/s\n"
                                  "iterations   1099511627776\n"
                                  "outcome      converged\n"
                                  "residual     2.5            N/m\xc2\xb2\n"
                                  "stopped after 7 rounds\n");
    PetscCall(PetscFree(table));
    PetscCall(PetscFree(from_file));
    PetscCall(TesReportFind(r, "iterations", &found, &value));
    TES_CHECK(found);
    TES_CHECK_NEAR(value, 1099511627776.0, 0);
    PetscCall(TesReportFind(r, "outcome", &found, &value));
    TES_CHECK(!found);
    PetscCall(TesReportDestroy(&r));
  }
  TES_CHECK_FAILS(TesReportTableFromFile(PETSC_COMM_WORLD, "/no/such/result.h5", &table, &failed), TES_ERR_WORLD);
  PetscCall(TesReportCreate(PETSC_COMM_WORLD, &r));
  PetscCall(TesReportTable(r, &table)); /* of nothing */
  TES_CHECK_TEXT(table, "");
  PetscCall(PetscFree(table));
  PetscCall(TesReportDestroy(&r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FiguresCarryTheirAttributes(void)
{
  char          path[PETSC_MAX_PATH_LEN], *text;
  TesReport     r;
  TesProvenance origin = Origin();
  hid_t         file;
  PetscBool     found;
  PetscReal     value = 0;
  PetscInt64    flag  = -1, spectrum[3] = {3, 1, 2}, back[3], step = 0;
  TesStateItem  item = {.name = "spectrum/x/index", .type = TES_I64, .n_axes = 1, .shape = {3}, .data = spectrum, .unit = "1"};

  PetscFunctionBegin;
  PetscCall(TesTestPath("attributes.h5", path, sizeof path));
  PetscCall(TesReportCreate(PETSC_COMM_WORLD, &r));
  PetscCall(Fill(r, PETSC_FALSE));
  PetscCall(TesReportArray(r, &item, 0.125));
  PetscCall(TesReportWrite(r, path, &origin));
  PetscCall(TesReportDestroy(&r));
  PetscCall(TesH5OpenRead(PETSC_COMM_WORLD, path, &file));
  PetscCall(TesH5ReadAttributeText(file, "/report/relative_l2", "source", &found, &text));
  TES_CHECK_TEXT(text, "paper, table 2");
  PetscCall(PetscFree(text));
  PetscCall(TesH5ReadAttributeReal(file, "/report/relative_l2", "reference", &found, &value));
  TES_CHECK_NEAR(value, 2e-8, 0);
  PetscCall(TesH5ReadAttributeReal(file, "/report/relative_l2", "scale", &found, &value));
  TES_CHECK_NEAR(value, 1, 0);
  PetscCall(TesH5ReadAttributeInt(file, "/report/relative_l2", "certified", &found, &flag));
  TES_CHECK_INT(flag, 1);
  PetscCall(TesH5ReadAttributeInt(file, "/report/residual", "certified", &found, &flag));
  TES_CHECK_INT(flag, 0);
  PetscCall(TesH5ReadAttributeInt(file, "/report/a_speed", "timing", &found, &flag));
  TES_CHECK_INT(flag, 1);
  PetscCall(TesH5ReadText(file, "/report/outcome", &found, &text));
  TES_CHECK_TEXT(text, "converged");
  PetscCall(PetscFree(text));
  item.data = back;
  PetscCall(TesH5ReadItem(PETSC_COMM_WORLD, file, "/spectrum/x/index", &item));
  TES_CHECK(!memcmp(back, spectrum, sizeof back));
  PetscCall(TesH5ReadAttributeReal(file, "/spectrum/x/index", "scale", &found, &value));
  TES_CHECK_NEAR(value, 0.125, 0);
  item = (TesStateItem){.type = TES_I64, .data = &step};
  PetscCall(TesH5ReadItem(PETSC_COMM_WORLD, file, "/provenance/step", &item));
  TES_CHECK_INT(step, 42);
  PetscCall(TesH5ReadText(file, "/provenance/phases/names", &found, &text));
  TES_CHECK_TEXT(text, "setup\nsolve");
  PetscCall(PetscFree(text));
  PetscCall(TesH5ReadText(file, "/provenance/deck_hash", &found, &text));
  TES_CHECK_INT(strlen(text), 16);
  PetscCall(PetscFree(text));
  PetscCall(TesH5Close(&file));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Published values of 64-bit FNV-1a (Fowler, Noll, Vo: test vectors of the definition). */
static PetscErrorCode TheHashIsFnv1a(void)
{
  char hex[17];

  PetscFunctionBegin;
  TesHashText("", hex);
  TES_CHECK_TEXT(hex, "cbf29ce484222325");
  TesHashText("a", hex);
  TES_CHECK_TEXT(hex, "af63dc4c8601ec8c");
  TesHashText("foobar", hex);
  TES_CHECK_TEXT(hex, "85944171f73967e8");
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FieldsComeWithCoordinatesAndXdmf(void)
{
  char          path[PETSC_MAX_PATH_LEN], folder[PETSC_MAX_PATH_LEN], *text;
  TesReport     r;
  TesGrid       grid;
  TesField      u;
  TesGridSpec   spec   = {.dim = 2, .n = {6, 5}, .upper = {1, 2}};
  TesProvenance origin = Origin();
  PetscReal    *values, x[6] = {0}, all[30], scale = 0;
  PetscInt64    first, wrong = 0;
  hid_t         file;
  PetscBool     found;
  TesStateItem  item;

  PetscFunctionBegin;
  PetscCall(TesTestPath("run", folder, sizeof folder));
  PetscCall(TesMakeFolder(folder));
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/result.h5", folder));
  PetscCall(TesGridCreate(PETSC_COMM_WORLD, &spec, &grid));
  PetscCall(TesFieldCreate(grid, "u", &u));
  first = TesGridGetPartition(grid)->first * 6;
  PetscCall(TesFieldGetArray(u, &values));
  for (PetscInt64 i = 0; i < TesGridLocalSize(grid); i++) values[i] = (PetscReal)(first + i);
  PetscCall(TesFieldRestoreArray(u, &values));
  PetscCall(TesReportCreate(PETSC_COMM_WORLD, &r));
  PetscCall(TesReportField(r, u, 4.5));
  PetscCall(TesReportWrite(r, path, &origin));
  PetscCall(TesReportDestroy(&r));
  PetscCall(TesFieldDestroy(&u));
  PetscCall(TesGridDestroy(&grid));
  PetscCall(TesH5OpenRead(PETSC_COMM_WORLD, path, &file));
  item = (TesStateItem){.type = TES_F64, .n_axes = 2, .shape = {5, 6}, .data = all};
  PetscCall(TesH5ReadItem(PETSC_COMM_WORLD, file, "/fields/u", &item));
  for (int i = 0; i < 30; i++) wrong += all[i] != (PetscReal)i;
  TES_CHECK_INT(wrong, 0);
  item = (TesStateItem){.type = TES_F64, .n_axes = 1, .shape = {6}, .data = x};
  PetscCall(TesH5ReadItem(PETSC_COMM_WORLD, file, "/coordinates/x", &item));
  TES_CHECK_NEAR(x[5], 1, 1e-15); /* one rounding of the upper end */
  PetscCall(TesH5ReadAttributeText(file, "/fields/u", "coordinates", &found, &text));
  TES_CHECK_TEXT(text, "/coordinates");
  PetscCall(PetscFree(text));
  PetscCall(TesH5ReadAttributeReal(file, "/fields/u", "scale", &found, &scale));
  TES_CHECK_NEAR(scale, 4.5, 0);
  PetscCall(TesH5Close(&file));
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/fields.xmf", folder));
  TES_CHECK(access(path, R_OK) == 0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode VersionsAreNamed(void)
{
  char *text;

  PetscFunctionBegin;
  PetscCall(TesVersionText(&text));
  TES_CHECK_CONTAINS(text, "PETSc");
  TES_CHECK_CONTAINS(text, "HDF5             1.");
  TES_CHECK_CONTAINS(text, "FFTW             fftw-3");
  TES_CHECK_CONTAINS(text, "instruction set");
  PetscCall(PetscFree(text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(TheTableFromTheFileIsTheTableOfTheRun),
  TES_TEST(FiguresCarryTheirAttributes),
  TES_TEST(TheHashIsFnv1a),
  TES_TEST(FieldsComeWithCoordinatesAndXdmf),
  TES_TEST(VersionsAreNamed),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
