# Series of decks against tables of independent programs (tests/reference/lindblad): name, ranks, deck, table, tolerance, renamed columns, options of the run.
function(tes_lindblad_table name ranks deck table tolerance)
  add_test(NAME problem/lindblad/${name} COMMAND bash ${PROJECT_SOURCE_DIR}/tests/problems/lindblad/table.sh ${ranks} $<TARGET_FILE:tessera> ${PROJECT_SOURCE_DIR}/input_decks/lindblad/${deck}.yaml
                                                 ${PROJECT_SOURCE_DIR}/tests/reference/lindblad/${table}.csv ${tolerance} ${ARGN})
  set_tests_properties(problem/lindblad/${name} PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS ${ranks} TIMEOUT 240 LABELS problem)
endfunction()
tes_lindblad_table(p01_driven_qubit 1 driven_qubit p01_driven_qubit 2e-9)
tes_lindblad_table(p02_tfim_ring 2 tfim_ring p02_tfim_ring_n6 2e-9)
tes_lindblad_table(p02_tfim_ring_dp5 1 tfim_ring p02_tfim_ring_n6 2e-9 -- --set integrator.kind=dp5)
tes_lindblad_table(p02_tfim_ring_lsrk4 1 tfim_ring p02_tfim_ring_n6 2e-9 -- --set integrator.kind=lsrk4)
tes_lindblad_table(p02_tfim_ring_taylor 1 tfim_ring p02_tfim_ring_n6 2e-9 -- --set integrator.kind=taylor)
tes_lindblad_table(p02_tfim_ring_krylov 1 tfim_ring p02_tfim_ring_n6 2e-9 -- --set integrator.kind=krylov)
tes_lindblad_table(p02_tfim_ring_strang4 1 tfim_ring p02_tfim_ring_n6 2e-8 -- --set integrator.kind=strang4)
tes_lindblad_table(p03_tfim_ring_n8 2 tfim_ring p03_tfim_ring_n8_g2.4 2e-9 -- --set system.sites.0.count=8 --set hamiltonian.1.coeff=1.2 --set "observables.7.on=[0, 4]")
tes_lindblad_table(p04_driven_chain 2 driven_chain_pulse p04_driven_chain_n5_td 2e-9)
tes_lindblad_table(p04_driven_chain_cfm4 1 driven_chain_pulse p04_driven_chain_n5_td 2e-9 -- --set integrator.kind=cfm4 --set integrator.step=0.004)
tes_lindblad_table(p05_jaynes_cummings 1 jaynes_cummings p05_jaynes_cummings_d12 2e-9 Re_a=a_re)
tes_lindblad_table(p06_bose_hubbard_dimer 2 bose_hubbard_dimer p06_bose_hubbard_dimer_d7 2e-9 Re_ad0a1=ad0a1_re)
tes_lindblad_table(p07_collective_decay 1 collective_decay p07_collective_decay_n6 2e-9)

tes_add_test(problems/lindblad/density RANKS 1 2 4 LABELS problem TIMEOUT 300 CALLS lindblad driver)
tes_add_test(problems/lindblad/physics RANKS 1 2 LABELS problem TIMEOUT 300 CALLS lindblad driver)
# Networks over the outcomes of a POVM (solver: povm): its parts, then runs.
tes_add_test(problems/lindblad/povm RANKS 1 2 LABELS problem CALLS lindblad driver)
# Quantum trajectories: means against the same tables within four standard errors (fixed seed): name, ranks, deck, table, observables, options of the run.
tes_add_test(problems/lindblad/trajectories RANKS 1 2 3 4 LABELS problem CALLS lindblad driver)

# tasks and decks from outside
foreach(case sweep steady_tables mollow restart short spectrum initial members messages)
  add_test(NAME problem/lindblad/decks_${case} COMMAND bash ${PROJECT_SOURCE_DIR}/tests/problems/lindblad/decks.sh ${case} $<TARGET_FILE:tessera> ${PROJECT_SOURCE_DIR})
  set_tests_properties(problem/lindblad/decks_${case} PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 300 LABELS problem)
endforeach()
function(tes_lindblad_sample name ranks deck table observables)
  add_test(NAME problem/lindblad/${name} COMMAND bash ${PROJECT_SOURCE_DIR}/tests/problems/lindblad/sample.sh ${ranks} $<TARGET_FILE:tessera> ${PROJECT_SOURCE_DIR}/input_decks/lindblad/${deck}.yaml
                                                 ${PROJECT_SOURCE_DIR}/tests/reference/lindblad/${table}.csv ${observables} ${ARGN})
  set_tests_properties(problem/lindblad/${name} PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS ${ranks} TIMEOUT 240 LABELS problem)
endfunction()
set(means "{name: X_mean, ops: [X], on: sites}, {name: Y_mean, ops: [Y], on: sites}, {name: Z_mean, ops: [Z], on: sites}, {name: ZZ_nn, ops: [Z, Z], on: bonds}")
tes_lindblad_sample(sample_p02_tfim_ring 2 tfim_ring p02_tfim_ring_n6 "[${means}]" --set until.max=2000)
tes_lindblad_sample(sample_p04_driven_chain 2 driven_chain_pulse p04_driven_chain_n5_td "[${means}]" --set until.max=600 --set integrator.rtol=1e-6)
tes_lindblad_sample(sample_p05_jaynes_cummings 1 jaynes_cummings p05_jaynes_cummings_d12 "[{name: n, ops: [n], on: [1]}, {name: Z, ops: [Z], on: [0]}]" --set until.max=2000 --set integrator.rtol=1e-6)
tes_lindblad_sample(sample_p07_collective_decay 2 collective_decay p07_collective_decay_n6 "[{name: Z_mean, ops: [Z], on: sites}, {name: XX_nn, ops: [X, X], on: bonds}]" --set until.max=1000)
add_test(NAME problem/lindblad/trajectories_target COMMAND bash ${PROJECT_SOURCE_DIR}/tests/problems/lindblad/target.sh $<TARGET_FILE:tessera> ${PROJECT_SOURCE_DIR}/tests/problems/lindblad/contract_trajectories.yaml)
set_tests_properties(problem/lindblad/trajectories_target PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 120 LABELS restart)
# density and trajectories agree: a product state, a thermal one, one from a checkpoint; entropy and purity too
foreach(case ring thermal checkpoint)
  add_test(NAME problem/lindblad/cross_${case} COMMAND bash ${PROJECT_SOURCE_DIR}/tests/problems/lindblad/cross.sh ${case} $<TARGET_FILE:tessera> ${PROJECT_SOURCE_DIR})
  set_tests_properties(problem/lindblad/cross_${case} PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" PROCESSORS 2 TIMEOUT 240 LABELS problem)
endforeach()
