/* The model from the deck: sites, lattice, terms, jumps and their factors of time. A term of the deck becomes one product per place; hc adds the adjoint product with the
   conjugate coefficient. Nothing here grows with the state: a model of N sites holds O(places) small matrices. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "model.h"

PetscErrorCode LbModelMatrix(LbModel *model, int d, LbComplex **matrix)
{
  PetscFunctionBegin;
  if (model->n_matrices == model->room_matrices) {
    const int   room = 2 * model->room_matrices + 64;
    LbComplex **grown;

    PetscCall(PetscMalloc1(room, &grown));
    if (model->n_matrices) PetscCall(PetscArraycpy(grown, model->matrix, model->n_matrices));
    PetscCall(PetscFree(model->matrix));
    model->matrix        = grown;
    model->room_matrices = room;
  }
  PetscCall(PetscCalloc1(d * d, matrix));
  model->matrix[model->n_matrices++] = *matrix;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscInt64 LbStride(const LbModel *model, int m)
{
  PetscInt64 stride = 1;

  for (int k = 0; k < m; k++) stride *= model->dim[k];
  return stride;
}

void LbEmbed(const LbModel *model, int k, const int site[], LbComplex c, const LbProduct *p, LbComplex *matrix)
{
  int        size = 1, factor[LB_FACTORS * 2];
  const int *dim = model->dim;

  for (int s = 0; s < k; s++) {
    size *= dim[site[s]];
    factor[s] = -1;
    for (int q = 0; q < p->n; q++)
      if (p->site[q] == site[s]) factor[s] = q;
  }
  for (int i = 0; i < size; i++)
    for (int j = 0; j < size; j++) {
      LbComplex value = c;

      for (int s = 0, a = i, b = j; s < k; a /= dim[site[s]], b /= dim[site[s]], s++) {
        const int d = dim[site[s]], x = a % d, y = b % d;

        if (factor[s] >= 0) value *= p->op[factor[s]][x * d + y];
        else if (x != y) value = 0;
      }
      matrix[i * size + j] = value;
    }
}

void LbProductEntries(const LbModel *model, LbComplex c, const LbProduct *p, void (*entry)(void *, PetscInt64, PetscInt64, LbComplex), void *ctx)
{
  PetscInt64 stride[LB_FACTORS];

  for (int q = 0; q < p->n; q++) stride[q] = LbStride(model, p->site[q]);
  for (PetscInt64 i = 0; i < model->n; i++) {
    int code[LB_FACTORS] = {0};

    for (int level = 0; level >= 0;) {
      LbComplex  value = c;
      PetscInt64 j     = i;

      for (int q = 0; q < p->n && value != 0; q++) {
        const int d = model->dim[p->site[q]], a = (int)(i / stride[q] % d);

        value *= p->op[q][a * d + code[q]];
        j += (code[q] - a) * stride[q];
      }
      if (value != 0) entry(ctx, i, j, value);
      for (level = p->n - 1; level >= 0; level--) {
        if (++code[level] < model->dim[p->site[level]]) break;
        code[level] = 0;
      }
    }
  }
}

typedef struct {
  PetscInt64 n;
  LbComplex *matrix;
} Dense;

static void AddToMatrix(void *ctx, PetscInt64 i, PetscInt64 j, LbComplex value)
{
  Dense *dense = ctx;

  dense->matrix[i * dense->n + j] += value;
}

void LbScatter(const LbModel *model, LbComplex c, const LbProduct *p, LbComplex *matrix)
{
  Dense dense = {model->n, matrix};

  LbProductEntries(model, c, p, AddToMatrix, &dense);
}

PetscErrorCode LbAdjoint(LbModel *model, const LbProduct *p, LbProduct *adjoint)
{
  PetscFunctionBegin;
  *adjoint = *p;
  for (int q = 0; q < p->n; q++) {
    const int d = model->dim[p->site[q]];

    PetscCall(LbModelMatrix(model, d, &adjoint->op[q]));
    for (int i = 0; i < d; i++)
      for (int j = 0; j < d; j++) adjoint->op[q][i * d + j] = conj(p->op[q][j * d + i]);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbProductTimes(LbModel *model, const LbProduct *a, const LbProduct *b, LbProduct *ab)
{
  LbProduct out = *a;

  PetscFunctionBegin;
  for (int q = 0; q < b->n; q++) {
    const int d = model->dim[b->site[q]];
    int       at;

    for (at = 0; at < a->n && a->site[at] != b->site[q]; at++)
      ;
    if (at == a->n) {
      PetscCheck(out.n < LB_FACTORS, PETSC_COMM_SELF, PETSC_ERR_PLIB, "product of more than %d factors", LB_FACTORS);
      out.site[out.n] = b->site[q];
      out.op[out.n++] = b->op[q];
      continue;
    }
    PetscCall(LbModelMatrix(model, d, &out.op[at]));
    for (int i = 0; i < d; i++)
      for (int k = 0; k < d; k++)
        for (int j = 0; j < d; j++) out.op[at][i * d + j] += a->op[at][i * d + k] * b->op[q][k * d + j];
  }
  *ab = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* room for one more */
static PetscErrorCode GrowTerms(int n, int *room, LbTerm **terms)
{
  LbTerm *grown;

  PetscFunctionBegin;
  if (n < *room) PetscFunctionReturn(PETSC_SUCCESS);
  *room = 2 * *room + 16;
  PetscCall(PetscMalloc1(*room, &grown));
  if (n) PetscCall(PetscArraycpy(grown, *terms, n));
  PetscCall(PetscFree(*terms));
  *terms = grown;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbTermsAdd(TesProblem problem, LbModel *model, const LbModelDeck *deck, const char path[], const TesStrings *ops, TesNode on, const TesReals *coeff,
                          const TesReals *coeffs, PetscReal power, int time, int item, int *n_terms, int *room, LbTerm **terms, PetscBool *good)
{
  char            key[160];
  LbPlaces        places;
  PetscBool       fine = PETSC_TRUE;
  const LbComplex c    = coeff && coeff->n ? coeff->v[0] + LB_I * (coeff->n > 1 ? coeff->v[1] : 0) : 1;

  PetscFunctionBegin;
  if (ops->n < 1 || ops->n > LB_FACTORS) {
    snprintf(key, sizeof key, "%.120s.ops", path);
    PetscCall(TesDeckComplain(problem, key, "has %d operators: 1 to %d are possible", (int)ops->n, LB_FACTORS));
    *good = PETSC_FALSE;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  snprintf(key, sizeof key, "%.120s.on", path);
  PetscCall(LbPlacesCreate(problem, model, key, on, (int)ops->n, power, &places, &fine));
  if (fine && coeffs && coeffs->n && coeffs->n != places.n) {
    snprintf(key, sizeof key, "%.120s.coeffs", path);
    PetscCall(TesDeckComplain(problem, key, "has %d entries for %d places", (int)coeffs->n, places.n));
    fine = PETSC_FALSE;
  }
  for (int k = 0; fine && k < places.n; k++) {
    LbTerm *term;

    PetscCall(GrowTerms(*n_terms, room, terms));
    term       = &(*terms)[(*n_terms)++];
    term->coef = c * places.weight[k] * (coeffs && coeffs->n ? coeffs->v[k] : 1);
    term->time = time;
    term->item = item;
    term->p.n  = (int)ops->n;
    for (int q = 0; fine && q < term->p.n; q++) {
      char      message[256];
      const int site = places.site[k * places.width + q], d = model->dim[site];

      term->p.site[q] = site;
      PetscCall(LbModelMatrix(model, d, &term->p.op[q]));
      PetscCall(LbOperatorMatrix(&deck->operators, ops->v[q], d, term->p.op[q], message));
      if (!message[0]) continue;
      fine = PETSC_FALSE;
      snprintf(key, sizeof key, "%.120s.ops", path);
      PetscCall(TesDeckComplain(problem, key, ": %.200s (site %d)", message, site));
    }
  }
  PetscCall(LbPlacesDestroy(&places));
  if (!fine) *good = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Sites(TesProblem problem, const LbModelDeck *deck, LbModel *model, PetscBool *good)
{
  PetscInt64 sites = 0;

  PetscFunctionBegin;
  for (PetscInt g = 0; g < deck->system.sites.n; g++) sites += PetscMax(deck->system.sites.item[g].count, 0);
  if (sites < 1 || sites > 1000) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "system.sites", ": the groups name %" PetscInt64_FMT " sites, 1 to 1000 are possible", sites));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  model->n_sites = (int)sites;
  model->qubits  = PETSC_TRUE;
  model->size    = 1;
  PetscCall(PetscMalloc1(model->n_sites, &model->dim));
  for (PetscInt g = 0, m = 0; g < deck->system.sites.n; g++)
    for (PetscInt k = 0; k < deck->system.sites.item[g].count; k++, m++) {
      model->dim[m] = (int)deck->system.sites.item[g].dim;
      model->size *= (PetscReal)model->dim[m] * model->dim[m];
      if (model->dim[m] != 2) model->qubits = PETSC_FALSE;
      if (model->dim[m] < 2) *good = PETSC_FALSE; /* complained of by the table of keys */
    }
  model->n = model->size < 1e18 ? (PetscInt64)(PetscSqrtReal(model->size) + 0.5) : -1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the factor of time of one entry of the deck: its index in model->time */
static PetscErrorCode AddTime(TesProblem problem, LbModel *model, const char path[], const LbTimeDeck *deck, int *index, PetscBool *good)
{
  char key[160];

  PetscFunctionBegin;
  *index = 0;
  if (deck->kind == LB_TIME_CONSTANT) PetscFunctionReturn(PETSC_SUCCESS);
  *index = model->n_times++;
  snprintf(key, sizeof key, "%.120s.time", path);
  PetscCall(LbTimeCreate(problem, key, deck, &model->time[*index], good));
  model->constant = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Hamiltonian(TesProblem problem, const LbModelDeck *deck, LbModel *model, PetscBool *good)
{
  int room = 0;

  PetscFunctionBegin;
  for (PetscInt k = 0; k < deck->hamiltonian.n; k++) {
    const LbHamiltonianItem *item  = &deck->hamiltonian.item[k];
    const int                first = model->n_terms;
    int                      time, last;
    char                     path[64];

    snprintf(path, sizeof path, "hamiltonian.%d", (int)k);
    PetscCall(AddTime(problem, model, path, &item->time, &time, good));
    PetscCall(LbTermsAdd(problem, model, deck, path, &item->ops, item->on, &item->coeff, &item->coeffs, item->range.power, time, (int)k, &model->n_terms, &room, &model->term, good));
    last = model->n_terms;
    for (int t = first; item->hc && *good && t < last; t++) {
      PetscCall(GrowTerms(model->n_terms, &room, &model->term));
      model->term[model->n_terms]      = model->term[t];
      model->term[model->n_terms].coef = conj(model->term[t].coef);
      PetscCall(LbAdjoint(model, &model->term[t].p, &model->term[model->n_terms].p));
      model->n_terms++;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddJump(LbModel *model, int *room, LbJump jump)
{
  PetscFunctionBegin;
  if (model->n_jumps == *room) {
    LbJump *grown;

    *room = 2 * *room + 16;
    PetscCall(PetscMalloc1(*room, &grown));
    if (model->n_jumps) PetscCall(PetscArraycpy(grown, model->jump, model->n_jumps));
    PetscCall(PetscFree(model->jump));
    model->jump = grown;
  }
  model->jump[model->n_jumps++] = jump;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Jumps(TesProblem problem, const LbModelDeck *deck, LbModel *model, PetscBool *good)
{
  static const TesReals one = {0, NULL};
  int                   room = 0;

  PetscFunctionBegin;
  for (PetscInt k = 0; k < deck->jumps.n; k++) {
    const LbJumpItem *item = &deck->jumps.item[k];
    int               time, n_parts = 0, room_parts = 0;
    LbTerm           *parts = NULL;
    char              path[64], key[96];
    PetscBool         fine = PETSC_TRUE;

    snprintf(path, sizeof path, "jumps.%d", (int)k);
    snprintf(key, sizeof key, "%s.rate", path);
    PetscCall(AddTime(problem, model, path, &item->time, &time, &fine));
    if (item->ops.n && item->sum.n) {
      PetscCall(TesDeckComplain(problem, path, ": give `ops` (one jump operator per place) or `sum` (one collective jump operator), not both"));
      fine = PETSC_FALSE;
    } else if (item->sum.n) {
      for (PetscInt s = 0; s < item->sum.n; s++) {
        char below[96];

        snprintf(below, sizeof below, "%s.sum.%d", path, (int)s);
        PetscCall(LbTermsAdd(problem, model, deck, below, &item->sum.item[s].ops, item->sum.item[s].on, &item->sum.item[s].coeff, &item->sum.item[s].coeffs, 0, 0, (int)k, &n_parts,
                             &room_parts, &parts, &fine));
      }
    } else {
      PetscCall(LbTermsAdd(problem, model, deck, path, &item->ops, item->on, &one, &one, 0, 0, (int)k, &n_parts, &room_parts, &parts, &fine));
    }
    if (fine && item->rate.n != 1 && item->rate.n != (item->sum.n ? 1 : n_parts)) {
      PetscCall(TesDeckComplain(problem, key, "has %d entries for %d jump operators", (int)item->rate.n, item->sum.n ? 1 : n_parts));
      fine = PETSC_FALSE;
    }
    for (int j = 0; fine && j < (item->sum.n ? 1 : n_parts); j++) {
      LbJump jump = {.n = item->sum.n ? n_parts : 1, .item = (int)k, .time = time, .rate = item->rate.v[item->rate.n == 1 ? 0 : j]};

      if (jump.rate == 0) continue;
      PetscCall(PetscMalloc1(jump.n, &jump.part));
      PetscCall(PetscArraycpy(jump.part, &parts[item->sum.n ? 0 : j], jump.n));
      PetscCall(AddJump(model, &room, jump));
    }
    PetscCall(PetscFree(parts));
    if (!fine) *good = PETSC_FALSE;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* H must be Hermitian support by support and factor by factor; what is not is laid at the door of the entry that is farthest from it. */
static PetscErrorCode CheckHermitian(TesProblem problem, LbModel *model, PetscBool *good)
{
  PetscBool *seen;

  PetscFunctionBegin;
  PetscCall(PetscCalloc1(PetscMax(model->n_terms, 1), &seen));
  for (int t = 0; t < model->n_terms && *good; t++) {
    const LbProduct *p    = &model->term[t].p;
    int              size = 1;
    LbComplex       *sum, *one;
    PetscReal        distance = 0, scale = 0;

    if (seen[t]) continue;
    for (int q = 0; q < p->n; q++) size *= model->dim[p->site[q]];
    if (size > 4096) continue; /* such a support is refused elsewhere */
    PetscCall(PetscCalloc2(size * size, &sum, size * size, &one));
    for (int u = t; u < model->n_terms; u++) {
      const LbTerm *other = &model->term[u];
      int           same  = other->p.n == p->n && other->time == model->term[t].time;

      for (int q = 0; q < p->n && same; q++) {
        int found = 0;

        for (int r = 0; r < p->n; r++) found |= other->p.site[r] == p->site[q];
        same = found;
      }
      if (!same) continue;
      seen[u] = PETSC_TRUE;
      LbEmbed(model, p->n, p->site, other->coef, &other->p, one);
      for (int e = 0; e < size * size; e++) sum[e] += one[e];
    }
    for (int i = 0; i < size; i++)
      for (int j = 0; j < size; j++) {
        const LbComplex d = sum[i * size + j] - conj(sum[j * size + i]);

        distance += creal(d * conj(d));
        scale += creal(sum[i * size + j] * conj(sum[i * size + j]));
      }
    PetscCall(PetscFree2(sum, one));
    if (PetscSqrtReal(distance) <= 1e-13 * PetscSqrtReal(scale)) continue;
    *good = PETSC_FALSE;
    {
      char path[64];

      snprintf(path, sizeof path, "hamiltonian.%d", model->term[t].item);
      PetscCall(TesDeckComplain(problem, path, ": H is not Hermitian: on site%s %d%s%.0d the terms sum to h with |h - h+| = %.3g; add hc: true or the adjoint term", p->n > 1 ? "s" : "", p->site[0],
                                p->n > 1 ? "," : "", p->n > 1 ? p->site[1] : 0, (double)PetscSqrtReal(distance)));
    }
  }
  PetscCall(PetscFree(seen));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbModelCreate(TesProblem problem, const LbModelDeck *deck, LbModel *model, PetscBool *good)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(model, sizeof *model));
  *good           = PETSC_TRUE;
  model->constant = PETSC_TRUE;
  PetscCall(PetscCalloc1(1 + deck->hamiltonian.n + deck->jumps.n, &model->time));
  model->n_times = 1; /* the constant 1 */
  PetscCall(Sites(problem, deck, model, good));
  PetscCall(LbOperatorsCheck(problem, &deck->operators, good));
  if (*good) PetscCall(LbBonds(problem, deck, model, good));
  if (!*good) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(Hamiltonian(problem, deck, model, good));
  PetscCall(Jumps(problem, deck, model, good));
  if (*good) PetscCall(CheckHermitian(problem, model, good));
  PetscCall(LbInitialCheck(problem, model, deck, good));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void LbModelFactors(const LbModel *model, PetscReal t, PetscReal f[])
{
  for (int k = 0; k < model->n_times; k++) f[k] = LbTimeValue(&model->time[k], t);
}

PetscErrorCode LbModelDestroy(LbModel *model)
{
  PetscFunctionBegin;
  for (int k = 0; k < model->n_times; k++) PetscCall(LbTimeDestroy(&model->time[k]));
  for (int k = 0; k < model->n_jumps; k++) PetscCall(PetscFree(model->jump[k].part));
  for (int k = 0; k < model->n_matrices; k++) PetscCall(PetscFree(model->matrix[k]));
  PetscCall(PetscFree(model->time));
  PetscCall(PetscFree(model->dim));
  PetscCall(PetscFree(model->bond));
  PetscCall(PetscFree(model->term));
  PetscCall(PetscFree(model->jump));
  PetscCall(PetscFree(model->matrix));
  PetscCall(PetscMemzero(model, sizeof *model));
  PetscFunctionReturn(PETSC_SUCCESS);
}
