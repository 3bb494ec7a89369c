tes_add_test(problems/mgno/net RANKS 1 LABELS problem CALLS mgno)
tes_add_test(problems/mgno/data RANKS 1 LABELS problem CALLS mgno driver)

