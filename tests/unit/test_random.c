/* Philox4x32-10: the published known answers (Random123, kat_vectors), and moments of what is made from it. */
#include <tessera/random.h>
#include <tessera/test.h>

static PetscErrorCode KnownAnswers(void)
{
  static const struct {
    uint32_t counter[4], key[2], want[4];
  } known[] = {
    {{0, 0, 0, 0},                                     {0, 0},                    {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff},  {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0},  {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };

  PetscFunctionBegin;
  for (int k = 0; k < 3; k++) {
    uint32_t out[4];

    TesPhilox4x32(known[k].counter, known[k].key, out);
    for (int i = 0; i < 4; i++) TES_CHECK_INT(out[i], known[k].want[i]);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CounterLayoutIsIndicesThenStreamAndKeyIsTheSeed(void)
{
  const uint32_t counter[4] = {5, 6, 7, TES_STREAM_OBSERVATION_NOISE}, key[2] = {0x9abcdef0, 0x12345678};
  TesRandomBits  bits = TesRandomRaw(0x123456789abcdef0LL, TES_STREAM_OBSERVATION_NOISE, 5, 6, 7);
  uint32_t       want[4];

  PetscFunctionBegin;
  TesPhilox4x32(counter, key, want);
  for (int i = 0; i < 4; i++) TES_CHECK_INT(bits.v[i], want[i]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* With 2 n samples the mean of the normals is off by 1/sqrt(2 n), the variance by sqrt(2/(2 n)): bounds of five standard deviations. */
static PetscErrorCode NormalsHaveMeanZeroAndVarianceOne(void)
{
  const PetscInt n    = 200000;
  PetscReal      mean = 0, square = 0, fourth = 0, low = 1, high = 0;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < n; i++) {
    PetscReal z[2], u[2];

    TesRandomNormal(3, TES_STREAM_TEST, (uint32_t)i, 1, 2, z);
    TesRandomUniform(3, TES_STREAM_TEST, (uint32_t)i, 1, 3, u);
    for (int k = 0; k < 2; k++) {
      mean += z[k];
      square += z[k] * z[k];
      fourth += z[k] * z[k] * z[k] * z[k];
      low  = PetscMin(low, u[k]);
      high = PetscMax(high, u[k]);
    }
  }
  TES_CHECK_NEAR(mean / (2 * n), 0, 5 / PetscSqrtReal(2.0 * n));
  TES_CHECK_NEAR(square / (2 * n), 1, 5 * PetscSqrtReal(2 / (2.0 * n)));
  TES_CHECK_NEAR(fourth / (2 * n), 3, 5 * PetscSqrtReal(96 / (2.0 * n)));
  TES_CHECK(low > 0 && high < 1);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {TES_TEST(KnownAnswers), TES_TEST(CounterLayoutIsIndicesThenStreamAndKeyIsTheSeed), TES_TEST(NormalsHaveMeanZeroAndVarianceOne), TES_TESTS_END};
TES_TEST_MAIN(tests)
