/* A problem of one run: the kind, its context filled from the deck, and the accessors that a kind may use. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "problem.h"

#define MAX_KINDS 64

/* Input files are looked at by every rank, and a file may be there for one and not for another. What only some ranks complain of is an error of all, or those would go on into a
   collective that the others never reach. */
static PetscErrorCode AgreeOnComplaints(MPI_Comm comm, TesDeck deck, PetscInt *complaints)
{
  PetscErrorCode ierr = PETSC_SUCCESS;
  const char    *text;
  int            rank, size, some[2];

  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscCall(TesDeckComplaints(deck, complaints, NULL));
  some[0] = *complaints ? rank : size; /* lowest rank with complaints, lowest without */
  some[1] = *complaints ? size : rank;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, some, 2, MPI_INT, MPI_MIN, comm));
  if (some[0] == rank && some[1] < size) {
    PetscCall(TesDeckComplaints(deck, complaints, &text));
    ierr = PetscError(PETSC_COMM_SELF, __LINE__, PETSC_FUNCTION_NAME, __FILE__, TES_ERR_DECK, PETSC_ERROR_INITIAL, "on rank %d, but not on rank %d (is a file there on every host?):\n%s", rank, some[1], text);
  }
  PetscCall(TesAgree(comm, ierr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ProblemCreate(MPI_Comm comm, TesDeck deck, const TesProblemKind *const kinds[], Log log, TesProblem *problem)
{
  const char *names[MAX_KINDS + 1] = {NULL}, *name = NULL;
  TesProblem  p;
  PetscInt    complaints;

  PetscFunctionBegin;
  *problem = NULL;
  for (int k = 0; kinds[k] && k < MAX_KINDS; k++) names[k] = kinds[k]->name;
  PetscCall(TesDeckKind(deck, names, &name));
  if (!name) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscNew(&p));
  *problem = p;
  p->comm  = comm;
  p->deck  = deck;
  p->log   = log;
  for (int k = 0; kinds[k]; k++)
    if (!strcmp(kinds[k]->name, name)) p->kind = kinds[k];
  PetscCall(TesTimersCreate(&p->timers));
  PetscCall(PetscCalloc(PetscMax(p->kind->ctx_size, 1), &p->ctx));
  {
    const TesKeyTable tables[] = {
      {run_option_keys, &p->options},
      {p->kind->keys,   p->ctx     }
    };
    PetscCall(TesDeckRead(deck, 2, tables));
  }
  if (p->options.output.fields && !p->kind->keeps_fields)
    PetscCall(TesDeckComplainKey(deck, "output.fields", "without effect: kind %s keeps no fields", p->kind->name));
  for (PetscInt i = 0; i < p->options.petsc.n; i++)
    if (!TesNodeIsText(p->options.petsc.value[i])) {
      char path[160];

      snprintf(path, sizeof path, "petsc.%.140s", p->options.petsc.name[i]);
      PetscCall(TesDeckComplainKey(deck, path, "no value for a PETSc option: write one word or number behind its full name, as `ksp_type: gmres`"));
    }
  /* physics is looked at only when every key is a value of the right kind */
  PetscCall(AgreeOnComplaints(comm, deck, &complaints));
  if (complaints || !p->kind->check) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(p->kind->check(p));
  PetscCall(AgreeOnComplaints(comm, deck, &complaints));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ProblemDestroy(TesProblem *problem)
{
  TesProblem p = *problem;

  PetscFunctionBegin;
  if (!p) PetscFunctionReturn(PETSC_SUCCESS);
  if (p->kind && p->kind->destroy) PetscCall(p->kind->destroy(p));
  PetscCall(PetscFree(p->ctx));
  PetscCall(TesTimersDestroy(&p->timers));
  PetscCall(PetscFree(*problem));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ProblemEstimate(TesProblem problem, int ranks, TesEstimate *estimate)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(estimate, sizeof *estimate));
  estimate->ranks        = ranks;
  estimate->usable_ranks = ranks;
  if (problem->kind->estimate) PetscCall(problem->kind->estimate(problem, estimate));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void *TesProblemCtx(TesProblem problem)
{
  return problem->ctx;
}

MPI_Comm TesProblemComm(TesProblem problem)
{
  return problem->comm;
}

PetscInt64 TesProblemSeed(TesProblem problem)
{
  return problem->options.run.seed;
}

PetscBool TesProblemReproducible(TesProblem problem)
{
  return problem->options.run.reproducible;
}

TesTimers TesProblemTimers(TesProblem problem)
{
  return problem->timers;
}

TesDeck TesProblemDeck(TesProblem problem)
{
  return problem->deck;
}

static PetscBool Among(const char line[], const char *const sections[])
{
  for (const char *const *name = sections; name && *name; name++)
    if (!strncmp(line, *name, strlen(*name))) return PETSC_TRUE;
  return PETSC_FALSE;
}

PetscErrorCode TesProblemOwnText(const char resolved[], const char *const without[], char **own)
{
  static const char *const drivers[] = {"run:", "output:", "checkpoint:", "parallel:", "petsc:", NULL};
  PetscBool                keep      = PETSC_TRUE;
  size_t                   used      = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(strlen(resolved) + 1, own));
  for (const char *line = resolved; *line;) {
    const char  *end    = strchr(line, '\n');
    const size_t length = end ? (size_t)(end - line) + 1 : strlen(line);

    if (!strchr(" -#\n", line[0])) keep = Among(line, drivers) || Among(line, without) ? PETSC_FALSE : PETSC_TRUE;
    if (keep && line[0] != '#') {
      memcpy(*own + used, line, length);
      used += length;
    }
    line += length;
  }
  (*own)[used] = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscInt64 TesProblemStep(TesProblem problem)
{
  return problem->step;
}

PetscErrorCode TesProblemOutputPath(TesProblem problem, const char name[], char **path)
{
  PetscFunctionBegin;
  PetscCall(TesFormat(path, "%s/%s", problem->folder ? problem->folder : ".", name));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesProblemSay(TesProblem problem, const char format[], ...)
{
  char    text[2048];
  va_list arguments;

  PetscFunctionBegin;
  if (!problem->log) PetscFunctionReturn(PETSC_SUCCESS);
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  LogLine(problem->log, "%s", text);
  PetscFunctionReturn(PETSC_SUCCESS);
}
