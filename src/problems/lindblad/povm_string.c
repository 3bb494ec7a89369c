/* Strings: orders in which the network sees the sites. With K strings p(a) = (1/K) sum_k p_theta(a in the order of string k): exact samples by drawing a string first, ln p by logsumexp over all.

     translations  start at any site, go left or right: all 2 N of them restore translation and reflection of a ring exactly
     snakes2d      from each of the 4 corners, by rows or by columns, alternate rows backwards: 8 strings of a square lattice
     list          permutations as written */
#include <math.h>
#include "povm_solver.h"

PetscErrorCode LbStringsIdentity(int n, LbStrings *s)
{
  PetscFunctionBegin;
  s->n     = n;
  s->count = 1;
  PetscCall(PetscMalloc1(n, &s->site));
  for (int i = 0; i < n; i++) s->site[i] = i;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Snake(int nx, int ny, int which, int *site)
{
  const PetscBool columns = which & 4 ? PETSC_TRUE : PETSC_FALSE;
  const int       outer = columns ? nx : ny, inner = columns ? ny : nx;

  for (int o = 0, at = 0; o < outer; o++)
    for (int i = 0; i < inner; i++) {
      const int u = which & 1 ? outer - 1 - o : o, v = (o + (which >> 1)) & 1 ? inner - 1 - i : i;

      site[at++] = columns ? u + nx * v : v + nx * u;
    }
}

static PetscErrorCode FromList(TesProblem problem, TesNode list, int n, LbStrings *s, PetscBool *good)
{
  const int count = list ? (int)TesNodeCount(list) : 0;
  PetscBool fine  = count > 0 ? PETSC_TRUE : PETSC_FALSE;
  int      *seen;

  PetscFunctionBegin;
  s->count = count;
  PetscCall(PetscCalloc1(PetscMax(count, 1) * n, &s->site));
  PetscCall(PetscMalloc1(n, &seen));
  if (!fine) PetscCall(TesDeckComplain(problem, "strings", ": kind: list needs `list`, one order of the sites or more: [[0, 1, 2, 3], [3, 2, 1, 0]]"));
  for (int k = 0; k < count; k++) {
    TesNode   item = TesNodeItem(list, k);
    PetscBool ok   = TesNodeIsList(item) && TesNodeCount(item) == n ? PETSC_TRUE : PETSC_FALSE;

    PetscCall(PetscArrayzero(seen, n));
    for (int i = 0; ok && i < n; i++) {
      PetscReal value;

      PetscCall(TesNodeReal(TesNodeItem(item, i), &ok, &value));
      if (!ok || value != PetscFloorReal(value) || value < 0 || value >= n || seen[(int)value]++) ok = PETSC_FALSE;
      else s->site[k * n + i] = (int)value;
    }
    if (ok) continue;
    PetscCall(TesDeckComplain(problem, "strings.list", ": entry %d is no permutation of the sites 0 to %d", k, n - 1));
    fine = PETSC_FALSE;
  }
  PetscCall(PetscFree(seen));
  if (!fine) *good = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbStringsCreate(TesProblem problem, const Lindblad *c, LbStrings *s, PetscBool *good)
{
  const int n = c->model.n_sites;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(s, sizeof *s));
  s->n = n;
  if (c->strings.kind == LB_STRINGS_LIST) {
    PetscCall(FromList(problem, c->strings.list, n, s, good));
  } else if (c->strings.kind == LB_STRINGS_TRANSLATIONS) {
    s->count = n == 1 ? 1 : 2 * n;
    PetscCall(PetscMalloc1(s->count * n, &s->site));
    for (int k = 0; k < s->count; k++)
      for (int i = 0; i < n; i++) s->site[k * n + i] = k < n ? (k + i) % n : (k - i + n) % n;
  } else if (c->strings.kind == LB_STRINGS_SNAKES) {
    const TesInts *size = &c->model_deck.system.lattice.size;

    if (c->model_deck.system.lattice.kind != LB_LATTICE_SQUARE || size->n != 2 || size->v[0] * size->v[1] != n) {
      *good = PETSC_FALSE;
      PetscCall(TesDeckComplain(problem, "strings.kind", ": snakes2d needs a square lattice (system.lattice.kind: square with its size)"));
      PetscFunctionReturn(PETSC_SUCCESS);
    }
    s->count = 8;
    PetscCall(PetscMalloc1(s->count * n, &s->site));
    for (int k = 0; k < s->count; k++) Snake((int)size->v[0], (int)size->v[1], k, s->site + k * n);
  } else PetscCall(LbStringsIdentity(n, s));
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
