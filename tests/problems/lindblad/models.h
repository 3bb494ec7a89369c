#pragma once
/* Models built by hand, for tests and benchmarks of the lindblad room that need no deck. A product is written as operators and sites: {"Z", "Z"}, {0, 1}. */
#include "../../../src/problems/lindblad/model.h"

static inline PetscErrorCode ModelBegin(int n_sites, const int dim[], int max_terms, int max_jumps, LbModel *model)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(model, sizeof *model));
  model->n_sites  = n_sites;
  model->qubits   = PETSC_TRUE;
  model->n        = 1;
  model->size     = 1;
  model->constant = PETSC_TRUE;
  model->n_times  = 1;
  PetscCall(PetscMalloc1(n_sites, &model->dim));
  PetscCall(PetscCalloc1(4, &model->time));
  PetscCall(PetscCalloc1(max_terms + 1, &model->term));
  PetscCall(PetscCalloc1(max_jumps + 1, &model->jump));
  for (int m = 0; m < n_sites; m++) {
    model->dim[m] = dim ? dim[m] : 2;
    model->n *= model->dim[m];
    model->size *= (PetscReal)model->dim[m] * model->dim[m];
    if (model->dim[m] != 2) model->qubits = PETSC_FALSE;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static inline PetscErrorCode ModelProduct(LbModel *model, int n, const char *const ops[], const int sites[], LbProduct *p)
{
  const TesMap none = {0};

  PetscFunctionBegin;
  p->n = n;
  for (int q = 0; q < n; q++) {
    char message[256];

    p->site[q] = sites[q];
    PetscCall(LbModelMatrix(model, model->dim[sites[q]], &p->op[q]));
    PetscCall(LbOperatorMatrix(&none, ops[q], model->dim[sites[q]], p->op[q], message));
    PetscCheck(!message[0], PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "%s", message);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static inline PetscErrorCode ModelTerm(LbModel *model, LbComplex coef, int n, const char *const ops[], const int sites[])
{
  LbTerm *term = &model->term[model->n_terms++];

  PetscFunctionBegin;
  term->coef = coef;
  PetscCall(ModelProduct(model, n, ops, sites, &term->p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* one more part of jump operator `jump`, which is made at its first part */
static inline PetscErrorCode ModelJump(LbModel *model, int jump, PetscReal rate, LbComplex coef, int n, const char *const ops[], const int sites[])
{
  LbJump *j = &model->jump[jump];
  LbTerm *parts;

  PetscFunctionBegin;
  if (jump == model->n_jumps) model->n_jumps++;
  PetscCall(PetscCalloc1(j->n + 1, &parts));
  for (int p = 0; p < j->n; p++) parts[p] = j->part[p];
  PetscCall(PetscFree(j->part));
  j->part          = parts;
  j->rate          = rate;
  parts[j->n].coef = coef;
  PetscCall(ModelProduct(model, n, ops, sites, &parts[j->n].p));
  j->n++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* transverse-field Ising ring: (v/4) Z Z + (g/2) X, decay of every spin */
static inline PetscErrorCode ModelIsingRing(int n, PetscReal v, PetscReal g, PetscReal decay, LbModel *model)
{
  PetscFunctionBegin;
  PetscCall(ModelBegin(n, NULL, 2 * n, n, model));
  for (int m = 0; m < n; m++) {
    const char *const zz[] = {"Z", "Z"}, *const x[] = {"X"}, *const lower[] = {"Sm"};
    const int         bond[] = {m, (m + 1) % n};

    PetscCall(ModelTerm(model, v / 4, 2, zz, bond));
    PetscCall(ModelTerm(model, g / 2, 1, x, bond));
    PetscCall(ModelJump(model, m, decay, 1, 1, lower, bond));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
