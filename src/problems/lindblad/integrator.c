/* The integrators by name, their memory, and what they share.

   kind     vectors beside the state      use
   dp5      7                             default with time-dependent terms; adaptive, order 5
   lsrk4    3                             the largest time-dependent problems; order 4, step doubling
   taylor   2                             constant L, Horner form
   faber    2                             default for constant L: polynomials on an ellipse, fused Clenshaw
   krylov   dimension + 2                 constant L, memory plentiful, error estimate
   strang   0                             every step completely positive: stiff rates, memory
   strang4  2                             the same, extrapolated to order 4
   cfm4     2                             smooth strong drives: commutator-free Magnus of order 4 on faber */
#include "integrator.h"

static PetscErrorCode Nothing(LbIntegrator integrator)
{
  (void)integrator;
  return PETSC_SUCCESS;
}

const LbIntegratorKind lb_integrators[] = {
  {"auto",    "faber for constant L, dp5 else",                     0, PETSC_FALSE, NULL,              NULL,             NULL          },
  {"dp5",     "Dormand-Prince 5(4), adaptive",                      7, PETSC_FALSE, LbRungeKuttaSetUp, LbDp5Advance,     Nothing       },
  {"lsrk4",   "Carpenter-Kennedy 4, low storage, step doubling",    3, PETSC_FALSE, LbRungeKuttaSetUp, LbLsrk4Advance,   Nothing       },
  {"taylor",  "Taylor series of exp(h L)",                          2, PETSC_TRUE,  Nothing,           LbTaylorAdvance,  Nothing       },
  {"faber",   "Faber series of exp(h L) on an ellipse",             2, PETSC_TRUE,  Nothing,           LbFaberAdvance,   Nothing       },
  {"krylov",  "Arnoldi",                                            2, PETSC_TRUE,  Nothing,           LbKrylovAdvance,  Nothing       },
  {"strang",  "symmetric splitting, order 2, completely positive",  0, PETSC_FALSE, LbSplitSetUp,      LbStrangAdvance,  LbSplitDestroy},
  {"strang4", "extrapolated splitting, order 4",                    2, PETSC_FALSE, LbSplitSetUp,      LbStrang4Advance, LbSplitDestroy},
  {"cfm4",    "commutator-free Magnus, order 4",                    2, PETSC_FALSE, Nothing,           LbCfm4Advance,    Nothing       },
};

const char *const lb_integrator_names[] = {"auto", "dp5", "lsrk4", "taylor", "faber", "krylov", "strang", "strang4", "cfm4", NULL};

int LbIntegratorChoose(int kind, PetscBool constant)
{
  return kind != LB_AUTO ? kind : constant ? LB_FABER : LB_DP5;
}

PetscErrorCode LbIntegratorCreate(LbModel *model, LbLiouville l, const LbIntegratorDeck *deck, LbIntegrator *integrator)
{
  LbIntegrator g;

  PetscFunctionBegin;
  PetscCall(PetscNew(&g));
  g->kind   = &lb_integrators[LbIntegratorChoose(deck->kind, model->constant)];
  g->deck   = *deck;
  g->model  = model;
  g->l      = l;
  g->space  = LbLiouvilleSpace(l);
  g->n_work = g->kind->vectors + (g->kind == &lb_integrators[LB_KRYLOV] ? (int)deck->dimension : 0);
  for (int k = 0; k < g->n_work; k++) PetscCall(LbVecCreate(g->space, &g->work[k]));
  PetscCall(PetscMalloc3(model->n_times, &g->factors, model->n_times, &g->width, model->n_times, &g->decay_of));
  PetscCall(LbSpectralBounds(model, g->decay_of, g->width));
  PetscCall(g->kind->setup(g));
  *integrator = g;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbIntegratorAdvance(LbIntegrator g, PetscReal t, PetscReal end, LbVec *x)
{
  PetscFunctionBegin;
  PetscCall(g->kind->advance(g, t, end, x));
  PetscCall(LbFence(g->space));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbIntegratorDestroy(LbIntegrator *integrator)
{
  LbIntegrator g = *integrator;

  PetscFunctionBegin;
  if (!g) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(g->kind->destroy(g));
  for (int k = 0; k < g->n_work; k++) PetscCall(LbVecDestroy(&g->work[k]));
  PetscCall(PetscFree3(g->factors, g->width, g->decay_of));
  PetscCall(PetscFree(g));
  *integrator = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}
