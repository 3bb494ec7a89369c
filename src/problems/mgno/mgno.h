#pragma once
/* mgno, private to this folder: the deck, the families of equations, data sets, and what an action of a run is.

   Samples are numbered 0 .. train + validation + test - 1: the first `train` of a data set, then `validation`, then `test`. A sample is a pair of fields
   x [in channels][points] and y [out channels][points], points with x fastest. Samples are split over the ranks: data, losses and solves of a sample belong to one rank; the network may share its
   grid with others (ranks.c). */
#include <petscmat.h>
#include <tessera/fft.h>
#include <tessera/grid.h>
#include <tessera/h5.h>
#include <tessera/optim.h>
#include <tessera/problem.h>
#include <tessera/random.h>
#include <tessera/sum.h>
#include <tessera/tensor_train.h>

#define MGNO_DIM 3

typedef struct _Mgno Mgno;

typedef enum { MGNO_CELL, MGNO_VERTEX, MGNO_INTERIOR, MGNO_PERIODIC } MgnoLayout;
typedef enum { MGNO_GENERATE, MGNO_TRAIN, MGNO_EVALUATE, MGNO_PREDICT, MGNO_SOLVE, MGNO_ROLLOUT } MgnoAction;
typedef enum { MGNO_PIECEWISE, MGNO_LOGNORMAL, MGNO_TRIG, MGNO_POISSON, MGNO_HELMHOLTZ, MGNO_NAVIER_STOKES, MGNO_EXTERNAL } MgnoFamilyNumber;
typedef enum { MGNO_DIRICHLET, MGNO_NEUMANN, MGNO_WRAPPED, MGNO_ODD_SIDE } MgnoBoundary;
extern const char *const mgno_layout_names[];
extern const char *const mgno_action_names[];

/* ---- families.c: the equations that make data ---- */
typedef struct _MgnoMaker *MgnoMaker; /* solver objects of a family, one set per rank */

typedef struct {
  const char *name, *help;
  const char *input, *output;         /* what x and y are */
  const char *layouts;                /* the layouts it can be made on */
  PetscInt    dim_low, dim_high;
  PetscErrorCode (*check)(TesProblem problem);
  PetscInt (*frames)(const Mgno *);   /* out channels of y; NULL: 1 */
  PetscErrorCode (*open)(Mgno *, MgnoMaker);
  PetscErrorCode (*make)(Mgno *, MgnoMaker, PetscInt64 sample, PetscReal *x, PetscReal *y, PetscReal *residual, PetscReal *its);
  PetscErrorCode (*close)(MgnoMaker);
} MgnoFamily;

struct _MgnoMaker {
  const MgnoFamily *family;
  void             *own; /* of the family */
};

extern const MgnoFamily  mgno_families[];
extern const char *const mgno_family_names[];
extern const MgnoFamily  mgno_helmholtz, mgno_navier_stokes;

const MgnoFamily *MgnoFamilyOf(const Mgno *m);
PetscErrorCode MgnoMakerCreate(Mgno *m, MgnoMaker *maker); /* serial objects; asks the PETSc options of its solvers */
PetscErrorCode MgnoMakerDestroy(MgnoMaker *maker);
PetscErrorCode MgnoHelmholtzSolve(const Mgno *m, MgnoMaker maker, const PetscReal *c, const PetscReal *f, PetscReal *u, PetscReal *residual, PetscReal *its); /* helmholtz: u for a speed c and a right-hand side f; f NULL: the source on the top side. its < 0: near a resonance */
PetscErrorCode MgnoFlowRun(const Mgno *m, MgnoMaker maker, const PetscReal *x, PetscReal *y, PetscReal *residual, PetscReal *its); /* navier_stokes: the frames y from a start x */

/* ---- elliptic.c: -div(a grad u) = f, u = 0 on the boundary, by CG and multigrid on one rank ---- */
typedef struct _MgnoElliptic *MgnoElliptic;

typedef struct {
  PetscInt  dim, n[MGNO_DIM]; /* unknowns */
  PetscReal h[MGNO_DIM];
  PetscBool cells;            /* unknowns at cell centres, a there; else at vertices inside, a at all vertices (n + 2 per dimension) */
  PetscReal rtol;
  PetscInt  max_it;
  int       pc;               /* mgno_pc_names */
} MgnoEllipticSpec;

typedef enum { MGNO_PC_MG, MGNO_PC_GAMG, MGNO_PC_CHOLESKY, MGNO_PC_NONE } MgnoPc;
extern const char *const mgno_pc_names[];

PetscErrorCode MgnoEllipticCreate(const MgnoEllipticSpec *spec, MgnoElliptic *elliptic);
PetscErrorCode MgnoEllipticDestroy(MgnoElliptic *elliptic);
PetscErrorCode MgnoEllipticCoefficient(MgnoElliptic elliptic, const PetscReal *a);              /* a > 0 */
PetscErrorCode MgnoEllipticSolve(MgnoElliptic elliptic, const PetscReal *f, PetscReal *u, PetscBool guess, PetscReal *residual, PetscInt *its); /* residual: |f - A u| / |f|, recomputed */
PetscErrorCode MgnoEllipticApply(MgnoElliptic elliptic, const PetscReal *u, PetscReal *au);
PetscErrorCode MgnoEllipticHistory(MgnoElliptic elliptic, PetscReal *norms, PetscInt room); /* norms of the residuals of the next solve, 0 where there are fewer; the array must live until then */
PetscErrorCode MgnoEllipticMatrix(MgnoElliptic elliptic, Mat *A); /* borrowed */

/* ---- stencil.c: the same on the points of a sample ---- */
PetscErrorCode MgnoStencilSolver(const Mgno *m, MgnoPc pc, PetscReal rtol, PetscInt max_it, MgnoElliptic *elliptic);
PetscErrorCode MgnoStencilCreate(const Mgno *m, MgnoElliptic *elliptic, PetscReal **a, PetscReal **f); /* work arrays [points]: PetscFree2 */
PetscErrorCode MgnoStencilCoefficient(const Mgno *m, MgnoElliptic elliptic, const PetscReal *x, PetscReal *a, PetscReal *f);
PetscErrorCode MgnoStencilApply(const Mgno *m, MgnoElliptic elliptic, const PetscReal *u, PetscReal *au);
PetscErrorCode MgnoStencilRhs(const Mgno *m, const PetscReal *f, PetscReal *rhs);
PetscErrorCode MgnoStencilSolve(const Mgno *m, MgnoElliptic elliptic, const PetscReal *f, PetscReal *u, PetscBool guess, PetscReal *residual, PetscInt *its);

/* ---- dataset.c: files of samples ---- */
typedef struct {
  PetscInt64 n;           /* samples */
  PetscInt   c_in, c_out; /* channels of x and y */
  PetscBool  has_residual;
} MgnoDataShape;

/* samples of this rank, as they are stored: element type data.store */
typedef struct {
  PetscInt64 n, first, n_local; /* samples in all, the first of this rank, how many */
  PetscInt   c_in, c_out;
  void      *x, *y;             /* [n_local][channels][points] */
  PetscReal *residual, *its;    /* [n_local] */
} MgnoRows;

PetscErrorCode MgnoDataRecipe(TesProblem problem, char **recipe);                                                                   /* all that the samples depend on, as one line; the caller frees */
PetscErrorCode MgnoDataPath(TesProblem problem, char **path);                                                                       /* where data.file lies; the caller frees */
PetscErrorCode MgnoFileExists(MPI_Comm comm, const char path[], PetscBool *exists);                                                 /* collective */
PetscErrorCode MgnoDataLook(TesProblem problem, const char path[], MgnoDataShape *shape, char fault[], size_t size);                /* collective */
PetscErrorCode MgnoRowsCreate(const Mgno *m, PetscInt64 n, PetscInt64 first, PetscInt64 n_local, PetscInt c_in, PetscInt c_out, MgnoRows *rows);
PetscErrorCode MgnoRowsDestroy(MgnoRows *rows);
PetscErrorCode MgnoRowsWrite(TesProblem problem, const char path[], const MgnoRows *rows);                                          /* collective; verified */
PetscErrorCode MgnoRowsRead(TesProblem problem, const char path[], PetscInt64 n_file, PetscInt64 first, int what, MgnoRows *rows); /* collective; rows from `first` of the file on; what: 1 fields, 2 residuals, 3 both */

/* ---- generate.c ---- */
PetscInt64     MgnoGenerateSteps(const Mgno *m);
PetscErrorCode MgnoGenerateStep(TesProblem problem, TesProgress *progress);

/* ---- check.c ---- */
PetscBool      MgnoDoes(const Mgno *m, MgnoAction action);
PetscInt64     MgnoActionSteps(const Mgno *m, PetscInt64 action); /* steps of the action-th entry of `actions` */
void           MgnoDerive(Mgno *m, PetscInt64 seed);              /* what follows from the deck */
PetscErrorCode MgnoCheck(TesProblem problem);
PetscErrorCode MgnoEstimate(TesProblem problem, TesEstimate *estimate);

/* ---- report.c ---- */
PetscErrorCode MgnoFinish(TesProblem problem, TesReport report);
PetscErrorCode MgnoReportColumn(Mgno *m, TesReport report, const char name[], PetscInt64 n, const PetscReal *values, const char unit[], const char long_name[], PetscReal scale);
PetscErrorCode MgnoReportSample(Mgno *m, MPI_Comm comm, TesReport report, const char name[], const char unit[], const char long_name[], int owner, const PetscReal *values, PetscReal scale);
PetscErrorCode MgnoReportDestroy(Mgno *m);

/* the data set in memory (samples.c) */
typedef struct {
  PetscBool    ready;
  PetscInt     c_in, c_out, frames; /* of a pair; pairs per sample */
  TesPartition part;                /* samples over the ranks */
  MgnoRows     rows;
} MgnoSamples;

/* groups of ranks that share grids (ranks.c) */
typedef struct {
  int       groups, members, used, size; /* used = groups members of size ranks */
  PetscInt  p[MGNO_DIM];                 /* members per dimension */
  int       number, member;              /* of this rank's group, of this rank in it */
  PetscBool idle;
  MPI_Comm  group, peers;                /* with more than one member: the group; the same member of all groups */
} MgnoRanks;

/* ---- the context ---- */
struct _Mgno {
  TesInts actions;
  int     precision;
  struct {
    PetscInt dim;
    TesInts  n;
    int      layout;
  } grid;
  struct {
    const char *file;
    int         family;
    PetscInt    train, validation, test, part;
    struct {
      PetscReal alpha, tau;
    } grf;
    PetscReal  high, low, source, log_scale;
    int        sources;
    struct {
      PetscReal alpha, tau;
    } source_field;
    PetscReal  omega, viscosity, force, dt, frame_time;
    PetscInt   frames;
    struct {
      int       pc;
      PetscReal rtol;
      PetscInt  max_it;
    } solver;
    int        store;
    PetscInt64 seed;
  } data;

  TesInts boundary;
  struct {
    PetscInt layers, channels, in_channels, out_channels, levels;
    struct {
      TesInts pre, post;
    } smoothing;
    int         coarse_problem, coarse_start, transfer, tie, skip, norm, activation, compat, output;
    PetscBool   conv_bias;
    const char *weights;
  } model;
  struct {
    int                 loss, h1_scale;
    PetscInt            h1_cut, epochs, batch, unrolled;
    PetscReal           h1_mass, time_limit, target;
    TesOptimizerOptions optimizer;
    TesSchedule         schedule;
    TesReals            cycle_beta1;
    struct {
      int input, output;
    } normalize;
    int select, recompute;
  } train;
  struct {
    const char *file;
  } predict;
  struct {
    int      factor; /* 0, 1, 2: 1, 2, 4 times the resolution */
    PetscInt samples;
  } evaluate;
  struct {
    TesInts   use, compare;
    int       method;
    PetscReal rtol;
    PetscInt  max_it, samples;
  } solve;
  struct {
    int      reduce, halo, coarse;
    PetscInt groups, min_local;
    TesInts  blocks, grid;
  } parallel;

  /* derived from the deck */
  const MgnoFamily *family;
  PetscInt          n[MGNO_DIM]; /* points per dimension, 1 beyond dim */
  PetscInt64        points;
  PetscInt          c_in, c_out; /* channels of x and y in a data set of ours */
  PetscInt64        samples;
  TesType           store;
  PetscInt64        data_seed;
  PetscReal         lower, h[MGNO_DIM];
  PetscInt          frames;       /* pairs per sample */
  PetscBool         network;      /* some action needs the network */

  /* state: where in the chain */
  PetscInt64 action, place; /* which action, steps done in it */
  PetscReal  residual_max, its_sum;
  PetscReal  rows_done;

  struct {
    PetscBool  begun;
    PetscInt64 epoch, best_epoch;
    PetscReal  loss, l2;                  /* sums over the pairs of the epoch so far */
    PetscReal  done, seconds, best_value; /* pairs trained with, in how much time; validation error of the best weights */
  } trained;
  PetscInt64 n_history, n_errors, n_rolled, n_solved, n_finer;
  PetscReal *finer;                                   /* [samples][ways] errors at the finer resolution */
  PetscReal *rolled, *solved;                         /* [trajectories][frames] errors; [samples][methods][2] iterations, residuals */
  PetscInt64 n_traced;
  PetscReal *traced;                                  /* [methods][iterations] residuals of the first test sample; -1 after the last */
  PetscReal  solve_seconds[8];                        /* per method, over the samples */
  PetscReal *history, *errors;                        /* per epoch; [pairs][metrics] of the test */
  PetscReal *theta, *best;                            /* weights, and those that are reported */
  PetscReal *mean[2], *deviation[2];                  /* normalisation of input and output */
  PetscBool  model_ready;

  /* made in set-up or at first use */
  MgnoMaker         maker; /* of the action generate */
  struct MgnoPlan_ *plan;
  MgnoRanks         ranks;
  struct _MgnoNet  *net[3]; /* inference, training; inference on this rank alone */
  MgnoSamples       loaded;
  TesOptimizer      optimizer;
  struct _MgnoSum  *sum;
  struct _MgnoLoss *loss, *loss_l2;
  PetscReal        *g, *packed, *raw;
  PetscInt64        predict_samples;
  TesGrid    grid_object; /* of the fields in the result */
  TesField   show[16];
  PetscInt   n_show, n_columns;
  PetscReal *columns[64]; /* arrays of the result */
};
