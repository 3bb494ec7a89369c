/* One quantum trajectory.

   Draw u; move psi by H_eff without normalising it; where |psi|^2 falls to u within a step, the time is found on ln|psi|^2 (Illinois) to 1e-8 or |dt| < 1e-10 T; a channel is drawn with
   probability ~ g_k |J_k psi|^2; psi <- J_k psi / |J_k psi|; the next u. At output times <psi|O|psi> / <psi|psi> is noted, from inside the step.

   Draw j of trajectory k: Philox counter (k low, k high, j, stream), first uniform: u of jump j, second: its channel. So trajectory k has the same bits whoever runs it.

   Shared evolution: p(t) = |psi_0(t)|^2 without any jump is computed once. Trajectories are drawn among those that jump, u in (p(T), 1), and begin at the last output time with p(t) >= u, so that
     <O>(t) = p(T) O_0(t) + (1 - p(T)) mean over trajectories.
   Snapshots at output times, as many as SNAPSHOTS bytes hold (a rule that depends on the deck alone). */
#include <math.h>
#include <string.h>
#include <tessera/random.h>
#include "traj_start.h"

#define SNAPSHOTS 268435456.0 /* bytes per group */
#define LOCATED   1e-8        /* of ln |psi|^2 */
#define TINY      1e-300

struct _p_LbPath {
  LbWaveSpace   space;
  LbModel      *model;
  LbPathSetting set;
  LbWaveMap     map, observables;
  LbJumps       jumps;
  LbMotion      motion;
  LbVec         initial, inside, before;
  PetscInt      n_times, every; /* a snapshot each `every` output times */
  LbVec        *snapshot;       /* [n_times / every + 1], shared only */
  PetscReal    *snapshot_h, *snapshot_norm;
  PetscInt      n_snapshots;
  PetscReal    *values;         /* [n_times][2 n_columns] without jumps */
  PetscReal     no_jump;
  PetscReal    *rate, *factors;
  LbComplex    *value;
  PetscInt      n_events, room_events;
  PetscReal    *event_time;
  int          *event_channel;
  PetscInt64    lost;
  PetscReal     splitting_error;
};

PetscInt LbPathTimes(LbPath path)
{
  return path->n_times;
}

static PetscReal OutputTime(const LbMotionSetting *set, PetscInt n, PetscInt k)
{
  return k == n - 1 ? set->end : set->start + (PetscReal)k * set->every;
}

PetscReal LbPathTime(LbPath path, PetscInt k)
{
  return OutputTime(&path->set.motion, path->n_times, k);
}

static PetscErrorCode Measure(LbPath path, PetscReal t, const LbVec *psi, PetscReal row[])
{
  PetscReal norm;

  PetscFunctionBegin;
  PetscCall(LbWaveNorm(&path->space, psi, &norm));
  LbModelFactors(path->model, t, path->factors);
  PetscCall(LbWaveMapExpect(path->observables, path->factors, psi, path->value));
  for (int c = 0; c < path->set.n_columns; c++) {
    row[2 * c]     = creal(path->value[c]) / norm;
    row[2 * c + 1] = cimag(path->value[c]) / norm;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetState(LbPath path, PetscReal t, PetscReal norm, const LbVec *psi)
{
  LbMotion     m   = path->motion;
  const double one = 1;

  PetscFunctionBegin;
  PetscCall(LbWaveCombine(&path->space, 1, &one, &psi, &m->psi));
  m->t    = t;
  m->norm = norm;
  PetscCall(m->kind->changed(m));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* values at the output times in (m->t, t_next] that are before `until` (or all with `until` past the step) */
static PetscErrorCode Outputs(LbPath path, PetscReal until, PetscInt *next, PetscReal record[])
{
  LbMotion m = path->motion;

  PetscFunctionBegin;
  for (; *next < path->n_times; (*next)++) {
    const PetscReal t = LbPathTime(path, *next);

    if (t > m->t_next + 1e-12 * (path->set.motion.end - path->set.motion.start) || t >= until) break;
    if (t >= m->t_next - 1e-12 * (path->set.motion.end - path->set.motion.start)) {
      PetscCall(Measure(path, t, &m->next, record + *next * 2 * path->set.n_columns));
    } else {
      PetscCall(m->kind->at(m, t, &path->inside));
      PetscCall(Measure(path, t, &path->inside, record + *next * 2 * path->set.n_columns));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the time in the last trial at which ln|psi|^2 = target; the state there in path->inside */
static PetscErrorCode Locate(LbPath path, PetscReal target, PetscReal *time, PetscReal *norm)
{
  LbMotion        m  = path->motion;
  const PetscReal dt = 1e-10 * (path->set.motion.end - path->set.motion.start);
  PetscReal       a = m->t, b = m->t_next, fa = PetscLogReal(m->norm) - target, fb = PetscLogReal(PetscMax(m->norm_next, TINY)) - target;
  int             side = 0;

  PetscFunctionBegin;
  for (int iteration = 0; iteration < 100; iteration++) {
    PetscReal f;

    *time = b - a > 0 && fa > fb ? (a * -fb + b * fa) / (fa - fb) : b;
    if (!(*time > a && *time < b)) *time = 0.5 * (a + b);
    PetscCall(m->kind->at(m, *time, &path->inside));
    PetscCall(LbWaveNorm(&path->space, &path->inside, norm));
    f = PetscLogReal(PetscMax(*norm, TINY)) - target;
    if (PetscAbsReal(f) < LOCATED || b - a < dt) break;
    if (f > 0) {
      a  = *time;
      fa = f;
      if (side > 0) fb /= 2;
      side = 1;
    } else {
      b  = *time;
      fb = f;
      if (side < 0) fa /= 2;
      side = -1;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NoteEvent(LbPath path, PetscReal t, int channel)
{
  PetscFunctionBegin;
  if (path->n_events == path->room_events) {
    PetscReal *times;
    int       *channels;

    path->room_events = 2 * path->room_events + 64;
    PetscCall(PetscMalloc2(path->room_events, &times, path->room_events, &channels));
    if (path->n_events) {
      PetscCall(PetscArraycpy(times, path->event_time, path->n_events));
      PetscCall(PetscArraycpy(channels, path->event_channel, path->n_events));
    }
    PetscCall(PetscFree2(path->event_time, path->event_channel));
    path->event_time    = times;
    path->event_channel = channels;
  }
  path->event_time[path->n_events]      = t;
  path->event_channel[path->n_events++] = channel;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* path->inside jumps at time t: draw the channel, the new state goes to the motion. Without a rate (the norm fell by rounding alone) the norm is put back above the threshold */
static PetscErrorCode Jump(LbPath path, PetscReal t, PetscReal norm, PetscReal threshold, PetscReal draw, PetscBool *jumped)
{
  PetscReal sum = 0, part = 0, size;
  int       channel = -1;

  PetscFunctionBegin;
  LbModelFactors(path->model, t, path->factors);
  PetscCall(LbJumpsRates(path->jumps, path->factors, &path->inside, path->rate));
  for (int k = 0; k < path->model->n_jumps; k++) sum += path->rate[k];
  *jumped = sum > TINY ? PETSC_TRUE : PETSC_FALSE;
  if (!*jumped) {
    path->lost++;
    PetscCheck(norm > TINY, PETSC_COMM_SELF, TES_ERR_NUMBERS, "a trajectory has norm zero at t = %.10g", (double)t);
    PetscCall(LbWaveScale(&path->space, PetscSqrtReal(threshold * 1.0001 / norm), &path->inside));
    PetscCall(SetState(path, t, threshold * 1.0001, &path->inside));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (int k = 0; k < path->model->n_jumps && channel < 0; k++) {
    part += path->rate[k];
    if (draw * sum < part && path->rate[k] > 0) channel = k;
  }
  for (int k = path->model->n_jumps - 1; k >= 0 && channel < 0; k--)
    if (path->rate[k] > 0) channel = k; /* rounding at the upper end */
  PetscCall(LbJumpsApply(path->jumps, channel, &path->inside, &path->before));
  PetscCall(LbWaveNorm(&path->space, &path->before, &size));
  PetscCheck(size > TINY, PETSC_COMM_SELF, TES_ERR_NUMBERS, "a trajectory has norm zero after a jump of channel %d at t = %.10g", channel, (double)t);
  PetscCall(LbWaveScale(&path->space, 1 / PetscSqrtReal(size), &path->before));
  PetscCall(SetState(path, t, 1, &path->before));
  PetscCall(NoteEvent(path, t, channel));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPathRun(LbPath path, PetscInt64 id, PetscReal record[], PetscInt64 *jumps)
{
  LbMotion        m     = path->motion;
  const PetscReal end   = path->set.motion.end;
  const PetscInt  width = 2 * path->set.n_columns;
  PetscInt        next = 0, number = 0;
  PetscReal       u[2], threshold;

  PetscFunctionBegin;
  path->n_events = 0;
  TesRandomUniform(path->set.seed, TES_STREAM_TRAJECTORY, (uint32_t)id, (uint32_t)(id >> 32), 0, u);
  threshold = u[0];
  m->h      = 0;
  if (!path->set.pure) {
    PetscReal w[2];

    TesRandomUniform(path->set.seed, TES_STREAM_TRAJECTORY_START, (uint32_t)id, (uint32_t)(id >> 32), 0, w);
    if (path->set.mixture) {
      const double *re, *im;

      LbMixtureDraw(path->set.mixture, w[0], &re, &im);
      PetscCall(LbWaveSet(&path->space, re, im, &path->initial));
    } else PetscCall(LbWaveBasis(&path->space, PetscMin(path->space.n - 1, (PetscInt64)(w[0] * (PetscReal)path->space.n)), &path->initial));
  }
  if (path->set.share) {
    PetscInt k = 0;

    threshold = path->no_jump + (1 - path->no_jump) * threshold;
    while (k + 1 < path->n_snapshots && path->snapshot_norm[k + 1] >= threshold) k++;
    next = k * path->every + 1;
    PetscCall(PetscArraycpy(record, path->values, next * width));
    PetscCall(SetState(path, LbPathTime(path, k * path->every), path->snapshot_norm[k], &path->snapshot[k]));
    m->h = path->snapshot_h[k];
  } else {
    PetscCall(SetState(path, path->set.motion.start, 1, &path->initial));
    PetscCall(Measure(path, m->t, &m->psi, record));
    next = 1;
  }
  while (next < path->n_times) {
    PetscReal t, norm;
    PetscBool jumped;

    PetscCall(m->kind->trial(m, end));
    if (m->norm_next > threshold || path->model->n_jumps == 0) {
      PetscCall(Outputs(path, PETSC_MAX_REAL, &next, record));
      PetscCall(m->kind->accept(m));
      continue;
    }
    PetscCall(Locate(path, PetscLogReal(threshold), &t, &norm));
    {
      /* outputs before the jump overwrite path->inside: the state at the jump is kept in `before` */
      LbVec swap = path->before;

      path->before = path->inside;
      path->inside = swap;
      PetscCall(Outputs(path, t, &next, record));
      swap         = path->before;
      path->before = path->inside;
      path->inside = swap;
    }
    PetscCall(Jump(path, t, norm, threshold, u[1], &jumped));
    if (!jumped) continue;
    number++;
    TesRandomUniform(path->set.seed, TES_STREAM_TRAJECTORY, (uint32_t)id, (uint32_t)(id >> 32), (uint32_t)number, u);
    threshold = u[0];
  }
  *jumps = number;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- the evolution without jumps ---- */

/* values at all output times; with `keep` the norms, steps and snapshots too. The norm is put back to 1 where it would underflow: what began there is never drawn */
static PetscErrorCode WithoutJumps(LbPath path, PetscBool keep, PetscReal values[])
{
  LbMotion     m         = path->motion;
  const double one       = 1;
  PetscReal    log_scale = 0;
  PetscInt     next      = 1;

  PetscFunctionBegin;
  m->h = 0;
  PetscCall(SetState(path, path->set.motion.start, 1, &path->initial));
  PetscCall(Measure(path, m->t, &m->psi, values));
  if (keep) {
    const LbVec *from = &path->initial;

    PetscCall(LbWaveCombine(&path->space, 1, &one, &from, &path->snapshot[0]));
    path->snapshot_norm[0] = 1;
    path->snapshot_h[0]    = 0;
  }
  while (next < path->n_times) {
    const PetscInt first = next;

    PetscCall(m->kind->trial(m, path->set.motion.end));
    PetscCall(Outputs(path, PETSC_MAX_REAL, &next, values));
    for (PetscInt k = first; keep && k < next; k++) {
      LbVec *to;

      if (k % path->every || k / path->every >= path->n_snapshots) continue;
      to = &path->snapshot[k / path->every];
      if (LbPathTime(path, k) >= m->t_next - 1e-12 * (path->set.motion.end - path->set.motion.start)) {
        const LbVec *from = &m->next;

        PetscCall(LbWaveCombine(&path->space, 1, &one, &from, to));
      } else {
        PetscCall(m->kind->at(m, LbPathTime(path, k), to));
      }
      PetscCall(LbWaveNorm(&path->space, to, &path->snapshot_norm[k / path->every]));
      path->snapshot_norm[k / path->every] *= PetscExpReal(log_scale);
      path->snapshot_h[k / path->every] = m->h;
    }
    PetscCall(m->kind->accept(m));
    if (m->norm < 1e-60) {
      log_scale += PetscLogReal(m->norm);
      PetscCall(LbWaveScale(&path->space, 1 / PetscSqrtReal(m->norm), &m->psi));
      m->norm = 1;
      PetscCall(m->kind->changed(m));
    }
  }
  if (keep) path->no_jump = PetscMin(1, PetscExpReal(log_scale + PetscLogReal(m->norm)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a product state with all levels and phases of their own: the initial state may be one that the splitting moves exactly, what follows a jump is not */
static PetscErrorCode Generic(LbPath path, LbVec *psi)
{
  const LbModel *model = path->model;
  LbComplex    **local;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(model->n_sites, &local));
  for (int m = 0; m < model->n_sites; m++) {
    PetscCall(PetscMalloc1(model->dim[m], &local[m]));
    for (int k = 0; k < model->dim[m]; k++) local[m][k] = cexp(LB_I * (1.0 + m) * k) / sqrt(model->dim[m]);
  }
  PetscCall(LbWaveProduct(&path->space, model, (const LbComplex *const *)local, psi));
  for (int m = 0; m < model->n_sites; m++) PetscCall(PetscFree(local[m]));
  PetscCall(PetscFree(local));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* values from the initial state and from a generic one, n each */
static PetscErrorCode Probe(LbPath path, PetscInt n, PetscReal values[])
{
  LbVec swap;

  PetscFunctionBegin;
  PetscCall(WithoutJumps(path, PETSC_FALSE, values));
  PetscCall(Generic(path, &path->before));
  swap          = path->initial;
  path->initial = path->before;
  path->before  = swap;
  PetscCall(WithoutJumps(path, PETSC_FALSE, values + n));
  swap          = path->initial;
  path->initial = path->before;
  path->before  = swap;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* double the steps of strang until the values change little */
static PetscErrorCode Richardson(LbPath path, PetscReal target)
{
  const PetscInt n = path->n_times * 2 * path->set.n_columns;
  PetscReal     *coarse, *fine;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(2 * n, &coarse, 2 * n, &fine));
  path->motion->set.sub = 1;
  PetscCall(Probe(path, n, coarse));
  for (;;) {
    PetscReal change = 0;

    path->motion->set.sub *= 2;
    PetscCall(Probe(path, n, fine));
    for (PetscInt k = 0; k < 2 * n; k++) change = PetscMax(change, PetscAbsReal(fine[k] - coarse[k]));
    path->splitting_error = change / 3; /* of the finer one: order 2 */
    if (path->splitting_error <= target || path->motion->set.sub >= 4096) break;
    PetscCall(PetscArraycpy(coarse, fine, 2 * n));
  }
  PetscCall(PetscFree2(coarse, fine));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPathCreate(MPI_Comm group, LbModel *model, const LbPathSetting *set, char problem[256], LbPath *out)
{
  LbPath           path;
  const LbMotionSetting *s = &set->motion;
  LbMotionSetting        motion = set->motion;

  PetscFunctionBegin;
  PetscCall(PetscNew(&path));
  *out        = path;
  problem[0]  = 0;
  path->model = model;
  path->set   = *set;
  PetscCall(LbWaveSpaceCreate(group, model->n, set->messages, &path->space));
  path->n_times = 1 + (PetscInt)PetscCeilReal((s->end - s->start) / s->every - 1e-9);
  PetscCall(LbEffective(&path->space, model, problem, &path->map));
  if (problem[0]) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbJumpsCreate(&path->space, model, problem, &path->jumps));
  if (problem[0]) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbWaveMapCreate(&path->space, model, PetscMax(set->n_columns, 1), set->n_terms, set->terms, PETSC_FALSE, problem, &path->observables));
  if (problem[0]) PetscFunctionReturn(PETSC_SUCCESS);
  motion.sub = PetscMax(1, motion.sub);
  PetscCall(LbMotionCreate(&path->space, model, path->map, set->kind, &motion, &path->motion));
  PetscCall(LbVecCreate(&path->space.shared, &path->initial));
  PetscCall(LbVecCreate(&path->space.shared, &path->inside));
  PetscCall(LbVecCreate(&path->space.shared, &path->before));
  PetscCall(PetscCalloc4(path->n_times * 2 * set->n_columns + 1, &path->values, model->n_jumps + 1, &path->rate, model->n_times, &path->factors, set->n_columns + 1, &path->value));
  if (set->pure) PetscCall(LbWaveProduct(&path->space, model, set->local, &path->initial));
  else PetscCall(LbWaveBasis(&path->space, 0, &path->initial));
  if (set->kind == &lb_motion_strang && s->sub < 1) PetscCall(Richardson(path, set->splitting));
  if (set->share) {
    path->every       = (PetscInt)PetscCeilReal(path->n_times * 16.0 * (PetscReal)model->n / SNAPSHOTS);
    path->n_snapshots = (path->n_times - 2) / path->every + 1; /* none at the very end */
    PetscCall(PetscCalloc1(path->n_snapshots, &path->snapshot));
    PetscCall(PetscCalloc1(path->n_snapshots, &path->snapshot_norm));
    PetscCall(PetscCalloc1(path->n_snapshots, &path->snapshot_h));
    for (PetscInt k = 0; k < path->n_snapshots; k++) PetscCall(LbVecCreate(&path->space.shared, &path->snapshot[k]));
    PetscCall(WithoutJumps(path, PETSC_TRUE, path->values));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPathShared(LbPath path, const PetscReal **values, PetscReal *no_jump)
{
  PetscFunctionBegin;
  *values  = path->set.share ? path->values : NULL;
  *no_jump = path->set.share ? path->no_jump : 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPathLast(LbPath path, PetscInt *n, const PetscReal **times, const int **channels)
{
  PetscFunctionBegin;
  *n        = path->n_events;
  *times    = path->event_time;
  *channels = path->event_channel;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPathCounts(LbPath path, PetscInt64 *steps, PetscInt64 *applications, PetscInt64 *lost, PetscInt *sub, PetscReal *splitting_error)
{
  PetscFunctionBegin;
  *steps           = path->motion->steps;
  *applications    = LbWaveMapCount(path->map);
  *lost            = path->lost;
  *sub             = path->motion->set.sub;
  *splitting_error = path->splitting_error;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPathDestroy(LbPath *out)
{
  LbPath path = *out;

  PetscFunctionBegin;
  if (!path) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbMotionDestroy(&path->motion));
  PetscCall(LbJumpsDestroy(&path->jumps));
  PetscCall(LbWaveMapDestroy(&path->observables));
  PetscCall(LbWaveMapDestroy(&path->map));
  PetscCall(LbVecDestroy(&path->initial));
  PetscCall(LbVecDestroy(&path->inside));
  PetscCall(LbVecDestroy(&path->before));
  for (PetscInt k = 0; k < path->n_snapshots; k++) PetscCall(LbVecDestroy(&path->snapshot[k]));
  PetscCall(PetscFree(path->snapshot));
  PetscCall(PetscFree(path->snapshot_h));
  PetscCall(PetscFree(path->snapshot_norm));
  PetscCall(PetscFree4(path->values, path->rate, path->factors, path->value));
  PetscCall(PetscFree2(path->event_time, path->event_channel));
  PetscCall(LbWaveSpaceDestroy(&path->space));
  PetscCall(PetscFree(path));
  *out = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscReal LbPathBytes(PetscReal n, int times, const LbMotionKind *kind, int tables, PetscBool share)
{
  const PetscReal snapshots = share ? PetscMin(PetscMax(times - 1, 1), PetscMax(1, SNAPSHOTS / (16 * n))) : 0;

  return 16 * n * (kind->vectors + 3 + tables + snapshots + (kind == &lb_motion_strang ? 0.25 : 0));
}
