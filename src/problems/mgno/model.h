#pragma once
/* The network of a run, its data in memory, and the actions that use both; private to this folder. */
#include "loss.h"
#include "mgno.h"
#include "net.h"

#define MGNO_NORMALIZE_EPS 1e-5

enum { MGNO_NORMALIZE_NONE, MGNO_NORMALIZE_GAUSSIAN, MGNO_NORMALIZE_POINTWISE };

/* ---- samples.c ---- */
PetscErrorCode MgnoSamplesLoad(TesProblem problem); /* collective; nothing if loaded */
PetscErrorCode MgnoSamplesDestroy(Mgno *m);
PetscInt       MgnoFrames(const Mgno *m, PetscInt c_in, PetscInt c_out); /* pairs per sample of a data set; 0: its channels do not fit the model */
PetscErrorCode MgnoSamplesFetch(TesProblem problem, const TesPartition *work, const PetscInt64 pair[], PetscReal *x, PetscReal *y); /* collective: pairs [work->n] to the ranks that work on them: [n_local][channels][points] */
PetscInt64     MgnoNormalizerLength(const Mgno *m, int which);           /* numbers of the input (0) or output (1) normalisation */
PetscErrorCode MgnoNormalizerFit(TesProblem problem);                    /* collective; from the training samples alone */
void           MgnoNormalizerEncode(const Mgno *m, PetscReal *x);
void           MgnoNormalizerDecode(const Mgno *m, PetscReal *o, PetscBool derivative); /* derivative: the factor alone (for gradients) */

/* ---- model.c ---- */
void           MgnoModelSpec(const Mgno *m, MgnoNetSpec *spec);
PetscErrorCode MgnoModelCheck(TesProblem problem);
PetscErrorCode MgnoModelSetUp(TesProblem problem);                                                   /* plan and vectors; asks for nothing */
PetscErrorCode MgnoModelLoad(TesProblem problem);                                                    /* collective: weights of model.weights into best; nothing if not asked for or done */
PetscErrorCode MgnoModelNet(Mgno *m, PetscBool training, MgnoNet *net);                              /* the network, made at first use (borrowed) */
PetscErrorCode MgnoModelApply(Mgno *m, MgnoNet net, PetscReal *x, PetscReal *o);                     /* encode x in place, forward, decode */
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
PetscErrorCode MgnoResolutionStep(TesProblem problem); /* resolution.c; collective */
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
