/* Motion between jumps by the Dormand-Prince pair 5(4), for any time dependence, with its continuous extension of order 4 inside a step.

   Tableau and error weights as in Dormand and Prince (1980), extension as in Hairer, Norsett, Wanner (Solving Ordinary Differential Equations I, II.6). The error of a step is measured in the
   norm of the state vector, against atol + rtol |psi|; h *= clip(0.9 err^(-1/5), 0.2, 5). First same as last: six applications per step. */
#include <math.h>
#include "traj.h"

static const double a[7][6] = {
  {0},
  {1.0 / 5},
  {3.0 / 40, 9.0 / 40},
  {44.0 / 45, -56.0 / 15, 32.0 / 9},
  {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
  {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
  {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
};
static const double c[7] = {0, 0.2, 0.3, 0.8, 8.0 / 9, 1, 1};
static const double e[7] = {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40};
static const double d[7] = {-12715105075.0 / 11282082432, 0, 87487479700.0 / 32700410799, -10690763975.0 / 1880347072, 701980252875.0 / 199316789632, -1453857185.0 / 822651844, 69997945.0 / 29380423};

typedef struct {
  LbVec     k[7]; /* the last takes the room of the second, which no later stage needs */
  PetscBool first; /* k[0] belongs to (t, psi) */
  PetscReal h_done;
} Dp5;

static PetscErrorCode Dp5SetUp(LbMotion m)
{
  Dp5 *p;

  PetscFunctionBegin;
  PetscCall(PetscNew(&p));
  m->data = p;
  for (int s = 0; s < 6; s++) PetscCall(LbVecCreate(&m->space->shared, &p->k[s]));
  p->k[6] = p->k[1];
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Derivative(LbMotion m, PetscReal t, const LbVec *x, LbVec *y)
{
  PetscFunctionBegin;
  LbModelFactors(m->model, t, m->factors);
  PetscCall(LbWaveMapApply(m->map, m->factors, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Dp5Trial(LbMotion m, PetscReal limit)
{
  Dp5            *p    = m->data;
  const PetscReal span = m->set.end - m->set.start;

  PetscFunctionBegin;
  if (!p->first) PetscCall(Derivative(m, m->t, &m->psi, &p->k[0]));
  p->first = PETSC_TRUE;
  if (!(m->h > 0)) { /* first guess: |h A psi| = (tolerance)^(1/5) |psi| / 10 */
    PetscReal size;

    PetscCall(LbWaveNorm(m->space, &p->k[0], &size));
    m->h = size > 0 ? 0.1 * PetscPowReal(m->set.rtol + m->set.atol, 0.2) * PetscSqrtReal(m->norm / size) : span;
  }
  if (!m->model->constant) m->h = PetscMin(m->h, m->set.every); /* a pulse must not be stepped over */
  for (;;) {
    const PetscBool last = m->t + m->h * 1.0000001 >= limit ? PETSC_TRUE : PETSC_FALSE;
    const PetscReal h = last ? limit - m->t : m->h, tolerance = m->set.atol + m->set.rtol * PetscSqrtReal(m->norm);
    PetscReal       error, factor;
    const LbVec    *v[8];
    double          w[8];
    int             n;

    PetscCheck(m->h > 1e-14 * span, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the step of a trajectory underflows at t = %.10g: h = %.3g; loosen integrator.rtol", (double)m->t, (double)m->h);
    for (int s = 1; s < 7; s++) {
      n      = 0;
      v[n]   = &m->psi;
      w[n++] = 1;
      for (int q = 0; q < s; q++)
        if (a[s][q] != 0) {
          v[n]   = &p->k[q];
          w[n++] = h * a[s][q];
        }
      PetscCall(LbWaveCombine(m->space, n, w, v, &m->next));
      PetscCall(Derivative(m, m->t + c[s] * h, &m->next, &p->k[s]));
    }
    n = 0;
    for (int s = 0; s < 7; s++)
      if (e[s] != 0) {
        v[n]   = &p->k[s];
        w[n++] = h * e[s];
      }
    PetscCall(LbWaveCombineNorm(m->space, n, w, v, &error));
    error = PetscSqrtReal(error) / tolerance;
    PetscCheck(isfinite(error), PETSC_COMM_SELF, TES_ERR_NUMBERS, "a trajectory is not finite at t = %.10g", (double)m->t);
    factor = error > 0 ? PetscMin(5, PetscMax(0.2, 0.9 * PetscPowReal(error, -0.2))) : 5;
    if (error > 1) {
      m->h = h * PetscMin(factor, 0.9);
      m->rejected++;
      continue;
    }
    p->h_done = h;
    if (!last || factor < 1) m->h = h * factor; /* a step that was cut short says little of the next */
    m->t_next = last ? limit : m->t + h;
    break;
  }
  PetscCall(LbWaveNorm(m->space, &m->next, &m->norm_next));
  m->steps++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Dp5At(LbMotion m, PetscReal t, LbVec *psi)
{
  Dp5            *p = m->data;
  const PetscReal h = p->h_done, x = (t - m->t) / h, y = 1 - x;
  const LbVec    *v[8];
  double          w[8];
  int             n = 0;

  PetscFunctionBegin;
  v[n]   = &m->psi;
  w[n++] = 1;
  for (int s = 0; s < 7; s++) {
    if (s == 1) continue;
    v[n]   = &p->k[s];
    w[n++] = h * ((s < 6 ? a[6][s] : 0) * x * x * (3 - 2 * x) + (s == 0 ? x * y * y : 0) - (s == 6 ? x * x * y : 0) + d[s] * x * x * y * y);
  }
  PetscCall(LbWaveCombine(m->space, n, w, v, psi));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Dp5Accept(LbMotion m)
{
  Dp5        *p    = m->data;
  const LbVec psi  = m->psi, k = p->k[0];

  PetscFunctionBegin;
  m->psi  = m->next;
  m->next = psi;
  p->k[0] = p->k[6];
  p->k[6] = p->k[1] = k;
  m->t    = m->t_next;
  m->norm = m->norm_next;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Dp5Changed(LbMotion m)
{
  PetscFunctionBegin;
  ((Dp5 *)m->data)->first = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Dp5Destroy(LbMotion m)
{
  Dp5 *p = m->data;

  PetscFunctionBegin;
  if (!p) PetscFunctionReturn(PETSC_SUCCESS);
  for (int s = 0; s < 6; s++) PetscCall(LbVecDestroy(&p->k[s]));
  PetscCall(PetscFree(p));
  m->data = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbMotionKind lb_motion_dp5 = {
  .name = "dp5", .vectors = 8, .setup = Dp5SetUp, .trial = Dp5Trial, .at = Dp5At, .accept = Dp5Accept, .changed = Dp5Changed, .destroy = Dp5Destroy,
};

/* ---- what all kinds of motion share ---- */

PetscErrorCode LbMotionCreate(const LbWaveSpace *space, LbModel *model, LbWaveMap map, const LbMotionKind *kind, const LbMotionSetting *set, LbMotion *motion)
{
  LbMotion m;

  PetscFunctionBegin;
  PetscCall(PetscNew(&m));
  *motion  = m;
  m->kind  = kind;
  m->set   = *set;
  m->space = space;
  m->model = model;
  m->map   = map;
  PetscCall(PetscMalloc1(model->n_times, &m->factors));
  PetscCall(LbVecCreate(&space->shared, &m->psi));
  PetscCall(LbVecCreate(&space->shared, &m->next));
  PetscCall(kind->setup(m));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbMotionDestroy(LbMotion *motion)
{
  LbMotion m = *motion;

  PetscFunctionBegin;
  if (!m) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(m->kind->destroy(m));
  PetscCall(LbVecDestroy(&m->psi));
  PetscCall(LbVecDestroy(&m->next));
  PetscCall(PetscFree(m->factors));
  PetscCall(PetscFree(m));
  *motion = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}
