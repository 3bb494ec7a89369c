#pragma once
/* Tensor-product grids on boxes in 1-3 dimensions and the fields on them.

   Dimensions d = 0, 1, 2 are x, y, z. Arrays are row-major with x fastest, u[z][y][x], so that ParaView and matplotlib read them as they are; the slowest
   dimension is cut in slabs over the ranks (TesPartition over its rows, in units of `unit` rows that are never cut). */
#include <tessera/state.h>
#include <tessera/record.h>
#include <tessera/expr.h>

#define TES_MAX_DIM 3

typedef enum {
  TES_NODES_UNIFORM,   /* x_i = lower + i h, both ends included; periodic: the upper end is not stored */
  TES_NODES_CHEBYSHEV, /* x_i = lower + L (1 - cos(pi i / (n - 1))) / 2, with Clenshaw-Curtis weights */
  TES_NODES_CELLS      /* cell centres: x_i = lower + (i + 1/2) h */
} TesNodes;

typedef struct _p_TesGrid *TesGrid;

typedef struct {
  PetscInt    dim;                 /* 1, 2, 3 */
  PetscInt64  n[TES_MAX_DIM];      /* points per dimension, x first */
  PetscReal   lower[TES_MAX_DIM], upper[TES_MAX_DIM];
  TesNodes    nodes[TES_MAX_DIM];
  PetscBool   periodic[TES_MAX_DIM];
  PetscInt64  unit;                /* rows of the slowest dimension per unit; 0: 1 */
  PetscInt    components;          /* values per point, innermost axis; 0: 1 (no such axis) */
  const char *label[TES_MAX_DIM];  /* what the axes are called in pictures, literals; NULL: x, y, z */
} TesGridSpec;

/*@
  TesGridCreate - a grid

  Not Collective (asks comm for rank and size)
@*/
PetscErrorCode TesGridCreate(MPI_Comm comm, const TesGridSpec *spec, TesGrid *grid);
PetscErrorCode TesGridReference(TesGrid grid);
PetscErrorCode TesGridDestroy(TesGrid *grid);

/*@
  TesGridGetSpec        - what it was made from, zeros resolved
  TesGridGetPartition   - how the slowest dimension is split (borrowed)
  TesGridGetCoordinates - [n[d]] coordinates of dimension d, the same on every rank (borrowed)
  TesGridGetWeights     - [n[d]] quadrature weights of dimension d: trapezoid, Clenshaw-Curtis or midpoint (borrowed)
  TesGridLocalSize      - values of this rank (points times components)
  TesGridComm           - its communicator
@*/
const TesGridSpec  *TesGridGetSpec(TesGrid grid);
const TesPartition *TesGridGetPartition(TesGrid grid);
const PetscReal    *TesGridGetCoordinates(TesGrid grid, PetscInt d);
const PetscReal    *TesGridGetWeights(TesGrid grid, PetscInt d);
PetscInt64          TesGridLocalSize(TesGrid grid);
MPI_Comm            TesGridComm(TesGrid grid);

/*@
  TesFieldCreate - a field of zeros on a grid

  Not Collective

  Input Parameters:
+ grid - the grid; referenced
- name - dataset name: "u"

  Output Parameter:
. field - the field; the caller owns it
@*/
PetscErrorCode TesFieldCreate(TesGrid grid, const char name[], TesField *field);
PetscErrorCode TesFieldDestroy(TesField *field);
PetscErrorCode TesFieldSetAttributes(TesField field, const char unit[], const char long_name[]);

/*@
  TesFieldGetArray - the local values, u[z local][y][x][component], contiguous (borrowed: give it back by TesFieldRestoreArray)
  TesFieldGrid, TesFieldName - what it was made from (borrowed)
@*/
PetscErrorCode TesFieldGetArray(TesField field, PetscReal **values);
PetscErrorCode TesFieldRestoreArray(TesField field, PetscReal **values);
TesGrid        TesFieldGrid(TesField field);
const char    *TesFieldName(TesField field);

/*@
  TesFieldItem - describe a field as a state item (shape, rows of this rank, attributes); item points into the field

  Not Collective

  TesStateField - visit a field of the state. Collective
@*/
PetscErrorCode TesFieldItem(TesField field, TesStateItem *item);
PetscErrorCode TesStateField(TesState state, const char name[], TesField field);

/*@
  TesFieldEvaluate - set a field of one component to an expression in the coordinates (variables x, y, z: the first dim of them)

  Not Collective
@*/
PetscErrorCode TesFieldEvaluate(TesField field, TesExpr expr);

/*@
  TesFieldNorm - discrete L2 norm sqrt(sum w u^2) with the grid's quadrature weights (weighted), or plain root mean square
  TesFieldNormMax - maximum of |u|

  Collective; ordered sums: the same bits for every rank count
@*/
PetscErrorCode TesFieldNorm(TesField field, PetscBool weighted, PetscReal *norm);
PetscErrorCode TesFieldNormMax(TesField field, PetscReal *norm);

/*@
  TesFieldHalo - rows of the neighbours below and above this rank's slab (width rows each), by neighbour messages

  Collective

  Output Parameters:
+ below - [width][row] rows first - width .. first - 1; at a physical end of a dimension that is not periodic: zeros
- above - [width][row] rows first + n_local .. first + n_local + width - 1

  Note: ranks may own fewer than `width` rows or none; rows are fetched from whoever owns them.
@*/
PetscErrorCode TesFieldHalo(TesField field, PetscInt width, PetscReal *below, PetscReal *above);

/*@
  TesGridNodes - coordinates and quadrature weights of a node set on [lower, upper]; weights may be NULL

  Not Collective
@*/
PetscErrorCode TesGridNodes(TesNodes kind, PetscBool periodic, PetscInt64 n, PetscReal lower, PetscReal upper, PetscReal *x, PetscReal *weights);
