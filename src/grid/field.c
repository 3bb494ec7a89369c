/* Fields: the values of a quantity on a grid, u[z][y][x][component], each rank holding whole rows of the slowest dimension. */
#include "grid_impl.h"

PetscErrorCode TesFieldCreate(TesGrid grid, const char name[], TesField *field)
{
  TesField f;

  PetscFunctionBegin;
  PetscCall(PetscNew(&f));
  *field = f;
  PetscCall(PetscCalloc1(PetscMax(1, TesGridLocalSize(grid)), &f->values));
  PetscCall(PetscStrallocpy(name, &f->name));
  PetscCall(TesGridReference(grid));
  f->grid = grid;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFieldDestroy(TesField *field)
{
  TesField f = *field;

  PetscFunctionBegin;
  if (!f) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesGridDestroy(&f->grid));
  PetscCall(PetscFree(f->name));
  PetscCall(PetscFree(f->unit));
  PetscCall(PetscFree(f->long_name));
  PetscCall(PetscFree(f->values));
  PetscCall(PetscFree(*field));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFieldSetAttributes(TesField field, const char unit[], const char long_name[])
{
  PetscFunctionBegin;
  PetscCall(PetscFree(field->unit));
  PetscCall(PetscFree(field->long_name));
  if (unit) PetscCall(PetscStrallocpy(unit, &field->unit));
  if (long_name) PetscCall(PetscStrallocpy(long_name, &field->long_name));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFieldGetArray(TesField field, PetscReal **values)
{
  PetscFunctionBegin;
  PetscCheck(!field->borrowed, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "the values of field `%s` were lent out and not given back", field->name);
  field->borrowed = PETSC_TRUE;
  *values         = field->values;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFieldRestoreArray(TesField field, PetscReal **values)
{
  PetscFunctionBegin;
  PetscCheck(field->borrowed && *values == field->values, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "what is given back are not the values of field `%s`", field->name);
  field->borrowed = PETSC_FALSE;
  *values         = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

TesGrid TesFieldGrid(TesField field)
{
  return field->grid;
}

const char *TesFieldName(TesField field)
{
  return field->name;
}

PetscErrorCode TesFieldItem(TesField field, TesStateItem *item)
{
  static const char *const axes[2][TES_MAX_DIM] = {{"x", "y x", "z y x"}, {"x component", "y x component", "z y x component"}};
  const TesGrid            g                    = field->grid;
  const PetscInt           dim                  = g->spec.dim;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(item, sizeof *item));
  item->name = field->name;
  item->type = TES_F64;
  for (PetscInt d = dim - 1; d >= 0; d--) item->shape[item->n_axes++] = g->spec.n[d];
  if (g->spec.components > 1) item->shape[item->n_axes++] = g->spec.components;
  item->distributed = PETSC_TRUE;
  item->first       = g->part.first;
  item->n_local     = g->part.n_local;
  item->data        = field->values;
  item->unit        = field->unit;
  item->long_name   = field->long_name;
  item->axes        = axes[g->spec.components > 1][dim - 1];
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateField(TesState state, const char name[], TesField field)
{
  TesStateItem item;

  PetscFunctionBegin;
  PetscCall(TesFieldItem(field, &item));
  item.name = name;
  PetscCall(TesStateVisit(state, &item));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* line by line along x, where the other coordinates are one value: what depends on them alone is worked out once a line */
PetscErrorCode TesFieldEvaluate(TesField field, TesExpr expr)
{
  const TesGrid      g = field->grid;
  const PetscInt     dim = g->spec.dim, n_variables = TesExprVariables(expr);
  const PetscInt64   n0 = g->spec.n[0], n1 = dim == 3 ? g->spec.n[1] : 1;
  const PetscReal  **v;
  PetscInt          *stride;

  PetscFunctionBegin;
  PetscCheck(g->spec.components == 1, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "field `%s` has %" PetscInt_FMT " components: an expression gives one", field->name, g->spec.components);
  for (PetscInt k = dim; k < n_variables; k++)
    PetscCheck(!TesExprUses(expr, k), PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "%s depends on more variables than field `%s` has dimensions (%" PetscInt_FMT ")", TesExprText(expr),
               field->name, dim);
  PetscCall(PetscCalloc2(PetscMax(n_variables, TES_MAX_DIM), &v, PetscMax(n_variables, TES_MAX_DIM), &stride));
  stride[0] = 1;
  if (dim == 1) {
    v[0] = g->x[0] + g->part.first;
    PetscCall(TesExprEvaluateMany(expr, g->part.n_local, v, stride, field->values));
  } else {
    v[0] = g->x[0];
    for (PetscInt64 k = 0; k < g->part.n_local; k++) {
      v[dim - 1] = g->x[dim - 1] + g->part.first + k;
      for (PetscInt64 j = 0; j < n1; j++) {
        if (dim == 3) v[1] = g->x[1] + j;
        PetscCall(TesExprEvaluateMany(expr, n0, v, stride, field->values + (k * n1 + j) * n0));
      }
    }
  }
  PetscCall(PetscFree2(v, stride));
  PetscFunctionReturn(PETSC_SUCCESS);
}
