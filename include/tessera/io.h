#pragma once
/* The files of a run: checkpoints with generations, series, snapshots with XDMF, results, provenance; compare and info. */
#include <tessera/deck.h>
#include <tessera/h5.h>
#include <tessera/problem.h>

/* ---- provenance: how a file was made ---- */
typedef struct {
  const char *kind;       /* problem kind */
  const char *reference;  /* papers to cite */
  const char *deck;       /* resolved deck */
  PetscInt64  seed;
  int         ranks;
  PetscInt64  step;
  int         state_format;
  PetscReal   wall_seconds; /* of this process */
  PetscInt    n_phases;
  const TesPhaseTime *phases;
} TesProvenance;

/*@
  TesFileAddProvenance - /provenance: resolved deck and its hash, kind, versions (tessera, git, PETSc, MPI, HDF5, FFTW, BLAS), instruction set, ranks, seed, date, seconds per phase
  TesHashText - 64-bit FNV-1a of a text, as 16 hex digits
@*/
PetscErrorCode TesFileAddProvenance(TesFile file, const TesProvenance *provenance);
void           TesHashText(const char text[], char hex[17]);

/* ---- checkpoints ---- */
typedef struct _p_TesCheckpoints *TesCheckpoints; /* a folder of generations */

#define TES_CHECKPOINT_FORMAT 1

/*@
  TesCheckpointsCreate - the checkpoint folder of a run (made when first written); removes left-over .part files

  Collective

  Input Parameters:
+ comm   - the communicator
. folder - "<output>/checkpoint"
- keep   - generations to keep, >= 1
@*/
PetscErrorCode TesCheckpointsCreate(MPI_Comm comm, const char folder[], PetscInt keep, TesCheckpoints *checkpoints);
PetscErrorCode TesCheckpointsDestroy(TesCheckpoints *checkpoints);

/* What describes a state: the problem's own visitor function plus, from the driver, run-wide items. */
typedef PetscErrorCode (*TesStateFunction)(void *ctx, TesState state);

/*@
  TesCheckpointsSave - write generation <step> (checkpoint/000120.h5) and drop the oldest beyond `keep`

  Collective

  Input Parameters:
+ checkpoints - the folder
. step        - number of steps done
. describe    - names every item of the state to a visitor
. ctx         - passed to describe
- provenance  - resolved deck, kind, state format...

  Output Parameters:
+ bytes   - size, may be NULL
- seconds - what it took, may be NULL

  TES_ERR_WORLD on failure; older generations are whole then.
@*/
PetscErrorCode TesCheckpointsSave(TesCheckpoints checkpoints, PetscInt64 step, TesStateFunction describe, void *ctx, const TesProvenance *provenance,
                                  PetscInt64 *bytes, PetscReal *seconds);

/*@
  TesCheckpointsOpen - find the newest valid generation and open it

  Collective

  Output Parameters:
+ found - PETSC_FALSE if there is no checkpoint at all. If there are some but none is valid: TES_ERR_WORLD, each named with its fault
- said  - what was passed over and why ("checkpoint/000120.h5: checksum differs; taking 000100"), "" if nothing; owned by checkpoints

  TesCheckpointsStep, TesCheckpointsText - of the open generation: its step; a text of its provenance ("kind", "deck", "isa", "version")
  TesCheckpointsRestore - run the visitor that restores the state
  TesCheckpointsClose - close the open generation
@*/
PetscErrorCode TesCheckpointsOpen(TesCheckpoints checkpoints, PetscBool *found, const char **said);
PetscInt64     TesCheckpointsStep(TesCheckpoints checkpoints);
PetscErrorCode TesCheckpointsText(TesCheckpoints checkpoints, const char name[], char **text); /* the caller frees; NULL if absent */
PetscErrorCode TesCheckpointsRestore(TesCheckpoints checkpoints, TesStateFunction describe, void *ctx);
PetscErrorCode TesCheckpointsClose(TesCheckpoints checkpoints);

/*@
  TesStateSave - write a state once to a file of any name, in the layout of a checkpoint (a post-mortem is no generation). Collective
@*/
PetscErrorCode TesStateSave(MPI_Comm comm, const char path[], PetscInt64 step, TesStateFunction describe, void *ctx, const TesProvenance *provenance);

/* ---- series and snapshots: an implementation of TesSeries ---- */

/*@
  TesSeriesCreate - the series of a run: rows are kept on rank 0, travel with the checkpoint (TesSeriesState) and are written as a whole, atomically

  Collective

  Input Parameters:
+ comm   - the communicator
- folder - output folder: series.h5, series.csv, fields/, fields.xmf
@*/
PetscErrorCode TesSeriesCreate(MPI_Comm comm, const char folder[], PetscBool csv, TesSeries *series);
PetscErrorCode TesSeriesDestroy(TesSeries *series);
PetscErrorCode TesSeriesBeginRow(TesSeries series, PetscInt64 step, PetscBool snapshot_due); /* a row of the same step replaces the old one */
PetscErrorCode TesSeriesEndRow(TesSeries series, const TesProvenance *provenance);           /* writes the snapshot fields/<step>.h5 if fields were given */
PetscErrorCode TesSeriesWrite(TesSeries series, const TesProvenance *provenance);            /* series.h5 (+ csv) and fields.xmf */
PetscErrorCode TesSeriesState(TesSeries series, TesState state);                             /* rows and the list of snapshots, for the checkpoint */
PetscErrorCode TesSeriesCutAfter(TesSeries series, PetscInt64 step);                         /* drop rows and snapshot files after a step */

/* ---- report and result file: an implementation of TesReport ---- */
PetscErrorCode TesReportCreate(MPI_Comm comm, TesReport *report);
PetscErrorCode TesReportDestroy(TesReport *report);
PetscErrorCode TesReportWrite(TesReport report, const char path[], const TesProvenance *provenance); /* result.h5 and, for its fields, fields.xmf beside it if there are no snapshots */
PetscErrorCode TesReportTable(TesReport report, char **text);                 /* the table for the screen; the caller frees */
PetscErrorCode TesReportFind(TesReport report, const char name[], PetscBool *found, PetscReal *value);
PetscErrorCode TesReportFailed(TesReport report, PetscBool *failed);          /* is any figure marked as having missed its target? */
PetscErrorCode TesReportTableFromFile(MPI_Comm comm, const char path[], char **text, PetscBool *failed); /* the table of a finished run */

/* ---- looking at files ---- */

/*@
  TesCompare - where two results differ first

  Collective (rank 0 works)

  Input Parameters:
+ a, b - files or run folders
- rtol - negative: the same bits; else |a - b| <= rtol max(max|a|, scale) in each dataset

  Output Parameters:
+ different - PETSC_TRUE if they do
- text      - what was compared, or dataset, index, both values, distance in ulps of the first difference and the count; the caller frees

  Skips /provenance and what carries the attribute `timing`. Folders: result.h5, series.h5 and every fields/NNN.h5; what only one has is a difference.
@*/
PetscErrorCode TesCompare(MPI_Comm comm, const char a[], const char b[], PetscReal rtol, PetscBool *different, char **text);

/*@
  TesInfo - what a result or checkpoint holds, and how it was made, as text; the caller frees. Collective (rank 0 works)
@*/
PetscErrorCode TesInfo(MPI_Comm comm, const char path[], char **text);

/*@
  TesPlot - draw the figures of a run as PNG by gnuplot, from its files alone

  Not Collective: rank 0 calls it

  Input Parameters:
+ path   - run folder, or a result or series file
. output - folder for the PNGs, NULL: <folder>/plots
- kinds  - NULL-terminated list of kinds; the one named in /provenance says which figures there are

  Output Parameter:
. text - one line per figure drawn ("plots/solution.png"); the caller frees. TES_ERR_WORLD with a remedy if gnuplot is missing or fails
@*/
PetscErrorCode TesPlot(const char path[], const char output[], const TesProblemKind *const kinds[], char **text);

/*@
  TesVersionText - version, git revision, library versions, instruction set, BLAS; the caller frees
@*/
PetscErrorCode TesVersionText(char **text);
