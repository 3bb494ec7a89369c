tes_add_test(unit/dense RANKS 1 LABELS unit CALLS linalg)
tes_add_test(unit/mode_product RANKS 1 2 3 4 LABELS unit CALLS linalg)
tes_add_test(unit/tall_qr RANKS 1 2 3 4 LABELS unit CALLS linalg)
tes_add_test(unit/kron_sum RANKS 1 LABELS unit CALLS linalg)
