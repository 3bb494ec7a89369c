/* Symmetric splitting of exp(h A) on state vectors, A a sum of local operators in windows.

   S(h) = e^{D h/2} G e^{D h/2}, D the diagonal part; G = e^{A_1 h/2} .. e^{A_K h} .. e^{A_1 h/2} over the supports in the order of the windows, each factor the exact exponential of a small
   matrix, applied in place to tiles. If no two supports overlap the factors commute and one sweep with whole steps does. The entries of e^{D h/2} repeat: a spin chain has few
   different diagonal elements, so the exponentials are taken once each and looked up.

   Cost per amplitude and step: two complex products, and per window one copy in and out and 2 d (a support of d states) complex multiply-adds; a real-cosine-imaginary-sine pair half of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "traj_exchange.h"
#include "traj_split.h"

typedef struct {
  int     size, n, *row;  /* n groups of `size` rows of the window's tile */
  int     support;
  double *whole[2], *half[2]; /* [size][size] real and imaginary parts */
} Gate;

struct _p_LbWaveSplit {
  const LbWaveSpace *space;
  const LbWindows   *w;
  int               *first; /* the gates of window k are first[k] .. first[k + 1] */
  Gate              *gate;
  PetscBool          commute;
  LbVec              e; /* e^{D h/2} */
  PetscInt64         n_values; /* different diagonal elements; 0: too many */
  LbComplex         *value, *power;
  uint32_t          *which; /* [n_local] */
  PetscReal         *f, h;
  PetscBool          ready;
  double            *tile, *work;
};

typedef struct {
  double   re, im;
  uint32_t at;
} Value;

static int ByValue(const void *a, const void *b)
{
  const Value *x = a, *y = b;

  if (x->re != y->re) return x->re < y->re ? -1 : 1;
  if (x->im != y->im) return x->im < y->im ? -1 : 1;
  return x->at < y->at ? -1 : x->at > y->at;
}

/* the different elements of a single table */
static PetscErrorCode FindValues(LbWaveSplit s)
{
  const PetscInt64 n = s->space->n_local;
  const double    *re, *im;
  Value           *v;

  PetscFunctionBegin;
  if (s->w->n_tables != 1 || n < 64 || n > (1 << 22)) PetscFunctionReturn(PETSC_SUCCESS);
  re = s->w->table[0].all + s->space->first - s->space->base;
  im = re + s->space->stored;
  PetscCall(PetscMalloc1(n, &v));
  for (PetscInt64 i = 0; i < n; i++) v[i] = (Value){re[i], im[i], (uint32_t)i};
  qsort(v, (size_t)n, sizeof *v, ByValue);
  for (PetscInt64 i = 0; i < n; i++) s->n_values += !i || v[i].re != v[i - 1].re || v[i].im != v[i - 1].im;
  if (s->n_values > n / 8) s->n_values = 0;
  if (s->n_values) {
    PetscInt64 k = -1;

    PetscCall(PetscMalloc2(s->n_values, &s->value, s->n_values, &s->power));
    PetscCall(PetscMalloc1(n, &s->which));
    for (PetscInt64 i = 0; i < n; i++) {
      if (!i || v[i].re != v[i - 1].re || v[i].im != v[i - 1].im) s->value[++k] = v[i].re + LB_I * v[i].im;
      s->which[v[i].at] = (uint32_t)k;
    }
  }
  PetscCall(PetscFree(v));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWaveSplitCreate(const LbWaveSpace *space, const LbModel *model, LbWaveMap map, char problem[256], LbWaveSplit *split)
{
  const LbWindows *w = LbWaveMapWindows(map);
  LbWaveSplit      s;
  uint64_t         seen = 0;
  int              rows = 1, n = 0;

  PetscFunctionBegin;
  PetscCall(PetscNew(&s));
  *split     = s;
  s->space   = space;
  s->w       = w;
  s->commute = PETSC_TRUE;
  problem[0] = 0;
  for (int k = 0; k < w->n_windows; k++) {
    n += w->window[k].n_supports;
    for (int q = 0; q < w->window[k].n_supports; q++) {
      const int size = w->support[w->window[k].support[q]].size;

      if (size > LB_WAVE_GATE && !problem[0]) PetscCall(PetscSNPrintf(problem, 256, "a term acts on sites with %d states in all; the exponentials of strang are for %d at most: take dp5", size, LB_WAVE_GATE));
    }
  }
  if (problem[0]) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscCalloc2(w->n_windows + 1, &s->first, n + 1, &s->gate));
  PetscCall(PetscCalloc1(w->n_times, &s->f));
  n = 0;
  for (int k = 0; k < w->n_windows; k++) {
    const LbTrajWindow *now = &w->window[k];

    rows = PetscMax(rows, now->rows);
    for (int q = 0; q < now->n_supports; q++) {
      const LbSupport *support = &w->support[now->support[q]];
      Gate            *gate    = &s->gate[n++];
      int              stride[LB_FACTORS];

      if (support->mask & seen) s->commute = PETSC_FALSE;
      seen |= support->mask;
      gate->size    = support->size;
      gate->support = now->support[q];
      gate->n       = now->rows / gate->size;
      for (int v = 0; v < support->k; v++) {
        stride[v] = 1;
        for (int u = 0; u < now->k && now->site[u] != support->site[v]; u++) stride[v] *= model->dim[now->site[u]];
      }
      PetscCall(PetscMalloc1(now->rows, &gate->row));
      for (int half = 0; half < 2; half++) PetscCall(PetscMalloc2(gate->size * gate->size, &gate->whole[half], gate->size * gate->size, &gate->half[half]));
      for (int r = 0, group = 0; r < now->rows; r++) {
        PetscBool base = PETSC_TRUE;

        for (int v = 0; v < support->k; v++) base = base && r / stride[v] % model->dim[support->site[v]] == 0 ? PETSC_TRUE : PETSC_FALSE;
        if (!base) continue;
        for (int code = 0; code < gate->size; code++) {
          int at = r;

          for (int v = 0, rest = code; v < support->k; rest /= model->dim[support->site[v]], v++) at += rest % model->dim[support->site[v]] * stride[v];
          gate->row[group * gate->size + code] = at;
        }
        group++;
      }
    }
    s->first[k + 1] = n;
  }
  PetscCall(PetscMalloc2(2 * LB_LANES * rows, &s->tile, 2 * LB_LANES * LB_WAVE_GATE, &s->work));
  PetscCall(LbVecCreate(&space->shared, &s->e));
  PetscCall(FindValues(s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWaveSplitDestroy(LbWaveSplit *split)
{
  LbWaveSplit s = *split;

  PetscFunctionBegin;
  if (!s) PetscFunctionReturn(PETSC_SUCCESS);
  for (int g = 0; s->first && g < s->first[s->w->n_windows]; g++) {
    PetscCall(PetscFree(s->gate[g].row));
    for (int half = 0; half < 2; half++) PetscCall(PetscFree2(s->gate[g].whole[half], s->gate[g].half[half]));
  }
  PetscCall(PetscFree2(s->first, s->gate));
  PetscCall(PetscFree(s->f));
  PetscCall(PetscFree2(s->value, s->power));
  PetscCall(PetscFree(s->which));
  PetscCall(PetscFree2(s->tile, s->work));
  PetscCall(LbVecDestroy(&s->e));
  PetscCall(PetscFree(s));
  *split = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* e = exp(m) of a small matrix: scaling by a power of two until |m| < 1/2, 16 terms of Taylor's series (remainder 1e-19), squaring */
static void SmallExponential(int d, const LbComplex *m, LbComplex *e)
{
  LbComplex a[LB_WAVE_GATE * LB_WAVE_GATE], p[LB_WAVE_GATE * LB_WAVE_GATE], q[LB_WAVE_GATE * LB_WAVE_GATE];
  double    norm = 0;
  int       squarings = 0;

  for (int i = 0; i < d; i++) {
    double row = 0;

    for (int j = 0; j < d; j++) row += cabs(m[i * d + j]);
    norm = fmax(norm, row);
  }
  for (; norm > 0.5 && squarings < 60; norm /= 2) squarings++;
  for (int k = 0; k < d * d; k++) {
    a[k] = m[k] * ldexp(1, -squarings);
    e[k] = p[k] = k % (d + 1) == 0 ? 1 : 0;
  }
  for (int term = 1; term <= 16; term++) {
    for (int i = 0; i < d; i++)
      for (int j = 0; j < d; j++) {
        LbComplex sum = 0;

        for (int k = 0; k < d; k++) sum += p[i * d + k] * a[k * d + j];
        q[i * d + j] = sum / term;
      }
    for (int k = 0; k < d * d; k++) e[k] += p[k] = q[k];
  }
  for (int step = 0; step < squarings; step++) {
    for (int i = 0; i < d; i++)
      for (int j = 0; j < d; j++) {
        LbComplex sum = 0;

        for (int k = 0; k < d; k++) sum += e[i * d + k] * e[k * d + j];
        q[i * d + j] = sum;
      }
    memcpy(e, q, (size_t)(d * d) * sizeof *e);
  }
}

static void PrepareGate(const LbWindows *w, const PetscReal f[], PetscReal h, Gate *gate)
{
  const LbSupport *s    = &w->support[gate->support];
  const int        size = gate->size * gate->size;
  LbComplex        m[LB_WAVE_GATE * LB_WAVE_GATE], e[LB_WAVE_GATE * LB_WAVE_GATE];

  for (int half = 0; half < 2; half++) {
    for (int k = 0; k < size; k++) {
      m[k] = 0;
      for (int q = 0; q < s->n_parts; q++) m[k] += (half ? h / 2 : h) * f[s->time[q]] * s->matrix[q][k];
    }
    SmallExponential(gate->size, m, e);
    for (int k = 0; k < size; k++) {
      (half ? gate->half : gate->whole)[0][k] = creal(e[k]);
      (half ? gate->half : gate->whole)[1][k] = cimag(e[k]);
    }
  }
}

PetscErrorCode LbWaveSplitPrepare(LbWaveSplit s, const PetscReal f[], PetscReal h)
{
  const PetscInt64 n = s->space->stored, first = s->space->first - s->space->base; /* places in this memory */
  PetscBool        same = s->ready && s->h == h ? PETSC_TRUE : PETSC_FALSE;

  PetscFunctionBegin;
  for (int t = 0; t < s->w->n_times && same; t++) same = s->f[t] == f[t] ? PETSC_TRUE : PETSC_FALSE;
  if (same) PetscFunctionReturn(PETSC_SUCCESS);
  for (int g = 0; g < s->first[s->w->n_windows]; g++) {
    const int        size  = s->gate[g].size * s->gate[g].size;
    const LbSupport *mine  = &s->w->support[s->gate[g].support];
    const LbSupport *other = g ? &s->w->support[s->gate[g - 1].support] : NULL;
    PetscBool        alike = other && other->size == mine->size && other->n_parts == mine->n_parts ? PETSC_TRUE : PETSC_FALSE;

    for (int q = 0; alike && q < mine->n_parts; q++)
      if (other->time[q] != mine->time[q] || memcmp(other->matrix[q], mine->matrix[q], (size_t)size * sizeof **mine->matrix)) alike = PETSC_FALSE;
    if (!alike) {
      PrepareGate(s->w, f, h, &s->gate[g]);
      continue;
    }
    for (int part = 0; part < 2; part++) { /* the same as the one before: chains repeat their terms */
      PetscCall(PetscArraycpy(s->gate[g].whole[part], s->gate[g - 1].whole[part], size));
      PetscCall(PetscArraycpy(s->gate[g].half[part], s->gate[g - 1].half[part], size));
    }
  }
  if (s->n_values) {
    const double c = h / 2 * f[s->w->table_time[0]];

    for (PetscInt64 k = 0; k < s->n_values; k++) s->power[k] = cexp(c * s->value[k]);
    for (PetscInt64 i = 0; i < s->space->n_local; i++) {
      const LbComplex e = s->power[s->which[i]];

      s->e.all[first + i]     = creal(e);
      s->e.all[n + first + i] = cimag(e);
    }
  } else {
    for (PetscInt64 i = first; i < first + s->space->n_local; i++) {
      LbComplex e = 0;

      for (int t = 0; t < s->w->n_tables; t++) e += h / 2 * f[s->w->table_time[t]] * (s->w->table[t].all[i] + LB_I * s->w->table[t].all[n + i]);
      e               = cexp(e);
      s->e.all[i]     = creal(e);
      s->e.all[n + i] = cimag(e);
    }
  }
  PetscCall(PetscArraycpy(s->f, f, s->w->n_times));
  s->h     = h;
  s->ready = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void ApplyGate(const LbTrajKernels *kernel, const Gate *gate, PetscBool whole, double *tile, double *work)
{
  double *const *u = whole ? gate->whole : gate->half;

  if (gate->size != 2) {
    kernel->gate(gate->size, u[0], u[1], gate->n, gate->row, tile, work);
  } else if (u[1][0] == 0 && u[1][3] == 0 && u[0][1] == 0 && u[0][2] == 0 && u[0][0] == u[0][3] && u[1][1] == u[1][2]) {
    kernel->rotate(u[0][0], u[1][1], gate->n, gate->row, tile);
  } else {
    const double m[8] = {u[0][0], u[1][0], u[0][1], u[1][1], u[0][2], u[1][2], u[0][3], u[1][3]};

    kernel->pair(m, gate->n, gate->row, tile);
  }
}

/* the gates of one pass on a tile: forth over the windows, and back if they do not commute */
static void ApplyGates(LbWaveSplit s, int pass, double *tile)
{
  const LbTrajKernels *kernel  = s->space->kernels;
  const int            windows = s->w->n_windows, k = pass < windows ? pass : 2 * windows - 2 - pass;
  const PetscBool      turn    = pass == windows - 1 ? PETSC_TRUE : PETSC_FALSE;

  if (s->commute) {
    for (int g = s->first[k]; g < s->first[k + 1]; g++) ApplyGate(kernel, &s->gate[g], PETSC_TRUE, tile, s->work);
    return;
  }
  if (pass < windows)
    for (int g = s->first[k]; g < s->first[k + 1]; g++) ApplyGate(kernel, &s->gate[g], turn && g == s->first[k + 1] - 1 ? PETSC_TRUE : PETSC_FALSE, tile, s->work);
  if (pass >= windows - 1)
    for (int g = s->first[k + 1] - (turn ? 2 : 1); g >= s->first[k]; g--) ApplyGate(kernel, &s->gate[g], PETSC_FALSE, tile, s->work);
}

static PetscErrorCode ApplyPass(LbWaveSplit s, int pass, LbVec *psi)
{
  const LbWaveSpace   *space  = s->space;
  const LbTrajKernels *kernel = space->kernels;
  const int            windows = s->w->n_windows;
  const LbTrajWindow  *w      = &s->w->window[pass < windows ? pass : 2 * windows - 2 - pass];

  PetscFunctionBegin;
  for (int64_t chunk = w->chunks.first; chunk < w->chunks.first + w->chunks.n_local && !w->exchange; chunk++) {
    int64_t lane[LB_LANES];
    int     n_lanes, run;

    LbWindowLanes(w, chunk, space->base, lane, &n_lanes, &run);
    kernel->load(w->rows, w->offset, n_lanes, lane, run, w->rising, psi->all, psi->all + space->stored, s->tile);
    ApplyGates(s, pass, s->tile);
    kernel->store(w->rows, w->offset, n_lanes, lane, run, w->rising, 0, s->tile, psi->all, psi->all + space->stored);
  }
  for (PetscInt64 t = 0; w->exchange && t < LbExchangeRounds(w->exchange); t++) {
    PetscInt64 first;
    double    *tiles;
    int        n;

    PetscCall(LbExchangeFetch(w->exchange, t, psi, &first, &n, &tiles));
    for (int k = 0; k < n; k++) ApplyGates(s, pass, tiles + (size_t)k * w->rows * 2 * LB_LANES);
    PetscCall(LbExchangeReturn(w->exchange, t, PETSC_FALSE, psi));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWaveSplitApply(LbWaveSplit s, LbVec *psi)
{
  const LbWaveSpace   *space  = s->space;
  const LbTrajKernels *kernel = space->kernels;
  const PetscInt64     n = space->stored, at = space->first - space->base;
  const int            passes = s->commute ? s->w->n_windows : 2 * s->w->n_windows - 1;

  PetscFunctionBegin;
  kernel->scale(space->n_local, s->e.all + at, s->e.all + n + at, psi->all + at, psi->all + n + at);
  PetscCall(LbFence(&space->shared));
  for (int pass = 0; pass < passes; pass++) {
    PetscCall(ApplyPass(s, pass, psi));
    PetscCall(LbFence(&space->shared));
  }
  kernel->scale(space->n_local, s->e.all + at, s->e.all + n + at, psi->all + at, psi->all + n + at);
  PetscCall(LbFence(&space->shared));
  PetscFunctionReturn(PETSC_SUCCESS);
}
