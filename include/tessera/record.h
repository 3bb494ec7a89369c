#pragma once
/* What a problem says while it runs and when it ends. Interfaces only: io and driver implement them, so problems, tensor and optim never
   see a file. */
#include <tessera/state.h>

typedef struct _p_TesField *TesField; /* grid.h */

/* ---- progress: filled by a problem's step ---- */
typedef struct {
  PetscReal   done, total;   /* in any unit, for the progress bar and the ETA; total 0: unknown */
  PetscReal   work;          /* work of this step in the kind's work_unit ("images"): the report prints it per second */
  const char *merit_name;    /* figure of merit to show, or NULL; a string that lives as long as the problem */
  PetscReal   merit;
  char        phase[64];     /* what the step did, in a few words: "newton 3", "epoch 7/40" */
  PetscBool   finished;      /* no further step is needed */
} TesProgress;

/* ---- series: rows of scalars, and field snapshots that are due ---- */
typedef struct _p_TesSeries *TesSeries;

/*@
  TesSeriesReal       - one value of the present row; name as in /observables/<name>
  TesSeriesRealStderr - the same with its standard error
  TesSeriesTime       - the physical time of the row (default: the step number)
  TesSeriesAfresh     - no row belongs to this step, and the rows before it are dropped: a kind whose rows come at its end (means over samples) has none
                        before, and none of before when it takes up its sampling again. Snapshots of fields stay
  TesSeriesField      - a field for the snapshot, when one is due; borrowed until observe returns
  TesSeriesWants      - is a snapshot of the fields due at this step? (saves work that only snapshots need)

  Collective; all ranks give the same values. The first row fixes the columns; a column not given in a later row is NaN there.
  Attribute `unit` may be NULL. TesSeriesReal values are physics: figures of time or speed go through TesSeriesTiming, so that compare
  skips them.
@*/
PetscErrorCode TesSeriesReal(TesSeries series, const char name[], const char unit[], PetscReal value);
PetscErrorCode TesSeriesRealStderr(TesSeries series, const char name[], const char unit[], PetscReal value, PetscReal standard_error);
PetscErrorCode TesSeriesTiming(TesSeries series, const char name[], const char unit[], PetscReal value);
PetscErrorCode TesSeriesTime(TesSeries series, PetscReal time);
PetscErrorCode TesSeriesAfresh(TesSeries series);
PetscErrorCode TesSeriesField(TesSeries series, TesField field);
PetscBool      TesSeriesWants(TesSeries series);

/*@
  TesSeriesSkip - there is nothing to record at this step: the row is dropped. Collective; nothing else may be given to the row
@*/
PetscErrorCode TesSeriesSkip(TesSeries series);

/* ---- report: the final figures and arrays, for result.h5 and the table on the screen ---- */
typedef struct _p_TesReport *TesReport;

/* What stands beside a figure; every member may be left out. */
typedef struct {
  const char *unit;
  const char *help;          /* one line: what it is */
  PetscBool   has_reference;
  PetscReal   reference;     /* published or exact value */
  const char *source;        /* where the reference is from */
  PetscBool   certified;     /* verified by the program itself (a residual, a bound), not just computed */
  PetscBool   timing;        /* a figure of time or speed: compare skips it */
  PetscReal   scale;         /* for compare --rtol: what the figure is relative to (errors and residuals); 0: its own size */
  PetscBool   failed;        /* missed its target: the table says so */
} TesFigureNote;

/*@
  TesReportReal  - a figure /report/<name> in result.h5 and a line of the final table
  TesReportInt   - the same for a whole number
  TesReportText  - a text figure
  TesReportArray - an array anywhere in result.h5 ("spectrum/x/omega"); item->data is borrowed until the problem is destroyed; scale as
                   above, 0 for none
  TesReportField - a field as /fields/<name>; borrowed until the problem is destroyed. scale: what the field is relative to in
                   compare --rtol (max|u| for an error field), 0 for none
  TesReportSay   - a free line below the table

  Collective; all ranks give the same values. Texts are copied.
@*/
PetscErrorCode TesReportReal(TesReport report, const char name[], PetscReal value, const TesFigureNote *note);
PetscErrorCode TesReportInt(TesReport report, const char name[], PetscInt64 value, const TesFigureNote *note);
PetscErrorCode TesReportText(TesReport report, const char name[], const char text[], const TesFigureNote *note);
PetscErrorCode TesReportArray(TesReport report, const TesStateItem *item, PetscReal scale);
PetscErrorCode TesReportField(TesReport report, TesField field, PetscReal scale);
PetscErrorCode TesReportSay(TesReport report, const char format[], ...) __attribute__((format(printf, 2, 3)));
