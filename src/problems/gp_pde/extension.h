#pragma once
/* Fast Fourier extension of a function on equispaced nodes, private to this folder. */
#include "gp_pde.h"

/* f(x) ~ Re sum_m c_m exp(i m pi (x - lower)/L), m = 0..bins-1, on N nodes; fixed per grid, made in parts */
typedef struct {
  MPI_Comm     comm;
  PetscInt64   seed, n, period, bins;
  PetscInt     columns, kept;    /* of the random block; singular values kept */
  TesPartition cols, rows, over; /* columns, nodes and bins over the ranks */
  PetscInt64   sketched;         /* local columns that are made */
  PetscReal   *sketch;           /* [cols.n_local][n]; freed when factored */
  PetscReal   *q;                /* [rows.n_local][kept] orthonormal basis of the sketch */
  PetscReal   *back;             /* [columns][kept]: sketch back = q */
} GpExtension;

PetscErrorCode GpExtensionCreate(MPI_Comm comm, PetscInt64 seed, PetscInt64 n, PetscReal fraction, GpExtension *extension);
PetscErrorCode GpExtensionSketch(GpExtension *extension, PetscInt64 until); /* local columns up to `until` */
PetscErrorCode GpExtensionFactor(GpExtension *extension);                   /* collective */
PetscErrorCode GpExtensionSolve(const GpExtension *extension, const PetscReal *f, PetscReal *c); /* f [n] -> c [bins][2], on every rank; collective */
PetscErrorCode GpExtensionDestroy(GpExtension *extension);
/* values at the nodes, moved by `shift` node distances: [n] (the last one has no meaning if shift > 0) */
PetscErrorCode GpExtensionValues(const GpExtension *extension, const PetscReal *c, PetscReal shift, PetscReal *values);
/* Re sum_m c_m exp(i m pi t), t = (x - lower)/L, at any point */
PetscReal GpExtensionAt(PetscInt64 bins, const PetscReal *c, PetscReal t);
/* c = Z u: what zero padding and a transform give (z of the file head); a left inverse but for a space of low dimension */
PetscErrorCode GpExtensionZ(const GpExtension *extension, const PetscReal *u, PetscReal *c);
