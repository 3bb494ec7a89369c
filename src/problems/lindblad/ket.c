/* Pure states and the non-Hermitian Hamiltonian of quantum trajectories.

   Qubits: every product is expanded in Pauli strings; a string maps amplitude i ^ flip to i with a sign (-1)^|i & z| and a phase. Strings with the same flip and factor of time are one term: a
   constant where one string without signs is left (a field along X), else a table of n coefficients (the diagonal, for one). Other dimensions: sparse rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/isa.h>
#include "ket.h"
#include "pauli.h"

TES_KERNEL_DECLARE(LbKetKernels, LbKetTable);

const LbKetKernels *LbKetKernelsPick(void)
{
  return TES_KERNEL_PICK(LbKetTable);
}

struct _p_LbKetOperator {
  PetscInt64 n;
  int        n_flips, room, n_times;
  LbFlip    *flip;
  /* sparse rows: one set of values per factor of time */
  PetscBool  sparse;
  LbKetRows  rows;
  LbComplex *value; /* [n_times][entries] */
  int        n_entries;
  PetscReal *factors;
  PetscBool  ready;
};

PetscErrorCode LbKetCreate(PetscInt64 n, LbKet *x)
{
  PetscFunctionBegin;
  PetscCheck(!posix_memalign((void **)&x->re, 4096, (size_t)PetscMax(n, 64) * 8) && !posix_memalign((void **)&x->im, 4096, (size_t)PetscMax(n, 64) * 8), PETSC_COMM_SELF, TES_ERR_WORLD,
             "no memory for a state of %" PetscInt64_FMT " amplitudes", n);
  memset(x->re, 0, (size_t)n * 8);
  memset(x->im, 0, (size_t)n * 8);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKetDestroy(LbKet *x)
{
  PetscFunctionBegin;
  free(x->re);
  free(x->im);
  x->re = x->im = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

void LbKetProduct(const LbModel *model, LbComplex c, const LbProduct *p, const LbKet *x, LbKet *y)
{
  PetscInt64 stride[LB_FACTORS];

  if (p->n == 1) { /* the usual jump: one site */
    const int        d = model->dim[p->site[0]];
    const PetscInt64 s = LbStride(model, p->site[0]);

    for (PetscInt64 base = 0; base < model->n; base += s * d)
      for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++) {
          const LbComplex m = c * p->op[0][a * d + b];
          const double    re = creal(m), im = cimag(m);

          if (m == 0) continue;
          for (PetscInt64 i = base; i < base + s; i++) {
            y->re[i + a * s] += re * x->re[i + b * s] - im * x->im[i + b * s];
            y->im[i + a * s] += re * x->im[i + b * s] + im * x->re[i + b * s];
          }
        }
    return;
  }
  for (int q = 0; q < p->n; q++) stride[q] = LbStride(model, p->site[q]);
  for (PetscInt64 i = 0; i < model->n; i++) {
    int code[LB_FACTORS] = {0};

    for (int level = 0; level >= 0;) {
      LbComplex  value = c;
      PetscInt64 j     = i;

      for (int q = 0; q < p->n && value != 0; q++) {
        const int d = model->dim[p->site[q]], a = (int)(i / stride[q] % d);

        value *= p->op[q][a * d + code[q]];
        j += (code[q] - a) * stride[q];
      }
      if (value != 0) {
        y->re[i] += creal(value) * x->re[j] - cimag(value) * x->im[j];
        y->im[i] += creal(value) * x->im[j] + cimag(value) * x->re[j];
      }
      for (level = p->n - 1; level >= 0; level--) {
        if (++code[level] < model->dim[p->site[level]]) break;
        code[level] = 0;
      }
    }
  }
}

/* one site: through its reduced density matrix */
static LbComplex SiteExpectation(const LbModel *model, const LbComplex *op, int site, const LbKet *x)
{
  const int        d   = model->dim[site];
  const PetscInt64 s   = LbStride(model, site);
  LbComplex        sum = 0;

  for (int a = 0; a < d; a++)
    for (int b = 0; b < d; b++) {
      double re = 0, im = 0;

      if (op[a * d + b] == 0) continue;
      for (PetscInt64 base = 0; base < model->n; base += s * d)
        for (PetscInt64 i = base; i < base + s; i++) {
          re += x->re[i + a * s] * x->re[i + b * s] + x->im[i + a * s] * x->im[i + b * s];
          im += x->re[i + a * s] * x->im[i + b * s] - x->im[i + a * s] * x->re[i + b * s];
        }
      sum += op[a * d + b] * (re + LB_I * im);
    }
  return sum;
}

LbComplex LbKetExpectation(const LbModel *model, LbComplex c, const LbProduct *p, const LbKet *x)
{
  PetscInt64 stride[LB_FACTORS];
  LbComplex  sum = 0;

  if (p->n == 1) return c * SiteExpectation(model, p->op[0], p->site[0], x);
  for (int q = 0; q < p->n; q++) stride[q] = LbStride(model, p->site[q]);
  if (p->n == 2) { /* by the reduced matrix of the two sites, entry by entry of the product */
    const int  d = model->dim[p->site[0]], e = model->dim[p->site[1]];

    for (int ab = 0; ab < d * e; ab++)
      for (int cd = 0; cd < d * e; cd++) {
        const LbComplex  m = p->op[0][(ab % d) * d + cd % d] * p->op[1][(ab / d) * e + cd / d];
        const PetscInt64 to = ab % d * stride[0] + ab / d * stride[1], from = cd % d * stride[0] + cd / d * stride[1];
        const PetscInt64 low = PetscMin(stride[0], stride[1]), high = PetscMax(stride[0], stride[1]);
        const int        dl = stride[0] < stride[1] ? d : e, dh = stride[0] < stride[1] ? e : d;
        double           re = 0, im = 0;

        if (m == 0) continue;
        for (PetscInt64 u = 0; u < model->n; u += high * dh)
          for (PetscInt64 v = u; v < u + high; v += low * dl)
            for (PetscInt64 i = v; i < v + low; i++) {
              re += x->re[i + to] * x->re[i + from] + x->im[i + to] * x->im[i + from];
              im += x->re[i + to] * x->im[i + from] - x->im[i + to] * x->re[i + from];
            }
        sum += m * (re + LB_I * im);
      }
    return c * sum;
  }
  for (PetscInt64 i = 0; i < model->n; i++) {
    int code[LB_FACTORS] = {0};

    for (int level = 0; level >= 0;) {
      LbComplex  value = 1;
      PetscInt64 j     = i;

      for (int q = 0; q < p->n && value != 0; q++) {
        const int d = model->dim[p->site[q]], a = (int)(i / stride[q] % d);

        value *= p->op[q][a * d + code[q]];
        j += (code[q] - a) * stride[q];
      }
      if (value != 0) sum += value * (x->re[i] - LB_I * x->im[i]) * (x->re[j] + LB_I * x->im[j]);
      for (level = p->n - 1; level >= 0; level--) {
        if (++code[level] < model->dim[p->site[level]]) break;
        code[level] = 0;
      }
    }
  }
  return c * sum;
}

/* ---- the operator ---- */

typedef struct {
  PetscInt64 flip, z;
  int        time;
  LbComplex  c;
} String;

typedef struct {
  int     n, room;
  String *item;
} Strings;

static PetscErrorCode AddString(Strings *s, String one)
{
  PetscFunctionBegin;
  for (int k = 0; k < s->n; k++)
    if (s->item[k].flip == one.flip && s->item[k].z == one.z && s->item[k].time == one.time) {
      s->item[k].c += one.c;
      PetscFunctionReturn(PETSC_SUCCESS);
    }
  if (s->n == s->room) {
    String *grown;

    s->room = 2 * s->room + 64;
    PetscCall(PetscMalloc1(s->room, &grown));
    if (s->n) PetscCall(PetscArraycpy(grown, s->item, s->n));
    PetscCall(PetscFree(s->item));
    s->item = grown;
  }
  s->item[s->n++] = one;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddStrings(LbComplex c, int time, const LbProduct *p, Strings *s)
{
  LbComplex o[LB_FACTORS][4];

  PetscFunctionBegin;
  for (int q = 0; q < p->n; q++) LbPauliCoefficients(1, p->op[q], o[q]); /* op = sum o sigma */
  for (int code = 0; code < 1 << (2 * p->n); code++) {
    String one = {.time = time, .c = c};

    for (int q = 0; q < p->n; q++) {
      const int a = (code >> (2 * q)) & 3;

      one.c *= o[q][a];
      if (a == 1 || a == 2) one.flip |= (PetscInt64)1 << p->site[q];
      if (a == 2 || a == 3) one.z |= (PetscInt64)1 << p->site[q];
      if (a == 2) one.c *= -LB_I;
    }
    if (cabs(one.c) > 0) PetscCall(AddString(s, one));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode BuildFlips(LbKetOperator a, const Strings *s)
{
  PetscFunctionBegin;
  PetscCall(PetscCalloc1(s->n + 1, &a->flip));
  for (int k = 0; k < s->n; k++) {
    int     count = 0, first = 1;
    LbFlip *f;

    for (int j = 0; j < s->n; j++) {
      if (s->item[j].flip != s->item[k].flip || s->item[j].time != s->item[k].time) continue;
      count++;
      if (j < k) first = 0;
    }
    if (!first) continue;
    f       = &a->flip[a->n_flips++];
    f->flip = s->item[k].flip;
    f->time = s->item[k].time;
    if (count == 1 && !s->item[k].z) {
      f->re_1 = creal(s->item[k].c);
      f->im_1 = cimag(s->item[k].c);
      continue;
    }
    PetscCheck(!posix_memalign((void **)&f->table_re, 4096, (size_t)PetscMax(a->n, 64) * 8) && !posix_memalign((void **)&f->table_im, 4096, (size_t)PetscMax(a->n, 64) * 8), PETSC_COMM_SELF, TES_ERR_WORLD,
               "no memory for a table of %" PetscInt64_FMT " coefficients", a->n);
    memset(f->table_re, 0, (size_t)a->n * 8);
    memset(f->table_im, 0, (size_t)a->n * 8);
    for (int j = 0; j < s->n; j++) {
      if (s->item[j].flip != f->flip || s->item[j].time != f->time) continue;
      for (PetscInt64 i = 0; i < a->n; i++) {
        const double sign = __builtin_parityll((unsigned long long)(i & s->item[j].z)) ? -1 : 1;

        f->table_re[i] += sign * creal(s->item[j].c);
        f->table_im[i] += sign * cimag(s->item[j].c);
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef PetscErrorCode (*Visit)(void *ctx, LbComplex c, int time, const LbProduct *p);

/* every product of -i H_eff */
static PetscErrorCode Products(LbModel *model, Visit visit, void *ctx)
{
  PetscFunctionBegin;
  for (int t = 0; t < model->n_terms; t++) PetscCall(visit(ctx, -LB_I * model->term[t].coef, model->term[t].time, &model->term[t].p));
  for (int j = 0; j < model->n_jumps; j++) {
    const LbJump *jump = &model->jump[j];

    for (int p = 0; p < jump->n; p++)
      for (int q = 0; q < jump->n; q++) {
        LbProduct left, both;

        PetscCall(LbAdjoint(model, &jump->part[p].p, &left));
        PetscCall(LbProductTimes(model, &left, &jump->part[q].p, &both));
        PetscCall(visit(ctx, -0.5 * jump->rate * conj(jump->part[p].coef) * jump->part[q].coef, jump->time, &both));
      }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode VisitStrings(void *ctx, LbComplex c, int time, const LbProduct *p)
{
  return AddStrings(c, time, p, ctx);
}

/* entries of a row, collected */
typedef struct {
  const LbModel *model;
  int            n, room, n_times, *row, *column, *time;
  LbComplex     *c;
} Entries;

static PetscErrorCode VisitEntries(void *ctx, LbComplex c, int time, const LbProduct *p)
{
  Entries       *e     = ctx;
  const LbModel *model = e->model;
  PetscInt64     stride[LB_FACTORS];

  PetscFunctionBegin;
  for (int q = 0; q < p->n; q++) stride[q] = LbStride(model, p->site[q]);
  for (PetscInt64 i = 0; i < model->n; i++) {
    int code[LB_FACTORS] = {0};

    for (int level = 0; level >= 0;) {
      LbComplex  value = c;
      PetscInt64 j     = i;

      for (int q = 0; q < p->n && value != 0; q++) {
        const int d = model->dim[p->site[q]], a = (int)(i / stride[q] % d);

        value *= p->op[q][a * d + code[q]];
        j += (code[q] - a) * stride[q];
      }
      if (value != 0) {
        if (e->n == e->room) {
          int       *row, *column, *times;
          LbComplex *cs;

          e->room = 2 * e->room + 4096;
          PetscCall(PetscMalloc4(e->room, &row, e->room, &column, e->room, &times, e->room, &cs));
          if (e->n) {
            PetscCall(PetscArraycpy(row, e->row, e->n));
            PetscCall(PetscArraycpy(column, e->column, e->n));
            PetscCall(PetscArraycpy(times, e->time, e->n));
            PetscCall(PetscArraycpy(cs, e->c, e->n));
          }
          PetscCall(PetscFree4(e->row, e->column, e->time, e->c));
          e->row    = row;
          e->column = column;
          e->time   = times;
          e->c      = cs;
        }
        e->row[e->n]    = (int)i;
        e->column[e->n] = (int)j;
        e->time[e->n]   = time;
        e->c[e->n++]    = value;
      }
      for (level = p->n - 1; level >= 0; level--) {
        if (++code[level] < model->dim[p->site[level]]) break;
        code[level] = 0;
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode BuildRows(LbKetOperator a, const Entries *e)
{
  int *at, *order, *last;

  PetscFunctionBegin;
  a->sparse = PETSC_TRUE;
  PetscCall(PetscCalloc5(a->n + 1, &a->rows.start, e->n + 1, &a->rows.column, e->n + 1, &a->rows.re, e->n + 1, &a->rows.im, (size_t)(e->n + 1) * a->n_times, &a->value));
  PetscCall(PetscCalloc3(a->n + 2, &at, e->n + 1, &order, a->n + 1, &last));
  for (int k = 0; k < e->n; k++) at[e->row[k] + 1]++;
  for (PetscInt64 i = 0; i < a->n; i++) at[i + 1] += at[i];
  for (int k = 0; k < e->n; k++) order[at[e->row[k]]++] = k;
  for (PetscInt64 i = 0; i < a->n; i++) last[i] = -1;
  for (PetscInt64 i = 0, k = 0; i < a->n; i++) {
    a->rows.start[i] = a->n_entries;
    for (; k < e->n && e->row[order[k]] == i; k++) {
      const int part = order[k], column = e->column[part];

      if (last[column] < a->rows.start[i]) {
        last[column]                 = a->n_entries;
        a->rows.column[a->n_entries++] = column;
      }
      a->value[(size_t)e->time[part] * (size_t)(e->n + 1) + (size_t)last[column]] += e->c[part];
    }
  }
  a->rows.start[a->n] = a->n_entries;
  a->room             = e->n + 1;
  PetscCall(PetscFree3(at, order, last));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKetOperatorCreate(LbModel *model, LbKetOperator *out)
{
  LbKetOperator a;

  PetscFunctionBegin;
  PetscCall(PetscNew(&a));
  a->n       = model->n;
  a->n_times = model->n_times;
  PetscCall(PetscCalloc1(model->n_times, &a->factors));
  if (model->qubits) {
    Strings s = {0};

    PetscCall(Products(model, VisitStrings, &s));
    PetscCall(BuildFlips(a, &s));
    PetscCall(PetscFree(s.item));
  } else {
    Entries e = {.model = model};

    PetscCall(Products(model, VisitEntries, &e));
    PetscCall(BuildRows(a, &e));
    PetscCall(PetscFree4(e.row, e.column, e.time, e.c));
  }
  *out = a;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKetOperatorDestroy(LbKetOperator *out)
{
  LbKetOperator a = *out;

  PetscFunctionBegin;
  if (!a) PetscFunctionReturn(PETSC_SUCCESS);
  for (int k = 0; k < a->n_flips; k++) {
    free(a->flip[k].table_re);
    free(a->flip[k].table_im);
  }
  PetscCall(PetscFree(a->flip));
  if (a->sparse) PetscCall(PetscFree5(a->rows.start, a->rows.column, a->rows.re, a->rows.im, a->value));
  PetscCall(PetscFree(a->factors));
  PetscCall(PetscFree(a));
  *out = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKetOperatorFlips(LbKetOperator a, int *n, const LbFlip **flips)
{
  PetscFunctionBegin;
  *n     = a->sparse ? 0 : a->n_flips;
  *flips = a->flip;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKetOperatorApply(LbKetOperator a, const PetscReal f[], const LbKet *x, LbKet *y)
{
  PetscBool same = a->ready;

  PetscFunctionBegin;
  for (int k = 0; k < a->n_times && same; k++) same = a->factors[k] == f[k] ? PETSC_TRUE : PETSC_FALSE;
  if (!same) {
    for (int k = 0; k < a->n_flips; k++) {
      a->flip[k].factor = f[a->flip[k].time];
      a->flip[k].re     = f[a->flip[k].time] * a->flip[k].re_1;
      a->flip[k].im     = f[a->flip[k].time] * a->flip[k].im_1;
    }
    for (int e = 0; e < a->n_entries; e++) {
      LbComplex sum = 0;

      for (int t = 0; t < a->n_times; t++) sum += f[t] * a->value[(size_t)t * (size_t)a->room + (size_t)e];
      a->rows.re[e] = creal(sum);
      a->rows.im[e] = cimag(sum);
    }
    PetscCall(PetscArraycpy(a->factors, f, a->n_times));
    a->ready = PETSC_TRUE;
  }
  if (a->sparse) LbKetKernelsPick()->rows(a->n, &a->rows, x->re, x->im, y->re, y->im);
  else LbKetKernelsPick()->flips(a->n, a->n_flips, a->flip, x->re, x->im, y->re, y->im);
  PetscFunctionReturn(PETSC_SUCCESS);
}
