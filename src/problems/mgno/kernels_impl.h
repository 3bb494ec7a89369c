/* Body of kernels.c for one precision; no include guard: it is included once per type. REAL, TAG, LANES, SINGLE are set. */

typedef REAL TAG(Whole) __attribute__((vector_size(VECTOR), aligned(sizeof(REAL)), may_alias));
#if LANES >= 16
typedef REAL TAG(Half) __attribute__((vector_size(VECTOR / 2), aligned(sizeof(REAL)), may_alias));
#else
typedef REAL TAG(Half) __attribute__((vector_size(VECTOR), aligned(sizeof(REAL)), may_alias));
#endif
#define W(p) (*(const TAG(Whole) *)(p))
#define H(p) (*(const TAG(Half) *)(p))

/* X points, a block of NW whole vectors and, if NH, a half one */
static inline __attribute__((always_inline)) void TAG(Strip)(const int NW, const int NH, const int X, const REAL *x, ptrdiff_t xs, int taps, const ptrdiff_t *offset, const REAL *const *w,
                                                           ptrdiff_t from, int ci, int co, const REAL *init, ptrdiff_t is, REAL sign, REAL *y, ptrdiff_t ys)
{
  TAG(Whole) a[12][6];
  TAG(Half) b[12];

#pragma GCC unroll 12
  for (int p = 0; p < X; p++) {
#pragma GCC unroll 6
    for (int q = 0; q < NW; q++) a[p][q] = (TAG(Whole)){0};
    b[p] = (TAG(Half)){0};
  }
  for (int t = 0; t < taps; t++) {
    const REAL *xt = x + offset[t], *wt = w[t] + from;

    for (int c = 0; c < ci; c++, wt += co, xt++) {
      TAG(Whole) v[6];
      TAG(Half) h = {0};

#pragma GCC unroll 6
      for (int q = 0; q < NW; q++) v[q] = W(wt + q * LANES);
      if (NH) h = H(wt + NW * LANES);
#pragma GCC unroll 12
      for (int p = 0; p < X; p++) {
        const REAL s = xt[p * xs];

#pragma GCC unroll 6
        for (int q = 0; q < NW; q++) a[p][q] += s * v[q];
        if (NH) b[p] += s * h;
      }
    }
  }
#pragma GCC unroll 12
  for (int p = 0; p < X; p++) {
    REAL       *to   = y + p * ys;
    const REAL *base = init ? init + p * is : NULL;

#pragma GCC unroll 6
    for (int q = 0; q < NW; q++) *(TAG(Whole) *)(to + q * LANES) = base ? W(base + q * LANES) + sign * a[p][q] : sign * a[p][q];
    if (NH) *(TAG(Half) *)(to + NW * LANES) = base ? H(base + NW * LANES) + sign * b[p] : sign * b[p];
  }
}

#define ROW_ARGUMENTS ptrdiff_t n, const REAL *x, ptrdiff_t xs, int taps, const ptrdiff_t *offset, const REAL *const *w, ptrdiff_t from, int ci, int co, const REAL *init, ptrdiff_t is, REAL sign, REAL *y, ptrdiff_t ys
#define STRIP(NW, NH, X) \
  for (; p + X <= n; p += X) TAG(Strip)(NW, NH, X, x + p * xs, xs, taps, offset, w, from, ci, co, init ? init + p * is : NULL, is, sign, y + p * ys, ys)
#define ROW_BLOCK(name, NW, NH, X0, X1, X2) \
  static void TAG(name)(ROW_ARGUMENTS) \
  { \
    ptrdiff_t p = 0; \
    STRIP(NW, NH, X0); \
    STRIP(NW, NH, X1); \
    STRIP(NW, NH, X2); \
    STRIP(NW, NH, 2); \
    STRIP(NW, NH, 1); \
  }

/* block of input channels x block of output channels of a weight gradient, over all rows */
static inline __attribute__((always_inline)) void TAG(Square)(const int NW, const int NH, const int CI, ptrdiff_t rows, ptrdiff_t n, const REAL *x, ptrdiff_t xs, ptrdiff_t xr, const REAL *g, ptrdiff_t gs, ptrdiff_t gr,
                                                            int co, REAL sign, REAL *gw)
{
  TAG(Whole) a[8][6];
  TAG(Half) b[8];

#pragma GCC unroll 8
  for (int c = 0; c < CI; c++) {
#pragma GCC unroll 6
    for (int q = 0; q < NW; q++) a[c][q] = (TAG(Whole)){0};
    b[c] = (TAG(Half)){0};
  }
  for (ptrdiff_t r = 0; r < rows; r++) {
    const REAL *xp = x + r * xr, *gp = g + r * gr;

    for (ptrdiff_t p = 0; p < n; p++, xp += xs, gp += gs) {
      TAG(Whole) v[6];
      TAG(Half) h = {0};

#pragma GCC unroll 6
      for (int q = 0; q < NW; q++) v[q] = W(gp + q * LANES);
      if (NH) h = H(gp + NW * LANES);
#pragma GCC unroll 8
      for (int c = 0; c < CI; c++) {
        const REAL s = xp[c];

#pragma GCC unroll 6
        for (int q = 0; q < NW; q++) a[c][q] += s * v[q];
        if (NH) b[c] += s * h;
      }
    }
  }
#pragma GCC unroll 8
  for (int c = 0; c < CI; c++) {
#pragma GCC unroll 6
    for (int q = 0; q < NW; q++) *(TAG(Whole) *)(gw + (ptrdiff_t)c * co + q * LANES) += sign * a[c][q];
    if (NH) *(TAG(Half) *)(gw + (ptrdiff_t)c * co + NW * LANES) += sign * b[c];
  }
}

#define WEIGHT_ARGUMENTS ptrdiff_t rows, ptrdiff_t n, const REAL *x, ptrdiff_t xs, ptrdiff_t xr, const REAL *g, ptrdiff_t gs, ptrdiff_t gr, int ci, int co, REAL sign, REAL *gw
#define SQUARE(NW, NH, CI) \
  for (; c + CI <= ci; c += CI) TAG(Square)(NW, NH, CI, rows, n, x + c, xs, xr, g, gs, gr, co, sign, gw + (ptrdiff_t)c * co)
#define WEIGHT_BLOCK(name, NW, NH, C0, C1) \
  static void TAG(name)(WEIGHT_ARGUMENTS) \
  { \
    int c = 0; \
    SQUARE(NW, NH, C0); \
    SQUARE(NW, NH, C1); \
    SQUARE(NW, NH, 2); \
    SQUARE(NW, NH, 1); \
  }

/* Blocks of channels by the number of lanes: a block's accumulators and weights fit the registers. */
#if LANES == 16
ROW_BLOCK(Row32, 2, 0, 12, 8, 4)
ROW_BLOCK(Row24, 1, 1, 12, 8, 4)
ROW_BLOCK(Row16, 1, 0, 12, 8, 4)
ROW_BLOCK(Row8, 0, 1, 12, 8, 4)
WEIGHT_BLOCK(Weight32, 2, 0, 8, 4)
WEIGHT_BLOCK(Weight24, 1, 1, 8, 4)
WEIGHT_BLOCK(Weight16, 1, 0, 8, 4)
WEIGHT_BLOCK(Weight8, 0, 1, 8, 4)
  #define MOST 32
#elif LANES == 8 && VECTOR == 64
ROW_BLOCK(Row32, 4, 0, 6, 4, 3)
ROW_BLOCK(Row24, 3, 0, 8, 4, 3)
ROW_BLOCK(Row16, 2, 0, 12, 8, 4)
ROW_BLOCK(Row8, 1, 0, 12, 8, 4)
WEIGHT_BLOCK(Weight32, 4, 0, 4, 3)
WEIGHT_BLOCK(Weight24, 3, 0, 8, 4)
WEIGHT_BLOCK(Weight16, 2, 0, 8, 4)
WEIGHT_BLOCK(Weight8, 1, 0, 8, 4)
  #define MOST 32
#elif LANES == 8
ROW_BLOCK(Row24, 3, 0, 4, 3, 2)
ROW_BLOCK(Row16, 2, 0, 6, 4, 3)
ROW_BLOCK(Row8, 1, 0, 12, 8, 4)
WEIGHT_BLOCK(Weight24, 3, 0, 4, 3)
WEIGHT_BLOCK(Weight16, 2, 0, 6, 4)
WEIGHT_BLOCK(Weight8, 1, 0, 8, 4)
  #define MOST 24
#elif LANES == 4
ROW_BLOCK(Row16, 4, 0, 3, 2, 2)
ROW_BLOCK(Row8, 2, 0, 6, 4, 3)
WEIGHT_BLOCK(Weight16, 4, 0, 3, 2)
WEIGHT_BLOCK(Weight8, 2, 0, 6, 4)
  #define MOST 16
#else
ROW_BLOCK(Row8, 4, 0, 3, 2, 2)
WEIGHT_BLOCK(Weight8, 4, 0, 3, 2)
  #define MOST 8
#endif

/* the next block of channels: the rest must not fall apart into small ones (32 by 24 is 16 + 16) */
static int TAG(Block)(int left)
{
#if MOST == 24
  if (left >= 24 && left != 32) return 24;
#endif
#if MOST == 32
  if (left >= 32) return 32;
  if (left >= 24) return 24;
#endif
#if MOST >= 16
  if (left >= 16) return 16;
#endif
  (void)left;
  return 8;
}

static void TAG(Row)(ptrdiff_t n, const REAL *x, ptrdiff_t xs, int taps, const ptrdiff_t *offset, const REAL *const *w, int ci, int co, const REAL *init, ptrdiff_t is, REAL sign, REAL *y, ptrdiff_t ys)
{
  for (int from = 0, block; from < co; from += block) {
    const REAL *base = init ? init + from : NULL;

    block = TAG(Block)(co - from);
    switch (block) {
#if MOST >= 32
    case 32: TAG(Row32)(n, x, xs, taps, offset, w, from, ci, co, base, is, sign, y + from, ys); break;
#endif
#if MOST >= 24
    case 24: TAG(Row24)(n, x, xs, taps, offset, w, from, ci, co, base, is, sign, y + from, ys); break;
#endif
#if MOST >= 16
    case 16: TAG(Row16)(n, x, xs, taps, offset, w, from, ci, co, base, is, sign, y + from, ys); break;
#endif
    default: TAG(Row8)(n, x, xs, taps, offset, w, from, ci, co, base, is, sign, y + from, ys); break;
    }
  }
}

static void TAG(Weight)(WEIGHT_ARGUMENTS)
{
  for (int from = 0, block; from < co; from += block) {
    block = TAG(Block)(co - from);
    switch (block) {
#if MOST >= 32
    case 32: TAG(Weight32)(rows, n, x, xs, xr, g + from, gs, gr, ci, co, sign, gw + from); break;
#endif
#if MOST >= 24
    case 24: TAG(Weight24)(rows, n, x, xs, xr, g + from, gs, gr, ci, co, sign, gw + from); break;
#endif
#if MOST >= 16
    case 16: TAG(Weight16)(rows, n, x, xs, xr, g + from, gs, gr, ci, co, sign, gw + from); break;
#endif
    default: TAG(Weight8)(rows, n, x, xs, xr, g + from, gs, gr, ci, co, sign, gw + from); break;
    }
  }
}

static void TAG(Multiply)(ptrdiff_t n, const REAL *a, REAL *b)
{
  for (ptrdiff_t i = 0; i < n; i++) b[i] *= a[i];
}

static void TAG(Add)(ptrdiff_t n, REAL factor, const REAL *a, REAL *b)
{
  for (ptrdiff_t i = 0; i < n; i++) b[i] += factor * a[i];
}

#if SINGLE
/* exp(-t) for t >= 0 by 2^k times a polynomial on [-ln 2 / 2, ln 2 / 2]: straight code that vectorises; relative error 1e-7 */
static inline float TAG(ExpMinus)(float t)
{
  const float y = t < 86.0f ? -t : -86.0f, shifted = y * 1.44269504f + 12582912.0f; /* 1.5 2^23: rounds to a whole number */
  const float k = shifted - 12582912.0f, r = (y - k * 0.693359375f) + k * 2.12194440e-4f;
  float       p = 1.0f / 5040.0f, scale;
  int         bits;

  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  bits = ((int)k + 127) << 23;
  memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}
#else
static inline double TAG(ExpMinus)(double t)
{
  return exp(-t);
}
#endif

static inline void TAG(Gelu)(REAL z, REAL *v, REAL *d)
{
  const REAL e = TAG(ExpMinus)(z * z * (REAL)0.5);
#if SINGLE
  /* Phi(-|z|) = phi(z) m(|z|), m the Mills ratio: on s = |z| / (|z| + 3) it is a smooth function that a polynomial of degree 9 fits to 1e-8 relative (least squares
     of the relative error at Chebyshev points, |z| up to 13) */
  static const REAL mills[] = {2.778865782e-02f, -9.529143333e-02f, 8.755507974e-02f, 5.818190328e-03f, 6.403551587e-02f,
                               -1.593626773e-01f, -2.868547201e-01f, 1.053143640e+00f, -1.196826074e+00f, 4.999999966e-01f};
  const REAL        a = fabsf(z), s = a / (a + 3.0f);
  REAL              m = mills[0];

#pragma GCC unroll 9
  for (int k = 1; k < 10; k++) m = m * s + mills[k];
  {
    const REAL tail = e * m, phi = e * 0.398942280f, cdf = z < 0 ? tail : 1.0f - tail;

    *v = z * cdf;
    *d = cdf + z * phi;
  }
#else
  const REAL cdf = 0.5 * erfc(-z * 0.70710678118654752440);

  *v = z * cdf;
  *d = cdf + z * e * 0.39894228040143267794;
#endif
}

static void TAG(Act)(int kind, ptrdiff_t n, const REAL *z, REAL *v, REAL *d)
{
  REAL out, slope;

  switch ((MgnoActivation)kind) {
  case MGNO_GELU:
    if (d) {
      for (ptrdiff_t i = 0; i < n; i++) {
        TAG(Gelu)(z[i], &out, &slope);
        v[i] = out;
        d[i] = slope;
      }
    } else {
      for (ptrdiff_t i = 0; i < n; i++) {
        TAG(Gelu)(z[i], &out, &slope);
        v[i] = out;
      }
    }
    break;
  case MGNO_GELU_TANH:
    for (ptrdiff_t i = 0; i < n; i++) {
      const REAL x = z[i], c = (REAL)0.79788456080286535588, t = (REAL)tanh((double)(c * (x + (REAL)0.044715 * x * x * x)));

      v[i] = (REAL)0.5 * x * (1 + t);
      if (d) d[i] = (REAL)0.5 * (1 + t) + (REAL)0.5 * x * (1 - t * t) * c * (1 + 3 * (REAL)0.044715 * x * x);
    }
    break;
  case MGNO_RELU:
    for (ptrdiff_t i = 0; i < n; i++) {
      const REAL x = z[i];

      v[i] = x > 0 ? x : 0;
      if (d) d[i] = x > 0 ? 1 : 0;
    }
    break;
  case MGNO_SILU:
    for (ptrdiff_t i = 0; i < n; i++) {
      const REAL x = z[i], s = (REAL)(1 / (1 + exp(-(double)x)));

      v[i] = x * s;
      if (d) d[i] = s + x * s * (1 - s);
    }
    break;
  case MGNO_TANH:
    for (ptrdiff_t i = 0; i < n; i++) {
      const REAL t = (REAL)tanh((double)z[i]);

      v[i] = t;
      if (d) d[i] = 1 - t * t;
    }
    break;
  case MGNO_IDENTITY:
    for (ptrdiff_t i = 0; i < n; i++) {
      v[i] = z[i];
      if (d) d[i] = 1;
    }
    break;
  }
}

#undef W
#undef H
#undef ROW_ARGUMENTS
#undef STRIP
#undef ROW_BLOCK
#undef WEIGHT_ARGUMENTS
#undef SQUARE
#undef WEIGHT_BLOCK
#undef MOST
