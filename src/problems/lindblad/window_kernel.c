/* Kernels of the Pauli windows and of long vectors, compiled once per instruction set.

   A row of a window is 16 lanes (sites 0 and 1) in up to 4 groups; as many lanes as eight registers hold are summed at once: one broadcast of the coefficient and eight multiply-adds
   with memory operands per uniform entry. A lane entry moves lane l to l ^ mask: with W lanes in a register the high bits of the mask choose another register's address and the
   low bits permute inside, so it costs one shuffle more. Rows that do not lie together are copied first (32 KB), since strides of a power of two fall in one set of the cache. */
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <tessera/isa.h>
#include "pauli.h"

#if defined(__AVX512F__)
  #define W 8
#elif defined(__AVX__)
  #define W 4
#else
  #define W 2
#endif
#define PER_16 (16 / W) /* registers per 16 lanes */
#define FULL   (W / 2)  /* groups of 16 lanes in eight registers */

typedef double    vec __attribute__((vector_size(8 * W), aligned(8), may_alias));
typedef long long ivec __attribute__((vector_size(8 * W)));

#define INLINE static inline __attribute__((always_inline))
/* constant trip counts that must become straight code, so that the sums stay in registers */
#define UNROLL _Pragma("GCC unroll 8")

INLINE vec Load(const double *p) { return *(const vec *)p; }
INLINE void Store(double *p, vec v) { *(vec *)p = v; }
INLINE vec Splat(double c)
{
  vec v;

  UNROLL for (int k = 0; k < W; k++) v[k] = c;
  return v;
}

/* entry l of the result is entry l ^ m of v */
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

/* the sums of one row, `groups` groups of 16 lanes */
INLINE void Row(const LbWindow *w, int row, const double *xs, int64_t gx, const double *x, double *y, int64_t gy, LbStartMode mode, const LbStart *start, const int groups)
{
  vec acc[8];

  if (mode == LB_START_LOAD) {
    UNROLL for (int r = 0; r < groups * PER_16; r++) acc[r] = Load(y + (r / PER_16) * gy + (r % PER_16) * W);
  } else {
    UNROLL for (int r = 0; r < groups * PER_16; r++) acc[r] = Splat(0);
    if (mode == LB_START_FUSED) {
      if (start->a != 0) {
        const vec a = Splat(start->a);

        UNROLL for (int r = 0; r < groups * PER_16; r++) acc[r] = a * Load(y + (r / PER_16) * gy + (r % PER_16) * W);
      }
      if (start->x0) {
        const vec b = Splat(start->b);

        UNROLL for (int r = 0; r < groups * PER_16; r++) acc[r] += b * Load(start->x0 + (r / PER_16) * gy + (r % PER_16) * W);
      }
      if (start->shift != 0) {
        const vec s = Splat(start->shift);

        UNROLL for (int r = 0; r < groups * PER_16; r++) acc[r] += s * Load(x + (r / PER_16) * gy + (r % PER_16) * W);
      }
    }
  }
  for (int e = w->uniform[row]; e < w->uniform[row + 1]; e++) {
    const vec     c = Splat(w->uniform_c[e]);
    const double *p = xs + w->uniform_source[e];

    UNROLL for (int r = 0; r < groups * PER_16; r++) acc[r] += c * Load(p + (r / PER_16) * gx + (r % PER_16) * W);
  }
  for (int e = w->lane[row]; e < w->lane[row + 1]; e++) {
    const double *p = xs + w->lane_source[e], *c = w->lane_c + 16 * (size_t)e;
    const int     m = w->lane_mask[e], high = m & ~(W - 1), low = m & (W - 1);

#if W == 8
    UNROLL for (int r = 0; r < groups * PER_16; r++) acc[r] += Load(c + (r % PER_16) * W) * Permute(Load(p + (r / PER_16) * gx + ((r % PER_16) * W ^ high)), low);
#else
  #define LANES(low_) UNROLL for (int r = 0; r < groups * PER_16; r++) acc[r] += Load(c + (r % PER_16) * W) * Permute(Load(p + (r / PER_16) * gx + ((r % PER_16) * W ^ high)), low_);
    switch (low) {
    case 1: LANES(1) break;
    case 2: LANES(2) break;
    case 3: LANES(3) break;
    default: LANES(0) break;
    }
#endif
  }
  UNROLL for (int r = 0; r < groups * PER_16; r++) Store(y + (r / PER_16) * gy + (r % PER_16) * W, acc[r]);
}

/* into the second cache: the first one is full of the rows that are summed now */
INLINE void Ask(LbSoon *soon)
{
  for (int k = 0; k < soon->n; k++) {
    for (int l = 0; l < soon->lines; l++) __builtin_prefetch(soon->stream[k] + 64 * l, 0, 2);
    soon->stream[k] += 64 * soon->lines;
  }
}

INLINE void Base(const LbWindow *w, const double *xs, int64_t gx, const double *x, double *y, LbStartMode mode, const LbStart *start, const int groups, LbSoon *soon)
{
  for (int k = 0; k < w->n_active; k++) {
    const int     row = w->active[k];
    const int64_t at  = w->row[row];
    LbStart       here;

    Ask(soon);
    if (mode == LB_START_FUSED) {
      here    = *start;
      here.x0 = start->x0 ? start->x0 + at : NULL;
      Row(w, row, xs, gx, x + at, y + at, w->group_stride, LB_START_FUSED, &here, groups);
    } else if (mode == LB_START_ZERO) Row(w, row, xs, gx, x + at, y + at, w->group_stride, LB_START_ZERO, start, groups);
    else Row(w, row, xs, gx, x + at, y + at, w->group_stride, LB_START_LOAD, start, groups);
  }
}

static void Window(const LbWindow *w, const double *x, double *y, double *copy, LbStartMode mode, const LbStart *start, LbSoon *soon)
{
  const int step = w->groups < FULL ? 1 : FULL; /* groups at once */

  for (int b = 0; b < w->n_bases; b++) {
    const double *xb = x + w->base[b];
    double       *yb = y + w->base[b];
    LbStart       here = *start;

    if (w->gather) {
      for (int r = 0; r < w->n_rows; r++)
        for (int g = 0; g < w->groups; g++)
          for (int v = 0; v < PER_16; v++) Store(copy + (r * w->groups + g) * 16 + v * W, Load(xb + w->row[r] + g * w->group_stride + v * W));
    }
    for (int g = 0; g < w->groups; g += step) {
      const int64_t gx = w->gather ? 16 : w->group_stride, at = g * w->group_stride;
      const double *xs = w->gather ? copy + g * 16 : xb + at;

      here.x0 = start->x0 ? start->x0 + w->base[b] + at : NULL;
      if (step == FULL) Base(w, xs, gx, xb + at, yb + at, mode, &here, FULL, soon);
      else Base(w, xs, gx, xb + at, yb + at, mode, &here, 1, soon);
    }
  }
}

static void Gather(int64_t n, const int64_t *row, int piece, const double *from, double *to)
{
  for (int64_t k = 0; k < n; k++)
    for (int v = 0; v < piece; v += W) Store(to + k * piece + v, Load(from + row[k] + v));
}

static void ScatterAdd(int64_t n, const int64_t *row, int piece, const double *from, double *to)
{
  for (int64_t k = 0; k < n; k++)
    for (int v = 0; v < piece; v += W) Store(to + row[k] + v, Load(to + row[k] + v) + Load(from + k * piece + v));
}

#define COMBINE 2048 /* entries whose sums stay in the first cache while the vectors pass by, four at a time */

/* sums in the order of the list, whatever the length */
static void Combine(int64_t n, int m, const double *c, const double *const *v, double *y)
{
  double sum[COMBINE] __attribute__((aligned(64)));

  for (int64_t from = 0; from < n; from += COMBINE) {
    const int64_t count = n - from < COMBINE ? n - from : COMBINE;
    int           k     = 0;

    while (k < m) {
      const int     first = k == 0, many = m - k < 4 ? 1 : 4;
      const double *v0 = v[k] + from, *v1 = v[k + many / 4] + from, *v2 = v[k + many / 4 * 2] + from, *v3 = v[k + many / 4 * 3] + from;
      const vec     c0 = Splat(c[k]), c1 = Splat(c[k + many / 4]), c2 = Splat(c[k + many / 4 * 2]), c3 = Splat(c[k + many / 4 * 3]);
      double       *to = k + many == m ? y + from : sum;
      int64_t       i  = 0;

      for (; i + W <= count; i += W) {
        vec s = first ? c0 * Load(v0 + i) : Load(sum + i) + c0 * Load(v0 + i);

        if (many == 4) {
          s += c1 * Load(v1 + i);
          s += c2 * Load(v2 + i);
          s += c3 * Load(v3 + i);
        }
        Store(to + i, s);
      }
      for (; i < count; i++) {
        double s = first ? c[k] * v0[i] : W > 2 ? fma(c[k], v0[i], sum[i]) : sum[i] + c[k] * v0[i];

        for (int q = 1; q < many; q++) s = W > 2 ? fma(c[k + q], v[k + q][from + i], s) : s + c[k + q] * v[k + q][from + i];
        to[i] = s;
      }
      k += many;
    }
  }
}

static double Sum(vec v)
{
  double s = 0;

  for (int k = 0; k < W; k++) s += v[k];
  return s;
}

static void Dots(int64_t n, int m, const double *const *v, const double *w, double *dot)
{
  for (int k = 0; k < m; k++) {
    vec     a = Splat(0), b = Splat(0), c = Splat(0), d = Splat(0);
    int64_t i = 0;
    double  s;

    for (; i + 4 * W <= n; i += 4 * W) {
      a += Load(v[k] + i) * Load(w + i);
      b += Load(v[k] + i + W) * Load(w + i + W);
      c += Load(v[k] + i + 2 * W) * Load(w + i + 2 * W);
      d += Load(v[k] + i + 3 * W) * Load(w + i + 3 * W);
    }
    s = Sum((a + b) + (c + d));
    for (; i < n; i++) s += v[k][i] * w[i];
    dot[k] = s;
  }
}

static double MaxCombine(int64_t n, int m, const double *c, const double *const *v)
{
  double  largest = 0;
  int64_t i       = 0;
  int     bad     = 0;
  vec     top     = Splat(0);
  ivec    odd     = {0};

  for (; i + W <= n; i += W) {
    vec  s = Splat(c[0]) * Load(v[0] + i), size;
    ivec larger;

    for (int k = 1; k < m; k++) s += Splat(c[k]) * Load(v[k] + i);
    size   = (vec)((ivec)s & LLONG_MAX);
    larger = size > top;
    odd |= size != size;
    top = (vec)(((ivec)size & larger) | ((ivec)top & ~larger));
  }
  for (int k = 0; k < W; k++) {
    largest = top[k] > largest ? top[k] : largest;
    bad |= odd[k] != 0;
  }
  for (; i < n; i++) {
    double s = c[0] * v[0][i];

    for (int k = 1; k < m; k++) s = W > 2 ? fma(c[k], v[k][i], s) : s + c[k] * v[k][i];
    s = fabs(s);
    bad |= s != s;
    largest = s > largest ? s : largest;
  }
  return bad ? NAN : largest;
}

extern const LbKernels TES_KERNEL(LbKernelTable);
const LbKernels        TES_KERNEL(LbKernelTable) = {Window, Gather, ScatterAdd, Combine, Dots, MaxCombine, FULL};
