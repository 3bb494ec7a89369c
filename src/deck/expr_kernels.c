/* Operations of expressions at a block of points; compiled once per instruction set. Each formula is a single rounded operation or a call of libm, so
   all instruction sets give the same bits. */
#include "expr_kernels.h"
#include "expr_value.h"

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

static void TES_KERNEL(Apply)(ExprOp op, int power, PetscInt n, const PetscReal *x, PetscBool x_varies, const PetscReal *y, PetscBool y_varies, PetscReal *r)
{
  switch (op) {
#define MANY(OP) \
  case EXPR_##OP: Loop(EXPR_##OP, power, n, x, x_varies, y, y_varies, r); break;
    EXPR_OPERATIONS(MANY)
#undef MANY
  case EXPR_CONST:
  case EXPR_VAR: break;
  }
}

const ExprKernelTable TES_KERNEL(ExprKernels) = {.apply = TES_KERNEL(Apply)};
