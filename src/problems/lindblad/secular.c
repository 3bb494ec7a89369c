/* The secular preconditioner: H exactly, the dissipator to leading order in the eigenbasis of H.

   H = U diag(E) U+, J~_k = U+ J_k U,
     gout_a = sum_k g_k sum_c |J~_k,ca|^2,  den_ab = -i (E_a - E_b) + sum_k g_k J~_k,aa conj(J~_k,bb) - (gout_a + gout_b)/2   (a != b),
     W_ab = sum_k g_k |J~_k,ab|^2 - delta_ab gout_a   (rates between populations; columns sum to 0).
   M^-1 r: r~ = U+ r U; off the diagonal r~_ab / den_ab; the diagonal solves W q = p, p traceless, through W - |mean diag W| 1 1'/n; back. Eight real n x n products for real H
   (16 n^3 flops), memory 6 n^2 doubles. Every rank does the same: n is small. */
#include <math.h>
#include <string.h>
#include <tessera/linalg.h>
#include "steady.h"

struct _p_LbSecular {
  const LbSpace *space;
  LbModel       *model;
  int            n;
  PetscBool      real;
  PetscReal     *energy, *ur, *ui; /* [n][n] columns are eigenvectors; ui NULL for real H */
  LbComplex     *inverse;          /* [n][n] 1 / den_ab */
  PetscReal     *w;                /* inverse of the shifted rate matrix */
  LbComplex     *rho;
  PetscReal     *a, *b, *c, *d, *t;
  int           *sites;
};

/* out = op(U) x op'(U) for complex x in two parts; back: U x U+, else U+ x U */
static PetscErrorCode Turn(LbSecular s, PetscBool back, PetscReal *xr, PetscReal *xi)
{
  const PetscInt n = s->n;

  PetscFunctionBegin;
  if (s->real) {
    for (int part = 0; part < 2; part++) {
      PetscReal *x = part ? xi : xr;

      PetscCall(TesGemm(back ? PETSC_FALSE : PETSC_TRUE, PETSC_FALSE, n, n, n, 1, s->ur, x, 0, s->t));
      PetscCall(TesGemm(PETSC_FALSE, back ? PETSC_TRUE : PETSC_FALSE, n, n, n, 1, s->t, s->ur, 0, x));
    }
  } else { /* left factor A = U or U+, then right factor its adjoint: (Ar + i Ai)(xr + i xi) */
    const PetscBool t    = back ? PETSC_FALSE : PETSC_TRUE;
    const PetscReal sign = back ? 1 : -1;

    PetscCall(TesGemm(t, PETSC_FALSE, n, n, n, 1, s->ur, xr, 0, s->c));
    PetscCall(TesGemm(t, PETSC_FALSE, n, n, n, -sign, s->ui, xi, 1, s->c));
    PetscCall(TesGemm(t, PETSC_FALSE, n, n, n, 1, s->ur, xi, 0, s->d));
    PetscCall(TesGemm(t, PETSC_FALSE, n, n, n, sign, s->ui, xr, 1, s->d));
    PetscCall(TesGemm(PETSC_FALSE, back ? PETSC_TRUE : PETSC_FALSE, n, n, n, 1, s->c, s->ur, 0, xr));
    PetscCall(TesGemm(PETSC_FALSE, back ? PETSC_TRUE : PETSC_FALSE, n, n, n, sign, s->d, s->ui, 1, xr));
    PetscCall(TesGemm(PETSC_FALSE, back ? PETSC_TRUE : PETSC_FALSE, n, n, n, 1, s->d, s->ur, 0, xi));
    PetscCall(TesGemm(PETSC_FALSE, back ? PETSC_TRUE : PETSC_FALSE, n, n, n, -sign, s->c, s->ui, 1, xi));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Diagonalise(LbSecular s, const PetscReal f[])
{
  const int  n = s->n;
  LbComplex *h, *term;
  double     im = 0, scale = 0;

  PetscFunctionBegin;
  PetscCall(PetscCalloc1(n * n, &h));
  PetscCall(PetscMalloc1(n * n, &term));
  for (int k = 0; k < s->model->n_terms; k++) {
    const LbTerm *t = &s->model->term[k];

    LbScatter(s->model, f[t->time] * t->coef, &t->p, h);
  }
  for (int e = 0; e < n * n; e++) {
    im    = PetscMax(im, PetscAbsReal(cimag(h[e])));
    scale = PetscMax(scale, cabs(h[e]));
  }
  s->real = im <= 1e-14 * scale ? PETSC_TRUE : PETSC_FALSE;
  PetscCall(PetscMalloc1(n * n, &s->ur));
  if (!s->real) PetscCall(PetscMalloc1(n * n, &s->ui));
  PetscCall(LbHermitianEigen(n, h, s->energy, s->ur, s->ui));
  PetscCall(PetscFree(h));
  PetscCall(PetscFree(term));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Rates(LbSecular s, const PetscReal f[], PetscBool *usable)
{
  const int  n = s->n;
  LbComplex *j, *den;
  PetscReal *gout, *w, mean = 0, smallest = PETSC_MAX_REAL, largest = 0;

  PetscFunctionBegin;
  PetscCall(PetscCalloc4(n * n, &j, n * n, &den, n, &gout, n * n, &w));
  for (int k = 0; k < s->model->n_jumps; k++) {
    const LbJump   *jump = &s->model->jump[k];
    const PetscReal g    = jump->rate * f[jump->time];

    if (g == 0) continue;
    PetscCall(PetscArrayzero(j, n * n));
    for (int p = 0; p < jump->n; p++) LbScatter(s->model, jump->part[p].coef, &jump->part[p].p, j);
    for (int e = 0; e < n * n; e++) {
      s->a[e] = creal(j[e]);
      s->b[e] = cimag(j[e]);
    }
    PetscCall(Turn(s, PETSC_FALSE, s->a, s->b));
    for (int a = 0; a < n; a++)
      for (int b = 0; b < n; b++) {
        const int       e    = a * n + b;
        const PetscReal size = g * (s->a[e] * s->a[e] + s->b[e] * s->b[e]);
        const LbComplex left = s->a[a * n + a] + LB_I * s->b[a * n + a], right = s->a[b * n + b] + LB_I * s->b[b * n + b];

        w[e] += size;
        gout[b] += size;
        den[e] += g * left * conj(right);
      }
  }
  for (int a = 0; a < n; a++) {
    w[a * n + a] -= gout[a];
    mean += PetscAbsReal(w[a * n + a]) / n;
  }
  for (int a = 0; a < n; a++)
    for (int b = 0; b < n; b++) {
      const LbComplex value = den[a * n + b] - LB_I * (s->energy[a] - s->energy[b]) - 0.5 * (gout[a] + gout[b]);

      if (a != b) smallest = PetscMin(smallest, cabs(value));
      largest = PetscMax(largest, cabs(value));
      s->inverse[a * n + b] = a == b ? 0 : 1 / value;
      w[a * n + b] -= mean / n;
      s->w[a * n + b] = a == b;
    }
  *usable = mean > 0 && (n == 1 || smallest > 1e-10 * largest) ? PETSC_TRUE : PETSC_FALSE;
  if (*usable) {
    const PetscErrorCode ierr = TesLUSolve(n, n, w, s->w); /* the explicit inverse: one product per application */

    if (ierr == TES_ERR_NUMBERS) {
      *usable = PETSC_FALSE;
      TesErrorForget();
    } else PetscCall(ierr);
    for (int e = 0; e < n * n && *usable; e++)
      if (!(PetscAbsReal(s->w[e]) * mean < 1e10)) *usable = PETSC_FALSE;
  }
  PetscCall(PetscFree4(j, den, gout, w));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbSecularCreate(const LbSpace *space, LbModel *model, const PetscReal f[], PetscBool *usable, LbSecular *out)
{
  LbSecular    s;
  const size_t nn = (size_t)model->n * (size_t)model->n;

  PetscFunctionBegin;
  PetscCall(PetscNew(&s));
  *out     = s;
  s->space = space;
  s->model = model;
  s->n     = (int)model->n;
  PetscCall(PetscMalloc4(s->n, &s->energy, nn, &s->inverse, nn, &s->w, nn, &s->rho));
  PetscCall(PetscMalloc6(nn, &s->a, nn, &s->b, nn, &s->c, nn, &s->d, nn, &s->t, model->n_sites, &s->sites));
  for (int m = 0; m < model->n_sites; m++) s->sites[m] = m;
  PetscCall(Diagonalise(s, f));
  PetscCall(Rates(s, f, usable));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbSecularApply(void *ctx, const LbVec *r, LbVec *z)
{
  LbSecular  s = ctx;
  const int  n = s->n;
  PetscReal *p = s->t, *q;

  PetscFunctionBegin;
  PetscCall(LbStateMatrix(s->space, s->model, r, s->model->n_sites, s->sites, s->rho));
  for (int e = 0; e < n * n; e++) {
    s->a[e] = creal(s->rho[e]);
    s->b[e] = cimag(s->rho[e]);
  }
  PetscCall(Turn(s, PETSC_FALSE, s->a, s->b));
  q = s->t + n;
  for (int a = 0; a < n; a++) p[a] = s->a[a * n + a];
  for (int a = 0; a < n; a++) {
    q[a] = 0;
    for (int b = 0; b < n; b++) q[a] += s->w[a * n + b] * p[b];
  }
  for (int e = 0; e < n * n; e++) {
    const LbComplex v = (s->a[e] + LB_I * s->b[e]) * s->inverse[e];

    s->a[e] = creal(v);
    s->b[e] = cimag(v);
  }
  for (int a = 0; a < n; a++) s->a[a * n + a] = q[a];
  PetscCall(Turn(s, PETSC_TRUE, s->a, s->b));
  {
    PetscReal trace = 0;

    for (int a = 0; a < n; a++) trace += s->a[a * n + a];
    for (int e = 0; e < n * n; e++) s->rho[e] = s->a[e] + LB_I * s->b[e];
    for (int a = 0; a < n; a++) s->rho[a * n + a] -= trace / n;
  }
  PetscCall(LbFence(s->space)); /* everybody has read r */
  PetscCall(LbStateFromMatrix(s->space, s->model, s->rho, z));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbSecularDestroy(LbSecular *out)
{
  LbSecular s = *out;

  PetscFunctionBegin;
  if (!s) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscFree4(s->energy, s->inverse, s->w, s->rho));
  PetscCall(PetscFree6(s->a, s->b, s->c, s->d, s->t, s->sites));
  PetscCall(PetscFree(s->ur));
  PetscCall(PetscFree(s->ui));
  PetscCall(PetscFree(s));
  *out = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}
