/* Adam, AdamW and SGD on flat replicated vectors; clipping and the moving average of the weights. Formulas are in optim.h.

   Elementwise, so every rank gets the same bits from the same gradient; norms are added pairwise in a fixed order. 4 n reads and 3 n writes for Adam. */
#include "optimizer_impl.h"

#include <math.h>

const char *const TesOptimizerKinds[] = {"adam", "sgd", "lbfgs", NULL};
const char *const TesDecays[]         = {"coupled", "decoupled", NULL};

PetscErrorCode TesOptimizerDefaults(TesOptimizerOptions *options)
{
  PetscFunctionBegin;
  *options = (TesOptimizerOptions){.kind = TES_OPTIMIZER_ADAM, .learning_rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .decay = TES_DECAY_COUPLED, .history = 10};
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesOptimizerCreate(const TesOptimizerOptions *options, PetscInt64 n, TesOptimizer *optimizer)
{
  const PetscInt64 room = PetscMax(n, 1);
  TesOptimizer     o;

  PetscFunctionBegin;
  PetscCall(PetscNew(&o));
  *optimizer = o;
  o->options = *options;
  o->n       = n;
  PetscCall(PetscCalloc1(room, &o->g));
  if (options->kind == TES_OPTIMIZER_LBFGS) {
    PetscCall(LbfgsCreate(o));
  } else {
    PetscCall(PetscCalloc1(room, &o->first));
    if (options->kind == TES_OPTIMIZER_ADAM) PetscCall(PetscCalloc1(room, &o->second));
    if (options->kind == TES_OPTIMIZER_ADAM && options->amsgrad) PetscCall(PetscCalloc1(room, &o->largest));
  }
  if (options->average > 0) PetscCall(PetscCalloc2(room, &o->mean, room, &o->average));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesOptimizerDestroy(TesOptimizer *optimizer)
{
  TesOptimizer o = *optimizer;

  PetscFunctionBegin;
  if (!o) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscFree(o->first));
  PetscCall(PetscFree(o->second));
  PetscCall(PetscFree(o->largest));
  PetscCall(PetscFree2(o->mean, o->average));
  PetscCall(PetscFree(o->g));
  PetscCall(PetscFree2(o->s, o->y));
  PetscCall(PetscFree3(o->direction, o->trial, o->trial_g));
  PetscCall(PetscFree(*optimizer));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscReal OptimDot(PetscInt64 n, const PetscReal *a, const PetscReal *b)
{
  PetscReal s[8] = {0};

  if (n > 256) {
    PetscInt64 half = (n / 2 + 7) & ~(PetscInt64)7;

    return OptimDot(half, a, b) + OptimDot(n - half, a + half, b + half);
  }
  for (PetscInt64 i = 0; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) s[j] += a[i + j] * b[i + j];
  for (PetscInt64 i = n & ~(PetscInt64)7; i < n; i++) s[i & 7] += a[i] * b[i];
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

PetscErrorCode TesClip(PetscInt64 n, PetscReal *g, PetscReal largest, PetscReal *norm)
{
  PetscReal value = PetscSqrtReal(OptimDot(n, g, g));

  PetscFunctionBegin;
  PetscCheck(largest > 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "clipping to a norm of %g", (double)largest);
  if (value > largest)
    for (PetscInt64 i = 0; i < n; i++) g[i] *= largest / value;
  if (norm) *norm = value;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Adam(TesOptimizer o, PetscReal lr, PetscReal b1, PetscReal *restrict x, const PetscReal *restrict g)
{
  const PetscReal b2 = o->options.beta2, k = (PetscReal)o->steps, eps = o->options.eps;
  const PetscReal rate = lr / (1 - PetscPowReal(b1, k)), root = 1 / PetscSqrtReal(1 - PetscPowReal(b2, k));
  PetscReal *restrict m = o->first, *restrict q = o->second, *restrict top = o->largest;

  for (PetscInt64 i = 0; i < o->n; i++) {
    m[i] = b1 * m[i] + (1 - b1) * g[i];
    q[i] = b2 * q[i] + (1 - b2) * g[i] * g[i];
  }
  if (top) {
    for (PetscInt64 i = 0; i < o->n; i++) top[i] = PetscMax(top[i], q[i]);
    q = top;
  }
  for (PetscInt64 i = 0; i < o->n; i++) x[i] -= rate * m[i] / (sqrt(q[i]) * root + eps);
}

static void Sgd(TesOptimizer o, PetscReal lr, PetscReal *restrict x, const PetscReal *restrict g)
{
  const PetscReal mu = o->options.momentum, push = o->options.nesterov ? mu : 1, direct = o->options.nesterov ? 1 : 0;
  PetscReal *restrict b = o->first;

  for (PetscInt64 i = 0; i < o->n; i++) {
    b[i] = mu * b[i] + g[i];
    x[i] -= lr * (direct * g[i] + push * b[i]);
  }
}

static void Average(TesOptimizer o, const PetscReal *x)
{
  const PetscReal a = o->options.average;
  PetscReal       correction;

  if (!o->mean) return;
  correction = 1 / (1 - PetscPowReal(a, (PetscReal)o->steps));
  for (PetscInt64 i = 0; i < o->n; i++) {
    o->mean[i]    = a * o->mean[i] + (1 - a) * x[i];
    o->average[i] = correction * o->mean[i];
  }
}

PetscErrorCode TesOptimizerApply(TesOptimizer o, const TesRate *rate, PetscReal *x, PetscReal *g)
{
  const TesOptimizerOptions *p    = &o->options;
  const TesRate              used = rate ? *rate : (TesRate){p->learning_rate, p->beta1};

  PetscFunctionBegin;
  PetscCheck(p->kind != TES_OPTIMIZER_LBFGS, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "L-BFGS evaluates its objective: use TesOptimizerIterate");
  if (p->clip > 0) PetscCall(TesClip(o->n, g, p->clip, NULL));
  if (p->weight_decay > 0) {
    if (p->decay == TES_DECAY_COUPLED)
      for (PetscInt64 i = 0; i < o->n; i++) g[i] += p->weight_decay * x[i];
    else
      for (PetscInt64 i = 0; i < o->n; i++) x[i] -= used.learning_rate * p->weight_decay * x[i];
  }
  o->steps++;
  if (p->kind == TES_OPTIMIZER_ADAM) Adam(o, used.learning_rate, used.beta1, x, g);
  else Sgd(o, used.learning_rate, x, g);
  Average(o, x);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesOptimizerIterate(TesOptimizer o, const TesRate *rate, TesObjective objective, void *ctx, PetscReal *x, PetscReal *value, PetscReal *gradient_norm, PetscBool *stalled)
{
  PetscFunctionBegin;
  if (stalled) *stalled = PETSC_FALSE;
  if (o->options.kind == TES_OPTIMIZER_LBFGS) {
    PetscCall(LbfgsIterate(o, objective, ctx, x, value, gradient_norm, stalled));
    Average(o, x);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(objective(o->steps, x, value, o->g, ctx));
  PetscCheck(!PetscIsInfOrNanReal(*value), PETSC_COMM_SELF, TES_ERR_NUMBERS, "iteration %" PetscInt64_FMT ": the objective is not finite", o->steps);
  *gradient_norm = PetscSqrtReal(OptimDot(o->n, o->g, o->g));
  PetscCall(TesOptimizerApply(o, rate, x, o->g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscInt64       TesOptimizerSteps(TesOptimizer o) { return o->steps; }
const PetscReal *TesOptimizerAverage(TesOptimizer o) { return o->average; }

PetscErrorCode TesOptimizerState(TesOptimizer o, TesState state)
{
  PetscFunctionBegin;
  PetscCall(TesStatePush(state, "optimizer"));
  PetscCall(TesStateInt(state, "steps", &o->steps));
  if (o->first) PetscCall(TesStateReals(state, "first", o->n, o->first));
  if (o->second) PetscCall(TesStateReals(state, "second", o->n, o->second));
  if (o->largest) PetscCall(TesStateReals(state, "largest", o->n, o->largest));
  if (o->mean) PetscCall(TesStateReals(state, "mean", o->n, o->mean));
  if (o->mean) PetscCall(TesStateReals(state, "average", o->n, o->average));
  if (o->options.kind == TES_OPTIMIZER_LBFGS) PetscCall(LbfgsState(o, state));
  PetscCall(TesStatePop(state));
  PetscFunctionReturn(PETSC_SUCCESS);
}
