/* Passes whose tiles reach over several ranks, by messages. Every rank owns the entries whose highest bits are its number; nothing but bounded buffers is held of the others.

   Ranks that differ only in bits of the tile's sites share the rank's tiles: a group of g. Each owns one g-th of every tile, a run of its pieces. Two ways, chosen by what they receive:

     exchange   every rank sums its own rows and gets the pieces of the others' that these rows read: for a coupling of strings the half that does not commute with it.
     remap      tiles by turns: whole tiles go to one rank each, which sums all their rows and sends them back: 2 (1 - 1/g) of the vector, however many terms there are. It is the swap of the
                distributed sites with lower ones, a few tiles at a time.

   Tiles go in chunks. Chunk c + 1 travels while chunk c is summed, the first chunk of the second pass during the first pass. Both sum the same entries in the same order as ranks that share
   memory: same bits. */
#include <string.h>
#include "window.h"

#define TAG_X 11
#define TAG_Y 12

/* bits of the rank's number that are no share of this pass's tiles: what the ranks of a group have in common */
static int Colour(LbPlan plan, const LbPass *pass)
{
  int local = 0, mask = 0;

  while ((int64_t)1 << local < plan->n_local) local++;
  for (int k = 0; k < pass->n_sites; k++)
    for (int bit = 0; bit < 2; bit++)
      if (2 * pass->site[k] + bit >= local) mask |= 1 << (2 * pass->site[k] + bit - local);
  return plan->sharing.rank & ~mask;
}

static PetscErrorCode Lists(const LbPass *pass, const char read[], LbPassMessages *m)
{
  const int64_t per = pass->n_pieces / m->group;
  int          *need_count, *send_count, n = 0;

  PetscFunctionBegin;
  PetscCall(PetscCalloc2(m->group, &need_count, m->group, &send_count));
  PetscCall(PetscCalloc2(m->group + 1, &m->need_start, m->group + 1, &m->send_start));
  for (int64_t k = 0; k < pass->n_pieces; k++) n += read[k];
  PetscCall(PetscMalloc1(n + 1, &m->need));
  n = 0;
  for (int j = 0; j < m->group; j++) {
    m->need_start[j] = n;
    for (int64_t k = j * per; k < (j + 1) * per && j != m->member; k++)
      if (read[k]) m->need[n++] = (int)k;
    need_count[j] = n - m->need_start[j];
  }
  m->need_start[m->group] = n;
  if (m->comm != MPI_COMM_NULL) {
    PetscCallMPI(MPI_Alltoall(need_count, 1, MPI_INT, send_count, 1, MPI_INT, m->comm));
    for (int j = 0; j < m->group; j++) m->send_start[j + 1] = m->send_start[j] + send_count[j];
    PetscCall(PetscMalloc1(m->send_start[m->group] + 1, &m->send));
    PetscCallMPI(MPI_Alltoallv(m->need, need_count, m->need_start, MPI_INT, m->send, send_count, m->send_start, MPI_INT, m->comm));
  } else PetscCall(PetscMalloc1(1, &m->send)); /* an estimate: nobody to ask */
  PetscCall(PetscFree2(need_count, send_count));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbMessagesCreate(LbPlan plan, int number)
{
  const LbPass   *pass = &plan->pass[number];
  LbPassMessages *m    = &plan->messages[number];
  const PetscBool can_remap = !pass->direct && pass->n_tiles >= (int64_t)1 << pass->share_bits ? PETSC_TRUE : PETSC_FALSE;
  char           *read;

  PetscFunctionBegin;
  m->group  = 1 << pass->share_bits;
  m->member = pass->share;
  m->comm   = MPI_COMM_NULL;
  if (plan->sharing.comm != MPI_COMM_NULL) PetscCallMPI(MPI_Comm_split(plan->sharing.comm, Colour(plan, pass), m->member, &m->comm));
  PetscCall(PetscCalloc1(pass->n_pieces, &read));
  for (int k = 0; k < pass->n_windows; k++) LbWindowSources(pass, &pass->window[k], read);
  PetscCall(Lists(pass, read, m));
  PetscCall(PetscFree(read));
  m->exchange = (double)m->need_start[m->group] * pass->piece * (double)pass->n_tiles;
  m->back     = 2 * (1 - 1. / m->group) * (double)plan->n_local;
  if (m->comm != MPI_COMM_NULL) PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &m->exchange, 1, MPI_DOUBLE, MPI_MAX, plan->sharing.comm));
  m->remap = can_remap && plan->sharing.transport != LB_TRANSPORT_EXCHANGE && (plan->sharing.transport == LB_TRANSPORT_REMAP || m->back < m->exchange) ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* doubles of buffers per tile of a chunk: x sent and received twice (one chunk travels while another is summed), y as well */
static int64_t PerTile(const LbPass *pass, const LbPassMessages *m)
{
  if (m->remap) return 8 * (pass->size / m->group * (m->group - 1) / m->group);
  return 2 * (int64_t)(m->need_start[m->group] + m->send_start[m->group]) * pass->piece;
}

PetscErrorCode LbMessagesBuffers(LbPlan p)
{
  const size_t wanted = p->sharing.buffer ? p->sharing.buffer : PetscMin((size_t)1 << 26, PetscMax((size_t)1 << 20, (size_t)p->n_local)); /* an eighth of the vector's bytes */
  size_t       most   = 0;
  int          group  = 1;

  PetscFunctionBegin;
  for (int k = 0; k < p->n_passes; k++) {
    const LbPass   *pass = &p->pass[k];
    LbPassMessages *m    = &p->messages[k];
    int64_t         per, least;

    if (m->group < 2) continue;
    per      = PetscMax(1, PerTile(pass, m));
    least    = m->remap ? m->group : 1;
    m->chunk = least;
    if (m->comm != MPI_COMM_NULL) PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &per, 1, MPI_INT64_T, MPI_MAX, m->comm));
    while (2 * m->chunk <= pass->n_tiles && (size_t)(2 * m->chunk * per) * 8 <= wanted) m->chunk *= 2;
    most  = PetscMax(most, (size_t)(m->chunk * per) * 8);
    group = PetscMax(group, m->group);
  }
  p->buffer_size = most;
  p->n_requests  = 2 * (group - 1);
  if (p->sharing.comm != MPI_COMM_NULL) {
    PetscCall(PetscMalloc1(most / 8 + 1, &p->buffer));
    PetscCall(PetscMalloc1(4 * p->n_requests + 1, &p->request));
    for (int k = 0; k < 4 * p->n_requests; k++) p->request[k] = MPI_REQUEST_NULL;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbMessagesDestroy(LbPlan p)
{
  PetscFunctionBegin;
  for (int k = 0; p->messages && k < p->n_passes; k++) {
    LbPassMessages *m = &p->messages[k];

    if (m->group > 1 && m->comm != MPI_COMM_NULL) PetscCallMPI(MPI_Comm_free(&m->comm));
    PetscCall(PetscFree2(m->need_start, m->send_start));
    PetscCall(PetscFree(m->need));
    PetscCall(PetscFree(m->send));
  }
  PetscCall(PetscFree(p->messages));
  PetscCall(PetscFree(p->buffer));
  PetscCall(PetscFree(p->request));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- exchange ---- */

static PetscErrorCode ExchangePost(LbPlan p, int number, int64_t c, const double *x)
{
  const LbPass         *pass = &p->pass[number];
  const LbPassMessages *m    = &p->messages[number];
  const int64_t         from = c * m->chunk, n = PetscMin(m->chunk, pass->n_tiles - from), per = PerTile(pass, m) / 2;
  double               *send = p->buffer + (c & 1) * m->chunk * per, *receive = send + m->chunk * m->send_start[m->group] * pass->piece;
  MPI_Request          *request = p->request + (c & 1) * p->n_requests;

  PetscFunctionBegin;
  for (int j = 0; j < m->group; j++) {
    const int64_t count = n * (m->need_start[j + 1] - m->need_start[j]) * pass->piece;

    if (count) PetscCallMPI(MPI_Irecv(receive + n * m->need_start[j] * pass->piece, (int)count, MPI_DOUBLE, j, TAG_X, m->comm, request++));
  }
  for (int j = 0; j < m->group; j++) {
    const int first = m->send_start[j], pieces = m->send_start[j + 1] - first;
    double   *to = send + n * first * pass->piece;

    if (!pieces) continue;
    for (int64_t t = 0; t < n; t++)
      for (int k = 0; k < pieces; k++) memcpy(to + (t * pieces + k) * pass->piece, x + (pass->direct ? 0 : pass->tile[from + t]) + pass->offset[m->send[first + k]], (size_t)pass->piece * sizeof *to);
    PetscCallMPI(MPI_Isend(to, (int)(n * pieces * pass->piece), MPI_DOUBLE, j, TAG_X, m->comm, request++));
    p->sent += 8. * (PetscReal)(n * pieces * pass->piece);
  }
  while (request < p->request + ((c & 1) + 1) * p->n_requests) *request++ = MPI_REQUEST_NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Exchange(LbPlan p, int number, PetscBool posted, const LbStart *start, const double *x, double *y)
{
  const LbPass         *pass   = &p->pass[number];
  const LbPassMessages *m      = &p->messages[number];
  const int64_t         chunks = (pass->n_tiles + m->chunk - 1) / m->chunk, per = PerTile(pass, m) / 2, own = pass->n_pieces / m->group, first = own * m->member;

  PetscFunctionBegin;
  if (!posted) PetscCall(ExchangePost(p, number, 0, x));
  for (int64_t c = 0; c < chunks; c++) {
    const int64_t from = c * m->chunk, n = PetscMin(m->chunk, pass->n_tiles - from);
    const double *receive = p->buffer + (c & 1) * m->chunk * per + m->chunk * m->send_start[m->group] * pass->piece;

    PetscCallMPI(MPI_Waitall(p->n_requests, p->request + (c & 1) * p->n_requests, MPI_STATUSES_IGNORE));
    if (c + 1 < chunks) PetscCall(ExchangePost(p, number, c + 1, x));
    for (int64_t t = 0; t < n; t++) {
      const int64_t at = pass->direct ? 0 : pass->tile[from + t];
      LbStart       here = *start;

      p->kernels->gather(own, pass->offset + first, pass->piece, x + at, p->x_tile + first * pass->piece);
      for (int j = 0; j < m->group; j++) {
        const int     pieces = m->need_start[j + 1] - m->need_start[j];
        const double *piece  = receive + (n * m->need_start[j] + t * pieces) * pass->piece;

        for (int k = 0; k < pieces; k++) memcpy(p->x_tile + (int64_t)m->need[m->need_start[j] + k] * pass->piece, piece + (int64_t)k * pass->piece, (size_t)pass->piece * sizeof *piece);
      }
      if (pass->direct) { /* one tile, whose own part is all that this rank has */
        if (here.x0) here.x0 -= first * pass->piece;
        LbTileApply(p, pass, p->x_tile, y - first * pass->piece, LB_START_FUSED, &here);
      } else {
        LbTileApply(p, pass, p->x_tile, p->y_tile, LB_START_ZERO, start);
        p->kernels->scatter_add(own, pass->offset + first, pass->piece, p->y_tile + first * pass->piece, y + at);
      }
      if (c + 1 < chunks) { /* lets the library move the next chunk */
        int done;

        PetscCallMPI(MPI_Testall(p->n_requests, p->request + ((c + 1) & 1) * p->n_requests, &done, MPI_STATUSES_IGNORE));
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- remap ---- */

/* tile number of the u-th tile of a chunk that rank j sums */
static inline int64_t Turn(const LbPassMessages *m, int64_t c, int j, int64_t u)
{
  return c * m->chunk + j * (m->chunk / m->group) + u;
}

/* buffers of a chunk: per rank j of the group, turns x own pieces; 0: x sent, 1: x received, 2: y sent, 3: y received */
static double *RemapBuffer(LbPlan p, const LbPass *pass, const LbPassMessages *m, int64_t c, int which, int j)
{
  const int64_t part = m->chunk / m->group * (pass->size / m->group); /* for one rank */

  return p->buffer + ((2 * which + (c & 1)) * (m->group - 1) + (j > m->member ? j - 1 : j)) * part;
}

static PetscErrorCode RemapSend(LbPlan p, const LbPass *pass, const LbPassMessages *m, int64_t c, int which, int tag)
{
  const int64_t part    = m->chunk / m->group * (pass->size / m->group);
  MPI_Request  *request = p->request + (which + (c & 1)) * p->n_requests;

  PetscFunctionBegin;
  for (int j = 0; j < m->group; j++)
    if (j != m->member) PetscCallMPI(MPI_Irecv(RemapBuffer(p, pass, m, c, which + 1, j), (int)part, MPI_DOUBLE, j, tag, m->comm, request++));
  for (int j = 0; j < m->group; j++)
    if (j != m->member) PetscCallMPI(MPI_Isend(RemapBuffer(p, pass, m, c, which, j), (int)part, MPI_DOUBLE, j, tag, m->comm, request++));
  p->sent += 8. * (PetscReal)(part * (m->group - 1));
  while (request < p->request + (which + (c & 1) + 1) * p->n_requests) *request++ = MPI_REQUEST_NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RemapPost(LbPlan p, int number, int64_t c, const double *x)
{
  const LbPass         *pass  = &p->pass[number];
  const LbPassMessages *m     = &p->messages[number];
  const int64_t         turns = m->chunk / m->group, own = pass->n_pieces / m->group, first = own * m->member, size = pass->size / m->group;

  PetscFunctionBegin;
  for (int j = 0; j < m->group; j++)
    for (int64_t u = 0; u < turns && j != m->member; u++)
      p->kernels->gather(own, pass->offset + first, pass->piece, x + pass->tile[Turn(m, c, j, u)], RemapBuffer(p, pass, m, c, 0, j) + u * size);
  PetscCall(RemapSend(p, pass, m, c, 0, TAG_X));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* rows of the own part that other ranks have summed */
static PetscErrorCode RemapAdd(LbPlan p, const LbPass *pass, const LbPassMessages *m, int64_t c, double *y)
{
  const int64_t turns = m->chunk / m->group, own = pass->n_pieces / m->group, first = own * m->member, size = pass->size / m->group;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Waitall(p->n_requests, p->request + (2 + (c & 1)) * p->n_requests, MPI_STATUSES_IGNORE));
  for (int j = 0; j < m->group; j++)
    for (int64_t u = 0; u < turns && j != m->member; u++)
      p->kernels->scatter_add(own, pass->offset + first, pass->piece, RemapBuffer(p, pass, m, c, 3, j) + u * size, y + pass->tile[Turn(m, c, j, u)]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Remap(LbPlan p, int number, PetscBool posted, const LbStart *start, const double *x, double *y)
{
  const LbPass         *pass   = &p->pass[number];
  const LbPassMessages *m      = &p->messages[number];
  const int64_t         chunks = pass->n_tiles / m->chunk, turns = m->chunk / m->group, own = pass->n_pieces / m->group, first = own * m->member, size = pass->size / m->group;

  PetscFunctionBegin;
  if (!posted) PetscCall(RemapPost(p, number, 0, x));
  for (int64_t c = 0; c < chunks; c++) {
    PetscCallMPI(MPI_Waitall(p->n_requests, p->request + (c & 1) * p->n_requests, MPI_STATUSES_IGNORE));
    if (c + 1 < chunks) PetscCall(RemapPost(p, number, c + 1, x));
    for (int64_t u = 0; u < turns; u++) {
      const int64_t at = pass->tile[Turn(m, c, m->member, u)];
      int           done;

      p->kernels->gather(own, pass->offset + first, pass->piece, x + at, p->x_tile + first * pass->piece);
      for (int j = 0; j < m->group; j++)
        if (j != m->member) memcpy(p->x_tile + j * size, RemapBuffer(p, pass, m, c, 1, j) + u * size, (size_t)size * sizeof *p->x_tile);
      LbTileApply(p, pass, p->x_tile, p->y_tile, LB_START_ZERO, start);
      p->kernels->scatter_add(own, pass->offset + first, pass->piece, p->y_tile + first * pass->piece, y + at);
      for (int j = 0; j < m->group; j++)
        if (j != m->member) memcpy(RemapBuffer(p, pass, m, c, 2, j) + u * size, p->y_tile + j * size, (size_t)size * sizeof *p->y_tile);
      PetscCallMPI(MPI_Testall(4 * p->n_requests, p->request, &done, MPI_STATUSES_IGNORE)); /* lets the library move what travels */
    }
    PetscCall(RemapSend(p, pass, m, c, 2, TAG_Y));
    if (c) PetscCall(RemapAdd(p, pass, m, c - 1, y));
  }
  PetscCall(RemapAdd(p, pass, m, chunks - 1, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPlanMessages(LbPlan p, const LbStart *start, const double *x, double *y)
{
  PetscBool posted = PETSC_FALSE;

  PetscFunctionBegin;
  for (int k = 0; k < p->n_passes; k++) {
    const LbPass         *pass = &p->pass[k];
    const LbPassMessages *m    = &p->messages[k];

    if (m->group > 1) {
      if (m->remap) PetscCall(Remap(p, k, posted, start, x, y));
      else PetscCall(Exchange(p, k, posted, start, x, y));
      posted = PETSC_FALSE;
      continue;
    }
    if (k + 1 < p->n_passes && p->messages[k + 1].group > 1) { /* travels during this pass */
      if (p->messages[k + 1].remap) PetscCall(RemapPost(p, k + 1, 0, x));
      else PetscCall(ExchangePost(p, k + 1, 0, x));
      posted = PETSC_TRUE;
    }
    for (int64_t t = 0; t < pass->n_tiles; t++) {
      if (pass->direct) {
        LbStart here = *start;

        if (here.x0) here.x0 += t * pass->size;
        LbTileApply(p, pass, x + t * pass->size, y + t * pass->size, LB_START_FUSED, &here);
      } else {
        p->kernels->gather(pass->n_pieces, pass->offset, pass->piece, x + pass->tile[t], p->x_tile);
        LbTileApply(p, pass, p->x_tile, p->y_tile, LB_START_ZERO, start);
        p->kernels->scatter_add(pass->n_pieces, pass->offset, pass->piece, p->y_tile, y + pass->tile[t]);
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPlanTraffic(LbPlan p, LbTraffic *traffic)
{
  PetscFunctionBegin;
  *traffic = (LbTraffic){.buffer = (PetscReal)p->buffer_size, .so_far = p->sent};
  for (int k = 0; p->messages && k < p->n_passes; k++) {
    const LbPassMessages *m = &p->messages[k];
    const PetscBool       can_remap = !p->pass[k].direct && p->pass[k].n_tiles >= m->group ? PETSC_TRUE : PETSC_FALSE;

    if (m->group < 2) continue;
    traffic->exchange += 8 * m->exchange;
    traffic->remap += 8 * (can_remap ? m->back : m->exchange);
    traffic->chosen += 8 * (m->remap ? m->back : m->exchange);
    traffic->n_exchange += !m->remap;
    traffic->n_remap += m->remap;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
