#pragma once
/* Figures of a report, and how they become a table: from memory (report.c) or from result.h5 (report_table.c). */
#include <tessera/io.h>
#include "fields_private.h"

typedef enum { TES_FIGURE_REAL, TES_FIGURE_INT, TES_FIGURE_TEXT } TesFigureValue;

typedef struct {
  char          *name;
  TesFigureValue sort;
  PetscReal      real;
  PetscInt64     integer;
  char          *text;
  char          *unit, *help, *source; /* NULL: not given */
  PetscBool      has_reference, certified, timing, failed;
  PetscReal      reference, scale;
} TesFigureRecord;

typedef struct {
  int              n, max;
  TesFigureRecord *figure;
  char            *said; /* free lines below the table, each with its line end; "" if none */
} TesFigureSet;

/* An empty slot; the slot of the same name, emptied, if there is one. */
PetscErrorCode TesFigureSetSlot(TesFigureSet *set, const char name[], TesFigureRecord **figure);
PetscErrorCode TesFigureSetClear(TesFigureSet *set);
PetscErrorCode TesFigureSetTable(const TesFigureSet *set, char **text); /* the caller frees */
PetscErrorCode TesFigureSetRead(hid_t file, TesFigureSet *set);         /* from /report of an open result.h5 */
PetscBool      TesFigureSetFailed(const TesFigureSet *set);
