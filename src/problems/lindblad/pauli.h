#pragma once
/* lindblad, private: generators of qubit models in the Pauli basis (pauli.c) and their plan of windows (window_plan.c, window_kernel.c).

   rho = 2^-N sum_a x_a sigma_a, x_a = Tr(sigma_a rho) real; codes 0..3 = I X Y Z; index = sum_m a_m 4^m. A local generator on a support of k sites is a real 4^k x 4^k
   matrix; what it does to x is y[.., out, ..] += c x[.., in, ..]. */
#include "model.h"

#define LB_SUPPORT 4 /* sites of one local generator at most */

typedef struct {
  int     k, time;
  int     site[LB_SUPPORT]; /* ascending */
  double *g;                /* [4^k][4^k] rows = output */
} LbPauliTerm;

typedef struct {
  int          n, room;
  LbPauliTerm *term;
  char         problem[256]; /* "" or why the model cannot be treated */
} LbPauliTerms;

PetscErrorCode LbPauliTermsCreate(const LbModel *model, LbPauliTerms *terms);
PetscErrorCode LbPauliTermsDestroy(LbPauliTerms *terms);

/*@
  LbPauliCoefficients - the coefficients o[a] = Tr(M sigma_a) / 2^k of a matrix on k qubits, so that Tr(M rho) = sum_a o[a] x_a; M [2^k][2^k]
  LbPauliMatrix       - the matrix 2^-k sum_a x_a sigma_a
@*/
void LbPauliCoefficients(int k, const LbComplex *m, LbComplex *o);
void LbPauliMatrix(int k, const double *x, LbComplex *m);

/* ---- windows ---- */

/* y[row] += sum over entries of c x[source]. A window has up to 4 outer sites (4^o rows) and as lanes the sites 0 and 1 (16 numbers), in up to 4 groups at the stride of
   an idle site. Uniform entries have one coefficient for all lanes; lane entries move lane l to l ^ mask with a coefficient each. */
typedef struct {
  int      n_outer, outer[LB_SUPPORT], group_site; /* group_site -1: one group */
  int      n_rows, groups, gather, level, init;
  int64_t *row;      /* [n_rows] offset of a row in the tile */
  int64_t  group_stride;
  int      n_bases;
  int64_t *base;     /* [n_bases] offsets of the other sites of the tile (level 0: of the sub-block) */
  int      n_active; /* rows of this rank with entries (init: all rows of this rank) */
  int     *active;
  int     *uniform;  /* [n_rows + 1] */
  int32_t *uniform_source; /* offset of the source row, in the tile or in the gathered copy */
  int32_t *uniform_row;    /* row number of the source */
  double  *uniform_c;
  int     *lane;     /* [n_rows + 1] */
  int32_t *lane_source, *lane_row, *lane_mask;
  double  *lane_c;   /* [entries][16] */
  int      n_parts;  /* contributions to the coefficients: target < 0: lane_c[-1 - target] */
  int     *part_target, *part_time;
  double  *part_c;
} LbWindow;

/* what the first window starts a row from: a y + b x0 + shift x */
typedef struct {
  double        a, b, shift;
  const double *x0; /* the same place in x0 as y, or NULL */
} LbStart;

typedef enum { LB_START_LOAD, LB_START_ZERO, LB_START_FUSED } LbStartMode;

/* Memory wanted soon: some lines of each stream are asked for with every row of a window, since sums live in the caches and the memory would be idle meanwhile. */
typedef struct {
  int         n, lines; /* streams; lines of each per row */
  const char *stream[3];
} LbSoon;

typedef struct {
  void (*window)(const LbWindow *w, const double *x, double *y, double *copy, LbStartMode mode, const LbStart *start, LbSoon *soon); /* copy: room for a gathered window, 64-byte aligned; soon: moves on */
  void (*gather)(int64_t n, const int64_t *row, int piece, const double *from, double *to);                            /* to[k] = from[row[k]], pieces of `piece` doubles */
  void (*scatter_add)(int64_t n, const int64_t *row, int piece, const double *from, double *to);
  void (*combine)(int64_t n, int m, const double *c, const double *const *v, double *y);                               /* y = sum_k c[k] v[k] (y may be one of v) */
  void (*dots)(int64_t n, int m, const double *const *v, const double *w, double *dot);                                /* dot[k] = <v[k], w> */
  double (*max_combine)(int64_t n, int m, const double *c, const double *const *v);                                    /* max |sum_k c[k] v[k]|, NaN wins */
  int groups; /* of a window that are summed at once */
} LbKernels;

const LbKernels *LbKernelsPick(void);

/* one pass over memory: tiles of some sites, all windows inside */
typedef struct {
  int       n_sites, site[16]; /* ascending; begins with 0, 1 */
  int       direct;            /* the tile is sites 0..n_sites-1: used in place */
  int64_t   size;              /* 4^n_sites */
  int64_t   n_tiles;
  int64_t  *tile;              /* [n_tiles] offsets; NULL for a direct pass: tile t begins at t size */
  int       piece;             /* gathered: contiguous doubles per row */
  int64_t   n_pieces;
  int64_t  *offset;            /* [n_pieces] of the rows of a tile in the vector */
  int64_t   block, n_blocks;   /* sub-blocks for the windows of level 0 */
  int       share_bits, share; /* this rank sums the rows whose highest bits in the tile are its share; 0 bits: all */
  int       n_windows;
  LbWindow *window;
} LbPass;

typedef struct _p_LbPlan *LbPlan;

/* how ranks share the work on a plan (the words of the deck: parallel.transport) */
typedef enum { LB_TRANSPORT_AUTO, LB_TRANSPORT_SHARED, LB_TRANSPORT_MESSAGES, LB_TRANSPORT_EXCHANGE, LB_TRANSPORT_REMAP } LbTransport;

typedef struct {
  MPI_Comm  comm; /* MPI_COMM_NULL: only to count what would be sent */
  int       rank, size;
  PetscBool messages;  /* each rank holds its own entries; else memory is shared */
  int       transport; /* LbTransport: which messages */
  size_t    buffer;    /* bytes for messages; 0: chosen */
} LbSharing;

/* bytes per application and rank, received (as many are sent, over all ranks) */
typedef struct {
  PetscReal exchange, remap, chosen; /* by either way, by the one taken */
  PetscReal buffer, so_far;          /* bytes held for messages; sent by this rank until now */
  int       n_exchange, n_remap;     /* passes done by each */
} LbTraffic;

/*@
  LbPlanCreate - the plan of passes and windows for a set of local generators on n_sites >= 3 qubits

  Collective on sharing->comm if messages are sent

  Input Parameters:
+ n_sites   - qubits
. terms     - local generators
. transpose - plan for the adjoint map
- sharing   - whose share of the output; which rank does what does not change any result

  LbPlanApply - y = a y + b x0 + shift x + scale L x on this rank's share. x, y, x0: whole vectors, or this rank's parts of them where messages are sent. fence(ctx) is called between passes, where other
  ranks' entries of y are touched next
@*/
PetscErrorCode LbPlanCreate(int n_sites, const LbPauliTerms *terms, PetscBool transpose, int n_times, const LbSharing *sharing, LbPlan *plan);
PetscErrorCode LbPlanApply(LbPlan plan, const PetscReal f[], PetscReal scale, const LbStart *start, const double *x, double *y, PetscErrorCode (*fence)(void *), void *ctx);
PetscErrorCode LbPlanTraffic(LbPlan plan, LbTraffic *traffic);
PetscErrorCode LbPlanDestroy(LbPlan *plan);
int            LbPlanRanks(int n_sites, int size); /* how many ranks can share the work: a power of two */
PetscErrorCode LbPlanText(LbPlan plan, char text[], size_t size);
