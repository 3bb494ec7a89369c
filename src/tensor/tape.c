/* The tape: tensors and the nodes that operations leave behind. A tensor that needs gradients has a place (id), in the order of creation; nodes are in the order of
   recording, so that walking them backwards meets every consumer of a tensor before the operation that made it. */
#include "tensor_impl.h"

#include <math.h>
#include <string.h>

PetscErrorCode ArenaCreate(TesTape tape, size_t limit);
PetscErrorCode ArenaDestroy(TesTape tape);

PetscErrorCode TesTapeCreate(const TesTapeOptions *options, TesParameters parameters, TesTape *tape)
{
  TesTape t;

  PetscFunctionBegin;
  PetscCall(PetscNew(&t));
  *tape = t;
  if (options) t->options = *options;
  if (!t->options.arena_mib) t->options.arena_mib = 512;
  PetscCheck(t->options.type == TES_F64 || t->options.type == TES_F32, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "a tape is single or double");
  t->kernels[0] = KernelsFor(TES_F64);
  t->kernels[1] = KernelsFor(TES_F32);
  PetscCall(ArenaCreate(t, (size_t)t->options.arena_mib << 20));
  if (parameters) {
    PetscCheck(TesParametersType(parameters) == t->options.type, PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP, "tape and parameters are of different precision");
    PetscCall(TesParametersReference(parameters));
    t->parameters = parameters;
    PetscCall(PetscCalloc1(TesParametersCount(parameters), &t->leaf));
  }
  PetscCall(TesTapeReset(t, 0));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTapeReset(TesTape tape, PetscInt64 step)
{
  PetscFunctionBegin;
  tape->step      = step;
  tape->recording = PETSC_TRUE;
  tape->used      = 0;
  tape->n_nodes   = 0;
  tape->n_ids     = 0;
  tape->module    = "";
  tape->depth     = 0;
  tape->collecting  = PETSC_FALSE;
  tape->temporaries = NULL;
  PetscCall(PetscArrayzero(tape->free_list, MAX_SIZES));
  if (tape->parameters) PetscCall(PetscArrayzero(tape->leaf, TesParametersCount(tape->parameters)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTapeDestroy(TesTape *tape)
{
  PetscFunctionBegin;
  if (!*tape) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(SpectralPlansDestroy(*tape));
  PetscCall(ArenaDestroy(*tape));
  PetscCall(PetscFree((*tape)->node));
  PetscCall(PetscFree((*tape)->leaf));
  PetscCall(TesParametersDestroy(&(*tape)->parameters));
  PetscCall(PetscFree(*tape));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTapeSetRecording(TesTape tape, PetscBool on, PetscBool *previous)
{
  PetscFunctionBegin;
  if (previous) *previous = tape->recording;
  tape->recording = on;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTapeMark(TesTape tape, size_t *mark)
{
  PetscFunctionBegin;
  *mark = tape->used;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTapeRewind(TesTape tape, size_t mark)
{
  const char *from = tape->base + mark;

  PetscFunctionBegin;
  PetscCheck(mark <= tape->used, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "mark of a tape that was reset since");
  while (tape->n_nodes && (const char *)tape->node[tape->n_nodes - 1].out >= from) tape->n_nodes--;
  if (tape->parameters)
    for (PetscInt i = 0; i < TesParametersCount(tape->parameters); i++)
      if (tape->leaf[i] && (const char *)tape->leaf[i] >= from) tape->leaf[i] = NULL;
  ArenaForgetFree(tape, from);
  tape->used = mark;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTapePush(TesTape tape, const char module[])
{
  size_t have = strlen(tape->module), more = strlen(module);
  void  *memory;
  char  *path;

  PetscFunctionBegin;
  PetscCheck(tape->depth < MAX_DEPTH, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "modules nested deeper than %d: a TesTapePop is missing", MAX_DEPTH);
  PetscCall(ArenaAlloc(tape, have + more + 2, &memory));
  path = memory;
  if (have) {
    memcpy(path, tape->module, have);
    path[have++] = '/';
  }
  memcpy(path + have, module, more + 1);
  tape->outer[tape->depth++] = tape->module;
  tape->module               = path;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTapePop(TesTape tape)
{
  PetscFunctionBegin;
  PetscCheck(tape->depth > 0, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "TesTapePop without TesTapePush");
  tape->module = tape->outer[--tape->depth];
  PetscFunctionReturn(PETSC_SUCCESS);
}

void TesTapeUsage(TesTape tape, size_t *bytes, size_t *peak)
{
  if (bytes) *bytes = tape->used;
  if (peak) *peak = tape->peak;
}

TesType TesTapeType(TesTape tape)
{
  return tape->options.type;
}

PetscInt64 TesTapeEigGaps(TesTape tape)
{
  return tape->eig_gaps;
}

/* ---- tensors ---- */

static PetscErrorCode TensorNew(TesTape tape, TesType type, PetscInt n_axes, const PetscInt shape[], TesTensor *x)
{
  void     *memory;
  TesTensor t;

  PetscFunctionBegin;
  PetscCheck(n_axes >= 0 && n_axes <= TES_TENSOR_AXES, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "a tensor of %" PetscInt_FMT " axes; at most %d", n_axes, TES_TENSOR_AXES);
  PetscCheck(type == TES_F64 || type == TES_F32, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "tensors are single or double");
  PetscCall(ArenaAlloc(tape, sizeof *t, &memory));
  t = memory;
  PetscCall(PetscMemzero(t, sizeof *t));
  t->tape   = tape;
  t->type   = type;
  t->n_axes = n_axes;
  t->size   = 1;
  t->id     = -1;
  for (PetscInt a = 0; a < n_axes; a++) {
    PetscCheck(shape[a] >= 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "axis %" PetscInt_FMT " of length %" PetscInt_FMT, a, shape[a]);
    t->shape[a] = shape[a];
    t->size *= shape[a];
  }
  if (tape->collecting) {
    t->temporary      = PETSC_TRUE;
    t->next_temporary = tape->temporaries;
    tape->temporaries = t;
  }
  *x = t;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTensorCreate(TesTape tape, TesType type, PetscInt n_axes, const PetscInt shape[], TesTensor *x)
{
  TesTensor t;

  PetscFunctionBegin;
  PetscCall(TensorNew(tape, type, n_axes, shape, &t));
  PetscCall(BufferCreate(tape, TensorBytes(t), &t->buffer));
  t->data = t->buffer->data;
  *x      = t;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TensorLike(TesTensor x, TesTensor *y)
{
  PetscFunctionBegin;
  PetscCall(TesTensorCreate(x->tape, x->type, x->n_axes, x->shape, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTensorZeros(TesTape tape, TesType type, PetscInt n_axes, const PetscInt shape[], TesTensor *x)
{
  PetscFunctionBegin;
  PetscCall(TesTensorCreate(tape, type, n_axes, shape, x));
  if ((*x)->size) memset((*x)->data, 0, TensorBytes(*x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTensorConstant(TesTape tape, TesType type, PetscInt n_axes, const PetscInt shape[], PetscReal value, TesTensor *x)
{
  PetscFunctionBegin;
  PetscCall(TesTensorCreate(tape, type, n_axes, shape, x));
  if (type == TES_F32)
    for (PetscInt64 i = 0; i < (*x)->size; i++) ((float *)(*x)->data)[i] = (float)value;
  else
    for (PetscInt64 i = 0; i < (*x)->size; i++) ((double *)(*x)->data)[i] = value;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTensorFrom(TesTape tape, TesType type, PetscInt n_axes, const PetscInt shape[], const PetscReal *values, TesTensor *x)
{
  PetscFunctionBegin;
  PetscCall(TesTensorCreate(tape, type, n_axes, shape, x));
  if (type == TES_F32)
    for (PetscInt64 i = 0; i < (*x)->size; i++) ((float *)(*x)->data)[i] = (float)values[i];
  else if ((*x)->size) memcpy((*x)->data, values, TensorBytes(*x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTensorWrap(TesTape tape, TesType type, PetscInt n_axes, const PetscInt shape[], void *values, TesTensor *x)
{
  PetscFunctionBegin;
  PetscCall(TensorNew(tape, type, n_axes, shape, x));
  (*x)->data = values;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TensorView(TesTensor x, PetscInt n_axes, const PetscInt shape[], TesTensor *y)
{
  TesTensor t;

  PetscFunctionBegin;
  PetscCall(TensorNew(x->tape, x->type, n_axes, shape, &t));
  t->buffer = x->buffer;
  t->data   = x->data;
  if (t->buffer) t->buffer->refs++;
  *y = t;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TensorId(TesTensor x)
{
  PetscFunctionBegin;
  x->needs = PETSC_TRUE;
  if (x->id < 0) x->id = x->tape->n_ids++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTensorVariable(TesTensor x)
{
  PetscFunctionBegin;
  PetscCheck(x->id < 0, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "the result of a recorded operation is no variable");
  PetscCall(TensorId(x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void           *TesTensorData(TesTensor x) { return x->data; }
TesType         TesTensorType(TesTensor x) { return x->type; }
PetscInt        TesTensorAxes(TesTensor x) { return x->n_axes; }
const PetscInt *TesTensorShape(TesTensor x) { return x->shape; }
PetscInt64      TesTensorSize(TesTensor x) { return x->size; }
TesTape         TesTensorTape(TesTensor x) { return x->tape; }
PetscBool       TesTensorNeeds(TesTensor x) { return x->needs; }

PetscErrorCode TesTensorGet(TesTensor x, PetscReal *values)
{
  PetscFunctionBegin;
  if (x->type == TES_F32)
    for (PetscInt64 i = 0; i < x->size; i++) values[i] = ((const float *)x->data)[i];
  else if (x->size) memcpy(values, x->data, TensorBytes(x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesTensorScalar(TesTensor x, PetscReal *value)
{
  PetscFunctionBegin;
  PetscCheck(x->size == 1, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "a tensor of %" PetscInt64_FMT " entries is no scalar", x->size);
  PetscCall(TesTensorGet(x, value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TensorShapeText(TesTensor x, char text[], size_t size)
{
  size_t at = 0;

  PetscFunctionBegin;
  text[0] = 0;
  for (PetscInt a = 0; a < x->n_axes && at < size; a++) at += (size_t)snprintf(text + at, size - at, "[%" PetscInt_FMT "]", x->shape[a]);
  if (!x->n_axes) PetscCall(PetscStrncpy(text, "scalar", size));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TensorSameShape(const char op[], TesTensor a, TesTensor b)
{
  PetscBool same = a->n_axes == b->n_axes ? PETSC_TRUE : PETSC_FALSE;
  char      sa[128], sb[128];

  PetscFunctionBegin;
  PetscCheck(a->type == b->type, PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP, "%s of a single and a double tensor", op);
  for (PetscInt i = 0; same && i < a->n_axes; i++) same = a->shape[i] == b->shape[i] ? PETSC_TRUE : PETSC_FALSE;
  if (same) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TensorShapeText(a, sa, sizeof sa));
  PetscCall(TensorShapeText(b, sb, sizeof sb));
  SETERRQ(PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "%s%s%s: %s of shapes %s and %s", a->tape->module, *a->tape->module ? ": " : "", "shapes differ", op, sa, sb);
}

/* ---- nodes ---- */

PetscErrorCode TesTapeRecord(const TesOp *op, PetscInt n_in, const TesTensor in[], PetscInt n_saved, const TesTensor saved[], const void *attributes, size_t bytes, TesTensor out)
{
  TesTape   tape  = out->tape;
  PetscBool needs = PETSC_FALSE;
  Node     *node;
  void     *memory;

  PetscFunctionBegin;
  if (tape->options.check_finite) PetscCall(TensorCheckFinite(tape, op->name, tape->module, out));
  if (!tape->recording) PetscFunctionReturn(PETSC_SUCCESS);
  for (PetscInt i = 0; i < n_in; i++)
    if (in[i] && in[i]->needs) needs = PETSC_TRUE;
  if (!needs) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCheck(out->id < 0, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "%s: the result is a tensor that has a part in the tape already", op->name);
  if (tape->n_nodes == tape->room_nodes) {
    PetscInt room = PetscMax(256, 2 * tape->room_nodes);
    Node    *more;

    PetscCall(PetscMalloc1(room, &more));
    if (tape->n_nodes) PetscCall(PetscArraycpy(more, tape->node, tape->n_nodes));
    PetscCall(PetscFree(tape->node));
    tape->node       = more;
    tape->room_nodes = room;
  }
  PetscCall(ArenaAlloc(tape, sizeof(TesTensor) * (size_t)(n_in + n_saved) + bytes, &memory));
  node             = &tape->node[tape->n_nodes++];
  node->op         = op;
  node->module     = tape->module;
  node->n_in       = n_in;
  node->n_saved    = n_saved;
  node->in         = memory;
  node->saved      = node->in + n_in;
  node->attributes = bytes ? (void *)(node->saved + n_saved) : NULL;
  node->out        = out;
  for (PetscInt i = 0; i < n_in; i++) node->in[i] = in[i];
  for (PetscInt i = 0; i < n_saved; i++) node->saved[i] = saved[i];
  if (bytes) memcpy(node->attributes, attributes, bytes);
  PetscCall(TensorId(out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscBool TensorIsFinite(TesTensor x, PetscInt64 *where)
{
  const double *d = x->data;
  const float  *f = x->data;

  for (PetscInt64 i = 0; i < x->size; i++) {
    if (isfinite(x->type == TES_F32 ? (double)f[i] : d[i])) continue;
    if (where) *where = i;
    return PETSC_FALSE;
  }
  return PETSC_TRUE;
}

PetscErrorCode TensorCheckFinite(TesTape tape, const char what[], const char module[], TesTensor x)
{
  PetscInt64 where = 0;
  char       shape[128], value[32]; /* PETSc's own formatting would write "inf." */

  PetscFunctionBegin;
  if (TensorIsFinite(x, &where)) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TensorShapeText(x, shape, sizeof shape));
  (void)snprintf(value, sizeof value, "%g", x->type == TES_F32 ? (double)((const float *)x->data)[where] : ((const double *)x->data)[where]);
  SETERRQ(PETSC_COMM_SELF, TES_ERR_NUMBERS, "step %" PetscInt64_FMT ": %s%s`%s` gave %s at entry %" PetscInt64_FMT " of %s", tape->step, module, *module ? ": " : "", what, value, where, shape);
}

PetscErrorCode TesTapeParameter(TesTape tape, PetscInt id, TesTensor *x)
{
  PetscInt64      first;
  PetscInt        n_axes;
  const PetscInt *shape;

  PetscFunctionBegin;
  PetscCheck(tape->parameters, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "the tape was made without parameters");
  PetscCheck(id >= 0 && id < TesParametersCount(tape->parameters), PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "parameter %" PetscInt_FMT " of %" PetscInt_FMT, id,
             TesParametersCount(tape->parameters));
  if (!tape->leaf[id]) {
    char *values = (char *)(uintptr_t)TesParametersWorking(tape->parameters);

    PetscCall(TesParametersInfo(tape->parameters, id, NULL, &first, NULL, &n_axes, &shape));
    PetscCall(TesTensorWrap(tape, tape->options.type, n_axes, shape, values + (size_t)first * (tape->options.type == TES_F32 ? 4 : 8), &tape->leaf[id]));
    PetscCall(TesTensorVariable(tape->leaf[id]));
  }
  *x = tape->leaf[id];
  PetscFunctionReturn(PETSC_SUCCESS);
}
