/* Mode products and the slab compression against plain sums over an index at a time, and against the adjoint identity. */
#include <float.h>
#include <string.h>
#include <tessera/linalg.h>
#include <tessera/random.h>
#include <tessera/sum.h>
#include <tessera/test.h>

static PetscReal Value(PetscInt64 i, uint32_t tag)
{
  PetscReal z[2];

  TesRandomNormal(11, TES_STREAM_TEST, (uint32_t)i, tag, 0, z);
  return z[0];
}

static void Fill(PetscInt64 n, PetscReal *x, uint32_t tag)
{
  for (PetscInt64 i = 0; i < n; i++) x[i] = Value(i, tag);
}

/* out[k][j][i] = sum over c, b, a of m2[k][c] m1[j][b] m0[i][a] in[c][b][a]: the explicit Kronecker product, sizes as three dimensions */
static void Explicit(const PetscInt64 n[3], const PetscInt r[3], const PetscReal *const m[3], const PetscReal *in, PetscReal *out)
{
  for (PetscInt k = 0; k < r[2]; k++)
    for (PetscInt j = 0; j < r[1]; j++)
      for (PetscInt i = 0; i < r[0]; i++) {
        PetscReal sum = 0;

        for (PetscInt64 c = 0; c < n[2]; c++)
          for (PetscInt64 b = 0; b < n[1]; b++)
            for (PetscInt64 a = 0; a < n[0]; a++) sum += m[2][k * n[2] + c] * m[1][j * n[1] + b] * m[0][i * n[0] + a] * in[(c * n[1] + b) * n[0] + a];
        out[(k * r[1] + j) * r[0] + i] = sum;
      }
}

static PetscReal MaxDifference(PetscInt64 n, const PetscReal *x, const PetscReal *y)
{
  PetscReal max = 0;

  for (PetscInt64 i = 0; i < n; i++) max = PetscMax(max, PetscAbsReal(x[i] - y[i]));
  return max;
}

static PetscErrorCode ModeProductsMakeTheKroneckerProduct(void)
{
  const PetscInt64 n[3] = {6, 5, 4};
  const PetscInt   r[3] = {3, 7, 2};
  PetscReal        m0[18], m1[35], m2[8], in[120], one[60], two[84], got[42], want[42];
  PetscInt64       size[3] = {6, 5, 4};

  PetscFunctionBegin;
  Fill(18, m0, 0);
  Fill(35, m1, 1);
  Fill(8, m2, 2);
  Fill(120, in, 3);
  Explicit(n, r, (const PetscReal *const[]){m0, m1, m2}, in, want);
  PetscCall(TesModeProduct(3, size, 0, 3, m0, in, one));
  size[0] = 3;
  PetscCall(TesModeProduct(3, size, 1, 7, m1, one, two));
  size[1] = 7;
  PetscCall(TesModeProduct(3, size, 2, 2, m2, two, got));
  TES_CHECK_AT_MOST(MaxDifference(42, got, want), 1e-12); /* spec 5.3; sums of 120 terms of size about 30 */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AVectorIsAOneDimensionalArray(void)
{
  const PetscInt64 n = 5;
  PetscReal        m[10], in[5], out[2];

  PetscFunctionBegin;
  Fill(10, m, 4);
  Fill(5, in, 5);
  PetscCall(TesModeProduct(1, &n, 0, 2, m, in, out));
  for (int p = 0; p < 2; p++) {
    PetscReal sum = 0;

    for (int i = 0; i < 5; i++) sum += m[p * 5 + i] * in[i];
    TES_CHECK_NEAR(out[p], sum, 20 * DBL_EPSILON);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* sizes by dimension; the slab is cut along the last one. The result is compared bit by bit with the same sum on one rank. */
static PetscErrorCode CheckCompress(PetscInt dim, const PetscInt64 n[3], const PetscInt r[3], PetscInt64 unit)
{
  const PetscInt64 wide_n[3] = {n[0], dim > 1 ? n[1] : 1, dim > 2 ? n[2] : 1};
  const PetscInt   wide_r[3] = {r[0], dim > 1 ? r[1] : 1, dim > 2 ? r[2] : 1};
  const PetscReal  one       = 1;
  PetscInt64       plane = 1, total, core_size = 1;
  PetscReal       *m[3], *whole, *core, *alone, *want;
  const PetscReal *explicit_m[3] = {&one, &one, &one};
  TesPartition     part, single;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < dim - 1; d++) plane *= n[d];
  total = plane * n[dim - 1];
  for (PetscInt d = 0; d < dim; d++) {
    core_size *= r[d];
    PetscCall(PetscMalloc1(r[d] * n[d] + 1, &m[d]));
    Fill(r[d] * n[d], m[d], 6 + (uint32_t)d);
    explicit_m[d] = m[d];
  }
  PetscCall(PetscMalloc4(total + 1, &whole, core_size, &core, core_size, &alone, core_size, &want));
  Fill(total, whole, 10);
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, n[dim - 1], unit, &part));
  PetscCall(TesPartitionCreate(PETSC_COMM_SELF, n[dim - 1], unit, &single));
  PetscCall(TesSlabCompress(PETSC_COMM_WORLD, &part, dim, n, r, (const PetscReal *const *)m, whole + part.first * plane, core));
  PetscCall(TesSlabCompress(PETSC_COMM_SELF, &single, dim, n, r, (const PetscReal *const *)m, whole, alone));
  Explicit(wide_n, wide_r, explicit_m, whole, want);
  TES_CHECK(!memcmp(core, alone, (size_t)core_size * sizeof *core));
  TES_CHECK_AT_MOST(MaxDifference(core_size, core, want), 50 * PetscSqrtReal((PetscReal)(total + 1)) * 10 * DBL_EPSILON); /* random signs: sqrt of the number of terms, each below 50 */
  for (PetscInt d = 0; d < dim; d++) PetscCall(PetscFree(m[d]));
  PetscCall(PetscFree4(whole, core, alone, want));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CompressIsExactAndTheSameBitsForEveryRankCount(void)
{
  PetscFunctionBegin;
  PetscCall(CheckCompress(1, (PetscInt64[]){37, 0, 0}, (PetscInt[]){6, 0, 0}, 4));
  PetscCall(CheckCompress(2, (PetscInt64[]){29, 41, 0}, (PetscInt[]){7, 5, 0}, 8));
  PetscCall(CheckCompress(2, (PetscInt64[]){100, 130, 0}, (PetscInt[]){33, 40, 0}, 16));
  PetscCall(CheckCompress(3, (PetscInt64[]){13, 9, 11}, (PetscInt[]){5, 4, 6}, 3));
  PetscCall(CheckCompress(3, (PetscInt64[]){13, 9, 11}, (PetscInt[]){15, 14, 16}, 1));
  for (PetscInt r = 1; r <= 9; r += 2) PetscCall(CheckCompress(2, (PetscInt64[]){35, 61, 0}, (PetscInt[]){r, 10 - r, 0}, 8)); /* small cores, and on one side only */
  PetscCall(CheckCompress(2, (PetscInt64[]){5, 37, 0}, (PetscInt[]){4, 3, 0}, 6));
  PetscCall(CheckCompress(3, (PetscInt64[]){20, 12, 47}, (PetscInt[]){6, 4, 5}, 3)); /* units added four at a time, and what remains: 16 of them, the last of 2 rows */
  PetscCall(CheckCompress(3, (PetscInt64[]){20, 12, 19}, (PetscInt[]){16, 14, 9}, 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MoreRanksThanUnitsLeavesSomeEmpty(void)
{
  PetscFunctionBegin;
  PetscCall(CheckCompress(2, (PetscInt64[]){10, 5, 0}, (PetscInt[]){3, 2, 0}, 64));
  PetscCall(CheckCompress(3, (PetscInt64[]){4, 3, 2}, (PetscInt[]){3, 2, 2}, 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* small cores take another way: the same sums */
static PetscErrorCode ExpandOfSmallCoresIsTheExplicitProduct(void)
{
  PetscFunctionBegin;
  for (PetscInt dim = 2; dim <= 3; dim++)
    for (PetscInt r0 = 1; r0 <= 10; r0 += 3)
      for (PetscInt r1 = 2; r1 <= 10; r1 += 4) {
        const PetscInt64 n[3] = {21, 11, 13}, core_n[3] = {r0, r1, dim > 2 ? 3 : 1};
        const PetscInt   r[3] = {r0, r1, 3}, wide_r[3] = {21, 11, dim > 2 ? 13 : 1};
        const PetscInt64 plane = dim > 2 ? 21 * 11 : 21, total = dim > 2 ? 21 * 11 * 13 : 21 * 11;
        PetscReal       *e[3], *core, *out, *want;
        const PetscReal  one = 1, *explicit_m[3] = {&one, &one, &one};
        TesPartition     part;

        for (PetscInt d = 0; d < dim; d++) {
          PetscCall(PetscMalloc1(r[d] * n[d], &e[d]));
          Fill(r[d] * n[d], e[d], 40 + (uint32_t)d);
          explicit_m[d] = e[d];
        }
        PetscCall(PetscMalloc3(r0 * r1 * 3, &core, total, &out, total, &want));
        Fill(r0 * r1 * 3, core, 44);
        PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, n[dim - 1], 4, &part));
        PetscCall(TesSlabExpand(&part, dim, n, r, (const PetscReal *const *)e, core, out));
        Explicit(core_n, wide_r, explicit_m, core, want);
        TES_CHECK_AT_MOST(MaxDifference(part.n_local * plane, out, want + part.first * plane), 1e-13); /* at most 300 terms of size below 1 */
        for (PetscInt d = 0; d < dim; d++) PetscCall(PetscFree(e[d]));
        PetscCall(PetscFree3(core, out, want));
      }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* <E core, g> = <core, E' g>: expansion and compression with transposed matrices are adjoint; and the expansion itself is the explicit product */
static PetscErrorCode ExpandIsTheAdjointOfCompress(void)
{
  PetscFunctionBegin;
  for (PetscInt dim = 1; dim <= 3; dim++) {
    const PetscInt64 n[3] = {12, 10, 17};
    const PetscInt   r[3] = {5, 4, 3};
    PetscInt64       plane = 1, core_n[3] = {1, 1, 1}, wide_n = 1;
    PetscInt         wide_r[3] = {1, 1, 1};
    PetscReal       *e[3], *et[3], *core, *back, *out, *want, *g, forward, backward = 0;
    const PetscReal  one = 1, *explicit_m[3] = {&one, &one, &one};
    TesPartition     part, items;

    for (PetscInt d = 0; d < dim; d++) {
      if (d < dim - 1) plane *= n[d];
      wide_n *= n[d];
      core_n[d] = r[d];
      wide_r[d] = (PetscInt)n[d];
      PetscCall(PetscMalloc2(r[d] * n[d], &e[d], r[d] * n[d], &et[d]));
      Fill(r[d] * n[d], e[d], 20 + (uint32_t)d);
      for (PetscInt64 i = 0; i < n[d]; i++)
        for (PetscInt k = 0; k < r[d]; k++) et[d][k * n[d] + i] = e[d][i * r[d] + k];
      explicit_m[d] = e[d];
    }
    PetscCall(PetscMalloc5(60, &core, 60, &back, wide_n, &out, wide_n, &g, wide_n, &want));
    PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, n[dim - 1], 4, &part));
    PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, wide_n, 4 * plane, &items));
    Fill(60, core, 30);
    Fill(wide_n, g, 31);
    PetscCall(TesSlabExpand(&part, dim, n, r, (const PetscReal *const *)e, core, out));
    Explicit(core_n, wide_r, explicit_m, core, want);
    TES_CHECK_AT_MOST(MaxDifference(items.n_local, out, want + items.first), 1e-13); /* 60 terms of size about 10 */
    PetscCall(TesDotOrdered(PETSC_COMM_WORLD, &items, out, g + items.first, &forward));
    PetscCall(TesSlabCompress(PETSC_COMM_WORLD, &part, dim, n, r, (const PetscReal *const *)et, g + items.first, back));
    for (PetscInt i = 0; i < core_n[0] * core_n[1] * core_n[2]; i++) backward += core[i] * back[i];
    TES_CHECK_AT_MOST(PetscAbsReal(forward - backward) / PetscAbsReal(forward), 1e-12);
    for (PetscInt d = 0; d < dim; d++) PetscCall(PetscFree2(e[d], et[d]));
    PetscCall(PetscFree5(core, back, out, g, want));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ModeProductsMakeTheKroneckerProduct),
  TES_TEST(AVectorIsAOneDimensionalArray),
  TES_TEST(CompressIsExactAndTheSameBitsForEveryRankCount),
  TES_TEST(MoreRanksThanUnitsLeavesSomeEmpty),
  TES_TEST(ExpandOfSmallCoresIsTheExplicitProduct),
  TES_TEST(ExpandIsTheAdjointOfCompress),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
