/* PETSc options of a run. */
#include <stdio.h>
#include <string.h>
#include <petscsys.h>
#include "petsc_options.h"

/* read by PETSc at start or in PetscFinalize, after we look */
static const char *const late[] = {"options_left", "options_view", "log_view", "log_view_memory", "log", "log_all", "log_summary", "log_trace", "log_mpe", "memory_view", "malloc_view", "malloc_dump",
                                   "malloc_test", "malloc_debug", "malloc", "objects_dump", "help", "version", "info", "fp_trap", "on_error_abort", "on_error_attach_debugger",
                                   "start_in_debugger", "no_signal_handler", "debug_terminal", "citations", "get_total_flops", "history", "mpi_return_on_error", "check_pointer_intensity",
                                   "on_error_mpiabort", "saws_options", "use_gpu_aware_mpi", "skip_petscrc", "options_file", "options_monitor", "shared_tmp", "not_shared_tmp", NULL};

PetscErrorCode PetscOptionsFromDeck(const TesMap *map)
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < map->n; i++) {
    const char *given = map->name[i];
    char        name[256];
    PetscBool   set;

    snprintf(name, sizeof name, "%s%s", given[0] == '-' ? "" : "-", given);
    PetscCall(PetscOptionsHasName(NULL, NULL, name, &set));
    if (set) continue;
    PetscCall(PetscOptionsSetValue(NULL, name, TesNodeText(map->value[i])[0] ? TesNodeText(map->value[i]) : NULL));
    if (!strcmp(name, "-log_view")) PetscCall(PetscLogDefaultBegin()); /* PETSc itself looks before it sees a deck */
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PetscOptionsUnused(char text[], size_t size)
{
  PetscInt n;
  char   **names, **values;
  size_t   used = 0;

  PetscFunctionBegin;
  text[0] = 0;
  PetscCall(PetscOptionsLeftGet(NULL, &n, &names, &values));
  for (PetscInt i = 0; i < n; i++) {
    PetscBool known = PETSC_FALSE;

    for (const char *const *name = late; *name; name++)
      if (!strcmp(*name, names[i])) known = PETSC_TRUE;
    if (known) continue;
    snprintf(text + used, size - used, "%s-%s", used ? " " : "", names[i]);
    used = strlen(text);
  }
  PetscCall(PetscOptionsLeftRestore(NULL, &n, &names, &values));
  PetscFunctionReturn(PETSC_SUCCESS);
}
