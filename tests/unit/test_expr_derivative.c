/* Derivatives of expressions against central differences and closed forms. */
#include <math.h>
#include <stdio.h>
#include "expr_cases.h"

static PetscErrorCode DerivativesAgreeWithCentralDifferences(void)
{
  const PetscReal h = 1e-4;

  PetscFunctionBegin;
  for (size_t k = 0; k < PETSC_STATIC_ARRAY_LENGTH(everything); k++) {
    TesExpr e = Parsed(everything[k]);

    for (PetscInt which = 0; which < 2; which++) {
      TesExpr   d1, d2;
      PetscReal worst1 = 0, worst2 = 0;

      PetscCall(TesExprDerivative(e, which, &d1));
      PetscCall(TesExprDerivative(d1, which, &d2));
      for (PetscInt i = 0; i < 10; i++) {
        PetscReal v[3], f[5], c, first, second;

        Point(i, v);
        c = v[which];
        for (int s = -2; s <= 2; s++) {
          v[which] = c + s * h;
          f[s + 2] = TesExprEvaluate(e, v);
        }
        v[which] = c;
        first    = (f[0] - 8 * f[1] + 8 * f[3] - f[4]) / (12 * h); /* fourth order: h^4 f5 / 30 + eps/h: 1e-11 here */
        second   = (-f[0] + 16 * f[1] - 30 * f[2] + 16 * f[3] - f[4]) / (12 * h * h);
        worst1   = PetscMax(worst1, PetscAbsReal(TesExprEvaluate(d1, v) - first) / PetscMax(1, PetscAbsReal(first)));
        worst2   = PetscMax(worst2, PetscAbsReal(TesExprEvaluate(d2, v) - second) / PetscMax(1, PetscAbsReal(second)));
      }
      /* truncation: h^4 f5/30 <= 1e-16 * 1e7 (the steepest of the list), rounding: 1.5 eps |f| / h = 1e-11, and 5 eps |f| / h^2 = 1e-7 */
      if (!TES_CHECK_AT_MOST(worst1, 1e-9)) printf("#   first derivative %d of %s = %s\n", (int)which, everything[k], TesExprText(d1));
      if (!TES_CHECK_AT_MOST(worst2, 1e-5)) printf("#   second derivative %d of %s = %s\n", (int)which, everything[k], TesExprText(d2));
      PetscCall(TesExprDestroy(&d1));
      PetscCall(TesExprDestroy(&d2));
    }
    PetscCall(TesExprDestroy(&e));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DerivativesHaveTheirClosedForms(void)
{
  static const struct {
    const char *text, *derivative;
  } cases[] = {{"x^2", "2*x"},
               {"x^3", "3*x^2"},
               {"5*x + y", "5"},
               {"y", "0"},
               {"sin(100*x)", "100*cos(100*x)"},
               {"exp(-3*x)", "-3*exp(-3*x)"},
               {"log(x)", "1/x"},
               {"1/x", "-(1/x/x)"},
               {"x*x", "2*x"},
               {"-x", "-1"},
               {"y*x - x*y", "0"},
               {"sin(100*x)*sin(100*y)", "100*cos(100*x)*sin(100*y)"},
               {"cos(-2*x)", "-2*sin(2*x)"},
               {"x/4", "0.25"},
               {"x^y", "y*x^(y - 1)"},
               {"y^x", "y^x*log(y)"}};

  PetscFunctionBegin;
  for (size_t k = 0; k < PETSC_STATIC_ARRAY_LENGTH(cases); k++) {
    TesExpr e = Parsed(cases[k].text), d;

    PetscCall(TesExprDerivative(e, 0, &d));
    TES_CHECK_TEXT(TesExprText(d), cases[k].derivative);
    PetscCall(TesExprDestroy(&d));
    PetscCall(TesExprDestroy(&e));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LaplacianOfAModeIsAMultipleOfTheMode(void)
{
  TesExpr   u = Parsed("sin(100*x)*sin(100*y)"), d, xx, yy, laplacian, beyond;
  PetscReal worst = 0;

  PetscFunctionBegin;
  PetscCall(TesExprDerivative(u, 0, &d));
  PetscCall(TesExprDerivative(d, 0, &xx));
  PetscCall(TesExprDestroy(&d));
  PetscCall(TesExprDerivative(u, 1, &d));
  PetscCall(TesExprDerivative(d, 1, &yy));
  PetscCall(TesExprDestroy(&d));
  PetscCall(TesExprCombine('+', xx, yy, &laplacian));
  TES_CHECK_TEXT(TesExprText(laplacian), "-20000*sin(100*x)*sin(100*y)");
  for (PetscInt i = 0; i < 100; i++) {
    PetscReal v[3];

    Point(i, v);
    worst = PetscMax(worst, PetscAbsReal(TesExprEvaluate(laplacian, v) + 20000 * (sin(100 * v[0]) * sin(100 * v[1]))));
  }
  TES_CHECK_AT_MOST(worst / 20000, EPS);
  /* the trace on x = 0 */
  PetscCall(TesExprConstant(0, "x y z", &d));
  PetscCall(TesExprSubstitute(u, 0, d, &beyond));
  TES_CHECK_TEXT(TesExprText(beyond), "0");
  TES_CHECK(!TesExprUses(beyond, 1));
  PetscCall(TesExprDestroy(&d));
  PetscCall(TesExprDestroy(&beyond));
  PetscCall(TesExprDestroy(&xx));
  PetscCall(TesExprDestroy(&yy));
  PetscCall(TesExprDestroy(&laplacian));
  PetscCall(TesExprDestroy(&u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(DerivativesAgreeWithCentralDifferences),
  TES_TEST(DerivativesHaveTheirClosedForms),
  TES_TEST(LaplacianOfAModeIsAMultipleOfTheMode),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
