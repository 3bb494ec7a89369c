# Tests of the whole program, as a user runs it.
add_subdirectory(kinds)

# Every promise of the driver, for every kind: tests/contract/contract.sh CASE PROGRAM DECK RTOL. RTOL "bits" asks for the same bits on all rank counts.
set(TES_CONTRACT_CASES ranks restart restart_other_ranks rerun refuse check_writes_nothing nan kill_write kill_flush kill_verify kill_rename kill_step signals second_signal
    wall_time truncated flipped all_damaged full_disk full_disk_continue unwritable locked petsc_option later_step readers plot describe idle_ranks hostile twice)
function(tes_contract kind program deck tolerance)
  cmake_parse_arguments(C "" "" "SKIP" ${ARGN})
  foreach(case IN LISTS TES_CONTRACT_CASES)
    if(NOT case IN_LIST C_SKIP)
      set(label restart)
      if(case MATCHES "^(kill|full|trunc|flip|all_dam|nan|unwrit|locked|hostile|second)")
        set(label fault)
      elseif(case MATCHES "^(ranks|idle)")
        set(label parallel)
      elseif(case MATCHES "^(describe|check|refuse|petsc|readers|plot)")
        set(label problem)
      endif()
      add_test(NAME contract/${kind}/${case} COMMAND bash ${PROJECT_SOURCE_DIR}/tests/contract/contract.sh ${case} $<TARGET_FILE:${program}> ${deck} ${tolerance})
      set_tests_properties(contract/${kind}/${case} PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 300 LABELS ${label} SKIP_RETURN_CODE 77)
    endif()
  endforeach()
endfunction()

tes_contract(heat tessera_heat ${PROJECT_SOURCE_DIR}/tests/kinds/heat/heat.yaml bits)
tes_contract(gp_pde tessera ${PROJECT_SOURCE_DIR}/tests/problems/gp_pde/contract.yaml 1e-12 SKIP truncated flipped) # damage to the file is the same for every kind: heat has them

# What an odd environment may not change is the driver's affair, the same for every kind.
add_library(tes_jumping_clock SHARED support/jumping_clock.c)
add_test(NAME contract/environment COMMAND bash ${PROJECT_SOURCE_DIR}/tests/contract/environment.sh $<TARGET_FILE:tessera_heat> ${PROJECT_SOURCE_DIR}/tests/kinds/heat/heat.yaml
                                           $<TARGET_FILE:tes_jumping_clock>)
set_tests_properties(contract/environment PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 200 LABELS fault)
tes_contract(lindblad tessera ${PROJECT_SOURCE_DIR}/tests/problems/lindblad/contract.yaml bits SKIP truncated flipped all_damaged full_disk full_disk_continue unwritable locked kill_flush kill_verify kill_rename hostile)
tes_contract(lindblad_trajectories tessera ${PROJECT_SOURCE_DIR}/tests/problems/lindblad/contract_trajectories.yaml bits SKIP rerun refuse check_writes_nothing nan kill_write kill_flush
             kill_verify kill_rename second_signal wall_time truncated flipped all_damaged full_disk full_disk_continue unwritable locked petsc_option later_step describe hostile twice)
tes_contract(mgno tessera ${PROJECT_SOURCE_DIR}/tests/problems/mgno/contract.yaml bits SKIP truncated flipped all_damaged full_disk_continue unwritable locked kill_flush kill_verify kill_rename)
