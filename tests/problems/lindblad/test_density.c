/* The Liouvillian against matrices built here: 200 random models from random decks against dense Kronecker products (random_model.h), the ket-bra form against the product basis of Hermitian matrices, the windows of larger systems
   term by term, messages against shared memory, instruction sets against each other, the adjoint. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/driver.h>
#include <tessera/random.h>
#include <tessera/test.h>
#include "../../../src/problems/lindblad/lindblad.h"
#include "../../../src/problems/lindblad/pauli.h"
#include "models.h"
#include "random_model.h"

extern const TesProblemKind TesProblemLindblad;

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
  PetscReal      f[16], scale = 0, left, right, uu, yy;
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
  RandomHermitian(r, n, rho);
  RandomHermitian(r, n, other);
  DenseLindblad(n, r->h, r->n_jumps, r->jump, rho, want);
  LbModelFactors(&c->model, RANDOM_TIME, f);
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
  int      powers = 0, moving = 0, collective = 0, wide = 0, user = 0, lists = 0;

  PetscFunctionBegin;
  for (int seed = 0; seed < 200; seed++) {
    const PetscReal before = seen.worst;

    RandomModel(&r, seed, 0);
    Say(&r, "time: {end: 0}\nparallel: {transport: %s}\n", seed / 2 % 2 ? "messages" : "auto");
    powers += r.n_powers;
    moving += r.n_moving;
    collective += r.n_collective;
    wide += r.n_wide;
    user += r.n_user;
    lists += r.n_lists;
    PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, r.deck, CompareDense, &seen));
    if (seen.worst > 1e-12 && before <= 1e-12) printf("# seed %d:\n%s", seed, r.deck);
    RandomFree(&r);
  }
  /* the draws do contain what they are meant to */
  TES_CHECK_AT_LEAST(powers, 20);
  TES_CHECK_AT_LEAST(moving, 100);
  TES_CHECK_AT_LEAST(collective, 20);
  TES_CHECK_AT_LEAST(wide, 20);
  TES_CHECK_AT_LEAST(user, 50);
  TES_CHECK_AT_LEAST(lists, 20);
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

/* ---- the ket-bra form against the product basis of Hermitian matrices ---- */

enum { D = 3, D2 = D * D };

/* the a-th of an orthonormal basis of Hermitian 3 x 3 matrices */
static void HermitianUnit(int a, Z m[D2])
{
  static const int pair[3][2] = {{0, 1}, {0, 2}, {1, 2}};

  memset(m, 0, D2 * sizeof *m);
  if (a < D) m[a * D + a] = 1;
  else {
    const int *p = pair[(a - D) / 2], imaginary = (a - D) % 2;

    m[p[0] * D + p[1]] = imaginary ? -IM * M_SQRT1_2 : M_SQRT1_2;
    m[p[1] * D + p[0]] = imaginary ? IM * M_SQRT1_2 : M_SQRT1_2;
  }
}

/* real matrix Tr(B_a f(B_b)) of f(X) = s (l X r+ + r X l+), or with `minus` of -i s (l X r+ - r X l+) */
static void SiteMap(int minus, double s, const Z *l, const Z *r, double g[D2][D2])
{
  Z a[D2], b[D2], x[D2], t[D2], u[D2], adjoint[D2];

  for (int col = 0; col < D2; col++) {
    HermitianUnit(col, x);
    memset(u, 0, sizeof u);
    for (int swap = 0; swap < 2; swap++) {
      const Z *left = swap ? r : l, *right = swap ? l : r;

      for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++) adjoint[i * D + j] = conj(right[j * D + i]);
      Multiply(D, left, x, a);
      Multiply(D, a, adjoint, t);
      for (int e = 0; e < D2; e++) u[e] += (minus ? -IM * (swap ? -1 : 1) : 1) * s * t[e];
    }
    for (int row = 0; row < D2; row++) {
      double sum = 0;

      HermitianUnit(row, b);
      for (int e = 0; e < D2; e++) sum += creal(conj(b[e]) * u[e]);
      g[row][col] = sum;
    }
  }
}

/* y += c (first (x) second) x on two sites, site 0 fastest */
static void AddPair(double c, double first[D2][D2], double second[D2][D2], const double *x, double *y)
{
  for (int i = 0; i < D2 * D2; i++)
    for (int j = 0; j < D2 * D2; j++) y[i] += c * first[i % D2][j % D2] * second[i / D2][j / D2] * x[j];
}

/* two modes of three levels: H = (c ad (x) a + h.c.) + 0.4 (n (x) n) + (z a + h.c.) on the first; loss of the second, a collective jump of both */
static PetscErrorCode KetbraFormAgreesWithTheHermitianProductBasis(void)
{
  const int         dims[2] = {D, D}, both[2] = {0, 1}, second[1] = {1};
  const char *const hop[] = {"ad", "a"}, *const back[] = {"a", "ad"}, *const nn[] = {"n", "n"}, *const lower[] = {"a"}, *const raise[] = {"ad"}, *const number[] = {"n"};
  Z                 one[D2] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, a[D2] = {0, 1, 0, 0, 0, M_SQRT2}, ad[D2] = {0, 0, 0, 1, 0, 0, 0, M_SQRT2}, n[D2] = {0, 0, 0, 0, 1, 0, 0, 0, 2};
  Z                 p[D2], q[D2];
  const LbFused     plain = {.scale = 1};
  Random            r     = {.seed = 77};
  PetscReal         worst = 0;

  PetscFunctionBegin;
  for (int e = 0; e < D2; e++) { /* a = p + i q with Hermitian p, q */
    p[e] = 0.5 * (a[e] + ad[e]);
    q[e] = -0.5 * IM * (a[e] - ad[e]);
  }
  for (int complex_h = 0; complex_h < 2; complex_h++) {
    const Z        c = complex_h ? 0.7 + 0.3 * IM : 0.7, z = complex_h ? 0.2 - 0.5 * IM : 0.2, part = 0.6 - 0.8 * IM;
    LbModel        model;
    LbLiouville    l;
    const LbSpace *space;
    LbVec          x, y;
    LbComplex      rho[D2 * D2], got[D2 * D2];
    double         in[D2 * D2], want[D2 * D2] = {0}, s[4][D2][D2], k[4][D2][D2], id[D2][D2], f[1] = {1};
    Z             *op[4] = {p, q, n, one};
    char           problem[256];
    int            size;
    MPI_Comm       comm;

    PetscCall(ModelBegin(2, dims, 8, 3, &model));
    PetscCall(ModelTerm(&model, c, 2, hop, both));
    PetscCall(ModelTerm(&model, conj(c), 2, back, both));
    PetscCall(ModelTerm(&model, 0.4, 2, nn, both));
    PetscCall(ModelTerm(&model, z, 1, lower, both));
    PetscCall(ModelTerm(&model, conj(z), 1, raise, both));
    PetscCall(ModelJump(&model, 0, 0.3, 1, 1, lower, second));
    PetscCall(ModelJump(&model, 1, 0.5, 1, 1, lower, both));
    PetscCall(ModelJump(&model, 1, 0.5, part, 1, number, second));
    PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &size));
    PetscCallMPI(MPI_Comm_split(PETSC_COMM_WORLD, size, 0, &comm)); /* the map of each rank alone */
    PetscCall(LbLiouvilleCreate(comm, &model, NULL, PETSC_FALSE, problem, &l));
    TES_CHECK(!problem[0]);
    space = LbLiouvilleSpace(l);
    PetscCall(LbVecCreate(space, &x));
    PetscCall(LbVecCreate(space, &y));
    RandomHermitian(&r, D2, rho);
    for (int g = 0; g < D2 * D2; g++) { /* coefficients Tr(B_a (x) B_b rho) */
      Z b0[D2], b1[D2], sum = 0;

      HermitianUnit(g % D2, b0);
      HermitianUnit(g / D2, b1);
      for (int i = 0; i < D2; i++)
        for (int j = 0; j < D2; j++) sum += b0[(i % D) * D + j % D] * b1[(i / D) * D + j / D] * rho[j * D2 + i];
      in[g] = creal(sum);
    }
    /* S_A X = (A X + X A)/2, C_A X = -i (A X - X A) of the Hermitian operators p, q, n, 1 */
    for (int o = 0; o < 4; o++) {
      SiteMap(0, 0.5, op[o], one, s[o]);
      SiteMap(1, 1, op[o], one, k[o]);
    }
    SiteMap(0, 0.5, one, one, id);
    {
      const double u = creal(c), v = cimag(c);
      /* c ad a' + h.c. = 2 u (p p' + q q') + 2 v (q p' - p q'): ad = p - i q, a' = p' + i q' */
      const struct { double w; int first, second; } h[] = {{2 * u, 0, 0}, {2 * u, 1, 1}, {-2 * v, 0, 1}, {2 * v, 1, 0}, {0.4, 2, 2}};

      for (int t = 0; t < 5; t++) { /* -i [A (x) B, .] = S_A C_B + C_A S_B */
        AddPair(h[t].w, s[h[t].first], k[h[t].second], in, want);
        AddPair(h[t].w, k[h[t].first], s[h[t].second], in, want);
      }
      AddPair(2 * creal(z), k[0], id, in, want); /* z a + h.c. = 2 Re z p - 2 Im z q */
      AddPair(-2 * cimag(z), k[1], id, in, want);
    }
    {
      double jump[D2][D2], square[D2][D2], anti[D2][D2];

      /* loss of the second: a X a+ - {n, X}/2 */
      SiteMap(0, 0.5, a, a, jump);
      AddPair(0.3, id, jump, in, want);
      AddPair(-0.3, id, s[2], in, want);
      /* J = a (x) 1 + part 1 (x) n: both alone, then the cross terms J1 X J2+ + J2 X J1+ - {J2+ J1 + J1+ J2, X}/2, J1 = a, J2 = part n' */
      AddPair(0.5, jump, id, in, want);
      AddPair(-0.5, s[2], id, in, want);
      {
        Z n2[D2];

        Multiply(D, n, n, n2);
        SiteMap(0, 0.5, n, n, square);
        SiteMap(0, 0.5, n2, one, anti);
        AddPair(0.5, id, square, in, want);
        AddPair(-0.5, id, anti, in, want);
      }
      /* a X n' conj(part) + h.c.: with w = conj(part) and the maps L_a X = a X, R_n' X = X n' on different sites, a = p + i q. L_p = S_p + i/2 C_p, R_n' = S_n' - i/2 C_n'; the real part of w (L_p + i L_q) R_n' taken twice */
      for (int g = 0; g < 2; g++) {
        const Z w = (g ? IM : 1) * conj(part);

        AddPair(0.5 * 2 * creal(w), s[g], s[2], in, want);            /* S S */
        AddPair(0.5 * 2 * creal(w) * 0.25, k[g], k[2], in, want);     /* (i/2)(-i/2) = 1/4 */
        AddPair(-0.5 * 2 * cimag(w) * 0.5, k[g], s[2], in, want);     /* Re(w i/2) = -Im w / 2 */
        AddPair(0.5 * 2 * cimag(w) * 0.5, s[g], k[2], in, want);      /* Re(-w i/2) = Im w / 2 */
      }
      /* K = J2+ J1 + J1+ J2 = conj(part) a n' + h.c. = 2 Re(w) p n' - 2 Im(w) q n'; {A (x) B, X}/2 = S S - C C / 4 */
      for (int g = 0; g < 2; g++) {
        const double w = g ? -2 * cimag(conj(part)) : 2 * creal(conj(part));

        AddPair(-0.5 * w, s[g], s[2], in, want);
        AddPair(0.5 * w * 0.25, k[g], k[2], in, want);
      }
    }
    PetscCall(LbStateFromMatrix(space, &model, rho, &x));
    PetscCall(LbApply(l, f, &plain, &x, &y));
    PetscCall(LbStateMatrix(space, &model, &y, 2, both, got));
    for (int g = 0; g < D2 * D2; g++) {
      Z b0[D2], b1[D2], sum = 0;

      HermitianUnit(g % D2, b0);
      HermitianUnit(g / D2, b1);
      for (int i = 0; i < D2; i++)
        for (int j = 0; j < D2; j++) sum += b0[(i % D) * D + j % D] * b1[(i / D) * D + j / D] * got[j * D2 + i];
      worst = PetscMax(worst, PetscAbsReal(creal(sum) - want[g]));
    }
    PetscCall(LbVecDestroy(&x));
    PetscCall(LbVecDestroy(&y));
    PetscCall(LbLiouvilleDestroy(&l));
    PetscCall(LbModelDestroy(&model));
    PetscCallMPI(MPI_Comm_free(&comm));
  }
  TES_CHECK_AT_MOST(worst, 1e-13);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(RandomModelsAgreeWithDenseMatrices),
  TES_TEST(KetbraFormAgreesWithTheHermitianProductBasis),
  TES_TEST(WindowsAgreeWithTermsOneByOne),
  TES_TEST(MessagesAgreeWithTermsOneByOne),
  TES_TEST(MessagesGiveTheBitsOfSharedMemory),
  TES_TEST(InstructionSetsAgree),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
