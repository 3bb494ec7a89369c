/* Expressions on arrays: time per point against a plain loop over the functions of libm that the expression cannot do without.

   The floor of "3*sin(100*x)^2*sin(100*y) - sin(100*x) + 2" is two sines a point: sin(100*x) occurs twice and is worked out once. Of an expression without functions it is
   reading its variables and writing the result, 24 bytes a point, in arrays that stay in cache. Run: bench_expr (one rank, best of 20). */
#include <math.h>
#include <tessera/expr.h>
#include <tessera/timing.h>

#define N 200000

typedef struct {
  const char *text;
  int         sines; /* what the floor counts; 0: a sum of the variables */
} Row;

static const Row rows[] = {
  {"sin(100*x)*sin(100*y)", 2},
  {"3*sin(100*x)^2*sin(100*y) - sin(100*x) + 2", 2},
  {"sin(6*x)*cos(20*x) + sin(6*y)*cos(20*y)", 4},
  {"x*(1 - x)*y*(1 - y)", 0},
  {"(x + y)^5 - 3*x*y/(1 + x^2)", 0},
};

static PetscReal Floor(int sines, const PetscReal *x, const PetscReal *y, PetscReal *r)
{
  PetscReal best = PETSC_MAX_REAL;

  for (int repeat = 0; repeat < 20; repeat++) {
    PetscReal t = TesNow();

    for (PetscInt i = 0; i < N; i++) r[i] = sines == 0 ? x[i] + y[i] : sines == 2 ? sin(100 * x[i]) + sin(100 * y[i]) : sin(6 * x[i]) + cos(20 * x[i]) + sin(6 * y[i]) + cos(20 * y[i]);
    best = PetscMin(best, TesNow() - t);
  }
  return best;
}

static PetscErrorCode Measure(const Row *row, const PetscReal *x, const PetscReal *y, PetscReal *r)
{
  const PetscReal *v[2] = {x, y};
  PetscReal        best = PETSC_MAX_REAL, least = Floor(row->sines, x, y, r);
  PetscInt         column = 0;
  char             message[256];
  TesExpr          expr;

  PetscFunctionBegin;
  PetscCall(TesExprParse(row->text, "x y", &expr, &column, message, sizeof message));
  PetscCheck(expr, PETSC_COMM_SELF, PETSC_ERR_PLIB, "%s: %s", row->text, message);
  for (int repeat = 0; repeat < 20; repeat++) {
    PetscReal t = TesNow();

    PetscCall(TesExprEvaluateMany(expr, N, v, NULL, r));
    best = PetscMin(best, TesNow() - t);
  }
  printf("| `%s` | %.2f | %.2f | %.0f %% |\n", row->text, 1e9 * (double)best / N, 1e9 * (double)least / N, 100 * (double)(least / best));
  PetscCall(TesExprDestroy(&expr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

int main(int argc, char **argv)
{
  PetscReal *x, *y, *r;

  PetscCall(PetscInitialize(&argc, &argv, NULL, NULL));
  PetscCall(PetscMalloc3(N, &x, N, &y, N, &r));
  for (PetscInt i = 0; i < N; i++) {
    x[i] = 6.0 * (PetscReal)i / N;
    y[i] = 6.0 * (PetscReal)((7 * (PetscInt64)i) % N) / N;
  }
  printf("%d points, one core\n\n| expression | ns a point | floor | of the floor |\n|---|---|---|---|\n", N);
  for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) PetscCall(Measure(&rows[k], x, y, r));
  PetscCall(PetscFree3(x, y, r));
  PetscCall(PetscFinalize());
  return 0;
}
