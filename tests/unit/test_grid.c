/* Grids: node sets and their quadrature weights against exact integrals, slabs, references. */
#include <math.h>
#include <tessera/grid.h>
#include <tessera/test.h>

#define EPS PETSC_MACHINE_EPSILON

/* largest error of the rule for x^k on [a, b], k = 0..degree, relative to the integral of |x|^k bound max^k L */
static PetscErrorCode WorstMonomial(TesNodes kind, PetscInt64 n, PetscReal a, PetscReal b, PetscInt degree, PetscReal *worst)
{
  PetscReal *x, *w;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(n, &x, n, &w));
  PetscCall(TesGridNodes(kind, PETSC_FALSE, n, a, b, x, w));
  *worst = 0;
  for (PetscInt k = 0; k <= degree; k++) {
    const PetscReal scale = pow(PetscMax(fabs(a), fabs(b)), k) * (b - a), exact = (pow(b, k + 1) - pow(a, k + 1)) / (k + 1);
    PetscReal       sum = 0;

    for (PetscInt64 i = 0; i < n; i++) sum += w[i] * pow(x[i], k);
    *worst = PetscMax(*worst, fabs(sum - exact) / scale);
  }
  PetscCall(PetscFree2(x, w));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ClenshawCurtisIsExactUpToItsDegree(void)
{
  PetscReal worst;

  PetscFunctionBegin;
  for (PetscInt n = 2; n <= 40; n++) {
    PetscCall(WorstMonomial(TES_NODES_CHEBYSHEV, n, -0.7, 1.9, n - 1, &worst));
    TES_CHECK_AT_MOST(worst, 8 * EPS); /* n terms of the size of the result, each rounded */
  }
  /* and not beyond: an even degree n on n points (n odd) has an error of its own; 3 points and x^4 on [-1, 1]: 1/3 + 1/3 against 2/5 */
  PetscCall(WorstMonomial(TES_NODES_CHEBYSHEV, 3, -1, 1, 4, &worst));
  TES_CHECK_NEAR(worst, (2.0 / 3 - 2.0 / 5) / 2, 4 * EPS);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ChebyshevNodesAreSymmetricAndMeetBothEnds(void)
{
  enum { N = 33 };
  PetscReal x[N], worst = 0;

  PetscFunctionBegin;
  PetscCall(TesGridNodes(TES_NODES_CHEBYSHEV, PETSC_FALSE, N, 1, 3, x, NULL));
  TES_CHECK(x[0] == 1 && x[N - 1] == 3 && x[N / 2] == 2);
  for (int i = 0; i < N; i++) {
    worst = PetscMax(worst, fabs(x[i] + x[N - 1 - i] - 4));
    worst = PetscMax(worst, fabs(x[i] - (2 - cos(PETSC_PI * i / (N - 1)))));
    if (i) TES_CHECK(x[i] > x[i - 1]);
  }
  TES_CHECK_AT_MOST(worst, 4 * EPS);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TrapezoidAndMidpointConvergeWithOrderTwo(void)
{
  static const TesNodes kinds[] = {TES_NODES_UNIFORM, TES_NODES_CELLS};

  PetscFunctionBegin;
  for (int k = 0; k < 2; k++) {
    PetscReal error[2];

    for (int level = 0; level < 2; level++) {
      const PetscInt64 n = level ? 129 : 65;
      PetscReal        x[129], w[129], sum = 0;

      PetscCall(TesGridNodes(kinds[k], PETSC_FALSE, n, 0, 1, x, w));
      for (PetscInt64 i = 0; i < n; i++) sum += w[i] * exp(x[i]);
      error[level] = fabs(sum - (exp(1) - 1));
    }
    TES_CHECK_AT_LEAST(log2(error[0] / error[1]), 1.95);
    TES_CHECK_AT_MOST(log2(error[0] / error[1]), 2.05);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PeriodicTrapezoidIsExactForModes(void)
{
  enum { N = 16 };
  PetscReal x[N], w[N], worst = 0;

  PetscFunctionBegin;
  PetscCall(TesGridNodes(TES_NODES_UNIFORM, PETSC_TRUE, N, -1, 1, x, w));
  TES_CHECK_NEAR(x[N - 1], 1 - 2.0 / N, EPS);
  for (int mode = 0; mode < N; mode++) {
    PetscReal sum = 0;

    for (int i = 0; i < N; i++) sum += w[i] * cos(PETSC_PI * mode * x[i]);
    worst = PetscMax(worst, fabs(sum - (mode ? 0 : 2)));
  }
  TES_CHECK_AT_MOST(worst, 32 * EPS); /* arguments up to 16 pi carry 50 eps / 2 each, averaged over the nodes */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode UniformNodesMeetBothEnds(void)
{
  PetscReal x[50], w[50], sum = 0;

  PetscFunctionBegin;
  PetscCall(TesGridNodes(TES_NODES_UNIFORM, PETSC_FALSE, 50, 0.1, 0.7, x, w));
  TES_CHECK(x[0] == 0.1 && x[49] == 0.7);
  for (int i = 0; i < 50; i++) sum += w[i];
  TES_CHECK_NEAR(sum, 0.6, 8 * EPS);
  TES_CHECK_NEAR(x[7], 0.1 + 0.6 * 7 / 49, 2 * EPS);
  PetscCall(TesGridNodes(TES_NODES_CELLS, PETSC_FALSE, 1, 0, 2, x, w));
  TES_CHECK_NEAR(x[0], 1, 0);
  TES_CHECK_NEAR(w[0], 2, 0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ImpossibleNodeSetsAreRefused(void)
{
  PetscReal   x[4];
  TesGrid     grid = NULL;
  TesGridSpec spec = {.dim = 4};

  PetscFunctionBegin;
  TES_CHECK_FAILS(TesGridNodes(TES_NODES_UNIFORM, PETSC_FALSE, 1, 0, 1, x, NULL), PETSC_ERR_ARG_OUTOFRANGE);
  TES_CHECK_FAILS(TesGridNodes(TES_NODES_CHEBYSHEV, PETSC_FALSE, 1, 0, 1, x, NULL), PETSC_ERR_ARG_OUTOFRANGE);
  TES_CHECK_FAILS(TesGridNodes(TES_NODES_CELLS, PETSC_FALSE, 0, 0, 1, x, NULL), PETSC_ERR_ARG_OUTOFRANGE);
  TES_CHECK_FAILS(TesGridNodes(TES_NODES_UNIFORM, PETSC_FALSE, 4, 1, 1, x, NULL), PETSC_ERR_ARG_OUTOFRANGE);
  TES_CHECK_FAILS(TesGridNodes(TES_NODES_CHEBYSHEV, PETSC_TRUE, 4, 0, 1, x, NULL), PETSC_ERR_ARG_INCOMP);
  TES_CHECK_FAILS(TesGridCreate(PETSC_COMM_WORLD, &spec, &grid), PETSC_ERR_ARG_OUTOFRANGE);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SlabsCoverTheGridInWholeUnits(void)
{
  const TesGridSpec   spec = {.dim = 3, .n = {4, 3, 10}, .upper = {1, 1, 1}, .unit = 4, .components = 2};
  TesGrid             grid, same;
  const TesPartition *part;
  PetscInt64          all, local;

  PetscFunctionBegin;
  PetscCall(TesGridCreate(PETSC_COMM_WORLD, &spec, &grid));
  part = TesGridGetPartition(grid);
  TES_CHECK(part->first % 4 == 0 || part->first == 10);
  local = TesGridLocalSize(grid);
  TES_CHECK_INT(local, part->n_local * 4 * 3 * 2);
  PetscCallMPI(MPI_Allreduce(&local, &all, 1, MPIU_INT64, MPI_SUM, TesGridComm(grid)));
  TES_CHECK_INT(all, 240);
  TES_CHECK_NEAR(TesGridGetCoordinates(grid, 2)[9], 1, 0);
  TES_CHECK_NEAR(TesGridGetWeights(grid, 1)[0], 0.25, EPS);
  same = grid;
  PetscCall(TesGridReference(grid));
  PetscCall(TesGridDestroy(&grid));
  TES_CHECK(grid == NULL);
  TES_CHECK_INT(TesGridGetSpec(same)->components, 2);
  PetscCall(TesGridDestroy(&same));
  PetscCall(TesGridDestroy(&same));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(ClenshawCurtisIsExactUpToItsDegree),
  TES_TEST(ChebyshevNodesAreSymmetricAndMeetBothEnds),
  TES_TEST(TrapezoidAndMidpointConvergeWithOrderTwo),
  TES_TEST(PeriodicTrapezoidIsExactForModes),
  TES_TEST(UniformNodesMeetBothEnds),
  TES_TEST(ImpossibleNodeSetsAreRefused),
  TES_TEST(SlabsCoverTheGridInWholeUnits),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
