/* Mixed initial states of trajectories: rho = sum_k p_k |k><k| in its eigenvectors, and each trajectory begins in |k> with probability p_k (one uniform number of its own stream).

   The mean over trajectories is then that of rho, and the spread of the draws is part of the standard errors: M trajectories draw from the ensemble M times, so no weights are needed.
   thermal: eigenvectors of H, p ~ exp(-beta E), energies from the lowest occupied one on. checkpoint: those of the stored density matrix, small negative eigenvalues (rounding) left out. */
#include <math.h>
#include "traj_start.h"

/* probability[k] of eigenvector k (columns of re + i im, [n][n]): in falling order, cumulative, those that are ever drawn */
static PetscErrorCode Sort(int n, PetscReal *probability, const PetscReal *re, const PetscReal *im, LbMixture *mixture)
{
  PetscReal sum = 0, part = 0;
  int      *order;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(n, &order));
  for (int k = 0; k < n; k++) {
    int at = k;

    for (; at > 0 && probability[order[at - 1]] < probability[k]; at--) order[at] = order[at - 1];
    order[at] = k;
    sum += PetscMax(probability[k], 0);
  }
  mixture->n = n;
  for (int k = 0; k < n; k++) mixture->n_states += probability[order[k]] > 1e-15 * sum ? 1 : 0;
  PetscCall(PetscMalloc3(mixture->n_states, &mixture->cumulative, (size_t)n * mixture->n_states, &mixture->re, (size_t)n * mixture->n_states, &mixture->im));
  for (PetscInt k = 0; k < mixture->n_states; k++) {
    part += probability[order[k]];
    mixture->cumulative[k] = part;
    for (int i = 0; i < n; i++) {
      mixture->re[k * n + i] = re[(size_t)i * n + order[k]];
      mixture->im[k * n + i] = im[(size_t)i * n + order[k]];
    }
  }
  for (PetscInt k = 0; k < mixture->n_states; k++) mixture->cumulative[k] /= part;
  PetscCall(PetscFree(order));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbMixtureThermal(const LbModel *model, PetscReal beta, PetscReal t, LbMixture *mixture)
{
  const int    n  = (int)model->n;
  const size_t nn = (size_t)n * n;
  LbComplex   *h;
  PetscReal   *energy, *re, *im, *f;

  PetscFunctionBegin;
  PetscCall(PetscCalloc1(nn, &h));
  PetscCall(PetscMalloc4(n, &energy, nn, &re, nn, &im, model->n_times, &f));
  LbModelFactors(model, t, f);
  for (int k = 0; k < model->n_terms; k++) LbScatter(model, model->term[k].coef * f[model->term[k].time], &model->term[k].p, h);
  PetscCall(LbHermitianEigen(n, h, energy, re, im));
  {
    const PetscReal lowest = beta >= 0 ? energy[0] : energy[n - 1];

    for (int k = 0; k < n; k++) energy[k] = PetscExpReal(-beta * (energy[k] - lowest));
  }
  PetscCall(Sort(n, energy, re, im, mixture));
  PetscCall(PetscFree(h));
  PetscCall(PetscFree4(energy, re, im, f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbMixtureCheckpoint(TesProblem problem, Lindblad *c, LbMixture *mixture)
{
  const int    n  = (int)c->model.n;
  const size_t nn = (size_t)n * n;
  LbDensity    d  = {.comm = PETSC_COMM_SELF, .world = PETSC_COMM_SELF, .ranks = 1};
  LbComplex   *rho;
  PetscReal   *lambda, *re, *im;
  int         *site;
  char         message[256];

  PetscFunctionBegin;
  PetscCall(LbLiouvilleCreate(PETSC_COMM_SELF, &c->model, NULL, PETSC_FALSE, message, &d.l));
  PetscCheck(!message[0], PETSC_COMM_SELF, TES_ERR_DECK, "%s", message);
  PetscCall(LbVecCreate(LbLiouvilleSpace(d.l), &d.x));
  PetscCall(LbStateNamed(problem, &d, &c->model, &c->model_deck));
  PetscCall(PetscMalloc1(nn, &rho));
  PetscCall(PetscMalloc4(n, &lambda, nn, &re, nn, &im, c->model.n_sites, &site));
  for (int m = 0; m < c->model.n_sites; m++) site[m] = m;
  PetscCall(LbStateMatrix(LbLiouvilleSpace(d.l), &c->model, &d.x, c->model.n_sites, site, rho));
  PetscCall(LbHermitianEigen(n, rho, lambda, re, im));
  PetscCheck(lambda[0] > -1e-6, PETSC_COMM_SELF, TES_ERR_DECK, "%s: the density matrix has the eigenvalue %.3g: trajectories cannot begin in a state that is not positive",
             c->model_deck.initial.checkpoint, (double)lambda[0]);
  PetscCall(Sort(n, lambda, re, im, mixture));
  PetscCall(PetscFree(rho));
  PetscCall(PetscFree4(lambda, re, im, site));
  PetscCall(LbVecDestroy(&d.x));
  PetscCall(LbLiouvilleDestroy(&d.l));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void LbMixtureDraw(const LbMixture *mixture, PetscReal u, const double **re, const double **im)
{
  PetscInt low = 0, high = mixture->n_states - 1;

  while (low < high) { /* the first with cumulative > u */
    const PetscInt middle = (low + high) / 2;

    if (mixture->cumulative[middle] > u) high = middle;
    else low = middle + 1;
  }
  *re = mixture->re + low * mixture->n;
  *im = mixture->im + low * mixture->n;
}

PetscErrorCode LbMixtureDestroy(LbMixture *mixture)
{
  PetscFunctionBegin;
  PetscCall(PetscFree3(mixture->cumulative, mixture->re, mixture->im));
  PetscCall(PetscMemzero(mixture, sizeof *mixture));
  PetscFunctionReturn(PETSC_SUCCESS);
}
