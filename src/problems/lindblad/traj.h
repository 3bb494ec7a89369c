#pragma once
/* lindblad, private: quantum trajectories (Monte Carlo wave functions) and the state vectors that they move.

     i d psi/dt = H_eff psi,   H_eff = H - (i/2) sum_k g_k J_k+ J_k,   until |psi|^2 = u;  then psi <- J_k psi with probability ~ g_k |J_k psi|^2

   Files: traj_space.c vectors, traj_window.c and traj_map.c sums of local operators on them, traj_exchange.c the same over members on several nodes, traj_split.c their exponentials, traj_jump.c jumps, traj_dp5.c and traj_strang.c
   the motion between jumps, traj_path.c one trajectory, traj_groups.c who computes what, traj_plan.c what a deck means, traj_start.c mixed
   initial states, traj_reduced.c purity and entropy, traj.c the solver of the kind. */
#include "liouville.h"
#include "traj_kernel.h"

/* ---- traj_space.c: vectors psi in C^n over the members of a group. Amplitude i lies at v.all[i - base], its imaginary part at v.all[stored + i - base].
   Members of one node share the memory of whole vectors (base 0, stored n); with messages each holds its own amplitudes alone (base first, stored n_local), on any nodes ---- */
typedef struct {
  LbSpace              shared; /* of the memory: comm is the group where it is shared, this process where it is not */
  MPI_Comm             comm;   /* the group */
  int                  rank, size;
  PetscBool            messages;
  PetscInt64           n, first, n_local; /* amplitudes of this member */
  PetscInt64           base, stored;      /* amplitudes that can be addressed here: base .. base + stored */
  TesPartition         part;
  PetscReal           *leaf; /* [units of this member] */
  const LbTrajKernels *kernels;
} LbWaveSpace;

PetscErrorCode LbWaveSpaceCreate(MPI_Comm group, PetscInt64 n, PetscBool messages, LbWaveSpace *space); /* borrows group, whose ranks are on one node unless there are messages */
PetscErrorCode LbWaveSpaceDestroy(LbWaveSpace *space);

/*@
  LbWaveNorm        - |psi|^2, the same bits for any number of members
  LbWaveCombine     - y = sum c v (real c); y may be one of v
  LbWaveCombineNorm - |sum c v|^2
  LbWaveScale       - psi *= c
  LbWaveProduct     - tensor product of local amplitudes psi[m][d_m]
  LbWaveBasis       - the basis state of an index
  LbWaveSet         - amplitudes [n] that every member has

  Collective on the group; the vectors hold on all members when these return
@*/
PetscErrorCode LbWaveNorm(const LbWaveSpace *space, const LbVec *psi, PetscReal *norm);
PetscErrorCode LbWaveCombine(const LbWaveSpace *space, int m, const double c[], const LbVec *const v[], LbVec *y);
PetscErrorCode LbWaveCombineNorm(const LbWaveSpace *space, int m, const double c[], const LbVec *const v[], PetscReal *norm);
PetscErrorCode LbWaveScale(const LbWaveSpace *space, PetscReal c, LbVec *psi);
PetscErrorCode LbWaveProduct(const LbWaveSpace *space, const LbModel *model, const LbComplex *const local[], LbVec *psi);
PetscErrorCode LbWaveBasis(const LbWaveSpace *space, PetscInt64 index, LbVec *psi);
PetscErrorCode LbWaveSet(const LbWaveSpace *space, const double *re, const double *im, LbVec *psi);

/* ---- traj_window.c: sums of products of local operators, sorted into windows of sites ---- */
#define LB_WAVE_SITES   40   /* a state space of 2^40 fits no node */
#define LB_WAVE_TIMES   64   /* factors of time of diagonal terms */
#define LB_WAVE_SUPPORT 1024 /* dimension of what one product acts on */
#define LB_WAVE_GATE    64   /* and with strang */

/* one part of a sum: f_time c P, belonging to output `out` */
typedef struct {
  int out;
  LbTerm term;
} LbWaveTerm;

typedef struct _p_LbExchange *LbExchange; /* traj_exchange.h */

/* everything that acts on the same sites */
typedef struct {
  int         k, site[LB_FACTORS], size;
  uint64_t    mask;
  int         n_parts;
  int        *out, *time; /* [n_parts] */
  LbComplex **matrix;     /* [n_parts] of [size][size] */
} LbSupport;

typedef struct {
  int           k, site[LB_WAVE_SITES], rows;
  uint64_t      mask;
  int64_t      *offset; /* [rows] */
  int           rising; /* offset[r] = r */
  TesPartition  chunks; /* over the members; unit: of the ordered sums */
  LbExchange    exchange; /* with messages: NULL if the chunks of this member lie with it alone */
  int           n_others, other_dim[LB_WAVE_SITES];
  int64_t       other_stride[LB_WAVE_SITES], n_spectators, n_chunks, run; /* run: spectators that lie together */
  LbTileMatrix *matrix;                                                   /* [n_out] */
  int          *n_parts, **part_entry, **part_time;                       /* [n_out]: what the entries are made of */
  LbComplex   **part_c;
  int           n_supports, *support; /* the supports that act here */
} LbTrajWindow;

typedef struct {
  int           n_out, n_times, n_supports, room_supports, n_windows;
  LbSupport    *support;
  LbTrajWindow *window;
  int           n_local; /* the first windows, whose chunk c is the c-th block of neighbouring amplitudes */
  int64_t       block;
  int           n_tables; /* diagonal parts kept apart, per factor of time (one output) */
  int          *table_time;
  LbVec        *table;
} LbWindows;

/*@
  LbWindowsCreate - sort terms into windows

  Collective on the group

  Input Parameters:
+ n_out  - number of sums
. terms  - [n_terms] their parts
- tables - keep what is diagonal in tables of n complex numbers (one sum only)

  Output Parameters:
+ problem - [256] "" or why this cannot be done
- windows - destroy also after a problem
@*/
PetscErrorCode LbWindowsCreate(const LbWaveSpace *space, const LbModel *model, int n_out, int n_terms, const LbWaveTerm terms[], PetscBool tables, char problem[256], LbWindows *windows);
PetscErrorCode LbWindowsDestroy(LbWindows *windows);
void           LbWindowLanes(const LbTrajWindow *w, int64_t chunk, int64_t base, int64_t lane[LB_LANES], int *n_lanes, int *run); /* places of the spectators of a chunk, from base; run: lane[0] alone is set */

/* ---- traj_map.c ---- */
typedef struct _p_LbWaveMap *LbWaveMap;

/*@
  LbWaveMapCreate - n_out sums of products of local operators on state vectors, matrix-free
  LbWaveMapApply  - y = A x of a map of one sum, with the factors f of time; x and y differ
  LbWaveMapExpect - value[k] = <x|A_k|x> of every sum, the same bits for any number of members

  Collective on the group
@*/
PetscErrorCode LbWaveMapCreate(const LbWaveSpace *space, const LbModel *model, int n_out, int n_terms, const LbWaveTerm terms[], PetscBool tables, char problem[256], LbWaveMap *map);
PetscErrorCode LbWaveMapApply(LbWaveMap map, const PetscReal f[], const LbVec *x, LbVec *y);
PetscErrorCode LbWaveMapExpect(LbWaveMap map, const PetscReal f[], const LbVec *x, LbComplex value[]);
const LbWindows *LbWaveMapWindows(LbWaveMap map);
PetscInt64     LbWaveMapCount(LbWaveMap map); /* applications so far */
PetscErrorCode LbWaveMapDestroy(LbWaveMap *map);

/* ---- traj_jump.c ---- */
typedef struct _p_LbJumps *LbJumps;

/*@
  LbJumpsCreate - rates and operators of all channels; borrows the model
  LbJumpsRates  - rate[k] = g_k(t) |J_k psi|^2, all channels in one pass over the vector
  LbJumpsApply  - y = J_k psi (without the rate)

  Collective on the group
@*/
PetscErrorCode LbJumpsCreate(const LbWaveSpace *space, LbModel *model, char problem[256], LbJumps *jumps);
PetscErrorCode LbJumpsRates(LbJumps jumps, const PetscReal f[], const LbVec *psi, PetscReal rate[]);
PetscErrorCode LbJumpsApply(LbJumps jumps, int channel, const LbVec *psi, LbVec *y);
PetscErrorCode LbJumpsDestroy(LbJumps *jumps);

/* ---- motion between jumps: traj_dp5.c, traj_strang.c ---- */
typedef struct _p_LbMotion *LbMotion;

typedef struct {
  const char *name;
  int         vectors; /* of the size of the state, the state included */
  PetscErrorCode (*setup)(LbMotion);
  PetscErrorCode (*trial)(LbMotion, PetscReal limit);        /* from (t, psi) one step, not past limit: t_next, next, norm_next */
  PetscErrorCode (*at)(LbMotion, PetscReal t, LbVec *psi);   /* the state at a time within the last trial */
  PetscErrorCode (*accept)(LbMotion);                        /* the end of the trial is the state */
  PetscErrorCode (*changed)(LbMotion);                       /* psi and t were set from outside: forget what was known of them */
  PetscErrorCode (*destroy)(LbMotion);
} LbMotionKind;

extern const LbMotionKind lb_motion_dp5, lb_motion_strang;

typedef struct {
  PetscReal start, end, every; /* output times start + k every, and end */
  PetscReal rtol, atol;        /* dp5: |error of a step| <= atol + rtol |psi| */
  PetscInt  sub;               /* strang: steps per output interval; 0: found by Richardson's check */
} LbMotionSetting;

struct _p_LbMotion {
  const LbMotionKind *kind;
  LbMotionSetting     set;
  const LbWaveSpace  *space;
  LbModel            *model;
  LbWaveMap           map; /* -i H_eff */
  LbVec               psi, next;
  PetscReal           t, t_next, norm, norm_next, h;
  PetscReal          *factors;
  PetscInt64          steps, rejected;
  void               *data;
};

PetscErrorCode LbMotionCreate(const LbWaveSpace *space, LbModel *model, LbWaveMap map, const LbMotionKind *kind, const LbMotionSetting *set, LbMotion *motion);
PetscErrorCode LbMotionDestroy(LbMotion *motion);

/*@
  LbEffective - the map psi -> -i H_eff psi of a model, diagonal parts in tables. Collective on the group
@*/
PetscErrorCode LbEffective(const LbWaveSpace *space, LbModel *model, char problem[256], LbWaveMap *map);

/* ---- traj_path.c: one trajectory ---- */
typedef struct _p_LbPath *LbPath;

/* a mixed state as an ensemble of pure ones (traj_start.h) */
typedef struct {
  PetscInt   n_states;
  PetscInt64 n;
  PetscReal *cumulative; /* [n_states] probability of the first k + 1 */
  PetscReal *re, *im;    /* [n_states][n] */
} LbMixture;

typedef struct {
  const LbMotionKind *kind;
  LbMotionSetting     motion;
  PetscInt64          seed;
  PetscReal           splitting; /* strang: error of the values to aim at */
  PetscBool           share; /* the evolution without jumps is done once, trajectories are drawn among those that jump */
  PetscBool           pure;  /* one initial state; else one of the mixture per trajectory, or a random basis state (the maximally mixed state) */
  const LbMixture    *mixture; /* NULL: the maximally mixed state */
  int                 n_columns;
  PetscBool messages; /* the members hold parts of a state and send each other what they need; else they share memory */
  int                 n_terms;
  const LbWaveTerm   *terms;   /* observables: column `out` of a sum, complex values give columns 2 out, 2 out + 1 */
  const LbComplex *const *local; /* initial product state; pure only */
} LbPathSetting;

/*@
  LbPathCreate  - all that trajectories of a group need: vectors, maps, and the shared evolution without jumps
  LbPathRun     - trajectory number id: record[times][2 n_columns] of normalised expectation values (re, im) at the output times, jumps: how many
  LbPathTimes   - number of output times
  LbPathTime    - the k-th
  LbPathShared  - values of the evolution without jumps [times][2 n_columns] and the probability that there is none until the end; NULL, 0 if not shared
  LbPathCounts - for reports; sub and splitting_error belong to strang: its steps per interval are doubled until the values of the evolution without jumps, from the initial
                 state and from a generic one, change by at most three times `splitting`; the error is a third of the last change

  Collective on the group
@*/
PetscErrorCode LbPathCreate(MPI_Comm group, LbModel *model, const LbPathSetting *set, char problem[256], LbPath *path);
PetscErrorCode LbPathRun(LbPath path, PetscInt64 id, PetscReal record[], PetscInt64 *jumps);
PetscInt       LbPathTimes(LbPath path);
PetscReal      LbPathTime(LbPath path, PetscInt k);
PetscErrorCode LbPathShared(LbPath path, const PetscReal **values, PetscReal *no_jump);
PetscErrorCode LbPathLast(LbPath path, PetscInt *n, const PetscReal **times, const int **channels); /* jumps of the last trajectory run */
PetscErrorCode LbPathCounts(LbPath path, PetscInt64 *steps, PetscInt64 *applications, PetscInt64 *lost, PetscInt *sub, PetscReal *splitting_error);
PetscErrorCode LbPathDestroy(LbPath *path);

PetscReal LbPathBytes(PetscReal n, int times, const LbMotionKind *kind, int tables, PetscBool share); /* of one group, in all */
