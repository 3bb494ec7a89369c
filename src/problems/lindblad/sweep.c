/* task: sweep of solver: density or povm: the same run for a list of parameter values.

   `sweep.keys` names keys of the deck with one list of values each, all of one length; point k takes the k-th value of every list. A point is a run of its own (task steady or evolve), on a copy of the deck. A step
   is a batch of `sweep.batch` points: the ranks split into groups that share the points of a batch, each group with a solver of its own. What a point gives is kept by its number, never by its group, so the number
   of ranks decides only the speed. Results: /sweep/<key> and /sweep/observables/<name>, one entry per point; for evolve the values at the end.
   solver: povm adds standard errors, /sweep/stderr/<name>, and with `verify` the exact values, /sweep/exact/<name>. */
#include <stdio.h>
#include <string.h>
#include "povm_solver.h"

typedef struct {
  PetscInt64 points, done;
  int        columns; /* observables, povm: their standard errors and exact values; then residual and applications */
  PetscReal *value;   /* [points][columns] */
  PetscReal *column;  /* [columns][points], for the report */
  PetscReal *key;     /* [keys][points] */
} Sweep;

static const char *const inner_names[] = {"steady", "evolve"};

/* the deck of one point; its complaints are the parent's */
static PetscErrorCode PointDeck(TesProblem problem, Lindblad *c, PetscInt64 point, TesDeck *deck, Lindblad *child)
{
  static const char *const steady[] = {"steady:", NULL}; /* not for points that evolve */
  const char *text;
  char        assignment[512], *own;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(child, sizeof *child));
  PetscCall(TesDeckResolved(TesProblemDeck(problem), &text));
  PetscCall(TesProblemOwnText(text, c->sweep.task ? steady : NULL, &own));
  PetscCall(TesDeckCreateText(PETSC_COMM_SELF, TesDeckName(TesProblemDeck(problem)), strlen(own), own, deck));
  PetscCall(PetscFree(own));
  snprintf(assignment, sizeof assignment, "task=%s", inner_names[c->sweep.task]);
  PetscCall(TesDeckSet(*deck, assignment));
  for (PetscInt k = 0; k < c->sweep.keys.n; k++) {
    snprintf(assignment, sizeof assignment, "%.200s=%.200s", c->sweep.keys.name[k], TesNodeText(TesNodeItem(c->sweep.keys.value[k], (PetscInt)point)));
    PetscCall(TesDeckSet(*deck, assignment));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const LbSolver *Inner(const Lindblad *c)
{
  return c->solver == LB_SOLVER_POVM ? &lb_povm : c->sweep.task ? &lb_density_evolve : &lb_density_steady;
}

static PetscErrorCode Check(TesProblem problem, Lindblad *c, PetscBool *good)
{
  PetscInt length = -1;

  PetscFunctionBegin;
  if (!c->sweep.keys.n) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "sweep.keys", ": a sweep needs keys with lists of values, such as {hamiltonian.1.coeff: [0.5, 1.0]}"));
  }
  for (PetscInt k = 0; k < c->sweep.keys.n; k++) {
    const PetscInt n = TesNodeCount(c->sweep.keys.value[k]);
    char           path[256];

    snprintf(path, sizeof path, "sweep.keys.%.200s", c->sweep.keys.name[k]);
    for (PetscInt i = 0; i < n; i++)
      if (TesNodeIsList(TesNodeItem(c->sweep.keys.value[k], i)) || !TesNodeText(TesNodeItem(c->sweep.keys.value[k], i))[0]) {
        *good = PETSC_FALSE;
        PetscCall(TesDeckComplain(problem, "sweep.keys", ": value %d of `%s` is no number or word", (int)i, c->sweep.keys.name[k]));
        PetscFunctionReturn(PETSC_SUCCESS);
      }
    if (!n || (length >= 0 && n != length)) {
      *good = PETSC_FALSE;
      PetscCall(TesDeckComplain(problem, "sweep.keys", ": `%s` has %d values%s: every key needs a list, all of one length", c->sweep.keys.name[k], (int)n, n ? ", others another number" : ""));
    }
    if (length < 0) length = n;
  }
  if (c->solver == LB_SOLVER_POVM) { /* what a point is asked for */
    c->task = c->sweep.task ? LB_TASK_EVOLVE : LB_TASK_STEADY;
    PetscCall(Inner(c)->check(problem, c, good));
    c->task = LB_TASK_SWEEP;
  } else PetscCall(LbDensityCheck(problem, c, good));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt64 Points(const Lindblad *c)
{
  return c->sweep.keys.n ? TesNodeCount(c->sweep.keys.value[0]) : 0;
}

static PetscErrorCode Estimate(TesProblem problem, Lindblad *c, TesEstimate *e)
{
  PetscFunctionBegin;
  c->task = c->sweep.task ? LB_TASK_EVOLVE : LB_TASK_STEADY;
  PetscCall(Inner(c)->estimate(problem, c, e));
  c->task = LB_TASK_SWEEP;
  e->usable_ranks = e->ranks;
  if (c->solver == LB_SOLVER_DENSITY) e->bytes_per_rank *= PetscMin(e->ranks, c->sweep.batch);
  e->bytes_output = 8. * (PetscReal)Points(c) * (c->observables.n_columns + 2);
  e->steps        = PetscCeilReal((PetscReal)Points(c) / (PetscReal)c->sweep.batch);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetUp(TesProblem problem, Lindblad *c)
{
  Sweep *s;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(PetscNew(&s));
  c->task_data = s;
  s->points    = Points(c);
  s->columns   = (c->solver == LB_SOLVER_POVM ? 3 : 1) * c->observables.n_columns + 2;
  PetscCall(PetscCalloc3(s->points * s->columns, &s->value, s->points * s->columns, &s->column, s->points * c->sweep.keys.n + 1, &s->key));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Start(TesProblem problem, Lindblad *c)
{
  (void)problem;
  (void)c;
  return PETSC_SUCCESS;
}

/* one point on the ranks of a group; value is filled on its first rank */
static PetscErrorCode RunPoint(TesProblem problem, Lindblad *c, MPI_Comm group, PetscInt64 point, PetscReal *value)
{
  Lindblad    child;
  TesDeck     deck;
  TesKeyTable table = {lb_keys, &child};
  TesProgress progress = {0};
  PetscInt    n;
  const char *text;
  PetscBool   good = PETSC_TRUE;
  int         rank;
  static const char *const kinds[] = {"lindblad", NULL};

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(group, &rank));
  PetscCall(PointDeck(problem, c, point, &deck, &child));
  PetscCall(TesDeckKind(deck, kinds, &text));
  PetscCall(TesDeckRead(deck, 1, &table));
  PetscCall(TesDeckComplaints(deck, &n, &text));
  PetscCheck(!n, group, TES_ERR_DECK, "point %" PetscInt64_FMT " of the sweep: %s", point, text);
  child.world    = group;
  child.parallel = c->parallel;
  child.quiet = PETSC_TRUE;
  PetscCall(LbContextCheck(problem, &child, &good));
  PetscCall(TesDeckComplaints(TesProblemDeck(problem), &n, &text));
  PetscCheck(good, group, TES_ERR_DECK, "point %" PetscInt64_FMT " of the sweep: %s", point, text);
  PetscCall(child.how->setup(problem, &child));
  PetscCall(child.how->start(problem, &child));
  while (!progress.finished) PetscCall(child.how->step(problem, &child, &progress));
  if (child.solver == LB_SOLVER_POVM) {
    if (!rank) PetscCall(LbPovmResult(&child, value));
  } else {
    PetscCall(LbDensityMeasure(&child, &child.density.x, child.now));
    if (!rank) {
      PetscCall(PetscArraycpy(value, child.density.values, child.observables.n_columns));
      value[child.observables.n_columns]     = child.residual;
      value[child.observables.n_columns + 1] = child.density.l ? (PetscReal)LbLiouvilleCount(child.density.l) : 0;
    }
  }
  PetscCall(LbContextDestroy(problem, &child));
  PetscCall(TesDeckDestroy(&deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Step(TesProblem problem, Lindblad *c, TesProgress *progress)
{
  Sweep           *s = c->task_data;
  const PetscInt64 n = PetscMin(c->sweep.batch, s->points - s->done);
  PetscReal       *mine;
  MPI_Comm         members;
  int              group, size, groups;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(c->world, &size));
  groups = (int)PetscMin(n, size);
  PetscCall(TesCommSplitGroups(c->world, groups, &group, &members, NULL));
  PetscCall(PetscCalloc1(n * s->columns, &mine));
  for (PetscInt64 k = group; k < n; k += groups) PetscCall(RunPoint(problem, c, members, s->done + k, mine + k * s->columns));
  PetscCallMPI(MPI_Comm_free(&members));
  PetscCallMPI(MPI_Allreduce(mine, s->value + s->done * s->columns, (int)(n * s->columns), MPIU_REAL, MPI_SUM, c->world)); /* one rank has a value, the others zero */
  for (PetscInt64 k = 0; k < n; k++) progress->work += s->value[(s->done + k) * s->columns + s->columns - 1] * c->model.size;
  PetscCall(PetscFree(mine));
  s->done += n;
  snprintf(progress->phase, sizeof progress->phase, "point %" PetscInt64_FMT " of %" PetscInt64_FMT, s->done, s->points);
  progress->done     = (PetscReal)s->done;
  progress->total    = (PetscReal)s->points;
  progress->finished = s->done >= s->points ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Observe(TesProblem problem, Lindblad *c, TesSeries series, PetscBool last)
{
  Sweep *s = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  (void)last;
  PetscCall(TesSeriesReal(series, "points_done", "1", (PetscReal)s->done));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode State(TesProblem problem, Lindblad *c, TesState state)
{
  Sweep *s = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(TesStateInt(state, "done", &s->done));
  PetscCall(TesStateReals(state, "value", s->points * s->columns, s->value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Finish(TesProblem problem, Lindblad *c, TesReport report)
{
  Sweep       *s     = c->task_data;
  TesStateItem item  = {.type = TES_F64, .n_axes = 1, .shape = {s->points}};
  PetscReal    worst = 0, distance = 0;
  char         name[256];
  static const char *const sorts[] = {"observables", "stderr", "exact"};

  PetscFunctionBegin;
  (void)problem;
  for (PetscInt64 p = 0; p < s->points; p++)
    for (int q = 0; q < s->columns; q++) s->column[q * s->points + p] = s->value[p * s->columns + q];
  for (PetscInt k = 0; k < c->sweep.keys.n; k++) {
    for (PetscInt64 p = 0; p < s->points; p++) {
      PetscBool number;

      PetscCall(TesNodeReal(TesNodeItem(c->sweep.keys.value[k], (PetscInt)p), &number, &s->key[k * s->points + p]));
      if (!number) s->key[k * s->points + p] = (PetscReal)p;
    }
    snprintf(name, sizeof name, "sweep/%.200s", c->sweep.keys.name[k]);
    item.name = name;
    item.data = s->key + k * s->points;
    PetscCall(TesReportArray(report, &item, 0));
    if (k == 0) { /* what the figure is drawn against */
      item.name = "sweep/parameter";
      PetscCall(TesReportArray(report, &item, 0));
    }
  }
  for (int sort = 0; sort < (c->solver != LB_SOLVER_POVM ? 1 : c->verify ? 3 : 2); sort++)
    for (int q = 0; q < c->observables.n_columns; q++) {
      snprintf(name, sizeof name, "sweep/%s/%.100s", sorts[sort], c->observables.column[q]);
      item.name = name;
      item.data = s->column + (sort * c->observables.n_columns + q) * s->points;
      PetscCall(TesReportArray(report, &item, 0));
    }
  for (PetscInt64 p = 0; p < s->points; p++) worst = PetscMax(worst, s->value[p * s->columns + s->columns - 2]);
  PetscCall(TesReportInt(report, "points", s->points, &(TesFigureNote){.help = "of the sweep"}));
  if (c->solver == LB_SOLVER_POVM && c->verify) {
    const int n = c->observables.n_columns;

    for (PetscInt64 p = 0; p < s->points; p++)
      for (int q = 0; q < n; q++) distance = PetscMax(distance, PetscAbsReal(s->value[p * s->columns + q] - s->value[p * s->columns + 2 * n + q]));
    PetscCall(TesReportReal(report, "largest_error", distance, &(TesFigureNote){.unit = "1", .scale = 1, .certified = PETSC_TRUE, .help = "of any observable and point against solver: density"}));
  }
  if (!c->sweep.task && c->solver == LB_SOLVER_DENSITY) PetscCall(TesReportReal(report, "worst_residual", worst, &(TesFigureNote){.unit = "energy", .scale = 1, .certified = PETSC_TRUE, .help = "largest |L rho| of any point"}));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(TesProblem problem, Lindblad *c)
{
  Sweep *s = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  if (s) {
    PetscCall(PetscFree3(s->value, s->column, s->key));
    PetscCall(PetscFree(s));
  }
  c->task_data = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbSolver lb_sweep = {"sweep", Check, Estimate, SetUp, Start, Step, Observe, State, Finish, Destroy};
