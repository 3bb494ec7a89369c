/* Node sets on an interval [a, b] of length L, and the weights that integrate over it:

     uniform     x_i = a + L i / (n - 1), trapezoid: h at inner nodes, h/2 at the ends. Periodic: x_i = a + L i / n, weights h = L / n.
     Chebyshev   x_i = a + L sin^2(pi i / (2 (n - 1))) = a + L (1 - cos(pi i / (n - 1))) / 2, Clenshaw-Curtis with N = n - 1:
                 w_i = (L/2) (c_i / N) [1 - sum_{j=1}^{floor(N/2)} b_j / (4 j^2 - 1) cos(2 pi i j / N)], c_i = 1 at the ends and 2 inside,
                 b_j = 1 for j = N/2 and 2 otherwise; exact for polynomials of degree n - 1 (Waldvogel, BIT 46, 2006)
     cells       x_i = a + L (i + 1/2) / n, midpoint rule: h

   The sin^2 form keeps the small distances next to a; the upper half mirrors the lower, so the set is symmetric to rounding, and both ends are met
   exactly. Cost: n; the Clenshaw-Curtis weights n^2/4 multiply-adds with a table of cosines (dense Chebyshev operators cost more). */
#include "grid_impl.h"
#include <math.h>

static void Uniform(PetscInt64 n, PetscReal a, PetscReal b, PetscBool periodic, PetscReal *x, PetscReal *w)
{
  const PetscInt64 intervals = periodic ? n : n - 1;
  const PetscReal  h         = (b - a) / (PetscReal)intervals;

  for (PetscInt64 i = 0; i < n; i++) x[i] = a + (b - a) * ((PetscReal)i / (PetscReal)intervals);
  if (!periodic) x[n - 1] = b;
  if (!w) return;
  for (PetscInt64 i = 0; i < n; i++) w[i] = h;
  if (!periodic) w[0] = w[n - 1] = h / 2;
}

static void Cells(PetscInt64 n, PetscReal a, PetscReal b, PetscReal *x, PetscReal *w)
{
  for (PetscInt64 i = 0; i < n; i++) x[i] = a + (b - a) * (((PetscReal)i + 0.5) / (PetscReal)n);
  for (PetscInt64 i = 0; w && i < n; i++) w[i] = (b - a) / (PetscReal)n;
}

static void ChebyshevPoints(PetscInt64 n, PetscReal a, PetscReal b, PetscReal *x)
{
  const PetscInt64 last = n - 1;

  for (PetscInt64 i = 0; i < n; i++) {
    const PetscInt64 k = PetscMin(i, last - i); /* from the nearer end */
    const PetscReal  s = sin(PETSC_PI * (PetscReal)k / (2 * (PetscReal)last)), distance = (b - a) * s * s;

    x[i] = i == k ? a + distance : b - distance;
    if (2 * i == last) x[i] = a + (b - a) / 2;
  }
}

static PetscErrorCode ClenshawCurtis(PetscInt64 n, PetscReal length, PetscReal *w)
{
  const PetscInt64 last = n - 1;
  PetscReal       *cosine; /* [last] cos(2 pi k / last) */

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(last, &cosine));
  for (PetscInt64 k = 0; k < last; k++) cosine[k] = cos(2 * PETSC_PI * (PetscReal)k / (PetscReal)last);
  for (PetscInt64 i = 0; 2 * i <= last; i++) {
    PetscReal sum = 0;

    for (PetscInt64 j = last / 2; j >= 1; j--) /* small terms first */
      sum += (2 * j == last ? 1 : 2) * cosine[i * j % last] / (4 * (PetscReal)j * (PetscReal)j - 1);
    w[i] = w[last - i] = length / 2 * (i == 0 ? 1 : 2) * (1 - sum) / (PetscReal)last;
  }
  PetscCall(PetscFree(cosine));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesGridNodes(TesNodes kind, PetscBool periodic, PetscInt64 n, PetscReal lower, PetscReal upper, PetscReal *x, PetscReal *weights)
{
  const PetscInt64 least = kind == TES_NODES_CHEBYSHEV || (kind == TES_NODES_UNIFORM && !periodic) ? 2 : 1;

  PetscFunctionBegin;
  PetscCheck(n >= least, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%" PetscInt64_FMT " nodes: at least %" PetscInt64_FMT " are needed", n, least);
  PetscCheck(upper > lower && !PetscIsInfOrNanReal(upper - lower), PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "the interval [%g, %g] is empty or not finite", (double)lower,
             (double)upper);
  PetscCheck(!periodic || kind != TES_NODES_CHEBYSHEV, PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP, "Chebyshev nodes cannot be periodic");
  switch (kind) {
  case TES_NODES_UNIFORM: Uniform(n, lower, upper, periodic, x, weights); break;
  case TES_NODES_CELLS: Cells(n, lower, upper, x, weights); break;
  case TES_NODES_CHEBYSHEV:
    ChebyshevPoints(n, lower, upper, x);
    if (weights) PetscCall(ClenshawCurtis(n, upper - lower, weights));
    break;
  default: SETERRQ(PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "no node set number %d", (int)kind);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
