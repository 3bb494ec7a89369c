/* Liouvillians of sites of any dimension, in ket-bra form.

   rho = R + i M, R symmetric, M antisymmetric, in one real n x n matrix X (X_ij = R_ij for i >= j, M_ij for i < j). With A = -i H - K/2, K = sum_k g_k J_k+ J_k,
     d rho/dt = A rho + (A rho)+ + sum_k g_k J_k rho J_k+ ,
   so only left products with a sparse n x n matrix are needed: A is held as rows (n nnz numbers, against n^2 of the state). Panels of 8 columns of rho are unpacked, multiplied, and
   both parts of A rho + h.c. go to scratch: element (i, j) is touched by the panels of i and of j, and the sum of two is the same in either order. A row pass then
   adds the jumps. J with one real entry per row at a constant distance from the diagonal (ladder operators, |i><j|, their products) is a shifted scaled copy; any other J
   is applied row by row, nnz(J row)^2 per entry.

   Ranks that share memory share panels, then rows; scratch: one vector on one rank, two on several. By messages: ketbra_message.c. */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <tessera/isa.h>
#include "ketbra.h"

TES_KERNEL_DECLARE(LbKetbraKernels, LbKetbraTable);

/* ---- sparse matrices of products ---- */

static PetscErrorCode AddPart(LbSparse *s, int row, int column, int time, LbComplex c)
{
  PetscFunctionBegin;
  if (s->n_parts == s->room) {
    int       *row_, *column_, *time_;
    LbComplex *c_;

    s->room = 2 * s->room + 1024;
    PetscCall(PetscMalloc4(s->room, &row_, s->room, &column_, s->room, &time_, s->room, &c_));
    if (s->n_parts) {
      PetscCall(PetscArraycpy(row_, s->part_row, s->n_parts));
      PetscCall(PetscArraycpy(column_, s->part_column, s->n_parts));
      PetscCall(PetscArraycpy(time_, s->part_time, s->n_parts));
      PetscCall(PetscArraycpy(c_, s->part_c, s->n_parts));
    }
    PetscCall(PetscFree4(s->part_row, s->part_column, s->part_time, s->part_c));
    s->part_row    = row_;
    s->part_column = column_;
    s->part_time   = time_;
    s->part_c      = c_;
  }
  s->part_row[s->n_parts]    = row;
  s->part_column[s->n_parts] = column;
  s->part_time[s->n_parts]   = time;
  s->part_c[s->n_parts++]    = c;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* all entries of c P on the whole state space */
static PetscErrorCode AddProduct(const LbModel *model, LbComplex c, int time, const LbProduct *p, LbSparse *s)
{
  PetscInt64 stride[LB_FACTORS];

  PetscFunctionBegin;
  for (int q = 0; q < p->n; q++) stride[q] = LbStride(model, p->site[q]);
  for (PetscInt64 i = 0; i < s->n; i++) {
    int code[LB_FACTORS] = {0}, level = 0;

    /* depth first over the nonzero columns of the factors' rows */
    while (level >= 0) {
      LbComplex  value = c;
      PetscInt64 j     = i;

      if (p->n == 0) {
        PetscCall(AddPart(s, (int)i, (int)i, time, c));
        break;
      }
      for (int q = 0; q < p->n; q++) {
        const int d = model->dim[p->site[q]], a = (int)(i / stride[q] % d);

        value *= p->op[q][a * d + code[q]];
        j += (code[q] - a) * stride[q];
      }
      if (value != 0) PetscCall(AddPart(s, (int)i, (int)j, time, value));
      for (level = p->n - 1; level >= 0; level--) {
        if (++code[level] < model->dim[p->site[level]]) break;
        code[level] = 0;
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Compress(LbSparse *s)
{
  int *at, *order, *last;

  PetscFunctionBegin;
  PetscCall(PetscCalloc2(s->n + 1, &s->start, s->n_parts + 1, &s->part_entry));
  PetscCall(PetscMalloc1(s->n_parts + 1, &s->column));
  PetscCall(PetscCalloc3(s->n + 2, &at, s->n_parts + 1, &order, s->n + 1, &last));
  for (int k = 0; k < s->n_parts; k++) at[s->part_row[k] + 1]++;
  for (PetscInt64 i = 0; i < s->n; i++) at[i + 1] += at[i];
  for (int k = 0; k < s->n_parts; k++) order[at[s->part_row[k]]++] = k;
  for (PetscInt64 i = 0; i < s->n; i++) last[i] = -1;
  for (PetscInt64 i = 0, k = 0; i < s->n; i++) { /* columns in the order of first use; last[j] is the entry of column j in this row */
    s->start[i] = s->n_entries;
    for (; k < s->n_parts && s->part_row[order[k]] == i; k++) {
      const int part = order[k], column = s->part_column[part];

      if (last[column] < s->start[i]) {
        last[column]             = s->n_entries;
        s->column[s->n_entries++] = column;
      }
      s->part_entry[part] = last[column];
    }
  }
  s->start[s->n] = s->n_entries;
  PetscCall(PetscFree3(at, order, last));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SparseDestroy(LbSparse *s)
{
  PetscFunctionBegin;
  PetscCall(PetscFree2(s->start, s->part_entry));
  PetscCall(PetscFree(s->column));
  PetscCall(PetscFree4(s->part_row, s->part_column, s->part_time, s->part_c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- jumps ---- */

static PetscErrorCode BuildJump(LbModel *model, const LbJump *from, PetscBool adjoint, LbKetbraJump *to)
{
  LbSparse  s       = {.n = model->n};
  PetscBool shifted = PETSC_TRUE;
  PetscInt64 shift  = 0;
  LbComplex *sum, phase = 0;

  PetscFunctionBegin;
  to->rate = from->rate;
  to->time = from->time;
  for (int p = 0; p < from->n; p++) {
    LbProduct product = from->part[p].p;

    if (adjoint) PetscCall(LbAdjoint(model, &from->part[p].p, &product));
    PetscCall(AddProduct(model, adjoint ? conj(from->part[p].coef) : from->part[p].coef, 0, &product, &s));
  }
  PetscCall(Compress(&s));
  PetscCall(PetscCalloc1(s.n_entries + 1, &sum));
  for (int k = 0; k < s.n_parts; k++) sum[s.part_entry[k]] += s.part_c[k];
  for (PetscInt64 i = 0; i < s.n; i++)
    for (int e = s.start[i]; e < s.start[i + 1]; e++) {
      const double size = cabs(sum[e]);

      if (size == 0) continue;
      if (phase == 0) {
        phase = sum[e] / size;
        shift = s.column[e] - i;
      }
      if (s.column[e] - i != shift || PetscAbsReal(cimag(sum[e] * conj(phase))) > 1e-15 * size) shifted = PETSC_FALSE;
    }
  to->shifted = shifted;
  to->shift   = shift;
  if (shifted) {
    PetscCall(PetscCalloc1(s.n, &to->factor));
    for (PetscInt64 i = 0; i < s.n; i++)
      for (int e = s.start[i]; e < s.start[i + 1]; e++)
        if (sum[e] != 0) to->factor[i] = creal(sum[e] * conj(phase));
  } else {
    int n = 0;

    PetscCall(PetscMalloc3(s.n + 1, &to->start, s.n_entries + 1, &to->column, s.n_entries + 1, &to->value));
    for (PetscInt64 i = 0; i < s.n; i++) {
      to->start[i] = n;
      for (int e = s.start[i]; e < s.start[i + 1]; e++) {
        if (sum[e] == 0) continue;
        to->column[n]  = s.column[e];
        to->value[n++] = sum[e];
      }
    }
    to->start[s.n] = n;
  }
  PetscCall(PetscFree(sum));
  PetscCall(SparseDestroy(&s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKetbraJumps(LbModel *model, PetscBool adjoint, LbKetbra k)
{
  PetscFunctionBegin;
  k->n_jumps = model->n_jumps;
  PetscCall(PetscCalloc1(model->n_jumps + 1, &k->jump));
  for (int j = 0; j < model->n_jumps; j++) PetscCall(BuildJump(model, &model->jump[j], adjoint, &k->jump[j]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKetbraJumpsDestroy(LbKetbra k)
{
  PetscFunctionBegin;
  for (int j = 0; j < k->n_jumps; j++) {
    PetscCall(PetscFree(k->jump[j].factor));
    PetscCall(PetscFree3(k->jump[j].start, k->jump[j].column, k->jump[j].value));
  }
  PetscCall(PetscFree(k->jump));
  PetscFunctionReturn(PETSC_SUCCESS);
}

int LbKetbraSources(LbKetbra k)
{
  int n = 0;

  for (int j = 0; j < k->n_jumps; j++) {
    int most = 1;

    for (PetscInt64 i = 0; !k->jump[j].shifted && i < k->n; i++) most = PetscMax(most, k->jump[j].start[i + 1] - k->jump[j].start[i]);
    n += most;
  }
  return n;
}

/* columns from..to of row i of g J rho J+ by its definition: += the part of entry a of row i of J */
static void General(const LbKetbraJump *jump, PetscInt64 i, PetscInt64 from, PetscInt64 to, int a, double g, const LbKetbraSource *source, PetscInt64 stride, double *y)
{
  const PetscInt64 k = jump->column[a];

  for (PetscInt64 j = from; j < to; j++) {
    LbComplex s = 0;

    for (int b = jump->start[j]; b < jump->start[j + 1]; b++) {
      const PetscInt64 l = jump->column[b];
      const double     row = source->row[l], column = source->column[l * stride];
      const LbComplex  x = k == l ? row : k > l ? row - LB_I * column : column + LB_I * row;

      s += x * conj(jump->value[b]);
    }
    s *= g * jump->value[a];
    y[j] += i >= j ? creal(s) : cimag(s);
  }
}

#define RUN 1024 /* columns of a row that stay in the first cache while all jumps add to them */

void LbKetbraRow(LbKetbra k, const PetscReal f[], const LbFused *fused, PetscInt64 i, const LbKetbraSource source[], PetscInt64 stride, const double *x0, const double *x, const double *w, const double *v, double *y)
{
  for (PetscInt64 from = 0; from < k->n; from += RUN) {
    const PetscInt64 to = PetscMin(from + RUN, k->n);
    int              at = 0;

    k->kernels->start(to - from, fused->a, fused->b, fused->shift, x0 ? x0 + from : NULL, x + from, w + from, v ? v + from : NULL, y + from);
    for (int j = 0; j < k->n_jumps; j++) {
      const LbKetbraJump *jump = &k->jump[j];
      const double        g    = fused->scale * jump->rate * f[jump->time];

      if (jump->shifted) {
        const LbKetbraSource *here  = &source[at++];
        const PetscInt64      first = PetscMax(from, -jump->shift), last = PetscMin(to, k->n - PetscMax(jump->shift, 0));

        if (here->row && g != 0 && first < last) k->kernels->jump(last - first, g * jump->factor[i], jump->factor + first, here->row + first + jump->shift, y + first);
      } else {
        for (int a = jump->start[i]; a < jump->start[i + 1]; a++, at++)
          if (g != 0) General(jump, i, from, to, a, g, &source[at], stride, y);
      }
    }
  }
}

/* ---- the object ---- */

PetscErrorCode LbKetbraCreate(const LbSpace *space, LbModel *model, PetscBool adjoint, char problem[256], LbKetbra *out)
{
  LbKetbra k;

  PetscFunctionBegin;
  *out       = NULL;
  problem[0] = 0;
  if (model->n > 100000) {
    snprintf(problem, 256, "the state space has %" PetscInt64_FMT " dimensions: its density matrix is out of reach; take solver: trajectories", model->n);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(PetscNew(&k));
  *out       = k;
  k->space   = space;
  k->n       = model->n;
  k->n_times = model->n_times;
  k->kernels = TES_KERNEL_PICK(LbKetbraTable);
  k->a.n     = model->n;
  for (int t = 0; t < model->n_terms; t++) PetscCall(AddProduct(model, (adjoint ? LB_I : -LB_I) * model->term[t].coef, model->term[t].time, &model->term[t].p, &k->a));
  PetscCall(LbKetbraJumps(model, adjoint, k));
  for (int j = 0; j < model->n_jumps; j++) {
    const LbJump *jump = &model->jump[j];

    for (int p = 0; p < jump->n; p++)
      for (int q = 0; q < jump->n; q++) {
        LbProduct left, both;

        PetscCall(LbAdjoint(model, &jump->part[p].p, &left));
        PetscCall(LbProductTimes(model, &left, &jump->part[q].p, &both));
        PetscCall(AddProduct(model, -0.5 * jump->rate * conj(jump->part[p].coef) * jump->part[q].coef, jump->time, &both, &k->a));
      }
  }
  PetscCall(Compress(&k->a));
  k->rows = (LbRows){.n = k->n, .start = k->a.start, .column = k->a.column, .imaginary = PETSC_TRUE};
  PetscCall(PetscCalloc3(k->a.n_entries + 1, &k->rows.re, k->a.n_entries + 1, &k->rows.im, k->n, &k->rows.diagonal));
  for (int q = 0; q < k->a.n_parts; q++)
    if (k->a.part_row[q] != k->a.part_column[q] && creal(k->a.part_c[q]) != 0) k->rows.imaginary = PETSC_FALSE;
  PetscCall(PetscCalloc1(model->n_times, &k->factors));
  PetscCheck(!posix_memalign((void **)&k->panel, 4096, (size_t)k->n * 2 * LB_PANEL * 8 + 4096) && !posix_memalign((void **)&k->product, 4096, (size_t)k->n * 2 * LB_PANEL * 8 + 4096),
             PETSC_COMM_SELF, PETSC_ERR_MEM, "no memory for panels");
  PetscCall(LbVecCreate(space, &k->w));
  if (space->size > 1) PetscCall(LbVecCreate(space, &k->v));
  if (space->messages) PetscCall(LbKetbraMessagesCreate(k));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKetbraDestroy(LbKetbra *out)
{
  LbKetbra k = *out;

  PetscFunctionBegin;
  if (!k) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbKetbraJumpsDestroy(k));
  PetscCall(PetscFree3(k->rows.re, k->rows.im, k->rows.diagonal));
  PetscCall(SparseDestroy(&k->a));
  PetscCall(PetscFree(k->factors));
  free(k->panel);
  free(k->product);
  PetscCall(LbVecDestroy(&k->w));
  PetscCall(LbVecDestroy(&k->v));
  PetscCall(LbVecDestroy(&k->transposed));
  PetscCall(LbKetbraMessagesDestroy(k));
  PetscCall(PetscFree(k));
  *out = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Refresh(LbKetbra k, const PetscReal f[], PetscReal scale)
{
  PetscBool same = k->ready && k->scale == scale ? PETSC_TRUE : PETSC_FALSE;

  PetscFunctionBegin;
  for (int t = 0; t < k->n_times && same; t++) same = k->factors[t] == f[t] ? PETSC_TRUE : PETSC_FALSE;
  if (same) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscArrayzero(k->rows.re, k->a.n_entries));
  PetscCall(PetscArrayzero(k->rows.im, k->a.n_entries));
  PetscCall(PetscArrayzero(k->rows.diagonal, k->n));
  for (int q = 0; q < k->a.n_parts; q++) {
    const LbComplex c = scale * f[k->a.part_time[q]] * k->a.part_c[q];

    k->rows.re[k->a.part_entry[q]] += creal(c);
    k->rows.im[k->a.part_entry[q]] += cimag(c);
    if (k->a.part_row[q] == k->a.part_column[q]) k->rows.diagonal[k->a.part_row[q]] += creal(c);
  }
  PetscCall(PetscArraycpy(k->factors, f, k->n_times));
  k->scale = scale;
  k->ready = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKetbraApply(LbKetbra k, const PetscReal f[], const LbFused *fused, const LbVec *x, LbVec *y)
{
  const PetscInt64 n = k->n, n_panels = (n + LB_PANEL - 1) / LB_PANEL, rank = k->space->rank, size = k->space->size;
  const PetscInt64 first_row = k->space->part.first / n, last_row = first_row + k->space->part.n_local / n;
  LbKetbraSource  *source;

  PetscFunctionBegin;
  PetscCall(Refresh(k, f, fused->scale));
  if (k->messages) {
    PetscCall(LbKetbraMessages(k, f, fused, x, y));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt64 p = n_panels * rank / size; p < n_panels * (rank + 1) / size; p++) {
    const PetscInt64 column = p * LB_PANEL;
    const int        width  = (int)PetscMin(LB_PANEL, n - column);

    k->kernels->load(n, column, width, x->all + column, n, x->all + column * n, k->panel);
    k->kernels->multiply(&k->rows, 0, n, k->panel, k->product);
    k->kernels->store(n, column, width, k->product, k->w.all + column, n, size > 1 ? k->v.all + column * n : NULL);
  }
  PetscCall(LbFence(k->space));
  PetscCall(PetscMalloc1(PetscMax(1, LbKetbraSources(k)), &source));
  for (PetscInt64 i = first_row; i < last_row; i++) {
    int at = 0;

    for (int j = 0; j < k->n_jumps; j++) {
      const LbKetbraJump *jump = &k->jump[j];

      if (jump->shifted) source[at++].row = jump->factor[i] != 0 ? x->all + (i + jump->shift) * n : NULL;
      else
        for (int a = jump->start[i]; a < jump->start[i + 1]; a++) source[at++] = (LbKetbraSource){x->all + jump->column[a] * n, x->all + jump->column[a]};
    }
    LbKetbraRow(k, f, fused, i, source, n, fused->x0 ? fused->x0->all + i * n : NULL, x->all + i * n, k->w.all + i * n, size > 1 ? k->v.all + i * n : NULL, y->all + i * n);
  }
  PetscCall(PetscFree(source));
  PetscFunctionReturn(PETSC_SUCCESS);
}
