/* What the deck must satisfy beyond its table, what follows from it, and what a run will need. */
#include "model.h"

PetscBool MgnoDoes(const Mgno *m, MgnoAction action)
{
  for (PetscInt a = 0; a < m->actions.n; a++) {
    if (m->actions.v[a] == (PetscInt)action) return PETSC_TRUE;
  }
  return PETSC_FALSE;
}

PetscInt64 MgnoActionSteps(const Mgno *m, PetscInt64 action)
{
  switch ((MgnoAction)m->actions.v[action]) {
  case MGNO_GENERATE: return MgnoGenerateSteps(m);
  case MGNO_TRAIN: return MgnoTrainSteps(m);
  case MGNO_EVALUATE: return MgnoEvaluateSteps(m);
  case MGNO_PREDICT: return MgnoPredictSteps(m);
  case MGNO_SOLVE: return MgnoSolveSteps(m);
  case MGNO_ROLLOUT: return MgnoRolloutSteps(m);
  }
  return 0;
}

void MgnoDerive(Mgno *m, PetscInt64 seed)
{
  const PetscReal length = m->data.family == MGNO_TRIG ? 2 : 1;

  m->family = MgnoFamilyOf(m);
  m->points = 1;
  for (PetscInt d = 0; d < MGNO_DIM; d++) {
    m->n[d] = d < m->grid.dim && m->grid.n.n ? m->grid.n.v[m->grid.n.n == 1 ? 0 : PetscMin(d, m->grid.n.n - 1)] : 1;
    m->points *= m->n[d];
    switch ((MgnoLayout)m->grid.layout) {
    case MGNO_CELL:
    case MGNO_PERIODIC: m->h[d] = length / (PetscReal)m->n[d]; break;
    case MGNO_VERTEX: m->h[d] = length / (PetscReal)PetscMax(m->n[d] - 1, 1); break;
    case MGNO_INTERIOR: m->h[d] = length / (PetscReal)(m->n[d] + 1); break;
    }
  }
  m->lower     = m->data.family == MGNO_TRIG ? -1 : 0;
  m->samples   = (PetscInt64)m->data.train + m->data.validation + m->data.test;
  m->store     = m->data.store ? TES_F64 : TES_F32;
  m->data_seed = m->data.seed >= 0 ? m->data.seed : seed;
  m->network   = (PetscBool)(MgnoDoes(m, MGNO_TRAIN) || MgnoDoes(m, MGNO_EVALUATE) || MgnoDoes(m, MGNO_PREDICT) || MgnoDoes(m, MGNO_SOLVE) || MgnoDoes(m, MGNO_ROLLOUT));
  if (m->train.cycle_beta1.n == 2) {
    m->train.schedule.cycle_beta1[0] = m->train.cycle_beta1.v[0];
    m->train.schedule.cycle_beta1[1] = m->train.cycle_beta1.v[1];
  }
  m->frames    = 1;
  m->c_in      = m->data.family <= MGNO_TRIG && m->data.sources ? 2 : 1;
  m->c_out     = m->family && m->family->frames ? m->family->frames(m) : 1;
}

static PetscErrorCode CheckGrid(TesProblem problem)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  if (m->grid.n.n > 1 && m->grid.n.n != m->grid.dim)
    PetscCall(TesDeckComplain(problem, "grid.n", "has %" PetscInt_FMT " entries, wanted one for all dimensions or one for each of grid.dim = %" PetscInt_FMT, m->grid.n.n, m->grid.dim));
  if (PetscRealPart((PetscReal)m->points) > 2e9) PetscCall(TesDeckComplain(problem, "grid.n", "gives %" PetscInt64_FMT " points per sample: more than one rank can hold", m->points));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckData(TesProblem problem)
{
  Mgno             *m      = TesProblemCtx(problem);
  const MgnoFamily *family = m->family;

  PetscFunctionBegin;
  if (m->samples < 1) PetscCall(TesDeckComplain(problem, "data.train", "must be at least 1 when there are no samples for validation and test"));
  if (m->samples > 0xffffffffLL) PetscCall(TesDeckComplain(problem, "data.train", "gives %" PetscInt64_FMT " samples in all: at most 4294967295", m->samples));
  if (!MgnoDoes(m, MGNO_GENERATE)) PetscFunctionReturn(PETSC_SUCCESS);
  if (m->data.file[0] == '/' || strstr(m->data.file, "..")) PetscCall(TesDeckComplain(problem, "data.file", "must be a name inside the output folder when the data are generated"));
  if (!strstr(family->layouts, mgno_layout_names[m->grid.layout]))
    PetscCall(TesDeckComplain(problem, "grid.layout", "cannot be used with data.family: %s; it needs %s", family->name, family->layouts));
  if (m->grid.dim < family->dim_low || m->grid.dim > family->dim_high)
    PetscCall(TesDeckComplain(problem, "grid.dim", "cannot be used with data.family: %s, which is made in %" PetscInt_FMT " dimensions", family->name, family->dim_low));
  if (family->check) PetscCall(family->check(problem));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the data that training and evaluation will use, and the network for them */
static PetscErrorCode CheckNetwork(TesProblem problem)
{
  Mgno         *m     = TesProblemCtx(problem);
  MgnoDataShape shape = {.n = m->samples, .c_in = m->c_in, .c_out = m->c_out};
  PetscBool     there = PETSC_TRUE;
  const PetscBool data = MgnoDoes(m, MGNO_TRAIN) || MgnoDoes(m, MGNO_EVALUATE) || MgnoDoes(m, MGNO_SOLVE) || MgnoDoes(m, MGNO_ROLLOUT) || !m->predict.file ? PETSC_TRUE : PETSC_FALSE;
  char         *path, fault[2048];

  PetscFunctionBegin;
  PetscCall(MgnoModelCheck(problem));
  if (!MgnoDoes(m, MGNO_GENERATE) && data) {
    PetscCall(MgnoDataPath(problem, &path));
    PetscCall(MgnoFileExists(TesProblemComm(problem), path, &there));
    if (!there) {
      PetscCall(TesDeckComplain(problem, "data.file", "cannot be read: %s", path));
    } else {
      PetscCall(MgnoDataLook(problem, path, &shape, fault, sizeof(fault)));
      if (fault[0]) PetscCall(TesDeckComplain(problem, "data.file", "%s", fault));
      there = fault[0] ? PETSC_FALSE : PETSC_TRUE;
    }
    PetscCall(PetscFree(path));
  }
  if (there && data) {
    m->frames = MgnoFrames(m, shape.c_in, shape.c_out);
    if (!m->frames)
      PetscCall(TesDeckComplain(problem, "model.in_channels", "does not fit the data: it has %" PetscInt_FMT " channels of x and %" PetscInt_FMT " of y, the model %" PetscInt_FMT " in and %" PetscInt_FMT " out", shape.c_in, shape.c_out,
                                m->model.in_channels, m->model.out_channels));
    m->frames = PetscMax(m->frames, 1);
  }
  if (MgnoDoes(m, MGNO_TRAIN)) {
    if (m->data.train < 1) PetscCall(TesDeckComplain(problem, "data.train", "must be at least 1 to train"));
    else if (m->train.batch > (PetscInt64)m->data.train * m->frames) PetscCall(TesDeckComplain(problem, "train.batch", "is more than the %" PetscInt64_FMT " training samples", (PetscInt64)m->data.train * m->frames));
    if (m->train.unrolled > 1 && there && m->frames < 2)
      PetscCall(TesDeckComplain(problem, "train.unrolled", "needs data of trajectories (data.family: navier_stokes with data.frames of at least 2) and as many channels out as in"));
    if (m->train.optimizer.kind == TES_OPTIMIZER_LBFGS) PetscCall(TesDeckComplain(problem, "train.optimizer.kind", "must be adam or sgd: lbfgs needs the whole sum in every step"));
    if (m->train.loss >= MGNO_ENERGY && !MgnoHasEnergy(m))
      PetscCall(TesDeckComplain(problem, "train.loss", "needs an equation whose operator the input determines: data.family darcy_... or poisson, grid.layout cell or vertex, all inputs of the data in model.in_channels"));
    if (m->train.select == 1 && m->data.validation < 1 && TesDeckHas(TesProblemDeck(problem), "train.select")) PetscCall(TesDeckComplain(problem, "train.select", "needs data.validation of at least 1"));
  } else if (!m->model.weights) {
    PetscCall(TesDeckComplain(problem, "model.weights", "must name the result.h5 of a training run when `train` is not among the actions"));
  }
  if (MgnoDoes(m, MGNO_EVALUATE) && m->data.test < 1) PetscCall(TesDeckComplain(problem, "data.test", "must be at least 1 to evaluate"));
  if (m->evaluate.factor && (!MgnoHasEnergy(m) || m->grid.layout != MGNO_CELL))
    PetscCall(TesDeckComplain(problem, "evaluate.factor", "needs data.family darcy_... or poisson on grid.layout: cell, all of whose inputs the model takes"));
  if (m->evaluate.factor && m->model.norm == NET_NORM_PIXEL) PetscCall(TesDeckComplain(problem, "evaluate.factor", "cannot be used with model.norm: layernorm_affine_pixel, whose weights belong to the points of one grid"));
  if (MgnoDoes(m, MGNO_SOLVE)) {
    if (!MgnoHasEnergy(m)) PetscCall(TesDeckComplain(problem, "actions", "cannot solve: that needs data.family darcy_... or poisson, grid.layout cell or vertex, and all of its inputs in model.in_channels"));
    else if (m->data.test < 1) PetscCall(TesDeckComplain(problem, "data.test", "must be at least 1 to solve"));
    if (m->solve.method == 1 && (m->model.tie != NET_TIE_SYMMETRIC || m->model.activation != MGNO_IDENTITY || m->model.layers != 1 || m->model.skip != NET_NO_SKIP))
      PetscCall(TesDeckComplain(problem, "solve.method", "needs a symmetric linear preconditioner: model.layers: 1, tie: symmetric, activation: identity, skip: none"));
    for (PetscInt i = 0; i < m->solve.use.n; i++) {
      if (m->solve.use.v[i] == 1 && ((m->c_in == 1 && m->data.family != MGNO_POISSON) || m->grid.layout != MGNO_CELL))
        PetscCall(TesDeckComplain(problem, "solve.use", "cannot have preconditioner: the network must see the right-hand side (data.sources: random with model.in_channels: 2, or data.family: poisson) on grid.layout: cell"));
    }
  }
  if (MgnoDoes(m, MGNO_ROLLOUT) && there && m->frames < 2)
    PetscCall(TesDeckComplain(problem, "actions", "cannot roll out: that needs data of trajectories (data.family: navier_stokes with data.frames of at least 2) and as many channels out as in"));
  if (MgnoDoes(m, MGNO_ROLLOUT) && m->data.test < 1) PetscCall(TesDeckComplain(problem, "data.test", "must be at least 1 to roll out"));
  if (MgnoDoes(m, MGNO_PREDICT) && !m->predict.file && m->data.test < 1) PetscCall(TesDeckComplain(problem, "data.test", "must be at least 1 to predict without predict.file"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* blocks that the grid allows, groups that the batch has units for */
static PetscErrorCode CheckParallel(TesProblem problem)
{
  Mgno          *m    = TesProblemCtx(problem);
  const PetscInt unit = MgnoUnitOf(m), units = (m->train.batch + unit - 1) / unit;
  MgnoNetSpec    spec;
  MgnoPlan      *plan;

  PetscFunctionBegin;
  if (MgnoDoes(m, MGNO_TRAIN) && m->parallel.groups > units)
    PetscCall(TesDeckComplain(problem, "parallel.groups", "is more than the %" PetscInt_FMT " work units of a batch (train.batch = %" PetscInt_FMT ", parallel.blocks)", units, m->train.batch));
  if (m->parallel.blocks.n > m->grid.dim + 1) {
    PetscCall(TesDeckComplain(problem, "parallel.blocks", "has %" PetscInt_FMT " entries, wanted at most the samples and one for each of grid.dim = %" PetscInt_FMT, m->parallel.blocks.n, m->grid.dim));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (m->parallel.grid.n > m->grid.dim) PetscCall(TesDeckComplain(problem, "parallel.grid", "has %" PetscInt_FMT " entries, wanted at most one for each of grid.dim = %" PetscInt_FMT, m->parallel.grid.n, m->grid.dim));
  for (PetscInt d = 0; d < m->grid.dim; d++) {
    const PetscInt blocks = m->parallel.blocks.n > d + 1 ? m->parallel.blocks.v[d + 1] : 1;

    if (d < m->parallel.grid.n && m->parallel.grid.v[d] > blocks)
      PetscCall(TesDeckComplain(problem, "parallel.grid", "has %" PetscInt_FMT " ranks along %c, parallel.blocks cuts the grid in %" PetscInt_FMT " there: a block is never cut", m->parallel.grid.v[d], "xyz"[d], blocks));
  }
  MgnoModelSpec(m, &spec);
  if (m->model.levels > NET_LEVELS) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(MgnoPlanCreate(&spec, &plan));
  if (plan->n_cut < 1)
    PetscCall(TesDeckComplain(problem, "parallel.blocks", "must leave at least parallel.min_local points per block and dimension: a grid of %" PetscInt_FMT " x %" PetscInt_FMT " x %" PetscInt_FMT " points is cut in blocks of less than parallel.min_local = %" PetscInt_FMT " points", m->n[0], m->n[1], m->n[2],
                              m->parallel.min_local));
  for (PetscInt d = 0; d < m->grid.dim && plan->n_cut >= 1; d++) {
    if (spec.blocks[d] > 1 && spec.side[d][0] == NET_WRAP && !plan->torus[d])
      PetscCall(TesDeckComplain(problem, "parallel.blocks", "cannot cut along %c, where the grid is periodic and %" PetscInt_FMT " points cannot be halved %" PetscInt_FMT " times", "xyz"[d], m->n[d], m->model.levels - 1));
  }
  PetscCall(MgnoPlanDestroy(&plan));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoCheck(TesProblem problem)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  MgnoDerive(m, TesProblemSeed(problem));
  PetscCall(CheckGrid(problem));
  PetscCall(CheckData(problem));
  if (m->network) PetscCall(CheckNetwork(problem));
  if (m->network) PetscCall(CheckParallel(problem));
  for (PetscInt a = 0; a < m->actions.n; a++)
    for (PetscInt b = a + 1; b < m->actions.n; b++) {
      if (m->actions.v[a] == m->actions.v[b]) PetscCall(TesDeckComplain(problem, "actions", "must not name %s twice", mgno_action_names[m->actions.v[a]]));
      else if (m->actions.v[a] > m->actions.v[b]) PetscCall(TesDeckComplain(problem, "actions", "must have %s before %s", mgno_action_names[m->actions.v[b]], mgno_action_names[m->actions.v[a]]));
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* bytes of the network on a rank: fields per layer of the samples of a round, shared by the members of a group; weights in three forms; a gradient per leaf */
static PetscReal NetworkBytes(const Mgno *m, const MgnoPlan *plan, const MgnoRanks *ranks)
{
  const PetscReal samples = ranks->members > 1 ? (PetscReal)MgnoTogether(m) / ranks->members : 1, leaves = plan->n_blocks > 1 ? (PetscReal)plan->n_blocks / ranks->members + 1 : 1;
  const PetscReal word = m->precision ? 8 : 4, padded = (m->model.channels + MGNO_PAD - 1) / MGNO_PAD * MGNO_PAD, coarse = m->grid.dim == 3 ? 8. / 7 : 4. / 3;
  const PetscReal layers = MgnoDoes(m, MGNO_TRAIN) && m->train.recompute == 0 ? m->model.layers : 1;

  return word * (samples * (PetscReal)m->points * padded * coarse * (5 * layers + 6) + (2 + leaves * (ranks->members > 1 ? MgnoTogether(m) : 1)) * (PetscReal)plan->size) + 8 * 8 * (PetscReal)plan->size;
}

/* bytes that a member of a group sends per batch: ghosts (about nine exchanges of C channels per layer and cut level, forward and backward) and four transposes per layer of the first level that is whole */
static PetscReal HaloBytes(const Mgno *m, const MgnoRanks *ranks)
{
  const PetscReal word = m->precision ? 8 : 4, padded = (m->model.channels + MGNO_PAD - 1) / MGNO_PAD * MGNO_PAD, samples = PetscCeilReal((PetscReal)m->train.batch / ranks->groups);
  PetscReal       side = 0;

  for (PetscInt d = 0; d < m->grid.dim; d++) side += ranks->p[d] > 1 ? 2 * (PetscReal)m->points / m->n[d] * ranks->p[d] / ranks->members : 0;
  return ranks->members > 1 ? word * padded * samples * m->model.layers * (9 * 2 * side + 4 * (PetscReal)m->points / 16 / ranks->members) : 0;
}

PetscErrorCode MgnoEstimate(TesProblem problem, TesEstimate *estimate)
{
  Mgno           *m      = TesProblemCtx(problem);
  const PetscReal sample = (PetscReal)m->points * ((PetscReal)m->c_in + (PetscReal)m->c_out) * (PetscReal)TesTypeBytes(m->store);
  MgnoNetSpec     spec;
  MgnoPlan       *plan = NULL;

  PetscFunctionBegin;
  estimate->usable_ranks = estimate->ranks;
  if (MgnoDoes(m, MGNO_GENERATE)) estimate->usable_ranks = (int)PetscMin((PetscInt64)estimate->ranks, PetscMin((PetscInt64)m->data.part, m->samples));
  /* the rows of the data set at the join, and a solver: matrix, hierarchy, vectors (about 60 numbers per point) */
  estimate->bytes_per_rank = sample * PetscCeilReal((PetscReal)m->samples / estimate->ranks) + 8 * 60 * (PetscReal)m->points;
  estimate->bytes_output   = MgnoDoes(m, MGNO_GENERATE) ? 2 * sample * (PetscReal)m->samples : 0;
  estimate->work           = PetscMin((PetscReal)m->data.part, (PetscReal)m->samples);
  PetscCall(PetscSNPrintf(estimate->note, sizeof(estimate->note), "%" PetscInt64_FMT " samples of %s on %" PetscInt64_FMT " points", m->samples, m->family->name, m->points));
  if (m->network) {
    MgnoRanks ranks;
    size_t    used;

    MgnoModelSpec(m, &spec);
    PetscCall(MgnoPlanCreate(&spec, &plan));
    if (!m->plan) m->plan = plan; /* lent to the counts of steps */
    MgnoRanksChoose(m, plan, estimate->ranks, &ranks);
    estimate->bytes_per_rank += NetworkBytes(m, plan, &ranks);
    estimate->bytes_output += 8 * 5 * (PetscReal)plan->size;
    if (MgnoDoes(m, MGNO_TRAIN)) {
      if (MgnoDoes(m, MGNO_GENERATE)) estimate->usable_ranks = (int)PetscMin(estimate->ranks, PetscMax(estimate->usable_ranks == estimate->ranks ? 1 : estimate->usable_ranks, ranks.used));
      else estimate->usable_ranks = PetscMin(estimate->ranks, ranks.used);
      estimate->bytes_sent   = (estimate->ranks > 1 ? 2 * 3 * 8 * (PetscReal)plan->size : 0) + HaloBytes(m, &ranks);
      estimate->work         = m->train.batch;
    }
    PetscCall(PetscStrlen(estimate->note, &used));
    PetscCall(PetscSNPrintf(estimate->note + used, sizeof(estimate->note) - used, "; network of %" PetscInt64_FMT " weights, %.3g GF per sample", plan->size, (double)(MgnoPlanFlops(plan) * 1e-9)));
    if (m->model.channels % MGNO_PAD) {
      PetscCall(PetscStrlen(estimate->note, &used));
      PetscCall(PetscSNPrintf(estimate->note + used, sizeof(estimate->note) - used, "; its kernels work on %" PetscInt_FMT " channels for %" PetscInt_FMT ", zeros in the rest", (m->model.channels + MGNO_PAD - 1) / MGNO_PAD * MGNO_PAD,
                              m->model.channels));
    }
  }
  for (PetscInt a = 0; a < m->actions.n; a++) estimate->steps += (PetscReal)MgnoActionSteps(m, a);
  if (plan && m->plan == plan) m->plan = NULL;
  PetscCall(MgnoPlanDestroy(&plan));
  PetscFunctionReturn(PETSC_SUCCESS);
}
