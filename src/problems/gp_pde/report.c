/* The end of a run: error against the truth on a uniform grid of test points, residual and bound, the identified spectra, the table of attempts.

   Frequencies are given as angular omega (rad per length) and as mu = omega / 2 pi (cycles per length), each named so. The error is that of the final iterate; nothing
   is picked by looking at the truth. */
#include "gp_pde.h"

#define UNRESOLVED     1e-3 /* a bound above it at the end: the run has failed to resolve u */
#define SIGNIFICANT    1e-6 /* weight (a variance) from which on a line counts for points per wavelength: amplitude 1e-3 of the largest */
#define NEAR_RESONANCE 1e-6 /* distance to an eigenvalue, relative to the zeroth-order coefficient, that is spoken of; 1e-10 is refused (linear.c) */
#define WANTED_POINTS  2.3  /* per wavelength */
#define LEAST_POINTS   2.05
#define NYQUIST_ENERGY 1e-3
#define INCOMPATIBLE   1e-8
#define NOISE_LIMIT    1.5 /* residual over the noise of the source: the sampling error of a standard deviation is far below this */

/* Rows of the benchmark table that must be reached: required relative L2 error at N points per dimension. */
static const struct {
  const char *equation, *name;
  PetscReal   length; /* of every side */
  PetscInt    points;
  PetscReal   required;
} required[] = {
  {"poisson", "sin100", 2 * PETSC_PI, 220, 1e-12},       {"poisson", "sin6cos100", 2 * PETSC_PI, 220, 1e-12}, {"poisson", "sin100_sin100", 2 * PETSC_PI, 220, 1e-12},
  {"poisson", "sum", 2 * PETSC_PI, 60, 1e-12},           {"poisson", "sum", 1, 60, 1e-10},                    {"poisson", "sum", 1, 100, 1e-12},
  {"allen_cahn", "mix_mix", 1, 80, 1e-9},                {"allen_cahn", "mix_mix", 1, 100, 1e-10},            {"allen_cahn", "mix_mix", 1, 200, 1e-11},
  {"poisson", "xsin200", 2 * PETSC_PI, 420, 1e-8},       {"poisson", "xsin200", 2 * PETSC_PI, 450, 1e-10},    {"poisson", "mix", 1, 60, 1e-8},
  {"poisson", "mix", 1, 100, 1e-11},                     {"poisson", "mix", 2 * PETSC_PI, 220, 1e-11},        {"poisson", "sin500q", 1, 200, 1e-9},
  {"allen_cahn", "sin100", 2 * PETSC_PI, 220, 1e-12},    {"allen_cahn", "sin6cos100", 2 * PETSC_PI, 240, 1e-12}, {"poisson", "layer", 1, 100, 1e-8},
  {"poisson", "bumps", 1, 64, 1e-9},                     {"poisson", "bumps", 1, 96, 1e-10},
};

static void FindRequired(const GpPde *gp, TesFigureNote *note)
{
  for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
    PetscBool same = PETSC_TRUE;

    if (strcmp(required[i].equation, gp->eq->name) || strcmp(required[i].name, gp_manufactured[gp->manufactured.name].name)) continue;
    for (PetscInt d = 0; d < gp->dim; d++) {
      if (gp->n[d] != required[i].points || PetscAbsReal(gp->length[d] - required[i].length) > 1e-9) same = PETSC_FALSE;
    }
    if (!same) continue;
    note->has_reference = PETSC_TRUE;
    note->reference     = required[i].required;
    note->source        = "required: benchmark table, input_decks/gp_pde/README.md";
  }
}

PetscInt GpTestPoints(const GpPde *gp)
{
  return gp->output.test_points.word >= 0 ? (gp->dim == 3 ? 65 : 300) : gp->output.test_points.value;
}

static PetscErrorCode BestValues(GpPde *gp, const GpPointSet *set, PetscReal *u)
{
  PetscFunctionBegin;
  PetscCall(GpSolutionValues(gp, &gp->best, set, u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpReportFields(GpPde *gp, TesReport report, PetscErrorCode (*values)(GpPde *gp, const GpPointSet *set, PetscReal *u))
{
  const PetscInt test = GpTestPoints(gp);
  TesGridSpec    spec = {.dim = gp->dim, .unit = GpUnit(gp->dim, test)};
  GpPointSet     set;
  PetscReal     *x[GP_DIM] = {NULL}, *u, *e, size, error, largest;
  PetscInt64     n[GP_DIM];
  TesFigureNote  note = {.unit = "1", .help = "rms(u - truth) / rms(truth) on the test points"};

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) {
    spec.n[d] = n[d] = test;
    spec.lower[d]    = gp->lower[d];
    spec.upper[d]    = gp->lower[d] + gp->length[d];
    PetscCall(PetscMalloc1(test, &x[d]));
    PetscCall(TesGridNodes(TES_NODES_UNIFORM, PETSC_FALSE, test, spec.lower[d], spec.upper[d], x[d], NULL));
  }
  PetscCall(GpPointSetCreate(gp->comm, gp->dim, n, x, &set));
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(PetscFree(x[d]));
  PetscCall(TesGridCreate(gp->comm, &spec, &gp->test_grid));
  PetscCall(TesFieldCreate(gp->test_grid, "u", &gp->u_field));
  PetscCall(TesFieldSetAttributes(gp->u_field, "1", "solution"));
  PetscCall(TesFieldGetArray(gp->u_field, &u));
  PetscCall(values(gp, &set, u));
  PetscCall(TesReportField(report, gp->u_field, 0));
  if (gp->truth) {
    PetscCall(TesFieldCreate(gp->test_grid, "error", &gp->error_field));
    PetscCall(TesFieldSetAttributes(gp->error_field, "1", "solution minus known solution"));
    PetscCall(TesFieldGetArray(gp->error_field, &e));
    PetscCall(GpTruth(gp, &set, e));
    PetscCall(TesFieldNormMax(gp->error_field, &largest));
    PetscCall(GpMeanSquare(gp, &set, e, &size));
    for (PetscInt64 i = 0; i < set.n_local; i++) e[i] = u[i] - e[i];
    if (gp->singular) { /* a constant is free: the error is taken without it */
      PetscReal mean;

      PetscCall(GpMean(gp, &set, e, &mean));
      for (PetscInt64 i = 0; i < set.n_local; i++) e[i] -= mean;
    }
    PetscCall(GpMeanSquare(gp, &set, e, &error));
    PetscCall(TesFieldRestoreArray(gp->error_field, &e));
    PetscCall(TesReportField(report, gp->error_field, largest));
    FindRequired(gp, &note);
    note.scale = 1;
    PetscCall(TesReportReal(report, "relative_l2", PetscSqrtReal(size > 0 ? error / size : error), &note));
  }
  PetscCall(TesFieldRestoreArray(gp->u_field, &u));
  PetscCall(GpPointSetDestroy(&set));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* An array of the result; the report borrows it until the problem is destroyed. */
PetscErrorCode GpReportColumn(GpPde *gp, TesReport report, const char name[], PetscInt64 n, const PetscReal *first, PetscInt stride, const char unit[], const char long_name[], PetscReal scale)
{
  TesStateItem item = {.name = name, .type = TES_F64, .n_axes = 1, .shape = {n}, .unit = unit, .long_name = long_name};
  PetscReal   *column;

  PetscFunctionBegin;
  PetscCheck((size_t)gp->n_columns < sizeof(gp->columns) / sizeof(gp->columns[0]), PETSC_COMM_SELF, PETSC_ERR_PLIB, "more result arrays than planned");
  PetscCall(PetscMalloc1((size_t)n, &column));
  for (PetscInt64 i = 0; i < n; i++) column[i] = first ? first[i * stride] : (PetscReal)(i + 1);
  gp->columns[gp->n_columns++] = column;
  item.data                    = column;
  PetscCall(TesReportArray(report, &item, scale));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReportSpectrum(GpPde *gp, TesReport report, PetscInt d, PetscReal *per_wavelength)
{
  const GpSpectrum *spectrum = &gp->best_spectra[d];
  const PetscReal   step     = 2 * PETSC_PI / ((PetscReal)PetscMax(spectrum->extension, 1) * gp->length[d]), h = gp->length[d] / (PetscReal)(gp->n[d] - 1);
  PetscReal        *omega, *mu, top = 0, energy = 0, near = 0; /* of a periodic box h is a little too large: the upper end is no node */
  char              name[64];

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)spectrum->n, &omega, (size_t)spectrum->n, &mu));
  for (PetscInt64 m = 0; m < spectrum->n; m++) {
    omega[m] = (PetscReal)spectrum->bin[m] * step;
    mu[m]    = omega[m] / (2 * PETSC_PI);
    energy += spectrum->s[m];
    if (omega[m] > 0.96 * PETSC_PI / h) near += spectrum->s[m]; /* the screen ends at max_fraction = 0.98 of it */
    if (spectrum->s[m] > SIGNIFICANT && omega[m] > top) top = omega[m];
  }
  PetscCall(PetscSNPrintf(name, sizeof(name), "lines_%c", "xyz"[d]));
  PetscCall(TesReportInt(report, name, spectrum->n, &(TesFigureNote){.help = "frequencies in the dictionary"}));
  if (spectrum->n > 0) {
    PetscCall(PetscSNPrintf(name, sizeof(name), "spectrum/%c/omega", "xyz"[d]));
    PetscCall(GpReportColumn(gp, report, name, spectrum->n, omega, 1, "rad/length", "angular frequency omega", 0));
    PetscCall(PetscSNPrintf(name, sizeof(name), "spectrum/%c/mu", "xyz"[d]));
    PetscCall(GpReportColumn(gp, report, name, spectrum->n, mu, 1, "cycles/length", "frequency mu = omega / 2 pi", 0));
    PetscCall(PetscSNPrintf(name, sizeof(name), "spectrum/%c/weight", "xyz"[d]));
    PetscCall(GpReportColumn(gp, report, name, spectrum->n, spectrum->s, 1, "1", "identified variance, largest 1", 1));
  }
  if (top > 0 && spectrum->mode == GP_IDENTIFIED) {
    *per_wavelength = PetscMin(*per_wavelength, 2 * PETSC_PI / (top * h));
    if (2 * PETSC_PI / (top * h) < LEAST_POINTS || near > NYQUIST_ENERGY * energy)
      PetscCall(TesReportSay(report, "along %c only %.2f points per wavelength of omega = %.5g: it may be the alias of a higher frequency; %lld points would give %.1f", "xyz"[d],
                             (double)(2 * PETSC_PI / (top * h)), (double)top, (long long)(1 + PetscCeilReal(WANTED_POINTS * gp->length[d] * top / (2 * PETSC_PI))), WANTED_POINTS));
  }
  PetscCall(PetscFree2(omega, mu));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The loop's table, as it was tried. */
static PetscErrorCode SayAttempts(const GpPde *gp, PetscInt n, const GpAttempt *a)
{
  char bound[16];

  PetscFunctionBegin;
  PetscCall(TesProblemSay(gp->problem, "attempt  spectrum    extension  pass  background  functions  Newton  residual  error %s", gp->eq->bound ? "bound" : "estimate"));
  for (PetscInt i = 0; i < n; i++) {
    if (a[i].bound < GP_NO_BOUND) PetscCall(PetscSNPrintf(bound, sizeof(bound), "%.2e", (double)a[i].bound));
    else PetscCall(PetscStrncpy(bound, "none", sizeof(bound)));
    PetscCall(TesProblemSay(gp->problem, "%7d  %-10s  %9d  %4d  %10d  %9d  %6d  %8.1e  %-8s%s", (int)i + 1, gp_mode_names[(int)a[i].mode], (int)a[i].extension, (int)a[i].pass, (int)a[i].background,
                            (int)a[i].unknowns, (int)a[i].newton, (double)a[i].residual, bound, a[i].chosen > 0 ? "  chosen" : ""));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReportTables(GpPde *gp, TesReport report)
{
  PetscInt         n;
  GpAttempt       *attempts = GpRefineAttempts(gp, &n);
  const PetscInt64 newton   = gp->n_newton / GP_NEWTON_WIDTH;
  TesStateItem     table    = {.name = "attempts/table", .type = TES_F64, .n_axes = 2, .shape = {n, GP_ATTEMPT_WIDTH}, .data = gp->attempts,
                               .long_name = "spectrum (0 polynomials, 1 identified, 2 flat, 3 screened, 4 periodic), extension, pass, background, unknowns, Newton iterations, bound, residual, boundary error, chosen"};

  PetscFunctionBegin;
  attempts[gp->best_row].chosen = 1;
  PetscCall(SayAttempts(gp, n, attempts));
  PetscCall(TesReportArray(report, &table, 1));
  PetscCall(GpReportColumn(gp, report, "attempts/number", n, NULL, 0, "1", "attempt", 0));
  PetscCall(GpReportColumn(gp, report, "attempts/bound", n, &attempts[0].bound, GP_ATTEMPT_WIDTH, "1", "relative error bound (1e6: more, or not converged)", 1));
  for (PetscInt i = 0; i < n; i++) gp->columns[gp->n_columns - 1][i] = PetscMin(gp->columns[gp->n_columns - 1][i], GP_SHOWN_BOUND);
  if (newton > 0) {
    const GpNewtonRow *rows = (const GpNewtonRow *)gp->newton_rows;

    PetscCall(GpReportColumn(gp, report, "newton/iteration", newton, &rows[0].iteration, GP_NEWTON_WIDTH, "1", "iteration within its attempt", 0));
    PetscCall(GpReportColumn(gp, report, "newton/update", newton, &rows[0].update, GP_NEWTON_WIDTH, "1", "relative size of the update", 1));
    PetscCall(GpReportColumn(gp, report, "newton/residual", newton, &rows[0].residual, GP_NEWTON_WIDTH, "1", "norm of the projected residual after the iteration", 1));
    PetscCall(GpReportColumn(gp, report, "newton/gmres", newton, &rows[0].gmres, GP_NEWTON_WIDTH, "1", "GMRES iterations", 0));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Neumann and periodic sides leave a constant free and ask for a source that fits them: int f = int of the fluxes. */
static PetscErrorCode ReportCompatibility(GpPde *gp, const GpProjected *projected, TesReport report)
{
  PetscReal *g, dropped;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)gp->best.n_core, &g));
  PetscCall(GpLinearSolve(&projected->linear, projected->rhs, g));
  PetscCall(TesKronSumDropped(projected->linear.kron, &dropped));
  PetscCall(PetscFree(g));
  PetscCall(TesReportReal(report, "incompatibility", dropped,
                          &(TesFigureNote){.unit = "1", .help = "part of the data that no solution can have (source and fluxes do not balance); u is given without its free constant", .certified = PETSC_TRUE, .failed = dropped > INCOMPATIBLE ? PETSC_TRUE : PETSC_FALSE, .scale = 1}));
  if (dropped > INCOMPATIBLE) PetscCall(TesReportSay(report, "the sides leave a constant free and the data do not balance: the integral of f must be that of the fluxes through the sides. The solution given is that of balanced data"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpRefineFinish(TesProblem problem, GpPde *gp, TesReport report)
{
  const GpAttempt *best;
  GpProjected      projected = {0};
  GpBound          bound;
  PetscReal        per_wavelength = PETSC_MAX_REAL;
  PetscBool        failed;
  PetscInt         n;

  PetscFunctionBegin;
  (void)problem;
  PetscCheck(gp->has_best || gp->remainder, gp->comm, TES_ERR_NUMBERS, "no attempt could be solved%s%s", gp->refusal[0] ? "; the last one: " : "", gp->refusal);
  PetscCheck(gp->has_best, gp->comm, TES_ERR_NUMBERS,
             "no attempt converged within solver.max_newton = %" PetscInt_FMT " Newton iterations: raise it, add points, or approach the equation by continuation in the strength of its reaction (0.25, then 0.5, then 1)", gp->solver.max_newton);
  PetscCall(GpRefineBest(gp));
  best = GpRefineAttempts(gp, &n) + gp->best_row;
  PetscCall(GpProjectedCreate(gp, &gp->best, &projected));
  PetscCall(GpBoundCompute(gp, &gp->best, &projected, &bound));
  if (gp->singular && gp->best.n_core > 0) PetscCall(ReportCompatibility(gp, &projected, report));
  failed = best->bound > UNRESOLVED ? PETSC_TRUE : PETSC_FALSE;
  if (gp->source.noise_sd > 0) failed = bound.residual > NOISE_LIMIT * gp->source.noise_sd ? PETSC_TRUE : PETSC_FALSE; /* noise is no failure: what it does not explain is */
  PetscCall(GpReportFields(gp, report, BestValues));
  PetscCall(GpReportPosterior(gp, &projected, bound.residual, report));
  if (gp->zeroth != 0 && !gp->remainder && projected.linear.smallest > 0 && projected.linear.smallest < NEAR_RESONANCE * PetscAbsReal(gp->zeroth))
    PetscCall(TesReportSay(report, "equation.%s = %.15g lies within %.1e (relative) of an eigenvalue of the reduced operator: the solution is hardly determined, change it or the box", gp->eq->time < 0 ? "zeroth" : "k2",
                           (double)gp->zeroth, (double)(projected.linear.smallest / PetscAbsReal(gp->zeroth))));
  PetscCall(GpProjectedDestroy(&projected));
  PetscCall(TesReportReal(report, "residual", bound.source > 0 ? bound.residual / bound.source : bound.residual,
                          &(TesFigureNote){.unit = "1", .help = gp->f_middle ? "rms of the equation's residual between the nodes / rms(f)" : "rms of the equation's residual at the nodes / rms(f)",
                                           .certified = PETSC_TRUE, .scale = 1}));
  PetscCall(TesReportReal(report, "error_bound", best->bound,
                          &(TesFigureNote){.unit = "1", .help = gp->eq->bound ? "bound of the relative L2 error (up to sampling)" : "estimate of the relative L2 error; other solutions may exist where the equation is nonlinear",
                                           .certified = gp->eq->bound && !failed ? PETSC_TRUE : PETSC_FALSE, .failed = failed, .scale = 1})); /* unresolved, the residual is sampled too thinly for a bound */
  PetscCall(TesReportReal(report, "boundary_error", bound.misfit, &(TesFigureNote){.unit = "1", .help = "largest error of the boundary values", .certified = PETSC_TRUE, .scale = PetscMax(gp->face_max, 1)}));
  if (best->extension > 0) PetscCall(TesReportInt(report, "extension", (PetscInt64)best->extension, &(TesFigureNote){.help = "period of the waves in box lengths"}));
  PetscCall(TesReportInt(report, "background", (PetscInt64)best->background, &(TesFigureNote){.help = "polynomials beside the waves"}));
  PetscCall(TesReportInt(report, "unknowns", (PetscInt64)best->unknowns, &(TesFigureNote){.help = "size of the core"}));
  PetscCall(TesReportInt(report, "attempts", n, &(TesFigureNote){.help = "solves that the refine loop made"}));
  if (gp->remainder) PetscCall(TesReportInt(report, "newton_iterations", (PetscInt64)best->newton, &(TesFigureNote){.help = "of the chosen attempt"}));
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(ReportSpectrum(gp, report, d, &per_wavelength));
  if (per_wavelength < PETSC_MAX_REAL)
    PetscCall(TesReportReal(report, "points_per_wavelength", per_wavelength, &(TesFigureNote){.unit = "1", .help = "of the highest frequency with an amplitude above 1e-3"}));
  PetscCall(ReportTables(gp, report));
  if (failed)
    PetscCall(TesReportSay(report, "unresolved: the error %s is %.1e. Take more points (%.1f per wavelength of the highest frequency), or Chebyshev nodes for layers and broadband data",
                           gp->eq->bound ? "bound" : "estimate", (double)best->bound, WANTED_POINTS));
  else if (best->bound > gp->refine.error_bound_target && gp->refine.enable)
    PetscCall(TesReportSay(report, "refine.error_bound_target = %.0e was not reached with any extension: more points per wavelength lower the bound, down to the rounding of the data (about 1e-9 at omega L = 600)",
                           (double)gp->refine.error_bound_target));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpReportDestroy(GpPde *gp)
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < gp->n_columns; i++) PetscCall(PetscFree(gp->columns[i]));
  gp->n_columns = 0;
  PetscCall(TesFieldDestroy(&gp->u_field));
  PetscCall(TesFieldDestroy(&gp->error_field));
  PetscCall(TesFieldDestroy(&gp->sd_field));
  PetscCall(TesGridDestroy(&gp->test_grid));
  PetscFunctionReturn(PETSC_SUCCESS);
}
