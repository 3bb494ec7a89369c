/* Choice by a mask: y = mask ? a : b, entry by entry; what is not chosen may be anything, a NaN too, and gets the gradient 0. */
#include "tensor_impl.h"

static PetscErrorCode MaskLike(TesTensor mask, TesTensor y, TesTensor *full)
{
  PetscFunctionBegin;
  PetscCall(TesDetach(mask, &mask));
  PetscCall(TesExpand(mask, y->n_axes, y->shape, full));
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define CHOOSE(REAL) \
  do { \
    const REAL *m = mask->data, *va = a ? a->data : NULL, *vb = b ? b->data : NULL; \
    REAL       *vy = y->data; \
    for (PetscInt64 i = 0; i < y->size; i++) vy[i] = m[i] != 0 ? (va ? va[i] : 0) : (vb ? vb[i] : 0); \
  } while (0)

/* all of one shape; a or b NULL: zeros */
static void Choose(TesTensor mask, TesTensor a, TesTensor b, TesTensor y)
{
  if (y->type == TES_F32) CHOOSE(float);
  else CHOOSE(double);
}

/* the part of x where the mask is set (side 0) or not (side 1), zero elsewhere */
static PetscErrorCode Part(TesTensor mask, TesTensor x, PetscInt side, TesTensor *y);

static PetscErrorCode PartVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  PetscCall(Part(node->saved[0], g, *(const PetscInt *)node->attributes, &gin[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp part_op = {"mask", PartVjp, NULL};

static PetscErrorCode Part(TesTensor mask, TesTensor x, PetscInt side, TesTensor *y)
{
  TesTensor out;

  PetscFunctionBegin;
  PetscCall(TensorLike(x, &out));
  Choose(mask, side ? NULL : x, side ? x : NULL, out);
  PetscCall(TesTapeRecord(&part_op, 1, &x, 1, &mask, &side, sizeof side, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode WhereVjp(const TesNodeView *node, TesTensor g, TesTensor gin[])
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < 2; i++)
    if (node->wanted[i]) PetscCall(Part(node->saved[0], g, i, &gin[i]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesOp where_op = {"where", WhereVjp, NULL};

/* the shape that three shapes broadcast to */
static PetscErrorCode CommonShape(TesTensor mask, TesTensor a, TesTensor b, PetscInt *n_axes, PetscInt shape[])
{
  const TesTensor of[3] = {mask, a, b};

  PetscFunctionBegin;
  *n_axes = PetscMax(mask->n_axes, PetscMax(a->n_axes, b->n_axes));
  for (PetscInt i = 0; i < *n_axes; i++) {
    shape[i] = 1;
    for (PetscInt t = 0; t < 3; t++) {
      PetscInt at = i - (*n_axes - of[t]->n_axes);

      if (at >= 0 && of[t]->shape[at] != 1) shape[i] = of[t]->shape[at];
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesWhere(TesTensor mask, TesTensor a, TesTensor b, TesTensor *y)
{
  PetscInt  n_axes, shape[TES_TENSOR_AXES];
  TesTensor out, full;

  PetscFunctionBegin;
  PetscCheck(a->type == b->type && mask->type == a->type, PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP, "where: mask and choices must be of one type");
  PetscCall(CommonShape(mask, a, b, &n_axes, shape));
  PetscCall(TesExpand(a, n_axes, shape, &a));
  PetscCall(TesExpand(b, n_axes, shape, &b));
  PetscCall(TesTensorCreate(a->tape, a->type, n_axes, shape, &out));
  PetscCall(MaskLike(mask, out, &full));
  Choose(full, a, b, out);
  PetscCall(TesTapeRecord(&where_op, 2, (TesTensor[]){a, b}, 1, &full, NULL, 0, out));
  *y = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesMaskFill(TesTensor x, TesTensor mask, PetscReal value, TesTensor *y)
{
  TesTensor constant;

  PetscFunctionBegin;
  PetscCall(TesTensorConstant(x->tape, x->type, 0, NULL, value, &constant));
  PetscCall(TesWhere(mask, constant, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesCausalMask(TesTape tape, TesType type, PetscInt n, TesTensor *mask)
{
  PetscFunctionBegin;
  PetscCall(TesTensorZeros(tape, type, TES_SHAPE(n, n), mask));
  for (PetscInt i = 0; i < n; i++)
    for (PetscInt j = i + 1; j < n; j++) {
      if (type == TES_F32) ((float *)(*mask)->data)[(size_t)i * n + j] = 1;
      else ((double *)(*mask)->data)[(size_t)i * n + j] = 1;
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}
