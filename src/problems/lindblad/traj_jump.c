/* Jumps: rates of all channels in one pass over the state, and J psi of the channel that was drawn.

   rate_k = g_k(t) <psi| J_k+ J_k |psi>: one sum of local operators per channel, all of them in the same windows. J_k = sum_p c_p P_p is applied part by part: the lowest site of P_p leaves runs
   of neighbouring amplitudes that take the same few source rows. */
#include <math.h>
#include <string.h>
#include "traj.h"

typedef struct {
  int        k, site[LB_FACTORS], size;
  LbComplex *matrix;
} Part;

struct _p_LbJumps {
  const LbWaveSpace *space;
  LbModel           *model;
  LbWaveMap          rates;
  int               *first; /* parts of channel k: first[k] .. first[k + 1] */
  Part              *part;
  LbComplex         *value;
};

PetscErrorCode LbJumpsCreate(const LbWaveSpace *space, LbModel *model, char problem[256], LbJumps *out)
{
  LbJumps     j;
  LbWaveTerm *terms;
  int         n = 0, parts = 0;

  PetscFunctionBegin;
  PetscCall(PetscNew(&j));
  *out       = j;
  j->space   = space;
  j->model   = model;
  problem[0] = 0;
  for (int k = 0; k < model->n_jumps; k++) {
    n += model->jump[k].n * model->jump[k].n;
    parts += model->jump[k].n;
  }
  PetscCall(PetscCalloc3(model->n_jumps + 1, &j->first, parts + 1, &j->part, model->n_jumps + 1, &j->value));
  PetscCall(PetscMalloc1(n + 1, &terms));
  n = parts = 0;
  for (int k = 0; k < model->n_jumps; k++) {
    const LbJump *jump = &model->jump[k];

    for (int p = 0; p < jump->n; p++) {
      Part     *part = &j->part[parts++];
      PetscReal size = 1;

      part->k = jump->part[p].p.n;
      for (int q = 0; q < part->k; q++) size *= model->dim[jump->part[p].p.site[q]];
      if (size <= LB_WAVE_SUPPORT) {
        part->size = (int)size;
        for (int q = 0; q < part->k; q++) {
          int at = q;

          for (; at > 0 && part->site[at - 1] > jump->part[p].p.site[q]; at--) part->site[at] = part->site[at - 1];
          part->site[at] = jump->part[p].p.site[q];
        }
        PetscCall(PetscMalloc1((size_t)part->size * part->size, &part->matrix));
        LbEmbed(model, part->k, part->site, jump->part[p].coef, &jump->part[p].p, part->matrix);
      }
      for (int q = 0; q < jump->n; q++) {
        LbProduct left, both;

        PetscCall(LbAdjoint(model, &jump->part[p].p, &left));
        PetscCall(LbProductTimes(model, &left, &jump->part[q].p, &both));
        terms[n++] = (LbWaveTerm){.out = k, .term = {.coef = jump->rate * conj(jump->part[p].coef) * jump->part[q].coef, .time = jump->time, .p = both}};
      }
    }
    j->first[k + 1] = parts;
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
  for (int p = 0; p < j->first[j->model->n_jumps]; p++) PetscCall(PetscFree(j->part[p].matrix));
  PetscCall(LbWaveMapDestroy(&j->rates));
  PetscCall(PetscFree3(j->first, j->part, j->value));
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
  const PetscInt64 n = j->space->n, first = j->space->first, last = first + j->space->n_local;
  const double    *xr = psi->all, *xi = psi->all + n;
  double          *yr = y->all, *yi = y->all + n;

  PetscFunctionBegin;
  memset(yr + first, 0, (size_t)(last - first) * sizeof(double));
  memset(yi + first, 0, (size_t)(last - first) * sizeof(double));
  for (int p = j->first[channel]; p < j->first[channel + 1]; p++) {
    const Part      *part = &j->part[p];
    const PetscInt64 run  = LbStride(j->model, part->site[0]);
    PetscInt64       stride[LB_FACTORS];

    for (int q = 0; q < part->k; q++) stride[q] = LbStride(j->model, part->site[q]);
    for (PetscInt64 i = first, end; i < last; i = end) {
      int code = 0;

      end = PetscMin(last, (i / run + 1) * run);
      for (int q = 0, size = 1; q < part->k; size *= j->model->dim[part->site[q]], q++) code += (int)(i / stride[q] % j->model->dim[part->site[q]]) * size;
      for (int b = 0; b < part->size; b++) {
        const LbComplex c  = part->matrix[code * part->size + b];
        const double    cr = creal(c), ci = cimag(c);
        PetscInt64      shift = 0;

        if (c == 0) continue;
        for (int q = 0, u = code, v = b; q < part->k; u /= j->model->dim[part->site[q]], v /= j->model->dim[part->site[q]], q++)
          shift += (v % j->model->dim[part->site[q]] - u % j->model->dim[part->site[q]]) * stride[q];
        for (PetscInt64 k = i; k < end; k++) {
          yr[k] += cr * xr[k + shift] - ci * xi[k + shift];
          yi[k] += cr * xi[k + shift] + ci * xr[k + shift];
        }
      }
    }
  }
  PetscCall(LbFence(&j->space->shared));
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
