/* Which way a run takes from the deck to the solution: a table. The way is part of the state, since a run may change over (one that finds its source broadband). */
#include "gp_pde.h"

static const GpRoute *const routes[] = {[GP_ROUTE_REFINE] = &gp_route_refine, [GP_ROUTE_REFERENCE] = &gp_route_reference, [GP_ROUTE_FOURIER] = &gp_route_fourier, [GP_ROUTE_INVERSE] = &gp_route_inverse};

#define N_ROUTES ((PetscInt)(sizeof(routes) / sizeof(routes[0])))

/* 1-D: the dense factors of an identification are on every rank, so beyond this solver.kind: auto takes the fast Fourier extension at once. */
#define IDENTIFY_POINTS 20000

/* X(word of solver.kind, route) */
#define GP_SOLVER_LIST(X) \
  X("auto", GP_ROUTE_REFINE) \
  X("direct", GP_ROUTE_REFINE) \
  X("newton", GP_ROUTE_REFINE) \
  X("fft_extension", GP_ROUTE_FOURIER) \
  X("reference", GP_ROUTE_REFERENCE)

#define AS_NAME(NAME, ROUTE)  NAME,
#define AS_ROUTE(NAME, ROUTE) ROUTE,

const char *const          gp_solver_names[] = {GP_SOLVER_LIST(AS_NAME) NULL};
static const GpRouteNumber solver_routes[]   = {GP_SOLVER_LIST(AS_ROUTE)};

const GpRoute *GpRouteNow(const GpPde *gp)
{
  return routes[gp->route];
}

PetscErrorCode GpRouteChoose(GpPde *gp)
{
  PetscFunctionBegin;
  gp->route = solver_routes[gp->solver.kind];
  if (gp->solver.kind == 0 && gp->dim && gp->n[0] > IDENTIFY_POINTS && gp->kernel.family == 0 && GpFourierFits(gp)) gp->route = GP_ROUTE_FOURIER;
  if (GpInverseWanted(gp)) gp->route = GP_ROUTE_INVERSE;
  else if (gp->inverse.data || gp->inverse.initial.n || gp->inverse.synthetic > 0) PetscCall(TesDeckComplain(gp->problem, gp->inverse.data ? "inverse.data" : gp->inverse.initial.n ? "inverse.initial" : "inverse.synthetic", "without inverse.unknown, the coefficients that it is about"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpRouteChange(GpPde *gp, GpRouteNumber number)
{
  PetscFunctionBegin;
  gp->route = number;
  PetscCall(routes[number]->setup(gp));
  PetscCall(routes[number]->start(gp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpRouteState(GpPde *gp, TesState state)
{
  PetscInt number = gp->route;

  PetscFunctionBegin;
  PetscCall(TesStateIndex(state, "route", &number));
  PetscCheck(number >= 0 && number < N_ROUTES, gp->comm, TES_ERR_WORLD, "the checkpoint names way %" PetscInt_FMT " to the solution, of %" PetscInt_FMT, number, N_ROUTES);
  if (number != gp->route) { /* restored from after a change-over */
    gp->route = number;
    PetscCall(routes[number]->setup(gp));
  }
  PetscCall(routes[gp->route]->state(gp, state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpRouteDestroy(GpPde *gp)
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < N_ROUTES; i++) PetscCall(routes[i]->destroy(gp));
  PetscFunctionReturn(PETSC_SUCCESS);
}
