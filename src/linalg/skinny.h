#pragma once
/* Shared inside the room: products in which one size is so small that DGEMM spends its time beside them, and sums of products in the order of the tree of sum.h.
   All arrays are row-major with leading dimensions; nothing here fails. The bits of an entry depend on its row, its column and the number of terms alone, so that a
   product may be cut anywhere along rows and columns. */
#include <tessera/isa.h>

#define SKINNY_TERMS  8  /* terms of `combine`, rows of the short factor of `dots`: beyond that DGEMM is as fast */
#define SKINNY_LEAST  8  /* columns of `combine`, `product` and `tree` at least: one register of the widest instruction set */
#define SKINNY_ROWS   16 /* rows of a unit up to which `tree` is faster than a DGEMM per unit (tests/bench/bench_mode_product.md) */
#define SKINNY_LEVELS 4  /* `tree` adds up to 2^SKINNY_LEVELS units */
#define SKINNY_WAIT   32 /* rows that wait for `tree` where they have to be made first: its second factor stays in the cache */
#define SKINNY_SMALL  4096 /* size of the second factor up to which `product` is as fast as DGEMM: the first cache */

typedef struct {
  /* c [m][n] = a [m][k] (b [n][k])' */
  void (*dots)(PetscInt m, PetscInt n, PetscInt k, const PetscReal *a, PetscInt lda, const PetscReal *b, PetscInt ldb, PetscReal *c, PetscInt ldc);
  /* c [m][n] = a [m][k] b [k][n], 1 <= k <= SKINNY_TERMS, n >= SKINNY_LEAST */
  void (*combine)(PetscInt m, PetscInt n, PetscInt k, const PetscReal *a, PetscInt lda, const PetscReal *b, PetscInt ldb, PetscReal *c, PetscInt ldc);
  /* the same with any k */
  void (*product)(PetscInt m, PetscInt n, PetscInt k, const PetscReal *a, PetscInt lda, const PetscReal *b, PetscInt ldb, PetscReal *c, PetscInt ldc);
  /* c [m][n] = the sum over 2^levels units, in the order of the tree, of a_u b_u: a_u [m][rows] is columns u rows.. of a, b_u [rows][n] rows u rows.. of b; the last unit has `last` rows;
     n >= SKINNY_LEAST */
  void (*tree)(PetscInt m, PetscInt n, PetscInt rows, PetscInt last, PetscInt levels, const PetscReal *a, PetscInt lda, const PetscReal *b, PetscInt ldb, PetscReal *c, PetscInt ldc);
} SkinnyTable;

TES_KERNEL_DECLARE(SkinnyTable, SkinnyKernels);
