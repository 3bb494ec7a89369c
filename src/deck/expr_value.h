#pragma once
/* The one formula of each operation, for single points (expr_table.c) and for the loops of each instruction set (expr_kernels.c). */
#include "expr_private.h"
#include <math.h>

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

/* every operation with operands: the switches of both files are expanded from this list */
#define EXPR_OPERATIONS(X) \
  X(ADD) X(SUB) X(MUL) X(DIV) X(POW) X(POWI) X(MIN) X(MAX) X(ATAN2) X(NEG) X(SIN) X(COS) X(TAN) X(ASIN) X(ACOS) X(ATAN) X(SINH) X(COSH) X(TANH) X(EXP) X(LOG) X(SQRT) \
  X(ABS) X(SIGN) X(STEP) X(ERF)
