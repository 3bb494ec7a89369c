/* Constructors of expressions that simplify as they build.

   Every term is kept as coefficient * rest, the coefficient in front: -(-x) = x, 2*x + 3*x = 5*x, (2*x)*(3*y) = 6*(x*y), x*x = x^2,
   sin(-x) = -sin(x), and operations on numbers are carried out. So the second derivative of sin(100*x) is -10000*sin(100*x) with the sine of the
   function itself, and the terms of a Laplacian that are multiples of one another become one.

   What is never done: distribute a product over a sum (it would bring cancellation), cancel x/x (the point x = 0), fold what is not finite
   (1/0 stays as it was written), or merge coefficients so large or small that an intermediate result could leave the range of double. 0*x is 0. */
#include "expr_private.h"
#include <math.h>

static int Add(ExprBuilder *b, int x, int y);
static int Subtract(ExprBuilder *b, int x, int y);
static int Divide(ExprBuilder *b, int x, int y);
static int Power(ExprBuilder *b, int x, int n);

int ExprNumber(ExprBuilder *b, PetscReal value)
{
  return ExprIntern(b, EXPR_CONST, -1, -1, value + 0.0); /* no negative zero */
}

int ExprVariable(ExprBuilder *b, PetscInt which)
{
  return ExprIntern(b, EXPR_VAR, (int)which, -1, 0);
}

PetscBool ExprIsNumber(const ExprBuilder *b, int x, PetscReal *value)
{
  if (b->ierr || b->full || b->nodes[x].op != EXPR_CONST) return PETSC_FALSE;
  *value = b->nodes[x].value;
  return PETSC_TRUE;
}

static PetscBool Is(const ExprBuilder *b, int x, PetscReal wanted)
{
  PetscReal value;

  return (PetscBool)(ExprIsNumber(b, x, &value) && value == wanted);
}

static PetscBool InRange(PetscReal c)
{
  return (PetscBool)(fabs(c) >= EXPR_COEFFICIENT_MIN && fabs(c) <= EXPR_COEFFICIENT_MAX);
}

/* x = coefficient * rest; rest = -1 for a number; 3/y is 3 * (1/y) */
static PetscReal Split(ExprBuilder *b, int x, int *rest)
{
  ExprNode  node = b->nodes[x];
  PetscReal c;

  *rest = x;
  switch (node.op) {
  case EXPR_CONST: *rest = -1; return node.value;
  case EXPR_NEG:
    c = Split(b, node.a, rest); /* one level: what a sign stands before has no sign */
    return -c;
  case EXPR_MUL:
    if (!ExprIsNumber(b, node.a, &c)) return 1;
    *rest = node.b;
    return c;
  case EXPR_DIV:
    if (!ExprIsNumber(b, node.a, &c) || c == 1 || c == 0) return 1; /* 0/0 stays what it is */
    *rest = ExprIntern(b, EXPR_DIV, ExprNumber(b, 1), node.b, 0);
    return c;
  default: return 1;
  }
}

static int Scale(ExprBuilder *b, PetscReal c, int rest)
{
  ExprNode  node;
  PetscReal k;

  if (rest < 0 || c == 0) return ExprNumber(b, c);
  if (c == 1 || b->ierr || b->full) return rest;
  node = b->nodes[rest];
  if (node.op == EXPR_DIV && Is(b, node.a, 1)) {
    rest = ExprIntern(b, EXPR_DIV, ExprNumber(b, fabs(c)), node.b, 0);
    return c < 0 ? ExprIntern(b, EXPR_NEG, rest, -1, 0) : rest;
  }
  if (node.op == EXPR_DIV && ExprIsNumber(b, node.b, &k) && k != 0 && InRange(c / k) && fma(c / k, k, -c) == 0) return Scale(b, c / k, node.a); /* 6*(x/3): nothing is rounded */
  if (c == -1 && node.op == EXPR_SUB) return Subtract(b, node.b, node.a);
  if (c == -1) return ExprIntern(b, EXPR_NEG, rest, -1, 0);
  return ExprIntern(b, EXPR_MUL, ExprNumber(b, c), rest, 0);
}

static int Negate(ExprBuilder *b, int x)
{
  int       rest;
  PetscReal c = Split(b, x, &rest);

  return Scale(b, -c, rest);
}

static int Subtract(ExprBuilder *b, int x, int y)
{
  int       rx, ry;
  PetscReal cx = Split(b, x, &rx), cy = Split(b, y, &ry);

  if (rx == ry && !PetscIsInfOrNanReal(cx - cy)) return Scale(b, cx - cy, rx);
  if (Is(b, y, 0)) return x;
  if (Is(b, x, 0)) return Scale(b, -cy, ry);
  if (cy < 0) return Add(b, x, Scale(b, -cy, ry));
  if (cx < 0) return Negate(b, Add(b, Scale(b, -cx, rx), y)); /* -x - y = -(x + y): one sign, which goes on to the outside */
  return ExprIntern(b, EXPR_SUB, x, y, 0);
}

static int Add(ExprBuilder *b, int x, int y)
{
  int       rx, ry;
  PetscReal cx = Split(b, x, &rx), cy = Split(b, y, &ry);

  if (rx == ry && !PetscIsInfOrNanReal(cx + cy)) return Scale(b, cx + cy, rx);
  if (Is(b, x, 0)) return y;
  if (Is(b, y, 0)) return x;
  if (cx < 0 && cy < 0) return Negate(b, Add(b, Scale(b, -cx, rx), Scale(b, -cy, ry)));
  if (cy < 0) return ExprIntern(b, EXPR_SUB, x, Scale(b, -cy, ry), 0);
  if (cx < 0) return ExprIntern(b, EXPR_SUB, y, Scale(b, -cx, rx), 0);
  return ExprIntern(b, EXPR_ADD, x, y, 0);
}

static int Base(const ExprBuilder *b, int x, int *power)
{
  const ExprNode *node = &b->nodes[x];

  *power = node->op == EXPR_POWI ? (int)node->value : 1;
  return node->op == EXPR_POWI ? node->a : x;
}

/* x * y without coefficients; powers of one base join where both are positive or both are negative (x / x is not 1 at x = 0) */
static int Product(ExprBuilder *b, int x, int y)
{
  int m, n, p = Base(b, x, &m), q = Base(b, y, &n);

  if (p == q && (m > 0) == (n > 0) && PetscAbsInt(m + n) <= EXPR_MAX_POWER) return Power(b, p, m + n);
  if (b->nodes[x].op == EXPR_DIV && Is(b, b->nodes[x].a, 1)) return Divide(b, y, b->nodes[x].b);
  if (b->nodes[y].op == EXPR_DIV && Is(b, b->nodes[y].a, 1)) return Divide(b, x, b->nodes[y].b);
  return ExprIntern(b, EXPR_MUL, x, y, 0);
}

static int Multiply(ExprBuilder *b, int x, int y)
{
  int       rx, ry;
  PetscReal cx = Split(b, x, &rx), cy = Split(b, y, &ry), c = cx * cy;

  if (cx == 0 || cy == 0) return ExprNumber(b, 0);
  if (rx < 0 && ry < 0 && !PetscIsInfOrNanReal(c)) return ExprNumber(b, c);
  if (cx == 1 && rx < 0) return y;
  if (cy == 1 && ry < 0) return x;
  if (!InRange(cx) || !InRange(cy) || !InRange(c)) return ry < 0 ? ExprIntern(b, EXPR_MUL, y, x, 0) : ExprIntern(b, EXPR_MUL, x, y, 0);
  if (rx < 0) return Scale(b, c, ry);
  if (ry < 0) return Scale(b, c, rx);
  return Scale(b, c, Product(b, rx, ry));
}

static int Divide(ExprBuilder *b, int x, int y)
{
  int       rx, ry;
  PetscReal cx = Split(b, x, &rx), cy = Split(b, y, &ry), c = cx / cy;

  if (ry < 0) {
    if (cy == 1) return x;
    if (rx < 0 && cy != 0 && !PetscIsInfOrNanReal(c)) return ExprNumber(b, c);
    if (cx == 0 || (cy != 0 && (!InRange(cx) || !InRange(cy) || !InRange(c)))) return ExprIntern(b, EXPR_DIV, x, y, 0);
    if (cy < 0) return Negate(b, Divide(b, x, ExprNumber(b, -cy)));
    if (rx >= 0 && cy != 0 && fma(c, cy, -cx) == 0) return Scale(b, c, rx); /* 6*x/3, x/4: only where nothing is rounded */
    return Scale(b, cx, ExprIntern(b, EXPR_DIV, rx < 0 ? ExprNumber(b, 1) : rx, y, 0));
  }
  if (cx == 0) return ExprNumber(b, 0);
  if (!InRange(cx) || !InRange(cy) || !InRange(c)) return ExprIntern(b, EXPR_DIV, x, y, 0);
  if (rx >= 0) return Scale(b, c, ExprIntern(b, EXPR_DIV, rx, ry, 0));
  return Scale(b, c, ExprIntern(b, EXPR_DIV, ExprNumber(b, 1), ry, 0));
}

/* x^n for a whole n, |n| <= EXPR_MAX_POWER */
static int Power(ExprBuilder *b, int x, int n)
{
  ExprNode node = b->nodes[x];

  if (n == 0) return ExprNumber(b, 1);
  if (n == 1) return x;
  if (node.op == EXPR_CONST) {
    PetscReal value = ExprApply(EXPR_POWI, node.value, 0, n);

    if (!PetscIsInfOrNanReal(value)) return ExprNumber(b, value);
  }
  if (node.op == EXPR_NEG) return n % 2 ? Negate(b, Power(b, node.a, n)) : Power(b, node.a, n);
  if (node.op == EXPR_ABS && n % 2 == 0) return Power(b, node.a, n);
  if (node.op == EXPR_POWI && PetscAbsReal(node.value * n) <= EXPR_MAX_POWER) return Power(b, node.a, (int)node.value * n);
  if (n == -1) return Divide(b, ExprNumber(b, 1), x);
  return ExprIntern(b, EXPR_POWI, x, -1, n);
}

static int General(ExprBuilder *b, int x, int y)
{
  PetscReal base, exponent;

  if (ExprIsNumber(b, y, &exponent)) {
    if (exponent == floor(exponent) && fabs(exponent) <= EXPR_MAX_POWER) return Power(b, x, (int)exponent);
    if (exponent == 0.5) return ExprMake(b, EXPR_SQRT, x, -1);
    if (ExprIsNumber(b, x, &base) && !PetscIsInfOrNanReal(pow(base, exponent))) return ExprNumber(b, pow(base, exponent));
  }
  if (Is(b, x, 1)) return x;
  return ExprIntern(b, EXPR_POW, x, y, 0);
}

/* functions of one argument: numbers, and signs taken out of odd and even functions (exact in libm) */
static int Function(ExprBuilder *b, ExprOp op, int x)
{
  int       rest;
  PetscReal c = Split(b, x, &rest), value;

  if (rest < 0) {
    value = ExprApply(op, c, 0, 0);
    return PetscIsInfOrNanReal(value) ? ExprIntern(b, op, x, -1, 0) : ExprNumber(b, value);
  }
  if (op == EXPR_ABS && b->nodes[x].op == EXPR_ABS) return x;
  if (c < 0) {
    switch (op) {
    case EXPR_SIN:
    case EXPR_TAN:
    case EXPR_ASIN:
    case EXPR_ATAN:
    case EXPR_SINH:
    case EXPR_TANH:
    case EXPR_ERF:
    case EXPR_SIGN: return Negate(b, ExprIntern(b, op, Scale(b, -c, rest), -1, 0));
    case EXPR_COS:
    case EXPR_COSH:
    case EXPR_ABS: return ExprIntern(b, op, Scale(b, -c, rest), -1, 0);
    default: break;
    }
  }
  return ExprIntern(b, op, x, -1, 0);
}

int ExprMake(ExprBuilder *b, ExprOp op, int x, int y)
{
  PetscReal p, q, value;

  if (b->ierr || b->full) return 0;
  switch (op) {
  case EXPR_ADD: return Add(b, x, y);
  case EXPR_SUB: return Subtract(b, x, y);
  case EXPR_MUL: return Multiply(b, x, y);
  case EXPR_DIV: return Divide(b, x, y);
  case EXPR_POW: return General(b, x, y);
  case EXPR_NEG: return Negate(b, x);
  case EXPR_MIN:
  case EXPR_MAX:
    if (x == y) return x;
    /* fall through */
  case EXPR_ATAN2:
    if (ExprIsNumber(b, x, &p) && ExprIsNumber(b, y, &q)) {
      value = ExprApply(op, p, q, 0);
      return ExprNumber(b, value);
    }
    return ExprIntern(b, op, x, y, 0);
  default: return Function(b, op, x);
  }
}
