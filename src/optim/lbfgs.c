/* L-BFGS for small deterministic fits (Nocedal and Wright, algorithms 7.4, 3.5, 3.6).

   Direction by the two-loop recursion over the last pairs (s, y), started with (s'y / y'y) of the newest one. Line search for the strong Wolfe conditions, c1 = 1e-4,
   c2 = 0.9: the step grows until it brackets, then cubic interpolation inside, kept away from the ends. A pair is kept where s'y > 1e-10 |s| |y|.
   When no step decreases the value, the history is dropped and the steepest descent tried once; if that fails too the method is stalled: x is a minimum to rounding.
   Memory: 2 history n; the state for restarts holds all of it and the present value and gradient, so a restart goes on with the same bits. */
#include "optimizer_impl.h"

#include <math.h>

#define C1        1e-4
#define C2        0.9
#define MAX_TRIES 25 /* evaluations of a line search: an interval shrinks by 0.9^25 at worst, usually by far more */

PetscErrorCode LbfgsCreate(TesOptimizer o)
{
  PetscInt64 n = PetscMax(o->n, 1);

  PetscFunctionBegin;
  PetscCheck(o->options.history >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "L-BFGS keeps at least one pair, not %" PetscInt_FMT, o->options.history);
  PetscCheck(o->options.weight_decay == 0 || o->options.decay == TES_DECAY_COUPLED, PETSC_COMM_SELF, TES_ERR_DECK, "L-BFGS knows coupled weight decay only");
  PetscCall(PetscCalloc2(o->options.history * n, &o->s, o->options.history * n, &o->y));
  PetscCall(PetscCalloc3(n, &o->direction, n, &o->trial, n, &o->trial_g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbfgsState(TesOptimizer o, TesState state)
{
  PetscFunctionBegin;
  PetscCall(TesStateIndex(state, "pairs", &o->pairs));
  PetscCall(TesStateIndex(state, "newest", &o->newest));
  PetscCall(TesStateBool(state, "known", &o->known));
  PetscCall(TesStateReal(state, "value", &o->value));
  PetscCall(TesStateReals(state, "gradient", o->n, o->g));
  PetscCall(TesStateReals(state, "s", o->options.history * o->n, o->s));
  PetscCall(TesStateReals(state, "y", o->options.history * o->n, o->y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Evaluate(TesOptimizer o, TesObjective objective, void *ctx, const PetscReal *x, PetscReal *value, PetscReal *g)
{
  PetscReal wd = o->options.weight_decay;

  PetscFunctionBegin;
  PetscCall(objective(o->steps, x, value, g, ctx));
  if (wd > 0) {
    *value += 0.5 * wd * OptimDot(o->n, x, x);
    for (PetscInt64 i = 0; i < o->n; i++) g[i] += wd * x[i];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Direction(TesOptimizer o)
{
  PetscReal *d = o->direction, alpha[1024];
  PetscInt   h = o->options.history;

  for (PetscInt64 i = 0; i < o->n; i++) d[i] = -o->g[i];
  for (PetscInt j = 0; j < o->pairs; j++) {
    PetscInt   at = (o->newest - j + h) % h;
    PetscReal *s = o->s + at * o->n, *y = o->y + at * o->n;

    alpha[j] = OptimDot(o->n, s, d) / OptimDot(o->n, s, y);
    for (PetscInt64 i = 0; i < o->n; i++) d[i] -= alpha[j] * y[i];
  }
  if (o->pairs) {
    PetscReal *s = o->s + o->newest * o->n, *y = o->y + o->newest * o->n, gamma = OptimDot(o->n, s, y) / OptimDot(o->n, y, y);

    for (PetscInt64 i = 0; i < o->n; i++) d[i] *= gamma;
  }
  for (PetscInt j = o->pairs - 1; j >= 0; j--) {
    PetscInt   at = (o->newest - j + h) % h;
    PetscReal *s = o->s + at * o->n, *y = o->y + at * o->n, beta = OptimDot(o->n, y, d) / OptimDot(o->n, s, y);

    for (PetscInt64 i = 0; i < o->n; i++) d[i] += (alpha[j] - beta) * s[i];
  }
}

/* one point of the line: step, value, slope */
typedef struct {
  PetscReal t, f, slope;
} Place;

static PetscErrorCode Try(TesOptimizer o, TesObjective objective, void *ctx, const PetscReal *x, PetscReal t, Place *p)
{
  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < o->n; i++) o->trial[i] = x[i] + t * o->direction[i];
  PetscCall(Evaluate(o, objective, ctx, o->trial, &p->f, o->trial_g));
  p->t     = t;
  p->slope = OptimDot(o->n, o->trial_g, o->direction);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* minimum of the cubic through two places, or the middle, at least a tenth of the interval from its ends */
static PetscReal Inside(const Place *a, const Place *b)
{
  PetscReal low = PetscMin(a->t, b->t), high = PetscMax(a->t, b->t), t, d1, d2, root;

  d1   = a->slope + b->slope - 3 * (a->f - b->f) / (a->t - b->t);
  root = d1 * d1 - a->slope * b->slope;
  d2   = (b->t > a->t ? 1 : -1) * PetscSqrtReal(PetscMax(root, 0));
  t    = b->t - (b->t - a->t) * (b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2);
  if (!(root >= 0) || !isfinite(t)) t = 0.5 * (low + high);
  return PetscMax(low + 0.1 * (high - low), PetscMin(high - 0.1 * (high - low), t));
}

/* found: the trial vectors hold a place that satisfies the conditions, or at least decreases the value */
static PetscErrorCode LineSearch(TesOptimizer o, TesObjective objective, void *ctx, const PetscReal *x, PetscReal first, Place *p, PetscBool *found)
{
  const Place start = {0, o->value, OptimDot(o->n, o->g, o->direction)};
  Place       low = start, high = start;
  PetscBool   bracketed = PETSC_FALSE;
  PetscReal   t         = first;

  PetscFunctionBegin;
  *found = PETSC_FALSE;
  if (!(start.slope < 0)) PetscFunctionReturn(PETSC_SUCCESS);
  for (int tries = 0; tries < MAX_TRIES; tries++) {
    PetscCall(Try(o, objective, ctx, x, t, p));
    if (!isfinite(p->f) || p->f > start.f + C1 * t * start.slope || p->f >= low.f) {
      high = *p;
      if (!isfinite(p->f)) { /* the objective ends before here */
        high.f     = PETSC_MAX_REAL;
        t          = low.t + 0.1 * (t - low.t);
        bracketed  = PETSC_TRUE;
        continue;
      }
      bracketed = PETSC_TRUE;
    } else {
      if (PetscAbsReal(p->slope) <= -C2 * start.slope) {
        *found = PETSC_TRUE;
        PetscFunctionReturn(PETSC_SUCCESS);
      }
      if (bracketed ? p->slope * (high.t - low.t) >= 0 : p->slope >= 0) {
        high      = low;
        bracketed = PETSC_TRUE;
      }
      low = *p;
    }
    if (!bracketed) t *= 4;
    else t = high.f < PETSC_MAX_REAL ? Inside(&low, &high) : 0.5 * (low.t + high.t);
    if (bracketed && PetscAbsReal(high.t - low.t) <= 1e-14 * PetscMax(PetscAbsReal(low.t), PetscAbsReal(high.t))) break;
  }
  if (low.t > 0) { /* no step of full merit, but one that goes down: take it */
    PetscCall(Try(o, objective, ctx, x, low.t, p));
    *found = PETSC_TRUE;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void KeepPair(TesOptimizer o, const PetscReal *x)
{
  PetscInt   h = o->options.history, at = o->pairs ? (o->newest + 1) % h : 0;
  PetscReal *s = o->s + at * o->n, *y = o->y + at * o->n, sy;

  for (PetscInt64 i = 0; i < o->n; i++) {
    s[i] = o->trial[i] - x[i];
    y[i] = o->trial_g[i] - o->g[i];
  }
  sy = OptimDot(o->n, s, y);
  if (!(sy > 1e-10 * PetscSqrtReal(OptimDot(o->n, s, s)) * PetscSqrtReal(OptimDot(o->n, y, y)))) {
    if (o->pairs == h) o->pairs--; /* the oldest has been overwritten */
    return;
  }
  o->newest = at;
  o->pairs  = PetscMin(o->pairs + 1, h);
}

PetscErrorCode LbfgsIterate(TesOptimizer o, TesObjective objective, void *ctx, PetscReal *x, PetscReal *value, PetscReal *gradient_norm, PetscBool *stalled)
{
  PetscReal norm;
  PetscBool found;
  Place     p;

  PetscFunctionBegin;
  PetscCheck(o->options.history <= 1024, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "L-BFGS keeps at most 1024 pairs");
  if (!o->known) {
    PetscCall(Evaluate(o, objective, ctx, x, &o->value, o->g));
    o->known = PETSC_TRUE;
  }
  PetscCheck(!PetscIsInfOrNanReal(o->value), PETSC_COMM_SELF, TES_ERR_NUMBERS, "iteration %" PetscInt64_FMT ": the objective is not finite", o->steps);
  norm = PetscSqrtReal(OptimDot(o->n, o->g, o->g));
  if (norm > 0) {
    Direction(o);
    PetscCall(LineSearch(o, objective, ctx, x, o->pairs ? 1 : PetscMin(1, 1 / norm), &p, &found));
    if (!found && o->pairs) {
      o->pairs = 0;
      Direction(o);
      PetscCall(LineSearch(o, objective, ctx, x, PetscMin(1, 1 / norm), &p, &found));
    }
    if (found) {
      KeepPair(o, x);
      PetscCall(PetscArraycpy(x, o->trial, o->n));
      PetscCall(PetscArraycpy(o->g, o->trial_g, o->n));
      o->value = p.f;
    } else if (stalled) *stalled = PETSC_TRUE;
  }
  o->steps++;
  *value         = o->value;
  *gradient_norm = PetscSqrtReal(OptimDot(o->n, o->g, o->g));
  PetscFunctionReturn(PETSC_SUCCESS);
}
