/* solver: povm. The outcomes of a measurement of all spins as the distribution of an autoregressive network, moved by the natural-gradient flow of dp/dt = L p (povm_flow.c, povm_step.c).

   task: evolve  from the product state of the deck to time.end, a row of observables at every output time
   task: steady  the same flow until no observable moves, or steady.t_max; the last row is the mean over the last stretch

   A step of the run is one step of the flow. Every random number is a function of the step's number and the sample's, so a restart goes on with the same bits, on any number of ranks. State: parameters,
   time, step size and counters, the rows so far, the history of the flow. Luo, Chen, Carrasquilla, Clark, Phys. Rev. Lett. 128, 090501 (2022); Reh, Schmitt, Gaerttner, Phys. Rev. Lett. 127, 230501 (2021). */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "povm_solver.h"

#define HISTORY 12 /* time, h, error, distinct, mean e, its error, rms e, max |e|, residual, rate, kurtosis, exponent */
static const char *const history_names[HISTORY] = {"time", "step", "step_error", "distinct", "mean_e", "mean_e_error", "rms_e", "max_e", "residual", "rate", "kurtosis", "largest_exponent"};

typedef struct {
  LbPovm      povm;
  LbOutcomes  outcomes;
  LbStrings   strings;
  LbNet      *net;
  LbFlow      flow;
  LbObserve   observe;
  LbStepState step;
  PetscReal   fidelity;      /* of the initial state with the zeros of the POVM filled in */
  PetscReal   smallest;      /* eigenvalue of a two-site state, over all rows */
  PetscInt64  large;         /* evaluations with exponents above 50 */
  PetscInt64  n_rows, n_history;
  PetscReal  *rows;          /* [rows][1 + 2 columns]: time, values, errors */
  PetscReal  *history;       /* [steps][HISTORY] */
  PetscReal  *column;        /* [HISTORY][steps], for the report */
  PetscReal  *exact;         /* verify: [rows of the run][columns], steady: one row */
  PetscBool   finished;
} Povm;

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

static PetscReal End(const Lindblad *c)
{
  return c->task == LB_TASK_STEADY ? c->time.start + c->steady.t_max : c->time.end;
}

static PetscInt64 Rows(const Lindblad *c)
{
  return 1 + (PetscInt64)PetscMax(0, PetscCeilReal((End(c) - c->time.start) / c->time.output_every - 1e-9));
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
  const PetscReal p = (PetscReal)Parameters(c), m = c->samples.kind == 1 ? c->model.size : (PetscReal)c->samples.train, n = PetscMin(m, p);
  LbPovm          povm;
  LbOutcomes      outcomes;

  PetscFunctionBegin;
  (void)problem;
  LbPovmCreate((LbPovmKind)c->povm.kind, (LbPovmAxes)c->povm.axes, &povm);
  PetscCall(LbOutcomesCreate(&c->model, &povm, &outcomes));
  e->usable_ranks   = (int)PetscMin((PetscReal)e->ranks, PetscMax(PetscCeilReal(m / LB_GRADIENT_BLOCK), PetscCeilReal((PetscReal)c->samples.observe / 256)));
  e->bytes_per_rank = 8 * (m * p * (1 + 1. / PetscMax(e->usable_ranks, 1)) + 2 * n * n + 40 * p + 2e5);
  e->bytes_sent     = e->ranks > 1 ? 8 * 2 * (m * p + 1.5 * n * n) : 0;
  e->bytes_output   = 8 * (p + 16. * (PetscReal)Rows(c));
  e->steps          = (End(c) - c->time.start) / c->step.hmax * 2;
  e->work           = 2 * m * LbOutcomesReach(&outcomes);
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
  PetscCall(PetscFree(start));
  PetscCall(LbFlowCreate(c->world, r->net, &r->outcomes, &c->model, &r->strings, &r->flow));
  r->flow.exact  = c->samples.kind == 1 ? PETSC_TRUE : PETSC_FALSE;
  r->flow.unique = c->samples.unique;
  r->flow.total  = (int)c->samples.train;
  r->flow.reg    = c->step.reg;
  r->flow.seed   = TesProblemSeed(problem);
  PetscCall(LbObserveCreate(c, r->net, &r->strings, &r->outcomes, &r->povm, c->samples.observe, TesProblemSeed(problem), &r->observe));
  if (c->verify) {
    PetscReal *times;

    PetscCall(PetscMalloc1(Rows(c), &times));
    for (PetscInt64 k = 0; k < Rows(c); k++) times[k] = PetscMin(End(c), c->time.start + (PetscReal)k * c->time.output_every);
    PetscCall(LbExactTable(problem, c, c->task == LB_TASK_STEADY ? PETSC_TRUE : PETSC_FALSE, Rows(c), times, &r->exact));
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

static PetscErrorCode Step(TesProblem problem, Lindblad *c, TesProgress *progress)
{
  Povm           *r    = c->task_data;
  const PetscReal end  = End(c), every = c->time.output_every;
  const PetscInt64 before = r->flow.evaluations;

  PetscFunctionBegin;
  c->measured = PETSC_FALSE;
  if (c->rows++ == 0) {
    PetscCall(Measure(c));
    snprintf(progress->phase, sizeof progress->phase, "initial state");
  } else if (c->now < end) {
    const PetscInt64 k      = (PetscInt64)PetscFloorReal((c->now - c->time.start) / every + 1e-6) + 1;
    PetscReal        target = PetscMin(end, c->time.start + (PetscReal)k * every), row[HISTORY];
    LbStepSetting    set    = {.integrator = c->step.integrator, .tol = c->step.tol, .cap = c->step.cap, .hmax = c->step.hmax, .hmin = c->step.hmin};
    const LbFlowInfo *info  = &r->step.info;
    PetscBool        failed;

    if (target > end - 1e-9 * every) target = end;
    PetscCall(LbStepAdvance(&r->flow, &set, c->now, target, &r->step, &failed));
    if (failed)
      SETERRQ(c->world, TES_ERR_NUMBERS, "the flow is not finite at t = %.6g after three attempts (h = %.3g, largest e %.3g): raise step.reg, lower step.cap, or take more samples", (double)c->now,
              (double)r->step.h, (double)info->largest);
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
    PetscCall(Append(&r->n_history, HISTORY, &r->history, row));
    if (info->exponent > 50) r->large++;
    PetscCall(LbSay(problem, c, "t = %.5g, h = %.3g, error %.2g; %d distinct, mean e %.2g +- %.2g, rms e %.3g, max |e| %.3g, residual %.3g", (double)c->now, (double)r->step.taken, (double)r->step.error,
                    info->distinct, (double)info->mean, (double)info->error, (double)info->rms, (double)info->largest, (double)info->residual));
    if (info->residual > 0.6 && info->rms > 1 && !c->warned) {
      c->warned = PETSC_TRUE;
      PetscCall(LbSay(problem, c, "warning: residual %.2f while rms e = %.2f: the network is too small or step.reg too large", (double)info->residual, (double)info->rms));
    }
    c->now += r->step.taken;
    if (PetscAbsReal(c->now - target) <= 1e-9 * PetscMax(1, PetscAbsReal(target))) {
      c->now = target;
      PetscCall(Measure(c));
    }
    progress->merit_name = "rms e";
    progress->merit      = info->rms;
    snprintf(progress->phase, sizeof progress->phase, "t = %.6g, residual %.3g", (double)c->now, (double)info->residual);
  } else PetscCall(Measure(c)); /* a finished run that is asked for the same end again */
  if (c->now >= end) r->finished = PETSC_TRUE;
  if (c->task == LB_TASK_STEADY && c->measured && c->now > c->time.start) {
    if (Stationary(c, r)) r->finished = PETSC_TRUE;
    if (r->finished) Average(c, r);
  }
  progress->done     = c->now - c->time.start;
  progress->total    = end - c->time.start;
  progress->work     = (PetscReal)(r->flow.evaluations - before) * (PetscReal)r->flow.samples.count * LbOutcomesReach(&r->outcomes);
  progress->finished = r->finished;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the exact values that belong to row k; NULL without verify */
static const PetscReal *Exact(const Lindblad *c, const Povm *r, PetscInt64 k)
{
  if (!r->exact) return NULL;
  return r->exact + (c->task == LB_TASK_STEADY ? 0 : PetscMin(k, Rows(c) - 1)) * c->observables.n_columns;
}

static PetscErrorCode Observe(TesProblem problem, Lindblad *c, TesSeries series, PetscBool last)
{
  Povm            *r = c->task_data;
  const int        n = c->observables.n_columns;
  const PetscReal *row, *exact;

  PetscFunctionBegin;
  (void)problem;
  (void)last;
  if (!c->measured || !r->n_rows) {
    PetscCall(TesSeriesSkip(series));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  row   = r->rows + (r->n_rows - 1) * (1 + 2 * n);
  exact = Exact(c, r, r->n_rows - 1);
  PetscCall(TesSeriesTime(series, row[0]));
  for (int k = 0; k < n; k++) PetscCall(TesSeriesRealStderr(series, c->observables.column[k], "1", row[1 + k], row[1 + n + k]));
  for (int k = 0; exact && k < n; k++) {
    char name[128];

    snprintf(name, sizeof name, "%s_exact", c->observables.column[k]);
    PetscCall(TesSeriesReal(series, name, "1", exact[k]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode State(TesProblem problem, Lindblad *c, TesState state)
{
  Povm      *r = c->task_data;
  const int  width = 1 + 2 * c->observables.n_columns;
  PetscInt64 n_rows = r->n_rows * width, n_history = r->n_history * HISTORY;

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
  r->n_history = n_history / HISTORY;
  if (state->ops->mode == TES_STATE_WRITES_PROBLEM) PetscCall(LbNetPrepare(r->net));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Finish(TesProblem problem, Lindblad *c, TesReport report)
{
  Povm            *r = c->task_data;
  const int        n = c->observables.n_columns, width = 1 + 2 * n;
  const PetscReal *row = r->n_rows ? r->rows + (r->n_rows - 1) * width : NULL, *exact = Exact(c, r, r->n_rows - 1);
  const PetscReal *last = r->n_history ? r->history + (r->n_history - 1) * HISTORY : NULL;
  PetscReal        worst = 0, sigmas = 0, largest = 0, exponent = 0;

  PetscFunctionBegin;
  (void)problem;
  for (int k = 0; row && k < n; k++) {
    char name[128];

    PetscCall(TesReportReal(report, c->observables.column[k], row[1 + k],
                            &(TesFigureNote){.unit = "1", .help = c->task == LB_TASK_STEADY ? "mean over the last stretch" : "at the end", .has_reference = exact ? PETSC_TRUE : PETSC_FALSE,
                                             .reference = exact ? exact[k] : 0, .source = exact ? "solver: density" : NULL}));
    snprintf(name, sizeof name, "%s_stderr", c->observables.column[k]);
    PetscCall(TesReportReal(report, name, row[1 + n + k], &(TesFigureNote){.unit = "1", .scale = 1, .help = r->observe.all && c->task != LB_TASK_STEADY ? "no sampling error: all configurations are summed" : "of the sampling alone: the network's own error is not in it"}));
    for (PetscInt64 i = 0; exact && i < r->n_rows; i++)
      if (c->task != LB_TASK_STEADY || i == r->n_rows - 1) worst = PetscMax(worst, PetscAbsReal(r->rows[i * width + 1 + k] - Exact(c, r, i)[k]));
  }
  if (exact) PetscCall(TesReportReal(report, "largest_error", worst, &(TesFigureNote){.unit = "1", .scale = 1, .certified = PETSC_TRUE, .help = c->task == LB_TASK_STEADY ? "of any observable against solver: density" : "of any observable and row against solver: density"}));
  for (PetscInt64 i = 0; i < r->n_history; i++) {
    const PetscReal *h = r->history + i * HISTORY;

    if (h[5] > 0) sigmas = PetscMax(sigmas, PetscAbsReal(h[4]) / h[5]);
    largest  = PetscMax(largest, h[7]);
    exponent = PetscMax(exponent, h[11]);
  }
  if (last) {
    PetscCall(TesReportReal(report, "residual", last[8], &(TesFigureNote){.unit = "1", .scale = 1, .help = "|X theta' - f| / |f| of the last step; no measure of the error"}));
    PetscCall(TesReportReal(report, "rms_e", last[6], &(TesFigureNote){.unit = "energy", .scale = 1, .help = "rms of (L p)(a) / p(a) at the last step; 0 in the exact steady state"}));
  }
  PetscCall(TesReportReal(report, "mean_e_in_errors", sigmas, &(TesFigureNote){.unit = "1", .scale = 1, .help = "largest |mean e| over its standard error: the exact mean is 0"}));
  if (sigmas > 5)
    PetscCall(TesReportSay(report, "the mean of e was %.1f standard errors from 0 at some step: its tails are heavy there (largest e %.3g), so take more samples, or a POVM without zeros in the initial state", (double)sigmas,
                           (double)largest));
  PetscCall(TesReportReal(report, "largest_e", largest, &(TesFigureNote){.unit = "energy", .help = "largest |e| of any sample"}));
  PetscCall(TesReportReal(report, "largest_exponent", exponent, &(TesFigureNote){.unit = "1", .help = "largest ln p(b) - ln p(a) met"}));
  if (r->large) PetscCall(TesReportInt(report, "exponents_above_50", r->large, &(TesFigureNote){.help = "steps with such an exponent: ratios are not to be trusted"}));
  PetscCall(TesReportReal(report, "smallest_pair_eigenvalue", r->smallest, &(TesFigureNote){.unit = "1", .scale = 1, .help = "of any two-site state: below 0 by more than the sampling error p is no state"}));
  if (r->fidelity < 1 - 1e-12) PetscCall(TesReportReal(report, "initial_fidelity", r->fidelity, &(TesFigureNote){.unit = "1", .help = "of the outcomes, with zeros of the POVM set to 1e-6"}));
  PetscCall(TesReportInt(report, "parameters", r->net->n_parameters, &(TesFigureNote){.help = "of the network"}));
  PetscCall(TesReportInt(report, "steps_accepted", r->n_history, &(TesFigureNote){.help = "of the flow"}));
  PetscCall(TesReportInt(report, "steps_rejected", r->step.rejected, &(TesFigureNote){.help = "of the flow"}));
  PetscCall(TesReportInt(report, "evaluations", r->flow.evaluations, &(TesFigureNote){.help = "of the flow's right-hand side"}));
  if (r->n_history) {
    PetscCall(PetscFree(r->column));
    PetscCall(PetscMalloc1(r->n_history * HISTORY, &r->column));
    for (int k = 0; k < HISTORY; k++) {
      char         name[64];
      TesStateItem item = {.name = name, .type = TES_F64, .n_axes = 1, .shape = {r->n_history}, .data = r->column + k * r->n_history, .axes = "step", .long_name = history_names[k]};

      for (PetscInt64 i = 0; i < r->n_history; i++) r->column[k * r->n_history + i] = r->history[i * HISTORY + k];
      snprintf(name, sizeof name, "tdvp/%s", history_names[k]);
      PetscCall(TesReportArray(report, &item, 0));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(TesProblem problem, Lindblad *c)
{
  Povm *r = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  if (!r) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbObserveDestroy(&r->observe));
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

const LbSolver lb_povm = {"povm", Check, Estimate, SetUp, Start, Step, Observe, State, Finish, Destroy};
