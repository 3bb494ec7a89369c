/* What a search for a steady state begins from, and how strongly a model is damped. */
#include <tessera/random.h>
#include "kronecker.h"
#include "steady.h"

PetscBool LbWeaklyDamped(const LbModel *model)
{
  PetscReal rate = PETSC_MAX_REAL, coupling = 0;

  for (int j = 0; j < model->n_jumps; j++) rate = PetscMin(rate, model->jump[j].rate);
  for (int t = 0; t < model->n_terms; t++) coupling = PetscMax(coupling, cabs(model->term[t].coef));
  return rate < 0.5 * coupling ? PETSC_TRUE : PETSC_FALSE;
}

PetscErrorCode LbMixedState(const LbSpace *space, const LbModel *model, LbVec *x)
{
  LbComplex **rho;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(model->n_sites, &rho));
  for (int m = 0; m < model->n_sites; m++) {
    const int d = model->dim[m];

    PetscCall(PetscCalloc1(d * d, &rho[m]));
    for (int i = 0; i < d; i++) rho[m][i * d + i] = 1. / d;
  }
  PetscCall(LbStateProduct(space, model, (const LbComplex *const *)rho, x));
  for (int m = 0; m < model->n_sites; m++) PetscCall(PetscFree(rho[m]));
  PetscCall(PetscFree(rho));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbRandomProduct(PetscInt64 seed, const LbSpace *space, const LbModel *model, LbVec *x)
{
  LbComplex **rho;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(model->n_sites, &rho));
  for (int m = 0; m < model->n_sites; m++) {
    const int  d = model->dim[m];
    LbComplex *psi;
    PetscReal  norm = 0;

    PetscCall(PetscCalloc1(d * d, &rho[m]));
    PetscCall(PetscMalloc1(d, &psi));
    for (int k = 0; k < d; k++) {
      PetscReal z[2];

      TesRandomNormal(seed, TES_STREAM_INITIAL_STATE, (uint32_t)m, (uint32_t)k, 7, z);
      psi[k] = z[0] + LB_I * z[1];
      norm += z[0] * z[0] + z[1] * z[1];
    }
    for (int i = 0; i < d; i++)
      for (int j = 0; j < d; j++) rho[m][i * d + j] = psi[i] * conj(psi[j]) / norm;
    PetscCall(PetscFree(psi));
  }
  PetscCall(LbStateProduct(space, model, (const LbComplex *const *)rho, x));
  for (int m = 0; m < model->n_sites; m++) PetscCall(PetscFree(rho[m]));
  PetscCall(PetscFree(rho));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbSiteProductState(const LbSpace *space, LbModel *model, const PetscReal f[], LbVec *x)
{
  LbKroneckerSite *site;
  LbComplex      **rho;

  PetscFunctionBegin;
  PetscCall(PetscCalloc2(model->n_sites, &site, model->n_sites, &rho));
  for (int m = 0; m < model->n_sites; m++) {
    const int d = model->dim[m];
    PetscBool usable;

    PetscCall(LbKroneckerSiteCreate(model, f, space->pauli, m, &usable, &site[m]));
    rho[m] = site[m].steady;
    for (int i = 0; i < d && !usable; i++)
      for (int j = 0; j < d; j++) rho[m][i * d + j] = i == j ? 1. / d : 0;
  }
  PetscCall(LbStateProduct(space, model, (const LbComplex *const *)rho, x));
  for (int m = 0; m < model->n_sites; m++) PetscCall(LbKroneckerSiteDestroy(&site[m]));
  PetscCall(PetscFree2(site, rho));
  PetscFunctionReturn(PETSC_SUCCESS);
}
