tes_add_test(unit/plot RANKS 1 2 LABELS unit CALLS io)
