/* Expressions on arrays: the bits of one point at a time, however points are dealt out to calls. */
#include "expr_cases.h"

static PetscErrorCode ManyPointsGiveTheBitsOfOnePoint(void)
{
  enum { N = 1700 }; /* several blocks and a remainder */
  PetscReal       *x, *y, *all, *parts, one = 0.3;
  const PetscReal *v[3], *w[3];
  const PetscInt   stride[3] = {1, 0, 0};
  PetscInt         wrong = 0, wrong_row = 0, wrong_parts = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc4(N, &x, N, &y, N, &all, N, &parts));
  for (PetscInt i = 0; i < N; i++) {
    PetscReal p[3];

    Point(i, p);
    x[i] = p[0];
    y[i] = p[1];
  }
  v[0] = w[0] = x;
  v[1] = y;
  w[1] = &one;
  v[2] = w[2] = NULL;
  for (size_t k = 0; k < PETSC_STATIC_ARRAY_LENGTH(everything); k++) {
    TesExpr e = Parsed(everything[k]);

    PetscCall(TesExprEvaluateMany(e, N, v, NULL, all));
    for (PetscInt i = 0; i < N; i++) {
      const PetscReal p[3] = {x[i], y[i], 0}, want = TesExprEvaluate(e, p);

      if (memcmp(&want, &all[i], sizeof want)) wrong++;
    }
    for (PetscInt i = 0, m = 1; i < N; i += m, m = m * 3 % 701 + 1) {
      const PetscReal *at[3] = {x + i, y + i, NULL};

      PetscCall(TesExprEvaluateMany(e, PetscMin(m, N - i), at, NULL, parts + i));
    }
    if (memcmp(all, parts, sizeof(PetscReal) * N)) wrong_parts++;
    PetscCall(TesExprEvaluateMany(e, N, w, stride, all));
    for (PetscInt i = 0; i < N; i++) {
      const PetscReal p[3] = {x[i], one, 0}, want = TesExprEvaluate(e, p);

      if (memcmp(&want, &all[i], sizeof want)) wrong_row++;
    }
    PetscCall(TesExprDestroy(&e));
  }
  TES_CHECK_INT(wrong, 0);
  TES_CHECK_INT(wrong_parts, 0);
  TES_CHECK_INT(wrong_row, 0);
  { /* in place, a plain variable, a constant, and a variable without values */
    TesExpr e = Parsed("x*x + 1"), variable = Parsed("y"), constant = Parsed("2 + 3");

    memcpy(parts, x, sizeof(PetscReal) * N);
    v[0] = parts;
    PetscCall(TesExprEvaluateMany(e, N, v, NULL, parts));
    TES_CHECK_NEAR(parts[N - 1], x[N - 1] * x[N - 1] + 1, 0);
    PetscCall(TesExprEvaluateMany(variable, N, v, NULL, all));
    TES_CHECK(!memcmp(all, y, sizeof(PetscReal) * N));
    PetscCall(TesExprEvaluateMany(constant, N, NULL, NULL, all));
    TES_CHECK_NEAR(all[N - 1], 5, 0);
    v[0] = NULL;
    TES_CHECK_FAILS(TesExprEvaluateMany(e, N, v, NULL, all), PETSC_ERR_ARG_NULL);
    PetscCall(TesExprDestroy(&e));
    PetscCall(TesExprDestroy(&variable));
    PetscCall(TesExprDestroy(&constant));
  }
  PetscCall(PetscFree4(x, y, all, parts));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ManyPointsGiveTheBitsOfOnePoint),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
