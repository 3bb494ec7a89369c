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
# statistics are of the training samples alone: with other numbers in the validation and test samples of the same file the normalisation and the weights after the last epoch are the same bits
for to in same other; do
    /usr/bin/python3 - $to <<'PY' || fail "the file for $to"
import h5py, sys
old, new = h5py.File('plain/data.h5'), h5py.File('data.h5', 'w')
for k in 'xy':
    new[k] = old[k][...]
    if sys.argv[1] == 'other':
        new[k][12:] = 3 * new[k][12:] + 1
PY
    sed 's/^actions:.*/actions: [train, evaluate]/' "$deck" >again.yaml
    mpirun -n 1 "$program" run again.yaml --output "read_$to" --quiet --set train.select=last >"read_$to.out" 2>&1 || fail "read_$to: $(head -n 5 "read_$to.out")"
done
weights read_same read_other 0
/usr/bin/python3 - <<'PY' || fail "normalisation"
import h5py, numpy as np
a, b = (h5py.File('read_' + f + '/result.h5') for f in ('same', 'other'))
names = sorted(a['weights/normalizer'])
assert len(names) == 2 and all((a['weights/normalizer'][k][...] == b['weights/normalizer'][k][...]).all() for k in names), names
y = h5py.File('plain/data.h5')['y'][:12].astype(float)
assert np.allclose(a['weights/normalizer/output_mean'][...].ravel(), y.mean(axis=0).ravel(), rtol=1e-12)
assert np.allclose(a['weights/normalizer/output_deviation'][...].ravel(), y.std(axis=0, ddof=1).ravel(), rtol=1e-12)
assert a['report/test_l2'][()] != b['report/test_l2'][()]
PY
if grep -qw avx512vl /proc/cpuinfo; then TES_ISA=x86-64-v3 run 1 v3; weights plain v3 0; fi
run 1 double --set precision=double; run 2 double_fast --set precision=double --set parallel.reduce=fast; weights double double_fast 1e-10
