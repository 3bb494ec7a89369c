/* solver.kind: fft_extension - linear equations with constant coefficients in one dimension, with broadband sources on many uniform nodes.

     p u'' + p k2 u = f (p, p k2 the constant coefficients of the equation):  f = Re sum c_m exp(i omega_m z) by fast Fourier extension (extension.c), z = x - lower, then
     u = Re sum c_m / p / (k2 - omega_m^2) exp(i omega_m z) + homogeneous solutions that fix the two boundary values:
         k2 = 0: bin 0 gives c_0 z^2/(2 p); homogeneous 1, z
         k2 > 0: cos, sin of kappa z, kappa = sqrt(k2); the bin next to kappa is taken as c/p (exp(i omega z) - exp(i kappa z)) / (k2 - omega^2), which is finite at omega = kappa
         k2 < 0: exp(-kappa z), exp(-kappa (L - z)), kappa = sqrt(-k2)
   The series keeps bins up to 1.25 times the highest that a Kaiser window (beta 20) sees above 1e-8 of the peak, at least 0.05 and at most 0.6 of the highest on the grid: beyond, the extension loses
   digits between the nodes. The error bound is that of solve.c; L u_h is the series itself, so the residual between the nodes is the error of the extension there. That residual is
   of the highest frequencies, which L^-1 damps by omega^2, and the bound is too large by about the same: beside it stands an estimate, the size of e with
   e'' + k2 e = residual, e = 0 at the ends, by differences on the nodes and midpoints.

   Steps: parts of the random block, the factorisation, the solve. The state is the place and the coefficients; what belongs to the grid alone is made again after a restart. */
#include "extension.h"

#define FLOPS_PER_STEP 1e10
#define NEAR           1e-10 /* relative distance of k2 from an eigenvalue */
#define LEAST_POINTS   200   /* the low-rank part needs 20 + 12 ln N columns */
#define UNRESOLVED     1e-3

typedef struct _GpFourier {
  GpExtension extension;
  PetscReal   fraction;
  PetscInt64  parts, phase; /* parts of the sketch; parts made, then +1 factored, +2 solved */
  PetscReal  *line;         /* [n] f on every rank */
  PetscInt64  n_c;
  PetscReal  *c;            /* [bins][2] of f */
  /* made from c */
  PetscBool  ready;
  PetscReal *a;      /* [bins][2] of u, without bin `apart` */
  PetscInt64 apart;  /* -1: none */
  PetscReal  p, kappa, homogeneous[2];
  PetscReal  residual, misfit, size, source, bound, estimate; /* rms; largest boundary error; relative */
  PetscReal  highest; /* significant angular frequency */
} GpFourier;

/* p u'' + p k2 u = f with the values of u at both ends */
static PetscBool Form(const GpPde *gp)
{
  if (gp->dim != 1 || gp->remainder || gp->source.noise_sd > 0 || gp->second[0] == 0 || gp->first[0] != 0 || gp->n_trace[0] != 2) return PETSC_FALSE;
  return gp->trace[0][0].slope == 0 && gp->trace[0][1].slope == 0 ? PETSC_TRUE : PETSC_FALSE;
}

PetscBool GpFourierFits(const GpPde *gp)
{
  return Form(gp) && gp->nodes[0] == TES_NODES_UNIFORM && gp->n[0] >= LEAST_POINTS ? PETSC_TRUE : PETSC_FALSE;
}

static PetscReal Shift(const GpPde *gp)
{
  return gp->zeroth / gp->second[0];
}

/* boundary value at an end */
static PetscReal EndValue(const GpPde *gp, PetscInt side)
{
  const PetscInt k = gp->trace[0][0].end == side ? 0 : 1;

  return gp->face[0][k][0] / gp->trace[0][k].value;
}

static PetscErrorCode FourierCheck(TesProblem problem, GpPde *gp)
{
  PetscFunctionBegin;
  if (gp->dim != 1) PetscCall(TesDeckComplain(problem, "solver.kind", "for one dimension only: two and three dimensions never need it, take auto"));
  else if (gp->eq->nonlinear) PetscCall(TesDeckComplain(problem, "solver.kind", "not for %s, which is nonlinear: take auto, on Chebyshev nodes where the source is broadband", gp->eq->name));
  else if (!Form(gp)) PetscCall(TesDeckComplain(problem, "solver.kind", "for second + zeroth order terms with constant coefficients, an exact source and the values of u at both ends only: take auto"));
  else if (gp->nodes[0] != TES_NODES_UNIFORM) PetscCall(TesDeckComplain(problem, "domain.nodes", "not for solver.kind: fft_extension, which stands on uniform nodes: on Chebyshev nodes take auto"));
  else if (gp->n[0] < LEAST_POINTS) PetscCall(TesDeckComplain(problem, "domain.points", "too few for solver.kind: fft_extension, which needs at least %d: take auto", LEAST_POINTS));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- work that follows from the deck ---- */

static PetscErrorCode Fraction(const GpPde *gp, const PetscReal *f, PetscReal *fraction)
{
  PetscReal *a, max = 0, size = 0;
  PetscInt   bins, highest = 0;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < gp->n[0]; i++) size = PetscMax(size, PetscAbsReal(f[i]));
  *fraction = 0.05;
  if (size == 0) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(GpScreen((PetscInt)gp->n[0], 2, 20, 1, f, &bins, &a));
  for (PetscInt m = 0; m < bins; m++) max = PetscMax(max, a[m]);
  for (PetscInt m = 0; m < bins; m++) {
    if (a[m] > 1e-8 * max) highest = m;
  }
  PetscCall(PetscFree(a));
  *fraction = PetscMax(0.05, PetscMin(0.6, 1.25 * (PetscReal)highest / (PetscReal)(gp->n[0] - 1)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* of the whole random block, at the mixed rate of transforms and random numbers */
static PetscReal SketchFlops(PetscReal n, PetscReal columns)
{
  return columns * (15 * n * PetscLog2Real(2 * n) + 150 * n);
}

static PetscErrorCode FourierDestroy(GpPde *gp)
{
  GpFourier *w = gp->fourier;

  PetscFunctionBegin;
  if (!w) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(GpExtensionDestroy(&w->extension));
  PetscCall(PetscFree(w->line));
  PetscCall(PetscFree(w->c));
  PetscCall(PetscFree(w->a));
  PetscCall(PetscFree(gp->fourier));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FourierSetUp(GpPde *gp)
{
  GpFourier *w;

  PetscFunctionBegin;
  PetscCall(FourierDestroy(gp));
  PetscCall(PetscNew(&w));
  gp->fourier = w;
  PetscCall(PetscMalloc1((size_t)gp->n[0], &w->line));
  PetscCall(GpGatherLine(gp, &gp->grid, gp->f, w->line));
  PetscCall(Fraction(gp, w->line, &w->fraction));
  PetscCall(GpExtensionCreate(gp->comm, TesProblemSeed(gp->problem), gp->n[0], w->fraction, &w->extension));
  w->parts = (PetscInt64)PetscMax(1, PetscCeilReal(SketchFlops((PetscReal)gp->n[0], (PetscReal)w->extension.columns) / FLOPS_PER_STEP));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FourierStart(GpPde *gp)
{
  PetscFunctionBegin;
  gp->fourier->phase = 0;
  gp->last_bound     = 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- from the coefficients of f to u ---- */

/* the bin next to kappa, with the solution exp(i kappa z) of the homogeneous equation subtracted: d = kappa - omega, (exp(i d z) - 1)/d without cancellation */
static PetscReal Apart(const GpFourier *w, PetscReal length, PetscReal t)
{
  const PetscReal omega = (PetscReal)w->apart * PETSC_PI / length, d = w->kappa - omega, z = t * length, half = d * z / 2;
  const PetscReal sinc  = PetscAbsReal(half) < 1e-4 ? 1 - half * half / 6 : PetscSinReal(half) / half;
  const PetscReal phase = omega * z + half, scale = -z * sinc / (w->kappa + omega) / w->p;
  const PetscReal cr = w->c[2 * w->apart], ci = w->apart ? w->c[2 * w->apart + 1] : 0; /* times i exp(i phase) */

  return scale * (-cr * PetscSinReal(phase) - ci * PetscCosReal(phase));
}

static PetscReal Homogeneous(const GpFourier *w, PetscReal k2, PetscReal length, PetscInt which, PetscReal t)
{
  const PetscReal z = t * length;

  if (k2 == 0) return which ? t : 1;
  if (k2 > 0) return which ? PetscSinReal(w->kappa * z) : PetscCosReal(w->kappa * z);
  return PetscExpReal(-w->kappa * (which ? length - z : z));
}

/* everything but the series */
static PetscReal Rest(const GpFourier *w, PetscReal k2, PetscReal length, PetscReal t)
{
  PetscReal u = w->homogeneous[0] * Homogeneous(w, k2, length, 0, t) + w->homogeneous[1] * Homogeneous(w, k2, length, 1, t);

  if (k2 == 0) u += w->c[0] / w->p * PetscSqr(t * length) / 2;
  else if (w->apart >= 0) u += Apart(w, length, t);
  return u;
}

static PetscReal At(const GpFourier *w, PetscReal k2, PetscReal length, PetscReal t)
{
  return GpExtensionAt(w->extension.bins, w->a, t) + Rest(w, k2, length, t);
}

/* Particular solution, then the two homogeneous ones from the boundary values. */
static PetscErrorCode Integrate(GpPde *gp, GpFourier *w)
{
  const PetscReal k2 = Shift(gp), length = gp->length[0], unit = PETSC_PI / length;
  PetscReal       m[2][2], g[2], det, size = 0;

  PetscFunctionBegin;
  w->p     = gp->second[0];
  w->kappa = PetscSqrtReal(PetscAbsReal(k2));
  w->apart = k2 > 0 && w->kappa / unit < (PetscReal)w->extension.bins - 0.5 ? (PetscInt64)(w->kappa / unit + 0.5) : -1;
  PetscCall(PetscFree(w->a));
  PetscCall(PetscCalloc1((size_t)(2 * w->extension.bins), &w->a));
  for (PetscInt64 i = 0; i < w->extension.bins; i++) {
    const PetscReal symbol = w->p * (k2 - PetscSqr((PetscReal)i * unit));

    if (i == w->apart || symbol == 0) continue;
    w->a[2 * i]     = w->c[2 * i] / symbol;
    w->a[2 * i + 1] = w->c[2 * i + 1] / symbol;
  }
  w->homogeneous[0] = w->homogeneous[1] = 0;
  for (PetscInt side = 0; side < 2; side++) {
    g[side] = EndValue(gp, side) - At(w, k2, length, (PetscReal)side);
    for (PetscInt j = 0; j < 2; j++) {
      m[side][j] = Homogeneous(w, k2, length, j, (PetscReal)side);
      size       = PetscMax(size, PetscAbsReal(m[side][j]));
    }
  }
  det = m[0][0] * m[1][1] - m[0][1] * m[1][0];
  PetscCheck(PetscAbsReal(det) > NEAR * size * size * PetscMax(1, w->kappa * length), gp->comm, TES_ERR_NUMBERS,
             "k2 = %.15g lies within about %.0e of an eigenvalue of the Laplacian (relative): the problem has no unique solution there, change k2 or the box", (double)k2, NEAR);
  w->homogeneous[0] = (g[0] * m[1][1] - g[1] * m[0][1]) / det;
  w->homogeneous[1] = (m[0][0] * g[1] - m[1][0] * g[0]) / det;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscReal LambdaMin(const GpPde *gp)
{
  const PetscReal k2 = Shift(gp), unit = PetscSqr(PETSC_PI / gp->length[0]);
  PetscReal       lambda = PetscAbsReal(k2 - unit);

  if (k2 > 0) {
    const PetscReal j = PetscSqrtReal(k2 / unit);

    for (PetscReal i = PetscMax(1, PetscFloorReal(j)); i <= PetscFloorReal(j) + 1; i += 1) lambda = PetscMin(lambda, PetscAbsReal(k2 - i * i * unit));
  }
  return lambda * PetscAbsReal(gp->second[0]);
}

/* rms of e with (e[j+1] - 2 e[j] + e[j-1])/h^2 + k2 e[j] = r[j], zero at the ends, by elimination: r is given at the inner points 1..n-2 */
static PetscErrorCode DifferenceRms(PetscInt64 n, PetscReal h, PetscReal k2, const PetscReal *r, PetscReal *rms)
{
  PetscReal *upper, *e, square = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)n, &upper, (size_t)n, &e));
  upper[0] = e[0] = e[n - 1] = 0;
  for (PetscInt64 j = 1; j < n - 1; j++) {
    const PetscReal pivot = k2 * h * h - 2 - upper[j - 1];

    upper[j] = 1 / pivot;
    e[j]     = (h * h * r[j] - e[j - 1]) / pivot;
  }
  for (PetscInt64 j = n - 2; j > 0; j--) {
    e[j] -= upper[j] * e[j + 1];
    square += e[j] * e[j];
  }
  *rms = PetscSqrtReal(square / (PetscReal)n);
  PetscCall(PetscFree2(upper, e));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Relative size of the error that the residual stands for; every rank looks at the whole line. */
static PetscErrorCode Estimate(GpPde *gp, GpFourier *w)
{
  const PetscInt64 n = gp->n[0], every = gp->f_middle ? 2 : 1, all = every * (n - 1) + 1;
  const PetscReal  k2 = Shift(gp);
  PetscReal       *line, *f, *r;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3((size_t)n, &line, (size_t)n, &f, (size_t)all, &r));
  PetscCall(GpExtensionValues(&w->extension, w->c, 0, line));
  for (PetscInt64 j = 0; j < n; j++) r[every * j] = (line[j] - w->line[j]) / w->p;
  if (gp->f_middle) {
    PetscCall(GpExtensionValues(&w->extension, w->c, 0.5, line));
    PetscCall(GpGatherLine(gp, &gp->middle, gp->f_middle, f));
    for (PetscInt64 j = 0; j < n - 1; j++) r[2 * j + 1] = (line[j] - f[j]) / w->p;
  }
  PetscCall(DifferenceRms(all, gp->length[0] / (PetscReal)(all - 1), k2, r, &w->estimate));
  w->estimate += w->misfit;
  if (w->size > 0) w->estimate /= w->size;
  if (!(w->estimate < GP_NO_BOUND)) w->estimate = GP_NO_BOUND;
  PetscCall(PetscFree3(line, f, r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The bound of solve.c between the nodes (at the nodes where f is known there only). Each rank looks at its own points. */
static PetscErrorCode Bound(GpPde *gp, GpFourier *w)
{
  const GpPointSet *set   = gp->f_middle ? &gp->middle : &gp->grid;
  const PetscReal  *f     = gp->f_middle ? gp->f_middle : gp->f;
  const PetscReal   shift = gp->f_middle ? 0.5 : 0, k2 = Shift(gp), length = gp->length[0];
  PetscReal        *line, *u, *r, peak = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3((size_t)gp->n[0], &line, (size_t)set->n_local, &u, (size_t)set->n_local, &r));
  PetscCall(GpExtensionValues(&w->extension, w->c, shift, line));
  for (PetscInt64 i = 0; i < set->n_local; i++) r[i] = line[set->part.first + i] - f[i];
  PetscCall(GpExtensionValues(&w->extension, w->a, shift, line));
  for (PetscInt64 i = 0; i < set->n_local; i++) {
    const PetscInt64 j = set->part.first + i;

    u[i] = line[j] + Rest(w, k2, length, ((PetscReal)j + shift) / (PetscReal)(gp->n[0] - 1));
  }
  PetscCall(GpMeanSquare(gp, set, r, &w->residual));
  PetscCall(GpMeanSquare(gp, set, u, &w->size));
  PetscCall(GpMeanSquare(gp, set, f, &w->source));
  PetscCall(PetscFree3(line, u, r));
  w->residual = PetscSqrtReal(w->residual);
  w->size     = PetscSqrtReal(w->size);
  w->source   = PetscSqrtReal(w->source);
  w->misfit   = 0;
  for (PetscInt side = 0; side < 2; side++) w->misfit = PetscMax(w->misfit, PetscAbsReal(At(w, k2, length, (PetscReal)side) - EndValue(gp, side)));
  w->bound = w->residual / LambdaMin(gp) + w->misfit;
  if (w->size > 0) w->bound /= w->size;
  if (!(w->bound < GP_NO_BOUND)) w->bound = GP_NO_BOUND;
  for (PetscInt64 m = 0; m < w->extension.bins; m++) peak = PetscMax(peak, hypot(w->c[2 * m], w->c[2 * m + 1]));
  w->highest = 0;
  for (PetscInt64 m = 0; m < w->extension.bins; m++) {
    if (hypot(w->c[2 * m], w->c[2 * m + 1]) > 1e-3 * peak) w->highest = (PetscReal)m * PETSC_PI / length;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- steps ---- */

/* local columns after a part: the same share of its columns on every rank */
static PetscInt64 ColumnsAfter(const GpFourier *w, PetscInt64 part)
{
  return w->extension.cols.n_local * PetscMin(part, w->parts) / w->parts;
}

static PetscErrorCode EnsureReady(GpPde *gp)
{
  GpFourier *w = gp->fourier;

  PetscFunctionBegin;
  if (w->ready) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCheck(w->n_c == 2 * w->extension.bins, gp->comm, TES_ERR_WORLD, "the checkpoint holds %lld coefficients, this deck makes %lld", (long long)w->n_c, (long long)(2 * w->extension.bins));
  PetscCall(Integrate(gp, w));
  PetscCall(Bound(gp, w));
  PetscCall(Estimate(gp, w));
  w->ready = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FourierStep(TesProblem problem, GpPde *gp, TesProgress *progress)
{
  GpFourier *w = gp->fourier;

  PetscFunctionBegin;
  PetscCall(TesPhaseBegin(TesProblemTimers(problem), "extension"));
  if (w->phase < w->parts) {
    PetscCall(GpExtensionSketch(&w->extension, ColumnsAfter(w, w->phase + 1)));
    PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "random block, part %lld of %lld", (long long)(w->phase + 1), (long long)w->parts));
  } else if (w->phase <= w->parts + 1) { /* after a restart the factors are made again in the step that needs them */
    if (!w->extension.q) {
      PetscCall(GpExtensionSketch(&w->extension, w->extension.cols.n_local));
      PetscCall(GpExtensionFactor(&w->extension));
    }
    PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "factorisation"));
    if (w->phase == w->parts + 1) {
      PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "solve"));
      PetscCall(PetscFree(w->c));
      w->n_c = 2 * w->extension.bins;
      PetscCall(PetscMalloc1((size_t)w->n_c, &w->c));
      PetscCall(GpExtensionSolve(&w->extension, w->line, w->c));
      w->ready = PETSC_FALSE;
      PetscCall(EnsureReady(gp));
      gp->last_bound = w->bound;
    }
  }
  w->phase++;
  PetscCall(TesPhaseEnd(TesProblemTimers(problem), "extension"));
  progress->done       = (PetscReal)w->phase;
  progress->total      = (PetscReal)(w->parts + 2);
  progress->work       = (PetscReal)gp->n[0];
  progress->merit_name = "bound";
  progress->merit      = gp->last_bound;
  progress->finished   = w->phase >= w->parts + 2 ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FourierObserve(GpPde *gp, TesSeries series)
{
  PetscFunctionBegin;
  PetscCall(TesSeriesReal(series, "error_bound", "1", gp->last_bound));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FourierState(GpPde *gp, TesState state)
{
  GpFourier *w = gp->fourier;

  PetscFunctionBegin;
  PetscCall(TesStatePush(state, "extension"));
  PetscCall(TesStateInt(state, "phase", &w->phase));
  PetscCall(TesStateReal(state, "bound", &gp->last_bound));
  PetscCall(TesStateRealsGrow(state, "coefficients", &w->n_c, &w->c));
  PetscCall(TesStatePop(state));
  if (state->ops->mode == TES_STATE_WRITES_PROBLEM) w->ready = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- results ---- */

static PetscErrorCode FourierValues(GpPde *gp, const GpPointSet *set, PetscReal *u)
{
  const GpFourier *w = gp->fourier;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < set->n_local; i++) u[i] = At(w, Shift(gp), gp->length[0], (set->x[0][set->part.first + i] - gp->lower[0]) / gp->length[0]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReportSpectrum(GpPde *gp, TesReport report)
{
  const GpFourier *w = gp->fourier;
  const PetscInt64 n = w->extension.bins;
  PetscReal       *omega, *mu, *weight, max = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3((size_t)n, &omega, (size_t)n, &mu, (size_t)n, &weight));
  for (PetscInt64 m = 0; m < n; m++) {
    omega[m]  = (PetscReal)m * PETSC_PI / gp->length[0];
    mu[m]     = omega[m] / (2 * PETSC_PI);
    weight[m] = PetscSqr(w->c[2 * m]) + PetscSqr(w->c[2 * m + 1]);
    max       = PetscMax(max, weight[m]);
  }
  for (PetscInt64 m = 0; m < n && max > 0; m++) weight[m] /= max;
  PetscCall(GpReportColumn(gp, report, "series/omega", n, omega, 1, "rad/length", "angular frequency omega", 0));
  PetscCall(GpReportColumn(gp, report, "series/mu", n, mu, 1, "cycles/length", "frequency mu = omega / 2 pi", 0));
  PetscCall(GpReportColumn(gp, report, "series/power", n, weight, 1, "1", "power of the source in the series, largest 1", 1));
  PetscCall(PetscFree3(omega, mu, weight));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FourierFinish(TesProblem problem, GpPde *gp, TesReport report)
{
  GpFourier *w = gp->fourier;
  PetscBool  failed;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(EnsureReady(gp));
  failed = PetscMin(w->bound, w->estimate) > UNRESOLVED ? PETSC_TRUE : PETSC_FALSE;
  PetscCall(GpReportFields(gp, report, FourierValues));
  PetscCall(TesReportReal(report, "residual", w->source > 0 ? w->residual / w->source : w->residual,
                          &(TesFigureNote){.unit = "1", .help = gp->f_middle ? "rms of the equation's residual between the nodes / rms(f)" : "rms of the equation's residual at the nodes / rms(f)",
                                           .certified = PETSC_TRUE, .scale = 1}));
  PetscCall(TesReportReal(report, "error_bound", w->bound,
                          &(TesFigureNote){.unit = "1", .help = gp->eq->bound ? "bound of the relative L2 error (up to sampling)" : "estimate of the relative L2 error", .certified = gp->eq->bound, .scale = 1}));
  PetscCall(TesReportReal(report, "error_estimate", w->estimate, &(TesFigureNote){.unit = "1", .help = "relative size of the error that the residual between the nodes stands for", .failed = failed, .scale = 1}));
  PetscCall(TesReportReal(report, "boundary_error", w->misfit, &(TesFigureNote){.unit = "1", .help = "largest error of the boundary values", .certified = PETSC_TRUE, .scale = PetscMax(gp->face_max, 1)}));
  PetscCall(TesReportInt(report, "extension", 2, &(TesFigureNote){.help = "period of the waves in box lengths"}));
  PetscCall(TesReportInt(report, "lines_x", w->extension.bins, &(TesFigureNote){.help = "frequencies in the series"}));
  PetscCall(TesReportReal(report, "band", w->fraction, &(TesFigureNote){.unit = "1", .help = "highest frequency of the series / highest on the grid (0.6 at most)"}));
  if (w->highest > 0)
    PetscCall(TesReportReal(report, "points_per_wavelength", 2 * PETSC_PI / w->highest * (PetscReal)(gp->n[0] - 1) / gp->length[0],
                            &(TesFigureNote){.unit = "1", .help = "of the highest frequency with an amplitude above 1e-3 in the source"}));
  PetscCall(ReportSpectrum(gp, report));
  if (failed)
    PetscCall(TesReportSay(report, "unresolved: the error estimate is %.1e. Take more points: the series ends at 0.6 of the highest frequency on the grid, 3.4 points per wavelength",
                           (double)w->estimate));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FourierEstimate(TesProblem problem, GpPde *gp, TesEstimate *estimate)
{
  const PetscReal n = (PetscReal)gp->n[0], columns = 20 + PetscCeilReal(12 * PetscLogReal(n)), ranks = (PetscReal)estimate->ranks;
  TesPartition    cols, rows;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(TesPartitionCreateFor(0, estimate->ranks, (PetscInt64)columns, 1, &cols));
  PetscCall(TesPartitionCreateFor(0, estimate->ranks, gp->n[0], 1024, &rows));
  estimate->usable_ranks   = (int)PetscMin(ranks, columns);
  estimate->bytes_per_rank = 8 * (PetscMax((PetscReal)cols.n_local * n + (PetscReal)rows.n_local * columns, 2 * (PetscReal)rows.n_local * columns) + 20 * n + 8 * columns * columns);
  estimate->bytes_sent     = ranks > 1 ? 8 * (n * columns / ranks + 4 * n) : 0;
  estimate->bytes_output   = 8 * (2 * (PetscReal)GpTestPoints(gp) + 5 * n);
  estimate->steps          = PetscMax(1, PetscCeilReal(SketchFlops(n, columns) / FLOPS_PER_STEP)) + 2;
  estimate->work           = n;
  PetscCall(PetscSNPrintf(estimate->note, sizeof(estimate->note), "fast Fourier extension of %.0f points by %.0f random columns", (double)n, (double)columns));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const GpRoute gp_route_fourier = {
  .name     = "fft_extension",
  .help     = "fast Fourier extension in one dimension",
  .check    = FourierCheck,
  .estimate = FourierEstimate,
  .setup    = FourierSetUp,
  .start    = FourierStart,
  .step     = FourierStep,
  .observe  = FourierObserve,
  .state    = FourierState,
  .finish   = FourierFinish,
  .destroy  = FourierDestroy,
};
