/* Symbolic derivatives and substitution: one sweep over the operations of an expression, operands first, each step a fixed formula in the operands,
   their derivatives and the operation's own value. A derivative has at most a fixed multiple of the operations of its function.

   Forms are chosen to stay accurate and finite: (x/y)' = (x' - (x/y) y') / y does not square y, tanh' = 1 - tanh^2 and tan' = 1 + tan^2 do not
   overflow. min, max, abs, sign and step are differentiated piece by piece; at a kink the derivative is that of one of the pieces. */
#include "expr_private.h"
#include <string.h>

#define MAKE2(op, x, y) ExprMake(b, EXPR_##op, x, y)
#define MAKE1(op, x)    ExprMake(b, EXPR_##op, x, -1)

/* derivative of entry k; dx, dy: derivatives of its operands */
static int Rule(ExprBuilder *b, int k, int dx, int dy)
{
  ExprNode  node = b->nodes[k];
  int       x = node.a, y = node.b, one = ExprNumber(b, 1);
  PetscReal exponent;

  switch (node.op) {
  case EXPR_ADD: return MAKE2(ADD, dx, dy);
  case EXPR_SUB: return MAKE2(SUB, dx, dy);
  case EXPR_NEG: return MAKE1(NEG, dx);
  case EXPR_MUL: return MAKE2(ADD, MAKE2(MUL, dx, y), MAKE2(MUL, x, dy));
  case EXPR_DIV: return MAKE2(DIV, MAKE2(SUB, dx, MAKE2(MUL, k, dy)), y);
  case EXPR_POWI: return MAKE2(MUL, ExprNumber(b, node.value), MAKE2(MUL, MAKE2(POW, x, ExprNumber(b, node.value - 1)), dx));
  case EXPR_POW:
    if (ExprIsNumber(b, y, &exponent)) return MAKE2(MUL, MAKE2(MUL, y, MAKE2(POW, x, ExprNumber(b, exponent - 1))), dx);
    if (ExprIsNumber(b, dy, &exponent) && exponent == 0) return MAKE2(MUL, MAKE2(MUL, y, MAKE2(POW, x, MAKE2(SUB, y, one))), dx);
    if (ExprIsNumber(b, dx, &exponent) && exponent == 0) return MAKE2(MUL, MAKE2(MUL, k, MAKE1(LOG, x)), dy);
    return MAKE2(MUL, k, MAKE2(ADD, MAKE2(MUL, dy, MAKE1(LOG, x)), MAKE2(DIV, MAKE2(MUL, y, dx), x)));
  case EXPR_MIN:
  case EXPR_MAX: {
    int first = MAKE1(STEP, node.op == EXPR_MIN ? MAKE2(SUB, y, x) : MAKE2(SUB, x, y)); /* 1 where min or max is x */

    return MAKE2(ADD, MAKE2(MUL, first, dx), MAKE2(MUL, MAKE2(SUB, one, first), dy));
  }
  case EXPR_ATAN2: /* atan2(x, y): the angle of (y, x) */
    return MAKE2(DIV, MAKE2(SUB, MAKE2(MUL, y, dx), MAKE2(MUL, x, dy)), MAKE2(ADD, MAKE2(MUL, x, x), MAKE2(MUL, y, y)));
  case EXPR_SIN: return MAKE2(MUL, MAKE1(COS, x), dx);
  case EXPR_COS: return MAKE1(NEG, MAKE2(MUL, MAKE1(SIN, x), dx));
  case EXPR_TAN: return MAKE2(MUL, MAKE2(ADD, one, MAKE2(MUL, k, k)), dx);
  case EXPR_ASIN: return MAKE2(DIV, dx, MAKE1(SQRT, MAKE2(SUB, one, MAKE2(MUL, x, x))));
  case EXPR_ACOS: return MAKE1(NEG, MAKE2(DIV, dx, MAKE1(SQRT, MAKE2(SUB, one, MAKE2(MUL, x, x)))));
  case EXPR_ATAN: return MAKE2(DIV, dx, MAKE2(ADD, one, MAKE2(MUL, x, x)));
  case EXPR_SINH: return MAKE2(MUL, MAKE1(COSH, x), dx);
  case EXPR_COSH: return MAKE2(MUL, MAKE1(SINH, x), dx);
  case EXPR_TANH: return MAKE2(MUL, MAKE2(SUB, one, MAKE2(MUL, k, k)), dx);
  case EXPR_EXP: return MAKE2(MUL, k, dx);
  case EXPR_LOG: return MAKE2(DIV, dx, x);
  case EXPR_SQRT: return MAKE2(DIV, dx, MAKE2(MUL, ExprNumber(b, 2), k));
  case EXPR_ABS: return MAKE2(MUL, MAKE1(SIGN, x), dx);
  case EXPR_ERF: return MAKE2(MUL, MAKE2(MUL, ExprNumber(b, 2 / PetscSqrtReal(PETSC_PI)), MAKE1(EXP, MAKE1(NEG, MAKE2(MUL, x, x)))), dx);
  case EXPR_SIGN:
  case EXPR_STEP:
  case EXPR_CONST:
  case EXPR_VAR: break;
  }
  return ExprNumber(b, 0);
}

PetscErrorCode TesExprDerivative(TesExpr expr, PetscInt which, TesExpr *derivative)
{
  ExprBuilder builder, *b = &builder;
  int         root, zero, *d;

  PetscFunctionBegin;
  PetscCheck(which >= 0 && which < expr->n_variables, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "variable %" PetscInt_FMT " of %" PetscInt_FMT, which, expr->n_variables);
  PetscCall(ExprStart(b));
  PetscCall(ExprImport(b, expr, &root));
  PetscCall(PetscMalloc1((size_t)root + 1, &d));
  zero = ExprNumber(b, 0);
  for (int k = 0; k <= root; k++) {
    ExprNode node = b->nodes[k]; /* a copy: the list may move while the rule adds to it */

    d[k] = zero;
    if (node.op == EXPR_CONST) continue;
    if (node.op == EXPR_VAR) {
      if (node.a == which) d[k] = ExprNumber(b, 1);
      continue;
    }
    if (d[node.a] == zero && (node.b < 0 || d[node.b] == zero)) continue;
    d[k] = Rule(b, k, d[node.a], node.b < 0 ? -1 : d[node.b]);
    if (b->ierr || b->full) break;
  }
  root = b->ierr || b->full ? 0 : d[root];
  PetscCall(PetscFree(d));
  PetscCall(ExprFinish(b, root, (const char *const *)expr->variables, expr->n_variables, derivative));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesExprSubstitute(TesExpr expr, PetscInt which, TesExpr value, TesExpr *result)
{
  ExprBuilder builder, *b = &builder;
  int         replacement, root, *map;

  PetscFunctionBegin;
  PetscCheck(which >= 0 && which < expr->n_variables, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "variable %" PetscInt_FMT " of %" PetscInt_FMT, which, expr->n_variables);
  PetscCheck(value->n_variables == expr->n_variables, PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP, "expressions of %" PetscInt_FMT " and of %" PetscInt_FMT " variables",
             expr->n_variables, value->n_variables);
  for (PetscInt k = 0; k < expr->n_variables; k++)
    PetscCheck(!strcmp(value->variables[k], expr->variables[k]), PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP, "expressions in `%s` and in `%s`", expr->variables[k], value->variables[k]);
  PetscCall(ExprStart(b));
  PetscCall(ExprImport(b, value, &replacement));
  PetscCall(PetscMalloc1(expr->n, &map));
  for (int k = 0; k < expr->n; k++) {
    const ExprNode *node = &expr->nodes[k];

    if (node->op == EXPR_CONST) map[k] = ExprNumber(b, node->value);
    else if (node->op == EXPR_VAR) map[k] = node->a == which ? replacement : ExprVariable(b, node->a);
    else if (node->op == EXPR_POWI) map[k] = ExprMake(b, EXPR_POW, map[node->a], ExprNumber(b, node->value));
    else map[k] = ExprMake(b, node->op, map[node->a], node->b < 0 ? -1 : map[node->b]);
  }
  root = map[expr->n - 1];
  PetscCall(PetscFree(map));
  PetscCall(ExprFinish(b, root, (const char *const *)expr->variables, expr->n_variables, result));
  PetscFunctionReturn(PETSC_SUCCESS);
}
