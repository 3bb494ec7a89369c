#pragma once
/* lindblad, private: pure states of a whole system on one rank, and the operators that act on them. */
#include "lindblad.h"

/* amplitudes in two arrays, [n] each */
typedef struct {
  double *re, *im;
} LbKet;

/* y_i += f c_i x_{i ^ flip}, c constant or a table */
typedef struct {
  PetscInt64 flip;
  int        time;
  double     re, im;     /* the constant, times the factor of time */
  double     re_1, im_1; /* the constant itself */
  double    *table_re, *table_im; /* [n], or NULL */
  double     factor;     /* of the table */
} LbFlip;

/* sparse rows, for sites of other dimensions */
typedef struct {
  int    *start, *column;
  double *re, *im;
} LbKetRows;

typedef struct {
  void (*flips)(PetscInt64 n, int n_flips, const LbFlip *flip, const double *xr, const double *xi, double *yr, double *yi);
  void (*rows)(PetscInt64 n, const LbKetRows *a, const double *xr, const double *xi, double *yr, double *yi);
  void (*combine)(PetscInt64 n, int m, const double *c, const double *const *v, double *y);
  double (*norm)(PetscInt64 n, const double *re, const double *im);                                                         /* |x|^2 */
  double (*norm_combine)(PetscInt64 n, int m, const double *c, const double *const *re, const double *const *im);           /* |sum c v|^2 */
  void (*bit)(PetscInt64 n, PetscInt64 bit, const double m[8], double *re, double *im);                                     /* in place 2 x 2 matrix (re, im pairs) on one bit */
  void (*multiply)(PetscInt64 n, const double *cr, const double *ci, double *re, double *im);                               /* in place by a table */
} LbKetKernels;

const LbKetKernels *LbKetKernelsPick(void);

typedef struct _p_LbKetOperator *LbKetOperator;

/*@
  LbKetOperatorCreate - the operator -i H_eff(t), H_eff = H - (i/2) sum_k g_k J_k+ J_k, on all n amplitudes

  LbKetOperatorApply - y = -i H_eff(t) x with the factors f of time

  Not Collective
@*/
PetscErrorCode LbKetOperatorCreate(LbModel *model, LbKetOperator *a);
PetscErrorCode LbKetOperatorApply(LbKetOperator a, const PetscReal f[], const LbKet *x, LbKet *y);
PetscErrorCode LbKetOperatorDestroy(LbKetOperator *a);
PetscErrorCode LbKetOperatorFlips(LbKetOperator a, int *n, const LbFlip **flips); /* qubits only: the terms; 0 otherwise */

PetscErrorCode LbKetCreate(PetscInt64 n, LbKet *x);
PetscErrorCode LbKetDestroy(LbKet *x);
void           LbKetProduct(const LbModel *model, LbComplex c, const LbProduct *p, const LbKet *x, LbKet *y); /* y += c P x */
LbComplex      LbKetExpectation(const LbModel *model, LbComplex c, const LbProduct *p, const LbKet *x);       /* c <x|P|x> */
