#pragma once
/* Fields on their way into a file, with the coordinates that h5py users and ParaView need, and the XDMF that points at them. */
#include <tessera/grid.h>
#include <tessera/h5.h>

typedef struct {
  char        *name;
  char         coordinates[160]; /* group of its coordinates: "/coordinates", or one of its own when its grid differs from the first field's */
  PetscBool    own_coordinates;  /* the first field of this grid: declares them */
  TesGrid      grid;             /* referenced */
  TesStateItem item;             /* texts borrowed from the field */
  PetscReal   *copy;             /* local values, or NULL: the field's own are used */
  char        *unit, *long_name, *axes;
  PetscReal    scale;
} TesFieldRecord;

typedef struct {
  int             n, max;
  TesFieldRecord *field;
} TesFieldSet;

/* Adding a name again replaces it. copy: the field may change or vanish before the file is written. */
PetscErrorCode TesFieldSetAdd(TesFieldSet *set, TesField field, PetscBool copy, PetscReal scale);
PetscErrorCode TesFieldSetDeclare(const TesFieldSet *set, TesFile file);
PetscErrorCode TesFieldSetClear(TesFieldSet *set);

/* One line per field, tab-separated: name, dimension, n of x, y, z, components, group of coordinates. All that XDMF must know. The caller frees. */
PetscErrorCode TesFieldSetLayout(const TesFieldSet *set, char **layout);

/* Rank 0: a temporal collection over `n` files of the same layout, named relative to the folder of `path`. */
PetscErrorCode TesXdmfWrite(const char path[], const char layout[], PetscInt64 n, char *const files[], const PetscReal times[]);

/* A text that grows, for tables, XML and CSV. */
typedef struct {
  char  *text;
  size_t used, room;
} TesText;
PetscErrorCode TesTextAdd(TesText *text, const char format[], ...) __attribute__((format(printf, 2, 3)));
