/* Who works on which samples, and on which part of their grids.

   The ranks are G groups of p_x p_y p_z members. Samples are split over the groups, in work units that are never cut; the members of a group share the grids of its samples. With one member per
   group every sample is done by one rank. `auto` uses groups first, as many as there are units, and shares grids with what is left. The numbers of a deck are upper bounds: what does not
   fit the ranks of a run is made smaller, as results do not depend on it.

   A group takes its samples in rounds: in groups of one member one by one, else several at a time, so that halos of all of them travel in one message and the coarse levels can be divided by
   samples. Inputs, outputs and losses of a sample belong to one member. */
#include "model.h"

#define TOGETHER 8 /* samples of a round, unless a unit or the transpose over many members wants more */

static PetscInt Blocks(const Mgno *m, PetscInt d)
{
  return d < m->grid.dim && m->parallel.blocks.n > d + 1 ? m->parallel.blocks.v[d + 1] : 1;
}

void MgnoSpecBlocks(const Mgno *m, PetscInt blocks[], PetscInt *min_local)
{
  for (PetscInt d = 0; d < MGNO_DIM; d++) blocks[d] = Blocks(m, d);
  *min_local = m->parallel.min_local;
}

PetscInt MgnoUnitOf(const Mgno *m)
{
  const PetscInt wanted = m->parallel.blocks.n ? m->parallel.blocks.v[0] : 4;

  return PetscMax(1, (m->train.batch + wanted - 1) / wanted);
}

/* Of all p with p_d at most most[d] and a product of at most `ranks`: the largest product, among these the one that cuts the slowest dimensions. A dimension of a torus that is odd on some level is
   not cut. */
static void Choose(const PetscInt most[], PetscInt ranks, PetscInt p[])
{
  PetscInt best = 0;

  for (PetscInt x = 1; x <= most[0]; x++)
    for (PetscInt y = 1; y <= most[1] && x * y <= ranks; y++)
      for (PetscInt z = 1; z <= most[2] && x * y * z <= ranks; z++) {
        if (x * y * z <= best) continue;
        best = x * y * z;
        p[0] = x;
        p[1] = y;
        p[2] = z;
      }
}

void MgnoRanksChoose(const Mgno *m, const MgnoPlan *plan, int ranks, MgnoRanks *r)
{
  const PetscInt unit  = MgnoUnitOf(m), units = MgnoDoes(m, MGNO_TRAIN) ? (m->train.batch + unit - 1) / unit : ranks;
  const PetscInt asked = m->parallel.groups > 0 ? PetscMin(m->parallel.groups, units) : units;
  PetscInt       most[MGNO_DIM], product = 1;
  PetscBool      given = m->parallel.grid.n > 0 && m->parallel.grid.v[0] > 0 ? PETSC_TRUE : PETSC_FALSE;

  *r = (MgnoRanks){.groups = 1, .p = {1, 1, 1}, .members = 1};
  for (PetscInt d = 0; d < MGNO_DIM; d++) {
    most[d] = Blocks(m, d);
    if (d < m->grid.dim && given) most[d] = PetscMin(most[d], m->parallel.grid.n > d ? m->parallel.grid.v[d] : 1);
    if (d < m->grid.dim && plan->spec.side[d][0] == NET_WRAP && !plan->torus[d]) most[d] = 1;
    product *= most[d];
  }
  if (plan->n_cut < 1) product = 1;
  if (product > 1 && ranks > 1) Choose(most, given ? ranks : PetscMax(1, ranks / PetscMin(asked, ranks)), r->p);
  r->members = (int)(r->p[0] * r->p[1] * r->p[2]);
  r->groups  = (int)PetscMin(asked, ranks / r->members);
  r->used    = r->groups * r->members;
}

PetscErrorCode MgnoRanksSetUp(TesProblem problem)
{
  Mgno      *m    = TesProblemCtx(problem);
  MgnoRanks *r    = &m->ranks;
  MPI_Comm   comm = TesProblemComm(problem);
  int        size, rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  MgnoRanksChoose(m, m->plan, size, r);
  r->size  = size;
  r->group = r->peers = MPI_COMM_NULL;
  r->number           = rank / r->members;
  r->member           = rank % r->members;
  r->idle             = r->number >= r->groups ? PETSC_TRUE : PETSC_FALSE;
  if (r->members == 1) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCallMPI(MPI_Comm_split(comm, r->idle ? MPI_UNDEFINED : r->number, rank, &r->group));
  PetscCallMPI(MPI_Comm_split(comm, r->idle ? MPI_UNDEFINED : r->member, rank, &r->peers));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoRanksDestroy(Mgno *m)
{
  PetscFunctionBegin;
  if (m->ranks.members > 1 && m->ranks.group != MPI_COMM_NULL) {
    PetscCallMPI(MPI_Comm_free(&m->ranks.group));
    PetscCallMPI(MPI_Comm_free(&m->ranks.peers));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* samples of a round: whole units, or a part of one; a tied kernel is used in several places, and sums its gradient sample by sample */
PetscInt MgnoTogether(const Mgno *m)
{
  return m->model.tie != NET_TIE_NONE ? 1 : PetscMax(TOGETHER, m->ranks.members * MgnoUnitOf(m));
}

/* ---- work ---- */

PetscErrorCode MgnoWorkCreate(TesProblem problem, PetscInt64 n, PetscInt64 unit, MgnoWork *w)
{
  Mgno            *m = TesProblemCtx(problem);
  const MgnoRanks *r = &m->ranks;
  TesPartition     over;

  PetscFunctionBegin;
  *w = (MgnoWork){.n = n, .unit = unit};
  PetscCall(PetscCalloc1(n + 1, &w->owner));
  if (r->members <= 1) {
    PetscCall(TesPartitionCreate(TesProblemComm(problem), n, unit, &over));
    for (PetscInt64 i = 0; i < n; i++) w->owner[i] = TesPartitionOwner(&over, i);
    w->first = w->group_first = over.first;
    w->n_local = w->group_n = over.n_local;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TesPartitionCreateFor(0, r->groups, n, unit, &over));
  for (int g = 0; g < r->groups; g++) {
    TesPartition within;
    PetscInt64   first, count, start, some;

    TesPartitionRange(&over, g, &first, &count);
    PetscCall(TesPartitionCreateFor(0, r->members, count, 1, &within));
    for (int k = 0; k < r->members; k++) {
      TesPartitionRange(&within, k, &start, &some);
      for (PetscInt64 i = 0; i < some; i++) w->owner[first + start + i] = g * r->members + k;
      if (r->idle || g != r->number || k != r->member) continue;
      w->first       = first + start;
      w->n_local     = some;
      w->group_first = first;
      w->group_n     = count;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoWorkDestroy(MgnoWork *w)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(w->owner));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoWorkRound(Mgno *m, MgnoNet net, const MgnoWork *w, PetscInt64 at, PetscInt64 *n, PetscInt64 *first, PetscInt64 *n_share)
{
  const MgnoRanks *r = &m->ranks;
  PetscInt64       most = 1;
  MgnoShare       *io;

  PetscFunctionBegin;
  if (r->members > 1) {
    const PetscInt64 together = MgnoTogether(m);

    most = w->unit < together ? together / w->unit * w->unit : PetscMin(together, w->unit - at % w->unit);
  }
  *n = PetscMin(most, w->group_n - at);
  PetscCall(PetscCalloc1(r->members, &io));
  for (PetscInt64 i = 0; i < *n && r->members > 1; i++) {
    MgnoShare *of = &io[w->owner[w->group_first + at + i] % r->members];

    if (!of->n++) of->first = (PetscInt)i;
  }
  if (r->members == 1) io[0].n = 1;
  PetscCall(MgnoNetRound(net, (PetscInt)*n, (PetscInt)w->unit, io));
  *first   = r->members > 1 ? w->group_first + at + io[r->member].first - w->first : at;
  *n_share = io[r->member].n;
  if (!*n_share) *first = 0;
  PetscCall(PetscFree(io));
  PetscFunctionReturn(PETSC_SUCCESS);
}
