/* Products of matrices: batches with broadcasting, and the linear layer.

   y = alpha op(a) op(b). Adjoints: with g op(b)' for a (transposed if a was), op(a)' g for b; both are matrix products again. A batch of a against one matrix b is one product
   with all rows. BLAS does the work (2 m n k flops); products of a few entries go through a plain loop, as a call to BLAS costs more than they do. Row counts are part of the
   bits of a product, so a unit of work is always computed with the same shapes (tensor_train.h). */
#include "tensor_impl.h"

#include <petscblaslapack.h>
#include <string.h>

#if defined(PETSC_BLASLAPACK_UNDERSCORE)
  #define SGEMM sgemm_
#else
  #define SGEMM sgemm
#endif
extern void SGEMM(const char *, const char *, const PetscBLASInt *, const PetscBLASInt *, const PetscBLASInt *, const float *, const float *, const PetscBLASInt *, const float *,
                  const PetscBLASInt *, const float *, float *, const PetscBLASInt *);

/* 2 m n k below this: a loop (a 4 x 4 x 4 product takes 35 ns in OpenBLAS) */
#define SMALL 1024

#define SMALL_GEMM(REAL) \
  do { \
    const REAL *pa = a, *pb = b; \
    REAL       *pc = c; \
    for (PetscInt i = 0; i < m; i++) \
      for (PetscInt j = 0; j < n; j++) { \
        REAL s = 0; \
        for (PetscInt l = 0; l < k; l++) s += pa[ta ? l * lda + i : i * lda + l] * pb[tb ? j * ldb + l : l * ldb + j]; \
        pc[i * ldc + j] = (REAL)alpha * s + (beta != 0 ? (REAL)beta * pc[i * ldc + j] : 0); \
      } \
  } while (0)

PetscErrorCode TensorGemm(TesType type, PetscBool ta, PetscBool tb, PetscInt m, PetscInt n, PetscInt k, PetscReal alpha, const void *a, PetscInt lda, const void *b, PetscInt ldb,
                          PetscReal beta, void *c, PetscInt ldc)
{
  PetscBLASInt bm, bn, bk, la, lb, lc;

  PetscFunctionBegin;
  if (!m || !n) PetscFunctionReturn(PETSC_SUCCESS);
  if (2.0 * m * n * k < SMALL) {
    if (type == TES_F32) SMALL_GEMM(float);
    else SMALL_GEMM(double);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(PetscBLASIntCast(m, &bm));
  PetscCall(PetscBLASIntCast(n, &bn));
  PetscCall(PetscBLASIntCast(k, &bk));
  PetscCall(PetscBLASIntCast(PetscMax(lda, 1), &la));
  PetscCall(PetscBLASIntCast(PetscMax(ldb, 1), &lb));
  PetscCall(PetscBLASIntCast(PetscMax(ldc, 1), &lc));
  /* row-major C = op(A) op(B) is column-major C' = op(B)' op(A)' */
  if (type == TES_F32) {
    float fa = (float)alpha, fb = (float)beta;

    SGEMM(tb ? "T" : "N", ta ? "T" : "N", &bn, &bm, &bk, &fa, b, &lb, a, &la, &fb, c, &lc);
  } else {
    PetscCallBLAS("BLASgemm", BLASgemm_(tb ? "T" : "N", ta ? "T" : "N", &bn, &bm, &bk, &alpha, b, &lb, a, &la, &beta, c, &lc));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  PetscBool ta, tb;
  PetscReal alpha;
} Product;

static PetscErrorCode MatMulVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Product *p = node->attributes;
  TesTensor      a = node->in[0], b = node->in[1];

  PetscFunctionBegin;
  if (node->wanted[0]) {
    if (p->ta) PetscCall(TesMatMul(p->tb, PETSC_TRUE, p->alpha, b, g, &gin[0]));
    else PetscCall(TesMatMul(PETSC_FALSE, !p->tb, p->alpha, g, b, &gin[0]));
    PetscCall(TensorSumTo(gin[0], a, &gin[0]));
  }
  if (node->wanted[1]) {
    if (p->tb) PetscCall(TesMatMul(PETSC_TRUE, p->ta, p->alpha, g, a, &gin[1]));
    else PetscCall(TesMatMul(!p->ta, PETSC_FALSE, p->alpha, a, g, &gin[1]));
    PetscCall(TensorSumTo(gin[1], b, &gin[1]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp matmul_op = {"matmul", MatMulVjp, NULL};

PetscErrorCode TesMatMul(PetscBool ta, PetscBool tb, PetscReal alpha, TesTensor a, TesTensor b, TesTensor *y)
{
  const Product p = {ta, tb, alpha};
  PetscInt      na = a->n_axes, nb = b->n_axes, n_axes = PetscMax(na, nb), shape[TES_TENSOR_AXES], m, n, k, kb, index[TES_TENSOR_AXES] = {0};
  PetscInt64    batches = 1, at_a = 0, at_b = 0;
  TesTensor     out;
  char          sa[128], sb[128];
  size_t        bytes;

  PetscFunctionBegin;
  PetscCheck(na >= 2 && nb >= 2 && a->type == b->type, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "matmul: two tensors of one type with at least two axes");
  m  = a->shape[na - (ta ? 1 : 2)];
  k  = a->shape[na - (ta ? 2 : 1)];
  kb = b->shape[nb - (tb ? 1 : 2)];
  n  = b->shape[nb - (tb ? 2 : 1)];
  PetscCall(TensorShapeText(a, sa, sizeof sa));
  PetscCall(TensorShapeText(b, sb, sizeof sb));
  PetscCheck(k == kb, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "%s%smatmul: inner lengths %" PetscInt_FMT " and %" PetscInt_FMT " of %s%s and %s%s differ", a->tape->module,
             *a->tape->module ? ": " : "", k, kb, sa, ta ? "'" : "", sb, tb ? "'" : "");
  if (nb == 2 && na > 2 && !ta) { /* all rows at once */
    PetscInt rows;

    PetscCall(PetscIntCast(k ? a->size / k : 0, &rows));
    for (PetscInt i = 0; i < na - 1; i++) shape[i] = a->shape[i];
    shape[na - 1] = n;
    PetscCall(TesReshape(a, TES_SHAPE(rows, k), &a));
    PetscCall(TesMatMul(ta, tb, alpha, a, b, y));
    PetscCall(TesReshape(*y, na, shape, y));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt i = 0; i < n_axes - 2; i++) {
    PetscInt ia = i - (n_axes - na), ib = i - (n_axes - nb), la = ia >= 0 ? a->shape[ia] : 1, lb = ib >= 0 ? b->shape[ib] : 1;

    PetscCheck(la == lb || la == 1 || lb == 1, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "matmul: batches of %s and %s do not broadcast", sa, sb);
    shape[i] = la == 1 ? lb : la;
    batches *= shape[i];
  }
  shape[n_axes - 2] = m;
  shape[n_axes - 1] = n;
  PetscCall(TesTensorCreate(a->tape, a->type, n_axes, shape, &out));
  bytes = a->type == TES_F32 ? 4 : 8;
  for (PetscInt64 i = 0; i < batches; i++) {
    PetscInt64 step_a = 1, step_b = 1;

    PetscCall(TensorGemm(a->type, ta, tb, m, n, k, alpha, (const char *)a->data + (size_t)(at_a * m * k) * bytes, a->shape[na - 1],
                         (const char *)b->data + (size_t)(at_b * k * n) * bytes, b->shape[nb - 1], 0, (char *)out->data + (size_t)(i * m * n) * bytes, n));
    for (PetscInt d = n_axes - 3; d >= 0; d--) {
      PetscInt ia = d - (n_axes - na), ib = d - (n_axes - nb), la = ia >= 0 ? a->shape[ia] : 1, lb = ib >= 0 ? b->shape[ib] : 1;

      at_a += la == 1 ? 0 : step_a;
      at_b += lb == 1 ? 0 : step_b;
      if (++index[d] < shape[d]) break;
      index[d] = 0;
      at_a -= la == 1 ? 0 : step_a * la;
      at_b -= lb == 1 ? 0 : step_b * lb;
      step_a *= la;
      step_b *= lb;
    }
  }
  PetscCall(TesTapeRecord(&matmul_op, 2, (TesTensor[]){a, b}, 0, NULL, &p, sizeof p, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- y = x w' + b ---- */

static PetscErrorCode LinearVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  TesTensor x = node->in[0], w = node->in[1], rows_x, rows_g;
  PetscInt  in = w->shape[1], out = w->shape[0], rows;

  PetscFunctionBegin;
  PetscCall(PetscIntCast(in ? x->size / in : 0, &rows));
  PetscCall(TesReshape(x, TES_SHAPE(rows, in), &rows_x));
  PetscCall(TesReshape(g, TES_SHAPE(rows, out), &rows_g));
  if (node->wanted[0]) {
    PetscCall(TesMatMul(PETSC_FALSE, PETSC_FALSE, 1, rows_g, w, &gin[0]));
    PetscCall(TesReshape(gin[0], x->n_axes, x->shape, &gin[0]));
  }
  if (node->wanted[1]) PetscCall(TesMatMul(PETSC_TRUE, PETSC_FALSE, 1, rows_g, rows_x, &gin[1]));
  if (node->n_in > 2 && node->wanted[2]) PetscCall(TesSum(rows_g, TES_AXIS(0), PETSC_FALSE, &gin[2]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp linear_op = {"linear", LinearVjp, NULL};

PetscErrorCode TesLinear(TesTensor x, TesTensor w, TesTensor b, TesTensor *y)
{
  PetscInt  shape[TES_TENSOR_AXES], in, width, rows;
  TesTensor out;

  PetscFunctionBegin;
  PetscCheck(x->n_axes >= 1 && w->n_axes == 2 && x->type == w->type, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "linear: x with at least one axis, w with two, of one type");
  width = w->shape[0];
  in    = w->shape[1];
  PetscCheck(x->shape[x->n_axes - 1] == in, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "%s%slinear: last axis of x has length %" PetscInt_FMT ", the weights take %" PetscInt_FMT, x->tape->module,
             *x->tape->module ? ": " : "", x->shape[x->n_axes - 1], in);
  PetscCheck(!b || (b->n_axes == 1 && b->shape[0] == width), PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "linear: the bias must have %" PetscInt_FMT " entries", width);
  PetscCall(PetscArraycpy(shape, x->shape, x->n_axes));
  shape[x->n_axes - 1] = width;
  PetscCall(TesTensorCreate(x->tape, x->type, x->n_axes, shape, &out));
  PetscCall(PetscIntCast(in ? x->size / in : 0, &rows));
  if (b) {
    size_t row = (size_t)width * (x->type == TES_F32 ? 4 : 8);

    for (PetscInt r = 0; r < rows; r++) memcpy((char *)out->data + (size_t)r * row, b->data, row);
  }
  PetscCall(TensorGemm(x->type, PETSC_FALSE, PETSC_TRUE, rows, width, in, 1, x->data, in, w->data, in, b ? 1 : 0, out->data, width));
  PetscCall(TesTapeRecord(&linear_op, b ? 3 : 2, (TesTensor[]){x, w, b}, 0, NULL, NULL, 0, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}
