#!/usr/bin/env bash
# Ranks that share grids give the bits of one rank: after 20 updates, over samples, over grids and both, with either reproducible sum, either halo, either way for the coarse levels, and after a
# restart on another number of ranks. Plain sums agree to rounding.
#
#   split.sh PROGRAM DECK
set -u
program=$1 deck=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera mgno.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; exit 1; }
run() { local n=$1 to=$2; shift 2; mpirun -n "$n" "$program" run "$deck" --output "$to" --quiet "$@" >"$to.out" 2>&1 || fail "$to: $(tail -n 3 "$to.out")"; }
same() { "$program" compare "$1" "$2" >compare.out 2>&1 || fail "$1 and $2 differ: $(cat compare.out)"; echo "$1 and $2: the same bits"; }
weights() { # weights FOLDER FOLDER BOUND: largest difference of the weights, relative to the largest of each tensor
    /usr/bin/python3 - "$@" <<'PY' || exit 1
import h5py, sys, numpy as np
a, b = (h5py.File(f + '/result.h5')['weights/model'] for f in sys.argv[1:3])
worst = []
a.visititems(lambda name, x: worst.append(np.abs(x[...] - b[name][...]).max() / np.abs(x[...]).max()) if isinstance(x, h5py.Dataset) else None)
print(sys.argv[1], sys.argv[2], 'largest relative difference of the weights', max(worst), 'bound', sys.argv[3])
assert len(worst) > 0 and max(worst) <= float(sys.argv[3])
PY
}
run 1 one
run 2 samples; same one samples
run 2 grid --set parallel.groups=1; same one grid
run 4 both --set 'parallel.grid=[2,1]'; same one both
run 4 quarters --set parallel.groups=1 --set parallel.halo=wide --set parallel.coarse=gather; same one quarters
run 3 three; same one three
run 1 blocks --set parallel.reduce=blocks
run 2 blocks_grid --set parallel.reduce=blocks --set parallel.groups=1; same blocks blocks_grid
run 4 blocks_both --set parallel.reduce=blocks --set 'parallel.grid=[1,2]' --set parallel.halo=wide; same blocks blocks_both
# more ranks than the training can use make data, and idle then
run 3 idle --set 'parallel.grid=[1,2]'; same one idle
# stopped on 2 ranks that share grids, gone on with on 4 and on 1
for n in 4 1; do
    mpirun -n 2 "$program" run "$deck" --output "stopped$n" --quiet --set parallel.groups=1 --set run.steps=6 >"stopped$n.out" 2>&1
    [ $? = 75 ] || fail "stopped$n: $(tail -n 3 "stopped$n.out")"
    mpirun -n "$n" "$program" run "$deck" --output "stopped$n" --quiet --set parallel.groups=1 --restart >"again$n.out" 2>&1 || fail "again$n: $(tail -n 3 "again$n.out")"
    same one "stopped$n"
done
run 2 fast --set parallel.reduce=fast --set parallel.groups=1; weights one fast 1e-5
run 1 double --set precision=double
run 4 double_fast --set precision=double --set parallel.reduce=fast --set parallel.groups=1; weights double double_fast 1e-12
