/* The published training: covariances and their spectra, the objective against a plain dense one, its gradient against differences, one step of Adam by hand. */
#include <tessera/driver.h>
#include <tessera/io.h>
#include <tessera/test.h>
#include "../../../src/problems/gp_pde/reference.h"

extern const TesProblemKind TesProblemGpPde;

#define Q 3

/* weights, log scales and frequencies of no special value */
static PetscReal example[GP_DIM][GP_KERNEL_BLOCKS * Q] = {
  {-1.1, -0.7, -1.6, 0.3, 0.9, -0.2, 0.0, 0.8, 1.7},
  {-0.9, -1.3, -1.2, 0.1, 0.5, 0.7, 0.2, 1.1, 0.6 },
  {-1.0, -1.5, -0.8, 0.4, 0.2, 0.6, 0.1, 0.5, 0.9 }
};

static GpKernel Example(const char family[], PetscReal nu, PetscInt d)
{
  return (GpKernel){.family = GpKernelFind(family), .nu = nu, .components = Q, .parameter = example[d]};
}

static const struct {
  const char *family;
  PetscReal   nu;
} kernels[] = {
  {"student_t_mixture", 2.5},
  {"student_t_mixture", 3.5},
  {"student_t_mixture", 4.5},
  {"gaussian_mixture",  2.5},
  {"matern",            2.5},
  {"se",                2.5}
};
#define N_KERNELS (sizeof(kernels) / sizeof(kernels[0]))

/* Each order against central differences of the one below; at z where nothing vanishes and on both sides of zero. */
static PetscErrorCode KernelDerivativesAgreeWithDifferences(void)
{
  const PetscReal points[] = {-0.9, -0.03, 0.02, 0.4, 1.3}, h = 1e-5;

  PetscFunctionBegin;
  for (size_t i = 0; i < N_KERNELS; i++) {
    const GpKernel kernel = Example(kernels[i].family, kernels[i].nu, 0);

    for (size_t j = 0; j < sizeof(points) / sizeof(points[0]); j++) {
      PetscReal k[5], up[5], down[5], zero[5];

      GpKernelValues(&kernel, 4, points[j], k);
      GpKernelValues(&kernel, 4, points[j] + h, up);
      GpKernelValues(&kernel, 4, points[j] - h, down);
      GpKernelValues(&kernel, 4, 0, zero);
      for (PetscInt m = 1; m <= 4; m++) TES_CHECK_NEAR((up[m - 1] - down[m - 1]) / (2 * h), k[m], 1e-6 * (PetscAbsReal(k[m]) + PetscAbsReal(zero[2 * ((m + 1) / 2)])));
      for (PetscInt m = 1; m <= 3; m += 2) TES_CHECK_NEAR(zero[m], 0, 1e-12 * PetscAbsReal(zero[m + 1])); /* odd orders vanish at 0 */
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* k^(m)(z) = integral of S omega^m cos(omega z + m pi/2) by the trapezoidal rule, which converges fast for these densities; for 2 nu + 1 - m <= 2 the tail beyond the last point
   matters, so order 4 of nu = 5/2 is held to 1e-3 only. */
static PetscErrorCode KernelsAreTheTransformsOfTheirSpectra(void)
{
  const PetscReal step = 0.02, z = 0.35;

  PetscFunctionBegin;
  for (size_t i = 0; i < N_KERNELS; i++) {
    const GpKernel kernel = Example(kernels[i].family, kernels[i].nu, 0);
    const PetscInt n      = kernel.family->matern ? 500000 : 20000;
    PetscReal      k[5], zero[5], sum[5];

    for (PetscInt m = 0; m <= 4; m++) sum[m] = 0;
    GpKernelValues(&kernel, 4, z, k);
    GpKernelValues(&kernel, 4, 0, zero);
    for (PetscInt j = -n; j <= n; j++) {
      const PetscReal omega = (PetscReal)j * step, s = GpKernelDensity(&kernel, omega) * step, c = PetscCosReal(omega * z), d = PetscSinReal(omega * z);
      const PetscReal wave[4] = {c, -d, -c, d};
      PetscReal       power = 1;

      for (PetscInt m = 0; m <= 4; m++) {
        sum[m] += s * power * wave[m % 4];
        power *= omega;
      }
    }
    for (PetscInt m = 0; m <= 4; m++) {
      const PetscBool rough = kernel.family->matern && kernel.nu == 2.5 && m >= 3 ? PETSC_TRUE : PETSC_FALSE;

      TES_CHECK_NEAR(sum[m], k[m], (rough ? 1e-3 : 1e-8) * PetscAbsReal(zero[2 * ((m + 1) / 2)]));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- the objective ---- */

static GpPde problem_like; /* of a reaction only its equation counts */

static const GpPde *Reaction(const char name[])
{
  for (const GpEquation *e = gp_equations; e->name; e++) {
    if (!strcmp(e->name, name)) problem_like.eq = e;
  }
  return &problem_like;
}

/* f, g and u without structure, functions of the global index */
static PetscReal Wave(PetscInt64 i, PetscReal a, PetscReal b)
{
  return PetscSinReal(a * (PetscReal)(i + 1) + b);
}

typedef struct {
  GpObjective objective;
  GpKernel    kernel[GP_DIM];
  PetscReal  *u, *du, *face[GP_DIM][2], *f;
  PetscReal   log_tau, log_v, dlog_tau, dlog_v, *dkernel[GP_DIM];
} Setting;

static PetscErrorCode SettingCreate(PetscInt dim, const PetscInt64 n[], const PetscReal first[], const PetscReal second[], PetscReal shift, const char reaction[], Setting *s)
{
  GpSlab *slab = &s->objective.slab;

  PetscFunctionBegin;
  PetscCall(PetscMemzero(s, sizeof(*s)));
  PetscCall(GpSlabCreate(PETSC_COMM_WORLD, dim, n, slab));
  s->log_tau = 0.4;
  s->log_v   = -0.3;
  PetscCall(PetscMalloc3((size_t)slab->n_local, &s->u, (size_t)slab->n_local, &s->du, (size_t)slab->n_local, &s->f));
  for (PetscInt64 i = 0; i < slab->n_local; i++) {
    s->u[i] = Wave(slab->part.first * slab->row + i, 0.7, 0.1);
    s->f[i] = 3 * Wave(slab->part.first * slab->row + i, 1.3, 0.5);
  }
  for (PetscInt d = 0; d < dim; d++) {
    PetscInt64 side = 1;

    for (PetscInt j = 0; j < dim; j++) side *= j == d ? 1 : n[j];
    for (PetscInt k = 0; k < 2; k++) {
      PetscCall(PetscMalloc1((size_t)side, &s->face[d][k]));
      for (PetscInt64 i = 0; i < side; i++) s->face[d][k][i] = Wave(i, 0.3 + 0.2 * (PetscReal)(2 * d + k), 1);
      s->objective.face[d][k] = s->face[d][k];
    }
    PetscCall(PetscMalloc1(GP_KERNEL_BLOCKS * Q, &s->dkernel[d]));
    s->kernel[d]            = Example(d == 1 ? "gaussian_mixture" : "student_t_mixture", 2.5, d);
    s->objective.spacing[d] = 1.0 / (PetscReal)(n[d] - 1);
    s->objective.first[d]   = first[d];
    s->objective.second[d]  = second[d];
  }
  s->objective.shift           = shift;
  s->objective.gp              = reaction ? Reaction(reaction) : NULL;
  s->objective.f               = s->f;
  s->objective.jitter          = 1e-3; /* well conditioned, so that differences of J are accurate */
  s->objective.boundary_weight = 20;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SettingDestroy(Setting *s)
{
  PetscFunctionBegin;
  PetscCall(PetscFree3(s->u, s->du, s->f));
  for (PetscInt d = 0; d < GP_DIM; d++) {
    PetscCall(PetscFree(s->face[d][0]));
    PetscCall(PetscFree(s->face[d][1]));
    PetscCall(PetscFree(s->dkernel[d]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Value(Setting *s, PetscReal *value)
{
  GpObjectiveTerms terms;

  PetscFunctionBegin;
  PetscCall(GpObjectiveEvaluate(&s->objective, s->kernel, s->u, s->log_tau, s->log_v, &terms, NULL, NULL, NULL, NULL, NULL, NULL));
  *value = terms.value;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckDerivative(Setting *s, PetscReal *parameter, PetscReal derivative, PetscReal scale)
{
  const PetscReal x = parameter ? *parameter : 0, steps[3] = {1e-3, 5e-4, 2.5e-4};
  PetscReal       difference[3], up, down;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < 3; i++) { /* every rank calls; only the owner of a value of u changes it */
    if (parameter) *parameter = x + steps[i];
    PetscCall(Value(s, &up));
    if (parameter) *parameter = x - steps[i];
    PetscCall(Value(s, &down));
    difference[i] = (up - down) / (2 * steps[i]);
  }
  if (parameter) *parameter = x;
  /* Richardson: second-order differences at two pairs of steps, both to fourth order */
  for (PetscInt i = 0; i < 2; i++)
    if (parameter) TES_CHECK_NEAR((4 * difference[i + 1] - difference[i]) / 3, derivative, 1e-6 * scale);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CheckGradient(PetscInt dim, const PetscInt64 n[], const PetscReal first[], const PetscReal second[], PetscReal shift, const char reaction[])
{
  GpObjectiveTerms terms;
  Setting          s;
  PetscReal        most = 0;

  PetscFunctionBegin;
  PetscCall(SettingCreate(dim, n, first, second, shift, reaction, &s));
  PetscCall(GpObjectiveEvaluate(&s.objective, s.kernel, s.u, s.log_tau, s.log_v, &terms, s.du, &s.dlog_tau, &s.dlog_v, s.dkernel, NULL, NULL));
  TES_CHECK_NEAR(terms.jitter, s.objective.jitter, 0); /* no larger one was needed: J is smooth here */
  for (PetscInt64 i = 0; i < s.objective.slab.n_local; i++) most = PetscMax(most, PetscAbsReal(s.du[i]));
  PetscCall(TesMaxAll(PETSC_COMM_WORLD, most, &most));
  for (PetscInt64 i = 0; i < s.objective.slab.part.n; i += 3) { /* values of u in rows that are spread over all ranks */
    const PetscInt64 k    = i - s.objective.slab.part.first;
    const PetscBool  mine = k >= 0 && k < s.objective.slab.part.n_local ? PETSC_TRUE : PETSC_FALSE;
    const PetscInt64 at   = mine ? k * s.objective.slab.row + (5 * i) % s.objective.slab.row : 0;

    PetscCall(CheckDerivative(&s, mine ? &s.u[at] : NULL, mine ? s.du[at] : 0, most));
  }
  PetscCall(CheckDerivative(&s, &s.log_tau, s.dlog_tau, PetscAbsReal(s.dlog_tau)));
  PetscCall(CheckDerivative(&s, &s.log_v, s.dlog_v, PetscAbsReal(s.dlog_v)));
  for (PetscInt d = 0; d < dim; d++)
    for (PetscInt block = 0; block < GP_KERNEL_BLOCKS; block++) {
      PetscReal scale = 0;

      for (PetscInt q = 0; q < Q; q++) scale = PetscMax(scale, PetscAbsReal(s.dkernel[d][block * Q + q]));
      for (PetscInt q = 0; q < Q; q++) PetscCall(CheckDerivative(&s, &s.kernel[d].parameter[block * Q + q], s.dkernel[d][block * Q + q], scale));
    }
  PetscCall(SettingDestroy(&s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GradientsAgreeWithDifferences(void)
{
  const PetscReal  none[GP_DIM] = {0, 0, 0}, ones[GP_DIM] = {1, 1, 1}, advection[GP_DIM] = {3, 1, 0};
  const PetscInt64 line[] = {14}, square[] = {11, 17}, cube[] = {5, 6, 10};

  PetscFunctionBegin;
  PetscCall(CheckGradient(1, line, none, ones, 0, NULL));
  PetscCall(CheckGradient(1, line, none, ones, 0, "allen_cahn"));
  PetscCall(CheckGradient(1, line, advection, none, 0.5, NULL));
  PetscCall(CheckGradient(2, square, none, ones, 0, NULL));
  PetscCall(CheckGradient(2, square, none, ones, 0, "allen_cahn"));
  PetscCall(CheckGradient(2, square, advection, none, 0, NULL));
  PetscCall(CheckGradient(3, cube, none, ones, 2, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- against the explicit Kronecker product ---- */

/* a x = b and log|a| by Gaussian elimination with pivoting, written out */
static PetscReal Eliminate(PetscInt n, PetscReal *a, PetscReal *b)
{
  PetscReal log_det = 0;

  for (PetscInt k = 0; k < n; k++) {
    PetscInt p = k;

    for (PetscInt i = k; i < n; i++) p = PetscAbsReal(a[i * n + k]) > PetscAbsReal(a[p * n + k]) ? i : p;
    for (PetscInt j = 0; j < n; j++) {
      const PetscReal swap = a[k * n + j];

      a[k * n + j] = a[p * n + j];
      a[p * n + j] = swap;
    }
    {
      const PetscReal swap = b[k];

      b[k] = b[p];
      b[p] = swap;
    }
    log_det += PetscLogReal(PetscAbsReal(a[k * n + k]));
    for (PetscInt i = k + 1; i < n; i++) {
      const PetscReal factor = a[i * n + k] / a[k * n + k];

      for (PetscInt j = k; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
      b[i] -= factor * b[k];
    }
  }
  for (PetscInt i = n - 1; i >= 0; i--) {
    for (PetscInt j = i + 1; j < n; j++) b[i] -= a[i * n + j] * b[j];
    b[i] /= a[i * n + i];
  }
  return log_det;
}

static PetscReal Covariance(const GpKernel *kernel, const GpObjective *o, PetscInt d, PetscInt64 i, PetscInt64 j, PetscInt m)
{
  PetscReal k[3];

  GpKernelValues(kernel, 2, (PetscReal)(i - j) * o->spacing[d], k);
  return k[m] + (i == j && m == 0 ? o->jitter : 0);
}

static PetscErrorCode LogDeterminantAndQuadraticFormAgreeWithTheExplicitProduct(void)
{
  const PetscReal  none[GP_DIM] = {0, 0, 0};
  const PetscInt64 n[] = {6, 5, 4};
  const PetscInt   all = 120;
  GpObjectiveTerms terms;
  Setting          s;
  PetscReal       *k, *b, quadratic = 0, log_det;

  PetscFunctionBegin;
  PetscCall(SettingCreate(3, n, none, none, 1, NULL, &s));
  PetscCall(PetscMalloc2(all * all, &k, all, &b));
  for (PetscInt i = 0; i < all; i++) {
    b[i] = Wave(i, 0.7, 0.1);
    for (PetscInt j = 0; j < all; j++)
      k[i * all + j] = Covariance(&s.kernel[0], &s.objective, 0, i % 6, j % 6, 0) * Covariance(&s.kernel[1], &s.objective, 1, i / 6 % 5, j / 6 % 5, 0) * Covariance(&s.kernel[2], &s.objective, 2, i / 30, j / 30, 0);
  }
  log_det = Eliminate(all, k, b);
  for (PetscInt i = 0; i < all; i++) quadratic += b[i] * Wave(i, 0.7, 0.1);
  PetscCall(GpObjectiveEvaluate(&s.objective, s.kernel, s.u, s.log_tau, s.log_v, &terms, NULL, NULL, NULL, NULL, NULL, NULL));
  TES_CHECK_NEAR(terms.log_det, log_det, 1e-12 * PetscAbsReal(log_det));
  TES_CHECK_NEAR(terms.quadratic, quadratic, 1e-10 * PetscAbsReal(quadratic)); /* condition of K times eps */
  PetscCall(PetscFree2(k, b));
  PetscCall(SettingDestroy(&s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* J in one dimension from the definition, Poisson */
static PetscReal PlainObjective(const Setting *s, const PetscReal *u, PetscReal log_tau, PetscReal log_v)
{
  const PetscInt n = (PetscInt)s->objective.slab.n[0];
  PetscReal      k[64], a[8], quadratic = 0, residual = 0, log_det, boundary;

  for (PetscInt i = 0; i < n; i++) {
    a[i] = u[i];
    for (PetscInt j = 0; j < n; j++) k[i * n + j] = Covariance(&s->kernel[0], &s->objective, 0, i, j, 0);
  }
  log_det = Eliminate(n, k, a);
  for (PetscInt i = 0; i < n; i++) {
    PetscReal r = -s->f[i];

    quadratic += u[i] * a[i];
    for (PetscInt j = 0; j < n; j++) r += Covariance(&s->kernel[0], &s->objective, 0, i, j, 2) * a[j];
    residual += r * r;
  }
  boundary = PetscSqr(u[0] - s->face[0][0][0]) + PetscSqr(u[n - 1] - s->face[0][1][0]);
  return 0.5 * log_det + 0.5 * quadratic + s->objective.boundary_weight * (-log_tau + 0.5 * PetscExpReal(log_tau) * boundary) - 0.5 * n * log_v + 0.5 * PetscExpReal(log_v) * residual;
}

/* N = 8, Q = 3: two steps of Adam, the gradients by differences of the plain objective, the update by its formulas. */
static PetscErrorCode AdamStepsAgreeWithHand(void)
{
  const PetscReal  none[GP_DIM] = {0}, ones[GP_DIM] = {1}, h = 1e-4, rate = 0.01;
  const PetscInt64 n[] = {8};
  GpObjectiveTerms terms;
  PetscReal        hand[8], m[8] = {0}, v[8] = {0}, hand_m[8] = {0}, hand_v[8] = {0}, value;
  Setting          s;

  PetscFunctionBegin;
  PetscCall(SettingCreate(1, n, none, ones, 0, NULL, &s));
  PetscCall(Value(&s, &value));
  TES_CHECK_NEAR(value, PlainObjective(&s, s.u, s.log_tau, s.log_v), 1e-9 * PetscAbsReal(value));
  PetscCall(PetscArraycpy(hand, s.u, 8));
  for (PetscInt t = 1; t <= 2; t++) {
    PetscReal gradient[8];

    for (PetscInt i = 0; i < 8; i++) {
      const PetscReal x = hand[i];
      PetscReal       up, down;

      hand[i] = x + h;
      up      = PlainObjective(&s, hand, s.log_tau, s.log_v);
      hand[i] = x - h;
      down    = PlainObjective(&s, hand, s.log_tau, s.log_v);
      hand[i] = x;
      gradient[i] = (up - down) / (2 * h); /* J is quadratic in u: exact but for rounding */
    }
    for (PetscInt i = 0; i < 8; i++) {
      hand_m[i] = 0.9 * hand_m[i] + 0.1 * gradient[i];
      hand_v[i] = 0.999 * hand_v[i] + 0.001 * gradient[i] * gradient[i];
      hand[i] -= rate * (hand_m[i] / (1 - (t == 1 ? 0.9 : 0.81))) / (PetscSqrtReal(hand_v[i] / (1 - (t == 1 ? 0.999 : 0.999 * 0.999))) + 1e-8);
    }
    PetscCall(GpObjectiveEvaluate(&s.objective, s.kernel, s.u, s.log_tau, s.log_v, &terms, s.du, &s.dlog_tau, &s.dlog_v, s.dkernel, NULL, NULL));
    GpAdam(8, t, rate, s.du, s.u, m, v);
  }
  for (PetscInt i = 0; i < 8; i++) TES_CHECK_NEAR(s.u[i], hand[i], 1e-7); /* rate times the relative error of the differences */
  PetscCall(SettingDestroy(&s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- runs ---- */

typedef struct {
  PetscReal error, objective;
} Seen;

static PetscErrorCode Look(TesProblem problem, TesReport report, void *arg)
{
  Seen     *seen = arg;
  PetscBool found;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(TesReportFind(report, "relative_l2", &found, &seen->error));
  TES_CHECK(found);
  PetscCall(TesReportFind(report, "objective", &found, &seen->objective));
  TES_CHECK(found);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Train(const char rest[], PetscInt epochs, const char more[], Seen *seen)
{
  char *deck;

  PetscFunctionBegin;
  PetscCall(TesFormat(&deck, "problem: gp_pde\n%sreference: {epochs: %d%s}\n", rest, (int)epochs, more));
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde, deck, Look, seen));
  PetscCall(PetscFree(deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* The published log has 0.276 after 100 steps. */
static PetscErrorCode TrainingReachesThePublishedErrorInAHundredSteps(void)
{
  const char rest[] = "domain: {upper: 6.283185307179586, points: 400}\nequation: {kind: poisson}\nmanufactured: {name: sin100}\nsolver: {kind: reference}\nkernel: {freq_scale: 20}\n";
  Seen       early, late;

  PetscFunctionBegin;
  PetscCall(Train(rest, 1, "", &early));
  PetscCall(Train(rest, 100, "", &late));
  TES_CHECK_AT_MOST(late.error, 0.3);
  TES_CHECK_AT_LEAST(late.error, 0.1); /* no better than it should be: the same method */
  TES_CHECK_AT_MOST(late.objective, 0.9 * early.objective);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ASecondGpGoesOnFromTheFirst(void)
{
  const char rest[] = "domain: {points: [20, 20]}\nequation: {kind: allen_cahn}\nmanufactured: {expression: \"sin(4*x)*cos(3*y)\"}\nsolver: {kind: reference}\nkernel: {freq_scale: 2, components: 4}\n"
                      "output: {test_points: 15}\n";
  Seen       one, two, first;

  PetscFunctionBegin;
  PetscCall(Train(rest, 30, "", &first));
  PetscCall(Train(rest, 60, "", &one));
  PetscCall(Train(rest, 60, ", freeze_after: 0.5", &two));
  TES_CHECK_AT_MOST(two.error, first.error);            /* it took up what the first had reached and went on */
  TES_CHECK(PetscAbsReal(two.error - one.error) > 1e-6); /* another way */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(KernelDerivativesAgreeWithDifferences),
  TES_TEST(KernelsAreTheTransformsOfTheirSpectra),
  TES_TEST(GradientsAgreeWithDifferences),
  TES_TEST(LogDeterminantAndQuadraticFormAgreeWithTheExplicitProduct),
  TES_TEST(AdamStepsAgreeWithHand),
  TES_TEST(TrainingReachesThePublishedErrorInAHundredSteps),
  TES_TEST(ASecondGpGoesOnFromTheFirst),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
