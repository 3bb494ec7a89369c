/* Tiles of windows over state vectors whose parts lie with the members of a group, on any nodes.

   Member q owns the amplitudes [first_q, first_(q+1)) and computes the chunks [c_q, c_(q+1)) of a window, in rounds of as many chunks as fit BUFFER bytes. For a chunk the rows of its tile are
   fetched from where they lie, the window's work is done on the whole tile by one member, and the rows go back: per application at most 2 (1 - 1/P) of the part each way and window, whatever
   the number of terms in it. A window of sites that all lie within the parts exchanges nothing. Every amplitude sees the operations that it sees in one memory, in the same order, so the bits are
   the same.

   Message between two members in a round: the chunks of the receiver in order, in each the rows in order, of each row the lanes that the sender owns, real parts then imaginary parts. */
#include <string.h>
#include "traj_exchange.h"

#define BUFFER 4194304 /* bytes of tiles per round */
#define TAG_IN   71
#define TAG_BACK 72

typedef struct {
  int         rank;
  PetscInt64  send, receive;       /* reals of this round to and from that member, on the way in */
  PetscInt64  n_chunks, room, *chunk; /* of that member, which need amplitudes of this one */
} Peer;

typedef struct {
  int   n_peers, room;
  Peer *peer;
} Round;

struct _p_LbExchange {
  const LbWaveSpace  *space;
  const LbTrajWindow *w;
  int                 batch; /* chunks of a round */
  PetscInt64          n_rounds;
  Round              *round;
  double             *tiles, *out, *in;
  double            **cursor; /* [size] */
  MPI_Request        *request;
};

/* places of the lanes of a chunk, by number in the whole vector */
static void Lanes(const LbExchange e, PetscInt64 chunk, int64_t lane[LB_LANES], int *n_lanes)
{
  int run;

  LbWindowLanes(e->w, chunk, 0, lane, n_lanes, &run);
  if (run)
    for (int l = 1; l < *n_lanes; l++) lane[l] = lane[0] + l;
}

/* the lanes l, l + 1, ... < end of a row belong to one member */
static int Segment(const LbWaveSpace *space, int64_t offset, const int64_t lane[], int n_lanes, int l, int *end)
{
  const int  owner = TesPartitionOwner(&space->part, offset + lane[l]);
  PetscInt64 first, n;

  TesPartitionRange(&space->part, owner, &first, &n);
  if (offset + lane[n_lanes - 1] < first + n) {
    *end = n_lanes;
  } else {
    for (*end = l + 1; *end < n_lanes && offset + lane[*end] < first + n;) (*end)++;
  }
  return owner;
}

static PetscErrorCode FindPeer(Round *round, int rank, Peer **peer)
{
  PetscFunctionBegin;
  for (int p = 0; p < round->n_peers; p++) {
    *peer = &round->peer[p];
    if (round->peer[p].rank == rank) PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (round->n_peers == round->room) {
    Peer *grown;

    round->room = 2 * round->room + 4;
    PetscCall(PetscMalloc1(round->room, &grown));
    if (round->n_peers) PetscCall(PetscArraycpy(grown, round->peer, round->n_peers));
    PetscCall(PetscFree(round->peer));
    round->peer = grown;
  }
  *peer  = &round->peer[round->n_peers++];
  **peer = (Peer){.rank = rank};
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* amplitudes of this member in a chunk of member q: noted in the round */
static PetscErrorCode Note(LbExchange e, int q, PetscInt64 chunk, Round *round)
{
  const LbWaveSpace *space = e->space;
  const int          me    = space->rank;
  int64_t            lane[LB_LANES];
  int                n_lanes;
  PetscInt64         mine = 0;
  Peer              *peer;

  PetscFunctionBegin;
  Lanes(e, chunk, lane, &n_lanes);
  if (q != me && (lane[0] >= space->first + space->n_local || e->w->offset[e->w->rows - 1] + lane[n_lanes - 1] < space->first)) PetscFunctionReturn(PETSC_SUCCESS);
  for (int r = 0; r < e->w->rows; r++)
    for (int l = 0, end; l < n_lanes; l = end) {
      const int owner = Segment(space, e->w->offset[r], lane, n_lanes, l, &end);

      if (q == me && owner != me) {
        PetscCall(FindPeer(round, owner, &peer));
        peer->receive += 2 * (end - l);
      }
      if (q != me && owner == me) mine += 2 * (end - l);
    }
  if (!mine) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(FindPeer(round, q, &peer));
  peer->send += mine;
  if (peer->n_chunks == peer->room) {
    PetscInt64 *grown;

    peer->room = 2 * peer->room + 8;
    PetscCall(PetscMalloc1(peer->room, &grown));
    if (peer->n_chunks) PetscCall(PetscArraycpy(grown, peer->chunk, peer->n_chunks));
    PetscCall(PetscFree(peer->chunk));
    peer->chunk = grown;
  }
  peer->chunk[peer->n_chunks++] = chunk;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbExchangeCreate(const LbWaveSpace *space, const LbTrajWindow *w, LbExchange *out)
{
  LbExchange e;
  PetscInt64 send = 0, receive = 0;
  int        peers = 0;

  PetscFunctionBegin;
  PetscCall(PetscNew(&e));
  e->space = space;
  e->w     = w;
  e->batch = PetscMax(1, BUFFER / (w->rows * 2 * LB_LANES * (int)sizeof(double)));
  for (int q = 0; q < space->size; q++) {
    PetscInt64 first, n;

    TesPartitionRange(&w->chunks, q, &first, &n);
    e->n_rounds = PetscMax(e->n_rounds, (n + e->batch - 1) / e->batch);
  }
  PetscCall(PetscCalloc1(e->n_rounds + 1, &e->round));
  for (int q = 0; q < space->size; q++) {
    PetscInt64 first, n;

    TesPartitionRange(&w->chunks, q, &first, &n);
    for (PetscInt64 k = 0; k < n; k++) PetscCall(Note(e, q, first + k, &e->round[k / e->batch]));
  }
  for (PetscInt64 t = 0; t < e->n_rounds; t++) {
    PetscInt64 s = 0, r = 0;

    for (int p = 0; p < e->round[t].n_peers; p++) {
      s += e->round[t].peer[p].send;
      r += e->round[t].peer[p].receive;
    }
    peers   = PetscMax(peers, e->round[t].n_peers);
    send    = PetscMax(send, s);
    receive = PetscMax(receive, r);
  }
  if (!peers) {
    PetscCall(LbExchangeDestroy(&e));
  } else { /* on the way back the two buffers change their parts */
    PetscCall(PetscMalloc5((size_t)e->batch * w->rows * 2 * LB_LANES, &e->tiles, PetscMax(send, receive) + 1, &e->out, PetscMax(send, receive) + 1, &e->in, space->size, &e->cursor, 2 * peers, &e->request));
  }
  *out = e;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbExchangeDestroy(LbExchange *out)
{
  LbExchange e = *out;

  PetscFunctionBegin;
  if (!e) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt64 t = 0; t < e->n_rounds; t++) {
    for (int p = 0; p < e->round[t].n_peers; p++) PetscCall(PetscFree(e->round[t].peer[p].chunk));
    PetscCall(PetscFree(e->round[t].peer));
  }
  PetscCall(PetscFree(e->round));
  PetscCall(PetscFree5(e->tiles, e->out, e->in, e->cursor, e->request));
  PetscCall(PetscFree(e));
  *out = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscInt64 LbExchangeRounds(LbExchange e)
{
  return e->n_rounds;
}

/* what a pass over the rows of a chunk does with the lanes of one owner */
typedef enum { PACK, STORE, ADD } Action;

/* between a message and the amplitudes of this member in chunk c: PACK reads them, STORE and ADD write them */
static void Vector(const LbExchange e, PetscInt64 chunk, Action action, double **message, const LbVec *x)
{
  const LbWaveSpace *space = e->space;
  double            *re = x->all, *im = x->all + space->stored;
  int64_t            lane[LB_LANES];
  int                n_lanes;

  Lanes(e, chunk, lane, &n_lanes);
  for (int r = 0; r < e->w->rows; r++)
    for (int l = 0, end; l < n_lanes; l = end) {
      const int     owner = Segment(space, e->w->offset[r], lane, n_lanes, l, &end), m = end - l;
      const int64_t at    = e->w->offset[r] - space->base;
      double       *p     = *message;

      if (owner != space->rank) continue;
      for (int k = 0; k < m; k++) {
        const int64_t i = at + lane[l + k];

        switch (action) {
        case PACK:
          p[k]     = re[i];
          p[m + k] = im[i];
          break;
        case STORE:
          re[i] = p[k];
          im[i] = p[m + k];
          break;
        case ADD:
          re[i] += p[k];
          im[i] += p[m + k];
        }
      }
      *message += 2 * m;
    }
}

/* a tile from messages and own amplitudes, or back into them */
static void Tile(const LbExchange e, PetscInt64 chunk, PetscBool back, PetscBool add, double *tile, const LbVec *x)
{
  const LbWaveSpace *space = e->space;
  double            *re = x->all, *im = x->all + space->stored;
  int64_t            lane[LB_LANES];
  int                n_lanes;

  Lanes(e, chunk, lane, &n_lanes);
  for (int r = 0; r < e->w->rows; r++) {
    double *tr = tile + 2 * LB_LANES * r, *ti = tr + LB_LANES;

    for (int l = 0, end; l < n_lanes; l = end) {
      const int     owner = Segment(space, e->w->offset[r], lane, n_lanes, l, &end), m = end - l;
      const int64_t at    = e->w->offset[r] - space->base;

      if (owner != space->rank) {
        double *p = e->cursor[owner];

        memcpy(back ? p : tr + l, back ? tr + l : p, (size_t)m * sizeof(double));
        memcpy(back ? p + m : ti + l, back ? ti + l : p + m, (size_t)m * sizeof(double));
        e->cursor[owner] += 2 * m;
        continue;
      }
      for (int k = l; k < end; k++) {
        const int64_t i = at + lane[k];

        if (!back) {
          tr[k] = re[i];
          ti[k] = im[i];
        } else if (add) {
          re[i] += tr[k];
          im[i] += ti[k];
        } else {
          re[i] = tr[k];
          im[i] = ti[k];
        }
      }
    }
    for (int l = n_lanes; l < LB_LANES && !back; l++) tr[l] = ti[l] = 0;
  }
}

static void MyChunks(const LbExchange e, PetscInt64 t, PetscInt64 *first, int *n)
{
  *first = e->w->chunks.first + t * e->batch;
  *n     = (int)PetscMax(0, PetscMin(e->batch, e->w->chunks.first + e->w->chunks.n_local - *first));
}

/* start the messages of a round; what comes in fills e->in in the order of the peers */
static PetscErrorCode Post(LbExchange e, const Round *round, PetscBool back, int *n_requests)
{
  double *p = e->in;

  PetscFunctionBegin;
  *n_requests = 0;
  for (int k = 0; k < round->n_peers; k++) {
    const PetscInt64 n = back ? round->peer[k].send : round->peer[k].receive;

    if (!n) continue;
    PetscCallMPI(MPI_Irecv(p, (int)n, MPI_DOUBLE, round->peer[k].rank, back ? TAG_BACK : TAG_IN, e->space->comm, &e->request[(*n_requests)++]));
    p += n;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Send(LbExchange e, const Round *round, PetscBool back, int *n_requests)
{
  double *p = e->out;

  PetscFunctionBegin;
  for (int k = 0; k < round->n_peers; k++) {
    const PetscInt64 n = back ? round->peer[k].receive : round->peer[k].send;

    if (!n) continue;
    PetscCallMPI(MPI_Isend(p, (int)n, MPI_DOUBLE, round->peer[k].rank, back ? TAG_BACK : TAG_IN, e->space->comm, &e->request[(*n_requests)++]));
    p += n;
  }
  PetscCallMPI(MPI_Waitall(*n_requests, e->request, MPI_STATUSES_IGNORE));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbExchangeFetch(LbExchange e, PetscInt64 t, const LbVec *x, PetscInt64 *first, int *n, double **tiles)
{
  const Round *round = &e->round[t];
  double      *p     = e->out;
  int          requests;

  PetscFunctionBegin;
  PetscCall(Post(e, round, PETSC_FALSE, &requests));
  for (int k = 0; k < round->n_peers; k++)
    for (PetscInt64 c = 0; c < round->peer[k].n_chunks; c++) Vector(e, round->peer[k].chunk[c], PACK, &p, x);
  PetscCall(Send(e, round, PETSC_FALSE, &requests));
  p = e->in;
  for (int k = 0; k < round->n_peers; k++) {
    e->cursor[round->peer[k].rank] = p;
    p += round->peer[k].receive;
  }
  MyChunks(e, t, first, n);
  for (int k = 0; k < *n; k++) Tile(e, *first + k, PETSC_FALSE, PETSC_FALSE, e->tiles + (size_t)k * e->w->rows * 2 * LB_LANES, x);
  *tiles = e->tiles;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbExchangeReturn(LbExchange e, PetscInt64 t, PetscBool add, LbVec *x)
{
  const Round *round = &e->round[t];
  double      *p     = e->out;
  PetscInt64   first;
  int          n, requests;

  PetscFunctionBegin;
  PetscCall(Post(e, round, PETSC_TRUE, &requests));
  for (int k = 0; k < round->n_peers; k++) {
    e->cursor[round->peer[k].rank] = p;
    p += round->peer[k].receive;
  }
  MyChunks(e, t, &first, &n);
  for (int k = 0; k < n; k++) Tile(e, first + k, PETSC_TRUE, add, e->tiles + (size_t)k * e->w->rows * 2 * LB_LANES, x);
  PetscCall(Send(e, round, PETSC_TRUE, &requests));
  p = e->in;
  for (int k = 0; k < round->n_peers; k++)
    for (PetscInt64 c = 0; c < round->peer[k].n_chunks; c++) Vector(e, round->peer[k].chunk[c], add ? ADD : STORE, &p, x);
  PetscFunctionReturn(PETSC_SUCCESS);
}
