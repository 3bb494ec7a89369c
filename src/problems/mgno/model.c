/* The network of a run: from the deck's section `model` to its plan, its weights, and what of them is state and result. */
#include "model.h"

void MgnoModelSpec(const Mgno *m, MgnoNetSpec *s)
{
  const PetscBool cells = m->grid.layout == MGNO_CELL || m->grid.layout == MGNO_PERIODIC ? PETSC_TRUE : PETSC_FALSE;

  *s = (MgnoNetSpec){.dim = m->grid.dim, .layers = m->model.layers, .channels = m->model.channels, .c_in = m->model.in_channels, .c_out = m->model.out_channels, .levels = m->model.levels,
                     .coarse = m->model.coarse_problem, .zero_start = m->model.coarse_start == 1 ? PETSC_TRUE : PETSC_FALSE, .transfer = m->model.transfer, .tie = m->model.tie, .skip = m->model.skip, .norm = m->model.norm, .activation = m->model.activation,
                     .conv_bias = m->model.conv_bias, .zero_transposed = m->model.compat == 1 ? PETSC_TRUE : PETSC_FALSE};
  MgnoSpecBlocks(m, s->blocks, &s->min_local);
  for (PetscInt d = 0; d < NET_DIM; d++) {
    s->n[d] = m->n[d];
    for (PetscInt k = 0; k < 2 && d < m->grid.dim && m->boundary.n; k++) {
      switch (m->boundary.v[m->boundary.n == 1 ? 0 : PetscMin(2 * d + k, m->boundary.n - 1)]) {
      case MGNO_DIRICHLET: s->side[d][k] = NET_ZERO; break;
      case MGNO_NEUMANN: s->side[d][k] = cells ? NET_SYMMETRIC : NET_REFLECT; break;
      case MGNO_WRAPPED: s->side[d][k] = NET_WRAP; break;
      case MGNO_ODD_SIDE: s->side[d][k] = NET_ODD; break;
      }
    }
  }
  for (PetscInt l = 0; l < NET_LEVELS && l < m->model.levels; l++) {
    const TesInts *pre = &m->model.smoothing.pre, *post = &m->model.smoothing.post;

    s->pre[l]  = pre->n ? pre->v[pre->n == 1 ? 0 : PetscMin(l, pre->n - 1)] : 1;
    s->post[l] = post->n ? post->v[post->n == 1 ? 0 : PetscMin(l, post->n - 1)] : 0;
  }
}

static PetscErrorCode CheckLevels(TesProblem problem, const MgnoNetSpec *s)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  for (PetscInt d = 0; d < m->grid.dim; d++) {
    PetscInt       nearest;
    const PetscInt fit = MgnoLevelsFit(s, m->n[d], m->model.levels, &nearest);

    if (fit >= m->model.levels) continue;
    if (nearest) PetscCall(TesDeckComplain(problem, "grid.n", "gives %" PetscInt_FMT " points along %c, which model.transfer cannot halve %" PetscInt_FMT " times; the nearest number that it can is %" PetscInt_FMT, m->n[d], "xyz"[d],
                                           m->model.levels - 1, nearest));
    else PetscCall(TesDeckComplain(problem, "model.levels", "is too many for %" PetscInt_FMT " points along %c: at most %" PetscInt_FMT, m->n[d], "xyz"[d], fit));
    break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckBoundary(TesProblem problem)
{
  Mgno    *m    = TesProblemCtx(problem);
  PetscInt wrap = 0;

  PetscFunctionBegin;
  if (m->boundary.n > 1 && m->boundary.n != 2 * m->grid.dim)
    PetscCall(TesDeckComplain(problem, "boundary", "has %" PetscInt_FMT " entries, wanted one for all sides or one for each of %" PetscInt_FMT ": x0, x1, y0, y1, ...", m->boundary.n, 2 * m->grid.dim));
  for (PetscInt i = 0; i < m->boundary.n; i++) wrap += m->boundary.v[i] == MGNO_WRAPPED;
  if (wrap && m->grid.layout != MGNO_PERIODIC && m->grid.layout != MGNO_CELL)
    PetscCall(TesDeckComplain(problem, "boundary", "cannot be periodic on grid.layout: %s, which has points on both ends; take layout: periodic", mgno_layout_names[m->grid.layout]));
  if (m->boundary.n > 1 && m->boundary.n == 2 * m->grid.dim) {
    for (PetscInt d = 0; d < m->grid.dim; d++) {
      if ((m->boundary.v[2 * d] == MGNO_WRAPPED) != (m->boundary.v[2 * d + 1] == MGNO_WRAPPED)) {
        PetscCall(TesDeckComplain(problem, "boundary", "must be periodic on both sides of a dimension or on none"));
        break;
      }
    }
  }
  if (!wrap && m->grid.layout == MGNO_PERIODIC && m->boundary.n) PetscCall(TesDeckComplain(problem, "boundary", "must be periodic on grid.layout: periodic"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoModelCheck(TesProblem problem)
{
  Mgno       *m = TesProblemCtx(problem);
  MgnoNetSpec s;

  PetscFunctionBegin;
  PetscCall(CheckBoundary(problem));
  if (m->model.smoothing.pre.n > 1 && m->model.smoothing.pre.n != m->model.levels)
    PetscCall(TesDeckComplain(problem, "model.smoothing.pre", "has %" PetscInt_FMT " entries, wanted one for all levels or one for each of model.levels = %" PetscInt_FMT, m->model.smoothing.pre.n, m->model.levels));
  if (m->model.smoothing.post.n > 1 && m->model.smoothing.post.n != m->model.levels)
    PetscCall(TesDeckComplain(problem, "model.smoothing.post", "has %" PetscInt_FMT " entries, wanted one for all levels or one for each of model.levels = %" PetscInt_FMT, m->model.smoothing.post.n, m->model.levels));
  MgnoModelSpec(m, &s);
  if (s.pre[0] < 1) PetscCall(TesDeckComplain(problem, "model.smoothing.pre", "must be at least 1 on level 0: the cycle begins with S f"));
  PetscCall(CheckLevels(problem, &s));
  if (m->model.tie != NET_TIE_NONE && m->model.in_channels != m->model.channels)
    PetscCall(TesDeckComplain(problem, "model.tie", "needs model.in_channels = model.channels: P and R then have the same shape in every layer"));
  if (m->model.tie == NET_TIE_SYMMETRIC && (m->model.conv_bias || m->model.norm != NET_NO_NORM)) PetscCall(TesDeckComplain(problem, "model.tie", "symmetric allows neither conv_bias nor norm: W would not be symmetric"));
  for (PetscInt i = 0; i < m->boundary.n && m->model.tie == NET_TIE_SYMMETRIC; i++) {
    if (m->boundary.v[i] == MGNO_NEUMANN || m->boundary.v[i] == MGNO_ODD_SIDE) {
      PetscCall(TesDeckComplain(problem, "model.tie", "symmetric needs boundary: dirichlet or periodic, where P is the transpose of R up to the sides"));
      break;
    }
  }
  if (m->model.tie != NET_TIE_NONE && m->model.transfer == NET_REFERENCE) PetscCall(TesDeckComplain(problem, "model.tie", "needs model.transfer: cell, vertex or interior, where P and R have the same stencil"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoModelSetUp(TesProblem problem)
{
  Mgno       *m = TesProblemCtx(problem);
  MgnoNetSpec s;

  PetscFunctionBegin;
  MgnoModelSpec(m, &s);
  PetscCall(MgnoPlanCreate(&s, &m->plan));
  PetscCall(MgnoRanksSetUp(problem));
  PetscCall(PetscCalloc2(m->plan->size, &m->theta, m->plan->size, &m->best));
  for (int which = 0; which < 2; which++) PetscCall(PetscCalloc2(MgnoNormalizerLength(m, which), &m->mean[which], MgnoNormalizerLength(m, which), &m->deviation[which]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoModelDestroy(Mgno *m)
{
  PetscFunctionBegin;
  for (int k = 0; k < 3; k++) PetscCall(MgnoNetDestroy(&m->net[k]));
  PetscCall(MgnoRanksDestroy(m));
  PetscCall(MgnoPlanDestroy(&m->plan));
  PetscCall(PetscFree2(m->theta, m->best));
  for (int which = 0; which < 2; which++) PetscCall(PetscFree2(m->mean[which], m->deviation[which]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoModelNet(Mgno *m, PetscBool training, MgnoNet *net)
{
  const MgnoRanks *r     = &m->ranks;
  const PetscBool  split = r->members > 1 && !r->idle ? PETSC_TRUE : PETSC_FALSE, learns = training && !r->idle ? PETSC_TRUE : PETSC_FALSE;
  const MgnoSplit  how   = {.comm = r->group, .p = {r->p[0], r->p[1], r->p[2]}, .gather = m->parallel.coarse == 1 ? PETSC_TRUE : PETSC_FALSE, .wide = m->parallel.halo == 1 ? PETSC_TRUE : PETSC_FALSE};
  MgnoNet         *of    = &m->net[learns ? 1 : 0];

  PetscFunctionBegin;
  if (!*of) PetscCall(MgnoNetCreateSplit(m->plan, m->precision == 0 ? PETSC_TRUE : PETSC_FALSE, learns, m->train.recompute == 1 ? PETSC_TRUE : PETSC_FALSE, split ? &how : NULL, split ? MgnoTogether(m) : 1, of));
  *net = *of;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoModelNetAlone(Mgno *m, MgnoNet *net)
{
  MgnoNet *of = &m->net[m->ranks.members > 1 ? 2 : 0];

  PetscFunctionBegin;
  if (!*of) PetscCall(MgnoNetCreate(m->plan, m->precision == 0 ? PETSC_TRUE : PETSC_FALSE, PETSC_FALSE, PETSC_FALSE, of));
  *net = *of;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoModelApply(Mgno *m, MgnoNet net, PetscInt64 n, PetscReal *x, PetscReal *o)
{
  const PetscInt64 both = m->points * PetscMin(m->model.in_channels, m->model.out_channels), in = m->points * m->model.in_channels, out = m->points * m->model.out_channels;
  PetscReal       *kept = NULL;

  PetscFunctionBegin;
  if (m->model.output) {
    PetscCall(PetscMalloc1(both * n + 1, &kept));
    for (PetscInt64 i = 0; i < n; i++) PetscCall(PetscArraycpy(kept + i * both, x + i * in, both));
  }
  for (PetscInt64 i = 0; i < n; i++) MgnoNormalizerEncode(m, x + i * in);
  PetscCall(MgnoNetForward(net, x, o));
  for (PetscInt64 i = 0; i < n; i++) {
    MgnoNormalizerDecode(m, o + i * out, PETSC_FALSE);
    for (PetscInt64 k = 0; k < both && kept; k++) o[i * out + k] += kept[i * both + k];
  }
  PetscCall(PetscFree(kept));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoModelRun(Mgno *m, MgnoNet net, const MgnoWork *work, PetscReal *x, PetscReal *o)
{
  const PetscInt64 in = m->points * m->model.in_channels, out = m->points * m->model.out_channels;
  PetscInt64       n;

  PetscFunctionBegin;
  for (PetscInt64 at = 0; at < work->group_n; at += n) {
    PetscInt64 first, share;

    PetscCall(MgnoWorkRound(m, net, work, at, &n, &first, &share));
    PetscCall(MgnoModelApply(m, net, share, x + first * in, o + first * out));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* what a set of weights is made of, for state and for reading back; vectors of the normalisation included */
static PetscErrorCode Normalizer(Mgno *m, TesState state)
{
  PetscFunctionBegin;
  for (int which = 0; which < 2; which++) {
    const PetscInt64 n = MgnoNormalizerLength(m, which);

    if (!n) continue;
    PetscCall(TesStateReals(state, which ? "normalizer/output_mean" : "normalizer/input_mean", n, m->mean[which]));
    PetscCall(TesStateReals(state, which ? "normalizer/output_deviation" : "normalizer/input_deviation", n, m->deviation[which]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoModelState(TesProblem problem, TesState state)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(Normalizer(m, state));
  PetscCall(MgnoPlanState(m->plan, state, "model", m->theta));
  PetscCall(MgnoPlanState(m->plan, state, "best", m->best));
  PetscCall(TesStateBool(state, "model_ready", &m->model_ready));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A visitor that gives every item to the report as /weights/... */
typedef struct {
  TesReport report;
} Export;

static PetscErrorCode ExportVisit(TesState state, TesStateItem *item)
{
  Export *e = state->impl;

  PetscFunctionBegin;
  PetscCall(TesReportArray(e->report, item, 0));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesStateOps export_ops = {.mode = TES_STATE_READS_PROBLEM, .visit = ExportVisit};

PetscErrorCode MgnoModelReport(TesProblem problem, TesReport report)
{
  Mgno              *m      = TesProblemCtx(problem);
  Export             export = {.report = report};
  struct _p_TesState state  = {.ops = &export_ops, .comm = TesProblemComm(problem), .impl = &export};

  PetscFunctionBegin;
  PetscCall(TesReportInt(report, "parameters", m->plan->size, &(TesFigureNote){.help = "weights of the network"}));
  PetscCall(TesStatePush(&state, "weights"));
  PetscCall(Normalizer(m, &state));
  PetscCall(MgnoPlanState(m->plan, &state, "model", m->best));
  PetscCall(TesStatePop(&state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A visitor that reads every item from a result file. */
typedef struct {
  hid_t       file;
  const char *path;
} Import;

static PetscErrorCode ImportVisit(TesState state, TesStateItem *item)
{
  Import    *i = state->impl;
  char       name[256];
  PetscBool  found;
  TesType    type;
  PetscInt64 shape[TES_MAX_AXES];
  int        axes;

  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(name, sizeof(name), "/%s", item->name));
  PetscCall(TesH5Shape(i->file, name, &found, &type, &axes, shape));
  PetscCheck(found, state->comm, TES_ERR_DECK, "`model.weights`: %s has no dataset %s: it is of another network, or holds none", i->path, name);
  for (int a = 0; a < PetscMax(axes, item->n_axes); a++)
    PetscCheck(axes == item->n_axes && shape[a] == item->shape[a], state->comm, TES_ERR_DECK, "`model.weights`: %s of %s has another shape than the network of the deck (the first tensor that differs)", name, i->path);
  PetscCall(TesH5ReadItem(state->comm, i->file, name, item));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesStateOps import_ops = {.mode = TES_STATE_WRITES_PROBLEM, .visit = ImportVisit};

PetscErrorCode MgnoModelLoad(TesProblem problem)
{
  Mgno              *m      = TesProblemCtx(problem);
  Import             import = {.path = m->model.weights};
  struct _p_TesState state  = {.ops = &import_ops, .comm = TesProblemComm(problem), .impl = &import};
  PetscBool          whole;
  char               reason[256];

  PetscFunctionBegin;
  if (m->model_ready || !m->model.weights) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesFileVerify(TesProblemComm(problem), m->model.weights, &whole, reason, sizeof(reason))); /* HDF5 would read a changed bit without a word */
  PetscCheck(whole, TesProblemComm(problem), TES_ERR_WORLD, "`model.weights`: %s cannot be taken: %s", m->model.weights, reason);
  PetscCall(TesH5OpenRead(TesProblemComm(problem), m->model.weights, &import.file));
  PetscCall(TesStatePush(&state, "weights"));
  PetscCall(Normalizer(m, &state));
  PetscCall(MgnoPlanState(m->plan, &state, "model", m->best));
  PetscCall(TesStatePop(&state));
  PetscCall(TesH5Close(&import.file));
  PetscCall(PetscArraycpy(m->theta, m->best, m->plan->size));
  m->model_ready = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}
