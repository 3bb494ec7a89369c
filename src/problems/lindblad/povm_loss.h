#pragma once
/* lindblad, private: losses of the network and their gradients, for the routes of `style: paper`. */
#include "povm_flow.h"

typedef enum { LB_LOSS_L1, LB_LOSS_L2 } LbLossWord;

typedef struct {
  PetscReal value, error; /* the loss, and its standard error (0 where all configurations are summed) */
  PetscReal mean, mean_error; /* of R, whose exact mean is 0 */
  PetscReal largest;      /* largest |R| of a sample */
  PetscReal exponent;     /* largest ln p(b) - ln p(a) */
  int       distinct;
  PetscBool finite;
} LbLossInfo;

/* connected configurations of a block of samples, each once, with the sum of its coefficients */
typedef struct {
  int      n, room, count, slots;
  uint8_t *a;           /* [room][n], by site */
  double  *coefficient; /* [room] */
  int     *slot;        /* [slots] hash table: number of a configuration, or -1 */
} LbGathered;

typedef struct {
  LbFlow    *flow;    /* samples, network, generators; its matrix is used by Gauss-Newton only */
  int        kind;    /* LbLossWord */
  LbNet     *old;     /* the network at the beginning of a time step; NULL without */
  LbLocal    before;  /* its local values */
  LbGathered gathered;
  double    *value;   /* [n_values] coefficients of the connected configurations of one sample */
  double    *old_lnp, *old_e;
  size_t     room;
} LbLoss;

/*@
  LbLossCreate      - losses of the network of `flow`; flow and old are kept, not copied. old: a second network of the same kind for time steps, or NULL
  LbLossAt          - the loss, and its gradient where asked for ([P], or NULL), with the samples of evaluation `number`

                        steady (tau = 0):  R(a) = (L p)(a) / p(a)
                        step (tau > 0):    R(a) = [p - (tau/2) L(t + tau) p - p_old - (tau/2) L(t) p_old](a) / p(a)
                        l1: E|R|, l2: E R^2, a from p

                      The gradient is that of sum_a p(a) |R(a)| and of sum_a p(a) R(a)^2: all of it, the sampling included
  LbLossGaussNewton - one Gauss-Newton step on the sum of R^2 p / p_old of a time step, sampled from p_old: the network's parameters move

  Collective; the same bits on every rank and for every rank count

  LbGatheredAdd     - coefficient += c of configuration a [n]
  LbLossCollect     - add own delta_ab + factor L_ab p(b) / p(a) for all b to `gathered`; local holds the ratios of a

  Not Collective
@*/
PetscErrorCode LbLossCreate(LbFlow *flow, LbNet *old, int kind, LbLoss *loss);
PetscErrorCode LbLossDestroy(LbLoss *loss);
PetscErrorCode LbLossAt(LbLoss *loss, PetscReal t, PetscReal tau, PetscInt64 number, double *gradient, LbLossInfo *info);
PetscErrorCode LbLossGaussNewton(LbLoss *loss, PetscReal t, PetscReal tau, PetscInt64 number, PetscReal reg, LbLossInfo *info);
PetscErrorCode LbGatheredAdd(LbGathered *gathered, const uint8_t *a, double c);
PetscErrorCode LbLossCollect(const LbLocal *local, const uint8_t *a, double own, double factor, double *value, LbGathered *gathered);
