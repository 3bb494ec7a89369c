#pragma once
/* The contract between the driver and a kind of problem: one constant table of function pointers. The driver knows nothing about physics; a kind knows
   nothing about signals, clocks, files or command lines.

   Order of calls:  [deck filled into ctx] check -> estimate -> setup -> (start | state:restore) -> [ step -> observe -> state:save? ]* -> finish -> destroy
   destroy is called on half-built contexts too. Optional entries are NULL. */
#include <tessera/deck.h>
#include <tessera/grid.h>
#include <tessera/record.h>
#include <tessera/state.h>
#include <tessera/timing.h>

typedef struct _p_TesProblem *TesProblem; /* one problem of one run; the driver owns it */

/* What a run will need, for a rank count that need not be ours. Bytes and work are the kind's own; the driver adds nothing. */
typedef struct {
  int        ranks;           /* in: plan for this many ranks */
  int        usable_ranks;    /* out: how many can work; default ranks */
  PetscReal  bytes_per_rank;  /* out: largest over the ranks */
  PetscReal  bytes_sent;      /* out: per step and rank */
  PetscReal  bytes_output;    /* out: result and one checkpoint */
  PetscReal  steps;           /* out: expected number of steps, 0 unknown */
  PetscReal  work;            /* out: per step, in the kind's work_unit */
  char       note[512];       /* out: one line to print, "" for none */
} TesEstimate;

/* One picture that `tessera plot` draws from the files alone. */
typedef enum {
  TES_FIGURE_LINES,  /* curves y(x), several datasets y */
  TES_FIGURE_STEMS,  /* impulses: spectra */
  TES_FIGURE_POINTS, /* symbols, with error bars if `errors` is given */
  TES_FIGURE_IMAGE   /* a field: 1-D as a curve, 2-D as a colour map, 3-D as three middle slices */
} TesFigureSort;

#define TES_FIGURE_CURVES 6

typedef struct {
  const char   *name;                      /* file name of the PNG */
  TesFigureSort sort;
  const char   *title;
  const char   *file;                      /* "result" or "series" */
  const char   *x;                         /* dataset of the abscissa; NULL: index; IMAGE: taken from the field's coordinates */
  const char   *y[TES_FIGURE_CURVES + 1];  /* datasets, NULL-terminated; IMAGE: the field; a name ending in * takes every dataset that begins so */
  const char   *legend[TES_FIGURE_CURVES]; /* NULL: dataset name */
  const char   *errors[TES_FIGURE_CURVES]; /* datasets of error bars, or NULL; ending in * beside a y that does: the error of each, drawn if there are any */
  const char   *x_label, *y_label;         /* with units; NULL: from the dataset's attributes */
  PetscBool     log_x, log_y;
  const char   *when;                      /* "key=word|word": drawn only if a key at the top level of the resolved deck has one of these values; NULL: always */
} TesFigure;                               /* drawn when all its datasets exist; the table ends with .name = NULL */

typedef struct {
  const char      *name;      /* value of `problem:` in the deck, also the folder name */
  const char      *summary;   /* one line for `tessera list` */
  const char      *reference; /* papers that the method is from, to cite */
  const TesKey    *keys;      /* deck schema */
  size_t           ctx_size;  /* size of this kind's context; zeroed by the driver, filled from the deck */
  const char      *work_unit; /* what TesProgress counts: the report prints it per second */
  const char      *step_unit; /* what a step is, for `describe`: "one Newton iteration" */
  const TesFigure *figures;   /* what `tessera plot` draws */
  int              state_format; /* number of the layout of the state: raise it when state() changes */

  PetscErrorCode (*check)(TesProblem);                   /* physics of the deck: report with TesDeckComplain(), allocate nothing big */
  PetscErrorCode (*estimate)(TesProblem, TesEstimate *); /* for estimate->ranks ranks, which need not be ours */
  PetscErrorCode (*setup)(TesProblem);                   /* fields, plans, operators; collective */
  PetscErrorCode (*start)(TesProblem);                   /* state of a fresh run */
  PetscErrorCode (*step)(TesProblem, TesProgress *);     /* one unit of work, at most a few seconds */
  PetscErrorCode (*observe)(TesProblem, TesSeries, PetscBool last); /* scalars and fields that are due */
  PetscErrorCode (*state)(TesProblem, TesState);         /* names every item of state */
  PetscErrorCode (*finish)(TesProblem, TesReport);       /* final figures, each with its reference where one exists */
  PetscErrorCode (*destroy)(TesProblem);
  PetscBool      keeps_fields;                           /* observe gives fields: `output.fields` has an effect */
} TesProblemKind;

/*@
  TesProblemCtx      - the kind's context, filled from the deck
  TesProblemComm     - the communicator of the run
  TesProblemSeed     - run.seed
  TesProblemReproducible - run.reproducible
  TesProblemTimers   - where to count phases
  TesProblemDeck     - the deck (TesDeckHas, input folder)
  TesProblemStep     - number of steps done
  TesProblemOutputPath - a path inside the output folder, for data sets that a kind writes itself; the caller frees it. During check and estimate
                       the folder may not exist

  Not Collective
@*/
void          *TesProblemCtx(TesProblem problem);
MPI_Comm       TesProblemComm(TesProblem problem);
PetscInt64     TesProblemSeed(TesProblem problem);
PetscBool      TesProblemReproducible(TesProblem problem);
TesTimers      TesProblemTimers(TesProblem problem);
TesDeck        TesProblemDeck(TesProblem problem);
PetscInt64     TesProblemStep(TesProblem problem);
PetscErrorCode TesProblemOutputPath(TesProblem problem, const char name[], char **path);

/*@
  TesProblemOwnText - the lines of a resolved deck that belong to the kind: all but the sections that every run has (run, output, checkpoint, parallel, petsc) and comments

  Not Collective

  Input Parameters:
+ resolved - text from TesDeckResolved, or stored with a checkpoint
- without  - further sections to leave out, each with its colon, NULL at the end; or NULL

  Output Parameter:
. own - the text that is left; the caller frees it with PetscFree
@*/
PetscErrorCode TesProblemOwnText(const char resolved[], const char *const without[], char **own);

/*@
  TesDeckComplain - add a complaint about a key of this problem's deck (see TesDeckComplainKey)
@*/
#define TesDeckComplain(problem, ...) TesDeckComplainKey(TesProblemDeck(problem), __VA_ARGS__)

/*@
  TesProblemSay - a line in the run's log and on the terminal (rank 0 speaks)

  Not Collective (all ranks may call it)
@*/
PetscErrorCode TesProblemSay(TesProblem problem, const char format[], ...) __attribute__((format(printf, 2, 3)));
