/* Batches of n x n matrices, n <= 3: inverse, determinant, symmetric eigenvalues; and the contraction of two tensors by subscripts.

     inverse      Y = X^-1             adjoint  -Y' g Y'
     determinant  d = det X            adjoint  g cof X, the matrix of cofactors (no division, so singular matrices are fine)
     symeig       X = V diag(l) V'     adjoint  V (diag(g_l) + sym(F o (V' g_V))) V', F_ij = h(l_j - l_i), h(t) = t / (t^2 + delta^2)
   The last is exact for well separated eigenvalues; where a gap is below delta the derivative of V is not defined and the bounded h takes its place; such gaps
   are counted by the tape. */
#include "tensor_impl.h"

#include <math.h>
#include <string.h>

static PetscErrorCode CheckSquare(const char op[], TesTensor x, PetscInt *n, PetscInt64 *count)
{
  PetscFunctionBegin;
  PetscCheck(x->n_axes >= 2 && x->shape[x->n_axes - 1] == x->shape[x->n_axes - 2] && x->shape[x->n_axes - 1] >= 1 && x->shape[x->n_axes - 1] <= 3, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ,
             "%s: matrices of at most 3 x 3 on the last two axes", op);
  *n     = x->shape[x->n_axes - 1];
  *count = x->size / (*n * *n);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscReal Get(TesTensor x, PetscInt64 i) { return x->type == TES_F32 ? (PetscReal)((const float *)x->data)[i] : ((const double *)x->data)[i]; }

static void Set(TesTensor x, PetscInt64 i, PetscReal v)
{
  if (x->type == TES_F32) ((float *)x->data)[i] = (float)v;
  else ((double *)x->data)[i] = v;
}

/* c = cofactors of a, so that a c' = det(a) 1 */
static void Cofactors(PetscInt n, const PetscReal a[9], PetscReal c[9])
{
  if (n == 1) c[0] = 1;
  if (n == 2) {
    c[0] = a[3];
    c[1] = -a[2];
    c[2] = -a[1];
    c[3] = a[0];
  }
  if (n == 3)
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 3; j++) {
        int i1 = (i + 1) % 3, i2 = (i + 2) % 3, j1 = (j + 1) % 3, j2 = (j + 2) % 3;

        c[3 * i + j] = a[3 * i1 + j1] * a[3 * i2 + j2] - a[3 * i1 + j2] * a[3 * i2 + j1];
      }
}

static PetscErrorCode TransposeLast(TesTensor x, TesTensor *y)
{
  PetscInt order[TES_TENSOR_AXES];

  PetscFunctionBegin;
  for (PetscInt a = 0; a < x->n_axes; a++) order[a] = a;
  order[x->n_axes - 1] = x->n_axes - 2;
  order[x->n_axes - 2] = x->n_axes - 1;
  PetscCall(TesPermute(x, order, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- inverse ---- */

static PetscErrorCode InverseVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(TesMatMul(PETSC_TRUE, PETSC_FALSE, -1, node->out, g, &g));
  PetscCall(TesMatMul(PETSC_FALSE, PETSC_TRUE, 1, g, node->out, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp inverse_op = {"inverse", InverseVjp, NULL};

PetscErrorCode TesInverse(TesTensor x, TesTensor *y)
{
  PetscInt   n;
  PetscInt64 count;
  TesTensor  out;

  PetscFunctionBegin;
  PetscCall(CheckSquare("inverse", x, &n, &count));
  PetscCall(TensorLike(x, &out));
  for (PetscInt64 m = 0; m < count; m++) {
    PetscReal a[9], c[9], det = 0;

    for (PetscInt i = 0; i < n * n; i++) a[i] = Get(x, m * n * n + i);
    Cofactors(n, a, c);
    for (PetscInt j = 0; j < n; j++) det += a[j] * c[j];
    PetscCheck(det != 0, PETSC_COMM_SELF, TES_ERR_NUMBERS, "step %" PetscInt64_FMT ": %s%sinverse: matrix %" PetscInt64_FMT " of the batch is singular", x->tape->step, x->tape->module,
               *x->tape->module ? ": " : "", m);
    for (PetscInt i = 0; i < n; i++)
      for (PetscInt j = 0; j < n; j++) Set(out, m * n * n + i * n + j, c[j * n + i] / det);
  }
  PetscCall(TesTapeRecord(&inverse_op, 1, &x, 0, NULL, NULL, 0, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- determinant, with the cofactors written in tensor operations when they are to be differentiated ---- */

/* entry (i, j) of every matrix of the batch [m][n n], as [m][1] */
static PetscErrorCode Entry(TesTensor flat, PetscInt n, PetscInt i, PetscInt j, TesTensor *e)
{
  PetscFunctionBegin;
  PetscCall(TesSlice(flat, 1, i * n + j, 1, 1, e));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Minor(TesTensor flat, PetscInt i, PetscInt j, TesTensor *minor)
{
  PetscInt  i1 = (i + 1) % 3, i2 = (i + 2) % 3, j1 = (j + 1) % 3, j2 = (j + 2) % 3;
  TesTensor a, b, c, d;

  PetscFunctionBegin;
  PetscCall(Entry(flat, 3, i1, j1, &a));
  PetscCall(Entry(flat, 3, i2, j2, &b));
  PetscCall(Entry(flat, 3, i1, j2, &c));
  PetscCall(Entry(flat, 3, i2, j1, &d));
  PetscCall(TesMultiply(a, b, &a));
  PetscCall(TesMultiply(c, d, &c));
  PetscCall(TesSubtract(a, c, minor));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DeterminantVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  TesTensor x = node->in[0], flat, part[9], c;
  PetscInt  n, m;
  PetscInt64 count;

  PetscFunctionBegin;
  PetscCall(CheckSquare("determinant", x, &n, &count));
  PetscCall(PetscIntCast(count, &m));
  PetscCall(TesReshape(x, TES_SHAPE(m, n * n), &flat));
  PetscCall(TesReshape(g, TES_SHAPE(m, 1), &g));
  if (n == 1) PetscCall(TesTensorConstant(x->tape, x->type, TES_SHAPE(m, 1), 1, &part[0]));
  if (n == 2)
    for (PetscInt k = 0; k < 4; k++) {
      PetscCall(Entry(flat, 2, 1 - k / 2, 1 - k % 2, &part[k]));
      if (k == 1 || k == 2) PetscCall(TesScale(-1, part[k], 0, &part[k]));
    }
  if (n == 3)
    for (PetscInt k = 0; k < 9; k++) PetscCall(Minor(flat, k / 3, k % 3, &part[k]));
  PetscCall(TesConcat(n * n, part, 1, &c));
  PetscCall(TesMultiply(c, g, &c));
  PetscCall(TesReshape(c, x->n_axes, x->shape, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp determinant_op = {"determinant", DeterminantVjp, NULL};

PetscErrorCode TesDeterminant(TesTensor x, TesTensor *y)
{
  PetscInt   n;
  PetscInt64 count;
  TesTensor  out;

  PetscFunctionBegin;
  PetscCall(CheckSquare("determinant", x, &n, &count));
  PetscCall(TesTensorCreate(x->tape, x->type, x->n_axes - 2, x->shape, &out));
  for (PetscInt64 m = 0; m < count; m++) {
    PetscReal a[9], c[9], det = 0;

    for (PetscInt i = 0; i < n * n; i++) a[i] = Get(x, m * n * n + i);
    Cofactors(n, a, c);
    for (PetscInt j = 0; j < n; j++) det += a[j] * c[j];
    Set(out, m, det);
  }
  PetscCall(TesTapeRecord(&determinant_op, 1, &x, 0, NULL, NULL, 0, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- symmetric eigenproblem: cyclic Jacobi, which is accurate and needs no case distinctions ---- */

static void Jacobi(PetscInt n, PetscReal a[9], PetscReal v[9])
{
  for (PetscInt i = 0; i < n * n; i++) v[i] = i % (n + 1) == 0 ? 1 : 0;
  for (int sweep = 0; sweep < 30; sweep++) {
    PetscReal off = 0, on = 0;

    for (PetscInt i = 0; i < n; i++)
      for (PetscInt j = 0; j < n; j++) *(i == j ? &on : &off) += a[i * n + j] * a[i * n + j];
    if (off <= 1e-34 * on) break;
    for (PetscInt p = 0; p < n; p++)
      for (PetscInt q = p + 1; q < n; q++) {
        PetscReal theta, t, c, s;

        if (a[p * n + q] == 0) continue;
        theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
        t     = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
        c     = 1 / sqrt(t * t + 1);
        s     = t * c;
        for (PetscInt k = 0; k < n; k++) { /* columns, then rows, of a; columns of v */
          PetscReal u = a[k * n + p], w = a[k * n + q];

          a[k * n + p] = c * u - s * w;
          a[k * n + q] = s * u + c * w;
        }
        for (PetscInt k = 0; k < n; k++) {
          PetscReal u = a[p * n + k], w = a[q * n + k];

          a[p * n + k] = c * u - s * w;
          a[q * n + k] = s * u + c * w;
        }
        for (PetscInt k = 0; k < n; k++) {
          PetscReal u = v[k * n + p], w = v[k * n + q];

          v[k * n + p] = c * u - s * w;
          v[k * n + q] = s * u + c * w;
        }
      }
  }
}

/* ascending, the largest entry of each vector positive */
static void Order(PetscInt n, PetscReal l[3], PetscReal v[9])
{
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt j = 0; j + 1 < n; j++) {
      if (l[j] <= l[j + 1]) continue;
      PetscReal t = l[j];

      l[j]     = l[j + 1];
      l[j + 1] = t;
      for (PetscInt k = 0; k < n; k++) {
        t                = v[k * n + j];
        v[k * n + j]     = v[k * n + j + 1];
        v[k * n + j + 1] = t;
      }
    }
  for (PetscInt j = 0; j < n; j++) {
    PetscInt top = 0;

    for (PetscInt k = 1; k < n; k++)
      if (fabs(v[k * n + j]) > fabs(v[top * n + j]) * (1 + 1e-12)) top = k;
    if (v[top * n + j] < 0)
      for (PetscInt k = 0; k < n; k++) v[k * n + j] = -v[k * n + j];
  }
}

/* One node with the output [m][n][n + 1]: eigenvectors and, as the last column, eigenvalues; slices of it are what the caller gets. */
static PetscErrorCode EigRaw(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  TesTensor  x = node->in[0], out = node->out;
  PetscInt   n;
  PetscInt64 count;

  PetscFunctionBegin;
  PetscCall(CheckSquare("symeig", x, &n, &count));
  PetscCall(TensorLike(x, &gin[0]));
  for (PetscInt64 m = 0; m < count; m++) {
    PetscReal v[9], l[3], gv[9], w[9], t[9], top = 0, delta;

    for (PetscInt i = 0; i < n; i++) {
      for (PetscInt j = 0; j < n; j++) {
        v[i * n + j]  = Get(out, (m * n + i) * (n + 1) + j);
        gv[i * n + j] = Get(g, (m * n + i) * (n + 1) + j);
      }
      l[i] = Get(out, (m * n + i) * (n + 1) + n);
      top  = PetscMax(top, fabs(l[i]));
    }
    delta = (x->type == TES_F32 ? 1e-3 : 1e-6) * top;
    for (PetscInt i = 0; i < n; i++)
      for (PetscInt j = 0; j < n; j++) {
        PetscReal s = 0, gap = l[j] - l[i];

        for (PetscInt k = 0; k < n; k++) s += v[k * n + i] * gv[k * n + j];
        if (i < j && fabs(gap) < delta) node->tape->eig_gaps++;
        w[i * n + j] = i == j ? Get(g, (m * n + i) * (n + 1) + n) : (gap != 0 || delta != 0 ? s * gap / (gap * gap + delta * delta) : 0);
      }
    for (PetscInt i = 0; i < n; i++)
      for (PetscInt j = 0; j < n; j++) {
        t[i * n + j] = 0;
        for (PetscInt k = 0; k < n; k++) t[i * n + j] += v[i * n + k] * 0.5 * (w[k * n + j] + w[j * n + k]);
      }
    for (PetscInt i = 0; i < n; i++)
      for (PetscInt j = 0; j < n; j++) {
        PetscReal s = 0;

        for (PetscInt k = 0; k < n; k++) s += t[i * n + k] * v[j * n + k];
        Set(gin[0], (m * n + i) * n + j, s);
      }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp eig_op = {"symeig", NULL, EigRaw};

PetscErrorCode TesSymEig(TesTensor x, TesTensor *l, TesTensor *v)
{
  PetscInt   n, shape[TES_TENSOR_AXES];
  PetscInt64 count;
  TesTensor  out, sym;

  PetscFunctionBegin;
  PetscCall(CheckSquare("symeig", x, &n, &count));
  PetscCall(TransposeLast(x, &sym)); /* what is decomposed is the symmetric part */
  PetscCall(TesAxpby(0.5, x, 0.5, sym, &x));
  PetscCall(PetscArraycpy(shape, x->shape, x->n_axes));
  shape[x->n_axes - 1] = n + 1;
  PetscCall(TesTensorCreate(x->tape, x->type, x->n_axes, shape, &out));
  for (PetscInt64 m = 0; m < count; m++) {
    PetscReal a[9], vectors[9], values[3];

    for (PetscInt i = 0; i < n * n; i++) a[i] = Get(x, m * n * n + i);
    Jacobi(n, a, vectors);
    for (PetscInt i = 0; i < n; i++) values[i] = a[i * n + i];
    Order(n, values, vectors);
    for (PetscInt i = 0; i < n; i++) {
      for (PetscInt j = 0; j < n; j++) Set(out, (m * n + i) * (n + 1) + j, vectors[i * n + j]);
      Set(out, (m * n + i) * (n + 1) + n, values[i]);
    }
  }
  PetscCall(TesTapeRecord(&eig_op, 1, &x, 0, NULL, NULL, 0, out));
  PetscCall(TesSlice(out, x->n_axes - 1, 0, n, 1, v));
  PetscCall(TesSlice(out, x->n_axes - 1, n, 1, 1, l));
  PetscCall(TesReshape(*l, x->n_axes - 1, x->shape, l));
  PetscFunctionReturn(PETSC_SUCCESS);
}
