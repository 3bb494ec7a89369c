/* See tensor_gates.h. The scalar that is differentiated is L(x) = <u, y + y^2 / 2>, so that linear operations have second derivatives too. */
#include "tensor_gates.h"

#include <math.h>
#include <string.h>
#include <tessera/random.h>

#define MAX_SIZE 4096

typedef struct {
  TesTape    tape;
  PetscInt   n_axes[3];
  PetscInt64 size[3], total;
  PetscReal  x[MAX_SIZE];
} Point;

static PetscReal Uniform(PetscInt which, PetscInt64 i)
{
  PetscReal u[2];

  TesRandomUniform(77, TES_STREAM_TEST, (uint32_t)which, (uint32_t)i, 0, u);
  return u[0];
}

static PetscErrorCode Setup(const GateCase *gate, Point *p)
{
  PetscFunctionBegin;
  p->total = 0;
  for (PetscInt i = 0; i < gate->n_in; i++) {
    p->n_axes[i] = 0;
    p->size[i]   = 1;
    while (gate->shape[i][p->n_axes[i]] >= 0) p->size[i] *= gate->shape[i][p->n_axes[i]++];
    p->total += p->size[i];
  }
  PetscCheck(p->total <= MAX_SIZE, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "gate %s is too large", gate->name);
  for (PetscInt64 j = 0; j < p->total; j++) p->x[j] = gate->low + (gate->high - gate->low) * Uniform(1, j);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* inputs at x + h v as variables, and y of them */
static PetscErrorCode Evaluate(const GateCase *gate, Point *p, TesType type, PetscReal h, const PetscReal *v, TesTensor in[], TesTensor *y)
{
  PetscReal  x[MAX_SIZE];
  PetscInt64 at = 0;

  PetscFunctionBegin;
  for (PetscInt64 j = 0; j < p->total; j++) x[j] = p->x[j] + (h != 0 ? h * v[j] : 0);
  for (PetscInt i = 0; i < gate->n_in; i++) {
    PetscCall(TesTensorFrom(p->tape, type, p->n_axes[i], gate->shape[i], x + at, &in[i]));
    PetscCall(TesTensorVariable(in[i]));
    at += p->size[i];
  }
  PetscCall(gate->apply(in, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* L = <u, y + y^2 / 2> */
static PetscErrorCode Loss(TesTensor y, TesTensor *loss)
{
  PetscReal *u;
  TesTensor  weights, s;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(PetscMax(TesTensorSize(y), 1), &u));
  for (PetscInt64 i = 0; i < TesTensorSize(y); i++) u[i] = 2 * Uniform(2, i) - 1;
  PetscCall(TesTensorFrom(TesTensorTape(y), TesTensorType(y), TesTensorAxes(y), TesTensorShape(y), u, &weights));
  PetscCall(PetscFree(u));
  PetscCall(TesAct(TES_ACT_SQUARE, y, &s));
  PetscCall(TesAxpby(1, y, 0.5, s, &s));
  PetscCall(TesDot(weights, s, loss));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Flatten(const GateCase *gate, const Point *p, const TesTensor g[], PetscReal *flat)
{
  PetscInt64 at = 0;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < gate->n_in; i++) {
    PetscCall(TesTensorGet(g[i], flat + at));
    at += p->size[i];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode GradientAt(const GateCase *gate, Point *p, TesType type, PetscReal h, const PetscReal *v, PetscBool create_graph, PetscReal *loss, PetscReal *flat)
{
  TesTensor in[3], g[3], y, l;

  PetscFunctionBegin;
  PetscCall(TesTapeReset(p->tape, 0));
  PetscCall(Evaluate(gate, p, type, h, v, in, &y));
  PetscCall(Loss(y, &l));
  PetscCall(TesTensorScalar(l, loss));
  PetscCall(TesGradients(l, NULL, gate->n_in, in, create_graph, g));
  PetscCall(Flatten(gate, p, g, flat));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscReal Dot(PetscInt64 n, const PetscReal *a, const PetscReal *b)
{
  PetscReal s = 0;

  for (PetscInt64 i = 0; i < n; i++) s += a[i] * b[i];
  return s;
}

static PetscReal Norm(PetscInt64 n, const PetscReal *a) { return sqrt(Dot(n, a, a)); }

static void Check(const char gate[], const char what[], PetscReal error, PetscReal bound)
{
  if (!(error <= bound)) (void)PetscPrintf(PETSC_COMM_SELF, "# %s: %s: %.3e, at most %.1e\n", gate, what, (double)error, (double)bound);
  TES_CHECK_AT_MOST(error, bound);
}

/* <f(.., v, ..), u> = <v, adjoint of u>, for each input in turn with the others fixed */
static PetscErrorCode DotIdentity(const GateCase *gate, Point *p, const PetscReal *v)
{
  PetscInt64 at = 0;

  PetscFunctionBegin;
  for (PetscInt i = 0; i < gate->n_in; i++) {
    TesTensor  in[3], g, y, seed;
    PetscReal *forward, *weights, *adjoint, left, right;

    PetscCall(TesTapeReset(p->tape, 0));
    PetscCall(Evaluate(gate, p, TES_F64, 0, NULL, in, &y));
    PetscCall(PetscMalloc3(TesTensorSize(y), &weights, p->size[i], &adjoint, TesTensorSize(y), &forward));
    for (PetscInt64 j = 0; j < TesTensorSize(y); j++) weights[j] = 2 * Uniform(3, j) - 1;
    PetscCall(TesTensorFrom(p->tape, TES_F64, TesTensorAxes(y), TesTensorShape(y), weights, &seed));
    PetscCall(TesGradients(y, seed, 1, &in[i], PETSC_FALSE, &g));
    PetscCall(TesTensorGet(g, adjoint));
    PetscCall(TesTensorFrom(p->tape, TES_F64, p->n_axes[i], gate->shape[i], v + at, &in[i]));
    PetscCall(gate->apply(in, &y));
    PetscCall(TesTensorGet(y, forward));
    left  = Dot(TesTensorSize(y), forward, weights);
    right = Dot(p->size[i], v + at, adjoint);
    Check(gate->name, "<Jv,u> - <v,J'u>, relative to |Jv||u|", fabs(left - right) / (1e-300 + Norm(TesTensorSize(y), forward) * Norm(TesTensorSize(y), weights)), 1e-12);
    PetscCall(PetscFree3(weights, adjoint, forward));
    at += p->size[i];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* H v by differentiating <gradient, v> */
static PetscErrorCode HessianTimes(const GateCase *gate, Point *p, const PetscReal *v, PetscReal *hv)
{
  TesTensor  in[3], g[3], h[3], y, l, sum = NULL;
  PetscInt64 at = 0;

  PetscFunctionBegin;
  PetscCall(TesTapeReset(p->tape, 0));
  PetscCall(Evaluate(gate, p, TES_F64, 0, NULL, in, &y));
  PetscCall(Loss(y, &l));
  PetscCall(TesGradients(l, NULL, gate->n_in, in, PETSC_TRUE, g));
  for (PetscInt i = 0; i < gate->n_in; i++) {
    TesTensor vi, d;

    PetscCall(TesTensorFrom(p->tape, TES_F64, p->n_axes[i], gate->shape[i], v + at, &vi));
    PetscCall(TesDot(g[i], vi, &d));
    if (sum) PetscCall(TesAdd(sum, d, &sum));
    else sum = d;
    at += p->size[i];
  }
  PetscCall(TesGradients(sum, NULL, gate->n_in, in, PETSC_FALSE, h));
  PetscCall(Flatten(gate, p, h, hv));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TensorGate(const GateCase *gate)
{
  static const PetscReal h = 1e-6;
  Point     *p;
  PetscReal *v, *u, *g, *g2, *hv, *hu, loss, up, down;
  PetscInt64 n;

  PetscFunctionBegin;
  PetscCall(PetscNew(&p));
  PetscCall(TesTapeCreate(&(TesTapeOptions){.type = TES_F64, .arena_mib = 64}, NULL, &p->tape));
  PetscCall(Setup(gate, p));
  n = p->total;
  PetscCall(PetscMalloc6(n, &v, n, &u, n, &g, n, &g2, n, &hv, n, &hu));
  for (PetscInt64 j = 0; j < n; j++) {
    v[j] = 2 * Uniform(4, j) - 1;
    u[j] = 2 * Uniform(5, j) - 1;
  }
  if (gate->multilinear) PetscCall(DotIdentity(gate, p, v));

  PetscCall(GradientAt(gate, p, TES_F64, h, v, PETSC_FALSE, &up, g2));
  PetscCall(GradientAt(gate, p, TES_F64, -h, v, PETSC_FALSE, &down, g));
  for (PetscInt64 j = 0; j < n; j++) g2[j] = (g2[j] - g[j]) / (2 * h); /* H v by differences */
  PetscCall(GradientAt(gate, p, TES_F64, 0, NULL, PETSC_FALSE, &loss, g));
  Check(gate->name, "directional derivative against central difference", fabs((up - down) / (2 * h) - Dot(n, g, v)) / (1e-3 * (1 + fabs(loss)) + Norm(n, g) * Norm(n, v)), 1e-7);
  if (!gate->first_only) {
    PetscCall(HessianTimes(gate, p, v, hv));
    PetscCall(HessianTimes(gate, p, u, hu));
    for (PetscInt64 j = 0; j < n; j++) g2[j] -= hv[j];
    Check(gate->name, "Hessian times vector against difference of gradients", Norm(n, g2) / (Norm(n, hv) + 1e-2 * (1 + Norm(n, g))), 1e-6);
    Check(gate->name, "symmetry <u,Hv> - <v,Hu>", fabs(Dot(n, u, hv) - Dot(n, v, hu)) / (Norm(n, hv) * Norm(n, u) + Norm(n, hu) * Norm(n, v) + 1e-12), 1e-10);
    PetscCall(GradientAt(gate, p, TES_F64, 0, NULL, PETSC_TRUE, &up, g2));
    for (PetscInt64 j = 0; j < n; j++) g2[j] -= g[j];
    Check(gate->name, "adjoint kernel against adjoint of operations", Norm(n, g2) / (Norm(n, g) + 1e-300), 1e-13);
  }
  PetscCall(GradientAt(gate, p, TES_F32, 0, NULL, PETSC_FALSE, &loss, g2));
  for (PetscInt64 j = 0; j < n; j++) g2[j] -= g[j];
  Check(gate->name, "single against double", Norm(n, g2) / (Norm(n, g) + 1e-300), 1e-4);

  PetscCall(PetscFree6(v, u, g, g2, hv, hu));
  PetscCall(TesTapeDestroy(&p->tape));
  PetscCall(PetscFree(p));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TensorGates(const GateCase gates[])
{
  PetscFunctionBegin;
  for (const GateCase *gate = gates; gate->name; gate++) PetscCall(TensorGate(gate));
  PetscFunctionReturn(PETSC_SUCCESS);
}
