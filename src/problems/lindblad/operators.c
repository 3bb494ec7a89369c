/* Matrices of single sites: Pauli matrices and ladder operators by name, E:i,j = |i><j|, the user's own matrices, and products of these. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model.h"

static const char *const known[] = {"I", "X", "Y", "Z", "Sp", "Sm", "a", "ad", "n", "E:i,j", NULL};

static TesNode UserOperator(const TesMap *operators, const char name[])
{
  for (PetscInt k = 0; k < operators->n; k++)
    if (!strcmp(operators->name[k], name)) return operators->value[k];
  return NULL;
}

/* a number, or [re, im] */
static PetscErrorCode ReadEntry(TesNode node, LbComplex *value, PetscBool *good)
{
  PetscReal re = 0, im = 0;

  PetscFunctionBegin;
  if (TesNodeIsList(node)) {
    PetscBool second = PETSC_FALSE;

    *good = TesNodeCount(node) == 2 ? PETSC_TRUE : PETSC_FALSE;
    if (*good) PetscCall(TesNodeReal(TesNodeItem(node, 0), good, &re));
    if (*good) PetscCall(TesNodeReal(TesNodeItem(node, 1), &second, &im));
    *good = *good && second ? PETSC_TRUE : PETSC_FALSE;
  } else PetscCall(TesNodeReal(node, good, &re));
  if (*good && (!isfinite(re) || !isfinite(im))) *good = PETSC_FALSE;
  *value = re + LB_I * im;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadUser(TesNode node, int d, LbComplex *matrix, char message[256])
{
  TesNode   rows = TesNodeField(node, "matrix"), dim = TesNodeField(node, "dim");
  PetscReal size = 0;
  PetscBool good = PETSC_FALSE;

  PetscFunctionBegin;
  if (dim) PetscCall(TesNodeReal(dim, &good, &size));
  if (!rows || !TesNodeIsList(rows)) snprintf(message, 256, "has no `matrix` (a list of rows)");
  else if (dim && (!good || size != (PetscReal)TesNodeCount(rows))) snprintf(message, 256, "has dim %s but %d rows", TesNodeText(dim), (int)TesNodeCount(rows));
  else if (TesNodeCount(rows) != d) snprintf(message, 256, "is a %d x %d matrix, but the site has dimension %d", (int)TesNodeCount(rows), (int)TesNodeCount(rows), d);
  for (int i = 0; !message[0] && i < d; i++) {
    TesNode row = TesNodeItem(rows, i);

    if (TesNodeCount(row) != d) snprintf(message, 256, "has %d entries in row %d, wanted %d", (int)TesNodeCount(row), i, d);
    for (int j = 0; !message[0] && j < d; j++) {
      PetscCall(ReadEntry(TesNodeItem(row, j), &matrix[i * d + j], &good));
      if (!good) snprintf(message, 256, "has no finite number in row %d, column %d (entries are numbers or [re, im])", i, j);
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscBool SpinMatrix(const char name[], LbComplex m[4])
{
  static const struct {
    const char *name;
    double      re[4], im[4];
  } spin[] = {
    {"X",  {0, 1, 1, 0},  {0, 0, 0, 0} },
    {"Y",  {0, 0, 0, 0},  {0, -1, 1, 0}},
    {"Z",  {1, 0, 0, -1}, {0, 0, 0, 0} },
    {"Sp", {0, 1, 0, 0},  {0, 0, 0, 0} },
    {"Sm", {0, 0, 1, 0},  {0, 0, 0, 0} },
  };

  for (size_t k = 0; k < sizeof spin / sizeof spin[0]; k++) {
    if (strcmp(spin[k].name, name)) continue;
    for (int e = 0; e < 4; e++) m[e] = spin[k].re[e] + LB_I * spin[k].im[e];
    return PETSC_TRUE;
  }
  return PETSC_FALSE;
}

/* one name without * */
static PetscErrorCode OneOperator(const TesMap *operators, const char name[], int d, LbComplex *m, char message[256])
{
  TesNode user = UserOperator(operators, name);
  int     i, j, used = 0;

  PetscFunctionBegin;
  memset(m, 0, (size_t)(d * d) * sizeof *m);
  if (user) {
    char what[256] = "";

    PetscCall(ReadUser(user, d, m, what));
    if (what[0]) snprintf(message, 256, "operator `%.60s` %.180s", name, what);
  } else if (!strcmp(name, "I")) {
    for (int k = 0; k < d; k++) m[k * d + k] = 1;
  } else if (!strcmp(name, "n")) {
    for (int k = 0; k < d; k++) m[k * d + k] = k;
  } else if (!strcmp(name, "a")) {
    for (int k = 1; k < d; k++) m[(k - 1) * d + k] = PetscSqrtReal(k);
  } else if (!strcmp(name, "ad")) {
    for (int k = 1; k < d; k++) m[k * d + k - 1] = PetscSqrtReal(k);
  } else if (sscanf(name, "E:%d,%d%n", &i, &j, &used) == 2 && !name[used]) {
    if (i < 0 || j < 0 || i >= d || j >= d) snprintf(message, 256, "operator `%.60s` does not fit a site of dimension %d (levels 0 to %d)", name, d, d - 1);
    else m[i * d + j] = 1;
  } else {
    LbComplex spin[4];

    if (!SpinMatrix(name, spin)) {
      const char *near = TesNearest(name, known);

      snprintf(message, 256, "unknown operator `%.60s`%s%s%s (known: I X Y Z Sp Sm a ad n E:i,j, those of `operators`, and products as ad*a)", name, near ? ", did you mean `" : "",
               near ? near : "", near ? "`?" : "");
    } else if (d != 2) {
      snprintf(message, 256, "operator `%.60s` is for sites of dimension 2, this one has dimension %d", name, d);
    } else {
      memcpy(m, spin, sizeof spin);
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbOperatorMatrix(const TesMap *operators, const char text[], int d, LbComplex *matrix, char message[256])
{
  LbComplex  *factor, *sum;
  const char *at = text;

  PetscFunctionBegin;
  message[0] = 0;
  PetscCall(PetscCalloc2(d * d, &factor, d * d, &sum));
  memset(matrix, 0, (size_t)(d * d) * sizeof *matrix);
  for (int k = 0; k < d; k++) matrix[k * d + k] = 1;
  for (PetscBool more = PETSC_TRUE; more && !message[0];) {
    const char *end    = strchr(at, '*');
    size_t      length = end ? (size_t)(end - at) : strlen(at);
    char        name[64];

    while (length && isspace((unsigned char)*at)) at++, length--;
    while (length && isspace((unsigned char)at[length - 1])) length--;
    snprintf(name, sizeof name, "%.*s", (int)PetscMin(length, 63), at);
    PetscCall(OneOperator(operators, name, d, factor, message));
    memset(sum, 0, (size_t)(d * d) * sizeof *sum);
    for (int i = 0; i < d; i++)
      for (int k = 0; k < d; k++)
        for (int j = 0; matrix[i * d + k] != 0 && j < d; j++) sum[i * d + j] += matrix[i * d + k] * factor[k * d + j];
    memcpy(matrix, sum, (size_t)(d * d) * sizeof *matrix);
    more = end ? PETSC_TRUE : PETSC_FALSE;
    at   = end ? end + 1 : at;
  }
  PetscCall(PetscFree2(factor, sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbOperatorsCheck(TesProblem problem, const TesMap *operators, PetscBool *good)
{
  PetscFunctionBegin;
  for (PetscInt k = 0; k < operators->n; k++) {
    char       message[256] = "", path[128];
    LbComplex *matrix;
    TesNode    rows = TesNodeField(operators->value[k], "matrix");
    int        d    = rows ? (int)TesNodeCount(rows) : 0;

    snprintf(path, sizeof path, "operators.%.100s", operators->name[k]);
    if (d > 4096) snprintf(message, sizeof message, "has %d rows, more than any site", d);
    PetscCall(PetscCalloc1(PetscMax(d * d, 1), &matrix));
    if (!message[0]) PetscCall(ReadUser(operators->value[k], d, matrix, message));
    PetscCall(PetscFree(matrix));
    if (!message[0]) continue;
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, path, "%s", message));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
