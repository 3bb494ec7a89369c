/* All-to-all movements of distributed arrays: rows from one partition to another, and global transposes.

   Messages are cut in pieces of at most `limit` reals, as MPI-3 counts are 32-bit (MPI_Alltoallv's displacements too, which is why it is not used:
   the local part of an array may pass 2^31 reals). Rows go straight from array to array, without packing.

   The transpose exchanges with one partner at a time (round s: send to rank + s, receive from rank - s): the buffers hold the block of one partner
   only, not the whole array again. What is sent is packed transposed, in tiles that fit the first cache level, and what arrives is then copied line by line.
   Data sent: the local part once. */
#include "fft_impl.h"

#define EXCHANGE_TAG   472
#define EXCHANGE_LIMIT ((PetscInt64)1 << 27) /* reals per message: 1 GiB */
#define TILE           16                    /* 16 x 16 reals: 2 KB read and 2 KB written */

/* a message to or from one rank, in pieces; requests NULL: only count them */
static PetscErrorCode Post(MPI_Comm comm, PetscBool send, PetscReal *data, PetscInt64 n, int rank, PetscInt64 limit, MPI_Request *requests, PetscInt *n_requests)
{
  PetscFunctionBegin;
  for (PetscInt64 at = 0; at < n; at += limit) {
    const int m = (int)PetscMin(limit, n - at);

    if (requests && send) PetscCallMPI(MPI_Isend(data + at, m, MPIU_REAL, rank, EXCHANGE_TAG, comm, &requests[*n_requests]));
    if (requests && !send) PetscCallMPI(MPI_Irecv(data + at, m, MPIU_REAL, rank, EXCHANGE_TAG, comm, &requests[*n_requests]));
    (*n_requests)++;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the rows that this rank has in `mine` and another rank has in `theirs` */
static PetscInt64 Overlap(const TesPartition *mine, const TesPartition *theirs, int rank, PetscInt64 *first)
{
  PetscInt64 begin, n, end;

  TesPartitionRange(theirs, rank, &begin, &n);
  end    = PetscMin(begin + n, mine->first + mine->n_local);
  *first = PetscMax(begin, mine->first);
  return PetscMax(0, end - *first);
}

static PetscErrorCode PostRows(MPI_Comm comm, PetscBool send, const TesPartition *mine, const TesPartition *theirs, PetscInt64 width, PetscReal *data, PetscInt64 limit,
                               MPI_Request *requests, PetscInt *n_requests)
{
  PetscFunctionBegin;
  for (int s = 1; s < mine->size; s++) {
    const int        rank = (mine->rank + s) % mine->size; /* not all to rank 0 first */
    PetscInt64       first;
    const PetscInt64 n = Overlap(mine, theirs, rank, &first);

    if (n) PetscCall(Post(comm, send, data + (first - mine->first) * width, n * width, rank, limit, requests, n_requests));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesRedistributePieces(MPI_Comm comm, const TesPartition *from, const TesPartition *to, PetscInt64 width, const PetscReal *in, PetscReal *out, PetscInt64 limit)
{
  PetscReal   *source = (PetscReal *)in; /* MPI_Isend takes const, our common routine for both directions does not; it is only read */
  PetscInt     total = 0, n = 0;
  PetscInt64   first, own;
  MPI_Request *requests;

  PetscFunctionBegin;
  PetscCheck(from->n == to->n, comm, PETSC_ERR_ARG_INCOMP, "partitions of %" PetscInt64_FMT " and of %" PetscInt64_FMT " rows", from->n, to->n);
  PetscCheck(limit >= 1 && limit <= PETSC_MPI_INT_MAX, comm, PETSC_ERR_ARG_OUTOFRANGE, "messages of at most %" PetscInt64_FMT " reals", limit);
  PetscCall(PostRows(comm, PETSC_FALSE, to, from, width, out, limit, NULL, &total));
  PetscCall(PostRows(comm, PETSC_TRUE, from, to, width, source, limit, NULL, &total));
  PetscCall(PetscMalloc1(total, &requests));
  PetscCall(PostRows(comm, PETSC_FALSE, to, from, width, out, limit, requests, &n));
  PetscCall(PostRows(comm, PETSC_TRUE, from, to, width, source, limit, requests, &n));
  own = Overlap(from, to, from->rank, &first);
  PetscCall(PetscArraycpy(out + (first - to->first) * width, in + (first - from->first) * width, own * width));
  PetscCallMPI(MPI_Waitall(n, requests, MPI_STATUSES_IGNORE));
  PetscCall(PetscFree(requests));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesRedistribute(MPI_Comm comm, const TesPartition *from, const TesPartition *to, PetscInt64 width, const PetscReal *in, PetscReal *out)
{
  PetscFunctionBegin;
  PetscCall(TesRedistributePieces(comm, from, to, width, in, out, EXCHANGE_LIMIT));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* to[c][r][:] = from[r][c][:] for r < nr, c < nc; lines of `from` are from_line reals apart, those of `to` to_line */
static void TransposeBlock(PetscInt64 nr, PetscInt64 nc, PetscInt64 width, const PetscReal *from, PetscInt64 from_line, PetscReal *to, PetscInt64 to_line)
{
  for (PetscInt64 r0 = 0; r0 < nr; r0 += TILE)
    for (PetscInt64 c0 = 0; c0 < nc; c0 += TILE) {
      const PetscInt64 r1 = PetscMin(nr, r0 + TILE), c1 = PetscMin(nc, c0 + TILE);

      for (PetscInt64 c = c0; c < c1; c++)
        for (PetscInt64 r = r0; r < r1; r++)
          for (PetscInt64 k = 0; k < width; k++) to[c * to_line + r * width + k] = from[r * from_line + c * width + k];
    }
}

static PetscInt64 LargestBlock(const TesPartition *part)
{
  PetscInt64 largest = 0;

  for (int rank = 0; rank < part->size; rank++) {
    PetscInt64 first, n;

    TesPartitionRange(part, rank, &first, &n);
    largest = PetscMax(largest, n);
  }
  return largest;
}

/* one round: our block for `dest` out, the block of `source` in */
static PetscErrorCode TransposeRound(MPI_Comm comm, const TesPartition *rows, const TesPartition *cols, PetscInt64 width, int dest, int source, const PetscReal *in, PetscReal *out,
                                     PetscReal *packed, PetscReal *arrived, PetscInt64 limit)
{
  PetscInt64   c0, nc, r0, nr, outgoing, incoming;
  PetscInt     total = 0, n = 0;
  MPI_Request *requests;

  PetscFunctionBegin;
  TesPartitionRange(cols, dest, &c0, &nc);
  TesPartitionRange(rows, source, &r0, &nr);
  outgoing = rows->n_local * nc * width;
  incoming = nr * cols->n_local * width;
  PetscCall(Post(comm, PETSC_FALSE, arrived, incoming, source, limit, NULL, &total));
  PetscCall(Post(comm, PETSC_TRUE, packed, outgoing, dest, limit, NULL, &total));
  PetscCall(PetscMalloc1(total, &requests));
  PetscCall(Post(comm, PETSC_FALSE, arrived, incoming, source, limit, requests, &n));
  if (outgoing) TransposeBlock(rows->n_local, nc, width, in + c0 * width, cols->n * width, packed, rows->n_local * width);
  PetscCall(Post(comm, PETSC_TRUE, packed, outgoing, dest, limit, requests, &n));
  PetscCallMPI(MPI_Waitall(n, requests, MPI_STATUSES_IGNORE));
  PetscCall(PetscFree(requests));
  for (PetscInt64 c = 0; incoming && c < cols->n_local; c++) PetscCall(PetscArraycpy(out + (c * rows->n + r0) * width, arrived + c * nr * width, nr * width));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTransposePieces(MPI_Comm comm, const TesPartition *rows, const TesPartition *cols, PetscInt64 width, const PetscReal *in, PetscReal *out, PetscInt64 limit)
{
  const int  rank = rows->rank, size = rows->size;
  PetscReal *packed, *arrived;

  PetscFunctionBegin;
  PetscCheck(limit >= 1 && limit <= PETSC_MPI_INT_MAX, comm, PETSC_ERR_ARG_OUTOFRANGE, "messages of at most %" PetscInt64_FMT " reals", limit);
  if (rows->n_local && cols->n_local)
    TransposeBlock(rows->n_local, cols->n_local, width, in + cols->first * width, cols->n * width, out + rows->first * width, rows->n * width);
  if (size > 1) {
    PetscCall(PetscMalloc1((size_t)(rows->n_local * LargestBlock(cols) * width), &packed));
    PetscCall(PetscMalloc1((size_t)(LargestBlock(rows) * cols->n_local * width), &arrived));
    for (int s = 1; s < size; s++)
      PetscCall(TransposeRound(comm, rows, cols, width, (rank + s) % size, (rank + size - s) % size, in, out, packed, arrived, limit));
    PetscCall(PetscFree(packed));
    PetscCall(PetscFree(arrived));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTranspose(MPI_Comm comm, const TesPartition *rows, const TesPartition *cols, PetscInt64 width, const PetscReal *in, PetscReal *out)
{
  PetscFunctionBegin;
  PetscCall(TesTransposePieces(comm, rows, cols, width, in, out, EXCHANGE_LIMIT));
  PetscFunctionReturn(PETSC_SUCCESS);
}
