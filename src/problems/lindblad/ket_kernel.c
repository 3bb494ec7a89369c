/* Kernels of pure states, compiled once per instruction set. Flips of the low bits are permutations inside a register, those of the high bits other addresses; every output is written once,
   after all terms. */
#include <math.h>
#include <tessera/isa.h>
#include "ket.h"

#if defined(__AVX512F__)
  #define W 8
#elif defined(__AVX__)
  #define W 4
#else
  #define W 2
#endif

typedef double    vec __attribute__((vector_size(8 * W), aligned(8), may_alias));
typedef long long ivec __attribute__((vector_size(8 * W)));
#define INLINE static inline __attribute__((always_inline))

INLINE vec Load(const double *p) { return *(const vec *)p; }
INLINE void Store(double *p, vec v) { *(vec *)p = v; }
INLINE vec Splat(double c)
{
  vec v;

  for (int k = 0; k < W; k++) v[k] = c;
  return v;
}

#if W == 8
INLINE vec Permute(vec v, int m)
{
  const ivec iota = {0, 1, 2, 3, 4, 5, 6, 7};

  return __builtin_shuffle(v, iota ^ (long long)m);
}
#elif W == 4
INLINE vec Permute(vec v, int m)
{
  switch (m) {
  case 1: return __builtin_shuffle(v, (ivec){1, 0, 3, 2});
  case 2: return __builtin_shuffle(v, (ivec){2, 3, 0, 1});
  case 3: return __builtin_shuffle(v, (ivec){3, 2, 1, 0});
  default: return v;
  }
}
#else
INLINE vec Permute(vec v, int m) { return m ? __builtin_shuffle(v, (ivec){1, 0}) : v; }
#endif

static void SmallFlips(PetscInt64 n, int n_flips, const LbFlip *flip, const double *xr, const double *xi, double *yr, double *yi)
{
  for (PetscInt64 i = 0; i < n; i++) {
    double re = 0, im = 0;

    for (int k = 0; k < n_flips; k++) {
      const LbFlip    *f  = &flip[k];
      const PetscInt64 j  = i ^ f->flip;
      const double     cr = f->table_re ? f->factor * f->table_re[i] : f->re, ci = f->table_im ? f->factor * f->table_im[i] : f->im;

      re += cr * xr[j] - ci * xi[j];
      im += cr * xi[j] + ci * xr[j];
    }
    yr[i] = re;
    yi[i] = im;
  }
}

static void Flips(PetscInt64 n, int n_flips, const LbFlip *flip, const double *xr, const double *xi, double *yr, double *yi)
{
  if (n < 2 * W) {
    SmallFlips(n, n_flips, flip, xr, xi, yr, yi);
    return;
  }
  for (PetscInt64 i = 0; i < n; i += 2 * W) { /* two registers of outputs */
    vec re[2] = {Splat(0), Splat(0)}, im[2] = {Splat(0), Splat(0)};

    for (int k = 0; k < n_flips; k++) {
      const LbFlip    *f   = &flip[k];
      const PetscInt64 j   = (i ^ (f->flip & ~(PetscInt64)(2 * W - 1)));
      const int        low = (int)(f->flip & (W - 1)), swap = (int)(f->flip & W);
      const vec        r0 = Permute(Load(xr + j + swap), low), r1 = Permute(Load(xr + j + (W ^ swap)), low), m0 = Permute(Load(xi + j + swap), low), m1 = Permute(Load(xi + j + (W ^ swap)), low);

      if (f->table_re) {
        const vec s  = Splat(f->factor);
        const vec c0 = s * Load(f->table_re + i), c1 = s * Load(f->table_re + i + W), d0 = s * Load(f->table_im + i), d1 = s * Load(f->table_im + i + W);

        re[0] += c0 * r0;
        re[1] += c1 * r1;
        im[0] += c0 * m0;
        im[1] += c1 * m1;
        re[0] -= d0 * m0;
        re[1] -= d1 * m1;
        im[0] += d0 * r0;
        im[1] += d1 * r1;
      } else {
        const vec d = Splat(f->im);

        if (f->re != 0) {
          const vec c = Splat(f->re);

          re[0] += c * r0;
          re[1] += c * r1;
          im[0] += c * m0;
          im[1] += c * m1;
        }
        re[0] -= d * m0;
        re[1] -= d * m1;
        im[0] += d * r0;
        im[1] += d * r1;
      }
    }
    Store(yr + i, re[0]);
    Store(yr + i + W, re[1]);
    Store(yi + i, im[0]);
    Store(yi + i + W, im[1]);
  }
}

static void Rows(PetscInt64 n, const LbKetRows *a, const double *xr, const double *xi, double *yr, double *yi)
{
  for (PetscInt64 i = 0; i < n; i++) {
    double re = 0, im = 0;

    for (int e = a->start[i]; e < a->start[i + 1]; e++) {
      const int j = a->column[e];

      re += a->re[e] * xr[j] - a->im[e] * xi[j];
      im += a->re[e] * xi[j] + a->im[e] * xr[j];
    }
    yr[i] = re;
    yi[i] = im;
  }
}

static void Combine(PetscInt64 n, int m, const double *c, const double *const *v, double *y)
{
  PetscInt64 i = 0;

  for (; i + W <= n; i += W) {
    vec s = Splat(c[0]) * Load(v[0] + i);

    for (int k = 1; k < m; k++) s += Splat(c[k]) * Load(v[k] + i);
    Store(y + i, s);
  }
  for (; i < n; i++) {
    double s = c[0] * v[0][i];

    for (int k = 1; k < m; k++) s += c[k] * v[k][i];
    y[i] = s;
  }
}

static double Sum(vec v)
{
  double s = 0;

  for (int k = 0; k < W; k++) s += v[k];
  return s;
}

static double Norm(PetscInt64 n, const double *re, const double *im)
{
  vec        a = Splat(0), b = Splat(0);
  PetscInt64 i = 0;
  double     s;

  for (; i + W <= n; i += W) {
    a += Load(re + i) * Load(re + i);
    b += Load(im + i) * Load(im + i);
  }
  s = Sum(a + b);
  for (; i < n; i++) s += re[i] * re[i] + im[i] * im[i];
  return s;
}

static double NormCombine(PetscInt64 n, int m, const double *c, const double *const *re, const double *const *im)
{
  vec        a = Splat(0), b = Splat(0);
  PetscInt64 i = 0;
  double     s;

  for (; i + W <= n; i += W) {
    vec r = Splat(c[0]) * Load(re[0] + i), q = Splat(c[0]) * Load(im[0] + i);

    for (int k = 1; k < m; k++) {
      r += Splat(c[k]) * Load(re[k] + i);
      q += Splat(c[k]) * Load(im[k] + i);
    }
    a += r * r;
    b += q * q;
  }
  s = Sum(a + b);
  for (; i < n; i++) {
    double r = 0, q = 0;

    for (int k = 0; k < m; k++) {
      r += c[k] * re[k][i];
      q += c[k] * im[k][i];
    }
    s += r * r + q * q;
  }
  return s;
}

/* m = (re, im) of m00, m01, m10, m11 */
static void Bit(PetscInt64 n, PetscInt64 bit, const double m[8], double *re, double *im)
{
  for (PetscInt64 base = 0; base < n; base += 2 * bit)
    for (PetscInt64 i = base; i < base + bit; i++) {
      const double ar = re[i], ai = im[i], br = re[i + bit], bi = im[i + bit];

      re[i]       = m[0] * ar - m[1] * ai + m[2] * br - m[3] * bi;
      im[i]       = m[0] * ai + m[1] * ar + m[2] * bi + m[3] * br;
      re[i + bit] = m[4] * ar - m[5] * ai + m[6] * br - m[7] * bi;
      im[i + bit] = m[4] * ai + m[5] * ar + m[6] * bi + m[7] * br;
    }
}

static void Multiply(PetscInt64 n, const double *cr, const double *ci, double *re, double *im)
{
  for (PetscInt64 i = 0; i < n; i++) {
    const double a = re[i], b = im[i];

    re[i] = cr[i] * a - ci[i] * b;
    im[i] = cr[i] * b + ci[i] * a;
  }
}

extern const LbKetKernels TES_KERNEL(LbKetTable);
const LbKetKernels        TES_KERNEL(LbKetTable) = {Flips, Rows, Combine, Norm, NormCombine, Bit, Multiply};
