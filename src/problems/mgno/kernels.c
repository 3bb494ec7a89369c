/* The kernels of kernels.h, once per instruction set: vector widths and register blocks.

   A strip of X points times all channels of a block stays in registers while taps and input channels run: X broadcasts, the block's weight vectors, and X times as many
   multiply-adds per input channel. X is what the registers hold: 16 of 16 or 32 bytes, or 32 of 64 bytes. With 64-byte vectors a block of 24 singles is one whole and one half
   vector. */
#include <math.h>
#include <string.h>
#include "kernels.h"

#if defined(__AVX512F__)
  #define VECTOR 64
#elif defined(__AVX__)
  #define VECTOR 32
#else
  #define VECTOR 16
#endif

#define REAL       float
#define TAG(name)  name##_f32
#define LANES      (VECTOR / 4)
#define SINGLE     1
#include "kernels_impl.h"
#undef REAL
#undef TAG
#undef LANES
#undef SINGLE

#define REAL      double
#define TAG(name) name##_f64
#define LANES     (VECTOR / 8)
#define SINGLE    0
#include "kernels_impl.h"

extern const MgnoKernels_f32 TES_KERNEL(mgno_kernels32);
const MgnoKernels_f32        TES_KERNEL(mgno_kernels32) = {Row_f32, Weight_f32, Act_f32, Multiply_f32, Add_f32};
extern const MgnoKernels_f64 TES_KERNEL(mgno_kernels64);
const MgnoKernels_f64        TES_KERNEL(mgno_kernels64) = {Row_f64, Weight_f64, Act_f64, Multiply_f64, Add_f64};
