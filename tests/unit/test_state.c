/* The visitors of core: the scan finds the first value that is not finite and names it; sizes are counted; the fault is put where it was asked. */
#include <math.h>
#include <tessera/state.h>
#include <tessera/test.h>

typedef struct {
  TesPartition part;
  PetscReal    time, list[3];
  PetscInt     step;
  PetscReal   *rows; /* [n_local][2] */
} Toy;

static PetscErrorCode ToyState(Toy *toy, TesState state)
{
  PetscFunctionBegin;
  PetscCall(TesStateIndex(state, "step", &toy->step));
  PetscCall(TesStateReal(state, "time", &toy->time));
  PetscCall(TesStatePush(state, "inner"));
  PetscCall(TesStateReals(state, "list", 3, toy->list));
  PetscCall(TesStateRows(state, "rows", TES_F64, &toy->part, 2, toy->rows));
  PetscCall(TesStatePop(state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ToyCreate(Toy *toy)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(toy, sizeof *toy));
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, 7, 1, &toy->part));
  PetscCall(PetscCalloc1(2 * toy->part.n_local + 1, &toy->rows));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Find(Toy *toy, TesNotFinite *finding)
{
  TesState scan;

  PetscFunctionBegin;
  PetscCall(TesStateCreateScan(PETSC_COMM_WORLD, &scan));
  PetscCall(ToyState(toy, scan));
  PetscCall(TesStateScanResult(scan, finding));
  PetscCall(TesStateDestroySimple(&scan));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ScanNamesFieldAndGlobalIndexOnAllRanks(void)
{
  Toy          toy;
  TesNotFinite finding;

  PetscFunctionBegin;
  PetscCall(ToyCreate(&toy));
  PetscCall(Find(&toy, &finding));
  TES_CHECK(!finding.found);
  for (PetscInt64 row = 0; row < 7; row++) {
    if (row >= toy.part.first && row < toy.part.first + toy.part.n_local) toy.rows[2 * (row - toy.part.first) + 1] = INFINITY;
    if (row > 3 && row - 1 >= toy.part.first && row - 1 < toy.part.first + toy.part.n_local) toy.rows[2 * (row - 1 - toy.part.first) + 1] = NAN;
  }
  PetscCall(Find(&toy, &finding));
  TES_CHECK(finding.found);
  TES_CHECK_TEXT(finding.name, "inner/rows");
  TES_CHECK_INT(finding.n_axes, 2);
  TES_CHECK_INT(finding.index[0], 0);
  TES_CHECK_INT(finding.index[1], 1);
  toy.list[2] = NAN; /* an item named earlier wins */
  PetscCall(Find(&toy, &finding));
  TES_CHECK_TEXT(finding.name, "inner/list");
  TES_CHECK_INT(finding.index[0], 2);
  PetscCall(PetscFree(toy.rows));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MeasureCountsGlobalAndLocalBytes(void)
{
  Toy        toy;
  TesState   measure;
  PetscInt64 all, mine;
  PetscInt   items;

  PetscFunctionBegin;
  PetscCall(ToyCreate(&toy));
  PetscCall(TesStateCreateMeasure(PETSC_COMM_WORLD, &measure));
  PetscCall(ToyState(&toy, measure));
  PetscCall(TesStateMeasureResult(measure, &all, &mine, &items));
  TES_CHECK_INT(all, 8 + 8 + 24 + 7 * 16);
  TES_CHECK_INT(mine, 8 + 8 + 24 + toy.part.n_local * 16);
  TES_CHECK_INT(items, 4);
  PetscCall(TesStateDestroySimple(&measure));
  PetscCall(PetscFree(toy.rows));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PoisonIsFoundByTheScan(void)
{
  Toy          toy;
  TesState     poison;
  TesNotFinite finding;

  PetscFunctionBegin;
  PetscCall(ToyCreate(&toy));
  PetscCall(TesStateCreatePoison(PETSC_COMM_WORLD, 0, &poison));
  PetscCall(ToyState(&toy, poison));
  PetscCall(TesStateDestroySimple(&poison));
  PetscCall(Find(&toy, &finding));
  TES_CHECK_TEXT(finding.name, "time");
  TES_CHECK_INT(finding.n_axes, 0);
  PetscCall(PetscFree(toy.rows));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {TES_TEST(ScanNamesFieldAndGlobalIndexOnAllRanks), TES_TEST(MeasureCountsGlobalAndLocalBytes), TES_TEST(PoisonIsFoundByTheScan), TES_TESTS_END};
TES_TEST_MAIN(tests)
