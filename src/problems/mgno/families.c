/* The families of equations and how a sample of each is made: sample number in, pair of fields out. A sample depends on (seed, sample number, deck) alone, and is
   made by one rank with serial solvers, so data do not depend on the number of ranks.

     darcy_piecewise   -div(a grad u) = source on (0, 1)^d, u = 0 outside; a = high where a Gaussian field g >= 0, else low
     darcy_lognormal   the same with a = exp(log_scale g)
     darcy_trig        the same on (-1, 1)^2 with a = prod_{k=1..6} (1 + cos(s_k pi (x + y)) / 2) (1 + sin(t_k pi (y - 3 x)) / 2), s_k, t_k uniform in [2^(k-1), 1.5 2^(k-1)]
     poisson           -laplace u = g
   With data.sources: random the right-hand side of the Darcy families is a Gaussian field too, and the second channel of x.
     helmholtz, navier_stokes: files of their own */
#include <math.h>
#include "mgno.h"

typedef struct {
  MgnoElliptic solver;
  TesGrf       grf, grf_source;
  PetscInt64   all;          /* points of the random field */
  PetscInt     border;       /* rings of boundary points in it that are no points of the sample */
  PetscReal   *g, *f, *u;    /* field with border, right-hand side and solution on the unknowns */
} Darcy;

const char *const mgno_family_names[] = {"darcy_piecewise", "darcy_lognormal", "darcy_trig", "poisson", "helmholtz", "navier_stokes", "external", NULL};

static PetscErrorCode DarcyOpen(Mgno *m, MgnoMaker maker)
{
  Darcy           *d;
  PetscInt64       n[MGNO_DIM] = {1, 1, 1};
  MgnoEllipticSpec spec        = {.dim = m->grid.dim, .cells = m->grid.layout == MGNO_CELL ? PETSC_TRUE : PETSC_FALSE, .rtol = m->data.solver.rtol, .max_it = m->data.solver.max_it, .pc = m->data.solver.pc};
  PetscInt64       unknowns = 1;

  PetscFunctionBegin;
  PetscCall(PetscNew(&d));
  maker->own = d;
  d->border  = m->grid.layout == MGNO_INTERIOR ? 1 : 0;
  d->all     = 1;
  for (PetscInt k = 0; k < m->grid.dim; k++) {
    n[k]      = m->n[k] + 2 * d->border;
    spec.n[k] = m->grid.layout == MGNO_VERTEX ? m->n[k] - 2 : m->n[k];
    spec.h[k] = m->h[k];
    d->all *= n[k];
    unknowns *= spec.n[k];
  }
  PetscCall(MgnoEllipticCreate(&spec, &d->solver));
  if (m->data.family != MGNO_TRIG)
    PetscCall(TesGrfCreate(PETSC_COMM_SELF, m->grid.layout == MGNO_CELL ? TES_GRF_CELLS : TES_GRF_VERTICES, m->grid.dim, n, m->data.grf.alpha, m->data.grf.tau, &d->grf));
  if (m->c_in == 2) {
    PetscInt64 points[MGNO_DIM];

    for (PetscInt k = 0; k < MGNO_DIM; k++) points[k] = m->n[k];
    PetscCall(TesGrfCreate(PETSC_COMM_SELF, m->grid.layout == MGNO_CELL ? TES_GRF_CELLS : TES_GRF_VERTICES, m->grid.dim, points, m->data.source_field.alpha, m->data.source_field.tau, &d->grf_source));
  }
  PetscCall(PetscMalloc3(d->all, &d->g, unknowns, &d->f, unknowns, &d->u));
  for (PetscInt64 i = 0; i < unknowns; i++) d->f[i] = m->data.source;
  if (m->data.family == MGNO_POISSON) {
    for (PetscInt64 i = 0; i < d->all; i++) d->g[i] = 1;
    PetscCall(MgnoEllipticCoefficient(d->solver, d->g));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DarcyClose(MgnoMaker maker)
{
  Darcy *d = maker->own;

  PetscFunctionBegin;
  if (!d) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(MgnoEllipticDestroy(&d->solver));
  PetscCall(TesGrfDestroy(&d->grf));
  PetscCall(TesGrfDestroy(&d->grf_source));
  PetscCall(PetscFree3(d->g, d->f, d->u));
  PetscCall(PetscFree(maker->own));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Trig(const Mgno *m, PetscInt64 sample, PetscInt border, PetscReal *a)
{
  PetscReal s[6], t[6];

  for (PetscInt k = 0; k < 6; k++) {
    PetscReal u[2];

    TesRandomUniform(m->data_seed, TES_STREAM_MGNO_COEFFICIENT, (uint32_t)sample, (uint32_t)k, 0, u);
    s[k] = (PetscReal)(1 << k) * (1 + u[0] / 2);
    t[k] = (PetscReal)(1 << k) * (1 + u[1] / 2);
  }
  for (PetscInt j = 0; j < m->n[1] + 2 * border; j++)
    for (PetscInt i = 0; i < m->n[0] + 2 * border; i++) {
      const PetscReal shift = m->grid.layout == MGNO_CELL ? 0.5 : 0; /* the border's points are the boundary of the box */
      const PetscReal x = m->lower + ((PetscReal)i + shift) * m->h[0], y = m->lower + ((PetscReal)j + shift) * m->h[1];
      PetscReal       value = 1;

      for (PetscInt k = 0; k < 6; k++) value *= (1 + cos(s[k] * PETSC_PI * (x + y)) / 2) * (1 + sin(t[k] * PETSC_PI * (y - 3 * x)) / 2);
      a[j * (m->n[0] + 2 * border) + i] = value;
    }
}

/* Copy between a box of `n` points and the same box with `ring` more (or, ring < 0, fewer) points on every side. */
static void CopyInner(PetscInt dim, const PetscInt n[], PetscInt ring, const PetscReal *big, PetscReal *small)
{
  const PetscInt nb[2] = {n[0] + 2 * ring, dim > 1 ? n[1] + 2 * ring : 1}, ry = dim > 1 ? ring : 0, rz = dim > 2 ? ring : 0;

  for (PetscInt k = 0; k < (dim > 2 ? n[2] : 1); k++)
    for (PetscInt j = 0; j < (dim > 1 ? n[1] : 1); j++)
      for (PetscInt i = 0; i < n[0]; i++) *small++ = big[((PetscInt64)(k + rz) * nb[1] + j + ry) * nb[0] + i + ring];
}

static void CopyOuter(PetscInt dim, const PetscInt n[], PetscInt ring, const PetscReal *small, PetscReal *big)
{
  const PetscInt nb[2] = {n[0] + 2 * ring, dim > 1 ? n[1] + 2 * ring : 1}, ry = dim > 1 ? ring : 0, rz = dim > 2 ? ring : 0;

  for (PetscInt k = 0; k < (dim > 2 ? n[2] : 1); k++)
    for (PetscInt j = 0; j < (dim > 1 ? n[1] : 1); j++)
      for (PetscInt i = 0; i < n[0]; i++) big[((PetscInt64)(k + rz) * nb[1] + j + ry) * nb[0] + i + ring] = *small++;
}

static PetscErrorCode DarcyMake(Mgno *m, MgnoMaker maker, PetscInt64 sample, PetscReal *x, PetscReal *y, PetscReal *residual, PetscReal *its)
{
  Darcy         *d      = maker->own;
  const PetscInt dim    = m->grid.dim;
  const PetscBool vertex = m->grid.layout == MGNO_VERTEX ? PETSC_TRUE : PETSC_FALSE;
  PetscInt       inner[MGNO_DIM] = {1, 1, 1}, iterations;

  PetscFunctionBegin;
  for (PetscInt k = 0; k < dim; k++) inner[k] = m->n[k] - 2;
  if (m->data.family == MGNO_TRIG) Trig(m, sample, d->border, d->g);
  else PetscCall(TesGrfSample(d->grf, m->data_seed, sample, d->g));
  if (m->data.family == MGNO_PIECEWISE) {
    for (PetscInt64 i = 0; i < d->all; i++) d->g[i] = d->g[i] >= 0 ? m->data.high : m->data.low;
  } else if (m->data.family == MGNO_LOGNORMAL) {
    for (PetscInt64 i = 0; i < d->all; i++) d->g[i] = PetscExpReal(m->data.log_scale * d->g[i]);
  }
  if (d->border) CopyInner(dim, m->n, 1, d->g, x);
  else PetscCall(PetscArraycpy(x, d->g, m->points));
  if (m->c_in == 2) { /* a random right-hand side of root mean square 1; its modes are those of a far-off sample */
    PetscReal square = 0;

    PetscCall(TesGrfSample(d->grf_source, m->data_seed, sample + 0x80000000LL, x + m->points));
    for (PetscInt64 i = 0; i < m->points; i++) square += x[m->points + i] * x[m->points + i];
    for (PetscInt64 i = 0; i < m->points; i++) x[m->points + i] /= PetscSqrtReal(square / (PetscReal)m->points);
  }
  if (m->data.family == MGNO_POISSON || m->c_in == 2) {
    const PetscReal *f = x + (m->c_in - 1) * m->points;

    if (vertex) CopyInner(dim, inner, 1, f, d->f);
    else PetscCall(PetscArraycpy(d->f, f, m->points));
  }
  if (m->data.family != MGNO_POISSON) PetscCall(MgnoEllipticCoefficient(d->solver, d->g));
  PetscCall(MgnoEllipticSolve(d->solver, d->f, d->u, PETSC_FALSE, residual, &iterations));
  PetscCheck(*residual <= m->data.solver.rtol, PETSC_COMM_SELF, TES_ERR_NUMBERS,
             "sample %" PetscInt64_FMT ": the solve ended at a relative residual of %.2e after %" PetscInt_FMT " iterations, wanted data.solver.rtol = %g; raise data.solver.max_it or take data.solver.pc: cholesky", sample,
             (double)*residual, iterations, (double)m->data.solver.rtol);
  *its = (PetscReal)iterations;
  if (vertex) {
    PetscCall(PetscArrayzero(y, m->points));
    CopyOuter(dim, inner, 1, d->u, y);
  } else {
    PetscCall(PetscArraycpy(y, d->u, m->points));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode DarcyCheck(TesProblem problem)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  if (m->data.family == MGNO_PIECEWISE && (m->data.high <= 0 || m->data.low <= 0)) {
    if (m->data.low <= 0) PetscCall(TesDeckComplain(problem, "data.low", "must be positive: it is a mobility"));
    if (m->data.high <= 0) PetscCall(TesDeckComplain(problem, "data.high", "must be positive: it is a mobility"));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ExternalCheck(TesProblem problem)
{
  PetscFunctionBegin;
  PetscCall(TesDeckComplain(problem, "data.family", "cannot be generated: the action `generate` needs an equation, external data are read from data.file"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define DARCY .check = DarcyCheck, .open = DarcyOpen, .make = DarcyMake, .close = DarcyClose, .layouts = "cell vertex interior"

const MgnoFamily mgno_families[] = {
  {.name = "darcy_piecewise", .input = "mobility a", .output = "pressure u", .dim_low = 2, .dim_high = 3, .help = "-div(a grad u) = source, a = high or low by the sign of a Gaussian field", DARCY},
  {.name = "darcy_lognormal", .input = "mobility a", .output = "pressure u", .dim_low = 2, .dim_high = 3, .help = "the same, a = exp(log_scale g)",                                            DARCY},
  {.name = "darcy_trig",      .input = "mobility a", .output = "pressure u", .dim_low = 2, .dim_high = 2, .help = "the same on (-1, 1)^2, a a product of waves of six scales",                 DARCY},
  {.name = "poisson",         .input = "source f",   .output = "potential u", .dim_low = 2, .dim_high = 3, .help = "-laplace u = f, f a Gaussian field",                                        DARCY},
};

static const MgnoFamily external = {
  .name = "external", .input = "input", .output = "output", .layouts = "cell vertex interior periodic", .dim_low = 2, .dim_high = 3, .help = "pairs of a file of the user: /x, /y [sample][channel][(z)][y][x]", .check = ExternalCheck,
};

static const MgnoFamily *const families[] = {&mgno_families[0], &mgno_families[1], &mgno_families[2], &mgno_families[3], &mgno_helmholtz, &mgno_navier_stokes, &external};

const MgnoFamily *MgnoFamilyOf(const Mgno *m)
{
  return families[m->data.family];
}

PetscErrorCode MgnoMakerCreate(Mgno *m, MgnoMaker *maker)
{
  PetscFunctionBegin;
  PetscCall(PetscNew(maker));
  (*maker)->family = m->family;
  PetscCall(m->family->open(m, *maker));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoMakerDestroy(MgnoMaker *maker)
{
  PetscFunctionBegin;
  if (!*maker) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall((*maker)->family->close(*maker));
  PetscCall(PetscFree(*maker));
  PetscFunctionReturn(PETSC_SUCCESS);
}
