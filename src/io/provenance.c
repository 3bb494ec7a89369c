/* How a file was made. /provenance alone holds what may differ between two runs of the same deck (dates, seconds, ranks, host), is declared last, and is what
   compare leaves out. */
#include <fftw3.h>
#include <slepcsys.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <tessera/io.h>
#include <tessera/isa.h>
#include "file_private.h"

void TesHashText(const char text[], char hex[17])
{
  uint64_t hash = 14695981039346656037u; /* FNV-1a, 64 bits: offset basis and prime of its definition */

  for (const unsigned char *c = (const unsigned char *)text; *c; c++) hash = (hash ^ *c) * 1099511628211u;
  snprintf(hex, 17, "%016llx", (unsigned long long)hash);
}

typedef struct {
  char tessera[32], git[64], petsc[256], slepc[256], mpi[MPI_MAX_LIBRARY_VERSION_STRING], hdf5[32], fftw[64], blas[256], isa[32];
} Versions;

static PetscErrorCode FindVersions(Versions *v)
{
  unsigned major, minor, release;
  int      length;
  char    *end;

  PetscFunctionBegin;
  snprintf(v->tessera, sizeof v->tessera, "%s", TES_VERSION);
  snprintf(v->git, sizeof v->git, "%s", TES_GIT_REVISION);
  PetscCall(PetscGetVersion(v->petsc, sizeof v->petsc));
  PetscCall(SlepcGetVersion(v->slepc, sizeof v->slepc));
  PetscCallMPI(MPI_Get_library_version(v->mpi, &length));
  end = strpbrk(v->mpi, "\n,"); /* Open MPI goes on with package and build host */
  if (end) *end = 0;
  TesCallH5(H5get_libversion(&major, &minor, &release));
  snprintf(v->hdf5, sizeof v->hdf5, "%u.%u.%u", major, minor, release);
  snprintf(v->fftw, sizeof v->fftw, "%s", fftw_version);
  snprintf(v->blas, sizeof v->blas, "%s", TesBlasName());
  snprintf(v->isa, sizeof v->isa, "%s", TesIsaName());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesVersionText(char **text)
{
  Versions v;

  PetscFunctionBegin;
  PetscCall(FindVersions(&v));
  PetscCall(TesFormat(text,
                      "tessera %s (git %s)\n"
                      "  PETSc            %s\n"
                      "  SLEPc            %s\n"
                      "  MPI              %s\n"
                      "  HDF5             %s\n"
                      "  FFTW             %s\n"
                      "  BLAS             %s\n"
                      "  instruction set  %s\n",
                      v.tessera, v.git, v.petsc, v.slepc, v.mpi, v.hdf5, v.fftw, v.blas, v.isa));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddNumber(TesFile file, const char name[], PetscInt64 value)
{
  TesStateItem item = {.name = name, .type = TES_I64, .data = &value};

  PetscFunctionBegin;
  PetscCall(TesFileAddCopy(file, "/provenance/", &item));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Names (one per line), calls, and seconds [n][3]: least, average and most over the ranks. */
static PetscErrorCode AddPhases(TesFile file, PetscInt n, const TesPhaseTime phases[])
{
  PetscReal   *seconds;
  PetscInt64  *calls;
  char        *names;
  TesStateItem item = {.type = TES_F64, .n_axes = 2, .shape = {n, 3}, .unit = "s", .long_name = "seconds per phase: least, average, most over the ranks", .axes = "phase statistic"};

  PetscFunctionBegin;
  PetscCall(PetscMalloc3((size_t)n * 3, &seconds, (size_t)n, &calls, (size_t)n * (sizeof phases->name + 1) + 1, &names));
  names[0] = 0;
  for (PetscInt i = 0; i < n; i++) {
    seconds[3 * i]     = phases[i].min;
    seconds[3 * i + 1] = phases[i].avg;
    seconds[3 * i + 2] = phases[i].max;
    calls[i]           = phases[i].calls;
    strcat(names, phases[i].name);
    if (i < n - 1) strcat(names, "\n");
  }
  PetscCall(TesFileAddText(file, "/provenance/phases/names", names));
  item.name = "seconds";
  item.data = seconds;
  PetscCall(TesFileAddCopy(file, "/provenance/phases/", &item));
  item = (TesStateItem){.name = "calls", .type = TES_I64, .n_axes = 1, .shape = {n}, .data = calls, .axes = "phase"};
  PetscCall(TesFileAddCopy(file, "/provenance/phases/", &item));
  PetscCall(PetscFree3(seconds, calls, names));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFileAddProvenance(TesFile file, const TesProvenance *p)
{
  Versions     v;
  char         hash[17], date[32], host[256] = "";
  time_t       now = time(NULL);
  struct tm    utc;
  PetscReal    wall = p->wall_seconds;
  TesStateItem item = {.name = "wall_seconds", .type = TES_F64, .data = &wall, .unit = "s", .long_name = "seconds of the process that wrote this file"};

  PetscFunctionBegin;
  PetscCall(FindVersions(&v));
  TesHashText(p->deck ? p->deck : "", hash);
  gmtime_r(&now, &utc);
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
  gethostname(host, sizeof host - 1);
  PetscCall(TesFileAddText(file, "/provenance/kind", p->kind));
  PetscCall(TesFileAddText(file, "/provenance/reference", p->reference));
  PetscCall(TesFileAddText(file, "/provenance/deck", p->deck));
  PetscCall(TesFileAddText(file, "/provenance/deck_hash", hash));
  PetscCall(TesFileAddText(file, "/provenance/version", v.tessera));
  PetscCall(TesFileAddText(file, "/provenance/git", v.git));
  PetscCall(TesFileAddText(file, "/provenance/petsc", v.petsc));
  PetscCall(TesFileAddText(file, "/provenance/slepc", v.slepc));
  PetscCall(TesFileAddText(file, "/provenance/mpi", v.mpi));
  PetscCall(TesFileAddText(file, "/provenance/hdf5", v.hdf5));
  PetscCall(TesFileAddText(file, "/provenance/fftw", v.fftw));
  PetscCall(TesFileAddText(file, "/provenance/blas", v.blas));
  PetscCall(TesFileAddText(file, "/provenance/isa", v.isa));
  PetscCall(AddNumber(file, "ranks", p->ranks));
  PetscCall(AddNumber(file, "seed", p->seed));
  PetscCall(AddNumber(file, "step", p->step));
  PetscCall(AddNumber(file, "state_format", p->state_format));
  PetscCall(TesFileAddText(file, "/provenance/date", date));
  PetscCall(TesFileAddText(file, "/provenance/host", host));
  PetscCall(TesFileAddCopy(file, "/provenance/", &item));
  if (p->phases && p->n_phases > 0) PetscCall(AddPhases(file, p->n_phases, p->phases));
  PetscFunctionReturn(PETSC_SUCCESS);
}
