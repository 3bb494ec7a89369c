/* Purity and entropy of subsystems from trajectories.

   They are no means over trajectories, each of which is pure, but functions of the reduced density matrix, which is one: rho_ij = mean of <psi| (|j><i|) |psi>. Its elements are averaged like any
   other observable, and the function F is taken of the average. F of M trajectories is off by O(1/M); the delete-a-group jackknife over G groups of blocks removes that and gives the error:
     F = G F(all) - (G - 1) mean_g F(all but g),    error^2 = (G - 1) / G sum_g (F(all but g) - mean)^2.
   Groups are the numbers of the blocks modulo GROUPS, so ranks and restarts change nothing. Cost: n^2 columns per subsystem and time, and GROUPS + 1 times F of an n x n matrix per block and time. */
#include <math.h>
#include "traj_reduced.h"

#define GROUPS 16

PetscReal LbReducedDimension(const LbModel *model, const LbObservable *o)
{
  PetscReal size = 1;

  if (!o->n_sites) return (PetscReal)model->n;
  for (PetscInt s = 0; s < o->n_sites; s++) size *= model->dim[o->site[s]];
  return size;
}

PetscErrorCode LbReducedCreate(const Lindblad *c, int n_times, int first_sum, PetscInt first_column, LbReduced *r)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(r, sizeof *r));
  r->n_times = n_times;
  PetscCall(PetscMalloc1(c->observables.n + 1, &r->item));
  for (int k = 0; k < c->observables.n; k++) {
    const LbObservable *o = &c->observables.item[k];
    const int           n = (int)PetscMin(LbReducedDimension(&c->model, o), LB_REDUCED);

    if (o->kind != LB_OBSERVE_PURITY && o->kind != LB_OBSERVE_ENTROPY) continue;
    r->item[r->n++] = (LbReducedItem){.item = k, .n = n, .kind = o->kind, .sum = first_sum + r->n_sums, .column = first_column + r->n_columns};
    r->n_sums += n * (n + 1) / 2;
    r->n_columns += n * n;
  }
  if (!r->n) PetscFunctionReturn(PETSC_SUCCESS);
  r->n_groups = GROUPS;
  r->width    = 1 + n_times * r->n_columns;
  PetscCall(PetscCalloc3((size_t)r->n_groups * r->width, &r->group, (size_t)r->n * n_times, &r->value, (size_t)r->n * n_times, &r->error));
  PetscFunctionReturn(PETSC_SUCCESS);
}

int LbReducedTermCount(const LbReduced *r)
{
  return r->n_sums;
}

/* the sum of rho_ij is |j><i|: on every site of the subsystem the matrix unit of its digits, the first site fastest */
PetscErrorCode LbReducedTerms(Lindblad *c, const LbReduced *r, LbWaveTerm terms[])
{
  int at = 0;

  PetscFunctionBegin;
  for (int k = 0; k < r->n; k++) {
    const LbObservable *o       = &c->observables.item[r->item[k].item];
    const int           n_sites = o->n_sites ? (int)o->n_sites : c->model.n_sites;
    LbComplex        ***unit; /* [site][d * d] */

    PetscCheck(n_sites <= LB_FACTORS, PETSC_COMM_SELF, PETSC_ERR_PLIB, "%d sites", n_sites);
    PetscCall(PetscMalloc1(n_sites, &unit));
    for (int s = 0; s < n_sites; s++) {
      const int d = c->model.dim[o->n_sites ? o->site[s] : s];

      PetscCall(PetscMalloc1(d * d, &unit[s]));
      for (int e = 0; e < d * d; e++) {
        PetscCall(LbModelMatrix(&c->model, d, &unit[s][e]));
        unit[s][e][e] = 1;
      }
    }
    for (int i = 0; i < r->item[k].n; i++)
      for (int j = 0; j <= i; j++) {
        LbWaveTerm *term = &terms[at++];

        *term = (LbWaveTerm){.out = r->item[k].sum + i * (i + 1) / 2 + j, .term = {.coef = 1, .p = {.n = n_sites}}};
        for (int s = 0, a = i, b = j; s < n_sites; s++) {
          const int m = o->n_sites ? o->site[s] : s, d = c->model.dim[m];

          term->term.p.site[s] = m;
          term->term.p.op[s]   = unit[s][(b % d) * d + a % d];
          a /= d;
          b /= d;
        }
      }
    for (int s = 0; s < n_sites; s++) PetscCall(PetscFree(unit[s]));
    PetscCall(PetscFree(unit));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

void LbReducedColumns(const LbReduced *r, const PetscReal values[], PetscReal column[])
{
  for (int k = 0; k < r->n; k++) {
    const PetscReal *v  = values + 2 * r->item[k].sum;
    PetscReal       *to = column + r->item[k].column;

    for (int i = 0; i < r->item[k].n; i++)
      for (int j = 0; j <= i; j++, v += 2) {
        *to++ = v[0];
        if (j < i) *to++ = v[1];
      }
  }
}

/* columns of all times of a block stand at [time][stride], those of this object from the column of the first item on */
void LbReducedAdd(LbReduced *r, PetscInt64 number, const LbMoments *block, PetscInt stride)
{
  const PetscReal n = block->data[0];
  PetscReal      *group, all;

  if (!r->n || !(n > 0)) return;
  group = r->group + (number % GROUPS) * r->width;
  all   = group[0] + n;
  for (int t = 0; t < r->n_times; t++)
    for (int q = 0; q < r->n_columns; q++) {
      PetscReal *mean = group + 1 + t * r->n_columns + q;

      *mean += (LbMomentsMean(block, t * stride + r->item[0].column + q) - *mean) * n / all;
    }
  group[0] = all;
}

/* purity or entropy of the matrix of an item from its real columns */
static PetscErrorCode Evaluate(const LbReducedItem *item, const PetscReal column[], PetscReal *value)
{
  LbComplex *rho;
  PetscReal  smallest;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(item->n * item->n, &rho));
  *value = 0;
  for (int i = 0; i < item->n; i++)
    for (int j = 0; j <= i; j++) {
      const PetscReal re = *column++, im = j < i ? *column++ : 0;

      rho[i * item->n + j] = re + LB_I * im;
      rho[j * item->n + i] = re - LB_I * im;
      *value += (j < i ? 2 : 1) * (re * re + im * im);
    }
  if (item->kind == LB_OBSERVE_ENTROPY) PetscCall(LbEntropy(item->n, rho, value, &smallest));
  PetscCall(PetscFree(rho));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbReducedEvaluate(LbReduced *r, const PetscReal shared[], PetscInt stride, PetscReal p)
{
  PetscReal *fixed, *all, *mean, count = 0;
  int        used = 0;

  PetscFunctionBegin;
  if (!r->n) PetscFunctionReturn(PETSC_SUCCESS);
  for (int g = 0; g < r->n_groups; g++) {
    count += r->group[g * r->width];
    used += r->group[g * r->width] > 0;
  }
  PetscCall(PetscCalloc3(r->item[0].column + r->n_columns, &fixed, r->n_columns, &all, r->n_columns, &mean));
  for (int t = 0; t < r->n_times && used; t++) {
    PetscReal *own = fixed + r->item[0].column;

    if (shared) LbReducedColumns(r, shared + (size_t)t * stride, fixed);
    for (int q = 0; q < r->n_columns; q++) {
      all[q] = 0;
      for (int g = 0; g < r->n_groups; g++) all[q] += r->group[g * r->width] * r->group[g * r->width + 1 + t * r->n_columns + q];
    }
    for (int k = 0; k < r->n; k++) {
      const PetscInt first = r->item[k].column - r->item[0].column;
      PetscReal      whole, sum = 0, square = 0;

      for (int q = 0; q < r->n_columns; q++) mean[q] = p * own[q] + (1 - p) * all[q] / count;
      PetscCall(Evaluate(&r->item[k], mean + first, &whole));
      for (int g = 0; g < r->n_groups && used > 1; g++) {
        const PetscReal n = r->group[g * r->width];
        PetscReal       without;

        if (!(n > 0)) continue;
        for (int q = 0; q < r->n_columns; q++) mean[q] = p * own[q] + (1 - p) * (all[q] - n * r->group[g * r->width + 1 + t * r->n_columns + q]) / (count - n);
        PetscCall(Evaluate(&r->item[k], mean + first, &without));
        without -= whole; /* differences: no digits are lost in the squares */
        sum += without / used;
        square += without * without;
      }
      r->value[k * r->n_times + t] = whole - (used - 1) * sum;
      r->error[k * r->n_times + t] = used > 1 ? PetscSqrtReal(PetscMax(0, (used - 1.0) / used * (square - used * sum * sum))) : 0;
    }
  }
  PetscCall(PetscFree3(fixed, all, mean));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbReducedDestroy(LbReduced *r)
{
  PetscFunctionBegin;
  PetscCall(PetscFree3(r->group, r->value, r->error));
  PetscCall(PetscFree(r->item));
  PetscCall(PetscMemzero(r, sizeof *r));
  PetscFunctionReturn(PETSC_SUCCESS);
}
