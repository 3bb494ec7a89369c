/* Kernels of the ket-bra form, compiled once per instruction set: 8 columns of rho at once, R and M side by side, so that an entry of a sparse row costs two (H real) or four
   multiply-adds on whole registers. */
#include <string.h>
#include <tessera/isa.h>
#include "ketbra.h"

typedef double vec __attribute__((vector_size(64), aligned(8), may_alias));

#define P LB_PANEL

/* rows i below the panel hold R in X[i][J] and -M in X[J][i]; rows above hold M in X[i][J] and R in X[J][i] */
static void Load(int64_t n, int64_t column, int width, const double *columns, int64_t stride, const double *rows, double *panel)
{
  for (int64_t i = 0; i < n; i++) {
    double       *r = panel + i * 2 * P, *m = r + P;
    const double *c = columns + i * stride;

    if (width < P) memset(r, 0, 2 * P * sizeof *r);
    if (i >= column + width) {
      for (int q = 0; q < width; q++) {
        r[q] = c[q];
        m[q] = -rows[q * n + i];
      }
    } else if (i < column) {
      for (int q = 0; q < width; q++) {
        m[q] = c[q];
        r[q] = rows[q * n + i];
      }
    } else {
      for (int q = 0; q < width; q++) {
        const int64_t j = column + q;

        r[q] = i >= j ? c[q] : rows[q * n + i];
        m[q] = i == j ? 0 : i > j ? -rows[q * n + i] : c[q];
      }
    }
  }
}

static void Multiply(const LbRows *a, int64_t from, int64_t to, const double *panel, double *product)
{
  for (int64_t i = from; i < to; i++) {
    vec re, im;

    if (a->imaginary) {
      const double d = a->diagonal[i];

      re = d * *(const vec *)(panel + i * 2 * P);
      im = d * *(const vec *)(panel + i * 2 * P + P);
      for (int e = a->start[i]; e < a->start[i + 1]; e++) {
        const double *p = panel + (int64_t)a->column[e] * 2 * P, c = a->im[e];

        re -= c * *(const vec *)(p + P);
        im += c * *(const vec *)p;
      }
    } else {
      re = im = (vec){0};
      for (int e = a->start[i]; e < a->start[i + 1]; e++) {
        const double *p = panel + (int64_t)a->column[e] * 2 * P, c = a->im[e], d = a->re[e];

        re += d * *(const vec *)p;
        im += d * *(const vec *)(p + P);
        re -= c * *(const vec *)(p + P);
        im += c * *(const vec *)p;
      }
    }
    *(vec *)(product + i * 2 * P)     = re;
    *(vec *)(product + i * 2 * P + P) = im;
  }
}

/* With both parts in one array (rows NULL) the part met first is stored, the second one added: with panels in ascending order that is i > j first. */
static void Store(int64_t n, int64_t column, int width, const double *product, double *columns, int64_t stride, double *rows)
{
  double *first = rows ? rows : columns + column * (n - 1); /* row `column` of the whole matrix */

  for (int64_t i = 0; i < n; i++) {
    const double *re = product + i * 2 * P, *im = re + P;
    double       *c = columns + i * stride;

    if (i >= column + width) {
      for (int q = 0; q < width; q++) {
        c[q]             = re[q];
        first[q * n + i] = -im[q];
      }
    } else if (i < column) {
      if (rows) {
        for (int q = 0; q < width; q++) {
          c[q]             = im[q];
          first[q * n + i] = re[q];
        }
      } else {
        for (int q = 0; q < width; q++) {
          c[q] += im[q];
          first[q * n + i] += re[q];
        }
      }
    } else {
      for (int q = 0; q < width; q++) {
        const int64_t j     = column + q;
        const int     other = (int)(i - column);

        if (rows) rows[other * n + j] = 0;
        if (i == j) c[q] = 2 * re[q];
        else if (i > j) c[q] = re[q] + product[j * 2 * P + other];
        else c[q] = im[q] - product[j * 2 * P + P + other];
      }
    }
  }
}

static void Start(int64_t n, double a, double b, double shift, const double *x0, const double *x, const double *w, const double *v, double *y)
{
  for (int64_t j = 0; j < n; j++) {
    double s = v ? w[j] + v[j] : w[j];

    s += shift * x[j];
    if (a != 0) s += a * y[j];
    if (x0) s += b * x0[j];
    y[j] = s;
  }
}

static void Jump(int64_t n, double c, const double *factor, const double *x, double *y)
{
  for (int64_t j = 0; j < n; j++) y[j] += c * factor[j] * x[j];
}

extern const LbKetbraKernels TES_KERNEL(LbKetbraTable);
const LbKetbraKernels        TES_KERNEL(LbKetbraTable) = {Load, Multiply, Store, Start, Jump};
