#pragma once
/* gp_pde, private to this folder: the objects that its files share.

   u solves  S u + N(u) = f  on a box,  S u = sum_d (second_d u_dd + first_d u_d) + zeroth u  with constant coefficients (the separable part), N the rest (a reaction, an
   advection by u itself, what a variable coefficient differs from its mean). Each side carries a trace: value u + slope du/dx = g, or nothing (outflow, final time,
   periodic). Per dimension d the dictionary is [w cos(omega x) | w sin(omega x) | T_0..T_{b-1}]; reduced bases come from its singular values (reduce.c), the
   traces sit in a lift (lift.c), and the unknown is a small core G, the same on every rank. Everything on the collocation points is in slabs over the slowest
   dimension. */
#include <tessera/grid.h>
#include <tessera/linalg.h>
#include <tessera/problem.h>
#include <tessera/sum.h>

#define GP_DIM          TES_MAX_DIM
#define GP_BACKGROUNDS  6     /* polynomial degrees that the loop tries: below 2, 4, 8, 12, 20, 32 */
#define GP_UNIT_LEAST   8     /* rows of the slowest dimension per unit, in 2-D and 3-D: half of DGEMM's rate in 3-D */
#define GP_UNIT_MOST    32    /* the same in 2-D, and points per unit in 1-D */
#define GP_NO_BOUND     1e300 /* bound of an attempt that did not converge: finite, so that a state holding it is sound */
#define GP_SHOWN_BOUND  1e6   /* what is shown of larger ones, so that pictures keep their scale */

typedef struct _GpPde GpPde;

/* ---- routes.c: ways from the deck to the solution; a run follows one at a time ---- */
typedef struct {
  const char *name, *help;
  PetscErrorCode (*check)(TesProblem problem, GpPde *gp);                          /* what only this way asks of the deck; the domain is resolved, no data is there yet */
  PetscErrorCode (*estimate)(TesProblem problem, GpPde *gp, TesEstimate *estimate);
  PetscErrorCode (*setup)(GpPde *gp); /* also called where a run changes over to this way */
  PetscErrorCode (*start)(GpPde *gp);
  PetscErrorCode (*step)(TesProblem problem, GpPde *gp, TesProgress *progress);
  PetscErrorCode (*observe)(GpPde *gp, TesSeries series);
  PetscErrorCode (*state)(GpPde *gp, TesState state);
  PetscErrorCode (*finish)(TesProblem problem, GpPde *gp, TesReport report);
  PetscErrorCode (*destroy)(GpPde *gp); /* of a way not taken, too */
} GpRoute;

typedef enum { GP_ROUTE_REFINE, GP_ROUTE_REFERENCE, GP_ROUTE_FOURIER, GP_ROUTE_INVERSE } GpRouteNumber;

extern const GpRoute     gp_route_refine, gp_route_reference, gp_route_fourier, gp_route_inverse;
PetscBool                GpFourierFits(const GpPde *gp);                   /* would solver.kind: fft_extension take this problem? */
extern const char *const gp_solver_names[];
extern const char *const gp_family_names[];   /* of kernel.family; gp_pde.c */
extern const char *const gp_boundary_names[]; /* of boundary.kind; gp_pde.c */
extern const char *const gp_unknown_names[];  /* of inverse.unknown; inverse.c */
PetscBool                GpInverseWanted(const GpPde *gp);
const GpRoute           *GpRouteNow(const GpPde *gp);
PetscErrorCode           GpRouteChoose(GpPde *gp);                         /* by the deck */
PetscErrorCode           GpRouteChange(GpPde *gp, GpRouteNumber number);   /* on the way: sets it up and starts it */
PetscErrorCode           GpRouteState(GpPde *gp, TesState state);
PetscErrorCode           GpRouteDestroy(GpPde *gp);

/* ---- equations.c ---- */
typedef struct { /* a function on points: values, and the derivatives that somebody needs (NULL otherwise) */
  PetscInt64 n;
  PetscReal *u, *grad[GP_DIM], *laplacian;
} GpFields;

typedef struct {
  const char *name, *help;
  PetscInt    time;      /* order of the derivative in time, which is the last dimension; 0: no time; -1: as boundary.kind says */
  PetscBool   nonlinear;
  PetscBool   bound;     /* B of refine.c is a bound with Dirichlet data (else: an estimate) */
  PetscBool   gradient;  /* n needs the gradient in space */
  PetscBool   variable;  /* takes equation.variable_coefficient: div(a grad u) in place of the Laplacian */
  void (*separable)(const GpPde *gp, PetscReal second[], PetscReal first[], PetscReal *zeroth);
  void (*reaction)(const GpPde *gp, const GpFields *u, PetscReal *value);       /* value += n(u, grad u) */
  void (*tangent)(const GpPde *gp, const GpFields *u, const GpFields *slope);   /* slope->u += dn/du, slope->grad += dn/d(grad u) */
} GpEquation;

extern const GpEquation  gp_equations[];
extern const char *const gp_equation_names[];

void GpRemainder(const GpPde *gp, const GpFields *a, const GpFields *u, PetscReal *value);                            /* value = N(u); a: variable coefficient there */
void GpRemainderTangent(const GpPde *gp, const GpFields *a, const GpFields *u, const GpFields *slope);                /* slope = dN/du, dN/d(grad u), dN/d(laplacian) */
PetscErrorCode GpFieldsCreate(const GpPde *gp, PetscInt64 n, GpFields *fields);                                       /* all that N needs */
PetscErrorCode GpFieldsDestroy(GpFields *fields);
PetscErrorCode GpCoefficientSetUp(GpPde *gp); /* the variable coefficient on the grids, and its mean */

/* ---- boundary.c: what is prescribed where ---- */
typedef struct {
  PetscInt    end;          /* 0 lower, 1 upper */
  PetscReal   value, slope; /* prescribed: value u + slope du/dx_d */
  PetscInt    slot;         /* 2 d + side: its place in lists of expressions */
  const char *name;         /* dataset in a file: "x_lower", "initial", "velocity" */
} GpTrace;

PetscErrorCode GpBoundaryResolve(TesProblem problem, GpPde *gp, PetscBool *good);
PetscErrorCode GpTraceText(const GpPde *gp, PetscInt d, PetscInt k, char text[], size_t size);

/* ---- manufactured.c ---- */
typedef struct {
  const char *name, *expression, *help;
  PetscInt    dim;
} GpManufactured;

extern const GpManufactured gp_manufactured[]; /* entry 0 is "none" */
extern const char *const    gp_manufactured_names[];

/* ---- data.c: where the source and the boundary values come from ---- */
typedef struct {
  PetscInt64       n[GP_DIM];    /* points per dimension, 1 beyond dim */
  const PetscReal *x[GP_DIM];    /* coordinates */
  PetscInt64       first, count; /* rows of the slowest dimension wanted */
} GpPoints;

typedef struct {
  const char *name;
  PetscBool   anywhere; /* known between the nodes too */
  PetscErrorCode (*source)(GpPde *gp, const GpPoints *points, PetscReal *f);
  PetscErrorCode (*face)(GpPde *gp, PetscInt d, PetscInt k, const GpPoints *points, PetscReal *g);
} GpDataKind;

extern const GpDataKind  gp_data_kinds[];
extern const char *const gp_data_names[];

/* A product grid whose slowest dimension is split over the ranks. */
typedef struct {
  PetscInt64   n[GP_DIM];
  PetscReal   *x[GP_DIM];
  TesPartition part;
  PetscInt64   n_local; /* points of this rank */
} GpPointSet;

PetscInt64     GpUnit(PetscInt dim, PetscInt64 n); /* rows of the slowest dimension of n per unit: from the sizes alone */
PetscErrorCode GpPointSetCreate(MPI_Comm comm, PetscInt dim, const PetscInt64 n[], PetscReal *const x[], GpPointSet *set);
PetscErrorCode GpPointSetDestroy(GpPointSet *set);
void           GpPointSetPoints(const GpPointSet *set, GpPoints *points);

PetscErrorCode GpPointsSetUp(GpPde *gp); /* coordinates and partitions */
PetscErrorCode GpFacesSetUp(GpPde *gp);  /* boundary values */
PetscErrorCode GpDataSetUp(GpPde *gp);   /* the source */
PetscErrorCode GpFirstNotFinite(GpPde *gp, const GpPointSet *set, const PetscReal *v, PetscInt64 *number);
void           GpPointText(const GpPde *gp, PetscInt64 number, char text[], size_t size); /* "x[3] = 0.1, y[0] = 0" */
PetscErrorCode GpDataDestroy(GpPde *gp);
PetscErrorCode GpSource(GpPde *gp, const GpPointSet *set, PetscReal *f);
PetscErrorCode GpFace(GpPde *gp, PetscInt d, PetscInt k, const GpPointSet *set, PetscReal *g); /* all points of the face, on every rank */
PetscErrorCode GpTruth(GpPde *gp, const GpPointSet *set, PetscReal *u);
PetscErrorCode GpExprEvaluate(TesExpr expr, PetscInt dim, const GpPoints *points, PetscReal *out);
PetscErrorCode GpMean(GpPde *gp, const GpPointSet *set, const PetscReal *v, PetscReal *mean); /* ordered; collective */
PetscErrorCode GpMeanSquare(GpPde *gp, const GpPointSet *set, const PetscReal *v, PetscReal *mean);
PetscErrorCode GpTruthDerivatives(GpPde *gp);
PetscErrorCode GpCoefficientAt(GpPde *gp, const GpPoints *points, PetscInt64 n, GpFields *a); /* variable coefficient and its gradient */
PetscErrorCode GpGatherLine(GpPde *gp, const GpPointSet *set, const PetscReal *mine, PetscReal *line); /* 1-D: the values of all ranks, on every rank */
PetscInt64     GpPointCount(PetscInt dim, const GpPoints *points);

/* ---- data_file.c ---- */
PetscErrorCode GpFileSource(GpPde *gp, const GpPoints *points, PetscReal *f);
PetscErrorCode GpFileFace(GpPde *gp, PetscInt d, PetscInt k, const GpPoints *points, PetscReal *g);
PetscErrorCode GpFileCheck(TesProblem problem, GpPde *gp, PetscBool *ready);

/* ---- dictionary.c ---- */
typedef struct {
  PetscReal  lower, length;
  PetscInt   n_lines, n_background, n_columns;
  PetscReal *omega, *weight; /* [n_lines] angular frequency; column scale sqrt(s), s with maximum 1 */
} GpDictionary;

PetscErrorCode GpDictionaryCreate(PetscReal lower, PetscReal length, PetscInt n_lines, const PetscReal omega[], const PetscReal s[], PetscInt n_background,
                                  GpDictionary *dict);
PetscErrorCode GpDictionaryEvaluate(const GpDictionary *dict, PetscInt order, PetscInt n, const PetscReal x[], PetscReal *phi);
PetscErrorCode GpDictionaryDestroy(GpDictionary *dict);

/* ---- screen.c ---- */
PetscErrorCode GpScreen(PetscInt n, PetscInt extension, PetscReal beta, PetscInt columns, const PetscReal *y, PetscInt *n_bins, PetscReal **amplitude);

/* ---- identify.c ---- */
typedef enum {
  GP_POLYNOMIAL, /* no lines: Chebyshev nodes */
  GP_IDENTIFIED, /* sparse, by evidence */
  GP_FLAT,       /* all bins below 0.6 of the highest, weight 1 */
  GP_SCREENED,   /* bins up to the highest one seen by the window, weighted by their amplitude */
  GP_PERIODIC    /* waves of the box itself, those that the data show */
} GpSpectrumMode;

typedef struct {
  PetscInt64  mode, extension, candidates, iterations;
  PetscInt64  n;   /* lines */
  PetscInt64 *bin; /* [n] omega = bin 2 pi / (extension L) */
  PetscInt64  n_s;
  PetscReal  *s;   /* [n_s = n] variance of the coefficients in the data, largest 1 */
  PetscReal   fit; /* |Y - Psi c| / |Y| */
} GpSpectrum;

/* Between evidence iterations: what a restart needs (the data and the dictionary are made again). */
typedef struct {
  PetscBool   active, screened;
  PetscInt64  n_bins, n_s;
  PetscInt64 *bin;
  PetscReal  *s;
  PetscInt64  iteration;
  PetscReal   sigma, change, fit;
  /* not state */
  PetscInt    n_columns, n_rhs;
  PetscReal   noise;
  PetscInt   *group;
  PetscReal  *psi, *y;
} GpIdentify;

PetscErrorCode GpIdentifyData(GpPde *gp, PetscInt d, PetscInt *n_columns, PetscReal **y, PetscReal *noise); /* noise of y as given with the source; collective */
PetscErrorCode GpIdentifyStep(GpPde *gp, PetscInt d, PetscInt extension, PetscBool *done, PetscBool *tripped);
PetscErrorCode GpIdentifyDense(GpPde *gp, PetscInt d, GpSpectrumMode mode);
PetscErrorCode GpIdentifyReset(GpIdentify *work);
PetscErrorCode GpIdentifyState(GpIdentify *work, TesState state);
PetscErrorCode GpSpectrumCopy(const GpSpectrum *from, GpSpectrum *to);
PetscErrorCode GpSpectrumReset(GpSpectrum *spectrum);
PetscErrorCode GpSpectrumState(GpSpectrum *spectrum, const char name[], TesState state);

/* ---- reduce.c: bases of one dimension ---- */
typedef struct {
  GpDictionary dict;
  PetscInt     r, k, m;  /* functions with zero traces; functions for data of other dimensions; traces of this dimension */
  PetscReal   *inner;    /* [columns][r] */
  PetscReal   *scale;    /* [r] singular values: inner times diag(scale) are whitened coordinates */
  PetscReal   *trace;    /* [columns][k] */
  PetscReal   *lift;     /* [columns][m] dual to the traces */
  PetscReal   *test;     /* [r][n] */
  PetscReal   *fit;      /* [k][n] data on the nodes -> coefficients of the trace functions */
  PetscReal   *a;        /* [r][r] Galerkin: the operator of this dimension, projected; marching: discrete integration C */
  PetscReal   *end;      /* [m][k] traces of the trace functions */
} GpBasis;

typedef enum { GP_VALUE, GP_FIRST, GP_SECOND, GP_OPERATOR, GP_KINDS } GpWhat; /* GP_OPERATOR: second_d u'' + first_d u' */
#define GP_BIT(what) (1u << (what))

/* values and derivatives of the bases at some points; NULL where not asked for */
typedef struct {
  PetscInt   n;
  PetscReal *inner[GP_KINDS], *trace[GP_KINDS], *lift[GP_KINDS]; /* [n][r], [n][k], [n][m] */
} GpBasisAt;

PetscBool      GpLeastSquares(const GpPde *gp); /* test functions from the image of the whole operator */
PetscErrorCode GpBasisCreate(GpPde *gp, PetscInt d, const GpSpectrum *spectrum, PetscInt background, GpBasis *basis);
PetscErrorCode GpBasisEvaluate(const GpPde *gp, PetscInt d, const GpBasis *basis, PetscInt n, const PetscReal x[], unsigned kinds, GpBasisAt *at);
PetscErrorCode GpBasisAtDestroy(GpBasisAt *at);
PetscErrorCode GpBasisDestroy(GpBasis *basis);

/* ---- lift.c, solve.c: a function u_h = lift + core in the reduced bases ---- */
#define GP_SUBSETS 7

typedef struct {
  PetscBool  ready;
  PetscInt   background, shown;
  PetscInt   r[GP_DIM];
  GpBasis    basis[GP_DIM];
  PetscInt   lift_size[GP_SUBSETS][GP_DIM];
  PetscReal *lift[GP_SUBSETS]; /* cores of the Boolean sum, by (subset mask - 1); NULL when all zero */
  PetscInt64 n_core, n_core_state;
  PetscReal *core;             /* [r_2][r_1][r_0] */
} GpSolution;

PetscErrorCode GpLiftCreate(GpPde *gp, GpSolution *solution);

/* Which part of u_h, and which derivative, to evaluate. */
typedef struct {
  PetscBool lift, inner;
  PetscInt  dim;  /* the dimension in which `what` is taken; values in the others */
  GpWhat    what;
} GpPart;

PetscErrorCode GpSolutionCreate(GpPde *gp, const GpSpectrum spectrum[], PetscInt background, GpSolution *solution);
PetscErrorCode GpSolutionEvaluate(GpPde *gp, const GpSolution *solution, const GpBasisAt at[], const GpPointSet *set, GpPart part, PetscReal *out);
PetscErrorCode GpSolutionSeparable(GpPde *gp, const GpSolution *solution, const GpBasisAt at[], const GpPointSet *set, PetscBool lift, PetscBool inner,
                                   PetscReal *out); /* S of it */
PetscErrorCode GpSolutionFields(GpPde *gp, const GpSolution *solution, const GpBasisAt at[], const GpPointSet *set, PetscBool lift, PetscBool inner, GpFields *fields);
PetscErrorCode GpSolutionAt(GpPde *gp, const GpSolution *solution, const GpPointSet *set, unsigned kinds, GpBasisAt at[]);
unsigned       GpKindsNeeded(const GpPde *gp); /* for S and N */
PetscErrorCode GpSolutionValues(GpPde *gp, const GpSolution *solution, const GpPointSet *set, PetscReal *u);
PetscErrorCode GpSolutionDestroy(GpSolution *solution);

/* S, projected, by one of three solvers: a Kronecker sum; space diagonalised and time marched; several of three dimensions marched. */
typedef struct {
  TesKronSum    kron;
  TesKronMarch  march;
  TesKronPencil pencil;
  PetscReal     smallest; /* |S_p g| >= smallest |g|, 0 if not known: smallest singular value (1-D) or |eigenvalue| */
} GpLinear;

PetscErrorCode GpLinearCreate(GpPde *gp, const GpSolution *solution, GpLinear *linear);
PetscErrorCode GpLinearSolve(const GpLinear *linear, const PetscReal *rhs, PetscReal *g);
PetscErrorCode GpLinearApply(const GpLinear *linear, const PetscReal *g, PetscReal *y);
PetscErrorCode GpLinearDestroy(GpLinear *linear);
PetscErrorCode GpStability(GpPde *gp, const GpLinear *linear, PetscReal *lambda); /* |u| <= |residual| / lambda */

/* The projected problem of one attempt: everything that its solve and its Newton steps use. */
typedef struct {
  PetscBool  ready;
  GpLinear   linear;
  PetscReal *rhs;  /* core of f - S lift */
  GpFields   lift; /* on the nodes, what N needs of it */
  GpBasisAt  at[GP_DIM];
} GpProjected;

PetscErrorCode GpProjectedCreate(GpPde *gp, const GpSolution *solution, GpProjected *projected);
PetscErrorCode GpProjectedCompress(GpPde *gp, const GpSolution *solution, const PetscReal *values, PetscReal *core);
PetscErrorCode GpProjectedStart(GpPde *gp, const GpProjected *projected, GpSolution *solution); /* linear problem; pass 2: with n(u_best) as known source */
PetscErrorCode GpProjectedDestroy(GpProjected *projected);
PetscErrorCode GpMapSolve(GpPde *gp, const GpProjected *projected, GpSolution *solution); /* map.c: noisy source, from the collocation solution in the core */

/* The error bound of section 3 and its ingredients. */
typedef struct {
  PetscReal excess; /* of the residual, what noise of the given size does not explain, and what of the noise the solution took over; without noise the residual */
  PetscReal residual, misfit, size, source; /* rms of the residual, largest error of the traces (as a value of u), rms of u_h, rms of f */
  PetscReal bound;
} GpBound;

PetscErrorCode GpBoundCompute(GpPde *gp, const GpSolution *solution, const GpProjected *projected, GpBound *bound);

/* ---- posterior.c ---- */
PetscBool      GpPosteriorWanted(const GpPde *gp);
PetscErrorCode GpPosterior(GpPde *gp, const GpSolution *solution, const GpProjected *projected, PetscReal sigma_n, const GpPointSet *set, PetscReal *sd); /* sigma_n: noise of the equation on the nodes */
PetscErrorCode GpReportPosterior(GpPde *gp, const GpProjected *projected, PetscReal sigma_n, TesReport report);                                          /* of gp->best, after GpReportFields */

/* ---- newton.c ---- */
/* F(g); the tangent of N at g; J dg with that tangent. work: as GpFieldsCreate makes it */
PetscErrorCode GpNewtonResidual(GpPde *gp, const GpProjected *projected, const GpSolution *solution, const PetscReal *g, GpFields *work, PetscReal *y);
PetscErrorCode GpNewtonLinearize(GpPde *gp, const GpProjected *projected, const GpSolution *solution, const PetscReal *g, GpFields *work, GpFields *slope);
PetscErrorCode GpNewtonJacobian(GpPde *gp, const GpProjected *projected, const GpSolution *solution, const GpFields *slope, const PetscReal *dg, GpFields *work, PetscReal *y);
PetscErrorCode GpNewtonAskOptions(GpPde *gp); /* make and drop the objects, so that PETSc knows the options that they take */
PetscErrorCode GpNewtonStep(GpPde *gp, GpProjected *projected, GpSolution *solution, PetscBool *converged, PetscBool *failed);

/* ---- refine.c ---- */
typedef enum { GP_PHASE_IDENTIFY, GP_PHASE_ATTEMPT, GP_PHASE_NEWTON, GP_PHASE_DONE } GpPhase;

typedef struct { /* reals, so that the table is one array of the state and of the result */
  PetscReal mode, extension, pass, background, unknowns, newton, bound, residual, misfit, chosen;
} GpAttempt;
#define GP_ATTEMPT_WIDTH ((PetscInt)(sizeof(GpAttempt) / sizeof(PetscReal)))

typedef struct {
  PetscReal attempt, iteration, update, residual, gmres;
} GpNewtonRow;
#define GP_NEWTON_WIDTH ((PetscInt)(sizeof(GpNewtonRow) / sizeof(PetscReal)))

typedef struct { /* an attempt that may still become the candidate of its pass */
  PetscInt   background;
  PetscInt   row; /* in the table of attempts */
  PetscReal  bound;
  PetscInt64 n;
  PetscReal *core;
} GpKept;

extern const char *const gp_mode_names[]; /* by GpSpectrumMode; refine.c */
PetscErrorCode GpRefineBest(GpPde *gp); /* make u_best's bases if they are not there */
/* refine_state.c */
PetscErrorCode GpRefineAttemptAdd(GpPde *gp, const GpAttempt *row);
PetscErrorCode GpNewtonRowAdd(GpPde *gp, const GpNewtonRow *row);
GpAttempt     *GpRefineAttempts(GpPde *gp, PetscInt *n);
PetscErrorCode GpRefineState(GpPde *gp, TesState state);

/* ---- check.c, report.c ---- */
PetscErrorCode GpCheck(TesProblem problem);
PetscErrorCode GpEstimate(TesProblem problem, TesEstimate *estimate);
PetscErrorCode GpRefineEstimate(TesProblem problem, GpPde *gp, TesEstimate *estimate);
PetscErrorCode GpRefineFinish(TesProblem problem, GpPde *gp, TesReport report);
PetscErrorCode GpReportDestroy(GpPde *gp);
PetscInt       GpTestPoints(const GpPde *gp); /* per dimension */
/* u and, against a known solution, the error, on the test points; u = values(set) */
PetscErrorCode GpReportFields(GpPde *gp, TesReport report, PetscErrorCode (*values)(GpPde *gp, const GpPointSet *set, PetscReal *u));
/* a column of a table of the result (NULL: 1, 2, 3...), kept until the problem is destroyed */
PetscErrorCode GpReportColumn(GpPde *gp, TesReport report, const char name[], PetscInt64 n, const PetscReal *first, PetscInt stride, const char unit[], const char long_name[], PetscReal scale);
extern const TesFigure gp_figures[];

struct _GpPde {
  /* from the deck */
  struct {
    TesReals lower, upper;
    TesInts  points, nodes;
  } domain;
  struct {
    int       kind;
    PetscReal k2, beta, diffusion, rate, speed, zeroth;
    TesReals  second, first;
    TesExpr   variable_coefficient;
  } equation;
  struct {
    int         from;
    TesExpr     expression;
    const char *file, *dataset;
    PetscReal   noise_sd;
  } source;
  struct {
    TesInts     kind;
    int         from;
    TesReals    robin;
    TesExprs    expression;
    const char *file, *group;
  } boundary;
  struct {
    int     name;
    TesExpr expression;
  } manufactured;
  struct {
    PetscBool identify;
    TesInts   extension;
    PetscReal max_fraction;
    TesIntOr  background;
    PetscReal screen_beta, screen_threshold;
    PetscInt  max_candidates, iterations;
    PetscReal prune, sigma_floor, sigma_factor;
  } spectrum;
  struct {
    int       kind;
    PetscReal rtol;
    PetscInt  max_newton;
    PetscReal gmres_rtol;
    PetscInt  restart;
    PetscReal truncation;
  } solver;
  struct {
    PetscBool enable;
    PetscReal error_bound_target;
  } refine;
  struct {
    TesInts     unknown;
    TesReals    initial;
    const char *data;
    PetscInt    synthetic;
    PetscReal   noise_sd;
  } inverse;
  struct {
    int       family;
    PetscReal nu;
    PetscInt  components;
    PetscReal freq_scale;
  } kernel;
  struct {
    PetscInt64 epochs;
    PetscReal  learning_rate;
    TesRealOr  boundary_weight;
    PetscReal  jitter, freeze_after;
    TesIntOr   epochs_per_step;
  } reference;
  struct {
    TesIntOr test_points;
    int      posterior_sd; /* auto, true, false */
  } output;

  /* resolved from it (GpDataSetUp) */
  MPI_Comm          comm;
  TesProblem        problem;
  PetscInt          dim;
  PetscInt64        n[GP_DIM];
  PetscReal         lower[GP_DIM], length[GP_DIM];
  PetscInt          nodes[GP_DIM]; /* TesNodes */
  const GpEquation *eq;
  PetscReal         second[GP_DIM], first[GP_DIM], zeroth; /* S */
  PetscInt          time, time_order;                      /* the dimension that is time, or -1; order of its derivative */
  PetscBool         periodic[GP_DIM];
  PetscBool         marching[GP_DIM]; /* traces at one end only: time, and space under a first-order operator */
  PetscInt          n_trace[GP_DIM];
  GpTrace           trace[GP_DIM][2];
  PetscBool         remainder;        /* N is not zero */
  PetscBool         singular;         /* a constant is undetermined: Neumann and periodic sides only, and no zeroth-order term */
  TesExpr           truth, truth_first[GP_DIM], truth_second[GP_DIM]; /* u and its derivatives, NULL without a manufactured solution */
  TesExpr           coefficient, coefficient_first[GP_DIM];           /* variable coefficient a, or NULL */
  PetscReal         coefficient_mean;                                 /* 1 without one */
  GpFields          a_grid, a_middle;
  PetscReal        *weight[GP_DIM];   /* sqrt of the quadrature weights; ones on uniform nodes */
  GpPointSet        grid, middle;     /* nodes; midpoints between them */
  PetscReal        *f;                /* [grid] */
  PetscReal        *f_middle;         /* [middle], NULL if the source is known on the nodes only */
  PetscReal        *known;            /* [grid] the source that is identified where it is not f: f / a in pass 1, f - N(u_best) in pass 2 */
  PetscBool         known_ready;
  PetscReal        *face[GP_DIM][2];        /* trace data on the nodes of each face, on every rank */
  PetscReal        *face_middle[GP_DIM][2]; /* between them; NULL if not known there */
  PetscReal         face_max;
  struct {                                  /* data of pass 1 for the identification, the same for all extensions */
    PetscInt   n_columns;
    PetscReal *y, noise;
  } first_data[GP_DIM];

  PetscInt             route;    /* GpRouteNumber; state */
  struct _GpTraining  *training; /* reference.c */
  struct _GpFourier   *fourier;  /* fourier.c */
  struct _GpInverse   *inverse_work; /* inverse.c */

  /* the refine loop: state, see refine.c */
  PetscInt     stage, pass, which, newton, n_kept;
  PetscInt64   phase;
  PetscBool    broadband, tripped[GP_DIM];
  PetscReal    newton_update, last_bound, sigma;
  GpSpectrum   spectra[GP_DIM], best_spectra[GP_DIM];
  GpIdentify   work;
  GpKept       kept[GP_BACKGROUNDS];
  char         refusal[512]; /* why the last attempt that was refused could not be solved; not state */
  PetscBool    has_best;
  PetscReal    best_bound;
  PetscInt     best_background, best_row;
  PetscInt64   n_attempts, n_newton;
  PetscReal   *attempts, *newton_rows;

  /* made from the state when needed */
  GpSolution  attempt, best;
  GpProjected projected;

  /* for the report */
  PetscReal *columns[48]; /* arrays that the report borrows */
  PetscInt   n_columns;
  TesGrid    test_grid;
  TesField   u_field, error_field, sd_field;
};
