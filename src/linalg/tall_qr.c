/* The R factor of a tall distributed array by a tree of QR factorizations (TSQR).

     R(rows of unit) by Householder QR;   R(left and right) = R of the stack [R_left; R_right]
   along the fixed binary tree over the units (sum.h). With the sign rule diag(R) >= 0 the factor of a matrix of full rank is unique, so the tree computes the R of one
   big QR up to rounding; and since the tree and the shapes depend on the units alone, the bits do not depend on the rank count. Backward stable like
   Householder QR: no R'R is ever formed.

   A unit with fewer rows than columns is padded with rows of zeros. Cost: 2 q c^2 per unit of q rows and c columns, 8/3 c^3 per inner node of the tree, log2(ranks) messages of c^2
   numbers (a few per rank). So a unit should have several times as many rows as there are columns. */
#include <tessera/linalg.h>
#include <tessera/sum.h>

typedef struct {
  PetscInt   columns;
  PetscReal *stack; /* [2 columns][columns] */
} Combine;

static PetscErrorCode CombineR(PetscInt width, PetscReal *left, const PetscReal *right, void *ctx)
{
  Combine *c = ctx;

  PetscFunctionBegin;
  PetscCall(PetscArraycpy(c->stack, left, width));
  PetscCall(PetscArraycpy(c->stack + width, right, width));
  PetscCall(TesQR(2 * c->columns, c->columns, c->stack, NULL, left));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTallR(MPI_Comm comm, const TesPartition *part, PetscInt columns, const PetscReal *a, PetscReal *r)
{
  Combine    combine = {.columns = columns};
  PetscReal *padded  = NULL;
  TesTree    tree;
  PetscInt64 row = 0;
  PetscInt   width;

  PetscFunctionBegin;
  PetscCall(PetscIntCast((PetscInt64)columns * columns, &width));
  PetscCall(PetscMalloc2(2 * (size_t)width, &combine.stack, (size_t)width, &padded));
  PetscCall(TesTreeCreate(comm, part, width, CombineR, &combine, &tree));
  for (PetscInt64 u = 0; u < part->n_units_local; u++) {
    PetscReal *leaf;
    PetscInt   rows;

    PetscCall(PetscIntCast(PetscMin(part->unit, part->n_local - row), &rows));
    PetscCall(TesTreeLeaf(tree, &leaf));
    if (rows >= columns) PetscCall(TesQR(rows, columns, a + row * columns, NULL, leaf));
    else {
      PetscCall(PetscArrayzero(padded, width));
      PetscCall(PetscArraycpy(padded, a + row * columns, (size_t)rows * columns));
      PetscCall(TesQR(columns, columns, padded, NULL, leaf));
    }
    PetscCall(TesTreePush(tree));
    row += rows;
  }
  PetscCall(TesTreeFinish(tree, r));
  PetscCall(TesTreeDestroy(&tree));
  PetscCall(PetscFree2(combine.stack, padded));
  PetscFunctionReturn(PETSC_SUCCESS);
}
