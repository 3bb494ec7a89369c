/* Expressions: the object, and the list of operations behind it.

   Operations are kept once each: a hash table over (operation, operands, value) finds an equal one before a new one is made, so common
   subexpressions are evaluated once and u appears once in u_xx + u_yy + u^3. Derivatives and substitutions start from a copy of the list and
   ExprFinish keeps what the result needs. Cost of every pass: linear in the number of different operations. */
#include "expr_private.h"
#include <ctype.h>
#include <string.h>

/* ---- lists under construction ---- */

PetscErrorCode ExprStart(ExprBuilder *b)
{
  PetscFunctionBegin;
  memset(b, 0, sizeof *b);
  b->capacity = 64;
  PetscCall(PetscMalloc1(b->capacity, &b->nodes));
  PetscCall(PetscCalloc1(2 * b->capacity, &b->table));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void ExprAbandon(ExprBuilder *b)
{
  (void)PetscFree(b->nodes);
  (void)PetscFree(b->table);
  b->n = b->capacity = 0;
}

static unsigned Hash(const ExprNode *node)
{
  uint64_t bits, h;

  memcpy(&bits, &node->value, sizeof bits);
  h = bits ^ ((uint64_t)node->op << 56) ^ ((uint64_t)(unsigned)node->a << 28) ^ (uint64_t)(unsigned)node->b;
  /* finalizer of splitmix64: spreads small entry numbers over the table */
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
  return (unsigned)(h ^ (h >> 31));
}

/* place of an equal operation in the table, or the free place where it would go */
static unsigned Place(const ExprBuilder *b, const ExprNode *node)
{
  unsigned mask = 2 * (unsigned)b->capacity - 1, i = Hash(node) & mask;

  while (b->table[i]) {
    const ExprNode *other = &b->nodes[b->table[i] - 1];

    /* values by their bits: 0 and -0 are different constants */
    if (other->op == node->op && other->a == node->a && other->b == node->b && !memcmp(&other->value, &node->value, sizeof node->value)) break;
    i = (i + 1) & mask;
  }
  return i;
}

static PetscErrorCode Grow(ExprBuilder *b)
{
  ExprNode *nodes;
  int      *table;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(2 * (size_t)b->capacity, &nodes));
  PetscCall(PetscArraycpy(nodes, b->nodes, b->n));
  PetscCall(PetscFree(b->nodes));
  b->nodes = nodes;
  PetscCall(PetscCalloc1(4 * (size_t)b->capacity, &table));
  PetscCall(PetscFree(b->table));
  b->table = table;
  b->capacity *= 2;
  for (int k = 0; k < b->n; k++) b->table[Place(b, &b->nodes[k])] = k + 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

int ExprIntern(ExprBuilder *b, ExprOp op, int a, int c, PetscReal value)
{
  ExprNode node = {op, a, c, value};
  unsigned place;

  if (b->ierr || b->full) return 0;
  place = Place(b, &node);
  if (b->table[place]) return b->table[place] - 1;
  if (op == EXPR_ADD || op == EXPR_MUL) { /* y + x is x + y to the last bit: found, though never written in another order than the user's */
    ExprNode swapped = {op, c, a, value};
    unsigned other   = Place(b, &swapped);

    if (b->table[other]) return b->table[other] - 1;
  }
  if (b->n == EXPR_MAX_NODES) {
    b->full = PETSC_TRUE;
    return 0;
  }
  if (b->n == b->capacity) {
    b->ierr = Grow(b);
    if (b->ierr) return 0;
    place = Place(b, &node);
  }
  b->nodes[b->n]  = node;
  b->table[place] = b->n + 1;
  return b->n++;
}

PetscErrorCode ExprImport(ExprBuilder *b, TesExpr expr, int *root)
{
  int *map;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(expr->n, &map));
  for (int k = 0; k < expr->n; k++) {
    const ExprNode *node    = &expr->nodes[k];
    PetscBool       operand = (PetscBool)(node->op != EXPR_CONST && node->op != EXPR_VAR);

    map[k] = ExprIntern(b, node->op, operand ? map[node->a] : node->a, operand && node->b >= 0 ? map[node->b] : node->b, node->value);
  }
  *root = map[expr->n - 1];
  PetscCall(PetscFree(map));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* mark what the root stands on; operands have lower numbers, so one sweep downwards does it */
static PetscErrorCode Keep(const ExprBuilder *b, int root, int **map, int *n)
{
  PetscFunctionBegin;
  PetscCall(PetscCalloc1((size_t)root + 1, map));
  (*map)[root] = 1;
  for (int k = root; k >= 0; k--) {
    const ExprNode *node = &b->nodes[k];

    if (!(*map)[k] || node->op == EXPR_CONST || node->op == EXPR_VAR) continue;
    (*map)[node->a] = 1;
    if (node->b >= 0) (*map)[node->b] = 1;
  }
  *n = 0;
  for (int k = 0; k <= root; k++) (*map)[k] = (*map)[k] ? (*n)++ : -1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CreateFrom(const ExprBuilder *b, int root, const char *const variables[], PetscInt n_variables, TesExpr *expr)
{
  TesExpr e;
  int    *map;

  PetscFunctionBegin;
  PetscCall(PetscNew(&e));
  *expr = e;
  PetscCall(Keep(b, root, &map, &e->n));
  PetscCall(PetscMalloc1(e->n, &e->nodes));
  PetscCall(PetscMalloc1(e->n, &e->scratch));
  for (int k = 0; k <= root; k++) {
    if (map[k] < 0) continue;
    e->nodes[map[k]] = b->nodes[k];
    if (b->nodes[k].op == EXPR_CONST || b->nodes[k].op == EXPR_VAR) continue;
    e->nodes[map[k]].a = map[b->nodes[k].a];
    if (b->nodes[k].b >= 0) e->nodes[map[k]].b = map[b->nodes[k].b];
  }
  PetscCall(PetscFree(map));
  PetscCall(PetscCalloc1(n_variables + 1, &e->variables));
  e->n_variables = n_variables;
  for (PetscInt k = 0; k < n_variables; k++) PetscCall(PetscStrallocpy(variables[k], &e->variables[k]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ExprFinish(ExprBuilder *b, int root, const char *const variables[], PetscInt n_variables, TesExpr *expr)
{
  PetscErrorCode ierr = b->ierr;
  PetscBool      full = b->full;

  PetscFunctionBegin;
  *expr = NULL;
  if (!ierr && !full) ierr = CreateFrom(b, root, variables, n_variables, expr);
  ExprAbandon(b);
  if (ierr) (void)TesExprDestroy(expr);
  PetscCall(ierr);
  PetscCheck(!full, PETSC_COMM_SELF, TES_ERR_DECK, "an expression (or its derivative) needs more than %d different operations", EXPR_MAX_NODES);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- names ---- */

PetscErrorCode ExprSplitNames(const char text[], char ***names, PetscInt *n)
{
  PetscFunctionBegin;
  *n = 0;
  PetscCall(PetscCalloc1(strlen(text) / 2 + 2, names));
  for (const char *p = text; *p;) {
    size_t length = 0;

    while (isspace((unsigned char)*p)) p++;
    while (p[length] && !isspace((unsigned char)p[length])) length++;
    if (!length) break;
    PetscCall(PetscMalloc1(length + 1, &(*names)[*n]));
    memcpy((*names)[*n], p, length);
    (*names)[(*n)++][length] = 0;
    p += length;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ExprFreeNames(char ***names, PetscInt n)
{
  PetscFunctionBegin;
  if (!*names) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt k = 0; k < n; k++) PetscCall(PetscFree((*names)[k]));
  PetscCall(PetscFree(*names));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- the object ---- */

PetscErrorCode TesExprDestroy(TesExpr *expr)
{
  TesExpr e = *expr;

  PetscFunctionBegin;
  if (!e) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscFree(e->nodes));
  PetscCall(PetscFree(e->scratch));
  PetscCall(PetscFree(e->text));
  PetscCall(ExprFreeNames(&e->variables, e->n_variables));
  PetscCall(PetscFree(*expr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesExprConstant(PetscReal value, const char variables[], TesExpr *expr)
{
  ExprBuilder b;
  char      **names;
  PetscInt    n;

  PetscFunctionBegin;
  PetscCheck(!PetscIsInfOrNanReal(value), PETSC_COMM_SELF, PETSC_ERR_FP, "a constant of an expression must be finite, not %g", (double)value);
  PetscCall(ExprSplitNames(variables, &names, &n));
  PetscCall(ExprStart(&b));
  PetscCall(ExprFinish(&b, ExprNumber(&b, value), (const char *const *)names, n, expr));
  PetscCall(ExprFreeNames(&names, n));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesExprCopy(TesExpr expr, TesExpr *copy)
{
  ExprBuilder b;
  int         root;

  PetscFunctionBegin;
  PetscCall(ExprStart(&b));
  PetscCall(ExprImport(&b, expr, &root));
  PetscCall(ExprFinish(&b, root, (const char *const *)expr->variables, expr->n_variables, copy));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesExprCombine(char op, TesExpr x, TesExpr y, TesExpr *result)
{
  ExprBuilder b;
  ExprOp      code = EXPR_ADD;
  int         left, right;

  PetscFunctionBegin;
  PetscCheck(x->n_variables == y->n_variables, PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP, "expressions of %" PetscInt_FMT " and of %" PetscInt_FMT " variables", x->n_variables,
             y->n_variables);
  for (PetscInt k = 0; k < x->n_variables; k++)
    PetscCheck(!strcmp(x->variables[k], y->variables[k]), PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP, "expressions in `%s` and in `%s`", x->variables[k], y->variables[k]);
  switch (op) {
  case '+': code = EXPR_ADD; break;
  case '-': code = EXPR_SUB; break;
  case '*': code = EXPR_MUL; break;
  case '/': code = EXPR_DIV; break;
  case '^': code = EXPR_POW; break;
  default: SETERRQ(PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "no operation `%c`: there are + - * / ^", op);
  }
  PetscCall(ExprStart(&b));
  PetscCall(ExprImport(&b, x, &left));
  PetscCall(ExprImport(&b, y, &right));
  PetscCall(ExprFinish(&b, ExprMake(&b, code, left, right), (const char *const *)x->variables, x->n_variables, result));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscBool TesExprUses(TesExpr expr, PetscInt which)
{
  for (int k = 0; k < expr->n; k++)
    if (expr->nodes[k].op == EXPR_VAR && expr->nodes[k].a == which) return PETSC_TRUE;
  return PETSC_FALSE;
}

PetscInt TesExprVariables(TesExpr expr)
{
  return expr->n_variables;
}
