/* Which instruction set and which BLAS. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/isa.h>

static const char *const names[] = {"baseline", "x86-64-v3", "x86-64-v4"};

TesIsaLevel TesIsa(void)
{
  TesIsaLevel best  = TES_ISA_BASELINE;
  const char *asked = getenv("TES_ISA");

#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = TES_ISA_V3;
  if (best == TES_ISA_V3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    best = TES_ISA_V4;
#endif
  for (int level = TES_ISA_BASELINE; asked && level < (int)best; level++)
    if (!strcmp(asked, names[level])) best = (TesIsaLevel)level;
  return best;
}

const char *TesIsaName(void)
{
  return names[TesIsa()];
}

const char *TesBlasName(void)
{
  void *symbol = dlsym(RTLD_DEFAULT, "openblas_get_config");
  char *(*config)(void);

  if (!symbol) return dlsym(RTLD_DEFAULT, "MKL_Get_Version") ? "MKL" : "reference BLAS: slow";
  memcpy(&config, &symbol, sizeof config); /* a data pointer is no function pointer in ISO C */
  return config();
}

PetscErrorCode TesBlasSingleThread(void)
{
  void *symbol = dlsym(RTLD_DEFAULT, "openblas_set_num_threads");
  void (*set)(int);

  PetscFunctionBegin;
  if (getenv("OPENBLAS_NUM_THREADS") || !symbol) PetscFunctionReturn(PETSC_SUCCESS);
  memcpy(&set, &symbol, sizeof set);
  set(1);
  PetscFunctionReturn(PETSC_SUCCESS);
}
