/* The visitors that need no file: scan for values that are not finite, count bytes, inject a NaN. */
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <tessera/state.h>

typedef struct {
  /* scan: items in the order visited, so "the first" is the same on every rank */
  PetscInt     items, found_item; /* found_item: -1 none */
  PetscInt64   found_at;          /* flat global index */
  TesNotFinite finding;
  /* measure */
  PetscInt64 global_bytes, local_bytes;
  /* poison */
  int       rank;
  PetscBool done;
} Visit;

static PetscErrorCode CreateVisitor(MPI_Comm comm, const TesStateOps *ops, TesState *state)
{
  Visit *visit;

  PetscFunctionBegin;
  PetscCall(PetscNew(state));
  PetscCall(PetscNew(&visit));
  visit->found_item = -1;
  (*state)->ops     = ops;
  (*state)->comm    = comm;
  (*state)->impl    = visit;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateDestroySimple(TesState *state)
{
  PetscFunctionBegin;
  if (!*state) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscFree((*state)->impl));
  PetscCall(PetscFree(*state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt64 RowSize(const TesStateItem *item)
{
  PetscInt64 n = 1;

  for (int a = 1; a < item->n_axes; a++) n *= item->shape[a];
  return n;
}

static PetscInt64 LocalCount(const TesStateItem *item)
{
  if (!item->n_axes) return 1;
  return (item->distributed ? item->n_local : item->shape[0]) * RowSize(item);
}

static PetscErrorCode Scan(TesState state, TesStateItem *item)
{
  Visit     *visit = state->impl;
  PetscInt64 n = LocalCount(item), first = item->distributed ? item->first * RowSize(item) : 0;

  PetscFunctionBegin;
  if (visit->found_item < 0 && (item->type == TES_F64 || item->type == TES_F32)) {
    const double *x = item->data;
    const float  *y = item->data;

    for (PetscInt64 i = 0; i < n; i++) {
      double value = item->type == TES_F64 ? x[i] : (double)y[i];

      if (isfinite(value)) continue;
      visit->found_item     = visit->items;
      visit->found_at       = first + i;
      visit->finding.found  = PETSC_TRUE;
      visit->finding.value  = value;
      visit->finding.n_axes = item->n_axes;
      PetscCall(PetscStrncpy(visit->finding.name, item->name, sizeof visit->finding.name));
      for (int a = 0; a < item->n_axes; a++) {
        PetscInt64 flat = visit->found_at;

        for (int b = item->n_axes - 1; b > a; b--) flat /= item->shape[b];
        visit->finding.index[a] = a ? flat % item->shape[a] : flat;
      }
      break;
    }
  }
  visit->items++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesStateOps scan_ops = {.mode = TES_STATE_READS_PROBLEM, .visit = Scan};

PetscErrorCode TesStateCreateScan(MPI_Comm comm, TesState *state)
{
  PetscFunctionBegin;
  PetscCall(CreateVisitor(comm, &scan_ops, state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateScanResult(TesState state, TesNotFinite *result)
{
  Visit     *visit = state->impl;
  PetscInt64 key[2], all[2];
  int        rank, owner_in, owner;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(state->comm, &rank));
  key[0] = visit->found_item < 0 ? PETSC_MAX_INT : visit->found_item;
  PetscCallMPI(MPI_Allreduce(&key[0], &all[0], 1, MPIU_INT64, MPI_MIN, state->comm));
  if (all[0] == PETSC_MAX_INT) {
    PetscCall(PetscMemzero(result, sizeof *result));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  key[1] = key[0] == all[0] ? visit->found_at : INT64_MAX;
  PetscCallMPI(MPI_Allreduce(&key[1], &all[1], 1, MPIU_INT64, MPI_MIN, state->comm));
  owner_in = (key[0] == all[0] && key[1] == all[1]) ? rank : -1;
  PetscCallMPI(MPI_Allreduce(&owner_in, &owner, 1, MPI_INT, MPI_MAX, state->comm));
  *result = visit->finding;
  PetscCallMPI(MPI_Bcast(result, (int)sizeof *result, MPI_BYTE, owner, state->comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Measure(TesState state, TesStateItem *item)
{
  Visit     *visit = state->impl;
  PetscInt64 all   = item->n_axes ? item->shape[0] * RowSize(item) : 1;

  PetscFunctionBegin;
  visit->items++;
  visit->global_bytes += all * (PetscInt64)TesTypeBytes(item->type);
  visit->local_bytes += LocalCount(item) * (PetscInt64)TesTypeBytes(item->type);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesStateOps measure_ops = {.mode = TES_STATE_READS_PROBLEM, .visit = Measure};

PetscErrorCode TesStateCreateMeasure(MPI_Comm comm, TesState *state)
{
  PetscFunctionBegin;
  PetscCall(CreateVisitor(comm, &measure_ops, state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateMeasureResult(TesState state, PetscInt64 *global_bytes, PetscInt64 *local_bytes, PetscInt *n_items)
{
  Visit *visit = state->impl;

  PetscFunctionBegin;
  if (global_bytes) *global_bytes = visit->global_bytes;
  if (local_bytes) *local_bytes = visit->local_bytes;
  if (n_items) *n_items = visit->items;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A replicated item is poisoned on every rank, as a fault of the mathematics would be; a distributed one on the given rank only. */
static PetscErrorCode Poison(TesState state, TesStateItem *item)
{
  Visit    *visit = state->impl;
  int       rank;
  PetscBool here;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(state->comm, &rank));
  if (visit->done || (item->type != TES_F64 && item->type != TES_F32)) PetscFunctionReturn(PETSC_SUCCESS);
  here = item->distributed ? (PetscBool)(rank == visit->rank) : PETSC_TRUE;
  if (here && LocalCount(item) > 0) {
    if (item->type == TES_F64) ((double *)item->data)[0] = NAN;
    else ((float *)item->data)[0] = NAN;
  }
  {
    int hit = here && LocalCount(item) > 0, any;
    PetscCallMPI(MPI_Allreduce(&hit, &any, 1, MPI_INT, MPI_MAX, state->comm));
    visit->done = any ? PETSC_TRUE : PETSC_FALSE;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesStateOps poison_ops = {.mode = TES_STATE_WRITES_PROBLEM, .visit = Poison};

PetscErrorCode TesStateCreatePoison(MPI_Comm comm, int rank, TesState *state)
{
  PetscFunctionBegin;
  PetscCall(CreateVisitor(comm, &poison_ops, state));
  ((Visit *)(*state)->impl)->rank = rank;
  PetscFunctionReturn(PETSC_SUCCESS);
}
