/* Jumps: rates of all channels in one pass over the state, and J psi of the channel that was drawn.

   rate_k = g_k(t) <psi| J_k+ J_k |psi>: one sum of local operators per channel, all of them in the same windows. J_k = sum_p c_p P_p is a sum of local operators of its own, planned when the channel
   is first drawn: most runs of many channels need few of them. */
#include "traj.h"

struct _p_LbJumps {
  const LbWaveSpace *space;
  LbModel           *model;
  LbWaveMap          rates;
  LbWaveMap         *jump; /* [channels], NULL until it is drawn */
  LbComplex         *value;
  PetscReal         *one; /* [n_times] factors of time of J itself: the rate has them */
};

PetscErrorCode LbJumpsCreate(const LbWaveSpace *space, LbModel *model, char problem[256], LbJumps *out)
{
  LbJumps     j;
  LbWaveTerm *terms;
  int         n = 0;

  PetscFunctionBegin;
  PetscCall(PetscNew(&j));
  *out       = j;
  j->space   = space;
  j->model   = model;
  problem[0] = 0;
  for (int k = 0; k < model->n_jumps; k++) n += model->jump[k].n * model->jump[k].n;
  PetscCall(PetscCalloc3(model->n_jumps + 1, &j->jump, model->n_jumps + 1, &j->value, model->n_times, &j->one));
  for (int t = 0; t < model->n_times; t++) j->one[t] = 1;
  PetscCall(PetscMalloc1(n + 1, &terms));
  n = 0;
  for (int k = 0; k < model->n_jumps; k++) {
    const LbJump *jump = &model->jump[k];

    for (int p = 0; p < jump->n; p++) {
      for (int q = 0; q < jump->n; q++) {
        LbProduct left, both;

        PetscCall(LbAdjoint(model, &jump->part[p].p, &left));
        PetscCall(LbProductTimes(model, &left, &jump->part[q].p, &both));
        terms[n++] = (LbWaveTerm){.out = k, .term = {.coef = jump->rate * conj(jump->part[p].coef) * jump->part[q].coef, .time = jump->time, .p = both}};
      }
    }
  }
  PetscCall(LbWaveMapCreate(space, model, PetscMax(model->n_jumps, 1), n, terms, PETSC_FALSE, problem, &j->rates));
  PetscCall(PetscFree(terms));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbJumpsDestroy(LbJumps *out)
{
  LbJumps j = *out;

  PetscFunctionBegin;
  if (!j) PetscFunctionReturn(PETSC_SUCCESS);
  for (int k = 0; k < j->model->n_jumps; k++) PetscCall(LbWaveMapDestroy(&j->jump[k]));
  PetscCall(LbWaveMapDestroy(&j->rates));
  PetscCall(PetscFree3(j->jump, j->value, j->one));
  PetscCall(PetscFree(j));
  *out = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbJumpsRates(LbJumps j, const PetscReal f[], const LbVec *psi, PetscReal rate[])
{
  PetscFunctionBegin;
  PetscCall(LbWaveMapExpect(j->rates, f, psi, j->value));
  for (int k = 0; k < j->model->n_jumps; k++) rate[k] = PetscMax(creal(j->value[k]), 0); /* rounding may leave -1e-17 */
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbJumpsApply(LbJumps j, int channel, const LbVec *psi, LbVec *y)
{
  PetscFunctionBegin;
  if (!j->jump[channel]) {
    const LbJump *jump = &j->model->jump[channel];
    LbWaveTerm   *terms;
    char          problem[256];

    PetscCall(PetscMalloc1(jump->n, &terms));
    for (int p = 0; p < jump->n; p++) terms[p] = (LbWaveTerm){.out = 0, .term = {.coef = jump->part[p].coef, .time = 0, .p = jump->part[p].p}};
    PetscCall(LbWaveMapCreate(j->space, j->model, 1, jump->n, terms, PETSC_FALSE, problem, &j->jump[channel]));
    PetscCall(PetscFree(terms));
    PetscCheck(!problem[0], PETSC_COMM_SELF, TES_ERR_DECK, "%s", problem); /* J+ J acts on all that J does, and has been planned */
  }
  PetscCall(LbWaveMapApply(j->jump[channel], j->one, psi, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbEffective(const LbWaveSpace *space, LbModel *model, char problem[256], LbWaveMap *map)
{
  LbWaveTerm *terms;
  int         n = model->n_terms;

  PetscFunctionBegin;
  for (int k = 0; k < model->n_jumps; k++) n += model->jump[k].n * model->jump[k].n;
  PetscCall(PetscMalloc1(n + 1, &terms));
  n = 0;
  for (int t = 0; t < model->n_terms; t++) {
    terms[n] = (LbWaveTerm){.out = 0, .term = model->term[t]};
    terms[n++].term.coef *= -LB_I;
  }
  for (int k = 0; k < model->n_jumps; k++) {
    const LbJump *jump = &model->jump[k];

    for (int p = 0; p < jump->n; p++)
      for (int q = 0; q < jump->n; q++) {
        LbProduct left, both;

        PetscCall(LbAdjoint(model, &jump->part[p].p, &left));
        PetscCall(LbProductTimes(model, &left, &jump->part[q].p, &both));
        terms[n++] = (LbWaveTerm){.out = 0, .term = {.coef = -0.5 * jump->rate * conj(jump->part[p].coef) * jump->part[q].coef, .time = jump->time, .p = both}};
      }
  }
  PetscCall(LbWaveMapCreate(space, model, 1, n, terms, PETSC_TRUE, problem, map));
  PetscCall(PetscFree(terms));
  PetscFunctionReturn(PETSC_SUCCESS);
}
