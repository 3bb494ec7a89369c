/* Connected configurations in the order of a string (povm.h: LbReach). A string that lets bonds end late has fewer rows to compute: at position p only changes whose last position lies before p differ
   from the configuration itself. */
#include "povm.h"

typedef struct {
  int low, mid, high, number, digit[3];
} Change;

static int ByHigh(const void *a, const void *b)
{
  const Change *x = a, *y = b;

  if (x->high != y->high) return x->high < y->high ? -1 : 1;
  if (x->low != y->low) return x->low < y->low ? -1 : 1;
  return x->mid < y->mid ? -1 : x->mid > y->mid;
}

PetscErrorCode LbReachCreate(const LbOutcomes *o, const int string[], LbReach *r)
{
  Change *change;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(r, sizeof *r));
  r->n         = o->n_sites;
  r->n_pairs   = o->n_pairs;
  r->n_triples = o->n_triples;
  r->n_lanes   = LbOutcomesReach(o);
  PetscCall(PetscMalloc2(r->n, &r->position, r->n, &r->site));
  PetscCall(PetscMalloc5(r->n_pairs + 1, &r->low, r->n_pairs + 1, &r->high, r->n_pairs + 1, &r->pair, r->n_pairs + 1, &r->flipped, r->n + 1, &r->pairs_before));
  PetscCall(PetscMalloc7(r->n_triples + 1, &r->t_low, r->n_triples + 1, &r->t_mid, r->n_triples + 1, &r->t_high, r->n_triples + 1, &r->t_pair, r->n_triples + 1, &r->triple, r->n_triples + 1, &r->t_digit,
                         r->n + 1, &r->triples_before));
  for (int q = 0; q < r->n; q++) {
    r->site[q]                          = string ? string[q] : q;
    r->position[string ? string[q] : q] = q;
  }
  PetscCall(PetscMalloc1(PetscMax(r->n_pairs, r->n_triples) + 1, &change));
  for (int k = 0; k < r->n_pairs; k++) {
    const int i = r->position[o->pair[k][0]], j = r->position[o->pair[k][1]];

    change[k] = (Change){.low = PetscMin(i, j), .high = PetscMax(i, j), .number = k, .digit = {i > j}};
  }
  qsort(change, (size_t)r->n_pairs, sizeof *change, ByHigh);
  for (int k = 0; k < r->n_pairs; k++) {
    r->low[k]     = change[k].low;
    r->high[k]    = change[k].high;
    r->pair[k]    = change[k].number;
    r->flipped[k] = change[k].digit[0];
  }
  for (int k = 0; k < r->n_triples; k++) {
    int at[3], digit[3] = {0, 1, 2};

    for (int s = 0; s < 3; s++) at[s] = r->position[o->triple[k][s]];
    for (int s = 0; s < 3; s++)
      for (int q = s + 1; q < 3; q++)
        if (at[digit[q]] < at[digit[s]]) {
          const int swap = digit[s];

          digit[s] = digit[q];
          digit[q] = swap;
        }
    change[k] = (Change){.low = at[digit[0]], .mid = at[digit[1]], .high = at[digit[2]], .number = k, .digit = {digit[0], digit[1], digit[2]}};
  }
  qsort(change, (size_t)r->n_triples, sizeof *change, ByHigh);
  for (int k = 0; k < r->n_triples; k++) {
    r->t_low[k]  = change[k].low;
    r->t_mid[k]  = change[k].mid;
    r->t_high[k] = change[k].high;
    r->triple[k] = change[k].number;
    for (int s = 0; s < 3; s++) r->t_digit[k][s] = change[k].digit[s];
    for (int q = 0; q < r->n_pairs; q++)
      if (r->low[q] == r->t_low[k] && r->high[q] == r->t_mid[k]) r->t_pair[k] = q;
  }
  PetscCall(PetscFree(change));
  for (int p = 0; p <= r->n; p++) {
    r->pairs_before[p] = r->triples_before[p] = 0;
    for (int k = 0; k < r->n_pairs; k++) r->pairs_before[p] += r->high[k] < p;
    for (int k = 0; k < r->n_triples; k++) r->triples_before[p] += r->t_high[k] < p;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbReachDestroy(LbReach *r)
{
  PetscFunctionBegin;
  PetscCall(PetscFree2(r->position, r->site));
  PetscCall(PetscFree5(r->low, r->high, r->pair, r->flipped, r->pairs_before));
  PetscCall(PetscFree7(r->t_low, r->t_mid, r->t_high, r->t_pair, r->triple, r->t_digit, r->triples_before));
  PetscCall(PetscMemzero(r, sizeof *r));
  PetscFunctionReturn(PETSC_SUCCESS);
}
