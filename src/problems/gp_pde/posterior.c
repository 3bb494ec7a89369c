/* The posterior standard deviation of u: what the identified spectrum and the collocation points leave open. It measures the error of discretisation under that spectrum, not the
   error of a wrong model.

   Prior: coefficients of the dictionary ~ N(0, sigma_f^2) under the condition that the traces hold: c = lift + Z c', Z the null space of the traces. Data: the equation on the nodes with
   noise sigma_n = the rms of the residual that the solution leaves between them.
     1-D: A = linearised operator of phi Z on the nodes = U d V' (V by the tree-QR of the rows): var u(x) = sigma_f^2 sum_k s^2/(d_k^2 + s^2) (phi(x) Z v_k)^2,  s = sigma_n/sigma_f,
          over all directions, those that the nodes do not see (d_k = 0) with their prior variance.
     More dimensions: samples (Matheron's rule): u_s from the prior and noise, u_s' = what the solver makes of S u_s + noise; var = mean of (u_s - u_s')^2. Of a remainder N only the
          1-D form knows the slope; with samples the separable part stands for the equation, which has the high frequencies.
   Scale: s comes from sigma_f^2 = |c|^2 / len(c) of the solution (empirical Bayes); then the whole variance is scaled so that the equation's residual between the nodes, which the same
   posterior predicts, has the size that was measured there. Without that the prior variance of directions that no node sees stands unchecked, orders of magnitude too wide in
   more dimensions. A source with noise (source.noise_sd) brings sigma_n with it, and keeps the first scale.

   The variance knows nothing of rounding: what is reported is never below the rounding of u itself, eps max|u|, but where u is prescribed. Of the rounding of the data (about
   eps omega L, amplified by the solve) it says nothing: at that floor the error may be several of these deviations.

   Samples are functions of seed, sample and index: the same bits on every rank count. Cost: an SVD of N x columns; or SAMPLES solves. */
#include "gp_pde.h"
#include <tessera/random.h>

#define SAMPLES     32      /* a sampling error of 1/8 of the standard deviation */
#define AUTO_POINTS 100000  /* collocation points up to which output.posterior_sd: auto asks for it */

PetscBool GpPosteriorWanted(const GpPde *gp)
{
  PetscReal points = 1;

  for (PetscInt d = 0; d < gp->dim; d++) points *= (PetscReal)gp->n[d];
  if (gp->singular) return PETSC_FALSE; /* a constant is open: its variance is infinite */
  return gp->output.posterior_sd == 1 || (gp->output.posterior_sd == 0 && points <= AUTO_POINTS) ? PETSC_TRUE : PETSC_FALSE;
}

/* z [columns][columns - traces], orthonormal, the traces of phi z vanish */
static PetscErrorCode Free(const GpPde *gp, PetscInt d, const GpDictionary *dict, PetscReal **z)
{
  const PetscReal ends[2] = {dict->lower, dict->lower + dict->length};
  const PetscInt  c = dict->n_columns, m = gp->n_trace[d];
  PetscReal      *phi, *e;

  PetscFunctionBegin;
  PetscCall(PetscCalloc1((size_t)c * (size_t)(c - m), z));
  if (!m) {
    for (PetscInt j = 0; j < c; j++) (*z)[j * c + j] = 1;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(PetscMalloc2((size_t)2 * (size_t)c, &phi, (size_t)m * (size_t)c, &e));
  for (PetscInt k = 0; k < m; k++) {
    PetscReal norm = 0;

    for (PetscInt o = 0; o < 2; o++) PetscCall(GpDictionaryEvaluate(dict, o, 1, &ends[gp->trace[d][k].end], phi + o * c));
    for (PetscInt j = 0; j < c; j++) {
      e[k * c + j] = gp->trace[d][k].value * phi[j] + gp->trace[d][k].slope * phi[c + j];
      norm += e[k * c + j] * e[k * c + j];
    }
    for (PetscInt j = 0; j < c; j++) e[k * c + j] /= PetscSqrtReal(norm);
  }
  PetscCall(TesNullSpace(m, c, e, *z));
  PetscCall(PetscFree2(phi, e));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* out [n][w] = derivative `order` of the dictionary at x, times z [columns][w]; in products of `unit` points, so that the bits do not depend on how the points are split */
static PetscErrorCode Features(const GpDictionary *dict, PetscInt order, PetscInt n, PetscInt unit, const PetscReal *x, PetscInt w, const PetscReal *z, PetscReal *out)
{
  PetscReal *phi;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)n * (size_t)dict->n_columns, &phi));
  PetscCall(GpDictionaryEvaluate(dict, order, n, x, phi));
  for (PetscInt i = 0; i < n; i += unit)
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, PetscMin(unit, n - i), w, dict->n_columns, 1, phi + (size_t)i * (size_t)dict->n_columns, z, 0, out + (size_t)i * (size_t)w));
  PetscCall(PetscFree(phi));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* sigma_f: rms of the coefficients of the solution in its dictionary */
static PetscErrorCode Scale(const GpPde *gp, const GpSolution *solution, PetscReal *scale)
{
  PetscReal *in, *out, square = 0;
  PetscInt64 n[GP_DIM] = {1, 1, 1}, count = 1;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) n[d] = solution->r[d];
  PetscCall(PetscMalloc1((size_t)solution->n_core, &in));
  PetscCall(PetscArraycpy(in, solution->core, (size_t)solution->n_core));
  for (PetscInt d = 0; d < gp->dim; d++) {
    const GpBasis *basis = &solution->basis[d];
    PetscInt64     size  = 1;

    for (PetscInt j = 0; j < gp->dim; j++) size *= j == d ? basis->dict.n_columns : n[j];
    PetscCall(PetscMalloc1((size_t)size, &out));
    PetscCall(TesModeProduct(gp->dim, n, d, basis->dict.n_columns, basis->inner, in, out));
    PetscCall(PetscFree(in));
    in    = out;
    n[d]  = basis->dict.n_columns;
    count = size;
  }
  if (gp->dim == 1 && solution->lift[0]) { /* the lift is part of the coefficients */
    for (PetscInt j = 0; j < (PetscInt)count; j++)
      for (PetscInt k = 0; k < solution->basis[0].m; k++) in[j] += solution->basis[0].lift[j * solution->basis[0].m + k] * solution->lift[0][k];
  }
  for (PetscInt64 i = 0; i < count; i++) square += in[i] * in[i];
  PetscCall(PetscFree(in));
  *scale = count ? PetscSqrtReal(square / (PetscReal)count) : 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Rows of the linearised operator on this rank's points of a line (the nodes, or between them): [n_local][w] */
static PetscErrorCode Rows(GpPde *gp, const GpSolution *solution, const GpPointSet *points, PetscInt w, const PetscReal *z, PetscReal *rows)
{
  const GpDictionary *dict   = &solution->basis[0].dict;
  const PetscInt      n      = (PetscInt)points->n_local;
  const PetscReal    *x      = points->x[0] + points->part.first;
  PetscReal          *order[3];
  GpFields            u = {0}, slope = {0};
  GpBasisAt           at;

  PetscFunctionBegin;
  if (gp->remainder) {
    PetscCall(GpFieldsCreate(gp, n, &u));
    PetscCall(GpFieldsCreate(gp, n, &slope));
    PetscCall(GpSolutionAt(gp, solution, points, GpKindsNeeded(gp), &at));
    PetscCall(GpSolutionFields(gp, solution, &at, points, PETSC_TRUE, PETSC_TRUE, &u));
    GpRemainderTangent(gp, points == &gp->grid ? &gp->a_grid : &gp->a_middle, &u, &slope);
    PetscCall(GpBasisAtDestroy(&at));
  }
  for (PetscInt o = 0; o < 3; o++) {
    PetscCall(PetscMalloc1((size_t)n * (size_t)w, &order[o]));
    PetscCall(Features(dict, o, n, (PetscInt)points->part.unit, x, w, z, order[o]));
  }
  for (PetscInt i = 0; i < n; i++) {
    const PetscReal zeroth = gp->zeroth + (slope.u ? slope.u[i] : 0), first = gp->first[0] + (slope.grad[0] ? slope.grad[0][i] : 0);
    const PetscReal second = gp->second[0] + (slope.laplacian ? slope.laplacian[i] : 0);

    for (PetscInt j = 0; j < w; j++) {
      const size_t k = (size_t)i * (size_t)w + (size_t)j;

      rows[k] = zeroth * order[0][k] + first * order[1][k] + second * order[2][k];
    }
  }
  for (PetscInt o = 0; o < 3; o++) PetscCall(PetscFree(order[o]));
  PetscCall(GpFieldsDestroy(&u));
  PetscCall(GpFieldsDestroy(&slope));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* sd [n] = sqrt( sum_k left_k (row_i v_k)^2 ) for rows [n][w] */
static PetscErrorCode Spread(PetscInt n, PetscInt unit, PetscInt w, const PetscReal *rows, const PetscReal *vt, const PetscReal *left, PetscReal *sd)
{
  PetscReal *proj;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)n * (size_t)w, &proj));
  for (PetscInt i = 0; i < n; i += unit) PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, PetscMin(unit, n - i), w, w, 1, rows + (size_t)i * (size_t)w, vt, 0, proj + (size_t)i * (size_t)w));
  for (PetscInt i = 0; i < n; i++) {
    PetscReal sum = 0;

    for (PetscInt k = 0; k < w; k++) sum += left[k] * PetscSqr(proj[(size_t)i * (size_t)w + (size_t)k]);
    sd[i] = PetscSqrtReal(sum);
  }
  PetscCall(PetscFree(proj));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* from the predicted residual between the nodes to the measured one; where noise is what is measured, the scale is that of the prior */
static PetscReal Rescale(const GpPde *gp, PetscReal prior, PetscReal measured, PetscReal predicted)
{
  if (gp->source.noise_sd > 0) return prior;
  return predicted > 0 ? measured / predicted : 0;
}

static PetscErrorCode Line(GpPde *gp, const GpSolution *solution, const GpProjected *projected, PetscReal sigma_f, PetscReal sigma_n, const GpPointSet *set, PetscReal *sd)
{
  const GpDictionary *dict    = &solution->basis[0].dict;
  const GpPointSet   *between = gp->f_middle ? &gp->middle : &gp->grid;
  const PetscInt      w = dict->n_columns - gp->n_trace[0], n = (PetscInt)set->n_local, n_rows = (PetscInt)PetscMax(gp->grid.n_local, between->n_local);
  const PetscReal     s = sigma_f > 0 ? sigma_n / sigma_f : 0;
  PetscReal          *z, *rows, *triangle, *d, *vt, *phi, *residual, mean;

  PetscFunctionBegin;
  (void)projected;
  PetscCall(PetscArrayzero(sd, (size_t)n));
  if (w <= 0) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(Free(gp, 0, dict, &z));
  PetscCall(PetscMalloc3((size_t)n_rows * (size_t)w, &rows, (size_t)w * (size_t)w, &triangle, (size_t)w * (size_t)w, &vt));
  PetscCall(PetscMalloc3(w, &d, (size_t)n * (size_t)w, &phi, (size_t)n_rows, &residual));
  PetscCall(Rows(gp, solution, &gp->grid, w, z, rows));
  PetscCall(TesTallR(gp->comm, &gp->grid.part, w, rows, triangle));
  PetscCall(TesSVD(w, w, triangle, NULL, d, vt));
  for (PetscInt k = 0; k < w; k++) d[k] = d[k] > 0 ? s * s / (d[k] * d[k] + s * s) : 1; /* what is left of the prior variance */
  PetscCall(Features(dict, 0, n, (PetscInt)set->part.unit, set->x[0] + set->part.first, w, z, phi));
  PetscCall(Spread(n, (PetscInt)set->part.unit, w, phi, vt, d, sd));
  PetscCall(Rows(gp, solution, between, w, z, rows));
  PetscCall(Spread((PetscInt)between->n_local, (PetscInt)between->part.unit, w, rows, vt, d, residual));
  PetscCall(GpMeanSquare(gp, between, residual, &mean));
  for (PetscInt i = 0; i < n; i++) sd[i] *= Rescale(gp, sigma_f, sigma_n, PetscSqrtReal(mean));
  PetscCall(PetscFree3(rows, triangle, vt));
  PetscCall(PetscFree3(d, phi, residual));
  PetscCall(PetscFree(z));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A sample's functions along each dimension: values and operator on the nodes and between them, values on the points that are asked for. */
enum { NODE, NODE_OPERATOR, BETWEEN, BETWEEN_OPERATOR, ASKED, N_MATRICES };

typedef struct {
  PetscInt          w[GP_DIM];
  PetscReal        *m[GP_DIM][N_MATRICES]; /* [points][w] of the dictionary under the condition of zero traces */
  const GpPointSet *between, *set;
  GpBasisAt         at_between[GP_DIM], at_set[GP_DIM];
} Sampler;

/* out = S of the function with core c in the bases value[d] and image[d] */
static PetscErrorCode Operate(const GpPde *gp, const GpPointSet *points, const PetscInt r[], const PetscReal *const value[], const PetscReal *const image[], const PetscReal *c, PetscReal *term, PetscReal *out)
{
  const PetscReal *use[GP_DIM];

  PetscFunctionBegin;
  PetscCall(PetscArrayzero(out, (size_t)points->n_local));
  for (PetscInt o = 0; o <= gp->dim; o++) { /* one dimension at a time, then the zeroth-order term */
    if (o == gp->dim && gp->zeroth == 0) continue;
    for (PetscInt d = 0; d < gp->dim; d++) use[d] = d == o ? image[d] : value[d];
    PetscCall(TesSlabExpand(&points->part, gp->dim, points->n, r, use, c, term));
    for (PetscInt64 i = 0; i < points->n_local; i++) out[i] += o == gp->dim ? gp->zeroth * term[i] : term[i];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* One sample: adds the square of its error on the points asked for, and the mean square of the error's residual between the nodes. */
static PetscErrorCode Sample(GpPde *gp, const GpSolution *solution, const GpProjected *projected, const Sampler *sampler, PetscInt number, PetscReal sigma_f, PetscReal sigma_n, PetscReal *square, PetscReal *residual)
{
  const GpPointSet *set = sampler->set, *between = sampler->between;
  const PetscInt64  n = gp->grid.n_local, most = PetscMax(n, PetscMax(set->n_local, between->n_local)), first = n ? gp->grid.part.first * (n / gp->grid.part.n_local) : 0;
  const PetscInt64  seed = TesProblemSeed(gp->problem);
  const PetscReal  *value[GP_DIM], *image[GP_DIM];
  PetscReal        *c, *f, *term, *rhs, *g, *u, pair[2], mean;
  PetscInt64        count = 1;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < gp->dim; d++) count *= sampler->w[d];
  PetscCall(PetscMalloc6((size_t)count, &c, (size_t)most, &f, (size_t)most, &term, (size_t)most, &u, (size_t)solution->n_core, &rhs, (size_t)solution->n_core, &g));
  for (PetscInt64 i = 0; i < count; i++) {
    TesRandomNormal(seed, TES_STREAM_POSTERIOR, (uint32_t)number, (uint32_t)i, 0, pair);
    c[i] = sigma_f * pair[0];
  }
  for (PetscInt d = 0; d < gp->dim; d++) {
    value[d] = sampler->m[d][NODE];
    image[d] = sampler->m[d][NODE_OPERATOR];
  }
  PetscCall(Operate(gp, &gp->grid, sampler->w, value, image, c, term, f));
  for (PetscInt64 i = 0; i < n; i++) {
    TesRandomNormal(seed, TES_STREAM_POSTERIOR, (uint32_t)number, (uint32_t)(first + i), 1, pair);
    f[i] += sigma_n * pair[0];
  }
  PetscCall(GpProjectedCompress(gp, solution, f, rhs));
  PetscCall(GpLinearSolve(&projected->linear, rhs, g));
  for (PetscInt d = 0; d < gp->dim; d++) value[d] = sampler->m[d][ASKED];
  PetscCall(TesSlabExpand(&set->part, gp->dim, set->n, sampler->w, value, c, u));
  for (PetscInt d = 0; d < gp->dim; d++) value[d] = sampler->at_set[d].inner[GP_VALUE];
  PetscCall(TesSlabExpand(&set->part, gp->dim, set->n, solution->r, value, g, term));
  for (PetscInt64 i = 0; i < set->n_local; i++) square[i] += PetscSqr(u[i] - term[i]);
  for (PetscInt d = 0; d < gp->dim; d++) {
    value[d] = sampler->m[d][BETWEEN];
    image[d] = sampler->m[d][BETWEEN_OPERATOR];
  }
  PetscCall(Operate(gp, between, sampler->w, value, image, c, term, f));
  for (PetscInt d = 0; d < gp->dim; d++) {
    value[d] = sampler->at_between[d].inner[GP_VALUE];
    image[d] = sampler->at_between[d].inner[GP_OPERATOR];
  }
  PetscCall(Operate(gp, between, solution->r, value, image, g, term, u));
  for (PetscInt64 i = 0; i < between->n_local; i++) f[i] -= u[i];
  PetscCall(GpMeanSquare(gp, between, f, &mean));
  *residual += mean;
  PetscCall(PetscFree6(c, f, term, u, rhs, g));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SamplerMatrices(const GpPde *gp, const GpDictionary *dict, PetscInt d, PetscInt64 n, const PetscReal *x, PetscInt w, const PetscReal *z, PetscReal **value, PetscReal **image)
{
  const size_t size = (size_t)n * (size_t)w;
  PetscReal   *first;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(size, value));
  PetscCall(Features(dict, 0, (PetscInt)n, (PetscInt)n, x, w, z, *value));
  if (!image) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc1(size, image));
  PetscCall(PetscMalloc1(size, &first));
  PetscCall(Features(dict, 2, (PetscInt)n, (PetscInt)n, x, w, z, *image));
  PetscCall(Features(dict, 1, (PetscInt)n, (PetscInt)n, x, w, z, first));
  for (size_t i = 0; i < size; i++) (*image)[i] = gp->second[d] * (*image)[i] + gp->first[d] * first[i];
  PetscCall(PetscFree(first));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Samples(GpPde *gp, const GpSolution *solution, const GpProjected *projected, PetscReal sigma_f, PetscReal sigma_n, const GpPointSet *set, PetscReal *sd)
{
  Sampler   sampler  = {.between = gp->f_middle ? &gp->middle : &gp->grid, .set = set};
  PetscReal residual = 0;

  PetscFunctionBegin;
  PetscCall(PetscArrayzero(sd, (size_t)set->n_local));
  for (PetscInt d = 0; d < gp->dim; d++) {
    const GpDictionary *dict = &solution->basis[d].dict;
    const PetscInt      w    = dict->n_columns - gp->n_trace[d];
    PetscReal          *z;

    sampler.w[d] = w;
    PetscCall(Free(gp, d, dict, &z));
    PetscCall(SamplerMatrices(gp, dict, d, gp->n[d], gp->grid.x[d], w, z, &sampler.m[d][NODE], &sampler.m[d][NODE_OPERATOR]));
    PetscCall(SamplerMatrices(gp, dict, d, sampler.between->n[d], sampler.between->x[d], w, z, &sampler.m[d][BETWEEN], &sampler.m[d][BETWEEN_OPERATOR]));
    PetscCall(SamplerMatrices(gp, dict, d, set->n[d], set->x[d], w, z, &sampler.m[d][ASKED], NULL));
    PetscCall(PetscFree(z));
  }
  PetscCall(GpSolutionAt(gp, solution, set, GP_BIT(GP_VALUE), sampler.at_set));
  PetscCall(GpSolutionAt(gp, solution, sampler.between, GP_BIT(GP_VALUE) | GP_BIT(GP_OPERATOR), sampler.at_between));
  for (PetscInt i = 0; i < SAMPLES; i++) PetscCall(Sample(gp, solution, projected, &sampler, i, sigma_f, sigma_n, sd, &residual));
  residual = PetscSqrtReal(residual / SAMPLES);
  for (PetscInt64 i = 0; i < set->n_local; i++) sd[i] = PetscSqrtReal(sd[i] / SAMPLES) * Rescale(gp, 1, sigma_n, residual);
  for (PetscInt d = 0; d < gp->dim; d++) {
    PetscCall(GpBasisAtDestroy(&sampler.at_set[d]));
    PetscCall(GpBasisAtDestroy(&sampler.at_between[d]));
    for (PetscInt o = 0; o < N_MATRICES; o++) PetscCall(PetscFree(sampler.m[d][o]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Where u itself is prescribed nothing is open; there the samples leave the rounding of u. */
static void ZeroWherePrescribed(const GpPde *gp, const GpPointSet *set, PetscReal *sd)
{
  const PetscInt64 row = set->part.n_local ? set->n_local / set->part.n_local : 1;

  for (PetscInt64 i = 0; i < set->n_local; i++) {
    PetscInt64 left = set->part.first * row + i;

    for (PetscInt d = 0; d < gp->dim; d++) {
      const PetscReal x = set->x[d][left % set->n[d]];

      left /= set->n[d];
      for (PetscInt k = 0; k < gp->n_trace[d]; k++) {
        const GpTrace *trace = &gp->trace[d][k];

        if (trace->slope == 0 && x == (trace->end ? gp->lower[d] + gp->length[d] : gp->lower[d])) sd[i] = 0;
      }
    }
  }
}

PetscErrorCode GpPosterior(GpPde *gp, const GpSolution *solution, const GpProjected *projected, PetscReal sigma_n, const GpPointSet *set, PetscReal *sd)
{
  PetscReal sigma_f;

  PetscFunctionBegin;
  if (gp->source.noise_sd > 0) sigma_n = gp->source.noise_sd;
  PetscCall(Scale(gp, solution, &sigma_f));
  PetscCall((gp->dim == 1 ? Line : Samples)(gp, solution, projected, sigma_f, sigma_n, set, sd));
  ZeroWherePrescribed(gp, set, sd);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The field on the test points, its rms against u's, and how often the error against a known solution is within two of it. */
PetscErrorCode GpReportPosterior(GpPde *gp, const GpProjected *projected, PetscReal sigma_n, TesReport report)
{
  GpPointSet set;
  PetscReal *sd, *e, *count, mean, within = 0, size, floor, *x[GP_DIM];
  PetscInt64 n[GP_DIM];

  PetscFunctionBegin;
  if (!GpPosteriorWanted(gp)) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt d = 0; d < gp->dim; d++) {
    n[d] = GpTestPoints(gp);
    PetscCall(PetscMalloc1((size_t)n[d], &x[d]));
    PetscCall(TesGridNodes(TES_NODES_UNIFORM, PETSC_FALSE, n[d], gp->lower[d], gp->lower[d] + gp->length[d], x[d], NULL));
  }
  PetscCall(GpPointSetCreate(gp->comm, gp->dim, n, x, &set));
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(PetscFree(x[d]));
  PetscCall(TesFieldCreate(gp->test_grid, "posterior_sd", &gp->sd_field));
  PetscCall(TesFieldSetAttributes(gp->sd_field, "1", "posterior standard deviation of u"));
  PetscCall(TesFieldNormMax(gp->u_field, &floor));
  PetscCall(TesFieldGetArray(gp->sd_field, &sd));
  PetscCall(GpPosterior(gp, &gp->best, projected, sigma_n, &set, sd));
  for (PetscInt64 i = 0; i < set.n_local; i++) sd[i] = PetscMax(sd[i], PETSC_MACHINE_EPSILON * floor);
  ZeroWherePrescribed(gp, &set, sd);
  PetscCall(GpMeanSquare(gp, &set, sd, &mean));
  PetscCall(TesFieldGetArray(gp->u_field, &e));
  PetscCall(GpMeanSquare(gp, &set, e, &size));
  PetscCall(TesFieldRestoreArray(gp->u_field, &e));
  PetscCall(TesReportReal(report, "posterior_sd", size > 0 ? PetscSqrtReal(mean / size) : PetscSqrtReal(mean),
                          &(TesFigureNote){.unit = "1", .help = "rms posterior standard deviation / rms(u): discretisation under the identified spectrum, not model error", .scale = 1}));
  if (gp->error_field) {
    PetscCall(TesFieldGetArray(gp->error_field, &e));
    PetscCall(PetscMalloc1((size_t)set.n_local, &count));
    for (PetscInt64 i = 0; i < set.n_local; i++) count[i] = PetscAbsReal(e[i]) <= 2 * sd[i] ? 1 : 0;
    PetscCall(GpMean(gp, &set, count, &within));
    PetscCall(PetscFree(count));
    PetscCall(TesFieldRestoreArray(gp->error_field, &e));
    PetscCall(TesReportReal(report, "within_two_sd", within, &(TesFigureNote){.unit = "1", .help = "part of the test points with |error| below two posterior standard deviations", .scale = 1}));
  }
  PetscCall(TesFieldRestoreArray(gp->sd_field, &sd));
  PetscCall(TesReportField(report, gp->sd_field, 1));
  PetscCall(GpPointSetDestroy(&set));
  PetscFunctionReturn(PETSC_SUCCESS);
}
