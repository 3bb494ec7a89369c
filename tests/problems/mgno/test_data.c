/* The solvers behind the data sets against exact solutions, orders of convergence, conservation, symmetry. */
#include <math.h>
#include <tessera/test.h>
#include "../../../src/problems/mgno/model.h"

static void Setup(Mgno *m, MgnoFamilyNumber family, PetscInt n, MgnoLayout layout, PetscInt sizes[1])
{
  memset(m, 0, sizeof *m);
  sizes[0]             = n;
  m->grid.dim          = 2;
  m->grid.n            = (TesInts){1, sizes};
  m->grid.layout       = layout;
  m->data.family       = family;
  m->data.train        = 8;
  m->data.grf.alpha    = 2;
  m->data.grf.tau      = 3;
  m->data.high         = 12;
  m->data.low          = 3;
  m->data.source       = 1;
  m->data.solver.rtol  = 1e-10;
  m->data.solver.max_it = 500;
  m->data.seed         = 7;
  m->data.omega        = 100;
  m->data.frames       = 1;
  m->data.frame_time   = 1;
  m->data.dt           = 0.02;
  m->data.part         = 8;
  MgnoDerive(m, 7);
}

/* V9: -div(a grad u) = f with u = sin(pi x) sin(2 pi y), a = 1 + x^2 / 2 + y / 3 */
static PetscErrorCode Manufactured(PetscBool cells, PetscInt n, PetscReal *error)
{
  MgnoEllipticSpec s      = {.dim = 2, .n = {n, n, 1}, .cells = cells, .rtol = 1e-11, .max_it = 200};
  const PetscInt   border = cells ? 0 : 1, wide = n + 2 * border;
  MgnoElliptic     e;
  PetscReal       *a, *f, *u, residual, h = cells ? 1. / n : 1. / (n + 1);
  PetscInt         its;

  PetscFunctionBegin;
  s.h[0] = s.h[1] = h;
  PetscCall(MgnoEllipticCreate(&s, &e));
  PetscCall(PetscMalloc3(wide * wide, &a, n * n, &f, n * n, &u));
  for (PetscInt j = 0; j < wide; j++)
    for (PetscInt i = 0; i < wide; i++) {
      const PetscReal x = cells ? (i + 0.5) * h : i * h, y = cells ? (j + 0.5) * h : j * h;

      a[j * wide + i] = 1 + x * x / 2 + y / 3;
    }
  for (PetscInt j = 0; j < n; j++)
    for (PetscInt i = 0; i < n; i++) {
      const PetscReal x = cells ? (i + 0.5) * h : (i + 1) * h, y = cells ? (j + 0.5) * h : (j + 1) * h, k = PETSC_PI;

      f[j * n + i] = 5 * k * k * (1 + x * x / 2 + y / 3) * sin(k * x) * sin(2 * k * y) - x * k * cos(k * x) * sin(2 * k * y) - 2 * k / 3 * sin(k * x) * cos(2 * k * y);
    }
  PetscCall(MgnoEllipticCoefficient(e, a));
  PetscCall(MgnoEllipticSolve(e, f, u, PETSC_FALSE, &residual, &its));
  TES_CHECK_AT_MOST(residual, 1e-11);
  TES_CHECK_AT_MOST(its, 14);
  *error = 0;
  for (PetscInt j = 0; j < n; j++)
    for (PetscInt i = 0; i < n; i++) {
      const PetscReal x = cells ? (i + 0.5) * h : (i + 1) * h, y = cells ? (j + 0.5) * h : (j + 1) * h;

      *error = PetscMax(*error, PetscAbsReal(u[j * n + i] - sin(PETSC_PI * x) * sin(2 * PETSC_PI * y)));
    }
  PetscCall(PetscFree3(a, f, u));
  PetscCall(MgnoEllipticDestroy(&e));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DarcyIsOfSecondOrder(void)
{
  PetscFunctionBegin;
  for (int cells = 0; cells < 2; cells++) {
    PetscReal coarse, fine;

    PetscCall(Manufactured((PetscBool)cells, cells ? 32 : 31, &coarse));
    PetscCall(Manufactured((PetscBool)cells, cells ? 64 : 63, &fine));
    TES_CHECK_NEAR(log2(coarse / fine), 2, 0.1);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* In one dimension the scheme with harmonic faces is exact at the faces for a coefficient in layers: flux q = -a u' = q0 + x, and u follows by integration from cell to cell. */
static PetscErrorCode LayersAreExact(void)
{
  enum { N = 16 };
  MgnoEllipticSpec s = {.dim = 1, .n = {N, 1, 1}, .cells = PETSC_TRUE, .rtol = 1e-13, .max_it = 200, .h = {1. / N}};
  MgnoElliptic     e;
  PetscReal        a[N], f[N], u[N], residual, h = 1. / N, resistance = 0, moment = 0, q0, at = 0;
  PetscInt         its;

  PetscFunctionBegin;
  PetscCall(MgnoEllipticCreate(&s, &e));
  for (PetscInt i = 0; i < N; i++) {
    a[i] = i % 3 == 0 ? 12 : i % 3 == 1 ? 3 : 0.25;
    f[i] = 1;
  }
  PetscCall(MgnoEllipticCoefficient(e, a));
  PetscCall(MgnoEllipticSolve(e, f, u, PETSC_FALSE, &residual, &its));
  /* discrete flux at face k is q0 + k h, exactly that of the equation; sum over faces of flux times resistance = 0 gives q0 */
  for (PetscInt k = 0; k <= N; k++) {
    const PetscReal r = (k > 0 ? h / 2 / a[k - 1] : 0) + (k < N ? h / 2 / a[k] : 0);

    resistance += r;
    moment += k * h * r;
  }
  q0 = -moment / resistance;
  for (PetscInt k = 0; k < N; k++) {
    at -= ((k > 0 ? h / 2 / a[k - 1] : 0) + h / 2 / a[k]) * (q0 + k * h);
    TES_CHECK_NEAR(u[k], at, 1e-12);
  }
  PetscCall(MgnoEllipticDestroy(&e));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Every sample: residual, positivity; a mirrored coefficient gives a mirrored solution. */
static PetscErrorCode SamplesKeepTheMaximumPrinciple(void)
{
  const MgnoLayout layouts[] = {MGNO_CELL, MGNO_VERTEX, MGNO_INTERIOR};

  PetscFunctionBegin;
  for (int l = 0; l < 3; l++) {
    Mgno       m;
    MgnoMaker  maker;
    PetscInt   sizes[1];
    PetscReal *x, *y, residual, its;

    Setup(&m, MGNO_PIECEWISE, l == 0 ? 32 : l == 1 ? 33 : 31, layouts[l], sizes);
    PetscCall(MgnoMakerCreate(&m, &maker));
    PetscCall(PetscMalloc2(m.points, &x, m.points, &y));
    for (PetscInt64 s = 0; s < 4; s++) {
      PetscReal least = 1;

      PetscCall(m.family->make(&m, maker, s, x, y, &residual, &its));
      TES_CHECK_AT_MOST(residual, 1e-10);
      for (PetscInt64 i = 0; i < m.points; i++) {
        const PetscBool side = i % m.n[0] == 0 || i % m.n[0] == m.n[0] - 1 || i / m.n[0] == 0 || i / m.n[0] == m.n[1] - 1 ? PETSC_TRUE : PETSC_FALSE;

        TES_CHECK(x[i] == 12 || x[i] == 3);
        if (layouts[l] != MGNO_VERTEX || !side) least = PetscMin(least, y[i]);
        else TES_CHECK(y[i] == 0);
      }
      TES_CHECK(least > 0);
    }
    PetscCall(PetscFree2(x, y));
    PetscCall(MgnoMakerDestroy(&maker));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode MirroredCoefficientsGiveMirroredSolutions(void)
{
  enum { N = 32 };
  MgnoEllipticSpec s = {.dim = 2, .n = {N, N, 1}, .cells = PETSC_TRUE, .rtol = 1e-13, .max_it = 200, .h = {1. / N, 1. / N}};
  MgnoElliptic     e;
  PetscReal       *a, *f, *u, residual, worst = 0;
  PetscInt         its;

  PetscFunctionBegin;
  PetscCall(MgnoEllipticCreate(&s, &e));
  PetscCall(PetscMalloc3(N * N, &a, N * N, &f, N * N, &u));
  for (PetscInt j = 0; j < N; j++)
    for (PetscInt i = 0; i < N; i++) {
      a[j * N + i] = PetscMin(i, N - 1 - i) * PetscMin(i, N - 1 - i) + j > 40 ? 12 : 3;
      f[j * N + i] = 1;
    }
  PetscCall(MgnoEllipticCoefficient(e, a));
  PetscCall(MgnoEllipticSolve(e, f, u, PETSC_FALSE, &residual, &its));
  for (PetscInt j = 0; j < N; j++)
    for (PetscInt i = 0; i < N; i++) worst = PetscMax(worst, PetscAbsReal(u[j * N + i] - u[j * N + N - 1 - i]));
  TES_CHECK_AT_MOST(worst, 1e-10);
  PetscCall(PetscFree3(a, f, u));
  PetscCall(MgnoEllipticDestroy(&e));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* V10: the same sample at 17, 33, 65 vertices: differences fall by four */
static PetscErrorCode HelmholtzIsOfSecondOrder(void)
{
  PetscReal value[3][9], first = 0, second = 0;

  PetscFunctionBegin;
  for (int level = 0; level < 3; level++) {
    Mgno       m;
    MgnoMaker  maker;
    PetscInt   sizes[1];
    PetscReal *x, *y, residual, its;
    PetscInt   n = (20 << level) + 1, step = 5 << level;

    Setup(&m, MGNO_HELMHOLTZ, n, MGNO_VERTEX, sizes);
    m.data.omega = 60; /* wave number 3 */
    PetscCall(MgnoMakerCreate(&m, &maker));
    PetscCall(PetscMalloc2(m.points, &x, m.points, &y));
    PetscCall(m.family->make(&m, maker, 3, x, y, &residual, &its));
    TES_CHECK_AT_MOST(residual, 1e-10);
    TES_CHECK(x[0] > 19 && x[0] < 21);
    for (PetscInt k = 0; k < 9; k++) value[level][k] = y[(k / 3 + 1) * step * n + (k % 3 + 1) * step];
    PetscCall(PetscFree2(x, y));
    PetscCall(MgnoMakerDestroy(&maker));
  }
  for (PetscInt k = 0; k < 9; k++) {
    first += (value[1][k] - value[0][k]) * (value[1][k] - value[0][k]);
    second += (value[2][k] - value[1][k]) * (value[2][k] - value[1][k]);
  }
  TES_CHECK_NEAR(log2(first / second) / 2, 2, 0.25);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* V10: u = cos(2 pi x) cos(pi y) has no flux through the sides and solves the equation with f = (5 pi^2 - (omega / c)^2) u: second order */
static PetscErrorCode HelmholtzSolvesManufacturedWaves(void)
{
  PetscReal error[2];

  PetscFunctionBegin;
  for (int level = 0; level < 2; level++) {
    Mgno           m;
    MgnoMaker      maker;
    PetscInt       sizes[1];
    const PetscInt n = (24 << level) + 1;
    PetscReal     *c, *f, *u, *y, residual, its;

    Setup(&m, MGNO_HELMHOLTZ, n, MGNO_VERTEX, sizes);
    m.data.omega = 200; /* wave number 10, the wave's own 7.02 */
    PetscCall(MgnoMakerCreate(&m, &maker));
    PetscCall(PetscMalloc4(m.points, &c, m.points, &f, m.points, &u, m.points, &y));
    for (PetscInt64 i = 0; i < m.points; i++) {
      u[i] = cos(2 * PETSC_PI * (PetscReal)(i % n) / (n - 1)) * cos(PETSC_PI * (PetscReal)(i / n) / (n - 1));
      c[i] = 20;
      f[i] = (5 * PETSC_PI * PETSC_PI - 100) * u[i];
    }
    PetscCall(MgnoHelmholtzSolve(&m, maker, c, f, y, &residual, &its));
    TES_CHECK_AT_MOST(residual, 1e-10);
    TES_CHECK(its > 0); /* not near a resonance */
    error[level] = 0;
    for (PetscInt64 i = 0; i < m.points; i++) error[level] = PetscMax(error[level], PetscAbsReal(y[i] - u[i]));
    PetscCall(PetscFree4(c, f, u, y));
    PetscCall(MgnoMakerDestroy(&maker));
  }
  TES_CHECK_NEAR(log2(error[0] / error[1]), 2, 0.1);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* V10: at a wave number of the discrete operator itself, (6 / h^2) (1 - cos pi h) / (2 + cos pi h), up to 1e-5 of it, a sample is marked; a tenth away it is not. And the load is compatible: without the
   mass term the sides' fluxes and the source would have to balance, with it the mean of (omega / c)^2 u is minus the mean flux of the source, 0.3 */
static PetscErrorCode ResonancesAreMarkedAndFluxesBalance(void)
{
  enum { N = 25 };

  PetscFunctionBegin;
  for (int near = 0; near < 2; near++) {
    const PetscReal h = 1. / (N - 1), own = 6 / (h * h) * (1 - cos(PETSC_PI * h)) / (2 + cos(PETSC_PI * h));
    Mgno            m;
    MgnoMaker       maker;
    PetscInt        sizes[1];
    PetscReal       c[N * N], y[N * N], residual, its, mean = 0;

    Setup(&m, MGNO_HELMHOLTZ, N, MGNO_VERTEX, sizes);
    m.data.omega = 20 * sqrt(own) * (near ? 1 + 5e-6 : 1.1);
    PetscCall(MgnoMakerCreate(&m, &maker));
    for (PetscInt i = 0; i < N * N; i++) c[i] = 20;
    PetscCall(MgnoHelmholtzSolve(&m, maker, c, NULL, y, &residual, &its));
    TES_CHECK_AT_MOST(residual, near ? 1e-8 : 1e-10); /* the condition number there is some 1e7 */
    TES_CHECK((its < 0) == (near == 1));
    for (PetscInt i = 0; i < N * N; i++) mean += y[i] * (i % N == 0 || i % N == N - 1 ? 0.5 : 1) * (i / N == 0 || i / N == N - 1 ? 0.5 : 1) * h * h;
    if (!near) TES_CHECK_NEAR(m.data.omega / 20 * (m.data.omega / 20) * mean, -0.3, 1e-9); /* the equation integrated over the square */
    PetscCall(MgnoMakerDestroy(&maker));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* kinetic energy of a flow of vorticity w: half the sum of |w_k|^2 / (4 pi^2 |k|^2) over the modes */
static PetscReal Energy(PetscInt n, const PetscReal *w)
{
  PetscReal energy = 0;

  for (PetscInt k1 = 0; k1 < n; k1++) {
    PetscReal re[64] = {0}, im[64] = {0};

    for (PetscInt j = 0; j < n; j++)
      for (PetscInt i = 0; i < n; i++) {
        re[i] += w[j * n + i] * cos(2 * PETSC_PI * (PetscReal)(k1 * j % n) / n) / (PetscReal)(n * n);
        im[i] -= w[j * n + i] * sin(2 * PETSC_PI * (PetscReal)(k1 * j % n) / n) / (PetscReal)(n * n);
      }
    for (PetscInt k0 = 0; k0 < n; k0++) {
      const PetscReal a = k0 <= n / 2 ? k0 : k0 - n, b = k1 <= n / 2 ? k1 : k1 - n;
      PetscReal       x = 0, y = 0;

      for (PetscInt i = 0; i < n; i++) {
        const PetscReal c = cos(2 * PETSC_PI * (PetscReal)(k0 * i % n) / n), s = -sin(2 * PETSC_PI * (PetscReal)(k0 * i % n) / n);

        x += re[i] * c - im[i] * s;
        y += re[i] * s + im[i] * c;
      }
      if (k0 || k1) energy += (x * x + y * y) / (8 * PETSC_PI * PETSC_PI * (a * a + b * b));
    }
  }
  return energy;
}

/* V10: w = cos 2 pi (x + y) is a steady flow but for viscosity: it decays as exp(-8 pi^2 nu t); without viscosity and force energy and enstrophy stay; the mean of w always */
static PetscErrorCode FlowsDecayAndConserve(void)
{
  Mgno       m;
  MgnoMaker  maker;
  PetscInt   sizes[1];
  PetscReal *x, *y, residual, its, worst = 0, before = 0, after = 0, drift[2];

  PetscFunctionBegin;
  Setup(&m, MGNO_NAVIER_STOKES, 32, MGNO_PERIODIC, sizes);
  m.data.viscosity = 1e-2;
  PetscCall(MgnoMakerCreate(&m, &maker));
  PetscCall(PetscMalloc2(m.points, &x, m.points, &y));
  for (PetscInt64 i = 0; i < m.points; i++) x[i] = cos(2 * PETSC_PI * ((PetscReal)(i % 32) + (PetscReal)(i / 32)) / 32);
  PetscCall(MgnoFlowRun(&m, maker, x, y, &residual, &its));
  for (PetscInt64 i = 0; i < m.points; i++) worst = PetscMax(worst, PetscAbsReal(y[i] - x[i] * exp(-8 * PETSC_PI * PETSC_PI * 1e-2)));
  TES_CHECK_AT_MOST(worst, 1e-10);
  TES_CHECK_AT_MOST(residual, 1e-14);
  for (PetscInt64 i = 0; i < m.points; i++) x[i] = cos(2 * PETSC_PI * (PetscReal)(i % 32) / 32) * cos(2 * PETSC_PI * (PetscReal)(i / 32) / 32); /* Taylor and Green: the energy decays twice as fast */
  PetscCall(MgnoFlowRun(&m, maker, x, y, &residual, &its));
  TES_CHECK_NEAR(Energy(32, y) / Energy(32, x), exp(-16 * PETSC_PI * PETSC_PI * 1e-2), 1e-10);
  m.data.viscosity = 0;
  for (int half = 0; half < 2; half++) { /* enstrophy of a flow of many waves: kept to the fourth order of the steps */
    m.data.dt = half ? 0.02 : 0.04;
    for (PetscInt64 i = 0; i < m.points; i++) {
      const PetscReal s = 2 * PETSC_PI * (PetscReal)(i % 32) / 32, t = 2 * PETSC_PI * (PetscReal)(i / 32) / 32;

      x[i] = cos(s) + sin(2 * t) + cos(s + t) / 2;
    }
    PetscCall(MgnoFlowRun(&m, maker, x, y, &residual, &its));
    before = after = 0;
    for (PetscInt64 i = 0; i < m.points; i++) {
      before += x[i] * x[i];
      after += y[i] * y[i];
    }
    drift[half] = PetscMax(PetscAbsReal(after / before - 1), PetscAbsReal(Energy(32, y) / Energy(32, x) - 1)); /* the worse of the two */
    PetscCall(PetscPrintf(PETSC_COMM_SELF, "# steps %g: energy or enstrophy drift by %.2e\n", (double)its, (double)drift[half]));
    TES_CHECK_AT_MOST(residual, 1e-14);
  }
  TES_CHECK_AT_MOST(drift[0], 1e-6);
  TES_CHECK_AT_LEAST(log2(drift[0] / PetscMax(drift[1], 1e-15)), 3.5);
  PetscCall(PetscFree2(x, y));
  PetscCall(MgnoMakerDestroy(&maker));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* every loss against differences; its value against the definition for a known pair */
static PetscErrorCode LossesHaveTheirGradients(void)
{
  const MgnoLossKind kinds[] = {MGNO_L2, MGNO_H1_SPECTRAL, MGNO_H1_FD, MGNO_ENERGY, MGNO_RESIDUAL};

  PetscFunctionBegin;
  for (int layout = 0; layout < 2; layout++)
    for (int k = 0; k < 5; k++) {
      Mgno       m;
      MgnoLoss   loss;
      PetscInt   sizes[1];
      PetscReal *x, *y, *o, *bar, value, plus, minus, slope = 0, size = 0, z[2];

      Setup(&m, MGNO_PIECEWISE, layout ? 17 : 16, layout ? MGNO_VERTEX : MGNO_CELL, sizes);
      m.train.h1_cut = 5;
      PetscCall(MgnoLossCreate(&m, kinds[k], 1, 1, &loss));
      PetscCall(PetscMalloc4(m.points, &x, m.points, &y, m.points, &o, m.points, &bar));
      for (PetscInt64 i = 0; i < m.points; i++) {
        TesRandomNormal(1, TES_STREAM_TEST, (uint32_t)i, 0, 0, z);
        x[i] = z[0] > 0 ? 12 : 3;
        y[i] = 1 + z[1];
        TesRandomNormal(1, TES_STREAM_TEST, (uint32_t)i, 1, 0, z);
        o[i] = z[0];
      }
      PetscCall(MgnoLossValue(loss, 0, x, o, y, &value, bar));
      for (PetscInt64 i = 0; i < m.points; i++) size += bar[i] * bar[i];
      size = sqrt(size);
      for (int side = 0; side < 2; side++) {
        for (PetscInt64 i = 0; i < m.points; i++) o[i] += (side ? -2e-5 : 1e-5) * bar[i] / size;
        PetscCall(MgnoLossValue(loss, 0, x, o, y, side ? &minus : &plus, NULL));
      }
      slope = (plus - minus) / 2e-5;
      TES_CHECK_NEAR(slope / size, 1, 1e-7);
      for (PetscInt64 i = 0; i < m.points && kinds[k] != MGNO_RESIDUAL; i++) o[i] = 1.25 * y[i]; /* relative norms: a quarter */
      PetscCall(MgnoLossValue(loss, 0, x, o, y, &value, bar));
      if (kinds[k] != MGNO_RESIDUAL) TES_CHECK_NEAR(value, 0.25, 1e-12);
      if (kinds[k] == MGNO_H1_FD) { /* absolute: the same error without the norm of the truth, and its derivative so too */
        PetscReal absolute, whole, relative_slope = bar[3];

        MgnoLossAbsolute(loss);
        PetscCall(MgnoLossValue(loss, 0, x, o, y, &absolute, bar));
        PetscCall(PetscArrayzero(o, m.points));
        PetscCall(MgnoLossValue(loss, 0, x, o, y, &whole, NULL)); /* the norm of the truth */
        TES_CHECK_NEAR(absolute / whole, value, 1e-12);
        TES_CHECK_NEAR(bar[3] / whole, relative_slope, 1e-12 * PetscAbsReal(relative_slope));
      }
      PetscCall(PetscFree4(x, y, o, bar));
      PetscCall(MgnoLossDestroy(&loss));
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* V13: what a field becomes for the network, and what an output becomes, are inverse to each other when their statistics are the same; the derivative of the latter is its factor */
static PetscErrorCode DecodingUndoesEncoding(void)
{
  PetscFunctionBegin;
  for (int kind = MGNO_NORMALIZE_NONE; kind <= MGNO_NORMALIZE_POINTWISE; kind++) {
    Mgno       m;
    PetscInt   sizes[1];
    PetscReal *x, *y, *mean, *deviation;
    PetscInt64 n;

    Setup(&m, MGNO_PIECEWISE, 16, MGNO_CELL, sizes);
    m.model.in_channels = m.model.out_channels = 2;
    m.train.normalize.input = m.train.normalize.output = kind;
    n = MgnoNormalizerLength(&m, 0);
    TES_CHECK_INT(n, kind == MGNO_NORMALIZE_NONE ? 0 : kind == MGNO_NORMALIZE_GAUSSIAN ? 1 : 2 * m.points);
    TES_CHECK_INT(MgnoNormalizerLength(&m, 1), n);
    PetscCall(PetscMalloc4(2 * m.points, &x, 2 * m.points, &y, n, &mean, n, &deviation));
    for (PetscInt64 i = 0; i < n; i++) {
      PetscReal z[2];

      TesRandomNormal(2, TES_STREAM_TEST, (uint32_t)i, 0, 0, z);
      mean[i]      = 3 * z[0];
      deviation[i] = i == 5 ? 0 : PetscAbsReal(z[1]); /* a point that never varies */
    }
    m.mean[0] = m.mean[1] = mean;
    m.deviation[0] = m.deviation[1] = deviation;
    for (PetscInt64 i = 0; i < 2 * m.points; i++) x[i] = y[i] = sin(0.37 * (PetscReal)i) * 7;
    MgnoNormalizerEncode(&m, y);
    for (PetscInt64 i = 0; i < 2 * m.points; i++) {
      if (n) TES_CHECK_NEAR(y[i], (x[i] - mean[n == 1 ? 0 : i]) / (deviation[n == 1 ? 0 : i] + 1e-5), 1e-12 * PetscMax(1, PetscAbsReal(y[i])));
      else TES_CHECK(y[i] == x[i]);
    }
    MgnoNormalizerDecode(&m, y, PETSC_FALSE);
    for (PetscInt64 i = 0; i < 2 * m.points; i++) TES_CHECK_NEAR(y[i], x[i], 1e-14 * 20); /* some roundings of numbers of that size */
    for (PetscInt64 i = 0; i < 2 * m.points; i++) y[i] = 1;
    MgnoNormalizerDecode(&m, y, PETSC_TRUE);
    for (PetscInt64 i = 0; i < 2 * m.points; i++) TES_CHECK_NEAR(y[i], n ? deviation[n == 1 ? 0 : i] + 1e-5 : 1, 1e-15);
    PetscCall(PetscFree4(x, y, mean, deviation));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(DarcyIsOfSecondOrder),
  TES_TEST(LayersAreExact),
  TES_TEST(SamplesKeepTheMaximumPrinciple),
  TES_TEST(MirroredCoefficientsGiveMirroredSolutions),
  TES_TEST(HelmholtzIsOfSecondOrder),
  TES_TEST(HelmholtzSolvesManufacturedWaves),
  TES_TEST(ResonancesAreMarkedAndFluxesBalance),
  TES_TEST(FlowsDecayAndConserve),
  TES_TEST(LossesHaveTheirGradients),
  TES_TEST(DecodingUndoesEncoding),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
