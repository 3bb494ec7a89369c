/* Helmholtz' equation -laplace u - (omega / c)^2 u = 0 on the unit square with du/dn = 1 on the part |x - 1/2| <= 0.15 of the top side and 0 elsewhere; c in, u out.

   c(x) = 20 + tanh(g(x)), g = sum over the 100 modes l of least |l|^2 (ties by l_2, then l_1) of theta_l (pi^2 |l|^2 + 9)^-1 c_l1 c_l2 cos(pi l1 x) cos(pi l2 y), c_0 = 1, else sqrt 2.
   Bilinear elements on n x n vertices, 3 x 3 Gauss points, c interpolated between its vertex values; the load on the edge is integrated exactly over the part that lies in the
   source. The matrix is symmetric and indefinite, Krylov methods with multigrid stall on it: a sparse LU per sample (nested dissection) with refinement until the
   residual, formed anew, is below data.solver.rtol. A few inverse iterations estimate the eigenvalue nearest to zero relative to (omega/c)^2: a sample near resonance is
   marked by a negative iteration count in the data set. */
#include <math.h>
#include <petscksp.h>
#include "mgno.h"

#define MODES     100
#define INVERSE   4    /* inverse iterations for the eigenvalue nearest to zero */
#define RESONANT  1e-3 /* that eigenvalue, relative to the mean of (omega/c)^2, below which a sample counts as near resonance */

typedef struct {
  Mat        A;
  Vec        b, u, r;
  KSP        ksp;
  PetscInt   mode[MODES][2];
  PetscReal *g, *cosine[2]; /* [n]; cosine[d][l * n + i], l <= 16 */
} Helmholtz;

static void LeastModes(PetscInt mode[MODES][2])
{
  PetscInt count = 0;

  for (PetscInt square = 1; count < MODES; square++)
    for (PetscInt l1 = 0; l1 * l1 <= square; l1++)
      for (PetscInt l0 = 0; l0 * l0 + l1 * l1 <= square; l0++) {
        if (l0 * l0 + l1 * l1 != square || count >= MODES) continue;
        mode[count][0]   = l0;
        mode[count++][1] = l1;
      }
}

static PetscErrorCode Open(Mgno *m, MgnoMaker maker)
{
  Helmholtz     *o;
  const PetscInt n = m->n[0], rows = m->n[0] * m->n[1];
  PC             pc;

  PetscFunctionBegin;
  PetscCall(PetscNew(&o));
  maker->own = o;
  LeastModes(o->mode);
  PetscCall(MatCreateSeqAIJ(PETSC_COMM_SELF, rows, rows, 9, NULL, &o->A));
  PetscCall(MatCreateVecs(o->A, &o->u, &o->b));
  PetscCall(VecDuplicate(o->u, &o->r));
  PetscCall(PetscMalloc3(rows, &o->g, 32 * n, &o->cosine[0], 32 * m->n[1], &o->cosine[1]));
  for (PetscInt d = 0; d < 2; d++)
    for (PetscInt l = 0; l < 32; l++)
      for (PetscInt i = 0; i < m->n[d]; i++) o->cosine[d][l * m->n[d] + i] = (l ? PETSC_SQRT2 : 1) * cos(PETSC_PI * l * i / (PetscReal)(m->n[d] - 1));
  PetscCall(KSPCreate(PETSC_COMM_SELF, &o->ksp));
  PetscCall(KSPSetOptionsPrefix(o->ksp, "data_"));
  PetscCall(KSPSetType(o->ksp, KSPPREONLY));
  PetscCall(KSPGetPC(o->ksp, &pc));
  PetscCall(PCSetType(pc, PCLU));
  PetscCall(PCFactorSetMatOrderingType(pc, MATORDERINGND));
  PetscCall(KSPSetFromOptions(o->ksp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Close(MgnoMaker maker)
{
  Helmholtz *o = maker->own;

  PetscFunctionBegin;
  if (!o) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(KSPDestroy(&o->ksp));
  PetscCall(MatDestroy(&o->A));
  PetscCall(VecDestroy(&o->b));
  PetscCall(VecDestroy(&o->u));
  PetscCall(VecDestroy(&o->r));
  PetscCall(PetscFree3(o->g, o->cosine[0], o->cosine[1]));
  PetscCall(PetscFree(maker->own));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Speed(const Mgno *m, const Helmholtz *o, PetscInt64 sample, PetscReal *c)
{
  for (PetscInt64 i = 0; i < m->points; i++) c[i] = 0;
  for (PetscInt k = 0; k < MODES; k++) {
    const PetscInt l0 = o->mode[k][0], l1 = o->mode[k][1];
    PetscReal      z[2], weight;

    TesRandomNormal(m->data_seed, TES_STREAM_RANDOM_FIELD, (uint32_t)sample, (uint32_t)l0, (uint32_t)l1, z);
    weight = z[0] / (PETSC_PI * PETSC_PI * (PetscReal)(l0 * l0 + l1 * l1) + 9);
    for (PetscInt j = 0; j < m->n[1]; j++) {
      const PetscReal row = weight * o->cosine[1][l1 * m->n[1] + j];

      for (PetscInt i = 0; i < m->n[0]; i++) c[j * m->n[0] + i] += row * o->cosine[0][l0 * m->n[0] + i];
    }
  }
  for (PetscInt64 i = 0; i < m->points; i++) c[i] = 20 + tanh(c[i]);
}

/* element matrix: grad.grad minus (omega/c)^2 times mass, c bilinear between its four values */
static void Element(const Mgno *m, const PetscReal c[4], PetscReal e[16])
{
  const PetscReal place[3] = {0.5 - 0.5 * sqrt(0.6), 0.5, 0.5 + 0.5 * sqrt(0.6)}, weight[3] = {5. / 18, 8. / 18, 5. / 18};

  for (PetscInt i = 0; i < 16; i++) e[i] = 0;
  for (PetscInt qy = 0; qy < 3; qy++)
    for (PetscInt qx = 0; qx < 3; qx++) {
      const PetscReal x = place[qx], y = place[qy], w = weight[qx] * weight[qy] * m->h[0] * m->h[1];
      const PetscReal v[4] = {(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y};
      const PetscReal gx[4] = {-(1 - y) / m->h[0], (1 - y) / m->h[0], -y / m->h[0], y / m->h[0]}, gy[4] = {-(1 - x) / m->h[1], -x / m->h[1], (1 - x) / m->h[1], x / m->h[1]};
      const PetscReal k = m->data.omega / (v[0] * c[0] + v[1] * c[1] + v[2] * c[2] + v[3] * c[3]);

      for (PetscInt a = 0; a < 4; a++)
        for (PetscInt b = 0; b < 4; b++) e[4 * a + b] += w * (gx[a] * gx[b] + gy[a] * gy[b] - k * k * v[a] * v[b]);
    }
}

static PetscErrorCode Assemble(const Mgno *m, Helmholtz *o, const PetscReal *c)
{
  const PetscInt n = m->n[0];

  PetscFunctionBegin;
  PetscCall(MatZeroEntries(o->A));
  for (PetscInt j = 0; j + 1 < m->n[1]; j++)
    for (PetscInt i = 0; i + 1 < n; i++) {
      const PetscInt  at[4]    = {j * n + i, j * n + i + 1, (j + 1) * n + i, (j + 1) * n + i + 1};
      const PetscReal speed[4] = {c[at[0]], c[at[1]], c[at[2]], c[at[3]]};
      PetscReal       e[16];

      Element(m, speed, e);
      PetscCall(MatSetValues(o->A, 4, at, 4, at, e, ADD_VALUES));
    }
  PetscCall(MatAssemblyBegin(o->A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(o->A, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the load of du/dn = 1 on the source: integral of the two hat functions over the part [s, t] of each element's edge */
static PetscErrorCode SourceOnTop(const Mgno *m, Helmholtz *o)
{
  const PetscInt n = m->n[0];
  PetscScalar   *load;

  PetscFunctionBegin;
  PetscCall(VecZeroEntries(o->b));
  PetscCall(VecGetArray(o->b, &load));
  for (PetscInt i = 0; i + 1 < n; i++) {
    const PetscReal x = i * m->h[0], s = PetscMax(0, (0.35 - x) / m->h[0]), t = PetscMin(1, (0.65 - x) / m->h[0]);

    if (t <= s) continue;
    load[(m->n[1] - 1) * n + i] += m->h[0] * (t - s - (t * t - s * s) / 2);
    load[(m->n[1] - 1) * n + i + 1] += m->h[0] * (t * t - s * s) / 2;
  }
  PetscCall(VecRestoreArray(o->b, &load));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the load of a right-hand side f that is bilinear between the vertices, no flux through the sides */
static PetscErrorCode SourceInside(const Mgno *m, Helmholtz *o, const PetscReal *f)
{
  const PetscReal mass[2][2] = {{1. / 3, 1. / 6}, {1. / 6, 1. / 3}}, area = m->h[0] * m->h[1];
  const PetscInt  n = m->n[0];
  PetscScalar    *load;

  PetscFunctionBegin;
  PetscCall(VecZeroEntries(o->b));
  PetscCall(VecGetArray(o->b, &load));
  for (PetscInt j = 0; j + 1 < m->n[1]; j++)
    for (PetscInt i = 0; i + 1 < n; i++)
      for (PetscInt a = 0; a < 4; a++)
        for (PetscInt c = 0; c < 4; c++) load[(j + a / 2) * n + i + a % 2] += area * mass[a / 2][c / 2] * mass[a % 2][c % 2] * f[(j + c / 2) * n + i + c % 2];
  PetscCall(VecRestoreArray(o->b, &load));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* |eigenvalue nearest to zero| of A against the mass matrix (about h^2), by inverse iteration from the solution */
static PetscErrorCode Nearest(const Mgno *m, Helmholtz *o, PetscReal *nearest)
{
  Vec       v;
  PetscReal size = 1;

  PetscFunctionBegin;
  PetscCall(VecDuplicate(o->u, &v));
  PetscCall(VecCopy(o->u, v));
  for (PetscInt k = 0; k < INVERSE; k++) {
    PetscCall(VecNormalize(v, NULL));
    PetscCall(KSPSolve(o->ksp, v, o->r));
    PetscCall(VecNorm(o->r, NORM_2, &size));
    PetscCall(VecCopy(o->r, v));
  }
  PetscCall(VecDestroy(&v));
  *nearest = 1 / (size * m->h[0] * m->h[1]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoHelmholtzSolve(const Mgno *m, MgnoMaker maker, const PetscReal *c, const PetscReal *f, PetscReal *y, PetscReal *residual, PetscReal *its)
{
  Helmholtz         *o = maker->own;
  const PetscScalar *u;
  PetscReal          size, nearest, k = m->data.omega / 20;

  PetscFunctionBegin;
  PetscCall(Assemble(m, o, c));
  if (f) PetscCall(SourceInside(m, o, f));
  else PetscCall(SourceOnTop(m, o));
  PetscCall(KSPSetOperators(o->ksp, o->A, o->A));
  PetscCall(VecNorm(o->b, NORM_2, &size));
  PetscCall(VecZeroEntries(o->u));
  PetscCall(VecCopy(o->b, o->r));
  *residual = 1;
  *its      = 0;
  for (PetscInt refine = 0; refine < 4 && *residual > m->data.solver.rtol; refine++) {
    Vec correction = o->r;

    PetscCall(KSPSolve(o->ksp, o->r, correction));
    PetscCall(VecAXPY(o->u, 1, correction));
    PetscCall(MatMult(o->A, o->u, o->r));
    PetscCall(VecAYPX(o->r, -1, o->b));
    PetscCall(VecNorm(o->r, NORM_2, residual));
    *residual /= size;
    *its += 1;
  }
  PetscCall(VecGetArrayRead(o->u, &u));
  PetscCall(PetscArraycpy(y, u, m->points));
  PetscCall(VecRestoreArrayRead(o->u, &u));
  PetscCall(Nearest(m, o, &nearest));
  if (nearest < RESONANT * k * k) *its = -*its;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Make(Mgno *m, MgnoMaker maker, PetscInt64 sample, PetscReal *x, PetscReal *y, PetscReal *residual, PetscReal *its)
{
  PetscFunctionBegin;
  Speed(m, maker->own, sample, x);
  PetscCall(MgnoHelmholtzSolve(m, maker, x, NULL, y, residual, its));
  PetscCheck(*residual <= m->data.solver.rtol, PETSC_COMM_SELF, TES_ERR_NUMBERS, "sample %" PetscInt64_FMT ": the direct solve ended at a relative residual of %.2e, wanted data.solver.rtol = %g", sample, (double)*residual,
             (double)m->data.solver.rtol);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Check(TesProblem problem)
{
  Mgno           *m      = TesProblemCtx(problem);
  const PetscReal points = m->grid.n.n ? 2 * PETSC_PI * 19 / m->data.omega * (PetscReal)(m->n[0] - 1) : 10;

  PetscFunctionBegin;
  if (points < 3) PetscCall(TesDeckComplain(problem, "data.omega", "has only %.1f points per shortest wavelength on this grid: at least 3 are needed", (double)points));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const MgnoFamily mgno_helmholtz = {
  .name = "helmholtz", .input = "sound speed c", .output = "pressure u", .layouts = "vertex", .dim_low = 2, .dim_high = 2,
  .help = "-laplace u - (omega/c)^2 u = 0, driven on a part of the top side, a direct solve per sample",
  .check = Check, .open = Open, .make = Make, .close = Close,
};
