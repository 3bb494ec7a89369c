/* Parameters of a model: names, shapes and one flat vector. The master copy is double; a single-precision network reads a rounded copy. Start values are Philox draws keyed
   by the parameter's number and the entry's place, so they depend on neither the rank count nor the precision. */
#include "tensor_impl.h"

#include <string.h>
#include <tessera/random.h>

typedef struct {
  char      *name;
  PetscInt   n_axes, shape[TES_TENSOR_AXES];
  PetscInt64 first, size;
  TesInit    init;
  PetscReal  scale;
} Parameter;

struct _p_TesParameters {
  PetscInt   refs, n, room;
  Parameter *item;
  PetscInt64 size;
  TesType    type;
  PetscBool  set_up;
  PetscReal *values;
  float     *working; /* single only */
  char       prefix[256];
};

PetscErrorCode TesParametersCreate(TesParameters *parameters)
{
  PetscFunctionBegin;
  PetscCall(PetscNew(parameters));
  (*parameters)->refs = 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesParametersReference(TesParameters p)
{
  PetscFunctionBegin;
  p->refs++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesParametersDestroy(TesParameters *parameters)
{
  TesParameters p = *parameters;

  PetscFunctionBegin;
  *parameters = NULL;
  if (!p || --p->refs > 0) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt i = 0; i < p->n; i++) PetscCall(PetscFree(p->item[i].name));
  PetscCall(PetscFree(p->item));
  PetscCall(PetscFree(p->values));
  PetscCall(PetscFree(p->working));
  PetscCall(PetscFree(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesParametersPush(TesParameters p, const char module[])
{
  PetscFunctionBegin;
  PetscCheck(strlen(p->prefix) + strlen(module) + 2 < sizeof p->prefix, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "module path %s%s is too long", p->prefix, module);
  strcat(p->prefix, module);
  strcat(p->prefix, "/");
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesParametersPop(TesParameters p)
{
  size_t length = strlen(p->prefix);

  PetscFunctionBegin;
  PetscCheck(length, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "TesParametersPop without TesParametersPush");
  p->prefix[length - 1] = 0;
  while (length && p->prefix[length - 1] != '/') length--;
  p->prefix[length] = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesParametersAdd(TesParameters p, const char name[], PetscInt n_axes, const PetscInt shape[], TesInit init, PetscReal scale, PetscInt *id)
{
  Parameter *item;
  char       path[512];

  PetscFunctionBegin;
  PetscCheck(!p->set_up, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "parameter %s is added after TesParametersSetUp", name);
  PetscCheck(n_axes >= 0 && n_axes <= TES_TENSOR_AXES, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "parameter %s of %" PetscInt_FMT " axes", name, n_axes);
  PetscCheck((size_t)snprintf(path, sizeof path, "%s%s", p->prefix, name) < 100, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "the name of parameter %s is too long for a checkpoint", path);
  PetscCheck(TesParametersFind(p, path) < 0, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "parameter %s twice", path);
  if (p->n == p->room) {
    PetscInt room = PetscMax(16, 2 * p->room);

    PetscCall(PetscRealloc(sizeof *p->item * (size_t)room, &p->item));
    p->room = room;
  }
  item = &p->item[p->n];
  PetscCall(PetscMemzero(item, sizeof *item));
  PetscCall(PetscStrallocpy(path, &item->name));
  item->n_axes = n_axes;
  item->size   = 1;
  for (PetscInt a = 0; a < n_axes; a++) {
    PetscCheck(shape[a] >= 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "parameter %s: length %" PetscInt_FMT, path, shape[a]);
    item->shape[a] = shape[a];
    item->size *= shape[a];
  }
  item->first = p->size;
  item->init  = init;
  item->scale = scale;
  p->size += item->size;
  *id = p->n++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Start(Parameter *item, PetscInt id, PetscInt64 seed, PetscReal *v)
{
  PetscInt64 rows = item->n_axes > 1 ? item->shape[item->n_axes - 2] : 1, columns = item->n_axes ? item->shape[item->n_axes - 1] : 1;

  for (PetscInt64 i = 0; i < item->size; i++) {
    uint32_t  low = (uint32_t)((uint64_t)i & 0xffffffffu), high = (uint32_t)((uint64_t)i >> 32);
    PetscReal draw[2] = {0, 0};

    switch (item->init) {
    case TES_INIT_ZERO: v[i] = 0; break;
    case TES_INIT_ONE: v[i] = 1; break;
    case TES_INIT_UNIFORM:
      TesRandomUniform(seed, TES_STREAM_WEIGHTS, (uint32_t)id, low, high, draw);
      v[i] = item->scale * (2 * draw[0] - 1);
      break;
    case TES_INIT_NORMAL:
      TesRandomNormal(seed, TES_STREAM_WEIGHTS, (uint32_t)id, low, high, draw);
      v[i] = item->scale * draw[0];
      break;
    case TES_INIT_EYE: v[i] = i / columns % rows == i % columns ? item->scale : 0; break;
    }
  }
}

PetscErrorCode TesParametersSetUp(TesParameters p, TesType type, PetscInt64 seed)
{
  PetscFunctionBegin;
  PetscCheck(!p->set_up, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "TesParametersSetUp twice");
  PetscCheck(type == TES_F64 || type == TES_F32, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "parameters are single or double");
  p->type = type;
  PetscCall(PetscMalloc1(PetscMax(p->size, 1), &p->values));
  if (type == TES_F32) PetscCall(PetscMalloc1(PetscMax(p->size, 1), &p->working));
  for (PetscInt i = 0; i < p->n; i++) Start(&p->item[i], i, seed, p->values + p->item[i].first);
  p->set_up = PETSC_TRUE;
  PetscCall(TesParametersChanged(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscReal  *TesParametersValues(TesParameters p) { return p->values; }
const void *TesParametersWorking(TesParameters p) { return p->type == TES_F32 ? (const void *)p->working : (const void *)p->values; }
PetscInt    TesParametersCount(TesParameters p) { return p->n; }
PetscInt64  TesParametersSize(TesParameters p) { return p->size; }
TesType     TesParametersType(TesParameters p) { return p->type; }

PetscErrorCode TesParametersChanged(TesParameters p)
{
  PetscFunctionBegin;
  PetscCheck(p->set_up, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "TesParametersSetUp comes first");
  if (p->working)
    for (PetscInt64 i = 0; i < p->size; i++) p->working[i] = (float)p->values[i];
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscInt TesParametersFind(TesParameters p, const char name[])
{
  for (PetscInt i = 0; i < p->n; i++)
    if (!strcmp(p->item[i].name, name)) return i;
  return -1;
}

PetscErrorCode TesParametersInfo(TesParameters p, PetscInt id, const char **name, PetscInt64 *first, PetscInt64 *size, PetscInt *n_axes, const PetscInt **shape)
{
  PetscFunctionBegin;
  PetscCheck(id >= 0 && id < p->n, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "parameter %" PetscInt_FMT " of %" PetscInt_FMT, id, p->n);
  if (name) *name = p->item[id].name;
  if (first) *first = p->item[id].first;
  if (size) *size = p->item[id].size;
  if (n_axes) *n_axes = p->item[id].n_axes;
  if (shape) *shape = p->item[id].shape;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesParametersState(TesParameters p, TesState state)
{
  PetscFunctionBegin;
  PetscCheck(p->set_up, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "TesParametersSetUp comes first");
  PetscCall(TesStatePush(state, "parameters"));
  for (PetscInt i = 0; i < p->n; i++) {
    Parameter   *q    = &p->item[i];
    TesStateItem item = {.name = q->name, .type = TES_F64, .n_axes = (int)PetscMin(q->n_axes, TES_MAX_AXES), .data = p->values + q->first};

    if (!q->size) continue;
    for (PetscInt a = 0; a < q->n_axes; a++) { /* more axes than a state item has: the first ones become one */
      PetscInt at = PetscMax(0, a - (q->n_axes - item.n_axes));

      item.shape[at] = a <= q->n_axes - item.n_axes && a ? item.shape[at] * q->shape[a] : q->shape[a];
    }
    PetscCall(TesStateVisit(state, &item));
  }
  PetscCall(TesStatePop(state));
  if (state->ops->mode == TES_STATE_WRITES_PROBLEM) PetscCall(TesParametersChanged(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}
