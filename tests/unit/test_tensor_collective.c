/* Collective operations on the tape: <J v, u> = <v, J' u> with both inner products summed over all ranks, on tensors of different values and sizes on each rank. */
#include <math.h>
#include <tessera/random.h>
#include <tessera/tensor_ops.h>
#include <tessera/test.h>

static int rank, size;

static PetscErrorCode Start(TesTape *tape)
{
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  PetscCall(TesTapeCreate(NULL, NULL, tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* random values of this rank */
static PetscErrorCode Random(TesTape tape, PetscInt rows, PetscInt width, PetscInt which, TesTensor *x)
{
  TesDraw draw = {.seed = 1000 + rank, .counter = which};

  PetscFunctionBegin;
  PetscCall(TesRandomTensor(tape, TES_F64, TES_SHAPE(rows, width), PETSC_TRUE, &draw, x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AllDot(TesTensor a, TesTensor b, PetscReal *sum)
{
  const double *x = TesTensorData(a), *y = TesTensorData(b);
  PetscReal     s = 0;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < TesTensorSize(a); i++) s += x[i] * y[i];
  PetscCallMPI(MPI_Allreduce(&s, sum, 1, MPIU_REAL, MPI_SUM, PETSC_COMM_WORLD));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* for a linear map y = J x whose value at x is given: <y, u> = <x, J' u>; and the same of J' by differentiating again */
static PetscErrorCode DotTest(TesTensor x, TesTensor y, TesTensor u)
{
  TesTensor g, gg, v;
  PetscReal left, right, norm;

  PetscFunctionBegin;
  PetscCall(TesTensorVariable(u));
  PetscCall(TesGradients(y, u, 1, &x, PETSC_TRUE, &g)); /* J' u, recorded */
  PetscCall(AllDot(y, u, &left));
  PetscCall(AllDot(x, g, &right));
  PetscCall(AllDot(y, y, &norm));
  TES_CHECK_NEAR(left, right, 1e-12 * (1 + norm));
  PetscCall(TesDetach(x, &v));
  PetscCall(TesGradients(g, v, 1, &u, PETSC_FALSE, &gg)); /* its adjoint in u, at v = x, is J x */
  PetscCall(TesSubtract(gg, y, &gg));
  PetscCall(AllDot(gg, gg, &right));
  TES_CHECK_AT_MOST(sqrt(right), 1e-12 * (1 + sqrt(norm)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode BroadcastAndItsAdjoint(void)
{
  TesTape   tape;
  TesTensor x, y, u;

  PetscFunctionBegin;
  PetscCall(Start(&tape));
  PetscCall(Random(tape, 5, 3, 0, &x));
  PetscCall(TesTensorVariable(x));
  PetscCall(TesBroadcast(PETSC_COMM_WORLD, size - 1, x, &y));
  PetscCall(Random(tape, 5, 3, 1, &u));
  PetscCall(DotTest(x, y, u));
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SumToAllAndItsAdjoint(void)
{
  TesTape   tape;
  TesTensor x, y, u;

  PetscFunctionBegin;
  PetscCall(Start(&tape));
  PetscCall(Random(tape, 4, 3, 0, &x));
  PetscCall(TesTensorVariable(x));
  PetscCall(TesAllreduceSum(PETSC_COMM_WORLD, x, &y));
  PetscCall(Random(tape, 4, 3, 1, &u));
  PetscCall(DotTest(x, y, u));
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* L = (sum over ranks of |x_r|^2)^2, the same on every rank and counted once: dL/dx_r = 4 (sum) x_r */
static PetscErrorCode ReplicatedSumCountsTheLossOnce(void)
{
  TesTape   tape;
  TesTensor x, s, g;
  PetscReal sum, v[6], d[6];

  PetscFunctionBegin;
  PetscCall(Start(&tape));
  PetscCall(Random(tape, 2, 3, 0, &x));
  PetscCall(TesTensorVariable(x));
  PetscCall(TesDot(x, x, &s));
  PetscCall(TesReplicatedSum(PETSC_COMM_WORLD, s, &s));
  PetscCall(TesTensorScalar(s, &sum));
  PetscCall(TesAct(TES_ACT_SQUARE, s, &s));
  PetscCall(TesGradients(s, NULL, 1, &x, PETSC_FALSE, &g));
  PetscCall(TesTensorGet(x, v));
  PetscCall(TesTensorGet(g, d));
  for (int i = 0; i < 6; i++) TES_CHECK_NEAR(d[i], 4 * sum * v[i], 1e-12 * sum);
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AllgatherOfUnevenRowsAndItsAdjoint(void)
{
  TesTape   tape;
  TesTensor x, y, u;

  PetscFunctionBegin;
  PetscCall(Start(&tape));
  PetscCall(Random(tape, rank % 3, 2, 0, &x)); /* 0, 1, 2, 0, ... rows */
  PetscCall(TesTensorVariable(x));
  PetscCall(TesAllgatherRows(PETSC_COMM_WORLD, x, &y));
  PetscCall(Random(tape, TesTensorShape(y)[0], 2, 1, &u));
  PetscCall(DotTest(x, y, u));
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a ring: the first two rows to the right neighbour, the last one (again) to the left */
static PetscErrorCode RowExchangeAndItsAdjoint(void)
{
  const PetscInt rows = 4;
  TesTape        tape;
  TesTensor      x, y, u;
  PetscReal      v[40];
  PetscMPIInt    neighbour[2];
  const PetscInt first[] = {0, 2, 3}, list[] = {0, 1, 1}, receive[] = {1, 2};
  TesRowPattern  p = {PETSC_COMM_WORLD, 2, neighbour, first, list, receive};

  PetscFunctionBegin;
  PetscCall(Start(&tape));
  if (size < 3) p.n = 0; /* with two ranks both neighbours are one: the pattern names a rank once */
  neighbour[0] = (rank + 1) % size;
  neighbour[1] = (rank + size - 1) % size;
  PetscCall(Random(tape, rows, 2, 0, &x));
  PetscCall(TesTensorVariable(x));
  PetscCall(TesRowExchange(&p, x, &y));
  TES_CHECK_INT(TesTensorShape(y)[0], p.n ? rows + 3 : rows);
  if (p.n) { /* ghosts are the neighbours' rows: one from the right, two from the left */
    PetscReal other[8];
    TesTensor z;
    TesDraw   draw = {.seed = 1000 + neighbour[1]};

    PetscCall(TesRandomTensor(tape, TES_F64, TES_SHAPE(rows, 2), PETSC_TRUE, &draw, &z));
    PetscCall(TesTensorGet(z, other));
    PetscCall(TesTensorGet(y, v));
    for (int i = 0; i < 4; i++) TES_CHECK_NEAR(v[2 * (rows + 1) + i], other[i], 0);
  }
  PetscCall(Random(tape, TesTensorShape(y)[0], 2, 1, &u));
  PetscCall(DotTest(x, y, u));
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the sum is made in rank order on whoever makes it: every rank has the same bits */
static PetscErrorCode SumsHaveTheSameBitsOnAllRanks(void)
{
  TesTape   tape;
  TesTensor x, y;
  PetscReal v[33], root[33];

  PetscFunctionBegin;
  PetscCall(Start(&tape));
  PetscCall(Random(tape, 11, 3, 0, &x));
  PetscCall(TesAllreduceSum(PETSC_COMM_WORLD, x, &y));
  PetscCall(TesTensorGet(y, v));
  PetscCall(TesTensorGet(y, root));
  PetscCallMPI(MPI_Bcast(root, 33, MPIU_REAL, 0, PETSC_COMM_WORLD));
  for (int i = 0; i < 33; i++) TES_CHECK(v[i] == root[i]);
  PetscCall(TesTapeDestroy(&tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(BroadcastAndItsAdjoint),
  TES_TEST(SumToAllAndItsAdjoint),
  TES_TEST(ReplicatedSumCountsTheLossOnce),
  TES_TEST(AllgatherOfUnevenRowsAndItsAdjoint),
  TES_TEST(RowExchangeAndItsAdjoint),
  TES_TEST(SumsHaveTheSameBitsOnAllRanks),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
