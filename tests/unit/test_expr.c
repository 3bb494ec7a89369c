/* Expressions: values against the C library, derivatives against closed forms and central differences, messages, text that reads back. */
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <tessera/expr.h>
#include <tessera/random.h>
#include <tessera/test.h>
#include <tessera/timing.h>

#define EPS PETSC_MACHINE_EPSILON

static TesExpr Parsed(const char text[])
{
  TesExpr  expr   = NULL;
  PetscInt column = -1;
  char     message[512] = "";

  TES_CHECK(TesExprParse(text, "x y z", &expr, &column, message, sizeof message) == PETSC_SUCCESS);
  TES_CHECK_TEXT(message, "");
  return expr;
}

/* points in (0.1, 0.9): inside the domain of every function */
static void Point(PetscInt i, PetscReal v[3])
{
  PetscReal u[2];

  TesRandomUniform(7, TES_STREAM_TEST, (uint32_t)i, 0, 0, u);
  v[0] = 0.1 + 0.8 * u[0];
  v[1] = 0.1 + 0.8 * u[1];
  TesRandomUniform(7, TES_STREAM_TEST, (uint32_t)i, 1, 0, u);
  v[2] = 0.1 + 0.8 * u[0];
}

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

static const char *const everything[] = {"sin(3*x + y)*cos(x*y)", "tan(x*y)", "asin(x*y) + acos(x/2)", "atan(x/y)", "sinh(x)*cosh(2*x*y)", "tanh(5*x - y)", "exp(-x^2*y)", "log(x + y^2)",
                                         "sqrt(x*y + 1)", "abs(x - 2)*x", "erf(2*x*y)", "x^y", "2^(x*y)", "(x + y)^2.5", "x^7/(1 + y*x)^3", "min(x^2, 3 + y)", "max(x^2, 3 + y*x)", "atan2(x^2, y)",
                                         "sign(x + 1)*x^3", "step(x + 1)*x^3 + step(x - 2)*x", "1/(x + y)", "(x - y)/(x + y)/x", "y^x^2", "x^-3", "-(x - y)^3*x/3", "x*sin(y)*x*x", "pow(x + y, x*y)"};

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
                                       "1e-200*x*(1e-200*y)", "0.1*x*0.3*y/7", "1/0 + x", "0/0*x", "-3/x", "x/-3", "-x/3", "(x - y)*-2", "pi*pi*x", "3*(x + y)*2", "x - -2", "-x - y", "min(x, -y)", "0.1 + 0.2 - x"};

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

static PetscErrorCode EvaluationCostsLittleMoreThanTheSines(void)
{
  enum { N = 200000 };
  PetscReal       *x, *r, sines = 1e9, ours = 1e9;
  const PetscReal *v[3];
  TesExpr          e = Parsed("3*sin(100*x)^2*sin(100*y) - sin(100*x) + 2");

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(N, &x, N, &r));
  for (PetscInt i = 0; i < N; i++) x[i] = 6.0 * (PetscReal)i / N;
  v[0] = v[1] = x;
  v[2] = NULL;
  for (int repeat = 0; repeat < 5; repeat++) {
    PetscReal t = TesNow();

    for (PetscInt i = 0; i < N; i++) r[i] = sin(100 * x[i]) + sin(100 * x[N - 1 - i]);
    sines = PetscMin(sines, TesNow() - t);
    t     = TesNow();
    PetscCall(TesExprEvaluateMany(e, N, v, NULL, r));
    ours = PetscMin(ours, TesNow() - t);
  }
  /* sin(100*x) occurs twice and is worked out once: two sines a point. In quiet 1.0-1.3; the bound leaves room for a busy machine */
  printf("# %d points: %.1f ns a point, plain loop over the two sines %.1f ns\n", N, ours / N * 1e9, sines / N * 1e9);
  TES_CHECK_AT_MOST(ours / sines, 3);
  PetscCall(PetscFree2(x, r));
  PetscCall(TesExprDestroy(&e));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ValuesAreThoseOfTheCLibrary),
  TES_TEST(DerivativesAgreeWithCentralDifferences),
  TES_TEST(DerivativesHaveTheirClosedForms),
  TES_TEST(LaplacianOfAModeIsAMultipleOfTheMode),
  TES_TEST(SubstitutionIsComposition),
  TES_TEST(CombinationsAreTheOperationsOfNumbers),
  TES_TEST(TextReadsBackToTheSameBits),
  TES_TEST(RandomExpressionsKeepTheirValues),
  TES_TEST(ManyPointsGiveTheBitsOfOnePoint),
  TES_TEST(MistakesAreNamedWithTheirColumn),
  TES_TEST(DeepNestingIsAMessageAndLongSumsAreNot),
  TES_TEST(RepeatedSquaringOfSumsStaysSmall),
  TES_TEST(EvaluationCostsLittleMoreThanTheSines),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
