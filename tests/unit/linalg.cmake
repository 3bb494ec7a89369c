tes_add_test(unit/dense RANKS 1 LABELS unit CALLS linalg)
