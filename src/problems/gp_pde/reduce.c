/* The reduced bases of one dimension, from the singular values of its dictionary.

   Phi [n][c] = the dictionary on the nodes, q = quadrature weights (1 on uniform nodes), E [2][c] = values at the two ends, rows scaled to norm 1.
     inner functions (zero at the ends): Z = null space of E; diag(sqrt q) Phi Z = Ub d P', keep d > truncation d_1; R = Z P / d; functions phi(x) R,
       test functions Ub' diag(sqrt q), A = Ub' diag(sqrt q) Phi'' R (Galerkin);
     trace functions (for boundary data along this dimension): diag(sqrt q) Phi = Uf d P', kept likewise; functions phi(x) P / d, coefficients of data g: Uf' diag(sqrt q) g;
     lift functions: phi(x) E^+ , 1 at one end and 0 at the other.
   Values and second derivatives of a basis come from the SAME coefficients R. Coefficients of data are formed first and multiplied by the functions afterwards: a
   product that holds 1/d before the cancellation (the pseudo-inverse) would carry an error of eps / truncation.
   Dense dictionaries are cut at DENSE_TRUNCATION at least: below it lie hundreds of singular values that are rounding alone.
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
                             PetscInt *r, PetscReal **coefficients, PetscReal **test)
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
  PetscCall(PetscMalloc1((size_t)n * (size_t)*r, test));
  for (PetscInt i = 0; i < *r; i++)
    for (PetscInt j = 0; j < n; j++) (*test)[(size_t)i * (size_t)n + (size_t)j] = u[(size_t)j * (size_t)k + (size_t)i] * weight[j];
  PetscCall(PetscFree4(a, u, sv, vt));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* E^+ = E' (E E')^{-1} with the rows of E scaled to norm 1 first, so that it is dual to the values themselves */
static PetscErrorCode LiftCoefficients(PetscInt c, const PetscReal *e, const PetscReal norm[2], PetscReal *lift)
{
  PetscReal dot = 0, det;

  PetscFunctionBegin;
  for (PetscInt j = 0; j < c; j++) dot += e[j] * e[c + j];
  det = 1 - dot * dot;
  PetscCheck(det > 1e-12, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the values at the two ends are not independent in the dictionary: spectrum.background must be at least 2");
  for (PetscInt j = 0; j < c; j++) {
    lift[2 * j]     = (e[j] - dot * e[c + j]) / det / norm[0];
    lift[2 * j + 1] = (e[c + j] - dot * e[j]) / det / norm[1];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Ends(const GpDictionary *dict, PetscReal **e, PetscReal norm[2])
{
  const PetscReal ends[2] = {dict->lower, dict->lower + dict->length};
  const PetscInt  c       = dict->n_columns;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)2 * (size_t)c, e));
  PetscCall(GpDictionaryEvaluate(dict, 0, 2, ends, *e));
  for (PetscInt side = 0; side < 2; side++) {
    norm[side] = 0;
    for (PetscInt j = 0; j < c; j++) norm[side] += (*e)[side * c + j] * (*e)[side * c + j];
    norm[side] = PetscSqrtReal(norm[side]);
    for (PetscInt j = 0; j < c; j++) (*e)[side * c + j] /= norm[side];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpBasisCreate(GpPde *gp, PetscInt d, const GpSpectrum *spectrum, PetscInt background, GpBasis *basis)
{
  const PetscInt  n          = (PetscInt)gp->n[d];
  const PetscReal truncation = spectrum->mode == GP_FLAT || spectrum->mode == GP_SCREENED ? PetscMax(gp->solver.truncation, DENSE_TRUNCATION) : gp->solver.truncation;
  PetscReal      *omega, *s, *phi, *e, *z = NULL, *w, norm[2];
  PetscInt        c;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(basis, sizeof(*basis)));
  if (gp->nodes[d] == TES_NODES_CHEBYSHEV) background = (9 * n) / 10;
  PetscCall(Weights(gp, d, spectrum, &omega, &s));
  PetscCall(GpDictionaryCreate(gp->lower[d], gp->length[d], (PetscInt)spectrum->n, omega, s, background, &basis->dict));
  PetscCall(PetscFree(omega));
  PetscCall(PetscFree(s));
  c = basis->dict.n_columns;
  PetscCall(PetscMalloc1((size_t)n * (size_t)c, &phi));
  PetscCall(GpDictionaryEvaluate(&basis->dict, 0, n, gp->grid.x[d], phi));
  PetscCall(Ends(&basis->dict, &e, norm));
  if (c > 2) {
    PetscCall(PetscMalloc1((size_t)c * (size_t)(c - 2), &z));
    PetscCall(TesNullSpace(2, c, e, z));
  }
  PetscCall(Reduce(n, c, c - 2, phi, z, gp->weight[d], truncation, &basis->r, &basis->inner, &basis->test));
  PetscCall(Reduce(n, c, c, phi, NULL, gp->weight[d], truncation, &basis->k, &basis->trace, &basis->fit));
  PetscCall(PetscMalloc2((size_t)2 * (size_t)c, &basis->lift, (size_t)2 * (size_t)basis->k, &basis->end));
  PetscCall(LiftCoefficients(c, e, norm, basis->lift));
  for (PetscInt side = 0; side < 2; side++)
    for (PetscInt j = 0; j < c; j++) e[side * c + j] *= norm[side];
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, 2, basis->k, c, 1, e, basis->trace, 0, basis->end));
  PetscCall(PetscMalloc1((size_t)basis->r * (size_t)basis->r, &basis->a));
  if (basis->r) {
    PetscCall(GpDictionaryEvaluate(&basis->dict, 2, n, gp->grid.x[d], phi));
    PetscCall(PetscMalloc1((size_t)n * (size_t)basis->r, &w));
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, basis->r, c, 1, phi, basis->inner, 0, w));
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, basis->r, basis->r, n, 1, basis->test, w, 0, basis->a));
    PetscCall(PetscFree(w));
  }
  PetscCall(PetscFree(phi));
  PetscCall(PetscFree(e));
  PetscCall(PetscFree(z));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpBasisEvaluate(const GpBasis *basis, PetscInt n, const PetscReal x[], GpBasisAt *at)
{
  const PetscInt c = basis->dict.n_columns;
  PetscReal     *phi;

  PetscFunctionBegin;
  at->n = n;
  PetscCall(PetscMalloc1((size_t)n * (size_t)c, &phi));
  for (PetscInt o = 0; o < 2; o++) {
    PetscCall(PetscMalloc3((size_t)n * (size_t)basis->r, &at->inner[o], (size_t)n * (size_t)basis->k, &at->trace[o], (size_t)n * 2, &at->lift[o]));
    PetscCall(GpDictionaryEvaluate(&basis->dict, 2 * o, n, x, phi));
    if (basis->r) PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, basis->r, c, 1, phi, basis->inner, 0, at->inner[o]));
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, basis->k, c, 1, phi, basis->trace, 0, at->trace[o]));
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, n, 2, c, 1, phi, basis->lift, 0, at->lift[o]));
  }
  PetscCall(PetscFree(phi));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpBasisAtDestroy(GpBasisAt *at)
{
  PetscFunctionBegin;
  for (PetscInt o = 0; o < 2; o++) PetscCall(PetscFree3(at->inner[o], at->trace[o], at->lift[o]));
  at->n = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpBasisDestroy(GpBasis *basis)
{
  PetscFunctionBegin;
  PetscCall(GpDictionaryDestroy(&basis->dict));
  PetscCall(PetscFree(basis->inner));
  PetscCall(PetscFree(basis->trace));
  PetscCall(PetscFree2(basis->lift, basis->end));
  PetscCall(PetscFree(basis->test));
  PetscCall(PetscFree(basis->fit));
  PetscCall(PetscFree(basis->a));
  PetscCall(PetscMemzero(basis, sizeof(*basis)));
  PetscFunctionReturn(PETSC_SUCCESS);
}
