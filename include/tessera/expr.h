#pragma once
/* Expressions in decks: "sin(100*x)*sin(100*y)". Parsed once, evaluated on arrays, differentiated symbolically (manufactured solutions need exact second
   derivatives).

   Grammar: + - * / ^ (also **; right associative, binds tighter than unary minus), parentheses, numbers (1e-3), the constant pi, the
   variables that the caller allows, and functions of one argument sin cos tan asin acos atan sinh cosh tanh exp log sqrt abs sign step erf,
   of two arguments min max pow atan2. abs, sign, step, min, max are differentiated piecewise; step(0) = 1, sign(0) = 0. */
#include <tessera/base.h>

typedef struct _p_TesExpr *TesExpr;

/*@
  TesExprParse - read an expression

  Not Collective

  Input Parameters:
+ text      - the expression
- variables - the allowed symbols, blank separated ("x y t"); evaluation takes their values in this order

  Output Parameters:
+ expr    - the expression, or NULL if there is a mistake; destroy with TesExprDestroy
. column  - place of the mistake in text, from 0 (unchanged if there is none)
- message - [size] what is wrong: "unknown symbol `z` (known: x, y, pi)", with the nearest known name
@*/
PetscErrorCode TesExprParse(const char text[], const char variables[], TesExpr *expr, PetscInt *column, char message[], size_t size);
PetscErrorCode TesExprDestroy(TesExpr *expr);

/*@
  TesExprConstant  - an expression that is a number
  TesExprCopy      - the same expression once more
  TesExprCombine   - a + b, a - b, a * b, a / b, a ^ b ('+', '-', '*', '/', '^'); operands are left untouched and must have the same variables
  TesExprDerivative- d expr / d variables[which], simplified
  TesExprSubstitute- put an expression in place of a variable (a boundary trace is u with x = 0)

  Not Collective; the result is the caller's
@*/
PetscErrorCode TesExprConstant(PetscReal value, const char variables[], TesExpr *expr);
PetscErrorCode TesExprCopy(TesExpr expr, TesExpr *copy);
PetscErrorCode TesExprCombine(char op, TesExpr a, TesExpr b, TesExpr *result);
PetscErrorCode TesExprDerivative(TesExpr expr, PetscInt which, TesExpr *derivative);
PetscErrorCode TesExprSubstitute(TesExpr expr, PetscInt which, TesExpr value, TesExpr *result);

/*@
  TesExprEvaluate - evaluate at one point
  TesExprEvaluateMany - evaluate at n points, blocked so that the work space stays in cache

  Not Collective

  Input Parameters:
+ expr - the expression
. n    - number of points
. v    - v[k] is the array [n] of variable k, or NULL if the expression does not use it
- stride - stride[k] of variable k: 1 for an array, 0 for one value for all points; NULL: all 1

  Output Parameter:
. result - [n]; values that are not finite are left as they are (the caller says where)
@*/
PetscReal      TesExprEvaluate(TesExpr expr, const PetscReal values[]);
PetscErrorCode TesExprEvaluateMany(TesExpr expr, PetscInt64 n, const PetscReal *const v[], const PetscInt stride[], PetscReal *result);

/*@
  TesExprUses - does the expression depend on variables[which]?
  TesExprVariables - number of its variables, used or not
  TesExprText - the expression as text (owned by the expression); past 16 MB a note in its place. It parses back to the same values, to the last bit where they
                are finite and no product of its numbers leaves 1e-100 to 1e100
@*/
PetscBool   TesExprUses(TesExpr expr, PetscInt which);
PetscInt    TesExprVariables(TesExpr expr);
const char *TesExprText(TesExpr expr);
