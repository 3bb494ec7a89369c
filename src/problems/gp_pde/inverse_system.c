/* The least-squares problem of the inverse mode.

   Unknown: coefficients g of the reduced functions, in units of their prior deviation (u = lift + sum_k scale_k g_k phi_k), and the coefficients p of the equation. Rows:
     equation on the inner nodes (S_p u + N(u) - f) / sigma_e
     observations                (u(x_i) - d_i) / noise
     prior                       g_k / sigma_f
   linearised at (g, p); the columns of p are dS/dp u / sigma_e. The traces hold by construction. QR of the rows in three parts: the nodes (distributed as the grid) and the
   observations by tree-QR, then both triangles with the prior on every rank; the right-hand side is a further column, so that nothing but R is needed:
     R = [ R_11 R_12 ; 0 R_22 ]: step by back substitution, covariance of p = (R_pp' R_pp)^-1 of the last block, what is left of the coefficients g taken into account.
   The scale of a function is its singular value in the dictionary (reduce.c), so g are the whitened coefficients.
   Cost: (M + observations) n^2 flops over the ranks, 4 n^3 on each. */
#include "inverse.h"

#define MOST_FUNCTIONS 2000
#define UNKNOWN_STEP   1.0  /* S is linear in its coefficients: any difference gives dS/dp */

typedef struct {
  PetscReal second[GP_DIM], first[GP_DIM], zeroth;
} Terms;

static Terms TermsNow(const GpPde *gp)
{
  Terms t = {.zeroth = 0};

  gp->eq->separable(gp, t.second, t.first, &t.zeroth);
  return t;
}

/* dS/dp */
static Terms TermsOf(const GpPde *gp, PetscReal *p)
{
  const PetscReal keep = *p;
  const Terms     low  = TermsNow(gp);
  Terms           high;

  *p   = keep + UNKNOWN_STEP;
  high = TermsNow(gp);
  *p   = keep;
  for (PetscInt d = 0; d < GP_DIM; d++) {
    high.second[d] = (high.second[d] - low.second[d]) / UNKNOWN_STEP;
    high.first[d]  = (high.first[d] - low.first[d]) / UNKNOWN_STEP;
  }
  high.zeroth = (high.zeroth - low.zeroth) / UNKNOWN_STEP;
  return high;
}

PetscErrorCode GpInverseSystemCreate(GpPde *gp, const GpObservations *o, PetscInt n_unknown, PetscReal *const p[], GpInverseSystem *s)
{
  PetscInt  background = 12;
  PetscReal mean, *square;

  PetscFunctionBegin;
  PetscCall(GpInverseSystemDestroy(s));
  s->n_unknown = n_unknown;
  for (PetscInt i = 0; i < n_unknown; i++) s->p[i] = p[i];
  for (PetscInt d = 0; d < gp->dim; d++) background = PetscMin(background, (PetscInt)(gp->n[d] / 2));
  PetscCall(GpSolutionCreate(gp, gp->spectra, PetscMax(background, 2), &s->solution));
  PetscCheck(s->solution.n_core > 0 && s->solution.n_core <= MOST_FUNCTIONS, gp->comm, TES_ERR_DECK,
             "the inverse mode solves for %lld functions at once, and at most %d can be: take fewer points, or a smaller box", (long long)s->solution.n_core, MOST_FUNCTIONS);
  s->n       = (PetscInt)s->solution.n_core;
  s->columns = s->n + n_unknown + 1;
  PetscCall(GpSolutionAt(gp, &s->solution, &gp->grid, GP_BIT(GP_VALUE) | GP_BIT(GP_FIRST) | GP_BIT(GP_SECOND), s->at));
  PetscCall(PetscMalloc1(s->n, &s->scale));
  for (PetscInt k = 0; k < s->n; k++) s->scale[k] = 1;
  for (PetscInt d = 0, step = 1; d < gp->dim; d++) {
    const GpBasis *basis = &s->solution.basis[d];

    for (PetscInt i = 0; i < basis->r; i++) { /* coefficients are Z P / d with orthonormal Z P: the singular value is one over their norm */
      PetscReal norm = 0;

      for (PetscInt j = 0; j < basis->dict.n_columns; j++) norm += PetscSqr(basis->inner[j * basis->r + i]);
      for (PetscInt k = 0; k < s->n; k++) {
        if (k / step % basis->r == i) s->scale[k] /= PetscSqrtReal(norm);
      }
    }
    step *= basis->r;
  }
  PetscCall(PetscMalloc1((size_t)o->part.n_local, &square));
  for (PetscInt64 i = 0; i < o->part.n_local; i++) square[i] = o->u[i] * o->u[i];
  PetscCall(TesSumOrdered(gp->comm, &o->part, square, &mean));
  PetscCall(PetscFree(square));
  s->size = PetscSqrtReal(mean / (PetscReal)o->n);
  PetscCall(GpMeanSquare(gp, &gp->grid, gp->f, &mean));
  s->source  = PetscSqrtReal(mean);
  s->noise   = gp->inverse.noise_sd;
  s->sigma_f = PetscMax(10 * s->size, s->noise);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpInverseSystemDestroy(GpInverseSystem *s)
{
  PetscFunctionBegin;
  for (PetscInt d = 0; d < GP_DIM; d++) {
    if (s->at[d].n) PetscCall(GpBasisAtDestroy(&s->at[d]));
  }
  PetscCall(GpSolutionDestroy(&s->solution));
  PetscCall(PetscFree(s->scale));
  PetscCall(PetscMemzero(s, sizeof(*s)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void GpInverseCore(GpInverseSystem *s, const PetscReal *g)
{
  for (PetscInt k = 0; k < s->n; k++) s->solution.core[k] = s->scale[k] * g[k];
}

/* out += the terms applied to u (with its lift) on the nodes */
static PetscErrorCode AddTerms(GpPde *gp, const GpInverseSystem *s, const Terms *t, PetscReal *work, PetscReal *out)
{
  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) {
    for (PetscInt order = 1; order < 3; order++) {
      const PetscReal c = order == 1 ? t->first[d] : t->second[d];

      if (c == 0) continue;
      PetscCall(GpSolutionEvaluate(gp, &s->solution, s->at, &gp->grid, (GpPart){.lift = PETSC_TRUE, .inner = PETSC_TRUE, .dim = d, .what = order == 1 ? GP_FIRST : GP_SECOND}, work));
      for (PetscInt64 i = 0; i < gp->grid.n_local; i++) out[i] += c * work[i];
    }
  }
  if (t->zeroth != 0) {
    PetscCall(GpSolutionEvaluate(gp, &s->solution, s->at, &gp->grid, (GpPart){.lift = PETSC_TRUE, .inner = PETSC_TRUE, .what = GP_VALUE}, work));
    for (PetscInt64 i = 0; i < gp->grid.n_local; i++) out[i] += t->zeroth * work[i];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Not on sides with traces: there u and its derivatives along the side follow from the data, and what is left of the equation is the error of fits at their ends. */
static PetscBool Inside(const GpPde *gp, PetscInt64 i)
{
  PetscInt64 left = i + gp->grid.part.first * (gp->grid.n_local / PetscMax(gp->grid.part.n_local, 1));

  for (PetscInt d = 0; d < gp->dim; d++) {
    const PetscInt64 at = left % gp->n[d];

    left /= gp->n[d];
    for (PetscInt k = 0; k < gp->n_trace[d]; k++) {
      if (at == (gp->trace[d][k].end ? gp->n[d] - 1 : 0)) return PETSC_FALSE;
    }
  }
  return PETSC_TRUE;
}

/* residual on the nodes, zero on sides; and the tangent of N where asked for */
static PetscErrorCode Residual(GpPde *gp, const GpInverseSystem *s, PetscReal *r, GpFields *slope)
{
  const Terms t = TermsNow(gp);
  PetscReal  *work;
  GpFields    u;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)gp->grid.n_local, &work));
  PetscCall(GpFieldsCreate(gp, gp->grid.n_local, &u));
  PetscCall(PetscArrayzero(r, (size_t)gp->grid.n_local));
  if (gp->remainder) {
    PetscCall(GpSolutionFields(gp, &s->solution, s->at, &gp->grid, PETSC_TRUE, PETSC_TRUE, &u));
    GpRemainder(gp, &gp->a_grid, &u, r);
    if (slope) GpRemainderTangent(gp, &gp->a_grid, &u, slope);
  }
  PetscCall(AddTerms(gp, s, &t, work, r));
  for (PetscInt64 i = 0; i < gp->grid.n_local; i++) r[i] = Inside(gp, i) ? r[i] - gp->f[i] : 0;
  PetscCall(GpFieldsDestroy(&u));
  PetscCall(PetscFree(work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* product over the dimensions of function k's factors at a node; which[d]: order of the derivative */
static PetscReal Product(const GpPde *gp, const GpInverseSystem *s, const PetscInt64 node[], const PetscInt k[], PetscInt dim, GpWhat what)
{
  PetscReal product = 1;

  for (PetscInt d = 0; d < gp->dim; d++) product *= s->at[d].inner[d == dim ? what : GP_VALUE][node[d] * s->solution.r[d] + k[d]];
  return product;
}

/* R of the equation's rows [columns][columns] */
static PetscErrorCode EquationRows(GpPde *gp, GpInverseSystem *s, PetscReal *triangle)
{
  const PetscInt64 n_local = gp->grid.n_local, row = gp->grid.part.n_local ? n_local / gp->grid.part.n_local : 1;
  const Terms      t       = TermsNow(gp);
  PetscInt64       points  = 1;
  TesPartition     part;
  PetscReal       *rows, *r, *work, *column;
  GpFields         slope;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim - 1; d++) points *= gp->grid.n[d];
  PetscCall(TesPartitionCreate(gp->comm, gp->grid.part.n * points, gp->grid.part.unit * points, &part));
  PetscCall(PetscMalloc4((size_t)n_local * (size_t)s->columns, &rows, (size_t)n_local, &r, (size_t)n_local, &work, (size_t)n_local, &column));
  PetscCall(GpFieldsCreate(gp, n_local, &slope));
  PetscCall(PetscArrayzero(slope.u, (size_t)n_local));
  PetscCall(Residual(gp, s, r, &slope));
  for (PetscInt64 i = 0; i < n_local; i++) {
    const PetscInt64 slow = gp->grid.part.first + i / row, node[GP_DIM] = {gp->dim == 1 ? slow : i % gp->n[0], gp->dim == 2 ? slow : i % row / gp->n[0], slow};
    PetscReal       *out = rows + i * s->columns;

    for (PetscInt k = 0; k < s->n; k++) { /* rows on sides: zero */
      const PetscInt index[GP_DIM] = {k % s->solution.r[0], gp->dim > 1 ? k / s->solution.r[0] % s->solution.r[1] : 0, gp->dim > 2 ? k / (s->solution.r[0] * s->solution.r[1]) : 0};
      PetscReal      sum           = t.zeroth + slope.u[i] != 0 ? (t.zeroth + slope.u[i]) * Product(gp, s, node, index, -1, GP_VALUE) : 0;

      for (PetscInt d = 0; d < gp->dim; d++) {
        const PetscReal first = t.first[d] + (slope.grad[d] ? slope.grad[d][i] : 0);

        if (first != 0) sum += first * Product(gp, s, node, index, d, GP_FIRST);
        if (t.second[d] != 0) sum += t.second[d] * Product(gp, s, node, index, d, GP_SECOND);
      }
      out[k] = Inside(gp, i) ? sum * s->scale[k] / s->sigma_e : 0;
    }
    out[s->columns - 1] = -r[i] / s->sigma_e;
  }
  for (PetscInt j = 0; j < s->n_unknown; j++) {
    const Terms by = TermsOf(gp, s->p[j]);

    PetscCall(PetscArrayzero(column, (size_t)n_local));
    PetscCall(AddTerms(gp, s, &by, work, column));
    for (PetscInt64 i = 0; i < n_local; i++) rows[i * s->columns + s->n + j] = Inside(gp, i) ? column[i] / s->sigma_e : 0;
  }
  PetscCall(TesTallR(gp->comm, &part, s->columns, rows, triangle));
  PetscCall(GpFieldsDestroy(&slope));
  PetscCall(PetscFree4(rows, r, work, column));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* values of u and (rows, if not NULL) of the functions at this rank's observations */
static PetscErrorCode AtObservations(GpPde *gp, GpInverseSystem *s, const GpObservations *o, PetscReal *u, PetscReal *rows)
{
  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < o->part.n_local; i++) {
    PetscReal *x[GP_DIM];
    PetscInt64 one[GP_DIM] = {1, 1, 1};
    GpPointSet set;
    GpBasisAt  at[GP_DIM];

    for (PetscInt d = 0; d < gp->dim; d++) x[d] = o->x + i * gp->dim + d;
    PetscCall(GpPointSetCreate(PETSC_COMM_SELF, gp->dim, one, x, &set));
    PetscCall(GpSolutionAt(gp, &s->solution, &set, GP_BIT(GP_VALUE), at));
    PetscCall(GpSolutionEvaluate(gp, &s->solution, at, &set, (GpPart){.lift = PETSC_TRUE, .inner = PETSC_TRUE, .what = GP_VALUE}, &u[i]));
    for (PetscInt k = 0; rows && k < s->n; k++) {
      PetscReal product = s->scale[k];

      for (PetscInt d = 0, step = 1; d < gp->dim; d++) {
        product *= at[d].inner[GP_VALUE][k / step % s->solution.r[d]];
        step *= s->solution.r[d];
      }
      rows[i * s->columns + k] = product / s->noise;
    }
    for (PetscInt d = 0; d < gp->dim; d++) PetscCall(GpBasisAtDestroy(&at[d]));
    PetscCall(GpPointSetDestroy(&set));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ObservationRows(GpPde *gp, GpInverseSystem *s, const GpObservations *o, PetscReal *triangle)
{
  PetscReal *rows, *u;

  PetscFunctionBegin;
  PetscCall(PetscCalloc2((size_t)o->part.n_local * (size_t)s->columns, &rows, (size_t)o->part.n_local, &u));
  PetscCall(AtObservations(gp, s, o, u, rows));
  for (PetscInt64 i = 0; i < o->part.n_local; i++) rows[(i + 1) * s->columns - 1] = (o->u[i] - u[i]) / s->noise;
  PetscCall(TesTallR(gp->comm, &o->part, s->columns, rows, triangle));
  PetscCall(PetscFree2(rows, u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Least squares from the triangles: solution [columns - 1]; sd of the last ones */
static PetscErrorCode Solve(const GpInverseSystem *s, PetscBool equation, const PetscReal *triangles, const PetscReal *g, PetscReal *step, PetscReal sd[])
{
  const PetscInt c = s->columns, n = s->n, parts = equation ? 2 : 1, rows = parts * c + n + s->n_unknown;
  PetscReal     *all, *r;

  PetscFunctionBegin;
  PetscCall(PetscCalloc2((size_t)rows * (size_t)c, &all, (size_t)c * (size_t)c, &r));
  PetscCall(PetscArraycpy(all, triangles, (size_t)parts * (size_t)c * (size_t)c));
  for (PetscInt k = 0; k < n; k++) {
    PetscReal *out = all + (size_t)(parts * c + k) * (size_t)c;

    out[k]     = 1 / s->sigma_f;
    out[c - 1] = -g[k] / s->sigma_f;
  }
  for (PetscInt j = 0; j < s->n_unknown && !equation; j++) all[(size_t)(parts * c + n + j) * (size_t)c + (size_t)(n + j)] = 1; /* without the equation the coefficients stay */
  PetscCall(TesQR(rows, c, all, NULL, r));
  for (PetscInt k = c - 2; k >= 0; k--) {
    step[k] = r[(size_t)k * (size_t)c + (size_t)(c - 1)];
    for (PetscInt j = k + 1; j < c - 1; j++) step[k] -= r[(size_t)k * (size_t)c + (size_t)j] * step[j];
    PetscCheck(r[(size_t)k * (size_t)c + (size_t)k] != 0, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the observations do not determine the unknown coefficients of the equation");
    step[k] /= r[(size_t)k * (size_t)c + (size_t)k];
  }
  for (PetscInt j = 0; j < s->n_unknown && sd; j++) { /* rows of R_pp^-1: back substitution for each unit vector */
    PetscReal x[GP_UNKNOWNS], variance = 0;

    for (PetscInt e = 0; e < s->n_unknown; e++) {
      for (PetscInt k = s->n_unknown - 1; k >= 0; k--) {
        x[k] = k == e ? 1 : 0;
        for (PetscInt l = k + 1; l < s->n_unknown; l++) x[k] -= r[(size_t)(n + k) * (size_t)c + (size_t)(n + l)] * x[l];
        x[k] /= r[(size_t)(n + k) * (size_t)c + (size_t)(n + k)];
      }
      variance += x[j] * x[j];
    }
    sd[j] = PetscSqrtReal(variance);
  }
  PetscCall(PetscFree2(all, r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ResidualSize(GpPde *gp, GpInverseSystem *s)
{
  PetscReal *r, mean;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)gp->grid.n_local, &r));
  PetscCall(Residual(gp, s, r, NULL));
  PetscCall(GpMeanSquare(gp, &gp->grid, r, &mean));
  s->residual = PetscSqrtReal(mean);
  PetscCall(PetscFree(r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpInverseFit(GpPde *gp, GpInverseSystem *s, const GpObservations *o, PetscReal *g)
{
  PetscReal *triangle, *step;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)s->columns * (size_t)s->columns, &triangle, s->columns, &step));
  PetscCall(PetscArrayzero(g, (size_t)s->n));
  GpInverseCore(s, g);
  PetscCall(ObservationRows(gp, s, o, triangle));
  PetscCall(Solve(s, PETSC_FALSE, triangle, g, step, NULL));
  PetscCall(PetscArraycpy(g, step, (size_t)s->n));
  GpInverseCore(s, g);
  PetscCall(ResidualSize(gp, s));
  PetscCall(PetscFree2(triangle, step));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpInverseStep(GpPde *gp, GpInverseSystem *s, const GpObservations *o, const PetscReal *g, PetscReal *dg, PetscReal dp[], PetscReal sd[])
{
  const size_t c = (size_t)s->columns;
  PetscReal   *triangles, *step;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(2 * c * c, &triangles, c, &step));
  GpInverseCore(s, g);
  PetscCall(EquationRows(gp, s, triangles));
  PetscCall(ObservationRows(gp, s, o, triangles + c * c));
  PetscCall(Solve(s, PETSC_TRUE, triangles, g, step, sd));
  PetscCall(PetscArraycpy(dg, step, (size_t)s->n));
  for (PetscInt j = 0; j < s->n_unknown; j++) dp[j] = step[s->n + j];
  PetscCall(PetscFree2(triangles, step));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpInverseCost(GpPde *gp, GpInverseSystem *s, const GpObservations *o, const PetscReal *g, PetscReal *cost)
{
  PetscReal *u, sum, points = 1;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) points *= (PetscReal)gp->n[d];
  GpInverseCore(s, g);
  PetscCall(ResidualSize(gp, s));
  PetscCall(PetscMalloc1((size_t)o->part.n_local, &u));
  PetscCall(AtObservations(gp, s, o, u, NULL));
  for (PetscInt64 i = 0; i < o->part.n_local; i++) u[i] = PetscSqr((u[i] - o->u[i]) / s->noise);
  PetscCall(TesSumOrdered(gp->comm, &o->part, u, &sum));
  PetscCall(PetscFree(u));
  s->misfit = PetscSqrtReal(sum / (PetscReal)o->n);
  *cost     = 0.5 * sum + 0.5 * points * PetscSqr(s->residual / s->sigma_e);
  for (PetscInt k = 0; k < s->n; k++) *cost += 0.5 * PetscSqr(g[k] / s->sigma_f);
  PetscFunctionReturn(PETSC_SUCCESS);
}
