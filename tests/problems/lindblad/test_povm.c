/* The network solver from below: frames, generators, networks, ratios, samples, derivatives; against traces of complex matrices, enumeration and finite differences. */
#include <tessera/test.h>
#include "povm_models.h"

static const struct {
  const char *name;
  LbPovmKind  kind;
  LbPovmAxes  axes;
} frames[] = {
  {"tetra symmetric", LB_POVM_TETRA, LB_AXES_SYMMETRIC}, {"tetra z", LB_POVM_TETRA, LB_AXES_Z}, {"pauli4", LB_POVM_PAULI4, LB_AXES_SYMMETRIC},
};

static void Sigma(int c, LbComplex m[4])
{
  const LbComplex s[4][4] = {{1, 0, 0, 1}, {0, 1, 1, 0}, {0, -LB_I, LB_I, 0}, {1, 0, 0, -1}};

  memcpy(m, s[c], sizeof s[c]);
}

static void Effect(const LbPovm *povm, int a, LbComplex m[4])
{
  for (int e = 0; e < 4; e++) m[e] = 0;
  for (int c = 0; c < 4; c++) {
    LbComplex s[4];

    Sigma(c, s);
    for (int e = 0; e < 4; e++) m[e] += povm->q[a][c] * s[e];
  }
}

/* N_a = sum_b T^-1_ab M_b with T^-1 as printed in the literature */
static void Dual(int frame, const LbPovm *povm, int a, LbComplex m[4])
{
  const double pauli[4][4] = {{14, -4, -4, -1}, {-4, 14, -4, -1}, {-4, -4, 14, -1}, {-1, -1, -1, 2}};

  for (int e = 0; e < 4; e++) m[e] = 0;
  for (int b = 0; b < 4; b++) {
    LbComplex    effect[4];
    const double t = frame == 2 ? pauli[a][b] : 6. * (a == b) - 1;

    Effect(povm, b, effect);
    for (int e = 0; e < 4; e++) m[e] += t * effect[e];
  }
}

static LbComplex TraceTimes(const LbComplex a[4], const LbComplex b[4])
{
  return a[0] * b[0] + a[1] * b[2] + a[2] * b[1] + a[3] * b[3];
}

static PetscErrorCode FramesAreMeasurementsWithTheirDuals(void)
{
  PetscFunctionBegin;
  for (int f = 0; f < 3; f++) {
    LbPovm    povm;
    PetscReal sum = 0, dual = 0, overlap = 0, smallest = 1;

    LbPovmCreate(frames[f].kind, frames[f].axes, &povm);
    for (int c = 0; c < 4; c++) sum = PetscMax(sum, PetscAbsReal(povm.q[0][c] + povm.q[1][c] + povm.q[2][c] + povm.q[3][c] - (c == 0)));
    for (int a = 0; a < 4; a++)
      for (int b = 0; b < 4; b++) {
        const double pauli[4][4] = {{4, 2, 2, 4}, {2, 4, 2, 4}, {2, 2, 4, 4}, {4, 4, 4, 24}};
        LbComplex    m[4], n[4];

        Effect(&povm, a, m);
        Dual(f, &povm, b, n);
        dual = PetscMax(dual, cabs(TraceTimes(m, n) - (a == b)));
        Effect(&povm, b, n);
        overlap = PetscMax(overlap, cabs(TraceTimes(m, n) - (f == 2 ? pauli[a][b] / 36 : (1 + 2. * (a == b)) / 12)));
      }
    for (int a = 0; a < 4; a++) {
      LbComplex m[4], v[4], s[4];

      Effect(&povm, a, m); /* smallest eigenvalue of a 2 x 2 Hermitian matrix */
      smallest = PetscMin(smallest, creal(m[0] + m[3]) / 2 - sqrt(pow(creal(m[0] - m[3]) / 2, 2) + creal(m[1] * conj(m[1]))));
      for (int c = 0; c < 4; c++) { /* tables of observables: Tr(sigma_c N_a) */
        Dual(f, &povm, a, m);
        Sigma(c, s);
        LbPovmOperator(&povm, s, v);
        dual = PetscMax(dual, cabs(v[a] - TraceTimes(s, m)));
      }
    }
    PovmSay("# %s: sum of effects off 1 by %.1e, overlaps %.1e, duals %.1e, smallest eigenvalue %.1e\n", frames[f].name, (double)sum, (double)overlap, (double)dual, (double)smallest);
    PovmCheck(sum <= 1e-15 && overlap <= 1e-15 && dual <= 1e-14 && smallest >= -1e-15, "%s", frames[f].name);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ProductStatesGiveProbabilities(void)
{
  static const char *const states[] = {"up", "down", "+", "-", "r", "l"};

  PetscFunctionBegin;
  for (int f = 0; f < 3; f++) {
    LbPovm povm;

    LbPovmCreate(frames[f].kind, frames[f].axes, &povm);
    for (int s = 0; s < 6; s++) {
      LbComplex psi[2], m[4];
      char      message[256];
      double    p[4], sum = 0, worst = 0;

      PetscCall(LbLocalState(states[s], 2, psi, message));
      LbPovmState(&povm, psi, p);
      for (int a = 0; a < 4; a++) {
        Effect(&povm, a, m);
        worst = PetscMax(worst, PetscAbsReal(p[a] - creal(conj(psi[0]) * (m[0] * psi[0] + m[1] * psi[1]) + conj(psi[1]) * (m[2] * psi[0] + m[3] * psi[1]))));
        sum += p[a];
        PovmCheck(p[a] >= 0, "%s, %s: p = %g", frames[f].name, states[s], p[a]);
      }
      PovmCheck(PetscAbsReal(sum - 1) < 1e-14 && worst < 1e-14, "%s, %s: sum %g, error %g", frames[f].name, states[s], sum, worst);
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* three sites, terms on one, two and three of them, a collective jump */
static PetscErrorCode ThreeSites(LbModel *model)
{
  const char *const xy[] = {"X", "Y"}, *const zz[] = {"Z", "Z"}, *const xyz[] = {"X", "Y", "Z"}, *const lower[] = {"Sm"}, *const swap[] = {"Sp", "Sm"};
  const int         s01[] = {0, 1}, s12[] = {1, 2}, s20[] = {2, 0}, all[] = {2, 0, 1};

  PetscFunctionBegin;
  PetscCall(ModelBegin(3, NULL, 12, 6, model));
  for (int m = 0; m < 3; m++)
    for (int k = 0; k < 2; k++) PetscCall(ModelTerm(model, PovmRandom((uint32_t)(2 * m + k), 5), 1, xy + k, &m));
  PetscCall(ModelTerm(model, 0.7, 2, xy, s01));
  PetscCall(ModelTerm(model, -0.4, 2, zz, s12));
  PetscCall(ModelTerm(model, 0.3, 2, zz, s20));
  PetscCall(ModelTerm(model, 0.45, 3, xyz, all));
  PetscCall(ModelJump(model, 0, 0.8, 1, 1, lower, s01));
  PetscCall(ModelJump(model, 0, 0.8, 0.5 + 0.2 * LB_I, 1, lower, s12));
  PetscCall(ModelJump(model, 1, 0.6, 1, 2, swap, s12));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* L[rho] with 8 x 8 matrices */
static void Lindblad8(const LbModel *model, const LbComplex *rho, LbComplex *out)
{
  const int n = 8, sites[3] = {0, 1, 2};
  LbComplex h[64] = {0}, one[64];

  memset(out, 0, 64 * sizeof *out);
  for (int t = 0; t < model->n_terms; t++) {
    LbEmbed(model, 3, sites, model->term[t].coef, &model->term[t].p, one);
    for (int e = 0; e < 64; e++) h[e] += one[e];
  }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      for (int k = 0; k < n; k++) out[i * n + j] += -LB_I * (h[i * n + k] * rho[k * n + j] - rho[i * n + k] * h[k * n + j]);
  for (int q = 0; q < model->n_jumps; q++) {
    LbComplex jump[64] = {0}, jj[64] = {0}, jr[64] = {0};

    for (int p = 0; p < model->jump[q].n; p++) {
      LbEmbed(model, 3, sites, model->jump[q].part[p].coef, &model->jump[q].part[p].p, one);
      for (int e = 0; e < 64; e++) jump[e] += one[e];
    }
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++)
        for (int k = 0; k < n; k++) {
          jj[i * n + j] += conj(jump[k * n + i]) * jump[k * n + j];
          jr[i * n + j] += jump[i * n + k] * rho[k * n + j];
        }
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++)
        for (int k = 0; k < n; k++)
          out[i * n + j] += model->jump[q].rate * (jr[i * n + k] * conj(jump[j * n + k]) - 0.5 * jj[i * n + k] * rho[k * n + j] - 0.5 * rho[i * n + k] * jj[k * n + j]);
  }
}

static PetscErrorCode GeneratorIsTraceOfEffectsAndDuals(void)
{
  LbModel model;

  PetscFunctionBegin;
  PetscCall(ThreeSites(&model));
  for (int f = 0; f < 3; f++) {
    LbPovm     povm;
    LbOutcomes o;
    double     p[64], lp[64], worst = 0, columns = 0;

    LbPovmCreate(frames[f].kind, frames[f].axes, &povm);
    PetscCall(LbOutcomesCreate(&model, &povm, &o));
    PovmCheck(!o.problem[0], "%s", o.problem);
    PetscCall(LbOutcomesAt(&o, &model, 0));
    for (int b = 0; b < 64; b++) {
      LbComplex dual[64], image[64], m[3][4];
      double    sum = 0;

      for (int s = 0; s < 3; s++) Dual(f, &povm, b >> (2 * s) & 3, m[s]);
      for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++) {
          dual[i * 8 + j] = 1;
          for (int s = 0; s < 3; s++) dual[i * 8 + j] *= m[s][2 * (i >> s & 1) + (j >> s & 1)];
        }
      Lindblad8(&model, dual, image);
      memset(p, 0, sizeof p);
      p[b] = 1;
      PovmApply(&o, p, lp);
      for (int a = 0; a < 64; a++) {
        LbComplex trace = 0;

        for (int s = 0; s < 3; s++) Effect(&povm, a >> (2 * s) & 3, m[s]);
        for (int i = 0; i < 8; i++)
          for (int j = 0; j < 8; j++) {
            LbComplex value = image[j * 8 + i];

            for (int s = 0; s < 3; s++) value *= m[s][2 * (i >> s & 1) + (j >> s & 1)];
            trace += value;
          }
        worst = PetscMax(worst, cabs(trace - lp[a]));
        sum += lp[a];
      }
      columns = PetscMax(columns, PetscAbsReal(sum));
    }
    PovmSay("# %s: L against Tr(M_a L[N_b]) %.1e, column sums %.1e\n", frames[f].name, worst, columns);
    PovmCheck(worst <= 1e-13 * 100 && columns <= 1e-12, "%s", frames[f].name); /* entries are up to 100: N_b of three sites */
    PetscCall(LbOutcomesDestroy(&o));
  }
  PetscCall(LbModelDestroy(&model));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const struct {
  const char  *name;
  LbNetSetting set;
} nets[] = {
  {"one layer", {.kind = LB_NET_TRANSFORMER, .layers = 1, .hidden = 16, .heads = 1, .ff = 10, .init_scale = 1}},
  {"four heads, biases by site", {.kind = LB_NET_TRANSFORMER, .layers = 1, .hidden = 16, .heads = 4, .ff = 16, .init_scale = 1, .per_site = PETSC_TRUE}},
  {"one layer, not folded", {.kind = LB_NET_TRANSFORMER, .layers = 1, .hidden = 16, .heads = 2, .ff = 10, .init_scale = 1, .plain = PETSC_TRUE}},
  {"three layers with norms", {.kind = LB_NET_TRANSFORMER, .layers = 3, .hidden = 12, .heads = 2, .ff = 9, .layer_norm = 1, .positional = 1, .init_scale = 1}},
  {"recurrent", {.kind = LB_NET_GRU, .hidden = 13, .init_scale = 1}},
};
#define NETS (int)(sizeof nets / sizeof nets[0])

static void Digits(int n, int code, uint8_t *a)
{
  for (int i = 0; i < n; i++) a[i] = (uint8_t)(code >> (2 * i) & 3);
}

/* two strings of n sites, the second one mixed up */
static PetscErrorCode TwoStrings(int n, int count, LbStrings *strings)
{
  PetscFunctionBegin;
  strings->n     = n;
  strings->count = count;
  PetscCall(PetscMalloc1(count * n, &strings->site));
  for (int i = 0; i < n; i++) {
    strings->site[i] = i;
    if (count > 1) strings->site[n + i] = n - 1 - i;
    if (count > 2) strings->site[2 * n + i] = n % 2 ? (2 * i) % n : i ^ 1;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ProbabilitiesSumToOne(void)
{
  enum { N = 5, ALL = 1 << (2 * N) };
  uint8_t *a;
  double  *lnp, *full;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3(ALL * N, &a, ALL, &lnp, ALL, &full));
  for (int c = 0; c < ALL; c++) Digits(N, c, a + c * N);
  for (int k = 0; k < NETS; k++)
    for (int strings = 1; strings <= 3; strings += 2) {
      LbNet    *net;
      LbStrings s;
      double    sum = 0, worst = 0;

      PetscCall(PovmRandomNet(&nets[k].set, N, 0.5, &net));
      PetscCall(TwoStrings(N, strings, &s));
      PetscCall(LbStringsLogProbability(&s, net, ALL, a, lnp, NULL));
      for (int c = 0; c < ALL; c++) sum += exp(lnp[c]);
      if (strings == 1) { /* the pass with a causal mask over whole configurations */
        for (int c = 0; c < ALL; c += LB_GRADIENT_BLOCK) PetscCall(LbNetGradient(net, LB_GRADIENT_BLOCK, a + c * N, NULL, full + c, NULL, NULL));
        for (int c = 0; c < ALL; c++) worst = PetscMax(worst, PetscAbsReal(full[c] - lnp[c]));
      }
      PovmSay("# %s, %d strings: sum of p - 1 = %.1e, masked pass against growing prefixes %.1e\n", nets[k].name, strings, sum - 1, worst);
      PovmCheck(PetscAbsReal(sum - 1) < 1e-12 && worst < 1e-12, "%s", nets[k].name);
      PetscCall(LbStringsDestroy(&s));
      PetscCall(LbNetDestroy(&net));
    }
  PetscCall(PetscFree3(a, lnp, full));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Lattice(int which, LbModel *model)
{
  const char *const xx[] = {"X", "X"}, *const yy[] = {"Y", "Y"}, *const zz[] = {"Z", "Z"}, *const x[] = {"X"}, *const lower[] = {"Sm"}, *const xyz[] = {"X", "Y", "Z"};
  const int         square[][2] = {{0, 1}, {2, 3}, {4, 5}, {0, 2}, {1, 3}, {2, 4}, {3, 5}}, triple[][3] = {{0, 1, 2}, {3, 1, 4}, {5, 0, 3}};

  PetscFunctionBegin;
  PetscCall(ModelBegin(6, NULL, 40, 6, model));
  for (int m = 0; m < 6; m++) {
    PetscCall(ModelTerm(model, 0.5 + 0.1 * m, 1, x, &m));
    PetscCall(ModelJump(model, m, 1, 1, 1, lower, &m));
  }
  for (int b = 0; b < (which == 0 ? 6 : which == 1 ? 5 : 7); b++) {
    const int ring[2] = {b, (b + 1) % 6}, *bond = which < 2 ? ring : square[b];

    PetscCall(ModelTerm(model, 0.9, 2, xx, bond));
    PetscCall(ModelTerm(model, 1.6, 2, yy, bond));
    PetscCall(ModelTerm(model, 1.0, 2, zz, bond));
  }
  for (int k = 0; which == 3 && k < 3; k++) PetscCall(ModelTerm(model, 0.7, 3, xyz, triple[k]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LocalEstimatorIsLpOverP(void)
{
  enum { N = 6, ALL = 1 << (2 * N) };
  static const char *const shapes[] = {"ring", "chain", "2 x 3", "ladder with triples"};
  uint8_t *a;
  double  *p, *lp;
  LbPovm   povm;

  PetscFunctionBegin;
  LbPovmCreate(LB_POVM_TETRA, LB_AXES_SYMMETRIC, &povm);
  PetscCall(PetscMalloc3(ALL * N, &a, ALL, &p, ALL, &lp));
  for (int c = 0; c < ALL; c++) Digits(N, c, a + c * N);
  for (int shape = 0; shape < 4; shape++) {
    LbModel    model;
    LbOutcomes o;

    PetscCall(Lattice(shape, &model));
    PetscCall(LbOutcomesCreate(&model, &povm, &o));
    PetscCall(LbOutcomesAt(&o, &model, 0));
    for (int k = 0; k < NETS; k++)
      for (int strings = 1; strings <= 3; strings += 2) {
        LbNet    *net;
        LbStrings s;
        LbLocal   local;
        double    worst = 0, largest = 0;
        const int step = k < 2 && strings == 1 ? 1 : 29; /* the general paths on every 29th */

        PetscCall(PovmRandomNet(&nets[k].set, N, 0.4, &net));
        PetscCall(TwoStrings(N, strings, &s));
        PetscCall(LbStringsLogProbability(&s, net, ALL, a, p, NULL));
        for (int c = 0; c < ALL; c++) p[c] = exp(p[c]);
        PovmApply(&o, p, lp);
        PetscCall(LbLocalCreate(net, &o, &s, &local));
        for (int c = 0; c < ALL; c += step) {
          double lnp, e, exponent;

          PetscCall(LbLocalAt(&local, a + c * N, &lnp, &e, &exponent));
          largest = PetscMax(largest, PetscAbsReal(lp[c] / p[c]));
          worst   = PetscMax(worst, PetscAbsReal(e - lp[c] / p[c]));
        }
        PovmSay("# %s, %s, %d strings: e(a) - (L p)(a)/p(a) at most %.1e of %.1f\n", shapes[shape], nets[k].name, strings, worst, largest);
        PovmCheck(worst <= 1e-11 * largest, "%s, %s", shapes[shape], nets[k].name);
        PetscCall(LbLocalDestroy(&local));
        PetscCall(LbStringsDestroy(&s));
        PetscCall(LbNetDestroy(&net));
      }
    PetscCall(LbOutcomesDestroy(&o));
    PetscCall(LbModelDestroy(&model));
  }
  PetscCall(PetscFree3(a, p, lp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DerivativesAreFiniteDifferences(void)
{
  enum { N = 4, COUNT = 3 };
  const PetscReal h = 1e-6;
  uint8_t         a[COUNT * N];

  PetscFunctionBegin;
  for (int c = 0; c < COUNT; c++) Digits(N, 37 + 71 * c, a + c * N);
  for (int k = 0; k < NETS; k++) {
    LbNet    *net;
    double   *rows, *sum, lnp[COUNT], up[COUNT], down[COUNT], worst = 0, together = 0, tables = 0;
    const double weight[COUNT] = {0.3, -1.2, 0.7};

    PetscCall(PovmRandomNet(&nets[k].set, N, 0.5, &net));
    PetscCall(PetscCalloc2(COUNT * net->n_parameters, &rows, net->n_parameters, &sum));
    PetscCall(LbNetGradient(net, COUNT, a, NULL, lnp, rows, NULL));
    PetscCall(LbNetGradient(net, COUNT, a, weight, lnp, NULL, sum));
    for (int i = 0; i < net->n_parameters; i++) {
      const double keep = net->theta[i];
      double       all  = 0;

      net->theta[i] = keep + h;
      PetscCall(LbNetPrepare(net));
      PetscCall(LbNetLogProbability(net, COUNT, a, up));
      net->theta[i] = keep - h;
      PetscCall(LbNetPrepare(net));
      PetscCall(LbNetLogProbability(net, COUNT, a, down));
      net->theta[i] = keep;
      for (int c = 0; c < COUNT; c++) {
        worst = PetscMax(worst, PetscAbsReal(rows[(size_t)c * (size_t)net->n_parameters + (size_t)i] - (up[c] - down[c]) / (2 * h)));
        all += weight[c] * rows[(size_t)c * (size_t)net->n_parameters + (size_t)i];
      }
      together = PetscMax(together, PetscAbsReal(all - sum[i]));
    }
    /* the same sum by the way that is taken for many configurations: one folded layer through its tables */
    PetscCall(LbNetPrepare(net));
    for (int i = 0; i < net->n_parameters; i++) sum[i] = -sum[i];
    PetscCall(LbNetGradientSum(net, COUNT, a, weight, sum));
    for (int i = 0; i < net->n_parameters; i++) tables = PetscMax(tables, PetscAbsReal(sum[i]));
    PovmSay("# %s: %d derivatives, off finite differences by %.1e; weighted sum %.1e, through tables %.1e\n", nets[k].name, net->n_parameters, worst, together, tables);
    /* rounding of ln p (about 10) over h: 1e-15 10 / 1e-6 */
    PovmCheck(worst < 1e-8 && together < 1e-13 && tables < 1e-12, "%s", nets[k].name);
    PetscCall(PetscFree2(rows, sum));
    PetscCall(LbNetDestroy(&net));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SamplesFollowTheDistribution(void)
{
  enum { N = 3, ALL = 1 << (2 * N), TOTAL = 100000 };
  uint8_t a[ALL * N];

  PetscFunctionBegin;
  for (int c = 0; c < ALL; c++) Digits(N, c, a + c * N);
  for (int k = 0; k < NETS; k += 2)
    for (int strings = 1; strings <= 3; strings += 2)
      for (int unique = 0; unique < 2; unique++) {
        LbNet    *net;
        LbStrings s;
        LbSamples samples = {0};
        double    p[ALL], seen[ALL] = {0}, chi2 = 0, sum = 0;

        PetscCall(PovmRandomNet(&nets[k].set, N, 0.6, &net));
        PetscCall(TwoStrings(N, strings, &s));
        PetscCall(LbStringsLogProbability(&s, net, ALL, a, p, NULL));
        PetscCall(LbSamplesDrawn(PETSC_COMM_WORLD, net, &s, 5, 1, TOTAL, unique ? PETSC_TRUE : PETSC_FALSE, &samples));
        for (int m = 0; m < samples.count; m++) {
          int code = 0;

          for (int i = 0; i < N; i++) code |= samples.a[m * N + i] << (2 * i);
          PovmCheck(!unique || seen[code] == 0, "configuration %d twice", code);
          seen[code] += samples.weight[m] * TOTAL;
          sum += samples.weight[m];
        }
        for (int c = 0; c < ALL; c++) chi2 += (seen[c] - TOTAL * exp(p[c])) * (seen[c] - TOTAL * exp(p[c])) / (TOTAL * exp(p[c]));
        PovmSay("# %s, %d strings, %s: chi^2 = %.1f for 63 degrees of freedom\n", nets[k].name, strings, unique ? "multiplicities" : "one by one", chi2);
        PovmCheck(chi2 < 114 && chi2 > 27 && PetscAbsReal(sum - 1) < 1e-10, "p-value below 1e-4, or too good: %g", chi2); /* quantiles 1e-4 and 1 - 1e-4 of chi^2(63) */
        PetscCall(LbSamplesDestroy(&samples));
        PetscCall(LbStringsDestroy(&s));
        PetscCall(LbNetDestroy(&net));
      }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode KernelsAreTheFunctionsOfTheLibrary(void)
{
  const LbPovmKernels *kernel = LbPovmKernelsPick();
  double               x[8], y[8], d[8], exp_error = 0, gelu = 0, slope = 0, soft = 0;

  PetscFunctionBegin;
  for (int i = 0; i < 100000; i++) {
    double rows[4 * 8], sum = 0;

    for (int k = 0; k < 8; k++) x[k] = 9 * PovmRandom((uint32_t)(8 * i + k), 77);
    kernel->exponential(8, x, y);
    for (int k = 0; k < 8; k++) exp_error = PetscMax(exp_error, PetscAbsReal(y[k] / exp(x[k]) - 1));
    kernel->gelu(8, x, y, d);
    for (int k = 0; k < 8; k++) {
      const double phi = 0.5 * erfc(-x[k] / sqrt(2.));

      gelu  = PetscMax(gelu, PetscAbsReal(y[k] - x[k] * phi) / PetscMax(1, PetscAbsReal(x[k])));
      slope = PetscMax(slope, PetscAbsReal(d[k] - phi - x[k] * exp(-x[k] * x[k] / 2) / sqrt(2 * PETSC_PI)));
    }
    for (int c = 0; c < 4; c++) rows[8 * c] = x[c];
    for (int c = 0; c < 32; c++)
      if (c % 8) rows[c] = 0;
    kernel->log_softmax(1, rows, 8);
    for (int c = 0; c < 4; c++) sum += exp(x[c] - x[0]);
    for (int c = 0; c < 4; c++) soft = PetscMax(soft, PetscAbsReal(rows[8 * c] - (x[c] - x[0] - log(sum))) / PetscMax(1, PetscAbsReal(rows[8 * c])));
  }
  PovmSay("# exp %.1e relative, gelu %.1e, its derivative %.1e, log softmax %.1e\n", exp_error, gelu, slope, soft);
  PovmCheck(exp_error < 1e-15 && gelu < 1e-15 && slope < 3e-15 && soft < 1e-14, "kernels");
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(FramesAreMeasurementsWithTheirDuals),
  TES_TEST(ProductStatesGiveProbabilities),
  TES_TEST(GeneratorIsTraceOfEffectsAndDuals),
  TES_TEST(KernelsAreTheFunctionsOfTheLibrary),
  TES_TEST(ProbabilitiesSumToOne),
  TES_TEST(LocalEstimatorIsLpOverP),
  TES_TEST(DerivativesAreFiniteDifferences),
  TES_TEST(SamplesFollowTheDistribution),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
