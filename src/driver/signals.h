#pragma once
/* Signals as requests that the run loop looks at between steps. SIGTERM, SIGINT, SIGUSR1: stop with a checkpoint, a second one at once; SIGUSR2: checkpoint and go on.
   SIGXFSZ and SIGPIPE are ignored, so that a full quota or a closed terminal is an error code and no death. */
#include <tessera/base.h>

PetscErrorCode SignalsInstall(void); /* once more is fine: what was asked for stays */
PetscErrorCode SignalsRemove(void);
PetscBool      SignalsStop(void);       /* was a stop asked for? */
PetscBool      SignalsCheckpoint(void); /* was a checkpoint asked for? taking the answer clears it */
