/* What travels between the ranks of a split; part of net_fields_impl.h, included once per precision.

   Flight     ghosts of patches from the neighbours, one dimension after the other, so that corners come along; all samples and up to two fields in one message per side. While the last dimension
              is on its way the inner points are worked on (ReadyBegin, ConvolveInner)
   ToWhole    patches of all samples -> whole levels of each rank's own samples (home): the transpose before the levels that are not cut
   ToPatches  the way back, with one point of ghosts around each patch
   InOut      arrays of whole inputs or outputs, of the samples that a rank has them of (io), to or from patches of level 0

   Per exchange and side: width C n_d samples words; per transpose: all words of a level, of which a rank keeps 1 / size. */

static PetscErrorCode SlabRoom(Net *net, size_t room)
{
  PetscFunctionBegin;
  if (room <= net->slab_room) PetscFunctionReturn(PETSC_SUCCESS);
  for (int i = 0; i < 2; i++)
    for (int side = 0; side < 2; side++) {
      PetscCall(PetscFree(net->slab[i][side]));
      PetscCall(PetscMalloc1(room, &net->slab[i][side]));
    }
  net->slab_room = room;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* copy `width` layers of points from `at` on in dimension d of all samples to (pack) or from a buffer; the rings of the dimensions before d go along */
static size_t Layers(const Net *net, Field *f, PetscInt d, PetscInt at, PetscInt width, NREAL *buffer, PetscBool pack)
{
  PetscInt lo[NET_DIM], hi[NET_DIM];
  size_t   used = 0;

  for (PetscInt e = 0; e < NET_DIM; e++) {
    const PetscInt ring = e < d ? net->ring : 0;

    lo[e] = e == d ? at : -ring;
    hi[e] = e == d ? at + width : f->n[e] + ring;
  }
  for (PetscInt b = 0; b < Count(net, f); b++)
    for (PetscInt z = lo[2]; z < hi[2]; z++)
      for (PetscInt y = lo[1]; y < hi[1]; y++) {
        NREAL       *row = RowOf(f, b, y, z) + lo[0] * f->s[0];
        const size_t n   = (size_t)(hi[0] - lo[0]) * (size_t)f->c;

        if (pack) memcpy(buffer + used, row, n * sizeof(NREAL));
        else memcpy(row, buffer + used, n * sizeof(NREAL));
        used += n;
      }
  return used;
}

/* the layers of points of dimension d that go to both sides are packed and on their way */
static PetscErrorCode Depart(Net *net, Flight *t, PetscInt d)
{
  const MPI_Comm comm = net->base->split.comm;
  size_t         room = 0;

  PetscFunctionBegin;
  t->d = d;
  for (int i = 0; i < t->n; i++) room += (size_t)t->f[i]->sample * (size_t)Count(net, t->f[i]) / (size_t)(t->f[i]->n[d] + 2 * net->ring) * (size_t)t->width[i];
  PetscCall(SlabRoom(net, room));
  for (int side = 0; side < 2; side++) {
    t->size[side] = 0;
    for (int i = 0; i < t->n; i++) t->size[side] += Layers(net, t->f[i], d, side ? t->f[i]->n[d] - t->width[i] : 0, t->width[i], net->slab[0][side] + t->size[side], PETSC_TRUE);
  }
  PetscCheck(t->size[0] * sizeof(NREAL) < 2147483647, comm, PETSC_ERR_ARG_OUTOFRANGE, "ghosts of one side are larger than one message");
  for (int side = 0; side < 2; side++) {
    const int other = net->neighbour[d][side] < 0 ? MPI_PROC_NULL : (int)net->neighbour[d][side];

    PetscCallMPI(MPI_Irecv(net->slab[1][side], (PetscMPIInt)(t->size[side] * sizeof(NREAL)), MPI_BYTE, other, 1 - side, comm, &t->request[side]));
  }
  for (int side = 0; side < 2; side++) {
    const int other = net->neighbour[d][side] < 0 ? MPI_PROC_NULL : (int)net->neighbour[d][side];

    PetscCallMPI(MPI_Isend(net->slab[0][side], (PetscMPIInt)(t->size[side] * sizeof(NREAL)), MPI_BYTE, other, side, comm, &t->request[2 + side]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Arrive(Net *net, Flight *t)
{
  const PetscInt d = t->d;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Waitall(4, t->request, MPI_STATUSES_IGNORE));
  for (int side = 0; side < 2; side++) {
    size_t used = 0;

    if (net->neighbour[d][side] < 0) continue;
    for (int i = 0; i < t->n; i++) used += Layers(net, t->f[i], d, side ? t->f[i]->n[d] : -t->width[i], t->width[i], net->slab[1][side] + used, PETSC_FALSE);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Collective on the split: width[i] layers of ghosts of each field of t. All dimensions but the last are exchanged, the last is on its way; FlightEnd waits for it. One flight at a time */
static PetscErrorCode FlightBegin(Net *net, Flight *t)
{
  const PetscReal t0 = TesNow();

  PetscFunctionBegin;
  t->moving = PETSC_FALSE;
  for (PetscInt d = 0; d < net->plan->spec.dim; d++) {
    if (net->neighbour[d][0] < 0 && net->neighbour[d][1] < 0) continue;
    if (t->moving) PetscCall(Arrive(net, t));
    PetscCall(Depart(net, t, d));
    t->moving = PETSC_TRUE;
  }
  net->base->seconds += TesNow() - t0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FlightEnd(Net *net, Flight *t)
{
  const PetscReal t0 = TesNow();

  PetscFunctionBegin;
  if (t->moving) PetscCall(Arrive(net, t));
  t->moving = PETSC_FALSE;
  for (int i = 0; i < t->n; i++) {
    t->f[i]->valid  = t->width[i];
    t->f[i]->filled = STALE;
  }
  net->base->seconds += TesNow() - t0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- transposes ---- */

/* the patch of a rank on level l */
static void PatchOf(const Net *net, int rank, PetscInt l, PetscInt lo[], PetscInt n[])
{
  for (PetscInt d = 0; d < NET_DIM; d++) {
    PetscInt first, last;

    MgnoSplitBlocks(net->plan, &net->base->split, rank, d, &first, &last);
    lo[d] = net->plan->level[l].start[d][first];
    n[d]  = net->plan->level[l].start[d][last] - lo[d];
  }
}

/* points [lo - ring, lo + n + ring) of sample b of a field to or from a buffer, whole padded channels */
static size_t Box(const Net *net, const Field *f, PetscInt b, const PetscInt lo[], const PetscInt n[], PetscInt ring, NREAL *buffer, PetscBool pack)
{
  const PetscInt ry = net->plan->spec.dim > 1 ? ring : 0, rz = net->plan->spec.dim > 2 ? ring : 0;
  size_t         used = 0;

  for (PetscInt z = lo[2] - rz; z < lo[2] + n[2] + rz; z++)
    for (PetscInt y = lo[1] - ry; y < lo[1] + n[1] + ry; y++) {
      NREAL       *row   = RowOf(f, b, y, z) + (lo[0] - ring) * f->s[0];
      const size_t count = (size_t)(n[0] + 2 * ring) * (size_t)f->c;

      if (pack) memcpy(buffer + used, row, count * sizeof(NREAL));
      else memcpy(row, buffer + used, count * sizeof(NREAL));
      used += count;
    }
  return used;
}

typedef struct {
  PetscMPIInt *count[2], *start[2]; /* send, receive; [size] words */
  NREAL       *words[2];
} Parcel;

static PetscErrorCode ParcelCreate(const Net *net, Parcel *p)
{
  PetscFunctionBegin;
  for (int i = 0; i < 2; i++) PetscCall(PetscMalloc2(net->base->size, &p->count[i], net->base->size, &p->start[i]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* counts are set: places and room */
static PetscErrorCode ParcelRoom(const Net *net, Parcel *p)
{
  PetscFunctionBegin;
  for (int i = 0; i < 2; i++) {
    PetscInt64 total = 0;

    for (int r = 0; r < net->base->size; r++) {
      p->start[i][r] = (PetscMPIInt)total;
      total += p->count[i][r];
    }
    PetscCheck(total < 2147483647, net->base->split.comm, PETSC_ERR_ARG_OUTOFRANGE, "a level of all samples is larger than one message");
    PetscCall(PetscMalloc1(total + 1, &p->words[i]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ParcelSend(const Net *net, Parcel *p)
{
  const MPI_Datatype type = sizeof(NREAL) == 4 ? MPI_FLOAT : MPI_DOUBLE;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Alltoallv(p->words[0], p->count[0], p->start[0], type, p->words[1], p->count[1], p->start[1], type, net->base->split.comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ParcelDestroy(Parcel *p)
{
  PetscFunctionBegin;
  for (int i = 0; i < 2; i++) {
    PetscCall(PetscFree2(p->count[i], p->start[i]));
    PetscCall(PetscFree(p->words[i]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* level l between patches and whole fields of the samples at home; ring: ghosts that go along to the patches. Collective on the split */
static PetscErrorCode Transpose(Net *net, PetscInt l, Field *patch, Field *whole, PetscBool to_whole, PetscInt ring)
{
  const MgnoShare *home = net->base->home;
  const int        me   = net->base->rank, size = net->base->size, out = to_whole ? 0 : 1; /* which of the parcel's halves belongs to the patch */
  const PetscInt   zero[NET_DIM] = {0, 0, 0};
  const PetscReal  t0   = TesNow();
  Parcel           p;

  PetscFunctionBegin;
  PetscCall(ParcelCreate(net, &p));
  for (int r = 0; r < size; r++) {
    PetscInt   lo[NET_DIM], n[NET_DIM];
    PetscInt64 mine = patch->c, theirs = patch->c;

    PatchOf(net, r, l, lo, n);
    for (PetscInt d = 0; d < net->plan->spec.dim; d++) {
      mine *= net->patch[l][d] + 2 * ring;
      theirs *= n[d] + 2 * ring;
    }
    p.count[out][r]     = (PetscMPIInt)(mine * home[r].n);
    p.count[1 - out][r] = (PetscMPIInt)(theirs * home[me].n);
  }
  PetscCall(ParcelRoom(net, &p));
  for (int half = 0; half < 2; half++) { /* pack, send, unpack */
    const PetscBool from_patch = (PetscBool)(half == 0 ? to_whole : !to_whole);

    if (half) PetscCall(ParcelSend(net, &p));
    for (int r = 0; r < size; r++) {
      NREAL   *words = p.words[half] + p.start[half][r];
      PetscInt lo[NET_DIM], n[NET_DIM];

      PatchOf(net, r, l, lo, n);
      if (from_patch) {
        for (PetscInt b = 0; b < home[r].n; b++) words += Box(net, patch, home[r].first + b, zero, net->patch[l], ring, words, half == 0 ? PETSC_TRUE : PETSC_FALSE);
      } else {
        for (PetscInt b = 0; b < home[me].n; b++) words += Box(net, whole, b, lo, n, ring, words, half == 0 ? PETSC_TRUE : PETSC_FALSE);
      }
    }
  }
  PetscCall(ParcelDestroy(&p));
  Written(to_whole ? whole : patch);
  if (!to_whole && ring) {
    patch->valid  = ring;
    patch->filled = whole->filled;
  }
  net->base->seconds += TesNow() - t0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* points of a patch in an array of whole samples [channels][points] to or from a buffer [points][channels] */
static NREAL *Plain(const Net *net, PetscReal *array, PetscInt channels, const PetscInt lo[], const PetscInt n[], NREAL *words, PetscBool pack)
{
  const PetscInt  *all    = net->plan->level[0].n;
  const PetscInt64 points = (PetscInt64)all[0] * all[1] * all[2];

  for (PetscInt z = lo[2]; z < lo[2] + n[2]; z++)
    for (PetscInt y = lo[1]; y < lo[1] + n[1]; y++)
      for (PetscInt x = lo[0]; x < lo[0] + n[0]; x++) {
        PetscReal *at = array + ((PetscInt64)z * all[1] + y) * all[0] + x;

        for (PetscInt c = 0; c < channels; c++) {
          if (pack) words[c] = (NREAL)at[c * points];
          else at[c * points] = words[c];
        }
        words += channels;
      }
  return words;
}

/* the points of a field, `channels` of them, to or from the same buffer */
static NREAL *Points(const Field *f, PetscInt b, PetscInt channels, NREAL *words, PetscBool pack)
{
  for (PetscInt z = 0; z < f->n[2]; z++)
    for (PetscInt y = 0; y < f->n[1]; y++) {
      NREAL *row = RowOf(f, b, y, z);

      for (PetscInt x = 0; x < f->n[0]; x++, row += f->c, words += channels) memcpy(pack ? words : row, pack ? row : words, (size_t)channels * sizeof(NREAL));
    }
  return words;
}

/* arrays [share][channels][points] of the samples in the round whose input and output are here, from (in) or to a field of level 0. Collective on the split */
static PetscErrorCode InOut(Net *net, PetscReal *array, PetscInt channels, Field *f, PetscBool in)
{
  const MgnoShare *io     = net->base->io;
  const int        me     = net->base->rank, size = net->base->size, patch_half = in ? 1 : 0;
  const PetscInt  *all    = net->plan->level[0].n;
  const PetscInt64 length = (PetscInt64)all[0] * all[1] * all[2] * channels;
  const PetscReal  t0     = TesNow();
  Parcel           p;

  PetscFunctionBegin;
  PetscCall(ParcelCreate(net, &p));
  for (int r = 0; r < size; r++) {
    PetscInt lo[NET_DIM], n[NET_DIM];

    PatchOf(net, r, 0, lo, n);
    p.count[patch_half][r]     = (PetscMPIInt)((PetscInt64)f->n[0] * f->n[1] * f->n[2] * channels * io[r].n);
    p.count[1 - patch_half][r] = (PetscMPIInt)((PetscInt64)n[0] * n[1] * n[2] * channels * io[me].n);
  }
  PetscCall(ParcelRoom(net, &p));
  for (int half = 0; half < 2; half++) {
    const PetscBool pack = half == 0 ? PETSC_TRUE : PETSC_FALSE;

    if (half) PetscCall(ParcelSend(net, &p));
    for (int r = 0; r < size; r++) {
      NREAL   *words = p.words[half] + p.start[half][r];
      PetscInt lo[NET_DIM], n[NET_DIM];

      PatchOf(net, r, 0, lo, n);
      if (half == patch_half) {
        for (PetscInt b = 0; b < io[r].n; b++) words = Points(f, io[r].first + b, channels, words, pack);
      } else {
        for (PetscInt b = 0; b < io[me].n; b++) words = Plain(net, array + b * length, channels, lo, n, words, pack);
      }
    }
  }
  PetscCall(ParcelDestroy(&p));
  if (in) Written(f);
  if (net->base->shared) net->base->seconds += TesNow() - t0;
  PetscFunctionReturn(PETSC_SUCCESS);
}
