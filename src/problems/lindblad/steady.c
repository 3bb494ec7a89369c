/* task: steady of the density solver: L rho = 0, Tr rho = 1, by a ladder of methods that tests the true residual after every cycle.

     secular    FGMRES(30) with H treated exactly (secular.c): state spaces up to 256 always, up to 1024 if weakly damped
     kronecker  IDR(4) with the single-site generators inverted (kronecker.c): unless weakly damped
     gcrot      GCROT(20, 20) without preconditioner
     propagate  exp(t L) by a Faber series, then gcrot from there: the last resort
     idr        IDR(8) without preconditioner, on demand only: it diverges where damping is weak

   steady.iteration takes the other iteration for the first two. Which rung is first depends on the model alone, never on a clock: the same bits on any machine and number of ranks.
   Start: the product of the steady states of the single sites where they are unique, else the maximally mixed state; corrections are traceless, so the trace is kept and no row is replaced. Converged: |L rho|_2 <= rtol |L 1/n|_2.
   A rung is left when its cycles gain too little (secular: less than a tenth three times in a row; kronecker: not a factor of ten in 60 applications; others: a hundredth, twenty times), when its residual grows a thousandfold, or after its
   share of applications; what was tried and why it was left is said. On small systems a second solve from a random product state tells whether the steady state is unique. A step is one cycle. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "steady.h"

typedef enum { RUNG_SECULAR, RUNG_KRONECKER, RUNG_GCROT, RUNG_PROPAGATE, RUNG_IDR } Rung; /* the words of steady.method; auto tries them up to propagate */

static const char *const rung_names[] = {"secular", "kronecker", "gcrot", "propagate", "idr"};

#define PLAIN_IDR    8    /* directions of the iteration without preconditioner */
#define SITE_IDR     4    /* and with one */
#define GROWN        1e3  /* a residual beyond this multiple of the smallest: it diverges */
#define KRONECKER_AT 60   /* applications in which a factor of ten must be gained */

typedef struct {
  PetscInt64  rung, cycles, poor, pass, applications, rung_applications, mark_applications, broken;
  PetscBool   converged, unique_known, unique, prepared;
  PetscReal   target, residual, start_residual, previous, distance, mark, smallest;
  PetscInt64  n_history;
  PetscReal  *history; /* [n][2] applications, residual of the main solve */
  LbVec       other;   /* the second solve's state */
  LbGcrot     solver;
  LbIdr       idr;
  PetscReal   recurrence[LB_IDR * LB_IDR + 1]; /* numbers of the idr under way, on every rank */
  LbSecular   secular;
  LbKronecker kronecker;
  PetscReal  *f;
  PetscBool   has_solver;
  PetscInt64  kept;    /* directions of the solver, part of the state: a restart goes on with the same bits */
} Steady;

static PetscErrorCode Check(TesProblem problem, Lindblad *c, PetscBool *good)
{
  PetscFunctionBegin;
  PetscCall(LbDensityCheck(problem, c, good));
  if (!c->model.constant) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "task", ": a steady state needs a constant model, but a term or a rate depends on time"));
  }
  if (!c->model.n_jumps) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "task", ": without jumps every function of H is a steady state"));
  }
  if (c->steady.iteration && c->steady.method > RUNG_KRONECKER + 1) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "steady.iteration", ": goes with method secular or kronecker, not with %s", rung_names[c->steady.method - 1]));
  }
  if (c->steady.method == RUNG_SECULAR + 1 && c->model.n > LB_SMALL_SPACE) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "steady.method", ": secular forms matrices of the state space on every rank and takes up to %d states, here are %" PetscInt64_FMT ": take auto, kronecker or gcrot", LB_SMALL_SPACE, c->model.n));
  }
  if (c->steady.method == RUNG_KRONECKER + 1 && !c->model.qubits && c->model.n > LB_SMALL_SPACE) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "steady.method", ": kronecker takes sites that are no spins up to %d states, here are %" PetscInt64_FMT ": take auto or gcrot", LB_SMALL_SPACE, c->model.n));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Estimate(TesProblem problem, Lindblad *c, TesEstimate *e)
{
  const PetscReal vectors = 64;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(LbDensityEstimate(c, vectors, e));
  e->bytes_per_rank += c->model.n <= LB_SMALL_SPACE ? 96 * c->model.size : 0;
  e->bytes_output += c->model.n <= 256 ? 0 : 41 * 8 * c->model.size; /* a checkpoint holds the directions of gcrot */
  snprintf(e->note, sizeof e->note, "density matrix of %.4g real entries, up to %.0f vectors; %s", (double)c->model.size, (double)vectors,
           e->bytes_sent > 0 ? "bytes sent are those of one application" : "ranks of one node share memory and send nothing");
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetUp(TesProblem problem, Lindblad *c)
{
  Steady *s;

  PetscFunctionBegin;
  PetscCall(PetscNew(&s));
  c->task_data = s;
  PetscCall(LbDensitySetUp(problem, c));
  PetscCall(PetscMalloc1(c->model.n_times, &s->f));
  LbModelFactors(&c->model, 0, s->f);
  s->unique = PETSC_TRUE;
  if (c->density.comm != MPI_COMM_NULL) PetscCall(LbVecCreate(LbLiouvilleSpace(c->density.l), &s->other));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* secular: matrices small enough, and little to lose or much to gain; kronecker: fields and damping of the sites matter */
static Rung FirstRung(const Lindblad *c)
{
  if (c->steady.method > 0) return (Rung)(c->steady.method - 1);
  if (c->model.n <= 256 || (c->model.n <= LB_SMALL_SPACE && LbWeaklyDamped(&c->model))) return RUNG_SECULAR;
  return !LbWeaklyDamped(&c->model) && (c->model.qubits || c->model.n <= LB_SMALL_SPACE) ? RUNG_KRONECKER : RUNG_GCROT;
}

/* is the present rung an IDR(s)? */
static PetscBool ByIdr(const Lindblad *c)
{
  const Steady *s = c->task_data;

  if (s->rung == RUNG_SECULAR) return c->steady.iteration == 2 ? PETSC_TRUE : PETSC_FALSE;
  if (s->rung == RUNG_KRONECKER) return c->steady.iteration != 1 ? PETSC_TRUE : PETSC_FALSE;
  return s->rung == RUNG_IDR ? PETSC_TRUE : PETSC_FALSE;
}

static PetscErrorCode Residual(Lindblad *c, const LbVec *x, PetscReal *norm)
{
  Steady        *s     = c->task_data;
  const LbFused  plain = {.scale = 1};
  const LbSpace *space = LbLiouvilleSpace(c->density.l);
  LbVec          y;

  PetscFunctionBegin;
  PetscCall(LbVecCreate(space, &y));
  PetscCall(LbApply(c->density.l, s->f, &plain, x, &y));
  PetscCall(LbDot(space, &y, &y, norm));
  *norm = PetscSqrtReal(*norm);
  PetscCall(LbVecDestroy(&y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Start(TesProblem problem, Lindblad *c)
{
  Steady *s = c->task_data;

  PetscFunctionBegin;
  s->rung     = FirstRung(c);
  s->previous = -1;
  if (c->density.comm != MPI_COMM_NULL) {
    const LbSpace *space = LbLiouvilleSpace(c->density.l);

    PetscCall(LbMixedState(space, &c->model, &c->density.x));
    PetscCall(Residual(c, &c->density.x, &s->start_residual)); /* the scale of the tolerance */
    PetscCall(LbSiteProductState(space, &c->model, s->f, &c->density.x));
    PetscCall(Residual(c, &c->density.x, &s->residual));
    s->applications += 2;
  }
  PetscCallMPI(MPI_Bcast(&s->start_residual, 1, MPIU_REAL, 0, c->density.world));
  PetscCallMPI(MPI_Bcast(&s->residual, 1, MPIU_REAL, 0, c->density.world));
  PetscCallMPI(MPI_Bcast(&s->applications, 1, MPIU_INT64, 0, c->density.world));
  s->target   = c->steady.rtol * PetscMax(s->start_residual, 1e-6);
  s->smallest = s->mark = s->residual;
  PetscCall(LbSay(problem, c, "steady: first by %s (%s; %" PetscInt64_FMT " states, %s)", rung_names[s->rung], c->steady.method ? "as the deck says" : "auto", c->model.n,
                  LbWeaklyDamped(&c->model) ? "weakly damped" : "not weakly damped"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Drop(Steady *s)
{
  PetscFunctionBegin;
  if (s->has_solver) {
    PetscCall(LbGcrotDestroy(&s->solver));
    PetscCall(LbIdrDestroy(&s->idr));
  }
  PetscCall(LbSecularDestroy(&s->secular));
  PetscCall(LbKroneckerDestroy(&s->kronecker));
  s->has_solver = PETSC_FALSE;
  s->kept       = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the solver of the present rung; a preconditioner that cannot be used moves on */
static PetscErrorCode Prepare(TesProblem problem, Lindblad *c)
{
  Steady         *s     = c->task_data;
  LbPrecondition  how   = NULL;
  void           *ctx   = NULL;
  const LbSpace  *space = LbLiouvilleSpace(c->density.l);

  PetscFunctionBegin;
  if (s->has_solver) PetscFunctionReturn(PETSC_SUCCESS);
  if (s->rung == RUNG_SECULAR) {
    PetscBool usable = PETSC_FALSE;

    PetscCall(LbSecularCreate(space, &c->model, s->f, &usable, &s->secular));
    how = LbSecularApply;
    ctx = s->secular;
    if (!usable) {
      PetscCall(LbSecularDestroy(&s->secular));
      s->rung = RUNG_KRONECKER;
    }
  }
  if (s->rung == RUNG_KRONECKER) {
    PetscBool usable = PETSC_FALSE;

    PetscCall(LbKroneckerCreate(space, &c->model, s->f, &usable, &s->kronecker));
    how = LbKroneckerApply;
    ctx = s->kronecker;
    if (!usable) {
      PetscCall(LbKroneckerDestroy(&s->kronecker));
      s->rung = RUNG_GCROT;
    }
  }
  if (ByIdr(c)) PetscCall(LbIdrCreate(c->density.l, s->f, (int)PetscMin(space->n_entries - 1, s->rung == RUNG_IDR ? PLAIN_IDR : SITE_IDR), TesProblemSeed(problem), s->rung == RUNG_IDR ? NULL : how, ctx, &s->idr));
  else if (s->rung <= RUNG_KRONECKER) PetscCall(LbGcrotCreate(c->density.l, s->f, 30, 0, how, ctx, &s->solver));
  else PetscCall(LbGcrotCreate(c->density.l, s->f, 20, 20, NULL, NULL, &s->solver));
  s->has_solver = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Propagate(Lindblad *c, LbVec *x)
{
  LbIntegratorDeck deck = c->integrator;
  LbIntegrator     g;
  PetscReal        rate = PETSC_MAX_REAL;

  PetscFunctionBegin;
  deck.kind = LB_FABER;
  deck.rtol = 1e-8;
  for (int j = 0; j < c->model.n_jumps; j++) rate = PetscMin(rate, c->model.jump[j].rate);
  PetscCall(LbIntegratorCreate(&c->model, c->density.l, &deck, &g));
  PetscCall(LbIntegratorAdvance(g, 0, 25 / rate, x));
  PetscCall(LbIntegratorDestroy(&g));
  { /* the trace is kept to the tolerance only where it is a sum of entries */
    const LbVec *v[1] = {x};
    PetscReal    trace;
    double       w[1];

    PetscCall(LbTrace(LbLiouvilleSpace(c->density.l), x, &trace));
    PetscCall(LbFence(LbLiouvilleSpace(c->density.l))); /* everybody has read it */
    w[0] = 1 / trace;
    PetscCall(LbCombine(LbLiouvilleSpace(c->density.l), 1, w, v, x));
    PetscCall(LbFence(LbLiouvilleSpace(c->density.l)));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Record(Steady *s)
{
  PetscReal *grown;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(2 * (s->n_history + 1), &grown));
  if (s->n_history) PetscCall(PetscArraycpy(grown, s->history, 2 * s->n_history));
  PetscCall(PetscFree(s->history));
  s->history                       = grown;
  s->history[2 * s->n_history]     = (PetscReal)s->applications;
  s->history[2 * s->n_history + 1] = s->residual;
  s->n_history++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* what every rank must know after a cycle */
static PetscErrorCode Share(Lindblad *c)
{
  Steady    *s        = c->task_data;
  PetscReal  real[2]  = {s->residual, s->distance};
  PetscInt64 whole[4] = {s->applications, s->rung, s->has_solver ? s->solver.n_kept + (s->idr.begun ? s->idr.s : 0) : 0, s->broken};

  PetscFunctionBegin;
  if (s->idr.begun) {
    PetscCall(PetscArraycpy(s->recurrence, s->idr.small, LB_IDR * LB_IDR));
    s->recurrence[LB_IDR * LB_IDR] = s->idr.omega;
  }
  PetscCallMPI(MPI_Bcast(real, 2, MPIU_REAL, 0, c->density.world));
  PetscCallMPI(MPI_Bcast(whole, 4, MPIU_INT64, 0, c->density.world));
  PetscCallMPI(MPI_Bcast(s->recurrence, LB_IDR * LB_IDR + 1, MPIU_REAL, 0, c->density.world));
  s->residual     = real[0];
  s->distance     = real[1];
  s->applications = whole[0];
  s->rung         = whole[1];
  s->kept         = whole[2];
  s->broken       = whole[3];
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NextRung(TesProblem problem, Lindblad *c, const char why[])
{
  Steady *s = c->task_data;

  PetscFunctionBegin;
  if (c->steady.method > 0 || s->rung >= RUNG_PROPAGATE) {
    char     text[512] = "";
    size_t   used      = 0;

    for (PetscInt64 k = PetscMax(0, s->n_history - 8); k < s->n_history && used + 1 < sizeof text; k++)
      used += (size_t)snprintf(text + used, sizeof text - used, "%s%.0f: %.2e", used ? ", " : "", (double)s->history[2 * k], (double)s->history[2 * k + 1]);
    SETERRQ(c->density.world, TES_ERR_NUMBERS, "no steady state found: method %s %s at |L rho| = %.3g, wanted %.3g after %" PetscInt64_FMT " applications (last cycles: %s). Steady states may be several, or the damping very weak: "
            "try task: evolve to a long time, or a larger steady.rtol", rung_names[s->rung], why, (double)s->residual, (double)s->target, s->applications, text);
  }
  PetscCall(LbSay(problem, c, "steady: %s %s at |L rho| = %.3g after %" PetscInt64_FMT " applications; going on with %s", rung_names[s->rung], why, (double)s->residual, s->applications,
                          rung_names[s->rung + 1]));
  PetscCall(Drop(s));
  s->rung++;
  s->poor              = 0;
  s->rung_applications = 0;
  s->mark_applications = 0;
  s->prepared          = PETSC_FALSE;
  if (!(s->residual <= 10 * s->smallest)) { /* it diverged: from the beginning */
    if (c->density.comm != MPI_COMM_NULL) {
      PetscCall(LbSiteProductState(LbLiouvilleSpace(c->density.l), &c->model, s->f, &c->density.x));
      PetscCall(Residual(c, &c->density.x, &s->residual));
      s->applications++;
    }
    PetscCall(Share(c));
  }
  s->previous = s->smallest = s->mark = s->residual;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Step(TesProblem problem, Lindblad *c, TesProgress *progress)
{
  Steady          *s      = c->task_data;
  LbVec           *x      = s->pass ? &s->other : &c->density.x;
  const PetscInt64 before = s->applications;
  const PetscReal  target = s->pass ? PetscMax(s->target, 1e-8 * s->start_residual) : s->target;
  const Rung       asked  = (Rung)s->rung;
  const PetscInt64 patience = asked == RUNG_SECULAR ? 3 : 20; /* a cycle without preconditioner gains little, and all the same arrives */
  const char      *leave    = NULL;

  PetscFunctionBegin;
  if (c->density.comm != MPI_COMM_NULL) {
    const LbSpace *space = LbLiouvilleSpace(c->density.l);
    PetscInt64     count;

    PetscCall(Prepare(problem, c));
    count = LbLiouvilleCount(c->density.l);
    if (s->rung == RUNG_PROPAGATE && !s->prepared) PetscCall(Propagate(c, x));
    if (ByIdr(c)) {
      PetscBool broken;

      PetscCall(LbIdrCycle(&s->idr, target, x, &s->residual, &broken));
      s->broken = broken;
    } else PetscCall(LbGcrotCycle(&s->solver, target, x, &s->residual));
    s->applications += LbLiouvilleCount(c->density.l) - count;
    if (s->pass) {
      const LbVec *v[2] = {&s->other, &c->density.x};
      const double w[2] = {1, -1};

      PetscCall(LbMaxCombine(space, 2, w, v, &s->distance));
    }
  }
  s->prepared = PETSC_TRUE;
  PetscCall(Share(c));
  if ((Rung)s->rung != asked && !s->pass) PetscCall(LbSay(problem, c, "steady: %s cannot be used (%s without decay); going on with %s", rung_names[asked], asked == RUNG_SECULAR ? "populations or coherences" : "sites", rung_names[s->rung]));
  s->cycles++;
  s->rung_applications += s->applications - before;
  if (!s->pass) PetscCall(Record(s));
  s->poor     = s->previous > 0 && s->residual > (s->rung == RUNG_SECULAR ? 0.9 : 0.99) * s->previous ? s->poor + 1 : 0;
  s->previous = s->residual;
  c->residual    = s->pass ? c->residual : s->residual;
  progress->work = (PetscReal)(s->applications - before) * c->model.size;
  if (s->residual <= target) leave = NULL;
  else if (s->broken) leave = "breaks down";
  else if (!(s->residual <= GROWN * s->smallest)) leave = "diverges";
  else if (s->poor >= patience) leave = "stagnates";
  else if (s->rung == RUNG_KRONECKER && c->steady.method == 0 && s->rung_applications - s->mark_applications >= KRONECKER_AT && s->residual > 0.1 * s->mark) leave = "gains less than a factor of ten in 60 applications";
  else if (s->rung_applications > c->steady.max_applications) leave = "has used steady.max_applications";
  if (s->rung_applications - s->mark_applications >= KRONECKER_AT) {
    s->mark_applications = s->rung_applications;
    s->mark              = s->residual;
  }
  s->smallest = PetscMin(s->smallest, s->residual);
  if (s->residual <= target) {
    if (!s->pass && (c->steady.check_unique == 1 || (c->steady.check_unique == 0 && c->model.n <= 64))) {
      s->pass     = 1;
      s->previous = -1;
      s->poor     = 0;
      if (c->density.comm != MPI_COMM_NULL) {
        PetscCall(LbRandomProduct(TesProblemSeed(problem), LbLiouvilleSpace(c->density.l), &c->model, &s->other));
        s->solver.n_kept = 0;
        s->idr.begun     = 0;
        PetscCall(Residual(c, &s->other, &s->smallest));
        s->applications++;
      }
      PetscCallMPI(MPI_Bcast(&s->smallest, 1, MPIU_REAL, 0, c->density.world));
      PetscCallMPI(MPI_Bcast(&s->applications, 1, MPIU_INT64, 0, c->density.world));
      s->mark              = s->smallest;
      s->mark_applications = s->rung_applications;
      s->kept              = 0;
    } else {
      s->converged = PETSC_TRUE;
      if (s->pass) {
        s->unique_known = PETSC_TRUE;
        s->unique       = s->distance <= 1e-5 ? PETSC_TRUE : PETSC_FALSE;
      }
    }
  } else if (s->pass && leave) {
    s->converged = PETSC_TRUE; /* the answer stands; whether it is the only one stays unknown */
  } else if (leave) {
    PetscCall(NextRung(problem, c, leave));
  }
  snprintf(progress->phase, sizeof progress->phase, "%s%s, %d applications", s->pass ? "uniqueness, " : "", rung_names[s->rung], (int)s->applications);
  progress->merit_name = "|L rho|";
  progress->merit      = s->residual;
  progress->done       = (PetscReal)s->cycles;
  progress->finished   = s->converged;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Observe(TesProblem problem, Lindblad *c, TesSeries series, PetscBool last)
{
  Steady *s = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  (void)last;
  PetscCall(LbDensityMeasure(c, &c->density.x, 0));
  PetscCall(LbDensityColumns(c, series));
  PetscCall(TesSeriesReal(series, "residual", "energy", s->n_history ? s->history[2 * s->n_history - 1] : s->start_residual));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode State(TesProblem problem, Lindblad *c, TesState state)
{
  Steady    *s = c->task_data;
  PetscInt64 n = 2 * s->n_history;
  char       name[32];

  PetscFunctionBegin;
  PetscCall(TesStateInt(state, "rung", &s->rung));
  PetscCall(TesStateInt(state, "cycles", &s->cycles));
  PetscCall(TesStateInt(state, "poor", &s->poor));
  PetscCall(TesStateInt(state, "pass", &s->pass));
  PetscCall(TesStateInt(state, "applications", &s->applications));
  PetscCall(TesStateInt(state, "rung_applications", &s->rung_applications));
  PetscCall(TesStateInt(state, "mark_applications", &s->mark_applications));
  PetscCall(TesStateBool(state, "converged", &s->converged));
  PetscCall(TesStateBool(state, "prepared", &s->prepared));
  PetscCall(TesStateBool(state, "unique_known", &s->unique_known));
  PetscCall(TesStateBool(state, "unique", &s->unique));
  PetscCall(TesStateReal(state, "target", &s->target));
  PetscCall(TesStateReal(state, "residual", &s->residual));
  PetscCall(TesStateReal(state, "start_residual", &s->start_residual));
  PetscCall(TesStateReal(state, "previous", &s->previous));
  PetscCall(TesStateReal(state, "distance", &s->distance));
  PetscCall(TesStateReal(state, "mark", &s->mark));
  PetscCall(TesStateReal(state, "smallest", &s->smallest));
  PetscCall(TesStateReals(state, "recurrence", LB_IDR * LB_IDR + 1, s->recurrence));
  PetscCall(TesStateRealsGrow(state, "history", &n, &s->history));
  s->n_history = n / 2;
  PetscCall(LbDensityState(c, "rho", &c->density.x, state));
  PetscCall(LbDensityState(c, "other", &s->other, state));
  PetscCall(TesStateInt(state, "kept", &s->kept));
  if (state->ops->mode == TES_STATE_WRITES_PROBLEM && s->kept && c->density.comm != MPI_COMM_NULL) {
    PetscCall(Prepare(problem, c));
    if (ByIdr(c)) {
      s->idr.begun = 1;
      s->idr.omega = s->recurrence[LB_IDR * LB_IDR];
      PetscCall(PetscArraycpy(s->idr.small, s->recurrence, LB_IDR * LB_IDR));
    } else s->solver.n_kept = (int)s->kept;
  }
  for (int k = 0; k < s->kept; k++) {
    const PetscBool idr   = ByIdr(c);
    LbVec          *u     = !s->has_solver ? &s->other : idr ? &s->idr.u[k] : &s->solver.u[k]; /* idle ranks have no vectors */
    LbVec          *image = !s->has_solver ? &s->other : idr ? &s->idr.g[k] : &s->solver.c[k];

    snprintf(name, sizeof name, "direction_%02d", k);
    PetscCall(LbDensityState(c, name, u, state));
    snprintf(name, sizeof name, "image_%02d", k);
    PetscCall(LbDensityState(c, name, image, state));
    if (!k && idr) PetscCall(LbDensityState(c, "recurrence_residual", s->has_solver ? &s->idr.r : &s->other, state));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Finish(TesProblem problem, Lindblad *c, TesReport report)
{
  Steady         *s = c->task_data;
  const PetscReal residual = s->n_history ? s->history[2 * s->n_history - 1] : s->start_residual;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(LbDensityMeasure(c, &c->density.x, 0));
  for (int k = 0; k < c->observables.n_columns; k++) PetscCall(TesReportReal(report, c->observables.column[k], c->density.values[k], &(TesFigureNote){.unit = "1", .help = "in the steady state"}));
  PetscCall(TesReportReal(report, "residual", residual, &(TesFigureNote){.unit = "energy", .scale = 1, .certified = PETSC_TRUE, .help = "|L rho|_2 of the answer"}));
  PetscCall(TesReportReal(report, "relative_residual", residual / PetscMax(s->start_residual, 1e-300), &(TesFigureNote){.unit = "1", .scale = 1, .certified = PETSC_TRUE, .help = "|L rho|_2 / |L 1/n|_2"}));
  PetscCall(TesReportReal(report, "trace_error", PetscAbsReal(c->density.trace - 1), &(TesFigureNote){.unit = "1", .scale = 1, .certified = PETSC_TRUE, .help = "distance of the trace from 1"}));
  PetscCall(TesReportReal(report, "smallest_eigenvalue", c->density.smallest, &(TesFigureNote){.unit = "1", .scale = 1, .help = "of the reduced state of the first sites"}));
  PetscCall(TesReportText(report, "method", rung_names[s->rung], &(TesFigureNote){.help = "rung of the ladder that converged"}));
  PetscCall(TesReportInt(report, "applications", s->applications, &(TesFigureNote){.help = "of the Liouvillian"}));
  PetscCall(TesReportText(report, "unique", !s->unique_known ? "not tested" : s->unique ? "yes" : "NO: several steady states",
                          &(TesFigureNote){.certified = s->unique_known, .failed = s->unique ? PETSC_FALSE : PETSC_TRUE, .help = "a second solve from a random state"}));
  if (!s->unique) PetscCall(TesReportSay(report, "the steady state is not unique: another start ends %.3g away. Give the conserved quantity, or use task: evolve from the state you mean", (double)s->distance));
  if (LbDensityHasCutoff(c)) PetscCall(TesReportReal(report, "top_population", c->density.top_population, &(TesFigureNote){.unit = "1", .scale = 1, .help = "largest population of a highest level"}));
  {
    TesStateItem item = {.name = "steady/history", .type = TES_F64, .n_axes = 2, .shape = {s->n_history, 2}, .data = s->history, .axes = "cycle quantity", .long_name = "applications, |L rho|"};

    PetscCall(TesReportArray(report, &item, 1));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(TesProblem problem, Lindblad *c)
{
  Steady *s = c->task_data;

  PetscFunctionBegin;
  (void)problem;
  if (s) {
    PetscCall(Drop(s));
    PetscCall(LbVecDestroy(&s->other));
    PetscCall(PetscFree(s->history));
    PetscCall(PetscFree(s->f));
    PetscCall(PetscFree(s));
  }
  PetscCall(LbDensityDestroy(c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbSolver lb_density_steady = {"density steady", Check, Estimate, SetUp, Start, Step, Observe, State, Finish, Destroy};
