/* Real transforms of short lines held by one rank. One plan for one line in an aligned buffer: the bits of a line do not depend on how many others are
   transformed with it, or where they lie. */
#include "fft_impl.h"

typedef struct {
  PetscReal *data; /* [2 (n / 2 + 1)], in place */
  fftw_plan  plan;
} Line;

static PetscErrorCode LineCreate(PetscInt64 n, PetscBool backward, Line *line)
{
  PetscFunctionBegin;
  PetscCheck(n >= 1 && n <= PETSC_MPI_INT_MAX, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "lines of %" PetscInt64_FMT " points", n);
  line->data = fftw_alloc_real((size_t)(2 * (n / 2 + 1)));
  PetscCheck(line->data, PETSC_COMM_SELF, PETSC_ERR_MEM, "no memory for a line of %" PetscInt64_FMT " points", n);
  if (backward) line->plan = fftw_plan_dft_c2r_1d((int)n, (fftw_complex *)line->data, line->data, FFTW_ESTIMATE);
  else line->plan = fftw_plan_dft_r2c_1d((int)n, line->data, (fftw_complex *)line->data, FFTW_ESTIMATE);
  PetscCheck(line->plan, PETSC_COMM_SELF, PETSC_ERR_LIB, "FFTW has no plan for %" PetscInt64_FMT " points", n);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void LineDestroy(Line *line)
{
  fftw_destroy_plan(line->plan);
  fftw_free(line->data);
}

PetscErrorCode TesLineRFFT(PetscInt64 n, PetscInt64 count, const PetscReal *in, PetscReal *out)
{
  const PetscInt64 half = 2 * (n / 2 + 1);
  Line             line;

  PetscFunctionBegin;
  PetscCall(LineCreate(n, PETSC_FALSE, &line));
  for (PetscInt64 k = 0; k < count; k++) {
    PetscCall(PetscArraycpy(line.data, in + k * n, n));
    fftw_execute(line.plan);
    PetscCall(PetscArraycpy(out + k * half, line.data, half));
  }
  LineDestroy(&line);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesLineRFFTBackward(PetscInt64 n, PetscInt64 count, const PetscReal *in, PetscReal *out)
{
  const PetscInt64 half = 2 * (n / 2 + 1);
  Line             line;

  PetscFunctionBegin;
  PetscCall(LineCreate(n, PETSC_TRUE, &line));
  for (PetscInt64 k = 0; k < count; k++) {
    PetscCall(PetscArraycpy(line.data, in + k * half, half));
    line.data[1] = 0;
    if (n % 2 == 0) line.data[half - 1] = 0;
    fftw_execute(line.plan);
    PetscCall(PetscArraycpy(out + k * n, line.data, n));
  }
  LineDestroy(&line);
  PetscFunctionReturn(PETSC_SUCCESS);
}
