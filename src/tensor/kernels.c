/* Kernels of the elementwise operations, row reductions and softmax, for double and single: this file is compiled once per instruction set. */
#include <tessera/isa.h>
#include <tessera/tensor_ops.h>

#include "kernels.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define BLOCK 16 /* entries of an inner loop: two vectors of 512 bits of doubles, one of singles */

#define REAL   double
#define UINT   uint64_t
#define F(name) name##F64
#define C(x)   x
#include "kernels_math.h"
#include "kernels_typed.h"
#undef REAL
#undef UINT
#undef F
#undef C

#define REAL   float
#define UINT   uint32_t
#define F(name) name##F32
#define C(x)   x##f
#define SINGLE
#include "kernels_math.h"
#include "kernels_typed.h"
