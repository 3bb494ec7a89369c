#pragma once
/* lindblad, private: what correlation.c and emission.c share. */
#include <petscksp.h>
#include "lindblad.h"
#undef I

typedef struct {
  void         *steady; /* task data of the steady state */
  PetscBool     have_state, began;
  PetscInt64    outputs, points_done;
  LbComplex     limit;  /* C(inf) */
  LbTerm        a, b;
  LbVec         im;     /* second Hermitian part; the first one is density.x */
  LbFunctional  fa, fb;
  PetscReal    *value;  /* [outputs][2] C */
  PetscInt64    n_values, n_spectrum, n_emission; /* n_spectrum: solved one by one, part of the state; n_emission: frequencies of the report */
  PetscReal    *omega, *emission, *spectrum_state, worst_residual;
  PetscReal    *f;
  /* resolvent */
  LbVec         rhs_re, rhs_im, work, out;
  KSP           ksp;
  Mat           shell;
  PetscReal     frequency;
} LbCorrelation;

/* emission.c: S(omega) = 2 Re int_0^inf e^{-i omega tau} (C(tau) - C(inf)) dtau */
PetscErrorCode LbEmissionSetUp(Lindblad *c);                       /* of the resolvent. Collective on the ranks that work */
PetscReal      LbEmissionFrequency(const Lindblad *c, PetscInt64 k); /* of the resolvent */
PetscErrorCode LbEmissionAt(Lindblad *c, PetscReal *emission);     /* one frequency, of the point in hand. Collective on the ranks that work */
PetscErrorCode LbEmissionTransform(Lindblad *c);                   /* all frequencies by FFT of the samples, omega ascending */
