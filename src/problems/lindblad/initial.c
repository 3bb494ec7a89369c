/* Named states of single sites: up | down | 0 | 1 | + | - | r | l (dim 2), fock:k, coherent:re,im (any dimension; cut off and normalised). */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "model.h"

PetscErrorCode LbLocalState(const char text[], int d, LbComplex psi[], char message[256])
{
  static const struct {
    const char *name;
    double      a, re, im;
  } spin[] = {
    {"up", 1, 0, 0}, {"down", 0, 1, 0}, {"+", 1, 1, 0}, {"-", 1, -1, 0}, {"r", 1, 0, 1}, {"l", 1, 0, -1},
  };
  int    level, used = 0;
  double re, im = 0, norm = 0;

  PetscFunctionBegin;
  message[0] = 0;
  for (int k = 0; k < d; k++) psi[k] = 0;
  for (size_t k = 0; k < sizeof spin / sizeof spin[0]; k++) {
    if (strcmp(spin[k].name, text)) continue;
    if (d != 2) {
      snprintf(message, 256, "state `%.40s` is for sites of dimension 2, this one has dimension %d (fock:k, coherent:re,im)", text, d);
    } else {
      const double length = sqrt(spin[k].a * spin[k].a + spin[k].re * spin[k].re + spin[k].im * spin[k].im);

      psi[0] = spin[k].a / length;
      psi[1] = (spin[k].re + LB_I * spin[k].im) / length;
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (sscanf(text, "fock:%d%n", &level, &used) == 1 && !text[used]) {
    if (level < 0 || level >= d) snprintf(message, 256, "state `%.40s` does not fit a site of dimension %d (levels 0 to %d)", text, d, d - 1);
    else psi[level] = 1;
  } else if ((sscanf(text, "coherent:%lf%n", &re, &used) == 1 && !text[used]) || (sscanf(text, "coherent:%lf,%lf%n", &re, &im, &used) == 2 && !text[used])) {
    psi[0] = 1;
    for (int k = 1; k < d; k++) psi[k] = psi[k - 1] * (re + LB_I * im) / sqrt(k);
    for (int k = 0; k < d; k++) norm += creal(psi[k] * conj(psi[k]));
    if (!isfinite(norm)) snprintf(message, 256, "state `%.40s` is not finite", text);
    for (int k = 0; k < d; k++) psi[k] /= sqrt(norm);
  } else {
    snprintf(message, 256, "unknown state `%.60s` (known: up down + - r l for dim 2, fock:k, coherent:re,im)", text);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbInitialCheck(TesProblem problem, const LbModel *model, const LbModelDeck *deck, PetscBool *good)
{
  const TesStrings *product = &deck->initial.product;
  const int         given   = (product->n ? 1 : 0) + (deck->initial.checkpoint ? 1 : 0) + (TesDeckHas(TesProblemDeck(problem), "initial.thermal") ? 1 : 0) + (deck->initial.mixed ? 1 : 0);

  PetscFunctionBegin;
  if (given > 1) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "initial", ": give one of product, checkpoint, thermal and mixed"));
  } else if (product->n > 1 && product->n != model->n_sites) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "initial.product", "has %d states for %d sites (one for all, or one each)", (int)product->n, model->n_sites));
  }
  for (int m = 0; m < model->n_sites && *good && product->n; m++) {
    char       message[256];
    LbComplex *psi;

    PetscCall(PetscMalloc1(model->dim[m], &psi));
    PetscCall(LbLocalState(product->v[product->n == 1 ? 0 : m], model->dim[m], psi, message));
    PetscCall(PetscFree(psi));
    if (!message[0]) continue;
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "initial.product", ": %.200s (site %d)", message, m));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}
