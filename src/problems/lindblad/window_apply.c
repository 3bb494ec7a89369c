/* Application of a plan: pass after pass, tile after tile, windows inside.

   Ranks that share memory split the tiles of a pass, or the highest codes of a tile if there are fewer tiles than ranks, with a fence between passes. */
#include <string.h>
#include "window.h"

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

/* where a tile is used in place: the next block of each vector, while the first window starts the rows of this one */
static LbSoon NextBlock(const LbPlan p, const LbPass *pass, const LbWindow *w, const double *x, const double *y, const LbStart *here)
{
  const int64_t at = pass->block, rows = (int64_t)w->n_active * w->n_bases * PetscMax(1, w->groups / p->kernels->groups), lines = at / 8 / PetscMax(1, rows);
  LbSoon        soon = {0};

  if (!pass->direct || !w->init || w->level || lines < 1) return soon;
  soon.lines               = (int)lines;
  soon.stream[soon.n++]    = (const char *)(x + at);
  soon.stream[soon.n++]    = (const char *)(y + at);
  if (here->x0) soon.stream[soon.n++] = (const char *)(here->x0 + at);
  return soon;
}

/* all windows of a tile, runs of level 0 block by block; the first one starts the rows */
void LbTileApply(LbPlan p, const LbPass *pass, const double *x, double *y, LbStartMode mode, const LbStart *start)
{
  for (int k = 0, end; k < pass->n_windows; k = end) {
    const int     level  = pass->window[k].level;
    const int64_t blocks = level ? 1 : pass->n_blocks;
    const int64_t first = blocks > 1 ? (blocks * pass->share) >> pass->share_bits : 0, last = blocks > 1 ? (blocks * (pass->share + 1)) >> pass->share_bits : 1;

    for (end = k + 1; end < pass->n_windows && pass->window[end].level == level; end++)
      ;
    for (int64_t b = first; b < last; b++)
      for (int i = k; i < end; i++) {
        const LbWindow *w    = &pass->window[i];
        const double   *from = x + b * pass->block;
        double         *to   = y + b * pass->block;
        LbStart         here = *start;
        LbSoon          soon;

        if (here.x0) here.x0 += b * pass->block;
        soon = NextBlock(p, pass, w, from, to, &here);
        p->kernels->window(w, from, to, p->copy, w->init ? mode : LB_START_LOAD, &here, &soon);
      }
  }
}

static PetscErrorCode SharedMemory(LbPlan p, const LbStart *start, const double *x, double *y, PetscErrorCode (*fence)(void *), void *ctx)
{
  const int rank = p->sharing.rank, size = p->sharing.size;

  PetscFunctionBegin;
  for (int k = 0; k < p->n_passes; k++) {
    const LbPass *pass  = &p->pass[k];
    const int64_t share = (int64_t)1 << pass->share_bits, ranks = size / share, mine = rank / share;
    const int64_t from = pass->n_tiles * mine / ranks, to = pass->n_tiles * (mine + 1) / ranks;

    if (k && fence) PetscCall(fence(ctx));
    for (int64_t t = from; t < to; t++) {
      if (pass->direct) {
        LbStart here = *start;

        if (here.x0) here.x0 += t * pass->size;
        LbTileApply(p, pass, x + t * pass->size, y + t * pass->size, LB_START_FUSED, &here);
      } else {
        const int64_t count = pass->n_pieces / share, first = count * pass->share;

        p->kernels->gather(pass->n_pieces, pass->offset, pass->piece, x + pass->tile[t], p->x_tile);
        LbTileApply(p, pass, p->x_tile, p->y_tile, LB_START_ZERO, start);
        p->kernels->scatter_add(count, pass->offset + first, pass->piece, p->y_tile + first * pass->piece, y + pass->tile[t]);
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPlanApply(LbPlan p, const PetscReal f[], PetscReal scale, const LbStart *start, const double *x, double *y, PetscErrorCode (*fence)(void *), void *ctx)
{
  PetscFunctionBegin;
  PetscCall(Refresh(p, f, scale));
  if (p->messages) PetscCall(LbPlanMessages(p, start, x, y));
  else PetscCall(SharedMemory(p, start, x, y, fence, ctx));
  PetscFunctionReturn(PETSC_SUCCESS);
}
