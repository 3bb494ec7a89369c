tes_add_test(unit/expr RANKS 1 LABELS unit CALLS deck core)
tes_add_test(unit/expr_derivative RANKS 1 LABELS unit CALLS deck core)
tes_add_test(unit/expr_text RANKS 1 LABELS unit CALLS deck core)
tes_add_test(unit/expr_many RANKS 1 LABELS unit CALLS deck core)
