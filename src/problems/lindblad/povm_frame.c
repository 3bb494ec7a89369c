/* Informationally complete measurements of one spin: M_a = sum_c q_ac sigma_c, a = 0..3, sum_a M_a = 1.

     tetra, symmetric  M_a = (1 + s_a . sigma) / 4, s_a = (1,1,1), (1,-1,-1), (-1,1,-1), (-1,-1,1), each over sqrt 3
     tetra, z          the tetrahedron with s_0 = (0,0,1)
     pauli4            M_0 = (1 + Z)/6, M_1 = (1 + X)/6, M_2 = (1 + Y)/6, M_3 the rest

   With T_ab = Tr(M_a M_b) the dual frame is N_a = sum_b T^-1_ab M_b; Tr(sigma_c N_a) = (q^-1)_ca, so nothing but the inverse of q is needed. */
#include <math.h>
#include <string.h>
#include "povm.h"

const char *const lb_povm_names[] = {"tetra", "pauli4", NULL};
const char *const lb_axes_names[] = {"symmetric", "z", NULL};

/* Gauss-Jordan with partial pivoting, 4 x 4 */
static void Invert(const double in[4][4], double out[4][4])
{
  double a[4][8];

  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) {
      a[i][j]     = in[i][j];
      a[i][4 + j] = i == j;
    }
  for (int c = 0; c < 4; c++) {
    int    best = c;
    double swap, pivot;

    for (int r = c + 1; r < 4; r++)
      if (fabs(a[r][c]) > fabs(a[best][c])) best = r;
    for (int j = 0; j < 8; j++) {
      swap       = a[c][j];
      a[c][j]    = a[best][j];
      a[best][j] = swap;
    }
    pivot = a[c][c];
    for (int j = 0; j < 8; j++) a[c][j] /= pivot;
    for (int r = 0; r < 4; r++) {
      const double f = a[r][c];

      if (r == c) continue;
      for (int j = 0; j < 8; j++) a[r][j] -= f * a[c][j];
    }
  }
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) out[i][j] = a[i][4 + j];
}

void LbPovmCreate(LbPovmKind kind, LbPovmAxes axes, LbPovm *povm)
{
  const double third = 1. / 3, r2 = sqrt(2.), r3 = sqrt(3.);
  const double symmetric[4][3] = {{1, 1, 1}, {1, -1, -1}, {-1, 1, -1}, {-1, -1, 1}};
  const double upright[4][3]   = {{0, 0, 1}, {2 * r2 * third, 0, -third}, {-r2 * third, r2 / r3, -third}, {-r2 * third, -r2 / r3, -third}};

  memset(povm, 0, sizeof *povm);
  if (kind == LB_POVM_PAULI4) {
    const int axis[3] = {3, 1, 2}; /* Z, X, Y */

    povm->q[3][0] = 0.5;
    for (int a = 0; a < 3; a++) {
      povm->q[a][0]       = 1. / 6;
      povm->q[a][axis[a]] = 1. / 6;
      povm->q[3][1 + a]   = -1. / 6;
    }
  } else {
    for (int a = 0; a < 4; a++) {
      povm->q[a][0] = 0.25;
      for (int c = 0; c < 3; c++) povm->q[a][1 + c] = axes == LB_AXES_SYMMETRIC ? symmetric[a][c] / r3 / 4 : upright[a][c] / 4;
    }
  }
  Invert((const double(*)[4])povm->q, povm->inverse);
}

void LbPovmState(const LbPovm *povm, const LbComplex psi[2], double p[4])
{
  const LbComplex cross = conj(psi[0]) * psi[1];
  const double    x[4]  = {creal(psi[0] * conj(psi[0]) + psi[1] * conj(psi[1])), 2 * creal(cross), 2 * cimag(cross), creal(psi[0] * conj(psi[0]) - psi[1] * conj(psi[1]))};

  for (int a = 0; a < 4; a++) {
    p[a] = 0;
    for (int c = 0; c < 4; c++) p[a] += povm->q[a][c] * x[c];
    if (p[a] < 1e-15) p[a] = 0; /* a zero of the POVM in this state, up to rounding */
  }
}

void LbPovmOperator(const LbPovm *povm, const LbComplex *o, LbComplex v[4])
{
  LbComplex c[4];

  LbPauliCoefficients(1, o, c); /* O = sum_c c sigma_c */
  for (int a = 0; a < 4; a++) {
    v[a] = 0;
    for (int k = 0; k < 4; k++) v[a] += c[k] * povm->inverse[k][a];
  }
}
