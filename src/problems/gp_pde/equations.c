/* The equations: sum_d d^2 u/dx_d^2 + k2 u + n(u) = f, one line of a table each. Note the signs: f is the Laplacian itself for Poisson, and Allen-Cahn is
   u'' + u (u^2 - 1) = f, whose +u^3 allows several solutions. */
#include "gp_pde.h"

static PetscReal NoShift(const GpPde *gp)
{
  (void)gp;
  return 0;
}

static PetscReal HelmholtzShift(const GpPde *gp)
{
  return gp->equation.k2;
}

static void AllenCahnReaction(PetscInt64 n, const PetscReal *u, PetscReal *value)
{
  for (PetscInt64 i = 0; i < n; i++) value[i] = u[i] * (u[i] * u[i] - 1);
}

static void AllenCahnSlope(PetscInt64 n, const PetscReal *u, PetscReal *value)
{
  for (PetscInt64 i = 0; i < n; i++) value[i] = 3 * u[i] * u[i] - 1;
}

/* X(name, help, nonlinear, bound, shift, reaction, slope) */
#define GP_EQUATION_LIST(X) \
  X("poisson", "Laplacian u = f", PETSC_FALSE, PETSC_TRUE, NoShift, NULL, NULL) \
  X("helmholtz", "Laplacian u + k2 u = f", PETSC_FALSE, PETSC_FALSE, HelmholtzShift, NULL, NULL) \
  X("allen_cahn", "Laplacian u + u (u^2 - 1) = f", PETSC_TRUE, PETSC_FALSE, NoShift, AllenCahnReaction, AllenCahnSlope)

#define AS_ENTRY(NAME, HELP, NONLINEAR, BOUND, SHIFT, REACTION, SLOPE) \
  {.name = NAME, .help = HELP, .nonlinear = NONLINEAR, .bound = BOUND, .shift = SHIFT, .reaction = REACTION, .slope = SLOPE},
#define AS_NAME(NAME, ...) NAME,

const GpEquation  gp_equations[]      = {GP_EQUATION_LIST(AS_ENTRY){.name = NULL}};
const char *const gp_equation_names[] = {GP_EQUATION_LIST(AS_NAME) NULL};
