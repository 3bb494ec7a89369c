/* gp_pde: partial differential equations with high-frequency and multi-scale solutions, by Gaussian processes whose spectrum is found from the data.

   Elliptic and evolution equations on boxes in 1-3 dimensions (equations.c, boundary.c), after GP-HM (Fang, Cooley, Long, Li, Kirby, Zhe, ICLR 2024); here in factor form,
   direct in place of gradient descent. The covariance is never formed: u is a sum of the waves that the source and the boundary values show (identify.c) and of a few
   polynomials, per dimension; the waves carry the identified spectrum as prior variances. Collocation is projected on the singular vectors of these dictionaries
   (reduce.c), the boundary values sit in a lift (lift.c), the rest is a small core: a direct solve (linear.c, solve.c), Newton and GMRES for the rest (newton.c). Nothing is left to be
   chosen by hand: refine.c tries and keeps what its error bound says is best.

   Distribution: grid arrays in slabs over the slowest dimension; per-dimension factors (N_d x columns) and the core on every rank, with the same bits. */
#include "gp_pde.h"

static const char *const node_names[]     = {"uniform", "chebyshev", NULL};
const char *const        gp_boundary_names[] = {"auto", "dirichlet", "neumann", "robin", "periodic", "initial_inflow", "full", NULL}; /* BoundaryKind of boundary.c */
const char *const        gp_family_names[] = {"auto", "spectral_grid", "chebyshev", "student_t_mixture", "gaussian_mixture", "matern", "se", NULL};
static const char *const automatic[]      = {"auto", NULL};
static const char *const asked[]          = {"auto", "true", "false", NULL};

static const TesKey keys[] = {
  TES_SECTION("domain", .help = "the box and its collocation points"),
  TES_REALS(GpPde, domain.lower, .fallback = "[0]", .min_items = 1, .max_items = 3, .unit = "length", .help = "lower corner; one value for all dimensions or one each"),
  TES_REALS(GpPde, domain.upper, .fallback = "[1]", .min_items = 1, .max_items = 3, .unit = "length", .help = "upper corner; one value for all dimensions or one each"),
  TES_INTS(GpPde, domain.points, .min_items = 1, .max_items = 3, .range = TES_BETWEEN(8, 1000000), .help = "collocation points per dimension, ends included; as many entries as dimensions"),
  TES_ENUMS(GpPde, domain.nodes, .fallback = "[uniform]", .min_items = 1, .max_items = 3, .choices = node_names,
            .help = "uniform: spectrum identified; chebyshev: polynomials, for layers and broadband data (more than 3.2 points per wavelength)"),
  TES_SECTION("equation", .help = "what is solved; time, where there is one, is the last dimension (t in expressions)"),
  TES_ENUM(GpPde, equation.kind, .choices = gp_equation_names,
           .help = "poisson: lap u; helmholtz: lap u + k2 u; allen_cahn: lap u + u (u^2 - 1); advection: u_t + beta u_x; reaction_diffusion: u_t - diffusion lap u - rate u (1 - u); "
                   "burgers: u_t + u u_x - diffusion u_xx; sine_gordon: u_tt - speed^2 lap u + sin u; custom_linear: sum_d (second_d u_dd + first_d u_d) + zeroth u; each = f"),
  TES_REAL(GpPde, equation.k2, .fallback = "1.0", .unit = "1/length^2", .when = "equation.kind=helmholtz", .help = "square of the wave number (negative: screened)"),
  TES_REAL(GpPde, equation.beta, .fallback = "200.0", .unit = "length/time", .when = "equation.kind=advection", .help = "speed of the flow"),
  TES_REAL(GpPde, equation.diffusion, .fallback = "1.0", .range = TES_ABOVE(0), .unit = "length^2/time", .when = "equation.kind=reaction_diffusion|burgers", .help = "diffusivity or viscosity"),
  TES_REAL(GpPde, equation.rate, .fallback = "1.0", .unit = "1/time", .when = "equation.kind=reaction_diffusion", .help = "rate of the reaction u (1 - u)"),
  TES_REAL(GpPde, equation.speed, .fallback = "1.0", .range = TES_ABOVE(0), .unit = "length/time", .when = "equation.kind=sine_gordon", .help = "speed of the waves"),
  TES_REALS(GpPde, equation.second, .optional = PETSC_TRUE, .min_items = 1, .max_items = 3, .when = "equation.kind=custom_linear", .help = "coefficients of the second derivatives, one value or one per dimension; default 0"),
  TES_REALS(GpPde, equation.first, .optional = PETSC_TRUE, .min_items = 1, .max_items = 3, .when = "equation.kind=custom_linear", .help = "coefficients of the first derivatives, one value or one per dimension; default 0"),
  TES_REAL(GpPde, equation.zeroth, .fallback = "0.0", .when = "equation.kind=custom_linear", .help = "coefficient of u"),
  TES_EXPR(GpPde, equation.variable_coefficient, .optional = PETSC_TRUE, .variables = "x y z t", .when = "equation.kind=poisson|helmholtz|allen_cahn",
           .help = "a > 0 in div(a grad u), in place of the Laplacian"),
  TES_SECTION("source", .help = "the right-hand side f"),
  TES_ENUM(GpPde, source.from, .fallback = "manufactured", .choices = gp_data_names, .help = "where f comes from; manufactured: from the known solution"),
  TES_EXPR(GpPde, source.expression, .variables = "x y z t", .when = "source.from=expression", .help = "f in the coordinates"),
  TES_FILE(GpPde, source.file, .when = "source.from=hdf5", .help = "HDF5 file with f on the nodes"),
  TES_STRING(GpPde, source.dataset, .fallback = "/f", .when = "source.from=hdf5", .help = "dataset of shape [n_z][n_y][n_x]"),
  TES_REAL(GpPde, source.noise_sd, .fallback = "0", .range = TES_AT_LEAST(0), .help = "standard deviation of white noise in f, in the unit of f; > 0: regularised (MAP) solve"),
  TES_SECTION("boundary", .help = "what is prescribed on the sides"),
  TES_ENUMS(GpPde, boundary.kind, .fallback = "[auto]", .min_items = 1, .max_items = 6, .choices = gp_boundary_names,
            .help = "one word, one per dimension, or one per side (x lower, x upper, ...). auto: dirichlet, for evolution equations initial_inflow (initial values, values where a flow enters, dirichlet "
                    "elsewhere in space); neumann: outward derivative; robin: see there; periodic"),
  TES_REALS(GpPde, boundary.robin, .fallback = "[1.0, 0.5]", .min_items = 2, .max_items = 2, .help = "a and b of robin sides: a u + b du/dn = g"),
  TES_ENUM(GpPde, boundary.from, .fallback = "manufactured", .choices = gp_data_names, .help = "where the values come from"),
  TES_EXPRS(GpPde, boundary.expression, .min_items = 1, .max_items = 6, .variables = "x y z t", .when = "boundary.from=expression",
            .help = "one expression for all sides, or one each: x lower, x upper, y lower, ...; in time: initial values, initial velocity; what is not prescribed has its place, too"),
  TES_FILE(GpPde, boundary.file, .when = "boundary.from=hdf5", .help = "HDF5 file with the values on the nodes of the sides"),
  TES_STRING(GpPde, boundary.group, .fallback = "/boundary", .when = "boundary.from=hdf5", .help = "group with the datasets x_lower, x_upper, y_lower, ...; in time: initial, velocity"),
  TES_SECTION("manufactured", .help = "a solution that is known: gives source, boundary values and the error against it"),
  TES_ENUM(GpPde, manufactured.name, .fallback = "none", .choices = gp_manufactured_names, .help = "a solution of the benchmark table"),
  TES_EXPR(GpPde, manufactured.expression, .optional = PETSC_TRUE, .variables = "x y z t", .help = "u in the coordinates; its derivatives are formed symbolically"),
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
  TES_ENUM(GpPde, solver.kind, .fallback = "auto", .choices = gp_solver_names,
           .help = "auto: direct for linear equations with constant coefficients, newton for the others, fft_extension for broadband sources in 1-D; reference: the published training by Adam, for comparison"),
  TES_REAL(GpPde, solver.rtol, .fallback = "1e-11", .range = TES_BETWEEN(1e-15, 0.1), .unit = "1", .help = "Newton stops when its update is below this fraction of the iterate"),
  TES_INT(GpPde, solver.max_newton, .fallback = "25", .range = TES_BETWEEN(1, 1000), .help = "Newton iterations at most, per attempt"),
  TES_REAL(GpPde, solver.gmres_rtol, .fallback = "1e-9", .range = TES_BETWEEN(1e-14, 0.5), .unit = "1", .help = "relative tolerance of the linear solves of Newton (petsc: ksp_rtol overrides)"),
  TES_INT(GpPde, solver.restart, .fallback = "40", .range = TES_BETWEEN(2, 500), .help = "GMRES restart length (petsc: ksp_gmres_restart overrides)"),
  TES_REAL(GpPde, solver.truncation, .fallback = "1e-15", .range = TES_BETWEEN(1e-16, 1e-4), .unit = "1", .help = "singular values of a dictionary below this fraction of the largest are dropped"),
  TES_SECTION("refine", .help = "the loop over extensions and backgrounds"),
  TES_BOOL(GpPde, refine.enable, .fallback = "true", .help = "choose extension and background by the error bound; false: the first extension, background 12 (or as given)"),
  TES_REAL(GpPde, refine.error_bound_target, .fallback = "1e-9", .range = TES_ABOVE(0), .unit = "1", .help = "no further extension is tried below this relative error bound"),
  TES_SECTION("kernel", .help = "the covariance"),
  TES_ENUM(GpPde, kernel.family, .fallback = "auto", .choices = gp_family_names,
           .help = "auto: spectral_grid on uniform nodes, chebyshev on Chebyshev nodes, student_t_mixture for solver.kind: reference (which also takes the last three)"),
  TES_REAL(GpPde, kernel.nu, .fallback = "2.5", .range = TES_BETWEEN(0.5, 4.5), .unit = "1", .when = "solver.kind=reference", .help = "smoothness of student_t_mixture and matern: 2.5, 3.5 or 4.5"),
  TES_INT(GpPde, kernel.components, .fallback = "30", .range = TES_BETWEEN(1, 1000), .when = "solver.kind=reference", .help = "components of the mixture, per dimension"),
  TES_REAL(GpPde, kernel.freq_scale, .fallback = "20", .range = TES_AT_LEAST(0), .unit = "cycles/length", .when = "solver.kind=reference",
           .help = "the components start at frequencies mu from 0 to this (cycles: 2 pi mu = omega)"),
  TES_SECTION("reference", .help = "the published training (solver.kind: reference)"),
  TES_INT64(GpPde, reference.epochs, .fallback = "100000", .range = TES_BETWEEN(1, 100000000), .when = "solver.kind=reference", .restart_may_change = PETSC_TRUE, .help = "steps of Adam"),
  TES_REAL(GpPde, reference.learning_rate, .fallback = "0.01", .range = TES_ABOVE(0), .unit = "1", .when = "solver.kind=reference", .help = "of Adam"),
  TES_REAL_OR(GpPde, reference.boundary_weight, .fallback = "auto", .choices = automatic, .range = TES_ABOVE(0), .unit = "1", .when = "solver.kind=reference",
              .help = "lambda_b of the objective; auto: 500 for advection, 200 for the others"),
  TES_REAL(GpPde, reference.jitter, .fallback = "1e-6", .range = TES_BETWEEN(1e-14, 1e-2), .unit = "1", .when = "solver.kind=reference", .help = "added to the diagonal of each covariance"),
  TES_REAL(GpPde, reference.freeze_after, .fallback = "1", .range = TES_BETWEEN(0, 1), .unit = "1", .when = "solver.kind=reference",
           .help = "after this part of the epochs the GP is frozen and a second one, of one Matern component, is trained on what remains; 1: one GP alone"),
  TES_INT_OR(GpPde, reference.epochs_per_step, .fallback = "auto", .choices = automatic, .range = TES_BETWEEN(1, 1000000), .when = "solver.kind=reference",
             .help = "epochs between records and checkpoints; auto: a few seconds' worth"),
  TES_SECTION("inverse", .help = "coefficients of the equation from observations of u (when inverse.unknown is given)"),
  TES_ENUMS(GpPde, inverse.unknown, .optional = PETSC_TRUE, .min_items = 1, .max_items = 3, .choices = gp_unknown_names,
            .help = "coefficients of section equation to be found; its values there serve to make the source of a manufactured solution only"),
  TES_REALS(GpPde, inverse.initial, .optional = PETSC_TRUE, .min_items = 1, .max_items = 3, .help = "where to start, one value per unknown; need not be near"),
  TES_FILE(GpPde, inverse.data, .optional = PETSC_TRUE, .help = "HDF5 file with the observations: dataset x of shape [n][dimensions], dataset u of shape [n]"),
  TES_INT(GpPde, inverse.synthetic, .fallback = "0", .range = TES_BETWEEN(0, 1000000), .help = "in place of a file: so many observations of the manufactured solution at random places, with noise (run.seed)"),
  TES_REAL(GpPde, inverse.noise_sd, .fallback = "1e-3", .range = TES_ABOVE(0), .help = "standard deviation of the noise of the observations, in the unit of u"),
  TES_SECTION("output", .help = "results"),
  TES_INT_OR(GpPde, output.test_points, .fallback = "auto", .choices = automatic, .range = TES_BETWEEN(2, 100000),
             .help = "points per dimension of the uniform grid on which u is given out and the error taken; auto: 300, in 3-D 65"),
  TES_ENUM(GpPde, output.posterior_sd, .fallback = "auto", .choices = asked,
           .help = "posterior standard deviation of u on the test points (not of solver.kind: fft_extension and reference); auto: up to 10^5 collocation points"),
  TES_KEYS_END,
};

const TesFigure gp_figures[] = {
  {.name = "solution", .sort = TES_FIGURE_IMAGE, .title = "solution", .file = "result", .y = {"fields/u"}},
  {.name = "error", .sort = TES_FIGURE_IMAGE, .title = "error against the known solution", .file = "result", .y = {"fields/error"}},
  {.name = "posterior_sd", .sort = TES_FIGURE_IMAGE, .title = "posterior standard deviation", .file = "result", .y = {"fields/posterior_sd"}},
  {.name = "spectrum_x", .sort = TES_FIGURE_STEMS, .title = "identified spectrum along x", .file = "result", .x = "spectrum/x/omega", .y = {"spectrum/x/weight"},
   .x_label = "angular frequency omega (rad per length)", .y_label = "weight (largest 1)", .log_y = PETSC_TRUE},
  {.name = "spectrum_y", .sort = TES_FIGURE_STEMS, .title = "identified spectrum along y", .file = "result", .x = "spectrum/y/omega", .y = {"spectrum/y/weight"},
   .x_label = "angular frequency omega (rad per length)", .y_label = "weight (largest 1)", .log_y = PETSC_TRUE},
  {.name = "spectrum_z", .sort = TES_FIGURE_STEMS, .title = "identified spectrum along z", .file = "result", .x = "spectrum/z/omega", .y = {"spectrum/z/weight"},
   .x_label = "angular frequency omega (rad per length)", .y_label = "weight (largest 1)", .log_y = PETSC_TRUE},
  {.name = "attempts", .sort = TES_FIGURE_POINTS, .title = "error bound of every attempt", .file = "result", .x = "attempts/number", .y = {"attempts/bound"}, .x_label = "attempt",
   .y_label = "relative error bound", .log_y = PETSC_TRUE},
  {.name = "convergence", .sort = TES_FIGURE_LINES, .title = "error bound in the course of the run", .file = "series", .x = "/step", .y = {"/observables/error_bound", "/observables/best_error_bound"},
   .legend = {"of the last attempt", "best so far"}, .x_label = "step", .y_label = "relative error bound", .log_y = PETSC_TRUE},
  {.name = "newton", .sort = TES_FIGURE_POINTS, .title = "Newton's method: relative update per iteration, all attempts", .file = "result", .x = "newton/iteration", .y = {"newton/update"},
   .x_label = "iteration", .y_label = "|dG| / |G|", .log_y = PETSC_TRUE},
  {.name = "series", .sort = TES_FIGURE_LINES, .title = "fast Fourier extension: power of the source", .file = "result", .x = "series/omega", .y = {"series/power"},
   .x_label = "angular frequency omega (rad per length)", .y_label = "power (largest 1)", .log_y = PETSC_TRUE},
  {.name = "inverse_k2", .sort = TES_FIGURE_POINTS, .title = "coefficient k2 after each step", .file = "result", .x = "inverse/step", .y = {"inverse/k2"}, .errors = {"inverse/k2_sd"},
   .x_label = "Gauss-Newton step", .y_label = "k2 (1/length^2)"},
  {.name = "inverse_diffusion", .sort = TES_FIGURE_POINTS, .title = "coefficient diffusion after each step", .file = "result", .x = "inverse/step", .y = {"inverse/diffusion"},
   .errors = {"inverse/diffusion_sd"}, .x_label = "Gauss-Newton step", .y_label = "diffusion (length^2/time)"},
  {.name = "inverse_beta", .sort = TES_FIGURE_POINTS, .title = "coefficient beta after each step", .file = "result", .x = "inverse/step", .y = {"inverse/beta"}, .errors = {"inverse/beta_sd"},
   .x_label = "Gauss-Newton step", .y_label = "beta (length/time)"},
  {.name = "objective", .sort = TES_FIGURE_LINES, .title = "published training: objective J", .file = "series", .x = "/observables/epoch", .y = {"/observables/objective"}, .x_label = "epoch", .y_label = "J"},
  {.name = "training", .sort = TES_FIGURE_LINES, .title = "published training: errors", .file = "series", .x = "/observables/epoch", .y = {"/observables/training_error", "/observables/training_residual", "/observables/training_boundary"},
   .legend = {"error against the known solution", "residual of the equation", "boundary values"}, .x_label = "epoch",
   .y_label = "relative error", .log_y = PETSC_TRUE},
  {.name = "kernel_x", .sort = TES_FIGURE_STEMS, .title = "trained components along x", .file = "result", .x = "kernel/x/mu", .y = {"kernel/x/weight"}, .x_label = "frequency mu (cycles per length)",
   .y_label = "weight"},
  {.name = "kernel_y", .sort = TES_FIGURE_STEMS, .title = "trained components along y", .file = "result", .x = "kernel/y/mu", .y = {"kernel/y/weight"}, .x_label = "frequency mu (cycles per length)",
   .y_label = "weight"},
  {.name = "kernel_z", .sort = TES_FIGURE_STEMS, .title = "trained components along z", .file = "result", .x = "kernel/z/mu", .y = {"kernel/z/weight"}, .x_label = "frequency mu (cycles per length)",
   .y_label = "weight"},
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
  PetscCall(GpRouteNow(gp)->setup(gp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GpStart(TesProblem problem)
{
  GpPde *gp = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(GpRouteNow(gp)->start(gp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GpStep(TesProblem problem, TesProgress *progress)
{
  GpPde *gp = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(GpRouteNow(gp)->step(problem, gp, progress));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GpObserve(TesProblem problem, TesSeries series, PetscBool last)
{
  GpPde *gp = TesProblemCtx(problem);

  PetscFunctionBegin;
  (void)last;
  PetscCall(GpRouteNow(gp)->observe(gp, series));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GpState(TesProblem problem, TesState state)
{
  PetscFunctionBegin;
  PetscCall(GpRouteState(TesProblemCtx(problem), state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GpFinish(TesProblem problem, TesReport report)
{
  GpPde *gp = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(GpRouteNow(gp)->finish(problem, gp, report));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GpDestroy(TesProblem problem)
{
  GpPde *gp = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(GpReportDestroy(gp));
  PetscCall(GpRouteDestroy(gp));
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
  .step_unit    = "one part of an identification, one attempt of the refine loop, one Newton iteration, or (reference) a batch of epochs",
  .figures      = gp_figures,
  .state_format = 2,
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
