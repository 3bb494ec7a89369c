/* Distributed Fourier transforms on FFTW-MPI slabs.

     forward   X_k = sum_j x_j exp(-2 pi i j k / n) in every dimension; r2c keeps k = 0..n/2 of the fastest one; r2r: FFTW's REDFT/RODFT (DCT, DST)
     backward  the conjugate sum, r2r the inverse kind; neither is scaled, TesFFTScale is what backward after forward multiplies by

   The slowest dimension is split by FFTW's block rule (ceil(n / ranks) rows each, the last ranks may have fewer or none), on input and output alike.
   A 1-D c2c transform is split as FFTW factorizes n = r m: its output partition may differ from the input's, and for n without factors all of it is on rank
   0. 1-D r2c and r2r, and boxes of which only one dimension has more than one point, are done by rank 0 (FFTW-MPI has none; such lines are short
   beside any field).

   Plans work in place in a buffer of FFTW's own size and alignment: the caller's arrays are packed and left untouched, and what FFTW decides does not
   depend on where they lie. Plans are FFTW_ESTIMATE: the same decisions, hence the same bits, in every run on the same number of ranks. Between
   different numbers of ranks results agree to rounding (FFTW may order its sums otherwise).

   Cost: 5 n log2 n flops for c2c, half for r2c; two all-to-all exchanges of the local data per transform, and two copies of it. */
#include "fft_impl.h"

static const fftw_r2r_kind forward_kind[]  = {FFTW_REDFT00, FFTW_REDFT10, FFTW_REDFT01, FFTW_RODFT00, FFTW_RODFT10, FFTW_RODFT01};
static const fftw_r2r_kind backward_kind[] = {FFTW_REDFT00, FFTW_REDFT01, FFTW_REDFT10, FFTW_RODFT00, FFTW_RODFT01, FFTW_RODFT10};

/* what FFTW decided must be what TesPartition says, on every rank */
static PetscErrorCode CheckLayout(MPI_Comm comm, const TesPartition *part, ptrdiff_t n_local, ptrdiff_t first, PetscBool *same)
{
  int mine = n_local == part->n_local && (!n_local || first == part->first), all;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MIN, comm));
  *same = (PetscBool)all;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the block rule with the block of rank 0, which is never the smallest */
static PetscErrorCode BlocksOf(MPI_Comm comm, PetscInt64 n, ptrdiff_t n_local, TesPartition *part)
{
  PetscInt64 mine = n_local, block;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Allreduce(&mine, &block, 1, MPIU_INT64, MPI_MAX, comm));
  PetscCall(TesPartitionCreateBlocks(comm, n, block, part));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LayoutOneRank(TesFFT f)
{
  const PetscInt64 rows = f->n[f->dim - 1];

  PetscFunctionBegin;
  for (PetscInt d = 0; d < f->dim; d++)
    PetscCheck(f->n[d] <= PETSC_MPI_INT_MAX, f->comm, PETSC_ERR_ARG_OUTOFRANGE, "%" PetscInt64_FMT " points are too many for one rank", f->n[d]);
  f->one_rank = PETSC_TRUE;
  f->capacity = (ptrdiff_t)(f->n[0] + 2) * 2;
  for (PetscInt d = 1; d < f->dim; d++) f->capacity *= (ptrdiff_t)f->n[d];
  PetscCall(TesPartitionCreateBlocks(f->comm, rows, rows, &f->in));
  PetscCall(TesPartitionCreateBlocks(f->comm, f->dim == 1 && f->type == TES_FFT_R2C ? rows / 2 + 1 : rows, rows, &f->out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LayoutLine(TesFFT f)
{
  ptrdiff_t n_in, first_in, n_out, first_out, back_in, back_first_in, back_out, back_first_out, need, need_back;
  PetscBool same[4];

  PetscFunctionBegin;
  need      = fftw_mpi_local_size_1d((ptrdiff_t)f->n[0], f->comm, FFTW_FORWARD, FFTW_ESTIMATE, &n_in, &first_in, &n_out, &first_out);
  need_back = fftw_mpi_local_size_1d((ptrdiff_t)f->n[0], f->comm, FFTW_BACKWARD, FFTW_ESTIMATE, &back_in, &back_first_in, &back_out, &back_first_out);
  PetscCall(BlocksOf(f->comm, f->n[0], n_in, &f->in));
  PetscCall(BlocksOf(f->comm, f->n[0], n_out, &f->out));
  PetscCall(CheckLayout(f->comm, &f->in, n_in, first_in, &same[0]));
  PetscCall(CheckLayout(f->comm, &f->out, n_out, first_out, &same[1]));
  PetscCall(CheckLayout(f->comm, &f->out, back_in, back_first_in, &same[2])); /* backward goes from the output's layout to the input's */
  PetscCall(CheckLayout(f->comm, &f->in, back_out, back_first_out, &same[3]));
  f->capacity = 2 * PetscMax(need, need_back);
  if (!(same[0] && same[1] && same[2] && same[3])) PetscCall(LayoutOneRank(f)); /* FFTW 3.3 is as above; another release is not trusted blindly */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LayoutSlab(TesFFT f, const ptrdiff_t n[])
{
  ptrdiff_t lines[3], n_local, first, need;
  PetscBool same;

  PetscFunctionBegin;
  for (PetscInt d = 0; d < f->dim; d++) lines[d] = n[d];
  if (f->type == TES_FFT_R2C) lines[f->dim - 1] = n[f->dim - 1] / 2 + 1;
  need = fftw_mpi_local_size_many((int)f->dim, lines, 1, FFTW_MPI_DEFAULT_BLOCK, f->comm, &n_local, &first);
  PetscCall(BlocksOf(f->comm, n[0], n_local, &f->in));
  PetscCall(CheckLayout(f->comm, &f->in, n_local, first, &same));
  PetscCheck(same, f->comm, PETSC_ERR_LIB, "this FFTW does not split rows in equal blocks");
  f->out      = f->in;
  f->capacity = f->type == TES_FFT_R2R ? need : 2 * need;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void PlanOneRank(TesFFT f, const ptrdiff_t n[], const fftw_r2r_kind to[], const fftw_r2r_kind from[])
{
  const int     dim = (int)f->dim, sizes[3] = {(int)n[0], (int)n[1], (int)n[2]};
  fftw_complex *c   = (fftw_complex *)f->work;

  if (f->in.rank != 0) return;
  switch (f->type) {
  case TES_FFT_C2C:
    f->forward  = fftw_plan_dft(dim, sizes, c, c, FFTW_FORWARD, FFTW_ESTIMATE);
    f->backward = fftw_plan_dft(dim, sizes, c, c, FFTW_BACKWARD, FFTW_ESTIMATE);
    break;
  case TES_FFT_R2C:
    f->forward  = fftw_plan_dft_r2c(dim, sizes, f->work, c, FFTW_ESTIMATE);
    f->backward = fftw_plan_dft_c2r(dim, sizes, c, f->work, FFTW_ESTIMATE);
    break;
  case TES_FFT_R2R:
    f->forward  = fftw_plan_r2r(dim, sizes, f->work, f->work, to, FFTW_ESTIMATE);
    f->backward = fftw_plan_r2r(dim, sizes, f->work, f->work, from, FFTW_ESTIMATE);
    break;
  }
}

static void PlanSlab(TesFFT f, const ptrdiff_t n[], const fftw_r2r_kind to[], const fftw_r2r_kind from[])
{
  const int     dim = (int)f->dim;
  fftw_complex *c   = (fftw_complex *)f->work;

  switch (f->type) {
  case TES_FFT_C2C:
    f->forward  = fftw_mpi_plan_dft(dim, n, c, c, f->comm, FFTW_FORWARD, FFTW_ESTIMATE);
    f->backward = fftw_mpi_plan_dft(dim, n, c, c, f->comm, FFTW_BACKWARD, FFTW_ESTIMATE);
    break;
  case TES_FFT_R2C:
    f->forward  = fftw_mpi_plan_dft_r2c(dim, n, f->work, c, f->comm, FFTW_ESTIMATE);
    f->backward = fftw_mpi_plan_dft_c2r(dim, n, c, f->work, f->comm, FFTW_ESTIMATE);
    break;
  case TES_FFT_R2R:
    f->forward  = fftw_mpi_plan_r2r(dim, n, f->work, f->work, f->comm, to, FFTW_ESTIMATE);
    f->backward = fftw_mpi_plan_r2r(dim, n, f->work, f->work, f->comm, from, FFTW_ESTIMATE);
    break;
  }
}

static PetscErrorCode Plan(TesFFT f, const ptrdiff_t n[], const TesR2RKind kinds[])
{
  fftw_r2r_kind to[3] = {FFTW_R2HC, FFTW_R2HC, FFTW_R2HC}, from[3] = {FFTW_R2HC, FFTW_R2HC, FFTW_R2HC};
  int           planned, all;

  PetscFunctionBegin;
  for (PetscInt d = 0; f->type == TES_FFT_R2R && d < f->dim; d++) { /* FFTW counts the slowest dimension first */
    to[d]   = forward_kind[kinds[f->dim - 1 - d]];
    from[d] = backward_kind[kinds[f->dim - 1 - d]];
  }
  if (f->one_rank) PlanOneRank(f, n, to, from);
  else PlanSlab(f, n, to, from);
  planned = (f->forward && f->backward) || (f->one_rank && f->in.rank);
  PetscCallMPI(MPI_Allreduce(&planned, &all, 1, MPI_INT, MPI_MIN, f->comm));
  PetscCheck(all, f->comm, PETSC_ERR_LIB, "FFTW has no plan for this transform");
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* backward after forward multiplies by n in a dimension; 2 (n - 1), 2 (n + 1) or 2 n for cosines and sines */
static PetscReal Scale(TesFFTType type, PetscInt dim, const PetscInt64 n[], const TesR2RKind kinds[])
{
  PetscReal scale = 1;

  for (PetscInt d = 0; d < dim; d++) {
    PetscReal points = (PetscReal)n[d];

    if (type == TES_FFT_R2R) points = 2 * (kinds[d] == TES_R2R_DCT1 ? points - 1 : kinds[d] == TES_R2R_DST1 ? points + 1 : points);
    scale *= points;
  }
  return scale;
}

static PetscErrorCode Allocate(TesFFT f)
{
  PetscFunctionBegin;
  f->work = fftw_alloc_real((size_t)PetscMax(f->capacity, 2));
  PetscCheck(f->work, PETSC_COMM_SELF, TES_ERR_WORLD, "no memory for a transform: %.3g GB on one rank", 8e-9 * (double)f->capacity);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFFTCreate(MPI_Comm comm, TesFFTType type, PetscInt dim, const PetscInt64 n[], const TesR2RKind kinds[], TesFFT *fft)
{
  TesFFT     f;
  ptrdiff_t  slow_first[3] = {1, 1, 1};
  PetscInt64 others = 1; /* points of a row but for the fastest dimension */
  PetscInt   extended = 0;

  PetscFunctionBegin;
  *fft = NULL;
  PetscCheck(dim >= 1 && dim <= 3, comm, PETSC_ERR_ARG_OUTOFRANGE, "transforms have 1 to 3 dimensions, not %" PetscInt_FMT, dim);
  PetscCheck(type != TES_FFT_R2R || kinds, comm, PETSC_ERR_ARG_NULL, "a real-to-real transform needs a kind for each dimension");
  for (PetscInt d = 0; d < dim; d++) {
    const PetscInt64 least = type == TES_FFT_R2R && kinds[d] == TES_R2R_DCT1 ? 2 : 1;

    PetscCheck(n[d] >= least, comm, PETSC_ERR_ARG_OUTOFRANGE, "%" PetscInt64_FMT " points in dimension %" PetscInt_FMT ": at least %" PetscInt64_FMT " are needed", n[d], d, least);
  }
  fftw_mpi_init();
  PetscCall(PetscNew(&f));
  *fft     = f;
  f->comm  = comm;
  f->type  = type;
  f->dim   = dim;
  f->scale = Scale(type, dim, n, kinds);
  for (PetscInt d = 0; d < dim; d++) {
    f->n[d]                 = n[d];
    slow_first[dim - 1 - d] = n[d];
    if (d > 0 && d < dim - 1) others *= n[d];
    if (n[d] > 1) extended++;
  }
  f->in_row = f->out_row = type == TES_FFT_C2C ? 2 : 1;
  if (dim > 1) {
    f->in_row *= others * n[0];
    f->out_row *= others * n[0];
  }
  if (type == TES_FFT_R2C) f->out_row = dim > 1 ? others * (n[0] / 2 + 1) * 2 : 2;
  /* FFTW-MPI 3.3.10 drops dimensions of one point: a box that is in truth a line then has the layout of a line, and a single point crashes the planner */
  if (extended == 0 || (extended == 1 && dim > 1)) PetscCall(LayoutOneRank(f));
  else if (dim > 1) PetscCall(LayoutSlab(f, slow_first));
  else if (type == TES_FFT_C2C) PetscCall(LayoutLine(f));
  else PetscCall(LayoutOneRank(f));
  PetscCall(TesAgree(comm, Allocate(f)));
  PetscCall(Plan(f, slow_first, kinds));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFFTDestroy(TesFFT *fft)
{
  TesFFT f = *fft;

  PetscFunctionBegin;
  if (!f) PetscFunctionReturn(PETSC_SUCCESS);
  if (f->forward) fftw_destroy_plan(f->forward);
  if (f->backward) fftw_destroy_plan(f->backward);
  fftw_free(f->work);
  PetscCall(PetscFree(*fft));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const TesPartition *TesFFTInput(TesFFT fft)
{
  return &fft->in;
}

const TesPartition *TesFFTOutput(TesFFT fft)
{
  return &fft->out;
}

PetscInt64 TesFFTInputRow(TesFFT fft)
{
  return fft->in_row;
}

PetscInt64 TesFFTOutputRow(TesFFT fft)
{
  return fft->out_row;
}

PetscReal TesFFTScale(TesFFT fft)
{
  return fft->scale;
}

/* The real side of an in-place r2c transform has lines of 2 (n/2 + 1) reals in the buffer; the caller's lines have n. */
static PetscInt64 RealLines(TesFFT f, PetscInt64 *padded)
{
  *padded = 2 * (f->n[0] / 2 + 1);
  return f->dim == 1 ? (f->in.n_local ? 1 : 0) : f->in.n_local * (f->in_row / f->n[0]);
}

PetscErrorCode TesFFTForward(TesFFT f, const PetscReal *in, PetscReal *out)
{
  PetscInt64 padded, lines;

  PetscFunctionBegin;
  if (f->type == TES_FFT_R2C) {
    lines = RealLines(f, &padded);
    for (PetscInt64 k = 0; k < lines; k++) PetscCall(PetscArraycpy(f->work + k * padded, in + k * f->n[0], f->n[0]));
  } else {
    PetscCall(PetscArraycpy(f->work, in, f->in.n_local * f->in_row));
  }
  if (f->forward) fftw_execute(f->forward);
  PetscCall(PetscArraycpy(out, f->work, f->out.n_local * f->out_row));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFFTBackward(TesFFT f, const PetscReal *in, PetscReal *out)
{
  PetscInt64 padded, lines;

  PetscFunctionBegin;
  PetscCall(PetscArraycpy(f->work, in, f->out.n_local * f->out_row));
  if (f->backward) fftw_execute(f->backward);
  if (f->type == TES_FFT_R2C) {
    lines = RealLines(f, &padded);
    for (PetscInt64 k = 0; k < lines; k++) PetscCall(PetscArraycpy(out + k * f->n[0], f->work + k * padded, f->n[0]));
  } else {
    PetscCall(PetscArraycpy(out, f->work, f->in.n_local * f->in_row));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
