/* The one table of the driver's sections; a kind may add keys to `output` and `parallel` in its own table. */
#include "options.h"

static const char *const on_failure[] = {"stop", "continue", NULL};

const TesKey run_option_keys[] = {
  TES_SECTION("run", .help = "what every run has"),
  TES_INT64(RunOptions, run.seed, .fallback = "1", .range = TES_AT_LEAST(0), .help = "key of all random numbers"),
  TES_INT64(RunOptions, run.steps, .fallback = "0", .range = TES_AT_LEAST(0), .unit = "steps", .restart_may_change = PETSC_TRUE,
            .help = "stop with a checkpoint (exit 75) when this step is reached; 0: no such limit"),
  TES_DURATION(RunOptions, run.wall_time, .fallback = "0", .range = TES_AT_LEAST(0), .unit = "s", .restart_may_change = PETSC_TRUE,
               .help = "end this process with a checkpoint (exit 75) before so much time has passed; seconds or HH:MM:SS; 0: no limit"),
  TES_DURATION(RunOptions, run.watchdog, .fallback = "0", .range = TES_AT_LEAST(0), .unit = "s", .restart_may_change = PETSC_TRUE,
               .help = "end a run that hangs (exit 70), each rank saying where it is: longest time for one step, checkpoint, set-up or finish; 0: wait for ever"),
  TES_BOOL(RunOptions, run.reproducible, .fallback = "true", .restart_may_change = PETSC_TRUE, .help = "sums in a fixed order, so that results do not depend on the number of ranks"),

  TES_SECTION("output", .help = "what is written, and where"),
  TES_STRING(RunOptions, output.folder, .optional = PETSC_TRUE, .restart_may_change = PETSC_TRUE, .help = "output folder; default: the deck's name with .out, in the current directory"),
  TES_BOOL(RunOptions, output.fields, .fallback = "false", .restart_may_change = PETSC_TRUE, .help = "write snapshots of the fields (fields/<step>.h5) while the run goes on"),
  TES_INT64(RunOptions, output.fields_every_steps, .fallback = "1", .range = TES_AT_LEAST(1), .unit = "steps", .restart_may_change = PETSC_TRUE, .help = "steps between two snapshots"),
  TES_INT64(RunOptions, output.every_steps, .fallback = "1", .range = TES_AT_LEAST(1), .unit = "steps", .restart_may_change = PETSC_TRUE, .help = "steps between two rows of series.h5"),
  TES_BOOL(RunOptions, output.csv, .fallback = "false", .restart_may_change = PETSC_TRUE, .help = "write the rows of series.h5 as series.csv as well"),

  TES_SECTION("checkpoint", .help = "when the state is saved"),
  TES_DURATION(RunOptions, checkpoint.every_seconds, .fallback = "300", .range = TES_AT_LEAST(0), .unit = "s", .restart_may_change = PETSC_TRUE,
               .help = "time between two checkpoints; seconds or HH:MM:SS; 0: not by time"),
  TES_INT64(RunOptions, checkpoint.every_steps, .fallback = "0", .range = TES_AT_LEAST(0), .unit = "steps", .restart_may_change = PETSC_TRUE,
            .help = "steps between two checkpoints; 0: not by steps"),
  TES_INT(RunOptions, checkpoint.keep, .fallback = "2", .range = TES_AT_LEAST(1), .restart_may_change = PETSC_TRUE, .help = "generations kept"),
  TES_ENUM(RunOptions, checkpoint.on_failure, .fallback = "stop", .choices = on_failure, .restart_may_change = PETSC_TRUE,
           .help = "when a checkpoint cannot be written: stop (exit 3), or go on and try again at the next interval"),

  TES_MAP(RunOptions, petsc, .optional = PETSC_TRUE, .restart_may_change = PETSC_TRUE,
          .help = "options handed to PETSc (ksp_type: gmres); the command line wins; one that nothing asks for is an error"),
  TES_KEYS_END,
};
