#pragma once
/* Instruction sets: hot kernels are compiled for several and chosen at start (override: TES_ISA=baseline | x86-64-v3 | x86-64-v4).

   A file of kernels is compiled once per instruction set (CMake: tes_kernels(target file.c)); in it every function is named by
   TES_KERNEL(name), so the variants live side by side, and it ends with one constant table of pointers, also named by TES_KERNEL. The
   owner picks a table through TesIsa() at first use. On a CPU that is not x86 only the baseline exists. */
#include <tessera/base.h>

typedef enum {
  TES_ISA_BASELINE = 0,
  TES_ISA_V3       = 1, /* AVX2 + FMA */
  TES_ISA_V4       = 2  /* AVX-512 (F, BW, DQ, VL) */
} TesIsaLevel;

#define TES_KERNEL_PASTE_(name, suffix) name##_##suffix
#define TES_KERNEL_PASTE(name, suffix)  TES_KERNEL_PASTE_(name, suffix)
#ifdef TES_KERNEL_SUFFIX /* set by CMake: baseline, v3 or v4 */
  #define TES_KERNEL(name) TES_KERNEL_PASTE(name, TES_KERNEL_SUFFIX)
#endif

/* Pick one of the variants of a table: const Table *t = TES_KERNEL_PICK(MyTable); needs extern declarations: TES_KERNEL_DECLARE(MyTableType, MyTable). */
#if defined(__x86_64__)
  #define TES_KERNEL_PICK(table) (TesIsa() >= TES_ISA_V4 ? &table##_v4 : TesIsa() >= TES_ISA_V3 ? &table##_v3 : &table##_baseline)
  #define TES_KERNEL_DECLARE(type, table) extern const type table##_baseline, table##_v3, table##_v4
#else
  #define TES_KERNEL_PICK(table) (&table##_baseline)
  #define TES_KERNEL_DECLARE(type, table) extern const type table##_baseline
#endif

/*@
  TesIsa     - the instruction set in use: the best of this CPU, or what TES_ISA asks for if the CPU has it
  TesIsaName - its name: "baseline", "x86-64-v3" or "x86-64-v4"
  TesBlasName - the BLAS behind the program: OpenBLAS' own description, or "reference BLAS: slow"
  TesBlasSingleThread - one BLAS thread per rank unless OPENBLAS_NUM_THREADS says otherwise

  Not Collective
@*/
TesIsaLevel    TesIsa(void);
const char    *TesIsaName(void);
const char    *TesBlasName(void);
PetscErrorCode TesBlasSingleThread(void);
