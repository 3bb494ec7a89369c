/* solver: povm. The outcomes of a measurement of all spins as the distribution of an autoregressive network, moved by the natural-gradient flow of dp/dt = L p (povm_flow.c, povm_step.c).

   task: evolve  from the product state of the deck to time.end, a row of observables at every output time
   task: steady  the same flow until no observable moves, or steady.t_max; the last row is the mean over the last stretch

   A step of the run is one step of the flow. Every random number is a function of the step's number and the sample's, so a restart goes on with the same bits, on any number of ranks. State: parameters,
   time, step size and counters, the rows so far, the history of the flow. Luo, Chen, Carrasquilla, Clark, Phys. Rev. Lett. 128, 090501 (2022); Reh, Schmitt, Gaerttner, Phys. Rev. Lett. 127, 230501 (2021). */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "povm_solver.h"

/* the product state of the deck: probabilities by site; zeros are filled in, *fidelity of all */
static PetscErrorCode StartState(const Lindblad *c, const LbPovm *povm, double (*p)[4], PetscReal *fidelity, int *zero)
{
  const TesStrings *names = &c->model_deck.initial.product;

  PetscFunctionBegin;
  *fidelity = 1;
  *zero     = -1;
  for (int m = 0; m < c->model.n_sites; m++) {
    LbComplex psi[2];
    char      message[256];
    double    sum = 0, overlap = 0;

    if (c->model_deck.initial.mixed) {
      for (int a = 0; a < 4; a++) p[m][a] = povm->q[a][0];
      continue;
    }
    PetscCall(LbLocalState(names->n ? names->v[names->n == 1 ? 0 : m] : "up", 2, psi, message));
    LbPovmState(povm, psi, p[m]);
    for (int a = 0; a < 4; a++) {
      if (p[m][a] <= 0 && *zero < 0) *zero = 4 * m + a;
      sum += PetscMax(p[m][a], 1e-6);
    }
    for (int a = 0; a < 4; a++) {
      const double filled = PetscMax(p[m][a], 1e-6) / sum;

      overlap += sqrt(p[m][a] * filled);
      p[m][a] = filled;
    }
    *fidelity *= overlap * overlap;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscBool Uniform(const Lindblad *c)
{
  const TesStrings *names = &c->model_deck.initial.product;

  for (PetscInt k = 1; k < names->n; k++)
    if (strcmp(names->v[k], names->v[0])) return PETSC_FALSE;
  return PETSC_TRUE;
}

static PetscErrorCode Complain(TesProblem problem, PetscBool *good, const char path[], const char text[])
{
  PetscFunctionBegin;
  *good = PETSC_FALSE;
  PetscCall(TesDeckComplain(problem, path, "%s", text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Check(TesProblem problem, Lindblad *c, PetscBool *good)
{
  static const char *const others[] = {"kind", "rtol", "atol", "step", "dimension", "margin"};
  LbPovm                   povm;
  LbOutcomes               outcomes;
  LbStrings                strings;
  char                     path[64];

  PetscFunctionBegin;
  if (!c->model.qubits) {
    PetscCall(Complain(problem, good, "system.sites", ": solver: povm is for spins, dim: 2: take solver: density or trajectories"));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
    snprintf(path, sizeof path, "integrator.%s", others[k]);
    if (TesDeckHas(TesProblemDeck(problem), path)) PetscCall(Complain(problem, good, path, ": the network moves by `step`, not by `integrator`"));
  }
  if (c->time.output_every <= 0) PetscCall(Complain(problem, good, "time.output_every", "must be above 0"));
  if (c->task == LB_TASK_EVOLVE && c->time.end < c->time.start) PetscCall(Complain(problem, good, "time.end", "must not be before time.start"));
  if (c->task == LB_TASK_STEADY && !c->model.constant) PetscCall(Complain(problem, good, "task", ": a steady state needs a constant model, but a term or a rate depends on time"));
  if (c->step.kind == LB_STEP_TRAPEZOID && !LbPovmPaper(c)) PetscCall(Complain(problem, good, "step.kind", ": the trapezoid rule is part of style: paper"));
  if (c->step.kind == LB_STEP_TDVP && LbPovmPaper(c)) PetscCall(Complain(problem, good, "step.kind", ": the flow of the variational principle is style: natural"));
  if (c->step.kind == LB_STEP_TRAPEZOID && c->task == LB_TASK_STEADY) PetscCall(Complain(problem, good, "step.kind", ": style: paper goes to the steady state by updates of the parameters (`optimizer`), not by steps in time"));
  if (LbPovmPaper(c) && c->task == LB_TASK_EVOLVE && c->step.inner == LB_INNER_GAUSS_NEWTON && c->loss == LB_LOSS_L1 && TesDeckHas(TesProblemDeck(problem), "loss"))
    PetscCall(Complain(problem, good, "loss", ": Gauss-Newton steps minimise squares: take loss: l2, or step.inner: adam"));
  if (c->network.kind == LB_NET_TRANSFORMER && c->network.hidden % c->network.heads) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "network.heads", "does not divide network.hidden (%d)", (int)c->network.hidden));
  }
  if (c->samples.kind == 1 && c->model.n_sites > 7) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "samples.kind", ": %d sites have %.3g configurations, exact does up to 7 sites: take drawn", c->model.n_sites, (double)c->model.size));
  }
  if (c->verify && c->model.n_sites > 8) PetscCall(Complain(problem, good, "verify", ": the density solver runs beside it up to 8 sites"));
  if (TesDeckHas(TesProblemDeck(problem), "initial.thermal") || c->model_deck.initial.checkpoint)
    PetscCall(Complain(problem, good, "initial", ": solver: povm begins in a product state or the maximally mixed one; thermal states and checkpoints need solver: density"));
  for (int k = 0; k < c->observables.n; k++) {
    const LbObservable *o = &c->observables.item[k];

    if (o->kind != LB_OBSERVE_PURITY && o->kind != LB_OBSERVE_ENTROPY) continue;
    *good = PETSC_FALSE;
    snprintf(path, sizeof path, "observables.%d", o->item);
    PetscCall(TesDeckComplain(problem, path, ": `%s` is not linear in the outcome probabilities: it needs solver: density", o->name));
  }
  LbPovmCreate((LbPovmKind)c->povm.kind, (LbPovmAxes)c->povm.axes, &povm);
  PetscCall(LbOutcomesCreate(&c->model, &povm, &outcomes));
  if (outcomes.problem[0]) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "solver", ": %s", outcomes.problem));
  }
  PetscCall(LbOutcomesDestroy(&outcomes));
  PetscCall(LbStringsCreate(problem, c, &strings, good));
  PetscCall(LbStringsDestroy(&strings));
  if (c->strings.kind != LB_STRINGS_NONE && !Uniform(c)) PetscCall(Complain(problem, good, "strings.kind", ": the mean over strings needs the same initial state on every site"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt64 Parameters(const Lindblad *c)
{
  const PetscInt64 h = c->network.hidden, f = c->network.ff, n = c->model.n_sites;
  PetscInt64       p = 9 * h + 4 + (c->network.positional ? n * h : 0) + (Uniform(c) ? 0 : 4 * n);

  if (c->network.kind == LB_NET_GRU) return p + 6 * h * h + 6 * h;
  return p + c->network.layers * (4 * (h * h + h) + 2 * h * f + f + h + (c->network.layer_norm ? 4 * h : 0));
}

static PetscErrorCode Estimate(TesProblem problem, Lindblad *c, TesEstimate *e)
{
  const PetscReal p = (PetscReal)Parameters(c), m = c->samples.kind == 1 ? c->model.size : (PetscReal)LbPaperTrain(c), n = PetscMin(m, p);
  LbPovm          povm;
  LbOutcomes      outcomes;

  PetscFunctionBegin;
  (void)problem;
  LbPovmCreate((LbPovmKind)c->povm.kind, (LbPovmAxes)c->povm.axes, &povm);
  PetscCall(LbOutcomesCreate(&c->model, &povm, &outcomes));
  e->usable_ranks   = (int)PetscMin((PetscReal)e->ranks, PetscMax(PetscCeilReal(m / LB_GRADIENT_BLOCK), PetscCeilReal((PetscReal)c->samples.observe / 256)));
  e->bytes_per_rank = 8 * (m * p * (1 + 1. / PetscMax(e->usable_ranks, 1)) + 2 * n * n + 40 * p + 2e5);
  e->bytes_sent     = e->ranks > 1 ? 8 * 2 * (m * p + 1.5 * n * n) : 0;
  e->bytes_output   = 8 * (p + 16. * (PetscReal)LbPovmRows(c));
  e->steps          = (LbPovmEnd(c) - c->time.start) / c->step.hmax * 2;
  e->work           = 2 * m * LbOutcomesReach(&outcomes);
  if (LbPovmPaper(c)) {
    const PetscReal updates = c->task == LB_TASK_STEADY ? (PetscReal)c->optimizer.steps : PetscMax(1, PetscCeilReal((LbPovmEnd(c) - c->time.start) / c->step.tau));

    e->steps = updates;
    if (c->step.inner == LB_INNER_ADAM || c->task == LB_TASK_STEADY) {
      e->bytes_per_rank = 8 * (60 * p + 2e5) + LB_GRADIENT_BLOCK * (PetscReal)LbOutcomesReach(&outcomes) * (PetscReal)(c->model.n_sites + 20);
      e->bytes_sent     = e->ranks > 1 ? 8 * 2 * p : 0;
    }
    e->usable_ranks = (int)PetscMin((PetscReal)e->ranks, PetscMax(PetscCeilReal(m / LB_GRADIENT_BLOCK), PetscCeilReal((PetscReal)c->samples.observe / 256)));
  }
  snprintf(e->note, sizeof e->note, "network of %.0f parameters, %.0f samples, %d connected configurations each; matrix of %.0f x %.0f numbers", (double)p, (double)m, LbOutcomesReach(&outcomes), (double)m,
           (double)p);
  PetscCall(LbOutcomesDestroy(&outcomes));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetUp(TesProblem problem, Lindblad *c)
{
  Povm        *r;
  LbNetSetting set = {.kind = c->network.kind, .layers = (int)c->network.layers, .hidden = (int)c->network.hidden, .heads = (int)c->network.heads, .ff = (int)c->network.ff,
                      .layer_norm = c->network.layer_norm, .positional = c->network.positional, .init_scale = c->network.init_scale, .per_site = Uniform(c) ? PETSC_FALSE : PETSC_TRUE};
  PetscBool    good = PETSC_TRUE;
  double     (*start)[4];
  int          zero;

  PetscFunctionBegin;
  PetscCall(PetscNew(&r));
  c->task_data = r;
  LbPovmCreate((LbPovmKind)c->povm.kind, (LbPovmAxes)c->povm.axes, &r->povm);
  PetscCall(LbOutcomesCreate(&c->model, &r->povm, &r->outcomes));
  PetscCall(LbStringsCreate(problem, c, &r->strings, &good));
  PetscCall(PetscMalloc1(c->model.n_sites, &start));
  PetscCall(StartState(c, &r->povm, start, &r->fidelity, &zero));
  if (zero >= 0)
    PetscCall(LbSay(problem, c, "warning: outcome %d of site %d has probability 0 in the initial state; such zeros are set to 1e-6, which leaves a fidelity of %.8g: povm: {kind: tetra, axes: symmetric} has none",
                    zero % 4, zero / 4, (double)r->fidelity));
  if (c->step.reg < 1e-9 || c->step.reg > 1e-3)
    PetscCall(LbSay(problem, c, "warning: step.reg = %.3g is outside of what works: 1e-5 for 500 to 2000 samples, 1e-6 from 2000 on, 1e-8 with samples: exact", (double)c->step.reg));
  PetscCall(LbNetCreate(&set, c->model.n_sites, (const double(*)[4])start, TesProblemSeed(problem), &r->net));
  if (LbPovmPaper(c) && c->task == LB_TASK_EVOLVE) PetscCall(LbNetCreate(&set, c->model.n_sites, (const double(*)[4])start, TesProblemSeed(problem), &r->old));
  PetscCall(PetscFree(start));
  PetscCall(LbFlowCreate(c->world, r->net, &r->outcomes, &c->model, &r->strings, &r->flow));
  r->flow.exact  = c->samples.kind == 1 ? PETSC_TRUE : PETSC_FALSE;
  r->flow.unique = c->samples.unique;
  r->flow.total  = (int)LbPaperTrain(c);
  r->flow.reg    = c->step.reg;
  r->flow.seed   = TesProblemSeed(problem);
  r->width       = LbPovmPaper(c) ? LB_PAPER_HISTORY : LB_POVM_HISTORY;
  if (LbPovmPaper(c)) PetscCall(LbPaperCreate(c, &r->flow, r->old, &r->paper));
  PetscCall(LbObserveCreate(c, r->net, &r->strings, &r->outcomes, &r->povm, c->samples.observe, TesProblemSeed(problem), &r->observe));
  if (c->verify) {
    PetscReal *times;

    PetscCall(PetscMalloc1(LbPovmRows(c), &times));
    for (PetscInt64 k = 0; k < LbPovmRows(c); k++) times[k] = PetscMin(LbPovmEnd(c), c->time.start + (PetscReal)k * c->time.output_every);
    PetscCall(LbExactTable(problem, c, c->task == LB_TASK_STEADY ? PETSC_TRUE : PETSC_FALSE, LbPovmRows(c), times, &r->exact));
    PetscCall(PetscFree(times));
  }
  PetscCall(LbSay(problem, c, "povm: %s of %d parameters, %d connected configurations per sample, %s", r->net->how->name, r->net->n_parameters, LbOutcomesReach(&r->outcomes),
                  r->net->fast ? "folded into tables" : "row by row"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Start(TesProblem problem, Lindblad *c)
{
  Povm *r = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  c->now      = c->time.start;
  r->step.h   = c->step.h0;
  r->smallest = 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode State(TesProblem problem, Lindblad *c, TesState state)
{
  Povm      *r = c->task_data;
  const int  width = 1 + 2 * c->observables.n_columns;
  PetscInt64 n_rows = r->n_rows * width, n_history = r->n_history * r->width;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(TesStateReal(state, "time", &c->now));
  PetscCall(TesStateInt(state, "steps", &c->rows));
  PetscCall(TesStateReal(state, "step_size", &r->step.h));
  PetscCall(TesStateReal(state, "step_error", &r->step.error));
  PetscCall(TesStateInt(state, "number", &r->step.number));
  PetscCall(TesStateInt(state, "rejected", &r->step.rejected));
  PetscCall(TesStateInt(state, "evaluations", &r->flow.evaluations));
  PetscCall(TesStateInt(state, "large_exponents", &r->large));
  PetscCall(TesStateReal(state, "smallest_eigenvalue", &r->smallest));
  PetscCall(TesStateReals(state, "parameters", r->net->n_parameters, r->net->theta));
  PetscCall(TesStateRealsGrow(state, "rows", &n_rows, &r->rows));
  PetscCall(TesStateRealsGrow(state, "history", &n_history, &r->history));
  r->n_rows    = n_rows / width;
  r->n_history = n_history / r->width;
  if (LbPovmPaper(c)) PetscCall(LbPaperState(&r->paper, state));
  if (state->ops->mode == TES_STATE_WRITES_PROBLEM) PetscCall(LbNetPrepare(r->net));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(TesProblem problem, Lindblad *c)
{
  Povm *r = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  if (!r) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbObserveDestroy(&r->observe));
  PetscCall(LbPaperDestroy(&r->paper));
  PetscCall(LbNetDestroy(&r->old));
  PetscCall(LbFlowDestroy(&r->flow));
  PetscCall(LbNetDestroy(&r->net));
  PetscCall(LbStringsDestroy(&r->strings));
  PetscCall(LbOutcomesDestroy(&r->outcomes));
  PetscCall(PetscFree(r->rows));
  PetscCall(PetscFree(r->history));
  PetscCall(PetscFree(r->column));
  PetscCall(PetscFree(r->exact));
  PetscCall(PetscFree(c->task_data));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbSolver lb_povm = {"povm", Check, Estimate, SetUp, Start, LbPovmStep, LbPovmObserve, State, LbPovmFinish, Destroy};
