#!/usr/bin/env bash
# What may not change the weights: redoing layers in the backward sweep, the number of ranks under either reproducible sum, wider vectors, what is in the test samples. And what may change
# them in the last digits only: plain sums.
#
#   invariants.sh PROGRAM DECK
set -u
program=$1 deck=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera mgno.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; exit 1; }
run() { local n=$1 to=$2; shift 2; mpirun -n "$n" "$program" run "$deck" --output "$to" --quiet "$@" >"$to.out" 2>&1 || fail "$to: $(tail -n 3 "$to.out")"; }
same() { "$program" compare "$1" "$2" >compare.out 2>&1 || fail "$1 and $2 differ: $(cat compare.out)"; }
weights() { # weights FOLDER FOLDER BOUND: largest difference of the weights, relative to the largest
    /usr/bin/python3 - "$@" <<'PY' || exit 1
import h5py, sys, numpy as np
a, b = (h5py.File(f + '/result.h5')['weights/model'] for f in sys.argv[1:3])
worst = []
a.visititems(lambda name, x: worst.append(np.abs(x[...] - b[name][...]).max() / np.abs(x[...]).max()) if isinstance(x, h5py.Dataset) else None)
print(sys.argv[1], sys.argv[2], 'largest relative difference of the weights', max(worst), 'bound', sys.argv[3])
assert len(worst) > 0 and max(worst) <= float(sys.argv[3])
PY
}
run 1 plain
run 1 redone --set train.recompute=layer; same plain redone
run 1 blocks1 --set parallel.reduce=blocks
for n in 2 3; do run $n blocks$n --set parallel.reduce=blocks; same blocks1 blocks$n; done
run 2 fast --set parallel.reduce=fast; weights plain fast 1e-3
run 1 more --set data.test=6; weights plain more 0
if grep -qw avx512vl /proc/cpuinfo; then TES_ISA=x86-64-v3 run 1 v3; weights plain v3 0; fi
run 1 double --set precision=double; run 2 double_fast --set precision=double --set parallel.reduce=fast; weights double double_fast 1e-10
