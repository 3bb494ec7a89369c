/* Terminal and run.log. On a terminal the progress line is redrawn five times a second at most; in a batch log it is a plain line twice a minute.

   Is there a terminal? mpirun gives each rank a pseudo-terminal of its own, so under it isatty() is true even when mpirun's output goes to a file, and the
   codes that redraw would end in the log. So under a launcher the answer is no, unless TESSERA_TERMINAL=1 says that whoever started it knows better
   (the scripts do, when their own output is a terminal); TESSERA_TERMINAL=0 means plain lines anywhere. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <tessera/timing.h>
#include "log.h"

#define REDRAW_SECONDS 0.2
#define LINE_SECONDS   30.0

struct _p_Log {
  PetscBool speaker, quiet, terminal, line_open;
  FILE     *file;
  PetscReal last;
};

PetscBool LogOnTerminal(void)
{
  const char *told = getenv("TESSERA_TERMINAL");

  if (told && (!strcmp(told, "0") || !strcmp(told, "1"))) return told[0] == '1' ? PETSC_TRUE : PETSC_FALSE;
  if (getenv("OMPI_COMM_WORLD_RANK") || getenv("PMIX_RANK") || getenv("PMI_RANK")) return PETSC_FALSE;
  return isatty(STDOUT_FILENO) ? PETSC_TRUE : PETSC_FALSE;
}

PetscErrorCode LogCreate(MPI_Comm comm, PetscBool quiet, PetscBool terminal, Log *log)
{
  int rank;

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCall(PetscNew(log));
  (*log)->speaker  = rank ? PETSC_FALSE : PETSC_TRUE;
  (*log)->quiet    = quiet;
  (*log)->terminal = terminal;
  (*log)->last     = TesNow();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LogOpenFile(Log log, const char path[])
{
  PetscFunctionBegin;
  if (!log->speaker) PetscFunctionReturn(PETSC_SUCCESS);
  log->file = fopen(path, "a");
  if (!log->file) fprintf(stderr, "tessera: warning: %s\n", TesErrnoText("cannot write %s", path));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LogDestroy(Log *log)
{
  PetscFunctionBegin;
  if (!*log) PetscFunctionReturn(PETSC_SUCCESS);
  LogProgressEnd(*log);
  if ((*log)->file) fclose((*log)->file);
  PetscCall(PetscFree(*log));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void LogProgressEnd(Log log)
{
  if (!log->line_open) return;
  printf("\r\033[K");
  fflush(stdout);
  log->line_open = PETSC_FALSE;
}

void LogText(Log log, const char text[])
{
  if (!log->speaker) return;
  LogProgressEnd(log);
  if (!log->quiet) {
    fputs(text, stdout);
    fflush(stdout);
  }
  if (log->file) {
    fputs(text, log->file);
    fflush(log->file);
  }
}

void LogLine(Log log, const char format[], ...)
{
  char    text[4096];
  va_list arguments;

  if (!log->speaker) return;
  va_start(arguments, format);
  vsnprintf(text, sizeof text - 1, format, arguments);
  va_end(arguments);
  strcat(text, "\n");
  LogText(log, text);
}

static void Complain(Log log, const char what[], const char format[], va_list arguments)
{
  char text[4096];

  if (!log->speaker) return;
  LogProgressEnd(log);
  vsnprintf(text, sizeof text, format, arguments);
  fflush(stdout);
  fprintf(stderr, "tessera: %s: %s\n", what, text);
  if (log->file) {
    fprintf(log->file, "%s: %s\n", what, text);
    fflush(log->file);
  }
}

void LogWarn(Log log, const char format[], ...)
{
  va_list arguments;

  va_start(arguments, format);
  Complain(log, "warning", format, arguments);
  va_end(arguments);
}

void LogError(Log log, const char format[], ...)
{
  va_list arguments;

  va_start(arguments, format);
  Complain(log, "error", format, arguments);
  va_end(arguments);
}

const char *FormatDuration(PetscReal seconds, char text[], size_t size)
{
  long long s = (long long)(seconds + 0.5);

  if (seconds < 0 || seconds > 1e9) snprintf(text, size, "?");
  else snprintf(text, size, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
  return text;
}

const char *FormatBytes(PetscReal bytes, char text[], size_t size)
{
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  int                      u = 0;

  while (bytes >= 1024 && u < 5) {
    bytes /= 1024;
    u++;
  }
  snprintf(text, size, u ? "%.3g %s" : "%.0f %s", (double)bytes, units[u]);
  return text;
}

void LogProgress(Log log, const TesProgress *progress, PetscInt64 step, PetscReal since_done, PetscReal seconds)
{
  char      text[512], bar[32] = "", eta[32] = "", merit[96] = "";
  PetscReal now = TesNow(), part = progress->total > 0 ? PetscMin(1, progress->done / progress->total) : 0;

  if (!log->speaker || now - log->last < (log->terminal && !log->quiet ? REDRAW_SECONDS : LINE_SECONDS)) return;
  log->last = now;
  if (progress->total > 0) {
    char left[32] = "?";

    if (since_done > 0) FormatDuration(seconds / since_done * (progress->total - progress->done), left, sizeof left);
    snprintf(bar, sizeof bar, "%3.0f%%  ", (double)(100 * part));
    snprintf(eta, sizeof eta, "  ETA %s", left);
  }
  if (progress->merit_name) snprintf(merit, sizeof merit, "  %s %.3e", progress->merit_name, (double)progress->merit);
  snprintf(text, sizeof text, "%sstep %" PetscInt64_FMT "  %s%s%s", bar, step, progress->phase, merit, eta);
  if (log->terminal && !log->quiet) {
    printf("\r\033[K%s", text);
    fflush(stdout);
    log->line_open = PETSC_TRUE;
  } else {
    LogLine(log, "%s", text);
  }
}
