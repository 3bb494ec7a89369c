/* How a run ends: the report (figures, seconds per phase, rate), or a stop with a checkpoint. */
#include "run_impl.h"
#include "watchdog.h"

static PetscErrorCode SayTimes(Run *run)
{
  TesPhaseTime *phases;
  PetscInt      n;
  PetscReal     all = TesNow() - run->started;
  char          text[64];

  PetscFunctionBegin;
  PetscCall(TesTimersSummary(run->problem->timers, run->problem->comm, &n, &phases));
  LogText(run->log, "\n");
  LogLine(run->log, "  %-28s %8s %10s %10s %10s", "time per phase (s)", "calls", "min", "avg", "max");
  for (PetscInt k = 0; k < n; k++)
    LogLine(run->log, "  %-28s %8" PetscInt_FMT " %10.3f %10.3f %10.3f", phases[k].name, phases[k].calls, (double)phases[k].min, (double)phases[k].avg, (double)phases[k].max);
  PetscCall(PetscFree(phases));
  LogLine(run->log, "  wall clock of this process %s (%.2f s)", FormatDuration(all, text, sizeof text), (double)all);
  if (run->work > 0 && run->step_seconds > 0 && run->problem->kind->work_unit)
    LogLine(run->log, "  rate %.4g %s per second", (double)(run->work / run->step_seconds), run->problem->kind->work_unit);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RunFinish(Run *run, TesExit *exit_code)
{
  TesProblem    problem = run->problem;
  TesProvenance provenance;
  char         *table;
  PetscBool     failed;

  PetscFunctionBegin;
  LogProgressEnd(run->log);
  WatchdogReset();
  PetscCall(TesPhaseBegin(problem->timers, "finish"));
  PetscCall(TesReportCreate(problem->comm, &run->report));
  if (problem->kind->finish) PetscCall(problem->kind->finish(problem, run->report));
  PetscCall(TesPhaseEnd(problem->timers, "finish"));
  PetscCall(RunCheckpoint(run, PETSC_FALSE));
  PetscCall(RunWriteSeries(run, PETSC_TRUE));
  PetscCall(TesPhaseBegin(problem->timers, "output"));
  PetscCall(RunProvenance(run, &provenance));
  PetscCall(TesReportWrite(run->report, FolderPath(run->folder, "result.h5"), &provenance));
  PetscCall(RunProvenanceFree(&provenance));
  PetscCall(TesPhaseEnd(problem->timers, "output"));
  PetscCall(TesReportFailed(run->report, &failed));
  PetscCall(FolderStatus(run->folder, failed ? "failed" : "done", problem->step));
  PetscCall(TesReportTable(run->report, &table));
  LogText(run->log, table);
  PetscCall(PetscFree(table));
  PetscCall(SayTimes(run));
  LogText(run->log, "\n");
  LogLine(run->log, "results in %s (result.h5, series.h5, fields.xmf); figures: tessera plot %s", FolderName(run->folder), FolderName(run->folder));
  if (failed) LogWarn(run->log, "a figure missed its target (exit code %d): the report in %s says which", TES_EXIT_NUMBERS, FolderPath(run->folder, "run.log"));
  *exit_code = failed ? TES_EXIT_NUMBERS : TES_EXIT_DONE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RunStop(Run *run, TesExit *exit_code)
{
  PetscFunctionBegin;
  LogProgressEnd(run->log);
  if (run->last_checkpoint_step != run->problem->step) PetscCall(RunCheckpoint(run, PETSC_TRUE));
  PetscCall(RunWriteSeries(run, PETSC_TRUE));
  PetscCall(FolderStatus(run->folder, "stopped", run->problem->step));
  LogLine(run->log, "stopped at step %" PetscInt64_FMT " with a checkpoint: %s. Go on with: tessera run %s --output %s --restart", run->problem->step, run->stop_reason,
          TesDeckName(run->problem->deck), FolderName(run->folder));
  *exit_code = TES_EXIT_STOPPED;
  PetscFunctionReturn(PETSC_SUCCESS);
}
