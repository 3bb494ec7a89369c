# One test per row: deck, required error, what differs from the deck.
function(tes_gp_row name deck required)
  add_test(NAME problem/gp_pde/${name} COMMAND bash ${PROJECT_SOURCE_DIR}/tests/problems/gp_pde/rows.sh $<TARGET_FILE:tessera> ${PROJECT_SOURCE_DIR}/input_decks/gp_pde/${deck}.yaml ${required} ${ARGN})
  set_tests_properties(problem/gp_pde/${name} PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 240 LABELS problem)
endfunction()
tes_gp_row(p1_sin100 poisson_1d_sin100 1e-12)
tes_gp_row(p1_sin6cos100 poisson_1d_sin6cos100 1e-12)
tes_gp_row(p2_sin100_sin100 poisson_2d_sin100_sin100 1e-12)
tes_gp_row(p2_sum poisson_2d_sum 1e-12)
tes_gp_row(p2_sum_unit poisson_2d_sum_unit 1e-12)
tes_gp_row(ac2_mix_80 allen_cahn_2d 1e-9 --set "domain.points=[80, 80]")
tes_gp_row(ac2_mix_100 allen_cahn_2d 1e-10 --set "domain.points=[100, 100]")
tes_gp_row(ac2_mix_200 allen_cahn_2d 1e-11)
tes_gp_row(p2_sum_unit_60 poisson_2d_sum_unit 1e-10 --set "domain.points=[60, 60]")

add_test(NAME problem/gp_pde/restart COMMAND bash ${PROJECT_SOURCE_DIR}/tests/problems/gp_pde/restart.sh $<TARGET_FILE:tessera> ${PROJECT_SOURCE_DIR}/input_decks/gp_pde/allen_cahn_2d.yaml
                                             --set "domain.points=[60, 60]" --set domain.upper=0.6)
set_tests_properties(problem/gp_pde/restart PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 240 LABELS restart)

tes_add_test(problems/gp_pde/bases RANKS 1 2 3 LABELS problem CALLS gp_pde driver)
tes_add_test(problems/gp_pde/solutions RANKS 1 2 4 LABELS problem CALLS gp_pde driver)
tes_add_test(problems/gp_pde/memory RANKS 1 2 4 LABELS problem CALLS gp_pde driver)
tes_add_test(problems/gp_pde/equations RANKS 1 3 LABELS problem CALLS gp_pde driver)
tes_add_test(problems/gp_pde/reference RANKS 1 3 LABELS problem CALLS gp_pde driver)
add_test(NAME problem/gp_pde/restart_reference COMMAND bash ${PROJECT_SOURCE_DIR}/tests/problems/gp_pde/restart.sh $<TARGET_FILE:tessera> ${PROJECT_SOURCE_DIR}/input_decks/gp_pde/reference_allen_cahn_2d.yaml
                                                       --set reference.epochs=60 --set reference.epochs_per_step=4 --set "domain.points=[30, 26]" --set kernel.freq_scale=10)
set_tests_properties(problem/gp_pde/restart_reference PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 240 LABELS restart)
tes_add_test(problems/gp_pde/extension RANKS 1 2 LABELS problem CALLS gp_pde driver)
# A run that changes over to the fast Fourier extension, stopped after each of its steps.
add_test(NAME problem/gp_pde/restart_extension COMMAND bash ${PROJECT_SOURCE_DIR}/tests/problems/gp_pde/restart_each.sh $<TARGET_FILE:tessera> ${PROJECT_SOURCE_DIR}/input_decks/gp_pde/broadband_sweep.yaml)
set_tests_properties(problem/gp_pde/restart_extension PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 240 LABELS restart)
tes_add_test(problems/gp_pde/posterior RANKS 1 2 LABELS problem CALLS gp_pde driver)
tes_add_test(problems/gp_pde/noise RANKS 1 2 LABELS problem CALLS gp_pde driver)
tes_add_test(problems/gp_pde/rows RANKS 1 2 LABELS problem CALLS gp_pde driver TIMEOUT 240)
