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
  /* panel[n][16] = R, M of `width` columns from `column` on: X_ij of these columns at columns[i stride + j - column], X_ji at rows[(j - column) n + i] */
  void (*load)(int64_t n, int64_t column, int width, const double *columns, int64_t stride, const double *rows, double *panel);
  void (*multiply)(const LbRows *a, int64_t from, int64_t to, const double *panel, double *product); /* product[n][16] = Re, Im of A rho */
  /* both parts of A rho + h.c. to the places of load; rows NULL: both into the whole matrix that `columns` points into */
  void (*store)(int64_t n, int64_t column, int width, const double *product, double *columns, int64_t stride, double *rows);
  void (*start)(int64_t n, double a, double b, double shift, const double *x0, const double *x, const double *w, const double *v, double *y); /* n entries of a row */
  void (*jump)(int64_t n, double c, const double *factor, const double *x, double *y);                  /* y_j += c factor_j x_j */
} LbKetbraKernels;

/* a sparse complex matrix with contributions of several factors of time */
typedef struct {
  PetscInt64 n;
  int        n_entries, n_parts, room;
  int       *start, *column;
  int       *part_entry, *part_time;
  LbComplex *part_c;
  int       *part_row, *part_column; /* while collecting */
} LbSparse;

typedef struct {
  PetscReal  rate;
  int        time;
  PetscBool  shifted;
  PetscInt64 shift;
  double    *factor;       /* [n] */
  int       *start, *column;
  LbComplex *value;
} LbKetbraJump;

struct _p_LbKetbra {
  const LbSpace         *space;
  PetscInt64             n;
  int                    n_times, n_jumps;
  LbSparse               a;
  LbRows                 rows;
  LbKetbraJump          *jump;
  LbVec                  w, v, transposed; /* transposed: of the state, for jumps of several entries per row where messages are sent */
  double                *panel, *product;
  PetscReal             *factors, scale;
  PetscBool              ready;
  const LbKetbraKernels *kernels;
  struct _p_LbKetbraMessages *messages; /* or NULL: ranks share memory */
};

typedef struct _p_LbKetbra *LbKetbra;
PetscErrorCode LbKetbraCreate(const LbSpace *space, LbModel *model, PetscBool adjoint, char problem[256], LbKetbra *k);
PetscErrorCode LbKetbraApply(LbKetbra k, const PetscReal f[], const LbFused *fused, const LbVec *x, LbVec *y);
PetscErrorCode LbKetbraDestroy(LbKetbra *k);
/* where row i of the jumps reads: one pair per jump with one entry per row (NULL where it has none), one per entry else; in the order of the jumps */
typedef struct {
  const double *row, *column; /* X_k. and X_.k at `stride` */
} LbKetbraSource;

int  LbKetbraSources(LbKetbra k);   /* of a row at most */
void LbKetbraRow(LbKetbra k, const PetscReal f[], const LbFused *fused, PetscInt64 i, const LbKetbraSource source[], PetscInt64 stride, const double *x0, const double *x, const double *w, const double *v, double *y);
PetscErrorCode LbKetbraJumps(LbModel *model, PetscBool adjoint, LbKetbra k); /* k->jump, for k->n states */
PetscErrorCode LbKetbraJumpsDestroy(LbKetbra k);

/* ketbra_message.c */
PetscErrorCode LbKetbraMessagesCreate(LbKetbra k);
PetscErrorCode LbKetbraMessages(LbKetbra k, const PetscReal f[], const LbFused *fused, const LbVec *x, LbVec *y);
PetscErrorCode LbKetbraMessagesDestroy(LbKetbra k);
PetscErrorCode LbKetbraTraffic(LbKetbra k, LbTraffic *traffic);
PetscErrorCode LbKetbraTrafficEstimate(LbModel *model, int ranks, const LbParallel *parallel, LbTraffic *traffic);
