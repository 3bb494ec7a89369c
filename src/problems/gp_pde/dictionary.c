/* The dictionary of one dimension and its derivatives, all analytic.

   phi = [ w_m cos(omega_m z) | w_m sin(omega_m z), omega_m > 0 | T_0(t) .. T_{b-1}(t) ],  z = x - lower,  t = 2 z / L - 1.
   d^k/dx^k of the waves: omega^k with (c, s) -> (-s, c) -> (-c, -s) -> (s, -c); of the polynomials by recurrence:
   T_k = 2 t T_{k-1} - T_{k-2},  T'_k = 2 T_{k-1} + 2 t T'_{k-1} - T'_{k-2},  T''_k = 4 T'_{k-1} + 2 t T''_{k-1} - T''_{k-2}, times (2/L)^order.
   Cost: n times the number of columns. */
#include "gp_pde.h"

PetscErrorCode GpDictionaryCreate(PetscReal lower, PetscReal length, PetscInt n_lines, const PetscReal omega[], const PetscReal s[], PetscInt n_background,
                                  GpDictionary *dict)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(dict, sizeof(*dict)));
  dict->lower        = lower;
  dict->length       = length;
  dict->n_lines      = n_lines;
  dict->n_background = n_background;
  dict->n_columns    = n_background;
  PetscCall(PetscMalloc2(n_lines, &dict->omega, n_lines, &dict->weight));
  for (PetscInt m = 0; m < n_lines; m++) {
    dict->omega[m]  = omega[m];
    dict->weight[m] = PetscSqrtReal(s[m]);
    dict->n_columns += omega[m] > 0 ? 2 : 1;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Derivative `order` (0, 1, 2) of T_0..T_{b-1} with respect to x at one point. */
static void Polynomials(PetscInt b, PetscReal t, PetscReal slope, PetscInt order, PetscReal *out)
{
  PetscReal p[3][2] = {{1, 0}, {0, 0}, {0, 0}}; /* [order]{k-1, k-2} */
  PetscReal scale   = 1;

  for (PetscInt i = 0; i < order; i++) scale *= slope;
  for (PetscInt k = 0; k < b; k++) {
    PetscReal q[3];

    if (k == 0) {
      q[0] = 1;
      q[1] = q[2] = 0;
    } else if (k == 1) {
      q[0] = t;
      q[1] = 1;
      q[2] = 0;
    } else {
      q[0] = 2 * t * p[0][0] - p[0][1];
      q[1] = 2 * p[0][0] + 2 * t * p[1][0] - p[1][1];
      q[2] = 4 * p[1][0] + 2 * t * p[2][0] - p[2][1];
    }
    for (PetscInt i = 0; i < 3; i++) {
      p[i][1] = p[i][0];
      p[i][0] = q[i];
    }
    out[k] = scale * q[order];
  }
}

PetscErrorCode GpDictionaryEvaluate(const GpDictionary *dict, PetscInt order, PetscInt n, const PetscReal x[], PetscReal *phi)
{
  PetscFunctionBegin;
  PetscCheck(order >= 0 && order <= 2, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "derivative of order %" PetscInt_FMT, order);
  for (PetscInt i = 0; i < n; i++) {
    const PetscReal z    = x[i] - dict->lower;
    PetscReal      *row  = phi + (size_t)i * (size_t)dict->n_columns;
    PetscInt        sine = dict->n_lines;

    for (PetscInt m = 0; m < dict->n_lines; m++) {
      const PetscReal omega = dict->omega[m], c = PetscCosReal(omega * z), s = PetscSinReal(omega * z), w = dict->weight[m];

      row[m] = w * (order == 0 ? c : order == 1 ? -omega * s : -omega * omega * c);
      if (omega > 0) row[sine++] = w * (order == 0 ? s : order == 1 ? omega * c : -omega * omega * s);
    }
    Polynomials(dict->n_background, 2 * z / dict->length - 1, 2 / dict->length, order, row + sine);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpDictionaryDestroy(GpDictionary *dict)
{
  PetscFunctionBegin;
  PetscCall(PetscFree2(dict->omega, dict->weight));
  PetscCall(PetscMemzero(dict, sizeof(*dict)));
  PetscFunctionReturn(PETSC_SUCCESS);
}
