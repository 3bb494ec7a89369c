tes_add_test(unit/expr RANKS 1 LABELS unit CALLS deck core)
tes_add_test(unit/expr_kernels RANKS 1 LABELS unit CALLS deck core)
