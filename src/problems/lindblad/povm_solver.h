#pragma once
/* lindblad, private: what `solver: povm` asks of the deck, and the state of its runs. */
#include "lindblad.h"
#include "povm_flow.h"

typedef enum { LB_STEP_HEUN, LB_STEP_RK4, LB_STEP_EULER } LbStepWord;

/* ---- povm_string.c ---- */
PetscErrorCode LbStringsCreate(TesProblem problem, const Lindblad *c, LbStrings *strings, PetscBool *good); /* what `strings` says; complains */

/* ---- povm_observe.c ---- */

/* columns of the series as sums over samples, and pairs of sites for their smallest eigenvalue */
typedef struct {
  LbNet            *net;
  const LbStrings  *strings;
  const LbOutcomes *outcomes;
  LbPovm            povm;
  PetscBool         all;      /* 4^N configurations are summed: no sampling error */
  PetscInt64        total;
  PetscInt64        seed;
  int               n_columns, n_terms;
  struct LbObserveTerm {
    int       column, n, time;
    PetscBool two_parts;
    LbComplex coef;
    int       site[LB_FACTORS];
    LbComplex table[LB_FACTORS][4];
  }         *term;
  PetscReal *constant;        /* [n_columns] added to every sample: the trace */
  PetscReal *value, *error;   /* [n_columns] of the last measurement */
  PetscReal  smallest;        /* eigenvalue of a two-site state */
} LbObserve;

PetscErrorCode LbObserveCreate(Lindblad *c, LbNet *net, const LbStrings *strings, const LbOutcomes *outcomes, const LbPovm *povm, PetscInt64 total, PetscInt64 seed, LbObserve *observe);
PetscErrorCode LbObserveAt(MPI_Comm comm, const Lindblad *c, LbObserve *observe, PetscReal t, PetscInt64 row); /* Collective */
PetscErrorCode LbObserveDestroy(LbObserve *observe);

/* ---- povm_step.c ---- */
typedef struct {
  int       integrator;
  PetscReal tol, cap, hmax, hmin;
} LbStepSetting;

typedef struct {
  PetscReal  h, error; /* next step; error estimate of the last */
  PetscReal  taken;
  PetscInt64 number, rejected, failures; /* steps begun (the counter of the samples), rejected, not finite in a row */
  LbFlowInfo info;     /* at the beginning of the last step */
} LbStepState;

/*@
  LbStepAdvance - one step of the flow from t, at most to `until`. Collective. *failed: three attempts in a row were not finite; the parameters are those of before
@*/
PetscErrorCode LbStepAdvance(LbFlow *flow, const LbStepSetting *set, PetscReal t, PetscReal until, LbStepState *state, PetscBool *failed);

/* ---- povm_verify.c ---- */

/*@
  LbExactTable - the observables of the same model by the density solver: at the rows' times (evolve) or of the steady state (one row). Collective on c->world

  Output Parameter:
. table - [rows][n_columns], PetscMalloc1
@*/
PetscErrorCode LbExactTable(TesProblem problem, Lindblad *c, PetscBool steady, PetscInt64 rows, const PetscReal times[], PetscReal **table);
