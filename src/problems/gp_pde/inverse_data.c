/* Observations of u: from an HDF5 file (dataset x of shape [n][dimensions], or [n] in one dimension; dataset u of shape [n]), or made from the known solution: inverse.synthetic points,
   uniform in the box, with normal noise, functions of run.seed and the number of the observation. Split over the ranks in units. */
#include "inverse.h"
#include <tessera/h5.h>
#include <tessera/random.h>

#define UNIT 64

static PetscErrorCode Shapes(GpPde *gp, hid_t file, TesStateItem *x, TesStateItem *u, char message[], size_t size)
{
  TesType   type;
  PetscBool found;

  PetscFunctionBegin;
  message[0] = '\0';
  *x         = (TesStateItem){.name = "x", .type = TES_F64};
  *u         = (TesStateItem){.name = "u", .type = TES_F64};
  PetscCall(TesH5Shape(file, "x", &found, &type, &x->n_axes, x->shape));
  if (!found) PetscCall(PetscSNPrintf(message, size, "it has no dataset `x` with the places"));
  else {
    PetscCall(TesH5Shape(file, "u", &found, &type, &u->n_axes, u->shape));
    if (!found) PetscCall(PetscSNPrintf(message, size, "it has no dataset `u` with the values"));
    else if (u->n_axes != 1 || u->shape[0] < 1) PetscCall(PetscSNPrintf(message, size, "its dataset `u` must be a list of values"));
    else if (!(x->n_axes == 1 && gp->dim == 1) && !(x->n_axes == 2 && x->shape[1] == gp->dim))
      PetscCall(PetscSNPrintf(message, size, "its dataset `x` must have the shape [%lld][%" PetscInt_FMT "], one row per value of `u`", (long long)u->shape[0], gp->dim));
    else if (u->shape[0] > PETSC_MAX_INT) PetscCall(PetscSNPrintf(message, size, "its %lld values are more than can be fitted", (long long)u->shape[0]));
    else if (x->shape[0] != u->shape[0])
      PetscCall(PetscSNPrintf(message, size, "its dataset `x` has %lld places and `u` %lld values", (long long)x->shape[0], (long long)u->shape[0]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Allocate(GpPde *gp, PetscInt64 n, GpObservations *o)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(o, sizeof(*o)));
  o->n = n;
  PetscCall(TesPartitionCreate(gp->comm, n, UNIT, &o->part));
  PetscCall(PetscMalloc2((size_t)(o->part.n_local * gp->dim), &o->x, (size_t)o->part.n_local, &o->u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpObservationsDestroy(GpObservations *o)
{
  PetscFunctionBegin;
  PetscCall(PetscFree2(o->x, o->u));
  PetscCall(PetscMemzero(o, sizeof(*o)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FromFile(GpPde *gp, GpObservations *o, char message[], size_t size)
{
  TesStateItem x, u;
  hid_t        file;

  PetscFunctionBegin;
  PetscCall(TesH5OpenRead(gp->comm, gp->inverse.data, &file));
  PetscCall(Shapes(gp, file, &x, &u, message, size));
  if (!message[0]) {
    PetscCall(Allocate(gp, u.shape[0], o));
    x.distributed = u.distributed = PETSC_TRUE;
    x.first = u.first = o->part.first;
    x.n_local = u.n_local = o->part.n_local;
    x.data                = o->x;
    u.data                = o->u;
    PetscCall(TesH5ReadItem(gp->comm, file, "x", &x));
    PetscCall(TesH5ReadItem(gp->comm, file, "u", &u));
  }
  PetscCall(TesH5Close(&file));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TruthAt(GpPde *gp, const PetscReal x[], PetscReal *u)
{
  GpPoints point = {.count = 1};

  PetscFunctionBegin;
  for (PetscInt d = 0; d < GP_DIM; d++) {
    point.n[d] = 1;
    point.x[d] = &x[d];
  }
  PetscCall(GpExprEvaluate(gp->truth, gp->dim, &point, u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Synthetic(GpPde *gp, GpObservations *o)
{
  const PetscInt64 seed = TesProblemSeed(gp->problem);

  PetscFunctionBegin;
  PetscCall(Allocate(gp, gp->inverse.synthetic, o));
  for (PetscInt64 i = 0; i < o->part.n_local; i++) {
    const uint32_t number = (uint32_t)(o->part.first + i);
    PetscReal      at[3]  = {0, 0, 0}, pair[2];

    for (PetscInt d = 0; d < gp->dim; d++) {
      TesRandomUniform(seed, TES_STREAM_OBSERVATION_NOISE, number, (uint32_t)d, 0, pair);
      at[d] = o->x[i * gp->dim + d] = gp->lower[d] + gp->length[d] * pair[0];
    }
    TesRandomNormal(seed, TES_STREAM_OBSERVATION_NOISE, number, GP_DIM, 0, pair);
    PetscCall(TruthAt(gp, at, &o->u[i]));
    o->u[i] += gp->inverse.noise_sd * pair[0];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpObservationsCreate(GpPde *gp, GpObservations *o)
{
  char message[160];

  PetscFunctionBegin;
  if (!gp->inverse.data) PetscCall(Synthetic(gp, o));
  else {
    PetscCall(FromFile(gp, o, message, sizeof(message)));
    PetscCheck(!message[0], gp->comm, TES_ERR_DECK, "%s: %s", gp->inverse.data, message);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpObservationsCheck(TesProblem problem, GpPde *gp)
{
  GpObservations o;
  char           message[160];
  long long      bad = -1, worst;

  PetscFunctionBegin;
  if (!gp->inverse.data) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(FromFile(gp, &o, message, sizeof(message)));
  if (message[0]) {
    PetscCall(TesDeckComplain(problem, "inverse.data", "not a file of observations: %s", message));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt64 i = o.part.n_local - 1; i >= 0; i--) {
    PetscBool good = PetscIsInfOrNanReal(o.u[i]) ? PETSC_FALSE : PETSC_TRUE;

    for (PetscInt d = 0; d < gp->dim; d++) {
      const PetscReal x = o.x[i * gp->dim + d];

      if (!(x >= gp->lower[d] && x <= gp->lower[d] + gp->length[d])) good = PETSC_FALSE;
    }
    if (!good) bad = (long long)(o.part.first + i);
  }
  PetscCallMPI(MPI_Allreduce(&bad, &worst, 1, MPI_LONG_LONG, MPI_MAX, gp->comm));
  if (worst >= 0) PetscCall(TesDeckComplain(problem, "inverse.data", "not a file of observations in the box: number %lld lies outside or is not finite", worst));
  PetscCall(GpObservationsDestroy(&o));
  PetscFunctionReturn(PETSC_SUCCESS);
}
