#pragma once
/* Optimizers on flat vectors, schedules, and the one loop "iterate until".

   Vectors are replicated: every rank calls alike with the same bits and gets the same bits. An optimizer holds moments and counters, described to a checkpoint by
   TesOptimizerState; the objective and the schedule are the caller's, so a training step is

     PetscCall(TesScheduleAt(&schedule, &options, epoch, epochs, &rate));
     PetscCall(TesGradientEvaluate(..., &loss, NULL, g));
     PetscCall(TesOptimizerApply(optimizer, &rate, x, g));
     PetscCall(TesParametersChanged(parameters)); */
#include <tessera/deck.h>
#include <tessera/state.h>

/* ---- optimizers ---- */
typedef enum { TES_OPTIMIZER_ADAM, TES_OPTIMIZER_SGD, TES_OPTIMIZER_LBFGS } TesOptimizerKind;
typedef enum { TES_DECAY_COUPLED, TES_DECAY_DECOUPLED } TesDecay;

/* g <- g + wd x first, when decay is coupled; x <- x - lr wd x first, when decoupled.
     adam   m <- b1 m + (1 - b1) g;  q <- b2 q + (1 - b2) g^2;  x <- x - lr / (1 - b1^k) m / (sqrt(q) / sqrt(1 - b2^k) + eps), b1 the present one
            amsgrad: the largest q so far in place of q
     sgd    b <- momentum b + g;  x <- x - lr b, with nesterov x <- x - lr (g + momentum b)
     lbfgs  two-loop recursion over `history` pairs, strong Wolfe line search (c1 = 1e-4, c2 = 0.9); needs an objective */
typedef struct {
  int       kind;          /* TesOptimizerKind */
  PetscReal learning_rate; /* 1e-3 */
  PetscReal beta1, beta2, eps; /* 0.9, 0.999, 1e-8 */
  PetscBool amsgrad;
  PetscReal momentum;
  PetscBool nesterov;
  PetscReal weight_decay;
  int       decay;   /* TesDecay */
  PetscReal clip;    /* largest norm of the gradient; 0: none */
  PetscReal average; /* factor of the exponential moving average of the weights (0.99); 0: none */
  PetscInt  history; /* L-BFGS: 10 */
} TesOptimizerOptions;

/* learning rate and beta1 of a step, as a schedule gives them */
typedef struct {
  PetscReal learning_rate, beta1;
} TesRate;

typedef struct _p_TesOptimizer *TesOptimizer;

/* value and gradient at x, the same bits on every rank; `iteration` tells which batch */
typedef PetscErrorCode (*TesObjective)(PetscInt64 iteration, const PetscReal *x, PetscReal *value, PetscReal *gradient, void *ctx);

/*@
  TesOptimizerDefaults - Adam with the values above
  TesOptimizerCreate   - an optimizer of n unknowns

  Not Collective

  TesOptimizerApply   - one update of x with a gradient (Adam, SGD); g is clipped in place when asked for. rate NULL: the options' values
  TesOptimizerIterate - one iteration of any kind: evaluates the objective (L-BFGS: several times) and updates x. Output: value before the update and norm of the gradient
                        (L-BFGS: at the new x). TES_ERR_NUMBERS where the value is not finite; L-BFGS sets *stalled (may be NULL) when no step decreases the value
  TesOptimizerSteps   - updates made so far
  TesOptimizerAverage - [n] moving average of x, corrected for its start; NULL if not kept (borrowed)
  TesOptimizerState   - moments, counters, history. Collective
@*/
PetscErrorCode TesOptimizerDefaults(TesOptimizerOptions *options);
PetscErrorCode TesOptimizerCreate(const TesOptimizerOptions *options, PetscInt64 n, TesOptimizer *optimizer);
PetscErrorCode TesOptimizerApply(TesOptimizer optimizer, const TesRate *rate, PetscReal *x, PetscReal *g);
PetscErrorCode TesOptimizerIterate(TesOptimizer optimizer, const TesRate *rate, TesObjective objective, void *ctx, PetscReal *x, PetscReal *value, PetscReal *gradient_norm,
                                   PetscBool *stalled);
PetscInt64       TesOptimizerSteps(TesOptimizer optimizer);
const PetscReal *TesOptimizerAverage(TesOptimizer optimizer);
PetscErrorCode   TesOptimizerState(TesOptimizer optimizer, TesState state);
PetscErrorCode   TesOptimizerDestroy(TesOptimizer *optimizer);

/*@
  TesClip - scale g so that its 2-norm is at most `largest`; norm before, in a fixed order of adding

  Not Collective
@*/
PetscErrorCode TesClip(PetscInt64 n, PetscReal *g, PetscReal largest, PetscReal *norm);

/* ---- schedules ---- */
typedef enum { TES_SCHEDULE_CONSTANT, TES_SCHEDULE_COSINE, TES_SCHEDULE_ONECYCLE, TES_SCHEDULE_STEP, TES_SCHEDULE_EXPONENTIAL } TesScheduleKind;

/* Learning rate at e = 0, 1, ..., total - 1 (epochs or steps, as the caller counts); lr = the optimizer's learning_rate; up(a, b, p) = b + (a - b) / 2 (1 + cos(pi p)).
     constant    lr
     cosine      up(lr, lr floor, e / (total - 1))
     onecycle    up(lr / div, lr, e / e1) for e <= e1 = warm total - 1, then up(lr, lr / div / final_div, (e - e1) / (total - 1 - e1)); beta1 moves along:
                 cycle_beta1[1] -> [0] -> [1] (both 0: the optimizer's beta1 throughout)
     step        lr factor^floor(e / every)
     exponential lr factor^e
   warm_up: the first warm_up values are those times (e + 1) / (warm_up + 1); not for onecycle, which has its own. */
typedef struct {
  int       kind; /* TesScheduleKind */
  PetscReal warm, div, final_div; /* 0.2, 2, 100 */
  PetscReal cycle_beta1[2];       /* 0.85, 0.95 */
  PetscReal floor;                /* 0 */
  PetscInt  every;
  PetscReal factor;
  PetscInt  warm_up;
} TesSchedule;

/*@
  TesScheduleAt - learning rate and beta1 at place e of total

  Not Collective; a pure function
@*/
PetscErrorCode TesScheduleAt(const TesSchedule *schedule, const TesOptimizerOptions *options, PetscInt64 e, PetscInt64 total, TesRate *rate);

/* ---- keys of decks: a kind's struct has members of these types at the path; TES_OPTIMIZER_KEYS(Mgno, train.optimizer) ---- */
extern const char *const TesOptimizerKinds[];
extern const char *const TesDecays[];
extern const char *const TesScheduleKinds[];

#define TES_OPTIMIZER_TEXT_(...) #__VA_ARGS__
#define TES_OPTIMIZER_TEXT(...)  TES_OPTIMIZER_TEXT_(__VA_ARGS__)
#define TES_OPTIMIZER_KEYS(S, path) \
  TES_SECTION(TES_OPTIMIZER_TEXT(path), .help = "how the weights are moved"), \
  TES_ENUM(S, path.kind, .fallback = "adam", .choices = TesOptimizerKinds, .help = "adam (with decay: decoupled it is AdamW), sgd or lbfgs"), \
  TES_REAL(S, path.learning_rate, .fallback = "1e-3", .range = TES_ABOVE(0), .help = "largest learning rate of the schedule"), \
  TES_REAL(S, path.beta1, .fallback = "0.9", .range = TES_BETWEEN(0, 0.999999), .help = "decay of the mean gradient", .when = TES_OPTIMIZER_TEXT(path) ".kind=adam"), \
  TES_REAL(S, path.beta2, .fallback = "0.999", .range = TES_BETWEEN(0, 0.999999999), .help = "decay of the mean square", .when = TES_OPTIMIZER_TEXT(path) ".kind=adam"), \
  TES_REAL(S, path.eps, .fallback = "1e-8", .range = TES_ABOVE(0), .help = "added to the root mean square", .when = TES_OPTIMIZER_TEXT(path) ".kind=adam"), \
  TES_BOOL(S, path.amsgrad, .fallback = "false", .help = "use the largest mean square so far", .when = TES_OPTIMIZER_TEXT(path) ".kind=adam"), \
  TES_REAL(S, path.momentum, .fallback = "0", .range = TES_BETWEEN(0, 0.999999), .help = "momentum", .when = TES_OPTIMIZER_TEXT(path) ".kind=sgd"), \
  TES_BOOL(S, path.nesterov, .fallback = "false", .help = "Nesterov's form of the momentum", .when = TES_OPTIMIZER_TEXT(path) ".kind=sgd"), \
  TES_INT(S, path.history, .fallback = "10", .range = TES_BETWEEN(1, 1000), .help = "pairs that L-BFGS keeps", .when = TES_OPTIMIZER_TEXT(path) ".kind=lbfgs"), \
  TES_REAL(S, path.weight_decay, .fallback = "0", .range = TES_AT_LEAST(0), .help = "pull of the weights towards zero"), \
  TES_ENUM(S, path.decay, .fallback = "coupled", .choices = TesDecays, .help = "coupled: added to the gradient; decoupled: apart from it (AdamW)"), \
  TES_REAL(S, path.clip, .fallback = "0", .range = TES_AT_LEAST(0), .help = "largest norm of the gradient; 0: no clipping"), \
  TES_REAL(S, path.average, .fallback = "0", .range = TES_BETWEEN(0, 0.999999), .help = "factor of the moving average of the weights; 0: none kept")

#define TES_SCHEDULE_KEYS(S, path, default_kind) \
  TES_SECTION(TES_OPTIMIZER_TEXT(path), .help = "course of the learning rate"), \
  TES_ENUM(S, path.kind, .fallback = default_kind, .choices = TesScheduleKinds, .help = "constant, cosine, onecycle, step or exponential"), \
  TES_REAL(S, path.warm, .fallback = "0.2", .range = TES_BETWEEN(0, 1), .help = "part of the course that rises", .when = TES_OPTIMIZER_TEXT(path) ".kind=onecycle"), \
  TES_REAL(S, path.div, .fallback = "2", .range = TES_AT_LEAST(1), .help = "learning rate over the first one", .when = TES_OPTIMIZER_TEXT(path) ".kind=onecycle"), \
  TES_REAL(S, path.final_div, .fallback = "100", .range = TES_AT_LEAST(1), .help = "first learning rate over the last one", .when = TES_OPTIMIZER_TEXT(path) ".kind=onecycle"), \
  TES_REAL(S, path.floor, .fallback = "0", .range = TES_BETWEEN(0, 1), .help = "last learning rate, relative to the first", .when = TES_OPTIMIZER_TEXT(path) ".kind=cosine"), \
  TES_INT(S, path.every, .fallback = "10", .range = TES_AT_LEAST(1), .help = "places between two steps", .when = TES_OPTIMIZER_TEXT(path) ".kind=step"), \
  TES_REAL(S, path.factor, .fallback = "0.5", .range = TES_BETWEEN(1e-6, 1), .help = "factor of a step", .when = TES_OPTIMIZER_TEXT(path) ".kind=step|exponential"), \
  TES_INT(S, path.warm_up, .fallback = "0", .range = TES_AT_LEAST(0), .help = "places of a linear rise at the start", .when = TES_OPTIMIZER_TEXT(path) ".kind=constant|cosine|step|exponential")

/* ---- iterate until: the loop around any method that makes steps ---- */

/* what one step tells */
typedef struct {
  PetscInt64 iteration; /* set by the loop: 0, 1, ... */
  PetscReal  value;     /* figure of merit, e.g. an objective */
  PetscReal  residual;  /* what should go to zero, e.g. a gradient norm */
  PetscBool  stalled;   /* the method cannot go on */
} TesIterate;

typedef enum { TES_STOP_RESIDUAL, TES_STOP_CHANGE, TES_STOP_STALLED, TES_STOP_ITERATIONS } TesStopReason;

/* A zero switches a rule off, except max_iterations. */
typedef struct {
  PetscInt64 max_iterations;
  PetscReal  residual;          /* absolute */
  PetscReal  residual_relative; /* to the first step's */
  PetscReal  change;            /* |value - previous| <= change max(1, |value|), twice in a row */
} TesStopRule;

typedef PetscErrorCode (*TesIterateStep)(TesIterate *iterate, void *ctx);

/*@
  TesIterateUntil - step until a rule holds; a value or residual that is not finite is TES_ERR_NUMBERS

  Not Collective (all ranks call alike; the step may be collective)

  Output Parameters:
+ last   - the last step's figures
- reason - which rule ended it
@*/
PetscErrorCode TesIterateUntil(TesIterateStep step, void *ctx, const TesStopRule *rule, TesIterate *last, TesStopReason *reason);

/*@
  TesMinimize - TesIterateUntil around TesOptimizerIterate with the options' rates
@*/
PetscErrorCode TesMinimize(TesOptimizer optimizer, TesObjective objective, void *ctx, const TesStopRule *rule, PetscReal *x, TesIterate *last, TesStopReason *reason);
