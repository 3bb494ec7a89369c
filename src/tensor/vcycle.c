/* A multi-channel V-cycle as a linear layer, level by level (0 fine), after He, Liu, Xu, "MgNO", section 2:

     level 0:     f = x;  u = S_1 f;  further steps u <- u + S (f - A u)
     level l > 0: f <- R f, or R (f - A' u) with restrict_residual;  u <- Pi u;  steps as above
     upwards:     u_l <- u_l + P u_{l+1};  post steps as above
   A step costs two convolutions of 3^d taps. Written for clarity on the tape's own convolutions; it is also what fused kernels are checked against. */
#include <tessera/tensor_layers.h>

static PetscErrorCode Name(char text[8], const char letter[], PetscInt level)
{
  PetscFunctionBegin;
  PetscCall(PetscSNPrintf(text, 8, "%s%d", letter, (int)level));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Smooth(TesParameters p, const TesVCycleSpec *s, const char letter[], PetscInt level, PetscInt step, PetscInt in, TesConvLayer *layer)
{
  TesConvSpec conv = {.d = s->d, .low = {1, 1, 1}, .high = {1, 1, 1}};
  char        text[8];

  PetscFunctionBegin;
  PetscCall(Name(text, letter, level));
  PetscCall(TesParametersPush(p, text));
  PetscCall(Name(text, "", step));
  PetscCall(TesConvDeclare(p, text, &conv, (const PetscInt[]){3, 3, 3}, s->mode, in, s->channels, s->bias, layer));
  layer->name = letter;
  PetscCall(TesParametersPop(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Transfers(TesParameters p, const TesVCycleSpec *s, PetscInt level, TesVCycle *cycle)
{
  const PetscInt low = s->transfer_low, k[3] = {s->transfer, s->transfer, s->transfer};
  TesConvSpec    conv = {.d = s->d, .stride = {2, 2, 2}, .low = {low, low, low}, .high = {low, low, low}};
  char           text[8];

  PetscFunctionBegin;
  PetscCall(Name(text, "R", level));
  PetscCall(TesConvDeclare(p, text, &conv, k, s->mode, s->in, s->in, PETSC_FALSE, &cycle->r[level]));
  cycle->r[level].name = "R";
  PetscCall(Name(text, "Pi", level));
  PetscCall(TesConvDeclare(p, text, &conv, k, s->mode, s->channels, s->channels, PETSC_FALSE, &cycle->pi[level]));
  cycle->pi[level].name = "Pi";
  PetscCall(Name(text, "P", level));
  PetscCall(TesConvTransposedDeclare(p, text, &conv, k, s->channels, s->channels, PETSC_FALSE, &cycle->p[level]));
  cycle->p[level].name = "P";
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesVCycleDeclare(TesParameters p, const char name[], const TesVCycleSpec *spec, TesVCycle *cycle)
{
  PetscFunctionBegin;
  PetscCheck(spec->levels >= 1 && spec->levels <= TES_VCYCLE_LEVELS && spec->pre[0] >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE,
             "%s: 1 to %d levels, and a first smoothing step on the finest", name, TES_VCYCLE_LEVELS);
  cycle->name = name;
  cycle->spec = *spec;
  PetscCall(TesParametersPush(p, name));
  for (PetscInt l = 0; l < spec->levels; l++) {
    PetscInt steps = spec->pre[l] + spec->post[l];

    PetscCheck(spec->pre[l] <= TES_VCYCLE_SMOOTHS && spec->post[l] <= TES_VCYCLE_SMOOTHS, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%s: at most %d smoothing steps", name,
               TES_VCYCLE_SMOOTHS);
    if (l) PetscCall(Transfers(p, spec, l, cycle));
    if (l && spec->restrict_residual) { /* A' maps u to the channels of f */
      TesVCycleSpec to_f = *spec;

      to_f.channels = spec->in;
      PetscCall(Smooth(p, &to_f, "Ar", l, 0, spec->channels, &cycle->residual[l]));
    }
    for (PetscInt i = 0; i < steps; i++) {
      TesVCycleSpec to_f = *spec;

      to_f.channels = spec->in;
      PetscCall(Smooth(p, spec, "S", l, i, spec->in, &cycle->s[l][i]));
      if (l || i) PetscCall(Smooth(p, &to_f, "A", l, i, spec->channels, &cycle->a[l][i])); /* the very first step starts from u = 0 */
    }
  }
  PetscCall(TesParametersPop(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* u <- u + S (f - A u); u NULL: u <- S f */
static PetscErrorCode Step(TesTape tape, const TesVCycle *cycle, PetscInt level, PetscInt step, TesTensor f, TesTensor *u)
{
  TesTensor r = f, t;

  PetscFunctionBegin;
  if (*u) {
    PetscCall(TesConvApply(tape, &cycle->a[level][step], *u, NULL, &t));
    PetscCall(TesSubtract(f, t, &r));
  }
  PetscCall(TesConvApply(tape, &cycle->s[level][step], r, NULL, &t));
  if (*u) PetscCall(TesAdd(*u, t, u));
  else *u = t;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesVCycleApply(TesTape tape, const TesVCycle *cycle, TesTensor x, TesTensor *y)
{
  const TesVCycleSpec *s = &cycle->spec;
  TesTensor            f[TES_VCYCLE_LEVELS], u[TES_VCYCLE_LEVELS] = {NULL};

  PetscFunctionBegin;
  PetscCall(TesTapePush(tape, cycle->name));
  f[0] = x;
  for (PetscInt l = 0; l < s->levels; l++) {
    if (l) {
      TesTensor from = f[l - 1];

      if (s->restrict_residual) {
        PetscCall(TesConvApply(tape, &cycle->residual[l], u[l - 1], NULL, &from));
        PetscCall(TesSubtract(f[l - 1], from, &from));
      }
      PetscCall(TesConvApply(tape, &cycle->r[l], from, NULL, &f[l]));
      PetscCall(TesConvApply(tape, &cycle->pi[l], u[l - 1], NULL, &u[l]));
    }
    for (PetscInt i = 0; i < s->pre[l]; i++) PetscCall(Step(tape, cycle, l, i, f[l], &u[l]));
  }
  for (PetscInt l = s->levels - 2; l >= 0; l--) {
    TesTensor t;

    PetscCall(TesConvApply(tape, &cycle->p[l + 1], u[l + 1], TesTensorShape(u[l]) + 1, &t));
    PetscCall(TesAdd(u[l], t, &u[l]));
    for (PetscInt i = 0; i < s->post[l]; i++) PetscCall(Step(tape, cycle, l, s->pre[l] + i, f[l], &u[l]));
  }
  PetscCall(TesTapePop(tape));
  *y = u[0];
  PetscFunctionReturn(PETSC_SUCCESS);
}
