/* solver: trajectories. Observables against time as means over quantum trajectories (traj_path.c), with standard errors.

   A step is one block of trajectories with consecutive numbers; blocks are joined in the order of their numbers, and whether they are enough (`until`) is asked after each, so any rank count does the
   same steps and finds the same bits, before and after a restart. When there are enough, further steps give out the rows of the series, one output time each.

   With the evolution without jumps shared, p = |psi_0(T)|^2:  <O> = p O_0 + (1 - p) mean,  standard error (1 - p) s / sqrt(M).  State of the run: count, means and squares per column and time.
   Purity and entropy come from averaged reduced density matrices (traj_reduced.c), whose elements are further columns. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "lindblad.h"
#include "traj_plan.h"
#include "traj_reduced.h"
#include "traj_start.h"

typedef struct {
  const LbMotionKind *kind;
  LbPathSetting       set;
  PetscInt            n_times, n_items, n_real; /* n_items: sums, with the cut-off's and those of reduced matrices; n_real: columns of real numbers */
  PetscBool           cutoff;
  LbGroups            groups;
  LbPath              path;
  LbMoments           total, block;  /* [n_times][n_real], then the number of jumps */
  PetscReal          *record;        /* [n_times][2 n_items] */
  LbMixture           mixture;
  LbReduced           reduced;
  int                *reduced_of;    /* [n_columns] which of them a column is, -1 for a mean */
  PetscInt64          emitted;       /* rows of the series given out */
  PetscReal           end;           /* of the run that the state belongs to */
  PetscInt64          lost, applications;
  PetscReal           largest_error;
} Trajectories;

/* observables of the deck as sums of local operators; one more for the highest levels where there is a cut-off */
static PetscErrorCode Terms(Lindblad *c, Trajectories *r, LbWaveTerm **terms, int *n)
{
  PetscFunctionBegin;
  *n = 0;
  for (int k = 0; k < c->observables.n; k++) *n += c->observables.item[k].kind == LB_OBSERVE_ENERGY ? c->model.n_terms : c->observables.item[k].n_terms;
  PetscCall(PetscMalloc1(*n + c->model.n_sites + LbReducedTermCount(&r->reduced) + 1, terms));
  *n = 0;
  for (int k = 0; k < c->observables.n; k++) {
    const LbObservable *o      = &c->observables.item[k];
    const PetscBool     energy = o->kind == LB_OBSERVE_ENERGY ? PETSC_TRUE : PETSC_FALSE;

    for (int t = 0; t < (energy ? c->model.n_terms : o->n_terms); t++) {
      (*terms)[*n] = (LbWaveTerm){.out = k, .term = energy ? c->model.term[t] : o->term[t]};
      if (!energy) (*terms)[*n].term.time = 0;
      (*n)++;
    }
  }
  for (int m = 0; r->cutoff && m < c->model.n_sites; m++) {
    const int  d    = c->model.dim[m];
    LbWaveTerm term = {.out = c->observables.n, .term = {.coef = 1, .p = {.n = 1, .site = {m}}}};

    if (d < 3) continue;
    PetscCall(LbModelMatrix(&c->model, d, &term.term.p.op[0]));
    term.term.p.op[0][d * d - 1] = 1;
    (*terms)[(*n)++]             = term;
  }
  PetscCall(LbReducedTerms(c, &r->reduced, *terms + *n));
  *n += LbReducedTermCount(&r->reduced);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the members of a group on several nodes send what others need; they do as well on one node if the deck says so */
static PetscErrorCode Messages(TesProblem problem, const Lindblad *c, int members, PetscBool *messages)
{
  MPI_Comm node;
  int      here;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_split_type(TesProblemComm(problem), MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node));
  PetscCallMPI(MPI_Comm_size(node, &here));
  PetscCallMPI(MPI_Comm_free(&node));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &here, 1, MPI_INT, MPI_MIN, TesProblemComm(problem)));
  *messages = c->trajectories.memory == LB_MEMORY_MESSAGES || (c->trajectories.memory == LB_MEMORY_AUTO && members > here) ? PETSC_TRUE : PETSC_FALSE;
  if (*messages) PetscCall(TesProblemSay(problem, "each state is held in parts by %d ranks, which send each other what their windows need", members));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetUp(TesProblem problem, Lindblad *c)
{
  Trajectories *r;
  LbComplex   **local;
  LbWaveTerm   *terms;
  char          message[256] = "";
  int           size;

  PetscFunctionBegin;
  PetscCall(PetscNew(&r));
  c->task_data = r;
  r->end       = c->time.end;
  r->kind      = LbTrajMotion(c);
  r->cutoff    = LbDensityHasCutoff(c);
  r->n_times   = LbTrajTimes(c);
  r->n_items   = c->observables.n + (r->cutoff ? 1 : 0);
  r->n_real    = c->observables.n_columns + (r->cutoff ? 1 : 0);
  PetscCall(LbReducedCreate(c, (int)r->n_times, (int)r->n_items, r->n_real, &r->reduced));
  r->n_items += r->reduced.n_sums;
  r->n_real += r->reduced.n_columns;
  PetscCall(PetscMalloc1(c->observables.n_columns + 1, &r->reduced_of));
  for (int k = 0, column = 0, of = 0; k < c->observables.n; k++) {
    const PetscBool is = c->observables.item[k].kind == LB_OBSERVE_PURITY || c->observables.item[k].kind == LB_OBSERVE_ENTROPY ? PETSC_TRUE : PETSC_FALSE;

    r->reduced_of[column++] = is ? of++ : -1;
    if (c->observables.item[k].two_parts) r->reduced_of[column++] = -1;
  }
  if (c->thermal) PetscCall(LbMixtureThermal(&c->model, c->model_deck.initial.thermal, c->time.start, &r->mixture));
  else if (c->model_deck.initial.checkpoint) PetscCall(TesAgree(TesProblemComm(problem), LbMixtureCheckpoint(problem, c, &r->mixture)));
  if (r->mixture.n) r->set.mixture = &r->mixture;
  PetscCall(LbMomentsCreate(r->n_times * r->n_real + 1, &r->total));
  PetscCall(LbMomentsCreate(r->n_times * r->n_real + 1, &r->block));
  PetscCall(PetscCalloc1(r->n_times * 2 * r->n_items + 1, &r->record));
  PetscCallMPI(MPI_Comm_size(TesProblemComm(problem), &size));
  PetscCall(Messages(problem, c, LbTrajMembers(c, size), &r->set.messages));
  PetscCall(LbGroupsCreate(TesProblemComm(problem), LbTrajMembers(c, size), r->set.messages, &r->groups));

  PetscCall(Terms(c, r, &terms, &r->set.n_terms));
  PetscCall(PetscCalloc1(c->model.n_sites, &local));
  for (int m = 0; m < c->model.n_sites; m++) {
    const TesStrings *names = &c->model_deck.initial.product;
    const int         d     = c->model.dim[m];

    PetscCall(PetscCalloc1(d, &local[m]));
    PetscCall(LbLocalState(names->n ? names->v[names->n == 1 ? 0 : m] : d == 2 ? "up" : "fock:0", d, local[m], message));
  }
  r->set.kind      = r->kind;
  r->set.motion    = (LbMotionSetting){.start = c->time.start, .end = c->time.end, .every = c->time.output_every, .rtol = c->integrator.rtol, .atol = c->integrator.atol,
                                       .sub = c->integrator.step > 0 ? (PetscInt)PetscCeilReal(c->time.output_every / c->integrator.step - 1e-9) : 0};
  r->set.seed      = TesProblemSeed(problem);
  r->set.splitting = c->trajectories.splitting_error;
  r->set.pure      = LbTrajIsPure(c);
  r->set.share     = c->trajectories.share && LbTrajIsPure(c) ? PETSC_TRUE : PETSC_FALSE;
  r->set.n_columns = (int)r->n_items;
  r->set.terms     = terms;
  r->set.local     = (const LbComplex *const *)local;
  message[0]       = 0;
  PetscCall(TesAgree(TesProblemComm(problem), LbPathCreate(r->groups.group, &c->model, &r->set, message, &r->path)));
  for (int m = 0; m < c->model.n_sites; m++) PetscCall(PetscFree(local[m]));
  PetscCall(PetscFree(local));
  PetscCall(PetscFree(terms));
  PetscCheck(!message[0], TesProblemComm(problem), TES_ERR_DECK, "%s", message);
  {
    const PetscReal *values;
    PetscReal        p, error;
    PetscInt64       steps, applications, lost;
    PetscInt         sub;

    PetscCall(LbPathShared(r->path, &values, &p));
    PetscCall(LbPathCounts(r->path, &steps, &applications, &lost, &sub, &error));
    if (r->kind == &lb_motion_strang && error > 0)
      PetscCall(TesProblemSay(problem, "strang with h = %.4g: Richardson's estimate of the error of the columns is %.2g", (double)(c->time.output_every / sub), (double)error));
    if (values) PetscCall(TesProblemSay(problem, "%.4g of the trajectories have no jump; their evolution is shared", (double)p));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Start(TesProblem problem, Lindblad *c)
{
  PetscFunctionBegin;
  (void)problem;
  (void)c;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* real columns from the complex values of one time */
static void Columns(const Lindblad *c, const Trajectories *r, const PetscReal values[], PetscReal column[])
{
  int at = 0;

  for (int k = 0; k < c->observables.n; k++) {
    column[at++] = c->observables.item[k].kind == LB_OBSERVE_TRACE ? 1 : values[2 * k];
    if (c->observables.item[k].two_parts) column[at++] = values[2 * k + 1];
  }
  if (r->cutoff) column[at] = values[2 * c->observables.n];
  LbReducedColumns(&r->reduced, values, column);
}

static PetscErrorCode Sample(PetscInt64 id, PetscReal row[], void *ctx)
{
  Lindblad     *c = ctx;
  Trajectories *r = c->task_data;
  PetscInt64    jumps;

  PetscFunctionBegin;
  PetscCall(LbPathRun(r->path, id, r->record, &jumps));
  for (PetscInt k = 0; k < r->n_times; k++) Columns(c, r, r->record + k * 2 * r->n_items, row + k * r->n_real);
  row[r->n_times * r->n_real] = (PetscReal)jumps;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* estimate and standard error of a column at an output time */
static PetscErrorCode Value(const Lindblad *c, const Trajectories *r, PetscInt k, PetscInt column, PetscReal *value, PetscReal *error)
{
  const PetscReal *shared;
  PetscReal        p, all[512];

  PetscFunctionBegin;
  PetscCall(LbPathShared(r->path, &shared, &p));
  if (column < c->observables.n_columns && r->reduced_of[column] >= 0) {
    *value = r->reduced.value[r->reduced_of[column] * r->n_times + k];
    *error = r->reduced.error[r->reduced_of[column] * r->n_times + k];
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  *value = LbMomentsMean(&r->total, k * r->n_real + column);
  *error = (1 - p) * LbMomentsError(&r->total, k * r->n_real + column);
  if (shared) {
    PetscReal *row = all;

    if (r->n_real > 512) PetscCall(PetscMalloc1(r->n_real, &row));
    Columns(c, r, shared + k * 2 * r->n_items, row);
    *value = p * row[column] + (1 - p) * *value;
    if (row != all) PetscCall(PetscFree(row));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EvaluateReduced(Trajectories *r)
{
  const PetscReal *shared;
  PetscReal        p;

  PetscFunctionBegin;
  PetscCall(LbPathShared(r->path, &shared, &p));
  PetscCall(LbReducedEvaluate(&r->reduced, shared, 2 * r->n_items, p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LargestError(const Lindblad *c, Trajectories *r)
{
  PetscFunctionBegin;
  PetscCall(EvaluateReduced(r));
  r->largest_error = 0;
  for (PetscInt k = 0; k < r->n_times; k++)
    for (PetscInt column = 0; column < c->observables.n_columns; column++) {
      PetscReal value, error;

      PetscCall(Value(c, r, k, column, &value, &error));
      r->largest_error = PetscMax(r->largest_error, error);
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* two blocks at least: a standard error from one may be zero by chance */
static PetscBool Enough(const Lindblad *c, const Trajectories *r)
{
  const PetscReal count = r->total.data[0];

  if (count >= (PetscReal)c->until.max) return PETSC_TRUE;
  return c->until.error > 0 && count >= 2 * LbTrajBlock(c) && r->largest_error <= c->until.error ? PETSC_TRUE : PETSC_FALSE;
}

static PetscErrorCode Step(TesProblem problem, Lindblad *c, TesProgress *progress)
{
  Trajectories *r = c->task_data;

  PetscFunctionBegin;
  if (!Enough(c, r)) {
    const PetscInt64 first = (PetscInt64)r->total.data[0], n = PetscMin(LbTrajBlock(c), c->until.max - first);
    PetscInt64       counts[4];
    PetscInt         sub;
    PetscReal        error;

    r->emitted = 0; /* after a restart with a later `until` the rows come anew */
    PetscCall(LbPathCounts(r->path, &counts[0], &counts[1], &counts[2], &sub, &error));
    PetscCall(LbSampleBlock(&r->groups, first, n, Sample, c, &r->block));
    LbMomentsJoin(&r->total, &r->block);
    LbReducedAdd(&r->reduced, first / LbTrajBlock(c), &r->block, r->n_real);
    PetscCall(LargestError(c, r));
    {
      PetscInt64 after[4] = {0}, mine[2] = {0, 0};

      PetscCall(LbPathCounts(r->path, &after[0], &after[1], &after[2], &sub, &error));
      if (r->groups.roots != MPI_COMM_NULL) {
        mine[0] = after[1] - counts[1];
        mine[1] = after[2] - counts[2];
      }
      PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, mine, 2, MPIU_INT64, MPI_SUM, r->groups.world));
      r->applications += mine[0];
      r->lost += mine[1];
      progress->work = (PetscReal)mine[0] * (PetscReal)c->model.n;
    }
    snprintf(progress->phase, sizeof progress->phase, "%" PetscInt64_FMT " trajectories", (PetscInt64)r->total.data[0]);
  } else {
    r->emitted++;
    snprintf(progress->phase, sizeof progress->phase, "row %" PetscInt64_FMT " of %d", r->emitted, (int)r->n_times);
  }
  progress->merit_name = "stderr";
  progress->merit      = r->largest_error;
  progress->done       = r->total.data[0] + (PetscReal)r->emitted;
  progress->total      = (Enough(c, r) ? r->total.data[0] : (PetscReal)c->until.max) + (PetscReal)r->n_times;
  progress->finished   = r->emitted >= r->n_times ? PETSC_TRUE : PETSC_FALSE;
  (void)problem;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Observe(TesProblem problem, Lindblad *c, TesSeries series, PetscBool last)
{
  Trajectories  *r = c->task_data;
  const PetscInt k = (PetscInt)r->emitted - 1;
  PetscReal      value, error;

  PetscFunctionBegin;
  (void)last;
  if (k < 0) {
    PetscCall(TesSeriesAfresh(series));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesSeriesTime(series, LbPathTime(r->path, k)));
  for (int column = 0; column < c->observables.n_columns; column++) {
    PetscCall(Value(c, r, k, column, &value, &error));
    PetscCall(TesSeriesRealStderr(series, c->observables.column[column], "1", value, error));
  }
  if (!r->cutoff) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(Value(c, r, k, c->observables.n_columns, &value, &error));
  if (value > 1e-4 && !c->warned) {
    c->warned = PETSC_TRUE;
    PetscCall(TesProblemSay(problem, "warning: at t = %.6g the highest levels of the sites hold %.3g: raise the cut-off (dim)", (double)LbPathTime(r->path, k), (double)value));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode State(TesProblem problem, Lindblad *c, TesState state)
{
  Trajectories *r = c->task_data;

  PetscFunctionBegin;
  PetscCall(TesStateReal(state, "end", &r->end)); /* first: what follows has one entry per output time */
  if (state->ops->mode == TES_STATE_WRITES_PROBLEM)
    PetscCheck(!(PetscAbsReal(r->end - c->time.end) > 0), TesProblemComm(problem), TES_ERR_DECK,
               "these trajectories end at t = %.10g: another time.end (%.10g) needs a fresh run; until.max and until.stderr may change", (double)r->end, (double)c->time.end);
  PetscCall(TesStateReals(state, "moments", 1 + 2 * r->total.n, r->total.data));
  if (r->reduced.n) {
    PetscCall(TesStateReals(state, "reduced", (PetscInt)r->reduced.n_groups * r->reduced.width, r->reduced.group));
    if (state->ops->mode == TES_STATE_WRITES_PROBLEM) PetscCall(EvaluateReduced(r));
  }
  PetscCall(TesStateInt(state, "rows", &r->emitted));
  PetscCall(TesStateReal(state, "largest_error", &r->largest_error));
  PetscCall(TesStateInt(state, "lost", &r->lost));
  PetscCall(TesStateInt(state, "applications", &r->applications));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Finish(TesProblem problem, Lindblad *c, TesReport report)
{
  Trajectories    *r = c->task_data;
  const PetscReal *shared;
  PetscReal        value, error, p, splitting;
  PetscInt64       steps, applications, lost;
  PetscInt         sub;
  PetscBool        missed;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(LbPathShared(r->path, &shared, &p));
  PetscCall(LbPathCounts(r->path, &steps, &applications, &lost, &sub, &splitting));
  for (int k = 0; k < c->observables.n_columns; k++) {
    char name[128];

    PetscCall(Value(c, r, r->n_times - 1, k, &value, &error));
    PetscCall(TesReportReal(report, c->observables.column[k], value, &(TesFigureNote){.unit = "1", .help = "at the end"}));
    snprintf(name, sizeof name, "%s_stderr", c->observables.column[k]);
    PetscCall(TesReportReal(report, name, error, &(TesFigureNote){.unit = "1", .scale = 1, .help = "its standard error"}));
  }
  missed = c->until.error > 0 && r->largest_error > c->until.error ? PETSC_TRUE : PETSC_FALSE;
  PetscCall(TesReportInt(report, "trajectories", (PetscInt64)r->total.data[0], &(TesFigureNote){.help = shared ? "drawn among those that jump" : "drawn"}));
  PetscCall(TesReportReal(report, "largest_stderr", r->largest_error,
                          &(TesFigureNote){.unit = "1", .scale = 1, .failed = missed, .certified = missed ? PETSC_FALSE : PETSC_TRUE, .help = missed ? "until.stderr was not reached: raise until.max" : "of any column and time"}));
  PetscCall(TesReportReal(report, "jumps_per_trajectory", (1 - p) * LbMomentsMean(&r->total, r->n_times * r->n_real), &(TesFigureNote){.unit = "1", .help = "mean number of jumps"}));
  if (shared) PetscCall(TesReportReal(report, "no_jump_probability", p, &(TesFigureNote){.unit = "1", .help = "of a whole trajectory"}));
  PetscCall(TesReportText(report, "integrator", r->kind->name, &(TesFigureNote){.help = "motion between jumps"}));
  if (r->kind == &lb_motion_strang) {
    PetscCall(TesReportReal(report, "step", c->time.output_every / sub, &(TesFigureNote){.unit = "1/energy", .help = "of the splitting"}));
    if (splitting > 0) PetscCall(TesReportReal(report, "splitting_error", splitting, &(TesFigureNote){.unit = "1", .scale = 1, .help = "Richardson's estimate for the columns, without jumps"}));
  }
  if (r->cutoff) {
    PetscReal top = 0;

    for (PetscInt k = 0; k < r->n_times; k++) {
      PetscCall(Value(c, r, k, c->observables.n_columns, &value, &error));
      top = PetscMax(top, value);
    }
    PetscCall(TesReportReal(report, "top_population", top, &(TesFigureNote){.unit = "1", .scale = 1, .help = "largest population of the highest levels: what the cut-off loses"}));
  }
  PetscCall(TesReportInt(report, "applications", r->applications, &(TesFigureNote){.help = "of the effective Hamiltonian, dp5 only"}));
  if (r->lost) PetscCall(TesReportInt(report, "jumps_without_rate", r->lost, &(TesFigureNote){.help = "norms that fell by rounding alone"}));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(TesProblem problem, Lindblad *c)
{
  Trajectories *r = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  if (!r) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbPathDestroy(&r->path));
  PetscCall(LbGroupsDestroy(&r->groups));
  PetscCall(LbMomentsDestroy(&r->total));
  PetscCall(LbMomentsDestroy(&r->block));
  PetscCall(LbMixtureDestroy(&r->mixture));
  PetscCall(LbReducedDestroy(&r->reduced));
  PetscCall(PetscFree(r->reduced_of));
  PetscCall(PetscFree(r->record));
  PetscCall(PetscFree(c->task_data));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbSolver lb_trajectories_evolve = {"trajectories evolve", LbTrajCheck, LbTrajEstimate, SetUp, Start, Step, Observe, State, Finish, Destroy};
