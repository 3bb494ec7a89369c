/* The published training (reference.c) towards the user: what the deck may say, what a run will cost, the trained function anywhere, and its figures.

   u(x) = sum over the GPs of weights x_d k_d(x, nodes), weights = K^-1 u: one product per dimension with the covariances between the points and the nodes, rows in slabs (1-D: this
   rank's points, all nodes). 2 n_x n flops per line. */
#include "reference.h"

/* [n_x][n] k(x - nodes) along dimension d */
static void Cross(const GpPde *gp, const GpKernel *kernel, PetscInt d, PetscInt64 n_x, const PetscReal *x, PetscReal *k)
{
  for (PetscInt64 i = 0; i < n_x; i++)
    for (PetscInt64 j = 0; j < gp->n[d]; j++) GpKernelValues(kernel, 0, x[i] - gp->grid.x[d][j], &k[i * gp->n[d] + j]);
}

/* u(x) = weights x_d k_d(x, nodes), summed over the GPs */
static PetscErrorCode GpTrainingValues(GpPde *gp, const GpPointSet *set, PetscReal *u)
{
  GpTraining *t = gp->training;

  PetscFunctionBegin;
  PetscCall(GpTrainingReady(t));
  PetscCall(PetscArrayzero(u, (size_t)set->n_local));
  for (PetscInt stage = 0; stage <= t->second; stage++) {
    const PetscReal *in = t->weights[stage];
    PetscReal       *k, *out = NULL;

    if (gp->dim == 1) { /* this rank's points only */
      PetscCall(PetscMalloc2((size_t)(set->n_local * gp->n[0]), &k, (size_t)set->n_local, &out));
      Cross(gp, &t->kernel[stage][0], 0, set->n_local, set->x[0] + set->part.first, k);
      PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, (PetscInt)set->n_local, 1, (PetscInt)gp->n[0], 1, k, in, 0, out));
      for (PetscInt64 i = 0; i < set->n_local; i++) u[i] += out[i];
      PetscCall(PetscFree2(k, out));
      continue;
    }
    {
      GpSlab     from = t->objective.slab, to;
      PetscInt64 n[GP_DIM];
      PetscReal *made = NULL;

      for (PetscInt d = 0; d < gp->dim; d++) n[d] = from.n[d];
      for (PetscInt d = 0; d < gp->dim; d++) {
        n[d] = set->n[d];
        PetscCall(GpSlabCreate(gp->comm, gp->dim, n, &to));
        PetscCall(PetscMalloc1((size_t)(set->n[d] * gp->n[d]), &k));
        PetscCall(PetscMalloc1((size_t)to.n_local, &out));
        Cross(gp, &t->kernel[stage][d], d, set->n[d], set->x[d], k);
        PetscCall(GpSlabApply(&from, &to, d, k, in, out));
        PetscCall(PetscFree(k));
        PetscCall(PetscFree(made));
        in = made = out;
        from = to;
      }
      for (PetscInt64 i = 0; i < set->n_local; i++) u[i] += made[i];
      PetscCall(PetscFree(made));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReportKernel(GpPde *gp, TesReport report, PetscInt d)
{
  const GpKernel *kernel = &gp->training->kernel[0][d];
  const PetscInt  q      = kernel->components;
  PetscReal      *weight;
  char            name[64];

  PetscFunctionBegin;
  PetscCall(PetscMalloc1(q, &weight));
  for (PetscInt i = 0; i < q; i++) weight[i] = PetscExpReal(kernel->parameter[i]);
  PetscCall(PetscSNPrintf(name, sizeof(name), "kernel/%c/mu", "xyz"[d]));
  if (kernel->family->cosine) PetscCall(GpReportColumn(gp, report, name, q, kernel->parameter + 2 * q, 1, "cycles/length", "frequency mu = omega / 2 pi of each component", 0));
  PetscCall(PetscSNPrintf(name, sizeof(name), "kernel/%c/weight", "xyz"[d]));
  PetscCall(GpReportColumn(gp, report, name, q, weight, 1, "1", "weight of each component", 1));
  PetscCall(PetscSNPrintf(name, sizeof(name), "kernel/%c/log_scale", "xyz"[d]));
  PetscCall(GpReportColumn(gp, report, name, q, kernel->parameter + q, 1, "1", kernel->family->matern ? "log of 1/rho" : "log of the inverse squared length a", 0));
  PetscCall(PetscFree(weight));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpTrainingFinish(TesProblem problem, GpPde *gp, TesReport report)
{
  GpTraining *t = gp->training;

  PetscFunctionBegin;
  (void)problem;
  PetscCall(GpTrainingReady(t));
  PetscCall(GpReportFields(gp, report, GpTrainingValues));
  PetscCall(TesReportReal(report, "residual", GpTrainingResidual(t), &(TesFigureNote){.unit = "1", .help = "rms of the equation's residual at the nodes / rms(f)", .scale = 1}));
  PetscCall(TesReportReal(report, "boundary_error", GpTrainingBoundary(t), &(TesFigureNote){.unit = "1", .help = "rms error of the boundary values", .scale = PetscMax(gp->face_max, 1)}));
  PetscCall(TesReportReal(report, "objective", t->terms.value, &(TesFigureNote){.unit = "1", .help = "J of the published method"}));
  PetscCall(TesReportInt(report, "epochs", t->epoch, &(TesFigureNote){.help = "steps of Adam"}));
  PetscCall(TesReportReal(report, "jitter", t->terms.jitter, &(TesFigureNote){.unit = "1", .help = "on the diagonal of the covariances"}));
  for (PetscInt d = 0; d < gp->dim; d++) PetscCall(ReportKernel(gp, report, d));
  PetscCall(TesReportSay(report, "the published training, for comparison: the error is that of the final iterate, nothing is certified; solver.kind: auto solves the same problem directly"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpTrainingCheck(TesProblem problem, GpPde *gp)
{
  const GpKernelFamily *family = gp->kernel.family ? GpKernelFind(gp_family_names[gp->kernel.family]) : GpKernelFind("student_t_mixture");

  PetscFunctionBegin;
  if (gp->equation.variable_coefficient) PetscCall(TesDeckComplain(problem, "equation.variable_coefficient", "not for solver.kind: reference, which takes constant coefficients"));
  if (gp->eq->gradient) PetscCall(TesDeckComplain(problem, "solver.kind", "not for %s: the published training takes reactions n(u) without derivatives", gp->eq->name));
  for (PetscInt d = 0, said = 0; d < gp->dim && !said; d++) {
    for (PetscInt k = 0; k < gp->n_trace[d]; k++) said |= gp->trace[d][k].slope != 0 && d != gp->time;
    said |= gp->periodic[d];
    if (said) PetscCall(TesDeckComplain(problem, "boundary.kind", "not for solver.kind: reference, which takes values of u on the sides"));
  }
  if (!family) PetscCall(TesDeckComplain(problem, "kernel.family", "not a covariance that can be trained: student_t_mixture, gaussian_mixture, matern or se for solver.kind: reference"));
  else if (family->matern && gp->kernel.nu != 2.5 && gp->kernel.nu != 3.5 && gp->kernel.nu != 4.5)
    PetscCall(TesDeckComplain(problem, "kernel.nu", "%s: 2.5, 3.5 or 4.5 are there", gp->kernel.nu < 2.5 ? "too rough for an equation with second derivatives, which needs 2 nu > 4" : "not a smoothness that is in closed form"));
  for (PetscInt d = 0; d < gp->dim; d++) {
    const PetscReal nyquist = (PetscReal)(gp->n[d] - 1) / (2 * gp->length[d]);

    if (gp->nodes[d] != TES_NODES_UNIFORM) PetscCall(TesDeckComplain(problem, "domain.nodes", "not for solver.kind: reference, which stands on uniform nodes"));
    if (family && family->cosine && gp->kernel.freq_scale > nyquist) {
      PetscCall(TesDeckComplain(problem, "kernel.freq_scale", "above the highest frequency that %lld points along %c can tell apart, %.6g cycles per length (omega = %.6g): frequencies are in cycles, 2 pi mu = omega",
                                (long long)gp->n[d], "xyz"[d], (double)nyquist, (double)(2 * PETSC_PI * nyquist)));
      break;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GpTrainingEstimate(TesProblem problem, GpPde *gp, TesEstimate *estimate)
{
  PetscReal    dense = 0, points = 1, rows = 1;
  TesPartition part;

  PetscFunctionBegin;
  (void)problem;
  for (PetscInt d = 0; d < gp->dim; d++) {
    points *= (PetscReal)gp->n[d];
    dense += 3 * (PetscReal)gp->n[d] * (PetscReal)gp->n[d];
  }
  for (PetscInt d = 0; d < gp->dim; d++) dense = PetscMax(dense, 6 * (PetscReal)gp->n[d] * (PetscReal)gp->n[d]);
  PetscCall(TesPartitionCreateFor(0, estimate->ranks, gp->n[gp->dim - 1], gp->dim == 1 ? gp->n[0] : GpUnit(gp->dim, gp->n[gp->dim - 1]), &part));
  rows                     = points / (PetscReal)gp->n[gp->dim - 1] * (PetscReal)part.n_local;
  estimate->usable_ranks   = (int)PetscMin((PetscReal)estimate->ranks, (PetscReal)part.n_units);
  estimate->bytes_per_rank = 8 * (22 * rows + dense);
  estimate->bytes_sent     = estimate->ranks > 1 && gp->dim > 1 ? 8 * (PetscReal)GpTrainingBatch(gp) * (14 * rows + 2 * dense / 3) : 0;
  estimate->bytes_output   = 8 * (2 * PetscPowRealInt((PetscReal)GpTestPoints(gp), (int)gp->dim) + 3 * points);
  estimate->steps          = PetscCeilReal((PetscReal)gp->reference.epochs / (PetscReal)GpTrainingBatch(gp));
  estimate->work           = points * (PetscReal)GpTrainingBatch(gp);
  PetscCall(PetscSNPrintf(estimate->note, sizeof(estimate->note), "published training: %lld epochs in batches of %lld, %.2g flops each%s", (long long)gp->reference.epochs, (long long)GpTrainingBatch(gp),
                          (double)GpTrainingFlops(gp), gp->dim == 1 && estimate->ranks > 1 ? "; in 1-D every rank does the same work" : ""));
  PetscFunctionReturn(PETSC_SUCCESS);
}
