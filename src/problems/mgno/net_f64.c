/* The network in double precision. */
#define NREAL           double
#define NTAG(name)      name##_f64
#define NKERNELS        MgnoKernels_f64
#define NPICK           MgnoKernels64
#include "net_impl.h"
