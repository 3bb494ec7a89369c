/* Files of samples: /x [n][c_in][(z)][y][x], /y [n][c_out][..], and of our own making /residual [n] (relative residual of each solve) and /its [n].

   A file of ours carries the attribute `recipe`: one line with everything that the samples depend on. A file is used if its recipe is that of the deck, or if it has
   none (external data) and its shapes fit. Samples are rows of axis 0, split over the ranks; no rank holds more than its own. */
#include <unistd.h>
#include "mgno.h"

PetscErrorCode MgnoDataRecipe(TesProblem problem, char **recipe)
{
  const Mgno *m = TesProblemCtx(problem);
  char        numbers[512];

  PetscFunctionBegin;
  numbers[0] = 0;
  switch (m->data.family) {
  case MGNO_PIECEWISE:
    PetscCall(PetscSNPrintf(numbers, sizeof(numbers), "alpha %.17g tau %.17g high %.17g low %.17g source %.17g", (double)m->data.grf.alpha, (double)m->data.grf.tau, (double)m->data.high, (double)m->data.low,
                            (double)m->data.source));
    break;
  case MGNO_LOGNORMAL:
    PetscCall(PetscSNPrintf(numbers, sizeof(numbers), "alpha %.17g tau %.17g log_scale %.17g source %.17g", (double)m->data.grf.alpha, (double)m->data.grf.tau, (double)m->data.log_scale, (double)m->data.source));
    break;
  case MGNO_TRIG: PetscCall(PetscSNPrintf(numbers, sizeof(numbers), "source %.17g", (double)m->data.source)); break;
  case MGNO_POISSON: PetscCall(PetscSNPrintf(numbers, sizeof(numbers), "alpha %.17g tau %.17g", (double)m->data.grf.alpha, (double)m->data.grf.tau)); break;
  case MGNO_HELMHOLTZ: PetscCall(PetscSNPrintf(numbers, sizeof(numbers), "omega %.17g", (double)m->data.omega)); break;
  case MGNO_NAVIER_STOKES:
    PetscCall(PetscSNPrintf(numbers, sizeof(numbers), "alpha %.17g tau %.17g viscosity %.17g force %.17g dt %.17g frame_time %.17g frames %" PetscInt_FMT, (double)m->data.grf.alpha, (double)m->data.grf.tau,
                            (double)m->data.viscosity, (double)m->data.force, (double)m->data.dt, (double)m->data.frame_time, m->data.frames));
    break;
  default: break;
  }
  if (m->c_in == 2) {
    size_t used;

    PetscCall(PetscStrlen(numbers, &used));
    PetscCall(PetscSNPrintf(numbers + used, sizeof(numbers) - used, " random sources alpha %.17g tau %.17g", (double)m->data.source_field.alpha, (double)m->data.source_field.tau));
  }
  PetscCall(TesFormat(recipe, "generator 1; family %s; n %" PetscInt_FMT " %" PetscInt_FMT " %" PetscInt_FMT "; layout %s; samples %" PetscInt64_FMT "; seed %" PetscInt64_FMT "; rtol %g; %s", m->family->name, m->n[0], m->n[1],
                      m->n[2], mgno_layout_names[m->grid.layout], m->samples, m->data_seed, (double)m->data.solver.rtol, numbers));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoDataPath(TesProblem problem, char **path)
{
  const Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  if (MgnoDoes(m, MGNO_GENERATE)) PetscCall(TesProblemOutputPath(problem, m->data.file, path));
  else if (m->data.file[0] == '/') PetscCall(PetscStrallocpy(m->data.file, path));
  else PetscCall(TesFormat(path, "%s/%s", TesDeckFolder(TesProblemDeck(problem)), m->data.file));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoFileExists(MPI_Comm comm, const char path[], PetscBool *exists)
{
  int rank, there = 0;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  if (!rank) there = !access(path, R_OK);
  PetscCallMPI(MPI_Bcast(&there, 1, MPI_INT, 0, comm));
  *exists = there ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* one of the two field datasets: its samples and channels, if its points are those of the deck */
static PetscErrorCode LookAtFields(const Mgno *m, hid_t file, const char name[], char *fault, size_t size, PetscInt64 *n, PetscInt *channels)
{
  PetscInt64 shape[TES_MAX_AXES];
  PetscBool  found;
  TesType    type;
  int        axes;

  PetscFunctionBegin;
  PetscCall(TesH5Shape(file, name, &found, &type, &axes, shape));
  if (!found) {
    PetscCall(PetscSNPrintf(fault, size, "has no dataset %s", name));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (axes != m->grid.dim + 2) {
    PetscCall(PetscSNPrintf(fault, size, "has %s with %d axes, wanted [sample][channel] and %" PetscInt_FMT " of the grid", name, axes, m->grid.dim));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt d = 0; d < m->grid.dim; d++) {
    if (shape[axes - 1 - d] != m->n[d])
      PetscCall(PetscSNPrintf(fault, size, "has %s with %" PetscInt64_FMT " points along %c, the deck says grid.n = %" PetscInt_FMT, name, shape[axes - 1 - d], "xyz"[d], m->n[d]));
  }
  *n        = shape[0];
  *channels = (PetscInt)shape[1];
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Is the file at `path` the data set of this deck? fault: "" if so, else what is wrong with it. Collective. */
PetscErrorCode MgnoDataLook(TesProblem problem, const char path[], MgnoDataShape *shape, char fault[], size_t size)
{
  Mgno      *m = TesProblemCtx(problem);
  char      *stored = NULL, *wanted;
  PetscBool  found, valid, residual;
  PetscInt64 n_y = 0, extents[TES_MAX_AXES];
  TesType    type;
  hid_t      file;
  int        axes;

  PetscFunctionBegin;
  fault[0] = 0;
  PetscCall(PetscMemzero(shape, sizeof(*shape)));
  PetscCall(TesH5OpenRead(TesProblemComm(problem), path, &file));
  PetscCall(TesH5ReadAttributeText(file, "/", "recipe", &found, &stored));
  if (found && m->data.family != MGNO_EXTERNAL) {
    PetscCall(MgnoDataRecipe(problem, &wanted));
    if (strcmp(stored, wanted)) PetscCall(PetscSNPrintf(fault, size, "has other parameters than the deck:\n  it has  %s\n  wanted  %s", stored, wanted));
    PetscCall(PetscFree(wanted));
  }
  PetscCall(PetscFree(stored));
  if (!fault[0]) PetscCall(LookAtFields(m, file, "/x", fault, size, &shape->n, &shape->c_in));
  if (!fault[0]) PetscCall(LookAtFields(m, file, "/y", fault, size, &n_y, &shape->c_out));
  if (!fault[0] && n_y != shape->n) PetscCall(PetscSNPrintf(fault, size, "has %" PetscInt64_FMT " samples of x and %" PetscInt64_FMT " of y", shape->n, n_y));
  if (!fault[0] && m->samples > shape->n)
    PetscCall(PetscSNPrintf(fault, size, "has %" PetscInt64_FMT " samples, data.train + data.validation + data.test ask for %" PetscInt64_FMT, shape->n, m->samples));
  PetscCall(TesH5Shape(file, "/residual", &residual, &type, &axes, extents));
  shape->has_residual = residual;
  PetscCall(TesH5Close(&file));
  if (found && !fault[0]) { /* ours: its checksum must hold too */
    char reason[256];

    PetscCall(TesFileVerify(TesProblemComm(problem), path, &valid, reason, sizeof(reason)));
    if (!valid) PetscCall(PetscSNPrintf(fault, size, "is damaged: %s", reason));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Describe(const Mgno *m, const MgnoRows *rows, int which, TesStateItem *item)
{
  static const char *const names[] = {"x", "y", "residual", "its"};

  memset(item, 0, sizeof(*item));
  item->name        = names[which];
  item->type        = which < 2 ? m->store : TES_F64;
  item->shape[0]    = rows->n;
  item->n_axes      = 1;
  item->distributed = PETSC_TRUE;
  item->first       = rows->first;
  item->n_local     = rows->n_local;
  if (which < 2) {
    item->shape[item->n_axes++] = which ? rows->c_out : rows->c_in;
    for (PetscInt d = m->grid.dim - 1; d >= 0; d--) item->shape[item->n_axes++] = m->n[d];
    item->long_name = m->family ? (which ? m->family->output : m->family->input) : NULL;
    item->axes      = m->grid.dim == 3 ? "sample channel z y x" : "sample channel y x";
  } else {
    item->unit      = "1";
    item->long_name = which == 2 ? "relative residual of the solve" : "iterations (helmholtz: negative near resonance; navier_stokes: time steps)";
    item->axes      = "sample";
  }
  item->data = which == 0 ? rows->x : which == 1 ? rows->y : which == 2 ? (void *)rows->residual : (void *)rows->its;
}

PetscErrorCode MgnoRowsCreate(const Mgno *m, PetscInt64 n, PetscInt64 first, PetscInt64 n_local, PetscInt c_in, PetscInt c_out, MgnoRows *rows)
{
  const size_t bytes = TesTypeBytes(m->store) * (size_t)m->points * (size_t)(n_local + 1);

  PetscFunctionBegin;
  PetscCall(PetscMemzero(rows, sizeof(*rows)));
  rows->n       = n;
  rows->first   = first;
  rows->n_local = n_local;
  rows->c_in    = c_in;
  rows->c_out   = c_out;
  PetscCall(PetscMalloc(bytes * (size_t)c_in, &rows->x));
  PetscCall(PetscMalloc(bytes * (size_t)c_out, &rows->y));
  PetscCall(PetscCalloc1(n_local + 1, &rows->residual));
  PetscCall(PetscCalloc1(n_local + 1, &rows->its));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoRowsDestroy(MgnoRows *rows)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(rows->x));
  PetscCall(PetscFree(rows->y));
  PetscCall(PetscFree(rows->residual));
  PetscCall(PetscFree(rows->its));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoRowsWrite(TesProblem problem, const char path[], const MgnoRows *rows)
{
  Mgno            *m = TesProblemCtx(problem);
  const PetscInt64 seed = m->data_seed, version = 1;
  TesStateItem     item;
  TesFile          file;
  char            *recipe;

  PetscFunctionBegin;
  PetscCall(MgnoDataRecipe(problem, &recipe));
  PetscCall(TesFileCreate(TesProblemComm(problem), path, "data", &file));
  for (int which = 0; which < 4; which++) {
    Describe(m, rows, which, &item);
    PetscCall(TesFileAddItem(file, "/", &item));
  }
  PetscCall(TesFileAddAttribute(file, "/", "recipe", recipe, NULL, NULL));
  PetscCall(TesFileAddAttribute(file, "/", "family", m->family->name, NULL, NULL));
  PetscCall(TesFileAddAttribute(file, "/", "layout", mgno_layout_names[m->grid.layout], NULL, NULL));
  PetscCall(TesFileAddAttribute(file, "/", "seed", NULL, NULL, &seed));
  PetscCall(TesFileAddAttribute(file, "/", "generator_version", NULL, NULL, &version));
  PetscCall(TesFileCommit(file, NULL, NULL));
  PetscCall(TesFileDestroy(&file));
  PetscCall(PetscFree(recipe));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* rows of a file from row `offset` of it on; what: bit 1 the fields, bit 2 residuals and iterations */
PetscErrorCode MgnoRowsRead(TesProblem problem, const char path[], PetscInt64 n_file, PetscInt64 first, int what, MgnoRows *rows)
{
  Mgno        *m = TesProblemCtx(problem);
  TesStateItem item;
  hid_t        file;

  PetscFunctionBegin;
  PetscCall(TesH5OpenRead(TesProblemComm(problem), path, &file));
  for (int which = 0; which < 4; which++) {
    if (!((which < 2 ? 1 : 2) & what)) continue;
    Describe(m, rows, which, &item);
    item.shape[0] = n_file;
    item.first    = first;
    PetscCall(TesH5ReadItem(TesProblemComm(problem), file, item.name, &item));
  }
  PetscCall(TesH5Close(&file));
  PetscFunctionReturn(PETSC_SUCCESS);
}
