/* Arithmetic of the networks, compiled once per instruction set (povm_kernel.h).

   exp: x = k ln 2 + r, |r| <= ln 2 / 2, Taylor of degree 13, 2^k by its bits.  log: x = 2^k m, sqrt(1/2) <= m < sqrt 2, 2 artanh((m - 1)/(m + 1)).
   erfc(y) = exp(-y^2) P(t) / (1 + 2 y), t = (y - 3)/(y + 3), y <= 6; P interpolates at 21 Chebyshev nodes: absolute error 4e-16. Beyond 6 erfc is below 3e-17.
   All without branches, on whole registers: what a lane gets does not depend on its neighbours or on how many there are. */
#include <stdint.h>
#include <string.h>
#include <tessera/isa.h>
#include "povm_kernel.h"

#if defined(__AVX512F__)
  #define W 8
#elif defined(__AVX__)
  #define W 4
#else
  #define W 2
#endif

typedef double  vec __attribute__((vector_size(8 * W), aligned(8), may_alias));
typedef int64_t ivec __attribute__((vector_size(8 * W), aligned(8), may_alias));
typedef double  quad __attribute__((vector_size(32), aligned(8), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define MAGIC  6755399441055744.0 /* 1.5 2^52: adding it rounds to a whole number, which stands in the lowest bits */

INLINE vec Load(const double *p)
{
  return *(const vec *)p;
}

INLINE void Store(double *p, vec v)
{
  *(vec *)p = v;
}

INLINE vec Choose(ivec mask, vec a, vec b)
{
  return (vec)((mask & (ivec)a) | (~mask & (ivec)b));
}

INLINE vec Largest(vec a, vec b)
{
  return Choose((ivec)(a > b), a, b);
}

INLINE vec Splat(double c)
{
  return (vec){0} + c;
}

INLINE vec Exp(vec x)
{
  const double c[] = {1, 1, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320, 1. / 362880, 1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800.};
  vec          t, k, r, p;

  x = Largest(x, Splat(-708));
  x = Choose((ivec)(x > 709), Splat(709), x);
  t = x * 1.4426950408889634 + MAGIC;
  k = t - MAGIC;
  r = (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10;
  p = Splat(c[13]);
#pragma GCC unroll 13
  for (int i = 12; i >= 0; i--) p = p * r + c[i];
  return (vec)((ivec)p + ((ivec)t << 52));
}

/* x > 0, normal */
INLINE vec Log(vec x)
{
  const ivec bits = (ivec)x, k = (bits - 0x3fe6a09e667f3bcdLL) >> 52;
  const vec  m = (vec)(bits - (k << 52)), f = (m - 1) / (m + 1), s = f * f, e = (vec)(k + 0x4338000000000000LL) - MAGIC;
  vec        p = Splat(2. / 21);

#pragma GCC unroll 9
  for (int i = 19; i >= 3; i -= 2) p = p * s + 2. / i;
  return e * 0.693147180369123816490 + (2 * f + (f * s * p + e * 1.90821492927058770002e-10));
}

/* x Phi(x), and Phi(x) + x phi(x) */
INLINE vec Gelu(vec x, vec *derivative)
{
  const double c[] = {1.2530080582697296,     -0.1356211061245812,    -0.04756229435345196,   0.12964515870276153,    -0.11927366341519083,   0.068308027344125874,   -0.023770514922895201,
                      0.0025293918051265867,  0.0018886904246715715,  -0.00077983199322504261, -0.00010516006377063019, 0.00012509625452826839, 4.9455630522976439e-06, -2.0089093281978635e-05,
                      -6.8922796240830673e-07, 3.5079297566459815e-06, 2.8431347101153746e-07, -8.5181625326678491e-07, -4.3859233249298535e-07, -9.2344408942229082e-08, -7.3307725383651661e-09};
  const ivec   negative = (ivec)(x < 0);
  vec          y        = Choose(negative, -x, x) * 0.70710678118654752440, t, p, half, gauss;

  y     = Choose((ivec)(y > 6), Splat(6), y);
  gauss = Exp(-y * y);
  t     = (y - 3) / (y + 3);
  p     = Splat(c[20]);
#pragma GCC unroll 20
  for (int i = 19; i >= 0; i--) p = p * t + c[i];
  half = 0.5 * gauss * p / (1 + 2 * y);
  half = Choose(negative, half, 1 - half); /* Phi(x) */
  if (derivative) *derivative = half + x * gauss * 0.39894228040143267794;
  return x * half;
}

static void TES_KERNEL(Exponential)(int n, const double *x, double *y)
{
  for (int i = 0; i < n; i += W) Store(y + i, Exp(Load(x + i)));
}

static void TES_KERNEL(GeluArray)(int n, const double *x, double *y, double *derivative)
{
  for (int i = 0; i < n; i += W) {
    vec d;

    Store(y + i, Gelu(Load(x + i), &d));
    if (derivative) Store(derivative + i, d);
  }
}

/* r, u = sigmoid(wx + uh), g = tanh(wx + r uh), state = (1 - u) g + u before; h a multiple of 8, wx and uh [lanes][3 h] */
static void TES_KERNEL(Gates)(int lanes, int h, const double *wx, const double *uh, const double *before, double *state, double *r_out, double *u_out, double *g_out)
{
  for (int l = 0; l < lanes; l++)
    for (int i = 0; i < h; i += W) {
      const double *x = wx + (size_t)l * 3 * (size_t)h + i, *y = uh + (size_t)l * 3 * (size_t)h + i;
      const vec     r = 1 / (1 + Exp(-(Load(x) + Load(y)))), u = 1 / (1 + Exp(-(Load(x + h) + Load(y + h))));
      const vec     g = 1 - 2 / (1 + Exp(2 * (Load(x + 2 * h) + r * Load(y + 2 * h))));
      const size_t  at = (size_t)l * (size_t)h + (size_t)i;

      if (r_out) {
        Store(r_out + at, r);
        Store(u_out + at, u);
        Store(g_out + at, g);
      }
      Store(state + at, (1 - u) * g + u * Load(before + at));
    }
}

static void TES_KERNEL(LogSoftmax)(int lanes, double *rows, int ld)
{
  for (int i = 0; i < lanes; i += W) {
    vec       x[4], sum;
    const vec largest = Largest(Largest(Load(rows + i), Load(rows + ld + i)), Largest(Load(rows + 2 * ld + i), Load(rows + 3 * ld + i)));

    for (int c = 0; c < 4; c++) x[c] = Load(rows + c * ld + i) - largest;
    sum = (Exp(x[0]) + Exp(x[1])) + (Exp(x[2]) + Exp(x[3]));
    sum = Log(sum);
    for (int c = 0; c < 4; c++) Store(rows + c * ld + i, x[c] - sum);
  }
}

/* u [lanes][stride] -> rows */
INLINE void Finish(const LbTables *t, int lanes, double *u, double *rows, int ld)
{
  for (int l = 0; l < lanes; l++) {
    double *x = u + (size_t)l * (size_t)t->stride;
    quad    sum[4] = {*(const quad *)(x + t->padded), *(const quad *)t->c0, {0}, {0}};
    int     k;

    for (int i = 0; i < t->padded; i += W) Store(x + i, Gelu(Load(x + i), NULL));
    for (k = 0; k + 4 <= t->f; k += 4) {
      const double *c = t->c + 4 * k;

      sum[0] += *(const quad *)c * x[k];
      sum[1] += *(const quad *)(c + 4) * x[k + 1];
      sum[2] += *(const quad *)(c + 8) * x[k + 2];
      sum[3] += *(const quad *)(c + 12) * x[k + 3];
    }
    for (; k < t->f; k++) sum[0] += *(const quad *)(t->c + 4 * k) * x[k];
    sum[0] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    for (int c = 0; c < 4; c++) rows[c * ld + l] = sum[0][c];
  }
  for (int l = lanes; l % 8; l++)
    for (int c = 0; c < 4; c++) rows[c * ld + l] = 0;
  TES_KERNEL(LogSoftmax)(lanes, rows, ld);
}

/* u = b + sum over heads of (sum of parts of n) / (sum of parts of d) */
INLINE void Lane(const LbTables *t, const double *b, const int parts, const double *const n[], const double *const d[], double *u)
{
  for (int head = 0; head < t->heads; head++) {
    double sum = d[0][head];

    for (int k = 1; k < parts; k++) sum += d[k][head];
    sum = 1 / sum;
    for (int i = 0; i < t->stride; i += W) {
      vec x = Load(n[0] + head * t->stride + i);

      for (int k = 1; k < parts; k++) x += Load(n[k] + head * t->stride + i);
      Store(u + i, Load((head ? u : b) + i) + x * sum);
    }
  }
}

INLINE int Node(const uint8_t *a, int j)
{
  return j ? 4 * j + a[j - 1] : 0;
}

/* sums over the keys before p and over the query's own node m */
INLINE void FullRow(const LbTables *t, int p, const uint8_t *a, int m, double *n, double *d)
{
  for (int head = 0; head < t->heads; head++) {
    const double *e = t->e + ((size_t)head * (size_t)t->nodes + (size_t)m) * (size_t)t->nodes, *z = t->z + (size_t)head * (size_t)t->nodes * (size_t)t->stride;
    double       *sum = n + head * t->stride;

    d[head] = e[m];
    for (int i = 0; i < t->stride; i += W) Store(sum + i, e[m] * Load(z + (size_t)m * (size_t)t->stride + i));
    for (int j = 0; j < p; j++) {
      const int     node = Node(a, j);
      const double *zj   = z + (size_t)node * (size_t)t->stride, ej = e[node];

      d[head] += ej;
      for (int i = 0; i < t->stride; i += W) Store(sum + i, Load(sum + i) + ej * Load(zj + i));
    }
  }
}

/* what replacing token t0 at position s + 1 by t1 does to the sums of query m */
INLINE void Replace(const LbTables *t, int m, int s, int t0, int t1, double *n, double *d)
{
  const int old = 4 * (s + 1) + t0, new = 4 * (s + 1) + t1;

  for (int head = 0; head < t->heads; head++) {
    const double *e = t->e + ((size_t)head * (size_t)t->nodes + (size_t)m) * (size_t)t->nodes, *z = t->z + (size_t)head * (size_t)t->nodes * (size_t)t->stride;
    const double *zo = z + (size_t)old * (size_t)t->stride, *zn = z + (size_t)new * (size_t)t->stride, eo = e[old], en = e[new];

    d[head] = en - eo;
    for (int i = 0; i < t->stride; i += W) Store(n + head * t->stride + i, en * Load(zn + i) - eo * Load(zo + i));
  }
}

static void TES_KERNEL(TableLanes)(const LbTables *t, const LbReach *r, int p, const uint8_t *a, double *work, double *rows, int ld)
{
  const int    width = t->heads * t->stride, heads = t->heads, token = p ? a[p - 1] : 0;
  const int    n_lanes = 1 + 3 * p + 9 * r->pairs_before[p] + 27 * r->triples_before[p];
  double      *delta = work, *full = delta + (size_t)width * (size_t)(3 * t->n), *scratch = full + 4 * width, *dd = scratch + 8 * width, *fd = dd + 3 * t->n * heads, *sd = fd + 4 * heads;
  double      *u     = sd + 8 * heads;
  const double *n[4], *d[4];

  for (int k = 0; k < (p ? 4 : 1); k++) { /* k: 0 the token of the configuration, 1 + alt the others */
    const int m = p ? 4 * p + ((token + k) & 3) : 0;

    FullRow(t, p, a, m, full + k * width, fd + k * heads);
    n[0] = full + k * width;
    d[0] = fd + k * heads;
    Lane(t, t->b + (size_t)m * (size_t)t->stride, 1, n, d, u + (size_t)(k ? 3 * (p - 1) + k : 0) * (size_t)t->stride);
  }
  for (int s = 0; s < p - 1; s++)
    for (int alt = 0; alt < 3; alt++) {
      const int at = 3 * s + alt;

      Replace(t, 4 * p + token, s, a[s], (a[s] + 1 + alt) & 3, delta + at * width, dd + at * heads);
      n[0] = full;
      d[0] = fd;
      n[1] = delta + at * width;
      d[1] = dd + at * heads;
      Lane(t, t->b + (size_t)(4 * p + token) * (size_t)t->stride, 2, n, d, u + (size_t)(1 + at) * (size_t)t->stride);
    }
  for (int q = 0; q < r->pairs_before[p]; q++) {
    const int i = r->low[q], j = r->high[q];
    double   *out = u + (size_t)(1 + 3 * p + 9 * q) * (size_t)t->stride;

    for (int x = 0; x < 3; x++)
      for (int y = 0; y < 3; y++, out += t->stride) {
        if (j < p - 1) {
          n[0] = full;
          d[0] = fd;
          n[1] = delta + (3 * i + x) * width;
          d[1] = dd + (3 * i + x) * heads;
          n[2] = delta + (3 * j + y) * width;
          d[2] = dd + (3 * j + y) * heads;
          Lane(t, t->b + (size_t)(4 * p + token) * (size_t)t->stride, 3, n, d, out);
        } else { /* the query itself has changed */
          const int m = 4 * p + ((token + 1 + y) & 3);

          Replace(t, m, i, a[i], (a[i] + 1 + x) & 3, scratch, sd);
          n[0] = full + (1 + y) * width;
          d[0] = fd + (1 + y) * heads;
          n[1] = scratch;
          d[1] = sd;
          Lane(t, t->b + (size_t)m * (size_t)t->stride, 2, n, d, out);
        }
      }
  }
  for (int q = 0; q < r->triples_before[p]; q++) {
    const int i = r->t_low[q], j = r->t_mid[q], k = r->t_high[q];
    double   *out = u + (size_t)(1 + 3 * p + 9 * r->pairs_before[p] + 27 * q) * (size_t)t->stride;

    for (int x = 0; x < 3; x++)
      for (int y = 0; y < 3; y++)
        for (int w = 0; w < 3; w++, out += t->stride) {
          const PetscBool same = k < p - 1 ? PETSC_TRUE : PETSC_FALSE;
          const int       m    = 4 * p + (same ? token : (token + 1 + w) & 3);

          Replace(t, m, i, a[i], (a[i] + 1 + x) & 3, scratch, sd);
          Replace(t, m, j, a[j], (a[j] + 1 + y) & 3, scratch + width, sd + heads);
          n[0] = full + (same ? 0 : 1 + w) * width;
          d[0] = fd + (same ? 0 : 1 + w) * heads;
          n[1] = scratch;
          d[1] = sd;
          n[2] = scratch + width;
          d[2] = sd + heads;
          if (!same) {
            Lane(t, t->b + (size_t)m * (size_t)t->stride, 3, n, d, out);
            continue;
          }
          n[3] = delta + (3 * k + w) * width;
          d[3] = dd + (3 * k + w) * heads;
          Lane(t, t->b + (size_t)m * (size_t)t->stride, 4, n, d, out);
        }
  }
  Finish(t, n_lanes, u, rows, ld);
}

static void TES_KERNEL(TablePrefixes)(const LbTables *t, int p, int lanes, const uint8_t *a, double *work, double *rows, int ld)
{
  double       *sum = work, *d0 = sum + t->heads * t->stride, *u = d0 + t->heads;
  const double *n[1] = {sum}, *d[1] = {d0};

  for (int l = 0; l < lanes; l++) {
    const uint8_t *x = a + (size_t)l * (size_t)t->n;
    const int      m = Node(x, p);

    FullRow(t, p, x, m, sum, d0);
    Lane(t, t->b + (size_t)m * (size_t)t->stride, 1, n, d, u + (size_t)l * (size_t)t->stride);
  }
  Finish(t, lanes, u, rows, ld);
}

INLINE double Sum(vec v)
{
  double sum = 0;

  for (int k = 0; k < W; k++) sum += v[k];
  return sum;
}

static void TES_KERNEL(TableAdjoint)(const LbTables *t, int count, const uint8_t *a, const double *weight, double *work, LbTables *g)
{
  double       *n = work, *u = n + t->heads * t->stride, *slope = u + t->stride, *du = slope + t->stride, *d = du + t->stride;
  const double *parts_n[1] = {n}, *parts_d[1] = {d};

  for (int i = 0; i < t->stride; i++) du[i] = 0;
  for (int s = 0; s < count; s++)
    for (int p = 0; p < t->n; p++) {
      const uint8_t *x = a + (size_t)s * (size_t)t->n;
      const int      m = Node(x, p);
      double         q[8] = {0}, *dl = du + t->padded, sum = 0;
      double        *gb = g->b + (size_t)m * (size_t)t->stride;

      FullRow(t, p, x, m, n, d);
      Lane(t, t->b + (size_t)m * (size_t)t->stride, 1, parts_n, parts_d, u);
      for (int i = 0; i < t->padded; i += W) {
        vec slopes;

        Store(u + i, Gelu(Load(u + i), &slopes));
        Store(slope + i, slopes);
      }
      for (int c = 0; c < 4; c++) q[c] = u[t->padded + c] + t->c0[c];
      for (int k = 0; k < t->f; k++)
        for (int c = 0; c < 4; c++) q[c] += t->c[4 * k + c] * u[k];
      {
        double largest = q[0];

        for (int c = 1; c < 4; c++) largest = q[c] > largest ? q[c] : largest;
        for (int c = 0; c < 4; c++) q[c] -= largest;
      }
      for (int i = 0; i < 4; i += W) Store(q + i, Exp(Load(q + i)));
      for (int c = 0; c < 4; c++) sum += q[c];
      for (int c = 0; c < 4; c++) dl[c] = weight[s] * ((c == x[p]) - q[c] / sum);
      for (int k = 0; k < t->f; k++) {
        double slope_sum = 0;

        for (int c = 0; c < 4; c++) {
          slope_sum += t->c[4 * k + c] * dl[c];
          g->c[4 * k + c] += u[k] * dl[c];
        }
        du[k] = slope[k] * slope_sum;
      }
      for (int c = 0; c < 4; c++) g->c0[c] += dl[c];
      for (int i = 0; i < t->stride; i += W) Store(gb + i, Load(gb + i) + Load(du + i));
      for (int head = 0; head < t->heads; head++) {
        const size_t  row = ((size_t)head * (size_t)t->nodes + (size_t)m) * (size_t)t->nodes;
        const double *e = t->e + row, *z = t->z + (size_t)head * (size_t)t->nodes * (size_t)t->stride, inverse = 1 / d[head];
        double       *ge = g->e + row, *gz = g->z + (size_t)head * (size_t)t->nodes * (size_t)t->stride, along;
        vec           dot = {0};

        for (int i = 0; i < t->stride; i += W) dot += Load(n + head * t->stride + i) * Load(du + i);
        along = Sum(dot) * inverse;
        for (int j = 0; j <= p; j++) {
          const size_t at = (size_t)Node(x, j) * (size_t)t->stride;
          const int    node = Node(x, j);
          const double share = e[node] * inverse;

          dot = (vec){0};
          for (int i = 0; i < t->stride; i += W) {
            const vec v = Load(du + i);

            dot += Load(z + at + i) * v;
            Store(gz + at + i, Load(gz + at + i) + share * v);
          }
          ge[node] += (Sum(dot) - along) * inverse;
        }
      }
    }
}

extern const LbPovmKernels TES_KERNEL(lb_povm_kernels);
const LbPovmKernels        TES_KERNEL(lb_povm_kernels) = {TES_KERNEL(Exponential), TES_KERNEL(GeluArray), TES_KERNEL(Gates), TES_KERNEL(LogSoftmax), TES_KERNEL(TableLanes), TES_KERNEL(TablePrefixes), TES_KERNEL(TableAdjoint)};
