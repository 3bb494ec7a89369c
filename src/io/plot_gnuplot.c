/* One picture by gnuplot: a script and binary data in a scratch folder, a process, and a PNG that appears under its name only when gnuplot has ended well.

   Texts come from files that anybody may have written: they go to gnuplot in single quotes only, where it neither runs backquoted commands nor
   knows escapes, and without enhanced mode, which would make subscripts of underscores. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "plot_private.h"

extern char **environ;

PetscErrorCode TesPlotterCreate(const char output[], TesPlotter *plotter)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(plotter, sizeof *plotter));
  PetscCall(TesMakeFolder(output));
  PetscCall(PetscSNPrintf(plotter->output, sizeof plotter->output, "%s", output));
  PetscCall(PetscSNPrintf(plotter->scratch, sizeof plotter->scratch, "%s/.plot-XXXXXX", output));
  if (!mkdtemp(plotter->scratch)) {
    const char *text = TesErrnoText("cannot make a folder in %s", output);

    plotter->scratch[0] = 0;
    SETERRQ(PETSC_COMM_SELF, TES_ERR_WORLD, "%s", text);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void RemoveScratch(TesPlotter *p, const char name[])
{
  char path[PETSC_MAX_PATH_LEN + 32];

  snprintf(path, sizeof path, "%s/%s", p->scratch, name);
  (void)unlink(path); /* may not have been written */
}

/* Files of the last picture. */
static void Clean(TesPlotter *p)
{
  char name[32];

  if (p->script) fclose(p->script);
  p->script = NULL;
  for (int i = 0; i < p->n_data; i++) {
    snprintf(name, sizeof name, "d%d", i);
    RemoveScratch(p, name);
  }
  p->n_data = 0;
  RemoveScratch(p, "script");
  RemoveScratch(p, "said");
  RemoveScratch(p, "out.png");
}

PetscErrorCode TesPlotterDestroy(TesPlotter *p)
{
  PetscFunctionBegin;
  if (p->scratch[0]) {
    Clean(p);
    (void)rmdir(p->scratch);
    p->scratch[0] = 0;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

void TesPlotterText(TesPlotter *p, const char command[], const char text[])
{
  fprintf(p->script, "%s '", command);
  for (const char *c = text; *c; c++) {
    if (*c == '\'') fputs("''", p->script);
    else if ((unsigned char)*c < 32) fputc(' ', p->script);
    else if (*c != '`') fputc(*c, p->script);
  }
  fprintf(p->script, "'");
}

/* Sizes are for a picture that fills a column of a paper at 300 dots per inch, and stays readable at half the size on a screen. */
PetscErrorCode TesPlotterBegin(TesPlotter *p, int width, int height)
{
  char path[PETSC_MAX_PATH_LEN + 32];

  PetscFunctionBegin;
  Clean(p);
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/script", p->scratch));
  p->script = fopen(path, "w");
  PetscCheck(p->script, PETSC_COMM_SELF, TES_ERR_WORLD, "%s", TesErrnoText("cannot write %s", path));
  fprintf(p->script,
          "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) { set terminal pngcairo enhanced rounded size %d,%d font 'DejaVu Sans,22' linewidth 2.2 } "
          "else { set terminal png truecolor enhanced size %d,%d font 'DejaVuSans,20' linewidth 2 }\n",
          width, height, width, height);
  fprintf(p->script, "set encoding utf8\nset output 'out.png'\nset border linewidth 1\nset tics scale 0.7\nset key noenhanced\n"
                     "if (GPVAL_VERSION >= 5.2) { set minussign }\nset style line 100 lc rgb '#d8d8d8' lw 0.5\n");
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPlotterData(TesPlotter *p, PetscInt64 n, const PetscReal values[], int *number)
{
  char  path[PETSC_MAX_PATH_LEN + 32];
  FILE *file;
  int   bad;

  PetscFunctionBegin;
  *number = p->n_data++;
  PetscCall(PetscSNPrintf(path, sizeof path, "%s/d%d", p->scratch, *number));
  file = fopen(path, "wb");
  PetscCheck(file, PETSC_COMM_SELF, TES_ERR_WORLD, "%s", TesErrnoText("cannot write %s", path));
  bad = fwrite(values, sizeof *values, (size_t)n, file) != (size_t)n;
  bad |= fclose(file) != 0;
  PetscCheck(!bad, PETSC_COMM_SELF, TES_ERR_WORLD, "%s", TesErrnoText("cannot write %s", path));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* What gnuplot had to say: the first line that is no echo of the script and no mere pointer. */
static void FirstLine(const char path[], char text[], size_t size)
{
  FILE *file = fopen(path, "r");
  char  line[512];

  text[0] = 0;
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    if (strspn(line, " ^\t") == strlen(line) || !strncmp(line, "gnuplot>", 8) || strstr(line, "warning:")) continue;
    snprintf(text, size, "%s", line);
    break;
  }
  if (file) fclose(file);
}

/* Run gnuplot in the scratch folder; its words go to the file `said`. */
static PetscErrorCode RunGnuplot(TesPlotter *p)
{
  const char                *program = getenv("TES_GNUPLOT");
  char                       absolute[PETSC_MAX_PATH_LEN], said[PETSC_MAX_PATH_LEN + 32], text[512];
  char                      *argv[3];
  posix_spawn_file_actions_t actions;
  pid_t                      child;
  int                        error, status = 0;

  PetscFunctionBegin;
  if (!program || !*program) program = "gnuplot";
  if (strchr(program, '/') && realpath(program, absolute)) program = absolute; /* gnuplot starts in another folder */
  argv[0] = (char *)(uintptr_t)program;
  argv[1] = (char *)(uintptr_t)"script";
  argv[2] = NULL;
  PetscCall(PetscSNPrintf(said, sizeof said, "%s/said", p->scratch));
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, said, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawn_file_actions_addchdir_np(&actions, p->scratch);
  error = posix_spawnp(&child, program, &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  PetscCheck(!error, PETSC_COMM_SELF, TES_ERR_WORLD, "cannot start %s: %s. The figures need gnuplot: install gnuplot-nox, or set TES_GNUPLOT to the program", program, strerror(error));
  while (waitpid(child, &status, 0) == -1)
    if (errno != EINTR) SETERRQ(PETSC_COMM_SELF, TES_ERR_WORLD, "%s", TesErrnoText("lost %s", program));
  FirstLine(said, text, sizeof text);
  PetscCheck(WIFEXITED(status) && WEXITSTATUS(status) == 0, PETSC_COMM_SELF, TES_ERR_WORLD, "%s failed (%s %d): %s. Try another gnuplot by TES_GNUPLOT", program,
             WIFEXITED(status) ? "exit code" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), text[0] ? text : "it said nothing");
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesPlotterEnd(TesPlotter *p, const char name[])
{
  char        from[PETSC_MAX_PATH_LEN + 32], to[PETSC_MAX_PATH_LEN + 256];
  struct stat info;
  int         bad;

  PetscFunctionBegin;
  fprintf(p->script, "\nunset output\n");
  bad       = ferror(p->script);
  bad       = fclose(p->script) != 0 || bad;
  p->script = NULL;
  PetscCheck(!bad, PETSC_COMM_SELF, TES_ERR_WORLD, "%s", TesErrnoText("cannot write into %s", p->scratch));
  PetscCall(RunGnuplot(p));
  PetscCall(PetscSNPrintf(from, sizeof from, "%s/out.png", p->scratch));
  PetscCall(PetscSNPrintf(to, sizeof to, "%s/%s.png", p->output, name));
  PetscCheck(stat(from, &info) == 0 && info.st_size > 0, PETSC_COMM_SELF, TES_ERR_WORLD, "gnuplot left no picture for %s: is its PNG terminal installed (gnuplot-nox)?", name);
  TesCallSys(rename(from, to), "cannot rename %s to %s", from, to);
  Clean(p);
  PetscFunctionReturn(PETSC_SUCCESS);
}
