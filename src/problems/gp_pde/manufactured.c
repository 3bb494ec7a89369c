/* Solutions that are known: the source and the boundary values follow from u by symbolic differentiation, and the error against u is reported.
   The names are those of the benchmark table in input_decks/gp_pde/README.md. */
#include "gp_pde.h"

#define M_MIX(x) "(sin(" x ")+0.1*sin(20*" x ")+cos(100*" x "))"
#define M_SUM(x) "sin(6*" x ")*cos(20*" x ")"
#define M_BUMP(x, a) x "*(1-" x ")*sin(" a "*" x ")"

/* X(name, dim, expression, help) */
#define GP_MANUFACTURED_LIST(X) \
  X("none", 0, NULL, "no known solution") \
  X("sin100", 1, "sin(100*x)", "one frequency") \
  X("xsin200", 1, "x*sin(200*x)", "amplitude grows") \
  X("sin6cos100", 1, "sin(6*x)*cos(100*x)", "two scales, multiplied") \
  X("mix", 1, "sin(x)+0.1*sin(20*x)+0.05*cos(100*x)", "three scales, added") \
  X("mix_sin", 1, "sin(x)+0.1*sin(20*x)+0.05*sin(100*x)", "the variant of the published code") \
  X("sin500q", 1, "sin(500*x)-2*(x-0.5)^2", "one frequency over a parabola") \
  X("layer", 1, "exp(-50*x)+0.1*sin(80*x)", "boundary layer") \
  X("sin100_sin100", 2, "sin(100*x)*sin(100*y)", "one frequency in each dimension") \
  X("sum", 2, M_SUM("x") "+" M_SUM("y"), "sum of two functions of one variable") \
  X("mix_mix", 2, M_MIX("x") "*" M_MIX("y"), "three scales in each dimension, multiplied") \
  X("bumps", 3, M_BUMP("x", "37") "*" M_BUMP("y", "23") "*" M_BUMP("z", "11"), "three frequencies, zero on the sides of the unit cube")

#define AS_ENTRY(NAME, DIM, EXPRESSION, HELP) {.name = NAME, .dim = DIM, .expression = EXPRESSION, .help = HELP},
#define AS_NAME(NAME, ...) NAME,

const GpManufactured gp_manufactured[]       = {GP_MANUFACTURED_LIST(AS_ENTRY){.name = NULL}};
const char *const    gp_manufactured_names[] = {GP_MANUFACTURED_LIST(AS_NAME) NULL};
