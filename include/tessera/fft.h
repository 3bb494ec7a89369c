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

/* ---- Gaussian random fields from modes keyed by their number ---- */
typedef enum {
  TES_GRF_CELLS,    /* Neumann Laplacian of the unit box, at cell centres (i + 1/2) / n */
  TES_GRF_VERTICES, /* Neumann Laplacian, at i / (n - 1): both ends */
  TES_GRF_PERIODIC  /* Laplacian of the torus, at i / n */
} TesGrfKind;

typedef struct _p_TesGrf *TesGrf;

/*@
  TesGrfCreate - Gaussian random fields of mean zero with covariance tau^(2 alpha - 2) (-Laplace + tau^2)^(-alpha) on the unit box, constant mode left out

  Collective

  Input Parameters:
+ comm  - the communicator
. kind  - boundary conditions of the Laplacian and where the points are
. dim   - 1, 2, 3
. n     - [dim] points, x first, below 65536
. alpha - exponent, > 0
- tau   - inverse length, 1 / domain length

  Output Parameter:
. grf - the generator; destroy with TesGrfDestroy

  Neumann:  g(x) = sum_{k in N0^d, k != 0, k < n}  xi_k tau^(alpha-1) (pi^2 |k|^2 + tau^2)^(-alpha/2) prod_j c_kj cos(pi k_j x_j),  c_0 = 1, else sqrt 2
  periodic: g(x) = Re sum_{k != 0, |k_j| < n_j/2}  sqrt 2 tau^(alpha-1) (4 pi^2 |k|^2 + tau^2)^(-alpha/2) (xi_k + i eta_k) exp(2 pi i k.x)

  TesGrfSample - one field: rows of the slowest dimension of TesGrfPartition, x fastest. The normals are keyed by (sample; mode number), so the same
  sample at another resolution has the same modes. Collective
@*/
PetscErrorCode      TesGrfCreate(MPI_Comm comm, TesGrfKind kind, PetscInt dim, const PetscInt64 n[], PetscReal alpha, PetscReal tau, TesGrf *grf);
PetscErrorCode      TesGrfSample(TesGrf grf, PetscInt64 seed, PetscInt64 sample, PetscReal *field);
const TesPartition *TesGrfPartition(TesGrf grf);
PetscErrorCode      TesGrfDestroy(TesGrf *grf);
