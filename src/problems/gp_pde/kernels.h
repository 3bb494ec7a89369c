#pragma once
/* Stationary covariances of one dimension, private to this folder: mixtures of enveloped cosines with all derivatives in closed form. */
#include <tessera/base.h>

#define GP_KERNEL_ORDER  4 /* highest derivative in z */
#define GP_KERNEL_BLOCKS 3 /* parameters of a component: log weight, log scale, frequency */

/* The envelope g of a component: g(0) = 1, even, and a function of (scale z) only, scale = exp(power log_scale). */
typedef struct {
  const char *name, *help;
  PetscBool   cosine; /* components stand at frequencies mu; else at zero */
  PetscBool   matern; /* has a smoothness nu */
  PetscReal   power;  /* of the parameter "log scale" */
  void (*envelope)(PetscReal nu, PetscReal log_scale, PetscInt order, PetscReal z, PetscReal g[]); /* g[0..order] */
  PetscReal (*density)(PetscReal nu, PetscReal log_scale, PetscReal omega);                        /* of the envelope; integral over omega 1 */
} GpKernelFamily;

extern const GpKernelFamily gp_kernel_families[];
const GpKernelFamily       *GpKernelFind(const char name[]);

/* k(z) = sum_q w_q g(z; scale_q) cos(2 pi mu_q z) */
typedef struct {
  const GpKernelFamily *family;
  PetscReal             nu;         /* 5/2, 7/2, 9/2; Matern envelopes only */
  PetscInt              components;
  PetscReal            *parameter;  /* [3][components] log w_q; log scale; mu_q in cycles per length. Borrowed */
} GpKernel;

/* k and its derivatives of order 1..order at z */
void GpKernelValues(const GpKernel *kernel, PetscInt order, PetscReal z, PetscReal k[]);

/* gradient[3][components] += sum_m cotangent[m] d k^(m)(z) / d parameter, m = 0..order <= 3 */
void GpKernelAddGradient(const GpKernel *kernel, PetscInt order, PetscReal z, const PetscReal cotangent[], PetscReal *gradient);

/* S(omega), k(z) = integral over all omega of S(omega) cos(omega z) */
PetscReal GpKernelDensity(const GpKernel *kernel, PetscReal omega);
