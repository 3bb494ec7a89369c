/* The deck of gp_pde: resolve it to one value per dimension, and say everything that is wrong with it. What can be known only while the run goes (points per wavelength,
   resolution) is said there. Boundary values are evaluated here, they are small; the source is looked at row by row. */
#include "gp_pde.h"

#define SCAN_POINTS    4194304 /* larger grids are looked at in set-up only */
#define CORNER_TOLERANCE 1e-8  /* relative to the largest boundary value: what data files of ordinary precision keep */

static PetscErrorCode ResolveList(TesProblem problem, const char key[], PetscInt n, PetscInt dim, PetscBool *good)
{
  PetscFunctionBegin;
  if (n != 1 && n != dim) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, key, "a list of %" PetscInt_FMT " for %" PetscInt_FMT " dimensions (domain.points says how many): give one value, or one each", n, dim));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ResolveDomain(TesProblem problem, GpPde *gp, PetscBool *good)
{
  PetscFunctionBegin;
  gp->dim = gp->domain.points.n;
  if (gp->dim < 1 || gp->dim > GP_DIM) { /* complained about by the table */
    gp->dim = 0;
    *good   = PETSC_FALSE;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(ResolveList(problem, "domain.lower", gp->domain.lower.n, gp->dim, good));
  PetscCall(ResolveList(problem, "domain.upper", gp->domain.upper.n, gp->dim, good));
  PetscCall(ResolveList(problem, "domain.nodes", gp->domain.nodes.n, gp->dim, good));
  if (!*good) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt d = 0; d < gp->dim; d++) {
    const PetscReal upper = gp->domain.upper.v[gp->domain.upper.n == 1 ? 0 : d];

    gp->n[d]      = gp->domain.points.v[d];
    gp->lower[d]  = gp->domain.lower.v[gp->domain.lower.n == 1 ? 0 : d];
    gp->length[d] = upper - gp->lower[d];
    gp->nodes[d]  = gp->domain.nodes.v[gp->domain.nodes.n == 1 ? 0 : d] == 1 ? TES_NODES_CHEBYSHEV : TES_NODES_UNIFORM;
    if (gp->n[d] < 8) *good = PETSC_FALSE;
    if (!(gp->length[d] > 0)) {
      *good = PETSC_FALSE;
      PetscCall(TesDeckComplain(problem, "domain.upper", "not above domain.lower along %c: lower %.15g, upper %.15g", "xyz"[d], (double)gp->lower[d], (double)upper));
    }
    if (gp->nodes[d] == TES_NODES_UNIFORM && gp->spectrum.background.word < 0 && 2 * gp->spectrum.background.value > gp->n[d])
      PetscCall(TesDeckComplain(problem, "spectrum.background", "more than half the points along %c (at most %" PetscInt64_FMT "): more polynomials are ill-conditioned on uniform nodes", "xyz"[d],
                                gp->n[d] / 2));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* No coordinates beyond the dimensions of the box. */
static PetscErrorCode CheckVariables(TesProblem problem, const GpPde *gp, const char key[], TesExpr expr, PetscBool *good)
{
  PetscFunctionBegin;
  if (expr && gp->time < 0 && TesExprUses(expr, GP_DIM)) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, key, "a function of t, but %s with these sides has no time", gp->eq->name));
  }
  for (PetscInt d = gp->dim; expr && d < GP_DIM; d++) {
    if (!TesExprUses(expr, d)) continue;
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, key, "a function of %c, but domain.points names %" PetscInt_FMT " dimension%s", "xyz"[d], gp->dim, gp->dim == 1 ? "" : "s"));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ResolveTruth(TesProblem problem, GpPde *gp, PetscBool *good)
{
  const PetscBool by_name = gp->manufactured.name != 0 ? PETSC_TRUE : PETSC_FALSE, by_expression = gp->manufactured.expression ? PETSC_TRUE : PETSC_FALSE;
  const GpManufactured *entry = &gp_manufactured[gp->manufactured.name];
  char                  message[256];
  PetscInt              column;

  PetscFunctionBegin;
  if (by_name && by_expression) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "manufactured.expression", "given together with manufactured.name: give one of them"));
  } else if (by_name && entry->dim != gp->dim) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "manufactured.name", "a function in %" PetscInt_FMT " dimension%s, but domain.points names %" PetscInt_FMT, entry->dim,
                              entry->dim == 1 ? "" : "s", gp->dim));
  } else if (by_name) {
    PetscCall(TesExprParse(entry->expression, "x y z t", &gp->truth, &column, message, sizeof(message)));
    PetscCheck(gp->truth, PETSC_COMM_SELF, PETSC_ERR_PLIB, "%s: %s", entry->name, message);
  } else if (by_expression) {
    PetscCall(CheckVariables(problem, gp, "manufactured.expression", gp->manufactured.expression, good));
    PetscCall(TesExprCopy(gp->manufactured.expression, &gp->truth));
  } else if (!strcmp(gp_data_kinds[gp->source.from].name, "manufactured") || !strcmp(gp_data_kinds[gp->boundary.from].name, "manufactured")) {
    const char *key = !strcmp(gp_data_kinds[gp->source.from].name, "manufactured") ? "source.from" : "boundary.from";

    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, key, "to follow from a known solution, but none is given: set manufactured.name or manufactured.expression, or take the data from an expression or a file"));
  }
  if (gp->truth && *good) PetscCall(GpTruthDerivatives(gp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ResolveCoefficient(GpPde *gp)
{
  PetscFunctionBegin;
  gp->coefficient_mean = 1;
  if (!gp->equation.variable_coefficient) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesExprCopy(gp->equation.variable_coefficient, &gp->coefficient));
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(TesExprDerivative(gp->coefficient, d, &gp->coefficient_first[d]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the key that the boundary values come from */
static const char *BoundaryKey(const GpPde *gp)
{
  return gp->boundary.expression.n ? "boundary.expression" : gp->boundary.file ? "boundary.file" : gp->manufactured.expression ? "manufactured.expression" : "boundary.from";
}

/* value of u on face (d, k) at grid index i (i[d] does not count) */
static PetscReal FaceValue(const GpPde *gp, PetscInt d, PetscInt k, const PetscInt64 i[])
{
  PetscInt64 at = 0, step = 1;

  for (PetscInt j = 0; j < gp->dim; j++) {
    if (j == d) continue;
    at += i[j] * step;
    step *= gp->n[j];
  }
  return gp->face[d][k][at] / gp->trace[d][k].value;
}

/* Two sides on which u itself is given meet in a corner (3-D: an edge). */
static PetscErrorCode CheckCorner(TesProblem problem, const GpPde *gp, PetscInt d, PetscInt e, PetscInt kd, PetscInt ke, PetscBool *said)
{
  const PetscInt   other   = gp->dim == 3 ? 3 - d - e : -1;
  const PetscInt64 n_other = other >= 0 ? gp->n[other] : 1;
  PetscInt64       i[GP_DIM] = {0};
  char             sides[2][32];

  PetscFunctionBegin;
  if (gp->trace[d][kd].slope != 0 || gp->trace[e][ke].slope != 0) PetscFunctionReturn(PETSC_SUCCESS);
  i[d] = gp->trace[d][kd].end ? gp->n[d] - 1 : 0;
  i[e] = gp->trace[e][ke].end ? gp->n[e] - 1 : 0;
  for (PetscInt64 m = 0; m < n_other && !*said; m++) {
    PetscReal a, b;

    if (other >= 0) i[other] = m;
    a = FaceValue(gp, d, kd, i);
    b = FaceValue(gp, e, ke, i);
    if (!(PetscAbsReal(a - b) > CORNER_TOLERANCE * gp->face_max)) continue;
    *said = PETSC_TRUE;
    PetscCall(GpTraceText(gp, d, kd, sides[0], sizeof(sides[0])));
    PetscCall(GpTraceText(gp, e, ke, sides[1], sizeof(sides[1])));
    PetscCall(TesDeckComplain(problem, BoundaryKey(gp), "not continuous where two sides meet: %s gives %.15g there and %s gives %.15g", sides[0], (double)a, sides[1], (double)b));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckFaces(TesProblem problem, GpPde *gp)
{
  PetscBool said = PETSC_FALSE;
  char      side[32];

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) {
    PetscInt64 n = 1;

    for (PetscInt j = 0; j < gp->dim; j++) n *= j == d ? 1 : gp->n[j];
    for (PetscInt k = 0; k < gp->n_trace[d]; k++)
      for (PetscInt64 i = 0; i < n && !said; i++) {
        if (!PetscIsInfOrNanReal(gp->face[d][k][i])) continue;
        said = PETSC_TRUE;
        PetscCall(GpTraceText(gp, d, k, side, sizeof(side)));
        PetscCall(TesDeckComplain(problem, BoundaryKey(gp), "not finite on %s, point %" PetscInt64_FMT, side, i));
      }
  }
  for (PetscInt d = 0; d < gp->dim; d++)
    for (PetscInt e = d + 1; e < gp->dim; e++)
      for (PetscInt k = 0; k < gp->n_trace[d] * gp->n_trace[e] && !said; k++) PetscCall(CheckCorner(problem, gp, d, e, k % gp->n_trace[d], k / gp->n_trace[d], &said));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The source, each rank its rows, one at a time. */
static PetscErrorCode CheckSource(TesProblem problem, GpPde *gp)
{
  const TesPartition *part = &gp->grid.part;
  const PetscInt64    row  = part->n_local ? gp->grid.n_local / part->n_local : 1;
  GpPointSet          one  = gp->grid;
  PetscInt64          bad = -1, first = -1, points = 1;
  PetscReal          *f;
  GpPoints            rows;
  char                place[160];

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) points *= gp->n[d];
  if (!gp_data_kinds[gp->source.from].anywhere || points > SCAN_POINTS) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc1((size_t)row, &f));
  GpPointSetPoints(&one, &rows);
  rows.count = 1;
  for (PetscInt64 k = 0; k < part->n_local && first < 0; k++) {
    rows.first = part->first + k;
    PetscCall(gp_data_kinds[gp->source.from].source(gp, &rows, f));
    for (PetscInt64 i = 0; i < row && first < 0; i++) {
      if (PetscIsInfOrNanReal(f[i])) first = (part->first + k) * row + i;
    }
  }
  PetscCall(PetscFree(f));
  {
    long long found = first < 0 ? (long long)points : (long long)first;

    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &found, 1, MPI_LONG_LONG, MPI_MIN, gp->comm));
    bad = found < (long long)points ? (PetscInt64)found : -1;
  }
  if (bad >= 0) {
    GpPointText(gp, bad, place, sizeof(place));
    PetscCall(TesDeckComplain(problem, gp->source.expression ? "source.expression" : gp->manufactured.expression ? "manufactured.expression" : "source.from", "not finite at %s", place));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The variable coefficient must be positive, or the equation is not elliptic; each rank looks at its rows, one at a time. */
static PetscErrorCode CheckCoefficient(TesProblem problem, GpPde *gp)
{
  const TesPartition *part = &gp->grid.part;
  const PetscInt64    row  = part->n_local ? gp->grid.n_local / part->n_local : 1;
  PetscReal           low = PETSC_MAX_REAL, negative, *a;
  int                 bad = 0;
  GpPoints            rows;

  PetscFunctionBegin;
  if (!gp->coefficient) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc1((size_t)row, &a));
  GpPointSetPoints(&gp->grid, &rows);
  rows.count = 1;
  for (PetscInt64 k = 0; k < part->n_local; k++) {
    rows.first = part->first + k;
    PetscCall(GpExprEvaluate(gp->coefficient, gp->dim, &rows, a));
    for (PetscInt64 i = 0; i < row; i++) {
      if (PetscIsInfOrNanReal(a[i])) bad = 1;
      else low = PetscMin(low, a[i]);
    }
  }
  PetscCall(PetscFree(a));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &bad, 1, MPI_INT, MPI_MAX, gp->comm));
  PetscCall(TesMaxAll(gp->comm, -low, &negative));
  if (bad) PetscCall(TesDeckComplain(problem, "equation.variable_coefficient", "not finite everywhere in the box"));
  else if (!(negative < 0)) PetscCall(TesDeckComplain(problem, "equation.variable_coefficient", "as small as %.6g in the box: it must be positive throughout, or the equation is not elliptic", (double)-negative));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpCheck(TesProblem problem)
{
  GpPde    *gp   = TesProblemCtx(problem);
  PetscBool good = PETSC_TRUE;

  PetscFunctionBegin;
  gp->problem = problem;
  gp->comm    = TesProblemComm(problem);
  gp->eq      = &gp_equations[gp->equation.kind];
  PetscCall(ResolveDomain(problem, gp, &good));
  if (good) PetscCall(GpBoundaryResolve(problem, gp, &good));
  gp->remainder = gp->eq->nonlinear || gp->equation.variable_coefficient ? PETSC_TRUE : PETSC_FALSE;
  PetscCall(GpRouteChoose(gp));
  if (gp->dim && good) {
    PetscCall(CheckVariables(problem, gp, "equation.variable_coefficient", gp->equation.variable_coefficient, &good));
    PetscCall(CheckVariables(problem, gp, "source.expression", gp->source.expression, &good));
    for (PetscInt i = 0; i < gp->boundary.expression.n; i++) PetscCall(CheckVariables(problem, gp, "boundary.expression", gp->boundary.expression.v[i], &good));
    if (gp->boundary.expression.n > 1 && gp->boundary.expression.n != 2 * gp->dim) {
      good = PETSC_FALSE;
      PetscCall(TesDeckComplain(problem, "boundary.expression", "a list of %" PetscInt_FMT ": values are needed on every side, one expression for all or %" PetscInt_FMT " (x lower, x upper, ...)",
                                gp->boundary.expression.n, 2 * gp->dim));
    }
    PetscCall(ResolveTruth(problem, gp, &good));
    if (good) PetscCall(ResolveCoefficient(gp));
  }
  if (good) PetscCall(GpRouteNow(gp)->check(problem, gp));
  if (!good) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(GpFileCheck(problem, gp, &good));
  {
    PetscInt    complaints;
    const char *text;

    PetscCall(TesDeckComplaints(TesProblemDeck(problem), &complaints, &text));
    if (!good || complaints) PetscFunctionReturn(PETSC_SUCCESS); /* expressions and files may be missing: do not evaluate */
  }
  PetscCall(GpPointsSetUp(gp));
  PetscCall(GpFacesSetUp(gp));
  PetscCall(CheckFaces(problem, gp));
  PetscCall(CheckSource(problem, gp));
  PetscCall(CheckCoefficient(problem, gp));
  PetscFunctionReturn(PETSC_SUCCESS);
}
