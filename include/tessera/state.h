#pragma once
/* The visitor of a problem's state. A problem names each item once, in its `state` function; who visits decides what happens:
   the checkpoint writer saves, the reader restores, others measure, compare, scan for NaN. So saving and loading cannot drift apart.

   The interface lives in core so that grid, tensor and optim can describe their own state; io and driver implement visitors. */
#include <tessera/partition.h>

typedef enum {
  TES_F64,
  TES_F32,
  TES_I64,
  TES_I32,
  TES_U8
} TesType;

size_t      TesTypeBytes(TesType type);
const char *TesTypeName(TesType type);

#define TES_MAX_AXES 5

/* One array of the state, or of a result file. Row-major; axis 0 is the one that is split over the ranks. */
typedef struct {
  const char *name;                /* path with '/', unique within the state */
  TesType     type;
  PetscBool   complex_pairs;       /* last axis of length 2 holds (re, im): stored as compound {r, i}, that axis dropped */
  int         n_axes;              /* 0 for a scalar */
  PetscInt64  shape[TES_MAX_AXES]; /* global shape */
  PetscBool   distributed;         /* false: the same values on every rank */
  PetscInt64  first, n_local;      /* distributed: the rows (axis 0) of this rank */
  void       *data;                /* the local values, contiguous; borrowed */
  const char *unit, *long_name, *axes; /* attributes, may be NULL; axes: names of the axes, blank separated ("y x") */
} TesStateItem;

typedef enum {
  TES_STATE_READS_PROBLEM,  /* the visitor looks at the data: save, hash, compare, scan, measure */
  TES_STATE_WRITES_PROBLEM  /* the visitor changes the data: restore, inject a fault */
} TesStateMode;

typedef struct _p_TesState *TesState;

/* What a visitor implements. `peek` tells the stored shape of an item before its data are read (restore only; NULL elsewhere). */
typedef struct {
  TesStateMode mode;
  PetscErrorCode (*visit)(TesState state, TesStateItem *item);
  PetscErrorCode (*peek)(TesState state, const char name[], PetscBool *found, int *n_axes, PetscInt64 shape[TES_MAX_AXES]);
} TesStateOps;

struct _p_TesState {
  const TesStateOps *ops;
  MPI_Comm           comm;
  void              *impl;        /* the visitor's own data */
  char               prefix[128]; /* "optimizer/": set by TesStatePush */
};

/*@
  TesStateReal, TesStateInt, TesStateBool - one replicated scalar

  Collective
@*/
PetscErrorCode TesStateReal(TesState state, const char name[], PetscReal *value);
PetscErrorCode TesStateInt(TesState state, const char name[], PetscInt64 *value);
PetscErrorCode TesStateIndex(TesState state, const char name[], PetscInt *value);
PetscErrorCode TesStateBool(TesState state, const char name[], PetscBool *value);

/*@
  TesStateReals, TesStateInts - a replicated array of fixed length, the same on every rank

  Collective
@*/
PetscErrorCode TesStateReals(TesState state, const char name[], PetscInt64 n, PetscReal *values);
PetscErrorCode TesStateInts(TesState state, const char name[], PetscInt64 n, PetscInt64 *values);

/*@
  TesStateRealsGrow - a replicated array whose length is part of the state (an active set, a history)

  Collective

  Input/Output Parameters:
+ n      - length; set on restore
- values - array obtained from PetscMalloc1; on restore it is freed and allocated anew with the stored length (NULL and 0 are fine)
@*/
PetscErrorCode TesStateRealsGrow(TesState state, const char name[], PetscInt64 *n, PetscReal **values);
PetscErrorCode TesStateIntsGrow(TesState state, const char name[], PetscInt64 *n, PetscInt64 **values);

/*@
  TesStateRows - an array of part->n rows of `width` values, the rows split over the ranks as in part

  Collective
@*/
PetscErrorCode TesStateRows(TesState state, const char name[], TesType type, const TesPartition *part, PetscInt64 width, void *values);

/*@
  TesStateVisit - any item, described by the caller; item->name is without the prefix

  Collective
@*/
PetscErrorCode TesStateVisit(TesState state, const TesStateItem *item);

/*@
  TesStatePush - put "name/" before the names that follow, until the matching TesStatePop

  Not Collective
@*/
PetscErrorCode TesStatePush(TesState state, const char name[]);
PetscErrorCode TesStatePop(TesState state);

/* ---- visitors that core itself provides ---- */

/* Where a value that is not finite was found. */
typedef struct {
  PetscBool  found;
  char       name[128];
  PetscInt64 index[TES_MAX_AXES]; /* global */
  int        n_axes;
  PetscReal  value;
} TesNotFinite;

/*@
  TesStateCreateScan - a visitor that looks for the first value that is not finite (lowest item, then lowest global index)

  Collective on use; the finding is agreed by TesStateScanResult

  TesStateCreateMeasure counts the bytes of all items: in the whole state and on this rank.
  TesStateCreatePoison puts a NaN into the first real item on the given rank (fault hook and tests).
  All are destroyed by TesStateDestroySimple.
@*/
PetscErrorCode TesStateCreateScan(MPI_Comm comm, TesState *state);
PetscErrorCode TesStateScanResult(TesState state, TesNotFinite *result); /* Collective */
PetscErrorCode TesStateCreateMeasure(MPI_Comm comm, TesState *state);
PetscErrorCode TesStateMeasureResult(TesState state, PetscInt64 *global_bytes, PetscInt64 *local_bytes, PetscInt *n_items);
PetscErrorCode TesStateCreatePoison(MPI_Comm comm, int rank, TesState *state);
PetscErrorCode TesStateDestroySimple(TesState *state);
