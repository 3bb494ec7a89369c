/* Samples through the network, forward and backward; included once per precision (net_f32.c, net_f64.c), which set NREAL, NTAG, NKERNELS and NPICK.

     v^0 = input;  z^t = W_t v^t + B_t v^t + b_t,  v^(t+1) = sigma(z^t);  out = H v^T

   W is a V-cycle with a kernel per place (S, A, R, Pi, P of net_plan.c):
     level 0    f_0 = v,  u = S_1 f_0,  then u <- u + S_i (f_0 - A_i u)
     down       f_l = R_l f_(l-1)   [restrict_residual: R_l (f_(l-1) - A'_l u_(l-1))],   u_l = Pi_l u_(l-1),   u_l <- u_l + S_i (f_l - A_i u_l)
     up         u_l <- N_l(u_l + P_l u_(l+1)),   u_l <- u_l + S'_i (f_l - A''_i u_l)

   Fields are channels-last with a ring of ghost points around them. Beyond a side the ring holds what the boundary rule says (net.h); zero is the rest state of every ring.
   All operators are gathers over taps (kernels.h):
     convolution, stride s    y[i] = sum_a K[a] x[s i + a - p]
     transposed, stride 2     y[m] = sum_{a: m + p - a even} K[a] x[(m + p - a) / 2], one gather per parity of m
   Their adjoints are the other one (stride 1: itself) with channels swapped: x_bar[m] = sum_a K[a]' y_bar[m - a + p] and so on, evaluated on the ring too where a side is not
   zero; then the ring is folded back by the transpose of the boundary rule. Weight gradients are sums over the points of a block in rows of fixed length. Every value is formed in a
   fixed order, so a sample's results depend on nothing but the sample, the weights and, for weight gradients, the blocks.

   With a split, levels below n_cut are in patches, the coarser ones whole, for the samples at home: between the two stand a transpose down, for f and u, and one up (bridge). The work of
   the coarse levels is thus divided by samples, or, with `gather`, done by one rank. Same values either way.

   Kept for backward, per layer: f_l, u_l before each step, residuals, u_l + P u_(l+1), normalised fields and sigma'(z): about 4 C n values. With `recompute` one layer's
   worth, and each layer is redone in the backward sweep. */
#include <math.h>
#include <string.h>
#include <tessera/timing.h>
#include "net.h"

#include "net_fields_impl.h"
#include "net_norm_impl.h"
#include "net_forward_impl.h"
#include "net_backward_impl.h"

/* ---- weights, life ---- */

static PetscErrorCode Weights(MgnoNet n, const PetscReal *theta)
{
  Net            *net  = n->own;
  const MgnoPlan *plan = net->plan;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < plan->n_tensors; i++) {
    const MgnoTensor *t  = &plan->tensor[i];
    const PetscInt    cop = (t->co + MGNO_PAD - 1) / MGNO_PAD * MGNO_PAD, cip = (t->ci + MGNO_PAD - 1) / MGNO_PAD * MGNO_PAD;
    Pack             *p  = &net->pack[i];

    for (PetscInt tap = 0; tap < t->taps; tap++)
      for (PetscInt c = 0; c < t->ci; c++)
        for (PetscInt o = 0; o < t->co; o++) {
          const PetscInt64 pair  = t->transposed ? (PetscInt64)c * t->co + o : (PetscInt64)o * t->ci + c;
          const NREAL      value = (NREAL)theta[t->first + pair * t->taps + tap];

          p->w[((PetscInt64)tap * t->ci + c) * cop + o] = value;
          if (p->wt) p->wt[((PetscInt64)tap * t->co + o) * cip + c] = value;
        }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StoreCreate(Net *net, PetscInt cf, Store *store)
{
  const MgnoNetSpec *s = &net->plan->spec;

  PetscFunctionBegin;
  for (PetscInt l = 0; l < s->levels; l++) {
    if (l) PetscCall(LevelField(net, l, cf, &store->f[l]));
    if (l && s->coarse == NET_RESTRICT_RESIDUAL) PetscCall(LevelField(net, l - 1, cf, &store->rr[l]));
    if (l + 1 < s->levels && s->norm != NET_NO_NORM) {
      PetscCall(LevelField(net, l, s->channels, &store->t[l]));
      PetscCall(LevelField(net, l, s->channels, &store->normal[l]));
      PetscCall(PetscMalloc1(net->base->together, &store->inverse[l]));
    }
  }
  if (net->n_patch < s->levels) PetscCall(FieldCreate(net, net->n_patch, PETSC_TRUE, s->channels, &store->bridge));
  for (PetscInt after = 0; after < 2; after++) {
    PetscCall(PetscCalloc2(net->steps[after][s->levels] + 1, &store->u[after], net->steps[after][s->levels] + 1, &store->r[after]));
    for (PetscInt l = 0; l < s->levels; l++) {
      const PetscInt steps = after ? Post(net, l) : Pre(net, l);

      for (PetscInt i = 0; i <= steps; i++) PetscCall(LevelField(net, l, s->channels, U(net, store, after, l, i)));
      for (PetscInt i = 0; i < steps; i++) PetscCall(LevelField(net, l, cf, Rs(net, store, after, l, i)));
    }
  }
  if (net->training) PetscCall(LevelField(net, 0, s->channels, &store->d));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StoreDestroy(Net *net, Store *store)
{
  PetscFunctionBegin;
  for (PetscInt l = 0; l < net->plan->spec.levels; l++) {
    if (l) PetscCall(FieldDestroy(&store->f[l]));
    PetscCall(FieldDestroy(&store->rr[l]));
    PetscCall(FieldDestroy(&store->t[l]));
    PetscCall(FieldDestroy(&store->normal[l]));
    PetscCall(PetscFree(store->inverse[l]));
  }
  PetscCall(FieldDestroy(&store->bridge));
  for (PetscInt after = 0; after < 2 && store->u[after]; after++) {
    for (PetscInt i = 0; i < net->steps[after][net->plan->spec.levels] + 1; i++) {
      PetscCall(FieldDestroy(&store->u[after][i]));
      PetscCall(FieldDestroy(&store->r[after][i]));
    }
    PetscCall(PetscFree2(store->u[after], store->r[after]));
  }
  PetscCall(FieldDestroy(&store->d));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PackCreate(MgnoNet n, Net *net)
{
  const MgnoPlan *plan  = net->plan;
  PetscInt64      total = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(plan->n_tensors, &net->pack));
  n->n_leaves   = net->cut[0].n + (plan->n_blocks > 1 ? 1 : 0);
  n->units_held = 1; /* MgnoNetRound makes room for more */
  PetscCall(PetscCalloc1(n->n_packed * n->n_leaves, (NREAL **)&n->gradient));
  for (int pass = 0; pass < 2; pass++) {
    if (pass) PetscCall(PetscCalloc1(total, &net->weights));
    total = 0;
    for (PetscInt i = 0; i < plan->n_tensors; i++) {
      const MgnoTensor *t     = &plan->tensor[i];
      const PetscInt64  w     = n->offset[i + 1] - n->offset[i], cip = (t->ci + MGNO_PAD - 1) / MGNO_PAD * MGNO_PAD;
      const PetscInt64  wt = t->vector ? 0 : (PetscInt64)t->taps * t->co * cip;

      if (pass) {
        net->pack[i].w  = net->weights + total;
        net->pack[i].wt = t->vector ? NULL : net->weights + total + w;
      }
      total += w + wt;
    }
  }
  n->bytes += (PetscReal)(total + n->n_packed * n->n_leaves) * sizeof(NREAL);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the blocks of this rank on level l, or the level in one */
static PetscErrorCode CutsCreate(Net *net, PetscInt l, PetscBool one, Cuts *cuts)
{
  const MgnoPlan *plan = net->plan;
  PetscInt        first[NET_DIM], last[NET_DIM], n = 1;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < NET_DIM; d++) {
    MgnoSplitBlocks(plan, &net->base->split, net->base->rank, d, &first[d], &last[d]);
    if (!one) n *= last[d] - first[d];
  }
  cuts->n    = n;
  cuts->leaf = one && plan->n_blocks > 1 ? (last[0] - first[0]) * (last[1] - first[1]) * (last[2] - first[2]) : 0;
  PetscCall(PetscCalloc4(n, &cuts->lo, n, &cuts->hi, n, &cuts->side, n, &cuts->number));
  for (PetscInt i = 0; i < n; i++) {
    PetscInt rest = i, stride = 1;

    for (PetscInt d = 0; d < NET_DIM; d++) {
      const PetscInt *start = plan->level[l].start[d], *size = plan->level[l].n, B = PetscMax(plan->spec.blocks[d], 1);
      const PetscInt  k     = one ? 0 : first[d] + rest % (last[d] - first[d]);

      cuts->lo[i][d] = one ? 0 : start[k] - net->origin[l][d];
      cuts->hi[i][d] = one ? size[d] : start[k + 1] - net->origin[l][d];
      if (d < plan->spec.dim && !plan->torus[d]) {
        cuts->side[i][d][0] = one || k == 0 ? PETSC_TRUE : PETSC_FALSE;
        cuts->side[i][d][1] = one || k == B - 1 ? PETSC_TRUE : PETSC_FALSE;
      }
      cuts->number[i] += k * stride;
      stride *= B;
      rest /= last[d] - first[d];
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* who is beyond this rank's patches, where these lie, and the blocks of the levels */
static PetscErrorCode Places(Net *net)
{
  const MgnoPlan  *plan  = net->plan;
  const MgnoSplit *split = &net->base->split;
  PetscInt         stride = 1;

  PetscFunctionBegin;
  net->n_patch = net->base->shared ? plan->n_cut : plan->spec.levels;
  for (PetscInt d = 0; d < NET_DIM; d++) {
    const PetscInt place = net->base->rank / stride % split->p[d];
    PetscInt       first, last;

    for (int upper = 0; upper < 2; upper++) {
      const PetscInt other = place + (upper ? 1 : -1);

      net->neighbour[d][upper] = -1;
      if (split->p[d] > 1 && ((other >= 0 && other < split->p[d]) || plan->torus[d])) net->neighbour[d][upper] = net->base->rank + ((other + split->p[d]) % split->p[d] - place) * stride;
    }
    stride *= split->p[d];
    MgnoSplitBlocks(plan, split, net->base->rank, d, &first, &last);
    for (PetscInt l = 0; l <= PetscMin(plan->n_cut, plan->spec.levels - 1); l++) {
      net->origin[l][d] = plan->level[l].start[d][first];
      net->patch[l][d]  = plan->level[l].start[d][last] - net->origin[l][d];
    }
  }
  for (PetscInt l = 0; l < plan->spec.levels; l++) {
    if (l <= plan->n_cut) PetscCall(CutsCreate(net, l, PETSC_FALSE, &net->cut[l]));
    PetscCall(CutsCreate(net, l, PETSC_TRUE, &net->one[l]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Create(MgnoNet n, PetscBool training, PetscBool recompute)
{
  const MgnoPlan    *plan = n->plan;
  const MgnoNetSpec *s    = &plan->spec;
  Net               *net;

  PetscFunctionBegin;
  PetscCall(PetscNew(&net));
  n->own         = net;
  net->base      = n;
  net->plan      = plan;
  net->k         = NPICK();
  net->training  = training;
  net->recompute = recompute;
  for (PetscInt d = 0; d < s->dim; d++) {
    if (!plan->torus[d] && (s->side[d][0] != NET_ZERO || s->side[d][1] != NET_ZERO)) net->ghosts = PETSC_TRUE;
  }
  net->ring = net->ghosts || (n->shared && n->split.wide) ? 3 : 1; /* adjoints on the ring read two points further */
  PetscCall(Places(net));
  for (PetscInt after = 0; after < 2; after++)
    for (PetscInt l = 0; l < s->levels; l++) net->steps[after][l + 1] = net->steps[after][l] + (after ? Post(net, l) : Pre(net, l)) + 1;
  net->n_stores = training && !recompute ? s->layers : 1;
  PetscCall(PetscCalloc1(s->layers, &net->store));
  for (PetscInt t = 0; t < net->n_stores; t++) PetscCall(StoreCreate(net, net->n_stores == 1 ? PetscMax(s->channels, s->c_in) : t ? s->channels : s->c_in, &net->store[t]));
  PetscCall(PetscCalloc1(s->layers + 1, &net->v));
  for (PetscInt t = 0; t <= s->layers; t++) PetscCall(LevelField(net, 0, t ? s->channels : s->c_in, &net->v[t]));
  PetscCall(LevelField(net, 0, s->channels, &net->z));
  PetscCall(LevelField(net, 0, s->c_out, &net->out));
  if (net->n_patch < s->levels) {
    PetscCall(FieldCreate(net, net->n_patch, PETSC_TRUE, s->channels, &net->bridge_u));
    PetscCall(FieldCreate(net, net->n_patch, PETSC_TRUE, PetscMax(s->channels, s->c_in), &net->bridge_f));
  }
  if (training) {
    PetscCall(LevelField(net, 0, s->channels, &net->vbar));
    for (PetscInt l = 0; l < s->levels; l++) {
      PetscCall(LevelField(net, l, s->channels, &net->ubar[l]));
      PetscCall(LevelField(net, l, PetscMax(s->channels, s->c_in), &net->fbar[l]));
      PetscCall(LevelField(net, l, PetscMax(s->channels, s->c_in), &net->qf[l]));
    }
  }
  PetscCall(PackCreate(n, net));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(MgnoNet n)
{
  Net *net = n->own;

  PetscFunctionBegin;
  if (!net) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt t = 0; t < net->n_stores; t++) PetscCall(StoreDestroy(net, &net->store[t]));
  for (PetscInt t = 0; t <= net->plan->spec.layers; t++) PetscCall(FieldDestroy(&net->v[t]));
  PetscCall(PetscFree(net->store));
  PetscCall(PetscFree(net->v));
  PetscCall(FieldDestroy(&net->z));
  PetscCall(FieldDestroy(&net->out));
  PetscCall(FieldDestroy(&net->vbar));
  for (PetscInt l = 0; l < NET_LEVELS; l++) {
    PetscCall(FieldDestroy(&net->ubar[l]));
    PetscCall(FieldDestroy(&net->fbar[l]));
    PetscCall(FieldDestroy(&net->qf[l]));
  }
  PetscCall(FieldDestroy(&net->bridge_u));
  PetscCall(FieldDestroy(&net->bridge_f));
  for (PetscInt l = 0; l < NET_LEVELS; l++) {
    PetscCall(PetscFree4(net->cut[l].lo, net->cut[l].hi, net->cut[l].side, net->cut[l].number));
    PetscCall(PetscFree4(net->one[l].lo, net->one[l].hi, net->one[l].side, net->one[l].number));
  }
  for (int i = 0; i < 4; i++) PetscCall(PetscFree(net->slab[i / 2][i % 2]));
  PetscCall(PetscFree(net->pack));
  PetscCall(PetscFree(net->weights));
  PetscCall(PetscFree(n->gradient));
  PetscCall(PetscFree(n->own));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const MgnoNetOps NTAG(mgno_net) = {Create, Destroy, Weights, Forward, Backward};
