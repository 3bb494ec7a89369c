/* The loop that chooses every knob by the error bound B (solve.c): the way to run.

   for the stages: extensions 3, 4, 2 with identified spectra; only where a dimension turned out broadband, the two dense dictionaries follow at once (after the attempts with what
     was identified, if that is most of the data: frequencies above the reach of the dense dictionaries are in it alone)
     for pass 1 and, where there is an N, pass 2 (identify from f - N(u_best): the harmonics that N(u) puts into f, possibly aliased, are gone)
       identify every dimension
       for background degrees below 2, 4, 8, 12, 20, 32: reduce, solve (Newton where there is an N), bound
       the candidate is the smallest background with B <= 3 min B; it replaces the best if its B < B_best / 3
     stop after the first stage whose best B is below refine.error_bound_target.

   One step of the run is one chunk of identification, one attempt, or one Newton iteration. The state is what a restart needs and no more: spectra, evidence weights, tables,
   and cores (of the Newton iterate, of attempts that may still be chosen, of the best); bases, factors and grid arrays are made again from it.
   All ranks see the same bounds (ordered sums), hence take the same way. */
#include "gp_pde.h"

static const PetscInt backgrounds[GP_BACKGROUNDS] = {2, 4, 8, 12, 20, 32};

#define FOURIER_POINTS   400 /* 1-D, broadband: beyond it the fast Fourier extension is better and cheaper than dense dictionaries */
#define BACKGROUND_ALONE 12 /* without the loop: within 1-2 digits of the best everywhere */
#define USABLE_FIT       1e-2 /* of the data: below it a spectrum that is no sparse one is tried all the same */
#define KEEP             3  /* candidates within this factor of the smallest bound; and the gain that replaces the best */

/* ---- where in the loop ---- */

/* a dimension whose frequencies are identified */
static PetscBool Identified(const GpPde *gp, PetscInt d)
{
  return gp->nodes[d] == TES_NODES_UNIFORM && !gp->periodic[d] ? PETSC_TRUE : PETSC_FALSE;
}

static PetscBool HasUniform(const GpPde *gp)
{
  for (PetscInt d = 0; d < gp->dim; d++) {
    if (Identified(gp, d)) return PETSC_TRUE;
  }
  return PETSC_FALSE;
}

static PetscInt Extensions(const GpPde *gp)
{
  return gp->refine.enable && gp->source.noise_sd == 0 ? gp->spectrum.extension.n : 1; /* noise hides what another extension could gain */
}

static GpSpectrumMode StageMode(const GpPde *gp)
{
  if (!HasUniform(gp)) return gp->periodic[0] ? GP_PERIODIC : GP_POLYNOMIAL;
  if (gp->stage < Extensions(gp)) return GP_IDENTIFIED;
  return gp->stage == Extensions(gp) ? GP_FLAT : GP_SCREENED;
}

static PetscInt StageCount(const GpPde *gp)
{
  return HasUniform(gp) ? Extensions(gp) + (gp->broadband ? 2 : 0) : 1;
}

static PetscInt BackgroundCount(const GpPde *gp)
{
  PetscInt count = 0;

  if (gp->spectrum.background.word < 0 || !gp->refine.enable || !HasUniform(gp)) return 1;
  for (PetscInt i = 0; i < GP_BACKGROUNDS; i++) {
    PetscBool fits = PETSC_TRUE;

    for (PetscInt d = 0; d < gp->dim; d++) {
      if (Identified(gp, d) && 2 * backgrounds[i] > gp->n[d]) fits = PETSC_FALSE;
    }
    if (fits) count = i + 1;
  }
  return PetscMax(count, 1);
}

static PetscInt Background(const GpPde *gp, PetscInt which)
{
  PetscInt b = gp->spectrum.background.value;

  if (gp->spectrum.background.word < 0) return b;
  if (gp->refine.enable) return backgrounds[which];
  b = BACKGROUND_ALONE;
  for (PetscInt d = 0; d < gp->dim; d++) b = Identified(gp, d) ? PetscMin(b, (PetscInt)(gp->n[d] / 2)) : b;
  return PetscMax(b, 2);
}

static PetscInt Passes(const GpPde *gp)
{
  return gp->remainder ? 2 : 1;
}

const char *const gp_mode_names[] = {"no", "identified", "flat", "screened", "periodic"};

static PetscErrorCode RefineStart(GpPde *gp)
{
  PetscFunctionBegin;
  gp->stage         = 0;
  gp->pass          = 1;
  gp->which         = 0;
  gp->phase         = GP_PHASE_IDENTIFY;
  gp->best_bound    = GP_NO_BOUND;
  gp->last_bound    = 1; /* of a relative error: nothing is known yet */
  gp->newton_update = 1;
  gp->sigma         = 1e-2;
  if (HasUniform(gp) && !gp->spectrum.identify) { /* no identification: the dense dictionaries at once */
    gp->broadband = PETSC_TRUE;
    gp->stage     = Extensions(gp);
    for (PetscInt d = 0; d < gp->dim; d++) gp->tripped[d] = Identified(gp, d);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- what is made again from the state ---- */

/* Bases for a core that came from the state (or for a fresh one). */
static PetscErrorCode Rebuild(GpPde *gp, const GpSpectrum spectra[], PetscInt background, GpSolution *solution)
{
  PetscReal       *core = solution->core;
  const PetscInt64 n    = solution->n_core;

  PetscFunctionBegin;
  if (solution->ready) PetscFunctionReturn(PETSC_SUCCESS);
  solution->core = NULL;
  PetscCall(GpSolutionCreate(gp, spectra, background, solution));
  if (core) {
    PetscCheck(n == solution->n_core, PETSC_COMM_SELF, PETSC_ERR_PLIB, "a core of %" PetscInt64_FMT " values for bases of %" PetscInt64_FMT, n, solution->n_core);
    PetscCall(PetscFree(solution->core));
    solution->core = core;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpRefineBest(GpPde *gp)
{
  PetscFunctionBegin;
  if (gp->has_best) PetscCall(Rebuild(gp, gp->best_spectra, gp->best_background, &gp->best));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The source that is identified where it is not f: f / a under a variable coefficient, and f - N(u_best) in pass 2. */
static PetscErrorCode EnsureKnown(GpPde *gp)
{
  GpBasisAt at[GP_DIM];
  GpFields  u;

  PetscFunctionBegin;
  if (!gp->remainder || gp->known_ready) PetscFunctionReturn(PETSC_SUCCESS);
  gp->known_ready = PETSC_TRUE;
  if (gp->pass != 2) {
    for (PetscInt64 i = 0; gp->coefficient && i < gp->grid.n_local; i++) gp->known[i] = gp->f[i] / gp->a_grid.u[i];
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(GpRefineBest(gp));
  PetscCall(GpFieldsCreate(gp, gp->grid.n_local, &u));
  PetscCall(GpSolutionAt(gp, &gp->best, &gp->grid, GpKindsNeeded(gp), at));
  PetscCall(GpSolutionFields(gp, &gp->best, at, &gp->grid, PETSC_TRUE, PETSC_TRUE, &u));
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(GpBasisAtDestroy(&at[d]));
  GpRemainder(gp, &gp->a_grid, &u, gp->known);
  for (PetscInt64 i = 0; i < gp->grid.n_local; i++) gp->known[i] = gp->f[i] - gp->known[i];
  PetscCall(GpFieldsDestroy(&u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EnsureAttempt(GpPde *gp)
{
  PetscFunctionBegin;
  PetscCall(Rebuild(gp, gp->spectra, Background(gp, gp->which), &gp->attempt));
  if (!gp->projected.ready) PetscCall(GpProjectedCreate(gp, &gp->attempt, &gp->projected));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DropAttempt(GpPde *gp)
{
  PetscFunctionBegin;
  PetscCall(GpProjectedDestroy(&gp->projected));
  PetscCall(GpSolutionDestroy(&gp->attempt));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- the steps ---- */

static PetscErrorCode BeginPass(GpPde *gp, PetscInt stage, PetscInt pass)
{
  PetscFunctionBegin;
  gp->stage       = stage;
  gp->pass        = pass;
  gp->which       = 0;
  gp->phase       = GP_PHASE_IDENTIFY;
  gp->known_ready = PETSC_FALSE;
  PetscCall(GpIdentifyReset(&gp->work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Do identified spectra hold most of the data of every dimension? */
static PetscBool Usable(const GpPde *gp)
{
  for (PetscInt d = 0; d < gp->dim; d++) {
    if (Identified(gp, d) && gp->tripped[d] && (gp->spectra[d].n == 0 || gp->spectra[d].fit > USABLE_FIT)) return PETSC_FALSE;
  }
  return PETSC_TRUE;
}

static PetscErrorCode IdentifyStep(TesProblem problem, GpPde *gp, TesProgress *progress)
{
  const PetscInt       d         = gp->which;
  const GpSpectrumMode mode      = gp->periodic[d] ? GP_PERIODIC : gp->nodes[d] == TES_NODES_CHEBYSHEV ? GP_POLYNOMIAL : StageMode(gp);
  const PetscInt       extension = gp->spectrum.extension.v[mode == GP_IDENTIFIED ? gp->stage : 0];
  PetscBool            done = PETSC_TRUE, tripped = PETSC_FALSE;

  PetscFunctionBegin;
  PetscCall(EnsureKnown(gp));
  PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "spectrum along %c, extension %" PetscInt_FMT, "xyz"[d], extension));
  if (mode == GP_POLYNOMIAL || mode == GP_PERIODIC || (gp->tripped[d] && mode != GP_IDENTIFIED)) PetscCall(GpIdentifyDense(gp, d, mode));
  else if (mode == GP_IDENTIFIED || gp->pass == 2 || !gp->spectra[d].extension) PetscCall(GpIdentifyStep(gp, d, extension, &done, &tripped));
  if (!done) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(GpIdentifyReset(&gp->work));
  if (tripped && gp->solver.kind == 0 && gp->n[d] > FOURIER_POINTS && GpFourierFits(gp)) {
    PetscCall(TesProblemSay(problem, "the source is broadband (it does not sum up from at most %" PetscInt_FMT " frequencies): going on with solver.kind: fft_extension", gp->spectrum.max_candidates));
    PetscCall(GpRouteChange(gp, GP_ROUTE_FOURIER));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (tripped) {
    if (!gp->tripped[d]) PetscCall(TesProblemSay(problem, "dimension %c is broadband (its data do not sum up from at most %" PetscInt_FMT " frequencies): dense dictionaries are taken; Chebyshev nodes would gain about 4 digits",
                                                 "xyz"[d], gp->spectrum.max_candidates));
    gp->tripped[d] = gp->broadband = PETSC_TRUE;
    if (mode != GP_IDENTIFIED) PetscCall(GpIdentifyDense(gp, d, mode));
  }
  if (++gp->which < gp->dim) PetscFunctionReturn(PETSC_SUCCESS);
  if (gp->broadband && StageMode(gp) == GP_IDENTIFIED && !Usable(gp)) PetscCall(BeginPass(gp, Extensions(gp), 1));
  else {
    gp->which  = 0;
    gp->n_kept = 0;
    gp->phase  = GP_PHASE_ATTEMPT;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode KeptReset(GpKept *kept)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(kept->core));
  PetscCall(PetscMemzero(kept, sizeof(*kept)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Attempts come with growing background, so an attempt can be chosen only if its bound is below those of all before it and within KEEP of the smallest: the
   rest is dropped, and one or two cores stay. */
static PetscErrorCode Keep(GpPde *gp, PetscReal bound)
{
  PetscReal min   = bound;
  PetscInt  count = 0;

  PetscFunctionBegin;
  if (bound >= GP_NO_BOUND) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt i = 0; i < gp->n_kept; i++) min = PetscMin(min, gp->kept[i].bound);
  for (PetscInt i = 0; i < gp->n_kept; i++) {
    if (gp->kept[i].bound <= KEEP * min) {
      if (i != count) {
        gp->kept[count] = gp->kept[i];
        PetscCall(PetscMemzero(&gp->kept[i], sizeof(gp->kept[i])));
      }
      count++;
    } else PetscCall(KeptReset(&gp->kept[i]));
  }
  gp->n_kept = count;
  if (count && bound >= min) PetscFunctionReturn(PETSC_SUCCESS); /* an earlier one is as good */
  {
    GpKept *kept = &gp->kept[gp->n_kept++];

    *kept = (GpKept){.background = Background(gp, gp->which), .row = (PetscInt)(gp->n_attempts / GP_ATTEMPT_WIDTH) - 1, .bound = bound, .n = gp->attempt.n_core};
    PetscCall(PetscMalloc1((size_t)kept->n, &kept->core));
    PetscCall(PetscArraycpy(kept->core, gp->attempt.core, (size_t)kept->n));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* End of a pass: the candidate, perhaps the new best, and where to go on. */
static PetscErrorCode Choose(TesProblem problem, GpPde *gp)
{
  PetscInt next;

  PetscFunctionBegin;
  if (gp->n_kept > 0 && gp->kept[0].bound < gp->best_bound / KEEP) {
    GpKept *kept = &gp->kept[0]; /* the smallest background of those left */

    PetscCall(GpSolutionDestroy(&gp->best));
    gp->best.core       = kept->core;
    gp->best.n_core     = kept->n;
    kept->core          = NULL;
    gp->has_best        = PETSC_TRUE;
    gp->best_bound      = kept->bound;
    gp->best_background = kept->background;
    gp->best_row        = kept->row;
    for (PetscInt d = 0; d < gp->dim; d++) PetscCall(GpSpectrumCopy(&gp->spectra[d], &gp->best_spectra[d]));
    PetscCall(TesProblemSay(problem, "%s spectrum, extension %" PetscInt64_FMT ", pass %" PetscInt_FMT ": background %d is the best so far, error %s %.2e", gp_mode_names[gp->spectra[0].mode],
                            gp->spectra[0].extension, gp->pass, (int)((GpAttempt *)gp->attempts)[gp->best_row].background, gp->eq->bound ? "bound" : "estimate", (double)gp->best_bound));
  }
  for (PetscInt i = 0; i < GP_BACKGROUNDS; i++) PetscCall(KeptReset(&gp->kept[i]));
  gp->n_kept = 0;
  if (gp->pass < Passes(gp) && gp->has_best) {
    PetscCall(BeginPass(gp, gp->stage, gp->pass + 1));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  next = gp->broadband ? PetscMax(gp->stage + 1, Extensions(gp)) : gp->stage + 1;
  if (gp->best_bound < gp->refine.error_bound_target || next >= StageCount(gp)) gp->phase = GP_PHASE_DONE;
  else PetscCall(BeginPass(gp, next, 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FinishAttempt(TesProblem problem, GpPde *gp, PetscBool failed)
{
  GpBound bound = {.bound = GP_NO_BOUND, .residual = GP_NO_BOUND, .misfit = GP_NO_BOUND};

  PetscFunctionBegin;
  if (!failed) PetscCall(GpBoundCompute(gp, &gp->attempt, &gp->projected, &bound));
  gp->last_bound = bound.bound;
  PetscCall(GpRefineAttemptAdd(gp, &(GpAttempt){.mode       = (PetscReal)gp->spectra[0].mode,
                                                .extension  = (PetscReal)gp->spectra[0].extension,
                                                .pass       = gp->pass,
                                                .background = gp->attempt.shown,
                                                .unknowns   = (PetscReal)gp->attempt.n_core,
                                                .newton     = gp->newton,
                                                .bound      = bound.bound,
                                                .residual   = bound.residual,
                                                .misfit     = bound.misfit}));
  PetscCall(Keep(gp, bound.bound));
  PetscCall(DropAttempt(gp));
  if (++gp->which < BackgroundCount(gp)) gp->phase = GP_PHASE_ATTEMPT;
  else PetscCall(Choose(problem, gp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* bases, projected problem and linear solve of one attempt */
static PetscErrorCode BeginAttempt(GpPde *gp)
{
  PetscFunctionBegin;
  PetscCall(EnsureAttempt(gp));
  PetscCall(GpProjectedStart(gp, &gp->projected, &gp->attempt));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AttemptStep(TesProblem problem, GpPde *gp, TesProgress *progress)
{
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "pass %" PetscInt_FMT ", background %" PetscInt_FMT, gp->pass, Background(gp, gp->which)));
  PetscCall(EnsureKnown(gp));
  PetscCall(DropAttempt(gp));
  gp->newton = 0;
  ierr       = BeginAttempt(gp); /* replicated work: the same code on every rank */
  if (ierr == TES_ERR_NUMBERS) { /* this dictionary makes a singular projected operator: the next one may not */
    PetscCall(PetscStrncpy(gp->refusal, TesErrorMessage(), sizeof(gp->refusal)));
    TesErrorForget();
    PetscCall(FinishAttempt(problem, gp, PETSC_TRUE));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(ierr);
  if (gp->remainder && gp->attempt.n_core > 0) gp->phase = GP_PHASE_NEWTON;
  else PetscCall(FinishAttempt(problem, gp, PETSC_FALSE));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NewtonStep(TesProblem problem, GpPde *gp, TesProgress *progress)
{
  PetscBool converged, failed;

  PetscFunctionBegin;
  PetscCall(EnsureKnown(gp));
  PetscCall(EnsureAttempt(gp));
  PetscCall(GpNewtonStep(gp, &gp->projected, &gp->attempt, &converged, &failed));
  PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "pass %" PetscInt_FMT ", background %" PetscInt_FMT ", newton %" PetscInt_FMT, gp->pass, Background(gp, gp->which),
                          gp->newton));
  if (converged && gp->source.noise_sd > 0) { /* from the collocation solution on; replicated decisions */
    PetscErrorCode ierr = GpMapSolve(gp, &gp->projected, &gp->attempt);

    if (ierr == TES_ERR_NUMBERS) {
      TesErrorForget();
      failed = PETSC_TRUE;
    } else PetscCall(ierr);
  }
  if (converged || failed) PetscCall(FinishAttempt(problem, gp, failed));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RefineStep(TesProblem problem, GpPde *gp, TesProgress *progress)
{
  static PetscErrorCode (*const steps[])(TesProblem, GpPde *, TesProgress *) = {IdentifyStep, AttemptStep, NewtonStep};
  static const char *const phases[]                                          = {"identification", "attempts", "newton"};
  const GpPhase            phase                                             = (GpPhase)gp->phase;
  const PetscInt           per_pass                                          = gp->dim + BackgroundCount(gp);

  PetscFunctionBegin;
  if (phase != GP_PHASE_DONE) {
    PetscCall(TesPhaseBegin(TesProblemTimers(problem), phases[phase]));
    PetscCall(steps[phase](problem, gp, progress));
    PetscCall(TesPhaseEnd(TesProblemTimers(problem), phases[phase]));
  }
  progress->total      = (PetscReal)(StageCount(gp) * Passes(gp) * per_pass);
  progress->done       = (PetscReal)((gp->stage * Passes(gp) + gp->pass - 1) * per_pass + (gp->phase == GP_PHASE_IDENTIFY ? 0 : gp->dim) + gp->which);
  progress->work       = 1;
  for (PetscInt d = 0; d < gp->dim; d++) progress->work *= (PetscReal)gp->n[d];
  progress->merit_name = "bound";
  progress->merit      = PetscMin(gp->best_bound, gp->last_bound);
  progress->finished   = gp->phase == GP_PHASE_DONE ? PETSC_TRUE : PETSC_FALSE;
  if (progress->finished) progress->done = progress->total;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RefineDestroy(GpPde *gp)
{
  PetscFunctionBegin;
  PetscCall(DropAttempt(gp));
  PetscCall(GpSolutionDestroy(&gp->best));
  PetscCall(GpIdentifyReset(&gp->work));
  for (PetscInt d = 0; d < GP_DIM; d++) {
    PetscCall(GpSpectrumReset(&gp->spectra[d]));
    PetscCall(GpSpectrumReset(&gp->best_spectra[d]));
  }
  for (PetscInt i = 0; i < GP_BACKGROUNDS; i++) PetscCall(KeptReset(&gp->kept[i]));
  PetscCall(PetscFree(gp->attempts));
  PetscCall(PetscFree(gp->newton_rows));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- as a way to the solution ---- */

static PetscErrorCode RefineCheck(TesProblem problem, GpPde *gp)
{
  const char *family = gp_family_names[gp->kernel.family];

  PetscFunctionBegin;
  if (!strcmp(family, "spectral_grid") || !strcmp(family, "chebyshev")) {
    for (PetscInt d = 0; d < gp->dim; d++) {
      if ((gp->nodes[d] == TES_NODES_CHEBYSHEV) == !strcmp(family, "chebyshev")) continue;
      PetscCall(TesDeckComplain(problem, "kernel.family", "at odds with domain.nodes along %c: spectral_grid stands on uniform nodes, chebyshev on chebyshev", "xyz"[d]));
      break;
    }
  } else if (strcmp(family, "auto"))
    PetscCall(TesDeckComplain(problem, "kernel.family", "for the published training: set solver.kind: reference, or leave the spectrum to be identified (spectral_grid)"));
  if (gp->solver.kind == 1 && gp->eq->nonlinear) PetscCall(TesDeckComplain(problem, "solver.kind", "not for %s, which is nonlinear: take newton or auto", gp->eq->name));
  else if (gp->solver.kind == 1 && gp->remainder) PetscCall(TesDeckComplain(problem, "solver.kind", "not for a variable coefficient, whose operator is not separable: take newton or auto"));
  if (gp->solver.kind == 2 && !gp->remainder) PetscCall(TesDeckComplain(problem, "solver.kind", "not for %s, which is linear: take direct or auto", gp->eq->name));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RefineSetUp(GpPde *gp)
{
  PetscFunctionBegin;
  if (gp->remainder) PetscCall(GpNewtonAskOptions(gp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RefineObserve(GpPde *gp, TesSeries series)
{
  PetscFunctionBegin;
  PetscCall(TesSeriesReal(series, "stage", "1", (PetscReal)gp->stage));
  PetscCall(TesSeriesReal(series, "pass", "1", (PetscReal)gp->pass));
  PetscCall(TesSeriesReal(series, "attempts", "1", (PetscReal)(gp->n_attempts / GP_ATTEMPT_WIDTH)));
  PetscCall(TesSeriesReal(series, "evidence_sigma", "1", gp->sigma));
  PetscCall(TesSeriesReal(series, "newton_update", "1", PetscMin(gp->newton_update, GP_SHOWN_BOUND)));
  PetscCall(TesSeriesReal(series, "error_bound", "1", PetscMin(gp->last_bound, GP_SHOWN_BOUND)));
  PetscCall(TesSeriesReal(series, "best_error_bound", "1", gp->has_best ? PetscMin(gp->best_bound, GP_SHOWN_BOUND) : 1));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const GpRoute gp_route_refine = {
  .name     = "refine",
  .help     = "identified spectra, reduced bases, direct or Newton solves, chosen by the error bound",
  .check    = RefineCheck,
  .estimate = GpRefineEstimate,
  .setup    = RefineSetUp,
  .start    = RefineStart,
  .step     = RefineStep,
  .observe  = RefineObserve,
  .state    = GpRefineState,
  .finish   = GpRefineFinish,
  .destroy  = RefineDestroy,
};
