/* mgno: the multigrid neural operator (He, Liu, Xu, ICLR 2024) and the equations that it learns from.

   A run is a chain of actions, each a sequence of steps:
     generate   solve a family of equations for random coefficients; the pairs go to an HDF5 data set (generate.c, families.c, elliptic.c, helmholtz.c, navier_stokes.c)
   The state names the action and the place in it.

   Distribution: samples over the ranks; all that belongs to one sample is done by one rank, so nothing depends on the number of ranks. */
#include "mgno.h"

const char *const mgno_action_names[] = {"generate", NULL};
const char *const mgno_layout_names[] = {"cell", "vertex", "interior", "periodic", NULL};
static const char *const store_names[] = {"single", "double", NULL};

#define WHEN_RANDOM "data.family=darcy_piecewise|darcy_lognormal|poisson|navier_stokes"
#define WHEN_DARCY  "data.family=darcy_piecewise|darcy_lognormal|darcy_trig"
#define WHEN_FLOW   "data.family=navier_stokes"

static const TesKey keys[] = {
  TES_ENUMS(Mgno, actions, .fallback = "[generate]", .min_items = 1, .max_items = 4, .choices = mgno_action_names, .help = "what to do, in this order"),
  TES_SECTION("grid", .help = "the points that fields live on"),
  TES_INT(Mgno, grid.dim, .fallback = "2", .range = TES_BETWEEN(2, 3), .help = "dimensions"),
  TES_INTS(Mgno, grid.n, .min_items = 1, .max_items = 3, .range = TES_BETWEEN(4, 16384), .help = "points per dimension, x first; one value for all or one each"),
  TES_ENUM(Mgno, grid.layout, .fallback = "cell", .choices = mgno_layout_names,
           .help = "cell: centres of n cells; vertex: n points with both ends; interior: n points without the ends; periodic: n points of a torus"),
  TES_SECTION("data", .help = "the samples"),
  TES_STRING(Mgno, data.file, .fallback = "data.h5", .help = "HDF5 file; in the output folder when `generate` is among the actions, else relative to the deck"),
  TES_ENUM(Mgno, data.family, .fallback = "darcy_piecewise", .choices = mgno_family_names, .help = "the equation"),
  TES_INT(Mgno, data.train, .fallback = "1000", .range = TES_AT_LEAST(0), .help = "samples 0 .. train - 1 are for training"),
  TES_INT(Mgno, data.validation, .fallback = "100", .range = TES_AT_LEAST(0), .help = "the next samples are for validation"),
  TES_INT(Mgno, data.test, .fallback = "100", .range = TES_AT_LEAST(0), .help = "and the next for the test"),
  TES_INT(Mgno, data.part, .fallback = "64", .range = TES_BETWEEN(1, 1000000), .help = "samples that are computed and saved together: a kill costs at most these"),
  TES_INT64(Mgno, data.seed, .fallback = "-1", .range = TES_AT_LEAST(-1), .help = "seed of the samples; -1: run.seed"),
  TES_ENUM(Mgno, data.store, .fallback = "single", .choices = store_names, .help = "element type of the fields in the file"),
  TES_REAL(Mgno, data.grf.alpha, .fallback = "2.0", .range = TES_ABOVE(0), .unit = "1", .when = WHEN_RANDOM, .help = "exponent of the covariance of the Gaussian field"),
  TES_REAL(Mgno, data.grf.tau, .fallback = "3.0", .range = TES_ABOVE(0), .unit = "1/length", .when = WHEN_RANDOM, .help = "its inverse length"),
  TES_REAL(Mgno, data.high, .fallback = "12.0", .unit = "mobility", .when = "data.family=darcy_piecewise", .help = "coefficient where the field is >= 0"),
  TES_REAL(Mgno, data.low, .fallback = "3.0", .unit = "mobility", .when = "data.family=darcy_piecewise", .help = "coefficient where it is negative"),
  TES_REAL(Mgno, data.log_scale, .fallback = "1.0", .unit = "1", .when = "data.family=darcy_lognormal", .help = "a = exp(log_scale g)"),
  TES_REAL(Mgno, data.source, .fallback = "1.0", .unit = "source", .when = WHEN_DARCY, .help = "right-hand side, a constant"),
  TES_REAL(Mgno, data.omega, .fallback = "1000.0", .range = TES_ABOVE(0), .unit = "rad/time", .when = "data.family=helmholtz", .help = "angular frequency; the speed is about 20"),
  TES_REAL(Mgno, data.viscosity, .fallback = "1e-5", .range = TES_AT_LEAST(0), .unit = "length^2/time", .when = WHEN_FLOW, .help = "nu"),
  TES_REAL(Mgno, data.force, .fallback = "0.1", .unit = "1/time^2", .when = WHEN_FLOW, .help = "amplitude of the force"),
  TES_REAL(Mgno, data.dt, .fallback = "0.01", .range = TES_ABOVE(0), .unit = "time", .when = WHEN_FLOW, .help = "largest time step; half a cell over the largest speed is the other limit"),
  TES_REAL(Mgno, data.frame_time, .fallback = "1.0", .range = TES_ABOVE(0), .unit = "time", .when = WHEN_FLOW, .help = "time between two frames"),
  TES_INT(Mgno, data.frames, .fallback = "20", .range = TES_BETWEEN(1, 10000), .when = WHEN_FLOW, .help = "frames after the start"),
  TES_SECTION("data.solver", .help = "the solver of the equations; PETSc options with the prefix data_ override"),
  TES_ENUM(Mgno, data.solver.pc, .fallback = "mg", .choices = mgno_pc_names, .when = WHEN_DARCY "|poisson", .help = "preconditioner of the conjugate gradients"),
  TES_REAL(Mgno, data.solver.rtol, .fallback = "1e-10", .range = TES_BETWEEN(1e-15, 0.1), .unit = "1", .when = WHEN_DARCY "|poisson|helmholtz",
           .help = "relative residual that every sample must reach, formed anew from the answer"),
  TES_INT(Mgno, data.solver.max_it, .fallback = "500", .range = TES_BETWEEN(1, 1000000), .when = WHEN_DARCY "|poisson", .help = "iterations per solve at most"),
  TES_KEYS_END,
};

static const TesFigure figures[] = {
  {.name = "input", .sort = TES_FIGURE_IMAGE, .title = "input of sample 0", .file = "result", .y = {"fields/input"}, .x_label = "x", .y_label = "y"},
  {.name = "truth", .sort = TES_FIGURE_IMAGE, .title = "solution of sample 0", .file = "result", .y = {"fields/truth"}, .x_label = "x", .y_label = "y"},
  {.name = "residuals", .sort = TES_FIGURE_POINTS, .title = "relative residual of every solve", .file = "result", .x = "data/sample", .y = {"data/residual"}, .x_label = "sample", .y_label = "relative residual", .log_y = PETSC_TRUE},
  {.name = NULL},
};

static PetscErrorCode SetUp(TesProblem problem)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  if (MgnoDoes(m, MGNO_GENERATE)) PetscCall(MgnoMakerCreate(m, &m->maker));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Start(TesProblem problem)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  m->action = m->place = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Step(TesProblem problem, TesProgress *progress)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  switch ((MgnoAction)m->actions.v[m->action]) {
  case MGNO_GENERATE: PetscCall(MgnoGenerateStep(problem, progress)); break;
  default: break;
  }
  m->place++;
  while (m->action < m->actions.n && m->place >= MgnoActionSteps(m, m->action)) {
    m->action++;
    m->place = 0;
  }
  progress->finished = m->action >= m->actions.n ? PETSC_TRUE : PETSC_FALSE;
  progress->done     = (PetscReal)(TesProblemStep(problem) + 1);
  progress->total    = 0;
  for (PetscInt a = 0; a < m->actions.n; a++) progress->total += (PetscReal)MgnoActionSteps(m, a);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Observe(TesProblem problem, TesSeries series, PetscBool last)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  (void)last;
  PetscCall(TesSeriesReal(series, "samples", "1", m->rows_done));
  PetscCall(TesSeriesReal(series, "residual_max", "1", m->residual_max));
  PetscCall(TesSeriesReal(series, "iterations_mean", "1", m->rows_done > 0 ? m->its_sum / m->rows_done : 0));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode State(TesProblem problem, TesState state)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(TesStateInt(state, "action", &m->action));
  PetscCall(TesStateInt(state, "place", &m->place));
  PetscCall(TesStateReal(state, "data/samples", &m->rows_done));
  PetscCall(TesStateReal(state, "data/residual_max", &m->residual_max));
  PetscCall(TesStateReal(state, "data/iterations", &m->its_sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(TesProblem problem)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(MgnoMakerDestroy(&m->maker));
  PetscCall(MgnoReportDestroy(m));
  PetscFunctionReturn(PETSC_SUCCESS);
}

extern const TesProblemKind TesProblemMgno;
const TesProblemKind        TesProblemMgno = {
  .name         = "mgno",
  .summary      = "multigrid neural operators, and data sets of the equations that they learn from",
  .reference    = "J. He, X. Liu, J. Xu: MgNO: Efficient Parameterization of Linear Operators via Multigrid, ICLR 2024, arXiv 2310.19809",
  .keys         = keys,
  .ctx_size     = sizeof(Mgno),
  .work_unit    = "images",
  .step_unit    = "one part of the data set",
  .figures      = figures,
  .state_format = 1,
  .check        = MgnoCheck,
  .estimate     = MgnoEstimate,
  .setup        = SetUp,
  .start        = Start,
  .step         = Step,
  .observe      = Observe,
  .state        = State,
  .finish       = MgnoFinish,
  .destroy      = Destroy,
};
