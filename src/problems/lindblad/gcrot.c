/* GCROT(m, k) (de Sturler; Hicken and Zingg for the simple truncation): GMRES(m) cycles whose operator is projected off up to k kept directions.

   Kept pairs (u, c) with c = L u, the c orthonormal. A cycle: r = -L x; take out the part of r in the kept c; Arnoldi on (1 - C C') L Z with z = M^-1 v (flexible) or z = v; the
   least-squares solution gives a correction dx and a new pair; the oldest pair is dropped. k = 0 is FGMRES(m). Orthogonalisation: classical Gram-Schmidt, all vectors of
   a sweep in one pass over memory, a second time where the first one cancelled digits: it costs more than L. The residual is the true one after each cycle: nothing is taken on trust. */
#include <math.h>
#include "steady.h"

#define CANCELLED 0.1 /* what is left of a vector's length loses one digit at most */

PetscErrorCode LbGcrotCreate(LbLiouville l, const PetscReal f[], int m, int k, LbPrecondition precondition, void *ctx, LbGcrot *g)
{
  const LbSpace *space = LbLiouvilleSpace(l);

  PetscFunctionBegin;
  PetscCall(PetscMemzero(g, sizeof *g));
  *g = (LbGcrot){.l = l, .f = f, .m = m, .k = k, .precondition = precondition, .ctx = ctx};
  PetscCall(PetscCalloc4(m + 1, &g->v, m, &g->z, k + 1, &g->u, k + 1, &g->c));
  for (int i = 0; i <= m; i++) PetscCall(LbVecCreate(space, &g->v[i]));
  for (int i = 0; i < m && precondition; i++) PetscCall(LbVecCreate(space, &g->z[i]));
  for (int i = 0; i < k; i++) {
    PetscCall(LbVecCreate(space, &g->u[i]));
    PetscCall(LbVecCreate(space, &g->c[i]));
  }
  PetscCall(LbVecCreate(space, &g->r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbGcrotDestroy(LbGcrot *g)
{
  PetscFunctionBegin;
  if (!g->v) PetscFunctionReturn(PETSC_SUCCESS);
  for (int i = 0; i <= g->m; i++) PetscCall(LbVecDestroy(&g->v[i]));
  for (int i = 0; i < g->m; i++) PetscCall(LbVecDestroy(&g->z[i]));
  for (int i = 0; i < g->k; i++) {
    PetscCall(LbVecDestroy(&g->u[i]));
    PetscCall(LbVecDestroy(&g->c[i]));
  }
  PetscCall(LbVecDestroy(&g->r));
  PetscCall(PetscFree4(g->v, g->z, g->u, g->c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* h_i = <basis_i, w> for all i, then w -= sum h_i basis_i; the dots in one ordered tree each block */
static PetscErrorCode Orthogonalise(const LbSpace *space, int n, const LbVec *const basis[], LbVec *w, PetscReal h[])
{
  const LbVec *v[97];
  double       c[97];

  PetscFunctionBegin;
  if (!n) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbDots(space, n, basis, w, h));
  v[0] = w;
  c[0] = 1;
  for (int i = 0; i < n; i++) {
    v[i + 1] = basis[i];
    c[i + 1] = -h[i];
  }
  PetscCall(LbCombine(space, n + 1, c, v, w));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Scale(const LbSpace *space, double c, LbVec *x)
{
  const LbVec *only = x;

  PetscFunctionBegin;
  PetscCall(LbCombine(space, 1, &c, &only, x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbGcrotCycle(LbGcrot *g, PetscReal target, LbVec *x, PetscReal *residual)
{
  const LbSpace *space = LbLiouvilleSpace(g->l);
  const LbFused  plain = {.scale = 1}, minus = {.scale = -1};
  const int      m = g->m, ld = g->m + 1, kept = g->n_kept;
  PetscReal     *hess, *b, *rhs, *cosine, *sine, norm;
  const LbVec   *basis[97];
  int            steps = 0;

  PetscFunctionBegin;
  PetscCall(PetscCalloc5(ld * ld, &hess, (kept + 1) * ld, &b, ld + 1, &rhs, ld, &cosine, ld, &sine));
  PetscCall(LbApply(g->l, g->f, &minus, x, &g->r)); /* r = -L x */
  g->applications++;
  PetscCall(LbDot(space, &g->r, &g->r, &norm));
  norm = PetscSqrtReal(norm);
  if (kept && norm > target) { /* the part that the kept directions solve */
    PetscReal    h[97];
    const LbVec *v[97];
    double       w[97];

    for (int i = 0; i < kept; i++) basis[i] = &g->c[i];
    PetscCall(Orthogonalise(space, kept, basis, &g->r, h));
    v[0] = x;
    w[0] = 1;
    for (int i = 0; i < kept; i++) {
      v[i + 1] = &g->u[i];
      w[i + 1] = h[i];
    }
    PetscCall(LbCombine(space, kept + 1, w, v, x));
    PetscCall(LbDot(space, &g->r, &g->r, &norm));
    norm = PetscSqrtReal(norm);
  }
  *residual = norm;
  if (norm > target) {
    PetscCall(LbVecCopy(space, &g->r, &g->v[0]));
    PetscCall(Scale(space, 1 / norm, &g->v[0]));
    rhs[0] = norm;
    for (steps = 0; steps < m && PetscAbsReal(rhs[steps]) > 0.5 * target;) {
      const LbVec *z = g->precondition ? &g->z[steps] : &g->v[steps];
      LbVec       *w = &g->v[steps + 1];
      PetscReal    h[97], size, before;

      if (g->precondition) {
        PetscCall(LbFence(space));
        PetscCall(g->precondition(g->ctx, &g->v[steps], &g->z[steps]));
      }
      PetscCall(LbApply(g->l, g->f, &plain, z, w));
      g->applications++;
      for (int i = 0; i < kept; i++) basis[i] = &g->c[i];
      for (int i = 0; i <= steps; i++) basis[kept + i] = &g->v[i];
      PetscCall(LbDot(space, w, w, &before));
      for (int pass = 0; pass < 2; pass++) {
        PetscCall(Orthogonalise(space, kept + steps + 1, basis, w, h));
        for (int i = 0; i < kept; i++) b[i * ld + steps] += h[i];
        for (int i = 0; i <= steps; i++) hess[i * ld + steps] += h[kept + i];
        PetscCall(LbDot(space, w, w, &size));
        if (size > CANCELLED * CANCELLED * before) break;
      }
      size = PetscSqrtReal(size);
      if (size > 0) PetscCall(Scale(space, 1 / size, w));
      hess[(steps + 1) * ld + steps] = size;
      for (int i = 0; i < steps; i++) { /* earlier rotations on the new column */
        const PetscReal a = hess[i * ld + steps], c = hess[(i + 1) * ld + steps];

        hess[i * ld + steps]       = cosine[i] * a + sine[i] * c;
        hess[(i + 1) * ld + steps] = -sine[i] * a + cosine[i] * c;
      }
      {
        const PetscReal a = hess[steps * ld + steps], c = size, length = PetscSqrtReal(a * a + c * c);

        if (!(length > 0)) break;
        cosine[steps]                  = a / length;
        sine[steps]                    = c / length;
        hess[steps * ld + steps]       = length;
        hess[(steps + 1) * ld + steps] = 0;
        rhs[steps + 1]                 = -sine[steps] * rhs[steps];
        rhs[steps]                     = cosine[steps] * rhs[steps];
      }
      steps++;
      if (size < 1e-14 * norm) break;
    }
  }
  if (steps) {
    PetscReal    *y = rhs, length;
    const LbVec  *v[97];
    double        w[97];
    LbVec        *u, *c;
    int           n = 0;

    for (int i = steps - 1; i >= 0; i--) {
      for (int j = i + 1; j < steps; j++) y[i] -= hess[i * ld + j] * y[j];
      y[i] /= hess[i * ld + i];
    }
    /* u = Z y - U B y solves L u = V H y exactly; v[m] is free for it after the residual is formed */
    for (int i = 0; i < steps; i++) {
      v[n]   = g->precondition ? &g->z[i] : &g->v[i];
      w[n++] = y[i];
    }
    for (int i = 0; i < kept; i++) {
      PetscReal sum = 0;

      for (int j = 0; j < steps; j++) sum += b[i * ld + j] * y[j];
      v[n]   = &g->u[i];
      w[n++] = -sum;
    }
    if (g->k) {
      if (g->n_kept == g->k) { /* drop the oldest */
        LbVec first_u = g->u[0], first_c = g->c[0];

        for (int i = 0; i + 1 < g->k; i++) {
          g->u[i] = g->u[i + 1];
          g->c[i] = g->c[i + 1];
        }
        g->u[g->k - 1] = first_u;
        g->c[g->k - 1] = first_c;
        for (int i = 0; i < n; i++) { /* pointers into u moved with it */
          if (v[i] >= g->u && v[i] < g->u + g->k) v[i] = v[i] == &g->u[0] ? &g->u[g->k - 1] : v[i] - 1;
        }
        g->n_kept--;
      }
      u = &g->u[g->n_kept];
      c = &g->c[g->n_kept];
      PetscCall(LbCombine(space, n, w, v, u)); /* may be one of the summands */
      PetscCall(LbApply(g->l, g->f, &plain, u, c));
      g->applications++;
      for (int i = 0; i < g->n_kept; i++) basis[i] = &g->c[i];
      for (int pass = 0; pass < 2 && g->n_kept; pass++) {
        PetscReal    h[97];
        const LbVec *p[97];
        double       q[97];

        PetscCall(Orthogonalise(space, g->n_kept, basis, c, h));
        p[0] = u;
        q[0] = 1;
        for (int i = 0; i < g->n_kept; i++) {
          p[i + 1] = &g->u[i];
          q[i + 1] = -h[i];
        }
        PetscCall(LbCombine(space, g->n_kept + 1, q, p, u));
      }
      PetscCall(LbDot(space, c, c, &length));
      length = PetscSqrtReal(length);
      if (length > 0) {
        PetscReal along;

        PetscCall(Scale(space, 1 / length, c));
        PetscCall(Scale(space, 1 / length, u));
        PetscCall(LbDot(space, c, &g->r, &along));
        {
          const LbVec *p[2] = {x, u};
          const double q[2] = {1, along};

          PetscCall(LbCombine(space, 2, q, p, x));
        }
        g->n_kept++;
      }
    } else {
      for (int i = 0; i < n; i++) {
        const LbVec *p[2] = {x, v[i]};
        const double q[2] = {1, w[i]};

        PetscCall(LbCombine(space, 2, q, p, x));
      }
    }
    PetscCall(LbApply(g->l, g->f, &minus, x, &g->r));
    g->applications++;
    PetscCall(LbDot(space, &g->r, &g->r, residual));
    *residual = PetscSqrtReal(*residual);
  }
  PetscCall(PetscFree5(hess, b, rhs, cosine, sine));
  PetscFunctionReturn(PETSC_SUCCESS);
}
