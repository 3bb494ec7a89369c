/* task: correlation of the density solver: two-time functions by the quantum regression theorem, and emission spectra.

     two_time:        C(tau) = Tr(A e^{L tau}[B rho])      (<A(tau) B(0)>)
     normal_ordered:  C(tau) = Tr(A e^{L tau}[B rho B+])   (with A = B+ B: g2 up to the squared mean)

   rho is the steady state (found first, steps of steady.c) or the initial state. B rho is not Hermitian: its two Hermitian parts (B rho + h.c.)/2 and (B rho - h.c.)/(2 i) are two real vectors carried by the
   same map; C(inf) = <A><B>. Emission spectra: emission.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "correlation.h"

#define MAX_STATES 2048

static PetscErrorCode OneTerm(TesProblem problem, Lindblad *c, const char path[], const TesStrings *ops, TesNode on, LbTerm *term, PetscBool *good)
{
  int       n = 0, room = 0;
  LbTerm   *terms = NULL;
  PetscBool fine  = PETSC_TRUE;

  PetscFunctionBegin;
  PetscCall(LbTermsAdd(problem, &c->model, &c->model_deck, path, ops, on, NULL, NULL, 0, 0, 0, &n, &room, &terms, &fine));
  if (fine && n != 1) {
    char key[96];

    snprintf(key, sizeof key, "%.80s.on", path);
    PetscCall(TesDeckComplain(problem, key, ": names %d places, an operator of a correlation acts on one", n));
    fine = PETSC_FALSE;
  }
  if (fine) *term = terms[0];
  else *good = PETSC_FALSE;
  PetscCall(PetscFree(terms));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Check(TesProblem problem, Lindblad *c, PetscBool *good)
{
  LbTerm term;

  PetscFunctionBegin;
  if (c->correlation.from == 0) PetscCall(lb_density_steady.check(problem, c, good));
  else PetscCall(LbDensityCheck(problem, c, good));
  if (c->model.n > MAX_STATES) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "task", ": correlations form B rho as a matrix, at most %d states are done (here %" PetscInt64_FMT ")", MAX_STATES, c->model.n));
  }
  if (c->time.output_every <= 0 || c->time.end <= c->time.start) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "time.end", ": tau runs from 0 to time.end - time.start in steps of time.output_every; both must be above 0"));
  }
  if (!c->model.constant) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "task", ": correlations need a constant model, but a term or a rate depends on time"));
  }
  PetscCall(OneTerm(problem, c, "correlation.a", &c->correlation.a.ops, c->correlation.a.on, &term, good));
  PetscCall(OneTerm(problem, c, "correlation.b", &c->correlation.b.ops, c->correlation.b.on, &term, good));
  if (c->correlation.kind == 1 && c->correlation.spectrum == 2) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "correlation.spectrum", ": the resolvent is for two_time correlations"));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt64 Outputs(const Lindblad *c)
{
  return 1 + (PetscInt64)PetscMax(1, PetscCeilReal((c->time.end - c->time.start) / c->time.output_every - 1e-9));
}

static PetscErrorCode Estimate(TesProblem problem, Lindblad *c, TesEstimate *e)
{
  PetscFunctionBegin;
  PetscCall(lb_density_steady.estimate(problem, c, e));
  e->steps = (PetscReal)Outputs(c);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetUp(TesProblem problem, Lindblad *c)
{
  LbCorrelation *s;
  PetscBool    good = PETSC_TRUE;

  PetscFunctionBegin;
  PetscCall(PetscNew(&s));
  c->correlation_data = s;
  if (c->correlation.from == 0) PetscCall(lb_density_steady.setup(problem, c));
  else PetscCall(LbDensitySetUp(problem, c));
  s->outputs    = Outputs(c);
  s->n_values   = 2 * s->outputs;
  s->n_spectrum = c->correlation.spectrum == 2 ? c->correlation.points : 0;
  PetscCall(PetscCalloc2(s->n_values, &s->value, c->model.n_times, &s->f));
  LbModelFactors(&c->model, 0, s->f);
  PetscCall(PetscCalloc1(s->n_spectrum + 1, &s->spectrum_state));
  PetscCall(OneTerm(problem, c, "correlation.a", &c->correlation.a.ops, c->correlation.a.on, &s->a, &good));
  PetscCall(OneTerm(problem, c, "correlation.b", &c->correlation.b.ops, c->correlation.b.on, &s->b, &good));
  if (c->density.comm == MPI_COMM_NULL) PetscFunctionReturn(PETSC_SUCCESS);
  {
    const LbSpace *space = LbLiouvilleSpace(c->density.l);

    PetscCall(LbVecCreate(space, &s->im));
    PetscCall(LbFunctionalAdd(space, &c->model, 1, &s->a.p, &s->fa));
    PetscCall(LbFunctionalAdd(space, &c->model, 1, &s->b.p, &s->fb));
    if (c->correlation.spectrum == 2) PetscCall(LbEmissionSetUp(c));
    PetscCall(LbIntegratorCreate(&c->model, c->density.l, &c->integrator, &c->integrate));
    c->integrator_state[0] = c->integrate->h;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Start(TesProblem problem, Lindblad *c)
{
  PetscFunctionBegin;
  if (c->correlation.from == 0) PetscCall(lb_density_steady.start(problem, c));
  else PetscCall(LbStateNamed(problem, &c->density, &c->model, &c->model_deck));
  ((LbCorrelation *)c->correlation_data)->have_state = c->correlation.from ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* M = P rho, as columns of rho with its rows mapped */
static PetscErrorCode Left(const LbModel *model, const LbProduct *p, const LbComplex *rho, LbComplex *m)
{
  const PetscInt64 n = model->n;
  PetscInt64       stride[LB_FACTORS];

  PetscFunctionBegin;
  PetscCall(PetscArrayzero(m, n * n));
  for (int q = 0; q < p->n; q++) stride[q] = LbStride(model, p->site[q]);
  for (PetscInt64 i = 0; i < n; i++) {
    int code[LB_FACTORS] = {0};

    for (int level = 0; level >= 0;) {
      LbComplex  value = 1;
      PetscInt64 j     = i;

      for (int q = 0; q < p->n && value != 0; q++) {
        const int d = model->dim[p->site[q]], a = (int)(i / stride[q] % d);

        value *= p->op[q][a * d + code[q]];
        j += (code[q] - a) * stride[q];
      }
      for (PetscInt64 k = 0; value != 0 && k < n; k++) m[i * n + k] += value * rho[j * n + k];
      for (level = p->n - 1; level >= 0; level--) {
        if (++code[level] < model->dim[p->site[level]]) break;
        code[level] = 0;
      }
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void Adjoint(PetscInt64 n, LbComplex *m)
{
  for (PetscInt64 i = 0; i < n; i++)
    for (PetscInt64 j = 0; j <= i; j++) {
      const LbComplex swap = conj(m[i * n + j]);

      m[i * n + j] = conj(m[j * n + i]);
      m[j * n + i] = swap;
    }
}

/* density.x and im become the two Hermitian parts of B rho (or B rho B+ and nothing) */
static PetscErrorCode Begin(Lindblad *c)
{
  LbCorrelation *s = c->correlation_data;

  PetscFunctionBegin;
  if (c->density.comm != MPI_COMM_NULL) {
    const LbSpace *space = LbLiouvilleSpace(c->density.l);
    const PetscInt64 n   = c->model.n;
    LbComplex     *rho, *m, a, b;
    int           *sites;

    PetscCall(LbFence(space));
    PetscCall(LbFunctionalValue(LbLiouvilleSpace(c->density.l), &s->fa, &c->density.x, &a));
    PetscCall(LbFunctionalValue(LbLiouvilleSpace(c->density.l), &s->fb, &c->density.x, &b));
    PetscCall(PetscMalloc3(n * n, &rho, n * n, &m, c->model.n_sites, &sites));
    for (int k = 0; k < c->model.n_sites; k++) sites[k] = k;
    PetscCall(LbStateMatrix(space, &c->model, &c->density.x, c->model.n_sites, sites, rho));
    PetscCall(LbFence(space));
    PetscCall(Left(&c->model, &s->b.p, rho, m));
    if (c->correlation.kind == 1) { /* (B (B rho)+)+ = B rho B+ */
      LbComplex trace = 0;

      Adjoint(n, m);
      PetscCall(Left(&c->model, &s->b.p, m, rho));
      PetscCall(LbStateFromMatrix(space, &c->model, rho, &c->density.x));
      for (PetscInt64 i = 0; i < n; i++) trace += rho[i * n + i];
      s->limit = a * trace;
      PetscCall(PetscArrayzero(s->im.own, space->part.n_local));
    } else {
      s->limit = a * b;
      memcpy(rho, m, (size_t)(n * n) * sizeof *rho);
      Adjoint(n, rho);
      for (PetscInt64 e = 0; e < n * n; e++) {
        const LbComplex one = m[e], other = rho[e];

        m[e]   = 0.5 * (one + other);
        rho[e] = -0.5 * LB_I * (one - other);
      }
      if (s->ksp) { /* B rho - <B> rho */
        LbVec keep = {0};

        PetscCall(LbVecCreate(space, &keep));
        PetscCall(LbVecCopy(space, &c->density.x, &keep));
        PetscCall(LbStateFromMatrix(space, &c->model, m, &s->rhs_re));
        PetscCall(LbStateFromMatrix(space, &c->model, rho, &s->rhs_im));
        for (PetscInt64 k = 0; k < space->part.n_local; k++) {
          s->rhs_re.own[k] -= creal(b) * keep.own[k];
          s->rhs_im.own[k] -= cimag(b) * keep.own[k];
        }
        PetscCall(LbVecDestroy(&keep));
      }
      PetscCall(LbStateFromMatrix(space, &c->model, m, &c->density.x));
      PetscCall(LbStateFromMatrix(space, &c->model, rho, &s->im));
    }
    PetscCall(PetscFree3(rho, m, sites));
  }
  {
    PetscReal limit[2] = {creal(s->limit), cimag(s->limit)};

    PetscCallMPI(MPI_Bcast(limit, 2, MPIU_REAL, 0, c->density.world));
    s->limit = limit[0] + LB_I * limit[1];
  }
  s->began = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Record(Lindblad *c)
{
  LbCorrelation *s    = c->correlation_data;
  PetscReal   *here = s->value + 2 * c->rows;

  PetscFunctionBegin;
  if (c->density.comm != MPI_COMM_NULL) {
    LbComplex re, im;

    PetscCall(LbFence(LbLiouvilleSpace(c->density.l)));
    PetscCall(LbFunctionalValue(LbLiouvilleSpace(c->density.l), &s->fa, &c->density.x, &re));
    PetscCall(LbFunctionalValue(LbLiouvilleSpace(c->density.l), &s->fa, &s->im, &im));
    re += LB_I * im;
    here[0] = creal(re);
    here[1] = cimag(re);
    PetscCall(LbFence(LbLiouvilleSpace(c->density.l)));
  }
  PetscCallMPI(MPI_Bcast(here, 2, MPIU_REAL, 0, c->density.world));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Step(TesProblem problem, Lindblad *c, TesProgress *progress)
{
  LbCorrelation *s = c->correlation_data;

  PetscFunctionBegin;
  if (!s->have_state) {
    PetscCall(lb_density_steady.step(problem, c, progress));
    if (progress->finished) s->have_state = PETSC_TRUE;
    progress->finished = PETSC_FALSE;
    c->measured        = PETSC_FALSE;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  c->measured = PETSC_TRUE;
  if (!s->began) {
    PetscCall(Begin(c));
    c->now = 0;
  } else if (c->rows < s->outputs) {
    const PetscReal end = c->time.end - c->time.start, next = c->rows + 1 == s->outputs ? end : (PetscReal)c->rows * c->time.output_every;

    if (c->density.comm != MPI_COMM_NULL) {
      const PetscReal first = c->integrate->h;

      PetscCall(LbIntegratorAdvance(c->integrate, c->now, next, &c->density.x));
      if (c->correlation.kind == 0) {
        c->integrate->h = first; /* both parts with the same steps */
        PetscCall(LbIntegratorAdvance(c->integrate, c->now, next, &s->im));
      }
      c->integrator_state[0] = c->integrate->h;
    }
    PetscCallMPI(MPI_Bcast(c->integrator_state, 1, MPIU_REAL, 0, c->density.world));
    c->now = next;
  } else {
    PetscCall(LbEmissionAt(c, &s->spectrum_state[s->points_done]));
    s->points_done++;
    c->measured = PETSC_FALSE;
    snprintf(progress->phase, sizeof progress->phase, "omega = %.6g", (double)s->frequency);
  }
  if (c->measured) {
    PetscCall(Record(c));
    c->rows++;
    snprintf(progress->phase, sizeof progress->phase, "tau = %.6g", (double)c->now);
  }
  progress->done     = (PetscReal)(c->rows + s->points_done);
  progress->total    = (PetscReal)(s->outputs + s->n_spectrum);
  progress->finished = c->rows >= s->outputs && s->points_done >= s->n_spectrum ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Observe(TesProblem problem, Lindblad *c, TesSeries series, PetscBool last)
{
  LbCorrelation *s = c->correlation_data;

  PetscFunctionBegin;
  (void)problem;
  (void)last;
  if (!c->measured) PetscCall(TesSeriesSkip(series));
  else {
    PetscCall(TesSeriesTime(series, c->now));
    PetscCall(TesSeriesReal(series, "C_re", "1", s->value[2 * (c->rows - 1)]));
    PetscCall(TesSeriesReal(series, "C_im", "1", s->value[2 * (c->rows - 1) + 1]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode State(TesProblem problem, Lindblad *c, TesState state)
{
  LbCorrelation *s        = c->correlation_data;
  PetscReal    limit[2] = {creal(s->limit), cimag(s->limit)};

  PetscFunctionBegin;
  if (c->correlation.from == 0) PetscCall(lb_density_steady.state(problem, c, state));
  else PetscCall(LbDensityState(c, "rho", &c->density.x, state));
  PetscCall(TesStateBool(state, "have_state", &s->have_state));
  PetscCall(TesStateBool(state, "began", &s->began));
  PetscCall(TesStateBool(state, "measured", &c->measured));
  PetscCall(TesStateReal(state, "time", &c->now));
  PetscCall(TesStateReal(state, "step_size", &c->integrator_state[0]));
  PetscCall(TesStateInt(state, "rows", &c->rows));
  PetscCall(TesStateInt(state, "points_done", &s->points_done));
  PetscCall(TesStateReals(state, "limit", 2, limit));
  s->limit = limit[0] + LB_I * limit[1];
  PetscCall(TesStateReals(state, "correlation", s->n_values, s->value));
  PetscCall(TesStateReals(state, "emission", s->n_spectrum, s->spectrum_state));
  PetscCall(LbDensityState(c, "im", &s->im, state));
  if (c->correlation.spectrum == 2) {
    PetscCall(LbDensityState(c, "rhs_re", &s->rhs_re, state));
    PetscCall(LbDensityState(c, "rhs_im", &s->rhs_im, state));
  }
  if (state->ops->mode == TES_STATE_WRITES_PROBLEM && c->integrate && c->integrator_state[0] > 0) c->integrate->h = c->integrator_state[0]; /* 0: saved before the first advance */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Finish(TesProblem problem, Lindblad *c, TesReport report)
{
  LbCorrelation    *s    = c->correlation_data;
  const PetscInt64 last = s->outputs - 1;
  const PetscReal tail = cabs(s->value[2 * last] + LB_I * s->value[2 * last + 1] - s->limit), peak = cabs(s->value[0] + LB_I * s->value[1] - s->limit);

  PetscFunctionBegin;
  (void)problem;
  PetscCall(TesReportReal(report, "C_0_re", s->value[0], &(TesFigureNote){.unit = "1", .help = "C at tau = 0, real part"}));
  PetscCall(TesReportReal(report, "C_0_im", s->value[1], &(TesFigureNote){.unit = "1", .help = "C at tau = 0, imaginary part"}));
  PetscCall(TesReportReal(report, "C_limit_re", creal(s->limit), &(TesFigureNote){.unit = "1", .help = "<A><B>, what C tends to"}));
  PetscCall(TesReportReal(report, "C_limit_im", cimag(s->limit), &(TesFigureNote){.unit = "1", .help = "<A><B>, what C tends to"}));
  PetscCall(TesReportReal(report, "tail", tail / PetscMax(peak, 1e-300), &(TesFigureNote){.unit = "1", .scale = 1, .certified = PETSC_TRUE, .help = "|C(T) - C(inf)| / |C(0) - C(inf)|: what the end cuts off"}));
  if (c->correlation.spectrum == 0) PetscFunctionReturn(PETSC_SUCCESS);
  if (c->correlation.spectrum == 1) PetscCall(LbEmissionTransform(c));
  else {
    s->n_emission = s->n_spectrum;
    PetscCall(PetscMalloc2(s->n_spectrum, &s->omega, s->n_spectrum, &s->emission));
    for (PetscInt64 k = 0; k < s->n_spectrum; k++) {
      s->omega[k]    = LbEmissionFrequency(c, k);
      s->emission[k] = s->spectrum_state[k];
    }
  }
  {
    TesStateItem item = {.name = "emission/omega", .type = TES_F64, .n_axes = 1, .shape = {s->n_emission}, .data = s->omega, .unit = "energy", .long_name = "frequency"};

    PetscCall(TesReportArray(report, &item, 0));
    item.name      = "emission/spectrum";
    item.data      = s->emission;
    item.unit      = "1/energy";
    item.long_name = "2 Re of the one-sided transform";
    PetscCall(TesReportArray(report, &item, 0));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(TesProblem problem, Lindblad *c)
{
  LbCorrelation *s = c->correlation_data;

  PetscFunctionBegin;
  if (s) {
    PetscCall(KSPDestroy(&s->ksp));
    PetscCall(MatDestroy(&s->shell));
    PetscCall(LbVecDestroy(&s->im));
    PetscCall(LbVecDestroy(&s->rhs_re));
    PetscCall(LbVecDestroy(&s->rhs_im));
    PetscCall(LbVecDestroy(&s->work));
    PetscCall(LbVecDestroy(&s->out));
    PetscCall(LbFunctionalDestroy(&s->fa));
    PetscCall(LbFunctionalDestroy(&s->fb));
    PetscCall(PetscFree2(s->value, s->f));
    PetscCall(PetscFree(s->spectrum_state));
    PetscCall(PetscFree2(s->omega, s->emission));
    PetscCall(PetscFree(s));
  }
  c->correlation_data = NULL;
  PetscCall(LbIntegratorDestroy(&c->integrate));
  if (c->correlation.from == 0) PetscCall(lb_density_steady.destroy(problem, c));
  else PetscCall(LbDensityDestroy(c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbSolver lb_density_correlation = {"density correlation", Check, Estimate, SetUp, Start, Step, Observe, State, Finish, Destroy};
