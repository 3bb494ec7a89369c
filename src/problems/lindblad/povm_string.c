/* Strings: orders in which the network sees the sites. With K strings p(a) = (1/K) sum_k p_theta(a in the order of string k): exact samples by drawing a string first, ln p by logsumexp over all. */
#include <math.h>
#include "povm_flow.h"

PetscErrorCode LbStringsIdentity(int n, LbStrings *s)
{
  PetscFunctionBegin;
  s->n     = n;
  s->count = 1;
  PetscCall(PetscMalloc1(n, &s->site));
  for (int i = 0; i < n; i++) s->site[i] = i;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbStringsDestroy(LbStrings *s)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(s->site));
  PetscCall(PetscMemzero(s, sizeof *s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void LbStringsPermute(const LbStrings *s, int k, int count, const uint8_t *a, uint8_t *x)
{
  for (int c = 0; c < count; c++)
    for (int q = 0; q < s->n; q++) x[(size_t)c * (size_t)s->n + (size_t)q] = a[(size_t)c * (size_t)s->n + (size_t)s->site[k * s->n + q]];
}

void LbStringsUnpermute(const LbStrings *s, int k, int count, const uint8_t *x, uint8_t *a)
{
  for (int c = 0; c < count; c++)
    for (int q = 0; q < s->n; q++) a[(size_t)c * (size_t)s->n + (size_t)s->site[k * s->n + q]] = x[(size_t)c * (size_t)s->n + (size_t)q];
}

PetscErrorCode LbStringsLogProbability(const LbStrings *s, LbNet *net, int count, const uint8_t *a, double *lnp, double *share)
{
  uint8_t *x;
  double  *each;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)count * (size_t)s->n, &x, (size_t)count * (size_t)s->count, &each));
  for (int k = 0; k < s->count; k++) {
    LbStringsPermute(s, k, count, a, x);
    PetscCall(LbNetLogProbability(net, count, x, each + (size_t)k * (size_t)count));
  }
  for (int c = 0; c < count; c++) {
    double largest = each[c], sum = 0;

    for (int k = 1; k < s->count; k++) largest = PetscMax(largest, each[(size_t)k * (size_t)count + (size_t)c]);
    for (int k = 0; k < s->count; k++) sum += exp(each[(size_t)k * (size_t)count + (size_t)c] - largest);
    lnp[c] = s->count == 1 ? each[c] : largest + log(sum / s->count);
    for (int k = 0; share && k < s->count; k++) share[(size_t)c * (size_t)s->count + (size_t)k] = exp(each[(size_t)k * (size_t)count + (size_t)c] - largest) / sum;
  }
  PetscCall(PetscFree2(x, each));
  PetscFunctionReturn(PETSC_SUCCESS);
}
