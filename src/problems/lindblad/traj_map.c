/* Sums of local operators on state vectors, window by window (traj_window.c has the plan): y = A x and <x|A_k|x>.

   A pass over a window loads each tile once, multiplies it by the window's sparse matrix and adds the result to y; what is diagonal is a table. Members share chunks of spectators.
   Cost per amplitude: one table entry, and per window one copy in, one copy out and two (real or imaginary entries) or four multiply-adds per nonzero. */
#include <string.h>
#include "traj_exchange.h"

#define NEAR 2048 /* amplitudes: rows within this range are used where they lie */

struct _p_LbWaveMap {
  const LbWaveSpace *space;
  LbWindows          w;
  PetscReal         *factors;
  PetscBool          ready;
  double            *x, *y; /* tiles */
  int64_t           *row;   /* places of the rows of a tile */
  PetscReal         *leaf, *total;
  PetscInt64         count;
};

PetscErrorCode LbWaveMapCreate(const LbWaveSpace *space, const LbModel *model, int n_out, int n_terms, const LbWaveTerm terms[], PetscBool tables, char problem[256], LbWaveMap *map)
{
  LbWaveMap m;
  int       rows = 1;

  PetscFunctionBegin;
  PetscCall(PetscNew(&m));
  *map     = m;
  m->space = space;
  PetscCall(LbWindowsCreate(space, model, n_out, n_terms, terms, tables, problem, &m->w));
  for (int k = 0; k < m->w.n_windows; k++) rows = PetscMax(rows, m->w.window[k].rows);
  PetscCall(PetscMalloc5(model->n_times, &m->factors, 2 * LB_LANES * rows, &m->x, 2 * LB_LANES * rows, &m->y, 2 * n_out, &m->total, rows, &m->row));
  for (int r = 0; r < rows; r++) m->row[r] = (int64_t)2 * LB_LANES * r;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWaveMapDestroy(LbWaveMap *map)
{
  PetscFunctionBegin;
  if (!*map) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbWindowsDestroy(&(*map)->w));
  PetscCall(PetscFree5((*map)->factors, (*map)->x, (*map)->y, (*map)->total, (*map)->row));
  PetscCall(PetscFree((*map)->leaf));
  PetscCall(PetscFree(*map));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbWindows *LbWaveMapWindows(LbWaveMap map)
{
  return &map->w;
}

PetscInt64 LbWaveMapCount(LbWaveMap map)
{
  return map->count;
}

/* the matrices for these factors of time */
static PetscErrorCode Refresh(LbWaveMap m, const PetscReal f[])
{
  PetscBool same = m->ready;

  PetscFunctionBegin;
  for (int t = 0; t < m->w.n_times && same; t++) same = m->factors[t] == f[t] ? PETSC_TRUE : PETSC_FALSE;
  if (same) PetscFunctionReturn(PETSC_SUCCESS);
  for (int k = 0; k < m->w.n_windows; k++)
    for (int o = 0; o < m->w.n_out; o++) {
      LbTrajWindow *w = &m->w.window[k];

      PetscCall(PetscArrayzero(w->matrix[o].re, w->matrix[o].n_entries));
      PetscCall(PetscArrayzero(w->matrix[o].im, w->matrix[o].n_entries));
      for (int q = 0; q < w->n_parts[o]; q++) {
        w->matrix[o].re[w->part_entry[o][q]] += f[w->part_time[o][q]] * creal(w->part_c[o][q]);
        w->matrix[o].im[w->part_entry[o][q]] += f[w->part_time[o][q]] * cimag(w->part_c[o][q]);
      }
    }
  PetscCall(PetscArraycpy(m->factors, f, m->w.n_times));
  m->ready = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* y += A x on a chunk that lies in this memory. Sums over the entries of a row start from zero and are added to y at the end: whether y is at hand or comes by message changes no bit */
static void ApplyChunk(LbWaveMap m, const LbTrajWindow *w, int64_t chunk, const LbVec *x, LbVec *y)
{
  const LbTrajKernels *kernel = m->space->kernels;
  const double        *xr = x->all, *xi = x->all + m->space->stored;
  double              *yr = y->all, *yi = y->all + m->space->stored;
  int64_t              lane[LB_LANES];
  int                  n_lanes, run;

  LbWindowLanes(w, chunk, m->space->base, lane, &n_lanes, &run);
  if (run && n_lanes == LB_LANES && w->offset[w->rows - 1] < NEAR) {
    kernel->accumulate(&w->matrix[0], xr + lane[0], xi + lane[0], w->offset, yr + lane[0], yi + lane[0], w->offset);
    return;
  }
  kernel->load(w->rows, w->offset, n_lanes, lane, run, w->rising, xr, xi, m->x);
  if (run && n_lanes == LB_LANES) { /* rows far apart fall in one set of the cache: x is copied, y is touched once only */
    kernel->accumulate(&w->matrix[0], m->x, m->x + LB_LANES, m->row, yr + lane[0], yi + lane[0], w->offset);
  } else {
    kernel->multiply(&w->matrix[0], m->x, m->y);
    kernel->store(w->rows, w->offset, n_lanes, lane, run, w->rising, 1, m->y, yr, yi);
  }
}

/* the chunks of this member of a window */
static PetscErrorCode ApplyWindow(LbWaveMap m, const LbTrajWindow *w, const LbVec *x, LbVec *y)
{
  const size_t tile = (size_t)w->rows * 2 * LB_LANES;

  PetscFunctionBegin;
  if (!w->exchange) {
    for (int64_t chunk = w->chunks.first; chunk < w->chunks.first + w->chunks.n_local; chunk++) ApplyChunk(m, w, chunk, x, y);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt64 t = 0; t < LbExchangeRounds(w->exchange); t++) {
    PetscInt64 first;
    double    *tiles;
    int        n;

    PetscCall(LbExchangeFetch(w->exchange, t, x, &first, &n, &tiles));
    for (int k = 0; k < n; k++) {
      m->space->kernels->multiply(&w->matrix[0], tiles + k * tile, m->y);
      memcpy(tiles + k * tile, m->y, tile * sizeof(double));
    }
    PetscCall(LbExchangeReturn(w->exchange, t, PETSC_TRUE, y));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* at: place in this memory */
static void ApplyTables(LbWaveMap m, const PetscReal f[], PetscInt64 at, PetscInt64 size, const LbVec *x, LbVec *y)
{
  const PetscInt64 n = m->space->stored;
  const double    *re[LB_WAVE_TIMES], *im[LB_WAVE_TIMES];
  PetscReal        g[LB_WAVE_TIMES];

  for (int t = 0; t < m->w.n_tables; t++) {
    re[t] = m->w.table[t].all + at;
    im[t] = m->w.table[t].all + n + at;
    g[t]  = f[m->w.table_time[t]];
  }
  m->space->kernels->diagonal(size, m->w.n_tables, g, re, im, x->all + at, x->all + n + at, y->all + at, y->all + n + at);
}

PetscErrorCode LbWaveMapApply(LbWaveMap m, const PetscReal f[], const LbVec *x, LbVec *y)
{
  const LbWaveSpace *space = m->space;
  const PetscBool    blocks = m->w.n_local && (space->size == 1 || TES_SUM_BLOCK % m->w.block == 0) ? PETSC_TRUE : PETSC_FALSE; /* parts of the members are whole blocks */

  PetscFunctionBegin;
  m->count++;
  PetscCall(Refresh(m, f));
  if (blocks) {
    for (int64_t at = space->first; at < space->first + space->n_local; at += m->w.block) {
      ApplyTables(m, f, at - space->base, m->w.block, x, y);
      for (int k = 0; k < m->w.n_local; k++) ApplyChunk(m, &m->w.window[k], at / m->w.block, x, y);
    }
  } else {
    ApplyTables(m, f, space->first - space->base, space->n_local, x, y);
  }
  PetscCall(LbFence(&space->shared));
  for (int k = blocks ? m->w.n_local : 0; k < m->w.n_windows; k++) {
    PetscCall(ApplyWindow(m, &m->w.window[k], x, y));
    PetscCall(LbFence(&space->shared));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* sums of a chunk, added to those of its unit */
static void ExpectTile(LbWaveMap m, const LbTrajWindow *w, int64_t chunk, const double *tile)
{
  PetscReal *leaf = m->leaf + (chunk - w->chunks.first) / w->chunks.unit * 2 * m->w.n_out;

  for (int o = 0; o < m->w.n_out; o++) {
    double sum[2];

    if (!w->matrix[o].n_entries) continue;
    m->space->kernels->expect(&w->matrix[o], tile, sum);
    leaf[2 * o] += sum[0];
    leaf[2 * o + 1] += sum[1];
  }
}

static PetscErrorCode ExpectWindow(LbWaveMap m, const LbTrajWindow *w, const LbVec *x)
{
  const LbWaveSpace *space = m->space;

  PetscFunctionBegin;
  if (!w->exchange) {
    for (int64_t chunk = w->chunks.first; chunk < w->chunks.first + w->chunks.n_local; chunk++) {
      int64_t lane[LB_LANES];
      int     n_lanes, run;

      LbWindowLanes(w, chunk, space->base, lane, &n_lanes, &run);
      space->kernels->load(w->rows, w->offset, n_lanes, lane, run, w->rising, x->all, x->all + space->stored, m->x);
      ExpectTile(m, w, chunk, m->x);
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt64 t = 0; t < LbExchangeRounds(w->exchange); t++) {
    PetscInt64 first;
    double    *tiles;
    int        n;

    PetscCall(LbExchangeFetch(w->exchange, t, x, &first, &n, &tiles));
    for (int k = 0; k < n; k++) ExpectTile(m, w, first + k, tiles + (size_t)k * w->rows * 2 * LB_LANES);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWaveMapExpect(LbWaveMap m, const PetscReal f[], const LbVec *x, LbComplex value[])
{
  const int n_out = m->w.n_out;

  PetscFunctionBegin;
  PetscCall(Refresh(m, f));
  for (int o = 0; o < n_out; o++) value[o] = 0;
  for (int k = 0; k < m->w.n_windows; k++) {
    const LbTrajWindow *w = &m->w.window[k];

    PetscCall(PetscFree(m->leaf));
    PetscCall(PetscCalloc1(w->chunks.n_units_local * 2 * n_out + 1, &m->leaf));
    PetscCall(ExpectWindow(m, w, x));
    PetscCall(TesSumOrderedUnits(m->space->comm, &w->chunks, 2 * n_out, m->leaf, m->total));
    for (int o = 0; o < n_out; o++) value[o] += m->total[2 * o] + LB_I * m->total[2 * o + 1];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
