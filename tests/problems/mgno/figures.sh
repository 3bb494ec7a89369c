#!/usr/bin/env bash
# A deck must reach its figures: run it, then hold a condition in Python against the scalars of /report.
#
#   figures.sh PROGRAM DECK CONDITION [options of run...]        e.g. 'test_l2 < 0.02 and epochs == 40'
set -u
program=$1 deck=$2 condition=$3; shift 3
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera mgno.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
"$program" run "$deck" --output "$work/run" --quiet "$@" >"$work/out" 2>"$work/err" || { echo "exit $?: $(tail -n 5 "$work/err")"; exit 1; }
/usr/bin/python3 - "$work/run/result.h5" "$condition" <<'PY'
import h5py, sys
figures = {k: v[()] for k, v in h5py.File(sys.argv[1])['report'].items()}
print({k: round(float(v), 6) for k, v in figures.items() if not isinstance(v, (bytes, str))})
assert eval(sys.argv[2], {}, figures), 'not so: ' + sys.argv[2]
PY
