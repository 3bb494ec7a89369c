#pragma once
/* Inside of the transforms. */
#include <fftw3-mpi.h>
#include <tessera/fft.h>

struct _p_TesFFT {
  MPI_Comm     comm;
  TesFFTType   type;
  PetscInt     dim;
  PetscInt64   n[3];               /* points, x first */
  PetscReal    scale;              /* backward after forward multiplies by this */
  TesPartition in, out;            /* rows of the slowest dimension; 1-D: points */
  PetscInt64   in_row, out_row;    /* reals per row */
  PetscBool    one_rank;           /* plans of rank 0 alone; the other ranks have none */
  ptrdiff_t    capacity;           /* reals that FFTW asks for */
  PetscReal   *work;               /* [capacity] both plans work in place here */
  fftw_plan    forward, backward;
};
