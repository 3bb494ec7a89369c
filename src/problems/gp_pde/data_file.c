/* Source and boundary values from HDF5 files.

   source.dataset (default /f):       the source on the nodes, shape [n_z][n_y][n_x] (fewer axes in fewer dimensions), any real type.
   boundary.group (default /boundary): one dataset per side, named x_lower, x_upper, y_lower, y_upper, z_lower, z_upper, on the nodes of that side:
                                      2-D: x sides [n_y], y sides [n_x]; 3-D: x [n_z][n_y], y [n_z][n_x], z [n_y][n_x]; 1-D: one number (shape [1] or scalar);
                                      in time: initial and, for second order, velocity. Only what is prescribed must be there.
   The source is read by rows, each rank its own; the sides are read whole by every rank. */
#include "gp_pde.h"
#include <tessera/h5.h>

static void FaceShape(const GpPde *gp, PetscInt d, int *n_axes, PetscInt64 shape[TES_MAX_AXES])
{
  *n_axes = 0;
  for (PetscInt j = gp->dim - 1; j >= 0; j--) {
    if (j != d) shape[(*n_axes)++] = gp->n[j];
  }
}

PetscErrorCode GpFileSource(GpPde *gp, const GpPoints *points, PetscReal *f)
{
  TesStateItem item = {.name = gp->source.dataset, .type = TES_F64, .n_axes = (int)gp->dim, .distributed = PETSC_TRUE};
  hid_t        file;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) item.shape[d] = points->n[gp->dim - 1 - d];
  item.first   = points->first;
  item.n_local = points->count;
  item.data    = f;
  PetscCall(TesH5OpenRead(gp->comm, gp->source.file, &file));
  PetscCall(TesH5ReadItem(gp->comm, file, gp->source.dataset, &item));
  PetscCall(TesH5Close(&file));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpFileFace(GpPde *gp, PetscInt d, PetscInt k, const GpPoints *points, PetscReal *g)
{
  TesStateItem item = {.type = TES_F64};
  TesType      type;
  PetscBool    found;
  hid_t        file;
  char         name[PETSC_MAX_PATH_LEN];

  PetscFunctionBegin;
  (void)points;
  PetscCall(PetscSNPrintf(name, sizeof(name), "%s/%s", gp->boundary.group, gp->trace[d][k].name));
  item.name = name;
  item.data = g;
  FaceShape(gp, d, &item.n_axes, item.shape);
  PetscCall(TesH5OpenRead(gp->comm, gp->boundary.file, &file));
  if (gp->dim == 1) PetscCall(TesH5Shape(file, name, &found, &type, &item.n_axes, item.shape)); /* a number may be a scalar or one item */
  PetscCall(TesH5ReadItem(gp->comm, file, name, &item));
  PetscCall(TesH5Close(&file));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void ShapeText(int n_axes, const PetscInt64 shape[], char text[], size_t size)
{
  size_t used = 0;

  text[0] = '\0';
  for (int a = 0; a < n_axes && used < size; a++) used += (size_t)snprintf(text + used, size - used, "[%lld]", (long long)shape[a]);
  if (!n_axes) snprintf(text, size, "a number");
}

static PetscErrorCode CheckDataset(TesProblem problem, hid_t file, const char key[], const char name[], int n_axes, const PetscInt64 shape[], PetscBool *ready)
{
  PetscInt64 stored[TES_MAX_AXES] = {0};
  int        stored_axes          = 0;
  TesType    type;
  PetscBool  found, same;
  char       want[96], have[96];

  PetscFunctionBegin;
  PetscCall(TesH5Shape(file, name, &found, &type, &stored_axes, stored));
  if (!found) {
    *ready = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, key, "not right for this file: it has no dataset `%s`", name));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  same = stored_axes == n_axes ? PETSC_TRUE : PETSC_FALSE;
  for (int a = 0; same && a < n_axes; a++) {
    if (stored[a] != shape[a]) same = PETSC_FALSE;
  }
  if (n_axes == 0 && stored_axes == 1 && stored[0] == 1) same = PETSC_TRUE;
  if (!same) {
    *ready = PETSC_FALSE;
    ShapeText(n_axes, shape, want, sizeof(want));
    ShapeText(stored_axes, stored, have, sizeof(have));
    PetscCall(TesDeckComplain(problem, key, "of another shape than domain.points: dataset `%s` has %s, wanted is %s (slowest dimension first)", name, have, want));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A file that is no HDF5 file, or a damaged one, is the deck's mistake. *file is negative then. */
static PetscErrorCode OpenToCheck(TesProblem problem, GpPde *gp, const char key[], const char path[], hid_t *file, PetscBool *ready)
{
  PetscErrorCode ierr = TesH5OpenRead(gp->comm, path, file);

  PetscFunctionBegin;
  if (ierr == TES_ERR_WORLD) {
    *ready = PETSC_FALSE;
    *file  = -1;
    PetscCall(TesDeckComplain(problem, key, ": %s", TesErrorMessage()));
    TesErrorForget();
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpFileCheck(TesProblem problem, GpPde *gp, PetscBool *ready)
{
  PetscInt64 shape[TES_MAX_AXES];
  int        n_axes;
  hid_t      file;
  char       name[PETSC_MAX_PATH_LEN];

  PetscFunctionBegin;
  if (gp_data_kinds[gp->source.from].source == GpFileSource && gp->source.file) {
    PetscCall(OpenToCheck(problem, gp, "source.file", gp->source.file, &file, ready));
    for (PetscInt d = 0; d < gp->dim; d++) shape[d] = gp->n[gp->dim - 1 - d];
    if (file >= 0) {
      PetscCall(CheckDataset(problem, file, "source.dataset", gp->source.dataset, (int)gp->dim, shape, ready));
      PetscCall(TesH5Close(&file));
    }
  }
  if (gp_data_kinds[gp->boundary.from].face == GpFileFace && gp->boundary.file) {
    PetscCall(OpenToCheck(problem, gp, "boundary.file", gp->boundary.file, &file, ready));
    for (PetscInt d = 0; d < gp->dim && file >= 0; d++) {
      for (PetscInt k = 0; k < gp->n_trace[d]; k++) {
        PetscCall(PetscSNPrintf(name, sizeof(name), "%s/%s", gp->boundary.group, gp->trace[d][k].name));
        FaceShape(gp, d, &n_axes, shape);
        PetscCall(CheckDataset(problem, file, "boundary.group", name, n_axes, shape, ready));
      }
    }
    if (file >= 0) PetscCall(TesH5Close(&file));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
