/* Local generators in the space of outcomes: L_S = (Q (x) Q ..) D_S (Q^-1 (x) ..), D_S the generator of the Pauli basis (pauli.c) that the density solver uses as well.

   Real; column sums vanish; off-diagonal entries have both signs. Terms with one support are kept per factor of time and summed when a time is asked for (256 numbers per bond). Supports of one, two and
   three sites; every pair inside a triple is listed as a pair, since a generator of three sites changes two of them as well. */
#include <stdio.h>
#include <string.h>
#include "povm.h"

/* one side of the similarity: contract digit s of the row (left) or of the column (right) index with m */
static void Contract(int k, int s, PetscBool left, const double m[4][4], double *g, double *work)
{
  const int n = 1 << (2 * k), stride = 1 << (2 * s);

  memset(work, 0, (size_t)(n * n) * sizeof *work);
  for (int r = 0; r < n; r++)
    for (int c = 0; c < n; c++)
      for (int d = 0; d < 4; d++) {
        const int digit = ((left ? r : c) >> (2 * s)) & 3;

        if (left) work[r * n + c] += m[digit][d] * g[(r + (d - digit) * stride) * n + c];
        else work[r * n + c] += g[r * n + c + (d - digit) * stride] * m[d][digit];
      }
  memcpy(g, work, (size_t)(n * n) * sizeof *g);
}

static PetscErrorCode AddPair(LbOutcomes *o, int i, int j, int *number)
{
  PetscFunctionBegin;
  for (*number = 0; *number < o->n_pairs; (*number)++)
    if (o->pair[*number][0] == i && o->pair[*number][1] == j) PetscFunctionReturn(PETSC_SUCCESS);
  o->pair[o->n_pairs][0]   = i;
  o->pair[o->n_pairs++][1] = j;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FindSupport(LbOutcomes *o, const LbPauliTerm *term, LbSupport **out)
{
  const int n2 = 1 << (4 * term->k);

  PetscFunctionBegin;
  for (int u = 0; u < o->n_supports; u++) {
    *out = &o->support[u];
    if ((*out)->k == term->k && !memcmp((*out)->site, term->site, (size_t)term->k * sizeof *term->site)) PetscFunctionReturn(PETSC_SUCCESS);
  }
  *out      = &o->support[o->n_supports++];
  (*out)->k = term->k;
  PetscCall(PetscArraycpy((*out)->site, term->site, term->k));
  PetscCall(PetscCalloc1(n2, &(*out)->c));
  if (term->k == 2) PetscCall(AddPair(o, term->site[0], term->site[1], &(*out)->pair[0]));
  if (term->k == 3) {
    PetscCall(AddPair(o, term->site[0], term->site[1], &(*out)->pair[0]));
    PetscCall(AddPair(o, term->site[0], term->site[2], &(*out)->pair[1]));
    PetscCall(AddPair(o, term->site[1], term->site[2], &(*out)->pair[2]));
    PetscCall(PetscArraycpy(o->triple[o->n_triples++], term->site, 3));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbOutcomesCreate(const LbModel *model, const LbPovm *povm, LbOutcomes *o)
{
  LbPauliTerms terms;
  double      *work;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(o, sizeof *o));
  o->n_sites = model->n_sites;
  PetscCall(LbPauliTermsCreate(model, &terms));
  if (terms.problem[0]) snprintf(o->problem, sizeof o->problem, "a term acts on more than %d sites at once, which solver: povm does not do: take solver: trajectories", LB_REACH);
  for (int t = 0; t < terms.n; t++)
    if (terms.term[t].k > LB_REACH) snprintf(o->problem, sizeof o->problem, "a term acts on %d sites at once, solver: povm does at most %d: take solver: density or trajectories", terms.term[t].k, LB_REACH);
  PetscCall(PetscCalloc1(terms.n + 1, &o->support));
  PetscCall(PetscCalloc1(3 * terms.n + 1, &o->pair));
  PetscCall(PetscCalloc1(terms.n + 1, &o->triple));
  PetscCall(PetscMalloc1(1 << (4 * LB_REACH), &work));
  for (int t = 0; t < terms.n && !o->problem[0]; t++) {
    LbPauliTerm *term = &terms.term[t];
    const int    n    = 1 << (2 * term->k);
    LbSupport   *support;
    int         *time;
    double     **part, max = 0;

    PetscCall(FindSupport(o, term, &support));
    PetscCall(PetscMalloc1(support->n_parts + 1, &time));
    PetscCall(PetscMalloc1(support->n_parts + 1, &part));
    if (support->n_parts) {
      PetscCall(PetscArraycpy(time, support->time, support->n_parts));
      PetscCall(PetscArraycpy(part, support->part, support->n_parts));
    }
    PetscCall(PetscFree(support->time));
    PetscCall(PetscFree(support->part));
    support->time                   = time;
    support->part                   = part;
    support->time[support->n_parts] = term->time;
    PetscCall(PetscMalloc1(n * n, &support->part[support->n_parts]));
    PetscCall(PetscArraycpy(support->part[support->n_parts], term->g, n * n));
    for (int s = 0; s < term->k; s++) {
      Contract(term->k, s, PETSC_TRUE, povm->q, support->part[support->n_parts], work);
      Contract(term->k, s, PETSC_FALSE, povm->inverse, support->part[support->n_parts], work);
    }
    for (int e = 0; e < n * n; e++) max = PetscMax(max, PetscAbsReal(support->part[support->n_parts][e]));
    for (int e = 0; e < n * n; e++)
      if (PetscAbsReal(support->part[support->n_parts][e]) <= 1e-14 * max) support->part[support->n_parts][e] = 0;
    support->n_parts++;
  }
  PetscCall(PetscFree(work));
  PetscCall(LbPauliTermsDestroy(&terms));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbOutcomesAt(LbOutcomes *o, const LbModel *model, PetscReal t)
{
  PetscReal *f;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(model->n_times, &f));
  LbModelFactors(model, t, f);
  for (int u = 0; u < o->n_supports; u++) {
    LbSupport *support = &o->support[u];
    const int  n2      = 1 << (4 * support->k);

    PetscCall(PetscArrayzero(support->c, n2));
    for (int p = 0; p < support->n_parts; p++)
      for (int e = 0; e < n2; e++) support->c[e] += f[support->time[p]] * support->part[p][e];
  }
  PetscCall(PetscFree(f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

int LbOutcomesReach(const LbOutcomes *o)
{
  return 1 + 3 * o->n_sites + 9 * o->n_pairs + 27 * o->n_triples;
}

PetscErrorCode LbOutcomesDestroy(LbOutcomes *o)
{
  PetscFunctionBegin;
  for (int u = 0; u < o->n_supports; u++) {
    for (int p = 0; p < o->support[u].n_parts; p++) PetscCall(PetscFree(o->support[u].part[p]));
    PetscCall(PetscFree(o->support[u].part));
    PetscCall(PetscFree(o->support[u].time));
    PetscCall(PetscFree(o->support[u].c));
  }
  PetscCall(PetscFree(o->support));
  PetscCall(PetscFree(o->pair));
  PetscCall(PetscFree(o->triple));
  PetscCall(PetscMemzero(o, sizeof *o));
  PetscFunctionReturn(PETSC_SUCCESS);
}
