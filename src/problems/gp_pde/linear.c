/* S projected on the reduced bases: its solve, its application, and what it says about stability.

   Galerkin dimensions bring (A_d, I), marching ones (I, C_d) from operator and values (reduce.c). Hence
     no marching dimension    sum_d A_d + zeroth                  a Kronecker sum (1-D: A holds the zeroth-order term already);
     time marches             I + (sum_space A_d + zeroth) x C    space diagonalised, time marched (TesKronMarch);
     two or three of three    sum of products of C_d and A_d      all factors triangular at once (TesKronPencil);
     both of two march        C_1 + C_0                           a Kronecker sum again (its eigenvectors are useless, so it takes the Schur form).
   A constant that nothing determines (Neumann and periodic sides, no zeroth-order term) is the mode of the eigenvalue next to zero, and is left out.

   Stability, |u| <= |residual| / lambda in the mean-square sense: Dirichlet sides: lambda = |sum_d second_d (pi/L_d)^2|, for other sides and zeroth-order terms at most the
   smallest |eigenvalue|; advection: 1 / min(L_t, L_d / |speed_d|); first order in time 1 / L_t, second order 2 / L_t^2 (growth of the solution operator in time). */
#include "gp_pde.h"

#define NEAR_EIGENVALUE 1e-10

PetscErrorCode GpLinearCreate(GpPde *gp, const GpSolution *solution, GpLinear *linear)
{
  const PetscReal *a[GP_DIM];
  PetscInt         marching = 0;
  PetscReal        cond, shift = GpLeastSquares(gp) ? 0 : gp->zeroth;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) {
    a[d] = solution->basis[d].a;
    marching += gp->marching[d];
  }
  if (gp->dim == 3 && marching > 1) {
    const PetscReal *of[2][GP_DIM] = {{NULL}};

    for (PetscInt d = 0; d < gp->dim; d++) of[gp->marching[d]][d] = a[d];
    PetscCall(TesKronPencilCreate(solution->r, of[0], of[1], gp->zeroth, &linear->pencil));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (marching && marching < gp->dim) {
    PetscCall(TesKronMarchCreate(gp->dim - 1, solution->r, a, gp->zeroth, a[gp->dim - 1], &linear->march));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (marching) shift = 0; /* part of C_0 */
  PetscCall(TesKronSumCreate(gp->dim, solution->r, a, shift, &linear->kron));
  if (marching) PetscFunctionReturn(PETSC_SUCCESS);
  if (gp->singular) PetscCall(TesKronSumDeflate(linear->kron));
  if (GpLeastSquares(gp)) {
    PetscReal *singular;

    PetscCall(PetscMalloc1(solution->r[0], &singular));
    PetscCall(TesSVD(solution->r[0], solution->r[0], a[0], NULL, singular, NULL));
    linear->smallest = singular[solution->r[0] - 1];
    PetscCall(PetscFree(singular));
  } else PetscCall(TesKronSumInfo(linear->kron, &cond, &linear->smallest));
  PetscCheck(gp->zeroth == 0 || linear->smallest > NEAR_EIGENVALUE * PetscAbsReal(gp->zeroth), PETSC_COMM_SELF, TES_ERR_NUMBERS,
             "equation.%s = %.15g lies within %.1e of an eigenvalue of the reduced operator (relative; at least %.0e is needed): the problem has no unique solution there, change it or the box",
             gp->eq->time < 0 ? "zeroth" : "k2", (double)gp->zeroth, (double)(linear->smallest / PetscAbsReal(gp->zeroth)), NEAR_EIGENVALUE);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpLinearSolve(const GpLinear *linear, const PetscReal *rhs, PetscReal *g)
{
  PetscFunctionBegin;
  if (linear->march) PetscCall(TesKronMarchSolve(linear->march, rhs, g));
  else if (linear->pencil) PetscCall(TesKronPencilSolve(linear->pencil, rhs, g));
  else PetscCall(TesKronSumSolve(linear->kron, rhs, g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpLinearApply(const GpLinear *linear, const PetscReal *g, PetscReal *y)
{
  PetscFunctionBegin;
  if (linear->march) PetscCall(TesKronMarchApply(linear->march, g, y));
  else if (linear->pencil) PetscCall(TesKronPencilApply(linear->pencil, PETSC_FALSE, g, y));
  else PetscCall(TesKronSumApply(linear->kron, g, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpLinearDestroy(GpLinear *linear)
{
  PetscFunctionBegin;
  PetscCall(TesKronSumDestroy(&linear->kron));
  PetscCall(TesKronMarchDestroy(&linear->march));
  PetscCall(TesKronPencilDestroy(&linear->pencil));
  linear->smallest = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpStability(GpPde *gp, const GpLinear *linear, PetscReal *lambda)
{
  PetscReal longest = 0;
  PetscBool dirichlet = PETSC_TRUE;

  PetscFunctionBegin;
  *lambda = 0;
  if (gp->marching[gp->dim - 1]) {
    const PetscReal t = gp->length[gp->dim - 1];

    *lambda = gp->second[gp->dim - 1] != 0 ? 2 * PetscAbsReal(gp->second[gp->dim - 1]) / (t * t) : PetscAbsReal(gp->first[gp->dim - 1]) / t;
    for (PetscInt d = 0; d < gp->dim - 1; d++) {
      if (gp->marching[d]) *lambda = PetscMax(*lambda, PetscAbsReal(gp->first[d]) / gp->length[d]);
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt d = 0; d < gp->dim; d++) {
    longest = PetscMax(longest, gp->length[d]);
    for (PetscInt k = 0; k < gp->n_trace[d]; k++) {
      if (gp->trace[d][k].slope != 0) dirichlet = PETSC_FALSE;
    }
    if (!gp->periodic[d]) *lambda += gp->second[d] * PetscSqr(PETSC_PI / gp->length[d]);
  }
  *lambda = PetscAbsReal(*lambda);
  if (gp->singular) *lambda = PetscSqr(PETSC_PI / longest) * PetscAbsReal(gp->second[0]);
  else if ((gp->zeroth != 0 || !dirichlet || *lambda == 0) && linear->smallest > 0) *lambda = *lambda > 0 ? PetscMin(*lambda, linear->smallest) : linear->smallest;
  PetscFunctionReturn(PETSC_SUCCESS);
}
