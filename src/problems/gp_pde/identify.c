/* Which frequencies are in the solution: identification of one dimension, as a chain of short steps.

   A. Screen (screen.c): bins m < max_fraction n/2 with A_m > threshold max A are candidates.
   B. Evidence (tessera/linalg.h): MacKay's fixed point on cos and sin of the candidates, to a noise level of 1e-12; what it leaves are the lines with their weights.
   Guard: a misfit above 1e-9 means that the window hid something (energy in the first or last points) or that a real line was pruned: once more without the screen
   when all bins are few, else the dimension counts as broadband.
   C. Broadband (GpIdentifyDense): no sparsification, extension 2, two dictionaries that the loop of refine.c compares by their error bounds: all bins below 0.6 of
   the highest with weight 1; or (Kaiser beta 20) all bins up to the highest one above 1e-8 of the peak, weighted by sqrt(amplitude).

   Periodic dimensions need none of this: waves of the box itself (extension 1) whose Fourier coefficient is above 1e-15 of the largest.

   Everything here is replicated but the compression of the data (identify_data.c). Cost of an evidence iteration: one SVD of N x 2 candidates; a step does as many as
   fit in about FLOPS_PER_STEP. */
#include "gp_pde.h"
#include <tessera/fft.h>

#define GUARD            1e-9
#define ALL_BINS         400   /* without the screen when at most so many */
#define FLOPS_PER_STEP   2e10  /* a second or two on one core */
#define DENSE_FRACTION   0.6   /* above it a dense dictionary on uniform nodes is ill-conditioned off the grid */
#define DENSE_EXTENSION  2
#define SCREENED_BETA    20
#define SCREENED_DROP    1e-8
#define SCREENED_FLOOR   1e-13
#define PERIODIC_DROP    1e-15
#define NOISE_PRUNE      0.1 /* of the noise of one coefficient, s^2 / N: no weight below it can be told from zero */

PetscErrorCode GpSpectrumReset(GpSpectrum *spectrum)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(spectrum->bin));
  PetscCall(PetscFree(spectrum->s));
  PetscCall(PetscMemzero(spectrum, sizeof(*spectrum)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpSpectrumCopy(const GpSpectrum *from, GpSpectrum *to)
{
  PetscFunctionBegin;
  PetscCall(GpSpectrumReset(to));
  *to = *from;
  PetscCall(PetscMalloc1((size_t)from->n, &to->bin));
  PetscCall(PetscMalloc1((size_t)from->n, &to->s));
  PetscCall(PetscArraycpy(to->bin, from->bin, (size_t)from->n));
  PetscCall(PetscArraycpy(to->s, from->s, (size_t)from->n));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpSpectrumState(GpSpectrum *spectrum, const char name[], TesState state)
{
  PetscFunctionBegin;
  PetscCall(TesStatePush(state, name));
  PetscCall(TesStateInt(state, "mode", &spectrum->mode));
  PetscCall(TesStateInt(state, "extension", &spectrum->extension));
  PetscCall(TesStateInt(state, "candidates", &spectrum->candidates));
  PetscCall(TesStateInt(state, "iterations", &spectrum->iterations));
  PetscCall(TesStateReal(state, "fit", &spectrum->fit));
  PetscCall(TesStateIntsGrow(state, "bin", &spectrum->n, &spectrum->bin));
  PetscCall(TesStateRealsGrow(state, "s", &spectrum->n_s, &spectrum->s));
  PetscCall(TesStatePop(state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpIdentifyReset(GpIdentify *work)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(work->bin));
  PetscCall(PetscFree(work->s));
  PetscCall(PetscFree(work->group));
  PetscCall(PetscFree(work->psi));
  PetscCall(PetscFree(work->y));
  PetscCall(PetscMemzero(work, sizeof(*work)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpIdentifyState(GpIdentify *work, TesState state)
{
  PetscFunctionBegin;
  PetscCall(TesStatePush(state, "identify"));
  PetscCall(TesStateBool(state, "active", &work->active));
  PetscCall(TesStateBool(state, "screened", &work->screened));
  PetscCall(TesStateInt(state, "iteration", &work->iteration));
  PetscCall(TesStateReal(state, "sigma", &work->sigma));
  PetscCall(TesStateReal(state, "change", &work->change));
  PetscCall(TesStateReal(state, "fit", &work->fit));
  PetscCall(TesStateIntsGrow(state, "bin", &work->n_bins, &work->bin));
  PetscCall(TesStateRealsGrow(state, "s", &work->n_s, &work->s));
  PetscCall(TesStatePop(state));
  if (state->ops->mode == TES_STATE_WRITES_PROBLEM) { /* data and dictionary belong to what was there before */
    PetscCall(PetscFree(work->group));
    PetscCall(PetscFree(work->psi));
    PetscCall(PetscFree(work->y));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Candidates by the screen, or all bins. */
static PetscErrorCode ChooseCandidates(GpPde *gp, PetscInt d, PetscInt extension, GpIdentify *work)
{
  const PetscInt64 length = (PetscInt64)extension * (gp->n[d] - 1);
  const PetscReal  last   = gp->spectrum.max_fraction * (PetscReal)length / 2;
  PetscInt         bins;
  PetscReal       *a, max = 0;

  PetscFunctionBegin;
  PetscCall(GpScreen((PetscInt)gp->n[d], extension, gp->spectrum.screen_beta, work->n_rhs, work->y, &bins, &a));
  for (PetscInt m = 0; m < bins; m++) max = PetscMax(max, a[m]);
  PetscCall(PetscFree(work->bin));
  PetscCall(PetscMalloc1(bins, &work->bin));
  work->n_bins = 0;
  for (PetscInt m = 0; m < bins && (PetscReal)m < last; m++) {
    if (!work->screened || a[m] > gp->spectrum.screen_threshold * max) work->bin[work->n_bins++] = m;
  }
  PetscCall(PetscFree(a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Data, and cos and sin of the candidates side by side. */
static PetscErrorCode MakeData(GpPde *gp, PetscInt d, GpIdentify *work)
{
  PetscFunctionBegin;
  if (!work->y) PetscCall(GpIdentifyData(gp, d, &work->n_rhs, &work->y, &work->noise));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MakeDictionary(GpPde *gp, PetscInt d, PetscInt extension, GpIdentify *work)
{
  const PetscReal step = 2 * PETSC_PI / ((PetscReal)extension * gp->length[d]);
  PetscInt        at   = 0;

  PetscFunctionBegin;
  PetscCall(PetscFree(work->group));
  PetscCall(PetscFree(work->psi));
  PetscCall(PetscMalloc1((size_t)work->n_bins, &work->group));
  work->n_columns = 0;
  for (PetscInt64 g = 0; g < work->n_bins; g++) {
    work->group[g] = work->bin[g] > 0 ? 2 : 1;
    work->n_columns += work->group[g];
  }
  PetscCall(PetscMalloc1((size_t)gp->n[d] * (size_t)work->n_columns, &work->psi));
  for (PetscInt64 i = 0; i < gp->n[d]; i++) {
    const PetscReal z = gp->grid.x[d][i] - gp->lower[d];

    for (PetscInt64 g = 0; g < work->n_bins; g++) {
      work->psi[at++] = PetscCosReal((PetscReal)work->bin[g] * step * z);
      if (work->group[g] == 2) work->psi[at++] = PetscSinReal((PetscReal)work->bin[g] * step * z);
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Begin(GpPde *gp, PetscInt d, PetscInt extension, PetscBool screened, GpIdentify *work)
{
  PetscFunctionBegin;
  work->active    = PETSC_TRUE;
  work->screened  = screened;
  work->iteration = 0;
  work->sigma     = 1e-2; /* start of the noise level: high, so that no spurious line is locked in */
  work->change    = 0;
  work->fit       = 0;
  PetscCall(MakeData(gp, d, work));
  work->n_bins = 0;
  if (work->n_rhs) PetscCall(ChooseCandidates(gp, d, extension, work));
  PetscCall(PetscFree(work->s));
  PetscCall(PetscMalloc1((size_t)work->n_bins, &work->s));
  work->n_s = work->n_bins;
  for (PetscInt64 g = 0; g < work->n_bins; g++) work->s[g] = 1 / (PetscReal)work->n_bins;
  PetscCall(PetscFree(work->psi));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The lines that are left, weights relative to the largest. */
static PetscErrorCode Finish(PetscInt extension, const GpIdentify *work, GpSpectrum *spectrum)
{
  PetscReal max = 0;

  PetscFunctionBegin;
  PetscCall(GpSpectrumReset(spectrum));
  spectrum->mode       = GP_IDENTIFIED;
  spectrum->extension  = extension;
  spectrum->candidates = work->n_bins;
  spectrum->iterations = work->iteration;
  spectrum->fit        = work->fit;
  PetscCall(PetscMalloc1((size_t)work->n_bins, &spectrum->bin));
  PetscCall(PetscMalloc1((size_t)work->n_bins, &spectrum->s));
  for (PetscInt64 g = 0; g < work->n_bins; g++) max = PetscMax(max, work->s[g]);
  for (PetscInt64 g = 0; g < work->n_bins; g++) {
    if (!(work->s[g] > 0)) continue;
    spectrum->bin[spectrum->n] = work->bin[g];
    spectrum->s[spectrum->n++] = work->s[g] / max;
  }
  spectrum->n_s = spectrum->n;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpIdentifyStep(GpPde *gp, PetscInt d, PetscInt extension, PetscBool *done, PetscBool *tripped)
{
  TesEvidenceOptions       options = {.max_iterations = gp->spectrum.iterations,
                                      .sigma_start    = 1e-2,
                                      .sigma_floor    = gp->spectrum.sigma_floor,
                                      .sigma_factor   = gp->spectrum.sigma_factor,
                                      .prune          = gp->spectrum.prune};
  const PetscInt64         all_bins = (PetscInt64)(gp->spectrum.max_fraction * (PetscReal)(extension * (gp->n[d] - 1)) / 2) + 1;
  GpIdentify              *work     = &gp->work;
  TesEvidence              evidence;
  PetscReal                cost, guard;

  PetscFunctionBegin;
  *done = *tripped = PETSC_FALSE;
  if (!work->active) PetscCall(Begin(gp, d, extension, PETSC_TRUE, work));
  PetscCall(MakeData(gp, d, work));
  options.sigma_floor = PetscMax(options.sigma_floor, work->noise);
  if (work->iteration > 0 && work->sigma <= options.sigma_floor) options.prune = PetscMax(options.prune, NOISE_PRUNE * PetscSqr(work->noise) / (PetscReal)gp->n[d]); /* lines far below the noise */
  guard               = PetscMax(GUARD, 3 * work->noise * PetscSqrtReal((PetscReal)work->n_rhs)); /* relative to all columns, whose rms is 1 together */
  if (work->n_bins > gp->spectrum.max_candidates) { /* broadband: evidence on so many columns is slow, and useless */
    *done = *tripped = PETSC_TRUE;
    PetscCall(GpSpectrumReset(&gp->spectra[d]));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (work->n_bins && !work->psi) PetscCall(MakeDictionary(gp, d, extension, work));
  evidence = (TesEvidence){.iteration = (PetscInt)work->iteration, .sigma = work->sigma, .s = work->s, .change = work->change, .fit = work->fit, .converged = PETSC_FALSE};
  cost     = 20. * (PetscReal)work->n_columns * (PetscReal)work->n_columns * (PetscReal)gp->n[d];
  for (PetscReal spent = 0; work->n_bins && spent < FLOPS_PER_STEP && !evidence.converged && evidence.iteration < options.max_iterations; spent += cost)
    PetscCall(TesEvidenceIterate((PetscInt)gp->n[d], (PetscInt)work->n_bins, work->group, work->psi, work->n_rhs, work->y, &options, &evidence));
  work->iteration = evidence.iteration;
  work->sigma     = evidence.sigma;
  work->change    = evidence.change;
  work->fit       = evidence.fit;
  gp->sigma       = evidence.sigma;
  if (work->n_bins && !evidence.converged && evidence.iteration < options.max_iterations) PetscFunctionReturn(PETSC_SUCCESS);
  if (work->fit > guard && work->screened && all_bins <= ALL_BINS) {
    PetscCall(Begin(gp, d, extension, PETSC_FALSE, work));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  *done    = PETSC_TRUE;
  *tripped = work->fit > guard ? PETSC_TRUE : PETSC_FALSE;
  PetscCall(Finish(extension, work, &gp->spectra[d]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* No window and no padding: on a period the transform is exact. The highest wave on an even number of points has no sine and is left out. */
static PetscErrorCode IdentifyPeriodic(GpPde *gp, PetscInt d, GpSpectrum *spectrum)
{
  const PetscInt n    = (PetscInt)gp->n[d];
  const PetscInt bins = (n - 1) / 2 + 1;
  PetscReal     *y, *line, *transform, *a, max = 0, noise;
  PetscInt       columns;

  PetscFunctionBegin;
  spectrum->extension  = 1;
  spectrum->candidates = bins;
  PetscCall(GpIdentifyData(gp, d, &columns, &y, &noise));
  PetscCall(PetscMalloc3((size_t)n * (size_t)columns, &line, (size_t)(n / 2 + 1) * 2 * (size_t)columns, &transform, (size_t)bins, &a));
  PetscCall(PetscArrayzero(a, (size_t)bins));
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt c = 0; c < columns; c++) line[(size_t)c * (size_t)n + (size_t)i] = y[(size_t)i * (size_t)columns + (size_t)c];
  PetscCall(TesLineRFFT(n, columns, line, transform));
  for (PetscInt m = 0; m < bins; m++) {
    for (PetscInt c = 0; c < columns; c++) {
      const PetscReal *z = transform + 2 * ((size_t)c * (size_t)(n / 2 + 1) + (size_t)m);

      a[m] += z[0] * z[0] + z[1] * z[1];
    }
    a[m] = PetscSqrtReal(a[m]);
    max  = PetscMax(max, a[m]);
  }
  PetscCall(PetscMalloc1((size_t)bins, &spectrum->bin));
  PetscCall(PetscMalloc1((size_t)bins, &spectrum->s));
  for (PetscInt m = 0; m < bins; m++) {
    if (m && !(a[m] > PetscMax(PERIODIC_DROP * max, 3 * noise * PetscSqrtReal((PetscReal)n * (PetscReal)columns)))) continue; /* the constant is always there */
    spectrum->bin[spectrum->n] = m;
    spectrum->s[spectrum->n++] = 1;
  }
  spectrum->n_s = spectrum->n;
  PetscCall(PetscFree3(line, transform, a));
  PetscCall(PetscFree(y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpIdentifyDense(GpPde *gp, PetscInt d, GpSpectrumMode mode)
{
  const PetscInt64 half     = DENSE_EXTENSION * (gp->n[d] - 1) / 2;
  GpSpectrum      *spectrum = &gp->spectra[d];
  PetscInt64       end      = (PetscInt64)(DENSE_FRACTION * (PetscReal)half);
  PetscReal       *a        = NULL, max = 0;

  PetscFunctionBegin;
  PetscCall(GpSpectrumReset(spectrum));
  spectrum->mode = mode;
  if (mode == GP_POLYNOMIAL) PetscFunctionReturn(PETSC_SUCCESS);
  if (mode == GP_PERIODIC) {
    PetscCall(IdentifyPeriodic(gp, d, spectrum));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  spectrum->extension = DENSE_EXTENSION;
  if (mode == GP_SCREENED) {
    PetscInt   bins, columns;
    PetscReal *y, noise;
    PetscInt64 highest = 0;

    PetscCall(GpIdentifyData(gp, d, &columns, &y, &noise));
    PetscCall(GpScreen((PetscInt)gp->n[d], DENSE_EXTENSION, SCREENED_BETA, columns, y, &bins, &a));
    PetscCall(PetscFree(y));
    for (PetscInt m = 0; m < bins; m++) max = PetscMax(max, a[m]);
    for (PetscInt m = 0; m < bins; m++) {
      if (a[m] > SCREENED_DROP * max) highest = m;
    }
    end = PetscMin(end, highest + 1);
  }
  PetscCall(PetscMalloc1((size_t)end, &spectrum->bin));
  PetscCall(PetscMalloc1((size_t)end, &spectrum->s));
  for (PetscInt64 m = 0; m < end; m++) {
    spectrum->bin[m] = m;
    spectrum->s[m]   = a && max > 0 ? PetscSqrtReal(PetscMax(a[m] / max, SCREENED_FLOOR)) : 1;
  }
  spectrum->n = spectrum->n_s = spectrum->candidates = end;
  PetscCall(PetscFree(a));
  PetscFunctionReturn(PETSC_SUCCESS);
}
