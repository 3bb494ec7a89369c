/* The convenience calls of the state visitor: each describes one item and hands it to the visitor. */
#include <string.h>
#include <tessera/state.h>

size_t TesTypeBytes(TesType type)
{
  static const size_t bytes[] = {8, 4, 8, 4, 1};

  return bytes[type];
}

const char *TesTypeName(TesType type)
{
  static const char *const names[] = {"f64", "f32", "i64", "i32", "u8"};

  return names[type];
}

static PetscErrorCode FullName(TesState state, const char name[], char full[], size_t size)
{
  PetscFunctionBegin;
  PetscCheck(strlen(state->prefix) + strlen(name) < size, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "name of a state item is too long: %s%s", state->prefix, name);
  PetscCall(PetscSNPrintf(full, size, "%s%s", state->prefix, name));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateVisit(TesState state, const TesStateItem *item)
{
  char         name[256];
  TesStateItem full = *item;

  PetscFunctionBegin;
  PetscCall(FullName(state, item->name, name, sizeof name));
  full.name = name;
  PetscCall(state->ops->visit(state, &full));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Replicated(TesState state, const char name[], TesType type, int n_axes, PetscInt64 n, void *data)
{
  TesStateItem item = {.name = name, .type = type, .n_axes = n_axes, .shape = {n}, .data = data};

  PetscFunctionBegin;
  PetscCall(TesStateVisit(state, &item));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateReal(TesState state, const char name[], PetscReal *value)
{
  PetscFunctionBegin;
  PetscCall(Replicated(state, name, TES_F64, 0, 1, value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateInt(TesState state, const char name[], PetscInt64 *value)
{
  PetscFunctionBegin;
  PetscCall(Replicated(state, name, TES_I64, 0, 1, value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* stored as 64 bits, so that a checkpoint does not depend on how PETSc was built */
PetscErrorCode TesStateIndex(TesState state, const char name[], PetscInt *value)
{
  PetscInt64 wide = *value;

  PetscFunctionBegin;
  PetscCall(TesStateInt(state, name, &wide));
  *value = (PetscInt)wide;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateBool(TesState state, const char name[], PetscBool *value)
{
  PetscInt64 wide = *value ? 1 : 0;

  PetscFunctionBegin;
  PetscCall(TesStateInt(state, name, &wide));
  *value = wide ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateReals(TesState state, const char name[], PetscInt64 n, PetscReal *values)
{
  PetscFunctionBegin;
  PetscCall(Replicated(state, name, TES_F64, 1, n, values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateInts(TesState state, const char name[], PetscInt64 n, PetscInt64 *values)
{
  PetscFunctionBegin;
  PetscCall(Replicated(state, name, TES_I64, 1, n, values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* On restore the stored length is asked for first and the array is made anew. */
static PetscErrorCode Grow(TesState state, const char name[], TesType type, PetscInt64 *n, void **values)
{
  PetscFunctionBegin;
  if (state->ops->peek) {
    char       full[256];
    PetscBool  found;
    int        n_axes;
    PetscInt64 shape[TES_MAX_AXES];

    PetscCall(FullName(state, name, full, sizeof full));
    PetscCall(state->ops->peek(state, full, &found, &n_axes, shape));
    if (found && n_axes == 1) {
      PetscCall(PetscFree(*values));
      *n = shape[0];
      PetscCall(PetscMalloc((size_t)PetscMax(*n, 1) * TesTypeBytes(type), values));
    }
  }
  PetscCall(Replicated(state, name, type, 1, *n, *values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateRealsGrow(TesState state, const char name[], PetscInt64 *n, PetscReal **values)
{
  void *data = *values;

  PetscFunctionBegin;
  PetscCall(Grow(state, name, TES_F64, n, &data));
  *values = (PetscReal *)data;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateIntsGrow(TesState state, const char name[], PetscInt64 *n, PetscInt64 **values)
{
  void *data = *values;

  PetscFunctionBegin;
  PetscCall(Grow(state, name, TES_I64, n, &data));
  *values = (PetscInt64 *)data;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStateRows(TesState state, const char name[], TesType type, const TesPartition *part, PetscInt64 width, void *values)
{
  TesStateItem item = {.name        = name,
                       .type        = type,
                       .n_axes      = width == 1 ? 1 : 2,
                       .shape       = {part->n, width},
                       .distributed = PETSC_TRUE,
                       .first       = part->first,
                       .n_local     = part->n_local,
                       .data        = values};

  PetscFunctionBegin;
  PetscCall(TesStateVisit(state, &item));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStatePush(TesState state, const char name[])
{
  char prefix[sizeof state->prefix];

  PetscFunctionBegin;
  PetscCheck(strlen(state->prefix) + strlen(name) + 2 <= sizeof prefix, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "state names nest too deep at %s%s", state->prefix, name);
  PetscCall(PetscSNPrintf(prefix, sizeof prefix, "%s%s/", state->prefix, name));
  PetscCall(PetscStrncpy(state->prefix, prefix, sizeof state->prefix));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesStatePop(TesState state)
{
  size_t length = strlen(state->prefix);

  PetscFunctionBegin;
  PetscCheck(length, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "TesStatePop without TesStatePush");
  state->prefix[length - 1] = 0;
  {
    char *slash = strrchr(state->prefix, '/');
    if (slash) slash[1] = 0;
    else state->prefix[0] = 0;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
