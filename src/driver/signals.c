/* The handler only stores flags. A signal reaches each process by itself, so the flags are the process's: file scope is their nature. */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "signals.h"

static volatile sig_atomic_t stop_asked, checkpoint_asked;
static volatile sig_atomic_t first_stop_second;

/* One Ctrl-C can arrive twice: from the terminal and through mpirun. Only one that comes at least two clock seconds later is a second wish. */
static void OnStop(int number)
{
  struct timespec t;

  (void)number;
  clock_gettime(CLOCK_MONOTONIC, &t);
  if (stop_asked && (sig_atomic_t)t.tv_sec - first_stop_second >= 2) _exit(TES_EXIT_STOPPED);
  if (!stop_asked) first_stop_second = (sig_atomic_t)t.tv_sec;
  stop_asked = 1;
}

static void OnCheckpoint(int number)
{
  (void)number;
  checkpoint_asked = 1;
}

static PetscErrorCode Handle(int number, void (*handler)(int))
{
  struct sigaction action;

  PetscFunctionBegin;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags   = SA_RESTART;
  sigemptyset(&action.sa_mask);
  TesCallSys(sigaction(number, &action, NULL), "cannot handle signal %d", number);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SignalsInstall(void)
{
  PetscFunctionBegin;
  PetscCall(Handle(SIGTERM, OnStop));
  PetscCall(Handle(SIGINT, OnStop));
  PetscCall(Handle(SIGUSR1, OnStop));
  PetscCall(Handle(SIGUSR2, OnCheckpoint));
  PetscCall(Handle(SIGXFSZ, SIG_IGN));
  PetscCall(Handle(SIGPIPE, SIG_IGN));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SignalsRemove(void)
{
  PetscFunctionBegin;
  PetscCall(Handle(SIGTERM, SIG_DFL));
  PetscCall(Handle(SIGINT, SIG_DFL));
  PetscCall(Handle(SIGUSR1, SIG_DFL));
  PetscCall(Handle(SIGUSR2, SIG_DFL));
  stop_asked = checkpoint_asked = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscBool SignalsStop(void)
{
  return stop_asked ? PETSC_TRUE : PETSC_FALSE;
}

PetscBool SignalsCheckpoint(void)
{
  PetscBool asked = checkpoint_asked ? PETSC_TRUE : PETSC_FALSE;

  checkpoint_asked = 0;
  return asked;
}
