/* The end of a run: figures of the actions, arrays for the plots, the fields of a sample. */
#include "model.h"

/* an array of the result; the report borrows it until the problem is destroyed */
PetscErrorCode MgnoReportColumn(Mgno *m, TesReport report, const char name[], PetscInt64 n, const PetscReal *values, const char unit[], const char long_name[], PetscReal scale)
{
  TesStateItem item = {.name = name, .type = TES_F64, .n_axes = 1, .shape = {n}, .unit = unit, .long_name = long_name};
  PetscReal   *column;

  PetscFunctionBegin;
  PetscCheck((size_t)m->n_columns < sizeof(m->columns) / sizeof(m->columns[0]), PETSC_COMM_SELF, PETSC_ERR_PLIB, "more result arrays than planned");
  PetscCall(PetscMalloc1(n, &column));
  for (PetscInt64 i = 0; i < n; i++) column[i] = values ? values[i] : (PetscReal)i;
  m->columns[m->n_columns++] = column;
  item.data                  = column;
  PetscCall(TesReportArray(report, &item, scale));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* A field of one sample in the result: `values` [points] on the rank that has it (owner), x fastest. */
PetscErrorCode MgnoReportSample(Mgno *m, MPI_Comm comm, TesReport report, const char name[], const char unit[], const char long_name[], int owner, const PetscReal *values, PetscReal scale)
{
  const TesPartition *part;
  PetscReal          *field, *whole;
  PetscInt64          row = m->points / m->n[m->grid.dim - 1];
  int                 rank;

  PetscFunctionBegin;
  PetscCheck((size_t)m->n_show < sizeof(m->show) / sizeof(m->show[0]), comm, PETSC_ERR_PLIB, "more result fields than planned");
  if (!m->grid_object) {
    TesGridSpec spec = {.dim = m->grid.dim};

    for (PetscInt d = 0; d < m->grid.dim; d++) {
      const PetscReal length = m->data.family == MGNO_TRIG ? 2 : 1, inset = m->grid.layout == MGNO_INTERIOR ? m->h[d] : 0;

      spec.n[d]        = m->n[d];
      spec.lower[d]    = m->lower + inset;
      spec.upper[d]    = m->lower + length - inset;
      spec.nodes[d]    = m->grid.layout == MGNO_CELL ? TES_NODES_CELLS : TES_NODES_UNIFORM;
      spec.periodic[d] = m->grid.layout == MGNO_PERIODIC ? PETSC_TRUE : PETSC_FALSE;
    }
    PetscCall(TesGridCreate(comm, &spec, &m->grid_object));
  }
  part = TesGridGetPartition(m->grid_object);
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCall(TesFieldCreate(m->grid_object, name, &m->show[m->n_show]));
  PetscCall(TesFieldSetAttributes(m->show[m->n_show], unit, long_name));
  PetscCall(PetscMalloc1(m->points, &whole)); /* one sample: what any rank holds of the network's work many times over */
  if (rank == owner) PetscCall(PetscArraycpy(whole, values, m->points));
  PetscCallMPI(MPI_Bcast(whole, (PetscMPIInt)m->points, MPIU_REAL, owner, comm));
  PetscCall(TesFieldGetArray(m->show[m->n_show], &field));
  PetscCall(PetscArraycpy(field, whole + part->first * row, part->n_local * row));
  PetscCall(TesFieldRestoreArray(m->show[m->n_show], &field));
  PetscCall(PetscFree(whole));
  PetscCall(TesReportField(report, m->show[m->n_show++], scale));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Gather(MPI_Comm comm, const TesPartition *part, const PetscReal *mine, PetscReal *all)
{
  PetscMPIInt *counts, *starts;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(part->size, &counts, part->size, &starts));
  for (int r = 0; r < part->size; r++) {
    PetscInt64 first, n;

    TesPartitionRange(part, r, &first, &n);
    counts[r] = (PetscMPIInt)n;
    starts[r] = (PetscMPIInt)first;
  }
  PetscCallMPI(MPI_Allgatherv(mine, (PetscMPIInt)part->n_local, MPIU_REAL, all, counts, starts, MPIU_REAL, comm));
  PetscCall(PetscFree2(counts, starts));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReportData(TesProblem problem, TesReport report)
{
  Mgno        *m    = TesProblemCtx(problem);
  MPI_Comm     comm = TesProblemComm(problem);
  TesPartition part;
  MgnoRows     rows, first;
  PetscReal   *all, *x, resonant = 0;
  char        *path;

  PetscFunctionBegin;
  PetscCall(MgnoDataPath(problem, &path));
  PetscCall(TesReportInt(report, "samples", m->samples, &(TesFigureNote){.help = "samples in the data set"}));
  PetscCall(TesReportReal(report, "data_residual_max", m->residual_max,
                          &(TesFigureNote){.unit = "1", .certified = PETSC_TRUE, .scale = 1, .help = m->data.family == MGNO_NAVIER_STOKES ? "largest drift of the mean vorticity over rms" : "largest relative residual of a solve, formed anew"}));
  PetscCall(TesReportReal(report, "data_iterations", m->its_sum / PetscMax(m->rows_done, 1), &(TesFigureNote){.unit = "1", .help = m->data.family == MGNO_NAVIER_STOKES ? "time steps per trajectory" : "mean iterations of a solve"}));
  PetscCall(TesPartitionCreate(comm, m->samples, 1, &part));
  PetscCall(MgnoRowsCreate(m, part.n, part.first, part.n_local, m->c_in, m->c_out, &rows));
  PetscCall(MgnoRowsRead(problem, path, part.n, part.first, 2, &rows));
  PetscCall(PetscMalloc1(m->samples, &all));
  PetscCall(Gather(comm, &part, rows.residual, all));
  PetscCall(MgnoReportColumn(m, report, "data/sample", m->samples, NULL, "1", "sample", 0));
  PetscCall(MgnoReportColumn(m, report, "data/residual", m->samples, all, "1", "relative residual", 1));
  PetscCall(Gather(comm, &part, rows.its, all));
  PetscCall(MgnoReportColumn(m, report, "data/iterations", m->samples, all, "1", "iterations", 0));
  for (PetscInt64 i = 0; i < m->samples; i++) resonant += all[i] < 0 ? 1 : 0;
  if (resonant > 0) PetscCall(TesReportSay(report, "%d samples are near a resonance: their answers are sensitive to the coefficient (negative /its in the data set)", (int)resonant));
  PetscCall(PetscFree(all));
  PetscCall(MgnoRowsDestroy(&rows));
  /* sample 0 is read by rank 0 */
  PetscCall(MgnoRowsCreate(m, 1, 0, part.rank ? 0 : 1, m->c_in, m->c_out, &first));
  PetscCall(MgnoRowsRead(problem, path, m->samples, 0, 1, &first));
  PetscCall(PetscMalloc1(m->points, &x));
  for (int which = 0; which < 2; which++) {
    const void    *from = which ? first.y : first.x;
    const PetscInt64 at = which ? (m->c_out - 1) * m->points : 0;

    for (PetscInt64 i = 0; i < m->points && !part.rank; i++) x[i] = m->store == TES_F32 ? (PetscReal)((const float *)from)[at + i] : ((const PetscReal *)from)[at + i];
    PetscCall(MgnoReportSample(m, comm, report, which ? "truth" : "input", "1", which ? m->family->output : m->family->input, 0, x, 0));
  }
  PetscCall(PetscFree(x));
  PetscCall(MgnoRowsDestroy(&first));
  PetscCall(PetscFree(path));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoFinish(TesProblem problem, TesReport report)
{
  Mgno *m = TesProblemCtx(problem);

  PetscFunctionBegin;
  if (MgnoDoes(m, MGNO_GENERATE)) PetscCall(ReportData(problem, report));
  if (MgnoDoes(m, MGNO_TRAIN)) PetscCall(MgnoTrainReport(problem, report));
  if (MgnoDoes(m, MGNO_EVALUATE)) PetscCall(MgnoEvaluateReport(problem, report));
  if (MgnoDoes(m, MGNO_SOLVE)) PetscCall(MgnoSolveReport(problem, report));
  if (MgnoDoes(m, MGNO_ROLLOUT)) PetscCall(MgnoRolloutReport(problem, report));
  if (m->network) PetscCall(MgnoModelReport(problem, report));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MgnoReportDestroy(Mgno *m)
{
  PetscFunctionBegin;
  for (PetscInt i = 0; i < m->n_columns; i++) PetscCall(PetscFree(m->columns[i]));
  for (PetscInt i = 0; i < m->n_show; i++) PetscCall(TesFieldDestroy(&m->show[i]));
  m->n_columns = m->n_show = 0;
  PetscCall(TesGridDestroy(&m->grid_object));
  PetscFunctionReturn(PETSC_SUCCESS);
}
