/* The time-dependent variational principle for ln p (Reh, Schmitt, Gaerttner, arXiv 2104.00013): theta' minimises the Fisher distance of d/dt p_theta and L p.

     O_k(a) = d ln p(a) / d theta_k,   X = sqrt(w) (O - mean O),   f = sqrt(w) (e - mean e),   theta' = X^T (X X^T + lambda)^-1 f = (X^T X + lambda)^-1 X^T f,   lambda = reg trace(X X^T)

   for m samples with weights w. Samples are shared out in blocks of 64 that are never cut; means and X^T y are sums over the blocks in a fixed tree; rows of X go to all ranks (m P numbers) for the tiles of
   the Gram matrix (povm_solve.c). Cost of one evaluation at N = 16, m = 800, P = 5588 on one core: see tests/bench/bench_lindblad_povm.md. */
#include <math.h>
#include <string.h>
#include "povm_flow.h"
#include <petscblaslapack.h>

PetscErrorCode LbFlowCreate(MPI_Comm comm, LbNet *net, LbOutcomes *outcomes, const LbModel *model, const LbStrings *strings, LbFlow *flow)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(flow, sizeof *flow));
  flow->comm     = comm;
  flow->net      = net;
  flow->outcomes = outcomes;
  flow->model    = model;
  flow->strings  = strings;
  PetscCall(LbLocalCreate(net, outcomes, strings, &flow->local));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbFlowDestroy(LbFlow *flow)
{
  PetscFunctionBegin;
  PetscCall(LbLocalDestroy(&flow->local));
  PetscCall(LbSamplesDestroy(&flow->samples));
  PetscCall(PetscFree(flow->x));
  PetscCall(PetscFree3(flow->e, flow->f, flow->lnp));
  PetscCall(PetscMemzero(flow, sizeof *flow));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbFlowSample(LbFlow *flow, PetscInt64 number)
{
  PetscFunctionBegin;
  if (flow->exact) PetscCall(LbSamplesAll(flow->net, flow->strings, &flow->samples));
  else PetscCall(LbSamplesDrawn(flow->comm, flow->net, flow->strings, flow->seed, number, flow->total, flow->unique, &flow->samples));
  PetscCall(TesPartitionCreate(flow->comm, flow->samples.count, LB_GRADIENT_BLOCK, &flow->part));
  if (flow->room < (size_t)flow->samples.count) {
    flow->room = (size_t)flow->samples.room;
    PetscCall(PetscFree3(flow->e, flow->f, flow->lnp));
    PetscCall(PetscMalloc3(flow->room, &flow->e, flow->room, &flow->f, flow->room, &flow->lnp));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscBool LbFlowCollapsed(const LbFlow *flow)
{
  if (flow->exact || flow->total < 100) return PETSC_FALSE;
  for (int s = 1; s < flow->samples.count; s++)
    if (memcmp(flow->samples.a, flow->samples.a + (size_t)s * (size_t)flow->net->n, (size_t)flow->net->n)) return PETSC_FALSE;
  return PETSC_TRUE;
}

PetscErrorCode LbFlowRoom(LbFlow *flow)
{
  PetscFunctionBegin;
  if (flow->rows < flow->room) {
    flow->rows = flow->room;
    PetscCall(PetscFree(flow->x));
    PetscCall(PetscMalloc1(flow->rows * (size_t)flow->net->n_parameters, &flow->x));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* rows O of a block, with strings the mean weighted with each string's share */
static PetscErrorCode Rows(LbFlow *flow, PetscInt64 first, int count)
{
  LbNet         *net = flow->net;
  const size_t   n = (size_t)net->n, p = (size_t)net->n_parameters;
  const uint8_t *a   = flow->samples.a + (size_t)first * n;
  double        *row = flow->x + (size_t)first * p, *part, *share, *lnp, weight[LB_GRADIENT_BLOCK];
  const int      k   = flow->strings->count;
  uint8_t       *x;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)count * n, &x));
  if (k == 1) {
    LbStringsPermute(flow->strings, 0, count, a, x);
    PetscCall(LbNetGradient(net, count, x, NULL, flow->lnp + first, row, NULL));
    PetscCall(PetscFree(x));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(PetscMalloc3((size_t)count * p, &part, (size_t)(count * k), &share, count, &lnp));
  PetscCall(LbStringsLogProbability(flow->strings, net, count, a, flow->lnp + first, share));
  PetscCall(PetscArrayzero(row, (size_t)count * p));
  for (int s = 0; s < k; s++) {
    for (int c = 0; c < count; c++) weight[c] = share[c * k + s];
    LbStringsPermute(flow->strings, s, count, a, x);
    PetscCall(LbNetGradient(net, count, x, weight, lnp, part, NULL));
    for (size_t i = 0; i < (size_t)count * p; i++) row[i] += part[i];
  }
  PetscCall(PetscFree3(part, share, lnp));
  PetscCall(PetscFree(x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* y (+)= X^T c over rows of a block, or c = X y */
static PetscErrorCode Gemv(PetscBool transpose, int rows, int p, const double *x, const double *in, double *out)
{
  PetscBLASInt bp = p, br = rows, one = 1;
  PetscReal    alpha = 1, beta = 0;

  PetscFunctionBegin;
  PetscCallBLAS("BLASgemv", BLASgemv_(transpose ? "N" : "T", &bp, &br, &alpha, x, &bp, in, &one, &beta, out, &one));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbFlowLength(LbFlow *flow, const TesPartition *part, const double *rows, const double *v, PetscReal *length)
{
  const int p = flow->net->n_parameters;
  double   *y;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(part->n_local + 1, &y));
  for (PetscInt64 s = 0; s < part->n_local; s += LB_GRADIENT_BLOCK) PetscCall(Gemv(PETSC_FALSE, (int)PetscMin(LB_GRADIENT_BLOCK, part->n_local - s), p, rows + (size_t)s * (size_t)p, v, y + s));
  PetscCall(TesDotOrdered(flow->comm, part, y, y, length));
  *length = PetscSqrtReal(*length);
  PetscCall(PetscFree(y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbFlowGather(LbFlow *flow)
{
  const int p = flow->net->n_parameters;
  int       size, *counts, *offsets;
  MPI_Datatype row;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(flow->comm, &size));
  if (size == 1) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc2(size, &counts, size, &offsets));
  for (int r = 0; r < size; r++) {
    PetscInt64 first, local;

    TesPartitionRange(&flow->part, r, &first, &local);
    counts[r]  = (int)local;
    offsets[r] = (int)first;
  }
  PetscCallMPI(MPI_Type_contiguous(p, MPI_DOUBLE, &row));
  PetscCallMPI(MPI_Type_commit(&row));
  PetscCallMPI(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, flow->x, counts, offsets, row, flow->comm));
  PetscCallMPI(MPI_Type_free(&row));
  PetscCallMPI(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, flow->f, counts, offsets, MPI_DOUBLE, flow->comm));
  PetscCall(PetscFree2(counts, offsets));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbFlowDirection(LbFlow *flow, const double *y, double *direction)
{
  const int p = flow->net->n_parameters;
  double   *leaf;
  TesTree   tree;

  PetscFunctionBegin;
  if (flow->samples.count > p) {
    PetscCall(PetscArraycpy(direction, y, p));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesTreeCreate(flow->comm, &flow->part, p, NULL, NULL, &tree));
  for (PetscInt64 first = flow->part.first; first < flow->part.first + flow->part.n_local; first += LB_GRADIENT_BLOCK) {
    PetscCall(TesTreeLeaf(tree, &leaf));
    PetscCall(Gemv(PETSC_TRUE, (int)PetscMin(LB_GRADIENT_BLOCK, flow->part.first + flow->part.n_local - first), p, flow->x + (size_t)first * (size_t)p, y + first, leaf));
    PetscCall(TesTreePush(tree));
  }
  PetscCall(TesTreeFinish(tree, direction));
  PetscCall(TesTreeDestroy(&tree));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbFlowAt(LbFlow *flow, PetscReal t, PetscInt64 number, double *direction, LbFlowInfo *info)
{
  LbNet     *net = flow->net;
  const int  p = net->n_parameters;
  double    *leaf, *mean, *y, largest[2] = {0, 0}, moments[5] = {0}, residual = 0;
  TesTree    tree;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(info, sizeof *info));
  PetscCall(LbOutcomesAt(flow->outcomes, flow->model, t));
  PetscCall(LbFlowSample(flow, number));
  PetscCall(LbFlowRoom(flow));
  flow->evaluations++;
  PetscCall(PetscMalloc2(p + 8, &mean, PetscMax(p, flow->samples.count) + 8, &y));
  /* e, O and their means: [0..P) mean O, then sums of w e, w^2, and of w */
  PetscCall(TesTreeCreate(flow->comm, &flow->part, p + 3, NULL, NULL, &tree));
  for (PetscInt64 first = flow->part.first; first < flow->part.first + flow->part.n_local; first += LB_GRADIENT_BLOCK) {
    const int count = (int)PetscMin(LB_GRADIENT_BLOCK, flow->part.first + flow->part.n_local - first);

    for (int s = 0; s < count; s++) {
      double exponent;

      PetscCall(LbLocalAt(&flow->local, flow->samples.a + (size_t)(first + s) * (size_t)net->n, &flow->lnp[first + s], &flow->e[first + s], &exponent));
      largest[0] = isfinite(flow->e[first + s]) ? PetscMax(largest[0], PetscAbsReal(flow->e[first + s])) : PETSC_MAX_REAL;
      largest[1] = PetscMax(largest[1], exponent);
    }
    PetscCall(Rows(flow, first, count));
    PetscCall(TesTreeLeaf(tree, &leaf));
    PetscCall(Gemv(PETSC_TRUE, count, p, flow->x + (size_t)first * (size_t)p, flow->samples.weight + first, leaf));
    for (int s = 0; s < count; s++) {
      const double w = flow->samples.weight[first + s];

      leaf[p] += w * flow->e[first + s];
      leaf[p + 1] += w * w;
      leaf[p + 2] += w;
    }
    PetscCall(TesTreePush(tree));
  }
  PetscCall(TesTreeFinish(tree, mean));
  PetscCall(TesTreeDestroy(&tree));
  for (int k = 0; k < 2; k++) PetscCall(TesMaxAll(flow->comm, largest[k], &largest[k]));
  info->mean     = mean[p] / mean[p + 2];
  for (int k = 0; k < p; k++) mean[k] /= mean[p + 2];
  info->largest  = largest[0];
  info->exponent = largest[1];
  info->distinct = flow->samples.count;
  info->finite   = largest[0] < PETSC_MAX_REAL && !LbFlowCollapsed(flow) ? PETSC_TRUE : PETSC_FALSE;
  /* centre; second and fourth moments */
  PetscCall(TesTreeCreate(flow->comm, &flow->part, 2, NULL, NULL, &tree));
  for (PetscInt64 first = flow->part.first; first < flow->part.first + flow->part.n_local; first += LB_GRADIENT_BLOCK) {
    const int count = (int)PetscMin(LB_GRADIENT_BLOCK, flow->part.first + flow->part.n_local - first);

    PetscCall(TesTreeLeaf(tree, &leaf));
    for (int s = 0; s < count; s++) {
      const double w = flow->samples.weight[first + s], root = sqrt(w), d = flow->e[first + s] - info->mean;
      double      *row = flow->x + (size_t)(first + s) * (size_t)p;

      flow->f[first + s] = root * d;
      leaf[0] += w * d * d;
      leaf[1] += w * d * d * d * d;
      for (int k = 0; k < p; k++) row[k] = root * (row[k] - mean[k]);
    }
    PetscCall(TesTreePush(tree));
  }
  PetscCall(TesTreeFinish(tree, moments));
  PetscCall(TesTreeDestroy(&tree));
  info->rms      = PetscSqrtReal(moments[0]);
  info->error    = flow->exact ? 0 : info->rms / PetscSqrtReal((PetscReal)flow->total);
  info->kurtosis = moments[0] > 0 ? moments[1] / (moments[0] * moments[0]) : 0;
  PetscCall(LbFlowGather(flow));
  PetscCall(LbGramSolve(flow->comm, flow->samples.count, p, flow->x, flow->f, flow->reg, y, &info->retries, &info->lambda));
  PetscCall(LbFlowDirection(flow, y, direction));
  PetscCall(LbFlowLength(flow, &flow->part, flow->x + (size_t)flow->part.first * (size_t)p, direction, &info->rate));
  PetscCall(TesTreeCreate(flow->comm, &flow->part, 1, NULL, NULL, &tree));
  for (PetscInt64 first = flow->part.first; first < flow->part.first + flow->part.n_local; first += LB_GRADIENT_BLOCK) {
    const int count = (int)PetscMin(LB_GRADIENT_BLOCK, flow->part.first + flow->part.n_local - first);
    double    z[LB_GRADIENT_BLOCK];

    PetscCall(TesTreeLeaf(tree, &leaf));
    PetscCall(Gemv(PETSC_FALSE, count, p, flow->x + (size_t)first * (size_t)p, direction, z));
    for (int s = 0; s < count; s++) leaf[0] += (z[s] - flow->f[first + s]) * (z[s] - flow->f[first + s]);
    PetscCall(TesTreePush(tree));
  }
  PetscCall(TesTreeFinish(tree, &residual));
  PetscCall(TesTreeDestroy(&tree));
  info->residual = info->rms > 0 ? PetscSqrtReal(residual) / info->rms : 0;
  if (!isfinite(info->rate) || !isfinite(info->residual)) info->finite = PETSC_FALSE;
  PetscCall(PetscFree2(mean, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
