#pragma once
/* The network of a run, its data in memory, and the actions that use both; private to this folder. */
#include "loss.h"
#include "mgno.h"
#include "net.h"

#define MGNO_NORMALIZE_EPS 1e-5

enum { MGNO_NORMALIZE_NONE, MGNO_NORMALIZE_GAUSSIAN, MGNO_NORMALIZE_POINTWISE };

/* ---- ranks.c ---- */

/* n items of work (positions in a list of pairs), in units that are never cut */
typedef struct {
  PetscInt64 n, unit, first, n_local; /* items whose input, output and loss are this rank's: neighbouring ones */
  PetscInt64 group_first, group_n;    /* items of this rank's group */
  int       *owner;                   /* [n] rank of an item's input, output and loss */
} MgnoWork;

void           MgnoSpecBlocks(const Mgno *m, PetscInt blocks[], PetscInt *min_local);             /* parallel.blocks without the samples */
PetscInt       MgnoUnitOf(const Mgno *m);                                                         /* samples of a work unit of training */
void           MgnoRanksChoose(const Mgno *m, const MgnoPlan *plan, int ranks, MgnoRanks *r);     /* groups and members for so many ranks */
PetscErrorCode MgnoRanksSetUp(TesProblem problem);                                                /* collective */
PetscErrorCode MgnoRanksDestroy(Mgno *m);
PetscInt       MgnoTogether(const Mgno *m);                                                       /* samples of a round at most */
PetscErrorCode MgnoWorkCreate(TesProblem problem, PetscInt64 n, PetscInt64 unit, MgnoWork *work); /* not collective */
PetscErrorCode MgnoWorkDestroy(MgnoWork *work);
PetscErrorCode MgnoWorkRound(Mgno *m, MgnoNet net, const MgnoWork *work, PetscInt64 at, PetscInt64 *n, PetscInt64 *first, PetscInt64 *n_share); /* the round from item `at` of the group on: n items, of which n_share from the local item `first` on are this rank's */

/* ---- sum.c: the gradient of a batch ---- */
typedef struct _MgnoSum *MgnoSum;
PetscErrorCode MgnoSumCreate(TesProblem problem, MgnoNet net, MgnoSum *sum);
PetscErrorCode MgnoSumBegin(MgnoSum sum, const MgnoWork *work);
PetscErrorCode MgnoSumRound(MgnoSum sum, MgnoNet net, PetscInt64 units); /* units that are complete after a round; collective on the group */
PetscErrorCode MgnoSumFinish(MgnoSum sum, MgnoNet net, PetscReal *packed); /* collective */
PetscErrorCode MgnoSumDestroy(MgnoSum *sum);

/* ---- samples.c ---- */
PetscErrorCode MgnoSamplesLoad(TesProblem problem); /* collective; nothing if loaded */
PetscErrorCode MgnoSamplesDestroy(Mgno *m);
PetscInt       MgnoFrames(const Mgno *m, PetscInt c_in, PetscInt c_out); /* pairs per sample of a data set; 0: its channels do not fit the model */
PetscErrorCode MgnoSamplesFetch(TesProblem problem, const MgnoWork *work, const PetscInt64 pair[], PetscReal *x, PetscReal *y); /* collective: pairs [work->n] to the ranks that work on them: [n_local][channels][points] */
PetscInt64     MgnoNormalizerLength(const Mgno *m, int which);           /* numbers of the input (0) or output (1) normalisation */
PetscErrorCode MgnoNormalizerFit(TesProblem problem);                    /* collective; from the training samples alone */
void           MgnoNormalizerEncode(const Mgno *m, PetscReal *x);
void           MgnoNormalizerDecode(const Mgno *m, PetscReal *o, PetscBool derivative); /* derivative: the factor alone (for gradients) */

/* ---- model.c ---- */
void           MgnoModelSpec(const Mgno *m, MgnoNetSpec *spec);
PetscErrorCode MgnoModelCheck(TesProblem problem);
PetscErrorCode MgnoModelSetUp(TesProblem problem);                                                   /* plan and vectors; asks for nothing */
PetscErrorCode MgnoModelLoad(TesProblem problem);                                                    /* collective: weights of model.weights into best; nothing if not asked for or done */
PetscErrorCode MgnoModelNet(Mgno *m, PetscBool training, MgnoNet *net);                              /* the network, made at first use (borrowed); on this rank's group */
PetscErrorCode MgnoModelNetAlone(Mgno *m, MgnoNet *net);                                             /* for inference on this rank alone */
PetscErrorCode MgnoModelApply(Mgno *m, MgnoNet net, PetscInt64 n, PetscReal *x, PetscReal *o);       /* n samples, this rank's of the round: encode x in place, forward, decode; collective where the network is shared */
PetscErrorCode MgnoModelRun(Mgno *m, MgnoNet net, const MgnoWork *work, PetscReal *x, PetscReal *o); /* the same for all of this rank's items; collective on the group */
PetscErrorCode MgnoModelState(TesProblem problem, TesState state);
PetscErrorCode MgnoModelReport(TesProblem problem, TesReport report);
PetscErrorCode MgnoModelDestroy(Mgno *m);

/* ---- train.c, evaluate.c, predict.c ---- */
PetscInt64     MgnoTrainSteps(const Mgno *m);
PetscErrorCode MgnoTrainStep(TesProblem problem, TesProgress *progress, PetscBool *ended);
PetscErrorCode MgnoTrainObserve(TesProblem problem, TesSeries series);
PetscErrorCode MgnoTrainState(TesProblem problem, TesState state);
PetscErrorCode MgnoTrainReport(TesProblem problem, TesReport report);
PetscErrorCode MgnoTrainSetUp(TesProblem problem);
PetscErrorCode MgnoTrainDestroy(Mgno *m);

enum { MGNO_METRIC_L2, MGNO_METRIC_H1, MGNO_METRIC_SPECTRAL, MGNO_METRIC_ENERGY, MGNO_METRICS };

PetscErrorCode MgnoMetrics(TesProblem problem, PetscInt64 first, PetscInt64 count, const PetscReal *theta, PetscReal *values); /* collective: [count][MGNO_METRICS] of pairs, the same on every rank */
PetscInt64     MgnoEvaluateSteps(const Mgno *m);
PetscErrorCode MgnoEvaluateStep(TesProblem problem, TesProgress *progress);
PetscErrorCode MgnoEvaluateState(TesProblem problem, TesState state);
PetscErrorCode MgnoEvaluateReport(TesProblem problem, TesReport report);

PetscBool      MgnoHasEnergy(const Mgno *m); /* the equation has an energy that the sample's input determines */
PetscErrorCode MgnoPredictSetUp(TesProblem problem); /* looks at predict.file */
PetscErrorCode MgnoShift(const MgnoPlan *from, const PetscReal *theta, const MgnoPlan *to, PetscReal *shifted); /* resolution.c: weights of the network with one more level, on top, from those of the trained one */
PetscErrorCode MgnoResolutionStep(TesProblem problem); /* collective */
PetscErrorCode MgnoResolutionReport(TesProblem problem, TesReport report);
PetscInt64     MgnoPredictSteps(const Mgno *m);
PetscErrorCode MgnoPredictStep(TesProblem problem, TesProgress *progress);

/* ---- solve.c, rollout.c ---- */
extern const char *const mgno_use_names[], *const mgno_compare_names[];
PetscInt64     MgnoSolveSteps(const Mgno *m);
PetscErrorCode MgnoSolveStep(TesProblem problem, TesProgress *progress);
PetscErrorCode MgnoSolveReport(TesProblem problem, TesReport report);
PetscInt64     MgnoRolloutSteps(const Mgno *m);
PetscErrorCode MgnoRolloutStep(TesProblem problem, TesProgress *progress);
PetscErrorCode MgnoRolloutReport(TesProblem problem, TesReport report);
