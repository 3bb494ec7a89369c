#include <tessera/problem.h>
