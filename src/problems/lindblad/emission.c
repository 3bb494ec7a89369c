/* Emission spectra S(omega) = 2 Re int_0^inf e^{-i omega tau} (C(tau) - C(inf)) dtau of a correlation (correlation.c).

     fft        of the samples, trapezium rule, four times zero-padded; the tail |C(T) - C(inf)| is reported
     resolvent  (i omega - L) z = B rho - <B> rho by GMRES on the real block form, S = 2 Re Tr(A z), one frequency per step. */
#include <math.h>
#include <string.h>
#include <tessera/fft.h>
#include "correlation.h"

/* [-L, -omega; omega, -L] (re, im) */
static PetscErrorCode Resolvent(Mat shell, Vec x, Vec y)
{
  Lindblad        *c;
  LbCorrelation     *s;
  const LbSpace   *space;
  const PetscReal *from;
  PetscReal       *to;
  const LbFused    minus = {.scale = -1};

  PetscFunctionBegin;
  PetscCall(MatShellGetContext(shell, &c));
  s     = c->correlation_data;
  space = LbLiouvilleSpace(c->density.l);
  PetscCall(VecGetArrayRead(x, &from));
  PetscCall(VecGetArray(y, &to));
  for (int part = 0; part < 2; part++) {
    const PetscInt64 n = space->part.n_local;

    PetscCall(PetscArraycpy(s->work.own, from + part * n, n));
    PetscCall(LbApply(c->density.l, s->f, &minus, &s->work, &s->out));
    for (PetscInt64 k = 0; k < n; k++) to[part * n + k] = s->out.own[k] + (part ? s->frequency : -s->frequency) * from[(1 - part) * n + k];
  }
  PetscCall(VecRestoreArray(y, &to));
  PetscCall(VecRestoreArrayRead(x, &from));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbEmissionSetUp(Lindblad *c)
{
  LbCorrelation *s     = c->correlation_data;
  const LbSpace *space = LbLiouvilleSpace(c->density.l);
  const PetscInt n = (PetscInt)(2 * space->part.n_local);

  PetscFunctionBegin;
  PetscCall(LbVecCreate(space, &s->rhs_re));
  PetscCall(LbVecCreate(space, &s->rhs_im));
  PetscCall(LbVecCreate(space, &s->work));
  PetscCall(LbVecCreate(space, &s->out));
  PetscCall(MatCreateShell(c->density.comm, n, n, PETSC_DETERMINE, PETSC_DETERMINE, c, &s->shell));
  PetscCall(MatShellSetOperation(s->shell, MATOP_MULT, (void (*)(void))Resolvent));
  PetscCall(KSPCreate(c->density.comm, &s->ksp));
  PetscCall(KSPSetOperators(s->ksp, s->shell, s->shell));
  PetscCall(KSPSetType(s->ksp, KSPGMRES));
  PetscCall(KSPGMRESSetRestart(s->ksp, 100));
  PetscCall(KSPSetTolerances(s->ksp, 1e-9, PETSC_DEFAULT, PETSC_DEFAULT, 5000));
  {
    PC pc;

    PetscCall(KSPGetPC(s->ksp, &pc));
    PetscCall(PCSetType(pc, PCNONE));
  }
  PetscCall(KSPSetInitialGuessNonzero(s->ksp, PETSC_FALSE));
  PetscCall(KSPSetFromOptions(s->ksp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscReal LbEmissionFrequency(const Lindblad *c, PetscInt64 k)
{
  const PetscReal *range = c->correlation.omega.v;

  return range[0] + (range[1] - range[0]) * (PetscReal)k / (PetscReal)PetscMax(c->correlation.points - 1, 1);
}

PetscErrorCode LbEmissionAt(Lindblad *c, PetscReal *emission)
{
  LbCorrelation *s = c->correlation_data;

  PetscFunctionBegin;
  s->frequency = LbEmissionFrequency(c, s->points_done);
  if (c->density.comm != MPI_COMM_NULL) {
    const LbSpace     *space = LbLiouvilleSpace(c->density.l);
    const PetscInt64   n     = space->part.n_local;
    Vec                x, b;
    PetscReal         *to;
    const PetscReal   *from;
    LbComplex          re, im;
    KSPConvergedReason reason;

    PetscCall(MatCreateVecs(s->shell, &x, &b));
    PetscCall(VecGetArray(b, &to));
    PetscCall(PetscArraycpy(to, s->rhs_re.own, n));
    PetscCall(PetscArraycpy(to + n, s->rhs_im.own, n));
    PetscCall(VecRestoreArray(b, &to));
    PetscCall(KSPSolve(s->ksp, b, x));
    PetscCall(KSPGetConvergedReason(s->ksp, &reason));
    PetscCheck(reason > 0, c->density.comm, TES_ERR_NUMBERS, "the resolvent at omega = %g was not found (%s): take correlation.spectrum: fft", (double)s->frequency, KSPConvergedReasons[reason]);
    PetscCall(VecGetArrayRead(x, &from));
    PetscCall(PetscArraycpy(s->work.own, from, n));
    PetscCall(PetscArraycpy(s->out.own, from + n, n));
    PetscCall(VecRestoreArrayRead(x, &from));
    PetscCall(LbFence(space));
    PetscCall(LbFunctionalValue(LbLiouvilleSpace(c->density.l), &s->fa, &s->work, &re));
    PetscCall(LbFunctionalValue(LbLiouvilleSpace(c->density.l), &s->fa, &s->out, &im));
    PetscCall(LbFence(space));
    *emission = 2 * creal(re + LB_I * im);
    PetscCall(VecDestroy(&x));
    PetscCall(VecDestroy(&b));
  }
  PetscCallMPI(MPI_Bcast(emission, 1, MPIU_REAL, 0, c->density.world));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* emission by FFT: omega ascending */
PetscErrorCode LbEmissionTransform(Lindblad *c)
{
  LbCorrelation     *s = c->correlation_data;
  PetscInt64       n = 1;
  const PetscReal  dt = c->time.output_every;
  PetscReal       *in, *out;
  TesFFT           fft;

  PetscFunctionBegin;
  while (n < 4 * s->outputs) n *= 2;
  PetscCall(TesFFTCreate(PETSC_COMM_SELF, TES_FFT_C2C, 1, &n, NULL, &fft));
  PetscCall(PetscCalloc2(2 * n, &in, 2 * n, &out));
  for (PetscInt64 k = 0; k < s->outputs; k++) {
    const PetscReal weight = dt * (k == 0 || k + 1 == s->outputs ? 0.5 : 1);

    in[2 * k]     = weight * (s->value[2 * k] - creal(s->limit));
    in[2 * k + 1] = weight * (s->value[2 * k + 1] - cimag(s->limit));
  }
  PetscCall(TesFFTForward(fft, in, out));
  s->n_emission = n;
  PetscCall(PetscMalloc2(n, &s->omega, n, &s->emission));
  for (PetscInt64 k = 0; k < n; k++) {
    const PetscInt64 from = (k + n / 2) % n;

    s->omega[k]    = 2 * PETSC_PI * (PetscReal)(k - n / 2) / ((PetscReal)n * dt);
    s->emission[k] = 2 * out[2 * from];
  }
  PetscCall(PetscFree2(in, out));
  PetscCall(TesFFTDestroy(&fft));
  PetscFunctionReturn(PETSC_SUCCESS);
}
