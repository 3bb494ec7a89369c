/* heat: explicit diffusion on the unit square, the smallest complete kind.

     du/dt = kappa (u_xx + u_yy),  u = 0 on the boundary,  u(x, y, 0) = sin(pi x) sin(pi y)

   Five-point differences on n x n inner points, h = 1/(n + 1), explicit Euler; stable for dt kappa 4 / h^2 <= 1. The start is an eigenvector of the discrete Laplacian
   with eigenvalue -lambda, lambda = 8 sin^2(pi h / 2) / h^2, so after k steps u is the start times (1 - dt kappa lambda)^k exactly: the reference. Rows y are split over
   the ranks; a step costs 6 n^2/P flops and one row to each neighbour. */
#include <tessera/problem.h>

typedef struct {
  PetscInt  points;
  PetscReal diffusivity;
  struct {
    PetscReal step, end;
  } time;

  PetscReal  now;
  PetscInt64 steps; /* to the end */
  TesGrid    grid;
  TesField   u;
  PetscReal *next, *below, *above;
} Heat;

static const TesKey keys[] = {
  TES_INT(Heat, points, .fallback = "32", .range = TES_BETWEEN(2, 4096), .help = "inner points per side"),
  TES_REAL(Heat, diffusivity, .fallback = "1.0", .range = TES_ABOVE(0), .unit = "length^2/time", .help = "kappa"),
  TES_SECTION("time", .help = "explicit Euler"),
  TES_REAL(Heat, time.step, .fallback = "1e-4", .range = TES_ABOVE(0), .unit = "time", .help = "time step, at most h^2 / (4 kappa)"),
  TES_REAL(Heat, time.end, .fallback = "0.01", .range = TES_AT_LEAST(0), .unit = "time", .restart_may_change = PETSC_TRUE, .help = "when to end"),
  TES_KEYS_END,
};

static PetscReal Spacing(const Heat *c)
{
  return 1.0 / (c->points + 1);
}

static PetscErrorCode HeatCheck(TesProblem problem)
{
  Heat     *c     = TesProblemCtx(problem);
  PetscReal limit = Spacing(c) * Spacing(c) / (4 * c->diffusivity);

  PetscFunctionBegin;
  if (c->time.step > limit)
    PetscCall(TesDeckComplain(problem, "time.step", "unstable: at most %g for points = %d and diffusivity = %g", (double)limit, (int)c->points, (double)c->diffusivity));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode HeatEstimate(TesProblem problem, TesEstimate *e)
{
  Heat     *c    = TesProblemCtx(problem);
  PetscReal rows = PetscCeilReal((PetscReal)c->points / e->ranks);

  PetscFunctionBegin;
  e->usable_ranks   = (int)PetscMin(e->ranks, c->points);
  e->bytes_per_rank = 8.0 * c->points * (2 * rows + 2);
  e->bytes_sent     = e->ranks > 1 ? 16.0 * c->points : 0;
  e->bytes_output   = 8.0 * c->points * c->points;
  e->steps          = c->time.end / c->time.step;
  e->work           = (PetscReal)c->points * c->points;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode HeatSetup(TesProblem problem)
{
  Heat       *c    = TesProblemCtx(problem);
  TesGridSpec spec = {
    .dim = 2, .n = {c->points, c->points}, .lower = {Spacing(c), Spacing(c)}, .upper = {1 - Spacing(c), 1 - Spacing(c)}
  };

  PetscFunctionBegin;
  c->steps = (PetscInt64)(c->time.end / c->time.step + 0.5);
  PetscCall(TesGridCreate(TesProblemComm(problem), &spec, &c->grid));
  PetscCall(TesFieldCreate(c->grid, "u", &c->u));
  PetscCall(TesFieldSetAttributes(c->u, "1", "temperature"));
  PetscCall(PetscMalloc3(TesGridLocalSize(c->grid) + 1, &c->next, c->points, &c->below, c->points, &c->above));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode HeatStart(TesProblem problem)
{
  Heat               *c    = TesProblemCtx(problem);
  const TesPartition *part = TesGridGetPartition(c->grid);
  const PetscReal    *x = TesGridGetCoordinates(c->grid, 0), *y = TesGridGetCoordinates(c->grid, 1);
  PetscReal          *u;

  PetscFunctionBegin;
  PetscCall(TesFieldGetArray(c->u, &u));
  for (PetscInt64 j = 0; j < part->n_local; j++)
    for (PetscInt i = 0; i < c->points; i++) u[j * c->points + i] = PetscSinReal(PETSC_PI * x[i]) * PetscSinReal(PETSC_PI * y[part->first + j]);
  PetscCall(TesFieldRestoreArray(c->u, &u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode HeatStep(TesProblem problem, TesProgress *progress)
{
  Heat               *c    = TesProblemCtx(problem);
  const TesPartition *part = TesGridGetPartition(c->grid);
  PetscReal           f    = c->diffusivity * c->time.step / (Spacing(c) * Spacing(c)), *u;
  PetscInt            n    = c->points;

  PetscFunctionBegin;
  PetscCall(TesFieldHalo(c->u, 1, c->below, c->above));
  PetscCall(TesFieldGetArray(c->u, &u));
  for (PetscInt64 j = 0; j < part->n_local; j++) {
    const PetscReal *row = u + j * n, *south = j ? row - n : c->below, *north = j + 1 < part->n_local ? row + n : c->above;

    for (PetscInt i = 0; i < n; i++) c->next[j * n + i] = row[i] + f * ((i ? row[i - 1] : 0) + (i + 1 < n ? row[i + 1] : 0) + south[i] + north[i] - 4 * row[i]);
  }
  PetscCall(PetscArraycpy(u, c->next, part->n_local * n));
  PetscCall(TesFieldRestoreArray(c->u, &u));
  c->now             = (PetscReal)(TesProblemStep(problem) + 1) * c->time.step;
  progress->done     = (PetscReal)(TesProblemStep(problem) + 1);
  progress->total    = (PetscReal)c->steps;
  progress->work     = (PetscReal)n * n;
  progress->finished = TesProblemStep(problem) + 1 >= c->steps ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode HeatObserve(TesProblem problem, TesSeries series, PetscBool last)
{
  Heat     *c = TesProblemCtx(problem);
  PetscReal norm;

  PetscFunctionBegin;
  (void)last;
  PetscCall(TesFieldNorm(c->u, PETSC_FALSE, &norm));
  PetscCall(TesSeriesTime(series, c->now));
  PetscCall(TesSeriesReal(series, "rms", "1", norm));
  if (TesSeriesWants(series)) PetscCall(TesSeriesField(series, c->u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode HeatState(TesProblem problem, TesState state)
{
  Heat *c = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(TesStateReal(state, "time", &c->now));
  PetscCall(TesStateField(state, "u", c->u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode HeatFinish(TesProblem problem, TesReport report)
{
  Heat     *c      = TesProblemCtx(problem);
  PetscReal s      = PetscSinReal(PETSC_PI * Spacing(c) / 2), lambda = 8 * s * s / (Spacing(c) * Spacing(c));
  PetscReal factor = PetscPowReal(1 - c->time.step * c->diffusivity * lambda, (PetscReal)TesProblemStep(problem)), max;

  PetscFunctionBegin;
  PetscCall(TesFieldNormMax(c->u, &max));
  s = PetscSinReal(PETSC_PI * TesGridGetCoordinates(c->grid, 0)[c->points / 2]);
  PetscCall(TesReportReal(report, "maximum", max, &(TesFigureNote){.unit = "1", .help = "largest temperature", .has_reference = PETSC_TRUE, .reference = factor * s * s, .source = "discrete eigenmode"}));
  PetscCall(TesReportReal(report, "decay_error", max / (factor * s * s) - 1, &(TesFigureNote){.unit = "1", .scale = 1, .help = "relative distance from the exact decay"}));
  PetscCall(TesReportField(report, c->u, 0));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode HeatDestroy(TesProblem problem)
{
  Heat *c = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(TesFieldDestroy(&c->u));
  PetscCall(TesGridDestroy(&c->grid));
  PetscCall(PetscFree3(c->next, c->below, c->above));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesFigure figures[] = {
  {.name = "temperature", .sort = TES_FIGURE_IMAGE, .title = "Temperature",       .file = "result", .y = {"/fields/u"},         .x_label = "x",    .y_label = "y"                      },
  {.name = "decay",       .sort = TES_FIGURE_LINES, .title = "Decay of the mode", .file = "series", .x = "/time", .y = {"/observables/rms"}, .x_label = "time", .y_label = "rms", .log_y = PETSC_TRUE},
  {.name = NULL                                                                                                                                                                                   }
};

const TesProblemKind TesProblemHeat = {
  .name         = "heat",
  .summary      = "explicit diffusion on the unit square (test kind)",
  .reference    = "none, example",
  .keys         = keys,
  .ctx_size     = sizeof(Heat),
  .work_unit    = "point updates",
  .step_unit    = "one time step",
  .figures      = figures,
  .state_format = 1,
  .check        = HeatCheck,
  .estimate     = HeatEstimate,
  .setup        = HeatSetup,
  .start        = HeatStart,
  .step         = HeatStep,
  .observe      = HeatObserve,
  .state        = HeatState,
  .finish       = HeatFinish,
  .destroy      = HeatDestroy,
  .keeps_fields = PETSC_TRUE,
};
