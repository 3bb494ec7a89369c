#!/usr/bin/env bash
# Rows of the benchmark table: the final iterate's error against the truth, on 1, 2, 3 and 4 ranks, which agree to 1e-12.
#   rows.sh PROGRAM DECK REQUIRED [--set ...]
set -u
program=$1 deck=$2 required=$3; shift 3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
for n in 1 2 3 4; do
    mpirun -n $n "$program" run "$deck" --output "$work/on$n" --quiet "$@" || { echo "$n ranks: exit $?"; exit 1; }
    /usr/bin/python3 - "$work/on$n/result.h5" "$required" <<'PY' || exit 1
import h5py, sys
error = float(h5py.File(sys.argv[1])['report/relative_l2'][()])
print('relative_l2 %.3e, required %s' % (error, sys.argv[2]))
sys.exit(0 if error <= float(sys.argv[2]) else 1)
PY
    [ $n = 1 ] || "$program" compare "$work/on1" "$work/on$n" --rtol 1e-12 || exit 1
done
