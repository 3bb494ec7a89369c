tes_add_test(unit/file RANKS 1 2 3 4 LABELS unit CALLS io)
tes_add_test(unit/checkpoint RANKS 1 2 3 4 LABELS unit CALLS io)
