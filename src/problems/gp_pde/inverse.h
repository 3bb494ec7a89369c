#pragma once
/* Coefficients of the equation from observations of u, private to this folder. */
#include "gp_pde.h"

#define GP_UNKNOWNS 3

/* ---- inverse_data.c ---- */
typedef struct {
  PetscInt64   n;
  TesPartition part;
  PetscReal   *x, *u; /* [n_local][dim], [n_local] */
} GpObservations;

PetscErrorCode GpObservationsCheck(TesProblem problem, GpPde *gp); /* the file, its shapes, points inside the box */
PetscErrorCode GpObservationsCreate(GpPde *gp, GpObservations *observations);
PetscErrorCode GpObservationsDestroy(GpObservations *observations);

/* ---- inverse_system.c ---- */
typedef struct {
  PetscInt    n_unknown, n, columns;  /* unknown coefficients; functions; all columns of the least-squares problem */
  PetscReal  *p[GP_UNKNOWNS];         /* the coefficients, where the equation reads them */
  GpSolution  solution;               /* bases and lift; its core is scale g */
  GpBasisAt   at[GP_DIM];             /* on the nodes */
  PetscReal  *scale;                  /* [n] prior deviation of each function */
  PetscReal   sigma_f, sigma_e, noise; /* of the coefficients g, of the equation, of the observations */
  PetscReal   misfit, residual;       /* rms of (u - observed)/noise; rms of the equation's residual */
  PetscReal   size, source;           /* rms of the observations, of f */
} GpInverseSystem;

PetscErrorCode GpInverseSystemCreate(GpPde *gp, const GpObservations *observations, PetscInt n_unknown, PetscReal *const p[], GpInverseSystem *system);
PetscErrorCode GpInverseSystemDestroy(GpInverseSystem *system);
PetscErrorCode GpInverseFit(GpPde *gp, GpInverseSystem *system, const GpObservations *observations, PetscReal *g); /* to the observations alone; also the residual */
/* Gauss-Newton step from g and the coefficients: dg, dp, and the standard deviations of the coefficients */
PetscErrorCode GpInverseStep(GpPde *gp, GpInverseSystem *system, const GpObservations *observations, const PetscReal *g, PetscReal *dg, PetscReal dp[], PetscReal sd[]);
PetscErrorCode GpInverseCost(GpPde *gp, GpInverseSystem *system, const GpObservations *observations, const PetscReal *g, PetscReal *cost); /* also misfit and residual */
void           GpInverseCore(GpInverseSystem *system, const PetscReal *g);
