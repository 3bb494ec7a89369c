/* The screen: which bins of the extended frequency grid the data could contain.

   Each column is multiplied by a Kaiser window, padded with zeros to n = e (N - 1) points and transformed: bin m is then exactly omega_m = m 2 pi / (e L).
   At beta = 34 the side lobes are below 1e-15 and the main lobe is +-11 e bins wide, which supplies the neighbours that a frequency off the grid needs.
   A_m is the root of the sum of squares over the columns. Cost: columns x n log n; on every rank alike. */
#include "gp_pde.h"
#include <tessera/fft.h>

/* I_0 by its power series: all terms are positive, so it is accurate to rounding at every argument that a window uses (beta <= 100). */
static PetscReal BesselI0(PetscReal z)
{
  const PetscReal q    = z * z / 4;
  PetscReal       term = 1, sum = 1;

  for (PetscInt k = 1; k < 1000 && term > 1e-17 * sum; k++) {
    term *= q / ((PetscReal)k * (PetscReal)k);
    sum += term;
  }
  return sum;
}

PetscErrorCode GpScreen(PetscInt n, PetscInt extension, PetscReal beta, PetscInt columns, const PetscReal *y, PetscInt *n_bins, PetscReal **amplitude)
{
  const PetscInt64 length = (PetscInt64)extension * (n - 1);
  const PetscInt   bins   = (PetscInt)(length / 2 + 1);
  PetscReal       *line, *transform, *a;

  PetscFunctionBegin;
  PetscCall(PetscCalloc1((size_t)length * (size_t)columns, &line));
  PetscCall(PetscMalloc1((size_t)bins * 2 * (size_t)columns, &transform));
  PetscCall(PetscCalloc1(bins, &a));
  for (PetscInt i = 0; i < n; i++) {
    const PetscReal t = 2 * (PetscReal)i / (PetscReal)(n - 1) - 1;
    const PetscReal w = BesselI0(beta * PetscSqrtReal(PetscMax(0, 1 - t * t))) / BesselI0(beta);

    for (PetscInt c = 0; c < columns; c++) line[(size_t)c * (size_t)length + (size_t)i] = w * y[(size_t)i * (size_t)columns + (size_t)c];
  }
  PetscCall(TesLineRFFT(length, columns, line, transform));
  for (PetscInt c = 0; c < columns; c++) {
    for (PetscInt m = 0; m < bins; m++) {
      const PetscReal *z = transform + 2 * ((size_t)c * (size_t)bins + (size_t)m);

      a[m] += z[0] * z[0] + z[1] * z[1];
    }
  }
  for (PetscInt m = 0; m < bins; m++) a[m] = PetscSqrtReal(a[m]);
  PetscCall(PetscFree(line));
  PetscCall(PetscFree(transform));
  *n_bins    = bins;
  *amplitude = a;
  PetscFunctionReturn(PETSC_SUCCESS);
}
