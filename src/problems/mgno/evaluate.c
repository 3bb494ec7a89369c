/* The action `evaluate`: relative errors of the network on the test samples, each by itself; and the same errors for validation during training.

   Metrics per pair: L2; H1 = L2 and gradient by differences; the spectral H1 of the training loss; energy, where the equation has one. A step evaluates a portion of the test pairs. */
#include "model.h"

#define GROUP 64 /* pairs that are in memory at a time, over all ranks */

static PetscErrorCode Values(TesProblem problem, MgnoLoss loss[], const MgnoWork *work, const PetscInt64 pair[], const PetscReal *x, const PetscReal *o, const PetscReal *y, PetscReal *values)
{
  Mgno            *m  = TesProblemCtx(problem);
  const PetscInt64 in = m->points * m->model.in_channels, out = m->points * m->model.out_channels;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < work->n_local; i++)
    for (int k = 0; k < MGNO_METRICS; k++) {
      if (loss[k]) PetscCall(MgnoLossValue(loss[k], pair[work->first + i], x + i * in, o + i * out, y + i * out, &values[(work->first + i) * MGNO_METRICS + k], NULL));
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscBool MgnoHasEnergy(const Mgno *m)
{
  return m->data.family <= MGNO_POISSON && (m->grid.layout == MGNO_CELL || m->grid.layout == MGNO_VERTEX) && m->model.in_channels == m->c_in && m->model.out_channels == 1 ? PETSC_TRUE : PETSC_FALSE;
}

PetscErrorCode MgnoMetrics(TesProblem problem, PetscInt64 first, PetscInt64 count, const PetscReal *theta, PetscReal *values)
{
  static const MgnoLossKind kinds[MGNO_METRICS] = {MGNO_L2, MGNO_H1_FD, MGNO_H1_SPECTRAL, MGNO_ENERGY};
  Mgno                     *m    = TesProblemCtx(problem);
  MPI_Comm                  comm = TesProblemComm(problem);
  MgnoLoss                  loss[MGNO_METRICS] = {NULL};
  MgnoNet                   net;

  PetscFunctionBegin;
  PetscCall(MgnoModelNet(m, PETSC_FALSE, &net));
  PetscCall(MgnoNetWeights(net, theta));
  for (int k = 0; k < MGNO_METRICS; k++) {
    if (kinds[k] != MGNO_ENERGY || MgnoHasEnergy(m)) PetscCall(MgnoLossCreate(m, kinds[k], m->model.out_channels, 1, &loss[k]));
  }
  PetscCall(PetscArrayzero(values, count * MGNO_METRICS));
  for (PetscInt64 g = 0; g < count; g += GROUP) {
    const PetscInt64 n = PetscMin(GROUP, count - g);
    MgnoWork         work;
    PetscInt64       pair[GROUP], in, out;
    PetscReal       *x, *y, *o, *raw;

    PetscCall(MgnoWorkCreate(problem, n, 1, &work));
    in  = m->points * m->model.in_channels * work.n_local;
    out = m->points * m->model.out_channels * work.n_local;
    for (PetscInt64 i = 0; i < n; i++) pair[i] = first + g + i;
    PetscCall(PetscMalloc4(in + 1, &x, out + 1, &y, out + 1, &o, in + 1, &raw));
    PetscCall(MgnoSamplesFetch(problem, &work, pair, x, y));
    PetscCall(PetscArraycpy(raw, x, in)); /* losses see the input as it is */
    PetscCall(MgnoModelRun(m, net, &work, x, o));
    PetscCall(TesAgree(comm, Values(problem, loss, &work, pair, raw, o, y, values + g * MGNO_METRICS)));
    PetscCall(PetscFree4(x, y, o, raw));
    PetscCall(MgnoWorkDestroy(&work));
  }
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, values, (PetscMPIInt)(count * MGNO_METRICS), MPIU_REAL, MPI_SUM, comm)); /* one contribution each: exact */
  for (int k = 0; k < MGNO_METRICS; k++) PetscCall(MgnoLossDestroy(&loss[k]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt64 Pairs(const Mgno *m)
{
  return (PetscInt64)m->data.test * m->frames;
}

static PetscInt64 Portion(const Mgno *m)
{
  return PetscMax(1, (PetscInt64)(3e11 / MgnoPlanFlops(m->plan)));
}

PetscInt64 MgnoEvaluateSteps(const Mgno *m)
{
  return (Pairs(m) + Portion(m) - 1) / Portion(m) + (m->evaluate.factor ? 1 : 0); /* the last step: at another resolution */
}

PetscErrorCode MgnoEvaluateStep(TesProblem problem, TesProgress *progress)
{
  Mgno            *m     = TesProblemCtx(problem);
  const PetscInt64 first = m->place * Portion(m), count = PetscMin(Portion(m), Pairs(m) - first), width = MGNO_METRICS;
  PetscReal       *longer;

  PetscFunctionBegin;
  PetscCall(MgnoSamplesLoad(problem));
  PetscCall(MgnoModelLoad(problem));
  if (count <= 0) {
    PetscCall(MgnoResolutionStep(problem));
    PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "evaluate at another resolution"));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(PetscMalloc1((first + count) * width, &longer));
  if (first) PetscCall(PetscArraycpy(longer, m->errors, first * width));
  PetscCall(MgnoMetrics(problem, (PetscInt64)(m->data.train + m->data.validation) * m->frames + first, count, m->best, longer + first * width));
  PetscCall(PetscFree(m->errors));
  m->errors      = longer;
  m->n_errors    = (first + count) * width;
  progress->work = (PetscReal)count;
  PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "evaluate %" PetscInt64_FMT "/%" PetscInt64_FMT, first + count, Pairs(m)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoEvaluateState(TesProblem problem, TesState state)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(TesStateRealsGrow(state, "evaluate/errors", &m->n_errors, &m->errors));
  PetscCall(TesStateRealsGrow(state, "evaluate/finer", &m->n_finer, &m->finer));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the pair with the largest L2 error, with its fields */
static PetscErrorCode ReportWorst(TesProblem problem, TesReport report, PetscInt64 worst)
{
  Mgno            *m    = TesProblemCtx(problem);
  MPI_Comm         comm = TesProblemComm(problem);
  const PetscInt64 pair = (PetscInt64)(m->data.train + m->data.validation) * m->frames + worst;
  MgnoWork         work;
  MgnoNet          net;
  PetscReal       *x, *y, *o, *raw, most = 0;

  PetscFunctionBegin;
  PetscCall(MgnoWorkCreate(problem, 1, 1, &work)); /* rank 0 */
  PetscCall(PetscMalloc4(m->points * m->model.in_channels, &x, m->points * m->model.out_channels, &y, m->points * m->model.out_channels, &o, m->points * m->model.in_channels, &raw));
  PetscCall(MgnoSamplesFetch(problem, &work, &pair, x, y));
  PetscCall(MgnoModelNet(m, PETSC_FALSE, &net));
  PetscCall(MgnoNetWeights(net, m->best));
  PetscCall(PetscArraycpy(raw, x, m->points * m->model.in_channels * work.n_local));
  PetscCall(MgnoModelRun(m, net, &work, x, o));
  if (work.n_local) {
    for (PetscInt64 i = 0; i < m->points; i++) most = PetscMax(most, PetscAbsReal(y[i]));
  }
  PetscCallMPI(MPI_Bcast(&most, 1, MPIU_REAL, 0, comm));
  PetscCall(MgnoReportSample(m, comm, report, "worst_input", "1", "input of the test sample with the largest error", 0, raw, 0));
  PetscCall(MgnoReportSample(m, comm, report, "worst_truth", "1", "its wanted output", 0, y, 0));
  PetscCall(MgnoReportSample(m, comm, report, "worst_prediction", "1", "output of the network", 0, o, most));
  if (work.n_local) {
    for (PetscInt64 i = 0; i < m->points; i++) o[i] -= y[i];
  }
  PetscCall(MgnoReportSample(m, comm, report, "worst_error", "1", "output minus wanted output", 0, o, most));
  PetscCall(PetscFree4(x, y, o, raw));
  PetscCall(MgnoWorkDestroy(&work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* how many of the n ascending values lie in each of BINS equal intervals from the least to the largest */
#define BINS 16
static PetscErrorCode Histogram(Mgno *m, TesReport report, PetscInt64 n, const PetscReal *ascending)
{
  const PetscReal low = ascending[0], width = (ascending[n - 1] - low) / BINS;
  PetscReal       middle[BINS], count[BINS] = {0};

  PetscFunctionBegin;
  for (PetscInt k = 0; k < BINS; k++) middle[k] = low + (k + 0.5) * width;
  for (PetscInt64 i = 0; i < n && width > 0; i++) count[PetscMin(BINS - 1, (PetscInt)((ascending[i] - low) / width))]++;
  if (width > 0) {
    PetscCall(MgnoReportColumn(m, report, "histogram/l2", BINS, middle, "1", "relative L2 error, middle of the interval", 1));
    PetscCall(MgnoReportColumn(m, report, "histogram/samples", BINS, count, "1", "test samples in the interval", 0));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoEvaluateReport(TesProblem problem, TesReport report)
{
  static const char *const names[MGNO_METRICS] = {"test_l2", "test_h1", "test_h1_spectral", "test_energy"};
  static const char *const helps[MGNO_METRICS] = {"relative L2 error", "relative error in L2 and gradient (differences)", "relative error in the spectral H1 norm of the training loss", "relative error in the energy of the equation"};
  Mgno            *m = TesProblemCtx(problem);
  const PetscInt64 n = m->n_errors / MGNO_METRICS;
  PetscInt64       worst = 0;
  PetscReal       *column;
  char             name[64], help[160];

  PetscFunctionBegin;
  if (!n) PetscFunctionReturn(PETSC_SUCCESS);
  /* a restart of a run that was killed between its last checkpoint and its report comes here without a step */
  PetscCall(MgnoSamplesLoad(problem));
  PetscCall(MgnoModelLoad(problem));
  PetscCall(PetscMalloc1(n, &column));
  for (int k = 0; k < MGNO_METRICS; k++) {
    TesFigureNote note = {.unit = "1", .scale = 1, .help = help};
    PetscReal     mean;

    if (k == MGNO_METRIC_ENERGY && !MgnoHasEnergy(m)) continue;
    for (PetscInt64 i = 0; i < n; i++) column[i] = m->errors[i * MGNO_METRICS + k];
    mean = TesSumPairwise(n, column) / (PetscReal)n;
    PetscCall(PetscSNPrintf(help, sizeof(help), "%s, mean over the test samples", helps[k]));
    if (k == MGNO_METRIC_L2 && m->train.target > 0) {
      note.has_reference = PETSC_TRUE;
      note.reference     = m->train.target;
      note.source        = "train.target of the deck";
      note.failed        = mean > m->train.target ? PETSC_TRUE : PETSC_FALSE;
    }
    PetscCall(TesReportReal(report, names[k], mean, &note));
    PetscCall(PetscSNPrintf(name, sizeof(name), "test/%s", names[k] + 5));
    PetscCall(MgnoReportColumn(m, report, name, n, column, "1", helps[k], 1));
    if (k > MGNO_METRIC_H1) continue;
    for (PetscInt64 i = 0; i < n && k == 0; i++) worst = column[i] > column[worst] ? i : worst;
    PetscCall(PetscSortReal((PetscInt)n, column));
    note = (TesFigureNote){.unit = "1", .scale = 1, .help = help};
    PetscCall(PetscSNPrintf(name, sizeof(name), "%s_median", names[k]));
    PetscCall(PetscSNPrintf(help, sizeof(help), "%s, median", helps[k]));
    PetscCall(TesReportReal(report, name, n % 2 ? column[n / 2] : (column[n / 2 - 1] + column[n / 2]) / 2, &note));
    PetscCall(PetscSNPrintf(name, sizeof(name), "%s_max", names[k]));
    PetscCall(PetscSNPrintf(help, sizeof(help), "%s, largest", helps[k]));
    PetscCall(TesReportReal(report, name, column[n - 1], &note));
    if (k == 0) {
      PetscCall(MgnoReportColumn(m, report, "test/l2_sorted", n, column, "1", "relative L2 error of the test samples, ascending", 1));
      PetscCall(Histogram(m, report, n, column));
      PetscCall(MgnoReportColumn(m, report, "test/number", n, NULL, "1", "rank in the order of errors", 0));
    }
  }
  PetscCall(PetscFree(column));
  PetscCall(ReportWorst(problem, report, worst));
  PetscCall(MgnoResolutionReport(problem, report));
  PetscFunctionReturn(PETSC_SUCCESS);
}
