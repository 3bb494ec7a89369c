/* Which variant of the kernels: the widest that this CPU has and TES_ISA allows. The 64-byte variant is compiled for the mgno kernels alone: they gain from it
   (tests/bench/bench_mgno.md) and give the same bits as the 32-byte one, since every number is one chain of fused multiply-adds in both. */
#include <stdlib.h>
#include <string.h>
#include "kernels.h"

extern const MgnoKernels_f32 mgno_kernels32_baseline;
extern const MgnoKernels_f64 mgno_kernels64_baseline;
#if defined(__x86_64__)
extern const MgnoKernels_f32 mgno_kernels32_v3, mgno_kernels32_v4;
extern const MgnoKernels_f64 mgno_kernels64_v3, mgno_kernels64_v4;

static int HasV4(void)
{
  const char *asked = getenv("TES_ISA");

  if (TesIsa() < TES_ISA_V3 || (asked && !strcmp(asked, "x86-64-v3"))) return 0;
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}

const MgnoKernels_f32 *MgnoKernels32(void)
{
  return HasV4() ? &mgno_kernels32_v4 : TES_KERNEL_PICK(mgno_kernels32);
}

const MgnoKernels_f64 *MgnoKernels64(void)
{
  return HasV4() ? &mgno_kernels64_v4 : TES_KERNEL_PICK(mgno_kernels64);
}

const char *MgnoKernelsName(void)
{
  return HasV4() ? "x86-64-v4" : TesIsaName();
}
#else
const MgnoKernels_f32 *MgnoKernels32(void)
{
  return &mgno_kernels32_baseline;
}

const MgnoKernels_f64 *MgnoKernels64(void)
{
  return &mgno_kernels64_baseline;
}

const char *MgnoKernelsName(void)
{
  return TesIsaName();
}
#endif
