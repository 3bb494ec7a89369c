#pragma once
/* Counter-based random numbers: value = f(seed, stream, i0, i1, i2), so that results do not depend on who computes them.

   Philox4x32-10 (Salmon et al., SC'11) as in Random123; key = the 64-bit run.seed (low word first), counter words 0-2 = the indices that
   the method's spec names, in its order; word 3 = the stream, from the one list below. */
#include <tessera/base.h>

/* Every consumer of randomness has its own stream. Numbers are part of the results: append, never renumber. */
typedef enum {
  TES_STREAM_TEST              = 0,
  TES_STREAM_INITIAL_STATE     = 1, /* random start values of a field */
  TES_STREAM_FOURIER_EXTENSION = 2, /* gp_pde: random block of the low-rank correction */
  TES_STREAM_OBSERVATION_NOISE = 3, /* synthetic measurement noise */
  TES_STREAM_POSTERIOR         = 4, /* gp_pde: (sample; index; 0 coefficients, 1 noise) */
  TES_STREAM_WEIGHTS           = 16, /* start values of parameters: (number of the parameter, flat index low, high) */
  TES_STREAM_SHUFFLE           = 17, /* order of the samples: (epoch low, epoch high, index) */
  TES_STREAM_DROPOUT           = 18, /* (sample, draw, entry) */
  TES_STREAM_RANDOM_FIELD      = 32, /* Gaussian random fields: (sample; mode number) */
  TES_STREAM_MGNO_COEFFICIENT  = 33, /* mgno: random parameters of a coefficient: (sample; which) */
  TES_STREAM_TRAJECTORY        = 48, /* lindblad: (trajectory low, high; jump): threshold of the norm, channel */
  TES_STREAM_TRAJECTORY_START  = 49, /* lindblad: (trajectory low, high): initial state of a mixture */
  TES_STREAM_POVM_SAMPLE       = 50, /* lindblad, povm: (evaluation; sample, site), or with multiplicities (evaluation; key of the prefix low, high) */
  TES_STREAM_POVM_OBSERVE      = 51, /* lindblad, povm: (row; sample; site), site N: the string */
  TES_STREAM_SHADOW            = 52, /* lindblad: vectors of an iteration: (index low, high; vector) */
} TesStream;

typedef struct {
  uint32_t v[4];
} TesRandomBits;

/*@
  TesRandomRaw     - the four 32-bit words of one counter
  TesRandomUniform - two uniforms in (0, 1), 52 bits each (never 0, never 1)
  TesRandomNormal  - two independent standard normals (Box-Muller on the two uniforms)

  Not Collective; pure functions
@*/
TesRandomBits TesRandomRaw(PetscInt64 seed, TesStream stream, uint32_t i0, uint32_t i1, uint32_t i2);
void          TesRandomUniform(PetscInt64 seed, TesStream stream, uint32_t i0, uint32_t i1, uint32_t i2, PetscReal u[2]);
void          TesRandomNormal(PetscInt64 seed, TesStream stream, uint32_t i0, uint32_t i1, uint32_t i2, PetscReal z[2]);

/*@
  TesPhilox4x32 - the bare generator, for known-answer tests
@*/
void TesPhilox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
