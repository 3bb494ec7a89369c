#!/usr/bin/env bash
# Training over several steps in time (train.unrolled): the gradient is that of the loss. One step of plain descent of length r along it lowers the loss of the whole batch by r |g|^2 up to O(r): checked against
# the loss of the next epoch at two lengths, extrapolated. And the same bits on ranks that share samples or grids.
#
#   unrolled.sh PROGRAM DECK
set -u
program=$1 deck=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera mgno.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; exit 1; }
run() { local n=$1 to=$2; shift 2; mpirun -n "$n" "$program" run "$deck" --output "$to" --quiet "$@" >"$to.out" 2>&1 || fail "$to: $(tail -n 3 "$to.out")"; }
for way in direct residual; do
    for r in 1e-5 2e-5; do
        run 1 $way$r --set model.output=$way --set train.optimizer.learning_rate=$r --set train.epochs=2
        run 1 first$way$r --set model.output=$way --set train.optimizer.learning_rate=$r --set train.epochs=1
    done
    run 1 start$way --set model.output=$way --set train.optimizer.learning_rate=1e-300 --set train.epochs=1
    /usr/bin/python3 - $way <<'PY' || fail "the gradient of $way output"
import h5py, sys, numpy as np
way = sys.argv[1]
def weights(f):
    out = []
    h5py.File(f + '/result.h5')['weights/model'].visititems(lambda name, x: out.append(x[...].ravel()) if isinstance(x, h5py.Dataset) else None)
    return np.concatenate(out)
ratio = []
for r in ('1e-5', '2e-5'):
    loss = h5py.File(way + r + '/result.h5')['train/loss'][:] * 6
    step = weights('first' + way + r) - weights('start' + way)
    ratio.append((loss[0] - loss[1]) / (step @ step / float(r)))
first_order = 2 * ratio[0] - ratio[1]
print(way, 'decrease over r |g|^2:', ratio, 'extrapolated', first_order)
assert abs(first_order - 1) < 1e-4, first_order
PY
done
run 1 one --set train.epochs=2 --set parallel.blocks=[2,1,2]
run 2 samples --set train.epochs=2 --set parallel.blocks=[2,1,2]
run 4 both --set train.epochs=2 --set parallel.blocks=[2,1,2]
for other in samples both; do "$program" compare one $other >compare.out 2>&1 || fail "one and $other differ: $(cat compare.out)"; done
