/* Windows of a plan: which entries a row sums, and where rows lie in a tile.

   A term on sites of the tile brings entries to the one window that has its outer sites: for every row (codes of the window's outer sites) a source row and a coefficient, the same for all
   lanes or one per lane. Entries are sorted, so their order is fixed by the terms alone; a rank's share of a tile decides only which rows it sums. */
#include <stdlib.h>
#include <string.h>
#include "window.h"

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

int LbPosition(int n, const int list[], int site)
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
    where[s] = term->site[s] < 2 ? -1 - term->site[s] : LbPosition(w->n_outer, w->outer, term->site[s]);
    if (term->site[s] < 2) lane_sites |= 1 << term->site[s];
  }
  for (int o = 0; o < w->n_outer; o++)
    if (LbPosition(term->k, term->site, w->outer[o]) < 0) free_outer[n_free++] = o;
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
  return (int64_t)1 << (2 * LbPosition(pass->n_sites, pass->site, site));
}

/* the codes of a site of the tile that are this share's: the share owns the tile's indices whose highest bits are its number */
static void Codes(const LbPass *pass, int position, int *low, int *high)
{
  const int fixed = 2 * pass->n_sites - pass->share_bits; /* bits from here on are those of the share */

  *low  = 0;
  *high = 4;
  if (2 * position >= fixed) {
    *low  = (pass->share >> (2 * position - fixed)) & 3;
    *high = *low + 1;
  } else if (2 * position + 1 == fixed) {
    *low  = 2 * (pass->share & 1);
    *high = *low + 2;
  }
}

static PetscBool Shared(const LbPass *pass, int position)
{
  return 2 * position + 1 >= 2 * pass->n_sites - pass->share_bits && pass->share_bits ? PETSC_TRUE : PETSC_FALSE;
}

/* offsets of rows and bases */
static PetscErrorCode BuildOffsets(const LbPass *pass, LbWindow *w)
{
  int     rest[16], n_rest = 0, limit = pass->n_sites, n_bases = 1; /* positions in the tile */
  int64_t span;

  PetscFunctionBegin;
  w->level = pass->n_sites > LB_BLOCK_SITES && !Shared(pass, LB_BLOCK_SITES - 1) ? 0 : 1;
  for (int o = 0; o < w->n_outer; o++)
    if (LbPosition(pass->n_sites, pass->site, w->outer[o]) >= LB_BLOCK_SITES) w->level = 1;
  w->group_site = -1;
  for (int k = 2; k < pass->n_sites; k++) { /* the lowest idle site; not one whose codes the ranks share */
    if (LbPosition(w->n_outer, w->outer, pass->site[k]) >= 0 || Shared(pass, k)) continue;
    w->group_site = pass->site[k];
    if (k >= LB_BLOCK_SITES) w->level = 1;
    break;
  }
  w->groups       = w->group_site >= 0 ? 4 : 1;
  w->group_stride = w->group_site >= 0 ? TileStride(pass, w->group_site) : 0;
  w->n_rows       = 1 << (2 * w->n_outer);
  if (w->level == 0) limit = LB_BLOCK_SITES;
  for (int k = 2; k < limit; k++)
    if (pass->site[k] != w->group_site && LbPosition(w->n_outer, w->outer, pass->site[k]) < 0) rest[n_rest++] = k;
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
      int       low, high;

      Codes(pass, rest[k], &low, &high);
      at += (int64_t)code << (2 * rest[k]);
      if (code < low || code >= high) mine = 0;
    }
    if (mine) w->base[w->n_bases++] = at;
  }
  span      = w->row[w->n_rows - 1] + (w->groups - 1) * w->group_stride + 16;
  w->gather = span > 64 * 64 && w->n_rows * w->groups * 16 <= 256 * 64;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWindowBuild(const LbPass *pass, const LbPauliTerms *terms, const int member[], int which, PetscBool transpose, PetscBool first, LbWindow *w)
{
  Items items = {0};

  PetscFunctionBegin;
  PetscCall(BuildOffsets(pass, w));
  for (int t = 0; t < terms->n; t++)
    if (member[t] == which) PetscCall(CollectTerm(w, &terms->term[t], transpose, &items));
  PetscCall(BuildEntries(w, &items));
  PetscCall(PetscFree(items.item));
  for (int e = 0; e < w->uniform[w->n_rows]; e++) w->uniform_source[e] = (int32_t)(w->gather ? (int64_t)w->uniform_row[e] * w->groups * 16 : w->row[w->uniform_row[e]]);
  for (int e = 0; e < w->lane[w->n_rows]; e++) w->lane_source[e] = (int32_t)(w->gather ? (int64_t)w->lane_row[e] * w->groups * 16 : w->row[w->lane_row[e]]);
  w->init = first;
  for (int r = 0; r < w->n_rows; r++) {
    PetscBool mine = PETSC_TRUE;

    for (int o = 0; o < w->n_outer; o++) {
      const int code = (r >> (2 * o)) & 3;
      int       low, high;

      Codes(pass, LbPosition(pass->n_sites, pass->site, w->outer[o]), &low, &high);
      if (code < low || code >= high) mine = PETSC_FALSE;
    }
    if (mine && (first || w->uniform[r + 1] > w->uniform[r] || w->lane[r + 1] > w->lane[r])) w->active[w->n_active++] = r;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWindowDestroy(LbWindow *w)
{
  PetscFunctionBegin;
  PetscCall(PetscFree3(w->row, w->base, w->active));
  PetscCall(PetscFree4(w->uniform_row, w->uniform_source, w->uniform_c, w->uniform));
  PetscCall(PetscFree5(w->lane_row, w->lane_source, w->lane_mask, w->lane_c, w->lane));
  PetscCall(PetscFree3(w->part_target, w->part_time, w->part_c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the pieces of the tile that rows of this share read, one flag each */
void LbWindowSources(const LbPass *pass, const LbWindow *w, char read[])
{
  const int64_t blocks = w->level ? 1 : pass->n_blocks, first = blocks > 1 ? (blocks * pass->share) >> pass->share_bits : 0, last = blocks > 1 ? (blocks * (pass->share + 1)) >> pass->share_bits : 1;

  for (int64_t block = first; block < last; block++)
    for (int b = 0; b < w->n_bases; b++)
      for (int g = 0; g < w->groups; g++) {
        const int64_t at = block * pass->block + w->base[b] + g * w->group_stride;

        for (int k = 0; k < w->n_active; k++) {
          const int r = w->active[k];

          for (int e = w->uniform[r]; e < w->uniform[r + 1]; e++) read[(at + w->row[w->uniform_row[e]]) / pass->piece] = 1;
          for (int e = w->lane[r]; e < w->lane[r + 1]; e++) read[(at + w->row[w->lane_row[e]]) / pass->piece] = 1;
        }
      }
}
