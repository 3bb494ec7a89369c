/* Errors: recorded where they are raised, made collective by TesAgree, said once by the driver.

   PETSc prints an error at once, on every rank that meets it. A user's mistake or a full disk is no reason for sixteen tracebacks, so our handler
   keeps the first message and the way up, and the program prints what fits the case. The record is one per process, as PETSc's own handler stack is:
   the only mutable file-scope data of core. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <tessera/base.h>

#define TRACE_BYTES 8192

static struct {
  PetscBool      recorded, shared;
  PetscErrorCode code;
  char           message[2048];
  char           trace[TRACE_BYTES];
  char           scratch[2048]; /* TesErrnoText */
} record;

static PetscErrorCode RecordError(MPI_Comm comm, int line, const char *function, const char *file, PetscErrorCode code, PetscErrorType type,
                                  const char *message, void *ctx)
{
  size_t used = strlen(record.trace);
  char   no_memory[256];

  (void)comm;
  (void)ctx;
  /* PETSc 3.18 reports its own failed allocation with the caller's line as the code and the caller's name as the message */
  if (type == PETSC_ERROR_INITIAL && function && !strcmp(function, "PetscMallocAlign") && code != PETSC_ERR_MEM) {
    snprintf(no_memory, sizeof no_memory, "no memory left, in %.100s(); `tessera check DECK --ranks N` says what a rank needs on N ranks", message ? message : "?");
    code    = PETSC_ERR_MEM;
    message = no_memory;
  }
  if (type == PETSC_ERROR_INITIAL && !record.recorded) {
    record.recorded = PETSC_TRUE;
    record.code     = code;
    snprintf(record.message, sizeof record.message, "%s", message ? message : "");
    if (!record.message[0]) {
      const char *text = NULL;
      PetscErrorMessage(code, &text, NULL);
      snprintf(record.message, sizeof record.message, "%s", text ? text : "unknown error");
    }
  }
  if (used < TRACE_BYTES - 1) snprintf(record.trace + used, TRACE_BYTES - used, "  %s() at %s:%d\n", function ? function : "?", file ? file : "?", line);
  return code;
}

PetscErrorCode TesErrorInstall(void)
{
  PetscFunctionBegin;
  TesErrorForget();
  PetscCall(PetscPushErrorHandler(RecordError, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesErrorRemove(void)
{
  PetscFunctionBegin;
  PetscCall(PetscPopErrorHandler());
  PetscFunctionReturn(PETSC_SUCCESS);
}

void TesErrorForget(void)
{
  record.recorded   = PETSC_FALSE;
  record.shared     = PETSC_FALSE;
  record.code       = PETSC_SUCCESS;
  record.message[0] = 0;
  record.trace[0]   = 0;
}

const char *TesErrorMessage(void)
{
  return record.message;
}

const char *TesErrnoText(const char format[], ...)
{
  int     number = errno;
  va_list arguments;
  size_t  used;

  va_start(arguments, format);
  vsnprintf(record.scratch, sizeof record.scratch, format, arguments);
  va_end(arguments);
  used = strlen(record.scratch);
  snprintf(record.scratch + used, sizeof record.scratch - used, ": %s", strerror(number));
  return record.scratch;
}

/* Which error speaks for all: a bug outranks the numbers, they outrank the world, the world outranks the deck. */
static int Rank(PetscErrorCode code)
{
  switch (TesErrorExit(code)) {
  case TES_EXIT_DONE: return 0;
  case TES_EXIT_STOPPED: return 1;
  case TES_EXIT_DECK: return 2;
  case TES_EXIT_WORLD: return 3;
  case TES_EXIT_NUMBERS: return 4;
  default: return 5;
  }
}

PetscErrorCode TesAgree(MPI_Comm comm, PetscErrorCode ierr)
{
  struct {
    int severity, rank;
  } mine, worst;
  int  code = (int)ierr, rank;
  char text[sizeof record.message], trace[TRACE_BYTES];

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  mine.severity = Rank(ierr);
  mine.rank     = rank;
  PetscCallMPI(MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MAXLOC, comm));
  if (!worst.severity) PetscFunctionReturn(PETSC_SUCCESS);
  snprintf(text, sizeof text, "%s", record.message);
  snprintf(trace, sizeof trace, "%s", record.trace);
  PetscCallMPI(MPI_Bcast(&code, 1, MPI_INT, worst.rank, comm));
  PetscCallMPI(MPI_Bcast(text, (int)sizeof text, MPI_CHAR, worst.rank, comm));
  PetscCallMPI(MPI_Bcast(trace, (int)sizeof trace, MPI_CHAR, worst.rank, comm));
  TesErrorForget();
  record.recorded = PETSC_TRUE;
  record.shared   = PETSC_TRUE;
  record.code     = (PetscErrorCode)code;
  snprintf(record.message, sizeof record.message, "%s", text);
  snprintf(record.trace, sizeof record.trace, "%s", trace);
  /* not PETSC_ERROR_INITIAL: the message is there already, the way up goes on */
  PetscFunctionReturn(PetscError(PETSC_COMM_SELF, __LINE__, PETSC_FUNCTION_NAME, __FILE__, (PetscErrorCode)code, PETSC_ERROR_REPEAT, " "));
}

TesExit TesErrorExit(PetscErrorCode ierr)
{
  if (ierr == PETSC_SUCCESS) return TES_EXIT_DONE;
  if (ierr == TES_ERR_DECK || ierr == PETSC_ERR_USER_INPUT) return TES_EXIT_DECK;
  if (ierr == TES_ERR_WORLD || ierr == PETSC_ERR_MEM || ierr == PETSC_ERR_FILE_OPEN || ierr == PETSC_ERR_FILE_READ || ierr == PETSC_ERR_FILE_WRITE ||
      ierr == PETSC_ERR_FILE_UNEXPECTED)
    return TES_EXIT_WORLD;
  if (ierr == TES_ERR_NUMBERS || ierr == PETSC_ERR_FP || ierr == PETSC_ERR_CONV_FAILED || ierr == PETSC_ERR_NOT_CONVERGED || ierr == PETSC_ERR_MAT_LU_ZRPVT ||
      ierr == PETSC_ERR_MAT_CH_ZRPVT)
    return TES_EXIT_NUMBERS;
  if (ierr == TES_ERR_STOPPED) return TES_EXIT_STOPPED;
  return TES_EXIT_BUG;
}

void TesErrorSay(MPI_Comm comm, PetscErrorCode ierr, PetscBool *shared)
{
  int     rank = 0, size = 1;
  TesExit how  = TesErrorExit(ierr);

  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  *shared = (PetscBool)(record.shared || size == 1);
  if (*shared && rank) return;
  fflush(stdout);
  if (how == TES_EXIT_BUG) {
    fprintf(stderr, "tessera: internal error %d%s: %s\n%sThis is a bug in tessera: please report it with the lines above and the deck.\n", (int)ierr,
            *shared ? "" : " on one rank", record.message, record.trace);
  } else if (*shared) {
    fprintf(stderr, "tessera: %s\n", record.message);
  } else {
    fprintf(stderr, "tessera: rank %d: %s\n", rank, record.message);
  }
  fflush(stderr);
}

PetscErrorCode TesFormat(char **text, const char format[], ...)
{
  va_list arguments, again;
  int     length;

  PetscFunctionBegin;
  va_start(arguments, format);
  va_copy(again, arguments);
  length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  PetscCall(PetscMalloc1((size_t)length + 1, text));
  vsnprintf(*text, (size_t)length + 1, format, again);
  va_end(again);
  PetscFunctionReturn(PETSC_SUCCESS);
}
