/* Motion between jumps by symmetric splitting (traj_split.c), order 2, for what a stated error of some 1e-4 is good enough for: several times faster than dp5.

   Steps of one length between output times, h = every / sub, so that the factors are made once. A step that does not begin on this grid (after a jump) or ends early (a jump is being
   located) makes its own factors. With time-dependent terms H_eff is taken at the middle of each step. */
#include <math.h>
#include "traj_split.h"

typedef struct {
  LbWaveSplit step, part; /* of length h; of any length */
} Strang;

static PetscErrorCode StrangSetUp(LbMotion m)
{
  Strang *p;
  char    problem[256];

  PetscFunctionBegin;
  PetscCall(PetscNew(&p));
  m->data = p;
  PetscCall(LbWaveSplitCreate(m->space, m->model, m->map, problem, &p->step));
  PetscCheck(!problem[0], PETSC_COMM_SELF, TES_ERR_DECK, "%s", problem);
  PetscCall(LbWaveSplitCreate(m->space, m->model, m->map, problem, &p->part));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Advance(LbMotion m, PetscReal h, PetscBool whole, LbVec *psi)
{
  Strang         *p     = m->data;
  LbWaveSplit     split = whole ? p->step : p->part;
  const LbVec    *from  = &m->psi;
  const double    one   = 1;

  PetscFunctionBegin;
  LbModelFactors(m->model, m->t + h / 2, m->factors);
  PetscCall(LbWaveSplitPrepare(split, m->factors, h));
  PetscCall(LbWaveCombine(m->space, 1, &one, &from, psi));
  PetscCall(LbWaveSplitApply(split, psi));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StrangTrial(LbMotion m, PetscReal limit)
{
  const PetscReal  h = m->set.every / m->set.sub;
  PetscInt64       j = (PetscInt64)PetscFloorReal((m->t - m->set.start) / h + 1e-9) + 1; /* the next point of the grid */
  const PetscReal  grid = m->set.start + (PetscReal)(j / m->set.sub) * m->set.every + (PetscReal)(j % m->set.sub) * h, end = PetscMin(grid, limit);
  const PetscBool  whole = PetscAbsReal(end - m->t - h) < 1e-9 * h ? PETSC_TRUE : PETSC_FALSE;

  PetscFunctionBegin;
  PetscCall(Advance(m, whole ? h : end - m->t, whole, &m->next));
  m->t_next = end;
  PetscCall(LbWaveNorm(m->space, &m->next, &m->norm_next));
  PetscCheck(isfinite(m->norm_next), PETSC_COMM_SELF, TES_ERR_NUMBERS, "a trajectory is not finite at t = %.10g", (double)m->t_next);
  m->steps++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StrangAt(LbMotion m, PetscReal t, LbVec *psi)
{
  PetscFunctionBegin;
  PetscCall(Advance(m, t - m->t, PETSC_FALSE, psi));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StrangAccept(LbMotion m)
{
  const LbVec psi = m->psi;

  PetscFunctionBegin;
  m->psi  = m->next;
  m->next = psi;
  m->t    = m->t_next;
  m->norm = m->norm_next;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StrangChanged(LbMotion m)
{
  PetscFunctionBegin;
  (void)m;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StrangDestroy(LbMotion m)
{
  Strang *p = m->data;

  PetscFunctionBegin;
  if (!p) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbWaveSplitDestroy(&p->step));
  PetscCall(LbWaveSplitDestroy(&p->part));
  PetscCall(PetscFree(p));
  m->data = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbMotionKind lb_motion_strang = {
  .name = "strang", .vectors = 4, .setup = StrangSetUp, .trial = StrangTrial, .at = StrangAt, .accept = StrangAccept, .changed = StrangChanged, .destroy = StrangDestroy,
};
