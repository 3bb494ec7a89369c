/* Distributed real vectors of density matrices.

   Each rank owns the part that the partition gives it. Ranks of one node can map the same memory, a window allocated by MPI, contiguous over the ranks: then every rank may read all of it, between
   fences. Otherwise a rank holds its own part only, and what it needs of the others is sent. Sums go over fixed units in a fixed tree (sum.h); which rank computes an entry does not change its bits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "liouville.h"
#include "pauli.h"

PetscErrorCode LbFence(const LbSpace *space)
{
  PetscFunctionBegin;
  if (space->size == 1 || space->messages) PetscFunctionReturn(PETSC_SUCCESS);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  PetscCallMPI(MPI_Barrier(space->comm));
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbVecCreate(const LbSpace *space, LbVec *v)
{
  const size_t bytes = (size_t)(space->messages ? space->part.n_local : space->n_entries) * sizeof(double);

  PetscFunctionBegin;
  PetscCall(PetscMemzero(v, sizeof *v));
  v->window = MPI_WIN_NULL;
  if (space->size == 1 || space->messages) {
    PetscCheck(!posix_memalign(&v->memory, (size_t)1 << (bytes < ((size_t)1 << 22) ? 12 : 21), bytes + 512), PETSC_COMM_SELF, TES_ERR_WORLD, "no memory for a vector of %zu bytes", bytes);
    madvise(v->memory, bytes, MADV_HUGEPAGE); /* advice: a refusal costs speed only */
    v->all = space->messages ? NULL : v->memory;
    v->own = v->memory;
  } else {
    MPI_Aint size;
    int      unit;

    PetscCallMPI(MPI_Win_allocate_shared(space->rank ? 0 : (MPI_Aint)(bytes + 512), sizeof(double), MPI_INFO_NULL, space->comm, &v->memory, &v->window));
    PetscCallMPI(MPI_Win_shared_query(v->window, 0, &size, &unit, &v->all));
    if (bytes > ((size_t)1 << 22)) madvise((void *)(((uintptr_t)v->all + 4095) & ~(uintptr_t)4095), bytes - 4096, MADV_HUGEPAGE);
  }
  if (v->all) v->own = v->all + space->part.first;
  memset(v->own, 0, (size_t)space->part.n_local * sizeof(double));
  PetscCall(LbFence(space));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbVecDestroy(LbVec *v)
{
  PetscFunctionBegin;
  if (!v->own) PetscFunctionReturn(PETSC_SUCCESS);
  if (v->window != MPI_WIN_NULL) PetscCallMPI(MPI_Win_free(&v->window));
  else free(v->memory);
  PetscCall(PetscMemzero(v, sizeof *v));
  v->window = MPI_WIN_NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbVecCopy(const LbSpace *space, const LbVec *x, LbVec *y)
{
  PetscFunctionBegin;
  memcpy(y->own, x->own, (size_t)space->part.n_local * sizeof(double));
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define MAX_COMBINE 96

PetscErrorCode LbCombine(const LbSpace *space, int m, const double c[], const LbVec *const v[], LbVec *y)
{
  const double *own[MAX_COMBINE];

  PetscFunctionBegin;
  PetscCheck(m >= 1 && m <= MAX_COMBINE, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%d vectors", m);
  for (int k = 0; k < m; k++) own[k] = v[k]->own;
  LbKernelsPick()->combine(space->part.n_local, m, c, own, y->own);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbMaxCombine(const LbSpace *space, int m, const double c[], const LbVec *const v[], PetscReal *max)
{
  const double *own[MAX_COMBINE];

  PetscFunctionBegin;
  for (int k = 0; k < m; k++) own[k] = v[k]->own;
  PetscCall(TesMaxAll(space->comm, LbKernelsPick()->max_combine(space->part.n_local, m, c, own), max));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbDots(const LbSpace *space, int m, const LbVec *const v[], const LbVec *w, PetscReal dot[])
{
  const TesPartition *part = &space->part;
  PetscReal          *leaf;

  PetscFunctionBegin;
  PetscCheck(m <= MAX_COMBINE, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%d vectors", m);
  PetscCall(PetscMalloc1(m * part->n_units_local + 1, &leaf));
  for (PetscInt64 u = 0; u < part->n_units_local; u++) {
    const PetscInt64 from = u * part->unit, n = PetscMin(part->unit, part->n_local - from);
    const double    *piece[MAX_COMBINE];

    for (int k = 0; k < m; k++) piece[k] = v[k]->own + from;
    LbKernelsPick()->dots(n, m, piece, w->own + from, leaf + u * m);
  }
  PetscCall(TesSumOrderedUnits(space->comm, part, m, leaf, dot));
  PetscCall(PetscFree(leaf));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbDot(const LbSpace *space, const LbVec *x, const LbVec *y, PetscReal *dot)
{
  PetscFunctionBegin;
  PetscCall(LbDots(space, 1, &x, y, dot));
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define FETCH 131072 /* entries at once */

PetscErrorCode LbFetch(const LbSpace *space, const LbVec *x, PetscInt64 n, const PetscInt64 index[], PetscReal value[])
{
  PetscFunctionBegin;
  if (!space->messages) {
    for (PetscInt64 k = 0; k < n; k++) value[k] = x->all[index ? index[k] : k];
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt64 from = 0; from < n; from += FETCH) { /* one rank has the bits of an entry, the others zeros */
    const PetscInt64 m = PetscMin(FETCH, n - from);

    for (PetscInt64 k = from; k < from + m; k++) {
      const PetscInt64 at = (index ? index[k] : k) - space->part.first;

      value[k] = at >= 0 && at < space->part.n_local ? x->own[at] : 0;
    }
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, value + from, (int)m, MPI_UINT64_T, MPI_BOR, space->comm));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
