/* Steady states: every method against the null vector of a dense matrix, preconditioners against the maps that they invert. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tessera/driver.h>
#include <tessera/io.h>
#include <tessera/linalg.h>
#include <tessera/test.h>
#include "../../../src/problems/lindblad/lindblad.h"
#include "../../../src/problems/lindblad/steady.h"
#include "models.h"
#include "random_model.h"

extern const TesProblemKind TesProblemLindblad;

/* rho with L rho = 0 and Tr rho = 1 by elimination: n^2 complex unknowns, the equation of the first diagonal entry (the sum of the others) replaced by the trace */
static PetscErrorCode NullVector(const Random *r, Z *rho)
{
  const int  n = r->n, d = n * n;
  PetscReal *a, *b;
  Z         *unit, *image;

  PetscFunctionBegin;
  PetscCall(PetscCalloc4(4 * d * d, &a, 2 * d, &b, d, &unit, d, &image));
  for (int j = 0; j < d; j++) {
    memset(unit, 0, (size_t)d * sizeof *unit);
    unit[j] = 1;
    DenseLindblad(n, r->h, r->n_jumps, r->jump, unit, image);
    for (int i = 0; i < d; i++) {
      const Z e = i ? image[i] : j % (n + 1) == 0;

      a[i * 2 * d + j] = a[(d + i) * 2 * d + d + j] = creal(e);
      a[(d + i) * 2 * d + j]                        = cimag(e);
      a[i * 2 * d + d + j]                          = -cimag(e);
    }
  }
  b[0] = 1;
  PetscCall(TesLUSolve(2 * d, 1, a, b));
  for (int e = 0; e < d; e++) rho[e] = b[e] + IM * b[d + e];
  PetscCall(PetscFree4(a, b, unit, image));
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  Random     *r;
  Z           want[144];
  PetscReal   worst, residual, applications;
  const char *method;
} Found;

static PetscErrorCode CompareNullVector(TesProblem problem, TesReport report, void *arg)
{
  Lindblad *c    = TesProblemCtx(problem);
  Found    *f    = arg;
  const int sites[4] = {0, 1, 2, 3};
  LbComplex got[144];
  PetscBool found;

  PetscFunctionBegin;
  PetscCall(TesReportFind(report, "relative_residual", &found, &f->residual));
  PetscCall(TesReportFind(report, "applications", &found, &f->applications));
  if (c->density.comm == MPI_COMM_NULL) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbStateMatrix(LbLiouvilleSpace(c->density.l), &c->model, &c->density.x, f->r->n_sites, sites, got));
  for (int e = 0; e < f->r->n * f->r->n; e++) f->worst = PetscMax(f->worst, cabs(got[e] - f->want[e]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* random couplings; a generic jump operator on each site alone makes the steady state unique */
static PetscErrorCode EveryMethodFindsTheNullVector(void)
{
  static const struct {
    const char *method, *iteration;
  } how[] = {{"auto", "auto"}, {"secular", "fgmres"}, {"secular", "idr"}, {"kronecker", "idr"}, {"kronecker", "fgmres"}, {"gcrot", "auto"}, {"idr", "auto"}, {"propagate", "auto"}};
  int n_models = 0;

  PetscFunctionBegin;
  for (int seed = 300; n_models < 6; seed++) {
    Random r;
    Found  f = {.r = &r};
    size_t length;

    RandomModel(&r, seed, 1);
    if (r.n > 12 || r.n < 6) {
      RandomFree(&r);
      continue;
    }
    n_models++;
    for (int m = 0; m < r.n_sites; m++) {
      Z op[1][16];

      memcpy(op[0], r.user[r.dim[m]], sizeof op[0]);
      Say(&r, "  - {ops: [U%d], on: [%d], rate: 2}\n", r.dim[m], m);
      AddKron(&r, sqrt(2), 1, &m, op, RandomJumpMatrix(&r));
    }
    PetscCall(NullVector(&r, f.want));
    length = strlen(r.deck);
    for (size_t k = 0; k < sizeof how / sizeof how[0]; k++) {
      r.deck[length] = 0;
      Say(&r, "task: steady\nsteady: {rtol: 1e-12, method: %s, iteration: %s}\nparallel: {transport: %s}\n", how[k].method, how[k].iteration, n_models % 2 ? "messages" : "auto");
      f.worst = 0;
      PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemLindblad, r.deck, CompareNullVector, &f));
      if (f.worst > 1e-10) printf("# seed %d, %s %s: %g\n%s", seed, how[k].method, how[k].iteration, f.worst, r.deck);
      TES_CHECK_AT_MOST(f.worst, 1e-10); /* residual 1e-12 over a smallest singular value above 0.01 */
      TES_CHECK_AT_MOST(f.residual, 1e-12);
    }
    RandomFree(&r);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the secular map of three spins, written out with the eigenvectors of H: M rho back through LbSecularApply is rho */
static PetscErrorCode SecularSolveInvertsTheSecularMap(void)
{
  PetscFunctionBegin;
  for (int complex_h = 0; complex_h < 2; complex_h++) {
    enum { N = 8 };
    const char *const zz[] = {"Z", "Z"}, *const x[] = {"X"}, *const y[] = {"Y"}, *const lower[] = {"Sm"}, *const xy[] = {"X", "Y"};
    const int         all[3] = {0, 1, 2};
    const PetscReal   f[1] = {1};
    LbModel           model;
    LbLiouville       l;
    LbSecular         s;
    LbVec             r, z;
    Random            random = {.seed = 5 + complex_h};
    Z                 h[64] = {0}, jump[3][64] = {{0}}, u[64], rho[64], turned[64], t[64], back[64], image[64], got[64], adjoint[64];
    PetscReal         energy[N], re[64], im[64] = {0}, worst = 0, trace = 0, gout[N] = {0};
    char              problem[256];
    PetscBool         usable;
    MPI_Comm          comm;
    int               rank;

    PetscCall(ModelBegin(3, NULL, 12, 3, &model));
    for (int m = 0; m < 3; m++) {
      const int bond[2] = {m, (m + 1) % 3}, one[1] = {m};

      PetscCall(ModelTerm(&model, 0.5 + 0.1 * m, 2, zz, bond)); /* no degenerate levels: the secular map is then this one in any eigenbasis */
      PetscCall(ModelTerm(&model, 1.1 + 0.2 * m, 1, x, one));
      if (complex_h) PetscCall(ModelTerm(&model, 0.3 - 0.2 * m, 1, y, one));
      if (complex_h) PetscCall(ModelTerm(&model, 0.25, 2, xy, bond));
      PetscCall(ModelJump(&model, m, 0.4 + 0.3 * m, 1, 1, lower, one));
    }
    for (int k = 0; k < model.n_terms; k++) LbScatter(&model, model.term[k].coef, &model.term[k].p, h);
    for (int k = 0; k < 3; k++) LbScatter(&model, 1, &model.jump[k].part[0].p, jump[k]);
    PetscCall(LbHermitianEigen(N, h, energy, re, complex_h ? im : NULL));
    for (int e = 0; e < 64; e++) u[e] = re[e] + IM * im[e];
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) adjoint[i * N + j] = conj(u[j * N + i]);
    for (int k = 0; k < 3; k++) { /* J~ = U+ J U */
      Multiply(N, adjoint, jump[k], t);
      Multiply(N, t, u, jump[k]);
    }
    RandomHermitian(&random, N, rho);
    for (int i = 0; i < N; i++) trace += creal(rho[i * N + i]);
    for (int i = 0; i < N; i++) rho[i * N + i] -= trace / N;
    Multiply(N, adjoint, rho, t);
    Multiply(N, t, u, turned);
    for (int k = 0; k < 3; k++)
      for (int a = 0; a < N; a++)
        for (int c = 0; c < N; c++) gout[a] += model.jump[k].rate * creal(jump[k][c * N + a] * conj(jump[k][c * N + a]));
    for (int a = 0; a < N; a++)
      for (int b = 0; b < N; b++) {
        Z sum = 0;

        if (a == b) {
          for (int k = 0; k < 3; k++)
            for (int c = 0; c < N; c++) sum += model.jump[k].rate * creal(jump[k][a * N + c] * conj(jump[k][a * N + c])) * turned[c * N + c];
          image[a * N + a] = sum - gout[a] * turned[a * N + a];
        } else {
          for (int k = 0; k < 3; k++) sum += model.jump[k].rate * jump[k][a * N + a] * conj(jump[k][b * N + b]);
          image[a * N + b] = (sum - IM * (energy[a] - energy[b]) - 0.5 * (gout[a] + gout[b])) * turned[a * N + b];
        }
      }
    Multiply(N, u, image, t);
    Multiply(N, t, adjoint, back);
    PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
    PetscCallMPI(MPI_Comm_split(PETSC_COMM_WORLD, rank, 0, &comm));
    PetscCall(LbLiouvilleCreate(comm, &model, NULL, PETSC_FALSE, problem, &l));
    PetscCall(LbSecularCreate(LbLiouvilleSpace(l), &model, f, &usable, &s));
    TES_CHECK(usable);
    PetscCall(LbVecCreate(LbLiouvilleSpace(l), &r));
    PetscCall(LbVecCreate(LbLiouvilleSpace(l), &z));
    PetscCall(LbStateFromMatrix(LbLiouvilleSpace(l), &model, back, &r));
    PetscCall(LbSecularApply(s, &r, &z));
    PetscCall(LbStateMatrix(LbLiouvilleSpace(l), &model, &z, 3, all, got));
    for (int e = 0; e < 64; e++) worst = PetscMax(worst, cabs(got[e] - rho[e]));
    TES_CHECK_AT_MOST(worst, 1e-11);
    PetscCall(LbVecDestroy(&r));
    PetscCall(LbVecDestroy(&z));
    PetscCall(LbSecularDestroy(&s));
    PetscCall(LbLiouvilleDestroy(&l));
    PetscCall(LbModelDestroy(&model));
    PetscCallMPI(MPI_Comm_free(&comm));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* without couplings L is the sum of the single sites: M^-1 L rho = rho. Seven spins: tiles of the low sites, higher ones, and sites spread over the ranks by memory and by messages; three sites of other dimensions; at an exceptional point
   the map is moved by a millionth */
static PetscErrorCode SiteSolveInvertsUncoupledSites(void)
{
  static const struct {
    int         n, dim[3];
    LbTransport transport;
    PetscBool   exceptional;
    PetscReal   tolerance;
  } rows[] = {{1, {2}, LB_TRANSPORT_AUTO, PETSC_FALSE, 1e-12}, {2, {2, 2}, LB_TRANSPORT_AUTO, PETSC_FALSE, 1e-12}, {3, {2, 2, 2}, LB_TRANSPORT_AUTO, PETSC_FALSE, 1e-12},
              {7, {2}, LB_TRANSPORT_AUTO, PETSC_FALSE, 1e-11}, {7, {2}, LB_TRANSPORT_MESSAGES, PETSC_FALSE, 1e-11}, {8, {2}, LB_TRANSPORT_MESSAGES, PETSC_FALSE, 1e-11}, {9, {2}, LB_TRANSPORT_AUTO, PETSC_FALSE, 1e-11},
              {3, {3, 2, 4}, LB_TRANSPORT_AUTO, PETSC_FALSE, 1e-11}, {3, {3, 2, 4}, LB_TRANSPORT_MESSAGES, PETSC_FALSE, 1e-11}, {3, {2, 2, 2}, LB_TRANSPORT_AUTO, PETSC_TRUE, 1e-4}};

  PetscFunctionBegin;
  for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
    const char *const lower[] = {"a"}, *const raise[] = {"ad"}, *const number[] = {"n"};
    const PetscReal   f[1] = {1};
    const LbFused     plain = {.scale = 1};
    const LbParallel  parallel = {.transport = rows[k].transport};
    int               dims[9], size, working, rank;
    LbModel           model;
    LbLiouville       l;
    const LbSpace    *space;
    LbKronecker       m;
    LbVec             x, y, z, start;
    PetscReal         worst, trace, most;
    char              problem[256];
    PetscBool         usable;
    MPI_Comm          comm;

    for (int i = 0; i < rows[k].n; i++) dims[i] = rows[k].dim[rows[k].n <= 3 ? i : 0];
    PetscCall(ModelBegin(rows[k].n, dims, 4 * rows[k].n, 3 * rows[k].n, &model));
    for (int i = 0; i < rows[k].n; i++) {
      const int       site[1] = {i};
      const PetscReal rate    = rows[k].exceptional ? 4 : 0.7 + 0.1 * i; /* (h = 1, detuning 0, rate 4): the Bloch vector is critically damped */
      const Z         field   = rows[k].exceptional ? 0.5 : 0.3 + 0.1 * i + 0.2 * IM;

      PetscCall(ModelTerm(&model, field, 1, lower, site));
      PetscCall(ModelTerm(&model, conj(field), 1, raise, site));
      if (!rows[k].exceptional) PetscCall(ModelTerm(&model, 0.4 - 0.1 * i, 1, number, site));
      PetscCall(ModelJump(&model, model.n_jumps, rate, 1, 1, lower, site));
      if (!rows[k].exceptional) PetscCall(ModelJump(&model, model.n_jumps, 0.2, 1, 1, number, site));
    }
    PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
    PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
    working = LbLiouvilleRanks(&model, size);
    PetscCallMPI(MPI_Comm_split(PETSC_COMM_WORLD, rank < working ? 0 : MPI_UNDEFINED, rank, &comm));
    if (comm != MPI_COMM_NULL) {
      const PetscReal *seed;

      PetscCall(LbLiouvilleCreate(comm, &model, &parallel, PETSC_FALSE, problem, &l));
      space = LbLiouvilleSpace(l);
      PetscCall(LbKroneckerCreate(space, &model, f, &usable, &m));
      TES_CHECK(usable);
      PetscCall(LbVecCreate(space, &x));
      PetscCall(LbVecCreate(space, &y));
      PetscCall(LbVecCreate(space, &z));
      PetscCall(LbVecCreate(space, &start));
      for (PetscInt64 e = 0; e < space->part.n_local; e++) {
        double u[2];

        TesRandomUniform(9, TES_STREAM_TEST, (uint32_t)(space->part.first + e), 3, 0, u);
        x.own[e] = u[0] - 0.5;
      }
      PetscCall(LbFence(space));
      PetscCall(LbSiteProductState(space, &model, f, &start));
      PetscCall(LbTrace(space, &start, &trace));
      TES_CHECK_NEAR(trace, 1, 1e-12);
      PetscCall(LbApply(l, f, &plain, &start, &y)); /* the product of the steady states is steady */
      seed = y.own;
      most = 0;
      for (PetscInt64 e = 0; e < space->part.n_local; e++) most = PetscMax(most, PetscAbsReal(seed[e]));
      TES_CHECK_AT_MOST(most, rows[k].exceptional ? 1e-4 : 1e-12);
      PetscCall(LbTrace(space, &x, &trace)); /* traceless */
      PetscCall(LbFence(space));
      {
        const LbVec *v[2] = {&x, &start};
        const double w[2] = {1, -trace};

        PetscCall(LbCombine(space, 2, w, v, &x));
      }
      PetscCall(LbApply(l, f, &plain, &x, &y));
      PetscCall(LbKroneckerApply(m, &y, &z));
      {
        const LbVec *v[2] = {&x, &z};
        const double w[2] = {1, -1};

        PetscCall(LbMaxCombine(space, 2, w, v, &worst));
      }
      TES_CHECK_AT_MOST(worst, rows[k].tolerance);
      PetscCall(LbKroneckerDestroy(&m));
      PetscCall(LbVecDestroy(&x));
      PetscCall(LbVecDestroy(&y));
      PetscCall(LbVecDestroy(&z));
      PetscCall(LbVecDestroy(&start));
      PetscCall(LbLiouvilleDestroy(&l));
      PetscCallMPI(MPI_Comm_free(&comm));
    }
    PetscCall(LbModelDestroy(&model));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(EveryMethodFindsTheNullVector),
  TES_TEST(SecularSolveInvertsTheSecularMap),
  TES_TEST(SiteSolveInvertsUncoupledSites),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
