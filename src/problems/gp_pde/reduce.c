/* The reduced bases of one dimension, from the singular values of its dictionary.

   Phi [n][c] = the dictionary on the nodes, q = quadrature weights (1 on uniform nodes), E [m][c] = the traces of this dimension (boundary.c), rows scaled to norm 1.
     inner functions (zero traces): Z = null space of E; diag(sqrt q) Phi Z = Ub d P', keep d > truncation d_1; R = Z P / d; functions phi(x) R;
     trace functions (for boundary data along this dimension): diag(sqrt q) Phi = Uf d P', kept likewise; functions phi(x) P / d, coefficients of data g: Uf' diag(sqrt q) g;
     lift functions: phi(x) E^+ , each dual to one trace.
   Test functions, with W = diag(sqrt q) (second Phi'' + first Phi') R, the image under the operator of this dimension:
     Galerkin   Ub' diag(sqrt q):  A = Ub' W, and the identity from the values;
     least squares  Q R = W (with zeroth Phi in it), Q' diag(sqrt q): A = R; in 1-D, where it gains up to two digits on coarse grids (in 2-D and 3-D it loses five);
     marching   Q R = W, R^{-1} Q' diag(sqrt q):  the identity from the operator, and C = R^{-1} Q' Ub from the values, discrete integration. Galerkin would give
                operators with eigenvalues far on the wrong side there; R has the condition of the highest frequency only.
   Values and derivatives of a basis come from the SAME coefficients R. Coefficients of data are formed first and multiplied by the functions afterwards: a
   product that holds 1/d before the cancellation (the pseudo-inverse) would carry an error of eps / truncation.
   Dense dictionaries are cut at DENSE_TRUNCATION at least: below it lie hundreds of singular values that are rounding alone; so are marching ones.
   Cost: two SVDs of n x c and two of the products; replicated on every rank. */
#include "gp_pde.h"

#define DENSE_TRUNCATION 1e-14

/* Weights of the lines from what the data showed. 1-D: the data is u'' plus lower terms, so weights of u fall with omega^4; in more dimensions as found. */
static PetscErrorCode Weights(GpPde *gp, PetscInt d, const GpSpectrum *spectrum, PetscReal **omega, PetscReal **s)
{
  const PetscReal step = 2 * PETSC_PI / ((PetscReal)PetscMax(spectrum->extension, 1) * gp->length[d]);
  const PetscReal top  = PETSC_PI * (PetscReal)(gp->n[d] - 1) / gp->length[d];
  PetscReal       max  = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)spectrum->n, omega));
  PetscCall(PetscMalloc1((size_t)spectrum->n, s));
  for (PetscInt64 m = 0; m < spectrum->n; m++) {
    (*omega)[m] = (PetscReal)spectrum->bin[m] * step;
    (*s)[m]     = spectrum->s[m];
    if (gp->dim == 1 && spectrum->mode == GP_IDENTIFIED) (*s)[m] /= 1e-3 + PetscPowRealInt((*omega)[m] / top, 4);
    max = PetscMax(max, (*s)[m]);
  }
  for (PetscInt64 m = 0; m < spectrum->n; m++) (*s)[m] /= max;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* coefficients = Z (rows of vt)' / d with Z [c][w] or the identity (NULL) */
static PetscErrorCode Coefficients(PetscInt c, PetscInt w, PetscInt r, const PetscReal *z, const PetscReal *vt, const PetscReal *sv, PetscReal **out)
{
  PetscReal *scaled;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)c * (size_t)r, out));
  PetscCall(PetscMalloc1((size_t)w * (size_t)r, &scaled));
  for (PetscInt i = 0; i < w; i++)
    for (PetscInt k = 0; k < r; k++) scaled[(size_t)i * (size_t)r + (size_t)k] = vt[(size_t)k * (size_t)w + (size_t)i] / sv[k];
  if (z && r) PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, c, r, w, 1, z, scaled, 0, *out));
  else PetscCall(PetscArraycpy(*out, scaled, (size_t)w * (size_t)r));
  PetscCall(PetscFree(scaled));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* diag(weight) Phi Z = U d P': coefficients of the kept functions, and U' diag(weight) [r][n] */
static PetscErrorCode Reduce(PetscInt n, PetscInt c, PetscInt w, const PetscReal *phi, const PetscReal *z, const PetscReal *weight, PetscReal truncation,
                             PetscInt *r, PetscReal **coefficients, PetscReal **test, PetscReal **scale)
{
  const PetscInt k = PetscMin(n, w);
  PetscReal     *a, *u, *sv, *vt;

  PetscFunctionBegin;
  *r            = 0;
  *coefficients = *test = NULL;
  if (w <= 0) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc4((size_t)n * (size_t)w, &a, (size_t)n * (size_t)k, &u, k, &sv, (size_t)k * (size_t)w, &vt));
  if (z) PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, w, c, 1, phi, z, 0, a));
  else PetscCall(PetscArraycpy(a, phi, (size_t)n * (size_t)w));
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt j = 0; j < w; j++) a[(size_t)i * (size_t)w + (size_t)j] *= weight[i];
  PetscCall(TesSVD(n, w, a, u, sv, vt));
  while (*r < k && sv[*r] > truncation * sv[0]) (*r)++;
  PetscCall(Coefficients(c, w, *r, z, vt, sv, coefficients));
  if (scale) {
    PetscCall(PetscMalloc1((size_t)*r, scale));
    PetscCall(PetscArraycpy(*scale, sv, (size_t)*r));
  }
  PetscCall(PetscMalloc1((size_t)n * (size_t)*r, test));
  for (PetscInt i = 0; i < *r; i++)
    for (PetscInt j = 0; j < n; j++) (*test)[(size_t)i * (size_t)n + (size_t)j] = u[(size_t)j * (size_t)k + (size_t)i] * weight[j];
  PetscCall(PetscFree4(a, u, sv, vt));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* E^+ = E' (E E')^{-1} with the rows of E scaled to norm 1 first, so that it is dual to the traces themselves; m is 1 or 2 */
static PetscErrorCode LiftCoefficients(PetscInt c, PetscInt m, const PetscReal *e, const PetscReal norm[2], PetscReal *lift)
{
  PetscReal dot = 0, det;

  PetscFunctionBegin;
  if (m == 1) {
    for (PetscInt j = 0; j < c; j++) lift[j] = e[j] / norm[0];
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (PetscInt j = 0; j < c && m == 2; j++) dot += e[j] * e[c + j];
  det = 1 - dot * dot;
  PetscCheck(det > 1e-12, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the conditions at the two ends are not independent in the dictionary: spectrum.background must be at least 2");
  for (PetscInt j = 0; j < c && m == 2; j++) {
    lift[2 * j]     = (e[j] - dot * e[c + j]) / det / norm[0];
    lift[2 * j + 1] = (e[c + j] - dot * e[j]) / det / norm[1];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Traces(const GpPde *gp, PetscInt d, const GpDictionary *dict, PetscReal *e, PetscReal norm[2])
{
  const PetscReal ends[2] = {dict->lower, dict->lower + dict->length};
  const PetscInt  c       = dict->n_columns;
  PetscReal      *phi;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)2 * (size_t)c, &phi));
  for (PetscInt k = 0; k < gp->n_trace[d]; k++) {
    const GpTrace *trace = &gp->trace[d][k];

    PetscCall(GpDictionaryEvaluate(dict, 0, 1, &ends[trace->end], phi));
    PetscCall(GpDictionaryEvaluate(dict, 1, 1, &ends[trace->end], phi + c));
    norm[k] = 0;
    for (PetscInt j = 0; j < c; j++) {
      e[k * c + j] = trace->value * phi[j] + trace->slope * phi[c + j];
      norm[k] += e[k * c + j] * e[k * c + j];
    }
    norm[k] = PetscSqrtReal(norm[k]);
    for (PetscInt j = 0; j < c; j++) e[k * c + j] /= norm[k];
  }
  PetscCall(PetscFree(phi));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the dictionary under the operator of dimension d; c values per point */
static PetscErrorCode Evaluate(const GpPde *gp, PetscInt d, const GpDictionary *dict, GpWhat what, PetscInt n, const PetscReal x[], PetscReal *phi)
{
  const size_t size = (size_t)n * (size_t)dict->n_columns;
  PetscReal   *first;

  PetscFunctionBegin;
  if (what != GP_OPERATOR) {
    PetscCall(GpDictionaryEvaluate(dict, (PetscInt)what, n, x, phi));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (gp->second[d] != 0) {
    PetscCall(GpDictionaryEvaluate(dict, 2, n, x, phi));
    for (size_t i = 0; i < size && gp->second[d] != 1; i++) phi[i] *= gp->second[d];
  } else PetscCall(PetscArrayzero(phi, size));
  if (gp->first[d] == 0) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc1(size, &first));
  PetscCall(GpDictionaryEvaluate(dict, 1, n, x, first));
  for (size_t i = 0; i < size; i++) phi[i] += gp->first[d] * first[i];
  PetscCall(PetscFree(first));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Where the zeroth-order term is part of the image: in least squares, and where two dimensions march with the first of them, for C_0 + C_1 has no place for it (linear.c). */
static PetscReal FoldedZeroth(const GpPde *gp, PetscInt d)
{
  return GpLeastSquares(gp) || (gp->dim == 2 && d == 0 && gp->marching[0]) ? gp->zeroth : 0;
}

PetscBool GpLeastSquares(const GpPde *gp)
{
  return gp->dim == 1 && !gp->periodic[0] && !gp->singular ? PETSC_TRUE : PETSC_FALSE;
}

/* a and test from the image w [n][r] */
static PetscErrorCode TestByImage(const GpPde *gp, PetscInt d, const PetscReal *phi_value, PetscReal *w, GpBasis *basis)
{
  const PetscInt n = (PetscInt)gp->n[d], r = basis->r, c = basis->dict.n_columns;
  PetscReal     *q, *upper, *u;

  PetscFunctionBegin;
  PetscCheck(r <= n, PETSC_COMM_SELF, PETSC_ERR_PLIB, "%" PetscInt_FMT " functions on %" PetscInt_FMT " nodes", r, n);
  PetscCall(PetscMalloc3((size_t)n * (size_t)r, &q, (size_t)r * (size_t)r, &upper, (size_t)n * (size_t)r, &u));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, r, c, 1, phi_value, basis->inner, 0, u));
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt j = 0; j < r; j++) {
      w[(size_t)i * (size_t)r + (size_t)j] = gp->weight[d][i] * (w[(size_t)i * (size_t)r + (size_t)j] + FoldedZeroth(gp, d) * u[(size_t)i * (size_t)r + (size_t)j]);
      u[(size_t)i * (size_t)r + (size_t)j] *= gp->weight[d][i];
    }
  PetscCall(TesQR(n, r, w, q, upper));
  for (PetscInt i = 0; i < r; i++)
    for (PetscInt j = 0; j < n; j++) basis->test[(size_t)i * (size_t)n + (size_t)j] = q[(size_t)j * (size_t)r + (size_t)i] * gp->weight[d][j];
  if (gp->marching[d]) {
    PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, r, r, n, 1, q, u, 0, basis->a));
    PetscCall(TesLUSolve(r, r, upper, basis->a));
    PetscCall(TesLUSolve(r, n, upper, basis->test));
  } else PetscCall(PetscArraycpy(basis->a, upper, (size_t)r * (size_t)r));
  PetscCall(PetscFree3(q, upper, u));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode TestFunctions(const GpPde *gp, PetscInt d, PetscReal *phi, GpBasis *basis)
{
  const PetscInt n = (PetscInt)gp->n[d], c = basis->dict.n_columns;
  PetscReal     *w, *image;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)basis->r * (size_t)basis->r, &basis->a));
  if (!basis->r) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc2((size_t)n * (size_t)basis->r, &w, (size_t)n * (size_t)c, &image));
  PetscCall(Evaluate(gp, d, &basis->dict, GP_OPERATOR, n, gp->grid.x[d], image));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, basis->r, c, 1, image, basis->inner, 0, w));
  if (gp->marching[d] || GpLeastSquares(gp)) PetscCall(TestByImage(gp, d, phi, w, basis));
  else PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, basis->r, basis->r, n, 1, basis->test, w, 0, basis->a));
  PetscCall(PetscFree2(w, image));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpBasisCreate(GpPde *gp, PetscInt d, const GpSpectrum *spectrum, PetscInt background, GpBasis *basis)
{
  const PetscInt  n          = (PetscInt)gp->n[d], m = gp->n_trace[d];
  const PetscBool cut        = spectrum->mode == GP_FLAT || spectrum->mode == GP_SCREENED || gp->marching[d] ? PETSC_TRUE : PETSC_FALSE;
  const PetscReal truncation = cut ? PetscMax(gp->solver.truncation, DENSE_TRUNCATION) : gp->solver.truncation;
  PetscReal      *omega, *s, *phi, *e, *z = NULL, norm[2] = {1, 1};
  PetscInt        c;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(basis, sizeof(*basis)));
  if (gp->nodes[d] == TES_NODES_CHEBYSHEV) background = (9 * n) / 10;
  if (gp->periodic[d]) background = 0;
  PetscCall(Weights(gp, d, spectrum, &omega, &s));
  PetscCall(GpDictionaryCreate(gp->lower[d], gp->length[d], (PetscInt)spectrum->n, omega, s, background, &basis->dict));
  PetscCall(PetscFree(omega));
  PetscCall(PetscFree(s));
  c        = basis->dict.n_columns;
  basis->m = m;
  PetscCall(PetscMalloc2((size_t)n * (size_t)c, &phi, (size_t)m * (size_t)c, &e));
  PetscCall(GpDictionaryEvaluate(&basis->dict, 0, n, gp->grid.x[d], phi));
  PetscCall(Traces(gp, d, &basis->dict, e, norm));
  if (m && c > m) {
    PetscCall(PetscMalloc1((size_t)c * (size_t)(c - m), &z));
    PetscCall(TesNullSpace(m, c, e, z));
  }
  PetscCall(Reduce(n, c, c - m, phi, z, gp->weight[d], truncation, &basis->r, &basis->inner, &basis->test, &basis->scale));
  PetscCall(Reduce(n, c, c, phi, NULL, gp->weight[d], truncation, &basis->k, &basis->trace, &basis->fit, NULL));
  PetscCall(PetscMalloc2((size_t)m * (size_t)c, &basis->lift, (size_t)m * (size_t)basis->k, &basis->end));
  if (m) PetscCall(LiftCoefficients(c, m, e, norm, basis->lift));
  for (PetscInt k = 0; k < m; k++)
    for (PetscInt j = 0; j < c; j++) e[k * c + j] *= norm[k];
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, m, basis->k, c, 1, e, basis->trace, 0, basis->end));
  PetscCall(TestFunctions(gp, d, phi, basis));
  PetscCall(PetscFree2(phi, e));
  PetscCall(PetscFree(z));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpBasisEvaluate(const GpPde *gp, PetscInt d, const GpBasis *basis, PetscInt n, const PetscReal x[], unsigned kinds, GpBasisAt *at)
{
  const PetscInt c = basis->dict.n_columns;
  PetscReal     *phi;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(at, sizeof(*at)));
  at->n = n;
  PetscCall(PetscMalloc1((size_t)n * (size_t)c, &phi));
  for (PetscInt o = 0; o < GP_KINDS; o++) {
    if (!(kinds & GP_BIT(o))) continue;
    PetscCall(PetscMalloc1((size_t)n * (size_t)basis->r, &at->inner[o]));
    PetscCall(PetscMalloc1((size_t)n * (size_t)basis->k, &at->trace[o]));
    PetscCall(PetscMalloc1((size_t)n * (size_t)basis->m, &at->lift[o]));
    PetscCall(Evaluate(gp, d, &basis->dict, (GpWhat)o, n, x, phi));
    if (basis->r) PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, basis->r, c, 1, phi, basis->inner, 0, at->inner[o]));
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, basis->k, c, 1, phi, basis->trace, 0, at->trace[o]));
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, basis->m, c, 1, phi, basis->lift, 0, at->lift[o]));
  }
  PetscCall(PetscFree(phi));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpBasisAtDestroy(GpBasisAt *at)
{
  PetscFunctionBegin;
  for (PetscInt o = 0; o < GP_KINDS; o++) {
    PetscCall(PetscFree(at->inner[o]));
    PetscCall(PetscFree(at->trace[o]));
    PetscCall(PetscFree(at->lift[o]));
  }
  at->n = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpBasisDestroy(GpBasis *basis)
{
  PetscFunctionBegin;
  PetscCall(GpDictionaryDestroy(&basis->dict));
  PetscCall(PetscFree(basis->inner));
  PetscCall(PetscFree(basis->scale));
  PetscCall(PetscFree(basis->trace));
  PetscCall(PetscFree2(basis->lift, basis->end));
  PetscCall(PetscFree(basis->test));
  PetscCall(PetscFree(basis->fit));
  PetscCall(PetscFree(basis->a));
  PetscCall(PetscMemzero(basis, sizeof(*basis)));
  PetscFunctionReturn(PETSC_SUCCESS);
}
