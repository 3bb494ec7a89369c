/* The program: the driver over the list of problem kinds. */
#include <tessera/driver.h>

#ifndef TES_PROBLEM_LIST_FILE
  #define TES_PROBLEM_LIST_FILE "problems/problem_list.h"
#endif
#include TES_PROBLEM_LIST_FILE

#define DECLARE(Kind) extern const TesProblemKind TesProblem##Kind;
#define ENTRY(Kind)   &TesProblem##Kind,
TES_PROBLEM_LIST(DECLARE)

static const TesProblemKind *const kinds[] = {TES_PROBLEM_LIST(ENTRY) NULL};

int main(int argc, char **argv)
{
  return TesMain(argc, argv, kinds);
}
