/* The loops of every instruction set give the bits of the formula at single points. */
#include <string.h>
#include <tessera/random.h>
#include <tessera/test.h>
#include "../../src/deck/expr_kernels.h"

enum { N = 517 }; /* no multiple of a vector's length */

static PetscErrorCode Compare(const ExprKernelTable *table, PetscInt *n_different)
{
  static const PetscReal odd[] = {0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 1e-310, 1e308, -745.2};
  PetscReal              x[N], y[N], r[N];

  PetscFunctionBegin;
  for (PetscInt i = 0; i < N; i++) {
    PetscReal z[2];

    TesRandomNormal(3, TES_STREAM_TEST, (uint32_t)i, 0, 0, z);
    x[i] = i < 100 ? odd[i % 10] : 3 * z[0];
    y[i] = i < 100 ? odd[i / 10] : 3 * z[1];
  }
  for (ExprOp op = EXPR_CONST; op <= EXPR_ERF; op++) {
    if (op == EXPR_CONST || op == EXPR_VAR) continue;
    for (PetscInt varies = 1; varies < 4; varies++) {
      const PetscReal power = -5;

      table->apply(op, (int)power, N, x, (PetscBool)(varies & 1), y, (PetscBool)(varies >> 1), r);
      for (PetscInt i = 0; i < N; i++) {
        const PetscReal want = ExprApply(op, x[varies & 1 ? i : 0], y[varies & 2 ? i : 0], power);

        if (memcmp(&want, &r[i], sizeof want) && !(isnan(want) && isnan(r[i]))) (*n_different)++;
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EveryInstructionSetGivesTheSameBits(void)
{
  PetscInt n_different = 0;

  PetscFunctionBegin;
  PetscCall(Compare(&ExprKernels_baseline, &n_different));
#if defined(__x86_64__)
  if (TesIsa() >= TES_ISA_V3) PetscCall(Compare(&ExprKernels_v3, &n_different));
  if (TesIsa() >= TES_ISA_V4) PetscCall(Compare(&ExprKernels_v4, &n_different));
#endif
  TES_CHECK_INT(n_different, 0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {TES_TEST(EveryInstructionSetGivesTheSameBits), TES_TESTS_END};
TES_TEST_MAIN(tests)
