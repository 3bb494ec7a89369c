/* The plan of a matrix-free Lindblad generator on qubits: passes over memory, windows inside them, entries of their rows.

   Pass 0 works in place on blocks of the low sites; what couples higher sites is done in further passes on tiles {0, 1, (2)} and up to six chosen sites, copied into contiguous
   memory, summed from zero and added to y: about 24 bytes of traffic per entry and pass. Inside a pass every term lies in a window of at most three outer sites (four if
   one term needs them), chosen greedily; terms of a single site join the first window that has it.

   Which entries a row sums, and in which order, is fixed by the terms alone: ranks share tiles, or the codes of a tile's highest sites, so the bits of y do not depend on how many
   there are, nor on whether they share memory or send messages. The transposed plan swaps rows and sources. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <tessera/isa.h>
#include "window.h"

#define COPY (256 * 64) /* doubles of a gathered window at most */
#define SKEW (8 * 33) /* so that equal places of the tiles do not meet in one set of the first cache */
#define HUGE_PAGE ((size_t)1 << 21)

TES_KERNEL_DECLARE(LbKernels, LbKernelTable);

const LbKernels *LbKernelsPick(void)
{
  return TES_KERNEL_PICK(LbKernelTable);
}

static int Log2(int64_t n)
{
  int bits = 0;

  while ((int64_t)1 << bits < n) bits++;
  return bits;
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

/* Each rank owns the entries whose highest bits are its number, and keeps only them: tiles and pieces in its own numbering, and its share of every tile. */
static PetscErrorCode Distribute(LbPlan plan, LbPass *pass, int n_rest, const int rest[])
{
  const int     local = Log2(plan->n_local);
  const int64_t mask = plan->n_local - 1, own = (int64_t)plan->sharing.rank << local;
  int64_t       first = 0;
  int           fixed = 0; /* bits of the tile's number that are the rank's */

  PetscFunctionBegin;
  for (int k = 0; k < pass->n_sites; k++)
    for (int bit = 0; bit < 2; bit++)
      if (2 * pass->site[k] + bit >= local) {
        pass->share |= (int)((own >> (2 * pass->site[k] + bit)) & 1) << pass->share_bits;
        pass->share_bits++;
      }
  for (int k = 0; k < n_rest; k++)
    for (int bit = 0; bit < 2; bit++)
      if (2 * rest[k] + bit >= local) {
        first |= ((own >> (2 * rest[k] + bit)) & 1) << (2 * k + bit);
        fixed++;
      }
  pass->n_tiles >>= fixed;
  if (!pass->direct)
    for (int64_t t = 0; t < pass->n_tiles; t++) pass->tile[t] = pass->tile[first + t] & mask;
  for (int64_t k = 0; k < pass->n_pieces; k++) pass->offset[k] &= mask;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode BuildPass(LbPlan plan, LbPass *pass, const LbPauliTerms *terms, PetscBool transpose, int member[])
{
  const PetscBool messages = plan->messages ? PETSC_TRUE : PETSC_FALSE;
  const int       number   = (int)(pass - plan->pass);
  int             rest[32], n_rest = 0, contiguous = 2;

  PetscFunctionBegin;
  pass->size = (int64_t)1 << (2 * pass->n_sites);
  for (int m = 0; m < plan->n_sites; m++)
    if (LbPosition(pass->n_sites, pass->site, m) < 0) rest[n_rest++] = m;
  while (contiguous < pass->n_sites && pass->site[contiguous] == contiguous && !(messages && contiguous > 2)) contiguous++;
  while (contiguous > 2 && messages && (int64_t)1 << (2 * contiguous) > plan->n_local) contiguous--;
  pass->n_tiles = (int64_t)1 << (2 * n_rest);
  pass->piece   = 1 << (2 * contiguous);
  if (!pass->direct) PetscCall(Offsets(n_rest, rest, &pass->n_tiles, &pass->tile));
  if (!pass->direct || messages) PetscCall(Offsets(pass->n_sites - contiguous, pass->site + contiguous, &pass->n_pieces, &pass->offset));
  if (messages) PetscCall(Distribute(plan, pass, n_rest, rest));
  else if (pass->n_tiles < plan->sharing.size) {
    pass->share_bits = Log2(plan->sharing.size / pass->n_tiles); /* ranks per tile */
    pass->share      = plan->sharing.rank % (1 << pass->share_bits);
  }
  pass->block    = (int64_t)1 << (2 * PetscMin(LB_BLOCK_SITES, pass->n_sites));
  pass->n_blocks = pass->size / pass->block;
  PetscCall(LbChooseWindows(pass, terms, member));
  PetscCall(LbSortWindows(pass, terms->n, member));
  for (int repeat = 0; repeat < 2; repeat++) {
    for (int k = 0; k < pass->n_windows; k++) PetscCall(LbWindowBuild(pass, terms, member, k, transpose, k == 0 ? PETSC_TRUE : PETSC_FALSE, &pass->window[k]));
    if (repeat || !messages || !pass->share_bits) break;
    PetscCall(LbMessagesCreate(plan, number));
    if (!plan->messages[number].remap) break;
    pass->share_bits = pass->share = 0; /* whole tiles by turns: all their rows */
    for (int k = 0; k < pass->n_windows; k++) {
      const LbWindow keep = pass->window[k];

      PetscCall(LbWindowDestroy(&pass->window[k]));
      PetscCall(PetscMemzero(&pass->window[k], sizeof keep));
      pass->window[k].n_outer = keep.n_outer;
      memcpy(pass->window[k].outer, keep.outer, sizeof keep.outer);
    }
  }
  for (int k = 0; k < pass->n_windows; k++)
    plan->n_entries += (pass->window[k].uniform[pass->window[k].n_rows] + pass->window[k].lane[pass->window[k].n_rows]) / pass->window[k].n_rows;
  PetscFunctionReturn(PETSC_SUCCESS);
}

int LbPlanRanks(int n_sites, int size)
{
  const int64_t most = (int64_t)4 << (2 * PetscMin(n_sites - PetscMin(LbLowSites(n_sites), n_sites), 10));
  int           p    = 1;

  while (2 * p <= size && 2 * p <= most && 2 * p <= 4 << (2 * PetscMax(n_sites - LB_TILE_SITES, 0))) p *= 2;
  return p;
}

PetscErrorCode LbPlanCreate(int n_sites, const LbPauliTerms *terms, PetscBool transpose, int n_times, const LbSharing *sharing, LbPlan *plan)
{
  LbPlan  p;
  int    *pass_of, *member, left = 0;
  int64_t largest = 0;

  PetscFunctionBegin;
  PetscCheck(n_sites >= 3 && n_sites <= 28, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "windows need 3 to 28 sites, not %d", n_sites);
  PetscCall(PetscNew(&p));
  p->n_sites = n_sites;
  p->sharing = *sharing;
  p->n_local = ((int64_t)1 << (2 * n_sites)) / sharing->size;
  p->n_times = n_times;
  p->kernels = LbKernelsPick();
  PetscCall(PetscCalloc1(n_times, &p->factors));
  PetscCall(PetscMalloc2(terms->n + 1, &pass_of, terms->n + 1, &member));
  p->pass[0].direct  = 1;
  p->pass[0].n_sites = LbLowSites(n_sites);
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
    LbChooseTile(n_sites, terms, pass_of, pass);
    for (int t = 0; t < terms->n; t++) {
      if (pass_of[t] >= 0 || !LbCovers(pass->n_sites, pass->site, &terms->term[t])) continue;
      pass_of[t] = p->n_passes;
      left--;
    }
    p->n_passes++;
  }
  if (sharing->messages) PetscCall(PetscCalloc1(p->n_passes, &p->messages));
  for (int k = 0; k < p->n_passes; k++) {
    for (int t = 0; t < terms->n; t++) member[t] = pass_of[t] == k ? -2 : -1;
    PetscCall(BuildPass(p, &p->pass[k], terms, transpose, member));
    if (!p->pass[k].direct || (p->messages && p->messages[k].group > 1)) largest = PetscMax(largest, p->pass[k].size);
  }
  PetscCall(PetscFree2(pass_of, member));
  if (p->messages) PetscCall(LbMessagesBuffers(p));
  {
    const size_t tile = (size_t)PetscMax(largest, 16) * 8, least = 2 * tile + (COPY + 2 * SKEW) * 8, bytes = least < HUGE_PAGE / 4 ? least : (least + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;

    PetscCheck(!posix_memalign(&p->tiles, bytes < HUGE_PAGE ? 4096 : HUGE_PAGE, bytes), PETSC_COMM_SELF, PETSC_ERR_MEM, "no memory for tiles");
    madvise(p->tiles, bytes, MADV_HUGEPAGE); /* advice: a refusal costs speed only */
    memset(p->tiles, 0, bytes);
    p->x_tile = p->tiles;
    p->y_tile = p->x_tile + tile / 8 + SKEW;
    p->copy   = p->y_tile + tile / 8 + SKEW;
  }
  *plan = p;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPlanDestroy(LbPlan *plan)
{
  LbPlan p = *plan;

  PetscFunctionBegin;
  if (!p) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbMessagesDestroy(p));
  for (int k = 0; k < p->n_passes; k++) {
    for (int i = 0; i < p->pass[k].n_windows; i++) PetscCall(LbWindowDestroy(&p->pass[k].window[i]));
    PetscCall(PetscFree(p->pass[k].window));
    PetscCall(PetscFree(p->pass[k].tile));
    PetscCall(PetscFree(p->pass[k].offset));
  }
  free(p->tiles);
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
