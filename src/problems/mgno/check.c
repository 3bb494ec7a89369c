/* What the deck must satisfy beyond its table, what follows from it, and what a run will need. */
#include "mgno.h"

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
  default: return 0;
  }
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

PetscErrorCode MgnoCheck(TesProblem problem)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  MgnoDerive(m, TesProblemSeed(problem));
  PetscCall(CheckGrid(problem));
  PetscCall(CheckData(problem));
  for (PetscInt a = 0; a < m->actions.n; a++)
    for (PetscInt b = a + 1; b < m->actions.n; b++) {
      if (m->actions.v[a] == m->actions.v[b]) PetscCall(TesDeckComplain(problem, "actions", "must not name %s twice", mgno_action_names[m->actions.v[a]]));
      else if (m->actions.v[a] > m->actions.v[b]) PetscCall(TesDeckComplain(problem, "actions", "must have %s before %s", mgno_action_names[m->actions.v[b]], mgno_action_names[m->actions.v[a]]));
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoEstimate(TesProblem problem, TesEstimate *estimate)
{
  Mgno           *m      = TesProblemCtx(problem);
  const PetscReal sample = (PetscReal)m->points * (1 + (PetscReal)m->c_out) * (PetscReal)TesTypeBytes(m->store);

  PetscFunctionBegin;
  for (PetscInt a = 0; a < m->actions.n; a++) estimate->steps += (PetscReal)MgnoActionSteps(m, a);
  estimate->usable_ranks = (int)PetscMin((PetscInt64)estimate->ranks, PetscMin((PetscInt64)m->data.part, m->samples));
  /* the rows of the data set at the join, and a solver: matrix, hierarchy, vectors (about 60 numbers per point) */
  estimate->bytes_per_rank = sample * PetscCeilReal((PetscReal)m->samples / estimate->ranks) + 8 * 60 * (PetscReal)m->points;
  estimate->bytes_output   = 2 * sample * (PetscReal)m->samples;
  estimate->work           = PetscMin((PetscReal)m->data.part, (PetscReal)m->samples);
  PetscCall(PetscSNPrintf(estimate->note, sizeof(estimate->note), "%" PetscInt64_FMT " samples of %s on %" PetscInt64_FMT " points", m->samples, m->family->name, m->points));
  PetscFunctionReturn(PETSC_SUCCESS);
}
