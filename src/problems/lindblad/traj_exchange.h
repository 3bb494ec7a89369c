#pragma once
/* lindblad, private: state vectors in parts, one per member of a group, and the tiles of windows that reach over several parts (traj_exchange.c). */
#include "traj.h"

/*@
  LbExchangeCreate - who sends which amplitudes to whom for the chunks of a window

  Collective on the group

  Output Parameter:
. exchange - NULL if no other member has or needs anything of this one

  LbExchangeRounds - rounds to be done, the same number on every member that has an exchange for this window
  LbExchangeFetch  - tiles of this member's chunks of a round: tile k is that of chunk first + k, n in all (0 is possible)
  LbExchangeReturn - the tiles (changed by the caller) go back: x <- tile, or x += tile with add

  Collective on the members that have an exchange for this window, in rounds 0, 1, ...; a fetch may go without a return
@*/
PetscErrorCode LbExchangeCreate(const LbWaveSpace *space, const LbTrajWindow *w, LbExchange *exchange);
PetscInt64     LbExchangeRounds(LbExchange exchange);
PetscErrorCode LbExchangeFetch(LbExchange exchange, PetscInt64 round, const LbVec *x, PetscInt64 *first, int *n, double **tiles);
PetscErrorCode LbExchangeReturn(LbExchange exchange, PetscInt64 round, PetscBool add, LbVec *x);
PetscErrorCode LbExchangeDestroy(LbExchange *exchange);
