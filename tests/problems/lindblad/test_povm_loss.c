/* The losses of the paper's routes: gradients against central differences for every kind of network, with strings and on a model with terms on three sites; the trapezoid rule against dp/dt = L p; bits on
   several ranks. */
#include "../../../src/problems/lindblad/povm_solver.h"
#include "povm_case.h"

static const LbNetSetting tiny[] = {
  {.kind = LB_NET_TRANSFORMER, .layers = 1, .hidden = 8, .heads = 2, .ff = 6, .positional = 1, .init_scale = 1},
  {.kind = LB_NET_TRANSFORMER, .layers = 2, .hidden = 6, .heads = 1, .ff = 5, .layer_norm = 1, .init_scale = 1},
  {.kind = LB_NET_GRU, .hidden = 6, .init_scale = 1},
};

/* output weights away from 0, and a second network somewhere else */
static PetscErrorCode Scatter(LbNet *net, uint32_t which, PetscReal size)
{
  PetscFunctionBegin;
  for (int k = 0; k < net->n_parameters; k++) net->theta[k] += (k >= net->output && k < net->output + 4 * net->set.hidden ? size : size / 5) * PovmRandom((uint32_t)k, which);
  PetscCall(LbNetPrepare(net));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a term on three sites beside the ring's */
static PetscErrorCode AddTriple(Case *c)
{
  const char *const xyz[] = {"X", "Y", "Z"}, *const zzz[] = {"Z", "Z", "Z"}, *const lower[] = {"Sm"};
  const int         sites[] = {0, 1, 2}, other[] = {2, 0, 1};

  PetscFunctionBegin;
  PetscCall(LbFlowDestroy(&c->flow));
  PetscCall(LbOutcomesDestroy(&c->o));
  PetscCall(LbModelDestroy(&c->model));
  PetscCall(ModelBegin(3, NULL, 4, 1, &c->model));
  PetscCall(ModelTerm(&c->model, 0.7, 3, xyz, sites));
  PetscCall(ModelTerm(&c->model, 0.4, 3, zzz, other));
  PetscCall(ModelTerm(&c->model, 0.5, 1, xyz, sites));
  PetscCall(ModelTerm(&c->model, 0.3, 2, xyz, sites + 1));
  PetscCall(ModelJump(&c->model, 0, 1, 1, 1, lower, sites));
  PetscCall(LbOutcomesCreate(&c->model, &c->povm, &c->o));
  PetscCheck(c->o.n_triples, PETSC_COMM_SELF, PETSC_ERR_PLIB, "no term on three sites");
  PetscCall(LbFlowCreate(PETSC_COMM_WORLD, c->net, &c->o, &c->model, &c->strings, &c->flow));
  c->flow.exact = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GradientsAreThoseOfDifferences(void)
{
  static const char *const names[] = {"one layer, two heads", "two layers", "recurrent", "one layer, all strings", "one layer, three-site terms"};
  PetscReal                worst = 0;

  PetscFunctionBegin;
  if (Several()) PetscFunctionReturn(PETSC_SUCCESS);
  for (int net = 0; net < 5; net++)
    for (int kind = 0; kind < 2; kind++)
      for (int step = 0; step < 2; step++) {
        const LbNetSetting *set = &tiny[net > 2 ? 0 : net];
        const PetscReal     tau = step ? 0.1 : 0;
        Case                c;
        LbNet              *old;
        LbLoss              loss;
        LbLossInfo          info;
        double             *g, largest = 0, off = 0;
        double            (*start)[4];

        PetscCall(Begin(3, 2, 1, set, net == 3 ? 6 : 1, 1e-6, 0, &c));
        if (net == 4) PetscCall(AddTriple(&c));
        PetscCall(PetscMalloc1(3, &start));
        for (int i = 0; i < 3; i++)
          for (int a = 0; a < 4; a++) start[i][a] = 0.25;
        PetscCall(LbNetCreate(set, 3, (const double(*)[4])start, 9, &old));
        PetscCall(PetscFree(start));
        PetscCall(Scatter(c.net, 60, 0.5));
        PetscCall(Scatter(old, 61, 0.5));
        PetscCall(LbLossCreate(&c.flow, step ? old : NULL, kind, &loss));
        PetscCall(PetscMalloc1(c.net->n_parameters, &g));
        PetscCall(LbLossAt(&loss, 0, tau, 1, g, &info));
        for (int k = 0; k < c.net->n_parameters; k++) largest = PetscMax(largest, PetscAbsReal(g[k]));
        for (int k = 0; k < c.net->n_parameters; k += 3) { /* every group of parameters has some */
          const double keep = c.net->theta[k], h = 2e-5 / (1 << k / 3 % 3);
          PetscReal    value[2];

          for (int side = 0; side < 2; side++) {
            LbLossInfo there;

            c.net->theta[k] = keep + (side ? h : -h);
            PetscCall(LbNetPrepare(c.net));
            PetscCall(LbLossAt(&loss, 0, tau, 1, NULL, &there));
            value[side] = there.value;
          }
          c.net->theta[k] = keep;
          PetscCall(LbNetPrepare(c.net));
          off = PetscMax(off, PetscAbsReal((value[1] - value[0]) / (2 * h) - g[k]));
        }
        PovmSay("# %s, %s, %s: gradient off by %.1e of %.1e\n", names[net], kind ? "l2" : "l1", step ? "step" : "steady", off, largest);
        worst = PetscMax(worst, off / largest);
        PetscCall(PetscFree(g));
        PetscCall(LbLossDestroy(&loss));
        PetscCall(LbNetDestroy(&old));
        PetscCall(End(&c));
      }
  PovmCheck(worst < 1e-6, "%g", (double)worst); /* three widths h: h^2 of the third derivative and eps / h */
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* samples give the enumerated gradient within their scatter: projections on a few random directions, 40 draws each */
static PetscErrorCode SampledGradientsAreUnbiased(void)
{
  enum { DRAWS = 40, DIRECTIONS = 4 };

  PetscFunctionBegin;
  if (Several()) PetscFunctionReturn(PETSC_SUCCESS);
  for (int kind = 0; kind < 2; kind++) {
    Case       c;
    LbLoss     loss;
    LbLossInfo info;
    double    *g, *exact;
    PetscReal  worst = 0, sum[DIRECTIONS] = {0}, square[DIRECTIONS] = {0}, truth[DIRECTIONS] = {0}, mean = 0, value;

    PetscCall(Begin(4, 2, 1, &tiny[0], 1, 1e-6, 0, &c));
    PetscCall(Scatter(c.net, 62, 0.3));
    PetscCall(LbLossCreate(&c.flow, NULL, kind, &loss));
    PetscCall(PetscMalloc2(c.net->n_parameters, &g, c.net->n_parameters, &exact));
    PetscCall(LbLossAt(&loss, 0, 0, 1, exact, &info));
    value        = info.value;
    c.flow.exact = PETSC_FALSE;
    c.flow.total = 500;
    for (int draw = 0; draw < DRAWS; draw++) {
      c.flow.unique = draw % 2 ? PETSC_TRUE : PETSC_FALSE;
      PetscCall(LbLossAt(&loss, 0, 0, 10 + draw, g, &info));
      mean += (info.value - value) / info.error / DRAWS;
      for (int d = 0; d < DIRECTIONS; d++) {
        double x = 0;

        for (int k = 0; k < c.net->n_parameters; k++) x += PovmRandom((uint32_t)k, (uint32_t)(70 + d)) * g[k];
        sum[d] += x / DRAWS;
        square[d] += x * x / DRAWS;
      }
    }
    for (int d = 0; d < DIRECTIONS; d++) {
      for (int k = 0; k < c.net->n_parameters; k++) truth[d] += PovmRandom((uint32_t)k, (uint32_t)(70 + d)) * exact[k];
      worst = PetscMax(worst, PetscAbsReal(sum[d] - truth[d]) / PetscSqrtReal((square[d] - sum[d] * sum[d]) / DRAWS));
    }
    PovmSay("# %s from 500 samples, %d times: gradient within %.1f standard errors, loss off by %.2f of its own on average\n", kind ? "l2" : "l1", DRAWS, (double)worst, (double)mean);
    PovmCheck(worst < 4 && PetscAbsReal(mean) < 4 / PetscSqrtReal(DRAWS), "%g %g", (double)worst, (double)mean);
    PetscCall(PetscFree2(g, exact));
    PetscCall(LbLossDestroy(&loss));
    PetscCall(End(&c));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* every configuration, each step solved to 1e-8: what is left of the error is that of the rule, tau^2 */
static PetscErrorCode TrapezoidIsOfSecondOrder(void)
{
  PetscReal error[3];

  PetscFunctionBegin;
  if (Several()) PetscFunctionReturn(PETSC_SUCCESS);
  for (int k = 0; k < 3; k++) {
    const PetscReal tau = 0.2 / (1 << k);
    Case            c, start;
    LbLoss          loss;
    double         *exact, *p, residual = 0;

    PetscCall(Begin(2, 2, 1, &tiny[0], 1, 1e-6, 0, &c));
    PetscCall(Begin(2, 2, 1, &tiny[0], 1, 1e-6, 0, &start));
    PetscCall(LbLossCreate(&c.flow, start.net, LB_LOSS_L1, &loss));
    PetscCall(PetscMalloc2(16, &exact, 16, &p));
    PetscCall(Enumerate(&c, exact));
    for (int step = 0; step < (1 << k) * 5; step++) {
      LbLossInfo info = {.value = 1};

      PetscCall(PetscArraycpy(start.net->theta, c.net->theta, c.net->n_parameters));
      PetscCall(LbNetPrepare(start.net));
      for (int i = 0; i < 30 && info.value > 1e-18; i++) PetscCall(LbLossGaussNewton(&loss, 0, tau, 1, 1e-11, &info));
      PetscCall(LbLossAt(&loss, 0, tau, 1, NULL, &info));
      residual = PetscMax(residual, info.value);
    }
    PetscCall(Integrate(&c, 1, exact));
    PetscCall(Enumerate(&c, p));
    error[k] = 0;
    for (int a = 0; a < 16; a++) error[k] += PetscAbsReal(p[a] - exact[a]);
    PovmSay("# trapezoid, tau = %g, to t = 1: |p - exact|_1 = %.2e, largest loss of a step %.1e\n", (double)tau, (double)error[k], residual);
    PovmCheck(residual < 1e-8, "%g", residual);
    PetscCall(PetscFree2(exact, p));
    PetscCall(LbLossDestroy(&loss));
    PetscCall(End(&c));
    PetscCall(End(&start));
  }
  PovmSay("# orders %.2f, %.2f\n", log2(error[0] / error[1]), log2(error[1] / error[2]));
  PovmCheck(log2(error[0] / error[1]) > 1.8 && log2(error[1] / error[2]) > 1.9, "%g %g %g", (double)error[0], (double)error[1], (double)error[2]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RanksDoNotMatter(void)
{
  PetscFunctionBegin;
  for (int way = 0; way < 3; way++) { /* l1, l2, Gauss-Newton */
    double *result[2];
    int     size = 0;

    for (int alone = 0; alone < 2; alone++) {
      Case       c, start;
      LbLoss     loss;
      LbLossInfo info;

      PetscCall(Begin(5, 2, 1, &tiny[0], 1, 1e-5, 300, &c));
      PetscCall(Begin(5, 2, 1, &tiny[0], 1, 1e-5, 300, &start));
      PetscCall(Scatter(c.net, 63, 0.2));
      PetscCall(Scatter(start.net, 64, 0.2));
      if (alone) c.flow.comm = PETSC_COMM_SELF;
      size = c.net->n_parameters;
      PetscCall(PetscMalloc1(size, &result[alone]));
      PetscCall(LbLossCreate(&c.flow, start.net, way == 1 ? LB_LOSS_L2 : LB_LOSS_L1, &loss));
      if (way < 2) PetscCall(LbLossAt(&loss, 0, 0.05, 5, result[alone], &info));
      else {
        PetscCall(LbLossGaussNewton(&loss, 0, 0.05, 5, 1e-5, &info));
        PetscCall(PetscArraycpy(result[alone], c.net->theta, size));
      }
      PovmCheck(info.finite, "way %d", way);
      PetscCall(LbLossDestroy(&loss));
      PetscCall(End(&c));
      PetscCall(End(&start));
    }
    PovmCheck(!memcmp(result[0], result[1], (size_t)size * sizeof(double)), "way %d: other bits", way);
    for (int k = 0; k < 2; k++) PetscCall(PetscFree(result[k]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* five rises in a row to more than twice the first, above the floor; scatter does not count */
static PetscErrorCode GrowthIsSeenAndScatterIsNot(void)
{
  PetscReal course[LB_COURSE] = {0}, scattered[LB_COURSE] = {0}, low[LB_COURSE] = {0}, means[LB_COURSE] = {0};
  int       seen = -1, late = -1;

  PetscFunctionBegin;
  for (int k = 0; k < 8 && seen < 0; k++)
    if (LbPaperRises(course, 0.1 * pow(1.2, k), 1, 0.01)) seen = k;
  PovmCheck(seen == 5, "seen at %d", seen);
  for (int k = 0; k < 400; k++) TES_CHECK(!LbPaperRises(scattered, 0.1 * (1 + 0.5 * PovmRandom((uint32_t)k, 80)), 20, 0.01));
  for (int k = 0; k < 20; k++) TES_CHECK(!LbPaperRises(low, 1e-4 * pow(1.2, k), 1, 0.01));
  for (int k = 0; k < 400 && late < 0; k++)
    if (LbPaperRises(means, 0.1 * (1 + 0.5 * PovmRandom((uint32_t)k, 81)) * pow(1.02, k), 20, 0.01)) late = k;
  PovmCheck(late >= 100 && late < 160 && late % 20 == 19, "seen at %d", late);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(GrowthIsSeenAndScatterIsNot),
  TES_TEST(GradientsAreThoseOfDifferences),
  TES_TEST(SampledGradientsAreUnbiased),
  TES_TEST(TrapezoidIsOfSecondOrder),
  TES_TEST(RanksDoNotMatter),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
