/* ln p of all configurations that L connects with a sample (LbReach), position by position.

   At position p each connected configuration whose last change lies before p has conditionals of its own; one whose change is still to come shares those of the configuration that has made the earlier
   changes only. So   ln p(b) - ln p(a) = sum over positions of differences of log-conditionals, with at most N + 3 sum_s (N-1-s) + 9 sum_pairs (N-1-high) rows per sample. The rows come from the tables of
   one folded layer by rank-one changes, or from a stream whose lanes fork where a change is made. */
#include "povm_net.h"

static int Lanes(const LbReach *r, int p)
{
  return 1 + 3 * p + 9 * r->pairs_before[p] + 27 * r->triples_before[p];
}

PetscErrorCode LbRatiosCreate(LbNet *net, const LbReach *r, LbRatios *x)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(x, sizeof *x));
  x->ld = LB_ROWS(r->n_lanes);
  PetscCall(PetscCalloc4(4 * x->ld, &x->rows, 3 * r->n, &x->single, 9 * r->n_pairs + 1, &x->pair, 27 * r->n_triples + 1, &x->triple));
  if (net->fast) PetscCall(PetscCalloc1(LbTablesWork(&net->table, r->n_lanes), &x->work));
  else {
    PetscCall(LbStreamCreate(net, r->n_lanes, &x->stream));
    PetscCall(PetscCalloc2(x->ld, &x->from, x->ld, &x->token));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbRatiosDestroy(LbRatios *x)
{
  PetscFunctionBegin;
  PetscCall(PetscFree4(x->rows, x->single, x->pair, x->triple));
  PetscCall(PetscFree(x->work));
  PetscCall(LbStreamDestroy(&x->stream));
  PetscCall(PetscFree2(x->from, x->token));
  PetscCall(PetscMemzero(x, sizeof *x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* which lane of position p - 1 each lane of position p continues, and with what */
static void Fork(const LbReach *r, int p, const uint8_t *a, int *from, uint8_t *token)
{
  const int before = 1 + 3 * (p - 1), pairs = r->pairs_before[p - 1], last = p - 1;
  int       l = 0;

  from[l]    = 0;
  token[l++] = a[last];
  for (int s = 0; s < p; s++)
    for (int x = 0; x < 3; x++, l++) {
      from[l]  = s == last ? 0 : 1 + 3 * s + x;
      token[l] = s == last ? (a[last] + 1 + x) & 3 : a[last];
    }
  for (int q = 0; q < r->pairs_before[p]; q++)
    for (int k = 0; k < 9; k++, l++) {
      from[l]  = r->high[q] == last ? 1 + 3 * r->low[q] + k / 3 : before + 9 * q + k;
      token[l] = r->high[q] == last ? (a[last] + 1 + k % 3) & 3 : a[last];
    }
  for (int q = 0; q < r->triples_before[p]; q++)
    for (int k = 0; k < 27; k++, l++) {
      from[l]  = r->t_high[q] == last ? before + 9 * r->t_pair[q] + k / 3 : before + 9 * pairs + 27 * q + k;
      token[l] = r->t_high[q] == last ? (a[last] + 1 + k % 3) & 3 : a[last];
    }
}

PetscErrorCode LbRatiosAt(LbNet *net, const LbReach *r, const uint8_t *a, LbRatios *x, double *lnp)
{
  PetscFunctionBegin;
  *lnp = 0;
  for (int p = 0; p < r->n; p++) {
    const int     lanes = Lanes(r, p), t = a[p], pairs = 1 + 3 * p, triples = pairs + 9 * r->pairs_before[p];
    const double *row   = x->rows + t * x->ld;

    if (net->fast) net->kernel->table_lanes(&net->table, r, p, a, x->work, x->rows, x->ld);
    else {
      if (p) Fork(r, p, a, x->from, x->token);
      PetscCall(LbStreamAdvance(net, &x->stream, p, lanes, x->from, x->token, x->rows, x->ld));
    }
    *lnp += row[0];
    /* changes that end here: conditionals of the configuration with the earlier changes, before this position's own is added to those */
    for (int q = r->triples_before[p]; q < r->triples_before[p + 1]; q++)
      for (int k = 0; k < 27; k++)
        x->triple[27 * q + k] = x->pair[9 * r->t_pair[q] + k / 3] + x->rows[((t + 1 + k % 3) & 3) * x->ld + pairs + 9 * r->t_pair[q] + k / 3] - row[0];
    for (int q = r->pairs_before[p]; q < r->pairs_before[p + 1]; q++)
      for (int k = 0; k < 9; k++)
        x->pair[9 * q + k] = x->single[3 * r->low[q] + k / 3] + x->rows[((t + 1 + k % 3) & 3) * x->ld + 1 + 3 * r->low[q] + k / 3] - row[0];
    for (int k = 0; k < 3; k++) x->single[3 * p + k] = x->rows[((t + 1 + k) & 3) * x->ld] - row[0];
    for (int k = 0; k < 3 * p; k++) x->single[k] += row[1 + k] - row[0];
    for (int k = 0; k < 9 * r->pairs_before[p]; k++) x->pair[k] += row[pairs + k] - row[0];
    for (int k = 0; k < 27 * r->triples_before[p]; k++) x->triple[k] += row[triples + k] - row[0];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
