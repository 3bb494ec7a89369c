/* Fourier transforms on the tape, for the d axes before the channels, by FFTW, with plans kept by the tape.

   Complex values are pairs, so an adjoint is dL/dRe + i dL/dIm. With N points, F the unscaled forward transform and H the real inverse of a half spectrum:
     y = F x          adjoint  N ifft(g)
     y = ifft(x)      adjoint  F g / N
     y = rfft(x)      adjoint  N irfft(s g), s = 1 where the halved axis has k = 0 or N/2, 1/2 elsewhere
     y = irfft(z)     adjoint  (w / N) rfft(g), w = 1 there, 2 elsewhere
   irfft takes the Hermitian part of the planes k = 0 and N/2 first, so it is a linear map of any input, and what is differentiated is what is computed.
   Arithmetic is double whatever the type. 5 N log N flops per channel; FFTW_ESTIMATE, so that a binary gives the same bits in every run. */
#include "tensor_impl.h"

#include <fftw3.h>

typedef enum { FORWARD, BACKWARD, REAL_FORWARD, REAL_BACKWARD } Sort;

typedef struct SpectralPlan SpectralPlan;
struct SpectralPlan {
  Sort          sort;
  PetscInt      d, c;
  int           n[3];
  fftw_plan     plan;
  SpectralPlan *next;
};

PetscErrorCode SpectralPlansDestroy(TesTape tape)
{
  PetscFunctionBegin;
  while (tape->plans) {
    SpectralPlan *p = tape->plans;

    tape->plans = p->next;
    fftw_destroy_plan(p->plan);
    PetscCall(PetscFree(p));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* channels are the fastest axis: stride c between points, c transforms one apart */
static PetscErrorCode PlanGet(TesTape tape, Sort sort, PetscInt d, const int n[], PetscInt c, double *in, double *out, fftw_plan *plan)
{
  SpectralPlan *p;
  int           stride = (int)c;

  PetscFunctionBegin;
  for (p = tape->plans; p; p = p->next)
    if (p->sort == sort && p->d == d && p->c == c && p->n[0] == n[0] && (d < 2 || p->n[1] == n[1])) {
      *plan = p->plan;
      PetscFunctionReturn(PETSC_SUCCESS);
    }
  PetscCall(PetscNew(&p));
  p->sort = sort;
  p->d    = d;
  p->c    = c;
  for (PetscInt i = 0; i < d; i++) p->n[i] = n[i];
  p->next     = tape->plans;
  tape->plans = p;
  if (sort == FORWARD || sort == BACKWARD)
    p->plan = fftw_plan_many_dft((int)d, n, stride, (fftw_complex *)in, NULL, stride, 1, (fftw_complex *)out, NULL, stride, 1, sort == FORWARD ? FFTW_FORWARD : FFTW_BACKWARD, FFTW_ESTIMATE);
  else if (sort == REAL_FORWARD) p->plan = fftw_plan_many_dft_r2c((int)d, n, stride, in, NULL, stride, 1, (fftw_complex *)out, NULL, stride, 1, FFTW_ESTIMATE);
  else p->plan = fftw_plan_many_dft_c2r((int)d, n, stride, (fftw_complex *)in, NULL, stride, 1, out, NULL, stride, 1, FFTW_ESTIMATE);
  PetscCheck(p->plan, PETSC_COMM_SELF, PETSC_ERR_LIB, "FFTW makes no plan for a transform of %d points along the last axis", n[d - 1]);
  *plan = p->plan;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* z <- (z(k) + conj z(-k)) / 2 on a plane of the halved axis, z [rows][half][c] */
static void HermitianPlane(PetscInt rows, PetscInt half, PetscInt c, PetscInt plane, double *z)
{
  for (PetscInt i = 0; i <= rows / 2; i++) {
    PetscInt j = (rows - i) % rows;

    for (PetscInt k = 0; k < c; k++) {
      double *a = z + 2 * (((size_t)i * (size_t)half + (size_t)plane) * (size_t)c + (size_t)k), *b = z + 2 * (((size_t)j * (size_t)half + (size_t)plane) * (size_t)c + (size_t)k);
      double  re = 0.5 * (a[0] + b[0]), im = 0.5 * (a[1] - b[1]);

      a[0] = b[0] = re;
      a[1]        = im;
      b[1]        = i == j ? 0 : -im;
      if (i == j) a[1] = 0;
    }
  }
}

static PetscErrorCode Transform(Sort sort, PetscInt d, const int n[], PetscInt c, TesTensor x, TesTensor y)
{
  PetscInt64 b = x->shape[0], sx = b ? x->size / b : 0, sy = b ? y->size / b : 0, points = 1;
  Buffer    *in, *out;
  double    *u, *v;
  fftw_plan  plan;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < d; i++) points *= n[i];
  PetscCall(ScratchGet(x->tape, (size_t)sx * 8, &in));
  PetscCall(ScratchGet(x->tape, (size_t)sy * 8, &out));
  u = in->data;
  v = out->data;
  PetscCall(PlanGet(x->tape, sort, d, n, c, u, v, &plan));
  for (PetscInt64 s = 0; s < b; s++) {
    double factor = sort == BACKWARD || sort == REAL_BACKWARD ? 1 / (double)points : 1;

    for (PetscInt64 i = 0; i < sx; i++) u[i] = x->type == TES_F32 ? (double)((const float *)x->data)[s * sx + i] : ((const double *)x->data)[s * sx + i];
    if (sort == REAL_BACKWARD) {
      PetscInt half = n[d - 1] / 2 + 1, rows = d > 1 ? n[0] : 1;

      HermitianPlane(rows, half, c, 0, u);
      if (n[d - 1] % 2 == 0) HermitianPlane(rows, half, c, n[d - 1] / 2, u);
    }
    if (sort == FORWARD || sort == BACKWARD) fftw_execute_dft(plan, (fftw_complex *)u, (fftw_complex *)v);
    else if (sort == REAL_FORWARD) fftw_execute_dft_r2c(plan, u, (fftw_complex *)v);
    else fftw_execute_dft_c2r(plan, (fftw_complex *)u, v);
    for (PetscInt64 i = 0; i < sy; i++) {
      if (y->type == TES_F32) ((float *)y->data)[s * sy + i] = (float)(factor * v[i]);
      else ((double *)y->data)[s * sy + i] = factor * v[i];
    }
  }
  ScratchRestore(x->tape, &in);
  ScratchRestore(x->tape, &out);
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  PetscInt d, n; /* n: length of the halved axis */
} Spectral;

static PetscInt64 Points(TesTensor real, PetscInt d)
{
  PetscInt64 points = 1;

  for (PetscInt i = 1; i <= d; i++) points *= real->shape[i];
  return points;
}

/* [half][1][1]: `self` where k = 0 or n / 2, else `pair` */
static PetscErrorCode HalfWeights(TesTensor like, PetscInt n, PetscReal self, PetscReal pair, TesTensor *w)
{
  PetscInt half = n / 2 + 1;

  PetscFunctionBegin;
  PetscCall(TesTensorConstant(like->tape, like->type, TES_SHAPE(half, 1, 1), pair, w));
  for (PetscInt k = 0; k < half; k++) {
    if (k != 0 && !(n % 2 == 0 && k == n / 2)) continue;
    if (like->type == TES_F32) ((float *)(*w)->data)[k] = (float)self;
    else ((double *)(*w)->data)[k] = self;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ForwardVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Spectral *a = node->attributes;

  PetscFunctionBegin;
  PetscCall(TesIDFT(g, a->d, &gin[0]));
  PetscCall(TesScale((PetscReal)Points(g, a->d), gin[0], 0, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode BackwardVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Spectral *a = node->attributes;

  PetscFunctionBegin;
  PetscCall(TesDFT(g, a->d, &gin[0]));
  PetscCall(TesScale(1 / (PetscReal)Points(g, a->d), gin[0], 0, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RealForwardVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Spectral *a = node->attributes;
  TesTensor       w;

  PetscFunctionBegin;
  PetscCall(HalfWeights(g, a->n, 1, 0.5, &w));
  PetscCall(TesMultiply(g, w, &g));
  PetscCall(TesIRDFT(g, a->d, a->n, &g));
  PetscCall(TesScale((PetscReal)Points(node->in[0], a->d), g, 0, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RealBackwardVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Spectral *a = node->attributes;
  PetscReal       points = (PetscReal)Points(g, a->d);
  TesTensor       w;

  PetscFunctionBegin;
  PetscCall(TesRDFT(g, a->d, &g));
  PetscCall(HalfWeights(g, a->n, 1 / points, 2 / points, &w));
  PetscCall(TesMultiply(g, w, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp ops[] = {{"dft", ForwardVjp, NULL}, {"idft", BackwardVjp, NULL}, {"rdft", RealForwardVjp, NULL}, {"irdft", RealBackwardVjp, NULL}};

static PetscErrorCode Apply(Sort sort, TesTensor x, PetscInt d, PetscInt last, TesTensor *y)
{
  PetscBool pairs = sort == REAL_FORWARD ? PETSC_FALSE : PETSC_TRUE;
  PetscInt  shape[TES_TENSOR_AXES], n_axes = d + 2;
  int       n[3];
  Spectral  attributes;
  TesTensor out;

  PetscFunctionBegin;
  PetscCheck(d == 1 || d == 2, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%s over %" PetscInt_FMT " axes: one or two", ops[sort].name, d);
  PetscCheck(x->n_axes == d + 2 + (pairs ? 1 : 0) && (!pairs || x->shape[x->n_axes - 1] == 2), PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ,
             "%s%s%s: [b][n..][c]%s is wanted, with %" PetscInt_FMT " axes n", x->tape->module, *x->tape->module ? ": " : "", ops[sort].name, pairs ? "[2]" : "", d);
  PetscCall(PetscArraycpy(shape, x->shape, d + 2));
  for (PetscInt i = 0; i < d; i++) n[i] = (int)x->shape[i + 1];
  if (sort == REAL_FORWARD) {
    last     = shape[d];
    shape[d] = last / 2 + 1;
  }
  if (sort == REAL_BACKWARD) {
    PetscCheck(last >= 1 && shape[d] == last / 2 + 1, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "irdft to %" PetscInt_FMT " points takes %" PetscInt_FMT " coefficients, not %" PetscInt_FMT, last,
               last / 2 + 1, shape[d]);
    shape[d] = last;
    n[d - 1] = (int)last;
  } else {
    shape[n_axes++] = 2;
  }
  for (PetscInt i = 0; i < d; i++) PetscCheck(n[i] >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "%s of no points", ops[sort].name);
  PetscCall(TesTensorCreate(x->tape, x->type, n_axes, shape, &out));
  if (out->size) PetscCall(Transform(sort, d, n, shape[d + 1], x, out));
  attributes = (Spectral){d, last};
  PetscCall(TesTapeRecord(&ops[sort], 1, &x, 0, NULL, &attributes, sizeof attributes, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesDFT(TesTensor x, PetscInt d, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Apply(FORWARD, x, d, 0, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesIDFT(TesTensor x, PetscInt d, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Apply(BACKWARD, x, d, 0, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesRDFT(TesTensor x, PetscInt d, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Apply(REAL_FORWARD, x, d, 0, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesIRDFT(TesTensor x, PetscInt d, PetscInt n, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(Apply(REAL_BACKWARD, x, d, n, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- complex pairs ---- */

static PetscErrorCode ComplexVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < 2; i++) {
    TesTensor other;

    if (!node->wanted[i]) continue;
    PetscCall(TesConjugate(node->in[1 - i], &other));
    PetscCall(TesComplexMultiply(g, other, &gin[i]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp complex_op = {"complex_multiply", ComplexVjp, NULL};

#define MULTIPLY_PAIRS(REAL) \
  do { \
    const REAL *p = a->data, *q = b->data; \
    REAL       *r = out->data; \
    for (PetscInt64 i = 0; i < out->size; i += 2) { \
      r[i]     = p[i] * q[i] - p[i + 1] * q[i + 1]; \
      r[i + 1] = p[i] * q[i + 1] + p[i + 1] * q[i]; \
    } \
  } while (0)

PetscErrorCode TesComplexMultiply(TesTensor a, TesTensor b, TesTensor *y)
{
  PetscInt  n = PetscMax(a->n_axes, b->n_axes), shape[TES_TENSOR_AXES];
  TesTensor out;

  PetscFunctionBegin;
  PetscCheck(a->n_axes && b->n_axes && a->shape[a->n_axes - 1] == 2 && b->shape[b->n_axes - 1] == 2 && a->type == b->type, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ,
             "complex_multiply: the last axis of both must be pairs (re, im)");
  for (PetscInt i = 0; i < n; i++) {
    PetscInt ia = i - (n - a->n_axes), ib = i - (n - b->n_axes), la = ia >= 0 ? a->shape[ia] : 1, lb = ib >= 0 ? b->shape[ib] : 1;

    shape[i] = la == 1 ? lb : la;
  }
  PetscCall(TesExpand(a, n, shape, &a));
  PetscCall(TesExpand(b, n, shape, &b));
  PetscCall(TensorLike(a, &out));
  if (a->type == TES_F32) MULTIPLY_PAIRS(float);
  else MULTIPLY_PAIRS(double);
  PetscCall(TesTapeRecord(&complex_op, 2, (TesTensor[]){a, b}, 0, NULL, NULL, 0, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesConjugate(TesTensor x, TesTensor *y)
{
  const PetscReal signs[2] = {1, -1};
  TesTensor       s;

  PetscFunctionBegin;
  PetscCall(TesTensorFrom(x->tape, x->type, TES_SHAPE(2), signs, &s));
  PetscCall(TesMultiply(x, s, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesAbs2(TesTensor x, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCheck(x->n_axes && x->shape[x->n_axes - 1] == 2, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "abs2: the last axis must be pairs (re, im)");
  PetscCall(TesAct(TES_ACT_SQUARE, x, &x));
  PetscCall(TesSum(x, TES_AXIS(x->n_axes - 1), PETSC_FALSE, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
