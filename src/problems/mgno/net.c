/* The network behind one interface for both precisions: packing tables, who has which samples of a round, and the calls into net_impl.h. */
#include <tessera/partition.h>
#include "net.h"

void MgnoSplitBlocks(const MgnoPlan *plan, const MgnoSplit *split, int rank, PetscInt d, PetscInt *first, PetscInt *last)
{
  TesPartition part;
  PetscInt64   start, count;
  int          place = rank;

  for (PetscInt e = 0; e < d; e++) place /= (int)split->p[e];
  (void)TesPartitionCreateFor(place % (int)split->p[d], (int)split->p[d], PetscMax(plan->spec.blocks[d], 1), 1, &part);
  TesPartitionRange(&part, place % (int)split->p[d], &start, &count);
  *first = (PetscInt)start;
  *last  = (PetscInt)(start + count);
}

PetscErrorCode MgnoNetCreate(const MgnoPlan *plan, PetscBool single, PetscBool training, PetscBool recompute, MgnoNet *out)
{
  PetscFunctionBegin;
  PetscCall(MgnoNetCreateSplit(plan, single, training, recompute, NULL, 1, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoNetCreateSplit(const MgnoPlan *plan, PetscBool single, PetscBool training, PetscBool recompute, const MgnoSplit *split, PetscInt together, MgnoNet *out)
{
  MgnoNet net;

  PetscFunctionBegin;
  PetscCheck(plan->n_cut > 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "the grid cannot be cut in blocks so small");
  PetscCall(PetscNew(&net));
  net->size     = 1;
  net->together = split ? PetscMax(together, 1) : 1;
  net->split    = split ? *split : (MgnoSplit){.comm = PETSC_COMM_SELF, .p = {1, 1, 1}};
  PetscCallMPI(MPI_Comm_size(net->split.comm, &net->size));
  PetscCallMPI(MPI_Comm_rank(net->split.comm, &net->rank));
  net->shared = net->size > 1 ? PETSC_TRUE : PETSC_FALSE;
  PetscCheck(net->split.p[0] * net->split.p[1] * net->split.p[2] == net->size, net->split.comm, PETSC_ERR_ARG_INCOMP, "%d ranks, the split has another number", net->size);
  PetscCall(PetscCalloc2(net->size, &net->io, net->size, &net->home));
  *out      = net;
  net->plan = plan;
  net->ops  = single ? &mgno_net_f32 : &mgno_net_f64;
  net->type = single ? TES_F32 : TES_F64;
  PetscCall(PetscMalloc1(plan->n_tensors + 1, &net->offset));
  for (PetscInt i = 0; i < plan->n_tensors; i++) {
    const MgnoTensor *t = &plan->tensor[i];

    net->offset[i] = net->n_packed;
    net->n_packed += (PetscInt64)t->taps * t->ci * ((t->co + MGNO_PAD - 1) / MGNO_PAD * MGNO_PAD);
  }
  net->offset[plan->n_tensors] = net->n_packed;
  PetscCall(PetscMalloc1(net->n_packed, &net->to));
  for (PetscInt i = 0; i < plan->n_tensors; i++) {
    const MgnoTensor *t   = &plan->tensor[i];
    const PetscInt    pad = (t->co + MGNO_PAD - 1) / MGNO_PAD * MGNO_PAD;

    for (PetscInt tap = 0; tap < t->taps; tap++)
      for (PetscInt c = 0; c < t->ci; c++)
        for (PetscInt o = 0; o < pad; o++) {
          const PetscInt64 pair = t->transposed ? (PetscInt64)c * t->co + o : (PetscInt64)o * t->ci + c;

          net->to[net->offset[i] + ((PetscInt64)tap * t->ci + c) * pad + o] = o < t->co ? t->first + pair * t->taps + tap : -1;
        }
  }
  if (plan->n_blocks > 1) {
    PetscCall(PetscCalloc3(plan->n_tensors, &net->has[0], plan->n_tensors, &net->has[1], plan->n_tensors, &net->has[2]));
    for (PetscInt i = 0; i < plan->n_tensors; i++) net->has[plan->tensor[i].whole][i] = PETSC_TRUE;
  }
  PetscCall(net->ops->create(net, training, recompute));
  PetscCall(MgnoNetRound(net, 1, 1, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* n items in units over the ranks: the rank's range */
static PetscErrorCode Spread(PetscInt n, PetscInt unit, int size, MgnoShare *share)
{
  TesPartition part;

  PetscFunctionBegin;
  PetscCall(TesPartitionCreateFor(0, size, n, unit, &part));
  for (int r = 0; r < size; r++) {
    PetscInt64 first, count;

    TesPartitionRange(&part, r, &first, &count);
    share[r].first = (PetscInt)first;
    share[r].n     = (PetscInt)count;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoNetRound(MgnoNet net, PetscInt n, PetscInt unit, const MgnoShare *io)
{
  PetscFunctionBegin;
  PetscCheck(n >= 1 && n <= net->together, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "a round of %" PetscInt_FMT " samples, the network has room for %" PetscInt_FMT, n, net->together);
  net->n    = n;
  net->unit = unit;
  if (io) PetscCall(PetscArraycpy(net->io, io, net->size));
  else PetscCall(Spread(n, 1, net->size, net->io));
  PetscCall(Spread(n, net->split.gather ? n : unit, net->size, net->home));
  if (net->units_held && MgnoUnits(net) > net->units_held) {
    PetscCall(PetscFree(net->gradient));
    net->units_held = MgnoUnits(net);
    PetscCall(PetscCalloc1((size_t)net->units_held * (size_t)net->n_leaves * (size_t)net->n_packed * TesTypeBytes(net->type), (char **)&net->gradient));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

void MgnoNetShare(MgnoNet net, PetscInt *first, PetscInt *n)
{
  *first = net->io[net->rank].first;
  *n     = net->io[net->rank].n;
}

PetscErrorCode MgnoNetDestroy(MgnoNet *net)
{
  PetscFunctionBegin;
  if (!*net) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall((*net)->ops->destroy(*net));
  PetscCall(PetscFree((*net)->offset));
  PetscCall(PetscFree((*net)->to));
  PetscCall(PetscFree2((*net)->io, (*net)->home));
  PetscCall(PetscFree3((*net)->has[0], (*net)->has[1], (*net)->has[2]));
  PetscCall(PetscFree(*net));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* tensors that are used symmetric: K <- (K + K') / 2, K'[o][c][a] = K[c][o][-a] */
static void Symmetrize(const MgnoPlan *plan, PetscReal *theta)
{
  for (PetscInt i = 0; i < plan->n_tensors; i++) {
    const MgnoTensor *t = &plan->tensor[i];
    PetscReal        *k = theta + t->first;

    for (PetscInt o = 0; o < t->co && t->symmetric; o++)
      for (PetscInt c = 0; c <= o; c++)
        for (PetscInt a = 0; a < t->taps; a++) {
          const PetscInt  here = (o * t->ci + c) * t->taps + a, there = (c * t->ci + o) * t->taps + t->taps - 1 - a;
          const PetscReal mean = (k[here] + k[there]) / 2;

          k[here] = k[there] = mean;
        }
  }
}

PetscErrorCode MgnoNetWeights(MgnoNet net, const PetscReal *theta)
{
  PetscReal *tied;

  PetscFunctionBegin;
  if (net->plan->spec.tie != NET_TIE_SYMMETRIC) {
    PetscCall(net->ops->weights(net, theta));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(PetscMalloc1(net->plan->size, &tied));
  PetscCall(PetscArraycpy(tied, theta, net->plan->size));
  Symmetrize(net->plan, tied);
  PetscCall(net->ops->weights(net, tied));
  PetscCall(PetscFree(tied));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoNetForward(MgnoNet net, const PetscReal *in, PetscReal *out)
{
  PetscFunctionBegin;
  PetscCall(net->ops->forward(net, in, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoNetBackward(MgnoNet net, const PetscReal *out_bar, PetscReal *in_bar)
{
  PetscFunctionBegin;
  PetscCall(net->ops->backward(net, out_bar, in_bar));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoNetClear(MgnoNet net)
{
  PetscFunctionBegin;
  for (PetscInt k = 0; k < MgnoUnits(net) * net->n_leaves; k++)
    for (PetscInt i = 0; i < net->plan->n_tensors; i++) {
      const PetscInt64 first = net->offset[i], n = net->offset[i + 1] - first;

      if (net->has[0] && !net->has[k % net->n_leaves == net->n_leaves - 1][i]) continue; /* never written */
      PetscCall(PetscMemzero((char *)net->gradient + (size_t)(k * net->n_packed + first) * TesTypeBytes(net->type), (size_t)n * TesTypeBytes(net->type)));
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

const void *MgnoNetGradient(MgnoNet net, TesType *type, PetscInt64 *n)
{
  *type = net->type;
  *n    = net->n_packed;
  return net->gradient;
}

PetscInt MgnoNetLeaves(MgnoNet net)
{
  return net->n_leaves;
}

const void *MgnoNetLeaf(MgnoNet net, PetscInt unit, PetscInt leaf)
{
  return (const char *)net->gradient + ((size_t)unit * (size_t)net->n_leaves + (size_t)leaf) * (size_t)net->n_packed * TesTypeBytes(net->type);
}

const PetscBool *MgnoNetLeafTensors(MgnoNet net, PetscInt unit, PetscInt leaf)
{
  const MgnoShare *home = &net->home[net->rank];
  const PetscInt   at   = unit * net->unit;

  if (leaf < net->n_leaves - 1 || !net->has[0]) return net->has[0];
  return net->has[at >= home->first && at < home->first + home->n ? 1 : 2];
}

PetscInt MgnoNetBlock(MgnoNet net, PetscInt leaf)
{
  PetscInt number = 0, stride = 1;

  for (PetscInt d = 0; d < NET_DIM; d++) {
    PetscInt first, last;

    MgnoSplitBlocks(net->plan, &net->split, net->rank, d, &first, &last);
    number += (first + leaf % (last - first)) * stride;
    leaf /= last - first;
    stride *= PetscMax(net->plan->spec.blocks[d], 1);
  }
  return number;
}

const PetscInt64 *MgnoNetOffsets(MgnoNet net)
{
  return net->offset;
}

PetscErrorCode MgnoNetUnpack(MgnoNet net, const PetscReal *packed, PetscReal *g)
{
  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < net->n_packed; i++) {
    if (net->to[i] >= 0) g[net->to[i]] = packed[i];
  }
  if (net->plan->spec.tie == NET_TIE_SYMMETRIC) Symmetrize(net->plan, g); /* the adjoint of the mean is the mean */
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscReal MgnoNetBytes(MgnoNet net)
{
  return net->bytes;
}

PetscReal MgnoNetSeconds(MgnoNet net)
{
  return net->seconds;
}
