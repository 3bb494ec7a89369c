#pragma once
/* Inside of grids and fields. */
#include <tessera/grid.h>

struct _p_TesGrid {
  MPI_Comm     comm;
  PetscInt     references;
  TesGridSpec  spec;               /* zeros resolved */
  TesPartition part;               /* rows of the slowest dimension */
  PetscInt64   row;                /* values of one row: all points of the other dimensions times components */
  PetscReal   *x[TES_MAX_DIM];     /* [n[d]] coordinates */
  PetscReal   *w[TES_MAX_DIM];     /* [n[d]] weights */
};

struct _p_TesField {
  TesGrid    grid;
  char      *name, *unit, *long_name;
  PetscReal *values;   /* [n_local][row] */
  PetscBool  borrowed; /* between GetArray and RestoreArray */
};
