/* The data set in memory, samples split over the ranks, and what training asks of it: pairs by number, wherever they lie, and normalisation.

   A pair is input and wanted output of the network. Where y has as many channels as the network gives, pair p is sample p. Where y is a trajectory (more frames than the network gives,
   as many channels in as out), the network is a step of it: pair p is frame p mod frames of sample p / frames, input the frame before (x for the first).
   Fetching sends a pair from the rank that holds it to the rank that works on it; sums over samples are formed in the order of their numbers. */
#include "model.h"

static const char *At(const Mgno *m, const void *base, PetscInt64 local, PetscInt channels, PetscInt from)
{
  return (const char *)base + TesTypeBytes(m->store) * (size_t)((local * channels + from) * m->points);
}

/* where input (which 0) and output of a pair lie in the rows of this rank */
static const char *Place(const MgnoSamples *s, const Mgno *m, PetscInt64 pair, int which)
{
  const PetscInt64 local = pair / s->frames - s->part.first;
  const PetscInt   frame = (PetscInt)(pair % s->frames);

  if (s->frames == 1) return which ? At(m, s->rows.y, local, s->rows.c_out, 0) : At(m, s->rows.x, local, s->rows.c_in, 0);
  if (which == 0 && frame == 0) return At(m, s->rows.x, local, s->rows.c_in, 0);
  return At(m, s->rows.y, local, s->rows.c_out, (frame - (which ? 0 : 1)) * s->c_out);
}

static void Widen(const Mgno *m, const void *from, PetscInt64 n, PetscReal *to)
{
  if (m->store == TES_F32) {
    for (PetscInt64 i = 0; i < n; i++) to[i] = ((const float *)from)[i];
  } else {
    for (PetscInt64 i = 0; i < n; i++) to[i] = ((const PetscReal *)from)[i];
  }
}

/* NaN, infinity, truth that is zero all over, and mobilities that are not positive are said with the sample's number; v is room for one channel. */
static PetscErrorCode InspectIn(const Mgno *m, const MgnoSamples *s, PetscReal *v)
{
  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < s->part.n_local; i++)
    for (PetscInt c = 0; c < s->rows.c_in + s->rows.c_out; c++) {
      const PetscBool y = c >= s->rows.c_in ? PETSC_TRUE : PETSC_FALSE;
      PetscReal       square = 0, least = PETSC_MAX_REAL;

      Widen(m, y ? At(m, s->rows.y, i, s->rows.c_out, c - s->rows.c_in) : At(m, s->rows.x, i, s->rows.c_in, c), m->points, v);
      for (PetscInt64 k = 0; k < m->points; k++) {
        square += v[k] * v[k];
        least = PetscMin(least, v[k]);
      }
      PetscCheck(!PetscIsInfOrNanReal(square), PETSC_COMM_SELF, TES_ERR_DECK, "sample %" PetscInt64_FMT " of the data set has a value of %s that is not finite", s->part.first + i, y ? "y" : "x");
      PetscCheck(!y || square > 0, PETSC_COMM_SELF, TES_ERR_DECK, "sample %" PetscInt64_FMT " of the data set has a y that is zero everywhere: a relative error has no meaning", s->part.first + i);
      PetscCheck(c > 0 || m->data.family > MGNO_TRIG || least > 0, PETSC_COMM_SELF, TES_ERR_DECK, "sample %" PetscInt64_FMT " of the data set has a coefficient of %g: data.family %s needs positive ones", s->part.first + i, (double)least,
                 m->family->name);
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Inspect(const Mgno *m, const MgnoSamples *s)
{
  PetscErrorCode refused;
  PetscReal     *v;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(m->points, &v));
  refused = InspectIn(m, s, v);
  PetscCall(PetscFree(v));
  PetscCall(refused);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoSamplesLoad(TesProblem problem)
{
  Mgno         *m = TesProblemCtx(problem);
  MgnoSamples  *s = &m->loaded;
  MgnoDataShape shape;
  char         *path, fault[2048];

  PetscFunctionBegin;
  if (s->ready) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesPhaseBegin(TesProblemTimers(problem), "io"));
  PetscCall(MgnoDataPath(problem, &path));
  PetscCall(MgnoDataLook(problem, path, &shape, fault, sizeof(fault)));
  PetscCheck(!fault[0], TesProblemComm(problem), TES_ERR_DECK, "`data.file`: %s %s", path, fault);
  s->c_in   = m->model.in_channels;
  s->c_out  = m->model.out_channels;
  s->frames = MgnoFrames(m, shape.c_in, shape.c_out);
  PetscCheck(s->frames > 0, TesProblemComm(problem), TES_ERR_DECK, "`data.file`: %s has %" PetscInt_FMT " channels of x and %" PetscInt_FMT " of y; model.in_channels = %" PetscInt_FMT " and model.out_channels = %" PetscInt_FMT " do not fit",
             path, shape.c_in, shape.c_out, s->c_in, s->c_out);
  PetscCall(TesPartitionCreate(TesProblemComm(problem), m->samples, 1, &s->part));
  PetscCall(MgnoRowsCreate(m, m->samples, s->part.first, s->part.n_local, shape.c_in, shape.c_out, &s->rows));
  s->ready = PETSC_TRUE;
  PetscCall(MgnoRowsRead(problem, path, shape.n, s->part.first, 1, &s->rows));
  PetscCall(PetscFree(path));
  PetscCall(TesAgree(TesProblemComm(problem), Inspect(m, s)));
  PetscCall(TesPhaseEnd(TesProblemTimers(problem), "io"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoSamplesDestroy(Mgno *m)
{
  PetscFunctionBegin;
  if (m->loaded.ready) PetscCall(MgnoRowsDestroy(&m->loaded.rows));
  m->loaded.ready = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscInt MgnoFrames(const Mgno *m, PetscInt c_in, PetscInt c_out)
{
  if (c_in == m->model.in_channels && c_out == m->model.out_channels) return 1;
  if (c_in == m->model.in_channels && m->model.in_channels == m->model.out_channels && c_out % m->model.out_channels == 0) return c_out / m->model.out_channels;
  return 0;
}

PetscErrorCode MgnoSamplesFetch(TesProblem problem, const MgnoWork *work, const PetscInt64 pair[], PetscReal *x, PetscReal *y)
{
  Mgno          *m = TesProblemCtx(problem);
  MgnoSamples   *s = &m->loaded;
  MPI_Comm       comm  = TesProblemComm(problem);
  const size_t   bytes = TesTypeBytes(m->store);
  const PetscInt64 length[2] = {s->c_in * m->points, s->c_out * m->points};
  MPI_Request   *request;
  char          *inbox;
  PetscMPIInt    pending = 0;

  PetscFunctionBegin;
  PetscCheck(PetscMax(length[0], length[1]) * (PetscInt64)bytes < 2147483647, comm, PETSC_ERR_ARG_OUTOFRANGE, "a sample is larger than one message");
  PetscCall(PetscMalloc1(4 * work->n + 1, &request));
  PetscCall(PetscMalloc((size_t)(length[0] + length[1]) * bytes * (size_t)work->n_local + 1, &inbox));
  for (PetscInt64 i = 0; i < work->n; i++) {
    const int worker = work->owner[i], owner = TesPartitionOwner(&s->part, pair[i] / s->frames);

    for (int which = 0; which < 2; which++) {
      const size_t size = (size_t)length[which] * bytes;
      char        *slot = inbox + ((size_t)(i - work->first) * (size_t)(length[0] + length[1]) + (which ? (size_t)length[0] : 0)) * bytes;

      if (worker == s->part.rank && owner == s->part.rank) memcpy(slot, Place(s, m, pair[i], which), size);
      else if (worker == s->part.rank) PetscCallMPI(MPI_Irecv(slot, (PetscMPIInt)size, MPI_BYTE, owner, (int)(2 * i + which) % 32768, comm, &request[pending++]));
      else if (owner == s->part.rank) PetscCallMPI(MPI_Isend(Place(s, m, pair[i], which), (PetscMPIInt)size, MPI_BYTE, worker, (int)(2 * i + which) % 32768, comm, &request[pending++]));
    }
  }
  PetscCallMPI(MPI_Waitall(pending, request, MPI_STATUSES_IGNORE));
  for (PetscInt64 i = 0; i < work->n_local; i++) {
    const char *slot = inbox + (size_t)i * (size_t)(length[0] + length[1]) * bytes;

    Widen(m, slot, length[0], x + i * length[0]);
    Widen(m, slot + (size_t)length[0] * bytes, length[1], y + i * length[1]);
  }
  PetscCall(PetscFree(request));
  PetscCall(PetscFree(inbox));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- normalisation ---- */

PetscInt64 MgnoNormalizerLength(const Mgno *m, int which)
{
  const int kind = which ? m->train.normalize.output : m->train.normalize.input;

  return kind == MGNO_NORMALIZE_NONE ? 0 : kind == MGNO_NORMALIZE_GAUSSIAN ? 1 : m->points * (which ? m->model.out_channels : m->model.in_channels);
}

/* values of all numbers are one contribution per rank and sample: their sum over ranks is exact, and every rank adds them in the order of the samples */
static PetscErrorCode OrderedSum(MPI_Comm comm, PetscInt64 n, PetscReal *each, PetscReal *sum)
{
  PetscFunctionBegin;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, each, (PetscMPIInt)n, MPIU_REAL, MPI_SUM, comm));
  *sum = TesSumPairwise(n, each);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* what the network is to give for a pair, or what it is given: with model.output: residual the change from input to output */
static void Wanted(const Mgno *m, const MgnoSamples *s, PetscInt64 pair, int which, PetscReal *v, PetscReal *work)
{
  const PetscInt64 length = m->points * (which ? s->c_out : s->c_in), both = m->points * PetscMin(s->c_in, s->c_out);

  Widen(m, Place(s, m, pair, which), length, v);
  if (!which || !m->model.output) return;
  Widen(m, Place(s, m, pair, 0), both, work);
  for (PetscInt64 k = 0; k < both; k++) v[k] -= work[k];
}

static PetscErrorCode FitScalar(TesProblem problem, int which, PetscReal *mean, PetscReal *deviation)
{
  Mgno            *m     = TesProblemCtx(problem);
  MgnoSamples     *s     = &m->loaded;
  const PetscInt64 pairs = (PetscInt64)m->data.train * s->frames, length = m->points * (which ? s->c_out : s->c_in);
  const PetscReal  count = (PetscReal)pairs * (PetscReal)length;
  PetscReal       *each, *v, *work, total;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3(pairs, &each, length, &v, m->points * PetscMin(s->c_in, s->c_out), &work));
  for (int pass = 0; pass < 2; pass++) {
    PetscCall(PetscArrayzero(each, pairs));
    for (PetscInt64 p = 0; p < pairs; p++) {
      if (TesPartitionOwner(&s->part, p / s->frames) != s->part.rank) continue;
      Wanted(m, s, p, which, v, work);
      for (PetscInt64 k = 0; k < length; k++) v[k] = pass ? (v[k] - *mean) * (v[k] - *mean) : v[k];
      each[p] = TesSumPairwise(length, v);
    }
    PetscCall(OrderedSum(TesProblemComm(problem), pairs, each, &total));
    if (!pass) *mean = total / count;
    else *deviation = PetscSqrtReal(total / PetscMax(count - 1, 1));
  }
  PetscCall(PetscFree3(each, v, work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FitPoints(TesProblem problem, int which, PetscReal *mean, PetscReal *deviation)
{
  Mgno            *m      = TesProblemCtx(problem);
  MgnoSamples     *s      = &m->loaded;
  const PetscInt64 length = m->points * (which ? s->c_out : s->c_in), pairs = (PetscInt64)m->data.train * s->frames;
  PetscReal       *v, *work;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(length, &v, m->points * PetscMin(s->c_in, s->c_out), &work));
  for (int pass = 0; pass < 2; pass++) {
    PetscReal *out = pass ? deviation : mean, *leaf;
    TesTree    tree;

    PetscCall(TesTreeCreate(TesProblemComm(problem), &s->part, (PetscInt)length, NULL, NULL, &tree));
    for (PetscInt64 i = 0; i < s->part.n_local; i++) {
      PetscCall(TesTreeLeaf(tree, &leaf));
      for (PetscInt f = 0; f < s->frames && s->part.first + i < m->data.train; f++) {
        Wanted(m, s, (s->part.first + i) * s->frames + f, which, v, work);
        for (PetscInt64 k = 0; k < length; k++) leaf[k] += pass ? (v[k] - mean[k]) * (v[k] - mean[k]) : v[k];
      }
      PetscCall(TesTreePush(tree));
    }
    PetscCall(TesTreeFinish(tree, out));
    PetscCall(TesTreeDestroy(&tree));
    for (PetscInt64 k = 0; k < length; k++) out[k] = pass ? PetscSqrtReal(out[k] / (PetscReal)PetscMax(pairs - 1, 1)) : out[k] / (PetscReal)pairs;
  }
  PetscCall(PetscFree2(v, work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoNormalizerFit(TesProblem problem)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  for (int which = 0; which < 2; which++) {
    const PetscInt64 n = MgnoNormalizerLength(m, which);

    if (n == 1) PetscCall(FitScalar(problem, which, m->mean[which], m->deviation[which]));
    else if (n > 1) PetscCall(FitPoints(problem, which, m->mean[which], m->deviation[which]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

void MgnoNormalizerEncode(const Mgno *m, PetscReal *x)
{
  const PetscInt64 n = MgnoNormalizerLength(m, 0), length = m->points * m->model.in_channels;

  for (PetscInt64 i = 0; i < length && n; i++) x[i] = (x[i] - m->mean[0][n == 1 ? 0 : i]) / (m->deviation[0][n == 1 ? 0 : i] + MGNO_NORMALIZE_EPS);
}

void MgnoNormalizerDecode(const Mgno *m, PetscReal *o, PetscBool derivative)
{
  const PetscInt64 n = MgnoNormalizerLength(m, 1), length = m->points * m->model.out_channels;

  for (PetscInt64 i = 0; i < length && n; i++) {
    const PetscInt64 k = n == 1 ? 0 : i;

    o[i] = o[i] * (m->deviation[1][k] + MGNO_NORMALIZE_EPS) + (derivative ? 0 : m->mean[1][k]);
  }
}
