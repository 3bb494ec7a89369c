/* State vectors: n complex amplitudes, real and imaginary parts apart, in memory that the members of a group share or in parts with each of them.

   Amplitudes are split over the members in units of the ordered sums, so norms have the same bits for any number of members and both ways to store them. Index: site 0 fastest. */
#include <math.h>
#include <string.h>
#include <tessera/isa.h>
#include "traj.h"

TES_KERNEL_DECLARE(LbTrajKernels, LbTrajTable);

const LbTrajKernels *LbTrajKernelsPick(void)
{
  return TES_KERNEL_PICK(LbTrajTable);
}

PetscErrorCode LbWaveSpaceCreate(MPI_Comm group, PetscInt64 n, PetscBool messages, LbWaveSpace *space)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(space, sizeof *space));
  space->n       = n;
  space->kernels = LbTrajKernelsPick();
  space->comm    = group;
  PetscCallMPI(MPI_Comm_rank(group, &space->rank));
  PetscCallMPI(MPI_Comm_size(group, &space->size));
  PetscCall(TesPartitionCreate(group, n, TES_SUM_BLOCK, &space->part));
  space->first            = space->part.first;
  space->n_local          = space->part.n_local;
  space->messages         = messages && space->size > 1 ? PETSC_TRUE : PETSC_FALSE;
  space->base             = space->messages ? space->first : 0;
  space->stored           = space->messages ? space->n_local : n;
  space->shared.comm      = space->messages ? PETSC_COMM_SELF : group;
  space->shared.rank      = space->messages ? 0 : space->rank;
  space->shared.size      = space->messages ? 1 : space->size;
  space->shared.n         = space->stored;
  space->shared.n_entries = 2 * space->stored;
  PetscCall(TesPartitionCreate(space->shared.comm, 2 * space->stored, 1, &space->shared.part));
  PetscCall(PetscMalloc1(space->part.n_units_local + 1, &space->leaf));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWaveSpaceDestroy(LbWaveSpace *space)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(space->leaf));
  PetscCall(PetscMemzero(space, sizeof *space));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* sum of the leaves in the fixed tree; one unit needs none */
static PetscErrorCode SumLeaves(const LbWaveSpace *space, PetscReal *sum)
{
  PetscFunctionBegin;
  if (space->part.n_units == 1 && space->size == 1) *sum = space->leaf[0];
  else PetscCall(TesSumOrderedUnits(space->comm, &space->part, 1, space->leaf, sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWaveNorm(const LbWaveSpace *space, const LbVec *psi, PetscReal *norm)
{
  PetscFunctionBegin;
  for (PetscInt64 u = 0; u < space->part.n_units_local; u++) {
    const PetscInt64 at = space->first - space->base + u * TES_SUM_BLOCK, m = PetscMin(TES_SUM_BLOCK, space->n - space->base - at);

    space->leaf[u] = space->kernels->square(m, psi->all + at) + space->kernels->square(m, psi->all + space->stored + at);
  }
  PetscCall(SumLeaves(space, norm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define MAX_TERMS 8

PetscErrorCode LbWaveCombine(const LbWaveSpace *space, int m, const double c[], const LbVec *const v[], LbVec *y)
{
  const double *part[MAX_TERMS];

  PetscFunctionBegin;
  PetscCheck(m >= 1 && m <= MAX_TERMS, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%d vectors", m);
  for (int half = 0; half < 2; half++) {
    const PetscInt64 at = space->first - space->base + half * space->stored;

    for (int k = 0; k < m; k++) part[k] = v[k]->all + at;
    space->kernels->combine(space->n_local, m, c, part, y->all + at);
  }
  PetscCall(LbFence(&space->shared));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWaveCombineNorm(const LbWaveSpace *space, int m, const double c[], const LbVec *const v[], PetscReal *norm)
{
  const double *part[MAX_TERMS];

  PetscFunctionBegin;
  PetscCheck(m >= 1 && m <= MAX_TERMS, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%d vectors", m);
  for (PetscInt64 u = 0; u < space->part.n_units_local; u++) {
    const PetscInt64 at = space->first - space->base + u * TES_SUM_BLOCK, size = PetscMin(TES_SUM_BLOCK, space->n - space->base - at);

    space->leaf[u] = 0;
    for (int half = 0; half < 2; half++) {
      for (int k = 0; k < m; k++) part[k] = v[k]->all + at + half * space->stored;
      space->leaf[u] += space->kernels->square_combine(size, m, c, part);
    }
  }
  PetscCall(SumLeaves(space, norm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWaveScale(const LbWaveSpace *space, PetscReal c, LbVec *psi)
{
  PetscFunctionBegin;
  for (int half = 0; half < 2; half++) {
    double *x = psi->all + space->first - space->base + half * space->stored;

    for (PetscInt64 i = 0; i < space->n_local; i++) x[i] *= c;
  }
  PetscCall(LbFence(&space->shared));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWaveProduct(const LbWaveSpace *space, const LbModel *model, const LbComplex *const local[], LbVec *psi)
{
  PetscFunctionBegin;
  for (PetscInt64 i = space->first; i < space->first + space->n_local; i++) {
    LbComplex  value = 1;
    PetscInt64 rest  = i;

    for (int m = 0; m < model->n_sites && value != 0; m++) {
      value *= local[m][rest % model->dim[m]];
      rest /= model->dim[m];
    }
    psi->all[i - space->base]                 = creal(value);
    psi->all[space->stored + i - space->base] = cimag(value);
  }
  PetscCall(LbFence(&space->shared));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWaveBasis(const LbWaveSpace *space, PetscInt64 index, LbVec *psi)
{
  PetscFunctionBegin;
  for (PetscInt64 i = space->first; i < space->first + space->n_local; i++) {
    psi->all[i - space->base]                 = i == index ? 1 : 0;
    psi->all[space->stored + i - space->base] = 0;
  }
  PetscCall(LbFence(&space->shared));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbWaveSet(const LbWaveSpace *space, const double *re, const double *im, LbVec *psi)
{
  PetscFunctionBegin;
  PetscCall(PetscArraycpy(psi->all + space->first - space->base, re + space->first, space->n_local));
  PetscCall(PetscArraycpy(psi->all + space->stored + space->first - space->base, im + space->first, space->n_local));
  PetscCall(LbFence(&space->shared));
  PetscFunctionReturn(PETSC_SUCCESS);
}
