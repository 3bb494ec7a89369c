/* One quantum trajectory.

   i d psi/dt = H_eff psi, H_eff = H - (i/2) sum_k g_k J_k+ J_k, unnormalised: |psi|^2 falls. When it meets a uniform number u, channel k jumps with probability g_k |J_k psi|^2 / sum; psi <- J_k psi / |J_k psi|, new u.
   Uniforms: Philox with counter (trajectory, number of the jump), so a trajectory is the same bits wherever it runs.

   dp5: Dormand-Prince with error |err|_2 <= rtol |psi|_2; the time of a jump is where the continuous extension (Shampine; Hairer, Norsett, Wanner II.6) has norm u, by the Illinois rule on ln|psi|^2.
   strang: e^{D h/2} prod_m e^{M_m h} e^{D h/2}, D the diagonal part of -i H_eff and M_m one-site matrices, both exact; a jump inside a step by interpolation of ln|psi|^2, which is linear to
   the order of the method. Steps lie on a grid between outputs; after a jump the rest of the step follows. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tessera/random.h>
#include "trajectory.h"

struct _p_LbTrajectory {
  LbModel            *model;
  PetscInt64          n, count;
  LbKetOperator       a;
  LbIntegratorDeck    deck;
  LbTrajectoryTimes   times;
  const LbKetKernels *kernels;
  LbKet               initial, psi, stage, k[7], work;
  PetscReal          *f, h0, h;
  LbProduct          *kk; /* J+ J of jumps of one part */
  PetscReal          *rate;
  /* strang */
  PetscBool           strang;
  double             *diagonal_re, *diagonal_im; /* D */
  LbComplex         (*site)[4];                  /* M_m */
  double             *exp_re, *exp_im, (*exp_site)[8];
  PetscReal           exp_h, error;
};

PetscReal LbOutputTime(const LbTrajectoryTimes *times, PetscInt k)
{
  return k + 1 >= times->n_outputs ? times->end : times->start + (PetscReal)k * times->every;
}

PetscInt64 LbTrajectoryCount(LbTrajectory t) { return t->count; }
PetscReal  LbTrajectoryStep(LbTrajectory t) { return t->h0; }
PetscReal  LbTrajectoryError(LbTrajectory t) { return t->error; }

static void Copy(PetscInt64 n, const LbKet *x, LbKet *y)
{
  memcpy(y->re, x->re, (size_t)n * 8);
  memcpy(y->im, x->im, (size_t)n * 8);
}

static void Swap(LbKet *x, LbKet *y)
{
  const LbKet keep = *x;

  *x = *y;
  *y = keep;
}

static void Combine(LbTrajectory t, int m, const double c[], const LbKet *const v[], LbKet *y)
{
  const double *re[8], *im[8];

  for (int k = 0; k < m; k++) {
    re[k] = v[k]->re;
    im[k] = v[k]->im;
  }
  t->kernels->combine(t->n, m, c, re, y->re);
  t->kernels->combine(t->n, m, c, im, y->im);
}

static double NormCombine(LbTrajectory t, int m, const double c[], const LbKet *const v[])
{
  const double *re[8], *im[8];

  for (int k = 0; k < m; k++) {
    re[k] = v[k]->re;
    im[k] = v[k]->im;
  }
  return t->kernels->norm_combine(t->n, m, c, re, im);
}

static PetscErrorCode Slope(LbTrajectory t, PetscReal time, const LbKet *x, LbKet *y)
{
  PetscFunctionBegin;
  LbModelFactors(t->model, time, t->f);
  PetscCall(LbKetOperatorApply(t->a, t->f, x, y));
  t->count++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- dp5 ---- */

static const double dp_a[7][6] = {
  {0},
  {1. / 5},
  {3. / 40, 9. / 40},
  {44. / 45, -56. / 15, 32. / 9},
  {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
  {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
  {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
};
static const double dp_c[7] = {0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1};
static const double dp_e[7] = {71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40};

/* stage <- psi after h; k[0] is known; error relative to the tolerance */
static PetscErrorCode Dp5Step(LbTrajectory t, PetscReal time, PetscReal h, PetscReal *error)
{
  PetscFunctionBegin;
  for (int s = 1; s < 7; s++) {
    const LbKet *v[8] = {&t->psi};
    double       w[8] = {1};
    int          m    = 1;

    for (int q = 0; q < s; q++) {
      if (dp_a[s][q] == 0) continue;
      v[m]   = &t->k[q];
      w[m++] = h * dp_a[s][q];
    }
    Combine(t, m, w, v, &t->stage);
    PetscCall(Slope(t, time + dp_c[s] * h, &t->stage, &t->k[s]));
  }
  {
    const LbKet *v[6] = {&t->k[0], &t->k[2], &t->k[3], &t->k[4], &t->k[5], &t->k[6]};
    const double w[6] = {h * dp_e[0], h * dp_e[2], h * dp_e[3], h * dp_e[4], h * dp_e[5], h * dp_e[6]};

    *error = PetscSqrtReal(NormCombine(t, 6, w, v) / t->kernels->norm(t->n, t->stage.re, t->stage.im)) / t->deck.rtol;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* weights of psi, k1, k3..k7 of the continuous extension at the fraction x of the step */
static void Dense(double x, double h, double w[7])
{
  const double p = x * x * (3 - 2 * x), q = x * x * (x - 1) * (x - 1);

  w[0] = 1;
  w[1] = h * (p * dp_a[6][0] + x * (x - 1) * (x - 1) - q * 5 * (2558722523. - 31403016. * x) / 11282082432.);
  w[2] = h * (p * dp_a[6][2] + q * 100 * (882725551. - 15701508. * x) / 32700410799.);
  w[3] = h * (p * dp_a[6][3] - q * 25 * (443332067. - 31403016. * x) / 1880347072.);
  w[4] = h * (p * dp_a[6][4] + q * 32805 * (23143187. - 3489224. * x) / 199316789632.);
  w[5] = h * (p * dp_a[6][5] - q * 55 * (29972135. - 7076736. * x) / 822651844.);
  w[6] = h * (x * x * (x - 1) + q * 10 * (7414447. - 829305. * x) / 29380423.);
}

/* fraction of the step where |psi|^2 = u, by the Illinois rule on the logarithm; psi there goes to work */
static double Dp5Locate(LbTrajectory t, double h, double before, double after, double u)
{
  const LbKet *v[7] = {&t->psi, &t->k[0], &t->k[2], &t->k[3], &t->k[4], &t->k[5], &t->k[6]};
  double       low = 0, high = 1, f_low = log(before) - log(u), f_high = log(after) - log(u), x = 0, w[7];
  int          side = 0;

  for (int pass = 0; pass < 100; pass++) {
    double f;

    x = f_low <= 0 ? low : f_high >= 0 ? high : (low * f_high - high * f_low) / (f_high - f_low);
    Dense(x, h, w);
    f = log(NormCombine(t, 7, w, v)) - log(u);
    if (fabs(f) < 1e-9 || (high - low) * h < 1e-11 * (t->times.end - t->times.start)) break;
    if (f > 0) {
      low   = x;
      f_low = f;
      if (side == 1) f_high /= 2;
      side = 1;
    } else {
      high   = x;
      f_high = f;
      if (side == -1) f_low /= 2;
      side = -1;
    }
  }
  Combine(t, 7, w, v, &t->work);
  return x;
}

/* ---- jumps ---- */

static PetscErrorCode ApplyJump(LbTrajectory t, const LbJump *jump, const LbKet *x, LbKet *y)
{
  PetscFunctionBegin;
  memset(y->re, 0, (size_t)t->n * 8);
  memset(y->im, 0, (size_t)t->n * 8);
  for (int p = 0; p < jump->n; p++) LbKetProduct(t->model, jump->part[p].coef, &jump->part[p].p, x, y);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Scale(LbTrajectory t, double c, LbKet *x)
{
  const LbKet *only = x;

  Combine(t, 1, &c, &only, x);
}

/* psi jumps at this time; channel by the second uniform of draw number `draw` */
static PetscErrorCode JumpNow(LbTrajectory t, PetscReal time, PetscReal uniform)
{
  LbModel  *model = t->model;
  PetscReal sum = 0, along = 0, norm;
  int       channel = model->n_jumps - 1;

  PetscFunctionBegin;
  LbModelFactors(model, time, t->f);
  for (int j = 0; j < model->n_jumps; j++) {
    const LbJump *jump = &model->jump[j];

    if (jump->n == 1) t->rate[j] = creal(LbKetExpectation(model, jump->part[0].coef * conj(jump->part[0].coef), &t->kk[j], &t->psi));
    else {
      PetscCall(ApplyJump(t, jump, &t->psi, &t->work));
      t->rate[j] = t->kernels->norm(t->n, t->work.re, t->work.im);
    }
    t->rate[j] = PetscMax(0, t->rate[j] * jump->rate * t->f[jump->time]);
    sum += t->rate[j];
  }
  PetscCheck(sum > 1e-300, PETSC_COMM_SELF, TES_ERR_NUMBERS, "a trajectory lost its norm at t = %.10g where no jump is possible: lower integrator.rtol", (double)time);
  for (int j = 0; j < model->n_jumps; j++) {
    along += t->rate[j];
    if (along >= uniform * sum && t->rate[j] > 0) {
      channel = j;
      break;
    }
  }
  PetscCall(ApplyJump(t, &model->jump[channel], &t->psi, &t->work));
  norm = t->kernels->norm(t->n, t->work.re, t->work.im);
  Scale(t, 1 / PetscSqrtReal(norm), &t->work);
  Swap(&t->work, &t->psi);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- strang ---- */

static LbComplex Sinhc(LbComplex q2) /* sinh(q)/q, q = sqrt(q2) */
{
  const LbComplex q = csqrt(q2);

  return cabs(q2) < 1e-8 ? 1 + q2 / 6 : csinh(q) / q;
}

/* factors of a step of h */
static void StrangFactors(LbTrajectory t, PetscReal h)
{
  if (t->exp_h == h) return;
  for (PetscInt64 i = 0; i < t->n; i++) {
    const double size = exp(t->diagonal_re[i] * h / 2), angle = t->diagonal_im[i] * h / 2;

    t->exp_re[i] = size * cos(angle);
    t->exp_im[i] = size * sin(angle);
  }
  for (int m = 0; m < t->model->n_sites; m++) { /* exp of a 2 x 2 matrix: s + N, N traceless, N^2 = q^2 */
    const LbComplex a = h * t->site[m][0], b = h * t->site[m][1], c = h * t->site[m][2], d = h * t->site[m][3], s = (a + d) / 2, z = (a - d) / 2, q2 = z * z + b * c;
    const LbComplex e = cexp(s), ch = ccosh(csqrt(q2)), sh = Sinhc(q2), out[4] = {e * (ch + sh * z), e * sh * b, e * sh * c, e * (ch - sh * z)};

    for (int k = 0; k < 4; k++) {
      t->exp_site[m][2 * k]     = creal(out[k]);
      t->exp_site[m][2 * k + 1] = cimag(out[k]);
    }
  }
  t->exp_h = h;
}

static void StrangStep(LbTrajectory t, PetscReal h, LbKet *x)
{
  StrangFactors(t, h);
  t->count++;
  t->kernels->multiply(t->n, t->exp_re, t->exp_im, x->re, x->im);
  for (int m = 0; m < t->model->n_sites; m++)
    if (t->site[m][0] != 0 || t->site[m][1] != 0 || t->site[m][2] != 0 || t->site[m][3] != 0) t->kernels->bit(t->n, (PetscInt64)1 << m, t->exp_site[m], x->re, x->im);
  t->kernels->multiply(t->n, t->exp_re, t->exp_im, x->re, x->im);
}

static PetscBool Diagonal(const LbModel *model, const LbProduct *p)
{
  for (int q = 0; q < p->n; q++) {
    const int d = model->dim[p->site[q]];

    for (int e = 0; e < d * d; e++)
      if (e / d != e % d && p->op[q][e] != 0) return PETSC_FALSE;
  }
  return PETSC_TRUE;
}

static PetscErrorCode StrangAdd(LbTrajectory t, LbComplex c, const LbProduct *p, PetscBool *possible)
{
  PetscFunctionBegin;
  if (Diagonal(t->model, p)) {
    for (PetscInt64 i = 0; i < t->n; i++) {
      LbComplex value = c;

      for (int q = 0; q < p->n; q++) {
        const int a = (int)((i >> p->site[q]) & 1);

        value *= p->op[q][3 * a];
      }
      t->diagonal_re[i] += creal(value);
      t->diagonal_im[i] += cimag(value);
    }
  } else if (p->n == 1) {
    for (int e = 0; e < 4; e++) t->site[p->site[0]][e] += c * p->op[0][e];
  } else *possible = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StrangSetUp(LbTrajectory t, char problem[256])
{
  LbModel  *model    = t->model;
  PetscBool possible = model->qubits && model->constant ? PETSC_TRUE : PETSC_FALSE;
  PetscReal span     = PetscMin(1, t->times.end - t->times.start), difference = 0;

  PetscFunctionBegin;
  PetscCall(PetscCalloc4(t->n, &t->diagonal_re, t->n, &t->diagonal_im, t->n, &t->exp_re, t->n, &t->exp_im));
  PetscCall(PetscCalloc2(model->n_sites, &t->site, model->n_sites, &t->exp_site));
  for (int k = 0; k < model->n_terms && possible; k++) PetscCall(StrangAdd(t, -LB_I * model->term[k].coef, &model->term[k].p, &possible));
  for (int j = 0; j < model->n_jumps && possible; j++) {
    const LbJump *jump = &model->jump[j];

    if (jump->n > 1) possible = PETSC_FALSE;
    else PetscCall(StrangAdd(t, -0.5 * jump->rate * jump->part[0].coef * conj(jump->part[0].coef), &t->kk[j], &possible));
  }
  if (!possible) {
    snprintf(problem, 256, "strang trajectories need constant spin models whose terms are diagonal or of one site, and jumps alike: take integrator.kind: dp5");
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  t->h0 = t->deck.step;
  if (!(t->h0 > 0)) t->h0 = PetscMin(0.1, t->times.every);
  for (int pass = 0; pass < 2 && span > 0; pass++) { /* one Richardson check: the error falls as h^2 */
    const PetscInt64 steps = (PetscInt64)PetscMax(1, PetscCeilReal(span / t->h0 - 1e-9));
    const LbKet     *v[2]  = {&t->stage, &t->work};
    const double     w[2]  = {1, -1};

    Copy(t->n, &t->initial, &t->stage);
    Copy(t->n, &t->initial, &t->work);
    for (PetscInt64 k = 0; k < steps; k++) StrangStep(t, span / (PetscReal)steps, &t->stage);
    for (PetscInt64 k = 0; k < 2 * steps; k++) StrangStep(t, span / (PetscReal)steps / 2, &t->work);
    difference = PetscSqrtReal(NormCombine(t, 2, w, v) / t->kernels->norm(t->n, t->work.re, t->work.im)) * 4 / 3;
    if (t->deck.step > 0 || difference <= 1e-3) break;
    t->h0 *= PetscSqrtReal(1e-3 / difference);
  }
  t->error = difference;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- the object ---- */

PetscErrorCode LbTrajectoryCreate(LbModel *model, const LbKet *psi, const LbIntegratorDeck *deck, const LbTrajectoryTimes *times, char problem[256], LbTrajectory *out)
{
  LbTrajectory t;
  PetscReal   *decay, *width, bound = 0;

  PetscFunctionBegin;
  problem[0] = 0;
  PetscCall(PetscNew(&t));
  *out       = t;
  t->model   = model;
  t->n       = model->n;
  t->deck    = *deck;
  t->times   = *times;
  t->kernels = LbKetKernelsPick();
  t->strang  = deck->kind == LB_STRANG ? PETSC_TRUE : PETSC_FALSE;
  t->exp_h   = -1;
  PetscCall(LbKetCreate(t->n, &t->initial));
  PetscCall(LbKetCreate(t->n, &t->psi));
  PetscCall(LbKetCreate(t->n, &t->stage));
  PetscCall(LbKetCreate(t->n, &t->work));
  for (int k = 0; k < 7 && !t->strang; k++) PetscCall(LbKetCreate(t->n, &t->k[k]));
  Copy(t->n, psi, &t->initial);
  PetscCall(PetscMalloc3(model->n_times, &t->f, model->n_jumps + 1, &t->kk, model->n_jumps + 1, &t->rate));
  PetscCall(PetscMalloc2(model->n_times, &decay, model->n_times, &width));
  for (int j = 0; j < model->n_jumps; j++) {
    LbProduct left;

    if (model->jump[j].n > 1) continue;
    PetscCall(LbAdjoint(model, &model->jump[j].part[0].p, &left));
    PetscCall(LbProductTimes(model, &left, &model->jump[j].part[0].p, &t->kk[j]));
  }
  if (t->strang) PetscCall(StrangSetUp(t, problem));
  else {
    PetscCall(LbKetOperatorCreate(model, &t->a));
    PetscCall(LbSpectralBounds(model, decay, width));
    for (int k = 0; k < model->n_times; k++) bound += decay[k] + width[k];
    t->h0 = deck->step > 0 ? deck->step : 0.1 / PetscMax(bound, 1e-12);
  }
  PetscCall(PetscFree2(decay, width));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbTrajectoryDestroy(LbTrajectory *out)
{
  LbTrajectory t = *out;

  PetscFunctionBegin;
  if (!t) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbKetOperatorDestroy(&t->a));
  PetscCall(LbKetDestroy(&t->initial));
  PetscCall(LbKetDestroy(&t->psi));
  PetscCall(LbKetDestroy(&t->stage));
  PetscCall(LbKetDestroy(&t->work));
  for (int k = 0; k < 7; k++) PetscCall(LbKetDestroy(&t->k[k]));
  PetscCall(PetscFree3(t->f, t->kk, t->rate));
  if (t->strang) {
    PetscCall(PetscFree4(t->diagonal_re, t->diagonal_im, t->exp_re, t->exp_im));
    PetscCall(PetscFree2(t->site, t->exp_site));
  }
  PetscCall(PetscFree(t));
  *out = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* from `time` to `end`; u < 0: no jumps. *u and *draw go on with every jump */
static PetscErrorCode Dp5Advance(LbTrajectory t, PetscReal time, PetscReal end, PetscInt64 id, PetscReal *u, uint32_t *draw)
{
  PetscReal before = t->kernels->norm(t->n, t->psi.re, t->psi.im);

  PetscFunctionBegin;
  PetscCall(Slope(t, time, &t->psi, &t->k[0]));
  while (time < end) {
    const PetscBool cut = time + t->h >= end - 1e-13 * PetscMax(PetscAbsReal(end), t->h) ? PETSC_TRUE : PETSC_FALSE;
    const PetscReal h   = cut ? end - time : t->h;
    PetscReal       error, after, factor;

    PetscCall(Dp5Step(t, time, h, &error));
    factor = PetscMin(5, PetscMax(0.2, 0.9 * PetscPowReal(PetscMax(error, 1e-10), -0.2)));
    if (!(error <= 1)) {
      t->h = isfinite(error) ? h * factor : 0.1 * h;
      PetscCheck(t->h > 1e-14 * (t->times.end - t->times.start), PETSC_COMM_SELF, TES_ERR_NUMBERS, "trajectory %" PetscInt64_FMT ": the time step became too small at t = %.10g (h = %.3g)", id, (double)time,
                 (double)t->h);
      continue;
    }
    after = t->kernels->norm(t->n, t->stage.re, t->stage.im);
    if (*u >= 0 && after <= *u) {
      PetscReal    fresh[2];
      const double x = Dp5Locate(t, h, before, after, *u);

      Swap(&t->psi, &t->work);
      time += x * h;
      TesRandomUniform(t->times.seed, TES_STREAM_TRAJECTORY, (uint32_t)id, (uint32_t)(id >> 32), (*draw)++, fresh);
      PetscCall(JumpNow(t, time, fresh[1]));
      *u     = fresh[0];
      before = 1;
      PetscCall(Slope(t, time, &t->psi, &t->k[0]));
      continue;
    }
    Swap(&t->psi, &t->stage);
    Swap(&t->k[0], &t->k[6]);
    before = after;
    time   = cut ? end : time + h;
    if (!cut || h * factor > t->h) t->h = h * factor;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StrangAdvance(LbTrajectory t, PetscReal time, PetscReal end, PetscInt64 id, PetscReal *u, uint32_t *draw)
{
  const PetscInt64 steps = (PetscInt64)PetscMax(1, PetscCeilReal((end - time) / t->h0 - 1e-9));
  const PetscReal  grid  = (end - time) / (PetscReal)steps, start = time;

  PetscFunctionBegin;
  for (PetscInt64 k = 0; k < steps; k++) {
    PetscReal left = grid; /* of this step */

    time = start + (PetscReal)k * grid;
    while (left > 1e-12 * grid) {
      const PetscReal before = t->kernels->norm(t->n, t->psi.re, t->psi.im);
      PetscReal       after, fresh[2], part;

      Copy(t->n, &t->psi, &t->stage);
      StrangStep(t, left, &t->stage);
      after = t->kernels->norm(t->n, t->stage.re, t->stage.im);
      if (*u < 0 || after > *u) {
        Swap(&t->psi, &t->stage);
        break;
      }
      part = left * PetscMin(1, PetscMax(0, PetscLogReal(before / *u) / PetscLogReal(before / after)));
      if (part > 0) StrangStep(t, part, &t->psi);
      TesRandomUniform(t->times.seed, TES_STREAM_TRAJECTORY, (uint32_t)id, (uint32_t)(id >> 32), (*draw)++, fresh);
      PetscCall(JumpNow(t, time + part, fresh[1]));
      *u = fresh[0];
      time += part;
      left -= part;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Run(LbTrajectory t, PetscInt64 id, PetscReal u, uint32_t draw, LbTrajectoryObserve observe, void *ctx, PetscReal norm2[], PetscInt64 *jumps)
{
  const uint32_t first = draw;

  PetscFunctionBegin;
  Copy(t->n, &t->initial, &t->psi);
  t->h = t->h0;
  for (PetscInt k = 0; k < t->times.n_outputs; k++) {
    PetscReal norm;

    if (k) {
      const PetscReal from = LbOutputTime(&t->times, k - 1), to = LbOutputTime(&t->times, k);

      if (t->strang) PetscCall(StrangAdvance(t, from, to, id, &u, &draw));
      else PetscCall(Dp5Advance(t, from, to, id, &u, &draw));
    }
    norm = t->kernels->norm(t->n, t->psi.re, t->psi.im);
    if (norm2) norm2[k] = norm;
    if (observe) PetscCall(observe(ctx, k, &t->psi, norm));
  }
  if (jumps) *jumps = draw - first;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbTrajectoryNoJump(LbTrajectory t, LbTrajectoryObserve observe, void *ctx, PetscReal norm2[])
{
  PetscFunctionBegin;
  PetscCall(Run(t, 0, -1, 0, observe, ctx, norm2, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbTrajectoryRun(LbTrajectory t, PetscInt64 id, PetscReal floor, LbTrajectoryObserve observe, void *ctx, PetscInt64 *jumps)
{
  PetscReal u[2];

  PetscFunctionBegin;
  TesRandomUniform(t->times.seed, TES_STREAM_TRAJECTORY, (uint32_t)id, (uint32_t)(id >> 32), 0, u);
  PetscCall(Run(t, id, floor + (1 - floor) * u[0], 1, observe, ctx, NULL, jumps));
  PetscFunctionReturn(PETSC_SUCCESS);
}
