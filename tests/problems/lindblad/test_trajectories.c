/* Quantum trajectories against dense matrices built here, against exact laws of single spins, and against themselves on other numbers of ranks. */
#include <math.h>
#include <string.h>
#include <tessera/random.h>
#include <tessera/test.h>
#include "../../../src/problems/lindblad/traj_groups.h"
#include "../../../src/problems/lindblad/traj_split.h"
#include "models.h"

#define PROBLEM 256

static PetscReal Random(uint32_t a, uint32_t b)
{
  PetscReal u[2];

  TesRandomUniform(7, TES_STREAM_TEST, a, b, 0, u);
  return 2 * u[0] - 1;
}

/* three random models: spins with products of three sites, mixed dimensions, a collective jump and a jump that is a product of non-Hermitian factors */
static PetscErrorCode RandomModel(int which, LbModel *model)
{
  const int         mixed[] = {3, 2, 4, 2};
  const char *const spin[]  = {"X", "Y", "Z", "Sp", "Sm"};

  PetscFunctionBegin;
  if (which < 2) {
    const int n = which ? 3 : 8;

    PetscCall(ModelBegin(n, NULL, 40, 8, model));
    for (int k = 0; k < 14; k++) {
      const char *ops[3];
      int         sites[3], width = 1 + k % 3;

      for (int q = 0; q < width; q++) {
        ops[q]   = spin[(int)(2.499999 * (1 + Random(k, 10 + q)))];
        sites[q] = (k * 5 + q * (1 + k % 2)) % n;
      }
      if (width == 3 && (sites[2] == sites[0] || sites[1] == sites[2])) continue;
      PetscCall(ModelTerm(model, Random(k, 1) + LB_I * Random(k, 2), width, ops, sites));
    }
    {
      const char *const lower[] = {"Sm"}, *const swap[] = {"Sp", "Sm"};
      const int         pair[]  = {1, 2};

      for (int m = 0; m < n; m++) PetscCall(ModelJump(model, 0, 0.7, 1 + 0.3 * LB_I * m, 1, lower, &m));
      PetscCall(ModelJump(model, 1, 0.4, 1, 2, swap, pair));
      for (int m = 0; m < n; m++) PetscCall(ModelJump(model, 2 + (m > 0), 0.2 * (m + 1), 0.5, 1, spin + m % 3, &m));
    }
  } else {
    const char *const hop[] = {"ad", "a"}, *const back[] = {"a", "ad"}, *const number[] = {"n"}, *const flip[] = {"X"}, *const ladder[] = {"ad*a", "Z"}, *const a[] = {"a"};
    const int         far[] = {0, 2}, one[] = {1}, mix[] = {2, 3};

    PetscCall(ModelBegin(4, mixed, 8, 4, model));
    PetscCall(ModelTerm(model, 0.3 + 0.2 * LB_I, 2, hop, far));
    PetscCall(ModelTerm(model, 0.3 - 0.2 * LB_I, 2, back, far));
    PetscCall(ModelTerm(model, 0.7, 1, number, far));
    PetscCall(ModelTerm(model, -0.4, 1, flip, one));
    PetscCall(ModelTerm(model, 0.25, 2, ladder, mix));
    PetscCall(ModelJump(model, 0, 0.5, 1, 1, a, far));
    PetscCall(ModelJump(model, 1, 0.8, 1, 1, a, far + 1));
    PetscCall(ModelJump(model, 1, 0.8, 0.5 * LB_I, 1, a, far));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddDense(const LbModel *model, LbComplex c, const LbProduct *p, LbComplex *a)
{
  const PetscInt64 n2 = model->n * model->n;
  int             *site;
  LbComplex       *one;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(n2, &one));
  PetscCall(PetscMalloc1(model->n_sites, &site));
  for (int m = 0; m < model->n_sites; m++) site[m] = m;
  LbEmbed(model, model->n_sites, site, c, p, one);
  for (PetscInt64 k = 0; k < n2; k++) a[k] += one[k];
  PetscCall(PetscFree(one));
  PetscCall(PetscFree(site));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DenseJump(const LbModel *model, int k, LbComplex *j)
{
  PetscFunctionBegin;
  PetscCall(PetscArrayzero(j, model->n * model->n));
  for (int p = 0; p < model->jump[k].n; p++) PetscCall(AddDense(model, model->jump[k].part[p].coef, &model->jump[k].part[p].p, j));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* -i H - sum_k g_k J_k+ J_k / 2, by matrix products */
static PetscErrorCode DenseEffective(const LbModel *model, LbComplex **a)
{
  const int  n = (int)model->n;
  LbComplex *j;

  PetscFunctionBegin;
  PetscCall(PetscCalloc1(n * n, a));
  PetscCall(PetscMalloc1(n * n, &j));
  for (int t = 0; t < model->n_terms; t++) PetscCall(AddDense(model, -LB_I * model->term[t].coef, &model->term[t].p, *a));
  for (int k = 0; k < model->n_jumps; k++) {
    PetscCall(DenseJump(model, k, j));
    for (int r = 0; r < n; r++)
      for (int c = 0; c < n; c++)
        for (int s = 0; s < n; s++) (*a)[r * n + c] -= 0.5 * model->jump[k].rate * conj(j[s * n + r]) * j[s * n + c];
  }
  PetscCall(PetscFree(j));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a random state, the same on every rank; [n] copy in x */
static PetscErrorCode RandomState(const LbWaveSpace *space, LbVec *psi, LbComplex *x)
{
  PetscReal norm = 0;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < space->n; i++) {
    x[i] = Random((uint32_t)i, 100) + LB_I * Random((uint32_t)i, 101);
    norm += creal(x[i] * conj(x[i]));
  }
  for (PetscInt64 i = 0; i < space->n; i++) x[i] /= sqrt(norm);
  for (PetscInt64 i = space->first; i < space->first + space->n_local; i++) {
    psi->all[i]            = creal(x[i]);
    psi->all[space->n + i] = cimag(x[i]);
  }
  PetscCall(LbFence(&space->shared));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscReal Distance(const LbWaveSpace *space, const LbVec *psi, const LbComplex *x)
{
  PetscReal worst = 0;

  for (PetscInt64 i = 0; i < space->n; i++) worst = PetscMax(worst, cabs(psi->all[i] + LB_I * psi->all[space->n + i] - x[i]));
  return worst;
}

static void Times(int n, const LbComplex *a, const LbComplex *x, LbComplex *y)
{
  for (int r = 0; r < n; r++) {
    y[r] = 0;
    for (int c = 0; c < n; c++) y[r] += a[r * n + c] * x[c];
  }
}

static PetscErrorCode EffectiveHamiltonianIsTheDenseMatrix(void)
{
  PetscFunctionBegin;
  for (int which = 0; which < 3; which++) {
    LbModel     model;
    LbWaveSpace space;
    LbWaveMap   map;
    LbVec       psi, y;
    LbComplex  *a, *x, *ax;
    char        problem[PROBLEM];
    PetscReal   one = 1, scale = 0;

    PetscCall(RandomModel(which, &model));
    PetscCall(LbWaveSpaceCreate(PETSC_COMM_WORLD, model.n, PETSC_FALSE, &space));
    PetscCall(LbEffective(&space, &model, problem, &map));
    TES_CHECK_TEXT(problem, "");
    PetscCall(LbVecCreate(&space.shared, &psi));
    PetscCall(LbVecCreate(&space.shared, &y));
    PetscCall(PetscMalloc2(model.n, &x, model.n, &ax));
    PetscCall(RandomState(&space, &psi, x));
    PetscCall(DenseEffective(&model, &a));
    Times((int)model.n, a, x, ax);
    for (PetscInt64 k = 0; k < model.n * model.n; k++) scale = PetscMax(scale, cabs(a[k]));
    PetscCall(LbWaveMapApply(map, &one, &psi, &y));
    TES_CHECK_AT_MOST(Distance(&space, &y, ax), 1e-14 * scale * sqrt((double)model.n));
    PetscCall(LbFence(&space.shared));
    PetscCall(PetscFree(a));
    PetscCall(PetscFree2(x, ax));
    PetscCall(LbVecDestroy(&psi));
    PetscCall(LbVecDestroy(&y));
    PetscCall(LbWaveMapDestroy(&map));
    PetscCall(LbWaveSpaceDestroy(&space));
    PetscCall(LbModelDestroy(&model));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RatesAndJumpsAreThoseOfDenseMatrices(void)
{
  PetscFunctionBegin;
  for (int which = 0; which < 3; which++) {
    LbModel     model;
    LbWaveSpace space;
    LbJumps     jumps;
    LbVec       psi, y;
    LbComplex  *j, *x, *jx;
    char        problem[PROBLEM];
    PetscReal   one = 1, rate[8];

    PetscCall(RandomModel(which, &model));
    PetscCall(LbWaveSpaceCreate(PETSC_COMM_WORLD, model.n, PETSC_FALSE, &space));
    PetscCall(LbJumpsCreate(&space, &model, problem, &jumps));
    PetscCall(LbVecCreate(&space.shared, &psi));
    PetscCall(LbVecCreate(&space.shared, &y));
    PetscCall(PetscMalloc3(model.n, &x, model.n, &jx, model.n * model.n, &j));
    PetscCall(RandomState(&space, &psi, x));
    PetscCall(LbJumpsRates(jumps, &one, &psi, rate));
    for (int k = 0; k < model.n_jumps; k++) {
      PetscReal want = 0;

      PetscCall(DenseJump(&model, k, j));
      Times((int)model.n, j, x, jx);
      for (PetscInt64 i = 0; i < model.n; i++) want += model.jump[k].rate * creal(jx[i] * conj(jx[i]));
      TES_CHECK_NEAR(rate[k], want, 1e-13 * (1 + want));
      PetscCall(LbJumpsApply(jumps, k, &psi, &y));
      TES_CHECK_AT_MOST(Distance(&space, &y, jx), 1e-14);
      PetscCall(LbFence(&space.shared));
    }
    PetscCall(PetscFree3(x, jx, j));
    PetscCall(LbVecDestroy(&psi));
    PetscCall(LbVecDestroy(&y));
    PetscCall(LbJumpsDestroy(&jumps));
    PetscCall(LbWaveSpaceDestroy(&space));
    PetscCall(LbModelDestroy(&model));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* e^{A t} x by Taylor's series in small steps */
static PetscErrorCode DenseExponential(int n, const LbComplex *a, PetscReal t, const LbComplex *x, LbComplex *out)
{
  const int  steps = 200;
  LbComplex *term, *next;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(n, &term, n, &next));
  for (int i = 0; i < n; i++) out[i] = x[i];
  for (int s = 0; s < steps; s++) {
    for (int i = 0; i < n; i++) term[i] = out[i];
    for (int k = 1; k <= 20; k++) {
      Times(n, a, term, next);
      for (int i = 0; i < n; i++) out[i] += term[i] = next[i] * t / steps / k;
    }
  }
  PetscCall(PetscFree2(term, next));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* what is left of |psi - exact| at t = 0.5 for a motion between jumps */
static PetscErrorCode MotionError(int which, const LbMotionKind *kind, PetscReal tolerance, PetscInt sub, PetscReal *error, PetscReal *inside)
{
  const PetscReal end = 0.5;
  LbModel         model;
  LbWaveSpace     space;
  LbWaveMap       map;
  LbMotion        m;
  LbMotionSetting set = {.end = end, .every = end, .rtol = tolerance, .atol = tolerance / 100, .sub = sub};
  LbComplex      *a, *x, *ax;
  LbVec           at;
  char            problem[PROBLEM];

  PetscFunctionBegin;
  if (which == 3) PetscCall(ModelIsingRing(7, 2, 1, 1, &model));
  else PetscCall(RandomModel(which, &model));
  PetscCall(LbWaveSpaceCreate(PETSC_COMM_WORLD, model.n, PETSC_FALSE, &space));
  PetscCall(LbEffective(&space, &model, problem, &map));
  PetscCall(LbMotionCreate(&space, &model, map, kind, &set, &m));
  PetscCall(LbVecCreate(&space.shared, &at));
  PetscCall(PetscMalloc2(model.n, &x, model.n, &ax));
  PetscCall(DenseEffective(&model, &a));
  PetscCall(RandomState(&space, &m->psi, x));
  m->norm = 1;
  while (m->t < end) {
    PetscCall(kind->trial(m, end));
    if (m->t_next >= end) { /* inside the last step */
      const PetscReal t = m->t + 0.6 * (end - m->t);

      PetscCall(kind->at(m, t, &at));
      PetscCall(DenseExponential((int)model.n, a, t, x, ax));
      *inside = Distance(&space, &at, ax);
      PetscCall(LbFence(&space.shared));
    }
    PetscCall(kind->accept(m));
  }
  PetscCall(DenseExponential((int)model.n, a, end, x, ax));
  *error = Distance(&space, &m->psi, ax);
  PetscCall(LbFence(&space.shared));
  PetscCall(PetscFree(a));
  PetscCall(PetscFree2(x, ax));
  PetscCall(LbVecDestroy(&at));
  PetscCall(LbMotionDestroy(&m));
  PetscCall(LbWaveMapDestroy(&map));
  PetscCall(LbWaveSpaceDestroy(&space));
  PetscCall(LbModelDestroy(&model));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a step's error is below the tolerance, and some tens of steps are made */
static PetscErrorCode Dp5KeepsItsTolerance(void)
{
  PetscFunctionBegin;
  for (int which = 1; which < 4; which++)
    for (PetscReal tolerance = 1e-5; tolerance > 1e-11; tolerance /= 1000) {
      PetscReal error, inside;

      PetscCall(MotionError(which, &lb_motion_dp5, tolerance, 1, &error, &inside));
      TES_CHECK_AT_MOST(error, 100 * tolerance);
      TES_CHECK_AT_MOST(inside, 100 * tolerance); /* the continuous extension has one order less: checked here to be good enough */
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StrangHasOrderTwo(void)
{
  PetscFunctionBegin;
  for (int which = 1; which < 4; which++) {
    PetscReal coarse, fine, inside;

    PetscCall(MotionError(which, &lb_motion_strang, 0, 40, &coarse, &inside));
    PetscCall(MotionError(which, &lb_motion_strang, 0, 80, &fine, &inside));
    TES_CHECK_NEAR(log2(coarse / fine), 2, 0.1);
    TES_CHECK_AT_MOST(inside, 4 * fine);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- whole trajectories ---- */

typedef struct {
  LbModel        model;
  LbPath         path;
  LbWaveTerm     terms[16];
  LbComplex      up[4];
  const LbComplex *local[16];
  PetscBool      messages;
} Run;

/* spins up, or level 1 of every site with more of them; one column: the mean of an operator */
static PetscErrorCode RunBegin(MPI_Comm comm, const LbMotionKind *kind, PetscReal end, PetscReal every, const char op[], PetscBool share, Run *r)
{
  char          problem[PROBLEM];
  LbPathSetting set = {.kind = kind, .motion = {.end = end, .every = every, .rtol = 1e-9, .atol = 1e-11, .sub = 4}, .seed = 11, .share = share, .pure = PETSC_TRUE, .n_columns = 1,
                       .n_terms = r->model.n_sites, .terms = r->terms, .local = r->local, .messages = r->messages};

  PetscFunctionBegin;
  for (int m = 0; m < r->model.n_sites; m++) {
    r->terms[m] = (LbWaveTerm){.term = {.coef = 1.0 / r->model.n_sites}};
    PetscCall(ModelProduct(&r->model, 1, &op, &m, &r->terms[m].term.p));
    r->local[m] = r->up + (r->model.dim[m] == 2 ? 1 : 0);
  }
  r->up[1] = 1;
  PetscCall(LbPathCreate(comm, &r->model, &set, problem, &r->path));
  TES_CHECK_TEXT(problem, "");
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RunEnd(Run *r)
{
  PetscFunctionBegin;
  PetscCall(LbPathDestroy(&r->path));
  PetscCall(LbModelDestroy(&r->model));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* one spin that decays with rate 1: |psi|^2 = e^-t, so trajectory k jumps at -ln u_k exactly; the times follow the exponential law */
static PetscErrorCode JumpsOfASpinComeWhenTheDrawSays(void)
{
  const LbMotionKind *const kinds[] = {&lb_motion_dp5, &lb_motion_strang};
  const int                 count   = 2000;

  PetscFunctionBegin;
  for (int k = 0; k < 2; k++) {
    const char *const lower[] = {"Sm"};
    const int         site    = 0;
    Run               r = {0};
    PetscReal         record[2 * 51], *first, worst = 0, ks = 0;

    PetscCall(ModelBegin(1, NULL, 1, 1, &r.model));
    PetscCall(ModelJump(&r.model, 0, 1, 1, 1, lower, &site));
    PetscCall(RunBegin(PETSC_COMM_SELF, kinds[k], 25, 0.5, "Z", PETSC_FALSE, &r)); /* e^-25: none is left */
    PetscCall(PetscMalloc1(count, &first));
    for (int id = 0; id < count; id++) {
      PetscInt64       jumps;
      PetscInt         n;
      const PetscReal *times;
      const int       *channels;
      PetscReal        u[2];

      PetscCall(LbPathRun(r.path, id, record, &jumps));
      PetscCall(LbPathLast(r.path, &n, &times, &channels));
      TES_CHECK_INT(jumps, 1);
      if (n != 1) break;
      TesRandomUniform(11, TES_STREAM_TRAJECTORY, (uint32_t)id, 0, 0, u);
      worst     = PetscMax(worst, PetscAbsReal(times[0] + log(u[0])));
      first[id] = times[0];
    }
    TES_CHECK_AT_MOST(worst, 2e-8); /* located to 1e-8 in ln |psi|^2; dp5 at 1e-9 adds its own */
    PetscCall(PetscSortReal(count, first));
    for (int i = 0; i < count; i++) {
      const PetscReal law = 1 - exp(-first[i]);

      ks = PetscMax(ks, PetscMax(PetscAbsReal(law - (PetscReal)i / count), PetscAbsReal(law - (i + 1.0) / count)));
    }
    TES_CHECK_AT_MOST(ks * sqrt((double)count), 1.63); /* Kolmogorov-Smirnov, 1 % */
    PetscCall(PetscFree(first));
    PetscCall(RunEnd(&r));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* dephasing with J = Z at rate k: H_eff is a number, jumps are a Poisson process of mean k T whatever the state does */
static PetscErrorCode DephasingJumpsArePoisson(void)
{
  const char *const z[]   = {"Z"}, *const x[] = {"X"};
  const int         site  = 0, count = 1000;
  const PetscReal   mean  = 3;
  Run               r = {0};
  PetscReal         record[2 * 51], sum = 0, square = 0;

  PetscFunctionBegin;
  PetscCall(ModelBegin(1, NULL, 1, 1, &r.model));
  PetscCall(ModelTerm(&r.model, 0.8, 1, x, &site));
  PetscCall(ModelJump(&r.model, 0, 0.6, 1, 1, z, &site));
  PetscCall(RunBegin(PETSC_COMM_SELF, &lb_motion_strang, 5, 0.1, "Z", PETSC_FALSE, &r));
  for (int id = 0; id < count; id++) {
    PetscInt64 jumps;

    PetscCall(LbPathRun(r.path, id, record, &jumps));
    sum += (PetscReal)jumps;
    square += (PetscReal)(jumps * jumps);
  }
  sum /= count;
  TES_CHECK_NEAR(sum, mean, 4 * sqrt(mean / count));
  TES_CHECK_NEAR(square / count - sum * sum, mean, 4 * sqrt((mean + 2 * mean * mean) / count)); /* variance of a sample variance: (mean + 2 mean^2) / M */
  PetscCall(RunEnd(&r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  Run *run;
  int  n;
} Context;

static PetscErrorCode Sample(PetscInt64 id, PetscReal row[], void *ctx)
{
  Context   *c = ctx;
  PetscReal  record[2 * 64];
  PetscInt64 jumps;

  PetscFunctionBegin;
  PetscCall(LbPathRun(c->run->path, id, record, &jumps));
  for (int k = 0; k < c->n; k++) row[k] = record[2 * k];
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* <Z>(t) = 2 e^-t - 1: the estimate with the shared evolution is unbiased, and its error not larger than without */
static PetscErrorCode SharedEvolutionIsUnbiasedAndNotWorse(void)
{
  const char *const lower[] = {"Sm"};
  const int         site    = 0;
  const PetscInt    count   = 1000;
  PetscReal         errors[2][11];

  PetscFunctionBegin;
  for (int share = 0; share < 2; share++) {
    Run              r = {0};
    LbGroups         groups;
    LbMoments        moments;
    Context          c = {&r, 11};
    const PetscReal *values;
    PetscReal        p;

    PetscCall(ModelBegin(1, NULL, 1, 1, &r.model));
    PetscCall(ModelJump(&r.model, 0, 1, 1, 1, lower, &site));
    PetscCall(LbGroupsCreate(PETSC_COMM_WORLD, 1, PETSC_FALSE, &groups));
    PetscCall(RunBegin(groups.group, &lb_motion_dp5, 1, 0.1, "Z", share ? PETSC_TRUE : PETSC_FALSE, &r));
    PetscCall(LbMomentsCreate(11, &moments));
    PetscCall(LbSampleBlock(&groups, 0, count, Sample, &c, &moments));
    PetscCall(LbPathShared(r.path, &values, &p));
    if (share) TES_CHECK_NEAR(p, exp(-1), 1e-9);
    for (int k = 0; k < 11; k++) {
      const PetscReal exact = 2 * exp(-0.1 * k) - 1, value = (share ? p * values[2 * k] : 0) + (1 - p) * LbMomentsMean(&moments, k);

      errors[share][k] = (1 - p) * LbMomentsError(&moments, k);
      TES_CHECK_NEAR(value, exact, 4 * errors[share][k] + 1e-9);
      if (share) TES_CHECK_AT_MOST(errors[1][k], errors[0][k] * 1.05 + 1e-12);
    }
    PetscCall(LbMomentsDestroy(&moments));
    PetscCall(RunEnd(&r));
    PetscCall(LbGroupsDestroy(&groups));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the standard error times sqrt(M) settles: within 15 % from 500 to 8000 trajectories at every output (that of a standard error itself is 1 / sqrt(2 M): 3 % at 500); and the errors are the
   spread that is really there: the means of 16 blocks of 500 scatter about the mean of all by what their errors say */
static PetscErrorCode StandardErrorsFallWithTheRootOfTheNumber(void)
{
  Run              r = {0};
  LbGroups         groups;
  LbMoments        total, block;
  Context          c    = {&r, 11};
  PetscReal        first[11], chi = 0;
  PetscReal        means[16][11], errors[16][11];

  PetscFunctionBegin;
  PetscCall(ModelIsingRing(3, 2, 2, 1, &r.model));
  PetscCall(LbGroupsCreate(PETSC_COMM_WORLD, 1, PETSC_FALSE, &groups));
  PetscCall(RunBegin(groups.group, &lb_motion_strang, 2, 0.2, "Z", PETSC_TRUE, &r));
  PetscCall(LbMomentsCreate(11, &total));
  PetscCall(LbMomentsCreate(11, &block));
  for (int b = 0; b < 16; b++) {
    const PetscInt64 m = 500 * (b + 1);

    PetscCall(LbSampleBlock(&groups, 500 * b, 500, Sample, &c, &block));
    LbMomentsJoin(&total, &block);
    for (int k = 1; k < 11; k++) {
      const PetscReal scaled = LbMomentsError(&total, k) * sqrt((double)m);

      means[b][k]  = LbMomentsMean(&block, k);
      errors[b][k] = LbMomentsError(&block, k);
      if (b == 0) first[k] = scaled;
      else if (m == 1000 || m == 2000 || m == 4000 || m == 8000) TES_CHECK_NEAR(scaled, first[k], 0.15 * first[k]);
    }
  }
  TES_CHECK_INT((PetscInt64)total.data[0], 8000);
  for (int b = 0; b < 16; b++) chi += pow((means[b][10] - LbMomentsMean(&total, 10)) / errors[b][10], 2);
  TES_CHECK_AT_LEAST(chi, 3.5); /* chi squared with 15 degrees of freedom: 0.1 % and 99.9 % */
  TES_CHECK_AT_MOST(chi, 37.7);
  PetscCall(LbMomentsDestroy(&total));
  PetscCall(LbMomentsDestroy(&block));
  PetscCall(RunEnd(&r));
  PetscCall(LbGroupsDestroy(&groups));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a ring of bosons with three levels: hopping, loss, a shared jump operator; parts of the members cut its windows and tiles anywhere */
static PetscErrorCode BosonRing(int n, LbModel *model)
{
  int               dim[16];
  const char *const hop[] = {"ad", "a"}, *const back[] = {"a", "ad"}, *const number[] = {"n"}, *const lower[] = {"a"};

  PetscFunctionBegin;
  for (int m = 0; m < n; m++) dim[m] = 3;
  PetscCall(ModelBegin(n, dim, 3 * n, n + 1, model));
  for (int m = 0; m < n; m++) {
    const int bond[] = {m, (m + 1) % n};

    PetscCall(ModelTerm(model, 0.4 + 0.1 * LB_I, 2, hop, bond));
    PetscCall(ModelTerm(model, 0.4 - 0.1 * LB_I, 2, back, bond));
    PetscCall(ModelTerm(model, 0.2 * m, 1, number, bond));
    PetscCall(ModelJump(model, m, 0.7, 1, 1, lower, bond));
  }
  for (int m = 0; m < n; m += 2) PetscCall(ModelJump(model, n, 0.3, 1, 1, lower, &m));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the same bits whether a rank works alone, all share one state in memory, or each holds a part of it and sends messages */
static PetscErrorCode BitsDoNotDependOnTheMembers(void)
{
  const struct {
    const LbMotionKind *kind;
    PetscBool           bosons;
    PetscReal           end;
  } cases[] = {{&lb_motion_dp5, PETSC_FALSE, 0.2}, {&lb_motion_strang, PETSC_FALSE, 0.2}, {&lb_motion_dp5, PETSC_TRUE, 0.1}, {&lb_motion_strang, PETSC_TRUE, 0.1}};

  PetscFunctionBegin;
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    PetscReal  record[3][2 * 6];
    PetscInt64 jumps[3];

    for (int way = 0; way < 3; way++) {
      Run r = {.messages = way == 2 ? PETSC_TRUE : PETSC_FALSE};

      if (cases[k].bosons) PetscCall(BosonRing(9, &r.model)); /* five units of the ordered sums */
      else PetscCall(ModelIsingRing(14, 2, 1, 1, &r.model));  /* four, three windows, one of them over all parts */
      PetscCall(RunBegin(way ? PETSC_COMM_WORLD : PETSC_COMM_SELF, cases[k].kind, cases[k].end, cases[k].end / 5, cases[k].bosons ? "n" : "Y", PETSC_TRUE, &r));
      PetscCall(LbPathRun(r.path, 3, record[way], &jumps[way]));
      PetscCall(RunEnd(&r));
    }
    for (int way = 1; way < 3; way++) {
      TES_CHECK_INT(jumps[way], jumps[0]);
      TES_CHECK_INT(memcmp(record[0], record[way], sizeof record[0]), 0);
    }
    TES_CHECK_AT_LEAST((double)jumps[0], 1);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the same bits however blocks are split over groups */
static PetscErrorCode BitsDoNotDependOnTheGroups(void)
{
  const LbMotionKind *const kinds[] = {&lb_motion_dp5, &lb_motion_strang};

  PetscFunctionBegin;
  for (int k = 0; k < 2; k++) {
    LbMoments alone = {0}, spread = {0};

    for (int way = 0; way < 2; way++) {
      Run      r = {0};
      LbGroups groups;
      Context  c = {&r, 21};

      PetscCall(ModelIsingRing(4, 2, 1, 1, &r.model));
      PetscCall(LbGroupsCreate(way ? PETSC_COMM_WORLD : PETSC_COMM_SELF, 1, PETSC_FALSE, &groups));
      PetscCall(RunBegin(groups.group, kinds[k], 2, 0.1, "Z", PETSC_TRUE, &r));
      PetscCall(LbMomentsCreate(21, way ? &spread : &alone));
      PetscCall(LbSampleBlock(&groups, 5, 50, Sample, &c, way ? &spread : &alone));
      PetscCall(RunEnd(&r));
      PetscCall(LbGroupsDestroy(&groups));
    }
    TES_CHECK_INT(memcmp(alone.data, spread.data, 43 * sizeof(PetscReal)), 0);
    PetscCall(LbMomentsDestroy(&alone));
    PetscCall(LbMomentsDestroy(&spread));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* joined blocks hold the mean and variance of all numbers */
static PetscErrorCode JoinedMomentsAreThoseOfTheWhole(void)
{
  const int count = 1000;
  LbMoments all, one;
  PetscReal mean = 0, square = 0;

  PetscFunctionBegin;
  PetscCall(LbMomentsCreate(1, &all));
  PetscCall(LbMomentsCreate(1, &one));
  for (int k = 0; k < count; k++) {
    const PetscReal x = 1e6 + Random((uint32_t)k, 50); /* far from zero: sums of squares would lose it */

    one.data[0] = 1;
    one.data[1] = x;
    one.data[2] = 0;
    LbMomentsJoin(&all, &one);
    mean += (x - 1e6) / count;
  }
  for (int k = 0; k < count; k++) square += pow(Random((uint32_t)k, 50) - mean, 2);
  TES_CHECK_NEAR(LbMomentsMean(&all, 0) - 1e6, mean, 1e-8);
  TES_CHECK_NEAR(LbMomentsError(&all, 0), sqrt(square / (count - 1) / count), 1e-9);
  PetscCall(LbMomentsDestroy(&all));
  PetscCall(LbMomentsDestroy(&one));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(EffectiveHamiltonianIsTheDenseMatrix),
  TES_TEST(RatesAndJumpsAreThoseOfDenseMatrices),
  TES_TEST(Dp5KeepsItsTolerance),
  TES_TEST(StrangHasOrderTwo),
  TES_TEST(JumpsOfASpinComeWhenTheDrawSays),
  TES_TEST(DephasingJumpsArePoisson),
  TES_TEST(SharedEvolutionIsUnbiasedAndNotWorse),
  TES_TEST(StandardErrorsFallWithTheRootOfTheNumber),
  TES_TEST(BitsDoNotDependOnTheMembers),
  TES_TEST(BitsDoNotDependOnTheGroups),
  TES_TEST(JoinedMomentsAreThoseOfTheWhole),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
