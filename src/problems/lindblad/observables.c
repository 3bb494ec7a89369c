/* Observables of the deck as columns of the series.

   expectation: sum over places of c <product of operators>, as mean, sum or one column each (NAME_0, NAME_1, ...); a product that is not Hermitian gives NAME_re and NAME_im.
   current: 2 <X_i Y_j - Y_i X_j> per bond. population: <|k><k|> per level of each site. energy: <H(t)>. trace; purity and entropy of a subsystem (all sites if none is named). */
#include <stdio.h>
#include <string.h>
#include "lindblad.h"

static PetscErrorCode NewObservable(LbObservables *o, LbObservable **out)
{
  PetscFunctionBegin;
  if (o->n == o->room) {
    LbObservable *grown;

    o->room = 2 * o->room + 16;
    PetscCall(PetscCalloc1(o->room, &grown));
    if (o->n) PetscCall(PetscArraycpy(grown, o->item, o->n));
    PetscCall(PetscFree(o->item));
    o->item = grown;
  }
  *out = &o->item[o->n++];
  PetscCall(PetscMemzero(*out, sizeof **out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* is the sum of the terms Hermitian? On its support, if that is small; else only if every product is */
static PetscErrorCode IsHermitian(const LbModel *model, int n, const LbTerm *term, PetscBool *yes)
{
  PetscFunctionBegin;
  *yes = PETSC_TRUE;
  for (int t = 0; t < n && *yes; t++) {
    const LbProduct *p = &term[t].p;
    int              size = 1, partner;
    LbComplex       *m, *other;
    PetscReal        distance = 0, scale = 0;

    for (int q = 0; q < p->n; q++) size *= model->dim[p->site[q]];
    if (size > 1024) continue;
    PetscCall(PetscCalloc2(size * size, &m, size * size, &other));
    for (partner = 0; partner < n; partner++) { /* all terms on the same sites */
      int same = term[partner].p.n == p->n;

      for (int q = 0; q < p->n && same; q++) {
        int found = 0;

        for (int r = 0; r < p->n; r++) found |= term[partner].p.site[r] == p->site[q];
        same = found;
      }
      if (!same) continue;
      LbEmbed(model, p->n, p->site, term[partner].coef, &term[partner].p, other);
      for (int e = 0; e < size * size; e++) m[e] += other[e];
    }
    for (int i = 0; i < size; i++)
      for (int j = 0; j < size; j++) {
        distance = PetscMax(distance, cabs(m[i * size + j] - conj(m[j * size + i])));
        scale    = PetscMax(scale, cabs(m[i * size + j]));
      }
    if (distance > 1e-13 * scale) *yes = PETSC_FALSE;
    PetscCall(PetscFree2(m, other));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddExpectation(const LbModel *model, LbObservables *o, const char name[], int item, int n, LbTerm *terms)
{
  LbObservable *out;
  PetscBool     hermitian;

  PetscFunctionBegin;
  PetscCall(NewObservable(o, &out));
  snprintf(out->name, sizeof out->name, "%s", name);
  out->kind    = LB_OBSERVE_EXPECTATION;
  out->item    = item;
  out->n_terms = n;
  PetscCall(PetscMalloc1(n + 1, &out->term));
  PetscCall(PetscArraycpy(out->term, terms, n));
  PetscCall(IsHermitian(model, n, terms, &hermitian));
  out->two_parts = hermitian ? PETSC_FALSE : PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* parts[s] holds n[s] terms, one per place; column `each` takes one of each part */
static PetscErrorCode AddReduced(const LbModel *model, LbObservables *o, const char name[], int item, int reduce, int n, LbTerm *terms, int places)
{
  PetscFunctionBegin;
  if (reduce != LB_REDUCE_EACH) {
    for (int k = 0; k < n && reduce == LB_REDUCE_MEAN; k++) terms[k].coef /= places;
    PetscCall(AddExpectation(model, o, name, item, n, terms));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (int k = 0; k < places; k++) {
    char    each[96];
    LbTerm *few;
    int     m = 0;

    PetscCall(PetscMalloc1(n / PetscMax(places, 1) + 1, &few));
    for (int t = k; t < n; t += places) few[m++] = terms[t];
    snprintf(each, sizeof each, "%.80s_%d", name, k);
    PetscCall(AddExpectation(model, o, each, item, m, few));
    PetscCall(PetscFree(few));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Expectation(TesProblem problem, LbModel *model, const LbModelDeck *deck, const LbObservableItem *item, int number, LbObservables *o, PetscBool *good)
{
  char      path[96];
  LbTerm   *terms = NULL;
  int       n = 0, room = 0, places = 0;
  PetscBool fine = PETSC_TRUE;

  PetscFunctionBegin;
  snprintf(path, sizeof path, "observables.%d", number);
  if (item->ops.n && item->sum.n) {
    PetscCall(TesDeckComplain(problem, path, ": give `ops` or `sum`, not both"));
    fine = PETSC_FALSE;
  } else if (item->sum.n) {
    for (PetscInt s = 0; s < item->sum.n; s++) {
      const int before = n;
      char      below[128];

      snprintf(below, sizeof below, "%s.sum.%d", path, (int)s);
      PetscCall(LbTermsAdd(problem, model, deck, below, &item->sum.item[s].ops, item->sum.item[s].on, &item->sum.item[s].coeff, &item->sum.item[s].coeffs, 0, 0, number, &n, &room, &terms, &fine));
      if (fine && s && n - before != places) {
        PetscCall(TesDeckComplain(problem, below, ": acts on %d places, the first part of the sum on %d", n - before, places));
        fine = PETSC_FALSE;
      }
      if (!s) places = n;
    }
  } else {
    PetscCall(LbTermsAdd(problem, model, deck, path, &item->ops, item->on, &item->coeff, NULL, 0, 0, number, &n, &room, &terms, &fine));
    places = n;
  }
  if (fine) PetscCall(AddReduced(model, o, item->name, number, item->reduce, n, terms, places));
  else *good = PETSC_FALSE;
  PetscCall(PetscFree(terms));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Current(TesProblem problem, LbModel *model, const LbModelDeck *deck, const LbObservableItem *item, int number, LbObservables *o, PetscBool *good)
{
  static const char *const xy[] = {"X", "Y"}, *const yx[] = {"Y", "X"};
  PetscReal                two = 2, minus = -2;
  TesStrings               first = {2, (const char **)(uintptr_t)xy}, second = {2, (const char **)(uintptr_t)yx};
  const TesReals           plus_coeff = {1, &two}, minus_coeff = {1, &minus};
  char                     path[96];
  LbTerm                  *terms = NULL;
  int                      n = 0, room = 0, places;

  PetscFunctionBegin;
  snprintf(path, sizeof path, "observables.%d", number);
  PetscCall(LbTermsAdd(problem, model, deck, path, &first, item->on, &plus_coeff, NULL, 0, 0, number, &n, &room, &terms, good));
  places = n;
  if (*good) PetscCall(LbTermsAdd(problem, model, deck, path, &second, item->on, &minus_coeff, NULL, 0, 0, number, &n, &room, &terms, good));
  if (*good) PetscCall(AddReduced(model, o, item->name, number, item->reduce, n, terms, places));
  PetscCall(PetscFree(terms));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Population(TesProblem problem, LbModel *model, const LbModelDeck *deck, const LbObservableItem *item, int number, LbObservables *o, PetscBool *good)
{
  char      path[96];
  LbPlaces  places;

  PetscFunctionBegin;
  (void)deck;
  snprintf(path, sizeof path, "observables.%d.on", number);
  PetscCall(LbPlacesCreate(problem, model, path, item->on, 1, 0, &places, good));
  for (int p = 0; p < places.n && *good; p++) {
    const int d = model->dim[places.site[p]];

    for (int k = 0; k < d; k++) {
      LbTerm term = {.coef = 1, .p = {.n = 1, .site = {places.site[p]}}};
      char   name[96];

      PetscCall(LbModelMatrix(model, d, &term.p.op[0]));
      term.p.op[0][k * d + k] = 1;
      snprintf(name, sizeof name, "%.60s_%d_%d", item->name, places.site[p], k);
      PetscCall(AddExpectation(model, o, name, number, 1, &term));
    }
  }
  PetscCall(LbPlacesDestroy(&places));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* purity or entropy; the purity of all sites needs no list of them */
static PetscErrorCode Subsystem(TesProblem problem, const LbModel *model, const LbObservableItem *item, int kind, int number, LbObservables *o, PetscBool *good)
{
  LbObservable *out;
  char          path[96];
  PetscReal     size = 1;

  PetscFunctionBegin;
  PetscCall(NewObservable(o, &out));
  snprintf(out->name, sizeof out->name, "%s", item->name);
  snprintf(path, sizeof path, "observables.%d.subsystem", number);
  out->kind    = kind;
  out->item    = number;
  out->n_sites = item->subsystem.n || kind == LB_OBSERVE_PURITY ? item->subsystem.n : model->n_sites;
  PetscCall(PetscMalloc1(out->n_sites, &out->site));
  for (PetscInt s = 0; s < out->n_sites; s++) {
    out->site[s] = item->subsystem.n ? (int)item->subsystem.v[s] : (int)s;
    if (out->site[s] < 0 || out->site[s] >= model->n_sites) {
      PetscCall(TesDeckComplain(problem, path, ": site %d is out of range: there are sites 0 to %d", out->site[s], model->n_sites - 1));
      *good = PETSC_FALSE;
      PetscFunctionReturn(PETSC_SUCCESS);
    }
    for (PetscInt q = 0; q < s; q++)
      if (out->site[q] == out->site[s]) {
        PetscCall(TesDeckComplain(problem, path, "names site %d twice", out->site[s]));
        *good = PETSC_FALSE;
      }
    size *= model->dim[out->site[s]];
  }
  if (size > 1024) {
    PetscCall(TesDeckComplain(problem, item->subsystem.n ? path : "observables", ": `%s` needs a reduced density matrix of %.0f x %.0f, at most 1024 are done: name a smaller subsystem",
                              item->name, (double)size, (double)size));
    *good = PETSC_FALSE;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* without `kind` the name of a quantity without operators says what it is */
static int KindOf(const LbObservableItem *item)
{
  static const struct {
    const char *name;
    int         kind;
  } by_name[] = {
    {"purity", LB_OBSERVE_PURITY}, {"entropy", LB_OBSERVE_ENTROPY}, {"energy", LB_OBSERVE_ENERGY}, {"trace", LB_OBSERVE_TRACE}, {"current", LB_OBSERVE_CURRENT}, {"population", LB_OBSERVE_POPULATION},
  };

  if (item->kind != LB_OBSERVE_AUTO || item->ops.n || item->sum.n) return item->kind == LB_OBSERVE_AUTO ? LB_OBSERVE_EXPECTATION : item->kind;
  for (size_t k = 0; k < sizeof by_name / sizeof by_name[0]; k++)
    if (!strcmp(by_name[k].name, item->name)) return by_name[k].kind;
  return LB_OBSERVE_EXPECTATION;
}

static PetscErrorCode Columns(LbObservables *o)
{
  PetscFunctionBegin;
  PetscCall(PetscMalloc1(2 * o->n + 1, &o->column));
  for (int k = 0; k < o->n; k++) {
    if (!o->item[k].two_parts) snprintf(o->column[o->n_columns++], sizeof *o->column, "%s", o->item[k].name);
    else {
      snprintf(o->column[o->n_columns++], sizeof *o->column, "%s_re", o->item[k].name);
      snprintf(o->column[o->n_columns++], sizeof *o->column, "%s_im", o->item[k].name);
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbObservablesCreate(TesProblem problem, LbModel *model, const LbModelDeck *deck, LbObservables *o, PetscBool *good)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(o, sizeof *o));
  for (PetscInt k = 0; k < deck->observables.n; k++) {
    const LbObservableItem *item = &deck->observables.item[k];
    LbObservable           *out;
    char                    path[96];

    snprintf(path, sizeof path, "observables.%d.name", (int)k);
    if (!item->name || !item->name[0] || strlen(item->name) > 80 || strchr(item->name, '/')) {
      PetscCall(TesDeckComplain(problem, path, ": give the observable a name of 1 to 80 characters without `/`"));
      *good = PETSC_FALSE;
      continue;
    }
    for (PetscInt q = 0; q < k; q++)
      if (deck->observables.item[q].name && !strcmp(deck->observables.item[q].name, item->name)) {
        PetscCall(TesDeckComplain(problem, path, ": observable %d has the same name", (int)q));
        *good = PETSC_FALSE;
      }
    if (item->subsystem.n && KindOf(item) != LB_OBSERVE_PURITY && KindOf(item) != LB_OBSERVE_ENTROPY) {
      snprintf(path, sizeof path, "observables.%d.subsystem", (int)k);
      PetscCall(TesDeckComplain(problem, path, ": only purity and entropy are of a subsystem; `%s` is none of them", item->name));
      *good = PETSC_FALSE;
    }
    switch (KindOf(item)) {
    case LB_OBSERVE_PURITY:
    case LB_OBSERVE_ENTROPY: PetscCall(Subsystem(problem, model, item, KindOf(item), (int)k, o, good)); break;
    case LB_OBSERVE_CURRENT: PetscCall(Current(problem, model, deck, item, (int)k, o, good)); break;
    case LB_OBSERVE_POPULATION: PetscCall(Population(problem, model, deck, item, (int)k, o, good)); break;
    case LB_OBSERVE_EXPECTATION: PetscCall(Expectation(problem, model, deck, item, (int)k, o, good)); break;
    default:
      PetscCall(NewObservable(o, &out));
      snprintf(out->name, sizeof out->name, "%s", item->name);
      out->kind = KindOf(item);
      out->item = (int)k;
    }
  }
  if (*good) PetscCall(Columns(o));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbObservablesDestroy(LbObservables *o)
{
  PetscFunctionBegin;
  for (int k = 0; k < o->n; k++) {
    PetscCall(PetscFree(o->item[k].term));
    PetscCall(PetscFree(o->item[k].site));
  }
  PetscCall(PetscFree(o->item));
  PetscCall(PetscFree(o->column));
  PetscCall(PetscMemzero(o, sizeof *o));
  PetscFunctionReturn(PETSC_SUCCESS);
}
