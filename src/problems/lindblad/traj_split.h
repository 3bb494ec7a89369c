#pragma once
/* lindblad, private: exponentials of a sum of local operators by symmetric splitting (traj_split.c). */
#include "traj.h"

typedef struct _p_LbWaveSplit *LbWaveSplit;

/*@
  LbWaveSplitCreate  - plan for S(h) = e^{D h/2} (e^{A_1 h/2} ... e^{A_K h} ... e^{A_1 h/2}) e^{D h/2}, D the tables and A_k the supports of a map with tables
  LbWaveSplitPrepare - factors of time and step of the factors; nothing is done if they are those of the last call
  LbWaveSplitApply   - psi <- S(h) psi in place

  Collective on the group. Error of one step: O(h^3)
@*/
PetscErrorCode LbWaveSplitCreate(const LbWaveSpace *space, const LbModel *model, LbWaveMap map, char problem[256], LbWaveSplit *split);
PetscErrorCode LbWaveSplitPrepare(LbWaveSplit split, const PetscReal f[], PetscReal h);
PetscErrorCode LbWaveSplitApply(LbWaveSplit split, LbVec *psi);
PetscErrorCode LbWaveSplitDestroy(LbWaveSplit *split);
