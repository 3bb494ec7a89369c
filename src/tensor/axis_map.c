/* Operations along one axis that are a fixed sparse matrix: slice, flip, roll, pad, repeat, linear interpolation, and their transposes.

   y[o][j][i] = sum_t weight[j][t] x[o][from[j][t]][i] with one or two terms per row (from -1: none). The adjoint is the transposed matrix, run over the same table in the
   order of j; the pair is closed under differentiation. One read and one write per entry. */
#include "tensor_impl.h"

#include <string.h>

/* in the arena, shared by the operation and its adjoint */
typedef struct {
  const char *name;
  PetscInt    axis, n_in, n_out, terms;
  PetscInt   *from;   /* [n_out][terms] */
  PetscReal  *weight; /* [n_out][terms] */
} AxisMap;

static PetscErrorCode MapCreate(TesTape tape, const char name[], PetscInt axis, PetscInt n_in, PetscInt n_out, PetscInt terms, AxisMap **map)
{
  size_t entries = (size_t)n_out * (size_t)terms;
  void  *memory;

  PetscFunctionBegin;
  PetscCall(ArenaAlloc(tape, sizeof **map + entries * (sizeof(PetscInt) + sizeof(PetscReal)), &memory));
  *map           = memory;
  (*map)->name   = name;
  (*map)->axis   = axis;
  (*map)->n_in   = n_in;
  (*map)->n_out  = n_out;
  (*map)->terms  = terms;
  (*map)->weight = (PetscReal *)(*map + 1);
  (*map)->from   = (PetscInt *)((*map)->weight + entries);
  for (size_t e = 0; e < entries; e++) {
    (*map)->from[e]   = -1;
    (*map)->weight[e] = 0;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define RUN_MAP(REAL) \
  do { \
    const REAL *from_x = in->data; \
    REAL       *to_y   = out->data; \
    for (PetscInt64 o = 0; o < outer; o++) \
      for (PetscInt j = 0; j < m->n_out; j++) \
        for (PetscInt t = 0; t < m->terms; t++) { \
          const PetscInt r = m->from[j * m->terms + t]; \
          const REAL     w = (REAL)m->weight[j * m->terms + t]; \
          if (transposed) { \
            const REAL *restrict p = from_x + (o * m->n_out + j) * inner; \
            REAL *restrict q       = to_y + (o * m->n_in + r) * inner; \
            if (r >= 0) \
              for (PetscInt64 i = 0; i < inner; i++) q[i] += w * p[i]; \
          } else { \
            const REAL *restrict p = from_x + (o * m->n_in + r) * inner; \
            REAL *restrict q       = to_y + (o * m->n_out + j) * inner; \
            if (r < 0 && !t) memset(q, 0, sizeof *q * (size_t)inner); \
            if (r >= 0 && !t) \
              for (PetscInt64 i = 0; i < inner; i++) q[i] = w * p[i]; \
            if (r >= 0 && t) \
              for (PetscInt64 i = 0; i < inner; i++) q[i] += w * p[i]; \
          } \
        } \
  } while (0)

static PetscErrorCode MapApply(const AxisMap *m, PetscBool transposed, TesTensor x, TesTensor *y);

static PetscErrorCode MapVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(MapApply(*(AxisMap *const *)node->attributes, PETSC_TRUE, g, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MapTransposedVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(MapApply(*(AxisMap *const *)node->attributes, PETSC_FALSE, g, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp map_ops[] = {{"slice", MapVjp, NULL}, {"flip", MapVjp, NULL}, {"roll", MapVjp, NULL}, {"pad", MapVjp, NULL}, {"upsample", MapVjp, NULL}};
static const TesOp transposed_ops[] = {
  {"unslice", MapTransposedVjp, NULL}, {"flip", MapTransposedVjp, NULL}, {"roll", MapTransposedVjp, NULL}, {"fold", MapTransposedVjp, NULL}, {"upsample transposed", MapTransposedVjp, NULL}};

static const TesOp *OpFor(const AxisMap *m, PetscBool transposed)
{
  for (size_t i = 0; i < sizeof map_ops / sizeof *map_ops; i++)
    if (!strcmp(map_ops[i].name, m->name)) return transposed ? &transposed_ops[i] : &map_ops[i];
  return &map_ops[0];
}

static PetscErrorCode MapApply(const AxisMap *m, PetscBool transposed, TesTensor in, TesTensor *y)
{
  PetscInt   shape[TES_TENSOR_AXES];
  PetscInt64 outer, n, inner;
  TesTensor  out;

  PetscFunctionBegin;
  AxisSplit(in, m->axis, &outer, &n, &inner);
  PetscCall(PetscArraycpy(shape, in->shape, in->n_axes));
  shape[m->axis] = transposed ? m->n_in : m->n_out;
  if (transposed) PetscCall(TesTensorZeros(in->tape, in->type, in->n_axes, shape, &out));
  else PetscCall(TesTensorCreate(in->tape, in->type, in->n_axes, shape, &out));
  if (in->type == TES_F32) RUN_MAP(float);
  else RUN_MAP(double);
  PetscCall(TesTapeRecord(OpFor(m, transposed), 1, &in, 0, NULL, &m, sizeof m, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckAxis(const char op[], TesTensor x, PetscInt axis)
{
  PetscFunctionBegin;
  PetscCheck(axis >= 0 && axis < x->n_axes, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%s along axis %" PetscInt_FMT " of %" PetscInt_FMT, op, axis, x->n_axes);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SliceMap(TesTape tape, PetscInt axis, PetscInt n, PetscInt first, PetscInt count, PetscInt step, AxisMap **m)
{
  PetscFunctionBegin;
  PetscCheck(count >= 0 && first >= 0 && step >= 1 && (!count || first + (PetscInt64)(count - 1) * step < n), PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE,
             "slice: %" PetscInt_FMT " entries from %" PetscInt_FMT " in steps of %" PetscInt_FMT " of an axis of %" PetscInt_FMT, count, first, step, n);
  PetscCall(MapCreate(tape, "slice", axis, n, count, 1, m));
  for (PetscInt j = 0; j < count; j++) {
    (*m)->from[j]   = first + j * step;
    (*m)->weight[j] = 1;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSlice(TesTensor x, PetscInt axis, PetscInt first, PetscInt count, PetscInt step, TesTensor *y)
{
  AxisMap *m;

  PetscFunctionBegin;
  PetscCall(CheckAxis("slice", x, axis));
  PetscCall(SliceMap(x->tape, axis, x->shape[axis], first, count, step, &m));
  PetscCall(MapApply(m, PETSC_FALSE, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesUnslice(TesTensor x, PetscInt axis, PetscInt first, PetscInt step, PetscInt n, TesTensor *y)
{
  AxisMap *m;

  PetscFunctionBegin;
  PetscCall(CheckAxis("unslice", x, axis));
  PetscCall(SliceMap(x->tape, axis, n, first, x->shape[axis], step, &m));
  PetscCall(MapApply(m, PETSC_TRUE, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFlip(TesTensor x, PetscInt axis, TesTensor *y)
{
  AxisMap *m;

  PetscFunctionBegin;
  PetscCall(CheckAxis("flip", x, axis));
  PetscCall(MapCreate(x->tape, "flip", axis, x->shape[axis], x->shape[axis], 1, &m));
  for (PetscInt j = 0; j < m->n_out; j++) {
    m->from[j]   = m->n_out - 1 - j;
    m->weight[j] = 1;
  }
  PetscCall(MapApply(m, PETSC_FALSE, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesRoll(TesTensor x, PetscInt axis, PetscInt shift, TesTensor *y)
{
  AxisMap *m;

  PetscFunctionBegin;
  PetscCall(CheckAxis("roll", x, axis));
  PetscCall(MapCreate(x->tape, "roll", axis, x->shape[axis], x->shape[axis], 1, &m));
  for (PetscInt j = 0; j < m->n_out; j++) {
    m->from[j]   = (PetscInt)((((PetscInt64)j - shift) % m->n_out + m->n_out) % m->n_out);
    m->weight[j] = 1;
  }
  PetscCall(MapApply(m, PETSC_FALSE, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The entry of 0..n-1 and its sign that index i outside stands for; sign 0: a zero. Ghosts reach at most one period, or one reflection, far. */
static void Extension(TesPadMode mode, PetscInt n, PetscInt i, PetscInt *from, PetscReal *sign)
{
  *sign = 1;
  *from = i;
  if (i >= 0 && i < n) return;
  switch (mode) {
  case TES_PAD_ZERO: *sign = 0; *from = -1; break;
  case TES_PAD_CIRCULAR: *from = i < 0 ? i + n : i - n; break;
  case TES_PAD_REFLECT: *from = i < 0 ? -i : 2 * (n - 1) - i; break;
  case TES_PAD_SYMMETRIC: *from = i < 0 ? -i - 1 : 2 * n - 1 - i; break;
  case TES_PAD_REPLICATE: *from = i < 0 ? 0 : n - 1; break;
  case TES_PAD_ODD: *from = i < 0 ? -i - 1 : 2 * n - 1 - i; *sign = -1; break;
  }
}

static PetscErrorCode PadMap(TesTape tape, PetscInt axis, PetscInt n, PetscInt low, PetscInt high, TesPadMode mode, AxisMap **m)
{
  const PetscInt reach = mode == TES_PAD_REFLECT ? n - 1 : n;

  PetscFunctionBegin;
  PetscCheck(low >= 0 && high >= 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "pad by %" PetscInt_FMT " and %" PetscInt_FMT, low, high);
  PetscCheck(mode == TES_PAD_ZERO || (mode == TES_PAD_REPLICATE && n > 0) || PetscMax(low, high) <= reach, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE,
             "pad: an axis of %" PetscInt_FMT " is too short for ghosts of width %" PetscInt_FMT, n, PetscMax(low, high));
  PetscCall(MapCreate(tape, "pad", axis, n, n + low + high, 1, m));
  for (PetscInt j = 0; j < n + low + high; j++) Extension(mode, n, j - low, &(*m)->from[j], &(*m)->weight[j]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPad(TesTensor x, PetscInt axis, PetscInt low, PetscInt high, TesPadMode mode, TesTensor *y)
{
  AxisMap *m;

  PetscFunctionBegin;
  PetscCall(CheckAxis("pad", x, axis));
  PetscCall(PadMap(x->tape, axis, x->shape[axis], low, high, mode, &m));
  PetscCall(MapApply(m, PETSC_FALSE, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFold(TesTensor x, PetscInt axis, PetscInt low, PetscInt high, TesPadMode mode, TesTensor *y)
{
  AxisMap *m;

  PetscFunctionBegin;
  PetscCall(CheckAxis("fold", x, axis));
  PetscCall(PadMap(x->tape, axis, x->shape[axis] - low - high, low, high, mode, &m));
  PetscCall(MapApply(m, PETSC_TRUE, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- interpolation between grids, axis by axis over the d axes before the channels ---- */

static PetscErrorCode RepeatMap(TesTape tape, PetscInt axis, PetscInt n, PetscInt factor, AxisMap **m)
{
  PetscFunctionBegin;
  PetscCall(MapCreate(tape, "upsample", axis, n, n * factor, 1, m));
  for (PetscInt j = 0; j < n * factor; j++) {
    (*m)->from[j]   = j / factor;
    (*m)->weight[j] = 1;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* fine cell 2 i lies a quarter of a coarse cell below coarse centre i, 2 i + 1 a quarter above */
static PetscErrorCode LinearMap(TesTape tape, PetscInt axis, PetscInt n, AxisMap **m)
{
  PetscFunctionBegin;
  PetscCall(MapCreate(tape, "upsample", axis, n, 2 * n, 2, m));
  for (PetscInt j = 0; j < 2 * n; j++) {
    PetscInt other = j / 2 + (j % 2 ? 1 : -1);

    (*m)->from[2 * j]       = j / 2;
    (*m)->weight[2 * j]     = 0.75;
    (*m)->from[2 * j + 1]   = other < 0 ? 0 : other >= n ? n - 1 : other;
    (*m)->weight[2 * j + 1] = 0.25;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckGrid(const char op[], TesTensor x, PetscInt d)
{
  PetscFunctionBegin;
  PetscCheck(d >= 1 && x->n_axes == d + 2, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "%s in %" PetscInt_FMT " dimensions of a tensor of %" PetscInt_FMT " axes: [b][n..][c] is wanted", op, d, x->n_axes);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesUpsample(TesTensor x, PetscInt d, PetscInt factor, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(CheckGrid("upsample", x, d));
  for (PetscInt a = 1; a <= d; a++) {
    AxisMap *m;

    PetscCall(RepeatMap(x->tape, a, x->shape[a], factor, &m));
    PetscCall(MapApply(m, PETSC_FALSE, x, &x));
  }
  *y = x;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesAvgPool(TesTensor x, PetscInt d, PetscInt size, TesTensor *y)
{
  PetscReal factor = 1;

  PetscFunctionBegin;
  PetscCall(CheckGrid("average pool", x, d));
  for (PetscInt a = d; a >= 1; a--) {
    AxisMap *m;

    PetscCheck(size >= 1 && x->shape[a] % size == 0, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "average pool: length %" PetscInt_FMT " is no multiple of %" PetscInt_FMT, x->shape[a], size);
    PetscCall(RepeatMap(x->tape, a, x->shape[a] / size, size, &m));
    PetscCall(MapApply(m, PETSC_TRUE, x, &x));
    factor /= (PetscReal)size;
  }
  PetscCall(TesScale(factor, x, 0, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesUpsampleLinear(TesTensor x, PetscInt d, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(CheckGrid("upsample", x, d));
  for (PetscInt a = 1; a <= d; a++) {
    AxisMap *m;

    PetscCall(LinearMap(x->tape, a, x->shape[a], &m));
    PetscCall(MapApply(m, PETSC_FALSE, x, &x));
  }
  *y = x;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesRestrict(TesTensor x, PetscInt d, TesTensor *y)
{
  PetscReal factor = 1;

  PetscFunctionBegin;
  PetscCall(CheckGrid("restrict", x, d));
  for (PetscInt a = d; a >= 1; a--) {
    AxisMap *m;

    PetscCheck(x->shape[a] % 2 == 0, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "restrict: length %" PetscInt_FMT " is odd", x->shape[a]);
    PetscCall(LinearMap(x->tape, a, x->shape[a] / 2, &m));
    PetscCall(MapApply(m, PETSC_TRUE, x, &x));
    factor /= 2;
  }
  PetscCall(TesScale(factor, x, 0, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
