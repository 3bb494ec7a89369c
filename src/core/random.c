/* Philox4x32-10 by Random123's header; uniforms from 52 bits, normals by Box-Muller. */
#include <Random123/philox.h>
#include <tessera/random.h>

void TesPhilox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
  philox4x32_ctr_t c = {{counter[0], counter[1], counter[2], counter[3]}}, r;
  philox4x32_key_t k = {{key[0], key[1]}};

  r = philox4x32_R(10, c, k);
  for (int i = 0; i < 4; i++) out[i] = r.v[i];
}

TesRandomBits TesRandomRaw(PetscInt64 seed, TesStream stream, uint32_t i0, uint32_t i1, uint32_t i2)
{
  const uint32_t counter[4] = {i0, i1, i2, (uint32_t)stream};
  const uint32_t key[2]     = {(uint32_t)((uint64_t)seed & 0xffffffffu), (uint32_t)((uint64_t)seed >> 32)};
  TesRandomBits  bits;

  TesPhilox4x32(counter, key, bits.v);
  return bits;
}

/* (k + 1/2) / 2^52 with the upper 52 bits of a 64-bit word: exact, inside (0, 1); with 53 bits the largest k would round to 1 */
static PetscReal Unit(uint32_t low, uint32_t high)
{
  uint64_t word = ((uint64_t)high << 32) | low;

  return ((PetscReal)(word >> 12) + 0.5) * 0x1p-52;
}

void TesRandomUniform(PetscInt64 seed, TesStream stream, uint32_t i0, uint32_t i1, uint32_t i2, PetscReal u[2])
{
  TesRandomBits bits = TesRandomRaw(seed, stream, i0, i1, i2);

  u[0] = Unit(bits.v[0], bits.v[1]);
  u[1] = Unit(bits.v[2], bits.v[3]);
}

void TesRandomNormal(PetscInt64 seed, TesStream stream, uint32_t i0, uint32_t i1, uint32_t i2, PetscReal z[2])
{
  PetscReal u[2], radius;

  TesRandomUniform(seed, stream, i0, i1, i2, u);
  radius = PetscSqrtReal(-2 * PetscLogReal(u[0]));
  z[0]   = radius * PetscCosReal(2 * PETSC_PI * u[1]);
  z[1]   = radius * PetscSinReal(2 * PETSC_PI * u[1]);
}
