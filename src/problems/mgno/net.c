/* The network behind one interface for both precisions: packing tables and the calls into net_impl.h. */
#include "net.h"

PetscErrorCode MgnoNetCreate(const MgnoPlan *plan, PetscBool single, PetscBool training, PetscBool recompute, MgnoNet *out)
{
  MgnoNet net;

  PetscFunctionBegin;
  PetscCall(PetscNew(&net));
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
  PetscCall(net->ops->create(net, training, recompute));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoNetDestroy(MgnoNet *net)
{
  PetscFunctionBegin;
  if (!*net) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall((*net)->ops->destroy(*net));
  PetscCall(PetscFree((*net)->offset));
  PetscCall(PetscFree((*net)->to));
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
  PetscCall(PetscMemzero(net->gradient, (size_t)net->n_packed * TesTypeBytes(net->type)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const void *MgnoNetGradient(MgnoNet net, TesType *type, PetscInt64 *n)
{
  *type = net->type;
  *n    = net->n_packed;
  return net->gradient;
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
