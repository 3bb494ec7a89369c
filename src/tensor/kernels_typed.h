/* The kernels of one type; see kernels.h for what they compute. No include guard: once per type. */

/* y = expr of v = x[j], w = u[j] (a second array, or x again), block by block through local copies; the tail in a padded block */
#define MAP2(expr) \
  for (PetscInt64 first = 0; first < n; first += BLOCK) { \
    REAL in[BLOCK], with[BLOCK], out[BLOCK]; \
    if (n - first >= BLOCK) { \
      memcpy(in, x + first, sizeof in); \
      memcpy(with, u + first, sizeof with); \
    } else { \
      memset(in, 0, sizeof in); \
      memset(with, 0, sizeof with); \
      memcpy(in, x + first, sizeof *in * (size_t)(n - first)); \
      memcpy(with, u + first, sizeof *with * (size_t)(n - first)); \
    } \
    for (int j = 0; j < BLOCK; j++) { \
      const REAL v = in[j]; \
      const REAL w = with[j]; \
      (void)w; \
      (void)v; \
      out[j] = (expr); \
    } \
    if (n - first >= BLOCK) memcpy(y + first, out, sizeof out); \
    else memcpy(y + first, out, sizeof *out * (size_t)(n - first)); \
  }

#define CASE(kind, k, expr) \
  case 4 * (kind) + (k): MAP2(G(expr)) break;

static REAL F(GeluTanhK)(int k, REAL x)
{
  const REAL c = C(0.79788456080286536), a = C(0.044715);
  REAL       t = F(Tanh)(c * (x + a * x * x * x)), s = 1 - t * t, u1 = c * (1 + 3 * a * x * x), u2 = 6 * c * a * x, u3 = 6 * c * a, w = u2 - 2 * t * u1 * u1;

  if (k == 0) return C(0.5) * x * (1 + t);
  if (k == 1) return C(0.5) * (1 + t) + C(0.5) * x * s * u1;
  if (k == 2) return s * u1 + C(0.5) * x * s * w;
  /* (s u1)' = s w, and w' = u3 - 2 s u1^3 - 4 t u1 u2 */
  return C(1.5) * s * w + C(0.5) * x * (-2 * t * s * u1 * w + s * (u3 - 2 * s * u1 * u1 * u1 - 4 * t * u1 * u2));
}

static REAL F(PowK)(int k, REAL x, REAL p)
{
  REAL c = 1;

  for (int i = 0; i < k; i++) c *= p - (REAL)i;
  return c == 0 ? 0 : c * (REAL)pow((double)x, (double)(p - (REAL)k));
}

#define S_  F(Sigmoid)(v)
#define SP_ F(Sigmoid)(b * v)
#define ALL_CASES \
  CASE(TES_ACT_RELU, 0, v < 0 ? 0 : v) \
  CASE(TES_ACT_RELU, 1, v > 0 ? C(1.0) : C(0.0)) \
  CASE(TES_ACT_RELU, 2, C(0.0)) \
  CASE(TES_ACT_RELU, 3, C(0.0)) \
  CASE(TES_ACT_LEAKY, 0, v > 0 ? v : b * v) \
  CASE(TES_ACT_LEAKY, 1, v > 0 ? C(1.0) : b) \
  CASE(TES_ACT_LEAKY, 2, C(0.0)) \
  CASE(TES_ACT_LEAKY, 3, C(0.0)) \
  CASE(TES_ACT_GELU, 0, v * F(Phi)(v)) \
  CASE(TES_ACT_GELU, 1, F(Phi)(v) + v * F(phi)(v)) \
  CASE(TES_ACT_GELU, 2, (2 - v * v) * F(phi)(v)) \
  CASE(TES_ACT_GELU, 3, (v * v * v - 4 * v) * F(phi)(v)) \
  CASE(TES_ACT_GELU_TANH, 0, F(GeluTanhK)(0, v)) \
  CASE(TES_ACT_GELU_TANH, 1, F(GeluTanhK)(1, v)) \
  CASE(TES_ACT_GELU_TANH, 2, F(GeluTanhK)(2, v)) \
  CASE(TES_ACT_GELU_TANH, 3, F(GeluTanhK)(3, v)) \
  CASE(TES_ACT_SILU, 0, v * S_) \
  CASE(TES_ACT_SILU, 1, F(SigmoidK)(0, S_) + v * F(SigmoidK)(1, S_)) \
  CASE(TES_ACT_SILU, 2, 2 * F(SigmoidK)(1, S_) + v * F(SigmoidK)(2, S_)) \
  CASE(TES_ACT_SILU, 3, 3 * F(SigmoidK)(2, S_) + v * F(SigmoidK)(3, S_)) \
  CASE(TES_ACT_SIGMOID, 0, S_) \
  CASE(TES_ACT_SIGMOID, 1, F(SigmoidK)(1, S_)) \
  CASE(TES_ACT_SIGMOID, 2, F(SigmoidK)(2, S_)) \
  CASE(TES_ACT_SIGMOID, 3, F(SigmoidK)(3, S_)) \
  CASE(TES_ACT_TANH, 0, F(Tanh)(v)) \
  CASE(TES_ACT_TANH, 1, F(TanhK)(1, F(Tanh)(v))) \
  CASE(TES_ACT_TANH, 2, F(TanhK)(2, F(Tanh)(v))) \
  CASE(TES_ACT_TANH, 3, F(TanhK)(3, F(Tanh)(v))) \
  CASE(TES_ACT_SOFTPLUS, 0, (v < 0 ? 0 : v) + F(Log1pUnit)(F(Exp)(v < 0 ? b * v : -b * v)) / b) \
  CASE(TES_ACT_SOFTPLUS, 1, SP_) \
  CASE(TES_ACT_SOFTPLUS, 2, b * F(SigmoidK)(1, SP_)) \
  CASE(TES_ACT_SOFTPLUS, 3, b * b * F(SigmoidK)(2, SP_)) \
  CASE(TES_ACT_ELU, 0, v > 0 ? v : b * F(Expm1)(v)) \
  CASE(TES_ACT_ELU, 1, v > 0 ? C(1.0) : b * F(Exp)(v)) \
  CASE(TES_ACT_ELU, 2, v > 0 ? C(0.0) : b * F(Exp)(v)) \
  CASE(TES_ACT_ELU, 3, v > 0 ? C(0.0) : b * F(Exp)(v)) \
  CASE(TES_ACT_SIN, 0, (REAL)sin((double)(b * v))) \
  CASE(TES_ACT_SIN, 1, b * (REAL)cos((double)(b * v))) \
  CASE(TES_ACT_SIN, 2, -b * b * (REAL)sin((double)(b * v))) \
  CASE(TES_ACT_SIN, 3, -b * b * b * (REAL)cos((double)(b * v))) \
  CASE(TES_ACT_COS, 0, (REAL)cos((double)(b * v))) \
  CASE(TES_ACT_COS, 1, -b * (REAL)sin((double)(b * v))) \
  CASE(TES_ACT_COS, 2, -b * b * (REAL)cos((double)(b * v))) \
  CASE(TES_ACT_COS, 3, b * b * b * (REAL)sin((double)(b * v))) \
  CASE(TES_ACT_EXP, 0, F(Exp)(v)) \
  CASE(TES_ACT_EXP, 1, F(Exp)(v)) \
  CASE(TES_ACT_EXP, 2, F(Exp)(v)) \
  CASE(TES_ACT_EXP, 3, F(Exp)(v)) \
  CASE(TES_ACT_LOG, 0, (REAL)log((double)v)) \
  CASE(TES_ACT_LOG, 1, 1 / v) \
  CASE(TES_ACT_LOG, 2, -1 / (v * v)) \
  CASE(TES_ACT_LOG, 3, 2 / (v * v * v)) \
  CASE(TES_ACT_SQRT, 0, (REAL)sqrt((double)v)) \
  CASE(TES_ACT_SQRT, 1, v > 0 ? C(0.5) / (REAL)sqrt((double)v) : 0) \
  CASE(TES_ACT_SQRT, 2, v > 0 ? C(-0.25) / (v * (REAL)sqrt((double)v)) : 0) \
  CASE(TES_ACT_SQRT, 3, v > 0 ? C(0.375) / (v * v * (REAL)sqrt((double)v)) : 0) \
  CASE(TES_ACT_RSQRT, 0, 1 / (REAL)sqrt((double)v)) \
  CASE(TES_ACT_RSQRT, 1, C(-0.5) / (v * (REAL)sqrt((double)v))) \
  CASE(TES_ACT_RSQRT, 2, C(0.75) / (v * v * (REAL)sqrt((double)v))) \
  CASE(TES_ACT_RSQRT, 3, C(-1.875) / (v * v * v * (REAL)sqrt((double)v))) \
  CASE(TES_ACT_RECIPROCAL, 0, 1 / v) \
  CASE(TES_ACT_RECIPROCAL, 1, -1 / (v * v)) \
  CASE(TES_ACT_RECIPROCAL, 2, 2 / (v * v * v)) \
  CASE(TES_ACT_RECIPROCAL, 3, -6 / (v * v * v * v)) \
  CASE(TES_ACT_POW, 0, F(PowK)(0, v, b)) \
  CASE(TES_ACT_POW, 1, F(PowK)(1, v, b)) \
  CASE(TES_ACT_POW, 2, F(PowK)(2, v, b)) \
  CASE(TES_ACT_POW, 3, F(PowK)(3, v, b)) \
  CASE(TES_ACT_SQUARE, 0, v * v) \
  CASE(TES_ACT_SQUARE, 1, 2 * v) \
  CASE(TES_ACT_SQUARE, 2, C(2.0)) \
  CASE(TES_ACT_SQUARE, 3, C(0.0)) \
  CASE(TES_ACT_ABS, 0, v < 0 ? -v : v) \
  CASE(TES_ACT_ABS, 1, v > 0 ? C(1.0) : (v < 0 ? C(-1.0) : C(0.0))) \
  CASE(TES_ACT_ABS, 2, C(0.0)) \
  CASE(TES_ACT_ABS, 3, C(0.0)) \
  CASE(TES_ACT_ERF, 0, (REAL)erf((double)v)) \
  CASE(TES_ACT_ERF, 1, C(1.12837916709551257) * F(Exp)(-v * v)) \
  CASE(TES_ACT_ERF, 2, C(-2.25675833419102515) * v * F(Exp)(-v * v)) \
  CASE(TES_ACT_ERF, 3, (4 * v * v - 2) * C(1.12837916709551257) * F(Exp)(-v * v)) \
  CASE(TES_ACT_CLAMP, 0, v < b ? b : (v > c ? c : v)) \
  CASE(TES_ACT_CLAMP, 1, v < b || v > c ? C(0.0) : C(1.0)) \
  CASE(TES_ACT_CLAMP, 2, C(0.0)) \
  CASE(TES_ACT_CLAMP, 3, C(0.0)) \
  CASE(TES_ACT_IDENTITY, 0, v) \
  CASE(TES_ACT_IDENTITY, 1, C(1.0)) \
  CASE(TES_ACT_IDENTITY, 2, C(0.0)) \
  CASE(TES_ACT_IDENTITY, 3, C(0.0))

/* derivatives of the sigmoid and of tanh in terms of their values */
static inline __attribute__((always_inline)) REAL F(SigmoidK)(int k, REAL s)
{
  REAL d = s * (1 - s);

  return k == 0 ? s : k == 1 ? d : k == 2 ? d * (1 - 2 * s) : d * (1 - 6 * d);
}

static inline __attribute__((always_inline)) REAL F(TanhK)(int k, REAL t)
{
  REAL s = 1 - t * t;

  return k == 1 ? s : k == 2 ? -2 * t * s : s * (6 * t * t - 2);
}

static inline __attribute__((always_inline)) REAL F(Expm1)(REAL x)
{
  REAL half, q, a = x < -50 ? -50 : (x > 0 ? 0 : x); /* used for x <= 0 only */

  F(ExpParts)(a, &half, &q);
  return x == x ? (2 * half - 1) + 2 * half * q : x;
}

static void F(Unary)(int kind, int k, double p, double q, PetscInt64 n, const void *xv, void *yv)
{
  const REAL *restrict x = xv, *restrict u = xv;
  REAL *restrict y       = yv;
  const REAL b = (REAL)p, c = (REAL)q;

  if (kind == TES_ACT_RELU && k == 0) { /* no arithmetic: a plain loop is four times as fast as blocks */
    for (PetscInt64 i = 0; i < n; i++) y[i] = 0 > x[i] ? 0 : x[i];
    return;
  }
#define G(expr) (expr)
  switch (4 * kind + k) { ALL_CASES }
#undef G
  (void)c;
}

static void F(UnaryBack)(int kind, double p, double q, PetscInt64 n, const void *xv, const void *gv, void *yv)
{
  const REAL *restrict x = xv, *restrict u = gv;
  REAL *restrict y       = yv;
  const REAL b = (REAL)p, c = (REAL)q;

  if (kind == TES_ACT_RELU) {
    for (PetscInt64 i = 0; i < n; i++) y[i] = x[i] > 0 ? u[i] : 0;
    return;
  }
#define G(expr) (w * (expr))
  switch (4 * kind + 1) { ALL_CASES }
#undef G
  (void)c;
}
#undef CASE
#undef ALL_CASES
#undef S_
#undef SP_
#undef MAP2

#define PAIRS(expr) \
  if (sa && sb) \
    for (PetscInt64 i = 0; i < n; i++) { \
      const REAL v = a[i], w = b[i]; \
      y[i] = (expr); \
    } \
  else if (sa) { \
    const REAL w = b[0]; \
    for (PetscInt64 i = 0; i < n; i++) { \
      const REAL v = a[i]; \
      y[i] = (expr); \
    } \
  } else if (sb) { \
    const REAL v = a[0]; \
    for (PetscInt64 i = 0; i < n; i++) { \
      const REAL w = b[i]; \
      y[i] = (expr); \
    } \
  } else { \
    const REAL v = a[0], w = b[0]; \
    for (PetscInt64 i = 0; i < n; i++) y[i] = (expr); \
  }

static void F(Binary)(BinaryKind kind, PetscInt64 n, const void *av, int sa, const void *bv, int sb, void *yv)
{
  const REAL *restrict a = av, *restrict b = bv;
  REAL *restrict y       = yv;

  switch (kind) {
  case BINARY_ADD: PAIRS(v + w) break;
  case BINARY_SUBTRACT: PAIRS(v - w) break;
  case BINARY_MULTIPLY: PAIRS(v * w) break;
  case BINARY_DIVIDE: PAIRS(v / w) break;
  case BINARY_MAXIMUM: PAIRS(v >= w ? v : (w > v ? w : v + w)) break; /* a NaN of either stays */
  case BINARY_MINIMUM: PAIRS(v <= w ? v : (w < v ? w : v + w)) break;
  case BINARY_AT_LEAST: PAIRS(v >= w ? (REAL)1 : (REAL)0) break;
  case BINARY_AT_MOST: PAIRS(v <= w ? (REAL)1 : (REAL)0) break;
  }
}

static void F(Axpby)(PetscInt64 n, double alpha, const void *av, int sa, double beta, const void *bv, int sb, void *yv)
{
  const REAL *restrict a = av, *restrict b = bv;
  REAL *restrict y = yv;
  const REAL s = (REAL)alpha, t = (REAL)beta;

  PAIRS(s * v + t * w)
}
#undef PAIRS

static void F(Scale)(PetscInt64 n, double av, const void *xv, double bv, void *yv)
{
  const REAL *restrict x = xv;
  REAL *restrict y       = yv;
  const REAL a = (REAL)av, b = (REAL)bv;

  for (PetscInt64 i = 0; i < n; i++) y[i] = a * x[i] + b;
}

static void F(AddTo)(PetscInt64 n, void *av, const void *bv)
{
  REAL *restrict a       = av;
  const REAL *restrict b = bv;

  for (PetscInt64 i = 0; i < n; i++) a[i] += b[i];
}

/* sum of n entries `stride` apart: 8 running sums over up to 128 entries, then halves */
static double F(SumLine)(PetscInt64 n, const REAL *x)
{
  double s[8] = {0};

  if (n > 128) {
    PetscInt64 half = (n / 2 + 7) & ~(PetscInt64)7;

    return F(SumLine)(half, x) + F(SumLine)(n - half, x + half);
  }
  for (PetscInt64 i = 0; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) s[j] += (double)x[i + j];
  for (PetscInt64 i = n & ~(PetscInt64)7; i < n; i++) s[i & 7] += (double)x[i];
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

#define TILE 64 /* columns summed at a time */

/* s[j] = sum over r rows of x[r][j], j < count <= TILE */
static void F(SumColumns)(PetscInt64 r, PetscInt64 stride, PetscInt64 count, const REAL *restrict x, double *restrict s)
{
  if (r > 64) {
    PetscInt64 half = r / 2;
    double     t[TILE];

    F(SumColumns)(half, stride, count, x, s);
    F(SumColumns)(r - half, stride, count, x + half * stride, t);
    for (PetscInt64 j = 0; j < count; j++) s[j] += t[j];
    return;
  }
  for (PetscInt64 j = 0; j < count; j++) s[j] = 0;
  for (PetscInt64 i = 0; i < r; i++)
    for (PetscInt64 j = 0; j < count; j++) s[j] += (double)x[i * stride + j];
}

static void F(Sum)(PetscInt64 outer, PetscInt64 r, PetscInt64 inner, double factor, const void *xv, void *yv)
{
  const REAL *x = xv;
  REAL       *y = yv;

  if (inner == 1) {
    for (PetscInt64 o = 0; o < outer; o++) y[o] = (REAL)(factor * F(SumLine)(r, x + o * r));
    return;
  }
  for (PetscInt64 o = 0; o < outer; o++)
    for (PetscInt64 j0 = 0; j0 < inner; j0 += TILE) {
      PetscInt64 count = inner - j0 < TILE ? inner - j0 : TILE;
      double     s[TILE];

      F(SumColumns)(r, inner, count, x + o * r * inner + j0, s);
      for (PetscInt64 j = 0; j < count; j++) y[o * inner + j0 + j] = (REAL)(factor * s[j]);
    }
}

/* lanes that are joined at the end, as a single running maximum would be one long chain */
static REAL F(MaxLine)(PetscInt64 n, const REAL *x)
{
  REAL       m[BLOCK], top;
  PetscInt64 i = 0;

  for (int j = 0; j < BLOCK; j++) m[j] = x[0];
  for (; i + BLOCK <= n; i += BLOCK)
    for (int j = 0; j < BLOCK; j++) m[j] = x[i + j] > m[j] ? x[i + j] : m[j];
  top = m[0];
  for (int j = 1; j < BLOCK; j++) top = m[j] > top ? m[j] : top;
  for (; i < n; i++) top = x[i] > top ? x[i] : top;
  return top;
}

static double F(Max)(PetscInt64 n, const void *x)
{
  return (double)F(MaxLine)(n, x);
}

/* largest |x|; infinity where a number is not finite. Without their sign the patterns of numbers are ordered as whole numbers, infinity and NaN above all others */
static double F(Largest)(PetscInt64 n, const void *xv)
{
  const REAL *restrict x = xv;
  const UINT magnitude   = (UINT)-1 >> 1;
  const REAL infinity    = (REAL)INFINITY;
  UINT       top = 0, bound;
  REAL       largest;

  for (PetscInt64 i = 0; i < n; i++) {
    UINT u;

    memcpy(&u, x + i, sizeof u);
    u &= magnitude;
    top = u > top ? u : top;
  }
  memcpy(&bound, &infinity, sizeof bound);
  memcpy(&largest, &top, sizeof largest);
  return top < bound ? (double)largest : (double)INFINITY;
}

/* three digits of every number on the grids of s[0], s[1], s[2] (reducer.c), added to d1, d2, d3 */
static void F(Digits)(PetscInt64 n, const void *xv, const double s[3], double *restrict d1, double *restrict d2, double *restrict d3)
{
  const REAL *restrict x = xv;
  const double s1 = s[0], s2 = s[1], s3 = s[2];

  for (PetscInt64 i = 0; i < n; i++) {
    const double g = (double)x[i], a = (s1 + g) - s1, p = g - a, c = (s2 + p) - s2, q = p - c, d = (s3 + q) - s3;

    d1[i] += a;
    d2[i] += c;
    d3[i] += d;
  }
}

#ifndef SINGLE
/* sum of digits -> one number that depends on their exact sum alone: carries first, on grids of spacing g1 and g2. All is exact but the last two additions: powers of two, and whole numbers below 2^53 */
static void Join(PetscInt64 n, double g1, double g2, const double *restrict d1, const double *restrict d2, const double *restrict d3, double *restrict sum)
{
  const double per1 = 1 / g1, per2 = 1 / g2;

  for (PetscInt64 i = 0; i < n; i++) {
    const double c3 = floor(d3[i] * per2) * g2, m = d2[i] + c3, c2 = floor(m * per1) * g1;

    sum[i] = (d1[i] + c2) + ((m - c2) + (d3[i] - c3));
  }
}
#endif

/* a row of scores' adjoints: s <- p (s - <g, y>) scale */
static void F(ScoreBack)(PetscInt64 n, PetscInt64 e, double scale, const void *gv, const void *yv, const void *pv, void *sv)
{
  const REAL *restrict g = gv, *restrict y = yv, *restrict p = pv;
  REAL *restrict s = sv;
  double      dot = 0;
  const REAL  f = (REAL)scale;

  for (PetscInt64 j = 0; j < e; j++) dot += (double)g[j] * (double)y[j];
  for (PetscInt64 j = 0; j < n; j++) s[j] = p[j] * (s[j] - (REAL)dot) * f;
}

static void F(ExpShift)(PetscInt64 n, double scale, double shift, const void *xv, void *yv)
{
  const REAL *restrict x = xv;
  REAL *restrict y       = yv;
  const REAL s = (REAL)scale, t = (REAL)shift;

  for (PetscInt64 first = 0; first < n; first += BLOCK) {
    REAL       in[BLOCK], out[BLOCK];
    PetscInt64 count = n - first < BLOCK ? n - first : BLOCK;

    if (count == BLOCK) {
      for (int j = 0; j < BLOCK; j++) y[first + j] = F(Exp)(s * x[first + j] - t);
    } else {
      for (int j = 0; j < BLOCK; j++) in[j] = j < count ? x[first + j] : 0;
      for (int j = 0; j < BLOCK; j++) out[j] = F(Exp)(s * in[j] - t);
      for (PetscInt64 j = 0; j < count; j++) y[first + j] = out[j];
    }
  }
}

static void F(Softmax)(PetscInt64 rows, PetscInt64 n, int log_of, const void *xv, void *yv)
{
  for (PetscInt64 i = 0; i < rows; i++) {
    const REAL *x = (const REAL *)xv + i * n;
    REAL       *y = (REAL *)yv + i * n;
    REAL        m;

    if (!n) continue;
    m = F(MaxLine)(n, x);
    F(ExpShift)(n, 1, (double)m, x, y);
    if (log_of) {
      REAL l = (REAL)log(F(SumLine)(n, y)) + m;

      for (PetscInt64 j = 0; j < n; j++) y[j] = x[j] - l;
    } else {
      REAL f = (REAL)(1 / F(SumLine)(n, y));

      for (PetscInt64 j = 0; j < n; j++) y[j] *= f;
    }
  }
}

static void F(SoftmaxBack)(PetscInt64 rows, PetscInt64 n, int log_of, const void *yv, const void *gv, void *ov)
{
  for (PetscInt64 i = 0; i < rows; i++) {
    const REAL *restrict y = (const REAL *)yv + i * n;
    const REAL *restrict g = (const REAL *)gv + i * n;
    REAL *restrict out     = (REAL *)ov + i * n;

    if (log_of) {
      REAL s = (REAL)F(SumLine)(n, g);

      F(ExpShift)(n, 1, 0, y, out);
      for (PetscInt64 j = 0; j < n; j++) out[j] = g[j] - out[j] * s;
    } else {
      REAL s;

      for (PetscInt64 j = 0; j < n; j++) out[j] = g[j] * y[j];
      s = (REAL)F(SumLine)(n, out);
      for (PetscInt64 j = 0; j < n; j++) out[j] -= y[j] * s;
    }
  }
}

static void F(Normalise)(PetscInt64 rows, PetscInt64 n, double eps, const void *xv, void *yv, void *rv)
{
  for (PetscInt64 i = 0; i < rows; i++) {
    const REAL *restrict x = (const REAL *)xv + i * n;
    REAL *restrict y       = (REAL *)yv + i * n;
    REAL mean = (REAL)(F(SumLine)(n, x) / (double)n), r;

    for (PetscInt64 j = 0; j < n; j++) y[j] = (x[j] - mean) * (x[j] - mean);
    r = (REAL)(1 / sqrt(F(SumLine)(n, y) / (double)n + eps));
    for (PetscInt64 j = 0; j < n; j++) y[j] = (x[j] - mean) * r;
    ((REAL *)rv)[i] = r;
  }
}

static void F(NormaliseBack)(PetscInt64 rows, PetscInt64 n, const void *yv, const void *rv, const void *gv, void *ov)
{
  for (PetscInt64 i = 0; i < rows; i++) {
    const REAL *restrict y = (const REAL *)yv + i * n;
    const REAL *restrict g = (const REAL *)gv + i * n;
    REAL *restrict out     = (REAL *)ov + i * n;
    const REAL r = ((const REAL *)rv)[i];
    REAL       mean = (REAL)(F(SumLine)(n, g) / (double)n), dot;

    for (PetscInt64 j = 0; j < n; j++) out[j] = g[j] * y[j];
    dot = (REAL)(F(SumLine)(n, out) / (double)n);
    for (PetscInt64 j = 0; j < n; j++) out[j] = r * (g[j] - mean - y[j] * dot);
  }
}
#undef TILE

extern const Kernels TES_KERNEL(F(Kernels));
const Kernels TES_KERNEL(F(Kernels)) = {.unary = F(Unary), .unary_back = F(UnaryBack), .binary = F(Binary), .axpby = F(Axpby), .scale = F(Scale), .add_to = F(AddTo), .sum = F(Sum),
                                        .softmax = F(Softmax), .softmax_back = F(SoftmaxBack), .normalise = F(Normalise), .normalise_back = F(NormaliseBack), .exp_shift = F(ExpShift), .max = F(Max),
                                        .largest = F(Largest), .digits = F(Digits), .join = Join, .score_back = F(ScoreBack)};
