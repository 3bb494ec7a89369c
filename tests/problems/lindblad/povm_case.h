#pragma once
/* A ring with its network, samples and flow, and the enumerated distribution beside it: what the tests of the flow and of the losses share. */
#include "povm_models.h"

static const LbNetSetting one_layer = {.kind = LB_NET_TRANSFORMER, .layers = 1, .hidden = 32, .heads = 1, .ff = 16, .init_scale = 1};

typedef struct {
  LbModel    model;
  LbPovm     povm;
  LbOutcomes o;
  LbStrings  strings;
  LbNet     *net;
  LbFlow     flow;
} Case;

/* ring from all up (tetra symmetric) */
static inline PetscErrorCode Begin(int n, PetscReal v, PetscReal g, const LbNetSetting *set, int strings, PetscReal reg, int total, Case *c)
{
  double  (*start)[4];
  LbComplex psi[2] = {1, 0};

  PetscFunctionBegin;
  PetscCall(PetscMemzero(c, sizeof *c));
  PetscCall(ModelIsingRing(n, v, g, 1, &c->model));
  LbPovmCreate(LB_POVM_TETRA, LB_AXES_SYMMETRIC, &c->povm);
  PetscCall(LbOutcomesCreate(&c->model, &c->povm, &c->o));
  PetscCall(LbOutcomesAt(&c->o, &c->model, 0));
  PetscCall(PetscMalloc1(n, &start));
  for (int i = 0; i < n; i++) LbPovmState(&c->povm, psi, start[i]);
  PetscCall(LbNetCreate(set, n, (const double(*)[4])start, 7, &c->net));
  PetscCall(PetscFree(start));
  if (strings == 1) PetscCall(LbStringsIdentity(n, &c->strings));
  else { /* all translations and reflections */
    c->strings = (LbStrings){.n = n, .count = 2 * n};
    PetscCall(PetscMalloc1(2 * n * n, &c->strings.site));
    for (int k = 0; k < 2 * n; k++)
      for (int i = 0; i < n; i++) c->strings.site[k * n + i] = k < n ? (k + i) % n : (k - i + n) % n;
  }
  PetscCall(LbFlowCreate(PETSC_COMM_WORLD, c->net, &c->o, &c->model, &c->strings, &c->flow));
  c->flow.exact  = total ? PETSC_FALSE : PETSC_TRUE;
  c->flow.unique = PETSC_TRUE;
  c->flow.total  = total;
  c->flow.reg    = reg;
  c->flow.seed   = 4;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static inline PetscErrorCode End(Case *c)
{
  PetscFunctionBegin;
  PetscCall(LbFlowDestroy(&c->flow));
  PetscCall(LbNetDestroy(&c->net));
  PetscCall(LbStringsDestroy(&c->strings));
  PetscCall(LbOutcomesDestroy(&c->o));
  PetscCall(LbModelDestroy(&c->model));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* <X>, <Y>, <Z> of a site */
static inline void Means(const LbPovm *povm, int n, int site, const double *p, double mean[3])
{
  for (int k = 0; k < 3; k++) mean[k] = 0;
  for (int a = 0; a < 1 << (2 * n); a++)
    for (int k = 0; k < 3; k++) mean[k] += povm->inverse[1 + k][a >> (2 * site) & 3] * p[a];
}

static inline PetscErrorCode Enumerate(Case *c, double *p)
{
  LbSamples all = {0};

  PetscFunctionBegin;
  PetscCall(LbSamplesAll(c->net, &c->strings, &all));
  PetscCall(PetscArraycpy(p, all.weight, all.count));
  PetscCall(LbSamplesDestroy(&all));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* p(t) of the enumerated equation by the classical Runge-Kutta method, h = 0.01: error below 1e-8 */
static inline PetscErrorCode Integrate(const Case *c, PetscReal t, double *p)
{
  const int n = 1 << (2 * c->o.n_sites), steps = (int)(t / 0.01 + 0.5);
  double   *k[4], *x;

  PetscFunctionBegin;
  PetscCall(PetscMalloc5(n, &k[0], n, &k[1], n, &k[2], n, &k[3], n, &x));
  for (int s = 0; s < steps; s++) {
    PovmApply(&c->o, p, k[0]);
    for (int stage = 1; stage < 4; stage++) {
      for (int a = 0; a < n; a++) x[a] = p[a] + (stage == 3 ? 0.01 : 0.005) * k[stage - 1][a];
      PovmApply(&c->o, x, k[stage]);
    }
    for (int a = 0; a < n; a++) p[a] += 0.01 / 6 * (k[0][a] + 2 * k[1][a] + 2 * k[2][a] + k[3][a]);
  }
  PetscCall(PetscFree5(k[0], k[1], k[2], k[3], x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* accuracy is tested on one rank: that more give the same bits is a claim of its own */
static inline PetscBool Several(void)
{
  int size;

  MPI_Comm_size(PETSC_COMM_WORLD, &size);
  return size > 1 ? PETSC_TRUE : PETSC_FALSE;
}
