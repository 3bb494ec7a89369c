/* Reverse sweeps: gradient of <seed, y> by walking the nodes from y back to the tensors asked for.

   Forward pass over the nodes first: which tensors depend on what is asked for? Only those get adjoints. A node is visited after all consumers of its output, so its
   adjoint is complete; the vjp gives the inputs' shares, which are added in the order of the walk, the same in every run. With create_graph the sweep's operations are
   recorded like any others. Without, what a vjp leaves behind goes back to the arena as soon as nobody holds it: a sweep keeps only the adjoints of
   the front it has reached. Cost: one vjp per node, about twice the forward pass. */
#include "tensor_impl.h"

#include <math.h>
#include <string.h>

typedef struct {
  TesTape    tape;
  PetscInt   n_nodes; /* of the graph that is walked; create_graph adds more behind */
  PetscInt   n_ids;
  TesTensor *adjoint; /* [n_ids] */
  PetscBool *reach;   /* [n_ids] depends on what is asked for */
  PetscBool *target;  /* [n_ids] is asked for */
  PetscBool  create_graph, guard;
} Sweep;

static void Hold(TesTensor x)
{
  x->holds++;
}

static void Release(const Sweep *s, TesTensor x)
{
  if (--x->holds == 0 && !s->create_graph && x->temporary) TensorGiveBack(x);
}

/* what the vjp made and nobody keeps */
static void ReleaseTemporaries(Sweep *s)
{
  for (TesTensor x = s->tape->temporaries; x; x = x->next_temporary)
    if (!x->holds) TensorGiveBack(x);
  s->tape->temporaries = NULL;
}

static PetscErrorCode Accumulate(Sweep *s, TesTensor x, TesTensor share)
{
  TesTensor *at = &s->adjoint[x->id];

  PetscFunctionBegin;
  PetscCall(TensorSameShape("adjoint and its tensor", x, share));
  if (!*at) {
    *at = share;
    Hold(share);
  } else if (!s->create_graph && (*at)->temporary && (*at)->holds == 1 && (*at)->buffer && (*at)->buffer->refs == 1 && *at != share) {
    PetscCall(TensorAddInPlace(*at, share));
  } else {
    TesTensor sum;

    PetscCall(TesAdd(*at, share, &sum));
    Hold(sum);
    Release(s, *at);
    *at = sum;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode VisitNode(Sweep *s, PetscInt number)
{
  Node        node = s->tape->node[number]; /* a copy: recording moves the array */
  TesTensor   g    = s->adjoint[node.out->id], *gin;
  PetscBool  *wanted;
  TesNodeView view;
  const char *module = s->tape->module;
  void       *memory; /* in the arena, so that an error leaves nothing behind */

  PetscFunctionBegin;
  PetscCall(ArenaAlloc(s->tape, (sizeof *gin + sizeof *wanted) * (size_t)node.n_in, &memory));
  gin    = memory;
  wanted = (PetscBool *)(gin + node.n_in);
  for (PetscInt i = 0; i < node.n_in; i++) {
    gin[i]    = NULL;
    wanted[i] = node.in[i] && node.in[i]->id >= 0 && node.in[i]->id < s->n_ids && s->reach[node.in[i]->id] ? PETSC_TRUE : PETSC_FALSE;
  }
  view            = (TesNodeView){s->tape, node.n_in, node.in, node.out, node.n_saved, node.saved, node.attributes, wanted};
  s->tape->module = node.module; /* what goes wrong here is said to be in the module that was applied */
  if (s->create_graph || !node.op->vjp_raw) {
    PetscCheck(node.op->vjp, PETSC_COMM_SELF, PETSC_ERR_SUP, "%s has a first derivative only: it cannot be part of a graph that is differentiated twice", node.op->name);
    PetscCall(node.op->vjp(&view, g, gin));
  } else {
    PetscCall(node.op->vjp_raw(&view, g, gin));
  }
  for (PetscInt i = 0; i < node.n_in; i++) {
    if (!wanted[i] || !gin[i]) continue;
    if (s->guard) {
      char what[96];

      (void)snprintf(what, sizeof what, "adjoint of %s", node.op->name);
      PetscCall(TensorCheckFinite(s->tape, what, node.module, gin[i]));
    }
    PetscCall(Accumulate(s, node.in[i], gin[i]));
  }
  s->tape->module = module;
  if (!s->target[node.out->id]) {
    s->adjoint[node.out->id] = NULL;
    Release(s, g);
  }
  if (!s->create_graph) ReleaseTemporaries(s);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Reach(Sweep *s, PetscInt n, const TesTensor x[])
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < n; i++) {
    PetscCheck(x[i]->tape == s->tape, PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP, "gradient with respect to a tensor of another tape");
    if (x[i]->id < 0) continue; /* a constant: gradient zero */
    s->reach[x[i]->id] = s->target[x[i]->id] = PETSC_TRUE;
  }
  for (PetscInt k = 0; k < s->n_nodes; k++) {
    const Node *node = &s->tape->node[k];

    for (PetscInt i = 0; i < node->n_in; i++)
      if (node->in[i] && node->in[i]->id >= 0 && s->reach[node->in[i]->id]) s->reach[node->out->id] = PETSC_TRUE;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RunSweep(TesTensor y, TesTensor seed, PetscInt n, const TesTensor x[], PetscBool create_graph, PetscBool guard, TesTensor gradient[])
{
  TesTape   tape = y->tape;
  Sweep     s    = {tape, tape->n_nodes, tape->n_ids, NULL, NULL, NULL, create_graph, guard};
  PetscBool recording, collecting = tape->collecting;
  TesTensor temporaries = tape->temporaries;
  void     *memory;

  PetscFunctionBegin;
  PetscCall(ArenaAlloc(tape, (sizeof *s.adjoint + 2 * sizeof *s.reach) * (size_t)s.n_ids, &memory));
  PetscCall(PetscMemzero(memory, (sizeof *s.adjoint + 2 * sizeof *s.reach) * (size_t)s.n_ids));
  s.adjoint = memory;
  s.reach   = (PetscBool *)(s.adjoint + s.n_ids);
  s.target  = s.reach + s.n_ids;
  PetscCall(Reach(&s, n, x));
  PetscCall(TesTapeSetRecording(tape, create_graph, &recording));
  tape->collecting  = create_graph ? PETSC_FALSE : PETSC_TRUE;
  tape->temporaries = NULL;
  if (!seed) PetscCall(TesTensorConstant(tape, y->type, y->n_axes, y->shape, 1, &seed));
  if (y->id >= 0 && s.reach[y->id]) {
    s.adjoint[y->id] = seed;
    Hold(seed);
    Hold(seed); /* it may be the caller's: never given back, never added to in place */
    tape->temporaries = NULL;
    for (PetscInt k = s.n_nodes - 1; k >= 0; k--) {
      TesTensor out = tape->node[k].out;

      if (s.adjoint[out->id] && s.reach[out->id]) PetscCall(VisitNode(&s, k));
    }
  }
  tape->collecting = PETSC_FALSE; /* the results live on */
  for (PetscInt i = 0; i < n; i++) {
    gradient[i] = x[i]->id >= 0 ? s.adjoint[x[i]->id] : NULL;
    if (!gradient[i]) PetscCall(TesTensorZeros(tape, x[i]->type, x[i]->n_axes, x[i]->shape, &gradient[i]));
  }
  tape->collecting  = collecting;
  tape->temporaries = temporaries;
  PetscCall(TesTapeSetRecording(tape, recording, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Name the first operation whose result is not finite; if all are, the trouble came in with y itself. */
static PetscErrorCode BlameForward(TesTensor y)
{
  TesTape tape = y->tape;

  PetscFunctionBegin;
  for (PetscInt k = 0; k < tape->n_nodes; k++) {
    const Node *node = &tape->node[k];

    if (TensorIsFinite(node->out, NULL)) continue;
    for (PetscInt i = 0; i < node->n_in; i++) {
      char what[64];

      (void)snprintf(what, sizeof what, "input %d of %s", (int)i, node->op->name);
      if (node->in[i]) PetscCall(TensorCheckFinite(tape, what, node->module, node->in[i]));
    }
    PetscCall(TensorCheckFinite(tape, node->op->name, node->module, node->out));
  }
  PetscCall(TensorCheckFinite(tape, "result", "", y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesGradients(TesTensor y, TesTensor seed, PetscInt n, const TesTensor x[], PetscBool create_graph, TesTensor gradient[])
{
  PetscBool finite = PETSC_TRUE;

  PetscFunctionBegin;
  if (seed) PetscCall(TensorSameShape("seed and its tensor", y, seed));
  else PetscCheck(y->size == 1, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "gradient of a tensor of %" PetscInt64_FMT " entries needs a seed", y->size);
  if (!TensorIsFinite(y, NULL)) PetscCall(BlameForward(y));
  PetscCall(RunSweep(y, seed, n, x, create_graph, y->tape->options.check_finite, gradient));
  for (PetscInt i = 0; i < n; i++)
    if (!TensorIsFinite(gradient[i], NULL)) finite = PETSC_FALSE;
  if (!finite) { /* once more, looking at every adjoint */
    PetscCall(RunSweep(y, seed, n, x, create_graph, PETSC_TRUE, gradient));
    for (PetscInt i = 0; i < n; i++) PetscCall(TensorCheckFinite(y->tape, "gradient", "", gradient[i]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesParametersGradient(TesTensor loss, PetscReal *gradient)
{
  TesTape    tape = loss->tape;
  PetscInt   n, n_used = 0, *used;
  TesTensor *x, *g;
  size_t     mark;
  void      *memory;

  PetscFunctionBegin;
  PetscCheck(tape->parameters, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "the tape was made without parameters");
  n = TesParametersCount(tape->parameters);
  PetscCall(TesTapeMark(tape, &mark));
  PetscCall(ArenaAlloc(tape, (2 * sizeof *x + sizeof *used) * (size_t)n, &memory));
  x    = memory;
  g    = x + n;
  used = (PetscInt *)(g + n);
  for (PetscInt id = 0; id < n; id++)
    if (tape->leaf[id]) {
      used[n_used] = id;
      x[n_used++]  = tape->leaf[id];
    }
  PetscCall(TesGradients(loss, NULL, n_used, x, PETSC_FALSE, g));
  PetscCall(PetscArrayzero(gradient, TesParametersSize(tape->parameters)));
  for (PetscInt i = 0; i < n_used; i++) {
    PetscInt64 first;

    PetscCall(TesParametersInfo(tape->parameters, used[i], NULL, &first, NULL, NULL, NULL));
    PetscCall(TesTensorGet(g[i], gradient + first));
  }
  PetscCall(TesTapeRewind(tape, mark));
  PetscFunctionReturn(PETSC_SUCCESS);
}
