/* The operations of expressions: names, and values at one point and at a block of points.

   One formula per operation (expr_value.h) serves both, so a result does not depend on how the points are dealt out to calls: + - * / sqrt are rounded
   correctly whether the compiler uses vector registers or not (-ffp-contract=off), all others call libm point by point.

   step(x) = 0 for x < 0 and 1 for x >= 0, sign(0) = 0; a NaN stays NaN in every operation, min and max included. */
#include "expr_private.h"
#include "expr_kernels.h"
#include "expr_value.h"

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

void ExprApplyMany(ExprOp op, PetscReal value, PetscInt n, const PetscReal *x, PetscBool x_varies, const PetscReal *y, PetscBool y_varies, PetscReal *r)
{
  TES_KERNEL_PICK(ExprKernels)->apply(op, op == EXPR_POWI ? (int)value : 0, n, x, x_varies, y, y_varies, r);
}
