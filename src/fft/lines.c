/* Real transforms of short lines held by one rank. One plan for one line in an aligned buffer: the bits of a line do not depend on how many others are
   transformed with it, or where they lie. */
#include "fft_impl.h"

PetscErrorCode TesLineRFFT(PetscInt64 n, PetscInt64 count, const PetscReal *in, PetscReal *out)
{
  const PetscInt64 half = 2 * (n / 2 + 1);
  PetscReal       *line;
  fftw_plan        plan;

  PetscFunctionBegin;
  PetscCheck(n >= 1 && n <= PETSC_MPI_INT_MAX, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "lines of %" PetscInt64_FMT " points", n);
  if (count <= 0) PetscFunctionReturn(PETSC_SUCCESS);
  line = fftw_alloc_real((size_t)half);
  PetscCheck(line, PETSC_COMM_SELF, PETSC_ERR_MEM, "no memory for a line of %" PetscInt64_FMT " points", n);
  plan = fftw_plan_dft_r2c_1d((int)n, line, (fftw_complex *)line, FFTW_ESTIMATE);
  PetscCheck(plan, PETSC_COMM_SELF, PETSC_ERR_LIB, "FFTW has no plan for %" PetscInt64_FMT " points", n);
  for (PetscInt64 k = 0; k < count; k++) {
    PetscCall(PetscArraycpy(line, in + k * n, n));
    fftw_execute(plan);
    PetscCall(PetscArraycpy(out + k * half, line, half));
  }
  fftw_destroy_plan(plan);
  fftw_free(line);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesLineRFFTBackward(PetscInt64 n, PetscInt64 count, const PetscReal *in, PetscReal *out)
{
  const PetscInt64 half = 2 * (n / 2 + 1);
  PetscReal       *line;
  fftw_plan        plan;

  PetscFunctionBegin;
  PetscCheck(n >= 1 && n <= PETSC_MPI_INT_MAX, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "lines of %" PetscInt64_FMT " points", n);
  if (count <= 0) PetscFunctionReturn(PETSC_SUCCESS);
  line = fftw_alloc_real((size_t)half);
  PetscCheck(line, PETSC_COMM_SELF, PETSC_ERR_MEM, "no memory for a line of %" PetscInt64_FMT " points", n);
  plan = fftw_plan_dft_c2r_1d((int)n, (fftw_complex *)line, line, FFTW_ESTIMATE);
  PetscCheck(plan, PETSC_COMM_SELF, PETSC_ERR_LIB, "FFTW has no plan for %" PetscInt64_FMT " points", n);
  for (PetscInt64 k = 0; k < count; k++) {
    PetscCall(PetscArraycpy(line, in + k * half, half));
    line[1] = 0;
    if (n % 2 == 0) line[half - 1] = 0;
    fftw_execute(plan);
    PetscCall(PetscArraycpy(out + k * n, line, n));
  }
  fftw_destroy_plan(plan);
  fftw_free(line);
  PetscFunctionReturn(PETSC_SUCCESS);
}
