/* The stencil of an elliptic family on the points of a sample: coefficient and right-hand side from the sample's input, and A u with u = 0 beyond the unknowns.

   Layouts cell and interior: unknowns are the points. Layout vertex: the points without the outermost ring. Layout interior knows the coefficient at the points only:
   beyond them it is taken constant, which is not what the data were made with (they know it on the boundary); energy and residual are refused there. */
#include "mgno.h"

static PetscErrorCode Unknowns(const Mgno *m, PetscInt n[], PetscInt64 *count)
{
  PetscFunctionBegin;
  *count = 1;
  for (PetscInt d = 0; d < MGNO_DIM; d++) {
    n[d] = d < m->grid.dim && m->grid.layout == MGNO_VERTEX ? m->n[d] - 2 : m->n[d];
    *count *= n[d];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoStencilSolver(const Mgno *m, MgnoPc pc, PetscReal rtol, PetscInt max_it, MgnoElliptic *elliptic)
{
  MgnoEllipticSpec spec = {.dim = m->grid.dim, .cells = m->grid.layout == MGNO_CELL ? PETSC_TRUE : PETSC_FALSE, .rtol = rtol, .max_it = max_it, .pc = (int)pc};
  PetscInt64       count;

  PetscFunctionBegin;
  PetscCall(Unknowns(m, spec.n, &count));
  for (PetscInt d = 0; d < MGNO_DIM; d++) spec.h[d] = m->h[d];
  PetscCall(MgnoEllipticCreate(&spec, elliptic));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoStencilCreate(const Mgno *m, MgnoElliptic *elliptic, PetscReal **a, PetscReal **f)
{
  PetscFunctionBegin;
  PetscCall(MgnoStencilSolver(m, MGNO_PC_NONE, 1e-10, 500, elliptic));
  PetscCall(PetscMalloc2(m->points, a, m->points, f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* visit the unknowns: index in the unknowns, index among the points */
#define FOR_UNKNOWNS(m, n, at, point) \
  const PetscInt ring_ = (m)->grid.layout == MGNO_VERTEX ? 1 : 0; \
  PetscInt64     at = 0, point; \
  for (PetscInt z_ = 0; z_ < n[2]; z_++) \
    for (PetscInt y_ = 0; y_ < n[1]; y_++) \
      for (PetscInt x_ = 0; x_ < n[0] && ((point = ((PetscInt64)(z_ + ((m)->grid.dim > 2 ? ring_ : 0)) * (m)->n[1] + y_ + ring_) * (m)->n[0] + x_ + ring_), 1); x_++, at++)

PetscErrorCode MgnoStencilCoefficient(const Mgno *m, MgnoElliptic elliptic, const PetscReal *x, PetscReal *a, PetscReal *f)
{
  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < m->points; i++) {
    a[i] = m->data.family == MGNO_POISSON ? 1 : x[i];
    f[i] = m->data.family == MGNO_POISSON ? x[i] : m->c_in == 2 ? x[m->points + i] : m->data.source;
  }
  PetscCall(MgnoEllipticCoefficient(elliptic, a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoStencilApply(const Mgno *m, MgnoElliptic elliptic, const PetscReal *u, PetscReal *au)
{
  PetscInt   n[MGNO_DIM];
  PetscInt64 count;
  PetscReal *in, *out;

  PetscFunctionBegin;
  PetscCall(Unknowns(m, n, &count));
  if (count == m->points) {
    PetscCall(MgnoEllipticApply(elliptic, u, au));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(PetscMalloc2(count, &in, count, &out));
  {
    FOR_UNKNOWNS(m, n, at, point) in[at] = u[point];
  }
  PetscCall(MgnoEllipticApply(elliptic, in, out));
  PetscCall(PetscArrayzero(au, m->points));
  {
    FOR_UNKNOWNS(m, n, at, point) au[point] = out[at];
  }
  PetscCall(PetscFree2(in, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the right-hand side on the points, 0 where there is no unknown */
PetscErrorCode MgnoStencilRhs(const Mgno *m, const PetscReal *f, PetscReal *rhs)
{
  PetscInt   n[MGNO_DIM];
  PetscInt64 count;

  PetscFunctionBegin;
  PetscCall(Unknowns(m, n, &count));
  PetscCall(PetscArrayzero(rhs, m->points));
  {
    FOR_UNKNOWNS(m, n, at, point)
    {
      rhs[point] = f[point];
      (void)at;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Solve the sample's equation from u (guess) or from 0; residual recomputed. */
PetscErrorCode MgnoStencilSolve(const Mgno *m, MgnoElliptic elliptic, const PetscReal *f, PetscReal *u, PetscBool guess, PetscReal *residual, PetscInt *its)
{
  PetscInt   n[MGNO_DIM];
  PetscInt64 count;
  PetscReal *in, *out;

  PetscFunctionBegin;
  PetscCall(Unknowns(m, n, &count));
  PetscCall(PetscMalloc2(count, &in, count, &out));
  {
    FOR_UNKNOWNS(m, n, at, point)
    {
      in[at]  = f[point];
      out[at] = u[point];
    }
  }
  PetscCall(MgnoEllipticSolve(elliptic, in, out, guess, residual, its));
  PetscCall(PetscArrayzero(u, m->points));
  {
    FOR_UNKNOWNS(m, n, at, point) u[point] = out[at];
  }
  PetscCall(PetscFree2(in, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}
