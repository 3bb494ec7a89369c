#pragma once
/* lindblad, private: the context of the kind, its parts and their files. */
#include "integrator.h"
#include "liouville.h"

typedef enum { LB_MEMORY_AUTO, LB_MEMORY_SHARED, LB_MEMORY_MESSAGES } LbMemoryKind;
typedef enum { LB_SOLVER_DENSITY, LB_SOLVER_TRAJECTORIES, LB_SOLVER_POVM } LbSolverKind;
typedef enum { LB_STRINGS_NONE, LB_STRINGS_TRANSLATIONS, LB_STRINGS_SNAKES, LB_STRINGS_LIST } LbStringsWord;
typedef enum { LB_TASK_EVOLVE, LB_TASK_STEADY, LB_TASK_SPECTRUM, LB_TASK_CORRELATION, LB_TASK_SWEEP } LbTaskKind;
typedef enum { LB_OBSERVE_AUTO, LB_OBSERVE_EXPECTATION, LB_OBSERVE_PURITY, LB_OBSERVE_ENTROPY, LB_OBSERVE_ENERGY, LB_OBSERVE_TRACE, LB_OBSERVE_CURRENT, LB_OBSERVE_POPULATION } LbObserveKind;
typedef enum { LB_REDUCE_MEAN, LB_REDUCE_SUM, LB_REDUCE_EACH } LbReduceKind;

/* ---- observables.c: what the deck asks for, independent of the solver ---- */

/* one column of the series */
typedef struct {
  char     name[96];
  int      kind, item;
  int      n_terms;   /* expectation: sum of products */
  LbTerm  *term;      /* coefficients include 1/n of a mean */
  PetscInt n_sites;   /* purity, entropy: sites of the subsystem; purity of all sites: 0 */
  int     *site;
  PetscBool two_parts;/* two columns, _re and _im */
} LbObservable;

typedef struct {
  int           n, room;
  LbObservable *item;
  int           n_columns;
  char        (*column)[104]; /* names as in the series */
} LbObservables;

PetscErrorCode LbObservablesCreate(TesProblem problem, LbModel *model, const LbModelDeck *deck, LbObservables *observables, PetscBool *good);
PetscErrorCode LbObservablesDestroy(LbObservables *observables);

typedef struct Lindblad Lindblad;

/* ---- what a solver is: one table per solver and task, chosen by the deck ---- */
typedef struct {
  const char *name;
  PetscErrorCode (*check)(TesProblem, Lindblad *, PetscBool *good);
  PetscErrorCode (*estimate)(TesProblem, Lindblad *, TesEstimate *);
  PetscErrorCode (*setup)(TesProblem, Lindblad *);
  PetscErrorCode (*start)(TesProblem, Lindblad *);
  PetscErrorCode (*step)(TesProblem, Lindblad *, TesProgress *);
  PetscErrorCode (*observe)(TesProblem, Lindblad *, TesSeries, PetscBool last);
  PetscErrorCode (*state)(TesProblem, Lindblad *, TesState);
  PetscErrorCode (*finish)(TesProblem, Lindblad *, TesReport);
  PetscErrorCode (*destroy)(TesProblem, Lindblad *);
} LbSolver;

#define LB_MAX_THERMAL 512 /* states of a thermal initial state: a dense exponential */

/* ---- density.c: the density matrix of a run and what all its tasks share ---- */
typedef struct {
  MPI_Comm      world, comm; /* comm: ranks that work, MPI_COMM_NULL on the others */
  int           ranks;
  LbLiouville   l;
  TesPartition  rows;        /* entries over the ranks of the run, for the state */
  LbVec         x;
  LbFunctional *functional;  /* per observable */
  PetscReal    *values;      /* [n_columns] the last measured */
  PetscReal     trace, purity, smallest, top_population; /* of the last measurement */
} LbDensity;

PetscErrorCode LbStateNamed(TesProblem problem, LbDensity *density, const LbModel *model, const LbModelDeck *deck); /* what `initial` says; Collective on the world */

struct Lindblad {
  LbModelDeck model_deck; /* first: its keys are those of the deck */
  int         solver, task;
  struct {
    PetscReal start, end, output_every;
  } time;
  LbIntegratorDeck integrator;
  LbParallel       parallel;
  struct {
    int        method, iteration, check_unique; /* words of the deck */
    PetscReal  rtol;
    PetscInt64 max_applications;
    PetscReal  t_max, average; /* solver: povm */
    struct {
      PetscReal window, drift;
    } stop;
  } steady;

  struct {
    PetscInt   count, subspace, max_restarts;
    PetscReal  rtol;
  } spectrum;
  struct {
    int        kind, from, spectrum;
    struct { TesStrings ops; TesNode on; } a, b;
    TesReals   omega;
    PetscInt   points;
  } correlation;
  struct {
    int      task;
    TesMap   keys;
    PetscInt batch;
  } sweep;
  struct {
    PetscReal  error;
    PetscInt64 max;
  } until;
  struct {
    TesIntOr  block, members;
    int       memory;
    PetscBool share;
    PetscReal splitting_error;
  } trajectories;

  /* solver: povm */
  struct {
    int kind, axes;
  } povm;
  struct {
    int       kind, layer_norm, positional, activation;
    PetscInt  layers, hidden, heads, ff;
    PetscReal init_scale;
  } network;
  struct {
    int     kind;
    TesNode list;
  } strings;
  struct {
    int        kind;
    TesIntOr   train;
    PetscInt64 observe;
    PetscBool  unique;
  } samples;
  PetscBool verify;
  int       style, loss;
  struct {
    int       kind, integrator, inner;
    PetscReal tol, cap, h0, hmax, hmin, reg, tau, target_loss;
    TesIntOr  inner_steps;
  } step;
  struct {
    PetscReal  learning_rate, beta1, beta2, eps;
    PetscInt64 steps, observe_every;
    PetscBool  fresh;
    struct {
      TesIntOr  every;
      PetscReal factor;
    } decay;
    struct {
      PetscInt64 from, every;
      PetscInt   factor;
    } best;
  } optimizer;

  PetscBool       thermal; /* the initial state is a thermal one */
  PetscBool       ready; /* the model is sound */
  LbModel         model;
  LbObservables   observables;
  const LbSolver *how;
  LbDensity       density;
  LbIntegrator    integrate;
  PetscReal       now;
  PetscBool       warned;
  PetscReal       integrator_state[2]; /* step, largest error: known to idle ranks too */
  void           *task_data, *correlation_data; /* of the task in hand */
  MPI_Comm        world;               /* ranks of this run; in a sweep those of a group */
  PetscBool       quiet;               /* a point of a sweep says nothing */
  PetscBool       measured;            /* the last step gave a row */
  PetscInt64      rows;                /* rows measured so far */
  PetscReal       residual;            /* steady: of the answer */
  PetscInt64      counts[3];           /* steps accepted and rejected, applications */
};

PetscErrorCode LbDensityCheck(TesProblem problem, Lindblad *c, PetscBool *good);
PetscErrorCode LbDensitySetUp(TesProblem problem, Lindblad *c);
PetscErrorCode LbDensityDestroy(Lindblad *c);
PetscErrorCode LbDensityState(Lindblad *c, const char name[], LbVec *x, TesState state); /* a vector as an item of the state */
PetscErrorCode LbDensityMeasure(Lindblad *c, const LbVec *x, PetscReal t);               /* all observables; Collective on the world */
PetscErrorCode LbDensityColumns(Lindblad *c, TesSeries series);
PetscErrorCode LbDensityEstimate(Lindblad *c, PetscReal vectors, TesEstimate *e); /* ranks, memory and traffic per application */
PetscBool      LbDensityHasCutoff(const Lindblad *c); /* bosons: the highest level of a site is a cut-off */
PetscReal      LbDensityBytes(const LbModel *model, int ranks, PetscReal vectors);

extern const LbSolver lb_density_evolve, lb_density_steady, lb_density_spectrum, lb_density_correlation, lb_sweep, lb_trajectories_evolve, lb_povm;
extern const TesKey   lb_keys[];

/* lindblad.c: a context that a deck has filled becomes a model with its solver; used by the points of a sweep as well */
PetscErrorCode LbContextCheck(TesProblem problem, Lindblad *c, PetscBool *good);
PetscErrorCode LbContextDestroy(TesProblem problem, Lindblad *c);
PetscErrorCode LbSay(TesProblem problem, const Lindblad *c, const char format[], ...) __attribute__((format(printf, 3, 4)));
