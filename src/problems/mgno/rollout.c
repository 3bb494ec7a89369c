/* The action `rollout`: the network steps the test trajectories from their start, its output being its next input, and is compared with the true frames.

   Ranks split the trajectories and may share their grids; a step of the run is a group of trajectories. Result: the mean relative L2 error of each frame. */
#include "model.h"

#define GROUP 16

PetscInt64 MgnoRolloutSteps(const Mgno *m)
{
  return ((PetscInt64)m->data.test + GROUP - 1) / GROUP;
}

/* all trajectories of this rank's group together, frame by frame */
static PetscErrorCode Trajectories(Mgno *m, MgnoNet net, const MgnoWork *work, const PetscReal *x, PetscReal *o)
{
  const PetscInt64 length = m->points * m->model.in_channels * work->n_local;
  PetscReal       *v;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(length + 1, &v));
  for (PetscInt frame = 0; frame < m->frames; frame++) {
    PetscCall(PetscArraycpy(v, frame ? o + (frame - 1) * length : x, length));
    PetscCall(MgnoModelRun(m, net, work, v, o + frame * length));
  }
  PetscCall(PetscFree(v));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Errors(Mgno *m, MgnoLoss loss, const MgnoWork *work, PetscInt64 first, const PetscReal *o, const PetscReal *y, PetscReal *error)
{
  const PetscInt64 length = m->points * m->model.in_channels;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < work->n_local; i++)
    for (PetscInt64 f = 0; f < m->frames; f++)
      PetscCall(MgnoLossValue(loss, first + work->first + i, NULL, o + (f * work->n_local + i) * length, y + (i * m->frames + f) * length, &error[(work->first + i) * m->frames + f], NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoRolloutStep(TesProblem problem, TesProgress *progress)
{
  Mgno            *m      = TesProblemCtx(problem);
  MPI_Comm         comm   = TesProblemComm(problem);
  const PetscInt64 first  = m->place * GROUP, n = PetscMin(GROUP, m->data.test - first), frames = m->frames, length = m->points * m->model.in_channels;
  MgnoWork         work;
  MgnoNet          net;
  MgnoLoss         loss;
  PetscInt64      *pair;
  PetscReal       *x, *y, *o, *fx, *fy, *longer;

  PetscFunctionBegin;
  PetscCall(MgnoSamplesLoad(problem));
  PetscCall(MgnoModelLoad(problem));
  PetscCall(MgnoModelNet(m, PETSC_FALSE, &net));
  PetscCall(MgnoNetWeights(net, m->best));
  PetscCall(MgnoLossCreate(m, MGNO_L2, m->model.out_channels, 1, &loss));
  PetscCall(MgnoWorkCreate(problem, n, 1, &work));
  PetscCall(PetscMalloc4(n, &pair, work.n_local * length + 1, &x, work.n_local * length * frames + 1, &y, work.n_local * length + 1, &fx));
  PetscCall(PetscMalloc3(work.n_local * length + 1, &fy, work.n_local * length * frames + 1, &o, (first + n) * frames, &longer));
  for (PetscInt64 frame = 0; frame < frames; frame++) { /* the frames of the group, one after the other */
    for (PetscInt64 i = 0; i < n; i++) pair[i] = ((PetscInt64)m->data.train + m->data.validation + first + i) * frames + frame;
    PetscCall(MgnoSamplesFetch(problem, &work, pair, fx, fy));
    for (PetscInt64 i = 0; i < work.n_local; i++) {
      if (frame == 0) PetscCall(PetscArraycpy(x + i * length, fx + i * length, length));
      PetscCall(PetscArraycpy(y + (i * frames + frame) * length, fy + i * length, length));
    }
  }
  PetscCall(PetscArrayzero(longer, (first + n) * frames));
  if (first) PetscCall(PetscArraycpy(longer, m->rolled, first * frames));
  {
    PetscReal *fresh = longer + first * frames;

    PetscCall(Trajectories(m, net, &work, x, o));
    PetscCall(TesAgree(comm, Errors(m, loss, &work, m->data.train + m->data.validation + first, o, y, fresh)));
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, fresh, (PetscMPIInt)(n * frames), MPIU_REAL, MPI_SUM, comm)); /* one contribution each: exact */
  }
  PetscCall(PetscFree(m->rolled));
  PetscCall(PetscMalloc1((first + n) * frames, &m->rolled));
  m->n_rolled = (first + n) * frames;
  PetscCall(PetscArraycpy(m->rolled, longer, m->n_rolled));
  PetscCall(PetscFree4(pair, x, y, fx));
  PetscCall(PetscFree3(fy, o, longer));
  PetscCall(MgnoWorkDestroy(&work));
  PetscCall(MgnoLossDestroy(&loss));
  progress->work = (PetscReal)(n * frames);
  PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "rollout %" PetscInt64_FMT "/%" PetscInt_FMT, first + n, m->data.test));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* truth and rollout of the first test trajectory at three frames, as fields of the result */
static PetscErrorCode Snapshots(TesProblem problem, TesReport report)
{
  static const char *const when[3] = {"first", "middle", "last"};
  Mgno            *m      = TesProblemCtx(problem);
  const PetscInt64 length = m->points * m->model.in_channels, start = ((PetscInt64)m->data.train + m->data.validation) * m->frames;
  const PetscInt   frame[3] = {0, m->frames / 2, m->frames - 1};
  MgnoWork         work;
  MgnoNet          net;
  PetscReal       *x, *y, *o;

  PetscFunctionBegin;
  PetscCall(MgnoSamplesLoad(problem));
  PetscCall(MgnoModelNet(m, PETSC_FALSE, &net));
  PetscCall(MgnoNetWeights(net, m->best));
  PetscCall(MgnoWorkCreate(problem, 1, 1, &work)); /* rank 0 */
  PetscCall(PetscMalloc3(length, &x, length, &y, work.n_local * m->frames * length + 1, &o));
  PetscCall(MgnoSamplesFetch(problem, &work, &start, x, y));
  PetscCall(Trajectories(m, net, &work, x, o));
  for (int k = 0; k < 3; k++) {
    const PetscInt64 pair = start + frame[k];
    PetscReal        most = 0;
    char             name[64];

    PetscCall(MgnoSamplesFetch(problem, &work, &pair, x, y));
    for (PetscInt64 i = 0; i < m->points && work.n_local; i++) most = PetscMax(most, PetscAbsReal(y[i]));
    PetscCallMPI(MPI_Bcast(&most, 1, MPIU_REAL, 0, TesProblemComm(problem)));
    PetscCall(PetscSNPrintf(name, sizeof(name), "rollout_%s_truth", when[k]));
    PetscCall(MgnoReportSample(m, TesProblemComm(problem), report, name, "1", "true frame", 0, y, 0));
    PetscCall(PetscSNPrintf(name, sizeof(name), "rollout_%s_prediction", when[k]));
    PetscCall(MgnoReportSample(m, TesProblemComm(problem), report, name, "1", "frame by the network", 0, o + frame[k] * length, most));
  }
  PetscCall(PetscFree3(x, y, o));
  PetscCall(MgnoWorkDestroy(&work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoRolloutReport(TesProblem problem, TesReport report)
{
  Mgno            *m = TesProblemCtx(problem);
  const PetscInt64 n = m->n_rolled / PetscMax(m->frames, 1);
  PetscReal       *column, *mean, *time, total = 0;

  PetscFunctionBegin;
  if (!n) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc3(n, &column, m->frames, &mean, m->frames, &time));
  for (PetscInt f = 0; f < m->frames; f++) {
    for (PetscInt64 i = 0; i < n; i++) column[i] = m->rolled[i * m->frames + f];
    mean[f] = TesSumPairwise(n, column) / (PetscReal)n;
    time[f] = (f + 1) * (m->data.frame_time > 0 ? m->data.frame_time : 1);
    total += mean[f] / m->frames;
  }
  PetscCall(TesReportReal(report, "rollout_l2", total, &(TesFigureNote){.unit = "1", .scale = 1, .help = "relative L2 error of a rollout, mean over frames and test trajectories"}));
  PetscCall(TesReportReal(report, "rollout_l2_last", mean[m->frames - 1], &(TesFigureNote){.unit = "1", .scale = 1, .help = "the same at the last frame"}));
  PetscCall(MgnoReportColumn(m, report, "rollout/time", m->frames, time, "time", "time of the frame", 0));
  PetscCall(MgnoReportColumn(m, report, "rollout/l2", m->frames, mean, "1", "relative L2 error of the frame, mean over test trajectories", 1));
  PetscCall(PetscFree3(column, mean, time));
  PetscCall(Snapshots(problem, report));
  PetscFunctionReturn(PETSC_SUCCESS);
}
