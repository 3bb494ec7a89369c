/* Generators of single sites and their eigenvectors.

   L_m X = -i [h, X] + sum_k g_k (A_k X B_k+ - (B_k+ A_k X + X B_k+ A_k)/2) over the terms and jumps that act on site m alone, as a real matrix in an orthogonal basis of Hermitian matrices: the Pauli matrices, or
   E_kk, E_jk + E_kj, i (E_kj - E_jk). L_m = V diag(w) V^-1 with one eigenvalue 0, put first; its eigenvector is the steady state of the site. At an exceptional point V is singular: the diagonal of the coherences is then
   moved by a millionth, which a preconditioner does not feel. */
#include <math.h>
#include <string.h>
#include <tessera/linalg.h>
#include "kronecker.h"

#define WORST 1e8 /* condition of the eigenvectors */

/* the a-th Hermitian matrix of the basis; returns Tr(B^2) */
static double Basis(PetscBool pauli, int d, int a, LbComplex *b)
{
  memset(b, 0, (size_t)(d * d) * sizeof *b);
  if (pauli) {
    if (a == 0) b[0] = b[3] = 1;
    else if (a == 1) b[1] = b[2] = 1;
    else if (a == 2) b[1] = -LB_I, b[2] = LB_I;
    else b[0] = 1, b[3] = -1;
    return 2;
  }
  if (a < d) {
    b[a * d + a] = 1;
    return 1;
  }
  for (int j = 0, at = d; j < d; j++)
    for (int k = j + 1; k < d; k++, at += 2) {
      if (a == at) b[j * d + k] = b[k * d + j] = 1;
      if (a == at + 1) {
        b[j * d + k] = -LB_I;
        b[k * d + j] = LB_I;
      }
    }
  return 2;
}

/* out += c a x b (a or b NULL: the identity) */
static void Add(int d, LbComplex c, const LbComplex *a, const LbComplex *x, const LbComplex *b, LbComplex *out)
{
  for (int i = 0; i < d; i++)
    for (int k = 0; k < d; k++) {
      LbComplex ax = 0;

      if (a)
        for (int l = 0; l < d; l++) ax += a[i * d + l] * x[l * d + k];
      else ax = x[i * d + k];
      if (ax == 0) continue;
      if (b)
        for (int j = 0; j < d; j++) out[i * d + j] += c * ax * b[k * d + j];
      else out[i * d + k] += c * ax;
    }
}

/* L_m x of one matrix */
static PetscErrorCode Generate(const LbModel *model, const PetscReal f[], int m, const LbComplex *x, LbComplex *y)
{
  const int  d = model->dim[m];
  LbComplex *k, *adjoint;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(d * d, &k, d * d, &adjoint));
  PetscCall(PetscArrayzero(y, d * d));
  for (int t = 0; t < model->n_terms; t++) {
    const LbTerm *term = &model->term[t];

    if (term->p.n != 1 || term->p.site[0] != m) continue;
    Add(d, -LB_I * f[term->time] * term->coef, term->p.op[0], x, NULL, y);
    Add(d, LB_I * f[term->time] * term->coef, NULL, x, term->p.op[0], y);
  }
  for (int j = 0; j < model->n_jumps; j++) {
    const LbJump *jump = &model->jump[j];

    for (int p = 0; p < jump->n; p++)
      for (int q = 0; q < jump->n; q++) {
        const LbProduct *a = &jump->part[p].p, *b = &jump->part[q].p;
        const LbComplex  c = jump->rate * f[jump->time] * jump->part[p].coef * conj(jump->part[q].coef);

        if (a->n != 1 || b->n != 1 || a->site[0] != m || b->site[0] != m) continue;
        for (int r = 0; r < d; r++)
          for (int s = 0; s < d; s++) adjoint[r * d + s] = conj(b->op[0][s * d + r]);
        PetscCall(PetscArrayzero(k, d * d));
        Add(d, 1, adjoint, a->op[0], NULL, k);
        Add(d, c, a->op[0], x, adjoint, y);
        Add(d, -0.5 * c, k, x, NULL, y);
        Add(d, -0.5 * c, NULL, x, k, y);
      }
  }
  PetscCall(PetscFree2(k, adjoint));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* inverse of a complex matrix through [[R, -M], [M, R]] */
static PetscErrorCode Inverse(int n, const LbComplex *v, LbComplex *inverse, PetscBool *usable)
{
  const size_t   n2 = 2 * (size_t)n;
  PetscReal     *a, *b;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(n2 * n2, &a));
  PetscCall(PetscCalloc1(n2 * (size_t)n, &b));
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      const LbComplex e = v[(size_t)i * (size_t)n + (size_t)j];

      a[(size_t)i * n2 + (size_t)j] = a[(size_t)(n + i) * n2 + (size_t)(n + j)] = creal(e);
      a[(size_t)(n + i) * n2 + (size_t)j]                                       = cimag(e);
      a[(size_t)i * n2 + (size_t)(n + j)]                                       = -cimag(e);
    }
  for (int i = 0; i < n; i++) b[(size_t)i * (size_t)n + (size_t)i] = 1;
  ierr = TesLUSolve((PetscInt)n2, n, a, b);
  if (ierr == TES_ERR_NUMBERS) {
    *usable = PETSC_FALSE;
    TesErrorForget();
  } else PetscCall(ierr);
  for (size_t e = 0; e < (size_t)n * (size_t)n && *usable; e++) inverse[e] = b[e] + LB_I * b[(size_t)n * (size_t)n + e];
  PetscCall(PetscFree(a));
  PetscCall(PetscFree(b));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* eigenvectors from the basis to the coordinates of the vector: those of the basis itself for spins, matrix units else; then the inverse */
static PetscErrorCode Coordinates(PetscBool pauli, const PetscReal *v, LbKroneckerSite *s, PetscBool *usable)
{
  const int  n = s->n, d = s->d;
  LbComplex *b;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(n, &b));
  PetscCall(PetscArrayzero(s->back, (size_t)n * (size_t)n));
  for (int a = 0; a < n; a++) {
    if (pauli) {
      for (int j = 0; j < n; j++) s->back[a * n + j] = v[2 * (a * n + j)] + LB_I * v[2 * (a * n + j) + 1];
      continue;
    }
    (void)Basis(PETSC_FALSE, d, a, b);
    for (int e = 0; e < n; e++) {
      if (b[e] == 0) continue;
      for (int j = 0; j < n; j++) s->back[(size_t)e * (size_t)n + (size_t)j] += b[e] * (v[2 * ((size_t)a * (size_t)n + (size_t)j)] + LB_I * v[2 * ((size_t)a * (size_t)n + (size_t)j) + 1]);
    }
  }
  PetscCall(Inverse(n, s->back, s->to, usable));
  PetscCall(PetscFree(b));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the eigenvalue 0 to the first place; false unless it is alone and all others decay */
static PetscBool ZeroFirst(int n, PetscReal *lambda, PetscReal *v)
{
  PetscReal scale = 0;
  int       zero  = -1;

  for (int j = 0; j < n; j++) scale = PetscMax(scale, hypot(lambda[2 * j], lambda[2 * j + 1]));
  for (int j = 0; j < n; j++) {
    if (lambda[2 * j] < -1e-9 * scale) continue;
    if (zero >= 0 || hypot(lambda[2 * j], lambda[2 * j + 1]) > 1e-9 * scale) return PETSC_FALSE;
    zero = j;
  }
  if (zero < 0 || scale == 0) return PETSC_FALSE;
  for (int part = 0; part < 2; part++) {
    for (int i = 0; i < n; i++) {
      PetscReal *row = v + 2 * (size_t)i * (size_t)n + part, swap = row[2 * zero];

      row[2 * zero] = row[0];
      row[0]        = swap;
    }
    lambda[2 * zero + part] = lambda[part];
    lambda[part]            = 0;
  }
  return PETSC_TRUE;
}

PetscErrorCode LbKroneckerSiteCreate(const LbModel *model, const PetscReal f[], PetscBool pauli, int m, PetscBool *usable, LbKroneckerSite *s)
{
  const int    d = model->dim[m], n = d * d;
  const size_t nn = (size_t)n * (size_t)n;
  LbComplex   *x, *y, *b;
  PetscReal   *g, *lambda, *v, cond, scale = 0;

  PetscFunctionBegin;
  *usable = PETSC_TRUE;
  PetscCall(PetscMemzero(s, sizeof *s));
  s->d = d;
  s->n = n;
  PetscCall(PetscCalloc4(n, &s->w, nn, &s->back, nn, &s->to, n, &s->steady));
  PetscCall(PetscMalloc6(n, &x, n, &y, n, &b, nn, &g, 2 * n, &lambda, 2 * nn, &v));
  for (int j = 0; j < n; j++) {
    (void)Basis(pauli, d, j, x);
    PetscCall(Generate(model, f, m, x, y));
    for (int a = 0; a < n; a++) {
      const double square = Basis(pauli, d, a, b);
      double       sum    = 0;

      for (int e = 0; e < n; e++) sum += creal(conj(b[e]) * y[e]);
      g[(size_t)a * (size_t)n + (size_t)j] = sum / square;
      scale                                = PetscMax(scale, PetscAbsReal(sum / square));
    }
  }
  for (size_t e = 0; e < nn; e++)
    if (PetscAbsReal(g[e]) < 1e-15 * scale) g[e] = 0;
  PetscCall(TesEigen(n, g, lambda, v, &cond));
  if (!(cond < WORST)) {
    for (int a = pauli ? 1 : d; a < (pauli ? 3 : n); a++) g[(size_t)a * (size_t)n + (size_t)a] -= 1e-6 * scale * (a + 1) / n;
    PetscCall(TesEigen(n, g, lambda, v, &cond));
  }
  *usable = cond < WORST && ZeroFirst(n, lambda, v) ? PETSC_TRUE : PETSC_FALSE;
  if (*usable) {
    for (int j = 0; j < n; j++) s->w[j] = lambda[2 * j] + LB_I * lambda[2 * j + 1];
    PetscCall(Coordinates(pauli, v, s, usable));
  }
  if (*usable) {
    LbComplex trace = 0;

    for (int a = 0; a < n; a++) {
      if (pauli) {
        (void)Basis(PETSC_TRUE, d, a, b);
        for (int e = 0; e < n; e++) s->steady[e] += s->back[a * n] * b[e];
      } else s->steady[a] = s->back[(size_t)a * (size_t)n];
    }
    for (int i = 0; i < d; i++) trace += s->steady[i * d + i];
    *usable = cabs(trace) > 0 ? PETSC_TRUE : PETSC_FALSE;
    for (int e = 0; e < n && *usable; e++) s->steady[e] /= trace;
  }
  PetscCall(PetscFree6(x, y, b, g, lambda, v));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKroneckerSiteDestroy(LbKroneckerSite *s)
{
  PetscFunctionBegin;
  PetscCall(PetscFree4(s->w, s->back, s->to, s->steady));
  PetscFunctionReturn(PETSC_SUCCESS);
}
