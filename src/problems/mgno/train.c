/* The action `train`: minimise the sum over the batch of a relative loss, batch by batch, epoch by epoch.

   The pairs of an epoch are taken in the order of TesShuffle(seed, epoch). A batch is cut into work units of neighbouring positions (parallel.blocks); a unit is done by one rank, its
   gradient is formed in one fixed order, and units are summed by the reducer of the tensor room (exact: the same bits for every rank count). Ranks may share grids: a unit is then done by a
   group, block by block of the grid, and the blocks' gradients are summed likewise (ranks.c, sum.c). Per-sample losses travel as one number each and are added in the order of their positions. Every rank then makes the same update.

   A step of the run is a portion of an epoch of fixed work (about 3e11 operations), so that signals and clocks are looked at every few seconds. At the end of an epoch the
   validation samples are evaluated and the best weights kept. State: weights, best weights, optimizer, epoch and place in it, sums so far, history. */
#include "model.h"

#define PORTION_FLOPS 3e11
#define HISTORY       8 /* numbers per epoch */

enum { H_EPOCH, H_RATE, H_BETA1, H_LOSS, H_L2, H_VALIDATION_L2, H_VALIDATION_H1, H_BEST };

static PetscInt64 Pairs(const Mgno *m)
{
  return (PetscInt64)m->data.train * m->frames;
}

static PetscInt64 Batches(const Mgno *m)
{
  return (Pairs(m) + m->train.batch - 1) / m->train.batch;
}

static PetscInt64 Portion(const Mgno *m)
{
  const PetscReal flops = 3 * MgnoPlanFlops(m->plan) * m->train.batch;

  return PetscMin(Batches(m), PetscMax(1, (PetscInt64)(PORTION_FLOPS / flops)));
}

static PetscInt64 PortionsPerEpoch(const Mgno *m)
{
  return (Batches(m) + Portion(m) - 1) / Portion(m);
}

PetscInt64 MgnoTrainSteps(const Mgno *m)
{
  return m->train.epochs * PortionsPerEpoch(m);
}

PetscErrorCode MgnoTrainSetUp(TesProblem problem)
{
  Mgno   *m = TesProblemCtx(problem);
  MgnoNet net;

  PetscFunctionBegin;
  PetscCall(TesOptimizerCreate(&m->train.optimizer, m->plan->size, &m->optimizer));
  PetscCall(MgnoModelNet(m, PETSC_TRUE, &net));
  PetscCall(MgnoSumCreate(problem, net, &m->sum));
  PetscCall(PetscMalloc2(m->plan->size, &m->g, MgnoNetOffsets(net)[m->plan->n_tensors], &m->packed));
  PetscCall(MgnoLossCreate(m, (MgnoLossKind)m->train.loss, m->model.out_channels, m->train.h1_mass, &m->loss));
  if (m->train.loss == MGNO_H1_FD && m->train.h1_scale == 1) MgnoLossAbsolute(m->loss);
  PetscCall(MgnoLossCreate(m, MGNO_L2, m->model.out_channels, 1, &m->loss_l2));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoTrainDestroy(Mgno *m)
{
  PetscFunctionBegin;
  PetscCall(TesOptimizerDestroy(&m->optimizer));
  PetscCall(MgnoSumDestroy(&m->sum));
  PetscCall(PetscFree2(m->g, m->packed));
  PetscCall(MgnoLossDestroy(&m->loss));
  PetscCall(MgnoLossDestroy(&m->loss_l2));
  PetscCall(PetscFree(m->history));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* loss and l2 of this rank's samples of a round, derivatives of the loss by the output of the network */
static PetscErrorCode Losses(Mgno *m, PetscInt64 n, const PetscInt64 pair[], const PetscReal *x, const PetscReal *o, const PetscReal *y, PetscReal *bar, PetscReal *values)
{
  const PetscInt64 in = m->points * m->model.in_channels, out = m->points * m->model.out_channels;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < n; i++) {
    PetscCall(MgnoLossValue(m->loss, pair[i], x + i * in, o + i * out, y + i * out, &values[2 * i], bar + i * out));
    PetscCall(MgnoLossValue(m->loss_l2, pair[i], x + i * in, o + i * out, y + i * out, &values[2 * i + 1], NULL));
    MgnoNormalizerDecode(m, bar + i * out, PETSC_TRUE);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- several steps in time: train.unrolled ---- */

/* x of a step from o of the step before: the derivative goes the other way, through the normalisation of the input */
static void BackThroughInput(const Mgno *m, PetscReal *in_bar)
{
  const PetscInt64 n = MgnoNormalizerLength(m, 0), length = m->points * m->model.in_channels;

  for (PetscInt64 i = 0; i < length && n; i++) in_bar[i] /= m->deviation[0][n == 1 ? 0 : i] + MGNO_NORMALIZE_EPS;
}

/* steps that a pair is rolled out over: to the end of its trajectory at most */
static PetscInt StepsOf(const Mgno *m, PetscInt64 pair)
{
  return PetscMin(m->train.unrolled, m->frames - (PetscInt)(pair % m->frames));
}

/* Loss of a round of this rank's samples over `unrolled` steps, each from the output of the step before, mean over the steps; gradients into the leaves. Only the inputs of the steps are kept: each step is
   done again before its backward sweep. y [steps][n_local samples]; values: loss and l2 as means over the steps. Collective on the group */
static PetscErrorCode Unrolled(TesProblem problem, MgnoNet net, PetscInt64 share, PetscInt64 n_local, const PetscInt64 pair[], const PetscReal *x, const PetscReal *y, PetscReal *values)
{
  Mgno            *m    = TesProblemCtx(problem);
  const PetscInt   k    = m->train.unrolled;
  const PetscInt64 size = m->points * m->model.in_channels, all = share * size; /* as many channels out as in */
  PetscReal       *in, *out, *bar, *carry, *work;
  PetscErrorCode   ierr = PETSC_SUCCESS;

  PetscFunctionBegin;
  PetscCall(PetscCalloc5(all * (k + 1) + 1, &in, all + 1, &out, all * k + 1, &bar, all + 1, &carry, all + 1, &work));
  PetscCall(PetscArraycpy(in, x, all));
  for (PetscInt j = 0; j < k; j++) {
    PetscReal *step = in + j * all, *next = step + all;

    PetscCall(PetscArraycpy(work, step, all));
    PetscCall(MgnoModelApply(m, net, share, work, next));
    for (PetscInt64 i = 0; i < share && !ierr; i++) {
      const PetscInt steps = StepsOf(m, pair[i]);
      PetscReal      value[2];

      if (j >= steps) continue;
      ierr = MgnoLossValue(m->loss, pair[i] + j, step + i * size, next + i * size, y + (j * n_local + i) * size, &value[0], bar + j * all + i * size);
      if (!ierr) ierr = MgnoLossValue(m->loss_l2, pair[i] + j, step + i * size, next + i * size, y + (j * n_local + i) * size, &value[1], NULL);
      for (PetscInt64 c = 0; c < size; c++) bar[j * all + i * size + c] /= steps;
      for (int v = 0; v < 2; v++) values[2 * i + v] = (j ? values[2 * i + v] : 0) + value[v] / steps;
    }
  }
  if (m->ranks.members > 1) PetscCall(TesAgree(m->ranks.group, ierr)); /* before the others wait for our ghosts */
  else PetscCall(ierr);
  for (PetscInt j = k - 1; j >= 0; j--) {
    PetscReal *total = bar + j * all;

    for (PetscInt64 i = 0; i < all; i++) total[i] += carry[i];
    if (j < k - 1) { /* the last forward was that of the last step */
      PetscCall(PetscArraycpy(work, in + j * all, all));
      PetscCall(MgnoModelApply(m, net, share, work, out));
    }
    PetscCall(PetscArraycpy(work, total, all));
    for (PetscInt64 i = 0; i < share; i++) MgnoNormalizerDecode(m, work + i * size, PETSC_TRUE);
    PetscCall(MgnoNetBackward(net, work, j ? carry : NULL));
    for (PetscInt64 i = 0; i < share; i++) BackThroughInput(m, carry + i * size);
    for (PetscInt64 i = 0; i < all && m->model.output; i++) carry[i] += total[i];
  }
  PetscCall(PetscFree5(in, out, bar, carry, work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the wanted outputs of the steps after the first, of all samples of the batch: y [steps][n_local] */
static PetscErrorCode FetchSteps(TesProblem problem, const MgnoWork *work, const PetscInt64 pair[], PetscReal *x, PetscReal *y)
{
  Mgno            *m    = TesProblemCtx(problem);
  const PetscInt64 size = m->points * m->model.out_channels * work->n_local;
  PetscInt64      *later;
  PetscReal       *none;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(work->n, &later, m->points * m->model.in_channels * work->n_local + 1, &none));
  PetscCall(MgnoSamplesFetch(problem, work, pair, x, y));
  for (PetscInt j = 1; j < m->train.unrolled; j++) {
    for (PetscInt64 i = 0; i < work->n; i++) later[i] = pair[i] + PetscMin(j, StepsOf(m, pair[i]) - 1);
    PetscCall(MgnoSamplesFetch(problem, work, later, none, y + j * size));
  }
  PetscCall(PetscFree2(later, none));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* loss and l2 of this rank's samples of one batch into values[position][2]; gradients into the sum */
static PetscErrorCode BatchLocal(TesProblem problem, MgnoNet net, const MgnoWork *work, const PetscInt64 pair[], PetscReal *x, PetscReal *y, PetscReal *values)
{
  Mgno            *m  = TesProblemCtx(problem);
  const PetscInt64 in = m->points * m->model.in_channels, out = m->points * m->model.out_channels, room = m->ranks.members > 1 ? MgnoTogether(m) : 1;
  PetscReal       *o, *bar, *raw;
  PetscErrorCode   ierr = PETSC_SUCCESS;
  PetscInt64       n;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3(out * room, &o, out * room, &bar, in * room, &raw));
  for (PetscInt64 at = 0; at < work->group_n; at += n) {
    PetscInt64 first, share;

    PetscCall(MgnoWorkRound(m, net, work, at, &n, &first, &share));
    if (at % work->unit == 0) PetscCall(MgnoNetClear(net));
    if (m->train.unrolled > 1) {
      ierr = Unrolled(problem, net, share, work->n_local, pair + work->first + first, x + first * in, y + first * out, values + 2 * (work->first + first));
      if (ierr) break;
      if ((at + n) % work->unit == 0 || at + n == work->group_n) PetscCall(MgnoSumRound(m->sum, net, (n + work->unit - 1) / work->unit));
      continue;
    }
    PetscCall(PetscArraycpy(raw, x + first * in, share * in)); /* the loss may need the coefficient as it is */
    PetscCall(MgnoModelApply(m, net, share, x + first * in, o));
    ierr = Losses(m, share, pair + work->first + first, raw, o, y + first * out, bar, values + 2 * (work->first + first));
    if (m->ranks.members > 1) PetscCall(TesAgree(m->ranks.group, ierr)); /* before the others wait for our ghosts */
    if (ierr) break;
    PetscCall(MgnoNetBackward(net, bar, NULL));
    if ((at + n) % work->unit == 0 || at + n == work->group_n) PetscCall(MgnoSumRound(m->sum, net, (n + work->unit - 1) / work->unit));
  }
  PetscCall(PetscFree3(o, bar, raw));
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Batch(TesProblem problem, PetscInt64 size, const PetscInt64 pair[], const TesRate *rate, PetscReal *values)
{
  Mgno          *m      = TesProblemCtx(problem);
  TesTimers      timers = TesProblemTimers(problem);
  MgnoWork       work;
  MgnoNet        net;
  PetscReal     *x, *y;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(MgnoWorkCreate(problem, size, MgnoUnitOf(m), &work));
  PetscCall(PetscMalloc2(m->points * m->model.in_channels * work.n_local + 1, &x, m->points * m->model.out_channels * work.n_local * m->train.unrolled + 1, &y));
  PetscCall(TesPhaseBegin(timers, "exchange"));
  PetscCall(FetchSteps(problem, &work, pair, x, y));
  PetscCall(TesPhaseEnd(timers, "exchange"));
  PetscCall(TesPhaseBegin(timers, "network"));
  PetscCall(MgnoModelNet(m, PETSC_TRUE, &net));
  PetscCall(MgnoNetWeights(net, m->theta));
  PetscCall(MgnoSumBegin(m->sum, &work));
  ierr = BatchLocal(problem, net, &work, pair, x, y, values);
  PetscCall(TesPhaseEnd(timers, "network"));
  PetscCall(PetscFree2(x, y));
  PetscCall(TesPhaseBegin(timers, "reduce"));
  PetscCall(TesAgree(TesProblemComm(problem), ierr));
  PetscCall(MgnoSumFinish(m->sum, net, m->packed));
  PetscCall(TesPhaseEnd(timers, "reduce"));
  PetscCall(TesPhaseBegin(timers, "update"));
  PetscCall(MgnoNetUnpack(net, m->packed, m->g));
  PetscCall(TesOptimizerApply(m->optimizer, rate, m->theta, m->g));
  PetscCall(TesPhaseEnd(timers, "update"));
  PetscCall(MgnoWorkDestroy(&work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Begin(TesProblem problem)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(MgnoSamplesLoad(problem));
  if (m->trained.begun) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(MgnoModelLoad(problem));
  if (!m->model_ready) {
    PetscCall(MgnoNormalizerFit(problem));
    PetscCall(MgnoPlanStart(m->plan, TesProblemSeed(problem), m->theta));
    m->model_ready = PETSC_TRUE;
  }
  PetscCall(PetscArraycpy(m->best, m->theta, m->plan->size));
  m->trained.begun = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the numbers that are not finite, said with what was being done */
static PetscErrorCode CheckValues(TesProblem problem, PetscInt64 count, const PetscReal *values, PetscInt64 first, const PetscInt64 pair[])
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < count; i++)
    PetscCheck(!PetscIsInfOrNanReal(values[2 * i]), TesProblemComm(problem), TES_ERR_NUMBERS,
               "the loss is %g in epoch %" PetscInt64_FMT ", batch %" PetscInt64_FMT ", sample %" PetscInt64_FMT ": lower train.optimizer.learning_rate, or set train.optimizer.clip; --restart goes on from the last good checkpoint",
               (double)values[2 * i], m->trained.epoch + 1, (first + i) / m->train.batch + 1, pair[first + i] / m->frames);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EpochEnd(TesProblem problem, const TesRate *rate)
{
  Mgno            *m     = TesProblemCtx(problem);
  const PetscInt64 count = (PetscInt64)m->data.validation * m->frames;
  PetscReal        row[HISTORY] = {0}, *values;

  PetscFunctionBegin;
  row[H_EPOCH] = (PetscReal)(m->trained.epoch + 1);
  row[H_RATE]  = rate->learning_rate;
  row[H_BETA1] = rate->beta1;
  row[H_LOSS]  = m->trained.loss / (PetscReal)Pairs(m);
  row[H_L2]    = m->trained.l2 / (PetscReal)Pairs(m);
  if (count) {
    PetscCall(TesPhaseBegin(TesProblemTimers(problem), "validation"));
    PetscCall(PetscMalloc1(count * MGNO_METRICS, &values));
    PetscCall(MgnoMetrics(problem, Pairs(m), count, m->theta, values));
    for (int k = 0; k < 2; k++) {
      PetscReal *column;

      PetscCall(PetscMalloc1(count, &column));
      for (PetscInt64 i = 0; i < count; i++) column[i] = values[i * MGNO_METRICS + (k ? MGNO_METRIC_H1 : MGNO_METRIC_L2)];
      row[k ? H_VALIDATION_H1 : H_VALIDATION_L2] = TesSumPairwise(count, column) / (PetscReal)count;
      PetscCall(PetscFree(column));
    }
    PetscCall(PetscFree(values));
    PetscCall(TesPhaseEnd(TesProblemTimers(problem), "validation"));
  }
  if (!count || m->train.select == 0 || m->trained.best_epoch == 0 || row[H_VALIDATION_L2] < m->trained.best_value) {
    m->trained.best_value = row[H_VALIDATION_L2];
    m->trained.best_epoch = m->trained.epoch + 1;
    PetscCall(PetscArraycpy(m->best, m->theta, m->plan->size));
  }
  row[H_BEST] = (PetscReal)m->trained.best_epoch;
  {
    PetscReal *longer;

    PetscCall(PetscMalloc1(m->n_history + HISTORY, &longer));
    if (m->n_history) PetscCall(PetscArraycpy(longer, m->history, m->n_history));
    PetscCall(PetscArraycpy(longer + m->n_history, row, HISTORY));
    PetscCall(PetscFree(m->history));
    m->history = longer;
    m->n_history += HISTORY;
  }
  m->trained.epoch++;
  m->trained.loss = m->trained.l2 = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoTrainStep(TesProblem problem, TesProgress *progress, PetscBool *ended)
{
  Mgno            *m     = TesProblemCtx(problem);
  MPI_Comm         comm  = TesProblemComm(problem);
  const PetscReal  t0    = TesNow();
  const PetscInt64 per   = PortionsPerEpoch(m), part = m->place % per;
  const PetscInt64 first = part * Portion(m) * m->train.batch, last = PetscMin(Pairs(m), first + Portion(m) * m->train.batch), count = last - first;
  PetscInt        *order;
  PetscInt64      *pair;
  PetscReal       *values, *column, seconds;
  PetscErrorCode   refused;
  TesRate          rate;

  PetscFunctionBegin;
  PetscCall(Begin(problem));
  PetscCall(PetscMalloc4(Pairs(m), &order, Pairs(m), &pair, 2 * count, &values, count, &column));
  PetscCall(TesShuffle(TesProblemSeed(problem), m->trained.epoch, (PetscInt)Pairs(m), order));
  for (PetscInt64 i = 0; i < Pairs(m); i++) pair[i] = order[i];
  PetscCall(TesScheduleAt(&m->train.schedule, &m->train.optimizer, m->trained.epoch, m->train.epochs, &rate));
  PetscCall(PetscArrayzero(values, 2 * count));
  for (PetscInt64 b = first; b < last; b += m->train.batch) PetscCall(Batch(problem, PetscMin(m->train.batch, last - b), pair + b, &rate, values + 2 * (b - first)));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, values, (PetscMPIInt)(2 * count), MPIU_REAL, MPI_SUM, comm)); /* one contribution each: exact */
  refused = CheckValues(problem, count, values, first, pair);
  for (int k = 0; k < 2 && !refused; k++) {
    for (PetscInt64 i = 0; i < count; i++) column[i] = values[2 * i + k];
    *(k ? &m->trained.l2 : &m->trained.loss) += TesSumPairwise(count, column);
  }
  PetscCall(PetscFree4(order, pair, values, column));
  PetscCall(refused);
  m->trained.done += (PetscReal)count;
  progress->work = (PetscReal)count;
  PetscCall(PetscSNPrintf(progress->phase, sizeof(progress->phase), "train epoch %" PetscInt64_FMT "/%" PetscInt_FMT, m->trained.epoch + 1, m->train.epochs));
  if (part + 1 == per) PetscCall(EpochEnd(problem, &rate));
  progress->merit_name = m->data.validation ? "validation L2" : "training L2";
  progress->merit      = m->n_history ? m->history[m->n_history - HISTORY + (m->data.validation ? H_VALIDATION_L2 : H_L2)] : 0;
  seconds              = TesNow() - t0;
  PetscCallMPI(MPI_Bcast(&seconds, 1, MPIU_REAL, 0, comm));
  m->trained.seconds += seconds;
  *ended = m->train.time_limit > 0 && m->trained.seconds >= m->train.time_limit ? PETSC_TRUE : PETSC_FALSE;
  if (*ended || m->trained.epoch >= m->train.epochs) {
    if (m->train.select == 0 || !m->trained.best_epoch) PetscCall(PetscArraycpy(m->best, m->theta, m->plan->size));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoTrainObserve(TesProblem problem, TesSeries series)
{
  Mgno            *m   = TesProblemCtx(problem);
  const PetscReal *row = m->n_history ? m->history + m->n_history - HISTORY : NULL;

  PetscFunctionBegin;
  PetscCall(TesSeriesReal(series, "epoch", "1", row ? row[H_EPOCH] : 0));
  PetscCall(TesSeriesReal(series, "images", "1", m->trained.done));
  PetscCall(TesSeriesReal(series, "learning_rate", "1", row ? row[H_RATE] : 0));
  PetscCall(TesSeriesReal(series, "beta1", "1", row ? row[H_BETA1] : 0));
  PetscCall(TesSeriesReal(series, "train_loss", "1", row ? row[H_LOSS] : 1));
  PetscCall(TesSeriesReal(series, "train_l2", "1", row ? row[H_L2] : 1));
  PetscCall(TesSeriesReal(series, "validation_l2", "1", row ? row[H_VALIDATION_L2] : 1));
  PetscCall(TesSeriesReal(series, "validation_h1", "1", row ? row[H_VALIDATION_H1] : 1));
  PetscCall(TesSeriesTiming(series, "images_per_second", "1/s", m->trained.seconds > 0 ? m->trained.done / m->trained.seconds : 0));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoTrainState(TesProblem problem, TesState state)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(TesStateBool(state, "train/begun", &m->trained.begun));
  PetscCall(TesStateInt(state, "train/epoch", &m->trained.epoch));
  PetscCall(TesStateReal(state, "train/loss", &m->trained.loss));
  PetscCall(TesStateReal(state, "train/l2", &m->trained.l2));
  PetscCall(TesStateReal(state, "train/images", &m->trained.done));
  PetscCall(TesStateReal(state, "train/seconds", &m->trained.seconds));
  PetscCall(TesStateReal(state, "train/best_value", &m->trained.best_value));
  PetscCall(TesStateInt(state, "train/best_epoch", &m->trained.best_epoch));
  PetscCall(TesStateRealsGrow(state, "train/history", &m->n_history, &m->history));
  PetscCall(TesStatePush(state, "optimizer"));
  PetscCall(TesOptimizerState(m->optimizer, state));
  PetscCall(TesStatePop(state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoTrainReport(TesProblem problem, TesReport report)
{
  static const char *const names[HISTORY] = {"train/epoch", "train/learning_rate", "train/beta1", "train/loss", "train/l2", "train/validation_l2", "train/validation_h1", "train/best_epoch"};
  Mgno            *m     = TesProblemCtx(problem);
  const PetscInt64 n     = m->n_history / HISTORY;
  const PetscReal  flops = 3 * MgnoPlanFlops(m->plan), rate = m->trained.done / PetscMax(m->trained.seconds, 1e-9);
  PetscReal       *column;

  PetscFunctionBegin;
  PetscCall(TesReportInt(report, "epochs", m->trained.epoch, &(TesFigureNote){.help = "epochs of training done"}));
  PetscCall(TesReportInt(report, "best_epoch", m->trained.best_epoch, &(TesFigureNote){.help = "epoch whose weights are reported"}));
  if (n) PetscCall(TesReportReal(report, "train_l2", m->history[(n - 1) * HISTORY + H_L2], &(TesFigureNote){.unit = "1", .scale = 1, .help = "mean relative L2 error of the training samples, last epoch"}));
  if (n && m->data.validation) PetscCall(TesReportReal(report, "validation_l2", m->trained.best_value, &(TesFigureNote){.unit = "1", .scale = 1, .help = "mean relative L2 error of the validation samples, reported weights"}));
  PetscCall(TesReportReal(report, "images_per_second", rate, &(TesFigureNote){.unit = "1/s", .timing = PETSC_TRUE, .help = "training, all ranks, everything included"}));
  PetscCall(TesReportReal(report, "training_gflops", rate * flops * 1e-9, &(TesFigureNote){.unit = "1e9/s", .timing = PETSC_TRUE, .help = "operations of the network per second of training"}));
  PetscCall(PetscMalloc1(n + 1, &column));
  for (PetscInt k = 0; k < HISTORY && n; k++) {
    for (PetscInt64 i = 0; i < n; i++) column[i] = m->history[i * HISTORY + k];
    PetscCall(MgnoReportColumn(m, report, names[k], n, column, "1", names[k], 0));
  }
  PetscCall(PetscFree(column));
  PetscFunctionReturn(PETSC_SUCCESS);
}
