/* solver: trajectories. Averages over quantum trajectories with error bars.

   A step is one block of trajectories (numbers in a row), shared by the ranks; the values of a block are summed over the ranks (every value comes from one rank: exact) and added in the order of the
   numbers, so the result has the same bits on any rank count and after any restart. When the blocks are done, one step per output time writes the row of the series.

   Shared stretch: all trajectories are the same until their first jump. The evolution without jumps is done once; with p0 = |psi_0(T)|^2 the estimate is p0 (no-jump value) + (1 - p0) (mean over trajectories
   that jump at least once: first waiting time from (p0, 1)); unbiased, and never noisier. Error bars: s / sqrt(M), times (1 - p0). */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "trajectory.h"

typedef struct {
  LbTrajectory      trajectory;
  LbTrajectoryTimes times;
  PetscInt          n_values;     /* outputs x columns */
  PetscReal        *sum, *square; /* [n_values] */
  PetscReal        *no_jump, *norm2; /* [n_values], [outputs] */
  PetscReal        *block;        /* [block][n_values + 1], the last one the number of jumps */
  PetscReal        *own;          /* where the trajectory in hand writes */
  PetscReal         p0, jumps, jumps2, worst;
  PetscInt64        done, written, most;
  PetscBool         enough;
  int               rank, size;
  Lindblad         *c;
  PetscReal        *f;
} Trajectories;

static PetscErrorCode Check(TesProblem problem, Lindblad *c, PetscBool *good)
{
  const TesDeck deck = TesProblemDeck(problem);

  PetscFunctionBegin;
  if (c->time.output_every <= 0) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "time.output_every", "must be above 0"));
  }
  if (c->time.end <= c->time.start) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "time.end", "not after time.start (%g)", (double)c->time.start));
  }
  if (c->model.size > 1.6e17) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "solver", ": a state of this system has %.3g amplitudes; at most 4e8 are done", (double)PetscSqrtReal(c->model.size)));
  }
  if (c->integrator.kind != LB_AUTO && c->integrator.kind != LB_DP5 && c->integrator.kind != LB_STRANG) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "integrator.kind", "not for trajectories: take auto, dp5 or strang"));
  }
  if (!c->model.n_jumps) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "solver", ": without jumps there is nothing random: take solver: density or add jumps"));
  }
  if (c->model_deck.initial.mixed || c->model_deck.initial.checkpoint || TesDeckHas(deck, "initial.thermal")) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "initial", ": trajectories begin in a pure state: give initial.product"));
  }
  for (int k = 0; k < c->observables.n; k++) {
    const LbObservable *o = &c->observables.item[k];
    char                path[64];

    if (o->kind == LB_OBSERVE_EXPECTATION || o->kind == LB_OBSERVE_ENERGY || o->kind == LB_OBSERVE_TRACE) continue;
    *good = PETSC_FALSE;
    snprintf(path, sizeof path, "observables.%d.name", o->item);
    PetscCall(TesDeckComplain(problem, path, ": not linear in the density matrix: trajectories cannot average it (solver: density can)"));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt Outputs(const Lindblad *c)
{
  return 1 + (PetscInt)PetscMax(0, PetscCeilReal((c->time.end - c->time.start) / c->time.output_every - 1e-9));
}

static PetscErrorCode Estimate(TesProblem problem, Lindblad *c, TesEstimate *e)
{
  const PetscReal values = (PetscReal)Outputs(c) * c->observables.n_columns;

  PetscFunctionBegin;
  (void)problem;
  e->usable_ranks   = (int)PetscMin(e->ranks, c->trajectories.block);
  e->bytes_per_rank = 16 * (PetscReal)c->model.n * 14 + 8 * values * (PetscReal)(c->trajectories.block + 4);
  e->bytes_sent     = e->ranks > 1 ? 8 * values * (PetscReal)c->trajectories.block : 0;
  e->bytes_output   = 16 * values;
  e->steps          = PetscCeilReal((PetscReal)c->trajectories.count / (PetscReal)c->trajectories.block) + Outputs(c);
  snprintf(e->note, sizeof e->note, "states of %.4g amplitudes, %" PetscInt64_FMT " trajectories in blocks of %" PetscInt_FMT, (double)c->model.n, c->trajectories.count, c->trajectories.block);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Observed(void *ctx, PetscInt output, const LbKet *psi, PetscReal norm2)
{
  Trajectories *s  = ctx;
  Lindblad     *c  = s->c;
  PetscReal    *to = s->own + output * c->observables.n_columns;
  int           at = 0;

  PetscFunctionBegin;
  for (int k = 0; k < c->observables.n; k++) {
    const LbObservable *o   = &c->observables.item[k];
    LbComplex           sum = 0;

    if (o->kind == LB_OBSERVE_TRACE) sum = norm2;
    else if (o->kind == LB_OBSERVE_ENERGY) {
      LbModelFactors(&c->model, LbOutputTime(&s->times, output), s->f);
      for (int t = 0; t < c->model.n_terms; t++) sum += s->f[c->model.term[t].time] * LbKetExpectation(&c->model, c->model.term[t].coef, &c->model.term[t].p, psi);
    } else {
      for (int t = 0; t < o->n_terms; t++) sum += LbKetExpectation(&c->model, o->term[t].coef, &o->term[t].p, psi);
    }
    to[at++] = creal(sum) / norm2;
    if (o->two_parts) to[at++] = cimag(sum) / norm2;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InitialKet(const Lindblad *c, LbKet *psi)
{
  const LbModel    *model = &c->model;
  const TesStrings *names = &c->model_deck.initial.product;
  LbComplex       **local;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(model->n_sites, &local));
  for (int m = 0; m < model->n_sites; m++) {
    char message[256];

    PetscCall(PetscMalloc1(model->dim[m], &local[m]));
    PetscCall(LbLocalState(names->n ? names->v[names->n == 1 ? 0 : m] : model->dim[m] == 2 ? "up" : "fock:0", model->dim[m], local[m], message));
  }
  for (PetscInt64 i = 0; i < model->n; i++) {
    LbComplex  value = 1;
    PetscInt64 rest  = i;

    for (int m = 0; m < model->n_sites && value != 0; m++) {
      value *= local[m][rest % model->dim[m]];
      rest /= model->dim[m];
    }
    psi->re[i] = creal(value);
    psi->im[i] = cimag(value);
  }
  for (int m = 0; m < model->n_sites; m++) PetscCall(PetscFree(local[m]));
  PetscCall(PetscFree(local));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetUp(TesProblem problem, Lindblad *c)
{
  Trajectories *s;
  LbKet         psi;
  char          text[256];

  PetscFunctionBegin;
  PetscCall(PetscNew(&s));
  c->task_data = s;
  s->c         = c;
  PetscCallMPI(MPI_Comm_rank(TesProblemComm(problem), &s->rank));
  PetscCallMPI(MPI_Comm_size(TesProblemComm(problem), &s->size));
  s->times    = (LbTrajectoryTimes){.n_outputs = Outputs(c), .start = c->time.start, .every = c->time.output_every, .end = c->time.end, .seed = TesProblemSeed(problem)};
  s->most     = c->trajectories.until.error > 0 && c->trajectories.until.max > 0 ? c->trajectories.until.max : c->trajectories.count;
  s->n_values = s->times.n_outputs * c->observables.n_columns;
  PetscCall(PetscCalloc5(s->n_values + 1, &s->sum, s->n_values + 1, &s->square, s->n_values + 1, &s->no_jump, s->times.n_outputs, &s->norm2, c->model.n_times, &s->f));
  PetscCall(PetscCalloc1((s->n_values + 1) * c->trajectories.block, &s->block));
  PetscCall(LbKetCreate(c->model.n, &psi));
  PetscCall(InitialKet(c, &psi));
  PetscCall(LbTrajectoryCreate(&c->model, &psi, &c->integrator, &s->times, text, &s->trajectory));
  PetscCall(LbKetDestroy(&psi));
  PetscCheck(!text[0], TesProblemComm(problem), TES_ERR_DECK, "%s", text);
  if (c->integrator.kind == LB_STRANG)
    PetscCall(TesProblemSay(problem, "strang: step %.4g, error of the state about %.2g per unit of time", (double)LbTrajectoryStep(s->trajectory), (double)LbTrajectoryError(s->trajectory)));
  /* every rank does the stretch without jumps itself: one trajectory */
  s->own = s->no_jump;
  PetscCall(LbTrajectoryNoJump(s->trajectory, Observed, s, s->norm2));
  s->p0 = c->trajectories.share_no_jump ? s->norm2[s->times.n_outputs - 1] : 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Start(TesProblem problem, Lindblad *c)
{
  (void)problem;
  (void)c;
  return PETSC_SUCCESS;
}

/* largest standard error over columns and outputs */
static PetscReal WorstError(const Trajectories *s)
{
  const PetscReal m     = (PetscReal)s->done;
  PetscReal       worst = 0;

  if (s->done < 2) return PETSC_MAX_REAL;
  for (PetscInt v = 0; v < s->n_values; v++) worst = PetscMax(worst, (s->square[v] - s->sum[v] * s->sum[v] / m) / (m - 1) / m);
  return (1 - s->p0) * PetscSqrtReal(PetscMax(worst, 0));
}

static PetscErrorCode Block(TesProblem problem, Lindblad *c, TesProgress *progress)
{
  Trajectories  *s     = c->task_data;
  const PetscInt width = s->n_values + 1, n = (PetscInt)PetscMin(c->trajectories.block, s->most - s->done);
  PetscInt64     count = LbTrajectoryCount(s->trajectory);

  PetscFunctionBegin;
  PetscCall(PetscArrayzero(s->block, width * c->trajectories.block));
  for (PetscInt i = s->rank; i < n; i += s->size) {
    PetscInt64 jumps;

    s->own = s->block + i * width;
    PetscCall(LbTrajectoryRun(s->trajectory, s->done + i, s->p0, Observed, s, &jumps));
    s->own[s->n_values] = (PetscReal)jumps;
  }
  count = LbTrajectoryCount(s->trajectory) - count;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, s->block, width * n, MPIU_REAL, MPI_SUM, TesProblemComm(problem)));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &count, 1, MPIU_INT64, MPI_SUM, TesProblemComm(problem)));
  for (PetscInt i = 0; i < n; i++) {
    const PetscReal *one = s->block + i * width;

    for (PetscInt v = 0; v < s->n_values; v++) {
      s->sum[v] += one[v];
      s->square[v] += one[v] * one[v];
    }
    s->jumps += one[s->n_values];
    s->jumps2 += one[s->n_values] * one[s->n_values];
  }
  s->done += n;
  s->worst = WorstError(s);
  if (s->done >= s->most) s->enough = PETSC_TRUE;
  if (c->trajectories.until.error > 0 && s->done >= 2 * c->trajectories.block && s->worst <= c->trajectories.until.error) s->enough = PETSC_TRUE;
  progress->work       = (PetscReal)count * (PetscReal)c->model.n;
  progress->merit_name = "stderr";
  progress->merit      = s->worst;
  snprintf(progress->phase, sizeof progress->phase, "%" PetscInt64_FMT " trajectories", s->done);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Step(TesProblem problem, Lindblad *c, TesProgress *progress)
{
  Trajectories *s = c->task_data;

  PetscFunctionBegin;
  if (!s->enough && s->p0 < 1 - 1e-13) {
    s->written = 0;
    PetscCall(Block(problem, c, progress));
  } else {
    s->enough = PETSC_TRUE;
    s->written++;
    snprintf(progress->phase, sizeof progress->phase, "writing t = %.6g", (double)LbOutputTime(&s->times, (PetscInt)s->written - 1));
  }
  progress->done     = (PetscReal)(s->done + s->written);
  progress->total    = (PetscReal)(s->most + s->times.n_outputs);
  progress->finished = s->written >= s->times.n_outputs ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Mean(const Trajectories *s, PetscInt v, PetscReal *mean, PetscReal *error)
{
  const PetscReal m = (PetscReal)PetscMax(s->done, 1), average = s->done ? s->sum[v] / m : 0;

  *mean  = s->p0 * s->no_jump[v] + (s->done ? (1 - s->p0) * average : 0);
  *error = s->done > 1 ? (1 - s->p0) * PetscSqrtReal(PetscMax(0, s->square[v] - s->sum[v] * average) / (m - 1) / m) : 0;
}

static PetscErrorCode Observe(TesProblem problem, Lindblad *c, TesSeries series, PetscBool last)
{
  Trajectories  *s = c->task_data;
  const PetscInt k = (PetscInt)s->written - 1;

  PetscFunctionBegin;
  (void)problem;
  (void)last;
  if (k < 0) {
    PetscCall(TesSeriesSkip(series));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesSeriesTime(series, LbOutputTime(&s->times, k)));
  for (int q = 0; q < c->observables.n_columns; q++) {
    PetscReal mean, error;

    Mean(s, k * c->observables.n_columns + q, &mean, &error);
    PetscCall(TesSeriesRealStderr(series, c->observables.column[q], "1", mean, error));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode State(TesProblem problem, Lindblad *c, TesState state)
{
  Trajectories *s = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(TesStateInt(state, "done", &s->done));
  PetscCall(TesStateInt(state, "written", &s->written));
  PetscCall(TesStateBool(state, "enough", &s->enough));
  PetscCall(TesStateReal(state, "jumps", &s->jumps));
  PetscCall(TesStateReal(state, "jumps_squared", &s->jumps2));
  PetscCall(TesStateReal(state, "worst", &s->worst));
  PetscCall(TesStateReals(state, "sum", s->n_values, s->sum));
  PetscCall(TesStateReals(state, "square", s->n_values, s->square));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Finish(TesProblem problem, Lindblad *c, TesReport report)
{
  Trajectories   *s = c->task_data;
  const PetscReal m = (PetscReal)PetscMax(s->done, 1), jumps = s->jumps / m;

  PetscFunctionBegin;
  (void)problem;
  for (int q = 0; q < c->observables.n_columns; q++) {
    PetscReal mean, error;
    char      name[128];

    Mean(s, (s->times.n_outputs - 1) * c->observables.n_columns + q, &mean, &error);
    PetscCall(TesReportReal(report, c->observables.column[q], mean, &(TesFigureNote){.unit = "1", .help = "at the end"}));
    snprintf(name, sizeof name, "%s_stderr", c->observables.column[q]);
    PetscCall(TesReportReal(report, name, error, &(TesFigureNote){.unit = "1", .scale = 1, .help = "its standard error"}));
  }
  PetscCall(TesReportInt(report, "trajectories", s->done, &(TesFigureNote){.help = "that were averaged"}));
  PetscCall(TesReportReal(report, "worst_stderr", s->done > 1 ? s->worst : 0, &(TesFigureNote){.unit = "1", .scale = 1, .help = "largest standard error of any observable at any time"}));
  PetscCall(TesReportReal(report, "no_jump_probability", s->norm2[s->times.n_outputs - 1], &(TesFigureNote){.unit = "1", .help = "that nothing jumps until the end"}));
  PetscCall(TesReportReal(report, "jumps_per_trajectory", (1 - s->p0) * jumps, &(TesFigureNote){.unit = "1", .help = "mean over all trajectories, also those without jumps"}));
  if (c->integrator.kind == LB_STRANG) {
    PetscCall(TesReportReal(report, "strang_step", LbTrajectoryStep(s->trajectory), &(TesFigureNote){.unit = "1/energy", .help = "step of the splitting"}));
    PetscCall(TesReportReal(report, "strang_error", LbTrajectoryError(s->trajectory), &(TesFigureNote){.unit = "1", .scale = 1, .help = "of the state without jumps per unit of time, by halving the step"}));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(TesProblem problem, Lindblad *c)
{
  Trajectories *s = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  if (!s) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbTrajectoryDestroy(&s->trajectory));
  PetscCall(PetscFree5(s->sum, s->square, s->no_jump, s->norm2, s->f));
  PetscCall(PetscFree(s->block));
  PetscCall(PetscFree(s));
  c->task_data = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbSolver lb_trajectories_evolve = {"trajectories", Check, Estimate, SetUp, Start, Step, Observe, State, Finish, Destroy};
