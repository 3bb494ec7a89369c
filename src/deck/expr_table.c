/* The operations of expressions: names, and values at one point and at a block of points.

   One formula per operation (Value) serves both, so a result does not depend on how the points are dealt out to calls: + - * / sqrt are rounded
   correctly whether the compiler uses vector registers or not (-ffp-contract=off), all others call libm point by point.

   step(x) = 0 for x < 0 and 1 for x >= 0, sign(0) = 0; a NaN stays NaN in every operation, min and max included. */
#include "expr_private.h"
#include <math.h>

const ExprFunction ExprFunctions[] = {
  {"sin", EXPR_SIN, 1},   {"cos", EXPR_COS, 1},   {"tan", EXPR_TAN, 1},   {"asin", EXPR_ASIN, 1}, {"acos", EXPR_ACOS, 1},   {"atan", EXPR_ATAN, 1},
  {"sinh", EXPR_SINH, 1}, {"cosh", EXPR_COSH, 1}, {"tanh", EXPR_TANH, 1}, {"exp", EXPR_EXP, 1},   {"log", EXPR_LOG, 1},     {"sqrt", EXPR_SQRT, 1},
  {"abs", EXPR_ABS, 1},   {"sign", EXPR_SIGN, 1}, {"step", EXPR_STEP, 1}, {"erf", EXPR_ERF, 1},   {"min", EXPR_MIN, 2},     {"max", EXPR_MAX, 2},
  {"pow", EXPR_POW, 2},   {"atan2", EXPR_ATAN2, 2}, {NULL, EXPR_CONST, 0},
};

const char *ExprFunctionName(ExprOp op)
{
  for (const ExprFunction *f = ExprFunctions; f->name; f++)
    if (f->op == op) return f->name;
  return NULL;
}

/* x^n by squaring, in a fixed order; 1/x^|n| for negative n */
static inline PetscReal WholePower(PetscReal x, int n)
{
  unsigned  left   = n < 0 ? (unsigned)-n : (unsigned)n;
  PetscReal result = 1, square = x;

  while (left) {
    if (left & 1) result *= square;
    left >>= 1;
    if (left) square *= square;
  }
  return n < 0 ? 1 / result : result;
}

/* op is a constant wherever this is called, so that nothing of the switch is left in the loops */
static inline __attribute__((always_inline)) PetscReal Value(ExprOp op, PetscReal x, PetscReal y, int power)
{
  switch (op) {
  case EXPR_ADD: return x + y;
  case EXPR_SUB: return x - y;
  case EXPR_MUL: return x * y;
  case EXPR_DIV: return x / y;
  case EXPR_POW: return pow(x, y);
  case EXPR_POWI: return WholePower(x, power);
  case EXPR_MIN: return x < y || isnan(x) ? x : y;
  case EXPR_MAX: return x > y || isnan(x) ? x : y;
  case EXPR_ATAN2: return atan2(x, y);
  case EXPR_NEG: return -x;
  case EXPR_SIN: return sin(x);
  case EXPR_COS: return cos(x);
  case EXPR_TAN: return tan(x);
  case EXPR_ASIN: return asin(x);
  case EXPR_ACOS: return acos(x);
  case EXPR_ATAN: return atan(x);
  case EXPR_SINH: return sinh(x);
  case EXPR_COSH: return cosh(x);
  case EXPR_TANH: return tanh(x);
  case EXPR_EXP: return exp(x);
  case EXPR_LOG: return log(x);
  case EXPR_SQRT: return sqrt(x);
  case EXPR_ABS: return fabs(x);
  case EXPR_SIGN: return isnan(x) ? x : (PetscReal)(x > 0) - (PetscReal)(x < 0);
  case EXPR_STEP: return isnan(x) ? x : (PetscReal)(x >= 0);
  case EXPR_ERF: return erf(x);
  case EXPR_CONST:
  case EXPR_VAR: break;
  }
  return x;
}

/* every operation with operands: the two switches below are expanded from this list */
#define EXPR_OPERATIONS(X) \
  X(ADD) X(SUB) X(MUL) X(DIV) X(POW) X(POWI) X(MIN) X(MAX) X(ATAN2) X(NEG) X(SIN) X(COS) X(TAN) X(ASIN) X(ACOS) X(ATAN) X(SINH) X(COSH) X(TANH) X(EXP) X(LOG) X(SQRT) \
  X(ABS) X(SIGN) X(STEP) X(ERF)

PetscReal ExprApply(ExprOp op, PetscReal x, PetscReal y, PetscReal value)
{
  int power = op == EXPR_POWI ? (int)value : 0;

  switch (op) {
#define ONE(OP) \
  case EXPR_##OP: return Value(EXPR_##OP, x, y, power);
    EXPR_OPERATIONS(ONE)
#undef ONE
  case EXPR_CONST:
  case EXPR_VAR: break;
  }
  return value;
}

static inline __attribute__((always_inline)) void Loop(ExprOp op, int power, PetscInt n, const PetscReal *x, PetscBool x_varies, const PetscReal *y,
                                                       PetscBool y_varies, PetscReal *r)
{
  if (x_varies && y_varies) {
    for (PetscInt i = 0; i < n; i++) r[i] = Value(op, x[i], y[i], power);
  } else if (x_varies) {
    const PetscReal y0 = y[0];
    for (PetscInt i = 0; i < n; i++) r[i] = Value(op, x[i], y0, power);
  } else {
    const PetscReal x0 = x[0];
    for (PetscInt i = 0; i < n; i++) r[i] = Value(op, x0, y[i], power);
  }
}

void ExprApplyMany(ExprOp op, PetscReal value, PetscInt n, const PetscReal *x, PetscBool x_varies, const PetscReal *y, PetscBool y_varies, PetscReal *r)
{
  int power = op == EXPR_POWI ? (int)value : 0;

  switch (op) {
#define MANY(OP) \
  case EXPR_##OP: Loop(EXPR_##OP, power, n, x, x_varies, y, y_varies, r); break;
    EXPR_OPERATIONS(MANY)
#undef MANY
  case EXPR_CONST:
  case EXPR_VAR: break;
  }
}
