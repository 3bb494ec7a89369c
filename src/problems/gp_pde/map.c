/* Noisy sources: the regularised (maximum a posteriori) version of the direct solve and of Newton's method.

   In whitened coordinates the covariance is the identity times sigma_u^2: core G = D z sigma_u, D = product over the dimensions of the singular values d of their
   dictionaries (reduce.c), z ~ N(0, 1). White noise of standard deviation s in f has covariance s^2 C in the projected equation, C the product of C_d = T_d T_d', T_d the test
   functions: the identity for Galerkin on uniform nodes, not for quadrature weights nor for dimensions that march. With C_d = L_d L_d' and W the product of the L_d^{-1} the most probable core
   minimises
     1/2 |z|^2 + 1/2 |W F(G)|^2 / s^2,   F(G) = S_p G + T N(u) - T (f - S lift),
   the limit s -> 0 is the collocation solution. sigma_u^2 = |G_0|^2 / prod_d sum_i d_i^2 from the collocation solution G_0: what the covariance says of the mean square of u.
   Gauss-Newton from G_0, a step only if it lowers the sum (halved until it does); a linear equation with constant coefficients takes one step. Each step is a stacked least-squares problem in z
   (not in its change, so that the prior's rows stay the identity): QR of the whole matrix where it is small, else LSQR (PETSc, MATSHELL); the adjoint of T N' is the expansion by the test functions,
   the pointwise product and the compression by the functions and their derivatives. Cores are replicated and every sum over points is ordered: all ranks take the same way. The boundary values are taken as exact: they sit in the lift.
   Cost: 4 n^3 flops and n applications for n <= 1200 unknowns; else per iteration two applications of S_p, r^(d+1) flops each, and for an N an expansion and a compression per derivative that it needs, both ways; hundreds to thousands of iterations. */
#include "gp_pde.h"
#include <petscksp.h>

#define DENSE_MOST      1200 /* unknowns: half a second and 70 MB; where the noise is small LSQR takes thousands of iterations */
#define LSQR_RTOL       1e-12 /* of |A| |r|, and |A| is 1e4 to 1e6: leaves a gradient of some 1e-4 |z|, far below what any noise worth the name leaves certain */
#define LSQR_ITERATIONS 20000
#define STEPS           20
#define STEP_RTOL       1e-7 /* of z; quadratic up to the part of N that the noise leaves in the residual */
#define HALVINGS        8

typedef struct {
  GpPde             *gp;
  const GpProjected *projected;
  GpSolution        *solution;
  PetscInt           n;
  PetscReal         *scale, *work[3];                      /* sigma_u D; [n] */
  PetscReal         *whiten[GP_DIM], *unwhiten[GP_DIM];    /* L^{-1} and its transpose; NULL: the identity */
  PetscReal         *transposed[GP_DIM];                   /* of the projected operators [r][r] */
  PetscReal         *test[GP_DIM];                         /* [n][r] */
  PetscReal         *functions[GP_KINDS][GP_DIM];          /* [r][n]; NULL: not needed */
  GpFields           fields, slope;                        /* with a remainder N */
} Stacked;

/* ---- linear algebra of the cores ---- */

static PetscErrorCode Transpose(PetscInt rows, PetscInt columns, const PetscReal *a, PetscReal **out)
{
  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)rows * (size_t)columns, out));
  for (PetscInt i = 0; i < rows; i++)
    for (PetscInt j = 0; j < columns; j++) (*out)[(size_t)j * (size_t)rows + (size_t)i] = a[(size_t)i * (size_t)columns + (size_t)j];
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* y along dimension d times a square matrix, through `spare` */
static PetscErrorCode Along(const Stacked *s, PetscInt d, const PetscReal *m, PetscReal *y, PetscReal *spare)
{
  PetscInt64 n[GP_DIM];

  PetscFunctionBegin;
  for (PetscInt j = 0; j < s->gp->dim; j++) n[j] = s->solution->r[j];
  PetscCall(TesModeProduct(s->gp->dim, n, d, s->solution->r[d], m, y, spare));
  PetscCall(PetscArraycpy(y, spare, (size_t)s->n));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AlongAll(const Stacked *s, PetscReal *const m[], PetscReal *y)
{
  PetscFunctionBegin;
  for (PetscInt d = 0; d < s->gp->dim; d++) {
    if (m[d]) PetscCall(Along(s, d, m[d], y, s->work[2]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* C_d = T T' = L L'; NULL where it is the identity to rounding */
static PetscErrorCode Whitening(const Stacked *s, PetscInt d, PetscReal **whiten, PetscReal **unwhiten)
{
  const GpBasis *basis = &s->solution->basis[d];
  const PetscInt r = basis->r, n = (PetscInt)s->gp->n[d];
  PetscReal     *c, *inverse, far = 0;

  PetscFunctionBegin;
  *whiten = *unwhiten = NULL;
  PetscCall(PetscMalloc1((size_t)r * (size_t)r, &c));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, r, r, n, 1, basis->test, basis->test, 0, c));
  for (PetscInt i = 0; i < r; i++)
    for (PetscInt j = 0; j < r; j++) far = PetscMax(far, PetscAbsReal(c[i * r + j] - (i == j ? 1 : 0)));
  if (far > 1e-10) {
    for (PetscInt j = 0; j < r; j++) /* Cholesky, row by row, in the lower triangle */
      for (PetscInt i = j; i < r; i++) {
        for (PetscInt k = 0; k < j; k++) c[i * r + j] -= c[i * r + k] * c[j * r + k];
        PetscCheck(i > j || c[j * r + j] > 0, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the test functions of dimension %c are dependent to rounding", "xyz"[d]);
        c[i * r + j] = i == j ? PetscSqrtReal(c[j * r + j]) : c[i * r + j] / c[j * r + j];
      }
    PetscCall(PetscCalloc1((size_t)r * (size_t)r, &inverse));
    for (PetscInt j = 0; j < r; j++)
      for (PetscInt i = j; i < r; i++) {
        PetscReal sum = i == j ? 1 : 0;

        for (PetscInt k = j; k < i; k++) sum -= c[i * r + k] * inverse[k * r + j];
        inverse[i * r + j] = sum / c[i * r + i];
      }
    *whiten = inverse;
    PetscCall(Transpose(r, r, inverse, unwhiten));
  }
  PetscCall(PetscFree(c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* out = S_p' y (linear.c); out and y may be the same */
static PetscErrorCode SeparableTransposed(Stacked *s, const PetscReal *y, PetscReal *out)
{
  const GpPde   *gp    = s->gp;
  const PetscBool march = s->projected->linear.march ? PETSC_TRUE : PETSC_FALSE;
  const PetscInt space = march ? gp->dim - 1 : gp->dim;
  PetscReal      shift = march ? gp->zeroth : GpLeastSquares(gp) || gp->marching[0] ? 0 : gp->zeroth, *from = s->work[0], *one = s->work[1];
  PetscInt64     n[GP_DIM];

  PetscFunctionBegin;
  if (s->projected->linear.pencil) {
    PetscCall(TesKronPencilApply(s->projected->linear.pencil, PETSC_TRUE, y, out));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt d = 0; d < gp->dim; d++) n[d] = s->solution->r[d];
  PetscCall(PetscArraycpy(from, y, (size_t)s->n));
  if (march) PetscCall(Along(s, gp->dim - 1, s->transposed[gp->dim - 1], from, one));
  for (PetscInt i = 0; i < s->n; i++) out[i] = (march ? y[i] : 0) + shift * from[i];
  for (PetscInt d = 0; d < space; d++) {
    PetscCall(TesModeProduct(gp->dim, n, d, s->solution->r[d], s->transposed[d], from, one));
    for (PetscInt i = 0; i < s->n; i++) out[i] += one[i];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* out += compression of `values` by the functions, derivative `what` along d */
static PetscErrorCode AddCompressed(Stacked *s, PetscInt d, GpWhat what, const PetscReal *values, PetscReal *out)
{
  GpPde           *gp = s->gp;
  const PetscReal *m[GP_DIM];
  PetscReal       *core = s->work[1];

  PetscFunctionBegin;
  for (PetscInt j = 0; j < gp->dim; j++) m[j] = s->functions[j == d ? what : GP_VALUE][j];
  PetscCall(TesSlabCompress(gp->comm, &gp->grid.part, gp->dim, gp->grid.n, s->solution->r, m, values, core));
  for (PetscInt i = 0; i < s->n; i++) out[i] += core[i];
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* out += (T N')' y */
static PetscErrorCode AddRemainderTransposed(Stacked *s, const PetscReal *y, PetscReal *out)
{
  GpPde           *gp = s->gp;
  const PetscReal *m[GP_DIM];
  const PetscInt64 n = gp->grid.n_local;
  PetscReal       *v, *w;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)n, &v, (size_t)n, &w));
  for (PetscInt d = 0; d < gp->dim; d++) m[d] = s->test[d];
  PetscCall(TesSlabExpand(&gp->grid.part, gp->dim, gp->grid.n, s->solution->r, m, y, v));
  for (PetscInt64 i = 0; i < n; i++) w[i] = s->slope.u[i] * v[i];
  PetscCall(AddCompressed(s, 0, GP_VALUE, w, out));
  for (PetscInt d = 0; d < gp->dim; d++) {
    if (!s->slope.grad[d]) continue;
    for (PetscInt64 i = 0; i < n; i++) w[i] = s->slope.grad[d][i] * v[i];
    PetscCall(AddCompressed(s, d, GP_FIRST, w, out));
  }
  if (s->slope.laplacian) {
    for (PetscInt64 i = 0; i < n; i++) w[i] = s->slope.laplacian[i] * v[i] / gp->coefficient_mean;
    for (PetscInt d = 0; d < gp->dim; d++) PetscCall(AddCompressed(s, d, GP_OPERATOR, w, out));
  }
  PetscCall(PetscFree2(v, w));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- the stacked system [W J D / s; I] ---- */

/* out [n] = W J D z / s */
static PetscErrorCode Forward(Stacked *s, const PetscReal *z, PetscReal *out)
{
  PetscReal *g = s->work[0];

  PetscFunctionBegin;
  for (PetscInt i = 0; i < s->n; i++) g[i] = s->scale[i] * z[i];
  if (s->gp->remainder) PetscCall(GpNewtonJacobian(s->gp, s->projected, s->solution, &s->slope, g, &s->fields, out));
  else PetscCall(GpLinearApply(&s->projected->linear, g, out));
  PetscCall(AlongAll(s, s->whiten, out));
  for (PetscInt i = 0; i < s->n; i++) out[i] /= s->gp->source.noise_sd;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Apply(Mat a, Vec x, Vec y)
{
  Stacked         *s;
  const PetscReal *z;
  PetscReal       *out;

  PetscFunctionBegin;
  PetscCall(MatShellGetContext(a, &s));
  PetscCall(VecGetArrayRead(x, &z));
  PetscCall(VecGetArray(y, &out));
  PetscCall(Forward(s, z, out));
  PetscCall(PetscArraycpy(out + s->n, z, (size_t)s->n));
  PetscCall(VecRestoreArray(y, &out));
  PetscCall(VecRestoreArrayRead(x, &z));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ApplyTransposed(Mat a, Vec x, Vec y)
{
  Stacked         *s;
  const PetscReal *in;
  PetscReal       *out, *whitened;

  PetscFunctionBegin;
  PetscCall(MatShellGetContext(a, &s));
  PetscCall(VecGetArrayRead(x, &in));
  PetscCall(VecGetArray(y, &out));
  PetscCall(PetscMalloc1((size_t)s->n, &whitened));
  PetscCall(PetscArraycpy(whitened, in, (size_t)s->n));
  PetscCall(AlongAll(s, s->unwhiten, whitened));
  PetscCall(SeparableTransposed(s, whitened, out));
  if (s->gp->remainder) PetscCall(AddRemainderTransposed(s, whitened, out));
  for (PetscInt i = 0; i < s->n; i++) out[i] = s->scale[i] * out[i] / s->gp->source.noise_sd + in[s->n + i];
  PetscCall(PetscFree(whitened));
  PetscCall(VecRestoreArray(y, &out));
  PetscCall(VecRestoreArrayRead(x, &in));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* W F(G) / s */
static PetscErrorCode Residual(Stacked *s, const PetscReal *g, PetscReal *f)
{
  PetscFunctionBegin;
  if (s->gp->remainder) PetscCall(GpNewtonResidual(s->gp, s->projected, s->solution, g, &s->fields, f));
  else {
    PetscCall(GpLinearApply(&s->projected->linear, g, f));
    for (PetscInt i = 0; i < s->n; i++) f[i] -= s->projected->rhs[i];
  }
  PetscCall(AlongAll(s, s->whiten, f));
  for (PetscInt i = 0; i < s->n; i++) f[i] /= s->gp->source.noise_sd;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* |z|^2 + |W F|^2 / s^2 */
static PetscErrorCode Objective(Stacked *s, const PetscReal *z, PetscReal *g, PetscReal *f, PetscReal *value)
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < s->n; i++) g[i] = s->scale[i] * z[i];
  PetscCall(Residual(s, g, f));
  *value = 0;
  for (PetscInt i = 0; i < s->n; i++) *value += PetscSqr(z[i]) + PetscSqr(f[i]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* |[W J D / s; I] z - (rhs; 0)| by QR of the whole matrix, one application per column */
static PetscErrorCode SolveDense(Stacked *s, const PetscReal *rhs, PetscReal *z)
{
  const PetscInt n = s->n;
  PetscReal     *b, *q, *r, *unit, *column;

  PetscFunctionBegin;
  PetscCall(PetscMalloc5((size_t)2 * (size_t)n * (size_t)n, &b, (size_t)2 * (size_t)n * (size_t)n, &q, (size_t)n * (size_t)n, &r, n, &unit, n, &column));
  PetscCall(PetscArrayzero(b, (size_t)2 * (size_t)n * (size_t)n));
  PetscCall(PetscArrayzero(unit, n));
  for (PetscInt j = 0; j < n; j++) {
    unit[j] = 1;
    PetscCall(Forward(s, unit, column));
    unit[j] = 0;
    for (PetscInt i = 0; i < n; i++) b[(size_t)i * (size_t)n + (size_t)j] = column[i];
    b[(size_t)(n + j) * (size_t)n + (size_t)j] = 1;
  }
  PetscCall(TesQR(2 * n, n, b, q, r));
  PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, n, 1, n, 1, q, rhs, 0, z)); /* the lower half of the right-hand side is 0 */
  PetscCall(TesLUSolve(n, 1, r, z));
  PetscCall(PetscFree5(b, q, r, unit, column));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SolveIteratively(Stacked *s, const PetscReal *rhs, PetscReal *z, PetscBool *converged)
{
  const PetscInt     n = s->n;
  KSPConvergedReason reason;
  Mat                a;
  Vec                x, b;
  KSP                ksp;
  PC                 pc;
  PetscReal         *values;
  const PetscReal   *found;

  PetscFunctionBegin;
  PetscCall(MatCreateShell(PETSC_COMM_SELF, 2 * n, n, 2 * n, n, s, &a));
  PetscCall(MatShellSetOperation(a, MATOP_MULT, (void (*)(void))Apply));
  PetscCall(MatShellSetOperation(a, MATOP_MULT_TRANSPOSE, (void (*)(void))ApplyTransposed));
  PetscCall(VecCreateSeq(PETSC_COMM_SELF, n, &x));
  PetscCall(VecCreateSeq(PETSC_COMM_SELF, 2 * n, &b));
  PetscCall(VecGetArray(b, &values));
  PetscCall(PetscArraycpy(values, rhs, (size_t)n));
  PetscCall(PetscArrayzero(values + n, (size_t)n));
  PetscCall(VecRestoreArray(b, &values));
  PetscCall(KSPCreate(PETSC_COMM_SELF, &ksp));
  PetscCall(KSPSetType(ksp, KSPLSQR));
  PetscCall(KSPGetPC(ksp, &pc));
  PetscCall(PCSetType(pc, PCNONE));
  PetscCall(KSPSetOperators(ksp, a, a));
  PetscCall(KSPSetTolerances(ksp, LSQR_RTOL, 0, PETSC_DEFAULT, LSQR_ITERATIONS));
  PetscCall(KSPSolve(ksp, b, x));
  PetscCall(KSPGetConvergedReason(ksp, &reason));
  *converged = reason > 0 ? PETSC_TRUE : PETSC_FALSE;
  PetscCall(VecGetArrayRead(x, &found));
  PetscCall(PetscArraycpy(z, found, (size_t)n));
  PetscCall(VecRestoreArrayRead(x, &found));
  PetscCall(KSPDestroy(&ksp));
  PetscCall(MatDestroy(&a));
  PetscCall(VecDestroy(&x));
  PetscCall(VecDestroy(&b));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the minimiser of |z'|^2 + |f + W J D (z' - z) / s|^2, tangent at z */
static PetscErrorCode Linearised(Stacked *s, const PetscReal *z, const PetscReal *f, PetscReal *next, PetscBool *converged)
{
  PetscReal *rhs;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)s->n, &rhs));
  PetscCall(Forward(s, z, rhs));
  for (PetscInt i = 0; i < s->n; i++) rhs[i] -= f[i];
  *converged = PETSC_TRUE;
  if (s->n <= DENSE_MOST) PetscCall(SolveDense(s, rhs, next));
  else PetscCall(SolveIteratively(s, rhs, next, converged));
  PetscCall(PetscFree(rhs));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- Gauss-Newton ---- */

/* sigma_u D from the collocation solution in core; PETSC_FALSE if that is zero */
static PetscErrorCode Scales(const GpPde *gp, const GpSolution *solution, PetscReal *scale, PetscBool *useful)
{
  PetscReal size = 0, spread = 1;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < solution->n_core; i++) size += PetscSqr(solution->core[i]);
  for (PetscInt d = 0; d < gp->dim; d++) {
    PetscReal sum = 0;

    for (PetscInt i = 0; i < solution->r[d]; i++) sum += PetscSqr(solution->basis[d].scale[i]);
    spread *= sum;
  }
  *useful = size > 0 && spread > 0 ? PETSC_TRUE : PETSC_FALSE;
  for (PetscInt64 i = 0; i < solution->n_core && *useful; i++) {
    PetscInt64 left = i;

    scale[i] = PetscSqrtReal(size / spread);
    for (PetscInt d = 0; d < gp->dim; d++) {
      scale[i] *= solution->basis[d].scale[left % solution->r[d]];
      left /= solution->r[d];
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StackedCreate(GpPde *gp, const GpProjected *projected, GpSolution *solution, Stacked *s)
{
  PetscFunctionBegin;
  *s = (Stacked){.gp = gp, .projected = projected, .solution = solution, .n = (PetscInt)solution->n_core};
  PetscCall(PetscMalloc4(s->n, &s->scale, s->n, &s->work[0], s->n, &s->work[1], s->n, &s->work[2]));
  for (PetscInt d = 0; d < gp->dim; d++) {
    const PetscInt r = solution->r[d], n = (PetscInt)gp->n[d];

    PetscCall(Transpose(r, r, solution->basis[d].a, &s->transposed[d]));
    PetscCall(Whitening(s, d, &s->whiten[d], &s->unwhiten[d]));
    if (!gp->remainder) continue;
    PetscCall(Transpose(r, n, solution->basis[d].test, &s->test[d]));
    for (PetscInt o = 0; o < GP_KINDS; o++) {
      if (projected->at[d].inner[o]) PetscCall(Transpose(n, r, projected->at[d].inner[o], &s->functions[o][d]));
    }
  }
  if (gp->remainder) {
    PetscCall(GpFieldsCreate(gp, gp->grid.n_local, &s->fields));
    PetscCall(GpFieldsCreate(gp, gp->grid.n_local, &s->slope));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StackedDestroy(Stacked *s)
{
  PetscFunctionBegin;
  PetscCall(PetscFree4(s->scale, s->work[0], s->work[1], s->work[2]));
  for (PetscInt d = 0; d < GP_DIM; d++) {
    PetscCall(PetscFree(s->transposed[d]));
    PetscCall(PetscFree(s->whiten[d]));
    PetscCall(PetscFree(s->unwhiten[d]));
    PetscCall(PetscFree(s->test[d]));
    for (PetscInt o = 0; o < GP_KINDS; o++) PetscCall(PetscFree(s->functions[o][d]));
  }
  PetscCall(GpFieldsDestroy(&s->fields));
  PetscCall(GpFieldsDestroy(&s->slope));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* converged: PETSC_FALSE when an inner solve gave up, which leaves the caller with nothing to free but its own */
static PetscErrorCode GaussNewton(Stacked *s, PetscBool *converged)
{
  PetscReal *z, *next, *trial, *g, *f, value, changed = 1, size = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc5(s->n, &z, s->n, &next, s->n, &trial, s->n, &g, s->n, &f));
  for (PetscInt i = 0; i < s->n; i++) z[i] = s->solution->core[i] / s->scale[i];
  PetscCall(Objective(s, z, g, f, &value));
  for (PetscInt step = 0; step < (s->gp->remainder ? STEPS : 1) && changed > STEP_RTOL * size; step++) {
    PetscReal t = 1, there = PETSC_MAX_REAL;

    if (s->gp->remainder) PetscCall(GpNewtonLinearize(s->gp, s->projected, s->solution, g, &s->fields, &s->slope));
    PetscCall(Linearised(s, z, f, next, converged));
    if (!*converged) break;
    for (PetscInt k = 0; k < HALVINGS && !(there <= value); k++, t /= 2) {
      for (PetscInt i = 0; i < s->n; i++) trial[i] = z[i] + t * (next[i] - z[i]);
      PetscCall(Objective(s, trial, g, f, &there));
    }
    if (!(there <= value)) break; /* at the floor of the sum itself */
    value   = there;
    changed = size = 0;
    for (PetscInt i = 0; i < s->n; i++) {
      changed += PetscSqr(trial[i] - z[i]);
      size += PetscSqr(trial[i]);
      z[i] = trial[i];
    }
    changed = PetscSqrtReal(changed);
    size    = PetscSqrtReal(size);
  }
  for (PetscInt i = 0; i < s->n; i++) s->solution->core[i] = s->scale[i] * z[i];
  PetscCall(PetscFree5(z, next, trial, g, f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpMapSolve(GpPde *gp, const GpProjected *projected, GpSolution *solution)
{
  Stacked   stacked;
  PetscBool useful, converged = PETSC_TRUE;

  PetscFunctionBegin;
  PetscCall(StackedCreate(gp, projected, solution, &stacked));
  PetscCall(Scales(gp, solution, stacked.scale, &useful));
  if (useful) PetscCall(GaussNewton(&stacked, &converged));
  PetscCall(StackedDestroy(&stacked));
  PetscCheck(converged, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the regularised solve did not converge within %d iterations: source.noise_sd may be far too small for these data", LSQR_ITERATIONS);
  PetscFunctionReturn(PETSC_SUCCESS);
}
