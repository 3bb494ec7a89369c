/* Expressions as text: what is written reads back to the same bits; random expressions keep the values that they were composed with. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include "expr_cases.h"

static PetscErrorCode CheckReadsBack(TesExpr e)
{
  TesExpr     again;
  const char *text = TesExprText(e);

  PetscFunctionBegin;
  again = Parsed(text);
  TES_CHECK_TEXT(TesExprText(again), text);
  for (PetscInt i = 0; i < 5; i++) {
    PetscReal v[3], p, q;

    Point(i, v);
    p = TesExprEvaluate(e, v);
    q = TesExprEvaluate(again, v);
    if (!TES_CHECK(!memcmp(&p, &q, sizeof p) || (isnan(p) && isnan(q)))) printf("#   %.17g and %.17g: %s\n", p, q, text);
  }
  PetscCall(TesExprDestroy(&again));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TextReadsBackToTheSameBits(void)
{
  static const char *const tricky[] = {"x - (y - z)", "x - (y + z)", "x/(y*z)", "x/(y/z)", "(x^y)^z", "x^y^z", "(-x)^y", "(-2)^x", "x^(-y)", "2^(-3.5*x)", "-(x + y)", "-(x*y)*z", "1e300*x*1e300*y",
                                       "1e-200*x*(1e-200*y)", "-1e-323*320^y/3^y*-2", "0.1*x*0.3*y/7", "1/0 + x", "0/0*x", "-3/x", "x/-3", "-x/3", "(x - y)*-2", "pi*pi*x", "3*(x + y)*2", "x - -2", "-x - y", "min(x, -y)", "0.1 + 0.2 - x"};

  PetscFunctionBegin;
  for (size_t k = 0; k < PETSC_STATIC_ARRAY_LENGTH(tricky); k++) {
    TesExpr e = Parsed(tricky[k]);

    PetscCall(CheckReadsBack(e));
    PetscCall(TesExprDestroy(&e));
  }
  for (size_t k = 0; k < PETSC_STATIC_ARRAY_LENGTH(everything); k++) {
    TesExpr e = Parsed(everything[k]), d, dd;

    PetscCall(TesExprDerivative(e, 0, &d));
    PetscCall(TesExprDerivative(d, 1, &dd));
    PetscCall(CheckReadsBack(e));
    PetscCall(CheckReadsBack(d));
    PetscCall(CheckReadsBack(dd));
    PetscCall(TesExprDestroy(&e));
    PetscCall(TesExprDestroy(&d));
    PetscCall(TesExprDestroy(&dd));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A random expression: its text, and at one point its value with a bound of the rounding errors, both found without TesExpr. */
typedef struct {
  PetscReal value, error;
} Bounded;

static void Compose(char text[], size_t size, const char format[], ...)
{
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(text, size, format, arguments);
  va_end(arguments);
}

static Bounded RandomText(PetscInt sample, PetscInt *draw, int depth, const PetscReal v[3], char *text, size_t size)
{
  static const PetscReal numbers[] = {0, 1, 2, 0.5, 3, 0.1, 4, 7};
  char                   left[4000], right[4000];
  PetscReal              u[2];
  Bounded                a, b, r;
  int                    kind;

  TesRandomUniform(11, TES_STREAM_TEST, (uint32_t)sample, (uint32_t)(*draw)++, 0, u);
  kind = (int)(u[0] * (depth > 0 ? 14 : 4));
  if (kind < 2) {
    int k = (int)(u[1] * 8);

    Compose(text, size, "%g", (double)numbers[k]);
    return (Bounded){numbers[k], 0};
  }
  if (kind < 4) {
    int k = (int)(u[1] * 3);

    Compose(text, size, "%c", "xyz"[k]);
    return (Bounded){v[k], 0};
  }
  a = RandomText(sample, draw, depth - 1, v, left, sizeof left);
  if (kind == 4) {
    Compose(text, size, "-(%s)", left);
    return (Bounded){-a.value, a.error};
  }
  if (kind == 5) {
    Compose(text, size, "%s(%s)", u[1] < 0.5 ? "sin" : "cos", left);
    return (Bounded){u[1] < 0.5 ? sin(a.value) : cos(a.value), a.error + EPS};
  }
  if (kind == 6) {
    int n = (int)(u[1] * 4);

    Compose(text, size, "(%s)^%d", left, n);
    r = (Bounded){1, 0};
    for (int i = 0; i < n; i++) r = (Bounded){r.value * a.value, PetscAbsReal(r.value) * a.error + PetscAbsReal(a.value) * r.error + a.error * r.error + EPS * PetscAbsReal(r.value * a.value)};
    return r;
  }
  b = RandomText(sample, draw, depth - 1, v, right, sizeof right);
  switch (kind % 4) {
  case 0:
    Compose(text, size, "((%s)+(%s))", left, right);
    r = (Bounded){a.value + b.value, a.error + b.error};
    break;
  case 1:
    Compose(text, size, "((%s)-(%s))", left, right);
    r = (Bounded){a.value - b.value, a.error + b.error};
    break;
  case 2:
    Compose(text, size, "(%s)*(%s)", left, right);
    r = (Bounded){a.value * b.value, PetscAbsReal(a.value) * b.error + PetscAbsReal(b.value) * a.error + a.error * b.error};
    break;
  default:
    Compose(text, size, "((%s)/(%s))", left, right);
    r = (Bounded){a.value / b.value, PETSC_MAX_REAL};
    if (b.error < 1e-3 * PetscAbsReal(b.value)) r.error = 1.01 * (a.error + PetscAbsReal(r.value) * b.error) / PetscAbsReal(b.value);
    break;
  }
  r.error += EPS * PetscAbsReal(r.value);
  return r;
}

static PetscErrorCode RandomExpressionsKeepTheirValues(void)
{
  PetscReal worst = 0;
  PetscInt  compared = 0;

  PetscFunctionBegin;
  for (PetscInt sample = 0; sample < 5000; sample++) {
    char      text[4000];
    PetscReal v[3], ratio;
    PetscInt  draw = 0;
    Bounded   want;
    TesExpr   e, d;

    Point(sample, v);
    want = RandomText(sample, &draw, 5, v, text, sizeof text);
    if (strlen(text) > 2000) continue;
    e = Parsed(text);
    if (!e) continue;
    PetscCall(CheckReadsBack(e));
    PetscCall(TesExprDerivative(e, 0, &d));
    PetscCall(CheckReadsBack(d));
    if (isfinite(want.value) && want.error < 1e-6 * PetscMax(1, PetscAbsReal(want.value))) {
      ratio = PetscAbsReal(TesExprEvaluate(e, v) - want.value) / (want.error + EPS * PetscAbsReal(want.value) + PETSC_MACHINE_EPSILON);
      if (!(ratio <= 8)) printf("#   %.17g, wanted %.17g: %s = %s\n", TesExprEvaluate(e, v), want.value, text, TesExprText(e));
      worst = PetscMax(worst, ratio);
      compared++;
    }
    PetscCall(TesExprDestroy(&d));
    PetscCall(TesExprDestroy(&e));
  }
  printf("# %d random expressions, largest error %.2f of the bound\n", (int)compared, (double)worst);
  TES_CHECK_AT_LEAST(compared, 1500);
  TES_CHECK_AT_MOST(worst, 8); /* merging constants changes the order of a few roundings, not their size */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(TextReadsBackToTheSameBits),
  TES_TEST(RandomExpressionsKeepTheirValues),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
