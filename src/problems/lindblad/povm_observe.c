/* Observables as means over samples of the network.

   <O> of a product of operators is the mean of prod_m Tr(O_m N_{a_m}); a column is a sum of such products. Samples are independent, so the standard error is that of a mean. Where all 4^N configurations are
   no more than the samples asked for, they are summed with their probabilities and nothing is left to chance. Sums go over blocks of 256 samples in a fixed tree. Beside the columns the marginals of every
   pair of sites on which a generator acts are counted: the smallest eigenvalue of their states tells how far from a state p is, since nothing enforces positivity. */
#include <math.h>
#include "povm_solver.h"

#define BLOCK 256

static PetscErrorCode AddTerm(LbObserve *o, const LbTerm *term, int column, PetscBool two_parts, int time)
{
  struct LbObserveTerm *t = &o->term[o->n_terms++];

  PetscFunctionBegin;
  t->column    = column;
  t->two_parts = two_parts;
  t->time      = time;
  t->coef      = term->coef;
  t->n         = term->p.n;
  for (int q = 0; q < t->n; q++) {
    t->site[q] = term->p.site[q];
    LbPovmOperator(&o->povm, term->p.op[q], t->table[q]);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbObserveCreate(Lindblad *c, LbNet *net, const LbStrings *strings, const LbOutcomes *outcomes, const LbPovm *povm, PetscInt64 total, PetscInt64 seed, LbObserve *o)
{
  int n = 0;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(o, sizeof *o));
  o->net       = net;
  o->strings   = strings;
  o->outcomes  = outcomes;
  o->povm      = *povm;
  o->seed      = seed;
  o->n_columns = c->observables.n_columns;
  o->all       = net->n <= 12 && ((PetscInt64)1 << (2 * net->n)) <= total ? PETSC_TRUE : PETSC_FALSE;
  o->total     = o->all ? (PetscInt64)1 << (2 * net->n) : total;
  for (int k = 0; k < c->observables.n; k++) n += c->observables.item[k].kind == LB_OBSERVE_ENERGY ? c->model.n_terms : c->observables.item[k].n_terms;
  PetscCall(PetscCalloc4(n + 1, &o->term, o->n_columns + 1, &o->constant, o->n_columns + 1, &o->value, o->n_columns + 1, &o->error));
  for (int k = 0, column = 0; k < c->observables.n; k++) {
    const LbObservable *item   = &c->observables.item[k];
    const PetscBool     energy = item->kind == LB_OBSERVE_ENERGY ? PETSC_TRUE : PETSC_FALSE;

    if (item->kind == LB_OBSERVE_TRACE) o->constant[column] = 1;
    for (int t = 0; t < (energy ? c->model.n_terms : item->n_terms); t++)
      PetscCall(AddTerm(o, energy ? &c->model.term[t] : &item->term[t], column, item->two_parts, energy ? c->model.term[t].time : 0));
    column += item->two_parts ? 2 : 1;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbObserveDestroy(LbObserve *o)
{
  PetscFunctionBegin;
  PetscCall(PetscFree4(o->term, o->constant, o->value, o->error));
  PetscCall(PetscMemzero(o, sizeof *o));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the state of two sites from the marginal of their outcomes: rho = sum p(a, b) N_a (x) N_b */
static PetscErrorCode PairEigenvalue(const LbPovm *povm, const PetscReal *p, PetscReal *smallest)
{
  double    x[16];
  LbComplex rho[16];
  PetscReal lambda[4];

  PetscFunctionBegin;
  for (int c = 0; c < 16; c++) {
    x[c] = 0;
    for (int a = 0; a < 16; a++) x[c] += povm->inverse[c & 3][a & 3] * povm->inverse[c >> 2][a >> 2] * p[a];
  }
  LbPauliMatrix(2, x, rho);
  PetscCall(LbEigenvalues(4, rho, lambda));
  *smallest = lambda[0];
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbObserveAt(MPI_Comm comm, const Lindblad *c, LbObserve *o, PetscReal t, PetscInt64 row)
{
  const int    n = o->net->n, pairs = 2 * o->n_columns, width = pairs + 16 * o->outcomes->n_pairs + 1;
  TesPartition part;
  TesTree      tree;
  LbStream     stream = {0};
  uint8_t     *a;
  PetscReal   *leaf, *sum, *v, *f;
  double       lnp[BLOCK];

  PetscFunctionBegin;
  PetscCall(TesPartitionCreate(comm, o->total, BLOCK, &part));
  PetscCall(TesTreeCreate(comm, &part, width, NULL, NULL, &tree));
  PetscCall(PetscMalloc4(BLOCK * n, &a, width, &sum, o->n_columns + 1, &v, c->model.n_times, &f));
  LbModelFactors(&c->model, t, f);
  if (!o->all && part.n_local) PetscCall(LbStreamCreate(o->net, BLOCK, &stream));
  for (PetscInt64 first = part.first; first < part.first + part.n_local; first += BLOCK) {
    const int count = (int)PetscMin(BLOCK, part.first + part.n_local - first);

    if (o->all) {
      for (int s = 0; s < count; s++)
        for (int i = 0; i < n; i++) a[s * n + i] = (uint8_t)((first + s) >> (2 * i) & 3);
      PetscCall(LbStringsLogProbability(o->strings, o->net, count, a, lnp, NULL));
    } else PetscCall(LbSamplesBlock(o->net, o->strings, &stream, o->seed, TES_STREAM_POVM_OBSERVE, row, first, count, a));
    PetscCall(TesTreeLeaf(tree, &leaf));
    for (int s = 0; s < count; s++) {
      const uint8_t  *x = a + s * n;
      const PetscReal w = o->all ? exp(lnp[s]) : 1. / (PetscReal)o->total;

      PetscCall(PetscArraycpy(v, o->constant, o->n_columns));
      for (int k = 0; k < o->n_terms; k++) {
        const struct LbObserveTerm *term  = &o->term[k];
        LbComplex                   value = term->coef;

        for (int q = 0; q < term->n; q++) value *= term->table[q][x[term->site[q]]];
        if (term->time) value *= f[term->time];
        v[term->column] += creal(value);
        if (term->two_parts) v[term->column + 1] += cimag(value);
      }
      for (int k = 0; k < o->n_columns; k++) {
        leaf[2 * k] += w * v[k];
        leaf[2 * k + 1] += w * v[k] * v[k];
      }
      for (int q = 0; q < o->outcomes->n_pairs; q++) leaf[pairs + 16 * q + x[o->outcomes->pair[q][0]] + 4 * x[o->outcomes->pair[q][1]]] += w;
      leaf[width - 1] += w;
    }
    PetscCall(TesTreePush(tree));
  }
  PetscCall(TesTreeFinish(tree, sum));
  PetscCall(TesTreeDestroy(&tree));
  PetscCall(LbStreamDestroy(&stream));
  for (int k = 0; k < o->n_columns; k++) {
    o->value[k] = sum[2 * k] / sum[width - 1];
    o->error[k] = o->all ? 0 : PetscSqrtReal(PetscMax(0, sum[2 * k + 1] / sum[width - 1] - o->value[k] * o->value[k]) / (PetscReal)(o->total - 1));
  }
  o->smallest = 1;
  for (int q = 0; q < o->outcomes->n_pairs; q++) {
    PetscReal smallest;

    PetscCall(PairEigenvalue(&o->povm, sum + pairs + 16 * q, &smallest));
    o->smallest = PetscMin(o->smallest, smallest);
  }
  PetscCall(PetscFree4(a, sum, v, f));
  PetscFunctionReturn(PETSC_SUCCESS);
}
