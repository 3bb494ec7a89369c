/* The plan of a matrix-free Lindblad generator on qubits: passes over memory, windows inside them, entries of their rows.

   Pass 0 works in place on blocks of the low sites; what couples higher sites is done in further passes on tiles {0, 1, (2)} and up to six chosen sites, copied into contiguous
   memory, summed from zero and added to y: about 24 bytes of traffic per entry and pass. Inside a pass every term lies in a window of at most three outer sites (four if
   one term needs them), chosen greedily; terms of a single site join the first window that has it.

   Which entries a row sums, and in which order, is fixed by the terms alone: ranks share tiles, or the codes of a tile's highest site, so the bits of y do not depend on how many
   there are. The transposed plan swaps rows and sources. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/isa.h>
#include "pauli.h"

#define BLOCK_SITES 6 /* 4^6 doubles = 32 KB: windows inside go block by block */
#define TILE_SITES  8 /* of a gathered tile at most: 512 KB */

struct _p_LbPlan {
  int              n_sites, n_passes, rank, size, n_times;
  LbPass           pass[64];
  const LbKernels *kernels;
  double          *x_tile, *y_tile, *copy;
  PetscReal       *factors; /* [n_times] that the coefficients hold, times scale */
  PetscReal        scale;
  PetscBool        ready;
  int64_t          n_entries; /* over all windows, per row of the whole vector: for the cost model */
};

TES_KERNEL_DECLARE(LbKernels, LbKernelTable);

const LbKernels *LbKernelsPick(void)
{
  return TES_KERNEL_PICK(LbKernelTable);
}

/* one entry of a window while it is being collected */
typedef struct {
  int    row, source, mask, uniform_lanes; /* mask -1: the same for all lanes */
  int    lane, time;
  double c;
} Item;

typedef struct {
  int   n, room;
  Item *item;
} Items;

static PetscErrorCode AddItem(Items *list, Item item)
{
  PetscFunctionBegin;
  if (list->n == list->room) {
    Item *grown;

    list->room = 2 * list->room + 256;
    PetscCall(PetscMalloc1(list->room, &grown));
    if (list->n) PetscCall(PetscArraycpy(grown, list->item, list->n));
    PetscCall(PetscFree(list->item));
    list->item = grown;
  }
  list->item[list->n++] = item;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static int CompareItems(const void *a, const void *b)
{
  const Item *x = a, *y = b;

  if (x->row != y->row) return x->row < y->row ? -1 : 1;
  if ((x->mask < 0) != (y->mask < 0)) return x->mask < 0 ? -1 : 1;
  if (x->source != y->source) return x->source < y->source ? -1 : 1;
  if (x->mask != y->mask) return x->mask < y->mask ? -1 : 1;
  if (x->lane != y->lane) return x->lane < y->lane ? -1 : 1;
  return x->time - y->time;
}

static int Position(int n, const int list[], int site)
{
  for (int k = 0; k < n; k++)
    if (list[k] == site) return k;
  return -1;
}

/* entries that a term brings to a window: its outer sites are among the window's; lanes that it does not act on are all alike */
static PetscErrorCode CollectTerm(const LbWindow *w, const LbPauliTerm *term, PetscBool transpose, Items *items)
{
  const int n2 = 1 << (2 * term->k);
  int       where[LB_SUPPORT], lane_sites = 0, free_outer[LB_SUPPORT], n_free = 0;

  PetscFunctionBegin;
  for (int s = 0; s < term->k; s++) {
    where[s] = term->site[s] < 2 ? -1 - term->site[s] : Position(w->n_outer, w->outer, term->site[s]);
    if (term->site[s] < 2) lane_sites |= 1 << term->site[s];
  }
  for (int o = 0; o < w->n_outer; o++)
    if (Position(term->k, term->site, w->outer[o]) < 0) free_outer[n_free++] = o;
  for (int out = 0; out < n2; out++)
    for (int in = 0; in < n2; in++) {
      const double c = transpose ? term->g[in * n2 + out] : term->g[out * n2 + in];
      Item         item = {.mask = -1, .time = term->time, .c = c};
      int          lane_out = 0;

      if (c == 0) continue;
      if (lane_sites) item.mask = 0;
      for (int s = 0; s < term->k; s++) {
        const int a = (out >> (2 * s)) & 3, b = (in >> (2 * s)) & 3;

        if (where[s] >= 0) {
          item.row |= a << (2 * where[s]);
          item.source |= b << (2 * where[s]);
        } else {
          lane_out |= a << (2 * (-1 - where[s]));
          item.mask |= (a ^ b) << (2 * (-1 - where[s]));
        }
      }
      for (int f = 0; f < 1 << (2 * n_free); f++) { /* codes of the outer sites that the term leaves alone */
        Item full = item;

        for (int o = 0; o < n_free; o++) {
          const int code = ((f >> (2 * o)) & 3) << (2 * free_outer[o]);

          full.row |= code;
          full.source |= code;
        }
        if (!lane_sites) {
          PetscCall(AddItem(items, full));
          continue;
        }
        for (int other = 0; other < 16; other++) { /* codes of the lane site that the term leaves alone */
          if (((lane_sites & 1) && (other & 3)) || ((lane_sites & 2) && (other >> 2))) continue;
          full.lane = lane_out | other;
          PetscCall(AddItem(items, full));
        }
      }
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* items, sorted, become lists of entries with room for their coefficients */
static PetscErrorCode BuildEntries(LbWindow *w, Items *items)
{
  int n_uniform = 0, n_lane = 0;

  PetscFunctionBegin;
  qsort(items->item, (size_t)items->n, sizeof *items->item, CompareItems);
  for (int pass = 0; pass < 2; pass++) {
    int u = -1, l = -1;

    for (int i = 0; i < items->n; i++) {
      const Item *x = &items->item[i], *before = i ? x - 1 : NULL;
      const int   fresh = !before || before->row != x->row || before->source != x->source || before->mask != x->mask;

      if (x->mask < 0) u += fresh;
      else l += fresh;
      if (!pass) continue;
      if (x->mask < 0) {
        w->uniform_row[u] = x->source;
        w->part_target[i] = u;
        if (fresh) w->uniform[x->row + 1]++;
      } else {
        w->lane_row[l]    = x->source;
        w->lane_mask[l]   = x->mask;
        w->part_target[i] = -1 - (16 * l + x->lane);
        if (fresh) w->lane[x->row + 1]++;
      }
      w->part_time[i] = x->time;
      w->part_c[i]    = x->c;
    }
    if (pass) break;
    n_uniform  = u + 1;
    n_lane     = l + 1;
    w->n_parts = items->n;
    PetscCall(PetscCalloc4(n_uniform + 1, &w->uniform_row, n_uniform + 1, &w->uniform_source, n_uniform + 1, &w->uniform_c, w->n_rows + 1, &w->uniform));
    PetscCall(PetscCalloc5(n_lane + 1, &w->lane_row, n_lane + 1, &w->lane_source, n_lane + 1, &w->lane_mask, 16 * (n_lane + 1), &w->lane_c, w->n_rows + 1, &w->lane));
    PetscCall(PetscMalloc3(items->n + 1, &w->part_target, items->n + 1, &w->part_time, items->n + 1, &w->part_c));
  }
  for (int r = 0; r < w->n_rows; r++) {
    w->uniform[r + 1] += w->uniform[r];
    w->lane[r + 1] += w->lane[r];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static int64_t TileStride(const LbPass *pass, int site)
{
  return (int64_t)1 << (2 * Position(pass->n_sites, pass->site, site));
}

/* offsets of rows and bases; low, high: the codes of the tile's highest site that are this rank's */
static PetscErrorCode BuildOffsets(const LbPass *pass, LbWindow *w, int low, int high)
{
  const int top = pass->site[pass->n_sites - 1], whole = low == 0 && high == 4;
  int       rest[16], n_rest = 0, limit = pass->n_sites, n_bases = 1;
  int64_t   span;

  PetscFunctionBegin;
  w->level = pass->n_sites > BLOCK_SITES ? 0 : 1;
  for (int o = 0; o < w->n_outer; o++)
    if (Position(pass->n_sites, pass->site, w->outer[o]) >= BLOCK_SITES) w->level = 1;
  w->group_site = -1;
  for (int k = 2; k < pass->n_sites; k++) { /* the lowest idle site; not the one whose codes the ranks share */
    if (Position(w->n_outer, w->outer, pass->site[k]) >= 0 || (!whole && pass->site[k] == top)) continue;
    w->group_site = pass->site[k];
    if (k >= BLOCK_SITES) w->level = 1;
    break;
  }
  w->groups       = w->group_site >= 0 ? 4 : 1;
  w->group_stride = w->group_site >= 0 ? TileStride(pass, w->group_site) : 0;
  w->n_rows       = 1 << (2 * w->n_outer);
  if (w->level == 0) limit = BLOCK_SITES;
  for (int k = 2; k < limit; k++)
    if (pass->site[k] != w->group_site && Position(w->n_outer, w->outer, pass->site[k]) < 0) rest[n_rest++] = pass->site[k];
  for (int k = 0; k < n_rest; k++) n_bases *= 4;
  PetscCall(PetscMalloc3(w->n_rows, &w->row, n_bases, &w->base, w->n_rows, &w->active));
  for (int r = 0; r < w->n_rows; r++) {
    w->row[r] = 0;
    for (int o = 0; o < w->n_outer; o++) w->row[r] += ((r >> (2 * o)) & 3) * TileStride(pass, w->outer[o]);
  }
  for (int b = 0; b < n_bases; b++) {
    int64_t at   = 0;
    int     mine = 1;

    for (int k = 0; k < n_rest; k++) {
      const int code = (b >> (2 * k)) & 3;

      at += code * TileStride(pass, rest[k]);
      if (rest[k] == top && (code < low || code >= high)) mine = 0;
    }
    if (mine) w->base[w->n_bases++] = at;
  }
  span      = w->row[w->n_rows - 1] + (w->groups - 1) * w->group_stride + 16;
  w->gather = span > 64 * 64 && w->n_rows * w->groups * 16 <= 256 * 64;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode BuildWindow(const LbPass *pass, const LbPauliTerms *terms, const int member[], int which, PetscBool transpose, PetscBool first, int low, int high, LbWindow *w)
{
  Items     items = {0};
  const int top = pass->site[pass->n_sites - 1], top_outer = Position(w->n_outer, w->outer, top);

  PetscFunctionBegin;
  PetscCall(BuildOffsets(pass, w, low, high));
  for (int t = 0; t < terms->n; t++)
    if (member[t] == which) PetscCall(CollectTerm(w, &terms->term[t], transpose, &items));
  PetscCall(BuildEntries(w, &items));
  PetscCall(PetscFree(items.item));
  for (int e = 0; e < w->uniform[w->n_rows]; e++) w->uniform_source[e] = (int32_t)(w->gather ? (int64_t)w->uniform_row[e] * w->groups * 16 : w->row[w->uniform_row[e]]);
  for (int e = 0; e < w->lane[w->n_rows]; e++) w->lane_source[e] = (int32_t)(w->gather ? (int64_t)w->lane_row[e] * w->groups * 16 : w->row[w->lane_row[e]]);
  w->init = first;
  for (int r = 0; r < w->n_rows; r++) {
    const int code = top_outer >= 0 ? (r >> (2 * top_outer)) & 3 : low;

    if (code < low || code >= high) continue;
    if (first || w->uniform[r + 1] > w->uniform[r] || w->lane[r + 1] > w->lane[r]) w->active[w->n_active++] = r;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- which window a term belongs to ---- */

static int OuterSites(const LbPauliTerm *term, int outer[])
{
  int n = 0;

  for (int s = 0; s < term->k; s++)
    if (term->site[s] >= 2) outer[n++] = term->site[s];
  return n;
}

static PetscBool Covers(int n, const int set[], const LbPauliTerm *term)
{
  int outer[LB_SUPPORT], m = OuterSites(term, outer);

  for (int k = 0; k < m; k++)
    if (Position(n, set, outer[k]) < 0) return PETSC_FALSE;
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
      if (member[t] == -2 && Covers(m, trial, &terms->term[t])) weight += Weight(&terms->term[t]);
    if (weight <= best + 1e-9) continue;
    best = weight;
    memcpy(set, trial, (size_t)m * sizeof *set);
  }
}

/* member[t]: -1 other pass, -2 this pass without a window yet, else number of the window */
static PetscErrorCode ChooseWindows(LbPass *pass, const LbPauliTerms *terms, int member[])
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
      if (member[t] != -2 || !Covers(w->n_outer, w->outer, &terms->term[t])) continue;
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
static PetscErrorCode SortWindows(LbPass *pass, int n_terms, int member[])
{
  LbWindow *sorted;
  int      *at, n = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(pass->n_windows, &sorted, pass->n_windows, &at));
  for (int level = 0; level < 2; level++)
    for (int k = 0; k < pass->n_windows; k++) {
      int high = pass->n_sites <= BLOCK_SITES;

      for (int o = 0; o < pass->window[k].n_outer; o++) high |= Position(pass->n_sites, pass->site, pass->window[k].outer[o]) >= BLOCK_SITES;
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

static int LowSites(int n_sites)
{
  return n_sites <= 9 ? n_sites : n_sites <= 11 ? 7 : n_sites == 12 ? 8 : 9;
}

/* sites of a gathered tile: 0, 1 and those that cover most of what is left; pass_of[t] = -1 for what is left */
static void ChooseTile(int n_sites, const LbPauliTerms *terms, const int pass_of[], LbPass *pass)
{
  int set[16] = {0, 1}, n = 2;

  for (int t = terms->n - 1; t >= 0 && n == 2; t--) { /* the last term of the list is the seed */
    int outer[LB_SUPPORT];

    if (pass_of[t] < 0) {
      const int m = OuterSites(&terms->term[t], outer);

      for (int k = 0; k < m; k++) set[n++] = outer[k];
    }
  }
  while (n < PetscMin(TILE_SITES - 1, n_sites)) {
    double best = 0.5;
    int    take = -1;

    for (int site = n_sites - 1; site >= 2; site--) {
      double weight = 0;

      if (Position(n, set, site) >= 0) continue;
      set[n] = site;
      for (int t = 0; t < terms->n; t++) {
        int outer[LB_SUPPORT], m = OuterSites(&terms->term[t], outer), inside = 0, has = 0;

        if (pass_of[t] >= 0) continue;
        for (int k = 0; k < m; k++) {
          inside += Position(n + 1, set, outer[k]) >= 0;
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
  if (Position(n, set, 2) < 0 && n < PetscMin(TILE_SITES, n_sites)) set[n++] = 2; /* rows of 512 bytes */
  for (int k = 3; n < PetscMin(5, n_sites) && k < n_sites; k++)
    if (Position(n, set, k) < 0) set[n++] = k;
  for (int a = 1; a < n; a++) /* ascending */
    for (int b = a; b && set[b - 1] > set[b]; b--) {
      const int swap = set[b];

      set[b]     = set[b - 1];
      set[b - 1] = swap;
    }
  pass->n_sites = n;
  memcpy(pass->site, set, sizeof set);
}

/* offsets of the codes of a list of sites, lowest fastest, in the whole vector */
static PetscErrorCode Offsets(int n, const int site[], int64_t *count, int64_t **offset)
{
  PetscFunctionBegin;
  *count = (int64_t)1 << (2 * n);
  PetscCall(PetscMalloc1(*count, offset));
  for (int64_t i = 0; i < *count; i++) {
    (*offset)[i] = 0;
    for (int k = 0; k < n; k++) (*offset)[i] += ((i >> (2 * k)) & 3) << (2 * site[k]);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode BuildPass(LbPlan plan, LbPass *pass, const LbPauliTerms *terms, PetscBool transpose, int member[])
{
  int rest[32], n_rest = 0, low = 0, high = 4, share;

  PetscFunctionBegin;
  pass->size    = (int64_t)1 << (2 * pass->n_sites);
  pass->n_tiles = (int64_t)1 << (2 * (plan->n_sites - pass->n_sites));
  if (!pass->direct) {
    for (int m = 0; m < plan->n_sites; m++)
      if (Position(pass->n_sites, pass->site, m) < 0) rest[n_rest++] = m;
    int contiguous = 2;

    while (contiguous < pass->n_sites && pass->site[contiguous] == contiguous) contiguous++;
    pass->piece = 1 << (2 * contiguous);
    PetscCall(Offsets(n_rest, rest, &pass->n_tiles, &pass->tile));
    PetscCall(Offsets(pass->n_sites - contiguous, pass->site + contiguous, &pass->n_pieces, &pass->offset));
  }
  if (pass->n_tiles < plan->size) {
    share = plan->size / (int)pass->n_tiles; /* ranks per tile */
    low   = 4 / share * (plan->rank % share);
    high  = low + 4 / share;
  }
  pass->block    = (int64_t)1 << (2 * PetscMin(BLOCK_SITES, pass->n_sites));
  pass->n_blocks = pass->size / pass->block;
  pass->low      = low;
  pass->high     = high;
  PetscCall(ChooseWindows(pass, terms, member));
  PetscCall(SortWindows(pass, terms->n, member));
  for (int k = 0; k < pass->n_windows; k++) {
    PetscCall(BuildWindow(pass, terms, member, k, transpose, k == 0 ? PETSC_TRUE : PETSC_FALSE, low, high, &pass->window[k]));
    plan->n_entries += (pass->window[k].uniform[pass->window[k].n_rows] + pass->window[k].lane[pass->window[k].n_rows]) / pass->window[k].n_rows;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

int LbPlanRanks(int n_sites, int size)
{
  const int64_t most = (int64_t)4 << (2 * PetscMin(n_sites - PetscMin(LowSites(n_sites), n_sites), 10));
  int           p    = 1;

  while (2 * p <= size && 2 * p <= most && 2 * p <= 4 << (2 * PetscMax(n_sites - TILE_SITES, 0))) p *= 2;
  return p;
}

PetscErrorCode LbPlanCreate(int n_sites, const LbPauliTerms *terms, PetscBool transpose, int n_times, int rank, int size, LbPlan *plan)
{
  LbPlan  p;
  int    *pass_of, *member, left = 0;
  int64_t largest = 0;

  PetscFunctionBegin;
  PetscCheck(n_sites >= 3 && n_sites <= 28, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "windows need 3 to 28 sites, not %d", n_sites);
  PetscCall(PetscNew(&p));
  p->n_sites = n_sites;
  p->rank    = rank;
  p->size    = size;
  p->n_times = n_times;
  p->kernels = LbKernelsPick();
  PetscCall(PetscCalloc1(n_times, &p->factors));
  PetscCall(PetscMalloc2(terms->n + 1, &pass_of, terms->n + 1, &member));
  p->pass[0].direct  = 1;
  p->pass[0].n_sites = LowSites(n_sites);
  for (int m = 0; m < p->pass[0].n_sites; m++) p->pass[0].site[m] = m;
  for (int t = 0; t < terms->n; t++) {
    pass_of[t] = 0;
    for (int s = 0; s < terms->term[t].k; s++)
      if (terms->term[t].site[s] >= p->pass[0].n_sites) pass_of[t] = -1;
    left += pass_of[t] < 0;
  }
  p->n_passes = 1;
  while (left) {
    LbPass *pass = &p->pass[p->n_passes];

    PetscCheck(p->n_passes < 64, PETSC_COMM_SELF, PETSC_ERR_PLIB, "more than 64 passes");
    ChooseTile(n_sites, terms, pass_of, pass);
    for (int t = 0; t < terms->n; t++) {
      if (pass_of[t] >= 0 || !Covers(pass->n_sites, pass->site, &terms->term[t])) continue;
      pass_of[t] = p->n_passes;
      left--;
    }
    p->n_passes++;
  }
  for (int k = 0; k < p->n_passes; k++) {
    for (int t = 0; t < terms->n; t++) member[t] = pass_of[t] == k ? -2 : -1;
    PetscCall(BuildPass(p, &p->pass[k], terms, transpose, member));
    if (!p->pass[k].direct) largest = PetscMax(largest, p->pass[k].size);
  }
  PetscCall(PetscFree2(pass_of, member));
  PetscCheck(!posix_memalign((void **)&p->x_tile, 4096, (size_t)PetscMax(largest, 16) * 8) && !posix_memalign((void **)&p->y_tile, 4096, (size_t)PetscMax(largest, 16) * 8 + 4096) &&
               !posix_memalign((void **)&p->copy, 4096, 256 * 64 * 8),
             PETSC_COMM_SELF, PETSC_ERR_MEM, "no memory for tiles");
  *plan = p;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPlanDestroy(LbPlan *plan)
{
  LbPlan p = *plan;

  PetscFunctionBegin;
  if (!p) PetscFunctionReturn(PETSC_SUCCESS);
  for (int k = 0; k < p->n_passes; k++) {
    for (int i = 0; i < p->pass[k].n_windows; i++) {
      LbWindow *w = &p->pass[k].window[i];

      PetscCall(PetscFree3(w->row, w->base, w->active));
      PetscCall(PetscFree4(w->uniform_row, w->uniform_source, w->uniform_c, w->uniform));
      PetscCall(PetscFree5(w->lane_row, w->lane_source, w->lane_mask, w->lane_c, w->lane));
      PetscCall(PetscFree3(w->part_target, w->part_time, w->part_c));
    }
    PetscCall(PetscFree(p->pass[k].window));
    PetscCall(PetscFree(p->pass[k].tile));
    PetscCall(PetscFree(p->pass[k].offset));
  }
  free(p->x_tile);
  free(p->y_tile);
  free(p->copy);
  PetscCall(PetscFree(p->factors));
  PetscCall(PetscFree(p));
  *plan = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPlanText(LbPlan p, char text[], size_t size)
{
  size_t used = 0;

  PetscFunctionBegin;
  for (int k = 0; k < p->n_passes && used + 1 < size; k++) {
    used += (size_t)snprintf(text + used, size - used, "%spass %d:", k ? "; " : "", k);
    for (int i = 0; i < p->pass[k].n_windows && used + 1 < size; i++) {
      const LbWindow *w = &p->pass[k].window[i];

      used += (size_t)snprintf(text + used, size - used, " {");
      for (int o = 0; o < w->n_outer && used + 1 < size; o++) used += (size_t)snprintf(text + used, size - used, "%s%d", o ? "," : "", w->outer[o]);
      if (used + 1 < size)
        used += (size_t)snprintf(text + used, size - used, "} %.2f+%.2f", (double)w->uniform[w->n_rows] / w->n_rows, (double)w->lane[w->n_rows] / w->n_rows);
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- application ---- */

static PetscErrorCode Refresh(LbPlan p, const PetscReal f[], PetscReal scale)
{
  PetscBool same = p->ready && p->scale == scale ? PETSC_TRUE : PETSC_FALSE;

  PetscFunctionBegin;
  for (int k = 0; k < p->n_times && same; k++) same = p->factors[k] == f[k] ? PETSC_TRUE : PETSC_FALSE;
  if (same) PetscFunctionReturn(PETSC_SUCCESS);
  for (int k = 0; k < p->n_passes; k++)
    for (int i = 0; i < p->pass[k].n_windows; i++) {
      LbWindow *w = &p->pass[k].window[i];

      memset(w->uniform_c, 0, (size_t)w->uniform[w->n_rows] * sizeof *w->uniform_c);
      memset(w->lane_c, 0, 16 * (size_t)w->lane[w->n_rows] * sizeof *w->lane_c);
      for (int q = 0; q < w->n_parts; q++) {
        double *target = w->part_target[q] >= 0 ? &w->uniform_c[w->part_target[q]] : &w->lane_c[-1 - w->part_target[q]];

        *target += scale * f[w->part_time[q]] * w->part_c[q];
      }
    }
  PetscCall(PetscArraycpy(p->factors, f, p->n_times));
  p->scale = scale;
  p->ready = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* all windows of a tile, runs of level 0 block by block; the first one starts the rows */
static void Tile(LbPlan p, const LbPass *pass, const double *x, double *y, LbStartMode mode, const LbStart *start)
{
  for (int k = 0, end; k < pass->n_windows; k = end) {
    const int     level  = pass->window[k].level;
    const int64_t blocks = level ? 1 : pass->n_blocks, first = blocks * pass->low / 4, last = blocks > 1 ? blocks * pass->high / 4 : 1;

    for (end = k + 1; end < pass->n_windows && pass->window[end].level == level; end++)
      ;
    for (int64_t b = first; b < last; b++)
      for (int i = k; i < end; i++) {
        LbStart here = *start;

        if (here.x0) here.x0 += b * pass->block;
        p->kernels->window(&pass->window[i], x + b * pass->block, y + b * pass->block, p->copy, pass->window[i].init ? mode : LB_START_LOAD, &here);
      }
  }
}

PetscErrorCode LbPlanApply(LbPlan p, const PetscReal f[], PetscReal scale, const LbStart *start, const double *x, double *y, PetscErrorCode (*fence)(void *), void *ctx)
{
  PetscFunctionBegin;
  PetscCall(Refresh(p, f, scale));
  for (int k = 0; k < p->n_passes; k++) {
    const LbPass *pass  = &p->pass[k];
    const int64_t ranks = PetscMin((int64_t)p->size, pass->n_tiles), share = p->size / ranks, mine = p->rank / share;
    const int64_t from = pass->n_tiles * mine / ranks, to = pass->n_tiles * (mine + 1) / ranks;

    if (k && fence) PetscCall(fence(ctx));
    for (int64_t t = from; t < to; t++) {
      if (pass->direct) {
        LbStart here = *start;

        if (here.x0) here.x0 += t * pass->size;
        Tile(p, pass, x + t * pass->size, y + t * pass->size, LB_START_FUSED, &here);
      } else {
        const int64_t first = pass->n_pieces / share * (p->rank % share), count = pass->n_pieces / share;

        p->kernels->gather(pass->n_pieces, pass->offset, pass->piece, x + pass->tile[t], p->x_tile);
        Tile(p, pass, p->x_tile, p->y_tile, LB_START_ZERO, start);
        p->kernels->scatter_add(count, pass->offset + first, pass->piece, p->y_tile + first * pass->piece, y + pass->tile[t]);
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
