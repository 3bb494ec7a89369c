/* exp, erfc, tanh without branches, so that they vectorise and do not depend on the place in an array. No include guard: once per type.

   exp(x) = 2^n (1 + q), n = round(x / ln 2), q = exp(r) - 1 by its Taylor series, |r| <= ln 2 / 2: relative error 2 eps. Below the smallest normal number 0.
   erfc(z) = exp(-z^2) P((z - k) / (z + k)) for 0 <= z <= z1, P from a Chebyshev fit of exp(z^2) erfc(z) made with 50 digits (double: k = 3, degree 17, z1 = 6;
   single: k = 2, degree 8, z1 = 4); beyond z1 the value there, which is below the rounding of 1. Absolute error 4e-16 and 2e-7.
   tanh(x) from q, which keeps the relative error small near 0. */

#ifdef SINGLE
  #define MAGIC     12582912.0f /* 1.5 2^23: adding it rounds to a whole number */
  #define LN2_HIGH  0x1.62e4p-1f
  #define LN2_LOW   0x1.7f7d1cp-20f
  #define EXP_LOW   -87.33654f
  #define EXP_HIGH  88.72283f
  #define MANTISSA  23
  #define BIAS      127u
#else
  #define MAGIC     6755399441055744.0 /* 1.5 2^52 */
  #define LN2_HIGH  0x1.62e42feep-1
  #define LN2_LOW   0x1.a39ef35793c76p-33
  #define EXP_LOW   -708.3964185322641
  #define EXP_HIGH  709.782712893384
  #define MANTISSA  52
  #define BIAS      1023u
#endif

/* half = 2^(n - 1), so that n = the largest exponent + 1 does not overflow; q = exp(r) - 1 */
static inline __attribute__((always_inline)) void F(ExpParts)(REAL x, REAL *half, REAL *q)
{
  REAL  t = x * C(1.44269504088896341) + MAGIC, n = t - MAGIC, r = (x - n * LN2_HIGH) - n * LN2_LOW, s;
  UINT  bits;

#ifdef SINGLE
  s = 1 / 5040.0f;
#else
  s = 1 / 6227020800.0;
  s = s * r + 1 / 479001600.0;
  s = s * r + 1 / 39916800.0;
  s = s * r + 1 / 3628800.0;
  s = s * r + 1 / 362880.0;
  s = s * r + 1 / 40320.0;
  s = s * r + 1 / 5040.0;
#endif
  s = s * r + 1 / C(720.0);
  s = s * r + 1 / C(120.0);
  s = s * r + 1 / C(24.0);
  s = s * r + 1 / C(6.0);
  s = s * r + C(0.5);
  *q = r + r * r * s;
  memcpy(&bits, &t, sizeof bits);
  bits = (bits + BIAS - 1) << MANTISSA; /* the low bits of t hold n */
  memcpy(half, &bits, sizeof bits);
}

static inline __attribute__((always_inline)) REAL F(Exp)(REAL x)
{
  REAL half, q, clamped = x < EXP_LOW ? EXP_LOW : x, value;

  clamped = clamped > EXP_HIGH ? EXP_HIGH : clamped;
  F(ExpParts)(clamped, &half, &q);
  value = 2 * (half + half * q);
  value = x < EXP_LOW ? 0 : value;
  return x > EXP_HIGH ? (REAL)INFINITY : value;
}

/* erfc of |z| */
static inline __attribute__((always_inline)) REAL F(ErfcAbs)(REAL z)
{
  REAL a = z < 0 ? -z : z, t, s, half, q;

#ifdef SINGLE
  a = a > 4.0f ? 4.0f : a;
  t = (a - 2.0f) / (a + 2.0f);
  s = -2.102907624e-04f;
  s = s * t - 1.127442658e-03f;
  s = s * t - 8.497018371e-04f;
  s = s * t + 7.026654137e-03f;
  s = s * t + 3.739890119e-03f;
  s = s * t - 7.898005401e-02f;
  s = s * t + 2.416577550e-01f;
  s = s * t - 4.271858269e-01f;
  s = s * t + 2.553956799e-01f;
#else
  a = a > 6.0 ? 6.0 : a;
  t = (a - 3.0) / (a + 3.0);
  s = -4.30371508863161566e-08;
  s = s * t - 2.30753898313817849e-07;
  s = s * t - 1.74086166328836065e-07;
  s = s * t + 1.38546212995271139e-06;
  s = s * t + 2.16419132244879070e-06;
  s = s * t - 8.00015939939073531e-06;
  s = s * t - 1.28815471209964327e-05;
  s = s * t + 6.40541842929700383e-05;
  s = s * t + 4.52579394799392686e-05;
  s = s * t - 5.97061187703858283e-04;
  s = s * t + 7.07746310150833276e-04;
  s = s * t + 4.26913627067153183e-03;
  s = s * t - 2.43924993168465123e-02;
  s = s * t + 7.16658372000835708e-02;
  s = s * t - 1.50115936500759856e-01;
  s = s * t + 2.45603801712304753e-01;
  s = s * t - 3.26233560043037440e-01;
  s = s * t + 1.79001151181390011e-01;
#endif
  F(ExpParts)(-a * a, &half, &q);
  return 2 * (half + half * q) * s;
}

/* Phi(x) = (1 + erf(x / sqrt 2)) / 2, and phi(x) = exp(-x^2 / 2) / sqrt(2 pi) */
static inline __attribute__((always_inline)) REAL F(Phi)(REAL x)
{
  REAL e = C(0.5) * F(ErfcAbs)(x * C(0.70710678118654752));

  return x < 0 ? e : (x >= 0 ? 1 - e : x); /* NaN stays */
}

static inline __attribute__((always_inline)) REAL F(phi)(REAL x)
{
  return F(Exp)(C(-0.5) * x * x) * C(0.39894228040143268);
}

static inline __attribute__((always_inline)) REAL F(Tanh)(REAL x)
{
  REAL a = x < 0 ? -x : x, half, q, e1, value;

  a = a > 20 ? 20 : a;
  F(ExpParts)(-2 * a, &half, &q);
  e1    = 2 * half * q; /* exp(-2 a) = 2 half + e1 */
  value = ((1 - 2 * half) - e1) / ((1 + 2 * half) + e1);
  value = x < 0 ? -value : value;
  return x == x ? value : x;
}

/* log(1 + e) for 0 <= e <= 1: 2 atanh(t), t = e / (2 + e) <= 1/3, by its series; the term that is left out is below the rounding of the sum */
static inline __attribute__((always_inline)) REAL F(Log1pUnit)(REAL e)
{
  REAL t = e / (2 + e), u = t * t, s;

#ifdef SINGLE
  s = 1 / 13.0f;
#else
  s = 1 / 31.0;
  s = s * u + 1 / 29.0;
  s = s * u + 1 / 27.0;
  s = s * u + 1 / 25.0;
  s = s * u + 1 / 23.0;
  s = s * u + 1 / 21.0;
  s = s * u + 1 / 19.0;
  s = s * u + 1 / 17.0;
  s = s * u + 1 / 15.0;
  s = s * u + 1 / 13.0;
#endif
  s = s * u + 1 / C(11.0);
  s = s * u + 1 / C(9.0);
  s = s * u + 1 / C(7.0);
  s = s * u + 1 / C(5.0);
  s = s * u + 1 / C(3.0);
  return 2 * (t + t * u * s);
}

static inline __attribute__((always_inline)) REAL F(Sigmoid)(REAL x)
{
  return 1 / (1 + F(Exp)(-x));
}

#undef MAGIC
#undef LN2_HIGH
#undef LN2_LOW
#undef EXP_LOW
#undef EXP_HIGH
#undef MANTISSA
#undef BIAS
