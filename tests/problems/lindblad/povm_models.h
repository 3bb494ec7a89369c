#pragma once
/* What the tests and the benchmark of the network solver share: networks with random parameters, enumerated distributions, L p by the generators. */
#include <math.h>
#include <string.h>
#include <tessera/random.h>
#include <tessera/test.h>
#include "../../../src/problems/lindblad/povm_flow.h"
#include "models.h"

#define PovmSay(...) PetscCall(PetscPrintf(PETSC_COMM_WORLD, __VA_ARGS__))
#define PovmCheck(condition, ...) \
  do { \
    if (!TES_CHECK(condition)) { \
      PetscCall(PetscPrintf(PETSC_COMM_SELF, "# " __VA_ARGS__)); \
      PetscCall(PetscPrintf(PETSC_COMM_SELF, "\n")); \
    } \
  } while (0)

static inline PetscReal PovmRandom(uint32_t a, uint32_t b)
{
  PetscReal u[2];

  TesRandomUniform(11, TES_STREAM_TEST, a, b, 0, u);
  return 2 * u[0] - 1;
}

/* all parameters random, the output layer's too */
static inline PetscErrorCode PovmRandomNet(const LbNetSetting *set, int n, PetscReal size, LbNet **net)
{
  double (*start)[4];

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(n, &start));
  for (int i = 0; i < n; i++)
    for (int c = 0; c < 4; c++) start[i][c] = (1 + c + i % 2) / (10. + 4 * (i % 2));
  PetscCall(LbNetCreate(set, n, (const double(*)[4])start, 3, net));
  for (int k = 0; k < 4 * set->hidden; k++) (*net)->theta[(*net)->output + k] = size * PovmRandom((uint32_t)k, 1);
  PetscCall(LbNetPrepare(*net));
  PetscCall(PetscFree(start));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* (L p)(a) for enumerated p[4^n], from the generators */
static inline void PovmApply(const LbOutcomes *o, const double *p, double *lp)
{
  const int all = 1 << (2 * o->n_sites);

  memset(lp, 0, (size_t)all * sizeof *lp);
  for (int u = 0; u < o->n_supports; u++) {
    const LbSupport *s  = &o->support[u];
    const int        n4 = 1 << (2 * s->k);

    for (int a = 0; a < all; a++) {
      int row = 0, rest = a;

      for (int q = 0; q < s->k; q++) {
        row |= (a >> (2 * s->site[q]) & 3) << (2 * q);
        rest &= ~(3 << (2 * s->site[q]));
      }
      for (int b = 0; b < n4; b++) {
        int to = rest;

        for (int q = 0; q < s->k; q++) to |= (b >> (2 * q) & 3) << (2 * s->site[q]);
        lp[a] += s->c[row * n4 + b] * p[to];
      }
    }
  }
}
