#pragma once
/* lindblad, private to this folder: the physical model, as read from the deck; every solver starts from it.

     d rho/dt = -i [H(t), rho] + sum_k g_k(t) (J_k rho J_k+ - 1/2 {J_k+ J_k, rho}),   H = sum of products of single-site operators (plus h.c.)

   Sites m = 0..n_sites-1 of dimension d_m. State index: site 0 fastest. Local basis: dim 2: 0 = up (Z = +1), 1 = down; dim d: number states. A matrix of a
   site is row-major [d][d], complex. hbar = 1. */
#include <complex.h>
#include <tessera/problem.h>
#undef I /* stands for the identity operator in physics; the imaginary unit is LB_I */

typedef double _Complex LbComplex;
#define LB_I (__extension__ 1.0i)

#define LB_FACTORS 8 /* single-site factors of one product at most */

/* ---- what the deck says ---- */
typedef struct {
  int         kind; /* LbTimeKind */
  PetscReal   offset, amp, omega, phase, start, end, from, to, center, width;
  const char *file, *dataset;
  TesExpr     expression;
} LbTimeDeck;

typedef struct {
  TesStrings ops;
  TesNode    on;
  TesReals   coeff, coeffs;
} LbSumItem;

typedef struct {
  PetscInt   n;
  LbSumItem *item;
} LbSumItems;

typedef struct {
  TesStrings ops;
  TesNode    on;
  TesReals   coeff, coeffs;
  PetscBool  hc;
  struct {
    PetscReal power;
  } range;
  LbTimeDeck time;
} LbHamiltonianItem;

typedef struct {
  TesStrings ops;
  TesNode    on;
  LbSumItems sum;
  TesReals   rate;
  LbTimeDeck time;
} LbJumpItem;

typedef struct {
  PetscInt count, dim;
} LbSiteItem;

typedef struct {
  const char *name;
  int         kind, reduce;
  TesStrings  ops;
  TesNode     on;
  LbSumItems  sum;
  TesReals    coeff;
  TesInts     subsystem;
} LbObservableItem;

typedef enum { LB_LATTICE_NONE, LB_LATTICE_CHAIN, LB_LATTICE_SQUARE, LB_LATTICE_GRAPH } LbLatticeKind;

typedef struct {
  struct {
    struct { PetscInt n; LbSiteItem *item; } sites;
    struct {
      int     kind;
      TesInts size, periodic;
      TesNode edges;
    } lattice;
  } system;
  TesMap operators;
  struct { PetscInt n; LbHamiltonianItem *item; } hamiltonian;
  struct { PetscInt n; LbJumpItem *item; } jumps;
  struct { PetscInt n; LbObservableItem *item; } observables;
  struct {
    TesStrings  product;
    const char *checkpoint;
    PetscReal   thermal;
    PetscBool   mixed;
  } initial;
} LbModelDeck;

/* ---- time_function.c: factors f(t) of terms and rates ---- */
typedef enum { LB_TIME_CONSTANT, LB_TIME_SIN, LB_TIME_RAMP, LB_TIME_PULSE, LB_TIME_TABLE, LB_TIME_EXPRESSION } LbTimeKind;
extern const char *const lb_time_names[];

typedef struct {
  LbTimeDeck deck;
  PetscInt   n;    /* table: rows */
  PetscReal *t, *f;
} LbTime;

PetscErrorCode LbTimeCreate(TesProblem problem, const char path[], const LbTimeDeck *deck, LbTime *time, PetscBool *good); /* reads the table; complains under path */
PetscReal      LbTimeValue(const LbTime *time, PetscReal t);
PetscErrorCode LbTimeDestroy(LbTime *time);

/* ---- operators.c: matrices of single sites ---- */

/*@
  LbOperatorMatrix - the matrix of an operator text on a site of dimension d: names joined by *, leftmost acting last ("ad*ad*a*a")

  Not Collective

  Input Parameters:
+ operators - the user's operators of the deck
. text      - I X Y Z Sp Sm (dim 2), a ad n, E:i,j, or a user operator
- d         - dimension of the site

  Output Parameters:
+ matrix  - [d][d]
- message - what is wrong with the text, "" if nothing
@*/
PetscErrorCode LbOperatorMatrix(const TesMap *operators, const char text[], int d, LbComplex *matrix, char message[256]);
PetscErrorCode LbOperatorsCheck(TesProblem problem, const TesMap *operators, PetscBool *good); /* shapes and numbers of the user's operators */

/* ---- geometry.c: where terms act ---- */
typedef struct {
  int n, width;          /* n locations of `width` sites each */
  int *site;             /* [n][width] */
  PetscReal *weight;     /* [n] range factor, 1 without range */
} LbPlaces;

typedef struct LbModel LbModel;

PetscErrorCode LbBonds(TesProblem problem, const LbModelDeck *deck, LbModel *model, PetscBool *good);
PetscErrorCode LbPlacesCreate(TesProblem problem, const LbModel *model, const char path[], TesNode on, int width, PetscReal power, LbPlaces *places, PetscBool *good);
PetscErrorCode LbPlacesDestroy(LbPlaces *places);

/* ---- the model ---- */

/* product of single-site operators on different sites */
typedef struct {
  int        n;
  int        site[LB_FACTORS];
  LbComplex *op[LB_FACTORS]; /* [d][d], row-major; owned by the model */
} LbProduct;

typedef struct {
  LbComplex coef;
  int       time; /* index of the factor f(t); 0: constant 1 */
  int       item; /* number in the deck, for messages */
  LbProduct p;
} LbTerm;

/* one jump operator J = sum of parts (coef, product), with rate g f(t) */
typedef struct {
  int       n, item, time;
  PetscReal rate;
  LbTerm   *part;
} LbJump;

struct LbModel {
  int        n_sites;
  int       *dim;
  PetscBool  qubits;       /* all dimensions are 2 */
  PetscInt64 n;            /* dimension of the state space */
  PetscReal  size;         /* n^2, unknowns of the density matrix; real so that a silly deck overflows nothing */
  int        n_bonds;
  int      (*bond)[2];
  int        n_times;
  LbTime    *time;         /* time[0] is the constant 1 */
  PetscBool  constant;     /* no factor depends on t */
  int        n_terms;
  LbTerm    *term;         /* H; h.c. parts are terms of their own */
  int        n_jumps;
  LbJump    *jump;
  int        n_matrices, room_matrices;
  LbComplex **matrix;      /* all matrices, to free */
};

/*@
  LbModelCreate - the model of a deck; every mistake is a complaint

  Not Collective (every rank builds the same model)

  Output Parameters:
+ model - the model; destroy with LbModelDestroy also after complaints
- good  - PETSC_FALSE if there were complaints
@*/
PetscErrorCode LbModelCreate(TesProblem problem, const LbModelDeck *deck, LbModel *model, PetscBool *good);
PetscErrorCode LbModelDestroy(LbModel *model);
PetscErrorCode LbModelMatrix(LbModel *model, int d, LbComplex **matrix); /* a zeroed [d][d] that the model owns */
PetscErrorCode LbTermsAdd(TesProblem problem, LbModel *model, const LbModelDeck *deck, const char path[], const TesStrings *ops, TesNode on, const TesReals *coeff,
                          const TesReals *coeffs, PetscReal power, int time, int item, int *n_terms, int *room, LbTerm **terms, PetscBool *good);
void           LbModelFactors(const LbModel *model, PetscReal t, PetscReal f[]); /* [n_times] */

/*@
  LbStride   - product of the dimensions of the sites before m
  LbEmbed    - matrix of c P on a set of sites (first site fastest): [dS][dS]; the sites of P must be among them
  LbAdjoint  - P+ (new matrices, owned by the model)

  Not Collective
@*/
PetscInt64     LbStride(const LbModel *model, int m);
void           LbEmbed(const LbModel *model, int k, const int site[], LbComplex c, const LbProduct *p, LbComplex *matrix);
void           LbProductEntries(const LbModel *model, LbComplex c, const LbProduct *p, void (*entry)(void *, PetscInt64, PetscInt64, LbComplex), void *ctx); /* each (i, j, value) of c P that is not 0 */
void           LbScatter(const LbModel *model, LbComplex c, const LbProduct *p, LbComplex *matrix); /* matrix [n][n] of the whole state space += c P */
PetscErrorCode LbAdjoint(LbModel *model, const LbProduct *p, LbProduct *adjoint);
PetscErrorCode LbProductTimes(LbModel *model, const LbProduct *a, const LbProduct *b, LbProduct *ab); /* the product a b */

/* ---- initial.c: local states ---- */
PetscErrorCode LbLocalState(const char text[], int d, LbComplex psi[], char message[256]); /* amplitudes [d] of a named state */
PetscErrorCode LbInitialCheck(TesProblem problem, const LbModel *model, const LbModelDeck *deck, PetscBool *good);
