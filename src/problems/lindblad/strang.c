/* Symmetric splitting of exp(h L) into maps of one support each, qubits only.

   L = sum_k L_k, one generator per site (fields and local dissipators together) and one per support of more sites. S(h) = e^{L_1 h/2} ... e^{L_K h} ... e^{L_1 h/2} has order 2, and every factor is
   completely positive and keeps the trace, so positivity holds to rounding at any step. Factors are 4^k x 4^k matrices, their zeros skipped, applied in place: no vector beside the state.
   With time-dependent factors L is taken at the middle of the step.

   strang4 = (4 S(h/2)^2 - S(h)) / 3 has order 4; trace exact, positivity to the error. d = S(h/2)^2 - S(h) is of order h^3; d^(5/3) stands for the error of the extrapolated step, of order h^5. */
#include <math.h>
#include <string.h>
#include <tessera/linalg.h>
#include "integrator.h"
#include "pauli.h"

#define LANES 64

typedef struct {
  int     k, site[LB_SUPPORT];
  double *whole, *half;       /* [4^k][4^k] exponentials of h and h/2 */
  int    *start, *column;     /* nonzeros by rows of either */
  double *value_whole, *value_half;
} Factor;

typedef struct {
  LbPauliTerms terms;
  int          n;
  Factor      *factor;
  PetscReal    h;
  PetscReal   *f;
  PetscBool    ready;
} Split;

PetscErrorCode LbSplitSetUp(LbIntegrator g)
{
  Split *s;

  PetscFunctionBegin;
  PetscCall(PetscNew(&s));
  g->data = s;
  PetscCall(LbPauliTermsCreate(g->model, &s->terms));
  PetscCall(PetscCalloc1(s->terms.n + 1, &s->factor));
  PetscCall(PetscCalloc1(g->model->n_times, &s->f));
  for (int width = 1; width <= LB_SUPPORT; width++)
    for (int t = 0; t < s->terms.n; t++) {
      const LbPauliTerm *term = &s->terms.term[t];
      const int          n2 = 1 << (2 * term->k);
      Factor            *factor;
      int                at;

      if (term->k != width) continue;
      for (at = 0; at < s->n; at++)
        if (s->factor[at].k == term->k && !memcmp(s->factor[at].site, term->site, (size_t)term->k * sizeof *term->site)) break;
      if (at < s->n) continue;
      factor    = &s->factor[s->n++];
      factor->k = term->k;
      memcpy(factor->site, term->site, sizeof term->site);
      PetscCall(PetscMalloc6(n2 * n2, &factor->whole, n2 * n2, &factor->half, n2 + 1, &factor->start, n2 * n2, &factor->column, n2 * n2, &factor->value_whole, n2 * n2, &factor->value_half));
    }
  g->h = g->deck.step;
  if (!(g->h > 0)) {
    PetscReal bound = 0;

    for (int k = 0; k < g->model->n_times; k++) bound += g->decay_of[k] + g->width[k];
    g->h = 0.1 / PetscMax(bound, 1e-12);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbSplitDestroy(LbIntegrator g)
{
  Split *s = g->data;

  PetscFunctionBegin;
  if (!s) PetscFunctionReturn(PETSC_SUCCESS);
  for (int k = 0; k < s->n; k++)
    PetscCall(PetscFree6(s->factor[k].whole, s->factor[k].half, s->factor[k].start, s->factor[k].column, s->factor[k].value_whole, s->factor[k].value_half));
  PetscCall(PetscFree(s->factor));
  PetscCall(PetscFree(s->f));
  PetscCall(LbPauliTermsDestroy(&s->terms));
  PetscCall(PetscFree(s));
  g->data = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Refresh(LbIntegrator g, const PetscReal f[], PetscReal h)
{
  Split    *s    = g->data;
  PetscBool same = s->ready && s->h == h ? PETSC_TRUE : PETSC_FALSE;

  PetscFunctionBegin;
  for (int k = 0; k < g->model->n_times && same; k++) same = s->f[k] == f[k] ? PETSC_TRUE : PETSC_FALSE;
  if (same) PetscFunctionReturn(PETSC_SUCCESS);
  for (int k = 0; k < s->n; k++) {
    Factor    *factor = &s->factor[k];
    const int  n2     = 1 << (2 * factor->k);
    PetscReal *sum;
    int        n = 0;

    PetscCall(PetscCalloc1(n2 * n2, &sum));
    for (int t = 0; t < s->terms.n; t++) {
      const LbPauliTerm *term = &s->terms.term[t];

      if (term->k != factor->k || memcmp(term->site, factor->site, (size_t)term->k * sizeof *term->site)) continue;
      for (int e = 0; e < n2 * n2; e++) sum[e] += h * f[term->time] * term->g[e];
    }
    PetscCall(TesExpm(n2, sum, factor->whole));
    for (int e = 0; e < n2 * n2; e++) sum[e] /= 2;
    PetscCall(TesExpm(n2, sum, factor->half));
    PetscCall(PetscFree(sum));
    for (int i = 0; i < n2; i++) {
      factor->start[i] = n;
      for (int j = 0; j < n2; j++) {
        double *w = &factor->whole[i * n2 + j], *v = &factor->half[i * n2 + j];

        if (i == 0) *w = *v = j == 0; /* the trace is kept: the first row is that of the identity */
        if (PetscAbsReal(*w) < 1e-17 && PetscAbsReal(*v) < 1e-17) continue;
        factor->column[n]       = j;
        factor->value_whole[n]  = *w;
        factor->value_half[n++] = *v;
      }
    }
    factor->start[n2] = n;
  }
  s->h     = h;
  s->ready = PETSC_TRUE;
  PetscCall(PetscArraycpy(s->f, f, g->model->n_times));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* row a of M x on one run of lanes */
static inline void Row(const Factor *factor, const double *value, int a, PetscInt64 lanes, const double (*in)[LANES], double *out)
{
  for (PetscInt64 l = 0; l < lanes; l++) out[l] = 0;
  for (int e = factor->start[a]; e < factor->start[a + 1]; e++) {
    const double c = value[e], *v = in[factor->column[e]];

    for (PetscInt64 l = 0; l < lanes; l++) out[l] += c * v[l];
  }
}

/* x <- M x on the codes of the factor's sites; ranks share the runs of the other sites */
static void Apply(const LbSpace *space, const Factor *factor, PetscBool whole, double *x)
{
  const int        k = factor->k, n2 = 1 << (2 * k);
  const PetscInt64 run  = (PetscInt64)1 << (2 * factor->site[0]), lanes = PetscMin(run, LANES);
  const PetscInt64 runs = space->n_entries / n2 / lanes, from = runs * space->rank / space->size, to = runs * (space->rank + 1) / space->size;
  const double    *value = whole ? factor->value_whole : factor->value_half;
  PetscInt64       offset[256];
  double           in[256][LANES], out[LANES];

  for (int a = 0; a < n2; a++) {
    offset[a] = 0;
    for (int s = 0; s < k; s++) offset[a] += (PetscInt64)((a >> (2 * s)) & 3) << (2 * factor->site[s]);
  }
  for (PetscInt64 r = from; r < to; r++) {
    PetscInt64 base = r * lanes;

    for (int s = 0; s < k; s++) { /* put a zero code in at each site */
      const PetscInt64 low = base & (((PetscInt64)1 << (2 * factor->site[s])) - 1);

      base = low | ((base - low) << 2);
    }
    for (int a = 0; a < n2; a++) memcpy(in[a], x + base + offset[a], (size_t)lanes * sizeof **in);
    for (int a = 0; a < n2; a++) {
      Row(factor, value, a, lanes, in, out);
      memcpy(x + base + offset[a], out, (size_t)lanes * sizeof *out);
    }
  }
}

/* a number without the bits of the factor's sites becomes an index of this rank with zeros there */
static PetscInt64 LocalBase(const Factor *factor, int local, PetscInt64 base)
{
  for (int s = 0; s < factor->k; s++) {
    const int        width = PetscMax(0, PetscMin(2, local - 2 * factor->site[s]));
    const PetscInt64 low   = width ? base & (((PetscInt64)1 << (2 * factor->site[s])) - 1) : base;

    base = low | ((base - low) << width);
  }
  return base;
}

/* The same where ranks hold their own entries only: the ranks that differ in bits of the factor's sites send each other their codes, some runs at a time. */
static PetscErrorCode ApplyMessages(const LbSpace *space, const Factor *factor, PetscBool whole, double *x)
{
  const int        k = factor->k, n2 = 1 << (2 * k);
  const PetscInt64 n_local = space->part.n_local, lanes = PetscMin(PetscMin((PetscInt64)1 << (2 * factor->site[0]), LANES), n_local);
  const double    *value = whole ? factor->value_whole : factor->value_half;
  const size_t     wanted = space->buffer ? space->buffer : PetscMin((size_t)1 << 26, PetscMax((size_t)1 << 18, (size_t)n_local));
  int              local = 0, group = 1, own, member[256], count = 0, code[256], place[256];
  PetscInt64       runs, chunk, offset[256];
  double           in[256][LANES], out[LANES], *send, *receive;
  MPI_Request     *request;

  PetscFunctionBegin;
  while ((PetscInt64)1 << local < n_local) local++;
  for (int a = 0; a < n2; a++) { /* member[a]: rank that owns code a; place[a]: its number among that rank's codes */
    PetscInt64 at = 0;
    int        bits = 0;

    for (int s = 0; s < k; s++) {
      at += (PetscInt64)((a >> (2 * s)) & 3) << (2 * factor->site[s]);
      for (int bit = 0; bit < 2; bit++)
        if (2 * factor->site[s] + bit >= local) bits |= 1 << (2 * factor->site[s] + bit - local);
    }
    member[a] = (space->rank & ~bits) | (int)(at >> local);
    offset[a] = at & (n_local - 1);
    if (a == 0)
      for (int b = bits; b; b &= b - 1) group *= 2;
    if (member[a] == space->rank) code[count++] = a;
  }
  own  = n2 / group;
  runs = n_local / lanes / own;
  for (int a = 0; a < n2; a++) {
    place[a] = 0;
    for (int b = 0; b < a; b++) place[a] += member[b] == member[a];
  }
  chunk = PetscMax(1, PetscMin(runs, (PetscInt64)wanted / 8 / lanes / n2));
  PetscCall(PetscMalloc3(chunk * own * lanes, &send, chunk * n2 * lanes, &receive, 2 * group, &request));
  for (PetscInt64 from = 0; from < runs; from += chunk) {
    const PetscInt64 n = PetscMin(chunk, runs - from), part = n * own * lanes;
    int              n_requests = 0, others = 0, slot[256];

    for (PetscInt64 r = 0; r < n; r++)
      for (int q = 0; q < own; q++) memcpy(send + (r * own + q) * lanes, x + LocalBase(factor, local, (from + r) * lanes) + offset[code[q]], (size_t)lanes * sizeof *send);
    for (int a = 0; a < n2; a++) {
      slot[a] = -1;
      for (int b = 0; b < a; b++)
        if (member[b] == member[a]) slot[a] = slot[b];
      if (slot[a] >= 0 || member[a] == space->rank) continue;
      slot[a] = others++;
      PetscCallMPI(MPI_Irecv(receive + slot[a] * part, (int)part, MPI_DOUBLE, member[a], 13, space->comm, &request[n_requests++]));
      PetscCallMPI(MPI_Isend(send, (int)part, MPI_DOUBLE, member[a], 13, space->comm, &request[n_requests++]));
    }
    PetscCallMPI(MPI_Waitall(n_requests, request, MPI_STATUSES_IGNORE));
    for (PetscInt64 r = 0; r < n; r++) {
      const PetscInt64 base = LocalBase(factor, local, (from + r) * lanes);

      for (int a = 0; a < n2; a++)
        memcpy(in[a], member[a] == space->rank ? x + base + offset[a] : receive + slot[a] * part + (r * own + place[a]) * lanes, (size_t)lanes * sizeof **in);
      for (int q = 0; q < own; q++) {
        Row(factor, value, code[q], lanes, in, out);
        memcpy(x + base + offset[code[q]], out, (size_t)lanes * sizeof *out);
      }
    }
  }
  PetscCall(PetscFree3(send, receive, request));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ApplyFactor(const LbSpace *space, const Factor *factor, PetscBool whole, LbVec *x)
{
  PetscFunctionBegin;
  if (space->messages) PetscCall(ApplyMessages(space, factor, whole, x->own));
  else Apply(space, factor, whole, x->all);
  PetscCall(LbFence(space));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbSplitStep(LbIntegrator g, const PetscReal f[], PetscReal h, LbVec *x)
{
  Split *s;

  PetscFunctionBegin;
  PetscCall(Refresh(g, f, h));
  s = g->data;
  PetscCall(LbFence(g->space));
  for (int k = 0; k < s->n; k++) PetscCall(ApplyFactor(g->space, &s->factor[k], k == s->n - 1 ? PETSC_TRUE : PETSC_FALSE, x));
  for (int k = s->n - 2; k >= 0; k--) PetscCall(ApplyFactor(g->space, &s->factor[k], PETSC_FALSE, x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbStrangAdvance(LbIntegrator g, PetscReal t, PetscReal end, LbVec *x)
{
  const PetscInt64 steps = (PetscInt64)PetscMax(1, PetscCeilReal((end - t) / g->h - 1e-9));
  const PetscReal  h     = (end - t) / (PetscReal)steps;

  PetscFunctionBegin;
  for (PetscInt64 k = 0; k < steps; k++) {
    LbModelFactors(g->model, t + ((PetscReal)k + 0.5) * h, g->factors);
    PetscCall(LbSplitStep(g, g->factors, h, x));
  }
  g->accepted += steps;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbStrang4Advance(LbIntegrator g, PetscReal t, PetscReal end, LbVec *x)
{
  LbVec    *whole = &g->work[0], *before = &g->work[1];
  PetscReal now   = t;

  PetscFunctionBegin;
  while (now < end) {
    const PetscBool cut  = now + g->h >= end - 1e-13 * PetscMax(PetscAbsReal(end), g->h) ? PETSC_TRUE : PETSC_FALSE;
    const PetscReal h    = cut ? end - now : g->h;
    const LbVec    *v[2] = {x, whole};
    const double    difference[2] = {1, -1}, extrapolate[2] = {4. / 3, -1. / 3};
    PetscReal       error;

    PetscCall(LbVecCopy(g->space, x, before));
    PetscCall(LbVecCopy(g->space, x, whole));
    LbModelFactors(g->model, now + h / 2, g->factors);
    PetscCall(LbSplitStep(g, g->factors, h, whole));
    LbModelFactors(g->model, now + h / 4, g->factors);
    PetscCall(LbSplitStep(g, g->factors, h / 2, x));
    LbModelFactors(g->model, now + 3 * h / 4, g->factors);
    PetscCall(LbSplitStep(g, g->factors, h / 2, x));
    PetscCall(LbMaxCombine(g->space, 2, difference, v, &error));
    error = g->deck.step > 0 ? 0 : PetscPowReal(error, 5. / 3) / (g->deck.atol + g->deck.rtol);
    if (error <= 1) {
      PetscCall(LbCombine(g->space, 2, extrapolate, v, x));
      now = cut ? end : now + h;
      g->accepted++;
      g->error = PetscMax(g->error, error);
    } else {
      PetscCall(LbVecCopy(g->space, before, x));
      g->rejected++;
    }
    if (g->deck.step <= 0 && (!cut || error > 1)) {
      g->h = h * PetscMin(4, PetscMax(0.2, 0.9 * PetscPowReal(PetscMax(error, 1e-10), -0.2)));
      PetscCheck(g->h > 1e-14 * PetscMax(PetscAbsReal(end - t), 1e-300) && isfinite(error), g->space->comm, TES_ERR_NUMBERS,
                 "the splitting step became too small at t = %.10g: h = %.3g, error estimate %.3g of the tolerance", (double)now, (double)g->h, (double)error);
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
