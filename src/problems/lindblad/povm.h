#pragma once
/* lindblad, private: the density matrix of N spins as a probability distribution over the outcomes of a product POVM, represented by an autoregressive network.

   p(a) = Tr(rho M_a), a = (a_0 .. a_{N-1}), a_i = 0..3, M_a = M_{a_0} (x) M_{a_1} (x) ...;   dp/dt = L p,   rho = sum_a p(a) N_a with the dual frame Tr(M_a N_b) = delta_ab.

   Codes of outcomes on a support of k sites: index = sum_s a_s 4^s, first site fastest, as the Pauli codes of pauli.h. Configurations are bytes [N]. Strings: the network sees the sites in the
   order of a permutation, position q of string pi is site pi[q]; with several strings p is the mean over them. */
#include "pauli.h"

/* ---- povm_frame.c: measurements of one spin ---- */
typedef enum { LB_POVM_TETRA, LB_POVM_PAULI4 } LbPovmKind;
typedef enum { LB_AXES_SYMMETRIC, LB_AXES_Z } LbPovmAxes;
extern const char *const lb_povm_names[];
extern const char *const lb_axes_names[];

typedef struct {
  double q[4][4];       /* q[a][c] = Tr(M_a sigma_c) / 2: p = q x for the Pauli vector x = (1, <X>, <Y>, <Z>) */
  double inverse[4][4]; /* inverse[c][a] = Tr(sigma_c N_a): <sigma_c> = sum_a inverse[c][a] p(a) */
} LbPovm;

/*@
  LbPovmCreate   - the frame of a kind
  LbPovmState    - outcome probabilities [4] of a pure state psi [2]
  LbPovmOperator - v[a] = Tr(O N_a) of a matrix O [2][2], so that <O> = sum_a v[a] p(a)

  Not Collective
@*/
void LbPovmCreate(LbPovmKind kind, LbPovmAxes axes, LbPovm *povm);
void LbPovmState(const LbPovm *povm, const LbComplex psi[2], double p[4]);
void LbPovmOperator(const LbPovm *povm, const LbComplex *o, LbComplex v[4]);

/* ---- povm_generator.c: L in outcome space ---- */
#define LB_REACH 3 /* sites of one generator at most */

/* all generators with one support; c is their sum at the time asked for */
typedef struct {
  int      k, site[LB_REACH]; /* ascending */
  int      pair[3];           /* k = 3: numbers of the pairs (0,1), (0,2), (1,2); k = 2: pair[0] */
  int      n_parts, *time;
  double **part;              /* [n_parts] of [4^k][4^k], rows = output */
  double  *c;                 /* [4^k][4^k] */
} LbSupport;

typedef struct {
  int        n_sites, n_supports, n_pairs, n_triples;
  LbSupport *support;
  int      (*pair)[2];   /* sites, ascending: those that change together in some generator */
  int      (*triple)[3];
  char       problem[256]; /* "" or why the model cannot be treated */
} LbOutcomes;

/*@
  LbOutcomesCreate - the generators of a model of spins as maps of outcome probabilities, L_S = Q D_S Q^-1 with the same D_S as the density solver has
  LbOutcomesAt     - set the coefficients of all supports to those at time t

  Not Collective
@*/
PetscErrorCode LbOutcomesCreate(const LbModel *model, const LbPovm *povm, LbOutcomes *outcomes);
PetscErrorCode LbOutcomesAt(LbOutcomes *outcomes, const LbModel *model, PetscReal t);
PetscErrorCode LbOutcomesDestroy(LbOutcomes *outcomes);
int            LbOutcomesReach(const LbOutcomes *outcomes); /* configurations that one is connected with, itself included */

/* ---- povm_reach.c: the same in the order of a string ---- */

/* Changes of a configuration that L connects, sorted by the last position that changes: at position p those whose last change lies before p need a row of conditionals of their own.
   Lanes: 0 the configuration, 1 + 3 s + alt the single changes, then 9 per pair (3 alt_low + alt_high), then 27 per triple; alt 0..2 is the outcome (a + 1 + alt) mod 4. */
typedef struct {
  int  n, n_pairs, n_triples, n_lanes;
  int *position, *site;        /* [n] of a site; of a position */
  int *low, *high, *pair;      /* [n_pairs] positions; number of the pair in LbOutcomes */
  int *flipped;                /* [n_pairs] the low position is the higher site */
  int *pairs_before;           /* [n + 1] pairs with high < p */
  int *t_low, *t_mid, *t_high; /* [n_triples] positions */
  int *t_pair, *triple;        /* pair (low, mid), as a number of this list; number in LbOutcomes */
  int (*t_digit)[3];           /* place of low, mid, high among the sites of the triple */
  int *triples_before;         /* [n + 1] */
} LbReach;

PetscErrorCode LbReachCreate(const LbOutcomes *outcomes, const int string[], LbReach *reach);
PetscErrorCode LbReachDestroy(LbReach *reach);
