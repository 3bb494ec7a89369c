/* Factors f(t) of Hamiltonian terms and rates: a constant, a sine, a linear ramp, a Gaussian pulse, a table (linear between its rows, constant beyond its ends) or an
   expression in t. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/h5.h>
#include "model.h"

#define LB_TABLE_ROWS 10000000 /* every rank keeps the table: 160 MB */

const char *const lb_time_names[] = {"constant", "sin", "ramp", "pulse", "table", "expression", NULL};

/* two columns t, f; lines that begin with # or a letter are passed over; commas, blanks or semicolons between the numbers */
static PetscErrorCode ReadCsv(const char path[], LbTime *time, char message[256])
{
  FILE    *file = fopen(path, "r");
  char     line[512];
  PetscInt room = 0, number = 0;

  PetscFunctionBegin;
  if (!file) {
    snprintf(message, 256, "cannot be opened");
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  while (!message[0] && fgets(line, sizeof line, file)) {
    if (time->n == LB_TABLE_ROWS) {
      snprintf(message, 256, "has more than %d rows", LB_TABLE_ROWS);
      break;
    }
    char  *at = line + strspn(line, " \t\r\n"), *end;
    double t, f;

    number++;
    if (!*at || strchr("#\"", *at) || strspn(at, "+-.0123456789nNiI") == 0) continue;
    t = strtod(at, &end);
    if (end == at) {
      if (time->n) snprintf(message, 256, "line %d has no number", (int)number);
      continue;
    }
    at = end + strspn(end, " \t,;");
    f  = strtod(at, &end);
    if (end == at) snprintf(message, 256, "line %d has one number, wanted t and f", (int)number);
    if (time->n == room) {
      PetscReal *grown_t, *grown_f;

      PetscCall(PetscMalloc2(2 * room + 64, &grown_t, 2 * room + 64, &grown_f));
      if (time->n) PetscCall(PetscArraycpy(grown_t, time->t, time->n));
      if (time->n) PetscCall(PetscArraycpy(grown_f, time->f, time->n));
      PetscCall(PetscFree2(time->t, time->f));
      time->t = grown_t;
      time->f = grown_f;
      room    = 2 * room + 64;
    }
    time->t[time->n]   = t;
    time->f[time->n++] = f;
  }
  fclose(file);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* a dataset [n][2]; every rank reads it whole */
static PetscErrorCode ReadH5(const char path[], const char dataset[], LbTime *time, char message[256])
{
  hid_t        file;
  PetscBool    found;
  TesType      type;
  int          n_axes;
  PetscInt64   shape[TES_MAX_AXES] = {0};
  PetscReal   *rows;
  TesStateItem item = {.name = dataset, .type = TES_F64, .n_axes = 2};

  PetscFunctionBegin;
  PetscCall(TesH5OpenRead(PETSC_COMM_SELF, path, &file));
  PetscCall(TesH5Shape(file, dataset, &found, &type, &n_axes, shape));
  if (!found || n_axes != 2 || shape[1] != 2) snprintf(message, 256, "has no dataset `%.80s` of shape [n][2] (t, f)", dataset);
  else if (shape[0] > LB_TABLE_ROWS) snprintf(message, 256, "has %lld rows, at most %d are taken", (long long)shape[0], LB_TABLE_ROWS);
  else {
    time->n = (PetscInt)shape[0];
    PetscCall(PetscMalloc1(2 * time->n, &rows));
    PetscCall(PetscMalloc2(time->n, &time->t, time->n, &time->f));
    item.shape[0] = time->n;
    item.shape[1] = 2;
    item.data     = rows;
    PetscCall(TesH5ReadItem(PETSC_COMM_SELF, file, dataset, &item));
    for (PetscInt k = 0; k < time->n; k++) {
      time->t[k] = rows[2 * k];
      time->f[k] = rows[2 * k + 1];
    }
    PetscCall(PetscFree(rows));
  }
  PetscCall(TesH5Close(&file));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadTable(TesProblem problem, const char path[], LbTime *time, PetscBool *good)
{
  char        message[256] = "", key[160];
  const char *name         = time->deck.file;
  size_t      length       = name ? strlen(name) : 0;

  PetscFunctionBegin;
  if (!name) { /* complained of by the table of keys */
    *good = PETSC_FALSE;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (length > 3 && (!strcmp(name + length - 3, ".h5") || (length > 5 && !strcmp(name + length - 5, ".hdf5")))) PetscCall(ReadH5(name, time->deck.dataset, time, message));
  else PetscCall(ReadCsv(name, time, message));
  if (!message[0] && time->n < 2) snprintf(message, sizeof message, "has %d rows, at least two are wanted", (int)time->n);
  for (PetscInt k = 0; k < time->n && !message[0]; k++) {
    if (!isfinite(time->t[k]) || !isfinite(time->f[k])) snprintf(message, sizeof message, "row %d is not finite (%g, %g)", (int)k, (double)time->t[k], (double)time->f[k]);
    else if (k && time->t[k] <= time->t[k - 1]) snprintf(message, sizeof message, "times must increase: row %d has %g after %g", (int)k, (double)time->t[k], (double)time->t[k - 1]);
  }
  if (message[0]) {
    *good = PETSC_FALSE;
    snprintf(key, sizeof key, "%.120s.file", path);
    PetscCall(TesDeckComplain(problem, key, ": the table %s", message));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbTimeCreate(TesProblem problem, const char path[], const LbTimeDeck *deck, LbTime *time, PetscBool *good)
{
  char key[160];

  PetscFunctionBegin;
  PetscCall(PetscMemzero(time, sizeof *time));
  time->deck = *deck;
  if (deck->kind == LB_TIME_TABLE) PetscCall(ReadTable(problem, path, time, good));
  if (deck->kind == LB_TIME_EXPRESSION && !deck->expression) *good = PETSC_FALSE;
  if (deck->kind == LB_TIME_RAMP && !(deck->end > deck->start)) {
    *good = PETSC_FALSE;
    snprintf(key, sizeof key, "%.120s.end", path);
    PetscCall(TesDeckComplain(problem, key, "must be after the start of the ramp (%g)", (double)deck->start));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscReal LbTimeValue(const LbTime *time, PetscReal t)
{
  const LbTimeDeck *d = &time->deck;

  switch (d->kind) {
  case LB_TIME_SIN: return d->offset + d->amp * PetscSinReal(d->omega * t + d->phase);
  case LB_TIME_RAMP: return t <= d->start ? d->from : t >= d->end ? d->to : d->from + (d->to - d->from) * (t - d->start) / (d->end - d->start);
  case LB_TIME_PULSE: return d->offset + d->amp * PetscExpReal(-0.5 * (t - d->center) * (t - d->center) / (d->width * d->width));
  case LB_TIME_EXPRESSION: return TesExprEvaluate(d->expression, &t);
  case LB_TIME_TABLE: {
    PetscInt low = 0, high = time->n - 1;

    if (t <= time->t[0]) return time->f[0];
    if (t >= time->t[high]) return time->f[high];
    while (high - low > 1) {
      const PetscInt middle = (low + high) / 2;

      if (time->t[middle] <= t) low = middle;
      else high = middle;
    }
    return time->f[low] + (time->f[high] - time->f[low]) * (t - time->t[low]) / (time->t[high] - time->t[low]);
  }
  default: return 1;
  }
}

PetscErrorCode LbTimeDestroy(LbTime *time)
{
  PetscFunctionBegin;
  PetscCall(PetscFree2(time->t, time->f));
  PetscFunctionReturn(PETSC_SUCCESS);
}
