/* The series of a run: rows in memory, the same on every rank; columns by name.

     /step i64, /time, /observables/<name>, /stderr/<name>   one entry per row; figures of time or speed carry the attribute timing = 1
     fields/000120.h5                                        a snapshot, at the rows where one is due

   Rows travel with the checkpoint and series.h5 is written anew as a whole each time, so a kill cannot ruin rows that a checkpoint covers and no row is there
   twice. Cost: 8 bytes per value and row in memory; a write costs the size of the series. The writing of files is in series_files.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "series_private.h"

PetscErrorCode TesSeriesCreate(MPI_Comm comm, const char folder[], PetscBool csv, TesSeries *series)
{
  TesSeries s;

  PetscFunctionBegin;
  PetscCall(PetscNew(&s));
  s->comm = comm;
  PetscCallMPI(MPI_Comm_rank(comm, &s->rank));
  PetscCall(PetscStrallocpy(folder, &s->folder));
  PetscCall(PetscStrallocpy("", &s->layout));
  s->csv  = csv;
  *series = s;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ClearColumns(TesSeries s)
{
  PetscFunctionBegin;
  for (int c = 0; c < s->n_columns; c++) {
    PetscCall(PetscFree(s->column[c].name));
    PetscCall(PetscFree(s->column[c].unit));
    PetscCall(PetscFree(s->column[c].value));
  }
  PetscCall(PetscFree(s->column));
  s->n_columns = s->max_columns = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesDestroy(TesSeries *series)
{
  TesSeries s = *series;

  PetscFunctionBegin;
  if (!s) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(ClearColumns(s));
  PetscCall(TesFieldSetClear(&s->fields));
  PetscCall(PetscFree(s->folder));
  PetscCall(PetscFree(s->layout));
  PetscCall(PetscFree(s->step));
  PetscCall(PetscFree(s->time));
  PetscCall(PetscFree(s->shot_step));
  PetscCall(PetscFree(s->shot_time));
  PetscCall(PetscFree(s));
  *series = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- rows ---- */

static PetscErrorCode Enlarge(PetscInt64 used, PetscInt64 room, size_t size, void **array)
{
  void *bigger;

  PetscFunctionBegin;
  PetscCall(PetscMalloc((size_t)room * size, &bigger));
  if (used) memcpy(bigger, *array, (size_t)used * size);
  PetscCall(PetscFree(*array));
  *array = bigger;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Room for one more row in every column. */
static PetscErrorCode ReserveRow(TesSeries s)
{
  PetscInt64 room = s->max_rows ? 2 * s->max_rows : 64;
  void      *array;

  PetscFunctionBegin;
  if (s->n_rows < s->max_rows) PetscFunctionReturn(PETSC_SUCCESS);
  array = s->step;
  PetscCall(Enlarge(s->n_rows, room, sizeof *s->step, &array));
  s->step = (PetscInt64 *)array;
  array   = s->time;
  PetscCall(Enlarge(s->n_rows, room, sizeof *s->time, &array));
  s->time = (PetscReal *)array;
  for (int c = 0; c < s->n_columns; c++) {
    array = s->column[c].value;
    PetscCall(Enlarge(s->n_rows, room, sizeof(PetscReal), &array));
    s->column[c].value = (PetscReal *)array;
  }
  s->max_rows = room;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesBeginRow(TesSeries s, PetscInt64 step, PetscBool snapshot_due)
{
  PetscFunctionBegin;
  PetscCheck(!s->open, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "a row of the series is open already");
  PetscCheck(!s->n_rows || step >= s->step[s->n_rows - 1], PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "row of step %lld after that of step %lld", (long long)step,
             (long long)s->step[s->n_rows - 1]);
  if (!s->n_rows || step > s->step[s->n_rows - 1]) {
    PetscCall(ReserveRow(s));
    s->n_rows++;
  }
  s->step[s->n_rows - 1] = step;
  s->time[s->n_rows - 1] = (PetscReal)step;
  for (int c = 0; c < s->n_columns; c++) s->column[c].value[s->n_rows - 1] = NAN;
  PetscCall(TesFieldSetClear(&s->fields));
  s->snapshot_due = snapshot_due;
  s->open         = PETSC_TRUE;
  s->skip         = PETSC_FALSE;
  s->afresh       = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The column of a name and sort; made at need, with no value in the rows before. */
static PetscErrorCode Column(TesSeries s, char sort, const char name[], const char unit[], TesColumn **column)
{
  PetscFunctionBegin;
  PetscCheck(!strpbrk(name, "\t\n"), PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "name of a column holds a tab or a line end: %s", name);
  for (int c = 0; c < s->n_columns; c++) {
    *column = &s->column[c];
    if ((*column)->sort == sort && !strcmp((*column)->name, name)) PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (s->n_columns == s->max_columns) {
    void *array = s->column;
    int   room  = s->max_columns ? 2 * s->max_columns : 16;

    PetscCall(Enlarge(s->n_columns, room, sizeof *s->column, &array));
    s->column      = (TesColumn *)array;
    s->max_columns = room;
  }
  *column         = &s->column[s->n_columns++];
  (*column)->sort = sort;
  PetscCall(PetscStrallocpy(name, &(*column)->name));
  PetscCall(PetscStrallocpy(unit ? unit : "", &(*column)->unit));
  for (char *c = (*column)->unit; *c; c++)
    if (*c == '\t' || *c == '\n') *c = ' ';
  PetscCall(PetscMalloc1((size_t)PetscMax(s->max_rows, 1), &(*column)->value));
  for (PetscInt64 r = 0; r < s->n_rows; r++) (*column)->value[r] = NAN;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Put(TesSeries s, char sort, const char name[], const char unit[], PetscReal value)
{
  TesColumn *column;

  PetscFunctionBegin;
  PetscCheck(s->open, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "%s is given outside of a row", name);
  PetscCall(Column(s, sort, name, unit, &column));
  column->value[s->n_rows - 1] = value;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesReal(TesSeries series, const char name[], const char unit[], PetscReal value)
{
  PetscFunctionBegin;
  PetscCall(Put(series, TES_COLUMN_VALUE, name, unit, value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesRealStderr(TesSeries series, const char name[], const char unit[], PetscReal value, PetscReal standard_error)
{
  PetscFunctionBegin;
  PetscCall(Put(series, TES_COLUMN_VALUE, name, unit, value));
  PetscCall(Put(series, TES_COLUMN_STDERR, name, unit, standard_error));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesTiming(TesSeries series, const char name[], const char unit[], PetscReal value)
{
  PetscFunctionBegin;
  PetscCall(Put(series, TES_COLUMN_TIMING, name, unit, value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesAfresh(TesSeries s)
{
  PetscFunctionBegin;
  PetscCheck(s->open, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "the series is begun anew outside of a row");
  s->afresh = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesTime(TesSeries s, PetscReal time)
{
  PetscFunctionBegin;
  PetscCheck(s->open, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "a time is given outside of a row");
  s->time[s->n_rows - 1] = time;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesField(TesSeries s, TesField field)
{
  PetscFunctionBegin;
  PetscCheck(s->open, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "a field is given outside of a row");
  if (s->snapshot_due) PetscCall(TesFieldSetAdd(&s->fields, field, PETSC_TRUE, 0)); /* copied: the kind may change it before the row ends */
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesSkip(TesSeries s)
{
  PetscFunctionBegin;
  PetscCheck(s->open, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "there is no row to skip");
  s->skip = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscBool TesSeriesWants(TesSeries s)
{
  return (PetscBool)(s->open && s->snapshot_due);
}

/* Clocks differ between ranks, and what is in the checkpoint must be the same on all: rank 0's row counts. */
static PetscErrorCode ShareRow(TesSeries s)
{
  PetscReal *row;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)s->n_columns + 1, &row));
  for (int c = 0; c < s->n_columns; c++) row[c] = s->column[c].value[s->n_rows - 1];
  row[s->n_columns] = s->time[s->n_rows - 1];
  PetscCallMPI(MPI_Bcast(row, s->n_columns + 1, MPIU_REAL, 0, s->comm));
  for (int c = 0; c < s->n_columns; c++) s->column[c].value[s->n_rows - 1] = row[c];
  s->time[s->n_rows - 1] = row[s->n_columns];
  PetscCall(PetscFree(row));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The list of snapshots is ordered by step; one of the same step is replaced. */
static PetscErrorCode NoteSnapshot(TesSeries s, PetscInt64 step, PetscReal time)
{
  void *array;

  PetscFunctionBegin;
  while (s->n_shots && s->shot_step[s->n_shots - 1] >= step) s->n_shots--;
  array = s->shot_step;
  PetscCall(Enlarge(s->n_shots, s->n_shots + 1, sizeof *s->shot_step, &array)); /* next to the file that was written this costs nothing */
  s->shot_step = (PetscInt64 *)array;
  array        = s->shot_time;
  PetscCall(Enlarge(s->n_shots, s->n_shots + 1, sizeof *s->shot_time, &array));
  s->shot_time             = (PetscReal *)array;
  s->shot_step[s->n_shots] = step;
  s->shot_time[s->n_shots] = time;
  s->n_shots++;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesEndRow(TesSeries s, const TesProvenance *provenance)
{
  PetscInt64 row = s->n_rows - 1;

  PetscFunctionBegin;
  PetscCheck(s->open, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "no row of the series is open");
  s->open = PETSC_FALSE;
  if (s->skip) {
    s->n_rows--;
    PetscCall(TesFieldSetClear(&s->fields));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (s->afresh) {
    s->n_rows = 0;
    PetscCall(TesFieldSetClear(&s->fields));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(ShareRow(s));
  if (s->fields.n) {
    PetscCall(TesSeriesWriteSnapshot(s, s->step[row], s->time[row], provenance));
    PetscCall(PetscFree(s->layout));
    PetscCall(TesFieldSetLayout(&s->fields, &s->layout));
    PetscCall(NoteSnapshot(s, s->step[row], s->time[row]));
    PetscCall(TesFieldSetClear(&s->fields));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- state ---- */

/* A text of any length as bytes; on restore it is made anew with the stored length. */
static PetscErrorCode StateTextGrow(TesState state, const char name[], char **text)
{
  TesStateItem item = {.name = name, .type = TES_U8, .n_axes = 1};

  PetscFunctionBegin;
  if (state->ops->peek) {
    char       full[256];
    PetscBool  found;
    int        n_axes = 0;
    PetscInt64 shape[TES_MAX_AXES];

    PetscCall(PetscSNPrintf(full, sizeof full, "%s%s", state->prefix, name));
    PetscCall(state->ops->peek(state, full, &found, &n_axes, shape));
    if (found && n_axes == 1) {
      PetscCall(PetscFree(*text));
      PetscCall(PetscCalloc1((size_t)shape[0] + 1, text));
      item.shape[0] = shape[0];
    }
  } else {
    item.shape[0] = (PetscInt64)strlen(*text);
  }
  item.data = *text;
  PetscCall(TesStateVisit(state, &item));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Columns from their description "sort TAB name TAB unit LF", values from [column][row]. */
static PetscErrorCode Rebuild(TesSeries s, char columns[], PetscInt64 n_values, const PetscReal values[])
{
  char *rest = columns;

  PetscFunctionBegin;
  PetscCall(ClearColumns(s));
  s->max_rows = s->n_rows;
  while (*rest) {
    char      *line = rest, *name, *unit;
    TesColumn *column;

    rest = strchr(line, '\n');
    name = strchr(line, '\t');
    unit = name ? strchr(name + 1, '\t') : NULL;
    PetscCheck(rest && unit && unit < rest, PETSC_COMM_SELF, TES_ERR_WORLD, "the checkpoint's list of series columns is damaged");
    *rest++ = 0;
    *unit++ = 0;
    PetscCall(Column(s, line[0], name + 1, unit, &column));
  }
  PetscCheck(n_values == s->n_columns * s->n_rows, PETSC_COMM_SELF, TES_ERR_WORLD, "the checkpoint's series has %lld values for %d columns of %lld rows", (long long)n_values,
             s->n_columns, (long long)s->n_rows);
  for (int c = 0; c < s->n_columns; c++)
    if (s->n_rows) memcpy(s->column[c].value, values + c * s->n_rows, (size_t)s->n_rows * sizeof(PetscReal));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesState(TesSeries s, TesState state)
{
  TesText    columns = {0};
  PetscInt64 n_values = s->n_columns * s->n_rows, n_time = s->n_rows, n_shot_time = s->n_shots;
  PetscReal *values;

  PetscFunctionBegin;
  PetscCall(TesTextAdd(&columns, "%s", ""));
  for (int c = 0; c < s->n_columns; c++) PetscCall(TesTextAdd(&columns, "%c\t%s\t%s\n", s->column[c].sort, s->column[c].name, s->column[c].unit));
  PetscCall(PetscMalloc1((size_t)PetscMax(n_values, 1), &values));
  for (int c = 0; c < s->n_columns; c++)
    if (s->n_rows) memcpy(values + c * s->n_rows, s->column[c].value, (size_t)s->n_rows * sizeof(PetscReal));
  PetscCall(TesStatePush(state, "series"));
  PetscCall(StateTextGrow(state, "columns", &columns.text));
  PetscCall(TesStateIntsGrow(state, "step", &s->n_rows, &s->step));
  PetscCall(TesStateRealsGrow(state, "time", &n_time, &s->time));
  PetscCall(TesStateRealsGrow(state, "values", &n_values, &values));
  PetscCall(TesStateIntsGrow(state, "snapshot_step", &s->n_shots, &s->shot_step));
  PetscCall(TesStateRealsGrow(state, "snapshot_time", &n_shot_time, &s->shot_time));
  PetscCall(StateTextGrow(state, "snapshot_layout", &s->layout));
  PetscCall(TesStatePop(state));
  if (state->ops->mode == TES_STATE_WRITES_PROBLEM && state->ops->peek) {
    PetscCheck(n_time == s->n_rows && n_shot_time == s->n_shots, PETSC_COMM_SELF, TES_ERR_WORLD, "the checkpoint's series has %lld steps and %lld times", (long long)s->n_rows,
               (long long)n_time);
    PetscCall(Rebuild(s, columns.text, n_values, values));
  }
  PetscCall(PetscFree(columns.text));
  PetscCall(PetscFree(values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesSeriesCutAfter(TesSeries s, PetscInt64 step)
{
  PetscFunctionBegin;
  while (s->n_rows && s->step[s->n_rows - 1] > step) s->n_rows--;
  while (s->n_shots && s->shot_step[s->n_shots - 1] > step) s->n_shots--;
  PetscCall(TesSeriesRemoveSnapshots(s, step));
  PetscFunctionReturn(PETSC_SUCCESS);
}
