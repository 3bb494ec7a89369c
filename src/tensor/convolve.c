/* Convolutions in 1-3 dimensions, channels last, as products of matrices.

     y[b][i][o] = sum_{a,c} x~[b][s i + dil a - low][c] w[a][c][o]
   Rows of a block of output points are gathered (all taps and channels of a point side by side) and multiplied by w; a block is as many points as make its rows fill
   the second cache. The transposed convolution multiplies by w' and adds the rows back to where they came from; the weight gradient is rows' g. The three are a closed set:
     conv(x, w):     adjoints  transposed(g, w),  weights(x, g)
     transposed(g, w):         conv(x, w),        weights(x, g)
     weights(x, g):            transposed(g, w),  conv(x, w)
   2 points taps c_in c_out flops at BLAS' rate, and one copy of taps c_in entries per point. Blocks depend on shapes only. */
#include "tensor_impl.h"

#include <string.h>

#define BLOCK_BYTES (256 << 10) /* gathered rows at a time: half of the smallest second-level cache met */

/* everything with three dimensions, the missing ones of length 1 in front */
typedef struct {
  PetscInt    b, groups, c_in, c_out, ci, co; /* ci, co: channels of a group */
  PetscInt    n[3], m[3], k[3], stride[3], low[3], dilation[3];
  PetscInt    taps, row, block; /* row = taps ci; points of a block */
  PetscInt64  points;           /* output points of a sample */
  TesConvSpec spec;
} Plan;

static PetscErrorCode PlanFor(const TesConvSpec *spec, PetscInt b, const PetscInt n[], const PetscInt k[], PetscInt c_in, PetscInt ci, PetscInt c_out, TesType type, Plan *p)
{
  const PetscInt skip = 3 - spec->d;

  PetscFunctionBegin;
  PetscCheck(spec->d >= 1 && spec->d <= 3, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "convolution in %" PetscInt_FMT " dimensions", spec->d);
  p->spec   = *spec;
  p->b      = b;
  p->groups = spec->groups ? spec->groups : 1;
  p->c_in   = c_in;
  p->c_out  = c_out;
  p->ci     = ci;
  PetscCheck(c_in == ci * p->groups && c_out % p->groups == 0, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ,
             "convolution in %" PetscInt_FMT " groups: %" PetscInt_FMT " channels in, %" PetscInt_FMT " out, weights for %" PetscInt_FMT " in each group", p->groups, c_in, c_out, ci);
  p->co     = c_out / p->groups;
  p->taps   = 1;
  p->points = 1;
  for (PetscInt d = 0; d < 3; d++) {
    PetscInt at = d - skip, high = at < 0 ? 0 : spec->high[at];

    p->n[d]        = at < 0 ? 1 : n[at];
    p->k[d]        = at < 0 ? 1 : k[at];
    p->stride[d]   = at < 0 || !spec->stride[at] ? 1 : spec->stride[at];
    p->dilation[d] = at < 0 || !spec->dilation[at] ? 1 : spec->dilation[at];
    p->low[d]      = at < 0 ? 0 : spec->low[at];
    p->m[d]        = (p->n[d] + p->low[d] + high - p->dilation[d] * (p->k[d] - 1) - 1) / p->stride[d] + 1;
    PetscCheck(p->n[d] + p->low[d] + high >= p->dilation[d] * (p->k[d] - 1) + 1, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ,
               "convolution: %" PetscInt_FMT " points with %" PetscInt_FMT " ghosts are fewer than the kernel's %" PetscInt_FMT, p->n[d], p->low[d] + high, p->dilation[d] * (p->k[d] - 1) + 1);
    p->taps *= p->k[d];
    p->points *= p->m[d];
  }
  p->row   = p->taps * ci;
  p->block = (PetscInt)PetscMax(8, BLOCK_BYTES / ((PetscInt64)PetscMax(p->row, 1) * (type == TES_F32 ? 4 : 8)));
  p->block = (PetscInt)PetscMin((PetscInt64)p->block, PetscMax(p->points * b, 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static size_t Bytes(TesType type) { return type == TES_F32 ? 4 : 8; }

/* Visit the taps of the output points first .. first + count - 1, runs of entries that are contiguous in x and in a row at a time: all taps of the last axis and their
   channels where these lie side by side (one group, no dilation), else the channels of one tap. add: row entries are added to x. */
#define POINT_ROWS(REAL) \
  do { \
    const PetscBool whole = p->groups == 1 && p->dilation[2] == 1 ? PETSC_TRUE : PETSC_FALSE; \
    PetscInt64      sample = first / p->points; \
    PetscInt        point = (PetscInt)(first % p->points), i2 = point % p->m[2], i1 = point / p->m[2] % p->m[1], i0 = point / p->m[2] / p->m[1]; \
    REAL           *r = (REAL *)rows; \
    for (PetscInt q = 0; q < count; q++) { \
      for (PetscInt a0 = 0; a0 < p->k[0]; a0++) \
        for (PetscInt a1 = 0; a1 < p->k[1]; a1++, r += p->k[2] * p->ci) { \
          const PetscInt j0 = p->stride[0] * i0 + p->dilation[0] * a0 - p->low[0], j1 = p->stride[1] * i1 + p->dilation[1] * a1 - p->low[1], j2 = p->stride[2] * i2 - p->low[2]; \
          REAL *line = (REAL *)x + (((sample * p->n[0] + j0) * p->n[1] + j1) * p->n[2]) * p->c_in + group * p->ci; \
          if (j0 < 0 || j0 >= p->n[0] || j1 < 0 || j1 >= p->n[1]) { \
            if (!add) memset(r, 0, sizeof *r * (size_t)(p->k[2] * p->ci)); \
          } else if (whole) { \
            const PetscInt from = PetscMax(0, -j2), to = PetscMax(from, PetscMin(p->k[2], p->n[2] - j2)); \
            REAL *restrict v = line + (PetscInt64)(j2 + from) * p->c_in, *restrict w = r + from * p->ci; \
            const PetscInt   run = (to - from) * p->ci; \
            if (add) { \
              for (PetscInt c = 0; c < run; c++) v[c] += w[c]; \
            } else { \
              for (PetscInt c = 0; c < from * p->ci; c++) r[c] = 0; \
              memcpy(w, v, sizeof *w * (size_t)run); \
              for (PetscInt c = to * p->ci; c < p->k[2] * p->ci; c++) r[c] = 0; \
            } \
          } else { \
            for (PetscInt a2 = 0; a2 < p->k[2]; a2++) { \
              const PetscInt at = j2 + p->dilation[2] * a2; \
              REAL *restrict v = line + (PetscInt64)at * p->c_in, *restrict w = r + a2 * p->ci; \
              const PetscBool inside = at >= 0 && at < p->n[2] ? PETSC_TRUE : PETSC_FALSE; \
              if (add && inside) \
                for (PetscInt c = 0; c < p->ci; c++) v[c] += w[c]; \
              if (!add) \
                for (PetscInt c = 0; c < p->ci; c++) w[c] = inside ? v[c] : 0; \
            } \
          } \
        } \
      if (++i2 == p->m[2]) { \
        i2 = 0; \
        if (++i1 == p->m[1]) { \
          i1 = 0; \
          if (++i0 == p->m[0]) { \
            i0 = 0; \
            sample++; \
          } \
        } \
      } \
    } \
  } while (0)

static void Rows(const Plan *p, TesType type, PetscBool add, PetscInt group, PetscInt64 first, PetscInt count, void *x, void *rows)
{
  if (type == TES_F32) POINT_ROWS(float);
  else POINT_ROWS(double);
}

/* a kernel of one point with stride 1 and no ghosts needs no gathering */
static PetscBool IsPointwise(const Plan *p)
{
  PetscBool yes = p->groups == 1 && p->taps == 1 ? PETSC_TRUE : PETSC_FALSE;

  for (PetscInt d = 0; d < 3; d++)
    if (p->stride[d] != 1 || p->low[d] || p->m[d] != p->n[d]) yes = PETSC_FALSE;
  return yes;
}

typedef enum { CONVOLVE, TRANSPOSED, WEIGHTS } Which;

static PetscErrorCode Run(const Plan *p, Which which, TesType type, TesTape tape, void *x, void *w, void *y)
{
  const size_t bytes = Bytes(type);
  PetscInt64   total = p->points * p->b;
  Buffer      *rows  = NULL;

  PetscFunctionBegin;
  if (!IsPointwise(p)) PetscCall(ScratchGet(tape, (size_t)p->block * (size_t)p->row * bytes, &rows));
  if (which == WEIGHTS) memset(w, 0, (size_t)p->row * (size_t)p->c_out * bytes);
  for (PetscInt group = 0; group < p->groups; group++) {
    char *wg = (char *)w + (size_t)(group * p->co) * bytes; /* column block: the leading dimension is c_out */

    for (PetscInt64 first = 0; first < total; first += p->block) {
      PetscInt count = (PetscInt)PetscMin((PetscInt64)p->block, total - first);
      char    *yg = (char *)y + ((size_t)first * (size_t)p->c_out + (size_t)(group * p->co)) * bytes;
      char    *r  = rows ? rows->data : (char *)x + (size_t)first * (size_t)p->row * bytes;

      if (which != TRANSPOSED && rows) Rows(p, type, PETSC_FALSE, group, first, count, x, r);
      if (which == CONVOLVE) PetscCall(TensorGemm(type, PETSC_FALSE, PETSC_FALSE, count, p->co, p->row, 1, r, p->row, wg, p->c_out, 0, yg, p->c_out));
      if (which == WEIGHTS) PetscCall(TensorGemm(type, PETSC_TRUE, PETSC_FALSE, p->row, p->co, count, 1, r, p->row, yg, p->c_out, 1, wg, p->c_out));
      if (which == TRANSPOSED) {
        PetscCall(TensorGemm(type, PETSC_FALSE, PETSC_TRUE, count, p->row, p->co, 1, yg, p->c_out, wg, p->c_out, 0, r, p->row));
        if (rows) Rows(p, type, PETSC_TRUE, group, first, count, x, r);
      }
    }
  }
  ScratchRestore(tape, &rows);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* attributes of all three: the spec and the sizes that the inputs do not tell */
typedef struct {
  TesConvSpec spec;
  PetscInt    n[3], k[3];
} Attributes;

static Attributes AttributesFor(const TesConvSpec *spec, const PetscInt n[], const PetscInt k[])
{
  Attributes a = {*spec, {0}, {0}};

  for (PetscInt d = 0; d < spec->d; d++) {
    a.n[d] = n[d];
    a.k[d] = k[d];
  }
  return a;
}

static PetscErrorCode ConvolveVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Attributes *a = node->attributes;

  PetscFunctionBegin;
  if (node->wanted[0]) PetscCall(TesConvolveTransposed(&a->spec, g, node->in[1], a->n, &gin[0]));
  if (node->wanted[1]) PetscCall(TesConvolveWeights(&a->spec, node->in[0], g, a->k, &gin[1]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TransposedVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Attributes *a = node->attributes;

  PetscFunctionBegin;
  if (node->wanted[0]) PetscCall(TesConvolve(&a->spec, g, node->in[1], &gin[0]));
  if (node->wanted[1]) PetscCall(TesConvolveWeights(&a->spec, g, node->in[0], a->k, &gin[1]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WeightsVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Attributes *a = node->attributes;

  PetscFunctionBegin;
  if (node->wanted[0]) PetscCall(TesConvolveTransposed(&a->spec, node->in[1], g, a->n, &gin[0]));
  if (node->wanted[1]) PetscCall(TesConvolve(&a->spec, node->in[0], g, &gin[1]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp convolve_op = {"convolve", ConvolveVjp, NULL}, transposed_op = {"convolve_transposed", TransposedVjp, NULL}, weights_op = {"convolve_weights", WeightsVjp, NULL};

static PetscErrorCode CheckTensors(const char op[], const TesConvSpec *spec, TesTensor x, TesTensor w)
{
  PetscFunctionBegin;
  PetscCheck(x->type == w->type && x->n_axes == spec->d + 2 && w->n_axes == spec->d + 2, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ,
             "%s%s%s in %" PetscInt_FMT " dimensions of tensors of %" PetscInt_FMT " and %" PetscInt_FMT " axes", x->tape->module, *x->tape->module ? ": " : "", op, spec->d, x->n_axes,
             w->n_axes);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesConvolve(const TesConvSpec *spec, TesTensor x, TesTensor w, TesTensor *y)
{
  PetscInt   d = spec->d, shape[TES_TENSOR_AXES];
  Attributes a;
  Plan       p;
  TesTensor  out;

  PetscFunctionBegin;
  PetscCall(CheckTensors("convolve", spec, x, w));
  PetscCall(PlanFor(spec, x->shape[0], x->shape + 1, w->shape, x->shape[d + 1], w->shape[d], w->shape[d + 1], x->type, &p));
  shape[0] = x->shape[0];
  for (PetscInt i = 0; i < d; i++) shape[i + 1] = p.m[3 - d + i];
  shape[d + 1] = p.c_out;
  PetscCall(TesTensorCreate(x->tape, x->type, d + 2, shape, &out));
  PetscCall(Run(&p, CONVOLVE, x->type, x->tape, x->data, w->data, out->data));
  a = AttributesFor(spec, x->shape + 1, w->shape);
  PetscCall(TesTapeRecord(&convolve_op, 2, (TesTensor[]){x, w}, 0, NULL, &a, sizeof a, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesConvolveTransposed(const TesConvSpec *spec, TesTensor g, TesTensor w, const PetscInt n[], TesTensor *y)
{
  PetscInt   d = spec->d, shape[TES_TENSOR_AXES];
  Attributes a;
  Plan       p;
  TesTensor  out;

  PetscFunctionBegin;
  PetscCall(CheckTensors("convolve_transposed", spec, g, w));
  PetscCall(PlanFor(spec, g->shape[0], n, w->shape, w->shape[d] * (spec->groups ? spec->groups : 1), w->shape[d], w->shape[d + 1], g->type, &p));
  for (PetscInt i = 0; i < d; i++)
    PetscCheck(g->shape[i + 1] == p.m[3 - d + i] && g->shape[d + 1] == p.c_out, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ,
               "convolve_transposed: to %" PetscInt_FMT " points belong %" PetscInt_FMT ", not %" PetscInt_FMT " (and %" PetscInt_FMT " channels, not %" PetscInt_FMT ")", n[i], p.m[3 - d + i],
               g->shape[i + 1], p.c_out, g->shape[d + 1]);
  shape[0] = g->shape[0];
  for (PetscInt i = 0; i < d; i++) shape[i + 1] = n[i];
  shape[d + 1] = p.c_in;
  PetscCall(TesTensorZeros(g->tape, g->type, d + 2, shape, &out));
  PetscCall(Run(&p, TRANSPOSED, g->type, g->tape, out->data, w->data, g->data));
  a = AttributesFor(spec, n, w->shape);
  PetscCall(TesTapeRecord(&transposed_op, 2, (TesTensor[]){g, w}, 0, NULL, &a, sizeof a, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesConvolveWeights(const TesConvSpec *spec, TesTensor x, TesTensor g, const PetscInt k[], TesTensor *w)
{
  PetscInt   d = spec->d, shape[TES_TENSOR_AXES], groups = spec->groups ? spec->groups : 1;
  Attributes a;
  Plan       p;
  TesTensor  out;

  PetscFunctionBegin;
  PetscCall(CheckTensors("convolve_weights", spec, x, g));
  PetscCall(PlanFor(spec, x->shape[0], x->shape + 1, k, x->shape[d + 1], x->shape[d + 1] / groups, g->shape[d + 1], x->type, &p));
  for (PetscInt i = 0; i < d; i++)
    PetscCheck(g->shape[i + 1] == p.m[3 - d + i] && g->shape[0] == x->shape[0], PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ,
               "convolve_weights: the adjoint has %" PetscInt_FMT " points, the result %" PetscInt_FMT, g->shape[i + 1], p.m[3 - d + i]);
  for (PetscInt i = 0; i < d; i++) shape[i] = k[i];
  shape[d]     = p.ci;
  shape[d + 1] = p.c_out;
  PetscCall(TesTensorCreate(x->tape, x->type, d + 2, shape, &out));
  PetscCall(Run(&p, WEIGHTS, x->type, x->tape, x->data, out->data, g->data));
  a = AttributesFor(spec, x->shape + 1, k);
  PetscCall(TesTapeRecord(&weights_op, 2, (TesTensor[]){x, g}, 0, NULL, &a, sizeof a, out));
  *w = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- maximum over windows: reshaped so that a window is an axis ---- */

PetscErrorCode TesMaxPool(TesTensor x, PetscInt d, PetscInt size, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCheck(d >= 1 && d <= 3 && x->n_axes == d + 2, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "max pool in %" PetscInt_FMT " dimensions of a tensor of %" PetscInt_FMT " axes", d, x->n_axes);
  /* one dimension after the other: the maximum of maxima, and the lowest index wins in each */
  for (PetscInt a = d; a >= 1; a--) {
    PetscInt64 outer, n, inner;
    PetscInt   shape[TES_TENSOR_AXES], rows, columns;

    PetscCheck(size >= 1 && x->shape[a] % size == 0, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "max pool: length %" PetscInt_FMT " is no multiple of %" PetscInt_FMT, x->shape[a], size);
    AxisSplit(x, a, &outer, &n, &inner);
    PetscCall(PetscArraycpy(shape, x->shape, x->n_axes));
    shape[a] /= size;
    PetscCall(PetscIntCast(outer * (n / size), &rows));
    PetscCall(PetscIntCast(inner, &columns));
    PetscCall(TesReshape(x, TES_SHAPE(rows, size, columns), &x));
    PetscCall(TesMax(x, 1, PETSC_FALSE, &x));
    PetscCall(TesReshape(x, d + 2, shape, &x));
  }
  *y = x;
  PetscFunctionReturn(PETSC_SUCCESS);
}
