/* The action `predict`: outputs of the network for inputs of a file, or for the test samples; written part by part, as they are ready.

   predict.file holds /x [n][in channels][(z)][y][x] of any real type. Part k goes to predictions/00000k.h5 of the output folder: /o [n][out channels][..] and /first, the number of its
   first sample. A part is a step; files are complete or absent. */
#include "model.h"

static PetscErrorCode Shape(TesProblem problem, PetscInt64 *n)
{
  Mgno      *m = TesProblemCtx(problem);
  PetscInt64 shape[TES_MAX_AXES];
  PetscBool  found;
  TesType    type;
  hid_t      file;
  int        axes;

  PetscFunctionBegin;
  PetscCall(TesH5OpenRead(TesProblemComm(problem), m->predict.file, &file));
  PetscCall(TesH5Shape(file, "/x", &found, &type, &axes, shape));
  PetscCall(TesH5Close(&file));
  PetscCheck(found && axes == m->grid.dim + 2 && shape[1] == m->model.in_channels, TesProblemComm(problem), TES_ERR_DECK, "`predict.file`: %s needs a dataset /x of shape [sample][%" PetscInt_FMT " channels][grid]", m->predict.file,
             m->model.in_channels);
  for (PetscInt d = 0; d < m->grid.dim; d++)
    PetscCheck(shape[axes - 1 - d] == m->n[d], TesProblemComm(problem), TES_ERR_DECK, "`predict.file`: /x of %s has %" PetscInt64_FMT " points along %c, the deck says grid.n = %" PetscInt_FMT, m->predict.file, shape[axes - 1 - d], "xyz"[d],
               m->n[d]);
  PetscCheck(shape[0] <= PETSC_MAX_INT, TesProblemComm(problem), TES_ERR_DECK, "`predict.file`: /x of %s has %" PetscInt64_FMT " samples, at most %d are done in one run", m->predict.file, shape[0],
             PETSC_MAX_INT);
  *n = shape[0];
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt64 Count(const Mgno *m)
{
  return m->predict.file ? m->predict_samples : (PetscInt64)m->data.test * m->frames;
}

PetscErrorCode MgnoPredictSetUp(TesProblem problem)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  if (m->predict.file) PetscCall(Shape(problem, &m->predict_samples));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscInt64 MgnoPredictSteps(const Mgno *m)
{
  return (Count(m) + m->data.part - 1) / m->data.part;
}

/* an input that is no number gives an output that is none: said before it is computed */
static PetscErrorCode AllFinite(const Mgno *m, PetscInt64 first, PetscInt64 n_local, const PetscReal x[])
{
  const PetscInt64 values = (PetscInt64)m->model.in_channels * m->points;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < n_local * values; i++)
    PetscCheck(!PetscIsInfOrNanReal(x[i]), PETSC_COMM_SELF, TES_ERR_DECK, "`predict.file`: /x of %s is not finite in sample %" PetscInt64_FMT, m->predict.file, first + i / values);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the inputs of a part, on the ranks that work on them */
static PetscErrorCode Inputs(TesProblem problem, PetscInt64 first, const MgnoWork *work, PetscReal *x)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  if (m->predict.file) {
    TesStateItem item = {.name = "/x", .type = TES_F64, .n_axes = (int)m->grid.dim + 2, .distributed = PETSC_TRUE, .first = first + work->first, .n_local = work->n_local, .data = x};
    hid_t        file;

    item.shape[0] = m->predict_samples;
    item.shape[1] = m->model.in_channels;
    for (PetscInt d = 0; d < m->grid.dim; d++) item.shape[1 + m->grid.dim - d] = m->n[d];
    PetscCall(TesH5OpenRead(TesProblemComm(problem), m->predict.file, &file));
    PetscCall(TesH5ReadItem(TesProblemComm(problem), file, "/x", &item));
    PetscCall(TesH5Close(&file));
    PetscCall(TesAgree(TesProblemComm(problem), AllFinite(m, first + work->first, work->n_local, x)));
  } else {
    PetscInt64 *pair;
    PetscReal  *y;

    PetscCall(MgnoSamplesLoad(problem));
    PetscCall(PetscMalloc2(work->n, &pair, m->points * m->model.out_channels * work->n_local + 1, &y));
    for (PetscInt64 i = 0; i < work->n; i++) pair[i] = (PetscInt64)(m->data.train + m->data.validation) * m->frames + first + i;
    PetscCall(MgnoSamplesFetch(problem, work, pair, x, y));
    PetscCall(PetscFree2(pair, y));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoPredictStep(TesProblem problem, TesProgress *progress)
{
  Mgno            *m     = TesProblemCtx(problem);
  MPI_Comm         comm  = TesProblemComm(problem);
  const PetscInt64 first = m->place * m->data.part, n = PetscMin(m->data.part, Count(m) - first), in = m->points * m->model.in_channels, out = m->points * m->model.out_channels;
  TesStateItem     item = {.name = "o", .type = TES_F64, .n_axes = (int)m->grid.dim + 2, .distributed = PETSC_TRUE, .long_name = "output of the network"}, number = {.name = "first", .type = TES_I64, .shape = {1}};
  MgnoWork         work;
  TesFile          file;
  MgnoNet          net;
  PetscReal       *x, *o;
  PetscInt64       at    = first;
  PetscErrorCode   ierr  = PETSC_SUCCESS;
  char            *path, name[64];
  int              rank;

  PetscFunctionBegin;
  PetscCall(MgnoModelLoad(problem));
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCall(MgnoWorkCreate(problem, n, 1, &work));
  PetscCall(PetscMalloc2(in * work.n_local + 1, &x, out * work.n_local + 1, &o));
  PetscCall(Inputs(problem, first, &work, x));
  PetscCall(MgnoModelNet(m, PETSC_FALSE, &net));
  PetscCall(MgnoNetWeights(net, m->best));
  PetscCall(MgnoModelRun(m, net, &work, x, o));
  item.data     = o;
  item.first    = work.first;
  item.n_local  = work.n_local;
  item.shape[0] = n;
  item.shape[1] = m->model.out_channels;
  for (PetscInt d = 0; d < m->grid.dim; d++) item.shape[1 + m->grid.dim - d] = m->n[d];
  number.data = &at;
  PetscCall(TesProblemOutputPath(problem, "predictions", &path));
  if (!rank) ierr = TesMakeFolder(path);
  PetscCall(TesAgree(comm, ierr));
  PetscCall(PetscFree(path));
  PetscCall(PetscSNPrintf(name, sizeof(name), "predictions/%06" PetscInt64_FMT ".h5", m->place));
  PetscCall(TesProblemOutputPath(problem, name, &path));
  PetscCall(TesFileCreate(comm, path, "data", &file));
  PetscCall(TesFileAddItem(file, "/", &item));
  PetscCall(TesFileAddItem(file, "/", &number));
  PetscCall(TesFileCommit(file, NULL, NULL));
  PetscCall(TesFileDestroy(&file));
  PetscCall(PetscFree(path));
  PetscCall(PetscFree2(x, o));
  PetscCall(MgnoWorkDestroy(&work));
  progress->work = (PetscReal)n;
  PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "predict %" PetscInt64_FMT "/%" PetscInt64_FMT, first + n, Count(m)));
  PetscFunctionReturn(PETSC_SUCCESS);
}
