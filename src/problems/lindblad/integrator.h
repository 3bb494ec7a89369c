#pragma once
/* lindblad, private: integrators of dx/dt = L(t) x from one time to another. */
#include "liouville.h"

typedef enum { LB_AUTO, LB_DP5, LB_LSRK4, LB_TAYLOR, LB_FABER, LB_KRYLOV, LB_STRANG, LB_STRANG4, LB_CFM4 } LbIntegratorName;

typedef struct {
  int       kind;
  PetscReal rtol, atol;
  PetscReal step;      /* strang, strang4, cfm4, lsrk4, dp5: fixed step; 0: chosen */
  PetscInt  dimension; /* krylov */
  PetscReal margin;    /* of the spectral bounds */
} LbIntegratorDeck;

typedef struct _p_LbIntegrator *LbIntegrator;

typedef struct {
  const char *name, *help;
  int         vectors;   /* of the size of the state, beside the state itself */
  PetscBool   constant;  /* for L without time only */
  PetscErrorCode (*setup)(LbIntegrator);
  PetscErrorCode (*advance)(LbIntegrator, PetscReal t, PetscReal end, LbVec *x);
  PetscErrorCode (*destroy)(LbIntegrator);
} LbIntegratorKind;

extern const LbIntegratorKind lb_integrators[]; /* in the order of LbIntegratorName, entry 0 stands for auto, which is resolved before */
extern const char *const      lb_integrator_names[];

struct _p_LbIntegrator {
  const LbIntegratorKind *kind;
  LbIntegratorDeck        deck;
  LbModel                *model;
  LbLiouville             l;
  const LbSpace          *space;
  PetscReal               h;         /* step of the controller: state */
  PetscInt64              accepted, rejected;
  PetscReal               error;     /* largest accepted error estimate relative to the tolerance; strang4: of the difference */
  int                     n_work;
  LbVec                   work[128];
  PetscReal              *factors;   /* [n_times] */
  PetscReal               decay, *width; /* spectral bounds: decay rate, and spread of H per factor of time */
  PetscReal              *decay_of;      /* decay rate per factor */
  void                   *data;
};

/*@
  LbIntegratorChoose - auto becomes faber for constant L and dp5 else

  LbIntegratorCreate - work vectors and plans. Collective on the ranks of l
  LbIntegratorAdvance - x from t to end; h and the counters are updated. Same bits on any rank count. TES_ERR_NUMBERS if the step underflows
@*/
int            LbIntegratorChoose(int kind, PetscBool constant);
PetscErrorCode LbIntegratorCreate(LbModel *model, LbLiouville l, const LbIntegratorDeck *deck, LbIntegrator *integrator);
PetscErrorCode LbIntegratorAdvance(LbIntegrator integrator, PetscReal t, PetscReal end, LbVec *x);
PetscErrorCode LbIntegratorDestroy(LbIntegrator *integrator);

/*@
  LbSpectralBounds - bounds of the spectrum of L: Re in [-decay, 0], |Im| <= width, per factor of time (the bound of a sum with factors f is sum |f_k| times these)

  width: difference of the extreme eigenvalues of H by Lanczos on the state space, with its residual as margin; too large a state space: sum over the terms
@*/
PetscErrorCode LbSpectralBounds(const LbModel *model, PetscReal decay[], PetscReal width[]);

/*@
  LbFaber - y = exp(h L_f) x by a Faber series on the ellipse around the bounds, in sub-steps; x is overwritten. Collective
@*/
PetscErrorCode LbFaber(LbIntegrator integrator, const PetscReal f[], PetscReal h, PetscReal tolerance, LbVec *x);

PetscErrorCode LbRungeKuttaSetUp(LbIntegrator integrator);
PetscErrorCode LbSplitSetUp(LbIntegrator integrator);
PetscErrorCode LbDp5Advance(LbIntegrator integrator, PetscReal t, PetscReal end, LbVec *x);
PetscErrorCode LbLsrk4Advance(LbIntegrator integrator, PetscReal t, PetscReal end, LbVec *x);
PetscErrorCode LbTaylorAdvance(LbIntegrator integrator, PetscReal t, PetscReal end, LbVec *x);
PetscErrorCode LbFaberAdvance(LbIntegrator integrator, PetscReal t, PetscReal end, LbVec *x);
PetscErrorCode LbKrylovAdvance(LbIntegrator integrator, PetscReal t, PetscReal end, LbVec *x);
PetscErrorCode LbStrangAdvance(LbIntegrator integrator, PetscReal t, PetscReal end, LbVec *x);
PetscErrorCode LbStrang4Advance(LbIntegrator integrator, PetscReal t, PetscReal end, LbVec *x);
PetscErrorCode LbCfm4Advance(LbIntegrator integrator, PetscReal t, PetscReal end, LbVec *x);
PetscErrorCode LbSplitDestroy(LbIntegrator integrator);

/* strang.c: in place x <- exp(h L(f)) x by symmetric splitting into local maps */
PetscErrorCode LbSplitStep(LbIntegrator integrator, const PetscReal f[], PetscReal h, LbVec *x);
