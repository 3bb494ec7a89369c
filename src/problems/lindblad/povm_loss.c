/* Losses of the network for the steady state and for one step of the trapezoid rule (Luo et al., Phys. Rev. Lett. 128, 090501), with F(a) = p(a) R(a):

     steady  F = L p,   step  F = (1 - (tau/2) L(t + tau)) p - (1 + (tau/2) L(t)) p_old

     l1  sum_a |F(a)|        = E|R|    gradient  E[ sign(R) sum_b c_ab O(b) ]
     l2  sum_a F(a)^2 / p(a) = E R^2   gradient  E[ 2 R sum_b c_ab O(b) - R^2 O(a) ]

   with O = d ln p / d theta and dF(a) / p(a) = sum_b c_ab O(b): c_ab = L_ab p(b) / p(a), or delta_ab - (tau/2) L_ab p(b) / p(a). A sample is connected with about 12 N + 1 configurations, and the samples of
   a block share many of them: their coefficients are summed by configuration first, then each distinct one is put through the adjoint of the network once (one folded layer: of its tables, and from there to the parameters once per block). Blocks of 64 samples are the leaves of a fixed
   tree, so the bits do not depend on the ranks.

   Gauss-Newton for a time step: samples from p_old, J_ak = sum_b (delta_ab - (tau/2) L_ab) p(b) / p_old(a) O_k(b), d = -(J^T w J + lambda)^-1 J^T w R, by the linear solver of the flow. It needs a row of
   derivatives for every sample, each a sum over its connected configurations. */
#include <math.h>
#include <string.h>
#include "povm_loss.h"

/* ---- distinct configurations ---- */

static PetscErrorCode Clear(LbGathered *g)
{
  PetscFunctionBegin;
  g->count = 0;
  for (int k = 0; k < g->slots; k++) g->slot[k] = -1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static unsigned Hash(int n, const uint8_t *a)
{
  uint64_t h = 1469598103934665603u;

  for (int i = 0; i < n; i++) h = (h ^ a[i]) * 1099511628211u;
  return (unsigned)(h ^ h >> 29);
}

static void Put(LbGathered *g, int k)
{
  unsigned at = Hash(g->n, g->a + (size_t)k * (size_t)g->n) & (unsigned)(g->slots - 1);

  while (g->slot[at] >= 0) at = (at + 1) & (unsigned)(g->slots - 1);
  g->slot[at] = k;
}

/* twice the room; slots a power of two, at least twice the room */
static PetscErrorCode Grow(LbGathered *g)
{
  const int room = PetscMax(256, 2 * g->room);
  uint8_t  *a;
  double   *c;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)room * (size_t)g->n, &a, room, &c));
  if (g->count) {
    PetscCall(PetscArraycpy(a, g->a, (size_t)g->count * (size_t)g->n));
    PetscCall(PetscArraycpy(c, g->coefficient, g->count));
  }
  PetscCall(PetscFree2(g->a, g->coefficient));
  PetscCall(PetscFree(g->slot));
  g->a           = a;
  g->coefficient = c;
  g->room        = room;
  g->slots       = 2 * room;
  PetscCall(PetscMalloc1(g->slots, &g->slot));
  for (int k = 0; k < g->slots; k++) g->slot[k] = -1;
  for (int k = 0; k < g->count; k++) Put(g, k);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbGatheredAdd(LbGathered *g, const uint8_t *a, double c)
{
  unsigned at;

  PetscFunctionBegin;
  if (c == 0) PetscFunctionReturn(PETSC_SUCCESS);
  if (g->count == g->room) PetscCall(Grow(g));
  for (at = Hash(g->n, a) & (unsigned)(g->slots - 1); g->slot[at] >= 0; at = (at + 1) & (unsigned)(g->slots - 1)) {
    if (memcmp(g->a + (size_t)g->slot[at] * (size_t)g->n, a, (size_t)g->n)) continue;
    g->coefficient[g->slot[at]] += c;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(PetscArraycpy(g->a + (size_t)g->count * (size_t)g->n, a, g->n));
  g->coefficient[g->count] = c;
  g->slot[at]              = g->count++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* sum [P] += sum_b c_b O(b); with strings O is the mean of their derivatives, weighted with their shares of p(b) */
static PetscErrorCode Derive(LbFlow *flow, const LbGathered *g, double *sum)
{
  LbNet           *net = flow->net;
  const LbStrings *strings = flow->strings;
  const int        n = net->n, k = strings->count;
  double          *lnp, *share, *weight;
  uint8_t         *x;

  PetscFunctionBegin;
  PetscCall(PetscMalloc4((size_t)g->count * (size_t)n + 1, &x, g->count + 1, &lnp, (size_t)g->count * (size_t)k + 1, &share, g->count + 1, &weight));
  if (k > 1) PetscCall(LbStringsLogProbability(strings, net, g->count, g->a, lnp, share));
  for (int s = 0; s < k; s++) {
    for (int c = 0; c < g->count; c++) weight[c] = g->coefficient[c] * (k > 1 ? share[(size_t)c * (size_t)k + (size_t)s] : 1);
    LbStringsPermute(strings, s, g->count, g->a, x);
    PetscCall(LbNetGradientSum(net, g->count, x, weight, sum));
  }
  PetscCall(PetscFree4(x, lnp, share, weight));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbLossCollect(const LbLocal *local, const uint8_t *a, double own, double factor, double *v, LbGathered *g)
{
  const LbOutcomes *o = local->outcomes;
  const int         n = o->n_sites;
  uint8_t          *b;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(n, &b));
  PetscCall(PetscArraycpy(b, a, n));
  PetscCall(PetscArrayzero(v, local->n_values));
  for (int u = 0, triple = 0; u < o->n_supports; u++) {
    const LbSupport *s   = &o->support[u];
    const int        n4  = 1 << (2 * s->k), at = s->k == 1 ? 4 * s->site[0] : s->k == 2 ? local->at_pair + 16 * s->pair[0] : local->at_triple + 64 * triple++;
    int              row = 0;
    const double    *c;

    for (int q = 0; q < s->k; q++) row += a[s->site[q]] << (2 * q);
    c = s->c + (size_t)row * (size_t)n4;
    for (int k = 0; k < n4; k++) v[at + k] += factor * c[k] * local->ratio[at + k];
  }
  /* what changes fewer sites than its support belongs to the smaller one */
  for (int u = 0, triple = 0; u < o->n_supports; u++) {
    const LbSupport *s = &o->support[u];
    double          *t;

    if (s->k != 3) continue;
    t = v + local->at_triple + 64 * triple++;
    for (int code = 0; code < 64; code++) {
      const int d[3] = {code & 3, code >> 2 & 3, code >> 4};
      PetscBool changed[3];
      int       count = 0;

      for (int q = 0; q < 3; q++) count += changed[q] = d[q] != a[s->site[q]] ? PETSC_TRUE : PETSC_FALSE;
      if (count == 3) {
        for (int q = 0; q < 3; q++) b[s->site[q]] = (uint8_t)d[q];
        PetscCall(LbGatheredAdd(g, b, t[code]));
        for (int q = 0; q < 3; q++) b[s->site[q]] = a[s->site[q]];
      } else if (!changed[2]) v[local->at_pair + 16 * s->pair[0] + d[0] + 4 * d[1]] += t[code];
      else if (!changed[1]) v[local->at_pair + 16 * s->pair[1] + d[0] + 4 * d[2]] += t[code];
      else v[local->at_pair + 16 * s->pair[2] + d[1] + 4 * d[2]] += t[code];
    }
  }
  for (int q = 0; q < o->n_pairs; q++) {
    const int     i = o->pair[q][0], j = o->pair[q][1];
    const double *t = v + local->at_pair + 16 * q;

    for (int code = 0; code < 16; code++) {
      const int x = code & 3, y = code >> 2;

      if (x != a[i] && y != a[j]) {
        b[i] = (uint8_t)x;
        b[j] = (uint8_t)y;
        PetscCall(LbGatheredAdd(g, b, t[code]));
        b[i] = a[i];
        b[j] = a[j];
      } else if (x != a[i]) v[4 * i + x] += t[code];
      else v[4 * j + y] += t[code];
    }
  }
  for (int i = 0; i < n; i++)
    for (int x = 0; x < 4; x++) {
      if (x == a[i]) {
        own += v[4 * i + x];
        continue;
      }
      b[i] = (uint8_t)x;
      PetscCall(LbGatheredAdd(g, b, v[4 * i + x]));
      b[i] = a[i];
    }
  PetscCall(LbGatheredAdd(g, a, own));
  PetscCall(PetscFree(b));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- losses ---- */

PetscErrorCode LbLossCreate(LbFlow *flow, LbNet *old, int kind, LbLoss *loss)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(loss, sizeof *loss));
  loss->flow = flow;
  loss->kind = kind;
  loss->old  = old;
  if (old) PetscCall(LbLocalCreate(old, flow->outcomes, flow->strings, &loss->before));
  loss->gathered.n = flow->net->n;
  PetscCall(Grow(&loss->gathered));
  PetscCall(PetscMalloc1(flow->local.n_values, &loss->value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbLossDestroy(LbLoss *loss)
{
  PetscFunctionBegin;
  if (loss->old) PetscCall(LbLocalDestroy(&loss->before));
  PetscCall(PetscFree2(loss->gathered.a, loss->gathered.coefficient));
  PetscCall(PetscFree(loss->gathered.slot));
  PetscCall(PetscFree(loss->value));
  PetscCall(PetscFree2(loss->old_lnp, loss->old_e));
  PetscCall(PetscMemzero(loss, sizeof *loss));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ln p_old and e_old of this rank's samples, with the generators of time t */
static PetscErrorCode Before(LbLoss *loss, PetscReal t)
{
  LbFlow *flow = loss->flow;

  PetscFunctionBegin;
  PetscCheck(loss->old, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "a time step needs the network of its beginning");
  if (loss->room < (size_t)flow->part.n_local) {
    PetscCall(PetscFree2(loss->old_lnp, loss->old_e));
    loss->room = (size_t)flow->part.n_local;
    PetscCall(PetscMalloc2(loss->room, &loss->old_lnp, loss->room, &loss->old_e));
  }
  PetscCall(LbOutcomesAt(flow->outcomes, flow->model, t));
  for (PetscInt64 s = 0; s < flow->part.n_local; s++) {
    double largest;

    PetscCall(LbLocalAt(&loss->before, flow->samples.a + (size_t)(flow->part.first + s) * (size_t)flow->net->n, &loss->old_lnp[s], &loss->old_e[s], &largest));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* what the leaves of both routes begin with: sums of w |R| or w R^2, of its square, of w, w R, w R^2 */
enum { VALUE, SQUARE, WEIGHT, MEAN, SECOND, HEAD };

static PetscErrorCode Conclude(LbLoss *loss, const double *sum, double worst[2], LbLossInfo *info)
{
  LbFlow *flow = loss->flow;

  PetscFunctionBegin;
  for (int k = 0; k < 2; k++) PetscCall(TesMaxAll(flow->comm, worst[k], &worst[k]));
  info->value    = sum[VALUE] / sum[WEIGHT];
  info->error    = flow->exact ? 0 : PetscSqrtReal(PetscMax(0, sum[SQUARE] / sum[WEIGHT] - info->value * info->value) / flow->total);
  info->mean     = sum[MEAN] / sum[WEIGHT];
  info->mean_error = flow->exact ? 0 : PetscSqrtReal(PetscMax(0, sum[SECOND] / sum[WEIGHT] - info->mean * info->mean) / flow->total);
  info->largest  = worst[0];
  info->exponent = worst[1];
  info->distinct = flow->samples.count;
  info->finite   = worst[0] < PETSC_MAX_REAL && isfinite(info->value) && !LbFlowCollapsed(flow) ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbLossAt(LbLoss *loss, PetscReal t, PetscReal tau, PetscInt64 number, double *gradient, LbLossInfo *info)
{
  LbFlow   *flow = loss->flow;
  const int p = flow->net->n_parameters, width = HEAD + (gradient ? p : 0);
  double   *leaf, *sum, worst[2] = {0, 0};
  TesTree   tree;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(info, sizeof *info));
  PetscCall(LbFlowSample(flow, number));
  flow->evaluations++;
  if (tau > 0) PetscCall(Before(loss, t));
  PetscCall(LbOutcomesAt(flow->outcomes, flow->model, t + tau));
  PetscCall(PetscMalloc1(width, &sum));
  PetscCall(TesTreeCreate(flow->comm, &flow->part, width, NULL, NULL, &tree));
  for (PetscInt64 first = 0; first < flow->part.n_local; first += LB_GRADIENT_BLOCK) {
    PetscCall(TesTreeLeaf(tree, &leaf));
    PetscCall(Clear(&loss->gathered));
    for (PetscInt64 s = first; s < PetscMin(first + LB_GRADIENT_BLOCK, flow->part.n_local); s++) {
      const PetscInt64 at = flow->part.first + s;
      const uint8_t   *a  = flow->samples.a + (size_t)at * (size_t)flow->net->n;
      const double     w  = flow->samples.weight[at];
      double           lnp, e, exponent, r, own, value;

      PetscCall(LbLocalAt(&flow->local, a, &lnp, &e, &exponent));
      r        = tau > 0 ? 1 - tau / 2 * e - exp(loss->old_lnp[s] - lnp) * (1 + tau / 2 * loss->old_e[s]) : e;
      worst[0] = isfinite(r) ? PetscMax(worst[0], PetscAbsReal(r)) : PETSC_MAX_REAL;
      worst[1] = PetscMax(worst[1], exponent);
      value    = loss->kind == LB_LOSS_L1 ? PetscAbsReal(r) : r * r;
      leaf[VALUE] += w * value;
      leaf[SQUARE] += w * value * value;
      leaf[WEIGHT] += w;
      leaf[MEAN] += w * r;
      leaf[SECOND] += w * r * r;
      if (!gradient) continue;
      own = loss->kind == LB_LOSS_L1 ? w * ((r > 0) - (r < 0)) : 2 * w * r; /* weight of dF(a) / p(a) */
      PetscCall(LbLossCollect(&flow->local, a, (tau > 0 ? own : 0) - (loss->kind == LB_LOSS_L2 ? w * r * r : 0), tau > 0 ? -tau / 2 * own : own, loss->value, &loss->gathered));
    }
    if (gradient) PetscCall(Derive(flow, &loss->gathered, leaf + HEAD));
    PetscCall(TesTreePush(tree));
  }
  PetscCall(TesTreeFinish(tree, sum));
  PetscCall(TesTreeDestroy(&tree));
  PetscCall(Conclude(loss, sum, worst, info));
  for (int k = 0; gradient && k < p; k++) {
    gradient[k] = sum[HEAD + k] / sum[WEIGHT];
    if (!isfinite(gradient[k])) info->finite = PETSC_FALSE;
  }
  PetscCall(PetscFree(sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbLossGaussNewton(LbLoss *loss, PetscReal t, PetscReal tau, PetscInt64 number, PetscReal reg, LbLossInfo *info)
{
  LbFlow   *flow = loss->flow;
  LbNet    *net = flow->net;
  const int p = net->n_parameters, width = PetscMax(HEAD, p);
  double   *leaf, *sum, *y, worst[2] = {0, 0};
  TesTree   tree;
  int       retries;
  PetscReal lambda;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(info, sizeof *info));
  flow->net = loss->old; /* the samples of p_old */
  PetscCall(LbFlowSample(flow, number));
  flow->net = net;
  flow->evaluations++;
  PetscCall(LbFlowRoom(flow));
  PetscCall(Before(loss, t));
  PetscCall(LbOutcomesAt(flow->outcomes, flow->model, t + tau));
  PetscCall(PetscMalloc2(width, &sum, PetscMax(p, flow->samples.count), &y));
  PetscCall(TesTreeCreate(flow->comm, &flow->part, HEAD, NULL, NULL, &tree));
  for (PetscInt64 first = 0; first < flow->part.n_local; first += LB_GRADIENT_BLOCK) {
    PetscCall(TesTreeLeaf(tree, &leaf));
    for (PetscInt64 s = first; s < PetscMin(first + LB_GRADIENT_BLOCK, flow->part.n_local); s++) {
      const PetscInt64 at = flow->part.first + s;
      const uint8_t   *a  = flow->samples.a + (size_t)at * (size_t)net->n;
      const double     w = flow->samples.weight[at], root = sqrt(w);
      double           lnp, e, exponent, ratio, r, *row = flow->x + (size_t)at * (size_t)p;

      PetscCall(LbLocalAt(&flow->local, a, &lnp, &e, &exponent));
      ratio    = exp(lnp - loss->old_lnp[s]);
      r        = ratio * (1 - tau / 2 * e) - 1 - tau / 2 * loss->old_e[s];
      worst[0] = isfinite(r) ? PetscMax(worst[0], PetscAbsReal(r)) : PETSC_MAX_REAL;
      worst[1] = PetscMax(worst[1], exponent);
      leaf[VALUE] += w * r * r;
      leaf[SQUARE] += w * r * r * r * r;
      leaf[WEIGHT] += w;
      leaf[MEAN] += w * r;
      leaf[SECOND] += w * r * r;
      flow->f[at] = -root * r;
      PetscCall(Clear(&loss->gathered));
      PetscCall(LbLossCollect(&flow->local, a, root * ratio, -tau / 2 * root * ratio, loss->value, &loss->gathered));
      PetscCall(PetscArrayzero(row, p));
      PetscCall(Derive(flow, &loss->gathered, row));
    }
    PetscCall(TesTreePush(tree));
  }
  PetscCall(TesTreeFinish(tree, sum));
  PetscCall(TesTreeDestroy(&tree));
  PetscCall(Conclude(loss, sum, worst, info));
  if (info->finite) {
    PetscCall(LbFlowGather(flow));
    PetscCall(LbGramSolve(flow->comm, flow->samples.count, p, flow->x, flow->f, reg, y, &retries, &lambda));
    PetscCall(LbFlowDirection(flow, y, sum));
    for (int k = 0; k < p; k++) {
      if (!isfinite(sum[k])) info->finite = PETSC_FALSE;
      net->theta[k] += sum[k];
    }
    PetscCall(LbNetPrepare(net));
  }
  PetscCall(PetscFree2(sum, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
