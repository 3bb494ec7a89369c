#pragma once
/* Kernels of the network, private to this folder: compiled for several instruction sets, in single and double precision from one source (kernels_impl.h).

   Fields are channels-last: a point is `channels` adjacent numbers, padded with zeros to a multiple of MGNO_PAD. Strides are in numbers. All operators of the network are
   gathers over a list of taps, so one kernel serves convolutions, strided and transposed ones, and the adjoints of all of them:

     row    y[p][o] = init[p][o] + sign sum_t sum_c x[p xs + offset_t + c] w_t[c co + o],   p = 0 .. n - 1  (init may be NULL: 0)
            each output is one chain of multiply-adds in the order taps, then channels: its bits depend neither on where a strip begins nor on the width of vectors
     weight g_w[c co + o] += sign sum_rows sum_p x[row xr + p xs + c] g[row gr + p gs + o],   one chain over the points in their order per entry
     act    v = sigma(z), d = sigma'(z) (d may be NULL) */
#include <stddef.h>
#include <tessera/isa.h>

#define MGNO_PAD  8
#define MGNO_TAPS 64 /* 4 x 4 x 4 */

typedef enum { MGNO_GELU, MGNO_GELU_TANH, MGNO_RELU, MGNO_SILU, MGNO_TANH, MGNO_IDENTITY } MgnoActivation;

#define MGNO_KERNEL_TABLE(Real, Name) \
  typedef struct { \
    void (*row)(ptrdiff_t n, const Real *x, ptrdiff_t xs, int taps, const ptrdiff_t *offset, const Real *const *w, int ci, int co, const Real *init, ptrdiff_t is, Real sign, Real *y, ptrdiff_t ys); \
    void (*weight)(ptrdiff_t rows, ptrdiff_t n, const Real *x, ptrdiff_t xs, ptrdiff_t xr, const Real *g, ptrdiff_t gs, ptrdiff_t gr, int ci, int co, Real sign, Real *gw); \
    void (*act)(int kind, ptrdiff_t n, const Real *z, Real *v, Real *d); \
    void (*multiply)(ptrdiff_t n, const Real *a, Real *b);        /* b *= a */ \
    void (*add)(ptrdiff_t n, Real factor, const Real *a, Real *b); /* b += factor a */ \
  } Name;

MGNO_KERNEL_TABLE(float, MgnoKernels_f32)
MGNO_KERNEL_TABLE(double, MgnoKernels_f64)

/*@
  MgnoKernels32, MgnoKernels64 - the tables for this CPU (TES_ISA lowers it). Not Collective
@*/
const MgnoKernels_f32 *MgnoKernels32(void);
const MgnoKernels_f64 *MgnoKernels64(void);
