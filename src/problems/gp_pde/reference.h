#pragma once
/* The published training (solver: reference), private to this folder: the objective with its gradient, and how arrays in slabs are acted upon along a dimension. */
#include "gp_pde.h"
#include "kernels.h"

/* ---- reference_modes.c ---- */
typedef struct {
  MPI_Comm     comm; /* 1-D: PETSC_COMM_SELF, every rank holds the line */
  PetscInt     dim;
  PetscInt64   n[GP_DIM];
  TesPartition part, across; /* rows of the slowest dimension; combinations of the other indices, for work along the slowest */
  PetscInt64   row, n_local; /* points per row; of this rank */
} GpSlab;

PetscErrorCode GpSlabCreate(MPI_Comm comm, PetscInt dim, const PetscInt64 n[], GpSlab *slab);
/* out = m applied along dimension d; to[d] points there (to == from where m is square). Collective for the slowest dimension */
PetscErrorCode GpSlabApply(const GpSlab *from, const GpSlab *to, PetscInt d, const PetscReal *m, const PetscReal *in, PetscReal *out);
/* c [n_d][n_d] = sum over the lines along d of x y', the same bits on every rank. Collective */
PetscErrorCode GpSlabOuter(const GpSlab *slab, PetscInt d, const PetscReal *x, const PetscReal *y, PetscReal *c);
PetscErrorCode GpSlabDot(const GpSlab *slab, const PetscReal *x, const PetscReal *y, PetscReal *dot);

/* ---- reference_objective.c ---- */
typedef struct {
  GpSlab           slab;
  PetscReal        spacing[GP_DIM], first[GP_DIM], second[GP_DIM], shift; /* L u = sum_d first d_d u + second d_d^2 u + shift u + n(u) */
  const GpPde     *gp;                                                   /* of the reaction n(u); NULL: none */
  const PetscReal *f;                                                    /* [n_local] */
  const PetscReal *face[GP_DIM][2];                                      /* values of u on all points of a side; NULL: none given */
  PetscReal        jitter, boundary_weight;
  const PetscReal *base, *base_linear;                                   /* [n_local] frozen part of u and its L u without n; NULL: none */
} GpObjective;

typedef struct {
  PetscReal value, log_det, quadratic; /* J; sum_j M/N_j log|K_j|; <U, K^-1 U> */
  PetscReal boundary, residual;        /* sums of squares */
  PetscReal jitter;                    /* largest that was needed */
} GpObjectiveTerms;

/* J and, where dlog_v is not NULL, its gradient by u [n_local], log tau, log v and (NULL: without) the kernels' parameters; weights [n_local] = K^-1 u and linear [n_local] = L u without n(u) */
PetscErrorCode GpObjectiveEvaluate(const GpObjective *objective, const GpKernel kernel[], const PetscReal *u, PetscReal log_tau, PetscReal log_v, GpObjectiveTerms *terms,
                                   PetscReal *du, PetscReal *dlog_tau, PetscReal *dlog_v, PetscReal *const dkernel[], PetscReal *weights, PetscReal *linear);
PetscInt64     GpObjectiveBoundaryPoints(const GpObjective *objective);
void           GpAdam(PetscInt64 n, PetscInt64 t, PetscReal rate, const PetscReal *gradient, PetscReal *x, PetscReal *m, PetscReal *v); /* step t = 1, 2, ... */

/* ---- reference.c ---- */
typedef struct _GpTraining GpTraining;

struct _GpTraining {
  GpObjective objective;
  GpKernel    kernel[2][GP_DIM]; /* of the two GPs; parameters point into p */
  PetscInt64  epoch, began;      /* of this GP */
  PetscInt    second;            /* 1: the second GP is being trained */
  PetscReal  *u[2], *p[2];       /* per GP; p = log tau, log v, then per dimension the three blocks */
  PetscInt64  n_p[2];
  PetscReal  *m_u, *v_u, *m_p, *v_p, *du, *dp;
  PetscReal  *line;              /* 1-D: f on every rank */
  PetscReal  *base, *base_linear;
  PetscReal  *weights[2];        /* K^-1 u */
  GpObjectiveTerms terms;
  PetscReal        error, size_f;
  PetscBool        ready;        /* terms, weights and base belong to the state */
};


PetscErrorCode GpTrainingReady(GpTraining *t);                  /* make terms and weights if they are not there. Collective */
PetscReal      GpTrainingFlops(const GpPde *gp);                /* of one epoch */
PetscInt64     GpTrainingBatch(const GpPde *gp);                /* epochs per step */
PetscReal      GpTrainingResidual(const GpTraining *t);         /* rms of the residual over that of f */
PetscReal      GpTrainingBoundary(const GpTraining *t);         /* rms error of the boundary values */
void GpTrainingOperator(const GpPde *gp, GpObjective *objective);

/* ---- reference_report.c: entries of the route ---- */
PetscErrorCode GpTrainingCheck(TesProblem problem, GpPde *gp);
PetscErrorCode GpTrainingEstimate(TesProblem problem, GpPde *gp, TesEstimate *estimate);
PetscErrorCode GpTrainingFinish(TesProblem problem, GpPde *gp, TesReport report);
