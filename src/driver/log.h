#pragma once
/* What the user sees: lines on the terminal and in run.log, and one progress line that redraws. Rank 0 speaks; lost output never stops a run. */
#include <tessera/record.h>

typedef struct _p_Log *Log;

/* LogOnTerminal - may the progress line redraw? To be asked before MPI_Init, which makes even a process without a launcher look as if it had one */
PetscBool      LogOnTerminal(void);
PetscErrorCode LogCreate(MPI_Comm comm, PetscBool quiet, PetscBool terminal, Log *log);
PetscErrorCode LogOpenFile(Log log, const char path[]); /* appended to; errors are only said */
PetscErrorCode LogDestroy(Log *log);
void           LogLine(Log log, const char format[], ...) __attribute__((format(printf, 2, 3)));
void           LogText(Log log, const char text[]); /* several lines as they are */
/* shown even with --quiet, on stderr */
void           LogWarn(Log log, const char format[], ...) __attribute__((format(printf, 2, 3)));
void           LogError(Log log, const char format[], ...) __attribute__((format(printf, 2, 3)));

/* LogProgress - show how far the run is. `since_done` and `seconds` are what this process did and took: the ETA counts nothing else */
void LogProgress(Log log, const TesProgress *progress, PetscInt64 step, PetscReal since_done, PetscReal seconds);
void LogProgressEnd(Log log);

/* FormatDuration - 3725 -> "1:02:05" */
const char *FormatDuration(PetscReal seconds, char text[], size_t size);
/* FormatBytes - 1536 -> "1.5 KiB" */
const char *FormatBytes(PetscReal bytes, char text[], size_t size);
