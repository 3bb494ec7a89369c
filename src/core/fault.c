/* Fault hooks: TES_FAULT="action@point[,rank=R][,step=N][,from=N][,count=K];...", read at first use. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tessera/fault.h>

#define MAX_FAULTS 8

typedef struct {
  char       action[8], point[32];
  int        rank;  /* -1: any */
  PetscInt64 step;  /* -1: any */
  PetscInt64 from;  /* first step, -1: any */
  PetscInt64 count; /* fires at this pass, 0: at every pass */
  PetscInt64 passes;
} Fault;

/* Counting the passes is the one purpose of this state; it is empty unless a test sets the variable. */
static struct {
  PetscBool read;
  int       n;
  Fault     fault[MAX_FAULTS];
} plan;

static void ParseFault(char *text)
{
  Fault *f  = &plan.fault[plan.n];
  char  *at = strchr(text, '@'), *rest = NULL, *word;

  if (!at || plan.n == MAX_FAULTS) return;
  *at = 0;
  memset(f, 0, sizeof *f);
  f->rank  = -1;
  f->step  = -1;
  f->from  = -1;
  f->count = 1;
  strncpy(f->action, text, sizeof f->action - 1);
  /* nan@step=7 names the step in place of a point */
  for (word = strtok_r(at + 1, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
    if (!strncmp(word, "rank=", 5)) f->rank = atoi(word + 5);
    else if (!strncmp(word, "step=", 5)) f->step = atoll(word + 5);
    else if (!strncmp(word, "from=", 5)) f->from = atoll(word + 5);
    else if (!strncmp(word, "count=", 6)) f->count = atoll(word + 6);
    else strncpy(f->point, word, sizeof f->point - 1);
  }
  plan.n++;
}

static void ReadPlan(void)
{
  const char *text = getenv("TES_FAULT");
  char        copy[512], *rest = NULL;

  plan.read = PETSC_TRUE;
  if (!text) return;
  strncpy(copy, text, sizeof copy - 1);
  copy[sizeof copy - 1] = 0;
  for (char *item = strtok_r(copy, ";", &rest); item; item = strtok_r(NULL, ";", &rest)) ParseFault(item);
}

PetscErrorCode TesFault(const char point[], int rank, PetscInt64 step)
{
  PetscFunctionBegin;
  if (!plan.read) ReadPlan();
  for (int i = 0; i < plan.n; i++) {
    Fault *f = &plan.fault[i];

    if (strcmp(f->point, point) || (f->rank >= 0 && f->rank != rank) || (f->step >= 0 && f->step != step) || step < f->from) continue;
    f->passes++;
    if (f->count && f->passes != f->count) continue;
    if (!strcmp(f->action, "kill")) raise(SIGKILL);
    if (!strcmp(f->action, "sleep")) {
      struct timespec hour = {3600, 0};
      nanosleep(&hour, NULL);
    }
    if (!strcmp(f->action, "pause")) {
      struct timespec second = {1, 0};
      nanosleep(&second, NULL);
    }
    if (!strcmp(f->action, "doze")) {
      struct timespec tenth = {0, 100000000};
      nanosleep(&tenth, NULL);
    }
    PetscCheck(strcmp(f->action, "fail"), PETSC_COMM_SELF, TES_ERR_WORLD, "injected input/output error at %s", point);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscBool TesFaultNaN(PetscInt64 step, int *rank)
{
  if (!plan.read) ReadPlan();
  for (int i = 0; i < plan.n; i++) {
    Fault *f = &plan.fault[i];

    if (strcmp(f->action, "nan") || f->step != step) continue;
    *rank = f->rank < 0 ? 0 : f->rank;
    return PETSC_TRUE;
  }
  return PETSC_FALSE;
}
