#pragma once
/* Operations at many points, one table per instruction set. */
#include "expr_private.h"
#include <tessera/isa.h>

typedef struct {
  /* r[i] = op(x[i], y[i]); an operand that does not vary is read at [0]. r may be x or y. `power` is the exponent of EXPR_POWI. */
  void (*apply)(ExprOp op, int power, PetscInt n, const PetscReal *x, PetscBool x_varies, const PetscReal *y, PetscBool y_varies, PetscReal *r);
} ExprKernelTable;

TES_KERNEL_DECLARE(ExprKernelTable, ExprKernels);
