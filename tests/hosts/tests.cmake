# Two emulated hosts (hosts.sh); skipped without privileges.
foreach(case same_bits lost_host)
  add_test(NAME hosts/${case} COMMAND bash ${PROJECT_SOURCE_DIR}/tests/hosts/hosts.sh ${case} $<TARGET_FILE:tessera_heat> ${PROJECT_SOURCE_DIR}/tests/kinds/heat/heat.yaml)
  set_tests_properties(hosts/${case} PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 120 LABELS fault SKIP_RETURN_CODE 77)
endforeach()
# a density matrix held in parts by the ranks of two hosts
add_test(NAME hosts/lindblad COMMAND bash ${PROJECT_SOURCE_DIR}/tests/hosts/hosts.sh same_bits $<TARGET_FILE:tessera> ${PROJECT_SOURCE_DIR}/tests/problems/lindblad/contract.yaml)
set_tests_properties(hosts/lindblad PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 120 LABELS fault SKIP_RETURN_CODE 77)
