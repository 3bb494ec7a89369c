# The job scripts under a private SLURM: one for all cases, which use it one after the other. Without slurm-wlm and munge all are skipped.
function(tes_slurm_test case)
  add_test(NAME slurm/${case} COMMAND bash ${PROJECT_SOURCE_DIR}/tests/slurm/slurm.sh ${case} $<TARGET_FILE:tessera_heat>
                                      ${PROJECT_SOURCE_DIR}/tests/kinds/heat/heat.yaml ${PROJECT_BINARY_DIR}/tests/slurm.where)
  set_tests_properties(slurm/${case} PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 240 LABELS slurm SKIP_RETURN_CODE 77 RESOURCE_LOCK slurm ${ARGN})
endfunction()
tes_slurm_test(start FIXTURES_SETUP slurm)
tes_slurm_test(stop FIXTURES_CLEANUP slurm)
set(TES_SLURM_CASES single multi_node srun array chain no_progress scancel user_requeue)
list(TRANSFORM TES_SLURM_CASES PREPEND slurm/ OUTPUT_VARIABLE TES_SLURM_EARLY)
foreach(case IN LISTS TES_SLURM_CASES)
  tes_slurm_test(${case} FIXTURES_REQUIRED slurm)
endforeach()
foreach(case signal time_limit) # submitted by `start`; looked at last
  tes_slurm_test(${case} FIXTURES_REQUIRED slurm)
  set_tests_properties(slurm/${case} PROPERTIES DEPENDS "${TES_SLURM_EARLY}")
endforeach()
