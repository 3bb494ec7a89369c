/* The matrix exponential against closed forms. */
#include <math.h>
#include <tessera/linalg.h>
#include <tessera/test.h>

static PetscErrorCode RotationsAndJordanBlocksAreExact(void)
{
  const PetscReal angles[] = {1e-9, 0.3, 4, 60};

  PetscFunctionBegin;
  for (int k = 0; k < 4; k++) {
    const PetscReal t = angles[k], rotation[4] = {0, -t, t, 0}, block[9] = {-0.2, t, 0, 0, -0.2, t, 0, 0, -0.2};
    PetscReal       e[9];

    PetscCall(TesExpm(2, rotation, e));
    TES_CHECK_NEAR(e[0], cos(t), 1e-14 * (1 + t));
    TES_CHECK_NEAR(e[1], -sin(t), 1e-14 * (1 + t));
    PetscCall(TesExpm(3, block, e)); /* e^{-0.2} (1 + t N + t^2 N^2 / 2) */
    TES_CHECK_NEAR(e[1] / (exp(-0.2) * t), 1, 1e-13);
    TES_CHECK_NEAR(e[2] / (exp(-0.2) * t * t / 2), 1, 1e-13);
    TES_CHECK_NEAR(e[6], 0, 1e-14);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode StiffDecayKeepsItsColumnSums(void)
{
  /* rates of a Markov chain, columns sum to 0: the exponential has columns that sum to 1 and no negative entry */
  const PetscReal w[9] = {-1000, 3, 0.1, 600, -5, 0.4, 400, 2, -0.5};
  PetscReal       e[9];

  PetscFunctionBegin;
  PetscCall(TesExpm(3, w, e));
  for (int j = 0; j < 3; j++) TES_CHECK_NEAR(e[j] + e[3 + j] + e[6 + j], 1, 1e-12);
  for (int k = 0; k < 9; k++) TES_CHECK_AT_LEAST(e[k], -1e-15);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {TES_TEST(RotationsAndJordanBlocksAreExact), TES_TEST(StiffDecayKeepsItsColumnSums), TES_TESTS_END};
TES_TEST_MAIN(tests)
