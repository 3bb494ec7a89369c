/* The options table: which subcommand takes which option, and with a value or not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "command_line.h"

typedef enum { O_SET, O_OUTPUT, O_RESTART, O_FORCE, O_QUIET, O_TEMPLATE, O_RANKS, O_RTOL, O_WALL_TIME } Option;

static const struct {
  const char *name;
  Option      option;
  int         has_value;
  const char *commands;
} options[] = {
  {"--set",       O_SET,       1, "check run"     },
  {"--output",    O_OUTPUT,    1, "run plot check"},
  {"--restart",   O_RESTART,   0, "run"           },
  {"--force",     O_FORCE,     0, "run"           },
  {"--quiet",     O_QUIET,     0, "run"           },
  {"--wall-time", O_WALL_TIME, 1, "run"           },
  {"--template",  O_TEMPLATE,  0, "describe"      },
  {"--ranks",     O_RANKS,     1, "check"         },
  {"--rtol",      O_RTOL,      1, "compare"       },
};

#define N_OPTIONS (int)(sizeof options / sizeof options[0])

static int Has(const char list[], const char word[])
{
  size_t n = strlen(word);

  for (const char *at = strstr(list, word); at; at = strstr(at + 1, word))
    if ((at == list || at[-1] == ' ') && (!at[n] || at[n] == ' ')) return 1;
  return 0;
}

static int Apply(Option option, const char value[], CommandLine *line)
{
  PetscInt64 ranks;

  switch (option) {
  case O_SET: line->set[line->n_set++] = value; return !strchr(value, '=');
  case O_OUTPUT: line->output = value; return !value[0];
  case O_RESTART: line->restart = PETSC_TRUE; return 0;
  case O_FORCE: line->force = PETSC_TRUE; return 0;
  case O_QUIET: line->quiet = PETSC_TRUE; return 0;
  case O_TEMPLATE: line->template_deck = PETSC_TRUE; return 0;
  case O_WALL_TIME: return TesReadDuration(value, &line->wall_time) || !(line->wall_time > 0);
  case O_RTOL: return TesReadReal(value, &line->rtol) || !(line->rtol >= 0);
  case O_RANKS:
    if (TesReadInt(value, &ranks) || ranks < 1 || ranks > 100000000) return 1;
    line->ranks = (int)ranks;
    return 0;
  }
  return 1;
}

static const char *const expected[] = {"PATH=VALUE, as a.b=3", "a folder", "", "", "", "", "a number of ranks >= 1", "a tolerance >= 0", "seconds or HH:MM:SS"};

static int ReadOption(int argc, char **argv, int *at, CommandLine *line, char message[], size_t size)
{
  const char *names[N_OPTIONS + 1] = {NULL}, *word = argv[*at], *equals = strchr(word, '='), *near;
  size_t      length = equals ? (size_t)(equals - word) : strlen(word);
  char        name[64];

  snprintf(name, sizeof name, "%.*s", (int)PetscMin(length, 63), word);
  for (int k = 0; k < N_OPTIONS; k++) {
    const char *value = NULL;

    names[k] = options[k].name;
    if (strcmp(name, options[k].name)) continue;
    if (!Has(options[k].commands, line->command)) {
      snprintf(message, size, "%s is no option of `tessera %s` (it belongs to: %s)", name, line->command, options[k].commands);
      return 1;
    }
    if (options[k].has_value) {
      value = equals ? equals + 1 : *at + 1 < argc ? argv[++*at] : NULL;
      if (!value) {
        snprintf(message, size, "%s wants %s", name, expected[options[k].option]);
        return 1;
      }
    }
    if (Apply(options[k].option, value, line)) {
      snprintf(message, size, "%s wants %s, not `%s`", name, expected[options[k].option], value ? value : "");
      return 1;
    }
    return 0;
  }
  near = TesNearest(name, names);
  if (word[1] != '-') snprintf(message, size, "unknown option `%s`; PETSc's options go behind `--`: tessera run DECK -- %s", word, word);
  else snprintf(message, size, "unknown option `%s`%s%s%s", word, near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
  return 1;
}

int CommandLineRead(int argc, char **argv, CommandLine *line, int *petsc_argc, char ***petsc_argv, char message[], size_t size)
{
  int ours = 1;

  memset(line, 0, sizeof *line);
  line->rtol    = -1;
  line->command = "";
  line->set     = calloc((size_t)argc + 1, sizeof *line->set);
  while (ours < argc && strcmp(argv[ours], "--")) ours++;
  /* PETSc wants a name first: it takes the place of `--` */
  *petsc_argc = ours < argc ? argc - ours : 1;
  *petsc_argv = ours < argc ? argv + ours : argv;
  if (ours < argc) argv[ours] = argv[0];
  if (ours < 2) {
    snprintf(message, size, "no command given");
    return 1;
  }
  line->command = argv[1];
  for (int at = 2; at < ours; at++) {
    if (argv[at][0] == '-' && argv[at][1]) {
      if (ReadOption(ours, argv, &at, line, message, size)) return 1;
    } else if (line->n_paths < 2) {
      line->path[line->n_paths++] = argv[at];
    } else {
      snprintf(message, size, "`%s` is one argument too many", argv[at]);
      return 1;
    }
  }
  if (line->restart && line->force) {
    snprintf(message, size, "--restart goes on with a run, --force starts it afresh: choose one");
    return 1;
  }
  return 0;
}
