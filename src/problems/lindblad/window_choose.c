/* Which pass and which window a term belongs to: greedy choices that depend on the terms alone, never on the ranks, since they fix the order of summation. */
#include <string.h>
#include "window.h"

/* ---- which window a term belongs to ---- */

static int OuterSites(const LbPauliTerm *term, int outer[])
{
  int n = 0;

  for (int s = 0; s < term->k; s++)
    if (term->site[s] >= 2) outer[n++] = term->site[s];
  return n;
}

PetscBool LbCovers(int n, const int set[], const LbPauliTerm *term)
{
  int outer[LB_SUPPORT], m = OuterSites(term, outer);

  for (int k = 0; k < m; k++)
    if (LbPosition(n, set, outer[k]) < 0) return PETSC_FALSE;
  return PETSC_TRUE;
}

/* Entries of a row that a term brings, as weight of the greedy choice; terms of one outer site count little, they find a place anyhow. */
static double Weight(const LbPauliTerm *term)
{
  int outer[LB_SUPPORT];

  return OuterSites(term, outer) >= 2 ? 1 : 0.01;
}

/* the best set of `width` outer sites of the tile for what is left */
static void BestSet(const LbPass *pass, const LbPauliTerms *terms, const int member[], int width, int set[])
{
  const int n = pass->n_sites - 2, *site = pass->site + 2;
  double    best = -1;

  for (int mask = 0; mask < 1 << n; mask++) {
    int    trial[16], m = 0;
    double weight = 0;

    if (__builtin_popcount((unsigned)mask) != PetscMin(width, n)) continue;
    for (int k = 0; k < n; k++)
      if (mask >> k & 1) trial[m++] = site[k];
    for (int t = 0; t < terms->n; t++)
      if (member[t] == -2 && LbCovers(m, trial, &terms->term[t])) weight += Weight(&terms->term[t]);
    if (weight <= best + 1e-9) continue;
    best = weight;
    memcpy(set, trial, (size_t)m * sizeof *set);
  }
}

/* member[t]: -1 other pass, -2 this pass without a window yet, else number of the window */
PetscErrorCode LbChooseWindows(LbPass *pass, const LbPauliTerms *terms, int member[])
{
  const int n_outer = pass->n_sites - 2;
  LbWindow *windows;
  int       left = 0;

  PetscFunctionBegin;
  PetscCall(PetscCalloc1(terms->n + 1, &windows));
  for (int t = 0; t < terms->n; t++) left += member[t] == -2;
  while (left || !pass->n_windows) {
    LbWindow *w     = &windows[pass->n_windows];
    int       width = PetscMin(3, n_outer), wide = 0;

    for (int t = 0; t < terms->n; t++) { /* a term of four outer sites gets a window of its own width */
      int outer[LB_SUPPORT];

      if (member[t] == -2) wide = PetscMax(wide, OuterSites(&terms->term[t], outer));
    }
    if (wide > width) width = wide;
    w->n_outer = PetscMin(width, n_outer);
    BestSet(pass, terms, member, width, w->outer);
    for (int t = 0; t < terms->n; t++) {
      if (member[t] != -2 || !LbCovers(w->n_outer, w->outer, &terms->term[t])) continue;
      member[t] = pass->n_windows;
      left--;
    }
    pass->n_windows++;
  }
  PetscCall(PetscMalloc1(pass->n_windows, &pass->window));
  PetscCall(PetscArraycpy(pass->window, windows, pass->n_windows));
  PetscCall(PetscFree(windows));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* windows of level 0 first, since they go block by block; the order decides the order of summation */
PetscErrorCode LbSortWindows(LbPass *pass, int n_terms, int member[])
{
  LbWindow *sorted;
  int      *at, n = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(pass->n_windows, &sorted, pass->n_windows, &at));
  for (int level = 0; level < 2; level++)
    for (int k = 0; k < pass->n_windows; k++) {
      int high = pass->n_sites <= LB_BLOCK_SITES;

      for (int o = 0; o < pass->window[k].n_outer; o++) high |= LbPosition(pass->n_sites, pass->site, pass->window[k].outer[o]) >= LB_BLOCK_SITES;
      if (high != level) continue;
      at[k]       = n;
      sorted[n++] = pass->window[k];
    }
  PetscCall(PetscArraycpy(pass->window, sorted, n));
  for (int t = 0; t < n_terms; t++)
    if (member[t] >= 0) member[t] = at[member[t]];
  PetscCall(PetscFree2(sorted, at));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- which pass a term belongs to ---- */

int LbLowSites(int n_sites)
{
  return n_sites <= 9 ? n_sites : n_sites <= 11 ? 7 : n_sites == 12 ? 8 : 9;
}

/* sites of a gathered tile: 0, 1 and those that cover most of what is left; pass_of[t] = -1 for what is left */
void LbChooseTile(int n_sites, const LbPauliTerms *terms, const int pass_of[], LbPass *pass)
{
  int set[16] = {0, 1}, n = 2;

  for (int t = terms->n - 1; t >= 0 && n == 2; t--) { /* the last term of the list is the seed */
    int outer[LB_SUPPORT];

    if (pass_of[t] < 0) {
      const int m = OuterSites(&terms->term[t], outer);

      for (int k = 0; k < m; k++) set[n++] = outer[k];
    }
  }
  while (n < PetscMin(LB_TILE_SITES - 1, n_sites)) {
    double best = 0.5;
    int    take = -1;

    for (int site = n_sites - 1; site >= 2; site--) {
      double weight = 0;

      if (LbPosition(n, set, site) >= 0) continue;
      set[n] = site;
      for (int t = 0; t < terms->n; t++) {
        int outer[LB_SUPPORT], m = OuterSites(&terms->term[t], outer), inside = 0, has = 0;

        if (pass_of[t] >= 0) continue;
        for (int k = 0; k < m; k++) {
          inside += LbPosition(n + 1, set, outer[k]) >= 0;
          has |= outer[k] == site;
        }
        if (has) weight += inside == m ? 4 : inside >= 2 ? 1 : 0.1;
      }
      if (weight <= best) continue;
      best = weight;
      take = site;
    }
    if (take < 0) break;
    set[n++] = take;
  }
  if (LbPosition(n, set, 2) < 0 && n < PetscMin(LB_TILE_SITES, n_sites)) set[n++] = 2; /* rows of 512 bytes */
  for (int k = 3; n < PetscMin(5, n_sites) && k < n_sites; k++)
    if (LbPosition(n, set, k) < 0) set[n++] = k;
  for (int a = 1; a < n; a++) /* ascending */
    for (int b = a; b && set[b - 1] > set[b]; b--) {
      const int swap = set[b];

      set[b]     = set[b - 1];
      set[b - 1] = swap;
    }
  pass->n_sites = n;
  memcpy(pass->site, set, sizeof set);
}

