#pragma once
/* lindblad, private: samples of the network, e(a) = (L p)(a) / p(a), and the flow theta' of the time-dependent variational principle. */
#include <tessera/random.h>
#include <tessera/sum.h>
#include "povm_net.h"

/* ---- povm_string.c ---- */
typedef struct {
  int  n, count;
  int *site; /* [count][n]: site at each position */
} LbStrings;

PetscErrorCode LbStringsIdentity(int n, LbStrings *strings);
PetscErrorCode LbStringsDestroy(LbStrings *strings);
void           LbStringsPermute(const LbStrings *strings, int k, int count, const uint8_t *a, uint8_t *x);   /* configurations by site -> by position */
void           LbStringsUnpermute(const LbStrings *strings, int k, int count, const uint8_t *x, uint8_t *a);
PetscErrorCode LbStringsLogProbability(const LbStrings *strings, LbNet *net, int count, const uint8_t *a, double *lnp, double *share); /* ln of the mean over the strings; share [count][strings] of each, or NULL */

/* ---- povm_sample.c ---- */
typedef struct {
  int      n, count, room;
  uint8_t *a;      /* [count][n], by site */
  double  *weight; /* [count], sum 1 */
} LbSamples;

/*@
  LbSamplesDrawn  - `total` independent samples of the mean over the strings. unique: distinct ones with their multiplicities as weights, from multinomial counts split down the tree of prefixes; else one
                    by one. What is drawn is a function of (seed, evaluation, parameters) alone, and moves little when the parameters do: the same random numbers serve the same prefixes
  LbSamplesAll    - every configuration, weight p(a)

  Collective on comm; the samples are the same on every rank
@*/
PetscErrorCode LbSamplesDrawn(MPI_Comm comm, LbNet *net, const LbStrings *strings, PetscInt64 seed, PetscInt64 evaluation, int total, PetscBool unique, LbSamples *samples);
PetscErrorCode LbSamplesAll(LbNet *net, const LbStrings *strings, LbSamples *samples);
PetscErrorCode LbSamplesDestroy(LbSamples *samples);

/*@
  LbSamplesBlock - samples first .. first + count - 1 of a run of independent ones (stream TES_STREAM_POVM_OBSERVE), a [count][n] by site

  Not Collective
@*/
PetscErrorCode LbSamplesBlock(LbNet *net, const LbStrings *strings, LbStream *stream, PetscInt64 seed, TesStream random, PetscInt64 row, PetscInt64 first, int count, uint8_t *a);

/* ---- povm_estimator.c ---- */
typedef struct {
  LbNet            *net;
  const LbOutcomes *outcomes;
  const LbStrings  *strings;
  LbReach          *reach;  /* [strings] */
  LbRatios          ratios;
  int               n_values, at_pair, at_triple;
  double           *difference, *ratio; /* [n_values] of a string; mean over the strings */
  uint8_t          *x;
  double           *share;
} LbLocal;

/*@
  LbLocalCreate - room for LbLocalAt; net, outcomes and strings are kept, not copied
  LbLocalAt     - e(a) = sum_b L_ab p(b) / p(a) for a configuration by site; afterwards local->ratio holds p(b) / p(a). largest: largest exponent ln p(b) - ln p(a) of this sample

  Not Collective
@*/
PetscErrorCode LbLocalCreate(LbNet *net, const LbOutcomes *outcomes, const LbStrings *strings, LbLocal *local);
PetscErrorCode LbLocalAt(LbLocal *local, const uint8_t *a, double *lnp, double *e, double *largest);
PetscErrorCode LbLocalDestroy(LbLocal *local);

/* ---- povm_solve.c ---- */

/*@
  LbGramSolve - y = (X X^T + lambda)^-1 f for m rows of length p (m <= p), or direction = (X^T X + lambda)^-1 X^T f (m > p), lambda = reg trace(X X^T)

  Collective: the matrix is computed by tiles, each whole by one rank, so its bits do not depend on the number of ranks

  Input Parameters:
+ x   - [m][p] all rows, on every rank
. f   - [m]
- reg - relative ridge

  Output Parameters:
+ y       - [m] with m <= p, [p] with m > p
. retries - how often the ridge was raised tenfold because Cholesky failed
- lambda  - the ridge used
@*/
PetscErrorCode LbGramSolve(MPI_Comm comm, int m, int p, const double *x, const double *f, PetscReal reg, double *y, int *retries, PetscReal *lambda);

/* ---- povm_flow.c ---- */
typedef struct {
  PetscReal mean, error, rms, largest, kurtosis; /* of e(a): mean, its standard error, rms about the mean, max |e|, fourth moment over square of the second */
  PetscReal exponent;                            /* largest ln p(b) - ln p(a) */
  PetscReal residual;                            /* |X theta' - f| / |f| */
  PetscReal rate;                                /* |X theta'| = rms rate of ln p */
  PetscReal lambda;
  int       distinct, retries;
  PetscBool finite;
} LbFlowInfo;

typedef struct {
  MPI_Comm         comm;
  LbNet           *net;
  LbOutcomes      *outcomes;
  const LbModel   *model;
  const LbStrings *strings;
  LbLocal          local;
  PetscBool        exact, unique;
  int              total; /* samples */
  PetscReal        reg;
  PetscInt64       seed;
  LbSamples        samples;
  TesPartition     part;  /* samples in units of LB_GRADIENT_BLOCK */
  size_t           room, rows; /* samples that e, f, lnp and x can hold */
  double          *x;     /* [m][P]; the rows of this rank's samples stay until the next evaluation */
  double          *e, *f, *lnp;
  PetscInt64       evaluations;
} LbFlow;

/*@
  LbFlowCreate   - the flow of a network; what is passed is kept, not copied
  LbFlowAt       - direction = theta' at the network's parameters and time t, with the random numbers of evaluation `number`
  LbFlowLength   - |X v| with the rows of the last evaluation, or with rows kept by LbFlowKeep

  Collective; the same bits on every rank and for every rank count
@*/
PetscErrorCode LbFlowCreate(MPI_Comm comm, LbNet *net, LbOutcomes *outcomes, const LbModel *model, const LbStrings *strings, LbFlow *flow);
PetscErrorCode LbFlowAt(LbFlow *flow, PetscReal t, PetscInt64 number, double *direction, LbFlowInfo *info);
PetscErrorCode LbFlowLength(LbFlow *flow, const TesPartition *part, const double *rows, const double *v, PetscReal *length);
PetscErrorCode LbFlowDestroy(LbFlow *flow);
PetscErrorCode LbFlowSample(LbFlow *flow, PetscInt64 number); /* draw (or enumerate) the samples and share them out */
PetscBool      LbFlowCollapsed(const LbFlow *flow);           /* all of many samples are one configuration: no state has that, since no outcome of a site is ever certain */

/*@
  LbFlowRoom      - the matrix X has room for the samples of the last LbFlowSample. Not Collective
  LbFlowGather    - all ranks get all rows of X and f
  LbFlowDirection - what LbGramSolve has given as a direction of the parameters: X^T y, or y itself where there are more samples than parameters

  Collective
@*/
PetscErrorCode LbFlowRoom(LbFlow *flow);
PetscErrorCode LbFlowGather(LbFlow *flow);
PetscErrorCode LbFlowDirection(LbFlow *flow, const double *y, double *direction);
