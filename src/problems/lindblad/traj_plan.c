/* What a deck means for trajectories, before anything is set up: which motion, how many trajectories per block and ranks per state, what is not possible, what it costs.

   Ranks per state: as many as bring its vectors below a gigabyte per rank, and as many as leave no rank without a trajectory of a block. */
#include <stdio.h>
#include "traj_plan.h"
#include "traj_reduced.h"
#include "traj_start.h"

PetscInt LbTrajBlock(const Lindblad *c)
{
  PetscInt largest = 1024;

  if (c->trajectories.block.word < 0) return c->trajectories.block.value;
  for (int k = 0; k < c->observables.n; k++)
    if (c->observables.item[k].kind == LB_OBSERVE_PURITY || c->observables.item[k].kind == LB_OBSERVE_ENTROPY) largest = 32; /* their errors come from the spread of the blocks */
  return (PetscInt)PetscMax(32, PetscMin(largest, 524288 / PetscMax(c->model.n, 1)));
}

PetscInt LbTrajTimes(const Lindblad *c)
{
  return 1 + (PetscInt)PetscMax(0, PetscCeilReal((c->time.end - c->time.start) / c->time.output_every - 1e-9));
}

PetscBool LbTrajIsPure(const Lindblad *c)
{
  return c->model_deck.initial.mixed || c->model_deck.initial.checkpoint || c->thermal ? PETSC_FALSE : PETSC_TRUE;
}

/* auto: strang for constant terms on two spins at most; larger exponentials, to be made anew at each jump, cost more than dp5 does */
const LbMotionKind *LbTrajMotion(const Lindblad *c)
{
  PetscReal largest = 0;

  if (c->integrator.kind == LB_DP5) return &lb_motion_dp5;
  if (c->integrator.kind == LB_STRANG) return &lb_motion_strang;
  for (int t = 0; t < c->model.n_terms; t++) {
    PetscReal size = 1;

    for (int q = 0; q < c->model.term[t].p.n; q++) size *= c->model.dim[c->model.term[t].p.site[q]];
    largest = PetscMax(largest, size);
  }
  for (int k = 0; k < c->model.n_jumps; k++)
    for (int p = 0; p < c->model.jump[k].n; p++) {
      PetscReal size = 1;

      for (int q = 0; q < c->model.jump[k].part[p].p.n; q++) size *= c->model.dim[c->model.jump[k].part[p].p.site[q]];
      largest = PetscMax(largest, c->model.jump[k].n > 1 ? size * size : size);
    }
  return c->model.constant && largest <= 4 ? &lb_motion_strang : &lb_motion_dp5;
}

static PetscReal Bytes(const Lindblad *c)
{
  return LbPathBytes((PetscReal)c->model.n, (int)LbTrajTimes(c), LbTrajMotion(c), c->model.n_times, c->trajectories.share && LbTrajIsPure(c) ? PETSC_TRUE : PETSC_FALSE);
}

int LbTrajMembers(const Lindblad *c, int ranks)
{
  if (c->trajectories.members.word < 0) return (int)c->trajectories.members.value;
  return (int)PetscMax(PetscMin(ranks, PetscCeilReal(Bytes(c) / 1073741824.)), (ranks + LbTrajBlock(c) - 1) / LbTrajBlock(c));
}

/* states of all sites that two products act on */
static PetscReal Together(const LbModel *model, const LbProduct *p, const LbProduct *q)
{
  PetscReal size = 1;

  for (int i = 0; i < p->n; i++) size *= model->dim[p->site[i]];
  for (int i = 0; q && i < q->n; i++) {
    PetscBool seen = PETSC_FALSE;

    for (int k = 0; k < p->n; k++) seen = seen || p->site[k] == q->site[i] ? PETSC_TRUE : PETSC_FALSE;
    if (!seen) size *= model->dim[q->site[i]];
  }
  return size;
}

/* small matrices are made for the sites of each product, of J+ J for jumps: they must stay small, for exponentials more so */
static PetscErrorCode CheckProducts(TesProblem problem, const Lindblad *c, PetscBool *good)
{
  const PetscReal limit = c->integrator.kind == LB_STRANG ? LB_WAVE_GATE : LB_WAVE_SUPPORT;
  const char     *why   = c->integrator.kind == LB_STRANG ? "for the exponentials of strang; dp5 does more" : "with solver: trajectories";
  int             said  = -1;
  char            path[64];

  PetscFunctionBegin;
  for (int t = 0; t < c->model.n_terms; t++) {
    const PetscReal size = Together(&c->model, &c->model.term[t].p, NULL);

    if (size <= limit || said == c->model.term[t].item) continue;
    *good = PETSC_FALSE;
    said  = c->model.term[t].item;
    snprintf(path, sizeof path, "hamiltonian.%d", said);
    PetscCall(TesDeckComplain(problem, path, ": a product acts on sites with %.0f states in all; %.0f are possible %s", (double)size, (double)limit, why));
  }
  said = -1;
  for (int k = 0; k < c->model.n_jumps; k++) {
    const LbJump *jump = &c->model.jump[k];

    for (int p = 0; p < jump->n; p++)
      for (int q = 0; q <= p; q++) {
        const PetscReal size = Together(&c->model, &jump->part[p].p, &jump->part[q].p);

        if (size <= limit || said == jump->item) continue;
        *good = PETSC_FALSE;
        said  = jump->item;
        snprintf(path, sizeof path, "jumps.%d", said);
        PetscCall(TesDeckComplain(problem, path, ": J+ J acts on sites with %.0f states in all; %.0f are possible %s", (double)size, (double)limit, why));
      }
  }
  for (int k = 0; k < c->observables.n; k++)
    for (int t = 0; t < c->observables.item[k].n_terms; t++) {
      const PetscReal size = Together(&c->model, &c->observables.item[k].term[t].p, NULL);

      if (size <= LB_WAVE_SUPPORT) continue;
      *good = PETSC_FALSE;
      snprintf(path, sizeof path, "observables.%d", c->observables.item[k].item);
      PetscCall(TesDeckComplain(problem, path, ": a product acts on sites with %.0f states in all; %d are possible with solver: trajectories", (double)size, LB_WAVE_SUPPORT));
      break;
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbTrajCheck(TesProblem problem, Lindblad *c, PetscBool *good)
{
  char path[64];

  PetscFunctionBegin;
  if (c->time.output_every <= 0) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "time.output_every", "must be above 0"));
  }
  if (c->time.end <= c->time.start) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "time.end", "must be after time.start (%g)", (double)c->time.start));
  }
  if (*good && (c->time.end - c->time.start) / c->time.output_every > 1e6) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "time.output_every", "gives more than a million output times"));
  }
  if (c->integrator.kind != LB_AUTO && c->integrator.kind != LB_DP5 && c->integrator.kind != LB_STRANG) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "integrator.kind", "not possible with solver: trajectories: auto, dp5 and strang are"));
  }
  PetscCall(CheckProducts(problem, c, good));
  c->thermal = TesDeckHas(TesProblemDeck(problem), "initial.thermal");
  if ((c->thermal || c->model_deck.initial.checkpoint) && c->model.n > LB_MIXTURE) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, c->thermal ? "initial.thermal" : "initial.checkpoint", ": trajectories begin in eigenvectors of this state, which are found up to dimension %d; here it is %" PetscInt64_FMT
                              ": begin in a product state or the maximally mixed one (initial.mixed)", LB_MIXTURE, c->model.n));
  }
  for (int k = 0; k < c->observables.n; k++) {
    const LbObservable *o = &c->observables.item[k];

    if ((o->kind == LB_OBSERVE_PURITY || o->kind == LB_OBSERVE_ENTROPY) && c->until.max < 2 * LbTrajBlock(c)) {
      *good = PETSC_FALSE;
      PetscCall(TesDeckComplain(problem, "until.max", ": `%s` needs %d trajectories at least: its standard error comes from the spread of blocks, here of %d (trajectories.block)", o->name,
                                2 * (int)LbTrajBlock(c), (int)LbTrajBlock(c)));
    }
    if ((o->kind != LB_OBSERVE_PURITY && o->kind != LB_OBSERVE_ENTROPY) || LbReducedDimension(&c->model, o) <= LB_REDUCED) continue;
    *good = PETSC_FALSE;
    snprintf(path, sizeof path, "observables.%d", o->item);
    PetscCall(TesDeckComplain(problem, path, ": `%s` comes from the reduced density matrix of its sites, here of dimension %.0f, which trajectories average up to %d: name a smaller `subsystem`, or take solver: density",
                              o->name, (double)LbReducedDimension(&c->model, o), LB_REDUCED));
  }
  if (c->model.n_sites > LB_WAVE_SITES || c->model.n < 0 || c->model.n > (PetscInt64)1 << 40) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "system.sites", ": a state vector of this system has more than 2^40 amplitudes, or there are more than %d sites", LB_WAVE_SITES));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbTrajEstimate(TesProblem problem, Lindblad *c, TesEstimate *e)
{
  const int members = LbTrajMembers(c, e->ranks);

  PetscFunctionBegin;
  (void)problem;
  e->usable_ranks   = (int)PetscMin((PetscReal)e->ranks, (PetscReal)LbTrajBlock(c) * members);
  e->bytes_per_rank = Bytes(c) / PetscMin(members, e->ranks) + 8. * 4 * LbTrajTimes(c) * (c->observables.n_columns + 1);
  if (c->thermal || c->model_deck.initial.checkpoint) e->bytes_per_rank += 64. * (double)c->model.n * (double)c->model.n; /* while its eigenvectors are found */
  for (int k = 0; k < c->observables.n; k++) {
    const PetscReal n = LbReducedDimension(&c->model, &c->observables.item[k]);

    if (c->observables.item[k].kind == LB_OBSERVE_PURITY || c->observables.item[k].kind == LB_OBSERVE_ENTROPY) e->bytes_per_rank += 8. * 24 * LbTrajTimes(c) * n * n;
  }
  e->bytes_output   = 8. * 4 * LbTrajTimes(c) * (c->observables.n_columns + 1);
  e->bytes_sent     = e->ranks > 1 ? 16. * LbTrajTimes(c) * (c->observables.n_columns + 1) * PetscLog2Real((PetscReal)LbTrajBlock(c)) : 0;
  e->steps          = PetscCeilReal((PetscReal)c->until.max / LbTrajBlock(c)) + LbTrajTimes(c);
  snprintf(e->note, sizeof e->note, "state vectors of %.4g amplitudes (%.4g bytes), %s; up to %" PetscInt64_FMT " trajectories in blocks of %d, %d rank%s per state", (double)c->model.n,
           16. * (double)c->model.n, LbTrajMotion(c)->name, c->until.max, (int)LbTrajBlock(c), PetscMin(members, e->ranks), members > 1 ? "s" : "");
  PetscFunctionReturn(PETSC_SUCCESS);
}
