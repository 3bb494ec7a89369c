#pragma once
/* lindblad, private: Liouvillians of sites of any dimension in ket-bra form (ketbra.c, ketbra_kernel.c). */
#include "liouville.h"

#define LB_PANEL 8 /* columns at once */

/* sparse rows of A = -i H - K/2 */
typedef struct {
  PetscInt64 n;
  int       *start, *column;
  double    *re, *im;    /* values of the present factors, times scale */
  double    *diagonal;   /* real part of the diagonal (not in re when `imaginary`) */
  PetscBool  imaginary;  /* off the diagonal, and its imaginary part, nothing real */
} LbRows;

typedef struct {
  void (*load)(int64_t n, int64_t column, const double *x, double *panel);                              /* panel[n][16] = R, M of 8 columns */
  void (*multiply)(const LbRows *a, int64_t from, int64_t to, const double *panel, double *product);    /* product[n][16] = Re, Im of A rho */
  void (*store)(int64_t n, int64_t column, const double *product, double *w, double *v);                /* both parts of A rho + h.c. into w (v: the part of rows, or NULL: w too) */
  void (*start)(int64_t n, double a, double b, double shift, const double *x0, const double *x, const double *w, const double *v, double *y); /* one row */
  void (*jump)(int64_t n, int64_t shift, double c, const double *factor, const double *x, double *y);   /* y_j += c factor_j x_{j + shift} */
} LbKetbraKernels;

typedef struct _p_LbKetbra *LbKetbra;
PetscErrorCode LbKetbraCreate(const LbSpace *space, LbModel *model, PetscBool adjoint, char problem[256], LbKetbra *k);
PetscErrorCode LbKetbraApply(LbKetbra k, const PetscReal f[], const LbFused *fused, const LbVec *x, LbVec *y);
PetscErrorCode LbKetbraDestroy(LbKetbra *k);
