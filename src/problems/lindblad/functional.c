/* Observables as sums over a few entries of the vector.

   Pauli layout: Tr(P rho) = sum over the Pauli strings of P: at most 4^k entries. Ket-bra layout: Tr(P rho) = sum_ij P_ij rho_ji: the nonzeros of P, n and more. Every rank reads
   all entries and adds them in the order of the list, so the result has the same bits everywhere. */
#include <stdlib.h>
#include <string.h>
#include "liouville.h"
#include "pauli.h"

static PetscErrorCode Add(LbFunctional *f, PetscInt64 index, LbComplex weight)
{
  PetscFunctionBegin;
  if (f->n == f->room) {
    PetscInt64 *grown;
    LbComplex  *weights;

    f->room = 2 * f->room + 64;
    PetscCall(PetscMalloc2(f->room, &grown, f->room, &weights));
    if (f->n) PetscCall(PetscArraycpy(grown, f->index, f->n));
    if (f->n) PetscCall(PetscArraycpy(weights, f->weight, f->n));
    PetscCall(PetscFree2(f->index, f->weight));
    f->index  = grown;
    f->weight = weights;
  }
  f->index[f->n]    = index;
  f->weight[f->n++] = weight;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddPauli(const LbModel *model, LbComplex c, const LbProduct *p, LbFunctional *f)
{
  LbComplex o[LB_FACTORS][4];

  PetscFunctionBegin;
  for (int q = 0; q < p->n; q++) LbPauliCoefficients(1, p->op[q], o[q]);
  for (int code = 0; code < 1 << (2 * p->n); code++) {
    LbComplex  weight = c;
    PetscInt64 index  = 0;

    for (int q = 0; q < p->n; q++) {
      weight *= o[q][(code >> (2 * q)) & 3];
      index += (PetscInt64)((code >> (2 * q)) & 3) << (2 * p->site[q]);
    }
    if (weight != 0) PetscCall(Add(f, index, weight));
  }
  (void)model;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddKetbra(const LbModel *model, LbComplex c, const LbProduct *p, LbFunctional *f)
{
  const PetscInt64 n = model->n;
  PetscInt64       stride[LB_FACTORS];

  PetscFunctionBegin;
  for (int q = 0; q < p->n; q++) stride[q] = LbStride(model, p->site[q]);
  for (PetscInt64 i = 0; i < n; i++) {
    int code[LB_FACTORS] = {0};

    for (PetscBool more = PETSC_TRUE; more;) {
      LbComplex  value = c;
      PetscInt64 j     = i;
      int        q;

      for (q = 0; q < p->n; q++) {
        const int d = model->dim[p->site[q]], a = (int)(i / stride[q] % d);

        value *= p->op[q][a * d + code[q]];
        j += (code[q] - a) * stride[q];
      }
      if (value != 0) { /* P_ij rho_ji */
        if (i == j) PetscCall(Add(f, i * n + i, value));
        else {
          PetscCall(Add(f, PetscMax(i, j) * n + PetscMin(i, j), value));
          PetscCall(Add(f, PetscMin(i, j) * n + PetscMax(i, j), j < i ? LB_I * value : -LB_I * value));
        }
      }
      for (q = p->n - 1; q >= 0; q--) {
        if (++code[q] < model->dim[p->site[q]]) break;
        code[q] = 0;
      }
      more = q >= 0 ? PETSC_TRUE : PETSC_FALSE;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbFunctionalAdd(const LbSpace *space, const LbModel *model, LbComplex c, const LbProduct *p, LbFunctional *f)
{
  PetscFunctionBegin;
  if (space->pauli) PetscCall(AddPauli(model, c, p, f));
  else PetscCall(AddKetbra(model, c, p, f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  PetscInt64 index;
  LbComplex  weight;
  PetscInt64 order;
} Part;

static int ByIndex(const void *a, const void *b)
{
  const Part *x = a, *y = b;

  if (x->index != y->index) return x->index < y->index ? -1 : 1;
  return x->order < y->order ? -1 : 1;
}

PetscErrorCode LbFunctionalSeal(LbFunctional *f)
{
  Part      *part;
  PetscInt64 n = 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(f->n + 1, &part));
  for (PetscInt64 k = 0; k < f->n; k++) part[k] = (Part){f->index[k], f->weight[k], k};
  qsort(part, (size_t)f->n, sizeof *part, ByIndex);
  for (PetscInt64 k = 0; k < f->n; k++) {
    if (n && f->index[n - 1] == part[k].index) f->weight[n - 1] += part[k].weight;
    else {
      f->index[n]    = part[k].index;
      f->weight[n++] = part[k].weight;
    }
  }
  f->n = n;
  PetscCall(PetscFree(part));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbFunctionalValue(const LbSpace *space, const LbFunctional *f, const LbVec *x, LbComplex *value)
{
  LbComplex  sum = 0;
  PetscReal *entry;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(f->n + 1, &entry));
  PetscCall(LbFetch(space, x, f->n, f->index, entry));
  for (PetscInt64 k = 0; k < f->n; k++) sum += f->weight[k] * entry[k];
  PetscCall(PetscFree(entry));
  *value = sum;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbFunctionalDestroy(LbFunctional *f)
{
  PetscFunctionBegin;
  PetscCall(PetscFree2(f->index, f->weight));
  PetscCall(PetscMemzero(f, sizeof *f));
  PetscFunctionReturn(PETSC_SUCCESS);
}
