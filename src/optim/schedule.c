/* Learning rates as pure functions of the place in a training; formulas are in optim.h. The one-cycle schedule moves beta1 along with the rate, as the library does from
   which published one-cycle results come. */
#include <tessera/optim.h>

const char *const TesScheduleKinds[] = {"constant", "cosine", "onecycle", "step", "exponential", NULL};

/* from a at p = 0 to b at p = 1 along half a cosine */
static PetscReal Between(PetscReal a, PetscReal b, PetscReal p)
{
  return b + (a - b) / 2 * (1 + PetscCosReal(PETSC_PI * p));
}

static void OneCycle(const TesSchedule *s, PetscReal top, PetscInt64 e, PetscInt64 total, TesRate *rate)
{
  PetscReal first = top / s->div, last = first / s->final_div, turn = s->warm * (PetscReal)total - 1, end = (PetscReal)(total - 1), at = (PetscReal)e;
  PetscReal high = s->cycle_beta1[1], low = s->cycle_beta1[0];
  PetscBool cycle = high > 0 ? PETSC_TRUE : PETSC_FALSE;

  if (turn > 0 && at <= turn) {
    rate->learning_rate = Between(first, top, at / turn);
    if (cycle) rate->beta1 = Between(high, low, at / turn);
  } else {
    PetscReal from = PetscMax(turn, 0), p = end > from ? PetscMin((at - from) / (end - from), 1) : 1;

    rate->learning_rate = Between(top, last, p);
    if (cycle) rate->beta1 = Between(low, high, p);
  }
}

PetscErrorCode TesScheduleAt(const TesSchedule *s, const TesOptimizerOptions *options, PetscInt64 e, PetscInt64 total, TesRate *rate)
{
  PetscReal lr = options->learning_rate;

  PetscFunctionBegin;
  PetscCheck(e >= 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "place %" PetscInt64_FMT " of a schedule", e);
  *rate = (TesRate){lr, options->beta1};
  switch (s->kind) {
  case TES_SCHEDULE_CONSTANT: break;
  case TES_SCHEDULE_COSINE: rate->learning_rate = Between(lr, lr * s->floor, total > 1 ? PetscMin((PetscReal)e / (PetscReal)(total - 1), 1) : 0); break;
  case TES_SCHEDULE_ONECYCLE: OneCycle(s, lr, PetscMin(e, PetscMax(total - 1, 0)), total, rate); break;
  case TES_SCHEDULE_STEP: rate->learning_rate = lr * PetscPowReal(s->factor, (PetscReal)(e / PetscMax(s->every, 1))); break;
  case TES_SCHEDULE_EXPONENTIAL: rate->learning_rate = lr * PetscPowReal(s->factor, (PetscReal)e); break;
  default: SETERRQ(PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "no schedule %d", s->kind);
  }
  if (s->kind != TES_SCHEDULE_ONECYCLE && e < s->warm_up) rate->learning_rate *= (PetscReal)(e + 1) / (PetscReal)(s->warm_up + 1);
  PetscFunctionReturn(PETSC_SUCCESS);
}
