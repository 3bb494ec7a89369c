/* mgno: the multigrid neural operator (He, Liu, Xu, ICLR 2024) and the equations that it learns from.

   A run is a chain of actions, each a sequence of steps:
     generate   solve a family of equations for random coefficients; the pairs go to an HDF5 data set (generate.c, families.c, elliptic.c, helmholtz.c, navier_stokes.c)
     train      fit the network (net_impl.h, kernels_impl.h) to the training samples (train.c, loss.c)
     evaluate   errors on the test samples (evaluate.c)
     predict    outputs for the inputs of a file (predict.c)
     solve      the network as initial guess and as preconditioner, certified, beside solvers without it (solve.c)
     rollout    the network as a step in time (rollout.c)
   The state names the action and the place in it.

   Distribution: samples over groups of ranks; a group shares the grids of its samples in the network (ranks.c, net_halo_impl.h). Data, losses and solves of a sample are done by one rank. Nothing
   depends on the number of ranks. */
#include "model.h"

const char *const mgno_action_names[] = {"generate", "train", "evaluate", "predict", "solve", "rollout", NULL};
const char *const mgno_layout_names[] = {"cell", "vertex", "interior", "periodic", NULL};
static const char *const precision_names[] = {"single", "double", NULL};
static const char *const boundary_names[]  = {"dirichlet", "neumann", "periodic", "odd", NULL};
static const char *const coarse_names[]    = {"restrict_rhs", "restrict_residual", NULL};
static const char *const start_names[]     = {"restrict", "zero", NULL};
static const char *const scale_names[]     = {"relative", "absolute", NULL};
static const char *const transfer_names[]  = {"reference", "cell", "vertex", "interior", NULL};
static const char *const tie_names[]       = {"none", "adjoint", "symmetric", NULL};
static const char *const skip_names[]      = {"affine1x1", "residual_input", "none", NULL};
static const char *const norm_names[]      = {"none", "layernorm", "layernorm_affine_channel", "layernorm_affine_pixel", NULL};
static const char *const act_names[]       = {"gelu", "gelu_tanh", "relu", "silu", "tanh", "identity", NULL};
static const char *const compat_names[]    = {"none", "reference", NULL};
static const char *const output_names[]    = {"direct", "residual", NULL};
static const char *const loss_names[]      = {"l2", "h1_spectral", "h1_fd", "energy", "residual", NULL};
static const char *const normalize_names[] = {"none", "gaussian", "pointwise", NULL};
static const char *const select_names[]    = {"last", "best_validation", NULL};
static const char *const recompute_names[] = {"none", "layer", NULL};
static const char *const reduce_names[]    = {"exact", "blocks", "fast", NULL};
static const char *const halo_names[]      = {"narrow", "wide", NULL};
static const char *const gather_names[]    = {"transpose", "gather", NULL};
static const char *const method_names[]    = {"fgmres", "cg", NULL};
static const char *const factor_names[]    = {"none", "double", "fourfold", NULL};
static const char *const source_names[]    = {"constant", "random", NULL};

#define WHEN_RANDOM "data.family=darcy_piecewise|darcy_lognormal|poisson|navier_stokes"
#define WHEN_DARCY  "data.family=darcy_piecewise|darcy_lognormal|darcy_trig"
#define WHEN_FLOW   "data.family=navier_stokes"

static const TesKey keys[] = {
  TES_ENUMS(Mgno, actions, .fallback = "[generate]", .min_items = 1, .max_items = 6, .choices = mgno_action_names, .help = "what to do, in this order"),
  TES_ENUM(Mgno, precision, .fallback = "single", .choices = precision_names, .help = "arithmetic of the network; equations are always solved in double"),
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
  TES_ENUM(Mgno, data.store, .fallback = "single", .choices = precision_names, .help = "element type of the fields in the file"),
  TES_REAL(Mgno, data.grf.alpha, .fallback = "2.0", .range = TES_ABOVE(0), .unit = "1", .when = WHEN_RANDOM, .help = "exponent of the covariance of the Gaussian field"),
  TES_REAL(Mgno, data.grf.tau, .fallback = "3.0", .range = TES_ABOVE(0), .unit = "1/length", .when = WHEN_RANDOM, .help = "its inverse length"),
  TES_REAL(Mgno, data.high, .fallback = "12.0", .unit = "mobility", .when = "data.family=darcy_piecewise", .help = "coefficient where the field is >= 0"),
  TES_REAL(Mgno, data.low, .fallback = "3.0", .unit = "mobility", .when = "data.family=darcy_piecewise", .help = "coefficient where it is negative"),
  TES_REAL(Mgno, data.log_scale, .fallback = "1.0", .unit = "1", .when = "data.family=darcy_lognormal", .help = "a = exp(log_scale g)"),
  TES_REAL(Mgno, data.source, .fallback = "1.0", .unit = "source", .when = WHEN_DARCY, .help = "right-hand side, a constant"),
  TES_ENUM(Mgno, data.sources, .fallback = "constant", .choices = source_names, .when = WHEN_DARCY, .help = "random: the right-hand side is a Gaussian field of size 1, and the second channel of the input"),
  TES_REAL(Mgno, data.source_field.alpha, .fallback = "1.0", .range = TES_ABOVE(0), .unit = "1", .when = WHEN_DARCY " & data.sources=random", .help = "exponent of its covariance"),
  TES_REAL(Mgno, data.source_field.tau, .fallback = "3.0", .range = TES_ABOVE(0), .unit = "1/length", .when = WHEN_DARCY " & data.sources=random", .help = "its inverse length"),
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
  TES_ENUMS(Mgno, boundary, .fallback = "[dirichlet]", .min_items = 1, .max_items = 6, .choices = boundary_names,
            .help = "what the network sees beyond the sides, one word or one each (x0, x1, y0, ...): dirichlet zeros, neumann mirrored, periodic, odd mirrored with the other sign; where points are cell centres, zeros put a wall half a cell too far out (first order), odd puts it in its place (second)"),
  TES_SECTION("model", .help = "the network"),
  TES_INT(Mgno, model.layers, .fallback = "4", .range = TES_BETWEEN(1, 100), .help = "T: layers v <- activation(W v + B v + b), W one V-cycle"),
  TES_INT(Mgno, model.channels, .fallback = "24", .range = TES_BETWEEN(1, 4096), .help = "C: channels; multiples of 8 use the kernels best"),
  TES_INT(Mgno, model.in_channels, .fallback = "1", .range = TES_BETWEEN(1, 4096), .help = "channels of the input"),
  TES_INT(Mgno, model.out_channels, .fallback = "1", .range = TES_BETWEEN(1, 4096), .help = "channels of the output"),
  TES_INT(Mgno, model.levels, .fallback = "5", .range = TES_BETWEEN(1, 16), .help = "levels of the V-cycle"),
  TES_INTS(Mgno, model.smoothing.pre, .fallback = "[1]", .min_items = 1, .max_items = 16, .range = TES_BETWEEN(0, 1000), .help = "smoothing steps on the way down, fine to coarse: one for all levels or one each"),
  TES_INTS(Mgno, model.smoothing.post, .fallback = "[0]", .min_items = 1, .max_items = 16, .range = TES_BETWEEN(0, 1000), .help = "smoothing steps on the way up; the coarsest level has none"),
  TES_ENUM(Mgno, model.coarse_problem, .fallback = "restrict_rhs", .choices = coarse_names, .help = "restrict_rhs: f is restricted, as the published program does; restrict_residual: f - A u, as the paper says"),
  TES_ENUM(Mgno, model.coarse_start, .fallback = "restrict", .choices = start_names, .help = "u on a coarser level begins as Pi u of the finer one, as the published program has it, or zero, as the paper says: no kernels Pi then"),
  TES_ENUM(Mgno, model.transfer, .fallback = "reference", .choices = transfer_names, .help = "stencils between levels; cell (n = 2^k m), vertex (2^k m + 1), interior (2^k m - 1) have the same shapes at every resolution"),
  TES_ENUM(Mgno, model.tie, .fallback = "none", .choices = tie_names, .help = "adjoint: P is the transpose of R; symmetric: W is a symmetric operator (S and A symmetric, P = R', the residual restricted, steps mirrored)"),
  TES_ENUM(Mgno, model.skip, .fallback = "affine1x1", .choices = skip_names, .help = "what is added to W v: B v + b, v itself (the channels that both have), or nothing"),
  TES_ENUM(Mgno, model.norm, .fallback = "none", .choices = norm_names, .help = "normalisation per sample on the way up; affine_pixel ties the model to its grid"),
  TES_BOOL(Mgno, model.conv_bias, .fallback = "false", .help = "biases in A and S"),
  TES_ENUM(Mgno, model.activation, .fallback = "gelu", .choices = act_names, .help = "activation between layers"),
  TES_ENUM(Mgno, model.compat, .fallback = "none", .choices = compat_names, .help = "reference: P sees zeros beyond every side, as in the published program"),
  TES_ENUM(Mgno, model.output, .fallback = "direct", .choices = output_names, .help = "residual: the network gives the change of its input (steps in time)"),
  TES_FILE(Mgno, model.weights, .optional = PETSC_TRUE, .help = "result.h5 of another run whose weights to start from, or to evaluate"),
  TES_SECTION("train", .help = "the action train"),
  TES_ENUM(Mgno, train.loss, .fallback = "h1_spectral", .choices = loss_names, .help = "relative error that is summed over a batch; residual needs no truth"),
  TES_INT(Mgno, train.h1_cut, .fallback = "20", .range = TES_AT_LEAST(1), .help = "wave numbers from here on have weight 1 in h1_spectral"),
  TES_REAL(Mgno, train.h1_mass, .fallback = "1.0", .range = TES_AT_LEAST(0), .unit = "1/length^2", .help = "weight of the error itself beside its gradient in h1_fd"),
  TES_ENUM(Mgno, train.h1_scale, .fallback = "relative", .choices = scale_names, .help = "h1_fd by the norm of the truth, or as it is (with h1_mass: 10 the loss of the published Helmholtz program, up to the batch's size)"),
  TES_INT(Mgno, train.epochs, .fallback = "40", .range = TES_AT_LEAST(1), .help = "passes over the training samples"),
  TES_INT(Mgno, train.batch, .fallback = "8", .range = TES_AT_LEAST(1), .help = "samples per update"),
  TES_INT(Mgno, train.unrolled, .fallback = "1", .range = TES_BETWEEN(1, 64), .help = "trajectories: steps that a training sample is rolled out over, mean loss of all; 1: each from the true frame before"),
  TES_OPTIMIZER_KEYS(Mgno, train.optimizer),
  TES_SCHEDULE_KEYS(Mgno, train.schedule, "onecycle"),
  TES_REALS(Mgno, train.cycle_beta1, .fallback = "[0.85, 0.95]", .min_items = 2, .max_items = 2, .range = TES_BETWEEN(0, 0.999999), .help = "beta1 at the largest and at the smallest learning rate of onecycle; [0, 0]: constant"),
  TES_SECTION("train.normalize", .help = "statistics of the training samples"),
  TES_ENUM(Mgno, train.normalize.input, .fallback = "gaussian", .choices = normalize_names, .help = "none, one mean and deviation, or one per point"),
  TES_ENUM(Mgno, train.normalize.output, .fallback = "gaussian", .choices = normalize_names, .help = "the same for the output"),
  TES_ENUM(Mgno, train.select, .fallback = "best_validation", .choices = select_names, .help = "weights that are reported"),
  TES_ENUM(Mgno, train.recompute, .fallback = "none", .choices = recompute_names, .help = "layer: keep one layer's inner fields and redo each in the backward sweep: a third more work, a fraction of the memory"),
  TES_DURATION(Mgno, train.time_limit, .fallback = "0", .range = TES_AT_LEAST(0), .unit = "s", .restart_may_change = PETSC_TRUE, .help = "training ends after this time, counted over restarts; 0: none"),
  TES_REAL(Mgno, train.target, .fallback = "0", .range = TES_AT_LEAST(0), .unit = "1", .help = "mean relative L2 error of the test samples that must be reached, else the run ends with 4; 0: none"),
  TES_SECTION("evaluate", .help = "the action evaluate"),
  TES_ENUM(Mgno, evaluate.factor, .fallback = "none", .choices = factor_names,
           .help = "also on a grid of double or fourfold resolution: same weights, a level more, or resampled, against the solution there"),
  TES_INT(Mgno, evaluate.samples, .fallback = "16", .range = TES_AT_LEAST(1), .help = "test samples for that"),
  TES_SECTION("predict", .help = "the action predict"),
  TES_FILE(Mgno, predict.file, .optional = PETSC_TRUE, .help = "HDF5 file with inputs /x; the test samples if not given"),
  TES_SECTION("solve", .help = "the action solve"),
  TES_ENUMS(Mgno, solve.use, .fallback = "[guess]", .min_items = 1, .max_items = 2, .choices = mgno_use_names,
            .help = "what the network is for: first guess of cg/mg, preconditioner of FGMRES (needs the right-hand side among its inputs)"),
  TES_ENUM(Mgno, solve.method, .fallback = "fgmres", .choices = method_names, .help = "around the preconditioner; cg only for a symmetric linear network: one layer, tie: symmetric, activation: identity, skip: none"),
  TES_ENUMS(Mgno, solve.compare, .fallback = "[mg, gamg]", .max_items = 3, .choices = mgno_compare_names, .help = "solvers without a network that are run beside it"),
  TES_REAL(Mgno, solve.rtol, .fallback = "1e-8", .range = TES_BETWEEN(1e-14, 0.5), .unit = "1", .help = "relative residual that every answer must have, formed anew"),
  TES_INT(Mgno, solve.max_it, .fallback = "200", .range = TES_BETWEEN(1, 1000000), .help = "iterations per solve at most"),
  TES_INT(Mgno, solve.samples, .fallback = "0", .range = TES_AT_LEAST(0), .help = "test samples that are solved; 0: all"),
  TES_ENUM(Mgno, parallel.reduce, .fallback = "exact", .choices = reduce_names, .help = "sums of gradients: exact and blocks give the same bits on any number of ranks, fast does not"),
  TES_INTS(Mgno, parallel.blocks, .fallback = "[4]", .min_items = 1, .max_items = 4, .range = TES_BETWEEN(1, 1000000),
           .help = "work units of a batch, then blocks of the grid along x, y, z (1 where not given): what ranks are given, never cut; results do not depend on the ranks, but on this"),
  TES_INT(Mgno, parallel.groups, .fallback = "0", .range = TES_AT_LEAST(0), .help = "groups of ranks that the samples of a batch are split over, at most; 0: as many as there are units"),
  TES_INTS(Mgno, parallel.grid, .fallback = "[0]", .min_items = 1, .max_items = 3, .range = TES_BETWEEN(0, 64),
           .help = "ranks per dimension that share the grids of a group's samples, x first, at most (1 where not given); 0: only where ranks are left over"),
  TES_ENUM(Mgno, parallel.halo, .fallback = "narrow", .choices = halo_names, .help = "between ranks that share a grid: ghosts for one operator at a time, or for a smoothing step, which is then worked on twice near the border; same bits"),
  TES_ENUM(Mgno, parallel.coarse, .fallback = "transpose", .choices = gather_names,
           .help = "levels that are too coarse for the blocks: each rank does them for some of the samples, or one rank does them for all; same bits"),
  TES_INT(Mgno, parallel.min_local, .fallback = "8", .range = TES_BETWEEN(4, 4096), .help = "points per dimension that a block has at least on the levels that are cut; results depend on it"),
  TES_KEYS_END,
};

static const TesFigure figures[] = {
  {.name = "input", .sort = TES_FIGURE_IMAGE, .title = "input of sample 0", .file = "result", .y = {"fields/input"}, .x_label = "x", .y_label = "y"},
  {.name = "truth", .sort = TES_FIGURE_IMAGE, .title = "solution of sample 0", .file = "result", .y = {"fields/truth"}, .x_label = "x", .y_label = "y"},
  {.name = "residuals", .sort = TES_FIGURE_POINTS, .title = "relative residual of every solve", .file = "result", .x = "data/sample", .y = {"data/residual"}, .x_label = "sample", .y_label = "relative residual", .log_y = PETSC_TRUE},
  {.name = "training", .sort = TES_FIGURE_LINES, .title = "relative errors", .file = "result", .x = "train/epoch", .y = {"train/l2", "train/validation_l2", "train/validation_h1"},
   .legend = {"training L2", "validation L2", "validation H1"}, .x_label = "epoch", .y_label = "mean relative error", .log_y = PETSC_TRUE},
  {.name = "learning_rate", .sort = TES_FIGURE_LINES, .title = "learning rate", .file = "result", .x = "train/epoch", .y = {"train/learning_rate"}, .x_label = "epoch", .y_label = "learning rate"},
  {.name = "errors", .sort = TES_FIGURE_POINTS, .title = "errors of the test samples, ascending", .file = "result", .x = "test/number", .y = {"test/l2_sorted"}, .x_label = "sample, in the order of errors", .y_label = "relative L2 error",
   .log_y = PETSC_TRUE},
  {.name = "worst_input", .sort = TES_FIGURE_IMAGE, .title = "input of the worst test sample", .file = "result", .y = {"fields/worst_input"}, .x_label = "x", .y_label = "y"},
  {.name = "worst_truth", .sort = TES_FIGURE_IMAGE, .title = "its truth", .file = "result", .y = {"fields/worst_truth"}, .x_label = "x", .y_label = "y"},
  {.name = "worst_prediction", .sort = TES_FIGURE_IMAGE, .title = "its prediction", .file = "result", .y = {"fields/worst_prediction"}, .x_label = "x", .y_label = "y"},
  {.name = "worst_error", .sort = TES_FIGURE_IMAGE, .title = "prediction minus truth", .file = "result", .y = {"fields/worst_error"}, .x_label = "x", .y_label = "y"},
  {.name = "solve", .sort = TES_FIGURE_POINTS, .title = "iterations to solve.rtol", .file = "result", .x = "solved/sample", .y = {"solve/*"}, .x_label = "test sample", .y_label = "iterations"},
  {.name = "convergence", .sort = TES_FIGURE_LINES, .title = "relative residual, first test sample", .file = "result", .y = {"convergence/*"}, .x_label = "iteration", .y_label = "relative residual", .log_y = PETSC_TRUE},
  {.name = "histogram", .sort = TES_FIGURE_STEMS, .title = "errors of the test samples", .file = "result", .x = "histogram/l2", .y = {"histogram/samples"}, .x_label = "relative L2 error", .y_label = "samples"},
  {.name = "rollout", .sort = TES_FIGURE_LINES, .title = "relative L2 error of a rollout", .file = "result", .x = "rollout/time", .y = {"rollout/l2"}, .x_label = "time", .y_label = "relative L2 error"},
  {.name = "rollout_first_truth", .sort = TES_FIGURE_IMAGE, .title = "first frame, truth, first test trajectory", .file = "result", .y = {"fields/rollout_first_truth"}, .x_label = "x", .y_label = "y"},
  {.name = "rollout_first_prediction", .sort = TES_FIGURE_IMAGE, .title = "first frame, rollout of the network, first test trajectory", .file = "result", .y = {"fields/rollout_first_prediction"}, .x_label = "x", .y_label = "y"},
  {.name = "rollout_middle_truth", .sort = TES_FIGURE_IMAGE, .title = "middle frame, truth, first test trajectory", .file = "result", .y = {"fields/rollout_middle_truth"}, .x_label = "x", .y_label = "y"},
  {.name = "rollout_middle_prediction", .sort = TES_FIGURE_IMAGE, .title = "middle frame, rollout of the network, first test trajectory", .file = "result", .y = {"fields/rollout_middle_prediction"}, .x_label = "x", .y_label = "y"},
  {.name = "rollout_last_truth", .sort = TES_FIGURE_IMAGE, .title = "last frame, truth, first test trajectory", .file = "result", .y = {"fields/rollout_last_truth"}, .x_label = "x", .y_label = "y"},
  {.name = "rollout_last_prediction", .sort = TES_FIGURE_IMAGE, .title = "last frame, rollout of the network, first test trajectory", .file = "result", .y = {"fields/rollout_last_prediction"}, .x_label = "x", .y_label = "y"},
  {.name = NULL},
};

static PetscErrorCode SetUp(TesProblem problem)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  if (MgnoDoes(m, MGNO_GENERATE)) PetscCall(MgnoMakerCreate(m, &m->maker));
  if (m->network) PetscCall(MgnoModelSetUp(problem));
  if (MgnoDoes(m, MGNO_TRAIN)) PetscCall(MgnoTrainSetUp(problem));
  if (MgnoDoes(m, MGNO_PREDICT)) PetscCall(MgnoPredictSetUp(problem));
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
  Mgno     *m     = TesProblemCtx(problem);
  PetscBool ended = PETSC_FALSE;

  PetscFunctionBegin;
  switch ((MgnoAction)m->actions.v[m->action]) {
  case MGNO_GENERATE: PetscCall(MgnoGenerateStep(problem, progress)); break;
  case MGNO_TRAIN: PetscCall(MgnoTrainStep(problem, progress, &ended)); break;
  case MGNO_EVALUATE: PetscCall(MgnoEvaluateStep(problem, progress)); break;
  case MGNO_PREDICT: PetscCall(MgnoPredictStep(problem, progress)); break;
  case MGNO_SOLVE: PetscCall(MgnoSolveStep(problem, progress)); break;
  case MGNO_ROLLOUT: PetscCall(MgnoRolloutStep(problem, progress)); break;
  }
  m->place++;
  while (m->action < m->actions.n && (ended || m->place >= MgnoActionSteps(m, m->action))) {
    ended = PETSC_FALSE;
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
  PetscCall(TesSeriesReal(series, "action", "1", (PetscReal)PetscMin(m->action, m->actions.n - 1)));
  if (MgnoDoes(m, MGNO_GENERATE)) {
    PetscCall(TesSeriesReal(series, "samples", "1", m->rows_done));
    PetscCall(TesSeriesReal(series, "residual_max", "1", m->residual_max));
    PetscCall(TesSeriesReal(series, "iterations_mean", "1", m->rows_done > 0 ? m->its_sum / m->rows_done : 0));
  }
  if (MgnoDoes(m, MGNO_TRAIN)) PetscCall(MgnoTrainObserve(problem, series));
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
  if (m->network) PetscCall(MgnoModelState(problem, state));
  if (MgnoDoes(m, MGNO_TRAIN)) PetscCall(MgnoTrainState(problem, state));
  if (MgnoDoes(m, MGNO_EVALUATE)) PetscCall(MgnoEvaluateState(problem, state));
  if (MgnoDoes(m, MGNO_SOLVE)) {
    PetscCall(TesStateRealsGrow(state, "solve/values", &m->n_solved, &m->solved));
    PetscCall(TesStateRealsGrow(state, "solve/traced", &m->n_traced, &m->traced));
    PetscCall(TesStateReals(state, "solve/seconds", (PetscInt64)(sizeof(m->solve_seconds) / sizeof(m->solve_seconds[0])), m->solve_seconds));
  }
  if (MgnoDoes(m, MGNO_ROLLOUT)) PetscCall(TesStateRealsGrow(state, "rollout/errors", &m->n_rolled, &m->rolled));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(TesProblem problem)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(MgnoMakerDestroy(&m->maker));
  PetscCall(MgnoTrainDestroy(m));
  PetscCall(MgnoModelDestroy(m));
  PetscCall(MgnoSamplesDestroy(m));
  PetscCall(PetscFree(m->errors));
  PetscCall(PetscFree(m->solved));
  PetscCall(PetscFree(m->traced));
  PetscCall(PetscFree(m->rolled));
  PetscCall(PetscFree(m->finer));
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
  .step_unit    = "one part of the data set, a portion of an epoch (about 3e11 operations), of the test samples, of the predictions, 8 solves or 16 rollouts",
  .figures      = figures,
  .state_format = 2,
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
