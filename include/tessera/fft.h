#pragma once
/* Distributed FFTs on FFTW-MPI slabs, in 1-3 dimensions, and all-to-all transposes of generic arrays.

   Convention: forward sign -1, unscaled; backward unscaled (forward then backward multiplies by the number of points). Plans are FFTW_ESTIMATE, so that the
   same binary gives the same bits in every run. */
#include <tessera/partition.h>

typedef enum {
  TES_FFT_C2C, /* complex to complex, interleaved (re, im) */
  TES_FFT_R2C, /* real to half-complex along the fastest dimension: n/2 + 1 */
  TES_FFT_R2R  /* real to real, one kind per dimension: DCT, DST */
} TesFFTType;

typedef enum { TES_R2R_DCT1, TES_R2R_DCT2, TES_R2R_DCT3, TES_R2R_DST1, TES_R2R_DST2, TES_R2R_DST3 } TesR2RKind;

typedef struct _p_TesFFT *TesFFT;

/*@
  TesFFTCreate - plan a distributed transform

  Collective

  Input Parameters:
+ comm  - the communicator
. type  - sort of transform
. dim   - 1, 2, 3
. n     - [dim] points, x (fastest) first
. kinds - [dim] for R2R, NULL otherwise

  Output Parameter:
. fft - the plan; destroy with TesFFTDestroy

  Note: r2r forward is the kind named, backward its inverse (DCT2 <-> DCT3, DST2 <-> DST3).
  Note: the slowest dimension is split by FFTW's block rule on input and output alike (TesFFTInput, TesFFTOutput give the partitions over its rows). In 1-D, c2c is split
  over the points; r2c and r2r in 1-D, boxes with one dimension of more than one point, and sizes
  too small for the ranks work on fewer ranks (the rest own no rows). Same bits in every run on the same number of ranks; to rounding between rank counts.
@*/
PetscErrorCode      TesFFTCreate(MPI_Comm comm, TesFFTType type, PetscInt dim, const PetscInt64 n[], const TesR2RKind kinds[], TesFFT *fft);
PetscErrorCode      TesFFTDestroy(TesFFT *fft);
const TesPartition *TesFFTInput(TesFFT fft);  /* rows of the slowest dimension; 1-D: points */
const TesPartition *TesFFTOutput(TesFFT fft);
PetscInt64          TesFFTInputRow(TesFFT fft);  /* reals per row on input (c2c: 2 per point) */
PetscInt64          TesFFTOutputRow(TesFFT fft); /* reals per row on output */
PetscReal           TesFFTScale(TesFFT fft);     /* what backward after forward multiplies by: the number of points; r2r: 2 (n - 1), 2 (n + 1) or 2 n per dimension */

/*@
  TesFFTForward, TesFFTBackward - transform; arrays are packed (no FFTW padding), row-major, x fastest; in and out may not overlap; in is left untouched

  Collective
@*/
PetscErrorCode TesFFTForward(TesFFT fft, const PetscReal *in, PetscReal *out);
PetscErrorCode TesFFTBackward(TesFFT fft, const PetscReal *in, PetscReal *out);

/*@
  TesRedistribute - move rows of `width` reals from one partition of the same n to another
  TesRedistributePieces - the same in messages of at most `limit` reals (TesRedistribute: 2^27, as MPI counts are 32-bit)

  Collective; in and out may not overlap
@*/
PetscErrorCode TesRedistribute(MPI_Comm comm, const TesPartition *from, const TesPartition *to, PetscInt64 width, const PetscReal *in, PetscReal *out);
PetscErrorCode TesRedistributePieces(MPI_Comm comm, const TesPartition *from, const TesPartition *to, PetscInt64 width, const PetscReal *in, PetscReal *out, PetscInt64 limit);

/*@
  TesTranspose - global transpose of an n0 x n1 array of blocks of `width` reals: in[rows of n0][n1][width] -> out[rows of n1][n0][width]
  TesTransposePieces - the same in messages of at most `limit` reals

  Collective; in and out may not overlap

  Input Parameters:
+ comm - the communicator
. rows - partition of n0
. cols - partition of n1
- width - reals per element
@*/
PetscErrorCode TesTranspose(MPI_Comm comm, const TesPartition *rows, const TesPartition *cols, PetscInt64 width, const PetscReal *in, PetscReal *out);
PetscErrorCode TesTransposePieces(MPI_Comm comm, const TesPartition *rows, const TesPartition *cols, PetscInt64 width, const PetscReal *in, PetscReal *out, PetscInt64 limit);

/* ---- on one rank: replicated short lines ---- */

/*@
  TesLineRFFT - real FFTs of `count` lines of length n held by this rank: in[count][n] -> out[count][n/2 + 1][2]
  TesLineRFFTBackward - the way back, unscaled (forward then backward multiplies by n): in[count][n/2 + 1][2] -> out[count][n]; the imaginary parts of bin 0 and, for even
                        n, of bin n/2 do not count

  Not Collective; in and out may not overlap; in is left untouched
@*/
PetscErrorCode TesLineRFFT(PetscInt64 n, PetscInt64 count, const PetscReal *in, PetscReal *out);
PetscErrorCode TesLineRFFTBackward(PetscInt64 n, PetscInt64 count, const PetscReal *in, PetscReal *out);
