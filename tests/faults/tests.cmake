# What the world does to a run (faults.sh), with the test kind. A sanitizer wants to be the first library that is loaded, and more memory than there is.
add_library(tes_fail_io MODULE ${PROJECT_SOURCE_DIR}/tests/support/fail_io.c)
target_compile_definitions(tes_fail_io PRIVATE _GNU_SOURCE)
target_link_libraries(tes_fail_io PRIVATE ${CMAKE_DL_LIBS})
set(TES_FAULT_CASES one_rank_killed signal_one_rank signal_soon signal_early checkpoint_signal disk_freed folder_closed folder_removed blocks wrong_checkpoint data_files data_files_kinds odd_environment
    more_ranks_than_rows hang every_deck_checks every_deck_twice every_deck_twice_long)
if(NOT TES_SANITIZE)
  list(APPEND TES_FAULT_CASES size_limit io_error_one_rank io_error_random rename_fails clock_jumps memory)
endif()
foreach(case IN LISTS TES_FAULT_CASES)
  set(when)
  set(limit 240)
  if(case STREQUAL every_deck_twice_long) # an hour: ctest -C long; tests/faults/every_deck.md
    set(when CONFIGURATIONS long)
    set(limit 9000)
  endif()
  add_test(NAME fault/${case} COMMAND bash ${PROJECT_SOURCE_DIR}/tests/faults/faults.sh ${case} $<TARGET_FILE:tessera_heat> ${PROJECT_SOURCE_DIR}/tests/kinds/heat/heat.yaml
                                      $<TARGET_FILE:tessera> $<TARGET_FILE:tes_fail_io> ${when})
  set_tests_properties(fault/${case} PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT ${limit} LABELS fault SKIP_RETURN_CODE 77)
endforeach()
tes_add_test(faults/damage RANKS 1 LABELS fault CALLS io TIMEOUT 240)
# A few rounds of the soak (faults/soak.py has its own command for hours; the latest result is in faults/soak.md)
add_test(NAME fault/soak COMMAND /usr/bin/env python3 ${PROJECT_SOURCE_DIR}/tests/faults/soak.py --rounds 5 --seed 1
                                 $<TARGET_FILE:tessera_heat>:${PROJECT_SOURCE_DIR}/tests/kinds/heat/heat.yaml:any:points=48:time.step=2e-5)
set_tests_properties(fault/soak PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 400 LABELS fault)
