/* gp_pde: partial differential equations with high-frequency and multi-scale solutions, by Gaussian processes whose spectrum is found from the data.

   Poisson, Helmholtz and Allen-Cahn on boxes in 1-3 dimensions with Dirichlet data (Fang, Cooley, Long, Li, Kirby, Zhe, ICLR 2024: GP-HM; here in factor form,
   direct in place of gradient descent). The covariance is never formed: u is a sum of the waves that the source and the boundary values show (identify.c) and of a few
   polynomials, per dimension; the waves carry the identified spectrum as prior variances. Collocation is projected on the singular vectors of these dictionaries
   (reduce.c), the boundary values sit in a lift (lift.c), the rest is a small core: fast diagonalisation (solve.c), Newton for u^3 (newton.c). Nothing is left to be
   chosen by hand: refine.c tries and keeps what its error bound says is best.

   Distribution: grid arrays in slabs over the slowest dimension; per-dimension factors (N_d x columns) and the core on every rank, with the same bits. */
#include "gp_pde.h"

static const char *const node_names[]     = {"uniform", "chebyshev", NULL};
static const char *const boundary_names[] = {"dirichlet", NULL};
static const char *const solver_names[]   = {"auto", "direct", "newton", NULL};
static const char *const automatic[]      = {"auto", NULL};

static const TesKey keys[] = {
  TES_SECTION("domain", .help = "the box and its collocation points"),
  TES_REALS(GpPde, domain.lower, .fallback = "[0]", .min_items = 1, .max_items = 3, .unit = "length", .help = "lower corner; one value for all dimensions or one each"),
  TES_REALS(GpPde, domain.upper, .fallback = "[1]", .min_items = 1, .max_items = 3, .unit = "length", .help = "upper corner; one value for all dimensions or one each"),
  TES_INTS(GpPde, domain.points, .min_items = 1, .max_items = 3, .range = TES_BETWEEN(8, 100000), .help = "collocation points per dimension, ends included; as many entries as dimensions"),
  TES_ENUMS(GpPde, domain.nodes, .fallback = "[uniform]", .min_items = 1, .max_items = 3, .choices = node_names,
            .help = "uniform: spectrum identified; chebyshev: polynomials, for layers and broadband data (more than 3.2 points per wavelength)"),
  TES_SECTION("equation", .help = "what is solved: sum_d d2u/dx_d2 + k2 u + n(u) = f"),
  TES_ENUM(GpPde, equation.kind, .choices = gp_equation_names, .help = "poisson: n = 0, k2 = 0; helmholtz: n = 0; allen_cahn: n(u) = u (u^2 - 1), k2 = 0"),
  TES_REAL(GpPde, equation.k2, .fallback = "1.0", .unit = "1/length^2", .when = "equation.kind=helmholtz", .help = "square of the wave number (negative: screened)"),
  TES_SECTION("source", .help = "the right-hand side f"),
  TES_ENUM(GpPde, source.from, .fallback = "manufactured", .choices = gp_data_names, .help = "where f comes from; manufactured: from the known solution"),
  TES_EXPR(GpPde, source.expression, .variables = "x y z", .when = "source.from=expression", .help = "f in the coordinates"),
  TES_FILE(GpPde, source.file, .when = "source.from=hdf5", .help = "HDF5 file with f on the nodes"),
  TES_STRING(GpPde, source.dataset, .fallback = "/f", .when = "source.from=hdf5", .help = "dataset of shape [n_z][n_y][n_x]"),
  TES_SECTION("boundary", .help = "values of u on the sides"),
  TES_ENUM(GpPde, boundary.kind, .fallback = "dirichlet", .choices = boundary_names, .help = "dirichlet: u is given on every side"),
  TES_ENUM(GpPde, boundary.from, .fallback = "manufactured", .choices = gp_data_names, .help = "where the values come from"),
  TES_EXPRS(GpPde, boundary.expression, .min_items = 1, .max_items = 6, .variables = "x y z", .when = "boundary.from=expression",
            .help = "one expression for all sides, or one each: x lower, x upper, y lower, ..."),
  TES_FILE(GpPde, boundary.file, .when = "boundary.from=hdf5", .help = "HDF5 file with the values on the nodes of the sides"),
  TES_STRING(GpPde, boundary.group, .fallback = "/boundary", .when = "boundary.from=hdf5", .help = "group with the datasets x_lower, x_upper, y_lower, ..."),
  TES_SECTION("manufactured", .help = "a solution that is known: gives source, boundary values and the error against it"),
  TES_ENUM(GpPde, manufactured.name, .fallback = "none", .choices = gp_manufactured_names, .help = "a solution of the benchmark table"),
  TES_EXPR(GpPde, manufactured.expression, .optional = PETSC_TRUE, .variables = "x y z", .help = "u in the coordinates; its derivatives are formed symbolically"),
  TES_SECTION("spectrum", .help = "identification of the frequencies (uniform nodes)"),
  TES_BOOL(GpPde, spectrum.identify, .fallback = "true", .help = "find the frequencies in the data; false: dense dictionaries (4 digits worse)"),
  TES_INTS(GpPde, spectrum.extension, .fallback = "[3, 4, 2]", .min_items = 1, .max_items = 8, .range = TES_BETWEEN(2, 16), .unit = "1",
           .help = "period of the waves in box lengths, in the order in which they are tried"),
  TES_REAL(GpPde, spectrum.max_fraction, .fallback = "0.98", .range = TES_BETWEEN(0.05, 0.999), .unit = "1", .help = "frequencies up to this fraction of the highest on the grid"),
  TES_INT_OR(GpPde, spectrum.background, .fallback = "auto", .choices = automatic, .range = TES_BETWEEN(2, 64),
             .help = "polynomials beside the waves, degrees below this; auto: 2, 4, 8, 12, 20, 32 are tried"),
  TES_REAL(GpPde, spectrum.screen_beta, .fallback = "34", .range = TES_BETWEEN(1, 60), .unit = "1", .help = "parameter of the Kaiser window of the screen"),
  TES_REAL(GpPde, spectrum.screen_threshold, .fallback = "1e-13", .range = TES_BETWEEN(0, 1e-3), .unit = "1", .help = "bins below this fraction of the largest are no candidates"),
  TES_INT(GpPde, spectrum.max_candidates, .fallback = "400", .range = TES_BETWEEN(1, 2000), .help = "more candidates than this: the dimension counts as broadband"),
  TES_INT(GpPde, spectrum.iterations, .fallback = "60", .range = TES_BETWEEN(1, 1000), .help = "evidence iterations at most"),
  TES_REAL(GpPde, spectrum.prune, .fallback = "1e-24", .range = TES_BETWEEN(0, 1e-6), .unit = "1", .help = "lines with a weight below this fraction of the largest are dropped"),
  TES_REAL(GpPde, spectrum.sigma_floor, .fallback = "1e-12", .range = TES_BETWEEN(1e-15, 0.1), .unit = "1", .help = "noise level of the data relative to their size; exact data: 1e-12"),
  TES_REAL(GpPde, spectrum.sigma_factor, .fallback = "0.25", .range = TES_BETWEEN(0.05, 0.9), .unit = "1", .help = "the noise level falls by this factor per iteration"),
  TES_SECTION("solver", .help = "the solve in the reduced bases"),
  TES_ENUM(GpPde, solver.kind, .fallback = "auto", .choices = solver_names, .help = "auto: direct for linear equations, newton for nonlinear ones"),
  TES_REAL(GpPde, solver.rtol, .fallback = "1e-11", .range = TES_BETWEEN(1e-15, 0.1), .unit = "1", .help = "Newton stops when its update is below this fraction of the iterate"),
  TES_INT(GpPde, solver.max_newton, .fallback = "25", .range = TES_BETWEEN(1, 1000), .help = "Newton iterations at most, per attempt"),
  TES_REAL(GpPde, solver.gmres_rtol, .fallback = "1e-9", .range = TES_BETWEEN(1e-14, 0.5), .unit = "1", .help = "relative tolerance of the linear solves of Newton (petsc: ksp_rtol overrides)"),
  TES_INT(GpPde, solver.restart, .fallback = "40", .range = TES_BETWEEN(2, 500), .help = "GMRES restart length (petsc: ksp_gmres_restart overrides)"),
  TES_REAL(GpPde, solver.truncation, .fallback = "1e-15", .range = TES_BETWEEN(1e-16, 1e-4), .unit = "1", .help = "singular values of a dictionary below this fraction of the largest are dropped"),
  TES_SECTION("refine", .help = "the loop over extensions and backgrounds"),
  TES_BOOL(GpPde, refine.enable, .fallback = "true", .help = "choose extension and background by the error bound; false: the first extension, background 12 (or as given)"),
  TES_REAL(GpPde, refine.error_bound_target, .fallback = "1e-9", .range = TES_ABOVE(0), .unit = "1", .help = "no further extension is tried below this relative error bound"),
  TES_SECTION("output", .help = "results"),
  TES_INT_OR(GpPde, output.test_points, .fallback = "auto", .choices = automatic, .range = TES_BETWEEN(2, 100000),
             .help = "points per dimension of the uniform grid on which u is given out and the error taken; auto: 300, in 3-D 65"),
  TES_KEYS_END,
};

const TesFigure gp_figures[] = {
  {.name = "solution", .sort = TES_FIGURE_IMAGE, .title = "solution", .file = "result", .y = {"fields/u"}},
  {.name = "error", .sort = TES_FIGURE_IMAGE, .title = "error against the known solution", .file = "result", .y = {"fields/error"}},
  {.name = "spectrum_x", .sort = TES_FIGURE_STEMS, .title = "identified spectrum along x", .file = "result", .x = "spectrum/x/omega", .y = {"spectrum/x/weight"},
   .x_label = "angular frequency omega (rad per length)", .y_label = "weight (largest 1)", .log_y = PETSC_TRUE},
  {.name = "spectrum_y", .sort = TES_FIGURE_STEMS, .title = "identified spectrum along y", .file = "result", .x = "spectrum/y/omega", .y = {"spectrum/y/weight"},
   .x_label = "angular frequency omega (rad per length)", .y_label = "weight (largest 1)", .log_y = PETSC_TRUE},
  {.name = "spectrum_z", .sort = TES_FIGURE_STEMS, .title = "identified spectrum along z", .file = "result", .x = "spectrum/z/omega", .y = {"spectrum/z/weight"},
   .x_label = "angular frequency omega (rad per length)", .y_label = "weight (largest 1)", .log_y = PETSC_TRUE},
  {.name = "attempts", .sort = TES_FIGURE_POINTS, .title = "error bound of every attempt", .file = "result", .x = "attempts/number", .y = {"attempts/bound"}, .x_label = "attempt",
   .y_label = "relative error bound", .log_y = PETSC_TRUE},
  {.name = "newton", .sort = TES_FIGURE_POINTS, .title = "Newton's method: relative update per iteration, all attempts", .file = "result", .x = "newton/iteration", .y = {"newton/update"},
   .x_label = "iteration", .y_label = "|dG| / |G|", .log_y = PETSC_TRUE},
  {.name = NULL},
};

static PetscErrorCode GpSetUp(TesProblem problem)
{
  GpPde *gp = TesProblemCtx(problem);

  PetscFunctionBegin;
  if (gp->comm != TesProblemComm(problem)) { /* the deck was checked on all ranks, but some of them idle */
    gp->comm = TesProblemComm(problem);
    PetscCall(GpPointsSetUp(gp));
  }
  PetscCall(GpDataSetUp(gp));
  if (gp->eq->nonlinear) PetscCall(GpNewtonAskOptions(gp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GpStart(TesProblem problem)
{
  PetscFunctionBegin;
  PetscCall(GpRefineStart(TesProblemCtx(problem)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GpStep(TesProblem problem, TesProgress *progress)
{
  PetscFunctionBegin;
  PetscCall(GpRefineStep(problem, TesProblemCtx(problem), progress));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GpObserve(TesProblem problem, TesSeries series, PetscBool last)
{
  const GpPde *gp = TesProblemCtx(problem);

  PetscFunctionBegin;
  (void)last;
  PetscCall(TesSeriesReal(series, "stage", "1", (PetscReal)gp->stage));
  PetscCall(TesSeriesReal(series, "pass", "1", (PetscReal)gp->pass));
  PetscCall(TesSeriesReal(series, "attempts", "1", (PetscReal)(gp->n_attempts / GP_ATTEMPT_WIDTH)));
  PetscCall(TesSeriesReal(series, "evidence_sigma", "1", gp->sigma));
  PetscCall(TesSeriesReal(series, "newton_update", "1", gp->newton_update));
  PetscCall(TesSeriesReal(series, "error_bound", "1", gp->last_bound));
  PetscCall(TesSeriesReal(series, "best_error_bound", "1", gp->has_best ? gp->best_bound : 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GpState(TesProblem problem, TesState state)
{
  PetscFunctionBegin;
  PetscCall(GpRefineState(TesProblemCtx(problem), state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GpDestroy(TesProblem problem)
{
  GpPde *gp = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(GpReportDestroy(gp));
  PetscCall(GpRefineDestroy(gp));
  PetscCall(GpDataDestroy(gp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

extern const TesProblemKind TesProblemGpPde;
const TesProblemKind        TesProblemGpPde = {
  .name         = "gp_pde",
  .summary      = "PDEs with high-frequency and multi-scale solutions, by Gaussian processes with identified spectra",
  .reference    = "S. Fang, M. Cooley, D. Long, S. Li, R. M. Kirby, S. Zhe: Solving High Frequency and Multi-Scale PDEs with Gaussian Processes, ICLR 2024",
  .keys         = keys,
  .ctx_size     = sizeof(GpPde),
  .work_unit    = "collocation points",
  .step_unit    = "one part of an identification, one attempt of the refine loop, or one Newton iteration",
  .figures      = gp_figures,
  .state_format = 1,
  .check        = GpCheck,
  .estimate     = GpEstimate,
  .setup        = GpSetUp,
  .start        = GpStart,
  .step         = GpStep,
  .observe      = GpObserve,
  .state        = GpState,
  .finish       = GpFinish,
  .destroy      = GpDestroy,
};
