/* The equations S u + N(u) = f, one line of a table each: the separable part S = sum_d (second_d d2/dx_d2 + first_d d/dx_d) + zeroth, and n of N(u) = n(u, grad u).
   Time, where there is one, is the last dimension. Note the signs: f is the Laplacian itself for Poisson, and Allen-Cahn is Laplacian u + u (u^2 - 1) = f, whose +u^3
   allows several solutions.

   Variable coefficient a(x) in place of 1 before the second derivatives: div(a grad u) = a Laplacian u + grad a . grad u. S takes the mean of a, and
   (a - mean) Laplacian u + grad a . grad u goes to N. Cost of N: a few flops per point and array. */
#include "gp_pde.h"

/* ---- separable parts ---- */

static void SecondInSpace(const GpPde *gp, PetscReal value, PetscReal second[])
{
  for (PetscInt d = 0; d < gp->dim; d++) second[d] = d == gp->time ? 0 : value;
}

static void Laplacian(const GpPde *gp, PetscReal second[], PetscReal first[], PetscReal *zeroth)
{
  (void)first;
  (void)zeroth;
  SecondInSpace(gp, 1, second);
}

static void Helmholtz(const GpPde *gp, PetscReal second[], PetscReal first[], PetscReal *zeroth)
{
  (void)first;
  SecondInSpace(gp, 1, second);
  *zeroth = gp->equation.k2;
}

static void Advection(const GpPde *gp, PetscReal second[], PetscReal first[], PetscReal *zeroth)
{
  (void)second;
  (void)zeroth;
  for (PetscInt d = 0; d < gp->dim; d++) first[d] = d == gp->time ? 1 : gp->equation.beta;
}

static void Diffusion(const GpPde *gp, PetscReal second[], PetscReal first[], PetscReal *zeroth)
{
  (void)zeroth;
  SecondInSpace(gp, -gp->equation.diffusion, second);
  first[gp->time] = 1;
}

static void Wave(const GpPde *gp, PetscReal second[], PetscReal first[], PetscReal *zeroth)
{
  (void)first;
  (void)zeroth;
  SecondInSpace(gp, -PetscSqr(gp->equation.speed), second);
  second[gp->time] = 1;
}

static void CustomLinear(const GpPde *gp, PetscReal second[], PetscReal first[], PetscReal *zeroth)
{
  const TesReals *s = &gp->equation.second, *f = &gp->equation.first;

  for (PetscInt d = 0; d < gp->dim; d++) {
    second[d] = s->n ? s->v[s->n == 1 ? 0 : d] : 0;
    first[d]  = f->n ? f->v[f->n == 1 ? 0 : d] : 0;
  }
  *zeroth = gp->equation.zeroth;
}

/* ---- reactions ---- */

static void AllenCahn(const GpPde *gp, const GpFields *u, PetscReal *value)
{
  (void)gp;
  for (PetscInt64 i = 0; i < u->n; i++) value[i] += u->u[i] * (u->u[i] * u->u[i] - 1);
}

static void AllenCahnTangent(const GpPde *gp, const GpFields *u, const GpFields *slope)
{
  (void)gp;
  for (PetscInt64 i = 0; i < u->n; i++) slope->u[i] += 3 * u->u[i] * u->u[i] - 1;
}

static void Logistic(const GpPde *gp, const GpFields *u, PetscReal *value)
{
  for (PetscInt64 i = 0; i < u->n; i++) value[i] -= gp->equation.rate * u->u[i] * (1 - u->u[i]);
}

static void LogisticTangent(const GpPde *gp, const GpFields *u, const GpFields *slope)
{
  for (PetscInt64 i = 0; i < u->n; i++) slope->u[i] -= gp->equation.rate * (1 - 2 * u->u[i]);
}

static void Burgers(const GpPde *gp, const GpFields *u, PetscReal *value)
{
  for (PetscInt d = 0; d < gp->time; d++)
    for (PetscInt64 i = 0; i < u->n; i++) value[i] += u->u[i] * u->grad[d][i];
}

static void BurgersTangent(const GpPde *gp, const GpFields *u, const GpFields *slope)
{
  for (PetscInt d = 0; d < gp->time; d++)
    for (PetscInt64 i = 0; i < u->n; i++) {
      slope->u[i] += u->grad[d][i];
      slope->grad[d][i] += u->u[i];
    }
}

static void Sine(const GpPde *gp, const GpFields *u, PetscReal *value)
{
  (void)gp;
  for (PetscInt64 i = 0; i < u->n; i++) value[i] += PetscSinReal(u->u[i]);
}

static void SineTangent(const GpPde *gp, const GpFields *u, const GpFields *slope)
{
  (void)gp;
  for (PetscInt64 i = 0; i < u->n; i++) slope->u[i] += PetscCosReal(u->u[i]);
}

#define NO  PETSC_FALSE
#define YES PETSC_TRUE

/* X(name, help, time, nonlinear, bound, gradient, variable, separable, reaction, tangent) */
#define GP_EQUATION_LIST(X) \
  X("poisson", "Laplacian u = f", 0, NO, YES, NO, YES, Laplacian, NULL, NULL) \
  X("helmholtz", "Laplacian u + k2 u = f", 0, NO, NO, NO, YES, Helmholtz, NULL, NULL) \
  X("allen_cahn", "Laplacian u + u (u^2 - 1) = f", 0, YES, NO, NO, YES, Laplacian, AllenCahn, AllenCahnTangent) \
  X("advection", "u_t + beta u_x = f", 1, NO, NO, NO, NO, Advection, NULL, NULL) \
  X("reaction_diffusion", "u_t - diffusion Laplacian u - rate u (1 - u) = f", 1, YES, NO, NO, NO, Diffusion, Logistic, LogisticTangent) \
  X("burgers", "u_t + u u_x - diffusion u_xx = f", 1, YES, NO, YES, NO, Diffusion, Burgers, BurgersTangent) \
  X("sine_gordon", "u_tt - speed^2 Laplacian u + sin u = f", 2, YES, NO, NO, NO, Wave, Sine, SineTangent) \
  X("custom_linear", "sum_d (second_d u_dd + first_d u_d) + zeroth u = f", -1, NO, NO, NO, NO, CustomLinear, NULL, NULL)

#define AS_ENTRY(NAME, HELP, TIME, NONLINEAR, BOUND, GRADIENT, VARIABLE, SEPARABLE, REACTION, TANGENT) \
  {.name      = NAME, \
   .help      = HELP, \
   .time      = TIME, \
   .nonlinear = NONLINEAR, \
   .bound     = BOUND, \
   .gradient  = GRADIENT, \
   .variable  = VARIABLE, \
   .separable = SEPARABLE, \
   .reaction  = REACTION, \
   .tangent   = TANGENT},
#define AS_NAME(NAME, ...) NAME,

const GpEquation  gp_equations[]      = {GP_EQUATION_LIST(AS_ENTRY){.name = NULL}};
const char *const gp_equation_names[] = {GP_EQUATION_LIST(AS_NAME) NULL};

/* ---- N ---- */

static PetscBool NeedsGradient(const GpPde *gp, PetscInt d)
{
  return gp->remainder && d != gp->time && (gp->eq->gradient || gp->coefficient) ? PETSC_TRUE : PETSC_FALSE;
}

PetscErrorCode GpFieldsCreate(const GpPde *gp, PetscInt64 n, GpFields *fields)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(fields, sizeof(*fields)));
  fields->n = n;
  PetscCall(PetscMalloc1((size_t)n, &fields->u));
  for (PetscInt d = 0; d < gp->dim; d++) {
    if (NeedsGradient(gp, d)) PetscCall(PetscMalloc1((size_t)PetscMax(n, 1), &fields->grad[d]));
  }
  if (gp->coefficient) PetscCall(PetscMalloc1((size_t)PetscMax(n, 1), &fields->laplacian));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpFieldsDestroy(GpFields *fields)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(fields->u));
  for (PetscInt d = 0; d < GP_DIM; d++) PetscCall(PetscFree(fields->grad[d]));
  PetscCall(PetscFree(fields->laplacian));
  fields->n = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

void GpRemainder(const GpPde *gp, const GpFields *a, const GpFields *u, PetscReal *value)
{
  for (PetscInt64 i = 0; i < u->n; i++) value[i] = 0;
  if (gp->eq->reaction) gp->eq->reaction(gp, u, value);
  if (!gp->coefficient) return;
  for (PetscInt64 i = 0; i < u->n; i++) value[i] += (a->u[i] - gp->coefficient_mean) * u->laplacian[i];
  for (PetscInt d = 0; d < gp->dim; d++)
    for (PetscInt64 i = 0; i < u->n; i++) value[i] += a->grad[d][i] * u->grad[d][i];
}

void GpRemainderTangent(const GpPde *gp, const GpFields *a, const GpFields *u, const GpFields *slope)
{
  for (PetscInt64 i = 0; i < u->n; i++) slope->u[i] = 0;
  for (PetscInt d = 0; d < gp->dim; d++)
    for (PetscInt64 i = 0; slope->grad[d] && i < u->n; i++) slope->grad[d][i] = gp->coefficient ? a->grad[d][i] : 0;
  for (PetscInt64 i = 0; gp->coefficient && i < u->n; i++) slope->laplacian[i] = a->u[i] - gp->coefficient_mean;
  if (gp->eq->tangent) gp->eq->tangent(gp, u, slope);
}
