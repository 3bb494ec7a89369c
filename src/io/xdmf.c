/* XDMF 3 beside HDF5: rectilinear meshes over the stored coordinates, one temporal collection per grid, every path relative to the folder, so the folder can be
   moved. One-dimensional fields are a 2-D mesh with a single row, since readers know no 1-D rectilinear mesh. Components other than 1 and 3 become scalars
   u_0, u_1...: viewers know vectors of three only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fields_private.h"
#include <tessera/io.h>

typedef struct {
  char      name[160], coordinates[160];
  int       dim, components;
  long long n[TES_MAX_DIM];
} Layout;

static PetscErrorCode ParseLayout(const char text[], int *n, Layout **fields)
{
  int lines = 0;

  PetscFunctionBegin;
  for (const char *c = text; *c; c++) lines += *c == '\n';
  PetscCall(PetscCalloc1((size_t)lines, fields));
  *n = 0;
  for (const char *line = text; line && *line && *n < lines;) {
    Layout     *f   = &(*fields)[*n];
    const char *end = strchr(line, '\n');

    if (sscanf(line, "%159[^\t]\t%d\t%lld\t%lld\t%lld\t%d\t%159[^\n]", f->name, &f->dim, &f->n[0], &f->n[1], &f->n[2], &f->components, f->coordinates) == 7 && f->dim >= 1 &&
        f->dim <= TES_MAX_DIM)
      (*n)++;
    line = end ? end + 1 : NULL;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Text as XML wants it in content and attributes. */
static PetscErrorCode AddEscaped(TesText *x, const char text[])
{
  PetscFunctionBegin;
  for (const char *c = text; *c; c++) {
    const char *word = *c == '&' ? "&amp;" : *c == '<' ? "&lt;" : *c == '>' ? "&gt;" : *c == '"' ? "&quot;" : NULL;

    if (word) PetscCall(TesTextAdd(x, "%s", word));
    else PetscCall(TesTextAdd(x, "%c", *c));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* Points per axis, slowest first. Every mesh has three axes, missing ones one point: ParaView reads vectors on flat meshes wrongly or not at all. */
static void Dimensions(const Layout *f, char text[], size_t size)
{
  snprintf(text, size, "%lld %lld %lld", f->dim > 2 ? f->n[2] : 1, f->dim > 1 ? f->n[1] : 1, f->n[0]);
}

static void StoredShape(const Layout *f, char text[], size_t size)
{
  int used = 0;

  for (int d = f->dim - 1; d >= 0; d--) used += snprintf(text + used, size - (size_t)used, "%lld%s", f->n[d], d ? " " : "");
}

static PetscErrorCode AddMesh(TesText *x, const Layout *f, const char file[])
{
  char dims[96];

  PetscFunctionBegin;
  Dimensions(f, dims, sizeof dims);
  PetscCall(TesTextAdd(x, "        <Topology TopologyType=\"3DRectMesh\" Dimensions=\"%s\"/>\n        <Geometry GeometryType=\"VXVYVZ\">\n", dims));
  for (int d = 0; d < f->dim; d++) {
    PetscCall(TesTextAdd(x, "          <DataItem Format=\"HDF\" NumberType=\"Float\" Precision=\"8\" Dimensions=\"%lld\">", f->n[d]));
    PetscCall(AddEscaped(x, file));
    PetscCall(TesTextAdd(x, ":"));
    PetscCall(AddEscaped(x, f->coordinates));
    PetscCall(TesTextAdd(x, "/%c</DataItem>\n", "xyz"[d]));
  }
  for (int d = f->dim; d < TES_MAX_DIM; d++) PetscCall(TesTextAdd(x, "          <DataItem Format=\"XML\" NumberType=\"Float\" Precision=\"8\" Dimensions=\"1\">0</DataItem>\n"));
  PetscCall(TesTextAdd(x, "        </Geometry>\n"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The dataset: as a whole it is asked for in the shape of the mesh, below a hyperslab in its own. */
static PetscErrorCode AddSource(TesText *x, const char indent[], const Layout *f, PetscBool mesh_shape, const char file[])
{
  char dims[96];

  PetscFunctionBegin;
  if (mesh_shape) Dimensions(f, dims, sizeof dims);
  else StoredShape(f, dims, sizeof dims);
  PetscCall(TesTextAdd(x, "%s<DataItem Format=\"HDF\" NumberType=\"Float\" Precision=\"8\" Dimensions=\"%s", indent, dims));
  if (f->components > 1) PetscCall(TesTextAdd(x, " %d", f->components));
  PetscCall(TesTextAdd(x, "\">"));
  PetscCall(AddEscaped(x, file));
  PetscCall(TesTextAdd(x, ":/fields/"));
  PetscCall(AddEscaped(x, f->name));
  PetscCall(TesTextAdd(x, "</DataItem>\n"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* One component of a field of several: start, stride and count per axis of the dataset. */
static PetscErrorCode AddComponent(TesText *x, const Layout *f, int component, const char file[])
{
  char dims[96], count[96];

  PetscFunctionBegin;
  Dimensions(f, dims, sizeof dims);
  StoredShape(f, count, sizeof count);
  PetscCall(TesTextAdd(x, "          <DataItem ItemType=\"HyperSlab\" Dimensions=\"%s\">\n            <DataItem Format=\"XML\" NumberType=\"Int\" Dimensions=\"3 %d\">", dims, f->dim + 1));
  for (int d = 0; d < f->dim; d++) PetscCall(TesTextAdd(x, "0 "));
  PetscCall(TesTextAdd(x, "%d ", component));
  for (int d = 0; d <= f->dim; d++) PetscCall(TesTextAdd(x, "1 "));
  PetscCall(TesTextAdd(x, "%s 1</DataItem>\n", count));
  PetscCall(AddSource(x, "            ", f, PETSC_FALSE, file));
  PetscCall(TesTextAdd(x, "          </DataItem>\n"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode AddField(TesText *x, const Layout *f, const char file[])
{
  PetscBool whole = (PetscBool)(f->components == 1 || f->components == 3);

  PetscFunctionBegin;
  for (int c = 0; c < (whole ? 1 : f->components); c++) {
    PetscCall(TesTextAdd(x, "        <Attribute Name=\""));
    PetscCall(AddEscaped(x, f->name));
    if (!whole) PetscCall(TesTextAdd(x, "_%d", c));
    PetscCall(TesTextAdd(x, "\" AttributeType=\"%s\" Center=\"Node\">\n", f->components == 3 ? "Vector" : "Scalar"));
    if (whole) PetscCall(AddSource(x, "          ", f, PETSC_TRUE, file));
    else PetscCall(AddComponent(x, f, c, file));
    PetscCall(TesTextAdd(x, "        </Attribute>\n"));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* All times of the fields that share the coordinates of `lead`. */
static PetscErrorCode AddCollection(TesText *x, int n_fields, const Layout fields[], int lead, PetscInt64 n, char *const files[], const PetscReal times[])
{
  PetscFunctionBegin;
  PetscCall(TesTextAdd(x, "    <Grid Name=\"grid_%d\" GridType=\"Collection\" CollectionType=\"Temporal\">\n", lead));
  for (PetscInt64 i = 0; i < n; i++) {
    PetscCall(TesTextAdd(x, "      <Grid Name=\"grid_%d_%lld\" GridType=\"Uniform\">\n        <Time Value=\"%.17g\"/>\n", lead, (long long)i, times[i]));
    PetscCall(AddMesh(x, &fields[lead], files[i]));
    for (int k = lead; k < n_fields; k++)
      if (!strcmp(fields[k].coordinates, fields[lead].coordinates)) PetscCall(AddField(x, &fields[k], files[i]));
    PetscCall(TesTextAdd(x, "      </Grid>\n"));
  }
  PetscCall(TesTextAdd(x, "    </Grid>\n"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesXdmfWrite(const char path[], const char layout[], PetscInt64 n, char *const files[], const PetscReal times[])
{
  TesText        x = {0};
  Layout        *fields;
  int            n_fields;
  PetscErrorCode ierr;

  PetscFunctionBegin;
  PetscCall(ParseLayout(layout, &n_fields, &fields));
  PetscCall(TesTextAdd(&x, "<?xml version=\"1.0\" ?>\n<Xdmf Version=\"3.0\">\n  <Domain>\n"));
  for (int k = 0; k < n_fields; k++) {
    PetscBool seen = PETSC_FALSE;

    for (int j = 0; j < k; j++) seen = (PetscBool)(seen || !strcmp(fields[j].coordinates, fields[k].coordinates));
    if (!seen) PetscCall(AddCollection(&x, n_fields, fields, k, n, files, times));
  }
  PetscCall(TesTextAdd(&x, "  </Domain>\n</Xdmf>\n"));
  ierr = TesWriteTextAtomic(path, x.text);
  PetscCall(PetscFree(x.text));
  PetscCall(PetscFree(fields));
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}
