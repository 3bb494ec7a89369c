/* Forced 2-D turbulence on the unit torus: w_t + u . grad w = nu laplace w + f, u = (psi_y, -psi_x), -laplace psi = w, f = force (sin 2 pi (x + y) + cos 2 pi (x + y)).
   Sample: w at t = 0 in, w at frame_time, 2 frame_time, ... out (one channel per frame). w(0) is a periodic Gaussian field.

   Fourier in space, products on the grid, modes with |k| > n/3 left out (2/3 rule). In time: classical Runge-Kutta with the integrating factor exp(-nu |2 pi k|^2 t), so
   diffusion alone is exact; the step is the smaller of data.dt and half a cell over the largest speed, cut evenly so that frames are met.
   The mean of w is conserved: its drift against rms(w) is stored as the sample's residual, the number of steps as its iterations.
   A trajectory is computed by one rank. Cost of a step: four stages of five transforms. */
#include <math.h>
#include "mgno.h"

#define CFL 0.5

typedef struct {
  PetscInt64 modes;                 /* complex numbers of a spectrum */
  PetscInt64 points;
  TesFFT     fft;
  TesGrf     grf;
  PetscReal *kx, *ky, *k2, *keep;   /* [modes] 2 pi k, their square, 1 for modes inside the 2/3 rule */
  PetscReal *force;                 /* [2 modes] transform of f */
  PetscReal *w, *slope, *stage, *sum, *spectrum; /* [2 modes] */
  PetscReal *u, *v, *wx, *wy, *product;          /* [points] */
  PetscReal  speed;                 /* largest |u| + |v| of the last stage evaluated */
} Flow;

static PetscErrorCode Open(Mgno *m, MgnoMaker maker)
{
  Flow            *o;
  const PetscInt64 n[2] = {m->n[0], m->n[1]}, half = n[0] / 2 + 1;

  PetscFunctionBegin;
  PetscCall(PetscNew(&o));
  maker->own = o;
  o->points  = n[0] * n[1];
  o->modes   = half * n[1];
  PetscCall(TesFFTCreate(PETSC_COMM_SELF, TES_FFT_R2C, 2, n, NULL, &o->fft));
  PetscCall(TesGrfCreate(PETSC_COMM_SELF, TES_GRF_PERIODIC, 2, n, m->data.grf.alpha, m->data.grf.tau, &o->grf));
  PetscCall(PetscMalloc4(o->modes, &o->kx, o->modes, &o->ky, o->modes, &o->k2, o->modes, &o->keep));
  PetscCall(PetscMalloc6(2 * o->modes, &o->force, 2 * o->modes, &o->w, 2 * o->modes, &o->slope, 2 * o->modes, &o->stage, 2 * o->modes, &o->sum, 2 * o->modes, &o->spectrum));
  PetscCall(PetscMalloc5(o->points, &o->u, o->points, &o->v, o->points, &o->wx, o->points, &o->wy, o->points, &o->product));
  for (PetscInt64 i = 0; i < o->modes; i++) {
    const PetscInt64 a = i % half, row = i / half, b = row > n[1] / 2 ? row - n[1] : row;

    o->kx[i]   = 2 * PETSC_PI * (PetscReal)a;
    o->ky[i]   = 2 * PETSC_PI * (PetscReal)b;
    o->k2[i]   = o->kx[i] * o->kx[i] + o->ky[i] * o->ky[i];
    o->keep[i] = 3 * a < n[0] && 3 * (b < 0 ? -b : b) < n[1] ? 1 : 0;
  }
  for (PetscInt64 j = 0; j < n[1]; j++)
    for (PetscInt64 i = 0; i < n[0]; i++) {
      const PetscReal s = 2 * PETSC_PI * ((PetscReal)i / (PetscReal)n[0] + (PetscReal)j / (PetscReal)n[1]);

      o->product[j * n[0] + i] = m->data.force * (sin(s) + cos(s));
    }
  PetscCall(TesFFTForward(o->fft, o->product, o->force));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Close(MgnoMaker maker)
{
  Flow *o = maker->own;

  PetscFunctionBegin;
  if (!o) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesFFTDestroy(&o->fft));
  PetscCall(TesGrfDestroy(&o->grf));
  PetscCall(PetscFree4(o->kx, o->ky, o->k2, o->keep));
  PetscCall(PetscFree6(o->force, o->w, o->slope, o->stage, o->sum, o->spectrum));
  PetscCall(PetscFree5(o->u, o->v, o->wx, o->wy, o->product));
  PetscCall(PetscFree(maker->own));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* field = transform back of factor(k) times w */
enum { VELOCITY_X, VELOCITY_Y, GRADIENT_X, GRADIENT_Y };

static PetscErrorCode Derived(Flow *o, int which, const PetscReal *w, PetscReal *field)
{
  const PetscReal scale = 1 / TesFFTScale(o->fft);

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < o->modes; i++) {
    const PetscReal inverse = o->k2[i] > 0 ? 1 / o->k2[i] : 0;
    PetscReal       factor  = 0; /* of the imaginary unit */

    switch (which) {
    case VELOCITY_X: factor = o->ky[i] * inverse; break;
    case VELOCITY_Y: factor = -o->kx[i] * inverse; break;
    case GRADIENT_X: factor = o->kx[i]; break;
    case GRADIENT_Y: factor = o->ky[i]; break;
    }
    o->spectrum[2 * i]     = -factor * scale * o->keep[i] * w[2 * i + 1];
    o->spectrum[2 * i + 1] = factor * scale * o->keep[i] * w[2 * i];
  }
  PetscCall(TesFFTBackward(o->fft, o->spectrum, field));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* slope = transform of -u . grad w + f, dealiased */
static PetscErrorCode Slope(Flow *o, const PetscReal *w, PetscReal *slope)
{
  PetscFunctionBegin;
  PetscCall(Derived(o, VELOCITY_X, w, o->u));
  PetscCall(Derived(o, VELOCITY_Y, w, o->v));
  PetscCall(Derived(o, GRADIENT_X, w, o->wx));
  PetscCall(Derived(o, GRADIENT_Y, w, o->wy));
  o->speed = 0;
  for (PetscInt64 i = 0; i < o->points; i++) {
    o->product[i] = -o->u[i] * o->wx[i] - o->v[i] * o->wy[i];
    o->speed      = PetscMax(o->speed, PetscAbsReal(o->u[i]) + PetscAbsReal(o->v[i]));
  }
  PetscCall(TesFFTForward(o->fft, o->product, slope));
  for (PetscInt64 i = 0; i < 2 * o->modes; i++) slope[i] = i < 2 ? o->force[i] : o->keep[i / 2] * slope[i] + o->force[i]; /* a divergence: no mean, to the last bit */
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* One step of Runge-Kutta 4 for v = exp(nu k2 t) w; o->slope holds the slope at w. */
static PetscErrorCode Step(const Mgno *m, Flow *o, PetscReal dt)
{
  const PetscInt64 n = 2 * o->modes;

  PetscFunctionBegin;
  for (PetscInt s = 0; s < 4; s++) {
    const PetscReal weight = s == 0 || s == 3 ? dt / 6 : dt / 3;

    for (PetscInt64 i = 0; i < n; i++) {
      const PetscReal half = PetscExpReal(-m->data.viscosity * o->k2[i / 2] * dt / 2), whole = half * half;

      /* a slope found at the beginning decays over the whole step, one at the middle over half of it */
      if (s == 0) o->sum[i] = whole * o->w[i];
      o->sum[i] += weight * (s == 0 ? whole : s == 3 ? 1 : half) * o->slope[i];
      if (s == 0) o->stage[i] = half * (o->w[i] + dt / 2 * o->slope[i]);
      if (s == 1) o->stage[i] = half * o->w[i] + dt / 2 * o->slope[i];
      if (s == 2) o->stage[i] = whole * o->w[i] + dt * half * o->slope[i];
    }
    if (s < 3) PetscCall(Slope(o, o->stage, o->slope));
  }
  PetscCall(PetscArraycpy(o->w, o->sum, n));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Advance w to the next frame. */
static PetscErrorCode Frame(const Mgno *m, Flow *o, PetscReal *steps)
{
  const PetscReal cell = PetscMin(m->h[0], m->h[1]);
  PetscReal       left = m->data.frame_time;

  PetscFunctionBegin;
  while (left > 0) {
    PetscReal  dt;
    PetscInt64 count;

    PetscCall(Slope(o, o->w, o->slope));
    PetscCheck(PetscIsNormalReal(o->speed) || o->speed == 0, PETSC_COMM_SELF, TES_ERR_NUMBERS, "the flow has blown up: lower data.dt");
    dt    = PetscMin(m->data.dt, CFL * cell / PetscMax(o->speed, 1e-30));
    count = (PetscInt64)PetscCeilReal(left / dt * (1 - 1e-12));
    dt    = left / (PetscReal)PetscMax(count, 1);
    PetscCall(Step(m, o, dt));
    left = count <= 1 ? 0 : left - dt;
    *steps += 1;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoFlowRun(const Mgno *m, MgnoMaker maker, const PetscReal *x, PetscReal *y, PetscReal *residual, PetscReal *its)
{
  Flow     *o = maker->own;
  PetscReal first = 0, last = 0, square = 0;

  PetscFunctionBegin;
  PetscCall(TesFFTForward(o->fft, x, o->w));
  *its = 0;
  for (PetscInt frame = 0; frame < m->data.frames; frame++) {
    PetscReal *out = y + frame * o->points;

    PetscCall(Frame(m, o, its));
    for (PetscInt64 i = 0; i < 2 * o->modes; i++) o->spectrum[i] = o->w[i] / TesFFTScale(o->fft);
    PetscCall(TesFFTBackward(o->fft, o->spectrum, out));
  }
  for (PetscInt64 i = 0; i < o->points; i++) {
    first += x[i];
    last += y[(m->data.frames - 1) * o->points + i];
    square += x[i] * x[i];
  }
  *residual = PetscAbsReal(last - first) / (PetscReal)o->points / PetscMax(PetscSqrtReal(square / (PetscReal)o->points), 1e-300);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Make(Mgno *m, MgnoMaker maker, PetscInt64 sample, PetscReal *x, PetscReal *y, PetscReal *residual, PetscReal *its)
{
  PetscFunctionBegin;
  PetscCall(TesGrfSample(((Flow *)maker->own)->grf, m->data_seed, sample, x));
  PetscCall(MgnoFlowRun(m, maker, x, y, residual, its));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt Frames(const Mgno *m)
{
  return m->data.frames;
}

const MgnoFamily mgno_navier_stokes = {
  .name = "navier_stokes", .input = "vorticity at t = 0", .output = "vorticity at the frames", .layouts = "periodic", .dim_low = 2, .dim_high = 2,
  .help = "forced turbulence on a torus, pseudo-spectral, trajectories of frames",
  .frames = Frames, .open = Open, .make = Make, .close = Close,
};
