/* Every equation and every kind of side against manufactured solutions: error on points off the grid, error of the traces, and the estimate above the error.

   Required errors: the method's own measurements (1-D 1e-9, 2-D 1e-10; traces 1e-11 of the largest boundary value, slopes reach 50 here; advection 1e-10 on 40 x 100 with initial values and inflow alone) where it has them, else a margin of
   about 100 over what was measured here. Frequencies are off the grid of waves everywhere. */
#include <tessera/driver.h>
#include <tessera/io.h>
#include <tessera/test.h>
#include "../../../src/problems/gp_pde/gp_pde.h"

extern const TesProblemKind TesProblemGpPde;

typedef struct {
  const char *what, *domain, *rest;
  PetscReal   error, trace; /* required; traces relative to the data */
} Case;

typedef struct {
  PetscReal error, bound, misfit;
} Seen;

static PetscErrorCode Look(TesProblem problem, TesReport report, void *arg)
{
  Seen     *seen = arg;
  PetscBool found;

  PetscFunctionBegin;
  PetscCall(TesReportFind(report, "relative_l2", &found, &seen->error));
  TES_CHECK(found);
  PetscCall(TesReportFind(report, "error_bound", &found, &seen->bound));
  PetscCall(TesReportFind(report, "boundary_error", &found, &seen->misfit));
  seen->misfit /= PetscMax(1, ((GpPde *)TesProblemCtx(problem))->face_max);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Solve(const Case *c)
{
  char *deck;
  Seen  seen = {0};

  PetscFunctionBegin;
  PetscCall(TesFormat(&deck, "problem: gp_pde\ndomain: {%s}\n%s\n", c->domain, c->rest));
  PetscCall(TesRunProblem(PETSC_COMM_WORLD, &TesProblemGpPde, deck, Look, &seen));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "# %-40s error %.1e (%.0e), traces %.1e (%.0e), estimate %.1e\n", c->what, (double)seen.error, (double)c->error, (double)seen.misfit, (double)c->trace, (double)seen.bound));
  TES_CHECK_AT_MOST(seen.error, c->error);
  TES_CHECK_AT_MOST(seen.misfit, c->trace);
  TES_CHECK_AT_LEAST(seen.bound / seen.error, 1);
  PetscCall(PetscFree(deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SolveAll(size_t n, const Case cases[])
{
  PetscFunctionBegin;
  for (size_t i = 0; i < n; i++) PetscCall(Solve(&cases[i]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

#define U1 "manufactured: {expression: \"sin(37*x)+0.25*cos(71*x)+exp(-x)\"}"
#define U2 "manufactured: {expression: \"sin(47*x+0.3)*cos(26*y)+exp(x)*cos(y)\"}"

static PetscErrorCode EverySideInOneDimension(void)
{
  static const Case cases[] = {
    {"dirichlet", "points: 100", "equation: {kind: poisson}\n" U1, 1e-9, 1e-11},
    {"neumann, dirichlet", "points: 100", "equation: {kind: poisson}\nboundary: {kind: [neumann, dirichlet]}\n" U1, 1e-9, 1e-11},
    {"dirichlet, neumann", "points: 100", "equation: {kind: poisson}\nboundary: {kind: [dirichlet, neumann]}\n" U1, 1e-9, 1e-11},
    {"robin", "points: 100", "equation: {kind: poisson}\nboundary: {kind: robin, robin: [1.0, 0.5]}\n" U1, 1e-9, 1e-11},
    {"neumann, robin", "points: 100", "equation: {kind: poisson}\nboundary: {kind: [neumann, robin]}\n" U1, 1e-9, 1e-11},
    {"neumann, k2 = -7", "points: 100", "equation: {kind: helmholtz, k2: -7}\nboundary: {kind: neumann}\n" U1, 1e-9, 1e-11},
    {"neumann, constant free", "points: 100", "equation: {kind: poisson}\nboundary: {kind: neumann}\n" U1, 1e-9, 1e-11},
    {"periodic, k2 = 3", "points: 80", "equation: {kind: helmholtz, k2: 3}\nboundary: {kind: periodic}\nmanufactured: {expression: \"exp(sin(2*pi*x))*cos(40*pi*x)\"}", 1e-10, 1e-11},
  };

  PetscFunctionBegin;
  PetscCall(SolveAll(sizeof(cases) / sizeof(cases[0]), cases));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EverySideInTwoDimensions(void)
{
  static const Case cases[] = {
    {"x neumann, y dirichlet", "points: [100, 100]", "equation: {kind: poisson}\nboundary: {kind: [neumann, dirichlet]}\n" U2, 1e-10, 1e-11},
    {"robin", "points: [100, 100]", "equation: {kind: poisson}\nboundary: {kind: robin}\n" U2, 1e-10, 1e-11},
    {"x neumann dirichlet, y robin", "points: [100, 100]", "equation: {kind: poisson}\nboundary: {kind: [neumann, dirichlet, robin, robin]}\n" U2, 1e-10, 1e-11},
    {"neumann, k2 = -3", "points: [100, 100]", "equation: {kind: helmholtz, k2: -3}\nboundary: {kind: neumann}\n" U2, 1e-10, 1e-11},
    {"mixed, k2 = 40", "points: [100, 100]", "equation: {kind: helmholtz, k2: 40}\nboundary: {kind: [dirichlet, neumann, neumann, dirichlet]}\n" U2, 1e-10, 1e-11},
    {"periodic, constant free", "points: [80, 80]", "equation: {kind: poisson}\nboundary: {kind: periodic}\nmanufactured: {expression: \"exp(sin(2*pi*x))*cos(40*pi*y)\"}", 1e-11, 1e-11},
    {"x periodic, y dirichlet", "points: [80, 80]", "equation: {kind: poisson}\nboundary: {kind: [periodic, dirichlet]}\nmanufactured: {expression: \"exp(sin(2*pi*x))*cos(37*y)\"}", 1e-10, 1e-11},
  };

  PetscFunctionBegin;
  PetscCall(SolveAll(sizeof(cases) / sizeof(cases[0]), cases));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode EvolutionEquations(void)
{
  static const Case cases[] = {
    {"advection, initial and inflow", "points: [40, 100]", "equation: {kind: advection, beta: 200}\nmanufactured: {expression: \"sin(x-200*t)\"}", 1e-10, 1e-11},
    {"advection, flow from the right", "points: [40, 100]", "equation: {kind: advection, beta: -200}\nmanufactured: {expression: \"sin(x+200*t)\"}", 1e-10, 1e-11},
    {"advection of a pulse", "points: [160, 320]", "equation: {kind: advection, beta: 5}\nmanufactured: {expression: \"sin(30*(x-5*t))+exp(-((x-5*t+0.5)/0.25)^2)+0.3*(x-5*t)\"}", 1e-10, 1e-11},
    {"advection, periodic", "points: [64, 160], nodes: [uniform, chebyshev]", "equation: {kind: advection, beta: 3}\nboundary: {kind: [periodic, auto]}\nmanufactured: {expression: \"exp(sin(2*pi*(x-3*t)))\"}", 1e-9, 1e-11},
    {"advection in the plane, initial and inflow", "points: [64, 48, 120]", "equation: {kind: advection, beta: 3}\nmanufactured: {expression: \"sin(40*x+11.3*y-153.9*t)\"}", 1e-10, 1e-11},
    {"reaction and diffusion", "points: [60, 60]", "equation: {kind: reaction_diffusion, diffusion: 0.1, rate: 2}\nmanufactured: {expression: \"sin(20*x)*cos(9*t)+x*exp(-t)\"}", 1e-10, 1e-11},
    {"reaction and diffusion in 2-D", "points: [40, 40, 32]", "equation: {kind: reaction_diffusion, diffusion: 0.1}\nmanufactured: {expression: \"sin(12*x)*cos(9*y)*cos(4*t)+0.5*x*y*t\"}", 1e-10, 1e-11},
    {"burgers", "lower: [-1, 0], points: [80, 60]", "equation: {kind: burgers, diffusion: 0.1}\nmanufactured: {expression: \"0.5*sin(12*x-5*t)+0.3*cos(31*x)*exp(-t)\"}", 1e-9, 1e-11},
    {"sine-Gordon", "points: [80, 80]", "equation: {kind: sine_gordon}\nmanufactured: {expression: \"sin(21*x)*cos(17*t)+0.5*x*t\"}", 1e-9, 1e-11},
  };

  PetscFunctionBegin;
  PetscCall(SolveAll(sizeof(cases) / sizeof(cases[0]), cases));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode CustomLinearEquations(void)
{
  static const Case cases[] = {
    {"heat", "points: [60, 60]", "equation: {kind: custom_linear, second: [-0.1, 0], first: [0, 1]}\nboundary: {kind: initial_inflow}\nmanufactured: {expression: \"sin(20*x)*cos(9*t)+x*exp(-t)\"}", 1e-10, 1e-11},
    {"damped wave", "points: [80, 80]", "equation: {kind: custom_linear, second: [-1, 1], first: [0, 0.5]}\nboundary: {kind: initial_inflow}\nmanufactured: {expression: \"sin(21*x)*cos(21*t)+0.5*x*t\"}", 1e-9, 1e-11},
    {"convection and diffusion", "points: [90, 90]", "equation: {kind: custom_linear, second: [0.05, 0.2], first: [1, -0.5], zeroth: -2}\n" U2, 1e-9, 1e-11},
    {"damped advection", "points: [60, 60]", "equation: {kind: custom_linear, first: [2, 1], zeroth: 3}\nboundary: {kind: initial_inflow}\nmanufactured: {expression: \"sin(21*x-9*t)+0.5*x*t\"}", 1e-9, 1e-11},
    {"flow in from two sides, damped", "points: [30, 30, 30], nodes: chebyshev", "equation: {kind: custom_linear, first: [2, -1, 1], zeroth: 1.5}\nboundary: {kind: initial_inflow}\nmanufactured: {expression: \"sin(13*x-9*t)*cos(7*y)+0.5*x*t\"}", 1e-9, 1e-11},
    {"diffusion along x, flow along y", "points: [30, 30, 30], nodes: chebyshev", "equation: {kind: custom_linear, second: [-0.1, 0, 0], first: [0, 2, 1]}\nboundary: {kind: initial_inflow}\nmanufactured: {expression: \"sin(13*x)*cos(7*y-9*t)+0.5*x*t\"}", 1e-9, 1e-11},
    {"1-D with all terms", "points: 120", "equation: {kind: custom_linear, second: 0.1, first: 1, zeroth: -2}\n" U1, 1e-9, 1e-11},
  };

  PetscFunctionBegin;
  PetscCall(SolveAll(sizeof(cases) / sizeof(cases[0]), cases));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode VariableCoefficients(void)
{
#define A "variable_coefficient: \"1.5+0.5*y*cos(2*pi*x)\""
#define U "manufactured: {expression: \"sin(27*x+0.3)*cos(16*y)+exp(x)*cos(y)\"}"
  static const Case cases[] = {
    {"poisson", "points: [60, 60]", "equation: {kind: poisson, " A "}\n" U, 1e-10, 1e-11},
    {"helmholtz", "points: [60, 60]", "equation: {kind: helmholtz, k2: 30, " A "}\n" U, 1e-10, 1e-11},
    {"allen-cahn", "points: [60, 60]", "equation: {kind: allen_cahn, " A "}\n" U, 1e-10, 1e-11},
    {"poisson, 1-D, neumann and robin", "points: 100", "equation: {kind: poisson, variable_coefficient: \"1+0.5*sin(5*x)\"}\nboundary: {kind: [neumann, robin]}\n" U1, 1e-9, 1e-11},
  };

  PetscFunctionBegin;
  PetscCall(SolveAll(sizeof(cases) / sizeof(cases[0]), cases));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesTest tests[] = {
  TES_TEST(EverySideInOneDimension),
  TES_TEST(EverySideInTwoDimensions),
  TES_TEST(EvolutionEquations),
  TES_TEST(CustomLinearEquations),
  TES_TEST(VariableCoefficients),
  TES_TESTS_END,
};
TES_TEST_MAIN(tests)
