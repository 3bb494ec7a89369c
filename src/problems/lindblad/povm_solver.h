#pragma once
/* lindblad, private: what `solver: povm` asks of the deck, and the state of its runs. */
#include <tessera/optim.h>
#include "lindblad.h"
#include "povm_loss.h"

typedef enum { LB_STYLE_NATURAL, LB_STYLE_PAPER } LbStyleWord;
typedef enum { LB_STEP_AUTO, LB_STEP_TDVP, LB_STEP_TRAPEZOID } LbStepKindWord;
typedef enum { LB_INNER_ADAM, LB_INNER_GAUSS_NEWTON } LbInnerWord;
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

/* ---- povm_paper.c: style: paper ---- */
#define LB_COURSE 5

typedef struct {
  LbLoss       loss;
  TesOptimizer optimizer;
  LbNet       *old;             /* evolve: the network at the beginning of a step */
  PetscInt64   number;          /* evaluations begun: the counter of the samples */
  PetscInt64   updates;         /* steady: of the parameters */
  PetscInt64   best_update;     /* steady: -1 before there is one */
  PetscReal    best_loss, best_error;
  double      *best, *gradient; /* [P] each */
  PetscReal    course[LB_COURSE]; /* rises in a row; last mean; mean before the rises; sum and number of the mean in the making */
} LbPaper;

typedef struct {
  LbLossInfo loss;          /* steady: of the update; evolve: at the end of the step */
  PetscReal  learning_rate;
  PetscInt   updates;       /* evolve: inner ones */
  PetscBool  chosen;        /* steady: the last update has been made, and the best parameters are in place */
} LbPaperInfo;

/*@
  LbPaperTrain      - samples of an evaluation: what the deck says, or the default of the style and task
  LbPaperCreate     - optimizer and losses for the network of `flow`; flow is kept, and so is old, which evolve needs
  LbPaperUpdate     - steady: one update of the parameters by Adam on the loss; now and then the loss from a larger sample, and the best parameters are kept
  LbPaperStep       - evolve: one step of the trapezoid rule from t to t + tau

  Collective. A loss that is not finite or that keeps growing raises TES_ERR_NUMBERS

  LbPaperRises      - one more loss; true where means over `stretch` losses have risen five times in a row, to twice what they were and above `floor`. Not Collective
@*/
PetscBool      LbPaperRises(PetscReal course[LB_COURSE], PetscReal loss, PetscInt stretch, PetscReal floor);
PetscInt       LbPaperTrain(const Lindblad *c);
PetscErrorCode LbPaperCreate(const Lindblad *c, LbFlow *flow, LbNet *old, LbPaper *paper);
PetscErrorCode LbPaperUpdate(const Lindblad *c, LbPaper *paper, LbPaperInfo *info);
PetscErrorCode LbPaperStep(const Lindblad *c, LbPaper *paper, PetscReal t, PetscReal tau, LbPaperInfo *info);
PetscErrorCode LbPaperState(LbPaper *paper, TesState state);
PetscErrorCode LbPaperDestroy(LbPaper *paper);

/* ---- povm.c, povm_run.c, povm_report.c: a run ---- */
#define LB_POVM_HISTORY 12 /* columns of the flow's history; of style: paper */
#define LB_PAPER_HISTORY 9

typedef struct {
  LbPovm      povm;
  LbOutcomes  outcomes;
  LbStrings   strings;
  LbNet      *net;
  LbFlow      flow;
  LbObserve   observe;
  LbStepState step;
  LbNet      *old;           /* style: paper, evolve: the network at the beginning of a step */
  LbPaper     paper;
  int         width;         /* of a row of the history */
  PetscReal   fidelity;      /* of the initial state with the zeros of the POVM filled in */
  PetscReal   smallest;      /* eigenvalue of a two-site state, over all rows */
  PetscInt64  large;         /* evaluations with exponents above 50 */
  PetscInt64  n_rows, n_history;
  PetscReal  *rows;          /* [rows][1 + 2 columns]: time, values, errors */
  PetscReal  *history;       /* [steps][width] */
  PetscReal  *column;        /* [width][steps], for the report */
  PetscReal  *exact;         /* verify: [rows of the run][columns], steady: one row */
  PetscBool   finished;
} Povm;

PetscBool      LbPovmPaper(const Lindblad *c);
PetscReal      LbPovmEnd(const Lindblad *c);  /* of the time axis */
PetscInt64     LbPovmRows(const Lindblad *c); /* of the series at most; steady by updates: of no meaning */
PetscErrorCode LbPovmStep(TesProblem problem, Lindblad *c, TesProgress *progress);
PetscErrorCode LbPovmObserve(TesProblem problem, Lindblad *c, TesSeries series, PetscBool last);
PetscErrorCode LbPovmFinish(TesProblem problem, Lindblad *c, TesReport report);
PetscErrorCode LbPovmResult(const Lindblad *c, PetscReal *value); /* [3][columns]: last row, its standard errors, exact values (0 without verify) */
