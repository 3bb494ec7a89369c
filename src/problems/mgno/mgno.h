#pragma once
/* mgno, private to this folder: the deck, the families of equations, data sets, and what an action of a run is.

   Samples are numbered 0 .. train + validation + test - 1: the first `train` of a data set, then `validation`, then `test`. A sample is a pair of fields
   x [in channels][points] and y [out channels][points], points with x fastest. Everything about one sample is done by one rank; samples are split over the ranks. */
#include <tessera/fft.h>
#include <tessera/grid.h>
#include <tessera/h5.h>
#include <tessera/problem.h>
#include <tessera/random.h>
#include <tessera/sum.h>

#define MGNO_DIM 3

typedef struct _Mgno Mgno;

typedef enum { MGNO_CELL, MGNO_VERTEX, MGNO_INTERIOR, MGNO_PERIODIC } MgnoLayout;
typedef enum { MGNO_GENERATE, MGNO_TRAIN, MGNO_EVALUATE, MGNO_PREDICT } MgnoAction;
typedef enum { MGNO_PIECEWISE, MGNO_LOGNORMAL, MGNO_TRIG, MGNO_POISSON, MGNO_HELMHOLTZ, MGNO_NAVIER_STOKES, MGNO_EXTERNAL } MgnoFamilyNumber;
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

extern const char *const mgno_pc_names[];

PetscErrorCode MgnoEllipticCreate(const MgnoEllipticSpec *spec, MgnoElliptic *elliptic);
PetscErrorCode MgnoEllipticDestroy(MgnoElliptic *elliptic);
PetscErrorCode MgnoEllipticCoefficient(MgnoElliptic elliptic, const PetscReal *a);              /* a > 0 */
PetscErrorCode MgnoEllipticSolve(MgnoElliptic elliptic, const PetscReal *f, PetscReal *u, PetscBool guess, PetscReal *residual, PetscInt *its); /* residual: |f - A u| / |f|, recomputed */
PetscErrorCode MgnoEllipticApply(MgnoElliptic elliptic, const PetscReal *u, PetscReal *au);

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

  /* derived from the deck */
  const MgnoFamily *family;
  PetscInt          n[MGNO_DIM]; /* points per dimension, 1 beyond dim */
  PetscInt64        points;
  PetscInt          c_out;       /* channels of y in the data set */
  PetscInt64        samples;
  TesType           store;
  PetscInt64        data_seed;
  PetscReal         lower, h[MGNO_DIM];

  /* state: where in the chain */
  PetscInt64 action, place; /* which action, steps done in it */
  PetscReal  residual_max, its_sum;
  PetscReal  rows_done;

  MgnoMaker maker; /* of the action generate */
  TesGrid    grid_object; /* of the fields in the result */
  TesField   show[16];
  PetscInt   n_show, n_columns;
  PetscReal *columns[64]; /* arrays of the result */
};
