/* Rows chosen by number: gather, scatter-add, and sums over segments of rows.

   Index lists are made and checked outside the tape. gather and scatter-add are each other's adjoints, so are the sum over segments and its spreading; additions go in
   ascending order of the list, by one rank, so results are reproducible with duplicate indices too. */
#include "tensor_impl.h"

#include <math.h>
#include <string.h>

PetscErrorCode TesIndexCreate(PetscInt64 m, const PetscInt list[], PetscInt n, TesIndex *index)
{
  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < m; i++)
    PetscCheck(list[i] >= 0 && list[i] < n, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "index %" PetscInt64_FMT " is %" PetscInt_FMT ", rows are 0 to %" PetscInt_FMT, i, list[i], n - 1);
  PetscCall(PetscNew(index));
  (*index)->m = m;
  (*index)->n = n;
  PetscCall(PetscMalloc1(m + 1, &(*index)->list));
  PetscCall(PetscArraycpy((*index)->list, list, m));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesIndexSegments(PetscInt64 m, const PetscInt pointer[], TesIndex *index)
{
  PetscFunctionBegin;
  PetscCheck(m >= 0 && pointer[0] == 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "segments begin at row 0, not %" PetscInt_FMT, pointer[0]);
  for (PetscInt64 i = 0; i < m; i++)
    PetscCheck(pointer[i + 1] >= pointer[i], PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "segment %" PetscInt64_FMT " ends at %" PetscInt_FMT ", before its begin %" PetscInt_FMT, i,
               pointer[i + 1], pointer[i]);
  PetscCall(PetscNew(index));
  (*index)->segments = PETSC_TRUE;
  (*index)->m        = m;
  (*index)->n        = pointer[m];
  PetscCall(PetscMalloc1(m + 1, &(*index)->list));
  PetscCall(PetscArraycpy((*index)->list, pointer, m + 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesIndexDestroy(TesIndex *index)
{
  PetscFunctionBegin;
  if (!*index) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscFree((*index)->list));
  PetscCall(PetscFree(*index));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckRows(const char op[], TesTensor x, TesIndex index, PetscBool segments, PetscInt64 rows)
{
  PetscFunctionBegin;
  PetscCheck(index->segments == segments, PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP, "%s wants %s", op, segments ? "segments" : "a list of rows");
  PetscCheck(x->n_axes >= 1 && x->shape[0] == rows, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "%s%s%s: the index is for %" PetscInt64_FMT " rows, the tensor has %" PetscInt_FMT, x->tape->module,
             *x->tape->module ? ": " : "", op, rows, x->n_axes ? x->shape[0] : 0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a tensor of `rows` rows like those of x; bytes and entries of a row */
static PetscErrorCode RowsLike(TesTensor x, PetscInt64 rows, PetscBool zero, TesTensor *y, PetscInt64 *width)
{
  PetscInt shape[TES_TENSOR_AXES];

  PetscFunctionBegin;
  PetscCall(PetscArraycpy(shape, x->shape, x->n_axes));
  PetscCall(PetscIntCast(rows, &shape[0]));
  if (zero) PetscCall(TesTensorZeros(x->tape, x->type, x->n_axes, shape, y));
  else PetscCall(TesTensorCreate(x->tape, x->type, x->n_axes, shape, y));
  *width = 1;
  for (PetscInt a = 1; a < x->n_axes; a++) *width *= x->shape[a];
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void *Row(TesTensor x, PetscInt64 row, PetscInt64 width)
{
  return (char *)x->data + (size_t)(row * width) * (x->type == TES_F32 ? 4 : 8);
}

/* ---- gather and scatter ---- */

static PetscErrorCode GatherVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(TesScatterAdd(g, *(const TesIndex *)node->attributes, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ScatterVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(TesGather(g, *(const TesIndex *)node->attributes, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp gather_op = {"gather", GatherVjp, NULL}, scatter_op = {"scatter_add", ScatterVjp, NULL};

PetscErrorCode TesGather(TesTensor x, TesIndex index, TesTensor *y)
{
  TesTensor  out;
  PetscInt64 width;

  PetscFunctionBegin;
  PetscCall(CheckRows("gather", x, index, PETSC_FALSE, index->n));
  PetscCall(RowsLike(x, index->m, PETSC_FALSE, &out, &width));
  for (PetscInt64 i = 0; i < index->m; i++) memcpy(Row(out, i, width), Row(x, index->list[i], width), (size_t)width * (x->type == TES_F32 ? 4 : 8));
  PetscCall(TesTapeRecord(&gather_op, 1, &x, 0, NULL, &index, sizeof index, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesScatterAdd(TesTensor x, TesIndex index, TesTensor *y)
{
  TesTensor  out;
  PetscInt64 width;

  PetscFunctionBegin;
  PetscCall(CheckRows("scatter_add", x, index, PETSC_FALSE, index->m));
  PetscCall(RowsLike(x, index->n, PETSC_TRUE, &out, &width));
  for (PetscInt64 i = 0; i < index->m; i++) KernelsOf(x)->add_to(width, Row(out, index->list[i], width), Row(x, i, width));
  PetscCall(TesTapeRecord(&scatter_op, 1, &x, 0, NULL, &index, sizeof index, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesOneHot(TesTape tape, TesType type, TesIndex index, TesTensor *y)
{
  PetscInt m;

  PetscFunctionBegin;
  PetscCheck(!index->segments, PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP, "one_hot wants a list of rows");
  PetscCall(PetscIntCast(index->m, &m));
  PetscCall(TesTensorZeros(tape, type, TES_SHAPE(m, index->n), y));
  for (PetscInt64 i = 0; i < index->m; i++) {
    if (type == TES_F32) ((float *)(*y)->data)[i * index->n + index->list[i]] = 1;
    else ((double *)(*y)->data)[i * index->n + index->list[i]] = 1;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesEdgeVectors(TesTensor x, TesIndex source, TesIndex target, TesTensor shift, TesTensor *y)
{
  TesTensor a, b;

  PetscFunctionBegin;
  PetscCall(TesGather(x, target, &a));
  PetscCall(TesGather(x, source, &b));
  if (shift) PetscCall(TesAdd(a, shift, &a));
  PetscCall(TesSubtract(a, b, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- segments ---- */

static PetscErrorCode SegmentSumVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(TesSegmentSpread(g, *(const TesIndex *)node->attributes, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SegmentSpreadVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(TesSegmentSum(g, *(const TesIndex *)node->attributes, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp segment_sum_op = {"segment_sum", SegmentSumVjp, NULL}, segment_spread_op = {"segment_spread", SegmentSpreadVjp, NULL};

PetscErrorCode TesSegmentSum(TesTensor x, TesIndex s, TesTensor *y)
{
  TesTensor  out;
  PetscInt64 width;

  PetscFunctionBegin;
  PetscCall(CheckRows("segment_sum", x, s, PETSC_TRUE, s->n));
  PetscCall(RowsLike(x, s->m, PETSC_FALSE, &out, &width));
  for (PetscInt64 i = 0; i < s->m; i++)
    KernelsOf(x)->sum(1, s->list[i + 1] - s->list[i], width, 1, Row(x, s->list[i], width), Row(out, i, width));
  PetscCall(TesTapeRecord(&segment_sum_op, 1, &x, 0, NULL, &s, sizeof s, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSegmentSpread(TesTensor x, TesIndex s, TesTensor *y)
{
  TesTensor  out;
  PetscInt64 width;

  PetscFunctionBegin;
  PetscCall(CheckRows("segment_spread", x, s, PETSC_TRUE, s->m));
  PetscCall(RowsLike(x, s->n, PETSC_FALSE, &out, &width));
  for (PetscInt64 i = 0; i < s->m; i++)
    for (PetscInt r = s->list[i]; r < s->list[i + 1]; r++) memcpy(Row(out, r, width), Row(x, i, width), (size_t)width * (x->type == TES_F32 ? 4 : 8));
  PetscCall(TesTapeRecord(&segment_spread_op, 1, &x, 0, NULL, &s, sizeof s, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSegmentMean(TesTensor x, TesIndex s, TesTensor *y)
{
  TesTensor sum, factor;
  PetscInt  shape[TES_TENSOR_AXES];

  PetscFunctionBegin;
  PetscCall(TesSegmentSum(x, s, &sum));
  for (PetscInt a = 0; a < x->n_axes; a++) shape[a] = a ? 1 : (PetscInt)s->m;
  PetscCall(TesTensorCreate(x->tape, x->type, x->n_axes, shape, &factor));
  for (PetscInt64 i = 0; i < s->m; i++) {
    PetscReal f = s->list[i + 1] > s->list[i] ? 1 / (PetscReal)(s->list[i + 1] - s->list[i]) : 0;

    if (x->type == TES_F32) ((float *)factor->data)[i] = (float)f;
    else ((double *)factor->data)[i] = f;
  }
  PetscCall(TesMultiply(sum, factor, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- maximum over segments: the places are kept as a mask of ones ---- */

static PetscErrorCode SegmentMaxVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(TesSegmentSpread(g, *(const TesIndex *)node->attributes, &g));
  PetscCall(TesMultiply(g, node->saved[0], &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp segment_max_op = {"segment_max", SegmentMaxVjp, NULL};

#define SEGMENT_MAX(REAL) \
  do { \
    const REAL *v = x->data; \
    REAL       *m = mask->data, *w = out->data; \
    for (PetscInt64 i = 0; i < s->m; i++) \
      for (PetscInt64 c = 0; c < width; c++) { \
        PetscInt best = s->list[i]; \
        if (s->list[i + 1] == best) continue; \
        for (PetscInt r = best + 1; r < s->list[i + 1]; r++) \
          if (v[r * width + c] > v[best * width + c]) best = r; \
        m[best * width + c] = 1; \
        w[i * width + c]    = v[best * width + c]; \
      } \
  } while (0)

PetscErrorCode TesSegmentMax(TesTensor x, TesIndex s, TesTensor *y)
{
  TesTensor  out, mask;
  PetscInt64 width;

  PetscFunctionBegin;
  PetscCall(CheckRows("segment_max", x, s, PETSC_TRUE, s->n));
  PetscCall(RowsLike(x, s->m, PETSC_TRUE, &out, &width));
  PetscCall(TesTensorZeros(x->tape, x->type, x->n_axes, x->shape, &mask));
  if (x->type == TES_F32) SEGMENT_MAX(float);
  else SEGMENT_MAX(double);
  PetscCall(TesTapeRecord(&segment_max_op, 1, &x, 1, &mask, &s, sizeof s, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSegmentSoftmax(TesTensor x, TesIndex s, TesTensor *y)
{
  TesTensor constant, t;

  PetscFunctionBegin;
  PetscCall(TesDetach(x, &constant)); /* the shift drops out */
  PetscCall(TesSegmentMax(constant, s, &t));
  PetscCall(TesSegmentSpread(t, s, &t));
  PetscCall(TesSubtract(x, t, &x));
  PetscCall(TesAct(TES_ACT_EXP, x, &x));
  PetscCall(TesSegmentSum(x, s, &t));
  PetscCall(TesSegmentSpread(t, s, &t));
  PetscCall(TesDivide(x, t, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
