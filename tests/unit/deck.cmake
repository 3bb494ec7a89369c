tes_add_test(unit/deck RANKS 1 3 LABELS unit CALLS deck core)
tes_add_test(unit/deck_yaml RANKS 1 3 LABELS unit CALLS deck core TIMEOUT 300)
