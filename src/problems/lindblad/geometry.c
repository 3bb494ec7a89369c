/* Where terms act: bonds of a lattice (chain, square, graph), single sites, all pairs with a power law, or explicit lists. */
#include <stdio.h>
#include <string.h>
#include "model.h"

static PetscErrorCode AddBond(LbModel *model, int room, int i, int j)
{
  PetscFunctionBegin;
  PetscCheck(model->n_bonds < room, PETSC_COMM_SELF, PETSC_ERR_PLIB, "more bonds than planned");
  model->bond[model->n_bonds][0]   = i;
  model->bond[model->n_bonds++][1] = j;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SiteNumber(const LbModel *model, TesNode node, int *site, char message[256])
{
  PetscReal value;
  PetscBool good;

  PetscFunctionBegin;
  PetscCall(TesNodeReal(node, &good, &value));
  *site = 0;
  if (!good || value != PetscFloorReal(value)) snprintf(message, 256, "`%.40s` is no site number", TesNodeText(node));
  else if (value < 0 || value >= model->n_sites) snprintf(message, 256, "site %.0f is out of range: there are sites 0 to %d", (double)value, model->n_sites - 1);
  else *site = (int)value;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GraphBonds(TesProblem problem, TesNode edges, LbModel *model, PetscBool *good)
{
  PetscInt n = edges ? TesNodeCount(edges) : 0;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(PetscMax(n, 1), &model->bond));
  for (PetscInt e = 0; e < n; e++) {
    TesNode edge         = TesNodeItem(edges, e);
    char    message[256] = "";
    int     site[2]      = {0, 0};

    if (TesNodeCount(edge) != 2) snprintf(message, sizeof message, "edge %d is no pair [i, j]", (int)e);
    for (int k = 0; k < 2 && !message[0]; k++) PetscCall(SiteNumber(model, TesNodeItem(edge, k), &site[k], message));
    if (!message[0] && site[0] == site[1]) snprintf(message, sizeof message, "edge %d joins site %d with itself", (int)e, site[0]);
    if (message[0]) {
      *good = PETSC_FALSE;
      PetscCall(TesDeckComplain(problem, "system.lattice.edges", ": %s", message));
      PetscFunctionReturn(PETSC_SUCCESS);
    }
    PetscCall(AddBond(model, (int)n, site[0], site[1]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbBonds(TesProblem problem, const LbModelDeck *deck, LbModel *model, PetscBool *good)
{
  const TesInts *size = &deck->system.lattice.size, *periodic = &deck->system.lattice.periodic;
  const int      dims = deck->system.lattice.kind == LB_LATTICE_CHAIN ? 1 : 2, kind = deck->system.lattice.kind;
  PetscInt64     sites = 1;
  PetscInt       n[2] = {model->n_sites, 1};
  PetscBool      wrap[2] = {PETSC_FALSE, PETSC_FALSE};

  PetscFunctionBegin;
  if (kind == LB_LATTICE_NONE) PetscFunctionReturn(PETSC_SUCCESS);
  if (kind == LB_LATTICE_GRAPH) {
    PetscCall(GraphBonds(problem, deck->system.lattice.edges, model, good));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (size->n && size->n != dims) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "system.lattice.size", "has %d entries: %s", (int)size->n, dims == 1 ? "a chain has one" : "a square lattice has two"));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (!size->n && dims == 2) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "system.lattice.size", "needed for a square lattice: [columns, rows]"));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (int d = 0; d < dims; d++) {
    if (size->n) n[d] = size->v[d];
    sites *= n[d];
    wrap[d] = periodic->n && periodic->v[periodic->n == 1 ? 0 : PetscMin(d, periodic->n - 1)] ? PETSC_TRUE : PETSC_FALSE;
  }
  if (sites != model->n_sites) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "system.lattice.size", ": the lattice has %" PetscInt64_FMT " sites, system.sites names %d", sites, model->n_sites));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (int d = 0; d < dims; d++) {
    if (wrap[d] && n[d] == 1 && dims == 1) {
      *good = PETSC_FALSE;
      PetscCall(TesDeckComplain(problem, "system.lattice.periodic", ": a periodic lattice of length 1 joins site 0 with itself; set it to false"));
      PetscFunctionReturn(PETSC_SUCCESS);
    }
    if (wrap[d] && n[d] == 2)
      PetscCall(TesProblemSay(problem, "warning: the lattice is periodic with length 2: the same pair of sites is a bond twice, and terms on bonds count twice there"));
  }
  PetscCall(PetscMalloc1(2 * (size_t)sites, &model->bond));
  for (PetscInt j = 0; j < n[1]; j++)
    for (PetscInt i = 0; i < n[0]; i++) {
      const int at = (int)(j * n[0] + i);

      if (i + 1 < n[0]) PetscCall(AddBond(model, (int)(2 * sites), at, at + 1));
      else if (wrap[0] && n[0] > 1) PetscCall(AddBond(model, (int)(2 * sites), at, (int)(j * n[0])));
      if (dims == 1) continue;
      if (j + 1 < n[1]) PetscCall(AddBond(model, (int)(2 * sites), at, at + (int)n[0]));
      else if (wrap[1] && n[1] > 1) PetscCall(AddBond(model, (int)(2 * sites), at, (int)i));
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PlacesAllocate(LbPlaces *places, int n, int width)
{
  PetscFunctionBegin;
  places->n     = n;
  places->width = width;
  PetscCall(PetscMalloc2(PetscMax(n * width, 1), &places->site, PetscMax(n, 1), &places->weight));
  for (int k = 0; k < n; k++) places->weight[k] = 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ListedPlaces(const LbModel *model, TesNode on, int width, LbPlaces *places, char message[256])
{
  /* [3, 4] is one place for two operators and two places for one */
  const PetscBool flat = TesNodeIsList(on) && TesNodeCount(on) && !TesNodeIsList(TesNodeItem(on, 0)) ? PETSC_TRUE : PETSC_FALSE;
  const int       n    = !TesNodeIsList(on) ? 1 : flat && width > 1 ? 1 : (int)TesNodeCount(on);

  PetscFunctionBegin;
  PetscCall(PlacesAllocate(places, n, width));
  if (!n) snprintf(message, 256, "the list of places is empty");
  for (int p = 0; p < n && !message[0]; p++) {
    TesNode   place  = !TesNodeIsList(on) || (flat && width > 1) ? on : TesNodeItem(on, p);
    const int length = TesNodeIsList(place) ? (int)TesNodeCount(place) : 1;

    if (length != width) snprintf(message, 256, "place %d names %d site%s, but there are %d operators", p, length, length == 1 ? "" : "s", width);
    for (int k = 0; k < width && !message[0]; k++) {
      PetscCall(SiteNumber(model, TesNodeIsList(place) ? TesNodeItem(place, k) : place, &places->site[p * width + k], message));
      for (int q = 0; q < k && !message[0]; q++)
        if (places->site[p * width + q] == places->site[p * width + k])
          snprintf(message, 256, "place %d names site %d twice: write products on one site as one operator (ad*a)", p, places->site[p * width + k]);
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPlacesCreate(TesProblem problem, const LbModel *model, const char path[], TesNode on, int width, PetscReal power, LbPlaces *places, PetscBool *good)
{
  const char *word         = on && !TesNodeIsList(on) ? TesNodeText(on) : on ? "" : width == 1 ? "sites" : "bonds";
  char        message[256] = "";

  PetscFunctionBegin;
  PetscCall(PetscMemzero(places, sizeof *places));
  if (!strcmp(word, "sites")) {
    if (width != 1) snprintf(message, sizeof message, ": `sites` takes one operator, %d are given (bonds, pairs or a list of places for more)", width);
    PetscCall(PlacesAllocate(places, width == 1 ? model->n_sites : 0, width));
    for (int k = 0; k < places->n; k++) places->site[k] = k;
  } else if (!strcmp(word, "bonds")) {
    if (width != 2) snprintf(message, sizeof message, ": `bonds` takes two operators, %d %s given", width, width == 1 ? "is" : "are");
    else if (!model->bond) snprintf(message, sizeof message, ": there are no bonds: give system.lattice");
    PetscCall(PlacesAllocate(places, message[0] ? 0 : model->n_bonds, width));
    for (int k = 0; k < places->n; k++) memcpy(&places->site[2 * k], model->bond[k], sizeof model->bond[k]);
  } else if (!strcmp(word, "pairs")) {
    int k = 0;

    if (width != 2) snprintf(message, sizeof message, ": `pairs` takes two operators, %d %s given", width, width == 1 ? "is" : "are");
    PetscCall(PlacesAllocate(places, width == 2 ? model->n_sites * (model->n_sites - 1) / 2 : 0, width));
    for (int i = 0; i < model->n_sites && places->n; i++)
      for (int j = i + 1; j < model->n_sites; j++, k++) {
        places->site[2 * k]     = i;
        places->site[2 * k + 1] = j;
        places->weight[k]       = PetscPowReal((PetscReal)(j - i), -power);
      }
  } else if (word[0] && strspn(word, "-0123456789.") != strlen(word)) {
    static const char *const words[] = {"sites", "bonds", "pairs", NULL};
    const char              *near    = TesNearest(word, words);

    snprintf(message, sizeof message, ": unknown place `%.40s`%s%s%s (known: sites, bonds, pairs, or a list of sites)", word, near ? ", did you mean `" : "", near ? near : "", near ? "`?" : "");
  } else {
    char what[256] = "";

    PetscCall(ListedPlaces(model, on, width, places, what));
    if (what[0]) snprintf(message, sizeof message, ": %.250s", what);
  }
  if (message[0]) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, path, "%s", message));
    places->n = 0;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPlacesDestroy(LbPlaces *places)
{
  PetscFunctionBegin;
  PetscCall(PetscFree2(places->site, places->weight));
  PetscCall(PetscMemzero(places, sizeof *places));
  PetscFunctionReturn(PETSC_SUCCESS);
}
