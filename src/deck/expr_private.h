#pragma once
/* Inside of expressions. An expression is a list of operations in which operands stand before their use (a directed acyclic graph): equal
   subexpressions are one entry, and every pass over it (derivative, substitution, evaluation) is one loop without recursion. */
#include <tessera/expr.h>

#define EXPR_MAX_NODES (1 << 20) /* keeps a hostile deck from eating the memory: 24 bytes each */

typedef enum {
  EXPR_CONST, /* value */
  EXPR_VAR,   /* a = number of the variable */
  EXPR_ADD,
  EXPR_SUB,
  EXPR_MUL,
  EXPR_DIV,
  EXPR_POW,
  EXPR_POWI, /* a ^ value, value a whole number of at most EXPR_MAX_POWER */
  EXPR_MIN,
  EXPR_MAX,
  EXPR_ATAN2,
  EXPR_NEG,
  EXPR_SIN,
  EXPR_COS,
  EXPR_TAN,
  EXPR_ASIN,
  EXPR_ACOS,
  EXPR_ATAN,
  EXPR_SINH,
  EXPR_COSH,
  EXPR_TANH,
  EXPR_EXP,
  EXPR_LOG,
  EXPR_SQRT,
  EXPR_ABS,
  EXPR_SIGN,
  EXPR_STEP,
  EXPR_ERF
} ExprOp;

#define EXPR_MAX_POWER 64 /* by repeated multiplication up to here; pow() is more accurate beyond */

/* Merged coefficients stay within these bounds: then c*(x*y) and (c*x)*y over- or underflow together for all sensible x and y. */
#define EXPR_COEFFICIENT_MIN 1e-100
#define EXPR_COEFFICIENT_MAX 1e100

typedef struct {
  ExprOp    op;
  int       a, b;  /* entries of the operands, -1 where there is none */
  PetscReal value; /* EXPR_CONST, EXPR_POWI */
} ExprNode;

/* A growing list with a hash table. The first failure sticks in ierr and later calls do nothing: formulas are written as nested calls and the
   error is looked at once, by ExprFinish. */
typedef struct {
  ExprNode      *nodes;
  int            n, capacity;
  int           *table; /* entry + 1, or 0; size 2 capacity, a power of two */
  PetscBool      full;  /* stopped at EXPR_MAX_NODES */
  PetscErrorCode ierr;
} ExprBuilder;

struct _p_TesExpr {
  ExprNode  *nodes; /* the last one is the expression */
  int        n;
  char     **variables;
  PetscInt   n_variables;
  PetscReal *scratch; /* [n] values of one point */
  char      *text;    /* made at first request */
};

/* expr.c */
PetscErrorCode ExprStart(ExprBuilder *b);
void           ExprAbandon(ExprBuilder *b);
PetscErrorCode ExprFinish(ExprBuilder *b, int root, const char *const variables[], PetscInt n_variables, TesExpr *expr); /* also after a failure: frees b */
int            ExprIntern(ExprBuilder *b, ExprOp op, int a, int c, PetscReal value);
PetscErrorCode ExprImport(ExprBuilder *b, TesExpr expr, int *root); /* copy another expression's entries into b */
PetscErrorCode ExprSplitNames(const char text[], char ***names, PetscInt *n);
PetscErrorCode ExprFreeNames(char ***names, PetscInt n);

/* expr_simplify.c: constructors that simplify */
int       ExprNumber(ExprBuilder *b, PetscReal value);
int       ExprVariable(ExprBuilder *b, PetscInt which);
int       ExprMake(ExprBuilder *b, ExprOp op, int x, int y); /* any operation; y = -1 for one operand; not EXPR_POWI */
PetscBool ExprIsNumber(const ExprBuilder *b, int x, PetscReal *value);

/* expr_table.c: names and values of the operations */
typedef struct {
  const char *name; /* as in the text; NULL where there is a sign for it */
  ExprOp      op;
  int         arguments;
} ExprFunction;
extern const ExprFunction ExprFunctions[]; /* ends with a NULL name */
PetscReal   ExprApply(ExprOp op, PetscReal x, PetscReal y, PetscReal value);
void        ExprApplyMany(ExprOp op, PetscReal value, PetscInt n, const PetscReal *x, PetscBool x_varies, const PetscReal *y, PetscBool y_varies, PetscReal *r);
const char *ExprFunctionName(ExprOp op);
