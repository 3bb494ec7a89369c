/* task: evolve of the density solver. A step is one interval between two outputs (or an equal part of one where an interval would take long); the first step measures the initial state. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "lindblad.h"

#define LONG_STEP  8.0 /* seconds that a part may take on one core: each one begins its series anew, with about twenty applications more */
#define SHORT_PART 6.0 /* but a part in which less happens (time times rates) would spend its applications on the first terms of its series */

static PetscErrorCode Check(TesProblem problem, Lindblad *c, PetscBool *good)
{
  const int kind = LbIntegratorChoose(c->integrator.kind, c->model.constant);

  PetscFunctionBegin;
  PetscCall(LbDensityCheck(problem, c, good));
  if (c->time.output_every <= 0) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "time.output_every", "must be above 0"));
  }
  if (c->time.end < c->time.start) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "time.end", "before time.start (%g)", (double)c->time.start));
  }
  if (lb_integrators[kind].constant && !c->model.constant) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "integrator.kind", "for models without time-dependent terms: take dp5, lsrk4, cfm4 or strang4"));
  }
  if ((kind == LB_STRANG || kind == LB_STRANG4) && !c->model.qubits) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "integrator.kind", "for sites of dimension 2 only: take faber or dp5"));
  }
  if (kind == LB_STRANG && c->integrator.step <= 0) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "integrator.step", "needed for strang: its error is of order step^2 and not controlled (strang4 controls its own)"));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt64 Parts(const Lindblad *c)
{
  PetscReal decay = 0, width = 0, s, parts;

  for (int j = 0; j < c->model.n_jumps; j++) decay += c->model.jump[j].rate;
  for (int t = 0; t < c->model.n_terms; t++) width += cabs(c->model.term[t].coef);
  s = c->time.output_every * (decay + width); /* applications per interval, roughly: two per unit */
  parts = PetscCeilReal(c->model.size * 6e-9 * (10 + 2 * s) / LONG_STEP);
  return (PetscInt64)PetscMax(1, PetscMin(parts, PetscCeilReal(s / SHORT_PART)));
}

static PetscInt64 Intervals(const Lindblad *c)
{
  return (PetscInt64)PetscMax(0, PetscCeilReal((c->time.end - c->time.start) / c->time.output_every - 1e-9));
}

static PetscErrorCode Estimate(TesProblem problem, Lindblad *c, TesEstimate *e)
{
  const int kind    = LbIntegratorChoose(c->integrator.kind, c->model.constant);
  const int vectors = 1 + lb_integrators[kind].vectors + (kind == LB_KRYLOV ? (int)c->integrator.dimension : 0);

  PetscFunctionBegin;
  (void)problem;
  PetscCall(LbDensityEstimate(c, vectors, e));
  e->steps = 1 + (PetscReal)(Intervals(c) * Parts(c));
  snprintf(e->note, sizeof e->note, "density matrix of %.4g real entries, %.4g bytes per vector, %d vectors (%s); %s", (double)c->model.size, (double)(8 * c->model.size), vectors,
           lb_integrator_names[kind], e->bytes_sent > 0 ? "bytes sent are those of one application" : "ranks of one node share memory and send nothing");
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetUp(TesProblem problem, Lindblad *c)
{
  PetscFunctionBegin;
  PetscCall(LbDensitySetUp(problem, c));
  if (c->density.comm == MPI_COMM_NULL) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbIntegratorCreate(&c->model, c->density.l, &c->integrator, &c->integrate));
  c->integrator_state[0] = c->integrate->h; /* what a checkpoint before the first interval holds */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Start(TesProblem problem, Lindblad *c)
{
  PetscFunctionBegin;
  c->now = c->time.start;
  PetscCall(LbStateNamed(problem, &c->density, &c->model, &c->model_deck));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Step(TesProblem problem, Lindblad *c, TesProgress *progress)
{
  const PetscInt64 parts = Parts(c), done = c->rows++;
  PetscReal        next  = c->now;
  PetscInt64       count = 0;

  PetscFunctionBegin;
  (void)problem;
  if (done == 0 || c->now >= c->time.end) {
    snprintf(progress->phase, sizeof progress->phase, "initial state");
  } else {
    /* the clock is counted, not added up, so that a later end finds the same times; an interval cut by an earlier end is completed first */
    const PetscReal from = c->now;
    PetscInt64      k    = (PetscInt64)PetscFloorReal((from - c->time.start) / (c->time.output_every / (PetscReal)parts) + 1e-6) + 1;

    next = PetscMin(c->time.end, c->time.start + (PetscReal)k * c->time.output_every / (PetscReal)parts);
    if (next > c->time.end - 1e-9 * c->time.output_every) next = c->time.end;
    if (c->density.comm != MPI_COMM_NULL) {
      count = LbLiouvilleCount(c->density.l);
      PetscCall(LbIntegratorAdvance(c->integrate, from, next, &c->density.x));
      count = LbLiouvilleCount(c->density.l) - count;
      c->integrator_state[0] = c->integrate->h;
      c->integrator_state[1] = c->integrate->error;
      c->counts[0]           = c->integrate->accepted;
      c->counts[1]           = c->integrate->rejected;
    }
    c->counts[2] += count;
    PetscCallMPI(MPI_Bcast(c->integrator_state, 2, MPIU_REAL, 0, c->density.world));
    PetscCallMPI(MPI_Bcast(c->counts, 3, MPIU_INT64, 0, c->density.world));
    c->now = next;
    snprintf(progress->phase, sizeof progress->phase, "t = %.6g", (double)c->now);
  }
  progress->done     = c->now - c->time.start;
  progress->total    = c->time.end - c->time.start;
  progress->work     = (PetscReal)count * c->model.size;
  progress->finished = c->now >= c->time.end ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Observe(TesProblem problem, Lindblad *c, TesSeries series, PetscBool last)
{
  PetscFunctionBegin;
  (void)last;
  PetscCall(LbDensityMeasure(c, &c->density.x, c->now));
  PetscCall(TesSeriesTime(series, c->now));
  PetscCall(LbDensityColumns(c, series));
  if (LbDensityHasCutoff(c) && c->density.top_population > 1e-4 && !c->warned) {
    c->warned = PETSC_TRUE;
    PetscCall(LbSay(problem, c, "warning: at t = %.6g the highest level of a site holds %.3g: raise the cut-off (dim)", (double)c->now, (double)c->density.top_population));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode State(TesProblem problem, Lindblad *c, TesState state)
{
  PetscFunctionBegin;
  (void)problem;
  PetscCall(TesStateReal(state, "time", &c->now));
  PetscCall(TesStateInt(state, "rows", &c->rows));
  PetscCall(TesStateReal(state, "step_size", &c->integrator_state[0]));
  PetscCall(TesStateReal(state, "error", &c->integrator_state[1]));
  PetscCall(TesStateInts(state, "counts", 3, c->counts));
  PetscCall(LbDensityState(c, "rho", &c->density.x, state));
  if (state->ops->mode == TES_STATE_WRITES_PROBLEM && c->integrate) {
    if (c->integrator_state[0] > 0) c->integrate->h = c->integrator_state[0]; /* 0: saved before the first advance, whose step is that of the set-up */
    c->integrate->error    = c->integrator_state[1];
    c->integrate->accepted = c->counts[0];
    c->integrate->rejected = c->counts[1];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Finish(TesProblem problem, Lindblad *c, TesReport report)
{
  PetscFunctionBegin;
  (void)problem;
  PetscCall(LbDensityMeasure(c, &c->density.x, c->now));
  for (int k = 0; k < c->observables.n_columns; k++) PetscCall(TesReportReal(report, c->observables.column[k], c->density.values[k], &(TesFigureNote){.unit = "1", .help = "at the end"}));
  PetscCall(TesReportReal(report, "trace_error", PetscAbsReal(c->density.trace - 1), &(TesFigureNote){.unit = "1", .scale = 1, .certified = PETSC_TRUE, .help = "distance of the trace from 1"}));
  PetscCall(TesReportReal(report, "smallest_eigenvalue", c->density.smallest, &(TesFigureNote){.unit = "1", .scale = 1, .certified = PETSC_TRUE, .help = "of the reduced state of the first sites"}));
  if (LbDensityHasCutoff(c))
    PetscCall(TesReportReal(report, "top_population", c->density.top_population, &(TesFigureNote){.unit = "1", .scale = 1, .help = "largest population of a highest level: what the cut-off loses"}));
  PetscCall(TesReportText(report, "integrator", lb_integrator_names[LbIntegratorChoose(c->integrator.kind, c->model.constant)], &(TesFigureNote){.help = "how time was stepped"}));
  PetscCall(TesReportInt(report, "applications", c->counts[2], &(TesFigureNote){.help = "of the Liouvillian"}));
  PetscCall(TesReportInt(report, "steps_accepted", c->counts[0], &(TesFigureNote){.help = "of the integrator"}));
  PetscCall(TesReportInt(report, "steps_rejected", c->counts[1], &(TesFigureNote){.help = "of the integrator"}));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(TesProblem problem, Lindblad *c)
{
  PetscFunctionBegin;
  (void)problem;
  PetscCall(LbIntegratorDestroy(&c->integrate));
  PetscCall(LbDensityDestroy(c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbSolver lb_density_evolve = {"density evolve", Check, Estimate, SetUp, Start, Step, Observe, State, Finish, Destroy};
