/* Local generators of qubit models in the Pauli basis.

   Terms with the same support and the same factor of time are added up. G_ab = Tr(sigma_a L[sigma_b]) / 2^k is formed from sandwiches A sigma_b B on the support:
     -i [H, .],   g (J . J+ - 1/2 {J+ J, .}),
   a collective jump J = sum_p c_p J_p by its pairs (p, q): c_p conj(c_q) (J_p . J_q+ - 1/2 {J_q+ J_p, .}), whose sum with (q, p) is real. Pauli strings have one entry per row,
   so a sandwich costs 8^k + 4^k 2^k per column, k <= 4. */
#include <string.h>
#include <stdio.h>
#include "pauli.h"

/* row r of sigma_a has its one entry at column r ^ flip with value phase[r] */
static int PauliRow(int k, int code, int r, LbComplex *phase)
{
  LbComplex p    = 1;
  int       flip = 0;

  for (int s = 0; s < k; s++) {
    const int c = (code >> (2 * s)) & 3, bit = (r >> s) & 1;

    if (c == 1 || c == 2) flip |= 1 << s;
    if (c == 2) p *= bit ? LB_I : -LB_I;
    if (c == 3 && bit) p = -p;
  }
  *phase = p;
  return r ^ flip;
}

void LbPauliCoefficients(int k, const LbComplex *m, LbComplex *o)
{
  const int n = 1 << k;

  for (int a = 0; a < n * n; a++) {
    o[a] = 0;
    for (int r = 0; r < n; r++) {
      LbComplex phase;
      const int c = PauliRow(k, a, r, &phase);

      o[a] += phase * m[c * n + r];
    }
    o[a] /= n;
  }
}

void LbPauliMatrix(int k, const double *x, LbComplex *m)
{
  const int n = 1 << k;

  memset(m, 0, (size_t)(n * n) * sizeof *m);
  for (int a = 0; a < n * n; a++)
    for (int r = 0; r < n; r++) {
      LbComplex phase;
      const int c = PauliRow(k, a, r, &phase);

      m[r * n + c] += phase * x[a] / n;
    }
}

/* G += Re(c Tr(sigma_a A sigma_b B)) / 2^k */
static PetscErrorCode Sandwich(int k, LbComplex c, const LbComplex *a, const LbComplex *b, double *g)
{
  const int  n = 1 << k, n2 = n * n;
  LbComplex *left, *full, *o;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3(n2, &left, n2, &full, n2, &o));
  for (int code = 0; code < n2; code++) {
    for (int r = 0; r < n; r++) {
      LbComplex phase;
      const int column = PauliRow(k, code, r, &phase);

      for (int i = 0; i < n; i++) left[i * n + column] = a[i * n + r] * phase;
    }
    memset(full, 0, (size_t)n2 * sizeof *full);
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++)
        for (int q = 0; left[i * n + j] != 0 && q < n; q++) full[i * n + q] += left[i * n + j] * b[j * n + q];
    LbPauliCoefficients(k, full, o); /* Tr(sigma_a M) / 2^k, as the trace of the other order */
    for (int out = 0; out < n2; out++) g[out * n2 + code] += creal(c * o[out]);
  }
  PetscCall(PetscFree3(left, full, o));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* union of the sites of two products, ascending; -1 if there are too many */
static int Support(const LbProduct *p, const LbProduct *q, int site[])
{
  int k = 0;

  for (int side = 0; side < 2; side++) {
    const LbProduct *x = side ? q : p;

    for (int f = 0; x && f < x->n; f++) {
      int at, found = 0;

      for (int s = 0; s < k; s++) found |= site[s] == x->site[f];
      if (found) continue;
      if (k == LB_SUPPORT) return -1;
      for (at = k; at && site[at - 1] > x->site[f]; at--) site[at] = site[at - 1];
      site[at] = x->site[f];
      k++;
    }
  }
  return k;
}

static PetscErrorCode FindTerm(LbPauliTerms *terms, int k, const int site[], int time, LbPauliTerm **term)
{
  PetscFunctionBegin;
  for (int t = 0; t < terms->n; t++) {
    *term = &terms->term[t];
    if ((*term)->k == k && (*term)->time == time && !memcmp((*term)->site, site, (size_t)k * sizeof *site)) PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (terms->n == terms->room) {
    LbPauliTerm *grown;

    terms->room = 2 * terms->room + 32;
    PetscCall(PetscMalloc1(terms->room, &grown));
    if (terms->n) PetscCall(PetscArraycpy(grown, terms->term, terms->n));
    PetscCall(PetscFree(terms->term));
    terms->term = grown;
  }
  *term         = &terms->term[terms->n++];
  (*term)->k    = k;
  (*term)->time = time;
  PetscCall(PetscArraycpy((*term)->site, site, k));
  PetscCall(PetscCalloc1((size_t)1 << (4 * k), &(*term)->g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Identity(int n, LbComplex *m)
{
  memset(m, 0, (size_t)(n * n) * sizeof *m);
  for (int i = 0; i < n; i++) m[i * n + i] = 1;
}

static PetscErrorCode TooWide(LbPauliTerms *terms, const char what[], int item)
{
  PetscFunctionBegin;
  snprintf(terms->problem, sizeof terms->problem, "%s[%d] acts on more than %d sites at once, which the density solver does not do: split it, or take solver: trajectories", what, item,
           LB_SUPPORT);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddHamiltonian(const LbModel *model, const LbTerm *h, LbPauliTerms *terms)
{
  LbPauliTerm *term;
  LbComplex    a[256], one[256];
  int          site[LB_SUPPORT], k = Support(&h->p, NULL, site);

  PetscFunctionBegin;
  if (k < 0) {
    PetscCall(TooWide(terms, "hamiltonian", h->item));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(FindTerm(terms, k, site, h->time, &term));
  LbEmbed(model, k, site, h->coef, &h->p, a);
  Identity(1 << k, one);
  PetscCall(Sandwich(k, -LB_I, a, one, term->g));
  PetscCall(Sandwich(k, LB_I, one, a, term->g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddPair(const LbModel *model, const LbJump *jump, int p, int q, LbPauliTerms *terms)
{
  LbPauliTerm *term;
  LbComplex    a[256], b[256], k2[256], one[256], b_adjoint[256];
  int          site[LB_SUPPORT], k = Support(&jump->part[p].p, &jump->part[q].p, site), n;

  PetscFunctionBegin;
  if (k < 0) {
    PetscCall(TooWide(terms, "jumps", jump->item));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  n = 1 << k;
  PetscCall(FindTerm(terms, k, site, jump->time, &term));
  LbEmbed(model, k, site, jump->part[p].coef, &jump->part[p].p, a);
  LbEmbed(model, k, site, jump->part[q].coef, &jump->part[q].p, b);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) b_adjoint[i * n + j] = conj(b[j * n + i]);
  memset(k2, 0, sizeof k2);
  for (int i = 0; i < n; i++)
    for (int l = 0; l < n; l++)
      for (int j = 0; j < n; j++) k2[i * n + j] += b_adjoint[i * n + l] * a[l * n + j];
  Identity(n, one);
  PetscCall(Sandwich(k, jump->rate, a, b_adjoint, term->g));
  PetscCall(Sandwich(k, -0.5 * jump->rate, k2, one, term->g));
  PetscCall(Sandwich(k, -0.5 * jump->rate, one, k2, term->g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPauliTermsCreate(const LbModel *model, LbPauliTerms *terms)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(terms, sizeof *terms));
  for (int t = 0; t < model->n_terms && !terms->problem[0]; t++) PetscCall(AddHamiltonian(model, &model->term[t], terms));
  for (int j = 0; j < model->n_jumps && !terms->problem[0]; j++)
    for (int p = 0; p < model->jump[j].n; p++)
      for (int q = 0; q < model->jump[j].n && !terms->problem[0]; q++) PetscCall(AddPair(model, &model->jump[j], p, q, terms));
  for (int t = 0; t < terms->n; t++) { /* what is rounding is nothing; row 0 vanishes since the trace is kept */
    LbPauliTerm *term = &terms->term[t];
    const int    n2   = 1 << (2 * term->k);
    double       max  = 0;

    for (int e = 0; e < n2 * n2; e++) max = PetscMax(max, PetscAbsReal(term->g[e]));
    for (int e = 0; e < n2 * n2; e++)
      if (e < n2 || PetscAbsReal(term->g[e]) <= 1e-14 * max) term->g[e] = 0;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPauliTermsDestroy(LbPauliTerms *terms)
{
  PetscFunctionBegin;
  for (int t = 0; t < terms->n; t++) PetscCall(PetscFree(terms->term[t].g));
  PetscCall(PetscFree(terms->term));
  PetscCall(PetscMemzero(terms, sizeof *terms));
  PetscFunctionReturn(PETSC_SUCCESS);
}
