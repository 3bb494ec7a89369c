/* Distributed real vectors of density matrices and the Liouvillian on them.

   Ranks of one node map the same memory: a window allocated by MPI, contiguous over the ranks. Each rank owns the part that the partition gives it; an application reads and
   writes all of it between fences, so nothing is ever sent: the exchange of a distributed tile is the load of a cache line. Sums go over fixed units in a fixed tree
   (sum.h); which rank computes an entry does not change its bits. */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/mman.h>
#include "ketbra.h"
#include "pauli.h"

struct _p_LbLiouville {
  LbSpace      space;
  PetscBool    dense; /* one or two qubits: a small matrix */
  int          n_times;
  LbPauliTerms terms;
  LbPlan       plan;
  LbKetbra     ketbra;
  PetscInt64   count;
};

/* ---- vectors ---- */

PetscErrorCode LbFence(const LbSpace *space)
{
  PetscFunctionBegin;
  if (space->size == 1) PetscFunctionReturn(PETSC_SUCCESS);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  PetscCallMPI(MPI_Barrier(space->comm));
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbVecCreate(const LbSpace *space, LbVec *v)
{
  const size_t bytes = (size_t)space->n_entries * sizeof(double);

  PetscFunctionBegin;
  PetscCall(PetscMemzero(v, sizeof *v));
  v->window = MPI_WIN_NULL;
  if (space->size == 1) {
    PetscCheck(!posix_memalign(&v->memory, (size_t)1 << (bytes < ((size_t)1 << 22) ? 12 : 21), bytes + 512), PETSC_COMM_SELF, TES_ERR_WORLD, "no memory for a vector of %zu bytes", bytes);
    madvise(v->memory, bytes, MADV_HUGEPAGE); /* advice: a refusal costs speed only */
    v->all = v->memory;
  } else {
    MPI_Aint size;
    int      unit;

    PetscCallMPI(MPI_Win_allocate_shared(space->rank ? 0 : (MPI_Aint)(bytes + 512), sizeof(double), MPI_INFO_NULL, space->comm, &v->memory, &v->window));
    PetscCallMPI(MPI_Win_shared_query(v->window, 0, &size, &unit, &v->all));
    if (bytes > ((size_t)1 << 22)) madvise((void *)(((uintptr_t)v->all + 4095) & ~(uintptr_t)4095), bytes - 4096, MADV_HUGEPAGE);
  }
  v->own = v->all + space->part.first;
  memset(v->own, 0, (size_t)space->part.n_local * sizeof(double));
  PetscCall(LbFence(space));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbVecDestroy(LbVec *v)
{
  PetscFunctionBegin;
  if (!v->all) PetscFunctionReturn(PETSC_SUCCESS);
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

/* ---- the map ---- */

int LbLiouvilleRanks(const LbModel *model, int size)
{
  if (!model->qubits) return (int)PetscMin(size, PetscMax(1, model->n / 2));
  return model->n_sites < 3 ? 1 : LbPlanRanks(model->n_sites, size);
}

static PetscErrorCode SpaceCreate(MPI_Comm comm, const LbModel *model, LbSpace *space)
{
  MPI_Comm node;
  int      here;

  PetscFunctionBegin;
  space->comm = comm;
  PetscCallMPI(MPI_Comm_rank(comm, &space->rank));
  PetscCallMPI(MPI_Comm_size(comm, &space->size));
  PetscCallMPI(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node));
  PetscCallMPI(MPI_Comm_size(node, &here));
  PetscCallMPI(MPI_Comm_free(&node));
  PetscCheck(here == space->size, comm, TES_ERR_WORLD, "the density solver needs ranks that share memory, but of the first %d ranks only %d are on one node: place neighbouring ranks together (mpirun --map-by core)", space->size,
             here);
  space->pauli     = model->qubits;
  space->n         = model->n;
  space->n_entries = model->n * model->n;
  PetscCall(TesPartitionCreate(comm, space->n_entries, model->qubits ? PetscMax(1, PetscMin(TES_SUM_BLOCK, space->n_entries / 64)) : model->n, &space->part));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbLiouvilleCreate(MPI_Comm comm, LbModel *model, PetscBool adjoint, char problem[256], LbLiouville *out)
{
  LbLiouville l;

  PetscFunctionBegin;
  *out = NULL;
  PetscCall(PetscNew(&l));
  PetscCall(SpaceCreate(comm, model, &l->space));
  l->n_times = model->n_times;
  problem[0] = 0;
  if (!model->qubits) {
    PetscCall(LbKetbraCreate(&l->space, model, adjoint, problem, &l->ketbra));
  } else {
    PetscCall(LbPauliTermsCreate(model, &l->terms));
    snprintf(problem, 256, "%s", l->terms.problem);
    l->dense = model->n_sites < 3 ? PETSC_TRUE : PETSC_FALSE;
    if (!problem[0] && !l->dense) PetscCall(LbPlanCreate(model->n_sites, &l->terms, adjoint, model->n_times, l->space.rank, l->space.size, &l->plan));
    for (int t = 0; adjoint && l->dense && t < l->terms.n; t++) {
      const int n2 = 1 << (2 * l->terms.term[t].k);
      double   *g  = l->terms.term[t].g;

      for (int i = 0; i < n2; i++)
        for (int j = 0; j < i; j++) {
          const double swap = g[i * n2 + j];

          g[i * n2 + j] = g[j * n2 + i];
          g[j * n2 + i] = swap;
        }
    }
  }
  if (problem[0]) PetscCall(LbLiouvilleDestroy(&l));
  *out = l;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbLiouvilleDestroy(LbLiouville *l)
{
  PetscFunctionBegin;
  if (!*l) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbPlanDestroy(&(*l)->plan));
  PetscCall(LbKetbraDestroy(&(*l)->ketbra));
  PetscCall(LbPauliTermsDestroy(&(*l)->terms));
  PetscCall(PetscFree(*l));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbSpace *LbLiouvilleSpace(LbLiouville l)
{
  return &l->space;
}

PetscInt64 LbLiouvilleCount(LbLiouville l)
{
  return l->count;
}

PetscErrorCode LbLiouvilleText(LbLiouville l, char text[], size_t size)
{
  PetscFunctionBegin;
  snprintf(text, size, "%s", l->ketbra ? "ket-bra form" : "small matrix");
  if (l->plan) PetscCall(LbPlanText(l->plan, text, size));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* one or two qubits, term by term */
static void DenseApply(LbLiouville l, const PetscReal f[], const LbFused *u, const double *x, double *y)
{
  const PetscInt64 n = l->space.n_entries;

  for (PetscInt64 i = 0; i < n; i++) y[i] = (u->a != 0 ? u->a * y[i] : 0) + (u->x0 ? u->b * u->x0->all[i] : 0) + u->shift * x[i];
  for (int t = 0; t < l->terms.n; t++) {
    const LbPauliTerm *term = &l->terms.term[t];
    const int          n2   = 1 << (2 * term->k);
    const double       c    = u->scale * f[term->time];

    for (PetscInt64 i = 0; i < n; i++) {
      PetscInt64 rest = i, out = 0;

      for (int s = 0; s < term->k; s++) {
        out |= ((i >> (2 * term->site[s])) & 3) << (2 * s);
        rest &= ~((PetscInt64)3 << (2 * term->site[s]));
      }
      for (int in = 0; in < n2; in++) {
        PetscInt64 j = rest;

        for (int s = 0; s < term->k; s++) j |= (PetscInt64)((in >> (2 * s)) & 3) << (2 * term->site[s]);
        y[i] += c * term->g[out * n2 + in] * x[j];
      }
    }
  }
}

static PetscErrorCode FenceInside(void *ctx)
{
  return LbFence(ctx);
}

PetscErrorCode LbApply(LbLiouville l, const PetscReal f[], const LbFused *fused, const LbVec *x, LbVec *y)
{
  const LbStart start = {.a = fused->a, .b = fused->x0 ? fused->b : 0, .shift = fused->shift, .x0 = fused->x0 ? fused->x0->all : NULL};

  PetscFunctionBegin;
  l->count++;
  PetscCall(LbFence(&l->space));
  if (l->plan) PetscCall(LbPlanApply(l->plan, f, fused->scale, &start, x->all, y->all, FenceInside, &l->space));
  else if (l->ketbra) PetscCall(LbKetbraApply(l->ketbra, f, fused, x, y));
  else DenseApply(l, f, fused, x->all, y->all);
  PetscCall(LbFence(&l->space));
  PetscFunctionReturn(PETSC_SUCCESS);
}
