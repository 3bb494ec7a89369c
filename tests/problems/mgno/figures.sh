#!/usr/bin/env bash
# A deck must reach its figures: run it, then hold a condition in Python against the scalars of /report. The condition may also use
#   rows(name)           a dataset of the result, such as rows('train/loss')
#   falls(values)        strictly descending
#   mean_error(n, m)     mean relative L2 error on the last m samples of the data set of taking the mean of the first n for an answer
#
#   figures.sh PROGRAM DECK CONDITION [options of run...]        e.g. 'test_l2 < 0.02 and epochs == 40'
set -u
program=$1 deck=$2 condition=$3; shift 3
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera mgno.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
"$program" run "$deck" --output "$work/run" --quiet "$@" >"$work/out" 2>"$work/err" || { echo "exit $?: $(tail -n 5 "$work/err")"; exit 1; }
/usr/bin/python3 - "$work/run/result.h5" "$condition" <<'PY'
import h5py, sys, os, numpy as np
result = h5py.File(sys.argv[1])
figures = {k: v[()] for k, v in result['report'].items()}
def rows(name):
    return result[name][...]
def falls(values):
    return len(values) > 1 and bool((np.diff(values) < 0).all())
def mean_error(n, m):
    y = h5py.File(os.path.join(os.path.dirname(sys.argv[1]), 'data.h5'))['y'][...].astype(float)
    mean = y[:n].mean(axis=0)
    error = np.mean([np.linalg.norm(mean - t) / np.linalg.norm(t) for t in y[len(y) - m:]])
    print('the mean of the training outputs scores', error)
    return error
print({k: round(float(v), 6) for k, v in figures.items() if not isinstance(v, (bytes, str))})
assert eval(sys.argv[2], {'rows': rows, 'falls': falls, 'mean_error': mean_error}, figures), 'not so: ' + sys.argv[2]
PY
