tes_add_test(unit/tensor_ops RANKS 1 LABELS unit CALLS tensor SOURCES unit/tensor_gates.c)
tes_add_test(unit/tensor_indexed RANKS 1 LABELS unit CALLS tensor SOURCES unit/tensor_gates.c)
