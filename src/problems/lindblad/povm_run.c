/* solver: povm, one step of a run and the rows that it gives.

   natural  a step of the flow (povm_step.c), cut at the next output time; steady: until no observable moves, the last row is the mean over the last stretch
   paper    evolve: a step of the trapezoid rule, fitted by an inner optimiser; steady: one update of the parameters, a row every optimizer.observe_every of them (povm_paper.c) */
#include <math.h>
#include <stdio.h>
#include "povm_solver.h"

PetscBool LbPovmPaper(const Lindblad *c)
{
  return c->style == LB_STYLE_PAPER ? PETSC_TRUE : PETSC_FALSE;
}

PetscReal LbPovmEnd(const Lindblad *c)
{
  return c->task == LB_TASK_STEADY ? c->time.start + c->steady.t_max : c->time.end;
}

PetscInt64 LbPovmRows(const Lindblad *c)
{
  return 1 + (PetscInt64)PetscMax(0, PetscCeilReal((LbPovmEnd(c) - c->time.start) / c->time.output_every - 1e-9));
}

static PetscErrorCode Append(PetscInt64 *n, int width, PetscReal **data, const PetscReal *row)
{
  PetscReal *grown;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((*n + 1) * width, &grown));
  if (*n) PetscCall(PetscArraycpy(grown, *data, *n * width));
  PetscCall(PetscArraycpy(grown + *n * width, row, width));
  PetscCall(PetscFree(*data));
  *data = grown;
  (*n)++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* observables now, as a row */
static PetscErrorCode Measure(Lindblad *c)
{
  Povm      *r = c->task_data;
  const int  n = c->observables.n_columns;
  PetscReal *row;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(1 + 2 * n, &row));
  PetscCall(LbObserveAt(c->world, c, &r->observe, c->now, r->n_rows));
  row[0] = c->now;
  PetscCall(PetscArraycpy(row + 1, r->observe.value, n));
  PetscCall(PetscArraycpy(row + 1 + n, r->observe.error, n));
  PetscCall(Append(&r->n_rows, 1 + 2 * n, &r->rows, row));
  PetscCall(PetscFree(row));
  r->smallest = PetscMin(r->smallest, r->observe.smallest);
  c->measured = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* has no column moved by more than drift over the window? */
static PetscBool Stationary(const Lindblad *c, const Povm *r)
{
  const int        n = c->observables.n_columns, width = 1 + 2 * n;
  const PetscReal *last = r->rows + (r->n_rows - 1) * width;

  for (PetscInt64 k = r->n_rows - 2; k >= 0 && n; k--) {
    const PetscReal *row = r->rows + k * width;

    for (int i = 0; i < n; i++)
      if (PetscAbsReal(row[1 + i] - last[1 + i]) > c->steady.stop.drift) return PETSC_FALSE;
    if (row[0] <= last[0] - c->steady.stop.window + 1e-9) return PETSC_TRUE;
  }
  return PETSC_FALSE;
}

/* the last row becomes the mean over the rows of the last stretch; error: sampling, or scatter where that is larger */
static void Average(const Lindblad *c, Povm *r)
{
  const int  n = c->observables.n_columns, width = 1 + 2 * n;
  PetscReal *last = r->rows + (r->n_rows - 1) * width;
  PetscInt64 first = r->n_rows - 1, count;

  while (first > 0 && r->rows[(first - 1) * width] >= last[0] - c->steady.average - 1e-9) first--;
  count = r->n_rows - first;
  for (int i = 0; i < n; i++) {
    PetscReal mean = 0, error = 0, scatter = 0;

    for (PetscInt64 k = first; k < r->n_rows; k++) {
      mean += r->rows[k * width + 1 + i];
      error += PetscSqr(r->rows[k * width + 1 + n + i]);
    }
    mean /= (PetscReal)count;
    for (PetscInt64 k = first; k < r->n_rows; k++) scatter += PetscSqr(r->rows[k * width + 1 + i] - mean);
    error   = PetscSqrtReal(error) / (PetscReal)count;
    scatter = count > 1 ? PetscSqrtReal(scatter / (PetscReal)(count - 1) / (PetscReal)count) : 0;
    last[1 + i]     = mean;
    last[1 + n + i] = PetscMax(error, scatter);
  }
}

/* one step of the flow, at most to the next output time */
static PetscErrorCode Flow(TesProblem problem, Lindblad *c, PetscReal target, TesProgress *progress)
{
  Povm             *r    = c->task_data;
  LbStepSetting     set  = {.integrator = c->step.integrator, .tol = c->step.tol, .cap = c->step.cap, .hmax = c->step.hmax, .hmin = c->step.hmin};
  const LbFlowInfo *info = &r->step.info;
  PetscReal         row[LB_POVM_HISTORY];
  PetscBool         failed;

  PetscFunctionBegin;
  PetscCall(LbStepAdvance(&r->flow, &set, c->now, target, &r->step, &failed));
  if (failed)
    SETERRQ(c->world, TES_ERR_NUMBERS, "the flow is not finite, or all samples are one configuration, at t = %.6g after three attempts (h = %.3g, largest e %.3g): raise step.reg, lower step.cap, or take more samples", (double)c->now, (double)r->step.h,
            (double)info->largest);
  row[0]  = c->now;
  row[1]  = r->step.taken;
  row[2]  = r->step.error;
  row[3]  = info->distinct;
  row[4]  = info->mean;
  row[5]  = info->error;
  row[6]  = info->rms;
  row[7]  = info->largest;
  row[8]  = info->residual;
  row[9]  = info->rate;
  row[10] = info->kurtosis;
  row[11] = info->exponent;
  PetscCall(Append(&r->n_history, LB_POVM_HISTORY, &r->history, row));
  if (info->exponent > 50) r->large++;
  PetscCall(LbSay(problem, c, "t = %.5g, h = %.3g, error %.2g; %d distinct, mean e %.2g +- %.2g, rms e %.3g, max |e| %.3g, residual %.3g", (double)c->now, (double)r->step.taken, (double)r->step.error, info->distinct,
                  (double)info->mean, (double)info->error, (double)info->rms, (double)info->largest, (double)info->residual));
  if (info->residual > 0.6 && info->rms > 1 && !c->warned) {
    c->warned = PETSC_TRUE;
    PetscCall(LbSay(problem, c, "warning: residual %.2f while rms e = %.2f: the network is too small or step.reg too large", (double)info->residual, (double)info->rms));
  }
  c->now += r->step.taken;
  progress->merit_name = "rms e";
  progress->merit      = info->rms;
  snprintf(progress->phase, sizeof progress->phase, "t = %.6g, residual %.3g", (double)c->now, (double)info->residual);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Record(Povm *r, PetscReal at, const LbPaperInfo *info)
{
  const PetscReal row[LB_PAPER_HISTORY] = {at, info->loss.value, info->loss.error, (PetscReal)info->updates, info->learning_rate, info->loss.largest, info->loss.mean, info->loss.mean_error, info->loss.exponent};

  PetscFunctionBegin;
  PetscCall(Append(&r->n_history, LB_PAPER_HISTORY, &r->history, row));
  if (info->loss.exponent > 50) r->large++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* one step of the trapezoid rule, at most to the next output time */
static PetscErrorCode Trapezoid(TesProblem problem, Lindblad *c, PetscReal target, TesProgress *progress)
{
  Povm       *r   = c->task_data;
  PetscReal   tau = c->step.tau;
  LbPaperInfo info;

  PetscFunctionBegin;
  if (c->now + tau > target - 1e-6 * tau) tau = target - c->now;
  PetscCall(LbPaperStep(c, &r->paper, c->now, tau, &info));
  c->now += tau;
  PetscCall(Record(r, c->now, &info));
  PetscCall(LbSay(problem, c, "t = %.5g, tau = %.3g: loss %.3g +- %.1g after %d inner steps; %d distinct, largest R %.3g", (double)c->now, (double)tau, (double)info.loss.value, (double)info.loss.error, (int)info.updates,
                  info.loss.distinct, (double)info.loss.largest));
  progress->merit_name = "loss";
  progress->merit      = info.loss.value;
  snprintf(progress->phase, sizeof progress->phase, "t = %.6g, loss %.3g", (double)c->now, (double)info.loss.value);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* one update towards the steady state */
static PetscErrorCode Update(TesProblem problem, Lindblad *c, TesProgress *progress)
{
  Povm       *r = c->task_data;
  LbPaperInfo info;

  PetscFunctionBegin;
  if (r->paper.updates < c->optimizer.steps) {
    PetscCall(LbPaperUpdate(c, &r->paper, &info));
    PetscCall(Record(r, (PetscReal)r->paper.updates, &info));
    if (r->paper.updates % 10 == 0 || info.chosen)
      PetscCall(LbSay(problem, c, "update %" PetscInt64_FMT ": loss %.4g +- %.1g, learning rate %.3g; %d distinct, largest R %.3g", r->paper.updates, (double)info.loss.value, (double)info.loss.error, (double)info.learning_rate,
                      info.loss.distinct, (double)info.loss.largest));
    if (info.chosen) PetscCall(LbSay(problem, c, "the best parameters are those of update %" PetscInt64_FMT ": loss %.4g +- %.1g", r->paper.best_update, (double)r->paper.best_loss, (double)r->paper.best_error));
    if (info.chosen || r->paper.updates % c->optimizer.observe_every == 0) PetscCall(Measure(c));
    progress->merit_name = "loss";
    progress->merit      = info.loss.value;
    snprintf(progress->phase, sizeof progress->phase, "update %" PetscInt64_FMT ", loss %.3g", r->paper.updates, (double)info.loss.value);
  } else PetscCall(Measure(c));
  r->finished     = r->paper.updates >= c->optimizer.steps ? PETSC_TRUE : PETSC_FALSE;
  progress->done  = (PetscReal)r->paper.updates;
  progress->total = (PetscReal)c->optimizer.steps;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPovmStep(TesProblem problem, Lindblad *c, TesProgress *progress)
{
  Povm            *r   = c->task_data;
  const PetscReal  end = LbPovmEnd(c), every = c->time.output_every;
  const PetscInt64 before  = r->flow.evaluations;
  const PetscBool  updates = LbPovmPaper(c) && c->task == LB_TASK_STEADY ? PETSC_TRUE : PETSC_FALSE;

  PetscFunctionBegin;
  c->measured = PETSC_FALSE;
  if (c->rows++ == 0) {
    PetscCall(Measure(c));
    snprintf(progress->phase, sizeof progress->phase, "initial state");
  } else if (updates) PetscCall(Update(problem, c, progress));
  else if (c->now < end) {
    const PetscInt64 k      = (PetscInt64)PetscFloorReal((c->now - c->time.start) / every + 1e-6) + 1;
    PetscReal        target = PetscMin(end, c->time.start + (PetscReal)k * every);

    if (target > end - 1e-9 * every) target = end;
    PetscCall((LbPovmPaper(c) ? Trapezoid : Flow)(problem, c, target, progress));
    if (PetscAbsReal(c->now - target) <= 1e-9 * PetscMax(1, PetscAbsReal(target))) {
      c->now = target;
      PetscCall(Measure(c));
    }
  } else PetscCall(Measure(c)); /* a finished run that is asked for the same end again */
  if (!updates) {
    if (c->now >= end) r->finished = PETSC_TRUE;
    if (c->task == LB_TASK_STEADY && c->measured && c->now > c->time.start) {
      if (Stationary(c, r)) r->finished = PETSC_TRUE;
      if (r->finished) Average(c, r);
    }
    progress->done  = c->now - c->time.start;
    progress->total = end - c->time.start;
  }
  progress->work     = (PetscReal)(r->flow.evaluations - before) * (PetscReal)r->flow.samples.count * LbOutcomesReach(&r->outcomes);
  progress->finished = r->finished;
  PetscFunctionReturn(PETSC_SUCCESS);
}
