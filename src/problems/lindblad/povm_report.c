/* solver: povm, what a run says: rows of the series, the final figures, the history of the flow or of the losses. */
#include <stdio.h>
#include "povm_solver.h"

static const char *const flow_names[LB_POVM_HISTORY]   = {"time", "step", "step_error", "distinct", "mean_e", "mean_e_error", "rms_e", "max_e", "residual", "rate", "kurtosis", "largest_exponent"};
static const char *const paper_names[LB_PAPER_HISTORY] = {"at", "value", "error", "inner_steps", "learning_rate", "largest_residual", "mean_residual", "mean_residual_error", "largest_exponent"};

/* the exact values that belong to row k; NULL without verify */
static const PetscReal *Exact(const Lindblad *c, const Povm *r, PetscInt64 k)
{
  if (!r->exact) return NULL;
  return r->exact + (c->task == LB_TASK_STEADY ? 0 : PetscMin(k, LbPovmRows(c) - 1)) * c->observables.n_columns;
}

PetscErrorCode LbPovmResult(const Lindblad *c, PetscReal *value)
{
  const Povm      *r     = c->task_data;
  const int        n     = c->observables.n_columns;
  const PetscReal *exact = Exact(c, r, r->n_rows - 1);

  PetscFunctionBegin;
  PetscCall(PetscArraycpy(value, r->rows + (r->n_rows - 1) * (1 + 2 * n) + 1, 2 * n));
  if (exact) PetscCall(PetscArraycpy(value + 2 * n, exact, n));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPovmObserve(TesProblem problem, Lindblad *c, TesSeries series, PetscBool last)
{
  Povm            *r = c->task_data;
  const int        n = c->observables.n_columns;
  const PetscReal *row, *exact;

  PetscFunctionBegin;
  (void)problem;
  (void)last;
  if (!c->measured || !r->n_rows) {
    PetscCall(TesSeriesSkip(series));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  row   = r->rows + (r->n_rows - 1) * (1 + 2 * n);
  exact = Exact(c, r, r->n_rows - 1);
  if (!LbPovmPaper(c) || c->task != LB_TASK_STEADY) PetscCall(TesSeriesTime(series, row[0]));
  for (int k = 0; k < n; k++) PetscCall(TesSeriesRealStderr(series, c->observables.column[k], "1", row[1 + k], row[1 + n + k]));
  for (int k = 0; exact && k < n; k++) {
    char name[128];

    snprintf(name, sizeof name, "%s_exact", c->observables.column[k]);
    PetscCall(TesSeriesReal(series, name, "1", exact[k]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FlowFigures(Povm *r, TesReport report, PetscReal *exponent)
{
  const PetscReal *last = r->n_history ? r->history + (r->n_history - 1) * r->width : NULL;
  PetscReal        sigmas = 0, largest = 0;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < r->n_history; i++) {
    const PetscReal *h = r->history + i * r->width;

    if (h[5] > 0) sigmas = PetscMax(sigmas, PetscAbsReal(h[4]) / h[5]);
    largest   = PetscMax(largest, h[7]);
    *exponent = PetscMax(*exponent, h[11]);
  }
  if (last) {
    PetscCall(TesReportReal(report, "residual", last[8], &(TesFigureNote){.unit = "1", .scale = 1, .help = "|X theta' - f| / |f| of the last step; no measure of the error"}));
    PetscCall(TesReportReal(report, "rms_e", last[6], &(TesFigureNote){.unit = "energy", .scale = 1, .help = "rms of (L p)(a) / p(a) at the last step; 0 in the exact steady state"}));
  }
  PetscCall(TesReportReal(report, "mean_e_in_errors", sigmas, &(TesFigureNote){.unit = "1", .scale = 1, .help = "largest |mean e| over its standard error: the exact mean is 0"}));
  if (sigmas > 5)
    PetscCall(TesReportSay(report, "the mean of e was %.1f standard errors from 0 at some step: its tails are heavy there (largest e %.3g), so take more samples, or a POVM without zeros in the initial state", (double)sigmas,
                           (double)largest));
  PetscCall(TesReportReal(report, "largest_e", largest, &(TesFigureNote){.unit = "energy", .help = "largest |e| of any sample"}));
  PetscCall(TesReportInt(report, "steps_accepted", r->n_history, &(TesFigureNote){.help = "of the flow"}));
  PetscCall(TesReportInt(report, "steps_rejected", r->step.rejected, &(TesFigureNote){.help = "of the flow"}));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode PaperFigures(const Lindblad *c, Povm *r, TesReport report, PetscReal *exponent)
{
  const PetscReal *last = r->n_history ? r->history + (r->n_history - 1) * r->width : NULL;
  PetscReal        sigmas = 0, sum = 0;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < r->n_history; i++) {
    const PetscReal *h = r->history + i * r->width;

    if (h[7] > 0) sigmas = PetscMax(sigmas, PetscAbsReal(h[6]) / h[7]);
    *exponent = PetscMax(*exponent, h[8]);
    sum += h[1];
  }
  if (last) PetscCall(TesReportReal(report, "last_loss", last[1], &(TesFigureNote){.unit = "1", .scale = 1, .help = "of the last update or step"}));
  if (c->task == LB_TASK_STEADY) {
    PetscCall(TesReportReal(report, "best_loss", r->paper.best_loss, &(TesFigureNote){.unit = "energy", .scale = 1, .help = "of the parameters that were chosen, from the larger sample"}));
    PetscCall(TesReportReal(report, "best_loss_error", r->paper.best_error, &(TesFigureNote){.unit = "energy", .scale = 1, .help = "its standard error"}));
    PetscCall(TesReportInt(report, "best_update", r->paper.best_update, &(TesFigureNote){.help = "update that gave them"}));
  } else PetscCall(TesReportReal(report, "sum_of_losses", sum, &(TesFigureNote){.unit = "1", .scale = 1, .help = "over all steps; l1: bounds the distance from the trapezoid rule, up to the sampling"}));
  PetscCall(TesReportReal(report, "mean_residual_in_errors", sigmas, &(TesFigureNote){.unit = "1", .scale = 1, .help = "largest |mean of F/p| over its standard error: the exact mean is 0"}));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* /tdvp/<name> or /loss/<name>, one entry per step or update */
static PetscErrorCode History(const Lindblad *c, Povm *r, TesReport report)
{
  const char *const *names = LbPovmPaper(c) ? paper_names : flow_names;

  PetscFunctionBegin;
  if (!r->n_history) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscFree(r->column));
  PetscCall(PetscMalloc1(r->n_history * r->width, &r->column));
  for (int k = 0; k < r->width; k++) {
    char         name[64];
    TesStateItem item = {.name = name, .type = TES_F64, .n_axes = 1, .shape = {r->n_history}, .data = r->column + k * r->n_history, .axes = "step", .long_name = names[k]};

    for (PetscInt64 i = 0; i < r->n_history; i++) r->column[k * r->n_history + i] = r->history[i * r->width + k];
    snprintf(name, sizeof name, "%s/%s", LbPovmPaper(c) ? "loss" : "tdvp", names[k]);
    PetscCall(TesReportArray(report, &item, 0));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbPovmFinish(TesProblem problem, Lindblad *c, TesReport report)
{
  Povm            *r = c->task_data;
  const int        n = c->observables.n_columns, width = 1 + 2 * n;
  const PetscReal *row = r->n_rows ? r->rows + (r->n_rows - 1) * width : NULL, *exact = Exact(c, r, r->n_rows - 1);
  const char      *meaning = c->task != LB_TASK_STEADY ? "at the end" : LbPovmPaper(c) ? "with the best parameters" : "mean over the last stretch";
  PetscReal        worst = 0, exponent = 0;

  PetscFunctionBegin;
  (void)problem;
  for (int k = 0; row && k < n; k++) {
    char name[128];

    PetscCall(TesReportReal(report, c->observables.column[k], row[1 + k],
                            &(TesFigureNote){.unit = "1", .help = meaning, .has_reference = exact ? PETSC_TRUE : PETSC_FALSE,
                                             .reference = exact ? exact[k] : 0, .source = exact ? "solver: density" : NULL}));
    snprintf(name, sizeof name, "%s_stderr", c->observables.column[k]);
    PetscCall(TesReportReal(report, name, row[1 + n + k], &(TesFigureNote){.unit = "1", .scale = 1, .help = r->observe.all && c->task != LB_TASK_STEADY ? "no sampling error: all configurations are summed" : "of the sampling alone: the network's own error is not in it"}));
    for (PetscInt64 i = 0; exact && i < r->n_rows; i++)
      if (c->task != LB_TASK_STEADY || i == r->n_rows - 1) worst = PetscMax(worst, PetscAbsReal(r->rows[i * width + 1 + k] - Exact(c, r, i)[k]));
  }
  if (exact) PetscCall(TesReportReal(report, "largest_error", worst, &(TesFigureNote){.unit = "1", .scale = 1, .certified = PETSC_TRUE, .help = c->task == LB_TASK_STEADY ? "of any observable against solver: density" : "of any observable and row against solver: density"}));
  if (LbPovmPaper(c)) PetscCall(PaperFigures(c, r, report, &exponent));
  else PetscCall(FlowFigures(r, report, &exponent));
  PetscCall(TesReportReal(report, "largest_exponent", exponent, &(TesFigureNote){.unit = "1", .help = "largest ln p(b) - ln p(a) met"}));
  if (r->large) PetscCall(TesReportInt(report, "exponents_above_50", r->large, &(TesFigureNote){.help = "steps with such an exponent: ratios are not to be trusted"}));
  PetscCall(TesReportReal(report, "smallest_pair_eigenvalue", r->smallest, &(TesFigureNote){.unit = "1", .scale = 1, .help = "of any two-site state: below 0 by more than the sampling error p is no state"}));
  if (r->fidelity < 1 - 1e-12) PetscCall(TesReportReal(report, "initial_fidelity", r->fidelity, &(TesFigureNote){.unit = "1", .help = "of the outcomes, with zeros of the POVM set to 1e-6"}));
  PetscCall(TesReportInt(report, "parameters", r->net->n_parameters, &(TesFigureNote){.help = "of the network"}));
  PetscCall(TesReportInt(report, "evaluations", r->flow.evaluations, &(TesFigureNote){.help = LbPovmPaper(c) ? "of the loss" : "of the flow's right-hand side"}));
  PetscCall(History(c, r, report));
  PetscFunctionReturn(PETSC_SUCCESS);
}
