# Fuzz targets, replayed on their corpus (label fault); fuzz.sh builds them with clang and libFuzzer and searches on.
set(TES_FUZZ_DECK_CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/deck ${PROJECT_SOURCE_DIR}/tests/bad_decks ${PROJECT_SOURCE_DIR}/tests/kinds/heat)
file(GLOB TES_FUZZ_SHIPPED LIST_DIRECTORIES true ${PROJECT_SOURCE_DIR}/input_decks/*)
list(APPEND TES_FUZZ_DECK_CORPUS ${TES_FUZZ_SHIPPED})

# tes_fuzz(deck SOURCES toy.c CORPUS file or folder...)
function(tes_fuzz name)
  cmake_parse_arguments(F "" "" "SOURCES;CORPUS" ${ARGN})
  add_executable(fuzz_${name} fuzz/fuzz_${name}.c fuzz/start.c fuzz/replay.c ${F_SOURCES})
  target_link_libraries(fuzz_${name} PRIVATE $<TARGET_PROPERTY:tes_problems,INTERFACE_LINK_LIBRARIES> tes_driver tes_io tes_deck tes_core) # kinds call the driver
  add_test(NAME fuzz/${name} COMMAND fuzz_${name} ${F_CORPUS})
  set_tests_properties(fuzz/${name} PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT};OMPI_MCA_pml=ob1" TIMEOUT 60 LABELS fault)
endfunction()
tes_fuzz(deck SOURCES fuzz/toy.c CORPUS ${TES_FUZZ_DECK_CORPUS})
tes_fuzz(set SOURCES fuzz/toy.c CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/set)
tes_fuzz(expr CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/expr)
tes_fuzz(file CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/file)
