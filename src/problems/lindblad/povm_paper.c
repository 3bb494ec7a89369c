/* style: paper, the routes of Luo, Chen, Carrasquilla, Clark, Phys. Rev. Lett. 128, 090501 (2022), with the numbers of their programs as defaults.

   steady  minimise |L p|_1 (or E[e^2]) by Adam: learning rate 1e-2, betas 0.9 and 0.98, eps 1e-9, 500 updates with 10000 samples each, rate halved every 600. From update best.from on, every best.every
           updates and at the last one, best.factor times as many samples estimate the loss; the parameters with the least are the answer.
   evolve  steps of the trapezoid rule, (1 - (tau/2) L) p_new = (1 + (tau/2) L) p_old, each fitted by up to 120 updates of Adam on the distance of both sides, beginning at the old parameters with fresh
           moments, rate halved every 80; 100 samples for each update; no more updates once the loss is below target_loss. tau is what time advances by. Or by Gauss-Newton steps with the ridge step.reg,
           until the rms of R was below target_loss.

   A loss that keeps growing ends the run: five rises in a row, to twice what it was and above ten times target_loss; of single steps (evolve) or of means over 20 updates (steady), since losses scatter. */
#include <math.h>
#include "povm_solver.h"

#define STRETCH 20 /* updates of one mean */

PetscInt LbPaperTrain(const Lindblad *c)
{
  if (c->samples.train.word < 0) return c->samples.train.value;
  if (c->style == LB_STYLE_NATURAL) return 1000;
  return c->task == LB_TASK_EVOLVE ? 100 : 10000;
}

static PetscInt InnerSteps(const Lindblad *c)
{
  if (c->step.inner_steps.word < 0) return c->step.inner_steps.value;
  return c->step.inner == LB_INNER_ADAM ? 120 : 2;
}

static TesRate Rate(const Lindblad *c, PetscInt64 update)
{
  const PetscInt every = c->optimizer.decay.every.word < 0 ? c->optimizer.decay.every.value : c->task == LB_TASK_EVOLVE ? 80 : 600;

  return (TesRate){.learning_rate = c->optimizer.learning_rate * pow(c->optimizer.decay.factor, (double)(update / every)), .beta1 = c->optimizer.beta1};
}

static PetscErrorCode Fresh(const Lindblad *c, LbPaper *paper)
{
  TesOptimizerOptions o;

  PetscFunctionBegin;
  PetscCall(TesOptimizerDestroy(&paper->optimizer));
  PetscCall(TesOptimizerDefaults(&o));
  o.kind          = TES_OPTIMIZER_ADAM;
  o.learning_rate = c->optimizer.learning_rate;
  o.beta1         = c->optimizer.beta1;
  o.beta2         = c->optimizer.beta2;
  o.eps           = c->optimizer.eps;
  o.average       = 0;
  PetscCall(TesOptimizerCreate(&o, paper->loss.flow->net->n_parameters, &paper->optimizer));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPaperCreate(const Lindblad *c, LbFlow *flow, LbNet *old, LbPaper *paper)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(paper, sizeof *paper));
  paper->old         = old;
  paper->best_update = -1;
  PetscCall(LbLossCreate(flow, old, c->loss, &paper->loss));
  PetscCall(PetscCalloc2(flow->net->n_parameters, &paper->best, flow->net->n_parameters, &paper->gradient));
  PetscCall(Fresh(c, paper));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPaperDestroy(LbPaper *paper)
{
  PetscFunctionBegin;
  if (paper->loss.flow) PetscCall(LbLossDestroy(&paper->loss));
  PetscCall(TesOptimizerDestroy(&paper->optimizer));
  PetscCall(PetscFree2(paper->best, paper->gradient));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPaperState(LbPaper *paper, TesState state)
{
  PetscFunctionBegin;
  PetscCall(TesStatePush(state, "paper"));
  PetscCall(TesStateInt(state, "number", &paper->number));
  PetscCall(TesStateInt(state, "updates", &paper->updates));
  PetscCall(TesStateInt(state, "best_update", &paper->best_update));
  PetscCall(TesStateReal(state, "best_loss", &paper->best_loss));
  PetscCall(TesStateReal(state, "best_error", &paper->best_error));
  PetscCall(TesStateReals(state, "best", paper->loss.flow->net->n_parameters, paper->best));
  PetscCall(TesStateReals(state, "course", LB_COURSE, paper->course));
  PetscCall(TesOptimizerState(paper->optimizer, state));
  PetscCall(TesStatePop(state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NotFinite(const LbPaper *paper, const char where[], PetscReal at)
{
  PetscFunctionBegin;
  SETERRQ(paper->loss.flow->comm, TES_ERR_NUMBERS, "the loss is not finite, or all samples are one configuration, at %s %g: lower optimizer.learning_rate or step.tau, or take more samples", where, (double)at);
}

PetscBool LbPaperRises(PetscReal course[LB_COURSE], PetscReal loss, PetscInt stretch, PetscReal floor)
{
  PetscReal *rises = &course[0], *last = &course[1], *from = &course[2], *sum = &course[3], *count = &course[4], mean;

  *sum += loss;
  if (++*count < stretch) return PETSC_FALSE;
  mean = *sum / *count;
  *sum = *count = 0;
  if (*last > 0 && mean > *last) {
    if (*rises == 0) *from = *last;
    ++*rises;
  } else *rises = 0;
  *last = mean;
  return *rises >= 5 && mean > 2 * *from && mean > floor ? PETSC_TRUE : PETSC_FALSE;
}

static PetscErrorCode Watch(const Lindblad *c, LbPaper *paper, PetscReal loss, PetscInt stretch, const char where[], PetscReal at)
{
  PetscFunctionBegin;
  if (LbPaperRises(paper->course, loss, stretch, 10 * c->step.target_loss))
    SETERRQ(paper->loss.flow->comm, TES_ERR_NUMBERS, "the loss has grown for %d %s in a row, from %.3g to %.3g at %s %g: lower optimizer.learning_rate or step.tau, or take more samples", (int)paper->course[0],
            stretch > 1 ? "stretches of updates" : "steps", (double)paper->course[2], (double)paper->course[1], where, (double)at);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPaperUpdate(const Lindblad *c, LbPaper *paper, LbPaperInfo *info)
{
  LbFlow       *flow = paper->loss.flow;
  LbNet        *net  = flow->net;
  const TesRate rate = Rate(c, paper->updates);

  PetscFunctionBegin;
  PetscCall(PetscMemzero(info, sizeof *info));
  PetscCall(LbLossAt(&paper->loss, c->time.start, 0, ++paper->number, paper->gradient, &info->loss));
  if (!info->loss.finite) PetscCall(NotFinite(paper, "update", (PetscReal)paper->updates));
  PetscCall(Watch(c, paper, info->loss.value, STRETCH, "update", (PetscReal)paper->updates));
  PetscCall(TesOptimizerApply(paper->optimizer, &rate, net->theta, paper->gradient));
  PetscCall(LbNetPrepare(net));
  paper->updates++;
  info->updates       = 1;
  info->learning_rate = rate.learning_rate;
  info->chosen        = paper->updates >= c->optimizer.steps ? PETSC_TRUE : PETSC_FALSE;
  if (info->chosen || (paper->updates >= c->optimizer.best.from && paper->updates % c->optimizer.best.every == 0)) {
    const int  total = flow->total;
    LbLossInfo large;

    flow->total *= (int)c->optimizer.best.factor;
    PetscCall(LbLossAt(&paper->loss, c->time.start, 0, ++paper->number, NULL, &large));
    flow->total = total;
    if (large.finite && (paper->best_update < 0 || large.value < paper->best_loss)) {
      paper->best_update = paper->updates;
      paper->best_loss   = large.value;
      paper->best_error  = large.error;
      PetscCall(PetscArraycpy(paper->best, net->theta, net->n_parameters));
    }
    if (info->chosen && paper->best_update < 0) PetscCall(NotFinite(paper, "update", (PetscReal)paper->updates));
  }
  if (info->chosen) {
    PetscCall(PetscArraycpy(net->theta, paper->best, net->n_parameters));
    PetscCall(LbNetPrepare(net));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPaperStep(const Lindblad *c, LbPaper *paper, PetscReal t, PetscReal tau, LbPaperInfo *info)
{
  LbNet         *net  = paper->loss.flow->net;
  const PetscInt most = InnerSteps(c);
  PetscBool      enough = PETSC_FALSE;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(info, sizeof *info));
  PetscCall(PetscArraycpy(paper->old->theta, net->theta, net->n_parameters));
  PetscCall(LbNetPrepare(paper->old));
  if (c->optimizer.fresh) PetscCall(Fresh(c, paper));
  while (!enough && info->updates < most) {
    if (c->step.inner == LB_INNER_GAUSS_NEWTON) {
      PetscCall(LbLossGaussNewton(&paper->loss, t, tau, paper->number + 1, c->step.reg, &info->loss)); /* the samples of p_old are the same for all inner steps */
      if (!info->loss.finite) PetscCall(NotFinite(paper, "t =", t));
      info->updates++;
      enough = PetscSqrtReal(info->loss.value) <= c->step.target_loss ? PETSC_TRUE : PETSC_FALSE; /* before this step */
      continue;
    }
    {
      const TesRate rate = Rate(c, info->updates);

      PetscCall(LbLossAt(&paper->loss, t, tau, ++paper->number, paper->gradient, &info->loss));
      if (!info->loss.finite) PetscCall(NotFinite(paper, "t =", t));
      info->learning_rate = rate.learning_rate;
      enough              = info->loss.value <= c->step.target_loss ? PETSC_TRUE : PETSC_FALSE;
      if (enough) break;
      PetscCall(TesOptimizerApply(paper->optimizer, &rate, net->theta, paper->gradient));
      PetscCall(LbNetPrepare(net));
      info->updates++;
    }
  }
  PetscCall(LbLossAt(&paper->loss, t, tau, ++paper->number, NULL, &info->loss));
  if (!info->loss.finite) PetscCall(NotFinite(paper, "t =", t));
  PetscCall(Watch(c, paper, info->loss.value, 1, "t =", t + tau));
  PetscFunctionReturn(PETSC_SUCCESS);
}
