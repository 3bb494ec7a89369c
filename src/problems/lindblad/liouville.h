#pragma once
/* lindblad, private: the density matrix as a distributed real vector, and the Liouvillian as a map of such vectors.

   Two layouts. Qubits: coefficients of Pauli strings (pauli.h). Any other dimensions: rho = R + i M as one real n x n matrix X, X_ij = R_ij for i >= j and M_ij for i < j
   (ketbra.h). Each rank owns a contiguous part. Ranks on one node share the memory of every vector and may read (and inside an application write) all of it; ranks of several nodes hold their own
   parts and send messages. */
#include <tessera/sum.h>
#include "model.h"
#include "pauli.h"

/* what `parallel` of the deck says */
typedef struct {
  int       transport; /* LbTransport */
  PetscReal buffer;    /* MiB for messages; 0: chosen */
} LbParallel;

typedef struct {
  double *all;   /* the whole vector; NULL where messages are sent */
  double *own;   /* this rank's part of it */
  MPI_Win window;
  void   *memory;
} LbVec;

typedef struct {
  MPI_Comm     comm;       /* ranks that work; MPI_COMM_NULL on idle ranks */
  int          rank, size;
  PetscBool    messages;   /* no memory is shared */
  int          transport;
  size_t       buffer;     /* bytes for messages; 0: chosen */
  PetscBool    pauli;
  PetscInt64   n, n_entries;
  TesPartition part;       /* entries; unit: of the ordered sums */
} LbSpace;

typedef struct _p_LbLiouville *LbLiouville;

/* y = a y + b x0 + shift x + scale L x */
typedef struct {
  PetscReal    scale, shift, a, b;
  const LbVec *x0;
} LbFused;

/*@
  LbLiouvilleRanks  - how many of `size` ranks can work on this model (a power of two for qubits)
  LbLiouvilleCreate - the map x -> L(t) x

  Collective on comm

  Input Parameters:
+ comm     - ranks of this problem
. model    - the model (matrices may be added to it)
. parallel - how ranks work together; NULL: shared memory if they can
- adjoint  - the map of operators in the Heisenberg picture in place of the one of states

  Output Parameters:
+ problem - [256] "" or why this model cannot be treated
- l       - the map; NULL if there is a problem
@*/
int            LbLiouvilleRanks(const LbModel *model, int size);
PetscErrorCode LbLiouvilleCreate(MPI_Comm comm, LbModel *model, const LbParallel *parallel, PetscBool adjoint, char problem[256], LbLiouville *l);
PetscErrorCode LbLiouvilleDestroy(LbLiouville *l);
const LbSpace *LbLiouvilleSpace(LbLiouville l);
PetscErrorCode LbLiouvilleText(LbLiouville l, char text[], size_t size);
PetscErrorCode LbLiouvilleTraffic(LbLiouville l, LbTraffic *traffic);
PetscErrorCode LbTrafficEstimate(LbModel *model, const LbParallel *parallel, int ranks, LbTraffic *traffic); /* what that many ranks would send; zeros where nothing is. Not Collective */
PetscErrorCode LbSharesNode(MPI_Comm comm, PetscBool *yes); /* are all ranks on one node? Collective */
PetscInt64     LbLiouvilleCount(LbLiouville l); /* applications so far */

/*@
  LbApply - y = a y + b x0 + shift x + scale L x with the factors f of time; x, y different vectors; x0 may be NULL and not y

  Collective
@*/
PetscErrorCode LbApply(LbLiouville l, const PetscReal f[], const LbFused *fused, const LbVec *x, LbVec *y);

/* vectors: zero when made */
PetscErrorCode LbVecCreate(const LbSpace *space, LbVec *v);
PetscErrorCode LbVecDestroy(LbVec *v);
PetscErrorCode LbVecCopy(const LbSpace *space, const LbVec *x, LbVec *y);
PetscErrorCode LbCombine(const LbSpace *space, int m, const double c[], const LbVec *const v[], LbVec *y); /* y = sum c v; y may be one of v */
PetscErrorCode LbMaxCombine(const LbSpace *space, int m, const double c[], const LbVec *const v[], PetscReal *max); /* max |sum c v|; Collective */
PetscErrorCode LbDot(const LbSpace *space, const LbVec *x, const LbVec *y, PetscReal *dot); /* ordered: same bits on any rank count; Collective */
PetscErrorCode LbDots(const LbSpace *space, int m, const LbVec *const v[], const LbVec *w, PetscReal dot[]); /* <v[k], w>, ordered, one pass over w; Collective */
PetscErrorCode LbFetch(const LbSpace *space, const LbVec *x, PetscInt64 n, const PetscInt64 index[], PetscReal value[]); /* a few entries of x (index NULL: the first n), on every rank; Collective */
PetscErrorCode LbFence(const LbSpace *space); /* what others wrote to shared memory can be read; nothing where messages are sent. Collective */

/* ---- functionals: observables as a few entries of the vector ---- */
typedef struct {
  PetscInt64  n, room;
  PetscInt64 *index;
  LbComplex  *weight;
} LbFunctional;

/*@
  LbFunctionalAdd   - add c Tr(P rho) for a product P
  LbFunctionalValue - sum of weight x[index], in the order of the list: the same bits everywhere. Collective on the space
@*/
PetscErrorCode LbFunctionalAdd(const LbSpace *space, const LbModel *model, LbComplex c, const LbProduct *p, LbFunctional *f);
PetscErrorCode LbFunctionalSeal(LbFunctional *f); /* sort by index, join equal ones */
PetscErrorCode LbFunctionalValue(const LbSpace *space, const LbFunctional *f, const LbVec *x, LbComplex *value);
PetscErrorCode LbFunctionalDestroy(LbFunctional *f);

/* ---- states (state.c) ---- */
PetscErrorCode LbStateProduct(const LbSpace *space, const LbModel *model, const LbComplex *const rho[], LbVec *x); /* tensor product of local matrices [d][d] */
PetscErrorCode LbStateFromMatrix(const LbSpace *space, const LbModel *model, const LbComplex *rho, LbVec *x);      /* Hermitian [n][n], the same on every rank */
PetscErrorCode LbStateMatrix(const LbSpace *space, const LbModel *model, const LbVec *x, int k, const int site[], LbComplex *rho); /* reduced matrix of some sites; Collective */
PetscErrorCode LbStateProductOperator(const LbSpace *space, const LbModel *model, const LbProduct *p, LbComplex c, const LbVec *x, LbVec *re, LbVec *im); /* c P rho in two vectors */
PetscErrorCode LbStateSandwich(const LbSpace *space, const LbModel *model, const LbProduct *p, const LbVec *x, LbVec *y);          /* P rho P+ */
PetscErrorCode LbPurity(const LbSpace *space, const LbVec *x, PetscReal *purity);
PetscErrorCode LbTrace(const LbSpace *space, const LbVec *x, PetscReal *trace);
PetscErrorCode LbHermitianEigen(int n, const LbComplex *matrix, PetscReal *lambda, PetscReal *re, PetscReal *im); /* columns of re + i im are eigenvectors; im NULL for a real matrix */
PetscErrorCode LbEigenvalues(int n, const LbComplex *matrix, PetscReal *lambda); /* of a Hermitian matrix, ascending */
PetscErrorCode LbEntropy(int n, const LbComplex *rho, PetscReal *entropy, PetscReal *smallest);
