/* e(a) = sum_b L_ab p(b) / p(a) from the differences of ln p that povm_local.c gives.

   Ratios are formed as exp(ln p(b) - ln p(a)); nothing is clipped. With strings p(b)/p(a) = sum_k share_k exp(ln p_k(b) - ln p_k(a)), share_k = p_k(a) / sum_j p_j(a). Values are kept per site [4], per pair
   [16] and per triple [64] by the outcomes b_S, so that every generator is one scalar product with a row of its matrix. */
#include <math.h>
#include "povm_flow.h"

PetscErrorCode LbLocalCreate(LbNet *net, const LbOutcomes *o, const LbStrings *strings, LbLocal *local)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(local, sizeof *local));
  local->net       = net;
  local->outcomes  = o;
  local->strings   = strings;
  local->at_pair   = 4 * o->n_sites;
  local->at_triple = local->at_pair + 16 * o->n_pairs;
  local->n_values  = (local->at_triple + 64 * o->n_triples + 7) / 8 * 8;
  PetscCall(PetscCalloc1(strings->count, &local->reach));
  for (int k = 0; k < strings->count; k++) PetscCall(LbReachCreate(o, strings->site + k * o->n_sites, &local->reach[k]));
  PetscCall(LbRatiosCreate(net, &local->reach[0], &local->ratios));
  PetscCall(PetscCalloc4(local->n_values, &local->difference, local->n_values, &local->ratio, o->n_sites, &local->x, strings->count, &local->share));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbLocalDestroy(LbLocal *local)
{
  PetscFunctionBegin;
  for (int k = 0; local->reach && k < local->strings->count; k++) PetscCall(LbReachDestroy(&local->reach[k]));
  PetscCall(PetscFree(local->reach));
  PetscCall(LbRatiosDestroy(&local->ratios));
  PetscCall(PetscFree4(local->difference, local->ratio, local->x, local->share));
  PetscCall(PetscMemzero(local, sizeof *local));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* differences by site, pair and triple, from those by lane */
static void Spread(const LbLocal *local, const LbReach *r, const uint8_t *x)
{
  double *d = local->difference;

  for (int p = 0; p < r->n; p++) {
    d[4 * r->site[p] + x[p]] = 0;
    for (int k = 0; k < 3; k++) d[4 * r->site[p] + ((x[p] + 1 + k) & 3)] = local->ratios.single[3 * p + k];
  }
  for (int q = 0; q < r->n_pairs; q++) {
    const int     low = r->low[q], high = r->high[q], sl = r->flipped[q] ? 4 : 1, sh = r->flipped[q] ? 1 : 4;
    double       *to = d + local->at_pair + 16 * r->pair[q];
    const double *l = d + 4 * r->site[low], *h = d + 4 * r->site[high];

    for (int b = 0; b < 4; b++) {
      to[sl * b + sh * x[high]] = l[b];
      to[sl * x[low] + sh * b]  = h[b];
    }
    for (int k = 0; k < 9; k++) to[sl * ((x[low] + 1 + k / 3) & 3) + sh * ((x[high] + 1 + k % 3) & 3)] = local->ratios.pair[9 * q + k];
  }
  for (int q = 0; q < r->n_triples; q++) {
    const int at[3]     = {r->t_low[q], r->t_mid[q], r->t_high[q]};
    double   *to        = d + local->at_triple + 64 * r->triple[q];
    int       stride[3], pair[3] = {-1, -1, -1}; /* (low, mid), (low, high), (mid, high) in this string's list */

    for (int s = 0; s < 3; s++) stride[s] = 1 << (2 * r->t_digit[q][s]);
    for (int k = 0; k < r->n_pairs; k++) {
      if (r->low[k] == at[0] && r->high[k] == at[1]) pair[0] = k;
      if (r->low[k] == at[0] && r->high[k] == at[2]) pair[1] = k;
      if (r->low[k] == at[1] && r->high[k] == at[2]) pair[2] = k;
    }
    for (int code = 0; code < 64; code++) {
      const int alt[3] = {code & 3, code >> 2 & 3, code >> 4}; /* 0: unchanged, 1 + alt else */
      const int changed = (alt[0] != 0) + (alt[1] != 0) + (alt[2] != 0);
      int       index   = 0;
      double    value   = 0;

      for (int s = 0; s < 3; s++) index += stride[s] * ((x[at[s]] + alt[s]) & 3);
      if (changed == 1) {
        for (int s = 0; s < 3; s++)
          if (alt[s]) value = local->ratios.single[3 * at[s] + alt[s] - 1];
      } else if (changed == 2) {
        const int which = !alt[2] ? 0 : !alt[1] ? 1 : 2, first = which == 2 ? alt[1] : alt[0], second = which == 0 ? alt[1] : alt[2];

        value = local->ratios.pair[9 * pair[which] + 3 * (first - 1) + second - 1];
      } else if (changed == 3) value = local->ratios.triple[27 * q + 9 * (alt[0] - 1) + 3 * (alt[1] - 1) + alt[2] - 1];
      to[index] = value;
    }
  }
}

PetscErrorCode LbLocalAt(LbLocal *local, const uint8_t *a, double *lnp, double *e, double *largest)
{
  const LbOutcomes *o = local->outcomes;
  const int         n = local->n_values, count = local->strings->count;

  PetscFunctionBegin;
  *largest = 0;
  *e       = 0;
  if (count > 1) PetscCall(LbStringsLogProbability(local->strings, local->net, 1, a, lnp, local->share));
  for (int k = 0; k < count; k++) {
    double own;

    LbStringsPermute(local->strings, k, 1, a, local->x);
    PetscCall(LbRatiosAt(local->net, &local->reach[k], local->x, &local->ratios, &own));
    Spread(local, &local->reach[k], local->x);
    for (int v = 0; v < n; v++) *largest = PetscMax(*largest, local->difference[v]);
    if (count == 1) {
      *lnp = own;
      local->net->kernel->exponential(n, local->difference, local->ratio);
    } else {
      local->net->kernel->exponential(n, local->difference, local->difference);
      for (int v = 0; v < n; v++) local->ratio[v] = (k ? local->ratio[v] : 0) + local->share[k] * local->difference[v];
    }
  }
  for (int u = 0, triple = 0; u < o->n_supports; u++) {
    const LbSupport *s   = &o->support[u];
    const int        n4  = 1 << (2 * s->k);
    const double    *r   = local->ratio + (s->k == 1 ? 4 * s->site[0] : s->k == 2 ? local->at_pair + 16 * s->pair[0] : local->at_triple + 64 * triple++), *c;
    int              row = 0;
    double           sum = 0;

    for (int q = 0; q < s->k; q++) row += a[s->site[q]] << (2 * q);
    c = s->c + (size_t)row * (size_t)n4;
    for (int b = 0; b < n4; b++) sum += c[b] * r[b];
    *e += sum;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
