/* The network at another resolution, without training: evaluate.factor times as many cells per dimension, against the solution computed there. Part of the action `evaluate`.

     naive        the same weights on the finer grid: every stencil spans a fraction of the distance it was trained for
     shift        a new finest level that copies the old finest one, old level l becomes l + 1
     resample     the input averaged to the training grid, the network there, its output interpolated
     resample_mg  the same, followed by one multigrid cycle of the equation on the fine grid
     interpolation  the solution of the averaged grid's own sample, interpolated: what is lost without any network
   Samples keep their random modes, so the fine sample is the same field with more modes. Statistics per point are interpolated. A sample is done by one rank. */
#include "model.h"

enum { NAIVE, SHIFT, RESAMPLE, RESAMPLE_MG, INTERPOLATION, WAYS };

static const char *const way_names[WAYS] = {"naive", "shift", "resample", "resample_mg", "interpolation"};
static const char *const way_helps[WAYS] = {"same weights on the finer grid", "one more level on top", "network on the training grid, output interpolated", "the same and one multigrid cycle",
                                            "true solution of the training grid, interpolated"};

/* a fine cell's value from the two nearest coarse cells per dimension; at the sides extended linearly */
static void Interpolate(const Mgno *m, PetscInt factor, const PetscReal *coarse, PetscReal *fine)
{
  PetscInt   n[MGNO_DIM], total = 1, stride[MGNO_DIM] = {1, m->n[0], m->n[0] * m->n[1]};

  for (PetscInt d = 0; d < MGNO_DIM; d++) total *= n[d] = d < m->grid.dim ? m->n[d] * factor : 1;
  for (PetscInt i = 0; i < total; i++) {
    PetscInt  low[MGNO_DIM] = {0};
    PetscReal w[MGNO_DIM]   = {0}, sum = 0;

    for (PetscInt d = 0, rest = i; d < m->grid.dim; rest /= n[d], d++) {
      const PetscReal x = ((PetscReal)(rest % n[d]) + 0.5) / factor - 0.5;

      low[d] = PetscMax(0, PetscMin(m->n[d] - 2, (PetscInt)PetscFloorReal(x)));
      w[d]   = x - low[d];
    }
    for (PetscInt corner = 0; corner < 1 << m->grid.dim; corner++) {
      PetscReal weight = 1;
      PetscInt  at     = 0;

      for (PetscInt d = 0; d < m->grid.dim; d++) {
        weight *= corner >> d & 1 ? w[d] : 1 - w[d];
        at += (low[d] + (corner >> d & 1)) * stride[d];
      }
      sum += weight * coarse[at];
    }
    fine[i] = sum;
  }
}

static void Average(const Mgno *m, PetscInt factor, const PetscReal *fine, PetscReal *coarse)
{
  PetscInt n[MGNO_DIM], total = 1, cells = 1;

  for (PetscInt d = 0; d < MGNO_DIM; d++) total *= n[d] = d < m->grid.dim ? m->n[d] * factor : 1;
  for (PetscInt d = 0; d < m->grid.dim; d++) cells *= factor;
  for (PetscInt64 k = 0; k < m->points; k++) coarse[k] = 0;
  for (PetscInt i = 0; i < total; i++) {
    PetscInt at = 0, stride = 1;

    for (PetscInt d = 0, rest = i; d < m->grid.dim; stride *= m->n[d], rest /= n[d], d++) at += rest % n[d] / factor * stride;
    coarse[at] += fine[i] / cells;
  }
}

PetscErrorCode MgnoShift(const MgnoPlan *from, const PetscReal *theta, const MgnoPlan *to, PetscReal *shifted)
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < to->n_tensors; i++) {
    const MgnoTensor *t      = &to->tensor[i], *source = NULL;
    int               layer = -1, level = -1;
    char              role[64], name[64];

    if (sscanf(t->name, "layer%d/level%d/%63s", &layer, &level, role) == 3) {
      for (int try = 0; try < 2 && !source; try++) { /* a role that the old finest level lacks (A of its first step) is that of the level below */
        PetscCall(PetscSNPrintf(name, sizeof(name), "layer%d/level%d/%s", layer, level ? level - 1 + try : 0, role));
        for (PetscInt k = 0; k < from->n_tensors; k++) {
          if (!strcmp(from->tensor[k].name, name) && from->tensor[k].size == t->size) source = &from->tensor[k];
        }
      }
    } else {
      for (PetscInt k = 0; k < from->n_tensors; k++) {
        if (!strcmp(from->tensor[k].name, t->name)) source = &from->tensor[k];
      }
    }
    PetscCheck(source, PETSC_COMM_SELF, PETSC_ERR_PLIB, "no source for %s", t->name);
    PetscCall(PetscArraycpy(shifted + t->first, theta + source->first, t->size));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the trained run on a grid that is `factor` times finer: what MgnoModelApply and the makers need of it */
static PetscErrorCode Finer(const Mgno *m, PetscInt factor, PetscInt more, PetscInt sizes[], PetscInt pre[], PetscInt post[], Mgno *fine)
{
  PetscFunctionBegin;
  *fine        = *m;
  fine->maker  = NULL;
  fine->plan   = NULL;
  fine->net[0] = fine->net[1] = fine->net[2] = NULL;
  fine->parallel.blocks = (TesInts){0, NULL}; /* whole samples on one rank */
  for (PetscInt d = 0; d < m->grid.dim; d++) sizes[d] = m->n[d] * factor;
  fine->grid.n = (TesInts){m->grid.dim, sizes};
  fine->model.levels += more;
  for (PetscInt l = 0; l < fine->model.levels; l++) {
    const PetscInt from = PetscMax(0, l - more);

    pre[l]  = m->plan->spec.pre[from];
    post[l] = m->plan->spec.post[from];
  }
  fine->model.smoothing.pre  = (TesInts){fine->model.levels, pre};
  fine->model.smoothing.post = (TesInts){fine->model.levels, post};
  MgnoDerive(fine, m->data_seed);
  fine->data_seed = m->data_seed;
  for (int which = 0; which < 2; which++) {
    const PetscInt64 n = MgnoNormalizerLength(m, which), channels = which ? m->model.out_channels : m->model.in_channels;

    if (n <= 1) continue;
    PetscCall(PetscMalloc2(fine->points * channels, &fine->mean[which], fine->points * channels, &fine->deviation[which]));
    for (PetscInt64 c = 0; c < channels; c++) {
      Interpolate(m, factor, m->mean[which] + c * m->points, fine->mean[which] + c * fine->points);
      Interpolate(m, factor, m->deviation[which] + c * m->points, fine->deviation[which] + c * fine->points);
    }
    for (PetscInt64 k = 0; k < fine->points * channels; k++) fine->deviation[which][k] = PetscMax(fine->deviation[which][k], 0);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FinerDestroy(const Mgno *m, Mgno *fine)
{
  PetscFunctionBegin;
  for (int which = 0; which < 2; which++) {
    if (fine->mean[which] != m->mean[which]) PetscCall(PetscFree2(fine->mean[which], fine->deviation[which]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Error(const Mgno *m, const PetscReal *o, const PetscReal *y, PetscReal *error)
{
  PetscReal e = 0, size = 0;

  PetscFunctionBegin;
  for (PetscInt64 i = 0; i < m->points; i++) {
    e += (o[i] - y[i]) * (o[i] - y[i]);
    size += y[i] * y[i];
  }
  *error = PetscSqrtReal(e / size);
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  Mgno        *m, fine[2]; /* naive, shifted */
  MgnoPlan    *plan[2];
  MgnoNet      net[3];     /* naive, shifted, trained grid */
  MgnoMaker    maker[2];   /* fine, coarse */
  MgnoElliptic elliptic;
  PetscReal   *a, *f, *x, *work, *y, *o, *xc, *oc;
} Other;

static PetscErrorCode One(Other *s, PetscInt factor, PetscInt64 sample, PetscReal error[WAYS])
{
  Mgno     *m = s->m, *fine = &s->fine[0];
  PetscReal residual, its;
  PetscInt  cycles;

  PetscFunctionBegin;
  PetscCall(fine->family->make(fine, s->maker[0], sample, s->x, s->y, &residual, &its));
  for (int way = NAIVE; way <= SHIFT; way++) {
    PetscCall(PetscArraycpy(s->work, s->x, fine->points * m->c_in));
    PetscCall(MgnoModelApply(&s->fine[way], s->net[way], 1, s->work, s->o));
    PetscCall(Error(fine, s->o, s->y, &error[way]));
  }
  for (PetscInt c = 0; c < m->c_in; c++) Average(m, factor, s->x + c * fine->points, s->xc + c * m->points);
  PetscCall(MgnoModelApply(m, s->net[2], 1, s->xc, s->oc));
  Interpolate(m, factor, s->oc, s->o);
  PetscCall(Error(fine, s->o, s->y, &error[RESAMPLE]));
  PetscCall(MgnoStencilCoefficient(fine, s->elliptic, s->x, s->a, s->f));
  PetscCall(MgnoStencilSolve(fine, s->elliptic, s->f, s->o, PETSC_TRUE, &residual, &cycles));
  PetscCall(Error(fine, s->o, s->y, &error[RESAMPLE_MG]));
  PetscCall(m->family->make(m, s->maker[1], sample, s->xc, s->oc, &residual, &its));
  Interpolate(m, factor, s->oc, s->o);
  PetscCall(Error(fine, s->o, s->y, &error[INTERPOLATION]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Run(Mgno *m, PetscInt factor, PetscInt64 first, const TesPartition *work, PetscReal *errors)
{
  Other      s = {.m = m};
  PetscInt   sizes[2][MGNO_DIM], pre[2][NET_LEVELS + 1], post[2][NET_LEVELS + 1];
  PetscReal *shifted;
  const PetscInt more[2] = {0, factor == 4 ? 2 : 1};

  PetscFunctionBegin;
  for (int k = 0; k < 2; k++) {
    MgnoNetSpec spec;

    PetscCall(Finer(m, factor, more[k], sizes[k], pre[k], post[k], &s.fine[k]));
    MgnoModelSpec(&s.fine[k], &spec);
    PetscCall(MgnoPlanCreate(&spec, &s.plan[k]));
    PetscCall(MgnoNetCreate(s.plan[k], m->precision == 0 ? PETSC_TRUE : PETSC_FALSE, PETSC_FALSE, PETSC_FALSE, &s.net[k]));
  }
  PetscCall(MgnoNetWeights(s.net[0], m->best));
  {
    const MgnoPlan *from  = m->plan;
    PetscReal      *theta = m->best;

    for (PetscInt step = 0; step < more[1]; step++) { /* one level at a time */
      Mgno        middle;
      MgnoPlan   *plan;
      MgnoNetSpec spec;
      PetscInt    size[MGNO_DIM], p[NET_LEVELS + 1], q[NET_LEVELS + 1];

      PetscCall(Finer(m, 2 << step, step + 1, size, p, q, &middle));
      MgnoModelSpec(&middle, &spec);
      PetscCall(MgnoPlanCreate(&spec, &plan));
      PetscCall(PetscMalloc1(plan->size, &shifted));
      PetscCall(MgnoShift(from, theta, plan, shifted));
      if (step) {
        MgnoPlan *old = (MgnoPlan *)from;

        PetscCall(PetscFree(theta));
        PetscCall(MgnoPlanDestroy(&old));
      }
      PetscCall(FinerDestroy(m, &middle));
      from  = plan;
      theta = shifted;
    }
    PetscCall(MgnoNetWeights(s.net[1], theta));
    PetscCall(PetscFree(theta));
    {
      MgnoPlan *old = (MgnoPlan *)from;

      PetscCall(MgnoPlanDestroy(&old));
    }
  }
  PetscCall(MgnoModelNetAlone(m, &s.net[2]));
  PetscCall(MgnoNetWeights(s.net[2], m->best));
  PetscCall(MgnoMakerCreate(&s.fine[0], &s.maker[0]));
  PetscCall(MgnoMakerCreate(m, &s.maker[1]));
  PetscCall(MgnoStencilSolver(&s.fine[0], MGNO_PC_MG, 0.5e-14, 1, &s.elliptic)); /* one cycle */
  PetscCall(PetscMalloc4(s.fine[0].points, &s.a, s.fine[0].points, &s.f, s.fine[0].points * m->c_in, &s.x, s.fine[0].points * m->c_in, &s.work));
  PetscCall(PetscMalloc4(s.fine[0].points, &s.y, s.fine[0].points, &s.o, m->points * m->c_in, &s.xc, m->points, &s.oc));
  for (PetscInt64 i = 0; i < work->n_local; i++) PetscCall(One(&s, factor, first + work->first + i, errors + (work->first + i) * WAYS));
  PetscCall(PetscFree4(s.a, s.f, s.x, s.work));
  PetscCall(PetscFree4(s.y, s.o, s.xc, s.oc));
  PetscCall(MgnoEllipticDestroy(&s.elliptic));
  for (int k = 0; k < 2; k++) {
    PetscCall(MgnoMakerDestroy(&s.maker[k]));
    PetscCall(MgnoNetDestroy(&s.net[k]));
    PetscCall(MgnoPlanDestroy(&s.plan[k]));
    PetscCall(FinerDestroy(m, &s.fine[k]));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoResolutionStep(TesProblem problem)
{
  Mgno        *m    = TesProblemCtx(problem);
  MPI_Comm     comm = TesProblemComm(problem);
  const PetscInt64 n = PetscMin(m->evaluate.samples, m->data.test);
  TesPartition work;

  PetscFunctionBegin;
  PetscCall(TesPartitionCreate(comm, n, 1, &work));
  PetscCall(PetscFree(m->finer));
  m->n_finer = n * WAYS;
  PetscCall(PetscCalloc1(m->n_finer, &m->finer));
  PetscCall(TesAgree(comm, Run(m, 1 << m->evaluate.factor, m->data.train + m->data.validation, &work, m->finer)));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, m->finer, (PetscMPIInt)m->n_finer, MPIU_REAL, MPI_SUM, comm)); /* one contribution each: exact */
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoResolutionReport(TesProblem problem, TesReport report)
{
  Mgno            *m = TesProblemCtx(problem);
  const PetscInt64 n = m->n_finer / WAYS;
  PetscReal       *column;
  char             name[64], help[160];

  PetscFunctionBegin;
  if (!n) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscMalloc1(n, &column));
  for (int way = 0; way < WAYS; way++) {
    for (PetscInt64 i = 0; i < n; i++) column[i] = m->finer[i * WAYS + way];
    PetscCall(PetscSNPrintf(name, sizeof(name), "finer_l2_%s", way_names[way]));
    PetscCall(PetscSNPrintf(help, sizeof(help), "relative L2 error at %d times the resolution: %s", 1 << m->evaluate.factor, way_helps[way]));
    PetscCall(TesReportReal(report, name, TesSumPairwise(n, column) / (PetscReal)n, &(TesFigureNote){.unit = "1", .scale = 1, .help = help}));
  }
  PetscCall(PetscFree(column));
  PetscFunctionReturn(PETSC_SUCCESS);
}
