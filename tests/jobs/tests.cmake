# The workstation script as a user meets it, with the test kind.
foreach(case finishes redraws ctrl_c ctrl_c_twice ctrl_c_early mistakes packages)
  add_test(NAME jobs/workstation_${case} COMMAND bash ${CMAKE_CURRENT_LIST_DIR}/workstation.sh ${case} $<TARGET_FILE:tessera_heat> ${PROJECT_SOURCE_DIR}/tests/kinds/heat/heat.yaml)
  set_tests_properties(jobs/workstation_${case} PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 120 LABELS fault)
endforeach()
