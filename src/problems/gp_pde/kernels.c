/* Covariances from spectra (Wiener-Khinchin):  k(z) = integral of S(omega) cos(omega z) d omega.

     Gaussian mixture   k(z) = sum_q w_q exp(-a_q z^2) cos(2 pi mu_q z),           a_q = exp(log scale): S has bumps of variance 2 a_q at +-2 pi mu_q
     Student-t mixture  k(z) = sum_q w_q gamma_nu(|z| / rho_q) cos(2 pi mu_q z),   1/rho_q = exp(log scale): S has Student-t bumps of 2 nu degrees of freedom, scale 1/rho_q
     se, matern         the same without the cosine

   gamma_nu is the Matern function of half-integer smoothness: with a = sqrt(2 nu)/rho, t = a |z|, gamma = P_0(t) e^-t and, by P_{m+1} = P_m' - P_m,
   d^m gamma/dz^m = a^m sign(z)^m P_m(t) e^-t, valid for m < 2 nu; nothing is differentiated through |z|. For exp(-a z^2): g^(m+1) = -2 a (z g^(m) + m g^(m-1)).
   With the cosine (b = 2 pi mu), by Leibniz:  k^(m) = sum_j C(m,j) g^(m-j) b^j cos(b z + j pi/2).
   By parameter: the log weight gives k^(m) itself; g depends on scale z only, so d g^(m)/d log scale = z g^(m+1) + m g^(m); and
   d k^(m)/d b = sum_j C(m,j) g^(m-j) [ j b^(j-1) cos(b z + j pi/2) - b^j z sin(b z + j pi/2) ].
   Cost: one exponential and one sine per component. (Fang et al. 2024 for the mixtures.) */
#include "kernels.h"

#include <petscmath.h>
#include <string.h>

/* P_0 in ascending powers */
static const struct {
  PetscReal nu;
  PetscInt  degree;
  PetscReal p[5];
} matern[] = {
  {2.5, 2, {1, 1, 1. / 3}                     },
  {3.5, 3, {1, 1, 2. / 5, 1. / 15}            },
  {4.5, 4, {1, 1, 3. / 7, 2. / 21, 1. / 105}}
};

static void MaternEnvelope(PetscReal nu, PetscReal log_scale, PetscInt order, PetscReal z, PetscReal g[])
{
  const PetscInt  which = nu < 3 ? 0 : nu < 4 ? 1 : 2, degree = matern[which].degree;
  const PetscReal a = PetscSqrtReal(2 * nu) * PetscExpReal(log_scale), t = a * PetscAbsReal(z), e = PetscExpReal(-t), sign = z > 0 ? 1 : z < 0 ? -1 : 0;
  PetscReal       p[5], factor = e;

  for (PetscInt i = 0; i <= degree; i++) p[i] = matern[which].p[i];
  for (PetscInt m = 0; m <= order; m++) {
    PetscReal sum = p[degree];

    for (PetscInt i = degree - 1; i >= 0; i--) sum = sum * t + p[i];
    g[m] = m % 2 ? sign * factor * sum : factor * sum;
    factor *= a;
    for (PetscInt i = 0; i < degree; i++) p[i] = (PetscReal)(i + 1) * p[i + 1] - p[i];
    p[degree] = -p[degree];
  }
}

static PetscReal MaternDensity(PetscReal nu, PetscReal log_scale, PetscReal omega)
{
  const PetscReal a = PetscSqrtReal(2 * nu) * PetscExpReal(log_scale);

  return PetscExpReal(lgamma(nu + 0.5) - lgamma(nu)) / PetscSqrtReal(PETSC_PI) / a * PetscPowReal(1 + PetscSqr(omega / a), -(nu + 0.5));
}

static void GaussEnvelope(PetscReal nu, PetscReal log_scale, PetscInt order, PetscReal z, PetscReal g[])
{
  const PetscReal a = PetscExpReal(log_scale);

  (void)nu;
  g[0] = PetscExpReal(-a * z * z);
  for (PetscInt m = 0; m < order; m++) g[m + 1] = -2 * a * (z * g[m] + (m > 0 ? (PetscReal)m * g[m - 1] : 0));
}

static PetscReal GaussDensity(PetscReal nu, PetscReal log_scale, PetscReal omega)
{
  const PetscReal a = PetscExpReal(log_scale);

  (void)nu;
  return PetscExpReal(-omega * omega / (4 * a)) / PetscSqrtReal(4 * PETSC_PI * a);
}

/* X(name, help, cosine, matern, power, envelope, density) */
#define GP_KERNEL_LIST(X) \
  X("student_t_mixture", "Student-t bumps in the spectrum: Matern functions times cosines", PETSC_TRUE, PETSC_TRUE, 1, MaternEnvelope, MaternDensity) \
  X("gaussian_mixture", "Gaussian bumps in the spectrum", PETSC_TRUE, PETSC_FALSE, 0.5, GaussEnvelope, GaussDensity) \
  X("matern", "sum of Matern functions", PETSC_FALSE, PETSC_TRUE, 1, MaternEnvelope, MaternDensity) \
  X("se", "sum of squared exponentials", PETSC_FALSE, PETSC_FALSE, 0.5, GaussEnvelope, GaussDensity)

#define AS_ENTRY(NAME, HELP, COSINE, MATERN, POWER, ENVELOPE, DENSITY) \
  {.name = NAME, .help = HELP, .cosine = COSINE, .matern = MATERN, .power = POWER, .envelope = ENVELOPE, .density = DENSITY},

const GpKernelFamily gp_kernel_families[] = {GP_KERNEL_LIST(AS_ENTRY){.name = NULL}};

const GpKernelFamily *GpKernelFind(const char name[])
{
  for (const GpKernelFamily *family = gp_kernel_families; family->name; family++) {
    if (!strcmp(family->name, name)) return family;
  }
  return NULL;
}

static const PetscReal binomial[GP_KERNEL_ORDER + 1][GP_KERNEL_ORDER + 1] = {{1}, {1, 1}, {1, 2, 1}, {1, 3, 3, 1}, {1, 4, 6, 4, 1}};

/* cos(b z + j pi/2) and sin(b z + j pi/2) for j = 0..order */
static void Waves(PetscReal b, PetscReal z, PetscInt order, PetscReal c[], PetscReal s[])
{
  c[0] = PetscCosReal(b * z);
  s[0] = PetscSinReal(b * z);
  for (PetscInt j = 1; j <= order; j++) {
    c[j] = -s[j - 1];
    s[j] = c[j - 1];
  }
}

/* m-th derivative of envelope times cosine */
static PetscReal Product(PetscInt m, PetscReal b, const PetscReal g[], const PetscReal c[])
{
  PetscReal sum = 0, power = 1;

  for (PetscInt j = 0; j <= m; j++) {
    sum += binomial[m][j] * g[m - j] * power * c[j];
    power *= b;
  }
  return sum;
}

void GpKernelValues(const GpKernel *kernel, PetscInt order, PetscReal z, PetscReal k[])
{
  const PetscInt n = kernel->components;

  for (PetscInt m = 0; m <= order; m++) k[m] = 0;
  for (PetscInt q = 0; q < n; q++) {
    const PetscReal w = PetscExpReal(kernel->parameter[q]), b = kernel->family->cosine ? 2 * PETSC_PI * kernel->parameter[2 * n + q] : 0;
    PetscReal       g[GP_KERNEL_ORDER + 1], c[GP_KERNEL_ORDER + 1], s[GP_KERNEL_ORDER + 1];

    kernel->family->envelope(kernel->nu, kernel->parameter[n + q], order, z, g);
    Waves(b, z, order, c, s);
    for (PetscInt m = 0; m <= order; m++) k[m] += w * Product(m, b, g, c);
  }
}

void GpKernelAddGradient(const GpKernel *kernel, PetscInt order, PetscReal z, const PetscReal cotangent[], PetscReal *gradient)
{
  const PetscInt n = kernel->components;

  for (PetscInt q = 0; q < n; q++) {
    const PetscReal w = PetscExpReal(kernel->parameter[q]), b = kernel->family->cosine ? 2 * PETSC_PI * kernel->parameter[2 * n + q] : 0;
    PetscReal       g[GP_KERNEL_ORDER + 1], by_scale[GP_KERNEL_ORDER + 1], c[GP_KERNEL_ORDER + 1], s[GP_KERNEL_ORDER + 1];

    kernel->family->envelope(kernel->nu, kernel->parameter[n + q], order + 1, z, g);
    for (PetscInt m = 0; m <= order; m++) by_scale[m] = kernel->family->power * (z * g[m + 1] + (PetscReal)m * g[m]);
    Waves(b, z, order, c, s);
    for (PetscInt m = 0; m <= order; m++) {
      gradient[q] += cotangent[m] * w * Product(m, b, g, c);
      gradient[n + q] += cotangent[m] * w * Product(m, b, by_scale, c);
      if (kernel->family->cosine) {
        PetscReal sum = 0, power = 1, below = 0; /* b^j, j b^(j-1) */

        for (PetscInt j = 0; j <= m; j++) {
          sum += binomial[m][j] * g[m - j] * (below * c[j] - power * z * s[j]);
          below = (PetscReal)(j + 1) * power;
          power *= b;
        }
        gradient[2 * n + q] += cotangent[m] * w * 2 * PETSC_PI * sum;
      }
    }
  }
}

PetscReal GpKernelDensity(const GpKernel *kernel, PetscReal omega)
{
  const PetscInt n   = kernel->components;
  PetscReal      sum = 0;

  for (PetscInt q = 0; q < n; q++) {
    const PetscReal w = PetscExpReal(kernel->parameter[q]), scale = kernel->parameter[n + q], b = kernel->family->cosine ? 2 * PETSC_PI * kernel->parameter[2 * n + q] : 0;

    sum += w / 2 * (kernel->family->density(kernel->nu, scale, omega - b) + kernel->family->density(kernel->nu, scale, omega + b));
  }
  return sum;
}
