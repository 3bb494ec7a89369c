/* inverse mode - coefficients of the equation together with u, from observations of u: inverse.unknown (k2, diffusion, beta), with standard deviations.

     minimise  |S_p u + N(u) - f|^2 / (2 sigma_e^2) + |u(x_i) - d_i|^2 / (2 noise^2) + |g|^2 / (2 sigma_f^2)  over u in the reduced bases and p
   by Gauss-Newton (inverse_system.c). The start is a fit of u to the observations alone: at u = 0 the derivative by p vanishes. Then sigma_e falls and sigma_f grows by 10 per step, from the size of the
   equation's terms (p is fitted to u) to 1e-6 of it, far below what the observations can see (the equation holds, u is its solution at p, and the prior has no say). To ask for the equation at once,
   or to solve for u and compare, would diverge: the way from a bad p leads through eigenvalues.

   Bases: the frequencies that the source and the sides show (identify.c) and, since homogeneous solutions at an unknown coefficient show in neither, all low ones, up to what
   the observations could tell apart, with falling weights. Converged when sigma_e is at its end and a step moves no coefficient by more than a thousandth of its deviation or 1e-10 of itself.
   A step that raises the sum of squares is halved. One step of the run is a part of an identification, the fit, or one Gauss-Newton step; the state is the spectra, g, p and their history. */
#include "inverse.h"

#define EQUATION_NOISE 1e-6 /* of the terms of the equation: below what observations of any ordinary noise can see, above what the functions cannot represent */
#define TIGHTEN        0.1  /* per step, from 1 to it */
#define TRUNCATION     1e-8 /* of the bases: functions that the nodes hardly see would take up the noise of observations between them */
#define MOST_STEPS     50
#define HALVINGS       10

typedef enum { PHASE_IDENTIFY, PHASE_FIT, PHASE_STEPS, PHASE_DONE } Phase;

typedef struct _GpInverse {
  PetscInt        n_unknown;
  GpObservations  observations;
  PetscInt64      phase, iterations;
  PetscInt        which;
  PetscReal       given[GP_UNKNOWNS], given_truncation; /* by the deck, which is what gp holds between steps: the source of a known solution was made with it */
  PetscReal       p[GP_UNKNOWNS], sd[GP_UNKNOWNS], change, sigma_e, sigma_f;
  PetscInt64      n_g, n_history;
  PetscReal      *g, *history; /* whitened coefficients; per step {value, deviation} of every unknown, the start first */
  GpInverseSystem system;      /* made from the state when needed */
  PetscBool       ready;
} GpInverse;

#define HISTORY_WIDTH(w) (2 * (w)->n_unknown)

/* X(word, member of GpPde.equation, unit) */
#define GP_UNKNOWN_LIST(X) \
  X("k2", k2, "1/length^2") \
  X("diffusion", diffusion, "length^2/time") \
  X("beta", beta, "length/time")
#define AS_NAME(NAME, MEMBER, UNIT)   NAME,
#define AS_UNIT(NAME, MEMBER, UNIT)   UNIT,
#define AS_OFFSET(NAME, MEMBER, UNIT) offsetof(GpPde, equation.MEMBER),

const char *const        gp_unknown_names[] = {GP_UNKNOWN_LIST(AS_NAME) NULL};
static const char *const units[]            = {GP_UNKNOWN_LIST(AS_UNIT)};
static const size_t      offsets[]          = {GP_UNKNOWN_LIST(AS_OFFSET)};

static PetscReal *Coefficient(GpPde *gp, PetscInt unknown)
{
  return (PetscReal *)((char *)gp + offsets[gp->inverse.unknown.v[unknown]]);
}

/* From here to GiveBack the equation reads the present coefficients. */
static void Take(GpPde *gp)
{
  GpInverse *w = gp->inverse_work;

  for (PetscInt i = 0; i < w->n_unknown; i++) *Coefficient(gp, i) = w->p[i];
  w->given_truncation   = gp->solver.truncation;
  gp->solver.truncation = PetscMax(gp->solver.truncation, TRUNCATION);
}

static void GiveBack(GpPde *gp)
{
  GpInverse *w = gp->inverse_work;

  for (PetscInt i = 0; i < w->n_unknown; i++) *Coefficient(gp, i) = w->given[i];
  gp->solver.truncation = w->given_truncation;
}

/* does the equation read this coefficient? */
static PetscBool Reads(GpPde *gp, PetscReal *p)
{
  const PetscReal keep = *p;
  PetscReal       low[2 * GP_DIM + 1] = {0}, high[2 * GP_DIM + 1] = {0};
  PetscBool       reads = PETSC_FALSE;

  gp->eq->separable(gp, low, low + GP_DIM, low + 2 * GP_DIM);
  *p = keep + 1;
  gp->eq->separable(gp, high, high + GP_DIM, high + 2 * GP_DIM);
  *p = keep;
  for (PetscInt i = 0; i <= 2 * GP_DIM; i++) reads = low[i] != high[i] ? PETSC_TRUE : reads;
  return reads;
}

PetscBool GpInverseWanted(const GpPde *gp)
{
  return gp->inverse.unknown.n > 0 ? PETSC_TRUE : PETSC_FALSE;
}

static PetscErrorCode CheckUnknowns(TesProblem problem, GpPde *gp)
{
  const TesInts *unknown = &gp->inverse.unknown;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < unknown->n; i++) {
    for (PetscInt j = 0; j < i; j++) {
      if (unknown->v[i] == unknown->v[j]) PetscCall(TesDeckComplain(problem, "inverse.unknown", "has %s twice", gp_unknown_names[unknown->v[i]]));
    }
    if (!Reads(gp, Coefficient(gp, i))) PetscCall(TesDeckComplain(problem, "inverse.unknown", "not right for %s, which has no coefficient %s", gp->eq->name, gp_unknown_names[unknown->v[i]]));
  }
  if (gp->inverse.initial.n != unknown->n)
    PetscCall(TesDeckComplain(problem, "inverse.initial", "has %" PetscInt_FMT " values for %" PetscInt_FMT " unknown coefficients: give one each", gp->inverse.initial.n, unknown->n));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InverseCheck(TesProblem problem, GpPde *gp)
{
  PetscFunctionBegin;
  PetscCall(CheckUnknowns(problem, gp));
  if (gp->solver.kind > 2) PetscCall(TesDeckComplain(problem, "solver.kind", "not for the inverse mode: leave it at auto"));
  if (gp->equation.variable_coefficient) PetscCall(TesDeckComplain(problem, "equation.variable_coefficient", "not for the inverse mode, which takes constant coefficients"));
  for (PetscInt d = 0; d < gp->dim; d++) {
    if (gp->periodic[d]) PetscCall(TesDeckComplain(problem, "boundary.kind", "periodic along %c, which the inverse mode does not take", "xyz"[d]));
  }
  if (gp->inverse.data && gp->inverse.synthetic > 0) PetscCall(TesDeckComplain(problem, "inverse.synthetic", "given together with inverse.data: give one of them"));
  else if (!gp->inverse.data && gp->inverse.synthetic == 0) PetscCall(TesDeckComplain(problem, "inverse.unknown", "without observations: name a file in inverse.data, or have them made by inverse.synthetic"));
  else if (!gp->inverse.data && !gp->truth) PetscCall(TesDeckComplain(problem, "inverse.synthetic", "for a known solution only: set manufactured.name or manufactured.expression, or name a file in inverse.data"));
  PetscCall(GpObservationsCheck(problem, gp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InverseDestroy(GpPde *gp)
{
  GpInverse *w = gp->inverse_work;

  PetscFunctionBegin;
  if (!w) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(GpObservationsDestroy(&w->observations));
  PetscCall(GpInverseSystemDestroy(&w->system));
  PetscCall(PetscFree(w->g));
  PetscCall(PetscFree(w->history));
  PetscCall(PetscFree(gp->inverse_work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InverseSetUp(GpPde *gp)
{
  GpInverse *w;

  PetscFunctionBegin;
  PetscCall(InverseDestroy(gp));
  PetscCall(PetscNew(&w));
  gp->inverse_work = w;
  w->n_unknown     = gp->inverse.unknown.n;
  PetscCall(GpObservationsCreate(gp, &w->observations));
  for (PetscInt i = 0; i < w->n_unknown; i++) {
    w->given[i] = *Coefficient(gp, i);
    w->p[i]     = gp->inverse.initial.v[i];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InverseStart(GpPde *gp)
{
  GpInverse *w = gp->inverse_work;

  PetscFunctionBegin;
  w->phase  = PHASE_IDENTIFY;
  w->change = 1;
  gp->pass  = 1;
  gp->sigma = 1e-2;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The lines that were identified along d, weight 1, and the low ones. */
static PetscErrorCode AddLowLines(GpPde *gp, PetscInt d)
{
  const GpInverse *w        = gp->inverse_work;
  GpSpectrum      *spectrum = &gp->spectra[d];
  const PetscReal  along    = PetscPowReal((PetscReal)w->observations.n, 1. / (PetscReal)gp->dim);
  PetscInt64       low, highest = 0, n = 0, *bin;
  PetscReal       *s;

  PetscFunctionBegin;
  if (spectrum->mode != GP_IDENTIFIED) PetscFunctionReturn(PETSC_SUCCESS);
  low = (PetscInt64)((PetscReal)spectrum->extension / 2 * PetscMin(along, (PetscReal)gp->n[d] / 3)); /* `low` bins span about 2 low / extension functions: fewer than the nodes determine */
  for (PetscInt64 i = 0; i < spectrum->n; i++) highest = PetscMax(highest, spectrum->bin[i]);
  highest = PetscMax(highest, low);
  PetscCall(PetscMalloc1((size_t)(highest + 1), &bin));
  PetscCall(PetscMalloc1((size_t)(highest + 1), &s));
  for (PetscInt64 m = 0; m <= highest; m++) {
    PetscBool have = PETSC_FALSE;

    for (PetscInt64 i = 0; i < spectrum->n && !have; i++) have = spectrum->bin[i] == m ? PETSC_TRUE : PETSC_FALSE;
    if (!have && m > low) continue;
    bin[n] = m;
    s[n++] = 1 / PetscSqr(1 + 16 * PetscSqr((PetscReal)m / PetscMax(1, (PetscReal)(have ? highest : low)))); /* a smooth u is likelier than a rough one */
  }
  PetscCall(PetscFree(spectrum->bin));
  PetscCall(PetscFree(spectrum->s));
  spectrum->bin  = bin;
  spectrum->s    = s;
  spectrum->n    = spectrum->n_s = n;
  spectrum->mode = GP_FLAT; /* weights as they are */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Identify(GpPde *gp, TesProgress *progress)
{
  GpInverse     *w = gp->inverse_work;
  const PetscInt d = w->which;
  PetscBool      done = PETSC_TRUE, tripped = PETSC_FALSE;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "spectrum along %c", "xyz"[d]));
  if (gp->nodes[d] == TES_NODES_CHEBYSHEV) PetscCall(GpIdentifyDense(gp, d, GP_POLYNOMIAL));
  else PetscCall(GpIdentifyStep(gp, d, gp->spectrum.extension.v[0], &done, &tripped));
  if (!done) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(GpIdentifyReset(&gp->work));
  if (tripped) PetscCall(GpIdentifyDense(gp, d, GP_FLAT));
  else PetscCall(AddLowLines(gp, d));
  if (++w->which >= gp->dim) w->phase = PHASE_FIT;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode HistoryAdd(GpInverse *w)
{
  const PetscInt width = HISTORY_WIDTH(w);
  PetscReal     *longer;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)(w->n_history + width), &longer));
  PetscCall(PetscArraycpy(longer, w->history, (size_t)w->n_history));
  for (PetscInt i = 0; i < w->n_unknown; i++) {
    longer[w->n_history + 2 * i]     = w->p[i];
    longer[w->n_history + 2 * i + 1] = w->sd[i];
  }
  PetscCall(PetscFree(w->history));
  w->history = longer;
  w->n_history += width;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EnsureSystem(GpPde *gp)
{
  GpInverse *w = gp->inverse_work;
  PetscReal *p[GP_UNKNOWNS];

  PetscFunctionBegin;
  for (PetscInt i = 0; i < w->n_unknown; i++) p[i] = Coefficient(gp, i);
  if (w->ready) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(GpInverseSystemCreate(gp, &w->observations, w->n_unknown, p, &w->system));
  PetscCheck(w->n_g == 0 || w->n_g == w->system.n, gp->comm, TES_ERR_WORLD, "the checkpoint holds %lld coefficients, this deck makes %" PetscInt_FMT, (long long)w->n_g, w->system.n);
  w->ready = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Fit(GpPde *gp, TesProgress *progress)
{
  GpInverse *w = gp->inverse_work;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "fit to the observations"));
  PetscCall(EnsureSystem(gp));
  PetscCall(PetscFree(w->g));
  w->n_g = w->system.n;
  PetscCall(PetscMalloc1((size_t)w->n_g, &w->g));
  PetscCall(GpInverseFit(gp, &w->system, &w->observations, w->g));
  w->sigma_e = w->system.source + w->system.residual; /* size of the equation's terms */
  w->sigma_f = w->system.sigma_f;
  PetscCall(HistoryAdd(w));
  w->phase = PHASE_STEPS;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* how much of the way from the fit to the equation is left: 1 to EQUATION_NOISE */
static PetscReal Left(const GpInverse *w)
{
  return PetscMax(EQUATION_NOISE, PetscPowRealInt(TIGHTEN, (int)PetscMin(w->iterations, MOST_STEPS)));
}

static void SetSigma(GpInverse *w)
{
  w->system.sigma_e = w->sigma_e * Left(w);
  w->system.sigma_f = w->sigma_f / PetscSqr(Left(w));
}

static PetscErrorCode Step(GpPde *gp, TesProgress *progress)
{
  GpInverse *w = gp->inverse_work;
  PetscReal *dg, *g, dp[GP_UNKNOWNS], p[GP_UNKNOWNS], factor = 1, cost, before;
  PetscBool  tight;

  PetscFunctionBegin;
  PetscCall(EnsureSystem(gp));
  tight = Left(w) <= EQUATION_NOISE ? PETSC_TRUE : PETSC_FALSE;
  PetscCall(PetscMalloc2((size_t)w->n_g, &dg, (size_t)w->n_g, &g));
  PetscCall(PetscArraycpy(p, w->p, (size_t)w->n_unknown));
  SetSigma(w);
  PetscCall(GpInverseCost(gp, &w->system, &w->observations, w->g, &before));
  PetscCall(GpInverseStep(gp, &w->system, &w->observations, w->g, dg, dp, w->sd));
  for (PetscInt half = 0;; half++, factor /= 2) {
    for (PetscInt64 k = 0; k < w->n_g; k++) g[k] = w->g[k] + factor * dg[k];
    for (PetscInt i = 0; i < w->n_unknown; i++) *Coefficient(gp, i) = w->p[i] = p[i] + factor * dp[i];
    PetscCall(GpInverseCost(gp, &w->system, &w->observations, g, &cost));
    if (cost <= before * (1 + 1e-6) || half == HALVINGS) break; /* at the minimum, rounding of heavily weighted rows */
  }
  PetscCheck(!PetscIsInfOrNanReal(cost), gp->comm, TES_ERR_NUMBERS, "the Gauss-Newton steps of the inverse mode diverge: start nearer (inverse.initial)");
  PetscCall(PetscArraycpy(w->g, g, (size_t)w->n_g));
  w->change = 0;
  for (PetscInt i = 0; i < w->n_unknown; i++) w->change = PetscMax(w->change, PetscAbsReal(factor * dp[i]) / PetscMax(1e-3 * w->sd[i], 1e-10 * PetscAbsReal(w->p[i])));
  w->iterations++;
  PetscCall(HistoryAdd(w));
  PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "step %lld: %s = %.8g +- %.2g", (long long)w->iterations, gp_unknown_names[gp->inverse.unknown.v[0]], (double)w->p[0], (double)w->sd[0]));
  if ((w->change <= 1 && tight) || w->iterations >= MOST_STEPS) w->phase = PHASE_DONE;
  PetscCall(PetscFree2(dg, g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InverseStep(TesProblem problem, GpPde *gp, TesProgress *progress)
{
  static PetscErrorCode (*const steps[])(GpPde *, TesProgress *) = {Identify, Fit, Step};
  static const char *const names[]                              = {"identification", "fit", "gauss_newton"};
  GpInverse               *w                                    = gp->inverse_work;
  const PetscInt64         phase                                = w->phase;

  PetscFunctionBegin;
  if (phase < PHASE_DONE) {
    PetscCall(TesPhaseBegin(TesProblemTimers(problem), names[phase]));
    Take(gp);
    PetscCall(steps[phase](gp, progress));
    GiveBack(gp);
    PetscCall(TesPhaseEnd(TesProblemTimers(problem), names[phase]));
  }
  progress->done  = (PetscReal)(w->which + w->iterations);
  progress->total = (PetscReal)(gp->dim + PetscMax(w->iterations, 9));
  progress->work  = 1;
  for (PetscInt d = 0; d < gp->dim; d++) progress->work *= (PetscReal)gp->n[d];
  progress->merit_name = gp_unknown_names[gp->inverse.unknown.v[0]];
  progress->merit      = w->p[0];
  progress->finished   = w->phase == PHASE_DONE ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InverseObserve(GpPde *gp, TesSeries series)
{
  const GpInverse *w = gp->inverse_work;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < w->n_unknown; i++) PetscCall(TesSeriesRealStderr(series, gp_unknown_names[gp->inverse.unknown.v[i]], units[gp->inverse.unknown.v[i]], w->p[i], w->sd[i]));
  PetscCall(TesSeriesReal(series, "change", "1", w->change));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InverseState(GpPde *gp, TesState state)
{
  GpInverse *w = gp->inverse_work;
  char       name[32];

  PetscFunctionBegin;
  PetscCall(TesStatePush(state, "inverse"));
  PetscCall(TesStateInt(state, "phase", &w->phase));
  PetscCall(TesStateIndex(state, "which", &w->which));
  PetscCall(TesStateInt(state, "iterations", &w->iterations));
  PetscCall(TesStateReals(state, "p", w->n_unknown, w->p));
  PetscCall(TesStateReals(state, "sd", w->n_unknown, w->sd));
  PetscCall(TesStateReal(state, "change", &w->change));
  PetscCall(TesStateReal(state, "sigma_e", &w->sigma_e));
  PetscCall(TesStateReal(state, "sigma_f", &w->sigma_f));
  PetscCall(TesStateRealsGrow(state, "g", &w->n_g, &w->g));
  PetscCall(TesStateRealsGrow(state, "history", &w->n_history, &w->history));
  for (PetscInt d = 0; d < gp->dim; d++) {
    PetscCall(PetscSNPrintf(name, sizeof(name), "spectrum_%c", "xyz"[d]));
    PetscCall(GpSpectrumState(&gp->spectra[d], name, state));
  }
  PetscCall(GpIdentifyState(&gp->work, state));
  PetscCall(TesStatePop(state));
  PetscCheck(w->phase >= PHASE_IDENTIFY && w->phase <= PHASE_DONE, gp->comm, TES_ERR_WORLD, "the checkpoint names phase %lld", (long long)w->phase);
  if (state->ops->mode == TES_STATE_WRITES_PROBLEM) {
    w->ready = PETSC_FALSE;
    PetscCall(GpInverseSystemDestroy(&w->system));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InverseValues(GpPde *gp, const GpPointSet *set, PetscReal *u)
{
  PetscFunctionBegin;
  PetscCall(GpSolutionValues(gp, &gp->inverse_work->system.solution, set, u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReportUnknown(GpPde *gp, TesReport report, PetscInt i, PetscBool failed)
{
  const GpInverse *w     = gp->inverse_work;
  const PetscInt   which = gp->inverse.unknown.v[i], rows = (PetscInt)(w->n_history / HISTORY_WIDTH(w));
  TesFigureNote    note  = {.unit = units[which], .help = "coefficient of the equation, from the observations", .failed = failed};
  char             name[64];

  PetscFunctionBegin;
  if (gp->truth && !strcmp(gp_data_names[gp->source.from], "manufactured")) {
    note.has_reference = PETSC_TRUE;
    note.reference     = w->given[i];
    note.source        = "section equation of the deck, from which the source was made";
  }
  PetscCall(TesReportReal(report, gp_unknown_names[which], w->p[i], &note));
  PetscCall(PetscSNPrintf(name, sizeof(name), "%s_sd", gp_unknown_names[which]));
  PetscCall(TesReportReal(report, name, w->sd[i], &(TesFigureNote){.unit = units[which], .help = "its standard deviation, u left free"}));
  PetscCall(PetscSNPrintf(name, sizeof(name), "inverse/%s", gp_unknown_names[which]));
  PetscCall(GpReportColumn(gp, report, name, rows, w->history + 2 * i, HISTORY_WIDTH(w), units[which], "coefficient after each step, the start first", 0));
  PetscCall(PetscSNPrintf(name, sizeof(name), "inverse/%s_sd", gp_unknown_names[which]));
  PetscCall(GpReportColumn(gp, report, name, rows, w->history + 2 * i + 1, HISTORY_WIDTH(w), units[which], "its standard deviation", 0));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InverseFinish(TesProblem problem, GpPde *gp, TesReport report)
{
  GpInverse      *w      = gp->inverse_work;
  const PetscBool failed = w->change > 1 ? PETSC_TRUE : PETSC_FALSE;
  const PetscInt  rows   = (PetscInt)(w->n_history / HISTORY_WIDTH(w));
  PetscReal      *number, cost;

  PetscFunctionBegin;
  (void)problem;
  PetscCheck(w->n_g > 0, gp->comm, PETSC_ERR_PLIB, "nothing was fitted");
  Take(gp);
  PetscCall(EnsureSystem(gp));
  SetSigma(w);
  PetscCall(GpInverseCost(gp, &w->system, &w->observations, w->g, &cost));
  GiveBack(gp);
  for (PetscInt i = 0; i < w->n_unknown; i++) PetscCall(ReportUnknown(gp, report, i, failed));
  PetscCall(GpReportFields(gp, report, InverseValues));
  PetscCall(TesReportReal(report, "residual", w->system.source > 0 ? w->system.residual / w->system.source : w->system.residual,
                          &(TesFigureNote){.unit = "1", .help = "rms of the equation's residual at the nodes / rms(f), with the coefficients found", .certified = PETSC_TRUE, .scale = 1}));
  PetscCall(TesReportReal(report, "misfit", w->system.misfit, &(TesFigureNote){.unit = "1", .help = "rms of (u - observed) / inverse.noise_sd: 1 where the noise is what the deck says", .certified = PETSC_TRUE, .scale = 1}));
  PetscCall(TesReportInt(report, "observations", w->observations.n, &(TesFigureNote){.help = "values of u"}));
  PetscCall(TesReportInt(report, "unknowns", w->n_g, &(TesFigureNote){.help = "size of the core"}));
  PetscCall(TesReportInt(report, "gauss_newton_steps", w->iterations, &(TesFigureNote){.help = "after the fit to the observations alone"}));
  PetscCall(PetscMalloc1(rows, &number));
  for (PetscInt i = 0; i < rows; i++) number[i] = (PetscReal)i;
  PetscCall(GpReportColumn(gp, report, "inverse/step", rows, number, 1, "1", "Gauss-Newton step", 0));
  PetscCall(PetscFree(number));
  if (failed) PetscCall(TesReportSay(report, "not converged within %d steps: start nearer (inverse.initial), or give more observations", MOST_STEPS));
  else if (w->system.misfit > 3) PetscCall(TesReportSay(report, "the observations are %.1f times farther away than inverse.noise_sd says: the equation or the noise is not what the deck says, and the deviations are too small", (double)w->system.misfit));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InverseEstimate(TesProblem problem, GpPde *gp, TesEstimate *estimate)
{
  PetscReal    core = 1, points = 1;
  TesPartition part;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(GpRefineEstimate(problem, gp, estimate));
  for (PetscInt d = 0; d < gp->dim; d++) {
    core *= PetscMin((PetscReal)gp->n[d], gp->dim == 1 ? 400 : 45);
    points *= (PetscReal)gp->n[d];
  }
  PetscCall(TesPartitionCreateFor(0, estimate->ranks, gp->n[gp->dim - 1], GpUnit(gp->dim, gp->n[gp->dim - 1]), &part));
  estimate->bytes_per_rank += 8 * (core * points / (PetscReal)gp->n[gp->dim - 1] * (PetscReal)part.n_local + 12 * core * core);
  estimate->steps = gp->dim + 1 + 9;
  PetscFunctionReturn(PETSC_SUCCESS);
}

const GpRoute gp_route_inverse = {
  .name     = "inverse",
  .help     = "coefficients of the equation from observations",
  .check    = InverseCheck,
  .estimate = InverseEstimate,
  .setup    = InverseSetUp,
  .start    = InverseStart,
  .step     = InverseStep,
  .observe  = InverseObserve,
  .state    = InverseState,
  .finish   = InverseFinish,
  .destroy  = InverseDestroy,
};
