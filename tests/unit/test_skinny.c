/* The kernels for products with one small size (src/linalg/skinny.h), in every instruction set that this processor has: against plain loops, and the bits of an entry whatever
   stands around it. */
#include <float.h>
#include <string.h>
#include <tessera/isa.h>
#include <tessera/random.h>
#include <tessera/sum.h>
#include <tessera/test.h>

#include "../../src/linalg/skinny.h"

#define MOST 6500

static const SkinnyTable *tables[3];
static PetscInt           n_tables;

static void Tables(void)
{
  n_tables           = 0;
  tables[n_tables++] = &SkinnyKernels_baseline;
#if defined(__x86_64__)
  if (TesIsa() >= TES_ISA_V3) tables[n_tables++] = &SkinnyKernels_v3;
  if (TesIsa() >= TES_ISA_V4) tables[n_tables++] = &SkinnyKernels_v4;
#endif
}

static void Fill(uint32_t draw, PetscReal x[MOST])
{
  for (uint32_t i = 0; i < MOST; i++) {
    PetscReal u[2];

    TesRandomUniform(3, TES_STREAM_TEST, i, draw, 0, u);
    x[i] = u[0] - 0.5;
  }
}

/* |sum of k products of numbers below 1/2| has error below k eps k / 4 in any order */
static PetscReal Allowed(PetscInt k)
{
  return (PetscReal)(k * k) * DBL_EPSILON / 4 + DBL_EPSILON;
}

static PetscErrorCode DotsAreInnerProducts(void)
{
  const PetscInt shapes[][3] = {{1, 1, 1}, {2, 19, 7}, {3, 5, 8}, {4, 4, 9}, {8, 27, 60}, {7, 13, 61}, {27, 2, 62}, {5, 3, 23}, {2, 8, 16}, {32, 1, 33}};
  PetscReal      a[MOST], b[MOST], c[MOST];

  PetscFunctionBegin;
  Tables();
  Fill(1, a);
  Fill(2, b);
  for (PetscInt t = 0; t < n_tables; t++)
    for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
      const PetscInt m = shapes[s][0], n = shapes[s][1], k = shapes[s][2], lda = k + 1, ldb = k + 2, ldc = n + 3;

      for (PetscInt i = 0; i < MOST; i++) c[i] = 7;
      tables[t]->dots(m, n, k, a, lda, b, ldb, c, ldc);
      for (PetscInt i = 0; i < m; i++)
        for (PetscInt j = 0; j < n + 3; j++) {
          PetscReal sum = 0;

          for (PetscInt l = 0; l < k && j < n; l++) sum += a[i * lda + l] * b[j * ldb + l];
          if (j < n) TES_CHECK_AT_MOST(PetscAbsReal(c[i * ldc + j] - sum), Allowed(k));
          else TES_CHECK(c[i * ldc + j] == 7); /* between the rows nothing is written */
        }
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CombineAddsRows(void)
{
  PetscReal a[MOST], b[MOST], c[MOST];

  PetscFunctionBegin;
  Tables();
  Fill(3, a);
  Fill(4, b);
  for (PetscInt t = 0; t < n_tables; t++)
    for (PetscInt k = 1; k <= SKINNY_TERMS; k++)
      for (PetscInt n = SKINNY_LEAST; n <= 35; n += 9)
        for (PetscInt m = 1; m <= 9; m += 4) {
          const PetscInt lda = k + 2, ldb = n + 1, ldc = n + 5;

          for (PetscInt i = 0; i < MOST; i++) c[i] = 7;
          tables[t]->combine(m, n, k, a, lda, b, ldb, c + 1, ldc);
          for (PetscInt i = 0; i < m; i++)
            for (PetscInt j = 0; j < ldc; j++) {
              PetscReal sum = 0;

              for (PetscInt l = 0; l < k && j < n; l++) sum += a[i * lda + l] * b[l * ldb + j];
              if (j < n) TES_CHECK_AT_MOST(PetscAbsReal(c[1 + i * ldc + j] - sum), Allowed(k));
              else TES_CHECK(c[1 + i * ldc + j] == 7);
            }
          TES_CHECK(c[0] == 7);
        }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ProductIsThePlainOne(void)
{
  const PetscInt shapes[][3] = {{1, 8, 1}, {2, 17, 5}, {8, 24, 20}, {9, 60, 34}, {15, 25, 7}, {16, 41, 13}, {60, 20, 20}, {3, 33, 0}};
  PetscReal      a[MOST], b[MOST], c[MOST];

  PetscFunctionBegin;
  Tables();
  Fill(9, a);
  Fill(10, b);
  for (PetscInt t = 0; t < n_tables; t++)
    for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
      const PetscInt m = shapes[s][0], n = shapes[s][1], k = shapes[s][2], lda = k + 1, ldb = n + 2, ldc = n + 3;

      for (PetscInt i = 0; i < MOST; i++) c[i] = 7;
      tables[t]->product(m, n, k, a, lda, b, ldb, c, ldc);
      for (PetscInt i = 0; i < m; i++)
        for (PetscInt j = 0; j < ldc; j++) {
          PetscReal sum = 0;

          for (PetscInt l = 0; l < k && j < n; l++) sum += a[i * lda + l] * b[l * ldb + j];
          if (j < n) TES_CHECK_AT_MOST(PetscAbsReal(c[i * ldc + j] - sum), Allowed(k));
          else TES_CHECK(c[i * ldc + j] == 7);
        }
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* many units at once are the same bits as one unit after the other, added as the tree adds; and the sum of products they should be */
static PetscErrorCode TreeAddsAsTheTreeOfSums(void)
{
  PetscReal a[MOST], b[MOST], one[MOST], all[MOST];

  PetscFunctionBegin;
  Tables();
  Fill(5, a);
  Fill(6, b);
  for (PetscInt t = 0; t < n_tables; t++)
    for (PetscInt rows = 1; rows <= 9; rows += 4)
      for (PetscInt n = SKINNY_LEAST; n <= 41; n += 11)
        for (PetscInt levels = 0; levels <= SKINNY_LEVELS; levels++) {
          const PetscInt m = 1 + (n + rows) % 7, units = 1 << levels, lda = rows * units + 1, last = PetscMax(1, rows - 2), terms = rows * (units - 1) + last;
          TesPartition   part;
          TesTree        tree;
          PetscReal     *leaf;

          PetscCall(TesPartitionCreate(PETSC_COMM_SELF, units, 1, &part));
          PetscCall(TesTreeCreate(PETSC_COMM_SELF, &part, m * n, NULL, NULL, &tree));
          for (PetscInt u = 0; u < units; u++) {
            PetscCall(TesTreeLeaf(tree, &leaf));
            tables[t]->tree(m, n, rows, u + 1 < units ? rows : last, 0, a + u * rows, lda, b + u * rows * n, n, leaf, n);
            PetscCall(TesTreePush(tree));
          }
          PetscCall(TesTreeFinish(tree, one));
          PetscCall(TesTreeDestroy(&tree));
          tables[t]->tree(m, n, rows, last, levels, a, lda, b, n, all, n);
          TES_CHECK(!memcmp(one, all, (size_t)(m * n) * sizeof(*one)));
          for (PetscInt i = 0; i < m; i++)
            for (PetscInt j = 0; j < n; j++) {
              PetscReal sum = 0;

              for (PetscInt l = 0; l < terms; l++) sum += a[i * lda + l] * b[l * n + j];
              TES_CHECK_AT_MOST(PetscAbsReal(all[i * n + j] - sum), Allowed(rows * units));
            }
        }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* what rank counts change: how many rows of the long factor there are, and where they begin */
static PetscErrorCode BitsDoNotDependOnTheCut(void)
{
  PetscReal a[MOST], b[MOST], whole[MOST], part[MOST];

  PetscFunctionBegin;
  Tables();
  Fill(7, a);
  Fill(8, b);
  for (PetscInt t = 0; t < n_tables; t++)
    for (PetscInt r = 1; r <= SKINNY_TERMS; r++) {
      const PetscInt m = 23, k = 29;

      tables[t]->dots(r, m, k, b, k, a, k, whole, m);
      for (PetscInt cut = 1; cut < m; cut += 5) {
        tables[t]->dots(r, cut, k, b, k, a, k, part, m);
        tables[t]->dots(r, m - cut, k, b, k, a + cut * k, k, part + cut, m);
        TES_CHECK(!memcmp(whole, part, (size_t)(r * m) * sizeof(*whole)));
        tables[t]->dots(m - cut, r, k, a + cut * k, k, b, k, part, r); /* and the other way round */
        for (PetscInt i = 0; i < m - cut; i++)
          for (PetscInt j = 0; j < r; j++) TES_CHECK(part[i * r + j] == whole[j * m + cut + i]);
      }
      tables[t]->combine(m, k, r, a, r, b, k, whole, k);
      for (PetscInt cut = 1; cut < m; cut += 5) {
        tables[t]->combine(cut, k, r, a, r, b, k, part, k);
        tables[t]->combine(m - cut, k, r, a + cut * r, r, b, k, part + cut * k, k);
        TES_CHECK(!memcmp(whole, part, (size_t)(m * k) * sizeof(*whole)));
      }
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(DotsAreInnerProducts),
  TES_TEST(CombineAddsRows),
  TES_TEST(ProductIsThePlainOne),
  TES_TEST(TreeAddsAsTheTreeOfSums),
  TES_TEST(BitsDoNotDependOnTheCut),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
