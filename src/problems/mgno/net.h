#pragma once
/* The network, private to this folder: its shape, its parameters by name, and samples forward and backward.

   A network works on one sample at a time on one rank, or, with a split, on a round of samples at a time on ranks that share their grids. Parameters are one flat vector of doubles in the order of the table of tensors, the same on every rank; inside, they
   are packed for the kernels in the network's precision, and so is the gradient: MgnoNetUnpack brings it back to the order of the table. */
#include <tessera/base.h>
#include <tessera/random.h>
#include <tessera/state.h>
#include "kernels.h"

#define NET_DIM    3
#define NET_LEVELS 16
#define NET_BLOCKS 64 /* blocks of a grid per dimension at most */

typedef enum { NET_RESTRICT_RHS, NET_RESTRICT_RESIDUAL } NetCoarse;
typedef enum { NET_REFERENCE, NET_CELL, NET_VERTEX, NET_INTERIOR } NetTransfer;
typedef enum { NET_TIE_NONE, NET_TIE_ADJOINT, NET_TIE_SYMMETRIC } NetTie;
typedef enum { NET_AFFINE, NET_RESIDUAL_INPUT, NET_NO_SKIP } NetSkip;
typedef enum { NET_NO_NORM, NET_NORM, NET_NORM_CHANNEL, NET_NORM_PIXEL } NetNorm;
typedef enum { NET_ZERO, NET_REFLECT, NET_SYMMETRIC, NET_WRAP, NET_ODD } NetSide; /* values beyond a side: 0, u[g], u[g-1], the other end, -u[g-1] */

typedef struct {
  PetscInt dim, n[NET_DIM];
  PetscInt layers, channels, c_in, c_out, levels;
  PetscInt pre[NET_LEVELS], post[NET_LEVELS];
  int      coarse, transfer, tie, skip, norm, activation;
  PetscBool zero_start; /* coarse u begin at zero instead of as Pi u */
  PetscBool conv_bias, zero_transposed; /* zero_transposed: P sees zeros beyond every side, as the reference's does */
  NetSide   side[NET_DIM][2];
  PetscInt  blocks[NET_DIM], min_local; /* the grid is cut in so many blocks per dimension (0: 1) of at least min_local points (0: 4) on every level that is cut */
} MgnoNetSpec;

typedef struct {
  char       name[64];      /* "layer0/level1/S1" */
  int        transposed;    /* kernel stored [ci][co][taps], else [co][ci][taps] */
  int        symmetric;     /* used as (K + K') / 2, K' its transpose as an operator */
  int        vector;        /* a bias, gamma or beta: [co], or [co][points] */
  PetscBool  whole;         /* belongs to levels that are not cut: its gradient is in the last leaf, that of all others in the leaves of the blocks */
  PetscInt   co, ci, taps, k[NET_DIM];
  PetscInt64 first, size;   /* in the flat vector */
  PetscInt64 fan_in;        /* weights start uniform in +-1/sqrt(fan_in); 0: constant `start` */
  PetscReal  start;
} MgnoTensor;

/* sizes of a level and the stencils between it and the next coarser one */
typedef struct {
  PetscInt n[NET_DIM], kr[NET_DIM], kp[NET_DIM], p[NET_DIM];
  PetscInt start[NET_DIM][NET_BLOCKS + 1]; /* where the blocks begin, on levels 0 .. n_cut; start[d][blocks] = n[d] */
} MgnoLevel;

typedef struct MgnoPlan_ {
  MgnoNetSpec spec;
  MgnoLevel   level[NET_LEVELS];
  PetscInt    n_cut;           /* levels 0 .. n_cut - 1 are cut in blocks; all of them if there is one block */
  PetscInt    n_blocks;        /* of the grid */
  PetscBool   torus[NET_DIM];  /* periodic, and of even size on every level that is halved: ghosts are those of a torus, in adjoints too */
  PetscInt    n_tensors;
  MgnoTensor *tensor;
  PetscInt64  size;
  /* numbers of the tensors of a layer, -1 where there is none: index layer * levels + level */
  PetscInt *S[2], *A[2], *Sb[2], *Ab[2], *R, *Pi, *P, *Ar, *own_A, *gamma, *beta, *first_smooth[2], *B, *b, H;
} MgnoPlan;

/*@
  MgnoLevelsFit - how many levels a grid of n points allows (>= 2 points on the coarsest, 3 where a side reflects); 0 with `nearest` set where the transfer cannot halve n at all levels asked for
@*/
PetscInt MgnoLevelsFit(const MgnoNetSpec *spec, PetscInt n, PetscInt wanted, PetscInt *nearest);

PetscErrorCode MgnoPlanCreate(const MgnoNetSpec *spec, MgnoPlan **plan);
PetscErrorCode MgnoPlanDestroy(MgnoPlan **plan);
PetscErrorCode MgnoPlanStart(const MgnoPlan *plan, PetscInt64 seed, PetscReal *theta);                    /* first weights */
PetscErrorCode MgnoPlanState(const MgnoPlan *plan, TesState state, const char prefix[], PetscReal *theta); /* every tensor by name */
PetscReal      MgnoPlanFlops(const MgnoPlan *plan);                                                       /* multiply-adds of a forward pass, times 2 */

/*@
  MgnoBlocksFit - cut the grid of a plan's levels in spec.blocks: levels that are cut, and where blocks begin; PETSC_FALSE where blocks would be smaller than min_local points
@*/
PetscBool MgnoBlocksFit(MgnoPlan *plan);

typedef struct _MgnoNet *MgnoNet;

/* which samples of a round a rank has */
typedef struct {
  PetscInt first, n;
} MgnoShare;

/* ranks that share the grids of their samples: rank r of comm has the blocks of place (r mod p0, r / p0 mod p1, ...) */
typedef struct {
  MPI_Comm  comm;       /* borrowed; product of p ranks */
  PetscInt  p[NET_DIM]; /* ranks per dimension, at most spec.blocks */
  PetscBool gather;     /* the levels that are not cut: all samples on rank 0; else whole units of samples on each rank */
  PetscBool wide;       /* exchange more ghosts at a time, and work on them twice */
} MgnoSplit;

/*@
  MgnoNetCreate      - a network for one sample at a time; training: keeps what backward needs (recompute: of one layer only, the others are redone)
  MgnoNetCreateSplit - the same on the ranks of a split, for at most `together` samples at a time; split NULL: MgnoNetCreate
  MgnoNetRound       - the next samples: n of them, in units of `unit` whose gradients are kept apart (a round within a unit: one). io: which rank has the whole
                       input and output of which; NULL: spread evenly. Without a call: 1, 1
  MgnoNetShare       - the samples of the round whose input and output are whole on this rank: neighbouring ones. Without a split: all
  MgnoNetWeights     - pack new weights
  MgnoNetForward     - in [share][c_in][points] -> out [share][c_out][points], without normalisation
  MgnoNetBackward    - from d loss / d out add to the gradient; in_bar [share][c_in][points] may be NULL. After a MgnoNetForward of the same samples
  MgnoNetClear       - gradients = 0
  MgnoNetLeaves      - gradients per unit that this rank has: one per block of the grid and, where the grid is cut, one for the levels that are not
  MgnoNetLeaf        - the packed gradient of a unit and a leaf (borrowed); leaves in the order of the blocks, x fastest, the levels that are not cut last
  MgnoNetLeafTensors - [n_tensors] the tensors that may be other than zero in it; NULL: all. Those of the levels that are not cut are on the rank that has the unit's samples at home
  MgnoNetBlock       - the number of a leaf's block among all of the grid
  MgnoNetGradient    - type and length of a packed gradient, and the first one; MgnoNetOffsets: where each tensor begins in it [n_tensors + 1]
  MgnoNetUnpack      - from a packed vector of doubles to the flat order
  MgnoNetSeconds     - time spent in exchanges with the other ranks of the split

  Create, Round, Forward, Backward: Collective on the split; the others Not Collective
@*/
PetscErrorCode    MgnoNetCreate(const MgnoPlan *plan, PetscBool single, PetscBool training, PetscBool recompute, MgnoNet *net);
PetscErrorCode    MgnoNetCreateSplit(const MgnoPlan *plan, PetscBool single, PetscBool training, PetscBool recompute, const MgnoSplit *split, PetscInt together, MgnoNet *net);
PetscErrorCode    MgnoNetDestroy(MgnoNet *net);
PetscErrorCode    MgnoNetRound(MgnoNet net, PetscInt n, PetscInt unit, const MgnoShare *io);
void              MgnoNetShare(MgnoNet net, PetscInt *first, PetscInt *n);
PetscErrorCode    MgnoNetWeights(MgnoNet net, const PetscReal *theta);
PetscErrorCode    MgnoNetForward(MgnoNet net, const PetscReal *in, PetscReal *out);
PetscErrorCode    MgnoNetBackward(MgnoNet net, const PetscReal *out_bar, PetscReal *in_bar);
PetscErrorCode    MgnoNetClear(MgnoNet net);
PetscInt          MgnoNetLeaves(MgnoNet net);
const void       *MgnoNetLeaf(MgnoNet net, PetscInt unit, PetscInt leaf);
const PetscBool  *MgnoNetLeafTensors(MgnoNet net, PetscInt unit, PetscInt leaf);
PetscInt          MgnoNetBlock(MgnoNet net, PetscInt leaf);
const void       *MgnoNetGradient(MgnoNet net, TesType *type, PetscInt64 *n);
const PetscInt64 *MgnoNetOffsets(MgnoNet net);
PetscErrorCode    MgnoNetUnpack(MgnoNet net, const PetscReal *packed, PetscReal *g);
PetscReal         MgnoNetBytes(MgnoNet net);
PetscReal         MgnoNetSeconds(MgnoNet net);

/* one precision of it (net_impl.h) */
typedef struct {
  PetscErrorCode (*create)(MgnoNet net, PetscBool training, PetscBool recompute);
  PetscErrorCode (*destroy)(MgnoNet net);
  PetscErrorCode (*weights)(MgnoNet net, const PetscReal *theta);
  PetscErrorCode (*forward)(MgnoNet net, const PetscReal *in, PetscReal *out);
  PetscErrorCode (*backward)(MgnoNet net, const PetscReal *out_bar, PetscReal *in_bar);
} MgnoNetOps;

extern const MgnoNetOps mgno_net_f32, mgno_net_f64;

struct _MgnoNet {
  const MgnoPlan   *plan; /* borrowed */
  const MgnoNetOps *ops;
  void             *own;
  TesType           type;
  PetscInt64        n_packed, *offset; /* [n_tensors + 1] where each tensor begins in the packed gradient */
  PetscInt64       *to;                /* [n_packed] place in the flat vector, -1 for padding */
  void             *gradient;          /* [units][leaves][n_packed] */
  PetscInt          n_leaves, units_held; /* units that `gradient` has room for */
  PetscBool        *has[3];            /* [n_tensors] what is in a leaf: of a block, of the levels that are not cut, nothing; NULL: one leaf with all */
  PetscReal         bytes, seconds;
  /* the split; without one: a single rank */
  MgnoSplit         split;
  PetscBool         shared;            /* there is a split of more than one rank */
  int               rank, size;
  PetscInt          together, n, unit; /* of the round: samples, samples per unit */
  MgnoShare        *io, *home;         /* [size] samples of the round: whole input and output; whole levels that are not cut */
};

static inline PetscInt MgnoUnits(const struct _MgnoNet *net)
{
  return (net->n + net->unit - 1) / net->unit;
}

/* the blocks [first, last) of dimension d of a rank of the split */
void MgnoSplitBlocks(const MgnoPlan *plan, const MgnoSplit *split, int rank, PetscInt d, PetscInt *first, PetscInt *last);
