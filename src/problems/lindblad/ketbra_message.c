/* The ket-bra form on ranks that hold their own rows of X only.

   A rank multiplies the columns whose numbers are its rows: of rho[:, J] one part lies in its own rows X[J, :], the other one, X[:, J], in everybody's. So a transposition sends pieces of columns
   there and the products back, a few panels of 8 columns at a time: 2 (1 - 1/R) of the vector, whatever H is. Then rows that the jumps shift into a rank's own are sent, some rows at a time: J with
   one entry per row wants X[i + s, :], any other J also the transposed rows, kept from the panels in one more vector.

   Each entry gets the same summands in the same order as on one rank. */
#include <string.h>
#include "ketbra.h"

struct _p_LbKetbraMessages {
  PetscInt64 first, last;     /* own rows */
  PetscInt64 *begin;          /* [size + 1] first row of each rank */
  PetscInt64 most;            /* rows of a rank at most */
  int         panels;         /* of 8 columns per step */
  PetscInt64  chunk;          /* rows per step of the jumps */
  PetscBool   general;        /* some jump has several entries per row */
  double     *near, *far;     /* pieces of columns: of this rank's rows, of this rank's columns; [panel][row][8] per rank */
  int        *near_count, *far_count, *near_at, *far_at;
  double     *columns;        /* [n][8] one panel */
  double     *send, *receive; /* rows for jumps */
  int        *send_count, *receive_count, *send_at, *receive_at;
  PetscReal   sent;
};

static int Owner(const struct _p_LbKetbraMessages *m, int size, PetscInt64 row)
{
  int r = 0;

  while (r + 1 < size && row >= m->begin[r + 1]) r++;
  return r;
}

/* rows of other ranks that row i of the jumps wants, in the order of their use */
static int Wanted(const LbKetbra k, PetscInt64 i, PetscInt64 first, PetscInt64 last, PetscInt64 row[], int room)
{
  int n = 0;

  for (int j = 0; j < k->n_jumps; j++) {
    const LbKetbraJump *jump = &k->jump[j];

    if (jump->shifted) {
      const PetscInt64 from = i + jump->shift;

      if (jump->factor[i] != 0 && (from < first || from >= last) && n < room) row[n++] = from;
    } else {
      for (int a = jump->start[i]; a < jump->start[i + 1]; a++)
        if ((jump->column[a] < first || jump->column[a] >= last) && n < room) row[n++] = jump->column[a];
    }
  }
  return n;
}

PetscErrorCode LbKetbraMessagesCreate(LbKetbra k)
{
  const LbSpace *space = k->space;
  const int      size = space->size, wanted = PetscMax(1, LbKetbraSources(k));
  const size_t   bytes = space->buffer ? space->buffer : PetscMin((size_t)1 << 26, PetscMax((size_t)1 << 20, (size_t)space->part.n_local));
  struct _p_LbKetbraMessages *m;
  size_t         rows;

  PetscFunctionBegin;
  PetscCall(PetscNew(&m));
  k->messages = m;
  PetscCall(PetscMalloc1(size + 1, &m->begin));
  for (int r = 0; r < size; r++) {
    PetscInt64 first, n;

    TesPartitionRange(&space->part, r, &first, &n);
    m->begin[r]     = first / k->n;
    m->begin[r + 1] = (first + n) / k->n;
    m->most         = PetscMax(m->most, n / k->n);
  }
  m->first  = m->begin[space->rank];
  m->last   = m->begin[space->rank + 1];
  m->panels = (int)PetscMax(1, PetscMin((PetscInt64)(bytes / 2 / (2 * 8 * LB_PANEL * (size_t)k->n)), (m->most + LB_PANEL - 1) / LB_PANEL));
  for (int j = 0; j < k->n_jumps; j++)
    if (!k->jump[j].shifted) m->general = PETSC_TRUE;
  if (m->general) PetscCall(LbVecCreate(space, &k->transposed));
  m->chunk = (PetscInt64)PetscMax(1, PetscMin((PetscInt64)(bytes / 4 / (8 * (size_t)k->n * (m->general ? 2 : 1) * (size_t)(wanted * (size - 1)))), m->most));
  rows     = (size_t)m->chunk * (size_t)wanted * (m->general ? 2 : 1) * (size_t)k->n;
  PetscCall(PetscMalloc1(rows + 1, &m->receive)); /* what is sent is at most size - 1 times that, and allocated as it is */
  PetscCall(PetscMalloc3((size_t)m->panels * LB_PANEL * (size_t)k->n * 2, &m->near, (size_t)m->panels * LB_PANEL * (size_t)k->n, &m->far, (size_t)k->n * LB_PANEL, &m->columns));
  PetscCall(PetscMalloc4(size, &m->near_count, size, &m->far_count, size, &m->near_at, size, &m->far_at));
  PetscCall(PetscMalloc4(size, &m->send_count, size, &m->receive_count, size, &m->send_at, size, &m->receive_at));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKetbraMessagesDestroy(LbKetbra k)
{
  struct _p_LbKetbraMessages *m = k->messages;

  PetscFunctionBegin;
  if (!m) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscFree(m->begin));
  PetscCall(PetscFree(m->receive));
  PetscCall(PetscFree3(m->near, m->far, m->columns));
  PetscCall(PetscFree4(m->near_count, m->far_count, m->near_at, m->far_at));
  PetscCall(PetscFree4(m->send_count, m->receive_count, m->send_at, m->receive_at));
  PetscCall(PetscFree(m));
  k->messages = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* panels of rank r in a step, with their columns */
static int StepPanels(const struct _p_LbKetbraMessages *m, int r, PetscInt64 step, PetscInt64 *column)
{
  *column = m->begin[r] + step * m->panels * LB_PANEL;
  return (int)PetscMax(0, PetscMin(m->panels, (m->begin[r + 1] - *column + LB_PANEL - 1) / LB_PANEL));
}

/* A rho + h.c. into w and v, panels of columns there and back */
static PetscErrorCode Products(LbKetbra k, const double *x)
{
  struct _p_LbKetbraMessages *m = k->messages;
  const int                   size = k->space->size, me = k->space->rank;
  const PetscInt64            n = k->n, rows = m->last - m->first, steps = (m->most + (PetscInt64)m->panels * LB_PANEL - 1) / ((PetscInt64)m->panels * LB_PANEL);

  PetscFunctionBegin;
  for (PetscInt64 step = 0; step < steps; step++) {
    PetscInt64 column;
    const int  mine = StepPanels(m, me, step, &column);
    int        near = 0, far = 0;

    for (int r = 0; r < size; r++) {
      PetscInt64 theirs;
      const int  panels = StepPanels(m, r, step, &theirs);

      m->near_at[r]    = near;
      m->near_count[r] = r == me ? 0 : (int)(panels * rows * LB_PANEL);
      m->far_at[r]     = far;
      m->far_count[r]  = r == me ? 0 : (int)(mine * (m->begin[r + 1] - m->begin[r]) * LB_PANEL);
      for (int g = 0; g < panels && r != me; g++) {
        const PetscInt64 from  = theirs + g * LB_PANEL;
        const int        width = (int)PetscMin(LB_PANEL, m->begin[r + 1] - from);

        for (PetscInt64 i = 0; i < rows; i++) {
          double *to = m->near + near + (g * rows + i) * LB_PANEL;

          for (int q = 0; q < LB_PANEL; q++) to[q] = q < width ? x[i * n + from + q] : 0;
        }
      }
      near += m->near_count[r];
      far += m->far_count[r];
    }
    PetscCallMPI(MPI_Alltoallv(m->near, m->near_count, m->near_at, MPI_DOUBLE, m->far, m->far_count, m->far_at, MPI_DOUBLE, k->space->comm));
    for (int g = 0; g < mine; g++) {
      const PetscInt64 from  = column + g * LB_PANEL;
      const int        width = (int)PetscMin(LB_PANEL, m->last - from);

      for (int r = 0; r < size; r++) {
        const PetscInt64 there = m->begin[r + 1] - m->begin[r];

        if (r == me)
          for (PetscInt64 i = 0; i < rows; i++) memcpy(m->columns + (m->first + i) * LB_PANEL, x + i * n + from, (size_t)width * sizeof *x);
        else memcpy(m->columns + m->begin[r] * LB_PANEL, m->far + m->far_at[r] + g * there * LB_PANEL, (size_t)(there * LB_PANEL) * sizeof *x);
      }
      if (m->general)
        for (int q = 0; q < width; q++)
          for (PetscInt64 i = 0; i < n; i++) k->transposed.own[(from - m->first + q) * n + i] = m->columns[i * LB_PANEL + q];
      k->kernels->load(n, from, width, m->columns, LB_PANEL, x + (from - m->first) * n, k->panel);
      k->kernels->multiply(&k->rows, 0, n, k->panel, k->product);
      k->kernels->store(n, from, width, k->product, m->columns, LB_PANEL, k->v.own + (from - m->first) * n);
      for (int r = 0; r < size; r++) {
        const PetscInt64 there = m->begin[r + 1] - m->begin[r];

        if (r == me)
          for (PetscInt64 i = 0; i < rows; i++) memcpy(k->w.own + i * n + from, m->columns + (m->first + i) * LB_PANEL, (size_t)width * sizeof *x);
        else memcpy(m->far + m->far_at[r] + g * there * LB_PANEL, m->columns + m->begin[r] * LB_PANEL, (size_t)(there * LB_PANEL) * sizeof *x);
      }
    }
    PetscCallMPI(MPI_Alltoallv(m->far, m->far_count, m->far_at, MPI_DOUBLE, m->near, m->near_count, m->near_at, MPI_DOUBLE, k->space->comm));
    for (int r = 0; r < size; r++) {
      PetscInt64 theirs;
      const int  panels = StepPanels(m, r, step, &theirs);

      for (int g = 0; g < panels && r != me; g++) {
        const PetscInt64 from  = theirs + g * LB_PANEL;
        const int        width = (int)PetscMin(LB_PANEL, m->begin[r + 1] - from);

        for (PetscInt64 i = 0; i < rows; i++) memcpy(k->w.own + i * n + from, m->near + m->near_at[r] + (g * rows + i) * LB_PANEL, (size_t)width * sizeof *x);
      }
    }
    m->sent += 8. * (near + far);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* rows of a chunk of every rank that jumps want from others: what this rank sends, and room for what it gets */
static PetscErrorCode FetchRows(LbKetbra k, PetscInt64 chunk, const double *x, PetscInt64 wanted[], int room)
{
  struct _p_LbKetbraMessages *m = k->messages;
  const int                   size = k->space->size, me = k->space->rank;
  const PetscInt64            n = k->n, width = m->general ? 2 * n : n;
  PetscInt64                  out = 0, in = 0;

  PetscFunctionBegin;
  PetscCall(PetscArrayzero(m->send_count, size));
  PetscCall(PetscArrayzero(m->receive_count, size));
  for (int pass = 0; pass < 2; pass++) {
    PetscInt64 at = 0;

    for (int r = 0; r < size; r++) {
      const PetscInt64 from = m->begin[r] + chunk * m->chunk, to = PetscMin(from + m->chunk, m->begin[r + 1]);

      m->send_at[r] = (int)at;
      for (PetscInt64 i = from; i < to; i++) {
        const int count = Wanted(k, i, m->begin[r], m->begin[r + 1], wanted, room);

        for (int c = 0; c < count; c++) {
          if (r == me && !pass) m->receive_count[Owner(m, size, wanted[c])] += (int)width;
          if (r == me || wanted[c] < m->first || wanted[c] >= m->last) continue;
          if (pass) {
            memcpy(m->send + at, x + (wanted[c] - m->first) * n, (size_t)n * sizeof *x);
            if (m->general) memcpy(m->send + at + n, k->transposed.own + (wanted[c] - m->first) * n, (size_t)n * sizeof *x);
          }
          at += width;
        }
      }
      m->send_count[r] = (int)(at - m->send_at[r]);
    }
    out = at;
    if (!pass) PetscCall(PetscMalloc1(out + 1, &m->send));
  }
  for (int r = 0; r < size; r++) {
    m->receive_at[r] = (int)in;
    in += m->receive_count[r];
  }
  PetscCallMPI(MPI_Alltoallv(m->send, m->send_count, m->send_at, MPI_DOUBLE, m->receive, m->receive_count, m->receive_at, MPI_DOUBLE, k->space->comm));
  PetscCall(PetscFree(m->send));
  m->sent += 8. * (PetscReal)out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the next row from its owner's run, or the own one */
static const double *NextRow(struct _p_LbKetbraMessages *m, int size, PetscInt64 row, PetscInt64 n, const double *own)
{
  const double *from;
  int           r;

  if (row >= m->first && row < m->last) return own + (row - m->first) * n;
  r    = Owner(m, size, row);
  from = m->receive + m->receive_at[r];
  m->receive_at[r] += (int)(m->general ? 2 * n : n);
  return from;
}

PetscErrorCode LbKetbraMessages(LbKetbra k, const PetscReal f[], const LbFused *fused, const LbVec *x, LbVec *y)
{
  struct _p_LbKetbraMessages *m = k->messages;
  const int                   size = k->space->size, room = PetscMax(1, LbKetbraSources(k));
  const PetscInt64            n = k->n, chunks = (m->most + m->chunk - 1) / m->chunk;
  PetscInt64                 *wanted;
  LbKetbraSource             *source;

  PetscFunctionBegin;
  PetscCall(Products(k, x->own));
  PetscCall(PetscMalloc1(room, &source));
  PetscCall(PetscMalloc1(room, &wanted));
  for (PetscInt64 chunk = 0; chunk < chunks; chunk++) {
    const PetscInt64 from = m->first + chunk * m->chunk, to = PetscMin(from + m->chunk, m->last);

    if (k->n_jumps) PetscCall(FetchRows(k, chunk, x->own, wanted, room));
    for (PetscInt64 i = from; i < to; i++) {
      const PetscInt64 own = (i - m->first) * n;
      int              at  = 0;

      for (int j = 0; j < k->n_jumps; j++) {
        const LbKetbraJump *jump = &k->jump[j];

        if (jump->shifted) source[at++].row = jump->factor[i] != 0 ? NextRow(m, size, i + jump->shift, n, x->own) : NULL;
        else
          for (int a = jump->start[i]; a < jump->start[i + 1]; a++) {
            const PetscInt64 column = jump->column[a];
            const double    *row    = NextRow(m, size, column, n, x->own);

            source[at++] = (LbKetbraSource){row, column >= m->first && column < m->last ? k->transposed.own + (column - m->first) * n : row + n};
          }
      }
      LbKetbraRow(k, f, fused, i, source, 1, fused->x0 ? fused->x0->own + own : NULL, x->own + own, k->w.own + own, k->v.own + own, y->own + own);
    }
  }
  PetscCall(PetscFree(source));
  PetscCall(PetscFree(wanted));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* bytes that the rank with these rows receives */
static PetscReal Received(const LbKetbra k, PetscInt64 first, PetscInt64 last, PetscBool general)
{
  const PetscReal rows = (PetscReal)(last - first), others = (PetscReal)k->n - rows;
  PetscReal       sum  = 16 * rows * others; /* columns there, products back: each rows x others */
  const int       room = PetscMax(1, LbKetbraSources(k));
  PetscInt64     *wanted;

  if (PetscMalloc1(room, &wanted)) return sum;
  for (PetscInt64 i = first; i < last; i++) sum += 8. * (general ? 2 : 1) * (PetscReal)k->n * Wanted(k, i, first, last, wanted, room);
  if (PetscFree(wanted)) return sum;
  return sum;
}

PetscErrorCode LbKetbraTraffic(LbKetbra k, LbTraffic *traffic)
{
  const struct _p_LbKetbraMessages *m = k->messages;

  PetscFunctionBegin;
  if (!m) PetscFunctionReturn(PETSC_SUCCESS);
  traffic->remap = traffic->exchange = traffic->chosen = Received(k, m->first, m->last, m->general);
  traffic->n_remap = 1;
  traffic->so_far  = m->sent;
  traffic->buffer  = 8. * ((PetscReal)m->panels * LB_PANEL * (PetscReal)k->n * 3 + (PetscReal)m->chunk * LbKetbraSources(k) * (m->general ? 2 : 1) * (PetscReal)k->n);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKetbraTrafficEstimate(LbModel *model, int ranks, const LbParallel *parallel, LbTraffic *traffic)
{
  struct _p_LbKetbra k = {.n = model->n, .n_jumps = model->n_jumps};
  PetscBool          general = PETSC_FALSE;
  TesPartition       part;

  PetscFunctionBegin;
  (void)parallel;
  PetscCall(LbKetbraJumps(model, PETSC_FALSE, &k));
  for (int j = 0; j < k.n_jumps; j++)
    if (!k.jump[j].shifted) general = PETSC_TRUE;
  PetscCall(TesPartitionCreateFor(0, ranks, model->n, 1, &part));
  for (int r = 0; r < PetscMin(ranks, 8); r++) {
    PetscInt64 first, n;

    TesPartitionRange(&part, r, &first, &n);
    traffic->chosen = PetscMax(traffic->chosen, Received(&k, first, first + n, general));
  }
  traffic->remap = traffic->exchange = traffic->chosen;
  traffic->n_remap = 1;
  PetscCall(LbKetbraJumpsDestroy(&k));
  PetscFunctionReturn(PETSC_SUCCESS);
}
