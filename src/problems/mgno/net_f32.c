/* The network in single precision. */
#define NREAL           float
#define NTAG(name)      name##_f32
#define NKERNELS        MgnoKernels_f32
#define NPICK           MgnoKernels32
#include "net_impl.h"
