tes_add_test(unit/deck RANKS 1 3 LABELS unit CALLS deck core)
