/* Expressions: values against the C library, combinations and compositions, messages with their column, hostile and repetitive texts. */
#include <math.h>
#include <stdio.h>
#include "expr_cases.h"

static PetscErrorCode ValuesAreThoseOfTheCLibrary(void)
{
#define CASES(X) \
  X("x + y*z - 2", x + y * z - 2) X("x - y - z", x - y - z) X("x/y/z", x / y / z) X("-x^2", -(x * x)) X("2^3^2*x", 512 * x) X("x**3", x * (x * x)) \
  X("x^-2", 1 / (x * x)) X("(x + y)*(x - z)", (x + y) * (x - z)) X("1e-3*x + .5 + 2.E1", 1e-3 * x + .5 + 20) X("pi*x", PETSC_PI * x) \
  X("sin(x)", sin(x)) X("cos(x)", cos(x)) X("tan(x)", tan(x)) X("asin(x)", asin(x)) X("acos(x)", acos(x)) X("atan(x)", atan(x)) X("sinh(x)", sinh(x)) \
  X("cosh(x)", cosh(x)) X("tanh(x)", tanh(x)) X("exp(x)", exp(x)) X("log(x)", log(x)) X("sqrt(x)", sqrt(x)) X("abs(x - y)", fabs(x - y)) \
  X("sign(x - y)", x > y ? 1.0 : -1.0) X("step(x - y)", x >= y ? 1.0 : 0.0) X("erf(x)", erf(x)) X("min(x, y)", fmin(x, y)) X("max(x, y)", fmax(x, y)) \
  X("pow(x, y)", pow(x, y)) X("x^y", pow(x, y)) X("atan2(x, y)", atan2(x, y)) X("x^0.5", sqrt(x)) X("x^100", pow(x, 100)) X(" - - x ", x) X("+x*-y", -(x * y)) \
  X("2^-x", pow(2, -x)) X("sin(100*x)*sin(100*y)", sin(100 * x) * sin(100 * y))
#define VALUE(text, formula) {text, (formula)},
  PetscReal worst = 0;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < 20; i++) {
    PetscReal v[3], x, y, z;

    Point(i, v);
    x = v[0], y = v[1], z = v[2];
    {
      const struct {
        const char *text;
        PetscReal   want;
      } cases[] = {CASES(VALUE)};

      for (size_t k = 0; k < PETSC_STATIC_ARRAY_LENGTH(cases); k++) {
        TesExpr   e   = Parsed(cases[k].text);
        PetscReal got = TesExprEvaluate(e, v);

        worst = PetscMax(worst, PetscAbsReal(got - cases[k].want) / PetscMax(1, PetscAbsReal(cases[k].want)));
        if (i == 0) TES_CHECK_NEAR(got, cases[k].want, 4 * EPS * PetscMax(1, PetscAbsReal(cases[k].want)));
        PetscCall(TesExprDestroy(&e));
      }
    }
  }
  TES_CHECK_AT_MOST(worst, 4 * EPS); /* constants may be merged: a few roundings */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SubstitutionIsComposition(void)
{
  PetscFunctionBegin;
  for (size_t k = 0; k < PETSC_STATIC_ARRAY_LENGTH(everything); k++) {
    TesExpr   e = Parsed(everything[k]), inner = Parsed("0.1 + x*y/2"), composed;
    PetscReal worst = 0;

    PetscCall(TesExprSubstitute(e, 1, inner, &composed));
    for (PetscInt i = 0; i < 10; i++) {
      PetscReal v[3], w[3], want;

      Point(i, v);
      memcpy(w, v, sizeof v);
      w[1] = TesExprEvaluate(inner, v);
      want = TesExprEvaluate(e, w);
      worst = PetscMax(worst, PetscAbsReal(TesExprEvaluate(composed, v) - want) / PetscMax(1, PetscAbsReal(want)));
    }
    TES_CHECK_AT_MOST(worst, 16 * EPS); /* the same operations but for merged constants */
    PetscCall(TesExprDestroy(&e));
    PetscCall(TesExprDestroy(&inner));
    PetscCall(TesExprDestroy(&composed));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CombinationsAreTheOperationsOfNumbers(void)
{
  static const char ops[] = "+-*/^";

  PetscFunctionBegin;
  for (size_t k = 0; k + 1 < PETSC_STATIC_ARRAY_LENGTH(everything); k++) {
    TesExpr f = Parsed(everything[k]), g = Parsed(everything[k + 1]), copy;

    PetscCall(TesExprCopy(f, &copy));
    TES_CHECK_TEXT(TesExprText(copy), TesExprText(f));
    PetscCall(TesExprDestroy(&copy));
    for (int o = 0; ops[o]; o++) {
      TesExpr   both;
      PetscReal v[3], a, b, want;

      Point(3, v);
      a    = TesExprEvaluate(f, v);
      b    = TesExprEvaluate(g, v);
      want = o == 0 ? a + b : o == 1 ? a - b : o == 2 ? a * b : o == 3 ? a / b : pow(a, b);
      PetscCall(TesExprCombine(ops[o], f, g, &both));
      if (isfinite(want)) TES_CHECK_NEAR(TesExprEvaluate(both, v), want, 16 * EPS * PetscMax(1, PetscAbsReal(want)));
      else TES_CHECK(!isfinite(TesExprEvaluate(both, v)));
      PetscCall(TesExprDestroy(&both));
    }
    PetscCall(TesExprDestroy(&f));
    PetscCall(TesExprDestroy(&g));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MistakesAreNamedWithTheirColumn(void)
{
  static const struct {
    const char *text;
    PetscInt    column;
    const char *message;
  } cases[] = {{"sin(x) + w", 9, "unknown symbol `w` (known: x, y, z, pi)"},
               {"sni(x)", 0, "unknown function `sni`: did you mean `sin`?"},
               {"2*exq", 2, "unknown symbol `exq`: did you mean `exp`?"},
               {"x + foo(y)", 4, "unknown function `foo`"},
               {"", 0, "the expression is empty"},
               {"   ", 0, "the expression is empty"},
               {"x +", 3, "the expression ends where a number, a name or `(` is expected"},
               {"x + * y", 4, "found `*` where a number"},
               {"(x + y", 0, "this `(` is never closed"},
               {"sin(x", 3, "this `(` is never closed"},
               {"x + y)", 5, "this `)` closes nothing"},
               {"2x", 1, "an operator is missing after the number: write `2*...`"},
               {"x y", 2, "an operator is missing here"},
               {"(x)(y)", 3, "an operator is missing here"},
               {"x(y)", 0, "`x` is not a function: write `x*(...)`"},
               {"sin", 0, "`sin` is a function: write `sin(...)`"},
               {"sin x", 0, "`sin` is a function"},
               {"pow(x)", 0, "`pow` takes 2 arguments, not 1"},
               {"1 + sin(x, y, z)", 4, "`sin` takes 1 argument, not 3"},
               {"1,5*x", 1, "a decimal point is `.`"},
               {"1.2.3", 3, "a second decimal point"},
               {"1e999", 0, "this number is too large"},
               {"0x10", 0, "this is not a decimal number"},
               {"x # y", 2, "found `#` where an operator is expected"},
               {"\xcf\x80*x", 0, "unexpected character `\xcf\x80`: expressions are plain ASCII"},
               {"x\xc2\xb7y", 1, "unexpected character `\xc2\xb7`"},
               {"x\xc2y", 1, "unexpected character (byte 0xc2)"},
               {"()", 1, "found `)` where a number"},
               {"sin()", 4, "found `)` where a number"},
               {"max(x,)", 6, "found `)` where a number"},
               {".", 0, "found `.` where a number"}};

  PetscFunctionBegin;
  for (size_t k = 0; k < PETSC_STATIC_ARRAY_LENGTH(cases); k++) {
    TesExpr  e      = NULL;
    PetscInt column = -1;
    char     message[512] = "", tiny[8];

    PetscCall(TesExprParse(cases[k].text, "x y z", &e, &column, message, sizeof message));
    TES_CHECK(e == NULL);
    TES_CHECK_INT(column, cases[k].column);
    TES_CHECK_CONTAINS(message, cases[k].message);
    PetscCall(TesExprParse(cases[k].text, "x y z", &e, &column, tiny, sizeof tiny));
    TES_CHECK_INT(strlen(tiny), sizeof tiny - 1);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DeepNestingIsAMessageAndLongSumsAreNot(void)
{
  enum { DEEP = 100000 };
  static const char *const openings[] = {"(", "-", "sin(", "2^", "x*(", "x**-"};
  char                    *text, message[256];
  PetscInt                 column;
  TesExpr                  e, d;

  PetscFunctionBegin;
  for (size_t k = 0; k < PETSC_STATIC_ARRAY_LENGTH(openings); k++) {
    size_t length = strlen(openings[k]);

    PetscCall(PetscMalloc1(DEEP * length + 2, &text));
    for (size_t i = 0; i < DEEP; i++) memcpy(text + i * length, openings[k], length);
    strcpy(text + DEEP * length, "x");
    PetscCall(TesExprParse(text, "x", &e, &column, message, sizeof message));
    TES_CHECK(e == NULL);
    TES_CHECK_CONTAINS(message, "nested more than");
    PetscCall(PetscFree(text));
  }
  /* x + 2*sin(x + 2*sin(x + ... is left of the bound */
  PetscCall(PetscMalloc1(16 * DEEP, &text));
  text[0] = 0;
  for (int i = 0; i < 200; i++) strcat(text, "x+2*sin(");
  strcat(text, "x");
  for (int i = 0; i < 200; i++) strcat(text, ")");
  e = Parsed(text);
  if (e) {
    PetscReal v[3] = {0.3, 0, 0}, f[2];
    const PetscReal h = 1e-6;

    PetscCall(TesExprDerivative(e, 0, &d));
    v[0] = 0.3 + h;
    f[1] = TesExprEvaluate(e, v);
    v[0] = 0.3 - h;
    f[0] = TesExprEvaluate(e, v);
    v[0] = 0.3;
    TES_CHECK(isfinite(TesExprEvaluate(d, v)) && isfinite(f[0]) && isfinite(f[1]));
    TES_CHECK_CONTAINS(TesExprText(d), "cos(");
    PetscCall(TesExprDestroy(&d));
  }
  PetscCall(TesExprDestroy(&e));
  { /* a long sum: 10^5 terms, no two alike */
    char *at = text;

    for (int i = 0; i < DEEP; i++) at += sprintf(at, "+x^%d*%d", i % 50 + 1, i / 50 + 1);
  }
  e = Parsed(text);
  if (e) {
    const PetscReal v[3] = {1, 0, 0};

    TES_CHECK_NEAR(TesExprEvaluate(e, v), 50.0 * 2000 * 2001 / 2, 0);
    PetscCall(TesExprDerivative(e, 0, &d));
    TES_CHECK_NEAR(TesExprEvaluate(d, v), 1275.0 * 2000 * 2001 / 2, 0);
    TES_CHECK(strlen(TesExprText(e)) > 500000);
    PetscCall(TesExprDestroy(&d));
    PetscCall(TesExprDestroy(&e));
  }
  PetscCall(PetscFree(text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RepeatedSquaringOfSumsStaysSmall(void)
{
  TesExpr   e = Parsed("x + y"), next;
  PetscReal v[3] = {0.25, 0.25, 0};

  PetscFunctionBegin;
  for (int i = 0; i < 60; i++) { /* e <- e*(e + x): 3^60 leaves as a tree, 121 operations as a graph */
    TesExpr x = Parsed("x"), sum;

    PetscCall(TesExprCombine('+', e, x, &sum));
    PetscCall(TesExprCombine('*', e, sum, &next));
    PetscCall(TesExprDestroy(&e));
    PetscCall(TesExprDestroy(&x));
    PetscCall(TesExprDestroy(&sum));
    e = next;
  }
  TES_CHECK(isfinite(TesExprEvaluate(e, v)));
  TES_CHECK_CONTAINS(TesExprText(e), "more than 16 MB");
  PetscCall(TesExprDerivative(e, 0, &next));
  TES_CHECK(isfinite(TesExprEvaluate(next, v)));
  PetscCall(TesExprDestroy(&next));
  PetscCall(TesExprDestroy(&e));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ValuesAreThoseOfTheCLibrary),
  TES_TEST(SubstitutionIsComposition),
  TES_TEST(CombinationsAreTheOperationsOfNumbers),
  TES_TEST(MistakesAreNamedWithTheirColumn),
  TES_TEST(DeepNestingIsAMessageAndLongSumsAreNot),
  TES_TEST(RepeatedSquaringOfSumsStaysSmall),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
