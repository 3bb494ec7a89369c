#pragma once
/* Errors, exit codes and messages: what every other header stands on.

   Four cases, four treatments (conventions.md of the house):
     the user's deck is wrong  -> TES_ERR_DECK,    exit 2, no traceback
     the world is wrong        -> TES_ERR_WORLD,   exit 3, one line, no traceback
     the numbers are wrong     -> TES_ERR_NUMBERS, exit 4, one line, no traceback
     we are wrong              -> any other code,  exit 70, full traceback
   Raise them with SETERRQ / PetscCheck and the code; an error that one rank meets alone is made collective by TesAgree. */
#include <petscsys.h>

#if PETSC_VERSION_LT(3, 19, 0)
  #define PETSC_SUCCESS 0 /* came with PETSc 3.19 */
#endif

#define TES_ERR_DECK    ((PetscErrorCode)1001) /* deck, command line or input data of the user */
#define TES_ERR_WORLD   ((PetscErrorCode)1002) /* disk, file, damaged checkpoint, memory */
#define TES_ERR_NUMBERS ((PetscErrorCode)1003) /* not finite, diverged, target not reached */
#define TES_ERR_STOPPED ((PetscErrorCode)1004) /* a second signal: stop at once */

/* Exit codes of the program: a stable interface for job scripts. */
typedef enum {
  TES_EXIT_DONE      = 0,
  TES_EXIT_DIFFERENT = 1,  /* compare found a difference */
  TES_EXIT_DECK      = 2,  /* deck or command line wrong, nothing written */
  TES_EXIT_WORLD     = 3,  /* disk, file, damaged checkpoint */
  TES_EXIT_NUMBERS   = 4,  /* diverged, target not reached */
  TES_EXIT_BUG       = 70, /* our fault */
  TES_EXIT_STOPPED   = 75  /* stopped on purpose with a good checkpoint: run again with --restart */
} TesExit;

/* TesCallSys - wrap a POSIX call that returns -1 and sets errno; the message names what was tried.
   Example: TesCallSys(rename(a, b), "cannot rename %s to %s", a, b); raises TES_ERR_WORLD on this rank alone: TesAgree follows. */
#define TesCallSys(call, ...) \
  do { \
    if (PetscUnlikely((call) == -1)) SETERRQ(PETSC_COMM_SELF, TES_ERR_WORLD, "%s", TesErrnoText(__VA_ARGS__)); \
  } while (0)

/*@
  TesErrnoText - format a message and append ": " and the text of errno

  Not Collective

  Returns a pointer to a per-process buffer, valid until the next call.
@*/
const char *TesErrnoText(const char format[], ...) __attribute__((format(printf, 1, 2)));

/*@
  TesErrorInstall - record errors (message, place, traceback) in place of PETSc's printing at once

  Not Collective; call after PetscInitialize. Undone by TesErrorRemove. What was recorded is said once, by TesErrorSay.
@*/
PetscErrorCode TesErrorInstall(void);
PetscErrorCode TesErrorRemove(void);

/*@
  TesAgree - make an error that one rank may have met alone into the same error on all ranks

  Collective

  Input Parameters:
+ comm - the communicator
- ierr - what this rank's local work returned (PETSC_SUCCESS where it did not do any)

  Returns the worst code of all ranks, on every rank, with the text of the lowest rank that met it. Use before the branch:
.vb
  PetscErrorCode ierr = OpenOnRankZero(path);
  PetscCall(TesAgree(comm, ierr));
.ve
@*/
PetscErrorCode TesAgree(MPI_Comm comm, PetscErrorCode ierr);

/*@
  TesErrorMessage - the text of the first error recorded since the last TesErrorForget ("" if none)
  TesErrorForget  - drop what was recorded: the error was handled
  TesErrorExit    - the exit code that belongs to an error code
  TesErrorSay     - print the recorded error: one line for deck, world and numbers, message with traceback for a bug of ours.
                    Not Collective. Returns PETSC_TRUE in *shared if the error is known to all ranks (raised by TesAgree or by all
                    ranks of a collective), so that only rank 0 need speak and an orderly end is possible.

  Not Collective
@*/
const char *TesErrorMessage(void);
void        TesErrorForget(void);
TesExit     TesErrorExit(PetscErrorCode ierr);
void        TesErrorSay(MPI_Comm comm, PetscErrorCode ierr, PetscBool *shared);

/*@
  TesFormat - printf into a fresh string; the caller frees it with PetscFree
@*/
PetscErrorCode TesFormat(char **text, const char format[], ...) __attribute__((format(printf, 2, 3)));
