/* The objective of the published method and its gradient, without automatic differentiation (Fang et al. 2024; weights as in their released settings).

     J = 1/2 sum_j (M/N_j) log|K_j| + 1/2 <U, U x_j K_j^-1> + lambda_b [ -N_b/2 log tau + tau/2 |U_b - g|^2 ] - M/2 log v + v/2 |R|^2,   R = L[U] - f on all nodes,
   K_j = [k_j(x_a - x_b)] + jitter, derivatives on the grid by the conditional mean: d_j^m U = K_j^(m) A_j with A_j = U x_j K_j^-1 (the jitter is in K_j^-1 alone). The sides of the box count
   one by one, so a corner counts once per side. N_b = points of the sides.

   Gradient, with W = U x_j K_j^-1 (all j), B_j = sum_m c_jm (K_j^(m))' R, H_j = K_j^-1 B_j (along j):
     by U          W + lambda_b tau (U_b - g) + v [ sum_j H_j + (shift + n'(U)) R ]
     by K_j        M/(2 N_j) K_j^-1 - (W/2 + v H_j)_(j) A_j(j)'         (X_(j): the lines along j side by side)
     by K_j^(m)    v c_jm R_(j) A_j(j)'
     by log tau    lambda_b (-N_b/2 + tau/2 |U_b - g|^2),     by log v    -M/2 + v/2 |R|^2
   On uniform nodes the K are Toeplitz: the sums of these matrices along their diagonals meet the kernel's parameter derivatives at N_j lags.

   A K_j that is not positive definite in double precision gets ten times the jitter for this evaluation, and again, which is reported. 1-D: every rank does all of it;
   else slabs. Cost: sum_j N_j^3 for the inverses, Q N_j for the kernels, about 14 M N_j for the products. */
#include "reference.h"
#include <petscblaslapack.h>

#define JITTER_GROWTH 10
#define JITTER_MOST   1e-2

typedef struct {
  PetscReal *inverse, *order[3]; /* [n][n] K^-1, K^(1), K^(2); orders that the equation does not have are NULL */
} Factors;

/* k^(m)(x_a - x_b) from the lags; odd derivatives are odd */
static void Toeplitz(PetscInt n, const PetscReal *lag, PetscBool odd, PetscReal *matrix)
{
  for (PetscInt a = 0; a < n; a++)
    for (PetscInt b = 0; b < n; b++) matrix[(size_t)a * (size_t)n + (size_t)b] = a >= b ? lag[a - b] : odd ? -lag[b - a] : lag[b - a];
}

static PetscErrorCode Invert(PetscInt n, const PetscReal *lag, PetscReal jitter, PetscReal *inverse, PetscReal *log_det, PetscReal *used)
{
  PetscBLASInt bn, info = 1;

  PetscFunctionBegin;
  PetscCall(PetscBLASIntCast(n, &bn));
  for (; info && jitter <= JITTER_MOST; jitter *= JITTER_GROWTH) {
    Toeplitz(n, lag, PETSC_FALSE, inverse);
    for (PetscInt a = 0; a < n; a++) inverse[(size_t)a * (size_t)n + (size_t)a] += jitter;
    PetscCallBLAS("LAPACKpotrf", LAPACKpotrf_("L", &bn, inverse, &bn, &info));
    *used = PetscMax(*used, jitter);
  }
  PetscCheck(!info, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the covariance of %" PetscInt_FMT " points is not positive definite even with a jitter of %g: raise reference.jitter or lower reference.learning_rate", n,
             JITTER_MOST);
  *log_det = 0;
  for (PetscInt a = 0; a < n; a++) *log_det += 2 * PetscLogReal(inverse[(size_t)a * (size_t)n + (size_t)a]);
  PetscCallBLAS("LAPACKpotri", LAPACKpotri_("L", &bn, inverse, &bn, &info));
  PetscCheck(!info, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the covariance of %" PetscInt_FMT " points is singular", n);
  for (PetscInt a = 0; a < n; a++) /* column-major lower is row-major upper */
    for (PetscInt b = 0; b < a; b++) inverse[(size_t)a * (size_t)n + (size_t)b] = inverse[(size_t)b * (size_t)n + (size_t)a];
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FactorsCreate(const GpObjective *objective, PetscInt d, const GpKernel *kernel, Factors *factors, GpObjectiveTerms *terms)
{
  const PetscInt n = (PetscInt)objective->slab.n[d];
  PetscReal     *lag[3], log_det, points = (PetscReal)objective->slab.row * (PetscReal)objective->slab.part.n;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3(n, &lag[0], n, &lag[1], n, &lag[2]));
  for (PetscInt l = 0; l < n; l++) {
    PetscReal k[3];

    GpKernelValues(kernel, 2, (PetscReal)l * objective->spacing[d], k);
    for (PetscInt m = 0; m < 3; m++) lag[m][l] = k[m];
  }
  PetscCall(PetscMalloc1((size_t)n * (size_t)n, &factors->inverse));
  PetscCall(Invert(n, lag[0], objective->jitter, factors->inverse, &log_det, &terms->jitter));
  terms->log_det += points / (PetscReal)n * log_det;
  for (PetscInt m = 1; m < 3; m++) {
    if ((m == 1 ? objective->first : objective->second)[d] == 0) continue;
    PetscCall(PetscMalloc1((size_t)n * (size_t)n, &factors->order[m]));
    Toeplitz(n, lag[m], m == 1 ? PETSC_TRUE : PETSC_FALSE, factors->order[m]);
  }
  PetscCall(PetscFree3(lag[0], lag[1], lag[2]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FactorsDestroy(Factors *factors)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(factors->inverse));
  for (PetscInt m = 1; m < 3; m++) PetscCall(PetscFree(factors->order[m]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscInt64 GpObjectiveBoundaryPoints(const GpObjective *objective)
{
  PetscInt64 n = 0;

  for (PetscInt d = 0; d < objective->slab.dim; d++) {
    PetscInt64 side = 1;

    for (PetscInt j = 0; j < objective->slab.dim; j++) side *= j == d ? 1 : objective->slab.n[j];
    for (PetscInt k = 0; k < 2; k++) n += objective->face[d][k] ? side : 0;
  }
  return n;
}

/* Sum of squares of u - g over the sides, and factor (u - g) added to du where asked for. */
static PetscErrorCode Boundary(const GpObjective *objective, const PetscReal *u, PetscReal factor, PetscReal *du, PetscReal *square)
{
  const GpSlab *slab = &objective->slab;
  PetscReal    *sum, *at;

  PetscFunctionBegin;
  PetscCall(PetscCalloc2((size_t)slab->part.n_local, &sum, (size_t)(2 * slab->dim) * (size_t)slab->row, &at));
  for (PetscInt64 k = 0; k < slab->part.n_local; k++) {
    PetscInt64 count = 0;

    for (PetscInt64 i = 0; i < slab->row; i++) {
      const PetscInt64 index[GP_DIM] = {slab->dim == 1 ? slab->part.first + k : i % slab->n[0], slab->dim == 2 ? slab->part.first + k : i / slab->n[0], slab->part.first + k};

      for (PetscInt d = 0; d < slab->dim; d++) {
        const PetscInt side = index[d] == 0 ? 0 : index[d] == slab->n[d] - 1 ? 1 : -1;
        PetscInt64     place = 0, step = 1;
        PetscReal      e;

        if (side < 0 || !objective->face[d][side]) continue;
        for (PetscInt j = 0; j < slab->dim; j++) {
          if (j == d) continue;
          place += index[j] * step;
          step *= slab->n[j];
        }
        e = u[k * slab->row + i] - objective->face[d][side][place];
        if (objective->base) e += objective->base[k * slab->row + i];
        at[count++] = e * e;
        if (du) du[k * slab->row + i] += factor * e;
      }
    }
    sum[k] = TesSumPairwise(count, at);
  }
  PetscCall(TesSumOrdered(slab->comm, &slab->part, sum, square));
  PetscCall(PetscFree2(sum, at));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* linear += the terms of dimension d, from a = K_d^-1 u; and its adjoint */
static PetscErrorCode AddTerms(const GpObjective *objective, PetscInt d, const Factors *factors, PetscBool adjoint, const PetscReal *in, PetscReal *work, PetscReal *out)
{
  const GpSlab *slab = &objective->slab;

  PetscFunctionBegin;
  for (PetscInt m = 1; m < 3; m++) {
    PetscReal c = (m == 1 ? objective->first : objective->second)[d];

    if (c == 0) continue;
    if (adjoint && m == 1) c = -c; /* odd derivatives are antisymmetric */
    PetscCall(GpSlabApply(slab, slab, d, factors->order[m], in, work));
    for (PetscInt64 i = 0; i < slab->n_local; i++) out[i] += c * work[i];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Cotangents of the matrices, summed along their diagonals, onto the kernel's parameters. */
static PetscErrorCode KernelGradient(const GpObjective *objective, PetscInt d, const GpKernel *kernel, const Factors *factors, const PetscReal *weights, const PetscReal *h, const PetscReal *residual,
                                     const PetscReal *a, PetscReal v, PetscReal *gradient)
{
  const GpSlab   *slab   = &objective->slab;
  const PetscInt  n      = (PetscInt)slab->n[d];
  const PetscReal points = (PetscReal)slab->row * (PetscReal)slab->part.n;
  PetscReal      *mixed, *c[2], *lag;

  PetscFunctionBegin;
  PetscCall(PetscMalloc4((size_t)slab->n_local, &mixed, (size_t)n * (size_t)n, &c[0], (size_t)n * (size_t)n, &c[1], (size_t)3 * (size_t)n, &lag));
  PetscCall(PetscArrayzero(lag, (size_t)3 * (size_t)n));
  for (PetscInt64 i = 0; i < slab->n_local; i++) mixed[i] = -0.5 * weights[i] - v * h[i];
  PetscCall(GpSlabOuter(slab, d, mixed, a, c[0]));
  PetscCall(GpSlabOuter(slab, d, residual, a, c[1]));
  for (PetscInt i = 0; i < n; i++) {
    for (PetscInt j = 0; j < n; j++) {
      const size_t    at   = (size_t)i * (size_t)n + (size_t)j;
      const PetscInt  l    = PetscAbsInt(i - j);
      const PetscReal sign = i >= j ? 1 : -1;

      lag[3 * l] += c[0][at] + points / (2 * (PetscReal)n) * factors->inverse[at];
      lag[3 * l + 1] += sign * v * objective->first[d] * c[1][at];
      lag[3 * l + 2] += v * objective->second[d] * c[1][at];
    }
  }
  PetscCall(PetscArrayzero(gradient, (size_t)(GP_KERNEL_BLOCKS * kernel->components)));
  for (PetscInt l = 0; l < n; l++) GpKernelAddGradient(kernel, 2, (PetscReal)l * objective->spacing[d], lag + 3 * l, gradient);
  PetscCall(PetscFree4(mixed, c[0], c[1], lag));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpObjectiveEvaluate(const GpObjective *objective, const GpKernel kernel[], const PetscReal *u, PetscReal log_tau, PetscReal log_v, GpObjectiveTerms *terms, PetscReal *du,
                                   PetscReal *dlog_tau, PetscReal *dlog_v, PetscReal *const dkernel[], PetscReal *weights, PetscReal *linear)
{
  const GpSlab    *slab = &objective->slab;
  const size_t     n    = (size_t)slab->n_local;
  const PetscReal  points = (PetscReal)slab->row * (PetscReal)slab->part.n, n_boundary = (PetscReal)GpObjectiveBoundaryPoints(objective);
  const PetscReal  tau = PetscExpReal(log_tau), v = PetscExpReal(log_v);
  const PetscBool  gradient = dlog_v ? PETSC_TRUE : PETSC_FALSE; /* not by du: on a rank without rows it is NULL */
  Factors          factors[GP_DIM] = {{NULL, {NULL, NULL, NULL}}};
  PetscReal       *a[GP_DIM] = {NULL}, *w, *r, *work, *h, *slope;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(terms, sizeof(*terms)));
  PetscCall(PetscMalloc5(n, &w, n, &r, n, &work, n, &h, n, &slope));
  PetscCall(PetscArrayzero(r, n));
  for (PetscInt d = 0; d < slab->dim; d++) {
    PetscCall(FactorsCreate(objective, d, &kernel[d], &factors[d], terms));
    PetscCall(PetscMalloc1(n, &a[d]));
    PetscCall(GpSlabApply(slab, slab, d, factors[d].inverse, u, a[d]));
    PetscCall(AddTerms(objective, d, &factors[d], PETSC_FALSE, a[d], work, r));
  }
  PetscCall(PetscArraycpy(w, a[0], n));
  for (PetscInt d = 1; d < slab->dim; d++) {
    PetscCall(GpSlabApply(slab, slab, d, factors[d].inverse, w, work));
    PetscCall(PetscArraycpy(w, work, n));
  }
  for (size_t i = 0; i < n; i++) r[i] += objective->shift * u[i];
  if (linear) PetscCall(PetscArraycpy(linear, r, n));
  if (weights) PetscCall(PetscArraycpy(weights, w, n));
  for (size_t i = 0; i < n; i++) {
    work[i] = objective->base ? u[i] + objective->base[i] : u[i];
    if (objective->base_linear) r[i] += objective->base_linear[i];
    slope[i] = objective->shift;
  }
  if (objective->gp) {
    const GpFields whole = {.n = slab->n_local, .u = work}, tangent = {.n = slab->n_local, .u = slope};

    objective->gp->eq->reaction(objective->gp, &whole, r);
    objective->gp->eq->tangent(objective->gp, &whole, &tangent);
  }
  for (size_t i = 0; i < n; i++) r[i] -= objective->f[i];
  PetscCall(GpSlabDot(slab, u, w, &terms->quadratic));
  PetscCall(GpSlabDot(slab, r, r, &terms->residual));
  if (gradient) PetscCall(PetscArraycpy(du, w, n));
  PetscCall(Boundary(objective, u, objective->boundary_weight * tau, gradient ? du : NULL, &terms->boundary));
  terms->value = 0.5 * terms->log_det + 0.5 * terms->quadratic + objective->boundary_weight * (-0.5 * n_boundary * log_tau + 0.5 * tau * terms->boundary) - 0.5 * points * log_v + 0.5 * v * terms->residual;
  if (gradient) *dlog_tau = objective->boundary_weight * (-0.5 * n_boundary + 0.5 * tau * terms->boundary);
  if (gradient) *dlog_v = -0.5 * points + 0.5 * v * terms->residual;
  for (PetscInt d = 0; d < slab->dim && gradient; d++) {
    PetscReal *b = work; /* then H_d in h */

    PetscCall(PetscArrayzero(b, n));
    PetscCall(AddTerms(objective, d, &factors[d], PETSC_TRUE, r, h, b));
    PetscCall(GpSlabApply(slab, slab, d, factors[d].inverse, b, h));
    for (size_t i = 0; i < n; i++) du[i] += v * h[i];
    if (dkernel) PetscCall(KernelGradient(objective, d, &kernel[d], &factors[d], w, h, r, a[d], v, dkernel[d]));
  }
  for (size_t i = 0; i < n && gradient; i++) du[i] += v * slope[i] * r[i];
  for (PetscInt d = 0; d < slab->dim; d++) {
    PetscCall(FactorsDestroy(&factors[d]));
    PetscCall(PetscFree(a[d]));
  }
  PetscCall(PetscFree5(w, r, work, h, slope));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Kingma and Ba's Adam with its published constants. */
void GpAdam(PetscInt64 n, PetscInt64 t, PetscReal rate, const PetscReal *gradient, PetscReal *x, PetscReal *m, PetscReal *v)
{
  const PetscReal beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, c1 = 1 - PetscPowReal(beta1, (PetscReal)t), c2 = 1 - PetscPowReal(beta2, (PetscReal)t);

  for (PetscInt64 i = 0; i < n; i++) {
    m[i] = beta1 * m[i] + (1 - beta1) * gradient[i];
    v[i] = beta2 * v[i] + (1 - beta2) * gradient[i] * gradient[i];
    x[i] -= rate * (m[i] / c1) / (PetscSqrtReal(v[i] / c2) + epsilon);
  }
}
