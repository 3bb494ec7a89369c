/* Attention: y = softmax(q k' / sqrt(d), masked) v for q [..][t][d], k [..][s][d], v [..][s][e].

   Rows of q are taken in blocks of 64: the block's scores are one product of matrices, the weights are normalised row by row, and nothing of size t x s is kept: what the
   backward sweep needs is the log-sum-exp of every row. With P the weights and D_i = sum_j G_ij y_ij:
     dv = P' G,   dS = P (G v' - D) / sqrt(d),   dq = dS k,   dk = dS' q.
   Causal: row i sees columns j <= i + s - t, so a block multiplies only by the columns that one of its rows sees. 2 t s (d + e) flops forward, 2.5 times that backward. The adjoint
   in tensor operations, for second derivatives, builds P whole. */
#include "tensor_impl.h"

#include <string.h>

#define BLOCK_ROWS 64

typedef struct {
  PetscBool causal;
} Attention;

/* sizes of a problem: `batches` independent ones */
typedef struct {
  PetscInt64 batches;
  PetscInt   t, s, d, e;
  PetscReal  scale;
  TesType    type;
  size_t     bytes;
} Sizes;

static Sizes SizesOf(TesTensor q, TesTensor k, TesTensor v)
{
  Sizes z = {1, q->shape[q->n_axes - 2], k->shape[k->n_axes - 2], q->shape[q->n_axes - 1], v->shape[v->n_axes - 1], 0, q->type, q->type == TES_F32 ? 4 : 8};

  for (PetscInt a = 0; a < q->n_axes - 2; a++) z.batches *= q->shape[a];
  z.scale = 1 / PetscSqrtReal((PetscReal)PetscMax(z.d, 1));
  return z;
}

/* columns that row i sees */
static PetscInt Seen(const Sizes *z, PetscBool causal, PetscInt i)
{
  return causal ? PetscMax(0, PetscMin(z->s, i + z->s - z->t + 1)) : z->s;
}

static void ZeroTail(const Sizes *z, PetscInt from, PetscInt columns, char *row)
{
  if (columns > from) memset(row + (size_t)from * z->bytes, 0, (size_t)(columns - from) * z->bytes);
}

static char *At(TesTensor x, size_t entry, size_t bytes)
{
  return (char *)x->data + entry * bytes;
}

static PetscErrorCode Forward(TesTensor q, TesTensor k, TesTensor v, PetscBool causal, TesTensor y, TesTensor lse)
{
  const Sizes    z       = SizesOf(q, k, v);
  const Kernels *kernels = KernelsOf(q);
  Buffer        *scores;

  PetscFunctionBegin;
  PetscCall(ScratchGet(q->tape, (size_t)BLOCK_ROWS * (size_t)z.s * z.bytes, &scores));
  for (PetscInt64 b = 0; b < z.batches; b++)
    for (PetscInt i0 = 0; i0 < z.t; i0 += BLOCK_ROWS) {
      PetscInt rows = PetscMin(BLOCK_ROWS, z.t - i0), columns = Seen(&z, causal, i0 + rows - 1);
      size_t   row0 = (size_t)b * (size_t)z.t + (size_t)i0, col0 = (size_t)b * (size_t)z.s;

      PetscCall(TensorGemm(z.type, PETSC_FALSE, PETSC_TRUE, rows, columns, z.d, 1, At(q, row0 * (size_t)z.d, z.bytes), z.d, At(k, col0 * (size_t)z.d, z.bytes), z.d, 0, scores->data,
                           columns));
      for (PetscInt r = 0; r < rows; r++) {
        char     *row = (char *)scores->data + (size_t)r * (size_t)columns * z.bytes;
        PetscInt  n   = Seen(&z, causal, i0 + r);
        PetscReal m = 0, total = 0;
        double    sum = 0;
        float     sum32;

        if (n) {
          m = z.scale * kernels->max(n, row);
          kernels->exp_shift(n, z.scale, m, row, row);
          if (z.type == TES_F32) {
            kernels->sum(1, n, 1, 1, row, &sum32);
            total = (PetscReal)sum32;
          } else {
            kernels->sum(1, n, 1, 1, row, &sum);
            total = sum;
          }
          kernels->scale(n, 1 / total, row, 0, row);
        }
        ZeroTail(&z, n, columns, row);
        if (z.type == TES_F32) ((float *)lse->data)[row0 + (size_t)r] = n ? (float)(m + PetscLogReal(total)) : 0;
        else ((double *)lse->data)[row0 + (size_t)r] = n ? m + PetscLogReal(total) : 0;
      }
      if (columns)
        PetscCall(TensorGemm(z.type, PETSC_FALSE, PETSC_FALSE, rows, z.e, columns, 1, scores->data, columns, At(v, col0 * (size_t)z.e, z.bytes), z.e, 0,
                             At(y, row0 * (size_t)z.e, z.bytes), z.e));
      else memset(At(y, row0 * (size_t)z.e, z.bytes), 0, (size_t)rows * (size_t)z.e * z.bytes);
    }
  ScratchRestore(q->tape, &scores);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AttentionRaw(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscBool      causal = ((const Attention *)node->attributes)->causal;
  TesTensor      q = node->in[0], k = node->in[1], v = node->in[2], y = node->out, lse = node->saved[0];
  const Sizes    z       = SizesOf(q, k, v);
  const Kernels *kernels = KernelsOf(q);
  Buffer        *weights, *shares;

  PetscFunctionBegin;
  PetscCall(TesTensorZeros(q->tape, q->type, q->n_axes, q->shape, &gin[0]));
  PetscCall(TesTensorZeros(q->tape, q->type, k->n_axes, k->shape, &gin[1]));
  PetscCall(TesTensorZeros(q->tape, q->type, v->n_axes, v->shape, &gin[2]));
  PetscCall(ScratchGet(q->tape, (size_t)BLOCK_ROWS * (size_t)z.s * z.bytes, &weights));
  PetscCall(ScratchGet(q->tape, (size_t)BLOCK_ROWS * (size_t)z.s * z.bytes, &shares));
  for (PetscInt64 b = 0; b < z.batches; b++)
    for (PetscInt i0 = 0; i0 < z.t; i0 += BLOCK_ROWS) {
      PetscInt rows = PetscMin(BLOCK_ROWS, z.t - i0), columns = Seen(&z, causal, i0 + rows - 1);
      size_t   row0 = (size_t)b * (size_t)z.t + (size_t)i0, col0 = (size_t)b * (size_t)z.s;
      char    *qb = At(q, row0 * (size_t)z.d, z.bytes), *kb = At(k, col0 * (size_t)z.d, z.bytes), *vb = At(v, col0 * (size_t)z.e, z.bytes), *gb = At(g, row0 * (size_t)z.e, z.bytes);

      if (!columns) continue;
      PetscCall(TensorGemm(z.type, PETSC_FALSE, PETSC_TRUE, rows, columns, z.d, 1, qb, z.d, kb, z.d, 0, weights->data, columns));
      for (PetscInt r = 0; r < rows; r++) {
        char     *row = (char *)weights->data + (size_t)r * (size_t)columns * z.bytes;
        PetscInt  n   = Seen(&z, causal, i0 + r);
        PetscReal l   = z.type == TES_F32 ? (PetscReal)((const float *)lse->data)[row0 + (size_t)r] : ((const double *)lse->data)[row0 + (size_t)r];

        kernels->exp_shift(n, z.scale, l, row, row);
        ZeroTail(&z, n, columns, row);
      }
      PetscCall(TensorGemm(z.type, PETSC_TRUE, PETSC_FALSE, columns, z.e, rows, 1, weights->data, columns, gb, z.e, 1, At(gin[2], col0 * (size_t)z.e, z.bytes), z.e));
      PetscCall(TensorGemm(z.type, PETSC_FALSE, PETSC_TRUE, rows, columns, z.e, 1, gb, z.e, vb, z.e, 0, shares->data, columns));
      for (PetscInt r = 0; r < rows; r++) {
        size_t at = (size_t)r * (size_t)columns * z.bytes, row = (row0 + (size_t)r) * (size_t)z.e;

        kernels->score_back(columns, z.e, z.scale, At(g, row, z.bytes), At(y, row, z.bytes), (const char *)weights->data + at, (char *)shares->data + at);
      }
      PetscCall(TensorGemm(z.type, PETSC_FALSE, PETSC_FALSE, rows, z.d, columns, 1, shares->data, columns, kb, z.d, 0, At(gin[0], row0 * (size_t)z.d, z.bytes), z.d));
      PetscCall(TensorGemm(z.type, PETSC_TRUE, PETSC_FALSE, columns, z.d, rows, 1, shares->data, columns, qb, z.d, 1, At(gin[1], col0 * (size_t)z.d, z.bytes), z.d));
    }
  ScratchRestore(q->tape, &weights);
  ScratchRestore(q->tape, &shares);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AttentionVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscBool   causal = ((const Attention *)node->attributes)->causal;
  TesTensor   q = node->in[0], k = node->in[1], v = node->in[2], p, ds, t;
  const Sizes z = SizesOf(q, k, v);

  PetscFunctionBegin;
  PetscCall(TesMatMul(PETSC_FALSE, PETSC_TRUE, z.scale, q, k, &p));
  if (causal) {
    TesTensor mask;

    PetscCall(TesTensorZeros(node->tape, q->type, TES_SHAPE(z.t, z.s), &mask));
    for (PetscInt i = 0; i < z.t; i++)
      for (PetscInt j = Seen(&z, causal, i); j < z.s; j++) {
        if (q->type == TES_F32) ((float *)mask->data)[(size_t)i * (size_t)z.s + (size_t)j] = 1;
        else ((double *)mask->data)[(size_t)i * (size_t)z.s + (size_t)j] = 1;
      }
    PetscCall(TesMaskFill(p, mask, -1e30, &p));
    PetscCall(TesSoftmax(p, p->n_axes - 1, &p));
    PetscCall(TesMaskFill(p, mask, 0, &p)); /* rows that see nothing */
  } else {
    PetscCall(TesSoftmax(p, p->n_axes - 1, &p));
  }
  if (node->wanted[2]) PetscCall(TesMatMul(PETSC_TRUE, PETSC_FALSE, 1, p, g, &gin[2]));
  PetscCall(TesMatMul(PETSC_FALSE, PETSC_TRUE, 1, g, v, &ds));
  PetscCall(TesMultiply(p, ds, &ds));
  PetscCall(TesSum(ds, TES_AXIS(ds->n_axes - 1), PETSC_TRUE, &t));
  PetscCall(TesMultiply(p, t, &t));
  PetscCall(TesSubtract(ds, t, &ds));
  if (node->wanted[0]) PetscCall(TesMatMul(PETSC_FALSE, PETSC_FALSE, z.scale, ds, k, &gin[0]));
  if (node->wanted[1]) PetscCall(TesMatMul(PETSC_TRUE, PETSC_FALSE, z.scale, ds, q, &gin[1]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp attention_op = {"attention", AttentionVjp, AttentionRaw};

PetscErrorCode TesAttention(TesTensor q, TesTensor k, TesTensor v, PetscBool causal, TesTensor *y)
{
  const Attention attributes = {causal};
  PetscInt        n = q->n_axes, shape[TES_TENSOR_AXES];
  TesTensor       out, lse;
  PetscBool       fits;

  PetscFunctionBegin;
  fits = n >= 2 && k->n_axes == n && v->n_axes == n && k->type == q->type && v->type == q->type ? PETSC_TRUE : PETSC_FALSE;
  for (PetscInt a = 0; fits && a < n - 2; a++) fits = q->shape[a] == k->shape[a] && q->shape[a] == v->shape[a] ? PETSC_TRUE : PETSC_FALSE;
  PetscCheck(fits && q->shape[n - 1] == k->shape[n - 1] && k->shape[n - 2] == v->shape[n - 2], PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ,
             "%s%sattention: q [..][t][d], k [..][s][d], v [..][s][e] with the same leading axes are wanted", q->tape->module, *q->tape->module ? ": " : "");
  PetscCall(PetscArraycpy(shape, q->shape, n));
  PetscCall(TesTensorCreate(q->tape, q->type, n - 1, shape, &lse));
  shape[n - 1] = v->shape[n - 1];
  PetscCall(TesTensorCreate(q->tape, q->type, n, shape, &out));
  PetscCall(Forward(q, k, v, causal, out, lse));
  PetscCall(TesTapeRecord(&attention_op, 3, (TesTensor[]){q, k, v}, 1, &lse, &attributes, sizeof attributes, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}
