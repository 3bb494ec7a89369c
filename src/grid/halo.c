/* Rows of the neighbouring slabs, by messages between their owners.

   Every rank can work out from the partition alone which rows any other rank asks for, so both sides list the same messages in the same order
   and nothing is negotiated. A request is cut where the owner changes or a periodic dimension wraps around; with wide halos and small or empty slabs
   the owner may be several ranks away, or the rank itself. Data sent: 2 width rows per rank. The list of all ranks' requests is walked in
   O(ranks) steps of a few integer operations. */
#include "grid_impl.h"

#define HALO_TAG 471

/* rows [row, row + n) of the grid, owned by `owner`, for place `at` of the buffer */
typedef struct {
  int        owner;
  PetscInt64 row, n, at;
} HaloPiece;

/* the piece of a request of `width` rows from `start` on (not wrapped) that begins with row start + at; owner -1: outside of the grid */
static HaloPiece NextPiece(const TesPartition *part, PetscBool periodic, PetscInt64 start, PetscInt64 width, PetscInt64 at)
{
  HaloPiece  piece = {-1, start + at, width - at, at};
  PetscInt64 first, n_local;

  if (periodic) {
    piece.row = (start + at) % part->n;
    if (piece.row < 0) piece.row += part->n;
  }
  if (piece.row < 0) {
    piece.n = PetscMin(piece.n, -piece.row);
  } else if (piece.row < part->n) {
    piece.owner = TesPartitionOwner(part, piece.row);
    TesPartitionRange(part, piece.owner, &first, &n_local);
    piece.n = PetscMin(piece.n, first + n_local - piece.row);
  }
  return piece;
}

/* where a rank's request for one side starts */
static PetscInt64 SideStart(const TesPartition *part, int rank, PetscInt width, int side)
{
  PetscInt64 first, n_local;

  TesPartitionRange(part, rank, &first, &n_local);
  return side ? first + n_local : first - width;
}

/* could the request touch our rows? cuts the walk over all ranks short; periodic requests may wrap, so they are always looked at */
static PetscBool MayTouch(const TesPartition *part, PetscBool periodic, PetscInt64 start, PetscInt width)
{
  if (periodic && (start < 0 || start + width > part->n)) return PETSC_TRUE;
  return (PetscBool)(start < part->first + part->n_local && start + width > part->first);
}

static PetscErrorCode Receive(TesField field, PetscInt width, PetscReal *const buffer[2], MPI_Datatype row, MPI_Request *requests, PetscInt *n_requests)
{
  const TesGrid       g    = field->grid;
  const TesPartition *part = &g->part;
  const PetscBool     periodic = g->spec.periodic[g->spec.dim - 1];

  PetscFunctionBegin;
  for (int side = 0; side < 2; side++) {
    const PetscInt64 start = SideStart(part, part->rank, width, side);

    for (PetscInt64 at = 0; at < width;) {
      HaloPiece  piece = NextPiece(part, periodic, start, width, at);
      PetscReal *to    = buffer[side] + at * g->row;

      if (piece.owner < 0) PetscCall(PetscArrayzero(to, piece.n * g->row));
      else if (piece.owner == part->rank) PetscCall(PetscArraycpy(to, field->values + (piece.row - part->first) * g->row, piece.n * g->row));
      else PetscCallMPI(MPI_Irecv(to, (PetscMPIInt)piece.n, row, piece.owner, HALO_TAG, g->comm, &requests[(*n_requests)++]));
      at += piece.n;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* walk over what every other rank asks of us; requests NULL: count only */
static PetscErrorCode Send(TesField field, PetscInt width, MPI_Datatype row, MPI_Request *requests, PetscInt *n_requests)
{
  const TesGrid       g    = field->grid;
  const TesPartition *part = &g->part;
  const PetscBool     periodic = g->spec.periodic[g->spec.dim - 1];

  PetscFunctionBegin;
  if (!part->n_local) PetscFunctionReturn(PETSC_SUCCESS);
  for (int rank = 0; rank < part->size; rank++) {
    if (rank == part->rank) continue;
    for (int side = 0; side < 2; side++) {
      const PetscInt64 start = SideStart(part, rank, width, side);

      if (!MayTouch(part, periodic, start, width)) continue;
      for (PetscInt64 at = 0; at < width;) {
        HaloPiece piece = NextPiece(part, periodic, start, width, at);

        at += piece.n;
        if (piece.owner != part->rank) continue;
        if (requests)
          PetscCallMPI(MPI_Isend(field->values + (piece.row - part->first) * g->row, (PetscMPIInt)piece.n, row, rank, HALO_TAG, g->comm, &requests[*n_requests]));
        (*n_requests)++;
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFieldHalo(TesField field, PetscInt width, PetscReal *below, PetscReal *above)
{
  const TesGrid    g         = field->grid;
  PetscReal *const buffer[2] = {below, above};
  PetscInt         n_sends = 0, n = 0;
  MPI_Datatype     row;
  MPI_Request     *requests;

  PetscFunctionBegin;
  PetscCheck(width >= 0, g->comm, PETSC_ERR_ARG_OUTOFRANGE, "a halo of %" PetscInt_FMT " rows", width);
  PetscCheck(g->row <= PETSC_MPI_INT_MAX, g->comm, PETSC_ERR_ARG_OUTOFRANGE, "rows of %" PetscInt64_FMT " values are too long for one message", g->row);
  if (!width) PetscFunctionReturn(PETSC_SUCCESS);
  /* whole rows as one MPI type: counts stay small however long the rows are */
  PetscCallMPI(MPI_Type_contiguous((PetscMPIInt)g->row, MPIU_REAL, &row));
  PetscCallMPI(MPI_Type_commit(&row));
  PetscCall(Send(field, width, row, NULL, &n_sends));
  PetscCall(PetscMalloc1(n_sends + 2 * (size_t)width, &requests)); /* a received piece has at least one row */
  PetscCall(Receive(field, width, buffer, row, requests, &n));
  PetscCall(Send(field, width, row, requests, &n));
  PetscCallMPI(MPI_Waitall(n, requests, MPI_STATUSES_IGNORE));
  PetscCall(PetscFree(requests));
  PetscCallMPI(MPI_Type_free(&row));
  PetscFunctionReturn(PETSC_SUCCESS);
}
