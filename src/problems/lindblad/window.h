#pragma once
/* lindblad, private: what the files of the window plan share (window_choose.c, window_build.c, window_plan.c, window_apply.c, window_message.c). */
#include "pauli.h"

#define LB_BLOCK_SITES 6 /* 4^6 doubles = 32 KB: windows inside go block by block */
#define LB_TILE_SITES  8 /* of a gathered tile at most: 512 KB */

/* How ranks that own different entries of a tile do it by messages (window_message.c). Pieces of a tile lie in the order of their owners. */
typedef struct {
  MPI_Comm   comm;           /* ranks that share the tiles of this rank */
  int        group, member;  /* how many, which one */
  PetscBool  remap;          /* whole tiles by turns; else only what the own rows read */
  int       *need, *send;    /* exchange: numbers of the pieces that come from and go to the others, by rank */
  int       *need_start, *send_start; /* [group + 1] */
  int64_t    chunk;          /* tiles at once */
  double     exchange, back; /* doubles received and sent per application, exchange and remap */
} LbPassMessages;

struct _p_LbPlan {
  int              n_sites, n_passes, n_times;
  LbSharing        sharing;
  LbPass           pass[64];
  LbPassMessages  *messages; /* [n_passes], or NULL: ranks share memory */
  const LbKernels *kernels;
  void            *tiles; /* memory of the three that follow */
  double          *x_tile, *y_tile, *copy;
  PetscReal       *factors; /* [n_times] that the coefficients hold, times scale */
  PetscReal        scale;
  PetscBool        ready;
  int64_t          n_entries; /* over all windows, per row of the whole vector: for the cost model */
  int64_t          n_local;   /* entries of this rank */
  double          *buffer;    /* of messages */
  size_t           buffer_size;
  MPI_Request     *request;
  int              n_requests;
  PetscReal        sent;      /* bytes so far */
};

int            LbPosition(int n, const int list[], int site); /* -1: not in it */
PetscErrorCode LbWindowBuild(const LbPass *pass, const LbPauliTerms *terms, const int member[], int which, PetscBool transpose, PetscBool first, LbWindow *w);
PetscErrorCode LbWindowDestroy(LbWindow *w);
void           LbWindowSources(const LbPass *pass, const LbWindow *w, char read[]); /* read[piece] = 1 for pieces that the rows of this share read */

int            LbLowSites(int n_sites);                        /* of the first pass */
PetscBool      LbCovers(int n, const int set[], const LbPauliTerm *term);
void           LbChooseTile(int n_sites, const LbPauliTerms *terms, const int pass_of[], LbPass *pass);
PetscErrorCode LbChooseWindows(LbPass *pass, const LbPauliTerms *terms, int member[]);
PetscErrorCode LbSortWindows(LbPass *pass, int n_terms, int member[]);

void           LbTileApply(LbPlan plan, const LbPass *pass, const double *x, double *y, LbStartMode mode, const LbStart *start);
PetscErrorCode LbPlanMessages(LbPlan plan, const LbStart *start, const double *x, double *y); /* window_message.c: x, y, x0 are the parts of this rank */
PetscErrorCode LbMessagesCreate(LbPlan plan, int pass);
PetscErrorCode LbMessagesBuffers(LbPlan plan);
PetscErrorCode LbMessagesDestroy(LbPlan plan);
