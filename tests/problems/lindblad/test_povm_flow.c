/* The flow of the network solver: in exact mode against dp/dt = L p integrated here, push-through of its two linear systems, products stay products, strings restore symmetry, e has mean 0, gradients vanish
   in the mean, and all of it with the same bits on any number of ranks. */
#include "../../../src/problems/lindblad/povm_solver.h"
#include "povm_case.h"

/* largest error of the means of X, Y, Z over the sites along the way; spread: largest difference between two sites */
static PetscErrorCode Follow(Case *c, PetscReal end, PetscReal every, PetscReal tol, PetscReal *worst, PetscReal *spread)
{
  const int           n = c->o.n_sites, all = 1 << (2 * n);
  const LbStepSetting set = {.integrator = LB_STEP_HEUN, .tol = tol, .cap = 0.6, .hmax = 0.25, .hmin = 0.002};
  LbStepState         step = {.h = 0.005};
  double             *exact, *p;
  PetscReal           t = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(all, &exact, all, &p));
  PetscCall(Enumerate(c, exact));
  *worst = *spread = 0;
  for (int row = 1; row <= (int)(end / every + 0.5); row++) {
    double first[3], off[3] = {0};

    while (t < row * every - 1e-9) {
      PetscBool failed;

      PetscCall(LbStepAdvance(&c->flow, &set, t, row * every, &step, &failed));
      TES_CHECK(!failed);
      t += step.taken;
    }
    t = row * every;
    PetscCall(Integrate(c, every, exact));
    PetscCall(Enumerate(c, p));
    for (int site = 0; site < n; site++) {
      double is[3], be[3];

      Means(&c->povm, n, site, p, is);
      Means(&c->povm, n, site, exact, be);
      if (!site) memcpy(first, is, sizeof is);
      for (int k = 0; k < 3; k++) {
        off[k] += (is[k] - be[k]) / n;
        *spread = PetscMax(*spread, PetscAbsReal(is[k] - first[k]));
      }
    }
    for (int k = 0; k < 3; k++) *worst = PetscMax(*worst, PetscAbsReal(off[k]));
  }
  PetscCall(PetscFree2(exact, p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ExactModeFollowsTheMasterEquation(void)
{
  Case      c;
  PetscReal error[2], spread;

  PetscFunctionBegin;
  if (Several()) PetscFunctionReturn(PETSC_SUCCESS);
  for (int k = 0; k < 2; k++) {
    PetscCall(Begin(3, 2, 1, &one_layer, 1, k ? 1e-5 : 1e-8, 0, &c));
    PetscCall(Follow(&c, 5, 0.5, 0.01, &error[k], &spread));
    PetscCall(End(&c));
  }
  PovmSay("# 3 spins to t = 5, all configurations: largest error of the means of X, Y, Z %.2e with ridge 1e-8, %.2e with 1e-5\n", (double)error[0], (double)error[1]);
  PovmCheck(error[0] < 4e-3 && error[0] < error[1], "%g %g", (double)error[0], (double)error[1]); /* the prototype of the method reached 2.6e-3 with 4 spins */
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* without coupling p is a product of single spins, each a 4 x 4 linear equation */
static PetscErrorCode ProductsStayProducts(void)
{
  Case      c;
  PetscReal error, spread, drawn;

  PetscFunctionBegin;
  if (Several()) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(Begin(3, 0, 1, &one_layer, 1, 1e-9, 0, &c));
  PetscCall(Follow(&c, 2, 0.5, 3e-4, &error, &spread));
  PetscCall(End(&c));
  PetscCall(Begin(3, 0, 1, &one_layer, 1, 1e-7, 10000, &c));
  PetscCall(Follow(&c, 2, 0.5, 3e-3, &drawn, &spread));
  PetscCall(End(&c));
  PovmSay("# no coupling, to t = 2: error %.1e with all configurations (tol 3e-4), %.1e with 10000 samples\n", (double)error, (double)drawn);
  PovmCheck(error < 2e-4 && drawn < 1e-3, "%g %g", (double)error, (double)drawn); /* of the order of steps x tol^(3/2) and of the ridge */
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the same to nearly all digits: the classical method with short steps and next to no ridge, against the optical Bloch equations of one spin */
static PetscErrorCode ProductsWithoutSamplingAreExact(void)
{
  const LbNetSetting  small = {.kind = LB_NET_TRANSFORMER, .layers = 1, .hidden = 8, .heads = 1, .ff = 8, .init_scale = 1};
  const LbStepSetting set   = {.integrator = LB_STEP_RK4, .tol = 1e30, .cap = 1e30, .hmax = 0.01, .hmin = 1e-9};
  LbStepState         step  = {.h = 0.01};
  Case                c;
  double              p[16], mean[3];
  PetscReal           t = 0, worst = 0;

  PetscFunctionBegin;
  if (Several()) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(Begin(2, 0, 1, &small, 1, 1e-12, 0, &c));
  while (t < 1 - 1e-9) {
    /* H = X / 2, decay 1: y' = -z - y/2, z' = y - (1 + z), around its fixed point (y, z) = (2/3, -1/3) with w = sqrt(15)/4, y = 2/3 + exp(-3t/4)(a cos + b sin) */
    const PetscReal w = PetscSqrtReal(15.) / 4;
    PetscReal       decay, y, z;
    PetscBool       failed;

    PetscCall(LbStepAdvance(&c.flow, &set, t, 1, &step, &failed));
    TES_CHECK(!failed);
    t += step.taken;
    PetscCall(Enumerate(&c, p));
    decay = PetscExpReal(-0.75 * t);
    {
      /* deviations (u, v) = (y - ys, z - zs): u' = -u/2 - v, v' = u - v */
      const PetscReal ys = 2. / 3, zs = -1. / 3, u0 = -ys, v0 = 1 - zs, co = PetscCosReal(w * t), si = PetscSinReal(w * t) / w;

      y = ys + decay * (u0 * co + (0.25 * u0 - v0) * si);
      z = zs + decay * (v0 * co + (u0 - 0.25 * v0) * si);
    }
    for (int site = 0; site < 2; site++) {
      Means(&c.povm, 2, site, p, mean);
      worst = PetscMax(worst, PetscMax(PetscAbsReal(mean[0]), PetscMax(PetscAbsReal(mean[1] - y), PetscAbsReal(mean[2] - z))));
    }
  }
  PovmSay("# no coupling, to t = 1 with all configurations, short steps and a ridge of 1e-12: error %.1e\n", (double)worst);
  PovmCheck(worst < 1e-8, "%g", (double)worst);
  PetscCall(End(&c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* exact p(t) of the three measurements: the same means of X, Y, Z */
static PetscErrorCode MeasurementsAgreeOnTheEvolution(void)
{
  const LbPovmKind kinds[3] = {LB_POVM_TETRA, LB_POVM_TETRA, LB_POVM_PAULI4};
  const LbPovmAxes axes[3]  = {LB_AXES_SYMMETRIC, LB_AXES_Z, LB_AXES_SYMMETRIC};
  double           first[3][3], worst = 0;

  PetscFunctionBegin;
  if (Several()) PetscFunctionReturn(PETSC_SUCCESS);
  for (int frame = 0; frame < 3; frame++) {
    const LbComplex psi[2] = {0.6, 0.8 * _Complex_I};
    Case            c      = {0};
    double          p[64], one[4];

    PetscCall(ModelIsingRing(3, 2, 1.3, 1, &c.model));
    LbPovmCreate(kinds[frame], axes[frame], &c.povm);
    PetscCall(LbOutcomesCreate(&c.model, &c.povm, &c.o));
    PetscCall(LbOutcomesAt(&c.o, &c.model, 0));
    LbPovmState(&c.povm, psi, one);
    for (int a = 0; a < 64; a++) p[a] = one[a & 3] * one[a >> 2 & 3] * one[a >> 4];
    for (int row = 0; row < 3; row++) {
      double mean[3];

      PetscCall(Integrate(&c, 1, p));
      Means(&c.povm, 3, row, p, mean);
      for (int k = 0; k < 3; k++) {
        if (!frame) first[row][k] = mean[k];
        worst = PetscMax(worst, PetscAbsReal(mean[k] - first[row][k]));
      }
    }
    PetscCall(LbOutcomesDestroy(&c.o));
    PetscCall(LbModelDestroy(&c.model));
  }
  PovmSay("# three measurements, exact p(t) to t = 3: means differ by %.1e, <Z> = %.4f\n", worst, first[2][2]);
  PovmCheck(worst < 1e-10 && PetscAbsReal(first[2][2]) > 0.1, "%g", worst); /* the error of the integration is the same linear map of the same error */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StringsRestoreTheSymmetry(void)
{
  const LbNetSetting small = {.kind = LB_NET_TRANSFORMER, .layers = 1, .hidden = 8, .heads = 1, .ff = 8, .init_scale = 1};
  Case               c;
  PetscReal          error, spread, alone;

  PetscFunctionBegin;
  if (Several()) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(Begin(3, 2, 1, &small, 1, 1e-7, 0, &c));
  PetscCall(Follow(&c, 1, 0.5, 0.02, &error, &alone));
  PetscCall(End(&c));
  PetscCall(Begin(3, 2, 1, &small, 6, 1e-7, 0, &c));
  PetscCall(Follow(&c, 1, 0.5, 0.02, &error, &spread));
  PetscCall(End(&c));
  PovmSay("# translations and reflections: site means differ by %.1e, without by %.1e; error %.1e\n", (double)spread, (double)alone, (double)error);
  PovmCheck(spread < 1e-12 && alone > 1e-9 && error < 0.02, "%g %g %g", (double)spread, (double)alone, (double)error);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the classical method on theta' = theta'(theta), all configurations: against steps eight times as short, the error falls with the fourth power; Heun's with the second, Euler's with the first */
static PetscErrorCode IntegratorsHaveTheirOrders(void)
{
  const LbNetSetting small    = {.kind = LB_NET_TRANSFORMER, .layers = 1, .hidden = 8, .heads = 1, .ff = 8, .init_scale = 1};
  const int          kinds[3] = {LB_STEP_EULER, LB_STEP_HEUN, LB_STEP_RK4};
  const int          order[3] = {1, 2, 4};

  PetscFunctionBegin;
  if (Several()) PetscFunctionReturn(PETSC_SUCCESS);
  for (int kind = 0; kind < 3; kind++) {
    double    p[4][16], error[3];
    PetscReal slope;

    for (int run = 0; run < 4; run++) { /* the last one is the reference */
      const PetscReal     h   = run < 3 ? 0.05 / (1 << run) : 0.05 / 32;
      const LbStepSetting set = {.integrator = run < 3 ? kinds[kind] : LB_STEP_RK4, .tol = 1e30, .cap = 1e30, .hmax = h, .hmin = 1e-9};
      LbStepState         step = {.h = h};
      Case                c;

      PetscCall(Begin(2, 2, 1, &small, 1, 1e-3, 0, &c)); /* a ridge that makes the flow smooth in theta */
      for (PetscReal t = 0; t < 0.4 - 1e-9; t += step.taken) {
        PetscBool failed;

        step.h = h;
        PetscCall(LbStepAdvance(&c.flow, &set, t, 0.4, &step, &failed));
        TES_CHECK(!failed);
      }
      PetscCall(Enumerate(&c, p[run]));
      PetscCall(End(&c));
    }
    for (int run = 0; run < 3; run++) {
      error[run] = 0;
      for (int a = 0; a < 16; a++) error[run] += PetscAbsReal(p[run][a] - p[3][a]);
    }
    slope = log2(error[1] / error[2]);
    PovmSay("# order %d: errors %.2e %.2e %.2e, slopes %.2f %.2f\n", order[kind], error[0], error[1], error[2], log2(error[0] / error[1]), (double)slope);
    PovmCheck(slope > order[kind] - 0.25 && slope < order[kind] + 0.6, "order %g", (double)slope);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the two forms of the linear system, each against Gaussian elimination of its matrix, on random rows */
static PetscErrorCode BothFormsSolveTheSameProblem(void)
{
  PetscFunctionBegin;
  for (int wide = 0; wide < 2; wide++) {
    const int m = wide ? 40 : 300, p = wide ? 300 : 40, n = PetscMin(m, p);
    double   *x, *f, *y, *v, *w, worst = 0, size = 0, trace = 0;
    PetscReal lambda;
    int       retries;

    PetscCall(PetscMalloc5(m * p, &x, m, &f, n, &y, p, &v, p, &w));
    for (int k = 0; k < m * p; k++) x[k] = PovmRandom((uint32_t)k, 21);
    for (int k = 0; k < m; k++) f[k] = PovmRandom((uint32_t)k, 22);
    for (int k = 0; k < m * p; k++) trace += x[k] * x[k];
    PetscCall(LbGramSolve(PETSC_COMM_WORLD, m, p, x, f, 1e-4, y, &retries, &lambda));
    for (int i = 0; i < p; i++) {
      v[i] = wide ? 0 : y[i];
      for (int s = 0; wide && s < m; s++) v[i] += x[s * p + i] * y[s];
    }
    /* X^T X v + lambda v = X^T f holds for both */
    for (int i = 0; i < p; i++) w[i] = 0;
    for (int s = 0; s < m; s++) {
      double sum = -f[s];

      for (int i = 0; i < p; i++) sum += x[s * p + i] * v[i];
      for (int i = 0; i < p; i++) w[i] += x[s * p + i] * sum;
    }
    for (int i = 0; i < p; i++) {
      worst = PetscMax(worst, PetscAbsReal(w[i] + lambda * v[i]));
      size  = PetscMax(size, PetscAbsReal(lambda * v[i]));
    }
    PovmSay("# %d rows of %d: residual of the normal equations %.1e of %.1e\n", m, p, worst, size);
    PovmCheck(worst < 1e-8 * PetscMax(1, size) && !retries && PetscAbsReal(lambda - 1e-4 * trace) < 1e-10, "%g", worst);
    PetscCall(PetscFree5(x, f, y, v, w));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MeansOfEAndOfTheDerivativesVanish(void)
{
  const LbNetSetting small = {.kind = LB_NET_GRU, .hidden = 8, .init_scale = 1};
  Case               c;
  double            *direction, mean = 0, worst = 0, *sum, *row, lnp;
  LbFlowInfo         info;

  PetscFunctionBegin;
  PetscCall(Begin(3, 2, 1, &small, 1, 1e-6, 0, &c));
  for (int k = 0; k < 4 * 8; k++) c.net->theta[c.net->output + k] = 0.3 * PovmRandom((uint32_t)k, 30);
  PetscCall(LbNetPrepare(c.net));
  PetscCall(PetscCalloc3(c.net->n_parameters, &direction, c.net->n_parameters, &sum, c.net->n_parameters, &row));
  PetscCall(LbFlowAt(&c.flow, 0, 1, direction, &info));
  for (int s = 0; s < c.flow.samples.count; s++) {
    PetscCall(LbNetGradient(c.net, 1, c.flow.samples.a + 3 * s, NULL, &lnp, row, NULL));
    for (int k = 0; k < c.net->n_parameters; k++) sum[k] += c.flow.samples.weight[s] * row[k];
  }
  for (int k = 0; k < c.net->n_parameters; k++) worst = PetscMax(worst, PetscAbsReal(sum[k]));
  mean = info.mean;
  PovmSay("# all configurations: mean of e %.1e, of a derivative at most %.1e\n", mean, worst);
  PovmCheck(PetscAbsReal(mean) < 1e-12 && worst < 1e-12, "%g %g", mean, worst);
  c.flow.exact = PETSC_FALSE;
  c.flow.total = 4000;
  PetscCall(LbFlowAt(&c.flow, 0, 2, direction, &info));
  PovmSay("# 4000 samples: mean of e %.2e +- %.2e\n", (double)info.mean, (double)info.error);
  PovmCheck(PetscAbsReal(info.mean) < 4 * info.error && info.error > 0, "%g", (double)info.mean);
  PetscCall(PetscFree3(direction, sum, row));
  PetscCall(End(&c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the ranks' own communicator of one against all ranks together */
static PetscErrorCode RanksDoNotMatter(void)
{
  Case       c;
  LbFlow     alone;
  LbFlowInfo info, own;
  double    *direction, *single;

  PetscFunctionBegin;
  for (int unique = 0; unique < 2; unique++) {
    PetscCall(Begin(5, 2, 1, &one_layer, 1, 1e-5, 700, &c));
    for (int k = 0; k < 4 * 32; k++) c.net->theta[c.net->output + k] = 0.1 * PovmRandom((uint32_t)k, 31);
    PetscCall(LbNetPrepare(c.net));
    c.flow.unique = unique ? PETSC_TRUE : PETSC_FALSE;
    PetscCall(PetscMalloc2(c.net->n_parameters, &direction, c.net->n_parameters, &single));
    PetscCall(LbFlowAt(&c.flow, 0, 3, direction, &info));
    PetscCall(LbFlowCreate(PETSC_COMM_SELF, c.net, &c.o, &c.model, &c.strings, &alone));
    alone.unique = c.flow.unique;
    alone.total  = 700;
    alone.reg    = 1e-5;
    alone.seed   = 4;
    PetscCall(LbFlowAt(&alone, 0, 3, single, &own));
    PovmCheck(!memcmp(direction, single, (size_t)c.net->n_parameters * sizeof *single), "unique %d: other bits", unique);
    PovmCheck(!memcmp(&info.residual, &own.residual, sizeof own.residual) && info.distinct == own.distinct, "unique %d: other residual", unique);
    PetscCall(LbFlowDestroy(&alone));
    PetscCall(PetscFree2(direction, single));
    PetscCall(End(&c));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(BothFormsSolveTheSameProblem),
  TES_TEST(MeansOfEAndOfTheDerivativesVanish),
  TES_TEST(RanksDoNotMatter),
  TES_TEST(IntegratorsHaveTheirOrders),
  TES_TEST(ExactModeFollowsTheMasterEquation),
  TES_TEST(ProductsStayProducts),
  TES_TEST(MeasurementsAgreeOnTheEvolution),
  TES_TEST(ProductsWithoutSamplingAreExact),
  TES_TEST(StringsRestoreTheSymmetry),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
