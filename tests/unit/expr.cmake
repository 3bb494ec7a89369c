tes_add_test(unit/expr RANKS 1 LABELS unit CALLS deck core)
