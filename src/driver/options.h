#pragma once
/* The driver's own sections of a deck: run, output, checkpoint, petsc. */
#include <tessera/deck.h>

typedef enum { ON_FAILURE_STOP, ON_FAILURE_CONTINUE } OnFailure;

typedef struct {
  struct {
    PetscInt64 seed, steps;
    PetscReal  wall_time, watchdog;
    PetscBool  reproducible;
  } run;
  struct {
    const char *folder;
    PetscBool   fields, csv;
    PetscInt64  every_steps, fields_every_steps;
  } output;
  struct {
    PetscReal  every_seconds;
    PetscInt64 every_steps;
    PetscInt   keep;
    int        on_failure;
  } checkpoint;
  TesMap petsc;
} RunOptions;

extern const TesKey run_option_keys[];

/* What the command line says beside the deck. */
typedef struct {
  const char  *command;       /* subcommand */
  const char  *path[2];       /* deck or files, in order */
  int          n_paths;
  const char **set;           /* --set assignments */
  int          n_set;
  const char  *output;        /* --output */
  PetscBool    restart, force, quiet, template_deck;
  int          ranks;         /* --ranks, 0: the present ones */
  PetscReal    rtol;          /* --rtol, negative: same bits */
  PetscReal    wall_time;     /* --wall-time, 0: the deck's */
} CommandLine;
