/* Sums over chunks and ranks whose bits do not depend on how chunks are distributed.

   exact: all numbers of a block (one parameter tensor) are put on three grids common to all ranks, with spacings 2^(30 T), 2^(30 (T-1)), 2^(30 (T-2)), T the smallest
   integer with 30 (T + 1) >= the exponent of the largest number met. Digits are taken off by adding and subtracting s = 1.5 2^(30 T + 52), which rounds to the grid:
     q1 = (s1 + g) - s1,  r = g - q1 (exact),  q2 = (s2 + r) - s2,  r' = r - q2,  q3 = (s3 + r') - s3.
   A digit is below 2^30 spacings, so 2^23 of them add up in 53 bits without rounding, in any order. Grids lie at fixed multiples of 30 bits, so when a larger number raises
   T, the digits kept so far are those that the new T would have given; the lowest grid is dropped. After a maximum over the ranks of T and a sum of the digits, carries are
   brought into a unique form and the three digits added. Thus the result is a function of the exact sum of the numbers rounded to 2^(30 (T-2)), at most 2^-60
   of the largest one. Nothing is carried from step to step and nothing has to be done twice.
   Cost per chunk: one reading for the largest number and nine additions per entry; three doubles per entry on each rank and in the message.

   blocks: a fixed binary tree over the chunks (TesTree). fast: plain sums. */
#include "kernels.h"

#include <limits.h>
#include <math.h>
#include <string.h>
#include <tessera/sum.h>
#include <tessera/tensor_train.h>

#define DIGIT_BITS 30
#define LEVELS     3
#define LOWEST_T   (-32)   /* spacing of the third grid 2^-1020 */
#define HIGHEST_T  30      /* numbers up to 2^930 */
#define EMPTY_T    (-33)   /* nothing but zeros so far */
#define BAD_T      31      /* something was not finite, or too large */
#define MAX_CHUNKS (1 << 23)

struct _p_TesReducer {
  MPI_Comm      comm;
  TesReduceKind kind;
  PetscInt      n_blocks;
  PetscInt64   *first; /* [n_blocks + 1] */
  PetscInt64    n, added;
  int          *t;     /* exact: [n_blocks] */
  PetscReal    *digit; /* exact: [LEVELS][n]; fast: [n] */
  TesTree       tree;  /* blocks */
  const Kernels *kernels[2];
};

PetscErrorCode TesReducerCreate(MPI_Comm comm, TesReduceKind kind, PetscInt n_blocks, const PetscInt64 first[], TesReducer *reducer)
{
  TesReducer r;

  PetscFunctionBegin;
  PetscCall(PetscNew(&r));
  *reducer    = r;
  r->comm     = comm;
  r->kind     = kind;
  r->n_blocks = n_blocks;
  r->kernels[0] = KernelsFor(TES_F64);
  r->kernels[1] = KernelsFor(TES_F32);
  PetscCall(PetscMalloc1(n_blocks + 1, &r->first));
  PetscCall(PetscArraycpy(r->first, first, n_blocks + 1));
  r->n = first[n_blocks];
  PetscCheck(r->n * LEVELS < INT_MAX, comm, PETSC_ERR_ARG_OUTOFRANGE, "a sum of %" PetscInt64_FMT " entries exceeds one message", r->n);
  if (kind == TES_REDUCE_EXACT) PetscCall(PetscMalloc1(PetscMax(n_blocks, 1), &r->t));
  if (kind != TES_REDUCE_BLOCKS) PetscCall(PetscMalloc1(PetscMax(r->n, 1) * (kind == TES_REDUCE_EXACT ? LEVELS : 1), &r->digit));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReducerDestroy(TesReducer *reducer)
{
  PetscFunctionBegin;
  if (!*reducer) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesTreeDestroy(&(*reducer)->tree));
  PetscCall(PetscFree((*reducer)->first));
  PetscCall(PetscFree((*reducer)->t));
  PetscCall(PetscFree((*reducer)->digit));
  PetscCall(PetscFree(*reducer));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReducerBegin(TesReducer r, const TesPartition *chunks)
{
  PetscFunctionBegin;
  r->added = 0;
  if (r->kind == TES_REDUCE_EXACT) {
    for (PetscInt b = 0; b < r->n_blocks; b++) r->t[b] = EMPTY_T; /* its digits hold nothing that is meant */
  } else if (r->kind == TES_REDUCE_FAST) {
    PetscCall(PetscArrayzero(r->digit, r->n));
  } else {
    PetscInt width;

    PetscCheck(chunks, r->comm, PETSC_ERR_ARG_NULL, "the sum in blocks needs the partition of the chunks");
    PetscCall(PetscIntCast(r->n, &width));
    PetscCall(TesTreeDestroy(&r->tree));
    PetscCall(TesTreeCreate(r->comm, chunks, width, NULL, NULL, &r->tree));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static int GridFor(double largest)
{
  int e;

  if (largest == 0) return EMPTY_T;
  if (!(largest < ldexp(1, DIGIT_BITS * (HIGHEST_T + 1)))) return BAD_T;
  (void)frexp(largest, &e); /* largest < 2^e */
  e = (e > 0 ? (e + DIGIT_BITS - 1) / DIGIT_BITS : -(-e / DIGIT_BITS)) - 1;
  return e < LOWEST_T ? LOWEST_T : e;
}

/* digits from grid T to a coarser one: each level takes what the level above it held; zeros, if this is the first grid */
static void RaiseGrid(TesReducer r, PetscInt b, int t)
{
  int        by = r->t[b] == EMPTY_T ? LEVELS : t - r->t[b];
  PetscInt64 first = r->first[b], n = r->first[b + 1] - first;

  for (int level = LEVELS - 1; level >= 0; level--) {
    PetscReal *to = r->digit + level * r->n + first;

    if (level >= by) memcpy(to, r->digit + (level - by) * r->n + first, (size_t)n * sizeof *to);
    else memset(to, 0, (size_t)n * sizeof *to);
  }
  r->t[b] = t;
}

static void AddBlock(TesReducer r, PetscInt b, TesType type, const void *x)
{
  const Kernels *k     = r->kernels[type == TES_F32];
  PetscInt64     first = r->first[b], n = r->first[b + 1] - first;
  const void    *block = (const char *)x + (size_t)first * (type == TES_F32 ? 4 : 8);
  int            t     = GridFor(k->largest(n, block));

  if (t == EMPTY_T) return; /* nothing but zeros */
  if (t > r->t[b]) RaiseGrid(r, b, t);
  t = r->t[b];
  if (t != BAD_T) {
    const double s[3] = {ldexp(1.5, DIGIT_BITS * t + 52), ldexp(1.5, DIGIT_BITS * (t - 1) + 52), ldexp(1.5, DIGIT_BITS * (t - 2) + 52)};

    k->digits(n, block, s, r->digit + first, r->digit + r->n + first, r->digit + 2 * r->n + first);
  }
}

PetscErrorCode TesReducerAdd(TesReducer r, TesType type, const void *x)
{
  PetscFunctionBegin;
  PetscCall(TesReducerAddSome(r, type, x, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReducerAddSome(TesReducer r, TesType type, const void *x, const PetscBool with[])
{
  PetscFunctionBegin;
  PetscCheck(type == TES_F32 || type == TES_F64, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "sums are of single or double numbers");
  r->added++;
  if (r->kind == TES_REDUCE_EXACT) {
    for (PetscInt b = 0; b < r->n_blocks; b++) {
      if (!with || with[b]) AddBlock(r, b, type, x);
    }
  } else {
    PetscReal *to = r->digit;

    if (r->kind == TES_REDUCE_BLOCKS) PetscCall(TesTreeLeaf(r->tree, &to));
    for (PetscInt b = 0; b < r->n_blocks; b++) {
      if (with && !with[b]) continue;
      for (PetscInt64 i = r->first[b]; i < r->first[b + 1]; i++) to[i] += type == TES_F32 ? (PetscReal)((const float *)x)[i] : ((const double *)x)[i];
    }
    if (r->kind == TES_REDUCE_BLOCKS) PetscCall(TesTreePush(r->tree));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FinishExact(TesReducer r, PetscReal *sum)
{
  PetscInt64 chunks;
  int       *t;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Allreduce(&r->added, &chunks, 1, MPIU_INT64, MPI_SUM, r->comm));
  PetscCheck(chunks <= MAX_CHUNKS, r->comm, PETSC_ERR_ARG_OUTOFRANGE, "an exact sum over %" PetscInt64_FMT " chunks; at most %d: make chunks larger", chunks, MAX_CHUNKS);
  PetscCall(PetscMalloc1(PetscMax(r->n_blocks, 1), &t));
  PetscCallMPI(MPI_Allreduce(r->t, t, (int)r->n_blocks, MPI_INT, MPI_MAX, r->comm));
  for (PetscInt b = 0; b < r->n_blocks; b++)
    if (t[b] > r->t[b] || t[b] == EMPTY_T) RaiseGrid(r, b, t[b]);
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, r->digit, (int)(LEVELS * r->n), MPIU_REAL, MPI_SUM, r->comm));
  for (PetscInt b = 0; b < r->n_blocks; b++) {
    const PetscInt64 first = r->first[b], n = r->first[b + 1] - first;

    if (t[b] == BAD_T || t[b] == EMPTY_T) {
      for (PetscInt64 i = 0; i < n; i++) sum[first + i] = t[b] == BAD_T ? NAN : 0;
    } else {
      r->kernels[0]->join(n, ldexp(1, DIGIT_BITS * t[b]), ldexp(1, DIGIT_BITS * (t[b] - 1)), r->digit + first, r->digit + r->n + first, r->digit + 2 * r->n + first, sum + first);
    }
  }
  PetscCall(PetscFree(t));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReducerFinish(TesReducer r, PetscReal *sum)
{
  PetscFunctionBegin;
  if (r->kind == TES_REDUCE_EXACT) PetscCall(FinishExact(r, sum));
  else if (r->kind == TES_REDUCE_BLOCKS) PetscCall(TesTreeFinish(r->tree, sum));
  else PetscCallMPI(MPI_Allreduce(r->digit, sum, (int)r->n, MPIU_REAL, MPI_SUM, r->comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}
