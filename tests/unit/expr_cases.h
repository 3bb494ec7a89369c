#pragma once
/* What the tests of expressions share: an expression from its text, points inside the domain of every function, expressions that use every operation. */
#include <string.h>
#include <tessera/expr.h>
#include <tessera/random.h>
#include <tessera/test.h>

#define EPS PETSC_MACHINE_EPSILON

static inline TesExpr Parsed(const char text[])
{
  TesExpr  expr   = NULL;
  PetscInt column = -1;
  char     message[512] = "";

  TES_CHECK(TesExprParse(text, "x y z", &expr, &column, message, sizeof message) == PETSC_SUCCESS);
  TES_CHECK_TEXT(message, "");
  return expr;
}

/* points in (0.1, 0.9): inside the domain of every function */
static inline void Point(PetscInt i, PetscReal v[3])
{
  PetscReal u[2];

  TesRandomUniform(7, TES_STREAM_TEST, (uint32_t)i, 0, 0, u);
  v[0] = 0.1 + 0.8 * u[0];
  v[1] = 0.1 + 0.8 * u[1];
  TesRandomUniform(7, TES_STREAM_TEST, (uint32_t)i, 1, 0, u);
  v[2] = 0.1 + 0.8 * u[0];
}

static const char *const everything[] = {"sin(3*x + y)*cos(x*y)", "tan(x*y)", "asin(x*y) + acos(x/2)", "atan(x/y)", "sinh(x)*cosh(2*x*y)", "tanh(5*x - y)", "exp(-x^2*y)", "log(x + y^2)",
                                         "sqrt(x*y + 1)", "abs(x - 2)*x", "erf(2*x*y)", "x^y", "2^(x*y)", "(x + y)^2.5", "x^7/(1 + y*x)^3", "min(x^2, 3 + y)", "max(x^2, 3 + y*x)", "atan2(x^2, y)",
                                         "sign(x + 1)*x^3", "step(x + 1)*x^3 + step(x - 2)*x", "1/(x + y)", "(x - y)/(x + y)/x", "y^x^2", "x^-3", "-(x - y)^3*x/3", "x*sin(y)*x*x", "pow(x + y, x*y)"};
