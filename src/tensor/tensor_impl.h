#pragma once
/* Shared inside the room: the tape's memory, tensors, nodes, and the kernels chosen for this CPU. */
#include "kernels.h"

#include <tessera/tensor_ops.h>

/* Memory of one or more tensors (reshapes share it). */
typedef struct Buffer Buffer;
struct Buffer {
  size_t   bytes; /* multiple of 64 */
  PetscInt refs;  /* tensors on it that have not been given back */
  Buffer  *next;  /* in the free list */
  void    *data;
};

struct _p_TesTensor {
  TesTape    tape;
  TesType    type;
  PetscInt   n_axes;
  PetscInt   shape[TES_TENSOR_AXES];
  PetscInt64 size;
  void      *data;
  Buffer    *buffer; /* NULL: memory of the caller's */
  PetscBool  needs;  /* gradients flow to it */
  PetscInt   id;     /* place among the tensors that need gradients; -1 */
  PetscInt   holds;  /* places of a backward sweep that keep it */
  PetscBool  temporary; /* made inside a vjp of a sweep that records nothing: only such tensors are added to in place and given back */
  PetscBool  given_back;
  TesTensor  next_temporary;
};

typedef struct Node {
  const TesOp *op;
  const char  *module; /* path when it was recorded */
  PetscInt     n_in, n_saved;
  TesTensor   *in, *saved, out;
  void        *attributes;
} Node;

#define MAX_DEPTH 32 /* nested modules */
#define MAX_SIZES 1021 /* slots of the hash of free buffers by size */

struct _p_TesTape {
  TesTapeOptions options;
  const Kernels *kernels[2]; /* double, single */
  TesParameters  parameters;
  PetscInt64     step;
  PetscBool      recording;

  /* arena: address space is reserved at once, pages come as they are touched */
  char  *base;
  size_t limit, used, peak;
  Buffer *free_list[MAX_SIZES]; /* buffers given back by a backward sweep, chained by size modulo MAX_SIZES */

  Node    *node; /* grows by doubling, outside the arena */
  PetscInt n_nodes, room_nodes;
  PetscInt n_ids;

  TesTensor  *leaf; /* [parameters] the tensor of each parameter; NULL: not asked for */
  const char *module, *outer[MAX_DEPTH]; /* path, and those that it stands in */
  PetscInt    depth;
  TesTensor   temporaries; /* tensors made since the present vjp began; only while `collecting` */
  PetscBool   collecting;
  PetscInt64  eig_gaps;
  struct SpectralPlan *plans; /* spectral.c */
};

static inline const Kernels *KernelsOf(TesTensor x) { return x->tape->kernels[x->type == TES_F32]; }

/* arena.c */
PetscErrorCode ArenaAlloc(TesTape tape, size_t bytes, void **memory);
PetscErrorCode BufferCreate(TesTape tape, size_t bytes, Buffer **buffer);
void           TensorGiveBack(TesTensor x);
void           ArenaForgetFree(TesTape tape, const char *from);

/* tape.c */
PetscErrorCode TensorView(TesTensor x, PetscInt n_axes, const PetscInt shape[], TesTensor *y); /* same memory, no node */
PetscErrorCode TensorLike(TesTensor x, TesTensor *y);                                          /* same shape and type, values not set */
PetscErrorCode TensorCheckFinite(TesTape tape, const char what[], const char module[], TesTensor x);
PetscBool      TensorIsFinite(TesTensor x, PetscInt64 *where);
PetscErrorCode TensorSameShape(const char op[], TesTensor a, TesTensor b);
PetscErrorCode TensorShapeText(TesTensor x, char text[], size_t size);
PetscErrorCode TensorId(TesTensor x); /* give it a place among those that need gradients */
static inline size_t    TensorBytes(TesTensor x) { return (size_t)x->size * (x->type == TES_F32 ? 4 : 8); }

/* binary.c */
PetscErrorCode TensorAddInPlace(TesTensor a, TesTensor b); /* a += b, same shape */
PetscErrorCode TensorSumTo(TesTensor g, TesTensor like, TesTensor *y); /* sum over what was broadcast: g of a larger shape to the shape of `like` */

/* matmul.c: C [m][n] = alpha op(A) op(B) + beta C, row-major with leading dimensions, by BLAS */
PetscErrorCode TensorGemm(TesType type, PetscBool ta, PetscBool tb, PetscInt m, PetscInt n, PetscInt k, PetscReal alpha, const void *a, PetscInt lda, const void *b, PetscInt ldb,
                          PetscReal beta, void *c, PetscInt ldc);

/* scratch memory of an operation, from the arena's free list; give back before returning */
PetscErrorCode ScratchGet(TesTape tape, size_t bytes, Buffer **buffer);
void           ScratchRestore(TesTape tape, Buffer **buffer);

/* spectral.c */
PetscErrorCode SpectralPlansDestroy(TesTape tape);

/* index.c */
struct _p_TesIndex {
  PetscInt   refs;
  PetscBool  segments;
  PetscInt64 m;    /* entries; segments: number of segments */
  PetscInt   n;    /* rows they point into */
  PetscInt  *list; /* [m], segments: [m + 1] */
};

/* An axis written as seen by loops: [outer][n][inner]. */
static inline void AxisSplit(TesTensor x, PetscInt axis, PetscInt64 *outer, PetscInt64 *n, PetscInt64 *inner)
{
  *outer = *inner = 1;
  for (PetscInt a = 0; a < axis; a++) *outer *= x->shape[a];
  for (PetscInt a = axis + 1; a < x->n_axes; a++) *inner *= x->shape[a];
  *n = x->shape[axis];
}
