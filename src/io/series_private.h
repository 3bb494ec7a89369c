#pragma once
/* The series of a run: shared by what keeps rows (series.c) and what writes files (series_files.c). */
#include <tessera/io.h>
#include "fields_private.h"

enum { TES_COLUMN_VALUE = 'v', TES_COLUMN_STDERR = 'e', TES_COLUMN_TIMING = 't' };

typedef struct {
  char       sort;
  char      *name, *unit;
  PetscReal *value; /* [max_rows] */
} TesColumn;

struct _p_TesSeries {
  MPI_Comm    comm;
  int         rank;
  char       *folder;
  PetscBool   csv, open, snapshot_due, skip, afresh;
  PetscInt64  n_rows, max_rows;
  PetscInt64 *step; /* [max_rows] */
  PetscReal  *time; /* [max_rows] */
  int         n_columns, max_columns;
  TesColumn  *column;
  TesFieldSet fields; /* of the open row */
  PetscInt64  n_shots;
  PetscInt64 *shot_step;
  PetscReal  *shot_time;
  char       *layout; /* of the snapshots: fields_private.h */
};

PetscErrorCode TesSeriesWriteSnapshot(TesSeries series, PetscInt64 step, PetscReal time, const TesProvenance *provenance); /* Collective */
PetscErrorCode TesSeriesRemoveSnapshots(TesSeries series, PetscInt64 after);                                               /* Collective */
