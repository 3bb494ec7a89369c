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

/* ---- the V-cycle forward ---- */

/* u_after = u + S (f - A u); the residual stays in r. with A < 0: u_after = S f */
static PetscErrorCode Smooth(Net *net, PetscInt after, PetscInt at, Field *f, Field *u, Field *r, Field *u_after, PetscInt cf)
{
  const MgnoPlan *plan = net->plan;
  const PetscInt  C = plan->spec.channels, S = plan->S[after][at], A = plan->A[after][at], Sb = plan->Sb[after][at], Ab = plan->Ab[after][at];
  Field          *from = f;

  PetscFunctionBegin;
  if (A >= 0) {
    if (net->base->split.wide && !u->whole && (u->valid < 3 || f->valid < 2)) { /* then S and whatever follows it need no exchange */
      Field   *both[2]  = {u, f};
      PetscInt width[2] = {3, 2};

      PetscCall(Exchange(net, f->valid < 2 ? 2 : 1, both, width));
    }
    PetscCall(Ready(net, u, PRIMAL, 3));
    Convolve(net, net->pack[A].w, Three(net), ones, 1, PETSC_FALSE, C, u, r, 0, f, -1);
    if (Ab >= 0) AddBias(net, net->pack[Ab].w, -1, r);
    from = r;
  }
  PetscCall(Ready(net, from, PRIMAL, 2));
  Convolve(net, net->pack[S].w, Three(net), ones, 1, PETSC_FALSE, cf, from, u_after, 0, A >= 0 ? u : NULL, 1);
  if (Sb >= 0) AddBias(net, net->pack[Sb].w, 1, u_after);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- normalisation: per sample, over all points and channels of a level ---- */

/* Sums over the points of each sample: of every block by itself, then over the blocks in their order. part [samples][blocks][width] has the sums of this rank's blocks; sum [samples][width] */
static PetscErrorCode OverBlocks(Net *net, const Field *f, PetscInt total, PetscInt width, PetscReal *part, PetscReal *sum)
{
  const PetscInt samples = Count(net, f);

  PetscFunctionBegin;
  if (!f->whole) PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, part, (PetscMPIInt)(samples * total * width), MPIU_REAL, MPI_SUM, net->base->split.comm)); /* one contribution each: exact */
  for (PetscInt b = 0; b < samples; b++)
    for (PetscInt w = 0; w < width; w++) {
      sum[b * width + w] = 0;
      for (PetscInt k = 0; k < total; k++) sum[b * width + w] += part[(b * total + k) * width + w];
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* number of a point of a level, for weights that belong to points */
static ptrdiff_t PointNumber(const Net *net, PetscInt l, const Field *f, PetscInt y, PetscInt z)
{
  const PetscInt *n = net->plan->level[l].n, none[NET_DIM] = {0, 0, 0}, *origin = f->whole ? none : net->origin[l];

  return ((ptrdiff_t)(origin[2] + z) * n[1] + origin[1] + y) * n[0] + origin[0];
}

static PetscErrorCode Normalise(Net *net, PetscInt at, PetscInt l, const Cuts *cuts, const Field *t, Field *normal, Field *out, PetscReal *inverse)
{
  const MgnoPlan *plan  = net->plan;
  const PetscInt *n     = plan->level[l].n;
  const PetscInt  C     = plan->spec.channels, gamma = plan->gamma[at], beta = plan->beta[at], samples = Count(net, t), total = cuts == &net->one[l] ? 1 : plan->n_blocks;
  const PetscReal count = (PetscReal)n[0] * n[1] * n[2] * C;
  const ptrdiff_t step  = plan->spec.norm == NET_NORM_PIXEL ? 1 : 0;
  PetscReal      *part, *sum, *mean;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3(samples * total + 1, &part, samples + 1, &sum, samples + 1, &mean));
  for (int pass = 0; pass < 2; pass++) { /* the mean, then squares about it */
    PetscCall(PetscArrayzero(part, samples * total));
    for (PetscInt b = 0; b < samples; b++)
      for (PetscInt k = 0; k < cuts->n; k++) {
        PetscReal block = 0;

        for (PetscInt z = cuts->lo[k][2]; z < cuts->hi[k][2]; z++)
          for (PetscInt y = cuts->lo[k][1]; y < cuts->hi[k][1]; y++) {
            const NREAL *row = RowOf(t, b, y, z) + cuts->lo[k][0] * t->s[0];
            PetscReal    line = 0;

            for (PetscInt i = cuts->lo[k][0]; i < cuts->hi[k][0]; i++, row += t->c)
              for (PetscInt c = 0; c < C; c++) line += pass ? (row[c] - mean[b]) * (row[c] - mean[b]) : row[c];
            block += line;
          }
        part[b * total + cuts->number[k]] = block;
      }
    PetscCall(OverBlocks(net, t, total, 1, part, sum));
    for (PetscInt b = 0; b < samples; b++) {
      if (pass) inverse[b] = 1 / PetscSqrtReal(sum[b] / count + 1e-5);
      else mean[b] = sum[b] / count;
    }
  }
  FOR_ROWS(net, t, b, y, z)
  {
    const NREAL *row = RowOf(t, b, y, z);
    NREAL       *hat = RowOf(normal, b, y, z), *to = RowOf(out, b, y, z);
    ptrdiff_t    point = PointNumber(net, l, t, y, z);

    for (PetscInt i = 0; i < t->n[0]; i++, row += t->c, hat += t->c, to += t->c, point++)
      for (PetscInt c = 0; c < C; c++) {
        hat[c] = (NREAL)((row[c] - mean[b]) * inverse[b]);
        to[c]  = gamma < 0 ? hat[c] : net->pack[gamma].w[step * point * t->c + c] * hat[c] + net->pack[beta].w[step * point * t->c + c];
      }
  }
  Written(out);
  PetscCall(PetscFree3(part, sum, mean));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ubar <- backward of Normalise */
static PetscErrorCode NormaliseBack(Net *net, PetscInt at, PetscInt l, const Cuts *cuts, const Field *normal, const PetscReal *inverse, Field *ubar)
{
  const MgnoPlan *plan  = net->plan;
  const PetscInt *n     = plan->level[l].n;
  const PetscInt  C     = plan->spec.channels, gamma = plan->gamma[at], beta = plan->beta[at], samples = Count(net, ubar), total = cuts == &net->one[l] ? 1 : plan->n_blocks;
  const PetscReal count = (PetscReal)n[0] * n[1] * n[2] * C;
  const ptrdiff_t step  = plan->spec.norm == NET_NORM_PIXEL ? 1 : 0;
  PetscReal      *part, *sum;

  PetscFunctionBegin;
  PetscCall(PetscCalloc2(2 * samples * total + 1, &part, 2 * samples + 1, &sum));
  for (PetscInt b = 0; b < samples; b++)
    for (PetscInt k = 0; k < cuts->n; k++) {
      NREAL     *gb = gamma < 0 ? NULL : Leaf(net, beta, ubar, b, cuts->leaf + k), *gg = gamma < 0 ? NULL : Leaf(net, gamma, ubar, b, cuts->leaf + k);
      PetscReal *to = &part[2 * (b * total + cuts->number[k])];

      for (PetscInt z = cuts->lo[k][2]; z < cuts->hi[k][2]; z++)
        for (PetscInt y = cuts->lo[k][1]; y < cuts->hi[k][1]; y++) {
          const PetscInt first = cuts->lo[k][0];
          NREAL         *bar   = RowOf(ubar, b, y, z) + first * ubar->s[0];
          const NREAL   *hat   = RowOf(normal, b, y, z) + first * normal->s[0];
          ptrdiff_t      point = PointNumber(net, l, ubar, y, z) + first;
          PetscReal      line  = 0, dot = 0;

          for (PetscInt i = first; i < cuts->hi[k][0]; i++, bar += ubar->c, hat += ubar->c, point++)
            for (PetscInt c = 0; c < C; c++) {
              const ptrdiff_t w = step * point * ubar->c + c;

              if (gamma >= 0) {
                gb[w] += bar[c];
                gg[w] += bar[c] * hat[c];
                bar[c] *= net->pack[gamma].w[w];
              }
              line += bar[c];
              dot += (PetscReal)bar[c] * hat[c];
            }
          to[0] += line;
          to[1] += dot;
        }
    }
  PetscCall(OverBlocks(net, ubar, total, 2, part, sum));
  FOR_ROWS(net, ubar, b, y, z)
  {
    const PetscReal mean = sum[2 * b] / count, product = sum[2 * b + 1] / count;
    NREAL          *bar = RowOf(ubar, b, y, z);
    const NREAL    *hat = RowOf(normal, b, y, z);

    for (PetscInt i = 0; i < ubar->n[0]; i++, bar += ubar->c, hat += ubar->c)
      for (PetscInt c = 0; c < C; c++) bar[c] = (NREAL)(inverse[b] * (bar[c] - mean - hat[c] * product));
  }
  Written(ubar);
  PetscCall(PetscFree2(part, sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt Pre(const Net *net, PetscInt l)
{
  return net->plan->spec.pre[l];
}

static PetscInt Post(const Net *net, PetscInt l)
{
  return l + 1 < net->plan->spec.levels ? net->plan->spec.post[l] : 0;
}

/* places of a level's fields in a store: pre steps have u before each and one after the last, so have post steps */
static Field *U(const Net *net, Store *store, PetscInt after, PetscInt l, PetscInt i)
{
  return &store->u[after][net->steps[after][l] + i];
}

static Field *Rs(const Net *net, Store *store, PetscInt after, PetscInt l, PetscInt i)
{
  return &store->r[after][net->steps[after][l] + i];
}

/* the blocks of a level: of what is done on it, and of the transfers between it and the finer one */
static const Cuts *LevelCuts(const Net *net, PetscInt l)
{
  return l < net->plan->n_cut ? &net->cut[l] : &net->one[l];
}

static const Cuts *TransferCuts(const Net *net, PetscInt l)
{
  return l <= net->plan->n_cut ? &net->cut[l] : &net->one[l];
}

/* level l is the first that is held whole while the finer one is in patches */
static PetscBool Bridges(const Net *net, PetscInt l)
{
  return l > 0 && l == net->n_patch && net->base->shared ? PETSC_TRUE : PETSC_FALSE;
}

/* u_0 of the cycle, in a field of the store; f[0] of the store must be set */
static PetscErrorCode Cycle(Net *net, PetscInt layer, Store *store, Field **cycle)
{
  const MgnoPlan    *plan = net->plan;
  const MgnoNetSpec *s    = &plan->spec;
  const PetscInt     cf   = layer ? s->channels : s->c_in, L = s->levels;
  const Ghosts       seen = s->zero_transposed ? ZERO_SIDES : PRIMAL; /* what P sees beyond the sides */
  Field             *up   = NULL;

  PetscFunctionBegin;
  for (PetscInt l = 0; l < L; l++) {
    const PetscInt at = layer * L + l, first = plan->first_smooth[0][at];

    if (l) {
      const MgnoLevel *fine   = &plan->level[l - 1];
      const PetscBool  bridge = Bridges(net, l);
      Field           *before = U(net, store, 0, l - 1, Pre(net, l - 1)), *source = &store->f[l - 1], *u = U(net, store, 0, l, 0), *f_to = bridge ? &net->bridge_f : &store->f[l], *u_to = bridge ? &net->bridge_u : u;

      PetscCall(Ready(net, before, PRIMAL, 1));
      if (s->coarse == NET_RESTRICT_RESIDUAL) {
        source = &store->rr[l];
        Convolve(net, net->pack[plan->Ar[at]].w, Three(net), ones, 1, PETSC_FALSE, s->channels, before, source, 0, &store->f[l - 1], -1);
      }
      PetscCall(Ready(net, source, PRIMAL, 1));
      Convolve(net, net->pack[plan->R[at]].w, fine->kr, fine->p, 2, PETSC_FALSE, cf, source, f_to, 0, NULL, 1);
      if (bridge) PetscCall(Transpose(net, l, f_to, &store->f[l], PETSC_TRUE, 0));
      if (plan->Pi[at] < 0) {
        Zero(net, u); /* tied symmetric: the coarse problem begins at zero */
      } else {
        Convolve(net, net->pack[plan->Pi[at]].w, fine->kr, fine->p, 2, PETSC_FALSE, s->channels, before, u_to, 0, NULL, 1);
        if (bridge) PetscCall(Transpose(net, l, u_to, u, PETSC_TRUE, 0));
      }
    }
    for (PetscInt i = 0; i < Pre(net, l); i++) PetscCall(Smooth(net, 0, first + i, &store->f[l], U(net, store, 0, l, i), Rs(net, store, 0, l, i), U(net, store, 0, l, i + 1), cf));
  }
  up = U(net, store, 0, L - 1, Pre(net, L - 1));
  for (PetscInt l = L - 2; l >= 0; l--) {
    const PetscInt   at   = layer * L + l, first = plan->first_smooth[1][at];
    const MgnoLevel *fine = &plan->level[l];
    Field           *sum  = s->norm != NET_NO_NORM ? &store->t[l] : U(net, store, 1, l, 0);
    const PetscInt   P    = plan->P[at + 1];

    PetscCall(Ready(net, up, seen, 1));
    if (Bridges(net, l + 1)) {
      PetscCall(Transpose(net, l + 1, &store->bridge, up, PETSC_FALSE, 1));
      up = &store->bridge;
    }
    Spread(net, s->tie == NET_TIE_NONE ? net->pack[P].w : net->pack[P].wt, fine->kp, fine->p, s->channels, up, sum, 0, U(net, store, 0, l, Pre(net, l)), 1);
    if (s->norm != NET_NO_NORM) PetscCall(Normalise(net, at, l, LevelCuts(net, l), sum, &store->normal[l], U(net, store, 1, l, 0), store->inverse[l]));
    up = U(net, store, 1, l, 0);
    for (PetscInt i = 0; i < Post(net, l); i++) {
      PetscCall(Smooth(net, 1, first + i, &store->f[l], up, Rs(net, store, 1, l, i), U(net, store, 1, l, i + 1), cf));
      up = U(net, store, 1, l, i + 1);
    }
  }
  *cycle = up;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Fields that carry C_f channels and are shared by the layers have another padding in the first one: views with the strides of that many channels. */
static void View(const Net *net, PetscInt channels, Field *f)
{
  const PetscInt c     = (channels + MGNO_PAD - 1) / MGNO_PAD * MGNO_PAD;
  ptrdiff_t      first = 0, stride = c;

  if (f->c == c || !f->data) return;
  f->c = c;
  for (PetscInt d = 0; d < NET_DIM; d++) {
    const PetscInt ring = d < net->plan->spec.dim ? net->ring : 0;

    f->s[d] = stride;
    first += ring * stride;
    stride *= f->n[d] + 2 * ring;
  }
  f->sample = stride;
  f->o      = f->data + first;
  memset(f->data, 0, (size_t)stride * (size_t)f->room * sizeof(NREAL));
  Written(f);
}

/* v^(t+1) = sigma(W v + B v + b) */
static PetscErrorCode Layer(Net *net, PetscInt t, Store *store)
{
  const MgnoNetSpec *s  = &net->plan->spec;
  const PetscInt     cf = t ? s->channels : s->c_in, shared = PetscMin(cf, s->channels);
  Field             *u, *v = &net->v[t], *next = &net->v[t + 1], *z = &net->z;

  PetscFunctionBegin;
  for (PetscInt l = 0; l < s->levels; l++) {
    if (l) View(net, cf, &store->f[l]);
    if (l && s->coarse == NET_RESTRICT_RESIDUAL) View(net, cf, &store->rr[l]);
    for (PetscInt after = 0; after < 2; after++)
      for (PetscInt i = 0; i < (after ? Post(net, l) : Pre(net, l)); i++) View(net, cf, Rs(net, store, after, l, i));
  }
  View(net, cf, &net->bridge_f);
  store->f[0] = *v; /* borrowed */
  PetscCall(Cycle(net, t, store, &u));
  FOR_ROWS(net, z, sample, j, k)
  {
    NREAL          *row  = RowOf(z, sample, j, k);
    const NREAL    *from = RowOf(v, sample, j, k), *cycle = RowOf(u, sample, j, k);
    const ptrdiff_t n    = (ptrdiff_t)z->n[0] * z->c;

    if (s->skip == NET_AFFINE) {
      const ptrdiff_t here = 0;
      const NREAL    *w = net->pack[net->plan->B[t]].w, *b = net->pack[net->plan->b[t]].w;

      net->k->row(z->n[0], from, v->c, 1, &here, &w, (int)cf, z->c, cycle, u->c, 1, row, z->c);
      for (PetscInt i = 0; i < z->n[0]; i++)
        for (PetscInt c = 0; c < z->c; c++) row[i * z->c + c] += b[c];
    } else {
      memcpy(row, cycle, (size_t)n * sizeof(NREAL));
      for (PetscInt i = 0; i < z->n[0] && s->skip == NET_RESIDUAL_INPUT; i++)
        for (PetscInt c = 0; c < shared; c++) row[i * z->c + c] += from[i * v->c + c];
    }
    net->k->act(s->activation, n, row, RowOf(next, sample, j, k), net->training ? RowOf(&store->d, sample, j, k) : NULL); /* sigma(0) = 0 for all of them: the padding stays zero */
  }
  Written(next);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static Store *StoreOf(Net *net, PetscInt layer)
{
  return &net->store[net->n_stores > 1 ? layer : 0];
}

static PetscErrorCode Forward(MgnoNet n, const PetscReal *in, PetscReal *out)
{
  Net               *net = n->own;
  const MgnoNetSpec *s   = &net->plan->spec;

  PetscFunctionBegin;
  PetscCall(InOut(net, (PetscReal *)in, s->c_in, &net->v[0], PETSC_TRUE));
  for (PetscInt t = 0; t < s->layers; t++) PetscCall(Layer(net, t, StoreOf(net, t)));
  Convolve(net, net->pack[net->plan->H].w, single_tap, zeros, 1, PETSC_FALSE, s->channels, &net->v[s->layers], &net->out, 0, NULL, 1);
  PetscCall(InOut(net, out, s->c_out, &net->out, PETSC_FALSE));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- backward ---- */

/* backward of Smooth: ubar is that of u after, and becomes that of u before; fbar is added to */
static PetscErrorCode SmoothBack(Net *net, PetscInt after, PetscInt at, PetscInt l, const Field *f, const Field *u, const Field *r, Field *ubar, Field *fbar, PetscInt cf, PetscBool need_f)
{
  const MgnoPlan *plan = net->plan;
  const PetscInt  C = plan->spec.channels, S = plan->S[after][at], A = plan->A[after][at], Sb = plan->Sb[after][at], Ab = plan->Ab[after][at], ring = net->ghosts ? 1 : 0;
  const Cuts     *cuts = LevelCuts(net, l);
  Field          *q = &net->qf[l];

  PetscFunctionBegin;
  WeightGradient(net, S, Three(net), A >= 0 ? r : f, 1, ubar, 1, ones, cuts, 0, cf, 1);
  if (Sb >= 0) BiasGradient(net, Sb, ubar, cuts, 1);
  if (A < 0) {
    if (!need_f) PetscFunctionReturn(PETSC_SUCCESS);
    PetscCall(Ready(net, ubar, ADJOINT, 1));
    Convolve(net, net->pack[S].wt, Three(net), ones, 1, PETSC_TRUE, C, ubar, fbar, ring, fbar, 1);
    Fold(net, fbar);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(Ready(net, ubar, ADJOINT, 2));
  Convolve(net, net->pack[S].wt, Three(net), ones, 1, PETSC_TRUE, C, ubar, q, ring, NULL, 1);
  Fold(net, q);
  AddTo(net, 1, q, fbar);
  WeightGradient(net, A, Three(net), u, 1, q, 1, ones, cuts, 0, C, -1);
  if (Ab >= 0) BiasGradient(net, Ab, q, cuts, -1);
  PetscCall(Ready(net, q, ADJOINT, 1));
  Convolve(net, net->pack[A].wt, Three(net), ones, 1, PETSC_TRUE, cf, q, ubar, ring, ubar, -1);
  Fold(net, ubar);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* backward of the step from level l + 1 up: ubar[l + 1] += P' ubar[l] */
static PetscErrorCode UpBack(Net *net, PetscInt layer, PetscInt l, Store *store)
{
  const MgnoPlan    *plan   = net->plan;
  const MgnoNetSpec *s      = &plan->spec;
  const PetscInt     L      = s->levels, C = s->channels, P = plan->P[layer * L + l + 1], ring = s->zero_transposed || !net->ghosts ? 0 : 1;
  const MgnoLevel   *fine   = &plan->level[l];
  const PetscBool    bridge = Bridges(net, l + 1);
  const Cuts        *cuts   = TransferCuts(net, l + 1);
  Field             *coarse = l + 1 == L - 1 ? U(net, store, 0, L - 1, Pre(net, L - 1)) : U(net, store, 1, l + 1, Post(net, l + 1)), *to = &net->ubar[l + 1];

  PetscFunctionBegin;
  if (bridge) {
    coarse = &store->bridge;
    to     = &net->bridge_u;
    Zero(net, to);
  }
  PetscCall(Ready(net, &net->ubar[l], s->zero_transposed ? ZERO_SIDES : ADJOINT, 1));
  /* x = the coarse field, y = ours. Tied, the kernel is that of R with the roles of the fields exchanged */
  if (s->tie == NET_TIE_NONE) {
    WeightGradient(net, P, fine->kp, coarse, 1, &net->ubar[l], 2, fine->p, cuts, ring, C, 1);
    Convolve(net, net->pack[P].wt, fine->kp, fine->p, 2, PETSC_FALSE, C, &net->ubar[l], to, ring, to, 1);
  } else {
    WeightGradient(net, P, fine->kp, &net->ubar[l], 2, coarse, 1, fine->p, cuts, ring, C, 1);
    Convolve(net, net->pack[P].w, fine->kp, fine->p, 2, PETSC_FALSE, C, &net->ubar[l], to, ring, to, 1);
  }
  Fold(net, to);
  if (bridge) PetscCall(Transpose(net, l + 1, to, &net->ubar[l + 1], PETSC_TRUE, 0));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* backward of the step down to level l: ubar[l - 1] += Pi' ubar[l], fbar[l - 1] += R' fbar[l], or with the residual restricted q = R' fbar[l], fbar[l - 1] += q, ubar[l - 1] -= A' q */
static PetscErrorCode DownBack(Net *net, PetscInt layer, PetscInt l, Store *store, PetscInt cf, PetscBool need_f)
{
  const MgnoPlan    *plan   = net->plan;
  const MgnoNetSpec *s      = &plan->spec;
  const PetscInt     at     = layer * s->levels + l, C = s->channels, ring = net->ghosts ? 1 : 0;
  const MgnoLevel   *fine   = &plan->level[l - 1];
  const PetscBool    bridge = Bridges(net, l);
  const Cuts        *cuts   = TransferCuts(net, l);
  Field             *before = U(net, store, 0, l - 1, Pre(net, l - 1)), *source = s->coarse == NET_RESTRICT_RESIDUAL ? &store->rr[l] : &store->f[l - 1], *ubar = &net->ubar[l], *fbar = &net->fbar[l];

  PetscFunctionBegin;
  PetscCall(Ready(net, fbar, ADJOINT, 1));
  if (bridge) {
    PetscCall(Transpose(net, l, &net->bridge_f, fbar, PETSC_FALSE, 1));
    fbar = &net->bridge_f;
  }
  if (plan->Pi[at] >= 0) {
    PetscCall(Ready(net, ubar, ADJOINT, 1));
    if (bridge) {
      PetscCall(Transpose(net, l, &net->bridge_u, ubar, PETSC_FALSE, 1));
      ubar = &net->bridge_u;
    }
    WeightGradient(net, plan->Pi[at], fine->kr, before, 2, ubar, 1, fine->p, cuts, 0, C, 1);
    Spread(net, net->pack[plan->Pi[at]].wt, fine->kr, fine->p, C, ubar, &net->ubar[l - 1], ring, &net->ubar[l - 1], 1);
    Fold(net, &net->ubar[l - 1]);
  }
  WeightGradient(net, plan->R[at], fine->kr, source, 2, fbar, 1, fine->p, cuts, 0, cf, 1);
  if (s->coarse == NET_RESTRICT_RESIDUAL) {
    Field *q = &net->qf[l - 1];

    Spread(net, net->pack[plan->R[at]].wt, fine->kr, fine->p, cf, fbar, q, ring, NULL, 1);
    Fold(net, q);
    AddTo(net, 1, q, &net->fbar[l - 1]);
    WeightGradient(net, plan->Ar[at], Three(net), before, 1, q, 1, ones, LevelCuts(net, l - 1), 0, C, -1);
    PetscCall(Ready(net, q, ADJOINT, 1));
    Convolve(net, net->pack[plan->Ar[at]].wt, Three(net), ones, 1, PETSC_TRUE, cf, q, &net->ubar[l - 1], ring, &net->ubar[l - 1], -1);
    Fold(net, &net->ubar[l - 1]);
  } else if (need_f || l > 1) {
    Spread(net, net->pack[plan->R[at]].wt, fine->kr, fine->p, cf, fbar, &net->fbar[l - 1], ring, &net->fbar[l - 1], 1);
    Fold(net, &net->fbar[l - 1]);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ubar[0] in, fbar[0] added to */
static PetscErrorCode CycleBack(Net *net, PetscInt layer, Store *store, PetscBool need_f)
{
  const MgnoPlan    *plan = net->plan;
  const MgnoNetSpec *s    = &plan->spec;
  const PetscInt     cf   = layer ? s->channels : s->c_in, L = s->levels;

  PetscFunctionBegin;
  for (PetscInt l = 1; l < L; l++) {
    Zero(net, &net->ubar[l]);
    Zero(net, &net->fbar[l]);
  }
  for (PetscInt l = 0; l < L - 1; l++) {
    const PetscInt at = layer * L + l, first = plan->first_smooth[1][at];

    for (PetscInt i = Post(net, l) - 1; i >= 0; i--)
      PetscCall(SmoothBack(net, 1, first + i, l, &store->f[l], U(net, store, 1, l, i), Rs(net, store, 1, l, i), &net->ubar[l], &net->fbar[l], cf, PETSC_TRUE));
    if (s->norm != NET_NO_NORM) PetscCall(NormaliseBack(net, at, l, LevelCuts(net, l), &store->normal[l], store->inverse[l], &net->ubar[l]));
    PetscCall(UpBack(net, layer, l, store));
  }
  for (PetscInt l = L - 1; l >= 0; l--) {
    const PetscInt first = plan->first_smooth[0][layer * L + l];

    for (PetscInt i = Pre(net, l) - 1; i >= 0; i--)
      PetscCall(SmoothBack(net, 0, first + i, l, &store->f[l], U(net, store, 0, l, i), Rs(net, store, 0, l, i), &net->ubar[l], &net->fbar[l], cf, need_f || l > 0 ? PETSC_TRUE : PETSC_FALSE));
    if (l) PetscCall(DownBack(net, layer, l, store, cf, need_f));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Backward(MgnoNet n, const PetscReal *out_bar, PetscReal *in_bar)
{
  Net               *net  = n->own;
  const MgnoPlan    *plan = net->plan;
  const MgnoNetSpec *s    = &plan->spec;
  const Cuts        *cuts = LevelCuts(net, 0);
  Field             *out = &net->out, *vbar = &net->vbar;

  PetscFunctionBegin;
  PetscCheck(net->training, PETSC_COMM_SELF, PETSC_ERR_ORDER, "the network was not created for training");
  PetscCall(InOut(net, (PetscReal *)out_bar, s->c_out, out, PETSC_TRUE));
  WeightGradient(net, plan->H, single_tap, &net->v[s->layers], 1, out, 1, zeros, cuts, 0, s->channels, 1);
  Convolve(net, net->pack[plan->H].wt, single_tap, zeros, 1, PETSC_FALSE, s->c_out, out, vbar, 0, NULL, 1);
  for (PetscInt t = s->layers - 1; t >= 0; t--) {
    const PetscInt  cf    = t ? s->channels : s->c_in;
    Store          *store = StoreOf(net, t);
    Field          *ubar  = &net->ubar[0], *fbar = &net->fbar[0];
    const PetscBool need  = t > 0 || in_bar ? PETSC_TRUE : PETSC_FALSE;

    if (net->n_stores == 1 && s->layers > 1) PetscCall(Layer(net, t, store)); /* recompute */
    for (PetscInt l = 0; l < s->levels; l++) {
      View(net, cf, &net->fbar[l]);
      View(net, cf, &net->qf[l]);
    }
    View(net, cf, &net->bridge_f);
    FOR_ROWS(net, vbar, b, j, k)
    {
      NREAL *row = RowOf(ubar, b, j, k);

      memcpy(row, RowOf(vbar, b, j, k), (size_t)vbar->n[0] * (size_t)vbar->c * sizeof(NREAL));
      net->k->multiply((ptrdiff_t)vbar->n[0] * vbar->c, RowOf(&store->d, b, j, k), row);
    }
    Written(ubar);
    Zero(net, fbar);
    if (s->skip == NET_AFFINE) {
      WeightGradient(net, plan->B[t], single_tap, &net->v[t], 1, ubar, 1, zeros, cuts, 0, cf, 1);
      BiasGradient(net, plan->b[t], ubar, cuts, 1);
      if (need) Convolve(net, net->pack[plan->B[t]].wt, single_tap, zeros, 1, PETSC_FALSE, s->channels, ubar, fbar, 0, NULL, 1);
    } else if (s->skip == NET_RESIDUAL_INPUT) {
      FOR_ROWS(net, fbar, b, j, k)
      {
        for (PetscInt i = 0; i < fbar->n[0]; i++)
          for (PetscInt c = 0; c < PetscMin(cf, s->channels); c++) RowOf(fbar, b, j, k)[i * fbar->c + c] = RowOf(ubar, b, j, k)[i * ubar->c + c];
      }
    }
    PetscCall(CycleBack(net, t, store, need));
    if (t) Copy(net, fbar, vbar);
  }
  if (in_bar) PetscCall(InOut(net, in_bar, s->c_in, &net->fbar[0], PETSC_FALSE));
  PetscFunctionReturn(PETSC_SUCCESS);
}

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
