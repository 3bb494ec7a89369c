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
  Say(r, "time: {end: 0}\nparallel: {transport: %s}\n", seed / 2 % 2 ? "messages" : "auto");
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

/* a whole vector on every rank */
static PetscErrorCode Whole(const LbSpace *space, const LbVec *x, PetscReal **all)
{
  PetscFunctionBegin;
  PetscCall(PetscMalloc1(space->n_entries, all));
  PetscCall(LbFetch(space, x, space->n_entries, NULL, *all));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Tr(A L[B]) = Tr(L+[A] B): inner product of the layouts: Pauli entries alike, ket-bra entries off the diagonal twice */
static PetscErrorCode Inner(const LbSpace *space, const LbVec *x, const LbVec *y, PetscReal *sum)
{
  PetscReal *a, *b;

  PetscFunctionBegin;
  PetscCall(Whole(space, x, &a));
  PetscCall(Whole(space, y, &b));
  *sum = 0;
  for (PetscInt64 k = 0; k < space->n_entries; k++) *sum += (space->pauli || k / space->n == k % space->n ? 1 : 2) * a[k] * b[k];
  PetscCall(PetscFree(a));
  PetscCall(PetscFree(b));
  PetscFunctionReturn(PETSC_SUCCESS);
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
  PetscReal      f[8], scale = 0, left, right, uu, yy;
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
  PetscCall(Inner(space, &u, &y, &left));
  PetscCall(Inner(space, &w, &x, &right));
  PetscCall(Inner(space, &u, &u, &uu));
  PetscCall(Inner(space, &y, &y, &yy));
  seen->adjoint = PetscMax(seen->adjoint, PetscAbsReal(left - right) / PetscMax(1, PetscSqrtReal(uu * yy)));
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
  PetscReal     *want, *xs, *ys, *x0s;

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
  PetscCall(Whole(space, &x, &xs));
  PetscCall(Whole(space, &y, &ys));
  PetscCall(Whole(space, &x0, &x0s));
  for (PetscInt64 k = 0; k < space->n_entries; k++) want[k] = fused.a * ys[k] + fused.b * x0s[k] + fused.shift * xs[k];
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
        want[rest | out] += fused.scale * f[term->time] * term->g[e] * xs[rest | in];
    }
  }
  PetscCall(LbApply(c->density.l, f, &full, &x, &y));
  PetscCall(LbFetch(space, &y, space->n_entries, NULL, ys));
  for (PetscInt64 k = 0; k < space->n_entries; k++) *worst = PetscMax(*worst, PetscAbsReal(want[k] - ys[k]));
  PetscCall(LbFence(space));
  PetscCall(PetscFree(want));
  PetscCall(PetscFree(xs));
  PetscCall(PetscFree(ys));
  PetscCall(PetscFree(x0s));
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
                            "  - {sum: [{ops: [Sm], on: [0, 1, 4], coeff: [0.5, 0.2]}], rate: 0.3}\ntime: {end: 0}\n%s";

static PetscErrorCode WindowsAgreeWithTermsOneByOne(void)
{
  static const int sizes[] = {6, 7, 8, 10};
  PetscReal        worst = 0;
  char             deck[4096];

  PetscFunctionBegin;
  for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
    snprintf(deck, sizeof deck, large, sizes[k], "");
    PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, CompareTerms, &worst));
  }
  TES_CHECK_AT_MOST(worst, 1e-13);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* by messages too, with chunks of one tile and of many */
static PetscErrorCode MessagesAgreeWithTermsOneByOne(void)
{
  static const struct {
    int         sites;
    const char *parallel;
  } rows[] = {
    {3, "{transport: messages}"}, {6, "{transport: exchange}"}, {9, "{transport: exchange}"}, {10, "{transport: exchange, buffer: 0.001}"}, {10, "{transport: remap, buffer: 0.001}"}, {10, "{transport: remap}"},
  };
  char deck[4096], parallel[128];

  PetscFunctionBegin;
  for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
    PetscReal worst = 0;

    snprintf(parallel, sizeof parallel, "parallel: %s\n", rows[k].parallel);
    if (rows[k].sites > 3) snprintf(deck, sizeof deck, large, rows[k].sites, parallel);
    else snprintf(deck, sizeof deck, "problem: lindblad\nsystem: {sites: [{count: 3}], lattice: {kind: chain}}\nhamiltonian: [{ops: [X, Y], on: bonds, coeff: 0.3}]\njumps: [{ops: [Sm], on: sites, rate: 0.4}]\ntime: {end: 0}\n%s", parallel);
    PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, CompareTerms, &worst));
    TES_CHECK_AT_MOST(worst, 1e-13);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  PetscReal  *first; /* what shared memory gave */
  PetscInt64  n;
  PetscBool   same;
  PetscReal   sent, estimate;
  PetscInt64  entries; /* that this rank holds of a vector */
} Bits;

/* fused applications to a random vector */
static PetscErrorCode TakeBits(TesProblem problem, TesReport report, void *arg)
{
  Lindblad      *c = TesProblemCtx(problem);
  Bits          *bits = arg;
  const LbSpace *space;
  LbVec          x, y;
  LbFused        fused = {.scale = 0.7, .shift = 0.2, .a = -0.3, .b = 0.4, .x0 = &x};
  PetscReal      f[8], *all;
  LbTraffic      before, traffic;

  PetscFunctionBegin;
  (void)report;
  if (c->density.comm == MPI_COMM_NULL) PetscFunctionReturn(PETSC_SUCCESS);
  space = LbLiouvilleSpace(c->density.l);
  PetscCall(LbVecCreate(space, &x));
  PetscCall(LbVecCreate(space, &y));
  for (PetscInt64 k = 0; k < space->part.n_local; k++) {
    double u[2];

    TesRandomUniform(6, TES_STREAM_TEST, (uint32_t)(space->part.first + k), 1, 0, u);
    x.own[k] = u[0] - 0.5;
    y.own[k] = u[1] - 0.5;
  }
  LbModelFactors(&c->model, 0.3, f);
  PetscCall(LbLiouvilleTraffic(c->density.l, &before));
  for (int k = 0; k < 2; k++) {
    PetscCall(LbApply(c->density.l, f, &fused, &x, &y));
    PetscCall(LbApply(c->density.l, f, &fused, &y, &x));
  }
  PetscCall(LbLiouvilleTraffic(c->density.l, &traffic));
  bits->sent = (traffic.so_far - before.so_far) / 4;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &bits->sent, 1, MPIU_REAL, MPI_MAX, c->density.comm));
  PetscCall(LbTrafficEstimate(&c->model, &c->parallel, space->size, &traffic));
  bits->estimate = traffic.chosen;
  bits->entries  = space->messages ? space->part.n_local : space->n_entries;
  PetscCall(Whole(space, &x, &all));
  if (!bits->first) {
    bits->first = all;
    bits->n     = space->n_entries;
  } else {
    bits->same = !memcmp(all, bits->first, (size_t)bits->n * sizeof *all) ? PETSC_TRUE : PETSC_FALSE;
    PetscCall(PetscFree(all));
  }
  PetscCall(LbVecDestroy(&x));
  PetscCall(LbVecDestroy(&y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* messages or memory: the same bits; what is sent is what the estimate says; no rank holds more than its part */
static PetscErrorCode MessagesGiveTheBitsOfSharedMemory(void)
{
  static const char *const ways[] = {"auto", "messages", "exchange", "remap"};
  const char *bosons = "problem: lindblad\nsystem: {sites: [{dim: 3}, {dim: 2}, {dim: 4}]}\nhamiltonian:\n  - {ops: [ad, a], on: [[0, 2]], coeff: [0.4, 0.3], hc: true}\n  - {ops: [X, n], on: [[1, 2]]}\n"
                       "jumps:\n  - {ops: [a], on: [2], rate: 0.3}\n  - {sum: [{ops: [a], on: [0]}, {ops: [Sm], on: [1], coeff: [0.2, 0.3]}], rate: 0.4}\ntime: {end: 0}\nparallel: {transport: %s}\n";
  char deck[4096], parallel[64];
  int  size;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  for (int model = 0; model < 3; model++) {
    Bits bits = {0};

    for (int way = 0; way < (model == 2 ? 2 : 4); way++) {
      snprintf(parallel, sizeof parallel, "parallel: {transport: %s}\n", ways[way]);
      if (model == 2) snprintf(deck, sizeof deck, bosons, ways[way]);
      else snprintf(deck, sizeof deck, large, model ? 10 : 7, parallel);
      bits.sent = bits.estimate = 0;
      PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, deck, TakeBits, &bits));
      if (!way || !bits.first) continue;
      TES_CHECK(bits.same);
      TES_CHECK_AT_MOST(bits.entries * size, model == 2 ? 24 * 24 + 24 * size : bits.n);
      /* the sum over the ranks of what is sent is that of what is received; the largest of either differ where ranks differ */
      TES_CHECK_AT_MOST(bits.sent, (size > 1 ? 1.5 : 0) * bits.estimate);
      TES_CHECK_AT_LEAST(bits.sent, 0.7 * bits.estimate);
    }
    PetscCall(PetscFree(bits.first));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InstructionSetsAgree(void)
{
  static const char *const names[] = {"baseline", "x86-64-v3", "x86-64-v4"};
  PetscReal                worst = 0;
  char                     deck[4096];

  PetscFunctionBegin;
  snprintf(deck, sizeof deck, large, 7, "");
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
  PetscReal       *l, *e, column[64];
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
    PetscCall(LbFetch(space, &y, n, NULL, column));
    for (PetscInt i = 0; i < n; i++) l[i * n + j] = c->time.end * column[i];
    PetscCall(LbFence(space));
  }
  PetscCall(TesExpm(n, l, e));
  PetscCall(LbFetch(space, &c->density.x, n, NULL, column));
  for (PetscInt i = 0; i < n; i++) {
    PetscReal sum = 0;

    for (PetscInt j = 0; j < n; j++) { /* all up: entries with codes 0 and 3 are 1 */
      int up = 1;

      for (int s = 0; s < 3; s++) up &= ((j >> (2 * s)) & 3) == 0 || ((j >> (2 * s)) & 3) == 3;
      if (up) sum += e[i * n + j];
    }
    *worst = PetscMax(*worst, PetscAbsReal(sum - column[i]));
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

      snprintf(deck, sizeof deck, THREE "time: {end: 2, output_every: 2}\nintegrator: {kind: %s, rtol: 1e-%d, atol: 0}\nparallel: {transport: %s}\n", "", names[k], digits, digits == 7 ? "messages" : "auto");
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
  if (c->density.comm != MPI_COMM_NULL) PetscCall(LbFetch(LbLiouvilleSpace(c->density.l), &c->density.x, 64, NULL, to->x));
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

      snprintf(deck, sizeof deck, THREE "time: {end: 1, output_every: 1}\nintegrator: {kind: %s, step: %g, rtol: 1e-12}\nparallel: {transport: %s}\n", moving, rows[k].name, rows[k].step / (1 + half), half ? "messages" : "auto");
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
  TES_TEST(MessagesAgreeWithTermsOneByOne),
  TES_TEST(MessagesGiveTheBitsOfSharedMemory),
  TES_TEST(InstructionSetsAgree),
  TES_TEST(ExponentialIntegratorsMeetTheirTolerance),
  TES_TEST(FixedStepsConvergeWithTheirOrder),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
