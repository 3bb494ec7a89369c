# Tests of the whole program, as a user runs it.
add_subdirectory(kinds)

# Every promise of the driver, for every kind: tests/contract/contract.sh CASE PROGRAM DECK RTOL FEW... RTOL "bits" asks for the same bits on all rank counts; FEW makes
# the problem so small that nine ranks are too many. Cases of LONG run only where asked for, by `ctest -C long -R ^contract/` (tests/contract/README.md has their latest
# results): what they try is the driver's alone, and another kind shows it each time.
set(TES_CONTRACT_CASES ranks restart restart_first restart_unreported restart_other_ranks rerun refuse check_writes_nothing nan kill_write kill_flush kill_verify kill_rename kill_step signals second_signal
    wall_time truncated flipped all_damaged full_disk full_disk_continue unwritable locked petsc_option later_step readers plot describe ranks_many hostile twice)
function(tes_contract kind program deck tolerance)
  cmake_parse_arguments(C "" "" "LONG;FEW" ${ARGN})
  foreach(case IN LISTS TES_CONTRACT_CASES)
    set(label restart)
    if(case MATCHES "^(kill|full|trunc|flip|all_dam|nan|unwrit|locked|hostile|second)")
      set(label fault)
    elseif(case MATCHES "^ranks")
      set(label parallel)
    elseif(case MATCHES "^(describe|check|refuse|petsc|readers|plot)")
      set(label problem)
    endif()
    set(when)
    if(case IN_LIST C_LONG)
      set(when CONFIGURATIONS long)
    endif()
    add_test(NAME contract/${kind}/${case} COMMAND bash ${PROJECT_SOURCE_DIR}/tests/contract/contract.sh ${case} $<TARGET_FILE:${program}> ${deck} ${tolerance} ${C_FEW} ${when})
    set_tests_properties(contract/${kind}/${case} PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 300 LABELS ${label} SKIP_RETURN_CODE 77)
  endforeach()
endfunction()

tes_contract(heat tessera_heat ${PROJECT_SOURCE_DIR}/tests/kinds/heat/heat.yaml bits FEW points=3)
tes_contract(gp_pde tessera ${PROJECT_SOURCE_DIR}/tests/problems/gp_pde/contract.yaml 1e-12 FEW domain.points.0=12 domain.points.1=8 spectrum.background=4 manufactured.expression=x*y+x*x
             LONG truncated flipped) # damage to the file is the same for every kind: heat has them

# What an odd environment may not change is the driver's affair, the same for every kind.
add_library(tes_jumping_clock SHARED support/jumping_clock.c)
add_test(NAME contract/environment COMMAND bash ${PROJECT_SOURCE_DIR}/tests/contract/environment.sh $<TARGET_FILE:tessera_heat> ${PROJECT_SOURCE_DIR}/tests/kinds/heat/heat.yaml
                                           $<TARGET_FILE:tes_jumping_clock>)
set_tests_properties(contract/environment PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 200 LABELS fault)
tes_contract(lindblad tessera ${PROJECT_SOURCE_DIR}/tests/problems/lindblad/contract.yaml bits FEW system.sites.0.count=2 LONG truncated flipped all_damaged full_disk full_disk_continue unwritable locked kill_flush kill_verify kill_rename)
tes_contract(lindblad_trajectories tessera ${PROJECT_SOURCE_DIR}/tests/problems/lindblad/contract_trajectories.yaml bits FEW system.sites.0.count=2 until.max=32 LONG refuse
             kill_flush kill_verify kill_rename second_signal wall_time truncated flipped all_damaged full_disk full_disk_continue unwritable locked petsc_option describe)
tes_contract(lindblad_povm tessera ${PROJECT_SOURCE_DIR}/tests/problems/lindblad/contract_povm.yaml bits FEW samples.train=64 samples.observe=64 LONG rerun refuse check_writes_nothing kill_write kill_flush kill_verify kill_rename second_signal wall_time
             truncated flipped all_damaged full_disk full_disk_continue unwritable locked petsc_option describe hostile twice)
tes_contract(mgno tessera ${PROJECT_SOURCE_DIR}/tests/problems/mgno/contract.yaml bits FEW data.train=2 data.validation=1 data.test=1 train.batch=2 grid.n=[4,4] LONG truncated flipped all_damaged full_disk_continue unwritable locked kill_flush kill_verify kill_rename)
