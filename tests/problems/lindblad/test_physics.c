/* Exact results of open systems: decay, driven qubit, cavities, the Kerr cavity, transport, conservation, and steady states against published or independently found values. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tessera/driver.h>
#include <tessera/io.h>
#include <tessera/linalg.h>
#include <tessera/test.h>

extern const TesProblemKind TesProblemLindblad;

typedef struct {
  const char *name;
  PetscReal   value;
} Wanted;

static PetscErrorCode Look(TesProblem problem, TesReport report, void *arg)
{
  PetscFunctionBegin;
  (void)problem;
  for (Wanted *w = arg; w->name; w++) {
    PetscBool found;

    PetscCall(TesReportFind(report, w->name, &found, &w->value));
    if (!found) w->value = PETSC_INFINITY;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Run(const char deck[], Wanted wanted[])
{
  PetscFunctionBegin;
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, Look, wanted));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DecayAndDephasingFollowTheirExponentials(void)
{
  Wanted decay[] = {{"Z", 0}, {"X", 0}, {NULL, 0}}, strings[] = {{"XY", 0}, {"XZ", 0}, {"ZZ", 0}, {NULL, 0}};

  PetscFunctionBegin;
  PetscCall(Run("problem: lindblad\nsystem: {sites: [{dim: 2}]}\njumps:\n  - {ops: [Sm], on: [0], rate: 0.7}\ninitial: {product: +}\ntime: {end: 1.3, output_every: 0.65}\n"
                "integrator: {kind: dp5, rtol: 1e-12, atol: 0}\nobservables:\n  - {name: Z, ops: [Z], on: [0]}\n  - {name: X, ops: [X], on: [0]}\n",
                decay));
  TES_CHECK_NEAR(decay[0].value, exp(-0.7 * 1.3) - 1, 1e-10);
  TES_CHECK_NEAR(decay[1].value, exp(-0.35 * 1.3), 1e-10);
  /* dephasing: a string decays at 2 k (#X + #Y); six spins in X, Y and Z eigenstates */
  PetscCall(Run("problem: lindblad\nsystem: {sites: [{count: 6}]}\njumps:\n  - {ops: [Z], on: sites, rate: 0.3}\ninitial: {product: [+, r, up, l, -, down]}\ntime: {end: 0.8, output_every: 0.4}\n"
                "integrator: {rtol: 1e-12}\nobservables:\n  - {name: XY, ops: [X, Y], on: [0, 1]}\n  - {name: XZ, ops: [X, Z], on: [4, 5]}\n  - {name: ZZ, ops: [Z, Z], on: [2, 5]}\n",
                strings));
  TES_CHECK_NEAR(strings[0].value, exp(-4 * 0.3 * 0.8), 1e-10);
  TES_CHECK_NEAR(strings[1].value, exp(-2 * 0.3 * 0.8), 1e-10); /* <X> = -1, <Z> = -1 */
  TES_CHECK_NEAR(strings[2].value, -1, 1e-12);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DrivenQubitReachesItsSteadyState(void)
{
  const PetscReal w = 1.7, d = 0.6, g = 0.9, k = 0.2, g2 = g / 2 + 2 * k;
  Wanted          up[] = {{"up", 0}, {NULL, 0}};
  char            deck[1024];

  PetscFunctionBegin;
  snprintf(deck, sizeof deck, "problem: lindblad\ntask: steady\nsystem: {sites: [{dim: 2}]}\nhamiltonian:\n  - {ops: [X], on: [0], coeff: %g}\n  - {ops: [Z], on: [0], coeff: %g}\n"
                              "jumps:\n  - {ops: [Sm], on: [0], rate: %g}\n  - {ops: [Z], on: [0], rate: %g}\nsteady: {rtol: 1e-13}\nobservables:\n  - {name: up, ops: [\"E:0,0\"], on: [0]}\n",
           w / 2, d / 2, g, k);
  PetscCall(Run(deck, up));
  TES_CHECK_NEAR(up[0].value, w * w * g2 / (2 * g) / (g2 * g2 + d * d + w * w * g2 / g), 1e-11);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CavityFollowsItsLinearEquations(void)
{
  Wanted thermal[] = {{"n", 0}, {"a_re", 0}, {"a_im", 0}, {NULL, 0}};
  const PetscReal kappa = 0.8, nth = 0.25, t = 1.1, omega = 1.3;

  PetscFunctionBegin;
  /* a thermal bath and a coherent start: <a> = a0 e^{-(i w + kappa/2) t}, n relaxes to nth; 24 levels hold both to 1e-11 */
  PetscCall(Run("problem: lindblad\nsystem: {sites: [{dim: 30}]}\nhamiltonian:\n  - {ops: [n], on: [0], coeff: 1.3}\njumps:\n  - {ops: [a], on: [0], rate: 1.0}\n  - {ops: [ad], on: [0], rate: 0.2}\n"
                "initial: {product: \"coherent:0.9\"}\ntime: {end: 1.1, output_every: 1.1}\nintegrator: {rtol: 1e-11}\nobservables:\n  - {name: n, ops: [n], on: [0]}\n  - {name: a, ops: [a], on: [0]}\n",
                thermal));
  TES_CHECK_NEAR(thermal[0].value, nth + (0.81 - nth) * exp(-kappa * t), 1e-9);
  TES_CHECK_NEAR(thermal[1].value, 0.9 * exp(-kappa / 2 * t) * cos(omega * t), 1e-9);
  TES_CHECK_NEAR(thermal[2].value, -0.9 * exp(-kappa / 2 * t) * sin(omega * t), 1e-9);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a driven damped cavity: a coherent state of amplitude -i F / (kappa/2 + i w) */
static PetscErrorCode DrivenCavityEndsCoherent(void)
{
  const PetscReal kappa = 0.9, w = 0.6, force = 0.35, size = force * force / (kappa * kappa / 4 + w * w);
  Wanted          linear[] = {{"n", 0}, {"a_re", 0}, {"a_im", 0}, {NULL, 0}};

  PetscFunctionBegin;
  PetscCall(Run("problem: lindblad\ntask: steady\nsystem: {sites: [{dim: 16}]}\nhamiltonian:\n  - {ops: [n], on: [0], coeff: 0.6}\n  - {ops: [a], on: [0], coeff: 0.35, hc: true}\n"
                "jumps:\n  - {ops: [a], on: [0], rate: 0.9}\nsteady: {rtol: 1e-13}\nobservables:\n  - {name: n, ops: [n], on: [0]}\n  - {name: a, ops: [a], on: [0]}\n",
                linear)); /* 16 levels: the population beyond is below |alpha|^32 / 16! < 1e-20 */
  TES_CHECK_NEAR(linear[0].value, size, 1e-10);
  TES_CHECK_NEAR(linear[1].value, -size / force * w, 1e-10);
  TES_CHECK_NEAR(linear[2].value, -size / force * kappa / 2, 1e-10);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* N spins with one shared jump operator, from all up: a ladder of N + 1 states, left at the rate g (J + M)(J - M + 1); the exponential of its rate matrix */
static PetscErrorCode CollectiveDecayClimbsDownTheDickeLadder(void)
{
  enum { N = 5 };
  const PetscReal g = 0.4, t = 0.9;
  PetscReal       a[(N + 1) * (N + 1)] = {0}, e[(N + 1) * (N + 1)], z = 0;
  Wanted          ladder[] = {{"Z", 0}, {NULL, 0}};

  PetscFunctionBegin;
  PetscCall(Run("problem: lindblad\nsystem: {sites: [{count: 5}]}\njumps:\n  - {sum: [{ops: [Sm], on: sites}], rate: 0.4}\ninitial: {product: up}\ntime: {end: 0.9, output_every: 0.9}\nintegrator: {rtol: 1e-12}\n"
                "observables:\n  - {name: Z, ops: [Z], on: sites}\n",
                ladder));
  for (int k = 0; k < N; k++) { /* k spins are down: M = N/2 - k */
    const PetscReal rate = g * (N - k) * (k + 1);

    a[k * (N + 1) + k] -= t * rate;
    a[(k + 1) * (N + 1) + k] += t * rate;
  }
  PetscCall(TesExpm(N + 1, a, e));
  for (int k = 0; k <= N; k++) z += e[k * (N + 1)] * (N - 2. * k) / N;
  TES_CHECK_NEAR(ladder[0].value, z, 1e-9);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode KerrCavityHasTheExactSteadyState(void)
{
  Wanted kerr[] = {{"n", 0}, {"a_re", 0}, {"a_im", 0}, {NULL, 0}};

  PetscFunctionBegin;
  PetscCall(Run("problem: lindblad\ntask: steady\nsystem: {sites: [{dim: 26}]}\nhamiltonian:\n  - {ops: [n], on: [0], coeff: 0.4}\n  - {ops: [ad*ad*a*a], on: [0], coeff: 0.5}\n"
                "  - {ops: [a], on: [0], coeff: 0.7, hc: true}\njumps:\n  - {ops: [a], on: [0], rate: 0.8}\nsteady: {rtol: 1e-12}\nobservables:\n  - {name: n, ops: [n], on: [0]}\n  - {name: a, ops: [a], on: [0]}\n",
                kerr));
  /* Drummond and Walls: hypergeometric functions 0F2 at Delta = -0.4, U = 1, F = 0.7, kappa = 0.8 */
  TES_CHECK_NEAR(kerr[0].value, 0.591437937822, 1e-10);
  TES_CHECK_NEAR(kerr[1].value, -0.625485330015, 1e-10);
  TES_CHECK_NEAR(kerr[2].value, -0.337964535898, 1e-10);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SteadyStatesAgreeWithOtherSolvers(void)
{
  static const struct {
    const char *coeff, *field, *rate, *method;
    int         sites;
    double      z;
  } rows[] = {
    {"1.5", "1.2", "0.3", "auto", 6, -0.6089298104}, {"1.5", "1.2", "0.3", "gcrot", 6, -0.6089298104}, {"1.5", "1.2", "0.3", "auto", 7, -0.6126407999}, {"0.5", "0.5", "1", "propagate", 6, -0.8110347355073},
    {"0.5", "0.5", "1", "kronecker", 6, -0.8110347355073}, {"0.5", "0.5", "1", "idr", 6, -0.8110347355073}, {"0.5", "0.5", "1", "kronecker", 8, -0.8107297839},
  };

  PetscFunctionBegin;
  for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
    Wanted z[] = {{"Z", 0}, {"relative_residual", 0}, {NULL, 0}};
    char   deck[1024];

    snprintf(deck, sizeof deck, "problem: lindblad\ntask: steady\nsystem: {sites: [{count: %d}], lattice: {kind: chain, periodic: true}}\nhamiltonian:\n  - {ops: [Z, Z], on: bonds, coeff: %s}\n"
                                "  - {ops: [X], on: sites, coeff: %s}\njumps:\n  - {ops: [Sm], on: sites, rate: %s}\nsteady: {method: %s, check_unique: false}\nobservables:\n  - {name: Z, ops: [Z], on: sites}\n",
             rows[k].sites, rows[k].coeff, rows[k].field, rows[k].rate, rows[k].method);
    PetscCall(Run(deck, z));
    TES_CHECK_NEAR(z[0].value, rows[k].z, 1e-9);
    TES_CHECK_AT_MOST(z[1].value, 1e-10);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* table p09, Delta = 0.5: profile, and one current along the whole chain */
static PetscErrorCode BoundaryDrivenChainCarriesOneCurrent(void)
{
  Wanted w[] = {{"j_0", 0}, {"j_1", 0}, {"j_2", 0}, {"j_3", 0}, {"j_4", 0}, {"Z_0", 0}, {"Z_2", 0}, {NULL, 0}};

  PetscFunctionBegin;
  PetscCall(Run("problem: lindblad\ntask: steady\nsystem: {sites: [{count: 6}], lattice: {kind: chain}}\nhamiltonian:\n  - {ops: [X, X], on: bonds}\n  - {ops: [Y, Y], on: bonds}\n  - {ops: [Z, Z], on: bonds, coeff: 0.5}\n"
                "jumps:\n  - {ops: [Sp], on: [0], rate: 1.5}\n  - {ops: [Sm], on: [0], rate: 0.5}\n  - {ops: [Sp], on: [5], rate: 0.5}\n  - {ops: [Sm], on: [5], rate: 1.5}\nsteady: {rtol: 1e-12, check_unique: false}\n"
                "observables:\n  - {name: Z, ops: [Z], on: sites, reduce: each}\n  - {name: j, kind: current, on: bonds, reduce: each}\n",
                w));
  for (int k = 0; k < 5; k++) TES_CHECK_NEAR(w[k].value, 0.7248689994570, 1e-9);
  TES_CHECK_NEAR(w[5].value, 0.1375655002717, 1e-9);
  TES_CHECK_NEAR(w[6].value, 0.01592810042415, 1e-9);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* without the ZZ coupling transport is ballistic: the magnetisation is flat inside the chain, and one current flows */
static PetscErrorCode FreeChainIsFlatInside(void)
{
  Wanted w[] = {{"Z_1", 0}, {"Z_2", 0}, {"Z_3", 0}, {"Z_4", 0}, {"j_0", 0}, {"j_4", 0}, {"Z_0", 0}, {NULL, 0}};

  PetscFunctionBegin;
  PetscCall(Run("problem: lindblad\ntask: steady\nsystem: {sites: [{count: 6}], lattice: {kind: chain}}\nhamiltonian:\n  - {ops: [X, X], on: bonds}\n  - {ops: [Y, Y], on: bonds}\n"
                "jumps:\n  - {ops: [Sp], on: [0], rate: 1.5}\n  - {ops: [Sm], on: [0], rate: 0.5}\n  - {ops: [Sp], on: [5], rate: 0.7}\n  - {ops: [Sm], on: [5], rate: 1.3}\nsteady: {rtol: 1e-12, check_unique: false}\n"
                "observables:\n  - {name: Z, ops: [Z], on: sites, reduce: each}\n  - {name: j, kind: current, on: bonds, reduce: each}\n",
                w));
  for (int k = 1; k < 4; k++) TES_CHECK_NEAR(w[k].value, w[0].value, 1e-9);
  TES_CHECK_NEAR(w[5].value, w[4].value, 1e-9);
  TES_CHECK_AT_LEAST(PetscAbsReal(w[4].value), 0.01);
  TES_CHECK_AT_LEAST(w[6].value - w[0].value, 0.01); /* the ends are not */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ClosedSystemsConserve(void)
{
  static const char deck[] = "problem: lindblad\nsystem: {sites: [{count: 5}], lattice: {kind: chain}}\nhamiltonian:\n  - {ops: [X, X], on: bonds}\n  - {ops: [Z], on: sites, coeff: 0.7}\n"
                             "initial: {product: [up, +, r, down, up]}\ntime: {end: %s, output_every: 10}\nobservables:\n  - {name: energy}\n  - {name: purity}\n  - {name: entropy}\n";
  Wanted before[] = {{"energy", 0}, {"purity", 0}, {"entropy", 0}, {NULL, 0}}, after[] = {{"energy", 0}, {"purity", 0}, {"entropy", 0}, {NULL, 0}};
  char   text[1024];

  PetscFunctionBegin;
  snprintf(text, sizeof text, deck, "0");
  PetscCall(Run(text, before));
  snprintf(text, sizeof text, deck, "10");
  PetscCall(Run(text, after));
  for (int k = 0; k < 3; k++) TES_CHECK_NEAR(after[k].value, before[k].value, 1e-9);
  TES_CHECK_NEAR(after[1].value, 1, 1e-9);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* pure dephasing without H keeps every diagonal state: a second solve must find another steady state */
static PetscErrorCode SeveralSteadyStatesAreSaid(void)
{
  Wanted w[] = {{"residual", 0}, {NULL, 0}};

  PetscFunctionBegin;
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad,
                          "problem: lindblad\ntask: steady\nsystem: {sites: [{count: 2}]}\nhamiltonian:\n  - {ops: [Z], on: sites, coeff: 0.3}\njumps:\n  - {ops: [Z], on: sites, rate: 1}\n", Look, w));
  TES_CHECK_AT_MOST(w[0].value, 1e-9);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SpectrumOfADampedQubitIsKnown(void)
{
  Wanted w[] = {{"gap", 0}, {"zero_eigenvalues", 0}, {"worst_residual", 0}, {NULL, 0}};

  PetscFunctionBegin; /* decay g and dephasing k: eigenvalues 0, -g, -(g/2 + 2k) +- i w */
  PetscCall(Run("problem: lindblad\ntask: spectrum\nsystem: {sites: [{dim: 2}]}\nhamiltonian:\n  - {ops: [Z], on: [0], coeff: 0.4}\njumps:\n  - {ops: [Sm], on: [0], rate: 0.6}\n  - {ops: [Z], on: [0], rate: 0.05}\n", w));
  TES_CHECK_NEAR(w[0].value, 0.4, 1e-12);
  TES_CHECK_NEAR(w[1].value, 1, 0);
  TES_CHECK_AT_MOST(w[2].value, 1e-12);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(DecayAndDephasingFollowTheirExponentials),
  TES_TEST(DrivenQubitReachesItsSteadyState),
  TES_TEST(CavityFollowsItsLinearEquations),
  TES_TEST(DrivenCavityEndsCoherent),
  TES_TEST(CollectiveDecayClimbsDownTheDickeLadder),
  TES_TEST(KerrCavityHasTheExactSteadyState),
  TES_TEST(SteadyStatesAgreeWithOtherSolvers),
  TES_TEST(BoundaryDrivenChainCarriesOneCurrent),
  TES_TEST(FreeChainIsFlatInside),
  TES_TEST(ClosedSystemsConserve),
  TES_TEST(SeveralSteadyStatesAreSaid),
  TES_TEST(SpectrumOfADampedQubitIsKnown),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
