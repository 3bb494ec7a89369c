#pragma once
/* The gates that every operation of the tensor room passes: a case names an operation, the shapes of its inputs and how to apply it; TensorGate then asserts
     1. <J v, u> = <v, J' u>: exact identity for maps that are linear in all inputs together or in each (1e-12), by central differences otherwise (1e-7);
     2. single precision gives the gradient of double to 1e-4;
     3. Hessian-vector products by double backward against differences of gradients (1e-6), and symmetric (1e-10);
     4. the adjoint kernel (vjp_raw) and the adjoint in tensor operations (vjp, recorded) agree. */
#include <tessera/tensor_ops.h>
#include <tessera/test.h>

typedef PetscErrorCode (*GateApply)(const TesTensor x[], TesTensor *y);

typedef struct {
  const char *name;
  GateApply   apply;
  PetscInt    n_in;
  PetscInt    shape[3][TES_TENSOR_AXES + 1]; /* ends with -1 */
  PetscReal   low, high;                     /* range of the inputs */
  PetscBool   multilinear;                   /* linear in each input */
  PetscBool   first_only;                    /* no second derivative */
} GateCase;

#define GATE_CASES_END {NULL, NULL, 0, {{0}}, 0, 0, PETSC_FALSE, PETSC_FALSE}

PetscErrorCode TensorGate(const GateCase *gate);
PetscErrorCode TensorGates(const GateCase gates[]);
