#pragma once
/* lindblad, private: kernels of state vectors, one table per instruction set.

   A tile holds LB_LANES neighbouring spectators of a window of sites: [rows][2][LB_LANES], real parts then imaginary parts of a row. */
#include <tessera/base.h>

#define LB_LANES 32

typedef enum { LB_ENTRIES_COMPLEX, LB_ENTRIES_REAL, LB_ENTRIES_IMAGINARY } LbEntries;

/* sparse matrix on the rows of a tile */
typedef struct {
  int        rows, n_entries;
  LbEntries  entries;
  int       *start, *column; /* start[rows + 1] */
  double    *re, *im;
} LbTileMatrix;

typedef struct {
  /* tile <- x: element (r, l) at offset[r] + lane[l]; lanes beyond n_lanes are zero. run: lane[l] = lane[0] + l; rising: offset[r] = r */
  void (*load)(int rows, const int64_t *offset, int n_lanes, const int64_t *lane, int run, int rising, const double *re, const double *im, double *tile);
  /* x <- tile, or x += tile with add */
  void (*store)(int rows, const int64_t *offset, int n_lanes, const int64_t *lane, int run, int rising, int add, const double *tile, double *re, double *im);
  void (*multiply)(const LbTileMatrix *m, const double *x, double *y);            /* y = M x */
  void (*accumulate)(const LbTileMatrix *m, const double *xr, const double *xi, const int64_t *xoff, double *yr, double *yi, const int64_t *yoff); /* y += (M x), LB_LANES together at each offset */
  void (*expect)(const LbTileMatrix *m, const double *x, double sum[2]);          /* sum = x+ M x over rows and lanes */
  void (*pair)(const double u[8], int n, const int *row, double *tile);           /* rows (row[2k], row[2k+1]) <- U of them, u = {re, im} of U00 U01 U10 U11 */
  void (*rotate)(double c, double s, int n, const int *row, double *tile);        /* the same with U = [[c, i s], [i s, c]] */
  void (*gate)(int d, const double *re, const double *im, int n, const int *row, double *tile, double *work); /* groups of d rows <- U of them; work [d][2][LB_LANES] */
  void (*diagonal)(int64_t n, int n_tables, const double f[], const double *const re[], const double *const im[], const double *xr, const double *xi, double *yr, double *yi); /* y = (sum f D) x */
  void (*scale)(int64_t n, const double *er, const double *ei, double *xr, double *xi); /* x *= e */
  /* 1 <= m <= 8 */
  void (*combine)(int64_t n, int m, const double c[], const double *const v[], double *y); /* y = sum c v */
  double (*square)(int64_t n, const double *x);                                         /* sum of x^2, fixed order */
  double (*square_combine)(int64_t n, int m, const double c[], const double *const v[]); /* sum of (sum c v)^2 */
} LbTrajKernels;

const LbTrajKernels *LbTrajKernelsPick(void);
