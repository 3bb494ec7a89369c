/* Noisy sources: what the regularised solve gains over collocation, its minimiser against dense normal equations, its limit of no noise. */
#include <tessera/driver.h>
#include <tessera/expr.h>
#include <tessera/h5.h>
#include <tessera/io.h>
#include <tessera/random.h>
#include <tessera/test.h>
#include "../../../src/problems/gp_pde/gp_pde.h"

extern const TesProblemKind TesProblemGpPde;

typedef struct {
  PetscReal error, residual_over_noise, minimiser;
} Seen;

/* the core against the dense solution of (B'B + I) z = B' R / s, B = A D sigma_u / s (1-D) */
static PetscErrorCode CompareMinimiser(GpPde *gp, PetscReal *worst)
{
  GpProjected projected = {0};
  const GpBasis *basis  = &gp->best.basis[0];
  const PetscInt n      = basis->r;
  PetscReal     *b, *h, *z, *g0, size = 0, spread = 0, top = 0;

  PetscFunctionBegin;
  PetscCall(GpRefineBest(gp));
  PetscCall(GpProjectedCreate(gp, &gp->best, &projected));
  PetscCall(PetscMalloc4(n * n, &b, n * n, &h, n, &z, n, &g0));
  PetscCall(GpLinearSolve(&projected.linear, projected.rhs, g0));
  for (PetscInt i = 0; i < n; i++) {
    size += g0[i] * g0[i];
    spread += basis->scale[i] * basis->scale[i];
  }
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt j = 0; j < n; j++) b[i * n + j] = basis->a[i * n + j] * basis->scale[j] * PetscSqrtReal(size / spread) / gp->source.noise_sd;
  PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, n, n, n, 1, b, b, 0, h));
  for (PetscInt i = 0; i < n; i++) h[i * n + i] += 1;
  PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, n, 1, n, 1 / gp->source.noise_sd, b, projected.rhs, 0, z));
  PetscCall(TesLUSolve(n, 1, h, z));
  *worst = 0;
  for (PetscInt i = 0; i < n; i++) {
    const PetscReal g = z[i] * basis->scale[i] * PetscSqrtReal(size / spread);

    top    = PetscMax(top, PetscAbsReal(g));
    *worst = PetscMax(*worst, PetscAbsReal(g - gp->best.core[i]));
  }
  *worst /= top;
  PetscCall(PetscFree4(b, h, z, g0));
  PetscCall(GpProjectedDestroy(&projected));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Look(TesProblem problem, TesReport report, void *arg)
{
  GpPde    *gp   = TesProblemCtx(problem);
  Seen     *seen = arg;
  PetscBool found;

  PetscFunctionBegin;
  PetscCall(TesReportFind(report, "relative_l2", &found, &seen->error));
  if (gp->dim == 1 && gp->source.noise_sd > 0) PetscCall(CompareMinimiser(gp, &seen->minimiser));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* f with noise of `level` of its rms on n (x n) nodes of the unit box, as a file; the same on every rank count */
static PetscErrorCode MakeData(PetscInt dim, PetscInt n, PetscReal level, char path[], PetscReal *sd)
{
  const PetscInt rows = dim == 1 ? n : n * n;
  TesStateItem   item = {.name = "f", .type = TES_F64, .n_axes = (int)dim, .shape = {n, n}};
  PetscReal     *f, square = 0;
  TesFile        file;
  char           folder[PETSC_MAX_PATH_LEN];

  PetscFunctionBegin;
  PetscCall(TesTestFolder(folder, sizeof(folder)));
  PetscCall(PetscSNPrintf(path, PETSC_MAX_PATH_LEN, "%s/noisy_%d_%g.h5", folder, (int)dim, (double)level));
  PetscCall(PetscMalloc1(rows, &f));
  for (PetscInt i = 0; i < rows; i++) {
    const PetscReal x = (PetscReal)(i % n) / (n - 1), y = (PetscReal)(i / n) / (n - 1);

    f[i] = dim == 1 ? -PetscSqr(61.3) * PetscSinReal(61.3 * x) - 0.3 * PetscSqr(23.1) * PetscCosReal(23.1 * x)
                    : -(PetscSqr(37.) + PetscSqr(16.3)) * PetscSinReal(37 * x + 0.3) * PetscCosReal(16.3 * y);
    square += f[i] * f[i] / rows;
  }
  *sd = level * PetscSqrtReal(square);
  for (PetscInt i = 0; i < rows; i++) {
    PetscReal z[2];

    TesRandomNormal(5, TES_STREAM_TEST, (uint32_t)i, (uint32_t)dim, 0, z);
    f[i] += *sd * z[0];
  }
  item.data = f;
  PetscCall(TesFileCreate(PETSC_COMM_WORLD, path, "result", &file));
  PetscCall(TesFileAddItem(file, "/", &item));
  PetscCall(TesFileCommit(file, NULL, NULL));
  PetscCall(TesFileDestroy(&file));
  PetscCall(PetscFree(f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Run(PetscInt dim, const char path[], PetscReal sd, const char more[], Seen *seen)
{
  char *deck;

  PetscFunctionBegin;
  PetscCall(TesFormat(&deck, "problem: gp_pde\ndomain: {points: %s}\nequation: {kind: poisson}\nsource: {from: hdf5, file: %s, noise_sd: %.17g}\nmanufactured: {expression: \"%s\"}\n%s",
                      dim == 1 ? "200" : "[48, 48]", path, (double)sd, dim == 1 ? "sin(61.3*x)+0.3*cos(23.1*x)" : "sin(37*x+0.3)*cos(16.3*y)", more));
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde, deck, Look, seen));
  PetscCall(PetscFree(deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Collocation fits the noise with every line it can hold; with the noise named the spectrum is pruned at it and the rest is damped. */
static PetscErrorCode NamingTheNoiseGainsOverCollocation(void)
{
  char      path[PETSC_MAX_PATH_LEN];
  PetscReal sd;
  Seen      named, unnamed;

  PetscFunctionBegin;
  for (PetscInt dim = 1; dim <= 2; dim++) {
    PetscCall(MakeData(dim, dim == 1 ? 200 : 48, 1e-2, path, &sd));
    PetscCall(Run(dim, path, sd, "", &named));
    PetscCall(Run(dim, path, 0, "", &unnamed));
    PetscCall(PetscPrintf(PETSC_COMM_WORLD, "# %d-D, 1 %% of noise: error %.1e with the noise named, %.1e without\n", (int)dim, (double)named.error, (double)unnamed.error));
    TES_CHECK_AT_MOST(named.error, 0.03);
    TES_CHECK_AT_LEAST(unnamed.error / named.error, 3);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MinimiserAgreesWithNormalEquations(void)
{
  char      path[PETSC_MAX_PATH_LEN];
  PetscReal sd;
  Seen      seen;

  PetscFunctionBegin;
  PetscCall(MakeData(1, 200, 1e-2, path, &sd));
  PetscCall(Run(1, path, sd, "refine: {enable: false}\n", &seen));
  TES_CHECK_AT_MOST(seen.minimiser, 1e-5); /* stopping tolerance of LSQR, 1e-10, times a condition of 1e4: signal over noise, 1e2, squared; ten times that */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LittleNoiseGivesACorrespondingError(void)
{
  char      path[PETSC_MAX_PATH_LEN];
  PetscReal sd;
  Seen      fine;

  PetscFunctionBegin;
  PetscCall(MakeData(1, 200, 1e-6, path, &sd));
  PetscCall(Run(1, path, sd, "refine: {enable: false}\n", &fine));
  TES_CHECK_AT_MOST(fine.error, 1e-4);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- equations that are not linear, not elliptic, or have a variable coefficient ---- */

typedef struct {
  const char *what, *deck, *u;
  PetscInt    n[2];
  PetscBool   chebyshev;
} NoisyCase;

typedef enum { BURGERS, ADVECTION, VARIABLE, ALLEN_CAHN, DIFFUSION, POISSON } NoisyKind;

typedef struct {
  PetscReal error, gradient;
  PetscBool look;
} NoisySeen;

/* f by symbolic derivatives, noise, file */
static PetscErrorCode NoisyFile(NoisyKind kind, const NoisyCase *c, PetscReal level, char path[], PetscReal *sd)
{
  const PetscInt m    = c->n[0] * c->n[1];
  TesStateItem   item = {.name = "f", .type = TES_F64, .n_axes = 2, .shape = {c->n[1], c->n[0]}};
  TesExpr        u, first[2], second[2];
  TesFile        file;
  PetscReal     *f, square = 0;
  PetscInt       column;
  char           message[256], folder[PETSC_MAX_PATH_LEN];

  PetscFunctionBegin;
  PetscCall(TesTestFolder(folder, sizeof(folder)));
  PetscCall(PetscSNPrintf(path, PETSC_MAX_PATH_LEN, "%s/noisy_%d_%g.h5", folder, (int)kind + 10, (double)level));
  PetscCall(TesExprParse(c->u, "x y", &u, &column, message, sizeof(message)));
  PetscCheck(u, PETSC_COMM_SELF, PETSC_ERR_PLIB, "%s", message);
  for (PetscInt d = 0; d < 2; d++) {
    PetscCall(TesExprDerivative(u, d, &first[d]));
    PetscCall(TesExprDerivative(first[d], d, &second[d]));
  }
  PetscCall(PetscMalloc1(m, &f));
  for (PetscInt i = 0; i < m; i++) {
    const PetscReal part[2] = {(PetscReal)(i % c->n[0]) / (PetscReal)(c->n[0] - 1), (PetscReal)(i / c->n[0]) / (PetscReal)(c->n[1] - 1)};
    const PetscReal at[3]   = {c->chebyshev ? (1 - PetscCosReal(PETSC_PI * part[0])) / 2 : part[0], c->chebyshev ? (1 - PetscCosReal(PETSC_PI * part[1])) / 2 : part[1], 0};
    const PetscReal v = TesExprEvaluate(u, at), vx = TesExprEvaluate(first[0], at), vy = TesExprEvaluate(first[1], at), vxx = TesExprEvaluate(second[0], at), vyy = TesExprEvaluate(second[1], at);

    if (kind == BURGERS) f[i] = vy + v * vx - 0.1 * vxx;
    else if (kind == ADVECTION) f[i] = vy + 5 * vx;
    else if (kind == VARIABLE) f[i] = (1.5 + 0.5 * at[1] * PetscCosReal(2 * PETSC_PI * at[0])) * (vxx + vyy) - PETSC_PI * at[1] * PetscSinReal(2 * PETSC_PI * at[0]) * vx + 0.5 * PetscCosReal(2 * PETSC_PI * at[0]) * vy;
    else if (kind == ALLEN_CAHN) f[i] = vxx + vyy + v * (v * v - 1);
    else if (kind == POISSON) f[i] = vxx + vyy;
    else f[i] = vy - 0.1 * vxx - 2 * v * (1 - v);
    square += f[i] * f[i] / m;
  }
  *sd = level * PetscSqrtReal(square);
  for (PetscInt i = 0; i < m; i++) {
    PetscReal z[2];

    TesRandomNormal(6, TES_STREAM_TEST, (uint32_t)i, (uint32_t)kind, 0, z);
    f[i] += *sd * z[0];
  }
  item.data = f;
  PetscCall(TesFileCreate(PETSC_COMM_WORLD, path, "result", &file));
  PetscCall(TesFileAddItem(file, "/", &item));
  PetscCall(TesFileCommit(file, NULL, NULL));
  PetscCall(TesFileDestroy(&file));
  for (PetscInt d = 0; d < 2; d++) {
    PetscCall(TesExprDestroy(&first[d]));
    PetscCall(TesExprDestroy(&second[d]));
  }
  PetscCall(TesExprDestroy(&u));
  PetscCall(PetscFree(f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* L u_h + n(u_h) - f on all nodes (one rank), from the functions themselves: nothing of newton.c and map.c */
static PetscErrorCode PointResidual(GpPde *gp, const GpBasisAt at[], const PetscReal *core, PetscReal *residual)
{
  GpSolution with = gp->best;
  GpFields   u;
  PetscReal *rest;

  PetscFunctionBegin;
  with.core = (PetscReal *)core;
  PetscCall(GpFieldsCreate(gp, gp->grid.n_local, &u));
  PetscCall(PetscCalloc1((size_t)gp->grid.n_local, &rest));
  PetscCall(GpSolutionSeparable(gp, &with, at, &gp->grid, PETSC_TRUE, PETSC_TRUE, residual));
  PetscCall(GpSolutionFields(gp, &with, at, &gp->grid, PETSC_TRUE, PETSC_TRUE, &u));
  if (gp->remainder) GpRemainder(gp, &gp->a_grid, &u, rest);
  for (PetscInt64 i = 0; i < gp->grid.n_local; i++) residual[i] += rest[i] - gp->f[i];
  PetscCall(PetscFree(rest));
  PetscCall(GpFieldsDestroy(&u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Gradient of |z|^2 / 2 + |Q' r|^2 / (2 s^2) in z at the core found, Q an orthonormal basis of the span of all test functions on the points: dense, derivatives by central differences. The
   size sigma_u of the prior, which the run takes from its collocation solution, is the one for which the gradient is smallest: one number for hundreds of components. */
static PetscErrorCode DenseGradient(GpPde *gp, PetscReal *relative)
{
  const PetscInt m = (PetscInt)gp->grid.n_local, n = (PetscInt)gp->best.n_core, r0 = gp->best.r[0];
  PetscReal     *t, *q, *upper, *core, *plus, *minus, *jacobian, *z, *pull, zz = 0, zp = 0, left = 0;
  GpBasisAt      at[GP_DIM];

  PetscFunctionBegin;
  PetscCall(PetscMalloc6(m * n, &t, m * n, &q, n * n, &upper, n, &core, m, &plus, m, &minus));
  PetscCall(PetscMalloc3(n, &jacobian, n, &z, n, &pull));
  PetscCall(GpSolutionAt(gp, &gp->best, &gp->grid, GpKindsNeeded(gp), at));
  for (PetscInt p = 0; p < m; p++)
    for (PetscInt k = 0; k < n; k++) t[p * n + k] = gp->best.basis[0].test[(k % r0) * gp->n[0] + p % gp->n[0]] * gp->best.basis[1].test[(k / r0) * gp->n[1] + p / gp->n[0]];
  PetscCall(TesQR(m, n, t, q, upper));
  PetscCall(PetscArraycpy(core, gp->best.core, n));
  PetscCall(PointResidual(gp, at, core, plus));
  PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, n, 1, m, 1, q, plus, 0, jacobian)); /* Q' r */
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, m, 1, n, 1, q, jacobian, 0, t));   /* Q Q' r */
  for (PetscInt k = 0; k < n; k++) {
    const PetscReal scale = gp->best.basis[0].scale[k % r0] * gp->best.basis[1].scale[k / r0], h = 1e-4 * (1e-2 + PetscAbsReal(core[k])), was = core[k];

    core[k] = was + h;
    PetscCall(PointResidual(gp, at, core, plus));
    core[k] = was - h;
    PetscCall(PointResidual(gp, at, core, minus));
    core[k] = was;
    z[k]    = was / scale; /* times 1 / sigma_u */
    pull[k] = 0;
    for (PetscInt p = 0; p < m; p++) pull[k] += (plus[p] - minus[p]) / (2 * h) * t[p];
    pull[k] *= scale / PetscSqr(gp->source.noise_sd); /* times sigma_u */
    zz += z[k] * z[k];
    zp += z[k] * pull[k];
  }
  for (PetscInt k = 0; k < n; k++) left += PetscSqr(z[k] - zz / zp * pull[k]); /* z + sigma_u^2 pull = 0: sigma_u^2 = - zz / zp */
  *relative = PetscSqrtReal(left / zz);
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(GpBasisAtDestroy(&at[d]));
  PetscCall(PetscFree3(jacobian, z, pull));
  PetscCall(PetscFree6(t, q, upper, core, plus, minus));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode NoisyLook(TesProblem problem, TesReport report, void *arg)
{
  GpPde      *gp   = TesProblemCtx(problem);
  NoisySeen  *seen = arg;
  PetscBool   found;
  PetscMPIInt size;

  PetscFunctionBegin;
  PetscCall(TesReportFind(report, "relative_l2", &found, &seen->error));
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  if (!seen->look || size > 1) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(GpRefineBest(gp));
  PetscCall(DenseGradient(gp, &seen->gradient));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EveryEquationTakesANoisySource(void)
{
  static const NoisyCase cases[] = {
    {.what = "burgers", .deck = "equation: {kind: burgers, diffusion: 0.1}\nrefine: {enable: false}", .u = "0.5*sin(12*x-5*y)+0.3*cos(17*x)*exp(-y)", .n = {20, 18}},
    {.what = "advection", .deck = "equation: {kind: advection, beta: 5}\nrefine: {enable: false}", .u = "sin(9*x-16*y)+0.3*x*y", .n = {18, 24}},
    {.what = "variable coefficient", .deck = "equation: {kind: poisson, variable_coefficient: \"1.5+0.5*y*cos(2*pi*x)\"}\nrefine: {enable: false}", .u = "sin(17*x+0.3)*cos(11*y)", .n = {20, 20}},
    {.what = "allen-cahn", .deck = "equation: {kind: allen_cahn}\nspectrum: {background: 4}", .u = "sin(17*x+0.3)*cos(11*y)", .n = {20, 20}},
    {.what = "reaction and diffusion", .deck = "equation: {kind: reaction_diffusion, diffusion: 0.1, rate: 2}\nrefine: {enable: false}", .u = "0.5*sin(14*x)*cos(9*y)+x*exp(-y)", .n = {20, 20}},
    {.what = "poisson, by LSQR", .deck = "equation: {kind: poisson}", .u = "sin(9*x+0.3)*cos(6*y)", .n = {44, 44}, .chebyshev = PETSC_TRUE}, /* 37 x 37 unknowns: too many for the dense solve */
  };

  PetscFunctionBegin;
  for (NoisyKind k = BURGERS; k <= POISSON; k++) {
    const NoisyCase *c = &cases[k];
    NoisySeen        seen = {.look = PETSC_TRUE};
    char             path[PETSC_MAX_PATH_LEN], *deck;
    PetscReal        sd;

    PetscCall(NoisyFile(k, c, 1e-2, path, &sd));
    PetscCall(TesFormat(&deck, "problem: gp_pde\ndomain: {points: [%d, %d], nodes: %s}\n%s\nsource: {from: hdf5, file: %s, noise_sd: %.17g}\nmanufactured: {expression: \"%s\"}\n", (int)c->n[0],
                        (int)c->n[1], c->chebyshev ? "chebyshev" : "uniform", c->deck, path, (double)sd, c->u));
    PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde, deck, NoisyLook, &seen));
    PetscCall(PetscFree(deck));
    PetscCall(PetscPrintf(PETSC_COMM_WORLD, "# %s, 1 %% of noise: error %.1e; gradient of the objective %.1e\n", c->what, (double)seen.error, (double)seen.gradient));
    TES_CHECK_AT_MOST(seen.error, 0.03); /* noise of the source is damped by the solve */
    TES_CHECK_AT_MOST(seen.gradient, c->chebyshev ? 1e-3 : 3e-5); /* LSQR: 1e-12 |A| |r| / |z|, with |A| up to 1e6 here, |r| 100, |z| some tens: 1e-5 to 1e-3; dense: central differences, and the size of the prior, which was taken from another core; measured 3e-6 */
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(NamingTheNoiseGainsOverCollocation),
  TES_TEST(MinimiserAgreesWithNormalEquations),
  TES_TEST(LittleNoiseGivesACorrespondingError),
  TES_TEST(EveryEquationTakesANoisySource),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
