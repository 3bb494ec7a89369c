/* Text of expressions, with as few parentheses as the grammar allows, numbers with as many digits as it takes to read back the same double. What is
   read back has the same values to the last bit.

   The list of operations is a graph, its text a tree: shared parts are written out each time. Written with an explicit stack (depth is no matter);
   a text that would pass MAX_TEXT is replaced by a note. */
#include "deck_impl.h"
#include "expr_private.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_TEXT (1 << 24)

enum {
  LEVEL_SUM = 1,
  LEVEL_PRODUCT,
  LEVEL_FACTOR,
  LEVEL_POWER,
  LEVEL_ATOM
};

typedef struct {
  const char *literal; /* a text that outlives us, or NULL: */
  int         node;    /* an operation, or -1: */
  int         level;   /* of the surroundings; for -1 an exponent */
} Piece;

typedef struct {
  char  *text;
  size_t length, capacity;
  Piece *stack;
  int    depth, room;
} Writer;

/* a sign goes with products: -x*y is read as (-x)*y, the same thing */
static int Level(const ExprNode *node)
{
  switch (node->op) {
  case EXPR_ADD:
  case EXPR_SUB: return LEVEL_SUM;
  case EXPR_MUL:
  case EXPR_DIV:
  case EXPR_NEG: return LEVEL_PRODUCT;
  case EXPR_POW:
  case EXPR_POWI: return LEVEL_POWER;
  case EXPR_CONST: return node->value < 0 ? LEVEL_PRODUCT : LEVEL_ATOM;
  default: return LEVEL_ATOM;
  }
}

static PetscErrorCode Write(Writer *w, const char s[])
{
  size_t n = strlen(s);

  PetscFunctionBegin;
  if (w->length + n + 1 > w->capacity) {
    size_t capacity = 2 * (w->length + n + 32);
    char  *text;

    PetscCall(PetscMalloc1(capacity, &text));
    if (w->length) memcpy(text, w->text, w->length);
    PetscCall(PetscFree(w->text));
    w->text     = text;
    w->capacity = capacity;
  }
  memcpy(w->text + w->length, s, n + 1);
  w->length += n;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WriteNumber(Writer *w, PetscReal value)
{
  char s[40];

  PetscFunctionBegin;
  if (value == PETSC_PI || value == -PETSC_PI) {
    PetscCall(Write(w, value > 0 ? "pi" : "-pi"));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (int digits = value == floor(value) && fabs(value) < 1e15 ? 15 : 1; digits <= 17; digits++) { /* 15: whole numbers without an exponent */
    FormatReal(value, digits, s);
    if (RealOf(s, NULL) == value) break;
  }
  PetscCall(Write(w, s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Push(Writer *w, const char literal[], int node, int level)
{
  PetscFunctionBegin;
  if (w->depth == w->room) {
    Piece *stack;

    PetscCall(PetscMalloc1(2 * (size_t)w->room + 32, &stack));
    if (w->depth) PetscCall(PetscArraycpy(stack, w->stack, w->depth));
    PetscCall(PetscFree(w->stack));
    w->stack = stack;
    w->room  = 2 * w->room + 32;
  }
  w->stack[w->depth++] = (Piece){literal, node, level};
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* x op y: the pieces in reverse order, as they come from a stack */
static PetscErrorCode PushPair(Writer *w, const ExprNode *node, int left, const char op[], int right)
{
  PetscFunctionBegin;
  PetscCall(Push(w, NULL, node->b, right));
  PetscCall(Push(w, op, 0, 0));
  PetscCall(Push(w, NULL, node->a, left));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* May a coefficient or sign be written before the operation without parentheses? It is read as that of the first factor; what it would be merged
   with there (a number, a division by a number) must not stand in the way. */
static PetscBool TakesCoefficient(TesExpr expr, int k)
{
  const ExprNode *node = &expr->nodes[k];

  while (node->op == EXPR_MUL || node->op == EXPR_DIV) {
    if (node->op == EXPR_DIV && expr->nodes[node->b].op == EXPR_CONST) return PETSC_FALSE;
    node = &expr->nodes[node->a];
  }
  return (PetscBool)(node->op != EXPR_CONST);
}

/* 3/x takes a sign, which changes no other bit of the 3 */
static PetscBool TakesSign(TesExpr expr, int k)
{
  const ExprNode *node = &expr->nodes[k];

  if (node->op == EXPR_DIV && expr->nodes[node->a].op == EXPR_CONST) return (PetscBool)(expr->nodes[node->a].value != 0);
  return TakesCoefficient(expr, k);
}

static PetscBool StartsWithSum(TesExpr expr, int k)
{
  while (expr->nodes[k].op == EXPR_MUL || expr->nodes[k].op == EXPR_DIV) k = expr->nodes[k].a;
  return (PetscBool)(Level(&expr->nodes[k]) == LEVEL_SUM);
}

static PetscErrorCode Expand(Writer *w, TesExpr expr, const ExprNode *node)
{
  PetscReal value;
  PetscBool front;

  PetscFunctionBegin;
  switch (node->op) {
  case EXPR_CONST: PetscCall(WriteNumber(w, node->value)); break;
  case EXPR_VAR: PetscCall(Write(w, expr->variables[node->a])); break;
  case EXPR_ADD: PetscCall(PushPair(w, node, LEVEL_SUM, " + ", LEVEL_PRODUCT)); break;
  case EXPR_SUB: PetscCall(PushPair(w, node, LEVEL_SUM, " - ", LEVEL_PRODUCT)); break;
  case EXPR_MUL: /* 3*x*y is read as 3*(x*y): coefficients within bounds go to the front */
    value = fabs(expr->nodes[node->a].value);
    front = (PetscBool)(expr->nodes[node->a].op == EXPR_CONST && value >= EXPR_COEFFICIENT_MIN && value <= EXPR_COEFFICIENT_MAX && TakesCoefficient(expr, node->b));
    PetscCall(PushPair(w, node, LEVEL_PRODUCT, "*", front ? LEVEL_PRODUCT : LEVEL_FACTOR));
    break;
  case EXPR_DIV: PetscCall(PushPair(w, node, LEVEL_PRODUCT, "/", LEVEL_FACTOR)); break;
  case EXPR_POW: PetscCall(PushPair(w, node, LEVEL_ATOM, "^", LEVEL_POWER)); break;
  case EXPR_POWI:
    PetscCall(Push(w, NULL, -1, (int)node->value));
    PetscCall(Push(w, NULL, node->a, LEVEL_ATOM));
    break;
  case EXPR_NEG: /* in -(x - y)*z the sign would be read as that of the difference */
    front = (PetscBool)(TakesSign(expr, node->a) && (Level(&expr->nodes[node->a]) == LEVEL_SUM || !StartsWithSum(expr, node->a)));
    PetscCall(Push(w, NULL, node->a, front ? LEVEL_PRODUCT : LEVEL_FACTOR));
    PetscCall(Push(w, "-", 0, 0));
    break;
  default:
    PetscCall(Push(w, ")", 0, 0));
    if (node->b >= 0) {
      PetscCall(Push(w, NULL, node->b, LEVEL_SUM));
      PetscCall(Push(w, ", ", 0, 0));
    }
    PetscCall(Push(w, NULL, node->a, LEVEL_SUM));
    PetscCall(Push(w, "(", 0, 0));
    PetscCall(Push(w, ExprFunctionName(node->op), 0, 0));
    break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* bytes that the text will take at most, so that a graph whose tree is astronomically large is refused beforehand */
static PetscErrorCode Length(TesExpr expr, double *length)
{
  double *l;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(expr->n, &l));
  for (int k = 0; k < expr->n; k++) {
    const ExprNode *node = &expr->nodes[k];

    l[k] = 25;
    if (node->op == EXPR_VAR) l[k] = (double)strlen(expr->variables[node->a]);
    else if (node->op != EXPR_CONST) l[k] = 12 + l[node->a] + (node->b < 0 ? 0 : l[node->b]);
  }
  *length = l[expr->n - 1];
  PetscCall(PetscFree(l));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WriteAll(Writer *w, TesExpr expr)
{
  PetscFunctionBegin;
  PetscCall(Push(w, NULL, expr->n - 1, LEVEL_SUM));
  while (w->depth) {
    Piece piece = w->stack[--w->depth];
    char  exponent[16];

    if (piece.literal) {
      PetscCall(Write(w, piece.literal));
    } else if (piece.node < 0) {
      snprintf(exponent, sizeof exponent, piece.level < 0 ? "^(%d)" : "^%d", piece.level);
      PetscCall(Write(w, exponent));
    } else if (Level(&expr->nodes[piece.node]) < piece.level) {
      PetscCall(Write(w, "("));
      PetscCall(Push(w, ")", 0, 0));
      PetscCall(Push(w, NULL, piece.node, LEVEL_SUM));
    } else {
      PetscCall(Expand(w, expr, &expr->nodes[piece.node]));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

const char *TesExprText(TesExpr expr)
{
  Writer         w = {0};
  double         length = 0;
  PetscErrorCode ierr;

  if (expr->text) return expr->text;
  if (Length(expr, &length) || length > MAX_TEXT) return "(an expression of more than 16 MB)";
  ierr = WriteAll(&w, expr);
  (void)PetscFree(w.stack);
  if (ierr) (void)PetscFree(w.text);
  expr->text = w.text;
  return expr->text ? expr->text : "(no memory for the text of an expression)";
}
