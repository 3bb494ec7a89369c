/* Products with one small size, compiled once per instruction set (skinny.h).

   A DGEMM packs both factors and passes over them in blocks of its own; with few terms or few columns that costs more than the product. Here
     dots     4 x 4 (or 2 x 8) inner products at a time, W lanes along k in one register each: a row of the long factor is read once per 4 rows of the short one. The last
              k mod W terms come from the last W entries of the rows, with those that were added already masked. Eight registers of lanes become eight sums by seven
              interleaved additions;
     combine  4 rows at a time, W columns in a register, k terms each: a column of b is loaded once per 4 rows, and the result is written once. 2 k flops per entry written:
              up to k = 3 the stores are the floor, and a row at a time is stored line by line;
     product  8 x 3 (AVX-512) or 4 x 3 registers of sums and nothing packed: where b lies in the cache, packing it would take as long as the product;
     tree     4 rows x 2 W columns (2 x 4 W, 1 x 4 W) in registers per unit; the units are added while they are there: ((0 + 1) + (2 + 3)), as the tree of sum.h does, more than
              four with sums of four waiting in the cache. A unit's product of its own would write and read its whole result, which for 8 rows takes longer than to compute it.
   Columns beyond a multiple of W are computed as the last W columns once more: the entries that are met twice get the same bits twice. */
#include <stdint.h>
#include <tessera/isa.h>

#include "skinny.h"

#if defined(__AVX512F__)
  #define W 8
#elif defined(__AVX__)
  #define W 4
#else
  #define W 2
#endif

#define ALIGNED_COLUMNS 128 /* in shorter rows their ends take longer than that */
#define ALIGNED_TERMS   3 /* so few that storing takes longer than computing: stores that cross a line would cost twice */

typedef double    vec __attribute__((vector_size(8 * W), aligned(8), may_alias));
typedef long long ivec __attribute__((vector_size(8 * W)));

#define INLINE static inline __attribute__((always_inline))
/* constant trip counts that must become straight code, so that the sums stay in registers */
#define UNROLL   _Pragma("GCC unroll 8")
#define UNROLL24 _Pragma("GCC unroll 24")

#if W == 8
  #define TALL 8 /* rows of a tile of `product`: 8 x 3 sums in 32 registers, 4 x 3 in 16 */
#else
  #define TALL 4
#endif

INLINE vec Load(const PetscReal *p) { return *(const vec *)p; }
INLINE void Store(PetscReal *p, vec v) { *(vec *)p = v; }

/* ---- inner products ---- */

/* eight sums of lanes: out[i] = sum of v[i]; each sum adds its lanes in the same order wherever it stands */
INLINE void EightSums(const vec v[8], PetscReal out[8])
{
#if W == 8
  const ivec even = {0, 8, 2, 10, 4, 12, 6, 14}, odd = {1, 9, 3, 11, 5, 13, 7, 15};
  const ivec low2 = {0, 1, 8, 9, 4, 5, 12, 13}, high2 = {2, 3, 10, 11, 6, 7, 14, 15};
  const ivec low4 = {0, 1, 2, 3, 8, 9, 10, 11}, high4 = {4, 5, 6, 7, 12, 13, 14, 15};
  vec        two[4], four[2];

  UNROLL for (int i = 0; i < 4; i++) two[i] = __builtin_shuffle(v[2 * i], v[2 * i + 1], even) + __builtin_shuffle(v[2 * i], v[2 * i + 1], odd);
  UNROLL for (int i = 0; i < 2; i++) four[i] = __builtin_shuffle(two[2 * i], two[2 * i + 1], low2) + __builtin_shuffle(two[2 * i], two[2 * i + 1], high2);
  Store(out, __builtin_shuffle(four[0], four[1], low4) + __builtin_shuffle(four[0], four[1], high4));
#elif W == 4
  const ivec even = {0, 4, 2, 6}, odd = {1, 5, 3, 7}, low2 = {0, 1, 4, 5}, high2 = {2, 3, 6, 7};

  UNROLL for (int half = 0; half < 2; half++) {
    const vec *h = v + 4 * half;
    const vec  a = __builtin_shuffle(h[0], h[1], even) + __builtin_shuffle(h[0], h[1], odd), b = __builtin_shuffle(h[2], h[3], even) + __builtin_shuffle(h[2], h[3], odd);

    Store(out + 4 * half, __builtin_shuffle(a, b, low2) + __builtin_shuffle(a, b, high2));
  }
#else
  UNROLL for (int i = 0; i < 8; i++) out[i] = v[i][0] + v[i][1];
#endif
}

/* R x N inner products, at most 16 */
INLINE void DotTile(const int R, const int N, PetscInt k, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, PetscReal *c, size_t ldc)
{
  const PetscInt tail = k % W, whole = k - tail;
  vec            sum[16];
  PetscReal      out[16];

  UNROLL for (int e = 0; e < 16; e++) sum[e] = (vec){0};
  for (PetscInt l = 0; l < whole; l += W) {
    vec av[4];

    UNROLL for (int i = 0; i < R; i++) av[i] = Load(a + (size_t)i * lda + l);
    UNROLL for (int j = 0; j < N; j++) {
      const vec bv = Load(b + (size_t)j * ldb + l);

      UNROLL for (int i = 0; i < R; i++) sum[i * N + j] += av[i] * bv;
    }
  }
  if (tail) {
    ivec keep;
    vec  av[4];

    UNROLL for (int e = 0; e < W; e++) keep[e] = e < W - tail ? 0 : -1;
    UNROLL for (int i = 0; i < R; i++) av[i] = (vec)((ivec)Load(a + (size_t)i * lda + k - W) & keep);
    UNROLL for (int j = 0; j < N; j++) {
      const vec bv = (vec)((ivec)Load(b + (size_t)j * ldb + k - W) & keep);

      UNROLL for (int i = 0; i < R; i++) sum[i * N + j] += av[i] * bv;
    }
  }
  EightSums(sum, out);
  if (R * N > 8) EightSums(sum + 8, out + 8);
  UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < N; j++) c[(size_t)i * ldc + (size_t)j] = out[i * N + j];
}

/* R rows against n columns, N at a time */
INLINE void DotRows(const int R, const int N, PetscInt n, PetscInt k, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, PetscReal *c, size_t ldc)
{
  PetscInt j = 0;

  for (; j + N <= n; j += N) DotTile(R, N, k, a, lda, b + (size_t)j * ldb, ldb, c + j, ldc);
  for (; N > 4 && j + 4 <= n; j += 4) DotTile(R, 4, k, a, lda, b + (size_t)j * ldb, ldb, c + j, ldc);
  switch (n - j) {
  case 3: DotTile(R, 3, k, a, lda, b + (size_t)j * ldb, ldb, c + j, ldc); break;
  case 2: DotTile(R, 2, k, a, lda, b + (size_t)j * ldb, ldb, c + j, ldc); break;
  case 1: DotTile(R, 1, k, a, lda, b + (size_t)j * ldb, ldb, c + j, ldc); break;
  default: break;
  }
}

/* up to 4 rows */
static void DotPanel(PetscInt rows, PetscInt n, PetscInt k, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, PetscReal *c, size_t ldc)
{
  switch (rows) {
  case 4: DotRows(4, 4, n, k, a, lda, b, ldb, c, ldc); break;
  case 3: DotRows(3, 4, n, k, a, lda, b, ldb, c, ldc); break;
  case 2: DotRows(2, 8, n, k, a, lda, b, ldb, c, ldc); break;
  default: DotRows(1, 8, n, k, a, lda, b, ldb, c, ldc); break;
  }
}

static void Dots(PetscInt m, PetscInt n, PetscInt k, const PetscReal *a, PetscInt lda, const PetscReal *b, PetscInt ldb, PetscReal *c, PetscInt ldc)
{
  const PetscInt columns = m < n && m > 4 ? 4 : n; /* the long factor is read once: all rows of the short one for each piece of it */
  const size_t   la = (size_t)lda, lb = (size_t)ldb, lc = (size_t)ldc;

  for (PetscInt i = 0; i < m && k < W; i++)
    for (PetscInt j = 0; j < n; j++) {
      PetscReal sum = 0;

      for (PetscInt l = 0; l < k; l++) sum += a[(size_t)i * la + (size_t)l] * b[(size_t)j * lb + (size_t)l];
      c[(size_t)i * lc + (size_t)j] = sum;
    }
  for (PetscInt j = 0; j < n && k >= W; j += PetscMax(columns, 1))
    for (PetscInt i = 0; i < m; i += 4) DotPanel(PetscMin(4, m - i), PetscMin(columns, n - j), k, a + (size_t)i * la, la, b + (size_t)j * lb, lb, c + (size_t)i * lc + j, lc);
}

/* ---- few terms ---- */

INLINE void CombineColumns(const int R, const int K, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, PetscReal *c, size_t ldc)
{
  vec bv[SKINNY_TERMS];

  UNROLL for (int l = 0; l < K; l++) bv[l] = Load(b + (size_t)l * ldb);
  UNROLL for (int i = 0; i < R; i++) {
    vec sum = a[(size_t)i * lda] * bv[0];

    UNROLL for (int l = 1; l < K; l++) sum += a[(size_t)i * lda + l] * bv[l];
    Store(c + (size_t)i * ldc, sum);
  }
}

INLINE void CombineRows(const int R, const int K, PetscInt n, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, PetscReal *c, size_t ldc)
{
  PetscInt j = 0;

  for (; j + W <= n; j += W) CombineColumns(R, K, a, lda, b + j, ldb, c + j, ldc);
  if (j < n) CombineColumns(R, K, a, lda, b + n - W, ldb, c + n - W, ldc);
}

/* one row, stored in whole lines of the cache but for its ends */
INLINE void CombineAligned(const int K, PetscInt n, const PetscReal *a, const PetscReal *b, size_t ldb, PetscReal *c)
{
  PetscInt j = (PetscInt)((sizeof(vec) - (uintptr_t)c % sizeof(vec)) % sizeof(vec) / sizeof(*c));

  if (j) CombineColumns(1, K, a, 0, b, ldb, c, 0);
  for (; j + W <= n; j += W) CombineColumns(1, K, a, 0, b + j, ldb, c + j, 0);
  if (j < n) CombineColumns(1, K, a, 0, b + n - W, ldb, c + n - W, 0);
}

INLINE void CombineTerms(const int K, PetscInt m, PetscInt n, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, PetscReal *c, size_t ldc)
{
  PetscInt i = 0;

  for (; K <= ALIGNED_TERMS && n >= ALIGNED_COLUMNS && i < m; i++) CombineAligned(K, n, a + (size_t)i * lda, b, ldb, c + (size_t)i * ldc);
  for (; i + 4 <= m; i += 4) CombineRows(4, K, n, a + (size_t)i * lda, lda, b, ldb, c + (size_t)i * ldc, ldc);
  for (; i < m; i++) CombineRows(1, K, n, a + (size_t)i * lda, lda, b, ldb, c + (size_t)i * ldc, ldc);
}

static void Combine(PetscInt m, PetscInt n, PetscInt k, const PetscReal *a, PetscInt lda, const PetscReal *b, PetscInt ldb, PetscReal *c, PetscInt ldc)
{
  const size_t la = (size_t)lda, lb = (size_t)ldb, lc = (size_t)ldc;

  switch (k) {
  case 1: CombineTerms(1, m, n, a, la, b, lb, c, lc); break;
  case 2: CombineTerms(2, m, n, a, la, b, lb, c, lc); break;
  case 3: CombineTerms(3, m, n, a, la, b, lb, c, lc); break;
  case 4: CombineTerms(4, m, n, a, la, b, lb, c, lc); break;
  case 5: CombineTerms(5, m, n, a, la, b, lb, c, lc); break;
  case 6: CombineTerms(6, m, n, a, la, b, lb, c, lc); break;
  case 7: CombineTerms(7, m, n, a, la, b, lb, c, lc); break;
  default: CombineTerms(8, m, n, a, la, b, lb, c, lc); break;
  }
}

/* ---- any number of terms, all in the cache ---- */

INLINE void ProductTile(const int R, const int C, PetscInt k, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, PetscReal *c, size_t ldc)
{
  vec sum[24];

  UNROLL24 for (int e = 0; e < R * C; e++) sum[e] = (vec){0};
  for (PetscInt l = 0; l < k; l++) {
    vec bv[3];

    UNROLL for (int j = 0; j < C; j++) bv[j] = Load(b + (size_t)l * ldb + (size_t)j * W);
    UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < C; j++) sum[i * C + j] += a[(size_t)i * lda + (size_t)l] * bv[j];
  }
  UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < C; j++) Store(c + (size_t)i * ldc + (size_t)j * W, sum[i * C + j]);
}

INLINE void ProductRows(const int C, PetscInt m, PetscInt k, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, PetscReal *c, size_t ldc)
{
  PetscInt i = 0;

  for (; i + TALL <= m; i += TALL) ProductTile(TALL, C, k, a + (size_t)i * lda, lda, b, ldb, c + (size_t)i * ldc, ldc);
  for (; i + 2 <= m; i += 2) ProductTile(2, C, k, a + (size_t)i * lda, lda, b, ldb, c + (size_t)i * ldc, ldc);
  for (; i < m; i++) ProductTile(1, C, k, a + (size_t)i * lda, lda, b, ldb, c + (size_t)i * ldc, ldc);
}

static void Product(PetscInt m, PetscInt n, PetscInt k, const PetscReal *a, PetscInt lda, const PetscReal *b, PetscInt ldb, PetscReal *c, PetscInt ldc)
{
  const size_t la = (size_t)lda, lb = (size_t)ldb, lc = (size_t)ldc;
  PetscInt     j = 0;

  for (; j + 3 * W <= n; j += 3 * W) ProductRows(3, m, k, a, la, b + j, lb, c + j, lc);
  if (j + 2 * W < n && n >= 3 * W) {
    ProductRows(3, m, k, a, la, b + n - 3 * W, lb, c + n - 3 * W, lc);
    return;
  }
  for (; j + 2 * W <= n; j += 2 * W) ProductRows(2, m, k, a, la, b + j, lb, c + j, lc);
  if (j + W < n && n >= 2 * W) ProductRows(2, m, k, a, la, b + n - 2 * W, lb, c + n - 2 * W, lc);
  else
    for (; j < n; j += W) ProductRows(1, m, k, a, la, b + PetscMin(j, n - W), lb, c + PetscMin(j, n - W), lc);
}

/* ---- units added in registers ---- */

/* sum [R][C] = the product of one unit */
INLINE void UnitTile(const int R, const int C, PetscInt rows, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, vec *sum)
{
  UNROLL for (int e = 0; e < R * C; e++) sum[e] = (vec){0};
  for (PetscInt q = 0; q < rows; q++) {
    vec bv[4];

    UNROLL for (int j = 0; j < C; j++) bv[j] = Load(b + (size_t)q * ldb + (size_t)j * W);
    UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < C; j++) sum[i * C + j] += a[(size_t)i * lda + q] * bv[j];
  }
}

/* up to four units; the last one has `last` rows */
INLINE void FourTile(const int R, const int C, PetscInt levels, PetscInt rows, PetscInt last, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, vec *sum)
{
  const size_t unit = (size_t)rows;
  vec          right[8], fourth[8];

  UnitTile(R, C, levels ? rows : last, a, lda, b, ldb, sum);
  if (levels == 0) return;
  UnitTile(R, C, levels > 1 ? rows : last, a + unit, lda, b + unit * ldb, ldb, right);
  UNROLL for (int e = 0; e < R * C; e++) sum[e] += right[e];
  if (levels == 1) return;
  UnitTile(R, C, rows, a + 2 * unit, lda, b + 2 * unit * ldb, ldb, right);
  UnitTile(R, C, last, a + 3 * unit, lda, b + 3 * unit * ldb, ldb, fourth);
  UNROLL for (int e = 0; e < R * C; e++) sum[e] += right[e] + fourth[e];
}

/* more units: sums of four wait in the cache */
INLINE void TreeTile(const int R, const int C, PetscInt levels, PetscInt rows, PetscInt last, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, vec *sum)
{
  const size_t   four = 4 * (size_t)rows;
  const PetscInt fours = levels > 2 ? 1 << (levels - 2) : 1;
  vec            wait[SKINNY_LEVELS][8];

  FourTile(R, C, PetscMin(levels, 2), rows, fours > 1 ? rows : last, a, lda, b, ldb, sum);
  for (PetscInt f = 1; f < fours; f++) {
    PetscInt level = 0;

    for (; level < levels - 2 && (f - 1) >> level & 1; level++) UNROLL for (int e = 0; e < R * C; e++) sum[e] = wait[level][e] + sum[e];
    UNROLL for (int e = 0; e < R * C; e++) wait[level][e] = sum[e];
    FourTile(R, C, 2, rows, f + 1 < fours ? rows : last, a + (size_t)f * four, lda, b + (size_t)f * four * ldb, ldb, sum);
  }
  for (PetscInt level = 0; level < levels - 2; level++) UNROLL for (int e = 0; e < R * C; e++) sum[e] = wait[level][e] + sum[e];
}

INLINE void TreeColumns(const int R, const int C, PetscInt levels, PetscInt rows, PetscInt last, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, PetscReal *c, size_t ldc)
{
  vec sum[8];

  TreeTile(R, C, levels, rows, last, a, lda, b, ldb, sum);
  UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < C; j++) Store(c + (size_t)i * ldc + (size_t)j * W, sum[i * C + j]);
}

static void TreePanel4(PetscInt levels, PetscInt m, PetscInt rows, PetscInt last, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, PetscReal *c, size_t ldc)
{
  if (m == 2) TreeColumns(2, 4, levels, rows, last, a, lda, b, ldb, c, ldc);
  else TreeColumns(1, 4, levels, rows, last, a, lda, b, ldb, c, ldc);
}

INLINE void TreePanel(const int C, PetscInt levels, PetscInt m, PetscInt rows, PetscInt last, const PetscReal *a, size_t lda, const PetscReal *b, size_t ldb, PetscReal *c, size_t ldc)
{
  PetscInt i = 0;

  for (; i + 4 <= m; i += 4) TreeColumns(4, C, levels, rows, last, a + (size_t)i * lda, lda, b, ldb, c + (size_t)i * ldc, ldc);
  switch (m - i) {
  case 3: TreeColumns(3, C, levels, rows, last, a + (size_t)i * lda, lda, b, ldb, c + (size_t)i * ldc, ldc); break;
  case 2: TreeColumns(2, C, levels, rows, last, a + (size_t)i * lda, lda, b, ldb, c + (size_t)i * ldc, ldc); break;
  case 1: TreeColumns(1, C, levels, rows, last, a + (size_t)i * lda, lda, b, ldb, c + (size_t)i * ldc, ldc); break;
  default: break;
  }
}

static void Tree(PetscInt m, PetscInt n, PetscInt rows, PetscInt last, PetscInt levels, const PetscReal *a, PetscInt lda, const PetscReal *b, PetscInt ldb, PetscReal *c, PetscInt ldc)
{
  const size_t la = (size_t)lda, lb = (size_t)ldb, lc = (size_t)ldc;
  PetscInt     j = 0;

  for (; m <= 2 && j + 4 * W <= n; j += 4 * W) TreePanel4(levels, m, rows, last, a, la, b + j, lb, c + j, lc);
  for (; j + 2 * W <= n; j += 2 * W) TreePanel(2, levels, m, rows, last, a, la, b + j, lb, c + j, lc);
  if (j + W < n && n >= 2 * W) TreePanel(2, levels, m, rows, last, a, la, b + n - 2 * W, lb, c + n - 2 * W, lc);
  else
    for (; j < n; j += W) TreePanel(1, levels, m, rows, last, a, la, b + PetscMin(j, n - W), lb, c + PetscMin(j, n - W), lc);
}

extern const SkinnyTable TES_KERNEL(SkinnyKernels);
const SkinnyTable        TES_KERNEL(SkinnyKernels) = {.dots = Dots, .combine = Combine, .product = Product, .tree = Tree};
