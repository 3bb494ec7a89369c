/* Values of expressions. The list of operations is the program: one register per operation.

   At many points it runs in blocks of BLOCK points, so that the registers stay in the first cache levels; a register is given to the next operation
   after its last use. What does not change from point to point (numbers, variables of stride 0 and everything made of them) is worked out once per
   call. Cost: that of libm for the functions, else about one load and store per operation and point. Same bits however points are dealt out to calls. */
#include "expr_private.h"
#include <string.h>

#define BLOCK 512 /* 4 KB per register */

PetscReal TesExprEvaluate(TesExpr expr, const PetscReal values[])
{
  PetscReal *r = expr->scratch;

  for (int k = 0; k < expr->n; k++) {
    const ExprNode *node = &expr->nodes[k];

    if (node->op == EXPR_CONST) r[k] = node->value;
    else if (node->op == EXPR_VAR) r[k] = values[node->a];
    else r[k] = ExprApply(node->op, r[node->a], node->b < 0 ? 0 : r[node->b], node->value);
  }
  return r[expr->n - 1];
}

typedef struct {
  PetscBool *varies;   /* [n] from point to point? */
  int       *slot;     /* [n] register, for operations that vary */
  int       *last_use; /* [n] last operation that reads this one */
  int       *free;     /* [n] registers to be given out again */
  int        n_slots;
} Program;

static PetscErrorCode ProgramDestroy(Program *p)
{
  PetscFunctionBegin;
  PetscCall(PetscFree4(p->varies, p->slot, p->last_use, p->free));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ProgramCreate(TesExpr expr, const PetscInt stride[], Program *p)
{
  int n_free = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc4(expr->n, &p->varies, expr->n, &p->slot, expr->n, &p->last_use, expr->n, &p->free));
  p->n_slots = 0;
  for (int k = 0; k < expr->n; k++) {
    const ExprNode *node = &expr->nodes[k];

    p->last_use[k] = k;
    p->slot[k]     = -1;
    if (node->op == EXPR_CONST) {
      p->varies[k] = PETSC_FALSE;
    } else if (node->op == EXPR_VAR) {
      p->varies[k] = (PetscBool)(!stride || stride[node->a] != 0);
    } else {
      p->varies[k]         = (PetscBool)(p->varies[node->a] || (node->b >= 0 && p->varies[node->b]));
      p->last_use[node->a] = k;
      if (node->b >= 0) p->last_use[node->b] = k;
    }
  }
  for (int k = 0; k < expr->n; k++) {
    const ExprNode *node = &expr->nodes[k];

    if (!p->varies[k] || node->op == EXPR_VAR) continue;
    /* operands read for the last time make room first: an operation may write over its operand, point by point */
    if (p->slot[node->a] >= 0 && p->last_use[node->a] == k) p->free[n_free++] = p->slot[node->a];
    if (node->b >= 0 && node->b != node->a && p->slot[node->b] >= 0 && p->last_use[node->b] == k) p->free[n_free++] = p->slot[node->b];
    p->slot[k] = n_free ? p->free[--n_free] : p->n_slots++;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Run(TesExpr expr, const Program *p, PetscInt64 n, const PetscReal *const v[], PetscReal *registers, PetscReal *result)
{
  const PetscReal **at;
  const int         root = expr->n - 1;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(expr->n, &at));
  for (int k = 0; k < expr->n; k++) {
    const ExprNode *node = &expr->nodes[k];

    if (p->varies[k]) continue;
    if (node->op == EXPR_CONST) expr->scratch[k] = node->value;
    else if (node->op == EXPR_VAR) expr->scratch[k] = v[node->a][0];
    else expr->scratch[k] = ExprApply(node->op, expr->scratch[node->a], node->b < 0 ? 0 : expr->scratch[node->b], node->value);
    at[k] = &expr->scratch[k];
  }
  for (PetscInt64 start = 0; start < n; start += BLOCK) {
    PetscInt m = (PetscInt)PetscMin(n - start, (PetscInt64)BLOCK);

    for (int k = 0; k < expr->n; k++) {
      const ExprNode *node = &expr->nodes[k];
      PetscReal      *to;
      int             second = node->b < 0 ? node->a : node->b; /* a function of one argument reads it twice */

      if (!p->varies[k]) continue;
      if (node->op == EXPR_VAR) {
        at[k] = v[node->a] + start;
        continue;
      }
      to = k == root ? result + start : registers + (size_t)BLOCK * (size_t)p->slot[k];
      ExprApplyMany(node->op, node->value, m, at[node->a], p->varies[node->a], at[second], p->varies[second], to);
      at[k] = to;
    }
    if (expr->nodes[root].op == EXPR_VAR && p->varies[root]) memmove(result + start, at[root], (size_t)m * sizeof *result);
  }
  if (!p->varies[root])
    for (PetscInt64 i = 0; i < n; i++) result[i] = expr->scratch[root];
  PetscCall(PetscFree(at));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesExprEvaluateMany(TesExpr expr, PetscInt64 n, const PetscReal *const v[], const PetscInt stride[], PetscReal *result)
{
  Program    p;
  PetscReal *registers;

  PetscFunctionBegin;
  if (n <= 0) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt k = 0; k < expr->n_variables; k++)
    PetscCheck(!TesExprUses(expr, k) || (v && v[k]), PETSC_COMM_SELF, PETSC_ERR_ARG_NULL, "the expression uses `%s`, which has no values", expr->variables[k]);
  PetscCall(ProgramCreate(expr, stride, &p));
  PetscCall(PetscMalloc1((size_t)BLOCK * (size_t)PetscMax(1, p.n_slots), &registers));
  PetscCall(Run(expr, &p, n, v, registers, result));
  PetscCall(PetscFree(registers));
  PetscCall(ProgramDestroy(&p));
  PetscFunctionReturn(PETSC_SUCCESS);
}
