/* -div(a grad u) = f on a box with u = 0 on its sides, on one rank: conjugate gradients with a multigrid V-cycle whose hierarchy is kept from sample to sample.

   Unknowns at cell centres: finite volumes, sum over faces of k_f (u_P - u_N) / h_d^2 = f, k_f = 2 a_P a_E / (a_P + a_E) between cells, and 2 a_P at the boundary (the wall
   is h/2 away). Unknowns at inner vertices: the same stencil with the harmonic mean of the two vertices, the outermost ones on the boundary.
   Both are exact for coefficients in layers (cells) and of second order for smooth ones.

   Levels: halving while a dimension stays even (cells) or odd (vertices). Interpolation is the tensor product of the 1-D rules, linear with the wall taken into
   account (cells: 3/4, 1/4, next to the wall 1/2; vertices: 1/2, 1, 1/2), assembled once; coarse matrices by the Galerkin product, whose pattern is kept. One symmetric
   Gauss-Seidel sweep before and after; Cholesky at the bottom. Matrix entries are written straight into the compressed rows. Cost of a sample at 128^2: about 10 iterations.
   The result is certified: the residual is formed anew from A and f, and the solve goes on from its answer until that is below rtol. */
#include "mgno.h"
#include <petscksp.h>

#define MAX_LEVELS  16
#define COARSE_MOST 300 /* unknowns that Cholesky at the bottom is cheaper for than another level */
#define ATTEMPTS    5

const char *const mgno_pc_names[] = {"mg", "gamg", "cholesky", "none", NULL};

struct _MgnoElliptic {
  MgnoEllipticSpec spec;
  PetscInt         unknowns;
  PetscInt         n_levels;
  Mat              A, P[MAX_LEVELS]; /* P[l]: level l (coarse) to l + 1 */
  Vec              b, u, r;
  KSP              ksp;
};

static PetscBool Coarsen(const MgnoEllipticSpec *s, PetscInt n[MGNO_DIM])
{
  PetscInt total = 1;

  for (PetscInt d = 0; d < s->dim; d++) {
    if ((s->cells && n[d] % 2) || (!s->cells && n[d] % 2 == 0) || n[d] < 6) return PETSC_FALSE;
    total *= n[d];
  }
  if (total <= COARSE_MOST) return PETSC_FALSE;
  for (PetscInt d = 0; d < s->dim; d++) n[d] = s->cells ? n[d] / 2 : (n[d] - 1) / 2;
  return PETSC_TRUE;
}

/* coarse points and weights of fine point i in one dimension; how many */
static PetscInt Stencil(PetscBool cells, PetscInt i, PetscInt n_coarse, PetscInt c[2], PetscReal w[2])
{
  if (cells) {
    const PetscInt near = i / 2, far = i % 2 ? near + 1 : near - 1;

    c[0] = near;
    if (far < 0 || far >= n_coarse) {
      w[0] = 0.5; /* the value beyond the wall is minus the one inside */
      return 1;
    }
    w[0] = 0.75;
    c[1] = far;
    w[1] = 0.25;
    return 2;
  }
  if (i % 2) {
    c[0] = i / 2;
    w[0] = 1;
    return 1;
  }
  {
    PetscInt count = 0;

    for (PetscInt k = i / 2 - 1; k <= i / 2; k++) {
      if (k < 0 || k >= n_coarse) continue;
      c[count]   = k;
      w[count++] = 0.5;
    }
    return count;
  }
}

static PetscErrorCode Interpolation(const MgnoEllipticSpec *s, const PetscInt nf[], const PetscInt nc[], Mat *P)
{
  PetscInt rows = 1, columns = 1, f[MGNO_DIM] = {0};

  PetscFunctionBegin;
  for (PetscInt d = 0; d < s->dim; d++) {
    rows *= nf[d];
    columns *= nc[d];
  }
  PetscCall(MatCreateSeqAIJ(PETSC_COMM_SELF, rows, columns, 1 << s->dim, NULL, P));
  for (PetscInt row = 0; row < rows; row++) {
    PetscInt  c[MGNO_DIM][2] = {{0}}, count[MGNO_DIM] = {1, 1, 1}, cols[8], n = 0;
    PetscReal w[MGNO_DIM][2] = {{1}, {1}, {1}}, values[8];

    for (PetscInt d = 0, rest = row; d < s->dim; rest /= nf[d], d++) {
      f[d]     = rest % nf[d];
      count[d] = Stencil(s->cells, f[d], nc[d], c[d], w[d]);
    }
    for (PetscInt z = 0; z < count[2]; z++)
      for (PetscInt y = 0; y < count[1]; y++)
        for (PetscInt x = 0; x < count[0]; x++) {
          cols[n]     = (c[2][z] * (s->dim > 1 ? nc[1] : 1) + c[1][y]) * nc[0] + c[0][x];
          values[n++] = w[2][z] * w[1][y] * w[0][x];
        }
    PetscCall(MatSetValues(*P, 1, &row, n, cols, values, INSERT_VALUES));
  }
  PetscCall(MatAssemblyBegin(*P, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*P, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The pattern of the matrix: columns of a row in ascending order, -z -y -x P +x +y +z. */
static PetscErrorCode Pattern(MgnoElliptic e)
{
  const MgnoEllipticSpec *s = &e->spec;
  PetscInt                stride[MGNO_DIM], point[MGNO_DIM] = {0};

  PetscFunctionBegin;
  stride[0] = 1;
  stride[1] = s->n[0];
  stride[2] = s->n[0] * s->n[1];
  PetscCall(MatCreateSeqAIJ(PETSC_COMM_SELF, e->unknowns, e->unknowns, 2 * s->dim + 1, NULL, &e->A));
  for (PetscInt row = 0; row < e->unknowns; row++) {
    PetscInt        cols[7], n = 0;
    const PetscReal zeros[7] = {0};

    for (PetscInt d = 0, rest = row; d < s->dim; rest /= s->n[d], d++) point[d] = rest % s->n[d];
    for (PetscInt d = s->dim - 1; d >= 0; d--) {
      if (point[d] > 0) cols[n++] = row - stride[d];
    }
    cols[n++] = row;
    for (PetscInt d = 0; d < s->dim; d++) {
      if (point[d] + 1 < s->n[d]) cols[n++] = row + stride[d];
    }
    PetscCall(MatSetValues(e->A, 1, &row, n, cols, zeros, INSERT_VALUES));
  }
  PetscCall(MatAssemblyBegin(e->A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(e->A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatSetOption(e->A, MAT_SPD, PETSC_TRUE));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetUpMultigrid(MgnoElliptic e, PC pc)
{
  PetscInt sizes[MAX_LEVELS][MGNO_DIM], n[MGNO_DIM], count = 1;
  KSP      smoother;
  PC       inner;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < MGNO_DIM; d++) sizes[0][d] = n[d] = e->spec.n[d];
  while (count < MAX_LEVELS && Coarsen(&e->spec, n)) {
    for (PetscInt d = 0; d < MGNO_DIM; d++) sizes[count][d] = n[d];
    count++;
  }
  e->n_levels = count;
  PetscCall(PCSetType(pc, PCMG));
  PetscCall(PCMGSetLevels(pc, count, NULL));
  PetscCall(PCMGSetGalerkin(pc, PC_MG_GALERKIN_BOTH));
  for (PetscInt l = 1; l < count; l++) { /* PETSC numbers the levels from the coarsest */
    PetscCall(Interpolation(&e->spec, sizes[count - 1 - l], sizes[count - l], &e->P[l]));
    PetscCall(PCMGSetInterpolation(pc, l, e->P[l]));
    PetscCall(PCMGGetSmoother(pc, l, &smoother));
    PetscCall(KSPSetType(smoother, KSPRICHARDSON));
    PetscCall(KSPSetTolerances(smoother, PETSC_DEFAULT, PETSC_DEFAULT, PETSC_DEFAULT, 1));
    PetscCall(KSPGetPC(smoother, &inner));
    PetscCall(PCSetType(inner, PCSOR));
    PetscCall(PCSORSetSymmetric(inner, SOR_LOCAL_SYMMETRIC_SWEEP));
  }
  PetscCall(PCMGGetCoarseSolve(pc, &smoother));
  PetscCall(KSPSetType(smoother, KSPPREONLY));
  PetscCall(KSPGetPC(smoother, &inner));
  PetscCall(PCSetType(inner, PCCHOLESKY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoEllipticCreate(const MgnoEllipticSpec *spec, MgnoElliptic *elliptic)
{
  MgnoElliptic e;
  PC           pc;

  PetscFunctionBegin;
  PetscCall(PetscNew(&e));
  *elliptic   = e;
  e->spec     = *spec;
  e->unknowns = 1;
  for (PetscInt d = spec->dim; d < MGNO_DIM; d++) e->spec.n[d] = 1;
  for (PetscInt d = 0; d < spec->dim; d++) e->unknowns *= spec->n[d];
  PetscCall(Pattern(e));
  PetscCall(MatCreateVecs(e->A, &e->u, &e->b));
  PetscCall(VecDuplicate(e->u, &e->r));
  PetscCall(KSPCreate(PETSC_COMM_SELF, &e->ksp));
  PetscCall(KSPSetOptionsPrefix(e->ksp, "data_"));
  PetscCall(KSPSetType(e->ksp, KSPCG));
  PetscCall(KSPSetNormType(e->ksp, KSP_NORM_UNPRECONDITIONED));
  PetscCall(KSPSetTolerances(e->ksp, spec->rtol / 2, PETSC_DEFAULT, PETSC_DEFAULT, spec->max_it)); /* half: what is certified is the residual formed anew */
  PetscCall(KSPGetPC(e->ksp, &pc));
  if (spec->pc == MGNO_PC_MG) PetscCall(SetUpMultigrid(e, pc));
  else PetscCall(PCSetType(pc, spec->pc == MGNO_PC_GAMG ? PCGAMG : spec->pc == MGNO_PC_NONE ? PCNONE : PCCHOLESKY));
  PetscCall(KSPSetFromOptions(e->ksp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoEllipticDestroy(MgnoElliptic *elliptic)
{
  MgnoElliptic e = *elliptic;

  PetscFunctionBegin;
  if (!e) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(KSPDestroy(&e->ksp));
  for (PetscInt l = 0; l < MAX_LEVELS; l++) PetscCall(MatDestroy(&e->P[l]));
  PetscCall(MatDestroy(&e->A));
  PetscCall(VecDestroy(&e->u));
  PetscCall(VecDestroy(&e->b));
  PetscCall(VecDestroy(&e->r));
  PetscCall(PetscFree(*elliptic));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoEllipticCoefficient(MgnoElliptic e, const PetscReal *a)
{
  const MgnoEllipticSpec *s        = &e->spec;
  const PetscInt          border   = s->cells ? 0 : 1;
  PetscInt                n[MGNO_DIM], stride[MGNO_DIM], point[MGNO_DIM] = {0};
  PetscScalar            *values, *value;
  PetscReal               weight[MGNO_DIM];

  PetscFunctionBegin;
  for (PetscInt d = 0; d < MGNO_DIM; d++) {
    n[d]      = s->n[d];
    stride[d] = d == 0 ? 1 : stride[d - 1] * (n[d - 1] + 2 * border);
    weight[d] = d < s->dim ? 1 / (s->h[d] * s->h[d]) : 0;
  }
  PetscCall(MatSeqAIJGetArray(e->A, &values));
  value = values;
  for (PetscInt row = 0; row < e->unknowns; row++) {
    PetscReal low[MGNO_DIM], high[MGNO_DIM], sum = 0;
    PetscInt  at = 0;

    for (PetscInt d = 0, rest = row; d < s->dim; rest /= n[d], d++) {
      point[d] = rest % n[d];
      at += (point[d] + border) * stride[d];
    }
    for (PetscInt d = 0; d < s->dim; d++) {
      const PetscReal here = a[at];

      if (s->cells && point[d] == 0) low[d] = 2 * here * weight[d];
      else low[d] = 2 * here * a[at - stride[d]] / (here + a[at - stride[d]]) * weight[d];
      if (s->cells && point[d] == n[d] - 1) high[d] = 2 * here * weight[d];
      else high[d] = 2 * here * a[at + stride[d]] / (here + a[at + stride[d]]) * weight[d];
      sum += low[d] + high[d];
    }
    for (PetscInt d = s->dim - 1; d >= 0; d--) {
      if (point[d] > 0) *value++ = -low[d];
    }
    *value++ = sum;
    for (PetscInt d = 0; d < s->dim; d++) {
      if (point[d] + 1 < n[d]) *value++ = -high[d];
    }
  }
  PetscCall(MatSeqAIJRestoreArray(e->A, &values));
  PetscCall(MatAssemblyBegin(e->A, MAT_FINAL_ASSEMBLY)); /* says that the values are new */
  PetscCall(MatAssemblyEnd(e->A, MAT_FINAL_ASSEMBLY));
  PetscCall(KSPSetOperators(e->ksp, e->A, e->A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TrueResidual(MgnoElliptic e, PetscReal *residual)
{
  PetscReal size;

  PetscFunctionBegin;
  PetscCall(MatMult(e->A, e->u, e->r));
  PetscCall(VecAYPX(e->r, -1, e->b));
  PetscCall(VecNorm(e->r, NORM_2, residual));
  PetscCall(VecNorm(e->b, NORM_2, &size));
  if (size > 0) *residual /= size;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoEllipticSolve(MgnoElliptic e, const PetscReal *f, PetscReal *u, PetscBool guess, PetscReal *residual, PetscInt *its)
{
  PetscScalar *v;

  PetscFunctionBegin;
  PetscCall(VecGetArray(e->b, &v));
  PetscCall(PetscArraycpy(v, f, e->unknowns));
  PetscCall(VecRestoreArray(e->b, &v));
  PetscCall(VecGetArray(e->u, &v));
  if (guess) PetscCall(PetscArraycpy(v, u, e->unknowns));
  else PetscCall(PetscArrayzero(v, e->unknowns));
  PetscCall(VecRestoreArray(e->u, &v));
  *its = 0;
  for (PetscInt attempt = 0; attempt < ATTEMPTS; attempt++) {
    KSPConvergedReason reason;
    PetscInt           more;

    PetscCall(KSPSetInitialGuessNonzero(e->ksp, (PetscBool)(guess || attempt > 0)));
    PetscCall(KSPSolve(e->ksp, e->b, e->u));
    PetscCall(KSPGetConvergedReason(e->ksp, &reason));
    PetscCall(KSPGetIterationNumber(e->ksp, &more));
    *its += more;
    PetscCall(TrueResidual(e, residual));
    if (*residual <= e->spec.rtol || reason == KSP_DIVERGED_ITS) break;
  }
  PetscCall(VecGetArray(e->u, &v));
  PetscCall(PetscArraycpy(u, v, e->unknowns));
  PetscCall(VecRestoreArray(e->u, &v));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoEllipticHistory(MgnoElliptic e, PetscReal *norms, PetscInt room)
{
  PetscFunctionBegin;
  PetscCall(KSPSetResidualHistory(e->ksp, norms, room, PETSC_FALSE));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoEllipticApply(MgnoElliptic e, const PetscReal *u, PetscReal *au)
{
  PetscScalar *v;

  PetscFunctionBegin;
  PetscCall(VecGetArray(e->u, &v));
  PetscCall(PetscArraycpy(v, u, e->unknowns));
  PetscCall(VecRestoreArray(e->u, &v));
  PetscCall(MatMult(e->A, e->u, e->r));
  PetscCall(VecGetArray(e->r, &v));
  PetscCall(PetscArraycpy(au, v, e->unknowns));
  PetscCall(VecRestoreArray(e->r, &v));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoEllipticMatrix(MgnoElliptic e, Mat *A)
{
  PetscFunctionBegin;
  *A = e->A;
  PetscFunctionReturn(PETSC_SUCCESS);
}
