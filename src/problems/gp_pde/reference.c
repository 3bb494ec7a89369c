/* solver.kind: reference - the published training, for comparison: Adam on the objective of reference_objective.c (Fang, Cooley, Long, Li, Kirby, Zhe 2024).

   Unknown: U on the nodes, log tau, log v, and per dimension {log w_q, log scale_q, mu_q}; start U = 0, tau = v = 1, w_q = 1/Q, scale 1, mu_q equally spaced from 0 to
   kernel.freq_scale cycles. Flat priors on all of them (on log w: the Jeffreys prior of w, which lets components that are not needed collapse). One rate for all.
   reference.freeze_after < 1: the two-stage variant; the first GP is frozen after that part of the epochs, a second one with one Matern component starts at U = 0 with fresh
   moments and scale 1, and u is the sum; tau and v go on.

   The error that is reported is that of the final iterate; the published logs give the smallest of 20 checkpoints, chosen by looking at the truth.

   One step is a batch of epochs whose size follows from the sizes of the problem alone, so records and checkpoints stand at the same epochs on every rank count. State: U with
   its two moments (rows in slabs; 1-D: on every rank), the parameters with theirs, the epoch. Same bits on every rank count. */
#include "reference.h"

#define FLOPS_PER_STEP 3e10 /* a second or two on one core */
#define MOST_EPOCHS    500

#define STAGE_COMPONENTS(gp, stage) ((stage) ? 1 : (gp)->kernel.components)

static void Point(const GpPde *gp, GpTraining *t, PetscInt stage)
{
  for (PetscInt d = 0; d < gp->dim; d++) {
    GpKernel *kernel = &t->kernel[stage][d];

    kernel->family     = GpKernelFind(stage ? "matern" : gp->kernel.family == 0 ? "student_t_mixture" : gp_family_names[gp->kernel.family]);
    kernel->nu         = gp->kernel.nu;
    kernel->components = STAGE_COMPONENTS(gp, stage);
    kernel->parameter  = t->p[stage] + 2 + d * GP_KERNEL_BLOCKS * kernel->components;
  }
}

static void Initial(const GpPde *gp, GpTraining *t, PetscInt stage)
{
  const PetscInt q = STAGE_COMPONENTS(gp, stage);

  t->p[stage][0] = stage ? t->p[0][0] : 0;
  t->p[stage][1] = stage ? t->p[0][1] : 0;
  for (PetscInt d = 0; d < gp->dim; d++) {
    PetscReal *parameter = t->kernel[stage][d].parameter;

    for (PetscInt i = 0; i < q; i++) {
      parameter[i]         = -PetscLogReal((PetscReal)q);
      parameter[q + i]     = 0;
      parameter[2 * q + i] = q > 1 ? gp->kernel.freq_scale * (PetscReal)i / (PetscReal)(q - 1) : 0;
    }
  }
}

static PetscErrorCode TrainingSetUp(GpPde *gp)
{
  GpTraining  *t;
  GpObjective *objective;
  size_t       n, most = 0;

  PetscFunctionBegin;
  PetscCall(PetscNew(&t));
  gp->training = t;
  objective    = &t->objective;
  PetscCall(GpSlabCreate(gp->comm, gp->dim, gp->n, &objective->slab));
  GpTrainingOperator(gp, objective);
  objective->jitter = gp->reference.jitter;
  for (PetscInt d = 0; d < gp->dim; d++) {
    objective->spacing[d] = gp->length[d] / (PetscReal)(gp->n[d] - 1);
  }
  for (PetscInt d = 0; d < gp->dim; d++) { /* the sides with values: all of them with boundary.kind: full, as published */
    for (PetscInt k = 0; k < gp->n_trace[d]; k++) {
      if (gp->trace[d][k].slope == 0) objective->face[d][gp->trace[d][k].end] = gp->face[d][k];
    }
  }
  objective->f = gp->f;
  if (gp->dim == 1) {
    PetscCall(PetscMalloc1((size_t)gp->n[0], &t->line));
    PetscCall(GpGatherLine(gp, &gp->grid, gp->f, t->line));
    objective->f = t->line;
  }
  n = (size_t)objective->slab.n_local;
  PetscCall(GpSlabDot(&objective->slab, objective->f, objective->f, &t->size_f));
  for (PetscInt stage = 0; stage < 2; stage++) {
    t->n_p[stage] = 2 + gp->dim * GP_KERNEL_BLOCKS * STAGE_COMPONENTS(gp, stage);
    most          = PetscMax(most, (size_t)t->n_p[stage]);
    PetscCall(PetscCalloc3(n, &t->u[stage], (size_t)t->n_p[stage], &t->p[stage], n, &t->weights[stage]));
    Point(gp, t, stage);
  }
  PetscCall(PetscCalloc6(n, &t->m_u, n, &t->v_u, most, &t->m_p, most, &t->v_p, n, &t->du, most, &t->dp));
  PetscCall(PetscMalloc2(n, &t->base, n, &t->base_linear));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TrainingStart(GpPde *gp)
{
  GpTraining *t = gp->training;

  PetscFunctionBegin;
  Initial(gp, t, 0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Evaluate(GpTraining *t, PetscBool gradient, PetscReal *linear)
{
  PetscReal *dkernel[GP_DIM];
  PetscReal *p = t->p[t->second];

  PetscFunctionBegin;
  for (PetscInt d = 0; d < t->objective.slab.dim; d++) dkernel[d] = t->dp + (t->kernel[t->second][d].parameter - p);
  PetscCall(GpObjectiveEvaluate(&t->objective, t->kernel[t->second], t->u[t->second], p[0], p[1], &t->terms, gradient ? t->du : NULL, gradient ? &t->dp[0] : NULL, gradient ? &t->dp[1] : NULL,
                                gradient ? dkernel : NULL, gradient ? NULL : t->weights[t->second], linear));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* What follows from the state: the frozen GP's part of u and of L u, then the objective and the weights of the present one. */
PetscErrorCode GpTrainingReady(GpTraining *t)
{
  PetscFunctionBegin;
  if (t->ready) PetscFunctionReturn(PETSC_SUCCESS);
  t->objective.base = t->objective.base_linear = NULL;
  if (t->second) {
    t->second = 0;
    PetscCall(Evaluate(t, PETSC_FALSE, t->base_linear));
    t->second = 1;
    PetscCall(PetscArraycpy(t->base, t->u[0], (size_t)t->objective.slab.n_local));
    t->objective.base        = t->base;
    t->objective.base_linear = t->base_linear;
  }
  PetscCall(Evaluate(t, PETSC_FALSE, NULL));
  t->ready = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode BeginSecond(GpPde *gp)
{
  GpTraining  *t = gp->training;
  const size_t n = (size_t)t->objective.slab.n_local;

  PetscFunctionBegin;
  t->second = 1;
  t->began  = t->epoch;
  Initial(gp, t, 1);
  PetscCall(PetscArrayzero(t->u[1], n));
  PetscCall(PetscArrayzero(t->m_u, n));
  PetscCall(PetscArrayzero(t->v_u, n));
  PetscCall(PetscArrayzero(t->m_p, (size_t)t->n_p[1]));
  PetscCall(PetscArrayzero(t->v_p, (size_t)t->n_p[1]));
  t->ready = PETSC_FALSE;
  PetscCall(TesProblemSay(gp->problem, "epoch %" PetscInt64_FMT ": the first GP is frozen, a second one is trained on what remains", t->epoch));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscReal GpTrainingFlops(const GpPde *gp)
{
  PetscReal flops = 0, points = 1;

  for (PetscInt d = 0; d < gp->dim; d++) points *= (PetscReal)gp->n[d];
  for (PetscInt d = 0; d < gp->dim; d++) flops += 2 * PetscPowRealInt((PetscReal)gp->n[d], 3) + 28 * points * (gp->dim > 1 ? (PetscReal)gp->n[d] : 1) + 1000. * gp->kernel.components * (PetscReal)gp->n[d];
  return flops;
}

PetscInt64 GpTrainingBatch(const GpPde *gp)
{
  if (gp->reference.epochs_per_step.word < 0) return gp->reference.epochs_per_step.value;
  return (PetscInt64)PetscMax(1, PetscMin(FLOPS_PER_STEP / GpTrainingFlops(gp), MOST_EPOCHS));
}

/* Relative error at the nodes, for the history: it costs next to nothing. The report takes the error on the test points. */
static PetscErrorCode NodeError(GpPde *gp)
{
  GpTraining   *t    = gp->training;
  const GpSlab *slab = &t->objective.slab;
  PetscReal    *truth, size, error;
  GpPoints      points;

  PetscFunctionBegin;
  t->error = 0;
  if (!gp->truth) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc1((size_t)slab->n_local, &truth));
  GpPointSetPoints(&gp->grid, &points);
  points.first = slab->part.first;
  points.count = slab->part.n_local;
  PetscCall(GpExprEvaluate(gp->truth, gp->dim, &points, truth));
  PetscCall(GpSlabDot(slab, truth, truth, &size));
  for (PetscInt64 i = 0; i < slab->n_local; i++) truth[i] -= t->u[0][i] + (t->second ? t->u[1][i] : 0);
  PetscCall(GpSlabDot(slab, truth, truth, &error));
  t->error = PetscSqrtReal(size > 0 ? error / size : error);
  PetscCall(PetscFree(truth));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- as a way to the solution ---- */

static PetscErrorCode TrainingStep(TesProblem problem, GpPde *gp, TesProgress *progress)
{
  GpTraining      *t      = gp->training;
  const PetscInt64 freeze = (PetscInt64)(gp->reference.freeze_after * (PetscReal)gp->reference.epochs), batch = GpTrainingBatch(gp);
  const PetscInt64 end    = PetscMin((t->epoch / batch + 1) * batch, gp->reference.epochs);
  const PetscReal  work   = (PetscReal)(end - t->epoch);

  PetscFunctionBegin;
  PetscCall(TesPhaseBegin(TesProblemTimers(problem), "training"));
  PetscCall(GpTrainingReady(t));
  while (t->epoch < end) {
    const PetscReal rate = gp->reference.learning_rate;
    PetscReal       jitter;

    if (!t->second && t->epoch >= freeze && freeze < gp->reference.epochs) {
      PetscCall(BeginSecond(gp));
      PetscCall(GpTrainingReady(t));
    }
    PetscCall(Evaluate(t, PETSC_TRUE, NULL));
    jitter = t->terms.jitter;
    t->epoch++;
    GpAdam(t->objective.slab.n_local, t->epoch - t->began, rate, t->du, t->u[t->second], t->m_u, t->v_u);
    GpAdam(t->n_p[t->second], t->epoch - t->began, rate, t->dp, t->p[t->second], t->m_p, t->v_p);
    if (jitter > gp->reference.jitter)
      PetscCall(TesProblemSay(problem, "epoch %" PetscInt64_FMT ": a covariance was not positive definite, jitter %.0e in place of %.0e", t->epoch, (double)jitter, (double)gp->reference.jitter));
  }
  t->ready = PETSC_FALSE;
  PetscCall(GpTrainingReady(t));
  PetscCall(NodeError(gp));
  PetscCall(TesPhaseEnd(TesProblemTimers(problem), "training"));
  PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "epoch %" PetscInt64_FMT "/%" PetscInt64_FMT, t->epoch, gp->reference.epochs));
  progress->done  = (PetscReal)t->epoch;
  progress->total = (PetscReal)gp->reference.epochs;
  progress->work  = work;
  for (PetscInt d = 0; d < gp->dim; d++) progress->work *= (PetscReal)gp->n[d];
  progress->merit_name = gp->truth ? "error" : "objective";
  progress->merit      = gp->truth ? t->error : t->terms.value;
  progress->finished   = t->epoch >= gp->reference.epochs ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscReal GpTrainingResidual(const GpTraining *t)
{
  return PetscSqrtReal(t->size_f > 0 ? t->terms.residual / t->size_f : t->terms.residual);
}

PetscReal GpTrainingBoundary(const GpTraining *t)
{
  return PetscSqrtReal(t->terms.boundary / (PetscReal)GpObjectiveBoundaryPoints(&t->objective));
}

static PetscErrorCode TrainingObserve(GpPde *gp, TesSeries series)
{
  GpTraining      *t = gp->training;
  const PetscReal *p = t->p[t->second];

  PetscFunctionBegin;
  PetscCall(GpTrainingReady(t));
  PetscCall(TesSeriesReal(series, "epoch", "1", (PetscReal)t->epoch));
  PetscCall(TesSeriesReal(series, "objective", "1", t->terms.value));
  if (gp->truth) PetscCall(TesSeriesReal(series, "training_error", "1", t->error));
  PetscCall(TesSeriesReal(series, "training_residual", "1", GpTrainingResidual(t)));
  PetscCall(TesSeriesReal(series, "training_boundary", "1", GpTrainingBoundary(t)));
  PetscCall(TesSeriesReal(series, "log_tau", "1", p[0]));
  PetscCall(TesSeriesReal(series, "log_v", "1", p[1]));
  PetscCall(TesSeriesReal(series, "jitter", "1", t->terms.jitter));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Rows(TesState state, const GpSlab *slab, const char name[], PetscReal *values)
{
  PetscFunctionBegin;
  if (slab->dim == 1) PetscCall(TesStateReals(state, name, slab->n_local, values));
  else PetscCall(TesStateRows(state, name, TES_F64, &slab->part, slab->row, values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TrainingState(GpPde *gp, TesState state)
{
  GpTraining *t = gp->training;

  PetscFunctionBegin;
  PetscCall(TesStatePush(state, "training"));
  PetscCall(TesStateInt(state, "epoch", &t->epoch));
  PetscCall(TesStateInt(state, "began", &t->began));
  PetscCall(TesStateIndex(state, "second", &t->second));
  PetscCall(TesStateReal(state, "error", &t->error));
  PetscCheck(t->second == 0 || t->second == 1, gp->comm, TES_ERR_WORLD, "the checkpoint names GP %" PetscInt_FMT " of two", t->second + 1);
  for (PetscInt stage = 0; stage <= t->second; stage++) {
    PetscCall(Rows(state, &t->objective.slab, stage ? "second_u" : "u", t->u[stage]));
    PetscCall(TesStateReals(state, stage ? "second_parameters" : "parameters", t->n_p[stage], t->p[stage]));
  }
  PetscCall(Rows(state, &t->objective.slab, "moment_1_u", t->m_u));
  PetscCall(Rows(state, &t->objective.slab, "moment_2_u", t->v_u));
  PetscCall(TesStateReals(state, "moment_1_parameters", t->n_p[t->second], t->m_p));
  PetscCall(TesStateReals(state, "moment_2_parameters", t->n_p[t->second], t->v_p));
  PetscCall(TesStatePop(state));
  if (state->ops->mode == TES_STATE_WRITES_PROBLEM) t->ready = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TrainingDestroy(GpPde *gp)
{
  GpTraining *t = gp->training;

  PetscFunctionBegin;
  if (!t) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt stage = 0; stage < 2; stage++) PetscCall(PetscFree3(t->u[stage], t->p[stage], t->weights[stage]));
  PetscCall(PetscFree6(t->m_u, t->v_u, t->m_p, t->v_p, t->du, t->dp));
  PetscCall(PetscFree2(t->base, t->base_linear));
  PetscCall(PetscFree(t->line));
  PetscCall(PetscFree(gp->training));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The equation as constant coefficients and a reaction. */
void GpTrainingOperator(const GpPde *gp, GpObjective *objective)
{
  for (PetscInt d = 0; d < gp->dim; d++) {
    objective->first[d]  = gp->first[d];
    objective->second[d] = gp->second[d];
  }
  objective->shift           = gp->zeroth;
  objective->gp              = gp->eq->reaction ? gp : NULL;
  objective->boundary_weight = gp->reference.boundary_weight.word < 0 ? gp->reference.boundary_weight.value : !strcmp(gp->eq->name, "advection") ? 500 : 200;
}

const GpRoute gp_route_reference = {
  .name     = "reference",
  .help     = "the published training by Adam",
  .check    = GpTrainingCheck,
  .estimate = GpTrainingEstimate,
  .setup    = TrainingSetUp,
  .start    = TrainingStart,
  .step     = TrainingStep,
  .observe  = TrainingObserve,
  .state    = TrainingState,
  .finish   = GpTrainingFinish,
  .destroy  = TrainingDestroy,
};
