/* Collective operations inside a tape. What is differentiated is the sum over the ranks of their own scalars; so the adjoint of
     broadcast         is the sum over ranks, to the root;
     sum to all        is the sum of all ranks' g (each rank's copy has its own part in the loss);
     replicated sum    is g: all ranks go on alike and the loss is counted once;
     allgather of rows is the sum of all ranks' g for a row, to its owner;
     row exchange      is the reverse exchange with adding.
   Sums are made by gathering the ranks' contributions and adding them in rank order, so they have the same bits in every run and on every rank. All ranks must run
   the same operations in the same order, forward and backward. */
#include "tensor_impl.h"

#include <string.h>

static MPI_Datatype TypeOf(TesTensor x)
{
  return x->type == TES_F32 ? MPI_FLOAT : MPI_DOUBLE;
}

static PetscErrorCode CountOf(PetscInt64 n, int *count)
{
  PetscFunctionBegin;
  PetscCheck(n <= INT32_MAX, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "a message of %" PetscInt64_FMT " entries", n);
  *count = (int)n;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* y = sum over ranks of x, in rank order: an exchange of slices, a sum of each slice by one rank, and a gathering of the slices */
static PetscErrorCode SumInOrder(MPI_Comm comm, TesTensor x, TesTensor y)
{
  const size_t bytes = x->type == TES_F32 ? 4 : 8;
  int          size, rank, n, *counts, *firsts, *own, *places;
  Buffer      *parts;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCall(CountOf(x->size, &n));
  PetscCall(PetscMalloc4(size, &counts, size, &firsts, size, &own, size, &places));
  for (int r = 0; r < size; r++) {
    firsts[r] = (int)((PetscInt64)n * r / size);
    counts[r] = (int)((PetscInt64)n * (r + 1) / size) - firsts[r];
  }
  for (int r = 0; r < size; r++) {
    own[r]    = counts[rank];
    places[r] = counts[rank] * r;
  }
  PetscCall(ScratchGet(x->tape, (size_t)counts[rank] * (size_t)size * bytes, &parts));
  PetscCallMPI(MPI_Alltoallv(x->data, counts, firsts, TypeOf(x), parts->data, own, places, TypeOf(x), comm));
  for (int r = 1; r < size; r++) KernelsOf(x)->add_to(counts[rank], parts->data, (char *)parts->data + (size_t)places[r] * bytes);
  PetscCallMPI(MPI_Allgatherv(parts->data, counts[rank], TypeOf(x), y->data, counts, firsts, TypeOf(x), comm));
  ScratchRestore(x->tape, &parts);
  PetscCall(PetscFree4(counts, firsts, own, places));
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  MPI_Comm    comm;
  PetscMPIInt root;
} Collective;

/* ---- broadcast, and its adjoint: sum to the root, zero elsewhere ---- */

static PetscErrorCode SumToRoot(MPI_Comm comm, PetscMPIInt root, TesTensor x, TesTensor *y);

static PetscErrorCode BroadcastVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Collective *c = node->attributes;

  PetscFunctionBegin;
  PetscCall(SumToRoot(c->comm, c->root, g, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SumToRootVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Collective *c = node->attributes;

  PetscFunctionBegin;
  PetscCall(TesBroadcast(c->comm, c->root, g, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp broadcast_op = {"broadcast", BroadcastVjp, NULL}, sum_to_root_op = {"sum_to_root", SumToRootVjp, NULL};

PetscErrorCode TesBroadcast(MPI_Comm comm, PetscMPIInt root, TesTensor x, TesTensor *y)
{
  const Collective c = {comm, root};
  TesTensor        out;
  int              n;

  PetscFunctionBegin;
  PetscCall(TensorLike(x, &out));
  PetscCall(CountOf(x->size, &n));
  if (n) memcpy(out->data, x->data, TensorBytes(x));
  PetscCallMPI(MPI_Bcast(out->data, n, TypeOf(x), root, comm));
  PetscCall(TesTapeRecord(&broadcast_op, 1, &x, 0, NULL, &c, sizeof c, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SumToRoot(MPI_Comm comm, PetscMPIInt root, TesTensor x, TesTensor *y)
{
  const Collective c = {comm, root};
  TesTensor        out;
  int              rank;

  PetscFunctionBegin;
  PetscCall(TensorLike(x, &out));
  PetscCall(SumInOrder(comm, x, out));
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  if (rank != root && out->size) memset(out->data, 0, TensorBytes(out));
  PetscCall(TesTapeRecord(&sum_to_root_op, 1, &x, 0, NULL, &c, sizeof c, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- sums to all ---- */

static PetscErrorCode AllreduceVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(TesAllreduceSum(((const Collective *)node->attributes)->comm, g, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReplicatedVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  (void)node;
  gin[0] = g;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp allreduce_op = {"allreduce_sum", AllreduceVjp, NULL}, replicated_op = {"replicated_sum", ReplicatedVjp, NULL};

static PetscErrorCode SumToAll(const TesOp *op, MPI_Comm comm, TesTensor x, TesTensor *y)
{
  const Collective c = {comm, 0};
  TesTensor        out;

  PetscFunctionBegin;
  PetscCall(TensorLike(x, &out));
  PetscCall(SumInOrder(comm, x, out));
  PetscCall(TesTapeRecord(op, 1, &x, 0, NULL, &c, sizeof c, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesAllreduceSum(MPI_Comm comm, TesTensor x, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(SumToAll(&allreduce_op, comm, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesReplicatedSum(MPI_Comm comm, TesTensor x, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(SumToAll(&replicated_op, comm, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- rows of all ranks ---- */

/* rows of every rank; entries of a row */
typedef struct {
  MPI_Comm comm;
  PetscInt first, count; /* this rank's rows in the whole */
} Rows;

static PetscErrorCode AllgatherVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Rows *r = node->attributes;

  PetscFunctionBegin;
  PetscCall(TesAllreduceSum(r->comm, g, &g));
  PetscCall(TesSlice(g, 0, r->first, r->count, 1, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp allgather_op = {"allgather_rows", AllgatherVjp, NULL};

PetscErrorCode TesAllgatherRows(MPI_Comm comm, TesTensor x, TesTensor *y)
{
  PetscInt   shape[TES_TENSOR_AXES];
  PetscInt64 width = 1;
  int        size, rank, mine, *counts, *firsts, total = 0;
  Rows       attributes;
  TesTensor  out;

  PetscFunctionBegin;
  PetscCheck(x->n_axes >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "allgather of a scalar: give it an axis first");
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  for (PetscInt a = 1; a < x->n_axes; a++) width *= x->shape[a];
  PetscCall(CountOf(x->size, &mine));
  PetscCall(PetscMalloc2(size, &counts, size, &firsts));
  PetscCallMPI(MPI_Allgather(&mine, 1, MPI_INT, counts, 1, MPI_INT, comm));
  for (int r = 0; r < size; r++) {
    firsts[r] = total;
    total += counts[r];
  }
  PetscCall(PetscArraycpy(shape, x->shape, x->n_axes));
  shape[0] = width ? (PetscInt)(total / width) : 0;
  PetscCall(TesTensorCreate(x->tape, x->type, x->n_axes, shape, &out));
  PetscCallMPI(MPI_Allgatherv(x->data, mine, TypeOf(x), out->data, counts, firsts, TypeOf(x), comm));
  attributes = (Rows){comm, width ? (PetscInt)(firsts[rank] / width) : 0, x->shape[0]};
  PetscCall(PetscFree2(counts, firsts));
  PetscCall(TesTapeRecord(&allgather_op, 1, &x, 0, NULL, &attributes, sizeof attributes, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- exchange of rows between neighbours ---- */

typedef struct {
  TesRowPattern pattern;
  PetscInt      rows; /* of the input */
} Exchange;

static PetscErrorCode ExchangeBack(const Exchange *e, TesTensor g, TesTensor *y);

static PetscErrorCode ExchangeVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(ExchangeBack(node->attributes, g, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ExchangeBackVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  const Exchange *e = node->attributes;

  PetscFunctionBegin;
  PetscCall(TesRowExchange(&e->pattern, g, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp exchange_op = {"row_exchange", ExchangeVjp, NULL}, exchange_back_op = {"row_exchange_back", ExchangeBackVjp, NULL};

/* one message to and one from each neighbour: out[first_out[q]..] goes, in[first_in[q]..] comes, counted in rows */
static PetscErrorCode Messages(const TesRowPattern *p, PetscInt64 width, TesTensor like, const void *out, const PetscInt first_out[], void *in, const PetscInt first_in[])
{
  const size_t bytes = (size_t)width * (like->type == TES_F32 ? 4 : 8);
  MPI_Request *request;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(2 * p->n, &request));
  for (PetscInt q = 0; q < p->n; q++) {
    int n;

    PetscCall(CountOf((first_in[q + 1] - first_in[q]) * width, &n));
    PetscCallMPI(MPI_Irecv((char *)in + (size_t)first_in[q] * bytes, n, TypeOf(like), p->rank[q], 7, p->comm, &request[q]));
  }
  for (PetscInt q = 0; q < p->n; q++) {
    int n;

    PetscCall(CountOf((first_out[q + 1] - first_out[q]) * width, &n));
    PetscCallMPI(MPI_Isend((const char *)out + (size_t)first_out[q] * bytes, n, TypeOf(like), p->rank[q], 7, p->comm, &request[p->n + q]));
  }
  PetscCallMPI(MPI_Waitall((int)(2 * p->n), request, MPI_STATUSES_IGNORE));
  PetscCall(PetscFree(request));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GhostPlaces(const TesRowPattern *p, PetscInt **first)
{
  PetscFunctionBegin;
  PetscCall(PetscMalloc1(p->n + 1, first));
  (*first)[0] = 0;
  for (PetscInt q = 0; q < p->n; q++) (*first)[q + 1] = (*first)[q] + p->n_receive[q];
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WithRows(TesTensor x, PetscInt rows, TesTensor *y, PetscInt64 *width)
{
  PetscInt shape[TES_TENSOR_AXES];

  PetscFunctionBegin;
  PetscCheck(x->n_axes >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "exchange of rows of a scalar");
  PetscCall(PetscArraycpy(shape, x->shape, x->n_axes));
  shape[0] = rows;
  PetscCall(TesTensorCreate(x->tape, x->type, x->n_axes, shape, y));
  *width = 1;
  for (PetscInt a = 1; a < x->n_axes; a++) *width *= x->shape[a];
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesRowExchange(const TesRowPattern *p, TesTensor x, TesTensor *y)
{
  const Exchange attributes = {*p, x->n_axes ? x->shape[0] : 0};
  PetscInt      *ghost;
  PetscInt64     width;
  TesTensor      out;
  Buffer        *packed;
  size_t         row;

  PetscFunctionBegin;
  PetscCall(GhostPlaces(p, &ghost));
  PetscCall(WithRows(x, attributes.rows + ghost[p->n], &out, &width));
  row = (size_t)width * (x->type == TES_F32 ? 4 : 8);
  if (x->size) memcpy(out->data, x->data, TensorBytes(x));
  PetscCall(ScratchGet(x->tape, (size_t)p->first[p->n] * row, &packed));
  for (PetscInt i = 0; i < p->first[p->n]; i++) {
    PetscCheck(p->list[i] >= 0 && p->list[i] < attributes.rows, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "exchange of row %" PetscInt_FMT " of %" PetscInt_FMT, p->list[i], attributes.rows);
    memcpy((char *)packed->data + (size_t)i * row, (const char *)x->data + (size_t)p->list[i] * row, row);
  }
  PetscCall(Messages(p, width, x, packed->data, p->first, (char *)out->data + (size_t)attributes.rows * row, ghost));
  ScratchRestore(x->tape, &packed);
  PetscCall(PetscFree(ghost));
  PetscCall(TesTapeRecord(&exchange_op, 1, &x, 0, NULL, &attributes, sizeof attributes, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ExchangeBack(const Exchange *e, TesTensor g, TesTensor *y)
{
  const TesRowPattern *p = &e->pattern;
  PetscInt            *ghost;
  PetscInt64           width;
  TesTensor            out;
  Buffer              *packed;
  size_t               row;

  PetscFunctionBegin;
  PetscCall(GhostPlaces(p, &ghost));
  PetscCall(WithRows(g, e->rows, &out, &width));
  row = (size_t)width * (g->type == TES_F32 ? 4 : 8);
  if (out->size) memcpy(out->data, g->data, TensorBytes(out));
  PetscCall(ScratchGet(g->tape, (size_t)p->first[p->n] * row, &packed));
  PetscCall(Messages(p, width, g, (const char *)g->data + (size_t)e->rows * row, ghost, packed->data, p->first));
  for (PetscInt i = 0; i < p->first[p->n]; i++) /* neighbours in the order of the pattern */
    KernelsOf(g)->add_to(width, (char *)out->data + (size_t)p->list[i] * row, (const char *)packed->data + (size_t)i * row);
  ScratchRestore(g->tape, &packed);
  PetscCall(PetscFree(ghost));
  PetscCall(TesTapeRecord(&exchange_back_op, 1, &g, 0, NULL, e, sizeof *e, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}
