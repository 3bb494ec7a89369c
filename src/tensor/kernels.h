#pragma once
/* Loops over plain arrays, compiled per instruction set and for both types (kernels.c). They cannot fail; results do not depend on where an array begins or ends:
   what is left at its end goes through the same vector code in a padded block. */
#include <tessera/isa.h>
#include <tessera/tensor.h>

typedef enum { BINARY_ADD, BINARY_SUBTRACT, BINARY_MULTIPLY, BINARY_DIVIDE, BINARY_MAXIMUM, BINARY_MINIMUM, BINARY_AT_LEAST, BINARY_AT_MOST } BinaryKind; /* the last two: a >= b, a <= b as 1 or 0 */

typedef struct {
  /* y = k-th derivative of the activation at x */
  void (*unary)(int kind, int k, double p, double q, PetscInt64 n, const void *x, void *y);
  /* y = g times the first derivative at x */
  void (*unary_back)(int kind, double p, double q, PetscInt64 n, const void *x, const void *g, void *y);
  /* strides sa, sb are 0 or 1 */
  void (*binary)(BinaryKind kind, PetscInt64 n, const void *a, int sa, const void *b, int sb, void *y);
  void (*axpby)(PetscInt64 n, double alpha, const void *a, int sa, double beta, const void *b, int sb, void *y);
  void (*scale)(PetscInt64 n, double a, const void *x, double b, void *y);
  void (*add_to)(PetscInt64 n, void *a, const void *b);
  /* y[o][i] = factor sum_r x[o][r][i], pairwise, in double */
  void (*sum)(PetscInt64 outer, PetscInt64 r, PetscInt64 inner, double factor, const void *x, void *y);
  /* rows of length n: softmax or its logarithm; and g -> adjoint of the argument, y the result */
  void (*softmax)(PetscInt64 rows, PetscInt64 n, int log, const void *x, void *y);
  void (*softmax_back)(PetscInt64 rows, PetscInt64 n, int log, const void *y, const void *g, void *out);
  /* rows: y = (x - mean) / sqrt(variance + eps), r = that root's reciprocal [rows]; and its adjoint */
  void (*normalise)(PetscInt64 rows, PetscInt64 n, double eps, const void *x, void *y, void *r);
  void (*normalise_back)(PetscInt64 rows, PetscInt64 n, const void *y, const void *r, const void *g, void *out);
  /* y[.] = exp(scale x[.] - shift): a row of attention weights */
  void (*exp_shift)(PetscInt64 n, double scale, double shift, const void *x, void *y);
  double (*max)(PetscInt64 n, const void *x);     /* of a row, n >= 1 */
  double (*largest)(PetscInt64 n, const void *x); /* |x|, infinity if a number is not finite */
  /* digits of the exact sum, attention's adjoint of a row of scores */
  void (*digits)(PetscInt64 n, const void *x, const double s[3], double *d1, double *d2, double *d3);
  void (*join)(PetscInt64 n, double g1, double g2, const double *d1, const double *d2, const double *d3, double *sum);
  void (*score_back)(PetscInt64 n, PetscInt64 e, double scale, const void *g, const void *y, const void *p, void *s);
} Kernels;

TES_KERNEL_DECLARE(Kernels, KernelsF64);
TES_KERNEL_DECLARE(Kernels, KernelsF32);

/* the table of a type for this CPU; a tape asks once */
const Kernels *KernelsFor(TesType type);
