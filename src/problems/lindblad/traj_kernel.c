/* Kernels of state vectors, compiled once per instruction set (traj_kernel.h).

   The lanes of a tile are as many as eight registers hold twice over (AVX-512: real and imaginary parts of a row are four registers each), so an entry of a sparse row costs one
   broadcast and eight multiply-adds with memory operands, whatever the sites are. Tiles of the lowest sites are transposed on the way, in 4 x 4 pieces. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tessera/isa.h>
#include "traj_kernel.h"

#if defined(__AVX512F__)
  #define W 8
#elif defined(__AVX__)
  #define W 4
#else
  #define W 2
#endif
#define HALF 4 /* registers of real parts summed at once, and of imaginary parts */

typedef double    vec __attribute__((vector_size(8 * W), aligned(8), may_alias));
typedef double    quad __attribute__((vector_size(32), aligned(8), may_alias));
typedef long long index4 __attribute__((vector_size(32)));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

INLINE vec Load(const double *p)
{
  return *(const vec *)p;
}

INLINE void Store(double *p, vec v)
{
  *(vec *)p = v;
}

INLINE vec Splat(double c)
{
  vec v;

  UNROLL for (int k = 0; k < W; k++) v[k] = c;
  return v;
}

/* ---- tiles ---- */

/* 4 x 4 transposition between rows of stride s and rows of stride t */
INLINE void Transpose4(const double *x, int64_t s, double *y, int64_t t, int add)
{
  const quad a = *(const quad *)x, b = *(const quad *)(x + s), c = *(const quad *)(x + 2 * s), d = *(const quad *)(x + 3 * s);
  const quad ab0 = __builtin_shuffle(a, b, (index4){0, 4, 2, 6}), ab1 = __builtin_shuffle(a, b, (index4){1, 5, 3, 7});
  const quad cd0 = __builtin_shuffle(c, d, (index4){0, 4, 2, 6}), cd1 = __builtin_shuffle(c, d, (index4){1, 5, 3, 7});
  quad       r[4];

  r[0] = __builtin_shuffle(ab0, cd0, (index4){0, 1, 4, 5});
  r[1] = __builtin_shuffle(ab1, cd1, (index4){0, 1, 4, 5});
  r[2] = __builtin_shuffle(ab0, cd0, (index4){2, 3, 6, 7});
  r[3] = __builtin_shuffle(ab1, cd1, (index4){2, 3, 6, 7});
  UNROLL for (int k = 0; k < 4; k++)
  {
    if (add) r[k] += *(const quad *)(y + k * t);
    *(quad *)(y + k * t) = r[k];
  }
}

static void LoadTile(int rows, const int64_t *offset, int n_lanes, const int64_t *lane, int run, int rising, const double *re, const double *im, double *tile)
{
  if (run && n_lanes == LB_LANES) {
    for (int r = 0; r < rows; r++) {
      for (int l = 0; l < LB_LANES; l += 8) { /* the next tile's piece of this row; past the end it is a hint that does nothing */
        __builtin_prefetch(re + offset[r] + lane[0] + LB_LANES + l);
        __builtin_prefetch(im + offset[r] + lane[0] + LB_LANES + l);
      }
      memcpy(tile + 2 * LB_LANES * r, re + offset[r] + lane[0], LB_LANES * sizeof(double));
      memcpy(tile + 2 * LB_LANES * r + LB_LANES, im + offset[r] + lane[0], LB_LANES * sizeof(double));
    }
  } else if (rising && n_lanes == LB_LANES && rows % 4 == 0 && lane[4] - lane[0] == 4 * (lane[1] - lane[0]) && lane[LB_LANES - 1] - lane[0] == (LB_LANES - 1) * (lane[1] - lane[0])) {
    const int64_t s = lane[1] - lane[0];

    for (int l = 0; l < LB_LANES; l += 4)
      for (int r = 0; r < rows; r += 4) {
        Transpose4(re + lane[l] + r, s, tile + 2 * LB_LANES * r + l, 2 * LB_LANES, 0);
        Transpose4(im + lane[l] + r, s, tile + 2 * LB_LANES * r + LB_LANES + l, 2 * LB_LANES, 0);
      }
  } else {
    for (int r = 0; r < rows; r++) {
      double *row = tile + 2 * LB_LANES * r;

      for (int l = 0; l < n_lanes; l++) {
        row[l]            = re[offset[r] + lane[l]];
        row[LB_LANES + l] = im[offset[r] + lane[l]];
      }
      for (int l = n_lanes; l < LB_LANES; l++) row[l] = row[LB_LANES + l] = 0;
    }
  }
}

static void StoreTile(int rows, const int64_t *offset, int n_lanes, const int64_t *lane, int run, int rising, int add, const double *tile, double *re, double *im)
{
  if (run && n_lanes == LB_LANES) {
    for (int r = 0; r < rows; r++) {
      double       *yr = re + offset[r] + lane[0], *yi = im + offset[r] + lane[0];
      const double *row = tile + 2 * LB_LANES * r;

      if (add) {
        for (int l = 0; l < LB_LANES; l += W) {
          Store(yr + l, Load(yr + l) + Load(row + l));
          Store(yi + l, Load(yi + l) + Load(row + LB_LANES + l));
        }
      } else {
        memcpy(yr, row, LB_LANES * sizeof(double));
        memcpy(yi, row + LB_LANES, LB_LANES * sizeof(double));
      }
    }
  } else if (rising && n_lanes == LB_LANES && rows % 4 == 0 && lane[4] - lane[0] == 4 * (lane[1] - lane[0]) && lane[LB_LANES - 1] - lane[0] == (LB_LANES - 1) * (lane[1] - lane[0])) {
    const int64_t s = lane[1] - lane[0];

    for (int l = 0; l < LB_LANES; l += 4)
      for (int r = 0; r < rows; r += 4) {
        Transpose4(tile + 2 * LB_LANES * r + l, 2 * LB_LANES, re + lane[l] + r, s, add);
        Transpose4(tile + 2 * LB_LANES * r + LB_LANES + l, 2 * LB_LANES, im + lane[l] + r, s, add);
      }
  } else {
    for (int r = 0; r < rows; r++) {
      const double *row = tile + 2 * LB_LANES * r;

      for (int l = 0; l < n_lanes; l++) {
        double *yr = re + offset[r] + lane[l], *yi = im + offset[r] + lane[l];

        *yr = (add ? *yr : 0) + row[l];
        *yi = (add ? *yi : 0) + row[LB_LANES + l];
      }
    }
  }
}

/* ---- sparse rows on tiles ---- */

INLINE void Row(const LbTileMatrix *m, int r, const double *x, LbEntries entries, vec ar[HALF], vec ai[HALF])
{
  UNROLL for (int k = 0; k < HALF; k++) ar[k] = ai[k] = Splat(0);
  for (int e = m->start[r]; e < m->start[r + 1]; e++) {
    const double *xr = x + 2 * LB_LANES * m->column[e], *xi = xr + LB_LANES;

    if (entries != LB_ENTRIES_IMAGINARY) {
      const vec c = Splat(m->re[e]);

      UNROLL for (int k = 0; k < HALF; k++)
      {
        ar[k] += c * Load(xr + k * W);
        ai[k] += c * Load(xi + k * W);
      }
    }
    if (entries != LB_ENTRIES_REAL) {
      const vec c = Splat(m->im[e]);

      UNROLL for (int k = 0; k < HALF; k++)
      {
        ar[k] -= c * Load(xi + k * W);
        ai[k] += c * Load(xr + k * W);
      }
    }
  }
}

INLINE void MultiplyAs(const LbTileMatrix *m, const double *x, double *y, LbEntries entries)
{
  for (int r = 0; r < m->rows; r++)
    for (int l = 0; l < LB_LANES; l += HALF * W) {
      vec     ar[HALF], ai[HALF];
      double *row = y + 2 * LB_LANES * r + l;

      Row(m, r, x + l, entries, ar, ai);
      UNROLL for (int k = 0; k < HALF; k++)
      {
        Store(row + k * W, ar[k]);
        Store(row + LB_LANES + k * W, ai[k]);
      }
    }
}

static void Multiply(const LbTileMatrix *m, const double *x, double *y)
{
  switch (m->entries) {
  case LB_ENTRIES_REAL: MultiplyAs(m, x, y, LB_ENTRIES_REAL); break;
  case LB_ENTRIES_IMAGINARY: MultiplyAs(m, x, y, LB_ENTRIES_IMAGINARY); break;
  default: MultiplyAs(m, x, y, LB_ENTRIES_COMPLEX);
  }
}

/* y += (M x), rows of x and y at offsets of their own; summed from zero, as Multiply does */
INLINE void AccumulateAs(const LbTileMatrix *m, const double *xr, const double *xi, const int64_t *xoff, double *yr, double *yi, const int64_t *yoff, LbEntries entries)
{
  for (int r = 0; r < m->rows; r++) {
    if (m->start[r] == m->start[r + 1]) continue;
    for (int l = 0; l < LB_LANES; l += HALF * W) {
      vec     ar[HALF], ai[HALF];
      double *pr = yr + yoff[r] + l, *pi = yi + yoff[r] + l;

      UNROLL for (int k = 0; k < HALF; k++) ar[k] = ai[k] = Splat(0);
      for (int e = m->start[r]; e < m->start[r + 1]; e++) {
        const double *qr = xr + xoff[m->column[e]] + l, *qi = xi + xoff[m->column[e]] + l;

        if (entries != LB_ENTRIES_IMAGINARY) {
          const vec c = Splat(m->re[e]);

          UNROLL for (int k = 0; k < HALF; k++)
          {
            ar[k] += c * Load(qr + k * W);
            ai[k] += c * Load(qi + k * W);
          }
        }
        if (entries != LB_ENTRIES_REAL) {
          const vec c = Splat(m->im[e]);

          UNROLL for (int k = 0; k < HALF; k++)
          {
            ar[k] -= c * Load(qi + k * W);
            ai[k] += c * Load(qr + k * W);
          }
        }
      }
      UNROLL for (int k = 0; k < HALF; k++)
      {
        Store(pr + k * W, Load(pr + k * W) + ar[k]);
        Store(pi + k * W, Load(pi + k * W) + ai[k]);
      }
    }
  }
}

static void Accumulate(const LbTileMatrix *m, const double *xr, const double *xi, const int64_t *xoff, double *yr, double *yi, const int64_t *yoff)
{
  switch (m->entries) {
  case LB_ENTRIES_REAL: AccumulateAs(m, xr, xi, xoff, yr, yi, yoff, LB_ENTRIES_REAL); break;
  case LB_ENTRIES_IMAGINARY: AccumulateAs(m, xr, xi, xoff, yr, yi, yoff, LB_ENTRIES_IMAGINARY); break;
  default: AccumulateAs(m, xr, xi, xoff, yr, yi, yoff, LB_ENTRIES_COMPLEX);
  }
}

INLINE void ExpectAs(const LbTileMatrix *m, const double *x, double sum[2], LbEntries entries)
{
  vec sr[HALF], si[HALF];

  UNROLL for (int k = 0; k < HALF; k++) sr[k] = si[k] = Splat(0);
  for (int r = 0; r < m->rows; r++) {
    if (m->start[r] == m->start[r + 1]) continue;
    for (int l = 0; l < LB_LANES; l += HALF * W) {
      vec           ar[HALF], ai[HALF];
      const double *row = x + 2 * LB_LANES * r + l;

      Row(m, r, x + l, entries, ar, ai);
      UNROLL for (int k = 0; k < HALF; k++)
      {
        const vec xr = Load(row + k * W), xi = Load(row + LB_LANES + k * W);

        sr[k] += xr * ar[k] + xi * ai[k];
        si[k] += xr * ai[k] - xi * ar[k];
      }
    }
  }
  sum[0] = sum[1] = 0;
  for (int k = 0; k < HALF; k++)
    for (int w = 0; w < W; w++) {
      sum[0] += sr[k][w];
      sum[1] += si[k][w];
    }
}

static void Expect(const LbTileMatrix *m, const double *x, double sum[2])
{
  switch (m->entries) {
  case LB_ENTRIES_REAL: ExpectAs(m, x, sum, LB_ENTRIES_REAL); break;
  case LB_ENTRIES_IMAGINARY: ExpectAs(m, x, sum, LB_ENTRIES_IMAGINARY); break;
  default: ExpectAs(m, x, sum, LB_ENTRIES_COMPLEX);
  }
}

/* ---- small unitaries and their damped relatives, in place ---- */

static void Pair(const double u[8], int n, const int *row, double *tile)
{
  const vec ar = Splat(u[0]), ai = Splat(u[1]), br = Splat(u[2]), bi = Splat(u[3]), cr = Splat(u[4]), ci = Splat(u[5]), dr = Splat(u[6]), di = Splat(u[7]);

  for (int k = 0; k < n; k++) {
    double *p = tile + 2 * LB_LANES * row[2 * k], *q = tile + 2 * LB_LANES * row[2 * k + 1];

    for (int l = 0; l < LB_LANES; l += W) {
      const vec pr = Load(p + l), pi = Load(p + LB_LANES + l), qr = Load(q + l), qi = Load(q + LB_LANES + l);

      Store(p + l, ar * pr - ai * pi + br * qr - bi * qi);
      Store(p + LB_LANES + l, ar * pi + ai * pr + br * qi + bi * qr);
      Store(q + l, cr * pr - ci * pi + dr * qr - di * qi);
      Store(q + LB_LANES + l, cr * pi + ci * pr + dr * qi + di * qr);
    }
  }
}

static void Rotate(double cosine, double sine, int n, const int *row, double *tile)
{
  const vec c = Splat(cosine), s = Splat(sine);

  for (int k = 0; k < n; k++) {
    double *p = tile + 2 * LB_LANES * row[2 * k], *q = tile + 2 * LB_LANES * row[2 * k + 1];

    for (int l = 0; l < LB_LANES; l += W) {
      const vec pr = Load(p + l), pi = Load(p + LB_LANES + l), qr = Load(q + l), qi = Load(q + LB_LANES + l);

      Store(p + l, c * pr - s * qi);
      Store(p + LB_LANES + l, c * pi + s * qr);
      Store(q + l, c * qr - s * pi);
      Store(q + LB_LANES + l, c * qi + s * pr);
    }
  }
}

static void Gate(int d, const double *re, const double *im, int n, const int *row, double *tile, double *work)
{
  for (int k = 0; k < n; k++) {
    for (int a = 0; a < d; a++) memcpy(work + 2 * LB_LANES * a, tile + 2 * LB_LANES * row[d * k + a], 2 * LB_LANES * sizeof(double));
    for (int a = 0; a < d; a++)
      for (int l = 0; l < LB_LANES; l += HALF * W) {
        double *y = tile + 2 * LB_LANES * row[d * k + a] + l;
        vec     ar[HALF], ai[HALF];

        UNROLL for (int h = 0; h < HALF; h++) ar[h] = ai[h] = Splat(0);
        for (int b = 0; b < d; b++) {
          const double *x = work + 2 * LB_LANES * b + l;
          const vec     cr = Splat(re[a * d + b]), ci = Splat(im[a * d + b]);

          if (re[a * d + b] == 0 && im[a * d + b] == 0) continue;
          UNROLL for (int h = 0; h < HALF; h++)
          {
            ar[h] += cr * Load(x + h * W) - ci * Load(x + LB_LANES + h * W);
            ai[h] += cr * Load(x + LB_LANES + h * W) + ci * Load(x + h * W);
          }
        }
        UNROLL for (int h = 0; h < HALF; h++)
        {
          Store(y + h * W, ar[h]);
          Store(y + LB_LANES + h * W, ai[h]);
        }
      }
  }
}

/* ---- long vectors ---- */

static void Diagonal(int64_t n, int n_tables, const double f[], const double *const re[], const double *const im[], const double *restrict xr, const double *restrict xi, double *restrict yr,
                     double *restrict yi)
{
  if (n_tables == 0) {
    memset(yr, 0, (size_t)n * sizeof(double));
    memset(yi, 0, (size_t)n * sizeof(double));
  } else if (n_tables == 1) {
    const double *restrict dr = re[0], *restrict di = im[0];
    const double g            = f[0];

    for (int64_t i = 0; i < n; i++) {
      const double a = g * dr[i], b = g * di[i];

      yr[i] = a * xr[i] - b * xi[i];
      yi[i] = a * xi[i] + b * xr[i];
    }
  } else {
    double a[256], b[256];

    for (int64_t at = 0; at < n; at += 256) {
      const int m = (int)(n - at < 256 ? n - at : 256);

      for (int i = 0; i < m; i++) a[i] = b[i] = 0;
      for (int t = 0; t < n_tables; t++)
        for (int i = 0; i < m; i++) {
          a[i] += f[t] * re[t][at + i];
          b[i] += f[t] * im[t][at + i];
        }
      for (int i = 0; i < m; i++) {
        yr[at + i] = a[i] * xr[at + i] - b[i] * xi[at + i];
        yi[at + i] = a[i] * xi[at + i] + b[i] * xr[at + i];
      }
    }
  }
}

static void Scale(int64_t n, const double *restrict er, const double *restrict ei, double *restrict xr, double *restrict xi)
{
  for (int64_t i = 0; i < n; i++) {
    const double a = xr[i], b = xi[i];

    xr[i] = er[i] * a - ei[i] * b;
    xi[i] = er[i] * b + ei[i] * a;
  }
}

#define BLOCK 512 /* entries that stay in the first cache while the terms are added */

/* constant m: the sum of a register full stays in one register */
INLINE void CombineM(int64_t n, const int m, const double c[], const double *const v[], int64_t at, double *y)
{
  vec     w[8];
  int64_t i = 0;

  UNROLL for (int j = 0; j < m; j++) w[j] = Splat(c[j]);
  for (; i + W <= n; i += W) {
    vec s = w[0] * Load(v[0] + at + i);

    UNROLL for (int j = 1; j < m; j++) s += w[j] * Load(v[j] + at + i);
    Store(y + i, s);
  }
  for (; i < n; i++) {
    double s = c[0] * v[0][at + i];

    for (int j = 1; j < m; j++) s += c[j] * v[j][at + i];
    y[i] = s;
  }
}

static void CombineBlock(int64_t n, int m, const double c[], const double *const v[], int64_t at, double *y)
{
  switch (m) {
  case 1: CombineM(n, 1, c, v, at, y); break;
  case 2: CombineM(n, 2, c, v, at, y); break;
  case 3: CombineM(n, 3, c, v, at, y); break;
  case 4: CombineM(n, 4, c, v, at, y); break;
  case 5: CombineM(n, 5, c, v, at, y); break;
  case 6: CombineM(n, 6, c, v, at, y); break;
  case 7: CombineM(n, 7, c, v, at, y); break;
  default: CombineM(n, 8, c, v, at, y);
  }
}

static void Combine(int64_t n, int m, const double c[], const double *const v[], double *y)
{
  CombineBlock(n, m, c, v, 0, y);
}

INLINE double SquareBlock(int k, const double *x)
{
  vec    s[HALF];
  double sum = 0;
  int    i   = 0;

  UNROLL for (int h = 0; h < HALF; h++) s[h] = Splat(0);
  for (; i + HALF * W <= k; i += HALF * W) UNROLL for (int h = 0; h < HALF; h++) s[h] += Load(x + i + h * W) * Load(x + i + h * W);
  for (; i < k; i++) sum += x[i] * x[i];
  for (int h = 0; h < HALF; h++)
    for (int w = 0; w < W; w++) sum += s[h][w];
  return sum;
}

static double Square(int64_t n, const double *x)
{
  double sum = 0;

  for (int64_t at = 0; at < n; at += BLOCK) sum += SquareBlock((int)(n - at < BLOCK ? n - at : BLOCK), x + at);
  return sum;
}

static double SquareCombine(int64_t n, int m, const double c[], const double *const v[])
{
  double buffer[BLOCK], sum = 0;

  for (int64_t at = 0; at < n; at += BLOCK) {
    const int k = (int)(n - at < BLOCK ? n - at : BLOCK);

    CombineBlock(k, m, c, v, at, buffer);
    sum += SquareBlock(k, buffer);
  }
  return sum;
}

extern const LbTrajKernels TES_KERNEL(LbTrajTable);
const LbTrajKernels        TES_KERNEL(LbTrajTable) = {
  .load           = LoadTile,
  .store          = StoreTile,
  .multiply       = Multiply,
  .accumulate     = Accumulate,
  .expect         = Expect,
  .pair           = Pair,
  .rotate         = Rotate,
  .gate           = Gate,
  .diagonal       = Diagonal,
  .scale          = Scale,
  .combine        = Combine,
  .square         = Square,
  .square_combine = SquareCombine,
};
