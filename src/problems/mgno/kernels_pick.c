/* Which variant of the kernels: that of TesIsa(). The variants of 32 and 64 bytes give the same bits, since every number is one chain of fused multiply-adds in both. */
#include "kernels.h"

TES_KERNEL_DECLARE(MgnoKernels_f32, mgno_kernels32);
TES_KERNEL_DECLARE(MgnoKernels_f64, mgno_kernels64);

const MgnoKernels_f32 *MgnoKernels32(void)
{
  return TES_KERNEL_PICK(mgno_kernels32);
}

const MgnoKernels_f64 *MgnoKernels64(void)
{
  return TES_KERNEL_PICK(mgno_kernels64);
}
