/* The action `generate`: a data set in verified parts of whole samples, joined at the end. A step is one part, the last step joins.

   Part k holds samples [k part, (k + 1) part), spread over the ranks; it is a file of its own (data_parts/000000.h5), complete or absent. A part, or a whole data set, that is
   there already with the recipe of the deck is taken in place of computing it anew, and gives the same records, so that a kill costs one part and the results
   do not tell how often the run was interrupted. A data set with another recipe is refused. */
#include <unistd.h>
#include "mgno.h"

static PetscInt64 Parts(const Mgno *m)
{
  return (m->samples + m->data.part - 1) / m->data.part;
}

PetscInt64 MgnoGenerateSteps(const Mgno *m)
{
  return Parts(m) + 1;
}

static PetscErrorCode PartPath(TesProblem problem, PetscInt64 part, char **path)
{
  char name[64];

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(name, sizeof(name), "data_parts/%06" PetscInt64_FMT ".h5", part));
  PetscCall(TesProblemOutputPath(problem, name, path));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PartSamples(const Mgno *m, MPI_Comm comm, PetscInt64 part, TesPartition *split, PetscInt64 *first)
{
  PetscFunctionBegin;
  *first = part * m->data.part;
  PetscCall(TesPartitionCreate(comm, PetscMin(m->data.part, m->samples - *first), 1, split));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Is there a whole file with the deck's recipe? A damaged or foreign part counts as absent. */
static PetscErrorCode Usable(TesProblem problem, const char path[], PetscInt64 n, PetscBool *usable)
{
  char      *stored = NULL, *wanted, reason[256];
  PetscBool  found, there;
  PetscInt64 shape[TES_MAX_AXES];
  TesType    type;
  hid_t      file;
  int        axes;

  PetscFunctionBegin;
  *usable = PETSC_FALSE;
  PetscCall(MgnoFileExists(TesProblemComm(problem), path, &there));
  if (!there) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesFileVerify(TesProblemComm(problem), path, &there, reason, sizeof(reason)));
  if (!there) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesH5OpenRead(TesProblemComm(problem), path, &file));
  PetscCall(TesH5ReadAttributeText(file, "/", "recipe", &found, &stored));
  PetscCall(TesH5Shape(file, "/residual", &there, &type, &axes, shape));
  PetscCall(TesH5Close(&file));
  PetscCall(MgnoDataRecipe(problem, &wanted));
  *usable = found && there && shape[0] == n && !strcmp(stored, wanted) ? PETSC_TRUE : PETSC_FALSE;
  PetscCall(PetscFree(wanted));
  PetscCall(PetscFree(stored));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Store(const Mgno *m, PetscInt64 n, const PetscReal *values, void *to, PetscInt64 at)
{
  if (m->store == TES_F32) {
    for (PetscInt64 i = 0; i < n; i++) ((float *)to)[at + i] = (float)values[i];
  } else {
    for (PetscInt64 i = 0; i < n; i++) ((PetscReal *)to)[at + i] = values[i];
  }
}

static PetscErrorCode MakeLocal(TesProblem problem, PetscInt64 first, MgnoRows *rows)
{
  Mgno      *m = TesProblemCtx(problem);
  PetscReal *x, *y;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(m->points * rows->c_in, &x, m->points * rows->c_out, &y));
  for (PetscInt64 i = 0; i < rows->n_local; i++) {
    const PetscInt64 sample = first + rows->first + i;

    PetscCall(m->family->make(m, m->maker, sample, x, y, &rows->residual[i], &rows->its[i]));
    for (PetscInt64 k = 0; k < m->points * rows->c_out; k++)
      PetscCheck(PetscIsNormalReal(y[k]) || y[k] == 0 || PetscAbsReal(y[k]) < 1e-300, PETSC_COMM_SELF, TES_ERR_NUMBERS, "sample %" PetscInt64_FMT ": the solution is not finite", sample);
    Store(m, m->points * rows->c_in, x, rows->x, i * m->points * rows->c_in);
    Store(m, m->points * rows->c_out, y, rows->y, i * m->points * rows->c_out);
  }
  PetscCall(PetscFree2(x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Part(TesProblem problem, PetscInt64 part, TesProgress *progress)
{
  Mgno        *m    = TesProblemCtx(problem);
  MPI_Comm     comm = TesProblemComm(problem);
  TesPartition split;
  MgnoRows     rows;
  PetscInt64   first;
  PetscReal    largest = 0, sum;
  PetscBool    whole, there;
  char        *path, *whole_path;

  PetscFunctionBegin;
  PetscCall(PartSamples(m, comm, part, &split, &first));
  PetscCall(PartPath(problem, part, &path));
  PetscCall(MgnoDataPath(problem, &whole_path));
  PetscCall(MgnoRowsCreate(m, split.n, split.first, split.n_local, m->c_in, m->c_out, &rows));
  PetscCall(Usable(problem, whole_path, m->samples, &whole));
  PetscCall(Usable(problem, path, split.n, &there));
  if (whole) {
    PetscCall(MgnoRowsRead(problem, whole_path, m->samples, first + split.first, 2, &rows));
  } else if (there) {
    PetscCall(MgnoRowsRead(problem, path, split.n, split.first, 2, &rows));
  } else {
    PetscErrorCode ierr;

    PetscCall(TesPhaseBegin(TesProblemTimers(problem), "solve"));
    ierr = MakeLocal(problem, first, &rows);
    PetscCall(TesAgree(comm, ierr));
    PetscCall(TesPhaseEnd(TesProblemTimers(problem), "solve"));
    PetscCall(TesPhaseBegin(TesProblemTimers(problem), "io"));
    PetscCall(MgnoRowsWrite(problem, path, &rows));
    PetscCall(TesPhaseEnd(TesProblemTimers(problem), "io"));
    progress->work = (PetscReal)split.n;
  }
  for (PetscInt64 i = 0; i < rows.n_local; i++) {
    largest = PetscMax(largest, rows.residual[i]);
    if (rows.its[i] < 0) rows.its[i] = -rows.its[i];
  }
  PetscCall(TesMaxAll(comm, largest, &largest));
  PetscCall(TesSumOrdered(comm, &split, rows.its, &sum));
  m->residual_max = PetscMax(m->residual_max, largest);
  m->its_sum += sum;
  m->rows_done = (PetscReal)(first + split.n);
  PetscCall(MgnoRowsDestroy(&rows));
  PetscCall(PetscFree(path));
  PetscCall(PetscFree(whole_path));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RemoveParts(TesProblem problem)
{
  Mgno *m = TesProblemCtx(problem);
  char *path, *slash;
  int   rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(TesProblemComm(problem), &rank));
  for (PetscInt64 part = 0; part < Parts(m) && !rank; part++) {
    PetscCall(PartPath(problem, part, &path));
    unlink(path); /* absent where the data set was there from the beginning */
    slash  = strrchr(path, '/');
    *slash = 0;
    if (part + 1 == Parts(m)) rmdir(path);
    PetscCall(PetscFree(path));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Join(TesProblem problem)
{
  Mgno        *m    = TesProblemCtx(problem);
  MPI_Comm     comm = TesProblemComm(problem);
  TesPartition split;
  MgnoRows     rows;
  PetscBool    whole;
  char        *path;

  PetscFunctionBegin;
  PetscCall(MgnoDataPath(problem, &path));
  PetscCall(Usable(problem, path, m->samples, &whole));
  if (!whole) {
    PetscCall(TesPhaseBegin(TesProblemTimers(problem), "io"));
    PetscCall(TesPartitionCreate(comm, m->samples, 1, &split));
    PetscCall(MgnoRowsCreate(m, split.n, split.first, split.n_local, m->c_in, m->c_out, &rows));
    for (PetscInt64 part = 0; part < Parts(m); part++) {
      /* the rows of this rank that lie in the part, as a window into its arrays */
      const PetscInt64 first = part * m->data.part, last = PetscMin(first + m->data.part, m->samples);
      const PetscInt64 from = PetscMax(first, split.first), to = PetscMin(last, split.first + split.n_local), count = PetscMax(0, to - from), skip = count ? from - split.first : 0;
      const size_t     bytes  = TesTypeBytes(m->store) * (size_t)m->points;
      MgnoRows         window = rows;
      char            *part_path;

      window.n        = last - first;
      window.n_local  = count;
      window.x        = (char *)rows.x + bytes * (size_t)(skip * rows.c_in);
      window.y        = (char *)rows.y + bytes * (size_t)(skip * rows.c_out);
      window.residual = rows.residual + skip;
      window.its      = rows.its + skip;
      PetscCall(PartPath(problem, part, &part_path));
      PetscCall(MgnoRowsRead(problem, part_path, window.n, count ? from - first : 0, 3, &window));
      PetscCall(PetscFree(part_path));
    }
    PetscCall(MgnoRowsWrite(problem, path, &rows));
    PetscCall(MgnoRowsDestroy(&rows));
    PetscCall(TesPhaseEnd(TesProblemTimers(problem), "io"));
  }
  PetscCall(RemoveParts(problem));
  PetscCall(PetscFree(path));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Before the first part: a data set with another recipe is not written over. */
static PetscErrorCode Refuse(TesProblem problem)
{
  MgnoDataShape shape;
  PetscBool     there;
  char         *path, fault[2048];

  PetscFunctionBegin;
  PetscCall(MgnoDataPath(problem, &path));
  PetscCall(MgnoFileExists(TesProblemComm(problem), path, &there));
  if (there) {
    PetscCall(MgnoDataLook(problem, path, &shape, fault, sizeof(fault)));
    PetscCheck(!fault[0], TesProblemComm(problem), TES_ERR_DECK, "`data.file`: %s %s\nremove it, or name another file", path, fault);
  } else {
    char *folder, *slash;
    int   rank;

    PetscErrorCode ierr = PETSC_SUCCESS;

    PetscCall(PartPath(problem, 0, &folder));
    slash  = strrchr(folder, '/');
    *slash = 0;
    PetscCallMPI(MPI_Comm_rank(TesProblemComm(problem), &rank));
    if (!rank) ierr = TesMakeFolder(folder);
    PetscCall(TesAgree(TesProblemComm(problem), ierr));
    PetscCall(PetscFree(folder));
  }
  PetscCall(PetscFree(path));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoGenerateStep(TesProblem problem, TesProgress *progress)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  if (m->place == 0) PetscCall(Refuse(problem));
  if (m->place < Parts(m)) PetscCall(Part(problem, m->place, progress));
  else PetscCall(Join(problem));
  PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), m->place < Parts(m) ? "generate %" PetscInt64_FMT "/%" PetscInt64_FMT : "join", PetscMin(m->samples, (m->place + 1) * m->data.part), m->samples));
  progress->merit_name = "largest residual";
  progress->merit      = m->residual_max;
  PetscFunctionReturn(PETSC_SUCCESS);
}
