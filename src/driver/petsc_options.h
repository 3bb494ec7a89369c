#pragma once
/* PETSc's options: from the command line (after --) and from the deck's petsc map; what nothing asks for is an error. */
#include "problem.h"

PetscErrorCode PetscOptionsFromDeck(const TesMap *map); /* the command line wins */
/* the options that nothing has asked for, blank separated ("" if none); those that PETSc reads at the end only are not counted */
PetscErrorCode PetscOptionsUnused(char text[], size_t size);
