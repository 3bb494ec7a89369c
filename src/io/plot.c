/* `tessera plot`: the figures that the table of a kind lists, drawn from the files of a run alone, on any machine.

   The kind is the one that /provenance names. Of a run folder, a figure takes result.h5 or series.h5 as its table says; of a single file (also a snapshot), every
   figure is drawn whose datasets are in it. A figure of which a dataset is missing does not apply to this run and is passed over. Serial; memory for one curve, or
   one band of rows of a field (plot_raster.c). */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <tessera/io.h>
#include "plot_private.h"

typedef struct {
  char  folder[PETSC_MAX_PATH_LEN]; /* of the run */
  char  result_path[PETSC_MAX_PATH_LEN], series_path[PETSC_MAX_PATH_LEN];
  hid_t result, series;             /* H5I_INVALID_HID: not there; the same for a single file */
} Files;

static PetscErrorCode OpenFiles(const char path[], Files *f)
{
  struct stat info;
  size_t      n = strlen(path);

  PetscFunctionBegin;
  f->result = f->series = H5I_INVALID_HID;
  PetscCheck(n > 0 && n + 16 < sizeof f->folder, PETSC_COMM_SELF, TES_ERR_WORLD, "cannot draw `%s`: not a path", path);
  TesCallSys(stat(path, &info), "cannot open %s", path);
  strcpy(f->folder, path);
  if (!S_ISDIR(info.st_mode)) {
    char *last = strrchr(f->folder, '/');

    PetscCall(TesH5OpenRead(PETSC_COMM_SELF, path, &f->result));
    f->series = f->result;
    if (last == f->folder) f->folder[1] = 0;
    else if (last) *last = 0;
    else strcpy(f->folder, ".");
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  while (n > 1 && f->folder[n - 1] == '/') f->folder[--n] = 0;
  PetscCall(PetscSNPrintf(f->result_path, sizeof f->result_path, "%s/result.h5", f->folder));
  PetscCall(PetscSNPrintf(f->series_path, sizeof f->series_path, "%s/series.h5", f->folder));
  if (access(f->result_path, F_OK) == 0) PetscCall(TesH5OpenRead(PETSC_COMM_SELF, f->result_path, &f->result));
  if (access(f->series_path, F_OK) == 0) PetscCall(TesH5OpenRead(PETSC_COMM_SELF, f->series_path, &f->series));
  PetscCheck(f->result >= 0 || f->series >= 0, PETSC_COMM_SELF, TES_ERR_WORLD, "%s holds neither result.h5 nor series.h5: is it the output folder of a run that has ended or was stopped?", path);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CloseFiles(Files *f)
{
  PetscFunctionBegin;
  if (f->series != f->result) PetscCall(TesH5Close(&f->series));
  PetscCall(TesH5Close(&f->result));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FindKind(const Files *f, const char path[], const TesProblemKind *const kinds[], const TesProblemKind **kind)
{
  PetscBool found = PETSC_FALSE;
  char     *name = NULL, word[101], known[512] = "";

  PetscFunctionBegin;
  *kind = NULL;
  PetscCall(TesH5ReadText(f->result >= 0 ? f->result : f->series, "/provenance/kind", &found, &name));
  PetscCheck(found, PETSC_COMM_SELF, TES_ERR_WORLD, "%s does not say which kind of problem it is of (/provenance/kind): not a file of tessera", path);
  for (int i = 0; kinds[i]; i++) {
    if (!strcmp(kinds[i]->name, name)) *kind = kinds[i];
    snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "", kinds[i]->name);
  }
  snprintf(word, sizeof word, "%s", name);
  PetscCall(PetscFree(name));
  PetscCheck(*kind, PETSC_COMM_SELF, TES_ERR_WORLD, "%s is of the kind `%s`, which this program does not know (known: %s): draw it with the program that made it", path, word, known);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Append(char **text, const char folder[], const char name[])
{
  char *longer;

  PetscFunctionBegin;
  PetscCall(TesFormat(&longer, "%s%s/%s.png\n", *text, folder, name));
  PetscCall(PetscFree(*text));
  *text = longer;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* does `when` of a figure hold for the resolved deck, one key per line at the top level? */
static PetscBool Applies(const char when[], const char deck[])
{
  const char *equals = when ? strchr(when, '=') : NULL;
  size_t      key, length;

  if (!equals || !deck) return PETSC_TRUE;
  key = (size_t)(equals - when);
  for (const char *line = deck; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    if (strncmp(line, when, key) || line[key] != ':') continue;
    line += key + 1 + strspn(line + key + 1, " ");
    length = strcspn(line, " \n#");
    for (const char *word = equals + 1;; word += strcspn(word, "|") + 1) {
      if (strcspn(word, "|") == length && !strncmp(word, line, length)) return PETSC_TRUE;
      if (!word[strcspn(word, "|")]) return PETSC_FALSE;
    }
  }
  return PETSC_TRUE;
}

static PetscErrorCode DrawAll(TesPlotter *p, const Files *f, const TesProblemKind *kind, char **text)
{
  PetscBool found = PETSC_FALSE;
  char     *deck  = NULL;

  PetscFunctionBegin;
  PetscCall(TesH5ReadText(f->result >= 0 ? f->result : f->series, "/provenance/deck", &found, &deck));
  for (const TesFigure *figure = kind->figures; figure && figure->name; figure++) {
    hid_t     file  = figure->file && !strcmp(figure->file, "series") ? f->series : f->result;
    PetscBool drawn = PETSC_FALSE;
    char      names[4 * TES_PLOT_TEXT];

    if (file < 0 || !figure->y[0] || !Applies(figure->when, found ? deck : NULL)) continue;
    if (figure->sort == TES_FIGURE_IMAGE) {
      PetscCall(TesPlotFigureOfField(p, file, figure, &drawn, names, sizeof names));
    } else {
      PetscCall(TesPlotFigureOfCurves(p, file, figure, &drawn));
      snprintf(names, sizeof names, "%s\n", figure->name);
    }
    for (char *name = names, *end; drawn && (end = strchr(name, '\n')); name = end + 1) {
      *end = 0;
      PetscCall(Append(text, p->output, name));
    }
  }
  PetscCall(PetscFree(deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPlot(const char path[], const char output[], const TesProblemKind *const kinds[], char **text)
{
  Files                 files;
  const TesProblemKind *kind = NULL;
  TesPlotter            plotter = {0};
  char                  folder[PETSC_MAX_PATH_LEN];
  PetscErrorCode        ierr;

  PetscFunctionBegin;
  *text = NULL;
  ierr  = OpenFiles(path, &files);
  if (!ierr) ierr = FindKind(&files, path, kinds, &kind);
  if (!ierr) ierr = PetscStrallocpy("", text);
  if (!ierr) ierr = PetscSNPrintf(folder, sizeof folder, "%s%s", output ? output : files.folder, output ? "" : "/plots");
  if (!ierr) ierr = TesPlotterCreate(folder, &plotter);
  if (!ierr) ierr = DrawAll(&plotter, &files, kind, text);
  PetscCall(TesPlotterDestroy(&plotter)); /* whatever happened, no scratch folder stays */
  PetscCall(CloseFiles(&files));
  if (ierr) PetscCall(PetscFree(*text));
  PetscCall(ierr);
  PetscFunctionReturn(PETSC_SUCCESS);
}
