/* Iterate until: the loop around any method that makes steps. */
#include <tessera/optim.h>

PetscErrorCode TesIterateUntil(TesIterateStep step, void *ctx, const TesStopRule *rule, TesIterate *last, TesStopReason *reason)
{
  PetscReal start = 0, previous = 0;
  PetscInt  quiet = 0;

  PetscFunctionBegin;
  *last   = (TesIterate){0};
  *reason = TES_STOP_ITERATIONS;
  for (PetscInt64 k = 0; k < rule->max_iterations; k++) {
    *last = (TesIterate){.iteration = k};
    PetscCall(step(last, ctx));
    PetscCheck(!PetscIsInfOrNanReal(last->value) && !PetscIsInfOrNanReal(last->residual), PETSC_COMM_SELF, TES_ERR_NUMBERS,
               "iteration %" PetscInt64_FMT ": value %g, residual %g: not finite", k, (double)last->value, (double)last->residual);
    if (!k) start = last->residual;
    if ((rule->residual > 0 && last->residual <= rule->residual) || (rule->residual_relative > 0 && last->residual <= rule->residual_relative * start)) {
      *reason = TES_STOP_RESIDUAL;
      break;
    }
    if (last->stalled) {
      *reason = TES_STOP_STALLED;
      break;
    }
    quiet    = k && rule->change > 0 && PetscAbsReal(last->value - previous) <= rule->change * PetscMax(1, PetscAbsReal(last->value)) ? quiet + 1 : 0;
    previous = last->value;
    if (quiet >= 2) {
      *reason = TES_STOP_CHANGE;
      break;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  TesOptimizer optimizer;
  TesObjective objective;
  void        *ctx;
  PetscReal   *x;
} Minimization;

static PetscErrorCode MinimizeStep(TesIterate *iterate, void *ctx)
{
  Minimization *m = ctx;

  PetscFunctionBegin;
  PetscCall(TesOptimizerIterate(m->optimizer, NULL, m->objective, m->ctx, m->x, &iterate->value, &iterate->residual, &iterate->stalled));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesMinimize(TesOptimizer optimizer, TesObjective objective, void *ctx, const TesStopRule *rule, PetscReal *x, TesIterate *last, TesStopReason *reason)
{
  Minimization m = {optimizer, objective, ctx, x};

  PetscFunctionBegin;
  PetscCall(TesIterateUntil(MinimizeStep, &m, rule, last, reason));
  PetscFunctionReturn(PETSC_SUCCESS);
}
