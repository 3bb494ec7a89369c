#pragma once
/* Losses and metrics of one sample, private to this folder; all in double, on one rank. */
#include "mgno.h"

typedef enum { MGNO_L2, MGNO_H1_SPECTRAL, MGNO_H1_FD, MGNO_ENERGY, MGNO_RESIDUAL } MgnoLossKind;

typedef struct _MgnoLoss *MgnoLoss;

/*@
  MgnoLossCreate - the loss `kind` for fields of `channels` channels on the grid of the deck; mass: weight of e^2 beside the gradient in h1_fd
  MgnoLossValue  - value for output o and truth y [channels][points] of a sample with input x (energy and residual take the coefficient from it); bar = d value / d o, may be NULL.
                   TES_ERR_NUMBERS where the norm of y is 0

  Not Collective
@*/
PetscErrorCode MgnoLossCreate(const Mgno *m, MgnoLossKind kind, PetscInt channels, PetscReal mass, MgnoLoss *loss);
void           MgnoLossAbsolute(MgnoLoss loss); /* without the norm of the truth below the fraction */
PetscErrorCode MgnoLossDestroy(MgnoLoss *loss);
PetscErrorCode MgnoLossValue(MgnoLoss loss, PetscInt64 sample, const PetscReal *x, const PetscReal *o, const PetscReal *y, PetscReal *value, PetscReal *bar);
