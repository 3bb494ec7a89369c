/* Global transposes and redistributions: every element names its global place, so where it arrives can be checked without a second algorithm. */
#include <tessera/fft.h>
#include <tessera/test.h>

static PetscReal Element(PetscInt64 i, PetscInt64 j, PetscInt64 k)
{
  return (PetscReal)((i * 1000 + j) * 10 + k);
}

static PetscErrorCode CheckTranspose(PetscInt64 n0, PetscInt64 n1, PetscInt64 width, PetscInt64 block0, PetscInt64 unit1, PetscInt64 limit)
{
  TesPartition rows, cols;
  PetscReal   *in, *out;
  PetscInt64   wrong = 0, total;

  PetscFunctionBegin;
  if (block0) PetscCall(TesPartitionCreateBlocks(PETSC_COMM_WORLD, n0, block0, &rows));
  else PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, n0, 1, &rows));
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, n1, unit1, &cols));
  PetscCall(PetscMalloc2(rows.n_local * n1 * width + 1, &in, cols.n_local * n0 * width + 1, &out));
  for (PetscInt64 i = 0; i < rows.n_local; i++)
    for (PetscInt64 j = 0; j < n1; j++)
      for (PetscInt64 k = 0; k < width; k++) in[(i * n1 + j) * width + k] = Element(rows.first + i, j, k);
  for (PetscInt64 i = 0; i < cols.n_local * n0 * width + 1; i++) out[i] = -1;
  if (limit) PetscCall(TesTransposePieces(PETSC_COMM_WORLD, &rows, &cols, width, in, out, limit));
  else PetscCall(TesTranspose(PETSC_COMM_WORLD, &rows, &cols, width, in, out));
  for (PetscInt64 j = 0; j < cols.n_local; j++)
    for (PetscInt64 i = 0; i < n0; i++)
      for (PetscInt64 k = 0; k < width; k++) wrong += out[(j * n0 + i) * width + k] != Element(i, cols.first + j, k);
  TES_CHECK_NEAR(out[cols.n_local * n0 * width], -1, 0); /* nothing past the end */
  PetscCallMPI(MPI_Allreduce(&wrong, &total, 1, MPIU_INT64, MPI_SUM, PETSC_COMM_WORLD));
  TES_CHECK_INT(total, 0);
  PetscCall(PetscFree2(in, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EveryElementArrivesAtItsTransposedPlace(void)
{
  PetscFunctionBegin;
  PetscCall(CheckTranspose(64, 48, 1, 0, 1, 0));
  PetscCall(CheckTranspose(37, 53, 1, 0, 1, 0)); /* uneven, past the tiles */
  PetscCall(CheckTranspose(37, 53, 3, 0, 4, 0)); /* units of 4 columns */
  PetscCall(CheckTranspose(5, 200, 2, 0, 1, 0));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EmptyRanksTakePart(void)
{
  PetscFunctionBegin;
  PetscCall(CheckTranspose(1, 1, 1, 0, 1, 0));
  PetscCall(CheckTranspose(2, 30, 2, 0, 1, 0));
  PetscCall(CheckTranspose(30, 2, 2, 0, 1, 0));
  PetscCall(CheckTranspose(10, 12, 1, 10, 1, 0)); /* all rows on rank 0 */
  PetscCall(CheckTranspose(10, 12, 1, 10, 12, 0)); /* and all columns */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MessagesInPiecesGiveTheSame(void)
{
  PetscFunctionBegin;
  PetscCall(CheckTranspose(37, 53, 3, 0, 1, 1)); /* one number per message */
  PetscCall(CheckTranspose(37, 53, 3, 0, 1, 7)); /* pieces that cut elements */
  PetscCall(CheckTranspose(37, 53, 3, 0, 1, 1000));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckRedistribute(const TesPartition *from, const TesPartition *to, PetscInt64 width, PetscInt64 limit)
{
  PetscReal *in, *out;
  PetscInt64 wrong = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(from->n_local * width + 1, &in, to->n_local * width + 1, &out));
  for (PetscInt64 i = 0; i < from->n_local; i++)
    for (PetscInt64 k = 0; k < width; k++) in[i * width + k] = Element(from->first + i, 0, k);
  for (PetscInt64 i = 0; i <= to->n_local * width; i++) out[i] = -1;
  if (limit) PetscCall(TesRedistributePieces(PETSC_COMM_WORLD, from, to, width, in, out, limit));
  else PetscCall(TesRedistribute(PETSC_COMM_WORLD, from, to, width, in, out));
  for (PetscInt64 i = 0; i < to->n_local; i++)
    for (PetscInt64 k = 0; k < width; k++) wrong += out[i * width + k] != Element(to->first + i, 0, k);
  TES_CHECK_INT(wrong, 0);
  TES_CHECK_NEAR(out[to->n_local * width], -1, 0);
  PetscCall(PetscFree2(in, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RowsMoveBetweenAnyTwoPartitions(void)
{
  static const PetscInt64 sizes[] = {0, 1, 3, 29, 100};

  PetscFunctionBegin;
  for (int s = 0; s < 5; s++) {
    TesPartition parts[4];
    int          size;

    PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
    PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, sizes[s], 1, &parts[0]));
    PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, sizes[s], 8, &parts[1]));
    PetscCall(TesPartitionCreateBlocks(PETSC_COMM_WORLD, sizes[s], PetscMax(1, (sizes[s] + size - 1) / size), &parts[2]));
    PetscCall(TesPartitionCreateBlocks(PETSC_COMM_WORLD, sizes[s], PetscMax(1, sizes[s]), &parts[3]));
    for (int a = 0; a < 4; a++)
      for (int b = 0; b < 4; b++) {
        PetscCall(CheckRedistribute(&parts[a], &parts[b], 3, 0));
        PetscCall(CheckRedistribute(&parts[a], &parts[b], 5, 4));
      }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PartitionsOfDifferentSizeAreRefused(void)
{
  TesPartition a, b;
  PetscReal    x[8] = {0}, y[8];

  PetscFunctionBegin;
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, 4, 1, &a));
  PetscCall(TesPartitionCreate(PETSC_COMM_WORLD, 5, 1, &b));
  TES_CHECK_FAILS(TesRedistribute(PETSC_COMM_WORLD, &a, &b, 1, x, y), PETSC_ERR_ARG_INCOMP);
  TES_CHECK_FAILS(TesTransposePieces(PETSC_COMM_WORLD, &a, &b, 1, x, y, 0), PETSC_ERR_ARG_OUTOFRANGE);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(EveryElementArrivesAtItsTransposedPlace),
  TES_TEST(EmptyRanksTakePart),
  TES_TEST(MessagesInPiecesGiveTheSame),
  TES_TEST(RowsMoveBetweenAnyTwoPartitions),
  TES_TEST(PartitionsOfDifferentSizeAreRefused),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
