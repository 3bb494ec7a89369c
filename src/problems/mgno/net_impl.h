/* One sample through the network, forward and backward; included once per precision (net_f32.c, net_f64.c), which set NREAL, NTAG, NKERNELS and NPICK.

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
   zero; then the ring is folded back by the transpose of the boundary rule. Weight gradients are sums over points in rows of fixed length. Every value is formed in a
   fixed order, so a sample's results depend on nothing but the sample and the weights.

   Kept for backward, per layer: f_l, u_l before each step, residuals, u_l + P u_(l+1), normalised fields and sigma'(z): about 4 C n values. With `recompute` one layer's
   worth, and each layer is redone in the backward sweep. */
#include <math.h>
#include <string.h>
#include "net.h"

#include "net_fields_impl.h"

/* ---- the V-cycle forward ---- */

/* u_after = u + S (f - A u); the residual stays in r. with A < 0: u_after = S f */
static void Smooth(const Net *net, PetscInt after, PetscInt at, const Field *f, Field *u, Field *r, Field *u_after, PetscInt cf)
{
  const MgnoPlan *plan = net->plan;
  const PetscInt  C = plan->spec.channels, S = plan->S[after][at], A = plan->A[after][at], Sb = plan->Sb[after][at], Ab = plan->Ab[after][at];
  const Field    *from = f;

  if (A >= 0) {
    Convolve(net, net->pack[A].w, Three(net), ones, 1, PETSC_FALSE, C, u, r, 0, f, -1);
    if (Ab >= 0) AddBias(net->pack[Ab].w, -1, r);
    Fill(net, r);
    from = r;
  }
  Convolve(net, net->pack[S].w, Three(net), ones, 1, PETSC_FALSE, cf, from, u_after, 0, A >= 0 ? u : NULL, 1);
  if (Sb >= 0) AddBias(net->pack[Sb].w, 1, u_after);
  Fill(net, u_after);
}

/* per sample, over all points and channels of a level */
static void Normalise(const Net *net, PetscInt at, const Field *t, Field *normal, Field *out, PetscReal *inverse)
{
  const MgnoPlan *plan  = net->plan;
  const PetscInt  C     = plan->spec.channels, gamma = plan->gamma[at], beta = plan->beta[at];
  const PetscReal count = (PetscReal)t->n[0] * t->n[1] * t->n[2] * C;
  const ptrdiff_t step  = plan->spec.norm == NET_NORM_PIXEL ? 1 : 0;
  PetscReal       mean = 0, square = 0;
  ptrdiff_t       pixel = 0;

  for (PetscInt z = 0; z < t->n[2]; z++)
    for (PetscInt y = 0; y < t->n[1]; y++) {
      const NREAL *row = RowOf(t, y, z);
      PetscReal    sum = 0;

      for (PetscInt i = 0; i < t->n[0] * t->c; i++) sum += row[i]; /* padding is zero */
      mean += sum;
    }
  mean /= count;
  for (PetscInt z = 0; z < t->n[2]; z++)
    for (PetscInt y = 0; y < t->n[1]; y++) {
      const NREAL *row = RowOf(t, y, z);
      PetscReal    sum = 0;

      for (PetscInt i = 0; i < t->n[0]; i++, row += t->c)
        for (PetscInt c = 0; c < C; c++) sum += (row[c] - mean) * (row[c] - mean);
      square += sum;
    }
  *inverse = 1 / PetscSqrtReal(square / count + 1e-5);
  for (PetscInt z = 0; z < t->n[2]; z++)
    for (PetscInt y = 0; y < t->n[1]; y++) {
      const NREAL *row = RowOf(t, y, z);
      NREAL       *hat = RowOf(normal, y, z), *to = RowOf(out, y, z);

      for (PetscInt i = 0; i < t->n[0]; i++, row += t->c, hat += t->c, to += t->c, pixel++)
        for (PetscInt c = 0; c < C; c++) {
          hat[c] = (NREAL)((row[c] - mean) * *inverse);
          to[c]  = gamma < 0 ? hat[c] : net->pack[gamma].w[step * pixel * t->c + c] * hat[c] + net->pack[beta].w[step * pixel * t->c + c];
        }
    }
}

/* ubar <- backward of Normalise */
static void NormaliseBack(const Net *net, PetscInt at, const Field *normal, PetscReal inverse, Field *ubar)
{
  const MgnoPlan *plan  = net->plan;
  const PetscInt  C     = plan->spec.channels, gamma = plan->gamma[at], beta = plan->beta[at];
  const PetscReal count = (PetscReal)ubar->n[0] * ubar->n[1] * ubar->n[2] * C;
  const ptrdiff_t step  = plan->spec.norm == NET_NORM_PIXEL ? 1 : 0;
  PetscReal       mean = 0, product = 0;
  ptrdiff_t       pixel = 0;

  for (PetscInt z = 0; z < ubar->n[2]; z++)
    for (PetscInt y = 0; y < ubar->n[1]; y++) {
      NREAL       *bar = RowOf(ubar, y, z);
      const NREAL *hat = RowOf(normal, y, z);
      PetscReal    sum = 0, dot = 0;

      for (PetscInt i = 0; i < ubar->n[0]; i++, bar += ubar->c, hat += ubar->c, pixel++)
        for (PetscInt c = 0; c < C; c++) {
          const ptrdiff_t w = step * pixel * ubar->c + c;

          if (gamma >= 0) {
            net->pack[beta].g[w] += bar[c];
            net->pack[gamma].g[w] += bar[c] * hat[c];
            bar[c] *= net->pack[gamma].w[w];
          }
          sum += bar[c];
          dot += (PetscReal)bar[c] * hat[c];
        }
      mean += sum;
      product += dot;
    }
  mean /= count;
  product /= count;
  for (PetscInt z = 0; z < ubar->n[2]; z++)
    for (PetscInt y = 0; y < ubar->n[1]; y++) {
      NREAL       *bar = RowOf(ubar, y, z);
      const NREAL *hat = RowOf(normal, y, z);

      for (PetscInt i = 0; i < ubar->n[0]; i++, bar += ubar->c, hat += ubar->c)
        for (PetscInt c = 0; c < C; c++) bar[c] = (NREAL)(inverse * (bar[c] - mean - hat[c] * product));
    }
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

/* u_0 of the cycle, in a field of the store; f[0] of the store must be set and filled */
static Field *Cycle(const Net *net, PetscInt layer, Store *store)
{
  const MgnoPlan    *plan = net->plan;
  const MgnoNetSpec *s    = &plan->spec;
  const PetscInt     cf   = layer ? s->channels : s->c_in, L = s->levels;
  Field             *up   = NULL;

  for (PetscInt l = 0; l < L; l++) {
    const PetscInt at = layer * L + l, first = plan->first_smooth[0][at];

    if (l) {
      const MgnoLevel *fine = &plan->level[l - 1];
      Field           *before = U(net, store, 0, l - 1, Pre(net, l - 1)), *source = &store->f[l - 1];

      if (s->coarse == NET_RESTRICT_RESIDUAL) {
        source = &store->rr[l];
        Convolve(net, net->pack[plan->Ar[at]].w, Three(net), ones, 1, PETSC_FALSE, s->channels, before, source, 0, &store->f[l - 1], -1);
        Fill(net, source);
      }
      Convolve(net, net->pack[plan->R[at]].w, fine->kr, fine->p, 2, PETSC_FALSE, cf, source, &store->f[l], 0, NULL, 1);
      Fill(net, &store->f[l]);
      if (plan->Pi[at] < 0) Zero(U(net, store, 0, l, 0)); /* tied symmetric: the coarse problem begins at zero */
      else Convolve(net, net->pack[plan->Pi[at]].w, fine->kr, fine->p, 2, PETSC_FALSE, s->channels, before, U(net, store, 0, l, 0), 0, NULL, 1);
      Fill(net, U(net, store, 0, l, 0));
    }
    for (PetscInt i = 0; i < Pre(net, l); i++) Smooth(net, 0, first + i, &store->f[l], U(net, store, 0, l, i), Rs(net, store, 0, l, i), U(net, store, 0, l, i + 1), cf);
  }
  up = U(net, store, 0, L - 1, Pre(net, L - 1));
  for (PetscInt l = L - 2; l >= 0; l--) {
    const PetscInt   at   = layer * L + l, first = plan->first_smooth[1][at];
    const MgnoLevel *fine = &plan->level[l];
    Field           *sum  = s->norm != NET_NO_NORM ? &store->t[l] : U(net, store, 1, l, 0);
    const PetscInt   P    = plan->P[at + 1];

    if (s->zero_transposed) ClearRing(net, up); /* what the next operator reads is zero beyond the sides */
    Spread(net, s->tie == NET_TIE_NONE ? net->pack[P].w : net->pack[P].wt, fine->kp, fine->p, s->channels, up, sum, 0, U(net, store, 0, l, Pre(net, l)), 1);
    if (s->norm != NET_NO_NORM) Normalise(net, at, sum, &store->normal[l], U(net, store, 1, l, 0), &store->inverse[l]);
    up = U(net, store, 1, l, 0);
    Fill(net, up);
    for (PetscInt i = 0; i < Post(net, l); i++) {
      Smooth(net, 1, first + i, &store->f[l], up, Rs(net, store, 1, l, i), U(net, store, 1, l, i + 1), cf);
      up = U(net, store, 1, l, i + 1);
    }
  }
  return up;
}

/* Fields that carry C_f channels and are shared by the layers have another padding in the first one: views with the strides of that many channels. */
static void View(const Net *net, PetscInt channels, Field *f)
{
  const PetscInt c     = (channels + MGNO_PAD - 1) / MGNO_PAD * MGNO_PAD;
  ptrdiff_t      first = 0, stride = c;

  if (f->c == c) return;
  f->c = c;
  for (PetscInt d = 0; d < NET_DIM; d++) {
    const PetscInt ring = d < net->plan->spec.dim ? net->ring : 0;

    f->s[d] = stride;
    first += ring * stride;
    stride *= f->n[d] + 2 * ring;
  }
  f->o = f->data + first;
  memset(f->data, 0, (size_t)stride * sizeof(NREAL));
}

/* v^(t+1) = sigma(W v + B v + b) */
static void Layer(Net *net, PetscInt t, Store *store)
{
  const MgnoNetSpec *s  = &net->plan->spec;
  const PetscInt     cf = t ? s->channels : s->c_in, shared = PetscMin(cf, s->channels);
  Field             *u, *v = &net->v[t], *next = &net->v[t + 1], *z = &net->z;

  for (PetscInt l = 0; l < s->levels; l++) {
    if (l) View(net, cf, &store->f[l]);
    if (l && s->coarse == NET_RESTRICT_RESIDUAL) View(net, cf, &store->rr[l]);
    for (PetscInt after = 0; after < 2; after++)
      for (PetscInt i = 0; i < (after ? Post(net, l) : Pre(net, l)); i++) View(net, cf, Rs(net, store, after, l, i));
  }
  store->f[0] = *v; /* borrowed */
  u           = Cycle(net, t, store);
  for (PetscInt k = 0; k < z->n[2]; k++)
    for (PetscInt j = 0; j < z->n[1]; j++) {
      NREAL       *row = RowOf(z, j, k);
      const NREAL *from = RowOf(v, j, k), *cycle = RowOf(u, j, k);
      const ptrdiff_t n = (ptrdiff_t)z->n[0] * z->c;

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
      net->k->act(s->activation, n, row, RowOf(next, j, k), net->training ? RowOf(&store->d, j, k) : NULL); /* sigma(0) = 0 for all of them: the padding stays zero */
    }
  Fill(net, next);
}

static Store *StoreOf(Net *net, PetscInt layer)
{
  return &net->store[net->n_stores > 1 ? layer : 0];
}

static PetscErrorCode Forward(MgnoNet n, const PetscReal *in, PetscReal *out)
{
  Net               *net = n->own;
  const MgnoNetSpec *s   = &net->plan->spec;
  Field             *v   = &net->v[0];
  const PetscInt64   points = (PetscInt64)v->n[0] * v->n[1] * v->n[2];
  PetscInt64         pixel = 0;

  PetscFunctionBegin;
  for (PetscInt k = 0; k < v->n[2]; k++)
    for (PetscInt j = 0; j < v->n[1]; j++) {
      NREAL *row = RowOf(v, j, k);

      for (PetscInt i = 0; i < v->n[0]; i++, row += v->c, pixel++)
        for (PetscInt c = 0; c < s->c_in; c++) row[c] = (NREAL)in[c * points + pixel];
    }
  Fill(net, v);
  for (PetscInt t = 0; t < s->layers; t++) Layer(net, t, StoreOf(net, t));
  Convolve(net, net->pack[net->plan->H].w, single_tap, zeros, 1, PETSC_FALSE, s->channels, &net->v[s->layers], &net->out, 0, NULL, 1);
  pixel = 0;
  for (PetscInt k = 0; k < v->n[2]; k++)
    for (PetscInt j = 0; j < v->n[1]; j++) {
      const NREAL *row = RowOf(&net->out, j, k);

      for (PetscInt i = 0; i < v->n[0]; i++, row += net->out.c, pixel++)
        for (PetscInt c = 0; c < s->c_out; c++) out[c * points + pixel] = row[c];
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- backward ---- */

/* backward of Smooth: ubar is that of u after, and becomes that of u before; fbar is added to */
static void SmoothBack(Net *net, PetscInt after, PetscInt at, PetscInt l, const Field *f, const Field *u, const Field *r, Field *ubar, Field *fbar, PetscInt cf, PetscBool need_f)
{
  const MgnoPlan *plan = net->plan;
  const PetscInt  C = plan->spec.channels, S = plan->S[after][at], A = plan->A[after][at], Sb = plan->Sb[after][at], Ab = plan->Ab[after][at], ring = net->ghosts ? 1 : 0;
  Field          *q = &net->qf[l];

  WeightGradient(net, Three(net), A >= 0 ? r : f, 1, ubar, 1, ones, ubar->n, 0, cf, 1, net->pack[S].g);
  if (Sb >= 0) BiasGradient(ubar, 1, net->pack[Sb].g);
  if (A < 0) {
    if (!need_f) return;
    Convolve(net, net->pack[S].wt, Three(net), ones, 1, PETSC_TRUE, C, ubar, fbar, ring, fbar, 1);
    Fold(net, fbar);
    return;
  }
  Convolve(net, net->pack[S].wt, Three(net), ones, 1, PETSC_TRUE, C, ubar, q, ring, NULL, 1);
  Fold(net, q);
  AddTo(net, 1, q, fbar);
  WeightGradient(net, Three(net), u, 1, q, 1, ones, q->n, 0, C, -1, net->pack[A].g);
  if (Ab >= 0) BiasGradient(q, -1, net->pack[Ab].g);
  Convolve(net, net->pack[A].wt, Three(net), ones, 1, PETSC_TRUE, cf, q, ubar, ring, ubar, -1);
  Fold(net, ubar);
}

/* ubar[0] in, fbar[0] added to */
static void CycleBack(Net *net, PetscInt layer, Store *store, PetscBool need_f)
{
  const MgnoPlan    *plan = net->plan;
  const MgnoNetSpec *s    = &plan->spec;
  const PetscInt     cf   = layer ? s->channels : s->c_in, L = s->levels, C = s->channels, ring = net->ghosts ? 1 : 0;

  for (PetscInt l = 1; l < L; l++) {
    Zero(&net->ubar[l]);
    Zero(&net->fbar[l]);
  }
  for (PetscInt l = 0; l < L - 1; l++) {
    const PetscInt   at   = layer * L + l, first = plan->first_smooth[1][at], P = plan->P[at + 1], spread_ring = s->zero_transposed ? 0 : ring;
    const MgnoLevel *fine = &plan->level[l];
    Field           *coarse = l + 1 == L - 1 ? U(net, store, 0, L - 1, Pre(net, L - 1)) : U(net, store, 1, l + 1, Post(net, l + 1));

    for (PetscInt i = Post(net, l) - 1; i >= 0; i--)
      SmoothBack(net, 1, first + i, l, &store->f[l], U(net, store, 1, l, i), Rs(net, store, 1, l, i), &net->ubar[l], &net->fbar[l], cf, PETSC_TRUE);
    if (s->norm != NET_NO_NORM) NormaliseBack(net, at, &store->normal[l], store->inverse[l], &net->ubar[l]);
    /* P: x = the coarse field, y = ours. Tied, its kernel is that of R with the roles of the fields exchanged */
    if (s->tie == NET_TIE_NONE) {
      WeightGradient(net, fine->kp, coarse, 1, &net->ubar[l], 2, fine->p, net->ubar[l + 1].n, spread_ring, C, 1, net->pack[P].g);
      Convolve(net, net->pack[P].wt, fine->kp, fine->p, 2, PETSC_FALSE, C, &net->ubar[l], &net->ubar[l + 1], spread_ring, &net->ubar[l + 1], 1);
    } else {
      WeightGradient(net, fine->kp, &net->ubar[l], 2, coarse, 1, fine->p, net->ubar[l + 1].n, spread_ring, C, 1, net->pack[P].g);
      Convolve(net, net->pack[P].w, fine->kp, fine->p, 2, PETSC_FALSE, C, &net->ubar[l], &net->ubar[l + 1], spread_ring, &net->ubar[l + 1], 1);
    }
    Fold(net, &net->ubar[l + 1]);
  }
  for (PetscInt l = L - 1; l >= 0; l--) {
    const PetscInt at = layer * L + l, first = plan->first_smooth[0][at];

    for (PetscInt i = Pre(net, l) - 1; i >= 0; i--)
      SmoothBack(net, 0, first + i, l, &store->f[l], U(net, store, 0, l, i), Rs(net, store, 0, l, i), &net->ubar[l], &net->fbar[l], cf, need_f || l > 0 ? PETSC_TRUE : PETSC_FALSE);
    if (l) {
      const MgnoLevel *fine   = &plan->level[l - 1];
      Field           *before = U(net, store, 0, l - 1, Pre(net, l - 1)), *source = s->coarse == NET_RESTRICT_RESIDUAL ? &store->rr[l] : &store->f[l - 1];

      if (plan->Pi[at] >= 0) {
        WeightGradient(net, fine->kr, before, 2, &net->ubar[l], 1, fine->p, net->ubar[l].n, 0, C, 1, net->pack[plan->Pi[at]].g);
        Spread(net, net->pack[plan->Pi[at]].wt, fine->kr, fine->p, C, &net->ubar[l], &net->ubar[l - 1], ring, &net->ubar[l - 1], 1);
        Fold(net, &net->ubar[l - 1]);
      }
      WeightGradient(net, fine->kr, source, 2, &net->fbar[l], 1, fine->p, net->fbar[l].n, 0, cf, 1, net->pack[plan->R[at]].g);
      if (s->coarse == NET_RESTRICT_RESIDUAL) {
        Field *q = &net->qf[l - 1];

        Spread(net, net->pack[plan->R[at]].wt, fine->kr, fine->p, cf, &net->fbar[l], q, ring, NULL, 1);
        Fold(net, q);
        AddTo(net, 1, q, &net->fbar[l - 1]);
        WeightGradient(net, Three(net), before, 1, q, 1, ones, q->n, 0, C, -1, net->pack[plan->Ar[at]].g);
        Convolve(net, net->pack[plan->Ar[at]].wt, Three(net), ones, 1, PETSC_TRUE, cf, q, &net->ubar[l - 1], ring, &net->ubar[l - 1], -1);
        Fold(net, &net->ubar[l - 1]);
      } else if (need_f || l > 1) {
        Spread(net, net->pack[plan->R[at]].wt, fine->kr, fine->p, cf, &net->fbar[l], &net->fbar[l - 1], ring, &net->fbar[l - 1], 1);
        Fold(net, &net->fbar[l - 1]);
      }
    }
  }
}

static PetscErrorCode Backward(MgnoNet n, const PetscReal *out_bar, PetscReal *in_bar)
{
  Net               *net = n->own;
  const MgnoPlan    *plan = net->plan;
  const MgnoNetSpec *s    = &plan->spec;
  Field             *out = &net->out, *vbar = &net->vbar;
  const PetscInt64   points = (PetscInt64)out->n[0] * out->n[1] * out->n[2];
  PetscInt64         pixel = 0;

  PetscFunctionBegin;
  PetscCheck(net->training, PETSC_COMM_SELF, PETSC_ERR_ORDER, "the network was not created for training");
  for (PetscInt k = 0; k < out->n[2]; k++)
    for (PetscInt j = 0; j < out->n[1]; j++) {
      NREAL *row = RowOf(out, j, k);

      for (PetscInt i = 0; i < out->n[0]; i++, row += out->c, pixel++)
        for (PetscInt c = 0; c < s->c_out; c++) row[c] = (NREAL)out_bar[c * points + pixel];
    }
  WeightGradient(net, single_tap, &net->v[s->layers], 1, out, 1, zeros, out->n, 0, s->channels, 1, net->pack[plan->H].g);
  Convolve(net, net->pack[plan->H].wt, single_tap, zeros, 1, PETSC_FALSE, s->c_out, out, vbar, 0, NULL, 1);
  for (PetscInt t = s->layers - 1; t >= 0; t--) {
    const PetscInt cf     = t ? s->channels : s->c_in;
    Store         *store  = StoreOf(net, t);
    Field         *ubar   = &net->ubar[0], *fbar = &net->fbar[0];
    const PetscBool need  = t > 0 || in_bar ? PETSC_TRUE : PETSC_FALSE;

    if (net->n_stores == 1 && s->layers > 1) Layer(net, t, store); /* recompute */
    for (PetscInt l = 0; l < s->levels; l++) {
      View(net, cf, &net->fbar[l]);
      View(net, cf, &net->qf[l]);
    }
    for (PetscInt k = 0; k < vbar->n[2]; k++)
      for (PetscInt j = 0; j < vbar->n[1]; j++) {
        NREAL *row = RowOf(ubar, j, k);

        memcpy(row, RowOf(vbar, j, k), (size_t)vbar->n[0] * (size_t)vbar->c * sizeof(NREAL));
        net->k->multiply((ptrdiff_t)vbar->n[0] * vbar->c, RowOf(&store->d, j, k), row);
      }
    Zero(fbar);
    if (s->skip == NET_AFFINE) {
      WeightGradient(net, single_tap, &net->v[t], 1, ubar, 1, zeros, ubar->n, 0, cf, 1, net->pack[plan->B[t]].g);
      BiasGradient(ubar, 1, net->pack[plan->b[t]].g);
      if (need) Convolve(net, net->pack[plan->B[t]].wt, single_tap, zeros, 1, PETSC_FALSE, s->channels, ubar, fbar, 0, NULL, 1);
    } else if (s->skip == NET_RESIDUAL_INPUT) {
      for (PetscInt k = 0; k < fbar->n[2]; k++)
        for (PetscInt j = 0; j < fbar->n[1]; j++)
          for (PetscInt i = 0; i < fbar->n[0]; i++)
            for (PetscInt c = 0; c < PetscMin(cf, s->channels); c++) RowOf(fbar, j, k)[i * fbar->c + c] = RowOf(ubar, j, k)[i * ubar->c + c];
    }
    CycleBack(net, t, store, need);
    if (t) Copy(fbar, vbar);
  }
  if (in_bar) {
    const Field *f = &net->fbar[0];

    pixel = 0;
    for (PetscInt k = 0; k < f->n[2]; k++)
      for (PetscInt j = 0; j < f->n[1]; j++) {
        const NREAL *row = RowOf(f, j, k);

        for (PetscInt i = 0; i < f->n[0]; i++, row += f->c, pixel++)
          for (PetscInt c = 0; c < s->c_in; c++) in_bar[c * points + pixel] = row[c];
      }
  }
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
  const MgnoPlan    *plan = net->plan;
  const MgnoNetSpec *s    = &plan->spec;

  PetscFunctionBegin;
  for (PetscInt l = 0; l < s->levels; l++) {
    const PetscInt *n = plan->level[l].n;

    if (l) PetscCall(FieldCreate(net, n, cf, &store->f[l]));
    if (l && s->coarse == NET_RESTRICT_RESIDUAL) PetscCall(FieldCreate(net, plan->level[l - 1].n, cf, &store->rr[l]));
    if (l + 1 < s->levels && s->norm != NET_NO_NORM) PetscCall(FieldCreate(net, n, s->channels, &store->t[l]));
    if (l + 1 < s->levels && s->norm != NET_NO_NORM) PetscCall(FieldCreate(net, n, s->channels, &store->normal[l]));
  }
  for (PetscInt after = 0; after < 2; after++) {
    PetscCall(PetscCalloc2(net->steps[after][s->levels] + 1, &store->u[after], net->steps[after][s->levels] + 1, &store->r[after]));
    for (PetscInt l = 0; l < s->levels; l++) {
      const PetscInt steps = after ? Post(net, l) : Pre(net, l);

      for (PetscInt i = 0; i <= steps; i++) PetscCall(FieldCreate(net, plan->level[l].n, s->channels, U(net, store, after, l, i)));
      for (PetscInt i = 0; i < steps; i++) PetscCall(FieldCreate(net, plan->level[l].n, cf, Rs(net, store, after, l, i)));
    }
  }
  if (net->training) PetscCall(FieldCreate(net, plan->level[0].n, s->channels, &store->d));
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
  }
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
  PetscCall(PetscCalloc1(n->n_packed, (NREAL **)&n->gradient));
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
        net->pack[i].g  = (NREAL *)n->gradient + n->offset[i];
      }
      total += w + wt;
    }
  }
  net->bytes += (PetscReal)(total + n->n_packed) * sizeof(NREAL);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Create(MgnoNet n, PetscBool training, PetscBool recompute)
{
  const MgnoPlan    *plan = n->plan;
  const MgnoNetSpec *s    = &plan->spec;
  const PetscInt    *fine = plan->level[0].n;
  Net               *net;

  PetscFunctionBegin;
  PetscCall(PetscNew(&net));
  n->own         = net;
  net->plan      = plan;
  net->k         = NPICK();
  net->training  = training;
  net->recompute = recompute;
  for (PetscInt d = 0; d < s->dim; d++) {
    if (s->side[d][0] != NET_ZERO || s->side[d][1] != NET_ZERO) net->ghosts = PETSC_TRUE;
  }
  net->ring = net->ghosts ? 3 : 1; /* adjoints on the ring read two points further */
  for (PetscInt after = 0; after < 2; after++)
    for (PetscInt l = 0; l < s->levels; l++) net->steps[after][l + 1] = net->steps[after][l] + (after ? Post(net, l) : Pre(net, l)) + 1;
  net->n_stores = training && !recompute ? s->layers : 1;
  PetscCall(PetscCalloc1(s->layers, &net->store));
  for (PetscInt t = 0; t < net->n_stores; t++) PetscCall(StoreCreate(net, net->n_stores == 1 ? PetscMax(s->channels, s->c_in) : t ? s->channels : s->c_in, &net->store[t]));
  PetscCall(PetscCalloc1(s->layers + 1, &net->v));
  for (PetscInt t = 0; t <= s->layers; t++) PetscCall(FieldCreate(net, fine, t ? s->channels : s->c_in, &net->v[t]));
  PetscCall(FieldCreate(net, fine, s->channels, &net->z));
  PetscCall(FieldCreate(net, fine, s->c_out, &net->out));
  if (training) {
    PetscCall(FieldCreate(net, fine, s->channels, &net->vbar));
    for (PetscInt l = 0; l < s->levels; l++) {
      PetscCall(FieldCreate(net, plan->level[l].n, s->channels, &net->ubar[l]));
      PetscCall(FieldCreate(net, plan->level[l].n, PetscMax(s->channels, s->c_in), &net->fbar[l]));
      PetscCall(FieldCreate(net, plan->level[l].n, PetscMax(s->channels, s->c_in), &net->qf[l]));
    }
  }
  PetscCall(PackCreate(n, net));
  n->bytes = net->bytes;
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
  PetscCall(PetscFree(net->pack));
  PetscCall(PetscFree(net->weights));
  PetscCall(PetscFree(n->gradient));
  PetscCall(PetscFree(n->own));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const MgnoNetOps NTAG(mgno_net) = {Create, Destroy, Weights, Forward, Backward};
