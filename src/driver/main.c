/* The subcommands, and the start and end of the process. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <slepcsys.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tessera/driver.h>
#include <tessera/io.h>
#include <tessera/isa.h>
#include "command_line.h"
#include "memory.h"
#include "run.h"
#include "signals.h"
#include "together.h"

typedef struct {
  const CommandLine           *line;
  const TesProblemKind *const *kinds;
  int                          rank, size;
  PetscBool                    terminal; /* the progress line may redraw */
} Call;

typedef struct {
  const char *name, *usage, *help;
  int         min_paths, max_paths;
  PetscErrorCode (*run)(const Call *, TesExit *);
} Command;

/* ---- what speaks of kinds ---- */

static PetscErrorCode ListCommand(const Call *call, TesExit *exit_code)
{
  PetscFunctionBegin;
  *exit_code = TES_EXIT_DONE;
  for (int k = 0; call->kinds[k] && !call->rank; k++) printf("%-16s %s\n", call->kinds[k]->name, call->kinds[k]->summary);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesProblemKind *FindKind(const Call *call, const char name[])
{
  const char *names[65] = {NULL}, *near;

  for (int k = 0; call->kinds[k] && k < 64; k++) {
    names[k] = call->kinds[k]->name;
    if (!strcmp(names[k], name)) return call->kinds[k];
  }
  near = TesNearest(name, names);
  if (!call->rank) {
    fprintf(stderr, "tessera: error: unknown problem kind `%s`%s%s%s (known:", name, near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
    for (int k = 0; names[k]; k++) fprintf(stderr, " %s", names[k]);
    fprintf(stderr, ")\n");
  }
  return NULL;
}

static PetscErrorCode DescribeCommand(const Call *call, TesExit *exit_code)
{
  const TesProblemKind *kind = FindKind(call, call->line->path[0]);
  const TesKey         *tables[2];
  char                 *text;

  PetscFunctionBegin;
  *exit_code = kind ? TES_EXIT_DONE : TES_EXIT_DECK;
  if (!kind || call->rank) PetscFunctionReturn(PETSC_SUCCESS);
  tables[0] = kind->keys;
  tables[1] = run_option_keys;
  if (call->line->template_deck) {
    PetscCall(TesKeysTemplate(kind->name, 2, tables, &text));
    printf("%s", text);
  } else {
    PetscCall(TesKeysDescribe(2, tables, &text));
    printf("%s - %s\n\nmethod: %s\na step is %s\n\n%s", kind->name, kind->summary, kind->reference, kind->step_unit ? kind->step_unit : "one unit of work", text);
  }
  PetscCall(PetscFree(text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- what reads a deck ---- */

/* The deck, its overrides and its problem; *good says whether there is nothing to complain of. */
static PetscErrorCode ReadProblem(const Call *call, Log log, TesDeck *deck, TesProblem *problem, PetscBool *good)
{
  PetscInt    n;
  const char *text;

  PetscFunctionBegin;
  PetscCall(TesDeckCreateFile(PETSC_COMM_WORLD, call->line->path[0], deck));
  for (int i = 0; i < call->line->n_set; i++) PetscCall(TesDeckSet(*deck, call->line->set[i]));
  PetscCall(ProblemCreate(PETSC_COMM_WORLD, *deck, call->kinds, log, problem));
  PetscCall(TesDeckComplaints(*deck, &n, &text));
  if (n && !call->rank) fprintf(stderr, "%s", text);
  *good = n ? PETSC_FALSE : PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The folder of a run: --output, or output.folder, or the deck's name with .out in the current directory. */
static PetscErrorCode OutputFolder(const Call *call, TesProblem problem, char **folder)
{
  const char *deck  = call->line->path[0];
  const char *slash = strrchr(deck, '/'), *name = slash ? slash + 1 : deck, *dot = strrchr(name, '.');

  PetscFunctionBegin;
  if (call->line->output) PetscCall(TesFormat(folder, "%s", call->line->output));
  else if (problem->options.output.folder) PetscCall(TesFormat(folder, "%s", problem->options.output.folder));
  else PetscCall(TesFormat(folder, "%.*s.out", dot && dot > name ? (int)(dot - name) : (int)strlen(name), name));
  for (size_t n = strlen(*folder); n > 1 && (*folder)[n - 1] == '/'; n--) (*folder)[n - 1] = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckCommand(const Call *call, TesExit *exit_code)
{
  TesDeck     deck    = NULL;
  TesProblem  problem = NULL;
  TesEstimate e;
  PetscBool   good;
  Log         log;
  char        text[32];
  PetscReal   available = MemoryAvailable();

  PetscFunctionBegin;
  PetscCall(LogCreate(PETSC_COMM_WORLD, PETSC_FALSE, PETSC_FALSE, &log));
  PetscCall(ReadProblem(call, log, &deck, &problem, &good));
  *exit_code = good ? TES_EXIT_DONE : TES_EXIT_DECK;
  if (good) {
    char *folder;

    PetscCall(ProblemEstimate(problem, call->line->ranks ? call->line->ranks : call->size, &e));
    PetscCall(OutputFolder(call, problem, &folder));
    LogLine(log, "%s: a %s problem without mistakes", call->line->path[0], problem->kind->name);
    LogLine(log, "  output folder       %s", folder);
    LogLine(log, "  ranks               %d", e.ranks);
    if (e.usable_ranks != e.ranks) LogLine(log, "  usable ranks        %d (the other %d would idle)", e.usable_ranks, e.ranks - e.usable_ranks);
    LogLine(log, "  memory per rank     %s", FormatBytes(e.bytes_per_rank, text, sizeof text));
    if (available >= 0 && e.bytes_per_rank * e.ranks > available)
      LogLine(log, "  free here           %s: NOT ENOUGH for all %d ranks on this machine", FormatBytes(available, text, sizeof text), e.ranks);
    LogLine(log, "  sent per step, rank %s", FormatBytes(e.bytes_sent, text, sizeof text));
    if (e.bytes_output > 0) LogLine(log, "  result, checkpoint  %s", FormatBytes(e.bytes_output, text, sizeof text));
    if (e.steps > 0) LogLine(log, "  steps               %.4g", (double)e.steps);
    if (e.work > 0) LogLine(log, "  work per step       %.4g %s", (double)e.work, problem->kind->work_unit ? problem->kind->work_unit : "");
    if (e.note[0]) LogLine(log, "  %s", e.note);
    PetscCall(PetscFree(folder));
  }
  PetscCall(ProblemDestroy(&problem));
  PetscCall(TesDeckDestroy(&deck));
  PetscCall(LogDestroy(&log));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Ranks that a kind cannot use wait for the outcome without burning the cores of those that work. */
static PetscErrorCode RunOnUsableRanks(const Call *call, TesProblem problem, int usable, const char folder[], TesExit *exit_code)
{
  MPI_Comm    working;
  MPI_Request request;
  int         done = 0, code = 0;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_split(PETSC_COMM_WORLD, call->rank < usable ? 0 : MPI_UNDEFINED, call->rank, &working));
  if (call->rank < usable) {
    problem->comm = working;
    PetscCall(RunProblem(problem, call->line, folder, exit_code));
    code = (int)*exit_code;
  }
  PetscCallMPI(MPI_Ibcast(&code, 1, MPI_INT, 0, PETSC_COMM_WORLD, &request));
  while (!done) {
    struct timespec pause = {0, 20000000};

    PetscCallMPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
    if (!done) nanosleep(&pause, NULL);
  }
  *exit_code = (TesExit)code;
  if (call->rank < usable) PetscCall(ProblemDestroy(&problem));
  if (working != MPI_COMM_NULL) PetscCallMPI(MPI_Comm_free(&working));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode RunCommand(const Call *call, TesExit *exit_code)
{
  TesDeck     deck    = NULL;
  TesProblem  problem = NULL;
  TesEstimate estimate;
  PetscBool   good;
  Log         log;

  PetscFunctionBegin;
  PetscCall(LogCreate(PETSC_COMM_WORLD, call->line->quiet, call->terminal, &log));
  PetscCall(ReadProblem(call, log, &deck, &problem, &good));
  *exit_code = TES_EXIT_DECK;
  if (good) {
    char *folder;

    if (call->line->wall_time > 0) problem->options.run.wall_time = call->line->wall_time;
    PetscCall(OutputFolder(call, problem, &folder));
    PetscCall(ProblemEstimate(problem, call->size, &estimate));
    PetscCall(SignalsInstall());
    if (estimate.usable_ranks >= call->size) {
      PetscCall(RunProblem(problem, call->line, folder, exit_code));
    } else {
      LogLine(log, "%d of %d ranks can work on this problem, the others idle", estimate.usable_ranks, call->size);
      PetscCall(RunOnUsableRanks(call, problem, estimate.usable_ranks, folder, exit_code));
      if (call->rank < estimate.usable_ranks) problem = NULL;
    }
    PetscCall(SignalsRemove());
    PetscCall(PetscFree(folder));
  }
  PetscCall(ProblemDestroy(&problem));
  PetscCall(TesDeckDestroy(&deck));
  PetscCall(LogDestroy(&log));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- what looks at files ---- */

static PetscErrorCode Print(const Call *call, char **text)
{
  PetscFunctionBegin;
  if (!call->rank && *text) printf("%s", *text);
  PetscCall(PetscFree(*text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode InfoCommand(const Call *call, TesExit *exit_code)
{
  char *text;

  PetscFunctionBegin;
  *exit_code = TES_EXIT_DONE;
  PetscCall(TesInfo(PETSC_COMM_WORLD, call->line->path[0], &text));
  PetscCall(Print(call, &text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CompareCommand(const Call *call, TesExit *exit_code)
{
  PetscBool different;
  char     *text;

  PetscFunctionBegin;
  PetscCall(TesCompare(PETSC_COMM_WORLD, call->line->path[0], call->line->path[1], call->line->rtol, &different, &text));
  PetscCall(Print(call, &text));
  *exit_code = different ? TES_EXIT_DIFFERENT : TES_EXIT_DONE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PlotCommand(const Call *call, TesExit *exit_code)
{
  char          *text = NULL;
  PetscErrorCode ierr = PETSC_SUCCESS;

  PetscFunctionBegin;
  *exit_code = TES_EXIT_DONE;
  if (!call->rank) ierr = TesPlot(call->line->path[0], call->line->output, call->kinds, &text);
  PetscCall(TesAgree(PETSC_COMM_WORLD, ierr));
  PetscCall(Print(call, &text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode VersionCommand(const Call *call, TesExit *exit_code)
{
  char *text;

  PetscFunctionBegin;
  *exit_code = TES_EXIT_DONE;
  PetscCall(TesVersionText(&text));
  PetscCall(Print(call, &text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const Command commands[] = {
  {"list",      "list",                                                                                            "problem kinds, one line each",                         0, 0, ListCommand    },
  {"describe",  "describe KIND [--template]",                                                                      "every key with type, unit, range, default; or a deck", 1, 1, DescribeCommand},
  {"check",     "check DECK [--set a.b=v]... [--ranks N]",                                                         "find every mistake, predict memory; writes nothing",   1, 1, CheckCommand   },
  {"run",       "run DECK [--set a.b=v]... [--output DIR] [--restart | --force]\n               [--wall-time HH:MM:SS] [--quiet] [-- PETSC OPTIONS]", "run a deck", 1, 1, RunCommand},
  {"info",      "info FILE.h5",                                                                                    "what a result or checkpoint holds, how it was made",   1, 1, InfoCommand    },
  {"compare",   "compare A B [--rtol R]",                                                                          "where two results (files or folders) differ first",    2, 2, CompareCommand },
  {"plot",      "plot DIR|FILE.h5 [--output DIR]",                                                                 "the figures of a run as PNG",                          1, 1, PlotCommand    },
  {"--version", "--version",                                                                                       "versions, instruction set, BLAS",                      0, 0, VersionCommand },
  {NULL,        NULL,                                                                                              NULL,                                                   0, 0, NULL           }
};

static void Usage(FILE *out)
{
  fprintf(out, "usage:\n");
  for (const Command *c = commands; c->name; c++) fprintf(out, "  tessera %-44s %s\n", c->usage, c->help);
  fprintf(out, "exit codes: 0 done, 1 compare found a difference, 2 deck or command line wrong, 3 disk or file, 4 the numbers, 70 our bug, 75 stopped with a checkpoint (go on with --restart)\n");
}

static const Command *FindCommand(const CommandLine *line, char message[], size_t size)
{
  const char *names[16] = {NULL}, *near;

  for (int c = 0; commands[c].name; c++) {
    names[c] = commands[c].name;
    if (strcmp(names[c], line->command)) continue;
    if (line->n_paths < commands[c].min_paths || line->n_paths > commands[c].max_paths) {
      snprintf(message, size, "usage: tessera %s", commands[c].usage);
      return NULL;
    }
    return &commands[c];
  }
  near = TesNearest(line->command, names);
  snprintf(message, size, "unknown command `%s`%s%s%s", line->command, near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
  return NULL;
}

/* ---- the process ---- */

static TesExit Dispatch(const Call *call, const char message[])
{
  MPI_Comm       aside;
  PetscBool      all_here = PETSC_FALSE;
  TesExit        exit_code = TES_EXIT_DECK;
  const Command *command;
  char           wrong[512];
  PetscErrorCode ierr;
  PetscBool      shared;

  if (!strcmp(call->line->command, "--help") || !strcmp(call->line->command, "-h") || !strcmp(call->line->command, "help")) {
    if (!call->rank) Usage(stdout);
    return TES_EXIT_DONE;
  }
  command = message[0] ? NULL : FindCommand(call->line, wrong, sizeof wrong);
  if (!command) {
    if (!call->rank) {
      fprintf(stderr, "tessera: error: %s\n", message[0] ? message : wrong);
      if (!call->line->command[0]) Usage(stderr);
    }
    return TES_EXIT_DECK;
  }
  MPI_Comm_dup(PETSC_COMM_WORLD, &aside);
  ierr = command->run(call, &exit_code);
  if (ierr) {
    exit_code = TesErrorExit(ierr);
    if (!Together(aside, &all_here) && all_here) {
      if (!call->rank) TesErrorSay(PETSC_COMM_SELF, ierr, &shared);
    } else {
      TesErrorSay(PETSC_COMM_WORLD, ierr, &shared);
      MPI_Abort(PETSC_COMM_WORLD, (int)exit_code);
    }
  }
  MPI_Comm_free(&aside);
  return exit_code;
}

/* A standard file that is closed leaves its number to the next file that is opened, and what was meant for the terminal would be written into that one. */
static void KeepStandardFiles(void)
{
  for (int file = 0; file < 3; file++)
    if (fcntl(file, F_GETFD) == -1 && errno == EBADF && open("/dev/null", file ? O_WRONLY : O_RDONLY) == -1) return;
}

int TesMain(int argc, char **argv, const TesProblemKind *const kinds[])
{
  CommandLine line;
  char        message[512] = "", **petsc_argv;
  int         petsc_argc;
  TesExit     exit_code;
  Call        call = {.line = &line, .kinds = kinds, .terminal = LogOnTerminal()};

  KeepStandardFiles();
  /* Open MPI's default collective file writes report success on a full disk; tessera writes without MPI-IO, and what a library may still write must not lie. The user's choice wins. */
  setenv("OMPI_MCA_fcoll", "individual", 0);
  if (!CommandLineRead(argc, argv, &line, &petsc_argc, &petsc_argv, message, sizeof message)) message[0] = 0;
  /* from here on, not from the first step on: a rank that dies of a signal while it makes itself known to mpirun can leave mpirun waiting for ever (seen with 4.1.4) */
  if (!strcmp(line.command, "run") && SignalsInstall()) return TES_EXIT_BUG;
  if (SlepcInitialize(&petsc_argc, &petsc_argv, NULL, NULL)) return TES_EXIT_BUG;
  if (TesErrorInstall() || TesBlasSingleThread()) return TES_EXIT_BUG;
  signal(SIGPIPE, SIG_IGN); /* PETSc's handler would report a crash where a reader such as `head` has seen enough */
  MPI_Comm_rank(PETSC_COMM_WORLD, &call.rank);
  MPI_Comm_size(PETSC_COMM_WORLD, &call.size);
  exit_code = Dispatch(&call, message);
  free(line.set);
  fflush(stdout);
  if (TesErrorRemove() || SlepcFinalize()) return TES_EXIT_BUG;
  return (int)exit_code;
}
