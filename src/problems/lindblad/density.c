/* What all tasks of the density solver share: ranks, the Liouvillian, the vector, its place in the state of a run, and the observables.

   The usable ranks (the first ones of the run) work; the others wait in the broadcast that ends every measurement, so all ranks know the same figures. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "lindblad.h"

PetscReal LbDensityBytes(const LbModel *model, int ranks, PetscReal vectors)
{
  const PetscReal scratch = model->qubits ? 0 : ranks > 1 ? 2 : 1; /* ket-bra form: both parts of A rho + h.c. */

  return 8 * model->size * (vectors + scratch) / ranks + (model->qubits ? 2e6 : 256. * (PetscReal)model->n);
}

static int Vectors(const Lindblad *c)
{
  const int kind = LbIntegratorChoose(c->integrator.kind, c->model.constant);

  return 1 + lb_integrators[kind].vectors + (kind == LB_KRYLOV ? (int)c->integrator.dimension : 0);
}

PetscErrorCode LbDensityCheck(TesProblem problem, Lindblad *c, PetscBool *good)
{
  const PetscReal bytes = LbDensityBytes(&c->model, 1, Vectors(c)), there = (PetscReal)sysconf(_SC_PHYS_PAGES) * (PetscReal)sysconf(_SC_PAGESIZE);

  PetscFunctionBegin;
  if (c->model.size > 2e11 || bytes > there) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "solver",
                              ": a density matrix of this system takes %.3g bytes per vector, %d vectors with integrator %s: more than this machine has (strang needs one vector, faber and taylor "
                              "three; solver: trajectories needs the square root)",
                              (double)(8 * c->model.size), Vectors(c), lb_integrator_names[LbIntegratorChoose(c->integrator.kind, c->model.constant)]));
  }
  if (TesDeckHas(TesProblemDeck(problem), "initial.thermal") && c->model.n > LB_MAX_THERMAL) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "initial.thermal", ": the state space has %" PetscInt64_FMT " dimensions, at most %d are done", c->model.n, LB_MAX_THERMAL));
  }
  if (!c->model.qubits && c->parallel.transport == LB_TRANSPORT_EXCHANGE) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "parallel.transport", ": for sites of dimension 2 only; others send columns: take remap or messages"));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbDensityEstimate(Lindblad *c, PetscReal vectors, TesEstimate *e)
{
  LbTraffic traffic;

  PetscFunctionBegin;
  e->usable_ranks   = LbLiouvilleRanks(&c->model, e->ranks);
  e->bytes_per_rank = LbDensityBytes(&c->model, e->usable_ranks, vectors);
  e->bytes_output   = 8 * c->model.size;
  PetscCall(LbTrafficEstimate(&c->model, &c->parallel, e->usable_ranks, &traffic));
  e->bytes_per_rank += traffic.buffer;
  e->bytes_sent = traffic.chosen;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscBool HasLadder(const LbModelDeck *deck, const TesStrings *ops)
{
  (void)deck;
  for (PetscInt q = 0; q < ops->n; q++) {
    const char *at = ops->v[q];

    if (at[0] == 'a' && (at[1] == 0 || at[1] == '*' || at[1] == 'd')) return PETSC_TRUE;
  }
  return PETSC_FALSE;
}

/* sites whose highest level is a cut-off: dimension above 2 in a deck with ladder operators */
PetscBool LbDensityHasCutoff(const Lindblad *c)
{
  const LbModelDeck *deck = &c->model_deck;

  for (PetscInt k = 0; k < deck->hamiltonian.n; k++)
    if (HasLadder(deck, &deck->hamiltonian.item[k].ops)) return PETSC_TRUE;
  for (PetscInt k = 0; k < deck->jumps.n; k++)
    if (HasLadder(deck, &deck->jumps.item[k].ops)) return PETSC_TRUE;
  return PETSC_FALSE;
}

PetscErrorCode LbDensitySetUp(TesProblem problem, Lindblad *c)
{
  LbDensity *d = &c->density;
  int        rank, size;
  char       text[256] = "";

  PetscFunctionBegin;
  d->world = c->world;
  PetscCallMPI(MPI_Comm_rank(d->world, &rank));
  PetscCallMPI(MPI_Comm_size(d->world, &size));
  d->ranks = LbLiouvilleRanks(&c->model, size);
  PetscCallMPI(MPI_Comm_split(d->world, rank < d->ranks ? 0 : MPI_UNDEFINED, rank, &d->comm));
  PetscCall(PetscCalloc1(2 * c->observables.n + 8, &d->values));
  if (d->ranks < size) PetscCall(LbSay(problem, c, "%d of %d ranks work on the density matrix, the others idle", d->ranks, size));
  if (d->comm == MPI_COMM_NULL) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbLiouvilleCreate(d->comm, &c->model, &c->parallel, PETSC_FALSE, text, &d->l));
  PetscCheck(!text[0], d->comm, TES_ERR_DECK, "%s", text);
  if (LbLiouvilleSpace(d->l)->messages) {
    LbTraffic traffic;

    PetscCall(LbLiouvilleTraffic(d->l, &traffic));
    if (c->model.qubits)
      PetscCall(LbSay(problem, c, "ranks send messages: %s, %.4g MB per application and rank (exchange %.4g, remap %.4g), buffers of %.3g MB",
                      !traffic.n_remap ? "exchange" : !traffic.n_exchange ? "remap" : "exchange and remap", (double)traffic.chosen / 1e6, (double)traffic.exchange / 1e6, (double)traffic.remap / 1e6,
                      (double)traffic.buffer / 1e6));
    else PetscCall(LbSay(problem, c, "ranks send messages: remap of columns, %.4g MB per application and rank, buffers of %.3g MB", (double)traffic.chosen / 1e6, (double)traffic.buffer / 1e6));
  }
  PetscCall(LbVecCreate(LbLiouvilleSpace(d->l), &d->x));
  PetscCall(PetscCalloc1(c->observables.n + 1, &d->functional));
  for (int k = 0; k < c->observables.n; k++) {
    const LbObservable *o = &c->observables.item[k];

    for (int t = 0; t < o->n_terms; t++) PetscCall(LbFunctionalAdd(LbLiouvilleSpace(d->l), &c->model, o->term[t].coef, &o->term[t].p, &d->functional[k]));
    PetscCall(LbFunctionalSeal(&d->functional[k]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbDensityDestroy(Lindblad *c)
{
  LbDensity *d = &c->density;

  PetscFunctionBegin;
  for (int k = 0; d->functional && k < c->observables.n; k++) PetscCall(LbFunctionalDestroy(&d->functional[k]));
  PetscCall(PetscFree(d->functional));
  PetscCall(PetscFree(d->values));
  PetscCall(LbVecDestroy(&d->x));
  PetscCall(LbLiouvilleDestroy(&d->l));
  if (d->comm != MPI_COMM_NULL && d->world) PetscCallMPI(MPI_Comm_free(&d->comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbDensityState(Lindblad *c, const char name[], LbVec *x, TesState state)
{
  const LbDensity *d    = &c->density;
  const PetscInt64 n    = c->model.n, width = c->model.qubits ? 1 : n;
  TesStateItem     item = {.name = name, .type = TES_F64, .n_axes = c->model.qubits ? 1 : 2, .shape = {n * n / width, n}, .distributed = PETSC_TRUE, .first = n * n / width,
                           .unit = "1", .axes = c->model.qubits ? "string" : "ket bra", .long_name = c->model.qubits ? "expectation values of Pauli strings" : "density matrix, R below and M above the diagonal"};

  PetscFunctionBegin;
  if (d->comm != MPI_COMM_NULL) {
    const LbSpace *space = LbLiouvilleSpace(d->l);

    PetscCall(LbFence(space));
    item.first   = space->part.first / width;
    item.n_local = space->part.n_local / width;
    item.data    = x->own;
  }
  PetscCall(TesStateVisit(state, &item));
  if (d->comm != MPI_COMM_NULL) PetscCall(LbFence(LbLiouvilleSpace(d->l)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* <H(t)> from the products themselves: few entries each */
static PetscErrorCode Energy(Lindblad *c, const LbVec *x, PetscReal t, PetscReal *energy)
{
  LbDensity *d = &c->density;
  PetscReal *f;
  LbComplex  sum = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(c->model.n_times, &f));
  LbModelFactors(&c->model, t, f);
  for (int k = 0; k < c->model.n_terms; k++) {
    LbFunctional one = {0};
    LbComplex    value;

    PetscCall(LbFunctionalAdd(LbLiouvilleSpace(d->l), &c->model, c->model.term[k].coef, &c->model.term[k].p, &one));
    PetscCall(LbFunctionalValue(LbLiouvilleSpace(c->density.l), &one, x, &value));
    PetscCall(LbFunctionalDestroy(&one));
    sum += f[c->model.term[k].time] * value;
  }
  *energy = creal(sum);
  PetscCall(PetscFree(f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EntropyOf(Lindblad *c, const LbVec *x, PetscInt n_sites, const int site[], PetscReal *entropy, PetscReal *smallest)
{
  PetscInt64 size = 1;
  LbComplex *rho;

  PetscFunctionBegin;
  for (PetscInt s = 0; s < n_sites; s++) size *= c->model.dim[site[s]];
  PetscCall(PetscMalloc1(size * size, &rho));
  PetscCall(LbStateMatrix(LbLiouvilleSpace(c->density.l), &c->model, x, (int)n_sites, site, rho));
  PetscCall(LbEntropy((int)size, rho, entropy, smallest));
  PetscCall(PetscFree(rho));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PurityOf(Lindblad *c, const LbVec *x, PetscInt n_sites, const int site[], PetscReal *purity)
{
  PetscInt64 size = 1;
  LbComplex *rho;

  PetscFunctionBegin;
  for (PetscInt s = 0; s < n_sites; s++) size *= c->model.dim[site[s]];
  PetscCall(PetscMalloc1(size * size, &rho));
  PetscCall(LbStateMatrix(LbLiouvilleSpace(c->density.l), &c->model, x, (int)n_sites, site, rho));
  *purity = 0;
  for (PetscInt64 e = 0; e < size * size; e++) *purity += creal(rho[e] * conj(rho[e]));
  PetscCall(PetscFree(rho));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* smallest eigenvalue of the reduced state of the first sites, at most four and at most 256 levels; population of the highest levels */
static PetscErrorCode Health(Lindblad *c, const LbVec *x, PetscReal *smallest, PetscReal *top)
{
  int        site[4], k = 0;
  PetscInt64 size = 1;
  PetscReal  entropy;

  PetscFunctionBegin;
  while (k < 4 && k < c->model.n_sites && size * c->model.dim[k] <= 256) {
    size *= c->model.dim[k];
    site[k] = k;
    k++;
  }
  *smallest = 0;
  if (k) PetscCall(EntropyOf(c, x, k, site, &entropy, smallest));
  *top = 0;
  for (int m = 0; m < c->model.n_sites && !c->model.qubits; m++) {
    const int    d = c->model.dim[m];
    LbComplex   *projector, value;
    LbProduct    p   = {.n = 1, .site = {m}};
    LbFunctional one = {0};

    if (d < 3) continue;
    PetscCall(PetscCalloc1(d * d, &projector));
    projector[d * d - 1] = 1;
    p.op[0]              = projector;
    PetscCall(LbFunctionalAdd(LbLiouvilleSpace(c->density.l), &c->model, 1, &p, &one));
    PetscCall(LbFunctionalValue(LbLiouvilleSpace(c->density.l), &one, x, &value));
    *top = PetscMax(*top, creal(value));
    PetscCall(LbFunctionalDestroy(&one));
    PetscCall(PetscFree(projector));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbDensityMeasure(Lindblad *c, const LbVec *x, PetscReal t)
{
  LbDensity *d = &c->density;
  const int  n = c->observables.n_columns;
  int        at = 0;

  PetscFunctionBegin;
  if (d->comm != MPI_COMM_NULL) {
    const LbSpace *space = LbLiouvilleSpace(d->l);

    PetscCall(LbFence(space));
    for (int k = 0; k < c->observables.n; k++) {
      const LbObservable *o = &c->observables.item[k];
      LbComplex           value;
      PetscReal           other;

      switch (o->kind) {
      case LB_OBSERVE_PURITY:
        if (o->n_sites) PetscCall(PurityOf(c, x, o->n_sites, o->site, &d->values[at++]));
        else PetscCall(LbPurity(space, x, &d->values[at++]));
        break;
      case LB_OBSERVE_TRACE: PetscCall(LbTrace(space, x, &d->values[at++])); break;
      case LB_OBSERVE_ENERGY: PetscCall(Energy(c, x, t, &d->values[at++])); break;
      case LB_OBSERVE_ENTROPY: PetscCall(EntropyOf(c, x, o->n_sites, o->site, &d->values[at++], &other)); break;
      default:
        PetscCall(LbFunctionalValue(space, &d->functional[k], x, &value));
        d->values[at++] = creal(value);
        if (o->two_parts) d->values[at++] = cimag(value);
      }
    }
    PetscCall(LbTrace(space, x, &d->values[n]));
    PetscCall(LbPurity(space, x, &d->values[n + 1]));
    PetscCall(Health(c, x, &d->values[n + 2], &d->values[n + 3]));
    PetscCall(LbFence(space));
  }
  PetscCallMPI(MPI_Bcast(d->values, n + 4, MPIU_REAL, 0, d->world));
  d->trace          = d->values[n];
  d->purity         = d->values[n + 1];
  d->smallest       = d->values[n + 2];
  d->top_population = d->values[n + 3];
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbDensityColumns(Lindblad *c, TesSeries series)
{
  PetscFunctionBegin;
  for (int k = 0; k < c->observables.n_columns; k++) PetscCall(TesSeriesReal(series, c->observables.column[k], "1", c->density.values[k]));
  PetscFunctionReturn(PETSC_SUCCESS);
}
