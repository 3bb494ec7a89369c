/* What is prescribed on the sides: from the words of the deck to traces, value u + slope du/dx = g, at most two per dimension.

   dirichlet: u; neumann: the outward derivative; robin: r0 u + r1 times the outward derivative; periodic: nothing, the upper end is the lower one.
   full: u on every side, time included, which only the published training takes for evolution equations (GP-HM's own setting).
   Time has its traces at the lower end: u (initial), and for second order also u_t (velocity). Space under a first-order operator has one: u where the flow enters
   (first_d > 0: at the lower end). Dimensions with traces at one end only are called marching: there the test functions are the operator's own images (reduce.c). */
#include "gp_pde.h"

typedef enum { KIND_AUTO, KIND_DIRICHLET, KIND_NEUMANN, KIND_ROBIN, KIND_PERIODIC, KIND_INFLOW, KIND_FULL } BoundaryKind; /* order of boundary_names in gp_pde.c */

static const char *const side_names[GP_DIM][2] = {{"x_lower", "x_upper"}, {"y_lower", "y_upper"}, {"z_lower", "z_upper"}};

static BoundaryKind SideKind(const GpPde *gp, PetscInt d, PetscInt side)
{
  const TesInts *kind = &gp->boundary.kind;
  BoundaryKind   word = (BoundaryKind)(kind->n == 1 ? kind->v[0] : kind->n == 2 * gp->dim ? kind->v[2 * d + side] : kind->v[d]);

  return word == KIND_AUTO || word == KIND_INFLOW || word == KIND_FULL ? KIND_DIRICHLET : word;
}

/* the published training wants values on every side, and has no time */
static PetscBool IsReference(const GpPde *gp)
{
  return !strcmp(gp_solver_names[gp->solver.kind], "reference") ? PETSC_TRUE : PETSC_FALSE;
}

static void Prescribe(GpPde *gp, PetscInt d, PetscInt end, PetscReal value, PetscReal slope, PetscInt slot, const char name[])
{
  gp->trace[d][gp->n_trace[d]++] = (GpTrace){.end = end, .value = value, .slope = slope, .slot = slot, .name = name};
}

static PetscErrorCode ResolveTime(TesProblem problem, GpPde *gp, PetscBool *good)
{
  const PetscInt d      = gp->time;
  const char    *letter = gp->dim == 2 ? "y" : "z";

  PetscFunctionBegin;
  gp->marching[d] = PETSC_TRUE;
  gp->time_order  = gp->second[d] != 0 ? 2 : 1;
  if (gp->second[d] == 0 && gp->first[d] == 0) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "equation.first", "without a derivative in time (the last dimension, %s): give first or second for it, or other sides than initial_inflow", letter));
  }
  Prescribe(gp, d, 0, 1, 0, 2 * d, "initial");
  if (gp->time_order == 2) Prescribe(gp, d, 0, 0, 1, 2 * d + 1, "velocity");
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ResolveSpace(TesProblem problem, GpPde *gp, PetscInt d, PetscBool *good)
{
  const BoundaryKind lower = SideKind(gp, d, 0), upper = SideKind(gp, d, 1);

  PetscFunctionBegin;
  if ((lower == KIND_PERIODIC) != (upper == KIND_PERIODIC)) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "boundary.kind", "periodic at one end of %c only", "xyz"[d]));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (lower == KIND_PERIODIC) {
    gp->periodic[d] = PETSC_TRUE;
    if (gp->nodes[d] == TES_NODES_CHEBYSHEV) {
      *good = PETSC_FALSE;
      PetscCall(TesDeckComplain(problem, "domain.nodes", "chebyshev along %c, which is periodic: take uniform nodes there", "xyz"[d]));
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (gp->second[d] == 0 && gp->first[d] == 0) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "equation.second", "without any derivative along %c", "xyz"[d]));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (gp->second[d] == 0) { /* the flow enters where first_d, relative to the direction of time, points in */
    const PetscInt end = gp->first[d] * (gp->time >= 0 && gp->first[gp->time] < 0 ? -1 : 1) > 0 ? 0 : 1;

    gp->marching[d] = PETSC_TRUE;
    if (SideKind(gp, d, end) != KIND_DIRICHLET) {
      *good = PETSC_FALSE;
      PetscCall(TesDeckComplain(problem, "boundary.kind", "not for a first-order equation along %c: the value is prescribed where the flow enters (initial_inflow), or the box is periodic", "xyz"[d]));
    }
    Prescribe(gp, d, end, 1, 0, 2 * d + end, side_names[d][end]);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt side = 0; side < 2; side++) {
    const BoundaryKind kind    = side ? upper : lower;
    const PetscReal    outward = side ? 1 : -1;

    if (kind == KIND_DIRICHLET) Prescribe(gp, d, side, 1, 0, 2 * d + side, side_names[d][side]);
    else if (kind == KIND_NEUMANN) Prescribe(gp, d, side, 0, outward, 2 * d + side, side_names[d][side]);
    else Prescribe(gp, d, side, gp->boundary.robin.v[0], gp->boundary.robin.v[1] * outward, 2 * d + side, side_names[d][side]);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckKinds(TesProblem problem, GpPde *gp, PetscBool *good)
{
  const TesInts *kind = &gp->boundary.kind;

  PetscFunctionBegin;
  if (kind->n != 1 && kind->n != gp->dim && kind->n != 2 * gp->dim) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "boundary.kind", "a list of %" PetscInt_FMT " for %" PetscInt_FMT " dimensions: one word, one per dimension, or one per side (%" PetscInt_FMT ": x lower, x upper, ...)",
                              kind->n, gp->dim, 2 * gp->dim));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt i = 0; i < kind->n; i++) {
    if ((kind->v[i] == KIND_INFLOW || kind->v[i] == KIND_FULL) && kind->n > 1) {
      *good = PETSC_FALSE;
      PetscCall(TesDeckComplain(problem, "boundary.kind", "a list with initial_inflow or full: these words stand alone. For an evolution equation the list is about the sides of space; what it says of time, the last dimension, is passed over"));
      PetscFunctionReturn(PETSC_SUCCESS);
    }
  }
  if (kind->n == 1 && kind->v[0] == KIND_INFLOW && gp->eq->time == 0) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "boundary.kind", "for evolution equations only: %s needs a condition on every side", gp->eq->name));
  }
  if (kind->n == 1 && kind->v[0] == KIND_FULL && gp->eq->time != 0 && !IsReference(gp)) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "boundary.kind", "more than %s needs: initial values and values where the flow enters are enough (initial_inflow); solver.kind: reference takes them all", gp->eq->name));
  }
  if (gp->boundary.robin.n != 2 || (gp->boundary.robin.v[0] == 0 && gp->boundary.robin.v[1] == 0)) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "boundary.robin", "must be two numbers [a, b], not both 0: a u + b du/dn"));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckForm(TesProblem problem, GpPde *gp, PetscBool *good)
{
  PetscInt marching = 0, values = 0;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) {
    marching += gp->marching[d];
    for (PetscInt k = 0; k < gp->n_trace[d]; k++) values += gp->trace[d][k].value != 0;
  }
  gp->singular = values == 0 && gp->zeroth == 0 && !gp->eq->nonlinear ? PETSC_TRUE : PETSC_FALSE;
  if (marching && gp->dim == 1) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "equation.kind", "of first order or an evolution: it needs at least two dimensions, the last one being time"));
  } else if (marching && !gp->marching[gp->dim - 1]) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "equation.first", "of first order along a dimension before the last: put the first-order dimension last"));
  }
  if (gp->source.noise_sd > 0 && gp->singular) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "source.noise_sd", "not where the sides leave a constant free: the noise in the mean of f has no place to go"));
  }
  if (gp->equation.variable_coefficient && marching) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "equation.variable_coefficient", "for elliptic equations only"));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpBoundaryResolve(TesProblem problem, GpPde *gp, PetscBool *good)
{
  const TesReals *lists[2] = {&gp->equation.second, &gp->equation.first};
  const PetscBool evolve   = gp->boundary.kind.n == 1 && gp->boundary.kind.v[0] == KIND_INFLOW ? PETSC_TRUE : PETSC_FALSE;

  PetscFunctionBegin;
  gp->time = gp->eq->time > 0 || (gp->eq->time < 0 && evolve) ? gp->dim - 1 : -1;
  PetscCall(CheckKinds(problem, gp, good));
  if (gp->time == 0) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "domain.points", "must name at least two dimensions for %s: the last one is time", gp->eq->name));
  }
  for (PetscInt i = 0; i < 2 && gp->eq->time < 0; i++) {
    if (lists[i]->n <= 1 || lists[i]->n == gp->dim) continue;
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, i ? "equation.first" : "equation.second", "a list of %" PetscInt_FMT " for %" PetscInt_FMT " dimensions", lists[i]->n, gp->dim));
  }
  if (!*good) PetscFunctionReturn(PETSC_SUCCESS);
  gp->zeroth = 0;
  gp->eq->separable(gp, gp->second, gp->first, &gp->zeroth);
  for (PetscInt d = 0; d < gp->dim && IsReference(gp) && gp->boundary.kind.n == 1 && (SideKind(gp, d, 0) == KIND_DIRICHLET); d++)
    for (PetscInt side = 0; side < 2; side++) Prescribe(gp, d, side, 1, 0, 2 * d + side, side_names[d][side]);
  if (gp->n_trace[0]) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(d == gp->time ? ResolveTime(problem, gp, good) : ResolveSpace(problem, gp, d, good));
  if (*good) PetscCall(CheckForm(problem, gp, good));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpTraceText(const GpPde *gp, PetscInt d, PetscInt k, char text[], size_t size)
{
  PetscFunctionBegin;
  if (d == gp->time) PetscCall(PetscSNPrintf(text, size, "%s", k ? "the initial velocity" : "the initial state"));
  else PetscCall(PetscSNPrintf(text, size, "side %c %s", "xyz"[d], gp->trace[d][k].end ? "upper" : "lower"));
  PetscFunctionReturn(PETSC_SUCCESS);
}
