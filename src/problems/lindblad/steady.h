#pragma once
/* lindblad, private: linear solves with the Liouvillian for steady states. */
#include "lindblad.h"

/* ---- gcrot.c: truncated residual-minimising iteration ---- */
typedef PetscErrorCode (*LbPrecondition)(void *ctx, const LbVec *r, LbVec *z);

typedef struct {
  LbLiouville    l;
  const PetscReal *f;
  int            m, k;          /* inner steps, kept outer directions */
  LbPrecondition precondition;  /* NULL: none */
  void          *ctx;
  int            n_kept;
  LbVec         *v, *z, *u, *c; /* [m + 1], [m] (v itself without preconditioner), [k + 1], [k + 1] */
  LbVec          r;
  PetscInt64     applications;
} LbGcrot;

/*@
  LbGcrotCreate - GCROT(m, k) for L x = 0 on matrices of the trace of the start: k = 0 is restarted flexible GMRES(m)

  LbGcrotCycle - one cycle: at most m inner steps, x improved, kept directions updated

  Collective on the ranks of l

  Output Parameter:
. residual - |L x|_2 after the cycle, computed anew
@*/
PetscErrorCode LbGcrotCreate(LbLiouville l, const PetscReal f[], int m, int k, LbPrecondition precondition, void *ctx, LbGcrot *g);
PetscErrorCode LbGcrotCycle(LbGcrot *g, PetscReal target, LbVec *x, PetscReal *residual);
PetscErrorCode LbGcrotDestroy(LbGcrot *g);

/* ---- idr.c: induced dimension reduction, short recurrences ---- */
#define LB_IDR 8 /* directions at most */

typedef struct {
  LbLiouville      l;
  const PetscReal *f;
  int              s, begun; /* begun: r, u, g, small and omega are those of a recurrence under way */
  LbPrecondition   precondition;
  void            *ctx;
  LbVec            p[LB_IDR], u[LB_IDR], g[LB_IDR], r, v, t;
  PetscReal        small[LB_IDR * LB_IDR], omega;
} LbIdr;

/*@
  LbIdrCreate - IDR(s) for L x = 0 on matrices of the trace of the start

  LbIdrCycle - a few steps, x improved; to be told of another x, set begun to 0

  Collective on the ranks of l

  Output Parameters:
+ residual - |L x|_2 after the cycle, computed anew
- broken   - PETSC_TRUE if the recurrence cannot go on (a zero divisor)
@*/
PetscErrorCode LbIdrCreate(LbLiouville l, const PetscReal f[], int s, PetscInt64 seed, LbPrecondition precondition, void *ctx, LbIdr *g);
PetscErrorCode LbIdrCycle(LbIdr *g, PetscReal target, LbVec *x, PetscReal *residual, PetscBool *broken);
PetscErrorCode LbIdrDestroy(LbIdr *g);

/* ---- kronecker.c ---- */
#define LB_SMALL_SPACE 1024 /* states up to which every rank may form a whole matrix */

typedef struct _p_LbKronecker *LbKronecker;

/*@
  LbKroneckerCreate - preconditioner from the single-site generators: spins of any number, other dimensions up to LB_SMALL_SPACE states

  LbKroneckerApply - z = M^-1 r for a traceless r (an LbPrecondition; ctx is the LbKronecker)

  Collective on the ranks of the space

  Output Parameter:
. usable - PETSC_FALSE if a site alone has several steady states (no damping of its own): take another way
@*/
PetscErrorCode LbKroneckerCreate(const LbSpace *space, LbModel *model, const PetscReal f[], PetscBool *usable, LbKronecker *k);
PetscErrorCode LbKroneckerApply(void *ctx, const LbVec *r, LbVec *z);
PetscErrorCode LbKroneckerDestroy(LbKronecker *k);

/* ---- secular.c ---- */
typedef struct _p_LbSecular *LbSecular;

/*@
  LbSecularCreate - preconditioner that treats H exactly and the dissipator to leading order in the eigenbasis of H; state spaces up to 1024

  LbSecularApply - z = M^-1 r for a traceless r (an LbPrecondition; ctx is the LbSecular)

  Output Parameter:
. usable - PETSC_FALSE if the populations' rate matrix or a denominator is singular (several steady states): take another way
@*/
PetscErrorCode LbSecularCreate(const LbSpace *space, LbModel *model, const PetscReal f[], PetscBool *usable, LbSecular *s);
PetscErrorCode LbSecularApply(void *ctx, const LbVec *r, LbVec *z);
PetscErrorCode LbSecularDestroy(LbSecular *s);

/* ---- steady_start.c: what a search begins from ---- */

/*@
  LbWeaklyDamped - is the smallest rate below half of the largest coefficient of H?

  LbMixedState       - the maximally mixed state

  LbRandomProduct    - a product of random pure states, the same for every rank count

  LbSiteProductState - the product of the steady states of the single sites; of a site that has several the mixed one

  Collective on the ranks of the space (the first: not)
@*/
PetscBool      LbWeaklyDamped(const LbModel *model);
PetscErrorCode LbMixedState(const LbSpace *space, const LbModel *model, LbVec *x);
PetscErrorCode LbRandomProduct(PetscInt64 seed, const LbSpace *space, const LbModel *model, LbVec *x);
PetscErrorCode LbSiteProductState(const LbSpace *space, LbModel *model, const PetscReal f[], LbVec *x);
