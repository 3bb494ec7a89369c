/* Complex 4 x 4 maps of one site of a Pauli vector, compiled once per instruction set (kronecker.h).

   Real and imaginary parts lie in two arrays, so the lanes of a register are neighbouring entries and a map costs sixteen complex multiply-adds per four entries, without shuffles. The sum over the source code
   runs from 0 to 3 in either kernel: an entry has the same bits whether its sources are in one block or come from other ranks. */
#include <stdint.h>
#include <tessera/isa.h>
#include "kronecker.h"

#ifdef __FMA__
  #define MADD(a, b, c) __builtin_fma(a, b, c)
#else
  #define MADD(a, b, c) ((a) * (b) + (c))
#endif

/* y = sum_b v[b] x_b, in the order b = 0..3 */
static inline __attribute__((always_inline)) void Sum(const double v[8], const double re[4], const double im[4], double *y_re, double *y_im)
{
  double a = v[0] * re[0], b = v[0] * im[0];

  a = MADD(-v[1], im[0], a);
  b = MADD(v[1], re[0], b);
  for (int k = 1; k < 4; k++) {
    a = MADD(v[2 * k], re[k], a);
    b = MADD(v[2 * k], im[k], b);
    a = MADD(-v[2 * k + 1], im[k], a);
    b = MADD(v[2 * k + 1], re[k], b);
  }
  *y_re = a;
  *y_im = b;
}

static void Mix(int64_t groups, int64_t stride, const double *v, double *restrict re, double *restrict im)
{
  for (int64_t g = 0; g < groups; g++) {
    double *const r = re + 4 * g * stride, *const i = im + 4 * g * stride;

#pragma GCC ivdep
    for (int64_t k = 0; k < stride; k++) {
      const double x[4] = {r[k], r[k + stride], r[k + 2 * stride], r[k + 3 * stride]}, y[4] = {i[k], i[k + stride], i[k + 2 * stride], i[k + 3 * stride]};

      Sum(v, x, y, r + k, i + k);
      Sum(v + 8, x, y, r + k + stride, i + k + stride);
      Sum(v + 16, x, y, r + k + 2 * stride, i + k + 2 * stride);
      Sum(v + 24, x, y, r + k + 3 * stride, i + k + 3 * stride);
    }
  }
}

static void MixRow(int64_t n, const double *v, const double *const *re, const double *const *im, double *restrict y_re, double *restrict y_im)
{
  const double *const a = re[0], *const b = re[1], *const c = re[2], *const d = re[3];
  const double *const e = im[0], *const f = im[1], *const g = im[2], *const h = im[3];

#pragma GCC ivdep
  for (int64_t k = 0; k < n; k++) {
    const double x[4] = {a[k], b[k], c[k], d[k]}, y[4] = {e[k], f[k], g[k], h[k]};

    Sum(v, x, y, y_re + k, y_im + k);
  }
}

extern const LbKroneckerKernels TES_KERNEL(LbKroneckerTable);
const LbKroneckerKernels        TES_KERNEL(LbKroneckerTable) = {Mix, MixRow};
