tes_add_test(unit/grid RANKS 1 2 3 4 LABELS unit CALLS grid)
tes_add_test(unit/field RANKS 1 2 3 4 7 LABELS unit CALLS grid)
tes_add_test(unit/fft RANKS 1 2 3 4 LABELS unit CALLS fft)
tes_add_test(unit/transpose RANKS 1 2 3 4 7 LABELS unit CALLS fft)
