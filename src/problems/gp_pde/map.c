/* Noisy sources: the regularised (maximum a posteriori) version of the direct solve.

   In whitened coordinates the covariance is the identity times sigma_u^2: core G = D z sigma_u, D = product over the dimensions of the singular values d of their
   dictionaries (reduce.c), z ~ N(0, 1). The test functions are orthonormal on uniform nodes, so white noise of standard deviation s in f is white noise of the same size in the projected
   right-hand side R. The most probable core minimises
     1/2 |z|^2 + 1/2 |S_p D z sigma_u - R|^2 / s^2,
   the limit s -> 0 is the collocation solution. sigma_u^2 = |G_0|^2 / prod_d sum_i d_i^2 from the collocation solution G_0: what the covariance says of the mean square of u.
   LSQR on the stacked system (PETSc, MATSHELL); the core is replicated, so there is no communication. The boundary values are taken as exact: they sit in the lift.
   Cost: per iteration two applications of the Kronecker sum, r^(d+1) flops each; a few hundred iterations. */
#include "gp_pde.h"
#include <petscksp.h>

#define LSQR_RTOL       1e-8 /* far below what any noise worth the name leaves certain */
#define LSQR_ITERATIONS 20000

typedef struct {
  const GpLinear *linear;
  TesKronSum      transposed;
  PetscInt        n;
  PetscReal      *scale, *work; /* sigma_u D; [n] */
  PetscReal       noise;
} Stacked;

static PetscErrorCode Apply(Mat a, Vec x, Vec y)
{
  Stacked         *s;
  const PetscReal *z;
  PetscReal       *out;

  PetscFunctionBegin;
  PetscCall(MatShellGetContext(a, &s));
  PetscCall(VecGetArrayRead(x, &z));
  PetscCall(VecGetArray(y, &out));
  for (PetscInt i = 0; i < s->n; i++) s->work[i] = s->scale[i] * z[i];
  PetscCall(GpLinearApply(s->linear, s->work, out));
  for (PetscInt i = 0; i < s->n; i++) {
    out[i] /= s->noise;
    out[s->n + i] = z[i];
  }
  PetscCall(VecRestoreArray(y, &out));
  PetscCall(VecRestoreArrayRead(x, &z));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ApplyTransposed(Mat a, Vec x, Vec y)
{
  Stacked         *s;
  const PetscReal *in;
  PetscReal       *out;

  PetscFunctionBegin;
  PetscCall(MatShellGetContext(a, &s));
  PetscCall(VecGetArrayRead(x, &in));
  PetscCall(VecGetArray(y, &out));
  PetscCall(TesKronSumApply(s->transposed, in, out));
  for (PetscInt i = 0; i < s->n; i++) out[i] = s->scale[i] * out[i] / s->noise + in[s->n + i];
  PetscCall(VecRestoreArray(y, &out));
  PetscCall(VecRestoreArrayRead(x, &in));
  PetscFunctionReturn(PETSC_SUCCESS);
}

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

static PetscErrorCode TransposedSum(const GpPde *gp, const GpSolution *solution, TesKronSum *transposed)
{
  PetscReal *a[GP_DIM] = {NULL};

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) {
    const PetscInt r = solution->r[d];

    PetscCall(PetscMalloc1((size_t)r * (size_t)r, &a[d]));
    for (PetscInt i = 0; i < r; i++)
      for (PetscInt j = 0; j < r; j++) a[d][(size_t)j * (size_t)r + (size_t)i] = solution->basis[d].a[(size_t)i * (size_t)r + (size_t)j];
  }
  PetscCall(TesKronSumCreate(gp->dim, solution->r, (const PetscReal *const *)a, GpLeastSquares(gp) ? 0 : gp->zeroth, transposed));
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(PetscFree(a[d]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Minimise(Stacked *stacked, const PetscReal *rhs, GpSolution *solution)
{
  const PetscInt   n = stacked->n;
  Mat              a;
  Vec              x, b;
  KSP              ksp;
  PC               pc;
  PetscReal       *values;
  const PetscReal *z;

  PetscFunctionBegin;
  PetscCall(MatCreateShell(PETSC_COMM_SELF, 2 * n, n, 2 * n, n, stacked, &a));
  PetscCall(MatShellSetOperation(a, MATOP_MULT, (void (*)(void))Apply));
  PetscCall(MatShellSetOperation(a, MATOP_MULT_TRANSPOSE, (void (*)(void))ApplyTransposed));
  PetscCall(VecCreateSeq(PETSC_COMM_SELF, n, &x));
  PetscCall(VecCreateSeq(PETSC_COMM_SELF, 2 * n, &b));
  PetscCall(VecGetArray(b, &values));
  for (PetscInt i = 0; i < n; i++) {
    values[i]     = rhs[i] / stacked->noise;
    values[n + i] = 0;
  }
  PetscCall(VecRestoreArray(b, &values));
  PetscCall(KSPCreate(PETSC_COMM_SELF, &ksp));
  PetscCall(KSPSetType(ksp, KSPLSQR));
  PetscCall(KSPGetPC(ksp, &pc));
  PetscCall(PCSetType(pc, PCNONE));
  PetscCall(KSPSetOperators(ksp, a, a));
  PetscCall(KSPSetTolerances(ksp, LSQR_RTOL, 0, PETSC_DEFAULT, LSQR_ITERATIONS));
  PetscCall(KSPSolve(ksp, b, x));
  PetscCall(VecGetArrayRead(x, &z));
  for (PetscInt i = 0; i < n; i++) solution->core[i] = stacked->scale[i] * z[i];
  PetscCall(VecRestoreArrayRead(x, &z));
  PetscCall(KSPDestroy(&ksp));
  PetscCall(MatDestroy(&a));
  PetscCall(VecDestroy(&x));
  PetscCall(VecDestroy(&b));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpMapSolve(GpPde *gp, const GpProjected *projected, GpSolution *solution)
{
  Stacked   stacked = {.linear = &projected->linear, .n = (PetscInt)solution->n_core, .noise = gp->source.noise_sd};
  PetscBool useful;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(stacked.n, &stacked.scale, stacked.n, &stacked.work));
  PetscCall(Scales(gp, solution, stacked.scale, &useful));
  if (useful) {
    PetscCall(TransposedSum(gp, solution, &stacked.transposed));
    PetscCall(Minimise(&stacked, projected->rhs, solution));
    PetscCall(TesKronSumDestroy(&stacked.transposed));
  }
  PetscCall(PetscFree2(stacked.scale, stacked.work));
  PetscFunctionReturn(PETSC_SUCCESS);
}
