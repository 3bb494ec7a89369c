/* Fields of a snapshot or result: /fields/<name>, and 1-D coordinates /coordinates/x, y, z shared by all fields of one grid. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "fields_private.h"
#include "file_private.h"

PetscErrorCode TesTextAdd(TesText *t, const char format[], ...)
{
  va_list arguments, again;
  int     length;

  PetscFunctionBegin;
  va_start(arguments, format);
  va_copy(again, arguments);
  length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (t->used + (size_t)length + 1 > t->room) {
    size_t room = 2 * (t->used + (size_t)length + 1) + 256;
    char  *bigger;

    PetscCall(PetscMalloc1(room, &bigger));
    if (t->used) memcpy(bigger, t->text, t->used);
    bigger[t->used] = 0;
    PetscCall(PetscFree(t->text));
    t->text = bigger;
    t->room = room;
  }
  vsnprintf(t->text + t->used, (size_t)length + 1, format, again);
  va_end(again);
  t->used += (size_t)length;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Release(TesFieldRecord *r)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(r->name));
  PetscCall(PetscFree(r->copy));
  PetscCall(PetscFree(r->unit));
  PetscCall(PetscFree(r->long_name));
  PetscCall(PetscFree(r->axes));
  PetscCall(TesGridDestroy(&r->grid));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFieldSetClear(TesFieldSet *set)
{
  PetscFunctionBegin;
  for (int i = 0; i < set->n; i++) PetscCall(Release(&set->field[i]));
  PetscCall(PetscFree(set->field));
  set->n = set->max = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscBool SameNodes(TesGrid a, TesGrid b)
{
  const TesGridSpec *s = TesGridGetSpec(a), *t = TesGridGetSpec(b);

  if (a == b) return PETSC_TRUE;
  if (s->dim != t->dim) return PETSC_FALSE;
  for (PetscInt d = 0; d < s->dim; d++) {
    if (s->n[d] != t->n[d]) return PETSC_FALSE;
    if (memcmp(TesGridGetCoordinates(a, d), TesGridGetCoordinates(b, d), (size_t)s->n[d] * sizeof(PetscReal))) return PETSC_FALSE;
  }
  return PETSC_TRUE;
}

/* An empty slot at the end, or the one of the same name, emptied. */
static PetscErrorCode Slot(TesFieldSet *set, const char name[], TesFieldRecord **slot)
{
  PetscFunctionBegin;
  for (int i = 0; i < set->n; i++) {
    if (strcmp(set->field[i].name, name)) continue;
    PetscCall(Release(&set->field[i]));
    *slot = &set->field[i];
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (set->n == set->max) {
    TesFieldRecord *bigger;
    int             max = set->max ? 2 * set->max : 8;

    PetscCall(PetscCalloc1((size_t)max, &bigger));
    if (set->n) memcpy(bigger, set->field, (size_t)set->n * sizeof *bigger);
    PetscCall(PetscFree(set->field));
    set->field = bigger;
    set->max   = max;
  }
  *slot = &set->field[set->n++];
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode OwnText(const char *from, char **own, const char **in_item)
{
  PetscFunctionBegin;
  *own = NULL;
  if (from) PetscCall(PetscStrallocpy(from, own));
  *in_item = *own;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFieldSetAdd(TesFieldSet *set, TesField field, PetscBool copy, PetscReal scale)
{
  TesFieldRecord *r;
  PetscInt64      n = TesGridLocalSize(TesFieldGrid(field));

  PetscFunctionBegin;
  PetscCall(Slot(set, TesFieldName(field), &r));
  PetscCall(PetscMemzero(r, sizeof *r));
  PetscCall(PetscStrallocpy(TesFieldName(field), &r->name));
  PetscCall(TesFieldItem(field, &r->item));
  r->item.name = r->name;
  PetscCall(OwnText(r->item.unit, &r->unit, &r->item.unit));
  PetscCall(OwnText(r->item.long_name, &r->long_name, &r->item.long_name));
  PetscCall(OwnText(r->item.axes, &r->axes, &r->item.axes));
  r->scale = scale;
  r->grid  = TesFieldGrid(field);
  PetscCall(TesGridReference(r->grid));
  if (copy) {
    PetscCall(PetscMalloc1((size_t)PetscMax(n, 1), &r->copy));
    if (n) memcpy(r->copy, r->item.data, (size_t)n * sizeof *r->copy);
    r->item.data = r->copy;
  }
  for (int i = 0; i < set->n; i++) {
    TesFieldRecord *f = &set->field[i];

    f->own_coordinates = PETSC_TRUE;
    if (i) snprintf(f->coordinates, sizeof f->coordinates, "/coordinates/%s", f->name);
    else snprintf(f->coordinates, sizeof f->coordinates, "/coordinates");
    for (int j = 0; j < i; j++) {
      if (!SameNodes(f->grid, set->field[j].grid)) continue;
      f->own_coordinates = PETSC_FALSE;
      memcpy(f->coordinates, set->field[j].coordinates, sizeof f->coordinates);
      break;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFieldSetDeclare(const TesFieldSet *set, TesFile file)
{
  static const char *const letter[TES_MAX_DIM] = {"x", "y", "z"};

  PetscFunctionBegin;
  for (int i = 0; i < set->n; i++) {
    const TesFieldRecord *f    = &set->field[i];
    const TesGridSpec    *spec = TesGridGetSpec(f->grid);
    char                  path[320];

    PetscCall(TesFileAddItem(file, "/fields/", &f->item));
    PetscCall(PetscSNPrintf(path, sizeof path, "/fields/%s", f->name));
    PetscCall(TesFileAddAttribute(file, path, "coordinates", f->coordinates, NULL, NULL));
    if (f->scale > 0) PetscCall(TesFileAddAttribute(file, path, "scale", NULL, &f->scale, NULL));
    if (!f->own_coordinates) continue;
    PetscCall(PetscSNPrintf(path, sizeof path, "%s/", f->coordinates));
    for (PetscInt d = 0; d < spec->dim; d++) {
      TesStateItem item = {.name      = letter[d],
                           .type      = TES_F64,
                           .n_axes    = 1,
                           .shape     = {spec->n[d]},
                           .data      = (void *)(uintptr_t)TesGridGetCoordinates(f->grid, d),
                           .axes      = letter[d],
                           .long_name = spec->label[d]};

      PetscCall(TesFileAddItem(file, path, &item));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesFieldSetLayout(const TesFieldSet *set, char **layout)
{
  TesText text = {0};

  PetscFunctionBegin;
  PetscCall(TesTextAdd(&text, "%s", ""));
  for (int i = 0; i < set->n; i++) {
    const TesGridSpec *spec = TesGridGetSpec(set->field[i].grid);
    PetscInt64         n[TES_MAX_DIM] = {1, 1, 1};

    for (PetscInt d = 0; d < spec->dim; d++) n[d] = spec->n[d];
    PetscCall(TesTextAdd(&text, "%s\t%d\t%lld\t%lld\t%lld\t%d\t%s\n", set->field[i].name, (int)spec->dim, (long long)n[0], (long long)n[1], (long long)n[2],
                         (int)PetscMax(spec->components, 1), set->field[i].coordinates));
  }
  *layout = text.text;
  PetscFunctionReturn(PETSC_SUCCESS);
}
