add_test(NAME install COMMAND bash ${PROJECT_SOURCE_DIR}/tests/support/install.sh ${PROJECT_BINARY_DIR})
set_tests_properties(install PROPERTIES ENVIRONMENT "${TES_TEST_ENVIRONMENT}" TIMEOUT 120 LABELS unit RUN_SERIAL ON)
