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
