/* Sums of local operators on state vectors, sorted into windows.

   Products on the same sites are added up as one small matrix per sum and factor of time: a support. A window is a set of sites that holds some supports, of some 32 states if they fit; its
   states are the rows of tiles, the states of all other sites are the lanes. Runs of neighbouring sites (round the end too) are tried first, the one that covers most of what is left wins; what
   no run holds gets a window of its own, which then takes in whatever else fits. Everything of one window is one sparse matrix per sum, so a pass over the vector serves them all. */
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include "traj_exchange.h"

/* rows of a window: a tile of 16 KB, half of the first cache; small systems have fewer rows, so that there are spectators for the lanes */
static PetscReal Limit(const LbModel *model)
{
  return PetscMax(4, PetscMin(32, (PetscReal)model->n / LB_LANES));
}

/* ---- supports ---- */

static PetscErrorCode FindSupport(LbWindows *w, const LbModel *model, const LbProduct *p, LbSupport **out)
{
  LbSupport s = {.k = p->n, .size = 1};

  PetscFunctionBegin;
  for (int q = 0; q < p->n; q++) {
    int at = q;

    for (; at > 0 && s.site[at - 1] > p->site[q]; at--) s.site[at] = s.site[at - 1];
    s.site[at] = p->site[q];
    s.size *= model->dim[p->site[q]];
    s.mask |= (uint64_t)1 << p->site[q];
  }
  for (int k = 0; k < w->n_supports; k++) {
    *out = &w->support[k];
    if (w->support[k].mask == s.mask) PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (w->n_supports == w->room_supports) {
    LbSupport *grown;

    w->room_supports = 2 * w->room_supports + 64;
    PetscCall(PetscMalloc1(w->room_supports, &grown));
    if (w->n_supports) PetscCall(PetscArraycpy(grown, w->support, w->n_supports));
    PetscCall(PetscFree(w->support));
    w->support = grown;
  }
  w->support[w->n_supports] = s;
  *out                      = &w->support[w->n_supports++];
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the matrix of a support for one sum and factor of time, made at need */
static PetscErrorCode FindPart(LbSupport *s, int out, int time, LbComplex **matrix)
{
  int        *outs, *times;
  LbComplex **matrices;

  PetscFunctionBegin;
  for (int k = 0; k < s->n_parts; k++) {
    *matrix = s->matrix[k];
    if (s->out[k] == out && s->time[k] == time) PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(PetscMalloc3(s->n_parts + 1, &outs, s->n_parts + 1, &times, s->n_parts + 1, &matrices));
  if (s->n_parts) {
    PetscCall(PetscArraycpy(outs, s->out, s->n_parts));
    PetscCall(PetscArraycpy(times, s->time, s->n_parts));
    PetscCall(PetscArraycpy(matrices, s->matrix, s->n_parts));
  }
  PetscCall(PetscFree3(s->out, s->time, s->matrix));
  s->out              = outs;
  s->time             = times;
  s->matrix           = matrices;
  s->out[s->n_parts]  = out;
  s->time[s->n_parts] = time;
  PetscCall(PetscCalloc1((size_t)s->size * s->size, &s->matrix[s->n_parts]));
  *matrix = s->matrix[s->n_parts++];
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* table += diagonal of a matrix on some sites, for the amplitudes of this member */
static PetscErrorCode AddDiagonal(const LbWaveSpace *space, const LbModel *model, LbWindows *w, int time, const LbSupport *s, const LbComplex *matrix)
{
  const PetscInt64 run = LbStride(model, s->site[0]);
  int              t;
  double          *table;

  PetscFunctionBegin;
  for (t = 0; t < w->n_tables && w->table_time[t] != time; t++)
    ;
  if (t == w->n_tables) {
    PetscCall(LbVecCreate(&space->shared, &w->table[t]));
    w->table_time[t] = time;
    w->n_tables++;
  }
  table = w->table[t].all;
  for (PetscInt64 i = space->first; i < space->first + space->n_local;) {
    const PetscInt64 end = PetscMin(space->first + space->n_local, (i / run + 1) * run);
    int              code = 0, size = 1;
    double           re, im;

    for (int q = 0; q < s->k; q++) {
      const int d = model->dim[s->site[q]];

      code += (int)(i / LbStride(model, s->site[q]) % d) * size;
      size *= d;
    }
    re = creal(matrix[code * s->size + code]);
    im = cimag(matrix[code * s->size + code]);
    for (; i < end; i++) {
      table[i - space->base] += re;
      table[space->stored + i - space->base] += im;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Supports(const LbWaveSpace *space, const LbModel *model, int n_terms, const LbWaveTerm terms[], PetscBool tables, char problem[256], LbWindows *w)
{
  PetscFunctionBegin;
  for (int t = 0; t < n_terms; t++) {
    const LbProduct *p = &terms[t].term.p;
    PetscReal        size = 1;
    LbSupport       *s;
    LbComplex       *matrix, *one;

    for (int q = 0; q < p->n; q++) size *= model->dim[p->site[q]];
    if (size > LB_WAVE_SUPPORT) {
      snprintf(problem, 256, "a product acts on sites with %.0f states in all, %d are possible", (double)size, LB_WAVE_SUPPORT);
      PetscFunctionReturn(PETSC_SUCCESS);
    }
    PetscCall(FindSupport(w, model, p, &s));
    PetscCall(FindPart(s, terms[t].out, terms[t].term.time, &matrix));
    PetscCall(PetscMalloc1((size_t)s->size * s->size, &one));
    LbEmbed(model, s->k, s->site, terms[t].term.coef, p, one);
    for (int e = 0; e < s->size * s->size; e++) matrix[e] += one[e];
    PetscCall(PetscFree(one));
  }
  for (int k = 0; k < w->n_supports && tables; k++) {
    LbSupport *s = &w->support[k];

    for (int q = 0; q < s->n_parts; q++) {
      PetscBool any = PETSC_FALSE;

      for (int e = 0; e < s->size; e++) any = any || s->matrix[q][e * s->size + e] != 0 ? PETSC_TRUE : PETSC_FALSE;
      if (any) PetscCall(AddDiagonal(space, model, w, s->time[q], s, s->matrix[q]));
      for (int e = 0; e < s->size; e++) s->matrix[q][e * s->size + e] = 0;
    }
  }
  if (tables) PetscCall(LbFence(&space->shared));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscBool IsEmpty(const LbSupport *s)
{
  for (int q = 0; q < s->n_parts; q++)
    for (int e = 0; e < s->size * s->size; e++)
      if (s->matrix[q][e] != 0) return PETSC_FALSE;
  return PETSC_TRUE;
}

/* ---- windows ---- */

static PetscReal MaskSize(const LbModel *model, uint64_t mask)
{
  PetscReal size = 1;

  for (int m = 0; m < model->n_sites; m++)
    if (mask >> m & 1) size *= model->dim[m];
  return size;
}

static uint64_t BestMask(const LbModel *model, const LbWindows *w, const PetscBool covered[])
{
  uint64_t best  = 0;
  int      count = 0;

  for (int first = 0; first < model->n_sites; first++) {
    uint64_t mask = (uint64_t)1 << first;
    int      mine = 0;

    for (int m = (first + 1) % model->n_sites; m != first && MaskSize(model, mask | (uint64_t)1 << m) <= Limit(model); m = (m + 1) % model->n_sites) mask |= (uint64_t)1 << m;
    for (int k = 0; k < w->n_supports; k++) mine += !covered[k] && !(w->support[k].mask & ~mask);
    if (mine > count) {
      count = mine;
      best  = mask;
    }
  }
  for (int k = 0; !best && k < w->n_supports; k++)
    if (!covered[k]) best = w->support[k].mask;
  for (int k = 0; k < w->n_supports; k++)
    if (!covered[k] && MaskSize(model, best | w->support[k].mask) <= Limit(model)) best |= w->support[k].mask;
  return best;
}

static PetscErrorCode WindowShape(const LbModel *model, LbTrajWindow *w)
{
  int64_t together = 1;

  PetscFunctionBegin;
  w->rows         = 1;
  w->n_spectators = 1;
  for (int m = 0; m < model->n_sites; m++) {
    if (w->mask >> m & 1) {
      w->site[w->k++] = m;
      w->rows *= model->dim[m];
    } else {
      w->other_dim[w->n_others]      = model->dim[m];
      w->other_stride[w->n_others++] = LbStride(model, m);
      w->n_spectators *= model->dim[m];
    }
  }
  for (int q = 0; q < w->n_others && w->other_stride[q] == together; q++) together *= w->other_dim[q];
  w->run      = together;
  w->n_chunks = (w->n_spectators + LB_LANES - 1) / LB_LANES;
  w->rising   = 1;
  PetscCall(PetscMalloc1(w->rows, &w->offset));
  for (int r = 0; r < w->rows; r++) {
    w->offset[r] = 0;
    for (int q = 0, rest = r; q < w->k; rest /= model->dim[w->site[q]], q++) w->offset[r] += rest % model->dim[w->site[q]] * LbStride(model, w->site[q]);
    if (w->offset[r] != r) w->rising = 0;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  int       row, column, time, order;
  LbComplex c;
} Entry;

static int ByPlace(const void *a, const void *b)
{
  const Entry *x = a, *y = b;

  if (x->row != y->row) return x->row - y->row;
  if (x->column != y->column) return x->column - y->column;
  return x->order - y->order;
}

/* the sparse matrix of one sum in a window */
static PetscErrorCode WindowMatrix(const LbModel *model, const LbWindows *windows, int out, LbTrajWindow *w)
{
  LbTileMatrix *m = &w->matrix[out];
  Entry        *entry;
  int           n = 0;
  size_t        room = 0;
  PetscBool     real = PETSC_TRUE, imaginary = PETSC_TRUE;

  PetscFunctionBegin;
  for (int k = 0; k < w->n_supports; k++) {
    const LbSupport *s = &windows->support[w->support[k]];

    for (int q = 0; q < s->n_parts; q++)
      for (int e = 0; s->out[q] == out && e < s->size * s->size; e++) room += s->matrix[q][e] != 0 ? (size_t)(w->rows / s->size) : 0;
  }
  PetscCall(PetscMalloc1(room + 1, &entry));
  for (int k = 0; k < w->n_supports; k++) {
    const LbSupport *s = &windows->support[w->support[k]];
    int              stride[LB_FACTORS];

    for (int q = 0; q < s->k; q++) {
      stride[q] = 1;
      for (int v = 0; v < w->k && w->site[v] != s->site[q]; v++) stride[q] *= model->dim[w->site[v]];
    }
    for (int q = 0; q < s->n_parts; q++)
      for (int r = 0; s->out[q] == out && r < w->rows; r++) {
        int code = 0;

        for (int v = 0, size = 1; v < s->k; size *= model->dim[s->site[v]], v++) code += r / stride[v] % model->dim[s->site[v]] * size;
        for (int b = 0; b < s->size; b++) {
          const LbComplex c = s->matrix[q][code * s->size + b];
          int             column = r;

          if (c == 0) continue;
          for (int v = 0, x = code, y = b; v < s->k; x /= model->dim[s->site[v]], y /= model->dim[s->site[v]], v++)
            column += (y % model->dim[s->site[v]] - x % model->dim[s->site[v]]) * stride[v];
          entry[n] = (Entry){r, column, s->time[q], n, c};
          n++;
        }
      }
  }
  qsort(entry, (size_t)n, sizeof *entry, ByPlace);
  m->rows         = w->rows;
  w->n_parts[out] = n;
  PetscCall(PetscCalloc4(w->rows + 1, &m->start, n + 1, &m->column, n + 1, &m->re, n + 1, &m->im));
  PetscCall(PetscMalloc3(n + 1, &w->part_entry[out], n + 1, &w->part_time[out], n + 1, &w->part_c[out]));
  for (int k = 0; k < n; k++) {
    if (!k || entry[k].row != entry[k - 1].row || entry[k].column != entry[k - 1].column) {
      m->column[m->n_entries++] = entry[k].column;
      m->start[entry[k].row + 1]++;
    }
    w->part_entry[out][k] = m->n_entries - 1;
    w->part_time[out][k]  = entry[k].time;
    w->part_c[out][k]     = entry[k].c;
    if (cimag(entry[k].c) != 0) real = PETSC_FALSE;
    if (creal(entry[k].c) != 0) imaginary = PETSC_FALSE;
  }
  for (int r = 0; r < w->rows; r++) m->start[r + 1] += m->start[r];
  m->entries = real ? LB_ENTRIES_REAL : imaginary ? LB_ENTRIES_IMAGINARY : LB_ENTRIES_COMPLEX;
  PetscCall(PetscFree(entry));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* windows whose chunk c is the c-th block of `block` neighbouring amplitudes come first: they are done block by block while it is in the first cache */
static void LocalFirst(LbWindows *w)
{
  for (int k = 0; k < w->n_windows; k++) {
    LbTrajWindow now   = w->window[k];
    PetscBool    local = now.rising || now.run == LB_LANES ? PETSC_TRUE : PETSC_FALSE;

    for (int r = 0; r < now.rows && local && !now.rising; r++) local = now.offset[r] == (int64_t)r * LB_LANES ? PETSC_TRUE : PETSC_FALSE;
    if (!local || now.n_spectators % LB_LANES || (w->block && w->block != (int64_t)now.rows * LB_LANES)) continue;
    w->block = (int64_t)now.rows * LB_LANES;
    for (int q = k; q > w->n_local; q--) w->window[q] = w->window[q - 1];
    w->window[w->n_local++] = now;
  }
}

PetscErrorCode LbWindowsCreate(const LbWaveSpace *space, const LbModel *model, int n_out, int n_terms, const LbWaveTerm terms[], PetscBool tables, char problem[256], LbWindows *w)
{
  PetscBool *covered;
  int        left = 0;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(w, sizeof *w));
  problem[0] = 0;
  w->n_out   = n_out;
  w->n_times = model->n_times;
  PetscCall(PetscCalloc2(model->n_times, &w->table_time, model->n_times, &w->table));
  PetscCall(Supports(space, model, n_terms, terms, tables, problem, w));
  if (!problem[0] && w->n_tables > LB_WAVE_TIMES) snprintf(problem, 256, "diagonal terms have %d factors of time, %d are possible", w->n_tables, LB_WAVE_TIMES);
  if (problem[0]) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc1(w->n_supports + 1, &covered));
  PetscCall(PetscCalloc1(w->n_supports + 1, &w->window));
  for (int k = 0; k < w->n_supports; k++) {
    covered[k] = IsEmpty(&w->support[k]);
    left += !covered[k];
  }
  while (left > 0) {
    LbTrajWindow *now = &w->window[w->n_windows++];

    now->mask = BestMask(model, w, covered);
    PetscCall(WindowShape(model, now));
    PetscCall(PetscMalloc1(left, &now->support));
    PetscCall(PetscCalloc1(n_out, &now->matrix));
    PetscCall(PetscCalloc4(n_out, &now->n_parts, n_out, &now->part_entry, n_out, &now->part_time, n_out, &now->part_c));
    for (int k = 0; k < w->n_supports; k++) {
      if (covered[k] || (w->support[k].mask & ~now->mask)) continue;
      now->support[now->n_supports++] = k;
      covered[k]                      = PETSC_TRUE;
      left--;
    }
    for (int k = 0; k < n_out; k++) PetscCall(WindowMatrix(model, w, k, now));
  }
  LocalFirst(w);
  for (int k = 0; k < w->n_windows; k++) {
    LbTrajWindow *now = &w->window[k];

    PetscCall(TesPartitionCreate(space->comm, now->n_chunks, PetscMax(1, PetscMin(64, now->n_chunks / 32)), &now->chunks));
    if (space->messages) PetscCall(LbExchangeCreate(space, now, &now->exchange));
  }
  PetscCall(PetscFree(covered));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWindowsDestroy(LbWindows *w)
{
  PetscFunctionBegin;
  for (int k = 0; k < w->n_supports; k++) {
    for (int q = 0; q < w->support[k].n_parts; q++) PetscCall(PetscFree(w->support[k].matrix[q]));
    PetscCall(PetscFree3(w->support[k].out, w->support[k].time, w->support[k].matrix));
  }
  PetscCall(PetscFree(w->support));
  for (int k = 0; k < w->n_windows; k++) {
    LbTrajWindow *now = &w->window[k];

    for (int o = 0; o < w->n_out; o++) {
      PetscCall(PetscFree4(now->matrix[o].start, now->matrix[o].column, now->matrix[o].re, now->matrix[o].im));
      PetscCall(PetscFree3(now->part_entry[o], now->part_time[o], now->part_c[o]));
    }
    PetscCall(LbExchangeDestroy(&now->exchange));
    PetscCall(PetscFree(now->matrix));
    PetscCall(PetscFree4(now->n_parts, now->part_entry, now->part_time, now->part_c));
    PetscCall(PetscFree(now->support));
    PetscCall(PetscFree(now->offset));
  }
  PetscCall(PetscFree(w->window));
  for (int t = 0; t < w->n_tables; t++) PetscCall(LbVecDestroy(&w->table[t]));
  PetscCall(PetscFree2(w->table_time, w->table));
  PetscCall(PetscMemzero(w, sizeof *w));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void LbWindowLanes(const LbTrajWindow *w, int64_t chunk, int64_t base, int64_t lane[LB_LANES], int *n_lanes, int *run)
{
  int64_t digit[LB_WAVE_SITES], rest = chunk * LB_LANES, at = -base;

  *n_lanes = (int)PetscMin(LB_LANES, w->n_spectators - chunk * LB_LANES);
  *run     = w->run % LB_LANES == 0;
  for (int q = 0; q < w->n_others; q++) {
    digit[q] = rest % w->other_dim[q];
    rest /= w->other_dim[q];
    at += digit[q] * w->other_stride[q];
  }
  for (int l = 0; l < *n_lanes; l++) {
    lane[l] = at;
    if (*run && l == 0) break; /* the others follow */
    for (int q = 0; q < w->n_others; q++) {
      at += w->other_stride[q];
      if (++digit[q] < w->other_dim[q]) break;
      at -= digit[q] * w->other_stride[q];
      digit[q] = 0;
    }
  }
}
