/* Fields: evaluation against the formula point by point, norms against exact integrals and for every rank count alike, halo rows against the
   global formula, description as a state item. */
#include <math.h>
#include <string.h>
#include <tessera/grid.h>
#include <tessera/random.h>
#include <tessera/test.h>

#define EPS PETSC_MACHINE_EPSILON

static PetscErrorCode Evaluated(TesGrid grid, const char variables[], const char text[], TesField *field)
{
  TesExpr  expr;
  PetscInt column = -1;
  char     message[256] = "";

  PetscFunctionBegin;
  PetscCall(TesFieldCreate(grid, "u", field));
  PetscCall(TesExprParse(text, variables, &expr, &column, message, sizeof message));
  TES_CHECK_TEXT(message, "");
  PetscCall(TesFieldEvaluate(*field, expr));
  PetscCall(TesExprDestroy(&expr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ExpressionsAreEvaluatedAtTheRightPoints(void)
{
  PetscFunctionBegin;
  for (PetscInt dim = 1; dim <= 3; dim++) {
    const TesGridSpec spec = {.dim = dim, .n = {7, 5, 3}, .lower = {-1, 0, 2}, .upper = {1, 3, 5}, .nodes = {TES_NODES_CHEBYSHEV, TES_NODES_UNIFORM, TES_NODES_CELLS}};
    TesGrid           grid;
    TesField          field;
    PetscReal        *u, worst = 0;
    const PetscReal  *x[3];
    PetscInt64        at = 0, n[3] = {1, 1, 1};

    PetscCall(TesGridCreate(PETSC_COMM_WORLD, &spec, &grid));
    PetscCall(Evaluated(grid, "x y z t", dim == 1 ? "sin(3*x) + x" : dim == 2 ? "sin(3*x)*y + x" : "sin(3*x)*y + x*exp(z)", &field));
    PetscCall(TesFieldGetArray(field, &u));
    for (PetscInt d = 0; d < dim; d++) {
      x[d] = TesGridGetCoordinates(grid, d);
      n[d] = d == dim - 1 ? TesGridGetPartition(grid)->n_local : spec.n[d];
    }
    x[dim - 1] += TesGridGetPartition(grid)->first;
    for (PetscInt64 k = 0; k < n[2]; k++)
      for (PetscInt64 j = 0; j < n[1]; j++)
        for (PetscInt64 i = 0; i < n[0]; i++, at++) {
          const PetscReal want = sin(3 * x[0][i]) * (dim > 1 ? x[1][j] : 1) + x[0][i] * (dim > 2 ? exp(x[2][k]) : 1);

          worst = PetscMax(worst, fabs(u[at] - want));
        }
    TES_CHECK_INT(at, TesGridLocalSize(grid));
    TES_CHECK_AT_MOST(worst, 0); /* the same operations */
    PetscCall(TesFieldRestoreArray(field, &u));
    PetscCall(TesFieldDestroy(&field));
    PetscCall(TesGridDestroy(&grid));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WhatCannotBeEvaluatedIsRefused(void)
{
  const TesGridSpec spec = {.dim = 2, .n = {4, 4}, .upper = {1, 1}}, two = {.dim = 2, .n = {4, 4}, .upper = {1, 1}, .components = 2};
  TesGrid           grid, vectors;
  TesField          field, vector;
  TesExpr           expr;
  PetscInt          column;
  PetscReal        *u, *v;

  PetscFunctionBegin;
  PetscCall(TesGridCreate(PETSC_COMM_WORLD, &spec, &grid));
  PetscCall(TesGridCreate(PETSC_COMM_WORLD, &two, &vectors));
  PetscCall(TesFieldCreate(grid, "u", &field));
  PetscCall(TesFieldCreate(vectors, "v", &vector));
  PetscCall(TesExprParse("x*t", "x y t", &expr, &column, NULL, 0));
  TES_CHECK_FAILS(TesFieldEvaluate(field, expr), PETSC_ERR_ARG_WRONG);
  TES_CHECK_FAILS(TesFieldEvaluate(vector, expr), PETSC_ERR_ARG_WRONG);
  PetscCall(TesFieldGetArray(field, &u));
  TES_CHECK_FAILS(TesFieldGetArray(field, &v), PETSC_ERR_ARG_WRONGSTATE);
  PetscCall(TesFieldRestoreArray(field, &u));
  TES_CHECK_FAILS(TesFieldRestoreArray(field, &u), PETSC_ERR_ARG_WRONGSTATE);
  PetscCall(TesExprDestroy(&expr));
  PetscCall(TesFieldDestroy(&field));
  PetscCall(TesFieldDestroy(&vector));
  PetscCall(TesFieldDestroy(&vector));
  PetscCall(TesGridDestroy(&grid));
  PetscCall(TesGridDestroy(&vectors));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NormsAreThoseOfTheIntegral(void)
{
  const TesGridSpec spec = {.dim = 2, .n = {24, 32}, .upper = {2, 2 * PETSC_PI}, .nodes = {TES_NODES_CHEBYSHEV, TES_NODES_UNIFORM}, .periodic = {PETSC_FALSE, PETSC_TRUE}};
  TesGrid           grid;
  TesField          field;
  PetscReal         norm;

  PetscFunctionBegin;
  /* both rules are exact here: int_0^2 x^6 dx int_0^2pi sin^2(3 y) dy = 128/7 pi */
  PetscCall(TesGridCreate(PETSC_COMM_WORLD, &spec, &grid));
  PetscCall(Evaluated(grid, "x y", "x^3*sin(3*y)", &field));
  PetscCall(TesFieldNorm(field, PETSC_TRUE, &norm));
  TES_CHECK_NEAR(norm, sqrt(128.0 / 7 * PETSC_PI), 16 * EPS * norm);
  PetscCall(TesFieldDestroy(&field));
  PetscCall(Evaluated(grid, "x y", "-2.5", &field));
  PetscCall(TesFieldNorm(field, PETSC_FALSE, &norm));
  TES_CHECK_NEAR(norm, 2.5, 4 * EPS);
  PetscCall(TesFieldNormMax(field, &norm));
  TES_CHECK_NEAR(norm, 2.5, 0);
  { /* a NaN anywhere is not passed over */
    const TesPartition *part = TesGridGetPartition(grid);
    PetscReal          *u;

    PetscCall(TesFieldGetArray(field, &u));
    if (part->first <= 11 && 11 < part->first + part->n_local) u[(11 - part->first) * 24 + 5] = (PetscReal)NAN;
    PetscCall(TesFieldRestoreArray(field, &u));
    PetscCall(TesFieldNormMax(field, &norm));
    TES_CHECK(isnan(norm));
    PetscCall(TesFieldNorm(field, PETSC_TRUE, &norm));
    TES_CHECK(isnan(norm));
  }
  PetscCall(TesFieldDestroy(&field));
  PetscCall(TesGridDestroy(&grid));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FillRandom(TesField field)
{
  const TesGrid       grid = TesFieldGrid(field);
  const TesPartition *part = TesGridGetPartition(grid);
  const PetscInt64    row  = part->n_local ? TesGridLocalSize(grid) / part->n_local : 0;
  PetscReal          *u, pair[2];

  PetscFunctionBegin;
  PetscCall(TesFieldGetArray(field, &u));
  for (PetscInt64 k = 0; k < part->n_local; k++)
    for (PetscInt64 i = 0; i < row; i++) {
      TesRandomNormal(5, TES_STREAM_TEST, (uint32_t)(part->first + k), (uint32_t)i, 0, pair);
      u[k * row + i] = pair[0];
    }
  PetscCall(TesFieldRestoreArray(field, &u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NormsHaveTheSameBitsOnOneRank(void)
{
  PetscFunctionBegin;
  for (PetscInt dim = 1; dim <= 3; dim++) {
    for (PetscInt64 unit = 1; unit <= 3; unit += 2) {
      const TesGridSpec spec = {.dim = dim, .n = {dim == 1 ? 1000 : 13, dim == 2 ? 37 : 9, 23}, .upper = {1, 2, 3}, .nodes = {TES_NODES_CHEBYSHEV, TES_NODES_UNIFORM, TES_NODES_CELLS}, .unit = unit, .components = dim};
      PetscReal         norm[2][3];

      for (int alone = 0; alone < 2; alone++) {
        TesGrid  grid;
        TesField field;

        PetscCall(TesGridCreate(alone ? PETSC_COMM_SELF : PETSC_COMM_WORLD, &spec, &grid));
        PetscCall(TesFieldCreate(grid, "u", &field));
        PetscCall(FillRandom(field));
        PetscCall(TesFieldNorm(field, PETSC_TRUE, &norm[alone][0]));
        PetscCall(TesFieldNorm(field, PETSC_FALSE, &norm[alone][1]));
        PetscCall(TesFieldNormMax(field, &norm[alone][2]));
        PetscCall(TesFieldDestroy(&field));
        PetscCall(TesGridDestroy(&grid));
      }
      TES_CHECK(!memcmp(norm[0], norm[1], sizeof norm[0]));
      TES_CHECK_NEAR(norm[0][1], 1, 0.1); /* standard normals: 1 +- 1/sqrt(2 * 962) at the smallest sample */
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* what row g of the slowest dimension holds, in the halo tests */
static PetscReal RowValue(PetscInt64 g, PetscInt64 i)
{
  return (PetscReal)(1000 * g + i + 1);
}

static PetscErrorCode HaloRowsAreThoseOfTheNeighbours(void)
{
  static const PetscInt64 rows[] = {1, 2, 5, 12};

  PetscFunctionBegin;
  for (int s = 0; s < 4; s++) {
    for (int periodic = 0; periodic < 2; periodic++) {
      const TesGridSpec   spec = {.dim = 2, .n = {3, rows[s]}, .upper = {1, 1}, .nodes = {TES_NODES_CELLS, TES_NODES_CELLS}, .periodic = {PETSC_FALSE, (PetscBool)periodic}, .components = 2};
      const PetscInt64    n = rows[s], row = 6;
      const TesPartition *part;
      TesGrid             grid;
      TesField            field;
      PetscReal          *u, *halo[2];
      PetscInt            wrong = 0;

      PetscCall(TesGridCreate(PETSC_COMM_WORLD, &spec, &grid));
      PetscCall(TesFieldCreate(grid, "u", &field));
      part = TesGridGetPartition(grid);
      PetscCall(TesFieldGetArray(field, &u));
      for (PetscInt64 k = 0; k < part->n_local; k++)
        for (PetscInt64 i = 0; i < row; i++) u[k * row + i] = RowValue(part->first + k, i);
      PetscCall(TesFieldRestoreArray(field, &u));
      for (PetscInt width = 0; width <= 14; width = 2 * width + 1) { /* 0, 1, 3, 7: past several owners, around the period more than once */
        PetscCall(PetscMalloc2(width * row + 1, &halo[0], width * row + 1, &halo[1]));
        for (PetscInt64 i = 0; i < width * row; i++) halo[0][i] = halo[1][i] = -1;
        PetscCall(TesFieldHalo(field, width, halo[0], halo[1]));
        for (int side = 0; side < 2; side++)
          for (PetscInt64 k = 0; k < width; k++) {
            PetscInt64 g = side ? part->first + part->n_local + k : part->first - width + k;

            if (periodic) g = ((g % n) + n) % n;
            for (PetscInt64 i = 0; i < row; i++)
              if (halo[side][k * row + i] != (g < 0 || g >= n ? 0 : RowValue(g, i))) wrong++;
          }
        PetscCall(PetscFree2(halo[0], halo[1]));
      }
      TES_CHECK_INT(wrong, 0);
      PetscCall(TesFieldDestroy(&field));
      PetscCall(TesGridDestroy(&grid));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AFieldDescribesItselfAsAStateItem(void)
{
  const TesGridSpec spec = {.dim = 3, .n = {4, 5, 6}, .upper = {1, 1, 1}, .components = 2};
  TesGrid           grid;
  TesField          field;
  TesStateItem      item;
  TesState          measure;
  PetscInt64        bytes, local;
  PetscInt          items;

  PetscFunctionBegin;
  PetscCall(TesGridCreate(PETSC_COMM_WORLD, &spec, &grid));
  PetscCall(TesFieldCreate(grid, "velocity", &field));
  PetscCall(TesFieldSetAttributes(field, "m/s", "flow velocity"));
  PetscCall(TesFieldItem(field, &item));
  TES_CHECK_TEXT(item.name, "velocity");
  TES_CHECK_TEXT(item.unit, "m/s");
  TES_CHECK_TEXT(item.axes, "z y x component");
  TES_CHECK_INT(item.n_axes, 4);
  TES_CHECK(item.shape[0] == 6 && item.shape[1] == 5 && item.shape[2] == 4 && item.shape[3] == 2);
  TES_CHECK(item.distributed && item.first == TesGridGetPartition(grid)->first && item.n_local == TesGridGetPartition(grid)->n_local);
  PetscCall(TesStateCreateMeasure(PETSC_COMM_WORLD, &measure));
  PetscCall(TesStateField(measure, "u", field));
  PetscCall(TesStateMeasureResult(measure, &bytes, &local, &items));
  TES_CHECK_INT(bytes, 240 * 8);
  TES_CHECK_INT(local, TesGridLocalSize(grid) * 8);
  TES_CHECK_INT(items, 1);
  PetscCall(TesStateDestroySimple(&measure));
  PetscCall(TesFieldDestroy(&field));
  PetscCall(TesGridDestroy(&grid));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ExpressionsAreEvaluatedAtTheRightPoints),
  TES_TEST(WhatCannotBeEvaluatedIsRefused),
  TES_TEST(NormsAreThoseOfTheIntegral),
  TES_TEST(NormsHaveTheSameBitsOnOneRank),
  TES_TEST(HaloRowsAreThoseOfTheNeighbours),
  TES_TEST(AFieldDescribesItselfAsAStateItem),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
