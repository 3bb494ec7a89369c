/* The Liouvillian as a map of distributed vectors: windows on qubits (window_plan.c), the ket-bra form on sites of any dimension (ketbra.c), a small matrix on one or two qubits.

   Ranks of one node share the memory of every vector: an application reads and writes all of it between fences, so nothing is ever sent, and the exchange of a distributed tile is the load of a
   cache line. Over several nodes, or where the deck says so, ranks hold their own entries and send messages. */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
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

int LbLiouvilleRanks(const LbModel *model, int size)
{
  if (!model->qubits) return (int)PetscMin(size, PetscMax(1, model->n / 2));
  return model->n_sites < 3 ? 1 : LbPlanRanks(model->n_sites, size);
}

PetscErrorCode LbSharesNode(MPI_Comm comm, PetscBool *yes)
{
  MPI_Comm node;
  int      here, size, all;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscCallMPI(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node));
  PetscCallMPI(MPI_Comm_size(node, &here));
  PetscCallMPI(MPI_Comm_free(&node));
  here = here == size;
  PetscCallMPI(MPI_Allreduce(&here, &all, 1, MPI_INT, MPI_MIN, comm));
  *yes = all ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SpaceCreate(MPI_Comm comm, const LbModel *model, const LbParallel *parallel, LbSpace *space)
{
  PetscBool here;

  PetscFunctionBegin;
  space->comm = comm;
  PetscCallMPI(MPI_Comm_rank(comm, &space->rank));
  PetscCallMPI(MPI_Comm_size(comm, &space->size));
  PetscCall(LbSharesNode(comm, &here));
  space->transport = parallel ? parallel->transport : LB_TRANSPORT_AUTO;
  space->buffer    = parallel ? (size_t)(parallel->buffer * 1048576) : 0;
  PetscCheck(here || space->transport != LB_TRANSPORT_SHARED, comm, TES_ERR_DECK, "parallel.transport: shared, but the %d ranks are not on one node: take auto", space->size);
  space->messages  = space->size > 1 && (!here || space->transport > LB_TRANSPORT_SHARED) ? PETSC_TRUE : PETSC_FALSE;
  space->pauli     = model->qubits;
  space->n         = model->n;
  space->n_entries = model->n * model->n;
  PetscCall(TesPartitionCreate(comm, space->n_entries, model->qubits ? PetscMax(1, PetscMin(TES_SUM_BLOCK, space->n_entries / 64)) : model->n, &space->part));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbLiouvilleCreate(MPI_Comm comm, LbModel *model, const LbParallel *parallel, PetscBool adjoint, char problem[256], LbLiouville *out)
{
  LbLiouville l;

  PetscFunctionBegin;
  *out = NULL;
  PetscCall(PetscNew(&l));
  PetscCall(SpaceCreate(comm, model, parallel, &l->space));
  l->n_times = model->n_times;
  problem[0] = 0;
  if (!model->qubits) {
    PetscCall(LbKetbraCreate(&l->space, model, adjoint, problem, &l->ketbra));
  } else {
    PetscCall(LbPauliTermsCreate(model, &l->terms));
    snprintf(problem, 256, "%s", l->terms.problem);
    l->dense = model->n_sites < 3 ? PETSC_TRUE : PETSC_FALSE;
    if (!problem[0] && !l->dense) {
      const LbSharing sharing = {.comm = comm, .rank = l->space.rank, .size = l->space.size, .messages = l->space.messages, .transport = l->space.transport, .buffer = l->space.buffer};

      PetscCall(LbPlanCreate(model->n_sites, &l->terms, adjoint, model->n_times, &sharing, &l->plan));
    }
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

PetscErrorCode LbLiouvilleTraffic(LbLiouville l, LbTraffic *traffic)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(traffic, sizeof *traffic));
  if (l->plan) PetscCall(LbPlanTraffic(l->plan, traffic));
  if (l->ketbra) PetscCall(LbKetbraTraffic(l->ketbra, traffic));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbTrafficEstimate(LbModel *model, const LbParallel *parallel, int ranks, LbTraffic *traffic)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(traffic, sizeof *traffic));
  if (ranks < 2 || parallel->transport < LB_TRANSPORT_MESSAGES) PetscFunctionReturn(PETSC_SUCCESS);
  if (model->qubits) {
    LbPauliTerms terms;

    PetscCall(LbPauliTermsCreate(model, &terms));
    for (int r = 0; r < ranks && !terms.problem[0] && (r == 0 || ranks <= 8); r++) { /* few ranks: the one that receives most; many: they are much alike */
      const LbSharing sharing = {.comm = MPI_COMM_NULL, .rank = r, .size = ranks, .messages = PETSC_TRUE, .transport = parallel->transport, .buffer = (size_t)(parallel->buffer * 1048576)};
      LbTraffic       one;
      LbPlan          plan;

      PetscCall(LbPlanCreate(model->n_sites, &terms, PETSC_FALSE, model->n_times, &sharing, &plan));
      PetscCall(LbPlanTraffic(plan, &one));
      PetscCall(LbPlanDestroy(&plan));
      if (one.chosen > traffic->chosen) *traffic = one;
    }
    PetscCall(LbPauliTermsDestroy(&terms));
  } else PetscCall(LbKetbraTrafficEstimate(model, ranks, parallel, traffic));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FenceInside(void *ctx)
{
  return LbFence(ctx);
}

PetscErrorCode LbApply(LbLiouville l, const PetscReal f[], const LbFused *fused, const LbVec *x, LbVec *y)
{
  const PetscBool own   = l->space.messages;
  const LbStart   start = {.a = fused->a, .b = fused->x0 ? fused->b : 0, .shift = fused->shift, .x0 = !fused->x0 ? NULL : own ? fused->x0->own : fused->x0->all};

  PetscFunctionBegin;
  l->count++;
  PetscCall(LbFence(&l->space));
  if (l->plan) PetscCall(LbPlanApply(l->plan, f, fused->scale, &start, own ? x->own : x->all, own ? y->own : y->all, FenceInside, &l->space));
  else if (l->ketbra) PetscCall(LbKetbraApply(l->ketbra, f, fused, x, y));
  else DenseApply(l, f, fused, x->all, y->all);
  PetscCall(LbFence(&l->space));
  PetscFunctionReturn(PETSC_SUCCESS);
}
