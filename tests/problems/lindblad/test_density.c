/* The Liouvillian against matrices built here: 200 random models from random decks against dense Kronecker products, the windows of larger systems term by term, instruction sets against each other, the
   adjoint, and the integrators against the exponential of a dense matrix and by their orders. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/driver.h>
#include <tessera/linalg.h>
#include <tessera/random.h>
#include <tessera/test.h>
#include "../../../src/problems/lindblad/lindblad.h"
#include "../../../src/problems/lindblad/pauli.h"

extern const TesProblemKind TesProblemLindblad;

typedef double _Complex Z;

/* ---- a random model, as text and as matrices ---- */

typedef struct {
  int  n_sites, dim[4], n;
  Z   *h;            /* [n][n] at time 0.3 */
  int  n_jumps;
  Z   *jump[16];     /* with the square root of rate and factor */
  char deck[8192];
  int  seed, draw;
} Random;

static double Uniform(Random *r)
{
  double u[2];

  TesRandomUniform(r->seed, TES_STREAM_TEST, (uint32_t)r->draw++, 0, 0, u);
  return u[0];
}

static int Below(Random *r, int n)
{
  return (int)(n * Uniform(r));
}

static void Say(Random *r, const char format[], ...)
{
  size_t  used = strlen(r->deck);
  va_list list;

  va_start(list, format);
  vsnprintf(r->deck + used, sizeof r->deck - used, format, list);
  va_end(list);
}

/* the name of a random operator of dimension d and its matrix, row-major */
static void RandomOperator(Random *r, int d, char name[16], Z m[16])
{
  const int kind = Below(r, d == 2 ? 6 : 4), i = Below(r, d), j = Below(r, d);

  memset(m, 0, 16 * sizeof *m);
  if (d == 2 && kind < 5) {
    static const char *const names[] = {"X", "Y", "Z", "Sp", "Sm"};

    snprintf(name, 16, "%s", names[kind]);
    if (kind == 0) m[1] = m[2] = 1;
    if (kind == 1) m[1] = -LB_I, m[2] = LB_I;
    if (kind == 2) m[0] = 1, m[3] = -1;
    if (kind == 3) m[1] = 1;
    if (kind == 4) m[2] = 1;
  } else if (kind == 0) {
    snprintf(name, 16, "a");
    for (int k = 1; k < d; k++) m[(k - 1) * d + k] = sqrt(k);
  } else if (kind == 1) {
    snprintf(name, 16, "ad*a");
    for (int k = 0; k < d; k++) m[k * d + k] = k;
  } else if (kind == 2) {
    snprintf(name, 16, "ad");
    for (int k = 1; k < d; k++) m[k * d + k - 1] = sqrt(k);
  } else {
    snprintf(name, 16, "\"E:%d,%d\"", i, j);
    m[i * d + j] = 1;
  }
}

/* out += c (op on site, other_op on other site) on the whole space; other < 0: one site */
static void AddKron(const Random *r, Z c, int site, const Z *op, int other, const Z *other_op, Z *out)
{
  for (int i = 0; i < r->n; i++)
    for (int j = 0; j < r->n; j++) {
      Z   value = c;
      int a = i, b = j;

      for (int m = 0; m < r->n_sites; m++) {
        const int d = r->dim[m], x = a % d, y = b % d;

        if (m == site) value *= op[x * d + y];
        else if (m == other) value *= other_op[x * d + y];
        else if (x != y) value = 0;
        a /= d;
        b /= d;
      }
      out[i * r->n + j] += value;
    }
}

/* ops and places of one random product, as text; its matrix is added to out with c (and its adjoint with conj c) */
static void RandomProduct(Random *r, Z c, int hc, Z *out)
{
  const int two = r->n_sites > 1 && Below(r, 2), site = Below(r, r->n_sites), other = two ? (site + 1 + Below(r, r->n_sites - 1)) % r->n_sites : -1;
  char      first[16], second[16];
  Z         m1[16], m2[16], *whole = calloc((size_t)(r->n * r->n), sizeof *whole);

  RandomOperator(r, r->dim[site], first, m1);
  if (two) RandomOperator(r, r->dim[other], second, m2);
  if (two) Say(r, "ops: [%s, %s], on: [[%d, %d]]", first, second, site, other);
  else Say(r, "ops: [%s], on: [%d]", first, site);
  AddKron(r, 1, site, m1, other, m2, whole);
  for (int i = 0; i < r->n; i++)
    for (int j = 0; j < r->n; j++) out[i * r->n + j] += c * whole[i * r->n + j] + (hc ? conj(c * whole[j * r->n + i]) : 0);
  free(whole);
}

static void RandomModel(Random *r, int seed)
{
  const int qubits = seed % 2;

  memset(r, 0, sizeof *r);
  r->seed    = seed;
  r->n_sites = 1 + Below(r, qubits ? 4 : 3);
  r->n       = 1;
  Say(r, "problem: lindblad\nsystem:\n  sites:\n");
  for (int m = 0; m < r->n_sites; m++) {
    r->dim[m] = qubits ? 2 : 2 + Below(r, r->n_sites == 3 ? 2 : 3);
    r->n *= r->dim[m];
    Say(r, "    - {dim: %d}\n", r->dim[m]);
  }
  r->h = calloc((size_t)(r->n * r->n), sizeof *r->h);
  Say(r, "hamiltonian:\n");
  for (int k = 1 + Below(r, 4); k; k--) {
    const double re = Uniform(r) - 0.5, im = Uniform(r) - 0.5, omega = 3 * Uniform(r);
    const int    moving = Below(r, 3) == 0;

    Say(r, "  - {");
    RandomProduct(r, (re + im * LB_I) * (moving ? 0.5 + sin(omega * 0.3) : 1), 1, r->h);
    Say(r, ", coeff: [%.17g, %.17g], hc: true", re, im);
    if (moving) Say(r, ", time: {kind: sin, offset: 0.5, amp: 1, omega: %.17g}", omega);
    Say(r, "}\n");
  }
  Say(r, "jumps:\n");
  for (int k = 1 + Below(r, 3); k; k--) {
    const double rate = Uniform(r), slope = Uniform(r);
    const int    parts = Below(r, 3) ? 1 : 2, moving = Below(r, 3) == 0;
    const double root  = sqrt(rate * (moving ? exp(-slope * 0.3) : 1));
    Z           *out   = calloc((size_t)(r->n * r->n), sizeof *out);

    r->jump[r->n_jumps++] = out;
    if (parts == 1) {
      Say(r, "  - {");
      RandomProduct(r, root, 0, out);
    } else {
      Say(r, "  - {sum: [");
      for (int p = 0; p < parts; p++) {
        const double re = Uniform(r) - 0.5, im = Uniform(r) - 0.5;

        Say(r, "%s{", p ? ", " : "");
        RandomProduct(r, root * (re + im * LB_I), 0, out);
        Say(r, ", coeff: [%.17g, %.17g]}", re, im);
      }
      Say(r, "]");
    }
    Say(r, ", rate: %.17g", rate);
    if (moving) Say(r, ", time: {kind: expression, expression: \"exp(-%.17g*t)\"}", slope);
    Say(r, "}\n");
  }
  Say(r, "time: {end: 0}\n");
}

static void Multiply(int n, const Z *a, const Z *b, Z *c)
{
  memset(c, 0, (size_t)(n * n) * sizeof *c);
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++)
      for (int j = 0; j < n; j++) c[i * n + j] += a[i * n + k] * b[k * n + j];
}

/* out = -i [H, rho] + sum J rho J+ - {J+ J, rho}/2, by dense products */
static void DenseLindblad(const Random *r, const Z *rho, Z *out)
{
  const int    n = r->n;
  const size_t bytes = (size_t)(n * n) * sizeof(Z);
  Z           *a = malloc(bytes), *b = malloc(bytes), *adjoint = malloc(bytes), *k = malloc(bytes);

  Multiply(n, r->h, rho, a);
  Multiply(n, rho, r->h, b);
  for (int e = 0; e < n * n; e++) out[e] = -LB_I * (a[e] - b[e]);
  for (int q = 0; q < r->n_jumps; q++) {
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++) adjoint[i * n + j] = conj(r->jump[q][j * n + i]);
    Multiply(n, r->jump[q], rho, a);
    Multiply(n, a, adjoint, b);
    for (int e = 0; e < n * n; e++) out[e] += b[e];
    Multiply(n, adjoint, r->jump[q], k);
    Multiply(n, k, rho, a);
    Multiply(n, rho, k, b);
    for (int e = 0; e < n * n; e++) out[e] -= 0.5 * (a[e] + b[e]);
  }
  free(a);
  free(b);
  free(adjoint);
  free(k);
}

typedef struct {
  Random   *r;
  PetscReal worst, adjoint, purity;
} Compared;

/* Tr(A L[B]) = Tr(L+[A] B): inner product of the layouts: Pauli entries alike, ket-bra entries off the diagonal twice */
static PetscReal Inner(const LbSpace *space, const LbVec *x, const LbVec *y)
{
  PetscReal sum = 0;

  for (PetscInt64 k = 0; k < space->n_entries; k++) sum += (space->pauli || k / space->n == k % space->n ? 1 : 2) * x->all[k] * y->all[k];
  return sum;
}

static PetscErrorCode CompareDense(TesProblem problem, TesReport report, void *arg)
{
  Lindblad      *c = TesProblemCtx(problem);
  Compared      *seen = arg;
  Random        *r = seen->r;
  const int      n = r->n;
  const LbFused  plain = {.scale = 1};
  const LbSpace *space;
  LbVec          x, y, u, w;
  LbLiouville    adjoint;
  LbComplex     *rho, *want, *got, *other;
  PetscReal      f[8], scale = 0, left, right;
  char           text[256];
  int            sites[4] = {0, 1, 2, 3};

  PetscFunctionBegin;
  (void)report;
  if (c->density.comm == MPI_COMM_NULL) PetscFunctionReturn(PETSC_SUCCESS);
  space = LbLiouvilleSpace(c->density.l);
  PetscCall(LbVecCreate(space, &x));
  PetscCall(LbVecCreate(space, &y));
  PetscCall(LbVecCreate(space, &u));
  PetscCall(LbVecCreate(space, &w));
  PetscCall(PetscMalloc4(n * n, &rho, n * n, &want, n * n, &got, n * n, &other));
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) {
      rho[i * n + j]   = Uniform(r) - 0.5 + (i == j ? 0 : (Uniform(r) - 0.5) * LB_I);
      rho[j * n + i]   = conj(rho[i * n + j]);
      other[i * n + j] = Uniform(r) - 0.5 + (i == j ? 0 : (Uniform(r) - 0.5) * LB_I);
      other[j * n + i] = conj(other[i * n + j]);
    }
  DenseLindblad(r, rho, want);
  LbModelFactors(&c->model, 0.3, f);
  PetscCall(LbStateFromMatrix(space, &c->model, rho, &x));
  PetscCall(LbApply(c->density.l, f, &plain, &x, &y));
  PetscCall(LbStateMatrix(space, &c->model, &y, r->n_sites, sites, got));
  for (int e = 0; e < n * n; e++) scale = PetscMax(scale, cabs(want[e]));
  for (int e = 0; e < n * n; e++) seen->worst = PetscMax(seen->worst, cabs(got[e] - want[e]) / PetscMax(scale, 1));
  PetscCall(LbPurity(space, &x, &left));
  right = 0;
  for (int e = 0; e < n * n; e++) right += creal(rho[e] * conj(rho[e]));
  seen->purity = PetscMax(seen->purity, PetscAbsReal(left - right) / right);
  PetscCall(LbLiouvilleCreate(c->density.comm, &c->model, &c->parallel, PETSC_TRUE, text, &adjoint));
  PetscCall(LbStateFromMatrix(space, &c->model, other, &u));
  PetscCall(LbApply(adjoint, f, &plain, &u, &w));
  left  = Inner(space, &u, &y);
  right = Inner(space, &w, &x);
  seen->adjoint = PetscMax(seen->adjoint, PetscAbsReal(left - right) / PetscMax(1, PetscSqrtReal(Inner(space, &u, &u) * Inner(space, &y, &y))));
  PetscCall(LbFence(space));
  PetscCall(LbLiouvilleDestroy(&adjoint));
  PetscCall(LbVecDestroy(&x));
  PetscCall(LbVecDestroy(&y));
  PetscCall(LbVecDestroy(&u));
  PetscCall(LbVecDestroy(&w));
  PetscCall(PetscFree4(rho, want, got, other));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RandomModelsAgreeWithDenseMatrices(void)
{
  Random   r;
  Compared seen = {.r = &r};

  PetscFunctionBegin;
  for (int seed = 0; seed < 200; seed++) {
    const PetscReal before = seen.worst;

    RandomModel(&r, seed);
    PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, r.deck, CompareDense, &seen));
    if (seen.worst > 1e-12 && before <= 1e-12) printf("# seed %d:\n%s", seed, r.deck);
    free(r.h);
    for (int q = 0; q < r.n_jumps; q++) free(r.jump[q]);
  }
  TES_CHECK_AT_MOST(seen.worst, 1e-12);
  TES_CHECK_AT_MOST(seen.adjoint, 1e-13);
  TES_CHECK_AT_MOST(seen.purity, 1e-13);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- windows of larger systems ---- */

static PetscErrorCode CompareTerms(TesProblem problem, TesReport report, void *arg)
{
  Lindblad      *c = TesProblemCtx(problem);
  PetscReal     *worst = arg, f[8];
  const LbFused  fused = {.scale = 0.7, .shift = 0.2, .a = -0.3, .b = 0.4};
  const LbSpace *space;
  LbFused        full = fused;
  LbPauliTerms   terms;
  LbVec          x, y, x0;
  double        *want;

  PetscFunctionBegin;
  (void)report;
  if (c->density.comm == MPI_COMM_NULL) PetscFunctionReturn(PETSC_SUCCESS);
  space = LbLiouvilleSpace(c->density.l);
  PetscCall(LbVecCreate(space, &x));
  PetscCall(LbVecCreate(space, &y));
  PetscCall(LbVecCreate(space, &x0));
  full.x0 = &x0;
  for (PetscInt64 k = 0; k < space->part.n_local; k++) {
    double u[2], v[2];

    TesRandomUniform(5, TES_STREAM_TEST, (uint32_t)(space->part.first + k), 1, 0, u);
    TesRandomUniform(5, TES_STREAM_TEST, (uint32_t)(space->part.first + k), 2, 0, v);
    x.own[k]  = u[0] - 0.5;
    y.own[k]  = u[1] - 0.5;
    x0.own[k] = v[0] - 0.5;
  }
  PetscCall(LbFence(space));
  PetscCall(PetscMalloc1(space->n_entries, &want));
  for (PetscInt64 k = 0; k < space->n_entries; k++) want[k] = fused.a * y.all[k] + fused.b * x0.all[k] + fused.shift * x.all[k];
  PetscCall(LbPauliTermsCreate(&c->model, &terms));
  LbModelFactors(&c->model, 0.3, f);
  for (int t = 0; t < terms.n; t++) {
    const LbPauliTerm *term = &terms.term[t];
    const int          n2   = 1 << (2 * term->k);
    PetscInt64         mask = 0;

    for (int s = 0; s < term->k; s++) mask |= (PetscInt64)3 << (2 * term->site[s]);
    for (int e = 0; e < n2 * n2; e++) {
      PetscInt64 out = 0, in = 0;

      if (term->g[e] == 0) continue;
      for (int s = 0; s < term->k; s++) {
        out |= (PetscInt64)((e / n2 >> (2 * s)) & 3) << (2 * term->site[s]);
        in |= (PetscInt64)((e % n2 >> (2 * s)) & 3) << (2 * term->site[s]);
      }
      for (PetscInt64 rest = 0; rest < space->n_entries; rest = ((rest | mask) + 1) & ~mask) /* all codes of the other sites */
        want[rest | out] += fused.scale * f[term->time] * term->g[e] * x.all[rest | in];
    }
  }
  PetscCall(LbApply(c->density.l, f, &full, &x, &y));
  for (PetscInt64 k = 0; k < space->n_entries; k++) *worst = PetscMax(*worst, PetscAbsReal(want[k] - y.all[k]));
  PetscCall(LbFence(space));
  PetscCall(PetscFree(want));
  PetscCall(LbPauliTermsDestroy(&terms));
  PetscCall(LbVecDestroy(&x));
  PetscCall(LbVecDestroy(&y));
  PetscCall(LbVecDestroy(&x0));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* chain with next neighbours, a three-site term, a collective jump, a rate that depends on time */
static const char large[] = "problem: lindblad\nsystem: {sites: [{count: %d}], lattice: {kind: chain, periodic: true}}\n"
                            "hamiltonian:\n  - {ops: [X, Y], on: bonds, coeff: 0.3, hc: true}\n  - {ops: [Z, Z], on: pairs, coeff: 0.7, range: {power: 1.5}}\n"
                            "  - {ops: [X], on: sites, coeff: 0.5, time: {kind: ramp, from: 0, to: 1, start: 0, end: 1}}\n  - {ops: [X, Z, Y], on: [[0, 2, 5], [1, 3, 4]], coeff: 0.2}\n"
                            "jumps:\n  - {ops: [Sm], on: sites, rate: 0.4}\n  - {ops: [Z], on: [2], rate: 0.3, time: {kind: pulse, center: 0.2, width: 0.5}}\n"
                            "  - {sum: [{ops: [Sm], on: [0, 1, 4], coeff: [0.5, 0.2]}], rate: 0.3}\ntime: {end: 0}\n";

static PetscErrorCode WindowsAgreeWithTermsOneByOne(void)
{
  static const int sizes[] = {6, 7, 8, 10};
  PetscReal        worst = 0;
  char             deck[4096];

  PetscFunctionBegin;
  for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
    snprintf(deck, sizeof deck, large, sizes[k]);
    PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, CompareTerms, &worst));
  }
  TES_CHECK_AT_MOST(worst, 1e-13);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InstructionSetsAgree(void)
{
  static const char *const names[] = {"baseline", "x86-64-v3", "x86-64-v4"};
  PetscReal                worst = 0;
  char                     deck[4096];

  PetscFunctionBegin;
  snprintf(deck, sizeof deck, large, 7);
  for (int k = 0; k < 3; k++) {
    setenv("TES_ISA", names[k], 1);
    PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, CompareTerms, &worst));
  }
  unsetenv("TES_ISA");
  TES_CHECK_AT_MOST(worst, 1e-13);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- integrators ---- */

/* the dense matrix of L of three spins, exponentiated, against the run's state */
static PetscErrorCode CompareExponential(TesProblem problem, TesReport report, void *arg)
{
  Lindblad        *c = TesProblemCtx(problem);
  PetscReal       *worst = arg, f[8];
  const LbFused    plain = {.scale = 1};
  const LbSpace   *space;
  PetscReal       *l, *e;
  LbVec            x, y;
  const PetscInt   n = 64;

  PetscFunctionBegin;
  (void)report;
  if (c->density.comm == MPI_COMM_NULL) PetscFunctionReturn(PETSC_SUCCESS);
  space = LbLiouvilleSpace(c->density.l);
  PetscCall(PetscMalloc2(n * n, &l, n * n, &e));
  PetscCall(LbVecCreate(space, &x));
  PetscCall(LbVecCreate(space, &y));
  LbModelFactors(&c->model, 0, f);
  for (PetscInt j = 0; j < n; j++) {
    PetscCall(PetscArrayzero(x.own, space->part.n_local));
    if (j >= space->part.first && j < space->part.first + space->part.n_local) x.own[j - space->part.first] = 1;
    PetscCall(LbApply(c->density.l, f, &plain, &x, &y));
    for (PetscInt i = 0; i < n; i++) l[i * n + j] = c->time.end * y.all[i];
    PetscCall(LbFence(space));
  }
  PetscCall(TesExpm(n, l, e));
  for (PetscInt i = 0; i < n; i++) {
    PetscReal sum = 0;

    for (PetscInt j = 0; j < n; j++) { /* all up: entries with codes 0 and 3 are 1 */
      int up = 1;

      for (int s = 0; s < 3; s++) up &= ((j >> (2 * s)) & 3) == 0 || ((j >> (2 * s)) & 3) == 3;
      if (up) sum += e[i * n + j];
    }
    *worst = PetscMax(*worst, PetscAbsReal(sum - c->density.x.all[i]));
  }
  PetscCall(LbFence(space));
  PetscCall(PetscFree2(l, e));
  PetscCall(LbVecDestroy(&x));
  PetscCall(LbVecDestroy(&y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define THREE "problem: lindblad\nsystem: {sites: [{count: 3}], lattice: {kind: chain, periodic: true}}\n" \
              "hamiltonian:\n  - {ops: [Z, Z], on: bonds, coeff: 0.5}\n  - {ops: [X], on: sites, coeff: 1.2%s}\njumps:\n  - {ops: [Sm], on: sites, rate: 1.0}\n"

static PetscErrorCode ExponentialIntegratorsMeetTheirTolerance(void)
{
  static const char *const names[] = {"faber", "taylor", "krylov", "dp5", "lsrk4"};

  PetscFunctionBegin;
  for (int k = 0; k < 5; k++)
    for (int digits = 4; digits <= (k < 3 ? 13 : 9); digits += 3) {
      PetscReal worst = 0;
      char      deck[1024];

      snprintf(deck, sizeof deck, THREE "time: {end: 2, output_every: 2}\nintegrator: {kind: %s, rtol: 1e-%d, atol: 0}\n", "", names[k], digits);
      PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, CompareExponential, &worst));
      TES_CHECK_AT_MOST(worst, 10 * PetscPowRealInt(10, -digits));
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  double    x[64];
  PetscReal trace, smallest;
} Final;

static PetscErrorCode TakeState(TesProblem problem, TesReport report, void *arg)
{
  Lindblad *c = TesProblemCtx(problem);
  Final    *to = arg;

  PetscFunctionBegin;
  (void)report;
  if (c->density.comm != MPI_COMM_NULL) memcpy(to->x, c->density.x.all, sizeof to->x);
  to->trace    = c->density.trace;
  to->smallest = c->density.smallest;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FixedStepsConvergeWithTheirOrder(void)
{
  static const struct {
    const char *name;
    double      step, low, high;
  } rows[] = {
    {"lsrk4", 0.1, 3.8, 5}, {"dp5", 0.2, 4.8, 6.5}, {"strang", 0.05, 1.9, 2.1}, {"strang4", 0.1, 3.8, 5}, {"cfm4", 0.2, 3.8, 5},
  };
  const char *moving = ", time: {kind: sin, offset: 1, amp: 0.5, omega: 2}";
  Final       exact;
  char        deck[1024];

  PetscFunctionBegin;
  snprintf(deck, sizeof deck, THREE "time: {end: 1, output_every: 1}\nintegrator: {kind: dp5, rtol: 1e-14, atol: 0}\n", moving);
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, TakeState, &exact));
  for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
    PetscReal error[2] = {0, 0};

    for (int half = 0; half < 2; half++) {
      Final got;

      snprintf(deck, sizeof deck, THREE "time: {end: 1, output_every: 1}\nintegrator: {kind: %s, step: %g, rtol: 1e-12}\n", moving, rows[k].name, rows[k].step / (1 + half));
      PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, TakeState, &got));
      for (int i = 0; i < 64; i++) error[half] = PetscMax(error[half], PetscAbsReal(got.x[i] - exact.x[i]));
      TES_CHECK(got.trace == 1);
      if (!strcmp(rows[k].name, "strang")) TES_CHECK_AT_LEAST(got.smallest, -1e-14);
    }
    if (error[0] == 0) continue; /* an idle rank */
    TES_CHECK_AT_LEAST(PetscLog2Real(error[0] / error[1]), rows[k].low);
    TES_CHECK_AT_MOST(PetscLog2Real(error[0] / error[1]), rows[k].high);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(RandomModelsAgreeWithDenseMatrices),
  TES_TEST(WindowsAgreeWithTermsOneByOne),
  TES_TEST(InstructionSetsAgree),
  TES_TEST(ExponentialIntegratorsMeetTheirTolerance),
  TES_TEST(FixedStepsConvergeWithTheirOrder),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
