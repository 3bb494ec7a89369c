/* The density matrix that `initial` of the deck names: a product of pure local states, the maximally mixed or a thermal state, or that of a checkpoint. */
#include <math.h>
#include <string.h>
#include <tessera/h5.h>
#include <tessera/linalg.h>
#include "lindblad.h"

static PetscErrorCode Product(const LbSpace *space, const LbModel *model, const TesStrings *names, PetscBool mixed, LbVec *x)
{
  LbComplex **rho;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(model->n_sites, &rho));
  for (int m = 0; m < model->n_sites; m++) {
    const int   d = model->dim[m];
    const char *name = names->n ? names->v[names->n == 1 ? 0 : m] : d == 2 ? "up" : "fock:0";
    LbComplex  *psi;
    char        message[256];

    PetscCall(PetscCalloc1(d * d, &rho[m]));
    PetscCall(PetscCalloc1(d, &psi));
    PetscCall(LbLocalState(name, d, psi, message));
    for (int i = 0; i < d; i++)
      for (int j = 0; j < d; j++) rho[m][i * d + j] = mixed ? (i == j ? 1. / d : 0) : psi[i] * conj(psi[j]);
    PetscCall(PetscFree(psi));
  }
  PetscCall(LbStateProduct(space, model, (const LbComplex *const *)rho, x));
  for (int m = 0; m < model->n_sites; m++) PetscCall(PetscFree(rho[m]));
  PetscCall(PetscFree(rho));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* exp(-beta H) / Z through the real matrix [[Hr, -Hi], [Hi, Hr]]; every rank does the same */
static PetscErrorCode Thermal(const LbSpace *space, const LbModel *model, PetscReal beta, PetscReal t, LbVec *x)
{
  const int  n = (int)model->n, n2 = 2 * n;
  int       *site;
  LbComplex *h, *term;
  PetscReal *lambda, *a, *e, *f, trace = 0;

  PetscFunctionBegin;
  PetscCall(PetscCalloc2(n * n, &h, n * n, &term));
  PetscCall(PetscMalloc5(n, &lambda, n2 * n2, &a, n2 * n2, &e, model->n_times, &f, model->n_sites, &site));
  LbModelFactors(model, t, f);
  for (int m = 0; m < model->n_sites; m++) site[m] = m;
  for (int k = 0; k < model->n_terms; k++) {
    LbEmbed(model, model->n_sites, site, model->term[k].coef * f[model->term[k].time], &model->term[k].p, term);
    for (int q = 0; q < n * n; q++) h[q] += term[q];
  }
  PetscCall(LbEigenvalues(n, h, lambda));
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      const LbComplex v = -beta * (h[i * n + j] - (i == j ? lambda[beta > 0 ? 0 : n - 1] : 0));

      a[i * n2 + j] = a[(i + n) * n2 + j + n] = creal(v);
      a[(i + n) * n2 + j]                     = cimag(v);
      a[i * n2 + j + n]                       = -cimag(v);
    }
  PetscCall(TesExpm(n2, a, e));
  for (int i = 0; i < n; i++) trace += e[i * n2 + i];
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) h[i * n + j] = (e[i * n2 + j] + LB_I * e[(i + n) * n2 + j]) / trace;
  PetscCall(LbStateFromMatrix(space, model, h, x));
  PetscCall(PetscFree2(h, term));
  PetscCall(PetscFree5(lambda, a, e, f, site));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FromFile(const LbDensity *d, const LbSpace *space, const LbModel *model, const char path[], LbVec *x)
{
  const char      *name = "/state/problem/rho";
  const PetscInt64 width = model->qubits ? 1 : model->n;
  PetscInt64       shape[TES_MAX_AXES] = {0};
  hid_t            file;
  PetscBool        found, whole;
  char             reason[256];
  TesType          type;
  int              n_axes;
  TesStateItem     item = {.name = name, .type = TES_F64, .n_axes = model->qubits ? 1 : 2, .shape = {model->n * model->n / width, model->n}, .distributed = PETSC_TRUE,
                           .first = space->part.first / width, .n_local = space->part.n_local / width, .data = x->own};

  PetscFunctionBegin;
  PetscCall(TesFileVerify(d->comm, path, &whole, reason, sizeof reason)); /* HDF5 would read a changed bit without a word */
  PetscCheck(whole, d->comm, TES_ERR_WORLD, "`initial.checkpoint`: %s cannot be taken: %s", path, reason);
  PetscCall(TesH5OpenRead(d->comm, path, &file));
  PetscCall(TesH5Shape(file, name, &found, &type, &n_axes, shape));
  PetscCheck(found, d->comm, TES_ERR_DECK, "%s holds no density matrix (%s): initial.checkpoint wants a checkpoint of the density solver", path, name);
  PetscCheck(n_axes == item.n_axes && shape[0] == item.shape[0], d->comm, TES_ERR_DECK, "%s is of another system: its density matrix has %" PetscInt64_FMT " rows, this one %" PetscInt64_FMT, path, shape[0],
             item.shape[0]);
  PetscCall(TesH5ReadItem(d->comm, file, name, &item));
  PetscCall(TesH5Close(&file));
  PetscCall(LbFence(space));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbStateNamed(TesProblem problem, LbDensity *d, const LbModel *model, const LbModelDeck *deck)
{
  PetscFunctionBegin;
  if (d->comm == MPI_COMM_NULL) PetscFunctionReturn(PETSC_SUCCESS);
  if (deck->initial.checkpoint) PetscCall(FromFile(d, LbLiouvilleSpace(d->l), model, deck->initial.checkpoint, &d->x));
  else if (TesDeckHas(TesProblemDeck(problem), "initial.thermal")) {
    PetscCheck(model->n <= LB_MAX_THERMAL, d->comm, TES_ERR_DECK, "initial.thermal: the state space has %" PetscInt64_FMT " dimensions, at most %d are done", model->n, LB_MAX_THERMAL);
    PetscCall(Thermal(LbLiouvilleSpace(d->l), model, deck->initial.thermal, 0, &d->x));
  } else PetscCall(Product(LbLiouvilleSpace(d->l), model, &deck->initial.product, deck->initial.mixed, &d->x));
  PetscFunctionReturn(PETSC_SUCCESS);
}
