/* The timer of watchdog.h. The plan is the process's, as its signal handler is: file scope is its nature. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "watchdog.h"
#ifdef __GLIBC__
  #include <execinfo.h>
#endif

#define MAX_CALLS          24
#define LAST_WORDS_SECONDS 2 /* ranks reach their limit within the spread of one step of each other */

static struct {
  WatchdogPlan plan;
  PetscBool    on;
  char         status[PETSC_MAX_PATH_LEN + 64], status_part[PETSC_MAX_PATH_LEN + 64];
} watch;

/* ---- text without stdio, which may hold a lock just now ---- */

typedef struct {
  char   text[512];
  size_t used;
} Words;

static void Say(Words *w, const char text[])
{
  size_t n = strlen(text);

  if (n > sizeof w->text - w->used) n = sizeof w->text - w->used;
  memcpy(w->text + w->used, text, n);
  w->used += n;
}

static void SayNumber(Words *w, PetscInt64 number)
{
  char  digits[24];
  char *at = digits + sizeof digits - 1;

  *at = 0;
  if (number < 0) {
    Say(w, "-");
    number = -number;
  }
  do *--at = (char)('0' + number % 10);
  while (number /= 10);
  Say(w, at);
}

static void WriteWords(int file, const Words *w)
{
  if (write(file, w->text, w->used) < 0) return; /* there is nobody left to tell */
}

/* The calls that the rank is in, innermost first: a name of MPI's tells who waits, another one who is waited for. */
static void WriteCalls(int file)
{
#ifdef __GLIBC__
  void *calls[MAX_CALLS];
  int   n = backtrace(calls, MAX_CALLS);

  backtrace_symbols_fd(calls, n, file);
#else
  (void)file;
#endif
}

static void OnTimeOut(int number)
{
  Words           words = {.used = 0}, status = {.used = 0};
  struct timespec pause  = {LAST_WORDS_SECONDS, 0};
  const char     *phase  = TesTimersCurrent(watch.plan.timers);
  PetscInt64      tenths = (PetscInt64)(10 * watch.plan.seconds + 0.5);

  (void)number;
  Say(&words, "tessera: rank ");
  SayNumber(&words, watch.plan.rank);
  Say(&words, ": nothing was done for ");
  SayNumber(&words, tenths / 10);
  if (tenths % 10) {
    Say(&words, ".");
    SayNumber(&words, tenths % 10);
  }
  Say(&words, " s (run.watchdog); it is in phase `");
  Say(&words, phase[0] ? phase : "between phases");
  Say(&words, "` after step ");
  SayNumber(&words, *watch.plan.step);
  Say(&words, "; ending the run, go on with --restart. Its calls:\n");
  WriteWords(STDERR_FILENO, &words);
  WriteCalls(STDERR_FILENO);
  if (watch.status[0]) {
    int file = open(watch.status_part, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    Say(&status, "failed ");
    SayNumber(&status, *watch.plan.step);
    Say(&status, "\n");
    if (file >= 0) {
      WriteWords(file, &status);
      close(file);
      (void)!rename(watch.status_part, watch.status);
    }
  }
  nanosleep(&pause, NULL);
  _exit(TES_EXIT_BUG);
}

void WatchdogReset(void)
{
  struct itimerval timer;

  if (!watch.on) return;
  memset(&timer, 0, sizeof timer);
  timer.it_value.tv_sec  = (time_t)watch.plan.seconds;
  timer.it_value.tv_usec = (suseconds_t)(1e6 * (watch.plan.seconds - (PetscReal)timer.it_value.tv_sec));
  setitimer(ITIMER_REAL, &timer, NULL);
}

PetscErrorCode WatchdogStart(const WatchdogPlan *plan)
{
  struct sigaction action;

  PetscFunctionBegin;
  if (plan->seconds <= 0) PetscFunctionReturn(PETSC_SUCCESS);
  watch.plan      = *plan;
  watch.status[0] = 0;
  if (plan->status[0]) {
    snprintf(watch.status, sizeof watch.status, "%s", plan->status);
    snprintf(watch.status_part, sizeof watch.status_part, "%s.part", plan->status);
  }
#ifdef __GLIBC__
  {
    void *first;

    (void)backtrace(&first, 1); /* loads what it needs now, so that the handler does not */
  }
#endif
  memset(&action, 0, sizeof action);
  action.sa_handler = OnTimeOut;
  sigemptyset(&action.sa_mask);
  TesCallSys(sigaction(SIGALRM, &action, NULL), "cannot handle signal %d", SIGALRM);
  watch.on = PETSC_TRUE;
  WatchdogReset();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode WatchdogStop(void)
{
  struct itimerval none;

  PetscFunctionBegin;
  if (!watch.on) PetscFunctionReturn(PETSC_SUCCESS);
  memset(&none, 0, sizeof none);
  TesCallSys(setitimer(ITIMER_REAL, &none, NULL), "cannot end the timer");
  watch.on = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}
